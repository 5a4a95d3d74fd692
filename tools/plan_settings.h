// SPDX-License-Identifier: Apache-2.0
//
// plan_settings.h — what holds of all that can be told: the command line before the file, the file
// before the planner's own defaults, which are BCache's.

#pragma once

#include <cstdint>

#include "planner/learning/decay.h"
#include "planner/planner.h"
#include "planner/values/plan_error.h"
#include "tools/commands.h"
#include "tools/plan_file.h"

namespace bwrt::tools {

struct SettledPlan {
    planner::PlannerRule rule;
    std::uint64_t now_ns = 0;
    std::uint64_t half_life_ns = planner::kHalfLifeNsPages;
    std::uint64_t tenant_credits_bytes = ~std::uint64_t{0};  // of a tenant without caps
    std::uint32_t operation_count_max = 64;  // BCache's, of a tier of a node in a window
    bool has_budgets = true;
};

// `settled_out` as it was made.
[[nodiscard]] planner::PlanError settle(const WindowFile& file, const PlanSettings& settings,
                                        SettledPlan& settled_out);

}  // namespace bwrt::tools
