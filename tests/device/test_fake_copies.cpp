// SPDX-License-Identifier: Apache-2.0
//
// Copies as the fake driver has them: who changes a source too early, or reads a target too early,
// has wrong bytes.

#include <algorithm>

#include "tests/device/driver_world.h"

namespace bwrt::test {
namespace {

constexpr std::size_t kBytes = 4096;

using Bytes = std::vector<unsigned char>;

bool all_are(const Bytes& bytes, unsigned char value) {
    return std::all_of(bytes.begin(), bytes.end(),
                       [&](unsigned char byte) { return byte == value; });
}

// What lies on the device when all is over.
Bytes read_back(DriverWorld* world, CUdeviceptr memory, std::size_t bytes) {
    Bytes found(bytes);
    assert_int_equal(world->driver.ctx_synchronize(), CUDA_SUCCESS);
    assert_int_equal(world->driver.memcpy_d2h_async(found.data(), memory, bytes, world->stream()),
                     0);
    return found;
}

void a_registered_source_is_read_late(void**) {
    DriverWorld world;
    Bytes source(kBytes, 1);
    world.start_on_fake(kLate);
    world.pin(source.data(), kBytes);
    const CUdeviceptr memory = world.memory(kBytes);
    const CUstream stream = world.stream();

    assert_int_equal(world.driver.memcpy_h2d_async(memory, source.data(), kBytes, stream), 0);
    std::fill(source.begin(), source.end(), 2);  // too early
    world.synchronize(stream);

    assert_true(all_are(read_back(&world, memory, kBytes), 2));
    world.end();
}

void a_pageable_source_is_read_during_the_call(void**) {
    DriverWorld world;
    Bytes source(kBytes, 1);
    world.start_on_fake(kLate);
    const CUdeviceptr memory = world.memory(kBytes);

    assert_int_equal(world.driver.memcpy_h2d_async(memory, source.data(), kBytes, world.stream()),
                     CUDA_SUCCESS);
    std::fill(source.begin(), source.end(), 2);

    assert_int_equal(fake_driver()->count("pageable"), 1);
    assert_true(all_are(read_back(&world, memory, kBytes), 1));
    world.end();
}

void a_pageable_target_is_there_when_the_call_returns(void**) {
    DriverWorld world;
    Bytes target(kBytes, 9);
    world.start_on_fake(kLate);
    const CUstream stream = world.stream();
    const CUdeviceptr memory = world.memory_of(3, kBytes, stream);

    assert_int_equal(world.driver.memcpy_d2h_async(target.data(), memory, kBytes, stream), 0);

    assert_true(all_are(target, 3));
    world.end();
}

void a_registered_target_is_garbage_until_it_is_there(void**) {
    DriverWorld world;
    Bytes target(kBytes, 9);
    world.start_on_fake(kLate);
    world.pin(target.data(), kBytes);
    const CUstream stream = world.stream();
    const CUdeviceptr memory = world.memory_of(3, kBytes, stream);
    world.synchronize(stream);

    assert_int_equal(world.driver.memcpy_d2h_async(target.data(), memory, kBytes, stream), 0);
    assert_true(all_are(target, 0xCD));
    world.synchronize(stream);

    assert_true(all_are(target, 3));
    world.end();
}

void a_target_is_left_alone_until_the_copy_could_begin(void**) {
    DriverWorld world;
    Bytes target(kBytes, 9);
    world.start_on_fake(kLate);
    world.pin(target.data(), kBytes);
    const CUstream stream = world.stream();
    const CUdeviceptr memory = world.memory_of(3, kBytes, stream);

    assert_int_equal(world.driver.memcpy_d2h_async(target.data(), memory, kBytes, stream), 0);

    assert_true(all_are(target, 9));  // something else in the stream may still need it
    world.synchronize(stream);
    world.end();
}

void a_source_is_spoilt_where_it_is_asked_for(void**) {
    DriverWorld world;
    Bytes source(kBytes, 1);
    world.start_on_fake("spoil");
    world.pin(source.data(), kBytes);
    const CUdeviceptr memory = world.memory(kBytes);

    assert_int_equal(world.driver.memcpy_h2d_async(memory, source.data(), kBytes, world.stream()),
                     CUDA_SUCCESS);

    assert_true(all_are(read_back(&world, memory, kBytes), 1));
    assert_true(all_are(source, 0xDB));
    world.end();
}

void what_is_out_of_bounds_is_refused(void**) {
    DriverWorld world;
    Bytes source(kBytes + 1, 1);
    world.start_on_fake("");
    const CUdeviceptr memory = world.memory(kBytes);

    assert_int_equal(
        world.driver.memcpy_h2d_async(memory, source.data(), kBytes + 1, world.stream()),
        CUDA_ERROR_INVALID_VALUE);

    assert_reported("cuMemcpyHtoDAsync: goes beyond what was allocated or registered");
}

void a_copy_over_two_registrations_is_refused(void**) {
    DriverWorld world;
    Bytes source(2 * kBytes, 1);
    world.start_on_fake("");
    world.pin(source.data(), kBytes);
    world.pin(source.data() + kBytes, kBytes);
    const CUdeviceptr memory = world.memory(2 * kBytes);

    assert_int_equal(
        world.driver.memcpy_h2d_async(memory, source.data(), 2 * kBytes, world.stream()),
        CUDA_ERROR_INVALID_VALUE);

    assert_reported("goes beyond what was allocated or registered");
}

void host_and_device_are_not_mixed_up(void**) {
    DriverWorld world;
    Bytes host(kBytes, 1);
    world.start_on_fake("");
    const CUdeviceptr memory = world.memory(kBytes);
    const auto address = reinterpret_cast<CUdeviceptr>(host.data());

    assert_int_equal(world.driver.memcpy_d2d_async(memory, address, kBytes, world.stream()),
                     CUDA_ERROR_INVALID_VALUE);

    assert_reported("cuMemcpyDtoDAsync: not the device's memory");
}

void overlapping_copies_are_noted(void**) {
    DriverWorld world;
    world.start_on_fake("");
    const CUdeviceptr memory = world.memory(kBytes);

    assert_int_equal(world.driver.memcpy_d2d_async(memory + 1, memory, 64, world.stream()), 0);

    assert_reported("cuMemcpyDtoDAsync: target and source overlap");
}

void rectangles_are_copied_with_both_pitches(void**) {
    DriverWorld world;
    Bytes source(8 * 16);
    Bytes target(8 * 32, 0);
    for (std::size_t i = 0; i < source.size(); ++i) source[i] = static_cast<unsigned char>(i);
    world.start();
    const CUdeviceptr memory = world.memory(8 * 64);
    const CUstream stream = world.stream();
    CUDA_MEMCPY2D copy = {};
    copy.srcMemoryType = CU_MEMORYTYPE_HOST;
    copy.srcHost = source.data();
    copy.srcPitch = 16;
    copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    copy.dstDevice = memory;
    copy.dstPitch = 64;
    copy.WidthInBytes = 16;
    copy.Height = 8;
    assert_int_equal(world.driver.memcpy_2d_async(&copy, stream), CUDA_SUCCESS);
    CUDA_MEMCPY2D back = {};
    back.srcMemoryType = CU_MEMORYTYPE_DEVICE;
    back.srcDevice = memory;
    back.srcPitch = 64;
    back.dstMemoryType = CU_MEMORYTYPE_HOST;
    back.dstHost = target.data();
    back.dstPitch = 32;
    back.dstXInBytes = 8;
    back.WidthInBytes = 16;
    back.Height = 8;
    assert_int_equal(world.driver.memcpy_2d_async(&back, stream), CUDA_SUCCESS);
    world.synchronize(stream);

    for (std::size_t row = 0; row < 8; ++row) {
        assert_memory_equal(&target[row * 32 + 8], &source[row * 16], 16);
        assert_int_equal(target[row * 32 + 7], 0);
        assert_int_equal(target[row * 32 + 24], 0);
    }
    world.end();
}

// A batch of copies within the device, by the ABI that there is.
struct Batch {
    std::vector<CUdeviceptr> targets;
    std::vector<CUdeviceptr> sources;
    std::vector<std::size_t> lengths;
    CUmemcpyAttributes attributes = {CU_MEMCPY_SRC_ACCESS_ORDER_STREAM, {}, {}, 0};
    std::size_t failed = 77;

    CUresult enqueue(const Driver& driver, CUstream stream) {
        std::size_t first = 0;
        if (driver.batch_copy_abi == 12080) {
            return driver.memcpy_batch_async_12080(targets.data(), sources.data(), lengths.data(),
                                                   targets.size(), &attributes, &first, 1, &failed,
                                                   stream);
        }
        return driver.memcpy_batch_async_13000(targets.data(), sources.data(), lengths.data(),
                                               targets.size(), &attributes, &first, 1, stream);
    }
};

Batch batch_of(CUdeviceptr target, CUdeviceptr source, std::size_t count, std::size_t bytes) {
    Batch batch;
    for (std::size_t i = 0; i < count; ++i) {
        batch.targets.push_back(target + (count - 1 - i) * bytes);
        batch.sources.push_back(source + i * bytes);
        batch.lengths.push_back(bytes);
    }
    return batch;
}

void check_batch(DriverWorld* world) {
    Bytes sent(kBytes);
    for (std::size_t i = 0; i < kBytes; ++i) sent[i] = static_cast<unsigned char>(i / 16);
    const CUdeviceptr source = world->memory(kBytes);
    const CUdeviceptr target = world->memory(kBytes);
    const CUstream stream = world->stream();
    assert_int_equal(world->driver.memcpy_h2d_async(source, sent.data(), kBytes, stream), 0);

    Batch batch = batch_of(target, source, kBytes / 16, 16);
    assert_int_equal(batch.enqueue(world->driver, stream), CUDA_SUCCESS);

    const Bytes found = read_back(world, target, kBytes);
    for (std::size_t i = 0; i < kBytes; ++i) {
        assert_int_equal(found[i], static_cast<unsigned char>((kBytes - 1 - i) / 16));
    }
}

void a_batch_is_copied_by_the_drivers_own_abi(void**) {
    DriverWorld world;
    world.start();
    if (world.driver.batch_copy_abi == 0) skip();
    check_batch(&world);
    world.end();
}

void a_batch_is_copied_by_both_abis(void**) {
    for (const char* plan : {"version=12.8", "version=13.0"}) {
        DriverWorld world;
        world.start_on_fake(plan);
        check_batch(&world);
        world.end();
    }
}

void the_older_abi_says_which_copy_failed(void**) {
    DriverWorld world;
    world.start_on_fake("version=12.8");
    Batch batch = batch_of(world.memory(kBytes), world.memory(kBytes), 16, 16);
    batch.lengths[5] = 2 * kBytes;

    assert_int_equal(batch.enqueue(world.driver, world.stream()), CUDA_ERROR_INVALID_VALUE);

    assert_int_equal(batch.failed, 5);
    assert_reported("cuMemcpyBatchAsync: goes beyond what was allocated or registered");
}

// As many as was drawn, and the call says nothing of it.
void a_batch_that_fails_may_be_out_in_part(void**) {
    bool was_in_part = false;
    for (int seed = 1; seed <= 8; ++seed) {
        DriverWorld world;
        world.start_on_fake(("cuMemcpyBatchAsync:1:2; seed=" + std::to_string(seed)).c_str());
        const CUstream stream = world.stream();
        const CUdeviceptr target = world.memory_of(1, kBytes, stream);
        const CUdeviceptr source = world.memory_of(2, kBytes, stream);
        Batch batch = batch_of(target, source, 16, kBytes / 16);

        assert_int_equal(batch.enqueue(world.driver, stream), CUDA_ERROR_OUT_OF_MEMORY);

        const Bytes found = read_back(&world, target, kBytes);
        const auto count = std::count(found.begin(), found.end(), 2);
        was_in_part |= count != 0 && count != static_cast<long>(kBytes);
        world.end();
    }
    assert_true(was_in_part);
}

void a_batch_in_stream_0_is_refused(void**) {
    DriverWorld world;
    world.start_on_fake("");
    Batch batch = batch_of(world.memory(kBytes), world.memory(kBytes), 16, 16);

    assert_int_equal(batch.enqueue(world.driver, nullptr), CUDA_ERROR_INVALID_VALUE);

    assert_reported("cuMemcpyBatchAsync: in stream 0");
}

void a_batch_without_an_order_of_access_is_refused(void**) {
    DriverWorld world;
    world.start_on_fake("");
    Batch batch = batch_of(world.memory(kBytes), world.memory(kBytes), 16, 16);
    batch.attributes.srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_INVALID;

    assert_int_equal(batch.enqueue(world.driver, world.stream()), CUDA_ERROR_INVALID_VALUE);

    assert_reported("cuMemcpyBatchAsync: count or attributes");
}

void a_batch_larger_than_real_drivers_survive_is_the_end(void**) {
    DriverWorld world;
    world.start_on_fake("");
    Batch batch = batch_of(world.memory(51'828), world.memory(51'828), 51'828, 1);

    assert_int_equal(batch.enqueue(world.driver, world.stream()), CUDA_ERROR_LAUNCH_FAILED);

    assert_int_equal(world.driver.ctx_synchronize(), CUDA_ERROR_LAUNCH_FAILED);
    assert_reported("more copies than real drivers survive");
}

void sources_that_may_be_read_in_any_order_are_read_at_once(void**) {
    DriverWorld world;
    world.start_on_fake(kLate);
    const CUdeviceptr target = world.memory(kBytes);
    const CUstream stream = world.stream();
    const CUdeviceptr source = world.memory_of(3, kBytes, stream);
    Batch batch = batch_of(target, source, 1, kBytes);
    batch.attributes.srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_ANY;

    assert_int_equal(batch.enqueue(world.driver, stream), CUDA_SUCCESS);

    assert_true(all_are(read_back(&world, target, kBytes), 0xA5));  // as it was before the memset
    world.end();
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_registered_source_is_read_late),
        cmocka_unit_test(a_pageable_source_is_read_during_the_call),
        cmocka_unit_test(a_pageable_target_is_there_when_the_call_returns),
        cmocka_unit_test(a_registered_target_is_garbage_until_it_is_there),
        cmocka_unit_test(a_target_is_left_alone_until_the_copy_could_begin),
        cmocka_unit_test(a_source_is_spoilt_where_it_is_asked_for),
        cmocka_unit_test(what_is_out_of_bounds_is_refused),
        cmocka_unit_test(a_copy_over_two_registrations_is_refused),
        cmocka_unit_test(host_and_device_are_not_mixed_up),
        cmocka_unit_test(overlapping_copies_are_noted),
        cmocka_unit_test(rectangles_are_copied_with_both_pitches),
        cmocka_unit_test(a_batch_is_copied_by_the_drivers_own_abi),
        cmocka_unit_test(a_batch_is_copied_by_both_abis),
        cmocka_unit_test(the_older_abi_says_which_copy_failed),
        cmocka_unit_test(a_batch_that_fails_may_be_out_in_part),
        cmocka_unit_test(a_batch_in_stream_0_is_refused),
        cmocka_unit_test(a_batch_without_an_order_of_access_is_refused),
        cmocka_unit_test(a_batch_larger_than_real_drivers_survive_is_the_end),
        cmocka_unit_test(sources_that_may_be_read_in_any_order_are_read_at_once),
    };
    return run_on_driver(tests);
}
