// SPDX-License-Identifier: Apache-2.0

#include "planner/placement.h"

#include <algorithm>

#include "planner/placement_asking.h"
#include "planner/serve.h"

namespace bwrt::planner {

Placement::Placement(const WindowLimits& limits)
    : limits_(limits),
      runs_(limits.row_count_max * kOperationsPerRow),
      making_(std::size_t{limits.row_count_max} * kOperationsPerRow),
      nodes_(BusQueue::nodes_for(limits.row_count_max * kOperationsPerRow) * 2),
      queues_(std::size_t{limits.node_count} * kBusCountMax),
      row_counts_(queues_.size()),
      left_(std::size_t{limits.node_count} * limits.tier_count),
      credit_left_(limits.tenant_count),
      paid_(limits.row_count_max) {}

void Placement::run(const RequestColumns& rows, const PageGroups& groups,
                    const Zeroed<ScoredRow>& scored, const std::vector<KeyedRow>& rows_by_urgency,
                    const PlacementInputs& inputs, std::vector<Operation>& operations_out,
                    std::vector<Verdict>& verdicts_out,
                    std::vector<std::uint64_t>& rest_first_out) noexcept {
    rows_ = &rows;
    groups_ = &groups;
    scored_ = &scored;
    inputs_ = &inputs;
    rest_first_ = rest_first_out.data();
    begin(rows_by_urgency);
    for (const KeyedRow& keyed : rows_by_urgency) {
        paid_[keyed.row] = 0;
        verdicts_out[keyed.row] = place(keyed.row);
    }
    settle(operations_out);
}

// Each queue gets room for the operations that its rows could become.
void Placement::begin(const std::vector<KeyedRow>& rows_by_urgency) noexcept {
    runs_.clear();
    making_count_ = 0;
    std::fill(row_counts_.begin(), row_counts_.end(), 0);
    for (const KeyedRow& keyed : rows_by_urgency) {
        const std::uint32_t row = keyed.row;
        const Route& route =
            inputs_->routes[rows_->tier_src[row] * limits_.tier_count + rows_->tier_dst[row]];
        ++row_counts_[std::size_t{rows_->node[row]} * kBusCountMax + route.bus];
    }
    std::uint64_t node_first = 0;
    for (std::size_t i = 0; i < queues_.size(); ++i) {
        const std::uint32_t position_count_max = row_counts_[i] * kOperationsPerRow;
        queues_[i] = BusQueue(&nodes_[node_first], position_count_max);
        if (position_count_max > 0) node_first += BusQueue::nodes_for(position_count_max);
    }
    std::copy_n(inputs_->budgets, left_.size(), left_.begin());
    for (std::size_t tenant = 0; tenant < credit_left_.size(); ++tenant) {
        credit_left_[tenant] = inputs_->credits[tenant].left_bytes;
    }
}

Verdict Placement::place(std::uint32_t row) noexcept {
    const std::uint16_t node = rows_->node[row];
    const std::uint8_t target = rows_->tier_dst[row];
    Asking asking;
    asking.row = row;
    const ScoredRow& scored = (*scored_)[row];
    asking.group = scored.group;
    asking.pages = {scored.page_first, scored.page_end};
    asking.page_bytes = scored.page_bytes;
    asking.route = &inputs_->routes[rows_->tier_src[row] * limits_.tier_count + target];
    asking.bus = &inputs_->buses[std::size_t{node} * kBusCountMax + asking.route->bus];
    asking.queue = &queues_[std::size_t{node} * kBusCountMax + asking.route->bus];
    asking.budget = &left_[std::size_t{node} * limits_.tier_count + target];
    asking.full_budget = inputs_->budgets[std::size_t{node} * limits_.tier_count + target];
    asking.credit = &credit_left_[rows_->tenant[row]];
    asking.burst_bytes = inputs_->credits[rows_->tenant[row]].burst_bytes;
    asking.movable_bytes =
        movable_bytes(*asking.route, *asking.bus, inputs_->now_ns, scored.deadline_ns);

    if (!look(asking)) return Verdict::kNoPlace;
    if (asking.meets_smaller_pages) {
        bool is_wide = widen(asking);
        if (!is_wide && inputs_->takes_late) {
            asking.movable_bytes = kMovableMax;
            is_wide = widen(asking);
        }
        if (!is_wide || !look(asking)) return Verdict::kNoPlace;
    }
    Verdict verdict = Verdict::kPlanned;
    if (asking.bytes > *asking.credit || asking.bytes > asking.budget->bytes) {
        verdict = cut(asking);
        if (verdict != Verdict::kPlannedPart) return verdict;
    }
    Verdict taken = take(asking);
    if (taken == Verdict::kLate && inputs_->takes_late) {
        asking.movable_bytes = kMovableMax;
        taken = take(asking);
    }
    return taken == Verdict::kPlanned ? verdict : taken;
}

// What of its pages nobody moves yet.  False: in too many pieces, or others move too many of them,
// each of which would have to be looked at for each such row.
bool Placement::look(Asking& asking) noexcept {
    asking.piece_count = 0;
    asking.bytes = 0;
    std::uint32_t run_count = 0;
    std::uint64_t page = asking.pages.first;
    auto place = runs_.at_or_before(asking.group, page);
    if (place == runs_.end()) place = runs_.from(asking.group, page);
    const auto add = [&](std::uint64_t end) {
        if (asking.piece_count == kPieceCountMax) return false;
        pieces_[asking.piece_count++] = {page, end};
        asking.bytes += bytes_of({page, end}, asking.page_bytes);
        return true;
    };
    for (; place != runs_.end() && place->first.first == asking.group; ++place) {
        if (place->first.second >= asking.pages.end) break;
        if (place->second.end <= page) continue;
        if (++run_count > kPieceCountMax + 1) return false;
        if (place->first.second > page && !add(place->first.second)) return false;
        page = place->second.end;
        const Making& making = making_[place->second.operation];
        asking.meets_smaller_pages |= making.page_bytes < asking.page_bytes;
        asking.covered_end_bytes =
            std::max(asking.covered_end_bytes, end_bytes(*asking.queue, making));
        if (page >= asking.pages.end) break;
    }
    if (page < asking.pages.end && !add(asking.pages.end)) return false;
    asking.reserved_bytes = asking.bytes;
    return true;
}

// What is larger than all there could ever be moves in parts, its first pages first; what is not
// waits for its turn.
Verdict Placement::cut(Asking& asking) noexcept {
    const bool lacks_credit = asking.bytes > *asking.credit;
    const Verdict lacks = lacks_credit ? Verdict::kNoCredit : Verdict::kNoBudget;
    if (asking.bytes <= asking.burst_bytes && asking.bytes <= asking.full_budget.bytes) {
        return lacks;
    }
    const std::uint64_t left = std::min(*asking.credit, asking.budget->bytes);
    std::uint64_t pages_left = left / asking.page_bytes;
    // A part that is worth an operation, or all that there can ever be at a time.
    const std::uint64_t pages_max =
        std::min(asking.burst_bytes, asking.full_budget.bytes) / asking.page_bytes;
    const bool is_worth = pages_left * asking.page_bytes >= inputs_->min_io_bytes;
    if (pages_left == 0 || (!is_worth && pages_left < pages_max)) return lacks;
    asking.bytes = 0;
    std::uint32_t kept = 0;
    while (pages_left > 0) {
        PageInterval& piece = pieces_[kept++];
        piece.end = std::min(piece.end, piece.first + pages_left);
        pages_left -= piece.end - piece.first;
        asking.bytes += bytes_of(piece, asking.page_bytes);
        asking.pages.end = piece.end;
    }
    asking.piece_count = kept;
    asking.reserved_bytes = asking.bytes;
    rest_first_[asking.row] = asking.pages.end;
    return Verdict::kPlannedPart;
}

// All of its pieces; where not all have a place, those that have joined another move all the same.
Verdict Placement::take(Asking& asking) noexcept {
    if (asking.movable_bytes < asking.covered_end_bytes) return Verdict::kLate;
    const bool is_late = !fits_behind(asking, 0, asking.bytes);
    const bool has_room = asking.piece_count <= asking.budget->operation_count &&
                          asking.piece_count <= runs_.room() &&
                          asking.piece_count <= asking.queue->room();
    const Verdict verdict = is_late ? Verdict::kLate : Verdict::kNoOperation;
    const bool may_append = !is_late && has_room;
    hasten(asking);
    for (std::uint32_t i = 0; i < asking.piece_count; ++i) {
        const PageInterval piece = pieces_[i];
        asking.reserved_bytes -= bytes_of(piece, asking.page_bytes);
        // The gap that an earlier piece closed may have been this one.
        const auto before = runs_.at_or_before(asking.group, piece.first);
        if (before != runs_.end() && before->second.end > piece.first) continue;
        if (join(asking, piece)) continue;
        if (!may_append) {
            asking.reserved_bytes = asking.bytes;
            return verdict;
        }
        append(asking, piece);
    }
    return Verdict::kPlanned;
}

// Whether it is there in time behind all others, when the queue has become longer by so much.
bool Placement::fits_behind(const Asking& asking, std::uint64_t longer_bytes,
                            std::uint64_t bytes) const noexcept {
    if (bytes == 0) return true;
    const std::uint64_t last = asking.queue->bytes() + longer_bytes + bytes +
                               extra_bytes(*asking.route, *asking.bus, bytes);
    return asking.movable_bytes >= 0 && last <= static_cast<std::uint64_t>(asking.movable_bytes);
}

void Placement::settle(std::vector<Operation>& operations_out) noexcept {
    operations_out.clear();
    for (const auto& place : runs_.all()) {
        const Making& making = making_[place.second.operation];
        Operation& operation = operations_out.emplace_back();
        begin_operation(*groups_, place.first.first, making.page_first, making.page_end,
                        making.page_bytes, operation);
        operation.bytes = making.bytes;
        operation.position = making.position;
    }
}

}  // namespace bwrt::planner
