// SPDX-License-Identifier: Apache-2.0
//
// checksum.h — how the bytes of a block are known to be those that were stored (docs/format.md).
//
//   payload   [ chunk 0, 64 KiB | chunk 1 | ... | the last one, as long as what is left ]
//   sums        XXH3-64 of each chunk, seeded by the block and the chunk's number
//   root        of one chunk its sum; of several XXH3-64 of the array of sums, seeded by the block
//
// The seed is made of everything that says which block it is.  So a chunk of another block, or of
// another place in this one, is as wrong as a flipped bit, though its bytes are unharmed: a read
// that went astray is caught without anything being stored beside the bytes.

#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/store/xxh3.h"

namespace bwrt::runtime {

constexpr std::uint32_t kChunkBytes = 64 << 10;
constexpr std::uint32_t kIdentityBytes = 32;

// Which bytes.  `space` stands for the tenant: what its secret makes of its number.
struct BlockKey {
    std::uint64_t space = 0;
    std::uint8_t identity[kIdentityBytes] = {};
    std::uint32_t part = 0;
    std::uint32_t reserved = 0;
};

[[nodiscard]] bool operator==(const BlockKey& a, const BlockKey& b) noexcept;

[[nodiscard]] constexpr std::uint32_t chunk_count(std::uint64_t length_bytes) noexcept {
    return static_cast<std::uint32_t>((length_bytes + kChunkBytes - 1) / kChunkBytes);
}

// `tenant_seed` is the tenant's, from its secret.
[[nodiscard]] std::uint64_t block_seed(const BlockKey& key, std::uint32_t length_bytes,
                                       std::uint64_t layout_digest,
                                       std::uint64_t tenant_seed) noexcept;

[[nodiscard]] std::uint64_t chunk_seed(std::uint64_t block_seed, std::uint32_t chunk) noexcept;

// Of a chunk that lies in one piece.
[[nodiscard]] std::uint64_t chunk_sum(const Xxh3& xxh3, const void* chunk, std::size_t length_bytes,
                                      std::uint64_t block_seed, std::uint32_t number) noexcept;

// `sums` has chunk_count() elements, at least one.
[[nodiscard]] std::uint64_t root_of(const Xxh3& xxh3, const std::uint64_t* sums,
                                    std::uint32_t count, std::uint64_t block_seed) noexcept;

}  // namespace bwrt::runtime
