// SPDX-License-Identifier: Apache-2.0
//
// validate_forms.cpp — the forms that need no layout: rows (flat is one), flush and signal.

#include <algorithm>

#include "runtime/device_room.h"
#include "runtime/pieces.h"
#include "runtime/validate.h"

namespace bwrt::runtime {
namespace {

// The first page is never mapped: an offset there is a NULL that went astray.
constexpr std::uint64_t kPageBytesMin = 4096;

}  // namespace

bwrt_status WaveBuilder::check_bounds(const Side& side, bool is_target, std::uint64_t offset,
                                      std::int64_t stride, std::uint64_t rows, std::uint64_t length,
                                      const char* row) {
    if (side.region == nullptr && offset < kPageBytesMin) {
        return fail(sink_, BWRT_E_INVAL, side_field(is_target), "process memory at 0x%llx",
                    ull(offset));
    }
    const Wide limit = side.region == nullptr ? Wide{1} << 64 : Wide{side.region->length_bytes};
    const Wide span = Wide{stride} * (rows - 1);
    const Wide low = Wide{offset} + std::min<Wide>(span, 0);
    const Wide high = Wide{offset} + std::max<Wide>(span, 0) + length;
    if (low >= 0 && high <= limit) return BWRT_OK;
    if (row != nullptr) return refuse_row(side, is_target, offset, stride, rows, length, row);
    return fail(sink_, BWRT_E_RANGE, offset_field(is_target),
                "length_bytes %llu at offset %llu passes the region's end %llu", ull(length),
                ull(offset),
                ull(side.region == nullptr ? ~std::uint64_t{0} : side.region->length_bytes));
}

// Names the first row that is not inside; check_bounds() has found that there is one.
bwrt_status WaveBuilder::refuse_row(const Side& side, bool is_target, std::uint64_t offset,
                                    std::int64_t stride, std::uint64_t rows, std::uint64_t length,
                                    const char* row) {
    const char* field = offset_field(is_target);
    const Wide limit = side.region == nullptr ? Wide{1} << 64 : Wide{side.region->length_bytes};
    const Wide room_above = limit - length - offset;
    const Wide room = stride < 0 ? Wide{offset} : room_above;
    const Wide step = stride < 0 ? -Wide{stride} : Wide{stride};
    const auto index = static_cast<std::uint64_t>(room_above < 0 ? 0 : room / step + 1);
    const Wide at = Wide{offset} + Wide{stride} * index;
    if (at < 0) {
        return fail(sink_, BWRT_E_RANGE, field, "%s %llu of %llu begins %llu bytes before %s", row,
                    ull(index), ull(rows), ull(static_cast<std::uint64_t>(-at)),
                    side.region == nullptr ? "address 0" : "the region");
    }
    if (side.region == nullptr || at > UINT64_MAX) {
        return fail(sink_, BWRT_E_RANGE, field, "%s %llu of %llu passes the last address", row,
                    ull(index), ull(rows));
    }
    return fail(sink_, BWRT_E_RANGE, field,
                "%s %llu of %llu: %llu bytes at %llu pass the region's end %llu", row, ull(index),
                ull(rows), ull(length), ull(static_cast<std::uint64_t>(at)),
                ull(side.region->length_bytes));
}

// check_bounds() of one row of at least a byte, in 64 bits; what it cannot grant is looked at
// there.
bool WaveBuilder::is_inside(const Side& side, std::uint64_t offset, std::uint64_t length) noexcept {
    if (side.region == nullptr) return offset >= kPageBytesMin && length - 1 <= ~offset;
    const std::uint64_t end = side.region->length_bytes;
    return length <= end && offset <= end - length;
}

// The wave's bytes are counted in 63 bits.
bwrt_status WaveBuilder::check_total(std::uint64_t bytes) {
    if (bytes <= static_cast<std::uint64_t>(INT64_MAX) - wave_.bytes_total) return BWRT_OK;
    return fail(sink_, BWRT_E_RANGE, "operations[].length_bytes", "the wave's bytes pass 2^63");
}

bwrt_status WaveBuilder::count_bytes(std::uint64_t bytes, const Operation& operation) {
    if (const bwrt_status status = check_total(bytes)) return status;
    wave_.entry_count += 1;
    wave_.bytes_total += bytes;
    wave_.bus_bytes[bus_of(operation)] += bytes;
    return BWRT_OK;
}

// Flat, as nearly all operations are: two intervals, and no need of strides and wide numbers.
bwrt_status WaveBuilder::read_row(const bwrt_operation& given, const Side& source,
                                  const Side& target, Operation* operation) {
    const std::uint64_t length = given.length_bytes;
    const bool inside = length != 0 && is_inside(source, given.source_offset_bytes, length) &&
                        is_inside(target, given.target_offset_bytes, length);
    // Neither wraps, so less than a length apart, either way round, is shared bytes.
    const bool apart = given.kind != BWRT_OP_COPY || (source.address - target.address >= length &&
                                                      target.address - source.address >= length);
    if (!inside || !apart) [[unlikely]]
        return read_rows(given, source, target, operation);
    return count_bytes(length, *operation);
}

// The general form, and the words for what is wrong with a flat one.
bwrt_status WaveBuilder::read_rows(const bwrt_operation& given, const Side& source,
                                   const Side& target, Operation* operation) {
    const std::uint64_t length = given.length_bytes;
    const std::uint32_t rows = given.row_count == 0 ? 1 : given.row_count;
    if (length == 0) {
        return fail(sink_, BWRT_E_INVAL, "operations[].length_bytes", "length_bytes is 0");
    }
    if (length > static_cast<std::uint64_t>(INT64_MAX) / rows) {
        return fail(sink_, BWRT_E_RANGE, "operations[].length_bytes",
                    "%u rows of length_bytes %llu pass 2^63", rows, ull(length));
    }
    const auto packed = static_cast<std::int64_t>(length);
    const std::int64_t source_stride =
        given.source_stride_bytes == 0 ? packed : given.source_stride_bytes;
    const std::int64_t target_stride =
        given.target_stride_bytes == 0 ? packed : given.target_stride_bytes;
    const char* row = rows > 1 ? "row" : nullptr;
    if (const bwrt_status status = check_bounds(source, false, given.source_offset_bytes,
                                                source_stride, rows, length, row)) {
        return status;
    }
    if (const bwrt_status status = check_bounds(target, true, given.target_offset_bytes,
                                                target_stride, rows, length, row)) {
        return status;
    }
    if (rows > 1 && target_stride < packed && target_stride > -packed) {
        return fail(sink_, BWRT_E_OVERLAP, "operations[].target_stride_bytes",
                    "rows of %llu bytes, %lld apart, overlap each other", ull(length),
                    static_cast<long long>(target_stride));
    }
    if (given.kind == BWRT_OP_COPY) {
        const Progression from = make_progression(0, source.address, source_stride, rows, length);
        const Progression to = make_progression(0, target.address, target_stride, rows, length);
        if (overlap_is_proved(from, to)) {
            return fail(sink_, BWRT_E_OVERLAP, "operations[].target_offset_bytes",
                        "source and target share bytes");
        }
    }
    if (rows > 1) {
        Shape* shape = new_shape();
        if (shape == nullptr) return full("operations");
        shape->row_count = rows;
        shape->source_stride_bytes = source_stride;
        shape->target_stride_bytes = target_stride;
        operation->shape = shape;
        begin(operation);
    }
    return count_bytes(length * rows, *operation);
}

// A FLUSH and a SIGNAL have no extent.
bwrt_status WaveBuilder::check_no_rows(const bwrt_operation& given) {
    if (given.row_count == 0 && given.source_stride_bytes == 0 && given.target_stride_bytes == 0) {
        return check_form(given, false);
    }
    return fail(sink_, BWRT_E_INVAL, "operations[].row_count",
                "rows or strides in a FLUSH or SIGNAL");
}

bwrt_status WaveBuilder::read_flush(const bwrt_operation& given, Operation* operation) {
    Side target;
    if (given.source != 0 || given.source_offset_bytes != 0 || given.target_offset_bytes != 0 ||
        given.length_bytes != 0) {
        return fail(sink_, BWRT_E_INVAL, "operations[].source",
                    "a FLUSH names its target and nothing else");
    }
    if (const bwrt_status status = check_no_rows(given)) return status;
    if (const bwrt_status status = resolve(given.target, true, 0, &target)) return status;
    if (target.region == nullptr || !target.is_file) {
        return fail(sink_, BWRT_E_INVAL, side_field(true), "a FLUSH needs a file region");
    }
    operation->target_region = target.region_slot;
    operation->lane = Lane::kStorage;
    wave_.entry_count += 1;
    wave_.unresolved += 1;  // stands for the flush
    return BWRT_OK;
}

bwrt_status WaveBuilder::read_signal(const bwrt_operation& given, Operation* operation) {
    Side target;
    if (given.source != 0 || given.source_offset_bytes != 0) {
        return fail(sink_, BWRT_E_INVAL, side_field(false), "a SIGNAL has no source");
    }
    if (const bwrt_status status = check_no_rows(given)) return status;
    if (given.length_bytes != 4 && given.length_bytes != 8) {
        return fail(sink_, BWRT_E_INVAL, "operations[].length_bytes",
                    "a SIGNAL has 4 or 8 bytes, not %llu", ull(given.length_bytes));
    }
    if (given.value_done == given.value_failed) {
        return fail(sink_, BWRT_E_INVAL, "operations[].value_failed",
                    "value_done and value_failed are both %llu", ull(given.value_done));
    }
    if (given.length_bytes == 4 && ((given.value_done | given.value_failed) >> 32) != 0) {
        return fail(sink_, BWRT_E_RANGE, "operations[].value_done",
                    "a value does not fit the SIGNAL's 4 bytes");
    }
    if (const bwrt_status status =
            resolve(given.target, true, given.target_offset_bytes, &target)) {
        return status;
    }
    if (target.layout != nullptr || target.is_file) {
        return fail(sink_, BWRT_E_INVAL, side_field(true),
                    "a SIGNAL is written to a memory region");
    }
    if (const bwrt_status status = check_bounds(target, true, given.target_offset_bytes, 0, 1,
                                                given.length_bytes, nullptr)) {
        return status;
    }
    if (target.address % given.length_bytes != 0 || target.address == 0) {
        return fail(sink_, BWRT_E_INVAL, "operations[].target_offset_bytes",
                    "address 0x%llx is not aligned to %llu", ull(target.address),
                    ull(given.length_bytes));
    }
    operation->width = static_cast<std::uint8_t>(given.length_bytes);
    if (target.room != nullptr) {
        operation->lane = Lane::kDevice;
        if (!target.room->device->writes_values(operation->width)) {
            return fail(sink_, BWRT_E_UNSUPPORTED, "operations[].length_bytes",
                        "device %u writes no %u bytes in stream order",
                        target.room->device->number(), operation->width);
        }
    }
    operation->target = target.address;
    operation->target_region = target.region_slot;
    operation->source = given.value_done;
    operation->length_bytes = given.value_failed;
    operation->next = wave_.signals;
    wave_.signals = operation;
    has_signal_ = true;
    wave_.entry_count += 1;
    note_target(*operation);
    return BWRT_OK;
}

}  // namespace bwrt::runtime
