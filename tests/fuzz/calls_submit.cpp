// SPDX-License-Identifier: Apache-2.0
//
// calls_submit.cpp — a wave: drawn, made lawful, its bytes claimed, submitted.

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "tests/fuzz/machine.h"

namespace bwrt::fuzz {
namespace {

constexpr Field kWaveFields[] = {
    BWRT_FUZZ_FIELD(bwrt_wave, flags),        BWRT_FUZZ_FIELD(bwrt_wave, operation_count),
    BWRT_FUZZ_FIELD(bwrt_wave, priority),     BWRT_FUZZ_FIELD(bwrt_wave, delivery),
    BWRT_FUZZ_FIELD(bwrt_wave, late),         BWRT_FUZZ_FIELD(bwrt_wave, window),
    BWRT_FUZZ_FIELD(bwrt_wave, deadline_ns),  BWRT_FUZZ_FIELD(bwrt_wave, window_start),
    BWRT_FUZZ_FIELD(bwrt_wave, window_end),   BWRT_FUZZ_FIELD(bwrt_wave, wait_for[0]),
    BWRT_FUZZ_FIELD(bwrt_wave, result_count), BWRT_FUZZ_FIELD(bwrt_wave, group_count),
    BWRT_FUZZ_FIELD(bwrt_wave, after_kind),   BWRT_FUZZ_FIELD(bwrt_wave, after),
    BWRT_FUZZ_FIELD(bwrt_wave, after_device),
};

constexpr Field kBlockWaveFields[] = {
    BWRT_FUZZ_FIELD(bwrt_wave, block_count),
    BWRT_FUZZ_FIELD(bwrt_wave, block_bytes),
    BWRT_FUZZ_FIELD(bwrt_wave, tenant),
};

constexpr std::uint64_t kArrayBytesMax = 64 << 10;

// As many elements as were said, and not a byte more; null when there may not be so many.
std::unique_ptr<std::byte[]> array_of(std::uint32_t count, std::uint32_t bytes, std::size_t ours) {
    if (!is_stride(bytes, ours)) return std::make_unique<std::byte[]>(8);
    if (std::uint64_t{count} * bytes > kArrayBytesMax) return nullptr;
    auto array = std::make_unique<std::byte[]>(std::size_t{count} * bytes);
    std::fill_n(array.get(), std::size_t{count} * bytes, kUntouchedByte);
    return array;
}

}  // namespace

// Who it is for, when, after whom and where it reports; the operations are drawn in between.
void Runner::draw_header(Bytecode* code, WaveRecord* record) {
    const std::uint8_t shape = code->byte();
    const std::uint8_t oddity = code->byte();
    bwrt_wave& wave = record->wave;
    wave.struct_size = sizeof wave;
    wave.delivery = shape % 4 == 3 ? std::uint32_t{BWRT_DELIVER_WAIT} : shape % 4u;
    if ((shape & 0x20) != 0) {
        const std::uint8_t order = code->byte();
        wave.priority = order % 4 % 3;
        if ((order & 4) != 0) wave.flags |= BWRT_WAVE_BARRIER;
        for (std::uint32_t i = 0; i < (order >> 3) % 5u; ++i) wave.wait_for[i] = draw_wave(code);
    }
    if ((shape & 0x40) != 0) draw_times(code, &wave);
    if ((shape & 0x80) != 0 && wave.delivery != BWRT_DELIVER_DETACHED) {
        const std::uint8_t arrays = code->byte();
        wave.result_bytes = sizeof(bwrt_result);
        wave.group_bytes = sizeof(bwrt_group_result);
        if ((arrays & 4) != 0) wave.result_bytes = draw_bytes(code, sizeof(bwrt_result));
        if ((arrays & 8) != 0) wave.group_bytes = draw_bytes(code, sizeof(bwrt_group_result));
        const std::uint32_t few = (arrays & 16) != 0 ? code->byte() % 8u : 48;
        wave.result_count = (arrays & 1) != 0 ? few : 0;
        wave.group_count = (arrays & 2) != 0 ? few : 0;
    }
    if (session().has_planner && code->byte() % 2 == 1) wave.flags |= BWRT_WAVE_PLANNED;
    record->drafts.resize(1 + (shape >> 2 & 7u) % 6);
    for (Draft& draft : record->drafts) draw_operation(code, record, &draft);
    if (!record->blocks.empty()) {
        wave.block_count = static_cast<std::uint32_t>(record->blocks.size());
        wave.block_bytes = sizeof(bwrt_block);
        if ((oddity & 0x20) != 0) wave.tenant = code->byte() % 4;
        if ((oddity & 0x40) != 0) break_field(&wave, kBlockWaveFields, code);
        // Blocks that are said to be there are there.
        wave.block_count =
            std::min(wave.block_count, static_cast<std::uint32_t>(record->blocks.size()));
        // Of most it is known what became of each.
        if (wave.delivery != BWRT_DELIVER_DETACHED && (oddity & 0x10) == 0 &&
            wave.result_bytes == 0) {
            wave.result_bytes = sizeof(bwrt_result);
            wave.result_count = 48;
        }
    }
    const auto count = static_cast<std::uint32_t>(record->drafts.size());
    wave.operation_count = count;
    wave.operation_bytes = sizeof(bwrt_operation);
    if ((oddity & 1) != 0) break_field(&wave, kWaveFields, code);
    if ((oddity & 2) != 0) wave.operation_bytes = draw_bytes(code, sizeof(bwrt_operation));
    if ((oddity & 4) != 0) wave.struct_size = draw_bytes(code, sizeof wave);
    if (wave.struct_size <= offsetof(bwrt_wave, tenant)) wave.tenant = 0;  // it is not looked at
    if ((oddity & 8) != 0) wave.wait_for[code->byte() % 4] = draw_handle(code);
    // Operations that are said to be there are there; more than the limit are never looked at.
    if (wave.operation_count <= session().caps.operation_count_max) {
        wave.operation_count = std::min(wave.operation_count, count);
    }
    if (wave.delivery == BWRT_DELIVER_DETACHED && oddity < 0x80) return;
    if (wave.result_bytes != 0 && wave.result_count != 0) {
        record->results = array_of(wave.result_count, wave.result_bytes, sizeof(bwrt_result));
        wave.results = reinterpret_cast<bwrt_result*>(record->results.get());
    }
    if (wave.group_bytes != 0 && wave.group_count != 0) {
        record->groups = array_of(wave.group_count, wave.group_bytes, sizeof(bwrt_group_result));
        wave.groups = reinterpret_cast<bwrt_group_result*>(record->groups.get());
    }
}

// Finds out the wave's pieces.  False when a lawful caller would not submit it.
bool Runner::expand_wave(WaveRecord* record, bool* must_refuse) {
    *must_refuse = session().is_closing && alone_;
    const auto drawn = static_cast<std::uint32_t>(record->drafts.size());
    for (std::uint32_t i = 0; i < std::min(drawn, record->wave.operation_count); ++i) {
        const Draft& draft = record->drafts[i];
        const bwrt_operation& op = draft.operation;
        if (op.slot_count > draft.slot_capacity && op.slot_count <= session().caps.slot_count_max) {
            return false;
        }
        std::uint32_t entries = 0, group_last = 0;
        const Verdict verdict = expand(&machine_, session_, op, record, &entries, &group_last);
        if (verdict == Verdict::kUnlawful) return false;
        if (verdict == Verdict::kRefused) {
            *must_refuse = *must_refuse || alone_;
            entries = 0;
        }
        record->group_count = std::max(record->group_count, group_last + 1);
        record->reads_file = record->reads_file || op.kind == BWRT_OP_READ;
        record->operations.push_back(op);
        record->entry_operations.insert(record->entry_operations.end(), entries, i);
        record->entry_count += entries;
    }
    const auto is_far = [](const Space* space, std::uint64_t first, std::uint64_t bytes) {
        return space != nullptr && space->is_file && first + bytes > space->tracked_bytes;
    };
    for (const Piece& piece : record->pieces) {
        record->may_fail = record->may_fail ||
                           is_far(piece.source, piece.source_first, piece.length_bytes) ||
                           is_far(piece.target, piece.target_first, piece.length_bytes);
    }
    const bool cannot_plan =
        (record->wave.flags & BWRT_WAVE_PLANNED) != 0 && !session().has_planner;
    *must_refuse = *must_refuse || overlaps_itself(*record) || (cannot_plan && alone_);
    if (!record->blocks.empty() && alone_) {
        *must_refuse = *must_refuse || record->wave.block_count == 0 ||
                       record->wave.block_bytes != sizeof(bwrt_block) ||
                       session().store.tenants.count(record->wave.tenant) == 0;
    }
    if (*must_refuse) {
        record->pieces.clear();
        record->block_uses.clear();
    }
    return true;
}

bool Runner::can_claim(const WaveRecord& record, std::uint16_t id) {
    const Lock lock(machine_.mutex);
    if (!World::claim(record.pieces, id)) return false;
    for (const Piece& piece : record.pieces) World::unclaim(piece);
    return true;
}

// Where it can be proved from bounds and strides, and has to be: of two operations one of which
// is a single row.
bool Runner::overlaps_itself(const WaveRecord& record) {
    const auto operation_of = [&](const Piece& piece) -> const bwrt_operation& {
        return record.operations[record.entry_operations[piece.entry]];
    };
    const auto is_flat = [&](const Piece& piece) {
        return operation_of(piece).row_count <= 1 && operation_of(piece).slot_count == 0 &&
               !piece.in_gemm;
    };
    const auto meet = [](const Space* a, std::uint64_t x, std::uint64_t x_bytes, const Space* b,
                         std::uint64_t y, std::uint64_t y_bytes) {
        return a == b && x < y + y_bytes && y < x + x_bytes;
    };
    for (std::size_t i = 0; i < record.pieces.size(); ++i) {
        const Piece& a = record.pieces[i];
        if (is_flat(a) && !a.target->is_file &&
            meet(a.source, a.source_first, a.length_bytes, a.target, a.target_first,
                 a.length_bytes)) {
            return true;
        }
        for (std::size_t j = i + 1; j < record.pieces.size(); ++j) {
            const Piece& b = record.pieces[j];
            if (a.in_gemm || b.in_gemm) continue;
            if (a.entry == b.entry || (!is_flat(a) && !is_flat(b)) ||
                operation_of(a).slot_count != 0 || operation_of(b).slot_count != 0) {
                continue;
            }
            // Two regions of one file are not known to be of one file.
            if (a.target->is_file && operation_of(a).target != operation_of(b).target) continue;
            if (meet(a.target, a.target_first, a.length_bytes, b.target, b.target_first,
                     b.length_bytes)) {
                return true;
            }
        }
    }
    return false;
}

void Runner::check_refusal(bwrt_status status, const Answer& answer) {
    if (status == BWRT_E_CLOSED && !session().is_closing) found("closed, and was not shut down");
    if (status != BWRT_E_AGAIN || !alone_ || !answer.names("config.wave_count_max")) return;
    // Slots are had by waves that are not delivered, and by those that others wait for.
    if (machine_.live_count(session_) == 0) found("no wave is alive and all slots are in use");
}

void Runner::submit_prepared(WaveRecord* record, std::uint16_t id, bool must_refuse,
                             bool ask_error) {
    // Everything borrowed until the call returns lies in memory that is gone then.
    const bwrt_wave& drawn = record->wave;
    const bool strides = is_stride(drawn.operation_bytes, sizeof(bwrt_operation));
    const std::size_t stride = strides ? drawn.operation_bytes : sizeof(bwrt_operation);
    auto operations = std::make_unique<std::byte[]>(stride * record->operations.size() + 8);
    for (std::size_t i = 0; i < record->operations.size(); ++i) {
        std::memcpy(operations.get() + i * stride, &record->operations[i], sizeof(bwrt_operation));
    }
    const bool known_size = drawn.struct_size >= sizeof drawn && drawn.struct_size <= 4096;
    auto memory = std::make_unique<std::byte[]>(known_size ? drawn.struct_size : sizeof drawn);
    auto* wave = reinterpret_cast<bwrt_wave*>(memory.get());
    *wave = drawn;
    if (known_size && drawn.struct_size > sizeof drawn && id % 4 == 3) {
        memory[drawn.struct_size - 1] = std::byte{1};  // a field of a later release
    }
    wave->operations = reinterpret_cast<bwrt_operation*>(operations.get());
    auto blocks = std::make_unique<std::byte[]>(sizeof(bwrt_block) * record->blocks.size());
    if (!record->blocks.empty()) {
        std::memcpy(blocks.get(), record->blocks.data(),
                    sizeof(bwrt_block) * record->blocks.size());
        wave->blocks = reinterpret_cast<bwrt_block*>(blocks.get());
    }

    constexpr bwrt_handle kUntouched = 0xABCDEF;
    bwrt_handle handle = kUntouched;
    Answer answer(ask_error);
    const bwrt_status status = answer.check(
        bwrt_submit_wave(session().runtime, wave, &handle, answer.place()), "bwrt_submit_wave");

    const Lock lock(machine_.mutex);
    record->drafts.clear();
    if (status != BWRT_OK) {
        if (handle != kUntouched) found("a refused wave has a handle");
        ++session().refused_count;
        check_refusal(status, answer);
        machine_.refuse(record);
        return;
    }
    if (must_refuse) found("wave %u was taken, and had to be refused", id);
    if (handle == 0 || (record->handle != 0 && record->handle != handle)) {
        found("wave %u has an odd handle", id);
    }
    ++session().accepted_count;
    record->handle = handle;
    if (record->state == WaveRecord::State::kSubmitting) record->state = WaveRecord::State::kLive;
}

// The oracle learns of it first: other calls may see what it does before it returns.
void Runner::submit_blocks(WaveRecord* record) {
    record->submitted = machine_.oracle.tick();
    for (BlockUse& use : record->block_uses) {
        if (use.kind == BWRT_OP_UNPIN) session().store.unpinned.insert(use.key);
        if (use.kind != BWRT_OP_PUT) continue;
        std::vector<std::byte> bytes(use.length_bytes);
        for (const Piece& piece : record->pieces) {
            if (piece.entry != use.entry) continue;
            std::memcpy(bytes.data() + piece.image_first, piece.source->actual + piece.source_first,
                        piece.length_bytes);
        }
        use.content = machine_.oracle.submit_put(use.key, std::move(bytes), use.layout);
    }
}

// Its bytes are its own from now on.
void Runner::submit_claimed(WaveRecord* record) {
    record->state = WaveRecord::State::kSubmitting;
    for (const Piece& piece : record->pieces) {
        if (piece.target == nullptr || !piece.target->is_file) continue;
        piece.target->is_dirty = true;
        piece.target->length_bytes =
            std::max(piece.target->length_bytes, piece.target_first + piece.length_bytes);
    }
    const std::uint64_t begin = record->wave.window_start;
    const bool waits = (record->wave.window == BWRT_WINDOW_TIME && begin > now_ns() + 2'000'000) ||
                       (record->wave.window == BWRT_WINDOW_TOKEN && begin > session().token);
    session().has_distant_wave = session().has_distant_wave || waits;
    submit_blocks(record);
}

void Runner::submit(Bytecode* code) {
    WaveRecord* record = nullptr;
    std::uint16_t id = 0;
    bool must_refuse = false;
    {
        const Lock lock(machine_.mutex);
        if (session().runtime == nullptr || machine_.wave_count == Machine::kWaveCountMax) return;
        record = &machine_.waves[machine_.wave_count++];
        id = static_cast<std::uint16_t>(machine_.wave_count);
        record->session = session_;
        record->wave.user_data = id;
        draw_header(code, record);
        if (!expand_wave(record, &must_refuse)) {
            record->pieces.clear();
            machine_.refuse(record);
            Tally::count("an unlawful wave, kept back", BWRT_OK);
            return;
        }
    }
    // Who has one of its bytes may be over.
    if (alone_ && !can_claim(*record, id)) settle();
    {
        const Lock lock(machine_.mutex);
        if (!World::claim(record->pieces, id)) {
            record->pieces.clear();
            machine_.refuse(record);
            Tally::count("a wave whose bytes are not free, kept back", BWRT_OK);
            return;
        }
        submit_claimed(record);
    }
    submit_prepared(record, id, must_refuse, ask_error_);
}

}  // namespace bwrt::fuzz
