// SPDX-License-Identifier: Apache-2.0
//
// cmd_store_stat.cpp — `bwrt store stat DIR`: what a store is, who writes its shards, how much is
// in them, as their logs have it, and which indices of theirs take memory, also when nobody writes
// them any more.

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <map>

#include "runtime/store/shared_index.h"
#include "tools/commands.h"
#include "tools/store_options.h"

namespace bwrt::tools {
namespace {

using runtime::IndexFile;
using runtime::Record;

struct Sum {
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;

    void add(std::uint64_t more) {
        count++;
        bytes += more;
    }
};

struct SegmentStat {
    std::uint32_t number;
    std::uint64_t generation, used_bytes, live_bytes;
    bool in_use() const { return live_bytes != 0; }
};

struct ShardStat {
    std::string name;
    runtime::ShardWriter writer;
    runtime::LogReport log;
    std::uint64_t segment_bytes = 0;
    Sum blocks, files;                     // payloads; segments as they lie in the directories
    std::vector<SegmentStat> segments;     // that the log knows
    std::map<std::uint64_t, Sum> tenants;  // by space
    std::uint64_t live_bytes = 0, dead_bytes = 0;

    std::uint64_t in_use_count() const {
        return static_cast<std::uint64_t>(std::count_if(
            segments.begin(), segments.end(), [](const auto& one) { return one.in_use(); }));
    }
    std::uint64_t log_bytes() const { return log.end.offset_bytes() + log.ignored_bytes; }
};

// In all directories: a shard may be missing in a further one.
Sum count_files(const OpenedStore& store, const std::string& shard_name) {
    Sum files;
    for (const runtime::StoreRoot& root : store.directories().roots) {
        runtime::Shard shard;
        std::vector<std::string> names;
        if (runtime::open_shard(root, shard_name.c_str(), runtime::Access::kRead, false, &shard,
                                {}) != BWRT_OK ||
            !runtime::list_directory(shard.directory.fd(), &names)) {
            continue;
        }
        for (const std::string& name : names) {
            struct stat status = {};
            if (name.rfind("segment.", 0) == 0 &&
                fstatat(shard.directory.fd(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                S_ISREG(status.st_mode)) {
                files.add(static_cast<std::uint64_t>(status.st_size));
            }
        }
    }
    return files;
}

ShardStat stat_of(const OpenedStore& store, const std::string& name) {
    ShardStat stat;
    const runtime::Shard shard = store.open_shard(name);
    runtime::ShardContents contents;
    must_do([&](const auto& sink) { return contents.read(store.directories(), shard, sink); });
    stat.name = name;
    stat.writer = runtime::find_writer(shard);
    stat.log = contents.log();
    stat.segment_bytes = contents.segment_bytes();
    stat.files = count_files(store, name);
    for (const Record* record : contents.blocks_by_place()) {
        stat.blocks.add(record->length_bytes);
        stat.tenants[record->key.space].add(record->length_bytes);
    }
    const runtime::Segments& segments = contents.segments();
    segments.for_each([&](std::uint32_t number) {
        const SegmentStat one = {number, segments.generation_of(number),
                                 segments.used_bytes_of(number), segments.live_bytes_of(number)};
        if (one.generation == 0 && one.used_bytes == 0) return;
        stat.segments.push_back(one);
        stat.live_bytes += one.live_bytes;
        stat.dead_bytes += one.used_bytes - one.live_bytes;
    });
    return stat;
}

std::string time_of(std::uint64_t created_s) {
    const auto seconds = static_cast<std::time_t>(created_s);
    std::tm parts = {};
    char text[32] = "";
    if (gmtime_r(&seconds, &parts) != nullptr)
        std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

std::string tenant_name(std::uint64_t space, std::uint64_t space_0) {
    return (space == space_0 ? "tenant 0, space " : "space ") + hex(space);
}

void print_writer(const runtime::ShardWriter& writer) {
    if (writer.is_there) {
        std::printf("  writer     process %ld\n", writer.pid);
    } else if (writer.pid != 0) {
        std::printf("  writer     none; the last was process %ld\n", writer.pid);
    } else {
        std::printf("  writer     none\n");
    }
}

void print_log(const ShardStat& stat) {
    if (!stat.log.found) {
        std::printf("  log        none that counts, %u passed over\n", stat.log.passed_over);
        return;
    }
    std::printf("  log        %llu, %s, %llu records, %llu bytes ignored, %u newer passed over\n",
                runtime::ull(stat.log.end.log_number), format_bytes(stat.log_bytes()).c_str(),
                runtime::ull(stat.log.end.sequence), runtime::ull(stat.log.ignored_bytes),
                stat.log.passed_over);
}

void print_text(const ShardStat& stat, std::uint64_t space_0) {
    std::printf("\nshard %s\n", stat.name.c_str());
    print_writer(stat.writer);
    print_log(stat);
    std::printf("  blocks     %llu, %s\n", runtime::ull(stat.blocks.count),
                format_bytes(stat.blocks.bytes).c_str());
    std::printf("  segments   %llu in use, %llu empty, of %s each; files: %llu, %s\n",
                runtime::ull(stat.in_use_count()),
                runtime::ull(stat.segments.size() - stat.in_use_count()),
                format_bytes(stat.segment_bytes).c_str(), runtime::ull(stat.files.count),
                format_bytes(stat.files.bytes).c_str());
    std::printf("  in them    %s alive, %s dead\n", format_bytes(stat.live_bytes).c_str(),
                format_bytes(stat.dead_bytes).c_str());
    if (!stat.segments.empty()) {
        const auto [least, most] = std::minmax_element(
            stat.segments.begin(), stat.segments.end(),
            [](const auto& a, const auto& b) { return a.generation < b.generation; });
        std::printf("  generation %llu to %llu\n", runtime::ull(least->generation),
                    runtime::ull(most->generation));
    }
    for (const auto& [space, sum] : stat.tenants) {
        std::printf("  %s: %llu blocks, %s\n", tenant_name(space, space_0).c_str(),
                    runtime::ull(sum.count), format_bytes(sum.bytes).c_str());
    }
}

// Without the option the directory need not be there: nobody may ever have shared an index.
std::vector<IndexFile> indices_of(const StoreStatOptions& options, const OpenedStore& store) {
    std::vector<IndexFile> files;
    if (options.index_directory.empty()) {
        static_cast<void>(runtime::list_index_files(store.directories(), nullptr, &files, {}));
        return files;
    }
    must_do([&](const auto& sink) {
        return runtime::list_index_files(store.directories(), options.index_directory.c_str(),
                                         &files, sink);
    });
    return files;
}

std::string path_of(const StoreStatOptions& options, const IndexFile& file) {
    const std::string& given = options.index_directory;
    return (given.empty() ? runtime::kSharedDirectory : given) + "/" + file.name;
}

// What a draft is without a writer, no reader finds.
const char* fate_of(const IndexFile& file) {
    if (file.writer.is_there) return "shared by a writer";
    if (file.is_draft) return "a draft of a writer that is gone: remove it";
    if (!file.is_of_shard) return "its shard is not here, nor is its writer: remove it";
    return "its writer is gone; readers find by it what is on disk: remove it when there are none";
}

void print_indices(const StoreStatOptions& options, const std::vector<IndexFile>& files) {
    if (!files.empty()) std::printf("\n");
    for (const IndexFile& file : files) {
        std::printf("index of shard %s: %s, %s; %s\n", file.shard.c_str(),
                    path_of(options, file).c_str(), format_bytes(file.bytes).c_str(),
                    fate_of(file));
    }
}

JsonObject json_of(const StoreStatOptions& options, const IndexFile& file) {
    JsonObject object;
    object.add("path", path_of(options, file));
    object.add("shard", file.shard);
    object.add("bytes", file.bytes);
    object.add("writer_is_there", file.writer.is_there);
    object.add("shard_is_there", file.is_of_shard);
    object.add("draft", file.is_draft);
    return object;
}

JsonObject json_of(const ShardStat& stat) {
    JsonObject object, log;
    object.add("name", stat.name);
    object.add("writer_pid", static_cast<double>(stat.writer.pid));
    object.add("writer_is_there", stat.writer.is_there);
    log.add("found", stat.log.found);
    log.add("number", stat.log.end.log_number);
    log.add("bytes", stat.log.found ? stat.log_bytes() : 0);
    log.add("records", stat.log.end.sequence);
    log.add("ignored_bytes", stat.log.ignored_bytes);
    log.add("passed_over", stat.log.passed_over);
    object.add("log", std::move(log));
    object.add("blocks", stat.blocks.count);
    object.add("bytes", stat.blocks.bytes);
    object.add("live_bytes", stat.live_bytes);
    object.add("dead_bytes", stat.dead_bytes);
    object.add("segment_bytes", stat.segment_bytes);
    object.add("segment_files", stat.files.count);
    object.add("segment_file_bytes", stat.files.bytes);
    std::vector<JsonObject> segments, tenants;
    for (const SegmentStat& one : stat.segments) {
        JsonObject segment;
        segment.add("segment", one.number);
        segment.add("state", one.in_use() ? "in_use" : "empty");
        segment.add("generation", hex(one.generation));
        segment.add("live_bytes", one.live_bytes);
        segment.add("dead_bytes", one.used_bytes - one.live_bytes);
        segments.push_back(std::move(segment));
    }
    object.add("segments", std::move(segments));
    for (const auto& [space, sum] : stat.tenants) {
        JsonObject tenant;
        tenant.add("space", hex(space));
        tenant.add("blocks", sum.count);
        tenant.add("bytes", sum.bytes);
        tenants.push_back(std::move(tenant));
    }
    object.add("tenants", std::move(tenants));
    return object;
}

}  // namespace

void run_store_stat(const StoreStatOptions& options, bool json) {
    const OpenedStore store(options);
    const runtime::Superblock& block = store.directories().superblock();
    const std::uint64_t space_0 = runtime::TenantKeys(0, block.secret).space();
    std::vector<ShardStat> stats;
    for (const std::string& name : store.shards()) stats.push_back(stat_of(store, name));
    const std::vector<IndexFile> indices = indices_of(options, store);
    if (!json) {
        std::printf("store %s, format %u, made %s, %zu %s, %zu %s\n",
                    hex(block.store_id, sizeof block.store_id).c_str(), block.version,
                    time_of(block.created_s).c_str(), store.directories().roots.size(),
                    store.directories().roots.size() == 1 ? "directory" : "directories",
                    stats.size(), stats.size() == 1 ? "shard" : "shards");
        for (const ShardStat& one : stats) print_text(one, space_0);
        print_indices(options, indices);
        return;
    }
    JsonObject object;
    object.add("store_id", hex(block.store_id, sizeof block.store_id));
    object.add("format", block.version);
    object.add("created", time_of(block.created_s));
    object.add("created_s", block.created_s);
    object.add("directories", static_cast<std::uint64_t>(store.directories().roots.size()));
    object.add("space_0", hex(space_0));
    std::vector<JsonObject> shards;
    for (const ShardStat& one : stats) shards.push_back(json_of(one));
    object.add("shards", std::move(shards));
    std::vector<JsonObject> files;
    for (const IndexFile& one : indices) files.push_back(json_of(options, one));
    object.add("indices", std::move(files));
    object.print();
}

}  // namespace bwrt::tools
