// SPDX-License-Identifier: Apache-2.0
//
// alike.h — two token sequences with an exact number of grams in common: the same tokens at first
// and then each its own, none of which occurs twice in either.
//
//   one    c c c c c c c c|a a a a      `common` grams lie in what both begin with, `own` reach
//   other  c c c c c c c c|b b b b      into the rest: J = common / (common + 2 own)

#pragma once

#include <cstdint>
#include <vector>

#include "planner/learning/minhash.h"
#include "planner/mix.h"
#include "tests/support/random.h"

namespace bwrt::test {

struct AlikePair {
    std::vector<std::uint32_t> one;
    std::vector<std::uint32_t> other;
};

inline AlikePair make_alike(Random* random, std::uint32_t common, std::uint32_t own) {
    const std::uint32_t shared = common + planner::kGramTokens - 1;
    // An odd multiple of consecutive numbers: no two are the same.
    const std::uint32_t step = random->between32(0, 0xFFFF'FFFF) | 1u;
    std::uint32_t token = random->between32(0, 0xFFFF'FFFF);
    AlikePair pair;
    for (std::uint32_t i = 0; i < shared; ++i) pair.one.push_back(token += step);
    pair.other = pair.one;
    for (std::uint32_t i = 0; i < own; ++i) pair.one.push_back(token += step);
    for (std::uint32_t i = 0; i < own; ++i) pair.other.push_back(token += step);
    return pair;
}

}  // namespace bwrt::test
