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
std::uint32_t hash_of(const PageGroup& group) noexcept {
    __extension__ typedef unsigned __int128 Wide;
    const std::uint64_t pages = std::uint64_t{group.model} << 32 | group.prefix;
    const std::uint64_t way = std::uint64_t{group.node} << 48 | std::uint64_t{group.layer} << 32 |
                              std::uint64_t{group.tier_src} << 8 | group.tier_dst;
    const Wide product = Wide{pages ^ 0x9E3779B97F4A7C15u} * (way ^ 0x243F6A8885A308D3u);
    return static_cast<std::uint32_t>(product) ^ static_cast<std::uint32_t>(product >> 64);
}

}  // namespace

PageGroups::PageGroups(std::uint32_t row_count_max)
    : slot_count_max_(slots_for(row_count_max)), slots_(slot_count_max_), groups_(row_count_max) {}

void PageGroups::number(const RequestColumns& rows, std::uint32_t row_count,
                        Zeroed<ScoredRow>& scored) noexcept {
    // A small window keeps to a small part of the table, and so of the cache.
    const std::uint32_t mask = slots_for(row_count) - 1;
    if (++window_ == 0) {  // after 2^32 windows the marks of the first ones would mean this one
        for (std::uint32_t slot = 0; slot < slot_count_max_; ++slot) slots_[slot].window = 0;
        window_ = 1;
    }
    group_count_ = 0;
    for (std::uint32_t row = 0; row < row_count; ++row) {
        if (!scored[row].stays) continue;
        const PageGroup group{.model = rows.model[row],
                              .prefix = rows.prefix[row],
                              .node = rows.node[row],
                              .layer = rows.layer[row],
                              .tier_src = rows.tier_src[row],
                              .tier_dst = rows.tier_dst[row]};
        std::uint32_t at = hash_of(group) & mask;
        while (slots_[at].window == window_ && !(groups_[slots_[at].group] == group)) {
            at = (at + 1) & mask;
        }
        if (slots_[at].window != window_) {
            slots_[at] = {window_, group_count_};
            groups_[group_count_++] = group;
        }
        scored[row].group = slots_[at].group;
    }
}

}  // namespace bwrt::planner
