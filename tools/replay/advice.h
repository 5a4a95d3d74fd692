// SPDX-License-Identifier: Apache-2.0
//
// advice.h — what to do next, in plain sentences with the numbers that they come from: which tier
// is short, what a larger one would give, and what else stood in the way.
//
// What was measured is told as measured.  What another size would give is leaf-LRU's by the trace
// (miss_curve.h), and is compared with leaf-LRU at the present size, never with what was measured:
// the difference is then that of the size alone.  The present size is what blocks took of a tier at
// most, since not all of a disk can be blocks.  A tier is short when twice of that gives a point of
// hits, and only where what was measured is no more than a point below leaf-LRU in it: else
// something other than the size is in the way, and that is said first.  What is written to disk is
// not taken out of memory: together the tiers have what the larger one has.  Nor is memory short
// where loads take next to nothing of what first tokens wait for: hits on disk cost nothing, then.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/replay/miss_curve.h"
#include "tools/replay/replay.h"

namespace bwrt::replay {

// A replay, and through what room it went.
struct Measured {
    const ReplayResult* result = nullptr;
    std::uint64_t block_bytes = 1;
    std::uint64_t host_bytes = 0, disk_bytes = 0;
    std::uint32_t write_touch_count = 1;
    double speed = 1;  // trace seconds in a second; 0: nobody waited for an arrival
};

// What blocks took of each tier at most; where nobody looked, all of it.
struct Room {
    std::uint64_t host_bytes = 0, disk_bytes = 0;
};
[[nodiscard]] Room room_of(const Measured& measured);

struct Advice {
    std::string verdict;
    std::vector<std::string> reasons;
};

[[nodiscard]] Advice advice_of(const Measured& measured, const MissCurve& curve);

}  // namespace bwrt::replay
