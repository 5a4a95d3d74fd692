// SPDX-License-Identifier: Apache-2.0

#include "planner/page_groups.h"

#include <algorithm>
#include <bit>

namespace bwrt::planner {
namespace {

std::uint32_t slots_for(std::uint32_t row_count) noexcept {
    return std::bit_ceil(std::max<std::uint32_t>(row_count, 8)) * 2;
}

// The high half of a product has all bits of both in it; the constants are the fractions of the
// golden ratio and of pi.
std::uint32_t hash_of(std::uint64_t pages, std::uint64_t way) noexcept {
    __extension__ typedef unsigned __int128 Wide;
    const Wide product = Wide{pages ^ 0x9E3779B97F4A7C15u} * (way ^ 0x243F6A8885A308D3u);
    return static_cast<std::uint32_t>(product) ^ static_cast<std::uint32_t>(product >> 64);
}

}  // namespace

PageGroups::PageGroups(std::uint32_t row_count_max)
    : slot_count_max_(slots_for(row_count_max)), slots_(slot_count_max_), keys_(row_count_max) {}

void PageGroups::begin(std::uint32_t row_count) noexcept {
    // A small window keeps to a small part of the table, and so of the cache.
    slot_mask_ = slots_for(row_count) - 1;
    if (++window_ == 0) {  // after 2^32 windows the marks of the first ones would mean this one
        for (std::uint32_t slot = 0; slot < slot_count_max_; ++slot) slots_[slot].window = 0;
        window_ = 1;
    }
    group_count_ = 0;
}

void PageGroups::number(const RequestColumns& rows, std::uint32_t row_first, std::uint32_t row_end,
                        Zeroed<ScoredRow>& scored) noexcept {
    const std::uint32_t mask = slot_mask_, window = window_;
    std::uint32_t group_count = group_count_;
    for (std::uint32_t row = row_first; row < row_end; ++row) {
        if (!scored[row].stays) continue;
        const std::uint64_t pages = std::uint64_t{rows.model[row]} << 32 | rows.prefix[row];
        const std::uint64_t way = std::uint64_t{rows.node[row]} << 48 |
                                  std::uint64_t{rows.layer[row]} << 32 |
                                  std::uint64_t{rows.tier_src[row]} << 8 | rows.tier_dst[row];
        std::uint32_t at = hash_of(pages, way) & mask;
        while (slots_[at].window == window &&
               (keys_[slots_[at].group].pages != pages || keys_[slots_[at].group].way != way)) {
            at = (at + 1) & mask;
        }
        if (slots_[at].window != window) {
            slots_[at] = {window, group_count};
            keys_[group_count++] = {pages, way};
        }
        scored[row].group = slots_[at].group;
    }
    group_count_ = group_count;
}

}  // namespace bwrt::planner
