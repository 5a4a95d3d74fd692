// SPDX-License-Identifier: Apache-2.0
//
// recorder.h — all that a process does to the files below a folder, in order, with its bytes.
//
//   library ──pwrite, fdatasync, renameat ..──▶ recorder.cpp ──▶ the real folder
//                                                   └──▶ tape (shared memory)
//
// The executable defines these functions itself, so that the library's calls come here; the real
// ones are made by their numbers.  (The ring's writes would not come here: the pool is for this.)
// Reads pass by.  The tape is shared by fork(): it is the parent's when a recorded process is dead,
// and goes on in the next one.
//
// Calls are carried out one at a time, so that the tape's order is that of their effects and no
// call is half done when the process is killed, which it does itself, at a call of the parent's
// choice.  Time is a count: of the beginnings and ends of calls, and of what the caller of the
// library was told.  A flush covers what had ended when it was called; how long it then had to wait
// for its turn does not help it.
//
// Writes are kept by sectors, and those of zeros take no room.

#pragma once

#include <atomic>
#include <cstdint>

namespace bwrt::crash {

constexpr std::uint32_t kSectorBytes = 512;
constexpr std::uint32_t kNoObject = 0xFFFFFFFF;

enum class Call : std::uint8_t {
    kMakeDirectory,  // of a new object
    kCreate,         // of a new object
    kLink,           // of an object
    kRename,
    kUnlink,
    kTruncate,  // to length_bytes
    kExtend,    // to length_bytes at least
    kWrite,
    kFlush,  // of a file or a directory
};

struct TapedCall {
    Call call;
    std::uint32_t directory;  // of entries: where the name is
    std::uint32_t object;     // else: of which file or directory
    char name[48];
    char new_name[48];  // kRename
    std::uint64_t offset_bytes;
    std::uint64_t length_bytes;
    std::uint64_t begun, ended;  // when
    std::uint64_t first_sector;  // kWrite: in Tape::sectors, one for each sector that it touches
};

enum class Said : std::uint8_t {
    kAttempted,  // a PUT is submitted
    kStored,     // one was completed, and was not there before
    kDurable,    // one with DURABLE was completed
    kDropping,   // a DROP is submitted
    kEvicted,    // something was: from now on anything may be
};

struct TapedWord {
    Said said;
    std::uint32_t key;
    std::uint64_t when;
};

struct Tape {
    static constexpr std::uint32_t kCallCountMax = 1u << 16;
    static constexpr std::uint32_t kWordCountMax = 1u << 18;
    static constexpr std::uint32_t kObjectCountMax = 1u << 10;
    static constexpr std::uint64_t kSectorCountMax = 1u << 24;  // touched
    static constexpr std::uint64_t kStoredCountMax = 1u << 20;  // not all zeros

    std::atomic<std::uint64_t> now;
    std::atomic<std::uint32_t> lock;
    std::atomic<std::uint64_t> ends_at;  // the process kills itself then
    std::uint32_t call_count;
    std::atomic<std::uint32_t> word_count;
    std::uint32_t object_count;
    std::uint64_t sector_count, stored_count;
    std::uint64_t carried_bytes;  // as the store counts them
    bool is_full;

    std::uint64_t inodes[kObjectCountMax];  // of objects; the latest one with a number is meant
    TapedCall calls[kCallCountMax];
    TapedWord words[kWordCountMax];
    std::uint32_t sectors[kSectorCountMax];  // 0: zeros; else a place in stored[], from 1
    unsigned char stored[kStoredCountMax + 1][kSectorBytes];

    void begin_anew() noexcept;
    void say(Said said, std::uint32_t key) noexcept;  // one thread of one process at a time
};

// Null when there is no memory.  Never given back.
Tape* make_tape();

// From now on, in this process: with null nothing is recorded.
void record_on(Tape* tape) noexcept;

// Ends the process between two calls, whatever its threads are at.
[[noreturn]] void vanish(Tape* tape) noexcept;

}  // namespace bwrt::crash
