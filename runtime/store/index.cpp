// SPDX-License-Identifier: Apache-2.0
//
// index.cpp — the one that writes.
//
// Readers come in between any two stores here, so the order of a change is chosen for them: an
// entry is whole before a bucket names it, and the buckets on the way to it count it before that,
// too.  What is taken back, is taken back in the other order.
//
// The blocks of a segment form a list, doubly linked so that one of them can leave it in the
// middle:
//
//   first_of_[segment] ─▶ entry.own_link ─▶ ... ─▶ 0          links are numbers + 1
//     of the last one ◀─ low bits of entry.place ◀─ ...
//
// The first one's way back leads to the last, behind which the next one comes.
//
// The way back shares a word with the place, which has 28 bits to spare; readers mask it off, so
// it may change beneath them without a version.

#include "runtime/store/index.h"

#include <cstring>

#include "runtime/check.h"

namespace bwrt::runtime {
namespace {

constexpr std::uint64_t kPreviousMask = (std::uint64_t{1} << 28) - 1;
static_assert(kIndexBlockCountMax <= kPreviousMask);  // as a number + 1
static_assert(std::uint64_t{kDiskPageCountMax} << 28 == std::uint64_t{1} << 48);

std::uint32_t previous_of(const IndexEntry& entry) {
    return static_cast<std::uint32_t>(entry.place.own() & kPreviousMask);
}

void set_previous(IndexEntry* entry, std::uint32_t link) {
    entry->place.set((entry->place.own() & ~kPreviousMask) | link);
}

std::uint16_t segment_of(const IndexEntry& entry) {
    return static_cast<std::uint16_t>(entry.place.own() >> 48);
}

bool is_on_disk(const IndexEntry& entry) { return (entry.part.own() >> 48 & kOnDisk) != 0; }

}  // namespace

IndexWriter::IndexWriter(void* range, std::uint32_t block_count_max, std::uint64_t seed)
    : header_(static_cast<IndexHeader*>(range)), first_of_(std::size_t{1} << 16) {
    BWRT_CHECK(block_count_max > 0);
    BWRT_CHECK(block_count_max <= kIndexBlockCountMax);
    BWRT_CHECK(reinterpret_cast<std::uintptr_t>(range) % alignof(IndexBucket) == 0);
    BWRT_CHECK(header_->magic.load(std::memory_order::relaxed) == 0);

    const IndexShape shape(block_count_max);
    header_->format_version = kIndexFormatVersion;
    header_->block_count_max = block_count_max;
    header_->bucket_count = shape.bucket_count;
    header_->entry_bytes = kIndexEntryBytes;
    header_->range_bytes = shape.range_bytes;
    header_->seed = seed;
    header_->magic.store(kIndexMagic, std::memory_order::release);  // H1

    auto* bytes = static_cast<std::byte*>(range);
    buckets_ = reinterpret_cast<IndexBucket*>(bytes + kIndexPageBytes);
    entries_ = reinterpret_cast<IndexEntry*>(bytes + shape.entries_offset_bytes);
    seals_ = reinterpret_cast<IndexSeal*>(bytes + shape.seals_offset_bytes);
    const char* refused = reader_.attach(range, shape.range_bytes);
    BWRT_CHECK(refused == nullptr);
}

IndexWriter::Inserted IndexWriter::insert(const IndexKey& key, const BlockFields& fields,
                                          const BlockSeal& seal,
                                          std::uint32_t* entry_out) noexcept {
    const std::uint32_t present = find(key);
    if (present != kNoEntry) {
        *entry_out = present;
        return Inserted::kPresent;
    }
    const IndexReader::Probe probe = reader_.probe_of(key);
    std::uint32_t bucket = 0, slot = 0;
    if (block_count_ == reader_.block_count_max()) return Inserted::kFull;
    if (!find_room(probe.home, &bucket, &slot)) return Inserted::kFull;

    const std::uint32_t number = take_free();
    IndexEntry& entry = entries_[number];
    entry.version.begin();
    for (std::size_t i = 0; i < kIdentityWordCount; ++i) entry.identity[i].set(probe.identity[i]);
    set_fields(number, probe.part, fields, &seal);
    entry.version.end();
    pass(probe.home, bucket, 1);
    buckets_[bucket].numbers[slot].store(number, std::memory_order::relaxed);
    buckets_[bucket].set_fingerprint(slot, probe.fingerprint);

    if (is_on_disk(entry)) link(number, fields.disk_segment);
    set_block_count(block_count_ + 1);
    *entry_out = number;
    return Inserted::kNew;
}

std::uint32_t IndexWriter::find(const IndexKey& key) const noexcept {
    return reader_.find(key).entry;
}

bool IndexWriter::is_used(std::uint32_t entry) const noexcept {
    return entry < fresh_ && (entries_[entry].part.own() & kUsedFlag) != 0;
}

IndexKey IndexWriter::key_of(std::uint32_t number) const noexcept {
    const IndexEntry& entry = used(number);
    std::uint64_t identity[kIdentityWordCount];
    for (std::size_t i = 0; i < kIdentityWordCount; ++i) identity[i] = entry.identity[i].own();
    IndexKey key = {};
    std::memcpy(key.identity, identity, sizeof key.identity);
    key.part = static_cast<std::uint32_t>(entry.part.own());
    key.tenant = static_cast<std::uint16_t>(entry.part.own() >> 32);
    return key;
}

BlockFields IndexWriter::fields_of(std::uint32_t number) const noexcept {
    const IndexEntry& entry = used(number);
    return unpack(entry.part.own(), entry.place.own(), entry.length.own());
}

BlockSeal IndexWriter::seal_of(std::uint32_t number) const noexcept {
    (void)used(number);
    return {seals_[number].layout_digest.own(), seals_[number].root_checksum.own()};
}

void IndexWriter::update(std::uint32_t number, const BlockFields& fields,
                         const BlockSeal* seal) noexcept {
    IndexEntry& entry = used(number);
    const bool stays = is_on_disk(entry) && (fields.flags & kOnDisk) != 0 &&
                       segment_of(entry) == fields.disk_segment;
    if (is_on_disk(entry) && !stays) unlink(number);
    entry.version.begin();
    set_fields(number, entry.part.own() & ~kFlagsMask, fields, seal);
    entry.version.end();
    if (is_on_disk(entry) && !stays) link(number, fields.disk_segment);
}

void IndexWriter::erase(std::uint32_t number) noexcept {
    IndexEntry& entry = used(number);
    const std::uint32_t home = home_of(key_of(number));
    std::uint32_t bucket = 0, slot = 0;
    find_slot(home, number, &bucket, &slot);
    if (is_on_disk(entry)) unlink(number);

    buckets_[bucket].set_fingerprint(slot, 0);
    pass(home, bucket, -1);
    entry.version.begin();
    entry.part.set(0);
    entry.version.end();

    entry.own_link = free_;
    free_ = number + 1;
    set_block_count(block_count_ - 1);
}

std::uint32_t IndexWriter::first_of_segment(std::uint16_t segment) const noexcept {
    return first_of_[segment] - 1;  // of 0, kNoEntry
}

std::uint32_t IndexWriter::next_of_segment(std::uint32_t number) const noexcept {
    const IndexEntry& entry = used(number);
    BWRT_CHECK(is_on_disk(entry));
    return entry.own_link - 1;
}

std::uint32_t IndexWriter::home_of(const IndexKey& key) const noexcept {
    return reader_.probe_of(key).home;
}

IndexEntry& IndexWriter::used(std::uint32_t number) const noexcept {
    BWRT_CHECK(number < fresh_);
    IndexEntry& entry = entries_[number];
    BWRT_CHECK((entry.part.own() & kUsedFlag) != 0);
    return entry;
}

bool IndexWriter::find_room(std::uint32_t home, std::uint32_t* bucket_out,
                            std::uint32_t* slot_out) const noexcept {
    std::uint32_t bucket = home;
    for (std::uint32_t i = 0; i < reader_.shape_.probe_bucket_count_max; ++i) {
        const std::uint32_t slots = buckets_[bucket].look().match(0);
        if (slots != 0) {
            *bucket_out = bucket;
            *slot_out = static_cast<std::uint32_t>(__builtin_ctz(slots));
            return true;
        }
        bucket = reader_.next_bucket(bucket);
    }
    return false;
}

// Of an entry in use, which some bucket within reach names.  What lies before it on its way was in
// use when it came, by others, so that no old copy of its number can be met first.
void IndexWriter::find_slot(std::uint32_t home, std::uint32_t number, std::uint32_t* bucket_out,
                            std::uint32_t* slot_out) const noexcept {
    std::uint32_t bucket = home;
    for (std::uint32_t i = 0;; ++i) {
        BWRT_CHECK(i < reader_.shape_.probe_bucket_count_max);
        for (std::uint32_t slot = 0; slot < kSlotCount; ++slot) {
            if (buckets_[bucket].numbers[slot].load(std::memory_order::relaxed) != number) continue;
            *bucket_out = bucket;
            *slot_out = slot;
            return;
        }
        bucket = reader_.next_bucket(bucket);
    }
}

// Every bucket from home up to `bucket` has been full once and was gone past.
void IndexWriter::pass(std::uint32_t home, std::uint32_t bucket, std::int32_t count) noexcept {
    for (std::uint32_t at = home; at != bucket; at = reader_.next_bucket(at)) {
        buckets_[at].add_passed(count);
    }
}

void IndexWriter::set_fields(std::uint32_t number, std::uint64_t part, const BlockFields& fields,
                             const BlockSeal* seal) noexcept {
    BWRT_CHECK((fields.flags & ~kBlockFlagsMask) == 0);
    BWRT_CHECK(fields.disk_page < kDiskPageCountMax);
    IndexEntry& entry = entries_[number];
    entry.part.set(part | std::uint64_t{fields.flags} << 48 | kUsedFlag);
    entry.place.set(std::uint64_t{fields.disk_segment} << 48 |
                    std::uint64_t{fields.disk_page} << 28 | (entry.place.own() & kPreviousMask));
    entry.length.set(fields.length_bytes | std::uint64_t{fields.host_place} << 32);
    if (seal == nullptr) return;
    seals_[number].layout_digest.set(seal->layout_digest);
    seals_[number].root_checksum.set(seal->root_checksum);
}

// Of an index that is not full.  What was freed last is in the cache; what was never used costs a
// page.
std::uint32_t IndexWriter::take_free() noexcept {
    if (free_ == 0) return fresh_++;
    const std::uint32_t number = free_ - 1;
    free_ = entries_[number].own_link;
    return number;
}

void IndexWriter::set_block_count(std::uint32_t count) noexcept {
    block_count_ = count;
    header_->block_count.store(count, std::memory_order::relaxed);
}

// The one before the first is the last.
void IndexWriter::link(std::uint32_t number, std::uint16_t segment) noexcept {
    const std::uint32_t first = first_of_[segment];
    entries_[number].own_link = 0;
    if (first == 0) {
        first_of_[segment] = number + 1;
        set_previous(&entries_[number], number + 1);
        return;
    }
    const std::uint32_t last = previous_of(entries_[first - 1]);
    entries_[last - 1].own_link = number + 1;
    set_previous(&entries_[number], last);
    set_previous(&entries_[first - 1], number + 1);
}

void IndexWriter::unlink(std::uint32_t number) noexcept {
    IndexEntry& entry = entries_[number];
    const std::uint32_t next = entry.own_link;
    const std::uint32_t previous = previous_of(entry);
    std::uint32_t& first = first_of_[segment_of(entry)];
    if (first == number + 1) {
        first = next;
    } else {
        entries_[previous - 1].own_link = next;
    }
    if (next != 0) {
        set_previous(&entries_[next - 1], previous);
    } else if (first != 0) {
        set_previous(&entries_[first - 1], previous);
    }
    set_previous(&entry, 0);
}

}  // namespace bwrt::runtime
