// SPDX-License-Identifier: Apache-2.0
//
// series.h — a replay over time: the trace's time in equal parts, and of each part the requests
// that arrived in it and what moved while they were served.  However many requests there are, parts
// are 120 at most.

#pragma once

#include <cstdint>
#include <vector>

#include "tools/replay/replay.h"
#include "tools/replay/trace.h"

namespace bwrt::replay {

struct SeriesPart {
    std::uint64_t start_ns = 0;  // on the trace's clock
    std::uint64_t request_count = 0, block_count = 0;
    std::uint64_t host_count = 0, disk_count = 0, delivered_count = 0;
    std::uint64_t late_count = 0;
    std::uint64_t ttft_p50_ns = 0, ttft_p90_ns = 0, ttft_p99_ns = 0;
    // By the cache's counters, from the part's first request to that of the next; a part without
    // requests has none.
    bool is_sampled = false;
    std::uint64_t wall_ns = 0;
    std::uint64_t host_read_bytes = 0, disk_read_bytes = 0, disk_written_bytes = 0;
    std::uint64_t host_used_bytes = 0, disk_used_bytes = 0;  // at its end
};

// How long a part is: 1, 2 or 5 times a power of ten, of milliseconds at least, so that parts are
// no more than 120 and have some 25 requests each.
[[nodiscard]] std::uint64_t part_ns_of(const Trace& trace);

// From the first arrival to the last that was served; none where rule.part_ns was 0.
[[nodiscard]] std::vector<SeriesPart> parts_of(const ReplayResult& result);

// Times to first token by rank: of `per_mille` thousandths of the requests it is no longer.
struct RankedTime {
    std::uint32_t per_mille = 0;
    std::uint64_t ttft_ns = 0;
};
[[nodiscard]] std::vector<RankedTime> distribution_of(const ReplayResult& result);

}  // namespace bwrt::replay
