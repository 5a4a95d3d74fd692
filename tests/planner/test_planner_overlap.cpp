// SPDX-License-Identifier: Apache-2.0
//
// test_planner_overlap.cpp — how deep copies of a layer overlap: by hand at each boundary, and
// against the formula in whole numbers.  A recorded window's depths are in test_planner.cpp.

#include "planner/overlap.h"

#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;
using bwrt::test::Random;

constexpr std::uint64_t kMs = 1'000'000;

// A byte takes a nanosecond.
constexpr Bus kBus{.bytes_per_ms = kMs, .queued_bytes = 0};

void a_copy_that_takes_no_longer_than_a_layer_is_alone(void**) {
    assert_int_equal(overlap_depth({}, kBus, 1, 5 * kMs, {}), 1);
    assert_int_equal(overlap_depth({}, kBus, 5 * kMs, 5 * kMs, {}), 1);
}

void there_are_as_many_as_layers_are_computed_in_the_time_of_a_copy(void**) {
    OverlapRule rule;
    rule.depth_max = 200;

    assert_int_equal(overlap_depth({}, kBus, 5 * kMs + 1, 5 * kMs, rule), 2);
    assert_int_equal(overlap_depth({}, kBus, 10 * kMs, 5 * kMs, rule), 2);
    assert_int_equal(overlap_depth({}, kBus, 10 * kMs + 1, 5 * kMs, rule), 3);
    assert_int_equal(overlap_depth({}, kBus, 500 * kMs, 5 * kMs, rule), 100);
}

void three_are_the_most_unless_the_rule_says_otherwise(void**) {
    assert_int_equal(overlap_depth({}, kBus, 500 * kMs, 5 * kMs, {}), 3);
    assert_int_equal(overlap_depth({}, kBus, 500 * kMs, 5 * kMs, {.depth_max = 7}), 7);
    assert_int_equal(overlap_depth({}, kBus, 500 * kMs, 5 * kMs, {.depth_max = 0}), 1);
    assert_int_equal(overlap_depth({}, kBus, ~std::uint64_t{0}, 1, {.depth_max = 255}), 255);
}

void there_are_no_more_than_streams(void**) {
    Route route;
    route.stream_count = 2;
    assert_int_equal(overlap_depth(route, kBus, 500 * kMs, 5 * kMs, {}), 2);
    route.stream_count = 1;
    assert_int_equal(overlap_depth(route, kBus, 500 * kMs, 5 * kMs, {}), 1);
    route.stream_count = 9;
    assert_int_equal(overlap_depth(route, kBus, 500 * kMs, 5 * kMs, {}), 3);
}

void a_copy_takes_its_latency_and_no_less_than_its_stream(void**) {
    Route route;
    route.latency_ns = 1;
    assert_int_equal(overlap_depth(route, kBus, 5 * kMs, 5 * kMs, {}), 2);
    route.latency_ns = 0;
    route.stream_bytes_per_ms = kMs / 2;
    assert_int_equal(overlap_depth(route, kBus, 5 * kMs, 5 * kMs, {}), 2);
    route.stream_bytes_per_ms = 2 * kMs;  // the bus is no wider for it
    assert_int_equal(overlap_depth(route, kBus, 5 * kMs, 5 * kMs, {}), 1);
    assert_int_equal(overlap_depth(route, kBus, 5 * kMs + 1, 5 * kMs, {}), 2);
}

void a_part_of_a_nanosecond_counts_and_so_do_terabytes(void**) {
    const Bus slow{.bytes_per_ms = 3, .queued_bytes = 0};
    assert_int_equal(overlap_depth({}, slow, 1, 333'334, {}), 1);
    assert_int_equal(overlap_depth({}, slow, 1, 333'333, {}), 2);
    // A million times that is 2^64 and a little.
    assert_int_equal(overlap_depth({}, kBus, 18'446'744'073'710, 5 * kMs, {}), 3);
}

void a_layer_of_which_nothing_is_known_takes_the_time_of_the_rule(void**) {
    assert_int_equal(overlap_depth({}, kBus, kMs, 0, {}), 1);
    assert_int_equal(overlap_depth({}, kBus, kMs + 1, 0, {}), 2);
    assert_int_equal(overlap_depth({}, kBus, 7, 0, {.layer_ns = 7}), 1);
    assert_int_equal(overlap_depth({}, kBus, 8, 0, {.layer_ns = 7}), 2);
    assert_int_equal(overlap_depth({}, kBus, 1, 0, {.layer_ns = 0}), 3);
}

void of_a_bus_of_which_nothing_is_known_one_copy_is_made(void**) {
    assert_int_equal(overlap_depth({}, {}, ~std::uint64_t{0}, 1, {}), 1);
}

// min(3, 1 + [copy > layer] + [copy > 2 layer]), both sides times the rate.
void it_is_the_recorded_formula_whatever_the_numbers(void**) {
    Random random(bwrt::test::test_seed());
    int deep_count = 0;
    for (int i = 0; i < 200'000; ++i) {
        Route route;
        route.latency_ns = random.one_in(2) ? 0 : random.below(3 * kMs);
        const Bus bus{.bytes_per_ms = random.between(1, random.one_in(2) ? 100 : 100 * kMs),
                      .queued_bytes = random.bits()};
        const std::uint64_t layer_ns = random.between(1, 5 * kMs);
        const std::uint64_t bytes = random.below((bus.bytes_per_ms * layer_ns * 4) / kMs + 2) +
                                    (random.one_in(50) ? random.bits() >> 1 : 0);
        const auto is_longer_than = [&](std::uint64_t layers) {
            __extension__ typedef __int128 Wide;
            const Wide left_ns = Wide{layers} * layer_ns - route.latency_ns;
            return Wide{bytes} * kMs > left_ns * bus.bytes_per_ms;
        };
        const int expected = 1 + is_longer_than(1) + is_longer_than(2);
        assert_int_equal(overlap_depth(route, bus, bytes, layer_ns, {}), expected);
        deep_count += expected == 2;
    }
    assert_true(deep_count > 10'000);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_that_takes_no_longer_than_a_layer_is_alone),
        cmocka_unit_test(there_are_as_many_as_layers_are_computed_in_the_time_of_a_copy),
        cmocka_unit_test(three_are_the_most_unless_the_rule_says_otherwise),
        cmocka_unit_test(there_are_no_more_than_streams),
        cmocka_unit_test(a_copy_takes_its_latency_and_no_less_than_its_stream),
        cmocka_unit_test(a_part_of_a_nanosecond_counts_and_so_do_terabytes),
        cmocka_unit_test(a_layer_of_which_nothing_is_known_takes_the_time_of_the_rule),
        cmocka_unit_test(of_a_bus_of_which_nothing_is_known_one_copy_is_made),
        cmocka_unit_test(it_is_the_recorded_formula_whatever_the_numbers),
    };
    return cmocka_run_group_tests_name("overlap", tests, nullptr, nullptr);
}
