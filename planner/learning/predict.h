// SPDX-License-Identifier: Apache-2.0
//
// predict.h — when will a transfer be done, from what was measured.
//
// The late-prediction stage of the planner, as values in and a value out: queued bytes in
// front, own bytes, a measured rate.  A rate is an exponentially weighted mean (weight 1/4)
// over intervals in which the route was busy, in bytes per millisecond: integers, so that the
// same counters give the same verdict to the bit.

#pragma once

#include <cstdint>

namespace bwrt::planner {

// Time at which `bytes` behind `queued_bytes` are moved; now_ns when nothing is known.
[[nodiscard]] std::uint64_t predict_finish_ns(std::uint64_t now_ns, std::uint64_t queued_bytes,
                                              std::uint64_t bytes,
                                              std::uint64_t bytes_per_ms) noexcept;

// The mean rate of a route over its busy time.
class RateEstimate {
 public:
    // `bytes` finished during `busy_ns` in which at least one request was outstanding.
    void add(std::uint64_t bytes, std::uint64_t busy_ns) noexcept;

    [[nodiscard]] std::uint64_t bytes_per_ms() const noexcept { return bytes_per_ms_; }

 private:
    std::uint64_t bytes_ = 0;
    std::uint64_t busy_ns_ = 0;
    std::uint64_t bytes_per_ms_ = 0;  // 0: not known yet
};

}  // namespace bwrt::planner
