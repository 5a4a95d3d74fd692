// SPDX-License-Identifier: Apache-2.0
//
// cuda_copies.cpp — a device's streams, marks and staging memory, and the copies that go through
// them.

#include <cstddef>

#include "runtime/backend/cuda/cuda_device.h"

namespace bwrt::runtime::cuda {
namespace {

constexpr std::size_t kStagingBytes = kPagesOffset + kFlightCountMax * kPagesBytes;

}  // namespace

bwrt_status CudaDevice::make_streams(const ErrorSink& sink) noexcept {
    const Current current(&context_);
    const Driver& driver = context_.driver();
    CUresult error = current.error();
    const char* call = "cuStreamCreateWithPriority";
    for (CUstream& stream : streams_) {
        if (error != CUDA_SUCCESS) break;
        error =
            context_.noted(driver.stream_create_with_priority(&stream, CU_STREAM_NON_BLOCKING, 0));
    }
    for (CUevent& mark : marks_) {
        if (error != CUDA_SUCCESS) break;
        call = "cuEventCreate";
        error = context_.noted(driver.event_create(&mark, CU_EVENT_DISABLE_TIMING));
    }
    if (error == CUDA_SUCCESS && driver.stream_write_value64 != nullptr) {
        int can = 0;
        call = "cuDeviceGetAttribute";
        error = context_.noted(driver.device_get_attribute(
            &can, CU_DEVICE_ATTRIBUTE_CAN_USE_64_BIT_STREAM_MEM_OPS, context_.device()));
        writes_64_bits_ = can != 0;
    }
    if (error == CUDA_SUCCESS) return BWRT_OK;
    return context_.refuse(sink, error, "region.device", call);
}

bwrt_status CudaDevice::make_staging(const ErrorSink& sink) noexcept {
    const Current current(&context_);
    if (const int os_code =
            RegionMemory::allocate(kStagingBytes, BWRT_REGION_PREFAULT, &staging_)) {
        return fail_os(sink, BWRT_E_NOMEM, os_code, "region.device",
                       "device %d: %zu bytes of staging memory cannot be allocated: %s",
                       context_.number(), kStagingBytes, errno_name(os_code));
    }
    CUresult error = current.error();
    if (error == CUDA_SUCCESS) {
        error = context_.noted(context_.driver().mem_host_register(
            staging_.mapping.as<void>(), kStagingBytes,
            CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP));
    }
    if (error != CUDA_SUCCESS) {
        return context_.refuse(sink, error, "region.device", "cuMemHostRegister");
    }
    is_registered_ = true;
    return BWRT_OK;
}

// Without it all is copied by the copy engines.
bwrt_status CudaDevice::make_kernel(const ErrorSink& sink) noexcept {
    const Current current(&context_);
    const Driver& driver = context_.driver();
    CUresult error = current.error();
    if (error == CUDA_SUCCESS) {
        error = context_.noted(
            driver.mem_host_get_device_pointer(&staging_view_, staging_.mapping.as<void>(), 0));
    }
    if (error == CUDA_SUCCESS) kernel_.load(&context_);
    if (loss() == 0) return BWRT_OK;
    return context_.refuse(sink, context_.loss(), "region.device", "loading kernels");
}

// No flight is out.
CudaDevice::~CudaDevice() {
    const Current current(&context_);
    const Driver& driver = context_.driver();
    const bool is_usable = current.error() == CUDA_SUCCESS;
    for (const CUstream stream : streams_) {
        if (is_usable && stream != nullptr) driver.stream_destroy(stream);
    }
    for (const CUevent mark : marks_) {
        if (is_usable && mark != nullptr) driver.event_destroy(mark);
    }
    if (is_usable) destroy_fences();
    if (is_usable) kernel_.unload(&context_);
    if (!is_registered_) return;
    const bool is_let_go =
        is_usable && driver.mem_host_unregister(staging_.mapping.as<void>()) == CUDA_SUCCESS;
    if (!is_let_go) staging_.mapping.keep_for_ever();
}

DeviceAnswer CudaDevice::answer(CUresult error) noexcept {
    if (context_.noted(error) == CUDA_SUCCESS) return {};
    return {loss() != 0 ? BWRT_E_DEVICE_LOST : status_of(error), static_cast<std::int32_t>(error)};
}

// One that the driver does not take has not begun.  Where the device is lost it is not called.
DeviceAnswer CudaDevice::copy_one(CopyWay way, const DeviceCopy& copy) noexcept {
    if (loss() != 0) return answer(context_.loss());
    const Driver& driver = context_.driver();
    const CUstream stream = stream_of(way);
    switch (way) {
        case CopyWay::kToDevice:
            return answer(driver.memcpy_h2d_async(
                copy.target, reinterpret_cast<const void*>(copy.source), copy.bytes, stream));
        case CopyWay::kFromDevice:
            return answer(driver.memcpy_d2h_async(reinterpret_cast<void*>(copy.target), copy.source,
                                                  copy.bytes, stream));
        case CopyWay::kWithin:
            break;
    }
    return answer(driver.memcpy_d2d_async(copy.target, copy.source, copy.bytes, stream));
}

// With the barrier that CUDA puts before such a write where nobody says that it need not: who sees
// the value on the device sees the copies.  A driver without it has the copy engine write 32 bits.
DeviceAnswer CudaDevice::write_value(CopyWay way, std::uint64_t address, std::uint32_t width,
                                     std::uint64_t value) noexcept {
    const Current current(&context_);
    if (current.error() != CUDA_SUCCESS) return answer(current.error());
    const Driver& driver = context_.driver();
    const CUstream stream = streams_[static_cast<std::uint32_t>(way)];
    if (width == 8) {
        return answer(
            driver.stream_write_value64(stream, address, value, CU_STREAM_WRITE_VALUE_DEFAULT));
    }
    const auto value32 = static_cast<cuuint32_t>(value);
    if (driver.stream_write_value32 == nullptr) {
        return answer(driver.memset_d32_async(address, value32, 1, stream));
    }
    return answer(
        driver.stream_write_value32(stream, address, value32, CU_STREAM_WRITE_VALUE_DEFAULT));
}

DeviceAnswer CudaDevice::mark(CopyWay way, std::uint32_t flight) noexcept {
    const Current current(&context_);
    if (current.error() != CUDA_SUCCESS) return answer(current.error());
    const CUresult error = context_.driver().event_record(marks_[flight], stream_of(way));
    if (is_of_a_capture(error)) return {BWRT_E_AGAIN, 0};
    return answer(error);
}

DeviceAnswer CudaDevice::ask(std::uint32_t flight) noexcept {
    const Current current(&context_);
    if (current.error() != CUDA_SUCCESS) return answer(current.error());
    return answer_of(marks_[flight]);
}

DeviceAnswer CudaDevice::answer_of(CUevent event) noexcept {
    const CUresult error = context_.driver().event_query(event);
    if (error == CUDA_ERROR_NOT_READY || is_of_a_capture(error)) return {BWRT_E_AGAIN, 0};
    return answer(error);
}

}  // namespace bwrt::runtime::cuda
