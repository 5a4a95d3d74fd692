// SPDX-License-Identifier: Apache-2.0
//
// shared_index.h — a shard's index where other processes can see it: a file in a memory file
// system, one for each life of a writer.
//
//   writer   create() ──▶ filled by recovery ──▶ publish(): it has its name, the one before is told
//   reader   open()   ──▶ the same bytes, read-only ──▶ is_retired()? then open() again
//
//   [ header, a page ][ spaces ][ events, a ring ][ index (index_range.h) ]      whole pages each
//
// Why there and not beside the log: a shared mapping of a file on a disk makes its writer wait for
// writeback and for the journal at any store, and a sparse one ends it by SIGBUS when the disk is
// full.  In memory there is no writeback, and the file has all of its pages before it is mapped, so
// a full file system is an error of open.
//
// Its name is made of the store's secret, so that nobody who may not read the store can take it
// first; it is its owner's alone.  Nothing in it outlives a reboot, and nothing of the store is
// lost with it: it is no part of the format on the disk.
//
// A writer that lives holds the kernel's lock of the file.  It was locked before it had its name
// and nobody else ever wants it for himself, so who asks whether it is held is in nobody's way,
// as he would be with the lock of the shard.  (Children that a killed writer forked have it until
// they end or exec.)  What an index says of the disk stays true when its
// writer is gone; what it says of his memory does not.
//
// Memory order, by label:
//   S1 -> S2   the magic is stored last and loaded first: who sees it sees the header
//   S3 -> S4   the count of spaces is stored behind the space: an entry names none that is not
//   there S5 -> S6   the number of the last event is stored behind its words.  Before them begun is
//              stored, which a word carries to who has read it (V1 -> V2, versioned.h): so a reader
//              that looks at begun after his copy knows which of it may be of a later lap.

#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "include/bwrt.h"
#include "runtime/memory.h"
#include "runtime/store/index.h"
#include "runtime/store/root.h"

namespace bwrt::runtime {

constexpr std::uint64_t kSharedMagic = 0x7264'6873'7472'7762;  // "bwrtshdr"
constexpr std::uint32_t kSharedFormatVersion = 1;
constexpr std::uint32_t kSharedEventCount = 1 << 16;
constexpr std::uint32_t kSharedSpaceCountMax = 4096;
constexpr const char* kSharedDirectory = "/dev/shm";  // where nothing else is said

struct SharedHeader {
    std::atomic<std::uint64_t> magic;
    std::uint32_t format_version;
    std::uint32_t block_count_max;
    std::uint32_t space_count_max;
    std::uint32_t event_count_max;
    std::uint64_t file_bytes;
    std::uint64_t segment_bytes;
    std::uint8_t store_id[kStoreIdBytes];
    char shard[72];
    std::atomic<std::uint32_t> retired;  // another has its name now, or none
    std::atomic<std::uint32_t> space_count;
    alignas(64) std::atomic<std::uint64_t> event_begun;
    alignas(64) std::atomic<std::uint64_t> event_last;
};
static_assert(sizeof(SharedHeader) <= kIndexPageBytes);

// A bwrt_event, word by word, whose tenant is the number of its space.
struct SharedEvent {
    Word words[sizeof(bwrt_event) / sizeof(std::uint64_t)];
};
static_assert(sizeof(SharedEvent) == sizeof(bwrt_event));

// Where which of it lies; from what its writer chose.
struct SharedShape {
    std::uint64_t events_offset_bytes;
    std::uint64_t index_offset_bytes;
    std::uint64_t file_bytes;

    constexpr SharedShape(std::uint32_t block_count_max, std::uint32_t space_count_max)
        : events_offset_bytes(kIndexPageBytes +
                              whole_pages(std::uint64_t{space_count_max} * sizeof(Word))),
          index_offset_bytes(events_offset_bytes +
                             whole_pages(std::uint64_t{kSharedEventCount} * sizeof(SharedEvent))),
          file_bytes(index_offset_bytes + IndexShape(block_count_max).range_bytes) {}

 private:
    static constexpr std::uint64_t whole_pages(std::uint64_t bytes) {
        return (bytes + kIndexPageBytes - 1) / kIndexPageBytes * kIndexPageBytes;
    }
};

// Which index: of this shard of this store.
struct SharedName {
    std::string file;
    std::string shard;
    std::uint8_t store_id[kStoreIdBytes];

    // A store that was copied, with its secret, is another one: its first directory is.
    SharedName(const StoreRoot& first, const char* shard_name);
};

// The directory of the files, as a caller names it or NULL.
bwrt_status open_shared_directory(const char* path_or_null, OpenFile* directory_out,
                                  const ErrorSink& sink);

// The file and its bytes; what writer and reader have in common.
class SharedIndex {
 public:
    SharedIndex() = default;

    [[nodiscard]] bool is_open() const noexcept { return mapping_.address() != nullptr; }
    [[nodiscard]] SharedHeader& header() const noexcept { return *mapping_.as<SharedHeader>(); }
    [[nodiscard]] Word* spaces() const noexcept {
        return reinterpret_cast<Word*>(bytes() + kIndexPageBytes);
    }
    [[nodiscard]] SharedEvent* events() const noexcept {
        return reinterpret_cast<SharedEvent*>(bytes() + shape_.events_offset_bytes);
    }
    [[nodiscard]] std::byte* range() const noexcept { return bytes() + shape_.index_offset_bytes; }
    [[nodiscard]] std::uint64_t range_bytes() const noexcept {
        return shape_.file_bytes - shape_.index_offset_bytes;
    }

 protected:
    [[nodiscard]] std::byte* bytes() const noexcept { return mapping_.as<std::byte>(); }

    OpenFile file_;
    Mapping mapping_;
    SharedShape shape_{1, 1};
};

class SharedIndexWriter final : public SharedIndex {
 public:
    SharedIndexWriter() = default;
    SharedIndexWriter(const SharedIndexWriter&) = delete;
    SharedIndexWriter& operator=(const SharedIndexWriter&) = delete;
    ~SharedIndexWriter();  // lets go of the lock; the file stays

    // Makes the file, without its name, zeroed and with all of its pages.  With the shard's lock
    // held: there is one who does this.  BWRT_E_INVAL where the directory is in no memory file
    // system, BWRT_E_NOSPC where there is no room, else BWRT_E_IO, all of store.index_directory.
    bwrt_status create(OpenFile directory, const SharedName& name, std::uint32_t block_count_max,
                       std::uint32_t space_count_max, const ErrorSink& sink);
    // Gives it its name.  Readers find it from now on, and those of the one before are told.
    bwrt_status publish(std::uint64_t segment_bytes, const ErrorSink& sink);

    // The driver's, or before there is one.  Space `number` is the next that is not there yet.
    void put_space(std::uint16_t number, std::uint64_t space) noexcept;
    [[nodiscard]] std::uint32_t space_count() const noexcept {
        return header().space_count.load(std::memory_order_relaxed);
    }
    void put_event(const bwrt_event& event) noexcept;

 private:
    OpenFile directory_;
    std::string name_, draft_;  // draft_: as long as it has that
    int owner_pid_ = 0;
};

// For a writer that shares nothing, with the shard's lock held: what an earlier one left is taken
// away, and those who look at it are told.
void retire_shared_index(int directory_fd, const SharedName& name) noexcept;

// Any thread, once it is open.
class SharedIndexReader final : public SharedIndex {
 public:
    enum class Opened : std::uint8_t {
        kYes,
        kNone,   // there is no such file
        kOther,  // there is one, and it is not what it should be
    };
    [[nodiscard]] Opened open(int directory_fd, const SharedName& name);
    // Whether what has the name now is the very file.
    [[nodiscard]] bool has_its_name(int directory_fd, const SharedName& name) const;

    [[nodiscard]] const IndexReader& index() const noexcept { return reader_; }
    [[nodiscard]] bool is_retired() const noexcept {
        return header().retired.load(std::memory_order_relaxed) != 0;
    }
    // Its writer is there.  Two system calls.
    [[nodiscard]] bool has_writer() const noexcept;
    [[nodiscard]] std::uint64_t segment_bytes() const noexcept { return segment_bytes_; }

    // How many there are; what they are does not change.
    [[nodiscard]] std::uint32_t space_count() const noexcept;
    [[nodiscard]] std::uint64_t space_at(std::uint32_t number) const noexcept {
        return spaces()[number].get();
    }

    [[nodiscard]] std::uint64_t last_event() const noexcept {
        return header().event_last.load(std::memory_order_acquire);  // S6
    }
    // Copies events [first, first + count), which have been there.  False when one of them may be
    // of a later lap of the ring.
    [[nodiscard]] bool copy_events(std::uint64_t first, std::uint32_t count,
                                   bwrt_event* events_out) const noexcept;

 private:
    IndexReader reader_;
    std::uint32_t space_count_max_ = 0;  // checked once; the file is not asked again
    std::uint64_t segment_bytes_ = 0;
    std::uint64_t device_ = 0, inode_ = 0;
};

}  // namespace bwrt::runtime
