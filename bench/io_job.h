// SPDX-License-Identifier: Apache-2.0
//
// io_job.h — what all contestants of an I/O benchmark are asked to do, and what they say of it.
//
// (Where blocks come in runs, the runs do, and the blocks of a run follow each other.)
//
// For a stated time, keep `depth` requests of block_bytes in flight at random places of a file.
// The places are those of block-aligned random access without repeats: a permutation of all blocks,
// and again from its front when it is through.  Nothing is started after the time; what runs is
// waited for, and the clock with it.
//
// Bytes are checked by sample, one block in kSampleInterval, at its first and at its last page: of
// a read against what the file holds, of a write by reading it back after the clock has stopped.  A
// writer stamps those two pages of every block it writes.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/measure.h"
#include "bench/test_file.h"

namespace bwrt::bench {

enum class Direction { kRead, kWrite };

struct IoJob {
    Direction direction = Direction::kRead;
    std::uint64_t block_bytes = 0;
    std::uint32_t depth = 0;  // blocks in flight
    std::uint64_t duration_ns = 0;
    std::uint32_t seed = 0;
    bool latencies = false;        // keep one of each block: submit to done
    std::uint32_t run_blocks = 1;  // blocks that follow each other: a prefix stored together
};

struct IoResult {
    std::uint64_t bytes = 0;
    std::uint64_t wall_ns = 0;
    std::uint64_t cpu_ns = 0;
    Samples latencies_ns;

    [[nodiscard]] double gb_per_s() const {
        return static_cast<double>(bytes) / static_cast<double>(wall_ns);
    }
    [[nodiscard]] double cpu_ms_per_gb() const {
        return 1e3 * static_cast<double>(cpu_ns) / static_cast<double>(bytes);
    }
};

// The blocks of one job in the order they are asked for, and the look at what became of them.
class IoPlan {
 public:
    IoPlan(const TestFile& file, const IoJob& job);

    // Sequence numbers run from 0; the places repeat after a whole pass.
    [[nodiscard]] std::uint64_t offset_bytes(std::uint64_t sequence) const {
        return offsets_[sequence % offsets_.size()];
    }
    // Before block `sequence` is written from `block`.
    void stamp(std::uint64_t sequence, std::byte* block) const;
    // After it was read to `block`.  Throws when a sampled block is not what the file holds.
    void check(std::uint64_t sequence, const std::byte* block) const;
    // After a job that wrote block_count blocks.
    void check_written(const TestFile& file, std::uint64_t block_count) const;

 private:
    static constexpr std::uint64_t kSampleInterval = 32;

    [[nodiscard]] std::uint64_t word(std::uint64_t offset_bytes) const;
    void compare(std::uint64_t offset_bytes, const std::byte* block) const;

    std::uint64_t block_bytes_;
    std::uint64_t salt_;  // of what is written: 0 for reads
    std::vector<std::uint64_t> offsets_;
};

}  // namespace bwrt::bench
