// SPDX-License-Identifier: Apache-2.0
//
// plan_caps.h — a window's tables of capacities as the planner takes them; see plan_window.h for
// what they mean.

#pragma once

#include <cstdint>
#include <vector>

#include "planner/placement.h"
#include "planner/routes.h"
#include "planner/values/plan_error.h"
#include "tools/plan_file.h"
#include "tools/plan_settings.h"

namespace bwrt::tools {

constexpr std::uint32_t kTierCount = planner::RequestWindow::kTierCountMax;

struct PlanCaps {
    std::vector<planner::TierBudget> budgets;  // [node][tier]
    std::vector<std::uint64_t> free_bytes;     // [node][tier]
    std::vector<planner::Route> routes;        // [source][target]
    std::vector<planner::Bus> buses;           // [node][kBusCountMax]
};

// `leaving_bytes`, [node][tier], could leave.  A tier that is there twice is an error.
[[nodiscard]] planner::PlanError read_tiers(const std::vector<TierCapRow>& rows,
                                            const SettledPlan& settled,
                                            const std::vector<std::uint64_t>& leaving_bytes,
                                            PlanCaps& out);

// By layer; 0: not known.
[[nodiscard]] planner::PlanError read_layers(const std::vector<LayerRow>& rows,
                                             std::vector<std::uint64_t>& layer_ns_out);

[[nodiscard]] inline std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) {
    return b > ~a ? ~std::uint64_t{0} : a + b;
}

}  // namespace bwrt::tools
