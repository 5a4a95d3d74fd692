// SPDX-License-Identifier: Apache-2.0
// test_index_stack.cpp — the free list in one thread: order, exhaustion, chains, refusals; and a
// random walk against a plain vector that must agree with it after each step.

#include <cstdlib>
#include <random>
#include <stdexcept>
#include <vector>

#include "ringbuf/index_stack.h"
#include "tests/support/cmocka.h"

namespace {

using bwrt::ringbuf::IndexStack;

void all_indices_are_free_at_first_and_0_is_the_first_out(void**) {
    IndexStack stack(3);
    uint32_t index = 77;

    assert_int_equal(stack.count(), 3);
    assert_true(stack.pop(&index));
    assert_int_equal(index, 0);
    assert_true(stack.pop(&index));
    assert_int_equal(index, 1);
    assert_true(stack.pop(&index));
    assert_int_equal(index, 2);
}

void an_empty_stack_refuses_and_leaves_the_output_alone(void**) {
    IndexStack stack(1);
    uint32_t index = 0;
    assert_true(stack.pop(&index));

    index = 77;
    assert_false(stack.pop(&index));
    assert_int_equal(index, 77);
    assert_false(stack.pop_chain(1, &index));
    assert_int_equal(index, 77);
}

void a_stack_of_none_refuses_always(void**) {
    IndexStack stack(0);
    uint32_t index = 77;

    assert_false(stack.pop(&index));
    assert_int_equal(index, 77);
}

void the_last_index_back_is_the_first_out(void**) {
    IndexStack stack(3);
    uint32_t first = 0;
    uint32_t second = 0;
    assert_true(stack.pop(&first));
    assert_true(stack.pop(&second));

    stack.push(first);
    stack.push(second);

    uint32_t index = 77;
    assert_true(stack.pop(&index));
    assert_int_equal(index, second);
    assert_true(stack.pop(&index));
    assert_int_equal(index, first);
}

void a_chain_is_linked_through_next(void**) {
    IndexStack stack(4);
    uint32_t first = 77;

    assert_true(stack.pop_chain(3, &first));

    assert_int_equal(first, 0);
    assert_int_equal(stack.next(0), 1);
    assert_int_equal(stack.next(1), 2);
    assert_true(stack.pop(&first));
    assert_int_equal(first, 3);
}

void a_chain_longer_than_what_is_free_is_refused_whole(void**) {
    IndexStack stack(4);
    uint32_t first = 77;

    assert_false(stack.pop_chain(5, &first));
    assert_int_equal(first, 77);

    assert_true(stack.pop_chain(4, &first));
    assert_int_equal(first, 0);
}

void a_chain_relinked_by_its_owner_comes_back_in_the_new_order(void**) {
    IndexStack stack(4);
    uint32_t first = 0;
    assert_true(stack.pop_chain(3, &first));

    stack.link(2, 0);
    stack.link(0, 1);
    stack.push_chain(2, 1);

    const uint32_t expected[] = {2, 0, 1, 3};
    for (const uint32_t want : expected) {
        uint32_t index = 77;
        assert_true(stack.pop(&index));
        assert_int_equal(index, want);
    }
}

void the_constructor_refuses_a_count_that_takes_the_last_index(void**) {
    bool refused = false;
    try {
        const IndexStack stack(IndexStack::kNone);
    } catch (const std::invalid_argument&) {
        refused = true;
    }
    assert_true(refused);
}

uint64_t test_seed() {
    const char* text = std::getenv("BWRT_TEST_SEED");
    const uint64_t seed =
        text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device{}();
    print_message("seed %llu\n", static_cast<unsigned long long>(seed));
    return seed;
}

// The model is a vector whose back is the top.  Held indices are given back in random order.
void it_agrees_with_a_vector_over_a_random_walk(void**) {
    constexpr uint32_t kCount = 16;
    std::mt19937_64 random(test_seed());
    IndexStack stack(kCount);
    std::vector<uint32_t> free_list;
    std::vector<uint32_t> held;
    for (uint32_t i = kCount; i > 0; --i) free_list.push_back(i - 1);

    for (int step = 0; step < 20'000; ++step) {
        if (random() % 2 == 0 && !held.empty()) {
            std::swap(held[random() % held.size()], held.back());
            stack.push(held.back());
            free_list.push_back(held.back());
            held.pop_back();
            continue;
        }
        const uint32_t count = 1 + static_cast<uint32_t>(random() % 5);
        uint32_t index = 0;
        const bool is_taken = stack.pop_chain(count, &index);
        assert_int_equal(is_taken, free_list.size() >= count);
        for (uint32_t i = 0; is_taken && i < count; ++i) {
            assert_int_equal(index, free_list.back());
            held.push_back(index);
            free_list.pop_back();
            index = stack.next(index);
        }
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(all_indices_are_free_at_first_and_0_is_the_first_out),
        cmocka_unit_test(an_empty_stack_refuses_and_leaves_the_output_alone),
        cmocka_unit_test(a_stack_of_none_refuses_always),
        cmocka_unit_test(the_last_index_back_is_the_first_out),
        cmocka_unit_test(a_chain_is_linked_through_next),
        cmocka_unit_test(a_chain_longer_than_what_is_free_is_refused_whole),
        cmocka_unit_test(a_chain_relinked_by_its_owner_comes_back_in_the_new_order),
        cmocka_unit_test(the_constructor_refuses_a_count_that_takes_the_last_index),
        cmocka_unit_test(it_agrees_with_a_vector_over_a_random_walk),
    };
    return cmocka_run_group_tests_name("ringbuf/index_stack.h", tests, nullptr, nullptr);
}
