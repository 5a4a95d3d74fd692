// SPDX-License-Identifier: Apache-2.0
//
// runtime_world.h — a runtime on a driver to test on (driver_world.h).
//
// The process's driver is loaded and started once, whatever is configured later: the new world of
// the fake is started here, as if it had been the old one.

#pragma once

#include "include/bwrt.h"
#include "tests/device/driver_world.h"

namespace bwrt::test {

struct RuntimeWorld {
    Driver driver;
    bwrt_runtime* runtime = nullptr;
    bwrt_error error = {};

    // Skips where there is no driver or no device.
    void start(std::uint32_t progress = BWRT_PROGRESS_THREAD) {
        std::string reason;
        if (!runtime::cuda::load_driver_from("libcuda.so.1", &driver, &reason)) skip();
        if (driver.init(0) != CUDA_SUCCESS) skip();
        assert_int_equal(driver.ctx_set_current(nullptr), CUDA_SUCCESS);  // of an earlier test
        open(progress);
    }

    void start_on_fake(const char* plan, std::uint32_t progress = BWRT_PROGRESS_THREAD) {
        need_fake(plan);
        start(progress);
    }

    // The plan is for the fake; on a real driver the test runs as well.
    void start_on_any(const char* plan, std::uint32_t progress = BWRT_PROGRESS_THREAD) {
        if (fake_driver() != nullptr) need_fake(plan);
        start(progress);
    }

    void open(std::uint32_t progress = BWRT_PROGRESS_THREAD) {
        bwrt_config config = {};
        config.struct_size = sizeof config;
        config.progress = progress;
        assert_int_equal(bwrt_open(&config, &runtime, nullptr), BWRT_OK);
    }

    void close() {
        constexpr std::int64_t kMinuteNs = 60'000'000'000;
        assert_int_equal(bwrt_shutdown(runtime, BWRT_SHUTDOWN_CANCEL, kMinuteNs, nullptr), BWRT_OK);
        assert_int_equal(bwrt_close(runtime, nullptr), BWRT_OK);
        runtime = nullptr;
    }

    void end() {
        close();
        assert_nothing_reported();
    }

    bwrt_status add(const bwrt_region& region, bwrt_handle* handle_out = nullptr,
                    bwrt_region_info* info_out = nullptr) {
        bwrt_handle handle = 0;
        error = {};
        if (info_out != nullptr) info_out->struct_size = sizeof *info_out;
        const bwrt_status status = bwrt_region_add(
            runtime, &region, handle_out != nullptr ? handle_out : &handle, info_out, &error);
        if (status != BWRT_OK) print_message("    %s: %s\n", error.field, error.message);
        return status;
    }

    void assert_refused(const bwrt_region& region, bwrt_status status, const char* field,
                        const char* words = "") {
        bwrt_handle handle = 77;
        assert_int_equal(add(region, &handle), status);
        assert_string_equal(error.field, field);
        assert_true(has(error.message, words));
        assert_int_equal(handle, 77);
    }

    bwrt_handle added(const bwrt_region& region, bwrt_region_info* info_out = nullptr) {
        bwrt_handle handle = 0;
        assert_int_equal(add(region, &handle, info_out), BWRT_OK);
        return handle;
    }
};

// Of the engine's where it has an address.
inline bwrt_region device_region(std::uint64_t length_bytes, CUdeviceptr address = 0,
                                 std::uint32_t device = 0) {
    bwrt_region region = {};
    region.struct_size = sizeof region;
    region.kind = BWRT_REGION_DEVICE;
    region.address = reinterpret_cast<void*>(address);
    region.length_bytes = length_bytes;
    region.device = device;
    return region;
}

inline bwrt_region host_region(void* address, std::uint64_t length_bytes) {
    bwrt_region region = {};
    region.struct_size = sizeof region;
    region.kind = BWRT_REGION_HOST;
    region.address = address;
    region.length_bytes = length_bytes;
    return region;
}

}  // namespace bwrt::test
