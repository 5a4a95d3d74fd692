// SPDX-License-Identifier: Apache-2.0
//
// What a deadline leaves behind.  One request at a time goes to the backend, and one of them is
// held until the deadline has passed, which it has when the test sets the clock: what is said to be
// loaded is, byte for byte, and what was not asked for is not claimed.

#include "tests/fault/scripted_storage.h"

namespace {

using bwrt::test::Action;
using bwrt::test::IoRequest;
using bwrt::test::ScriptedWorld;

constexpr std::uint32_t kCount = 8;
constexpr std::uint64_t kBytes = 16384;
constexpr std::uint64_t kDeadlineNs = 3'600'000'000'000;

// Reads that cannot be merged; returns when the one of number `held` is held.
bwrt_handle submit_late(ScriptedWorld* world, bwrt_wave* wave, bwrt_operation* operations,
                        std::uint64_t held) {
    faults* self = &world->base;
    bwrt_handle handle = 0;
    bwrt_completion completion;
    for (std::uint32_t i = 0; i < kCount; ++i) {
        operations[i] = read_of(self, i * 2 * kBytes, i * kBytes, kBytes);
    }
    std::memset(self->memory, 0xEE, kCount * kBytes);
    wave->flags = BWRT_WAVE_DEADLINE_RELATIVE;
    wave->deadline_ns = kDeadlineNs;
    world->storage->script = [=](const IoRequest&, std::uint64_t number) {
        return number == held ? Action::hold() : Action::pass();
    };
    assert_int_equal(bwrt_submit_wave(self->runtime, wave, &handle, nullptr), BWRT_OK);
    while (world->storage->held_count() == 0) {
        assert_int_equal(bwrt_wait(self->runtime, handle, 1'000'000, &completion, nullptr),
                         BWRT_E_TIMEOUT);
    }
    return handle;
}

bwrt_completion end_late(ScriptedWorld* world, bwrt_handle handle) {
    faults* self = &world->base;
    bwrt_completion completion;
    let_time_pass(world, 2 * kDeadlineNs);
    assert_int_equal(bwrt_wait(self->runtime, handle, 0, &completion, nullptr), BWRT_E_TIMEOUT);
    world->storage->let_go();
    assert_int_equal(bwrt_wait(self->runtime, handle, kPatienceNs, &completion, nullptr), BWRT_OK);
    return completion;
}

void an_aborted_wave_tells_how_far_it_came(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    bwrt_operation operations[kCount];
    bwrt_result results[kCount];
    bwrt_wave wave = wave_of(operations, kCount);
    with_results(&wave, results, kCount);
    wave.late = BWRT_LATE_ABORT;
    const bwrt_handle handle = submit_late(world, &wave, operations, 3);

    const bwrt_completion completion = end_late(world, handle);

    assert_int_equal(completion.status, BWRT_E_LATE);
    assert_int_equal(completion.flags, BWRT_COMPLETION_LATE);
    assert_int_equal(completion.verdict, BWRT_VERDICT_PARTIAL);
    assert_int_equal(completion.operation_index, BWRT_NONE);
    // The fourth came back with its bytes, if late; the rest was never asked for.
    assert_int_equal(completion.prefix_count, 4);
    assert_int_equal(completion.bytes, 4 * kBytes);
    for (std::uint32_t i = 0; i < kCount; ++i) {
        assert_int_equal(results[i].status, i < 4 ? BWRT_OK : BWRT_E_LATE);
        assert_int_equal(results[i].bytes, i < 4 ? kBytes : 0);
        assert_true(i < 4 ? has_pattern(self->memory + i * kBytes, i * 2 * kBytes, kBytes)
                          : is_filled_with(self->memory + i * kBytes, 0xEE, kBytes));
    }
    assert_int_equal(world->storage->count(bwrt::test::IoKind::kRead), 4);
}

void a_wave_that_may_finish_is_loaded_and_flagged(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    bwrt_operation operations[kCount];
    bwrt_wave wave = wave_of(operations, kCount);
    wave.late = BWRT_LATE_FINISH;
    const bwrt_handle handle = submit_late(world, &wave, operations, 3);

    const bwrt_completion completion = end_late(world, handle);

    assert_int_equal(completion.status, BWRT_OK);
    assert_int_equal(completion.flags, BWRT_COMPLETION_LATE);
    assert_int_equal(completion.verdict, BWRT_VERDICT_LOADED);
    assert_int_equal(completion.prefix_count, kCount);
    for (std::uint32_t i = 0; i < kCount; ++i) {
        assert_true(has_pattern(self->memory + i * kBytes, i * 2 * kBytes, kBytes));
    }
    const bwrt_counters counters = counters_of(self->runtime);
    assert_int_equal(counters.waves_ok, 1);
    assert_int_equal(counters.waves_overdue, 1);
}

// Behind another wave: it never started.
void an_aborted_wave_that_never_ran_is_to_be_recomputed(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    bwrt_operation operations[kCount];
    bwrt_wave first = wave_of(operations, kCount);
    const bwrt_handle blocker = submit_late(world, &first, operations, 0);
    const bwrt_operation behind[2] = {copy_of(self, 0, 512 * 1024, 4096),
                                      signal_of(self, 768 * 1024, 0)};
    bwrt_wave wave = wave_of(behind, 2);
    bwrt_handle handle = 0;
    bwrt_completion completion;
    std::memset(self->memory + 512 * 1024, 0xEE, 4096);
    wave.wait_for[0] = blocker;
    wave.flags = BWRT_WAVE_DEADLINE_RELATIVE;
    wave.deadline_ns = kDeadlineNs;
    wave.late = BWRT_LATE_ABORT;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, nullptr), BWRT_OK);
    let_time_pass(world, 2 * kDeadlineNs);

    assert_int_equal(bwrt_wait(self->runtime, handle, kPatienceNs, &completion, nullptr), BWRT_OK);

    assert_int_equal(completion.status, BWRT_E_LATE);
    assert_int_equal(completion.verdict, BWRT_VERDICT_RECOMPUTE);
    assert_int_equal(completion.prefix_count, 0);
    assert_int_equal(completion.bytes, 0);
    assert_true(is_filled_with(self->memory + 512 * 1024, 0xEE, 4096));
    std::uint64_t signal;
    std::memcpy(&signal, self->memory + 768 * 1024, 8);
    assert_int_equal(signal, 2);

    world->storage->let_go();
    assert_int_equal(bwrt_wait(self->runtime, blocker, kPatienceNs, &completion, nullptr), 0);
    assert_int_equal(completion.status, BWRT_OK);
}

void a_deadline_that_has_passed_is_refused_or_ends_at_once(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    const bwrt_operation operation = copy_of(self, 0, 65536, 4096);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 77;
    bwrt_completion completion;
    wave.deadline_ns = 1;  // of the machine's first second

    wave.late = BWRT_LATE_REFUSE;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_LATE);
    assert_refused(&self->error, BWRT_E_LATE, "wave.deadline_ns", BWRT_NONE);
    assert_int_equal(handle, 77);

    wave.late = BWRT_LATE_ABORT;
    assert_int_equal(run_wave(self, &wave, &completion), BWRT_E_LATE);
    assert_int_equal(completion.verdict, BWRT_VERDICT_RECOMPUTE);

    wave.late = BWRT_LATE_FINISH;
    assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);
    assert_int_equal(completion.flags, BWRT_COMPLETION_LATE);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        IN_SCRIPTED_WORLD(an_aborted_wave_tells_how_far_it_came),
        IN_SCRIPTED_WORLD(a_wave_that_may_finish_is_loaded_and_flagged),
        IN_SCRIPTED_WORLD(an_aborted_wave_that_never_ran_is_to_be_recomputed),
        IN_SCRIPTED_WORLD(a_deadline_that_has_passed_is_refused_or_ends_at_once),
    };
    int failures = 0;
    bwrt::test::queue_depth_to_open = 1;
    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
