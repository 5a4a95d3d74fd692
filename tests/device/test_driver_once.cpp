// SPDX-License-Identifier: Apache-2.0
//
// The driver of the process: looked for when it is asked for and not before, once, by any thread.
// The tests stand in the order in which a process lives.

#include <thread>

#include "tests/device/driver_world.h"

namespace bwrt::test {
namespace {

using runtime::cuda::driver_state;
using runtime::cuda::DriverState;
using runtime::cuda::load_driver;
using runtime::cuda::start_driver;

// A fake driver as good as new; a real one is what it is.
void begin() {
    if (fake_driver() != nullptr) assert_null(fake_driver()->configure(""));
}

// 0 on a real driver, too, which does not tell.
std::uint64_t call_count(const char* name) {
    return fake_driver() != nullptr ? fake_driver()->count(name) : 0;
}

void knows_nothing_before_it_is_asked(void**) {
    begin();

    const DriverState state = driver_state();

    assert_false(state.is_looked_for);
    assert_null(state.driver);
    assert_int_equal(call_count("cuGetProcAddress"), 0);
}

void loading_starts_nothing(void**) {
    begin();
    std::string reason;

    const Driver* const driver = load_driver(&reason);

    assert_int_equal(driver == nullptr, !reason.empty());
    assert_true(driver_state().is_looked_for);
    assert_false(driver_state().is_started);
    assert_int_equal(call_count("cuInit"), 0);
    if (fake_driver() != nullptr) assert_non_null(driver);
}

void a_start_that_failed_is_tried_again(void**) {
    const FakeDriver& fake = need_fake("cuInit:1:100; cuInit:2:803");
    std::string reason;

    assert_null(start_driver(&reason));
    assert_string_equal(reason.c_str(), "cuInit: CUDA_ERROR_NO_DEVICE (100)");
    assert_string_equal(driver_state().reason.c_str(), reason.c_str());
    assert_non_null(driver_state().driver);
    assert_null(start_driver(&reason));
    assert_string_equal(reason.c_str(), "cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803)");

    assert_non_null(start_driver(&reason));
    assert_true(driver_state().is_started);
    assert_string_equal(driver_state().reason.c_str(), "");
    assert_int_equal(fake.count("cuInit"), 3);
}

void all_threads_have_the_same_table_started_once(void**) {
    begin();
    const Driver* found[8] = {};
    std::vector<std::thread> threads;

    for (const Driver*& driver : found) {
        threads.emplace_back([&driver] {
            std::string reason;
            driver = start_driver(&reason);
        });
    }
    for (std::thread& thread : threads) thread.join();

    const DriverState state = driver_state();
    for (const Driver* driver : found) {
        assert_ptr_equal(driver, state.is_started ? state.driver : nullptr);
    }
    assert_int_equal(call_count("cuInit"), 0);  // by the test before
    assert_int_equal(call_count("cuGetProcAddress"), 0);
    assert_int_equal(call_count("cuDevicePrimaryCtxRetain"), 0);
    if (fake_driver() != nullptr) assert_true(state.is_started);
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        cmocka_unit_test(knows_nothing_before_it_is_asked),
        cmocka_unit_test(loading_starts_nothing),
        cmocka_unit_test(a_start_that_failed_is_tried_again),
        cmocka_unit_test(all_threads_have_the_same_table_started_once),
    };
    const int failed_count = cmocka_run_group_tests(tests, nullptr, nullptr);
    say_which_driver();  // at the end: saying it loads the library
    return failed_count;
}
