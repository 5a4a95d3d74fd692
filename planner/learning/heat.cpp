// SPDX-License-Identifier: Apache-2.0

#include "planner/learning/heat.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "planner/mix.h"

namespace bwrt::planner {
namespace {

constexpr std::uint32_t kFractionBits = 16;
constexpr std::uint64_t kValueMax = ~std::uint64_t{0};

std::uint64_t milli_of(std::uint64_t value) noexcept {
    return (value >> kFractionBits) + ((value >> (kFractionBits - 1)) & 1u);
}

// Calls look(group) for the first, the last, and at most kLooksMax - 2 between.
template <typename Look>
void look_at_groups(std::uint64_t first, std::uint64_t last, const Look& look) noexcept {
    look(first);
    if (last == first) return;
    const std::uint64_t between = last - first - 1;
    const std::uint64_t room = HeatSketch::kLooksMax - 2;
    const std::uint64_t stride = std::bit_ceil(between / room + (between % room != 0 ? 1 : 0));
    for (std::uint64_t ahead = stride - first % stride; ahead <= between; ahead += stride) {
        look(first + ahead);
        if (between - ahead < stride) break;  // the next might wrap
    }
    look(last);
}

}  // namespace

// Each step mixes what it adds to one to one, so no place is another one's but by all 64 bits.
std::uint64_t heat_key(const PagePlace& place, std::uint64_t page_group) noexcept {
    const std::uint64_t whose = std::uint64_t{place.model} << 32 | place.prefix;
    return mix(mix(mix(whose + kGolden) ^ place.layer) ^ page_group);
}

HeatSketch::HeatSketch(const HeatLimits& limits)
    : decay_(limits.half_life_ns),
      row_width_(limits.row_width),
      row_count_(limits.row_count),
      index_shift_(static_cast<std::uint32_t>(64 - std::countr_zero(limits.row_width))),
      group_bits_(limits.group_bits),
      cells_(std::size_t{limits.row_count} * limits.row_width) {
    assert(limits.row_count > 0 && limits.row_count <= kRowsMax);
    assert(std::has_single_bit(limits.row_width));
    assert(limits.row_width > 1 && limits.row_width <= 1u << 28);
    assert(limits.group_bits < 64);
    for (std::uint32_t row = 0; row < kRowsMax; ++row) {
        multipliers_[row] = mixed_number(limits.seed, row) | 1u;
    }
}

std::uint64_t HeatSketch::least_value(std::uint64_t key, std::uint64_t tick) const noexcept {
    std::uint64_t least = kValueMax;
    for (std::uint32_t row = 0; row < row_count_; ++row) {
        const Cell& cell = cells_[index_of(key, row)];
        least = std::min(least, Decay::fade(cell.value, tick - cell.tick));
    }
    return least;
}

std::uint64_t HeatSketch::add(std::uint64_t key, std::uint64_t hits_milli,
                              std::uint64_t now_ns) noexcept {
    tick_ = std::max(tick_, decay_.tick_of(now_ns));
    const std::uint64_t added = std::min(hits_milli, kValueMax >> kFractionBits) << kFractionBits;
    std::uint64_t faded[kRowsMax];
    std::uint64_t least = kValueMax;
    for (std::uint32_t row = 0; row < row_count_; ++row) {
        const Cell& cell = cells_[index_of(key, row)];
        faded[row] = Decay::fade(cell.value, tick_ - cell.tick);
        least = std::min(least, faded[row]);
    }
    const std::uint64_t raised = least + std::min(added, kValueMax - least);
    // Written whether raised or not: which, is not to be guessed by a branch.
    for (std::uint32_t row = 0; row < row_count_; ++row) {
        Cell& cell = cells_[index_of(key, row)];
        const std::uint64_t mask = 0 - std::uint64_t{faded[row] < raised};
        cell.value ^= (cell.value ^ raised) & mask;
        cell.tick ^= (cell.tick ^ tick_) & mask;
    }
    return milli_of(raised);
}

std::uint64_t HeatSketch::estimate(std::uint64_t key, std::uint64_t now_ns) const noexcept {
    return milli_of(least_value(key, std::max(tick_, decay_.tick_of(now_ns))));
}

void HeatSketch::add_pages(const PagePlace& place, std::uint64_t page_first,
                           std::uint64_t page_last, std::uint64_t hits_milli,
                           std::uint64_t now_ns) noexcept {
    if (page_last < page_first) return;
    look_at_groups(page_first >> group_bits_, page_last >> group_bits_,
                   [&](std::uint64_t group) { add(heat_key(place, group), hits_milli, now_ns); });
}

std::uint64_t HeatSketch::estimate_pages(const PagePlace& place, std::uint64_t page_first,
                                         std::uint64_t page_last,
                                         std::uint64_t now_ns) const noexcept {
    std::uint64_t hottest = 0;
    if (page_last < page_first) return hottest;
    const std::uint64_t tick = std::max(tick_, decay_.tick_of(now_ns));
    look_at_groups(page_first >> group_bits_, page_last >> group_bits_, [&](std::uint64_t group) {
        hottest = std::max(hottest, least_value(heat_key(place, group), tick));
    });
    return milli_of(hottest);
}

}  // namespace bwrt::planner
