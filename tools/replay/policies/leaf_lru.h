// SPDX-License-Identifier: Apache-2.0
//
// leaf_lru.h — a tier that is closed under prefixes: the least recently used block without a child
// here goes, found in an ordered set of them.  What planner/tiers/prefix_lru.h has to equal.

#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "tools/replay/trace.h"

namespace bwrt::replay {

class LeafLru {
 public:
    LeafLru(const Trace& trace, std::uint32_t capacity)
        : trace_(trace), blocks_(trace.block_count()), capacity_(capacity) {}

    [[nodiscard]] bool has(std::uint32_t block) const { return blocks_[block].is_here; }

    // The blocks of a request: those that are here are used, the others come, as far as there is
    // room.  What the running request uses has its time, and is no leaf until it is over.  Returns
    // those that came.
    std::span<const std::uint32_t> run(std::span<const std::uint32_t> request, std::uint64_t time);

 private:
    struct Block {
        std::uint64_t time = 0;
        std::uint32_t child_count = 0;
        bool is_here = false;
    };

    bool evict();
    void insert(std::uint32_t block);

    const Trace& trace_;
    std::vector<Block> blocks_;
    std::set<std::pair<std::uint64_t, std::uint32_t>> leaves_;
    std::uint32_t capacity_;
    std::uint32_t here_count_ = 0;
    std::uint64_t time_ = 0;
};

}  // namespace bwrt::replay
