// SPDX-License-Identifier: Apache-2.0
//
// published.cpp — see published.h.
//
// The conversation trace's arrivals come in bins of 3 s, so what is between two of them says
// nothing but that.  Both were counted as statistics.h does; test_trace_statistics.cpp counts what
// is here of the agents' again, where the trace is at hand.

#include "tools/replay/published.h"

#include <limits>

namespace bwrt::replay {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

const PublishedTrace& conversation() {
    static const PublishedTrace trace = {
        "Mooncake conversation",
        "conversation_trace.jsonl of kvcache-ai/Mooncake (FAST'25), all of it, 512 tokens a block",
        {.request_count = 12'031,
         .reference_count = 288'500,
         .block_count = 182'790,
         .seconds = 3537,
         .hit_ceiling = 0.3664,
         .never_again_share = 0.758,
         .hottest_reuse_share = 0.316,
         .input_tokens = {12'035, 6909, 27'367, 85'401},
         .output_tokens = {343, 350, kNone, 1120},
         .interarrival_s = {0.294, kNone, kNone, kNone},
         .interarrival_variation = kNone,
         .shared_share = {0.38, 0.33, kNone, kNone},
         .few_hits_share = 0.613,
         .hit_blocks = {kNone, 1, 25, 106},
         .runs_per_prefix = 1.8,
         .blocks_per_run = 4.9,
         .reuse_s = {kNone, 114, 519, 1578},
         .stack_share = {kNone, 0.046, 0.173, 0.467},
         .live_mean = 6363,
         .live_peak = 8138,
         .working_set = {4588, 19'661, 50'656},
         .tenants = {}}};
    return trace;
}

const PublishedTrace& agents() {
    static const PublishedTrace trace = {
        "coding agents",
        "sessions of callanjfox/kv-cache-tester (WEKA), ids re-chained into a prefix tree and "
        "session starts re-timed, 512 tokens a block",
        {.request_count = 20'784,
         .reference_count = 3'555'415,
         .block_count = 143'665,
         .session_count = 447,
         .seconds = 7192,
         .hit_ceiling = 0.9596,
         .never_again_share = 0.112,
         .hottest_reuse_share = 0.170,
         .input_tokens = {87'841, 85'842, 138'178, 217'711},
         .output_tokens = {417, 213, kNone, 3409},
         .interarrival_s = {0.346, kNone, kNone, 1.97},
         .interarrival_variation = 1.22,
         .shared_share = {0.947, 0.991, kNone, kNone},
         .few_hits_share = 0.002,
         .hit_blocks = {kNone, 162, 265, 409},
         .runs_per_prefix = 22.8,
         .blocks_per_run = 7.2,
         .reuse_s = {kNone, 15, 101, 913},
         .stack_share = {kNone, 0.046, 0.120, 0.333},
         .live_mean = 26'339,
         .live_peak = 40'103,
         .working_set = {11'856, 23'670, 39'868},
         .tenants = {}}};
    return trace;
}

}  // namespace

const PublishedTrace* published_trace(TraceKind kind) {
    if (kind == TraceKind::kChat) return &conversation();
    return kind == TraceKind::kAgent ? &agents() : nullptr;
}

}  // namespace bwrt::replay
