/* SPDX-License-Identifier: Apache-2.0
 *
 * Handles that are not: stale, delivered, of another runtime, of another kind, and guessed.  They
 * are looked up and never dereferenced, so each is BWRT_E_HANDLE and changes nothing.  The guessed
 * ones come from a seed, which is printed and taken back from BWRT_TEST_SEED. */

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "tests/abi/client.h"

static void a_wave_is_waited_for_once(void** state) {
    client* self = *state;
    const bwrt_operation operation = copy_operation(self);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 0;
    bwrt_completion completion;

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_wait(self->runtime, handle, -1, &completion, NULL), BWRT_OK);
    assert_int_equal(completion.wave, handle);

    mark_untouched(&completion, sizeof(completion));
    assert_int_equal(bwrt_wait(self->runtime, handle, -1, &completion, &self->error),
                     BWRT_E_HANDLE);
    assert_blames(&self->error, BWRT_E_HANDLE, "wave");
    assert_true(is_untouched(&completion, sizeof(completion)));
}

static void a_delivered_wave_cannot_be_cancelled(void** state) {
    client* self = *state;
    const bwrt_operation operation = copy_operation(self);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 0;
    bwrt_completion completion;

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_wait(self->runtime, handle, -1, &completion, NULL), BWRT_OK);

    assert_int_equal(bwrt_cancel(self->runtime, handle, &self->error), BWRT_E_HANDLE);
    assert_int_equal(bwrt_stream_wait(self->runtime, handle, 0, 0, 0, 0, &self->error),
                     BWRT_E_HANDLE);
    assert_blames(&self->error, BWRT_E_HANDLE, "wave");
}

static void a_delivered_wave_cannot_be_waited_for_by_another(void** state) {
    client* self = *state;
    const bwrt_operation operation = copy_operation(self);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle first = 0;
    bwrt_handle second = 77;
    bwrt_completion completion;

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &first, NULL), BWRT_OK);
    assert_int_equal(bwrt_wait(self->runtime, first, -1, &completion, NULL), BWRT_OK);
    wave.wait_for[2] = first;

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &second, &self->error), BWRT_E_HANDLE);
    assert_blames(&self->error, BWRT_E_HANDLE, "wave.wait_for");
    assert_int_equal(self->error.operation_index, BWRT_NONE);
    assert_int_equal(second, 77);
}

/* The slot of a delivered wave is used again; its old handle does not reach the new wave. */
static void a_stale_handle_does_not_reach_its_successor(void** state) {
    client* self = *state;
    const bwrt_operation operation = copy_operation(self);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle first = 0;
    bwrt_completion completion;

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &first, NULL), BWRT_OK);
    assert_int_equal(bwrt_wait(self->runtime, first, -1, &completion, NULL), BWRT_OK);
    for (int i = 0; i < 3000; ++i) { /* every slot of the table, more than once */
        bwrt_handle next = 0;
        assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &next, NULL), BWRT_OK);
        assert_true(next != first);
        assert_int_equal(bwrt_cancel(self->runtime, first, NULL), BWRT_E_HANDLE);
        assert_int_equal(bwrt_wait(self->runtime, next, -1, &completion, NULL), BWRT_OK);
        assert_int_equal(completion.status, BWRT_OK);
    }
}

static void a_region_is_released_once(void** state) {
    client* self = *state;

    assert_int_equal(bwrt_release(self->runtime, self->source, NULL), BWRT_OK);
    assert_int_equal(bwrt_release(self->runtime, self->source, &self->error), BWRT_E_HANDLE);
    assert_blames(&self->error, BWRT_E_HANDLE, "handle");
}

static void a_released_region_is_no_side_of_an_operation(void** state) {
    client* self = *state;
    bwrt_operation operations[2] = {copy_operation(self), copy_operation(self)};
    const bwrt_wave wave = wave_of(operations, 2);
    const bwrt_region again = host_region(self->source_bytes, CLIENT_BYTES);
    bwrt_handle second = 0;
    bwrt_handle handle = 77;

    assert_int_equal(bwrt_region_add(self->runtime, &again, &second, NULL, NULL), BWRT_OK);
    assert_int_equal(bwrt_release(self->runtime, second, NULL), BWRT_OK);
    operations[1].target_offset_bytes = 8192;

    operations[1].source = second;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_HANDLE);
    assert_blames(&self->error, BWRT_E_HANDLE, "operations[].source");
    assert_int_equal(self->error.operation_index, 1);
    assert_int_equal(handle, 77);

    operations[1].source = self->source;
    operations[1].target = second;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_HANDLE);
    assert_blames(&self->error, BWRT_E_HANDLE, "operations[].target");
    assert_int_equal(self->error.operation_index, 1);
    assert_int_equal(handle, 77);
}

static void a_released_regions_handle_does_not_reach_its_successor(void** state) {
    client* self = *state;
    bwrt_operation operation = copy_operation(self);
    const bwrt_wave wave = wave_of(&operation, 1);
    const bwrt_region region = host_region(self->source_bytes, CLIENT_BYTES);
    bwrt_handle first = 0;
    bwrt_handle second = 0;
    bwrt_handle handle = 77;

    assert_int_equal(bwrt_region_add(self->runtime, &region, &first, NULL, NULL), BWRT_OK);
    assert_int_equal(bwrt_release(self->runtime, first, NULL), BWRT_OK);
    assert_int_equal(bwrt_region_add(self->runtime, &region, &second, NULL, NULL), BWRT_OK);

    assert_true(first != second);
    assert_int_equal(bwrt_release(self->runtime, first, NULL), BWRT_E_HANDLE);
    operation.source = first;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_E_HANDLE);
    assert_int_equal(handle, 77);
    assert_int_equal(bwrt_release(self->runtime, second, NULL), BWRT_OK);
}

static void a_released_region_is_no_plane_and_is_not_set(void** state) {
    client* self = *state;
    bwrt_handle handle = 77;
    bwrt_plane plane;
    bwrt_layout layout;

    memset(&plane, 0, sizeof(plane));
    plane.region = self->source;
    plane.slot_stride_bytes = 1024;
    plane.length_bytes = 1024;
    memset(&layout, 0, sizeof(layout));
    layout.struct_size = sizeof(layout);
    layout.slot_count = 4;
    layout.block_bytes = 1024;
    layout.planes = &plane;
    layout.plane_count = 1;
    layout.plane_bytes = sizeof(plane);
    assert_int_equal(bwrt_release(self->runtime, self->source, NULL), BWRT_OK);

    assert_int_equal(bwrt_layout_add(self->runtime, &layout, &handle, &self->error), BWRT_E_HANDLE);
    assert_blames(&self->error, BWRT_E_HANDLE, "planes[].region");
    assert_int_equal(handle, 77);

    assert_int_equal(
        bwrt_region_set(self->runtime, self->source, BWRT_REGION_RESUME, 0, &self->error),
        BWRT_E_HANDLE);
    assert_blames(&self->error, BWRT_E_HANDLE, "region");
}

static void a_handle_of_another_kind_is_none(void** state) {
    client* self = *state;
    const bwrt_operation operation = copy_operation(self);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle running = 0;
    bwrt_completion completion;

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &running, NULL), BWRT_OK);

    assert_int_equal(bwrt_wait(self->runtime, self->source, 0, &completion, NULL), BWRT_E_HANDLE);
    assert_int_equal(bwrt_cancel(self->runtime, self->source, NULL), BWRT_E_HANDLE);
    assert_int_equal(bwrt_release(self->runtime, running, NULL), BWRT_E_HANDLE);
    assert_int_equal(bwrt_region_set(self->runtime, running, BWRT_REGION_RESUME, 0, NULL),
                     BWRT_E_HANDLE);
    assert_int_equal(bwrt_release(self->runtime, 0, NULL), BWRT_E_HANDLE);
    assert_int_equal(bwrt_release(self->runtime, BWRT_PROCESS_MEMORY, NULL), BWRT_E_HANDLE);
    assert_int_equal(bwrt_wait(self->runtime, 0, 0, &completion, NULL), BWRT_E_HANDLE);
    assert_int_equal(bwrt_wait(self->runtime, BWRT_PROCESS_MEMORY, 0, &completion, NULL),
                     BWRT_E_HANDLE);

    assert_int_equal(bwrt_wait(self->runtime, running, -1, &completion, NULL), BWRT_OK);
    assert_int_equal(completion.status, BWRT_OK);
}

static void a_handle_of_another_runtime_is_none(void** state) {
    client* self = *state;
    void* other_state = NULL;
    bwrt_handle running = 0;
    bwrt_handle handle = 77;
    bwrt_completion completion;

    assert_int_equal(client_setup(&other_state), 0);
    client* other = other_state;
    bwrt_operation operation = copy_operation(other);
    const bwrt_wave wave = wave_of(&operation, 1);
    assert_int_equal(bwrt_submit_wave(other->runtime, &wave, &running, NULL), BWRT_OK);

    assert_int_equal(bwrt_wait(self->runtime, running, 0, &completion, NULL), BWRT_E_HANDLE);
    assert_int_equal(bwrt_cancel(self->runtime, running, NULL), BWRT_E_HANDLE);
    assert_int_equal(bwrt_release(self->runtime, other->source, NULL), BWRT_E_HANDLE);
    operation.target = self->target; /* and source is the other's */
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_HANDLE);
    assert_blames(&self->error, BWRT_E_HANDLE, "operations[].source");
    assert_int_equal(handle, 77);

    assert_int_equal(bwrt_wait(other->runtime, running, -1, &completion, NULL), BWRT_OK);
    assert_int_equal(completion.status, BWRT_OK);
    assert_int_equal(client_teardown(&other_state), 0);
}

/* xorshift64*: enough to guess with. */
static uint64_t next_random(uint64_t* random) {
    *random ^= *random >> 12;
    *random ^= *random << 25;
    *random ^= *random >> 27;
    return *random * 2685821657736338717u;
}

static uint64_t test_seed(void) {
    const char* given = getenv("BWRT_TEST_SEED");
    const uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);

    print_message("BWRT_TEST_SEED=%" PRIu64 "\n", seed);
    return seed;
}

/* No generation is 0, but what was never used looks like it: a slot that holds a region, one that
 * never held anything, the last one. */
static void a_made_up_handle_without_a_generation_is_none(void** state) {
    client* self = *state;
    const uint32_t actions[2] = {BWRT_REGION_QUIESCE, BWRT_REGION_RESUME};
    const uint64_t slots[4] = {0, 1, 500, 1023};
    bwrt_plane plane;
    bwrt_layout layout;
    bwrt_completion completion;
    bwrt_handle handle = 77;

    memset(&plane, 0, sizeof(plane));
    plane.slot_stride_bytes = 1024;
    plane.length_bytes = 1024;
    memset(&layout, 0, sizeof(layout));
    layout.struct_size = sizeof(layout);
    layout.slot_count = 4;
    layout.block_bytes = 1024;
    layout.planes = &plane;
    layout.plane_count = 1;
    layout.plane_bytes = sizeof(plane);
    mark_untouched(&completion, sizeof(completion));
    for (uint64_t kind = 1; kind <= 3; ++kind) { /* a region, a layout, a wave */
        for (int s = 0; s < 4; ++s) {
            const bwrt_handle made_up = kind << 60 | slots[s] << 44;
            const uint32_t slot = 0;
            bwrt_operation operation = copy_operation(self);
            bwrt_wave wave = wave_of(&operation, 1);

            for (int i = 0; i < 2; ++i) {
                assert_int_equal(
                    bwrt_region_set(self->runtime, made_up, actions[i], 0, &self->error),
                    BWRT_E_HANDLE);
                assert_blames(&self->error, BWRT_E_HANDLE, "region");
            }
            assert_int_equal(bwrt_release(self->runtime, made_up, &self->error), BWRT_E_HANDLE);
            assert_blames(&self->error, BWRT_E_HANDLE, "handle");
            assert_int_equal(bwrt_wait(self->runtime, made_up, 0, &completion, NULL),
                             BWRT_E_HANDLE);
            assert_int_equal(bwrt_cancel(self->runtime, made_up, NULL), BWRT_E_HANDLE);
            assert_int_equal(bwrt_stream_wait(self->runtime, made_up, 0, 0, 0, 0, NULL),
                             BWRT_E_HANDLE);
            plane.region = made_up;
            assert_int_equal(bwrt_layout_add(self->runtime, &layout, &handle, &self->error),
                             BWRT_E_HANDLE);
            assert_blames(&self->error, BWRT_E_HANDLE, "planes[].region");

            wave.wait_for[0] = made_up;
            assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_E_HANDLE);
            wave.wait_for[0] = 0;
            operation.source = made_up;
            assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_E_HANDLE);
            operation.target_slots = &slot; /* as a layout's would be */
            operation.slot_count = 1;
            operation.length_bytes = 0;
            operation.source = self->source;
            operation.target = made_up;
            assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_E_HANDLE);
        }
    }
    assert_int_equal(handle, 77);
    assert_true(is_untouched(&completion, sizeof(completion)));

    /* None of it was believed: a region can be added where there was none, and used. */
    bwrt_operation operation = copy_operation(self);
    const bwrt_wave wave = wave_of(&operation, 1);
    const bwrt_region region = host_region(self->target_bytes, CLIENT_BYTES);

    assert_int_equal(bwrt_region_add(self->runtime, &region, &operation.target, NULL, NULL), 0);
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_wait(self->runtime, handle, -1, &completion, NULL), BWRT_OK);
    assert_int_equal(completion.status, BWRT_OK);
}

static void a_guessed_handle_is_none(void** state) {
    client* self = *state;
    uint64_t random = test_seed() | 1;
    bwrt_completion completion;
    const bwrt_handle known[2] = {self->source, self->target};

    mark_untouched(&completion, sizeof(completion));
    for (int i = 0; i < 20000; ++i) {
        const uint64_t bits = next_random(&random);
        /* Anything at all, or a true handle with one bit turned. */
        const bwrt_handle guess =
            (i & 1) != 0 ? bits : known[bits >> 63] ^ (UINT64_C(1) << (bits & 63));
        if (guess == known[0] || guess == known[1]) continue;
        assert_int_equal(bwrt_wait(self->runtime, guess, 0, &completion, NULL), BWRT_E_HANDLE);
        assert_int_equal(bwrt_cancel(self->runtime, guess, NULL), BWRT_E_HANDLE);
        assert_int_equal(bwrt_release(self->runtime, guess, NULL), BWRT_E_HANDLE);
        assert_int_equal(bwrt_region_set(self->runtime, guess, BWRT_REGION_RESUME, 0, NULL),
                         BWRT_E_HANDLE);
    }
    assert_true(is_untouched(&completion, sizeof(completion)));
    assert_int_equal(bwrt_release(self->runtime, self->source, NULL), BWRT_OK);
    assert_int_equal(bwrt_release(self->runtime, self->target, NULL), BWRT_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, client_setup, client_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_wave_is_waited_for_once),
        TEST(a_delivered_wave_cannot_be_cancelled),
        TEST(a_delivered_wave_cannot_be_waited_for_by_another),
        TEST(a_stale_handle_does_not_reach_its_successor),
        TEST(a_region_is_released_once),
        TEST(a_released_region_is_no_side_of_an_operation),
        TEST(a_released_regions_handle_does_not_reach_its_successor),
        TEST(a_released_region_is_no_plane_and_is_not_set),
        TEST(a_handle_of_another_kind_is_none),
        TEST(a_handle_of_another_runtime_is_none),
        TEST(a_made_up_handle_without_a_generation_is_none),
        TEST(a_guessed_handle_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
