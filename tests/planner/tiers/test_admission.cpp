// SPDX-License-Identifier: Apache-2.0
//
// test_admission.cpp — the doorkeeper by what it remembers and forgets, and with a budget.

#include "planner/tiers/admission.h"

#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;

constexpr std::uint64_t kSecondNs = 1'000'000'000;

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
        cmocka_unit_test(by_default_everything_is_written),
        cmocka_unit_test(the_second_touch_is_written),
        cmocka_unit_test(what_must_be_written_is_so_at_the_first_touch_and_counts_as_seen),
        cmocka_unit_test(nothing_is_written_beyond_the_budget_not_even_what_must_be),
        cmocka_unit_test(what_is_seen_too_rarely_spends_nothing),
    };
    return cmocka_run_group_tests_name("planner/tiers/admission.cpp", tests, nullptr, nullptr);
}
