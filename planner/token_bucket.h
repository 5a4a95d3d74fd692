// SPDX-License-Identifier: Apache-2.0
//
// token_bucket.h — so many bytes in a time, and what was not used may be used later, up to a burst.
//
// Over any time t what is spent is at most burst + rate x t, to the byte: the parts of a byte that
// a refill leaves over are kept.  The level comes in at the start, so that whoever keeps it does
// not get a full bucket by restarting.

#pragma once

#include <cstdint>

namespace bwrt::planner {

struct TokenRate {
    std::uint64_t bytes = 0;  // in each period; 0: no limit
    std::uint64_t period_ns = 1;
    std::uint64_t burst_bytes = 0;  // what is larger than this is never let through
};

class TokenBucket {
 public:
    // `left_bytes` above the burst is the burst.
    TokenBucket(const TokenRate& rate, std::uint64_t left_bytes, std::uint64_t now_ns) noexcept;

    // False, and nothing spent, when that much is not left.  Time that goes back is no time.
    [[nodiscard]] bool spend(std::uint64_t bytes, std::uint64_t now_ns) noexcept;

    // What was moved without having been asked for; what is left is none at least.
    void charge(std::uint64_t bytes, std::uint64_t now_ns) noexcept;

    // What was spent for nothing.
    void give_back(std::uint64_t bytes) noexcept;

    // Without a limit: all there is.
    [[nodiscard]] std::uint64_t left_bytes(std::uint64_t now_ns) noexcept;

    [[nodiscard]] bool is_limited() const noexcept { return rate_.bytes != 0; }
    [[nodiscard]] std::uint64_t burst_bytes() const noexcept { return rate_.burst_bytes; }

 private:
    void refill(std::uint64_t now_ns) noexcept;

    TokenRate rate_;
    std::uint64_t left_bytes_;
    std::uint64_t fraction_ = 0;  // of a byte, in parts of a period
    std::uint64_t refilled_ns_;
};

}  // namespace bwrt::planner
