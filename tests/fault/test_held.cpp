// SPDX-License-Identifier: Apache-2.0
//
// A request that does not come back for as long as the test likes.  Nothing may be said to be over
// while the kernel could still write: the wait times out and consumes nothing, a cancel is asked
// and not believed, the region and the runtime stay; and all ends when the request does.

#include "tests/fault/scripted_storage.h"

namespace {

using bwrt::test::Action;
using bwrt::test::IoKind;
using bwrt::test::IoRequest;
using bwrt::test::ScriptedWorld;

constexpr std::int64_t kShortNs = 20'000'000;
constexpr std::uint64_t kHourNs = 3'600'000'000'000;
constexpr std::uint64_t kBytes = 65536;

// Returns when the backend has a request of the wave.
void wait_until_held(ScriptedWorld* world, bwrt_handle handle) {
    bwrt_completion completion;
    while (world->storage->held_count() == 0) {
        assert_int_equal(bwrt_wait(world->base.runtime, handle, 1'000'000, &completion, nullptr),
                         BWRT_E_TIMEOUT);
    }
}

// One read is held.
bwrt_handle submit_held(ScriptedWorld* world) {
    faults* self = &world->base;
    const bwrt_operation operation = read_of(self, 0, 0, kBytes);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 0;
    std::memset(self->memory, 0xEE, kBytes);
    world->storage->script = [](const IoRequest& request, std::uint64_t) {
        return request.kind == IoKind::kRead ? Action::hold() : Action::pass();
    };
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, nullptr), BWRT_OK);
    wait_until_held(world, handle);
    return handle;
}

void a_wait_times_out_and_consumes_nothing(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    const bwrt_handle handle = submit_held(world);
    bwrt_completion completion;
    std::memset(&completion, 0xA5, sizeof completion);

    for (const std::int64_t timeout_ns : {std::int64_t{0}, std::int64_t{1}, kShortNs}) {
        assert_int_equal(bwrt_wait(self->runtime, handle, timeout_ns, &completion, &self->error),
                         BWRT_E_TIMEOUT);
        assert_refused(&self->error, BWRT_E_TIMEOUT, "timeout_ns", BWRT_NONE);
    }
    assert_true(
        is_filled_with(reinterpret_cast<unsigned char*>(&completion), 0xA5, sizeof completion));

    world->storage->let_go();
    assert_int_equal(bwrt_wait(self->runtime, handle, kPatienceNs, &completion, nullptr), BWRT_OK);
    assert_int_equal(completion.status, BWRT_OK);
    assert_true(has_pattern(self->memory, 0, kBytes));
}

// The buffer is the backend's until the completion, and the caller's from then on.
void a_cancelled_wave_ends_with_its_request_and_not_before(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    const bwrt_handle handle = submit_held(world);
    bwrt_completion completion;

    assert_int_equal(bwrt_cancel(self->runtime, handle, nullptr), BWRT_OK);
    assert_int_equal(bwrt_wait(self->runtime, handle, kShortNs, &completion, nullptr),
                     BWRT_E_TIMEOUT);
    assert_int_equal(world->storage->cancel_count(), 1);
    assert_int_equal(counters_of(self->runtime).waves_pending, 1);
    assert_int_equal(bwrt_release(self->runtime, self->memory_region, &self->error), BWRT_E_BUSY);
    assert_refused(&self->error, BWRT_E_BUSY, "handle", BWRT_NONE);
    assert_int_equal(bwrt_release(self->runtime, self->file_region, nullptr), BWRT_E_BUSY);
    assert_true(is_filled_with(self->memory, 0xEE, kBytes));

    world->storage->let_go();
    assert_int_equal(bwrt_wait(self->runtime, handle, kPatienceNs, &completion, nullptr), BWRT_OK);
    // It came back with its bytes: quicker than the cancel.
    assert_true(completion.status == BWRT_OK || completion.status == BWRT_E_CANCELLED);
    const bool is_loaded = completion.verdict == BWRT_VERDICT_LOADED;
    assert_int_equal(completion.bytes, is_loaded ? kBytes : completion.bytes);
    std::memset(self->memory, 0x11, kBytes);
    assert_int_equal(bwrt_release(self->runtime, self->file_region, nullptr), BWRT_OK);
    assert_int_equal(world->storage->held_count(), 1);
    assert_true(is_filled_with(self->memory, 0x11, kBytes));
}

void a_deadline_does_not_end_a_wave_under_its_request_either(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    const bwrt_operation operations[2] = {copy_of(self, 2 * kBytes, 4 * kBytes, kBytes),
                                          read_of(self, 0, 0, kBytes)};
    bwrt_wave wave = wave_of(operations, 2);
    bwrt_handle handle = 0;
    bwrt_completion completion;
    world->storage->script = [](const IoRequest&, std::uint64_t) { return Action::hold(); };
    wave.late = BWRT_LATE_ABORT;
    wave.flags = BWRT_WAVE_DEADLINE_RELATIVE;
    wave.deadline_ns = kHourNs;

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, nullptr), BWRT_OK);
    wait_until_held(world, handle);
    let_time_pass(world, 2 * kHourNs);
    assert_int_equal(bwrt_wait(self->runtime, handle, kShortNs, &completion, nullptr),
                     BWRT_E_TIMEOUT);
    world->storage->let_go();

    assert_int_equal(bwrt_wait(self->runtime, handle, kPatienceNs, &completion, nullptr), BWRT_OK);
    assert_true(completion.flags & BWRT_COMPLETION_LATE);
    if (completion.status != BWRT_OK) {
        assert_int_equal(completion.status, BWRT_E_LATE);
        assert_int_equal(completion.prefix_count, 1);
        assert_int_equal(completion.verdict, BWRT_VERDICT_PARTIAL);
    }
}

void shutdown_times_out_and_close_is_refused_until_it_ends(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    const bwrt_handle handle = submit_held(world);
    bwrt_completion completion;
    bwrt_handle untouched = 77;
    const bwrt_operation operation = read_of(self, 0, 0, 4096);
    const bwrt_wave wave = wave_of(&operation, 1);

    assert_int_equal(bwrt_close(self->runtime, &self->error), BWRT_E_BUSY);
    for (const std::uint32_t how : {BWRT_SHUTDOWN_DRAIN, BWRT_SHUTDOWN_CANCEL}) {
        assert_int_equal(bwrt_shutdown(self->runtime, how, kShortNs, &self->error), BWRT_E_TIMEOUT);
        assert_refused(&self->error, BWRT_E_TIMEOUT, "timeout_ns", BWRT_NONE);
        assert_int_equal(bwrt_close(self->runtime, &self->error), BWRT_E_BUSY);
    }
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &untouched, &self->error),
                     BWRT_E_CLOSED);
    assert_int_equal(untouched, 77);

    world->storage->let_go();
    assert_int_equal(bwrt_shutdown(self->runtime, BWRT_SHUTDOWN_DRAIN, kPatienceNs, nullptr), 0);
    // Over, and still to be had.
    assert_int_equal(bwrt_wait(self->runtime, handle, 0, &completion, nullptr), BWRT_OK);
}

void a_quiesce_times_out_and_is_undone(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    const bwrt_handle handle = submit_held(world);
    const bwrt_operation operation = copy_of(self, 4 * kBytes, 5 * kBytes, 4096);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_completion completion;

    assert_int_equal(bwrt_region_set(self->runtime, self->memory_region, BWRT_REGION_QUIESCE,
                                     kShortNs, &self->error),
                     BWRT_E_TIMEOUT);
    assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);

    world->storage->let_go();
    assert_int_equal(bwrt_region_set(self->runtime, self->memory_region, BWRT_REGION_QUIESCE,
                                     kPatienceNs, nullptr),
                     BWRT_OK);
    assert_int_equal(run_wave(self, &wave, &completion), BWRT_E_AGAIN);
    assert_int_equal(bwrt_wait(self->runtime, handle, kPatienceNs, &completion, nullptr), BWRT_OK);
}

// One that hangs does not hold up those that do not.
void other_waves_pass_one_that_hangs(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    const bwrt_handle handle = submit_held(world);
    bwrt_completion completion;
    world->storage->script = nullptr;

    for (int i = 0; i < 20; ++i) assert_still_works(self);
    world->storage->let_go();

    assert_int_equal(bwrt_wait(self->runtime, handle, kPatienceNs, &completion, nullptr), BWRT_OK);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        IN_SCRIPTED_WORLD(a_wait_times_out_and_consumes_nothing),
        IN_SCRIPTED_WORLD(a_cancelled_wave_ends_with_its_request_and_not_before),
        IN_SCRIPTED_WORLD(a_deadline_does_not_end_a_wave_under_its_request_either),
        IN_SCRIPTED_WORLD(shutdown_times_out_and_close_is_refused_until_it_ends),
        IN_SCRIPTED_WORLD(a_quiesce_times_out_and_is_undone),
        IN_SCRIPTED_WORLD(other_waves_pass_one_that_hangs),
    };
    int failures = 0;
    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
