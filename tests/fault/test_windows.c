/* SPDX-License-Identifier: Apache-2.0
 *
 * A wave starts inside its window or not at all; its end aborts a running one only when asked to;
 * and what is late does what its policy says. */

#include "tests/fault/faults.h"

enum { BYTES = 65536 };

static void a_wave_does_not_start_before_its_window(void** state) {
    faults* self = *state;
    const bwrt_operation operation = read_of(self, 0, 0, BYTES);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_completion completion;
    uint64_t delay_ns = 20000000;

    wave.window = BWRT_WINDOW_TIME;
    do { /* again when the machine was so busy that the window was open by then */
        wave.window_start = monotonic_ns() + delay_ns;
        memset(self->memory, 0, BYTES);

        assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);

        assert_true(completion.finished_ns >= wave.window_start);
        assert_true(has_pattern(self->memory, 0, BYTES));
        delay_ns *= 2;
    } while (completion.submitted_ns >= wave.window_start);
}

static void a_wave_after_its_window_ends_without_a_byte_moved(void** state) {
    faults* self = *state;
    const bwrt_operation operation = read_of(self, 0, 0, BYTES);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_completion completion;

    memset(self->memory, 0xEE, BYTES);
    wave.window = BWRT_WINDOW_TIME;
    wave.window_end = monotonic_ns() - 1;

    assert_int_equal(run_wave(self, &wave, &completion), BWRT_E_WINDOW);

    assert_int_equal(completion.verdict, BWRT_VERDICT_RECOMPUTE);
    assert_int_equal(completion.operation_index, BWRT_NONE);
    assert_int_equal(completion.tier, BWRT_TIER_NONE);
    assert_true(is_filled_with(self->memory, 0xEE, BYTES));
    assert_int_equal(counters_of(self->runtime).waves_window, 1);
}

/* It waits for another until its window has closed. */
static void a_window_that_closes_on_a_waiting_wave_ends_it(void** state) {
    faults* self = *state;
    const bwrt_operation operation = copy_of(self, 0, BYTES, 64);
    bwrt_wave plug = wave_of(&operation, 1), wave = wave_of(&operation, 1);
    bwrt_completion completion;
    bwrt_handle handle = 0;

    plug.window = wave.window = BWRT_WINDOW_TIME;
    plug.window_start = monotonic_ns() + 3600000000000u;
    assert_int_equal(bwrt_submit_wave(self->runtime, &plug, &handle, NULL), BWRT_OK);
    wave.wait_for[0] = handle;
    wave.window_end = monotonic_ns() + 10000000;

    assert_int_equal(run_wave(self, &wave, &completion), BWRT_E_WINDOW);

    assert_true(completion.finished_ns >= wave.window_end);
    assert_int_equal(bwrt_cancel(self->runtime, handle, NULL), BWRT_OK);
}

/* A running wave finishes, unless WINDOW_ABORT was given: then only the rest is left undone. */
static void the_end_of_the_window_aborts_a_running_wave_only_when_asked(void** state) {
    faults* self = *state;
    enum { COPIES = 4096 };
    static bwrt_operation operations[COPIES];
    static bwrt_result results[COPIES];
    bwrt_wave wave = wave_of(operations, COPIES);
    bwrt_completion completion;
    unsigned aborted_count = 0;

    for (uint64_t i = 0; i < COPIES; ++i) {
        operations[i] = read_of(self, (i * 7919) % (FAULTS_BYTES - 128), i * 128, 128);
    }
    for (int round = 0; round < 20; ++round) {
        uint64_t bytes = 0;

        with_results(&wave, results, COPIES);
        wave.window = BWRT_WINDOW_TIME;
        wave.flags = round < 10 ? 0 : BWRT_WAVE_WINDOW_ABORT;
        wave.window_end = monotonic_ns() + 2000000;
        const bwrt_status status = run_wave(self, &wave, &completion);

        assert_true(status == BWRT_OK || status == BWRT_E_WINDOW);
        aborted_count += round >= 10 && status == BWRT_E_WINDOW;
        for (uint64_t i = 0; i < COPIES; ++i) {
            assert_true(results[i].status == BWRT_OK || results[i].status == BWRT_E_WINDOW);
            assert_int_equal(results[i].bytes, results[i].status == BWRT_OK ? 128 : 0);
            if (i < completion.prefix_count) assert_int_equal(results[i].status, BWRT_OK);
            bytes += results[i].bytes;
        }
        assert_int_equal(completion.bytes, bytes);
        if (round < 10) assert_true(bytes == 0 || bytes == COPIES * 128);
    }
    print_message("%u of 10 aborted\n", aborted_count);
}

/* An hour is enough, and says so before the deadline is there. */
static void a_deadline_that_can_be_met_changes_nothing(void** state) {
    faults* self = *state;
    const bwrt_operation operation = read_of(self, 0, 0, BYTES);
    const uint32_t policies[3] = {BWRT_LATE_FINISH, BWRT_LATE_ABORT, BWRT_LATE_REFUSE};

    for (int i = 0; i < 3; ++i) {
        bwrt_wave wave = wave_of(&operation, 1);
        bwrt_completion completion;

        wave.late = policies[i];
        wave.flags = BWRT_WAVE_DEADLINE_RELATIVE;
        wave.deadline_ns = 3600000000000u;
        assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);
        assert_int_equal(completion.flags, 0);
        assert_int_equal(completion.verdict, BWRT_VERDICT_LOADED);
    }
    assert_int_equal(counters_of(self->runtime).waves_overdue, 0);
}

/* The rate was measured: what needs seconds at it is refused when it has a microsecond. */
static void what_cannot_be_met_is_refused_at_submission(void** state) {
    faults* self = *state;
    const bwrt_operation operation = read_of(self, 0, 0, FAULTS_BYTES);
    const bwrt_wave measuring = wave_of(&operation, 1);
    bwrt_wave wave = measuring;
    bwrt_completion completion;
    bwrt_handle handle = 77;
    bwrt_status status = BWRT_OK;

    wave.late = BWRT_LATE_REFUSE;
    wave.flags = BWRT_WAVE_DEADLINE_RELATIVE;
    wave.deadline_ns = 1000;
    /* A rate is one of milliseconds; and it is believed for a second, which a busy machine may let
     * pass: then once more. */
    for (int round = 0; status == BWRT_OK && round < 10; ++round) {
        for (int i = 0; i < 100; ++i) {
            assert_int_equal(run_wave(self, &measuring, &completion), BWRT_OK);
        }
        handle = 77;
        status = bwrt_submit_wave(self->runtime, &wave, &handle, &self->error);
        if (status != BWRT_OK) break;
        assert_int_equal(bwrt_wait(self->runtime, handle, kPatienceNs, &completion, NULL), 0);
    }

    assert_int_equal(status, BWRT_E_LATE);
    assert_refused(&self->error, BWRT_E_LATE, "wave.deadline_ns", BWRT_NONE);
    assert_int_equal(handle, 77);
    assert_still_works(self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_wave_does_not_start_before_its_window),
        IN_WORLD(a_wave_after_its_window_ends_without_a_byte_moved),
        IN_WORLD(a_window_that_closes_on_a_waiting_wave_ends_it),
        IN_WORLD(the_end_of_the_window_aborts_a_running_wave_only_when_asked),
        IN_WORLD(a_deadline_that_can_be_met_changes_nothing),
        IN_WORLD(what_cannot_be_met_is_refused_at_submission),
    };
    int failures = 0;

    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
