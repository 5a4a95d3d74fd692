// SPDX-License-Identifier: Apache-2.0
//
// page_groups.h — which rows of a window speak of the same pages: those of one (node, source,
// target, model, prefix, layer).
//
// Only within such a group may pages be shared or moved together; the whole key is compared, a hash
// just finds it.  Groups are numbered from 0 in the order in which they first appear.

#pragma once

#include <cstdint>

#include "planner/request_window.h"
#include "planner/score.h"
#include "planner/zeroed.h"

namespace bwrt::planner {

struct PageGroup {
    std::uint32_t model;
    std::uint32_t prefix;
    std::uint16_t node;
    std::uint16_t layer;
    std::uint8_t tier_src;
    std::uint8_t tier_dst;

    friend bool operator==(const PageGroup&, const PageGroup&) = default;
};

class PageGroups {
 public:
    // Takes the memory for that many groups: 32 to 48 bytes each, touched as there are groups.
    explicit PageGroups(std::uint32_t row_count_max);

    // Numbers the groups of all rows that stay; those of earlier windows are forgotten.
    void number(const RequestColumns& rows, std::uint32_t row_count,
                Zeroed<ScoredRow>& scored) noexcept {
        begin(row_count);
        number(rows, 0, row_count, scored);
    }
    // The same, some rows after the other.
    void begin(std::uint32_t row_count) noexcept;
    void number(const RequestColumns& rows, std::uint32_t row_first, std::uint32_t row_end,
                Zeroed<ScoredRow>& scored) noexcept;

    [[nodiscard]] std::uint32_t group_count() const noexcept { return group_count_; }

    [[nodiscard]] PageGroup operator[](std::uint32_t group) const noexcept {
        const auto& [pages, way] = keys_[group];
        return {.model = static_cast<std::uint32_t>(pages >> 32),
                .prefix = static_cast<std::uint32_t>(pages),
                .node = static_cast<std::uint16_t>(way >> 48),
                .layer = static_cast<std::uint16_t>(way >> 32),
                .tier_src = static_cast<std::uint8_t>(way >> 8),
                .tier_dst = static_cast<std::uint8_t>(way)};
    }

 private:
    // A group as it is hashed and compared: two words instead of six fields.
    struct Key {
        std::uint64_t pages;
        std::uint64_t way;
    };
    struct Slot {
        std::uint32_t window;  // whose it is; of an earlier one: free
        std::uint32_t group;
    };

    std::uint32_t slot_count_max_;
    std::uint32_t group_count_ = 0;
    std::uint32_t window_ = 0;
    std::uint32_t slot_mask_ = 0;  // of the part of the table that this window uses
    Zeroed<Slot> slots_;
    Zeroed<Key> keys_;  // [group]
};

}  // namespace bwrt::planner
