// SPDX-License-Identifier: Apache-2.0
//
// test_page_runs.cpp — what is found in front of a page, at it and behind it, in its group alone.

#include "planner/page_runs.h"

#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::planner;

void assert_at(PageRuns& runs, PageRuns::Place place, std::uint64_t first, std::uint64_t end,
               std::uint32_t operation) {
    assert_true(place != runs.end());
    assert_int_equal(place->first.second, first);
    assert_int_equal(place->second.end, end);
    assert_int_equal(place->second.operation, operation);
}

void nothing_is_found_where_nothing_is(void**) {
    PageRuns runs(4);
    assert_true(runs.at_or_before(1, 5) == runs.end());
    assert_true(runs.from(1, 5) == runs.end());
    runs.insert(0, {0, 100}, 0);
    runs.insert(2, {0, 100}, 1);
    assert_true(runs.at_or_before(1, 5) == runs.end());
    assert_true(runs.from(1, 5) == runs.end());
    assert_true(runs.at_or_before(3, 5) == runs.end());
    assert_int_equal(runs.room(), 2);
}

void runs_are_found_from_their_first_page_to_the_next_run(void**) {
    PageRuns runs(4);
    runs.insert(1, {20, 30}, 7);
    runs.insert(1, {10, 15}, 6);

    assert_true(runs.at_or_before(1, 9) == runs.end());
    assert_at(runs, runs.at_or_before(1, 10), 10, 15, 6);
    assert_at(runs, runs.at_or_before(1, 19), 10, 15, 6);
    assert_at(runs, runs.at_or_before(1, 20), 20, 30, 7);
    assert_at(runs, runs.at_or_before(1, 1'000), 20, 30, 7);
    assert_at(runs, runs.from(1, 10), 10, 15, 6);
    assert_at(runs, runs.from(1, 11), 20, 30, 7);
    assert_true(runs.from(1, 21) == runs.end());
}

void before_a_run_is_one_of_its_group_or_none(void**) {
    PageRuns runs(4);
    runs.insert(0, {50, 60}, 1);
    runs.insert(1, {10, 15}, 2);
    runs.insert(1, {20, 30}, 3);

    assert_at(runs, runs.before(runs.from(1, 20)), 10, 15, 2);
    assert_true(runs.before(runs.from(1, 10)) == runs.end());
    assert_true(runs.before(runs.from(0, 50)) == runs.end());
}

void a_run_grows_to_both_sides(void**) {
    PageRuns runs(2);
    runs.insert(1, {10, 15}, 2);
    runs.insert(1, {30, 35}, 3);
    const auto longer = runs.resize(runs.from(1, 30), {30, 40});
    assert_at(runs, longer, 30, 40, 3);
    const auto sooner = runs.resize(longer, {20, 41});
    assert_at(runs, sooner, 20, 41, 3);
    assert_at(runs, runs.from(1, 11), 20, 41, 3);
    assert_at(runs, runs.at_or_before(1, 19), 10, 15, 2);
    assert_int_equal(runs.room(), 0);  // growing takes none
}

// The last node as well: memory is what was said, and comes back.
void all_its_room_can_be_used_and_is_there_again(void**) {
    constexpr std::uint32_t kRoom = 1'000;
    PageRuns runs(kRoom);
    for (int turn = 0; turn < 3; ++turn) {
        assert_int_equal(runs.room(), kRoom);
        for (std::uint32_t i = 0; i < kRoom; ++i) runs.insert(i % 3, {i * 2, i * 2 + 1}, i);
        assert_int_equal(runs.room(), 0);
        assert_int_equal(runs.all().size(), kRoom);
        runs.erase(runs.from(0, 0));
        assert_int_equal(runs.all().size(), kRoom - 1);
        assert_int_equal(runs.room(), 0);  // what was erased comes back at clear
        runs.clear();
        assert_int_equal(runs.all().size(), 0);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_found_where_nothing_is),
        cmocka_unit_test(runs_are_found_from_their_first_page_to_the_next_run),
        cmocka_unit_test(before_a_run_is_one_of_its_group_or_none),
        cmocka_unit_test(a_run_grows_to_both_sides),
        cmocka_unit_test(all_its_room_can_be_used_and_is_there_again),
    };
    return cmocka_run_group_tests_name("page runs", tests, nullptr, nullptr);
}
