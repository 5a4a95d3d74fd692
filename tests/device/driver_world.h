// SPDX-License-Identifier: Apache-2.0
//
// driver_world.h — a driver to test on: the fake one or a real one, whichever libcuda.so.1 is
// found, with a context of device 0 that is current.
//
// A test that is about the fake begins with need_fake(), and is skipped on a real driver.  Without
// a driver all are.  What a test leaves behind or does wrong on the fake fails it at its end,
// unless it took the report with assert_reported().

#pragma once

#include <dlfcn.h>

#include <cstring>
#include <string>
#include <vector>

#include "runtime/backend/cuda/driver.h"
#include "tests/device/fake_driver/fake_cuda.h"
#include "tests/support/cmocka.h"

namespace bwrt::test {

using runtime::cuda::Driver;

constexpr const char* kLate = "delay=60000000us";  // a minute: nothing is over by itself here

struct FakeDriver {
    fake_cuda_configure_function configure = nullptr;
    fake_cuda_report_function report = nullptr;
    fake_cuda_count_function count = nullptr;
    fake_cuda_hold_function hold = nullptr;
    fake_cuda_let_function let = nullptr;
    fake_cuda_lose_function lose = nullptr;
    fake_cuda_add_kernel_function add_kernel = nullptr;
};

// Null on a real driver, and where there is none.
inline const FakeDriver* fake_driver() {
    static FakeDriver found;
    void* const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr || found.configure != nullptr) {
        return found.configure == nullptr ? nullptr : &found;
    }
    found.report = reinterpret_cast<fake_cuda_report_function>(dlsym(library, "fake_cuda_report"));
    found.count = reinterpret_cast<fake_cuda_count_function>(dlsym(library, "fake_cuda_count"));
    found.hold = reinterpret_cast<fake_cuda_hold_function>(dlsym(library, "fake_cuda_hold"));
    found.let = reinterpret_cast<fake_cuda_let_function>(dlsym(library, "fake_cuda_let"));
    found.lose = reinterpret_cast<fake_cuda_lose_function>(dlsym(library, "fake_cuda_lose"));
    found.add_kernel =
        reinterpret_cast<fake_cuda_add_kernel_function>(dlsym(library, "fake_cuda_add_kernel"));
    found.configure =
        reinterpret_cast<fake_cuda_configure_function>(dlsym(library, "fake_cuda_configure"));
    return found.configure == nullptr ? nullptr : &found;
}

inline const FakeDriver& need_fake() {
    if (fake_driver() == nullptr) skip();
    return *fake_driver();
}

// A new fake driver of this kind; its world is empty.
inline const FakeDriver& need_fake(const char* plan) {
    const FakeDriver& fake = need_fake();
    const char* const wrong = fake.configure(plan);
    if (wrong != nullptr) print_error("%s\n", wrong);
    assert_null(wrong);
    return fake;
}

inline bool has(const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
}

// And is forgotten.
inline void assert_reported(const char* part) {
    const std::string report = fake_driver()->report();
    if (!has(report, part)) print_error("\"%s\" is not in:\n%s", part, report.c_str());
    assert_true(has(report, part));
    assert_null(fake_driver()->configure(""));
}

inline void assert_nothing_reported() {
    if (fake_driver() == nullptr) return;
    const std::string report = fake_driver()->report();
    if (!report.empty()) print_error("%s", report.c_str());
    assert_string_equal(report.c_str(), "");
}

inline void say_which_driver() {
    Driver driver;
    std::string reason;
    if (!runtime::cuda::load_driver_from("libcuda.so.1", &driver, &reason)) {
        print_message("no driver: %s\n", reason.c_str());
        return;
    }
    print_message("on %s driver of CUDA %s\n", fake_driver() != nullptr ? "the fake" : "a real",
                  runtime::cuda::version_text(driver.version).c_str());
}

// The table, with the context of device 0 current to this thread.
struct DriverWorld {
    Driver driver;
    CUcontext context = nullptr;
    std::vector<CUstream> streams;
    std::vector<CUdeviceptr> memories;
    std::vector<void*> registered;

    // Skips where there is no driver or no device.
    void start() {
        std::string reason;
        if (!runtime::cuda::load_driver_from("libcuda.so.1", &driver, &reason)) skip();
        if (driver.init(0) != CUDA_SUCCESS) skip();
        assert_int_equal(driver.primary_ctx_retain(&context, 0), CUDA_SUCCESS);
        assert_int_equal(driver.ctx_set_current(context), CUDA_SUCCESS);
    }

    void start_on_fake(const char* plan) {
        need_fake(plan);
        start();
    }

    void end() {
        for (const CUstream stream : streams) driver.stream_destroy(stream);
        for (const CUdeviceptr memory : memories) driver.mem_free(memory);
        for (void* const memory : registered) driver.mem_host_unregister(memory);
        driver.primary_ctx_release(0);
        assert_nothing_reported();
    }

    CUstream stream(unsigned int flags = CU_STREAM_NON_BLOCKING) {
        CUstream made = nullptr;
        assert_int_equal(driver.stream_create_with_priority(&made, flags, 0), CUDA_SUCCESS);
        streams.push_back(made);
        return made;
    }

    CUdeviceptr memory(std::size_t bytes) {
        CUdeviceptr made = 0;
        assert_int_equal(driver.mem_alloc(&made, bytes), CUDA_SUCCESS);
        memories.push_back(made);
        return made;
    }

    // It is full of `value` when the stream has come so far.
    CUdeviceptr memory_of(unsigned char value, std::size_t bytes, CUstream on) {
        const CUdeviceptr made = memory(bytes);
        assert_int_equal(driver.memset_d8_async(made, value, bytes, on), CUDA_SUCCESS);
        return made;
    }

    void pin(void* address, std::size_t bytes) {
        const unsigned flags = CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP;
        assert_int_equal(driver.mem_host_register(address, bytes, flags), CUDA_SUCCESS);
        registered.push_back(address);
    }

    CUdeviceptr view(void* address) {
        CUdeviceptr seen = 0;
        assert_int_equal(driver.mem_host_get_device_pointer(&seen, address, 0), CUDA_SUCCESS);
        return seen;
    }

    void synchronize(CUstream on) { assert_int_equal(driver.stream_synchronize(on), CUDA_SUCCESS); }
};

// And says on which driver.
template <std::size_t kCount>
int run_on_driver(const CMUnitTest (&tests)[kCount]) {
    say_which_driver();
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}

}  // namespace bwrt::test
