// SPDX-License-Identifier: Apache-2.0
//
// cuda_device.h — a device by the CUDA driver.

#pragma once

#include "runtime/backend/cuda/context.h"
#include "runtime/backend/device.h"

namespace bwrt::runtime::cuda {

class CudaDevice final : public Device {
 public:
    static bwrt_status open(const Driver& driver, std::uint32_t number,
                            std::unique_ptr<Device>* device_out, const ErrorSink& sink);

    [[nodiscard]] std::uint32_t number() const noexcept override {
        return static_cast<std::uint32_t>(context_.number());
    }
    bwrt_status check_range(std::uint64_t address, std::uint64_t length_bytes,
                            const ErrorSink& sink) noexcept override;
    bwrt_status allocate(std::uint64_t length_bytes, std::uint64_t* address_out,
                         const ErrorSink& sink) noexcept override;
    void free(std::uint64_t address) noexcept override;

 private:
    // What the driver knows of an address; zeros of one that it does not know.
    struct Told {
        std::uint32_t memory_type = 0;
        std::int32_t device = 0;
        std::uint32_t is_managed = 0;
        std::uint32_t is_one_piece = 0;  // of cuMemAlloc(), that is, and not mapped
        std::uint64_t first = 0;
        std::uint64_t bytes = 0;
    };
    CUresult ask(std::uint64_t address, Told* told_out) noexcept;
    bwrt_status check_kind(const Told& told, std::uint64_t address,
                           const ErrorSink& sink) const noexcept;
    bwrt_status refuse_size(std::uint64_t length_bytes, CUresult error,
                            const ErrorSink& sink) noexcept;

    Context context_;
};

}  // namespace bwrt::runtime::cuda
