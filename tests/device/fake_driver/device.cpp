// SPDX-License-Identifier: Apache-2.0
//
// device.cpp — the driver as a whole, devices, and their primary contexts.
//
// A context whose last holder lets go of it is destroyed with everything in it, which is noted.

#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "tests/device/fake_driver/functions.h"
#include "tests/device/fake_driver/world.h"

namespace fake_cuda {
namespace {

bool is_device(int device) { return device >= 0 && device < world().plan.device_count; }

struct ErrorName {
    int code;
    const char* name;
};

constexpr ErrorName kErrorNames[] = {
    {0, "CUDA_SUCCESS"},
    {1, "CUDA_ERROR_INVALID_VALUE"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY"},
    {3, "CUDA_ERROR_NOT_INITIALIZED"},
    {34, "CUDA_ERROR_STUB_LIBRARY"},
    {100, "CUDA_ERROR_NO_DEVICE"},
    {101, "CUDA_ERROR_INVALID_DEVICE"},
    {200, "CUDA_ERROR_INVALID_IMAGE"},
    {201, "CUDA_ERROR_INVALID_CONTEXT"},
    {205, "CUDA_ERROR_MAP_FAILED"},
    {222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION"},
    {304, "CUDA_ERROR_OPERATING_SYSTEM"},
    {400, "CUDA_ERROR_INVALID_HANDLE"},
    {500, "CUDA_ERROR_NOT_FOUND"},
    {600, "CUDA_ERROR_NOT_READY"},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS"},
    {704, "CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED"},
    {709, "CUDA_ERROR_CONTEXT_IS_DESTROYED"},
    {712, "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED"},
    {713, "CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED"},
    {719, "CUDA_ERROR_LAUNCH_FAILED"},
    {900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"},
    {901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"},
    {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"},
    {999, "CUDA_ERROR_UNKNOWN"},
};

void destroy_context(Call* call, int device) {
    World& here = world();
    static_cast<void>(drain(call, device));
    const char* const what = "cuDevicePrimaryCtxRelease: with the context went ";
    std::erase_if(here.events, [&](const auto& each) {
        if (each.second.device == device) note_misuse(std::string(what) + "an event");
        return each.second.device == device;
    });
    for (auto each = here.streams.begin(); each != here.streams.end();) {
        const StreamPointer stream = (each++)->second;
        if (stream->device != device) continue;
        note_misuse(std::string(what) + "a stream");
        stream->is_destroyed = true;
        here.streams.erase(reinterpret_cast<std::uint64_t>(stream->handle));
    }
    if (here.contexts[device].legacy != nullptr) here.contexts[device].legacy->is_destroyed = true;
    const CUresult lost = here.contexts[device].lost;
    here.contexts[device] = {};
    here.contexts[device].lost = lost;  // as long as the process lives
    here.changed.notify_all();
}

}  // namespace

CUresult driver_get_version(int* version_out) {
    const Call call("cuDriverGetVersion", kNothing);
    if (call.is_refused()) return call.code();
    *version_out = world().plan.version;
    return CUDA_SUCCESS;
}

CUresult init(unsigned int flags) {
    Call call("cuInit", kNothing);
    if (call.is_refused()) return call.code();
    if (flags != 0) return call.fail(CUDA_ERROR_INVALID_VALUE, "flags");
    if (world().plan.device_count == 0) return CUDA_ERROR_NO_DEVICE;
    if (world().pid != 0 && world().pid != getpid()) return CUDA_ERROR_NOT_INITIALIZED;
    world().pid = getpid();
    return CUDA_SUCCESS;
}

CUresult get_error_name(CUresult error, const char** name_out) {
    for (const ErrorName& each : kErrorNames) {
        if (each.code != error) continue;
        *name_out = each.name;
        return CUDA_SUCCESS;
    }
    *name_out = nullptr;
    return CUDA_ERROR_INVALID_VALUE;
}

CUresult device_get_count(int* count_out) {
    const Call call("cuDeviceGetCount", kInit);
    if (call.is_refused()) return call.code();
    *count_out = world().plan.device_count;
    return CUDA_SUCCESS;
}

CUresult device_get(CUdevice* device_out, int index) {
    Call call("cuDeviceGet", kInit);
    if (call.is_refused()) return call.code();
    if (!is_device(index)) return call.fail(CUDA_ERROR_INVALID_DEVICE, "no such device");
    *device_out = index;
    return CUDA_SUCCESS;
}

CUresult device_get_name(char* name_out, int length_bytes, CUdevice device) {
    const Call call("cuDeviceGetName", kInit);
    if (call.is_refused()) return call.code();
    if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
    std::snprintf(name_out, static_cast<std::size_t>(length_bytes), "fake device %d", device);
    return CUDA_SUCCESS;
}

CUresult device_get_uuid(CUuuid* uuid_out, CUdevice device) {
    const Call call("cuDeviceGetUuid", kInit);
    if (call.is_refused()) return call.code();
    if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
    std::memset(uuid_out->bytes, 0xFA, sizeof uuid_out->bytes);
    uuid_out->bytes[15] = static_cast<char>(device);
    return CUDA_SUCCESS;
}

CUresult device_get_attribute(int* value_out, CUdevice_attribute attribute, CUdevice device) {
    const Call call("cuDeviceGetAttribute", kInit);
    if (call.is_refused()) return call.code();
    if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
    switch (attribute) {
        case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
            *value_out = 9;
            break;
        case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
            *value_out = 132;
            break;
        case CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT:
            *value_out = 3;
            break;
        case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING:
        case CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY:
        case CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED:
        case CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED:
        case CU_DEVICE_ATTRIBUTE_CAN_USE_64_BIT_STREAM_MEM_OPS:
            *value_out = 1;
            break;
        default:
            *value_out = 0;
            break;  // also whether the host's pointers are the device's
    }
    return CUDA_SUCCESS;
}

CUresult device_total_mem(std::size_t* bytes_out, CUdevice device) {
    const Call call("cuDeviceTotalMem", kInit);
    if (call.is_refused()) return call.code();
    if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
    *bytes_out = world().plan.memory_bytes;
    return CUDA_SUCCESS;
}

CUresult device_can_access_peer(int* can_out, CUdevice device, CUdevice peer) {
    const Call call("cuDeviceCanAccessPeer", kInit);
    if (call.is_refused()) return call.code();
    if (!is_device(device) || !is_device(peer)) return CUDA_ERROR_INVALID_DEVICE;
    *can_out = device != peer;
    return CUDA_SUCCESS;
}

CUresult primary_ctx_retain(CUcontext* context_out, CUdevice device) {
    const Call call("cuDevicePrimaryCtxRetain", kInit | kUnsafe);
    if (call.is_refused()) return call.code();
    if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
    Context& context = world().contexts[device];
    if (context.lost != CUDA_SUCCESS) return context.lost;
    ++context.retain_count;
    *context_out = handle_of(device);
    return CUDA_SUCCESS;
}

CUresult primary_ctx_release(CUdevice device) {
    Call call("cuDevicePrimaryCtxRelease", kInit | kUnsafe);
    if (call.is_refused()) return call.code();
    if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
    Context& context = world().contexts[device];
    if (context.retain_count == 0) {
        return call.fail(CUDA_ERROR_INVALID_CONTEXT, "more often than it was retained");
    }
    if (--context.retain_count == 0) destroy_context(&call, device);
    return CUDA_SUCCESS;
}

CUresult primary_ctx_get_state(CUdevice device, unsigned int* flags_out, int* is_active_out) {
    const Call call("cuDevicePrimaryCtxGetState", kInit);
    if (call.is_refused()) return call.code();
    if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
    *flags_out = 0;
    *is_active_out = world().contexts[device].retain_count != 0;
    return CUDA_SUCCESS;
}

CUresult ctx_set_current(CUcontext context) {
    Call call("cuCtxSetCurrent", kInit);
    if (call.is_refused()) return call.code();
    const int device = device_of(context);
    const bool is_held = device >= 0 && world().contexts[device].retain_count != 0;
    if (context != nullptr && !is_held) {
        return call.fail(CUDA_ERROR_INVALID_CONTEXT, "a context that nobody retained");
    }
    *current_of_thread() = context;
    return CUDA_SUCCESS;
}

CUresult ctx_get_current(CUcontext* context_out) {
    const Call call("cuCtxGetCurrent", kInit);
    if (call.is_refused()) return call.code();
    *context_out = *current_of_thread();
    return CUDA_SUCCESS;
}

CUresult ctx_get_stream_priority_range(int* least_out, int* greatest_out) {
    const Call call("cuCtxGetStreamPriorityRange", kContext);
    if (call.is_refused()) return call.code();
    *least_out = 0;
    *greatest_out = -5;
    return CUDA_SUCCESS;
}

CUresult ctx_enable_peer_access(CUcontext peer, unsigned int flags) {
    Call call("cuCtxEnablePeerAccess", kContext | kUnsafe);
    if (call.is_refused()) return call.code();
    const int device = device_of(peer);
    if (flags != 0 || device < 0 || device == call.device()) return CUDA_ERROR_INVALID_VALUE;
    const bool is_new = call.context().peers.insert(device).second;
    return is_new ? CUDA_SUCCESS : CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED;
}

}  // namespace fake_cuda
