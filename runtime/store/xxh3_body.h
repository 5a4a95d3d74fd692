// SPDX-License-Identifier: Apache-2.0
//
// xxh3_body.h — the functions of xxh3.h, compiled once for each instruction set.  Everything here
// and in xxhash.h is static: what was compiled for a wider set can never be linked into the common
// code.

#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "runtime/store/xxh3.h"

namespace bwrt::runtime {
namespace {

static_assert(sizeof(XXH3_state_t) <= sizeof(Xxh3State) && alignof(Xxh3State) >= 64);

std::uint64_t hash(const void* data, std::size_t length_bytes, std::uint64_t seed) {
    return XXH3_64bits_withSeed(data, length_bytes, seed);
}

void begin(Xxh3State* state, std::uint64_t seed) {
    auto* const inner = reinterpret_cast<XXH3_state_t*>(state);
    XXH3_INITSTATE(inner);
    XXH3_64bits_reset_withSeed(inner, seed);
}

void add(Xxh3State* state, const void* data, std::size_t length_bytes) {
    XXH3_64bits_update(reinterpret_cast<XXH3_state_t*>(state), data, length_bytes);
}

std::uint64_t end(const Xxh3State* state) {
    return XXH3_64bits_digest(reinterpret_cast<const XXH3_state_t*>(state));
}

}  // namespace
}  // namespace bwrt::runtime
