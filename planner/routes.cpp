// SPDX-License-Identifier: Apache-2.0

#include "planner/routes.h"

#include <algorithm>

#include "planner/learning/predict.h"
#include "planner/request_window.h"

namespace bwrt::planner {
namespace {

__extension__ typedef __int128 Wide;

constexpr std::int64_t kMsNs = 1'000'000;

}  // namespace

std::int64_t movable_bytes(const Route& route, const Bus& bus, std::uint64_t now_ns,
                           std::uint64_t deadline_ns) noexcept {
    if (deadline_ns == kNoDeadline) return kMovableMax;
    if (deadline_ns < now_ns) return -1;
    if (bus.bytes_per_ms == 0) return kMovableMax;
    const Wide left_ns = Wide{deadline_ns} - now_ns - route.latency_ns;
    if (left_ns < 0) return -1;
    // Saturated before it is multiplied: 2^64 ns at 2^64 bytes a ms would not fit.
    const Wide rate = std::min<Wide>(bus.bytes_per_ms, Wide{1} << 62);
    const Wide movable = left_ns * rate / kMsNs - bus.queued_bytes;
    return static_cast<std::int64_t>(std::clamp<Wide>(movable, -1, kMovableMax));
}

std::uint64_t extra_bytes(const Route& route, const Bus& bus, std::uint64_t bytes) noexcept {
    const std::uint64_t stream = route.stream_bytes_per_ms;
    if (stream == 0 || stream >= bus.bytes_per_ms) return 0;
    const Wide extra = (Wide{bytes} * (bus.bytes_per_ms - stream) + stream - 1) / stream;
    return static_cast<std::uint64_t>(std::min<Wide>(extra, kMovableMax));
}

std::uint64_t finish_ns(const Route& route, const Bus& bus, std::uint64_t now_ns,
                        std::uint64_t front_bytes, std::uint64_t bytes) noexcept {
    if (bus.bytes_per_ms == 0) return now_ns;
    const std::uint64_t begin_ns = std::min(route.latency_ns, ~now_ns) + now_ns;
    const std::uint64_t own_bytes = bytes + extra_bytes(route, bus, bytes);
    return predict_finish_ns(begin_ns, std::min(bus.queued_bytes, ~front_bytes) + front_bytes,
                             own_bytes, bus.bytes_per_ms);
}

}  // namespace bwrt::planner
