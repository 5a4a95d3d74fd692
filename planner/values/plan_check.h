// SPDX-License-Identifier: Apache-2.0
//
// plan_check.h — whether a plan that was parsed, or made by somebody else, makes sense as a whole.
//
// A transfer     has a kind, a source and a target, and moves at least a byte;
//                its bytes end below 2^64 on either side;
//                its length is a multiple of its pages' count, and their bytes where those are
//                known
// a cache plan   moves no page twice to the same place, and lists none twice;
//                evicts none that it prefetches or brings up (H2D, STORAGE2H, STORAGE2D)
// a swap plan    has manifests whose chunks of a file do not overlap, with hashes that are hashes;
//                reads of a file of manifest_to what the manifest has of it;
//                writes no byte of a target twice; its window begins before it ends
// all strings    are UTF-8 without U+0000, so that they can be printed
//
// The first thing wrong is told, by field: "ops[3].length: is 0".  A page is (tensor, page, head,
// layer).  Time is n log n in the plan's lists, memory some 40 bytes a page, transfer and chunk.

#pragma once

#include <cstdint>

#include "planner/values/cache_plan.h"
#include "planner/values/plan_error.h"
#include "planner/values/swap_plan.h"

namespace bwrt::planner {

struct PlanRule {
    std::uint64_t page_bytes = 0;  // of each page of each transfer; 0: not known
};

// Throws std::bad_alloc.
[[nodiscard]] PlanError check(const CachePlan& plan, const PlanRule& rule = {});
[[nodiscard]] PlanError check(const SwapPlan& plan, const PlanRule& rule = {});

}  // namespace bwrt::planner
