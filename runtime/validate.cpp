// SPDX-License-Identifier: Apache-2.0

#include "runtime/validate.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "runtime/boundary.h"
#include "runtime/pieces.h"

namespace bwrt::runtime {
namespace {

unsigned long long ull(std::uint64_t value) { return value; }

const char* side_field(bool is_target) {
    return is_target ? "operations[].target" : "operations[].source";
}

// The first page is never mapped: an offset there is a NULL that went astray.
constexpr std::uint64_t kPageBytesMin = 4096;

}  // namespace

// ---- memory of the wave's own

// Units that new_units() gives without or, when nothing is left, with a new page.
std::uint32_t WaveBuilder::room() const noexcept {
    if (units_ == nullptr || units_->used == Page::kUnitCount) return Page::kUnitCount;
    return Page::kUnitCount - units_->used;
}

void* WaveBuilder::new_units(std::uint32_t count) {
    if (units_ == nullptr || units_->used + count > Page::kUnitCount) {
        Page* page = wave_.pages.grow(&tables_.pages);
        if (page == nullptr) return nullptr;
        units_ = page;
    }
    void* units = units_->payload + std::size_t{units_->used} * kPageUnitBytes;
    units_->used += count;
    return units;
}

Operation* WaveBuilder::new_operation() {
    if (sink_.operation_index == 0) return new (&wave_.inline_operation) Operation();
    void* units = new_units(1);
    return units == nullptr ? nullptr : new (units) Operation();
}

Shape* WaveBuilder::new_shape() {
    if (sink_.operation_index == 0) return new (&wave_.inline_shape) Shape();
    void* units = new_units(sizeof(Shape) / kPageUnitBytes);
    return units == nullptr ? nullptr : new (units) Shape();
}

bwrt_status WaveBuilder::full(const char* what) {
    return fail(sink_, BWRT_E_AGAIN, "", "no room for the wave's %s now", what);
}

// Takes the gate for the wave, once per run of operations that name it.
bwrt_status WaveBuilder::use(Gate* gate, std::uint64_t generation, const char* field) {
    const std::uint32_t known = std::min(wave_.use_count, kInlineUseCount);
    for (std::uint32_t i = 0; i < known; ++i) {
        // Held already; but a handle of an earlier generation is still a stale handle.
        if (wave_.uses[i].gate == gate && gate->is_open(generation)) return BWRT_OK;
    }
    switch (gate->take(generation)) {
        case Gate::Answer::kTaken:
            break;
        case Gate::Answer::kStale:
            return fail(sink_, BWRT_E_HANDLE, field, "the handle is not live");
        case Gate::Answer::kClosed:
            return fail(sink_, BWRT_E_AGAIN, field, "quiesced, or being released");
    }
    if (wave_.use_count < kInlineUseCount) {
        wave_.uses[wave_.use_count++] = {gate, 1};
        return BWRT_OK;
    }
    Page* page = wave_.more_uses;
    if (page != nullptr && page->used > 0 && page->as<Use>()[page->used - 1].gate == gate) {
        ++page->as<Use>()[page->used - 1].count;
        return BWRT_OK;
    }
    if (page == nullptr || page->used == kUsesPerPage) {
        page = wave_.pages.grow(&tables_.pages);
        if (page == nullptr) {
            gate->put_back();
            return full("regions");
        }
        page->next = wave_.more_uses;
        wave_.more_uses = page;
    }
    page->as<Use>()[page->used++] = {gate, 1};
    ++wave_.use_count;
    return BWRT_OK;
}

void WaveBuilder::roll_back() noexcept {
    const std::uint32_t known = std::min(wave_.use_count, kInlineUseCount);
    for (std::uint32_t i = 0; i < known; ++i) wave_.uses[i].gate->put_back(wave_.uses[i].count);
    for (Page* page = wave_.more_uses; page != nullptr; page = page->next) {
        for (std::uint32_t i = 0; i < page->used; ++i) {
            page->as<Use>()[i].gate->put_back(page->as<Use>()[i].count);
        }
    }
    wave_.more_uses = nullptr;
    wave_.use_count = 0;
    wave_.pages.give_back(&tables_.pages);
}

// ---- reading operations

bwrt_status WaveBuilder::read_operations(const bwrt_wave& wave) {
    const auto* source = reinterpret_cast<const std::byte*>(wave.operations);
    for (std::uint32_t i = 0; i < wave.operation_count; ++i, source += wave.operation_bytes) {
        bwrt_operation given;
        sink_.operation_index = i;
        if (const bwrt_status status = copy_in(&given, source, wave.operation_bytes, sizeof given,
                                               "wave.operation_bytes", sink_)) {
            return status;
        }
        if (const bwrt_status status = read_operation(given)) return status;
    }
    sink_.operation_index = BWRT_NONE;
    return BWRT_OK;
}

bwrt_status WaveBuilder::check_unused(const bwrt_operation& given) {
    if (given.kind < BWRT_OP_COPY || given.kind > BWRT_OP_SIGNAL) {
        return fail(sink_, BWRT_E_INVAL, "operations[].kind", "kind %u is not a BWRT_OP_*",
                    given.kind);
    }
    if (given.flags != 0 || given.reserved != 0) {
        return fail(sink_, BWRT_E_INVAL,
                    given.flags != 0 ? "operations[].flags" : "operations[].reserved",
                    "not zero: 0x%x", given.flags != 0 ? given.flags : given.reserved);
    }
    if (given.kind != BWRT_OP_SIGNAL && (given.value_done | given.value_failed) != 0) {
        return fail(sink_, BWRT_E_INVAL, "operations[].value_done", "set, but not a SIGNAL");
    }
    if (given.group >= tables_.limits.group_count_max) {
        return fail(sink_, BWRT_E_RANGE, "operations[].group", "group %u passes the limit of %u",
                    given.group, tables_.limits.group_count_max);
    }
    return BWRT_OK;
}

bwrt_status WaveBuilder::read_operation(const bwrt_operation& given) {
    Operation* operation = new_operation();
    if (operation == nullptr) return full("operations");
    if (const bwrt_status status = check_unused(given)) return status;
    operation->kind = static_cast<std::uint8_t>(given.kind);
    operation->index = sink_.operation_index;
    operation->group = operation->serve_group = given.group;
    operation->entry_first = wave_.entry_count;
    operation->length_bytes = given.length_bytes;
    group_end_ = std::max(group_end_, given.group + 1);
    if (given.kind == BWRT_OP_SIGNAL) return read_signal(given, operation);
    if (const bwrt_status status = given.kind == BWRT_OP_FLUSH ? read_flush(given, operation)
                                                               : read_transfer(given, operation)) {
        return status;
    }
    OperationList& list = wave_.list(operation->lane);
    if (!list.is_empty() && list.tail->serve_group > operation->serve_group) {
        groups_ascend_[static_cast<std::uint32_t>(operation->lane)] = false;
    }
    list.append(operation);
    note_target(*operation);
    return BWRT_OK;
}

bwrt_status WaveBuilder::read_flat(const bwrt_operation& given, ringbuf::Command* command) {
    sink_.operation_index = 0;
    if (const bwrt_status status = check_unused(given)) return status;
    Operation operation;
    operation.kind = static_cast<std::uint8_t>(given.kind);
    operation.length_bytes = given.length_bytes;
    if (const bwrt_status status = read_transfer(given, &operation)) return status;
    sink_.operation_index = BWRT_NONE;
    wave_.unresolved = wave_.bytes_total;
    wave_.group_count = 1;
    pack(operation, command);
    return BWRT_OK;
}

bwrt_status WaveBuilder::read_transfer(const bwrt_operation& given, Operation* operation) {
    Side source, target;
    if (const bwrt_status status =
            resolve(given.source, false, given.source_offset_bytes, &source)) {
        return status;
    }
    if (const bwrt_status status =
            resolve(given.target, true, given.target_offset_bytes, &target)) {
        return status;
    }
    if (const bwrt_status status = check_kind(given, source, target)) return status;
    operation->source = source.address;
    operation->target = target.address;
    operation->source_region = source.region_slot;
    operation->target_region = target.region_slot;
    operation->lane = given.kind == BWRT_OP_COPY ? Lane::kHost : Lane::kStorage;
    const bool indexed = source.layout != nullptr || target.layout != nullptr;
    if (const bwrt_status status = check_form(given, indexed)) return status;
    return indexed ? read_indexed(given, source, target, operation)
                   : read_rows(given, source, target, operation);
}

bwrt_status WaveBuilder::resolve(bwrt_handle handle, bool is_target, std::uint64_t offset,
                                 Side* side_out) {
    const char* field = side_field(is_target);
    Side side;
    side.address = offset;
    if (handle == BWRT_PROCESS_MEMORY) {
        side.region_slot = kProcessSlot;
    } else if (Region* region = tables_.regions.find(handle)) {
        if (const bwrt_status status = use(&region->gate, generation_of(handle), field)) {
            return status;
        }
        side.region = region;
        side.region_slot = static_cast<std::uint16_t>(slot_of(handle));
        side.is_file = region->is_file();
        if (!side.is_file) side.address += reinterpret_cast<std::uintptr_t>(region->address);
        if (is_target && (region->flags & BWRT_REGION_READ_ONLY) != 0) {
            return fail(sink_, BWRT_E_INVAL, field, "the region is READ_ONLY");
        }
    } else if (Layout* layout = tables_.layouts.find(handle)) {
        if (const bwrt_status status = use(&layout->gate, generation_of(handle), field)) {
            return status;
        }
        side.layout = layout;
        side.is_file = layout->is_file;
        if (offset != 0) {
            return fail(
                sink_, BWRT_E_INVAL,
                is_target ? "operations[].target_offset_bytes" : "operations[].source_offset_bytes",
                "offset %llu on a layout side", ull(offset));
        }
        if (is_target && !layout->is_writable) {
            return fail(sink_, BWRT_E_INVAL, field, "a plane of the layout is READ_ONLY");
        }
    } else {
        return fail(sink_, BWRT_E_HANDLE, field, "0x%llx is no region and no layout", ull(handle));
    }
    *side_out = side;
    return BWRT_OK;
}

bwrt_status WaveBuilder::check_kind(const bwrt_operation& given, const Side& source,
                                    const Side& target) {
    const bool source_file = given.kind == BWRT_OP_READ;
    const bool target_file = given.kind == BWRT_OP_WRITE;
    if (source.is_file != source_file) {
        return fail(sink_, BWRT_E_INVAL, side_field(false), "kind %u takes its source from %s",
                    given.kind, source_file ? "a file" : "memory");
    }
    if (target.is_file != target_file) {
        return fail(sink_, BWRT_E_INVAL, side_field(true), "kind %u has its target in %s",
                    given.kind, target_file ? "a file" : "memory");
    }
    return BWRT_OK;
}

// Only the fields of its form may be set.
bwrt_status WaveBuilder::check_form(const bwrt_operation& given, bool indexed) {
    if (indexed) {
        if (given.row_count != 0 || given.source_stride_bytes != 0 ||
            given.target_stride_bytes != 0) {
            return fail(sink_, BWRT_E_INVAL, "operations[].row_count",
                        "rows or strides in an indexed operation");
        }
        return BWRT_OK;
    }
    if (given.slot_count != 0 || given.source_slots != nullptr || given.target_slots != nullptr) {
        return fail(sink_, BWRT_E_INVAL, "operations[].slot_count",
                    "slots in an operation without a layout");
    }
    if (given.plane_first != 0 || given.plane_count != 0 || given.image_offset_bytes != 0) {
        return fail(sink_, BWRT_E_INVAL, "operations[].plane_first",
                    "planes or a byte range in an operation without a layout");
    }
    return BWRT_OK;
}

bwrt_status WaveBuilder::check_bounds(const Side& side, bool is_target, std::uint64_t offset,
                                      std::int64_t stride, std::uint64_t rows,
                                      std::uint64_t length) {
    if (side.region == nullptr && offset < kPageBytesMin) {
        return fail(sink_, BWRT_E_INVAL, side_field(is_target), "process memory at 0x%llx",
                    ull(offset));
    }
    if (rows == 1 && side.region != nullptr) [[likely]] {  // as below, in 64 bits
        const std::uint64_t end = side.region->length_bytes;
        if (length <= end && offset <= end - length) return BWRT_OK;
    }
    const Wide limit = side.region == nullptr ? Wide{1} << 64 : Wide{side.region->length_bytes};
    const Wide span = Wide{stride} * (rows - 1);
    const Wide low = Wide{offset} + std::min<Wide>(span, 0);
    const Wide high = Wide{offset} + std::max<Wide>(span, 0) + length;
    if (low >= 0 && high <= limit) return BWRT_OK;
    return fail(sink_, BWRT_E_RANGE,
                is_target ? "operations[].target_offset_bytes" : "operations[].source_offset_bytes",
                "length_bytes %llu at offset %llu passes the region's end %llu", ull(length),
                ull(offset),
                ull(side.region == nullptr ? ~std::uint64_t{0} : side.region->length_bytes));
}

// The wave's bytes are counted in 63 bits.
bwrt_status WaveBuilder::check_total(std::uint64_t bytes) {
    if (bytes <= static_cast<std::uint64_t>(INT64_MAX) - wave_.bytes_total) return BWRT_OK;
    return fail(sink_, BWRT_E_RANGE, "operations[].length_bytes", "the wave's bytes pass 2^63");
}

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
    if (const bwrt_status status =
            check_bounds(source, false, given.source_offset_bytes, source_stride, rows, length)) {
        return status;
    }
    if (const bwrt_status status =
            check_bounds(target, true, given.target_offset_bytes, target_stride, rows, length)) {
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
    wave_.entry_count += 1;
    const std::uint64_t bytes = length * rows;
    if (const bwrt_status status = check_total(bytes)) return status;
    wave_.bytes_total += bytes;
    wave_.lane_bytes[static_cast<std::uint32_t>(operation->lane)] += bytes;
    return BWRT_OK;
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
    if (const bwrt_status status =
            check_bounds(target, true, given.target_offset_bytes, 0, 1, given.length_bytes)) {
        return status;
    }
    if (target.address % given.length_bytes != 0 || target.address == 0) {
        return fail(sink_, BWRT_E_INVAL, "operations[].target_offset_bytes",
                    "address 0x%llx is not aligned to %llu", ull(target.address),
                    ull(given.length_bytes));
    }
    operation->width = static_cast<std::uint8_t>(given.length_bytes);
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
