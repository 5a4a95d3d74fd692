// SPDX-License-Identifier: Apache-2.0
//
// test_score.cpp — what a row is worth, which rows stay, and in which order they come.

#include "planner/score.h"

#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kNow = 1'700'000'000'000 * kMs;
constexpr std::uint64_t kMost = ~std::uint64_t{0};

__extension__ typedef __int128 Wide;

Request a_request() {
    Request request;
    request.page_first = 3;
    request.page_count = 4;
    request.page_bytes = 5;
    request.tier_dst = 1;
    return request;
}

ScoredRow score_of(const Request& request, const ScoreRule& rule, std::uint64_t heat_milli,
                   std::uint64_t now_ns = kNow) {
    RequestWindow window({.row_count_max = 1, .tier_count = 2});
    Zeroed<ScoredRow> scored(1);
    assert_null(window.append(request).field);
    score(window.rows(), 1, &heat_milli, rule, 4, now_ns, scored);
    return scored[0];
}

std::int64_t slack_of(std::uint64_t deadline_ns, std::uint64_t fill_ns,
                      std::uint64_t now_ns = kNow) {
    Request request = a_request();
    request.deadline_ns = deadline_ns;
    request.fill_ns = fill_ns;
    return score_of(request, {}, 0, now_ns).slack_milli;
}

std::uint64_t urgency_of(std::uint64_t deadline_ns, RequestClass request_class, std::uint8_t age) {
    Request request = a_request();
    request.deadline_ns = deadline_ns;
    request.request_class = request_class;
    request.age = age;
    return score_of(request, {}, 0).urgency;
}

void what_the_stages_behind_need_is_taken_over(void**) {
    Request request = a_request();
    request.age = 2;
    request.request_class = RequestClass::kHint;
    request.deadline_ns = kNow + 7;
    const ScoredRow row = score_of(request, {}, 0);

    assert_int_equal(row.page_first, 3);
    assert_int_equal(row.page_end, 7);
    assert_int_equal(row.page_bytes, 5);
    assert_int_equal(row.bytes(), 20);
    assert_int_equal(row.deadline_ns, kNow + 7);
    assert_int_equal(row.age, 2);
    assert_int_equal(row.request_class, RequestClass::kHint);
}

void slack_is_what_is_left_in_parts_of_what_it_takes(void**) {
    assert_int_equal(slack_of(kNow + 100 * kMs, 2 * kMs), 50'000);
    assert_int_equal(slack_of(kNow + 7 * kMs, 2 * kMs), 3'500);
    assert_int_equal(slack_of(kNow - 50 * kMs, 20 * kMs), -2'500);
    assert_int_equal(slack_of(kNow, 20 * kMs), 0);
    assert_int_equal(slack_of(kNow + 2 * kMs, 0), 2'000);  // a millisecond at least
    assert_int_equal(slack_of(kNow + 2 * kMs, kMs - 1), 2'000);
    assert_int_equal(slack_of(kNow + 2 * kMs, kMs + kMs), 1'000);
    assert_int_equal(slack_of(kNoDeadline, kMost), kSlackMax);
}

void slack_is_the_same_near_and_far_and_has_bounds(void**) {
    assert_int_equal(slack_of(kMost - 1, 1, 0), 18'446'744'073'709'551);
    assert_int_equal(slack_of(0, 1, kMost), -18'446'744'073'709'551);
    assert_int_equal(slack_of(kNow + 2 * kMs, kMost), 0);
    assert_int_equal(slack_of(kNow + (std::uint64_t{1} << 49), std::uint64_t{1} << 60), 0);
    bwrt::test::Random random(bwrt::test::test_seed());
    for (int i = 0; i < 2'000; ++i) {
        const std::uint64_t fill = random.bits() >> random.below(64);
        const std::uint64_t around = std::uint64_t{1} << random.between(48, 52);
        const std::uint64_t off = around - 2 + random.below(4);
        for (const std::uint64_t deadline : {kNow + off, kNow - off}) {
            const Wide expected =
                (Wide{deadline} - kNow) * 1'000 / static_cast<Wide>(fill < kMs ? kMs : fill);
            assert_true(Wide{slack_of(deadline, fill)} == expected);
        }
    }
}

void popularity_is_heat_and_weight_in_thousandths(void**) {
    Request request = a_request();
    request.weight_milli = 1'500;
    const ScoreRule both{.alpha_milli = 500, .beta_milli = 3'000};
    assert_int_equal(score_of(request, {}, 7'001).popularity_milli, 7'001);
    assert_int_equal(score_of(request, both, 7'001).popularity_milli, 3'500 + 4'500);
    assert_int_equal(score_of(request, both, 0).popularity_milli, 4'500);
    assert_true(score_of(request, {.alpha_milli = 2'000}, kMost).popularity_milli == kMost);
    request.weight_milli = 0xFFFF'FFFF;
    assert_int_equal(score_of(request, {.beta_milli = 0xFFFF'FFFF}, 0).popularity_milli,
                     std::uint64_t{0xFFFF'FFFF} * 0xFFFF'FFFF / 1'000);
}

void of_whose_heat_nothing_is_known_is_cold(void**) {
    RequestWindow window({.row_count_max = 1, .tier_count = 2});
    Zeroed<ScoredRow> scored(1);
    assert_null(window.append(a_request()).field);
    score(window.rows(), 1, nullptr, {}, 4, kNow, scored);
    assert_int_equal(scored[0].popularity_milli, 0);
}

void a_row_stays_above_either_bound_and_not_at_it(void**) {
    Request request = a_request();
    request.deadline_ns = kNow;
    assert_false(score_of(request, {}, 1'000).stays);
    assert_true(score_of(request, {}, 1'001).stays);
    assert_true(score_of(request, {.filters = false}, 0).stays);
    request.deadline_ns = kNow + 1'000;
    assert_true(score_of(request, {}, 0).stays);
    assert_false(score_of(request, {.umin_milli = 1}, 0).stays);
    request.deadline_ns = kNow - kMs;
    assert_true(score_of(request, {.umin_milli = -1'001}, 0).stays);
    assert_false(score_of(request, {.umin_milli = -1'000}, 0).stays);
}

void the_order_is_age_and_class_and_deadline(void**) {
    using enum RequestClass;
    const std::uint64_t in_order[] = {
        urgency_of(0, kPrediction, 4),  // waited, so whatever it is
        urgency_of(kNow, kDemand, 200),
        urgency_of(kNow + 1, kHint, 4),
        urgency_of(kNoDeadline, kDemand, 4),
        urgency_of(0, kDemand, 0),
        urgency_of(kNow - 2 * kMs, kDemand, 3),
        urgency_of(kNow - 1, kDemand, 0),
        urgency_of(kNow, kDemand, 0),
        urgency_of(kNow + 1, kDemand, 0),
        urgency_of(kNoDeadline, kDemand, 0),
        urgency_of(0, kHint, 3),
        urgency_of(kNow, kHint, 0),
        urgency_of(kNoDeadline, kHint, 0),
        urgency_of(kNow, kPrediction, 0),
    };
    for (std::size_t i = 1; i < std::size(in_order); ++i) {
        assert_true(in_order[i - 1] < in_order[i]);
    }
}

void deadlines_nine_years_away_are_equally_far(void**) {
    constexpr std::uint64_t kHorizon = std::uint64_t{1} << 58;
    const auto demand = [](std::uint64_t deadline_ns) {
        return urgency_of(deadline_ns, RequestClass::kDemand, 0);
    };
    assert_true(demand(kNow + kHorizon - 1) < demand(kNow + kHorizon));
    assert_int_equal(demand(kNow + kHorizon), demand(kNoDeadline));
    assert_true(demand(kNow - kHorizon + 1) > demand(kNow - kHorizon));
    assert_int_equal(demand(kNow - kHorizon), demand(0));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(what_the_stages_behind_need_is_taken_over),
        cmocka_unit_test(slack_is_what_is_left_in_parts_of_what_it_takes),
        cmocka_unit_test(slack_is_the_same_near_and_far_and_has_bounds),
        cmocka_unit_test(popularity_is_heat_and_weight_in_thousandths),
        cmocka_unit_test(of_whose_heat_nothing_is_known_is_cold),
        cmocka_unit_test(a_row_stays_above_either_bound_and_not_at_it),
        cmocka_unit_test(the_order_is_age_and_class_and_deadline),
        cmocka_unit_test(deadlines_nine_years_away_are_equally_far),
    };
    return cmocka_run_group_tests_name("score", tests, nullptr, nullptr);
}
