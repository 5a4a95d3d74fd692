// SPDX-License-Identifier: Apache-2.0
//
// io_job.cpp — see io_job.h.

#include "bench/io_job.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>

#include "bench/memory.h"

namespace bwrt::bench {

IoPlan::IoPlan(const TestFile& file, const IoJob& job)
    : block_bytes_(job.block_bytes),
      salt_(job.direction == Direction::kWrite ? job.seed * 2654435761u + 1 : 0),
      offsets_(file.length_bytes() / job.block_bytes) {
    if (offsets_.size() < job.depth)
        throw Failure("E_INVAL", "the file holds fewer blocks than are in flight");
    std::vector<std::uint64_t> runs(offsets_.size() / job.run_blocks);
    for (std::size_t i = 0; i < runs.size(); ++i) runs[i] = i * job.run_blocks;
    std::shuffle(runs.begin(), runs.end(), std::mt19937(job.seed));
    offsets_.resize(runs.size() * job.run_blocks);
    for (std::size_t i = 0; i < offsets_.size(); ++i) {
        offsets_[i] = (runs[i / job.run_blocks] + i % job.run_blocks) * block_bytes_;
    }
}

std::uint64_t IoPlan::word(std::uint64_t offset_bytes) const {
    return page_word(offset_bytes) ^ salt_;
}

void IoPlan::stamp(std::uint64_t sequence, std::byte* block) const {
    const std::uint64_t last = block_bytes_ - kPageBytes;
    const std::uint64_t words[2] = {word(offset_bytes(sequence)),
                                    word(offset_bytes(sequence) + last)};
    std::memcpy(block, &words[0], sizeof words[0]);
    std::memcpy(block + last, &words[1], sizeof words[1]);
}

void IoPlan::check(std::uint64_t sequence, const std::byte* block) const {
    if (sequence % kSampleInterval == 0) compare(offset_bytes(sequence), block);
}

void IoPlan::compare(std::uint64_t offset_bytes, const std::byte* block) const {
    const std::uint64_t last = block_bytes_ - kPageBytes;
    std::uint64_t words[2];
    std::memcpy(&words[0], block, sizeof words[0]);
    std::memcpy(&words[1], block + last, sizeof words[1]);
    if (words[0] == word(offset_bytes) && words[1] == word(offset_bytes + last)) return;
    throw Failure("E_CORRUPT", "wrong bytes in the block at " + std::to_string(offset_bytes));
}

void IoPlan::check_written(const TestFile& file, std::uint64_t block_count) const {
    constexpr std::uint64_t kCheckedCount = 16;
    const Memory memory(block_bytes_, Pages::kHuge);
    const std::uint64_t distinct = std::min<std::uint64_t>(block_count, offsets_.size());
    const std::uint64_t step = std::max<std::uint64_t>(distinct / kCheckedCount, 1);
    for (std::uint64_t i = 0; i < distinct; i += step) {
        const ssize_t got =
            pread(file.fd(), memory.data(), block_bytes_, static_cast<off_t>(offset_bytes(i)));
        if (got != static_cast<ssize_t>(block_bytes_)) {
            fail_system(file.path(), got < 0 ? errno : EIO);
        }
        compare(offset_bytes(i), memory.data());
    }
}

}  // namespace bwrt::bench
