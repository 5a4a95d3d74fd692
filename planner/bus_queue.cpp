// SPDX-License-Identifier: Apache-2.0
//
// Node n has the children 2n and 2n + 1; the leaves are the positions.  A node is begun when the
// first position below it is appended, so a short queue in a large part of the array costs what is
// short: nothing is read of what lies beyond the last position.

#include "planner/bus_queue.h"

#include <algorithm>
#include <bit>

#include "planner/routes.h"

namespace bwrt::planner {

BusQueue::BusQueue(Node* nodes, std::uint32_t position_count_max) noexcept
    : nodes_(nodes),
      leaf_count_(std::bit_ceil(std::max<std::uint32_t>(position_count_max, 1))),
      position_count_max_(position_count_max) {}

std::uint64_t BusQueue::nodes_for(std::uint32_t position_count_max) noexcept {
    return std::uint64_t{2} * std::bit_ceil(std::max<std::uint32_t>(position_count_max, 1));
}

std::uint32_t BusQueue::append(std::uint64_t bytes, std::int64_t margin_bytes) noexcept {
    const std::uint32_t position = count_++;
    bytes_ += bytes;
    std::uint32_t size = leaf_count_;
    for (std::uint32_t node = 1, first = 0;;) {
        if (first == position) nodes_[node] = {kMovableMax, 0};
        if (size == 1) break;
        size /= 2;
        const bool is_right = position >= first + size;
        first += is_right ? size : 0;
        node = node * 2 + (is_right ? 1 : 0);
    }
    set(position, margin_bytes);
    return position;
}

// The leaf's own part, and what that changes above.
void BusQueue::set(std::uint32_t position, std::int64_t margin_bytes) noexcept {
    std::uint32_t path[33];
    std::uint32_t depth = 0, size = leaf_count_, first = 0, node = 1;
    while (size > 1) {
        path[depth++] = first;
        margin_bytes -= nodes_[node].noted;
        size /= 2;
        const bool is_right = position >= first + size;
        first += is_right ? size : 0;
        node = node * 2 + (is_right ? 1 : 0);
    }
    nodes_[node] = {margin_bytes, 0};
    while (depth > 0) {
        node /= 2;
        size *= 2;
        gather(node, path[--depth], size);
    }
}

void BusQueue::gather(std::uint32_t node, std::uint32_t first, std::uint32_t size) noexcept {
    std::int64_t least = nodes_[node * 2].least;
    if (first + size / 2 < count_) least = std::min(least, nodes_[node * 2 + 1].least);
    nodes_[node].least = least + nodes_[node].noted;
}

std::int64_t BusQueue::least_margin(std::uint32_t first, std::uint32_t last) const noexcept {
    last = std::min(last, count_);
    return first < last ? least_below(1, 0, leaf_count_, first, last) : kMovableMax;
}

std::int64_t BusQueue::least_below(std::uint32_t node, std::uint32_t first, std::uint32_t size,
                                   std::uint32_t from, std::uint32_t to) const noexcept {
    // What lies beyond the last position is no part of any minimum.
    if (from <= first && std::min(first + size, count_) <= to) return nodes_[node].least;
    const std::uint32_t middle = first + size / 2;
    std::int64_t least = kMovableMax;
    if (from < middle) least = least_below(node * 2, first, size / 2, from, to);
    if (to > middle) {
        least = std::min(least, least_below(node * 2 + 1, middle, size / 2, from, to));
    }
    return least + nodes_[node].noted;
}

void BusQueue::take(std::uint32_t first, std::uint32_t last, std::int64_t bytes) noexcept {
    last = std::min(last, count_);
    if (first < last && bytes != 0) take_below(1, 0, leaf_count_, first, last, bytes);
}

void BusQueue::take_below(std::uint32_t node, std::uint32_t first, std::uint32_t size,
                          std::uint32_t from, std::uint32_t to, std::int64_t bytes) noexcept {
    if (from <= first && std::min(first + size, count_) <= to) {
        nodes_[node].least -= bytes;
        if (size > 1) nodes_[node].noted -= bytes;
        return;
    }
    const std::uint32_t middle = first + size / 2;
    if (from < middle) take_below(node * 2, first, size / 2, from, to, bytes);
    if (to > middle) take_below(node * 2 + 1, middle, size / 2, from, to, bytes);
    gather(node, first, size);
}

void BusQueue::bound(std::uint32_t position, std::int64_t margin_bytes) noexcept {
    if (least_margin(position, position + 1) > margin_bytes) set(position, margin_bytes);
}

void BusQueue::forget(std::uint32_t position) noexcept { set(position, kMovableMax); }

}  // namespace bwrt::planner
