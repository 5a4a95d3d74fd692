// SPDX-License-Identifier: Apache-2.0
//
// wave_build.h — a plan as the waves that kernels run: one for each node and target tier, in the
// order in which these first appear.
//
//   io_extents   the wave's operations, in the plan's order
//   pack_order   the requests that they serve, by cluster, then deadline, then as they came
//   tile_order   a snake over as many tiles as there are extents
//   tile         the first of the rule's whose bk fills 32 bytes; tmem 8 columns, 4 phases, twice
//   swap_window  [extents, extents + tiles)
//
// This is the reference's builder and gives the same waves, but for pack_order: it packs every
// request of a layer that the wave has, those of other nodes and those that were turned away among
// them.  Here a request is packed in the wave of its own node and tier, and the caller says which
// there are; waves_of() gives those that are planned.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "planner/plan.h"
#include "planner/values/plan_error.h"
#include "planner/values/wave_spec.h"

namespace bwrt::planner {

struct WaveOperation {
    std::uint64_t page_first = 0;
    std::uint64_t page_last = 0;  // it belongs to it; before the first: no extent
    std::uint16_t layer = 0;
    std::uint16_t node = 0;
    std::uint8_t tier_dst = 0;
};

struct WaveRequest {
    std::uint64_t id = 0;
    std::uint64_t deadline_ns = kNoDeadline;
    std::uint64_t cluster = 0;
    std::uint16_t layer = 0;
    std::uint16_t node = 0;
    std::uint8_t tier_dst = 0;
};

// Throws std::bad_alloc.  An error when the rule has no tile whose bk fills 32 bytes; then what is
// out is left as it was.
[[nodiscard]] PlanError build_waves(std::span<const WaveOperation> operations,
                                    std::span<const WaveRequest> requests, const TileRule& rule,
                                    std::vector<WaveSpec>& out);

// Of a window's plan.  A request of several layers is packed once in a wave.  The cluster of a
// prefix is its entry; prefixes without one are a cluster of their own each.
[[nodiscard]] PlanError waves_of(const Plan& plan, const RequestColumns& rows,
                                 std::span<const std::uint32_t> cluster_of_prefix,
                                 const TileRule& rule, std::vector<WaveSpec>& out);

}  // namespace bwrt::planner
