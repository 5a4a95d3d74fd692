// SPDX-License-Identifier: Apache-2.0

#include "runtime/validate.h"

#include <algorithm>

#include "runtime/boundary.h"
#include "runtime/pieces.h"

namespace bwrt::runtime {

bwrt_status WaveBuilder::read_operations(const bwrt_wave& wave) {
    if (const bwrt_status status = check_block_wave(wave)) return status;
    has_results_ = wave.results != nullptr;
    const auto* source = reinterpret_cast<const std::byte*>(wave.operations);
    for (std::uint32_t i = 0; i < wave.operation_count; ++i, source += wave.operation_bytes) {
        bwrt_operation given;
        sink_.operation_index = i;
        if (const bwrt_status status = copy_in(&given, source, wave.operation_bytes,
                                               kOperationBytesMin, "wave.operation_bytes", sink_)) {
            return status;
        }
        if (const bwrt_status status = read_operation(given, wave)) return status;
    }
    sink_.operation_index = BWRT_NONE;
    return BWRT_OK;
}

bwrt_status WaveBuilder::check_unused(const bwrt_operation& given) {
    if (given.kind < BWRT_OP_COPY || given.kind > BWRT_OP_GEMM) {
        return fail(sink_, BWRT_E_INVAL, "operations[].kind", "kind %u is not a BWRT_OP_*",
                    given.kind);
    }
    if (given.reserved != 0) {
        return fail(sink_, BWRT_E_INVAL, "operations[].reserved", "not zero: 0x%x", given.reserved);
    }
    if (!is_block_kind(given.kind)) {
        const bool names_blocks = given.block_first != 0 || given.block_options != nullptr;
        if (given.flags != 0 || given.tier != 0 || names_blocks) {
            return fail(sink_, BWRT_E_INVAL,
                        given.flags != 0  ? "operations[].flags"
                        : given.tier != 0 ? "operations[].tier"
                                          : "operations[].block_first",
                        "set, but not a block operation");
        }
    }
    if (given.kind != BWRT_OP_SIGNAL && (given.value_done | given.value_failed) != 0) {
        return fail(sink_, BWRT_E_INVAL, "operations[].value_done", "set, but not a SIGNAL");
    }
    if (given.kind != BWRT_OP_GEMM && given.gemm != nullptr) {
        return fail(sink_, BWRT_E_INVAL, "operations[].gemm", "set, but not a GEMM");
    }
    if (given.group >= tables_.limits.group_count_max) {
        return fail(sink_, BWRT_E_RANGE, "operations[].group", "group %u passes the limit of %u",
                    given.group, tables_.limits.group_count_max);
    }
    return BWRT_OK;
}

bwrt_status WaveBuilder::read_operation(const bwrt_operation& given, const bwrt_wave& wave) {
    if (const bwrt_status status = check_unused(given)) return status;
    if (is_block_kind(given.kind)) return read_blocks(given, wave);
    Operation* operation = new_operation();
    if (operation == nullptr) return full("operations");
    operation->kind = static_cast<std::uint8_t>(given.kind);
    operation->index = sink_.operation_index;
    operation->group = operation->serve_group = given.group;
    operation->entry_first = wave_.entry_count;
    operation->length_bytes = given.length_bytes;
    group_end_ = std::max(group_end_, given.group + 1);
    if (given.kind == BWRT_OP_SIGNAL) return read_signal(given, operation);
    bwrt_status status = BWRT_OK;
    if (given.kind == BWRT_OP_FLUSH) {
        status = read_flush(given, operation);
    } else if (given.kind == BWRT_OP_GEMM) {
        status = read_gemm(given, operation);
    } else {
        status = read_transfer(given, operation);
    }
    if (status != BWRT_OK) return status;
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
    const bool is_device = source.room != nullptr || target.room != nullptr;
    if (is_device) {
        if (const bwrt_status status = check_devices(given, source, target)) return status;
        way_ = source.room == nullptr   ? CopyWay::kToDevice
               : target.room == nullptr ? CopyWay::kFromDevice
                                        : CopyWay::kWithin;
    }
    operation->lane = is_device                    ? Lane::kDevice
                      : given.kind == BWRT_OP_COPY ? Lane::kHost
                                                   : Lane::kStorage;
    const bool indexed = source.layout != nullptr || target.layout != nullptr;
    if (const bwrt_status status = check_form(given, indexed)) return status;
    if (indexed) return read_indexed(given, source, target, operation);
    return given.row_count <= 1 ? read_row(given, source, target, operation)
                                : read_rows(given, source, target, operation);
}

bwrt_status WaveBuilder::resolve(bwrt_handle handle, bool is_target, std::uint64_t offset,
                                 Side* side_out, const char* field) {
    if (field == nullptr) field = side_field(is_target);
    Side& side = *side_out;
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
        side.room = region->room;
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
        side.room = layout->room;
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

bwrt_status WaveBuilder::check_on_host(const Side& side, const char* field, const char* what) {
    if (side.room == nullptr) return BWRT_OK;
    return fail(sink_, BWRT_E_UNSUPPORTED, field, "%s has no side on a device in this version",
                what);
}

// Of a transfer with a side on a device: a COPY from or to the host, or within the device.
bwrt_status WaveBuilder::check_devices(const bwrt_operation& given, const Side& source,
                                       const Side& target) {
    const char* const field = side_field(target.room != nullptr);
    const Side& side = target.room != nullptr ? target : source;
    if (given.kind != BWRT_OP_COPY) {
        return check_on_host(side, field, given.kind == BWRT_OP_READ ? "a READ" : "a WRITE");
    }
    if ((wave_.flags & BWRT_WAVE_PLANNED) != 0) return check_on_host(side, field, "a planned wave");
    if (source.room == nullptr || target.room == nullptr || source.room == target.room) {
        return BWRT_OK;
    }
    return fail(sink_, BWRT_E_UNSUPPORTED, field,
                "this version copies within a device, and not to another one");
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

}  // namespace bwrt::runtime
