// SPDX-License-Identifier: Apache-2.0
//
// index_world.h — an index in memory of its own, and keys, fields and seals made from a number.

#pragma once

#include <cstring>
#include <vector>

#include "runtime/memory.h"
#include "runtime/store/index.h"
#include "tests/support/random.h"

namespace bwrt::test {

using namespace bwrt::runtime;

constexpr std::uint64_t kSeed = 0x1234'5678'9ABC'DEF0;

inline IndexKey key_of(std::uint64_t number) {
    IndexKey key = {};
    for (std::size_t i = 0; i < sizeof key.identity; i += 8) {
        const std::uint64_t word = (number + 1) * 0x9E37'79B9'7F4A'7C15 ^ i;
        std::memcpy(key.identity + i, &word, 8);
    }
    key.part = static_cast<std::uint32_t>(number % 5);
    key.tenant = static_cast<std::uint16_t>(number % 3);
    return key;
}

// Every field tells the number.
inline BlockFields fields_of(std::uint64_t number, std::uint16_t flags = kInHost) {
    BlockFields fields = {};
    fields.length_bytes = static_cast<std::uint32_t>(number);
    fields.host_place = ~static_cast<std::uint32_t>(number);
    fields.disk_page = static_cast<std::uint32_t>(number % kDiskPageCountMax);
    fields.disk_segment = static_cast<std::uint16_t>(number % 7);
    fields.flags = flags;
    return fields;
}

inline BlockSeal seal_of(std::uint64_t number) { return {number * 0x1'0000'0001, ~number}; }

inline bool are_equal(const BlockFields& a, const BlockFields& b) {
    return a.length_bytes == b.length_bytes && a.host_place == b.host_place &&
           a.disk_page == b.disk_page && a.disk_segment == b.disk_segment && a.flags == b.flags;
}

inline bool are_equal(const BlockSeal& a, const BlockSeal& b) {
    return a.layout_digest == b.layout_digest && a.root_checksum == b.root_checksum;
}

inline bool are_equal(const IndexKey& a, const IndexKey& b) {
    return std::memcmp(a.identity, b.identity, sizeof a.identity) == 0 && a.part == b.part &&
           a.tenant == b.tenant;
}

inline std::vector<std::uint32_t> blocks_of(const IndexWriter& writer, std::uint16_t segment) {
    std::vector<std::uint32_t> entries;
    for (std::uint32_t entry = writer.first_of_segment(segment); entry != kNoEntry;
         entry = writer.next_of_segment(entry)) {
        entries.push_back(entry);
    }
    return entries;
}

struct IndexWorld {
    explicit IndexWorld(std::uint32_t block_count_max)
        : range(Mapping::table(IndexWriter::range_bytes(block_count_max))),
          writer(range.address(), block_count_max, kSeed) {}

    std::uint32_t insert(std::uint64_t number, std::uint16_t flags = kInHost) {
        std::uint32_t entry = kNoEntry;
        const auto inserted =
            writer.insert(key_of(number), fields_of(number, flags), seal_of(number), &entry);
        return inserted == IndexWriter::Inserted::kNew ? entry : kNoEntry;
    }
    [[nodiscard]] BlockAnswer find(std::uint64_t number) const {
        return writer.reader().find(key_of(number));
    }
    // Whether the block is there with exactly the fields and the seal of its number.
    [[nodiscard]] bool has(std::uint64_t number, std::uint16_t flags = kInHost) const {
        BlockSeal seal = {};
        const BlockAnswer answer = writer.reader().find(key_of(number), &seal);
        return answer.found == Found::kHit && are_equal(answer.fields, fields_of(number, flags)) &&
               are_equal(seal, seal_of(number));
    }
    [[nodiscard]] bool misses(std::uint64_t number) const {
        return find(number).found == Found::kMiss;
    }

    // The first `count` numbers whose keys begin at this bucket.
    [[nodiscard]] std::vector<std::uint64_t> numbers_at(std::uint32_t bucket,
                                                        std::size_t count) const {
        std::vector<std::uint64_t> numbers;
        for (std::uint64_t number = 0; numbers.size() < count; ++number) {
            if (writer.home_of(key_of(number)) == bucket) numbers.push_back(number);
        }
        return numbers;
    }

    [[nodiscard]] std::vector<std::byte> bytes() const {
        return {range.as<std::byte>(), range.as<std::byte>() + range.length_bytes()};
    }
    [[nodiscard]] IndexBucket* buckets() const {
        return reinterpret_cast<IndexBucket*>(range.as<std::byte>() + kIndexPageBytes);
    }
    [[nodiscard]] IndexEntry* entries() const {
        const IndexShape shape(writer.reader().block_count_max());
        return reinterpret_cast<IndexEntry*>(range.as<std::byte>() + shape.entries_offset_bytes);
    }

    Mapping range;
    IndexWriter writer;
};

}  // namespace bwrt::test
