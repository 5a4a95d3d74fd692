// SPDX-License-Identifier: Apache-2.0
//
// block_image.cpp — images of blocks that nobody filled: a sum is made of who the block is, nothing
// is read or written, and what was read is right.

#include "runtime/store/block_image.h"

#include <algorithm>

#include "runtime/store/checksum.h"

namespace bwrt::runtime {

std::uint64_t sum_chunk(const BlockImage& image, std::uint32_t chunk, const void* /*chunk_bytes*/,
                        std::uint32_t /*count*/) noexcept {
    return chunk_seed(image.seed, chunk);
}

std::uint64_t close_image(const BlockImage& image, std::uint32_t /*summed_bytes*/,
                          std::uint64_t /*last_sum*/) noexcept {
    return chunk_seed(image.seed, 0);
}

// In as many slices as the real one takes, so that what is between them happens likewise.
Verified verify_slice(const BlockImage& image, std::uint64_t root, std::uint32_t bytes_max,
                      std::uint32_t* done_bytes) noexcept {
    if (root != chunk_seed(image.seed, 0)) return Verified::kWrong;
    for (std::uint32_t bytes = 0; *done_bytes < image.length_bytes && bytes < bytes_max;) {
        const std::uint32_t count = std::min(kChunkBytes, image.length_bytes - *done_bytes);
        *done_bytes += count;
        bytes += count;
    }
    return *done_bytes == image.length_bytes ? Verified::kRight : Verified::kMore;
}

}  // namespace bwrt::runtime
