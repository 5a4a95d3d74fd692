// SPDX-License-Identifier: Apache-2.0
//
// format.h — what lies on the disk, field by field; docs/format.md is the text that this must
// equal.
//
//   ROOT/bwrt-store               Superblock
//   ROOT/shards/NAME/log.N        LogHeader, then Records
//   ROOT/shards/NAME/segment.N    payloads and sums, at multiples of 4 KiB
//
// Little-endian, fixed lengths, no pointers, reserved bytes zero.  Each of the three structs ends
// in its own checksum, which is also what tells a record that was never written whole.

#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/store/checksum.h"

namespace bwrt::runtime {

constexpr std::uint32_t kFormatVersion = 1;
constexpr std::uint32_t kUnitBytes = 4096;  // of place on the disk
constexpr std::uint32_t kByteOrderMark = 0x01020304;
constexpr std::uint32_t kSecretBytes = 32;
constexpr std::uint32_t kTagBytes = 16;
constexpr std::uint32_t kStoreIdBytes = 16;

enum class Sealed : std::uint8_t {
    kGood,
    kDamaged,  // the checksum does not fit
    kForeign,  // not ours at all, or of the other byte order
    kNewer,    // ours, and of a version this library does not know
};

struct Superblock {
    std::uint8_t magic[8];
    std::uint32_t version;
    std::uint32_t byte_order;
    std::uint8_t store_id[kStoreIdBytes];  // random; the same in all directories of a store
    std::uint32_t unit_bytes;
    std::uint32_t chunk_bytes;
    std::uint64_t created_s;            // seconds since 1970, UTC
    std::uint8_t secret[kSecretBytes];  // of tenant 0; directory 0 only
    std::uint32_t directory_number;
    std::uint8_t reserved[4004];
    std::uint64_t checksum;
};
static_assert(sizeof(Superblock) == 4096 && offsetof(Superblock, checksum) == 4088);

struct LogHeader {
    std::uint8_t magic[8];
    std::uint32_t version;
    std::uint32_t byte_order;
    std::uint8_t store_id[kStoreIdBytes];
    std::uint64_t log_number;
    std::uint32_t record_bytes;
    std::uint32_t reserved_0;
    std::uint64_t segment_bytes;  // the same in all logs of a shard
    std::uint8_t reserved[4032];
    std::uint64_t checksum;
};
static_assert(sizeof(LogHeader) == 4096 && offsetof(LogHeader, checksum) == 4088);

enum class RecordKind : std::uint32_t {
    kStored = 1,       // the block is at this place, and at no other it may have been before
    kRemoved = 2,      // it is nowhere
    kSegment = 3,      // the segment begins a new generation: all that was in it is gone
    kSnapshotEnd = 4,  // what the log before this one said is said
    kOpened = 5,       // a writer goes on from here
    kBudget = 6,       // so much of the write budget was left
};

enum class Closure : std::uint8_t { kPrefix = 0, kWindow = 1, kLastState = 2 };

struct Record {
    RecordKind kind;
    std::uint32_t flags;     // none yet
    std::uint64_t sequence;  // from 0 in each log, without a gap

    // The block: what the tag covers, to layout_digest and root.
    BlockKey key;  // kRemoved: all it has
    std::uint32_t length_bytes;
    std::uint32_t reserved_0;
    std::uint64_t layout_digest;
    std::uint64_t root;
    std::uint8_t tag[kTagBytes];

    // Its place.  kSegment: segment and generation.
    std::uint32_t segment;
    std::uint32_t reserved_1;
    std::uint64_t generation;
    std::uint64_t offset_bytes;

    // What the policy is to know again after a restart.
    std::uint8_t parent_identity[kIdentityBytes];  // zeros: a root
    std::uint32_t parent_part;
    Closure closure;
    std::uint8_t reserved_2;
    std::uint16_t window_blocks;
    std::uint32_t access_count;
    std::uint32_t reserved_3;
    std::uint64_t stored_s;
    std::uint64_t expires_s;  // 0: never

    std::uint64_t nonce;              // kOpened
    std::uint64_t budget_left_bytes;  // kBudget, at stored_s
    std::uint8_t reserved_4[40];
    std::uint64_t checksum;
};
static_assert(sizeof(BlockKey) == 48 && offsetof(BlockKey, part) == 40);
static_assert(offsetof(Record, key) == 16 && offsetof(Record, length_bytes) == 64);
static_assert(offsetof(Record, tag) == 88 && offsetof(Record, segment) == 104);
static_assert(offsetof(Record, parent_identity) == 128 && offsetof(Record, checksum) == 248);
static_assert(sizeof(Record) == 256);

// What a tag is made of: the bytes [16, 88) of the record.
constexpr std::size_t kTaggedFirst = offsetof(Record, key);
constexpr std::size_t kTaggedBytes = offsetof(Record, tag) - kTaggedFirst;

void seal(Superblock* block) noexcept;
void seal(LogHeader* header) noexcept;
[[nodiscard]] Sealed check(const Superblock& block) noexcept;
[[nodiscard]] Sealed check(const LogHeader& header) noexcept;

// Records are sealed with the seed of the life they belong to, which each kOpened changes: what an
// earlier life left behind the point at which a later one went on is not taken for the later one's.
[[nodiscard]] std::uint64_t first_life(const LogHeader& header) noexcept;
[[nodiscard]] std::uint64_t next_life(std::uint64_t life, std::uint64_t nonce) noexcept;
void seal(Record* record, std::uint64_t life) noexcept;
[[nodiscard]] bool is_whole(const Record& record, std::uint64_t life) noexcept;

// Bytes of a block's place in a segment: the payload and, of several chunks, their sums, each
// padded with zeros to whole units.
[[nodiscard]] std::uint64_t payload_bytes_on_disk(std::uint32_t length_bytes) noexcept;
[[nodiscard]] std::uint64_t sums_bytes_on_disk(std::uint32_t length_bytes) noexcept;

}  // namespace bwrt::runtime
