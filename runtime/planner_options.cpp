// SPDX-License-Identifier: Apache-2.0

#include "runtime/planner_options.h"

#include <cstdio>

#include "planner/learning/prediction.h"
#include "planner/planner.h"
#include "runtime/boundary.h"
#include "runtime/plan_row.h"

namespace bwrt::runtime {
namespace {

constexpr std::size_t kPlannerBytesMin = sizeof(bwrt_planner);
constexpr std::uint32_t kFlags = BWRT_PLANNER_NO_FILTER | BWRT_PLANNER_NO_CREDITS |
                                 BWRT_PLANNER_NO_BUDGETS | BWRT_PLANNER_NO_MERGE |
                                 BWRT_PLANNER_TAKE_LATE | BWRT_PLANNER_NO_FEEDBACK;

// The largest wave has its rows and a piece for each way; a window that is empty takes it.
constexpr std::uint32_t kRowCountMin = 2048;
static_assert(kPlanRowsMax + kPlanTierCount * kPlanTierCount <= kRowCountMin);

bwrt_status check(const char* name, std::uint64_t value, std::uint64_t minimum,
                  std::uint64_t maximum, const ErrorSink& sink) {
    if (value >= minimum && value <= maximum) return BWRT_OK;
    char field[48];
    std::snprintf(field, sizeof field, "planner.%s", name);
    return fail(sink, BWRT_E_INVAL, field, "%s %llu is outside %llu to %llu", name, ull(value),
                ull(minimum), ull(maximum));
}

// Behind two hours nothing is known of what comes back (planner/learning/return_times.h).
bwrt_status check_prediction(const bwrt_planner& checked, const ErrorSink& sink) {
    bwrt_status status = check("prefetch_horizon_ns", checked.prefetch_horizon_ns, 100'000'000,
                               7'200'000'000'000, sink);
    if (status == BWRT_OK) {
        status = check("prefetch_wasted_milli", checked.prefetch_wasted_milli, 1, 900, sink);
    }
    if (status == BWRT_OK) {
        status = check("prefetch_chain_count_max", checked.prefetch_chain_count_max, 1,
                       planner::Predictor::kChainCountMax, sink);
    }
    return status;
}

}  // namespace

bwrt_status check_prefetch(const bwrt_planner& checked, const bwrt_store* store,
                           const ErrorSink& sink) {
    if (checked.prefetch_bytes_max == 0) return BWRT_OK;
    if (store == nullptr || store->host_bytes == 0 || store->directory_count == 0) {
        return fail(sink, BWRT_E_INVAL, "planner.prefetch_bytes_max",
                    "%llu, and there is no store with a host tier and a disk",
                    ull(checked.prefetch_bytes_max));
    }
    return check("prefetch_bytes_max", checked.prefetch_bytes_max, 1, store->host_bytes / 2, sink);
}

bwrt_status read_planner(const bwrt_planner* planner, Tuning* tuning, bwrt_planner* checked_out,
                         const ErrorSink& sink) {
    if (planner == nullptr) {
        tuning->fill_in(static_cast<bwrt_planner*>(nullptr));
        return BWRT_OK;
    }
    if (reinterpret_cast<std::uintptr_t>(planner) % alignof(std::uint64_t) != 0) {
        return fail(sink, BWRT_E_INVAL, "config.planner", "not aligned to 8 bytes");
    }
    bwrt_planner checked;
    if (const bwrt_status status = copy_in(&checked, planner, planner->struct_size,
                                           kPlannerBytesMin, "planner.struct_size", sink)) {
        return status;
    }
    tuning->fill_in(&checked);
    if ((checked.flags & ~kFlags) != 0) {
        return fail(sink, BWRT_E_INVAL, "planner.flags", "flags 0x%x are not all BWRT_PLANNER_*",
                    checked.flags);
    }
    const planner::ScoreRule score;
    const planner::PlannerRule rule;
    if (checked.window_ns == 0) checked.window_ns = rule.window_ns;
    if (checked.row_count_max == 0) checked.row_count_max = 4096;
    if (checked.alpha_milli == 0) checked.alpha_milli = score.alpha_milli;
    if (checked.pmin_milli == 0) checked.pmin_milli = static_cast<std::uint32_t>(score.pmin_milli);
    if (checked.age_first == 0) checked.age_first = rule.age_first;
    if (checked.age_max == 0) checked.age_max = std::min(2 * checked.age_first, 255u);
    if (checked.half_life_ns == 0) checked.half_life_ns = rule.heat.half_life_ns;
    const planner::PredictionRule prediction;
    const planner::PredictionLimits chains;
    if (checked.prefetch_horizon_ns == 0) checked.prefetch_horizon_ns = prediction.horizon_ns;
    if (checked.prefetch_wasted_milli == 0) {
        checked.prefetch_wasted_milli = prediction.wasted_milli_max;
    }
    if (checked.prefetch_chain_count_max == 0) {
        checked.prefetch_chain_count_max = chains.chain_count;
    }
    bwrt_status status = check("window_ns", checked.window_ns, 100'000, 10'000'000'000, sink);
    if (status == BWRT_OK) {
        status = check("row_count_max", checked.row_count_max, kRowCountMin, 1u << 20, sink);
    }
    if (status == BWRT_OK) {
        status = check("half_life_ns", checked.half_life_ns, planner::kHalfLifeNsMin, ~0ull, sink);
    }
    if (status == BWRT_OK) status = check("age_first", checked.age_first, 1, 254, sink);
    if (status == BWRT_OK) {
        status = check("age_max", checked.age_max, checked.age_first + 1, 255, sink);
    }
    if (status == BWRT_OK) status = check_prediction(checked, sink);
    checked.struct_size = sizeof checked;
    if (status == BWRT_OK) *checked_out = checked;
    return status;
}

planner::PlannerRule planner_rule(const bwrt_planner& options) {
    const auto is_on = [&](std::uint32_t flag) { return (options.flags & flag) == 0; };
    planner::PlannerRule rule;
    rule.score = {.alpha_milli = options.alpha_milli,
                  .beta_milli = options.beta_milli,
                  .pmin_milli = options.pmin_milli,
                  .umin_milli = options.umin_milli,
                  .filters = is_on(BWRT_PLANNER_NO_FILTER)};
    rule.window_ns = options.window_ns;
    rule.min_io_bytes = options.min_io_bytes;
    rule.age_first = static_cast<std::uint8_t>(options.age_first);
    rule.age_max = static_cast<std::uint8_t>(options.age_max);
    rule.takes_late = !is_on(BWRT_PLANNER_TAKE_LATE);
    rule.has_credits = is_on(BWRT_PLANNER_NO_CREDITS);
    rule.has_budgets = is_on(BWRT_PLANNER_NO_BUDGETS);
    rule.merges = is_on(BWRT_PLANNER_NO_MERGE);
    rule.takes_small = options.min_io_bytes == 0;
    rule.has_heat = true;
    rule.heat.half_life_ns = options.half_life_ns;
    rule.has_finishes = true;
    return rule;
}

}  // namespace bwrt::runtime
