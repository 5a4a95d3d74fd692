// SPDX-License-Identifier: Apache-2.0
//
// policy.h — which blocks are kept in two tiers, memory and disk: policies that others have, and
// what can be had at best.
//
//   none       nothing is kept
//   fifo       what came first goes first, whatever was used since
//   lru        what was used longest ago goes first
//   leaf-lru   of the blocks without a child in the tier, what was used longest ago
//   ttl        each use gives a block a time to live, the longer the more often it was used
//              (planner/tiers/lifetime.h); what is at its end goes, and for want of room what is
//              nearest to it.  Memory is for what was used twice, the disk for all
//   seeing     leaf-lru that sees what is asked for within so many seconds
//   optimum    knows the future (optimum.h)
//
// Writing through.  Whatever is in neither tier when it is asked for is written to disk and comes
// into memory; what goes is dropped, from each tier by itself.  fifo, lru and ttl know nothing of
// prefixes: a request's blocks are touched one by one, the last first, so that no parent is older
// than its children.  leaf-lru keeps each tier closed under prefixes by itself; where the disk is
// the larger tier it has all that memory has, and the two give the same hits as lru.
//
// The optimum writes nothing through: what memory has no room for and is needed again goes to disk,
// and comes back from there when it is needed.  So it has the most hits in memory, and the most
// together; fewer writes there may be.

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "tools/replay/trace.h"

namespace bwrt::replay {

enum class Place : std::uint8_t { kNowhere, kMemory, kDisk };

// In blocks; 0: no such tier.
struct PolicyRoom {
    std::uint32_t memory_count = 0;
    std::uint32_t disk_count = 0;
};

// What came for a request.
struct Came {
    std::uint64_t memory_count = 0;
    std::vector<std::uint32_t> written;  // to disk, in this order
};

// It is told of a trace's requests in their order, and for each first of its arrival.
class Policy {
 public:
    virtual ~Policy() = default;

    virtual void arrive(std::size_t) {}
    [[nodiscard]] virtual Place place_of(std::uint32_t block) const = 0;
    // The request was looked up: what is kept of it, and what goes for that.
    virtual void serve(std::size_t request, Came& came_out) = 0;
};

// The trace outlives it.
[[nodiscard]] std::unique_ptr<Policy> no_policy();
[[nodiscard]] std::unique_ptr<Policy> fifo_policy(const Trace& trace, const PolicyRoom& room);
[[nodiscard]] std::unique_ptr<Policy> lru_policy(const Trace& trace, const PolicyRoom& room);
[[nodiscard]] std::unique_ptr<Policy> leaf_lru_policy(const Trace& trace, const PolicyRoom& room);
[[nodiscard]] std::unique_ptr<Policy> ttl_policy(const Trace& trace, const PolicyRoom& room);
[[nodiscard]] std::unique_ptr<Policy> seeing_policy(const Trace& trace, const PolicyRoom& room,
                                                    std::uint64_t horizon_ns);
[[nodiscard]] std::unique_ptr<Policy> optimum_policy(const Trace& trace, const PolicyRoom& room);

}  // namespace bwrt::replay
