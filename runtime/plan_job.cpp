// SPDX-License-Identifier: Apache-2.0

#include "runtime/plan_job.h"

#include <algorithm>

#include "runtime/check.h"

namespace bwrt::runtime {

PlanJob::PlanJob(const planner::WindowLimits& limits, const planner::PlannerRule& rule,
                 std::uint32_t wave_count_max, const Clock* clock)
    : budgets(limits.tier_count),
      routes(std::size_t{limits.tier_count} * limits.tier_count),
      buses(planner::kBusCountMax),
      planner_(limits, rule),
      clock_(*clock) {
    fresh.reserve(limits.row_count_max);
    moving.reserve(limits.row_count_max);
    ended.reserve(limits.row_count_max);
    gone.reserve(wave_count_max);
    credits.reserve(limits.tenant_count);
}

void PlanJob::run() noexcept {
    const std::uint64_t begun_ns = clock_.now_ns();
    for (const Credit& credit : credits) {
        planner_.credits().set(credit.tenant, credit.rate, now_ns);
    }
    std::sort(gone.begin(), gone.end());
    planner_.next(gone);
    moving.clear();
    ended.clear();
    for (const planner::Request& row : fresh) {
        // Only a sum of more bytes than there are disks can be too much.
        if (planner_.request(row)) ended.push_back({row, planner::Verdict::kWaited});
    }
    read_plan(planner_.plan({.now_ns = now_ns,
                             .budgets = budgets.data(),
                             .routes = routes.data(),
                             .buses = buses.data(),
                             .min_io_bytes = min_io_bytes}));
    plan_ns = clock_.now_ns() - begun_ns;
}

void PlanJob::read_plan(const planner::Plan& plan) noexcept {
    row_count = planner_.row_count();
    carried_count = 0;
    for (std::uint32_t row = 0; row < row_count; ++row) {
        const planner::Verdict verdict = plan.verdicts[row];
        if (planner::is_carried(verdict)) {
            ++carried_count;
        } else if (verdict == planner::Verdict::kPlanned) {
            moving.push_back({planner_.rows().id[row], plan.finish_ns[row]});
        } else {
            ended.push_back({planner_.row(row), verdict});
        }
    }
    operation_count = plan.operations.size();
    bytes = fan_out = 0;
    for (const planner::Operation& operation : plan.operations) {
        bytes += operation.bytes;
        fan_out += operation.fan_out;
    }
}

}  // namespace bwrt::runtime
