/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups and signals: each group is accounted by itself, its signal is written once all its bytes
 * are there or once it has failed, and groups are served in ascending order. */

#include <pthread.h>

#include "tests/fault/faults.h"

enum { GROUPS = 8, BYTES = 32768 };

static uint64_t signal_at(const faults* self, uint64_t offset) {
    return __atomic_load_n((const uint64_t*)(const void*)(self->memory + offset), __ATOMIC_ACQUIRE);
}

/* Group g: a read into [g * BYTES, + BYTES), a signal at kSignals + g * 8. */
static const uint64_t kSignals = FAULTS_BYTES - 4096;

static void a_group_each(const faults* self, bwrt_operation* operations) {
    memset(self->memory, 0, FAULTS_BYTES);
    for (uint32_t g = 0; g < GROUPS; ++g) {
        /* In the array the last group comes first. */
        bwrt_operation* pair = &operations[2 * (GROUPS - 1 - g)];

        pair[0] = read_of(self, (uint64_t)g * BYTES, (uint64_t)g * BYTES, BYTES);
        pair[0].group = g;
        pair[1] = signal_of(self, kSignals + g * 8, g);
    }
}

static void each_group_is_accounted_and_signalled(void** state) {
    faults* self = *state;
    bwrt_operation operations[2 * GROUPS];
    bwrt_group_result groups[GROUPS];
    bwrt_result results[2 * GROUPS];
    bwrt_wave wave = wave_of(operations, 2 * GROUPS);
    bwrt_completion completion;

    a_group_each(self, operations);
    with_groups(&wave, groups, GROUPS);
    with_results(&wave, results, 2 * GROUPS);

    assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);

    assert_int_equal(completion.prefix_count, 2 * GROUPS);
    for (uint32_t g = 0; g < GROUPS; ++g) {
        assert_int_equal(groups[g].status, BWRT_OK);
        assert_int_equal(groups[g].bytes, BYTES);
        assert_int_equal(groups[g].prefix_count, 2 * GROUPS);
        assert_int_equal(signal_at(self, kSignals + g * 8), 1);
    }
    for (uint32_t i = 0; i < 2 * GROUPS; ++i) assert_int_equal(results[i].status, BWRT_OK);
}

typedef struct watcher {
    const faults* self;
    unsigned wrong_count;
} watcher;

/* Who sees a signal sees the bytes of its group, and every earlier group's read was asked for. */
static void* watch(void* argument) {
    watcher* self = argument;

    for (uint64_t g = 0; g < GROUPS; ++g) {
        while (signal_at(self->self, kSignals + g * 8) == 0) {
        }
        self->wrong_count += !has_pattern(self->self->memory + g * BYTES, g * BYTES, BYTES);
    }
    return NULL;
}

static void who_sees_a_signal_sees_the_bytes_of_its_group(void** state) {
    faults* self = *state;

    for (int round = 0; round < 30; ++round) {
        bwrt_operation operations[2 * GROUPS];
        const bwrt_wave wave = wave_of(operations, 2 * GROUPS);
        bwrt_completion completion;
        watcher watching = {self, 0};
        pthread_t thread;

        a_group_each(self, operations);
        pthread_create(&thread, NULL, watch, &watching);
        const bwrt_status status = run_wave(self, &wave, &completion);

        if (status != BWRT_OK) { /* or the watcher would wait for ever */
            for (uint64_t g = 0; g < GROUPS; ++g) self->memory[kSignals + g * 8] = 1;
        }
        pthread_join(thread, NULL);
        assert_int_equal(status, BWRT_OK);
        assert_int_equal(watching.wrong_count, 0);
    }
}

/* Group 3 reads past the end of the file. */
static void a_failed_group_says_so_and_leaves_the_others(void** state) {
    faults* self = *state;
    bwrt_operation operations[2 * GROUPS];
    bwrt_group_result groups[GROUPS];
    bwrt_result results[2 * GROUPS];
    bwrt_wave wave = wave_of(operations, 2 * GROUPS);
    bwrt_completion completion;
    const uint32_t bad = 2 * (GROUPS - 1 - 3);

    a_group_each(self, operations);
    operations[bad].source_offset_bytes = FAULTS_BYTES - 100 - BYTES / 2;
    assert_int_equal(ftruncate(self->fd, FAULTS_BYTES - 100 - BYTES / 2 + 10), 0);
    with_groups(&wave, groups, GROUPS);
    with_results(&wave, results, 2 * GROUPS);

    operations[bad].length_bytes = BYTES / 2;
    assert_int_equal(run_wave(self, &wave, &completion), BWRT_E_TRUNCATED);

    assert_int_equal(completion.operation_index, bad);
    for (uint32_t g = 0; g < GROUPS; ++g) {
        assert_int_equal(groups[g].status, g == 3 ? BWRT_E_TRUNCATED : BWRT_OK);
        assert_int_equal(groups[g].bytes, g == 3 ? 10 : BYTES);
        assert_int_equal(groups[g].prefix_count, g == 3 ? bad : 2 * GROUPS);
        assert_int_equal(signal_at(self, kSignals + g * 8), g == 3 ? 2 : 1);
    }
    assert_int_equal(results[bad].bytes, 10);
    assert_int_equal(results[bad + 1].status, BWRT_E_TRUNCATED);
    assert_int_equal(completion.prefix_count, bad);
}

static void a_signal_of_four_bytes_leaves_its_neighbours(void** state) {
    faults* self = *state;
    bwrt_operation operations[2] = {read_of(self, 0, 0, BYTES), signal_of(self, kSignals + 4, 0)};
    const bwrt_wave wave = wave_of(operations, 2);
    bwrt_completion completion;

    operations[1].length_bytes = 4;
    operations[1].value_done = 0xFFFFFFFF;
    memset(self->memory + kSignals, 0x33, 16);
    assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);

    assert_true(is_filled_with(self->memory + kSignals, 0x33, 4));
    assert_true(is_filled_with(self->memory + kSignals + 4, 0xFF, 4));
    assert_true(is_filled_with(self->memory + kSignals + 8, 0x33, 8));
}

/* Whatever ends the wave, one of the two values is written. */
static void a_wave_that_never_runs_signals_its_failure(void** state) {
    faults* self = *state;
    bwrt_operation operations[2 * GROUPS];
    bwrt_group_result groups[GROUPS];
    bwrt_wave wave = wave_of(operations, 2 * GROUPS);
    bwrt_completion completion;
    bwrt_handle handle = 0;

    a_group_each(self, operations);
    with_groups(&wave, groups, GROUPS);
    wave.window = BWRT_WINDOW_TIME;
    wave.window_start = monotonic_ns() + 3600000000000u;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_cancel(self->runtime, handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_wait(self->runtime, handle, kPatienceNs, &completion, NULL), BWRT_OK);

    assert_int_equal(completion.status, BWRT_E_CANCELLED);
    assert_int_equal(completion.bytes, 0);
    assert_int_equal(completion.prefix_count, 0);
    for (uint32_t g = 0; g < GROUPS; ++g) {
        assert_int_equal(signal_at(self, kSignals + g * 8), 2);
        assert_int_equal(groups[g].status, BWRT_E_CANCELLED);
        assert_int_equal(groups[g].bytes, 0);
    }
}

/* A signal whose group nobody else is in is done when the wave starts. */
static void a_wave_of_signals_alone_is_done(void** state) {
    faults* self = *state;
    const bwrt_operation operations[2] = {signal_of(self, kSignals, 0),
                                          signal_of(self, kSignals + 8, 5)};
    const bwrt_wave wave = wave_of(operations, 2);
    bwrt_completion completion;

    memset(self->memory + kSignals, 0, 16);
    assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);
    assert_int_equal(signal_at(self, kSignals), 1);
    assert_int_equal(signal_at(self, kSignals + 8), 1);
    assert_int_equal(completion.prefix_count, 2);
}

/* The planes of a layout add their own numbers. */
static void the_planes_of_an_indexed_operation_are_groups(void** state) {
    faults* self = *state;
    enum { SLOTS = 16, PLANES = 4, ROW = 1024 };
    bwrt_plane planes[PLANES];
    bwrt_layout layout;
    bwrt_operation operations[1 + PLANES];
    bwrt_group_result groups[PLANES + 2];
    bwrt_wave wave = wave_of(operations, 1 + PLANES);
    bwrt_completion completion;
    uint32_t slots[4] = {9, BWRT_NONE, 0, 15};

    memset(planes, 0, sizeof(planes));
    memset(&layout, 0, sizeof(layout));
    memset(self->memory, 0, FAULTS_BYTES);
    for (uint32_t p = 0; p < PLANES; ++p) {
        planes[p].region = self->memory_region;
        planes[p].offset_bytes = (uint64_t)p * SLOTS * ROW;
        planes[p].length_bytes = ROW;
        planes[p].group = p;
        planes[p].block_offset_bytes = (uint64_t)p * ROW;
    }
    layout.struct_size = sizeof(layout);
    layout.slot_count = SLOTS;
    layout.block_bytes = PLANES * ROW;
    layout.planes = planes;
    layout.plane_count = PLANES;
    layout.plane_bytes = sizeof(planes[0]);
    operations[0] = read_of(self, 0, 0, 0);
    assert_int_equal(bwrt_layout_add(self->runtime, &layout, &operations[0].target, NULL), BWRT_OK);
    operations[0].target_slots = slots;
    operations[0].slot_count = 4;
    operations[0].group = 2;
    for (uint32_t p = 0; p < PLANES; ++p) {
        operations[1 + p] = signal_of(self, kSignals + p * 8, 2 + p);
    }
    with_groups(&wave, groups, PLANES + 2);

    assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);

    assert_int_equal(completion.bytes, 3 * PLANES * ROW);
    assert_int_equal(completion.prefix_count, 4 + PLANES);
    for (uint32_t p = 0; p < PLANES; ++p) {
        assert_int_equal(groups[2 + p].bytes, 3 * ROW);
        assert_int_equal(signal_at(self, kSignals + p * 8), 1);
        for (uint32_t i = 0; i < 4; ++i) {
            if (slots[i] == BWRT_NONE) continue;
            assert_true(has_pattern(self->memory + (p * SLOTS + slots[i]) * ROW,
                                    i * PLANES * ROW + p * ROW, ROW));
        }
    }
    assert_int_equal(groups[0].bytes, 0);
    assert_int_equal(groups[0].status, BWRT_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(each_group_is_accounted_and_signalled),
        IN_WORLD(who_sees_a_signal_sees_the_bytes_of_its_group),
        IN_WORLD(a_failed_group_says_so_and_leaves_the_others),
        IN_WORLD(a_signal_of_four_bytes_leaves_its_neighbours),
        IN_WORLD(a_wave_that_never_runs_signals_its_failure),
        IN_WORLD(a_wave_of_signals_alone_is_done),
        IN_WORLD(the_planes_of_an_indexed_operation_are_groups),
    };
    int failures = 0;

    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
