// SPDX-License-Identifier: Apache-2.0
//
// kernel_image.h — the image of our kernels, as a driver takes it.
//
// Machine code for some devices, and text that a driver makes code of for any other.  Two sources
// have it, kernel_image.cpp and no_kernel_image.cpp; CMake takes one.

#pragma once

namespace bwrt::runtime::cuda {

struct KernelImage {
    const void* fat_binary = nullptr;
    const char* ptx = nullptr;
};

// Of nulls where bwrt was built without.
[[nodiscard]] KernelImage kernel_image() noexcept;

constexpr const char* kPageKernelName = "copy_pages";

}  // namespace bwrt::runtime::cuda
