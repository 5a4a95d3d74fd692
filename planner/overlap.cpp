// SPDX-License-Identifier: Apache-2.0

#include "planner/overlap.h"

#include <algorithm>

namespace bwrt::planner {
namespace {

__extension__ typedef unsigned __int128 Wide;

constexpr std::uint64_t kMsNs = 1'000'000;

// What fits into 64 bits, as it nearly always does, is divided there, which is much faster.
Wide wide_divided_up(Wide value, std::uint64_t by) noexcept {
    const Wide sum = value + by - 1;
    return sum >> 64 == 0 ? static_cast<std::uint64_t>(sum) / by : sum / by;
}

}  // namespace

std::uint8_t overlap_depth(const Route& route, const Bus& bus, std::uint64_t bytes,
                           std::uint64_t layer_ns, const OverlapRule& rule) noexcept {
    const std::uint8_t streams = route.stream_count == 0 ? rule.depth_max : route.stream_count;
    const std::uint8_t most = std::min(streams, rule.depth_max);
    if (bus.bytes_per_ms == 0 || most <= 1) return 1;
    const std::uint64_t stream = route.stream_bytes_per_ms;
    const std::uint64_t rate = stream == 0 ? bus.bytes_per_ms : std::min(stream, bus.bytes_per_ms);
    // Rounding up to a nanosecond changes nothing: layers are whole nanoseconds.
    const Wide copy_ns = wide_divided_up(Wide{bytes} * kMsNs, rate) + route.latency_ns;
    const std::uint64_t layer = layer_ns == 0 ? rule.layer_ns : layer_ns;
    std::uint8_t depth = 1;
    for (Wide reach_ns = layer; depth < most && copy_ns > reach_ns; reach_ns += layer) ++depth;
    return depth;
}

}  // namespace bwrt::planner
