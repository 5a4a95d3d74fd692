// SPDX-License-Identifier: Apache-2.0

#include "planner/token_bucket.h"

#include <algorithm>

namespace bwrt::planner {
namespace {

__extension__ typedef unsigned __int128 Wide;

}  // namespace

TokenBucket::TokenBucket(const TokenRate& rate, std::uint64_t left_bytes,
                         std::uint64_t now_ns) noexcept
    : rate_(rate), left_bytes_(std::min(left_bytes, rate.burst_bytes)), refilled_ns_(now_ns) {}

void TokenBucket::refill(std::uint64_t now_ns) noexcept {
    if (now_ns <= refilled_ns_) return;
    const Wide parts = Wide{now_ns - refilled_ns_} * rate_.bytes + fraction_;
    const Wide left_bytes = parts / rate_.period_ns + left_bytes_;
    refilled_ns_ = now_ns;
    if (left_bytes >= rate_.burst_bytes) {
        left_bytes_ = rate_.burst_bytes;
        fraction_ = 0;
    } else {
        left_bytes_ = static_cast<std::uint64_t>(left_bytes);
        fraction_ = static_cast<std::uint64_t>(parts % rate_.period_ns);
    }
}

bool TokenBucket::spend(std::uint64_t bytes, std::uint64_t now_ns) noexcept {
    if (!is_limited()) return true;
    refill(now_ns);
    if (bytes > left_bytes_) return false;
    left_bytes_ -= bytes;
    return true;
}

void TokenBucket::charge(std::uint64_t bytes, std::uint64_t now_ns) noexcept {
    if (!is_limited()) return;
    refill(now_ns);
    left_bytes_ -= std::min(bytes, left_bytes_);
}

void TokenBucket::give_back(std::uint64_t bytes) noexcept {
    if (!is_limited()) return;
    left_bytes_ += std::min(bytes, rate_.burst_bytes - left_bytes_);
}

std::uint64_t TokenBucket::left_bytes(std::uint64_t now_ns) noexcept {
    if (!is_limited()) return ~std::uint64_t{0};
    refill(now_ns);
    return left_bytes_;
}

}  // namespace bwrt::planner
