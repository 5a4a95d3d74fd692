// SPDX-License-Identifier: Apache-2.0
//
// plan_report.h — a plan as a person reads it: what moves, what became of each request, what leaves
// and what is worth writing, and what it comes to.

#pragma once

#include <cstdint>

#include "planner/values/cache_plan.h"
#include "planner/values/swap_plan.h"
#include "planner/values/wave_spec.h"
#include "tools/plan_window.h"

namespace bwrt::tools {

// No list is longer than `line_limit`.  With `is_synthetic` BCache's figures stand beside ours.
void print_report(const PlannedWindow& window, std::uint64_t line_limit, bool is_synthetic);

// Plans from a file, which were checked.
void print_report(const planner::CachePlan& plan, std::uint64_t line_limit);
void print_report(const planner::SwapPlan& plan, std::uint64_t line_limit);
void print_report(const planner::WaveSpec& spec, std::uint64_t line_limit);

}  // namespace bwrt::tools
