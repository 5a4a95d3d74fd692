// SPDX-License-Identifier: Apache-2.0

#include "runtime/backend/cuda/kernel_image.h"

// kernel_image.S
extern "C" const unsigned char bwrt_kernel_fat_binary[];
extern "C" const char bwrt_kernel_ptx[];

namespace bwrt::runtime::cuda {

KernelImage kernel_image() noexcept { return {bwrt_kernel_fat_binary, bwrt_kernel_ptx}; }

}  // namespace bwrt::runtime::cuda
