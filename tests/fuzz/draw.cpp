// SPDX-License-Identifier: Apache-2.0
//
// draw.cpp — from bytes to handles and operations: plain and lawful by default, then, where the
// input says so, one field overwritten with any number.

#include "tests/fuzz/machine.h"

namespace bwrt::fuzz {
namespace {

constexpr Field kOperationFields[] = {
    BWRT_FUZZ_FIELD(bwrt_operation, kind),
    BWRT_FUZZ_FIELD(bwrt_operation, flags),
    BWRT_FUZZ_FIELD(bwrt_operation, source),
    BWRT_FUZZ_FIELD(bwrt_operation, target),
    BWRT_FUZZ_FIELD(bwrt_operation, source_offset_bytes),
    BWRT_FUZZ_FIELD(bwrt_operation, target_offset_bytes),
    BWRT_FUZZ_FIELD(bwrt_operation, length_bytes),
    BWRT_FUZZ_FIELD(bwrt_operation, group),
    BWRT_FUZZ_FIELD(bwrt_operation, row_count),
    BWRT_FUZZ_FIELD(bwrt_operation, source_stride_bytes),
    BWRT_FUZZ_FIELD(bwrt_operation, target_stride_bytes),
    BWRT_FUZZ_FIELD(bwrt_operation, slot_count),
    BWRT_FUZZ_FIELD(bwrt_operation, plane_first),
    BWRT_FUZZ_FIELD(bwrt_operation, plane_count),
    BWRT_FUZZ_FIELD(bwrt_operation, reserved),
    BWRT_FUZZ_FIELD(bwrt_operation, image_offset_bytes),
    BWRT_FUZZ_FIELD(bwrt_operation, value_done),
    BWRT_FUZZ_FIELD(bwrt_operation, value_failed),
};
constexpr Field kBlockOperationFields[] = {
    BWRT_FUZZ_FIELD(bwrt_operation, kind),
    BWRT_FUZZ_FIELD(bwrt_operation, flags),
    BWRT_FUZZ_FIELD(bwrt_operation, source),
    BWRT_FUZZ_FIELD(bwrt_operation, target),
    BWRT_FUZZ_FIELD(bwrt_operation, source_offset_bytes),
    BWRT_FUZZ_FIELD(bwrt_operation, target_offset_bytes),
    BWRT_FUZZ_FIELD(bwrt_operation, length_bytes),
    BWRT_FUZZ_FIELD(bwrt_operation, group),
    BWRT_FUZZ_FIELD(bwrt_operation, row_count),
    BWRT_FUZZ_FIELD(bwrt_operation, target_stride_bytes),
    BWRT_FUZZ_FIELD(bwrt_operation, slot_count),
    BWRT_FUZZ_FIELD(bwrt_operation, plane_count),
    BWRT_FUZZ_FIELD(bwrt_operation, tier),
    BWRT_FUZZ_FIELD(bwrt_operation, image_offset_bytes),
    BWRT_FUZZ_FIELD(bwrt_operation, block_first),
    BWRT_FUZZ_FIELD(bwrt_operation, reserved),
};

constexpr Field kGemmFields[] = {
    BWRT_FUZZ_FIELD(bwrt_gemm, m),
    BWRT_FUZZ_FIELD(bwrt_gemm, n),
    BWRT_FUZZ_FIELD(bwrt_gemm, k),
    BWRT_FUZZ_FIELD(bwrt_gemm, b),
    BWRT_FUZZ_FIELD(bwrt_gemm, b_offset_bytes),
    BWRT_FUZZ_FIELD(bwrt_gemm, b_stride_bytes),
};

std::uint64_t draw_length(Bytecode* code) {
    const std::uint8_t size = code->byte();
    if (size < 0xA0) return 1 + std::uint64_t{size} * 5;
    if (size < 0xC0) return 512u * (size - 0x9Fu);
    if (size < 0xE0) return 4096u * ((size & 3u) + 1u);
    if (size >= 0xF8) return (64u << 10) - 4096 + code->word() % 8192;
    return 1 + code->word() % 20000;
}

}  // namespace

// Any handle: of this runtime or of the other, live, released, delivered or never given out.
bwrt_handle Runner::draw_handle(Bytecode* code) {
    const std::uint8_t choice = code->byte();
    const std::uint8_t index = code->byte();
    const Session& other =
        machine_.sessions[choice >= 0xE0 && choice < 0xE8 ? 1 - session_ : session_];
    bwrt_handle handle = 0;
    if (choice >= 0xF8) return choice == 0xFF ? BWRT_PROCESS_MEMORY : code->wide();
    if (choice >= 0xF0) {
        handle = draw_wave(code);
    } else if (!other.things.empty()) {
        handle = other.things[index % other.things.size()].handle;
    }
    if (choice < 0xE8 || choice >= 0xF0) return handle;
    // One bit of it; never the low ones of the generation, which would make it the next one's.
    return handle ^ bwrt_handle { 1 } << (12 + index % 52);
}

bwrt_handle Runner::draw_wave(Bytecode* code) {
    const std::uint8_t choice = code->byte();
    if (choice == 0xFF) return code->wide();
    if (choice >= 0xF8 && !session().things.empty()) {
        return session().things[choice % session().things.size()].handle;
    }
    bwrt_handle taken[Machine::kWaveCountMax];
    std::uint32_t count = 0;
    for (std::uint32_t i = machine_.wave_count; i-- > 0;) {
        const bwrt_handle given = machine_.waves[i].handle;
        if (given != 0) taken[count++] = given;
    }
    if (count == 0) return 0;
    const bwrt_handle handle = taken[choice % count];  // 0: the last one
    return choice >= 0xF0 ? handle ^ bwrt_handle { 1 } << (12 + code->byte() % 52) : handle;
}

// Mostly one that is live.
const Thing* Runner::draw_thing(Bytecode* code, bool in_file, bool layouts) {
    const std::uint8_t choice = code->byte();
    const Thing* fitting[Machine::kThingCountMax];
    std::size_t count = 0;
    for (const Thing& thing : session().things) {
        const bool is_file = thing.is_layout ? thing.plan.is_file : thing.kind == BWRT_REGION_FILE;
        if (thing.is_layout != layouts || is_file != in_file) continue;
        if (!thing.is_live && choice < 0xF0) continue;
        fitting[count++] = &thing;
    }
    return count == 0 ? nullptr : fitting[choice % count];
}

void Runner::draw_side(Bytecode* code, bool in_file, bool is_target, std::uint64_t span_bytes,
                       bwrt_operation* operation) {
    const std::uint8_t how = code->byte();
    const Thing* thing = draw_thing(code, in_file, false);
    const std::uint64_t length = thing == nullptr ? World::kArenaBytes : thing->length_bytes;
    const std::uint64_t room = length > span_bytes ? length - span_bytes : 0;
    std::uint64_t offset = std::uint64_t{code->byte()} * 101;
    if (is_target) offset += 1777 * ++target_count_;  // by default beside the one before
    if (how >= 0x40) offset = code->word() * 2;
    if (how >= 0x60) offset = offset / 8 * 8;
    if (how >= 0x80) offset = offset / 512 * 512;
    if (how >= 0xA0) offset = offset / 4096 * 4096;
    if (how >= 0xC0) offset = room - offset % 16;
    if (room <= World::kFileTrackedBytes) offset %= room + 1;
    if (how >= 0xE0) offset = room + how % 4 / 3;  // the last bytes, or one too far
    bwrt_handle handle = thing == nullptr ? 0 : thing->handle;
    if (!in_file && (thing == nullptr || how % 16 == 15)) {
        handle = BWRT_PROCESS_MEMORY;
        offset += reinterpret_cast<std::uintptr_t>(machine_.world.arena());
    }
    (is_target ? operation->target : operation->source) = handle;
    (is_target ? operation->target_offset_bytes : operation->source_offset_bytes) = offset;
}

void Runner::draw_operation(Bytecode* code, WaveRecord* record, Draft* draft) {
    // READ, WRITE and COPY in each form.
    constexpr std::uint8_t kKinds[] = {2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 4, 5, 5, 13};
    constexpr std::uint8_t kBlockKinds[] = {6, 7, 8, 9, 10, 11, 12, 6, 7, 6, 7, 6, 7, 11, 9, 7};
    const std::uint8_t what = code->byte();
    bwrt_operation& operation = draft->operation;
    const bool is_block = session().store.is_there && (what & 0x10) == 0;
    operation.kind = is_block ? kBlockKinds[what % 16] : kKinds[what % 16];
    if ((what & 0x20) != 0) operation.group = code->byte() % 8;
    if (is_block) {
        draw_blocks(code, record, draft);
    } else if (operation.kind == BWRT_OP_GEMM) {
        draw_gemm(code, draft);
    } else if (operation.kind >= BWRT_OP_FLUSH) {
        draw_flush_or_signal(code, &operation);
    } else if (what % 16 >= 6 && what % 16 < 12) {
        draw_indexed(code, draft);
    } else {
        draw_rows(code, &operation);
    }
    if ((what & 0x40) != 0) {
        const std::uint8_t side = code->byte();
        if ((side & 3) == 1) operation.source = draw_handle(code);
        if ((side & 3) == 2) operation.target = draw_handle(code);
        if ((side & 4) != 0) operation.source_slots = draft->target_slots.get();
        if ((side & 8) != 0) operation.target_slots = draft->source_slots.get();
    }
    if ((what & 0x80) == 0) return;
    if (is_block) {
        break_field(&operation, kBlockOperationFields, code);
    } else {
        break_field(&operation, kOperationFields, code);
    }
}

void Runner::draw_rows(Bytecode* code, bwrt_operation* operation) {
    const std::uint8_t form = code->byte();
    std::uint64_t length = draw_length(code);
    std::uint64_t spans[2] = {length, length};
    std::int64_t strides[2] = {0, 0};
    if (form >= 0x80) {
        operation->row_count = 1 + form % 16;
        length = 1 + length % 1500;
        for (int side = 0; side < 2; ++side) {
            const std::uint8_t gap = code->byte();
            if (gap >= 16) strides[side] = static_cast<std::int64_t>(length + gap % 64);
            if (gap >= 0xE0) strides[side] = static_cast<std::int64_t>(1 + length / 2);
            spans[side] =
                (operation->row_count - 1) *
                    (strides[side] != 0 ? static_cast<std::uint64_t>(strides[side]) : length) +
                length;
            if ((gap & 1) != 0) strides[side] = -strides[side];
        }
    }
    operation->length_bytes = length;
    operation->source_stride_bytes = strides[0];
    operation->target_stride_bytes = strides[1];
    draw_side(code, operation->kind == BWRT_OP_READ, false, spans[0], operation);
    draw_side(code, operation->kind == BWRT_OP_WRITE, true, spans[1], operation);
    if (strides[0] < 0) operation->source_offset_bytes += spans[0] - length;
    if (strides[1] < 0) operation->target_offset_bytes += spans[1] - length;
}

void Runner::draw_indexed(Bytecode* code, Draft* draft) {
    bwrt_operation& operation = draft->operation;
    const std::uint8_t form = code->byte();
    const bool in_file[2] = {operation.kind == BWRT_OP_READ, operation.kind == BWRT_OP_WRITE};
    const Thing* layouts[2] = {nullptr, nullptr};
    if (form % 3 != 1) layouts[0] = draw_thing(code, in_file[0], true);
    if (form % 3 != 2) layouts[1] = draw_thing(code, in_file[1], true);
    const Thing* lead = layouts[1] != nullptr ? layouts[1] : layouts[0];
    if (lead == nullptr) {  // no layout yet: rows will do
        draw_rows(code, &operation);
        return;
    }
    const std::uint32_t count = 1 + code->byte() % 8;
    const std::uint8_t first = code->byte();
    operation.slot_count = draft->slot_capacity = count;
    for (int side = 0; side < 2; ++side) {
        if (layouts[side] == nullptr) {
            draw_side(code, in_file[side], side == 1, count * lead->plan.block_bytes, &operation);
            continue;
        }
        (side == 1 ? operation.target : operation.source) = layouts[side]->handle;
        auto slots = std::make_unique<std::uint32_t[]>(count);
        for (std::uint32_t i = 0; i < count; ++i) {
            slots[i] = (first + i) % layouts[side]->plan.slot_count;
            if ((form & 0x10) != 0) {  // in another order, some skipped, some that are not there
                const std::uint8_t slot = code->byte();
                slots[i] = slot >= 0xF0   ? layouts[side]->plan.slot_count + slot % 4u - 1
                           : slot >= 0xC0 ? BWRT_NONE
                                          : slot % layouts[side]->plan.slot_count;
            }
        }
        (side == 1 ? operation.target_slots : operation.source_slots) = slots.get();
        (side == 1 ? draft->target_slots : draft->source_slots) = std::move(slots);
    }
    const auto plane_count = static_cast<std::uint32_t>(lead->plan.planes.size());
    if ((form & 0x20) != 0) {
        operation.plane_first = code->byte() % plane_count;
        operation.plane_count = code->byte() % (plane_count - operation.plane_first + 1);
    }
    if ((form & 0x40) != 0) {
        operation.image_offset_bytes = code->word() % lead->plan.block_bytes;
        operation.length_bytes =
            code->word() % (lead->plan.block_bytes - operation.image_offset_bytes + 1);
    }
}

void Runner::draw_flush_or_signal(Bytecode* code, bwrt_operation* operation) {
    if (operation->kind == BWRT_OP_FLUSH) {
        const Thing* file = draw_thing(code, true, false);
        operation->target = file == nullptr ? 0 : file->handle;
        return;
    }
    const std::uint8_t form = code->byte();
    operation->length_bytes = (form & 1) != 0 ? 4 : 8;
    draw_side(code, false, true, 8, operation);
    if ((form & 2) == 0) operation->target_offset_bytes &= ~std::uint64_t{7};
    operation->value_done = code->byte();
    operation->value_failed = operation->value_done + 1;
    if ((form & 4) != 0) operation->value_done |= std::uint64_t{1} << code->byte() % 64;
}

void Runner::draw_gemm(Bytecode* code, Draft* draft) {
    const std::uint8_t sides = code->byte();
    const std::uint8_t form = code->byte();
    draft->gemm = std::make_unique<bwrt_gemm>();
    bwrt_gemm& gemm = *draft->gemm;
    gemm.struct_size = sizeof gemm;
    gemm.m = 1 + sides % 4;
    gemm.n = 1 + sides / 4 % 8;
    gemm.k = 1 + sides / 32;
    const std::uint64_t spans[3] = {gemm.m * gemm.k * 4u, gemm.k * gemm.n * 4u,
                                    gemm.m * gemm.n * 4u};
    bwrt_operation& operation = draft->operation;
    bwrt_operation b = {};
    draw_side(code, false, false, spans[0], &operation);
    draw_side(code, false, false, spans[1], &b);
    draw_side(code, false, true, spans[2], &operation);
    gemm.b = b.source;
    gemm.b_offset_bytes = b.source_offset_bytes;
    if ((form & 0x01) == 0) {
        operation.source_offset_bytes &= ~std::uint64_t{3};
        operation.target_offset_bytes &= ~std::uint64_t{3};
        gemm.b_offset_bytes &= ~std::uint64_t{3};
    }
    if ((form & 0x02) != 0) operation.source_stride_bytes = code->byte() % 32 * 4;
    if ((form & 0x04) != 0) gemm.b_stride_bytes = code->byte() % 32 * 4;
    if ((form & 0x08) != 0) operation.target_stride_bytes = code->byte() % 32 * 4;
    if ((form & 0x10) != 0) gemm.b_stride_bytes = -gemm.b_stride_bytes;
    if ((form & 0x20) != 0) gemm.struct_size = draw_bytes(code, sizeof gemm);
    if ((form & 0x40) != 0) break_field(&gemm, kGemmFields, code);
    operation.gemm = &gemm;
}

// Deadlines and windows: none, past, soon, in an hour; of time or of the engine's steps.
void Runner::draw_times(Bytecode* code, bwrt_wave* wave) {
    constexpr std::uint64_t kHourNs = 3'600'000'000'000;
    const std::uint64_t now = now_ns();
    const std::uint64_t times[] = {
        0, 1, now - 1'000'000, now, now + 50'000, now + 400'000, now + 1'000'000, now + kHourNs};
    const std::uint8_t deadline = code->byte();
    wave->deadline_ns = times[deadline % 8];
    if ((deadline & 0x08) != 0) {
        wave->flags |= BWRT_WAVE_DEADLINE_RELATIVE;
        wave->deadline_ns = deadline % 8 == 7 ? kHourNs : 20'000u * (deadline % 8u + 1u);
    }
    if (wave->deadline_ns != 0) wave->late = (deadline >> 4) % 3;
    const std::uint8_t window = code->byte();
    if (window % 4 == 0 && window != 0) {
        wave->window = BWRT_WINDOW_TOKEN;
        wave->window_start = (window >> 2) % 8;
        const std::uint8_t length = window >> 5;
        if (length != 0) wave->window_end = wave->window_start + length;
        if (length > 4) wave->flags |= BWRT_WAVE_WINDOW_ABORT;
    }
    if (window % 4 == 0) return;
    wave->window = BWRT_WINDOW_TIME;
    wave->window_start = times[(window >> 2) % 8];
    wave->window_end = times[(window >> 5) % 8];
    if (window % 4 == 2 && wave->window_start < ~kHourNs) {
        wave->window_end = wave->window_start + 100'000u * (1u + (window >> 5));
    }
    if (window % 4 == 3) wave->flags |= BWRT_WAVE_WINDOW_ABORT;
}

}  // namespace bwrt::fuzz
