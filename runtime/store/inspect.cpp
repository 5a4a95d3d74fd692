// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/inspect.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <tuple>

#include "runtime/store/shared_index.h"

namespace bwrt::runtime {
namespace {

constexpr const char* kShardsName = "shards";

// Whether /proc/locks has an flock of the file; its owner then.
bool find_flock(const struct stat& file, long* pid_out) {
    const std::unique_ptr<FILE, int (*)(FILE*)> locks(std::fopen("/proc/locks", "re"), std::fclose);
    if (locks == nullptr) return false;
    char line[256];
    while (std::fgets(line, sizeof line, locks.get()) != nullptr) {
        long pid = 0;
        unsigned major = 0, minor = 0;
        unsigned long long inode = 0;
        // "7: FLOCK  ADVISORY  WRITE 4711 fd:01:131099 0 EOF"; who waits has "->" behind the colon.
        if (std::sscanf(line, "%*d: FLOCK %*s %*s %ld %x:%x:%llu", &pid, &major, &minor, &inode) !=
            4) {
            continue;
        }
        // Where a file system gives its files a device of their own (btrfs, overlay), the inode and
        // the owner, who wrote himself into the file, must do.
        if (inode != file.st_ino) continue;
        if (makedev(major, minor) != file.st_dev && pid != *pid_out) continue;
        *pid_out = pid;
        return true;
    }
    return false;
}

bool all_zeros(const Record& record) {
    constexpr Record kZeros = {};
    return std::memcmp(&record, &kZeros, sizeof record) == 0;
}

}  // namespace

bwrt_status open_store(const std::vector<std::string>& paths, StoreDirectories* store_out,
                       const ErrorSink& sink) {
    StoreDirectories store;
    if (paths.empty() || paths.size() > Segments::kDirectoryCountMax) {
        return fail(sink, BWRT_E_INVAL, kDirectoriesField, "%zu directories, not 1 to %u",
                    paths.size(), Segments::kDirectoryCountMax);
    }
    for (const std::string& path : paths) {
        const auto number = static_cast<std::uint32_t>(store.roots.size());
        StoreRoot root;
        if (const bwrt_status status =
                open_root(path.c_str(), number, number == 0 ? nullptr : store.roots.data(),
                          Access::kRead, &root, sink)) {
            return status;
        }
        store.roots.push_back(std::move(root));
    }
    *store_out = std::move(store);
    return BWRT_OK;
}

bwrt_status list_shards(const StoreDirectories& store, std::vector<std::string>* names_out,
                        const ErrorSink& sink) {
    std::vector<std::string> names;
    const OpenFile shards =
        open_beneath(store.roots[0].directory.fd(), kShardsName, O_RDONLY | O_DIRECTORY);
    if (!shards.is_open() && errno != ENOENT) return fail_io(kShardsName, sink);
    if (shards.is_open() && !list_directory(shards.fd(), &names)) return fail_io(kShardsName, sink);
    std::erase_if(names, [](const std::string& name) { return !is_shard_name(name.c_str()); });
    std::sort(names.begin(), names.end());
    *names_out = std::move(names);
    return BWRT_OK;
}

ShardWriter find_writer(const Shard& shard) {
    ShardWriter writer;
    const OpenFile file = open_beneath(shard.directory.fd(), "lock", O_RDONLY);
    struct stat stat = {};
    if (!file.is_open() || fstat(file.fd(), &stat) != 0) return writer;
    char pid[16] = {};
    if (read_at(file.fd(), pid, sizeof pid - 1, 0) > 0) writer.pid = std::strtol(pid, nullptr, 10);
    writer.is_there = find_flock(stat, &writer.pid);
    return writer;
}

bwrt_status list_index_files(const StoreDirectories& store, const char* directory_or_null,
                             std::vector<IndexFile>* files_out, const ErrorSink& sink) {
    constexpr std::string_view kBegin = "bwrt-", kDraftEnd = ".new";
    OpenFile directory;
    std::vector<std::string> shards, names;
    if (const bwrt_status status = open_shared_directory(directory_or_null, &directory, sink)) {
        return status;
    }
    if (const bwrt_status status = list_shards(store, &shards, sink)) return status;
    if (!list_directory(directory.fd(), &names)) return fail_io("store.index_directory", sink);
    std::sort(names.begin(), names.end());
    std::vector<SharedName> known;
    for (const std::string& shard : shards) known.emplace_back(store.roots[0], shard.c_str());
    std::vector<IndexFile> files;
    for (const std::string& name : names) {
        if (name.rfind(kBegin, 0) != 0) continue;
        const OpenFile file = open_beneath(directory.fd(), name.c_str(), O_RDONLY);
        struct stat stat = {};
        alignas(SharedHeader) unsigned char page[sizeof(SharedHeader)];
        if (!file.is_open() || fstat(file.fd(), &stat) != 0 || !S_ISREG(stat.st_mode) ||
            read_at(file.fd(), page, sizeof page, 0) != sizeof page) {
            continue;  // another user's, or nobody's index
        }
        IndexFile found;
        found.name = name;
        found.is_draft = name.ends_with(kDraftEnd);
        const std::string final = name.substr(0, name.size() - (found.is_draft ? 4 : 0));
        const auto of = std::find_if(known.begin(), known.end(),
                                     [&](const SharedName& one) { return one.file == final; });
        found.is_of_shard = of != known.end();
        const void* store_id = page + offsetof(SharedHeader, store_id);
        const auto* shard = reinterpret_cast<const char*>(page + offsetof(SharedHeader, shard));
        const bool says_so = std::memcmp(store_id, store.superblock().store_id, kStoreIdBytes) == 0;
        if (!found.is_of_shard && !says_so) continue;
        found.shard = found.is_of_shard ? of->shard : std::string(shard, strnlen(shard, 64));
        found.bytes = static_cast<std::uint64_t>(stat.st_blocks) * 512;
        found.writer.is_there = find_flock(stat, &found.writer.pid);
        files.push_back(std::move(found));
    }
    *files_out = std::move(files);
    return BWRT_OK;
}

bool look_behind(const Shard& shard, const LogEnd& end, LogTail* tail_out) {
    LogTail tail;
    char name[32];
    std::snprintf(name, sizeof name, "log.%016llx", ull(end.log_number));
    const OpenFile file = open_beneath(shard.directory.fd(), name, O_RDONLY);
    if (!file.is_open()) return false;
    std::vector<Record> records(4096);
    std::uint64_t life = end.life;
    for (;;) {
        std::memset(static_cast<void*>(records.data()), 0, records.size() * sizeof(Record));
        const std::int64_t got = read_at(file.fd(), records.data(), records.size() * sizeof(Record),
                                         end.offset_bytes() + tail.length_bytes);
        if (got < 0) return false;
        for (std::size_t i = 0; i * sizeof(Record) < static_cast<std::size_t>(got); ++i) {
            const Record& record = records[i];
            tail.zeros = tail.zeros && all_zeros(record);
            if (!is_whole(record, life)) continue;
            tail.goes_on = tail.goes_on || record.sequence == end.sequence;
            ++tail.whole_records;
            if (record.kind == RecordKind::kOpened) life = next_life(life, record.nonce);
        }
        tail.length_bytes += static_cast<std::uint64_t>(got);
        if (static_cast<std::size_t>(got) < records.size() * sizeof(Record)) break;
    }
    *tail_out = tail;
    return true;
}

bwrt_status ShardContents::read(const StoreDirectories& store, const Shard& shard,
                                const ErrorSink& sink, std::uint32_t block_count_max) {
    // Room is memory when it is used; what does not fit is read again with more.
    for (;;) {
        if (const bwrt_status status = read_with_room(store, shard, block_count_max, sink)) {
            return status;
        }
        const bool begun_meanwhile = log_.found && segment_bytes_ == 0;
        const bool full = counts_.no_room != 0 && block_count_max < kIndexBlockCountMax &&
                          block_count_max < counts_.records;
        if (!begun_meanwhile && !full) return BWRT_OK;
        if (full) block_count_max = std::min(block_count_max * 8, kIndexBlockCountMax);
    }
}

bwrt_status ShardContents::read_with_room(const StoreDirectories& store, const Shard& shard,
                                          std::uint32_t block_count_max, const ErrorSink& sink) {
    const Superblock& superblock = store.superblock();
    std::uint64_t segment_bytes = 0, seed = 0;
    if (const bwrt_status status = find_segment_bytes(shard, superblock, &segment_bytes, sink)) {
        return status;
    }
    if (segment_bytes % kUnitBytes != 0 || segment_bytes > std::uint64_t{1} << 32) {
        return fail(sink, BWRT_E_FORMAT, kDirectoriesField,
                    "a log says that segments have %llu bytes", ull(segment_bytes));
    }
    if (!fill_random(&seed, sizeof seed)) return fail_io("getrandom", sink);
    const std::uint64_t counted_bytes = std::max<std::uint64_t>(segment_bytes, kUnitBytes);
    const std::vector<DirectoryBudget> budgets(Segments::kDirectoryCountMax,
                                               {counted_bytes * Segments::kCountMax});
    segments_ = std::make_unique<Segments>(budgets, counted_bytes);
    index_.reset();
    range_ = Mapping::table(IndexWriter::range_bytes(block_count_max));
    index_ = std::make_unique<IndexWriter>(range_.address(), block_count_max, seed);
    records_ = Table<Record>(block_count_max);
    spaces_ = {};
    entry_count_ = 0;
    segment_bytes_ = segment_bytes;
    Recovery recovery(index_.get(), segments_.get(), &spaces_, this);
    if (const bwrt_status status = read_log(shard, superblock, &recovery, &log_, sink)) {
        return status;
    }
    counts_ = recovery.counts();
    return BWRT_OK;
}

void ShardContents::block_found(std::uint32_t entry, std::uint32_t, const Record& record) noexcept {
    records_[entry] = record;
    entry_count_ = std::max(entry_count_, entry + 1);
}

void ShardContents::block_gone(std::uint32_t entry) noexcept { records_[entry].kind = {}; }

std::uint32_t ShardContents::block_count() const noexcept { return index_->block_count(); }

const Record* ShardContents::find(const BlockKey& key) {
    IndexKey index_key = {};
    std::memcpy(index_key.identity, key.identity, sizeof index_key.identity);
    index_key.part = key.part;
    index_key.tenant = spaces_.number_of(key.space);
    const std::uint32_t entry =
        index_key.tenant == Spaces::kNone ? kNoEntry : index_->find(index_key);
    return entry == kNoEntry ? nullptr : &records_[entry];
}

std::vector<const Record*> ShardContents::blocks_by_place() const {
    std::vector<const Record*> blocks;
    blocks.reserve(block_count());
    for (std::uint32_t entry = 0; entry < entry_count_; ++entry) {
        if (records_[entry].kind == RecordKind::kStored) blocks.push_back(&records_[entry]);
    }
    std::sort(blocks.begin(), blocks.end(), [](const Record* a, const Record* b) {
        return std::tie(a->segment, a->offset_bytes) < std::tie(b->segment, b->offset_bytes);
    });
    return blocks;
}

}  // namespace bwrt::runtime
