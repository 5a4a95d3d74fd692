/* SPDX-License-Identifier: Apache-2.0
 *
 * Many threads on one runtime, meant for the thread sanitizer too: eight submit, two of them wait
 * for their own waves and the others' go to a poller, some are cancelled on the way, samples are
 * taken beside it all.  Every accepted wave completes exactly once, with the bytes it claims, and
 * every sample adds up.
 *
 *   submitter s, wave i:  a read of its own part of the file into its own part of the memory,
 *                         of which it never has two at once
 *
 * Random, with a printed seed; the schedule is the system's. */

#include <pthread.h>
#include <sched.h>

#include "tests/fault/faults.h"

enum { SUBMITTERS = 8, WAITERS = 2, PARTS = 4, BYTES = 8192 };
enum { WAVES_EACH = 400 };

typedef struct stress {
    faults base;
    uint32_t taken[SUBMITTERS][WAVES_EACH]; /* completions that came, atomically counted */
    uint32_t part_free[SUBMITTERS][PARTS];
    uint32_t polled_count;
    uint32_t refused_count;
    uint32_t cancelled_count;
    uint32_t wrong_count;
    int over;
} stress;

typedef struct worker {
    stress* world;
    uint64_t random;
    uint32_t index;
} worker;

static void count(uint32_t* counter) { __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }

/* user_data: submitter, wave, part, bytes. */
static void take(stress* world, const bwrt_completion* completion) {
    const uint32_t submitter = (uint32_t)(completion->user_data >> 48);
    const uint32_t wave = (uint32_t)(completion->user_data >> 16) & 0xFFFFFFFF;
    const uint32_t part = completion->user_data & 0xFFFF;
    const uint64_t at = ((uint64_t)submitter * PARTS + part) * BYTES;

    count(&world->taken[submitter][wave]);
    if (completion->status == BWRT_E_CANCELLED) {
        count(&world->cancelled_count);
    } else if (completion->status != BWRT_OK || completion->bytes != BYTES ||
               !has_pattern(world->base.memory + at, at, BYTES)) {
        count(&world->wrong_count);
    }
    /* Release: the next user of the part is after our look at it. */
    __atomic_store_n(&world->part_free[submitter][part], 1, __ATOMIC_RELEASE);
}

static void* submit_waves(void* argument) {
    worker* self = argument;
    stress* world = self->world;
    const int waits = self->index < WAITERS;

    for (uint32_t i = 0; i < WAVES_EACH;) {
        const uint32_t part = i % PARTS;
        const uint64_t at = ((uint64_t)self->index * PARTS + part) * BYTES;
        const bwrt_operation operation = read_of(&world->base, at, at, BYTES);
        bwrt_wave wave = wave_of(&operation, 1);
        bwrt_handle handle = 0;
        bwrt_completion completion;

        if (__atomic_load_n(&world->part_free[self->index][part], __ATOMIC_ACQUIRE) == 0) {
            sched_yield();
            continue;
        }
        memset(world->base.memory + at, 0, BYTES);
        wave.user_data = (uint64_t)self->index << 48 | (uint64_t)i << 16 | part;
        wave.delivery = waits ? BWRT_DELIVER_WAIT : BWRT_DELIVER_QUEUE;
        wave.priority = (uint32_t)(next_random(&self->random) % 3);
        world->part_free[self->index][part] = 0;
        const bwrt_status status = bwrt_submit_wave(world->base.runtime, &wave, &handle, NULL);

        if (status == BWRT_E_AGAIN) {
            world->part_free[self->index][part] = 1;
            count(&world->refused_count);
            sched_yield();
            continue;
        }
        if (status != BWRT_OK) {
            count(&world->wrong_count);
            break;
        }
        ++i;
        if (next_random(&self->random) % 8 == 0) {
            bwrt_cancel(world->base.runtime, handle, NULL); /* or it was quicker */
        }
        if (!waits) continue;
        while (bwrt_wait(world->base.runtime, handle,
                         next_random(&self->random) % 4 == 0 ? 20000 : kPatienceNs, &completion,
                         NULL) == BWRT_E_TIMEOUT) {
        }
        take(world, &completion);
    }
    return NULL;
}

static void* poll_waves(void* argument) {
    stress* world = argument;
    const uint64_t until_ns = monotonic_ns() + (uint64_t)kPatienceNs;

    while (world->polled_count < (SUBMITTERS - WAITERS) * WAVES_EACH) {
        bwrt_completion completions[16];
        uint32_t got = 0;

        if (bwrt_poll(world->base.runtime, completions, 16, &got, NULL) != BWRT_OK) break;
        for (uint32_t i = 0; i < got; ++i) take(world, &completions[i]);
        world->polled_count += got;
        if (got == 0) sched_yield();
        if (monotonic_ns() > until_ns || world->wrong_count != 0) break;
    }
    return NULL;
}

/* accepted = pending + the outcomes, always; and no number ever falls. */
static void* sample_all_the_while(void* argument) {
    stress* world = argument;
    uint64_t accepted_before = 0, over_before = 0;

    while (!__atomic_load_n(&world->over, __ATOMIC_RELAXED)) {
        bwrt_route routes[4];
        bwrt_counters now;

        memset(&now, 0, sizeof(now));
        memset(routes, 0, sizeof(routes));
        now.struct_size = sizeof(now);
        now.routes = routes;
        now.route_capacity = 4;
        now.route_bytes = sizeof(routes[0]);
        if (bwrt_sample(world->base.runtime, &now, NULL) != BWRT_OK) {
            count(&world->wrong_count);
            break;
        }
        const uint64_t over = now.waves_ok + now.waves_cancelled + now.waves_late +
                              now.waves_window + now.waves_dependency + now.waves_failed;

        if (now.waves_accepted != now.waves_pending + over ||
            now.waves_accepted < accepted_before || over < over_before ||
            now.unknown_completions != 0) {
            count(&world->wrong_count);
        }
        for (int r = 0; r < 4; ++r) {
            uint64_t in_buckets = 0;

            for (uint32_t b = 0; b < BWRT_LATENCY_BUCKET_COUNT; ++b) {
                in_buckets += routes[r].latency_buckets[b];
            }
            if (in_buckets != routes[r].request_count) count(&world->wrong_count);
        }
        accepted_before = now.waves_accepted;
        over_before = over;
        usleep(200);
    }
    return NULL;
}

static void every_wave_of_many_threads_completes_once(void** state) {
    static stress world;
    bwrt_config config = config_of_mode();
    pthread_t submitters[SUBMITTERS], poller, sampler;
    worker workers[SUBMITTERS];
    uint64_t seed = seed_of_test();

    (void)state;
    memset(&world, 0, sizeof(world));
    memset(world.part_free, 1, sizeof(world.part_free));
    config.wave_count_max = 24; /* fewer than there may be: some are refused */
    assert_int_equal(faults_open(&world.base, &config), 0);
    pthread_create(&poller, NULL, poll_waves, &world);
    pthread_create(&sampler, NULL, sample_all_the_while, &world);
    for (uint32_t i = 0; i < SUBMITTERS; ++i) {
        workers[i] = (worker){&world, next_random(&seed), i};
        pthread_create(&submitters[i], NULL, submit_waves, &workers[i]);
    }
    for (uint32_t i = 0; i < SUBMITTERS; ++i) pthread_join(submitters[i], NULL);
    pthread_join(poller, NULL);
    __atomic_store_n(&world.over, 1, __ATOMIC_RELAXED);
    pthread_join(sampler, NULL);

    print_message("%u refused, %u cancelled\n", world.refused_count, world.cancelled_count);
    assert_int_equal(world.wrong_count, 0);
    for (uint32_t s = 0; s < SUBMITTERS; ++s) {
        for (uint32_t i = 0; i < WAVES_EACH; ++i) assert_int_equal(world.taken[s][i], 1);
    }
    const bwrt_counters counters = counters_of(world.base.runtime);

    assert_int_equal(counters.waves_accepted, SUBMITTERS * WAVES_EACH);
    assert_int_equal(counters.waves_refused, world.refused_count);
    assert_int_equal(counters.waves_cancelled, world.cancelled_count);
    assert_int_equal(counters.waves_pending, 0);
    assert_int_equal(counters.undelivered, 0);
    assert_int_equal(faults_close(&world.base), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wave_of_many_threads_completes_once),
    };
    int failures = 0;

    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
