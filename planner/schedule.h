// SPDX-License-Identifier: Apache-2.0
//
// schedule.h — what the operations of a window are to those who asked: for whom, by when, in which
// order, done when.
//
// An operation is as urgent as the most urgent row that it serves.  On its bus, each goes behind
// those that are more urgent, and its finish is predicted from what stands in front of it
// (routes.h).  What is smaller than it pays to move alone stays behind to wait for company, as long
// as the next window would still be soon enough: finish + window <= deadline.  It does not stay
// behind when it moves only a part of what some row asks for.  What goes is told how deep copies of
// its layer should overlap (overlap.h).
//
// Operations come by page and go by way, a way being a node, a source and a target.  They are read
// once in the order of urgency, which is that of their buses, and each is written where it comes to
// stand: how many go each way is counted before.

#pragma once

#include <cstdint>
#include <vector>

#include "planner/page_groups.h"
#include "planner/placement.h"
#include "planner/plan.h"
#include "planner/radix_sort.h"
#include "planner/score.h"
#include "planner/zeroed.h"

namespace bwrt::planner {

class Schedule {
 public:
    explicit Schedule(const WindowLimits& limits);

    // `operations` by group and page, and `rows_by_page`; `has_positions` when the operations know
    // their order already.  What stays behind becomes kTooSmall.
    void arrange(const Zeroed<ScoredRow>& scored, const std::vector<KeyedRow>& rows_by_page,
                 const PlacementInputs& inputs, bool has_positions,
                 std::vector<Operation>& operations, Plan& plan_out) noexcept;

 private:
    // What stands in front of the next operation, and how many.
    struct Front {
        std::uint64_t bytes;
        std::uint32_t count;
    };

    void list(const Zeroed<ScoredRow>& scored, std::uint32_t row_count, bool has_positions,
              const std::vector<Operation>& operations) noexcept;
    void predict(const PlacementInputs& inputs, std::vector<Operation>& operations) noexcept;
    [[nodiscard]] bool leave_behind(const PlacementInputs& inputs,
                                    const std::vector<Operation>& operations) noexcept;
    void keep_whole(const Zeroed<ScoredRow>& scored, const std::vector<KeyedRow>& rows_by_page,
                    const std::vector<Operation>& operations,
                    std::vector<Verdict>& verdicts_out) noexcept;
    void write(const PlacementInputs& inputs, const std::vector<Operation>& operations,
               Plan& plan_out) noexcept;
    void foretell(const PlacementInputs& inputs, Operation& operation) noexcept;
    void tell_rows(const Zeroed<ScoredRow>& scored, const std::vector<KeyedRow>& rows_by_page,
                   const std::vector<Operation>& operations, Plan& plan_out) const noexcept;

    [[nodiscard]] std::size_t way_of(const Operation& operation) const noexcept {
        return (std::size_t{operation.node} * limits_.tier_count + operation.tier_src) *
                   limits_.tier_count +
               operation.tier_dst;
    }

    WindowLimits limits_;
    RadixSort sort_;
    std::vector<std::uint8_t> stays_behind_;  // of each operation
    std::vector<KeyedRow> order_;             // of operations, by urgency
    Zeroed<std::uint32_t> places_;            // of each operation in the plan; by row, an operation
    std::vector<Front> fronts_;               // [node][bus]
    std::vector<std::uint32_t> way_places_;   // [node][source][target]: how many go each way, and
                                              // then where the next of them comes to stand
    std::size_t way_first_ = 0;               // of those that any goes
    std::size_t way_end_ = 0;                 // one past the last
};

// Calls act(row, operation index) for each pair of which one serves the other.  Both lists by group
// and page; rows that do not move are passed over.
template <typename Act>
void for_each_served(const Zeroed<ScoredRow>& scored, const std::vector<KeyedRow>& rows_by_page,
                     const std::vector<Verdict>& verdicts, const std::vector<Operation>& operations,
                     Act&& act) noexcept {
    std::uint32_t first = 0;  // no operation before it serves this row or one behind it
    for (const KeyedRow& keyed : rows_by_page) {
        if (verdicts[keyed.row] > Verdict::kPlannedPart) continue;
        const ScoredRow& row = scored[keyed.row];
        const auto is_before = [&](const Operation& operation) {
            return operation.group != row.group ? operation.group < row.group
                                                : operation.page_end <= row.page_first;
        };
        while (first < operations.size() && is_before(operations[first])) ++first;
        for (std::uint32_t index = first; index < operations.size(); ++index) {
            const Operation& operation = operations[index];
            if (operation.group != row.group || operation.page_first >= row.page_end) break;
            act(keyed.row, index);
        }
    }
}

}  // namespace bwrt::planner
