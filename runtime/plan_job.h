// SPDX-License-Identifier: Apache-2.0
//
// plan_job.h — one window planned, beside the driver.
//
//   driver: rows that are new, waves that are gone, rates ──▶ run(), on the planner's thread
//   driver: what became of each row that did not stay     ◀──
//
// The planner and what it carries are this thread's; the driver writes and reads the fields between
// reap() and start() alone (janitor.h).  All memory is taken when it is made.

#pragma once

#include <cstdint>
#include <vector>

#include "planner/planner.h"
#include "runtime/clock.h"
#include "runtime/janitor.h"
#include "runtime/plan_row.h"

namespace bwrt::runtime {

struct PlanJob final : Job {
    struct Credit {
        std::uint16_t tenant;
        planner::TokenRate rate;
    };
    struct Moving {
        std::uint64_t id;
        std::uint64_t finish_ns;  // predicted; the window's beginning where nothing is known
    };
    struct Ended {
        planner::Request row;
        planner::Verdict verdict;
    };

    // Throws std::bad_alloc.
    PlanJob(const planner::WindowLimits& limits, const planner::PlannerRule& rule,
            std::uint32_t wave_count_max, const Clock* clock);

    void run() noexcept override;

    // In.
    std::uint64_t now_ns = 0;
    std::vector<planner::TierBudget> budgets;  // [tier]
    std::vector<planner::Route> routes;        // [source][target]
    std::vector<planner::Bus> buses;
    std::uint64_t min_io_bytes = planner::kAsTheRule;
    std::vector<planner::Request> fresh;
    std::vector<std::uint64_t> gone;  // ids whose carried rows are nobody's any more
    std::vector<Credit> credits;

    // Out.
    std::vector<Moving> moving;  // rows that may move now
    std::vector<Ended> ended;    // rows that will not: late, worth nothing or too old
    std::uint64_t row_count = 0;
    std::uint64_t carried_count = 0;
    std::uint64_t operation_count = 0;
    std::uint64_t bytes = 0;    // of the operations
    std::uint64_t fan_out = 0;  // rows that they serve
    std::uint64_t plan_ns = 0;  // how long it took

 private:
    void read_plan(const planner::Plan& plan) noexcept;

    planner::Planner planner_;
    const Clock& clock_;
};

}  // namespace bwrt::runtime
