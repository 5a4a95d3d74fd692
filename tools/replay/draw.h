// SPDX-License-Identifier: Apache-2.0
//
// draw.h — chance in whole numbers: the same seed draws the same on every machine.
//
// Of the standard library only the engine is used, whose numbers are laid down; its distributions,
// and log(), differ between libraries.  A measured distribution is a table of its quantiles, with
// straight lines between them.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>

namespace bwrt::replay {

// The values at these shares of the draws, in thousandths.
struct Quantiles {
    static constexpr std::array<std::uint32_t, 11> kMilli = {0,   50,  100, 250, 500, 750,
                                                             900, 950, 990, 999, 1000};
    std::array<std::uint32_t, kMilli.size()> values;
};

class Draw {
 public:
    explicit Draw(std::uint64_t seed) : engine_(seed) {}

    // In [0, count).
    std::uint64_t below(std::uint64_t count) { return engine_() % count; }
    // In [first, last].
    std::uint32_t between(std::uint32_t first, std::uint32_t last) {
        return first + static_cast<std::uint32_t>(below(std::uint64_t{last} - first + 1));
    }
    bool happens(std::uint32_t milli) { return below(1000) < milli; }

    std::uint32_t from(const Quantiles& table) {
        constexpr std::uint64_t kScale = 1u << 20;
        const std::uint64_t at = below(1000 * kScale);
        std::size_t i = 1;
        while (at >= Quantiles::kMilli[i] * kScale) ++i;
        const std::uint64_t begin = Quantiles::kMilli[i - 1] * kScale;
        const std::uint64_t width = Quantiles::kMilli[i] * kScale - begin;
        const std::uint64_t low = table.values[i - 1], high = table.values[i];
        return static_cast<std::uint32_t>(low + (high - low) * (at - begin) / width);
    }

    // Exponential, as times between independent events are, by von Neumann's way, which takes
    // comparisons alone: of uniform numbers that fall one below the other the count is odd with
    // the density wanted on [0, 1); each even one moves the result by 1.
    std::uint64_t exponential(std::uint64_t mean) {
        for (std::uint64_t whole = 0;; ++whole) {
            const std::uint64_t first = engine_() >> 32;
            std::uint64_t last = first;
            bool is_odd = true;
            for (std::uint64_t next = engine_() >> 32; next < last; next = engine_() >> 32) {
                last = next;
                is_odd = !is_odd;
            }
            if (is_odd)
                return whole * mean + (first * (mean >> 16) >> 16) +
                       (first * (mean & 0xFFFF) >> 32);
        }
    }

 private:
    std::mt19937_64 engine_;
};

}  // namespace bwrt::replay
