// SPDX-License-Identifier: Apache-2.0

#include "runtime/plan_window.h"

#include <string>

#include "planner/values/plan_export.h"
#include "runtime/boundary.h"
#include "runtime/planner_options.h"

namespace bwrt::runtime {
namespace {

constexpr planner::TierMedium kNoMedium = planner::TierMedium::kHost;  // of NONE, which no row has
constexpr std::uint64_t kMsNs = 1'000'000;

planner::WindowLimits limits_of(const bwrt_planner& options) {
    return {.row_count_max = options.row_count_max,
            .tenant_count = WindowPlanner::kTenantCount,
            .node_count = WindowPlanner::kNodeCount,
            .tier_count = WindowPlanner::kTierCount};
}

std::uint32_t priority_of(planner::RequestClass request_class) noexcept {
    return request_class == planner::RequestClass::kDemand ? BWRT_PRIORITY_URGENT
           : request_class == planner::RequestClass::kHint ? BWRT_PRIORITY_NORMAL
                                                           : BWRT_PRIORITY_BACKGROUND;
}

// A switch, so that the compiler asks for a number when there is another verdict.
std::uint32_t number_of(planner::Verdict verdict) noexcept {
    switch (verdict) {
        case planner::Verdict::kPlanned:
            return BWRT_DECISION_PLANNED;
        case planner::Verdict::kPlannedPart:
            return BWRT_DECISION_PLANNED_PART;
        case planner::Verdict::kNoCredit:
            return BWRT_DECISION_NO_CREDIT;
        case planner::Verdict::kNoBudget:
            return BWRT_DECISION_NO_BUDGET;
        case planner::Verdict::kNoOperation:
            return BWRT_DECISION_NO_OPERATION;
        case planner::Verdict::kNoPlace:
            return BWRT_DECISION_NO_PLACE;
        case planner::Verdict::kTooSmall:
            return BWRT_DECISION_TOO_SMALL;
        case planner::Verdict::kNotWorth:
            return BWRT_DECISION_NOT_WORTH;
        case planner::Verdict::kLate:
            return BWRT_DECISION_LATE;
        case planner::Verdict::kWaited:
            return BWRT_DECISION_WAITED;
    }
    return 0;
}

bwrt_decision decision_of(const planner::Plan& plan, const planner::RequestColumns& rows,
                          std::uint32_t row) noexcept {
    const planner::Verdict verdict = plan.verdicts[row];
    const planner::ServedBy& served_by = plan.served_by[row];
    bwrt_decision decision = {};
    decision.id = rows.id[row];
    decision.finish_ns = plan.finish_ns[row];
    if (verdict == planner::Verdict::kPlannedPart) decision.rest_first = plan.rest_first[row];
    decision.layer = rows.layer[row];
    decision.verdict = number_of(verdict);
    decision.transfer_index = served_by.count != 0 ? served_by.operation : BWRT_NONE;
    decision.transfer_count = served_by.count;
    decision.age = rows.age[row];
    return decision;
}

bwrt_transfer transfer_of(const planner::Operation& operation) noexcept {
    bwrt_transfer transfer = {};
    transfer.page_first = operation.page_first;
    transfer.page_count = operation.page_end - operation.page_first;
    transfer.page_bytes = operation.page_bytes;
    transfer.bytes = operation.bytes;
    transfer.deadline_ns =
        operation.deadline_ns == planner::kNoDeadline ? 0 : operation.deadline_ns;
    transfer.finish_ns = operation.finish_ns;
    transfer.model = operation.model;
    transfer.prefix = operation.prefix;
    transfer.layer = operation.layer;
    transfer.node = operation.node;
    transfer.source_tier = operation.tier_src;
    transfer.target_tier = operation.tier_dst;
    transfer.priority = priority_of(operation.request_class);
    transfer.served_count = operation.fan_out;
    transfer.position = operation.position;
    transfer.overlap = operation.overlap;
    return transfer;
}

}  // namespace

WindowPlanner::WindowPlanner(const Tables* tables, const Clock* clock)
    : tables_(*tables),
      clock_(*clock),
      window_ns_(tables->planner.window_ns),
      row_count_max_(tables->planner.row_count_max),
      planner_(limits_of(tables->planner), planner_rule(tables->planner)),
      budgets_(std::size_t{kNodeCount} * kTierCount),
      routes_(std::size_t{kTierCount} * kTierCount),
      buses_(std::size_t{kNodeCount} * planner::kBusCountMax) {
    is_given_.reserve(buses_.size());
    cancelled_.reserve(row_count_max_);
    credits_.reserve(kTenantCount);
    tenants_.reserve(kTenantCount);
    by_number_.reserve(kTenantCount);
    add_tenant(0);
}

bwrt_status WindowPlanner::plan(bwrt_request_window* window, std::unique_ptr<PlanValue>* value_out,
                                const ErrorSink& sink) {
    bwrt_request_window given;
    if (const bwrt_status status = copy_in(&given, window, window->struct_size, sizeof given,
                                           "window.struct_size", sink)) {
        return status;
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto tenant_count = static_cast<std::uint32_t>(tenants_.size());
    if (const bwrt_status status = read(given, sink)) {
        take_back(tenant_count);
        return status;
    }
    commit();
    const planner::Plan& plan = planner_.plan({.now_ns = now_ns_,
                                               .budgets = budgets_.data(),
                                               .routes = routes_.data(),
                                               .buses = buses_.data(),
                                               .layer_ns = layer_ns_,
                                               .layer_count = layer_count_});
    write(plan, window);
    if (value_out != nullptr) *value_out = value_of(plan);
    planner_.next();
    window->carried_count = planner_.row_count();
    return BWRT_OK;
}

// A refused window leaves the rows and tenants that there were before.
void WindowPlanner::take_back(std::uint32_t tenant_count) noexcept {
    planner_.withdraw(carried_row_count_);
    std::erase_if(by_number_, [&](std::uint16_t tenant) { return tenant >= tenant_count; });
    tenants_.resize(tenant_count);
    last_tenant_ = 0;
}

void WindowPlanner::commit() noexcept {
    last_ns_ = now_ns_;
    ++plan_number_;
    planner_.forget(cancelled_);
    for (const Credit& credit : credits_) {
        tenants_[credit.tenant].rate = credit.rate;
        planner_.credits().set(credit.tenant, credit.rate, now_ns_);
    }
}

void WindowPlanner::write(const planner::Plan& plan, bwrt_request_window* window) const noexcept {
    const planner::RequestColumns& rows = planner_.rows();
    window->decision_count = planner_.row_count();
    window->transfer_count = static_cast<std::uint32_t>(plan.operations.size());
    auto* decision = reinterpret_cast<std::byte*>(window->decisions);
    for (std::uint32_t row = 0; decision != nullptr && row < planner_.row_count(); ++row) {
        copy_out(decision, window->decision_bytes, decision_of(plan, rows, row));
        decision += window->decision_bytes;
    }
    auto* transfer = reinterpret_cast<std::byte*>(window->transfers);
    if (transfer == nullptr) return;
    for (const planner::Operation& operation : plan.operations) {
        copy_out(transfer, window->transfer_bytes, transfer_of(operation));
        transfer += window->transfer_bytes;
    }
}

// The window has been planned when this is known, so that there is no memory is no refusal.
std::unique_ptr<PlanValue> WindowPlanner::value_of(const planner::Plan& plan) const noexcept {
    try {
        planner::PlanNames names;
        names.tiers = {kNoMedium, planner::TierMedium::kDevice, planner::TierMedium::kHost,
                       planner::TierMedium::kStorage};
        const planner::ExportRule rule = {.plan_id = "window-" + std::to_string(plan_number_),
                                          .window_ms = window_ns_ / kMsNs};
        planner::CachePlan made;
        if (planner::export_plan(plan, &planner_.rows(), names, rule, made)) return nullptr;
        return std::make_unique<PlanValue>(std::move(made));
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

}  // namespace bwrt::runtime
