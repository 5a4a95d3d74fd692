// SPDX-License-Identifier: Apache-2.0
//
// Graphs that are captured: who may call what is unsafe meanwhile, by the mode of the capture and
// by that of the thread, as cuda.h has it of cuThreadExchangeStreamCaptureMode().

#include <thread>

#include "tests/device/driver_world.h"

namespace bwrt::test {
namespace {

constexpr CUstreamCaptureMode kGlobal = CU_STREAM_CAPTURE_MODE_GLOBAL;
constexpr CUstreamCaptureMode kThreadLocal = CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
constexpr CUstreamCaptureMode kRelaxed = CU_STREAM_CAPTURE_MODE_RELAXED;

struct CaptureWorld : DriverWorld {
    CUstream captured = nullptr;

    void start_to_capture() {
        start();
        if (driver.stream_begin_capture == nullptr) skip();
        captured = stream();
    }
    // Something unsafe, by this thread in that mode.
    CUresult allocate(CUstreamCaptureMode mode) const {
        CUdeviceptr memory = 0;
        driver.ctx_set_current(context);
        driver.exchange_capture_mode(&mode);
        const CUresult code = driver.mem_alloc(&memory, 4096);
        if (code == CUDA_SUCCESS) driver.mem_free(memory);
        driver.exchange_capture_mode(&mode);
        return code;
    }
    CUresult allocate_elsewhere(CUstreamCaptureMode mode) const {
        CUresult code = CUDA_ERROR_UNKNOWN;
        std::thread([&] { code = allocate(mode); }).join();
        return code;
    }
    void begin(CUstreamCaptureMode mode) {
        assert_int_equal(driver.stream_begin_capture(captured, mode), CUDA_SUCCESS);
    }
    void assert_ends(CUresult code) {
        CUgraph graph = nullptr;
        assert_int_equal(driver.stream_end_capture(captured, &graph), code);
        assert_true((graph != nullptr) == (code == CUDA_SUCCESS));
        if (graph != nullptr) assert_int_equal(driver.graph_destroy(graph), CUDA_SUCCESS);
    }
};

void what_is_unsafe_is_refused_and_breaks_the_capture(void**) {
    CaptureWorld world;
    world.start_to_capture();
    for (const CUstreamCaptureMode mode : {kGlobal, kThreadLocal}) {
        for (const CUstreamCaptureMode of_thread : {kGlobal, kThreadLocal}) {
            world.begin(mode);
            assert_int_equal(world.allocate(of_thread), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
            world.assert_ends(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
        }
    }
    world.end();
}

void a_global_capture_forbids_it_to_other_threads_too(void**) {
    CaptureWorld world;
    world.start_to_capture();
    world.begin(kGlobal);
    assert_int_equal(world.allocate_elsewhere(kThreadLocal), CUDA_SUCCESS);
    assert_int_equal(world.allocate_elsewhere(kGlobal), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    world.assert_ends(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);

    world.begin(kThreadLocal);
    assert_int_equal(world.allocate_elsewhere(kGlobal), CUDA_SUCCESS);
    world.assert_ends(CUDA_SUCCESS);
    world.end();
}

void a_relaxed_capture_or_thread_minds_nothing(void**) {
    CaptureWorld world;
    world.start_to_capture();
    world.begin(kRelaxed);
    assert_int_equal(world.allocate(kGlobal), CUDA_SUCCESS);
    assert_int_equal(world.allocate_elsewhere(kGlobal), CUDA_SUCCESS);
    world.assert_ends(CUDA_SUCCESS);
    for (const CUstreamCaptureMode mode : {kGlobal, kThreadLocal}) {
        world.begin(mode);
        assert_int_equal(world.allocate(kRelaxed), CUDA_SUCCESS);
        assert_int_equal(world.allocate_elsewhere(kRelaxed), CUDA_SUCCESS);
        world.assert_ends(CUDA_SUCCESS);
    }
    world.end();
}

void what_is_captured_does_not_run(void**) {
    CaptureWorld world;
    unsigned char byte = 0;
    world.start_to_capture();
    const CUstream other = world.stream();
    const CUdeviceptr memory = world.memory_of(1, 64, other);
    world.synchronize(other);

    world.begin(kGlobal);
    assert_int_equal(world.driver.memset_d8_async(memory, 2, 64, world.captured), CUDA_SUCCESS);
    world.assert_ends(CUDA_SUCCESS);
    world.synchronize(world.captured);

    assert_int_equal(world.driver.memcpy_d2h_async(&byte, memory, 1, other), CUDA_SUCCESS);
    world.synchronize(other);
    assert_int_equal(byte, 1);
    world.end();
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        cmocka_unit_test(what_is_unsafe_is_refused_and_breaks_the_capture),
        cmocka_unit_test(a_global_capture_forbids_it_to_other_threads_too),
        cmocka_unit_test(a_relaxed_capture_or_thread_minds_nothing),
        cmocka_unit_test(what_is_captured_does_not_run),
    };
    return run_on_driver(tests);
}
