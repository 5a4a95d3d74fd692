// SPDX-License-Identifier: Apache-2.0
//
// planted_store.h — a store with blocks in it, written by a few plain calls: what a writer leaves
// behind, byte for byte, for those who look at it.

#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runtime/store/inspect.h"
#include "runtime/store/tenant.h"

namespace bwrt::test {

using namespace bwrt::runtime;

inline void must(bool done) {
    if (!done) std::abort();
}

// What a block of that seed holds, its name if it has no other.
inline std::vector<std::uint8_t> payload_of(std::uint32_t seed, std::uint32_t length_bytes) {
    std::vector<std::uint8_t> bytes(length_bytes);
    std::uint64_t word = seed * 0x9E3779B97F4A7C15u + 1;
    for (std::uint8_t& byte : bytes) {
        word = word * 6364136223846793005u + 1442695040888963407u;
        byte = static_cast<std::uint8_t>(word >> 56);
    }
    return bytes;
}

class PlantedStore {
 public:
    explicit PlantedStore(const std::vector<std::string>& paths,
                          std::uint64_t segment_bytes = 1 << 20, const char* shard_name = "0")
        : segment_bytes_(segment_bytes) {
        for (const std::string& path : paths) {
            const auto number = static_cast<std::uint32_t>(roots_.size());
            StoreRoot root;
            must(open_root(path.c_str(), number, number == 0 ? nullptr : roots_.data(),
                           Access::kCreate, &root, {}) == BWRT_OK);
            roots_.push_back(std::move(root));
            shards_.emplace_back();
            must(open_shard(roots_[number], shard_name, Access::kCreate, number == 0,
                            &shards_[number], {}) == BWRT_OK);
        }
        next_log();
    }

    [[nodiscard]] TenantKeys tenant(std::uint64_t number) const {
        std::uint8_t secret[kSecretBytes];
        if (number == 0) {
            std::memcpy(secret, roots_[0].superblock.secret, sizeof secret);
        } else {
            std::memset(secret, static_cast<int>(number), sizeof secret);
        }
        return {number, secret};
    }

    void begin_segment(std::uint32_t segment) {
        Record record = {};
        record.kind = RecordKind::kSegment;
        record.segment = segment;
        record.generation = ++generations_[segment];
        used_[segment] = 0;
        std::erase_if(live_, [&](const auto& one) { return one.second.segment == segment; });
        must(ftruncate(file_of(segment).fd(), static_cast<off_t>(segment_bytes_)) == 0);
        say(&record);
    }

    // The block at the end of what the segment has, and its record behind it.
    Record put(const TenantKeys& keys, std::uint32_t name, std::uint32_t length_bytes,
               std::uint32_t segment, const Record* parent = nullptr, std::uint32_t part = 0) {
        return put_bytes_of(name, keys, name, length_bytes, segment, parent, part);
    }
    Record put_bytes_of(std::uint32_t seed, const TenantKeys& keys, std::uint32_t name,
                        std::uint32_t length_bytes, std::uint32_t segment,
                        const Record* parent = nullptr, std::uint32_t part = 0) {
        std::vector<std::uint8_t>& payload = payloads_[{seed, length_bytes}];
        if (payload.empty()) payload = payload_of(seed, length_bytes);
        Record record = {};
        record.kind = RecordKind::kStored;
        record.key.space = keys.space();
        std::memcpy(record.key.identity, &name, sizeof name);
        record.key.identity[31] = 1;
        record.key.part = part;
        record.length_bytes = length_bytes;
        record.layout_digest = name * 77u;
        record.segment = segment;
        record.generation = generations_[segment];
        record.offset_bytes = used_[segment];
        record.stored_s = 1700000000;
        if (parent != nullptr) {
            std::memcpy(record.parent_identity, parent->key.identity, kIdentityBytes);
            record.parent_part = parent->key.part;
        }
        write_place(keys, payload, &record);
        keys.put_tag(&record);
        used_[segment] += place_bytes(length_bytes);
        say(&record);
        live_[name] = record;
        return record;
    }
    [[nodiscard]] bool has_room(std::uint32_t segment, std::uint32_t length_bytes) {
        return used_[segment] + place_bytes(length_bytes) <= segment_bytes_;
    }

    void remove(const Record& block) {
        Record record = {};
        record.kind = RecordKind::kRemoved;
        record.key = block.key;
        say(&record);
        std::erase_if(live_, [&](const auto& one) { return one.second.key == block.key; });
    }

    // What there is, in a log of its own.
    void next_log() {
        OpenFile file;
        must(create_log(shards_[0], roots_[0].superblock, ++log_number_, segment_bytes_, &file,
                        &end_, {}) == BWRT_OK);
        log_ = std::move(file);
        Record record = {};
        for (const auto& [segment, generation] : generations_) {
            record.kind = RecordKind::kSegment;
            record.segment = segment;
            record.generation = generation;
            say(&record);
        }
        for (auto& [name, block] : live_) say(&block);
        record = {};
        record.kind = RecordKind::kSnapshotEnd;
        say(&record);
        bool counts = false;
        must(publish_log(shards_[0], log_number_, &counts, {}) == BWRT_OK && counts);
    }

    void say(Record* record) {
        const auto offset = static_cast<off_t>(end_.offset_bytes());
        end_.put(record);
        must(pwrite(log_.fd(), record, sizeof *record, offset) == sizeof *record);
    }

    [[nodiscard]] const std::map<std::uint32_t, Record>& live() const { return live_; }
    [[nodiscard]] const LogEnd& end() const { return end_; }
    [[nodiscard]] const Shard& shard() const { return shards_[0]; }
    [[nodiscard]] const Superblock& superblock() const { return roots_[0].superblock; }

 private:
    OpenFile file_of(std::uint32_t segment) {
        char name[24];
        std::snprintf(name, sizeof name, "segment.%08x", segment);
        return open_beneath(shards_[Segments::directory_of(segment)].directory.fd(), name,
                            O_RDWR | O_CREAT);
    }

    // Payload and sums; the record gets their root.
    void write_place(const TenantKeys& keys, const std::vector<std::uint8_t>& payload,
                     Record* record) {
        const std::uint64_t seed =
            block_seed(record->key, record->length_bytes, record->layout_digest, keys.seed());
        std::vector<std::uint64_t> sums(chunk_count(payload.size()));
        for (std::uint32_t i = 0; i < sums.size(); ++i) {
            const std::size_t at = std::size_t{i} * kChunkBytes;
            sums[i] = chunk_sum(kXxh3Sse2, payload.data() + at,
                                std::min<std::size_t>(payload.size() - at, kChunkBytes), seed, i);
        }
        record->root =
            root_of(kXxh3Sse2, sums.data(), static_cast<std::uint32_t>(sums.size()), seed);
        std::vector<std::uint8_t> place(place_bytes(record->length_bytes));
        std::memcpy(place.data(), payload.data(), payload.size());
        if (sums.size() > 1) {
            std::memcpy(place.data() + payload_bytes_on_disk(record->length_bytes), sums.data(),
                        sums.size() * sizeof sums[0]);
        }
        must(write_at(file_of(record->segment).fd(), place.data(), place.size(),
                      record->offset_bytes));
    }

    std::uint64_t segment_bytes_;
    std::vector<StoreRoot> roots_;
    std::vector<Shard> shards_;
    std::uint64_t log_number_ = 2;
    OpenFile log_;
    LogEnd end_;
    std::map<std::uint32_t, std::uint64_t> generations_, used_;  // by segment
    std::map<std::uint32_t, Record> live_;                       // by name
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<std::uint8_t>> payloads_;
};

// Two tenants, blocks of one chunk and of several, a segment that was reclaimed, a block that moved
// and one that was removed; of a second directory one, too.
inline void plant_blocks(PlantedStore* store, bool second_directory) {
    const TenantKeys own = store->tenant(0), other = store->tenant(7);
    store->begin_segment(0);
    store->begin_segment(1);
    const Record first = store->put(own, 1, 100, 0);
    const Record second = store->put(own, 2, 65536, 0, &first);
    const Record third = store->put(own, 3, 200000, 0, &second);
    store->put(own, 4, 200000, 0, &third);
    store->put(other, 5, 70000, 0);
    store->put(own, 6, 5000, 1);
    store->put(own, 7, 65536, 1);
    store->remove(store->put(own, 10, 4096, 0));
    store->put(own, 6, 5000, 0);
    store->begin_segment(1);
    store->put(own, 8, 300000, 1, nullptr, 3);
    store->put(other, 9, 4096, 1);
    if (!second_directory) return;
    store->begin_segment(Segments::kCountMax);
    store->put(own, 11, 65537, Segments::kCountMax);
}

}  // namespace bwrt::test
