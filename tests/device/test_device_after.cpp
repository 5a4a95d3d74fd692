// SPDX-License-Identifier: Apache-2.0
//
// Waves that come after what an engine has enqueued: its streams are as late as the driver allows,
// so a wave that did not wait would move what was there before.

#include "tests/device/engine_world.h"

namespace bwrt::test {
namespace {

constexpr std::size_t kLength = 300'000;  // more than a flight

bool is_all(const Bytes& bytes, unsigned char value) {
    for (const unsigned char byte : bytes) {
        if (byte != value) return false;
    }
    return true;
}

void a_wave_comes_after_what_is_in_a_stream(void** state) {
    EngineWorld world;
    Bytes target(kLength);
    world.start_engine(state, kLate);
    const DeviceMemory memory = world.memory(kLength);

    for (unsigned char value = 1; value < 20; ++value) {
        world.compute(memory, value, kLength);
        world.assert_runs({copy_out(memory.region, &target)}, world.after_stream());
        assert_true(is_all(target, value));
    }
    world.end_engine();
}

void stream_0_is_that_of_the_device(void** state) {
    EngineWorld world;
    Bytes target(kLength);
    world.start_engine(state, kLate);
    const DeviceMemory memory = world.memory(kLength);
    bwrt_wave wave = world.after_stream();
    wave.after = 0;
    assert_int_equal(world.driver.ctx_set_current(world.context), CUDA_SUCCESS);
    assert_int_equal(world.driver.memset_d8_async(memory.address, 7, kLength, nullptr),
                     CUDA_SUCCESS);
    assert_int_equal(world.driver.ctx_set_current(nullptr), CUDA_SUCCESS);

    world.assert_runs({copy_out(memory.region, &target)}, wave);

    assert_true(is_all(target, 7));
    world.end_engine();
}

// The bytes that an engine's kernel wrote to the host, say.
void a_wave_of_the_host_comes_after_a_stream_too(void** state) {
    EngineWorld world;
    const Bytes source = pattern(kLength, 1);
    Bytes target(kLength), other(kLength);
    const auto move_to = [&](Bytes* to) {
        return copy(BWRT_PROCESS_MEMORY, reinterpret_cast<std::uint64_t>(source.data()),
                    BWRT_PROCESS_MEMORY, reinterpret_cast<std::uint64_t>(to->data()), kLength);
    };
    need_fake();
    world.start_engine(state, "");
    const DeviceMemory memory = world.memory(kLength);
    fake_driver()->hold(0, 1);
    world.compute(memory, 1, kLength);

    const bwrt_handle wave = world.submitted({move_to(&target)}, world.after_stream());
    world.assert_runs({move_to(&other)});
    world.assert_runs_still(wave);
    assert_true(is_all(target, 0));
    fake_driver()->hold(0, 0);

    assert_int_equal(world.outcome(wave).status, BWRT_OK);
    assert_true(target == source);
    world.end_engine();
}

// It was noted at the submission: what becomes of the event and the stream is the engine's affair.
void an_event_may_be_used_again_and_destroyed(void** state) {
    EngineWorld world;
    Bytes target(kLength);
    world.start_engine(state, kLate);
    const DeviceMemory memory = world.memory(kLength), other = world.memory(kLength);
    CUstream first = world.new_stream();
    CUevent event = world.new_event();
    world.compute(memory, 9, kLength, first);
    world.record(event, first);

    const bwrt_handle wave =
        world.submitted({copy_out(memory.region, &target)}, EngineWorld::after_event(event));
    world.compute(other, 1, kLength);
    world.record(event, world.stream);
    world.destroy(&event);
    world.destroy(&first);

    assert_int_equal(world.outcome(wave).status, BWRT_OK);
    assert_true(is_all(target, 9));
    world.end_engine();
}

void an_event_that_was_never_recorded_is_over(void** state) {
    EngineWorld world;
    const Bytes source = pattern(kLength, 2);
    world.start_engine(state, "");
    const DeviceMemory memory = world.memory(kLength);
    CUevent event = world.new_event();

    world.assert_runs({copy_in(source, memory.region)}, EngineWorld::after_event(event));

    assert_true(world.look(memory.address, kLength) == source);
    world.destroy(&event);
    world.end_engine();
}

// An engine's device that does nothing: waves that wait for it end when they are told to.
struct BusyEngine : EngineWorld {
    const Bytes source = pattern(kLength, 3);
    DeviceMemory computed, memory;

    void start_busy(void** state) {
        need_fake();
        start_engine(state, "");
        computed = EngineWorld::memory(kLength);
        memory = EngineWorld::memory(kLength, 1);  // the other device goes on
        fake_driver()->hold(0, 1);
        compute(computed, 1, kLength);
    }
    void let_go() { fake_driver()->hold(0, 0); }
    bwrt_handle waiting(const bwrt_wave& wave) {
        return submitted({copy_in(source, memory.region)}, wave);
    }
};

void a_wave_that_waits_for_a_stream_is_cancelled_at_once(void** state) {
    BusyEngine world;
    world.start_busy(state);
    const bwrt_handle waits = world.waiting(world.after_stream());
    const bwrt_handle stays = world.waiting(world.after_stream());
    world.assert_runs({copy_in(world.source, world.memory.region)});
    world.assert_runs_still(waits);

    assert_int_equal(bwrt_cancel(world.runtime, waits, nullptr), BWRT_OK);
    const bwrt_completion completion = world.outcome(waits);
    assert_int_equal(completion.status, BWRT_E_CANCELLED);
    assert_int_equal(completion.bytes, 0);
    world.assert_runs_still(stays);

    world.let_go();
    assert_int_equal(world.outcome(stays).status, BWRT_OK);
    world.end_engine();
}

void a_wave_that_waits_for_a_stream_is_late(void** state) {
    BusyEngine world;
    world.start_busy(state);
    bwrt_wave wave = world.after_stream();
    wave.flags = BWRT_WAVE_DEADLINE_RELATIVE;
    wave.deadline_ns = 1'000'000;
    wave.late = BWRT_LATE_ABORT;

    assert_int_equal(world.outcome(world.waiting(wave)).status, BWRT_E_LATE);

    world.let_go();
    world.end_engine();
}

// What a cancelled wave waited for, the next one does not: 256 at a time, and none is lost.
void as_many_waves_wait_as_there_are_fences(void** state) {
    constexpr std::uint32_t kFenceCount = 256;
    BusyEngine world;
    std::vector<bwrt_handle> waves;
    bwrt_handle handle = 0;
    world.start_busy(state);
    for (std::uint32_t i = 0; i < kFenceCount; ++i) {
        waves.push_back(world.waiting(world.after_stream()));
    }
    const bwrt_operation one = copy_in(world.source, world.memory.region);
    assert_int_equal(world.submit(world.after_stream(), {one}, &handle), BWRT_E_AGAIN);
    assert_string_equal(world.error.field, "wave.after");
    assert_int_equal(bwrt_cancel(world.runtime, waves.back(), nullptr), BWRT_OK);
    assert_int_equal(world.outcome(waves.back()).status, BWRT_E_CANCELLED);
    waves.pop_back();
    assert_int_equal(world.submit(world.after_stream(), {one}, &handle), BWRT_E_AGAIN);

    world.let_go();
    for (const bwrt_handle wave : waves) assert_int_equal(world.outcome(wave).status, BWRT_OK);
    for (std::uint32_t i = 0; i < 2 * kFenceCount; ++i) {
        world.assert_runs({one}, world.after_stream());
    }
    world.end_engine();
}

void a_wave_whose_stream_is_lost_fails(void** state) {
    BusyEngine world;
    world.start_busy(state);
    const bwrt_handle wave = world.waiting(world.after_stream());

    fake_driver()->lose(0, CUDA_ERROR_ILLEGAL_ADDRESS);

    const bwrt_completion completion = world.outcome(wave);
    assert_int_equal(completion.status, BWRT_E_DEVICE_LOST);
    assert_int_equal(completion.tier, BWRT_TIER_DEVICE);
    assert_int_equal(completion.os_code, CUDA_ERROR_ILLEGAL_ADDRESS);
    world.assert_runs({copy_in(world.source, world.memory.region)});  // of the other device
    world.close();
    assert_null(fake_driver()->configure(""));  // what it left lay on the lost one
}

// By another failure than a loss: it is asked again, and then the wave fails, not the device.
void a_fence_that_cannot_be_asked_fails_its_wave(void** state) {
    EngineWorld world;
    const Bytes source = pattern(kLength, 4);
    need_fake();
    world.start_engine(state, "cuEventQuery:1+:999");
    const DeviceMemory memory = world.memory(kLength);

    const bwrt_completion completion =
        world.outcome(world.submitted({copy_in(source, memory.region)}, world.after_stream()));

    assert_int_equal(completion.status, BWRT_E_DEVICE);
    assert_int_equal(completion.os_code, CUDA_ERROR_UNKNOWN);
    assert_int_equal(completion.bytes, 0);
    world.end_engine();
}

void what_cannot_be_waited_for_is_refused(void** state) {
    EngineWorld world;
    world.start_engine(state, "");
    const bwrt_wave good = world.after_stream();
    world.assert_refused_after(good, BWRT_E_INVAL, "wave.after_device");
    world.memory(kLength);

    bwrt_wave wave = good;
    wave.after_kind = 3;
    world.assert_refused_after(wave, BWRT_E_INVAL, "wave.after_kind");
    wave.after_kind = BWRT_AFTER_NOTHING;
    world.assert_refused_after(wave, BWRT_E_INVAL, "wave.after_kind");
    wave = good;
    wave.after_device = 1;
    world.assert_refused_after(wave, BWRT_E_INVAL, "wave.after_device");
    wave.after_device = 1u << 31;
    world.assert_refused_after(wave, BWRT_E_INVAL, "wave.after_device");
    world.assert_refused_after(EngineWorld::after_event(nullptr), BWRT_E_INVAL, "wave.after");
    world.end_engine();
}

void a_handle_that_the_driver_does_not_know_is_refused(void** state) {
    EngineWorld world;
    need_fake();
    world.start_engine(state, "");
    world.memory(kLength);
    bwrt_wave wave = world.after_stream();
    wave.after = 4096;

    world.assert_refused_after(wave, BWRT_E_INVAL, "wave.after");
    wave.after_kind = BWRT_AFTER_EVENT;
    world.assert_refused_after(wave, BWRT_E_INVAL, "wave.after");

    assert_true(has(fake_driver()->report(), "a stream that is not there"));
    world.close();
    assert_null(fake_driver()->configure(""));
}

// The graph stays what it was, and what is captured is not waited for.
void a_stream_that_is_captured_is_refused_and_its_graph_stays_whole(void** state) {
    EngineWorld world;
    CUgraph graph = nullptr;
    const Bytes source = pattern(kLength, 5);
    world.start_engine(state, "");
    const DeviceMemory memory = world.memory(kLength);
    CUevent event = world.new_event();
    assert_int_equal(world.driver.ctx_set_current(world.context), CUDA_SUCCESS);
    assert_int_equal(world.driver.stream_begin_capture(world.stream, CU_STREAM_CAPTURE_MODE_GLOBAL),
                     0);
    assert_int_equal(world.driver.event_record(event, world.stream), CUDA_SUCCESS);

    world.assert_refused_after(world.after_stream(), BWRT_E_UNSUPPORTED, "wave.after");
    world.assert_refused_after(EngineWorld::after_event(event), BWRT_E_UNSUPPORTED, "wave.after");

    assert_int_equal(world.driver.ctx_set_current(world.context), CUDA_SUCCESS);
    assert_int_equal(world.driver.stream_end_capture(world.stream, &graph), CUDA_SUCCESS);
    assert_int_equal(world.driver.graph_destroy(graph), CUDA_SUCCESS);
    world.assert_runs({copy_in(source, memory.region)}, world.after_stream());
    world.destroy(&event);
    world.end_engine();
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        BWRT_IN_BOTH_WAYS(a_wave_comes_after_what_is_in_a_stream),
        BWRT_IN_BOTH_WAYS(stream_0_is_that_of_the_device),
        BWRT_IN_BOTH_WAYS(a_wave_of_the_host_comes_after_a_stream_too),
        BWRT_IN_BOTH_WAYS(an_event_may_be_used_again_and_destroyed),
        BWRT_IN_BOTH_WAYS(an_event_that_was_never_recorded_is_over),
        BWRT_IN_BOTH_WAYS(a_wave_that_waits_for_a_stream_is_cancelled_at_once),
        BWRT_IN_BOTH_WAYS(a_wave_that_waits_for_a_stream_is_late),
        BWRT_IN_BOTH_WAYS(as_many_waves_wait_as_there_are_fences),
        BWRT_IN_BOTH_WAYS(a_wave_whose_stream_is_lost_fails),
        BWRT_IN_BOTH_WAYS(a_fence_that_cannot_be_asked_fails_its_wave),
        BWRT_IN_BOTH_WAYS(what_cannot_be_waited_for_is_refused),
        BWRT_IN_BOTH_WAYS(a_handle_that_the_driver_does_not_know_is_refused),
        BWRT_IN_BOTH_WAYS(a_stream_that_is_captured_is_refused_and_its_graph_stays_whole),
    };
    return run_on_driver(tests);
}
