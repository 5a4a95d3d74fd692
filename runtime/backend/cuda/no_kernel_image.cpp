// SPDX-License-Identifier: Apache-2.0
//
// no_kernel_image.cpp — built where no nvcc was found.

#include "runtime/backend/cuda/kernel_image.h"

namespace bwrt::runtime::cuda {

KernelImage kernel_image() noexcept { return {}; }

}  // namespace bwrt::runtime::cuda
