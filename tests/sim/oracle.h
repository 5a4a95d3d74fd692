// SPDX-License-Identifier: Apache-2.0
//
// oracle.h — what the completion of a wave says, held against what is there.
//
// Right bytes are those of entries that the completion, the results or the
// groups call right; they must be what their source ought to be.  All other
// bytes of a wave that ran may be anything, once: they are believed as they
// lie, and must lie so from then on.  A wave that never ran has changed
// nothing.

#pragma once

#include <cstdint>
#include <vector>

#include "include/bwrt.h"
#include "tests/sim/faults.h"
#include "tests/sim/model.h"

namespace bwrt::sim {

// One wave from submission to the end of the run.
struct LiveWave {
    struct Entry {
        std::uint32_t kind = 0;
        std::uint32_t group = 0;
        std::uint64_t value_done = 0, value_failed = 0;
        bwrt_handle file = 0;    // the region it flushes, reads or writes; 0: a layout, or none
        bool is_doomed = false;  // a flush of that had failed before it came
    };
    std::uint16_t id = 0;  // also its user_data
    bwrt_wave wave = {};
    bwrt_handle handle = 0;
    std::vector<bwrt_operation> operations;
    std::vector<std::vector<std::uint32_t>> slots;  // that operations point to
    std::vector<Piece> pieces;
    std::vector<Entry> entries;
    std::vector<bwrt_result> results;
    std::vector<bwrt_group_result> groups;
    std::vector<bwrt_result> results_then;  // as they were at the completion
    std::vector<bwrt_group_result> groups_then;
    std::vector<LiveWave*> after;      // that it waits for, by handle or as a barrier
    std::vector<LiveWave*> must_hold;  // of those, the ones whose failure is its own
    std::uint64_t deadline_ns = 0;     // absolute, 0: none
    std::uint64_t cancelled_ns = 0;    // 0: not by us
    bool obtained = false;             // its completion is ours
    bool judged = false;
    bwrt_completion completion = {};
};

// What may rightly happen to the waves of a run.
struct Expectation {
    bool faults = false;           // of the world
    bool closing = false;          // the runtime cancels
    bool only_bad_blocks = false;  // no other fault, and nothing that ends a file
};

// Judges a wave whose completion is obtained and gives its bytes back to the
// model.
void judge(LiveWave* live, const Expectation& expectation, Model* model, Verdict* verdict);

// Of a DETACHED wave that is over: only its signals speak.
void judge_detached(LiveWave* live, Model* model, Verdict* verdict);

// A wave that is not over: no signal may say more than is true.
void judge_signals(const LiveWave& live, Verdict* verdict);

}  // namespace bwrt::sim
