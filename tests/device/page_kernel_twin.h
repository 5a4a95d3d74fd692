// SPDX-License-Identifier: Apache-2.0
//
// page_kernel_twin.h — the kernel `copy_pages` on the host, for the fake driver: the lines of
// page_kernel.h, thread by thread, from the last warp to the first.
//
// Pages that it cannot reach are an illegal address, as on a device.  Sides that are aligned on the
// device are so where the fake has their bytes.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "runtime/backend/cuda/kernel_image.h"
#include "runtime/backend/cuda/page_kernel.h"
#include "tests/device/driver_world.h"

namespace bwrt::test {

using runtime::cuda::PageCopy;

struct HostMemory {
    std::uint64_t* unaligned_count;
    std::uint64_t* unit_count;  // loaded

    template <typename Unit>
    void load(unsigned long long address, Unit* unit) const {
        if (address % sizeof(Unit) != 0) ++*unaligned_count;
        ++*unit_count;
        std::memcpy(unit, reinterpret_cast<const void*>(address), sizeof(Unit));
    }
    template <typename Unit>
    void store(unsigned long long address, const Unit& unit) const {
        if (address % sizeof(Unit) != 0) ++*unaligned_count;
        std::memcpy(reinterpret_cast<void*>(address), &unit, sizeof(Unit));
    }
};

// How many units were loaded; 0 of a misaligned one.
inline std::uint64_t run_page_kernel(const PageCopy* pages, unsigned page_count,
                                     unsigned chunk_count, unsigned block_count) {
    const unsigned warp_count =
        block_count * runtime::cuda::kPageBlockThreads / runtime::cuda::kWarpThreads;
    std::uint64_t unaligned_count = 0, unit_count = 0;
    for (unsigned warp = warp_count; warp-- > 0;) {
        for (unsigned thread = 0; thread < runtime::cuda::kWarpThreads; ++thread) {
            runtime::cuda::copy_pages(HostMemory{&unaligned_count, &unit_count}, pages, page_count,
                                      chunk_count, warp, warp_count, thread);
        }
    }
    return unaligned_count == 0 ? unit_count : 0;
}

// Launches with more blocks than that would take more of a device than we said.
constexpr unsigned kBlockCountMax = 16;

inline int copy_pages_here(const fake_cuda_launch* launch) {
    std::uint64_t at = 0;
    unsigned page_count = 0, chunk_count = 0;
    std::memcpy(&at, launch->parameters[0], sizeof at);
    std::memcpy(&page_count, launch->parameters[1], sizeof page_count);
    std::memcpy(&chunk_count, launch->parameters[2], sizeof chunk_count);
    const auto* const told =
        static_cast<const PageCopy*>(launch->reach(at, page_count * sizeof(PageCopy)));
    if (told == nullptr) return CUDA_ERROR_ILLEGAL_ADDRESS;
    if (launch->grid[0] > kBlockCountMax || launch->grid[1] != 1 || launch->grid[2] != 1 ||
        launch->block[0] != runtime::cuda::kPageBlockThreads) {
        return CUDA_ERROR_LAUNCH_FAILED;
    }
    std::vector<PageCopy> pages(told, told + page_count);
    for (PageCopy& page : pages) {
        const void* const source = launch->reach(page.source, page.bytes);
        void* const target = launch->reach(page.target, page.bytes);
        if (source == nullptr || target == nullptr) return CUDA_ERROR_ILLEGAL_ADDRESS;
        page.source = reinterpret_cast<std::uint64_t>(source);
        page.target = reinterpret_cast<std::uint64_t>(target);
    }
    const std::uint64_t unit_count =
        run_page_kernel(pages.data(), page_count, chunk_count, launch->grid[0]);
    return unit_count == 0 ? CUDA_ERROR_MISALIGNED_ADDRESS : CUDA_SUCCESS;
}

// To the fake driver, where it is that; it keeps it.
inline void give_page_kernel() {
    const std::size_t parameter_bytes[] = {8, 4, 4};
    if (fake_driver() == nullptr) return;
    fake_driver()->add_kernel(runtime::cuda::kPageKernelName, copy_pages_here, parameter_bytes, 3);
}

}  // namespace bwrt::test
