// SPDX-License-Identifier: Apache-2.0
//
// memory.h — anonymous memory of a stated kind of page, touched, on 2 MiB bounds.
//
//   kHuge      huge pages, as far as the system has them
//   kOwn       4 KiB pages as the system gives them, in a region that the runtime allocates
//   kFresh     4 KiB pages touched in order: a system with much free memory gives neighbours, and
//              the device sees few segments
//   kOrdinary  4 KiB pages touched in random order: the device sees a segment for every page, as
//              in the memory of a caller that has run for a while
//
// The last two say so even where the system makes huge pages by itself.

#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "bench/measure.h"

namespace bwrt::bench {

constexpr std::uint64_t kPageBytes = 4096;

enum class Pages { kHuge, kOwn, kFresh, kOrdinary };

class Memory {
 public:
    Memory(std::uint64_t length_bytes, Pages pages)
        : length_bytes_((length_bytes + kHugeBytes - 1) / kHugeBytes * kHugeBytes) {
        mapped_ = mmap(nullptr, length_bytes_ + kHugeBytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapped_ == MAP_FAILED) fail_system("memory for the benchmark", errno);
        const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(mapped_);
        data_ = static_cast<std::byte*>(mapped_) + (kHugeBytes - address % kHugeBytes);
        madvise(data_, length_bytes_, pages == Pages::kHuge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
        touch(pages == Pages::kOrdinary);
    }
    ~Memory() { munmap(mapped_, length_bytes_ + kHugeBytes); }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;

    [[nodiscard]] std::byte* data() const { return data_; }
    [[nodiscard]] std::uint64_t length_bytes() const { return length_bytes_; }  // of whole 2 MiB

 private:
    void touch(bool in_random_order) {
        std::vector<std::uint64_t> offsets(length_bytes_ / kPageBytes);
        for (std::size_t i = 0; i < offsets.size(); ++i) offsets[i] = i * kPageBytes;
        if (in_random_order) std::shuffle(offsets.begin(), offsets.end(), std::mt19937_64(1));
        for (const std::uint64_t offset : offsets) std::memset(data_ + offset, 0, kPageBytes);
    }

    static constexpr std::uint64_t kHugeBytes = std::uint64_t{2} << 20;

    std::uint64_t length_bytes_;
    void* mapped_ = nullptr;
    std::byte* data_ = nullptr;
};

}  // namespace bwrt::bench
