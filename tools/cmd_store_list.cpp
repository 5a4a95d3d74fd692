// SPDX-License-Identifier: Apache-2.0
//
// cmd_store_list.cpp — `bwrt store list DIR`: a line for each block, in the order in which they lie
// on the disk: shard, space, identity, part, length, layout digest, segment, offset, and the
// parent's identity and part, or "-".
//
// With --json the list is an array of one object; it is printed as it goes, for it may have
// millions of elements.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>

#include "tools/commands.h"
#include "tools/store_options.h"

namespace bwrt::tools {
namespace {

using runtime::Record;

bool has_parent(const Record& record) {
    constexpr std::uint8_t kRoot[runtime::kIdentityBytes] = {};
    return std::memcmp(record.parent_identity, kRoot, sizeof kRoot) != 0;
}

void print_line(const std::string& shard, const Record& record) {
    std::printf("%s %s %s %u %u %s %u %llu ", shard.c_str(), hex(record.key.space).c_str(),
                hex(record.key.identity, runtime::kIdentityBytes).c_str(), record.key.part,
                record.length_bytes, hex(record.layout_digest).c_str(), record.segment,
                runtime::ull(record.offset_bytes));
    if (!has_parent(record)) {
        std::printf("-\n");
        return;
    }
    std::printf("%s %u\n", hex(record.parent_identity, runtime::kIdentityBytes).c_str(),
                record.parent_part);
}

JsonObject json_of(const std::string& shard, const Record& record) {
    constexpr const char* kClosures[] = {"prefix", "window", "last_state"};
    const auto closure = static_cast<std::size_t>(record.closure);
    JsonObject object;
    object.add("shard", shard);
    object.add("space", hex(record.key.space));
    object.add("identity", hex(record.key.identity, runtime::kIdentityBytes));
    object.add("part", record.key.part);
    object.add("length", record.length_bytes);
    object.add("layout_digest", hex(record.layout_digest));
    object.add("root", hex(record.root));
    object.add("segment", record.segment);
    object.add("generation", hex(record.generation));
    object.add("offset", record.offset_bytes);
    object.add("parent",
               has_parent(record) ? hex(record.parent_identity, runtime::kIdentityBytes) : "");
    object.add("parent_part", record.parent_part);
    object.add("closure", closure < 3 ? kClosures[closure] : "unknown");
    object.add("window", std::uint32_t{record.window_blocks});
    object.add("accesses", record.access_count);
    object.add("stored_s", record.stored_s);
    object.add("expires_s", record.expires_s);
    return object;
}

// Prints one after the other up to the limit.
class Printer {
 public:
    Printer(std::uint64_t limit, bool json) : limit_(limit), json_(json) {
        if (json_) std::printf("{\"blocks\": [");
    }

    void take(const std::string& shard, const Record& record) {
        if (count_++ >= limit_) return;
        if (!json_) {
            print_line(shard, record);
            return;
        }
        std::printf("%s\n%s", count_ == 1 ? "" : ",", json_of(shard, record).line().c_str());
    }

    void finish() const {
        const std::uint64_t listed = std::min(count_, limit_);
        if (json_) {
            std::printf("\n],\n\"listed\": %llu, \"found\": %llu}\n", runtime::ull(listed),
                        runtime::ull(count_));
        } else if (listed < count_) {
            std::fprintf(stderr, "bwrt: %llu more\n", runtime::ull(count_ - listed));
        }
    }

 private:
    std::uint64_t limit_;
    bool json_;
    std::uint64_t count_ = 0;
};

}  // namespace

void run_store_list(const StoreListOptions& options, bool json) {
    const OpenedStore store(options);
    const std::vector<std::uint64_t> spaces = spaces_of(options, store);
    // Shards are read one after the other; one that cannot be must be known before the first line.
    std::vector<std::unique_ptr<runtime::ShardContents>> shards;
    for (const std::string& name : store.shards()) {
        shards.push_back(std::make_unique<runtime::ShardContents>());
        const runtime::Shard shard = store.open_shard(name);
        must_do([&](const auto& sink) {
            return shards.back()->read(store.directories(), shard, sink);
        });
    }
    Printer printer(options.limit, json);
    for (std::size_t i = 0; i < shards.size(); i++) {
        for (const Record* record : shards[i]->blocks_by_place()) {
            if (!spaces.empty() &&
                std::find(spaces.begin(), spaces.end(), record->key.space) == spaces.end()) {
                continue;
            }
            printer.take(store.shards()[i], *record);
        }
    }
    printer.finish();
}

}  // namespace bwrt::tools
