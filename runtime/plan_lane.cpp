// SPDX-License-Identifier: Apache-2.0

#include "runtime/plan_lane.h"

#include <algorithm>

#include "runtime/planner_options.h"
#include "runtime/schedule.h"

namespace bwrt::runtime {
namespace {

planner::WindowLimits limits_of(const Tables& tables) {
    return {.row_count_max = tables.planner.row_count_max,
            .tenant_count = tables.blocks.tenant_count,
            .node_count = 1,
            .tier_count = kPlanTierCount};
}

// What is measured, by routes; a flush moves no bytes.
constexpr Route kMeasured[] = {Route::kRead, Route::kWrite, Route::kCopy};
enum : std::size_t { kReads, kWrites, kCopies };
constexpr planner::MeasuredRoute kMeasuredRoutes[] = {
    {.bus = static_cast<std::uint8_t>(Lane::kStorage)},
    {.bus = static_cast<std::uint8_t>(Lane::kStorage)},
    {.bus = static_cast<std::uint8_t>(Lane::kHost), .stream_count_max = 1}};

planner::FeedbackRule feedback_of(const bwrt_planner& options) {
    planner::FeedbackRule rule;
    rule.min_io_bytes = options.min_io_bytes;
    rule.is_frozen = (options.flags & BWRT_PLANNER_NO_FEEDBACK) != 0;
    return rule;
}

std::size_t measured_by(std::uint32_t source, std::uint32_t target) noexcept {
    return source == kInDiskTier ? kReads : target == kInDiskTier ? kWrites : kCopies;
}

}  // namespace

PlanLane::PlanLane(Tables* tables, const Clock* clock, const Counters* counters, Janitor* janitor,
                   PlanOwner* owner)
    : tables_(*tables),
      janitor_(*janitor),
      owner_(*owner),
      counters_(*counters),
      window_ns_(tables->planner.window_ns),
      row_count_max_(tables->planner.row_count_max),
      has_feedback_((tables->planner.flags & BWRT_PLANNER_NO_FEEDBACK) == 0),
      feedback_(feedback_of(tables->planner), kMeasuredRoutes),
      job_(limits_of(*tables), planner_rule(tables->planner),
           tables->waves.count() + kAheadCountMax, clock),
      tenant_rows_(tables->blocks.tenant_count),
      tenant_held_(tables->blocks.tenant_count) {
    again_.reserve(row_count_max_);
    ahead_.reserve(kAheadCountMax);
    gone_.reserve(tables->waves.count() + kAheadCountMax);
    credits_.reserve(tables->blocks.tenant_count);
    const bwrt_planner& options = tables->planner;
    const auto limit = [&](PlanTier tier, std::uint64_t bytes) {
        planner::TierBudget& budget = job_.budgets[tier];
        if (bytes != 0) budget.bytes = bytes;
        if (options.operation_count_max != 0) budget.operation_count = options.operation_count_max;
    };
    limit(kToCaller, options.caller_budget_bytes);
    limit(kInHostTier, options.host_budget_bytes);
    limit(kInDiskTier, options.disk_budget_bytes);
}

void PlanLane::set_credit(std::uint16_t tenant, const planner::TokenRate& rate) noexcept {
    for (PlanJob::Credit& credit : credits_) {
        if (credit.tenant == tenant) {
            credit.rate = rate;
            return;
        }
    }
    credits_.push_back({tenant, rate});
}

// ---- windows

std::uint64_t PlanLane::next_timer_ns() const noexcept {
    return !is_out_ && has_work() ? due_ns_ : kNeverNs;
}

// A janitor that is the driver himself is done when begin() is: nobody would wake a driver who
// rested before he looked.
bool PlanLane::turn(std::uint64_t now_ns, const LaneLoad (&loads)[kLaneCount]) noexcept {
    const bool begins = !is_out_ && has_work() && now_ns >= due_ns_;
    if (begins) begin(now_ns, loads);
    if (!is_out_ || janitor_.reap() == nullptr) return begins;
    is_out_ = false;
    take_results();
    return true;
}

void PlanLane::begin(std::uint64_t now_ns, const LaneLoad (&loads)[kLaneCount]) noexcept {
    due_ns_ = now_ns + window_ns_;
    job_.now_ns = now_ns;
    job_.gone.swap(gone_);
    gone_.clear();
    job_.credits.swap(credits_);
    credits_.clear();
    job_.fresh.swap(again_);
    again_.clear();
    fill_window();
    fill_with_ahead();
    observe();
    set_rates(now_ns, loads);
    is_out_ = true;
    janitor_.start(&job_);
}

void PlanLane::observe() noexcept {
    planner::RouteSample samples[std::size(kMeasured)];
    for (std::size_t i = 0; i < std::size(kMeasured); ++i) {
        samples[i] = counters_.moved_by(kMeasured[i]);
    }
    feedback_.observe(samples, finishes_);
}

std::uint64_t PlanLane::rate_of(Lane lane, const LaneLoad& load) const noexcept {
    return has_feedback_ ? feedback_.bus_bytes_per_ms(static_cast<std::uint8_t>(lane))
                         : load.bytes_per_ms;
}

// A way that ends or begins on the disk is the storage lane's, every other one the host lane's.
void PlanLane::set_rates(std::uint64_t now_ns, const LaneLoad (&loads)[kLaneCount]) noexcept {
    for (std::uint32_t lane = 0; lane < kLaneCount; ++lane) {
        // An old measurement makes nobody late: what moves makes a new one.
        const bool is_known = now_ns <= loads[lane].measured_ns + kPatienceNs;
        job_.buses[lane] = {is_known ? rate_of(static_cast<Lane>(lane), loads[lane]) : 0,
                            loads[lane].queued_bytes};
    }
    for (std::uint32_t source = 0; source < kPlanTierCount; ++source) {
        for (std::uint32_t target = 0; target < kPlanTierCount; ++target) {
            const std::size_t measured = measured_by(source, target);
            // Without feedback the latency is in the mean rate.  An operation is many requests at
            // once, so that no stream alone is its rate.
            job_.routes[source * kPlanTierCount + target] = {
                .latency_ns = feedback_.route(measured).route.latency_ns,
                .stream_bytes_per_ms = 0,
                .bus = kMeasuredRoutes[measured].bus};
        }
    }
    job_.min_io_bytes = planner::kAsTheRule;
    if (!feedback_.is_measured(kReads)) return;  // nor ever while frozen
    const bool is_idle = loads[static_cast<std::uint32_t>(Lane::kStorage)].queued_bytes == 0;
    job_.min_io_bytes =
        is_idle ? 0 : std::min(feedback_.route(kReads).min_io_bytes, tables_.planner.min_io_bytes);
}

// ---- what came of it

Wave* PlanLane::in_window(std::uint64_t id) noexcept {
    Wave* const wave = tables_.waves.find(id);
    // The ticket, since the slot of one that is gone may be somebody's who fills it.
    const bool is_it = wave != nullptr && wave->ticket.load(std::memory_order_acquire) == id &&
                       wave->phase == Phase::kWaiting && wave->plan_state == PlanState::kInWindow;
    return is_it ? wave : nullptr;
}

void PlanLane::take_results() noexcept {
    ++counts_.plan_count;
    counts_.plan_row_count += job_.row_count;
    counts_.plan_carried_count += job_.carried_count;
    counts_.plan_operation_count += job_.operation_count;
    counts_.plan_served_count += job_.fan_out;
    counts_.plan_bytes += job_.bytes;
    counts_.plan_ns += job_.plan_ns;
    for (const PlanJob::Moving& moving : job_.moving) row_moves(moving);
    for (const PlanJob::Ended& ended : job_.ended) row_ended(ended);
}

void PlanLane::row_moves(const PlanJob::Moving& moving) noexcept {
    if (is_ahead(moving.id)) {
        if (owner_.ahead_planned(moving.id)) --window_row_count_;
        return;
    }
    Wave* const wave = in_window(moving.id);
    if (wave == nullptr) return;
    wave->plan_begun_ns = job_.now_ns;
    wave->plan_finish_ns = std::max({wave->plan_finish_ns, moving.finish_ns, job_.now_ns});
    wave->plan_model_ns = feedback_.uncorrected_ns(wave->plan_finish_ns - job_.now_ns);
    --window_row_count_;
    --count_tenant(*wave);
    if (--wave->plan_rows_open != 0) return;
    wave->plan_state = PlanState::kPlanned;
    owner_.planned(wave);
}

void PlanLane::finished(const Wave& wave, std::uint64_t now_ns) noexcept {
    const std::uint64_t predicted_ns = wave.plan_finish_ns;
    if (wave.plan_state != PlanState::kPlanned || wave.completion.status != BWRT_OK) return;
    if (predicted_ns <= wave.plan_begun_ns || now_ns < wave.plan_begun_ns) return;
    ++counts_.plan_finished_count;
    counts_.plan_on_time_count += wave.is_late(now_ns) ? 0 : 1;
    counts_.plan_error_ns += now_ns > predicted_ns ? now_ns - predicted_ns : predicted_ns - now_ns;
    finishes_.add(wave.plan_model_ns, now_ns - wave.plan_begun_ns);
}

void PlanLane::snapshot(bwrt_counters* counters_out) const noexcept {
    counters_out->plan_count = counts_.plan_count;
    counters_out->plan_row_count = counts_.plan_row_count;
    counters_out->plan_carried_count = counts_.plan_carried_count;
    counters_out->plan_late_count = counts_.plan_late_count;
    counters_out->plan_waited_count = counts_.plan_waited_count;
    counters_out->plan_operation_count = counts_.plan_operation_count;
    counters_out->plan_served_count = counts_.plan_served_count;
    counters_out->plan_bytes = counts_.plan_bytes;
    counters_out->plan_ns = counts_.plan_ns;
    counters_out->plan_finished_count = counts_.plan_finished_count;
    counters_out->plan_on_time_count = counts_.plan_on_time_count;
    counters_out->plan_error_ns = counts_.plan_error_ns;
}

// A wave that finishes however late asks again, for no time in particular; any other one is over.
// To ask again is to be carried: the row was looked at, and its hits were counted.
void PlanLane::row_ended(const PlanJob::Ended& ended) noexcept {
    const bool is_old = ended.verdict == planner::Verdict::kWaited;
    ++(is_old ? counts_.plan_waited_count : counts_.plan_late_count);
    if (is_ahead(ended.row.id)) {
        if (owner_.ahead_refused(ended.row.id)) --window_row_count_;
        return;
    }
    Wave* const wave = in_window(ended.row.id);
    if (wave == nullptr) return;
    if (is_old || wave->late != BWRT_LATE_FINISH) {
        owner_.refused(wave, is_old ? BWRT_E_AGAIN : BWRT_E_LATE);
        return;
    }
    planner::Request row = ended.row;
    row.deadline_ns = planner::kNoDeadline;
    ++row.age;
    ++counts_.plan_carried_count;
    again_.push_back(row);
}

}  // namespace bwrt::runtime
