// SPDX-License-Identifier: Apache-2.0

#include "runtime/backend/cuda/cuda_device.h"

namespace bwrt::runtime::cuda {

bwrt_status CudaDevice::open(const Driver& driver, std::uint32_t number,
                             std::unique_ptr<Device>* device_out, const ErrorSink& sink) {
    auto device = std::make_unique<CudaDevice>();
    if (const bwrt_status status =
            Context::hold(driver, static_cast<int>(number), &device->context_, sink)) {
        return status;
    }
    if (const bwrt_status status = device->make_streams(sink)) return status;
    if (const bwrt_status status = device->make_staging(sink)) return status;
    if (const bwrt_status status = device->make_kernel(sink)) return status;
    *device_out = std::move(device);
    return BWRT_OK;
}

// One call for all of it, which does not fail for what does not apply: that stays 0.
CUresult CudaDevice::ask(std::uint64_t address, Told* told_out) noexcept {
    CUpointer_attribute names[] = {
        CU_POINTER_ATTRIBUTE_MEMORY_TYPE,      CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL,
        CU_POINTER_ATTRIBUTE_IS_MANAGED,       CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE,
        CU_POINTER_ATTRIBUTE_RANGE_START_ADDR, CU_POINTER_ATTRIBUTE_RANGE_SIZE};
    *told_out = {};
    void* values[] = {&told_out->memory_type,  &told_out->device, &told_out->is_managed,
                      &told_out->is_one_piece, &told_out->first,  &told_out->bytes};
    constexpr unsigned kCount = sizeof names / sizeof names[0];
    static_assert(kCount == sizeof values / sizeof values[0]);
    return context_.noted(context_.driver().pointer_get_attributes(kCount, names, values, address));
}

bwrt_status CudaDevice::check_kind(const Told& told, std::uint64_t address,
                                   const ErrorSink& sink) const noexcept {
    if (told.is_managed != 0) {
        return fail(sink, BWRT_E_UNSUPPORTED, "region.address",
                    "0x%llx is managed memory, which moves by itself", ull(address));
    }
    if (told.memory_type == CU_MEMORYTYPE_HOST) {
        return fail(sink, BWRT_E_INVAL, "region.address",
                    "0x%llx is the host's memory: add it as HOST", ull(address));
    }
    if (told.memory_type != CU_MEMORYTYPE_DEVICE) {
        return fail(sink, BWRT_E_INVAL, "region.address", "0x%llx is no memory of a device",
                    ull(address));
    }
    if (told.device != context_.number()) {
        return fail(sink, BWRT_E_INVAL, "region.device", "0x%llx lies on device %d, not %d",
                    ull(address), told.device, context_.number());
    }
    return BWRT_OK;
}

// Memory that was mapped piece by piece may go on where a piece ends; what was allocated ends
// there, whatever lies behind it.
bwrt_status CudaDevice::check_range(std::uint64_t address, std::uint64_t length_bytes,
                                    const ErrorSink& sink) noexcept {
    const Current current(&context_);
    CUresult error = current.error();
    std::uint64_t left_bytes = length_bytes;
    for (std::uint64_t at = address; error == CUDA_SUCCESS && left_bytes != 0;) {
        Told told;
        error = ask(at, &told);
        if (error != CUDA_SUCCESS) break;
        const bool is_first = at == address;
        const bool goes_on = told.memory_type == CU_MEMORYTYPE_DEVICE && told.is_managed == 0 &&
                             told.device == context_.number() && told.is_one_piece == 0;
        if (is_first) {
            if (const bwrt_status status = check_kind(told, address, sink)) return status;
        }
        // An answer that does not hold what was asked for would be asked for ever.
        const bool is_inside = told.first <= at && at - told.first < told.bytes;
        const std::uint64_t here_bytes = is_inside ? told.bytes - (at - told.first) : 0;
        if (here_bytes >= left_bytes && (is_first || goes_on)) return BWRT_OK;
        if (here_bytes == 0 || !goes_on) {
            const std::uint64_t good = length_bytes - left_bytes + (is_first ? here_bytes : 0);
            return fail(sink, BWRT_E_RANGE, "region.length_bytes",
                        "length_bytes %llu: the allocation ends %llu bytes behind address",
                        ull(length_bytes), ull(good));
        }
        at += here_bytes;
        left_bytes -= here_bytes;
    }
    return context_.refuse(sink, error, "region.address", "cuPointerGetAttributes");
}

bwrt_status CudaDevice::refuse_size(std::uint64_t length_bytes, CUresult error,
                                    const ErrorSink& sink) noexcept {
    std::size_t free_bytes = 0, total_bytes = 0;
    if (error != CUDA_ERROR_OUT_OF_MEMORY ||
        context_.noted(context_.driver().mem_get_info(&free_bytes, &total_bytes)) != CUDA_SUCCESS) {
        return context_.refuse(sink, error, "region.length_bytes", "cuMemAlloc");
    }
    return fail_os(sink, BWRT_E_NOMEM, error, "region.length_bytes",
                   "device %d: %llu bytes cannot be allocated: %llu of its %llu are free",
                   context_.number(), ull(length_bytes), ull(free_bytes), ull(total_bytes));
}

bwrt_status CudaDevice::allocate(std::uint64_t length_bytes, std::uint64_t* address_out,
                                 const ErrorSink& sink) noexcept {
    const Current current(&context_);
    CUdeviceptr address = 0;
    CUresult error = current.error();
    if (error == CUDA_SUCCESS) {
        error = context_.noted(context_.driver().mem_alloc(&address, length_bytes));
    }
    if (error != CUDA_SUCCESS) return refuse_size(length_bytes, error, sink);
    *address_out = address;
    return BWRT_OK;
}

// Of a lost device the driver frees everything by itself, with the process.
void CudaDevice::free(std::uint64_t address) noexcept {
    const Current current(&context_);
    if (current.error() != CUDA_SUCCESS) return;
    static_cast<void>(context_.noted(context_.driver().mem_free(address)));
}

}  // namespace bwrt::runtime::cuda
