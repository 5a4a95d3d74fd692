// SPDX-License-Identifier: Apache-2.0
//
// overhead_own.h — what bwrt's software costs, with no device to hide it: submissions of tiny
// copies, and reads of a file that lies in the page cache.
//
// The file is HotReads::kBlockCount blocks of 4 KiB; block i of a read lands in place i of a region
// of bwrt's own.  Sampled blocks are compared with the file after the clock has stopped.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/runtime.h"
#include "bench/test_file.h"

namespace bwrt::bench {

// Process CPU and wall time of one call.
struct Cost {
    double cpu_ns;
    double wall_ns;
};
template <typename Body>
Cost cost_of(Body&& body) {
    const std::uint64_t cpu_before = cpu_ns(), before = now_ns();
    body();
    const std::uint64_t after = now_ns();
    return {static_cast<double>(cpu_ns() - cpu_before), static_cast<double>(after - before)};
}

// Blocks in runs of `run`, the runs in random order.
[[nodiscard]] std::vector<std::uint32_t> scattered_blocks(std::uint32_t run, std::uint32_t seed);
// Throws when a sampled block does not lie where it should.
void check_blocks(const std::vector<std::uint32_t>& blocks, const std::byte* memory);

class HotReads {
 public:
    static constexpr std::uint32_t kBlockBytes = 4096;
    static constexpr std::uint32_t kBlockCount = 65536;
    static constexpr std::uint64_t kFileBytes = std::uint64_t{kBlockBytes} * kBlockCount;

    HotReads(const TestFile& file, std::uint32_t progress);

    void read_one(std::uint32_t block);
    void read_indexed(const std::vector<std::uint32_t>& blocks);  // one operation
    void read_flat(const std::vector<std::uint32_t>& blocks);     // as many as blocks
    [[nodiscard]] const std::byte* memory() const { return memory_; }
    [[nodiscard]] Runtime* runtime() { return &runtime_; }

 private:
    Runtime runtime_;
    std::byte* memory_ = nullptr;
    bwrt_handle file_ = 0;
    bwrt_handle region_ = 0;
    bwrt_handle file_slots_ = 0;
    bwrt_handle memory_slots_ = 0;
    std::vector<std::uint32_t> places_;
    std::vector<bwrt_operation> operations_;
};

struct SubmissionShape {
    std::uint32_t thread_count;
    std::uint32_t region_count;
    bool deadline;
    std::uint32_t wave_count = 20000;  // of each thread
};
struct SubmissionCost {
    double p50_ns;  // of bwrt_submit_wave, a clock read included
    double p99_ns;
    double cpu_ns;  // of the process, a wave, submit to waited for
};
// One 64-byte copy a wave, the executor awake on another core: each wave is waited for, spinning,
// before the next.
[[nodiscard]] SubmissionCost submission_cost(Runtime* runtime, const SubmissionShape& shape);

// How long the submission of one indexed copy of 2,048 slots x 160 planes takes, once a round.
[[nodiscard]] Samples large_submission_us(Runtime* runtime, std::uint32_t round_count);

// How long a word takes from one thread to another and back, both spinning.  A wave's lines make
// the same way, so this is what a submission to another core is to be seen beside.
[[nodiscard]] double line_round_trip_ns();

[[nodiscard]] double clock_read_ns();

}  // namespace bwrt::bench
