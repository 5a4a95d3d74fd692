// SPDX-License-Identifier: Apache-2.0
//
// test_planner_again.cpp — a plan depends on its window alone: not on what was planned before, on
// where its pages lie, nor on rows that are late.  Windows are of several hundred rows, more than
// are looked at together.

#include "tests/planner/windows.h"
#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::planner;
using bwrt::test::draw_request;
using bwrt::test::draw_world;
using bwrt::test::kMs;
using bwrt::test::PlannerWorld;
using bwrt::test::Random;

constexpr std::uint32_t kRowCountMax = 900;
const int kTurnCount = static_cast<int>(bwrt::test::share_of(600));

PlannerWorld draw_large_world(Random& random) {
    PlannerWorld world = draw_world(random);
    world.limits.row_count_max = kRowCountMax;
    world.rule.has_finishes = random.one_in(2);
    world.rule.score.smallest_first = random.one_in(2);
    if (random.one_in(2)) return world;
    for (TierBudget& budget : world.budgets) budget = {};  // so that all can move at once
    for (Bus& bus : world.buses) bus = {};
    return world;
}

std::vector<Request> draw_requests(Random& random) {
    std::vector<Request> requests(random.between(1, random.one_in(2) ? 20 : kRowCountMax / 2));
    for (std::size_t id = 0; id < requests.size(); ++id) {
        requests[id] = draw_request(random, id, true);
        requests[id].prefix = random.between32(0, 30);
    }
    return requests;
}

Plan plan_of(Planner& planner, const PlannerWorld& world, const std::vector<Request>& requests) {
    for (const Request& request : requests) assert_null(planner.request(request).field);
    Plan plan = planner.plan(world.state());
    planner.clear();
    return plan;
}

void assert_same(const Operation& one, const Operation& other, std::uint64_t page_shift) {
    assert_true(one.page_first + page_shift == other.page_first);
    assert_true(one.page_end + page_shift == other.page_end);
    assert_true(one.page_bytes == other.page_bytes && one.bytes == other.bytes);
    assert_true(one.deadline_ns == other.deadline_ns && one.finish_ns == other.finish_ns);
    assert_true(one.urgency == other.urgency && one.slack_milli == other.slack_milli);
    assert_true(one.popularity_milli == other.popularity_milli);
    assert_true(one.model == other.model && one.prefix == other.prefix);
    assert_true(one.group == other.group && one.fan_out == other.fan_out);
    assert_true(one.position == other.position && one.layer == other.layer);
    assert_true(one.node == other.node && one.tier_src == other.tier_src);
    assert_true(one.tier_dst == other.tier_dst && one.age == other.age);
    assert_true(one.overlap == other.overlap && one.request_class == other.request_class);
}

// But for the rows that operations name.
void assert_same(const Plan& one, const Plan& other, std::uint64_t page_shift) {
    assert_int_equal(one.operations.size(), other.operations.size());
    for (std::size_t i = 0; i < one.operations.size(); ++i) {
        assert_same(one.operations[i], other.operations[i], page_shift);
    }
}

void a_planner_that_has_planned_plans_like_a_new_one(void**) {
    Random random(bwrt::test::test_seed());
    for (int turn = 0; turn < kTurnCount; ++turn) {
        const PlannerWorld world = draw_large_world(random);
        Planner used(world.limits, world.rule), unused(world.limits, world.rule);
        for (int window = 0; window < 2; ++window) {
            (void)plan_of(used, world, draw_requests(random));
        }
        const std::vector<Request> requests = draw_requests(random);
        const Plan plan = plan_of(used, world, requests);
        const Plan expected = plan_of(unused, world, requests);

        assert_same(plan, expected, 0);
        for (std::size_t i = 0; i < plan.operations.size(); ++i) {
            assert_int_equal(plan.operations[i].row, expected.operations[i].row);
        }
        assert_true(plan.verdicts == expected.verdicts);
        assert_true(plan.finish_ns == expected.finish_ns);
        assert_true(plan.served_by == expected.served_by);
    }
}

// Page and group fit into one key near the first page, and not into one near the last.
void pages_lie_where_they_will(void**) {
    constexpr std::uint64_t kFar = RequestWindow::kPageEndMax - 64;
    Random random(bwrt::test::test_seed());
    for (int turn = 0; turn < kTurnCount; ++turn) {
        const PlannerWorld world = draw_large_world(random);
        Planner planner(world.limits, world.rule);
        std::vector<Request> requests = draw_requests(random);
        const Plan near = plan_of(planner, world, requests);
        for (Request& request : requests) request.page_first += kFar;
        const Plan far = plan_of(planner, world, requests);

        assert_same(near, far, kFar);
        assert_true(near.verdicts == far.verdicts);
    }
}

void rows_that_are_late_change_nothing_for_the_others(void**) {
    Random random(bwrt::test::test_seed());
    for (int turn = 0; turn < kTurnCount; ++turn) {
        PlannerWorld world = draw_large_world(random);
        world.rule.takes_late = false;
        world.rule.score.smallest_first = false;  // which numbers the urgencies of all
        Planner planner(world.limits, world.rule);
        std::vector<Request> requests = draw_requests(random), with_late;
        for (Request& request : requests) {
            request.deadline_ns = std::max(request.deadline_ns, world.now_ns);
            while (random.one_in(4) && with_late.size() + requests.size() < kRowCountMax) {
                with_late.push_back(draw_request(random, 0, true));
                with_late.back().prefix = random.between32(0, 60);
                with_late.back().deadline_ns = world.now_ns - 1;
            }
            with_late.push_back(request);
        }
        const Plan expected = plan_of(planner, world, requests);
        const Plan plan = plan_of(planner, world, with_late);

        assert_same(expected, plan, 0);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_planner_that_has_planned_plans_like_a_new_one),
        cmocka_unit_test(pages_lie_where_they_will),
        cmocka_unit_test(rows_that_are_late_change_nothing_for_the_others),
    };
    return cmocka_run_group_tests_name("planner, once more", tests, nullptr, nullptr);
}
