// SPDX-License-Identifier: Apache-2.0
//
// When a device is slow, says no, or is lost: a wave ends when its copies are over and not before,
// what fails says so, and everything else goes on.  A question that is answered "not yet" so many
// times stands for a device that takes its time.

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "tests/device/copy_world.h"

namespace bwrt::test {
namespace {

constexpr std::size_t kBytes = std::size_t{1} << 20;
constexpr int kNotYetCount = 300;

std::string slow_device() {
    std::string plan;
    for (int i = 1; i <= kNotYetCount; ++i) plan += "cuEventQuery:" + std::to_string(i) + ":600;";
    return plan;
}

// Not over as long as the device has not been asked so often, whoever looks.
void assert_not_over(const CopyWorld& world, bwrt_handle wave) {
    bwrt_completion completion = {};
    const bwrt_status status = bwrt_wait(world.runtime, wave, 0, &completion, nullptr);
    if (fake_driver()->count("cuEventQuery") < kNotYetCount) {
        assert_int_equal(status, BWRT_E_TIMEOUT);
    }
}

void wait_until_copies_are_out(CopyWorld* world, bwrt_handle wave) {
    bwrt_completion completion = {};
    while (fake_driver()->count("cuEventRecord") == 0) {
        assert_int_equal(bwrt_wait(world->runtime, wave, 0, &completion, nullptr), BWRT_E_TIMEOUT);
    }
}

void a_cancelled_wave_ends_when_its_copies_are_over(void** state) {
    CopyWorld world;
    need_fake();
    world.start_copies(state, slow_device().c_str());
    const Bytes source = pattern(8 * kBytes, 1);
    const DeviceMemory device = world.memory(8 * kBytes);
    const bwrt_handle wave = world.submitted({copy_in(source, device.region)});
    wait_until_copies_are_out(&world, wave);

    assert_int_equal(bwrt_cancel(world.runtime, wave, nullptr), BWRT_OK);
    assert_not_over(world, wave);
    assert_int_equal(bwrt_release(world.runtime, device.region, nullptr), BWRT_E_BUSY);
    const bwrt_completion completion = world.outcome(wave);

    assert_true(fake_driver()->count("cuEventQuery") > kNotYetCount);
    assert_int_equal(completion.status, BWRT_E_CANCELLED);
    assert_true(completion.bytes > 0 && completion.bytes < 8 * kBytes);
    assert_true(world.look(device.address, completion.bytes) ==
                Bytes(source.begin(), source.begin() + static_cast<long>(completion.bytes)));
    assert_int_equal(bwrt_release(world.runtime, device.region, nullptr), BWRT_OK);
    world.end_copies();
}

void a_wave_past_its_deadline_ends_when_its_copies_are_over(void** state) {
    CopyWorld world;
    bwrt_wave late = {};
    need_fake();
    world.start_copies(state, slow_device().c_str());
    Bytes target(8 * kBytes);
    const DeviceMemory device = world.memory(8 * kBytes);
    late.flags = BWRT_WAVE_DEADLINE_RELATIVE;
    late.late = BWRT_LATE_ABORT;
    late.deadline_ns = 2'000'000;

    const bwrt_completion completion = world.run({copy_out(device.region, &target)}, late);

    if (fake_driver()->count("cuMemcpyDtoHAsync") != 0) {  // it was not late before it began
        assert_true(fake_driver()->count("cuEventQuery") > kNotYetCount);
    }
    assert_int_equal(completion.status, BWRT_E_LATE);
    assert_true(completion.bytes < 8 * kBytes);
    world.end_copies();
}

void a_runtime_is_not_shut_down_under_its_copies(void** state) {
    CopyWorld world;
    need_fake();
    world.start_copies(state, slow_device().c_str());
    const Bytes source = pattern(kBytes, 2);
    const DeviceMemory device = world.memory(kBytes);
    const bwrt_handle wave = world.submitted({copy_in(source, device.region)});
    wait_until_copies_are_out(&world, wave);

    const bwrt_status status = bwrt_shutdown(world.runtime, BWRT_SHUTDOWN_CANCEL, 0, nullptr);
    if (fake_driver()->count("cuEventQuery") < kNotYetCount) {
        assert_int_equal(status, BWRT_E_TIMEOUT);
    }

    world.end_copies();
}

void a_copy_that_is_not_taken_fails_alone(void** state) {
    CopyWorld world;
    bwrt_result results[3] = {};
    bwrt_wave wave = {};
    need_fake();
    world.start_copies(state, "cuMemcpyDtoHAsync:2:999; cuMemcpyHtoDAsync:2:2");
    const Bytes source = pattern(3 * 4096, 3);
    Bytes target(3 * 4096);
    const DeviceMemory device = world.memory(4 * 4096);
    const auto home = reinterpret_cast<std::uint64_t>(target.data());
    wave.results = results;
    wave.result_count = 3;
    wave.result_bytes = sizeof results[0];
    world.assert_runs({copy_in(source, device.region)});
    std::vector<bwrt_operation> operations;
    for (std::uint64_t i = 0; i < 3; ++i) {  // apart on the device: a copy each
        operations.push_back(
            copy(device.region, i * 4100, BWRT_PROCESS_MEMORY, home + i * 4096, 4000));
    }

    const bwrt_completion completion = world.run(operations, wave);

    assert_int_equal(completion.status, BWRT_E_DEVICE);
    assert_int_equal(completion.os_code, CUDA_ERROR_UNKNOWN);
    assert_int_equal(completion.tier, BWRT_TIER_DEVICE);
    assert_int_equal(completion.operation_index, 1);
    assert_int_equal(completion.bytes, 8000);
    assert_int_equal(completion.prefix_count, 1);
    assert_int_equal(results[0].status, BWRT_OK);
    assert_int_equal(results[1].status, BWRT_E_DEVICE);
    assert_int_equal(results[1].tier, BWRT_TIER_DEVICE);
    assert_int_equal(results[2].status, BWRT_OK);
    assert_memory_equal(target.data() + 8192, source.data() + 8200, 4000);
    assert_int_equal(world.run({copy_in(source, device.region)}).status, BWRT_E_NOMEM);
    world.assert_runs({copy_in(source, device.region)});
    world.end_copies();
}

void a_mark_that_is_not_set_or_asked_is_tried_again(void** state) {
    CopyWorld world;
    need_fake();
    world.start_copies(state,
                       "cuEventRecord:1:999; cuEventRecord:2:2; cuEventQuery:1:999; delay=9000us");
    const Bytes source = pattern(4096, 4);  // one flight, and nothing behind it that is over later
    const DeviceMemory device = world.memory(kBytes);

    world.assert_runs({copy_in(source, device.region)});

    assert_true(world.look(device.address, source.size()) == source);
    world.end_copies();
}

// What is not on the lost device goes on; what is there fails at once, without a call.
void assert_lost_and_nothing_else(CopyWorld* world, const DeviceMemory& device, std::int32_t code) {
    const Bytes source = pattern(kBytes, 5);
    Bytes target(kBytes);
    const std::uint64_t copies =
        fake_driver()->count("cuMemcpyHtoDAsync") + fake_driver()->count("cuMemcpyDtoHAsync");
    const bwrt_completion again =
        world->run({copy_in(source, device.region), copy_out(device.region, &target)});
    assert_int_equal(again.status, BWRT_E_DEVICE_LOST);
    assert_int_equal(again.os_code, code);
    assert_int_equal(again.bytes, 0);
    assert_int_equal(again.verdict, BWRT_VERDICT_RECOMPUTE);
    world->assert_refused(device_region(4096), BWRT_E_DEVICE_LOST, "region.length_bytes");
    assert_int_equal(copies, fake_driver()->count("cuMemcpyHtoDAsync") +
                                 fake_driver()->count("cuMemcpyDtoHAsync"));

    const auto home = reinterpret_cast<std::uint64_t>(target.data());
    world->assert_runs({copy_in(source, BWRT_PROCESS_MEMORY, home)});
    assert_true(target == source);
    char name[] = "bwrt-test-XXXXXX";
    bwrt_region file = {};
    file.struct_size = sizeof file;
    file.kind = BWRT_REGION_FILE;
    file.fd = mkstemp(name);
    file.length_bytes = kBytes;
    unlink(name);
    bwrt_operation write = copy_in(source, world->added(file));
    write.kind = BWRT_OP_WRITE;
    world->assert_runs({write});
    ::close(file.fd);
    const DeviceMemory other = world->memory(kBytes, 1);
    world->assert_runs({copy_in(source, other.region)});
    std::fill(target.begin(), target.end(), static_cast<unsigned char>(0));
    world->assert_runs({copy_out(other.region, &target)});
    assert_true(target == source);
}

void end_with_a_lost_device(CopyWorld* world) {
    world->close();
    world->driver.primary_ctx_release(0);
    assert_null(fake_driver()->configure(""));  // what it left lay on the lost one
}

void a_device_that_is_lost_fails_what_is_out_and_nothing_else(void** state) {
    CopyWorld world;
    need_fake();
    world.start_copies(state, "cuMemcpyHtoDAsync:3:700; delay=3000us");
    const Bytes source = pattern(8 * kBytes, 6);
    const DeviceMemory device = world.memory(8 * kBytes);

    const bwrt_completion completion = world.run({copy_in(source, device.region)});

    assert_int_equal(completion.status, BWRT_E_DEVICE_LOST);
    assert_int_equal(completion.os_code, CUDA_ERROR_ILLEGAL_ADDRESS);
    assert_int_equal(completion.tier, BWRT_TIER_DEVICE);
    assert_true(completion.bytes <= 2 * (256u << 10));
    assert_lost_and_nothing_else(&world, device, CUDA_ERROR_ILLEGAL_ADDRESS);
    end_with_a_lost_device(&world);
}

void a_device_that_is_lost_when_it_is_asked_is_lost(void** state) {
    CopyWorld world;
    need_fake();
    world.start_copies(state, "cuEventQuery:2:719; cuEventQuery:1:600");
    Bytes target(kBytes);
    const DeviceMemory device = world.memory(kBytes);

    const bwrt_completion completion = world.run({copy_out(device.region, &target)});

    assert_int_equal(completion.status, BWRT_E_DEVICE_LOST);
    assert_int_equal(completion.os_code, CUDA_ERROR_LAUNCH_FAILED);
    assert_lost_and_nothing_else(&world, device, CUDA_ERROR_LAUNCH_FAILED);
    end_with_a_lost_device(&world);
}

// As the driver has it for all threads while one of the engine's captures a graph.
void a_device_that_may_not_be_asked_for_a_capture_is_asked_again(void** state) {
    CopyWorld world;
    std::string plan = "cuEventRecord:1:900;";
    need_fake();
    for (int i = 1; i <= 40; ++i) plan += "cuEventQuery:" + std::to_string(i) + ":900;";
    world.start_copies(state, plan.c_str());
    Bytes target(4096);
    const DeviceMemory device = world.memory(kBytes);

    const bwrt_completion completion = world.run({copy_out(device.region, &target)});

    assert_int_equal(completion.status, BWRT_OK);
    assert_true(fake_driver()->count("cuEventQuery") > 40);
    world.end_copies();
}

void a_device_that_cannot_be_opened_whole_is_not_opened(void** state) {
    CopyWorld world;
    need_fake();
    world.start_copies(
        state, "cuStreamCreateWithPriority:2:999; cuEventCreate:5:2; cuMemHostRegister:1:2");

    world.assert_refused(device_region(kBytes), BWRT_E_DEVICE, "region.device",
                         "cuStreamCreateWithPriority: CUDA_ERROR_UNKNOWN (999)");
    world.assert_refused(device_region(kBytes), BWRT_E_NOMEM, "region.device",
                         "cuEventCreate: CUDA_ERROR_OUT_OF_MEMORY (2)");
    world.assert_refused(device_region(kBytes), BWRT_E_NOMEM, "region.device",
                         "cuMemHostRegister: CUDA_ERROR_OUT_OF_MEMORY (2)");

    world.added(device_region(kBytes));
    world.end_copies();  // nothing was left behind by those that were given up
}

void slow_calls_and_a_late_device_cost_time_and_no_byte(void** state) {
    CopyWorld world;
    need_fake();
    world.start_copies(state,
                       "cuMemcpyHtoDAsync:*:slow=700us; cuEventQuery:*:slow=300us; delay=50000us");
    const Bytes source = pattern(2 * kBytes, 7);
    Bytes target(2 * kBytes);
    const DeviceMemory device = world.memory(2 * kBytes);

    world.assert_runs({copy_in(source, device.region)});
    world.assert_runs({copy_out(device.region, &target)});

    assert_true(target == source);
    world.end_copies();
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        BWRT_IN_BOTH_WAYS(a_cancelled_wave_ends_when_its_copies_are_over),
        BWRT_IN_BOTH_WAYS(a_wave_past_its_deadline_ends_when_its_copies_are_over),
        BWRT_IN_BOTH_WAYS(a_runtime_is_not_shut_down_under_its_copies),
        BWRT_IN_BOTH_WAYS(a_copy_that_is_not_taken_fails_alone),
        BWRT_IN_BOTH_WAYS(a_mark_that_is_not_set_or_asked_is_tried_again),
        BWRT_IN_BOTH_WAYS(a_device_that_is_lost_fails_what_is_out_and_nothing_else),
        BWRT_IN_BOTH_WAYS(a_device_that_is_lost_when_it_is_asked_is_lost),
        BWRT_IN_BOTH_WAYS(a_device_that_may_not_be_asked_for_a_capture_is_asked_again),
        BWRT_IN_BOTH_WAYS(a_device_that_cannot_be_opened_whole_is_not_opened),
        BWRT_IN_BOTH_WAYS(slow_calls_and_a_late_device_cost_time_and_no_byte),
    };
    return run_on_driver(tests);
}
