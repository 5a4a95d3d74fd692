// SPDX-License-Identifier: Apache-2.0
//
// test_ties.cpp — which of those that are due at the same time goes first.
//
// The numbers are of crowd.h: a page takes a millisecond.

#include "planner/ties.h"

#include <tuple>

#include "tests/planner/crowd.h"

namespace {

using namespace bwrt::planner;
using bwrt::test::Crowd;
using bwrt::test::draw_request;
using bwrt::test::draw_world;
using bwrt::test::kMs;
using bwrt::test::PlannerWorld;
using bwrt::test::Random;
using enum Verdict;

constexpr int kWindowCount = 5'000;

void of_those_due_at_the_same_time_the_smallest_move(void**) {
    for (const bool smallest_first : {false, true}) {
        Crowd crowd;
        crowd.world.rule.score.smallest_first = smallest_first;
        crowd.ask(0, 6, 8);
        crowd.ask(20, 3, 8);
        crowd.ask(40, 4, 8);
        crowd.plan();

        assert_true(crowd.verdicts == (smallest_first
                                           ? std::vector<Verdict>({kLate, kPlanned, kPlanned})
                                           : std::vector<Verdict>({kPlanned, kLate, kLate})));
        if (smallest_first) assert_true(crowd.has(0, 20, 23, 3) && crowd.has(1, 40, 44, 7));
    }
}

void a_large_one_that_is_due_sooner_and_a_demand_before_a_hint_still_go_first(void**) {
    Crowd crowd;
    crowd.world.rule.score.smallest_first = true;
    crowd.ask(0, 1, 9).request_class = RequestClass::kHint;
    crowd.ask(20, 2, 9);
    crowd.ask(40, 6, 8);
    crowd.plan();

    assert_true(crowd.has(0, 40, 46, 6) && crowd.has(1, 20, 22, 8) && crowd.has(2, 0, 1, 9));
}

// The layers of a request are as large as each other and stay together.
void those_as_large_as_each_other_go_as_they_came(void**) {
    Crowd crowd;
    crowd.world.rule.score.smallest_first = true;
    crowd.ask(60, 2, 8);
    crowd.ask(40, 2, 8);
    crowd.ask(0, 2, 8);
    crowd.ask(20, 1, 8);
    crowd.plan();

    assert_true(crowd.has(0, 20, 21, 1) && crowd.has(1, 60, 62, 3) && crowd.has(2, 40, 42, 5) &&
                crowd.has(3, 0, 2, 7));
}

// Few deadlines, so that most are equal.
Request draw_tied(Random& random, std::uint64_t id) {
    Request request = draw_request(random, id, true);
    if (request.deadline_ns != kNoDeadline) {
        request.deadline_ns = bwrt::test::kNow + (1 + random.below(4)) * 15 * kMs;
    }
    return request;
}

void a_request_more_takes_nothing_from_those_before_it(void**) {
    Random random(bwrt::test::test_seed());
    int taken_count = 0;
    for (int i = 0; i < kWindowCount; ++i) {
        PlannerWorld world = draw_world(random);
        world.rule.score.smallest_first = true;
        std::vector<Request> requests;
        const std::uint64_t count = random.between(1, 24);
        for (std::uint64_t id = 0; id < count; ++id) requests.push_back(draw_tied(random, id));
        const auto plan_all = [&](Planner& planner) -> const Plan& {
            for (const Request& one : requests) assert_null(planner.request(one).field);
            return planner.plan(world.state());
        };
        Planner without(world.limits, world.rule);
        const Plan& before = plan_all(without);
        const auto added = static_cast<std::uint32_t>(random.below(requests.size() + 1));
        requests.insert(requests.begin() + added, draw_tied(random, 99));
        Planner with(world.limits, world.rule);
        const Plan& after = plan_all(with);

        const RequestColumns& rows = with.rows();
        const auto rank = [&](std::uint32_t row) {
            const bool is_young = rows.age[row] < world.rule.age_first;
            return std::tuple(is_young, is_young ? rows.request_class[row] : RequestClass::kDemand,
                              rows.deadline_ns[row], rows.bytes(row), row);
        };
        taken_count += after.verdicts[added] == kPlanned;
        for (std::uint32_t row = 0; row < with.row_count(); ++row) {
            if (row == added || !(rank(row) < rank(added))) continue;
            if (before.verdicts[row > added ? row - 1 : row] != kPlanned) continue;
            assert_true(after.verdicts[row] == kPlanned || after.verdicts[row] == kTooSmall);
        }
    }
    assert_true(taken_count > kWindowCount / 10);
}

// Whether they were looked at one by one, or all at once as all of them can move.
void the_order_is_the_same_both_ways(void**) {
    Random random(bwrt::test::test_seed());
    for (int i = 0; i < kWindowCount; ++i) {
        PlannerWorld world = draw_world(random);
        world.rule.score.smallest_first = true;
        world.rule.merges = true;
        for (TierBudget& budget : world.budgets) budget = {};
        for (Bus& bus : world.buses) bus.queued_bytes = 0;
        Planner planner(world.limits, world.rule), careful(world.limits, world.rule);
        // A limit that binds nobody, but has to be looked at.
        careful.credits().set(0, {1, 1, ~std::uint64_t{0} >> 4}, world.now_ns);
        const std::uint64_t count = random.between(1, 24);
        for (std::uint64_t id = 0; id < count; ++id) {
            Request request = draw_tied(random, id);
            if (world.rule.gap_bytes_max > 0) request.page_bytes = 4096;
            assert_null(planner.request(request).field);
            assert_null(careful.request(request).field);
        }
        const Plan& at_once = planner.plan(world.state());
        const Plan& one_by_one = careful.plan(world.state());
        assert_true(at_once.verdicts == one_by_one.verdicts);
        assert_int_equal(at_once.operations.size(), one_by_one.operations.size());
        for (std::size_t k = 0; k < at_once.operations.size(); ++k) {
            const Operation& one = at_once.operations[k];
            const Operation& other = one_by_one.operations[k];
            assert_true(one.page_first == other.page_first && one.bytes == other.bytes &&
                        one.position == other.position && one.finish_ns == other.finish_ns);
        }
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(of_those_due_at_the_same_time_the_smallest_move),
        cmocka_unit_test(a_large_one_that_is_due_sooner_and_a_demand_before_a_hint_still_go_first),
        cmocka_unit_test(those_as_large_as_each_other_go_as_they_came),
        cmocka_unit_test(a_request_more_takes_nothing_from_those_before_it),
        cmocka_unit_test(the_order_is_the_same_both_ways),
    };
    return cmocka_run_group_tests_name("ties", tests, nullptr, nullptr);
}
