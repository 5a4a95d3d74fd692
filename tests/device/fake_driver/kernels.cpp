// SPDX-License-Identifier: Apache-2.0
//
// kernels.cpp — images, whose kernels are functions of the host that a test gave, and values that a
// stream writes.
//
// Of an image only the first bytes are looked at: a fat binary, an ELF file or PTX.

#include <cstring>
#include <string_view>

#include "tests/device/fake_driver/functions.h"
#include "tests/device/fake_driver/world.h"

namespace fake_cuda {
namespace {

constexpr std::uint32_t kFatBinaryMagic = 0xBA55ED50;
constexpr unsigned kThreadCountMax = 1024;

bool is_image(const void* code) {
    std::uint32_t magic = 0;
    std::memcpy(&magic, code, sizeof magic);
    if (magic == kFatBinaryMagic || std::memcmp(code,
                                                "\x7f"
                                                "ELF",
                                                4) == 0) {
        return true;
    }
    const std::string_view text(static_cast<const char*>(code));
    const std::size_t version = text.find(".version");
    return version == 0 || (version != text.npos && text.substr(0, 2) == "//");
}

// Through which a kernel touches memory: null beyond it.
void* reach(std::uint64_t address, std::size_t bytes) {
    const Lock lock(world().mutex);
    Place place;
    if (!find_place("a kernel", address, bytes, &place)) return nullptr;
    if (place.is_host) note_misuse("a kernel: an address of the host");
    return place.is_host || place.spans.size() != 1 ? nullptr : place.spans[0].here;
}

void check_all_canaries() {
    const Lock lock(world().mutex);
    for (const auto& [address, range] : world().ranges) {
        if (range.backing != nullptr && !canaries_stand(*range.backing)) {
            note_misuse("cuLaunchKernel: wrote beyond device memory");
        }
    }
}

struct Launch {
    Kernel kernel;
    std::vector<std::vector<unsigned char>> values;
    fake_cuda_launch launch = {};

    CUresult run() {
        std::vector<void*> parameters;
        for (std::vector<unsigned char>& value : values) parameters.push_back(value.data());
        launch.parameters = parameters.data();
        launch.reach = reach;
        const int code = kernel.function(&launch);
        check_all_canaries();
        return static_cast<CUresult>(code);
    }
};

template <typename Value>
CUresult write_value(const char* name, CUstream handle, CUdeviceptr address, Value value,
                     unsigned int flags) {
    Call call(name, kContext | kEnqueues);
    StreamPointer stream;
    Place place;
    if (call.is_refused()) return call.code();
    const CUresult code = find_stream(&call, handle, &stream);
    if (code != CUDA_SUCCESS) return code;
    if (flags != CU_STREAM_WRITE_VALUE_DEFAULT || address % sizeof value != 0) {
        return call.fail(CUDA_ERROR_INVALID_VALUE, "flags, or an address that is not aligned");
    }
    if (!find_place(name, address, sizeof value, &place)) return CUDA_ERROR_INVALID_VALUE;
    if (place.is_host) return call.fail(CUDA_ERROR_INVALID_VALUE, "an address of the host");
    Operation operation;
    operation.places.push_back(place);
    operation.run = [here = reinterpret_cast<Value*>(place.spans[0].here), value] {
        __atomic_store_n(here, value, __ATOMIC_RELEASE);
        return CUDA_SUCCESS;
    };
    enqueue(call, stream, std::move(operation));
    return CUDA_SUCCESS;
}

}  // namespace

CUresult stream_write_value32(CUstream stream, CUdeviceptr address, cuuint32_t value,
                              unsigned int flags) {
    return write_value("cuStreamWriteValue32", stream, address, value, flags);
}

CUresult stream_write_value64(CUstream stream, CUdeviceptr address, cuuint64_t value,
                              unsigned int flags) {
    return write_value("cuStreamWriteValue64", stream, address, value, flags);
}

CUresult library_load_data(CUlibrary* library_out, const void* code, CUjit_option*, void**,
                           unsigned int, CUlibraryOption*, void**, unsigned int) {
    Call call("cuLibraryLoadData", kInit | kUnsafe);
    if (call.is_refused()) return call.code();
    if (!is_image(code)) return call.fail(CUDA_ERROR_INVALID_IMAGE, "no image");
    const std::uint64_t handle = make_handle();
    world().libraries.insert(handle);
    *library_out = reinterpret_cast<CUlibrary>(handle);
    return CUDA_SUCCESS;
}

CUresult library_unload(CUlibrary library) {
    Call call("cuLibraryUnload", kInit | kUnsafe);
    if (call.is_refused()) return call.code();
    if (world().libraries.erase(reinterpret_cast<std::uint64_t>(library)) != 0) return CUDA_SUCCESS;
    return call.fail(CUDA_ERROR_INVALID_HANDLE, "a library that is not there (any more)");
}

CUresult library_get_kernel(CUkernel* kernel_out, CUlibrary library, const char* name) {
    Call call("cuLibraryGetKernel", kInit);
    if (call.is_refused()) return call.code();
    if (world().libraries.count(reinterpret_cast<std::uint64_t>(library)) == 0) {
        return call.fail(CUDA_ERROR_INVALID_HANDLE, "a library that is not there (any more)");
    }
    if (world().kernels.count(name) == 0) return CUDA_ERROR_NOT_FOUND;
    const std::uint64_t handle = make_handle();
    world().kernels_given[handle] = {name, reinterpret_cast<std::uint64_t>(library)};
    *kernel_out = reinterpret_cast<CUkernel>(handle);
    return CUDA_SUCCESS;
}

// Another handle than the kernel's.
CUresult kernel_get_function(CUfunction* function_out, CUkernel kernel) {
    Call call("cuKernelGetFunction", kContext | kUnsafe);
    if (call.is_refused()) return call.code();
    const auto given = world().kernels_given.find(reinterpret_cast<std::uint64_t>(kernel));
    if (given == world().kernels_given.end()) {
        return call.fail(CUDA_ERROR_INVALID_HANDLE, "a kernel that is not there");
    }
    const std::uint64_t handle = make_handle();
    world().kernels_given[handle] = given->second;
    *function_out = reinterpret_cast<CUfunction>(handle);
    return CUDA_SUCCESS;
}

CUresult func_load(CUfunction function) {
    Call call("cuFuncLoad", kContext | kUnsafe);
    if (call.is_refused()) return call.code();
    if (world().kernels_given.count(reinterpret_cast<std::uint64_t>(function)) != 0) {
        return CUDA_SUCCESS;
    }
    return call.fail(CUDA_ERROR_INVALID_HANDLE, "a function that is not there");
}

CUresult launch_kernel(CUfunction function, unsigned int grid_x, unsigned int grid_y,
                       unsigned int grid_z, unsigned int block_x, unsigned int block_y,
                       unsigned int block_z, unsigned int, CUstream handle, void** parameters,
                       void** extra) {
    Call call("cuLaunchKernel", kContext | kEnqueues);
    StreamPointer stream;
    if (call.is_refused()) return call.code();
    const CUresult code = find_stream(&call, handle, &stream);
    if (code != CUDA_SUCCESS) return code;
    const auto given = world().kernels_given.find(reinterpret_cast<std::uint64_t>(function));
    if (given == world().kernels_given.end() ||
        world().libraries.count(given->second.library) == 0) {
        return call.fail(CUDA_ERROR_INVALID_HANDLE, "a kernel that is not there (any more)");
    }
    const std::uint64_t threads = std::uint64_t{block_x} * block_y * block_z;
    if (std::uint64_t{grid_x} * grid_y * grid_z == 0 || threads == 0 || threads > kThreadCountMax ||
        extra != nullptr) {
        return call.fail(CUDA_ERROR_INVALID_VALUE, "grid, block or extra");
    }
    const auto launch = std::make_shared<Launch>();
    launch->kernel = world().kernels[given->second.name];
    launch->launch = {{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, nullptr, nullptr};
    for (std::size_t i = 0; i < launch->kernel.parameter_bytes.size(); ++i) {
        const auto* const value = static_cast<const unsigned char*>(parameters[i]);
        launch->values.emplace_back(value, value + launch->kernel.parameter_bytes[i]);
    }
    Operation operation;
    operation.run = [launch] { return launch->run(); };
    enqueue(call, stream, std::move(operation));
    return CUDA_SUCCESS;
}

}  // namespace fake_cuda
