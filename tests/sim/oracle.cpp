// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/oracle.h"

#include <algorithm>
#include <cstring>

namespace bwrt::sim {
namespace {

// A lost request comes back after a minute; a wave that was stopped has it
// asked back.
constexpr std::uint64_t kStopNsMax = 2'000'000'000;

std::uint64_t signal_value(const Piece& piece) {
    std::uint64_t value = 0;
    std::memcpy(&value, piece.target.space->actual + piece.target.first, piece.length_bytes);
    return value;
}

bool group_is_right(const LiveWave& live, std::uint32_t group) {
    return std::all_of(live.pieces.begin(), live.pieces.end(), [&](const Piece& piece) {
        return piece.source.space == nullptr || piece.group != group || Model::is_right(piece);
    });
}

// Exactly one of the two values, and value_done only when the group's bytes are
// right.
void judge_signal(const LiveWave& live, const Piece& piece, bool must_be_done, Verdict* verdict) {
    const LiveWave::Entry& entry = live.entries[piece.entry];
    const std::uint64_t value = signal_value(piece);
    if (value != entry.value_done && value != entry.value_failed) {
        verdict->wrong("wave %u: a signal holds neither of its values", live.id);
    } else if (value == entry.value_done) {
        if (!group_is_right(live, entry.group)) {
            verdict->wrong("wave %u: the signal of group %u came before its bytes", live.id,
                           entry.group);
        }
    } else if (must_be_done) {
        verdict->wrong("wave %u is OK and its signal says failed", live.id);
    }
}

void judge_status(const LiveWave& live, const Expectation& expectation, Verdict* verdict) {
    const bwrt_completion& end = live.completion;
    const auto strange = [&](const char* why) {
        verdict->wrong("wave %u ended with %s: %s", live.id, bwrt_status_name(end.status), why);
    };
    switch (end.status) {
        case BWRT_OK:
            for (const LiveWave* before : live.must_hold) {
                if (before->completion.status != BWRT_OK) strange("what it waited for failed");
            }
            break;
        case BWRT_E_CANCELLED:
            if (live.cancelled_ns == 0 && !expectation.closing) strange("nobody cancelled it");
            break;
        case BWRT_E_LATE:
            if (live.wave.late == BWRT_LATE_FINISH) strange("it was to finish");
            if (end.finished_ns < live.deadline_ns) strange("before its deadline");
            break;
        case BWRT_E_WINDOW:
            if (live.wave.window == BWRT_WINDOW_NONE) strange("it has no window");
            if (end.finished_ns < live.wave.window_end) strange("before its window closed");
            break;
        case BWRT_E_DEPENDENCY:
            if (std::all_of(live.must_hold.begin(), live.must_hold.end(), [](const LiveWave* wave) {
                    return !wave->obtained || wave->completion.status == BWRT_OK;
                })) {
                strange("all it waited for is well");
            }
            break;
        case BWRT_E_IO:
        case BWRT_E_NOSPC:
            if (!expectation.faults) strange("nothing was wrong with the world");
            break;
        case BWRT_E_TRUNCATED:
            break;
        default:
            strange("that cannot be");
    }
    const bool late = live.deadline_ns != 0 && end.finished_ns > live.deadline_ns;
    if (late != ((end.flags & BWRT_COMPLETION_LATE) != 0)) strange("the late flag lies");
    const bool stopped = end.status == BWRT_E_CANCELLED && live.cancelled_ns != 0;
    if (stopped && end.finished_ns > live.cancelled_ns + kStopNsMax) {
        strange("long after it was cancelled");
    }
    if (live.wave.late != BWRT_LATE_FINISH && end.finished_ns > live.deadline_ns + kStopNsMax) {
        strange("long after its deadline");
    }
    if (end.bytes != 0 && end.finished_ns < live.wave.window_start) strange("before its window");
    for (const LiveWave* before : live.after) {
        if (end.bytes == 0) continue;
        if (!before->obtained) {
            strange("one it waited for is not over");
        } else if (before->wave.delivery != BWRT_DELIVER_DETACHED &&
                   before->completion.finished_ns > end.finished_ns) {
            strange("before one it waited for");
        }
    }
}

void judge_sums(const LiveWave& live, Verdict* verdict) {
    const bwrt_completion& end = live.completion;
    const std::uint64_t entry_count = live.entries.size();
    std::uint64_t total = 0;
    for (const Piece& piece : live.pieces) {
        if (piece.source.space != nullptr) total += piece.length_bytes;
    }
    const bool ok = end.status == BWRT_OK;
    if (end.bytes > total || (ok && end.bytes != total)) {
        verdict->wrong("wave %u: %llu bytes of %llu", live.id,
                       static_cast<unsigned long long>(end.bytes),
                       static_cast<unsigned long long>(total));
    }
    if (end.prefix_count > entry_count || (ok && end.prefix_count != entry_count)) {
        verdict->wrong("wave %u: prefix of %llu", live.id,
                       static_cast<unsigned long long>(end.prefix_count));
    }
    const std::uint32_t should_be = ok                      ? BWRT_VERDICT_LOADED
                                    : end.prefix_count != 0 ? BWRT_VERDICT_PARTIAL
                                                            : BWRT_VERDICT_RECOMPUTE;
    if (end.verdict != should_be) verdict->wrong("wave %u: verdict %u", live.id, end.verdict);
    if (!live.results.empty()) {
        std::uint64_t bytes = 0, prefix = 0;
        while (prefix < entry_count && live.results[prefix].status == BWRT_OK) ++prefix;
        for (std::uint64_t i = 0; i < entry_count; ++i) {
            bytes += live.results[i].bytes;
            if (live.results[i].address != 0 || live.results[i].flags != 0) {
                verdict->wrong("wave %u: result %llu holds a rest", live.id,
                               static_cast<unsigned long long>(i));
            }
            if (ok && live.results[i].status != BWRT_OK) {
                verdict->wrong("wave %u is OK and a result of it is not", live.id);
            }
        }
        if (bytes != end.bytes) verdict->wrong("wave %u: results do not add up", live.id);
        // A wave that never ran has no prefix, though pairs that were to be skipped
        // are well.
        if (end.prefix_count != prefix && end.prefix_count != 0) {
            verdict->wrong("wave %u: a prefix of %llu, %llu by the results", live.id,
                           static_cast<unsigned long long>(end.prefix_count),
                           static_cast<unsigned long long>(prefix));
        }
    }
    if (live.groups.empty()) return;
    std::uint64_t bytes = 0;
    std::vector<std::uint64_t> of_group(live.groups.size(), 0);
    for (const Piece& piece : live.pieces) {
        if (piece.source.space != nullptr) of_group[piece.group] += piece.length_bytes;
    }
    for (std::size_t i = 0; i < live.groups.size(); ++i) {
        const bwrt_group_result& group = live.groups[i];
        bytes += group.bytes;
        if (group.bytes > of_group[i] || (group.status == BWRT_OK && group.bytes != of_group[i])) {
            verdict->wrong("wave %u: group %zu counts %llu bytes of %llu", live.id, i,
                           static_cast<unsigned long long>(group.bytes),
                           static_cast<unsigned long long>(of_group[i]));
        }
        if (ok && group.status != BWRT_OK) verdict->wrong("wave %u: a group failed", live.id);
    }
    if (bytes != end.bytes) verdict->wrong("wave %u: groups do not add up", live.id);
}

bool touches_bad_block(const Run& run, std::uint64_t length_bytes) {
    return std::any_of(run.space->bad.begin(), run.space->bad.end(), [&](const BadBlock& bad) {
        return bad.first < run.first + length_bytes && run.first < bad.last;
    });
}

// With bad blocks the only fault, an entry that touches one fails, and no other
// fails for it.
void judge_blame(const LiveWave& live, Verdict* verdict) {
    const bwrt_completion& end = live.completion;
    if (live.results.empty() || (end.status != BWRT_OK && end.status != BWRT_E_IO)) return;
    std::vector<bool> touches(live.entries.size(), false);
    for (const Piece& piece : live.pieces) {
        if (piece.source.space == nullptr) continue;
        const Run& file = piece.source.space->is_file ? piece.source : piece.target;
        if (file.space->is_direct) return;  // its blocks are wider than the piece
        if (touches_bad_block(file, piece.length_bytes)) touches[piece.entry] = true;
    }
    for (std::size_t i = 0; i < touches.size(); ++i) {
        const std::uint32_t kind = live.entries[i].kind;
        if (kind == BWRT_OP_FLUSH || kind == BWRT_OP_SIGNAL) continue;
        // One that is not to blame may still have been stopped.
        if (live.results[i].status == (touches[i] ? BWRT_OK : BWRT_E_IO)) {
            verdict->wrong("wave %u: entry %zu %s a bad block and ended with %s", live.id, i,
                           touches[i] ? "touches" : "touches no",
                           bwrt_status_name(live.results[i].status));
        }
    }
}

}  // namespace

void judge(LiveWave* live, const Expectation& expectation, Model* model, Verdict* verdict) {
    live->judged = true;
    const bwrt_completion& end = live->completion;
    judge_status(*live, expectation, verdict);
    judge_sums(*live, verdict);
    if (expectation.only_bad_blocks) judge_blame(*live, verdict);
    const bool never_ran = end.status == BWRT_E_DEPENDENCY;
    const bool ok = end.status == BWRT_OK;
    for (const Piece& piece : live->pieces) {
        if (piece.source.space == nullptr) {
            judge_signal(*live, piece, ok, verdict);
            Model::believe(piece);
            continue;
        }
        bool right = ok || piece.entry < end.prefix_count;
        if (!live->results.empty() && live->results[piece.entry].status == BWRT_OK) right = true;
        if (!live->groups.empty() && piece.entry < live->groups[piece.group].prefix_count) {
            right = true;
        }
        if (right && live->entries[piece.entry].is_doomed) {
            verdict->wrong("wave %u: entry %u believed a file whose flush had failed", live->id,
                           piece.entry);
        }
        if (right && !Model::is_right(piece)) {
            verdict->wrong("wave %u: entry %u is called right, its bytes in %s at %llu are not",
                           live->id, piece.entry, piece.target.space->name.c_str(),
                           static_cast<unsigned long long>(piece.target.first));
        }
        if (!never_ran) Model::believe(piece);
    }
    for (const Piece& piece : live->pieces) model->unclaim(piece);
}

void judge_detached(LiveWave* live, Model* model, Verdict* verdict) {
    live->judged = true;
    for (const Piece& piece : live->pieces) {
        if (piece.source.space == nullptr) judge_signal(*live, piece, false, verdict);
    }
    for (const Piece& piece : live->pieces) {
        Model::believe(piece);
        model->unclaim(piece);
    }
}

void judge_signals(const LiveWave& live, Verdict* verdict) {
    for (const Piece& piece : live.pieces) {
        if (piece.source.space != nullptr) continue;
        const LiveWave::Entry& entry = live.entries[piece.entry];
        if (signal_value(piece) == entry.value_done && !group_is_right(live, entry.group)) {
            verdict->wrong("wave %u: the signal of group %u came before its bytes", live.id,
                           entry.group);
        }
    }
}

}  // namespace bwrt::sim
