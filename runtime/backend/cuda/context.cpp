// SPDX-License-Identifier: Apache-2.0

#include "runtime/backend/cuda/context.h"

namespace bwrt::runtime::cuda {

// Those of which cuda.h says that the process has to end to use CUDA again, or that the context,
// the device or a link is gone.
bool loses_device(CUresult error) noexcept {
    switch (error) {
        case CUDA_ERROR_DEINITIALIZED:
        case CUDA_ERROR_ECC_UNCORRECTABLE:
        case CUDA_ERROR_NVLINK_UNCORRECTABLE:
        case CUDA_ERROR_CONTAINED:
        case CUDA_ERROR_ILLEGAL_ADDRESS:
        case CUDA_ERROR_LAUNCH_TIMEOUT:
        case CUDA_ERROR_CONTEXT_IS_DESTROYED:
        case CUDA_ERROR_ASSERT:
        case CUDA_ERROR_HARDWARE_STACK_ERROR:
        case CUDA_ERROR_ILLEGAL_INSTRUCTION:
        case CUDA_ERROR_MISALIGNED_ADDRESS:
        case CUDA_ERROR_INVALID_ADDRESS_SPACE:
        case CUDA_ERROR_INVALID_PC:
        case CUDA_ERROR_LAUNCH_FAILED:
        case CUDA_ERROR_TENSOR_MEMORY_LEAK:
        case CUDA_ERROR_MPS_CLIENT_TERMINATED:
        case CUDA_ERROR_EXTERNAL_DEVICE:
            return true;
        default:
            return false;
    }
}

bwrt_status status_of(CUresult error) noexcept {
    if (error == CUDA_ERROR_OUT_OF_MEMORY) return BWRT_E_NOMEM;
    return loses_device(error) ? BWRT_E_DEVICE_LOST : BWRT_E_DEVICE;
}

bool is_of_a_capture(CUresult error) noexcept {
    return error >= CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED &&
           error <= CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
}

bwrt_status Context::hold(const Driver& driver, int number, Context* context_out,
                          const ErrorSink& sink) {
    Context& context = *context_out;
    context.driver_ = &driver;
    context.number_ = number;
    const BesideCaptures beside_captures(driver);
    if (beside_captures.error() != CUDA_SUCCESS) {
        return context.refuse(sink, beside_captures.error(), "region.device",
                              "cuThreadExchangeStreamCaptureMode");
    }
    const CUresult found = driver.device_get(&context.device_, number);
    if (found != CUDA_SUCCESS) return context.refuse(sink, found, "region.device", "cuDeviceGet");
    const CUresult held = driver.primary_ctx_retain(&context.handle_, context.device_);
    if (held == CUDA_SUCCESS) return BWRT_OK;
    context.handle_ = nullptr;
    return context.refuse(sink, held, "region.device", "cuDevicePrimaryCtxRetain");
}

Context::~Context() {
    if (handle_ == nullptr) return;
    const BesideCaptures beside_captures(*driver_);
    driver_->primary_ctx_release(device_);
}

bwrt_status Context::refuse(const ErrorSink& sink, CUresult error, const char* field,
                            const char* call) const noexcept {
    const char* name = nullptr;
    if (driver_->get_error_name(error, &name) != CUDA_SUCCESS || name == nullptr) {
        name = "CUDA error";
    }
    const bwrt_status status = loss() != CUDA_SUCCESS ? BWRT_E_DEVICE_LOST : status_of(error);
    return fail_os(sink, status, error, field, "device %d: %s: %s (%d)", number_, call, name,
                   static_cast<int>(error));
}

BesideCaptures::BesideCaptures(const Driver& driver) noexcept
    : driver_(driver), error_(driver.exchange_capture_mode(&before_)) {}

BesideCaptures::~BesideCaptures() {
    if (error_ == CUDA_SUCCESS) driver_.exchange_capture_mode(&before_);
}

Current::Current(Context* context) noexcept : context_(*context) {
    const Driver& driver = context_.driver();
    error_ = context_.loss();
    if (error_ != CUDA_SUCCESS) return;
    beside_captures_.emplace(driver);
    error_ = context_.noted(beside_captures_->error());
    if (error_ != CUDA_SUCCESS) return;
    error_ = context_.noted(driver.ctx_get_current(&before_));
    if (error_ != CUDA_SUCCESS || before_ == context_.handle_) return;
    error_ = context_.noted(driver.ctx_set_current(context_.handle_));
    is_changed_ = error_ == CUDA_SUCCESS;
}

Current::~Current() {
    if (is_changed_) context_.driver().ctx_set_current(before_);
}

}  // namespace bwrt::runtime::cuda
