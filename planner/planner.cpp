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
    const RequestColumns& rows = window_.rows();
    begin(state);
    const std::uint64_t* heat_milli = find_heat(state);
    score(rows, row_count(), heat_milli, rule_.score, rule_.age_first, state.now_ns, scored_);
    refuse_late();
    if (rule_.score.smallest_first) put_smallest_first(row_count(), sort_, by_urgency_, scored_);
    groups_.number(rows, row_count(), scored_);
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

// What would be late if nothing stood in front of it is not looked at again.
void Planner::refuse_late() noexcept {
    const auto look = [&] {
        std::fill(ways_.begin(), ways_.end(), Way{kNoDeadline, 0, 0});
        for (std::uint32_t row = 0; row < row_count(); ++row) {
            if (!scored_[row].stays) continue;
            Way& way = ways_[way_of(row)];
            way.deadline_ns_min = std::min(way.deadline_ns_min, scored_[row].deadline_ns);
            way.row_bytes_max = std::max(way.row_bytes_max, scored_[row].bytes());
            ++way.row_count;
        }
    };
    const auto is_soon_enough = [&](std::size_t way, std::uint64_t deadline_ns,
                                    std::uint64_t bytes) {
        const std::int64_t movable =
            movable_bytes(route_of(way), bus_of(way), inputs_.now_ns, deadline_ns);
        return movable >= 0 && bytes + extra_bytes(route_of(way), bus_of(way), bytes) <=
                                   static_cast<std::uint64_t>(movable);
    };
    look();
    bool may_be_late = false;
    for (std::size_t way = 0; way < ways_.size(); ++way) {
        const auto& [deadline_ns_min, row_bytes_max, way_row_count] = ways_[way];
        if (way_row_count == 0) continue;  // as nearly all are, where there are many nodes
        may_be_late |= !is_soon_enough(way, deadline_ns_min, row_bytes_max);
    }
    for (std::uint32_t row = 0; row < row_count(); ++row) {
        if (!scored_[row].stays) {
            plan_.verdicts[row] = Verdict::kNotWorth;
        } else if (may_be_late && !rule_.takes_late &&
                   !is_soon_enough(way_of(row), scored_[row].deadline_ns, scored_[row].bytes())) {
            plan_.verdicts[row] = Verdict::kLate;
            scored_[row].stays = false;
        }
    }
    if (may_be_late) look();
}

void Planner::sort_by_page() noexcept {
    by_page_.clear();
    std::uint64_t pages = 0;
    for (std::uint32_t row = 0; row < row_count(); ++row) {
        if (!scored_[row].stays) continue;
        pages |= scored_[row].page_first;
        by_page_.push_back({scored_[row].page_first, row});
    }
    // One sort by both where both fit into a key; else by page, and then, in this order, by group.
    const auto page_bits = static_cast<std::uint32_t>(std::bit_width(pages));
    const auto group_bits = static_cast<std::uint32_t>(std::bit_width(groups_.group_count()));
    const bool fits = page_bits + group_bits <= 64;
    if (!fits) sort_.sort(by_page_);
    for (KeyedRow& keyed : by_page_) {
        const std::uint64_t group = scored_[keyed.row].group;
        keyed.key = fits ? group << page_bits | keyed.key : group;
    }
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

// Whether nothing could have to stay behind, whatever the order.
bool Planner::all_can_move(const Coalesced& whole) noexcept {
    const RequestColumns& rows = window_.rows();
    const std::size_t tier_count = window_.limits().tier_count;
    const bool has_credits = rule_.has_credits && credits_.has_limits();
    if (!whole.is_whole || !rule_.merges || (has_credits && !whole.is_own)) return false;
    std::fill(asked_.begin(), asked_.end(), TierBudget{0, 0});
    // Each row may be an operation of its own until the next one joins it to another.
    for (std::size_t way = 0; way < ways_.size(); ++way) {
        if (ways_[way].row_count == 0) continue;
        const std::size_t cell = way / (tier_count * tier_count) * tier_count + way % tier_count;
        asked_[cell].operation_count += ways_[way].row_count;
    }
    std::fill(tenant_asked_.begin(), tenant_asked_.end(), 0);
    for (std::uint32_t row = 0; has_credits && row < row_count(); ++row) {
        if (scored_[row].stays) tenant_asked_[rows.tenant[row]] += scored_[row].bytes();
    }
    for (const Operation& operation : operations_) {
        const std::size_t cell = std::size_t{operation.node} * tier_count + operation.tier_dst;
        asked_[cell].bytes += std::min(operation.bytes, ~asked_[cell].bytes);
    }
    for (std::size_t cell = 0; cell < asked_.size(); ++cell) {
        if (asked_[cell].bytes > inputs_.budgets[cell].bytes ||
            asked_[cell].operation_count > inputs_.budgets[cell].operation_count) {
            return false;
        }
    }
    for (std::size_t tenant = 0; tenant < tenant_asked_.size(); ++tenant) {
        if (tenant_asked_[tenant] > inputs_.credits[tenant].left_bytes) return false;
    }
    return buses_are_soon_enough();
}

// Whether each bus has moved all of it by the first of its deadlines.
bool Planner::buses_are_soon_enough() noexcept {
    std::fill(bus_asked_.begin(), bus_asked_.end(), 0);
    const std::uint32_t tier_count = window_.limits().tier_count;
    const auto bus_index = [&](std::size_t way) {
        return way / (tier_count * tier_count) * kBusCountMax + route_of(way).bus;
    };
    for (const Operation& operation : operations_) {
        const std::size_t way =
            (std::size_t{operation.node} * tier_count + operation.tier_src) * tier_count +
            operation.tier_dst;
        std::uint64_t& asked = bus_asked_[bus_index(way)];
        const std::uint64_t bytes =
            operation.bytes + extra_bytes(route_of(way), bus_of(way), operation.bytes);
        asked += std::min(bytes, ~asked);
    }
    for (std::size_t way = 0; way < ways_.size(); ++way) {
        if (ways_[way].row_bytes_max == 0) continue;
        const std::int64_t movable =
            movable_bytes(route_of(way), bus_of(way), inputs_.now_ns, ways_[way].deadline_ns_min);
        if (movable < 0 || bus_asked_[bus_index(way)] > static_cast<std::uint64_t>(movable)) {
            return false;
        }
    }
    return true;
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

std::size_t Planner::way_of(std::uint32_t row) const noexcept {
    const RequestColumns& rows = window_.rows();
    const std::size_t tier_count = window_.limits().tier_count;
    return (rows.node[row] * tier_count + rows.tier_src[row]) * tier_count + rows.tier_dst[row];
}

const Route& Planner::route_of(std::size_t way) const noexcept {
    const std::size_t tier_count = window_.limits().tier_count;
    return inputs_.routes[way % (tier_count * tier_count)];
}

const Bus& Planner::bus_of(std::size_t way) const noexcept {
    const std::size_t tier_count = window_.limits().tier_count;
    return inputs_.buses[way / (tier_count * tier_count) * kBusCountMax + route_of(way).bus];
}

}  // namespace bwrt::planner
