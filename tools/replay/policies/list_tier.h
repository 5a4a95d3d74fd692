// SPDX-License-Identifier: Apache-2.0
//
// list_tier.h — FIFO and LRU: one list of blocks that knows nothing of prefixes.

#pragma once

#include <cstdint>

#include "tools/replay/policies/block_lists.h"

namespace bwrt::replay {

enum class ListOrder : std::uint8_t { kFifo, kLru };

class ListTier {
 public:
    ListTier(std::uint32_t block_count, std::uint32_t capacity, ListOrder order)
        : list_(block_count, 1), capacity_(capacity), order_(order) {}

    [[nodiscard]] bool has(std::uint32_t block) const { return list_.is_in(block, 0); }

    // It is asked for: what was not here comes, and the oldest goes for it.
    void access(std::uint32_t block) {
        if (has(block)) {
            if (order_ == ListOrder::kLru) list_.move_to(block, 0);
            return;
        }
        if (capacity_ == 0) return;
        if (list_.count(0) == capacity_) list_.remove(list_.oldest(0));
        list_.move_to(block, 0);
    }

 private:
    BlockLists list_;
    std::uint32_t capacity_;
    ListOrder order_;
};

}  // namespace bwrt::replay
