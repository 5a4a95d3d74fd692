// SPDX-License-Identifier: Apache-2.0
//
// validate_indexed.cpp — the indexed form.
//
// A layout was checked when it was added, so one comparison a slot covers all its planes.

#include <algorithm>
#include <cstring>
#include <new>

#include "runtime/pieces.h"
#include "runtime/validate.h"

namespace bwrt::runtime {
namespace {

bool same_block_side(const Layout& a, const Layout& b) {
    return a.block_bytes == b.block_bytes && a.block_side.size() == b.block_side.size() &&
           std::memcmp(a.block_side.data(), b.block_side.data(),
                       a.block_side.size() * sizeof(BlockPlane)) == 0;
}

}  // namespace

bwrt_status WaveBuilder::check_slots(const std::uint32_t* slots, std::uint32_t count,
                                     const Layout* layout, const char* field) {
    if (layout == nullptr) return BWRT_OK;
    for (std::uint32_t i = 0; i < count; ++i) {
        if (slots[i] == BWRT_NONE || slots[i] < layout->slot_count) continue;
        return fail(sink_, BWRT_E_RANGE, field, "slot %u at %u: the layout has %u", slots[i], i,
                    layout->slot_count);
    }
    return BWRT_OK;
}

// Copies the pairs that move, from pair *next on, until the run is full.  What is copied is checked
// as copied: the caller's arrays may change meanwhile.
bwrt_status WaveBuilder::fill_run(const bwrt_operation& given, const Shape& shape,
                                  std::uint32_t capacity, SlotRun* run, std::uint32_t* next) {
    const Layout* source = shape.source_layout;
    const Layout* target = shape.target_layout;
    const std::uint32_t source_end = source != nullptr ? source->slot_count : 1;
    const std::uint32_t target_end = target != nullptr ? target->slot_count : 1;
    SlotPair* pairs = run->pairs();
    bool out_of_range = false;
    std::uint32_t i = *next;
    for (; i < given.slot_count && run->count < capacity; ++i) {
        const std::uint32_t a = source != nullptr ? given.source_slots[i] : 0;
        const std::uint32_t b = target != nullptr ? given.target_slots[i] : 0;
        // A side that is there is checked even where the other skips the pair.
        out_of_range |= (a >= source_end && a != BWRT_NONE) || (b >= target_end && b != BWRT_NONE);
        pairs[run->count] = {a, b, i};
        run->count += a == BWRT_NONE || b == BWRT_NONE ? 0 : 1;
    }
    *next = i;
    if (!out_of_range) return BWRT_OK;
    if (const bwrt_status status = check_slots(given.source_slots, given.slot_count, source,
                                               "operations[].source_slots")) {
        return status;
    }
    if (const bwrt_status status = check_slots(given.target_slots, given.slot_count, target,
                                               "operations[].target_slots")) {
        return status;
    }
    return fail(sink_, BWRT_E_RANGE, "operations[].source_slots", "changed while they were read");
}

bwrt_status WaveBuilder::copy_slots(const bwrt_operation& given, Shape* shape) {
    SlotRun** link = &shape->slots;
    for (std::uint32_t next = 0; next < given.slot_count;) {
        const std::uint32_t units = std::min(room(), SlotRun::units_for(given.slot_count - next));
        auto* run = static_cast<SlotRun*>(new_units(units));
        if (run == nullptr) return full("slots");
        *run = {nullptr, 0, 0};
        if (const bwrt_status status =
                fill_run(given, *shape, SlotRun::count_in(units), run, &next)) {
            return status;
        }
        if (run->count == 0) break;  // what was left is skipped
        *link = run;
        link = &run->next;
        shape->moving_count += run->count;
    }
    return BWRT_OK;
}

bwrt_status WaveBuilder::read_indexed(const bwrt_operation& given, const Side& source,
                                      const Side& target, Operation* operation) {
    if (given.slot_count == 0) {
        return fail(sink_, BWRT_E_INVAL, "operations[].slot_count", "slot_count is 0");
    }
    slot_index_count_ += given.slot_count;
    if (slot_index_count_ > tables_.limits.slot_count_max) {
        return fail(sink_, BWRT_E_RANGE, "operations[].slot_count",
                    "%llu slots pass the limit of %u", ull(slot_index_count_),
                    tables_.limits.slot_count_max);
    }
    if ((source.layout != nullptr) != (given.source_slots != nullptr)) {
        return fail(sink_, BWRT_E_INVAL, "operations[].source_slots",
                    "a layout side has slots, a region side has none");
    }
    if ((target.layout != nullptr) != (given.target_slots != nullptr)) {
        return fail(sink_, BWRT_E_INVAL, "operations[].target_slots",
                    "a layout side has slots, a region side has none");
    }
    if (source.layout != nullptr && target.layout != nullptr &&
        !same_block_side(*source.layout, *target.layout)) {
        return fail(sink_, BWRT_E_INVAL, "operations[].target",
                    "the two layouts cut their blocks differently");
    }
    const bool lead_is_target =
        target.layout != nullptr && (source.layout == nullptr || !target.layout->is_file);
    const Layout& lead = lead_is_target ? *target.layout : *source.layout;
    const auto plane_count = static_cast<std::uint32_t>(lead.planes.size());
    const std::uint32_t planes = given.plane_count != 0
                                     ? given.plane_count
                                     : plane_count - std::min(given.plane_first, plane_count);
    if (given.plane_first >= plane_count || planes > plane_count - given.plane_first) {
        return fail(sink_, BWRT_E_RANGE, "operations[].plane_first",
                    "planes %u + %u of a layout of %u", given.plane_first, given.plane_count,
                    plane_count);
    }
    if (given.image_offset_bytes >= lead.block_bytes ||
        given.length_bytes > lead.block_bytes - given.image_offset_bytes) {
        return fail(sink_, BWRT_E_RANGE, "operations[].image_offset_bytes",
                    "bytes %llu + %llu of a block of %llu", ull(given.image_offset_bytes),
                    ull(given.length_bytes), ull(lead.block_bytes));
    }
    const std::uint64_t image_end =
        given.length_bytes == 0 ? lead.block_bytes : given.image_offset_bytes + given.length_bytes;
    const bool ranged = given.image_offset_bytes != 0 || image_end != lead.block_bytes;
    if (ranged && planes != plane_count) {
        return fail(sink_, BWRT_E_INVAL, "operations[].image_offset_bytes",
                    "both a range of planes and a range of bytes");
    }
    if (lead.group_last + given.group >= tables_.limits.group_count_max) {
        return fail(sink_, BWRT_E_RANGE, "operations[].group", "group %u passes the limit of %u",
                    lead.group_last + given.group, tables_.limits.group_count_max);
    }
    if (given.slot_count > static_cast<std::uint64_t>(INT64_MAX) / lead.block_bytes) {
        return fail(sink_, BWRT_E_RANGE, "operations[].slot_count",
                    "%u blocks of %llu bytes pass 2^63", given.slot_count, ull(lead.block_bytes));
    }
    for (const Side* side : {&source, &target}) {
        if (side->layout != nullptr) continue;
        const bool is_target = side == &target;
        if (const bwrt_status status = check_bounds(
                *side, is_target, is_target ? given.target_offset_bytes : given.source_offset_bytes,
                static_cast<std::int64_t>(lead.block_bytes), given.slot_count, lead.block_bytes,
                "block")) {
            return status;
        }
    }

    Shape* shape = new_shape();
    if (shape == nullptr) return full("operations");
    operation->shape = shape;
    shape->pair_count = given.slot_count;
    shape->source_layout = source.layout;
    shape->target_layout = target.layout;
    shape->lead = &lead;
    shape->plane_first = given.plane_first;
    shape->plane_end = given.plane_first + planes;
    shape->image_first = given.image_offset_bytes;
    shape->image_end = image_end;
    if (const bwrt_status status = copy_slots(given, shape)) return status;
    for (std::uint32_t plane = shape->plane_first; plane < shape->plane_end; ++plane) {
        shape->entry_bytes += plane_bytes(*shape, plane);
    }
    begin(operation);
    group_end_ = std::max(group_end_, given.group + lead.group_last + 1);
    wave_.entry_count += given.slot_count;
    const std::uint64_t bytes = shape->entry_bytes * shape->moving_count;
    if (const bwrt_status status = check_total(bytes)) return status;
    wave_.bytes_total += bytes;
    wave_.bus_bytes[bus_of(*operation)] += bytes;
    return BWRT_OK;
}

}  // namespace bwrt::runtime
