// SPDX-License-Identifier: Apache-2.0
//
// lifetime.h — how long a block is served and which tier it belongs to, from what its PUT said.
//
// The rules of LMCache's TTL branch (20c0bda), in fixed point so that they give the same on every
// machine, and meant to be enforced: an expired block is a miss and the first to go (eviction.h).
//
//   ttl  = 3600 s x (1 + ln(1 + accesses) / 4) x (1 + max(0, complexity - 10) / 100)
//                 x (1 - 0.8 x time variance), from 30 s to a week
//   tier = memory  for complexity up to 20, at least two accesses, the last within the hour; else
//          disk    for a time variance above 0.7; else
//          remote  for a complexity above 40; else disk
//
// Two readings had to be chosen.  The text beside those rules has an example, a first access with
// complexity 15 and variance 0.05, that it gives 3600 x 1.08 x 0.95, some 3,700 s, and memory.  Its
// factors are in no version of the code, which gives 3600 x 1.05 x 0.96 = 3,628 s, and disk.  The
// formula is ours, being what ran and what the example only illustrates; and a first access is no
// reason for memory beyond the recency that the eviction policy sees anyway.  The least is 30 s
// and not the later 0, for in a request 0 says "never".  Where doubles leave the code just below a
// whole second (720 x 0.9999), it drops that second; we do not.

#pragma once

#include <cstdint>

namespace bwrt::planner {

constexpr std::uint32_t kTtlSecondsMin = 30;
constexpr std::uint32_t kTtlSecondsMax = 604'800;

// Zero where nothing is known.
struct BlockHints {
    std::uint32_t access_count = 0;
    std::uint32_t complexity_milli = 0;     // a perplexity, in thousandths
    std::uint32_t time_variance_milli = 0;  // in thousandths; above 1,000 counts as that
    std::uint32_t idle_seconds = 0;         // since the last access
};

enum class TierChoice : std::uint8_t { kMemory, kDisk, kRemote };

[[nodiscard]] std::uint32_t ttl_of(const BlockHints& hints) noexcept;

[[nodiscard]] TierChoice tier_of(const BlockHints& hints) noexcept;

}  // namespace bwrt::planner
