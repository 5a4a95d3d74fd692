// SPDX-License-Identifier: Apache-2.0
//
// cmd_store.cpp — `bwrt store stat|list|verify|drop DIR`: what is in a store, whether it is right,
// and how to be rid of it.
//
// The first three take no lock and change nothing: the store may be at rest, or be written by a
// process meanwhile.  What the library would refuse is refused in its words and left as it is.

#include "tools/commands.h"

namespace bwrt::tools {

void add_store(CLI::App* app, const bool* json) {
    CLI::App* store = app->add_subcommand("store", "Look into a store's directory");
    store->require_subcommand(1);
    add_store_stat(store, json);
    add_store_list(store, json);
    add_store_verify(store, json);
    add_store_drop(store, json);
}

}  // namespace bwrt::tools
