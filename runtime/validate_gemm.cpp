// SPDX-License-Identifier: Apache-2.0
//
// validate_gemm.cpp — a GEMM: three matrices in host memory, each inside its region, C apart from
// the two others.

#include <algorithm>
#include <new>

#include "runtime/boundary.h"
#include "runtime/gemm.h"
#include "runtime/overlap.h"
#include "runtime/validate.h"

namespace bwrt::runtime {
namespace {

constexpr std::size_t kGemmBytesMin = sizeof(bwrt_gemm);
constexpr std::uint32_t kSideMax = 1u << 20;

Progression bytes_of(std::uint64_t address, std::int64_t stride_bytes, std::uint32_t rows,
                     std::uint32_t columns) noexcept {
    return make_progression(0, address, stride_bytes, rows, std::uint64_t{columns} * sizeof(float));
}

}  // namespace

bwrt_status WaveBuilder::read_gemm_shape(const bwrt_operation& given, bwrt_gemm* shape_out) {
    if (given.gemm == nullptr) return fail(sink_, BWRT_E_INVAL, "operations[].gemm", "NULL");
    if (const bwrt_status status = copy_in(shape_out, given.gemm, given.gemm->struct_size,
                                           kGemmBytesMin, "gemm.struct_size", sink_)) {
        return status;
    }
    const struct {
        const char* field;
        std::uint32_t value;
    } sides[] = {{"gemm.m", shape_out->m}, {"gemm.n", shape_out->n}, {"gemm.k", shape_out->k}};
    for (const auto& side : sides) {
        if (side.value != 0 && side.value <= kSideMax) continue;
        return fail(sink_, BWRT_E_INVAL, side.field, "%u is outside 1 to %u", side.value, kSideMax);
    }
    if (given.length_bytes != 0 || given.row_count != 0) {
        return fail(sink_, BWRT_E_INVAL,
                    given.row_count != 0 ? "operations[].row_count" : "operations[].length_bytes",
                    "set, but a GEMM's sides are m, n and k");
    }
    return check_form(given, false);
}

// A matrix of fp32 in host memory: `rows` of them, inside the region; its address and stride.
bwrt_status WaveBuilder::read_matrix(const Matrix& matrix, std::uint64_t* address_out,
                                     std::int64_t* stride_out) {
    Side side;
    if (const bwrt_status status =
            resolve(matrix.handle, matrix.is_target, matrix.offset_bytes, &side, matrix.field)) {
        return status;
    }
    if (side.is_file || side.layout != nullptr) {
        return fail(sink_, BWRT_E_INVAL, matrix.field, "a matrix lies in memory, without a layout");
    }
    if (const bwrt_status status = check_on_host(side, matrix.field, "a GEMM")) return status;
    const std::int64_t packed = std::int64_t{matrix.columns} * std::int64_t{sizeof(float)};
    const std::int64_t stride = matrix.stride_bytes == 0 ? packed : matrix.stride_bytes;
    if ((side.address | static_cast<std::uint64_t>(stride)) % alignof(float) != 0) {
        return fail(sink_, BWRT_E_INVAL, matrix.field, "its rows are not aligned to 4 bytes");
    }
    const Wide span = Wide{stride} * (matrix.rows - 1);
    const Wide low = Wide{matrix.offset_bytes} + std::min<Wide>(span, 0);
    const Wide high = Wide{matrix.offset_bytes} + std::max<Wide>(span, 0) + packed;
    const Wide first = side.region == nullptr ? Wide{4096} : Wide{0};
    const Wide end = side.region == nullptr ? Wide{1} << 64 : Wide{side.region->length_bytes};
    if (low < first || high > end) {
        return fail(sink_, BWRT_E_RANGE, matrix.field,
                    "%u rows of %u floats, %lld bytes apart, from offset %llu are not inside",
                    matrix.rows, matrix.columns, static_cast<long long>(stride),
                    ull(matrix.offset_bytes));
    }
    *address_out = side.address;
    *stride_out = stride;
    return BWRT_OK;
}

bwrt_status WaveBuilder::read_gemm(const bwrt_operation& given, Operation* operation) {
    bwrt_gemm shape;
    if (const bwrt_status status = read_gemm_shape(given, &shape)) return status;
    static_assert(sizeof(Gemm) <= 2 * kPageUnitBytes);
    void* const units = new_units(2);
    if (units == nullptr) return full("operations");
    auto* const gemm = new (units) Gemm();
    gemm->m = shape.m;
    gemm->n = shape.n;
    gemm->k = shape.k;
    const Matrix a = {
        given.source, given.source_offset_bytes, given.source_stride_bytes, shape.m, shape.k,
        false,        "operations[].source"};
    const Matrix b = {shape.b, shape.b_offset_bytes, shape.b_stride_bytes, shape.k, shape.n, false,
                      "gemm.b"};
    const Matrix c = {
        given.target, given.target_offset_bytes, given.target_stride_bytes, shape.m, shape.n,
        true,         "operations[].target"};
    bwrt_status status = read_matrix(a, &gemm->a, &gemm->a_stride_bytes);
    if (status == BWRT_OK) status = read_matrix(b, &gemm->b, &gemm->b_stride_bytes);
    if (status == BWRT_OK) status = read_matrix(c, &gemm->c, &gemm->c_stride_bytes);
    if (status != BWRT_OK) return status;
    const Progression out = bytes_of(gemm->c, gemm->c_stride_bytes, shape.m, shape.n);
    const std::int64_t row_bytes = std::int64_t{shape.n} * std::int64_t{sizeof(float)};
    if (shape.m > 1 && gemm->c_stride_bytes < row_bytes && gemm->c_stride_bytes > -row_bytes) {
        return fail(sink_, BWRT_E_OVERLAP, "operations[].target_stride_bytes",
                    "rows of %lld bytes, %lld apart, overlap each other",
                    static_cast<long long>(row_bytes),
                    static_cast<long long>(gemm->c_stride_bytes));
    }
    if (overlap_is_proved(out, bytes_of(gemm->a, gemm->a_stride_bytes, shape.m, shape.k)) ||
        overlap_is_proved(out, bytes_of(gemm->b, gemm->b_stride_bytes, shape.k, shape.n))) {
        return fail(sink_, BWRT_E_OVERLAP, "operations[].target", "C shares bytes with A or B");
    }
    operation->source = reinterpret_cast<std::uintptr_t>(gemm);
    operation->lane = Lane::kHost;
    operation->target = gemm->c;
    operation->target_region = kProcessSlot;  // of no matter: the addresses are resolved
    operation->source_region = kProcessSlot;
    operation->length_bytes = std::uint64_t{shape.m} * shape.n * sizeof(float);
    // They are made and not moved: no lane has them to copy.
    if (const bwrt_status total = check_total(operation->length_bytes)) return total;
    wave_.entry_count += 1;
    wave_.bytes_total += operation->length_bytes;
    return BWRT_OK;
}

}  // namespace bwrt::runtime
