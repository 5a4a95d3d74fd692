// SPDX-License-Identifier: Apache-2.0
//
// mapped.cpp — device memory in two halves, addresses and memory behind them, and its way to other
// processes, file descriptors.
//
// Unmapping does not wait for the device: what was enqueued and still needs it is noted.

#include <fcntl.h>
#include <unistd.h>

#include "tests/device/fake_driver/functions.h"
#include "tests/device/fake_driver/world.h"

namespace fake_cuda {
namespace {

constexpr std::size_t kGranularityBytes = std::size_t{2} << 20;

bool is_granular(std::size_t bytes) { return bytes != 0 && bytes % kGranularityBytes == 0; }

Allocation* find_allocation(std::uint64_t handle) {
    const auto found = world().allocations.find(handle);
    return found == world().allocations.end() ? nullptr : &found->second;
}

void drop_reference(std::uint64_t handle) {
    Allocation* const allocation = find_allocation(handle);
    if (allocation == nullptr || --allocation->reference_count > 0) return;
    const Backing& backing = *allocation->backing;
    if (allocation->is_own) world().device_bytes[backing.device] -= backing.bytes;
    world().allocations.erase(handle);
}

bool is_reserved(std::uint64_t address, std::size_t bytes) {
    const auto after = world().reserved.upper_bound(address);
    if (after == world().reserved.begin()) return false;
    const auto& [first, length] = *std::prev(after);
    return address + bytes <= first + length;
}

// All of [address, + bytes) is whole mappings; empty when it is not.
std::vector<Range*> mappings_of(std::uint64_t address, std::size_t bytes) {
    std::vector<Range*> found;
    const std::uint64_t end = address + bytes;
    while (address < end) {
        const auto range = world().ranges.find(address);
        if (range == world().ranges.end() || range->second.kind != Kind::kMapped) return {};
        found.push_back(&range->second);
        address += range->second.bytes;
    }
    return address == end ? found : std::vector<Range*>();
}

}  // namespace

CUresult mem_get_allocation_granularity(std::size_t* granularity_out, const CUmemAllocationProp*,
                                        CUmemAllocationGranularity_flags) {
    Call call("cuMemGetAllocationGranularity", kInit);
    if (call.is_refused()) return call.code();
    *granularity_out = kGranularityBytes;
    return CUDA_SUCCESS;
}

CUresult mem_create(CUmemGenericAllocationHandle* handle_out, std::size_t bytes,
                    const CUmemAllocationProp* properties, unsigned long long flags) {
    Call call("cuMemCreate", kInit | kUnsafe);
    if (call.is_refused()) return call.code();
    const int device = properties->location.id;
    const bool is_device = properties->type == CU_MEM_ALLOCATION_TYPE_PINNED &&
                           properties->location.type == CU_MEM_LOCATION_TYPE_DEVICE &&
                           device >= 0 && device < world().plan.device_count;
    if (flags != 0 || !is_granular(bytes) || !is_device) {
        return call.fail(CUDA_ERROR_INVALID_VALUE, "length, kind or place");
    }
    std::uint64_t& used = world().device_bytes[device];
    if (bytes > world().plan.memory_bytes - used) return CUDA_ERROR_OUT_OF_MEMORY;
    Allocation allocation;
    allocation.backing = make_backing(bytes, 0);
    if (allocation.backing == nullptr) return CUDA_ERROR_OUT_OF_MEMORY;
    allocation.backing->device = device;
    allocation.reference_count = 1;
    allocation.is_own = true;
    used += bytes;
    allocation.is_exportable =
        (properties->requestedHandleTypes & CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) != 0;
    *handle_out = make_handle();
    world().allocations[*handle_out] = allocation;
    return CUDA_SUCCESS;
}

CUresult mem_release(CUmemGenericAllocationHandle handle) {
    Call call("cuMemRelease", kInit | kUnsafe);
    if (call.is_refused()) return call.code();
    if (find_allocation(handle) == nullptr) {
        return call.fail(CUDA_ERROR_INVALID_VALUE, "a handle that is not there (any more)");
    }
    drop_reference(handle);
    return CUDA_SUCCESS;
}

CUresult mem_address_reserve(CUdeviceptr* address_out, std::size_t bytes, std::size_t align_bytes,
                             CUdeviceptr, unsigned long long flags) {
    Call call("cuMemAddressReserve", kInit);
    if (call.is_refused()) return call.code();
    if (flags != 0 || !is_granular(bytes)) return call.fail(CUDA_ERROR_INVALID_VALUE, "length");
    const std::uint64_t address =
        reserve_addresses(bytes, align_bytes == 0 ? kGranularityBytes : align_bytes);
    if (address == 0) return CUDA_ERROR_OUT_OF_MEMORY;
    world().reserved[address] = bytes;
    *address_out = address;
    return CUDA_SUCCESS;
}

CUresult mem_address_free(CUdeviceptr address, std::size_t bytes) {
    Call call("cuMemAddressFree", kInit);
    if (call.is_refused()) return call.code();
    const auto found = world().reserved.find(address);
    if (found == world().reserved.end() || found->second != bytes) {
        return call.fail(CUDA_ERROR_INVALID_VALUE, "addresses that were not reserved so");
    }
    const auto mapped = world().ranges.lower_bound(address);
    if (mapped != world().ranges.end() && mapped->first < address + bytes) {
        return call.fail(CUDA_ERROR_INVALID_VALUE, "addresses with memory behind them");
    }
    world().reserved.erase(found);
    release_addresses(address, bytes);
    return CUDA_SUCCESS;
}

CUresult mem_map(CUdeviceptr address, std::size_t bytes, std::size_t offset,
                 CUmemGenericAllocationHandle handle, unsigned long long flags) {
    Call call("cuMemMap", kInit | kUnsafe);
    if (call.is_refused()) return call.code();
    Allocation* const allocation = find_allocation(handle);
    const auto next = world().ranges.lower_bound(address);
    const bool is_free = next == world().ranges.end() || next->first >= address + bytes;
    if (flags != 0 || offset != 0 || allocation == nullptr || !is_reserved(address, bytes) ||
        !is_free || bytes != allocation->backing->bytes) {
        return call.fail(CUDA_ERROR_INVALID_VALUE, "addresses or memory that do not fit");
    }
    Range range;
    range.kind = Kind::kMapped;
    range.address = address;
    range.bytes = bytes;
    range.here = allocation->backing->here;
    range.device = allocation->backing->device;
    range.backing = allocation->backing;
    range.is_accessible = false;
    range.allocation = handle;
    ++allocation->reference_count;
    add_range(range);
    return CUDA_SUCCESS;
}

CUresult mem_unmap(CUdeviceptr address, std::size_t bytes) {
    Call call("cuMemUnmap", kInit | kUnsafe);
    if (call.is_refused()) return call.code();
    const std::vector<Range*> ranges = mappings_of(address, bytes);
    if (ranges.empty()) return call.fail(CUDA_ERROR_INVALID_VALUE, "what was not mapped so");
    if (is_in_use(address, bytes)) note_misuse("cuMemUnmap: what was enqueued still needs it");
    for (const Range* range : ranges) {
        drop_reference(range->allocation);
        world().ranges.erase(range->address);
    }
    return CUDA_SUCCESS;
}

CUresult mem_set_access(CUdeviceptr address, std::size_t bytes, const CUmemAccessDesc* rights,
                        std::size_t count) {
    Call call("cuMemSetAccess", kInit | kUnsafe);
    if (call.is_refused()) return call.code();
    const std::vector<Range*> ranges = mappings_of(address, bytes);
    if (ranges.empty() || count == 0) return call.fail(CUDA_ERROR_INVALID_VALUE, "range or count");
    for (Range* range : ranges) {
        range->is_accessible = rights[0].flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    }
    return CUDA_SUCCESS;
}

CUresult mem_export_to_shareable_handle(void* fd_out, CUmemGenericAllocationHandle handle,
                                        CUmemAllocationHandleType kind, unsigned long long flags) {
    Call call("cuMemExportToShareableHandle", kInit);
    if (call.is_refused()) return call.code();
    const Allocation* const allocation = find_allocation(handle);
    if (flags != 0 || allocation == nullptr || kind != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR ||
        !allocation->is_exportable) {
        return call.fail(CUDA_ERROR_INVALID_VALUE, "memory that was not made to be exported so");
    }
    const int fd = fcntl(allocation->backing->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return CUDA_ERROR_OPERATING_SYSTEM;
    *static_cast<int*>(fd_out) = fd;
    return CUDA_SUCCESS;
}

CUresult mem_import_from_shareable_handle(CUmemGenericAllocationHandle* handle_out, void* fd_value,
                                          CUmemAllocationHandleType kind) {
    Call call("cuMemImportFromShareableHandle", kInit);
    if (call.is_refused()) return call.code();
    if (kind != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) return CUDA_ERROR_INVALID_VALUE;
    const int given = static_cast<int>(reinterpret_cast<std::intptr_t>(fd_value));
    const int fd = fcntl(given, F_DUPFD_CLOEXEC, 0);  // the caller's stays his
    Allocation allocation;
    if (fd >= 0) allocation.backing = backing_of_fd(fd);
    if (allocation.backing == nullptr) {
        if (fd >= 0) close(fd);
        return call.fail(CUDA_ERROR_INVALID_VALUE, "no descriptor of device memory");
    }
    allocation.reference_count = 1;
    *handle_out = make_handle();
    world().allocations[*handle_out] = allocation;
    return CUDA_SUCCESS;
}

CUresult mem_retain_allocation_handle(CUmemGenericAllocationHandle* handle_out, void* address) {
    Call call("cuMemRetainAllocationHandle", kInit);
    Place place;
    const auto first = reinterpret_cast<std::uint64_t>(address);
    if (call.is_refused()) return call.code();
    const auto after = world().ranges.upper_bound(first);
    if (after == world().ranges.begin()) return CUDA_ERROR_INVALID_VALUE;
    const Range& range = std::prev(after)->second;
    if (range.kind != Kind::kMapped || first >= range.address + range.bytes) {
        return CUDA_ERROR_INVALID_VALUE;  // a question, as good as any
    }
    ++world().allocations[range.allocation].reference_count;
    *handle_out = range.allocation;
    return CUDA_SUCCESS;
}

}  // namespace fake_cuda
