// SPDX-License-Identifier: Apache-2.0
//
// content.h — what a block of a trace has to contain, made of its id alone.
//
//   word i of block b = mix(b) + i x golden ratio         (64 bits, little-endian)
//
// So no two words of a block are the same and hardly any of two blocks, and whatever is wrong with
// delivered bytes shows: another block's, an older one's, a torn one, one that was shifted by a
// word, zeros.  Making and comparing them costs about what reading them from memory does.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace bwrt::replay {

constexpr std::size_t kIdentityBytes = 32;

// The store's name of a block; 32 bytes that differ where ids or salts do.
void identity_of(std::uint64_t id, std::uint64_t salt,
                 std::uint8_t (&identity_out)[kIdentityBytes]);

// Whole words: the length is a multiple of 8.
void fill_block(std::uint64_t id, std::span<std::byte> bytes_out);

// The whole of it, or the first and last word of each 4 KiB and one word in between.
enum class Checked : std::uint8_t { kAll, kSample };

// Where the first wrong word begins; the length where there is none.
[[nodiscard]] std::size_t first_wrong(std::uint64_t id, std::span<const std::byte> bytes,
                                      Checked checked = Checked::kAll);

}  // namespace bwrt::replay
