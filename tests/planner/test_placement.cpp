// SPDX-License-Identifier: Apache-2.0
//
// test_placement.cpp — which rows move when not all can, whom they join, and who pays.
//
// A page is 4 KiB and a bus moves one in a millisecond, so that a row of n pages takes n ms.  The
// tenant of all rows has a limit that binds nobody, or the whole window would be coalesced at once.

#include "planner/placement.h"

#include "tests/planner/windows.h"

namespace {

using namespace bwrt::planner;
using bwrt::test::kMs;
using bwrt::test::kNow;
using bwrt::test::PlannerWorld;
using bwrt::test::request_of;

constexpr std::uint64_t kPage = 4096;

struct Crowd {
    PlannerWorld world;
    std::vector<Request> requests;
    std::vector<TokenRate> credits{{1, kMs, std::uint64_t{1} << 50}, {}, {}};
    std::vector<std::uint64_t> credit_left{0, 0, 0};  // afterwards
    std::vector<Verdict> verdicts;
    std::vector<Operation> operations;

    Crowd() {
        for (Bus& bus : world.buses) bus.bytes_per_ms = kPage;
    }
    Request& ask(std::uint64_t page_first, std::uint64_t page_count, std::uint64_t deadline_ms) {
        return requests.emplace_back(
            request_of(requests.size(), page_first, page_count, deadline_ms));
    }
    void plan() {
        Planner planner(world.limits, world.rule);
        for (std::uint16_t tenant = 0; tenant < 3; ++tenant) {
            planner.credits().set(tenant, credits[tenant], kNow);
        }
        for (const Request& request : requests) assert_null(planner.request(request).field);
        const Plan& plan = planner.plan(world.state());
        verdicts = plan.verdicts;
        operations = plan.operations;
        for (std::size_t i = 0; i < 3; ++i) {
            credit_left[i] = planner.credits().left(kNow)[i].left_bytes;
        }
    }
    // Of the operation at that place in the plan: its pages, and when it is done.
    [[nodiscard]] bool has(std::size_t index, std::uint64_t first, std::uint64_t end,
                           std::uint64_t finish_ms) const {
        const Operation& operation = operations.at(index);
        return operation.page_first == first && operation.page_end == end &&
               operation.bytes == (end - first) * operation.page_bytes &&
               operation.finish_ns == kNow + finish_ms * kMs;
    }
};

void a_neighbour_that_would_be_late_itself_is_not_joined(void**) {
    for (const std::uint64_t spare_ms : {1, 2}) {
        Crowd crowd;
        crowd.ask(0, 2, 2 + spare_ms);
        crowd.ask(2, 2, 100);
        crowd.plan();

        assert_int_equal(crowd.operations.size(), spare_ms == 1 ? 2 : 1);
        if (spare_ms == 1) {
            assert_true(crowd.has(0, 0, 2, 2) && crowd.has(1, 2, 4, 4));
        } else {
            assert_true(crowd.has(0, 0, 4, 4));
            assert_int_equal(crowd.operations[0].fan_out, 2);
        }
    }
}

void a_neighbour_is_not_joined_where_that_makes_another_late(void**) {
    for (const bool has_spare : {false, true}) {
        Crowd crowd;
        crowd.ask(0, 2, 10);
        crowd.ask(100, 8, has_spare ? 11 : 10);
        crowd.ask(2, 1, 90);
        crowd.plan();

        if (has_spare) {
            assert_int_equal(crowd.operations.size(), 2);
            assert_true(crowd.has(0, 0, 3, 3) && crowd.has(1, 100, 108, 11));
        } else {
            assert_int_equal(crowd.operations.size(), 3);
            assert_true(crowd.has(0, 0, 2, 2) && crowd.has(1, 100, 108, 10));
            assert_true(crowd.has(2, 2, 3, 11));
        }
    }
}

// The gap between two operations is closed; one is moved up to the other if those between them can
// wait for it.
void two_operations_become_one_where_nobody_between_them_is_late(void**) {
    for (const std::uint64_t between_ms : {11, 12, 14}) {
        Crowd crowd;
        crowd.ask(0, 2, 10);
        crowd.ask(100, 8, between_ms);  // done at 10
        crowd.ask(4, 2, 14);            // done at 12
        crowd.ask(2, 2, 90);
        crowd.plan();

        if (between_ms == 11) {
            // Before it there is no place, but behind it there is.
            assert_int_equal(crowd.operations.size(), 3);
            assert_true(crowd.has(2, 2, 6, 14));
        } else if (between_ms == 12) {
            assert_int_equal(crowd.operations.size(), 3);
            assert_true(crowd.has(0, 0, 4, 4) && crowd.has(1, 100, 108, 12));
            assert_true(crowd.has(2, 4, 6, 14));
        } else {
            assert_int_equal(crowd.operations.size(), 2);
            assert_true(crowd.has(0, 0, 6, 6) && crowd.has(1, 100, 108, 14));
            assert_int_equal(crowd.operations[0].fan_out, 3);
        }
    }
}

// What was united is bound by the sooner deadline, and those between by what stands before them.
void what_has_become_one_is_bound_by_the_deadlines_of_both(void**) {
    for (const std::uint64_t second_ms : {14, 15}) {
        Crowd crowd;
        crowd.ask(4, 2, second_ms);  // done at 2
        crowd.ask(100, 8, 30);       // done at 10
        crowd.ask(0, 2, 40);         // done at 12
        crowd.ask(2, 2, 41);         // one of 6 in front
        crowd.ask(6, 9, 50);         // would be 15 long
        crowd.plan();

        assert_int_equal(crowd.operations.size(), second_ms == 14 ? 3 : 2);
        if (second_ms == 14) {
            assert_true(crowd.has(0, 0, 6, 6) && crowd.has(1, 100, 108, 14));
            assert_true(crowd.has(2, 6, 15, 23));
        } else {
            assert_true(crowd.has(0, 0, 15, 15) && crowd.has(1, 100, 108, 23));
        }
    }
}

void a_gap_is_moved_up_to_what_an_operation_is_worth(void**) {
    for (const std::uint64_t gap : {2, 3}) {
        Crowd crowd;
        crowd.world.rule.gap_bytes_max = 3 * kPage - 1;
        crowd.ask(10, 2, 50);
        crowd.ask(12 + gap, 2, 60);
        crowd.ask(8 - gap, 2, 70);
        crowd.plan();

        assert_int_equal(crowd.operations.size(), gap == 2 ? 1 : 3);
        if (gap == 2) assert_true(crowd.has(0, 6, 16, 10));
        const std::uint64_t moved = (gap == 2 ? 10 : 6) * kPage;
        assert_int_equal(crowd.credit_left[0], (std::uint64_t{1} << 50) - moved);
    }
}

void a_gap_that_its_tenant_cannot_pay_is_not_moved(void**) {
    for (const std::uint64_t pages : {3, 4}) {
        Crowd crowd;
        crowd.world.rule.gap_bytes_max = 2 * kPage;
        crowd.ask(0, 2, 50);
        crowd.ask(4, 2, 60).tenant = 1;
        crowd.credits[1] = {1, kMs, pages * kPage};
        crowd.plan();

        assert_int_equal(crowd.operations.size(), pages == 3 ? 2 : 1);
        assert_int_equal(crowd.credit_left[1], pages == 3 ? kPage : 0);
    }
}

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

void where_no_operation_is_left_a_neighbour_is_joined_all_the_same(void**) {
    Crowd crowd;
    crowd.world.budgets[1].operation_count = 2;
    crowd.ask(0, 2, 50);
    crowd.ask(4, 2, 60);
    crowd.ask(10, 2, 70);
    crowd.ask(2, 2, 80);  // makes one of two, so that one is left again
    crowd.ask(20, 2, 90);
    crowd.ask(30, 2, 95);
    crowd.plan();

    using enum Verdict;
    assert_true(crowd.verdicts == std::vector<Verdict>({kPlanned, kPlanned, kNoOperation, kPlanned,
                                                        kPlanned, kNoOperation}));
    assert_int_equal(crowd.operations.size(), 2);
    assert_true(crowd.has(0, 0, 6, 6) && crowd.has(1, 20, 22, 8));
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
    for (const std::uint64_t left : {2, 3}) {
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
    for (const std::uint64_t rider_ms : {5, 6}) {
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

void the_largest_page_that_is_asked_for_is_moved(void**) {
    for (const bool has_budget : {false, true}) {
        Crowd crowd;
        crowd.world.budgets[1].bytes = (has_budget ? 8 : 7) * kPage;
        crowd.ask(0, 4, 50);
        crowd.ask(1, 2, 60).page_bytes = 2 * kPage;
        crowd.plan();

        assert_int_equal(crowd.verdicts[1], has_budget ? Verdict::kPlanned : Verdict::kNoBudget);
        assert_int_equal(crowd.operations.size(), 1);
        assert_int_equal(crowd.operations[0].page_bytes, has_budget ? 2 * kPage : kPage);
        assert_int_equal(crowd.operations[0].bytes, (has_budget ? 8 : 4) * kPage);
    }
}

void a_copy_takes_as_long_as_its_stream_and_the_bus_no_longer_than_its_bytes(void**) {
    for (const std::uint64_t deadline_ms : {6, 7}) {
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
    for (const std::uint64_t count : {65, 66}) {
        Crowd crowd;
        for (std::uint64_t i = 0; i < count; ++i) crowd.ask(2 * i, 1, 300);
        crowd.ask(0, 2 * count - 1, 400);  // a piece between each two
        crowd.plan();

        assert_int_equal(crowd.verdicts.back(),
                         count == 65 ? Verdict::kPlanned : Verdict::kNoOperation);
        assert_int_equal(crowd.operations.size(), count == 65 ? 1 : 66);
    }
}

// A row that would be late bounds none of its neighbours.
void who_is_late_keeps_nobody_from_joining(void**) {
    for (const std::uint64_t neighbour : {10, 14}) {
        Crowd crowd;
        crowd.ask(neighbour, 2, 90);
        crowd.ask(12, 2, 3).request_class = RequestClass::kHint;
        crowd.ask(neighbour == 10 ? 8 : 16, 2, 50).request_class = RequestClass::kHint;
        crowd.plan();

        assert_int_equal(crowd.verdicts[1], Verdict::kLate);
        assert_int_equal(crowd.operations.size(), 1);
    }
}

void a_gap_counts_as_pages_of_the_larger_size(void**) {
    for (const std::uint64_t gap : {1, 2}) {
        Crowd crowd;
        crowd.world.rule.gap_bytes_max = 2 * kPage;
        crowd.ask(10, 2, 50).page_bytes = 2 * kPage;
        crowd.ask(12 + gap, 1, 60);
        crowd.plan();

        assert_int_equal(crowd.operations.size(), gap);
    }
}

void larger_pages_are_moved_where_they_are_asked_for_and_not_beside(void**) {
    Crowd crowd;
    crowd.world.rule.merges = false;
    crowd.ask(0, 2, 50);
    crowd.ask(3, 1, 51);
    crowd.ask(5, 2, 52);
    crowd.ask(2, 3, 60).page_bytes = 2 * kPage;
    crowd.plan();

    // [0,2), [3,4), [5,7), and what is new beside them: [2,3) and [4,5).
    assert_int_equal(crowd.operations.size(), 5);
    for (const Operation& operation : crowd.operations) {
        const bool is_asked_for = operation.page_first >= 2 && operation.page_end <= 5;
        assert_int_equal(operation.page_bytes, (is_asked_for ? 2 : 1) * kPage);
    }
}

void without_merging_larger_pages_make_no_two_operations_one(void**) {
    Crowd crowd;
    crowd.world.rule.merges = false;
    crowd.ask(0, 2, 50);
    crowd.ask(2, 2, 51);
    crowd.ask(1, 1, 60).page_bytes = 2 * kPage;
    crowd.plan();

    assert_int_equal(crowd.operations.size(), 2);
    assert_int_equal(crowd.operations[0].page_bytes, 2 * kPage);
    assert_int_equal(crowd.operations[1].page_bytes, kPage);
}

void who_is_late_with_larger_pages_is_late_and_not_without_a_budget(void**) {
    Crowd crowd;
    crowd.ask(8, 1, 40);                         // done at 1, or at 2 when it is larger
    crowd.ask(0, 2, 50).page_bytes = 2 * kPage;  // done at 5
    crowd.ask(0, 9, 3).page_bytes = 2 * kPage;
    crowd.requests[2].request_class = RequestClass::kHint;
    crowd.plan();
    assert_int_equal(crowd.verdicts[2], Verdict::kLate);
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

// Its first pages would fit beside the first operation, with the gap between: the gap would make
// the rest of it late, so they go where there is none.
void no_gap_is_moved_that_makes_the_rest_of_a_row_late(void**) {
    for (const std::uint64_t spare_ms : {0, 1}) {
        Crowd crowd;
        crowd.world.rule.gap_bytes_max = kPage;
        crowd.ask(0, 2, 50);
        crowd.ask(5, 1, 51);
        crowd.ask(100, 47, 53);  // done at 50
        crowd.ask(3, 7, 56 + spare_ms);
        crowd.plan();

        assert_int_equal(crowd.operations.size(), spare_ms == 0 ? 4 : 3);
        if (spare_ms == 0) {
            assert_true(crowd.has(0, 0, 2, 2) && crowd.has(1, 3, 6, 5));
            assert_true(crowd.has(2, 100, 147, 52) && crowd.has(3, 6, 10, 56));
        } else {
            assert_true(crowd.has(0, 0, 6, 6) && crowd.has(1, 100, 147, 53));
            assert_true(crowd.has(2, 6, 10, 57));
        }
    }
}

void what_is_less_than_a_burst_waits_for_it_and_what_is_more_is_cut(void**) {
    for (const std::uint64_t pages : {4, 5}) {
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

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_neighbour_that_would_be_late_itself_is_not_joined),
        cmocka_unit_test(a_neighbour_is_not_joined_where_that_makes_another_late),
        cmocka_unit_test(two_operations_become_one_where_nobody_between_them_is_late),
        cmocka_unit_test(what_has_become_one_is_bound_by_the_deadlines_of_both),
        cmocka_unit_test(a_gap_is_moved_up_to_what_an_operation_is_worth),
        cmocka_unit_test(a_gap_that_its_tenant_cannot_pay_is_not_moved),
        cmocka_unit_test(what_does_not_fit_is_passed_over_and_what_is_smaller_moves),
        cmocka_unit_test(sources_share_the_budget_of_their_target_and_nodes_do_not),
        cmocka_unit_test(where_no_operation_is_left_a_neighbour_is_joined_all_the_same),
        cmocka_unit_test(a_part_is_of_what_nobody_moves_yet),
        cmocka_unit_test(a_part_smaller_than_an_operation_should_be_is_not_cut),
        cmocka_unit_test(who_rides_along_pays_for_nothing),
        cmocka_unit_test(a_hint_comes_behind_demands_and_a_prediction_behind_hints),
        cmocka_unit_test(who_rides_along_is_late_when_what_moves_for_it_is),
        cmocka_unit_test(what_will_be_late_is_given_back_or_goes_last),
        cmocka_unit_test(the_largest_page_that_is_asked_for_is_moved),
        cmocka_unit_test(a_copy_takes_as_long_as_its_stream_and_the_bus_no_longer_than_its_bytes),
        cmocka_unit_test(a_row_in_more_pieces_than_are_kept_waits),
        cmocka_unit_test(who_is_late_keeps_nobody_from_joining),
        cmocka_unit_test(a_gap_counts_as_pages_of_the_larger_size),
        cmocka_unit_test(larger_pages_are_moved_where_they_are_asked_for_and_not_beside),
        cmocka_unit_test(without_merging_larger_pages_make_no_two_operations_one),
        cmocka_unit_test(who_is_late_with_larger_pages_is_late_and_not_without_a_budget),
        cmocka_unit_test(a_full_window_has_room_for_all_its_operations_again_and_again),
        cmocka_unit_test(no_gap_is_moved_that_makes_the_rest_of_a_row_late),
        cmocka_unit_test(what_is_less_than_a_burst_waits_for_it_and_what_is_more_is_cut),
    };
    return cmocka_run_group_tests_name("placement", tests, nullptr, nullptr);
}
