// SPDX-License-Identifier: Apache-2.0
//
// test_planner_schedule.cpp — in which order operations run, when they are done, and which ones
// wait for company.
//
// A page is 4 KiB and a bus moves one in a millisecond; an operation should be of four pages, and
// the next window is 20 ms away.

#include "planner/schedule.h"

#include "tests/planner/windows.h"

namespace {

using namespace bwrt::planner;
using bwrt::test::kMs;
using bwrt::test::kNow;
using bwrt::test::PlannerWorld;
using bwrt::test::request_of;

constexpr std::uint64_t kPage = 4096;

struct Window {
    PlannerWorld world;
    std::vector<Request> requests;
    std::vector<Verdict> verdicts;
    std::vector<Operation> operations;

    Window() {
        for (Bus& bus : world.buses) bus.bytes_per_ms = kPage;
        world.rule.min_io_bytes = 4 * kPage;
    }
    Request& ask(std::uint64_t page_first, std::uint64_t page_count, std::uint64_t deadline_ms) {
        return requests.emplace_back(
            request_of(requests.size(), page_first, page_count, deadline_ms));
    }
    // `is_careful`: with a limit that binds nobody, but has to be looked at row by row.
    void plan(bool is_careful) {
        Planner planner(world.limits, world.rule);
        if (is_careful) planner.credits().set(0, {1, kMs, std::uint64_t{1} << 50}, kNow);
        for (const Request& request : requests) assert_null(planner.request(request).field);
        const Plan& plan = planner.plan(world.state());
        verdicts = plan.verdicts;
        operations = plan.operations;
    }
};

void what_is_small_waits_if_the_next_window_is_soon_enough(void**) {
    for (const bool is_careful : {false, true}) {
        for (const std::uint64_t deadline_ms : {22u, 23u}) {
            Window window;
            window.ask(0, 3, deadline_ms);  // done at 3, and in the next window at 23
            window.plan(is_careful);

            const bool waits = deadline_ms == 23;
            assert_int_equal(window.verdicts[0], waits ? Verdict::kTooSmall : Verdict::kPlanned);
            assert_int_equal(window.operations.size(), waits ? 0 : 1);
        }
    }
}

void what_has_no_deadline_waits_too(void**) {
    Window window;
    window.ask(0, 3, 0).deadline_ns = kNoDeadline;
    window.plan(false);
    assert_int_equal(window.verdicts[0], Verdict::kTooSmall);
}

void what_is_large_enough_does_not_wait(void**) {
    Window window;
    window.ask(0, 4, 5'000);
    window.plan(false);
    assert_int_equal(window.verdicts[0], Verdict::kPlanned);
}

void company_makes_it_large_enough(void**) {
    Window window;
    window.ask(0, 2, 5'000);
    window.ask(2, 2, 6'000);
    window.ask(10, 2, 6'000);
    window.plan(false);

    using enum Verdict;
    assert_true(window.verdicts == std::vector<Verdict>({kPlanned, kPlanned, kTooSmall}));
    assert_int_equal(window.operations.size(), 1);
    assert_int_equal(window.operations[0].fan_out, 2);
}

// For any of those whom it serves.
void what_may_not_wait_again_moves_however_small_it_is(void**) {
    for (const bool is_old : {false, true}) {
        Window window;
        window.ask(0, 1, 6'000);
        window.ask(1, 1, 5'000).age = is_old ? 7 : 6;
        window.plan(false);

        const Verdict expected = is_old ? Verdict::kPlanned : Verdict::kTooSmall;
        assert_true(window.verdicts == std::vector<Verdict>({expected, expected}));
    }
}

void what_waits_takes_no_place_on_its_bus_and_no_credit(void**) {
    for (const bool is_careful : {false, true}) {
        Window window;
        window.ask(0, 1, 100);
        window.ask(10, 4, 200);
        window.plan(is_careful);

        using enum Verdict;
        assert_true(window.verdicts == std::vector<Verdict>({kTooSmall, kPlanned}));
        assert_int_equal(window.operations.size(), 1);
        assert_int_equal(window.operations[0].position, 0);
        assert_int_equal(window.operations[0].finish_ns, kNow + 4 * kMs);
    }
    PlannerWorld world;
    world.rule.min_io_bytes = 4 * kPage;
    Planner planner(world.limits, world.rule);
    planner.credits().set(0, {1, kMs, 9 * kPage}, kNow);
    assert_null(planner.request(request_of(0, 0, 1, 100)).field);
    assert_null(planner.request(request_of(1, 10, 4, 200)).field);
    (void)planner.plan(world.state());
    assert_int_equal(planner.credits().left(kNow)[0].left_bytes, 5 * kPage);
}

// The first page is small and could wait.  The second row moves it and four more, which do not
// become one with it, since the operation between them would be late: did the first page wait, what
// is said of the second row would be true of a part of it alone.
void what_moves_for_a_row_that_moves_does_not_wait(void**) {
    Window window;
    window.ask(0, 1, 100);
    window.ask(50, 99, 100);
    window.ask(0, 5, 150);
    window.plan(true);

    using enum Verdict;
    assert_true(window.verdicts == std::vector<Verdict>({kPlanned, kPlanned, kPlanned}));
    assert_int_equal(window.operations.size(), 3);
    assert_int_equal(window.operations[0].page_end, 1);
    assert_int_equal(window.operations[0].fan_out, 2);
    assert_int_equal(window.operations[2].page_first, 1);
    assert_int_equal(window.operations[2].finish_ns, kNow + 104 * kMs);
}

void each_bus_counts_its_own_positions_and_bytes(void**) {
    Window window;
    window.world.routes[2].bus = 1;
    window.ask(0, 4, 100);
    window.ask(10, 4, 110);
    window.ask(20, 4, 120).tier_dst = 2;
    window.ask(30, 4, 105).node = 1;
    window.ask(40, 4, 90).tier_src = 2;  // the bus of the first
    window.plan(false);

    // By node, source and target.
    assert_int_equal(window.operations.size(), 5);
    const std::uint64_t firsts[] = {0, 10, 20, 40, 30};
    const std::uint32_t positions[] = {1, 2, 0, 0, 0};
    const std::uint64_t finishes_ms[] = {8, 12, 4, 4, 4};
    for (std::size_t i = 0; i < 5; ++i) {
        assert_int_equal(window.operations[i].page_first, firsts[i]);
        assert_int_equal(window.operations[i].position, positions[i]);
        assert_int_equal(window.operations[i].finish_ns, kNow + finishes_ms[i] * kMs);
    }
}

void an_operation_is_as_urgent_as_the_most_urgent_that_it_serves(void**) {
    Window window;
    window.ask(0, 4, 300);
    window.ask(10, 4, 200);
    window.ask(2, 4, 100);
    window.plan(false);

    assert_int_equal(window.operations.size(), 2);
    assert_int_equal(window.operations[0].page_first, 0);
    assert_int_equal(window.operations[0].deadline_ns, kNow + 100 * kMs);
    assert_int_equal(window.operations[1].page_first, 10);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(what_is_small_waits_if_the_next_window_is_soon_enough),
        cmocka_unit_test(what_has_no_deadline_waits_too),
        cmocka_unit_test(what_is_large_enough_does_not_wait),
        cmocka_unit_test(company_makes_it_large_enough),
        cmocka_unit_test(what_may_not_wait_again_moves_however_small_it_is),
        cmocka_unit_test(what_waits_takes_no_place_on_its_bus_and_no_credit),
        cmocka_unit_test(what_moves_for_a_row_that_moves_does_not_wait),
        cmocka_unit_test(each_bus_counts_its_own_positions_and_bytes),
        cmocka_unit_test(an_operation_is_as_urgent_as_the_most_urgent_that_it_serves),
    };
    return cmocka_run_group_tests_name("schedule", tests, nullptr, nullptr);
}
