// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/content.h"

#include <algorithm>
#include <cstring>

namespace bwrt::replay {
namespace {

constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15u;  // 2^64 / golden ratio, odd
constexpr std::size_t kWordBytes = sizeof(std::uint64_t);
constexpr std::size_t kPageWords = 4096 / kWordBytes;

// splitmix64's finish: each bit of the word decides over each of the result.
constexpr std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

constexpr std::uint64_t seed_of(std::uint64_t id) { return mix(id + kGolden); }

std::uint64_t word_at(std::span<const std::byte> bytes, std::size_t index) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + index * kWordBytes, kWordBytes);
    return word;
}

// Whether all words of [first, end) are right; without a branch in it, so that it is as fast as
// memory is.
bool is_right(std::uint64_t seed, std::span<const std::byte> bytes, std::size_t first,
              std::size_t end) {
    std::uint64_t wrong = 0;
    for (std::size_t i = first; i < end; ++i) wrong |= word_at(bytes, i) ^ (seed + i * kGolden);
    return wrong == 0;
}

// One word of the page beside its ends, another one in each page of each block.
std::size_t between(std::uint64_t seed, std::size_t page) {
    return 1 + mix(seed + page) % (kPageWords - 2);
}

}  // namespace

void identity_of(std::uint64_t id, std::uint64_t salt,
                 std::uint8_t (&identity_out)[kIdentityBytes]) {
    for (std::size_t i = 0; i < kIdentityBytes / kWordBytes; ++i) {
        const std::uint64_t word = mix(seed_of(id) + mix(salt + (i + 1) * kGolden));
        std::memcpy(identity_out + i * kWordBytes, &word, kWordBytes);
    }
}

void fill_block(std::uint64_t id, std::span<std::byte> bytes_out) {
    const std::uint64_t seed = seed_of(id);
    for (std::size_t i = 0; i < bytes_out.size() / kWordBytes; ++i) {
        const std::uint64_t word = seed + i * kGolden;
        std::memcpy(bytes_out.data() + i * kWordBytes, &word, kWordBytes);
    }
}

std::size_t first_wrong(std::uint64_t id, std::span<const std::byte> bytes, Checked checked) {
    const std::uint64_t seed = seed_of(id);
    const std::size_t count = bytes.size() / kWordBytes;
    for (std::size_t first = 0; first < count; first += kPageWords) {
        const std::size_t end = std::min(count, first + kPageWords);
        if (checked == Checked::kSample && end - first == kPageWords) {
            for (const std::size_t i : {first, first + between(seed, first), end - 1}) {
                if (word_at(bytes, i) != seed + i * kGolden) return i * kWordBytes;
            }
            continue;
        }
        if (is_right(seed, bytes, first, end)) continue;
        for (std::size_t i = first; i < end; ++i) {
            if (word_at(bytes, i) != seed + i * kGolden) return i * kWordBytes;
        }
    }
    return bytes.size();
}

}  // namespace bwrt::replay
