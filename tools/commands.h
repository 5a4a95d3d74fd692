// SPDX-License-Identifier: Apache-2.0
//
// commands.h — the subcommands of the bwrt command.
//
// Each adds itself to the command line; CLI11 calls it back when it is chosen.  What it
// throws is a Failure (output.h): main() prints it and picks the exit status.

#pragma once

#include <CLI/CLI.hpp>

namespace bwrt::tools {

// `json` outlives the parse; it is set before a command runs.
void add_caps(CLI::App* app, const bool* json);
void add_copy(CLI::App* app, const bool* json);
void add_bench(CLI::App* app, const bool* json);
void add_calibrate(CLI::App* app, const bool* json);
void add_store(CLI::App* app, const bool* json);

// Of `bwrt store`, one file each.
void add_store_stat(CLI::App* store, const bool* json);
void add_store_list(CLI::App* store, const bool* json);
void add_store_verify(CLI::App* store, const bool* json);
void add_store_drop(CLI::App* store, const bool* json);

}  // namespace bwrt::tools
