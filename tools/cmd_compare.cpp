// SPDX-License-Identifier: Apache-2.0
//
// cmd_compare.cpp — `bwrt compare TRACE`, `bwrt compare --generate KIND`: the same requests through
// bwrt and through policies that others have, and the figures of all in one table.
//
//   trace ──▶ for each column: cache_of() ──▶ replay (replay/replay.h) ──▶ figures
//                  │
//                  ├── a policy (replay/policies/policy.h) with a device's table
//                  └── bwrt: replay/runtime_cache.h
//
// All have the same trace, the same room, the same rule and the same disk: a modelled one, or, with
// --mode real, that of --folder, which is measured first for the policies.  A policy's column is
// that of the policy, as it is described, and of nobody's product.  Ctrl-C ends the comparison, and
// the columns that are whole are told.

#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/commands.h"
#include "tools/compare_column.h"
#include "tools/measured_device.h"
#include "tools/output.h"
#include "tools/replay/figures.h"
#include "tools/replay/policies/policy_cache.h"
#include "tools/replay_scene.h"
#include "tools/report_replay.h"
#include "tools/signals.h"
#include "tools/trace_source.h"

namespace bwrt::tools {
namespace {

using namespace bwrt::replay;

using MakePolicy = std::unique_ptr<Policy> (*)(const Trace&, const PolicyRoom&);

// What bwrt does beside what it does anyway.
enum class Extra { kNone, kForetells, kLooksAhead };

struct Kind {
    const char* name;
    const char* title;
    MakePolicy make;  // null: bwrt
    bool merges;
    Extra extra;
    const char* what;
};
const Kind kKinds[] = {
    {"none", "no cache", [](const Trace&, const PolicyRoom&) { return no_policy(); }, false,
     Extra::kNone, "policy: nothing is kept"},
    {"fifo", "FIFO", fifo_policy, false, Extra::kNone,
     "policy: what came first goes first; an operation a block"},
    {"lru", "LRU", lru_policy, false, Extra::kNone,
     "policy: what was used longest ago goes first; an operation a block"},
    {kGapFrom, "leaf-LRU", leaf_lru_policy, true, Extra::kNone,
     "policy: what was used longest ago goes first, but no block before its children; what was "
     "written together is read together"},
    {"ttl", "TTL", ttl_policy, false, Extra::kNone,
     "policy: each use gives a time to live, memory is for a second use; an operation a block"},
    {"bwrt", "bwrt", nullptr, true, Extra::kNone, "this library as it comes"},
    {"bwrt-foretelling", "bwrt-foretelling", nullptr, true, Extra::kForetells,
     "this library, which reads back what it expects: a quarter of memory is for that"},
    {"bwrt-lookahead", "bwrt-lookahead", nullptr, true, Extra::kLooksAhead,
     "this library, told of requests before they arrive, as an engine knows its queue"},
    {kGapTo, "optimum", optimum_policy, true, Extra::kNone,
     "policy: knows the whole future; no cache that reads nothing ahead has more hits"},
};
constexpr double kForetoldShare = 0.25;

std::string names_of_kinds() {
    std::string names;
    for (const Kind& kind : kKinds) names += (names.empty() ? "" : ", ") + std::string(kind.name);
    return names;
}

bool is_name_of(const Kind& kind, const std::string& name) {
    return name == kind.name || (kind.extra == Extra::kForetells && name == "foretelling");
}

// Null: it can be run.
const char* what_lacks(const Kind& kind, const Scene& scene) {
    const bool has_both = scene.cache.disk_bytes != 0 && scene.cache.host_bytes != 0;
    if (kind.extra == Extra::kForetells && !has_both) return "both tiers";
    if (kind.extra == Extra::kLooksAhead && scene.rule.lookahead_ns == 0) {
        return "a --lookahead and a --speed";
    }
    return nullptr;
}

// In the order of the table, whichever they are named in; all where none is named.
std::vector<const Kind*> kinds_of(const CompareOptions& options, const Scene& scene) {
    for (const std::string& name : options.policies) {
        if (std::none_of(std::begin(kKinds), std::end(kKinds),
                         [&](const Kind& kind) { return is_name_of(kind, name); })) {
            throw Failure("E_INVAL",
                          "--policies: no '" + name + "'; there are: " + names_of_kinds(), 2);
        }
    }
    std::vector<const Kind*> kinds;
    for (const Kind& kind : kKinds) {
        const bool is_named =
            std::any_of(options.policies.begin(), options.policies.end(),
                        [&](const std::string& name) { return is_name_of(kind, name); });
        if (!options.policies.empty() && !is_named) continue;
        const char* const lacks = what_lacks(kind, scene);
        if (lacks == nullptr) {
            kinds.push_back(&kind);
        } else if (is_named) {
            throw Failure("E_INVAL", std::string(kind.name) + ": needs " + lacks, 2);
        }
    }
    return kinds;
}

std::uint64_t or_else(std::uint64_t value, std::uint64_t otherwise) {
    return value != 0 ? value : otherwise;
}

// That of the modelled world, or of the folder, where it has one.
DeviceTable device_of(const RuntimeCacheOptions& cache) {
    if (!cache.is_modelled) return measured_device(cache.folder).value_or(DeviceTable());
    DeviceTable device;
    device.depth = or_else(cache.machine.depth, device.depth);
    device.read_bytes_per_s = or_else(cache.machine.read_bytes_per_s, device.read_bytes_per_s);
    device.read_latency_ns = or_else(cache.machine.read_latency_ns, device.read_latency_ns);
    device.requests_per_s = or_else(cache.machine.requests_per_s, device.requests_per_s);
    device.copy_bytes_per_s = or_else(cache.machine.copy_bytes_per_s, device.copy_bytes_per_s);
    return device;
}

// The one place where it is said what a column runs on.
std::unique_ptr<Cache> cache_of(const Kind& kind, const Scene& scene, const DeviceTable& device) {
    if (kind.make == nullptr) {
        RuntimeCacheOptions options = scene.cache;
        if (kind.extra == Extra::kForetells) {
            options.prefetch_bytes = static_cast<std::uint64_t>(
                static_cast<double>(options.host_bytes) * kForetoldShare);
        }
        return std::make_unique<RuntimeCache>(options, scene.trace);
    }
    PolicyCacheOptions options;
    options.block_bytes = scene.cache.block_bytes;
    options.merges = kind.merges;
    options.device = device;
    const auto count = [&](std::uint64_t bytes) {
        return static_cast<std::uint32_t>(
            std::min<std::uint64_t>(bytes / scene.cache.block_bytes, scene.trace.block_count()));
    };
    const PolicyRoom room = {count(scene.cache.host_bytes), count(scene.cache.disk_bytes)};
    return std::make_unique<PolicyCache>(scene.trace, kind.make(scene.trace, room), options);
}

// So that a column's peak is its own, where the kernel allows it.
void forget_memory_peak() {
    malloc_trim(0);
    if (std::FILE* const file = std::fopen("/proc/self/clear_refs", "w")) {
        std::fputs("5", file);
        std::fclose(file);
    }
}

ReplayResult run(const Kind& kind, const Scene& scene, const DeviceTable& device,
                 const std::string& title) {
    forget_memory_peak();
    const std::unique_ptr<Cache> cache = cache_of(kind, scene, device);
    ReplayLine line(scene.trace, title);
    ReplayRule rule = scene.rule;
    if (kind.extra != Extra::kLooksAhead) rule.lookahead_ns = 0;
    return replay::replay(scene.trace, rule, *cache, [&](const ReplayResult& so_far) {
        line.draw(so_far);
        return !is_interrupted();
    });
}

JsonObject json_of(const DeviceTable& device) {
    JsonObject object;
    object.add("read_bytes_per_s", device.read_bytes_per_s);
    object.add("read_latency_ns", device.read_latency_ns);
    object.add("requests_per_s", device.requests_per_s);
    return object;
}

void print_json(const Scene& scene, const DeviceTable& device, const std::vector<Column>& columns,
                bool is_interrupted) {
    JsonObject object;
    object.add("trace", scene.name);
    object.add("mode", scene.cache.is_modelled ? "model" : "real");
    object.add("disk", json_of(device));
    object.add("block_bytes", scene.cache.block_bytes);
    object.add("block_tokens", scene.trace.block_tokens());
    object.add("host_bytes", scene.cache.host_bytes);
    object.add("disk_bytes", scene.cache.disk_bytes);
    object.add("lookahead_s", static_cast<double>(scene.rule.lookahead_ns) / 1e9);
    object.add("streams", scene.rule.prefill.stream_count);
    object.add("deadline_ms", static_cast<double>(scene.rule.deadline_ns) / 1e6);
    object.add("interrupted", is_interrupted);
    std::vector<JsonObject> all;
    for (const Column& column : columns) {
        JsonObject one;
        one.add("name", column.name);
        one.add("policy", column.is_policy);
        one.add("what", column.what);
        if (!column.is_policy) one.add("disk_room_bytes", column.disk_room_bytes);
        add_figures(one, column.figures);
        all.push_back(std::move(one));
    }
    object.add("columns", std::move(all));
    object.print();
}

// Not empty where the policies have more room on disk than bwrt.
std::string note_of_room(const Scene& scene, const std::vector<Column>& columns) {
    for (const Column& column : columns) {
        if (column.is_policy || column.disk_room_bytes >= scene.cache.disk_bytes) continue;
        return "bwrt has room for " + format_bytes(column.disk_room_bytes) + " of blocks in " +
               format_bytes(scene.cache.disk_bytes) + " of disk; policies use all of it.";
    }
    return {};
}

std::string note_of_policies(const Scene& scene, const DeviceTable& device) {
    char text[512];
    std::snprintf(
        text, sizeof text,
        "A policy moves nothing: it is told of the same requests, and its loads take the time of "
        "a disk of %.1f GB/s, %.0f us.\n%s",
        static_cast<double>(device.read_bytes_per_s) / 1e9,
        static_cast<double>(device.read_latency_ns) / 1e3,
        scene.cache.is_modelled
            ? "bwrt's figures are its own counters' in a modelled world with that disk: no byte is "
              "compared."
            : "bwrt's figures are its own counters' and the clock's, on --folder's disk.");
    return text;
}

std::vector<FigureColumn> aligned(const std::vector<Column>& columns) {
    std::vector<FigureColumn> table;
    for (const Column& column : columns) table.push_back({column.title, column.figures});
    align(table);
    return table;
}

// `results`: of each column.
ReportContent report_of(const Scene& scene, const DeviceTable& device,
                        const std::vector<Column>& columns,
                        const std::deque<ReplayResult>& results) {
    const std::vector<FigureColumn> table = aligned(columns);
    ReportContent content;
    content.title = "Policies on " + scene.name.substr(scene.name.rfind('/') + 1);
    content.trace_name = scene.name;
    content.trace = &scene.trace;
    std::uint64_t wrong_count = 0;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        content.runs.push_back(
            {columns[i].title,
             table[i].figures,
             {&results[i], scene.cache.block_bytes, scene.cache.host_bytes, scene.cache.disk_bytes,
              results[i].cache.write_touch_count, scene.rule.speed}});
        if (!columns[i].is_policy && columns[content.subject].is_policy) content.subject = i;
        wrong_count += columns[i].wrong_count;
    }
    content.notes = notes_of(scene.cache, scene.rule, wrong_count);
    content.notes.push_back(note_of_policies(scene, device));
    const std::string room = note_of_room(scene, columns);
    if (!room.empty()) content.notes.push_back(room);
    for (const Column& column : columns) {
        content.notes.push_back(column.title + " — " + column.what + ".");
    }
    return content;
}

void print_text(const Scene& scene, const DeviceTable& device, const std::vector<Column>& columns) {
    print_scene(scene);
    std::printf("%s\n\n", counted(scene.rule.prefill.stream_count, "processor").c_str());
    std::printf("%s\n", table_of(aligned(columns)).c_str());
    for (const Column& column : columns) {
        std::printf("%-16s %s\n", column.title.c_str(), column.what.c_str());
    }
    std::printf("\n%s\n", note_of_policies(scene, device).c_str());
    const std::string room = note_of_room(scene, columns);
    if (!room.empty()) std::printf("%s\n", room.c_str());
}

}  // namespace

void run_compare(const CompareOptions& options, bool json) {
    ReplayOptions replay = options.replay;
    if (replay.speed <= 0)
        replay.lookahead_s = 0;  // nobody waits for an arrival that could be seen
    refuse_trace_as_output(replay.source, replay.report, "--report");
    Scene scene = scene_of(replay);
    if (options.replay.streams == 0) {
        scene.rule.prefill.stream_count = streams_of(scene.trace, options.replay.prefill_rate);
    }
    // Where nobody waits, what is being written has no time of its own.
    scene.rule.settles = options.replay.speed <= 0;
    const std::vector<const Kind*> kinds = kinds_of(options, scene);
    catch_signals();
    std::optional<Report> report;
    if (!options.replay.report.empty()) report.emplace(options.replay.report);
    const DeviceTable device = device_of(scene.cache);
    std::vector<Column> columns;
    std::deque<ReplayResult> results;
    for (const Kind* kind : kinds) {
        const std::string title = std::to_string(columns.size() + 1) + " of " +
                                  std::to_string(kinds.size()) + ", " + kind->title + ": ";
        ReplayResult result = run(*kind, scene, device, title);
        if (result.is_interrupted) break;
        columns.push_back({kind->name, kind->title, kind->what, kind->make != nullptr, {}});
        measure(columns.back(), scene, device, result);
        results.push_back(std::move(result));
    }
    const bool is_whole = columns.size() == kinds.size();
    add_gaps(columns);
    if (json) {
        print_json(scene, device, columns, !is_whole);
    } else if (!columns.empty()) {
        print_text(scene, device, columns);
        if (!is_whole) std::printf("interrupted: %s is not whole\n", kinds[columns.size()]->title);
    }
    if (report.has_value() && !columns.empty()) {
        report->write_at_end(report_of(scene, device, columns, results));
    }
    for (const Column& column : columns) {
        if (column.wrong_count != 0) throw Ended{1};
    }
    if (!is_whole) throw Ended{130};
}

}  // namespace bwrt::tools
