// SPDX-License-Identifier: Apache-2.0
//
// index_range.h — the bytes of the block index: what writer and readers have in common.
//
//   [ header, a page ][ buckets, whole pages ][ entries, whole pages ][ seals ]
//
//   bucket, a line of 64 bytes                        entry, a line of 64 bytes
//     12 fingerprints of a byte, 0 for a free slot      link, version             4 + 4
//     passed: entries that found this bucket full       identity                 32
//     12 entry numbers                                  part, tenant, flags       4 + 2 + 2
//                                                       place on disk             8
//   seal, 16 bytes                                      length, place in host     4 + 4
//     layout digest 8, root checksum 8
//
// A seal is a part of its entry that lies elsewhere: to say where a block is takes two lines of
// memory then, and to load it a third.
//
// There are no pointers in it, so it may be mapped anywhere, and all of it is little-endian words
// that are read and written whole.  Zeroed memory is an index without blocks but for its header.
//
// A key's hash names its home bucket and its fingerprint.  An entry lies in the first bucket from
// home on, around the end, that had a free slot when it came, and stays there for its life.  Each
// full bucket that it went past counts it.  So a search goes on exactly while the bucket it is in
// has a count, erasing takes the counts back and leaves nothing behind, and there are no moves
// that a reader would have to be told of.
//
// The price of never moving is paid in room: what went past a full bucket stays behind it.  With
// buckets six sevenths full and blocks coming and going, a search for what is absent would look at
// 36 of them.  Half full it is this, after twenty times as many changes as there are blocks:
//
//   entries a bucket        10.2    9      8      7      6      5
//   buckets, to find         1.68   1.22   1.09   1.04   1.01   1.00
//   buckets, to miss        35.8    4.15   1.78   1.23   1.06   1.01
//   bytes a block            6.3    7.1    8.0    9.1   10.7   12.8
//
// Six: 90.7 bytes a block in all.  Buckets are touched at random, so they are in use as a whole
// long before the index is full; entries and seals are touched in order.

#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "runtime/store/versioned.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace bwrt::runtime {

static_assert(std::endian::native == std::endian::little);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);  // so they need no address either
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

constexpr std::uint64_t kIndexMagic = 0x7864'6e69'7472'7762;  // "bwrtindx"
constexpr std::uint32_t kIndexFormatVersion = 1;
constexpr std::uint32_t kIndexBlockCountMax = std::uint32_t{1} << 27;
constexpr std::size_t kIndexPageBytes = 4096;

constexpr std::uint32_t kSlotCount = 12;
constexpr std::uint32_t kBlocksPerBucket = 6;  // see above
// In a churned index of a million blocks nothing was ever further than 5 from home.  The bound is
// for damaged ranges, in which every bucket may say that the search goes on.
constexpr std::uint32_t kProbeBucketCountMax = 32;

struct IndexHeader {
    std::atomic<std::uint64_t> magic;  // stored last when made (H1), loaded first (H2)
    std::uint32_t format_version;
    std::uint32_t block_count_max;
    std::uint32_t bucket_count;
    std::uint32_t entry_bytes;  // with the seal
    std::uint64_t range_bytes;
    std::uint64_t seed;                      // of the hash
    std::atomic<std::uint32_t> block_count;  // for whoever wonders: relaxed
};
static_assert(sizeof(IndexHeader) <= kIndexPageBytes);

// The order of a bucket's words is of no consequence: whoever sees an entry sees by V1 -> V2 all
// that its writer did before, and what a reader makes of an older or a mixed bucket is at worst
// a miss of what was not there all the time.  All accesses are relaxed.
struct alignas(64) IndexBucket {
    std::atomic<std::uint64_t> fingerprints;             // of slots 0 to 7
    std::atomic<std::uint64_t> fingerprints_and_passed;  // of slots 8 to 11; above them the count
    std::atomic<std::uint32_t> numbers[kSlotCount];

    // A copy of the first two words, which say all but the numbers.
    struct Look {
        std::uint64_t low, high;

        [[nodiscard]] std::uint32_t passed_count() const noexcept {
            return static_cast<std::uint32_t>(high >> 32);
        }
        // A bit for each slot with this fingerprint; 0 finds the free ones.
        [[nodiscard]] std::uint32_t match(std::uint8_t fingerprint) const noexcept {
#if defined(__SSE2__)
            const __m128i all =
                _mm_set_epi64x(static_cast<long long>(high), static_cast<long long>(low));
            const __m128i equal =
                _mm_cmpeq_epi8(all, _mm_set1_epi8(static_cast<char>(fingerprint)));
            return static_cast<std::uint32_t>(_mm_movemask_epi8(equal)) & ((1u << kSlotCount) - 1);
#else
            std::uint32_t mask = 0;
            for (std::uint32_t slot = 0; slot < kSlotCount; ++slot) {
                const std::uint64_t word = slot < 8 ? low : high;
                const bool equal = static_cast<std::uint8_t>(word >> slot % 8 * 8) == fingerprint;
                mask |= std::uint32_t{equal} << slot;
            }
            return mask;
#endif
        }
    };

    [[nodiscard]] Look look() const noexcept {
        return {fingerprints.load(std::memory_order::relaxed),
                fingerprints_and_passed.load(std::memory_order::relaxed)};
    }

    // Writer only.
    void set_fingerprint(std::uint32_t slot, std::uint8_t fingerprint) noexcept {
        std::atomic<std::uint64_t>& word = slot < 8 ? fingerprints : fingerprints_and_passed;
        const std::uint32_t shift = slot % 8 * 8;
        const std::uint64_t others =
            word.load(std::memory_order::relaxed) & ~(std::uint64_t{0xFF} << shift);
        word.store(others | std::uint64_t{fingerprint} << shift, std::memory_order::relaxed);
    }
    void add_passed(std::int32_t count) noexcept {
        const std::uint64_t change = static_cast<std::uint64_t>(std::int64_t{count}) << 32;
        fingerprints_and_passed.store(
            fingerprints_and_passed.load(std::memory_order::relaxed) + change,
            std::memory_order::relaxed);
    }
};
static_assert(sizeof(IndexBucket) == 64);

constexpr std::size_t kIdentityWordCount = 4;

// The key is immutable for the entry's life.
struct alignas(64) IndexEntry {
    std::uint32_t own_link;  // the writer's, no reader looks: 0, or a number + 1
    Version version;         // of all words, and of the seal
    Word identity[kIdentityWordCount];
    Word part;    // part 0..31, tenant 32..47, flags 48..63
    Word place;   // the writer's 0..27, page 28..47, segment 48..63
    Word length;  // length 0..31, place in host memory 32..63
};
static_assert(sizeof(IndexEntry) == 64);

struct IndexSeal {
    Word layout_digest;
    Word root_checksum;
};
static_assert(sizeof(IndexSeal) == 16);

constexpr std::uint32_t kIndexEntryBytes = sizeof(IndexEntry) + sizeof(IndexSeal);

constexpr std::uint64_t kUsedFlag = std::uint64_t{1} << 63;
constexpr std::uint64_t kFlagsMask = std::uint64_t{0xFFFF} << 48;

constexpr std::uint32_t kDiskPageCountMax = 1 << 20;  // pages of 4 KiB: a segment is up to 4 GiB

// The shape that follows from a capacity.
struct IndexShape {
    std::uint32_t block_count_max;
    std::uint32_t bucket_count;
    std::uint32_t probe_bucket_count_max;
    std::uint64_t entries_offset_bytes;
    std::uint64_t seals_offset_bytes;
    std::uint64_t range_bytes;

    explicit constexpr IndexShape(std::uint32_t capacity)
        : block_count_max(capacity),
          bucket_count((capacity + kBlocksPerBucket - 1) / kBlocksPerBucket),
          probe_bucket_count_max(bucket_count < kProbeBucketCountMax ? bucket_count
                                                                     : kProbeBucketCountMax),
          entries_offset_bytes(kIndexPageBytes +
                               whole_pages(std::uint64_t{bucket_count} * sizeof(IndexBucket))),
          seals_offset_bytes(entries_offset_bytes +
                             whole_pages(std::uint64_t{capacity} * sizeof(IndexEntry))),
          range_bytes(seals_offset_bytes +
                      whole_pages(std::uint64_t{capacity} * sizeof(IndexSeal))) {}

 private:
    static constexpr std::uint64_t whole_pages(std::uint64_t bytes) {
        return (bytes + kIndexPageBytes - 1) / kIndexPageBytes * kIndexPageBytes;
    }
};

}  // namespace bwrt::runtime
