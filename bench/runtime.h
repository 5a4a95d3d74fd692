// SPDX-License-Identifier: Apache-2.0
//
// runtime.h — a bwrt runtime and its regions, as a program of its users has them.  A refused call
// throws a Failure with the library's sentence.

#pragma once

#include <bwrt.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bwrt::bench {

class Runtime {
 public:
    explicit Runtime(const bwrt_config& config);  // struct_size is set here
    ~Runtime();
    Runtime(const Runtime&) = delete;
    Runtime& operator=(const Runtime&) = delete;

    [[nodiscard]] bwrt_runtime* get() const { return runtime_; }

    // Past the page cache when `direct`, as far as the file system can.
    bwrt_handle add_file(int fd, bool direct);
    // Huge pages, touched.
    bwrt_handle add_allocated(std::uint64_t length_bytes, std::byte** address_out,
                              bool huge_pages = true);
    bwrt_handle add_host(std::byte* address, std::uint64_t length_bytes);
    bwrt_handle add_layout(const std::vector<bwrt_plane>& planes, std::uint32_t slot_count,
                           std::uint64_t block_bytes);
    // One plane, packed: slot i is block i of the region.
    bwrt_handle add_block_layout(bwrt_handle region, std::uint32_t slot_count,
                                 std::uint64_t block_bytes);
    void release(bwrt_handle handle);

    bwrt_handle submit(const bwrt_operation* operations, std::uint32_t count,
                       std::uint32_t delivery = BWRT_DELIVER_WAIT, std::uint64_t user_data = 0);
    // Waits for a wave, and throws unless it did what it was asked for.
    void finish(bwrt_handle wave);

 private:
    bwrt_handle add(bwrt_region region, std::byte** address_out);

    bwrt_runtime* runtime_ = nullptr;
};

// Throws what the library said.
void must(bwrt_status status, const bwrt_error& error);
// Throws unless the wave did what it was asked for.
void must(const bwrt_completion& completion);

}  // namespace bwrt::bench
