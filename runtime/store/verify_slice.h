// SPDX-License-Identifier: Apache-2.0
//
// verify_slice.h — whether a block that was read whole into memory is what was stored, slice by
// slice, so that a driver can do other things in between.
//
// The block lies there as it lies on the disk (memory_places.h).

#pragma once

#include <cstddef>
#include <cstdint>

namespace bwrt::runtime {

enum class Verified : std::uint8_t {
    kMore,   // right as far as it was looked at
    kRight,  // all of it
    kWrong,
};

// Looks at chunks from *done_bytes on, which begins at 0, until `bytes_max` or more were looked at.
// `block_seed` is checksum.h's, `root` the sum of all of it.
[[nodiscard]] Verified verify_slice(const std::byte* block, std::uint32_t length_bytes,
                                    std::uint64_t root, std::uint64_t block_seed,
                                    std::uint32_t bytes_max, std::uint32_t* done_bytes) noexcept;

}  // namespace bwrt::runtime
