// SPDX-License-Identifier: Apache-2.0
//
// command_line_parts.h — the command line in groups of commands, a file each, and what they share.
//
//   command_line.cpp         the machine: caps, copy, bench, calibrate; and the line as a whole
//   command_line_plan.cpp    plan
//   command_line_replay.cpp  trace, replay, compare, tune
//   command_line_store.cpp   store
//
// CLI11 is headers only, and dear: a command takes 1 to 4 s of g++ -O2, with CLI11 three times
// that. So only these files include it; tools/check_layers.sh sees to that.

#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

namespace bwrt::tools {

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
CLI::Validator real_range(double least, double most);

// To transform() 64k into bytes.  CLI::AsSizeValue takes -5 for 2^64 - 5.
CLI::Validator size_value();

// Each adds its group's commands.
void add_plan(CLI::App* bwrt, const bool* json);
void add_trace_commands(CLI::App* bwrt, const bool* json);
void add_store(CLI::App* bwrt, const bool* json);

}  // namespace bwrt::tools
