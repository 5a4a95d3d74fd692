// SPDX-License-Identifier: Apache-2.0
//
// copy_thresholds.h — which pieces go by a kernel, which by a batch of copies, and which by a call
// each.
//
//   to a device, within it   32 or more of 256 bytes to 28 KiB     one kernel for all of them
//   any way                  4 or more of what is left             one batch
//   any way                  else                                  a call each
//
// None of it was measured by us: there was no GPU.  It is what others report of theirs, and the
// place for what a calibration finds.
//
//   a call           2.3 us on H20 (FlexKV 193), 5 to 7 us (DualPath, arXiv 2602.21548)
//   a kernel launch  3 us (velox, RTX 3080)
//   a batch, to the device, H100, in GB/s (vLLM 42212):
//                    pages of          4 KiB   16 KiB   24 KiB   28 KiB   64 KiB
//                    10,000 of them      6.8      7.1     25.8     27.5     38.8
//                    100,000             3.8      6.3      6.9     44.1     51.8
//   time of a batch by that of a kernel, A30 (vLLM 57555):
//                    8 KiB, 16 of them   0.68              so a batch is better below some 32
//                    8 KiB, 4,096        4.17              and a kernel above
//                    28 KiB, 256         1.3
//
// What none of these says: a kernel waits for room beside the engine's, 1.6 ms under a prefill
// (LMCache 5067), and copy engines do not.
//
// From a device no kernel goes: what it stores would cross the bus in small writes.

#pragma once

#include <cstdint>

namespace bwrt::runtime::cuda {

struct CopyThresholds {
    std::uint32_t kernel_count_min = 32;
    std::uint64_t kernel_bytes_min = 256;  // of less nobody reports.  0 where there are no batches
    std::uint64_t kernel_bytes_end = 28 << 10;
    // Of 256 threads: enough to have 256 KiB on their way (page_kernel.h), and an eighth of an
    // H100's processors.
    std::uint32_t kernel_block_count = 16;
    // Two calls are two locks of the driver's; what a batch costs before its first copy nobody
    // says.
    std::uint32_t batch_count_min = 4;
};

// A batch of 51,828 has been seen to end a driver; 4,096 is well below.
constexpr std::uint32_t kBatchCountMax = 4096;

}  // namespace bwrt::runtime::cuda
