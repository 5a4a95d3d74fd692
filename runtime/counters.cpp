// SPDX-License-Identifier: Apache-2.0

#include "runtime/counters.h"

#include <cstring>

namespace bwrt::runtime {

void Counters::wave_over(bwrt_status status, bool overdue) noexcept {
    std::uint64_t* outcome = &totals.waves_failed;
    switch (status) {
        case BWRT_OK:
            outcome = &totals.waves_ok;
            break;
        case BWRT_E_CANCELLED:
            outcome = &totals.waves_cancelled;
            break;
        case BWRT_E_LATE:
            outcome = &totals.waves_late;
            break;
        case BWRT_E_WINDOW:
            outcome = &totals.waves_window;
            break;
        case BWRT_E_DEPENDENCY:
            outcome = &totals.waves_dependency;
            break;
        default:
            break;
    }
    ++*outcome;
    totals.waves_overdue += overdue ? 1 : 0;
}

void Counters::snapshot(bwrt_counters* counters_out, bwrt_route* routes_out) const noexcept {
    *counters_out = totals;
    const std::uint64_t over = totals.waves_ok + totals.waves_cancelled + totals.waves_late +
                               totals.waves_window + totals.waves_dependency + totals.waves_failed;
    counters_out->waves_pending = totals.waves_accepted - over;
    std::memcpy(routes_out, routes_, sizeof routes_);
    constexpr std::uint32_t kTiers[kRouteCount][2] = {
        {BWRT_TIER_DISK, BWRT_TIER_HOST},     {BWRT_TIER_HOST, BWRT_TIER_DISK},
        {BWRT_TIER_DISK, BWRT_TIER_DISK},     {BWRT_TIER_HOST, BWRT_TIER_HOST},
        {BWRT_TIER_HOST, BWRT_TIER_DEVICE},   {BWRT_TIER_DEVICE, BWRT_TIER_HOST},
        {BWRT_TIER_DEVICE, BWRT_TIER_DEVICE},
    };
    for (std::uint32_t route = 0; route < kRouteCount; ++route) {
        routes_out[route].source_tier = kTiers[route][0];
        routes_out[route].target_tier = kTiers[route][1];
    }
}

}  // namespace bwrt::runtime
