// SPDX-License-Identifier: Apache-2.0
//
// decay.h — half-life decay in integers: the same bits from every compiler.
//
//   tick(t)    = t x 2^24 / half-life
//   value(now) = value(then) x 2^-((tick(now) - tick(then)) / 2^24)
//
// Ticks are counted from the zero of the clock and not from the last touch.  So decay over a and
// then over b is decay over a + b, whatever a and b are: what is touched every microsecond ages as
// what is touched once an hour, and a time is wrong by less than one tick, for ever.
//
//   age       less than 2^-24 of a half-life wrong: 4.2e-8 of the value
//   value     x - x (1 - power), for three powers from tables of 256, 0.64 fixed point: the tables
//             are at most 2^-58 too small and a product drops less than one, so that what is left
//             is never too small, too large by less than 3 (and 2^-56), and all of it at no age
//   then      a shift for whole half-lives, which drops less than one
//
// Tables of 32 bits would do for one decay and not for a counter that is decayed in each tick of a
// half-life: 2^24 powers that are 2^-33 wrong are 0.2 % of it.
//
// The half-life lies between 2^24 ns (a tick is a nanosecond) and what 64 bits hold; a shorter one
// counts as that.  The two that others use: rate 0.01 s^-1, which is ln 2 / 0.01 = 69.3 s, for
// pages, and an hour for prefixes.

#pragma once

#include <array>
#include <cstdint>

namespace bwrt::planner {

constexpr std::uint64_t kHalfLifeNsMin = std::uint64_t{1} << 24;
constexpr std::uint64_t kHalfLifeNsPages = 69'314'718'056;
constexpr std::uint64_t kHalfLifeNsPrefixes = 3'600'000'000'000;

class Decay {
 public:
    static constexpr std::uint32_t kTickBits = 24;
    static constexpr std::uint64_t kTicks = std::uint64_t{1} << kTickBits;  // in a half-life

    explicit Decay(std::uint64_t half_life_ns) noexcept;

    // Never decreases in now_ns, and fits for any.
    [[nodiscard]] std::uint64_t tick_of(std::uint64_t now_ns) const noexcept {
        return static_cast<std::uint64_t>((Wide{now_ns} * ticks_per_ns_) >> shift_);
    }

    // value x 2^-(fraction / 2^24), for a fraction below 2^24.
    [[nodiscard]] static std::uint64_t fade_part(std::uint64_t value,
                                                 std::uint32_t fraction) noexcept {
        value -= high_product(value, kLosses[0][fraction >> 16]);
        value -= high_product(value, kLosses[1][(fraction >> 8) & 255u]);
        value -= high_product(value, kLosses[2][fraction & 255u]);
        return value;
    }

    // What is left of a value after so many ticks.
    [[nodiscard]] static std::uint64_t fade(std::uint64_t value, std::uint64_t ticks) noexcept {
        const std::uint64_t whole = ticks >> kTickBits;
        const std::uint64_t left =
            fade_part(value, static_cast<std::uint32_t>(ticks & (kTicks - 1)));
        return whole < 64 ? left >> whole : 0;
    }

 private:
    __extension__ typedef unsigned __int128 Wide;
    using Losses = std::array<std::array<std::uint64_t, 256>, 3>;

    static constexpr std::uint64_t high_product(std::uint64_t one, std::uint64_t other) noexcept {
        return static_cast<std::uint64_t>((Wide{one} * other) >> 64);
    }
    static constexpr Losses make_losses() noexcept;

    static const Losses kLosses;  // of level l: 1 - 2^-(i / 256^(l + 1))

    std::uint64_t ticks_per_ns_;  // x 2^shift_
    std::uint32_t shift_;
};

}  // namespace bwrt::planner
