// SPDX-License-Identifier: Apache-2.0
//
// play.h — the processes whose files are recorded, and the look at what a power cut left of those.
//
//   lives, one after the other, on one folder; each is killed at a call, or ends ──▶ tape
//   tape ──PowerCuts──▶ a folder as it may be ──▶ survey(): opened, every block asked for
//
// The store never has to evict: what was durable is there, unless it was dropped.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/crash/blocks.h"
#include "tests/crash/recorder.h"
#include "tests/support/random.h"

namespace bwrt::crash {

// Of ordinary chains, then of fillers: one long block each, which lies mostly in zeros.
constexpr std::uint32_t kCutChainCount = 96;
constexpr std::uint32_t kFillerCount = 24;
constexpr std::uint32_t kCutBytesMax = 70'000;  // of ordinary ones
constexpr std::uint32_t kFillerBytes = 2u << 20;
constexpr std::uint32_t kCutKeyCount = (kCutChainCount + kFillerCount) * kChainBlocks;

enum class Plot : std::uint8_t {
    kFew,      // some blocks, and all that opening a store does
    kCarried,  // segments are filled, emptied and filled again: what is alive in them is carried
    kRecords,  // so many records that the log is written anew
};

// What of blocks may be found, and what must be.
struct Expected {
    using Keys = std::vector<bool>;
    Keys may = Keys(kCutKeyCount);
    Keys must = Keys(kCutKeyCount);         // whatever was lost
    Keys must_unlost = Keys(kCutKeyCount);  // where nothing was: after a kill
    Keys may_be_bad = Keys(kCutKeyCount);   // even so: a cut before was not as kind, or it was
                                            // dropped, and no record says so yet

    // As it is at that time of the tape.
    void hear(const Tape& tape, std::uint64_t when);
    // Of a store after a cut that lost something.
    void forget();
};

// One life in the folder that we are in, at most `step_count` waves long: `before` is what was
// known when the tape began.  In a child of its own; never returns.
[[noreturn]] void play(Plot plot, std::uint64_t seed, std::uint32_t step_count,
                       const Blocks& blocks, const Expected& before, Tape* tape);

struct Findings {
    std::uint64_t equal = 0, absent = 0, corrupt = 0, unreadable = 0, refused = 0;
};

struct Look {
    bool at_fillers;  // for which there is most to read, and of which nothing must be there
    bool goes_on;     // and some blocks are put anew
    bool is_unlost;   // nothing that was done is missing
};

// Opens the store in the folder that we are in, and asks for every block.  False: *what_out says
// what was wrong.
[[nodiscard]] bool survey(const Blocks& blocks, const Expected& expected, const Look& look,
                          Findings* findings, std::string* what_out);

}  // namespace bwrt::crash
