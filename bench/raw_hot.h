// SPDX-License-Identifier: Apache-2.0
//
// raw_hot.h — the reference for cached reads: a liburing loop by hand, as well as we can write one.
//
// Registered file, registered buffer of huge pages, SINGLE_ISSUER and DEFER_TASKRUN, a registered
// ring, depth 128, as many requests to a system call as there is room for.

#pragma once

#include <liburing.h>

#include <cstdint>
#include <vector>

#include "bench/memory.h"
#include "bench/test_file.h"

namespace bwrt::bench {

class RawHotReads {
 public:
    explicit RawHotReads(const TestFile& file);
    ~RawHotReads() { io_uring_queue_exit(&ring_); }
    RawHotReads(const RawHotReads&) = delete;
    RawHotReads& operator=(const RawHotReads&) = delete;

    // Reads blocks[i] of the file to place i, `run` of them in one request.
    void read(const std::vector<std::uint32_t>& blocks, std::uint32_t run);
    [[nodiscard]] const std::byte* memory() const { return memory_.data(); }

 private:
    Memory memory_;
    io_uring ring_ = {};
};

}  // namespace bwrt::bench
