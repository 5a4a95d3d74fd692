// SPDX-License-Identifier: Apache-2.0
//
// test_tune_choice.cpp — which of several configurations is chosen, and that what only the first
// part of a trace praises is not.

#include "tools/tune_choice.h"

#include <cstring>

#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::tools;

constexpr std::uint64_t kTokens = 100'000;
constexpr TuneScore kDefault = {kTokens, 40'000, 20'000, 1'000'000};

void the_first_goal_that_is_reached_counts(void**) {
    assert_true(goal_of({kTokens, 40'500, 0, 9'000'000}, kDefault) == TuneGoal::kHits);
    assert_true(goal_of({kTokens, 40'499, 20'500, 9'000'000}, kDefault) == TuneGoal::kMemory);
    assert_true(goal_of({kTokens, 40'499, 20'499, 900'000}, kDefault) == TuneGoal::kWrites);
    assert_false(goal_of({kTokens, 40'499, 20'499, 900'001}, kDefault).has_value());
    assert_false(goal_of(kDefault, kDefault).has_value());
}

void what_loses_hits_is_no_gain_of_another_goal(void**) {
    assert_true(goal_of({kTokens, 39'900, 30'000, 0}, kDefault) == TuneGoal::kMemory);
    assert_false(goal_of({kTokens, 39'899, 30'000, 0}, kDefault).has_value());
    assert_true(goal_of({kTokens, 39'900, 19'900, 0}, kDefault) == TuneGoal::kWrites);
    assert_false(goal_of({kTokens, 40'000, 19'899, 0}, kDefault).has_value());
}

void the_best_are_those_that_reach_a_goal_then_those_with_the_most_hits(void**) {
    const std::vector<TuneScore> scores = {kDefault,
                                           {kTokens, 39'000, 20'000, 0},
                                           {kTokens, 39'500, 20'000, 0},
                                           {kTokens, 40'000, 20'000, 1'000},
                                           {kTokens, 40'000, 21'000, 1'000'000},
                                           {kTokens, 41'000, 20'000, 1'000'000},
                                           {kTokens, 42'000, 20'000, 1'000'000}};
    assert_true(best_of(scores, 9) == std::vector<std::size_t>({6, 5, 4, 3, 2, 1}));
    assert_true(best_of(scores, 2) == std::vector<std::size_t>({6, 5}));
    assert_true(best_of({kDefault}, 3).empty());
}

void what_only_one_part_praises_is_not_chosen(void**) {
    const TuneScore better = {kTokens, 50'000, 30'000, 1'000'000};
    assert_int_equal(choose({kDefault, better}, {kDefault, kDefault}), 0);
    assert_int_equal(choose({kDefault, kDefault}, {kDefault, better}), 0);
    assert_int_equal(choose({kDefault, better}, {kDefault, better}), 1);
    const TuneScore best = {kTokens, 60'000, 30'000, 1'000'000};
    assert_int_equal(choose({kDefault, better, better}, {kDefault, better, best}), 2);
    assert_int_equal(choose({kDefault, better, better}, {kDefault, best, better}), 1);
}

void a_reason_names_the_goal_and_both_figures(void**) {
    assert_string_equal(
        reason_of({kTokens, 45'000, 0, 0}, kDefault).c_str(),
        "more prefix hits in the rest: 45.00 % of its prompt tokens, 40.00 % by default");
    assert_non_null(std::strstr(reason_of({kTokens, 40'000, 25'000, 0}, kDefault).c_str(),
                                "in memory in the rest: 25.00 %"));
    assert_string_equal(reason_of({kTokens, 40'000, 20'000, 0}, kDefault).c_str(),
                        "fewer bytes written in the rest: 0.000 GB, 0.001 GB by default");
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_first_goal_that_is_reached_counts),
        cmocka_unit_test(what_loses_hits_is_no_gain_of_another_goal),
        cmocka_unit_test(the_best_are_those_that_reach_a_goal_then_those_with_the_most_hits),
        cmocka_unit_test(what_only_one_part_praises_is_not_chosen),
        cmocka_unit_test(a_reason_names_the_goal_and_both_figures),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
