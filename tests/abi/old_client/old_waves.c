/* SPDX-License-Identifier: Apache-2.0
 *
 * A program of ABI 0.1 on the library of today: what its waves do, and where the results go. */

#include "tests/abi/old_client/old_client.h"

static void a_wave_reads_copies_writes_and_flushes(void** state) {
    program* self = *state;
    unsigned char found[16];
    bwrt_operation operation = operation_of(BWRT_OP_READ, self->file, self->host, BYTES);
    bwrt_wave wave = wave_of(&operation, 1);

    bwrt_completion completion = run(self, &wave);
    assert_loaded(&completion, BYTES);
    for (size_t i = 0; i < BYTES; ++i) assert_int_equal(self->bytes[i], byte_at(i));

    operation = operation_of(BWRT_OP_COPY, self->host, self->allocated, BYTES);
    completion = run(self, &wave);
    assert_loaded(&completion, BYTES);
    assert_memory_equal(self->allocated_bytes, self->bytes, BYTES);

    memcpy(self->bytes, "what was written", 16);
    operation = operation_of(BWRT_OP_WRITE, self->host, self->file, 16);
    operation.target_offset_bytes = 100;
    completion = run(self, &wave);
    assert_loaded(&completion, 16);
    assert_int_equal(pread(self->fd, found, 16, 100), 16);
    assert_memory_equal(found, "what was written", 16);

    operation = operation_of(BWRT_OP_FLUSH, 0, self->file, 0);
    completion = run(self, &wave);
    assert_int_equal(completion.status, BWRT_OK);
}

static void results_and_groups_keep_the_old_stride(void** state) {
    program* self = *state;
    bwrt_operation operations[2] = {{0}, {0}};
    bwrt_result results[3];
    bwrt_group_result groups[3];
    unsigned char untouched[sizeof(bwrt_result)];
    bwrt_wave wave = wave_of(operations, 2);

    operations[0] = operation_of(BWRT_OP_READ, self->file, self->host, 4096);
    operations[1] = operation_of(BWRT_OP_COPY, BWRT_PROCESS_MEMORY, self->allocated, 512);
    operations[1].source_offset_bytes = (uint64_t)(uintptr_t)(self->bytes + 8192);
    operations[1].row_count = 2; /* 2-D: packed here, apart there */
    operations[1].target_stride_bytes = 1024;
    operations[1].group = 1;
    memset(results, MARK, sizeof(results));
    memset(groups, MARK, sizeof(groups));
    memset(untouched, MARK, sizeof(untouched));
    wave.results = results;
    wave.result_count = 2;
    wave.result_bytes = sizeof(results[0]);
    wave.groups = groups;
    wave.group_count = 2;
    wave.group_bytes = sizeof(groups[0]);

    const bwrt_completion completion = run(self, &wave);

    assert_loaded(&completion, 4096 + 1024);
    assert_int_equal(completion.prefix_count, 2);
    assert_int_equal(results[0].status, BWRT_OK);
    assert_int_equal(results[0].bytes, 4096);
    assert_int_equal(results[1].status, BWRT_OK);
    assert_int_equal(results[1].bytes, 1024);
    assert_int_equal(groups[0].bytes, 4096);
    assert_int_equal(groups[0].prefix_count, 2);
    assert_int_equal(groups[1].bytes, 1024);
    assert_memory_equal(self->allocated_bytes + 1024, self->bytes + 8192 + 512, 512);
    assert_memory_equal(&results[2], untouched, sizeof(results[2]));
    assert_memory_equal(&groups[2], untouched, sizeof(groups[2]));
}

static void a_layout_moves_slots_and_a_signal_tells(void** state) {
    program* self = *state;
    const uint32_t slots[] = {3, BWRT_NONE, 1};
    bwrt_plane planes[2];
    bwrt_layout layout;
    bwrt_handle handle = 0;
    bwrt_operation operations[2] = {{0}, {0}};
    const bwrt_wave wave = wave_of(operations, 2);
    uint64_t* signal = (uint64_t*)(void*)(self->allocated_bytes + BYTES - 8);

    memset(planes, 0, sizeof(planes));
    for (uint32_t i = 0; i < 2; ++i) { /* the halves of a block, 32 KiB apart in memory */
        planes[i].region = self->host;
        planes[i].offset_bytes = i * (BYTES / 2);
        planes[i].slot_stride_bytes = BLOCK_BYTES / 2;
        planes[i].length_bytes = BLOCK_BYTES / 2;
        planes[i].block_offset_bytes = i * (BLOCK_BYTES / 2);
    }
    memset(&layout, 0, sizeof(layout));
    layout.struct_size = sizeof(layout);
    layout.slot_count = 4;
    layout.block_bytes = BLOCK_BYTES;
    layout.planes = planes;
    layout.plane_count = 2;
    layout.plane_bytes = sizeof(bwrt_plane);
    assert_int_equal(bwrt_layout_add(self->runtime, &layout, &handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_release(self->runtime, self->host, NULL), BWRT_E_BUSY);

    operations[0] = operation_of(BWRT_OP_READ, self->file, handle, 0);
    operations[0].target_slots = slots;
    operations[0].slot_count = 3;
    operations[1] = operation_of(BWRT_OP_SIGNAL, 0, self->allocated, 8);
    operations[1].target_offset_bytes = BYTES - 8;
    operations[1].value_done = 7;
    operations[1].value_failed = 8;
    const bwrt_completion completion = run(self, &wave);

    assert_int_equal(completion.status, BWRT_OK);
    assert_int_equal(completion.prefix_count, 4); /* three pairs, one of them skipped; a signal */
    assert_true(*signal == 7);
    for (size_t i = 0; i < BLOCK_BYTES / 2; ++i) { /* the file's third block is in slot 1 */
        assert_int_equal(self->bytes[BLOCK_BYTES / 2 + i], byte_at(2 * BLOCK_BYTES + i));
        assert_int_equal(self->bytes[BYTES / 2 + 3 * BLOCK_BYTES / 2 + i],
                         byte_at(BLOCK_BYTES / 2 + i));
    }
    assert_int_equal(bwrt_release(self->runtime, handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_release(self->runtime, handle, NULL), BWRT_E_HANDLE);
}

static void a_wave_that_nobody_drives_is_cancelled(void** state) {
    program* self = *state;
    const bwrt_operation operation = operation_of(BWRT_OP_READ, self->file, self->host, BYTES);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_completion completion;
    bwrt_handle handle = 0;

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_cancel(self->runtime, handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_wait(self->runtime, handle, NEVER, &completion, NULL), BWRT_OK);
    assert_int_equal(completion.status, BWRT_E_CANCELLED);
    assert_int_equal(completion.verdict, BWRT_VERDICT_RECOMPUTE);
    assert_int_equal(bwrt_cancel(self->runtime, handle, NULL), BWRT_E_HANDLE);
}

static void waves_wait_for_waves_and_deadlines_are_kept(void** state) {
    program* self = *state;
    const bwrt_operation operation = operation_of(BWRT_OP_READ, self->file, self->host, BYTES);
    bwrt_wave first = wave_of(&operation, 1);
    bwrt_wave second = wave_of(&operation, 1);
    bwrt_completion completion;
    bwrt_handle handles[2] = {0, 0};

    first.deadline_ns = 1; /* of CLOCK_MONOTONIC: long past */
    first.late = BWRT_LATE_ABORT;
    first.priority = BWRT_PRIORITY_URGENT;
    assert_int_equal(bwrt_submit_wave(self->runtime, &first, &handles[0], NULL), BWRT_OK);
    second.wait_for[0] = handles[0];
    second.flags = BWRT_WAVE_DEADLINE_RELATIVE | BWRT_WAVE_BARRIER;
    second.deadline_ns = 60000000000;
    assert_int_equal(bwrt_submit_wave(self->runtime, &second, &handles[1], NULL), BWRT_OK);

    assert_int_equal(bwrt_wait(self->runtime, handles[1], NEVER, &completion, NULL), BWRT_OK);
    assert_int_equal(completion.status, BWRT_E_DEPENDENCY);
    assert_int_equal(bwrt_wait(self->runtime, handles[0], NEVER, &completion, NULL), BWRT_OK);
    assert_int_equal(completion.status, BWRT_E_LATE);
    assert_true((completion.flags & BWRT_COMPLETION_LATE) != 0);
    second.wait_for[0] = 0;
    second.window = BWRT_WINDOW_TIME;
    second.window_end = 1;
    completion = run(self, &second);
    assert_int_equal(completion.status, BWRT_E_WINDOW);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_THREAD(a_wave_reads_copies_writes_and_flushes),
        WITHOUT_THREAD(a_wave_reads_copies_writes_and_flushes),
        WITH_THREAD(results_and_groups_keep_the_old_stride),
        WITH_THREAD(a_layout_moves_slots_and_a_signal_tells),
        WITHOUT_THREAD(a_wave_that_nobody_drives_is_cancelled),
        WITHOUT_THREAD(waves_wait_for_waves_and_deadlines_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
