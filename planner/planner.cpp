// SPDX-License-Identifier: Apache-2.0

#include "planner/planner.h"

#include <algorithm>
#include <bit>

#include "planner/serve.h"
#include "planner/ties.h"

namespace bwrt::planner {

Planner::Planner(const WindowLimits& limits, const PlannerRule& rule)
    : rule_(rule),
      window_(limits),
      credits_(limits.tenant_count),
      groups_(window_.limits().row_count_max),
      sort_(window_.limits().row_count_max),
      placement_(window_.limits()),
      schedule_(window_.limits()),
      eviction_list_(limits, limits.row_count_max * Placement::kOperationsPerRow),
      admission_list_(limits, rule.admission),
      scored_(window_.limits().row_count_max),
      ways_(std::size_t{limits.node_count} * limits.tier_count * limits.tier_count),
      no_budgets_(std::size_t{limits.node_count} * limits.tier_count),
      no_credits_(limits.tenant_count),
      asked_(no_budgets_.size()),
      tenant_asked_(limits.tenant_count),
      bus_asked_(std::size_t{limits.node_count} * kBusCountMax) {
    const std::size_t row_count_max = window_.limits().row_count_max;
    by_page_.reserve(row_count_max);
    by_urgency_.reserve(row_count_max);
    carried_.reserve(row_count_max);
    plan_.verdicts.reserve(row_count_max);
    plan_.rest_first.reserve(row_count_max);
    operations_.reserve(row_count_max * Placement::kOperationsPerRow);
    plan_.operations.reserve(row_count_max * Placement::kOperationsPerRow);
    plan_.evict.reserve(limits.resident_count_max);
    if (limits.resident_count_max > 0) {
        plan_.admit.reserve(row_count_max * AdmissionList::kRunsPerRow);
    }
    if (rule.has_finishes) {
        plan_.finish_ns.reserve(row_count_max);
        plan_.served_by.reserve(row_count_max);
    }
    if (!rule.has_heat) return;
    heat_.emplace(rule.heat);
    heat_milli_.reserve(row_count_max);
}

const Plan& Planner::plan(const WindowState& state) noexcept {
    begin(state);
    const std::uint64_t* heat_milli = find_heat(state);
    read_rows(state, heat_milli);
    if (rule_.score.smallest_first) put_smallest_first(row_count(), sort_, by_urgency_, scored_);
    sort_by_page();
    const Coalesced whole =
        coalesce(groups_, scored_, by_page_, inputs_.gap_bytes_max, operations_);
    const bool must_place = !all_can_move(whole);
    if (must_place) place();
    schedule_.arrange(scored_, by_page_, inputs_, must_place, operations_, plan_);
    charge(must_place);
    end_what_waited();
    list_evictions(state);
    list_admissions(state, heat_milli);
    planned_row_count_ = row_count();
    return plan_;
}

void Planner::next(std::span<const std::uint64_t> gone) noexcept {
    count_hits();
    carried_.clear();
    for (std::uint32_t row = 0; row < row_count(); ++row) {
        const Verdict verdict = plan_.verdicts[row];
        if (!is_carried(verdict)) continue;
        Request request = window_.row(row);
        if (std::binary_search(gone.begin(), gone.end(), request.id)) continue;
        if (verdict == Verdict::kPlannedPart) {
            const std::uint64_t end = request.page_first + request.page_count;
            request.page_first = plan_.rest_first[row];
            request.page_count = end - request.page_first;
            request.age = 0;
        } else {
            ++request.age;
        }
        carried_.push_back(request);
    }
    window_.clear();
    for (const Request& request : carried_) (void)window_.append(request);  // it was taken before
    counted_row_count_ = row_count();
}

void Planner::forget(std::span<const std::uint64_t> gone) noexcept {
    if (!gone.empty()) counted_row_count_ -= window_.erase(counted_row_count_, gone);
}

void Planner::clear() noexcept {
    count_hits();
    window_.clear();
    counted_row_count_ = 0;
}

void Planner::begin(const WindowState& state) noexcept {
    const auto given = [](std::uint64_t bytes, std::uint64_t by_rule) {
        return bytes == kAsTheRule ? by_rule : bytes;
    };
    const std::uint64_t min_io_bytes = given(state.min_io_bytes, rule_.min_io_bytes);
    inputs_ = {.now_ns = state.now_ns,
               .window_ns = rule_.window_ns,
               .min_io_bytes = rule_.takes_small ? 0 : min_io_bytes,
               .gap_bytes_max = given(state.gap_bytes_max, rule_.gap_bytes_max),
               .age_max = rule_.age_max,
               .takes_late = rule_.takes_late,
               .joins = rule_.merges,
               .budgets = rule_.has_budgets ? state.budgets : no_budgets_.data(),
               .routes = state.routes,
               .buses = state.buses,
               .credits = rule_.has_credits ? credits_.left(state.now_ns) : no_credits_.data(),
               .overlap = rule_.has_overlap ? rule_.overlap : OverlapRule{.depth_max = 1},
               .layer_ns = state.layer_ns,
               .layer_count = state.layer_ns == nullptr ? 0 : state.layer_count};
    plan_.verdicts.assign(row_count(), Verdict::kPlanned);
    plan_.rest_first.resize(row_count());
    if (rule_.has_finishes) {
        plan_.finish_ns.assign(row_count(), 0);
        plan_.served_by.assign(row_count(), {});
    }
}

// Each row is scored, numbered and keyed while it is in the nearest cache: of a million of them,
// each pass more would fetch 64 MiB again.  Whether any is late is known when all have been looked
// at; then those are taken out and the others are numbered anew.
void Planner::read_rows(const WindowState& state, const std::uint64_t* heat_milli) noexcept {
    constexpr std::uint32_t kBlockRows = 256;  // 16 KiB, and as much of the columns
    const RequestColumns& rows = window_.rows();
    groups_.begin(row_count());
    forget_ways();
    by_page_.resize(row_count());  // what was there in the window before is there already
    std::uint32_t kept = 0;
    for (std::uint32_t first = 0; first < row_count(); first += kBlockRows) {
        const std::uint32_t end = std::min(row_count(), first + kBlockRows);
        score(rows, end, heat_milli, rule_.score, rule_.age_first, state.now_ns, scored_, first);
        look_at_ways(first, end);
        groups_.number(rows, first, end, scored_);
        kept = key_by_page(first, end, kept);
    }
    if (refuse_late()) {
        groups_.number(rows, row_count(), scored_);
        kept = key_by_page(0, row_count(), 0);
    }
    by_page_.resize(kept);
}

// The rows that stay, behind the first `kept`; how many there are then.  One key by group and page
// where both fit into it, else that of the page.
std::uint32_t Planner::key_by_page(std::uint32_t first, std::uint32_t end,
                                   std::uint32_t kept) noexcept {
    const std::uint32_t group_shift = keys_have_groups() ? window_.page_bits() : 64;
    for (std::uint32_t row = first; row < end; ++row) {
        const ScoredRow& scored = scored_[row];
        if (!scored.stays) {
            if (plan_.verdicts[row] == Verdict::kPlanned) plan_.verdicts[row] = Verdict::kNotWorth;
            continue;
        }
        const std::uint64_t group =
            group_shift < 64 ? std::uint64_t{scored.group} << group_shift : 0;
        by_page_[kept++] = {group | scored.page_first, row};
    }
    return kept;
}

bool Planner::keys_have_groups() const noexcept {
    return window_.page_bits() + static_cast<std::uint32_t>(std::bit_width(row_count())) <= 64;
}

// One sort by both where keys have both; else by page, and then, in this order, by group.
void Planner::sort_by_page() noexcept {
    sort_.sort(by_page_);
    if (keys_have_groups()) return;
    for (KeyedRow& keyed : by_page_) keyed.key = scored_[keyed.row].group;
    sort_.sort(by_page_);
}

// The most urgent first; rows that are as urgent as each other in the order in which they came.
void Planner::place() noexcept {
    by_urgency_.clear();
    for (std::uint32_t row = 0; row < row_count(); ++row) {
        if (scored_[row].stays) by_urgency_.push_back({scored_[row].urgency, row});
    }
    sort_.sort(by_urgency_);
    placement_.run(window_.rows(), groups_, scored_, by_urgency_, inputs_, operations_,
                   plan_.verdicts, plan_.rest_first);
    for (const KeyedRow& keyed : by_page_) {
        if (plan_.verdicts[keyed.row] != Verdict::kPlannedPart) continue;
        scored_[keyed.row].page_end =
            plan_.rest_first[keyed.row];  // the rest asks for nothing here
    }
    for_each_served(scored_, by_page_, plan_.verdicts, operations_,
                    [&](std::uint32_t row, std::uint32_t index) {
                        serve(operations_[index], row, scored_[row]);
                    });
}

void Planner::charge(bool was_placed) noexcept {
    if (!rule_.has_credits || !credits_.has_limits()) return;
    const RequestColumns& rows = window_.rows();
    for (std::uint32_t row = 0; row < row_count(); ++row) {
        const Verdict verdict = plan_.verdicts[row];
        if (!scored_[row].stays || verdict == Verdict::kTooSmall) continue;
        credits_.charge(rows.tenant[row],
                        was_placed ? placement_.paid_bytes(row) : scored_[row].bytes(),
                        inputs_.now_ns);
    }
}

void Planner::end_what_waited() noexcept {
    const RequestColumns& rows = window_.rows();
    for (std::uint32_t row = 0; row < row_count(); ++row) {
        Verdict& verdict = plan_.verdicts[row];
        if (is_carried(verdict) && verdict != Verdict::kPlannedPart &&
            rows.age[row] + 1 >= rule_.age_max) {
            verdict = Verdict::kWaited;
        }
    }
}

}  // namespace bwrt::planner
