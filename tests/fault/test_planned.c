/* SPDX-License-Identifier: Apache-2.0
 *
 * Whoever waits for a planned wave is told of it, however he waits: by the event fd of a runtime
 * that others drove meanwhile, or beside a driver who does not sleep.
 *
 * In caller mode a plan is made by whoever drives: he must not leave before he has looked at it,
 * nor leave one that is due to nobody. */

#include <poll.h>

#include "tests/fault/faults.h"

static int open_planning(void** state, uint32_t spin_ns) {
    faults* self = (faults*)calloc(1, sizeof(*self));
    bwrt_config config = config_of_mode();
    bwrt_planner planner;

    memset(&planner, 0, sizeof(planner));
    planner.struct_size = sizeof(planner);
    config.planner = &planner;
    config.spin_ns = spin_ns;
    *state = self;
    return self == NULL ? -1 : faults_open(self, &config);
}

static int with_a_planner(void** state) { return open_planning(state, 0); }
static int with_a_planner_and_a_driver_that_never_sleeps(void** state) {
    return open_planning(state, UINT32_MAX - 1);
}

static bwrt_handle start_planned(faults* self, uint32_t delivery, bwrt_handle behind) {
    const bwrt_operation operation = copy_of(self, 0, 65536, 4096);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 0;

    wave.flags = BWRT_WAVE_PLANNED;
    wave.delivery = delivery;
    wave.wait_for[0] = behind;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_OK);
    return handle;
}

/* As an event loop does: nothing but the fd says when to poll. */
static void assert_the_fd_tells(faults* self, int32_t fd, bwrt_handle handle) {
    struct pollfd watched = {.fd = fd, .events = POLLIN};
    bwrt_completion completion;
    uint32_t taken = 0;

    while (taken == 0) {
        assert_int_equal(poll(&watched, 1, 60000), 1);
        assert_int_equal(bwrt_poll(self->runtime, &completion, 1, &taken, NULL), BWRT_OK);
    }
    assert_true(completion.wave == handle);
    assert_int_equal(completion.status, BWRT_OK);
}

static void the_event_fd_tells_of_a_plan_that_a_waiter_made(void** state) {
    faults* self = *state;
    const bwrt_operation operation = copy_of(self, 0, 4096, 4096);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle waits = 0;
    bwrt_completion completion;
    int32_t fd = -1;

    wave.window = BWRT_WINDOW_TOKEN;
    wave.window_start = 1;
    assert_int_equal(bwrt_event_fd(self->runtime, &fd, NULL), BWRT_OK);
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &waits, NULL), BWRT_OK);
    for (int window = 0; window < 2; ++window) {
        const bwrt_handle planned = start_planned(self, BWRT_DELIVER_QUEUE, 0);

        assert_int_equal(bwrt_wait(self->runtime, waits, 0, &completion, NULL), BWRT_E_TIMEOUT);
        assert_the_fd_tells(self, fd, planned);
    }
}

/* The first window is due at once, and so since ever. */
static void the_event_fd_tells_of_a_plan_that_is_due(void** state) {
    faults* self = *state;
    const bwrt_operation operation = copy_of(self, 0, 4096, 4096);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle first = 0;
    bwrt_completion completion;
    int32_t fd = -1;

    assert_int_equal(bwrt_event_fd(self->runtime, &fd, NULL), BWRT_OK);
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &first, NULL), BWRT_OK);
    const bwrt_handle planned = start_planned(self, BWRT_DELIVER_QUEUE, first);

    /* Its end is the last thing of a turn, and lets the other one ask. */
    assert_int_equal(bwrt_wait(self->runtime, first, kPatienceNs, &completion, NULL), BWRT_OK);
    assert_the_fd_tells(self, fd, planned);
}

/* He looks for four seconds, and is not asked to wait as long as that. */
static void a_driver_that_never_sleeps_sees_the_plan(void** state) {
    faults* self = *state;
    const bwrt_handle planned = start_planned(self, BWRT_DELIVER_WAIT, 0);
    bwrt_completion completion;

    assert_int_equal(bwrt_wait(self->runtime, planned, 2000000000, &completion, NULL), BWRT_OK);
    assert_int_equal(completion.status, BWRT_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_event_fd_tells_of_a_plan_that_a_waiter_made,
                                        with_a_planner, faults_teardown),
        cmocka_unit_test_setup_teardown(the_event_fd_tells_of_a_plan_that_is_due, with_a_planner,
                                        faults_teardown),
        cmocka_unit_test_setup_teardown(a_driver_that_never_sleeps_sees_the_plan,
                                        with_a_planner_and_a_driver_that_never_sleeps,
                                        faults_teardown),
    };
    int failures = 0;

    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
