// SPDX-License-Identifier: Apache-2.0
//
// index.h — which blocks there are, and where: a hash table with one writer and any readers.
//
//   executor thread ── insert, update, erase ──▶ [ header | buckets | entries ]
//                                                     ▲               ▲
//   bwrt_lookup, other processes ── find_many ────────┴───────────────┘  wait-free, read-only
//
// It lies in one range of memory that its owner brings (a mapping of its own, or of a file that
// others map read-only), is sized for its capacity when it is made, allocates nothing after that
// and touches memory as it is used.  index_range.h shows the bytes and says why they are as they
// are.
//
// A key is 32 bytes of identity, part and tenant, and all of it is compared.  A block keeps its
// entry's number from insert to erase: it is the block's name for the policy and for lists.
//
// What a reader may rely on.  A hit is a copy of one state of the entry, never of two.  A miss was
// true at some moment of the call: a block that was there all the time is found, whatever comes
// and goes around it, since its entry and its slot stay where they are, and every bucket on the
// way to it counts it.  A hit is history the moment it is returned, and the number in it may be
// another block's by then: who acts on it has the writer look again.
//
// What a reader may not rely on is the range.  attach() refuses what it does not know, and after
// it no byte of the range can make a reader leave it or go on for ever.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/memory.h"
#include "runtime/store/index_range.h"

namespace bwrt::runtime {

constexpr std::uint32_t kNoEntry = 0xFFFF'FFFF;

struct IndexKey {
    std::byte identity[32];
    std::uint32_t part;
    std::uint16_t tenant;  // its number in this store, not the caller's u64
};

// 15 bits are for callers; the index itself looks at kOnDisk alone.
enum BlockFlag : std::uint16_t {
    kPending = 1 << 0,
    kOnDisk = 1 << 1,  // disk_segment and disk_page mean something, and the segment lists it
    kInHost = 1 << 2,  // host_place means something
    kDurable = 1 << 3,
    kVerified = 1 << 4,
    kInFlight = 1 << 5,  // host_place is the number of the flight that it is on
    kCarried = 1 << 6,   // on its way from one segment to another
    kHostOnly = 1 << 7,  // its caller wants it in memory and not on disk
    kFound = 1 << 8,     // an earlier process stored it, and may have said that it is durable
};

constexpr std::uint16_t kBlockFlagsMask = 0x7FFF;

// Where a block is.
struct BlockFields {
    std::uint32_t length_bytes;
    std::uint32_t host_place;  // in whatever the arena counts
    std::uint32_t disk_page;   // of the segment, below kDiskPageCountMax
    std::uint16_t disk_segment;
    std::uint16_t flags;  // BlockFlag
};

// What its bytes have to be.
struct BlockSeal {
    std::uint64_t layout_digest;
    std::uint64_t root_checksum;
};

// From the words of an entry.
[[nodiscard]] constexpr BlockFields unpack(std::uint64_t part, std::uint64_t place,
                                           std::uint64_t length) noexcept {
    return {static_cast<std::uint32_t>(length), static_cast<std::uint32_t>(length >> 32),
            static_cast<std::uint32_t>(place >> 28) % kDiskPageCountMax,
            static_cast<std::uint16_t>(place >> 48),
            static_cast<std::uint16_t>(part >> 48 & kBlockFlagsMask)};
}

// kBusy: for all of the reader's patience the writer was in the middle of changing this block: it
// is held up, or it died there.
enum class Found : std::uint32_t { kMiss, kHit, kBusy };

struct BlockAnswer {
    BlockFields fields;     // of a hit
    std::uint32_t entry;    // of a hit, and where kBusy
    std::uint32_t version;  // of a hit: another one, when the entry has changed since
    Found found;
};

// Any number of threads at once.  A value: copies look at the same range.
class IndexReader {
 public:
    IndexReader() = default;  // of nothing, and not to be asked, until attach() has said null

    // Null, or why the range is no index that this code can read: a sentence.  The range must be
    // on a 64-byte bound and stay mapped at its length as long as the reader is used.
    [[nodiscard]] const char* attach(const void* range, std::uint64_t length_bytes) noexcept;

    // One answer for each key, and of a hit the seal, of the same moment, where seals_out is not
    // null: it costs a cache miss more.  A thousand keys in a call are what this is made for: their
    // misses overlap.
    void find_many(std::span<const IndexKey> keys, BlockAnswer* answers_out,
                   BlockSeal* seals_out = nullptr) const noexcept;
    [[nodiscard]] BlockAnswer find(const IndexKey& key,
                                   BlockSeal* seal_out = nullptr) const noexcept;

    // What lies at this number, for who goes through all of them; false when nothing does, or when
    // it is being changed for too long.
    [[nodiscard]] bool look_at(std::uint32_t entry, IndexKey* key_out,
                               BlockFields* fields_out) const noexcept;

    // By which a key is known as long as the index is there, also when its block is not.
    [[nodiscard]] std::uint64_t hash_of(const IndexKey& key) const noexcept {
        return probe_of(key).hash;
    }

    [[nodiscard]] std::uint32_t block_count() const noexcept;
    [[nodiscard]] std::uint32_t block_count_max() const noexcept { return shape_.block_count_max; }

 private:
    friend class IndexWriter;
    class Patience;

    // A key as the range has it, and where its search begins.
    struct Probe {
        std::uint64_t identity[kIdentityWordCount];
        std::uint64_t part;  // and the tenant, and no flags
        std::uint64_t hash;
        std::uint32_t home;
        std::uint8_t fingerprint;  // never 0
    };

    [[nodiscard]] Probe probe_of(const IndexKey& key) const noexcept;
    [[nodiscard]] std::uint32_t next_bucket(std::uint32_t bucket) const noexcept {
        return bucket + 1 == shape_.bucket_count ? 0 : bucket + 1;
    }
    void prefetch_entry(const Probe& probe, bool with_seal) const noexcept;
    void search(const Probe& probe, Patience* patience, BlockAnswer* answer_out,
                BlockSeal* seal_out) const noexcept;
    [[nodiscard]] Found copy_entry(std::uint32_t number, const Probe& probe, Patience* patience,
                                   BlockAnswer* answer_out, BlockSeal* seal_out) const noexcept;

    const IndexHeader* header_ = nullptr;
    const IndexBucket* buckets_ = nullptr;
    const IndexEntry* entries_ = nullptr;
    const IndexSeal* seals_ = nullptr;
    IndexShape shape_{0};  // checked once; the range's own words are not asked again
    std::uint64_t seed_ = 0;
};

// One thread.  It alone knows which entries are free and which lie in a segment: nothing of that is
// taken back from the range.
class IndexWriter {
 public:
    // Makes an index without blocks in `range`, which is zeroed, on a 64-byte bound and
    // range_bytes(block_count_max) long.  The seed is secret and random: who can guess it can
    // choose identities that all meet in one bucket.  0 < block_count_max <= kIndexBlockCountMax.
    // Throws std::bad_alloc.
    IndexWriter(void* range, std::uint32_t block_count_max, std::uint64_t seed);
    IndexWriter(const IndexWriter&) = delete;
    IndexWriter& operator=(const IndexWriter&) = delete;

    [[nodiscard]] static std::uint64_t range_bytes(std::uint32_t block_count_max) noexcept {
        return IndexShape(block_count_max).range_bytes;
    }

    [[nodiscard]] const IndexReader& reader() const noexcept { return reader_; }

    enum class Inserted { kNew, kPresent, kFull };
    // kPresent: *entry_out is the block's, and nothing is changed.  kFull: nothing is, at all.
    [[nodiscard]] Inserted insert(const IndexKey& key, const BlockFields& fields,
                                  const BlockSeal& seal, std::uint32_t* entry_out) noexcept;

    // kNoEntry for a block that is not there.
    [[nodiscard]] std::uint32_t find(const IndexKey& key) const noexcept;

    [[nodiscard]] bool is_used(std::uint32_t entry) const noexcept;

    // Of an entry that is in use.  Readers see an update whole; without a seal that stays.
    [[nodiscard]] IndexKey key_of(std::uint32_t entry) const noexcept;
    [[nodiscard]] BlockFields fields_of(std::uint32_t entry) const noexcept;
    [[nodiscard]] BlockSeal seal_of(std::uint32_t entry) const noexcept;
    void update(std::uint32_t entry, const BlockFields& fields,
                const BlockSeal* seal = nullptr) noexcept;
    void erase(std::uint32_t entry) noexcept;

    // The blocks on disk by segment, in the order in which they came; kNoEntry ends.  Whoever
    // erases or moves on the way asks for the next one before.
    [[nodiscard]] std::uint32_t first_of_segment(std::uint16_t segment) const noexcept;
    [[nodiscard]] std::uint32_t next_of_segment(std::uint32_t entry) const noexcept;

    [[nodiscard]] std::uint32_t block_count() const noexcept { return block_count_; }

    // All entries in use, in the order in which they lie.
    template <typename Visit>
    void for_each(Visit&& visit) const {
        for (std::uint32_t entry = 0; entry < fresh_; ++entry) {
            if ((entries_[entry].part.own() & kUsedFlag) != 0) visit(entry);
        }
    }

    // For tests: the bucket that a search begins in.
    [[nodiscard]] std::uint32_t home_of(const IndexKey& key) const noexcept;

 private:
    [[nodiscard]] IndexEntry& used(std::uint32_t entry) const noexcept;
    [[nodiscard]] bool find_room(std::uint32_t home, std::uint32_t* bucket_out,
                                 std::uint32_t* slot_out) const noexcept;
    void find_slot(std::uint32_t home, std::uint32_t entry, std::uint32_t* bucket_out,
                   std::uint32_t* slot_out) const noexcept;
    void pass(std::uint32_t home, std::uint32_t bucket, std::int32_t count) noexcept;
    void set_fields(std::uint32_t entry, std::uint64_t part, const BlockFields& fields,
                    const BlockSeal* seal) noexcept;
    std::uint32_t take_free() noexcept;
    void set_block_count(std::uint32_t count) noexcept;

    void link(std::uint32_t entry, std::uint16_t segment) noexcept;
    void unlink(std::uint32_t entry) noexcept;

    IndexHeader* header_;
    IndexBucket* buckets_;
    IndexEntry* entries_;
    IndexSeal* seals_;
    IndexReader reader_;  // of the same range

    std::uint32_t block_count_ = 0;
    std::uint32_t fresh_ = 0;        // entries from here on were never used
    std::uint32_t free_ = 0;         // links are numbers + 1: 0 is none
    Table<std::uint32_t> first_of_;  // links, by segment
};

}  // namespace bwrt::runtime
