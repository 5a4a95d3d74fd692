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
    // their order already.  What stays behind becomes kTooSmall.  Leaves nothing in `operations`.
    void arrange(const Zeroed<ScoredRow>& scored, const std::vector<KeyedRow>& rows_by_page,
                 const PlacementInputs& inputs, bool has_positions,
                 std::vector<Operation>& operations, Plan& plan_out) noexcept;

 private:
    void list_by_row(std::uint32_t row_count, const std::vector<Operation>& operations) noexcept;
    void tell_places(Plan& plan_out) noexcept;
    [[nodiscard]] std::uint8_t depth_of(const PlacementInputs& inputs,
                                        const Operation& operation) const noexcept;
    void predict(const PlacementInputs& inputs, std::vector<Operation>& operations) noexcept;
    [[nodiscard]] bool leave_behind(const PlacementInputs& inputs,
                                    const std::vector<Operation>& operations) noexcept;

    WindowLimits limits_;
    RadixSort sort_;
    std::vector<std::uint8_t> stays_behind_;  // of each operation
    std::vector<KeyedRow> order_;             // of operations
    Zeroed<std::uint32_t> places_;            // of each operation in it; by row, an operation
    // What stands in front of the next operation, and how many.
    struct Front {
        std::uint64_t bytes;
        std::uint32_t count;
    };
    std::vector<Front> fronts_;  // [node][bus]
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
