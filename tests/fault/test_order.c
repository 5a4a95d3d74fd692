/* SPDX-License-Identifier: Apache-2.0
 *
 * Order between waves: dependencies, barriers, priorities and deadlines.  A wave whose window
 * opens later is the plug: what stands behind it must not run, and what does not must. */

#include "tests/fault/faults.h"

enum { BYTES = 65536 };

static bwrt_handle submit(faults* self, const bwrt_operation* operation, uint32_t flags,
                          bwrt_handle wait_for) {
    bwrt_wave wave = wave_of(operation, 1);
    bwrt_handle handle = 0;

    wave.flags = flags;
    wave.wait_for[0] = wait_for;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);
    return handle;
}

/* Runs when its window opens, `delay_ns` from now. */
static bwrt_handle submit_plug(faults* self, const bwrt_operation* operation, uint64_t delay_ns) {
    bwrt_wave wave = wave_of(operation, 1);
    bwrt_handle handle = 0;

    wave.window = BWRT_WINDOW_TIME;
    wave.window_start = monotonic_ns() + delay_ns;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);
    return handle;
}

static bwrt_status outcome_of(faults* self, bwrt_handle handle) {
    bwrt_completion completion;

    assert_int_equal(bwrt_wait(self->runtime, handle, kPatienceNs, &completion, NULL), BWRT_OK);
    return completion.status;
}

/* A chain through memory: each copy takes what the one before it wrote. */
static void a_chain_of_dependencies_runs_in_order(void** state) {
    faults* self = *state;
    enum { LINKS = 10 };
    bwrt_handle handles[LINKS + 1];
    const bwrt_operation first = read_of(self, 4096, 0, BYTES);

    memset(self->memory, 0, FAULTS_BYTES);
    handles[0] = submit_plug(self, &first, 5000000);
    for (uint64_t i = 1; i <= LINKS; ++i) {
        const bwrt_operation next = copy_of(self, (i - 1) * BYTES, i * BYTES, BYTES);

        handles[i] = submit(self, &next, 0, handles[i - 1]);
    }
    assert_int_equal(outcome_of(self, handles[LINKS]), BWRT_OK);
    assert_true(has_pattern(self->memory + LINKS * BYTES, 4096, BYTES));
    for (int i = 0; i < LINKS; ++i) assert_int_equal(outcome_of(self, handles[i]), BWRT_OK);
}

static void a_wave_may_wait_for_four(void** state) {
    faults* self = *state;
    bwrt_operation operation = copy_of(self, 0, 4 * BYTES, BYTES);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_completion completion;

    for (uint64_t i = 0; i < 4; ++i) {
        const bwrt_operation part = read_of(self, i * 1000, i * (BYTES / 4), BYTES / 4);

        wave.wait_for[i] = submit_plug(self, &part, (4 - i) * 2000000);
    }
    assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);
    for (uint64_t i = 0; i < 4; ++i) {
        assert_true(has_pattern(self->memory + 4 * BYTES + i * (BYTES / 4), i * 1000, BYTES / 4));
        assert_int_equal(outcome_of(self, wave.wait_for[i]), BWRT_OK);
    }
}

static void a_failed_dependency_fails_all_behind_it_and_runs_none(void** state) {
    faults* self = *state;
    const bwrt_operation plug = copy_of(self, 0, BYTES, 64);
    const bwrt_operation copy = copy_of(self, 0, 2 * BYTES, BYTES);
    bwrt_handle first, second, third;

    memset(self->memory + 2 * BYTES, 0xEE, BYTES);
    first = submit_plug(self, &plug, 3600000000000u);
    second = submit(self, &copy, 0, first);
    third = submit(self, &copy, 0, second);
    assert_int_equal(bwrt_cancel(self->runtime, first, NULL), BWRT_OK);
    assert_int_equal(outcome_of(self, third), BWRT_E_DEPENDENCY);
    assert_int_equal(outcome_of(self, second), BWRT_E_DEPENDENCY);
    assert_int_equal(outcome_of(self, first), BWRT_E_CANCELLED);
    assert_true(is_filled_with(self->memory + 2 * BYTES, 0xEE, BYTES));
}

/* Over, and not yet delivered, it can still be waited for, whatever became of it. */
static void a_dependency_may_be_over_already(void** state) {
    faults* self = *state;
    const bwrt_operation copy = copy_of(self, 0, BYTES, BYTES);
    bwrt_wave closed = wave_of(&copy, 1);
    bwrt_handle good, bad = 0;
    bwrt_completion completion;

    closed.window = BWRT_WINDOW_TIME;
    closed.window_end = 1;
    good = submit(self, &copy, 0, 0);
    assert_int_equal(bwrt_submit_wave(self->runtime, &closed, &bad, NULL), BWRT_OK);
    assert_still_works(self); /* by now both are over */

    assert_int_equal(outcome_of(self, submit(self, &copy, 0, good)), BWRT_OK);
    assert_int_equal(outcome_of(self, submit(self, &copy, 0, bad)), BWRT_E_DEPENDENCY);
    assert_int_equal(outcome_of(self, bad), BWRT_E_WINDOW);
    assert_int_equal(outcome_of(self, good), BWRT_OK);

    bwrt_wave wave = wave_of(&copy, 1);

    wave.wait_for[2] = good;
    assert_int_equal(run_wave(self, &wave, &completion), BWRT_E_HANDLE);
    assert_refused(&self->error, BWRT_E_HANDLE, "wave.wait_for", BWRT_NONE);
}

static void a_barrier_waits_for_everything_before_it(void** state) {
    faults* self = *state;
    const bwrt_operation first = read_of(self, 8192, 0, BYTES);
    const bwrt_operation second = copy_of(self, 0, BYTES, BYTES);
    const bwrt_operation free_one = copy_of(self, 4 * BYTES, 5 * BYTES, 64);

    memset(self->memory, 0, 2 * BYTES);
    const bwrt_handle plug = submit_plug(self, &first, 10000000);
    const bwrt_handle barrier = submit(self, &second, BWRT_WAVE_BARRIER, 0);
    const bwrt_handle behind = submit(self, &free_one, 0, 0);

    assert_int_equal(outcome_of(self, behind), BWRT_OK); /* it is no wall for those after it */
    assert_int_equal(outcome_of(self, barrier), BWRT_OK);
    assert_true(has_pattern(self->memory + BYTES, 8192, BYTES));
    assert_int_equal(outcome_of(self, plug), BWRT_OK);
}

/* It waits for the end of what was before it, not for its success. */
static void a_barrier_is_not_failed_by_those_before_it(void** state) {
    faults* self = *state;
    const bwrt_operation copy = copy_of(self, 0, BYTES, 64);
    const bwrt_handle plug = submit_plug(self, &copy, 3600000000000u);
    const bwrt_handle barrier = submit(self, &copy, BWRT_WAVE_BARRIER, 0);
    bwrt_completion completion;

    assert_int_equal(bwrt_wait(self->runtime, barrier, 5000000, &completion, NULL), BWRT_E_TIMEOUT);
    assert_int_equal(bwrt_cancel(self->runtime, plug, NULL), BWRT_OK);
    assert_int_equal(outcome_of(self, barrier), BWRT_OK);
    assert_int_equal(outcome_of(self, plug), BWRT_E_CANCELLED);
}

/* A flush covers what was complete when its wave started: a barrier makes that all. */
static void a_flush_behind_a_barrier_follows_the_writes(void** state) {
    faults* self = *state;
    const bwrt_operation write = write_of(self, 0, 0, BYTES);
    const bwrt_operation flush = flush_of(self);

    for (int i = 0; i < 10; ++i) {
        const bwrt_handle writing = submit(self, &write, 0, 0);
        const bwrt_handle flushing = submit(self, &flush, BWRT_WAVE_BARRIER, 0);
        bwrt_completion completion;

        assert_int_equal(outcome_of(self, flushing), BWRT_OK);
        assert_int_equal(bwrt_wait(self->runtime, writing, 0, &completion, NULL), BWRT_OK);
    }
}

/* Three waves become ready at one moment, behind one plug, in the wrong order.  0 when the machine
 * was so busy that the plug was gone before they were there. */
static int serves_in_order(faults* self, const uint32_t* priorities, const uint64_t* deadlines_ns,
                           uint64_t delay_ns) {
    const bwrt_operation plug_copy = copy_of(self, 0, BYTES, 64);
    const uint64_t gone_ns = monotonic_ns() + delay_ns; /* at the earliest */
    const bwrt_handle plug = submit_plug(self, &plug_copy, delay_ns);
    bwrt_completion completions[3];
    uint32_t count = 0, got = 0;
    int in_time;

    for (uint32_t i = 0; i < 3; ++i) {
        const bwrt_operation copy = copy_of(self, 0, (2 + i) * BYTES, BYTES);
        bwrt_wave wave = wave_of(&copy, 1);
        bwrt_handle handle = 0;

        wave.priority = priorities[i];
        wave.deadline_ns = deadlines_ns[i];
        wave.flags = deadlines_ns[i] != 0 ? BWRT_WAVE_DEADLINE_RELATIVE : 0;
        wave.delivery = BWRT_DELIVER_QUEUE;
        wave.user_data = i;
        wave.wait_for[0] = plug;
        assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);
    }
    in_time = monotonic_ns() < gone_ns;
    while (count < 3) {
        assert_int_equal(bwrt_poll(self->runtime, completions + count, 3 - count, &got, NULL),
                         BWRT_OK);
        count += got;
    }
    for (uint32_t i = 0; in_time && i < 3; ++i) {
        assert_int_equal(completions[i].user_data, 2 - i);
    }
    assert_int_equal(outcome_of(self, plug), BWRT_OK);
    return in_time;
}

/* Submitted within less than the deadlines are apart, for a later submission is a later deadline.
 */
static void ready_waves_are_served_by(faults* self, const uint32_t* priorities,
                                      const uint64_t* deadlines_ns) {
    uint64_t delay_ns = 5000000;

    while (!serves_in_order(self, priorities, deadlines_ns, delay_ns)) {
        if (delay_ns < 80000000) delay_ns *= 2;
    }
}

static void ready_waves_are_served_by_priority(void** state) {
    const uint32_t priorities[3] = {BWRT_PRIORITY_BACKGROUND, BWRT_PRIORITY_NORMAL,
                                    BWRT_PRIORITY_URGENT};
    const uint64_t deadlines[3] = {0, 0, 0};

    ready_waves_are_served_by(*state, priorities, deadlines);
}

static void of_one_priority_the_earliest_deadline_is_first(void** state) {
    const uint32_t priorities[3] = {0, 0, 0};
    /* Without one counts as due a second after submission. */
    const uint64_t deadlines[3] = {0, 900000000, 800000000};

    ready_waves_are_served_by(*state, priorities, deadlines);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_chain_of_dependencies_runs_in_order),
        IN_WORLD(a_wave_may_wait_for_four),
        IN_WORLD(a_failed_dependency_fails_all_behind_it_and_runs_none),
        IN_WORLD(a_dependency_may_be_over_already),
        IN_WORLD(a_barrier_waits_for_everything_before_it),
        IN_WORLD(a_barrier_is_not_failed_by_those_before_it),
        IN_WORLD(a_flush_behind_a_barrier_follows_the_writes),
        IN_WORLD(ready_waves_are_served_by_priority),
        IN_WORLD(of_one_priority_the_earliest_deadline_is_first),
    };
    int failures = 0;

    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
