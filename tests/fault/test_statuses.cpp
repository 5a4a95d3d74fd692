// SPDX-License-Identifier: Apache-2.0
//
// Every status that this version can give, given once, with its sentence; and in the end the set
// of those seen is the list below, so that a status that lost its cause, or a new one, is noticed.

#include <cerrno>
#include <set>

#include "tests/fault/scripted_storage.h"

#include "tests/fault/child.h"  // after the runtime's headers: CMocka has a macro fail()

namespace {

using bwrt::test::Action;
using bwrt::test::IoKind;
using bwrt::test::IoRequest;
using bwrt::test::ScriptedWorld;

std::set<bwrt_status> seen;

// What a call returned, and what it said.
void expect(bwrt_status status, bwrt_status expected, const bwrt_error& error) {
    assert_int_equal(status, expected);
    assert_int_equal(error.status, expected);
    assert_int_not_equal(error.message[0], '\0');
    print_message("%-14s %s\n", bwrt_status_name(status), error.message);
    seen.insert(status);
}

// What a wave ended with.
void expect_outcome(faults* self, const bwrt_wave* wave, bwrt_status expected) {
    bwrt_completion completion;
    assert_int_equal(run_wave(self, wave, &completion), expected);
    assert_int_equal(completion.status, expected);
    assert_string_not_equal(bwrt_status_name(expected), "unknown");
    print_message("%-14s of a wave, errno %d\n", bwrt_status_name(expected), completion.os_code);
    seen.insert(expected);
}

void what_the_caller_did_wrong(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    bwrt_operation operations[2] = {copy_of(self, 0, 8192, 4096), copy_of(self, 0, 16384, 4096)};
    bwrt_wave wave = wave_of(operations, 2);
    bwrt_handle handle = 0;
    const auto submit = [&] {
        return bwrt_submit_wave(self->runtime, &wave, &handle, &self->error);
    };

    operations[1].kind = 0;
    expect(submit(), BWRT_E_INVAL, self->error);
    operations[1] = copy_of(self, 0, 16384, 4096);
    wave.struct_size = 4;
    expect(submit(), BWRT_E_ABI, self->error);
    wave.struct_size = sizeof wave;
    operations[1].source = 1;
    expect(submit(), BWRT_E_HANDLE, self->error);
    operations[1] = copy_of(self, 0, FAULTS_BYTES, 4096);
    expect(submit(), BWRT_E_RANGE, self->error);
    operations[1] = copy_of(self, 0, 8192 + 1, 4096);
    expect(submit(), BWRT_E_OVERLAP, self->error);
    expect(bwrt_close(self->runtime, &self->error), BWRT_E_BUSY, self->error);
    wave.operation_count = 1;
    expect_outcome(self, &wave, BWRT_OK);
}

faults* of_the_parent;

int ask_the_parents_runtime() {
    bwrt_counters counters = {};
    counters.struct_size = sizeof counters;
    bwrt_error* error = &of_the_parent->error;
    EXPECT(bwrt_sample(of_the_parent->runtime, &counters, error) == BWRT_E_FORKED);
    EXPECT(error->status == BWRT_E_FORKED && error->message[0] != '\0');
    fprintf(stderr, "%-14s %s\n", bwrt_status_name(error->status), error->message);
    return 0;
}

void what_a_child_of_fork_is_told(void** state) {
    of_the_parent = &static_cast<ScriptedWorld*>(*state)->base;
    run_in_child(ask_the_parents_runtime);
    seen.insert(BWRT_E_FORKED);
}

void what_the_moment_forbids(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    const bwrt_operation operation = read_of(self, 0, 0, 4096);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 0, other = 0;
    bwrt_completion completion;
    world->storage->script = [](const IoRequest&, std::uint64_t) { return Action::hold(); };
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, nullptr), BWRT_OK);
    expect(bwrt_wait(self->runtime, handle, 1'000'000, &completion, &self->error), BWRT_E_TIMEOUT,
           self->error);
    world->storage->let_go();
    assert_int_equal(bwrt_wait(self->runtime, handle, kPatienceNs, &completion, nullptr), BWRT_OK);

    assert_int_equal(bwrt_region_set(self->runtime, self->memory_region, BWRT_REGION_QUIESCE,
                                     kPatienceNs, nullptr),
                     BWRT_OK);
    expect(bwrt_submit_wave(self->runtime, &wave, &other, &self->error), BWRT_E_AGAIN, self->error);
    assert_int_equal(bwrt_shutdown(self->runtime, BWRT_SHUTDOWN_DRAIN, kPatienceNs, nullptr), 0);
    expect(bwrt_submit_wave(self->runtime, &wave, &other, &self->error), BWRT_E_CLOSED,
           self->error);
}

void how_a_wave_ends_before_its_time(void** state) {
    faults* self = &static_cast<ScriptedWorld*>(*state)->base;
    const bwrt_operation operation = copy_of(self, 0, 8192, 4096);
    bwrt_wave wave = wave_of(&operation, 1), behind = wave_of(&operation, 1);
    bwrt_handle handle = 0, dependent = 0;
    bwrt_completion completion;
    wave.deadline_ns = 1;
    wave.late = BWRT_LATE_ABORT;
    expect_outcome(self, &wave, BWRT_E_LATE);
    wave = wave_of(&operation, 1);
    wave.window = BWRT_WINDOW_TIME;
    wave.window_end = 1;
    expect_outcome(self, &wave, BWRT_E_WINDOW);

    wave.window_start = monotonic_ns() + 3'600'000'000'000;
    wave.window_end = 0;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, nullptr), BWRT_OK);
    behind.wait_for[0] = handle;
    assert_int_equal(bwrt_submit_wave(self->runtime, &behind, &dependent, nullptr), BWRT_OK);
    assert_int_equal(bwrt_cancel(self->runtime, handle, nullptr), BWRT_OK);
    assert_int_equal(bwrt_wait(self->runtime, handle, kPatienceNs, &completion, nullptr), BWRT_OK);
    assert_int_equal(completion.status, BWRT_E_CANCELLED);
    seen.insert(completion.status);
    assert_int_equal(bwrt_wait(self->runtime, dependent, kPatienceNs, &completion, nullptr), 0);
    assert_int_equal(completion.status, BWRT_E_DEPENDENCY);
    seen.insert(completion.status);
}

void what_the_world_does(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    const struct {
        std::int32_t result;
        IoKind kind;
        bwrt_status status;
    } cases[] = {
        {-EIO, IoKind::kRead, BWRT_E_IO},       {0, IoKind::kRead, BWRT_E_TRUNCATED},
        {-ENOMEM, IoKind::kRead, BWRT_E_NOMEM}, {-ENOSPC, IoKind::kWrite, BWRT_E_NOSPC},
        {0, IoKind::kWrite, BWRT_E_NOSPC},      {-EBADF, IoKind::kWrite, BWRT_E_IO},
    };
    for (const auto& one : cases) {
        const bwrt_operation operation =
            one.kind == IoKind::kRead ? read_of(self, 0, 0, 4096) : write_of(self, 0, 0, 4096);
        const bwrt_wave wave = wave_of(&operation, 1);
        world->storage->script = [=](const IoRequest&, std::uint64_t) {
            return Action::answer(one.result);
        };
        expect_outcome(self, &wave, one.status);
    }
    // More memory than there is address space.
    const bwrt_region huge = allocated_region_of(0, UINT64_C(1) << 62);
    bwrt_handle handle = 77;
    expect(bwrt_region_add(self->runtime, &huge, &handle, nullptr, &self->error), BWRT_E_NOMEM,
           self->error);
    assert_int_equal(handle, 77);
}

int insist_on_what_is_denied() {
    bwrt_config config = config_of_mode();
    bwrt_runtime* runtime = nullptr;
    bwrt_error error = {};
    EXPECT(deny_io_uring(EPERM));
    config.storage = BWRT_STORAGE_URING;
    EXPECT(bwrt_open(&config, &runtime, &error) == BWRT_E_UNSUPPORTED);
    EXPECT(error.status == BWRT_E_UNSUPPORTED && error.message[0] != '\0');
    fprintf(stderr, "%-14s %s\n", bwrt_status_name(error.status), error.message);
    return 0;
}

void what_this_machine_has_not(void** state) {
    static_cast<void>(state);
    run_in_child(insist_on_what_is_denied);
    seen.insert(BWRT_E_UNSUPPORTED);
}

// The rest of the table is reserved: for blocks, devices and plans, and for our own bugs.
void these_and_no_others_were_seen(void** state) {
    static_cast<void>(state);
    const std::set<bwrt_status> expected = {
        BWRT_OK,        BWRT_E_INVAL,     BWRT_E_ABI,    BWRT_E_HANDLE, BWRT_E_RANGE,
        BWRT_E_OVERLAP, BWRT_E_BUSY,      BWRT_E_CLOSED, BWRT_E_FORKED, BWRT_E_AGAIN,
        BWRT_E_TIMEOUT, BWRT_E_CANCELLED, BWRT_E_LATE,   BWRT_E_WINDOW, BWRT_E_DEPENDENCY,
        BWRT_E_IO,      BWRT_E_TRUNCATED, BWRT_E_NOSPC,  BWRT_E_NOMEM,  BWRT_E_UNSUPPORTED,
    };
    for (const bwrt_status status : expected) {
        if (seen.count(status) == 0) fail_msg("%s was not seen", bwrt_status_name(status));
    }
    assert_int_equal(seen.size(), expected.size());
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        IN_SCRIPTED_WORLD(what_the_caller_did_wrong),
        IN_SCRIPTED_WORLD(what_a_child_of_fork_is_told),
        IN_SCRIPTED_WORLD(what_the_moment_forbids),
        IN_SCRIPTED_WORLD(how_a_wave_ends_before_its_time),
        IN_SCRIPTED_WORLD(what_the_world_does),
        cmocka_unit_test(what_this_machine_has_not),
        cmocka_unit_test(these_and_no_others_were_seen),
    };
    int failures = 0;
    RUN_IN_MODES(tests, 2, failures)
    return failures;
}
