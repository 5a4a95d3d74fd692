/* SPDX-License-Identifier: Apache-2.0
 *
 * From its terminal status on, a wave's memory is the caller's: he may unmap it or use it for
 * something else.  Waves are cancelled at random moments, and what they had is taken away at once:
 * a copy that still ran would crash, and a read that came late would show in the new bytes. */

#include <sys/mman.h>

#include "tests/fault/faults.h"

enum { ROUNDS = 200, READS = 16, ARENA_BYTES = READS * 65536 };

static void let_some_time_pass(uint64_t* random) {
    const uint64_t until_ns = monotonic_ns() + next_random(random) % 200000;

    while (monotonic_ns() < until_ns) {
    }
}

static bwrt_handle submit_and_cancel(faults* self, const bwrt_wave* wave, uint64_t* random,
                                     bwrt_completion* completion) {
    bwrt_handle handle = 0;

    assert_int_equal(bwrt_submit_wave(self->runtime, wave, &handle, NULL), BWRT_OK);
    if (fault_mode_now->progress == BWRT_PROGRESS_CALLER) {
        bwrt_wait(self->runtime, handle, (int64_t)(next_random(random) % 100000), completion, NULL);
    } else {
        let_some_time_pass(random);
    }
    bwrt_cancel(self->runtime, handle, NULL); /* E_HANDLE when the wait above had it */
    return handle;
}

static void memory_of_a_cancelled_copy_can_be_unmapped_at_once(void** state) {
    faults* self = *state;
    uint64_t random = seed_of_test();
    unsigned cancelled_count = 0;

    for (unsigned round = 0; round < ROUNDS; ++round) {
        unsigned char* arena =
            mmap(NULL, 2 * ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        bwrt_operation operations[READS];
        const bwrt_wave wave = wave_of(operations, READS);
        bwrt_completion completion;

        assert_true(arena != MAP_FAILED);
        memset(&completion, 0, sizeof(completion));
        for (uint64_t i = 0; i < READS; ++i) {
            operations[i] = copy_of(self, 0, 0, 65536);
            operations[i].source = operations[i].target = BWRT_PROCESS_MEMORY;
            operations[i].source_offset_bytes = (uintptr_t)arena + i * 65536;
            operations[i].target_offset_bytes = (uintptr_t)arena + ARENA_BYTES + i * 65536;
        }
        const bwrt_handle handle = submit_and_cancel(self, &wave, &random, &completion);

        if (completion.wave != handle) {
            assert_int_equal(bwrt_wait(self->runtime, handle, kPatienceNs, &completion, NULL),
                             BWRT_OK);
        }
        munmap(arena, 2 * ARENA_BYTES);
        assert_true(completion.status == BWRT_OK || completion.status == BWRT_E_CANCELLED);
        cancelled_count += completion.status == BWRT_E_CANCELLED;
    }
    print_message("%u of %u cancelled\n", cancelled_count, ROUNDS);
}

static void memory_of_a_cancelled_read_is_written_no_more(void** state) {
    faults* self = *state;
    uint64_t random = seed_of_test();
    unsigned cancelled_count = 0;

    for (unsigned round = 0; round < ROUNDS; ++round) {
        bwrt_operation operations[READS];
        bwrt_result results[READS];
        bwrt_wave wave = wave_of(operations, READS);
        bwrt_completion completion;

        memset(&completion, 0, sizeof(completion));
        memset(self->memory, 0, READS * 32768);
        for (uint64_t i = 0; i < READS; ++i) {
            operations[i] = read_of(self, i * 49152, i * 32768, 32768);
        }
        with_results(&wave, results, READS);
        const bwrt_handle handle = submit_and_cancel(self, &wave, &random, &completion);

        if (completion.wave != handle) {
            assert_int_equal(bwrt_wait(self->runtime, handle, kPatienceNs, &completion, NULL),
                             BWRT_OK);
        }
        /* What is said to be right is right, and only that counts. */
        uint64_t bytes = 0;

        for (uint64_t i = 0; i < READS; ++i) {
            if (results[i].status == BWRT_OK) {
                assert_true(has_pattern(self->memory + i * 32768, i * 49152, 32768));
            } else {
                assert_int_equal(results[i].status, BWRT_E_CANCELLED);
                assert_int_equal(completion.status, BWRT_E_CANCELLED);
            }
            if (i < completion.prefix_count) assert_int_equal(results[i].status, BWRT_OK);
            bytes += results[i].bytes;
        }
        assert_int_equal(completion.bytes, bytes);
        memset(self->memory, 0xCC, READS * 32768);
        assert_still_works(self);
        assert_true(is_filled_with(self->memory, 0xCC, READS * 32768));
        cancelled_count += completion.status == BWRT_E_CANCELLED;
    }
    print_message("%u of %u cancelled\n", cancelled_count, ROUNDS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(memory_of_a_cancelled_copy_can_be_unmapped_at_once),
        IN_WORLD(memory_of_a_cancelled_read_is_written_no_more),
    };
    int failures = 0;

    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
