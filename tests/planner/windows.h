// SPDX-License-Identifier: Apache-2.0
//
// windows.h — small crowded windows for tests of the planner: few pages that many ask for, so that
// everything overlaps, is late, or has no room.

#pragma once

#include <algorithm>
#include <vector>

#include "planner/planner.h"
#include "tests/support/random.h"

namespace bwrt::test {

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kNow = 1'700'000'000'000 * kMs;

struct PlannerWorld {
    planner::WindowLimits limits;
    planner::PlannerRule rule;
    std::vector<planner::TierBudget> budgets;
    std::vector<planner::Route> routes;
    std::vector<planner::Bus> buses;
    std::uint64_t now_ns = kNow;

    // Nothing is limited or known, and everything moves.
    explicit PlannerWorld(std::uint32_t row_count_max = 256) {
        limits = {
            .row_count_max = row_count_max, .tenant_count = 3, .node_count = 2, .tier_count = 3};
        rule.score.filters = false;
        rule.min_io_bytes = 0;
        budgets.resize(std::size_t{limits.node_count} * limits.tier_count);
        routes.resize(std::size_t{limits.tier_count} * limits.tier_count);
        buses.resize(std::size_t{limits.node_count} * planner::kBusCountMax);
    }

    [[nodiscard]] planner::WindowState state() const {
        return {.now_ns = now_ns,
                .budgets = budgets.data(),
                .routes = routes.data(),
                .buses = buses.data()};
    }
};

inline planner::Request request_of(std::uint64_t id, std::uint64_t page_first,
                                   std::uint64_t page_count, std::uint64_t deadline_ms) {
    planner::Request request;
    request.id = id;
    request.page_first = page_first;
    request.page_count = page_count;
    request.page_bytes = 4096;
    request.deadline_ns = kNow + deadline_ms * kMs;
    request.tier_dst = 1;
    return request;
}

inline planner::Request draw_request(Random& random, std::uint64_t id, bool has_page_sizes) {
    const std::uint64_t page_first = random.below(40);  // in this order with any compiler
    planner::Request request = request_of(id, page_first, random.between(1, 12), 0);
    request.deadline_ns =
        random.one_in(10) ? planner::kNoDeadline : kNow + random.below(60) * kMs - 2 * kMs;
    request.prefix = random.between32(0, 1);
    request.tenant = static_cast<std::uint16_t>(random.below(3));
    request.node = random.one_in(8) ? 1 : 0;
    request.tier_src = random.one_in(6) ? 2 : 0;
    if (has_page_sizes && random.one_in(4))
        request.page_bytes = std::uint64_t{1024} << random.below(4);
    if (random.one_in(5)) request.request_class = planner::RequestClass::kHint;
    if (random.one_in(9)) request.age = static_cast<std::uint8_t>(random.below(7));
    return request;
}

// What is tight differs from one to the next.
inline PlannerWorld draw_world(Random& random) {
    PlannerWorld world;
    for (planner::TierBudget& budget : world.budgets) {
        if (random.one_in(2)) budget.bytes = random.between(1, 60) * 4096;
        if (random.one_in(3)) budget.operation_count = random.between32(1, 6);
    }
    for (planner::Bus& bus : world.buses) {
        if (random.one_in(2)) bus.bytes_per_ms = random.between(1, 8) * 4096;
        if (random.one_in(4)) bus.queued_bytes = random.below(20) * 4096;
    }
    for (planner::Route& route : world.routes) {
        if (random.one_in(3)) route.latency_ns = random.below(3) * kMs;
        if (random.one_in(3)) route.stream_bytes_per_ms = random.between(1, 4) * 4096;
        route.bus = static_cast<std::uint8_t>(random.below(2));
    }
    if (random.one_in(3)) world.rule.gap_bytes_max = random.between(1, 3) * 4096;
    if (random.one_in(3)) world.rule.min_io_bytes = random.between(1, 8) * 4096;
    if (random.one_in(6)) world.rule.takes_late = true;
    if (random.one_in(6)) world.rule.merges = false;
    return world;
}

}  // namespace bwrt::test
