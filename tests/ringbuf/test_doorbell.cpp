// SPDX-License-Identifier: Apache-2.0
// test_doorbell.cpp — who owes a wake-up, in one thread: every announcement ends exactly once.

#include "ringbuf/doorbell.h"
#include "tests/support/cmocka.h"

namespace {

using bwrt::ringbuf::Doorbell;

void ringing_while_nobody_sleeps_owes_nothing(void**) {
    Doorbell doorbell;

    assert_false(doorbell.ring());
    assert_false(doorbell.ring());
}

void one_announcement_is_taken_by_one_ringer(void**) {
    Doorbell doorbell;
    doorbell.prepare();

    assert_true(doorbell.ring());
    assert_false(doorbell.ring());
}

void a_cancelled_announcement_is_taken_by_none(void**) {
    Doorbell doorbell;
    doorbell.prepare();

    assert_true(doorbell.cancel());
    assert_false(doorbell.ring());
}

void cancelling_after_a_ring_says_that_a_wake_up_is_on_its_way(void**) {
    Doorbell doorbell;
    doorbell.prepare();
    assert_true(doorbell.ring());

    assert_false(doorbell.cancel());
    assert_false(doorbell.ring());
}

void it_can_be_prepared_again_after_either_end(void**) {
    Doorbell doorbell;
    doorbell.prepare();
    assert_true(doorbell.ring());
    doorbell.prepare();
    assert_true(doorbell.cancel());
    doorbell.prepare();

    assert_true(doorbell.ring());
    assert_false(doorbell.ring());
}

void as_many_ringers_as_sleepers_owe_a_wake_up(void**) {
    Doorbell doorbell;
    doorbell.prepare();
    doorbell.prepare();
    doorbell.prepare();
    assert_true(doorbell.cancel());

    assert_true(doorbell.ring());
    assert_true(doorbell.ring());
    assert_false(doorbell.ring());
}

void the_word_is_1_while_one_consumer_is_announced(void**) {
    Doorbell doorbell;
    assert_int_equal(doorbell.word().load(), 0);
    doorbell.prepare();
    assert_int_equal(doorbell.word().load(), 1);
    assert_true(doorbell.ring());
    assert_int_equal(doorbell.word().load(), 0);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(ringing_while_nobody_sleeps_owes_nothing),
        cmocka_unit_test(one_announcement_is_taken_by_one_ringer),
        cmocka_unit_test(a_cancelled_announcement_is_taken_by_none),
        cmocka_unit_test(cancelling_after_a_ring_says_that_a_wake_up_is_on_its_way),
        cmocka_unit_test(it_can_be_prepared_again_after_either_end),
        cmocka_unit_test(as_many_ringers_as_sleepers_owe_a_wake_up),
        cmocka_unit_test(the_word_is_1_while_one_consumer_is_announced),
    };
    return cmocka_run_group_tests_name("ringbuf/doorbell.h", tests, nullptr, nullptr);
}
