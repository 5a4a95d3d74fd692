// SPDX-License-Identifier: Apache-2.0
//
// command_line_replay.cpp — the options of the commands that take a trace of requests.

#include <cmath>
#include <cstdint>
#include <map>
#include <string>

#include "tools/command_line_parts.h"
#include "tools/commands.h"
#include "tools/replay/generate.h"

namespace bwrt::tools {
namespace {

constexpr const char* kPrefetchHelp =
    "Of the memory, for blocks that are read before they are asked for; 0: none";
constexpr const char* kCalibrationHelp =
    "The modelled disk, as `bwrt calibrate` measured a real one";

// A rate in thousandths, so that nothing depends on how fractions round.
void take_rate(TraceSource* source, double per_second) {
    source->rate_milli = static_cast<std::uint32_t>(std::llround(per_second * 1000));
}

void add_trace_source(CLI::App* app, TraceSource* source) {
    source->command = app->get_name();
    app->add_option("TRACE", source->file,
                    "A trace in Mooncake's form, plain or zstd; -: standard input");
    const std::vector<std::string> kinds(std::begin(replay::kTraceKindNames),
                                         std::end(replay::kTraceKindNames));
    const auto take_kind = [source, kinds](const std::string& name) {
        const auto at = std::find(kinds.begin(), kinds.end(), name);
        source->kind = static_cast<std::uint32_t>(at - kinds.begin());
    };
    // It does not exclude TRACE here: what follows an option that is not known would be taken for
    // one, and that said instead of the option (trace_of() tells).
    CLI::Option* const generate =
        app->add_option_function<std::string>("--generate", take_kind, "Draw one")
            ->check(CLI::IsMember(kinds))
            ->type_name("KIND");
    app->add_option("--seed", source->seed, "Of a drawn one")
        ->needs(generate)
        ->capture_default_str();
    app->add_option("--seconds", source->seconds, "Of a drawn one")
        ->check(CLI::Range(1, 1'000'000))
        ->needs(generate)
        ->capture_default_str();
    app->add_option_function<double>(
           "--rate", [source](double rate) { take_rate(source, rate); },
           "Requests a second of a drawn one; chat 3.4, agent 2.89, rollout 4, eval 8, tenants 4")
        ->check(real_range(0.001, 100'000.0))
        ->needs(generate);
    app->add_option("--block-tokens", source->block_tokens,
                    "Of a block; a file's are inferred, drawn ones have 512, rollout and eval 64")
        ->check(CLI::Range(1, 1 << 20));
}

void add_trace(CLI::App* bwrt, const bool* json) {
    const auto [app, options] = add_command(
        bwrt, "trace", "Show what a trace of requests is like, or draw one", run_trace, json);
    add_trace_source(app, &options->source);
    app->add_option("--write", options->output, "Write it to this file, a request a line");
}

void add_tiers(CLI::App* app, ReplayOptions* options) {
    app->add_option("--dram", options->host_bytes, "Of the tier in memory: 512m; 0: no such tier")
        ->transform(size_value());
    app->add_option("--disk", options->disk_bytes, "Of the tier on disk: 4g; 0: no such tier")
        ->transform(size_value());
    app->add_option("--dram-percent", options->host_percent,
                    "Without --dram: of the trace's different blocks; 0: no such tier")
        ->check(real_range(0.0, 1000.0))
        ->capture_default_str();
    app->add_option("--disk-percent", options->disk_percent, "Without --disk, likewise")
        ->check(real_range(0.0, 1000.0))
        ->capture_default_str();
    CLI::Option* const bytes =
        app->add_option("--block-bytes", options->block_bytes, "Of a block: 64k")
            ->transform(size_value());
    CLI::Option* const model =
        app->add_option("--model", options->model, "A block has the KV of it")
            ->check(CLI::IsMember({"llama3-70b", "llama3-8b"}))
            ->excludes(bytes);
    app->add_option("--scale", options->scale, "So many times smaller than the model's")
        ->check(real_range(1.0, 1e6))
        ->needs(model)
        ->capture_default_str();
}

// What is left out of it is as the file says, then as the library has it.
void add_policy(CLI::App* app, ReplayOptions* options) {
    app->add_option("--write-touches", options->write_touch_count,
                    "Uses of a block before it is worth writing to disk; 1")
        ->check(CLI::Range(1, 15));
    app->add_option("--policy", options->policy, "Who goes from a tier that is full; lru")
        ->check(CLI::IsMember({"lru", "learned", "ranked"}));
    app->add_option("--config", options->tuning,
                    "A file by bwrt tune, for what is not said here of bwrt's own policy");
}

// What stands around the cache.
void add_engine(CLI::App* app, ReplayOptions* options, int streams_least, const char* streams) {
    app->add_option("--speed", options->speed,
                    "Seconds of the trace in one; 0: nobody waits for an arrival")
        ->check(real_range(0.0, 1e6))
        ->capture_default_str();
    app->add_option("--lookahead", options->lookahead_s,
                    "Seconds of the trace: what arrives within them is known, as an engine knows "
                    "its queue, and is kept while anything else can go")
        ->check(real_range(0.0, 600.0))
        ->capture_default_str();
    app->add_option("--deadline-ms", options->deadline_ms,
                    "From arrival to first token, on the trace's clock; 0: none")
        ->check(real_range(0.0, 1e9))
        ->capture_default_str();
    app->add_option("--streams", options->streams, streams)
        ->check(CLI::Range(streams_least, 4096))
        ->capture_default_str();
    app->add_option("--prefill-rate", options->prefill_rate, "Tokens a second of each")
        ->check(CLI::Range(1, 1'000'000'000))
        ->capture_default_str();
}

// What is below it.
void add_world(CLI::App* app, ReplayOptions* options) {
    app->add_option("--folder", options->folder, "The store's folder is made in it, and removed")
        ->capture_default_str();
    app->add_option("--report", options->report, "Charts and tables of it, as one HTML file");
    app->add_flag("--sample", options->sample, "Compare three words of each 4 KiB, not all");
    app->add_option("--mode", options->mode,
                    "real, or model: the same runtime on a modelled disk and clock")
        ->check(CLI::IsMember({"real", "model"}))
        ->capture_default_str();
    app->add_option("--calibration", options->calibration, kCalibrationHelp);
}

void add_replay(CLI::App* bwrt, const bool* json) {
    const auto [app, options] =
        add_command(bwrt, "replay",
                    "Drive a runtime and its store with a trace of requests, comparing every byte",
                    run_replay, json);
    add_trace_source(app, &options->source);
    add_tiers(app, options);
    add_policy(app, options);
    add_engine(app, options, 1, "Processors that compute what is missing");
    app->add_option("--prefetch-percent", options->prefetch_percent, kPrefetchHelp)
        ->check(real_range(0.0, 50.0))
        ->capture_default_str();
    add_world(app, options);
    app->add_flag("--no-plan", options->no_plan, "Loads are ordinary waves");
}

void add_compare(CLI::App* bwrt, const bool* json) {
    const auto [app, options] = add_command(
        bwrt, "compare", "The same trace through bwrt and through other policies, in one table",
        run_compare, json);
    ReplayOptions* const replay = &options->replay;
    replay->mode = "model";
    replay->deadline_ms = 5'000;
    replay->lookahead_s = 30;
    replay->streams = 0;
    add_trace_source(app, &replay->source);
    add_tiers(app, replay);
    add_policy(app, replay);
    add_engine(app, replay, 0,
               "Processors that compute what is missing; 0: such that they are 80 % busy without "
               "a cache");
    app->get_option("--lookahead")
        ->description(
            "Seconds of the trace that bwrt-lookahead sees, as an engine knows its queue");
    app->add_option("--policies", options->policies,
                    "Only these columns: none, fifo, lru, leaf-lru, ttl, bwrt, bwrt-foretelling, "
                    "bwrt-lookahead, optimum")
        ->delimiter(',');
    add_world(app, replay);
}

void add_tune(CLI::App* bwrt, const bool* json) {
    const auto [app, options] = add_command(
        bwrt, "tune", "Which policy suits a trace: found on its first part, proven on the rest",
        run_tune, json);
    ReplayOptions* const replay = &options->replay;
    replay->mode = "model";
    replay->streams = 0;
    add_trace_source(app, &replay->source);
    add_tiers(app, replay);
    add_engine(app, replay, 0,
               "Processors that compute what is missing; 0: such that they are 80 % busy without "
               "a cache");
    app->add_option("--prefetch-percent", replay->prefetch_percent, kPrefetchHelp)
        ->check(real_range(0.0, 50.0))
        ->capture_default_str();
    app->add_option("--calibration", replay->calibration, kCalibrationHelp);
    app->add_option("--folder", replay->folder, "What replays need is made in it, and removed")
        ->capture_default_str();
    app->add_option("--train", options->first_share, "The share of the requests in the first part")
        ->check(real_range(0.05, 0.95))
        ->capture_default_str();
    app->add_option("--jobs", options->job_count,
                    "Replays at a time; as many as there are processors")
        ->check(CLI::Range(1, 1024));
    app->add_option("--out", options->output, "The file, for bwrt_config.tuning and --config")
        ->capture_default_str();
}

}  // namespace

void add_trace_commands(CLI::App* bwrt, const bool* json) {
    add_trace(bwrt, json);
    add_replay(bwrt, json);
    add_compare(bwrt, json);
    add_tune(bwrt, json);
}

}  // namespace bwrt::tools
