/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a runtime on the fault-injecting library: how it is opened or refused, what it says
 * of itself, what is late and what never comes, and that the same seed does the same again. */

#include <poll.h>

#include "tests/faulty/drop_in.h"

static void a_wrong_plan_refuses_to_open(void** state) {
    const bwrt_config config = config_of_mode();
    bwrt_runtime* runtime = NULL;
    bwrt_error error;

    (void)state;
    setenv("BWRT_FAULTS", "read:eio@3; read:efoo", 1);
    assert_int_equal(bwrt_open(&config, &runtime, &error), BWRT_E_INVAL);

    assert_null(runtime);
    assert_int_equal(error.status, BWRT_E_INVAL);
    assert_string_equal(error.field, "BWRT_FAULTS");
    assert_string_equal(error.message,
                        "\"read:efoo\": no fault \"efoo\"; there are errno names (eio), short, "
                        "flip, torn, lost, reorder, delay=TIME, hang, hang=TIME, and start:full");
}

static void caps_say_which_library_it_is_and_what_is_in_force(void** state) {
    faults* self = open_with(state, "seed=7; read:eio@100; write:enospc%0.1");
    bwrt_caps caps;

    memset(&caps, 0, sizeof(caps));
    caps.struct_size = sizeof(caps);
    assert_int_equal(bwrt_get_caps(self->runtime, &caps, NULL), BWRT_OK);

    assert_non_null(strstr(caps.storage_reason,
                           "fault-injecting library, BWRT_FAULTS has seed 7, read:eio@100; "
                           "write:enospc%0.1"));
    assert_int_equal(caps.storage, fault_mode_now->storage);
}

static void remember_last(void* user, int32_t level, const char* sentence) {
    if (level == BWRT_LOG_INFO) snprintf((char*)user, 512, "%s", sentence);
}

static void the_close_says_what_was_injected(void** state) {
    char said[512] = "";
    faults* self = (faults*)*state;

    open_logging_with(state, "read:eio@2; read:short@4..5; flush:eio; any:delay=1us@12",
                      remember_last, said);
    read_pieces(self, 8);
    write_pieces(self, 2);
    assert_int_equal(bwrt_shutdown(self->runtime, BWRT_SHUTDOWN_DRAIN, kPatienceNs, NULL), BWRT_OK);
    assert_int_equal(bwrt_close(self->runtime, NULL), BWRT_OK);
    self->runtime = NULL;

    /* Two more reads: the remains of the short ones. */
    assert_string_equal(said,
                        "BWRT_FAULTS injected 4 faults in 10 reads, 2 writes, 0 flushes: 1 by "
                        "read:eio@2; 2 by read:short@4..5; 0 by flush:eio; 1 by any:delay=1us@12");
}

static void each_runtime_counts_by_itself(void** state) {
    faults* self = open_with(state, "read:eio@2");
    faults other;
    const bwrt_config config = config_of_mode();
    wave_outcome first, second;

    assert_int_equal(faults_open(&other, &config), 0);
    first = read_pieces(self, 2);
    second = read_pieces(&other, 2);
    assert_int_equal(faults_close(&other), 0);

    assert_int_equal(first.completion.operation_index, 1);
    assert_int_equal(second.completion.operation_index, 1);
}

static bwrt_status read_by_deadline(faults* self, uint32_t late, uint64_t deadline_ns,
                                    bwrt_completion* completion_out) {
    const bwrt_operation operation = piece_of(self, BWRT_OP_READ, 0, STRIDE);
    bwrt_wave wave = wave_of(&operation, 1);

    wave.flags = BWRT_WAVE_DEADLINE_RELATIVE;
    wave.deadline_ns = deadline_ns;
    wave.late = late;
    return run_wave(self, &wave, completion_out);
}

static void what_is_slow_is_late(void** state) {
    faults* self = open_with(state, "read:delay=20ms@1; read:delay=1000s@2");
    bwrt_completion completion;

    assert_int_equal(read_by_deadline(self, BWRT_LATE_FINISH, 1000000, &completion), BWRT_OK);
    assert_int_equal(completion.flags, BWRT_COMPLETION_LATE);
    assert_true(piece_is_right(self, 0));
    assert_true(completion.finished_ns - completion.submitted_ns >= 20000000);
    assert_int_equal(read_by_deadline(self, BWRT_LATE_ABORT, 5000000, &completion), BWRT_E_LATE);
    assert_int_equal(completion.verdict, BWRT_VERDICT_RECOMPUTE);
}

static void what_hangs_can_be_cancelled_while_others_go_on(void** state) {
    faults* self = open_with(state, "read:hang@1");
    const bwrt_handle hung = submit_piece(self, 0);
    bwrt_completion completion;

    assert_int_equal(bwrt_wait(self->runtime, hung, 10000000, &completion, NULL), BWRT_E_TIMEOUT);
    assert_still_works(self);
    assert_int_equal(bwrt_release(self->runtime, self->file_region, NULL), BWRT_E_BUSY);
    assert_int_equal(bwrt_cancel(self->runtime, hung, NULL), BWRT_OK);
    assert_int_equal(bwrt_wait(self->runtime, hung, kPatienceNs, &completion, NULL), BWRT_OK);

    assert_int_equal(completion.status, BWRT_E_CANCELLED);
    assert_int_equal(completion.verdict, BWRT_VERDICT_RECOMPUTE);
    assert_int_equal(bwrt_release(self->runtime, self->file_region, NULL), BWRT_OK);
}

static void a_hang_with_a_time_is_an_io_error(void** state) {
    faults* self = open_with(state, "read:hang=5ms@1");
    const wave_outcome outcome = read_pieces(self, 2);

    assert_int_equal(outcome.completion.status, BWRT_E_IO);
    assert_int_equal(outcome.completion.os_code, ETIMEDOUT);
    assert_true(piece_is_untouched(self, 0));
    assert_true(piece_is_right(self, 1));
}

static void a_shutdown_waits_for_what_hangs_until_it_cancels(void** state) {
    faults* self = open_with(state, "any:hang");
    bwrt_handle hung[4];
    bwrt_completion completion;

    for (uint32_t i = 0; i < 4; ++i) hung[i] = submit_piece(self, i);
    assert_int_equal(bwrt_shutdown(self->runtime, BWRT_SHUTDOWN_DRAIN, 10000000, NULL),
                     BWRT_E_TIMEOUT);
    assert_int_equal(bwrt_close(self->runtime, NULL), BWRT_E_BUSY);
    assert_int_equal(bwrt_shutdown(self->runtime, BWRT_SHUTDOWN_CANCEL, kPatienceNs, NULL),
                     BWRT_OK);
    for (uint32_t i = 0; i < 4; ++i) {
        assert_int_equal(bwrt_wait(self->runtime, hung[i], 0, &completion, NULL), BWRT_OK);
        assert_int_equal(completion.status, BWRT_E_CANCELLED);
    }
}

/* An event loop sleeps on the fd alone, so a result that does not make it readable hangs here. */
static void the_event_fd_tells_of_what_was_held(void** state) {
    faults* self =
        open_with(state, "read:delay=3ms@2..4; read:reorder@5; read:eio@6; start:full@9..10");
    uint32_t done = 0, failed = 0;
    int32_t fd = -1;

    fill_memory(self, 0xA5);
    assert_int_equal(bwrt_event_fd(self->runtime, &fd, NULL), BWRT_OK);
    for (uint32_t i = 0; i < 10; ++i) {
        const bwrt_operation operation = piece_of(self, BWRT_OP_READ, i, STRIDE);
        bwrt_wave wave = wave_of(&operation, 1);
        bwrt_handle handle = 0;

        wave.delivery = BWRT_DELIVER_QUEUE;
        wave.user_data = i;
        assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);
    }
    while (done < 10) {
        struct pollfd entry = {fd, POLLIN, 0};
        bwrt_completion completions[4];
        uint32_t count = 0;

        assert_int_equal(poll(&entry, 1, -1), 1);
        assert_int_equal(bwrt_poll(self->runtime, completions, 4, &count, NULL), BWRT_OK);
        for (uint32_t i = 0; i < count; ++i) {
            if (completions[i].status != BWRT_OK) ++failed;
        }
        done += count;
    }

    assert_int_equal(failed, 1);
    for (uint32_t i = 0; i < 10; ++i) {
        assert_true(i == 5 ? piece_is_untouched(self, i) : piece_is_right(self, i));
    }
}

enum { ROUNDS = 300 };

/* One request at a time, so that they come in one order: what became of each. */
static void run_rounds(void** state, const char* plan, uint64_t* digests) {
    faults* self = open_with(state, plan);

    for (uint32_t round = 0; round < ROUNDS; ++round) {
        const wave_outcome outcome = round % 3 == 2 ? write_pieces(self, 1) : read_pieces(self, 1);
        uint64_t digest = (uint64_t)(uint32_t)outcome.completion.status * 1000003u +
                          (uint64_t)outcome.completion.os_code;

        for (uint32_t i = 0; i < PIECE; ++i) digest = digest * 31 + self->memory[i];
        digests[round] = digest;
    }
    assert_int_equal(faults_close(self), 0);
    self->runtime = NULL;
    self->fd = -1;
}

static void the_same_seed_does_the_same_again(void** state) {
    static uint64_t first[ROUNDS], second[ROUNDS], other[ROUNDS];
    const char* plan = "seed=11; any:eio%5; read:flip%10; any:short%20; write:torn%10; any:eintr%5";

    run_rounds(state, plan, first);
    run_rounds(state, plan, second);
    run_rounds(state, "seed=12; any:eio%5; read:flip%10; any:short%20; write:torn%10; any:eintr%5",
               other);

    assert_memory_equal(first, second, sizeof(first));
    assert_memory_not_equal(first, other, sizeof(first));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FAULTS(a_wrong_plan_refuses_to_open),
        WITH_FAULTS(caps_say_which_library_it_is_and_what_is_in_force),
        WITH_FAULTS(the_close_says_what_was_injected),
        WITH_FAULTS(each_runtime_counts_by_itself),
        WITH_FAULTS(what_is_slow_is_late),
        WITH_FAULTS(what_hangs_can_be_cancelled_while_others_go_on),
        WITH_FAULTS(a_hang_with_a_time_is_an_io_error),
        WITH_FAULTS(a_shutdown_waits_for_what_hangs_until_it_cancels),
        WITH_FAULTS(the_event_fd_tells_of_what_was_held),
        WITH_FAULTS(the_same_seed_does_the_same_again),
    };
    int failures = 0;

    setenv("BWRT_FAULTS", "", 1);
    RUN_IN_ALL_MODES(tests, failures);
    return failures;
}
