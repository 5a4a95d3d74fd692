// SPDX-License-Identifier: Apache-2.0
//
// inspect.h — a store as it lies there: its shards, their writers, and every block that the log
// says there is.
//
//   open_store() ──▶ directories ──list_shards()──▶ names ──open_shard()──▶ ShardContents::read()
//
// Nothing here takes a lock or changes a byte, so a store can be looked at while a process writes
// it; what is found was true when the log was read.  The log is replayed by what a writer recovers
// with (recovery.h), so that the two cannot find different blocks in it.
//
// A block takes 256 bytes of memory here, its record, and 91 of the index.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/memory.h"
#include "runtime/store/recovery.h"

namespace bwrt::runtime {

struct StoreDirectories {
    std::vector<StoreRoot> roots;  // by number; at least one

    [[nodiscard]] const Superblock& superblock() const { return roots[0].superblock; }
};

// All directories of a store, in the order of their numbers.  Refuses as open_root() does.
bwrt_status open_store(const std::vector<std::string>& paths, StoreDirectories* store_out,
                       const ErrorSink& sink);

// Sorted; none where no writer has been yet.
bwrt_status list_shards(const StoreDirectories& store, std::vector<std::string>* names_out,
                        const ErrorSink& sink);

// Who writes a shard, or did last.
struct ShardWriter {
    long pid = 0;  // 0: nobody ever did, or the file does not say
    bool is_there = false;
};

// From the lock's file and /proc/locks: to try the lock is to hold it for a moment, and a writer
// that starts just then would be refused.  A writer in another pid namespace is not seen.
[[nodiscard]] ShardWriter find_writer(const Shard& shard);

// A file in which a writer of this store shared its index (shared_index.h).  It outlives its
// writer, so that readers find what is on disk, and holds memory for as long.
struct IndexFile {
    std::string name;   // in its directory
    std::string shard;  // as it says itself
    std::uint64_t bytes = 0;
    ShardWriter writer;  // of which this life is
    // It is that of a shard that is here; else of one that was removed, or of a store that was
    // copied, or moved to other devices.
    bool is_of_shard = false;
    bool is_draft = false;  // not whole yet, or never
};

// Of the store's shards, and those that say that they are of this store.  Takes no lock.
bwrt_status list_index_files(const StoreDirectories& store, const char* directory_or_null,
                             std::vector<IndexFile>* files_out, const ErrorSink& sink);

// What lies behind the end of a log.
struct LogTail {
    std::uint64_t length_bytes = 0;
    std::uint64_t whole_records = 0;  // of its life: one before them was damaged
    bool zeros = true;                // and nothing else
    bool goes_on = false;             // the next record is there by now: that was not the end
};

// False and errno.
[[nodiscard]] bool look_behind(const Shard& shard, const LogEnd& end, LogTail* tail_out);

class ShardContents final : private RecoveryObserver {
 public:
    // Forgets what it had.  Begins with room for so many blocks and takes more when there are.
    // Throws std::bad_alloc.
    bwrt_status read(const StoreDirectories& store, const Shard& shard, const ErrorSink& sink,
                     std::uint32_t block_count_max = std::uint32_t{1} << 20);

    [[nodiscard]] const LogReport& log() const noexcept { return log_; }
    [[nodiscard]] const RecoveryCounts& counts() const noexcept { return counts_; }

    // Of segments in 16 directories of 4,096, as if no budget bound them: only records of places
    // that no store has are passed over.  Not settled.  Only after read().
    [[nodiscard]] const Segments& segments() const noexcept { return *segments_; }
    [[nodiscard]] std::uint64_t segment_bytes() const noexcept {
        return segment_bytes_;
    }  // 0: no log

    [[nodiscard]] std::uint32_t block_count() const noexcept;
    // The record that says where the block is; null when there is no such block.
    [[nodiscard]] const Record* find(const BlockKey& key);
    // All of them, in the order in which they lie on the disk.  Good until the next read().
    [[nodiscard]] std::vector<const Record*> blocks_by_place() const;

 private:
    bwrt_status read_with_room(const StoreDirectories& store, const Shard& shard,
                               std::uint32_t block_count_max, const ErrorSink& sink);
    void block_found(std::uint32_t entry, std::uint32_t parent,
                     const Record& record) noexcept override;
    void block_gone(std::uint32_t entry) noexcept override;

    Mapping range_;
    std::unique_ptr<IndexWriter> index_;
    std::unique_ptr<Segments> segments_;
    Spaces spaces_;
    Table<Record> records_;  // by entry; kind 0: there is none
    std::uint32_t entry_count_ = 0;
    std::uint64_t segment_bytes_ = 0;
    LogReport log_;
    RecoveryCounts counts_;
};

}  // namespace bwrt::runtime
