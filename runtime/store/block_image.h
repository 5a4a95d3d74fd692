// SPDX-License-Identifier: Apache-2.0
//
// block_image.h — a block in memory as it lies on the disk (memory_places.h): summed chunk by chunk
// while it is filled, closed when it is full, and verified, slice by slice, when it was read.
//
//   [ payload | zeros ]                            of one chunk: its sum is the root
//   [ payload | zeros ][ sums | zeros ]            of several
//
// Nobody else looks at the bytes of a block in the store's memory.  So a world in which none are
// moved has these functions otherwise (runtime/model/block_image.cpp), and all else as it is.

#pragma once

#include <cstddef>
#include <cstdint>

namespace bwrt::runtime {

enum class Verified : std::uint8_t {
    kMore,   // right as far as it was looked at
    kRight,  // all of it
    kWrong,
};

// The image of a block that is so long, with the sums of chunks in their places.
struct BlockImage {
    std::byte* bytes = nullptr;
    std::uint32_t length_bytes = 0;
    std::uint64_t seed = 0;  // block_seed()'s
};

// The sum of a chunk that is, or will be, in the image, and lies at `chunk_bytes`.  Of a block of
// several chunks it is put into the image.
[[nodiscard]] std::uint64_t sum_chunk(const BlockImage& image, std::uint32_t chunk,
                                      const void* chunk_bytes, std::uint32_t count) noexcept;

// Zeros behind the payload and behind the sums, and the root.  `summed_bytes` have been summed, the
// last sum being `last_sum`; what is left is summed here.
[[nodiscard]] std::uint64_t close_image(const BlockImage& image, std::uint32_t summed_bytes,
                                        std::uint64_t last_sum) noexcept;

// Whether a block that was read whole is what was stored.  Looks at chunks from *done_bytes on,
// which begins at 0, until `bytes_max` or more were looked at, so that a driver can do other things
// in between.
[[nodiscard]] Verified verify_slice(const BlockImage& image, std::uint64_t root,
                                    std::uint32_t bytes_max, std::uint32_t* done_bytes) noexcept;

}  // namespace bwrt::runtime
