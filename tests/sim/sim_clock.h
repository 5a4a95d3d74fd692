// SPDX-License-Identifier: Apache-2.0
//
// sim_clock.h — time and chance of a simulated world.
//
// Time passes only when somebody sleeps, copies or lets it pass, so a run of
// minutes takes milliseconds and the same seed gives the same nanoseconds.  A
// driver that looks at the clock for ever without letting it move is a
// livelock, and ends the program here.

#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "runtime/clock.h"

namespace bwrt::sim {

// splitmix64: one word of state, good enough to choose from, the same
// everywhere.
class Random {
 public:
    explicit Random(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 1) {}

    std::uint64_t next() noexcept {
        std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        return z ^ (z >> 31);
    }
    // 0 to count - 1.
    std::uint64_t below(std::uint64_t count) noexcept { return count == 0 ? 0 : next() % count; }
    std::uint64_t between(std::uint64_t low, std::uint64_t high) noexcept {
        return low + below(high - low + 1);
    }
    bool chance(std::uint32_t permille) noexcept { return below(1000) < permille; }

 private:
    std::uint64_t state_;
};

class SimClock final : public runtime::Clock {
 public:
    [[nodiscard]] std::uint64_t now_ns() const noexcept override {
        if (++looks_ > kLooksMax) {
            std::fprintf(stderr, "the clock is looked at for ever and never moves\n");
            std::abort();
        }
        return now_ns_;
    }
    [[nodiscard]] std::uint64_t peek_ns() const noexcept { return now_ns_; }

    void advance(std::uint64_t by_ns) noexcept { advance_to(now_ns_ + by_ns); }
    void advance_to(std::uint64_t to_ns) noexcept {
        if (to_ns <= now_ns_) return;
        now_ns_ = to_ns;
        looks_ = 0;
    }

 private:
    static constexpr std::uint64_t kLooksMax = 1'000'000;

    std::uint64_t now_ns_ = 1'000'000'000;
    mutable std::uint64_t looks_ = 0;
};

}  // namespace bwrt::sim
