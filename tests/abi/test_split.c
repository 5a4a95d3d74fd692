/* SPDX-License-Identifier: Apache-2.0
 *
 * What a lookup takes and refuses of a split: structs of other versions, and each field.  Every
 * test starts from a call that succeeds; what is refused leaves all outputs alone. */

#include "tests/abi/client.h"

enum { BLOCK_BYTES = 4096, HOST_BYTES = 2 << 20, BLOCK_COUNT = 3 };

static const unsigned char identities[BLOCK_COUNT][BWRT_BLOCK_ID_BYTES] = {"one", "two", "three"};

/* A client whose runtime has a store. */
static int split_setup(void** state) {
    bwrt_store store;
    bwrt_config config;
    client* self = calloc(1, sizeof(*self));

    memset(&store, 0, sizeof(store));
    store.struct_size = sizeof(store);
    store.host_bytes = HOST_BYTES;
    store.block_bytes_max = BLOCK_BYTES;
    memset(&config, 0, sizeof(config));
    config.struct_size = sizeof(config);
    config.store = &store;
    if (self == NULL || bwrt_open(&config, &self->runtime, NULL) != BWRT_OK) return -1;
    mark_untouched(&self->error, sizeof(self->error));
    *state = self;
    return 0;
}

static bwrt_split some_split(void) {
    bwrt_split split;

    memset(&split, 0, sizeof(split));
    split.struct_size = sizeof(split);
    split.token_count = 40;
    split.block_tokens = 16;
    split.block_bytes = BLOCK_BYTES;
    split.prefill_tokens_per_s = 1000;
    split.load_count = 77; /* out: whatever it is */
    split.finish_ns = 77;
    return split;
}

static bwrt_lookup_query query_of(bwrt_split* split) {
    bwrt_lookup_query query;

    memset(&query, 0, sizeof(query));
    query.struct_size = sizeof(query);
    query.identities = identities;
    query.identity_count = BLOCK_COUNT;
    query.split = split;
    return query;
}

static bwrt_status ask(client* self, bwrt_split* split) {
    const bwrt_lookup_query query = query_of(split);
    bwrt_lookup_answer answers[BLOCK_COUNT];
    uint32_t count = 77;

    const bwrt_status status =
        bwrt_lookup(self->runtime, &query, answers, &count, NULL, &self->error);
    assert_int_equal(count, status == BWRT_OK ? 0 : 77);
    return status;
}

static void refused(client* self, bwrt_split* split, bwrt_status status, const char* field) {
    assert_int_equal(ask(self, split), status);
    assert_blames(&self->error, status, field);
    assert_int_equal(split->load_count, 77);
    assert_true(split->finish_ns == 77);
}

static void of_no_hits_all_is_computed(void** state) {
    bwrt_split split = some_split();

    assert_int_equal(ask(*state, &split), BWRT_OK);

    assert_int_equal(split.load_count, 0);
    assert_int_equal(split.is_late, 0);
    assert_true(split.finish_ns == split.compute_finish_ns);
    assert_true(split.load_finish_ns == split.compute_finish_ns);
    assert_true(split.finish_ns - split.loaded_ns == 40 * UINT64_C(1000000));
    split.deadline_ns = 1;
    assert_int_equal(ask(*state, &split), BWRT_OK);
    assert_int_equal(split.is_late, 1);
}

static void each_field_is_refused_by_name(void** state) {
    bwrt_split split = some_split();

    split.token_count = 0;
    refused(*state, &split, BWRT_E_INVAL, "split.token_count");
    split = some_split();
    split.block_tokens = 0;
    refused(*state, &split, BWRT_E_INVAL, "split.block_tokens");
    split = some_split();
    split.block_bytes = 0;
    refused(*state, &split, BWRT_E_INVAL, "split.block_bytes");
    split = some_split();
    split.prefill_tokens_per_s = 0;
    refused(*state, &split, BWRT_E_INVAL, "split.prefill_tokens_per_s");
    split = some_split();
    split.flags = BWRT_SPLIT_LEAST_COMPUTE << 1;
    refused(*state, &split, BWRT_E_INVAL, "split.flags");
    split = some_split();
    split.layer_count = 1;
    refused(*state, &split, BWRT_E_INVAL, "split.layer_count");
    split.layer_count = 0;
    split.flags = BWRT_SPLIT_BY_LAYER;
    refused(*state, &split, BWRT_E_INVAL, "split.layer_count");
    split.layer_count = 1;
    assert_int_equal(ask(*state, &split), BWRT_OK);
    split = some_split();
    split.reserved = 1;
    refused(*state, &split, BWRT_E_INVAL, "split.reserved");
}

static void the_largest_numbers_are_reckoned_with(void** state) {
    bwrt_split split = some_split();

    split.flags = BWRT_SPLIT_BY_LAYER | BWRT_SPLIT_LEAST_COMPUTE;
    split.token_count = split.block_tokens = split.layer_count = UINT32_MAX;
    split.block_bytes = split.attention_ps = split.deadline_ns = UINT64_MAX;
    split.prefill_tokens_per_s = 1;
    assert_int_equal(ask(*state, &split), BWRT_OK);
    assert_true(split.finish_ns == UINT64_MAX);
    split.prefill_tokens_per_s = UINT64_MAX;
    assert_int_equal(ask(*state, &split), BWRT_OK);
    assert_true(split.finish_ns == UINT64_MAX);
    split.attention_ps = 0; /* a token takes no less than a picosecond */
    assert_int_equal(ask(*state, &split), BWRT_OK);
    assert_true(split.finish_ns - split.loaded_ns == UINT64_C(4294968));
}

static void a_split_wants_answers_and_lies_straight(void** state) {
    client* self = *state;
    bwrt_split splits[2] = {some_split(), some_split()};
    const bwrt_lookup_query query = query_of(splits);
    uint32_t count = 77;

    assert_int_equal(bwrt_lookup(self->runtime, &query, NULL, &count, NULL, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "answers");
    assert_int_equal(count, 77);
    assert_int_equal(ask(self, (bwrt_split*)(void*)((char*)splits + 4)), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "query.split");
}

/* The caller was built against another bwrt.h. */
static void a_split_of_another_version_is_taken_while_it_is_known(void** state) {
    struct {
        bwrt_split known;
        uint64_t added_later;
    } split = {some_split(), 0};

    split.known.struct_size = sizeof(bwrt_split) - 8;
    refused(*state, &split.known, BWRT_E_ABI, "split.struct_size");
    split.known.struct_size = sizeof(split);
    split.added_later = 1;
    refused(*state, &split.known, BWRT_E_ABI, "split.struct_size");
    split.added_later = 0;
    assert_int_equal(ask(*state, &split.known), BWRT_OK);
    assert_int_equal(split.known.load_count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_no_hits_all_is_computed),
        cmocka_unit_test(each_field_is_refused_by_name),
        cmocka_unit_test(the_largest_numbers_are_reckoned_with),
        cmocka_unit_test(a_split_wants_answers_and_lies_straight),
        cmocka_unit_test(a_split_of_another_version_is_taken_while_it_is_known),
    };
    return cmocka_run_group_tests_name("splits", tests, split_setup, client_teardown);
}
