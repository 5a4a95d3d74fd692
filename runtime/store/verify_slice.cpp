// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/verify_slice.h"

#include <algorithm>

#include "runtime/store/checksum.h"
#include "runtime/store/format.h"

namespace bwrt::runtime {

Verified verify_slice(const std::byte* block, std::uint32_t length_bytes, std::uint64_t root,
                      std::uint64_t block_seed, std::uint32_t bytes_max,
                      std::uint32_t* done_bytes) noexcept {
    const std::uint32_t chunks = chunk_count(length_bytes);
    const auto* sums =
        chunks == 1
            ? &root
            : reinterpret_cast<const std::uint64_t*>(block + payload_bytes_on_disk(length_bytes));
    if (*done_bytes == 0 && chunks > 1 && root_of(xxh3(), sums, chunks, block_seed) != root) {
        return Verified::kWrong;
    }
    for (std::uint32_t bytes = 0; *done_bytes < length_bytes && bytes < bytes_max;) {
        const std::uint32_t chunk = *done_bytes / kChunkBytes;
        const std::uint32_t count = std::min(kChunkBytes, length_bytes - *done_bytes);
        if (chunk_sum(xxh3(), block + *done_bytes, count, block_seed, chunk) != sums[chunk]) {
            return Verified::kWrong;
        }
        *done_bytes += count;
        bytes += count;
    }
    return *done_bytes == length_bytes ? Verified::kRight : Verified::kMore;
}

}  // namespace bwrt::runtime
