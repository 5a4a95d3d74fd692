// SPDX-License-Identifier: Apache-2.0

#include "bench/policy_reference.h"

#include <cstddef>
#include <vector>

#include "bench/policy_replay.h"
#include "tools/replay/policies/leaf_lru.h"
#include "tools/replay/policies/list_tier.h"
#include "tools/replay/policies/lookahead.h"
#include "tools/replay/policies/next_requests.h"
#include "tools/replay/policies/optimum.h"

namespace bwrt::bench {
namespace {

// `run` has the request's number; `tier` is what it runs on.
template <typename Tier, typename Run>
Hits replay_requests(const replay::Trace& trace, const Tier& tier, const Run& run) {
    Hits hits;
    for (std::size_t i = 0; i < trace.request_count(); ++i) {
        count_hits(
            trace.blocks_of(i), [&](std::uint32_t block) { return tier.has(block); }, &hits);
        run(i);
    }
    return hits;
}

Hits replay_list(const replay::Trace& trace, std::uint32_t capacity, replay::ListOrder order) {
    replay::ListTier tier(trace.block_count(), capacity, order);
    return replay_requests(trace, tier, [&](std::size_t i) {
        for (const std::uint32_t block : trace.blocks_of(i)) tier.access(block);
    });
}

}  // namespace

Hits replay_fifo(const replay::Trace& trace, std::uint32_t capacity) {
    return replay_list(trace, capacity, replay::ListOrder::kFifo);
}

Hits replay_lru(const replay::Trace& trace, std::uint32_t capacity) {
    return replay_list(trace, capacity, replay::ListOrder::kLru);
}

Hits replay_leaf_lru(const replay::Trace& trace, std::uint32_t capacity) {
    replay::LeafLru tier(trace, capacity);
    return replay_requests(trace, tier,
                           [&](std::size_t i) { tier.run(trace.blocks_of(i), i + 1); });
}

Hits replay_lookahead(const replay::Trace& trace, std::uint32_t capacity,
                      std::uint64_t horizon_ns) {
    const replay::NextRequests next(trace);
    replay::Lookahead tier(trace, capacity, horizon_ns);
    return replay_requests(trace, tier, [&](std::size_t i) {
        tier.run(trace.blocks_of(i), next.of(i), static_cast<std::uint32_t>(i));
    });
}

Hits replay_optimum(const replay::Trace& trace, std::uint32_t capacity) {
    const replay::NextRequests next(trace);
    replay::Optimum tier(trace.block_count(), capacity);
    std::vector<replay::Optimum::Kept> gone;
    return replay_requests(trace, tier, [&](std::size_t i) {
        const auto request = trace.blocks_of(i);
        for (std::uint32_t depth = 0; depth < request.size(); ++depth) {
            tier.keep({next.of(i)[depth], depth, request[depth]});
        }
        tier.shrink(gone);
    });
}

}  // namespace bwrt::bench
