// SPDX-License-Identifier: Apache-2.0
//
// life.h — what the processes of the kill test do between fork() and their end.
//
//   write_until_killed()   puts, gets and drops, several waves at a time, for ever
//   check_all()            asks for every block there may be and compares what it gets
//
// Through the public header alone, and in a child: what they find wrong they say in the oracle, and
// end.

#pragma once

#include <cstdint>

#include "tests/crash/oracle.h"

namespace bwrt::crash {

struct Scene {
    const char* directory;
    std::uint64_t disk_bytes;
    // Blocks are dropped before the store has to evict any: then all that it has said to have is
    // there.  Else it evicts all the time.
    bool keeps_all;
};

// What differs from life to life.
struct Dice {
    std::uint64_t seed;
    std::uint32_t storage;   // BWRT_STORAGE_*
    std::uint32_t progress;  // BWRT_PROGRESS_*
    bool has_host_tier;
};

// Never returns but for a failure, which the oracle has.
void write_until_killed(const Scene& scene, const Dice& dice, const Blocks& blocks, Oracle* oracle);

// `closes`: as a process that ends well; else it is simply gone.
void check_all(const Scene& scene, const Dice& dice, const Blocks& blocks, bool closes,
               Oracle* oracle);

}  // namespace bwrt::crash
