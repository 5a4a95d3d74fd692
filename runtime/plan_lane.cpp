// SPDX-License-Identifier: Apache-2.0

#include "runtime/plan_lane.h"

#include <algorithm>

#include "runtime/schedule.h"

namespace bwrt::runtime {
namespace {

planner::WindowLimits limits_of(const Tables& tables) {
    return {.row_count_max = tables.planner.row_count_max,
            .tenant_count = tables.blocks.tenant_count,
            .node_count = 1,
            .tier_count = kPlanTierCount};
}

planner::PlannerRule rule_of(const bwrt_planner& options) {
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
    return rule;
}

planner::RequestClass class_of(const Wave& wave) noexcept {
    return wave.priority == BWRT_PRIORITY_URGENT   ? planner::RequestClass::kDemand
           : wave.priority == BWRT_PRIORITY_NORMAL ? planner::RequestClass::kHint
                                                   : planner::RequestClass::kPrediction;
}

}  // namespace

PlanLane::PlanLane(Tables* tables, const Clock* clock, Janitor* janitor, PlanOwner* owner)
    : tables_(*tables),
      janitor_(*janitor),
      owner_(*owner),
      window_ns_(tables->planner.window_ns),
      row_count_max_(tables->planner.row_count_max),
      job_(limits_of(*tables), rule_of(tables->planner), tables->waves.count(), clock),
      tenant_row_count_(tables->blocks.tenant_count),
      tenant_held_(tables->blocks.tenant_count) {
    again_.reserve(row_count_max_);
    gone_.reserve(tables->waves.count());
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

// ---- the line

void PlanLane::link(Wave* wave) noexcept {
    wave->plan_previous = asked_last_;
    wave->plan_next = kNoIndex;
    (asked_last_ != kNoIndex ? tables_.waves.at(asked_last_).plan_next : asked_first_) =
        wave->index;
    asked_last_ = wave->index;
}

void PlanLane::unlink(Wave* wave) noexcept {
    const std::uint32_t before = wave->plan_previous, behind = wave->plan_next;
    (before != kNoIndex ? tables_.waves.at(before).plan_next : asked_first_) = behind;
    (behind != kNoIndex ? tables_.waves.at(behind).plan_previous : asked_last_) = before;
}

bool PlanLane::ask(Wave* wave) noexcept {
    if (wave->plan_state != PlanState::kNone) return wave->plan_state != PlanState::kPlanned;
    if (wave->plan_row_count == 0) {
        wave->plan_state = PlanState::kPlanned;
        return false;
    }
    wave->plan_state = PlanState::kAsked;
    wave->plan_rows_open = wave->plan_row_count;
    wave->plan_passed_count = 0;
    link(wave);
    return true;
}

void PlanLane::leave(Wave* wave) noexcept {
    if (wave->plan_state == PlanState::kAsked) unlink(wave);
    if (wave->plan_state == PlanState::kInWindow) {
        window_row_count_ -= wave->plan_rows_open;
        tenant_row_count_[wave->plan_tenant] -= wave->plan_rows_open;
        gone_.push_back(wave->handle);
        std::erase_if(again_, [&](const planner::Request& row) { return row.id == wave->handle; });
    }
    wave->plan_state = PlanState::kNone;
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
    set_rates(now_ns, loads);
    is_out_ = true;
    janitor_.start(&job_);
}

// Who was passed over for age_first windows is the next to get in: nobody of its tenant overtakes
// it any more, and once its tenant has nothing in the window, nobody at all.
void PlanLane::fill_window() noexcept {
    ++window_number_;
    for (std::uint32_t index = asked_first_; index != kNoIndex;) {
        Wave* const wave = &tables_.waves.at(index);
        index = wave->plan_next;
        const std::uint32_t free_count = row_count_max_ - window_row_count_;
        const std::uint32_t tenant_count = tenant_row_count_[wave->plan_tenant];
        if (tenant_held_[wave->plan_tenant] == window_number_) continue;
        if (tenant_count + wave->plan_row_count <= free_count) {
            enter(wave);
        } else if (wave->plan_passed_count < tables_.planner.age_first) {
            ++wave->plan_passed_count;
        } else if (tenant_count != 0) {
            tenant_held_[wave->plan_tenant] = window_number_;
        } else {
            return;
        }
    }
}

void PlanLane::enter(Wave* wave) noexcept {
    unlink(wave);
    wave->plan_state = PlanState::kInWindow;
    window_row_count_ += wave->plan_row_count;
    tenant_row_count_[wave->plan_tenant] += wave->plan_row_count;
    for (Page* page = wave->plan_rows; page != nullptr; page = page->next) {
        for (std::uint32_t i = 0; i < page->used; ++i) {
            const PlanRow& row = page->as<PlanRow>()[i];
            job_.fresh.push_back({.id = wave->handle,
                                  .page_first = row.page_first,
                                  .page_count = row.page_count,
                                  .page_bytes = kPlanPageBytes,
                                  .arrival_ns = wave->submitted_ns,
                                  .deadline_ns = wave->deadline_ns,
                                  .model = row.pages,
                                  .prefix = row.prefix,
                                  .tenant = row.tenant,
                                  .tier_src = row.tier_src,
                                  .tier_dst = row.tier_dst,
                                  .request_class = class_of(*wave)});
        }
    }
}

// A way that ends or begins on the disk is the storage lane's, every other one the host lane's.
void PlanLane::set_rates(std::uint64_t now_ns, const LaneLoad (&loads)[kLaneCount]) noexcept {
    for (std::uint32_t lane = 0; lane < kLaneCount; ++lane) {
        // An old measurement makes nobody late: what moves makes a new one.
        const bool is_known = now_ns <= loads[lane].measured_ns + kPatienceNs;
        job_.buses[lane] = {is_known ? loads[lane].bytes_per_ms : 0, loads[lane].queued_bytes};
    }
    for (std::uint32_t source = 0; source < kPlanTierCount; ++source) {
        for (std::uint32_t target = 0; target < kPlanTierCount; ++target) {
            const bool on_disk = source == kInDiskTier || target == kInDiskTier;
            const Lane lane = on_disk ? Lane::kStorage : Lane::kHost;
            job_.routes[source * kPlanTierCount + target] = {
                .latency_ns = 0,  // it is in the measured rate
                .stream_bytes_per_ms = 0,
                .bus = static_cast<std::uint8_t>(lane)};
        }
    }
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
    for (const std::uint64_t id : job_.moving) row_moves(id);
    for (const PlanJob::Ended& ended : job_.ended) row_ended(ended);
}

void PlanLane::row_moves(std::uint64_t id) noexcept {
    Wave* const wave = in_window(id);
    if (wave == nullptr) return;
    --window_row_count_;
    --tenant_row_count_[wave->plan_tenant];
    if (--wave->plan_rows_open != 0) return;
    wave->plan_state = PlanState::kPlanned;
    owner_.planned(wave);
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
}

// A wave that finishes however late asks again, for no time in particular; any other one is over.
void PlanLane::row_ended(const PlanJob::Ended& ended) noexcept {
    const bool is_old = ended.verdict == planner::Verdict::kWaited;
    ++(is_old ? counts_.plan_waited_count : counts_.plan_late_count);
    Wave* const wave = in_window(ended.row.id);
    if (wave == nullptr) return;
    if (is_old || wave->late != BWRT_LATE_FINISH) {
        owner_.refused(wave, is_old ? BWRT_E_AGAIN : BWRT_E_LATE);
        return;
    }
    planner::Request row = ended.row;
    row.deadline_ns = planner::kNoDeadline;
    again_.push_back(row);
}

}  // namespace bwrt::runtime
