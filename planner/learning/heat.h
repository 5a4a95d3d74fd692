// SPDX-License-Identifier: Apache-2.0
//
// heat.h — how often each page has been asked for lately, in memory that does not grow.
//
// A count-min sketch: a key has a cell in each row, its heat is the least of them, and it is never
// told less than there was.  With width w, the heat of all keys H and d rows it is told at most
// 2H/w too much but for a share of 2^-d of the keys (Cormode and Muthukrishnan 2005); an add raises
// no cell above what the key needs, which only lowers that (Estan and Varghese 2002).
//
//   row 0  [   .   .  |value tick|  .   ]    cell: (key x the row's odd number) >> (64 - log2 w)
//   row 1  [ |value tick|   .   .   .   ]    now:  value x 2^-((tick(now) - tick) / 2^24)
//
// Every cell decays, not a tracked few: each keeps the tick of its last raise and is decayed when
// it is read (decay.h).  A value has 16 bits behind the thousandth.  It is rounded only where it is
// raised, up by less than 3 of the last bit, and by a thousandth at least: so it is too high by
// less than 4.6e-5 of itself, and where hits are whole by 4.6e-8.  The age adds 4.2e-8 either way,
// a shift of half-lives takes one of the last bit, being told rounds to a thousandth.  A cell holds
// up to 2^48 thousandths, 281 billion hits, and stays there.
//
// The clock is the latest time that an add has told: an earlier one is that time.
//
// 4 rows of 4,096 (what BCache has; there the cells never decay) are 256 KiB, 16 bytes a cell.

#pragma once

#include <cstdint>

#include "planner/learning/decay.h"
#include "planner/zeroed.h"

namespace bwrt::planner {

// Where a page is: pages of a number differ between models, prefixes and layers.
struct PagePlace {
    std::uint32_t model = 0;
    std::uint32_t prefix = 0;
    std::uint16_t layer = 0;
};

// The key of a group of pages, well mixed: what differs is likely to differ in each bit.
[[nodiscard]] std::uint64_t heat_key(const PagePlace& place, std::uint64_t page_group) noexcept;

struct HeatLimits {
    std::uint32_t row_count = 4;     // 1 to 8
    std::uint32_t row_width = 4096;  // a power of two, up to 2^28
    std::uint64_t half_life_ns = kHalfLifeNsPages;
    std::uint32_t group_bits = 4;  // pages of an interval are counted by groups of 2^group_bits
    std::uint64_t seed = 1337;
};

class HeatSketch {
 public:
    static constexpr std::uint32_t kRowsMax = 8;
    static constexpr std::uint32_t kCellBytes = 16;
    static constexpr std::uint32_t kLooksMax = 64;
    static constexpr std::uint64_t kHitsMilliMax = std::uint64_t{1} << 48;

    explicit HeatSketch(const HeatLimits& limits);

    // `key` is 64 bits of a good hash.  The heat with these hits, in thousandths.
    std::uint64_t add(std::uint64_t key, std::uint64_t hits_milli, std::uint64_t now_ns) noexcept;

    [[nodiscard]] std::uint64_t estimate(std::uint64_t key, std::uint64_t now_ns) const noexcept;

    // The same for the pages from page_first to page_last, which is one of them.  Up to 64 groups
    // are all looked at.  Of more, the first, the last, and those between whose number is a
    // multiple of the least power of two that leaves at most 62: evenly spread, and the same ones
    // for two long intervals that share pages.  The heat of an interval is that of its hottest
    // group.  With page_last before page_first it is nothing.
    void add_pages(const PagePlace& place, std::uint64_t page_first, std::uint64_t page_last,
                   std::uint64_t hits_milli, std::uint64_t now_ns) noexcept;
    [[nodiscard]] std::uint64_t estimate_pages(const PagePlace& place, std::uint64_t page_first,
                                               std::uint64_t page_last,
                                               std::uint64_t now_ns) const noexcept;

 private:
    struct Cell {
        std::uint64_t value;  // thousandths of a hit x 2^16, at `tick`
        std::uint64_t tick;
    };
    static_assert(sizeof(Cell) == kCellBytes);

    [[nodiscard]] std::uint64_t index_of(std::uint64_t key, std::uint32_t row) const noexcept {
        return row * row_width_ + ((key * multipliers_[row]) >> index_shift_);
    }
    [[nodiscard]] std::uint64_t least_value(std::uint64_t key, std::uint64_t tick) const noexcept;

    Decay decay_;
    std::uint64_t tick_ = 0;  // the latest told
    std::uint64_t row_width_;
    std::uint32_t row_count_;
    std::uint32_t index_shift_;
    std::uint32_t group_bits_;
    std::uint64_t multipliers_[kRowsMax];
    Zeroed<Cell> cells_;
};

}  // namespace bwrt::planner
