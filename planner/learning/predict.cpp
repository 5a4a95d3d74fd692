// SPDX-License-Identifier: Apache-2.0

#include "planner/learning/predict.h"

namespace bwrt::planner {
namespace {

__extension__ typedef unsigned __int128 Wide;

// Shorter intervals say more about the clock than about the route.
constexpr std::uint64_t kIntervalNsMin = 1'000'000;

}  // namespace

std::uint64_t predict_finish_ns(std::uint64_t now_ns, std::uint64_t queued_bytes,
                                std::uint64_t bytes, std::uint64_t bytes_per_ms) noexcept {
    if (bytes_per_ms == 0) return now_ns;
    const Wide total = Wide{queued_bytes} + bytes;
    // Up to 18 TB a division of 64 bits will do, which takes a fifth of the time.
    const std::uint64_t near = ~std::uint64_t{0} / 1'000'000u;
    if (total <= near) {
        const std::uint64_t left = static_cast<std::uint64_t>(total) * 1'000'000u / bytes_per_ms;
        return now_ns + (left < ~now_ns ? left : ~now_ns);
    }
    const Wide finish = Wide{now_ns} + total * 1'000'000u / bytes_per_ms;
    return finish > ~std::uint64_t{0} ? ~std::uint64_t{0} : static_cast<std::uint64_t>(finish);
}

void RateEstimate::add(std::uint64_t bytes, std::uint64_t busy_ns) noexcept {
    bytes_ += bytes;
    busy_ns_ += busy_ns;
    if (busy_ns_ < kIntervalNsMin) return;
    const auto rate = static_cast<std::uint64_t>(Wide{bytes_} * 1'000'000u / busy_ns_);
    bytes_per_ms_ = bytes_per_ms_ == 0 ? rate : (bytes_per_ms_ * 3 + rate) / 4;
    if (bytes_per_ms_ == 0) bytes_per_ms_ = 1;  // measured, and slower than a byte a millisecond
    bytes_ = busy_ns_ = 0;
}

}  // namespace bwrt::planner
