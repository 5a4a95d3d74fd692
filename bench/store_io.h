// SPDX-License-Identifier: Apache-2.0
//
// store_io.h — the job of io_job.h done by the block store: the test file's blocks are put into a
// store on the same file system, under their offsets, and got back in waves of many, verified.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/io_job.h"
#include "bench/runtime.h"

namespace bwrt::bench {

class StoreIo {
 public:
    // Reads only.  The store lies in a folder beside the file, and is removed with this.
    StoreIo(const TestFile& file, const IoJob& shape, std::uint32_t progress,
            const char* calibration);
    ~StoreIo();
    StoreIo(const StoreIo&) = delete;
    StoreIo& operator=(const StoreIo&) = delete;

    IoResult run(const IoJob& job);

 private:
    void fill();
    [[nodiscard]] bwrt_handle submit(std::uint32_t kind, const std::uint64_t* offsets,
                                     std::uint64_t first_place);

    const TestFile& file_;
    std::uint64_t block_bytes_;
    std::uint32_t wave_block_count_;
    std::string folder_;
    std::unique_ptr<Runtime> runtime_;
    bwrt_handle memory_region_ = 0;
    std::byte* memory_ = nullptr;
    std::vector<bwrt_block> blocks_;
};

}  // namespace bwrt::bench
