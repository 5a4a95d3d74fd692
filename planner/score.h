// SPDX-License-Identifier: Apache-2.0
//
// score.h — what each row of a window is worth, and which rows are worth nothing.
//
//   popularity = alpha x heat + beta x weight        (all in thousandths)
//   slack      = (deadline - now) / max(fill, 1 ms)  (in thousandths of the time that it takes)
//
// A row stays when its popularity is above pmin or its slack above umin.  Slack is how long a row
// can still wait: the least goes first, and one below zero is late.  (The system whose formula this
// is calls it urgency and runs the greatest first.)  Its defaults are ours: alpha 1, beta 0, pmin
// 1, umin 0, so that what has no time left must be popular and everything else stays.
//
// The order of a window is: what has waited too long, then demands, hints and predictions, in each
// of these by deadline, and where deadlines are equal as they came, or the smallest first (ties.h).
// It depends on no sum, so a row that is less urgent than another changes nothing of what is
// decided for that one.

#pragma once

#include <cstdint>

#include "planner/request_window.h"
#include "planner/zeroed.h"

namespace bwrt::planner {

// Of what has no deadline.
constexpr std::int64_t kSlackMax = std::int64_t{1} << 62;

struct ScoreRule {
    std::uint32_t alpha_milli = 1'000;
    std::uint32_t beta_milli = 0;
    std::uint64_t pmin_milli = 1'000;
    std::int64_t umin_milli = 0;
    bool filters = true;          // false: all rows stay
    bool smallest_first = false;  // of rows that are due at the same time (ties.h)
};

// A row as the stages behind see it.  They meet rows in the order of their pages, which is no order
// of the table: what they need of a row lies in one cache line instead of in ten columns.
struct alignas(64) ScoredRow {
    std::uint64_t page_first;
    std::uint64_t page_end;
    std::uint64_t page_bytes;
    std::uint64_t deadline_ns;
    std::uint64_t urgency;  // the smaller, the sooner
    std::uint64_t popularity_milli;
    std::int64_t slack_milli;
    std::uint32_t group;  // page_groups.h
    RequestClass request_class;
    std::uint8_t age;
    bool stays;

    [[nodiscard]] std::uint64_t bytes() const noexcept {
        return (page_end - page_first) * page_bytes;
    }
};

// `heat_milli`: hits of each row's pages, decayed, in thousandths; nullptr: nothing is known of
// any. A row that has waited for `age_first` windows goes before all that are younger.  Those
// before `row_first` are left as they are.
void score(const RequestColumns& rows, std::uint32_t row_end, const std::uint64_t* heat_milli,
           const ScoreRule& rule, std::uint8_t age_first, std::uint64_t now_ns,
           Zeroed<ScoredRow>& scored_out, std::uint32_t row_first = 0) noexcept;

}  // namespace bwrt::planner
