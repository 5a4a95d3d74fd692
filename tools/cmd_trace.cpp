// SPDX-License-Identifier: Apache-2.0
//
// cmd_trace.cpp — `bwrt trace FILE`, `bwrt trace --generate KIND`: what a trace of requests is
// like, and the trace itself in a file.
//
//   file ──trace_read.h──┐
//                        ├──▶ Trace ──┬──▶ statistics, and those of the trace it imitates
//   kind ──generate.h────┘            └──▶ --write
//
// A row is told once, in rows_of(): the table has its figures, --json its values.

#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "tools/commands.h"
#include "tools/draft_file.h"
#include "tools/output.h"
#include "tools/replay/generate.h"
#include "tools/replay/published.h"
#include "tools/replay/statistics.h"
#include "tools/replay/trace.h"
#include "tools/replay/trace_write.h"
#include "tools/signals.h"
#include "tools/trace_source.h"

namespace bwrt::tools {
namespace {

using replay::PublishedTrace;
using replay::Trace;
using replay::TraceError;
using replay::TraceStatistics;

constexpr std::size_t kWrittenBytes = std::size_t{1} << 20;  // at a time

struct Figure {
    const char* key;  // of --json; of what stands alone empty
    double value;
};

struct Row {
    const char* key;
    const char* label;
    int decimals;
    double unit;  // of what is shown, in that of the values
    std::vector<Figure> figures;
};

double per(double part, double whole) { return whole > 0 ? part / whole : std::nan(""); }

std::vector<Row> rows_of(const TraceStatistics& it) {
    const auto number = [](std::uint64_t count) { return static_cast<double>(count); };
    const double requests = number(it.request_count), references = number(it.reference_count);
    const auto& sets = it.working_set;
    return {
        {"requests", "requests", 0, 1, {{"", requests}}},
        {"seconds", "seconds", 0, 1, {{"", it.seconds}}},
        {"rate", "requests a second", 2, 1, {{"", per(requests, it.seconds)}}},
        {"references", "references to blocks", 0, 1, {{"", references}}},
        {"blocks", "blocks", 0, 1, {{"", number(it.block_count)}}},
        {"references_per_block",
         "references a block",
         2,
         1,
         {{"", per(references, number(it.block_count))}}},
        {"hit_ceiling", "hit ceiling, %", 2, 100, {{"", it.hit_ceiling}}},
        {"never_again", "blocks never used again, %", 1, 100, {{"", it.never_again_share}}},
        {"hottest_reuse", "reuse by the hottest 1 %, %", 1, 100, {{"", it.hottest_reuse_share}}},
        {"input_tokens",
         "input tokens, mean p50 p90 p99",
         0,
         1,
         {{"mean", it.input_tokens.mean},
          {"p50", it.input_tokens.p50},
          {"p90", it.input_tokens.p90},
          {"p99", it.input_tokens.p99}}},
        {"output_tokens",
         "output tokens, mean p50 p99",
         0,
         1,
         {{"mean", it.output_tokens.mean},
          {"p50", it.output_tokens.p50},
          {"p99", it.output_tokens.p99}}},
        {"interarrival_s",
         "between arrivals s, mean p99",
         3,
         1,
         {{"mean", it.interarrival_s.mean}, {"p99", it.interarrival_s.p99}}},
        {"interarrival_variation", "  deviation / mean", 2, 1, {{"", it.interarrival_variation}}},
        {"shared",
         "shared prefix %, mean p50",
         1,
         100,
         {{"mean", it.shared_share.mean}, {"p50", it.shared_share.p50}}},
        {"few_hits", "requests that hit 0 or 1, %", 1, 100, {{"", it.few_hits_share}}},
        {"hit_blocks",
         "blocks hit, p50 p90 p99",
         0,
         1,
         {{"p50", it.hit_blocks.p50}, {"p90", it.hit_blocks.p90}, {"p99", it.hit_blocks.p99}}},
        {"runs_per_prefix", "runs of a hit prefix", 1, 1, {{"", it.runs_per_prefix}}},
        {"blocks_per_run", "blocks of a run", 1, 1, {{"", it.blocks_per_run}}},
        {"reuse_s",
         "reuse time s, p50 p90 p99",
         1,
         1,
         {{"p50", it.reuse_s.p50}, {"p90", it.reuse_s.p90}, {"p99", it.reuse_s.p99}}},
        {"stack_distance",
         "stack distance %, p50 p90 p99",
         1,
         100,
         {{"p50", it.stack_share.p50}, {"p90", it.stack_share.p90}, {"p99", it.stack_share.p99}}},
        {"live_blocks",
         "live blocks, mean peak",
         0,
         1,
         {{"mean", it.live_mean}, {"peak", number(it.live_peak)}}},
        {"working_set",
         "working set of 1 5 15 min",
         0,
         1,
         {{"1min", sets[0]}, {"5min", sets[1]}, {"15min", sets[2]}}},
    };
}

std::string cell_of(const Row& row) {
    std::string cell;
    for (const Figure& figure : row.figures) {
        char text[32] = "-";
        if (!std::isnan(figure.value)) {
            std::snprintf(text, sizeof text, "%.*f", row.decimals, figure.value * row.unit);
        }
        cell += (cell.empty() ? "" : " / ") + std::string(text);
    }
    return cell;
}

JsonObject json_of(const std::vector<Row>& rows) {
    JsonObject all;
    for (const Row& row : rows) {
        if (row.figures.size() == 1 && *row.figures[0].key == '\0') {
            if (!std::isnan(row.figures[0].value)) all.add(row.key, row.figures[0].value);
            continue;
        }
        JsonObject several;
        for (const Figure& figure : row.figures) {
            if (!std::isnan(figure.value)) several.add(figure.key, figure.value);
        }
        all.add(row.key, std::move(several));
    }
    return all;
}

void print_table(const std::vector<Row>& rows, const PublishedTrace* published) {
    std::vector<Row> beside;
    if (published != nullptr) {
        beside = rows_of(published->statistics);
        std::printf("  %-31s  %-34s  %s\n", "", "here", published->name);
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const std::string cell = cell_of(rows[i]);
        if (published == nullptr) {
            std::printf("  %-31s  %s\n", rows[i].label, cell.c_str());
        } else {
            std::printf("  %-31s  %-34s  %s\n", rows[i].label, cell.c_str(),
                        cell_of(beside[i]).c_str());
        }
    }
    if (published != nullptr) std::printf("%s: %s\n", published->name, published->source);
}

void print_tenants(const Trace& trace, const TraceStatistics& statistics) {
    if (trace.tenants().size() == 1) return;
    std::printf("  %-20s  %10s  %10s  %12s  %8s\n", "tenant", "requests", "of all", "hit ceiling",
                "quota");
    for (std::size_t i = 0; i < trace.tenants().size(); ++i) {
        const replay::TenantStatistics& tenant = statistics.tenants[i];
        if (tenant.request_count == 0) continue;
        const auto percent = [](std::uint64_t part, std::uint64_t whole) {
            return whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
        };
        std::printf("  %-20s  %10llu  %8.1f %%  %10.2f %%",
                    i == 0 ? "(none)" : shown_name(trace.tenants()[i].name).c_str(),
                    static_cast<unsigned long long>(tenant.request_count),
                    percent(tenant.request_count, statistics.request_count),
                    percent(tenant.hit_count, tenant.reference_count));
        const std::uint32_t quota = trace.tenants()[i].quota_milli;
        std::printf(quota == 0 ? "\n" : "  %6.1f %%\n", quota / 10.0);
    }
}

// What was taken though it was not as it should be.
void print_tolerated(const Trace& trace) {
    const replay::TraceTolerated& tolerated = trace.tolerated();
    if (tolerated.late_count > 0) {
        std::printf(
            "%llu requests told after a later one, by %.3f s at most: they arrive with it\n",
            static_cast<unsigned long long>(tolerated.late_count),
            1e-6 * static_cast<double>(tolerated.late_us_max));
    }
    if (tolerated.misfit_count > 0) {
        std::printf("%llu requests whose number of blocks is not that of their tokens\n",
                    static_cast<unsigned long long>(tolerated.misfit_count));
    }
}

std::vector<JsonObject> json_tenants(const Trace& trace, const TraceStatistics& statistics) {
    std::vector<JsonObject> all;
    for (std::size_t i = 0; i < trace.tenants().size(); ++i) {
        JsonObject tenant;
        tenant.add("name", trace.tenants()[i].name);
        tenant.add("requests", statistics.tenants[i].request_count);
        tenant.add("references", statistics.tenants[i].reference_count);
        tenant.add("hits", statistics.tenants[i].hit_count);
        tenant.add("quota_milli", trace.tenants()[i].quota_milli);
        all.push_back(std::move(tenant));
    }
    return all;
}

void print_json(const std::string& name, const Trace& trace, const TraceStatistics& statistics,
                const PublishedTrace* published) {
    JsonObject all;
    all.add("trace", name);
    all.add("block_tokens", trace.block_tokens());
    all.add("sessions", trace.session_count());
    all.add("bin_ms", 1e-3 * static_cast<double>(trace.bin_us()));
    all.add("late", trace.tolerated().late_count);
    all.add("misfit", trace.tolerated().misfit_count);
    all.add("statistics", json_of(rows_of(statistics)));
    all.add("tenants", json_tenants(trace, statistics));
    if (published != nullptr) {
        JsonObject beside = json_of(rows_of(published->statistics));
        beside.add("name", published->name);
        beside.add("source", published->source);
        all.add("published", std::move(beside));
    }
    all.print();
}

// All of it or nothing, also when it is interrupted.
void write_trace(const Trace& trace, const std::string& path) {
    catch_signals();
    DraftFile file(path);
    std::string text;
    for (std::size_t i = 0; i < trace.request_count(); ++i) {
        append_line(trace, i, text);
        if (text.size() < kWrittenBytes && i + 1 < trace.request_count()) continue;
        if (is_interrupted()) throw Failure("interrupted", "interrupted", 130);
        file.append(text);
        text.clear();
    }
    file.take_place();
}

}  // namespace

void run_trace(const TraceOptions& options, bool json) {
    const TraceSource& source = options.source;
    const std::string name = name_of(source);
    const Trace trace = trace_of(source);
    const TraceStatistics statistics = count_statistics(trace);
    if (!options.output.empty()) write_trace(trace, options.output);
    const PublishedTrace* const published =
        source.kind.has_value()
            ? replay::published_trace(static_cast<replay::TraceKind>(*source.kind))
            : nullptr;
    if (json) return print_json(name, trace, statistics, published);
    std::printf("%s: %s, blocks of %s\n", shown_name(name, kPathColumnsMax).c_str(),
                counted(trace.session_count(), "session").c_str(),
                counted(trace.block_tokens(), "token").c_str());
    print_table(rows_of(statistics), published);
    print_tenants(trace, statistics);
    print_tolerated(trace);
}

}  // namespace bwrt::tools
