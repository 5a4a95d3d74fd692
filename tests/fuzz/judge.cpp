// SPDX-License-Identifier: Apache-2.0
//
// judge.cpp — a completion held against what was asked for, against its results and groups, and
// against the bytes.

#include <algorithm>
#include <cstring>
#include <initializer_list>

#include "tests/fuzz/machine.h"

namespace bwrt::fuzz {
namespace {

unsigned long long ull(std::uint64_t value) { return value; }

class Judge {
 public:
    Judge(const WaveRecord& record, std::uint16_t id, const bwrt_completion& end,
          const Session& session)
        : record_(record), id_(id), end_(end), session_(session), ok_(end.status == BWRT_OK) {}

    void judge() {
        check_status();
        check_completion();
        if (record_.results != nullptr) check_results();
        if (record_.groups != nullptr) check_groups();
        for (const Piece& piece : record_.pieces) judge_piece(piece);
    }

 private:
    [[nodiscard]] bwrt_result result(std::uint32_t entry) const {
        bwrt_result result;
        std::memcpy(&result, record_.results.get() + std::size_t{entry} * record_.wave.result_bytes,
                    sizeof result);
        return result;
    }
    [[nodiscard]] bwrt_group_result group(std::uint32_t index) const {
        bwrt_group_result group;
        std::memcpy(&group, record_.groups.get() + std::size_t{index} * record_.wave.group_bytes,
                    sizeof group);
        return group;
    }
    [[nodiscard]] std::uint64_t deadline_ns() const {
        const bwrt_wave& wave = record_.wave;
        if (wave.deadline_ns == 0) return ~std::uint64_t{0};
        if ((wave.flags & BWRT_WAVE_DEADLINE_RELATIVE) == 0) return wave.deadline_ns;
        const std::uint64_t sum = end_.submitted_ns + wave.deadline_ns;
        return sum < wave.deadline_ns ? ~std::uint64_t{0} : sum;
    }

    [[nodiscard]] bool has(std::initializer_list<std::uint32_t> kinds) const {
        return std::any_of(record_.block_uses.begin(), record_.block_uses.end(),
                           [&](const BlockUse& use) {
                               return std::count(kinds.begin(), kinds.end(), use.kind) != 0;
                           });
    }

    // The window has begun, and is not over; as far as it was told before the call.
    [[nodiscard]] bool may_begin() const {
        const bwrt_wave& wave = record_.wave;
        if (wave.window == BWRT_WINDOW_TIME) return end_.finished_ns >= wave.window_start;
        return wave.window != BWRT_WINDOW_TOKEN || session_.token >= wave.window_start;
    }
    [[nodiscard]] bool may_be_over() const {
        const bwrt_wave& wave = record_.wave;
        if (wave.window == BWRT_WINDOW_NONE || wave.window_end == 0) return false;
        return wave.window == BWRT_WINDOW_TIME ? end_.finished_ns >= wave.window_end
                                               : session_.token >= wave.window_end;
    }

    void check_status() const {
        const bwrt_wave& wave = record_.wave;
        const bool is_planned = (wave.flags & BWRT_WAVE_PLANNED) != 0;
        bool possible = false;
        switch (end_.status) {
            case BWRT_OK:
                possible = true;
                break;
            case BWRT_E_CANCELLED:
                possible = record_.is_cancelled || session_.all_cancelled;
                break;
            case BWRT_E_LATE:
                possible = wave.late != BWRT_LATE_FINISH &&
                           (end_.finished_ns >= deadline_ns() || is_planned);
                break;
            case BWRT_E_WINDOW:
                possible = may_be_over();
                break;
            case BWRT_E_AGAIN:  // it has waited in as many windows as anything may
                possible = is_planned && end_.bytes == 0;
                break;
            case BWRT_E_DEPENDENCY:
                possible = std::any_of(wave.wait_for, wave.wait_for + 4,
                                       [](bwrt_handle handle) { return handle != 0; });
                break;
            case BWRT_E_TRUNCATED:
                possible = record_.reads_file;
                break;
            case BWRT_E_IO:
                possible = record_.may_fail;
                break;
            case BWRT_E_NOSPC:
                possible = record_.may_fail || !record_.block_uses.empty();
                break;
            case BWRT_E_MISS:
                possible =
                    has({BWRT_OP_GET, BWRT_OP_PREFETCH, BWRT_OP_MOVE, BWRT_OP_PIN, BWRT_OP_UNPIN});
                break;
            case BWRT_E_CONFLICT:
                possible = has({BWRT_OP_PUT});
                break;
            case BWRT_E_BUSY:  // it is pinned
                possible = has({BWRT_OP_DROP, BWRT_OP_MOVE});
                break;
            default:
                break;
        }
        if (!possible) found("wave %u ended with %s", id_, bwrt_status_name(end_.status));
        if (end_.bytes != 0 && !may_begin()) {
            found("wave %u moved bytes before its window", id_);
        }
        const bool late = end_.finished_ns > deadline_ns();
        if (late != ((end_.flags & BWRT_COMPLETION_LATE) != 0)) {
            found("wave %u: the late flag lies", id_);
        }
    }

    void check_completion() const {
        std::uint64_t total = 0;
        for (const Piece& piece : record_.pieces) {
            total += piece.counted_bytes();
        }
        if (end_.bytes > total || (ok_ && end_.bytes != total)) {
            found("wave %u: %llu bytes of %llu", id_, ull(end_.bytes), ull(total));
        }
        if (end_.prefix_count > record_.entry_count ||
            (ok_ && end_.prefix_count != record_.entry_count)) {
            found("wave %u: prefix of %llu, %u entries", id_, ull(end_.prefix_count),
                  record_.entry_count);
        }
        const std::uint32_t verdict = ok_                      ? BWRT_VERDICT_LOADED
                                      : end_.prefix_count != 0 ? BWRT_VERDICT_PARTIAL
                                                               : BWRT_VERDICT_RECOMPUTE;
        if (end_.verdict != verdict) found("wave %u: verdict %u", id_, end_.verdict);
        if (end_.finished_ns < end_.submitted_ns) found("wave %u ended before it began", id_);
        if (end_.operation_index != BWRT_NONE &&
            (ok_ || end_.operation_index >= record_.operations.size())) {
            found("wave %u blames operation %u", id_, end_.operation_index);
        }
        if ((end_.flags & ~std::uint32_t{BWRT_COMPLETION_LATE}) != 0 ||
            std::any_of(end_.reserved, end_.reserved + 7,
                        [](std::uint64_t word) { return word != 0; })) {
            found("wave %u: its completion holds more than it should", id_);
        }
    }

    void check_results() const {
        std::uint64_t bytes = 0, prefix = 0;
        bool in_front = true;
        for (std::uint32_t entry = 0; entry < record_.entry_count; ++entry) {
            const bwrt_result one = result(entry);
            bytes += one.bytes;
            in_front = in_front && one.status == BWRT_OK;
            prefix += in_front ? 1 : 0;
            const std::uint32_t kind = record_.operations[record_.entry_operations[entry]].kind;
            const bool is_well = one.status == BWRT_OK;
            const std::uint32_t flags =
                is_well && kind == BWRT_OP_PUT ? std::uint32_t{BWRT_RESULT_PRESENT} : 0u;
            if ((one.address != 0 && !(is_well && kind == BWRT_OP_PIN)) ||
                (one.flags & ~flags) != 0 || (ok_ && !is_well)) {
                found("wave %u: result %u is odd: %s", id_, entry, bwrt_status_name(one.status));
            }
        }
        if (bytes != end_.bytes) found("wave %u: its results do not add up", id_);
        // A wave that never ran has no prefix, though pairs that were to be skipped are well.
        if (end_.prefix_count != prefix && end_.prefix_count != 0) {
            found("wave %u: a prefix of %llu, by its results %llu", id_, ull(end_.prefix_count),
                  ull(prefix));
        }
        check_rest(record_.results.get(), record_.entry_count, record_.wave.result_count,
                   record_.wave.result_bytes);
    }

    void check_groups() const {
        std::uint64_t bytes = 0;
        for (std::uint32_t i = 0; i < record_.group_count; ++i) {
            const bwrt_group_result one = group(i);
            std::uint64_t most = 0;
            for (const Piece& piece : record_.pieces) {
                if (piece.group == i) most += piece.counted_bytes();
            }
            bytes += one.bytes;
            if (one.bytes > most || (one.status == BWRT_OK && one.bytes != most) ||
                one.prefix_count > record_.entry_count || (ok_ && one.status != BWRT_OK)) {
                found("wave %u: group %u is odd: %s, %llu bytes of %llu", id_, i,
                      bwrt_status_name(one.status), ull(one.bytes), ull(most));
            }
        }
        if (bytes != end_.bytes) found("wave %u: its groups do not add up", id_);
        check_rest(record_.groups.get(), record_.group_count, record_.wave.group_count,
                   record_.wave.group_bytes);
    }

    // What is behind the last element in use was not written.
    void check_rest(const std::byte* array, std::uint32_t used, std::uint32_t count,
                    std::uint32_t stride) const {
        const std::byte* first = array + std::size_t{used} * stride;
        const std::byte* last = array + std::size_t{count} * stride;
        if (std::any_of(first, last, [](std::byte byte) { return byte != kUntouchedByte; })) {
            found("wave %u: results were written that it does not have", id_);
        }
    }

    void judge_piece(const Piece& piece) const {
        if (piece.is_signal()) judge_signal(piece);
        if (piece.is_signal() || piece.in_store || piece.in_gemm) {
            World::believe(piece);
            return;
        }
        bool right = ok_ || piece.entry < end_.prefix_count;
        if (record_.results != nullptr && result(piece.entry).status == BWRT_OK) right = true;
        if (record_.groups != nullptr && piece.entry < group(piece.group).prefix_count) {
            right = true;
        }
        if (right) {
            World::expect_moved(piece, id_);
        } else {
            World::believe(piece);
        }
    }

    void judge_signal(const Piece& piece) const {
        const bwrt_operation& op = record_.operations[record_.entry_operations[piece.entry]];
        std::uint64_t value = 0;
        if (piece.target->actual == nullptr) return;  // released since
        std::memcpy(&value, piece.target->actual + piece.target_first, piece.length_bytes);
        if (value != op.value_done && value != op.value_failed) {
            found("wave %u: a signal holds neither of its values", id_);
        }
        if (ok_ && value != op.value_done) found("wave %u is well and its signal is not", id_);
    }

    const WaveRecord& record_;
    const std::uint16_t id_;
    const bwrt_completion& end_;
    const Session& session_;
    const bool ok_;
};

}  // namespace

void judge(const WaveRecord& record, std::uint16_t id, const bwrt_completion& completion,
           const Session& session) {
    Judge(record, id, completion, session).judge();
}

void judge_detached(const WaveRecord& record) {
    for (const Piece& piece : record.pieces) World::believe(piece);
}

}  // namespace bwrt::fuzz
