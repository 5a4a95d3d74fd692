// SPDX-License-Identifier: Apache-2.0
//
// fault_table.cpp — which fault met which state how often, and which never can.

#include "tests/sim/faults.h"

namespace bwrt::sim {
namespace {

constexpr const char* kFaultNames[kFaultCount] = {
    "short", "zero",      "EIO",      "bad block", "ENOSPC",    "EINTR",   "EAGAIN",     "EINVAL",
    "lost",  "cancelled", "too late", "full",      "duplicate", "unknown", "host failed"};
constexpr const char* kStateNames[kStateCount] = {
    "plain",  "direct", "staged",   "edge",    "flush",   "contin", "repeat",
    "isolat", "parked", "stopping", "waiting", "quiesce", "closing"};

// States in which the fault cannot come, by construction.
constexpr std::uint32_t kImpossible[kFaultCount] = {
    bit(State::kFlush) | bit(State::kEdge),  // short: an edge is one block, a flush has no bytes
    bit(State::kFlush),                      // zero
    0,                                       // EIO
    bit(State::kFlush) | bit(State::kContinued),  // bad block: no count is short before one
    bit(State::kEdge),                            // ENOSPC: an edge is read
    0,                                            // EINTR
    0,                                            // EAGAIN
    bit(State::kPlain) | bit(State::kFlush),      // EINVAL: of direct I/O
    0,                                            // lost
    0,                                            // cancelled
    0,                                            // too late
    bit(State::kStopping),                        // full: a wave that stops starts nothing
    0,                                            // duplicate
    0,                                            // unknown
    // A copy is no request: it has no form but its own.
    bit(State::kDirect) | bit(State::kStaged) | bit(State::kEdge) | bit(State::kFlush) |
        bit(State::kContinued) | bit(State::kRepeated) | bit(State::kIsolated) |
        bit(State::kParked) | bit(State::kStopping)};

}  // namespace

std::uint32_t FaultTable::print() const {
    std::uint32_t empty_count = 0;
    std::printf("%-12s", "");
    for (const char* name : kStateNames) std::printf("%9s", name);
    std::printf("\n");
    for (std::uint32_t fault = 0; fault < kFaultCount; ++fault) {
        std::printf("%-12s", kFaultNames[fault]);
        for (std::uint32_t state = 0; state < kStateCount; ++state) {
            const std::uint64_t hits = hits_[fault][state];
            if ((kImpossible[fault] >> state & 1) != 0 && hits == 0) {
                std::printf("%9s", "-");
                continue;
            }
            std::printf("%9llu", static_cast<unsigned long long>(hits));
            if (hits == 0) ++empty_count;
        }
        std::printf("\n");
    }
    return empty_count;
}

}  // namespace bwrt::sim
