// SPDX-License-Identifier: Apache-2.0
//
// plan_line.cpp — who stands in line for a window, and who gets in.

#include <algorithm>

#include "runtime/plan_lane.h"

namespace bwrt::runtime {
namespace {

planner::RequestClass class_of(const Wave& wave) noexcept {
    return wave.priority == BWRT_PRIORITY_URGENT   ? planner::RequestClass::kDemand
           : wave.priority == BWRT_PRIORITY_NORMAL ? planner::RequestClass::kHint
                                                   : planner::RequestClass::kPrediction;
}

}  // namespace

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
    wave->plan_finish_ns = 0;
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
        count_tenant(*wave) -= wave->plan_rows_open;
        gone_.push_back(wave->handle);
        std::erase_if(again_, [&](const planner::Request& row) { return row.id == wave->handle; });
    }
    wave->plan_state = PlanState::kNone;
}

void PlanLane::ask_ahead(std::uint64_t id, std::uint64_t bytes, std::uint16_t tenant,
                         std::uint64_t now_ns) noexcept {
    // Pages of its own: where they lie is nobody's matter, since each is asked for once.
    ahead_.push_back({.id = id,
                      .page_count = (bytes + kPlanPageBytes - 1) / kPlanPageBytes,
                      .page_bytes = kPlanPageBytes,
                      .arrival_ns = now_ns,
                      .model = kPagesOfWave,
                      .prefix = static_cast<std::uint32_t>(id) | 1u << 31,
                      .tenant = tenant,
                      .tier_src = kInDiskTier,
                      .tier_dst = kInHostTier,
                      .request_class = planner::RequestClass::kPrediction});
}

void PlanLane::leave_ahead(std::uint64_t id) noexcept {
    const auto is_it = [&](const planner::Request& row) { return row.id == id; };
    if (std::erase_if(ahead_, is_it) != 0) return;
    --window_row_count_;
    gone_.push_back(id);
}

// ---- into the window

// URGENT waves go first, and with them who has been passed over as often as anything may wait, so
// that they do not keep him out for ever.
void PlanLane::fill_window() noexcept {
    ++window_number_;
    if (fill_with_waves(true)) static_cast<void>(fill_with_waves(false));
}

// Who was passed over for age_first windows is the next of these to get in: nobody of its tenant
// overtakes it any more, and once its tenant has nothing in the window, nobody at all: false.
bool PlanLane::fill_with_waves(bool is_first) noexcept {
    const bwrt_planner& options = tables_.planner;
    for (std::uint32_t index = asked_first_; index != kNoIndex;) {
        Wave* const wave = &tables_.waves.at(index);
        index = wave->plan_next;
        const bool is_urgent = wave->priority == BWRT_PRIORITY_URGENT;
        if ((is_urgent || wave->plan_passed_count >= options.age_max) != is_first) continue;
        if (tenant_held_[wave->plan_tenant] == window_number_) continue;
        const TenantRows& tenant = tenant_rows_[wave->plan_tenant];
        const std::uint32_t there = is_urgent ? tenant.urgent : tenant.urgent + tenant.other;
        if (there + wave->plan_row_count <= row_count_max_ - window_row_count_) {
            enter(wave);
            continue;
        }
        if (wave->plan_passed_count < options.age_max) ++wave->plan_passed_count;
        if (wave->plan_passed_count <= options.age_first) continue;
        if (tenant.urgent + tenant.other == 0) return false;
        tenant_held_[wave->plan_tenant] = window_number_;
    }
    return true;
}

void PlanLane::fill_with_ahead() noexcept {
    if (asked_first_ != kNoIndex) return;
    while (!ahead_.empty() && window_row_count_ < row_count_max_) {
        job_.fresh.push_back(ahead_.front());  // those foretold to be used first came first
        ahead_.erase(ahead_.begin());
        ++window_row_count_;
    }
}

void PlanLane::enter(Wave* wave) noexcept {
    unlink(wave);
    wave->plan_state = PlanState::kInWindow;
    window_row_count_ += wave->plan_row_count;
    count_tenant(*wave) += wave->plan_row_count;
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

}  // namespace bwrt::runtime
