// SPDX-License-Identifier: Apache-2.0
//
// functions.h — the functions of the driver, declared from the list of those that bwrt uses: one of
// them that the fake does not have, or has with other arguments, does not link.

#pragma once

#include <type_traits>

#include "runtime/backend/cuda/entry_points.h"

namespace fake_cuda {

#define FAKE_CUDA_DECLARE(need, member, name, abi) \
    std::remove_pointer_t<PFN_##name##_v##abi> member;
BWRT_CUDA_ENTRY_POINTS(FAKE_CUDA_DECLARE)
#undef FAKE_CUDA_DECLARE

}  // namespace fake_cuda
