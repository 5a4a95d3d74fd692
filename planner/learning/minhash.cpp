// SPDX-License-Identifier: Apache-2.0

#include "planner/learning/minhash.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstddef>
#include <limits>

#include "planner/mix.h"

namespace bwrt::planner {
namespace {

constexpr std::uint64_t kSeed = 1337;  // reference default

struct Orders {
    std::array<std::uint32_t, kMinima> multiplier;
    std::array<std::uint32_t, kMinima> offset;
};

constexpr Orders make_orders() noexcept {
    Orders orders{};
    for (std::uint32_t i = 0; i < kMinima; ++i) {
        const std::uint64_t number = mixed_number(kSeed, i);
        orders.multiplier[i] = static_cast<std::uint32_t>(number) | 1u;
        orders.offset[i] = static_cast<std::uint32_t>(number >> 32);
    }
    return orders;
}

constexpr Orders kOrders = make_orders();

std::uint64_t word_of(std::uint32_t token) noexcept { return mix(token + kGolden); }

// The length of the loop is a constant so that it is vectorised.
void take_gram(std::uint64_t gram, MinHash* hash) noexcept {
    const auto x = static_cast<std::uint32_t>(gram >> 32);
    for (std::uint32_t i = 0; i < kMinima; ++i) {
        const auto place = static_cast<std::int32_t>(x * kOrders.multiplier[i] + kOrders.offset[i]);
        hash->minima[i] = place < hash->minima[i] ? place : hash->minima[i];
    }
}

}  // namespace

MinHash min_hash_of(std::span<const std::uint32_t> tokens) noexcept {
    assert(!tokens.empty());
    MinHash hash;
    hash.minima.fill(std::numeric_limits<std::int32_t>::max());

    std::uint64_t gram = 0;
    const std::size_t first_count = std::min<std::size_t>(tokens.size(), kGramTokens);
    for (std::size_t i = 0; i < first_count; ++i) gram = std::rotl(gram, 1) ^ word_of(tokens[i]);
    take_gram(gram, &hash);
    for (std::size_t i = kGramTokens; i < tokens.size(); ++i) {
        const std::uint64_t out = std::rotl(word_of(tokens[i - kGramTokens]), kGramTokens);
        gram = std::rotl(gram, 1) ^ out ^ word_of(tokens[i]);
        take_gram(gram, &hash);
    }
    return hash;
}

std::uint32_t equal_minima(const MinHash& one, const MinHash& other) noexcept {
    std::uint32_t count = 0;
    for (std::uint32_t i = 0; i < kMinima; ++i) {
        count += one.minima[i] == other.minima[i] ? 1u : 0u;
    }
    return count;
}

}  // namespace bwrt::planner
