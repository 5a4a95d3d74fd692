// SPDX-License-Identifier: Apache-2.0
//
// ipc.cpp — memory of cuMemAlloc() in another process, by a handle of 64 bytes: the descriptor
// behind it, which the other one opens through /proc.

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "tests/device/fake_driver/functions.h"
#include "tests/device/fake_driver/world.h"

namespace fake_cuda {
namespace {

constexpr std::uint64_t kIpcMagic = 0x6970635F66616B65;  // "ipc_fake"

struct IpcHandle {  // what the 64 bytes are
    std::uint64_t magic;
    std::int32_t pid;
    std::int32_t fd;
    std::uint64_t user_offset;
    std::uint64_t user_bytes;
    std::int32_t device;
};
static_assert(sizeof(IpcHandle) <= sizeof(CUipcMemHandle));

}  // namespace

CUresult ipc_get_mem_handle(CUipcMemHandle* handle_out, CUdeviceptr address) {
    Call call("cuIpcGetMemHandle", kContext);
    if (call.is_refused()) return call.code();
    const auto found = world().ranges.find(address);
    if (found == world().ranges.end() || found->second.kind != Kind::kDevice) {
        return CUDA_ERROR_INVALID_VALUE;  // so does mapped memory answer, and it is no misuse to
                                          // ask
    }
    const Backing& backing = *found->second.backing;
    const IpcHandle handle = {kIpcMagic,           getpid(),           backing.fd,
                              backing.user_offset, backing.user_bytes, found->second.device};
    std::memset(handle_out, 0, sizeof *handle_out);
    std::memcpy(handle_out, &handle, sizeof handle);
    return CUDA_SUCCESS;
}

CUresult ipc_open_mem_handle(CUdeviceptr* address_out, CUipcMemHandle given, unsigned int flags) {
    Call call("cuIpcOpenMemHandle", kContext | kUnsafe);
    IpcHandle handle;
    char path[64];
    if (call.is_refused()) return call.code();
    std::memcpy(&handle, &given, sizeof handle);
    if (handle.magic != kIpcMagic || flags != CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS) {
        return call.fail(CUDA_ERROR_INVALID_VALUE, "handle or flags");
    }
    if (handle.pid == getpid()) {
        return call.fail(CUDA_ERROR_INVALID_CONTEXT, "memory of this very process");
    }
    std::snprintf(path, sizeof path, "/proc/%d/fd/%d", handle.pid, handle.fd);
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    Range range;
    if (fd >= 0) range.backing = backing_of_fd(fd);
    if (range.backing == nullptr) {
        if (fd >= 0) close(fd);
        return CUDA_ERROR_MAP_FAILED;
    }
    range.backing->user_offset = handle.user_offset;
    range.backing->user_bytes = handle.user_bytes;
    range.kind = Kind::kImported;
    range.mapping_bytes = range.backing->bytes;
    range.mapping = reserve_addresses(range.mapping_bytes, 4096);
    range.address = range.mapping + handle.user_offset;
    range.bytes = handle.user_bytes;
    range.here = range.backing->here + handle.user_offset;
    range.device = call.device();
    add_range(range);
    *address_out = range.address;
    return CUDA_SUCCESS;
}

CUresult ipc_close_mem_handle(CUdeviceptr address) {
    Call call("cuIpcCloseMemHandle", kContext | kUnsafe);
    if (call.is_refused()) return call.code();
    const auto found = world().ranges.find(address);
    if (found == world().ranges.end() || found->second.kind != Kind::kImported) {
        return call.fail(CUDA_ERROR_INVALID_VALUE, "memory that was not opened");
    }
    if (is_in_use(address, found->second.bytes)) {
        note_misuse("cuIpcCloseMemHandle: what was enqueued still needs it");
    }
    release_addresses(found->second.mapping, found->second.mapping_bytes);
    world().ranges.erase(found);
    return CUDA_SUCCESS;
}

}  // namespace fake_cuda
