// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/cache.h"

#include <ctime>

namespace bwrt::replay {

void Cache::expect(std::span<const std::uint32_t>, const Asker&, std::uint64_t) {}

std::uint64_t Cache::now_ns() const {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
           static_cast<std::uint64_t>(now.tv_nsec);
}

void Cache::sleep_until(std::uint64_t due_ns) {
    timespec until = {};
    until.tv_sec = static_cast<time_t>(due_ns / 1'000'000'000u);
    until.tv_nsec = static_cast<long>(due_ns % 1'000'000'000u);
    static_cast<void>(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr));
}

}  // namespace bwrt::replay
