// SPDX-License-Identifier: Apache-2.0
//
// calls_names.cpp — the names of blocks, for which nobody needs a runtime.

#include <cstring>

#include "tests/fuzz/machine.h"

namespace bwrt::fuzz {
namespace {

constexpr Field kInputFields[] = {
    BWRT_FUZZ_FIELD(bwrt_block_id_input, struct_size),
    BWRT_FUZZ_FIELD(bwrt_block_id_input, block_token_count),
    BWRT_FUZZ_FIELD(bwrt_block_id_input, media_item_bytes),
    BWRT_FUZZ_FIELD(bwrt_block_id_input, layer_first),
    BWRT_FUZZ_FIELD(bwrt_block_id_input, layer_count),
    BWRT_FUZZ_FIELD(bwrt_block_id_input, rank),
    BWRT_FUZZ_FIELD(bwrt_block_id_input, rank_count),
    BWRT_FUZZ_FIELD(bwrt_block_id_input, reserved),
};
constexpr Field kMediaFields[] = {
    BWRT_FUZZ_FIELD(bwrt_media_item, token_first),
    BWRT_FUZZ_FIELD(bwrt_media_item, token_count),
    BWRT_FUZZ_FIELD(bwrt_media_item, reserved),
};

}  // namespace

void Runner::name_blocks(Bytecode* code) {
    const std::uint8_t form = code->byte();
    const std::uint32_t token_count = code->byte();
    auto tokens = std::make_unique<std::uint32_t[]>(token_count);
    for (std::uint32_t i = 0; i < token_count; ++i) tokens[i] = i * form;
    std::uint8_t parent[BWRT_BLOCK_ID_BYTES];
    draw_identity(code->byte(), parent);
    bwrt_block_id_input input = {};
    input.struct_size = sizeof input;
    input.block_token_count = code->byte() % 40;
    input.tokens = tokens.get();
    input.token_count = token_count;
    if ((form & 1) != 0) input.parent = parent;
    const std::uint32_t item_count = (form >> 1) % 4;
    auto items = std::make_unique<bwrt_media_item[]>(item_count);
    for (std::uint32_t i = 0; i < item_count; ++i) {
        items[i].token_first = static_cast<std::int8_t>(code->byte());
        items[i].token_count = code->byte() % 64;
        items[i].digest = {parent, sizeof parent};
        if ((form & 0x10) != 0) break_field(&items[i], kMediaFields, code);
    }
    input.media_items = item_count == 0 ? nullptr : items.get();
    input.media_item_count = item_count;
    input.media_item_bytes = item_count == 0 ? 0 : sizeof(bwrt_media_item);
    if ((form & 0x20) != 0) {
        bwrt_span* const spans[] = {&input.model, &input.weights, &input.dtype, &input.salt};
        bwrt_span& span = *spans[code->byte() % 4];
        span.length_bytes = code->byte() % (sizeof parent + 1);
        span.address = code->byte() < 0xE0 ? parent : nullptr;
    }
    if ((form & 0x80) != 0) break_field(&input, kInputFields, code);
    if (input.struct_size > sizeof input && input.struct_size <= 65536) return;
    const std::uint32_t capacity = code->byte() < 0xC0 ? 256 : 3;
    auto ids = untouched<std::uint8_t>(std::size_t{capacity} * BWRT_BLOCK_ID_BYTES);
    std::uint32_t count = kUntouchedCount;
    Answer answer(ask_error_);
    const bwrt_status status = answer.check(
        bwrt_block_id(&input, ids.get(), capacity, &count, answer.place()), "bwrt_block_id");
    const std::uint32_t each = input.block_token_count != 0 ? input.block_token_count : token_count;
    const std::uint32_t due = each == 0 ? 0 : token_count / each;
    const std::uint32_t used = status == BWRT_OK ? due : 0;
    if (count != (status == BWRT_OK ? due : kUntouchedCount) || used > capacity ||
        !is_untouched(ids.get() + std::size_t{used} * BWRT_BLOCK_ID_BYTES,
                      std::size_t{capacity - used} * BWRT_BLOCK_ID_BYTES)) {
        found("%u names of %u blocks", count, due);
    }
}

// However the bytes are cut into spans, their name is the same.
void Runner::name_content(Bytecode* code) {
    const std::uint8_t form = code->byte();
    const std::uint32_t length = (form & 0x10) != 0 ? 0 : 1 + code->word() % 4096;
    const std::uint32_t cut = code->word() % (length + 1);
    auto bytes = std::make_unique<std::uint8_t[]>(length);
    for (std::uint32_t i = 0; i < length; ++i) bytes[i] = static_cast<std::uint8_t>(i * form);
    const bwrt_span parts[] = {{bytes.get(), cut},
                               {nullptr, 0},
                               {(form & 0x80) != 0 ? nullptr : bytes.get() + cut, length - cut}};
    const bwrt_span whole = {bytes.get(), length};
    auto first = untouched<std::uint8_t>(BWRT_BLOCK_ID_BYTES);
    auto second = untouched<std::uint8_t>(BWRT_BLOCK_ID_BYTES);
    Answer answer(ask_error_);
    const bwrt_status status =
        answer.check(bwrt_content_id((form & 0x40) != 0 ? nullptr : parts,
                                     (form & 0x20) != 0 ? 0 : 3, first.get(), answer.place()),
                     "bwrt_content_id");
    if (status != BWRT_OK) {
        if (!is_untouched(first.get(), BWRT_BLOCK_ID_BYTES)) found("what was refused has a name");
        return;
    }
    if (bwrt_content_id(&whole, 1, second.get(), nullptr) != BWRT_OK ||
        std::memcmp(first.get(), second.get(), BWRT_BLOCK_ID_BYTES) != 0) {
        found("the same bytes have two names");
    }
}

}  // namespace bwrt::fuzz
