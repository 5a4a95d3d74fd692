// SPDX-License-Identifier: Apache-2.0
//
// The driver's table: what is no driver does not fill it, and it is said why.

#include <string>

#include "runtime/backend/cuda/driver.h"
#include "tests/support/cmocka.h"

namespace bwrt::test {
namespace {

using runtime::cuda::Driver;
using runtime::cuda::load_driver_from;

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

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

void says_that_there_is_no_library(void**) {
    const std::string reason = refusal("/nowhere/libcuda.so.1");

    assert_true(has(reason, "/nowhere/libcuda.so.1"));
    assert_true(has(reason, "No such file"));
}

void says_that_a_library_is_no_driver(void**) {
    assert_true(has(refusal("libm.so.6"), "libm.so.6 has no cuGetProcAddress_v2"));
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        cmocka_unit_test(says_that_there_is_no_library),
        cmocka_unit_test(says_that_a_library_is_no_driver),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
