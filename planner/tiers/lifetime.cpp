// SPDX-License-Identifier: Apache-2.0

#include "planner/tiers/lifetime.h"

#include <algorithm>
#include <bit>

namespace bwrt::planner {
namespace {

__extension__ typedef unsigned __int128 Wide;

constexpr std::uint64_t kOne = std::uint64_t{1} << 32;  // of the logarithm's fixed point
constexpr std::uint64_t kLn2 = 2'977'044'472;           // ln 2 x 2^32, rounded

// ln x in 32.32, for x from 1 to 2^32: one bit of log2 x a squaring.
std::uint64_t ln(std::uint64_t x) noexcept {
    const std::uint32_t whole = static_cast<std::uint32_t>(std::bit_width(x)) - 1;
    std::uint64_t mantissa = (x << (63 - whole)) >> 32;  // [1, 2) as 1.31
    std::uint64_t log2 = whole;
    for (int bit = 0; bit < 32; ++bit) {
        mantissa = (mantissa * mantissa) >> 31;
        log2 = log2 << 1 | mantissa >> 32;
        mantissa >>= mantissa >> 32;
    }
    return static_cast<std::uint64_t>((Wide{log2} * kLn2) >> 32);
}

}  // namespace

std::uint32_t ttl_of(const BlockHints& hints) noexcept {
    const std::uint64_t popular = 4 * kOne + ln(std::uint64_t{hints.access_count} + 1);
    const std::uint64_t hard =
        100'000 + std::uint64_t{std::max(hints.complexity_milli, 10'000u) - 10'000u};
    const std::uint64_t steady = 10'000 - 8 * std::min(hints.time_variance_milli, 1000u);
    const Wide seconds = Wide{3600} * popular * hard * steady / (4 * kOne) / 100'000 / 10'000;
    return static_cast<std::uint32_t>(std::clamp<Wide>(seconds, kTtlSecondsMin, kTtlSecondsMax));
}

TierChoice tier_of(const BlockHints& hints) noexcept {
    if (hints.complexity_milli <= 20'000 && hints.access_count >= 2 && hints.idle_seconds <= 3600) {
        return TierChoice::kMemory;
    }
    if (hints.time_variance_milli > 700) return TierChoice::kDisk;
    return hints.complexity_milli > 40'000 ? TierChoice::kRemote : TierChoice::kDisk;
}

}  // namespace bwrt::planner
