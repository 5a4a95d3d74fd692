// SPDX-License-Identifier: Apache-2.0
//
// An engine's stream that waits for groups of waves.  Targets of copies are garbage until they are
// over, so a stream that did not wait would compute with that.

#include "tests/device/engine_world.h"

namespace bwrt::test {
namespace {

constexpr std::size_t kLength = 600'000;  // three flights
constexpr std::uint64_t kLayers = 6;
constexpr std::int64_t kForEver = -1;

bwrt_operation in_group(bwrt_operation operation, std::uint32_t group) {
    operation.group = group;
    return operation;
}

// What the engine does with the bytes: it copies them on, in its stream.
void a_stream_goes_on_when_the_group_is_there(void** state) {
    EngineWorld world;
    world.start_engine(state, kLate);
    const DeviceMemory memory = world.memory(kLength), used = world.memory(kLength);

    for (std::uint32_t round = 0; round < 10; ++round) {
        const Bytes source = pattern(kLength, round);
        const bwrt_handle wave = world.submitted({copy_in(source, memory.region)});
        assert_int_equal(world.let_wait(wave, 0), BWRT_OK);
        world.use(memory, used, kLength);
        world.synchronize();
        assert_true(world.look(used.address, kLength) == source);
        assert_int_equal(world.outcome(wave).status, BWRT_OK);
    }
    world.end_engine();
}

// Layer by layer, while the later ones are still copied.
void each_group_is_waited_for_by_itself(void** state) {
    EngineWorld world;
    std::vector<bwrt_operation> operations;
    world.start_engine(state, kLate);
    const Bytes source = pattern(kLayers * kLength, 1);
    const DeviceMemory memory = world.memory(source.size()), used = world.memory(source.size());
    for (std::uint32_t layer = 0; layer < kLayers; ++layer) {
        operations.push_back(
            in_group(copy(BWRT_PROCESS_MEMORY,
                          reinterpret_cast<std::uint64_t>(source.data()) + layer * kLength,
                          memory.region, layer * kLength, kLength),
                     layer));
    }

    const bwrt_handle wave = world.submitted(operations);
    for (std::uint32_t layer = 0; layer < kLayers; ++layer) {
        assert_int_equal(world.let_wait(wave, layer), BWRT_OK);
        world.use({0, memory.address + layer * kLength}, {0, used.address + layer * kLength},
                  kLength);
    }
    world.synchronize();

    assert_true(world.look(used.address, source.size()) == source);
    assert_int_equal(world.outcome(wave).status, BWRT_OK);
    world.end_engine();
}

// The host waits for no byte: the device that would move them does nothing yet.
void the_caller_goes_on_as_soon_as_the_copies_are_enqueued(void** state) {
    EngineWorld world;
    need_fake();
    world.start_engine(state, "");
    const Bytes source = pattern(kLength, 2);
    const DeviceMemory memory = world.memory(kLength), used = world.memory(kLength);
    fake_driver()->hold(0, 1);
    const bwrt_handle wave = world.submitted({copy_in(source, memory.region)});

    assert_int_equal(world.let_wait(wave, 0, kForEver), BWRT_OK);
    world.use(memory, used, kLength);
    world.assert_runs_still(wave);
    fake_driver()->hold(0, 0);
    world.synchronize();

    assert_true(world.look(used.address, kLength) == source);
    assert_int_equal(world.outcome(wave).status, BWRT_OK);
    world.end_engine();
}

// CUDA would let the stream pass.
void what_is_not_enqueued_yet_is_not_waited_for(void** state) {
    EngineWorld world;
    need_fake();
    world.start_engine(state, "");
    const Bytes source = pattern(kLength, 3);
    const DeviceMemory memory = world.memory(kLength);
    const DeviceMemory other = world.memory(kLength, 1);
    fake_driver()->hold(0, 1);
    world.compute(memory, 1, kLength);
    const bwrt_handle wave = world.submitted({copy_in(source, other.region)}, world.after_stream());
    const std::uint64_t waits = fake_driver()->count("cuStreamWaitEvent");

    assert_int_equal(world.let_wait(wave, 0, 0), BWRT_E_TIMEOUT);
    assert_int_equal(world.let_wait(wave, 0, 2'000'000), BWRT_E_TIMEOUT);
    assert_string_equal(world.error.field, "timeout_ns");

    assert_int_equal(fake_driver()->count("cuStreamWaitEvent"), waits);
    fake_driver()->hold(0, 0);
    assert_int_equal(world.let_wait(wave, 0), BWRT_OK);
    assert_int_equal(world.outcome(wave).status, BWRT_OK);
    world.end_engine();
}

// The engine reads what is there no more: so it may be overwritten.
void a_stream_waits_for_copies_from_the_device(void** state) {
    EngineWorld world;
    Bytes target(kLength);
    world.start_engine(state, kLate);
    const DeviceMemory memory = world.memory(kLength);
    const Bytes source = pattern(kLength, 4);
    world.assert_runs({copy_in(source, memory.region)});

    const bwrt_handle wave = world.submitted({copy_out(memory.region, &target)});
    assert_int_equal(world.let_wait(wave, 0), BWRT_OK);
    world.compute(memory, 0, kLength);
    world.synchronize();

    assert_int_equal(world.outcome(wave).status, BWRT_OK);
    assert_true(target == source);
    world.end_engine();
}

// Of another device than the one that the bytes come to.
void a_stream_waits_for_another_device(void** state) {
    EngineWorld world;
    need_fake();
    world.start_engine(state, kLate);
    const Bytes source = pattern(kLength, 5);
    const DeviceMemory here = world.memory(kLength), there = world.memory(kLength, 1);
    bwrt_wave wave = {};

    const bwrt_handle handle =
        world.submitted({copy_in(source, here.region), copy_in(source, there.region)}, wave);
    assert_int_equal(world.let_wait(handle, 0), BWRT_OK);
    world.synchronize();  // and with it the other device's copies are over

    assert_true(fake_driver()->count("cuStreamWaitEvent") >= 2);
    assert_int_equal(world.outcome(handle).status, BWRT_OK);
    world.end_engine();
}

void a_group_that_failed_says_so_and_others_do_not(void** state) {
    EngineWorld world;
    need_fake();
    world.start_engine(state, "cuMemcpyHtoDAsync:2:2");
    const Bytes first = pattern(1000, 1), source = pattern(kLength, 6);
    const DeviceMemory memory = world.memory(3 * kLength);
    const bwrt_handle wave =
        world.submitted({in_group(copy_in(first, memory.region), 0),
                         in_group(copy_in(source, memory.region, kLength), 1)});

    assert_int_equal(world.let_wait(wave, 0), BWRT_OK);
    assert_int_equal(world.let_wait(wave, 1), BWRT_E_NOMEM);
    assert_string_equal(world.error.field, "group");

    while (world.undelivered_count() == 0) world.drive();
    assert_int_equal(world.let_wait(wave, 0), BWRT_OK);  // also when the wave is over
    assert_int_equal(world.let_wait(wave, 1), BWRT_E_NOMEM);
    assert_int_equal(world.outcome(wave).status, BWRT_E_NOMEM);
    assert_int_equal(world.let_wait(wave, 0), BWRT_E_HANDLE);
    world.end_engine();
}

void who_waits_for_a_wave_that_is_cancelled_is_told(void** state) {
    EngineWorld world;
    need_fake();
    world.start_engine(state, "");
    const DeviceMemory memory = world.memory(kLength);
    const Bytes source = pattern(kLength, 7);
    fake_driver()->hold(0, 1);
    world.compute(memory, 1, kLength);
    const bwrt_handle wave =
        world.submitted({copy_in(source, memory.region)}, world.after_stream());

    assert_int_equal(bwrt_cancel(world.runtime, wave, nullptr), BWRT_OK);
    assert_int_equal(world.let_wait(wave, 0), BWRT_E_CANCELLED);

    fake_driver()->hold(0, 0);
    assert_int_equal(world.outcome(wave).status, BWRT_E_CANCELLED);
    world.end_engine();
}

void what_no_stream_can_wait_for_is_refused(void** state) {
    EngineWorld world;
    bwrt_wave detached = {};
    world.start_engine(state, "");
    const DeviceMemory memory = world.memory(kLength);
    const Bytes source = pattern(kLength, 8);
    const auto stream = reinterpret_cast<std::uint64_t>(world.stream);
    const bwrt_handle wave = world.submitted({copy_in(source, memory.region)});
    const auto assert_refused = [&](bwrt_handle handle, std::uint32_t group, std::uint32_t device,
                                    std::uint64_t in, bwrt_status status, const char* field) {
        assert_int_equal(
            bwrt_stream_wait(world.runtime, handle, group, device, in, 0, &world.error), status);
        assert_string_equal(world.error.field, field);
    };

    assert_refused(wave, 1, 0, stream, BWRT_E_RANGE, "group");
    assert_refused(wave, 0, 1, stream, BWRT_E_INVAL, "device");
    assert_refused(wave, 0, 200, stream, BWRT_E_INVAL, "device");
    assert_refused(wave, 0, 0, reinterpret_cast<std::uint64_t>(CU_STREAM_PER_THREAD), BWRT_E_INVAL,
                   "stream");
    assert_refused(wave + 1, 0, 0, stream, BWRT_E_HANDLE, "wave");
    detached.delivery = BWRT_DELIVER_DETACHED;
    const bwrt_handle nobody_s = world.submitted({copy_in(source, memory.region)}, detached);
    assert_refused(nobody_s, 0, 0, stream, BWRT_E_HANDLE, "wave");

    assert_int_equal(world.outcome(wave).status, BWRT_OK);
    world.end_engine();
}

void a_stream_that_is_captured_does_not_wait(void** state) {
    EngineWorld world;
    CUgraph graph = nullptr;
    need_fake();
    world.start_engine(state, "");
    const DeviceMemory memory = world.memory(kLength);
    const Bytes source = pattern(kLength, 9);
    fake_driver()->hold(0, 1);
    const bwrt_handle wave = world.submitted({copy_in(source, memory.region)});
    assert_int_equal(world.driver.ctx_set_current(world.context), CUDA_SUCCESS);
    assert_int_equal(world.driver.stream_begin_capture(world.stream, CU_STREAM_CAPTURE_MODE_GLOBAL),
                     0);

    assert_int_equal(world.let_wait(wave, 0), BWRT_E_DEVICE);
    assert_string_equal(world.error.field, "stream");
    assert_int_equal(world.error.os_code, CUDA_ERROR_STREAM_CAPTURE_ISOLATION);

    assert_int_equal(world.driver.stream_end_capture(world.stream, &graph), CUDA_SUCCESS);
    assert_int_equal(world.driver.graph_destroy(graph), CUDA_SUCCESS);
    fake_driver()->hold(0, 0);
    assert_int_equal(world.outcome(wave).status, BWRT_OK);
    world.end_engine();
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        BWRT_IN_BOTH_WAYS(a_stream_goes_on_when_the_group_is_there),
        BWRT_IN_BOTH_WAYS(each_group_is_waited_for_by_itself),
        BWRT_IN_BOTH_WAYS(the_caller_goes_on_as_soon_as_the_copies_are_enqueued),
        BWRT_IN_BOTH_WAYS(what_is_not_enqueued_yet_is_not_waited_for),
        BWRT_IN_BOTH_WAYS(a_stream_waits_for_copies_from_the_device),
        BWRT_IN_BOTH_WAYS(a_stream_waits_for_another_device),
        BWRT_IN_BOTH_WAYS(a_group_that_failed_says_so_and_others_do_not),
        BWRT_IN_BOTH_WAYS(who_waits_for_a_wave_that_is_cancelled_is_told),
        BWRT_IN_BOTH_WAYS(what_no_stream_can_wait_for_is_refused),
        BWRT_IN_BOTH_WAYS(a_stream_that_is_captured_does_not_wait),
    };
    return run_on_driver(tests);
}
