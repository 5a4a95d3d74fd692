// SPDX-License-Identifier: Apache-2.0
//
// counters.h — what happened, counted by the executor in plain memory.
//
// Only the executor writes, and a snapshot is taken by the executor itself between two turns,
// on request.  So counting costs an add, a snapshot is consistent by construction, and no
// reader ever makes the executor wait.

#pragma once

#include <bit>
#include <cstdint>

#include "include/bwrt.h"
#include "planner/learning/feedback.h"

namespace bwrt::runtime {

enum class Route : std::uint32_t {
    kRead,
    kWrite,
    kFlush,
    kCopy,
    kToDevice,
    kFromDevice,
    kWithinDevice,
    kCount
};
constexpr std::uint32_t kRouteCount = static_cast<std::uint32_t>(Route::kCount);

// The bucket of bwrt.h: exact below 16 ns, 16 to an octave above.
constexpr std::uint32_t latency_bucket(std::uint64_t latency_ns) noexcept {
    if (latency_ns < 16) return static_cast<std::uint32_t>(latency_ns);
    const auto exponent = static_cast<std::uint32_t>(std::bit_width(latency_ns)) - 5;
    const auto mantissa = static_cast<std::uint32_t>(latency_ns >> exponent) - 16;
    const std::uint32_t bucket = 16 + 16 * exponent + mantissa;
    return bucket < BWRT_LATENCY_BUCKET_COUNT ? bucket : BWRT_LATENCY_BUCKET_COUNT - 1;
}

class Counters {
 public:
    void request_started(Route route) noexcept { ++at(route).inflight_count; }

    void request_finished(Route route, std::uint64_t bytes, std::uint64_t latency_ns,
                          bool failed) noexcept {
        bwrt_route& counted = at(route);
        --counted.inflight_count;
        ++counted.request_count;
        counted.bytes += bytes;
        counted.error_count += failed ? 1 : 0;
        counted.latency_sum_ns += latency_ns;
        ++counted.latency_buckets[latency_bucket(latency_ns)];
    }

    // Of what came to its end, while `busy_ns` of the route's bus went: what the planner learns
    // from.
    void moved(Route route, std::uint64_t bytes, std::uint64_t busy_ns,
               std::uint64_t latency_ns) noexcept {
        planner::RouteSample& moved = moved_[static_cast<std::uint32_t>(route)];
        ++moved.request_count;
        moved.bytes += bytes;
        moved.busy_ns += busy_ns;
        moved.latency_ns += latency_ns;
    }
    [[nodiscard]] const planner::RouteSample& moved_by(Route route) const noexcept {
        return moved_[static_cast<std::uint32_t>(route)];
    }

    [[nodiscard]] bwrt_route& at(Route route) noexcept {
        return routes_[static_cast<std::uint32_t>(route)];
    }
    void wave_accepted() noexcept { ++totals.waves_accepted; }
    void wave_over(bwrt_status status, bool overdue) noexcept;

    // Copies everything that is the executor's to know.
    void snapshot(bwrt_counters* counters_out, bwrt_route* routes_out) const noexcept;

    bwrt_counters totals = {};

 private:
    bwrt_route routes_[kRouteCount] = {};
    planner::RouteSample moved_[kRouteCount];
};

}  // namespace bwrt::runtime
