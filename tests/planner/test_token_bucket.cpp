// SPDX-License-Identifier: Apache-2.0
//
// test_token_bucket.cpp — what is let through, to the byte and to the nanosecond.

#include "planner/token_bucket.h"

#include <vector>

#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;

constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::uint64_t kDayNs = 86'400 * kSecondNs;

void without_a_limit_everything_is_spent(void**) {
    TokenBucket bucket({0, kDayNs, 0}, 0, 0);

    assert_true(bucket.spend(~std::uint64_t{0}, 1));
    assert_true(bucket.left_bytes(1) == ~std::uint64_t{0});
}

void the_burst_is_there_at_once_and_no_more(void**) {
    TokenBucket bucket({86'400, kDayNs, 1000}, ~std::uint64_t{0}, 5);

    assert_true(bucket.spend(600, 5));
    assert_false(bucket.spend(401, 5));
    assert_int_equal(bucket.left_bytes(5), 400);
    assert_true(bucket.spend(400, 5));
    assert_false(bucket.spend(1, 5));
}

void what_was_not_asked_for_is_charged_down_to_nothing(void**) {
    TokenBucket bucket({86'400, kDayNs, 1000}, ~std::uint64_t{0}, 5);

    bucket.charge(300, 5);
    assert_int_equal(bucket.left_bytes(5), 700);
    bucket.charge(~std::uint64_t{0}, 5);
    assert_int_equal(bucket.left_bytes(5), 0);
    assert_int_equal(bucket.left_bytes(5 + 2'000'000'000), 2);

    TokenBucket none({0, kDayNs, 0}, 0, 0);
    none.charge(1000, 1);
    assert_true(none.left_bytes(1) == ~std::uint64_t{0});
}

void what_is_given_back_is_there_again_up_to_the_burst(void**) {
    TokenBucket bucket({86'400, kDayNs, 1000}, 1000, 0);
    bucket.charge(700, 0);
    bucket.give_back(500);
    assert_int_equal(bucket.left_bytes(0), 800);
    bucket.give_back(500);
    assert_int_equal(bucket.left_bytes(0), 1000);

    TokenBucket none({0, kDayNs, 0}, 0, 0);
    none.give_back(1);
    assert_true(none.left_bytes(0) == ~std::uint64_t{0});
}

void a_level_that_was_kept_is_where_it_goes_on(void**) {
    TokenBucket bucket({86'400, kDayNs, 1000}, 7, 5);

    assert_int_equal(bucket.left_bytes(5), 7);
}

void a_byte_comes_when_its_time_has_passed(void**) {
    TokenBucket bucket({86'400, kDayNs, 1000}, 0, 0);  // one a second

    assert_int_equal(bucket.left_bytes(kSecondNs - 1), 0);
    assert_int_equal(bucket.left_bytes(kSecondNs), 1);
    assert_int_equal(bucket.left_bytes(3 * kSecondNs), 3);
}

void what_is_not_spent_is_carried_over_up_to_the_burst(void**) {
    TokenBucket bucket({86'400, kDayNs, 1000}, 0, 0);

    assert_int_equal(bucket.left_bytes(999 * kSecondNs), 999);
    assert_int_equal(bucket.left_bytes(5000 * kSecondNs), 1000);
}

void a_full_bucket_has_no_fraction_of_a_byte_more(void**) {
    TokenBucket bucket({86'400, kDayNs, 10}, 0, 0);

    assert_true(bucket.spend(10, 10'900'000'000));

    assert_int_equal(bucket.left_bytes(11'899'999'999), 0);
    assert_int_equal(bucket.left_bytes(11'900'000'000), 1);
}

void asking_often_loses_no_fraction(void**) {
    TokenBucket bucket({86'400 * 10, kDayNs, 1'000'000}, 0, 0);

    for (std::uint64_t now_ns = 0; now_ns <= 100 * kSecondNs; now_ns += 33'333'333) {
        (void)bucket.left_bytes(now_ns);
    }

    assert_int_equal(bucket.left_bytes(100 * kSecondNs), 1000);
}

void a_clock_that_stands_or_goes_back_gives_nothing(void**) {
    TokenBucket bucket({86'400, kDayNs, 1000}, 0, 10 * kSecondNs);

    assert_int_equal(bucket.left_bytes(0), 0);
    assert_int_equal(bucket.left_bytes(11 * kSecondNs), 1);
    assert_int_equal(bucket.left_bytes(11 * kSecondNs), 1);
}

void the_largest_numbers_do_not_wrap(void**) {
    const std::uint64_t most = ~std::uint64_t{0};
    TokenBucket bucket({most, kDayNs, most}, 5, 0);

    assert_true(bucket.left_bytes(kDayNs) == most);
    assert_true(bucket.spend(most, kDayNs));
    assert_true(bucket.left_bytes(most) == most);
}

void over_any_time_no_more_is_spent_than_burst_and_rate_allow(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    const std::uint64_t per_day = random.between(1, std::uint64_t{1} << 45);
    const std::uint64_t burst = random.between(1, std::uint64_t{1} << 40);
    TokenBucket bucket({per_day, kDayNs, burst}, burst, 0);
    struct Spending {
        std::uint64_t at_ns;
        std::uint64_t bytes;
    };
    std::vector<Spending> all;
    std::uint64_t now_ns = 0;
    for (int i = 0; i < 2000; ++i) {
        now_ns += random.below(100 * kSecondNs);
        const std::uint64_t bytes = random.below(burst + burst / 4);
        if (bucket.spend(bytes, now_ns)) all.push_back({now_ns, bytes});
    }

    for (std::size_t first = 0; first < all.size(); ++first) {
        std::uint64_t spent = 0;
        for (std::size_t last = first; last < all.size(); ++last) {
            spent += all[last].bytes;
            const double seconds =
                static_cast<double>(all[last].at_ns - all[first].at_ns) / kSecondNs;
            const double most =
                static_cast<double>(burst) + static_cast<double>(per_day) / 86'400 * seconds;
            assert_true(static_cast<double>(spent) <= most * (1 + 1e-9) + 1);
        }
    }
    assert_true(all.size() > 10);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(without_a_limit_everything_is_spent),
        cmocka_unit_test(the_burst_is_there_at_once_and_no_more),
        cmocka_unit_test(what_was_not_asked_for_is_charged_down_to_nothing),
        cmocka_unit_test(what_is_given_back_is_there_again_up_to_the_burst),
        cmocka_unit_test(a_level_that_was_kept_is_where_it_goes_on),
        cmocka_unit_test(a_byte_comes_when_its_time_has_passed),
        cmocka_unit_test(what_is_not_spent_is_carried_over_up_to_the_burst),
        cmocka_unit_test(a_full_bucket_has_no_fraction_of_a_byte_more),
        cmocka_unit_test(asking_often_loses_no_fraction),
        cmocka_unit_test(a_clock_that_stands_or_goes_back_gives_nothing),
        cmocka_unit_test(the_largest_numbers_do_not_wrap),
        cmocka_unit_test(over_any_time_no_more_is_spent_than_burst_and_rate_allow),
    };
    return cmocka_run_group_tests_name("planner/token_bucket.cpp", tests, nullptr, nullptr);
}
