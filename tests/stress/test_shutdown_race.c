/* SPDX-License-Identifier: Apache-2.0
 *
 * Eight threads submit while another shuts the runtime down.  Each submission is either refused,
 * CLOSED or AGAIN, or its wave completes exactly once; after the shutdown nothing is accepted and
 * nothing runs.  And a shutdown ends by its timeout, whoever storms or waits meanwhile. */

#include <pthread.h>
#include <sched.h>

#include "tests/fault/faults.h"
#include "tests/support/steps.h"

enum { SUBMITTERS = 8, ROUNDS = 12, WAVES_MAX = 1024, BYTES = 64, STORMERS = 16, WAITERS = 4 };

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

typedef struct storm {
    faults base;
    bwrt_handle pending[WAITERS];
    bwrt_status waited[WAITERS];
    bwrt_completion completions[WAITERS];
    uint32_t refused_count, wrong_count;
    int over;
} storm;

typedef struct stormer {
    storm* world;
    uint32_t index;
} stormer;

static void* submit_all_the_same(void* argument) {
    storm* world = ((stormer*)argument)->world;
    const bwrt_operation operation = copy_of(&world->base, 0, FAULTS_BYTES / 2, BYTES);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 0;

    while (!__atomic_load_n(&world->over, __ATOMIC_RELAXED)) {
        const bwrt_status status = bwrt_submit_wave(world->base.runtime, &wave, &handle, NULL);

        __atomic_fetch_add(status == BWRT_E_CLOSED ? &world->refused_count : &world->wrong_count, 1,
                           __ATOMIC_RELAXED);
    }
    return NULL;
}

static void* wait_for_the_end(void* argument) {
    const stormer* self = argument;
    storm* world = self->world;

    world->waited[self->index] = bwrt_wait(world->base.runtime, world->pending[self->index],
                                           kPatienceNs, &world->completions[self->index], NULL);
    return NULL;
}

/* Those who are turned away come back at once, and there are more of them than cores, so that some
 * are always on their way in or out; others sit in a wait.  Neither holds up a shutdown beyond its
 * timeout.  What would hang is ended by an alarm. */
static void a_shutdown_in_a_storm_ends_by_its_timeout(void** state) {
    static storm world;
    const bwrt_config config = config_of_mode();
    pthread_t submitting[STORMERS], waiting[WAITERS];
    stormer stormers[STORMERS], waiters[WAITERS];

    (void)state;
    memset(&world, 0, sizeof(world));
    assert_int_equal(faults_open(&world.base, &config), 0);
    for (uint32_t i = 0; i < WAITERS; ++i) {
        const bwrt_operation operation = copy_of(&world.base, 0, (1 + i) * 4096, BYTES);
        bwrt_wave wave = wave_of(&operation, 1);

        wave.window = BWRT_WINDOW_TIME;
        wave.window_start = monotonic_ns() + 3600000000000u;
        assert_int_equal(bwrt_submit_wave(world.base.runtime, &wave, &world.pending[i], NULL), 0);
    }
    assert_int_equal(bwrt_shutdown(world.base.runtime, BWRT_SHUTDOWN_DRAIN, 0, NULL),
                     BWRT_E_TIMEOUT); /* from here on all are turned away */
    alarm(100);
    for (uint32_t i = 0; i < WAITERS; ++i) {
        waiters[i] = (stormer){&world, i};
        pthread_create(&waiting[i], NULL, wait_for_the_end, &waiters[i]);
    }
    for (uint32_t i = 0; i < STORMERS; ++i) {
        stormers[i] = (stormer){&world, i};
        pthread_create(&submitting[i], NULL, submit_all_the_same, &stormers[i]);
    }
    while (__atomic_load_n(&world.refused_count, __ATOMIC_RELAXED) < 10 * STORMERS) sched_yield();
    for (int i = 0; i < 2; ++i) {
        if (bwrt_shutdown(world.base.runtime, BWRT_SHUTDOWN_DRAIN, 1000000, NULL) !=
            BWRT_E_TIMEOUT) {
            __atomic_fetch_add(&world.wrong_count, 1, __ATOMIC_RELAXED);
        }
    }
    const bwrt_status status =
        bwrt_shutdown(world.base.runtime, BWRT_SHUTDOWN_CANCEL, kPatienceNs, NULL);

    __atomic_store_n(&world.over, 1, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < STORMERS; ++i) pthread_join(submitting[i], NULL);
    for (uint32_t i = 0; i < WAITERS; ++i) pthread_join(waiting[i], NULL);
    alarm(0);
    print_message("%u turned away\n", world.refused_count);
    assert_int_equal(status, BWRT_OK);
    assert_int_equal(world.wrong_count, 0);
    for (uint32_t i = 0; i < WAITERS; ++i) {
        assert_int_equal(world.waited[i], BWRT_OK);
        assert_int_equal(world.completions[i].status, BWRT_E_CANCELLED);
    }
    assert_int_equal(faults_close(&world.base), 0);
}

#ifdef HAS_STEPS

typedef struct held_submitter {
    bwrt_runtime* runtime;
    unsigned char source[BYTES], target[BYTES];
    bwrt_status status;
    bwrt_handle handle;
} held_submitter;

static void* submit_in_steps(void* argument) {
    held_submitter* self = argument;
    bwrt_operation operation;
    const bwrt_wave wave = wave_of(&operation, 1);

    memset(&operation, 0, sizeof(operation));
    operation.kind = BWRT_OP_COPY;
    operation.source = operation.target = BWRT_PROCESS_MEMORY;
    operation.source_offset_bytes = (uintptr_t)self->source;
    operation.target_offset_bytes = (uintptr_t)self->target;
    operation.length_bytes = BYTES;
    steps_begin();
    self->status = bwrt_submit_wave(self->runtime, &wave, &self->handle, NULL);
    steps_end();
    return NULL;
}

/* A shutdown while a submission is held up before its instruction `number`. */
static void shut_down_beside_a_held_up_submission(uint32_t number) {
    bwrt_config config = config_of_mode();
    held_submitter held = {.runtime = NULL, .source = {7}};
    pthread_t thread;
    bwrt_completion completion;

    config.wave_count_max = config.operation_count_max = config.pool_thread_count = 1;
    assert_int_equal(bwrt_open(&config, &held.runtime, NULL), BWRT_OK);
    steps_arm(number);
    pthread_create(&thread, NULL, submit_in_steps, &held);
    steps_wait();

    steps_let_go();
    const bwrt_status status = bwrt_shutdown(held.runtime, BWRT_SHUTDOWN_DRAIN, kPatienceNs, NULL);

    steps_need_not_wait();
    pthread_join(thread, NULL);
    assert_int_equal(status, BWRT_OK);
    assert_int_equal(counters_of(held.runtime).waves_pending, 0); /* asking drives nothing */
    if (held.status == BWRT_OK) {                                 /* then it was drained */
        assert_int_equal(bwrt_wait(held.runtime, held.handle, 0, &completion, NULL), BWRT_OK);
        assert_int_equal(completion.status, BWRT_OK);
        assert_int_equal(held.target[0], 7);
    } else {
        assert_int_equal(held.status, BWRT_E_CLOSED);
    }
    assert_int_equal(bwrt_close(held.runtime, NULL), BWRT_OK);
}

static void a_submission_that_is_held_up_is_drained_or_refused(void** state) {
    (void)state;
    shut_down_beside_a_held_up_submission(0); /* the first call is longer: it is being linked */
    shut_down_beside_a_held_up_submission(UINT32_MAX);
    const uint32_t taken = steps_taken();

    print_message("%u instructions\n", taken);
    assert_true(taken > 100);
    for (uint32_t place = 0; place < steps_place_count(taken); ++place) {
        shut_down_beside_a_held_up_submission(steps_place(place, taken));
    }
}

/* Who is turned away is never inside: held up for good at any place, he does not hold up the end.
 */
static void who_is_turned_away_does_not_hold_up_a_shutdown(void** state) {
    bwrt_config config = config_of_mode();
    held_submitter held = {.runtime = NULL, .source = {7}};
    bwrt_operation operation;
    bwrt_wave pending = wave_of(&operation, 1);
    bwrt_handle handle = 0;
    uint32_t taken = 1;

    (void)state;
    assert_int_equal(bwrt_open(&config, &held.runtime, NULL), BWRT_OK);
    memset(&operation, 0, sizeof(operation));
    operation.kind = BWRT_OP_COPY;
    operation.source = operation.target = BWRT_PROCESS_MEMORY;
    operation.source_offset_bytes = (uintptr_t)held.source;
    operation.target_offset_bytes = (uintptr_t)held.target;
    operation.length_bytes = BYTES;
    pending.window = BWRT_WINDOW_TIME;
    pending.window_start = monotonic_ns() + 3600000000000u;
    assert_int_equal(bwrt_submit_wave(held.runtime, &pending, &handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_shutdown(held.runtime, BWRT_SHUTDOWN_DRAIN, 0, NULL), BWRT_E_TIMEOUT);
    alarm(100); /* for a shutdown that waits for him */
    for (uint32_t place = 0; place < steps_place_count(taken); ++place) {
        pthread_t thread;

        steps_arm(taken == 1 ? UINT32_MAX : steps_place(place, taken));
        pthread_create(&thread, NULL, submit_in_steps, &held);
        steps_wait();
        assert_int_equal(bwrt_shutdown(held.runtime, BWRT_SHUTDOWN_DRAIN, 0, NULL), BWRT_E_TIMEOUT);
        steps_let_go();
        steps_need_not_wait();
        pthread_join(thread, NULL);
        assert_int_equal(held.status, BWRT_E_CLOSED);
        if (taken == 1) taken = steps_taken(); /* nowhere held up, that was the count */
    }
    alarm(0);
    print_message("%u instructions\n", taken);
    assert_true(taken > 20);
    assert_int_equal(bwrt_shutdown(held.runtime, BWRT_SHUTDOWN_CANCEL, kPatienceNs, NULL), BWRT_OK);
    assert_int_equal(bwrt_close(held.runtime, NULL), BWRT_OK);
}

#else

static void who_is_turned_away_does_not_hold_up_a_shutdown(void** state) {
    (void)state;
    print_message("skipped: no thread can be held up here (steps.h)\n");
    skip();
}

static void a_submission_that_is_held_up_is_drained_or_refused(void** state) {
    (void)state;
    print_message("skipped: no thread can be held up here (steps.h)\n");
    skip();
}

#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_submission_is_refused_or_completes_once),
        cmocka_unit_test(a_shutdown_in_a_storm_ends_by_its_timeout),
    };
    const struct CMUnitTest once[] = {
        cmocka_unit_test(a_submission_that_is_held_up_is_drained_or_refused),
        cmocka_unit_test(who_is_turned_away_does_not_hold_up_a_shutdown),
    };
    int failures = 0;

    fault_mode_now = &kModes[1]; /* nobody drives but the one who ends it */
    failures += cmocka_run_group_tests(once, NULL, NULL);

    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
