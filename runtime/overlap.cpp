// SPDX-License-Identifier: Apache-2.0

#include "runtime/overlap.h"

#include "runtime/gemm.h"

namespace bwrt::runtime {
namespace {

// One interval [low, high) against rows: the first row that ends behind `low` decides.
bool interval_meets(const Progression& rows, Wide low, Wide high) noexcept {
    Wide row = 0;
    const Wide gap = low - (Wide{rows.low} + rows.length_bytes);
    if (gap >= 0) row = gap / rows.stride_bytes + 1;
    if (row >= Wide{rows.count}) return false;
    return Wide{rows.low} + row * rows.stride_bytes < high;
}

// Rows i of a and j of b meet when |D + k * S| < length for k = j - i; the two k nearest to
// -D / S decide.
bool same_stride_meets(const Progression& a, const Progression& b) noexcept {
    const Wide stride = a.stride_bytes;
    const Wide difference = Wide{b.low} - Wide{a.low};
    const Wide nearest = -difference / stride;
    for (Wide k = nearest - 1; k <= nearest + 1; ++k) {
        if (k <= -Wide{a.count} || k >= Wide{b.count}) continue;
        const Wide gap = difference + k * stride;  // start of b's row minus start of a's
        if (gap < Wide{a.length_bytes} && -gap < Wide{b.length_bytes}) return true;
    }
    return false;
}

}  // namespace

Progression make_progression(std::uint64_t space, std::uint64_t start, std::int64_t stride_bytes,
                             std::uint64_t count, std::uint64_t length_bytes) noexcept {
    Progression rows = {space, start, length_bytes, 0, count};
    if (count <= 1) return rows;
    if (stride_bytes < 0) {
        rows.stride_bytes = 0 - static_cast<std::uint64_t>(stride_bytes);
        rows.low = start - rows.stride_bytes * (count - 1);
    } else {
        rows.stride_bytes = static_cast<std::uint64_t>(stride_bytes);
    }
    if (rows.stride_bytes <= length_bytes) {
        rows.length_bytes = rows.stride_bytes * (count - 1) + length_bytes;
        rows.count = 1;
    }
    return rows;
}

bool overlap_is_proved(const Progression& a, const Progression& b) noexcept {
    if (a.count == 0 || b.count == 0 || a.space != b.space) return false;
    if (Wide{a.low} >= b.high() || Wide{b.low} >= a.high()) return false;
    if (a.count == 1 && b.count == 1) return true;
    if (a.count == 1) return interval_meets(b, a.low, a.high());
    if (b.count == 1) return interval_meets(a, b.low, b.high());
    if (a.stride_bytes == b.stride_bytes) return same_stride_meets(a, b);
    return false;
}

Progression target_of(const Operation& operation) noexcept {
    const std::uint64_t space =
        operation.kind == BWRT_OP_WRITE ? std::uint64_t{operation.target_region} + 1 : 0;
    const Shape* shape = operation.shape;
    if (operation.kind == BWRT_OP_FLUSH) return {};
    if (operation.kind == BWRT_OP_SIGNAL) return {space, operation.target, operation.width, 0, 1};
    if (operation.kind == BWRT_OP_GEMM) {
        const Gemm& gemm = *operation.gemm();
        return make_progression(space, gemm.c, gemm.c_stride_bytes, gemm.m,
                                std::uint64_t{gemm.n} * sizeof(float));
    }
    if (shape == nullptr) return {space, operation.target, operation.length_bytes, 0, 1};
    if (shape->lead == nullptr) {
        return make_progression(space, operation.target, shape->target_stride_bytes,
                                shape->row_count, operation.length_bytes);
    }
    // Slots are the caller's duty; whole blocks laid out in a region without a gap are not.
    const bool whole = shape->moving_count == shape->pair_count && shape->image_first == 0 &&
                       shape->image_end == shape->lead->block_bytes && shape->plane_first == 0 &&
                       shape->plane_end == shape->lead->planes.size();
    if (shape->target_layout != nullptr || !whole) return {};
    return {space, operation.target, shape->lead->block_bytes * shape->pair_count, 0, 1};
}

}  // namespace bwrt::runtime
