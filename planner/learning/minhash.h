// SPDX-License-Identifier: Apache-2.0
//
// minhash.h — how alike two token sequences are, from 128 bytes of each.
//
// A sequence is the set of its grams, all runs of 4 tokens; with fewer it is one gram, all of it.
// How alike two are is the share J of grams that both have, of those that one has (Jaccard).  32
// functions put all grams in 32 orders; in each, the two sets have the same first gram with
// probability J (Broder 1997).  So the share of equal minima estimates J, with a standard error of
// sqrt(J (1 - J) / 32), at most 0.09.
//
//   token  mixed to 64 bits (mix.h)
//   gram   its four tokens' words, each turned a bit further: the window rolls on by a turn, one
//          word out and one in; the high half is what is ordered
//   order  a x gram + b of 32 bits, a odd: a multiply and an add a lane, four or eight lanes wide
//          as the compiler vectorises it, and the comparison is signed, which old processors have
//
// A linear order is not min-wise independent of any set of numbers, but grams are mixed before: the
// test measures 1 - (1 - J^4)^8 (clusters.h) within its chance.

#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace bwrt::planner {

constexpr std::uint32_t kGramTokens = 4;
constexpr std::uint32_t kMinima = 32;

struct MinHash {
    std::array<std::int32_t, kMinima> minima;
};

// Of at least one token.
[[nodiscard]] MinHash min_hash_of(std::span<const std::uint32_t> tokens) noexcept;

// How many of the 32 are the same.
[[nodiscard]] std::uint32_t equal_minima(const MinHash& one, const MinHash& other) noexcept;

}  // namespace bwrt::planner
