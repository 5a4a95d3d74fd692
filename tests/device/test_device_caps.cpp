// SPDX-License-Identifier: Apache-2.0
//
// What a runtime says of devices, seen through bwrt.h: nothing is looked for that nobody asked for,
// and what was found is told, or why nothing was.  The tests stand in the order in which a process
// lives, since it has one driver.  They pass with any driver, with none, and without CUDA.

#include <bwrt.h>
#include <dlfcn.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tests/device/fake_driver/fake_cuda.h"
#include "tests/support/cmocka.h"

namespace {

// Of calls of the fake driver; 0 where there is another one or none.  Opening the library makes it
// known to nobody else.
std::uint64_t call_count(const char* name) {
    void* const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return 0;
    const auto count =
        reinterpret_cast<fake_cuda_count_function>(dlsym(library, "fake_cuda_count"));
    return count == nullptr ? 0 : count(name);
}

bool is_on_the_fake() {
    void* const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    return library != nullptr && dlsym(library, "fake_cuda_count") != nullptr;
}

bwrt_caps caps_of(std::uint32_t device) {
    bwrt_config config = {};
    config.struct_size = sizeof config;
    config.device = device;
    bwrt_caps caps = {};
    caps.struct_size = sizeof caps;
    bwrt_runtime* runtime = nullptr;
    assert_int_equal(bwrt_open(&config, &runtime, nullptr), BWRT_OK);
    const bwrt_status status = bwrt_get_caps(runtime, &caps, nullptr);
    bwrt_shutdown(runtime, BWRT_SHUTDOWN_CANCEL, -1, nullptr);
    bwrt_close(runtime, nullptr);
    assert_int_equal(status, BWRT_OK);
    return caps;
}

bool is_built(const bwrt_caps& caps) { return (caps.features & BWRT_FEATURE_CUDA) != 0; }

// Where there is nothing, it is said why; and the other way round.
void assert_consistent(const bwrt_caps& caps) {
    if (!is_built(caps)) assert_string_equal(caps.device_reason, "built without CUDA");
    if (!is_built(caps)) assert_int_equal(caps.driver_version, 0);
    if (caps.driver_version == 0) {
        assert_true(caps.device_reason[0] != '\0');
        assert_int_equal(caps.batch_copy_abi, 0);
        assert_int_equal(caps.device_count, 0);
    } else {
        assert_true(caps.driver_version >= 12000);
    }
}

void opening_a_runtime_looks_for_nothing(void**) {
    const bwrt_caps caps = caps_of(BWRT_DEVICE_LATER);

    assert_consistent(caps);
    assert_int_equal(caps.driver_version, 0);
    if (is_built(caps)) assert_string_equal(caps.device_reason, "no driver was looked for yet");
    assert_int_equal(call_count("cuGetProcAddress"), 0);
}

void a_loaded_driver_tells_its_version_and_is_not_started(void**) {
    const bwrt_caps caps = caps_of(BWRT_DEVICE_LOAD);

    assert_consistent(caps);
    if (is_built(caps) && is_on_the_fake()) {
        assert_int_equal(caps.driver_version, 12080);  // as its environment says
        assert_int_equal(caps.batch_copy_abi, 12080);
        assert_string_equal(caps.device_reason, "");
    } else if (is_built(caps) && caps.driver_version == 0) {
        assert_non_null(std::strstr(caps.device_reason, "libcuda.so.1"));
    }
    assert_int_equal(caps.device_count, 0);
    assert_int_equal(call_count("cuInit"), 0);
}

void a_started_driver_counts_its_devices_and_has_no_context(void**) {
    const bwrt_caps caps = caps_of(BWRT_DEVICE_START);

    assert_consistent(caps);
    if (is_built(caps) && is_on_the_fake()) assert_int_equal(caps.device_count, 3);
    assert_int_equal(call_count("cuDevicePrimaryCtxRetain"), 0);
}

void all_runtimes_of_a_process_know_it(void**) {
    const bwrt_caps started = caps_of(BWRT_DEVICE_START);
    bwrt_caps caps = {};
    caps.struct_size = sizeof caps;

    assert_int_equal(bwrt_get_caps(nullptr, &caps, nullptr), BWRT_OK);

    assert_int_equal(caps.driver_version, started.driver_version);
    assert_int_equal(caps.device_count, started.device_count);
    assert_string_equal(caps.device_reason, started.device_reason);
}

void another_way_to_look_is_refused(void**) {
    bwrt_config config = {};
    bwrt_runtime* runtime = nullptr;
    bwrt_error error = {};
    config.struct_size = sizeof config;
    config.device = BWRT_DEVICE_START + 1;

    assert_int_equal(bwrt_open(&config, &runtime, &error), BWRT_E_INVAL);
    assert_string_equal(error.field, "config.device");

    config.device = BWRT_DEVICE_LATER;
    config.reserved2 = 1;
    assert_int_equal(bwrt_open(&config, &runtime, &error), BWRT_E_INVAL);
    assert_string_equal(error.field, "config.reserved2");
    assert_null(runtime);
}

void a_region_of_a_device_that_is_not_there_is_refused_with_the_reason(void**) {
    bwrt_runtime* runtime = nullptr;
    bwrt_region region = {};
    bwrt_handle handle = 77;
    bwrt_error error = {};
    region.struct_size = sizeof region;
    region.kind = BWRT_REGION_DEVICE;
    region.length_bytes = 4096;

    const bwrt_caps caps = caps_of(BWRT_DEVICE_START);
    assert_int_equal(bwrt_open(nullptr, &runtime, nullptr), BWRT_OK);
    const bwrt_status status = bwrt_region_add(runtime, &region, &handle, nullptr, &error);
    bwrt_shutdown(runtime, BWRT_SHUTDOWN_CANCEL, -1, nullptr);
    bwrt_close(runtime, nullptr);

    if (caps.device_count != 0) skip();
    assert_int_equal(status, BWRT_E_UNSUPPORTED);
    assert_string_equal(error.field, "region.kind");
    assert_int_equal(std::strncmp(error.message, caps.device_reason, 60), 0);
    assert_int_equal(handle, 77);
}

void a_caller_from_before_devices_is_taken(void**) {
    bwrt_config config = {};
    bwrt_runtime* runtime = nullptr;
    bwrt_caps caps = {};
    config.struct_size = offsetof(bwrt_config, device);
    config.device = 77;  // not his
    caps.struct_size = offsetof(bwrt_caps, driver_version);
    caps.device_count = 77;

    assert_int_equal(bwrt_open(&config, &runtime, nullptr), BWRT_OK);
    const bwrt_status status = bwrt_get_caps(runtime, &caps, nullptr);
    bwrt_shutdown(runtime, BWRT_SHUTDOWN_CANCEL, -1, nullptr);
    bwrt_close(runtime, nullptr);

    assert_int_equal(status, BWRT_OK);
    assert_int_equal(caps.abi_version, BWRT_ABI_VERSION);
    assert_int_equal(caps.device_count, 77);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(opening_a_runtime_looks_for_nothing),
        cmocka_unit_test(a_loaded_driver_tells_its_version_and_is_not_started),
        cmocka_unit_test(a_started_driver_counts_its_devices_and_has_no_context),
        cmocka_unit_test(all_runtimes_of_a_process_know_it),
        cmocka_unit_test(another_way_to_look_is_refused),
        cmocka_unit_test(a_region_of_a_device_that_is_not_there_is_refused_with_the_reason),
        cmocka_unit_test(a_caller_from_before_devices_is_taken),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
