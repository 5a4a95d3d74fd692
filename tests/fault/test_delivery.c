/* SPDX-License-Identifier: Apache-2.0
 *
 * Who gets a completion.  WAIT waves go to the waiter, QUEUE waves to the poller, DETACHED ones to
 * nobody but the counters; and the event fd is readable exactly while a poll has something to do.
 */

#include <poll.h>

#include "tests/fault/faults.h"

enum { BYTES = 65536 };

static bwrt_handle submit(faults* self, uint32_t delivery, uint64_t user_data) {
    const bwrt_operation operation = read_of(self, 0, user_data * BYTES, BYTES);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 0;

    wave.delivery = delivery;
    wave.user_data = user_data;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);
    return handle;
}

static int is_readable(int fd, int timeout_ms) {
    struct pollfd look = {fd, POLLIN, 0};

    return poll(&look, 1, timeout_ms) == 1;
}

/* Polls until one comes. */
static bwrt_completion poll_one(faults* self) {
    bwrt_completion completion;
    uint32_t count = 0;

    while (count == 0) {
        assert_int_equal(bwrt_poll(self->runtime, &completion, 1, &count, NULL), BWRT_OK);
    }
    return completion;
}

static void each_wave_goes_where_it_was_told_to(void** state) {
    faults* self = *state;
    bwrt_completion completion;
    uint32_t count = 77;

    const bwrt_handle waited = submit(self, BWRT_DELIVER_WAIT, 1);
    const bwrt_handle queued = submit(self, BWRT_DELIVER_QUEUE, 2);
    const bwrt_handle detached = submit(self, BWRT_DELIVER_DETACHED, 3);

    completion = poll_one(self);
    assert_int_equal(completion.wave, queued);
    assert_int_equal(completion.user_data, 2);
    assert_int_equal(bwrt_wait(self->runtime, waited, kPatienceNs, &completion, NULL), BWRT_OK);
    assert_int_equal(completion.user_data, 1);
    /* The poll drives in caller mode, and finds nothing. */
    while (counters_of(self->runtime).waves_pending != 0) {
        assert_int_equal(bwrt_poll(self->runtime, &completion, 1, &count, NULL), BWRT_OK);
        assert_int_equal(count, 0);
    }
    assert_int_equal(bwrt_wait(self->runtime, detached, 0, &completion, &self->error),
                     BWRT_E_HANDLE);
    assert_int_equal(counters_of(self->runtime).waves_ok, 3);
    assert_int_equal(counters_of(self->runtime).undelivered, 0);
    assert_true(has_pattern(self->memory + 3 * BYTES, 0, BYTES));
}

static void a_waiter_cannot_take_what_is_queued(void** state) {
    faults* self = *state;
    bwrt_completion completion;
    const bwrt_handle queued = submit(self, BWRT_DELIVER_QUEUE, 1);

    assert_int_equal(bwrt_wait(self->runtime, queued, kPatienceNs, &completion, &self->error),
                     BWRT_E_INVAL);
    assert_refused(&self->error, BWRT_E_INVAL, "wave.delivery", BWRT_NONE);
    assert_int_equal(poll_one(self).wave, queued);
    assert_int_equal(bwrt_wait(self->runtime, queued, 0, &completion, &self->error), BWRT_E_HANDLE);
}

static void a_detached_wave_has_no_arrays_and_nobody_waits_for_it(void** state) {
    faults* self = *state;
    const bwrt_operation operation = read_of(self, 0, 0, BYTES);
    bwrt_wave wave = wave_of(&operation, 1), behind = wave_of(&operation, 1);
    bwrt_result result;
    bwrt_group_result group;
    bwrt_handle handle = 77, other = 77;

    wave.delivery = BWRT_DELIVER_DETACHED;
    with_results(&wave, &result, 1);
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_E_INVAL);
    wave.results = NULL;
    with_groups(&wave, &group, 1);
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_E_INVAL);
    wave.groups = NULL;
    wave.window = BWRT_WINDOW_TIME;
    wave.window_start = monotonic_ns() + 10000000;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);

    behind.wait_for[0] = handle;
    assert_int_equal(bwrt_submit_wave(self->runtime, &behind, &other, &self->error), BWRT_E_HANDLE);
    assert_refused(&self->error, BWRT_E_HANDLE, "wave.wait_for", BWRT_NONE);
}

static void a_poll_takes_no_more_than_its_capacity(void** state) {
    faults* self = *state;
    const bwrt_operation operation = copy_of(self, 0, FAULTS_BYTES / 2, 64);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_completion completions[4], completion;
    uint32_t total = 0, count = 0;

    for (uint64_t i = 0; i < 10; ++i) submit(self, BWRT_DELIVER_QUEUE, i);
    wave.flags = BWRT_WAVE_BARRIER;
    assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK); /* now all are over */
    assert_int_equal(counters_of(self->runtime).undelivered, 10);
    for (uint32_t expected = 10; expected > 0; expected -= count) {
        assert_int_equal(bwrt_poll(self->runtime, completions, 4, &count, NULL), BWRT_OK);
        assert_int_equal(count, expected < 4 ? expected : 4);
        total += count;
    }
    assert_int_equal(total, 10);
}

static void the_event_fd_is_readable_while_there_is_something_to_poll(void** state) {
    faults* self = *state;
    int32_t fd = -1, again = -1;
    uint32_t count = 0;
    bwrt_completion completion;

    assert_int_equal(bwrt_event_fd(self->runtime, &fd, NULL), BWRT_OK);
    assert_int_equal(bwrt_event_fd(self->runtime, &again, NULL), BWRT_OK);
    assert_int_equal(fd, again);
    assert_int_equal(bwrt_poll(self->runtime, &completion, 1, &count, NULL), BWRT_OK);
    assert_false(is_readable(fd, 0));

    for (uint64_t i = 0; i < 3; ++i) submit(self, BWRT_DELIVER_QUEUE, i);
    for (uint32_t taken = 0; taken < 3;) {
        assert_true(is_readable(fd, 60000)); /* level: also for the second and the third */
        assert_int_equal(bwrt_poll(self->runtime, &completion, 1, &count, NULL), BWRT_OK);
        taken += count;
    }
    /* Who made it readable may have come after what it was for was taken: then once more, in vain.
     */
    for (int look = 0; is_readable(fd, 0); ++look) {
        assert_int_equal(bwrt_poll(self->runtime, &completion, 1, &count, NULL), BWRT_OK);
        assert_int_equal(count, 0);
        assert_true(look < 10);
    }
    assert_int_equal(bwrt_poll(self->runtime, &completion, 1, &count, NULL), BWRT_OK);
    assert_int_equal(count, 0);
}

/* An event loop that only ever polls when it is told to must see every wave, many times over. */
static void an_event_loop_misses_nothing(void** state) {
    faults* self = *state;
    enum { ROUNDS = 500 };
    int32_t fd = -1;

    assert_int_equal(bwrt_event_fd(self->runtime, &fd, NULL), BWRT_OK);
    for (uint64_t round = 0; round < ROUNDS; ++round) {
        uint32_t taken = 0;

        submit(self, BWRT_DELIVER_QUEUE, round % 8);
        while (taken == 0) {
            bwrt_completion completion;

            if (!is_readable(fd, 20000)) fail_msg("round %d: nothing to do", (int)round);
            assert_int_equal(bwrt_poll(self->runtime, &completion, 1, &taken, NULL), BWRT_OK);
            if (taken != 0) assert_int_equal(completion.status, BWRT_OK);
        }
    }
}

/* More copying than one poll does, one after the other: the fd says that there is more to do. */
static void an_event_loop_finishes_what_one_poll_does_not(void** state) {
    faults* self = *state;
    enum { COPIES = 200 };
    bwrt_completion completions[64];
    int32_t fd = -1;
    uint32_t taken = 0, count = 0;

    assert_int_equal(bwrt_event_fd(self->runtime, &fd, NULL), BWRT_OK);
    for (int i = 0; i < COPIES; ++i) {
        const bwrt_operation operation = copy_of(self, 0, FAULTS_BYTES / 2, FAULTS_BYTES / 2);
        bwrt_wave wave = wave_of(&operation, 1);
        bwrt_handle handle = 0;

        wave.delivery = BWRT_DELIVER_QUEUE;
        wave.flags = BWRT_WAVE_BARRIER; /* all write the same bytes */
        assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);
    }
    while (taken < COPIES) {
        if (!is_readable(fd, 20000)) fail_msg("%u of %d, and nothing to do", taken, COPIES);
        assert_int_equal(bwrt_poll(self->runtime, completions, 64, &count, NULL), BWRT_OK);
        taken += count;
    }
}

/* A look that leaves work undone must not lose it for the loop either.  The two waves of a round
 * run side by side, so neither writes what the other touches. */
static void an_event_loop_finishes_what_others_left(void** state) {
    enum { READ_AT = 4 };
    faults* self = *state;
    int32_t fd = -1;

    assert_int_equal(bwrt_event_fd(self->runtime, &fd, NULL), BWRT_OK);
    for (int round = 0; round < 100; ++round) {
        const bwrt_operation operation =
            copy_of(self, 0, (READ_AT + 1) * BYTES, READ_AT * (uint64_t)BYTES);
        bwrt_wave wave = wave_of(&operation, 1);
        bwrt_handle handle = 0, waited;
        bwrt_completion completion;
        uint32_t count = 0;

        waited = submit(self, BWRT_DELIVER_WAIT, READ_AT);
        wave.delivery = BWRT_DELIVER_QUEUE;
        assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);
        assert_true(counters_of(self->runtime).waves_accepted > 0);
        if (round % 2 == 0) bwrt_wait(self->runtime, waited, 0, &completion, NULL);
        while (count == 0) {
            if (!is_readable(fd, 20000)) fail_msg("round %d: nothing to do", round);
            assert_int_equal(bwrt_poll(self->runtime, &completion, 1, &count, NULL), BWRT_OK);
        }
        assert_int_equal(completion.wave, handle);
        bwrt_wait(self->runtime, waited, kPatienceNs, &completion, NULL);
    }
}

/* In caller mode nobody else would look at the time. */
static void the_event_fd_wakes_for_a_window_that_opens(void** state) {
    faults* self = *state;
    const bwrt_operation operation = copy_of(self, 0, BYTES, 64);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 0;
    int32_t fd = -1;
    uint32_t count = 0;
    bwrt_completion completion;

    assert_int_equal(bwrt_event_fd(self->runtime, &fd, NULL), BWRT_OK);
    wave.delivery = BWRT_DELIVER_QUEUE;
    wave.window = BWRT_WINDOW_TIME;
    wave.window_start = monotonic_ns() + 30000000;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);
    while (count == 0) {
        assert_true(is_readable(fd, 20000));
        assert_int_equal(bwrt_poll(self->runtime, &completion, 1, &count, NULL), BWRT_OK);
    }
    assert_int_equal(completion.status, BWRT_OK);
    assert_true(completion.finished_ns >= wave.window_start);
}

/* Completions of waves that nobody asked for any more go with the runtime. */
static void undelivered_completions_do_not_hold_up_the_end(void** state) {
    faults* self = *state;
    bwrt_completion completion;
    uint32_t count = 0;

    const bwrt_handle waited = submit(self, BWRT_DELIVER_WAIT, 1);
    for (uint64_t i = 2; i < 8; ++i) submit(self, BWRT_DELIVER_QUEUE, i);
    assert_int_equal(bwrt_shutdown(self->runtime, BWRT_SHUTDOWN_DRAIN, kPatienceNs, NULL), 0);

    assert_int_equal(bwrt_wait(self->runtime, waited, 0, &completion, NULL), BWRT_OK);
    assert_int_equal(bwrt_poll(self->runtime, &completion, 1, &count, NULL), BWRT_OK);
    assert_int_equal(count, 1);
    assert_int_equal(counters_of(self->runtime).undelivered, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(each_wave_goes_where_it_was_told_to),
        IN_WORLD(a_waiter_cannot_take_what_is_queued),
        IN_WORLD(a_detached_wave_has_no_arrays_and_nobody_waits_for_it),
        IN_WORLD(a_poll_takes_no_more_than_its_capacity),
        IN_WORLD(the_event_fd_is_readable_while_there_is_something_to_poll),
        IN_WORLD(an_event_loop_misses_nothing),
        IN_WORLD(an_event_loop_finishes_what_one_poll_does_not),
        IN_WORLD(an_event_loop_finishes_what_others_left),
        IN_WORLD(the_event_fd_wakes_for_a_window_that_opens),
        IN_WORLD(undelivered_completions_do_not_hold_up_the_end),
    };
    int failures = 0;

    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
