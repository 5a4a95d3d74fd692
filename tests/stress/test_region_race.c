/* SPDX-License-Identifier: Apache-2.0
 *
 * Regions and layouts come, rest and go while waves run over them.  A wave that was accepted runs
 * on memory that is there; one that came too late is refused; what is in use stays. */

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include "tests/fault/faults.h"

enum { SUBMITTERS = 4, ROUNDS = 60, BYTES = 16384 };

typedef struct race {
    faults base;
    bwrt_handle region; /* the one of this moment, atomically */
    uint32_t ok_count, again_count, stale_count, wrong_count;
    int over;
} race;

typedef struct worker {
    race* world;
    uint64_t part;
} worker;

static void count(uint32_t* counter) { __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }

static void* submit_to_whatever_is_there(void* argument) {
    const worker* self = argument;
    race* world = self->world;

    while (!__atomic_load_n(&world->over, __ATOMIC_RELAXED)) {
        bwrt_operation operation = read_of(&world->base, 0, self->part * BYTES, BYTES);
        const bwrt_wave wave = wave_of(&operation, 1);
        bwrt_handle handle = 0;
        bwrt_completion completion;

        operation.target = __atomic_load_n(&world->region, __ATOMIC_ACQUIRE);
        const bwrt_status status = bwrt_submit_wave(world->base.runtime, &wave, &handle, NULL);

        if (status == BWRT_OK) {
            if (bwrt_wait(world->base.runtime, handle, kPatienceNs, &completion, NULL) != BWRT_OK ||
                completion.status != BWRT_OK || completion.bytes != BYTES) {
                count(&world->wrong_count);
            }
            count(&world->ok_count);
        } else if (status == BWRT_E_AGAIN) {
            count(&world->again_count);
        } else if (status == BWRT_E_HANDLE) {
            count(&world->stale_count);
        } else {
            count(&world->wrong_count);
        }
    }
    return NULL;
}

/* Rest and resume: in between the memory is out of reach of everyone, the kernel included. */
static void rest(race* world, bwrt_handle region, void* memory) {
    const bwrt_status status =
        bwrt_region_set(world->base.runtime, region, BWRT_REGION_QUIESCE, kPatienceNs, NULL);

    if (status != BWRT_OK) count(&world->wrong_count);
    mprotect(memory, SUBMITTERS * BYTES, PROT_NONE);
    mprotect(memory, SUBMITTERS * BYTES, PROT_READ | PROT_WRITE);
    bwrt_region_set(world->base.runtime, region, BWRT_REGION_RESUME, 0, NULL);
}

/* Or there would be little but refusals. */
static void let_some_run(race* world) {
    const uint32_t enough = __atomic_load_n(&world->ok_count, __ATOMIC_RELAXED) + 8;

    while (__atomic_load_n(&world->ok_count, __ATOMIC_RELAXED) < enough &&
           __atomic_load_n(&world->wrong_count, __ATOMIC_RELAXED) == 0) {
        sched_yield();
    }
}

static void regions_come_rest_and_go_under_running_waves(void** state) {
    static race world;
    const bwrt_config config = config_of_mode();
    pthread_t threads[SUBMITTERS];
    worker workers[SUBMITTERS];
    uint32_t busy_count = 0;
    void* const memory =
        mmap(NULL, SUBMITTERS * BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const bwrt_region host = host_region_of(memory, SUBMITTERS * BYTES);

    (void)state;
    memset(&world, 0, sizeof(world));
    assert_int_equal(faults_open(&world.base, &config), 0);
    assert_int_equal(bwrt_region_add(world.base.runtime, &host, &world.region, NULL, NULL), 0);
    for (uint64_t i = 0; i < SUBMITTERS; ++i) {
        workers[i] = (worker){&world, i};
        pthread_create(&threads[i], NULL, submit_to_whatever_is_there, &workers[i]);
    }
    for (int round = 0; round < ROUNDS; ++round) {
        const bwrt_handle before = __atomic_load_n(&world.region, __ATOMIC_RELAXED);
        bwrt_handle after = 0;
        bwrt_plane plane;
        bwrt_layout layout;
        bwrt_handle layout_handle = 0;

        let_some_run(&world);
        rest(&world, before, memory);
        let_some_run(&world);
        memset(&plane, 0, sizeof(plane));
        plane.region = before;
        plane.length_bytes = 4096;
        memset(&layout, 0, sizeof(layout));
        layout.struct_size = sizeof(layout);
        layout.slot_count = 4;
        layout.block_bytes = 4096;
        layout.planes = &plane;
        layout.plane_count = 1;
        layout.plane_bytes = sizeof(plane);
        if (bwrt_layout_add(world.base.runtime, &layout, &layout_handle, NULL) != BWRT_OK)
            count(&world.wrong_count);
        if (bwrt_release(world.base.runtime, before, NULL) != BWRT_E_BUSY)
            count(&world.wrong_count);
        if (bwrt_release(world.base.runtime, layout_handle, NULL) != BWRT_OK)
            count(&world.wrong_count);
        if (bwrt_region_add(world.base.runtime, &host, &after, NULL, NULL) != BWRT_OK)
            count(&world.wrong_count);
        __atomic_store_n(&world.region, after, __ATOMIC_RELEASE);
        for (bwrt_status status = BWRT_E_BUSY; status != BWRT_OK;) {
            status = bwrt_release(world.base.runtime, before, NULL);
            busy_count += status == BWRT_E_BUSY;
            if (status == BWRT_E_BUSY) sched_yield();
            if (status != BWRT_OK && status != BWRT_E_BUSY) {
                count(&world.wrong_count);
                break;
            }
        }
    }
    __atomic_store_n(&world.over, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < SUBMITTERS; ++i) pthread_join(threads[i], NULL);

    print_message("%u ran, %u again, %u stale; %u releases were busy\n", world.ok_count,
                  world.again_count, world.stale_count, busy_count);
    assert_int_equal(world.wrong_count, 0);
    assert_true(world.ok_count > 0);
    assert_int_equal(faults_close(&world.base), 0);
    munmap(memory, SUBMITTERS * BYTES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regions_come_rest_and_go_under_running_waves),
    };
    int failures = 0;

    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
