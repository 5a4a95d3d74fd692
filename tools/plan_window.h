// SPDX-License-Identifier: Apache-2.0
//
// plan_window.h — a window of names (plan_file.h) put to the planner: names become numbers, caps
// become budgets and buses, and the plan stands beside the names again.
//
//   model and version, prefix, node, tenant   numbers; equal names, one
//   heat of a row        the most of any of its pages, where model, version and prefix of the row
//   of
//                        heat are its own or are not said; and that row's weight.  With as_of_ms it
//                        is halved for each half-life since then
//   budget of a tier     its bandwidth_caps and max_ops for each node, from all sources together;
//                        no more than is free there, or could be: what heat has there with `tier`
//   bus of a tier        one for each node and target tier, bandwidth_caps in a window: operations
//                        stand in line on it, and nothing makes it wider (routes.h)
//   credit of a tenant   its caps of the tiers that it asks for, over all nodes
//   defaults             tier 0 to 2, pages of 256 KiB, tenant "default", 1 ms to fill, no
//   deadline;
//                        a live request; a request's id is its row's number
//
// Ids that are not all whole numbers are numbered by their first appearance, as BCache does it.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "planner/plan.h"
#include "planner/planner.h"
#include "planner/values/plan_error.h"
#include "planner/values/plan_export.h"
#include "tools/commands.h"
#include "tools/plan_file.h"

namespace bwrt::tools {

struct PlannedWindow {
    std::uint64_t now_ns = 0;
    std::uint64_t window_ns = 0;
    planner::Plan plan;
    planner::RequestColumns rows;
    std::vector<std::string> ids;  // of the rows, as the file has them
    std::vector<std::string> nodes;
    std::vector<std::string> models;
    std::vector<std::string> prefixes;
    std::vector<std::uint32_t> cluster_of_prefix;  // empty: none are given
    std::vector<std::uint64_t> layer_ns;           // 0: not known
    std::uint64_t room_short_bytes = 0;            // that the plan needs beyond free and evicted

    [[nodiscard]] planner::PlanNames names() const {
        return {.nodes = nodes, .models = models, .prefixes = prefixes};
    }
};

// The command line's settings go before those of the file.  On an error what is out is left as it
// was.
[[nodiscard]] planner::PlanError plan_window(const WindowFile& file, const PlanSettings& settings,
                                             PlannedWindow& out);

// What the operations come to on the buses, one behind the other.
struct PlanFigures {
    std::uint64_t operation_count = 0;
    std::uint64_t bytes = 0;
    std::uint64_t fan_out = 0;        // rows served, of all operations
    std::uint64_t finish_ns = 0;      // from now on, of all operations
    std::uint64_t in_time_count = 0;  // by the deadline
    // By the time at which the engine computes the layer: when it starts now and each layer takes
    // as long as it is said to, the end of the layer.
    std::uint64_t in_layer_count = 0;
    std::uint64_t row_count = 0;          // of the window
    std::uint64_t row_bytes = 0;          // they ask for
    std::uint64_t row_planned_count = 0;  // at least a part of them
    std::uint64_t served_bytes = 0;       // those ask for
};

[[nodiscard]] PlanFigures figures_of(const PlannedWindow& window);

}  // namespace bwrt::tools
