// SPDX-License-Identifier: Apache-2.0
//
// generate.h — traces drawn at random, for where no recorded one is at hand.
//
//   chat      conversations with one system prompt, most of a single turn; after Mooncake's
//             released conversation trace
//   agent     coding agents at work for an hour or so: each step sends all of a long context and
//             little more; after sessions recorded by WEKA (kv-cache-tester)
//   rollout   16 samples of each prompt at the same time, as reinforcement learning draws them
//   eval      questions of 57 subjects one after the other, each behind its subject's examples
//   tenants   eight of them, in turns of chat and agent; the k-th asks 1/k as often as the first,
//             and each has an eighth of the tiers for its quota
//
// What is drawn from are quantiles measured on those traces.  `bwrt trace --generate` prints what
// came of it beside the figures of the trace that it imitates.  Rollout and eval imitate none:
// their shape is their definition.
//
// Traffic is in full swing when the trace begins: an hour or two go before it that are not told.
// What began in them is new to the trace, as in one that was recorded.

#pragma once

#include <array>
#include <cstdint>

#include "tools/replay/trace.h"

namespace bwrt::replay {

enum class TraceKind : std::uint8_t { kChat, kAgent, kRollout, kEval, kTenants };

inline constexpr std::array<const char*, 5> kTraceKindNames = {"chat", "agent", "rollout", "eval",
                                                               "tenants"};

inline constexpr std::uint32_t kTenantCount = 8;

struct GenerateOptions {
    TraceKind kind = TraceKind::kChat;
    std::uint64_t seed = 1;
    std::uint32_t seconds = 600;
    std::uint32_t rate_milli = 0;    // requests in 1,000 seconds; 0: as many as the kind has
    std::uint32_t block_tokens = 0;  // 0: as the kind has
};

// The same options give the same trace everywhere.  On an error, which says which limit is too low,
// `trace_out` is what it was.
[[nodiscard]] TraceError generate_trace(const GenerateOptions& options, const TraceLimits& limits,
                                        Trace& trace_out);

}  // namespace bwrt::replay
