// SPDX-License-Identifier: Apache-2.0
//
// cuda_device.h — a device by the CUDA driver.
//
//   kToDevice    staging ── stream ──▶ device      three streams of our own, which wait for nothing
//   kFromDevice  device  ── stream ──▶ staging     that others enqueue, stream 0 included
//   kWithin      device  ── stream ──▶ device
//
// A flight's mark is an event, recorded in the stream of its way behind its copies.  Streams keep
// their order, so an event that is over says it of all before it.  No event is asked before it was
// recorded: CUDA calls such a one over.
//
// A fence is an event, too, recorded by the submitter in the engine's stream.  What an event of the
// engine's marks is noted by a stream of the fence's own that waits for it: that one may be
// recorded again meanwhile, or destroyed.  Each has one for itself, as what waits for one engine's
// stream must not wait for another's.
//
// Staging memory is mapped by us, so that no child of fork() shares its pages, and registered: from
// memory that is not, or to it, a copy of the driver's waits for the device during the call.  Once
// the device is lost it is never unmapped, as nobody can say that the device has let go of it.

#pragma once

#include "runtime/backend/cuda/context.h"
#include "runtime/backend/cuda/copy_thresholds.h"
#include "runtime/backend/cuda/page_kernel.h"
#include "runtime/backend/cuda/page_kernel_library.h"
#include "runtime/backend/device.h"
#include "runtime/memory.h"

namespace bwrt::runtime::cuda {

// Behind the staging memory of all flights: where each tells the kernel its pages.
constexpr std::size_t kPagesOffset = std::size_t{kFlightCountMax} * kFlightStagingBytes;
constexpr std::size_t kPagesBytes = kFlightCopyCountMax * sizeof(PageCopy);

// Where each copy is a call: of 2.3 us, and for 0.15 ms the driver does nothing else.
constexpr std::uint32_t kCallCountMax = 64;

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

    [[nodiscard]] std::byte* staging(std::uint32_t flight) const noexcept override {
        return staging_.mapping.as<std::byte>() + std::size_t{flight} * kFlightStagingBytes;
    }
    bool copy(CopyWay way, std::uint32_t flight, DeviceCopy* copies,
              std::uint32_t count) noexcept override;
    [[nodiscard]] std::uint32_t copy_count_max(CopyWay way) const noexcept override;
    DeviceAnswer write_value(CopyWay way, std::uint64_t address, std::uint32_t width,
                             std::uint64_t value) noexcept override;
    [[nodiscard]] bool writes_values(std::uint32_t width) const noexcept override {
        return width == 4 || writes_64_bits_;
    }
    DeviceAnswer mark(CopyWay way, std::uint32_t flight) noexcept override;
    DeviceAnswer ask(std::uint32_t flight) noexcept override;
    bwrt_status set_fence(std::uint32_t fence, FenceKind kind, std::uint64_t after,
                          const ErrorSink& sink) noexcept override;
    [[nodiscard]] bool is_for_all_threads(std::uint64_t stream) const noexcept override;
    DeviceAnswer ask_fence(std::uint32_t fence) noexcept override;
    DeviceAnswer let_wait(std::uint64_t stream, const Device& marked,
                          std::uint32_t flight) noexcept override;
    void give_up(std::int32_t code) noexcept override {
        context_.give_up(static_cast<CUresult>(code));
    }
    [[nodiscard]] std::int32_t loss() const noexcept override {
        return static_cast<std::int32_t>(context_.loss());
    }

    CudaDevice() = default;
    ~CudaDevice() override;

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

    // cuda_copies.cpp
    bwrt_status make_streams(const ErrorSink& sink) noexcept;
    bwrt_status make_staging(const ErrorSink& sink) noexcept;
    bwrt_status make_kernel(const ErrorSink& sink) noexcept;
    [[nodiscard]] DeviceAnswer answer(CUresult error) noexcept;
    [[nodiscard]] CUstream stream_of(CopyWay way) const noexcept {
        return streams_[static_cast<std::uint32_t>(way)];
    }
    DeviceAnswer copy_one(CopyWay way, const DeviceCopy& copy) noexcept;
    [[nodiscard]] DeviceAnswer answer_of(CUevent event) noexcept;

    // cuda_fences.cpp
    struct Fence {  // made as they are first used
        CUevent mark = nullptr;
        CUstream relay = nullptr;
    };
    CUresult set(Fence* fence, FenceKind kind, std::uint64_t after, const char** call) noexcept;
    void destroy_fences() noexcept;

    // cuda_pages.cpp
    [[nodiscard]] bool has_batch() const noexcept;
    [[nodiscard]] bool is_page(const DeviceCopy& copy) const noexcept;
    bool copy_pages(CopyWay way, std::uint32_t flight, const DeviceCopy* copies,
                    std::uint32_t count) noexcept;
    CUresult launch_kernel(CopyWay way, CUdeviceptr pages, std::uint32_t page_count,
                           std::uint32_t chunk_count) noexcept;
    CUresult copy_batch(CopyWay way) noexcept;

    struct Batch {  // as the driver wants it
        CUdeviceptr targets[kFlightCopyCountMax];
        CUdeviceptr sources[kFlightCopyCountMax];
        std::size_t bytes[kFlightCopyCountMax];
    };

    Context context_;
    CUstream streams_[kCopyWayCount] = {};
    CUevent marks_[kFlightCountMax] = {};
    Fence fences_[kFenceCountMax];
    RegionMemory staging_;
    bool is_registered_ = false;
    bool writes_64_bits_ = false;
    CUdeviceptr staging_view_ = 0;  // its address on the device
    PageKernelLibrary kernel_;
    CopyThresholds thresholds_;
    bool is_batch_given_up_ = false;  // the driver has it, and takes none
    std::uint32_t rest_count_ = 0;
    DeviceCopy* rest_[kFlightCopyCountMax] = {};  // of a flight, what the kernel does not copy
    Batch batch_ = {};
};

}  // namespace bwrt::runtime::cuda
