// SPDX-License-Identifier: Apache-2.0
//
// test_file.h — the file that the I/O benchmarks read and write.
//
// It is new (an existing file is refused), allocated and filled, for reads of holes and of
// unwritten extents never reach the device, and removed at every way out, Ctrl-C included: the
// signal sets a flag, the loops look at it, and the destructor unlinks.  Its bytes do not compress,
// and each page begins with a word that is a function of its offset, so that a benchmark can tell
// the right bytes from any others by looking at one word.

#pragma once

#include <cstdint>
#include <string>

#include "bench/memory.h"

namespace bwrt::bench {

// What stands at the start of the page at this offset.
[[nodiscard]] constexpr std::uint64_t page_word(std::uint64_t offset_bytes) {
    return (offset_bytes + 1) * 0x9E3779B97F4A7C15u;
}

// SIGINT, SIGTERM and SIGHUP set a flag from now on.
void catch_signals();
// Throws when the flag is set.
void throw_if_interrupted();

enum class Cache { kPast, kThrough };

class TestFile {
 public:
    // `place` is a folder, in which the file gets a name of its own, or the file's name.  Through
    // the page cache it is in it afterwards, as far as memory goes.
    TestFile(const std::string& place, std::uint64_t length_bytes, Cache cache = Cache::kPast);
    ~TestFile();
    TestFile(const TestFile&) = delete;
    TestFile& operator=(const TestFile&) = delete;

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::uint64_t length_bytes() const { return length_bytes_; }
    // O_DIRECT for Cache::kPast, where the file system can.
    [[nodiscard]] int fd() const { return fd_; }
    [[nodiscard]] bool direct() const { return direct_; }

 private:
    void fill();

    std::string path_;
    std::uint64_t length_bytes_;
    int fd_ = -1;
    bool direct_ = false;
};

}  // namespace bwrt::bench
