// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/series.h"

#include <algorithm>

#include "tools/replay/figures.h"

namespace bwrt::replay {
namespace {

constexpr std::uint64_t kPartCountMax = 120;
constexpr std::uint64_t kPartRequests = 25;  // the median of fewer says little
constexpr std::uint64_t kMs = 1'000'000;

// The least of 1, 2, 5, 10, ... ms that is no less.  What it is asked for is of a trace: 366 days.
std::uint64_t round_up(std::uint64_t part_ns) {
    for (std::uint64_t decade_ns = kMs;; decade_ns *= 10) {
        for (const std::uint64_t factor : {1u, 2u, 5u}) {
            if (factor * decade_ns >= part_ns) return factor * decade_ns;
        }
    }
}

void add_request(const Served& served, SeriesPart& part) {
    ++part.request_count;
    part.block_count += served.block_count;
    part.host_count += served.host_count;
    part.disk_count += served.disk_count;
    part.delivered_count += served.delivered_count;
    part.late_count += served.is_late;
}

void add_samples(const ReplayResult& result, std::vector<SeriesPart>& parts) {
    for (std::size_t i = 0; i + 1 < result.samples.size(); ++i) {
        const ReplaySample& from = result.samples[i];
        const ReplaySample& to = result.samples[i + 1];
        SeriesPart& part = parts[from.part];
        part.is_sampled = true;
        part.wall_ns = to.wall_ns - from.wall_ns;
        part.host_read_bytes = to.cache.host_read_bytes - from.cache.host_read_bytes;
        part.disk_read_bytes = to.cache.disk_read_bytes - from.cache.disk_read_bytes;
        part.disk_written_bytes = to.cache.disk_written_bytes - from.cache.disk_written_bytes;
        part.host_used_bytes = to.cache.host_used_bytes;
        part.disk_used_bytes = to.cache.disk_used_bytes;
    }
}

}  // namespace

std::uint64_t part_ns_of(const Trace& trace) {
    const std::uint64_t count =
        std::clamp<std::uint64_t>(trace.request_count() / kPartRequests, 1, kPartCountMax);
    return round_up(trace.duration_us() * 1'000 / count + 1);
}

std::vector<SeriesPart> parts_of(const ReplayResult& result) {
    if (result.served.empty() || result.part_ns == 0) return {};
    std::vector<SeriesPart> parts(result.served.back().arrival_ns / result.part_ns + 1);
    std::vector<std::uint64_t> waits;
    for (std::size_t i = 0, next = 0; i < parts.size(); ++i) {
        SeriesPart& part = parts[i];
        part.start_ns = i * result.part_ns;
        waits.clear();
        for (; next < result.served.size(); ++next) {
            const Served& served = result.served[next];
            if (served.arrival_ns >= part.start_ns + result.part_ns) break;
            add_request(served, part);
            waits.push_back(served.wait_ns());
        }
        part.ttft_p50_ns = quantile(waits, 0.5);
        part.ttft_p90_ns = quantile(waits, 0.9);
        part.ttft_p99_ns = quantile(waits, 0.99);
    }
    add_samples(result, parts);
    return parts;
}

std::vector<RankedTime> distribution_of(const ReplayResult& result) {
    std::vector<std::uint64_t> waits;
    waits.reserve(result.served.size());
    for (const Served& served : result.served) waits.push_back(served.wait_ns());
    if (waits.empty()) return {};
    std::sort(waits.begin(), waits.end());
    std::vector<RankedTime> ranked;
    for (std::uint32_t per_mille = 0; per_mille <= 1'000;) {
        const std::size_t place = waits.size() * per_mille / 1'000;
        ranked.push_back({per_mille, waits[std::min(place, waits.size() - 1)]});
        per_mille += per_mille < 950 ? 25 : per_mille < 990 ? 10 : per_mille == 990 ? 5 : 1;
    }
    return ranked;
}

}  // namespace bwrt::replay
