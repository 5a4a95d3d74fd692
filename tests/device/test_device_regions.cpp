// SPDX-License-Identifier: Apache-2.0
//
// Regions on devices: what is taken, what is refused and with which words, and what the driver and
// the calling thread notice of it.  The first test is the first to start the process's driver.

#include <unistd.h>

#include <cstdint>
#include <thread>

#include "tests/device/runtime_world.h"

namespace bwrt::test {
namespace {

constexpr std::size_t kBytes = std::size_t{1} << 20;

// What is not the runtime's: an engine with contexts and memory of its own.
struct Engine {
    RuntimeWorld world;
    CUcontext contexts[2] = {};
    CUdeviceptr memory = 0;

    void start_on_fake(const char* plan) {
        world.start_on_fake(plan);
        for (int device = 1; device >= 0; --device) {
            assert_int_equal(driver().primary_ctx_retain(&contexts[device], device), CUDA_SUCCESS);
        }
        assert_int_equal(driver().ctx_set_current(contexts[0]), CUDA_SUCCESS);
        assert_int_equal(driver().mem_alloc(&memory, kBytes), CUDA_SUCCESS);
    }
    void end() {
        if (memory != 0) assert_int_equal(driver().mem_free(memory), CUDA_SUCCESS);
        world.close();
        for (int device = 0; device < 2; ++device) driver().primary_ctx_release(device);
        assert_nothing_reported();
    }
    [[nodiscard]] const Driver& driver() const { return world.driver; }
};

void what_does_not_start_is_refused_and_tried_again(void**) {
    need_fake("cuInit:1:803");
    RuntimeWorld world;
    world.open();

    world.assert_refused(device_region(kBytes), BWRT_E_UNSUPPORTED, "region.kind",
                         "cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803)");

    world.added(device_region(kBytes));
    world.end();
}

void bwrt_allocates_and_frees(void**) {
    RuntimeWorld world;
    bwrt_region_info info = {};
    world.start_on_fake("memory=4m");
    const bwrt_handle first = world.added(device_region(3 * kBytes), &info);

    assert_non_null(info.address);
    assert_int_equal(info.length_bytes, 3 * kBytes);
    assert_int_equal(info.fd, -1);
    assert_int_equal(info.registered, 0);
    world.assert_refused(device_region(3 * kBytes), BWRT_E_NOMEM, "region.length_bytes",
                         "device 0: 3145728 bytes cannot be allocated: 1048576 of its 4194304");
    assert_int_equal(world.error.os_code, CUDA_ERROR_OUT_OF_MEMORY);

    assert_int_equal(bwrt_release(world.runtime, first, nullptr), BWRT_OK);
    world.added(device_region(3 * kBytes));  // is freed by bwrt_close()
    world.end();
}

void memory_of_the_engine_is_taken_whole_and_in_part(void**) {
    Engine engine;
    bwrt_region_info info = {};
    engine.start_on_fake("");
    RuntimeWorld& world = engine.world;

    world.added(device_region(kBytes, engine.memory), &info);
    assert_ptr_equal(info.address, reinterpret_cast<void*>(engine.memory));
    world.added(device_region(1, engine.memory + kBytes - 1));
    bwrt_region read_only = device_region(64, engine.memory + 7);
    read_only.flags = BWRT_REGION_READ_ONLY;
    const bwrt_handle last = world.added(read_only, &info);
    assert_int_equal(info.flags, BWRT_REGION_READ_ONLY);

    assert_int_equal(bwrt_release(world.runtime, last, nullptr), BWRT_OK);
    assert_int_equal(fake_driver()->count("cuMemFree"), 0);
    engine.end();
}

void what_passes_its_allocation_is_refused(void**) {
    Engine engine;
    engine.start_on_fake("");
    RuntimeWorld& world = engine.world;

    world.assert_refused(device_region(kBytes + 1, engine.memory), BWRT_E_RANGE,
                         "region.length_bytes", "ends 1048576 bytes behind address");
    world.assert_refused(device_region(2, engine.memory + kBytes - 1), BWRT_E_RANGE,
                         "region.length_bytes", "ends 1 bytes behind address");
    world.assert_refused(device_region(~std::uint64_t{0}, engine.memory), BWRT_E_RANGE,
                         "region.length_bytes");
    engine.end();
}

void what_is_no_memory_of_the_device_is_refused(void**) {
    Engine engine;
    static unsigned char pageable[4096];
    alignas(4096) static unsigned char pinned[4096];
    engine.start_on_fake("");
    RuntimeWorld& world = engine.world;
    assert_int_equal(engine.driver().mem_host_register(pinned, sizeof pinned, 0), CUDA_SUCCESS);

    world.assert_refused(device_region(64, reinterpret_cast<CUdeviceptr>(pageable)), BWRT_E_INVAL,
                         "region.address", "is no memory of a device");
    world.assert_refused(device_region(64, reinterpret_cast<CUdeviceptr>(pinned)), BWRT_E_INVAL,
                         "region.address", "is the host's memory");
    world.assert_refused(device_region(64, engine.memory, 1), BWRT_E_INVAL, "region.device",
                         "lies on device 0, not 1");
    world.assert_refused(device_region(64, 0, 2), BWRT_E_INVAL, "region.device",
                         "device 2, and the driver has 2");

    assert_int_equal(engine.driver().mem_host_unregister(pinned), CUDA_SUCCESS);
    engine.end();
}

// As engines have it whose allocator grows by mapping more.
void memory_that_was_mapped_side_by_side_is_one_range(void**) {
    constexpr std::size_t kPiece = std::size_t{2} << 20;
    Engine engine;
    CUdeviceptr base = 0;
    engine.start_on_fake("");
    const Driver& driver = engine.driver();
    CUmemAllocationProp how = {};
    how.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    how.location = {CU_MEM_LOCATION_TYPE_DEVICE, 0};
    const CUmemAccessDesc rights = {how.location, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    CUmemGenericAllocationHandle pieces[2] = {};
    assert_int_equal(driver.mem_address_reserve(&base, 3 * kPiece, 0, 0, 0), CUDA_SUCCESS);
    for (std::size_t i = 0; i < 2; ++i) {
        assert_int_equal(driver.mem_create(&pieces[i], kPiece, &how, 0), CUDA_SUCCESS);
        assert_int_equal(driver.mem_map(base + i * kPiece, kPiece, 0, pieces[i], 0), CUDA_SUCCESS);
        assert_int_equal(driver.mem_set_access(base + i * kPiece, kPiece, &rights, 1),
                         CUDA_SUCCESS);
    }

    engine.world.added(device_region(2 * kPiece, base));
    engine.world.added(device_region(kPiece + 2, base + kPiece - 2));
    engine.world.assert_refused(device_region(2 * kPiece, base + 1), BWRT_E_RANGE,
                                "region.length_bytes", "ends 4194303 bytes behind address");

    for (std::size_t i = 0; i < 2; ++i) {
        assert_int_equal(driver.mem_unmap(base + i * kPiece, kPiece), CUDA_SUCCESS);
        assert_int_equal(driver.mem_release(pieces[i]), CUDA_SUCCESS);
    }
    assert_int_equal(driver.mem_address_free(base, 3 * kPiece), CUDA_SUCCESS);
    engine.end();
}

void a_context_is_held_once_from_the_first_region_until_close(void**) {
    RuntimeWorld world;
    world.start_on_fake("");
    const FakeDriver& fake = *fake_driver();
    unsigned flags = 0;
    int is_active = 0;
    assert_int_equal(fake.count("cuDevicePrimaryCtxRetain"), 0);

    const bwrt_handle first = world.added(device_region(kBytes));
    assert_int_equal(bwrt_release(world.runtime, first, nullptr), BWRT_OK);
    world.added(device_region(kBytes));
    assert_int_equal(fake.count("cuDevicePrimaryCtxRetain"), 1);
    assert_int_equal(fake.count("cuDevicePrimaryCtxRelease"), 0);
    world.added(device_region(kBytes, 0, 1));
    assert_int_equal(fake.count("cuDevicePrimaryCtxRetain"), 2);

    world.close();
    assert_int_equal(fake.count("cuDevicePrimaryCtxRelease"), 2);
    assert_int_equal(world.driver.primary_ctx_get_state(0, &flags, &is_active), CUDA_SUCCESS);
    assert_int_equal(is_active, 0);
    assert_nothing_reported();
}

void two_runtimes_have_a_device_each_by_itself(void**) {
    RuntimeWorld first, second;
    first.start_on_fake("");
    second.open();
    first.added(device_region(kBytes));
    second.added(device_region(kBytes));

    first.close();
    second.added(device_region(kBytes));
    second.end();
}

void what_is_current_to_the_calling_thread_stays_so(void**) {
    Engine engine;
    CUcontext now = nullptr;
    engine.start_on_fake("");
    const Driver& driver = engine.driver();

    for (const CUcontext before : {engine.contexts[1], CUcontext{nullptr}, engine.contexts[0]}) {
        assert_int_equal(driver.ctx_set_current(before), CUDA_SUCCESS);
        const bwrt_handle region = engine.world.added(device_region(kBytes));
        engine.world.added(device_region(64, engine.memory));
        assert_int_equal(bwrt_release(engine.world.runtime, region, nullptr), BWRT_OK);
        assert_int_equal(driver.ctx_get_current(&now), CUDA_SUCCESS);
        assert_ptr_equal(now, before);
    }
    engine.end();
}

void a_device_that_is_lost_is_asked_for_nothing_more(void**) {
    static unsigned char bytes[64];
    RuntimeWorld world;
    world.start_on_fake("cuMemAlloc:2:700");
    world.added(device_region(kBytes));

    world.assert_refused(device_region(kBytes), BWRT_E_DEVICE_LOST, "region.length_bytes",
                         "CUDA_ERROR_ILLEGAL_ADDRESS (700)");
    assert_int_equal(world.error.os_code, 700);
    world.assert_refused(device_region(kBytes), BWRT_E_DEVICE_LOST, "region.length_bytes");
    world.assert_refused(device_region(64, 4096), BWRT_E_DEVICE_LOST, "region.address");
    assert_int_equal(fake_driver()->count("cuMemAlloc"), 2);
    assert_int_equal(fake_driver()->count("cuPointerGetAttributes"), 0);

    world.added(host_region(bytes, sizeof bytes));
    world.added(device_region(kBytes, 0, 1));
    world.close();
    assert_int_equal(fake_driver()->count("cuMemFree"), 1);  // of device 1
    assert_reported("left behind");                          // what lay on the lost one
}

// To free memory is to wait for all that the device has to do, and nobody else waits with it.
void what_is_released_holds_up_no_other_call(void**) {
    Engine engine;
    engine.start_on_fake("");
    static unsigned char bytes[64];
    RuntimeWorld& world = engine.world;
    CUstream stream = nullptr;
    const bwrt_handle region = world.added(device_region(kBytes));
    assert_int_equal(engine.driver().stream_create_with_priority(&stream, 0, 0), CUDA_SUCCESS);
    fake_driver()->hold(0, 1);
    assert_int_equal(engine.driver().memset_d8_async(engine.memory, 1, kBytes, stream), 0);

    bwrt_status released = BWRT_E_AGAIN;
    std::thread other([&] { released = bwrt_release(world.runtime, region, nullptr); });
    while (fake_driver()->count("cuMemFree") == 0) usleep(100);
    world.added(host_region(bytes, sizeof bytes));
    fake_driver()->hold(0, 0);
    other.join();

    assert_int_equal(released, BWRT_OK);
    assert_int_equal(engine.driver().stream_destroy(stream), CUDA_SUCCESS);
    engine.end();
}

void a_failure_that_is_not_for_good_is_not_kept(void**) {
    RuntimeWorld world;
    world.start_on_fake("cuDevicePrimaryCtxRetain:1:2; cuMemAlloc:1:999; cuCtxSetCurrent:10:201");

    world.assert_refused(device_region(kBytes), BWRT_E_NOMEM, "region.device",
                         "device 0: cuDevicePrimaryCtxRetain: CUDA_ERROR_OUT_OF_MEMORY (2)");
    world.assert_refused(device_region(kBytes), BWRT_E_DEVICE, "region.length_bytes",
                         "CUDA_ERROR_UNKNOWN (999)");
    world.assert_refused(device_region(kBytes), BWRT_E_DEVICE, "region.length_bytes",
                         "CUDA_ERROR_INVALID_CONTEXT (201)");
    world.added(device_region(kBytes));
    world.end();
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_start_is_refused_and_tried_again),
        cmocka_unit_test(bwrt_allocates_and_frees),
        cmocka_unit_test(memory_of_the_engine_is_taken_whole_and_in_part),
        cmocka_unit_test(what_passes_its_allocation_is_refused),
        cmocka_unit_test(what_is_no_memory_of_the_device_is_refused),
        cmocka_unit_test(memory_that_was_mapped_side_by_side_is_one_range),
        cmocka_unit_test(a_context_is_held_once_from_the_first_region_until_close),
        cmocka_unit_test(two_runtimes_have_a_device_each_by_itself),
        cmocka_unit_test(what_is_current_to_the_calling_thread_stays_so),
        cmocka_unit_test(a_device_that_is_lost_is_asked_for_nothing_more),
        cmocka_unit_test(what_is_released_holds_up_no_other_call),
        cmocka_unit_test(a_failure_that_is_not_for_good_is_not_kept),
    };
    return run_on_driver(tests);
}
