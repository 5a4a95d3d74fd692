// SPDX-License-Identifier: Apache-2.0
//
// An engine captures a graph while bwrt uses the device: neither notices the other, whichever
// thread makes bwrt's calls.

#include "tests/device/copy_world.h"

namespace bwrt::test {
namespace {

constexpr std::size_t kBytes = std::size_t{1} << 20;

// An engine that captures in the thread of the test.
struct CapturingWorld : CopyWorld {
    CUstream stream = nullptr;

    void start_capture(void** state, CUstreamCaptureMode mode) {
        start_copies(state, "");
        if (driver.stream_begin_capture == nullptr) skip();
        assert_int_equal(driver.ctx_set_current(context), CUDA_SUCCESS);
        assert_int_equal(driver.stream_create_with_priority(&stream, CU_STREAM_NON_BLOCKING, 0), 0);
        assert_int_equal(driver.stream_begin_capture(stream, mode), CUDA_SUCCESS);
    }
    void assert_captured() {
        CUgraph graph = nullptr;
        assert_int_equal(driver.stream_end_capture(stream, &graph), CUDA_SUCCESS);
        assert_int_equal(driver.graph_destroy(graph), CUDA_SUCCESS);
        assert_int_equal(driver.stream_destroy(stream), CUDA_SUCCESS);
        assert_int_equal(driver.ctx_set_current(nullptr), CUDA_SUCCESS);
    }
};

void a_capture_is_not_broken(void** state) {
    const Bytes source = pattern(kBytes, 1);
    for (const CUstreamCaptureMode mode :
         {CU_STREAM_CAPTURE_MODE_GLOBAL, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL}) {
        CapturingWorld world;
        Bytes target(kBytes);
        world.start_capture(state, mode);

        const DeviceMemory device = world.memory(2 * kBytes);  // with all that the first one opens
        const bwrt_handle part = world.added(device_region(64, device.address));
        world.assert_runs({copy_in(source, device.region)});
        world.assert_runs({copy(device.region, 0, device.region, kBytes, kBytes)});
        world.assert_runs({copy_out(device.region, &target, kBytes)});
        assert_int_equal(bwrt_release(world.runtime, part, nullptr), BWRT_OK);
        assert_int_equal(bwrt_release(world.runtime, device.region, nullptr), BWRT_OK);
        world.close();

        world.assert_captured();
        assert_true(target == source);
        assert_int_equal(world.driver.primary_ctx_release(0), CUDA_SUCCESS);
        assert_nothing_reported();
    }
}

// Whether a call succeeds, is refused, or fails before it has a context.
void the_mode_of_the_calling_thread_stays_what_it_was(void** state) {
    for (const CUstreamCaptureMode before :
         {CU_STREAM_CAPTURE_MODE_THREAD_LOCAL, CU_STREAM_CAPTURE_MODE_RELAXED,
          CU_STREAM_CAPTURE_MODE_GLOBAL}) {
        CopyWorld world;
        const Bytes source = pattern(kBytes, 2);
        CUstreamCaptureMode mode = before;
        world.start_copies(state, "cuCtxSetCurrent:2:201");
        assert_int_equal(world.driver.exchange_capture_mode(&mode), CUDA_SUCCESS);

        if (fake_driver() != nullptr) {
            world.assert_refused(device_region(kBytes), BWRT_E_DEVICE, "region.device");
        }
        const DeviceMemory device = world.memory(kBytes);
        world.assert_refused(device_region(64, 4096), BWRT_E_INVAL, "region.address");
        world.assert_runs({copy_in(source, device.region)});
        world.close();

        mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
        assert_int_equal(world.driver.exchange_capture_mode(&mode), CUDA_SUCCESS);
        assert_int_equal(mode, before);
        assert_int_equal(world.driver.primary_ctx_release(0), CUDA_SUCCESS);
        assert_nothing_reported();
    }
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        BWRT_IN_BOTH_WAYS(a_capture_is_not_broken),
        BWRT_IN_BOTH_WAYS(the_mode_of_the_calling_thread_stays_what_it_was),
    };
    return run_on_driver(tests);
}
