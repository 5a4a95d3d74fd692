// SPDX-License-Identifier: Apache-2.0
//
// routes.h — how fast bytes get from one tier to another, as it was measured.
//
// A route goes from a tier to a tier over a bus of its node, which routes may share: all disks over
// one controller, host to device and device to host over one link.  Copies run on several streams
// at a time.  Streams hide each other's latency, but no stream makes the bus wider: operations that
// are begun in order have begun, on streams that keep the bus busy, when the bytes in front of them
// have passed it (Graham's bound for list scheduling), so an operation is done no later than
//
//   finish = now + latency + (queued + in front) / bus rate + own / stream rate
//
// In bytes of the bus, own / stream rate counts for own + extra(own).  A finish is not after a
// deadline when the bytes before it, its own and its extra ones are at most
//
//   movable(deadline) = (deadline - now - latency) x bus rate - queued
//
// which is how the planner reckons: in bytes, with no rounding between two operations.

#pragma once

#include <cstdint>

namespace bwrt::planner {

constexpr std::uint32_t kBusCountMax = 8;

struct Route {
    std::uint64_t latency_ns = 0;
    std::uint64_t stream_bytes_per_ms = 0;  // of one copy alone; 0: that of the bus
    std::uint8_t bus = 0;
    std::uint8_t stream_count = 0;  // copies that may be under way at once; 0: any number
};

struct Bus {
    std::uint64_t bytes_per_ms = 0;  // 0: not known, so nothing is predicted to be late
    std::uint64_t queued_bytes = 0;  // begun or sure to begin before this window's operations
};

// More than any window moves: no deadline, or nothing is known.
constexpr std::int64_t kMovableMax = std::int64_t{1} << 62;

// Below zero when not even nothing would be there in time.
[[nodiscard]] std::int64_t movable_bytes(const Route& route, const Bus& bus, std::uint64_t now_ns,
                                         std::uint64_t deadline_ns) noexcept;

// What an operation of so many bytes counts on the bus beyond them.
[[nodiscard]] std::uint64_t extra_bytes(const Route& route, const Bus& bus,
                                        std::uint64_t bytes) noexcept;

// Of an operation with so many bytes of this window in front of it; now_ns when nothing is known.
[[nodiscard]] std::uint64_t finish_ns(const Route& route, const Bus& bus, std::uint64_t now_ns,
                                      std::uint64_t front_bytes, std::uint64_t bytes) noexcept;

}  // namespace bwrt::planner
