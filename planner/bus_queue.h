// SPDX-License-Identifier: Apache-2.0
//
// bus_queue.h — the operations that go over a bus one after the other, and whether somebody in the
// queue would be late if one of them became longer.
//
// An operation's margin is how many bytes more might go in front of it, or be its own, before it
// misses its deadline.  Making the operation at a position longer takes as much from the margins of
// all behind it, so it is harmless when the least of those is large enough.  Margins lie in a tree
// of minima, in which a change of a whole range is noted at few nodes: each call costs a logarithm
// of the length of the queue.
//
// Queues of all buses share one array; each has the part that `begin` gave it.

#pragma once

#include <cstdint>
#include <vector>

#include "planner/zeroed.h"

namespace bwrt::planner {

class BusQueue {
 public:
    // `nodes`: 2 x bit_ceil(position_count_max) of them, whatever is in them.
    struct Node {
        std::int64_t least;  // margin below, without what is noted above
        std::int64_t noted;  // for all below
    };

    BusQueue() = default;
    BusQueue(Node* nodes, std::uint32_t position_count_max) noexcept;

    [[nodiscard]] static std::uint64_t nodes_for(std::uint32_t position_count_max) noexcept;

    [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
    [[nodiscard]] std::uint32_t room() const noexcept { return position_count_max_ - count_; }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

    // Puts an operation behind all others; its position.  Not when it is full.
    std::uint32_t append(std::uint64_t bytes, std::int64_t margin_bytes) noexcept;

    // The least margin of positions [first, last).
    [[nodiscard]] std::int64_t least_margin(std::uint32_t first, std::uint32_t last) const noexcept;

    // Takes that much from the margins of [first, last); negative: gives.
    void take(std::uint32_t first, std::uint32_t last, std::int64_t bytes) noexcept;

    // The whole queue has become longer.
    void lengthen(std::uint64_t bytes) noexcept { bytes_ += bytes; }

    // Makes the margin of a position no more than this.
    void bound(std::uint32_t position, std::int64_t margin_bytes) noexcept;

    // The operation there has gone elsewhere: it is late no more.
    void forget(std::uint32_t position) noexcept;

 private:
    void set(std::uint32_t position, std::int64_t margin_bytes) noexcept;
    void take_below(std::uint32_t node, std::uint32_t first, std::uint32_t size, std::uint32_t from,
                    std::uint32_t to, std::int64_t bytes) noexcept;
    [[nodiscard]] std::int64_t least_below(std::uint32_t node, std::uint32_t first,
                                           std::uint32_t size, std::uint32_t from,
                                           std::uint32_t to) const noexcept;
    void gather(std::uint32_t node, std::uint32_t first, std::uint32_t size) noexcept;

    Node* nodes_ = nullptr;
    std::uint32_t leaf_count_ = 0;
    std::uint32_t position_count_max_ = 0;
    std::uint32_t count_ = 0;
    std::uint64_t bytes_ = 0;
};

}  // namespace bwrt::planner
