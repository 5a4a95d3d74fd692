// SPDX-License-Identifier: Apache-2.0
//
// cmd_replay.cpp — `bwrt replay TRACE`, `bwrt replay --generate KIND`: a trace of requests through
// a runtime with its store, as a serving engine would drive it, and what came of it.
//
//   trace (replay/trace.h) ──▶ replay (replay/replay.h) ──▶ figures (replay/figures.h)
//                                 │ ▲
//                      replay/runtime_cache.h: a store in a folder that is removed again
//
// Ctrl-C ends the replay, and what was measured until then is told.  Every delivered byte is
// compared with what the block's id says that it has to be: a wrong one is status 1.

#include <unistd.h>

#include <cstdio>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "tools/commands.h"
#include "tools/output.h"
#include "tools/replay/figures.h"
#include "tools/replay/replay.h"
#include "tools/replay/runtime_cache.h"
#include "tools/replay_scene.h"
#include "tools/report_replay.h"
#include "tools/signals.h"
#include "tools/trace_source.h"

namespace bwrt::tools {
namespace {

using namespace bwrt::replay;

constexpr double kSecondsUntold = 10;

const char* name_of_policy(const ReplayResult& result) {
    constexpr const char* kNames[] = {"", "lru", "learned", "ranked"};
    return result.cache.eviction < std::size(kNames) ? kNames[result.cache.eviction] : "";
}

void print_json(const Scene& scene, const ReplayResult& result,
                const std::vector<Figure>& figures) {
    JsonObject object;
    object.add("trace", scene.name);
    object.add("block_bytes", scene.cache.block_bytes);
    object.add("block_tokens", scene.trace.block_tokens());
    object.add("host_bytes", scene.cache.host_bytes);
    object.add("disk_bytes", scene.cache.disk_bytes);
    object.add("speed", scene.rule.speed);
    object.add("mode", scene.cache.is_modelled ? "model" : "real");
    object.add("policy", name_of_policy(result));
    object.add("write_touch_count", result.cache.write_touch_count);
    object.add("interrupted", result.is_interrupted);
    add_figures(object, figures);
    object.print();
}

const char* closing_of(const Scene& scene, const ReplayResult& result) {
    if (scene.cache.is_modelled) return "a modelled world: no byte was moved, and none compared";
    return result.wrong_block_count == 0 ? "every delivered block was what its id says"
                                         : "WRONG BYTES WERE DELIVERED";
}

// Where nobody can see how far it is, so that nobody takes it for dead.
void announce(const Scene& scene) {
    if (scene.cache.is_modelled || scene.rule.speed <= 0 || isatty(STDERR_FILENO) == 1) return;
    const double seconds = static_cast<double>(scene.trace.duration_us()) / 1e6 / scene.rule.speed;
    if (seconds <= kSecondsUntold) return;
    std::fprintf(stderr, "bwrt: this takes %.0f s; with --speed %g a tenth of that\n", seconds,
                 10 * scene.rule.speed);
}

void print_text(const Scene& scene, const ReplayResult& result,
                const std::vector<Figure>& figures) {
    print_scene(scene);
    std::printf("%s\n", speed_text(scene.rule.speed).c_str());
    const std::string file = shown_name(scene.cache.tuning, kPathColumnsMax);
    std::printf("policy %s, written at use %u%s\n", name_of_policy(result),
                result.cache.write_touch_count,
                file.empty() ? "" : (" (config " + file + ")").c_str());
    std::printf("\n");
    std::printf("%s\n", table_of({{"bwrt", figures}}).c_str());
    if (result.is_interrupted) {
        std::printf("interrupted after %zu of %zu requests\n", result.served.size(),
                    scene.trace.request_count());
    }
    std::printf("%s\n", closing_of(scene, result));
}

}  // namespace

void run_replay(const ReplayOptions& options, bool json) {
    refuse_trace_as_output(options.source, options.report, "--report");
    const Scene scene = scene_of(options);
    catch_signals();
    std::optional<Report> report;
    if (!options.report.empty()) report.emplace(options.report);
    announce(scene);
    ReplayResult result;
    {
        RuntimeCache cache(scene.cache, scene.trace);
        ReplayLine line(scene.trace);
        result = replay::replay(scene.trace, scene.rule, cache, [&](const ReplayResult& so_far) {
            line.draw(so_far);
            return !is_interrupted();
        });
    }
    const std::vector<Figure> figures = figures_of(result, scene.trace, scene.cache.block_bytes);
    (json ? print_json : print_text)(scene, result, figures);
    if (report.has_value()) {
        report->write_at_end(
            report_of_replay(scene.name, scene.trace, scene.cache, scene.rule, result, figures));
    }
    if (result.wrong_block_count != 0) throw Ended{1};
    if (result.is_interrupted) throw Ended{130};
}

}  // namespace bwrt::tools
