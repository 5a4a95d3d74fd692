// SPDX-License-Identifier: Apache-2.0
//
// mix.h — spreads what differs between two numbers over all bits of both.
//
// The finaliser of SplitMix64 (Steele, Lea and Flood 2014; the constants are Stafford's Mix13): a
// permutation of the 64-bit numbers, so what differs stays different.

#pragma once

#include <cstdint>

namespace bwrt::planner {

constexpr std::uint64_t kGolden = 0x9E37'79B9'7F4A'7C15;  // 2^64 / the golden ratio, odd

[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t x) noexcept {
    x = (x ^ (x >> 30)) * 0xBF58'476D'1CE4'E5B9;
    x = (x ^ (x >> 27)) * 0x94D0'49BB'1331'11EB;
    return x ^ (x >> 31);
}

// The index-th of a row of numbers without a pattern.
[[nodiscard]] constexpr std::uint64_t mixed_number(std::uint64_t seed,
                                                   std::uint64_t index) noexcept {
    return mix(seed + (index + 1) * kGolden);
}

}  // namespace bwrt::planner
