// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/format.h"

#include <cstring>

namespace bwrt::runtime {
namespace {

constexpr char kStoreMagic[9] = "bwrtstor";
constexpr char kLogMagic[9] = "bwrt-log";

// SSE2 is everywhere, and the values do not depend on the instruction set.
std::uint64_t hash(const void* data, std::size_t length_bytes, std::uint64_t seed) noexcept {
    return kXxh3Sse2.hash(data, length_bytes, seed);
}

template <typename Struct>
std::uint64_t checksum_of(const Struct& sealed, std::uint64_t seed) noexcept {
    return hash(&sealed, offsetof(Struct, checksum), seed);
}

template <typename Struct>
void seal_file(Struct* header, const char* magic) noexcept {
    std::memcpy(header->magic, magic, sizeof header->magic);
    header->version = kFormatVersion;
    header->byte_order = kByteOrderMark;
    header->checksum = checksum_of(*header, 0);
}

// The version first: a later one may have moved the checksum.
template <typename Struct>
Sealed check_file(const Struct& header, const char* magic) noexcept {
    if (std::memcmp(header.magic, magic, sizeof header.magic) != 0 ||
        header.byte_order != kByteOrderMark) {
        return Sealed::kForeign;
    }
    if (header.version > kFormatVersion) return Sealed::kNewer;
    if (header.version == 0) return Sealed::kForeign;
    return header.checksum == checksum_of(header, 0) ? Sealed::kGood : Sealed::kDamaged;
}

}  // namespace

void seal(Superblock* block) noexcept {
    block->unit_bytes = kUnitBytes;
    block->chunk_bytes = kChunkBytes;
    seal_file(block, kStoreMagic);
}

void seal(LogHeader* header) noexcept {
    header->record_bytes = sizeof(Record);
    seal_file(header, kLogMagic);
}

Sealed check(const Superblock& block) noexcept {
    const Sealed sealed = check_file(block, kStoreMagic);
    const bool ours = block.unit_bytes == kUnitBytes && block.chunk_bytes == kChunkBytes;
    return sealed == Sealed::kGood && !ours ? Sealed::kForeign : sealed;
}

Sealed check(const LogHeader& header) noexcept {
    const Sealed sealed = check_file(header, kLogMagic);
    const bool ours = header.record_bytes == sizeof(Record);
    return sealed == Sealed::kGood && !ours ? Sealed::kForeign : sealed;
}

std::uint64_t first_life(const LogHeader& header) noexcept {
    return hash(header.store_id, sizeof header.store_id, header.log_number);
}

std::uint64_t next_life(std::uint64_t life, std::uint64_t nonce) noexcept {
    return hash(&nonce, sizeof nonce, life);
}

void seal(Record* record, std::uint64_t life) noexcept {
    record->checksum = checksum_of(*record, life);
}

bool is_whole(const Record& record, std::uint64_t life) noexcept {
    return record.checksum == checksum_of(record, life);
}

std::uint64_t payload_bytes_on_disk(std::uint32_t length_bytes) noexcept {
    return (std::uint64_t{length_bytes} + kUnitBytes - 1) / kUnitBytes * kUnitBytes;
}

std::uint64_t sums_bytes_on_disk(std::uint32_t length_bytes) noexcept {
    const std::uint64_t count = chunk_count(length_bytes);
    if (count <= 1) return 0;
    return (count * sizeof(std::uint64_t) + kUnitBytes - 1) / kUnitBytes * kUnitBytes;
}

}  // namespace bwrt::runtime
