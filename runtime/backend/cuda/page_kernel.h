// SPDX-License-Identifier: Apache-2.0
//
// page_kernel.h — what each thread of the kernel `copy_pages` does: a few warps copy many small
// pages, each from anywhere to anywhere.
//
//   pages     0 ▒▒▒▒▒  1 ▒▒▒▒▒▒▒▒▒▒▒▒  2 ▒▒        (page, chunk) is a warp's next piece of work;
//   chunks    0 1 2    0 1 2 3 4 5     0           the pages' last chunks are short, or not there
//   warps     a b c    . . . a b c ...
//
// A page is cut, so that a long one does not keep one warp while the others have nothing to do, and
// the grid is fixed and small, so that an engine's kernels keep nearly all of the device.  A warp
// has a whole chunk on its way before it stores the first of it: reading memory of the host takes a
// microsecond, and 16 blocks x 8 warps x 2 KiB are 256 KiB, all that a flight has in staging
// memory.
//
// Units of 16 bytes where both sides are aligned so, else of 4, else bytes; what is left behind the
// last whole unit goes by bytes.  A source is read once and kept nowhere (no_allocate).
//
// The device's compiler makes the kernel of it (copy_pages.cu), and the host's a function for the
// tests, with a Memory of their own: where no GPU is, the same lines are run.

#pragma once

#ifdef __CUDACC__
#define BWRT_OF_KERNEL __device__ __forceinline__
#else
#include <cstdint>
#define BWRT_OF_KERNEL inline
#endif

namespace bwrt::runtime::cuda {

// Read by the kernel where it lies, in memory of the host.
struct PageCopy {
    unsigned long long target;
    unsigned long long source;
    unsigned long long bytes;
};
static_assert(sizeof(PageCopy) == 24);

constexpr unsigned kWarpThreads = 32;
constexpr unsigned kPageBlockThreads = 256;
constexpr unsigned kPageUnitsAtOnce = 4;  // of a thread, on their way
constexpr unsigned kPageChunkBytes = kWarpThreads * kPageUnitsAtOnce * 16;

struct alignas(16) PageUnit16 {
    unsigned part[4];
};

// All but the last few bytes, by threads side by side.  Returns how many bytes that was.
template <typename Unit, typename Memory>
BWRT_OF_KERNEL unsigned copy_units(const Memory& memory, unsigned long long target,
                                   unsigned long long source, unsigned bytes, unsigned thread) {
    constexpr unsigned kSize = sizeof(Unit);
    const unsigned count = bytes / kSize;
    Unit units[kPageUnitsAtOnce];
    for (unsigned first = thread; first < count; first += kWarpThreads * kPageUnitsAtOnce) {
        for (unsigned i = 0; i < kPageUnitsAtOnce; ++i) {
            const unsigned at = first + i * kWarpThreads;
            if (at < count) memory.load(source + at * kSize, &units[i]);
        }
        for (unsigned i = 0; i < kPageUnitsAtOnce; ++i) {
            const unsigned at = first + i * kWarpThreads;
            if (at < count) memory.store(target + at * kSize, units[i]);
        }
    }
    return count * kSize;
}

template <typename Memory>
BWRT_OF_KERNEL void copy_chunk(const Memory& memory, unsigned long long target,
                               unsigned long long source, unsigned bytes, unsigned thread) {
    const unsigned long long both = target | source;
    unsigned done = 0;
    if (both % sizeof(PageUnit16) == 0) {
        done = copy_units<PageUnit16>(memory, target, source, bytes, thread);
    } else if (both % sizeof(unsigned) == 0) {
        done = copy_units<unsigned>(memory, target, source, bytes, thread);
    }
    copy_units<unsigned char>(memory, target + done, source + done, bytes - done, thread);
}

// What the thread `thread` of the warp `warp`, of so many, copies.  No page has more than
// chunk_count chunks.
template <typename Memory>
BWRT_OF_KERNEL void copy_pages(const Memory& memory, const PageCopy* pages, unsigned page_count,
                               unsigned chunk_count, unsigned warp, unsigned warp_count,
                               unsigned thread) {
    const unsigned work_count = page_count * chunk_count;
    for (unsigned work = warp; work < work_count; work += warp_count) {
        const PageCopy page = pages[work / chunk_count];
        const unsigned long long first = (work % chunk_count) * 1ull * kPageChunkBytes;
        if (first >= page.bytes) continue;
        const unsigned long long left = page.bytes - first;
        const auto bytes = static_cast<unsigned>(left < kPageChunkBytes ? left : kPageChunkBytes);
        copy_chunk(memory, page.target + first, page.source + first, bytes, thread);
    }
}

}  // namespace bwrt::runtime::cuda
