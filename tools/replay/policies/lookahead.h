// SPDX-License-Identifier: Apache-2.0
//
// lookahead.h — leaf-LRU that sees what is asked for within so many seconds: a leaf that is not
// goes first, the least recently used; where all are, the one that is needed last.  It lets
// everything in.

#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "tools/replay/policies/next_requests.h"
#include "tools/replay/trace.h"

namespace bwrt::replay {

class Lookahead {
 public:
    Lookahead(const Trace& trace, std::uint32_t capacity, std::uint64_t horizon_ns)
        : trace_(trace),
          blocks_(trace.block_count()),
          capacity_(capacity),
          horizon_ns_(horizon_ns) {}

    [[nodiscard]] bool has(std::uint32_t block) const { return blocks_[block].is_here; }

    // The blocks of the trace's request `index`, and for each which one asks for it next.  Returns
    // those that came.
    std::span<const std::uint32_t> run(std::span<const std::uint32_t> request,
                                       std::span<const std::uint32_t> next_of, std::uint32_t index);

 private:
    struct Block {
        std::uint32_t used_at = 0;
        std::uint32_t next = kNeverAgain;
        std::uint32_t child_count = 0;
        bool is_here = false;
    };
    using Order = std::set<std::pair<std::uint32_t, std::uint32_t>>;

    [[nodiscard]] bool is_near(std::uint32_t next) const {
        return next != kNeverAgain &&
               trace_.arrival_ns(next) <= trace_.arrival_ns(index_) + horizon_ns_;
    }
    void list(std::uint32_t block);
    void forget(std::uint32_t block);
    void come_near();
    bool evict();
    void insert(std::uint32_t block);

    const Trace& trace_;
    std::vector<Block> blocks_;
    Order far_;     // leaves that are not needed soon, by use
    Order coming_;  // those of them that are needed, by when
    Order near_;    // leaves that are needed soon, by when
    std::uint32_t capacity_;
    std::uint32_t here_count_ = 0;
    std::uint32_t index_ = 0;
    std::uint64_t horizon_ns_;
};

}  // namespace bwrt::replay
