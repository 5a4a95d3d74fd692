// SPDX-License-Identifier: Apache-2.0
//
// segment_places.h — where in a store's files a block's bytes lie, for who changes them there.

#pragma once

#include "tests/blocks/block_world.h"

namespace bwrt::test {

inline const char* const kShard = "s/shards/0";

inline std::vector<std::string> segments() {
    std::vector<std::string> paths;
    for (const auto& file : std::filesystem::directory_iterator(kShard)) {
        if (file.path().filename().string().rfind("segment.", 0) == 0) {
            paths.push_back(file.path().string());
        }
    }
    std::sort(paths.begin(), paths.end());
    return paths;
}

struct Place {
    std::string path;
    std::uint64_t offset = 0;
};

inline bool holds_at(int fd, std::uint64_t unit, const std::string& expected) {
    char word[8];
    const auto at = static_cast<off_t>(unit);
    if (pread(fd, word, sizeof word, at) != sizeof word) return false;
    if (std::memcmp(word, expected.data(), sizeof word) != 0) return false;
    std::string found(expected.size(), '\0');
    return pread(fd, found.data(), found.size(), at) == static_cast<ssize_t>(found.size()) &&
           found == expected;
}

// Where the bytes of a block of eight or more lie.
inline Place place_of(const Key& key, std::uint64_t length = kLength) {
    std::string expected(length, '\0');
    fill_block(reinterpret_cast<unsigned char*>(expected.data()), key, length);
    for (const std::string& path : segments()) {
        const std::uint64_t bytes = std::filesystem::file_size(path);
        const int fd = open(path.c_str(), O_RDONLY);
        std::uint64_t unit = 0;
        while (unit + length <= bytes && !holds_at(fd, unit, expected)) unit += 4096;
        close(fd);
        if (unit + length <= bytes) return {path, unit};
    }
    return {};
}

inline void overwrite(const Place& place, std::uint64_t at, const void* bytes, std::size_t length) {
    const int fd = open(place.path.c_str(), O_RDWR);
    assert_true(fd >= 0);
    const auto offset = static_cast<off_t>(place.offset + at);
    const ssize_t written = pwrite(fd, bytes, length, offset);
    close(fd);
    assert_int_equal(written, length);
}

inline void flip(const Place& place, std::uint64_t at, unsigned bit) {
    std::ifstream file(place.path, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(place.offset + at));
    char byte = 0;
    file.read(&byte, 1);
    byte = static_cast<char>(byte ^ (1 << bit));
    overwrite(place, at, &byte, 1);
}

}  // namespace bwrt::test
