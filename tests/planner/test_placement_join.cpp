// SPDX-License-Identifier: Apache-2.0
//
// test_placement_join.cpp — whom the pages of a row join, and whom they must not.
//
// The numbers are of crowd.h: a page takes a millisecond.

#include "planner/placement.h"

#include "tests/planner/crowd.h"

namespace {

using namespace bwrt::planner;
using bwrt::test::Crowd;
using bwrt::test::kMs;
using bwrt::test::kPage;

void a_neighbour_that_would_be_late_itself_is_not_joined(void**) {
    for (const std::uint64_t spare_ms : {1u, 2u}) {
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
    for (const std::uint64_t between_ms : {11u, 12u, 14u}) {
        Crowd crowd;
        crowd.ask(0, 2, 10);
        crowd.ask(100, 8, between_ms);  // done at 10
        crowd.ask(4, 2, 15);            // done at 12
        crowd.ask(2, 2, 90);
        crowd.ask(6, 1, 95);
        crowd.plan();

        if (between_ms == 11) {
            // Before it there is no place, but behind it there is.
            assert_int_equal(crowd.operations.size(), 3);
            assert_true(crowd.has(2, 2, 7, 15));
        } else if (between_ms == 12) {
            assert_int_equal(crowd.operations.size(), 3);
            assert_true(crowd.has(0, 0, 4, 4) && crowd.has(1, 100, 108, 12));
            assert_true(crowd.has(2, 4, 7, 15));
        } else {
            // And nothing more goes in front of the one between.
            assert_int_equal(crowd.operations.size(), 3);
            assert_true(crowd.has(0, 0, 6, 6) && crowd.has(1, 100, 108, 14));
            assert_true(crowd.has(2, 6, 7, 15));
            assert_int_equal(crowd.operations[0].fan_out, 3);
        }
    }
}

// What was united is bound by the sooner deadline, and those between by what stands before them.
void what_has_become_one_is_bound_by_the_deadlines_of_both(void**) {
    for (const std::uint64_t second_ms : {14u, 15u}) {
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
    for (const std::uint64_t gap : {2u, 3u}) {
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
    for (const std::uint64_t pages : {3u, 4u}) {
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

void the_largest_page_that_is_asked_for_is_moved(void**) {
    for (const bool has_budget : {false, true}) {
        Crowd crowd;
        crowd.world.budgets[1].bytes = (has_budget ? 8 : 7) * kPage;
        crowd.ask(0, 4, 50);
        crowd.ask(1, 2, 60).page_bytes = 2 * kPage;
        crowd.plan();

        assert_int_equal(crowd.verdicts[1], has_budget ? Verdict::kPlanned : Verdict::kNoPlace);
        assert_int_equal(crowd.operations.size(), 1);
        assert_int_equal(crowd.operations[0].page_bytes, has_budget ? 2 * kPage : kPage);
        assert_int_equal(crowd.operations[0].bytes, (has_budget ? 8 : 4) * kPage);
    }
}

// A row that would be late bounds none of its neighbours.
void who_is_late_keeps_nobody_from_joining(void**) {
    for (const std::uint64_t neighbour : {10u, 14u}) {
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
    for (const std::uint64_t gap : {1u, 2u}) {
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

// Its first pages would fit beside the first operation, with the gap between: the gap would make
// the rest of it late, so they go where there is none.
void no_gap_is_moved_that_makes_the_rest_of_a_row_late(void**) {
    for (const std::uint64_t spare_ms : {0u, 1u}) {
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

// However soon that is: the operation is then as urgent as it.
void who_has_joined_is_not_made_late_by_who_joins_after_it(void**) {
    for (const std::uint64_t second_ms : {7u, 8u}) {
        Crowd crowd;
        crowd.ask(0, 2, 90);
        crowd.ask(2, 2, second_ms).request_class = RequestClass::kHint;
        crowd.ask(4, 4, 60).request_class = RequestClass::kHint;
        crowd.plan();

        assert_int_equal(crowd.operations.size(), second_ms == 7 ? 2 : 1);
        assert_true(crowd.has(0, 0, second_ms == 7 ? 4 : 8, second_ms == 7 ? 4 : 8));
    }
}

// Neither the queue nor the operation that begins where it ends, or ends where it begins, is in
// front of it.
void who_joins_what_goes_first_is_as_soon_as_that(void**) {
    for (const bool is_left_first : {false, true}) {
        Crowd crowd;
        crowd.ask(is_left_first ? 0 : 4, 2, 50);
        crowd.ask(100, 40, 60);
        crowd.ask(is_left_first ? 4 : 0, 2, 70);  // done at 44
        crowd.ask(2, 2, 10).request_class = RequestClass::kHint;
        crowd.plan();

        assert_int_equal(crowd.verdicts[3], Verdict::kPlanned);
        assert_int_equal(crowd.operations.size(), 2);
        assert_true(crowd.has(0, 0, 6, 6) && crowd.has(1, 100, 140, 46));
    }
}

void the_gap_between_two_that_become_one_is_in_front_of_all_behind_them(void**) {
    for (const std::uint64_t behind_ms : {15u, 16u, 17u}) {
        Crowd crowd;
        crowd.world.rule.gap_bytes_max = 2 * kPage;
        crowd.ask(0, 2, 10);
        crowd.ask(5, 1, 11);
        crowd.ask(100, 10, behind_ms);  // done at 13
        crowd.ask(2, 1, 90);
        crowd.ask(6, 1, 95);
        crowd.plan();

        assert_int_equal(crowd.operations.size(), behind_ms == 17 ? 2 : 3);
        if (behind_ms == 15) {
            assert_true(crowd.has(0, 0, 3, 3) && crowd.has(1, 5, 7, 5));
        } else {
            assert_true(crowd.has(0, 0, behind_ms == 16 ? 6 : 7, behind_ms == 16 ? 6 : 7));
            assert_true(crowd.has(1, 100, 110, behind_ms));
        }
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
        cmocka_unit_test(where_no_operation_is_left_a_neighbour_is_joined_all_the_same),
        cmocka_unit_test(the_largest_page_that_is_asked_for_is_moved),
        cmocka_unit_test(who_is_late_keeps_nobody_from_joining),
        cmocka_unit_test(a_gap_counts_as_pages_of_the_larger_size),
        cmocka_unit_test(larger_pages_are_moved_where_they_are_asked_for_and_not_beside),
        cmocka_unit_test(without_merging_larger_pages_make_no_two_operations_one),
        cmocka_unit_test(no_gap_is_moved_that_makes_the_rest_of_a_row_late),
        cmocka_unit_test(who_has_joined_is_not_made_late_by_who_joins_after_it),
        cmocka_unit_test(who_joins_what_goes_first_is_as_soon_as_that),
        cmocka_unit_test(the_gap_between_two_that_become_one_is_in_front_of_all_behind_them),
    };
    return cmocka_run_group_tests_name("placement, joining", tests, nullptr, nullptr);
}
