// SPDX-License-Identifier: Apache-2.0
//
// allocation.cpp — device memory by the piece, and host memory that the device reaches.
//
// Freeing device memory waits for the device, as CUDA's does.  Unregistering host memory does not:
// what was enqueued and still needs it is noted.

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tests/device/fake_driver/functions.h"
#include "tests/device/fake_driver/world.h"

namespace fake_cuda {
namespace {

constexpr std::size_t kGuardBytes = 4096;

bool is_mapped(const void* address, std::size_t bytes) {
    const auto first = reinterpret_cast<std::uintptr_t>(address) / 4096 * 4096;
    const std::size_t length = reinterpret_cast<std::uintptr_t>(address) + bytes - first;
    std::vector<unsigned char> pages((length + 4095) / 4096);
    return mincore(reinterpret_cast<void*>(first), length, pages.data()) == 0;
}

bool overlaps_a_range(std::uint64_t address, std::size_t bytes) {
    for (const auto& [first, range] : world().ranges) {
        if (first < address + bytes && address < first + range.bytes) return true;
    }
    return false;
}

Range* exact_range(std::uint64_t address, Kind kind) {
    const auto found = world().ranges.find(address);
    const bool is_it = found != world().ranges.end() && found->second.kind == kind;
    return is_it ? &found->second : nullptr;
}

// Host memory at another address, as the device sees it.
bool add_view(Range* range) {
    const std::uint64_t view = reserve_addresses((range->bytes + 4095) / 4096 * 4096, 4096);
    if (view == 0) return false;
    Range seen = *range;
    seen.kind = Kind::kHostView;
    seen.address = view;
    seen.mapping = view;
    seen.mapping_bytes = (range->bytes + 4095) / 4096 * 4096;
    add_range(seen);
    range->view = view;
    return true;
}

void remove_range(const Range& range) {
    if (range.view != 0) remove_range(Range(world().ranges[range.view]));
    if (range.mapping != 0) release_addresses(range.mapping, range.mapping_bytes);
    if (range.kind == Kind::kDevice) world().device_bytes[range.device] -= range.bytes;
    world().ranges.erase(range.address);
}

CUresult remove_host(Call* call, Range* range, CUresult otherwise) {
    if (range == nullptr) return call->fail(otherwise, "memory that it does not know");
    const bool is_busy = is_in_use(range->address, range->bytes) ||
                         (range->view != 0 && is_in_use(range->view, range->bytes));
    if (is_busy) note_misuse(std::string(call->name()) + ": what was enqueued still needs it");
    remove_range(Range(*range));
    return CUDA_SUCCESS;
}

}  // namespace

CUresult mem_alloc(CUdeviceptr* address_out, std::size_t bytes) {
    Call call("cuMemAlloc", kContext | kUnsafe);
    if (call.is_refused()) return call.code();
    std::uint64_t& used = world().device_bytes[call.device()];
    if (bytes == 0) return call.fail(CUDA_ERROR_INVALID_VALUE, "of 0 bytes");
    if (bytes > world().plan.memory_bytes - used) return CUDA_ERROR_OUT_OF_MEMORY;
    Range range;
    range.backing = make_backing(bytes, kGuardBytes);
    if (range.backing == nullptr) return CUDA_ERROR_OUT_OF_MEMORY;
    range.mapping_bytes = range.backing->bytes;
    range.mapping = reserve_addresses(range.mapping_bytes, 4096);
    if (range.mapping == 0) return CUDA_ERROR_OUT_OF_MEMORY;
    range.address = range.mapping + kGuardBytes;
    range.bytes = bytes;
    range.here = range.backing->here + kGuardBytes;
    range.device = call.device();
    add_range(range);
    used += bytes;
    *address_out = range.address;
    return CUDA_SUCCESS;
}

CUresult mem_free(CUdeviceptr address) {
    Call call("cuMemFree", kContext | kUnsafe);
    if (call.is_refused()) return call.code();
    const CUresult code = drain(&call, call.device());
    if (code != CUDA_SUCCESS) return code;
    Range* const range = exact_range(address, Kind::kDevice);
    if (range == nullptr)
        return call.fail(CUDA_ERROR_INVALID_VALUE, "memory that it does not know");
    if (!canaries_stand(*range->backing)) note_misuse("cuMemFree: a canary of it is dead");
    remove_range(Range(*range));
    return CUDA_SUCCESS;
}

CUresult mem_get_info(std::size_t* free_out, std::size_t* total_out) {
    Call call("cuMemGetInfo", kContext);
    if (call.is_refused()) return call.code();
    *total_out = world().plan.memory_bytes;
    *free_out = world().plan.memory_bytes - world().device_bytes[call.device()];
    return CUDA_SUCCESS;
}

CUresult mem_host_register(void* address, std::size_t bytes, unsigned int flags) {
    Call call("cuMemHostRegister", kContext | kUnsafe);
    if (call.is_refused()) return call.code();
    const auto first = reinterpret_cast<std::uint64_t>(address);
    if (bytes == 0 || !is_mapped(address, bytes)) {
        return call.fail(CUDA_ERROR_INVALID_VALUE, "no memory");
    }
    // The engine may have done it: to find that out is no misuse.
    if (overlaps_a_range(first, bytes)) return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
    Range range;
    range.kind = Kind::kRegistered;
    range.address = first;
    range.bytes = bytes;
    range.here = static_cast<unsigned char*>(address);
    range.device = call.device();
    const bool is_viewed = (flags & CU_MEMHOSTREGISTER_DEVICEMAP) != 0;
    if (is_viewed && !add_view(&range)) return CUDA_ERROR_OUT_OF_MEMORY;
    add_range(range);
    return CUDA_SUCCESS;
}

CUresult mem_host_unregister(void* address) {
    Call call("cuMemHostUnregister", kContext | kUnsafe);
    if (call.is_refused()) return call.code();
    Range* const range = exact_range(reinterpret_cast<std::uint64_t>(address), Kind::kRegistered);
    return remove_host(&call, range, CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
}

CUresult mem_host_alloc(void** address_out, std::size_t bytes, unsigned int flags) {
    Call call("cuMemHostAlloc", kContext | kUnsafe);
    if (call.is_refused()) return call.code();
    Range range;
    range.kind = Kind::kHostAllocated;
    range.backing = bytes == 0 ? nullptr : make_backing(bytes, kGuardBytes);
    if (range.backing == nullptr) return CUDA_ERROR_OUT_OF_MEMORY;
    range.here = range.backing->here + kGuardBytes;
    range.address = reinterpret_cast<std::uint64_t>(range.here);
    range.bytes = bytes;
    range.device = call.device();
    if ((flags & CU_MEMHOSTALLOC_DEVICEMAP) != 0 && !add_view(&range)) {
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    add_range(range);
    *address_out = range.here;
    return CUDA_SUCCESS;
}

CUresult mem_free_host(void* address) {
    Call call("cuMemFreeHost", kContext | kUnsafe);
    if (call.is_refused()) return call.code();
    Range* const range =
        exact_range(reinterpret_cast<std::uint64_t>(address), Kind::kHostAllocated);
    return remove_host(&call, range, CUDA_ERROR_INVALID_VALUE);
}

CUresult mem_host_get_device_pointer(CUdeviceptr* view_out, void* address, unsigned int flags) {
    Call call("cuMemHostGetDevicePointer", kContext);
    Place place;
    const auto first = reinterpret_cast<std::uint64_t>(address);
    if (call.is_refused()) return call.code();
    if (flags != 0 || !find_place(call.name(), first, 1, &place)) return CUDA_ERROR_INVALID_VALUE;
    const auto after = world().ranges.upper_bound(first);
    if (place.is_pageable || std::prev(after)->second.view == 0) return CUDA_ERROR_INVALID_VALUE;
    *view_out = std::prev(after)->second.view + (first - std::prev(after)->first);
    return CUDA_SUCCESS;
}

}  // namespace fake_cuda
