// SPDX-License-Identifier: Apache-2.0
//
// replay.h — a trace through a cache, as a serving engine would drive it, one request after the
// other in the order in which they arrive:
//
//   arrival ─▶ look up the prompt's blocks ─▶ load the leading ones, by the deadline ─▶ compare
//           ─▶ compute the rest (prefill.h) ─▶ first token ─▶ store the new blocks
//
// Two clocks.  The trace's runs `speed` times as fast as the cache's, which is the wall's or that
// of a modelled world: a request is begun when its time has come, or, when those before it took
// longer, as soon as they are done.  Loads take the time that they take and count `speed` times as
// much on the trace's clock: so blocks that are `speed` times too small on a disk like the real one
// cost what real ones would.  What is computed takes no time but on the trace's clock.  Storing is
// not waited for by a first token.

#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "tools/replay/cache.h"
#include "tools/replay/prefill.h"
#include "tools/replay/trace.h"

namespace bwrt::replay {

struct ReplayRule {
    double speed = 1;               // trace seconds in a second; 0: nobody waits for an arrival
    std::uint64_t deadline_ns = 0;  // from arrival to first token, on the trace's clock; 0: none
    PrefillRule prefill = {};
    std::uint64_t lookahead_ns = 0;  // of the trace: which requests are seen before they arrive
    std::uint64_t part_ns = 0;  // of the trace: what moved is counted in parts of it; 0: at the end
    bool settles = false;       // what is still being written is waited for before each request
};

// Of one request; times on the trace's clock.
struct Served {
    std::uint64_t arrival_ns = 0;
    std::uint64_t begun_ns = 0;   // those before it were done with
    std::uint64_t loaded_ns = 0;  // all that was to be had from the cache
    std::uint64_t first_token_ns = 0;
    std::uint32_t tenant = 0;
    std::uint32_t block_count = 0;  // of the prompt
    std::uint32_t host_count = 0;   // leading ones that were there
    std::uint32_t disk_count = 0;
    std::uint32_t delivered_count = 0;
    std::uint32_t computed_tokens = 0;
    bool is_late = false;

    [[nodiscard]] std::uint64_t wait_ns() const { return first_token_ns - arrival_ns; }
};

// What had moved when the first request of a part came, or, the last one of them, at the end.
struct ReplaySample {
    std::uint64_t part = 0;  // its number
    std::uint64_t wall_ns = 0;
    CacheFigures cache;
};

struct ReplayResult {
    std::vector<Served> served;  // as far as it came
    std::uint64_t part_ns = 0;
    std::vector<ReplaySample> samples;  // none where part_ns is 0
    std::uint64_t wrong_block_count = 0;
    std::uint64_t late_load_count = 0, failed_load_count = 0;
    std::uint64_t load_ns = 0;       // wall time that requests waited for loads
    std::uint64_t disk_load_ns = 0;  // of it, for whole ones with blocks from the disk
    std::uint64_t wall_ns = 0;
    std::uint64_t cache_ns = 0;  // the same on the cache's clock
    std::uint64_t cpu_ns = 0;    // of the process
    std::uint64_t memory_peak_bytes = 0;
    std::uint64_t prefill_busy_ns = 0, prefill_end_ns = 0;
    std::uint32_t stream_count = 1;
    bool has_deadline = false;
    CacheFigures cache;
    bool is_interrupted = false;
};

// Called before each request, and ten times a second while one is waited for; false ends the replay
// there.
using ReplayProgress = std::function<bool(const ReplayResult& so_far)>;

[[nodiscard]] ReplayResult replay(const Trace& trace, const ReplayRule& rule, Cache& cache,
                                  const ReplayProgress& progress);

}  // namespace bwrt::replay
