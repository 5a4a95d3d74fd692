// SPDX-License-Identifier: Apache-2.0
//
// bwrt_io.h — the same job through bwrt, in the ways an engine would keep requests in flight.
//
//   kQueued   `depth` waves of one block; ended ones are taken from the event fd's queue and
//             replaced at once
//   kBatched  two waves of many blocks, the older waited for and replaced, so that there is
//             always a next block; the runtime's own queue depth keeps `depth` of them in flight
//   kSingle   one wave of one block, waited for: for depth 1
//
// Memory is bwrt's own (huge pages, a fixed buffer) or ordinary pages of the caller.

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "bench/io_job.h"
#include "bench/memory.h"
#include "bench/runtime.h"

namespace bwrt::bench {

enum class Waves { kQueued, kBatched, kSingle };

struct BwrtOptions {
    std::uint32_t progress = BWRT_PROGRESS_THREAD;
    Waves waves = Waves::kQueued;
    Pages memory = Pages::kHuge;        // kHuge, kOwn: an ALLOCATED region
    std::uint32_t io_bytes_max = 0;     // 0: the library's default
    const char* calibration = nullptr;  // path of a table; borrowed
};

// bwrt's queue_depth for the job's depth: the reference's counts blocks, and a block larger than
// one request (0: than the default) is several.
[[nodiscard]] std::uint32_t request_count(const IoJob& shape, std::uint64_t io_bytes_max);

// Of which there are two.  Long enough that a wave's own cost is that of a few blocks; 32 MiB at
// least, no less than two waves need to keep the depth, and no block of the file twice.
[[nodiscard]] std::uint32_t blocks_per_wave(const TestFile& file, const IoJob& shape);

class BwrtIo {
 public:
    BwrtIo(const TestFile& file, const IoJob& shape, const BwrtOptions& options);

    // `job` has the shape that this was made for.
    IoResult run(const IoJob& job);

 private:
    std::uint64_t run_queued(const IoJob& job, const IoPlan& plan, std::uint64_t end_ns,
                             IoResult* result);
    std::uint64_t run_batched(const IoJob& job, const IoPlan& plan, std::uint64_t end_ns);
    std::uint64_t run_single(const IoJob& job, const IoPlan& plan, std::uint64_t end_ns,
                             IoResult* result);
    std::uint64_t run_waves(const IoJob& job, const IoPlan& plan, std::uint64_t end_ns,
                            IoResult* result);
    [[nodiscard]] bwrt_operation operation(const IoJob& job, const IoPlan& plan,
                                           std::uint64_t sequence, std::uint64_t place) const;

    const TestFile& file_;
    const BwrtOptions options_;
    const std::uint64_t block_bytes_;
    std::uint32_t wave_block_count_;  // kBatched
    std::uint64_t place_count_;
    std::unique_ptr<Memory> ordinary_;
    Runtime runtime_;
    bwrt_handle file_region_ = 0;
    bwrt_handle memory_region_ = 0;
    std::byte* memory_ = nullptr;
    int event_fd_ = -1;
};

}  // namespace bwrt::bench
