// SPDX-License-Identifier: Apache-2.0
//
// test_reuse.cpp — classes by uses and pace, and what is remembered of who has gone.

#include "planner/tiers/reuse.h"

#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::planner;

constexpr Tick kSlot = 1u << ReuseRates::kSlotShift;

// Comes at the tick `first` and is used again after each rest; returns when it was used last.
Tick live(Reuse& reuse, std::uint32_t block, std::uint64_t fingerprint, Tick first, Tick rest,
          int use_count) {
    reuse.come(block, fingerprint, first);
    reuse.use(block, 0, first);
    for (int i = 1; i < use_count; ++i, first += rest) reuse.use(block, first, first + rest);
    return first;
}

void a_class_tells_uses_and_pace(void**) {
    Reuse reuse(5, 8);

    live(reuse, 0, 10, kSlot, kSlot, 1);
    live(reuse, 1, 11, kSlot, kSlot, 2);
    live(reuse, 2, 12, 2 * kSlot, kSlot, 3);
    live(reuse, 3, 13, 4 * kSlot, 100 * kSlot, 2);
    live(reuse, 4, 14, 200 * kSlot, 20'000 * kSlot, 2);

    assert_int_equal(reuse.class_of(0), 0);
    assert_int_equal(reuse.class_of(1), 1);
    assert_int_equal(reuse.class_of(2), 2);
    assert_int_equal(reuse.class_of(3), 1 + 3 * 2);
    assert_int_equal(reuse.class_of(4), ReuseRates::kClassCount - 2);
}

void one_long_rest_is_a_quarter_of_the_pace(void**) {
    Reuse reuse(1, 8);
    const Tick last = live(reuse, 0, 10, kSlot, 2 * kSlot, 4);

    reuse.use(0, last, last + 3000 * kSlot);

    assert_int_equal(reuse.class_of(0), 2 + 2 * 2);  // (3 x 1.5 octaves + 11.4) / 4 = 4.0
}

void who_rests_while_all_is_filled_within_a_second_is_worth_nothing(void**) {
    constexpr std::uint64_t kBytes = 1 << 20;
    Reuse reuse(1, 8);
    const Tick last = live(reuse, 0, 10, kSlot, kSlot, 2);
    const Tick soon = last + 2 * kSlot - 1;

    reuse.fill(kBytes - kBytes / 64, kBytes);
    assert_true(reuse.value_of(0, last, soon) == reuse.value(reuse.class_of(0), last, soon));
    reuse.fill(kBytes / 32, kBytes);
    assert_int_equal(reuse.value_of(0, last, soon), 0);
    assert_true(reuse.value(reuse.class_of(0), last, soon) > 0);

    // Later its age is known, and what is used again begins anew.
    assert_true(reuse.value_of(0, last, last + 2 * kSlot) > 0);
    reuse.use(0, last, last + 2 * kSlot);
    assert_true(reuse.value_of(0, last + 2 * kSlot, last + 2 * kSlot) > 0);
}

void who_returns_has_the_past_that_he_had(void**) {
    Reuse reuse(2, 8);
    const Tick last = live(reuse, 0, 10, kSlot, 100 * kSlot, 3);
    const std::uint32_t before = reuse.class_of(0);
    reuse.go(0, last);

    reuse.come(1, 10, last + 100 * kSlot);
    reuse.use(1, 0, last + 100 * kSlot);

    assert_int_equal(reuse.class_of(1), before);
    reuse.come(0, 77, last + 100 * kSlot);
    reuse.use(0, 0, last + 100 * kSlot);
    assert_int_equal(reuse.class_of(0), 0);
}

void who_has_no_fingerprint_is_not_remembered(void**) {
    Reuse reuse(1, 8);
    const Tick last = live(reuse, 0, 0, kSlot, kSlot, 3);
    reuse.go(0, last);

    reuse.come(0, 0, last);
    reuse.use(0, 0, last);

    assert_int_equal(reuse.class_of(0), 0);
}

void the_first_of_nine_is_forgotten(void**) {
    Reuse reuse(9, 8);
    Tick now = kSlot;
    for (std::uint32_t block = 0; block < 9; ++block) {
        now = live(reuse, block, 10 + block, now, kSlot, 2);
    }
    for (std::uint32_t block = 0; block < 9; ++block) reuse.go(block, now);

    for (std::uint32_t block = 0; block < 9; ++block) reuse.come(block, 10 + block, now);

    assert_int_equal(reuse.class_of(0), 0);
    for (std::uint32_t block = 1; block < 9; ++block) {
        assert_int_not_equal(reuse.class_of(block), 0);
    }
}

void a_miss_is_a_use(void**) {
    Reuse reuse(1, 8);
    reuse.miss(10, kSlot);
    reuse.miss(10, 2 * kSlot);

    reuse.come(0, 10, 3 * kSlot);
    reuse.use(0, 0, 3 * kSlot);

    assert_int_equal(reuse.class_of(0), 2);
}

void what_is_used_again_at_once_is_one_use(void**) {
    Reuse reuse(2, 8);
    reuse.come(0, 10, kSlot);
    reuse.use(0, 0, kSlot);
    reuse.use(0, kSlot, kSlot);
    reuse.miss(11, kSlot);
    reuse.miss(11, kSlot);
    const std::uint64_t asked_again = reuse.value_of_new(11, kSlot);
    reuse.come(1, 11, kSlot);
    reuse.use(1, 0, kSlot);

    assert_int_equal(reuse.class_of(0), 0);
    assert_int_equal(reuse.class_of(1), 0);
    assert_true(asked_again == reuse.value(0, kSlot, kSlot));
    reuse.use(0, kSlot, kSlot + 1);
    assert_int_equal(reuse.class_of(0), 1);
}

void who_asks_again_for_want_of_room_is_one_use(void**) {
    Reuse reuse(1, 8);
    reuse.miss(10, kSlot);
    reuse.miss(10, 2 * kSlot, kSlot);
    assert_int_equal(reuse.class_of_new(10, 3 * kSlot, kSlot), 0);
    assert_int_not_equal(reuse.class_of_new(10, 3 * kSlot), 0);

    reuse.come(0, 10, 3 * kSlot, kSlot);
    reuse.use(0, 0, 3 * kSlot);

    assert_int_equal(reuse.class_of(0), 0);
}

void what_does_not_count_begins_the_rest_again(void**) {
    Reuse reuse(1, 8);
    reuse.come(0, 10, kSlot);
    reuse.use(0, 0, kSlot);

    reuse.use(0, kSlot, 100 * kSlot, false);
    assert_int_equal(reuse.class_of(0), 0);
    reuse.use(0, 100 * kSlot, 101 * kSlot);

    assert_int_equal(reuse.class_of(0), 1);  // after one slot, not a hundred
}

void a_newcomer_is_worth_what_his_class_is(void**) {
    Reuse reuse(1, 8);
    reuse.miss(10, kSlot);
    const std::uint64_t known = reuse.value_of_new(10, 2 * kSlot);
    const std::uint64_t unknown = reuse.value_of_new(11, 2 * kSlot);

    assert_true(known == reuse.value(1, 2 * kSlot, 2 * kSlot));
    assert_true(unknown == reuse.value(0, 2 * kSlot, 2 * kSlot));
    assert_true(unknown < known);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_class_tells_uses_and_pace),
        cmocka_unit_test(one_long_rest_is_a_quarter_of_the_pace),
        cmocka_unit_test(who_rests_while_all_is_filled_within_a_second_is_worth_nothing),
        cmocka_unit_test(who_returns_has_the_past_that_he_had),
        cmocka_unit_test(who_has_no_fingerprint_is_not_remembered),
        cmocka_unit_test(the_first_of_nine_is_forgotten),
        cmocka_unit_test(a_miss_is_a_use),
        cmocka_unit_test(what_is_used_again_at_once_is_one_use),
        cmocka_unit_test(who_asks_again_for_want_of_room_is_one_use),
        cmocka_unit_test(what_does_not_count_begins_the_rest_again),
        cmocka_unit_test(a_newcomer_is_worth_what_his_class_is),
    };
    return cmocka_run_group_tests_name("planner/tiers/reuse.cpp", tests, nullptr, nullptr);
}
