// SPDX-License-Identifier: Apache-2.0
//
// plan_row.h — what a wave asks the planner for: intervals of pages, in a few lines.
//
// Made when the wave is submitted, by who submits it (validate_planned.cpp), and read once, when
// the wave is given to a window (plan_lane.h).  A page is 4 KiB of the disk.  A block on the disk
// is the pages where it lies, so that two waves that want it want the same pages, which are read
// once, and blocks that lie side by side are one interval.  What else moves is nobody else's: it
// has pages of its own, as many as its bytes need.

#pragma once

#include <array>
#include <cstdint>

#include "runtime/page_pool.h"

namespace bwrt::runtime {

constexpr std::uint64_t kPlanPageBytes = 4096;

// The caller's memory is two tiers: the planner knows no way from a tier to itself, and a COPY has
// one.
enum PlanTier : std::uint8_t { kFromCaller, kToCaller, kInHostTier, kInDiskTier, kPlanTierCount };

// Whose pages: planner::Request::model.
enum PlanPages : std::uint8_t { kPagesOfDisk, kPagesOfWave };

struct PlanRow {
    std::uint64_t page_first;
    std::uint64_t page_count;
    std::uint32_t prefix;  // kPagesOfWave: the wave's slot
    std::uint16_t tenant;
    std::uint8_t pages;  // PlanPages
    std::uint8_t tier_src;
    std::uint8_t tier_dst;
    std::uint8_t padding[7];
};
static_assert(sizeof(PlanRow) == 32);

// Bytes by where they come from and where they go.
using PlanBytes = std::array<std::array<std::uint64_t, kPlanTierCount>, kPlanTierCount>;

constexpr std::uint32_t kPlanRowsPerPage = Page::kPayloadBytes / sizeof(PlanRow);
// Of one wave; what it has more is one interval of its own.
constexpr std::uint32_t kPlanRowsMax = 1024;

}  // namespace bwrt::runtime
