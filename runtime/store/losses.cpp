// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/losses.h"

#include <new>

#include "runtime/store/xxh3.h"

namespace bwrt::runtime {
namespace {

void add(const std::string& sentence, std::string* sentences) {
    if (!sentences->empty()) *sentences += "; ";
    *sentences += sentence;
}

std::string blocks(std::uint64_t count) {
    return std::to_string(count) + (count == 1 ? " block" : " blocks");
}

}  // namespace

std::uint64_t Losses::name_of(const BlockKey& key) noexcept {
    return xxh3().hash(key.identity, sizeof key.identity,
                       key.space ^ std::uint64_t{key.part} << 32);
}

void Losses::clear() noexcept {
    blocks_.clear();
    generations_.clear();
    for (std::uint64_t& count : file_missing_) count = 0;
}

void Losses::put(const Record& record) noexcept try {
    blocks_[name_of(record.key)] = {record.segment, record.generation};
} catch (const std::bad_alloc&) {
}

void Losses::begin_segment(std::uint32_t segment, std::uint64_t generation) noexcept try {
    generations_[segment] = generation;
} catch (const std::bad_alloc&) {
}

std::string Losses::sentences(const Segments& segments) const {
    std::uint64_t in_directory[Segments::kDirectoryCountMax] = {};
    std::uint64_t beyond_count = 0, no_room_count = 0;
    for (const auto& [name, place] : blocks_) {
        const std::uint32_t directory = Segments::directory_of(place.segment);
        if (directory >= Segments::kDirectoryCountMax) continue;  // no place that there ever was
        if (segments.exists(place.segment)) {
            if (segments.generation_of(place.segment) == place.generation) ++no_room_count;
            continue;
        }
        const auto begun = generations_.find(place.segment);
        const std::uint64_t generation = begun != generations_.end() ? begun->second : 0;
        if (generation != place.generation) continue;
        ++(directory < segments.directory_count() ? beyond_count : in_directory[directory]);
    }
    std::string said;
    if (beyond_count != 0) {
        add("disk_bytes is less than it was: it leaves " + blocks(beyond_count) + " of the log out",
            &said);
    }
    if (no_room_count != 0) {
        add("block_count_max is less than it was: there is no room for " + blocks(no_room_count),
            &said);
    }
    for (std::uint32_t i = 0; i < Segments::kDirectoryCountMax; ++i) {
        const std::string directory = "directory " + std::to_string(i);
        if (in_directory[i] != 0) {
            add(directory + " was not given: " + blocks(in_directory[i]) + " in it", &said);
        }
        if (file_missing_[i] != 0) {
            add(directory + " has no files of the segments with " + blocks(file_missing_[i]),
                &said);
        }
    }
    return said;
}

}  // namespace bwrt::runtime
