// SPDX-License-Identifier: Apache-2.0
//
// test_steady_value.cpp — means at rest, on their way and at their ends, and when a value in force
// moves: by examples on both sides of each boundary.

#include "planner/learning/steady_value.h"

#include "tests/support/cmocka.h"

namespace {

using bwrt::planner::SteadyRule;
using bwrt::planner::SteadyValue;
using bwrt::planner::WindowMean;

constexpr SteadyRule kRule = {.share_milli = 125, .window_count = 3};

void the_first_sample_is_the_mean(void**) {
    WindowMean mean;
    assert_false(mean.is_known());
    assert_int_equal(mean.value(), 0);

    mean.add(1000, 3);

    assert_true(mean.is_known());
    assert_int_equal(mean.value(), 1000);
}

void a_mean_moves_by_its_share_of_the_distance_either_way(void**) {
    WindowMean mean;
    mean.add(1000, 2);

    mean.add(2000, 2);
    assert_int_equal(mean.value(), 1250);

    mean.add(250, 2);
    assert_int_equal(mean.value(), 1000);
}

void a_mean_comes_to_less_than_a_unit_of_what_stays(void**) {
    WindowMean mean;
    mean.add(0, 8);

    for (int i = 0; i < 10'000; ++i) mean.add(1'000'000, 8);
    assert_int_equal(mean.value(), 999'999);

    for (int i = 0; i < 10'000; ++i) mean.add(0, 8);
    assert_int_equal(mean.value(), 0);
}

void a_sample_counts_as_2_to_the_48_at_most(void**) {
    WindowMean mean;

    mean.add(~std::uint64_t{0}, 2);
    assert_true(mean.value() == WindowMean::kSampleMax);

    mean.add(~std::uint64_t{0}, 2);
    assert_true(mean.value() == WindowMean::kSampleMax);
}

void what_is_away_for_three_windows_moves_the_value(void**) {
    SteadyValue value(1000);

    value.follow(1126, kRule);
    value.follow(1126, kRule);
    assert_int_equal(value.value(), 1000);

    value.follow(1200, kRule);
    assert_int_equal(value.value(), 1200);
}

void an_eighth_away_is_near_enough(void**) {
    SteadyValue value(1000);

    for (int i = 0; i < 10; ++i) value.follow(1125, kRule);
    for (int i = 0; i < 10; ++i) value.follow(875, kRule);
    assert_int_equal(value.value(), 1000);

    for (int i = 0; i < 3; ++i) value.follow(874, kRule);
    assert_int_equal(value.value(), 874);
}

void a_window_that_is_near_begins_the_count_anew(void**) {
    SteadyValue value(1000);

    for (int i = 0; i < 10; ++i) {
        value.follow(2000, kRule);
        value.follow(2000, kRule);
        value.follow(1000, kRule);
    }

    assert_int_equal(value.value(), 1000);
}

void so_does_one_on_the_other_side(void**) {
    SteadyValue value(1000);

    for (int i = 0; i < 10; ++i) {
        value.follow(2000, kRule);
        value.follow(2000, kRule);
        value.follow(500, kRule);
        value.follow(500, kRule);
    }

    assert_int_equal(value.value(), 1000);
}

void after_a_move_the_count_begins_anew(void**) {
    SteadyValue value(1000);
    for (int i = 0; i < 3; ++i) value.follow(2000, kRule);

    value.follow(4000, kRule);
    value.follow(4000, kRule);
    assert_int_equal(value.value(), 2000);

    value.follow(4000, kRule);
    assert_int_equal(value.value(), 4000);
}

void nothing_moves_to_whatever_is_wanted(void**) {
    SteadyValue value;

    for (int i = 0; i < 3; ++i) value.follow(1, kRule);

    assert_int_equal(value.value(), 1);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_first_sample_is_the_mean),
        cmocka_unit_test(a_mean_moves_by_its_share_of_the_distance_either_way),
        cmocka_unit_test(a_mean_comes_to_less_than_a_unit_of_what_stays),
        cmocka_unit_test(a_sample_counts_as_2_to_the_48_at_most),
        cmocka_unit_test(what_is_away_for_three_windows_moves_the_value),
        cmocka_unit_test(an_eighth_away_is_near_enough),
        cmocka_unit_test(a_window_that_is_near_begins_the_count_anew),
        cmocka_unit_test(so_does_one_on_the_other_side),
        cmocka_unit_test(after_a_move_the_count_begins_anew),
        cmocka_unit_test(nothing_moves_to_whatever_is_wanted),
    };
    return cmocka_run_group_tests_name("planner/learning/steady_value.h", tests, nullptr, nullptr);
}
