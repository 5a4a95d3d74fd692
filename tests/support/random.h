// SPDX-License-Identifier: Apache-2.0
//
// random.h — chance that can be had again: a random test prints its seed and takes it back from
// BWRT_TEST_SEED.

#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>

#include "tests/support/cmocka.h"

namespace bwrt::test {

inline std::uint64_t test_seed() {
    const char* text = std::getenv("BWRT_TEST_SEED");
    const std::uint64_t seed =
        text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device{}();
    print_message("seed %llu\n", static_cast<unsigned long long>(seed));
    return seed;
}

// Of so many steps of a test: where all are too many, BWRT_TEST_PERCENT says how much is done.
inline std::uint32_t share_of(std::uint32_t count) {
    const char* percent = std::getenv("BWRT_TEST_PERCENT");
    if (percent == nullptr) return count;
    return static_cast<std::uint32_t>(count * std::strtoull(percent, nullptr, 10) / 100);
}

class Random {
 public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}

    std::uint64_t bits() { return engine_(); }
    // In [0, count).
    std::uint64_t below(std::uint64_t count) { return engine_() % count; }
    // In [first, last].
    std::uint64_t between(std::uint64_t first, std::uint64_t last) {
        return first + below(last - first + 1);
    }
    std::uint32_t between32(std::uint32_t first, std::uint32_t last) {
        return static_cast<std::uint32_t>(between(first, last));
    }
    bool one_in(std::uint64_t count) { return below(count) == 0; }
    std::mt19937_64& engine() { return engine_; }

 private:
    std::mt19937_64 engine_;
};

}  // namespace bwrt::test
