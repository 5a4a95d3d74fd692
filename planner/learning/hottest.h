// SPDX-License-Identifier: Apache-2.0
//
// hottest.h — the keys with most hits lately, by name, in memory that does not grow.
//
// SpaceSaving (Metwally, Agrawal and El Abbadi 2005).  A key that is not in the full list takes the
// place of the least, and its count, too: a count is too large by at most the `error` that came
// with it, and no key with more hits than the least count is missing.  Of equal ones the one that
// came in first leaves.  A sketch (heat.h) knows nearly nothing of many keys, this list much of a
// few; where a key is in both, the lesser count is the better one.
//
// All counts decay alike, so decay changes no order: a count is kept as what it would have been at
// a landmark, and only hits are weighed.
//
//   kept  = sum of hits x 2^(age of the landmark, in half-lives, when they came)      128 bits
//   count = kept x 2^-(age of the landmark now)
//
// So the heap stands still between adds, and nothing is rounded twice: a hit is wrong by less than
// a tick of its age (decay.h), 4.2e-8 of it, and a count by half a thousandth in being told.  Equal
// sums of hits of one tick are equal to the bit.  After 16 half-lives, 18 minutes at 69.3 s, the
// landmark moves and all counts with it, in the time that there are keys; what falls below 2^-62 of
// a thousandth is 0 then, and the first to leave.
//
// A key takes 80 bytes where their number is a power of two, and 88 at most.

#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "planner/learning/decay.h"
#include "planner/learning/key_slots.h"
#include "planner/zeroed.h"

namespace bwrt::planner {

struct HottestLimits {
    std::uint32_t key_count = 4096;  // up to 2^30
    std::uint64_t half_life_ns = kHalfLifeNsPages;
};

struct HotKey {
    std::uint64_t key = 0;
    std::uint64_t count_milli = 0;  // thousandths of a hit
    std::uint64_t error_milli = 0;  // at most this much of the count is another's
};

class HottestKeys {
 public:
    static constexpr std::uint64_t kHitsMilliMax = std::uint64_t{1} << 48;  // a count stays there

    explicit HottestKeys(const HottestLimits& limits);

    // `key` is 64 bits of a good hash.  No hits change nothing; an earlier time than an add before
    // has told is that time.
    void add(std::uint64_t key, std::uint64_t hits_milli, std::uint64_t now_ns) noexcept;

    [[nodiscard]] std::optional<HotKey> find(std::uint64_t key,
                                             std::uint64_t now_ns) const noexcept;

    // The hottest, most hits first, of equal ones the one that came in first.  How many there are.
    std::uint32_t top(std::uint64_t now_ns, std::span<HotKey> keys_out) noexcept;

    [[nodiscard]] std::uint32_t key_count() const noexcept { return used_count_; }

 private:
    __extension__ typedef unsigned __int128 Wide;

    struct Entry {
        Wide kept;  // thousandths of a hit x 2^62, at the landmark
        Wide kept_error;
        std::uint64_t key;
        std::uint64_t came;   // numbers those that came in
        std::uint32_t place;  // in the heap
    };

    [[nodiscard]] bool leaves_before(std::uint32_t left, std::uint32_t right) const noexcept;
    void sift_up(std::uint32_t place) noexcept;
    void sift_down(std::uint32_t place) noexcept;
    void put(std::uint32_t place, std::uint32_t entry) noexcept;

    void move_landmark(std::uint64_t tick) noexcept;
    [[nodiscard]] std::uint64_t milli_at(Wide kept, std::uint64_t tick) const noexcept;
    [[nodiscard]] HotKey show(const Entry& entry, std::uint64_t tick) const noexcept;

    Decay decay_;
    std::uint64_t tick_ = 0;  // the latest told
    std::uint64_t landmark_ = 0;
    std::uint64_t came_count_ = 0;
    std::uint32_t key_count_max_;
    std::uint32_t used_count_ = 0;
    Zeroed<Entry> entries_;
    Zeroed<std::uint32_t> heap_;  // of entries, the first to leave at place 0
    KeySlots slots_;
    Zeroed<std::uint32_t> order_;  // of top()
};

}  // namespace bwrt::planner
