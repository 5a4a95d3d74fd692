// SPDX-License-Identifier: Apache-2.0
//
// reuse_rates.h — what a place in a tier earns with a block that has rested for so long, learnt
// from blocks that have rested before.
//
// A rest begins with a use and ends with the next.  Blocks of a class are alike (reuse.h); ages
// are told apart by octaves, from half a second to an hour:
//
//   bin        0       1          2          3             12
//   age, s     0 ─ .5 ─ 1.6 ─── 3.8 ─────── 8 ─── ... ─── 4400      at most so much too young
//
//   rate(bin)  = ended in it / gone through it or ended in it      those that are in it count half
//   value(age) = most over all horizons of  expected uses / expected time that the place is taken
//
// The rate is the product-limit estimate (Kaplan and Meier 1958), so what stays away is neither
// forgotten nor waited for.  The value is the index by which one stops a bandit's arm (Gittins
// 1979): what has the least has to go.  Where the rate falls with age, as it does nearly always, so
// does the value, and of a class the oldest is the one to look at; between bins it is linear.
//
// How many rests of which age there are is kept without a list of them: a count for each class and
// half second of beginning.  A step of the clock moves one count over each edge of a bin.
//
//   begun in slot    now-7 now-6 now-5 now-4 now-3 now-2 now-1  now
//   count              .     .     .     .     .     .     .     .
//                    └─── bin 2 ────────────┘└── bin 1 ───┘└ 0 ┘      what crosses an edge is added
//
// A class of which little was seen is blended with all: as if kBlendCount rests had been seen more,
// which ended as those of all.  A class is reckoned anew when an eighth of what is known of it is
// new, so what that costs falls with what is known.  Before anything was seen the rates are the
// same in all octaves, so the values fall with age: least recently used.  Counts are halved each
// hour, the horizon.

#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "planner/tiers/eviction.h"
#include "planner/zeroed.h"

namespace bwrt::planner {

class ReuseRates {
 public:
    static constexpr std::uint32_t kClassCount = 15;
    static constexpr std::uint32_t kBinCount = 13;
    static constexpr std::uint32_t kSlotCount = (1u << kBinCount) - 1;  // where the last bin ends
    static constexpr std::uint32_t kSlotShift = 3;                      // 8 ticks: 0.54 s

    ReuseRates();

    [[nodiscard]] static std::uint32_t slot_of(Tick tick) noexcept { return tick >> kSlotShift; }
    // Of an age in slots.
    [[nodiscard]] static std::uint32_t bin_of(std::uint32_t age) noexcept {
        return static_cast<std::uint32_t>(std::bit_width(age + 1)) - 1;
    }

    // The time is `now` from here on.
    void advance(Tick now) noexcept;

    // A rest begins now; one that began then ends, by a use or because it is not followed further.
    void begin(std::uint32_t reuse_class) noexcept;
    void end(std::uint32_t reuse_class, Tick begun, bool by_use) noexcept;

    // Of one that rests since `begun`: uses a slot, times 2^39.
    [[nodiscard]] std::uint64_t value(std::uint32_t reuse_class, Tick begun) const noexcept;

 private:
    static constexpr std::uint32_t kRingCount = kSlotCount + 1;  // 1 << kBinCount
    static constexpr std::uint64_t kBlendCount = 200;
    static constexpr std::uint64_t kOne = std::uint64_t{1} << 32;

    struct Bin {
        std::uint64_t ended;  // by a use
        std::uint64_t seen;   // these, and those that went through
        std::uint64_t resting;
    };
    struct Bins : std::array<Bin, kBinCount> {
        std::uint64_t change_count;  // of what is seen, and of that since it was reckoned
        std::uint64_t new_count;
    };

    void step() noexcept;
    void halve() noexcept;
    void reckon_changed() noexcept;
    void reckon(std::uint32_t reuse_class, const Bins& all) noexcept;
    [[nodiscard]] std::uint32_t& begun(std::uint32_t reuse_class, std::uint32_t slot) noexcept {
        return begun_[std::size_t{reuse_class} * kRingCount + (slot & (kRingCount - 1))];
    }

    std::uint32_t slot_ = 0;
    std::array<Bins, kClassCount> bins_ = {};
    std::array<std::array<std::uint64_t, kBinCount + 1>, kClassCount> values_ = {};
    Zeroed<std::uint32_t> begun_;  // [class][slot]: rests that have not ended
};

}  // namespace bwrt::planner
