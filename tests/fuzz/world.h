// SPDX-License-Identifier: Apache-2.0
//
// world.h — the memory and the files that the calls are about, and what every byte of them ought
// to be.
//
//   arena   [ no access | canary | 128 KiB for HOST regions and process memory | canary | no access
//   ] files   one reached through the page cache, one past it; each [ pattern | end, room to grow ]
//   spaces  of ALLOCATED regions: taken when one is added, free when it is released
//   folder  for stores, whose contents are not looked at here (oracle.h)
//
// The harness is a lawful caller: it never names memory that is not there, and while a wave has
// bytes no other wave gets them.  So before a wave is submitted its operations are expanded into
// pieces and the pieces claimed: a byte has one writer, or readers.  What an operation means is
// worked out here from the sentences of bwrt.h and from nothing of the library's.
//
// All of it is the harness's and guarded by Machine::mutex.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bwrt.h"

namespace bwrt::fuzz {

// Says what was found wrong, and stops the process: a finding.
[[noreturn]] void found(const char* format, ...) __attribute__((format(printf, 1, 2)));

struct Space {
    bool is_file = false;
    bool is_direct = false;
    bool is_used = false;  // of those for ALLOCATED regions
    bool is_dirty = false;
    int fd = -1;
    std::byte* actual = nullptr;      // of memory; null when it was released
    std::uint64_t tracked_bytes = 0;  // what is further is not looked at
    std::uint64_t length_bytes = 0;   // FILE: that it may have at most
    std::vector<std::byte> value;
    std::vector<std::uint8_t> is_known;
    std::vector<std::uint16_t> writer;  // a wave's id, 0: none
    std::vector<std::uint16_t> readers;

    void make(std::uint64_t bytes);
    // Bytes of [first, first + count) that are tracked.
    [[nodiscard]] std::uint64_t tracked(std::uint64_t first, std::uint64_t count) const;
    [[nodiscard]] bool is_claimed() const;
};

// `length_bytes` of an entry in a group; a SIGNAL's has no source, a block's one side is the store,
// and a GEMM's are either read or made.
struct Piece {
    Space* source = nullptr;
    std::uint64_t source_first = 0;
    Space* target = nullptr;
    std::uint64_t target_first = 0;
    std::uint64_t length_bytes = 0;
    std::uint32_t entry = 0;
    std::uint32_t group = 0;
    bool in_store = false;
    bool in_gemm = false;
    std::uint64_t image_first = 0;  // of a block's piece, in its block

    [[nodiscard]] bool is_signal() const { return source == nullptr && !in_store && !in_gemm; }
    // That completions tell of.
    [[nodiscard]] std::uint64_t counted_bytes() const {
        return is_signal() || (in_gemm && target == nullptr) ? 0 : length_bytes;
    }
};

class World {
 public:
    static constexpr std::uint64_t kArenaBytes = 128 << 10;
    static constexpr std::uint64_t kCanaryBytes = 4096;
    static constexpr std::uint64_t kFileBytes = (128 << 10) + 1234;  // at the start
    static constexpr std::uint64_t kFileTrackedBytes = 160 << 10;
    static constexpr std::uint64_t kAllocatedBytesMax = 24 << 10;

    World();
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // As at the start; every wave of an earlier program is over.
    void reset();

    [[nodiscard]] std::byte* arena() { return memory.actual + kCanaryBytes; }
    [[nodiscard]] bool is_in_arena(std::uint64_t address) const;
    // A free one for an ALLOCATED region, or null.
    Space* take_space(std::byte* actual, std::uint64_t bytes);

    // All or nothing; false when another wave, or the wave itself, has one of the bytes.
    static bool claim(const std::vector<Piece>& pieces, std::uint16_t wave);
    static void unclaim(const Piece& piece);
    // The target's bytes, as far as they are tracked, are the source's.  For memory this is looked
    // at here; of a file it is said at the end.
    static void expect_moved(const Piece& piece, std::uint16_t wave);
    // The target's bytes may be anything, once.
    static void believe(const Piece& piece);
    // Bytes that no wave may be writing are what they ought to be.
    static void check_memory(const Space& space, const char* name);
    void check_files();
    // The file ends at `length_bytes` from now on; false while a wave is about to use what is
    // beyond.
    bool cut_file(std::uint64_t length_bytes);
    // Where stores may lie, which have no blocks at the start of an input.
    const std::string& store_folder();

    Space memory;
    Space files[2];  // through the page cache, past it
    Space allocated[4];
    int odd_fds[4];  // of what is no file

 private:
    std::byte* mapping_ = nullptr;
    std::string store_folder_;
    bool is_store_folder_used_ = false;
    std::vector<std::byte> pristine_[3];  // the arena, the direct file, the buffered one
};

}  // namespace bwrt::fuzz
