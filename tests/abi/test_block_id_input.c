/* SPDX-License-Identifier: Apache-2.0
 *
 * What identities are of: whatever changes in the input changes them, wherever a boundary between
 * two fields is moved to, and what does not belong to a block leaves its identity alone. */

#include "tests/abi/block_id_prompt.h"

static const size_t spans[] = {
    offsetof(bwrt_block_id_input, model),   offsetof(bwrt_block_id_input, weights),
    offsetof(bwrt_block_id_input, adapter), offsetof(bwrt_block_id_input, dtype),
    offsetof(bwrt_block_id_input, layout),  offsetof(bwrt_block_id_input, rope),
    offsetof(bwrt_block_id_input, salt),    offsetof(bwrt_block_id_input, prompt_embeddings),
};

static const size_t numbers[] = {
    offsetof(bwrt_block_id_input, layer_first),
    offsetof(bwrt_block_id_input, layer_count),
    offsetof(bwrt_block_id_input, rank),
    offsetof(bwrt_block_id_input, rank_count),
};

enum { SPAN_COUNT = sizeof(spans) / sizeof(spans[0]), NUMBER_COUNT = 4, CHANGE_COUNT = 21 };

static void set_span(prompt* self, size_t i, const char* text) {
    const bwrt_span span = span_of(text);
    memcpy((char*)&self->input + spans[i], &span, sizeof(span));
}

static void name(prompt* self, block_id* ids) {
    uint32_t count = 0;

    if (bwrt_block_id(&self->input, ids, PROMPT_BLOCK_COUNT, &count, &self->error) != BWRT_OK)
        fail_msg("%s: %s", self->error.field, self->error.message);
    assert_int_equal(count, PROMPT_BLOCK_COUNT);
}

static int are_same(const block_id one, const block_id other) {
    return memcmp(one, other, BWRT_BLOCK_ID_BYTES) == 0;
}

/* One change of the whole prompt by its number; false when there are no more. */
static int change(prompt* self, int number) {
    if (number < SPAN_COUNT) {
        set_span(self, (size_t)number, "another");
        return 1;
    }
    number -= SPAN_COUNT;
    if (number < SPAN_COUNT) {
        set_span(self, (size_t)number, "");
        return 1;
    }
    number -= SPAN_COUNT;
    if (number < NUMBER_COUNT) {
        *(uint32_t*)(void*)((char*)&self->input + numbers[number]) += 1;
        return 1;
    }
    self->parent[31] ^= 1;
    return number == NUMBER_COUNT;
}

static void each_field_changes_every_identity_in_its_own_way(void** state) {
    prompt* self = *state;
    static block_id ids[CHANGE_COUNT + 1][PROMPT_BLOCK_COUNT];
    const prompt unchanged = *self;

    name(self, ids[CHANGE_COUNT]);
    for (int i = 0; i < CHANGE_COUNT; ++i) {
        assert_true(change(self, i));
        name(self, ids[i]);
        self->input = unchanged.input;
        memcpy(self->parent, unchanged.parent, sizeof(self->parent));
    }
    assert_false(change(self, CHANGE_COUNT));

    for (int i = 0; i <= CHANGE_COUNT; ++i) {
        for (int j = 0; j < i; ++j) {
            for (int block = 0; block < PROMPT_BLOCK_COUNT; ++block) {
                if (are_same(ids[i][block], ids[j][block]))
                    fail_msg("changes %d and %d give block %d one identity", j, i, block);
            }
        }
    }
}

static void a_boundary_between_two_fields_cannot_be_moved(void** state) {
    prompt* self = *state;
    block_id one[PROMPT_BLOCK_COUNT], other[PROMPT_BLOCK_COUNT];

    for (size_t i = 0; i + 1 < SPAN_COUNT; ++i) {
        const bwrt_block_id_input unchanged = self->input;
        set_span(self, i, "ab");
        set_span(self, i + 1, "c");
        name(self, one);
        set_span(self, i, "a");
        set_span(self, i + 1, "bc");
        name(self, other);
        if (are_same(one[0], other[0])) fail_msg("\"ab\", \"c\" is \"a\", \"bc\" in field %zu", i);
        set_span(self, i, "");
        set_span(self, i + 1, "abc");
        name(self, one);
        set_span(self, i, "abc");
        set_span(self, i + 1, "");
        name(self, other);
        if (are_same(one[0], other[0])) fail_msg("fields %zu and %zu are one", i, i + 1);
        self->input = unchanged;
    }
}

static void a_boundary_between_two_digests_cannot_be_moved(void** state) {
    prompt* self = *state;
    block_id one[PROMPT_BLOCK_COUNT], other[PROMPT_BLOCK_COUNT];

    self->media_items[1].token_first = 12; /* two at one place */
    self->media_items[0].digest = span_of("ab");
    self->media_items[1].digest = span_of("c");
    name(self, one);
    self->media_items[0].digest = span_of("a");
    self->media_items[1].digest = span_of("bc");
    name(self, other);

    assert_false(are_same(one[0], other[0]));
}

static void a_token_changes_its_block_and_those_behind(void** state) {
    prompt* self = *state;
    block_id changed[PROMPT_BLOCK_COUNT];

    name(self, self->ids);
    self->tokens[16] += 1;
    name(self, changed);

    assert_true(are_same(changed[0], self->ids[0]));
    assert_false(are_same(changed[1], self->ids[1]));
    assert_false(are_same(changed[2], self->ids[2]));
}

static void tokens_behind_the_last_whole_block_change_nothing(void** state) {
    prompt* self = *state;
    block_id changed[PROMPT_BLOCK_COUNT];

    name(self, self->ids);
    self->tokens[48] += 1;
    self->input.token_count -= 1;
    name(self, changed);

    assert_memory_equal(changed, self->ids, sizeof(changed));
}

static void the_same_tokens_in_other_blocks_are_others(void** state) {
    prompt* self = *state;
    block_id pairs[25], whole;
    uint32_t count = 0;

    self->input.media_item_count = 0;
    self->input.token_count = 16;
    self->input.block_token_count = 8;
    assert_int_equal(bwrt_block_id(&self->input, pairs, 25, &count, NULL), BWRT_OK);
    assert_int_equal(count, 2);
    self->input.block_token_count = 16;
    assert_int_equal(bwrt_block_id(&self->input, &whole, 1, &count, NULL), BWRT_OK);
    assert_int_equal(count, 1);

    assert_false(are_same(pairs[1], whole));
}

static void all_tokens_are_one_block_when_no_count_is_given(void** state) {
    prompt* self = *state;
    block_id said, unsaid;
    uint32_t count = 0;

    self->input.block_token_count = PROMPT_TOKEN_COUNT;
    assert_int_equal(bwrt_block_id(&self->input, said, 1, &count, NULL), BWRT_OK);
    self->input.block_token_count = 0;
    assert_int_equal(bwrt_block_id(&self->input, unsaid, 1, &count, NULL), BWRT_OK);

    assert_int_equal(count, 1);
    assert_true(are_same(said, unsaid));
}

static void a_root_is_another_block_than_one_with_a_parent(void** state) {
    prompt* self = *state;
    block_id roots[PROMPT_BLOCK_COUNT];

    name(self, self->ids);
    self->input.parent = NULL;
    name(self, roots);

    assert_false(are_same(roots[0], self->ids[0]));
    assert_false(are_same(roots[2], self->ids[2]));
}

static void what_is_empty_and_what_is_absent_are_the_same(void** state) {
    prompt* self = *state;
    block_id absent[PROMPT_BLOCK_COUNT];

    self->input.salt.length_bytes = 0;
    self->input.rank = 0;
    self->input.rank_count = 1;
    name(self, self->ids);
    self->input.salt.address = NULL;
    self->input.rank_count = 0;
    name(self, absent);

    assert_memory_equal(absent, self->ids, sizeof(absent));
}

static void a_media_item_changes_the_blocks_it_lies_in_and_those_behind(void** state) {
    prompt* self = *state;
    block_id changed[PROMPT_BLOCK_COUNT];

    name(self, self->ids);
    self->media_items[1].digest = span_of("digest of another");
    name(self, changed);
    assert_true(are_same(changed[0], self->ids[0]));
    assert_true(are_same(changed[1], self->ids[1]));
    assert_false(are_same(changed[2], self->ids[2]));

    self->media_items[0].token_count += 1; /* reaches further into the second block */
    name(self, changed);
    assert_true(are_same(changed[0], self->ids[0]));
    assert_false(are_same(changed[1], self->ids[1]));

    self->media_items[0].token_first -= 1;
    name(self, changed);
    assert_false(are_same(changed[0], self->ids[0]));
}

static void one_token_of_a_media_item_at_a_blocks_edge_is_in_the_block(void** state) {
    prompt* self = *state;
    block_id without[PROMPT_BLOCK_COUNT];

    self->input.media_item_count = 0;
    name(self, without);
    self->input.media_item_count = 1;
    self->media_items[0].token_first = 15;
    self->media_items[0].token_count = 1;
    name(self, self->ids);
    assert_false(are_same(self->ids[0], without[0]));

    self->media_items[0].token_first = -7;
    self->media_items[0].token_count = 8;
    name(self, self->ids);
    assert_false(are_same(self->ids[0], without[0]));

    self->media_items[0].token_first = 16;
    name(self, self->ids);
    assert_true(are_same(self->ids[0], without[0]));
    assert_false(are_same(self->ids[1], without[1]));
}

/* The second block has tokens 4 to 8 of the item, and then tokens 6 to 10. */
static void which_part_of_a_media_item_a_block_has_changes_it(void** state) {
    prompt* self = *state;
    block_id changed[PROMPT_BLOCK_COUNT];

    self->input.tokens += 16;
    self->input.token_count = 48 - 16;
    self->input.media_item_count = 1;
    self->media_items[0].token_first = -4;
    assert_int_equal(bwrt_block_id(&self->input, self->ids, 3, &self->count, NULL), BWRT_OK);
    self->media_items[0].token_first = -6;
    self->media_items[0].token_count = 10;
    assert_int_equal(bwrt_block_id(&self->input, changed, 3, &self->count, NULL), BWRT_OK);

    assert_false(are_same(changed[0], self->ids[0]));
}

/* A long item over the ends of the first block and of the second, and a short one that begins later
 * and ends with the first block. */
static void a_prompt_may_be_named_in_several_calls(void** state) {
    prompt* self = *state;
    block_id ids[PROMPT_BLOCK_COUNT];

    self->media_items[0].token_first = 12;
    self->media_items[0].token_count = 30;
    self->media_items[1].token_first = 14;
    self->media_items[1].token_count = 2;
    name(self, self->ids);
    for (uint32_t first = 0; first < PROMPT_BLOCK_COUNT; ++first) {
        const uint32_t from = first * PROMPT_BLOCK_TOKEN_COUNT, end = from + 16;
        bwrt_block_id_input input = self->input;
        bwrt_media_item items[2];
        input.media_items = items;
        input.media_item_count = 0;
        for (int i = 0; i < 2; ++i) {
            bwrt_media_item item = self->media_items[i];
            const uint32_t item_end = (uint32_t)item.token_first + item.token_count;
            if (item.token_first >= end || item_end <= from) continue;
            if (item_end > end) item.token_count -= item_end - end;
            item.token_first -= from;
            items[input.media_item_count++] = item;
        }
        input.tokens += from;
        input.token_count = 16;
        if (first > 0) input.parent = ids[first - 1];
        assert_int_equal(bwrt_block_id(&input, ids[first], 1, &self->count, NULL), BWRT_OK);
        assert_int_equal(self->count, 1);
    }

    assert_memory_equal(ids, self->ids, sizeof(ids));
}

/* Neither is read after the first identity is written, nor needs an alignment. */
static void the_parent_may_lie_where_the_identities_go_and_neither_is_aligned(void** state) {
    prompt* self = *state;
    unsigned char bytes[1 + sizeof(self->ids)];

    name(self, self->ids);
    memcpy(bytes + 1, self->parent, sizeof(self->parent));
    self->input.parent = bytes + 1;
    assert_int_equal(bwrt_block_id(&self->input, bytes + 1, 3, &self->count, NULL), BWRT_OK);

    assert_memory_equal(bytes + 1, self->ids, sizeof(self->ids));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, prompt_setup, prompt_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_field_changes_every_identity_in_its_own_way),
        TEST(a_boundary_between_two_fields_cannot_be_moved),
        TEST(a_boundary_between_two_digests_cannot_be_moved),
        TEST(a_token_changes_its_block_and_those_behind),
        TEST(tokens_behind_the_last_whole_block_change_nothing),
        TEST(the_same_tokens_in_other_blocks_are_others),
        TEST(all_tokens_are_one_block_when_no_count_is_given),
        TEST(a_root_is_another_block_than_one_with_a_parent),
        TEST(what_is_empty_and_what_is_absent_are_the_same),
        TEST(a_media_item_changes_the_blocks_it_lies_in_and_those_behind),
        TEST(one_token_of_a_media_item_at_a_blocks_edge_is_in_the_block),
        TEST(which_part_of_a_media_item_a_block_has_changes_it),
        TEST(a_prompt_may_be_named_in_several_calls),
        TEST(the_parent_may_lie_where_the_identities_go_and_neither_is_aligned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
