// SPDX-License-Identifier: Apache-2.0
//
// plan_heat.cpp — see plan_heat.h.

#include "tools/plan_heat.h"

#include <algorithm>
#include <tuple>

#include "planner/learning/decay.h"

namespace bwrt::tools {
namespace {

constexpr std::uint32_t kMsNs = 1'000'000;

// What the row of heat does not say is true of all.
bool may_be(const std::optional<std::string>& said, const std::optional<std::string>& own) {
    return !said.has_value() || *said == own.value_or("");
}

}  // namespace

std::uint64_t decayed_heat_milli(const HeatRow& row, std::uint64_t half_life_ns,
                                 std::uint64_t now_ns) {
    const std::uint64_t hits_milli = row.decay_hits.has_value() ? row.decay_hits->in(1'000) : 0;
    if (!row.as_of_ms.has_value()) return hits_milli;
    const planner::Decay decay(half_life_ns);
    const std::uint64_t now = decay.tick_of(now_ns), then = decay.tick_of(row.as_of_ms->in(kMsNs));
    return planner::Decay::fade(hits_milli, now - std::min(now, then));
}

HeatTable::HeatTable(const std::vector<HeatRow>& rows, std::uint64_t half_life_ns,
                     std::uint64_t now_ns)
    : rows_(rows), half_life_ns_(half_life_ns), now_ns_(now_ns), order_(rows.size()) {
    for (std::uint32_t i = 0; i < order_.size(); ++i) order_[i] = i;
    std::sort(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) {
        return std::tuple(*rows_[a].layer, *rows_[a].page_id, a) <
               std::tuple(*rows_[b].layer, *rows_[b].page_id, b);
    });
}

const HeatRow* HeatTable::hottest(const RequestRow& request) const {
    auto at = std::partition_point(order_.begin(), order_.end(), [&](std::uint32_t i) {
        return std::tuple(*rows_[i].layer, *rows_[i].page_id) <
               std::tuple(*request.layer, *request.page_start);
    });
    const HeatRow* best = nullptr;
    for (; at != order_.end(); ++at) {
        const HeatRow& row = rows_[*at];
        if (*row.layer != *request.layer || *row.page_id > *request.page_end) break;
        const bool is_of_it = may_be(row.model_id, request.model_id) &&
                              may_be(row.model_version, request.model_version) &&
                              may_be(row.prefix_id, request.prefix_id);
        if (!is_of_it) continue;
        if (best == nullptr || heat_milli(row) > heat_milli(*best)) best = &row;
    }
    return best;
}

}  // namespace bwrt::tools
