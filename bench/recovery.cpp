// SPDX-License-Identifier: Apache-2.0
//
// recovery.cpp — how long a store with so many blocks takes to open, and to ask.
//
//   log of N records, no end to it   bwrt_open: read, checked, index and policy built
//   of a process that was killed     bwrt_lookup: 1,000 identities in a call, at random
//
// The log is what a writer that was killed leaves: records of one generation of segments, sealed
// and tagged, in chains of 32, with the writer's own code; the blocks' bytes are not there, for
// nothing of them is read.  The log is read through the page cache, as after a kill, and once with
// that emptied, as after a reboot.  The reference of the opening is a plain read of the log with
// one XXH3 over all of it; that of the lookups is bench_index, which has no API around it.
//
//   bench_recovery FOLDER [blocks [rounds]]       default: 1,000,000 blocks, 5 rounds

#include <bwrt.h>
#include <fcntl.h>
#include <unistd.h>

#define XXH_INLINE_ALL  // no library of it is asked for
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "bench/measure.h"
#include "bench/runtime.h"
#include "bench/test_file.h"
#include "runtime/store/log.h"
#include "runtime/store/root.h"
#include "runtime/store/tenant.h"

namespace {

using namespace bwrt::bench;
using namespace bwrt::runtime;

constexpr std::uint32_t kBlockBytes = 4096;
constexpr std::uint32_t kChainBlocks = 32;
constexpr std::uint32_t kQueryCount = 1000;
constexpr std::uint32_t kQueriesPerRound = 500;

void name_of(std::uint64_t number, std::uint8_t (&identity)[kIdentityBytes]) {
    std::mt19937_64 random(number);
    for (std::size_t i = 0; i < kIdentityBytes; i += 8) {
        const std::uint64_t word = random();
        std::memcpy(identity + i, &word, sizeof word);
    }
}

void must_be(bwrt_status status, const char* what) {
    if (status != BWRT_OK) throw Failure(bwrt_status_name(status), what);
}

// Of so many blocks, budget and log are as the store wants them: records are a quarter of the log.
std::uint64_t disk_bytes_of(std::uint64_t block_count) {
    return std::max<std::uint64_t>(block_count * sizeof(Record) * 4 * 64 * 5 / 4,
                                   std::uint64_t{128} << 20);
}

class KilledStore {
 public:
    KilledStore(std::string folder, std::uint32_t block_count)
        : folder_(std::move(folder)), block_count_(block_count) {
        StoreRoot root;
        must_be(open_root(folder_.c_str(), 0, nullptr, Access::kCreate, &root, {}), "the folder");
        Shard shard;
        must_be(open_shard(root, "0", Access::kCreate, true, &shard, {}), "the shard");
        segment_bytes_ = std::clamp<std::uint64_t>(disk_bytes_of(block_count) / 64 >> 20, 16, 4096)
                         << 20;
        OpenFile file;
        must_be(create_log(shard, root.superblock, 1, segment_bytes_, &file, &end_, {}), "the log");
        fd_ = file.fd();
        write(root);
        if (fsync(fd_) != 0) fail_system("the log", errno);
        bool counts = false;
        must_be(publish_log(shard, 1, &counts, {}), "the log");
    }
    ~KilledStore() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    KilledStore(const KilledStore&) = delete;
    KilledStore& operator=(const KilledStore&) = delete;

    [[nodiscard]] std::string log() const { return folder_ + "/shards/0/log.0000000000000001"; }

 private:
    void write(const StoreRoot& root) {
        const TenantKeys keys(0, root.superblock.secret);
        Record end = {};
        end.kind = RecordKind::kSnapshotEnd;
        put(&end);
        std::uint64_t used_bytes = segment_bytes_;
        std::uint32_t segment = ~std::uint32_t{0};
        Record before = {};
        for (std::uint32_t i = 0; i < block_count_; ++i) {
            if (used_bytes + kBlockBytes > segment_bytes_) {
                Record begun = {};
                begun.kind = RecordKind::kSegment;
                begun.segment = ++segment;
                begun.generation = 1;
                put(&begun);
                used_bytes = 0;
            }
            Record record = {};
            record.kind = RecordKind::kStored;
            record.key.space = keys.space();
            name_of(i, record.key.identity);
            record.length_bytes = kBlockBytes;
            record.layout_digest = 7;
            record.root = i;
            record.segment = segment;
            record.generation = 1;
            record.offset_bytes = used_bytes;
            if (i % kChainBlocks != 0) {
                std::memcpy(record.parent_identity, before.key.identity, kIdentityBytes);
            }
            keys.put_tag(&record);
            put(&record);
            used_bytes += kBlockBytes;
            before = record;
            if (i % 65536 == 0) throw_if_interrupted();
        }
        flush();
    }

    void put(Record* record) {
        if (gathered_.empty()) offset_bytes_ = end_.offset_bytes();
        end_.put(record);
        gathered_.push_back(*record);
        if (gathered_.size() == 16384) flush();
    }

    void flush() {
        const std::size_t bytes = gathered_.size() * sizeof(Record);
        if (pwrite(fd_, gathered_.data(), bytes, static_cast<off_t>(offset_bytes_)) !=
            static_cast<ssize_t>(bytes)) {
            fail_system("the log", errno);
        }
        gathered_.clear();
    }

    std::string folder_;
    std::uint32_t block_count_;
    std::uint64_t segment_bytes_ = 0, offset_bytes_ = 0;
    int fd_ = -1;
    LogEnd end_;
    std::vector<Record> gathered_;
};

void evict(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail_system(path, errno);
    fdatasync(fd);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
}

// Seconds to read it all and look at each byte once.
double plain_read_s(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail_system(path, errno);
    std::vector<char> buffer(std::size_t{4} << 20);
    const std::uint64_t start_ns = now_ns();
    std::uint64_t sum = 0;
    for (ssize_t count = 0; (count = read(fd, buffer.data(), buffer.size())) > 0;) {
        sum += XXH3_64bits(buffer.data(), static_cast<std::size_t>(count));
    }
    const std::uint64_t end_ns = now_ns() + (sum == 1 ? 1 : 0);
    close(fd);
    return static_cast<double>(end_ns - start_ns) / 1e9;
}

struct Figures {
    Samples warm_s, cold_s, ratios, hit_ns, miss_ns;
};

std::unique_ptr<Runtime> open_store(const std::string& folder, std::uint32_t block_count) {
    const char* const directory = folder.c_str();
    bwrt_store store = {};
    store.struct_size = sizeof store;
    store.directories = &directory;
    store.directory_count = 1;
    store.disk_bytes = disk_bytes_of(block_count);
    store.block_count_max = block_count + block_count / 8;
    bwrt_config config = {};
    config.progress = BWRT_PROGRESS_CALLER;
    config.store = &store;
    return std::make_unique<Runtime>(config);
}

// ns an identity.
double lookup_ns(Runtime* runtime, std::uint64_t first, std::uint32_t block_count, bool hits,
                 std::mt19937_64* random) {
    std::vector<std::uint8_t> names(std::size_t{kQueryCount} * kQueriesPerRound * kIdentityBytes);
    for (std::size_t i = 0; i < names.size(); i += kIdentityBytes) {
        std::uint8_t identity[kIdentityBytes];
        name_of(first + (*random)() % block_count, identity);
        std::memcpy(&names[i], identity, kIdentityBytes);
    }
    std::vector<bwrt_lookup_answer> answers(kQueryCount);
    std::uint64_t hit_count = 0;
    const std::uint64_t start_ns = now_ns();
    for (std::uint32_t i = 0; i < kQueriesPerRound; ++i) {
        bwrt_lookup_query query = {};
        query.struct_size = sizeof query;
        query.identities = &names[std::size_t{i} * kQueryCount * kIdentityBytes];
        query.identity_count = kQueryCount;
        std::uint32_t prefix_count = 0;
        bwrt_error error;
        must(bwrt_lookup(runtime->get(), &query, answers.data(), &prefix_count, nullptr, &error),
             error);
        hit_count += prefix_count;
    }
    const double ns = static_cast<double>(now_ns() - start_ns);
    const std::uint64_t expected = hits ? std::uint64_t{kQueryCount} * kQueriesPerRound : 0;
    if (hit_count != expected) throw Failure("E_CORRUPT", "blocks were not found again");
    return ns / kQueryCount / kQueriesPerRound;
}

void run(const std::string& place, std::uint32_t block_count, std::uint32_t rounds) {
    print_machine();
    const std::string folder = place + "/bench-recovery." + std::to_string(getpid());
    std::printf("%u blocks in a log of %.2f GB, %u rounds; median (95 %% interval)\n", block_count,
                static_cast<double>(block_count) * sizeof(Record) / 1e9, rounds);
    const KilledStore store(folder, block_count);
    Figures figures;
    std::mt19937_64 random(1);
    for (std::uint32_t round = 0; round < rounds; ++round) {
        for (const bool warm : {true, false}) {
            throw_if_interrupted();
            if (!warm) evict(store.log());
            const std::uint64_t start_ns = now_ns();
            const auto runtime = open_store(folder, block_count);
            const double open_s = static_cast<double>(now_ns() - start_ns) / 1e9;
            (warm ? figures.warm_s : figures.cold_s).add(open_s);
            if (warm) figures.ratios.add(open_s / plain_read_s(store.log()));
            if (!warm) continue;
            figures.hit_ns.add(lookup_ns(runtime.get(), 0, block_count, true, &random));
            figures.miss_ns.add(
                lookup_ns(runtime.get(), std::uint64_t{1} << 40, block_count, false, &random));
        }
    }
    print_row("bwrt_open, the log in the page cache", figures.warm_s, "s", &figures.ratios);
    print_row("bwrt_open, the log on the device", figures.cold_s, "s");
    print_row("bwrt_lookup of 1,000, all there", figures.hit_ns, "ns each");
    print_row("bwrt_lookup of 1,000, none there", figures.miss_ns, "ns each");
    if (block_count == 1'000'000) {
        print_goal("a store of a million blocks opens after a kill, in seconds", Bar::kAtMost, 5,
                   figures.cold_s);
    }
    if (block_count >= 10'000'000) {
        print_goal("bwrt_lookup of 1,000 identities of 10 million, ns each", Bar::kAtMost, 100,
                   figures.hit_ns);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const long count = argc > 2 ? std::atol(argv[2]) : 1'000'000;
    const int rounds = argc > 3 ? std::atoi(argv[3]) : 5;
    if (argc < 2 || count < 1 || count > 100'000'000 || rounds < 1) {
        std::fprintf(stderr, "usage: bench_recovery FOLDER [blocks [rounds]]\n");
        return 2;
    }
    catch_signals();
    try {
        run(argv[1], static_cast<std::uint32_t>(count), static_cast<std::uint32_t>(rounds));
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_recovery: %s\n", error.what());
        return 1;
    }
}
