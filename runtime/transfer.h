// SPDX-License-Identifier: Apache-2.0
//
// transfer.h — one request to a storage backend, and what it stands for.
//
// A transfer is a contiguous range of one file and the pieces (accounts) that lie in it, in file
// order.  Its table entry lives from being built to being resolved, over as many system calls as
// it takes: continued after a short count, repeated after EINTR, taken apart piece by piece after
// an error, so that one bad piece fails and its neighbours do not.
//
//   file      [ account 0 | account 1 | account 2 ... ]     contiguous
//   memory     anywhere     anywhere    anywhere
//              └──────── window: what is asked for now ────────┘   all, or one account
//
// Unaligned direct I/O goes through staging: the aligned range around the window is read into a
// staging buffer and the exact bytes copied out; for a write the edge blocks are read first,
// the bytes put between them, and the aligned range written.

#pragma once

#include <sys/uio.h>

#include <cstdint>

#include "runtime/backend/backend.h"
#include "runtime/counters.h"
#include "runtime/wave.h"

namespace bwrt::runtime {

constexpr std::uint32_t kAccountCountMax = kIovecCountMax;

struct Account {
    Operation* operation;
    std::uint64_t address;  // in memory
    std::uint32_t entry;
    std::uint32_t group;
    std::uint32_t bytes;
    std::uint32_t memory_region;  // slot
};

struct Transfer {
    enum class Step : std::uint8_t { kHeadEdge, kTailEdge, kMove };

    Wave* wave;
    Region* region;        // of the file
    std::uint64_t offset;  // of account 0 in the file
    std::uint64_t started_ns;
    std::uint32_t bytes;
    std::uint32_t account_count;
    std::uint32_t tag;  // number of the request << 12 | place in the table
    IoKind kind;
    Route route;
    Step step;
    bool in_backend;  // a request with our tag is out
    bool direct;
    bool staged;
    bool isolated;   // the window is one account at a time
    bool has_edges;  // edge blocks locked

    // The window, and how far it is.
    std::uint32_t window_first;
    std::uint32_t window_count;
    std::uint64_t window_offset;
    std::uint32_t window_bytes;
    std::uint32_t window_done;

    // Staged: the aligned range, and how far the backend is in it.
    std::uint32_t staging;  // buffer index, kNoIndex: none
    std::uint32_t staged_bytes;
    std::uint32_t staged_done;
    std::uint64_t staged_offset;

    Transfer* next;  // free, parked or landed

    Account accounts[kAccountCountMax];
    iovec iovecs[kIovecCountMax];
};

}  // namespace bwrt::runtime
