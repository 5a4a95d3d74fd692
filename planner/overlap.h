// SPDX-License-Identifier: Apache-2.0
//
// overlap.h — how many copies of a layer's pages should be under way at once.
//
// An engine computes one layer after the other.  While it computes one for `layer_ns`, the pages of
// those that follow are copied; when a copy takes longer than a layer, so many must be under way
// that each layer finds its pages there:
//
//   copy  = latency + bytes / min(stream rate, bus rate)
//   depth = copy / layer, rounded up; at least 1, at most depth_max and the route's streams
//
//   copies   |==== 0 ====|==== 3 ==== ...          copy = 2.4 layers: three at a time
//                |==== 1 ====|==== 4 ==== ...
//                    |==== 2 ====|==== 5 ==== ...
//   layers               | 0  | 1  | 2  | 3  |
//
// For a depth_max of 3 this is BCache's min(3, 1 + [copy > layer] + [copy > 2 layer]), to the bit;
// there the rate is a tier's budget over the window and not what was measured.  A layer of which no
// time is known takes 1 ms, as there.
//
// The depth is a hint to whoever runs the copies.  It makes no predicted finish earlier: streams
// share the bus (routes.h), and a copy that has three of them moves no byte more than it did alone.
// (There a simulator divides the time of a copy by its depth, which nobody pays for.)

#pragma once

#include <cstdint>

#include "planner/routes.h"

namespace bwrt::planner {

struct OverlapRule {
    std::uint64_t layer_ns = 1'000'000;  // of a layer of which nothing else is known
    std::uint8_t depth_max = 3;
};

// `layer_ns` 0: not known.  1 when the rate of the bus is not known.
[[nodiscard]] std::uint8_t overlap_depth(const Route& route, const Bus& bus, std::uint64_t bytes,
                                         std::uint64_t layer_ns, const OverlapRule& rule) noexcept;

}  // namespace bwrt::planner
