// SPDX-License-Identifier: Apache-2.0
//
// What the measured rate is made of, told by what BWRT_LATE_REFUSE refuses.  A request takes as
// long as the test sets the clock forward while it is held, and else the clock stands still: ten
// seconds for 64 KiB are a rate at which no wave makes its second.

#include "tests/fault/scripted_storage.h"

namespace {

using bwrt::test::Action;
using bwrt::test::IoKind;
using bwrt::test::IoRequest;
using bwrt::test::ScriptedWorld;

constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::uint64_t kBytes = 65536;

// A wave of the one operation, held by the backend when this returns.
bwrt_handle submit_held(ScriptedWorld* world, const bwrt_operation& operation, IoKind kind) {
    faults* self = &world->base;
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 0;
    bwrt_completion completion;
    world->storage->script = [=](const IoRequest& request, std::uint64_t) {
        return request.kind == kind ? Action::hold() : Action::pass();
    };
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, nullptr), BWRT_OK);
    while (world->storage->held_count() == 0) {
        assert_int_equal(bwrt_wait(self->runtime, handle, 1'000'000, &completion, nullptr),
                         BWRT_E_TIMEOUT);
    }
    return handle;
}

void end_held(ScriptedWorld* world, bwrt_handle handle) {
    bwrt_completion completion;
    world->storage->let_go();
    assert_int_equal(bwrt_wait(world->base.runtime, handle, kPatienceNs, &completion, nullptr), 0);
    assert_int_equal(completion.status, BWRT_OK);
}

// What a submission says that has a second; an accepted wave is over when this returns.
bwrt_status submit_with_a_second(ScriptedWorld* world) {
    faults* self = &world->base;
    const bwrt_operation operation = read_of(self, 0, 0, kBytes);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 0;
    bwrt_completion completion;
    wave.late = BWRT_LATE_REFUSE;
    wave.flags = BWRT_WAVE_DEADLINE_RELATIVE;
    wave.deadline_ns = kSecondNs;
    world->storage->script = nullptr;
    let_time_pass(world, 0);  // what was measured has been told to submitters
    const bwrt_status status = bwrt_submit_wave(self->runtime, &wave, &handle, nullptr);
    if (status != BWRT_OK) return status;
    assert_int_equal(bwrt_wait(self->runtime, handle, kPatienceNs, &completion, nullptr), BWRT_OK);
    assert_int_equal(completion.status, BWRT_OK);
    return BWRT_OK;
}

void a_slow_read_refuses_what_comes_within_a_second_and_nothing_later(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    const bwrt_handle slow = submit_held(world, read_of(&world->base, 0, 0, kBytes), IoKind::kRead);
    world->clock->stop();
    let_time_pass(world, 10 * kSecondNs);
    end_held(world, slow);

    assert_int_equal(submit_with_a_second(world), BWRT_E_LATE);
    let_time_pass(world, kSecondNs);
    assert_int_equal(submit_with_a_second(world), BWRT_E_LATE);
    let_time_pass(world, 1);
    assert_int_equal(submit_with_a_second(world), BWRT_OK);
}

void a_long_flush_is_no_slow_read(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    const bwrt_handle slow = submit_held(world, flush_of(&world->base), IoKind::kFlush);
    world->clock->stop();
    let_time_pass(world, 10 * kSecondNs);
    end_held(world, slow);

    assert_int_equal(submit_with_a_second(world), BWRT_OK);
}

// The time before it began was the flush's alone.
void a_read_beside_a_long_flush_counts_its_own_time(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    const bwrt_handle slow = submit_held(world, flush_of(self), IoKind::kFlush);
    const bwrt_operation operation = read_of(self, 0, 0, kBytes);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_completion completion;
    world->clock->stop();
    let_time_pass(world, 10 * kSecondNs);

    assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);

    assert_int_equal(submit_with_a_second(world), BWRT_OK);
    end_held(world, slow);
}

// And the flush that ends in the middle of it takes nothing of that away.
void a_slow_read_stays_slow_beside_a_flush(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    const bwrt_handle slow = submit_held(world, read_of(self, 0, 0, kBytes), IoKind::kRead);
    const bwrt_operation operation = flush_of(self);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_completion completion;
    world->clock->stop();
    let_time_pass(world, 10 * kSecondNs);

    assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);
    end_held(world, slow);

    assert_int_equal(submit_with_a_second(world), BWRT_E_LATE);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        IN_SCRIPTED_WORLD(a_slow_read_refuses_what_comes_within_a_second_and_nothing_later),
        IN_SCRIPTED_WORLD(a_long_flush_is_no_slow_read),
        IN_SCRIPTED_WORLD(a_read_beside_a_long_flush_counts_its_own_time),
        IN_SCRIPTED_WORLD(a_slow_read_stays_slow_beside_a_flush),
    };
    int failures = 0;
    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
