/* SPDX-License-Identifier: Apache-2.0
 *
 * examples/block_cache.c: who is evicted, what a pin and a drop mean, and that the bytes of a
 * block tell every way of being wrong.  Example tests, and one random walk beside a plain array. */

#include "examples/block_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka.h"

enum { SLOT_COUNT = 4, BLOCK_BYTES_HERE = 4096 };

static int open_cache(void** state) {
    static BlockCache cache;
    *state = &cache;
    return block_cache_init(&cache, SLOT_COUNT) ? 0 : -1;
}

static int close_cache(void** state) {
    block_cache_free(*state);
    return 0;
}

/* Takes a slot for the block and lets it be evicted again. */
static uint32_t put(BlockCache* cache, uint64_t block_id) {
    const uint32_t slot = block_cache_take(cache, block_id);
    cache->slots[slot].ready = true;
    block_cache_unpin(cache, slot);
    return slot;
}

static void a_block_that_was_never_taken_is_not_found(void** state) {
    assert_int_equal(block_cache_find(*state, 0), SLOT_NONE);
    assert_int_equal(block_cache_find(*state, 7), SLOT_NONE);
}

static void a_taken_block_is_found_and_not_yet_there(void** state) {
    BlockCache* cache = *state;

    const uint32_t slot = block_cache_take(cache, 7);

    assert_int_equal(block_cache_find(cache, 7), slot);
    assert_false(block_cache_holds(cache, slot, 7));
    cache->slots[slot].ready = true;
    assert_true(block_cache_holds(cache, slot, 7));
    assert_false(block_cache_holds(cache, slot, 8));
}

static void the_least_recently_used_block_is_evicted(void** state) {
    BlockCache* cache = *state;
    for (uint64_t id = 0; id < SLOT_COUNT; id++) put(cache, id);
    block_cache_touch(cache, block_cache_find(cache, 0));

    const uint32_t slot = put(cache, 100);

    assert_int_equal(block_cache_find(cache, 1), SLOT_NONE);
    assert_int_equal(block_cache_find(cache, 100), slot);
    assert_true(block_cache_find(cache, 0) != SLOT_NONE);
}

static void a_pinned_block_is_not_evicted(void** state) {
    BlockCache* cache = *state;
    for (uint64_t id = 0; id < SLOT_COUNT; id++) put(cache, id);
    block_cache_pin(cache, block_cache_find(cache, 0));

    put(cache, 100);

    assert_true(block_cache_find(cache, 0) != SLOT_NONE);
    assert_int_equal(block_cache_find(cache, 1), SLOT_NONE);
}

static void nothing_is_taken_while_all_are_pinned(void** state) {
    BlockCache* cache = *state;
    for (uint64_t id = 0; id < SLOT_COUNT; id++) block_cache_take(cache, id);

    assert_int_equal(block_cache_take(cache, 100), SLOT_NONE);
    assert_int_equal(block_cache_find(cache, 100), SLOT_NONE);

    block_cache_unpin(cache, block_cache_find(cache, 2));
    assert_true(block_cache_take(cache, 100) != SLOT_NONE);
    assert_int_equal(block_cache_find(cache, 2), SLOT_NONE);
}

static void a_dropped_block_is_the_next_to_go_but_not_while_pinned(void** state) {
    BlockCache* cache = *state;
    for (uint64_t id = 0; id < SLOT_COUNT; id++) put(cache, id);
    const uint32_t slot = block_cache_find(cache, 2);
    block_cache_pin(cache, slot);

    block_cache_drop(cache, slot);

    assert_int_equal(block_cache_find(cache, 2), SLOT_NONE);
    assert_false(block_cache_holds(cache, slot, 2));
    assert_true(block_cache_take(cache, 2) != slot);
    block_cache_unpin(cache, slot);
    assert_int_equal(block_cache_take(cache, 101), slot);
}

/* The model: the blocks in order of use, the oldest first. */
static void a_random_walk_agrees_with_a_plain_array(void** state) {
    BlockCache* cache = *state;
    uint64_t by_use[SLOT_COUNT] = {0};
    uint32_t count = 0;
    const char* given = getenv("BWRT_TEST_SEED");
    const unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 0) : 1;
    printf("BWRT_TEST_SEED=%u\n", seed);
    srand(seed);

    for (int step = 0; step < 20000; step++) {
        const uint64_t id = (uint64_t)(rand() % 9);
        uint32_t at = 0;
        while (at < count && by_use[at] != id) at++;

        const uint32_t slot = block_cache_find(cache, id);
        assert_int_equal(slot != SLOT_NONE, at < count);
        if (at == count && count == SLOT_COUNT) at = 0; /* the oldest makes room */
        if (at == count) count++;
        memmove(&by_use[at], &by_use[at + 1], (count - 1 - at) * sizeof(by_use[0]));
        by_use[count - 1] = id;
        if (slot == SLOT_NONE)
            put(cache, id);
        else
            block_cache_touch(cache, slot);
    }
}

static void a_right_block_has_no_wrong_byte(void** state) {
    char bytes[BLOCK_BYTES_HERE];
    (void)state;

    block_fill(12, bytes, sizeof(bytes));

    assert_int_equal(block_wrong_bytes(12, bytes, sizeof(bytes)), 0);
}

static void each_flipped_bit_is_one_wrong_byte(void** state) {
    char bytes[BLOCK_BYTES_HERE];
    (void)state;
    block_fill(12, bytes, sizeof(bytes));

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)(bytes[i] ^ (1 << (i % 8)));
        assert_int_equal(block_wrong_bytes(12, bytes, sizeof(bytes)), 1);
        bytes[i] = (char)(bytes[i] ^ (1 << (i % 8)));
    }
}

static void another_a_torn_a_shifted_and_an_empty_block_are_wrong(void** state) {
    char bytes[BLOCK_BYTES_HERE];
    char other[BLOCK_BYTES_HERE];
    (void)state;
    block_fill(12, bytes, sizeof(bytes));
    block_fill(13, other, sizeof(other));

    assert_true(block_wrong_bytes(12, other, sizeof(other)) > sizeof(other) * 9 / 10);
    memcpy(other, bytes, 512);
    assert_true(block_wrong_bytes(12, other, sizeof(other)) > (sizeof(other) - 512) * 9 / 10);
    memmove(other, bytes + 512, sizeof(bytes) - 512);
    assert_true(block_wrong_bytes(12, other, sizeof(other)) > sizeof(other) * 9 / 10);
    memset(other, 0, sizeof(other));
    assert_true(block_wrong_bytes(0, other, sizeof(other)) > sizeof(other) * 9 / 10);
}

#define CACHE_TEST(name) cmocka_unit_test_setup_teardown(name, open_cache, close_cache)

int main(void) {
    const struct CMUnitTest tests[] = {
        CACHE_TEST(a_block_that_was_never_taken_is_not_found),
        CACHE_TEST(a_taken_block_is_found_and_not_yet_there),
        CACHE_TEST(the_least_recently_used_block_is_evicted),
        CACHE_TEST(a_pinned_block_is_not_evicted),
        CACHE_TEST(nothing_is_taken_while_all_are_pinned),
        CACHE_TEST(a_dropped_block_is_the_next_to_go_but_not_while_pinned),
        CACHE_TEST(a_random_walk_agrees_with_a_plain_array),
        cmocka_unit_test(a_right_block_has_no_wrong_byte),
        cmocka_unit_test(each_flipped_bit_is_one_wrong_byte),
        cmocka_unit_test(another_a_torn_a_shifted_and_an_empty_block_are_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
