// SPDX-License-Identifier: Apache-2.0
//
// When a kernel or a batch is not to be had or not taken: what it should have copied goes another
// way, a piece that cannot be copied fails alone, and no memory is used again that the device may
// still read.

#include "tests/device/pages_world.h"

namespace bwrt::test {
namespace {

constexpr std::size_t kFlight = std::size_t{256} << 10;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kLong = 30 << 10;

// Four flights of 64 pages, and whatever carries them must carry them right.
Calls go_to_device(PagesWorld* world) {
    const Bytes source = pattern(4 * kFlight, 1);
    const DeviceMemory device = world->memory(2 * source.size());
    world->assert_runs({world->pages_in(source, device, kPage)});
    const auto count = fake_driver()->count;
    const Calls calls = {count("cuLaunchKernel"), count("cuMemcpyBatchAsync"),
                         count("cuMemcpyHtoDAsync"), 0};
    assert_true(world->are_there(device, source, kPage));
    return calls;
}

void need_batch(PagesWorld* world) {
    if (world->has_batch) return;
    world->end_copies();
    skip();
}

void need_kernel(PagesWorld* world) {
    if (world->has_kernel) return;
    world->end_copies();
    skip();
}

// A driver before 12.4, which has no such call.
bool is_about_nothing(PagesWorld* world, const char* plan) {
    if (!has(plan, "cuFuncLoad") || world->driver.func_load != nullptr) return false;
    world->end_copies();
    return true;
}

void the_text_is_taken_where_the_fat_binary_is_not(void** state) {
    need_fake();
    for (const char* plan :
         {"cuLibraryLoadData:1:209", "cuLibraryLoadData:1:222", "cuLibraryLoadData:1:200",
          "cuKernelGetFunction:1:209", "cuFuncLoad:1:209", "cuLibraryGetKernel:1:500"}) {
        PagesWorld world;
        world.start_pages(state, plan);
        need_kernel(&world);
        if (is_about_nothing(&world, plan)) continue;
        assert_int_equal(go_to_device(&world).launches, 4);
        assert_int_equal(fake_driver()->count("cuLibraryLoadData"), 2);
        world.end_copies();
    }
}

void without_a_kernel_pages_are_copied_all_the_same(void** state) {
    need_fake();
    for (const char* plan :
         {"cuLibraryLoadData:*:209", "cuLibraryLoadData:*:222", "cuLibraryGetKernel:*:500",
          "cuKernelGetFunction:*:2", "cuFuncLoad:*:999", "cuMemHostGetDevicePointer:1:1"}) {
        PagesWorld world;
        world.start_pages(state, plan, false);
        if (is_about_nothing(&world, plan)) continue;
        const Calls calls = go_to_device(&world);
        assert_int_equal(calls.launches, 0);
        assert_int_equal(world.has_batch ? calls.batches : calls.copies / 64, 4);
        world.end_copies();
    }
}

void a_device_that_is_lost_by_loading_kernels_is_refused(void** state) {
    PagesWorld world;
    need_fake();
    world.start_pages(state, "cuLibraryLoadData:1:700");
    need_kernel(&world);

    world.assert_refused(device_region(kPage), BWRT_E_DEVICE_LOST, "region.device",
                         "CUDA_ERROR_ILLEGAL_ADDRESS");

    world.close();
    world.driver.primary_ctx_release(0);
    assert_null(fake_driver()->configure(""));  // what it left lay on the lost one
}

void a_kernel_that_is_not_launched_is_given_up(void** state) {
    PagesWorld world;
    need_fake();
    world.start_pages(state, "cuLaunchKernel:1:701");
    need_kernel(&world);

    const Calls calls = go_to_device(&world);

    assert_int_equal(calls.launches, 1);
    assert_int_equal(world.has_batch ? calls.batches : calls.copies / 64, 4);
    world.end_copies();
}

void a_kernel_that_lacked_memory_is_tried_again(void** state) {
    PagesWorld world;
    need_fake();
    world.start_pages(state, "cuLaunchKernel:1:2");
    need_kernel(&world);

    const Calls calls = go_to_device(&world);

    assert_int_equal(calls.launches, 4);
    assert_int_equal(world.has_batch ? calls.batches : calls.copies / 64, 1);
    world.end_copies();
}

// All waves of a lost device fail, and the next at once.
void assert_lost(PagesWorld* world, std::int32_t code) {
    const Bytes source = pattern(4 * kFlight, 2);
    const DeviceMemory device = world->memory(2 * source.size());
    for (int i = 0; i < 2; ++i) {
        const bwrt_completion completion = world->run({world->pages_in(source, device, kPage)});
        assert_int_equal(completion.status, BWRT_E_DEVICE_LOST);
        assert_int_equal(completion.os_code, code);
        assert_int_equal(completion.tier, BWRT_TIER_DEVICE);
    }
    world->close();
    world->driver.primary_ctx_release(0);
    assert_null(fake_driver()->configure(""));
}

void a_kernel_that_fails_on_the_device_loses_it(void** state) {
    PagesWorld world;
    need_fake();
    world.start_pages(state, "cuLaunchKernel:2:700");
    need_kernel(&world);
    assert_lost(&world, CUDA_ERROR_ILLEGAL_ADDRESS);
}

void a_batch_that_fails_on_the_device_loses_it(void** state) {
    PagesWorld world;
    need_fake();
    world.start_pages(state, "cuLibraryLoadData:*:209; cuMemcpyBatchAsync:2:700", false);
    need_batch(&world);
    assert_lost(&world, CUDA_ERROR_ILLEGAL_ADDRESS);
}

// Its copies are made one by one, though some of them are out.
void a_batch_that_is_refused_is_made_of_calls(void** state) {
    PagesWorld world;
    need_fake();
    world.start_pages(state, "delay=1000us; cuMemcpyBatchAsync:1:2");
    need_batch(&world);
    const Bytes source = pattern(4 * kFlight, 3);
    Bytes back(source.size());
    const DeviceMemory device = world.memory(2 * source.size());
    world.assert_runs({world.pages_in(source, device, kPage)});
    world.count_calls();

    world.assert_runs({world.pages_out(device, &back, kPage)});

    if (world.has_kernel) world.assert_calls({0, 4, 64, 4});
    assert_true(back == source);
    world.end_copies();
}

void a_driver_that_takes_no_batch_is_asked_for_one_once(void** state) {
    PagesWorld world;
    need_fake();
    world.start_pages(state, "cuMemcpyBatchAsync:*:1; cuLibraryLoadData:*:209", false);
    need_batch(&world);
    const Bytes source = pattern(4 * kFlight, 4);
    Bytes back(source.size());
    const DeviceMemory device = world.memory(2 * source.size());

    world.assert_runs({world.pages_in(source, device, kPage)});
    world.assert_runs({world.pages_out(device, &back, kPage)});

    world.assert_calls({0, 1, 512, 8});
    assert_true(back == source);
    world.end_copies();
}

// For it, and not for the other seven or for batches.
void a_piece_that_is_not_taken_fails_alone_in_a_batch(void** state) {
    PagesWorld world;
    bwrt_wave wave = {};
    bwrt_result results[8] = {};
    std::vector<bwrt_operation> operations;
    need_fake();
    world.start_pages(state, "cuMemcpyBatchAsync:1:1; cuMemcpyHtoDAsync:3:1");
    need_batch(&world);
    const Bytes source = pattern(8 * kLong, 5);
    const DeviceMemory device = world.memory(16 * kLong);
    wave.results = results;
    wave.result_count = 8;
    wave.result_bytes = sizeof results[0];
    for (std::uint64_t i = 0; i < 8; ++i) {
        operations.push_back(copy_in(source, device.region, 2 * i * kLong));
        operations[i].source_offset_bytes += i * kLong;
        operations[i].length_bytes = kLong;
    }

    const bwrt_completion completion = world.run(operations, wave);

    assert_int_equal(completion.status, BWRT_E_DEVICE);
    assert_int_equal(completion.os_code, CUDA_ERROR_INVALID_VALUE);
    assert_int_equal(completion.operation_index, 2);
    assert_int_equal(completion.bytes, 7 * kLong);
    for (std::uint32_t i = 0; i < 8; ++i) {
        assert_int_equal(results[i].status, i == 2 ? BWRT_E_DEVICE : BWRT_OK);
    }
    const Bytes found = world.look(device.address, 16 * kLong);
    for (std::size_t i = 0; i < 8; ++i) {
        if (i == 2) continue;
        assert_memory_equal(&found[2 * i * kLong], &source[i * kLong], kLong);
    }
    world.assert_runs(operations);  // by a batch again
    assert_int_equal(fake_driver()->count("cuMemcpyBatchAsync"), 2);
    world.end_copies();
}

void assert_runs_still(const PagesWorld& world, bwrt_handle wave) {
    bwrt_completion completion = {};
    assert_int_equal(bwrt_wait(world.runtime, wave, 0, &completion, nullptr), BWRT_E_TIMEOUT);
}

// The first, that is: its batch is not, nor is any of its eight copies.
std::string no_flight_is_taken() {
    std::string plan = "seed=3; cuMemcpyBatchAsync:1:2";
    for (int i = 1; i <= 8; ++i) plan += "; cuMemcpyHtoDAsync:" + std::to_string(i) + ":2";
    return plan;
}

// Nothing of a wave is taken, and yet the device may be at it: its memory is not another wave's.
void memory_of_a_batch_that_failed_is_not_used_while_it_may_be_read(void** state) {
    constexpr std::size_t kFlightCount = 16;
    PagesWorld world;
    need_fake();
    world.start_pages(state, no_flight_is_taken());
    need_batch(&world);
    const Bytes first(8 * kLong, 1), second((kFlightCount + 2) * 8 * kLong, 2);
    const DeviceMemory device = world.memory(2 * first.size()),
                       other = world.memory(2 * second.size());
    fake_driver()->hold(0, 1);

    const bwrt_handle failing = world.submitted({world.pages_in(first, device, kLong)});
    while (fake_driver()->count("cuMemcpyHtoDAsync") < 8) assert_runs_still(world, failing);
    const bwrt_handle next = world.submitted({world.pages_in(second, other, kLong)});
    while (fake_driver()->count("cuEventRecord") < kFlightCount) assert_runs_still(world, next);
    assert_runs_still(world, failing);
    fake_driver()->hold(0, 0);

    const bwrt_completion failed = world.outcome(failing);
    assert_int_equal(failed.status, BWRT_E_NOMEM);
    assert_int_equal(failed.bytes, 0);
    assert_int_equal(world.outcome(next).status, BWRT_OK);
    assert_true(world.are_there(other, second, kLong));
    const Bytes found = world.look(device.address, 2 * first.size());
    assert_int_equal(found[0], 1);  // the fake had begun with it
    assert_null(std::memchr(found.data(), 2, found.size()));
    world.end_copies();
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        BWRT_IN_BOTH_WAYS(the_text_is_taken_where_the_fat_binary_is_not),
        BWRT_IN_BOTH_WAYS(without_a_kernel_pages_are_copied_all_the_same),
        BWRT_IN_BOTH_WAYS(a_device_that_is_lost_by_loading_kernels_is_refused),
        BWRT_IN_BOTH_WAYS(a_kernel_that_is_not_launched_is_given_up),
        BWRT_IN_BOTH_WAYS(a_kernel_that_lacked_memory_is_tried_again),
        BWRT_IN_BOTH_WAYS(a_kernel_that_fails_on_the_device_loses_it),
        BWRT_IN_BOTH_WAYS(a_batch_that_fails_on_the_device_loses_it),
        BWRT_IN_BOTH_WAYS(a_batch_that_is_refused_is_made_of_calls),
        BWRT_IN_BOTH_WAYS(a_driver_that_takes_no_batch_is_asked_for_one_once),
        BWRT_IN_BOTH_WAYS(a_piece_that_is_not_taken_fails_alone_in_a_batch),
        BWRT_IN_BOTH_WAYS(memory_of_a_batch_that_failed_is_not_used_while_it_may_be_read),
    };
    return run_on_driver(tests);
}
