// SPDX-License-Identifier: Apache-2.0
//
// cuda_pages.cpp — how a flight's pieces are copied: by the kernel, by a batch, or by a call each
// (copy_thresholds.h says which).
//
//   pieces ─┬─ small, and many of them ─▶ kernel ─┐
//           ├─ others, or no kernel ─▶ batch ─────┼─▶ the stream of their way ─▶ mark
//           └─ few, or no batch ─▶ a call each ───┘
//
// All in one stream, so that the flight's mark is behind all of them.  Pieces of a wave have no
// order, so which goes first does not matter.
//
// What a kernel or a batch does not take goes the next way down, and in the end each piece alone,
// so that one that cannot be copied fails alone.  A kernel that is refused has not begun.  Of a
// batch that is refused CUDA says neither which of its copies are out nor that none is (the ABI
// of 12.8 names the first that it stumbled upon, and that of 13.0 not even that).  So its copies
// are made once more: the same bytes to the same places, behind those in the same stream; and the
// flight counts as out, whatever comes of it, as something may still read its memory.
//
// The kernel is told its pages in memory of the flight's, behind the staging memory of all flights
// and pinned with it, by its address on the device, which may be another one than ours.

#include <algorithm>

#include "runtime/backend/cuda/cuda_device.h"

namespace bwrt::runtime::cuda {
namespace {

static_assert(kFlightCopyCountMax <= kBatchCountMax);

// Another time it may be taken.
bool is_for_now(CUresult error) noexcept {
    return error == CUDA_ERROR_OUT_OF_MEMORY || is_of_a_capture(error);
}

constexpr std::uint32_t divide_up(std::uint64_t value, std::uint32_t by) noexcept {
    return static_cast<std::uint32_t>((value + by - 1) / by);
}

}  // namespace

std::uint32_t CudaDevice::copy_count_max(CopyWay way) const noexcept {
    const bool has_kernel = way == CopyWay::kToDevice && kernel_.function() != nullptr;
    return has_batch() || has_kernel ? kFlightCopyCountMax : kCallCountMax;
}

bool CudaDevice::has_batch() const noexcept {
    return context_.driver().batch_copy_abi != 0 && !is_batch_given_up_;
}

bool CudaDevice::copy(CopyWay way, std::uint32_t flight, DeviceCopy* copies,
                      std::uint32_t count) noexcept {
    const Current current(&context_);
    if (current.error() != CUDA_SUCCESS) {
        for (std::uint32_t i = 0; i < count; ++i) copies[i].answer = answer(current.error());
        return false;
    }
    bool is_out = copy_pages(way, flight, copies, count);
    rest_count_ = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        copies[i].answer = {};
        if (!is_out || !is_page(copies[i])) rest_[rest_count_++] = &copies[i];
    }
    CUresult refused = CUDA_SUCCESS;
    if (has_batch() && rest_count_ >= thresholds_.batch_count_min && loss() == 0) {
        is_out = true;
        refused = context_.noted(copy_batch(way));
        if (refused == CUDA_SUCCESS) return true;
    }
    bool are_taken = true;
    for (std::uint32_t i = 0; i < rest_count_; ++i) {
        rest_[i]->answer = copy_one(way, *rest_[i]);
        const bool is_taken = rest_[i]->answer.status == BWRT_OK;
        is_out |= is_taken;
        are_taken &= is_taken;
    }
    // It was not for one of them.
    if (refused != CUDA_SUCCESS && are_taken && !is_for_now(refused)) is_batch_given_up_ = true;
    return is_out;
}

bool CudaDevice::is_page(const DeviceCopy& copy) const noexcept {
    const std::uint64_t bytes_min = has_batch() ? thresholds_.kernel_bytes_min : 0;
    return copy.bytes >= bytes_min && copy.bytes < thresholds_.kernel_bytes_end;
}

// Those that are small, by one kernel.  False: none of them is out.
bool CudaDevice::copy_pages(CopyWay way, std::uint32_t flight, const DeviceCopy* copies,
                            std::uint32_t count) noexcept {
    if (way == CopyWay::kFromDevice || kernel_.function() == nullptr) return false;
    auto* const staging = staging_.mapping.as<std::byte>();
    auto* const pages = reinterpret_cast<PageCopy*>(staging + kPagesOffset + flight * kPagesBytes);
    const std::uint64_t shift = staging_view_ - reinterpret_cast<std::uint64_t>(staging);
    std::uint32_t page_count = 0;
    std::uint64_t longest_bytes = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        if (!is_page(copies[i])) continue;
        const std::uint64_t source =
            way == CopyWay::kToDevice ? copies[i].source + shift : copies[i].source;
        pages[page_count++] = {copies[i].target, source, copies[i].bytes};
        longest_bytes = std::max(longest_bytes, copies[i].bytes);
    }
    if (page_count < thresholds_.kernel_count_min) return false;
    const CUresult error = launch_kernel(way, reinterpret_cast<std::uint64_t>(pages) + shift,
                                         page_count, divide_up(longest_bytes, kPageChunkBytes));
    if (context_.noted(error) != CUDA_SUCCESS && !is_for_now(error)) kernel_.give_up();
    return error == CUDA_SUCCESS;
}

CUresult CudaDevice::launch_kernel(CopyWay way, CUdeviceptr pages, std::uint32_t page_count,
                                   std::uint32_t chunk_count) noexcept {
    constexpr std::uint32_t kBlockWarps = kPageBlockThreads / kWarpThreads;
    const std::uint32_t block_count =
        std::min(thresholds_.kernel_block_count, divide_up(page_count * chunk_count, kBlockWarps));
    void* parameters[] = {&pages, &page_count, &chunk_count};
    return context_.driver().launch_kernel(kernel_.function(), block_count, 1, 1, kPageBlockThreads,
                                           1, 1, 0, stream_of(way), parameters, nullptr);
}

// All of the rest, by one call.  Its number is below what drivers bear, and so are its bytes, the
// bounds of a flight.
CUresult CudaDevice::copy_batch(CopyWay way) noexcept {
    const Driver& driver = context_.driver();
    CUmemcpyAttributes attributes = {};
    attributes.srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_STREAM;
    std::size_t first = 0;  // of those that the attributes are for: one for all
    for (std::uint32_t i = 0; i < rest_count_; ++i) {
        batch_.targets[i] = rest_[i]->target;
        batch_.sources[i] = rest_[i]->source;
        batch_.bytes[i] = rest_[i]->bytes;
    }
    if (driver.batch_copy_abi == 12080) {
        std::size_t failed = 0;
        return driver.memcpy_batch_async_12080(batch_.targets, batch_.sources, batch_.bytes,
                                               rest_count_, &attributes, &first, 1, &failed,
                                               stream_of(way));
    }
    return driver.memcpy_batch_async_13000(batch_.targets, batch_.sources, batch_.bytes,
                                           rest_count_, &attributes, &first, 1, stream_of(way));
}

}  // namespace bwrt::runtime::cuda
