// SPDX-License-Identifier: Apache-2.0
//
// policy_reference.h — what a policy's hit rates are held against, in the plainest form each has.
//
//   FIFO, LRU      one list of blocks that knows nothing of prefixes; a request's blocks are
//                  touched root first, so a parent goes before its children
//   leaf-LRU       what PrefixLru has to equal
//   ARC, S3-FIFO, W-TinyLFU, GDSF      each as published (their files name the paper), tail first:
//                  policy_replay.h; leaf-GDSF has leaves alone as victims
//   lookahead      leaf-LRU that sees what is asked for within so many seconds
//   optimum        what no policy that is closed under prefixes can be better than
//
// Those without a file of that name here are in tools/replay/policies, for `bwrt compare` has them,
// too.
//
// Hits are counted when a request arrives: its resident blocks, and the leading run of those, which
// is what a prefix cache can use.

#pragma once

#include <cstdint>

#include "bench/policy_trace.h"

namespace bwrt::bench {

struct Hits {
    std::uint64_t blocks = 0;
    std::uint64_t prefix = 0;
};

[[nodiscard]] Hits replay_fifo(const replay::Trace& trace, std::uint32_t capacity);
[[nodiscard]] Hits replay_lru(const replay::Trace& trace, std::uint32_t capacity);
[[nodiscard]] Hits replay_leaf_lru(const replay::Trace& trace, std::uint32_t capacity);
[[nodiscard]] Hits replay_arc(const replay::Trace& trace, std::uint32_t capacity);
[[nodiscard]] Hits replay_s3_fifo(const replay::Trace& trace, std::uint32_t capacity);
[[nodiscard]] Hits replay_w_tinylfu(const replay::Trace& trace, std::uint32_t capacity);
[[nodiscard]] Hits replay_gdsf(const replay::Trace& trace, std::uint32_t capacity);
[[nodiscard]] Hits replay_leaf_gdsf(const replay::Trace& trace, std::uint32_t capacity);
[[nodiscard]] Hits replay_lookahead(const replay::Trace& trace, std::uint32_t capacity,
                                    std::uint64_t horizon_ns);
[[nodiscard]] Hits replay_optimum(const replay::Trace& trace, std::uint32_t capacity);

}  // namespace bwrt::bench
