// SPDX-License-Identifier: Apache-2.0
//
// command_line_plan.cpp — the options of `bwrt plan`, and the keys of its configuration files.

#include <cstdint>
#include <memory>
#include <string>

#include "tools/command_line_parts.h"
#include "tools/commands.h"
#include "tools/output.h"

namespace bwrt::tools {
namespace {

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
        ->transform(size_value());
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
        ->transform(size_value());
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

}  // namespace

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

}  // namespace bwrt::tools
