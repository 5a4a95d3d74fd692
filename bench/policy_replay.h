// SPDX-License-Identifier: Apache-2.0
//
// policy_replay.h — what the reference policies share: how hits are counted, how requests are
// replayed.
//
// Hits are counted when a request arrives: its resident blocks, and the leading run of those, which
// is what a prefix cache can use.  A policy that knows nothing of prefixes gets a request's blocks
// *tail first*, one access a block from the last to the first, so that no parent is ever older than
// its children.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "bench/policy_reference.h"
#include "bench/policy_trace.h"
#include "tools/replay/policies/block_lists.h"

namespace bwrt::bench {

using replay::BlockLists;

template <typename IsResident>
void count_hits(std::span<const std::uint32_t> request, const IsResident& is_resident, Hits* hits) {
    bool is_leading = true;
    for (const std::uint32_t block : request) {
        const bool is_hit = is_resident(block);
        is_leading = is_leading && is_hit;
        hits->blocks += is_hit ? 1 : 0;
        hits->prefix += is_leading ? 1 : 0;
    }
}

// `cache` has is_resident(block) and access(block).
template <typename Cache>
Hits replay_tail_first(const replay::Trace& trace, Cache&& cache) {
    Hits hits;
    for (std::size_t i = 0; i < trace.request_count(); ++i) {
        const auto request = trace.blocks_of(i);
        count_hits(
            request, [&](std::uint32_t block) { return cache.is_resident(block); }, &hits);
        for (std::size_t k = request.size(); k-- > 0;) cache.access(request[k]);
    }
    return hits;
}

}  // namespace bwrt::bench
