// SPDX-License-Identifier: Apache-2.0

#include "runtime/gemm.h"

#include <algorithm>

namespace bwrt::runtime {
namespace {

constexpr std::uint32_t kTileRows = 32;
constexpr std::uint32_t kTileColumns = 64;
constexpr std::uint32_t kDepth = 64;

template <typename T>
T* row_of(std::uint64_t matrix, std::int64_t stride_bytes, std::uint32_t row) noexcept {
    return reinterpret_cast<T*>(matrix + static_cast<std::uint64_t>(stride_bytes) * row);
}

}  // namespace

std::uint64_t Gemm::step() noexcept {
    const std::uint32_t row_end = std::min(m - row, kTileRows) + row;
    const std::uint32_t column_count = std::min(n - column, kTileColumns);
    const std::uint32_t depth_end = std::min(k - depth, kDepth) + depth;
    for (std::uint32_t i = row; i < row_end; ++i) {
        const float* const left = row_of<const float>(a, a_stride_bytes, i);
        float* const out = row_of<float>(c, c_stride_bytes, i) + column;
        if (depth == 0) std::fill_n(out, column_count, 0.0f);
        for (std::uint32_t p = depth; p < depth_end; ++p) {
            const float factor = left[p];
            const float* const right = row_of<const float>(b, b_stride_bytes, p) + column;
            for (std::uint32_t j = 0; j < column_count; ++j) out[j] += factor * right[j];
        }
    }
    depth = depth_end;
    if (depth < k) return 0;
    const std::uint64_t bytes = std::uint64_t{row_end - row} * column_count * sizeof(float);
    depth = 0;
    column += column_count;
    if (column == n) {
        column = 0;
        row = row_end;
    }
    return bytes;
}

}  // namespace bwrt::runtime
