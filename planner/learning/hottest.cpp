// SPDX-License-Identifier: Apache-2.0

#include "planner/learning/hottest.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace bwrt::planner {
namespace {

__extension__ typedef unsigned __int128 Wide;

constexpr std::uint32_t kWeightBits = 62;

// 2^48 thousandths x a weight below 2^63 x 2^15 are below 2^126, and the sum of two below 2^127.
constexpr std::uint64_t kHalfLivesMax = 16;

// 2^(the age of the landmark) x 2^62.
Wide weight_at(std::uint64_t age) noexcept {
    const auto fraction = static_cast<std::uint32_t>(age & (Decay::kTicks - 1));
    const auto rest = static_cast<std::uint32_t>(Decay::kTicks - fraction);
    const std::uint64_t one = std::uint64_t{1} << kWeightBits;
    const std::uint64_t weight = fraction == 0 ? one : Decay::fade_part(2 * one, rest);
    return Wide{weight} << (age >> Decay::kTickBits);
}

std::uint32_t width_of(Wide x) noexcept {
    const auto high = static_cast<std::uint64_t>(x >> 64);
    const std::uint64_t width =
        high != 0 ? 64 + std::bit_width(high) : std::bit_width(static_cast<std::uint64_t>(x));
    return static_cast<std::uint32_t>(width);
}

}  // namespace

HottestKeys::HottestKeys(const HottestLimits& limits)
    : decay_(limits.half_life_ns),
      key_count_max_(limits.key_count),
      entries_(limits.key_count),
      heap_(limits.key_count),
      slots_(limits.key_count),
      order_(limits.key_count) {
    assert(limits.key_count > 0 && limits.key_count <= 1u << 30);
}

bool HottestKeys::leaves_before(std::uint32_t left, std::uint32_t right) const noexcept {
    const Entry& one = entries_[left];
    const Entry& other = entries_[right];
    return one.kept != other.kept ? one.kept < other.kept : one.came < other.came;
}

void HottestKeys::put(std::uint32_t place, std::uint32_t entry) noexcept {
    heap_[place] = entry;
    entries_[entry].place = place;
}

void HottestKeys::sift_up(std::uint32_t place) noexcept {
    const std::uint32_t entry = heap_[place];
    while (place > 0 && leaves_before(entry, heap_[(place - 1) / 2])) {
        put(place, heap_[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(place, entry);
}

void HottestKeys::sift_down(std::uint32_t place) noexcept {
    const std::uint32_t entry = heap_[place];
    for (std::uint32_t below = 2 * place + 1; below < used_count_; below = 2 * place + 1) {
        if (below + 1 < used_count_ && leaves_before(heap_[below + 1], heap_[below])) ++below;
        if (!leaves_before(heap_[below], entry)) break;
        put(place, heap_[below]);
        place = below;
    }
    put(place, entry);
}

void HottestKeys::move_landmark(std::uint64_t tick) noexcept {
    const std::uint64_t half_lives = (tick - landmark_) >> Decay::kTickBits;
    for (std::uint32_t entry = 0; entry < used_count_; ++entry) {
        Entry& one = entries_[entry];
        one.kept = half_lives < 128 ? one.kept >> half_lives : 0;
        one.kept_error = half_lives < 128 ? one.kept_error >> half_lives : 0;
    }
    // Those that have become equal stand as they came.
    for (std::uint32_t place = used_count_ / 2; place > 0; --place) sift_down(place - 1);
    landmark_ += half_lives << Decay::kTickBits;
}

void HottestKeys::add(std::uint64_t key, std::uint64_t hits_milli, std::uint64_t now_ns) noexcept {
    if (hits_milli == 0) return;
    tick_ = std::max(tick_, decay_.tick_of(now_ns));
    if ((tick_ - landmark_) >> Decay::kTickBits >= kHalfLivesMax) move_landmark(tick_);
    const Wide weight = weight_at(tick_ - landmark_);
    const Wide most = kHitsMilliMax * weight;
    const Wide added = std::min(hits_milli, kHitsMilliMax) * weight;

    const auto key_of = [&](std::uint32_t entry) noexcept { return entries_[entry].key; };
    const std::uint32_t known = slots_.find(key, key_of);
    if (known != KeySlots::kNone) {
        Entry& entry = entries_[known];
        entry.kept = std::min(entry.kept + added, most);
        sift_down(entry.place);
    } else if (used_count_ < key_count_max_) {
        const std::uint32_t fresh = used_count_++;
        slots_.insert(key, fresh, key_of);
        entries_[fresh] = {added, 0, key, came_count_++, fresh};
        heap_[fresh] = fresh;
        sift_up(fresh);
    } else {
        const std::uint32_t least = heap_[0];
        Entry& entry = entries_[least];
        slots_.erase(entry.key, key_of);
        slots_.insert(key, least, key_of);
        entry = {std::min(entry.kept + added, most), entry.kept, key, came_count_++, 0};
        sift_down(0);
    }
}

// Of the 64 highest bits, so that the fraction of a half-life costs nothing that is told.
std::uint64_t HottestKeys::milli_at(Wide kept, std::uint64_t tick) const noexcept {
    const std::uint64_t age = tick - landmark_;
    const std::uint64_t half_lives = age >> Decay::kTickBits;
    if (kept == 0 || half_lives >= 128) return 0;
    const std::uint32_t width = width_of(kept);
    const auto top =
        static_cast<std::uint64_t>(width > 64 ? kept >> (width - 64) : kept << (64 - width));
    const Wide left = Decay::fade_part(top, static_cast<std::uint32_t>(age & (Decay::kTicks - 1)));
    // kept is below 2^48 weights, so that its width is at most 112 + half-lives.
    const auto shift = static_cast<std::uint32_t>(64 + kWeightBits + half_lives) - width;
    if (shift > 64) return 0;
    const Wide milli = ((left << 1 >> shift) + 1) >> 1;
    return static_cast<std::uint64_t>(std::min(milli, Wide{kHitsMilliMax}));
}

HotKey HottestKeys::show(const Entry& entry, std::uint64_t tick) const noexcept {
    return {entry.key, milli_at(entry.kept, tick), milli_at(entry.kept_error, tick)};
}

std::optional<HotKey> HottestKeys::find(std::uint64_t key, std::uint64_t now_ns) const noexcept {
    const std::uint32_t known =
        slots_.find(key, [&](std::uint32_t entry) noexcept { return entries_[entry].key; });
    if (known == KeySlots::kNone) return std::nullopt;
    return show(entries_[known], std::max(tick_, decay_.tick_of(now_ns)));
}

std::uint32_t HottestKeys::top(std::uint64_t now_ns, std::span<HotKey> keys_out) noexcept {
    const std::uint64_t tick = std::max(tick_, decay_.tick_of(now_ns));
    const auto count =
        static_cast<std::uint32_t>(std::min<std::size_t>(keys_out.size(), used_count_));
    for (std::uint32_t entry = 0; entry < used_count_; ++entry) order_[entry] = entry;
    std::uint32_t* const order = &order_[0];
    std::partial_sort(
        order, order + count, order + used_count_, [&](std::uint32_t left, std::uint32_t right) {
            const Entry& one = entries_[left];
            const Entry& other = entries_[right];
            return one.kept != other.kept ? one.kept > other.kept : one.came < other.came;
        });
    for (std::uint32_t i = 0; i < count; ++i) keys_out[i] = show(entries_[order[i]], tick);
    return count;
}

}  // namespace bwrt::planner
