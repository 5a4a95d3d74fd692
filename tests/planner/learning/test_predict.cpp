// SPDX-License-Identifier: Apache-2.0
//
// test_predict.cpp — the prediction as exact values, up to where 64 bits end, and the measured
// rate: what it is after one interval, how it moves, and that it settles.

#include "planner/learning/predict.h"

#include "tests/support/cmocka.h"

namespace {

using bwrt::planner::predict_finish_ns;
using bwrt::planner::RateEstimate;

constexpr std::uint64_t kMost = ~std::uint64_t{0};

void nothing_measured_predicts_now(void**) {
    assert_int_equal(predict_finish_ns(123, 1 << 30, 1 << 30, 0), 123);
}

void own_bytes_come_after_the_queued_ones(void**) {
    assert_int_equal(predict_finish_ns(0, 0, 1000, 1000), 1'000'000);
    assert_int_equal(predict_finish_ns(7, 500, 1000, 1000), 1'500'007);
    assert_int_equal(predict_finish_ns(7, 0, 0, 1000), 7);
}

void a_fraction_of_a_nanosecond_is_dropped(void**) {
    assert_int_equal(predict_finish_ns(0, 0, 1, 3'000'000), 0);
    assert_int_equal(predict_finish_ns(0, 0, 2, 3), 666'666);
}

void a_time_past_the_end_is_the_end(void**) {
    assert_true(predict_finish_ns(kMost, 0, 1, 1) == kMost);
    assert_true(predict_finish_ns(0, kMost, kMost, 1) == kMost);
    assert_true(predict_finish_ns(kMost - 1'000'000, 0, 1, 1) == kMost);
    assert_true(predict_finish_ns(kMost - 1'000'001, 0, 1, 1) == kMost - 1);
}

void the_largest_numbers_do_not_wrap(void**) {
    // (2^64 - 1) * 2 bytes at 2^64 - 1 bytes a millisecond are two milliseconds.
    assert_int_equal(predict_finish_ns(5, kMost, kMost, kMost), 2'000'005);
}

void a_rate_is_unknown_before_a_millisecond_of_work(void**) {
    RateEstimate rate;

    rate.add(4096, 999'999);

    assert_int_equal(rate.bytes_per_ms(), 0);
}

void the_first_interval_is_the_rate(void**) {
    RateEstimate rate;

    rate.add(4096, 999'999);
    rate.add(1, 1);

    assert_int_equal(rate.bytes_per_ms(), 4097);
}

void a_later_interval_weighs_a_quarter(void**) {
    RateEstimate rate;

    rate.add(1000, 1'000'000);
    rate.add(2000 * 3, 3'000'000);

    assert_int_equal(rate.bytes_per_ms(), 1250);
}

void a_rate_below_a_byte_a_millisecond_counts_as_one(void**) {
    RateEstimate rate;

    rate.add(1, 2'000'000'000);

    assert_int_equal(rate.bytes_per_ms(), 1);
}

void bytes_of_a_short_interval_are_not_lost(void**) {
    RateEstimate rate;

    for (int i = 0; i < 10; ++i) rate.add(100, 100'000);

    assert_int_equal(rate.bytes_per_ms(), 1000);
}

void the_rate_settles_within_a_percent_of_a_new_one(void**) {
    RateEstimate rate;
    rate.add(1'000'000, 1'000'000);

    for (int i = 0; i < 24; ++i) rate.add(10'000'000, 1'000'000);
    assert_true(rate.bytes_per_ms() >= 9'900'000 && rate.bytes_per_ms() <= 10'000'000);

    for (int i = 0; i < 24; ++i) rate.add(100'000, 1'000'000);
    assert_true(rate.bytes_per_ms() >= 100'000 && rate.bytes_per_ms() <= 120'000);
}

void bytes_that_would_wrap_a_product_are_counted(void**) {
    RateEstimate rate;

    rate.add(std::uint64_t{1} << 60, std::uint64_t{1} << 40);

    assert_int_equal(rate.bytes_per_ms(), (std::uint64_t{1} << 20) * 1'000'000);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(nothing_measured_predicts_now),
        cmocka_unit_test(own_bytes_come_after_the_queued_ones),
        cmocka_unit_test(a_fraction_of_a_nanosecond_is_dropped),
        cmocka_unit_test(a_time_past_the_end_is_the_end),
        cmocka_unit_test(the_largest_numbers_do_not_wrap),
        cmocka_unit_test(a_rate_is_unknown_before_a_millisecond_of_work),
        cmocka_unit_test(the_first_interval_is_the_rate),
        cmocka_unit_test(a_later_interval_weighs_a_quarter),
        cmocka_unit_test(a_rate_below_a_byte_a_millisecond_counts_as_one),
        cmocka_unit_test(bytes_of_a_short_interval_are_not_lost),
        cmocka_unit_test(the_rate_settles_within_a_percent_of_a_new_one),
        cmocka_unit_test(bytes_that_would_wrap_a_product_are_counted),
    };
    return cmocka_run_group_tests_name("planner/learning/predict.cpp", tests, nullptr, nullptr);
}
