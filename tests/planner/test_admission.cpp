// SPDX-License-Identifier: Apache-2.0
//
// test_admission.cpp — the doorkeeper by what it remembers and forgets, the budget to the byte and
// to the nanosecond, and both together.

#include "planner/admission.h"

#include <vector>

#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;

constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::uint64_t kDayNs = 86'400 * kSecondNs;

// One a bucket of 16.
constexpr std::uint64_t mark(std::uint64_t number) { return number << 4; }

void an_identity_is_counted_each_time_it_is_seen(void**) {
    Doorkeeper doorkeeper(8);

    assert_int_equal(doorkeeper.see(mark(1)), 1);
    assert_int_equal(doorkeeper.see(mark(2)), 1);
    assert_int_equal(doorkeeper.see(mark(1)), 2);
    assert_int_equal(doorkeeper.see(mark(1)), 3);
}

void a_fingerprint_of_zero_is_one_like_others(void**) {
    Doorkeeper doorkeeper(8);

    assert_int_equal(doorkeeper.see(0), 1);
    assert_int_equal(doorkeeper.see(0), 2);
}

void the_count_stops_at_fifteen(void**) {
    Doorkeeper doorkeeper(8);

    for (int i = 0; i < 40; ++i) doorkeeper.see(mark(1));

    assert_int_equal(doorkeeper.see(mark(1)), 15);
    assert_int_equal(doorkeeper.see(mark(2)), 1);
}

void eight_of_a_bucket_are_remembered_and_the_ninth_drives_the_oldest_out(void**) {
    Doorkeeper doorkeeper(8);
    for (std::uint64_t i = 0; i < 8; ++i) doorkeeper.see(mark(i));

    assert_int_equal(doorkeeper.see(mark(0)), 2);
    assert_int_equal(doorkeeper.see(mark(8)), 1);  // in the place of 1

    assert_int_equal(doorkeeper.see(mark(0)), 3);
    assert_int_equal(doorkeeper.see(mark(1)), 1);
}

void most_of_what_was_asked_for_is_remembered(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    Doorkeeper doorkeeper(100'000);
    std::vector<std::uint64_t> identities(50'000);
    for (std::uint64_t& identity : identities) identity = random.bits();

    for (const std::uint64_t identity : identities) doorkeeper.see(identity);

    // Of buckets of 8 with 4 each in the mean, 2 % of the identities lie in those with more.
    std::uint32_t known_count = 0;
    for (const std::uint64_t identity : identities) known_count += doorkeeper.see(identity) > 1;
    assert_true(known_count > 47'000);
}

void what_was_long_ago_is_forgotten(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    Doorkeeper doorkeeper(1000);
    doorkeeper.see(mark(12345));

    for (int i = 0; i < 100'000; ++i) doorkeeper.see(random.bits());

    assert_int_equal(doorkeeper.see(mark(12345)), 1);
}

void without_a_limit_everything_is_spent(void**) {
    WriteBudget budget(0, 0, 0, 0);

    assert_true(budget.spend(~std::uint64_t{0}, 1));
    assert_true(budget.left_bytes(1) == ~std::uint64_t{0});
}

void the_burst_is_there_at_once_and_no_more(void**) {
    WriteBudget budget(86'400, 1000, ~std::uint64_t{0}, 5);

    assert_true(budget.spend(600, 5));
    assert_false(budget.spend(401, 5));
    assert_int_equal(budget.left_bytes(5), 400);
    assert_true(budget.spend(400, 5));
    assert_false(budget.spend(1, 5));
}

void what_was_not_asked_for_is_charged_down_to_nothing(void**) {
    WriteBudget budget(86'400, 1000, ~std::uint64_t{0}, 5);

    budget.charge(300, 5);
    assert_int_equal(budget.left_bytes(5), 700);
    budget.charge(~std::uint64_t{0}, 5);
    assert_int_equal(budget.left_bytes(5), 0);
    assert_int_equal(budget.left_bytes(5 + 2'000'000'000), 2);

    WriteBudget none(0, 0, 0, 0);
    none.charge(1000, 1);
    assert_true(none.left_bytes(1) == ~std::uint64_t{0});
}

void a_level_that_was_kept_is_where_it_goes_on(void**) {
    WriteBudget budget(86'400, 1000, 7, 5);

    assert_int_equal(budget.left_bytes(5), 7);
}

void a_byte_comes_when_its_time_has_passed(void**) {
    WriteBudget budget(86'400, 1000, 0, 0);  // one a second

    assert_int_equal(budget.left_bytes(kSecondNs - 1), 0);
    assert_int_equal(budget.left_bytes(kSecondNs), 1);
    assert_int_equal(budget.left_bytes(3 * kSecondNs), 3);
}

void what_is_not_spent_is_carried_over_up_to_the_burst(void**) {
    WriteBudget budget(86'400, 1000, 0, 0);

    assert_int_equal(budget.left_bytes(999 * kSecondNs), 999);
    assert_int_equal(budget.left_bytes(5000 * kSecondNs), 1000);
}

void a_full_bucket_has_no_fraction_of_a_byte_more(void**) {
    WriteBudget budget(86'400, 10, 0, 0);

    assert_true(budget.spend(10, 10'900'000'000));

    assert_int_equal(budget.left_bytes(11'899'999'999), 0);
    assert_int_equal(budget.left_bytes(11'900'000'000), 1);
}

void asking_often_loses_no_fraction(void**) {
    WriteBudget budget(86'400 * 10, 1'000'000, 0, 0);

    for (std::uint64_t now_ns = 0; now_ns <= 100 * kSecondNs; now_ns += 33'333'333) {
        (void)budget.left_bytes(now_ns);
    }

    assert_int_equal(budget.left_bytes(100 * kSecondNs), 1000);
}

void a_clock_that_stands_or_goes_back_gives_nothing(void**) {
    WriteBudget budget(86'400, 1000, 0, 10 * kSecondNs);

    assert_int_equal(budget.left_bytes(0), 0);
    assert_int_equal(budget.left_bytes(11 * kSecondNs), 1);
    assert_int_equal(budget.left_bytes(11 * kSecondNs), 1);
}

void the_largest_numbers_do_not_wrap(void**) {
    const std::uint64_t most = ~std::uint64_t{0};
    WriteBudget budget(most, most, 5, 0);

    assert_true(budget.left_bytes(kDayNs) == most);
    assert_true(budget.spend(most, kDayNs));
    assert_true(budget.left_bytes(most) == most);
}

void over_any_time_no_more_is_spent_than_burst_and_rate_allow(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    const std::uint64_t per_day = random.between(1, std::uint64_t{1} << 45);
    const std::uint64_t burst = random.between(1, std::uint64_t{1} << 40);
    WriteBudget budget(per_day, burst, burst, 0);
    struct Spending {
        std::uint64_t at_ns;
        std::uint64_t bytes;
    };
    std::vector<Spending> all;
    std::uint64_t now_ns = 0;
    for (int i = 0; i < 2000; ++i) {
        now_ns += random.below(100 * kSecondNs);
        const std::uint64_t bytes = random.below(burst + burst / 4);
        if (budget.spend(bytes, now_ns)) all.push_back({now_ns, bytes});
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

void by_default_everything_is_written(void**) {
    Admission admission({}, 0);

    assert_true(admission.decide(mark(1), 1 << 20, false, 0) == Admittance::kWrite);
    assert_true(admission.decide(mark(2), 1 << 20, false, 0) == Admittance::kWrite);
}

void the_second_touch_is_written(void**) {
    AdmissionLimits limits;
    limits.touches_min = 2;
    limits.identity_count = 100;
    Admission admission(limits, 0);

    assert_true(admission.decide(mark(1), 1, false, 0) == Admittance::kSeenTooRarely);
    assert_true(admission.decide(mark(1), 1, false, 0) == Admittance::kWrite);
    assert_true(admission.decide(mark(1), 1, false, 0) == Admittance::kWrite);
}

void what_must_be_written_is_so_at_the_first_touch_and_counts_as_seen(void**) {
    AdmissionLimits limits;
    limits.touches_min = 2;
    limits.identity_count = 100;
    Admission admission(limits, 0);

    assert_true(admission.decide(mark(1), 1, true, 0) == Admittance::kWrite);
    assert_true(admission.decide(mark(1), 1, false, 0) == Admittance::kWrite);
}

void nothing_is_written_beyond_the_budget_not_even_what_must_be(void**) {
    AdmissionLimits limits;
    limits.bytes_per_day = 86'400;
    limits.burst_bytes = 10;
    Admission admission(limits, 0);

    assert_true(admission.decide(mark(1), 10, false, 0) == Admittance::kWrite);
    assert_true(admission.decide(mark(2), 1, true, 0) == Admittance::kNoBudget);
    assert_int_equal(admission.left_bytes(0), 0);
    assert_true(admission.decide(mark(2), 1, true, kSecondNs) == Admittance::kWrite);
}

void what_is_seen_too_rarely_spends_nothing(void**) {
    AdmissionLimits limits;
    limits.touches_min = 2;
    limits.identity_count = 100;
    limits.bytes_per_day = 1;
    limits.burst_bytes = 10;
    Admission admission(limits, 0);

    (void)admission.decide(mark(1), 10, false, 0);

    assert_int_equal(admission.left_bytes(0), 10);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(an_identity_is_counted_each_time_it_is_seen),
        cmocka_unit_test(a_fingerprint_of_zero_is_one_like_others),
        cmocka_unit_test(the_count_stops_at_fifteen),
        cmocka_unit_test(eight_of_a_bucket_are_remembered_and_the_ninth_drives_the_oldest_out),
        cmocka_unit_test(most_of_what_was_asked_for_is_remembered),
        cmocka_unit_test(what_was_long_ago_is_forgotten),
        cmocka_unit_test(without_a_limit_everything_is_spent),
        cmocka_unit_test(the_burst_is_there_at_once_and_no_more),
        cmocka_unit_test(a_level_that_was_kept_is_where_it_goes_on),
        cmocka_unit_test(a_byte_comes_when_its_time_has_passed),
        cmocka_unit_test(what_is_not_spent_is_carried_over_up_to_the_burst),
        cmocka_unit_test(a_full_bucket_has_no_fraction_of_a_byte_more),
        cmocka_unit_test(asking_often_loses_no_fraction),
        cmocka_unit_test(a_clock_that_stands_or_goes_back_gives_nothing),
        cmocka_unit_test(the_largest_numbers_do_not_wrap),
        cmocka_unit_test(over_any_time_no_more_is_spent_than_burst_and_rate_allow),
        cmocka_unit_test(by_default_everything_is_written),
        cmocka_unit_test(the_second_touch_is_written),
        cmocka_unit_test(what_must_be_written_is_so_at_the_first_touch_and_counts_as_seen),
        cmocka_unit_test(nothing_is_written_beyond_the_budget_not_even_what_must_be),
        cmocka_unit_test(what_is_seen_too_rarely_spends_nothing),
        cmocka_unit_test(what_was_not_asked_for_is_charged_down_to_nothing),
    };
    return cmocka_run_group_tests_name("planner/admission.cpp", tests, nullptr, nullptr);
}
