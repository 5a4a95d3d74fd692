// SPDX-License-Identifier: Apache-2.0
//
// test_placement.cpp — which rows move when not all can, and who pays.
//
// The numbers are of crowd.h: a page takes a millisecond.

#include "planner/placement.h"

#include "tests/planner/crowd.h"

namespace {

using namespace bwrt::planner;
using bwrt::test::Crowd;
using bwrt::test::kMs;
using bwrt::test::kNow;
using bwrt::test::kPage;
using bwrt::test::PlannerWorld;
using bwrt::test::request_of;

void what_does_not_fit_is_passed_over_and_what_is_smaller_moves(void**) {
    Crowd crowd;
    crowd.world.budgets[1].bytes = 5 * kPage;
    crowd.ask(0, 4, 10);
    crowd.ask(10, 5, 20);
    crowd.ask(20, 1, 30);
    crowd.plan();

    assert_true(crowd.verdicts ==
                std::vector<Verdict>({Verdict::kPlanned, Verdict::kNoBudget, Verdict::kPlanned}));
    assert_int_equal(crowd.operations.size(), 2);
    assert_true(crowd.has(1, 20, 21, 5));
}

void sources_share_the_budget_of_their_target_and_nodes_do_not(void**) {
    Crowd crowd;
    crowd.world.budgets[1].bytes = 4 * kPage;
    crowd.world.budgets[3 + 1].bytes = 4 * kPage;
    crowd.ask(0, 3, 10);
    crowd.ask(0, 2, 20).tier_src = 2;
    crowd.ask(0, 3, 30).node = 1;
    crowd.ask(0, 3, 40).tier_dst = 2;
    crowd.plan();

    assert_true(crowd.verdicts == std::vector<Verdict>({Verdict::kPlanned, Verdict::kNoBudget,
                                                        Verdict::kPlanned, Verdict::kPlanned}));
}

// Of a row that is cut, its first pages that nobody else moves.
void a_part_is_of_what_nobody_moves_yet(void**) {
    Crowd crowd;
    crowd.world.budgets[1].bytes = 6 * kPage;
    crowd.ask(3, 2, 10);
    crowd.ask(0, 10, 20);
    crowd.plan();

    assert_int_equal(crowd.verdicts[1], Verdict::kPlannedPart);
    assert_int_equal(crowd.operations.size(), 1);
    assert_true(crowd.has(0, 0, 6, 6));
    assert_int_equal(crowd.credit_left[0], (std::uint64_t{1} << 50) - 6 * kPage);
}

void a_part_smaller_than_an_operation_should_be_is_not_cut(void**) {
    for (const std::uint64_t left : {2u, 3u}) {
        Crowd crowd;
        crowd.world.rule.min_io_bytes = 3 * kPage;
        crowd.ask(0, 4, 10);
        crowd.ask(20, 10, 2'000);
        crowd.world.budgets[1].bytes = (4 + left) * kPage;
        crowd.plan();

        assert_int_equal(crowd.verdicts[1], left == 2 ? Verdict::kNoBudget : Verdict::kPlannedPart);
    }
}

void who_rides_along_pays_for_nothing(void**) {
    Crowd crowd;
    crowd.credits[1] = {1, kMs, 2 * kPage};
    crowd.credits[2] = {1, kMs, 2 * kPage};
    crowd.ask(0, 8, 10);
    crowd.ask(0, 8, 20).tenant = 1;
    crowd.ask(2, 7, 30).tenant = 2;   // one page more
    crowd.ask(20, 2, 40).tenant = 1;  // which has all that it had
    crowd.ask(30, 2, 50).tenant = 2;
    crowd.plan();

    using enum Verdict;
    assert_true(crowd.verdicts ==
                std::vector<Verdict>({kPlanned, kPlanned, kPlanned, kPlanned, kNoCredit}));
    assert_int_equal(crowd.credit_left[1], 0);
    assert_int_equal(crowd.credit_left[2], kPage);
    assert_true(crowd.has(0, 0, 9, 9));
    assert_int_equal(crowd.operations[0].fan_out, 3);
}

// Though it is due sooner: what nobody waits for takes no place from what somebody does.
void a_hint_comes_behind_demands_and_a_prediction_behind_hints(void**) {
    Crowd crowd;
    crowd.ask(0, 2, 4).request_class = RequestClass::kPrediction;
    crowd.ask(10, 2, 5).request_class = RequestClass::kHint;
    crowd.ask(20, 2, 60);
    crowd.plan();

    using enum Verdict;
    assert_true(crowd.verdicts == std::vector<Verdict>({kLate, kPlanned, kPlanned}));
    assert_true(crowd.has(0, 20, 22, 2) && crowd.has(1, 10, 12, 4));
    assert_int_equal(crowd.operations[0].request_class, RequestClass::kDemand);
    assert_int_equal(crowd.operations[1].request_class, RequestClass::kHint);
}

void who_rides_along_is_late_when_what_moves_for_it_is(void**) {
    for (const std::uint64_t rider_ms : {5u, 6u}) {
        Crowd crowd;
        crowd.ask(100, 4, 10);
        crowd.ask(0, 2, 20);  // done at 6
        crowd.ask(0, 2, rider_ms).request_class = RequestClass::kHint;
        crowd.ask(2, 2, 90).request_class = RequestClass::kHint;
        crowd.plan();

        assert_int_equal(crowd.verdicts[2], rider_ms == 5 ? Verdict::kLate : Verdict::kPlanned);
        // Whoever rides along is not made late by who comes behind it either.
        assert_int_equal(crowd.operations.size(), rider_ms == 5 ? 2 : 3);
    }
}

void what_will_be_late_is_given_back_or_goes_last(void**) {
    Crowd crowd;
    crowd.ask(0, 4, 4);
    crowd.ask(10, 4, 7);
    crowd.ask(20, 1, 8);
    crowd.plan();
    assert_true(crowd.verdicts ==
                std::vector<Verdict>({Verdict::kPlanned, Verdict::kLate, Verdict::kPlanned}));

    crowd.world.rule.takes_late = true;
    crowd.plan();
    assert_int_equal(crowd.verdicts[1], Verdict::kPlanned);
    assert_true(crowd.has(0, 0, 4, 4) && crowd.has(1, 10, 14, 8));
}

void a_copy_takes_as_long_as_its_stream_and_the_bus_no_longer_than_its_bytes(void**) {
    for (const std::uint64_t deadline_ms : {6u, 7u}) {
        Crowd crowd;
        crowd.world.routes[1] = {.latency_ns = kMs, .stream_bytes_per_ms = kPage / 2, .bus = 0};
        crowd.world.buses[0].queued_bytes = kPage;
        crowd.ask(0, 2, 50);                                                // 1 + 1 + 2 x 2 = 6
        crowd.ask(10, 1, 60);                                               // 1 + 1 + 2 + 1 x 2 = 6
        crowd.ask(20, 1, deadline_ms).request_class = RequestClass::kHint;  // 1 + 1 + 3 + 1 x 2 = 7
        crowd.plan();

        assert_true(crowd.has(0, 0, 2, 6) && crowd.has(1, 10, 11, 6));
        assert_int_equal(crowd.operations.size(), deadline_ms == 6 ? 2 : 3);
        if (deadline_ms == 7) assert_true(crowd.has(2, 20, 21, 7));
    }
}

void a_row_in_more_pieces_than_are_kept_waits(void**) {
    for (const std::uint64_t count : {65u, 66u}) {
        Crowd crowd;
        for (std::uint64_t i = 0; i < count; ++i) crowd.ask(2 * i, 1, 300);
        crowd.ask(0, 2 * count - 1, 400);  // a piece between each two
        crowd.plan();

        assert_int_equal(crowd.verdicts.back(),
                         count == 65 ? Verdict::kPlanned : Verdict::kNoPlace);
        assert_int_equal(crowd.operations.size(), count == 65 ? 1 : 66);
    }
}

void who_is_late_with_larger_pages_is_late_and_not_without_a_budget(void**) {
    Crowd crowd;
    crowd.ask(2, 1, 11);  // done at 1, or at 2 when it is larger
    crowd.ask(100, 10, 12);
    crowd.ask(0, 2, 50).page_bytes = 2 * kPage;  // done at 15
    crowd.ask(0, 3, 8).page_bytes = 2 * kPage;
    crowd.requests[3].request_class = RequestClass::kHint;
    crowd.plan();
    assert_int_equal(crowd.verdicts[3], Verdict::kLate);
}

// As many operations as rows can make: each piece between others is one.
void a_full_window_has_room_for_all_its_operations_again_and_again(void**) {
    PlannerWorld world(5);
    world.rule.merges = false;
    Planner planner(world.limits, world.rule);
    planner.credits().set(0, {9 * kPage, kMs, 18 * kPage}, kNow);
    for (int window = 0; window < 3'000; ++window) {
        for (std::uint64_t i = 0; i < 4; ++i) {
            assert_null(planner.request(request_of(i, 2 * i + 1, 1, 5'000)).field);
        }
        assert_null(planner.request(request_of(4, 0, 9, 6'000)).field);
        assert_int_equal(planner.plan(world.state()).operations.size(), 9);
        assert_int_equal(planner.credits().left(world.now_ns)[0].left_bytes, 9 * kPage);
        planner.next();
        assert_int_equal(planner.row_count(), 0);
        world.now_ns += kMs;
    }
}

void what_is_less_than_a_burst_waits_for_it_and_what_is_more_is_cut(void**) {
    for (const std::uint64_t pages : {4u, 5u}) {
        Crowd crowd;
        crowd.credits[0] = {1, kMs, 4 * kPage};
        crowd.ask(0, 1, 50);
        crowd.ask(10, pages, 60);
        crowd.plan();

        assert_int_equal(crowd.verdicts[1],
                         pages == 4 ? Verdict::kNoCredit : Verdict::kPlannedPart);
        assert_int_equal(crowd.credit_left[0], pages == 4 ? 3 * kPage : 0);
    }
}

void what_moves_behind_the_cut_of_a_row_is_not_its_own(void**) {
    for (const bool has_other : {false, true}) {
        Crowd crowd;
        crowd.world.rule.min_io_bytes = 10 * kPage;
        crowd.credits[1] = {1, kMs, 100 * kPage};
        crowd.ask(0, 300, 10'000).tenant = 1;
        if (has_other) {
            Request& other = crowd.ask(250, 2, 20'000);  // would wait for company
            other.tenant = 2;
            other.request_class = RequestClass::kPrediction;
        }
        crowd.plan();

        assert_int_equal(crowd.verdicts[0], Verdict::kPlannedPart);
        assert_int_equal(crowd.credit_left[1], 0);
        assert_int_equal(crowd.operations.size(), 1);
        assert_true(crowd.has(0, 0, 100, 100));
        assert_int_equal(crowd.operations[0].fan_out, 1);
        if (has_other) assert_int_equal(crowd.verdicts[1], Verdict::kTooSmall);
    }
}

void a_part_may_be_small_where_there_is_never_a_larger_one(void**) {
    Crowd crowd;
    crowd.world.rule.min_io_bytes = 2 * kPage;
    crowd.credits[1] = {1, kMs, kPage + kPage / 2};
    crowd.ask(0, 10, 20).tenant = 1;
    crowd.plan();

    assert_int_equal(crowd.verdicts[0], Verdict::kPlannedPart);
    assert_true(crowd.has(0, 0, 1, 1));
}

void who_came_first_goes_first_where_deadlines_are_equal(void**) {
    Crowd crowd;
    crowd.world.budgets[1].operation_count = 1;
    Request& prediction = crowd.ask(0, 1, 10);
    prediction.prefix = 2;
    prediction.request_class = RequestClass::kPrediction;
    crowd.ask(50, 1, 30).prefix = 1;
    crowd.ask(20, 1, 30).prefix = 2;
    crowd.plan();

    using enum Verdict;
    assert_true(crowd.verdicts == std::vector<Verdict>({kNoOperation, kPlanned, kNoOperation}));
}

void who_is_late_with_larger_pages_moves_where_late_ones_do(void**) {
    Crowd crowd;
    crowd.world.rule.takes_late = true;
    crowd.ask(0, 4, 50);
    Request& late = crowd.ask(1, 2, 5);
    late.page_bytes = 2 * kPage;
    late.request_class = RequestClass::kHint;
    crowd.plan();

    assert_true(crowd.verdicts == std::vector<Verdict>(2, Verdict::kPlanned));
    assert_int_equal(crowd.operations.size(), 1);
    assert_int_equal(crowd.operations[0].page_bytes, 2 * kPage);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_fit_is_passed_over_and_what_is_smaller_moves),
        cmocka_unit_test(sources_share_the_budget_of_their_target_and_nodes_do_not),
        cmocka_unit_test(a_part_is_of_what_nobody_moves_yet),
        cmocka_unit_test(a_part_smaller_than_an_operation_should_be_is_not_cut),
        cmocka_unit_test(who_rides_along_pays_for_nothing),
        cmocka_unit_test(a_hint_comes_behind_demands_and_a_prediction_behind_hints),
        cmocka_unit_test(who_rides_along_is_late_when_what_moves_for_it_is),
        cmocka_unit_test(what_will_be_late_is_given_back_or_goes_last),
        cmocka_unit_test(a_copy_takes_as_long_as_its_stream_and_the_bus_no_longer_than_its_bytes),
        cmocka_unit_test(a_row_in_more_pieces_than_are_kept_waits),
        cmocka_unit_test(who_is_late_with_larger_pages_is_late_and_not_without_a_budget),
        cmocka_unit_test(a_full_window_has_room_for_all_its_operations_again_and_again),
        cmocka_unit_test(what_is_less_than_a_burst_waits_for_it_and_what_is_more_is_cut),
        cmocka_unit_test(what_moves_behind_the_cut_of_a_row_is_not_its_own),
        cmocka_unit_test(a_part_may_be_small_where_there_is_never_a_larger_one),
        cmocka_unit_test(who_came_first_goes_first_where_deadlines_are_equal),
        cmocka_unit_test(who_is_late_with_larger_pages_moves_where_late_ones_do),
    };
    return cmocka_run_group_tests_name("placement", tests, nullptr, nullptr);
}
