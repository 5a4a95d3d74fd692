// SPDX-License-Identifier: Apache-2.0
// test_ring.cpp — the ring in one thread: order, limits, refusals, wrapping.
//
// What needs several threads is in test_ringbuf_threads.cpp and, for memory orders, in
// tests/relacy.

#include <cstring>
#include <stdexcept>

#include "ringbuf/command.h"
#include "tests/support/cmocka.h"

namespace {

using bwrt::ringbuf::Command;
using bwrt::ringbuf::CommandKind;
using bwrt::ringbuf::CommandRing;
using bwrt::ringbuf::Ring;

using NumberRing = Ring<uint64_t>;

bool constructor_refuses(size_t capacity) {
    try {
        const NumberRing ring(capacity);
        return false;
    } catch (const std::invalid_argument&) {
        return true;
    }
}

void a_new_ring_is_empty(void**) {
    NumberRing ring(4);
    uint64_t popped = 77;

    assert_true(ring.is_empty());
    assert_int_equal(ring.size_approximate(), 0);
    assert_int_equal(ring.capacity(), 4);
    assert_false(ring.pop(&popped));
    assert_false(ring.pop_shared(&popped));
    assert_int_equal(popped, 77);
}

void what_goes_in_comes_out_in_order(void**) {
    NumberRing ring(4);

    assert_true(ring.push(10));
    assert_false(ring.is_empty());
    assert_true(ring.push(11));
    assert_true(ring.push(12));
    assert_int_equal(ring.size_approximate(), 3);

    uint64_t popped = 0;
    assert_true(ring.pop(&popped));
    assert_int_equal(popped, 10);
    assert_true(ring.pop(&popped));
    assert_int_equal(popped, 11);
    assert_true(ring.pop(&popped));
    assert_int_equal(popped, 12);
    assert_false(ring.pop(&popped));
    assert_true(ring.is_empty());
}

void every_slot_can_be_used_and_the_next_push_is_refused(void**) {
    NumberRing ring(4);
    for (uint64_t number = 0; number < 4; ++number) assert_true(ring.push(number));

    assert_false(ring.push(99));
    assert_int_equal(ring.size_approximate(), 4);
}

void a_batch_goes_in_whole_or_not_at_all(void**) {
    NumberRing ring(4);
    const uint64_t numbers[5] = {1, 2, 3, 4, 5};
    assert_false(ring.push_batch(numbers, 5));
    assert_true(ring.push(0));
    assert_false(ring.push_batch(numbers, 4));
    assert_int_equal(ring.size_approximate(), 1);
    assert_true(ring.push_batch(numbers, 3));
    assert_false(ring.push(9));
    for (uint64_t number = 0; number < 4; ++number) {
        uint64_t popped = 99;
        assert_true(ring.pop(&popped));
        assert_int_equal(popped, number);
    }
    assert_true(ring.is_empty());
}

void batches_wrap_as_single_commands_do(void**) {
    NumberRing ring(8);
    uint64_t pushed = 0, popped_count = 0;
    for (size_t count = 1; pushed < 1000; count = count % 8 + 1) {
        uint64_t numbers[8];
        for (size_t i = 0; i < count; ++i) numbers[i] = pushed + i;
        while (!ring.push_batch(numbers, count)) {
            uint64_t popped = 0;
            assert_true(ring.pop(&popped));
            assert_int_equal(popped, popped_count++);
        }
        pushed += count;
        assert_int_equal(ring.size_approximate(), pushed - popped_count);
    }
}

void refused_pushes_leave_the_ring_unchanged(void**) {
    NumberRing ring(2);
    assert_true(ring.push(1));
    assert_true(ring.push(2));

    for (int i = 0; i < 10; ++i) assert_false(ring.push(99));

    uint64_t popped = 0;
    assert_true(ring.pop(&popped));
    assert_int_equal(popped, 1);
    assert_true(ring.push(3));
    assert_false(ring.push(99));
    assert_true(ring.pop(&popped));
    assert_int_equal(popped, 2);
    assert_true(ring.pop(&popped));
    assert_int_equal(popped, 3);
    assert_false(ring.pop(&popped));
}

// Fills and empties at every offset of the lap, several laps long.
void it_wraps_at_every_fill_level(void**) {
    NumberRing ring(4);
    uint64_t pushed = 0;
    uint64_t expected = 0;
    for (size_t level = 1; level <= 4; ++level) {
        for (int lap = 0; lap < 9; ++lap) {
            for (size_t i = 0; i < level; ++i) assert_true(ring.push(pushed++));
            assert_int_equal(ring.size_approximate(), level);
            for (size_t i = 0; i < level; ++i) {
                uint64_t popped = 0;
                assert_true(ring.pop(&popped));
                assert_int_equal(popped, expected++);
            }
            assert_true(ring.is_empty());
        }
    }
}

void the_shared_pop_wraps_and_refuses_alike(void**) {
    NumberRing ring(2);
    uint64_t popped = 0;
    for (uint64_t number = 0; number < 20; number += 2) {
        assert_true(ring.push(number));
        assert_true(ring.push(number + 1));
        assert_false(ring.push(99));

        assert_true(ring.pop_shared(&popped));
        assert_int_equal(popped, number);
        assert_true(ring.pop_shared(&popped));
        assert_int_equal(popped, number + 1);
        assert_false(ring.pop_shared(&popped));
        assert_true(ring.is_empty());
    }
}

void a_capacity_is_a_power_of_two_from_2_to_2_to_the_31(void**) {
    assert_true(NumberRing::is_valid_capacity(2));
    assert_true(NumberRing::is_valid_capacity(size_t{1} << 31));

    assert_false(NumberRing::is_valid_capacity(0));
    assert_false(NumberRing::is_valid_capacity(1));
    assert_false(NumberRing::is_valid_capacity(3));
    assert_false(NumberRing::is_valid_capacity(1000));
    assert_false(NumberRing::is_valid_capacity((size_t{1} << 31) + 1));
    assert_false(NumberRing::is_valid_capacity(size_t{1} << 32));
}

void the_constructor_refuses_what_is_no_valid_capacity(void**) {
    assert_false(constructor_refuses(2));
    assert_true(constructor_refuses(0));
    assert_true(constructor_refuses(1));
    assert_true(constructor_refuses(1000));
    assert_true(constructor_refuses(size_t{1} << 32));
}

void a_command_arrives_as_it_was_sent(void**) {
    CommandRing ring(2);
    Command command{};
    command.kind = CommandKind::kSubmit;
    command.op_kind = 0x1122;
    command.group = 0x33445566;
    command.wave = 0x0102030405060708;
    command.source = 0x1112131415161718;
    command.target = 0x2122232425262728;
    command.source_offset = 0x3132333435363738;
    command.target_offset = 0x4142434445464748;
    command.length = 0x5152535455565758;

    assert_true(ring.push(command));
    Command popped{};
    assert_true(ring.pop(&popped));

    assert_memory_equal(&popped, &command, sizeof(command));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_new_ring_is_empty),
        cmocka_unit_test(what_goes_in_comes_out_in_order),
        cmocka_unit_test(every_slot_can_be_used_and_the_next_push_is_refused),
        cmocka_unit_test(a_batch_goes_in_whole_or_not_at_all),
        cmocka_unit_test(batches_wrap_as_single_commands_do),
        cmocka_unit_test(refused_pushes_leave_the_ring_unchanged),
        cmocka_unit_test(it_wraps_at_every_fill_level),
        cmocka_unit_test(the_shared_pop_wraps_and_refuses_alike),
        cmocka_unit_test(a_capacity_is_a_power_of_two_from_2_to_2_to_the_31),
        cmocka_unit_test(the_constructor_refuses_what_is_no_valid_capacity),
        cmocka_unit_test(a_command_arrives_as_it_was_sent),
    };
    return cmocka_run_group_tests_name("ringbuf/ring.h", tests, nullptr, nullptr);
}
