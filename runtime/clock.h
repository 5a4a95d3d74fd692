// SPDX-License-Identifier: Apache-2.0
//
// clock.h — the only clock of the runtime, CLOCK_MONOTONIC, behind a seam so that a test
// can own time.  Wall-clock time is used nowhere: setting it back cannot expire a wave.

#pragma once

#include <ctime>

#include <cstdint>

namespace bwrt::runtime {

constexpr std::uint64_t kNeverNs = ~std::uint64_t{0};

class Clock {
 public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual std::uint64_t now_ns() const noexcept = 0;
};

class MonotonicClock final : public Clock {
 public:
    [[nodiscard]] std::uint64_t now_ns() const noexcept override {
        timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
               static_cast<std::uint64_t>(now.tv_nsec);
    }
};

// The absolute time `timeout_ns` from now; kNeverNs for a negative (endless) one.
inline std::uint64_t deadline_after(std::uint64_t now_ns, std::int64_t timeout_ns) noexcept {
    if (timeout_ns < 0) return kNeverNs;
    const std::uint64_t sum = now_ns + static_cast<std::uint64_t>(timeout_ns);
    return sum < now_ns ? kNeverNs : sum;
}

// What is left until `deadline_ns`, as a timeout; -1 for kNeverNs.
inline std::int64_t timeout_until(std::uint64_t deadline_ns, std::uint64_t now_ns) noexcept {
    if (deadline_ns == kNeverNs) return -1;
    return deadline_ns <= now_ns ? 0 : static_cast<std::int64_t>(deadline_ns - now_ns);
}

}  // namespace bwrt::runtime
