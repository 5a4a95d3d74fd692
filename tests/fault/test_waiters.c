/* SPDX-License-Identifier: Apache-2.0
 *
 * Two waiters for one wave: one gets the completion, the other learns that it is gone.  Neither
 * waits for ever, also when both came long before the end. */

#include <pthread.h>

#include "tests/fault/faults.h"

enum { ROUNDS = 200 };

typedef struct waiter {
    bwrt_runtime* runtime;
    bwrt_handle handle;
    bwrt_status status;
    bwrt_completion completion;
    bwrt_error error;
} waiter;

static void* wait_for_it(void* argument) {
    waiter* self = argument;

    self->status =
        bwrt_wait(self->runtime, self->handle, kPatienceNs, &self->completion, &self->error);
    return NULL;
}

/* The wave starts `delay_ns` from now; both wait from before that, or come when they come. */
static void race(faults* self, uint64_t delay_ns) {
    const bwrt_operation operation = read_of(self, 0, 0, 65536);
    bwrt_wave wave = wave_of(&operation, 1);
    waiter waiters[2];
    pthread_t threads[2];

    memset(waiters, 0, sizeof(waiters));
    wave.user_data = 4711;
    wave.window = BWRT_WINDOW_TIME;
    wave.window_start = monotonic_ns() + delay_ns;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &waiters[0].handle, NULL), BWRT_OK);
    waiters[0].runtime = waiters[1].runtime = self->runtime;
    waiters[1].handle = waiters[0].handle;
    for (int i = 0; i < 2; ++i) pthread_create(&threads[i], NULL, wait_for_it, &waiters[i]);
    for (int i = 0; i < 2; ++i) pthread_join(threads[i], NULL);

    const waiter* winner = waiters[0].status == BWRT_OK ? &waiters[0] : &waiters[1];
    const waiter* other = winner == &waiters[0] ? &waiters[1] : &waiters[0];

    assert_int_equal(winner->status, BWRT_OK);
    assert_int_equal(winner->completion.status, BWRT_OK);
    assert_int_equal(winner->completion.user_data, 4711);
    assert_int_equal(other->status, BWRT_E_HANDLE);
    assert_int_equal(other->completion.wave, 0);
    assert_refused(&other->error, BWRT_E_HANDLE, "wave", BWRT_NONE);
}

static void of_two_who_wait_for_one_wave_one_gets_it(void** state) {
    faults* self = *state;

    for (int round = 0; round < ROUNDS; ++round) {
        race(self, (uint64_t)(round % 4) * 300000);
    }
    const bwrt_counters counters = counters_of(self->runtime);

    assert_int_equal(counters.waves_ok, ROUNDS);
    assert_int_equal(counters.undelivered, 0);
}

/* In caller mode one of the two drives; the other's wave must not wait for its return. */
static void two_who_wait_for_two_waves_both_get_theirs(void** state) {
    faults* self = *state;

    for (int round = 0; round < ROUNDS; ++round) {
        waiter waiters[2];
        pthread_t threads[2];

        memset(waiters, 0, sizeof(waiters));
        for (uint64_t i = 0; i < 2; ++i) {
            const bwrt_operation operation = read_of(self, 0, i * 65536, 65536);
            bwrt_wave wave = wave_of(&operation, 1);

            wave.window = BWRT_WINDOW_TIME;
            wave.window_start = monotonic_ns() + (i + 1) * 200000;
            waiters[i].runtime = self->runtime;
            assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &waiters[i].handle, NULL),
                             BWRT_OK);
        }
        for (int i = 0; i < 2; ++i) pthread_create(&threads[i], NULL, wait_for_it, &waiters[i]);
        for (int i = 0; i < 2; ++i) pthread_join(threads[i], NULL);

        for (int i = 0; i < 2; ++i) {
            assert_int_equal(waiters[i].status, BWRT_OK);
            assert_int_equal(waiters[i].completion.status, BWRT_OK);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(of_two_who_wait_for_one_wave_one_gets_it),
        IN_WORLD(two_who_wait_for_two_waves_both_get_theirs),
    };
    int failures = 0;

    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
