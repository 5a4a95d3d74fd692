// SPDX-License-Identifier: Apache-2.0
//
// address.cpp — what is told of an address.

#include <cstring>

#include "tests/device/fake_driver/functions.h"
#include "tests/device/fake_driver/world.h"

namespace fake_cuda {
namespace {

CUresult tell(CUpointer_attribute attribute, const Range* range, std::uint64_t address,
              void* value_out) {
    const bool is_host = range != nullptr &&
                         (range->kind == Kind::kRegistered || range->kind == Kind::kHostAllocated);
    const bool is_known = range != nullptr;
    const auto put = [value_out](auto value) {
        std::memcpy(value_out, &value, sizeof value);
        return CUDA_SUCCESS;
    };
    switch (attribute) {
        case CU_POINTER_ATTRIBUTE_CONTEXT:
            return put(is_known ? handle_of(range->device) : CUcontext{});
        case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
            return put(!is_known ? 0u
                       : is_host ? unsigned{CU_MEMORYTYPE_HOST}
                                 : unsigned{CU_MEMORYTYPE_DEVICE});
        case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
            return put(is_host ? range->view : is_known ? address : 0);
        case CU_POINTER_ATTRIBUTE_HOST_POINTER:
            return put(is_host ? address : std::uint64_t{0});
        case CU_POINTER_ATTRIBUTE_IS_MANAGED:
            return put(0u);
        case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
            return put(is_known ? range->device : -2);
        case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE:
            return put(is_known && range->kind == Kind::kDevice ? 1u : 0u);
        case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
            return put(is_known ? range->address : 0);
        case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
            return put(is_known ? range->bytes : std::size_t{0});
        case CU_POINTER_ATTRIBUTE_MAPPED:
            return put(is_known ? 1u : 0u);
        case CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES:
            return put(is_known && range->kind == Kind::kMapped ? std::uint64_t{1}
                                                                : std::uint64_t{0});
        default:
            return CUDA_ERROR_INVALID_VALUE;
    }
}

const Range* range_of(std::uint64_t address) {
    const auto after = world().ranges.upper_bound(address);
    if (after == world().ranges.begin()) return nullptr;
    const Range& range = std::prev(after)->second;
    return address < range.address + range.bytes ? &range : nullptr;
}

}  // namespace

CUresult mem_get_address_range(CUdeviceptr* base_out, std::size_t* bytes_out, CUdeviceptr address) {
    const Call call("cuMemGetAddressRange", kContext);
    if (call.is_refused()) return call.code();
    const Range* const range = range_of(address);
    if (range == nullptr) return CUDA_ERROR_NOT_FOUND;
    if (base_out != nullptr) *base_out = range->address;
    if (bytes_out != nullptr) *bytes_out = range->bytes;
    return CUDA_SUCCESS;
}

// Of an address that it does not know, it says nothing and calls that success.
CUresult pointer_get_attributes(unsigned int count, CUpointer_attribute* attributes, void** values,
                                CUdeviceptr address) {
    const Call call("cuPointerGetAttributes", kContext);
    if (call.is_refused()) return call.code();
    const Range* const range = range_of(address);
    for (unsigned int i = 0; i < count; ++i) {
        const CUresult code = tell(attributes[i], range, address, values[i]);
        if (code != CUDA_SUCCESS) return code;
    }
    return CUDA_SUCCESS;
}

}  // namespace fake_cuda
