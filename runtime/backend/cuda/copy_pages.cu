// SPDX-License-Identifier: Apache-2.0
//
// copy_pages.cu — the kernel (page_kernel.h says what it does), for a device's compiler.
//
// Not a language of this build: cmake/cuda_image.cmake has nvcc make an image of it, which is part
// of the library as it is (kernel_image.S), and needs no runtime of CUDA's.

#include "runtime/backend/cuda/page_kernel.h"

namespace {

using bwrt::runtime::cuda::PageUnit16;

// What a source holds stands still while the kernel runs, so it may come through the caches that
// are for such, and need not stay there.  PTX has these loads from 7.4 on.
struct DeviceMemory {
    __device__ __forceinline__ void load(unsigned long long address, PageUnit16* unit) const {
        asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
                     : "=r"(unit->part[0]), "=r"(unit->part[1]), "=r"(unit->part[2]),
                       "=r"(unit->part[3])
                     : "l"(address));
    }
    __device__ __forceinline__ void load(unsigned long long address, unsigned* unit) const {
        asm volatile("ld.global.nc.L1::no_allocate.u32 %0, [%1];" : "=r"(*unit) : "l"(address));
    }
    __device__ __forceinline__ void load(unsigned long long address, unsigned char* unit) const {
        unsigned short wide;
        asm volatile("ld.global.nc.L1::no_allocate.u8 %0, [%1];" : "=h"(wide) : "l"(address));
        *unit = static_cast<unsigned char>(wide);
    }
    __device__ __forceinline__ void store(unsigned long long address, PageUnit16 unit) const {
        asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(address), "r"(unit.part[0]),
                     "r"(unit.part[1]), "r"(unit.part[2]), "r"(unit.part[3])
                     : "memory");
    }
    template <typename Unit>
    __device__ __forceinline__ void store(unsigned long long address, Unit unit) const {
        *reinterpret_cast<Unit*>(address) = unit;
    }
};

}  // namespace

extern "C" __global__ void __launch_bounds__(bwrt::runtime::cuda::kPageBlockThreads)
    copy_pages(const bwrt::runtime::cuda::PageCopy* __restrict__ pages, unsigned page_count,
               unsigned chunk_count) {
    using namespace bwrt::runtime::cuda;
    constexpr unsigned kBlockWarps = kPageBlockThreads / kWarpThreads;
    bwrt::runtime::cuda::copy_pages(DeviceMemory(), pages, page_count, chunk_count,
                                    blockIdx.x * kBlockWarps + threadIdx.x / kWarpThreads,
                                    gridDim.x * kBlockWarps, threadIdx.x % kWarpThreads);
}
