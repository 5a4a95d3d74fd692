// SPDX-License-Identifier: Apache-2.0
//
// return_times.h — how soon what rests is used again, learnt from what has rested before.
//
// A chain of blocks rests from the end of one use to the begin of the next.  Ages are told apart in
// bins of a quarter of an octave, from 67 ms to two hours; beyond that nothing is known.  For each
// bin two numbers are counted: how many chains went through it or ended in it, and how many of
// these returned in it.  A chain that has not returned yet counts for the bins it has gone through
// and for no other, so those that stay away forever are neither forgotten nor waited for (the
// product-limit estimate of Kaplan and Meier 1958):
//
//   hazard(bin)           = returned / exposed
//   P(returns within h)   = 1 - product over the bins from age to age + h of (1 - hazard x part)
//   when, if it does      = mean over these bins of the middle of the part, by its probability
//
// Chains differ, and little is known of each.  So there are classes, each inside a wider one, and
// what a class has not seen often enough its wider one says: hazards are blended as if the wider
// class had been seen kBlendCount times more.
//
//   all > how long the last use took > and how long it has rested so far > and how much it grew
//
// Of the orders tried on traces of coding agents this one foretells best (docs/planner.md): the
// length of the last answer says most.  Counts are halved where they reach kMemoryCount, so that
// what was learnt long ago fades.  Hazards and probabilities are in 0.32 fixed point.

#pragma once

#include <array>
#include <cstdint>

#include "planner/zeroed.h"

namespace bwrt::planner {

constexpr std::uint32_t kRestBinCount = 72;
constexpr std::uint64_t kNever = ~std::uint64_t{0};  // a time that does not come

// The bin of an age.
[[nodiscard]] std::uint32_t rest_bin(std::uint64_t age_ns) noexcept;

// Where it ends; the last has no end.
[[nodiscard]] std::uint64_t rest_bin_end_ns(std::uint32_t bin) noexcept;

struct RestClass {
    static constexpr std::uint32_t kWorkCount = 8;
    static constexpr std::uint32_t kPaceCount = 9;
    static constexpr std::uint32_t kGrowthCount = 4;

    std::uint8_t work = 0;    // octaves of the last use, from half a second on
    std::uint8_t pace = 0;    // 0: it never returned; else octaves of its mean rest, from 1 s on
    std::uint8_t growth = 0;  // how much longer the last use made it: not, a 64th, an 8th, more
};

[[nodiscard]] std::uint8_t work_class(std::uint64_t work_ns) noexcept;
// `mean_bin_16` is a mean of bins, in sixteenths.
[[nodiscard]] std::uint8_t pace_class(std::uint32_t mean_bin_16) noexcept;
[[nodiscard]] std::uint8_t growth_class(std::uint64_t bytes_before, std::uint64_t bytes) noexcept;

struct Return {
    std::uint32_t probability_milli = 0;
    std::uint64_t expected_age_ns = 0;
    std::uint64_t until_age_ns = 0;  // where the probability was enough, or the horizon ends
};

class ReturnTimes {
 public:
    static constexpr std::uint32_t kBlendCount = 16;
    static constexpr std::uint32_t kMemoryCount = 2'048;

    ReturnTimes();

    // A chain has gone through the bin without returning.
    void add_passed(const RestClass& rest, std::uint32_t bin) noexcept { add(rest, bin, 0); }
    // It returned in the bin, having gone through those before.
    void add_returned(const RestClass& rest, std::uint32_t bin) noexcept { add(rest, bin, kUnit); }

    // Of a chain at rest for `age_ns`: whether it returns within `horizon_ns` from then on.  The
    // shortest time, by whole bins, in which it does with a probability of `enough_milli` will do.
    [[nodiscard]] Return predict(const RestClass& rest, std::uint64_t age_ns,
                                 std::uint64_t horizon_ns,
                                 std::uint32_t enough_milli) const noexcept;

 private:
    static constexpr std::uint32_t kUnit = 256;  // a count of one, so that halving keeps the rest

    // Of counts: a row for each class that a chain is in, the widest first.
    using Rows = std::array<std::uint32_t, 4>;

    struct Count {
        std::uint32_t exposed;
        std::uint32_t returned;
    };

    [[nodiscard]] static Rows rows_of(const RestClass& rest) noexcept;
    void add(const RestClass& rest, std::uint32_t bin, std::uint32_t returned) noexcept;
    [[nodiscard]] std::uint64_t hazard(const Rows& rows, std::uint32_t bin) const noexcept;

    Zeroed<Count> counts_;  // rows of bins
};

}  // namespace bwrt::planner
