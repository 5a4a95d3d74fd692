// SPDX-License-Identifier: Apache-2.0
//
// crowd.h — a window of which not everything can move, and what becomes of it.
//
// A page is 4 KiB and a bus moves one in a millisecond, so that a row of n pages takes n ms.  The
// tenant of all rows has a limit that binds nobody, or the whole window would be coalesced at once.

#pragma once

#include <vector>

#include "tests/planner/windows.h"

namespace bwrt::test {

constexpr std::uint64_t kPage = 4096;

struct Crowd {
    PlannerWorld world;
    std::vector<planner::Request> requests;
    std::vector<planner::TokenRate> credits{{1, kMs, std::uint64_t{1} << 50}, {}, {}};
    std::vector<std::uint64_t> credit_left{0, 0, 0};  // afterwards
    std::vector<planner::Verdict> verdicts;
    std::vector<planner::Operation> operations;

    Crowd() {
        for (planner::Bus& bus : world.buses) bus.bytes_per_ms = kPage;
    }
    planner::Request& ask(std::uint64_t page_first, std::uint64_t page_count,
                          std::uint64_t deadline_ms) {
        return requests.emplace_back(
            request_of(requests.size(), page_first, page_count, deadline_ms));
    }
    void plan() {
        planner::Planner of_window(world.limits, world.rule);
        for (std::uint16_t tenant = 0; tenant < 3; ++tenant) {
            of_window.credits().set(tenant, credits[tenant], kNow);
        }
        for (const planner::Request& request : requests) {
            assert_null(of_window.request(request).field);
        }
        const planner::Plan& plan = of_window.plan(world.state());
        verdicts = plan.verdicts;
        operations = plan.operations;
        for (std::size_t i = 0; i < 3; ++i) {
            credit_left[i] = of_window.credits().left(kNow)[i].left_bytes;
        }
    }
    // Of the operation at that place in the plan: its pages, and when it is done.
    [[nodiscard]] bool has(std::size_t index, std::uint64_t first, std::uint64_t end,
                           std::uint64_t finish_ms) const {
        const planner::Operation& operation = operations.at(index);
        return operation.page_first == first && operation.page_end == end &&
               operation.bytes == (end - first) * operation.page_bytes &&
               operation.finish_ns == kNow + finish_ms * kMs;
    }
};

}  // namespace bwrt::test
