// SPDX-License-Identifier: Apache-2.0

#include "runtime/backend/cuda/page_kernel_library.h"

#include "runtime/backend/cuda/kernel_image.h"

namespace bwrt::runtime::cuda {

void PageKernelLibrary::load(Context* context) noexcept {
    const Driver& driver = context->driver();
    if (driver.library_load_data == nullptr || driver.library_unload == nullptr ||
        driver.library_get_kernel == nullptr || driver.kernel_get_function == nullptr ||
        driver.launch_kernel == nullptr) {
        return;
    }
    const KernelImage images = kernel_image();
    for (const void* const image : {images.fat_binary, static_cast<const void*>(images.ptx)}) {
        if (image == nullptr || context->loss() != CUDA_SUCCESS) return;
        if (context->noted(load_image(context, image)) == CUDA_SUCCESS) return;
        unload(context);
    }
}

// A function that is not loaded when it is first launched is loaded then.
CUresult PageKernelLibrary::load_image(Context* context, const void* image) noexcept {
    const Driver& driver = context->driver();
    CUkernel kernel = nullptr;
    CUfunction function = nullptr;
    CUresult error =
        driver.library_load_data(&library_, image, nullptr, nullptr, 0, nullptr, nullptr, 0);
    if (error != CUDA_SUCCESS) {
        library_ = nullptr;
        return error;
    }
    error = driver.library_get_kernel(&kernel, library_, kPageKernelName);
    if (error == CUDA_SUCCESS) error = driver.kernel_get_function(&function, kernel);
    if (error == CUDA_SUCCESS && driver.func_load != nullptr) error = driver.func_load(function);
    if (error == CUDA_SUCCESS) function_ = function;
    return error;
}

void PageKernelLibrary::unload(Context* context) noexcept {
    function_ = nullptr;
    if (library_ == nullptr || context->loss() != CUDA_SUCCESS) return;
    static_cast<void>(context->noted(context->driver().library_unload(library_)));
    library_ = nullptr;
}

}  // namespace bwrt::runtime::cuda
