// SPDX-License-Identifier: Apache-2.0
//
// validate_blocks.cpp — block operations: one task a block, with all that the store will want to
// know, since the caller's arrays are his again when he has submitted.

#include <algorithm>
#include <cstring>
#include <new>

#include "runtime/boundary.h"
#include "runtime/pieces.h"
#include "runtime/store/tenants.h"
#include "runtime/validate.h"

namespace bwrt::runtime {
namespace {

constexpr std::size_t kOptionsBytesMin = sizeof(bwrt_block_options);

// What each kind may carry.
struct Form {
    bool source;
    bool target;
    bool options;
    std::uint32_t flags;
};

Form form_of(std::uint32_t kind) noexcept {
    constexpr std::uint32_t kOrder = BWRT_BLOCK_UNRELATED | BWRT_BLOCK_CONTINUES;
    switch (kind) {
        case BWRT_OP_PUT:
            return {true, false, true,
                    kOrder | BWRT_BLOCK_STRICT | BWRT_BLOCK_DURABLE | BWRT_BLOCK_CONTENT};
        case BWRT_OP_GET:
            return {false, true, true, kOrder};
        case BWRT_OP_PREFETCH:
        case BWRT_OP_PIN:
        case BWRT_OP_MOVE:
            return {false, false, false, kOrder};
        default:
            return {false, false, false, 0};
    }
}

const char* name_of(std::uint32_t kind) noexcept {
    switch (kind) {
        case BWRT_OP_PUT:
            return "PUT";
        case BWRT_OP_PREFETCH:
            return "PREFETCH";
        case BWRT_OP_PIN:
            return "PIN";
        case BWRT_OP_UNPIN:
            return "UNPIN";
        case BWRT_OP_MOVE:
            return "MOVE";
        case BWRT_OP_DROP:
            return "DROP";
        default:
            return "GET";
    }
}

bool is_zero_name(const BlockName& name) noexcept {
    constexpr std::uint8_t kZeros[sizeof name.identity] = {};
    return std::memcmp(name.identity, kZeros, sizeof kZeros) == 0;
}

}  // namespace

bwrt_status WaveBuilder::check_block_wave(const bwrt_wave& wave) {
    if (wave.blocks == nullptr && wave.block_count == 0) {
        if (wave.block_bytes == 0 && wave.tenant == 0) return BWRT_OK;
        return fail(sink_, BWRT_E_INVAL, wave.tenant != 0 ? "wave.tenant" : "wave.block_bytes",
                    "set, but there are no blocks");
    }
    if (tables_.blocks.tenants == nullptr) {
        return fail(sink_, BWRT_E_UNSUPPORTED, "wave.blocks", "the runtime has no store");
    }
    if (wave.blocks == nullptr || wave.block_count == 0) {
        return fail(sink_, BWRT_E_INVAL,
                    wave.blocks == nullptr ? "wave.blocks" : "wave.block_count",
                    wave.blocks == nullptr ? "NULL, and block_count is not 0" : "0");
    }
    if (wave.block_bytes != sizeof(bwrt_block)) {
        return fail(sink_, BWRT_E_ABI, "wave.block_bytes", "size %u is not a bwrt_block's %zu",
                    wave.block_bytes, sizeof(bwrt_block));
    }
    if (reinterpret_cast<std::uintptr_t>(wave.blocks) % alignof(bwrt_block) != 0) {
        return fail(sink_, BWRT_E_INVAL, "wave.blocks", "not aligned to %zu bytes",
                    alignof(bwrt_block));
    }
    tenant_ = tables_.blocks.tenants->find(wave.tenant);
    if (tenant_ == nullptr) {
        return fail(sink_, BWRT_E_INVAL, "wave.tenant", "tenant %llu was not set",
                    ull(wave.tenant));
    }
    return BWRT_OK;
}

bwrt_status WaveBuilder::check_block_form(const bwrt_operation& given, const bwrt_wave& wave) {
    if (tables_.blocks.reads_only && given.kind != BWRT_OP_GET) {
        return fail(sink_, BWRT_E_UNSUPPORTED, "operations[].kind",
                    "%s is for the shards' writers: a reader of a store GETs", name_of(given.kind));
    }
    const Form form = form_of(given.kind);
    if ((given.flags & ~form.flags) != 0) {
        return fail(sink_, BWRT_E_INVAL, "operations[].flags", "flags 0x%x are not all %s's",
                    given.flags, name_of(given.kind));
    }
    if (given.slot_count == 0) {
        return fail(sink_, BWRT_E_INVAL, "operations[].slot_count", "slot_count is 0");
    }
    if (given.block_first >= wave.block_count ||
        given.slot_count > wave.block_count - given.block_first) {
        return fail(sink_, BWRT_E_RANGE, "operations[].block_first",
                    "blocks %u + %u of the wave's %u", given.block_first, given.slot_count,
                    wave.block_count);
    }
    if ((given.flags & BWRT_BLOCK_CONTINUES) != 0 && given.block_first == 0) {
        return fail(sink_, BWRT_E_INVAL, "operations[].flags",
                    "CONTINUES, and no block before block_first 0");
    }
    if (given.row_count != 0 || given.source_stride_bytes != 0 || given.target_stride_bytes != 0) {
        return fail(sink_, BWRT_E_INVAL, "operations[].row_count",
                    "rows or strides in a block operation");
    }
    if (given.plane_first != 0 || given.plane_count != 0 || given.image_offset_bytes != 0) {
        return fail(sink_, BWRT_E_INVAL, "operations[].plane_first",
                    "planes or a byte range in a block operation: blocks move whole");
    }
    const struct {
        bool allowed;
        bool is_set;
        const char* field;
    } sides[] = {
        {form.source, given.source != 0, "operations[].source"},
        {form.source, given.source_offset_bytes != 0, "operations[].source_offset_bytes"},
        {form.source, given.source_slots != nullptr, "operations[].source_slots"},
        {form.target, given.target != 0, "operations[].target"},
        {form.target, given.target_offset_bytes != 0, "operations[].target_offset_bytes"},
        {form.target, given.target_slots != nullptr, "operations[].target_slots"},
        {form.source || form.target, given.length_bytes != 0, "operations[].length_bytes"},
        {form.options, given.block_options != nullptr, "operations[].block_options"},
    };
    for (const auto& side : sides) {
        if (side.is_set && !side.allowed) {
            return fail(sink_, BWRT_E_INVAL, side.field, "set, and kind %u has none", given.kind);
        }
    }
    return check_block_tier(given);
}

bwrt_status WaveBuilder::check_block_tier(const bwrt_operation& given) {
    const BlockTerms& store = tables_.blocks;
    const std::uint32_t tier = given.tier;
    const bool may_choose = given.kind == BWRT_OP_PUT || given.kind == BWRT_OP_MOVE;
    const bool must_choose = given.kind == BWRT_OP_MOVE;
    if (tier != BWRT_TIER_NONE && tier != BWRT_TIER_HOST && tier != BWRT_TIER_DISK) {
        return fail(sink_, BWRT_E_INVAL, "operations[].tier", "tier %u is not HOST or DISK", tier);
    }
    if ((tier != BWRT_TIER_NONE && !may_choose) || (tier == BWRT_TIER_NONE && must_choose)) {
        return fail(sink_, BWRT_E_INVAL, "operations[].tier", "tier %u for kind %u", tier,
                    given.kind);
    }
    const bool needs_host =
        tier == BWRT_TIER_HOST || given.kind == BWRT_OP_PREFETCH || given.kind == BWRT_OP_PIN;
    const bool needs_disk = tier == BWRT_TIER_DISK || (given.flags & BWRT_BLOCK_DURABLE) != 0;
    if (needs_host && !store.has_host) {
        return fail(sink_, BWRT_E_UNSUPPORTED, "operations[].kind", "the store has no host tier");
    }
    if (needs_disk && !store.has_disk) {
        return fail(sink_, BWRT_E_UNSUPPORTED, "operations[].tier", "the store has no disk tier");
    }
    if (tier == BWRT_TIER_HOST && (given.flags & BWRT_BLOCK_DURABLE) != 0) {
        return fail(sink_, BWRT_E_INVAL, "operations[].flags", "DURABLE in host memory");
    }
    if (given.kind == BWRT_OP_PIN && !has_results_) {
        return fail(sink_, BWRT_E_INVAL, "wave.results", "NULL, and a PIN says there where");
    }
    return BWRT_OK;
}

bwrt_status WaveBuilder::read_block_options(const bwrt_operation& given,
                                            bwrt_block_options* options) {
    *options = {};
    if (given.block_options == nullptr) return BWRT_OK;
    if (reinterpret_cast<std::uintptr_t>(given.block_options) % alignof(std::uint64_t) != 0) {
        return fail(sink_, BWRT_E_INVAL, "operations[].block_options", "not aligned to 8 bytes");
    }
    if (const bwrt_status status =
            copy_in(options, given.block_options, given.block_options->struct_size,
                    kOptionsBytesMin, "block_options.struct_size", sink_)) {
        return status;
    }
    if (options->reserved != 0) {
        return fail(sink_, BWRT_E_INVAL, "block_options.reserved", "not zero");
    }
    if (options->closure > BWRT_CLOSURE_LAST_STATE) {
        return fail(sink_, BWRT_E_INVAL, "block_options.closure",
                    "closure %u is not a BWRT_CLOSURE_*", options->closure);
    }
    const bool windowed = options->closure == BWRT_CLOSURE_WINDOW;
    if (windowed != (options->window_blocks != 0) || options->window_blocks > 2047) {
        return fail(sink_, BWRT_E_INVAL, "block_options.window_blocks",
                    "%u blocks: 1 to 2,047 with CLOSURE_WINDOW, 0 otherwise",
                    options->window_blocks);
    }
    const bool puts = given.kind == BWRT_OP_PUT;
    if (!puts && (options->closure != 0 || options->ttl_s != 0 || options->access_count != 0 ||
                  options->complexity_milli != 0 || options->time_variance_milli != 0)) {
        return fail(sink_, BWRT_E_INVAL, "operations[].block_options",
                    "a GET has a layout_digest and nothing else");
    }
    return BWRT_OK;
}

// Bounds of the side that is in the caller's memory; the length of a block.
bwrt_status WaveBuilder::check_block_side(const bwrt_operation& given, const Side& side,
                                          bool is_target, const bwrt_block_options& options,
                                          std::uint64_t* length_out) {
    if (side.is_file) {
        return fail(sink_, BWRT_E_INVAL, side_field(is_target), "blocks move to and from memory");
    }
    const std::uint32_t* slots = is_target ? given.target_slots : given.source_slots;
    if ((side.layout != nullptr) != (slots != nullptr)) {
        return fail(sink_, BWRT_E_INVAL,
                    is_target ? "operations[].target_slots" : "operations[].source_slots",
                    "a layout side has slots, a region side has none");
    }
    const std::uint64_t length =
        side.layout != nullptr ? side.layout->block_bytes : given.length_bytes;
    *length_out = length;
    if (side.layout != nullptr && (given.length_bytes != 0 || options.layout_digest != 0)) {
        return fail(
            sink_, BWRT_E_INVAL,
            given.length_bytes != 0 ? "operations[].length_bytes" : "block_options.layout_digest",
            "set, and the layout says it");
    }
    if (length == 0 || length > tables_.blocks.block_bytes_max) {
        return fail(sink_, length == 0 ? BWRT_E_INVAL : BWRT_E_RANGE, "operations[].length_bytes",
                    "a block of %llu bytes: the limit is %u", ull(length),
                    tables_.blocks.block_bytes_max);
    }
    if (side.layout != nullptr) {
        if (side.layout->group_last + given.group >= tables_.limits.group_count_max) {
            return fail(sink_, BWRT_E_RANGE, "operations[].group",
                        "group %u passes the limit of %u", side.layout->group_last + given.group,
                        tables_.limits.group_count_max);
        }
        group_end_ = std::max(group_end_, given.group + side.layout->group_last + 1);
        return BWRT_OK;
    }
    return check_bounds(side, is_target,
                        is_target ? given.target_offset_bytes : given.source_offset_bytes,
                        static_cast<std::int64_t>(length), given.slot_count, length, "block");
}

// The copy between the caller's memory and a place that is not known yet.
bwrt_status WaveBuilder::make_block_copy(const Side& side, bool is_target, std::uint32_t slot,
                                         std::uint32_t number, std::uint64_t length,
                                         Operation* operation) {
    (is_target ? operation->target_region : operation->source_region) = side.region_slot;
    operation->length_bytes = length;
    if (side.layout == nullptr) {
        (is_target ? operation->target : operation->source) = side.address + number * length;
        return BWRT_OK;
    }
    auto* shape = static_cast<Shape*>(new_units(sizeof(Shape) / kPageUnitBytes));
    auto* run = shape == nullptr ? nullptr : static_cast<SlotRun*>(new_units(1));
    if (run == nullptr) return full("blocks");
    new (shape) Shape();
    *run = {nullptr, 1, 0};
    run->pairs()[0] = {slot, slot, 0};
    operation->shape = shape;
    shape->pair_count = shape->moving_count = 1;
    (is_target ? shape->target_layout : shape->source_layout) = side.layout;
    shape->lead = side.layout;
    shape->slots = run;
    shape->plane_end = static_cast<std::uint32_t>(side.layout->planes.size());
    shape->image_end = shape->entry_bytes = length;
    begin(operation);  // it may be dropped before there is a place to begin at
    return BWRT_OK;
}

bwrt_status WaveBuilder::read_blocks(const bwrt_operation& given, const bwrt_wave& wave) {
    if (tenant_ == nullptr) {
        const bool has_store = tables_.blocks.tenants != nullptr;
        return fail(sink_, has_store ? BWRT_E_INVAL : BWRT_E_UNSUPPORTED, "wave.blocks",
                    has_store ? "NULL" : "the runtime has no store");
    }
    if (const bwrt_status status = check_block_form(given, wave)) return status;
    bwrt_block_options options;
    if (const bwrt_status status = read_block_options(given, &options)) return status;
    block_task_count_ += given.slot_count;
    if (block_task_count_ > tables_.limits.operation_count_max) {
        return fail(sink_, BWRT_E_RANGE, "operations[].slot_count",
                    "%llu blocks pass the limit of %u operations", ull(block_task_count_),
                    tables_.limits.operation_count_max);
    }
    const bool is_target = given.kind == BWRT_OP_GET;
    Side side;
    std::uint64_t length = 0;
    if (is_target || given.kind == BWRT_OP_PUT) {
        const bwrt_status resolved =
            is_target ? resolve(given.target, true, given.target_offset_bytes, &side)
                      : resolve(given.source, false, given.source_offset_bytes, &side);
        if (resolved != BWRT_OK) return resolved;
        if (const bwrt_status status =
                check_on_host(side, side_field(is_target), is_target ? "a GET" : "a PUT")) {
            return status;
        }
        if (const bwrt_status status = check_block_side(given, side, is_target, options, &length)) {
            return status;
        }
    }
    group_end_ = std::max(group_end_, given.group + 1);
    for (std::uint32_t i = 0; i < given.slot_count; ++i) {
        if (const bwrt_status status =
                read_block(given, wave, options, side, is_target, length, i)) {
            return status;
        }
    }
    wave_.entry_count += given.slot_count;
    return BWRT_OK;
}

bwrt_status WaveBuilder::read_block(const bwrt_operation& given, const bwrt_wave& wave,
                                    const bwrt_block_options& options, const Side& side,
                                    bool is_target, std::uint64_t length, std::uint32_t number) {
    const auto name_of = [&](std::uint32_t index) {
        BlockName name;  // read once, as whatever it is by now
        std::memcpy(&name, wave.blocks + index, sizeof name);
        return name;
    };
    std::uint32_t slot = 0;
    if (side.layout != nullptr) {
        slot = is_target ? given.target_slots[number] : given.source_slots[number];
        if (slot == BWRT_NONE) {
            wave_.skips_blocks = true;
            return BWRT_OK;
        }
        if (const bwrt_status status = check_slots(
                &slot, 1, side.layout,
                is_target ? "operations[].target_slots" : "operations[].source_slots")) {
            return status;
        }
    }
    void* units = new_units((sizeof(BlockTask) + kPageUnitBytes - 1) / kPageUnitBytes);
    if (units == nullptr) return full("blocks");
    auto* task = new (units) BlockTask();
    task->wave = &wave_;
    task->tenant = tenant_;
    task->name = name_of(given.block_first + number);
    if (is_zero_name(task->name)) {
        return fail(sink_, BWRT_E_INVAL, "blocks[].identity", "block %u: 32 zeros are no identity",
                    given.block_first + number);
    }
    task->has_parent = (given.flags & BWRT_BLOCK_UNRELATED) == 0 &&
                       (number > 0 || (given.flags & BWRT_BLOCK_CONTINUES) != 0);
    if (task->has_parent) task->parent = name_of(given.block_first + number - 1);
    task->kind = static_cast<std::uint8_t>(given.kind);
    task->flags = static_cast<std::uint8_t>(given.flags);
    task->tier = static_cast<std::uint8_t>(given.tier);
    task->length_bytes = static_cast<std::uint32_t>(length);
    task->layout_digest = side.layout != nullptr ? side.layout->digest : options.layout_digest;
    task->closure = static_cast<std::uint8_t>(options.closure);
    task->window_blocks = static_cast<std::uint16_t>(options.window_blocks);
    task->ttl_s = options.ttl_s;
    task->access_count = options.access_count;
    task->complexity_milli = options.complexity_milli;
    task->time_variance_milli = options.time_variance_milli;
    Operation& operation = task->operation;
    operation.kind = static_cast<std::uint8_t>(given.kind);
    operation.index = sink_.operation_index;
    operation.group = operation.serve_group = given.group;
    operation.entry_first = wave_.entry_count + number;
    operation.lane = Lane::kHost;
    *blocks_end_ = task;
    blocks_end_ = &task->next;
    if (!task->moves_bytes()) {
        wave_.unresolved += 1;  // stands for what is done
        return BWRT_OK;
    }
    if (const bwrt_status status = check_total(length)) return status;
    wave_.bytes_total += length;
    return make_block_copy(side, is_target, slot, number, length, &operation);
}

}  // namespace bwrt::runtime
