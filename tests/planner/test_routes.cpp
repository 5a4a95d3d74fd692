// SPDX-License-Identifier: Apache-2.0
//
// test_routes.cpp — when what goes over a bus is there, to the nanosecond and to the byte.

#include "planner/routes.h"

#include "planner/request_window.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kMost = ~std::uint64_t{0};

void what_is_not_known_is_never_late_before_its_deadline(void**) {
    const Route slow{.latency_ns = 10};
    assert_int_equal(movable_bytes(slow, {}, 100, kNoDeadline), kMovableMax);
    assert_int_equal(movable_bytes(slow, {}, 100, 110), kMovableMax);
    assert_int_equal(movable_bytes(slow, {}, 100, 100), kMovableMax);
    assert_int_equal(movable_bytes(slow, {}, 100, 99), -1);
    assert_int_equal(movable_bytes(slow, {.bytes_per_ms = 1}, 100, 109), -1);
    assert_int_equal(movable_bytes(slow, {.bytes_per_ms = 1}, 100, kNoDeadline), kMovableMax);
    assert_int_equal(finish_ns(slow, {}, 100, 5, 5), 100);
}

void so_many_bytes_pass_until_a_deadline(void**) {
    const Route route{.latency_ns = kMs};
    const Bus bus{.bytes_per_ms = 4096, .queued_bytes = 1000};
    assert_int_equal(movable_bytes(route, bus, 0, 3 * kMs), 2 * 4096 - 1000);
    assert_int_equal(movable_bytes(route, bus, 7, 7 + kMs), -1);  // not even what is queued
    assert_int_equal(movable_bytes({}, {.bytes_per_ms = 4096}, 7, 7), 0);
    assert_int_equal(movable_bytes({}, {.bytes_per_ms = 4096}, 7, 6), -1);
    assert_int_equal(movable_bytes({}, {.bytes_per_ms = 999'999}, 0, 1), 0);
    assert_int_equal(movable_bytes({}, {.bytes_per_ms = 1'000'000}, 0, 1), 1);
}

void the_largest_numbers_make_no_wrong_sum(void**) {
    assert_int_equal(movable_bytes({}, {.bytes_per_ms = kMost}, 0, kMost - 1), kMovableMax);
    assert_int_equal(movable_bytes({}, {.bytes_per_ms = kMost, .queued_bytes = kMost}, 0, 1'000),
                     -1);
    assert_int_equal(movable_bytes({.latency_ns = kMost}, {.bytes_per_ms = 1}, kMost, kMost - 1),
                     -1);
    assert_true(finish_ns({.latency_ns = kMost}, {.bytes_per_ms = 1}, 1, 1, 1) == kMost);
    assert_true(finish_ns({.latency_ns = 1}, {.bytes_per_ms = 1}, kMost, 1, 1) == kMost);
    assert_true(finish_ns({}, {.bytes_per_ms = 1, .queued_bytes = kMost}, 0, kMost, 1) == kMost);
    // A petabyte at a gigabyte a second takes twelve days.
    assert_int_equal(finish_ns({}, {.bytes_per_ms = 1'000'000}, 0, 0, 1'000'000'000'000'000),
                     1'000'000'000'000'000);
    const Route thin{.stream_bytes_per_ms = 1};
    assert_int_equal(extra_bytes(thin, {.bytes_per_ms = kMost}, RequestWindow::kBytesMax),
                     kMovableMax);
}

void a_stream_slower_than_its_bus_counts_for_more_bytes(void**) {
    const Bus bus{.bytes_per_ms = 3'000};
    assert_int_equal(extra_bytes({.stream_bytes_per_ms = 1'000}, bus, 500), 1'000);
    assert_int_equal(extra_bytes({.stream_bytes_per_ms = 2'000}, bus, 500), 250);
    assert_int_equal(extra_bytes({.stream_bytes_per_ms = 2'999}, bus, 1), 1);  // begun is whole
    assert_int_equal(extra_bytes({.stream_bytes_per_ms = 2'999}, bus, 0), 0);
    assert_int_equal(extra_bytes({.stream_bytes_per_ms = 3'000}, bus, 500), 0);
    assert_int_equal(extra_bytes({.stream_bytes_per_ms = 9'000}, bus, 500), 0);
    assert_int_equal(extra_bytes({}, bus, 500), 0);
    assert_int_equal(extra_bytes({.stream_bytes_per_ms = 5}, {}, 500), 0);
}

void a_finish_is_latency_and_queue_at_the_bus_and_its_own_at_the_stream(void**) {
    const Route route{.latency_ns = 5, .stream_bytes_per_ms = 1'000};
    const Bus bus{.bytes_per_ms = 4'000, .queued_bytes = 8'000};
    // 5 ns, 8,000 and 4,000 at 4,000, 500 at 1,000.
    assert_int_equal(finish_ns(route, bus, 100, 4'000, 500), 105 + 3 * kMs + kMs / 2);
}

// Movable bytes are rounded down, and so is a finish: what fits is in time, and what is in time and
// does not fit would be there in the last nanosecond.
void what_fits_before_a_deadline_is_done_by_it(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    const auto draw = [&] { return random.bits() >> random.between(20, 63); };
    for (int i = 0; i < 100'000; ++i) {
        const Route route{.latency_ns = draw(), .stream_bytes_per_ms = draw()};
        const Bus bus{.bytes_per_ms = draw() + 1, .queued_bytes = draw()};
        const std::uint64_t now_ns = draw(), deadline_ns = now_ns + draw(), front_bytes = draw();
        const std::uint64_t bytes = draw();
        const std::int64_t movable = movable_bytes(route, bus, now_ns, deadline_ns);
        const std::uint64_t all = front_bytes + bytes + extra_bytes(route, bus, bytes);
        const std::uint64_t finish = finish_ns(route, bus, now_ns, front_bytes, bytes);
        if (movable >= 0 && all <= static_cast<std::uint64_t>(movable)) {
            assert_true(finish <= deadline_ns);
        } else if (movable >= 0 && movable < kMovableMax &&
                   all > static_cast<std::uint64_t>(movable) + bus.bytes_per_ms / kMs + 1) {
            assert_true(finish > deadline_ns);
        }
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_known_is_never_late_before_its_deadline),
        cmocka_unit_test(so_many_bytes_pass_until_a_deadline),
        cmocka_unit_test(the_largest_numbers_make_no_wrong_sum),
        cmocka_unit_test(a_stream_slower_than_its_bus_counts_for_more_bytes),
        cmocka_unit_test(a_finish_is_latency_and_queue_at_the_bus_and_its_own_at_the_stream),
        cmocka_unit_test(what_fits_before_a_deadline_is_done_by_it),
    };
    return cmocka_run_group_tests_name("routes", tests, nullptr, nullptr);
}
