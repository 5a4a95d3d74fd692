// SPDX-License-Identifier: Apache-2.0
//
// oracle.h — what processes that were killed had been told, kept by one that was not.
//
// Memory shared by fork(): what a process has stored there stays when SIGKILL takes it between any
// two instructions.  So an attempt is noted before it is submitted, and what it came to as soon as
// the completion is had; nothing of it depends on a file, or on the store.
//
// One writer at a time; the parent looks when that is dead and waited for.  The atomics are only
// for looking while it lives.

#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstdint>

#include "tests/crash/blocks.h"
#include "tests/crash/child.h"

namespace bwrt::crash {

constexpr std::uint32_t kChainCount = 2048;
constexpr std::uint32_t kKeyCount = kChainCount * kChainBlocks;

constexpr std::uint32_t key_of(std::uint32_t chain, std::uint32_t position) noexcept {
    return chain * kChainBlocks + position;
}

// What may be found of a block, where nothing is evicted.
enum class Told : std::uint8_t {
    kNothing,    // it was never put: not there
    kAttempted,  // a PUT may have been on its way: there or not
    kInMemory,   // stored, and not yet on the disk: there or not
    kOnDisk,     // stored: there
    kDropping,   // there or not
    kDropped,    // and the record of that may not be written yet: there or not
    kUnsure,     // as it was when a process died then; or there, and its place another's by now
    kGone,       // what was stored later is in the log, so this is, too: not there
};

enum class Phase : std::uint32_t { kBorn, kOpening, kRunning, kClosing };

struct Oracle : Accusation {
    std::atomic<Phase> phase;
    std::atomic<std::uint32_t> put_count_out;  // waves with a PUT, submitted and not completed
    std::atomic<std::uint64_t> open_ns;        // that the last one took

    // Of all lives.
    std::uint64_t put_count, durable_count, get_count, drop_count, miss_count, refused_count;
    std::uint64_t corrupt_count, gone_corrupt_count, returned_count, absent_count, equal_count;
    std::uint64_t evicted_count, carried_bytes, written_bytes, recovered_count;
    bwrt_store_counters before;  // of this life, as last sampled

    std::atomic<Told> told[kKeyCount];
};

// Zeros: nothing was told.  Null when there is no memory.
inline Oracle* make_oracle() {
    void* memory =
        mmap(nullptr, sizeof(Oracle), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<Oracle*>(memory);
}

inline void free_oracle(Oracle* oracle) { munmap(oracle, sizeof *oracle); }

}  // namespace bwrt::crash
