// SPDX-License-Identifier: Apache-2.0
//
// operations.cpp — draws operations: every kind and form, always rightly.  One
// whose bytes another wave has claimed is drawn again.

#include <algorithm>

#include "tests/sim/simulation.h"

namespace bwrt::sim {
namespace {

bool is_file_side(std::uint32_t kind, bool is_target) {
    return is_target ? kind == BWRT_OP_WRITE : kind == BWRT_OP_READ;
}

}  // namespace

// Mostly small, sometimes more than one request may carry.
std::uint64_t Simulation::draw_length() {
    if (narrow_) return random_.between(1, tight_ ? 200 : 900);
    const std::uint64_t size = random_.below(10);
    std::uint64_t length = aligned_   ? random_.between(1, 8'000)
                           : size < 5 ? random_.between(1, 700)
                           : size < 9 ? random_.between(1, 12'000)
                                      : random_.between(30'000, 90'000);
    if (aligned_) length = (length + 4095) / 4096 * 4096;
    return length;
}

// A region with room for `span_bytes`, and where in it.
bool Simulation::draw_side(bool in_file, std::uint64_t span_bytes, bwrt_handle* handle_out,
                           std::uint64_t* offset_out) {
    Space* space =
        model_.spaces[tight_ && in_file ? kMemoryCount : random_.below(model_.spaces.size())];
    if (space->is_file != in_file || space->handle == 0 || span_bytes > space->length_bytes) {
        return false;
    }
    *handle_out = space->twin != 0 && random_.chance(500) ? space->twin : space->handle;
    std::uint64_t room = space->length_bytes - span_bytes + 1;
    if (narrow_ && in_file) room = std::min<std::uint64_t>(room, tight_ ? 3000 : 6000);
    *offset_out = random_.below(room);
    if (aligned_ || (!narrow_ && random_.chance(200))) *offset_out = *offset_out / 4096 * 4096;
    if (!in_file && random_.chance(100)) {
        *handle_out = BWRT_PROCESS_MEMORY;
        *offset_out += reinterpret_cast<std::uintptr_t>(space->actual) + space->base;
    }
    return true;
}

bool Simulation::draw_rows(std::uint32_t kind, bwrt_operation* operation) {
    aligned_ = !narrow_ && random_.chance(400);
    operation->length_bytes = draw_length();
    std::uint64_t spans[2] = {operation->length_bytes, operation->length_bytes};
    std::int64_t strides[2] = {0, 0};
    if (random_.chance(400)) {
        operation->row_count = static_cast<std::uint32_t>(random_.between(1, 12));
        operation->length_bytes = random_.between(1, 3000);
        const auto length = static_cast<std::int64_t>(operation->length_bytes);
        for (int side = 0; side < 2; ++side) {
            if (random_.chance(600)) {
                strides[side] = length + static_cast<std::int64_t>(random_.below(200));
            }
            // Rows of a source may share bytes, rows of a target may not.
            if (side == 0 && random_.chance(200)) strides[side] = 1 + length / 2;
            if (random_.chance(400)) strides[side] = -strides[side];
            const std::int64_t stride = strides[side] == 0 ? length : strides[side];
            spans[side] = static_cast<std::uint64_t>(stride < 0 ? -stride : stride) *
                              (operation->row_count - 1) +
                          operation->length_bytes;
        }
    }
    if (!draw_side(is_file_side(kind, false), spans[0], &operation->source,
                   &operation->source_offset_bytes) ||
        !draw_side(is_file_side(kind, true), spans[1], &operation->target,
                   &operation->target_offset_bytes)) {
        return false;
    }
    operation->source_stride_bytes = strides[0];
    operation->target_stride_bytes = strides[1];
    if (strides[0] < 0) operation->source_offset_bytes += spans[0] - operation->length_bytes;
    if (strides[1] < 0) operation->target_offset_bytes += spans[1] - operation->length_bytes;
    operation->group = random_.chance(700) ? 0 : static_cast<std::uint32_t>(random_.below(6));
    return true;
}

bool Simulation::draw_indexed(std::uint32_t kind, LiveWave* live, bwrt_operation* operation) {
    if (model_.layouts.empty()) return false;
    const LayoutPlan* sides[2] = {nullptr, nullptr};
    aligned_ = false;
    const std::uint64_t form = random_.below(3);  // source, target or both are layouts
    for (int side = 0; side < 2; ++side) {
        if (form == static_cast<std::uint64_t>(1 - side)) continue;
        sides[side] = &model_.layouts[random_.below(model_.layouts.size())];
        if (sides[side]->is_file != is_file_side(kind, side == 1)) return false;
    }
    if (sides[0] != nullptr && sides[1] != nullptr &&
        sides[0]->block_side != sides[1]->block_side) {
        return false;
    }
    const LayoutPlan& lead = sides[1] != nullptr ? *sides[1] : *sides[0];
    operation->slot_count = static_cast<std::uint32_t>(random_.between(1, 2 * lead.slot_count));
    if (sides[1] != nullptr) {
        operation->slot_count = std::min(operation->slot_count, sides[1]->slot_count);
    }
    bwrt_handle* handles[2] = {&operation->source, &operation->target};
    std::uint64_t* offsets[2] = {&operation->source_offset_bytes, &operation->target_offset_bytes};
    const std::uint32_t** arrays[2] = {&operation->source_slots, &operation->target_slots};
    for (int side = 0; side < 2; ++side) {
        if (sides[side] == nullptr) {
            if (!draw_side(is_file_side(kind, side == 1), operation->slot_count * lead.block_bytes,
                           handles[side], offsets[side])) {
                return false;
            }
            continue;
        }
        *handles[side] = sides[side]->handle;
        std::vector<std::uint32_t> slots(sides[side]->slot_count);
        for (std::uint32_t i = 0; i < slots.size(); ++i) slots[i] = i;
        if (random_.chance(600)) {
            for (std::size_t i = slots.size(); i > 1; --i) {
                std::swap(slots[i - 1], slots[random_.below(i)]);
            }
        }
        // A slot may be a source twice, but a target once.
        while (slots.size() < operation->slot_count)
            slots.push_back(slots[random_.below(slots.size())]);
        slots.resize(operation->slot_count);
        if (random_.chance(300)) {
            const std::uint32_t skipped = random_.chance(200) ? 1000 : 200;
            for (std::uint32_t& slot : slots) {
                if (random_.chance(skipped)) slot = BWRT_NONE;
            }
        }
        live->slots.push_back(std::move(slots));
        *arrays[side] = live->slots.back().data();
    }
    const std::uint64_t part = random_.below(4);
    const auto plane_count = static_cast<std::uint32_t>(lead.planes.size());
    if (part == 0) {
        operation->plane_first = static_cast<std::uint32_t>(random_.below(plane_count));
        operation->plane_count =
            static_cast<std::uint32_t>(random_.below(plane_count - operation->plane_first + 1));
    } else if (part == 1) {
        operation->image_offset_bytes = random_.below(lead.block_bytes);
        operation->length_bytes =
            random_.below(lead.block_bytes - operation->image_offset_bytes + 1);
    }
    operation->group = static_cast<std::uint32_t>(random_.below(3));
    return true;
}

bool Simulation::draw_flush(bwrt_operation* operation) {
    const Space* space = model_.spaces[random_.below(model_.spaces.size())];
    if (!space->is_file || space->handle == 0) return false;
    operation->target = space->handle;
    operation->group = static_cast<std::uint32_t>(random_.below(3));
    return true;
}

bool Simulation::draw_signal(const LiveWave& live, bwrt_operation* operation) {
    operation->length_bytes = random_.chance(500) ? 4 : 8;
    aligned_ = false;
    if (!draw_side(false, 32, &operation->target, &operation->target_offset_bytes)) return false;
    const Space* space = model_.space_of(operation->target, operation->target_offset_bytes);
    const std::uint64_t start = operation->target == BWRT_PROCESS_MEMORY
                                    ? 0
                                    : reinterpret_cast<std::uintptr_t>(space->actual) + space->base;
    const std::uint64_t address = start + operation->target_offset_bytes;
    operation->target_offset_bytes += (8 - address % 8) % 8;
    const std::uint64_t mask = operation->length_bytes == 4 ? 0xFFFFFFFFu : ~std::uint64_t{0};
    operation->value_done = random_.next() & mask;
    operation->value_failed = operation->value_done ^ 1;
    // Mostly of a group that the wave has.
    operation->group = live.entries.empty() || random_.chance(100)
                           ? static_cast<std::uint32_t>(random_.below(8))
                           : live.entries[random_.below(live.entries.size())].group;
    return true;
}

// False when what was drawn is not possible now.
bool Simulation::add_operation(LiveWave* live) {
    bwrt_operation operation = {};
    const std::uint64_t draw = random_.below(100);
    const std::size_t slots_before = live->slots.size();
    bool drawn = false;
    if (draw < 5) {
        operation.kind = BWRT_OP_FLUSH;
        drawn = draw_flush(&operation);
    } else if (draw < 13) {
        operation.kind = BWRT_OP_SIGNAL;
        drawn = draw_signal(*live, &operation);
    } else {
        operation.kind = draw < 35 ? BWRT_OP_COPY : draw < 70 ? BWRT_OP_READ : BWRT_OP_WRITE;
        if (tight_ && random_.chance(700)) operation.kind = BWRT_OP_WRITE;
        drawn = random_.chance(650) ? draw_rows(operation.kind, &operation)
                                    : draw_indexed(operation.kind, live, &operation);
    }
    if (!drawn) {
        live->slots.resize(slots_before);
        return false;
    }
    std::vector<Piece> pieces;
    const auto entry = static_cast<std::uint32_t>(live->entries.size());
    const std::uint32_t entry_count = model_.expand(operation, entry, &pieces);
    const auto may_read = [&](std::uint16_t writer) {
        return std::any_of(live->after.begin(), live->after.end(),
                           [&](const LiveWave* before) { return before->id == writer; });
    };
    if (!model_.claim(pieces, live->id, may_read)) {
        live->slots.resize(slots_before);
        return false;
    }
    const bwrt_handle file = operation.kind == BWRT_OP_READ ? operation.source
                             : operation.kind == BWRT_OP_WRITE || operation.kind == BWRT_OP_FLUSH
                                 ? operation.target
                                 : 0;
    const bool doomed = file != 0 && std::count(poisoned_.begin(), poisoned_.end(), file) != 0;
    live->pieces.insert(live->pieces.end(), pieces.begin(), pieces.end());
    live->entries.resize(entry + entry_count,
                         {operation.kind, operation.group, operation.value_done,
                          operation.value_failed, file, doomed});
    live->operations.push_back(operation);
    return true;
}

}  // namespace bwrt::sim
