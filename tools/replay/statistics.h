// SPDX-License-Identifier: Apache-2.0
//
// statistics.h — what a trace is like: how much of it a cache could serve, how soon things are
// asked for again, and how much room that takes.
//
// All of it is of blocks and of a cache that never forgets, so that nothing depends on a policy:
//
//   hit            a leading block of a request that was there before
//   run            blocks of a hit prefix that were seen first one after the other: what was
//                  written together can be read together
//   reuse time     from one reference of a block to its next
//   stack distance how many blocks an LRU must hold for that next reference to hit, itself
//                  with them; a request's blocks are touched last to first
//   live           seen, and to be asked for again
//   working set    blocks asked for in a stretch of 1, 5 or 15 minutes, the mean of one after the
//                  other from the trace's beginning

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tools/replay/trace.h"

namespace bwrt::replay {

struct Spread {
    double mean = 0, p50 = 0, p90 = 0, p99 = 0;
};

struct TenantStatistics {
    std::uint64_t request_count = 0;
    std::uint64_t reference_count = 0;
    std::uint64_t hit_count = 0;
};

struct TraceStatistics {
    std::uint64_t request_count = 0, reference_count = 0, block_count = 0, session_count = 0;
    double seconds = 0;
    double hit_ceiling = 0;          // of the references, shares from here on
    double never_again_share = 0;    // of the blocks
    double hottest_reuse_share = 0;  // of all reuse, by the hottest 1 % of the blocks
    Spread input_tokens, output_tokens;
    Spread interarrival_s;
    double interarrival_variation = 0;  // standard deviation / mean
    Spread shared_share;                // of each request's blocks, those hit
    double few_hits_share = 0;          // of the requests, those that hit at most one block
    Spread hit_blocks;                  // of a request
    double runs_per_prefix = 0;         // of a prefix that is hit
    double blocks_per_run = 0;
    Spread reuse_s;
    Spread stack_share;    // of the trace's blocks
    double live_mean = 0;  // blocks, over time
    std::uint64_t live_peak = 0;
    std::array<double, 3> working_set = {};  // of 1, 5 and 15 minutes
    std::vector<TenantStatistics> tenants;   // as the trace has them
};

[[nodiscard]] TraceStatistics count_statistics(const Trace& trace);

}  // namespace bwrt::replay
