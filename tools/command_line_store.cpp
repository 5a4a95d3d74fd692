// SPDX-License-Identifier: Apache-2.0
//
// command_line_store.cpp — the options of the subcommands of `bwrt store`.

#include <string>

#include "tools/command_line_parts.h"
#include "tools/commands.h"

namespace bwrt::tools {
namespace {

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

}  // namespace

void add_store(CLI::App* bwrt, const bool* json) {
    CLI::App* const store = bwrt->add_subcommand("store", "Look into a store's directory");
    store->require_subcommand(1);
    add_store_stat(store, json);
    add_store_list(store, json);
    add_store_verify(store, json);
    add_store_drop(store, json);
}

}  // namespace bwrt::tools
