// SPDX-License-Identifier: Apache-2.0
//
// cuda_fences.cpp — order with an engine's streams: what of theirs comes before a wave, and that
// they wait for one.

#include "runtime/backend/cuda/cuda_device.h"

namespace bwrt::runtime::cuda {

// What is recorded in a stream that is captured goes into the engine's graph, and who waits for an
// event that was recorded there is drawn into it.  So either is asked before it is touched.
CUresult CudaDevice::set(Fence* fence, FenceKind kind, std::uint64_t after,
                         const char** call) noexcept {
    const Driver& driver = context_.driver();
    const auto stream = reinterpret_cast<CUstream>(after);
    const auto event = reinterpret_cast<CUevent>(after);
    CUresult error = CUDA_SUCCESS;
    if (kind == FenceKind::kStream) {
        CUstreamCaptureStatus capture = CU_STREAM_CAPTURE_STATUS_NONE;
        *call = "cuStreamIsCapturing";
        error = driver.stream_is_capturing(stream, &capture);
        if (error == CUDA_SUCCESS && capture != CU_STREAM_CAPTURE_STATUS_NONE) {
            error = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
        }
    } else {
        *call = "cuEventQuery";
        error = driver.event_query(event);
        if (error == CUDA_ERROR_NOT_READY) error = CUDA_SUCCESS;
    }
    if (error == CUDA_SUCCESS && fence->mark == nullptr) {
        *call = "cuEventCreate";
        error = driver.event_create(&fence->mark, CU_EVENT_DISABLE_TIMING);
    }
    if (kind == FenceKind::kEvent) {
        if (error == CUDA_SUCCESS && fence->relay == nullptr) {
            *call = "cuStreamCreateWithPriority";
            error = driver.stream_create_with_priority(&fence->relay, CU_STREAM_NON_BLOCKING, 0);
        }
        if (error == CUDA_SUCCESS) {
            *call = "cuStreamWaitEvent";
            error = driver.stream_wait_event(fence->relay, event, 0);
        }
    }
    if (error != CUDA_SUCCESS) return error;
    *call = "cuEventRecord";
    return driver.event_record(fence->mark, kind == FenceKind::kStream ? stream : fence->relay);
}

bwrt_status CudaDevice::set_fence(std::uint32_t fence, FenceKind kind, std::uint64_t after,
                                  const ErrorSink& sink) noexcept {
    const Current current(&context_);
    const char* call = "cuCtxSetCurrent";
    CUresult error = current.error();
    if (error == CUDA_SUCCESS) error = context_.noted(set(&fences_[fence], kind, after, &call));
    if (error == CUDA_SUCCESS) return BWRT_OK;
    const char* const what = kind == FenceKind::kStream ? "stream" : "event";
    if (is_of_a_capture(error)) {
        return fail_os(sink, BWRT_E_UNSUPPORTED, error, "wave.after",
                       "the %s 0x%llx is being captured into a graph", what, ull(after));
    }
    if (error == CUDA_ERROR_INVALID_HANDLE) {
        return fail_os(sink, BWRT_E_INVAL, error, "wave.after", "0x%llx is no %s of device %d",
                       ull(after), what, context_.number());
    }
    return context_.refuse(sink, error, "wave.after", call);
}

// The per-thread stream is that of whoever calls, and the driver calls.
bool CudaDevice::is_for_all_threads(std::uint64_t stream) const noexcept {
    return reinterpret_cast<CUstream>(stream) != CU_STREAM_PER_THREAD;
}

DeviceAnswer CudaDevice::ask_fence(std::uint32_t fence) noexcept {
    const Current current(&context_);
    if (current.error() != CUDA_SUCCESS) return answer(current.error());
    return answer_of(fences_[fence].mark);
}

DeviceAnswer CudaDevice::let_wait(std::uint64_t stream, const Device& marked,
                                  std::uint32_t flight) noexcept {
    const Current current(&context_);
    if (current.error() != CUDA_SUCCESS) return answer(current.error());
    return answer(context_.driver().stream_wait_event(
        reinterpret_cast<CUstream>(stream), static_cast<const CudaDevice&>(marked).marks_[flight],
        0));
}

// None is waited for: what is set of them the driver keeps as long as it needs it.
void CudaDevice::destroy_fences() noexcept {
    for (const Fence& fence : fences_) {
        if (fence.relay != nullptr) context_.driver().stream_destroy(fence.relay);
        if (fence.mark != nullptr) context_.driver().event_destroy(fence.mark);
    }
}

}  // namespace bwrt::runtime::cuda
