// SPDX-License-Identifier: Apache-2.0

#include "planner/tiers/reuse.h"

#include <algorithm>
#include <bit>

namespace bwrt::planner {
namespace {

__extension__ typedef unsigned __int128 Wide;

// Of an age in slots, in eighths of an octave.
std::uint32_t octaves_8(std::uint32_t age) {
    const std::uint64_t length = std::uint64_t{std::min(age, ReuseRates::kSlotCount - 1)} + 1;
    const auto octave = static_cast<std::uint32_t>(std::bit_width(length)) - 1;
    return octave * 8 + static_cast<std::uint32_t>((length << 3 >> octave) & 7);
}

}  // namespace

Reuse::Reuse(std::uint32_t block_count, std::uint32_t shadow_count)
    : bucket_count_((std::uint64_t{shadow_count} + kWays - 1) / kWays),
      blocks_(block_count),
      shadows_(bucket_count_ * kWays) {}

std::uint32_t Reuse::class_of(Past past) noexcept {
    if (past.use_count < 2) return 0;
    return 1 + past.pace_8 / 16 * 2 + (past.use_count > 2 ? 1 : 0);
}

Reuse::Past Reuse::used(Past past, Tick used_at, Tick now) noexcept {
    const std::uint32_t rest_8 = octaves_8(ReuseRates::slot_of(now) - ReuseRates::slot_of(used_at));
    Past next;
    next.use_count = static_cast<std::uint8_t>(std::min(past.use_count + 1, 3));
    next.pace_8 = static_cast<std::uint8_t>(
        past.use_count < 2 ? rest_8 : (3u * past.pace_8 + rest_8 + 2) / 4);
    return next;
}

void Reuse::come(std::uint32_t block, std::uint64_t fingerprint, Tick now, Tick since) noexcept {
    rates_.advance(now);
    blocks_[block] = {fingerprint, take(fingerprint, now, since), fill_};
}

void Reuse::use(std::uint32_t block, Tick used_at, Tick now, bool counts) noexcept {
    rates_.advance(now);
    blocks_[block].used_at_fill = fill_;
    Past& past = blocks_[block].past;
    if (used_at != 0) {
        counts = counts && !is_same(used_at, now);
        rates_.end(class_of(past), used_at, counts);
        if (counts) past = used(past, used_at, now);
    } else if (past.use_count == 0) {
        past.use_count = 1;
    }
    rates_.begin(class_of(past));
}

void Reuse::go(std::uint32_t block, Tick used_at) noexcept {
    if (used_at != 0) leave({blocks_[block].fingerprint, used_at, blocks_[block].past});
    blocks_[block] = {};
}

void Reuse::fill(std::uint64_t bytes, std::uint64_t capacity_bytes) noexcept {
    const std::uint64_t step_bytes = capacity_bytes / kFillCount + 1;
    fill_bytes_ += bytes;
    fill_ += static_cast<std::uint32_t>(fill_bytes_ / step_bytes);
    fill_bytes_ %= step_bytes;
}

void Reuse::stop(std::uint32_t block, Tick used_at) noexcept {
    if (used_at != 0) rates_.end(class_of(block), used_at, false);
}

void Reuse::miss(std::uint64_t fingerprint, Tick now, Tick since) noexcept {
    rates_.advance(now);
    Past past = take(fingerprint, now, since);
    past.use_count = std::max<std::uint8_t>(past.use_count, 1);
    rates_.begin(class_of(past));
    leave({fingerprint, now, past});
}

std::uint32_t Reuse::class_of_new(std::uint64_t fingerprint, Tick now, Tick since) const noexcept {
    const Shadow* const shadow = find(fingerprint);
    return shadow == nullptr ? 0 : class_of(past_now(*shadow, now, since));
}

std::uint64_t Reuse::value_of_new(std::uint64_t fingerprint, Tick now, Tick since) noexcept {
    return value(class_of_new(fingerprint, now, since), now, now);
}

// With the use that is now.
Reuse::Past Reuse::past_now(const Shadow& shadow, Tick now, Tick since) noexcept {
    return is_same(shadow.used_at, now, since) ? shadow.past
                                               : used(shadow.past, shadow.used_at, now);
}

Reuse::Shadow* Reuse::bucket_of(std::uint64_t fingerprint) const noexcept {
    return &shadows_[static_cast<std::uint64_t>((Wide{fingerprint} * bucket_count_) >> 64) * kWays];
}

Reuse::Shadow* Reuse::find(std::uint64_t fingerprint) const noexcept {
    if (bucket_count_ == 0 || fingerprint == 0) return nullptr;
    Shadow* const ways = bucket_of(fingerprint);
    Shadow* const end = ways + kWays;
    Shadow* const found = std::find_if(
        ways, end, [&](const Shadow& shadow) { return shadow.fingerprint == fingerprint; });
    return found == end ? nullptr : found;
}

// The shadow is gone and its rest has ended, by a use unless it is the same; its past has that use.
Reuse::Past Reuse::take(std::uint64_t fingerprint, Tick now, Tick since) noexcept {
    Shadow* const shadow = find(fingerprint);
    if (shadow == nullptr) return {};
    rates_.end(class_of(shadow->past), shadow->used_at, !is_same(shadow->used_at, now, since));
    const Past past = past_now(*shadow, now, since);
    Shadow* const end = bucket_of(fingerprint) + kWays;
    std::move(shadow + 1, end, shadow);
    end[-1] = {};
    return past;
}

void Reuse::leave(const Shadow& shadow) noexcept {
    if (bucket_count_ == 0 || shadow.fingerprint == 0) {
        rates_.end(class_of(shadow.past), shadow.used_at, false);
        return;
    }
    Shadow* const ways = bucket_of(shadow.fingerprint);
    const Shadow& last = ways[kWays - 1];
    if (last.fingerprint != 0) rates_.end(class_of(last.past), last.used_at, false);
    std::move_backward(ways, ways + kWays - 1, ways + kWays);
    ways[0] = shadow;
}

}  // namespace bwrt::planner
