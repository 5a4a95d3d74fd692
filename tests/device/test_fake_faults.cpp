// SPDX-License-Identifier: Apache-2.0
//
// Faults of the fake driver, by name and number of the call, and kernels.

#include <sys/wait.h>
#include <unistd.h>

#include "tests/device/driver_world.h"

namespace bwrt::test {
namespace {

void the_nth_call_fails_and_no_other(void**) {
    DriverWorld world;
    CUdeviceptr memory[4] = {};
    world.start_on_fake("cuMemAlloc:2:2; cuMemAlloc:4+:999");

    assert_int_equal(world.driver.mem_alloc(&memory[0], 64), CUDA_SUCCESS);
    assert_int_equal(world.driver.mem_alloc(&memory[1], 64), CUDA_ERROR_OUT_OF_MEMORY);
    assert_int_equal(world.driver.mem_alloc(&memory[1], 64), CUDA_SUCCESS);
    assert_int_equal(world.driver.mem_alloc(&memory[2], 64), CUDA_ERROR_UNKNOWN);
    assert_int_equal(world.driver.mem_alloc(&memory[2], 64), CUDA_ERROR_UNKNOWN);

    assert_int_equal(fake_driver()->count("cuMemAlloc"), 5);
    assert_int_equal(world.driver.mem_free(memory[0]), CUDA_SUCCESS);
    assert_int_equal(world.driver.mem_free(memory[1]), CUDA_SUCCESS);
    world.end();
}

// What fails on the device is told by a later call, and by every one from then on.
void a_lost_context_is_seen_late_and_stays_lost(void**) {
    DriverWorld world;
    CUdeviceptr memory = 0;
    CUcontext other = nullptr;
    world.start_on_fake("cuMemsetD8Async:2:700; delay=60000000us");
    assert_int_equal(world.driver.mem_alloc(&memory, 64), CUDA_SUCCESS);
    const CUstream stream = world.stream();

    assert_int_equal(world.driver.memset_d8_async(memory, 1, 64, stream), CUDA_SUCCESS);
    assert_int_equal(world.driver.memset_d8_async(memory, 2, 64, stream), CUDA_SUCCESS);
    assert_int_equal(world.driver.stream_synchronize(stream), CUDA_ERROR_ILLEGAL_ADDRESS);

    assert_int_equal(world.driver.memset_d8_async(memory, 3, 64, stream), 700);
    assert_int_equal(world.driver.mem_free(memory), CUDA_ERROR_ILLEGAL_ADDRESS);
    assert_int_equal(world.driver.primary_ctx_release(0), CUDA_SUCCESS);
    assert_int_equal(world.driver.primary_ctx_retain(&other, 0), CUDA_ERROR_ILLEGAL_ADDRESS);
    assert_int_equal(world.driver.primary_ctx_retain(&other, 1), CUDA_SUCCESS);  // another device
    assert_reported("left behind: 1 retained contexts");
}

void a_call_that_enqueues_nothing_loses_the_context_at_once(void**) {
    DriverWorld world;
    CUdeviceptr memory = 0;
    world.start_on_fake("cuMemAlloc:1:719");

    assert_int_equal(world.driver.mem_alloc(&memory, 64), CUDA_ERROR_LAUNCH_FAILED);
    assert_int_equal(world.driver.mem_alloc(&memory, 64), CUDA_ERROR_LAUNCH_FAILED);

    assert_null(fake_driver()->configure(""));
}

void an_unknown_error_fails_the_call_alone(void**) {
    DriverWorld world;
    world.start_on_fake("cuMemsetD8Async:1:999");
    const CUdeviceptr memory = world.memory(64);
    const CUstream stream = world.stream();

    assert_int_equal(world.driver.memset_d8_async(memory, 1, 64, stream), CUDA_ERROR_UNKNOWN);
    assert_int_equal(world.driver.memset_d8_async(memory, 1, 64, stream), CUDA_SUCCESS);

    world.synchronize(stream);
    world.end();
}

void a_slow_call_is_right_all_the_same(void**) {
    DriverWorld world;
    world.start_on_fake("cuMemAlloc:*:slow=1000us");
    world.memory(64);
    world.end();
}

void there_may_be_no_device(void**) {
    Driver driver;
    std::string reason;
    need_fake("devices=0");
    assert_true(runtime::cuda::load_driver_from("libcuda.so.1", &driver, &reason));

    assert_int_equal(driver.init(0), CUDA_ERROR_NO_DEVICE);

    assert_nothing_reported();
}

void a_plan_that_is_none_is_refused(void**) {
    const FakeDriver& fake = need_fake("version=12.8");

    for (const char* plan : {"version=12", "devices=9", "memory=1", "cuMemAlloc", "cuMemAlloc:1",
                             "cuMemAlloc:0x1:2", "cuMemAlloc:1:0", "cuMemAlloc:1:1000",
                             "cuMemAlloc:1:slow=1ms", "alloc:1:2", "seed=", "?"}) {
        const char* const wrong = fake.configure(plan);
        if (wrong == nullptr) print_error("%s\n", plan);
        assert_non_null(wrong);
        assert_true(has(wrong, plan));
    }

    DriverWorld world;
    world.start();
    assert_int_equal(world.driver.version, 12080);  // the plan before is in force
    world.end();
}

void a_child_of_fork_has_no_driver(void**) {
    DriverWorld world;
    int status = 0;
    world.start_on_fake("");

    const pid_t child = fork();
    if (child == 0) {
        CUdeviceptr memory = 0;
        _exit(world.driver.mem_alloc(&memory, 64) == CUDA_ERROR_NOT_INITIALIZED &&
                      world.driver.init(0) == CUDA_ERROR_NOT_INITIALIZED
                  ? 0
                  : 1);
    }

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    world.end();
}

// Fills `count` bytes at `target` with `value`.
int fill_kernel(const fake_cuda_launch* launch) {
    CUdeviceptr target = 0;
    std::uint32_t count = 0;
    unsigned char value = 0;
    std::memcpy(&target, launch->parameters[0], sizeof target);
    std::memcpy(&count, launch->parameters[1], sizeof count);
    std::memcpy(&value, launch->parameters[2], sizeof value);
    void* const here = launch->reach(target, count < 4096 ? count : 1);
    if (here == nullptr) return CUDA_ERROR_ILLEGAL_ADDRESS;
    std::memset(here, value, count);
    return CUDA_SUCCESS;
}

struct KernelWorld : DriverWorld {
    CUlibrary library = nullptr;
    CUkernel kernel = nullptr;
    CUresult code = CUDA_SUCCESS;

    void start_with_kernel() {
        const std::size_t parameter_bytes[] = {8, 4, 1};
        start_on_fake("");
        fake_driver()->add_kernel("fill", fill_kernel, parameter_bytes, 3);
        assert_int_equal(driver.library_load_data(&library, "// PTX\n.version 7.4\n", nullptr,
                                                  nullptr, 0, nullptr, nullptr, 0),
                         CUDA_SUCCESS);
        assert_int_equal(driver.library_get_kernel(&kernel, library, "fill"), CUDA_SUCCESS);
    }

    void launch(CUdeviceptr target, std::uint32_t count, CUstream stream) {
        unsigned char value = 5;
        void* parameters[] = {&target, &count, &value};
        code = driver.launch_kernel(reinterpret_cast<CUfunction>(kernel), 1, 1, 1, 32, 1, 1, 0,
                                    stream, parameters, nullptr);
        target = 0;  // they were copied
        count = 0;
    }
};

void a_kernel_runs_in_the_order_of_its_stream(void**) {
    KernelWorld world;
    unsigned char found[64] = {};
    world.start_with_kernel();
    const CUstream stream = world.stream();
    const CUdeviceptr memory = world.memory_of(1, 64, stream);

    world.launch(memory + 8, 16, stream);

    assert_int_equal(world.code, CUDA_SUCCESS);
    assert_int_equal(world.driver.memcpy_d2h_async(found, memory, 64, stream), CUDA_SUCCESS);
    assert_int_equal(found[7], 1);
    assert_int_equal(found[8], 5);
    assert_int_equal(found[23], 5);
    assert_int_equal(found[24], 1);
    assert_int_equal(world.driver.library_unload(world.library), CUDA_SUCCESS);
    world.end();
}

void a_kernel_that_leaves_device_memory_is_caught(void**) {
    KernelWorld world;
    world.start_with_kernel();
    const CUdeviceptr memory = world.memory(64);
    const CUstream stream = world.stream();

    world.launch(memory + 8, 57, stream);

    assert_int_equal(world.driver.stream_synchronize(stream), CUDA_ERROR_ILLEGAL_ADDRESS);
    assert_reported("a kernel: goes beyond what was allocated or registered");
}

void a_dead_canary_is_found(void**) {
    KernelWorld world;
    world.start_with_kernel();
    const CUdeviceptr memory = world.memory(4095);
    const CUstream stream = world.stream();

    world.launch(memory, 4096, stream);  // it reaches for one byte and writes another too
    world.synchronize(stream);

    assert_reported("cuLaunchKernel: wrote beyond device memory");
}

void a_kernel_ends_with_its_library(void**) {
    KernelWorld world;
    CUkernel unknown = nullptr;
    world.start_with_kernel();
    assert_int_equal(world.driver.library_get_kernel(&unknown, world.library, "no_such"),
                     CUDA_ERROR_NOT_FOUND);

    assert_int_equal(world.driver.library_unload(world.library), CUDA_SUCCESS);
    world.launch(world.memory(64), 64, world.stream());

    assert_int_equal(world.code, CUDA_ERROR_INVALID_HANDLE);
    assert_reported("a kernel that is not there");
}

void an_image_begins_as_images_do(void**) {
    DriverWorld world;
    CUlibrary library = nullptr;
    world.start_on_fake("");
    const auto load = [&](const void* code) {
        return world.driver.library_load_data(&library, code, nullptr, nullptr, 0, nullptr, nullptr,
                                              0);
    };
    const std::uint32_t fat_binary[4] = {0xBA55ED50};

    for (const void* code :
         {static_cast<const void*>(fat_binary), static_cast<const void*>("\x7f"
                                                                         "ELF...")}) {
        assert_int_equal(load(code), CUDA_SUCCESS);
        assert_int_equal(world.driver.library_unload(library), CUDA_SUCCESS);
    }
    assert_int_equal(load("no image at all"), CUDA_ERROR_INVALID_IMAGE);

    assert_reported("cuLibraryLoadData: no image");
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_nth_call_fails_and_no_other),
        cmocka_unit_test(a_lost_context_is_seen_late_and_stays_lost),
        cmocka_unit_test(a_call_that_enqueues_nothing_loses_the_context_at_once),
        cmocka_unit_test(an_unknown_error_fails_the_call_alone),
        cmocka_unit_test(a_slow_call_is_right_all_the_same),
        cmocka_unit_test(there_may_be_no_device),
        cmocka_unit_test(a_plan_that_is_none_is_refused),
        cmocka_unit_test(a_child_of_fork_has_no_driver),
        cmocka_unit_test(a_kernel_runs_in_the_order_of_its_stream),
        cmocka_unit_test(a_kernel_that_leaves_device_memory_is_caught),
        cmocka_unit_test(a_dead_canary_is_found),
        cmocka_unit_test(a_kernel_ends_with_its_library),
        cmocka_unit_test(an_image_begins_as_images_do),
    };
    return run_on_driver(tests);
}
