// SPDX-License-Identifier: Apache-2.0
//
// page_kernel_library.h — the kernel for small pages, loaded for one device.
//
//   fat binary ─▶ library ─▶ kernel ─▶ function of the context, loaded      one after the other;
//   text       ─▶ ...                                                        the first that gets
//                                                                            there is taken
//
// All of it is done with the first region of a device and not with the first pages: a driver may
// compile the text meanwhile, a matter of a tenth of a second, and to load a kernel it may wait for
// all that the context is doing, which could be the engine's waiting for us.
//
// A driver that has no code for the device says so where it likes: when the library is loaded (209,
// or 222 where it does not know the text's version), or as late as when the function is asked for.
// Whatever it says, the next image is tried, and without any there is no kernel.

#pragma once

#include "runtime/backend/cuda/context.h"

namespace bwrt::runtime::cuda {

class PageKernelLibrary {
 public:
    // With the context current.
    void load(Context* context) noexcept;
    // Nothing of it runs.
    void unload(Context* context) noexcept;
    // It is not to be used any more.
    void give_up() noexcept { function_ = nullptr; }

    // Null: there is none.
    [[nodiscard]] CUfunction function() const noexcept { return function_; }

 private:
    CUresult load_image(Context* context, const void* image) noexcept;

    CUlibrary library_ = nullptr;
    CUfunction function_ = nullptr;
};

}  // namespace bwrt::runtime::cuda
