/* SPDX-License-Identifier: Apache-2.0
 *
 * What bwrt_block_id() takes and refuses.  Each refusal starts from an input that would be taken,
 * breaks one thing, and must name it and write nothing; what the identities are of is tested beside
 * this (test_block_id_input.c), which they are by test_block_id_vectors.c. */

#include <sys/wait.h>
#include <unistd.h>

#include "tests/abi/block_id_prompt.h"

static void assert_refused(prompt* self, bwrt_status status, const char* field) {
    assert_int_equal(name_prompt(self), status);
    assert_blames(&self->error, status, field);
    assert_int_equal(self->error.operation_index, BWRT_NONE);
    assert_int_equal(self->count, 77);
    assert_true(is_untouched(self->ids, sizeof(self->ids)));
}

static void a_prompt_has_an_identity_for_each_whole_block(void** state) {
    prompt* self = *state;

    assert_int_equal(name_prompt(self), BWRT_OK);

    assert_int_equal(self->count, PROMPT_BLOCK_COUNT);
    assert_memory_not_equal(self->ids[0], self->ids[1], BWRT_BLOCK_ID_BYTES);
    assert_memory_not_equal(self->ids[1], self->ids[2], BWRT_BLOCK_ID_BYTES);
    assert_true(is_untouched(&self->error, sizeof(self->error)));
}

static void an_input_of_zeros_has_no_block(void** state) {
    prompt* self = *state;

    memset(&self->input, 0, sizeof(self->input));
    self->input.struct_size = sizeof(self->input);

    assert_int_equal(bwrt_block_id(&self->input, NULL, 0, &self->count, NULL), BWRT_OK);
    assert_int_equal(self->count, 0);
}

static void of_no_tokens_the_address_is_not_looked_at(void** state) {
    prompt* self = *state;

    self->input.tokens = (const void*)((const char*)self->tokens + 1);
    self->input.token_count = 0;
    self->input.media_item_count = 0;
    for (uint32_t block_token_count = 0; block_token_count < 17; block_token_count += 16) {
        self->input.block_token_count = block_token_count;
        self->count = 77;
        assert_int_equal(name_prompt(self), BWRT_OK);
        assert_int_equal(self->count, 0);
    }
    assert_true(is_untouched(self->ids, sizeof(self->ids)));
}

static void a_parent_is_checked_also_of_no_tokens(void** state) {
    prompt* self = *state;

    memset(self->parent, 0, sizeof(self->parent));
    self->input.token_count = 0;
    self->input.media_item_count = 0;

    assert_refused(self, BWRT_E_INVAL, "input.parent");
}

static void tokens_of_no_whole_block_have_no_identity(void** state) {
    prompt* self = *state;

    self->input.block_token_count = PROMPT_TOKEN_COUNT + 1;

    assert_int_equal(bwrt_block_id(&self->input, NULL, 0, &self->count, NULL), BWRT_OK);
    assert_int_equal(self->count, 0);
}

static void the_input_and_the_places_for_the_answer_are_needed(void** state) {
    prompt* self = *state;

    assert_int_equal(bwrt_block_id(NULL, self->ids, 3, &self->count, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "input");
    assert_int_equal(bwrt_block_id((const void*)((const char*)&self->input + 4), self->ids, 3,
                                   &self->count, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "input");
    assert_int_equal(bwrt_block_id(&self->input, NULL, 3, &self->count, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "ids_out");
    assert_int_equal(bwrt_block_id(&self->input, self->ids, 3, NULL, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "count_out");

    assert_int_equal(self->count, 77);
    assert_true(is_untouched(self->ids, sizeof(self->ids)));
}

static void too_little_room_is_refused_and_nothing_written(void** state) {
    prompt* self = *state;

    assert_int_equal(bwrt_block_id(&self->input, self->ids, 2, &self->count, &self->error),
                     BWRT_E_RANGE);

    assert_blames(&self->error, BWRT_E_RANGE, "id_capacity");
    assert_int_equal(self->count, 77);
    assert_true(is_untouched(self->ids, sizeof(self->ids)));
}

static void a_shorter_input_than_the_first_is_refused(void** state) {
    prompt* self = *state;

    self->input.struct_size = sizeof(self->input) - 8;

    assert_refused(self, BWRT_E_ABI, "input.struct_size");
}

/* The caller was built against a later bwrt.h with one more field, in both structs. */
static void a_longer_input_is_taken_while_what_is_unknown_is_zero(void** state) {
    prompt* self = *state;
    struct {
        bwrt_block_id_input known;
        uint64_t added_later;
    } input;
    struct {
        bwrt_media_item known;
        uint64_t added_later;
    } items[2];
    block_id ids[PROMPT_BLOCK_COUNT];

    assert_int_equal(name_prompt(self), BWRT_OK);
    memset(&input, 0, sizeof(input));
    memset(items, 0, sizeof(items));
    for (int i = 0; i < 2; ++i) items[i].known = self->media_items[i];
    input.known = self->input;
    input.known.struct_size = sizeof(input);
    input.known.media_items = &items[0].known;
    input.known.media_item_bytes = sizeof(items[0]);
    assert_int_equal(bwrt_block_id(&input.known, ids, 3, &self->count, NULL), BWRT_OK);
    assert_memory_equal(ids, self->ids, sizeof(ids));

    items[1].added_later = 1;
    assert_int_equal(bwrt_block_id(&input.known, ids, 3, &self->count, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "input.media_items[]");
    items[1].added_later = 0;
    input.added_later = 1;
    assert_int_equal(bwrt_block_id(&input.known, ids, 3, &self->count, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "input.struct_size");
}

static void tokens_that_are_not_there_are_refused(void** state) {
    prompt* self = *state;

    self->input.tokens = NULL;
    assert_refused(self, BWRT_E_INVAL, "input.tokens");
    self->input.tokens = (const void*)((const char*)self->tokens + 2);
    assert_refused(self, BWRT_E_INVAL, "input.tokens");
}

static void a_parent_of_zero_bytes_is_refused(void** state) {
    prompt* self = *state;

    memset(self->parent, 0, sizeof(self->parent));

    assert_refused(self, BWRT_E_INVAL, "input.parent");
}

static void bytes_that_are_not_there_or_too_many_are_refused_by_their_name(void** state) {
    prompt* self = *state;
    static const struct {
        const char* field;
        size_t offset;
    } spans[] = {
        {"input.model", offsetof(bwrt_block_id_input, model)},
        {"input.weights", offsetof(bwrt_block_id_input, weights)},
        {"input.adapter", offsetof(bwrt_block_id_input, adapter)},
        {"input.dtype", offsetof(bwrt_block_id_input, dtype)},
        {"input.layout", offsetof(bwrt_block_id_input, layout)},
        {"input.rope", offsetof(bwrt_block_id_input, rope)},
        {"input.salt", offsetof(bwrt_block_id_input, salt)},
        {"input.prompt_embeddings", offsetof(bwrt_block_id_input, prompt_embeddings)},
    };
    const bwrt_span missing = {NULL, 4}, too_long = {self->tokens, (1u << 20) + 1};

    for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); ++i) {
        const bwrt_block_id_input taken = self->input;
        memcpy((char*)&self->input + spans[i].offset, &missing, sizeof(missing));
        assert_refused(self, BWRT_E_INVAL, spans[i].field);
        memcpy((char*)&self->input + spans[i].offset, &too_long, sizeof(too_long));
        assert_refused(self, BWRT_E_RANGE, spans[i].field);
        self->input = taken;
    }
}

static void a_span_of_a_mebibyte_is_taken(void** state) {
    prompt* self = *state;
    char* bytes = calloc(1, 1u << 20);

    assert_non_null(bytes);
    self->input.weights.address = bytes;
    self->input.weights.length_bytes = 1u << 20;
    const bwrt_status status = name_prompt(self);
    free(bytes);

    assert_int_equal(status, BWRT_OK);
}

static void layers_and_ranks_that_cannot_be_are_refused(void** state) {
    prompt* self = *state;

    self->input.layer_first = 1;
    self->input.layer_count = UINT32_MAX;
    assert_refused(self, BWRT_E_RANGE, "input.layer_count");
    self->input.layer_count = UINT32_MAX - 1;
    self->input.rank = 4;
    assert_refused(self, BWRT_E_RANGE, "input.rank");
    self->input.rank = 1;
    self->input.rank_count = 0;
    assert_refused(self, BWRT_E_RANGE, "input.rank");
    self->input.rank = 0;
    assert_int_equal(name_prompt(self), BWRT_OK);
}

static void reserved_fields_must_be_zero(void** state) {
    prompt* self = *state;

    self->input.reserved = 1;
    assert_refused(self, BWRT_E_INVAL, "input.reserved");
    self->input.reserved = 0;
    self->media_items[1].reserved = 1;
    assert_refused(self, BWRT_E_INVAL, "input.media_items[].reserved");
}

static void media_items_must_be_an_array_of_them(void** state) {
    prompt* self = *state;

    self->input.media_items = NULL;
    assert_refused(self, BWRT_E_INVAL, "input.media_items");
    self->input.media_items = (const void*)((const char*)self->media_items + 4);
    assert_refused(self, BWRT_E_INVAL, "input.media_items");
    self->input.media_items = self->media_items;
    self->input.media_item_bytes = sizeof(bwrt_media_item) - 8;
    assert_refused(self, BWRT_E_ABI, "input.media_item_bytes");
    self->input.media_item_count = 0; /* what they are then does not matter */
    assert_int_equal(name_prompt(self), BWRT_OK);
}

static void a_media_item_without_tokens_or_digest_is_refused(void** state) {
    prompt* self = *state;

    self->media_items[1].token_count = 0;
    assert_refused(self, BWRT_E_INVAL, "input.media_items[].token_count");
    self->media_items[1].token_count = 1;
    self->media_items[1].digest.length_bytes = 0;
    assert_refused(self, BWRT_E_INVAL, "input.media_items[].digest");
    self->media_items[1].digest.length_bytes = 1;
    self->media_items[1].digest.address = NULL;
    assert_refused(self, BWRT_E_INVAL, "input.media_items[].digest");
}

static void media_items_out_of_order_are_refused(void** state) {
    prompt* self = *state;

    self->media_items[1].token_first = 11;
    assert_refused(self, BWRT_E_INVAL, "input.media_items[].token_first");
    self->media_items[1].token_first = 12;
    assert_int_equal(name_prompt(self), BWRT_OK);
}

static void a_media_item_ends_with_the_tokens_at_the_latest(void** state) {
    prompt* self = *state;
    bwrt_media_item* item = &self->media_items[1];

    item->token_first = PROMPT_TOKEN_COUNT - 3;
    assert_refused(self, BWRT_E_RANGE, "input.media_items[].token_first");
    item->token_first = INT64_MAX;
    assert_refused(self, BWRT_E_RANGE, "input.media_items[].token_first");
    item->token_first = PROMPT_TOKEN_COUNT - 4;
    assert_int_equal(name_prompt(self), BWRT_OK);
}

static void a_media_item_that_began_before_reaches_into_the_tokens_and_needs_a_parent(
    void** state) {
    prompt* self = *state;
    bwrt_media_item* item = &self->media_items[0];

    item->token_first = -8;
    assert_refused(self, BWRT_E_RANGE, "input.media_items[].token_first");
    item->token_first = INT64_MIN;
    assert_refused(self, BWRT_E_RANGE, "input.media_items[].token_first");
    item->token_first = -7;
    self->input.parent = NULL;
    assert_refused(self, BWRT_E_INVAL, "input.media_items[].token_first");
    self->input.parent = self->parent;
    assert_int_equal(name_prompt(self), BWRT_OK);
}

/* No runtime is anybody's here. */
static void a_child_may_name_blocks(void** state) {
    prompt* self = *state;
    int status = -1;

    const pid_t child = fork();
    if (child == 0) _exit(name_prompt(self) == BWRT_OK && self->count == 3 ? 0 : 1);
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, prompt_setup, prompt_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_prompt_has_an_identity_for_each_whole_block),
        TEST(an_input_of_zeros_has_no_block),
        TEST(of_no_tokens_the_address_is_not_looked_at),
        TEST(a_parent_is_checked_also_of_no_tokens),
        TEST(tokens_of_no_whole_block_have_no_identity),
        TEST(the_input_and_the_places_for_the_answer_are_needed),
        TEST(too_little_room_is_refused_and_nothing_written),
        TEST(a_shorter_input_than_the_first_is_refused),
        TEST(a_longer_input_is_taken_while_what_is_unknown_is_zero),
        TEST(tokens_that_are_not_there_are_refused),
        TEST(a_parent_of_zero_bytes_is_refused),
        TEST(bytes_that_are_not_there_or_too_many_are_refused_by_their_name),
        TEST(a_span_of_a_mebibyte_is_taken),
        TEST(layers_and_ranks_that_cannot_be_are_refused),
        TEST(reserved_fields_must_be_zero),
        TEST(media_items_must_be_an_array_of_them),
        TEST(a_media_item_without_tokens_or_digest_is_refused),
        TEST(media_items_out_of_order_are_refused),
        TEST(a_media_item_ends_with_the_tokens_at_the_latest),
        TEST(a_media_item_that_began_before_reaches_into_the_tokens_and_needs_a_parent),
        TEST(a_child_may_name_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
