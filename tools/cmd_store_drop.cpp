// SPDX-License-Identifier: Apache-2.0
//
// cmd_store_drop.cpp — `bwrt store drop DIR`: takes blocks out of a shard that no process writes.
//
// It is the shard's writer for that moment, with the lock: the log is read, and what is to go is
// said behind its end and flushed.  The bytes stay until their segment is filled anew.  An index
// that an earlier writer shared says otherwise from then on, so it is taken away before.
//
// A wrong secret leads to a space that nobody has, where nothing is dropped.  Who erases a tenant
// must not take that for success, so a tenant without any block in the shard is status 1.

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "runtime/store/drop.h"
#include "runtime/store/shared_index.h"
#include "tools/commands.h"
#include "tools/store_options.h"

namespace bwrt::tools {
namespace {

using runtime::BlockKey;

class Choice {
 public:
    Choice(const StoreDropOptions& options, const OpenedStore& store)
        : part_(options.part), spaces_(spaces_of(options, store)) {
        by_identity_ = !options.identity.empty();
        if (by_identity_ && !parse_hex(options.identity, identity_, sizeof identity_))
            throw Failure("E_INVAL", "--identity is not 64 hexadecimal digits", 2);
    }

    bool has(const BlockKey& key) const {
        if (by_identity_ && std::memcmp(key.identity, identity_, sizeof identity_) != 0)
            return false;
        if (part_ && key.part != *part_) return false;
        return spaces_.empty() ||
               std::find(spaces_.begin(), spaces_.end(), key.space) != spaces_.end();
    }

    // Those of `tenants`, which the choice was made of, whose space is not among these.  Tenant 0's
    // secret is the store's own and cannot be wrong.
    std::vector<std::uint64_t> tenants_without(const std::vector<std::uint64_t>& tenants,
                                               const std::set<std::uint64_t>& spaces) const {
        std::vector<std::uint64_t> without;
        for (std::size_t i = 0; i < tenants.size(); i++) {
            if (tenants[i] != 0 && spaces.count(spaces_[i]) == 0) without.push_back(tenants[i]);
        }
        return without;
    }

 private:
    bool by_identity_;
    std::uint8_t identity_[runtime::kIdentityBytes] = {};
    std::optional<std::uint32_t> part_;
    std::vector<std::uint64_t> spaces_;  // none: of all tenants
};

void check(const StoreDropOptions& options) {
    const bool chosen = !options.identity.empty() || !options.tenants.empty();
    if (options.all == chosen)
        throw Failure("E_INVAL", "give --all, or --identity or --tenant or both", 2);
    if (options.part && options.identity.empty())
        throw Failure("E_INVAL", "--part goes with --identity", 2);
}

void retire_index(const StoreDropOptions& options, const OpenedStore& store,
                  const std::string& shard) {
    const char* path = options.index_directory.empty() ? nullptr : options.index_directory.c_str();
    runtime::OpenFile directory;
    if (runtime::open_shared_directory(path, &directory, {}) != BWRT_OK) return;
    const runtime::StoreRoot& root = store.directories().roots[0];
    runtime::retire_shared_index(directory.fd(), runtime::SharedName(root, shard.c_str()));
}

void print_json(const std::string& shard, std::uint64_t dropped, std::uint64_t bytes,
                std::uint64_t kept, const std::vector<std::uint64_t>& strangers) {
    JsonObject object;
    object.add("shard", shard);
    object.add("dropped", dropped);
    object.add("dropped_bytes", bytes);
    object.add("kept", kept);
    std::vector<JsonObject> tenants;
    for (const std::uint64_t tenant : strangers) {
        tenants.emplace_back();
        tenants.back().add("tenant", tenant);
    }
    object.add("without_blocks", std::move(tenants));
    object.print();
}

}  // namespace

void run_store_drop(const StoreDropOptions& options, bool json) {
    check(options);
    const OpenedStore store(options);
    const Choice choice(options, store);
    if (store.shards().size() > 1)
        throw Failure("E_INVAL", "the store has several shards: give --shard", 2);
    std::vector<BlockKey> keys;
    std::set<std::uint64_t> spaces;
    std::uint64_t kept = 0, bytes = 0;
    const std::string name = store.shards().empty() ? "" : store.shards()[0];
    if (!name.empty()) {
        const runtime::Shard shard = store.open_shard(name, true);
        runtime::ShardContents contents;
        must_do([&](const auto& sink) { return contents.read(store.directories(), shard, sink); });
        for (const runtime::Record* record : contents.blocks_by_place()) {
            spaces.insert(record->key.space);
            if (!choice.has(record->key)) {
                kept++;
                continue;
            }
            keys.push_back(record->key);
            bytes += record->length_bytes;
        }
        if (!keys.empty()) {
            retire_index(options, store, name);
            must_do([&](const auto& sink) {
                return runtime::drop_blocks(shard, contents.log().end, keys, sink);
            });
        }
    }
    const std::vector<std::uint64_t> strangers = choice.tenants_without(options.tenants, spaces);
    if (json) {
        print_json(name, keys.size(), bytes, kept, strangers);
    } else {
        std::printf("%zu blocks dropped, %s; %llu kept\n", keys.size(), format_bytes(bytes).c_str(),
                    runtime::ull(kept));
        for (const std::uint64_t tenant : strangers) {
            std::printf("tenant %llu: the shard has no block under this secret\n",
                        runtime::ull(tenant));
        }
    }
    if (!strangers.empty()) throw Ended{1};
}

}  // namespace bwrt::tools
