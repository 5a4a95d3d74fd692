// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/checksum.h"

#include <cstring>

namespace bwrt::runtime {

bool operator==(const BlockKey& a, const BlockKey& b) noexcept {
    return a.space == b.space && a.part == b.part &&
           std::memcmp(a.identity, b.identity, kIdentityBytes) == 0;
}

std::uint64_t block_seed(const BlockKey& key, std::uint32_t length_bytes,
                         std::uint64_t layout_digest, std::uint64_t tenant_seed) noexcept {
    unsigned char bytes[56];
    std::memcpy(bytes, &key.space, 8);
    std::memcpy(bytes + 8, key.identity, kIdentityBytes);
    std::memcpy(bytes + 40, &key.part, 4);
    std::memcpy(bytes + 44, &length_bytes, 4);
    std::memcpy(bytes + 48, &layout_digest, 8);
    return kXxh3Sse2.hash(bytes, sizeof bytes, tenant_seed);
}

// An odd multiplier, so that no two numbers share a seed (2^64 / the golden ratio, as in Knuth).
std::uint64_t chunk_seed(std::uint64_t block_seed, std::uint32_t chunk) noexcept {
    return block_seed + chunk * 0x9E3779B97F4A7C15u;
}

std::uint64_t chunk_sum(const Xxh3& xxh3, const void* chunk, std::size_t length_bytes,
                        std::uint64_t block_seed, std::uint32_t number) noexcept {
    return xxh3.hash(chunk, length_bytes, chunk_seed(block_seed, number));
}

std::uint64_t root_of(const Xxh3& xxh3, const std::uint64_t* sums, std::uint32_t count,
                      std::uint64_t block_seed) noexcept {
    if (count == 1) return sums[0];
    return xxh3.hash(sums, count * sizeof *sums, ~block_seed);
}

}  // namespace bwrt::runtime
