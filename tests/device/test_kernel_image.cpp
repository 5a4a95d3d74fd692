// SPDX-License-Identifier: Apache-2.0
//
// The image of the kernels, as it is in the library, and what the driver that is found makes of it:
// the fake one looks at its first bytes, a real one loads it.

#include <cstdint>
#include <cstring>

#include "runtime/backend/cuda/kernel_image.h"
#include "tests/device/driver_world.h"

namespace bwrt::test {
namespace {

using runtime::cuda::kernel_image;

// Built where no nvcc was found.
void need_image() {
    if (kernel_image().fat_binary == nullptr) skip();
}

void the_image_is_aligned_and_begins_as_a_fat_binary_does(void**) {
    std::uint32_t magic = 0;
    need_image();
    assert_int_equal(reinterpret_cast<std::uintptr_t>(kernel_image().fat_binary) % 64, 0);
    std::memcpy(&magic, kernel_image().fat_binary, sizeof magic);
    assert_int_equal(magic, 0xBA55ED50);
}

void the_text_says_that_older_drivers_may_read_it(void**) {
    need_image();
    const std::string text = kernel_image().ptx;  // and ends
    assert_true(has(text, "\n.version 7.4\n"));
    assert_true(has(text, "\n.target sm_80\n"));
    assert_true(has(
        text, std::string(".entry ").append(runtime::cuda::kPageKernelName).append("(").c_str()));
    assert_int_equal(text.back(), '\n');
}

void assert_loads(const Driver& driver, const void* image) {
    CUlibrary library = nullptr;
    assert_int_equal(
        driver.library_load_data(&library, image, nullptr, nullptr, 0, nullptr, nullptr, 0),
        CUDA_SUCCESS);
    if (fake_driver() == nullptr) {  // it has the kernels that a test gives it, and no others
        CUkernel kernel = nullptr;
        assert_int_equal(
            driver.library_get_kernel(&kernel, library, runtime::cuda::kPageKernelName),
            CUDA_SUCCESS);
    }
    assert_int_equal(driver.library_unload(library), CUDA_SUCCESS);
}

void the_driver_takes_the_image_and_the_text(void**) {
    DriverWorld world;
    need_image();
    world.start();
    assert_loads(world.driver, kernel_image().fat_binary);
    assert_loads(world.driver, kernel_image().ptx);
    world.end();
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_image_is_aligned_and_begins_as_a_fat_binary_does),
        cmocka_unit_test(the_text_says_that_older_drivers_may_read_it),
        cmocka_unit_test(the_driver_takes_the_image_and_the_text),
    };
    return run_on_driver(tests);
}
