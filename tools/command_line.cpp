// SPDX-License-Identifier: Apache-2.0
//
// command_line.cpp — the command line as a whole: every subcommand, its options, what they take and
// what the help says of them.
//
// CLI11 is headers only, and dear: this file takes 18 s of g++ -O2, a command 1 to 4 s.  So this
// file alone includes it; tools/check_layers.sh sees to that.

#include "tools/command_line.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "tools/commands.h"
#include "tools/output.h"
#include "tools/replay/generate.h"

namespace bwrt::tools {
namespace {

template <typename Options>
struct Command {
    CLI::App* app;
    Options* options;
};

// Options live as long as the command line.  CLI11 makes the call when all of it has been read, and
// `json` with it.
template <typename Options>
Command<Options> add_command(CLI::App* parent, const char* name, const char* help,
                             void (*run)(const Options&, bool), const bool* json) {
    const auto options = std::make_shared<Options>();
    CLI::App* const app = parent->add_subcommand(name, help);
    app->callback([options, run, json] { run(*options, *json); });
    return {app, options.get()};
}

// CLI::Range compares, and so lets through what is no number.
CLI::Validator real_range(double least, double most) {
    const CLI::Range range(least, most);
    const auto check = [range](std::string& text) {
        double value = 0;
        const bool is_nan = CLI::detail::lexical_cast(text, value) && std::isnan(value);
        return is_nan ? "Value " + text + " is not a number" : range(text);
    };
    return {check, range.get_description()};
}

void add_caps(CLI::App* bwrt, const bool* json) {
    const auto [app, options] = add_command(
        bwrt, "caps", "Show what was found on this machine, and the reason for what was not",
        run_caps, json);
    app->add_option("--calibration", options->calibration, "With this table by bwrt calibrate");
    app->add_flag("--device", options->device, "Start the CUDA driver and count its devices, too");
}

void add_copy(CLI::App* bwrt, const bool* json) {
    const auto [app, options] = add_command(
        bwrt, "copy", "Copy a file, read the copy back and compare; DST is whole or untouched",
        run_copy, json);
    app->add_option("SRC", options->source, "A regular file or block device")->required();
    app->add_option("DST", options->target, "A file name; a file of that name is replaced")
        ->required();
    app->add_option("--chunk", options->chunk_bytes, "Bytes of one wave: 256k, 1m")
        ->transform(CLI::AsSizeValue(false))
        ->check(CLI::Range(std::uint64_t{4096}, std::uint64_t{64} << 20))
        ->capture_default_str();
    app->add_option("--depth", options->depth, "Chunks in flight")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    app->add_flag("--direct", options->direct, "Go past the page cache");
}

void add_bench_io(CLI::App* bench, const bool* json) {
    const auto [app, options] = add_command(
        bench, "io", "Random direct reads and writes of a new file, which is removed at the end",
        run_bench_io, json);
    app->add_option("PLACE", options->place, "A folder, or the name of a file to be made")
        ->required();
    app->add_option("--bytes", options->file_bytes, "Of the file: 256m, 1g")
        ->transform(CLI::AsSizeValue(false))
        ->capture_default_str();
    app->add_option("--sizes", options->sizes, "Of a block: 4k,64k,1m")
        ->delimiter(',')
        ->transform(CLI::AsSizeValue(false));
    app->add_option("--depth", options->depth, "Blocks in flight")
        ->check(CLI::Range(1, 1024))
        ->capture_default_str();
    app->add_option("--seconds", options->seconds, "For each direction and size")
        ->check(real_range(0.001, 3600.0))
        ->capture_default_str();
    CLI::Option* const reads = app->add_flag("--reads", options->read_only, "Only reads");
    app->add_flag("--writes", options->write_only, "Only writes")->excludes(reads);
    app->add_flag("--caller-pages", options->caller_pages,
                  "To and from ordinary pages, not memory of bwrt's own");
}

void add_rounds(CLI::App* app, std::uint32_t* round_count) {
    app->add_option("--rounds", *round_count, "The figures are medians over them")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
}

void add_bench_overhead(CLI::App* bench, const bool* json) {
    const auto [app, options] =
        add_command(bench, "overhead", "What submissions and cached reads cost in software",
                    run_bench_overhead, json);
    app->add_option("PLACE", options->place, "A folder for a temporary file of 256 MiB")
        ->capture_default_str();
    app->add_option("--waves", options->wave_count, "Single ones in a round")
        ->check(CLI::Range(1, 10'000'000))
        ->capture_default_str();
    add_rounds(app, &options->round_count);
}

void add_bench_ring(CLI::App* bench, const bool* json) {
    const auto [app, options] =
        add_command(bench, "ring", "What a hand-over between threads costs", run_bench_ring, json);
    app->add_option("--commands", options->command_count, "In one round")
        ->check(CLI::Range(64, 100'000'000))
        ->capture_default_str();
    add_rounds(app, &options->round_count);
}

void add_bench(CLI::App* bwrt, const bool* json) {
    CLI::App* const bench = bwrt->add_subcommand("bench", "Measure bwrt on this machine");
    bench->require_subcommand(1);
    add_bench_io(bench, json);
    add_bench_overhead(bench, json);
    add_bench_ring(bench, json);
}

void add_calibrate(CLI::App* bwrt, const bool* json) {
    const auto [app, options] = add_command(
        bwrt, "calibrate", "Measure the device behind a folder and write a table for bwrt_open()",
        run_calibrate, json);
    app->add_option("DIR", options->directory, "A folder on the device; a file is made and removed")
        ->required();
    app->add_option("--output", options->output, "The table; other devices in it are kept")
        ->capture_default_str();
    app->add_option("--bytes", options->file_bytes, "Of the file: 256m, 1g")
        ->transform(CLI::AsSizeValue(false))
        ->capture_default_str();
    app->add_option("--rounds", options->round_count, "The best of them counts")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    app->add_option("--seconds", options->sample_seconds, "For each sample")
        ->check(real_range(0.001, 60.0))
        ->capture_default_str();
    app->add_flag("--network", options->network, "Also on a network file system");
}

// A key of a configuration file, as BCache spells it, and the option that it stands for.
struct PlanKey {
    const char* key;
    const char* option;
    bool is_enabling = false;  // false there is the flag given here
};
constexpr PlanKey kPlanKeys[] = {
    {"window_ms", "--window-ms"},
    {"min_io_bytes", "--min-io"},
    {"max_ops_per_tier", "--max-ops"},
    {"tenant_credits_bytes", "--tenant-credits"},
    {"popularity.alpha", "--alpha"},
    {"popularity.beta", "--beta"},
    {"thresholds.pmin", "--pmin"},
    {"thresholds.umin", "--umin"},
    {"write_through.reuse_threshold", "--reuse-threshold"},
    {"tenant.default.credit_per_window", "--tenant-credits"},
    {"half_life_s", "--half-life"},
    {"ab_flags.enable_prefix_fanout", "--no-merge", true},
    {"ab_flags.enable_tenant_credits", "--no-credits", true},
    {"ab_flags.enable_admission", "--no-admission", true},
    {"ab_flags.enable_eviction", "--no-eviction", true},
    {"ab_flags.enable_overlap", "--no-overlap", true},
    {"ab_flags.enforce_tier_caps", "--no-budgets", true},
};

// What the command line has goes before what the file has.
void take_plan_key(CLI::App* app, const std::string& path, const CLI::ConfigItem& item) {
    if (item.name == "++" || item.name == "--") return;  // where a section begins and ends
    for (const PlanKey& known : kPlanKeys) {
        if (item.fullname() != known.key) continue;
        CLI::Option* const option = app->get_option(known.option);
        if (option->count() > 0) return;
        if (!known.is_enabling) {
            option->add_result(item.inputs);
        } else if (item.inputs.size() == 1 && item.inputs.front() == "false") {
            option->add_result("true");
        } else if (item.inputs.size() == 1 && item.inputs.front() == "true") {
            return;
        } else {
            throw Failure("E_INVAL", path + ": " + known.key + " is neither true nor false", 2);
        }
        option->run_callback();
        return;
    }
    throw Failure("E_INVAL", path + ": no key '" + item.fullname() + "'", 2);
}

void add_plan_settings(CLI::App* app, PlanSettings* settings) {
    constexpr double kMost = 1e6;
    app->add_option("--now-ms", settings->now_ms,
                    "When the window begins; where the file does not say")
        ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{10'000'000'000'000}));
    app->add_option("--window-ms", settings->window_ms, "How long a window is; 20")
        ->check(real_range(0.001, kMost));
    app->add_option("--min-io", settings->min_io_bytes, "What is less waits for company; 512k")
        ->transform(CLI::AsSizeValue(false));
    app->add_option("--max-ops", settings->max_ops,
                    "Operations of a tier of a node in a window; 64");
    app->add_option("--pmin", settings->pmin, "What is more popular stays; 1")
        ->check(real_range(0.0, kMost));
    app->add_option("--umin", settings->umin, "What has more slack stays; 0")
        ->check(CLI::Range(-kMost, kMost));
    app->add_option("--alpha", settings->alpha, "Of hits in popularity; 1")
        ->check(real_range(0.0, kMost));
    app->add_option("--beta", settings->beta, "Of a tenant's weight in popularity; 0")
        ->check(real_range(0.0, kMost));
    app->add_option("--half-life", settings->half_life_s,
                    "Seconds, for heat that says when it was counted; 69.3")
        ->check(real_range(0.017, 1e9));
    app->add_option("--reuse-threshold", settings->reuse_threshold,
                    "Hits from which on a page is worth writing; 10")
        ->check(real_range(0.0, kMost));
    app->add_option("--tenant-credits", settings->tenant_credits_bytes,
                    "Bytes a window of a tenant without caps: 32m; no limit")
        ->transform(CLI::AsSizeValue(false));
    app->add_flag("--no-filter", settings->no_filter, "What is neither popular nor urgent stays");
    app->add_flag("--no-credits", settings->no_credits, "Tenants have no limit");
    app->add_flag("--no-budgets", settings->no_budgets, "Tiers take any number of bytes");
    app->add_flag("--no-merge", settings->no_merge, "A request is an operation of its own");
    app->add_flag("--no-overlap", settings->no_overlap, "One copy of a layer at a time");
    app->add_flag("--no-eviction", settings->no_eviction, "Nothing leaves");
    app->add_flag("--no-admission", settings->no_admission, "Nothing is worth writing");
    app->add_flag("--take-late", settings->take_late, "What will be late moves all the same");
    app->add_flag("--smallest-first", settings->smallest_first,
                  "Of what is due at the same time the smallest goes first");
}

void add_plan(CLI::App* bwrt, const bool* json) {
    const auto [app, options] = add_command(
        bwrt, "plan", "Show what the planner makes of a window of requests; nothing moves",
        run_plan, json);
    CLI::Option* const file = app->add_option(
        "FILE", options->file, "A window, or a cache plan, swap plan or wave spec, in JSON");
    CLI::Option* const synthetic = app->add_flag("--synthetic", options->synthetic,
                                                 "A window of BCache's kind, drawn at random")
                                       ->excludes(file);
    app->add_option("--requests", options->request_count, "Of a synthetic window")
        ->check(CLI::Range(0, 100'000))
        ->needs(synthetic)
        ->capture_default_str();
    app->add_option("--seed", options->seed, "Of a synthetic window")
        ->needs(synthetic)
        ->capture_default_str();
    app->add_flag("--waves", options->waves, "Print the plan's wave specs in JSON");
    app->add_option("--limit", options->line_limit, "Lines of each list")->capture_default_str();
    add_plan_settings(app, &options->settings);
    const auto config = std::make_shared<std::string>();
    app->add_option("--config", *config, "Settings in TOML, by BCache's keys");
    // When all options of the command have been read, and before it is run.
    app->parse_complete_callback([app = app, config] {
        if (config->empty()) return;
        for (const CLI::ConfigItem& item : CLI::ConfigTOML().from_file(*config)) {
            take_plan_key(app, *config, item);
        }
    });
}

// A rate in thousandths, so that nothing depends on how fractions round.
void take_rate(TraceSource* source, double per_second) {
    source->rate_milli = static_cast<std::uint32_t>(std::llround(per_second * 1000));
}

void add_trace_source(CLI::App* app, TraceSource* source) {
    source->command = app->get_name();
    CLI::Option* const file = app->add_option(
        "TRACE", source->file, "A trace in Mooncake's form, plain or zstd; -: standard input");
    std::map<std::string, std::uint32_t> kinds;
    for (const char* name : replay::kTraceKindNames) {
        kinds.emplace(name, static_cast<std::uint32_t>(kinds.size()));
    }
    CLI::Option* const generate =
        app->add_option("--generate", source->kind, "Draw one: chat, agent, rollout, eval, tenants")
            ->transform(CLI::CheckedTransformer(kinds).description(""))
            ->type_name("KIND")
            ->excludes(file);
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
        ->transform(CLI::AsSizeValue(false));
    app->add_option("--disk", options->disk_bytes, "Of the tier on disk: 4g; 0: no such tier")
        ->transform(CLI::AsSizeValue(false));
    app->add_option("--dram-percent", options->host_percent,
                    "Without --dram: of the trace's different blocks; 0: no such tier")
        ->check(real_range(0.0, 1000.0))
        ->capture_default_str();
    app->add_option("--disk-percent", options->disk_percent, "Without --disk, likewise")
        ->check(real_range(0.0, 1000.0))
        ->capture_default_str();
    CLI::Option* const bytes =
        app->add_option("--block-bytes", options->block_bytes, "Of a block: 64k")
            ->transform(CLI::AsSizeValue(false));
    CLI::Option* const model =
        app->add_option("--model", options->model, "A block has the KV of it")
            ->check(CLI::IsMember({"llama3-70b", "llama3-8b"}))
            ->excludes(bytes);
    app->add_option("--scale", options->scale, "So many times smaller than the model's")
        ->check(real_range(1.0, 1e6))
        ->needs(model)
        ->capture_default_str();
    app->add_option("--write-touches", options->write_touch_count,
                    "Uses of a block before it is worth writing to disk")
        ->check(CLI::Range(1, 15))
        ->capture_default_str();
    app->add_option("--policy", options->policy, "Who goes from a tier that is full")
        ->check(CLI::IsMember({"lru", "learned"}))
        ->capture_default_str();
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
    app->add_option("--calibration", options->calibration,
                    "The modelled disk, as `bwrt calibrate` measured a real one");
}

void add_replay(CLI::App* bwrt, const bool* json) {
    const auto [app, options] =
        add_command(bwrt, "replay",
                    "Drive a runtime and its store with a trace of requests, comparing every byte",
                    run_replay, json);
    add_trace_source(app, &options->source);
    add_tiers(app, options);
    add_engine(app, options, 1, "Processors that compute what is missing");
    app->add_option("--prefetch-percent", options->prefetch_percent,
                    "Of the memory, for blocks that are read before they are asked for; 0: none")
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

void add_place(CLI::App* app, StoreOptions* options) {
    app->add_option("DIR", options->directory, "The store's directory, the first of several")
        ->required();
    app->add_option("--directory", options->further,
                    "A further directory of the store, in their order")
        ->allow_extra_args(false);
    app->add_option("--shard", options->shard, "This shard only");
}

void add_tenants(CLI::App* app, StoreOptions* options, const char* what) {
    app->add_option("--tenant", options->tenants, what)->allow_extra_args(false);
    app->add_option("--secret-file", options->secret_files,
                    "The tenant's secret: 32 bytes or 64 hexadecimal digits; tenant 0's is in the "
                    "store")
        ->allow_extra_args(false);
}

void add_store_stat(CLI::App* store, const bool* json) {
    const auto [app, options] =
        add_command(store, "stat", "What the store is, who writes its shards, how much is in them",
                    run_store_stat, json);
    add_place(app, options);
    app->add_option("--index-directory", options->index_directory,
                    "Where its writers share their index; /dev/shm");
}

void add_store_list(CLI::App* store, const bool* json) {
    const auto [app, options] =
        add_command(store, "list",
                    "A line for each block: shard, space, identity, part, length, layout digest, "
                    "segment, offset, parent and its part",
                    run_store_list, json);
    add_place(app, options);
    add_tenants(app, options, "Only the blocks of this tenant; may be given again");
    app->add_option("--limit", options->limit, "No more lines than that")
        ->check(CLI::NonNegativeNumber);
}

void add_store_verify(CLI::App* store, const bool* json) {
    const auto [app, options] =
        add_command(store, "verify", "Read every block; status 0 when all is right, 1 when not",
                    run_store_verify, json);
    add_place(app, options);
    add_tenants(app, options, "Also the blocks of this tenant; may be given again");
    app->add_flag("--skip-unknown", options->skip_unknown,
                  "Blocks of tenants whose secret is not given, or does not fit, are no reason for "
                  "status 1");
}

void add_store_drop(CLI::App* store, const bool* json) {
    const auto [app, options] = add_command(
        store, "drop",
        "Take blocks out of a shard that no process writes; status 1 when a tenant has none in it",
        run_store_drop, json);
    add_place(app, options);
    app->add_flag("--all", options->all, "All blocks");
    app->add_option("--identity", options->identity,
                    "Blocks of this identity, 64 hexadecimal digits, whoever's they are");
    app->add_option("--part", options->part, "Of those, the one of this part");
    app->add_option("--index-directory", options->index_directory,
                    "Where its writers share their index; /dev/shm");
    add_tenants(app, options, "Only the blocks of this tenant; may be given again");
}

void add_store(CLI::App* bwrt, const bool* json) {
    CLI::App* const store = bwrt->add_subcommand("store", "Look into a store's directory");
    store->require_subcommand(1);
    add_store_stat(store, json);
    add_store_list(store, json);
    add_store_verify(store, json);
    add_store_drop(store, json);
}

// The command's own version and the ABI of the library it runs on, as `bwrt caps` begins.  Nothing
// is opened for it: it answers where nothing else does.
std::string version() {
    const std::uint32_t abi = bwrt_abi_version();
    return "bwrt " BWRT_VERSION ", ABI " + std::to_string(abi >> 16) + "." +
           std::to_string(abi & 0xFFFF);
}

void print_version_json() {
    JsonObject object;
    object.add("version", BWRT_VERSION);
    object.add("abi_version", bwrt_abi_version());
    object.print();
}

// Throws for the first word where a command was looked for, with those that there are; returns
// where one was found, or nothing but options given: CLI11 says those itself.
void refuse_unknown_command(const CLI::App& app) {
    const CLI::App* innermost = &app;
    while (!innermost->get_subcommands().empty()) innermost = innermost->get_subcommands().front();
    std::string there_are;
    for (const CLI::App* command : innermost->get_subcommands([](const CLI::App*) { return true; }))
        there_are += (there_are.empty() ? "" : ", ") + command->get_name();
    if (there_are.empty()) return;
    for (const std::string& word : app.remaining(true)) {
        if (word.empty() || word.front() == '-') continue;
        throw Failure("E_INVAL", "no command '" + word + "'; there are: " + there_are, 2);
    }
}

}  // namespace

int run_command_line(int argc, const char* const* argv, bool* json_out) {
    CLI::App app{"bwrt, the movement engine below an inference engine"};
    *json_out = false;
    app.add_flag("--json", *json_out, "Print one JSON object");
    app.set_version_flag("--version", version, "Print the version and the library's ABI version");
    app.fallthrough();  // --json may stand behind the subcommand
    app.require_subcommand(1);
    add_caps(&app, json_out);
    add_copy(&app, json_out);
    add_bench(&app, json_out);
    add_calibrate(&app, json_out);
    add_plan(&app, json_out);
    add_trace(&app, json_out);
    add_replay(&app, json_out);
    add_compare(&app, json_out);
    add_store(&app, json_out);

    try {
        app.parse(argc, argv);
        return 0;
    } catch (const CLI::CallForVersion& asked) {
        if (!*json_out) return app.exit(asked);
        print_version_json();
        return 0;
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() != 0) refuse_unknown_command(app);
        return app.exit(error) == 0 ? 0 : 2;
    }
}

}  // namespace bwrt::tools
