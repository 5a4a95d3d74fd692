// SPDX-License-Identifier: Apache-2.0
//
// raw_io.h — the reference for files: a liburing loop by hand, as well as we can write one.
//
// One thread, a ring with SINGLE_ISSUER and DEFER_TASKRUN, a registered file.  What lies behind a
// request is the choice that matters most on a virtual disk:
//
//   kFresh      4 KiB pages, physically together as far as the system gives them so
//   kOrdinary   4 KiB pages, physically scattered
//   kHugeFixed  huge pages, one registered buffer
//   kStaged     as kHugeFixed, and then copied to (or first copied from) ordinary pages

#pragma once

#include <liburing.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "bench/io_job.h"
#include "bench/memory.h"

namespace bwrt::bench {

enum class RawMemory { kFresh, kOrdinary, kHugeFixed, kStaged };

struct RawOptions {
    RawMemory memory = RawMemory::kHugeFixed;
    std::uint64_t request_bytes_max = UINT64_MAX;  // a larger block becomes several requests
    // kStaged: how much ordinary memory the blocks walk through; at least what is in flight.  A
    // copy to memory that stays in the cache is not what a caller will see.
    std::uint64_t spread_bytes = 0;
};

class RawIo {
 public:
    RawIo(const TestFile& file, const IoJob& shape, const RawOptions& options);
    ~RawIo();
    RawIo(const RawIo&) = delete;
    RawIo& operator=(const RawIo&) = delete;

    // `job` has the shape that the loop was made for.
    IoResult run(const IoJob& job);

 private:
    struct Slot {
        std::uint64_t sequence = 0;
        std::uint64_t submitted_ns = 0;
        std::uint32_t requests_left = 0;
    };

    void start(const IoJob& job, const IoPlan& plan, std::uint32_t slot_index);
    // Takes what is there; counts the blocks that are over.
    std::uint32_t reap(const IoJob& job, const IoPlan& plan, IoResult* result);
    [[nodiscard]] std::byte* ordinary_place(std::uint64_t sequence) const;

    const TestFile& file_;
    const RawOptions options_;
    const std::uint64_t block_bytes_;
    const std::uint64_t request_bytes_;
    std::unique_ptr<Memory> fixed_;     // one place a slot
    std::unique_ptr<Memory> ordinary_;  // one place a slot; kStaged: walked through
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_slots_;
    io_uring ring_ = {};
};

}  // namespace bwrt::bench
