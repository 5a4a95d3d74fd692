// SPDX-License-Identifier: Apache-2.0
//
// index_reader.cpp — looking up, in a range that others write or that is damaged.
//
// A lookup is two lines of memory that are in no cache and on no page that the processor knows:
// a bucket's and an entry's.  A single lookup waits for the one and then for the other; so a batch
// goes in groups: all buckets of a group are asked for before the first is looked at, and all
// entries before the first is compared.

#include <sched.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "runtime/futex.h"
#include "runtime/store/index.h"

namespace bwrt::runtime {
namespace {

// Hits among 10 million blocks in huge pages, bench/index.cpp on an EPYC: 68, 63, 66 and 70 ns with
// groups of 16, 32, 64 and 128.
constexpr std::size_t kGroupCount = 32;

constexpr std::uint32_t high_half(std::uint64_t word) {
    return static_cast<std::uint32_t>(word >> 32);
}

void prefetch(const void* address) noexcept { __builtin_prefetch(address, 0, 3); }

}  // namespace

// How long a call waits for a writer that is in the middle of an update: some microseconds of
// looking, then letting others run a thousand times, in which a preempted writer gets its turn.  It
// is the call's and not the key's, so that damage costs it once.
class IndexReader::Patience {
 public:
    [[nodiscard]] bool wait() noexcept {
        if (left_ == 0) return false;
        if (--left_ >= kYieldCount) {
            spin_pause();
        } else {
            sched_yield();
        }
        return true;
    }

 private:
    static constexpr std::uint32_t kSpinCount = 200;
    static constexpr std::uint32_t kYieldCount = 1000;
    std::uint32_t left_ = kSpinCount + kYieldCount;
};

const char* IndexReader::attach(const void* range, std::uint64_t length_bytes) noexcept {
    if (length_bytes < kIndexPageBytes) return "the index is shorter than its header";
    const auto* header = static_cast<const IndexHeader*>(range);
    // H2: who sees the magic sees the header that H1 was stored after.
    if (header->magic.load(std::memory_order::acquire) != kIndexMagic) {
        return "the index has no header, or is not one";
    }
    if (header->format_version != kIndexFormatVersion) {
        return "the index is of another format version";
    }
    const std::uint32_t capacity = header->block_count_max;
    if (capacity == 0 || capacity > kIndexBlockCountMax) {
        return "the index has an impossible capacity";
    }
    const IndexShape shape(capacity);
    if (header->bucket_count != shape.bucket_count || header->entry_bytes != kIndexEntryBytes ||
        header->range_bytes != shape.range_bytes) {
        return "the index has a header that contradicts itself";
    }
    if (length_bytes < shape.range_bytes) return "the index is shorter than its header says";

    const auto* bytes = static_cast<const std::byte*>(range);
    header_ = header;
    buckets_ = reinterpret_cast<const IndexBucket*>(bytes + kIndexPageBytes);
    entries_ = reinterpret_cast<const IndexEntry*>(bytes + shape.entries_offset_bytes);
    seals_ = reinterpret_cast<const IndexSeal*>(bytes + shape.seals_offset_bytes);
    shape_ = shape;
    seed_ = header->seed;
    return nullptr;
}

std::uint32_t IndexReader::block_count() const noexcept {
    return header_->block_count.load(std::memory_order::relaxed);
}

IndexReader::Probe IndexReader::probe_of(const IndexKey& key) const noexcept {
    Probe probe;
    std::memcpy(probe.identity, key.identity, sizeof key.identity);
    probe.part = key.part | std::uint64_t{key.tenant} << 32;
    static_assert(offsetof(Probe, part) == sizeof probe.identity);
    constexpr std::size_t kHashedBytes = sizeof probe.identity + sizeof probe.part;
    const std::uint64_t hash = probe.hash = XXH3_64bits_withSeed(&probe, kHashedBytes, seed_);
    // Upper half and lower half, so that a bucket's own do not share a fingerprint.
    probe.home = high_half(high_half(hash) * std::uint64_t{shape_.bucket_count});
    probe.fingerprint = static_cast<std::uint8_t>(1 + (hash & 0xFFFF) * 255 / 0x10000);
    return probe;
}

// Of the first candidate in the home bucket, which is nearly always the one.
void IndexReader::prefetch_entry(const Probe& probe, bool with_seal) const noexcept {
    const IndexBucket& bucket = buckets_[probe.home];
    const std::uint32_t slots = bucket.look().match(probe.fingerprint);
    if (slots == 0) return;
    const std::uint32_t number =
        bucket.numbers[__builtin_ctz(slots)].load(std::memory_order::relaxed);
    if (number >= shape_.block_count_max) return;
    prefetch(&entries_[number]);
    if (with_seal) prefetch(&seals_[number]);
}

// A word of another key, or no kUsedFlag, is an answer without a look at the version: the words of
// a block that is there all the time are all its own.  So only an update of the very block that
// is looked for can make a reader try again.
Found IndexReader::copy_entry(std::uint32_t number, const Probe& probe, Patience* patience,
                              BlockAnswer* answer_out, BlockSeal* seal_out) const noexcept {
    const IndexEntry& entry = entries_[number];
    for (;;) {
        const std::uint32_t version = entry.version.get();
        for (std::size_t i = 0; i < kIdentityWordCount; ++i) {
            if (entry.identity[i].get() != probe.identity[i]) return Found::kMiss;
        }
        const std::uint64_t part = entry.part.get();
        if ((part & ~kFlagsMask) != probe.part) return Found::kMiss;
        if ((part & kUsedFlag) == 0) return Found::kMiss;
        answer_out->fields = unpack(part, entry.place.get(), entry.length.get());
        answer_out->version = version;
        if (seal_out != nullptr) {
            *seal_out = {seals_[number].layout_digest.get(), seals_[number].root_checksum.get()};
        }
        if (entry.version.is_still(version)) return Found::kHit;
        if (!patience->wait()) return Found::kBusy;
    }
}

bool IndexReader::look_at(std::uint32_t number, IndexKey* key_out,
                          BlockFields* fields_out) const noexcept {
    const IndexEntry& entry = entries_[number];
    Patience patience;
    do {
        const std::uint32_t version = entry.version.get();
        const std::uint64_t part = entry.part.get();
        if ((part & kUsedFlag) == 0 && entry.version.is_still(version)) return false;
        std::uint64_t identity[kIdentityWordCount];
        for (std::size_t i = 0; i < kIdentityWordCount; ++i) identity[i] = entry.identity[i].get();
        *fields_out = unpack(part, entry.place.get(), entry.length.get());
        if (!entry.version.is_still(version)) continue;
        std::memcpy(key_out->identity, identity, sizeof key_out->identity);
        key_out->part = static_cast<std::uint32_t>(part);
        key_out->tenant = static_cast<std::uint16_t>(part >> 32);
        return true;
    } while (patience.wait());
    return false;
}

void IndexReader::search(const Probe& probe, Patience* patience, BlockAnswer* answer_out,
                         BlockSeal* seal_out) const noexcept {
    *answer_out = {};
    answer_out->entry = kNoEntry;
    std::uint32_t index = probe.home;
    for (std::uint32_t i = 0; i < shape_.probe_bucket_count_max; ++i) {
        const IndexBucket& bucket = buckets_[index];
        const IndexBucket::Look look = bucket.look();
        for (std::uint32_t slots = look.match(probe.fingerprint); slots != 0; slots &= slots - 1) {
            const std::uint32_t number =
                bucket.numbers[__builtin_ctz(slots)].load(std::memory_order::relaxed);
            if (number >= shape_.block_count_max) continue;
            const Found found = copy_entry(number, probe, patience, answer_out, seal_out);
            if (found == Found::kMiss) continue;
            answer_out->entry = number;
            answer_out->found = found;
            return;
        }
        if (look.passed_count() == 0) return;
        index = next_bucket(index);
    }
}

void IndexReader::find_many(std::span<const IndexKey> keys, BlockAnswer* answers_out,
                            BlockSeal* seals_out) const noexcept {
    Patience patience;
    Probe probes[kGroupCount];
    for (std::size_t first = 0; first < keys.size(); first += kGroupCount) {
        const std::size_t count = std::min(kGroupCount, keys.size() - first);
        for (std::size_t i = 0; i < count; ++i) {
            probes[i] = probe_of(keys[first + i]);
            prefetch(&buckets_[probes[i].home]);
        }
        for (std::size_t i = 0; i < count; ++i) prefetch_entry(probes[i], seals_out != nullptr);
        for (std::size_t i = 0; i < count; ++i) {
            BlockSeal* seal_out = seals_out == nullptr ? nullptr : &seals_out[first + i];
            search(probes[i], &patience, &answers_out[first + i], seal_out);
        }
    }
}

BlockAnswer IndexReader::find(const IndexKey& key, BlockSeal* seal_out) const noexcept {
    BlockAnswer answer;
    find_many({&key, 1}, &answer, seal_out);
    return answer;
}

}  // namespace bwrt::runtime
