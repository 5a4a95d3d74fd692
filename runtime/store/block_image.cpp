// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/block_image.h"

#include <algorithm>
#include <cstring>

#include "runtime/store/checksum.h"
#include "runtime/store/format.h"

namespace bwrt::runtime {
namespace {

std::byte* sums_of(const BlockImage& image) noexcept {
    return image.bytes + payload_bytes_on_disk(image.length_bytes);
}

}  // namespace

std::uint64_t sum_chunk(const BlockImage& image, std::uint32_t chunk, const void* chunk_bytes,
                        std::uint32_t count) noexcept {
    const std::uint64_t sum = chunk_sum(xxh3(), chunk_bytes, count, image.seed, chunk);
    if (chunk_count(image.length_bytes) > 1) {
        std::memcpy(sums_of(image) + std::size_t{chunk} * sizeof sum, &sum, sizeof sum);
    }
    return sum;
}

std::uint64_t close_image(const BlockImage& image, std::uint32_t summed_bytes,
                          std::uint64_t last_sum) noexcept {
    const std::uint32_t length = image.length_bytes;
    const std::uint32_t chunks = chunk_count(length);
    std::memset(image.bytes + length, 0, payload_bytes_on_disk(length) - length);
    for (std::uint32_t done = summed_bytes; done < length; done += kChunkBytes) {
        last_sum = sum_chunk(image, done / kChunkBytes, image.bytes + done,
                             std::min(kChunkBytes, length - done));
    }
    if (chunks == 1) return last_sum;
    std::byte* const sums = sums_of(image);
    const std::uint64_t bytes = std::uint64_t{chunks} * sizeof(std::uint64_t);
    std::memset(sums + bytes, 0, sums_bytes_on_disk(length) - bytes);
    return root_of(xxh3(), reinterpret_cast<const std::uint64_t*>(sums), chunks, image.seed);
}

Verified verify_slice(const BlockImage& image, std::uint64_t root, std::uint32_t bytes_max,
                      std::uint32_t* done_bytes) noexcept {
    const std::uint32_t length = image.length_bytes;
    const std::uint32_t chunks = chunk_count(length);
    const auto* sums = chunks == 1 ? &root : reinterpret_cast<const std::uint64_t*>(sums_of(image));
    if (*done_bytes == 0 && chunks > 1 && root_of(xxh3(), sums, chunks, image.seed) != root) {
        return Verified::kWrong;
    }
    for (std::uint32_t bytes = 0; *done_bytes < length && bytes < bytes_max;) {
        const std::uint32_t chunk = *done_bytes / kChunkBytes;
        const std::uint32_t count = std::min(kChunkBytes, length - *done_bytes);
        if (chunk_sum(xxh3(), image.bytes + *done_bytes, count, image.seed, chunk) != sums[chunk]) {
            return Verified::kWrong;
        }
        *done_bytes += count;
        bytes += count;
    }
    return *done_bytes == length ? Verified::kRight : Verified::kMore;
}

}  // namespace bwrt::runtime
