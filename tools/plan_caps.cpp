// SPDX-License-Identifier: Apache-2.0
//
// plan_caps.cpp — see plan_caps.h.

#include "tools/plan_caps.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>

namespace bwrt::tools {
namespace {

using planner::plan_error;

__extension__ typedef unsigned __int128 Wide;

constexpr std::uint64_t kMsNs = 1'000'000;
constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};
static_assert(kTierCount <= planner::kBusCountMax, "each target tier has a bus");

struct TierCap {
    std::uint64_t bandwidth_bytes = kNoLimit;  // a window
    std::uint64_t free_bytes = kNoLimit;
    bool is_there = false;
};

// 0, not known, without a cap; else 1 at least.
std::uint64_t bus_bytes_per_ms(std::uint64_t bandwidth_bytes, std::uint64_t window_ns) {
    if (bandwidth_bytes == kNoLimit) return 0;
    constexpr Wide kMost = std::numeric_limits<std::int64_t>::max();
    const Wide rate = std::min(Wide{bandwidth_bytes} * kMsNs / window_ns, kMost);
    return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(rate));
}

}  // namespace

planner::PlanError read_tiers(const std::vector<TierCapRow>& rows, const SettledPlan& settled,
                              const std::vector<std::uint64_t>& leaving_bytes, PlanCaps& out) {
    std::array<TierCap, kTierCount> caps;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        TierCap& cap = caps[*rows[i].tier];
        if (cap.is_there) {
            return plan_error("tier_caps[" + std::to_string(i) + "].tier", "is there twice");
        }
        cap.is_there = true;
        if (rows[i].bandwidth_caps.has_value()) cap.bandwidth_bytes = rows[i].bandwidth_caps->in(1);
        if (rows[i].free_bytes.has_value()) cap.free_bytes = rows[i].free_bytes->in(1);
    }
    out.routes.resize(std::size_t{kTierCount} * kTierCount);
    for (std::size_t way = 0; way < out.routes.size(); ++way) {
        out.routes[way].bus = static_cast<std::uint8_t>(way % kTierCount);
    }
    out.buses.resize(leaving_bytes.size() / kTierCount * planner::kBusCountMax);
    for (std::size_t cell = 0; cell < leaving_bytes.size(); ++cell) {
        const TierCap& cap = caps[cell % kTierCount];
        const std::uint64_t room = saturating_add(cap.free_bytes, leaving_bytes[cell]);
        out.budgets.push_back({settled.has_budgets ? std::min(cap.bandwidth_bytes, room) : kNoLimit,
                               settled.operation_count_max});
        out.free_bytes.push_back(cap.free_bytes);
        out.buses[cell / kTierCount * planner::kBusCountMax + cell % kTierCount].bytes_per_ms =
            bus_bytes_per_ms(cap.bandwidth_bytes, settled.rule.window_ns);
    }
    return {};
}

planner::PlanError read_layers(const std::vector<LayerRow>& rows,
                               std::vector<std::uint64_t>& layer_ns_out) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (*rows[i].layer >= layer_ns_out.size()) layer_ns_out.resize(*rows[i].layer + 1);
        std::uint64_t& layer_ns = layer_ns_out[*rows[i].layer];
        if (layer_ns != 0) {
            return plan_error("layer_lat[" + std::to_string(i) + "].layer", "is there twice");
        }
        layer_ns = std::max<std::uint64_t>(1, rows[i].lat_ms->in(kMsNs));
    }
    return {};
}

}  // namespace bwrt::tools
