// SPDX-License-Identifier: Apache-2.0
//
// write_store.cpp — writes stores for other programs to read.
//
//   write_store ROOT COUNT          chance in every field; says what read_store.py must make of it
//   write_store blocks ROOT [ROOT]  blocks that are right, in one or two directories
//   write_store churn ROOT          as long as it is let: stores, reclaims and begins new logs at
//                                   full speed, with the lock; says "ready" after the first round
//   write_store share ROOT DIRECTORY SHARD [draft]   an index of a shard that was made, in a tmpfs;
//                                   says "ready" and has it until its standard input ends

#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "runtime/store/log.h"
#include "runtime/store/shared_index.h"
#include "tests/store/planted_store.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::runtime;
using bwrt::test::Random;

template <typename T>
void draw(Random* random, T* field) {
    *field = static_cast<T>(random->bits());
}

template <std::size_t count>
void draw(Random* random, std::uint8_t (*bytes)[count]) {
    for (std::uint8_t& byte : *bytes) byte = static_cast<std::uint8_t>(random->bits());
}

Record record_of(Random* random) {
    Record record = {};
    record.kind = static_cast<RecordKind>(random->between(1, 3));
    draw(random, &record.key.space);
    draw(random, &record.key.identity);
    draw(random, &record.key.part);
    draw(random, &record.length_bytes);
    draw(random, &record.layout_digest);
    draw(random, &record.root);
    draw(random, &record.tag);
    draw(random, &record.segment);
    draw(random, &record.generation);
    draw(random, &record.offset_bytes);
    draw(random, &record.parent_identity);
    draw(random, &record.parent_part);
    record.closure = static_cast<Closure>(random->between(0, 2));
    draw(random, &record.window_blocks);
    draw(random, &record.access_count);
    draw(random, &record.stored_s);
    draw(random, &record.expires_s);
    return record;
}

template <std::size_t count>
void say(const char* name, const std::uint8_t (&bytes)[count]) {
    std::printf(", \"%s\": \"", name);
    for (const std::uint8_t byte : bytes) std::printf("%02x", byte);
    std::printf("\"");
}

void say(const char* name, std::uint64_t number) {
    std::printf(", \"%s\": %" PRIu64, name, number);
}

void say(const Record& record) {
    constexpr const char* kKinds[] = {"", "stored", "removed", "segment", "snapshot end", "opened"};
    std::printf("{\"kind\": \"%s\"", kKinds[static_cast<std::uint32_t>(record.kind)]);
    say("space", record.key.space);
    say("identity", record.key.identity);
    say("part", record.key.part);
    say("length", record.length_bytes);
    say("layout", record.layout_digest);
    say("root", record.root);
    say("tag", record.tag);
    say("segment", record.segment);
    say("generation", record.generation);
    say("offset", record.offset_bytes);
    say("parent", record.parent_identity);
    say("parent_part", record.parent_part);
    say("closure", static_cast<std::uint64_t>(record.closure));
    say("window", record.window_blocks);
    say("accesses", record.access_count);
    say("stored", record.stored_s);
    say("expires", record.expires_s);
    std::printf("}\n");
}

class Writer {
 public:
    Writer(OpenFile file, LogEnd end) : file_(std::move(file)), end_(end) {}
    void put(Record record) {
        const auto offset = static_cast<off_t>(end_.offset_bytes());
        end_.put(&record);
        if (pwrite(file_.fd(), &record, sizeof record, offset) != sizeof record) std::abort();
        say(record);
    }

 private:
    OpenFile file_;
    LogEnd end_;
};

void must(bwrt_status status) {
    if (status != BWRT_OK) std::abort();
}

int write_blocks(const std::vector<std::string>& paths) {
    bwrt::test::PlantedStore store(paths);
    bwrt::test::plant_blocks(&store, paths.size() > 1);
    return 0;
}

// Segments of three kinds: blocks that come back at the same place with other bytes, blocks that
// come back elsewhere, and blocks that never do.
int churn(const std::string& path) {
    constexpr std::uint32_t kSegmentCount = 16, kMovingCount = 50, kSeedCount = 64;
    constexpr std::uint32_t kLengths[] = {4096, 100, 65536, 150000};
    bwrt::test::PlantedStore store({path});
    const TenantKeys keys = store.tenant(0);
    std::uint32_t moving = 0, fresh = 1 << 20, seed = 0;
    for (std::uint32_t round = 0;; ++round) {
        const std::uint32_t segment = round % kSegmentCount;
        store.begin_segment(segment);
        for (std::uint32_t i = 0; store.has_room(segment, kLengths[i % 4]); ++i) {
            const std::uint32_t names[] = {(segment + 1) << 10 | i, moving++ % kMovingCount,
                                           fresh++};
            store.put_bytes_of(seed++ % kSeedCount, keys, names[segment % 3], kLengths[i % 4],
                               segment);
        }
        if (round % 50 == 49) store.next_log();
        if (round != kSegmentCount) continue;
        std::printf("ready\n");
        std::fflush(stdout);
    }
}

int share(const char* path, const char* directory_path, const char* shard, bool draft) {
    StoreRoot root;
    must(open_root(path, 0, nullptr, Access::kRead, &root, {}));
    OpenFile directory;
    must(open_shared_directory(directory_path, &directory, {}));
    auto* writer = new SharedIndexWriter;  // without an end: a draft stays
    must(writer->create(std::move(directory), SharedName(root, shard), 16, 4, {}));
    if (!draft) must(writer->publish(1 << 20, {}));
    std::printf("ready\n");
    std::fflush(stdout);
    while (std::getchar() != EOF) {
    }
    _exit(0);
}

}  // namespace

// Two lives, the first with the snapshot's end in its middle.
int main(int argc, char** argv) {
    if (argc < 3) return 2;
    if (std::strcmp(argv[1], "blocks") == 0) return write_blocks({argv + 2, argv + argc});
    if (std::strcmp(argv[1], "churn") == 0) return churn(argv[2]);
    if (std::strcmp(argv[1], "share") == 0) return share(argv[2], argv[3], argv[4], argc > 5);
    const char* seed = std::getenv("BWRT_TEST_SEED");
    Random random(seed != nullptr ? std::strtoull(seed, nullptr, 10) : std::random_device{}());
    StoreRoot root;
    Shard shard;
    must(open_root(argv[1], 0, nullptr, Access::kCreate, &root, {}));
    must(open_shard(root, "0", Access::kCreate, true, &shard, {}));
    OpenFile file;
    LogEnd end;
    must(create_log(shard, root.superblock, 3, 1 << 24, &file, &end, {}));
    Record opened = {};
    if (pread(file.fd(), &opened, sizeof opened, sizeof(LogHeader)) != sizeof opened) return 1;
    say(opened);
    Writer writer(std::move(file), end);
    const int count = std::atoi(argv[2]);
    for (int i = 0; i < count; ++i) {
        writer.put(record_of(&random));
        if (i != count / 2) continue;
        Record snapshot_end = {};
        snapshot_end.kind = RecordKind::kSnapshotEnd;
        writer.put(snapshot_end);
    }
    bool counts = false;
    must(publish_log(shard, 3, &counts, {}));
    return counts ? 0 : 1;
}
