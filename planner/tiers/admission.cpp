// SPDX-License-Identifier: Apache-2.0

#include "planner/tiers/admission.h"

#include <algorithm>

namespace bwrt::planner {
namespace {

__extension__ typedef unsigned __int128 Wide;

constexpr std::uint64_t kDayNs = std::uint64_t{86'400} * 1'000'000'000;
constexpr std::uint64_t kCountBits = 15;

}  // namespace

Doorkeeper::Doorkeeper(std::uint64_t identity_count)
    : bucket_count_(identity_count / kWays + (identity_count % kWays != 0 ? 1 : 0)),
      entries_(bucket_count_ * kWays) {}

std::uint32_t Doorkeeper::see(std::uint64_t fingerprint) noexcept {
    if (bucket_count_ == 0) return 1;
    // The bucket is told by the high bits, so the low ones may go to the count.
    const auto bucket = static_cast<std::uint64_t>((Wide{fingerprint} * bucket_count_) >> 64);
    std::uint64_t* const ways = &entries_[bucket * kWays];
    const std::uint64_t mark = fingerprint & ~kCountBits;

    std::uint32_t way = 0;
    while (way < kWays - 1 && (ways[way] & ~kCountBits) != mark) ++way;
    // Empty ways lie behind the others and count as seen no times.
    const bool is_known = (ways[way] & ~kCountBits) == mark;
    const std::uint64_t count =
        is_known ? std::min<std::uint64_t>((ways[way] & kCountBits) + 1, kTouchesMax) : 1;
    for (; way > 0; --way) ways[way] = ways[way - 1];
    ways[0] = mark | count;
    return static_cast<std::uint32_t>(count);
}

Admission::Admission(const AdmissionLimits& limits, std::uint64_t now_ns)
    : touches_min_(limits.touches_min),
      doorkeeper_(limits.touches_min > 1 ? limits.identity_count : 0),
      budget_(
          {.bytes = limits.bytes_per_day, .period_ns = kDayNs, .burst_bytes = limits.burst_bytes},
          limits.left_bytes, now_ns) {}

Admittance Admission::decide(std::uint64_t fingerprint, std::uint64_t bytes, bool must_write,
                             std::uint64_t now_ns) noexcept {
    if (touches_min_ > 1 && doorkeeper_.see(fingerprint) < touches_min_ && !must_write) {
        return Admittance::kSeenTooRarely;
    }
    return budget_.spend(bytes, now_ns) ? Admittance::kWrite : Admittance::kNoBudget;
}

}  // namespace bwrt::planner
