// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/recovery.h"

#include <algorithm>
#include <cstring>

namespace bwrt::runtime {

// A process has a handful of tenants.
std::uint16_t Spaces::find(std::uint64_t space) const noexcept {
    const auto found = std::find(spaces_.begin(), spaces_.end(), space);
    return found == spaces_.end() ? kNone : static_cast<std::uint16_t>(found - spaces_.begin());
}

std::uint16_t Spaces::number_of(std::uint64_t space) {
    const std::uint16_t known = find(space);
    if (known != kNone || spaces_.size() == kNone) return known;
    spaces_.push_back(space);
    return static_cast<std::uint16_t>(spaces_.size() - 1);
}

SpaceNumbers::SpaceNumbers(const Spaces& spaces) {
    numbers_.reserve(spaces.count());
    for (std::size_t i = 0; i < spaces.count(); ++i) {
        const auto number = static_cast<std::uint16_t>(i);
        numbers_.emplace_back(spaces.space_of(number), number);
    }
    std::sort(numbers_.begin(), numbers_.end());
}

std::uint16_t SpaceNumbers::number_of(std::uint64_t space) const noexcept {
    const auto found =
        std::lower_bound(numbers_.begin(), numbers_.end(), std::make_pair(space, std::uint16_t{0}));
    return found != numbers_.end() && found->first == space ? found->second : Spaces::kNone;
}

void Recovery::restart() noexcept {
    segments_.for_each([this](std::uint32_t segment) { begin_segment(segment, 0); });
    counts_ = {};
    budget_ = {};
    if (losses_ != nullptr) losses_->clear();
}

void Recovery::begin_segment(std::uint32_t segment, std::uint64_t generation) noexcept {
    const auto number = static_cast<std::uint16_t>(segment);
    while (index_.first_of_segment(number) != kNoEntry) forget(index_.first_of_segment(number));
    segments_.restore_generation(segment, generation);
}

void Recovery::lose_segment(std::uint32_t segment) noexcept {
    const std::uint32_t before = index_.block_count();
    begin_segment(segment, segments_.generation_of(segment));
    if (losses_ != nullptr) losses_->put_file_missing(segment, before - index_.block_count());
}

void Recovery::take(const Record& record) noexcept {
    ++counts_.records;
    IndexKey key;
    switch (record.kind) {
        case RecordKind::kStored:
            store(record);
            break;
        case RecordKind::kRemoved:
            if (losses_ != nullptr) losses_->remove(record.key);
            if (key_of(record.key.space, record.key.identity, record.key.part, &key)) {
                const std::uint32_t entry = index_.find(key);
                if (entry != kNoEntry) forget(entry);
            }
            break;
        case RecordKind::kSegment:
            if (segments_.exists(record.segment)) {
                begin_segment(record.segment, record.generation);
            } else if (losses_ != nullptr) {
                losses_->begin_segment(record.segment, record.generation);
            }
            break;
        case RecordKind::kBudget:
            budget_ = {record.budget_left_bytes, record.stored_s};
            break;
        case RecordKind::kSnapshotEnd:
        case RecordKind::kOpened:
            break;  // the log's own
    }
}

bool Recovery::key_of(std::uint64_t space, const std::uint8_t* identity, std::uint32_t part,
                      IndexKey* key_out) noexcept {
    std::memcpy(key_out->identity, identity, sizeof key_out->identity);
    key_out->part = part;
    key_out->tenant = spaces_.number_of(space);
    return key_out->tenant != Spaces::kNone;
}

bool Recovery::is_place(const Record& record) const noexcept {
    if (record.length_bytes == 0 || !segments_.exists(record.segment) ||
        record.offset_bytes % kUnitBytes != 0) {
        return false;
    }
    const std::uint64_t bytes = place_bytes(record.length_bytes);
    return bytes <= segments_.segment_bytes() &&
           record.offset_bytes <= segments_.segment_bytes() - bytes;
}

std::uint32_t Recovery::parent_of(const Record& record) noexcept {
    constexpr std::uint8_t kRoot[kIdentityBytes] = {};
    IndexKey key;
    if (std::memcmp(record.parent_identity, kRoot, sizeof kRoot) == 0 ||
        !key_of(record.key.space, record.parent_identity, record.parent_part, &key)) {
        return kNoEntry;
    }
    return index_.find(key);
}

void Recovery::store(const Record& record) noexcept {
    if (losses_ != nullptr) losses_->remove(record.key);
    if (!is_place(record)) {
        ++counts_.no_place;
        if (losses_ != nullptr && !segments_.exists(record.segment)) losses_->put(record);
        return;
    }
    if (record.generation != segments_.generation_of(record.segment)) {
        ++counts_.reclaimed;
        return;
    }
    IndexKey key;
    if (!key_of(record.key.space, record.key.identity, record.key.part, &key)) {
        ++counts_.no_room;
        return;
    }
    // It may have moved, or be another block of the same name, stored after the first was removed.
    const std::uint32_t before = index_.find(key);
    if (before != kNoEntry) forget(before);
    const BlockFields fields = {record.length_bytes, 0,
                                static_cast<std::uint32_t>(record.offset_bytes / kUnitBytes),
                                static_cast<std::uint16_t>(record.segment), kOnDisk | kFound};
    std::uint32_t entry = kNoEntry;
    if (index_.insert(key, fields, {record.layout_digest, record.root}, &entry) !=
        IndexWriter::Inserted::kNew) {
        ++counts_.no_room;
        if (losses_ != nullptr) losses_->put(record);
        return;
    }
    segments_.restore_block({record.segment, record.offset_bytes},
                            place_bytes(record.length_bytes));
    if (observer_ != nullptr) observer_->block_found(entry, parent_of(record), record);
}

void Recovery::forget(std::uint32_t entry) noexcept {
    const BlockFields fields = index_.fields_of(entry);
    if (observer_ != nullptr) observer_->block_gone(entry);
    segments_.release(fields.disk_segment, place_bytes(fields.length_bytes));
    index_.erase(entry);
}

}  // namespace bwrt::runtime
