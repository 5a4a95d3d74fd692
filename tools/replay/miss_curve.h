// SPDX-License-Identifier: Apache-2.0
//
// miss_curve.h — what a tier of any size would have had of a trace: the hit rates of leaf-LRU at
// all capacities, counted in one pass.
//
// A request's blocks are touched last to first, so a parent is never older than its child: LRU in
// that order evicts leaves first, and has the hits of leaf-LRU to the last one.  And LRU of n
// blocks holds the n that were used last: a block is a hit in exactly those capacities that are no
// less than its rank when the request comes.  Counting ranks is counting all capacities at once, in
// O(log blocks) a reference.
//
// Tenants are not looked at: neither their quotas, nor that equal ids of two of them are two
// blocks.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tools/replay/trace.h"

namespace bwrt::replay {

class MissCurve {
 public:
    // Of the first `request_count` requests.
    MissCurve(const Trace& trace, std::size_t request_count);

    // Blocks that were asked for; each time counts.
    [[nodiscard]] std::uint64_t reference_count() const { return reference_count_; }
    // Different ones: with room for so many a tier has all that any can have.
    [[nodiscard]] std::uint32_t block_count() const { return block_count_; }
    // Of them, those that were asked for once.
    [[nodiscard]] std::uint32_t single_count() const { return single_count_; }

    [[nodiscard]] std::uint64_t hit_count(std::uint64_t capacity_blocks) const;
    // In per cent of all references.
    [[nodiscard]] double hit_percent(std::uint64_t capacity_blocks) const;
    // The least capacity with at least so many hits.
    [[nodiscard]] std::uint64_t capacity_for(std::uint64_t hits) const;

 private:
    std::uint64_t reference_count_ = 0;
    std::uint32_t block_count_ = 0, single_count_ = 0;
    std::vector<std::uint64_t> hits_;  // [n]: at n blocks
};

}  // namespace bwrt::replay
