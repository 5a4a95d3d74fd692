// SPDX-License-Identifier: Apache-2.0

#include "planner/learning/decay.h"

#include <algorithm>
#include <bit>
#include <cstddef>

namespace bwrt::planner {
namespace {

__extension__ typedef unsigned __int128 Wide;

constexpr std::uint64_t kOnePower = std::uint64_t{1} << 63;  // of the fixed point of powers

// The largest whole number whose square is not above x: a bit at a time.
constexpr std::uint64_t square_root(Wide x) noexcept {
    std::uint64_t root = 0;
    for (int bit = 63; bit >= 0; --bit) {
        const std::uint64_t larger = root | std::uint64_t{1} << bit;
        if (Wide{larger} * larger <= x) root = larger;
    }
    return root;
}

}  // namespace

// 2^-(1/2), 2^-(1/4) and so on are square roots, each of the one before, which halves the error
// that it had; all other powers are products of those.  Powers have 63 bits behind the point, and
// are rounded up so that what is lost is not too much.
constexpr Decay::Losses Decay::make_losses() noexcept {
    Losses losses{};
    std::uint64_t root = kOnePower / 2;
    for (std::size_t level = 0; level < losses.size(); ++level) {
        std::array<std::uint64_t, 256> powers{};
        powers[0] = kOnePower;
        for (std::size_t step = 128; step > 0; step /= 2) {
            root = square_root(Wide{root} << 63) + 1;
            for (std::size_t i = 0; i < 256; i += 2 * step) {
                const Wide product = Wide{powers[i]} * root;
                powers[i + step] = static_cast<std::uint64_t>((product + kOnePower - 1) >> 63);
            }
        }
        for (std::size_t i = 0; i < 256; ++i) losses[level][i] = (kOnePower - powers[i]) * 2;
    }
    return losses;
}

constinit const Decay::Losses Decay::kLosses = make_losses();

// The ticks of a nanosecond are kept with 62 bits: an age is wrong by 2^-62 of itself beside the
// tick.
Decay::Decay(std::uint64_t half_life_ns) noexcept {
    const std::uint64_t checked_ns = std::max(half_life_ns, kHalfLifeNsMin);
    const std::uint32_t up = static_cast<std::uint32_t>(std::bit_width(checked_ns)) + 62;
    ticks_per_ns_ = static_cast<std::uint64_t>((Wide{1} << up) / checked_ns);
    shift_ = up - kTickBits;
}

}  // namespace bwrt::planner
