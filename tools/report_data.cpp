// SPDX-License-Identifier: Apache-2.0

#include "tools/report_data.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <limits>
#include <utility>

#include "tools/calibration.h"
#include "tools/replay/miss_curve.h"
#include "tools/replay/series.h"

namespace bwrt::tools {
namespace {

using namespace bwrt::replay;

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr int kCurvePoints = 32;
constexpr double kCurveLeast = 0.002;  // of the different blocks

double rounded(double value) {
    if (!std::isfinite(value) || value == 0) return value;
    const double unit = std::pow(10.0, 5 - std::floor(std::log10(std::fabs(value))));
    return std::round(value * unit) / unit;
}

double percent(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
}

// A number of each element.
template <typename Element, typename Number>
std::vector<double> column(const std::vector<Element>& elements, Number number) {
    std::vector<double> numbers;
    for (const Element& element : elements) {
        numbers.push_back(rounded(static_cast<double>(number(element))));
    }
    return numbers;
}

double in_ms(std::uint64_t ns) { return static_cast<double>(ns) / 1e6; }

JsonObject json_parts(const ReplayResult& result) {
    const std::vector<SeriesPart> parts = parts_of(result);
    JsonObject all;
    const auto add = [&](const char* name, auto number) { all.add(name, column(parts, number)); };
    // Of requests, where there were any, and of samples.
    const auto add_asked = [&](const char* name, auto number) {
        add(name, [&](const SeriesPart& part) {
            return part.request_count == 0 ? kUnknown : static_cast<double>(number(part));
        });
    };
    const auto add_sampled = [&](const char* name, auto number) {
        add(name, [&](const SeriesPart& part) {
            return part.is_sampled ? static_cast<double>(number(part)) : kUnknown;
        });
    };
    using Part = const SeriesPart&;
    add("start_s", [](Part part) { return static_cast<double>(part.start_ns) / 1e9; });
    add("requests", [](Part part) { return part.request_count; });
    add("blocks", [](Part part) { return part.block_count; });
    add("late", [](Part part) { return part.late_count; });
    add_asked("hit_host_percent", [](Part p) { return percent(p.host_count, p.block_count); });
    add_asked("hit_disk_percent", [](Part p) { return percent(p.disk_count, p.block_count); });
    add_asked("delivered_percent",
              [](Part p) { return percent(p.delivered_count, p.block_count); });
    add_asked("ttft_p50_ms", [](Part part) { return in_ms(part.ttft_p50_ns); });
    add_asked("ttft_p90_ms", [](Part part) { return in_ms(part.ttft_p90_ns); });
    add_asked("ttft_p99_ms", [](Part part) { return in_ms(part.ttft_p99_ns); });
    add_sampled("wall_s", [](Part part) { return static_cast<double>(part.wall_ns) / 1e9; });
    add_sampled("host_read_bytes", [](Part part) { return part.host_read_bytes; });
    add_sampled("disk_read_bytes", [](Part part) { return part.disk_read_bytes; });
    add_sampled("disk_written_bytes", [](Part part) { return part.disk_written_bytes; });
    add_sampled("host_used_bytes", [](Part part) { return part.host_used_bytes; });
    add_sampled("disk_used_bytes", [](Part part) { return part.disk_used_bytes; });
    return all;
}

JsonObject json_distribution(const ReplayResult& result) {
    const std::vector<RankedTime> ranked = distribution_of(result);
    JsonObject all;
    all.add("percent", column(ranked, [](const RankedTime& one) { return one.per_mille / 10.0; }));
    all.add("ttft_ms", column(ranked, [](const RankedTime& one) { return in_ms(one.ttft_ns); }));
    return all;
}

std::vector<JsonObject> json_figures(const std::vector<Figure>& figures) {
    std::vector<JsonObject> all;
    for (const Figure& figure : figures) {
        JsonObject& one = all.emplace_back();
        one.add("key", figure.key);
        one.add("label", figure.label);
        one.add("value", figure.value);
        one.add("text", figure.text);
    }
    return all;
}

JsonObject json_run(const ReportRun& run) {
    const ReplayResult& result = *run.measured.result;
    std::uint64_t blocks = 0, host = 0, disk = 0;
    for (const Served& served : result.served) {
        blocks += served.block_count;
        host += served.host_count;
        disk += served.disk_count;
    }
    JsonObject all;
    all.add("title", run.title);
    all.add("interrupted", result.is_interrupted);
    all.add("host_bytes", run.measured.host_bytes);
    all.add("disk_bytes", run.measured.disk_bytes);
    all.add("hit_host_percent", percent(host, blocks));
    all.add("hit_disk_percent", percent(disk, blocks));
    all.add("figures", json_figures(run.figures));
    all.add("parts", json_parts(result));
    all.add("distribution", json_distribution(result));
    return all;
}

// Equal steps of the logarithm up to all blocks, and what blocks took of the tiers.
std::vector<std::uint64_t> capacities_of(const MissCurve& curve, const Room& room,
                                         std::uint64_t block_bytes) {
    const double all = std::max(1.0, static_cast<double>(curve.block_count()));
    std::vector<std::uint64_t> capacities;
    for (int i = 0; i < kCurvePoints; ++i) {
        const double share = std::pow(kCurveLeast, 1 - i / (kCurvePoints - 1.0));
        capacities.push_back(static_cast<std::uint64_t>(std::max(1.0, std::round(all * share))));
    }
    for (const std::uint64_t bytes : {room.host_bytes, room.disk_bytes}) {
        const std::uint64_t blocks = bytes / block_bytes;
        if (blocks != 0 && blocks < curve.block_count()) capacities.push_back(blocks);
    }
    std::sort(capacities.begin(), capacities.end());
    capacities.erase(std::unique(capacities.begin(), capacities.end()), capacities.end());
    return capacities;
}

JsonObject json_curve(const MissCurve& curve, const Measured& measured) {
    const Room room = room_of(measured);
    const std::uint64_t block_bytes = measured.block_bytes;
    const std::vector<std::uint64_t> capacities = capacities_of(curve, room, block_bytes);
    const auto hits = [&](std::uint64_t blocks) { return curve.hit_percent(blocks); };
    JsonObject all;
    all.add("policy", "leaf-LRU");
    all.add("blocks", column(capacities, [](std::uint64_t blocks) { return blocks; }));
    all.add("bytes",
            column(capacities, [&](std::uint64_t blocks) { return blocks * block_bytes; }));
    all.add("hit_percent", column(capacities, hits));
    all.add("ceiling_percent", rounded(hits(curve.block_count())));
    all.add("host_room_bytes", room.host_bytes);
    all.add("disk_room_bytes", room.disk_bytes);
    all.add("host_room_percent", rounded(hits(room.host_bytes / block_bytes)));
    all.add("disk_room_percent", rounded(hits(room.disk_bytes / block_bytes)));
    return all;
}

JsonObject json_trace(const ReportContent& content, const MissCurve& curve) {
    const Trace& trace = *content.trace;
    const Measured& measured = content.runs[content.subject].measured;
    JsonObject all;
    all.add("name", content.trace_name);
    all.add("requests", static_cast<std::uint64_t>(trace.request_count()));
    all.add("requests_served", static_cast<std::uint64_t>(measured.result->served.size()));
    all.add("seconds", static_cast<double>(trace.duration_us()) / 1e6);
    all.add("blocks", trace.block_count());
    all.add("blocks_served", curve.block_count());
    all.add("references_served", curve.reference_count());
    all.add("block_tokens", trace.block_tokens());
    all.add("block_bytes", measured.block_bytes);
    return all;
}

JsonObject json_made(const std::string& trace_name) {
    const bwrt_caps caps = caps_with(nullptr);
    const std::time_t now = std::time(nullptr);
    std::tm utc = {};
    char text[32] = "";
    if (gmtime_r(&now, &utc) != nullptr) std::strftime(text, sizeof text, "%F %T UTC", &utc);
    JsonObject all;  // shown as it is, in this order
    all.add("trace", trace_name);
    all.add("command", command_text());
    all.add("machine", caps.machine);
    all.add("bwrt", BWRT_VERSION);
    all.add("library", caps.version);
    all.add("finished", text);
    return all;
}

}  // namespace

JsonObject report_data(const ReportContent& content) {
    const Measured& measured = content.runs[content.subject].measured;
    const MissCurve curve(*content.trace, measured.result->served.size());
    const Advice advice = advice_of(measured, curve);
    std::vector<JsonObject> runs;
    for (const ReportRun& run : content.runs) runs.push_back(json_run(run));
    JsonObject told;
    told.add("verdict", advice.verdict);
    told.add("reasons", advice.reasons);
    JsonObject all;
    all.add("format", "bwrt-report-1");
    all.add("made", json_made(content.trace_name));
    all.add("notes", content.notes);
    all.add("trace", json_trace(content, curve));
    all.add("subject", static_cast<std::uint64_t>(content.subject));
    all.add("part_s", static_cast<double>(measured.result->part_ns) / 1e9);
    all.add("runs", std::move(runs));
    all.add("curve", json_curve(curve, measured));
    all.add("advice", std::move(told));
    return all;
}

}  // namespace bwrt::tools
