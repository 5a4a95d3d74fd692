/* SPDX-License-Identifier: Apache-2.0
 *
 * Runtimes share nothing: two of them in one process, of different progress modes, work side by
 * side, count for themselves, and one ends without the other noticing. */

#include "tests/abi/client.h"

typedef struct pair {
    bwrt_runtime* first;
    bwrt_runtime* second;
    unsigned char source[4096];
    unsigned char first_target[4096];
    unsigned char second_target[4096];
} pair;

static int pair_setup(void** state) {
    pair* self = calloc(1, sizeof(*self));
    bwrt_config config;

    if (self == NULL) return -1;
    memset(self->source, 0x3C, sizeof(self->source));
    memset(&config, 0, sizeof(config));
    config.struct_size = sizeof(config);
    config.progress = BWRT_PROGRESS_CALLER;
    if (bwrt_open(NULL, &self->first, NULL) != BWRT_OK) return -1;
    if (bwrt_open(&config, &self->second, NULL) != BWRT_OK) return -1;
    *state = self;
    return 0;
}

static int end(bwrt_runtime* runtime) {
    if (bwrt_shutdown(runtime, BWRT_SHUTDOWN_DRAIN, -1, NULL) != BWRT_OK) return -1;
    return bwrt_close(runtime, NULL) == BWRT_OK ? 0 : -1;
}

static int pair_teardown(void** state) {
    pair* self = *state;
    const int status = end(self->second) | (self->first != NULL ? end(self->first) : 0);

    free(self);
    return status;
}

static bwrt_operation copy_between(const void* source, const void* target) {
    bwrt_operation operation;

    memset(&operation, 0, sizeof(operation));
    operation.kind = BWRT_OP_COPY;
    operation.source = BWRT_PROCESS_MEMORY;
    operation.source_offset_bytes = (uint64_t)(uintptr_t)source;
    operation.target = BWRT_PROCESS_MEMORY;
    operation.target_offset_bytes = (uint64_t)(uintptr_t)target;
    operation.length_bytes = 4096;
    return operation;
}

static void two_runtimes_move_bytes_side_by_side(void** state) {
    pair* self = *state;
    const bwrt_operation for_first = copy_between(self->source, self->first_target);
    const bwrt_operation for_second = copy_between(self->source, self->second_target);
    const bwrt_wave first_wave = wave_of(&for_first, 1);
    const bwrt_wave second_wave = wave_of(&for_second, 1);
    bwrt_handle first = 0;
    bwrt_handle second = 0;
    bwrt_completion completion;

    assert_int_equal(bwrt_submit_wave(self->second, &second_wave, &second, NULL), BWRT_OK);
    assert_int_equal(bwrt_submit_wave(self->first, &first_wave, &first, NULL), BWRT_OK);
    assert_int_equal(bwrt_wait(self->first, first, -1, &completion, NULL), BWRT_OK);
    assert_int_equal(completion.status, BWRT_OK);
    assert_int_equal(bwrt_wait(self->second, second, -1, &completion, NULL), BWRT_OK);
    assert_int_equal(completion.status, BWRT_OK);

    assert_memory_equal(self->first_target, self->source, sizeof(self->source));
    assert_memory_equal(self->second_target, self->source, sizeof(self->source));
}

static void each_counts_for_itself(void** state) {
    pair* self = *state;
    const bwrt_operation operation = copy_between(self->source, self->first_target);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 0;
    bwrt_completion completion;
    bwrt_counters first;
    bwrt_counters second;

    memset(&first, 0, sizeof(first));
    memset(&second, 0, sizeof(second));
    first.struct_size = sizeof(first);
    second.struct_size = sizeof(second);

    assert_int_equal(bwrt_submit_wave(self->first, &wave, &handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_wait(self->first, handle, -1, &completion, NULL), BWRT_OK);

    assert_int_equal(bwrt_sample(self->first, &first, NULL), BWRT_OK);
    assert_int_equal(bwrt_sample(self->second, &second, NULL), BWRT_OK);
    assert_int_equal(first.waves_accepted, 1);
    assert_int_equal(first.waves_ok, 1);
    assert_int_equal(second.waves_accepted, 0);
    assert_int_equal(second.waves_ok, 0);
}

static void one_ends_and_the_other_goes_on(void** state) {
    pair* self = *state;
    const bwrt_operation operation = copy_between(self->source, self->second_target);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 0;
    bwrt_completion completion;

    assert_int_equal(bwrt_submit_wave(self->second, &wave, &handle, NULL), BWRT_OK);
    assert_int_equal(end(self->first), 0);
    self->first = NULL;

    assert_int_equal(bwrt_wait(self->second, handle, -1, &completion, NULL), BWRT_OK);
    assert_int_equal(completion.status, BWRT_OK);
    assert_memory_equal(self->second_target, self->source, sizeof(self->source));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(two_runtimes_move_bytes_side_by_side),
        TEST(each_counts_for_itself),
        TEST(one_ends_and_the_other_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
