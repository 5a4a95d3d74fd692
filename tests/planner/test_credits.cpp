// SPDX-License-Identifier: Apache-2.0
//
// test_credits.cpp — what each tenant has left, one beside the other.

#include "planner/credits.h"

#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::planner;

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kMost = ~std::uint64_t{0};

void who_has_no_limit_has_all_there_is(void**) {
    Credits credits(2);
    assert_false(credits.has_limits());
    credits.charge(1, 1'000, 5);
    assert_true(credits.left(5)[1].left_bytes == kMost);
    assert_true(credits.left(5)[1].burst_bytes == kMost);
}

void a_bucket_begins_full_and_refills_to_its_burst(void**) {
    Credits credits(2);
    credits.set(1, {10, kMs, 100}, 5 * kMs);
    assert_true(credits.has_limits());
    assert_int_equal(credits.left(5 * kMs)[1].left_bytes, 100);
    assert_int_equal(credits.left(5 * kMs)[1].burst_bytes, 100);
    credits.charge(1, 70, 5 * kMs);
    assert_int_equal(credits.left(5 * kMs)[1].left_bytes, 30);
    assert_int_equal(credits.left(7 * kMs)[1].left_bytes, 50);
    assert_int_equal(credits.left(90 * kMs)[1].left_bytes, 100);
    assert_true(credits.left(90 * kMs)[0].left_bytes == kMost);
}

void tenants_pay_each_from_their_own(void**) {
    Credits credits(3);
    credits.set(0, {10, kMs, 100}, 0);
    credits.set(2, {20, kMs, 200}, 0);
    credits.charge(0, 60, 0);
    credits.charge(2, 500, 0);  // down to nothing
    const TenantCredit* left = credits.left(kMs);
    assert_int_equal(left[0].left_bytes, 50);
    assert_true(left[1].left_bytes == kMost);
    assert_int_equal(left[2].left_bytes, 20);
    assert_int_equal(left[2].burst_bytes, 200);
}

void limits_are_counted_as_they_come_and_go(void**) {
    Credits credits(2);
    credits.set(0, {10, kMs, 100}, 0);
    credits.set(0, {20, kMs, 100}, 0);  // another one, not one more
    credits.set(1, {10, kMs, 100}, 0);
    credits.set(1, {}, 0);
    assert_true(credits.has_limits());
    credits.set(0, {}, 0);
    assert_false(credits.has_limits());
    credits.set(0, {}, 0);
    assert_false(credits.has_limits());
    assert_true(credits.left(0)[0].burst_bytes == kMost);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(who_has_no_limit_has_all_there_is),
        cmocka_unit_test(a_bucket_begins_full_and_refills_to_its_burst),
        cmocka_unit_test(tenants_pay_each_from_their_own),
        cmocka_unit_test(limits_are_counted_as_they_come_and_go),
    };
    return cmocka_run_group_tests_name("credits", tests, nullptr, nullptr);
}
