// SPDX-License-Identifier: Apache-2.0
//
// optimum.h — a tier that knows the future, after Belady, with bypass: of what is here and what is
// offered, those stay that are needed soonest, of one request the ones nearest to the root.  A
// parent is needed no later than its children, so this is closed under prefixes and no policy that
// is can have more hits.

#pragma once

#include <cstdint>
#include <queue>
#include <span>
#include <tuple>
#include <vector>

#include "tools/replay/policies/next_requests.h"

namespace bwrt::replay {

class Optimum {
 public:
    // A block, and the place that it has among others: what is needed later, or deeper, goes first.
    struct Kept {
        std::uint32_t next;  // the request that needs it; kNeverAgain: it goes
        std::uint32_t depth;
        std::uint32_t block;
    };

    Optimum(std::uint32_t block_count, std::uint32_t capacity)
        : needed_at_(block_count, kNeverAgain), capacity_(capacity) {}

    [[nodiscard]] bool has(std::uint32_t block) const { return needed_at_[block] != kNeverAgain; }
    void remove(std::uint32_t block) {
        if (has(block)) --here_count_;
        needed_at_[block] = kNeverAgain;
    }
    // Also of one that is here.
    void keep(const Kept& kept) {
        remove(kept.block);
        if (kept.next == kNeverAgain) return;
        needed_at_[kept.block] = kept.next;
        ++here_count_;
        farthest_.emplace(kept.next, kept.depth, kept.block);
    }
    // What there is no room for, the farthest first.
    void shrink(std::vector<Kept>& gone_out) {
        gone_out.clear();
        while (here_count_ > capacity_) {
            const auto [next, depth, block] = farthest_.top();
            farthest_.pop();
            if (needed_at_[block] != next) continue;  // it was used since
            remove(block);
            gone_out.push_back({next, depth, block});
        }
    }

 private:
    std::vector<std::uint32_t> needed_at_;
    std::priority_queue<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>> farthest_;
    std::uint32_t capacity_;
    std::uint32_t here_count_ = 0;
};

}  // namespace bwrt::replay
