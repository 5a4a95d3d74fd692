/* SPDX-License-Identifier: Apache-2.0
 *
 * Eight threads submit while another shuts the runtime down.  Each submission is either refused,
 * CLOSED or AGAIN, or its wave completes exactly once; after the shutdown nothing is accepted and
 * nothing runs. */

#include <pthread.h>
#include <sched.h>

#include "tests/fault/faults.h"

enum { SUBMITTERS = 8, ROUNDS = 12, WAVES_MAX = 1024, BYTES = 64 };

typedef struct submitter {
    faults* base;
    const int* go;
    uint32_t index;
    uint32_t accepted_count;
    uint32_t wrong_count;
    bwrt_handle handles[WAVES_MAX];
} submitter;

static void* submit_until_closed(void* argument) {
    submitter* self = argument;

    while (!__atomic_load_n(self->go, __ATOMIC_ACQUIRE)) {
    }
    for (;;) {
        /* A target of its own for every wave: they run side by side. */
        const uint64_t at = ((uint64_t)self->index * WAVES_MAX + self->accepted_count) * BYTES;
        const bwrt_operation operation = self->index % 2 == 0
                                             ? read_of(self->base, 0, at, BYTES)
                                             : copy_of(self->base, FAULTS_BYTES / 2, at, BYTES);
        bwrt_wave wave = wave_of(&operation, 1);
        bwrt_handle handle = 0;
        const bwrt_status status = bwrt_submit_wave(self->base->runtime, &wave, &handle, NULL);

        if (status == BWRT_E_CLOSED) break;
        if (status == BWRT_OK) {
            self->handles[self->accepted_count] = handle;
            __atomic_store_n(&self->accepted_count, self->accepted_count + 1, __ATOMIC_RELAXED);
            if (self->accepted_count == WAVES_MAX) break;
        } else if (status != BWRT_E_AGAIN) {
            ++self->wrong_count;
            break;
        }
    }
    return NULL;
}

static uint32_t accepted_in(const submitter* self) {
    return __atomic_load_n(&self->accepted_count, __ATOMIC_RELAXED);
}

static void each_submission_is_refused_or_completes_once(void** state) {
    static submitter submitters[SUBMITTERS];
    uint64_t random = seed_of_test();
    uint64_t accepted_total = 0;

    (void)state;
    for (uint32_t round = 0; round < ROUNDS; ++round) {
        bwrt_config config = config_of_mode();
        const uint32_t how = round % 2 == 0 ? BWRT_SHUTDOWN_DRAIN : BWRT_SHUTDOWN_CANCEL;
        pthread_t threads[SUBMITTERS];
        uint64_t accepted_count = 0, over_count = 0, until_ns;
        int go = 0;
        faults base;

        config.wave_count_max = WAVES_MAX; /* none is delivered before the end */
        assert_int_equal(faults_open(&base, &config), 0);
        for (uint32_t i = 0; i < SUBMITTERS; ++i) {
            submitters[i] = (submitter){.base = &base, .go = &go, .index = i};
            pthread_create(&threads[i], NULL, submit_until_closed, &submitters[i]);
        }
        __atomic_store_n(&go, 1, __ATOMIC_RELEASE);
        for (uint32_t i = 0; accepted_in(&submitters[i]) == 0; i = (i + 1) % SUBMITTERS) {
            sched_yield();
        }
        until_ns = monotonic_ns() + next_random(&random) % 2000000;
        while (monotonic_ns() < until_ns) {
        }
        const bwrt_status status = bwrt_shutdown(base.runtime, how, kPatienceNs, NULL);

        for (uint32_t i = 0; i < SUBMITTERS; ++i) pthread_join(threads[i], NULL);
        assert_int_equal(status, BWRT_OK);
        for (uint32_t i = 0; i < SUBMITTERS; ++i) {
            assert_int_equal(submitters[i].wrong_count, 0);
            accepted_count += submitters[i].accepted_count;
            for (uint32_t w = 0; w < submitters[i].accepted_count; ++w) {
                bwrt_completion completion;

                /* Over already: it is only to be had. */
                assert_int_equal(
                    bwrt_wait(base.runtime, submitters[i].handles[w], 0, &completion, NULL),
                    BWRT_OK);
                assert_true(completion.status == BWRT_OK ||
                            (how == BWRT_SHUTDOWN_CANCEL && completion.status == BWRT_E_CANCELLED));
                ++over_count;
            }
        }
        const bwrt_counters counters = counters_of(base.runtime);

        assert_int_equal(over_count, accepted_count);
        assert_int_equal(counters.waves_accepted, accepted_count);
        assert_int_equal(counters.waves_pending, 0);
        assert_int_equal(counters.undelivered, 0);
        accepted_total += accepted_count;
        assert_int_equal(faults_close(&base), 0);
    }
    print_message("%llu accepted\n", (unsigned long long)accepted_total);
    assert_true(accepted_total > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_submission_is_refused_or_completes_once),
    };
    int failures = 0;

    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
