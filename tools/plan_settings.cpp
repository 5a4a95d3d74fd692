// SPDX-License-Identifier: Apache-2.0
//
// plan_settings.cpp — see plan_settings.h.

#include "tools/plan_settings.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bwrt::tools {
namespace {

using planner::JsonDecimal;
using planner::plan_error;

constexpr std::uint32_t kMilli = 1'000;
constexpr std::uint32_t kMsNs = 1'000'000;

// In units of 1 / per_one.  What the command line may say has bounds, so nothing is cut there.
std::uint64_t pick(const std::optional<double>& told, const std::optional<JsonDecimal>& written,
                   std::uint32_t per_one, std::uint64_t otherwise) {
    if (told.has_value()) return static_cast<std::uint64_t>(std::llround(*told * per_one));
    return written.has_value() ? written->in(per_one) : otherwise;
}

std::uint32_t pick_share(const std::optional<double>& told,
                         const std::optional<JsonDecimal>& written, std::uint32_t otherwise) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(
        pick(told, written, kMilli, otherwise), std::numeric_limits<std::uint32_t>::max()));
}

// The one that may be below zero.
std::int64_t pick_umin(const std::optional<double>& told,
                       const std::optional<JsonDecimal>& written) {
    if (told.has_value()) return std::llround(*told * kMilli);
    if (!written.has_value()) return 0;
    const auto milli =
        static_cast<std::int64_t>(std::min<std::uint64_t>(written->in(kMilli), planner::kSlackMax));
    return written->is_negative ? -milli : milli;
}

planner::PlanError settle_now(const WindowFile& file, const PlanSettings& settings,
                              std::uint64_t& now_ns_out) {
    if (settings.now_ms.has_value()) {
        now_ns_out = JsonDecimal{.whole = *settings.now_ms}.in(kMsNs);
    } else if (file.now_ns.has_value()) {
        now_ns_out = *file.now_ns;
    } else if (file.now_ms.has_value()) {
        now_ns_out = file.now_ms->in(kMsNs);
    } else {
        return plan_error("now_ms", "is missing, and --now-ms is not given");
    }
    return {};
}

void settle_score(const PlanSettings& settings, const KnobRow& knobs, planner::ScoreRule& score) {
    score.alpha_milli = pick_share(settings.alpha, knobs.alpha, score.alpha_milli);
    score.beta_milli = pick_share(settings.beta, knobs.beta, score.beta_milli);
    score.pmin_milli = pick(settings.pmin, knobs.pmin, kMilli, score.pmin_milli);
    score.umin_milli = pick_umin(settings.umin, knobs.umin);
    score.filters = !settings.no_filter;
    score.smallest_first = settings.smallest_first;
}

}  // namespace

planner::PlanError settle(const WindowFile& file, const PlanSettings& settings,
                          SettledPlan& settled_out) {
    const KnobRow& knobs = file.knobs;
    SettledPlan settled;
    planner::PlannerRule& rule = settled.rule;
    if (planner::PlanError error = settle_now(file, settings, settled.now_ns)) return error;
    rule.window_ns = pick(settings.window_ms, knobs.window_ms, kMsNs, rule.window_ns);
    if (rule.window_ns == 0) return plan_error("knobs.window_ms", "must be above 0");
    rule.min_io_bytes =
        settings.min_io_bytes.value_or(knobs.min_io_bytes.value_or(rule.min_io_bytes));
    settle_score(settings, knobs, rule.score);
    rule.admission.heat_milli_min =
        pick(settings.reuse_threshold, {}, kMilli, rule.admission.heat_milli_min);
    rule.has_credits = !settings.no_credits;
    rule.merges = !settings.no_merge;
    rule.has_overlap = !settings.no_overlap;
    rule.has_eviction = !settings.no_eviction;
    rule.has_admission = !settings.no_admission;
    rule.takes_late = settings.take_late;
    const std::uint64_t half_life_us =
        pick(settings.half_life_s, knobs.half_life_s, 1'000'000, settled.half_life_ns / 1'000);
    settled.half_life_ns = JsonDecimal{.whole = half_life_us}.in(1'000);
    settled.operation_count_max =
        settings.max_ops.value_or(knobs.max_ops_per_tier.value_or(settled.operation_count_max));
    settled.tenant_credits_bytes = settings.tenant_credits_bytes.value_or(
        knobs.tenant_credits_bytes.value_or(settled.tenant_credits_bytes));
    settled.has_budgets = !settings.no_budgets && knobs.enforce_tier_caps.value_or(true);
    settled_out = settled;
    return {};
}

}  // namespace bwrt::tools
