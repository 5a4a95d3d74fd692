// SPDX-License-Identifier: Apache-2.0
//
// draw_blocks.cpp — from bytes to block operations: few keys, so that they meet again, and a length
// that is a key's own unless the input says otherwise.

#include <cstring>

#include "tests/fuzz/machine.h"

namespace bwrt::fuzz {
namespace {

constexpr std::uint32_t kChainBlocks = 4;
constexpr std::uint32_t kLengths[] = {1000, 4096, 100, 24, 512, 9000, 4097, 70'000};
constexpr std::uint32_t kLongBytes = 30'000;  // of which an operation has one

constexpr Field kOptionFields[] = {
    BWRT_FUZZ_FIELD(bwrt_block_options, closure),
    BWRT_FUZZ_FIELD(bwrt_block_options, layout_digest),
    BWRT_FUZZ_FIELD(bwrt_block_options, window_blocks),
    BWRT_FUZZ_FIELD(bwrt_block_options, ttl_s),
    BWRT_FUZZ_FIELD(bwrt_block_options, access_count),
    BWRT_FUZZ_FIELD(bwrt_block_options, complexity_milli),
    BWRT_FUZZ_FIELD(bwrt_block_options, time_variance_milli),
    BWRT_FUZZ_FIELD(bwrt_block_options, reserved),
};

}  // namespace

void draw_identity(std::uint32_t number, void* identity_out) {
    std::uint8_t identity[BWRT_BLOCK_ID_BYTES] = {};
    if (number != 0xFF) {  // 32 zeros name no block
        number %= kIdentityCount;
        for (std::uint32_t i = 0; i < sizeof identity; ++i) {
            identity[i] = static_cast<std::uint8_t>(1 + number * 37 + i * (number + 3));
        }
    }
    std::memcpy(identity_out, identity, sizeof identity);
}

void Runner::draw_blocks(Bytecode* code, WaveRecord* record, Draft* draft) {
    bwrt_operation& operation = draft->operation;
    const std::uint8_t form = code->byte();
    const std::uint8_t first = code->byte();
    const std::uint64_t length = kLengths[first / kChainBlocks % 8];
    const std::uint32_t count = length > kLongBytes ? 1 : 1 + form % 4;
    operation.block_first = static_cast<std::uint32_t>(record->blocks.size());
    operation.slot_count = draft->slot_capacity = count;
    for (std::uint32_t i = 0; i < count; ++i) {
        bwrt_block block = {};
        draw_identity(first == 0xFF ? 0xFF : (first + i) % 0xFF, block.identity);
        block.part = (form & 0x08) != 0 ? 1 : 0;
        record->blocks.push_back(block);
    }
    if (operation.kind == BWRT_OP_MOVE) {
        operation.tier = (form & 0x04) != 0 ? BWRT_TIER_HOST : BWRT_TIER_DISK;
    }
    const bool moves = operation.kind == BWRT_OP_PUT || operation.kind == BWRT_OP_GET;
    if (moves) draw_block_side(code, form, length, draft);
    if ((form & 0x40) != 0 && moves) draw_block_options(code, draft);
    if ((form & 0x80) == 0) return;
    const std::uint8_t more = code->byte();
    const std::uint32_t flags = operation.kind == BWRT_OP_PUT   ? more % 32u
                                : operation.kind < BWRT_OP_DROP ? more % 8u & 6u
                                                                : 0u;
    operation.flags = flags | (more >= 0xF0 ? 1u << code->byte() % 32 : 0u);
    if (operation.kind != BWRT_OP_PUT) return;
    if (operation.block_first == 0) operation.flags &= ~std::uint32_t{BWRT_BLOCK_CONTINUES};
    constexpr std::uint32_t kTiers[] = {BWRT_TIER_NONE, BWRT_TIER_HOST, BWRT_TIER_DISK,
                                        BWRT_TIER_NONE};
    operation.tier = kTiers[more / 32 % 4];
}

void Runner::draw_block_side(Bytecode* code, std::uint8_t form, std::uint64_t length,
                             Draft* draft) {
    bwrt_operation& operation = draft->operation;
    const bool is_target = operation.kind == BWRT_OP_GET;
    const Thing* layout = (form & 0x10) != 0 ? draw_thing(code, false, true) : nullptr;
    if (layout == nullptr) {
        operation.length_bytes = length;
        if ((form & 0x20) != 0) operation.length_bytes = 1 + code->word() % 20'000;
        draw_side(code, false, is_target, operation.length_bytes * operation.slot_count,
                  &operation);
        return;
    }
    (is_target ? operation.target : operation.source) = layout->handle;
    auto slots = std::make_unique<std::uint32_t[]>(operation.slot_count);
    const std::uint8_t at = code->byte();
    for (std::uint32_t i = 0; i < operation.slot_count; ++i) {
        slots[i] = (at + i) % layout->plan.slot_count;
        if ((form & 0x20) == 0) continue;
        const std::uint8_t slot = code->byte();
        slots[i] = slot >= 0xF0   ? layout->plan.slot_count + slot % 4u - 1
                   : slot >= 0xC0 ? BWRT_NONE
                                  : slot % layout->plan.slot_count;
    }
    (is_target ? operation.target_slots : operation.source_slots) = slots.get();
    (is_target ? draft->target_slots : draft->source_slots) = std::move(slots);
}

void Runner::draw_block_options(Bytecode* code, Draft* draft) {
    const std::uint8_t what = code->byte();
    Sized<bwrt_block_options> sized((what & 0x20) != 0 ? code->byte() : 0);
    bwrt_block_options& options = *sized.get();
    options.layout_digest = (what & 0x07) != 0 && draft->operation.length_bytes != 0 ? what & 3 : 0;
    if (draft->operation.kind == BWRT_OP_PUT) {
        options.closure = (what >> 3) % 4 % 3;
        if (options.closure == BWRT_CLOSURE_WINDOW) options.window_blocks = 1 + code->byte() % 8;
        if ((what & 0x40) != 0) {
            options.ttl_s = code->byte() * 3600u;
            options.access_count = code->byte();
            options.complexity_milli = code->byte() * 300u;
            options.time_variance_milli = code->byte() * 5u;
        }
    }
    if ((what & 0x80) != 0) break_field(&options, kOptionFields, code);
    draft->operation.block_options = &options;
    draft->options = std::move(sized.memory);
}

}  // namespace bwrt::fuzz
