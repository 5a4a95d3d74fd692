// SPDX-License-Identifier: Apache-2.0
//
// gemm.h — C = A x B in fp32, a step at a time: the compute of a wave that has to run where there
// is no device.
//
// Row-major, rows any distance apart.  C is made in tiles of 32 x 64, each in steps of 64 products
// deep, so that a step is some 131,000 multiply-adds: what the driver does between two looks at
// everything else.  Each element sums its products in the order of k, whatever the tiles: the same
// bits as three plain loops.  It is no fast one, and need not be.

#pragma once

#include <cstdint>

namespace bwrt::runtime {

struct Gemm {
    std::uint64_t a = 0, b = 0, c = 0;  // addresses
    std::int64_t a_stride_bytes = 0, b_stride_bytes = 0, c_stride_bytes = 0;
    std::uint32_t m = 0, n = 0, k = 0;  // C has m rows of n, each of k products
    std::uint32_t row = 0, column = 0;  // of the tile
    std::uint32_t depth = 0;            // of the step

    // Bytes of C that are whole with it: those of a tile, or none.
    std::uint64_t step() noexcept;
};

}  // namespace bwrt::runtime
