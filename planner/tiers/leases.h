// SPDX-License-Identifier: Apache-2.0
//
// leases.h — promises that end by themselves: of a block, until a tick.  Some are firm, others only
// expect a use by then, and can be given up: that of the latest use first.
//
//   by_end_    all of them; the one that ends first is on top
//   by_use_    what is expected; the latest is on top
//
// Sized at construction, 28 bytes each, touched as they are used: there are as many as lookups hand
// out within their short lives, not as many as blocks, so they take no byte of a block.

#pragma once

#include <cstdint>

#include "planner/tiers/numbered_heap.h"
#include "planner/zeroed.h"

namespace bwrt::planner {

class Leases {
 public:
    static constexpr std::uint32_t kNone = 0xFFFF'FFFF;

    explicit Leases(std::uint32_t count_max)
        : count_max_(count_max), entries_(count_max), by_end_(count_max), by_use_(count_max) {}

    // The lease's number, or kNone when all are taken.
    std::uint32_t add(std::uint32_t block, std::uint32_t until, bool is_firm = true) noexcept {
        std::uint32_t lease = free_;
        if (lease != kNone) {
            free_ = entries_[lease].block;
        } else if (seen_count_ < count_max_) {
            lease = seen_count_++;
        } else {
            return kNone;
        }
        entries_[lease] = {block, until, is_firm ? 1u : 0u};
        by_end_.add(lease, EndsBefore{entries_});
        if (!is_firm) by_use_.add(lease, IsLater{entries_});
        return lease;
    }

    // Its block.
    std::uint32_t remove(std::uint32_t lease) noexcept {
        const std::uint32_t block = entries_[lease].block;
        by_end_.remove(lease, EndsBefore{entries_});
        if (entries_[lease].is_firm == 0) by_use_.remove(lease, IsLater{entries_});
        entries_[lease].block = free_;
        free_ = lease;
        return block;
    }

    [[nodiscard]] std::uint32_t block_of(std::uint32_t lease) const noexcept {
        return entries_[lease].block;
    }
    void move(std::uint32_t lease, std::uint32_t block) noexcept { entries_[lease].block = block; }

    // When the first of them ends; 0 when there is none.
    [[nodiscard]] std::uint32_t first_end() const noexcept {
        return by_end_.count() > 0 ? entries_[by_end_.at(0)].until : 0;
    }

    // The one that ends first, if it ends by `now`, or kNone.
    [[nodiscard]] std::uint32_t ended(std::uint32_t now) const noexcept {
        return by_end_.count() > 0 && first_end() <= now ? by_end_.at(0) : kNone;
    }

    // The one whose use is expected last, or kNone.
    [[nodiscard]] std::uint32_t latest_use() const noexcept {
        return by_use_.count() > 0 ? by_use_.at(0) : kNone;
    }
    // Of those whose block may go; it looks at each of them.
    template <typename MayGo>
    [[nodiscard]] std::uint32_t latest_use_of(const MayGo& may_go) const noexcept {
        std::uint32_t latest = kNone;
        for (std::uint32_t place = 0; place < by_use_.count(); ++place) {
            const std::uint32_t lease = by_use_.at(place);
            if (latest != kNone && !IsLater{entries_}(lease, latest)) continue;
            if (may_go(entries_[lease].block)) latest = lease;
        }
        return latest;
    }

 private:
    struct Entry {
        std::uint32_t block;  // of a free one: the next that is free
        std::uint32_t until;
        std::uint32_t is_firm;
    };

    struct EndsBefore {
        const Zeroed<Entry>& entries;
        bool operator()(std::uint32_t a, std::uint32_t b) const noexcept {
            return entries[a].until < entries[b].until;
        }
    };
    struct IsLater {
        const Zeroed<Entry>& entries;
        bool operator()(std::uint32_t a, std::uint32_t b) const noexcept {
            return entries[a].until > entries[b].until;
        }
    };

    std::uint32_t count_max_;
    Zeroed<Entry> entries_;
    NumberedHeap by_end_, by_use_;
    std::uint32_t seen_count_ = 0;  // numbers that were ever given
    std::uint32_t free_ = kNone;
};

}  // namespace bwrt::planner
