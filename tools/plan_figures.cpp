// SPDX-License-Identifier: Apache-2.0
//
// plan_figures.cpp — what a plan comes to; see plan_window.h.

#include "tools/plan_caps.h"
#include "tools/plan_window.h"

namespace bwrt::tools {
namespace {

constexpr std::uint64_t kLayerNs = 1'000'000;  // of a layer of which nothing is said, as overlap.h

}  // namespace

PlanFigures figures_of(const PlannedWindow& window) {
    PlanFigures figures;
    std::vector<std::uint64_t> layer_end_ns(window.layer_ns.size());
    std::uint64_t end_ns = window.now_ns;
    for (std::size_t layer = 0; layer < layer_end_ns.size(); ++layer) {
        const std::uint64_t layer_ns = window.layer_ns[layer];
        end_ns = saturating_add(end_ns, layer_ns == 0 ? kLayerNs : layer_ns);
        layer_end_ns[layer] = end_ns;
    }
    for (const planner::Operation& each : window.plan.operations) {
        ++figures.operation_count;
        figures.bytes += each.bytes;
        figures.fan_out += each.fan_out;
        figures.finish_ns = saturating_add(figures.finish_ns, each.finish_ns - window.now_ns);
        if (each.finish_ns <= each.deadline_ns) ++figures.in_time_count;
        const bool is_known = each.layer < layer_end_ns.size();
        if (is_known && each.finish_ns <= layer_end_ns[each.layer]) ++figures.in_layer_count;
    }
    for (std::uint32_t row = 0; row < window.plan.verdicts.size(); ++row) {
        ++figures.row_count;
        figures.row_bytes += window.rows.bytes(row);
        if (window.plan.verdicts[row] > planner::Verdict::kPlannedPart) continue;
        ++figures.row_planned_count;
        figures.served_bytes += window.rows.bytes(row);
    }
    return figures;
}

}  // namespace bwrt::tools
