/* SPDX-License-Identifier: Apache-2.0
 *
 * What the calls of the store take and refuse: structs of other versions, NULL, what lies askew,
 * and a runtime that has no store.  Nothing here asks whether blocks come back. */

#include "tests/abi/client.h"

/* A later header's struct: the one of today and a field that this library does not know. */
#define LATER(type)           \
    struct {                  \
        type known;           \
        uint64_t added_later; \
    }

enum { BLOCK_BYTES = 4096, HOST_BYTES = 2 << 20 };

static const unsigned char identity[BWRT_BLOCK_ID_BYTES] = "an identity of thirty-two bytes";
static const unsigned char secret[32] = "a secret of thirty-two bytes...";

static bwrt_store small_store(void) {
    bwrt_store store;

    memset(&store, 0, sizeof(store));
    store.struct_size = sizeof(store);
    store.host_bytes = HOST_BYTES;
    store.block_bytes_max = BLOCK_BYTES;
    return store;
}

static bwrt_config config_with(const bwrt_store* store) {
    bwrt_config config;

    memset(&config, 0, sizeof(config));
    config.struct_size = sizeof(config);
    config.store = store;
    return config;
}

static void end(bwrt_runtime* runtime) {
    assert_int_equal(bwrt_shutdown(runtime, BWRT_SHUTDOWN_DRAIN, -1, NULL), BWRT_OK);
    assert_int_equal(bwrt_close(runtime, NULL), BWRT_OK);
}

/* A client whose runtime has a store. */
static int store_setup(void** state) {
    const bwrt_store store = small_store();
    const bwrt_config config = config_with(&store);
    client* self = calloc(1, sizeof(*self));

    if (self == NULL || bwrt_open(&config, &self->runtime, NULL) != BWRT_OK) return -1;
    const bwrt_region source = host_region(self->source_bytes, CLIENT_BYTES);
    const bwrt_region target = host_region(self->target_bytes, CLIENT_BYTES);
    if (bwrt_region_add(self->runtime, &source, &self->source, NULL, NULL) != BWRT_OK) return -1;
    if (bwrt_region_add(self->runtime, &target, &self->target, NULL, NULL) != BWRT_OK) return -1;
    memset(&self->error, UNTOUCHED_BYTE, sizeof(self->error));
    *state = self;
    return 0;
}

static bwrt_tenant some_tenant(void) {
    bwrt_tenant tenant;

    memset(&tenant, 0, sizeof(tenant));
    tenant.struct_size = sizeof(tenant);
    tenant.number = 9;
    tenant.secret = secret;
    return tenant;
}

static bwrt_lookup_query some_query(void) {
    bwrt_lookup_query query;

    memset(&query, 0, sizeof(query));
    query.struct_size = sizeof(query);
    query.identities = identity;
    query.identity_count = 1;
    return query;
}

static bwrt_block some_block(void) {
    bwrt_block block;

    memset(&block, 0, sizeof(block));
    memcpy(block.identity, identity, sizeof(block.identity));
    return block;
}

static bwrt_operation put_operation(const client* self) {
    bwrt_operation operation;

    memset(&operation, 0, sizeof(operation));
    operation.kind = BWRT_OP_PUT;
    operation.source = self->source;
    operation.length_bytes = 1024;
    operation.slot_count = 1;
    return operation;
}

static bwrt_wave wave_with_blocks(const bwrt_operation* operation, const bwrt_block* blocks,
                                  uint32_t block_count) {
    bwrt_wave wave = wave_of(operation, 1);

    wave.blocks = blocks;
    wave.block_count = block_count;
    wave.block_bytes = sizeof(*blocks);
    return wave;
}

static void a_store_of_another_version_is_taken_while_it_is_known(void** state) {
    bwrt_runtime* runtime = NULL;
    bwrt_error error;
    LATER(bwrt_store) store;
    bwrt_config config;

    (void)state;
    memset(&store, 0, sizeof(store));
    config = config_with(&store.known);
    store.known = small_store();
    store.known.struct_size = offsetof(bwrt_store, index_directory) - 8;
    assert_int_equal(bwrt_open(&config, &runtime, &error), BWRT_E_ABI);
    assert_blames(&error, BWRT_E_ABI, "store.struct_size");

    store.known.struct_size = offsetof(bwrt_store, index_directory); /* as it was at first */
    store.known.index_directory = "of no one who knows only that";
    assert_int_equal(bwrt_open(&config, &runtime, NULL), BWRT_OK);
    end(runtime);
    runtime = NULL;
    store.known.index_directory = NULL;

    store.known.struct_size = sizeof(store);
    store.added_later = 1;
    assert_int_equal(bwrt_open(&config, &runtime, &error), BWRT_E_ABI);
    assert_blames(&error, BWRT_E_ABI, "store.struct_size");
    assert_null(runtime);

    store.added_later = 0;
    assert_int_equal(bwrt_open(&config, &runtime, NULL), BWRT_OK);
    end(runtime);
}

static void a_store_has_to_say_what_it_is_made_of(void** state) {
    static const struct {
        const char* field;
        size_t offset;
        uint32_t value;
    } wrongs[] = {
        {"store.flags", offsetof(bwrt_store, flags), 1u << 31},
        {"store.flags", offsetof(bwrt_store, flags), BWRT_STORE_SHARED},
        {"store.host_bytes", offsetof(bwrt_store, flags), BWRT_STORE_READER},
        {"store.index_directory", offsetof(bwrt_store, index_directory), 8},
        {"store.eviction", offsetof(bwrt_store, eviction), 4},
        {"store.directories", offsetof(bwrt_store, directory_count), 1},
        {"store.directories", offsetof(bwrt_store, disk_bytes), 1},
        {"store.block_count_max", offsetof(bwrt_store, block_count_max), UINT32_MAX},
        {"store.block_bytes_max", offsetof(bwrt_store, block_bytes_max), 1},
        {"store.flight_count_max", offsetof(bwrt_store, flight_count_max), 65537},
        {"store.tenant_count_max", offsetof(bwrt_store, tenant_count_max), 4097},
        {"store.lease_count_max", offsetof(bwrt_store, lease_count_max), UINT32_MAX},
        {"store.write_touch_count", offsetof(bwrt_store, write_touch_count), 16},
        {"store.host_bytes", offsetof(bwrt_store, host_bytes), HOST_BYTES - 1},
        {"store.host_bytes", offsetof(bwrt_store, block_bytes_max), HOST_BYTES / 8 + 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); ++i) {
        bwrt_store store = small_store();
        const bwrt_config config = config_with(&store);
        bwrt_runtime* runtime = NULL;
        bwrt_error error;

        memcpy((unsigned char*)&store + wrongs[i].offset, &wrongs[i].value, sizeof(uint32_t));
        assert_int_equal(bwrt_open(&config, &runtime, &error), BWRT_E_INVAL);
        assert_blames(&error, BWRT_E_INVAL, wrongs[i].field);
        assert_null(runtime);
    }
}

static void a_tenant_of_another_version_is_taken_while_it_is_known(void** state) {
    client* self = *state;
    LATER(bwrt_tenant) tenant;

    memset(&tenant, 0, sizeof(tenant));
    tenant.known = some_tenant();
    tenant.known.struct_size = sizeof(bwrt_tenant) - 8;
    assert_int_equal(bwrt_tenant_set(self->runtime, &tenant.known, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "tenant.struct_size");

    tenant.known.struct_size = sizeof(tenant);
    tenant.added_later = 1;
    assert_int_equal(bwrt_tenant_set(self->runtime, &tenant.known, NULL), BWRT_E_ABI);

    tenant.added_later = 0;
    assert_int_equal(bwrt_tenant_set(self->runtime, &tenant.known, NULL), BWRT_OK);
}

static void a_query_of_another_version_is_taken_while_it_is_known(void** state) {
    client* self = *state;
    LATER(bwrt_lookup_query) query;
    uint32_t count = 77;

    memset(&query, 0, sizeof(query));
    query.known = some_query();
    query.known.struct_size = offsetof(bwrt_lookup_query, split) - 8;
    assert_int_equal(bwrt_lookup(self->runtime, &query.known, NULL, &count, NULL, &self->error),
                     BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "query.struct_size");

    query.known.struct_size = sizeof(query);
    query.added_later = 1;
    assert_int_equal(bwrt_lookup(self->runtime, &query.known, NULL, &count, NULL, NULL),
                     BWRT_E_ABI);
    assert_int_equal(count, 77);

    query.added_later = 0;
    assert_int_equal(bwrt_lookup(self->runtime, &query.known, NULL, &count, NULL, NULL), BWRT_OK);
    assert_int_equal(count, 0);
}

static void store_counters_of_another_version_are_filled_while_they_are_known(void** state) {
    client* self = *state;
    LATER(bwrt_store_counters) counters;

    memset(&counters, 0, sizeof(counters));
    counters.known.struct_size = sizeof(bwrt_store_counters) - 8;
    assert_int_equal(bwrt_sample_store(self->runtime, &counters.known, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "counters.struct_size");

    counters.known.struct_size = sizeof(counters);
    counters.added_later = 1;
    assert_int_equal(bwrt_sample_store(self->runtime, &counters.known, NULL), BWRT_E_ABI);
    assert_int_equal(counters.known.host.capacity_bytes, 0);

    counters.added_later = 0;
    assert_int_equal(bwrt_sample_store(self->runtime, &counters.known, NULL), BWRT_OK);
    assert_int_equal(counters.known.host.capacity_bytes, HOST_BYTES);
    assert_int_equal(counters.known.struct_size,
                     sizeof(counters)); /* the caller's, and still his */
}

static void store_info_of_another_version_is_filled_while_it_is_known(void** state) {
    client* self = *state;
    bwrt_store_counters counters;
    LATER(bwrt_store_info) info;

    memset(&counters, 0, sizeof(counters));
    counters.struct_size = sizeof(counters);
    counters.info = &info.known;
    memset(&info, 0, sizeof(info));
    info.known.struct_size = sizeof(bwrt_store_info) - 8;
    assert_int_equal(bwrt_sample_store(self->runtime, &counters, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "info.struct_size");

    info.known.struct_size = sizeof(info);
    info.added_later = 1;
    assert_int_equal(bwrt_sample_store(self->runtime, &counters, NULL), BWRT_E_ABI);
    assert_int_equal(info.known.host_bytes, 0);

    info.added_later = 0;
    assert_int_equal(bwrt_sample_store(self->runtime, &counters, NULL), BWRT_OK);
    assert_int_equal(info.known.host_bytes, HOST_BYTES);
    assert_int_equal(info.known.struct_size, sizeof(info));
    assert_ptr_equal(counters.info, &info); /* the caller's, too */
    assert_int_equal(counters.host.capacity_bytes, HOST_BYTES);
}

static void block_options_of_another_version_are_taken_while_they_are_known(void** state) {
    client* self = *state;
    const bwrt_block block = some_block();
    bwrt_operation operation = put_operation(self);
    const bwrt_wave wave = wave_with_blocks(&operation, &block, 1);
    bwrt_handle handle = 77;
    bwrt_completion completion;
    LATER(bwrt_block_options) options;

    memset(&options, 0, sizeof(options));
    operation.block_options = &options.known;
    options.known.struct_size = sizeof(bwrt_block_options) - 8;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "block_options.struct_size");
    assert_int_equal(self->error.operation_index, 0);

    options.known.struct_size = sizeof(options);
    options.added_later = 1;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_E_ABI);
    assert_int_equal(handle, 77);

    options.added_later = 0;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_wait(self->runtime, handle, -1, &completion, NULL), BWRT_OK);
    assert_int_equal(completion.status, BWRT_OK);
}

static void blocks_have_the_size_of_blocks(void** state) {
    client* self = *state;
    const bwrt_block blocks[2] = {some_block(), some_block()};
    const bwrt_operation operation = put_operation(self);
    bwrt_wave wave = wave_with_blocks(&operation, blocks, 1);
    bwrt_handle handle = 77;

    wave.block_bytes = 32;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "wave.block_bytes");
    wave.block_bytes = 40;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_E_ABI);
    wave.block_bytes = 0;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_E_ABI);

    wave = wave_with_blocks(&operation, NULL, 1);
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "wave.blocks");
    wave = wave_with_blocks(&operation, blocks, 0);
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "wave.block_count");
    assert_int_equal(handle, 77);
}

static void the_store_s_calls_need_places_for_their_answers(void** state) {
    client* self = *state;
    const bwrt_lookup_query query = some_query();
    bwrt_event event;
    uint64_t cursor = 77;
    uint32_t count = 77;

    mark_untouched(&event, sizeof(event));
    assert_int_equal(bwrt_tenant_set(self->runtime, NULL, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "tenant");
    assert_int_equal(bwrt_lookup(self->runtime, NULL, NULL, &count, NULL, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "query");
    assert_int_equal(bwrt_lookup(self->runtime, &query, NULL, NULL, NULL, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "prefix_count_out");
    assert_int_equal(bwrt_events(self->runtime, NULL, &event, 1, &count, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "cursor");
    assert_int_equal(bwrt_events(self->runtime, &cursor, NULL, 1, &count, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "events");
    assert_int_equal(bwrt_events(self->runtime, &cursor, &event, 1, NULL, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "count_out");
    assert_int_equal(bwrt_sample_store(self->runtime, NULL, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "counters");

    assert_int_equal(count, 77);
    assert_int_equal(cursor, 77);
    assert_true(is_untouched(&event, sizeof(event)));
}

/* Four bytes into room for any of the structs: where none of them can lie. */
static void the_store_s_structs_must_lie_on_eight_bytes(void** state) {
    client* self = *state;
    uint64_t room[64] = {0};
    void* astray = (unsigned char*)room + 4;
    const bwrt_config config = config_with(astray);
    const bwrt_lookup_query query = some_query();
    const bwrt_block block = some_block();
    bwrt_operation operation = put_operation(self);
    const bwrt_wave wave = wave_with_blocks(&operation, &block, 1);
    bwrt_runtime* runtime = NULL;
    bwrt_store_counters counters;
    bwrt_event event;
    bwrt_handle handle = 77;
    uint64_t cursor = 0;
    uint32_t count = 77;

    assert_int_equal(bwrt_open(&config, &runtime, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "config.store");
    assert_null(runtime);
    assert_int_equal(bwrt_tenant_set(self->runtime, astray, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "tenant");
    assert_int_equal(bwrt_lookup(self->runtime, astray, NULL, &count, NULL, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "query");
    assert_int_equal(bwrt_lookup(self->runtime, &query, astray, &count, NULL, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "answers");
    assert_int_equal(bwrt_events(self->runtime, astray, &event, 1, &count, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "cursor");
    assert_int_equal(bwrt_events(self->runtime, &cursor, astray, 1, &count, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "events");
    assert_int_equal(bwrt_sample_store(self->runtime, astray, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "counters");
    memset(&counters, 0, sizeof(counters));
    counters.struct_size = sizeof(counters);
    counters.info = astray;
    assert_int_equal(bwrt_sample_store(self->runtime, &counters, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "counters.info");
    operation.block_options = astray;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "operations[].block_options");

    assert_int_equal(count, 77);
    assert_int_equal(handle, 77);
}

static void flags_without_a_meaning_must_be_zero(void** state) {
    client* self = *state;
    bwrt_tenant tenant = some_tenant();
    bwrt_lookup_query query = some_query();
    bwrt_store_counters counters;
    const bwrt_block block = some_block();
    bwrt_operation operation = put_operation(self);
    const bwrt_wave wave = wave_with_blocks(&operation, &block, 1);
    bwrt_block_options options;
    bwrt_handle handle = 77;
    uint32_t count = 77;

    tenant.flags = 1;
    assert_int_equal(bwrt_tenant_set(self->runtime, &tenant, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "tenant.flags");
    tenant.flags = 0;
    tenant.number = UINT64_MAX; /* in an event it is no tenant */
    assert_int_equal(bwrt_tenant_set(self->runtime, &tenant, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "tenant.number");
    tenant.number = UINT64_MAX - 1;
    assert_int_equal(bwrt_tenant_set(self->runtime, &tenant, NULL), BWRT_OK);
    query.flags = BWRT_QUERY_EXPECTED << 1;
    assert_int_equal(bwrt_lookup(self->runtime, &query, NULL, &count, NULL, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "query.flags");
    query.flags = BWRT_QUERY_EXPECTED; /* by when? */
    query.lease_ms = 0;
    assert_int_equal(bwrt_lookup(self->runtime, &query, NULL, &count, NULL, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "query.lease_ms");
    memset(&counters, 0, sizeof(counters));
    counters.struct_size = sizeof(counters);
    counters.flags = 1u << 31;
    assert_int_equal(bwrt_sample_store(self->runtime, &counters, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "counters.flags");

    operation.flags = 1u << 31;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "operations[].flags");
    operation.flags = 0;
    memset(&options, 0, sizeof(options));
    options.struct_size = sizeof(options);
    options.reserved = 1;
    operation.block_options = &options;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "block_options.reserved");

    assert_int_equal(count, 77);
    assert_int_equal(handle, 77);
}

/* Copies are there without a store, blocks are not. */
static void a_runtime_without_a_store_says_so(void** state) {
    client* self = *state;
    const bwrt_tenant tenant = some_tenant();
    const bwrt_lookup_query query = some_query();
    const bwrt_block block = some_block();
    const bwrt_operation operation = put_operation(self);
    bwrt_wave wave = wave_with_blocks(&operation, &block, 1);
    bwrt_store_counters counters;
    bwrt_store_info info;
    bwrt_event event;
    bwrt_handle handle = 77;
    uint64_t cursor = 77;
    uint32_t count = 77;

    memset(&counters, 0, sizeof(counters));
    counters.struct_size = sizeof(counters);
    mark_untouched(&event, sizeof(event));
    assert_int_equal(bwrt_tenant_set(self->runtime, &tenant, &self->error), BWRT_E_UNSUPPORTED);
    assert_blames(&self->error, BWRT_E_UNSUPPORTED, "runtime");
    assert_int_equal(bwrt_lookup(self->runtime, &query, NULL, &count, NULL, NULL),
                     BWRT_E_UNSUPPORTED);
    assert_int_equal(bwrt_events(self->runtime, &cursor, &event, 1, &count, NULL),
                     BWRT_E_UNSUPPORTED);
    assert_int_equal(bwrt_sample_store(self->runtime, &counters, NULL), BWRT_E_UNSUPPORTED);
    memset(&info, 0, sizeof(info));
    info.struct_size = sizeof(info);
    counters.info = &info;
    assert_int_equal(bwrt_sample_store(self->runtime, &counters, &self->error), BWRT_E_UNSUPPORTED);
    assert_blames(&self->error, BWRT_E_UNSUPPORTED, "runtime");
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error),
                     BWRT_E_UNSUPPORTED);
    assert_blames(&self->error, BWRT_E_UNSUPPORTED, "wave.blocks");
    wave.blocks = NULL;
    wave.block_count = wave.block_bytes = 0;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_E_UNSUPPORTED);

    assert_int_equal(handle, 77);
    assert_int_equal(cursor, 77);
    assert_int_equal(count, 77);
    assert_true(is_untouched(&event, sizeof(event)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, client_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_of_another_version_is_taken_while_it_is_known),
        cmocka_unit_test(a_store_has_to_say_what_it_is_made_of),
        TEST(a_tenant_of_another_version_is_taken_while_it_is_known),
        TEST(a_query_of_another_version_is_taken_while_it_is_known),
        TEST(store_counters_of_another_version_are_filled_while_they_are_known),
        TEST(store_info_of_another_version_is_filled_while_it_is_known),
        TEST(block_options_of_another_version_are_taken_while_they_are_known),
        TEST(blocks_have_the_size_of_blocks),
        TEST(the_store_s_calls_need_places_for_their_answers),
        TEST(the_store_s_structs_must_lie_on_eight_bytes),
        TEST(flags_without_a_meaning_must_be_zero),
        cmocka_unit_test_setup_teardown(a_runtime_without_a_store_says_so, client_setup,
                                        client_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
