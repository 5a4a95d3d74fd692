// SPDX-License-Identifier: Apache-2.0
//
// SIGNALs that lie on a device: of two values one is always written there, and behind the bytes of
// its group.

#include <unistd.h>

#include "tests/device/signal_world.h"

namespace bwrt::test {
namespace {

constexpr std::size_t kLength = 300'000;  // more than a flight

bwrt_operation in_group(bwrt_operation operation, std::uint32_t group) {
    operation.group = group;
    return operation;
}

void every_layer_s_value_is_written(void** state) {
    constexpr std::uint32_t kLayers = 100;
    SignalWorld world;
    std::vector<bwrt_operation> operations;
    std::vector<std::uint64_t> expected;
    world.start_signals(state, kLate);
    const Bytes source = pattern(kLayers * 10'000, 1);
    const DeviceMemory memory = world.memory(source.size());
    for (std::uint32_t layer = 0; layer < kLayers; ++layer) {
        operations.push_back(world.signal(layer, layer % 2 == 0 ? 4 : 8));
        operations.push_back(
            in_group(copy(BWRT_PROCESS_MEMORY,
                          reinterpret_cast<std::uint64_t>(source.data()) + layer * 10'000,
                          memory.region, layer * 10'000, 10'000),
                     layer));
        expected.push_back(kDone + layer);
    }

    world.assert_runs(operations);

    world.assert_values(expected);
    assert_true(world.look(memory.address, source.size()) == source);
    world.end_engine();
}

// All is enqueued before the device has moved a byte, the values behind the bytes.
void the_host_is_not_needed_once_the_copies_are_enqueued(void** state) {
    SignalWorld world;
    need_fake();
    world.start_signals(state, "");
    const Bytes source = pattern(kLength, 2);
    const DeviceMemory memory = world.memory(2 * kLength);
    fake_driver()->hold(0, 1);

    const bwrt_handle wave =
        world.submitted({in_group(copy_in(source, memory.region), 0), world.signal(0),
                         in_group(copy_in(source, memory.region, kLength), 1), world.signal(1, 8)});
    while (fake_driver()->count("cuStreamWriteValue32") +
               fake_driver()->count("cuStreamWriteValue64") !=
           2) {
        world.assert_runs_still(wave);
        usleep(100);
    }
    world.assert_runs_still(wave);
    fake_driver()->hold(0, 0);

    assert_int_equal(world.outcome(wave).status, BWRT_OK);
    world.assert_values({kDone, kDone + 1});
    world.end_engine();
}

void a_group_that_failed_gets_the_other_value(void** state) {
    SignalWorld world;
    bwrt_result results[4] = {};
    bwrt_wave wave = {};
    need_fake();
    world.start_signals(state, "cuMemcpyHtoDAsync:1:2");
    const Bytes source = pattern(1000, 3);
    const DeviceMemory memory = world.memory(2 * kLength);
    wave.results = results;
    wave.result_count = 4;
    wave.result_bytes = sizeof(bwrt_result);

    const bwrt_completion completion =
        world.run({in_group(copy_in(source, memory.region), 0), world.signal(0),
                   in_group(copy_in(source, memory.region, kLength), 1), world.signal(1)},
                  wave);

    assert_int_equal(completion.status, BWRT_E_NOMEM);
    assert_int_equal(results[1].status, BWRT_E_NOMEM);
    assert_int_equal(results[3].status, BWRT_OK);
    world.assert_values({kFailed, kDone + 1});
    world.end_engine();
}

// Whichever flight of the group it was: the value does not go out with the others.
void a_group_of_several_flights_that_failed_in_part_gets_the_other_value(void** state) {
    for (const char* plan : {"cuMemcpyHtoDAsync:1:2", "cuMemcpyHtoDAsync:2:2"}) {
        SignalWorld world;
        need_fake();
        world.start_signals(state, plan);
        const Bytes source = pattern(kLength, 11);
        const DeviceMemory memory = world.memory(kLength);

        const bwrt_completion completion =
            world.run({copy_in(source, memory.region), world.signal(0)});

        assert_int_equal(completion.status, BWRT_E_NOMEM);
        assert_true(completion.bytes > 0);
        world.assert_values({kFailed});
        world.end_engine();
    }
}

// What comes from the device is not there before the driver has copied it on.
void a_value_behind_bytes_from_the_device_waits_for_the_host(void** state) {
    SignalWorld world;
    Bytes target(1000);
    need_fake();
    world.start_signals(state, "");
    const DeviceMemory memory = world.memory(kLength);
    const std::uint64_t records = fake_driver()->count("cuEventRecord");
    fake_driver()->hold(0, 1);

    const bwrt_handle wave = world.submitted({copy_out(memory.region, &target), world.signal(0)});
    while (fake_driver()->count("cuEventRecord") == records) world.assert_runs_still(wave);
    assert_int_equal(fake_driver()->count("cuStreamWriteValue32"), 0);
    fake_driver()->hold(0, 0);

    assert_int_equal(world.outcome(wave).status, BWRT_OK);
    world.assert_values({kDone});
    world.end_engine();
}

// Also those of groups without bytes, and whatever came before the wave.
void a_wave_that_never_ran_writes_its_values(void** state) {
    SignalWorld world;
    need_fake();
    world.start_signals(state, "");
    const Bytes source = pattern(1000, 4);
    const DeviceMemory memory = world.memory(kLength);
    const DeviceMemory other = world.memory(kLength, 1);
    bwrt_wave wave = world.after_stream();
    fake_driver()->hold(0, 1);
    world.compute(memory, 1, kLength);
    const bwrt_handle handle = world.submitted(
        {in_group(copy_in(source, other.region), 0), world.signal(0), world.signal(1, 8)}, wave);

    assert_int_equal(bwrt_cancel(world.runtime, handle, nullptr), BWRT_OK);
    while (fake_driver()->count("cuStreamWriteValue64") == 0) world.assert_runs_still(handle);
    fake_driver()->hold(0, 0);

    assert_int_equal(world.outcome(handle).status, BWRT_E_CANCELLED);
    world.assert_values({kFailed, kFailed});
    world.end_engine();
}

void a_group_without_bytes_is_there_at_once(void** state) {
    SignalWorld world;
    world.start_signals(state, kLate);

    world.assert_runs({world.signal(0), world.signal(2, 8)});

    world.assert_values({kDone, 0, kDone + 2});
    world.end_engine();
}

// When the driver has a part in it, the value comes behind that.
void a_group_that_goes_both_ways_is_there_before_its_value(void** state) {
    SignalWorld world;
    Bytes target(kLength), plain(kLength);
    world.start_signals(state, kLate);
    const Bytes source = pattern(kLength, 5);
    const DeviceMemory memory = world.memory(2 * kLength);
    world.assert_runs({copy_in(source, memory.region)});

    world.assert_runs(
        {copy_in(source, memory.region, kLength), copy_out(memory.region, &target),
         copy(BWRT_PROCESS_MEMORY, reinterpret_cast<std::uint64_t>(source.data()),
              BWRT_PROCESS_MEMORY, reinterpret_cast<std::uint64_t>(plain.data()), kLength),
         world.signal(0)});

    world.assert_values({kDone});
    assert_true(target == source && plain == source);
    world.end_engine();
}

// It may lie on another device than the bytes, or there may be none but the host's.
void a_value_may_lie_anywhere(void** state) {
    SignalWorld world;
    Bytes plain(kLength);
    need_fake();
    world.start_signals(state, kLate);
    const Bytes source = pattern(kLength, 6);
    const DeviceMemory other = world.memory(kLength, 1);

    world.assert_runs(
        {in_group(copy_in(source, other.region), 0), world.signal(0),
         in_group(copy(BWRT_PROCESS_MEMORY, reinterpret_cast<std::uint64_t>(source.data()),
                       BWRT_PROCESS_MEMORY, reinterpret_cast<std::uint64_t>(plain.data()), kLength),
                  1),
         world.signal(1)});

    world.assert_values({kDone, kDone + 1});
    assert_true(plain == source);
    world.end_engine();
}

// The first time in the stream of the copies, and then when they are over.
void a_value_that_was_not_taken_is_written_later(void** state) {
    SignalWorld world;
    need_fake();
    world.start_signals(state, "cuStreamWriteValue32:1:999");
    const Bytes source = pattern(kLength, 7);
    const DeviceMemory memory = world.memory(kLength);

    world.assert_runs({copy_in(source, memory.region), world.signal(0)});

    assert_int_equal(fake_driver()->count("cuStreamWriteValue32"), 2);
    world.assert_values({kDone});
    world.end_engine();
}

void a_value_that_cannot_be_written_fails_its_signal(void** state) {
    SignalWorld world;
    bwrt_result results[2] = {};
    bwrt_wave wave = {};
    need_fake();
    world.start_signals(state, "cuStreamWriteValue32:1+:999");
    const Bytes source = pattern(kLength, 8);
    const DeviceMemory memory = world.memory(kLength);
    wave.results = results;
    wave.result_count = 2;
    wave.result_bytes = sizeof(bwrt_result);

    const bwrt_completion completion =
        world.run({copy_in(source, memory.region), world.signal(0)}, wave);

    assert_int_equal(completion.status, BWRT_E_DEVICE);
    assert_int_equal(completion.operation_index, 1);
    assert_int_equal(completion.os_code, CUDA_ERROR_UNKNOWN);
    assert_int_equal(completion.prefix_count, 1);
    assert_int_equal(results[0].status, BWRT_OK);
    assert_int_equal(results[1].status, BWRT_E_DEVICE);
    assert_int_equal(results[1].tier, BWRT_TIER_DEVICE);
    assert_true(world.look(memory.address, kLength) == source);
    world.end_engine();
}

void a_value_on_a_device_that_is_lost_fails_its_signal(void** state) {
    SignalWorld world;
    bwrt_result results[2] = {};
    bwrt_wave with_results = {};
    need_fake();
    world.start_signals(state, "");
    const Bytes source = pattern(kLength, 9);
    const DeviceMemory memory = world.memory(kLength);
    fake_driver()->hold(0, 1);
    with_results.results = results;
    with_results.result_count = 2;
    with_results.result_bytes = sizeof(bwrt_result);
    const bwrt_handle out =
        world.submitted({copy_in(source, memory.region), world.signal(0)}, with_results);
    while (fake_driver()->count("cuStreamWriteValue32") == 0) world.assert_runs_still(out);

    fake_driver()->lose(0, CUDA_ERROR_ILLEGAL_ADDRESS);

    assert_int_equal(world.outcome(out).status, BWRT_E_DEVICE_LOST);
    assert_int_equal(results[0].status, BWRT_E_DEVICE_LOST);
    assert_int_equal(results[1].status, BWRT_E_DEVICE_LOST);
    const bwrt_completion later = world.run({world.signal(1)});
    assert_int_equal(later.status, BWRT_E_DEVICE_LOST);
    assert_int_equal(later.operation_index, 0);
    world.close();
    assert_null(fake_driver()->configure(""));  // what it left lay on the lost one
}

// More than there are flights, and none of them free.
void values_wait_for_a_flight(void** state) {
    constexpr std::uint32_t kCount = 40;
    SignalWorld world;
    std::vector<bwrt_operation> operations;
    std::vector<std::uint64_t> expected;
    need_fake();
    world.start_signals(state, "");
    const Bytes source = pattern(20 * kLength, 10);
    const DeviceMemory memory = world.memory(source.size());
    fake_driver()->hold(0, 1);
    const bwrt_handle large = world.submitted({copy_in(source, memory.region)});
    for (std::uint32_t group = 0; group < kCount; ++group) {
        operations.push_back(world.signal(group));
        expected.push_back(kDone + group);
    }

    const bwrt_handle wave = world.submitted(operations);
    world.assert_runs_still(wave);
    fake_driver()->hold(0, 0);

    assert_int_equal(world.outcome(wave).status, BWRT_OK);
    assert_int_equal(world.outcome(large).status, BWRT_OK);
    world.assert_values(expected);
    world.end_engine();
}

void a_value_beyond_its_region_or_askew_is_refused(void** state) {
    SignalWorld world;
    bwrt_handle handle = 77;
    world.start_signals(state, "");
    bwrt_operation one = world.signal(0, 8);

    one.target_offset_bytes = 4096;
    assert_int_equal(world.submit({}, {one}, &handle), BWRT_E_RANGE);
    one.target_offset_bytes = 4;
    assert_int_equal(world.submit({}, {one}, &handle), BWRT_E_INVAL);
    assert_int_equal(handle, 77);
    world.end_engine();
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        BWRT_IN_BOTH_WAYS(every_layer_s_value_is_written),
        BWRT_IN_BOTH_WAYS(the_host_is_not_needed_once_the_copies_are_enqueued),
        BWRT_IN_BOTH_WAYS(a_group_that_failed_gets_the_other_value),
        BWRT_IN_BOTH_WAYS(a_group_of_several_flights_that_failed_in_part_gets_the_other_value),
        BWRT_IN_BOTH_WAYS(a_value_behind_bytes_from_the_device_waits_for_the_host),
        BWRT_IN_BOTH_WAYS(a_wave_that_never_ran_writes_its_values),
        BWRT_IN_BOTH_WAYS(a_group_without_bytes_is_there_at_once),
        BWRT_IN_BOTH_WAYS(a_group_that_goes_both_ways_is_there_before_its_value),
        BWRT_IN_BOTH_WAYS(a_value_may_lie_anywhere),
        BWRT_IN_BOTH_WAYS(a_value_that_was_not_taken_is_written_later),
        BWRT_IN_BOTH_WAYS(a_value_that_cannot_be_written_fails_its_signal),
        BWRT_IN_BOTH_WAYS(a_value_on_a_device_that_is_lost_fails_its_signal),
        BWRT_IN_BOTH_WAYS(values_wait_for_a_flight),
        BWRT_IN_BOTH_WAYS(a_value_beyond_its_region_or_askew_is_refused),
    };
    return run_on_driver(tests);
}
