// SPDX-License-Identifier: Apache-2.0
//
// The driver's table: filled by any driver from CUDA 12.0 on, and by nothing else, with a sentence
// that says what was wrong with it.

#include "tests/device/driver_world.h"

namespace bwrt::test {
namespace {

using runtime::cuda::load_driver_from;

constexpr const char* kLibrary = "libcuda.so.1";

// Why it was not taken; the table is then as it was.
std::string refusal(const char* library) {
    Driver driver;
    driver.version = 77;
    std::string reason;
    assert_false(load_driver_from(library, &driver, &reason));
    assert_int_equal(driver.version, 77);
    assert_null(driver.mem_alloc);
    return reason;
}

std::string refusal_of_fake(const char* plan) {
    need_fake(plan);
    return refusal(kLibrary);
}

Driver loaded(const char* plan) {
    Driver driver;
    std::string reason;
    need_fake(plan);
    const bool is_loaded = load_driver_from(kLibrary, &driver, &reason);
    if (!is_loaded) print_error("%s\n", reason.c_str());
    assert_true(is_loaded);
    assert_nothing_reported();  // asked for nothing newer than the driver, nor for its thread's
                                // stream
    return driver;
}

void has_every_entry_point_of_a_new_driver(void**) {
    const Driver driver = loaded("version=13.0");

    assert_int_equal(driver.version, 13000);
    assert_int_equal(driver.batch_copy_abi, 13000);
#define BWRT_CUDA_IS_THERE(need, member, name, abi) assert_non_null(driver.member);
    BWRT_CUDA_ENTRY_POINTS(BWRT_CUDA_IS_THERE)
#undef BWRT_CUDA_IS_THERE
}

void takes_a_driver_that_is_newer_than_the_headers(void**) {
    const Driver driver = loaded("version=13.9");

    assert_int_equal(driver.version, 13090);
    assert_int_equal(driver.batch_copy_abi, 13000);
}

void takes_the_older_batch_copy_of_12_8(void**) {
    const Driver driver = loaded("version=12.8");

    assert_int_equal(driver.batch_copy_abi, 12080);
    assert_non_null(driver.memcpy_batch_async_12080);
    assert_null(driver.memcpy_batch_async_13000);
}

void has_no_batch_copy_before_12_8(void**) {
    const Driver driver = loaded("version=12.4");

    assert_int_equal(driver.version, 12040);
    assert_int_equal(driver.batch_copy_abi, 0);
    assert_null(driver.memcpy_batch_async_12080);
    assert_null(driver.memcpy_batch_async_13000);
    assert_non_null(driver.memcpy_2d_async);
}

void does_without_what_is_optional(void**) {
    const Driver driver = loaded("cuStreamWriteValue32:missing; cuMemcpyBatchAsync:missing");

    assert_null(driver.stream_write_value32);
    assert_non_null(driver.stream_write_value64);
    assert_int_equal(driver.batch_copy_abi, 0);
}

void says_what_is_missing_that_it_needs(void**) {
    const std::string reason = refusal_of_fake("cuMemHostRegister:missing");

    assert_string_equal(reason.c_str(),
                        "libcuda.so.1 of CUDA 13.0 has no cuMemHostRegister as of CUDA 6.5");
}

void says_that_a_stub_is_no_driver(void**) {
    assert_true(has(refusal_of_fake("stub"), "is a toolkit's stub"));
}

void says_that_a_driver_is_too_old(void**) {
    assert_string_equal(refusal_of_fake("version=11.8").c_str(),
                        "libcuda.so.1 is of CUDA 11.8, and 12.0 is needed");
    loaded("version=12.0");
}

void says_that_a_driver_does_not_answer(void**) {
    assert_true(has(refusal_of_fake("cuDriverGetVersion:1:999"),
                    "does not tell its version (CUDA error 999)"));
    assert_true(has(refusal_of_fake("cuGetProcAddress:1:999"), "(CUDA error 999)"));
    assert_true(has(refusal_of_fake("cuGetProcAddress:5:999"), "(CUDA error 999)"));
}

void says_that_there_is_no_library(void**) {
    const std::string reason = refusal("/nowhere/libcuda.so.1");

    assert_true(has(reason, "/nowhere/libcuda.so.1"));
    assert_true(has(reason, "No such file"));
}

void says_that_a_library_is_no_driver(void**) {
    assert_true(has(refusal("libm.so.6"), "libm.so.6 has no cuGetProcAddress_v2"));
}

void names_errors_also_those_that_the_driver_does_not_know(void**) {
    DriverWorld world;
    world.start();

    assert_string_equal(error_text(world.driver, CUDA_ERROR_OUT_OF_MEMORY).c_str(),
                        "CUDA_ERROR_OUT_OF_MEMORY (2)");
    assert_string_equal(error_text(world.driver, static_cast<CUresult>(998)).c_str(),
                        "CUDA error (998)");
    world.end();
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        cmocka_unit_test(has_every_entry_point_of_a_new_driver),
        cmocka_unit_test(takes_a_driver_that_is_newer_than_the_headers),
        cmocka_unit_test(takes_the_older_batch_copy_of_12_8),
        cmocka_unit_test(has_no_batch_copy_before_12_8),
        cmocka_unit_test(does_without_what_is_optional),
        cmocka_unit_test(says_what_is_missing_that_it_needs),
        cmocka_unit_test(says_that_a_stub_is_no_driver),
        cmocka_unit_test(says_that_a_driver_is_too_old),
        cmocka_unit_test(says_that_a_driver_does_not_answer),
        cmocka_unit_test(says_that_there_is_no_library),
        cmocka_unit_test(says_that_a_library_is_no_driver),
        cmocka_unit_test(names_errors_also_those_that_the_driver_does_not_know),
    };
    return run_on_driver(tests);
}
