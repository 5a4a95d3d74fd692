/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows of the engine's own steps: a wave starts while the token is inside, and the token only
 * goes on. */

#include <pthread.h>

#include "tests/fault/faults.h"

enum { BYTES = 4096, WAVES = 64 };

static void advance(faults* self, uint64_t token) {
    assert_int_equal(bwrt_advance(self->runtime, token, NULL), BWRT_OK);
}

static bwrt_handle start(faults* self, bwrt_wave* wave, uint64_t window_start,
                         uint64_t window_end) {
    bwrt_handle handle = 0;

    wave->window = BWRT_WINDOW_TOKEN;
    wave->window_start = window_start;
    wave->window_end = window_end;
    assert_int_equal(bwrt_submit_wave(self->runtime, wave, &handle, &self->error), BWRT_OK);
    return handle;
}

static bwrt_status finish(faults* self, bwrt_handle handle) {
    bwrt_completion completion;

    assert_int_equal(bwrt_wait(self->runtime, handle, kPatienceNs, &completion, NULL), BWRT_OK);
    return completion.status;
}

/* A turn that takes a command behind it has seen it. */
static void assert_waits(faults* self, bwrt_handle handle) {
    bwrt_completion completion;

    assert_int_equal(counters_of(self->runtime).waves_accepted != 0, 1);
    counters_of(self->runtime);
    assert_int_equal(bwrt_wait(self->runtime, handle, 0, &completion, NULL), BWRT_E_TIMEOUT);
}

static void a_wave_waits_for_its_token(void** state) {
    faults* self = *state;
    const bwrt_operation operation = read_of(self, 0, 0, BYTES);
    bwrt_wave wave = wave_of(&operation, 1);
    const bwrt_handle handle = start(self, &wave, 5, 6);

    assert_waits(self, handle);
    advance(self, 4);
    assert_waits(self, handle);
    advance(self, 5);
    assert_int_equal(finish(self, handle), BWRT_OK);
    assert_true(has_pattern(self->memory, 0, BYTES));
    assert_int_equal(counters_of(self->runtime).token, 5);
}

/* The last token there is comes before the end of what has no end. */
static void an_open_window_never_ends(void** state) {
    faults* self = *state;
    const bwrt_operation operation = read_of(self, 0, 0, BYTES);
    bwrt_wave wave = wave_of(&operation, 1);
    const bwrt_handle handle = start(self, &wave, 5, 0);

    const bwrt_handle last = start(self, &wave, UINT64_MAX, 0);

    advance(self, UINT64_MAX - 1);
    assert_int_equal(finish(self, handle), BWRT_OK);
    assert_waits(self, last);
    advance(self, UINT64_MAX);
    assert_int_equal(finish(self, last), BWRT_OK);
    assert_int_equal(finish(self, start(self, &wave, 5, 0)), BWRT_OK);
}

static void a_token_behind_the_window_ends_the_wave(void** state) {
    faults* self = *state;
    const bwrt_operation operation = read_of(self, 0, 0, BYTES);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle;

    memset(self->memory, 0xEE, BYTES);
    handle = start(self, &wave, 5, 6);
    advance(self, 6); /* half-open: 6 is outside */
    assert_int_equal(finish(self, handle), BWRT_E_WINDOW);
    assert_int_equal(finish(self, start(self, &wave, 0, 6)), BWRT_E_WINDOW);
    handle = start(self, &wave, 10, 20);
    advance(self, 25); /* over it, in one step */
    assert_int_equal(finish(self, handle), BWRT_E_WINDOW);
    assert_true(is_filled_with(self->memory, 0xEE, BYTES));
    assert_int_equal(finish(self, start(self, &wave, 25, 0)), BWRT_OK);
    assert_int_equal(counters_of(self->runtime).waves_window, 3);
}

static void the_token_never_goes_back(void** state) {
    faults* self = *state;

    advance(self, 5);
    advance(self, 5);
    assert_int_equal(bwrt_advance(self->runtime, 4, &self->error), BWRT_E_INVAL);
    assert_refused(&self->error, BWRT_E_INVAL, "token", BWRT_NONE);
    assert_int_equal(counters_of(self->runtime).token, 5);
    advance(self, UINT64_MAX);
}

/* The end of the window alone does not matter to a wave that runs. */
static void a_token_aborts_a_running_wave_only_when_asked(void** state) {
    faults* self = *state;
    enum { COPIES = 4096 };
    static bwrt_operation operations[COPIES];
    static bwrt_result results[COPIES];
    bwrt_wave wave = wave_of(operations, COPIES);
    unsigned aborted_count = 0;

    for (uint64_t i = 0; i < COPIES; ++i) {
        operations[i] = read_of(self, (i * 7919) % (FAULTS_BYTES - 128), i * 128, 128);
    }
    for (uint64_t round = 0; round < 20; ++round) {
        bwrt_handle handle;
        bwrt_status status;
        uint64_t bytes = 0;

        with_results(&wave, results, COPIES);
        wave.flags = round < 10 ? 0 : BWRT_WAVE_WINDOW_ABORT;
        handle = start(self, &wave, 2 * round, 2 * round + 1);
        counters_of(self->runtime); /* it was accepted, and runs */
        advance(self, 2 * round + 2);
        status = finish(self, handle);
        assert_true(status == BWRT_OK || (round >= 10 && status == BWRT_E_WINDOW));
        aborted_count += status == BWRT_E_WINDOW;
        for (uint64_t i = 0; i < COPIES; ++i) bytes += results[i].bytes;
        if (status == BWRT_OK) assert_int_equal(bytes, COPIES * 128);
    }
    print_message("%u of 10 aborted\n", aborted_count);
}

static void waves_start_one_after_the_other_as_the_token_goes_on(void** state) {
    faults* self = *state;
    bwrt_operation operations[WAVES];
    bwrt_handle handles[WAVES];

    for (uint32_t i = 0; i < WAVES; ++i) { /* the last one first */
        const uint32_t step = WAVES - 1 - i;
        bwrt_wave wave;

        operations[step] = read_of(self, step * BYTES, step * BYTES, BYTES);
        wave = wave_of(&operations[step], 1);
        handles[step] = start(self, &wave, step + 1, step + 2);
    }
    for (uint32_t step = 0; step < WAVES; ++step) {
        assert_waits(self, handles[step]);
        advance(self, step + 1);
        assert_int_equal(finish(self, handles[step]), BWRT_OK);
        assert_true(has_pattern(self->memory + step * BYTES, step * BYTES, BYTES));
    }
}

static void a_deadline_ends_a_wave_that_waits_for_its_token(void** state) {
    faults* self = *state;
    const bwrt_operation operation = read_of(self, 0, 0, BYTES);
    bwrt_wave wave = wave_of(&operation, 1);

    wave.deadline_ns = 10000000;
    wave.flags = BWRT_WAVE_DEADLINE_RELATIVE;
    wave.late = BWRT_LATE_ABORT;
    assert_int_equal(finish(self, start(self, &wave, 1, 0)), BWRT_E_LATE);
}

static void* advance_to_the_end(void* argument) {
    faults* self = argument;

    for (uint64_t token = 1; token <= 1000; ++token) {
        const bwrt_status status = bwrt_advance(self->runtime, token, NULL);
        if (status != BWRT_OK && status != BWRT_E_INVAL) return self;
    }
    return NULL;
}

/* Each thread is behind the other now and then, and none loses a wave. */
static void any_thread_may_advance(void** state) {
    faults* self = *state;
    bwrt_handle handles[10];
    pthread_t threads[2];

    for (uint64_t i = 0; i < 10; ++i) { /* several may run at a time: each has its own target */
        const bwrt_operation operation = read_of(self, i * BYTES, i * BYTES, BYTES);
        bwrt_wave wave = wave_of(&operation, 1);

        handles[i] = start(self, &wave, 100 * (i + 1), 0);
    }
    for (int i = 0; i < 2; ++i) {
        assert_int_equal(pthread_create(&threads[i], NULL, advance_to_the_end, self), 0);
    }
    for (int i = 0; i < 10; ++i) assert_int_equal(finish(self, handles[i]), BWRT_OK);
    for (int i = 0; i < 2; ++i) {
        void* failed = NULL;

        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(counters_of(self->runtime).token, 1000);
}

static const struct CMUnitTest kTests[] = {
    IN_WORLD(a_wave_waits_for_its_token),
    IN_WORLD(an_open_window_never_ends),
    IN_WORLD(a_token_behind_the_window_ends_the_wave),
    IN_WORLD(the_token_never_goes_back),
    IN_WORLD(a_token_aborts_a_running_wave_only_when_asked),
    IN_WORLD(waves_start_one_after_the_other_as_the_token_goes_on),
    IN_WORLD(a_deadline_ends_a_wave_that_waits_for_its_token),
    IN_WORLD(any_thread_may_advance),
};

int main(void) {
    int failures = 0;

    RUN_IN_ALL_MODES(kTests, failures)
    return failures;
}
