// SPDX-License-Identifier: Apache-2.0
//
// credits.h — how many bytes each tenant may have moved for it: a token bucket each.
//
// Reads, writes and prefetches are paid from the same bucket.  A tenant pays for the bytes that
// move because of it, not for those that it asks for: what moves anyway costs nothing.

#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "planner/placement.h"
#include "planner/token_bucket.h"

namespace bwrt::planner {

class Credits {
 public:
    // A tenant of which nothing else is said has no limit.
    explicit Credits(std::uint32_t tenant_count)
        : buckets_(tenant_count, TokenBucket({}, 0, 0)), left_(tenant_count) {}

    // Begins with a full bucket.
    void set(std::uint16_t tenant, const TokenRate& rate, std::uint64_t now_ns) noexcept {
        set_count_ = std::max<std::size_t>(set_count_, tenant + 1u);
        limited_count_ -= buckets_[tenant].is_limited() ? 1 : 0;
        buckets_[tenant] = TokenBucket(rate, rate.burst_bytes, now_ns);
        limited_count_ += buckets_[tenant].is_limited() ? 1 : 0;
    }

    // What each has; valid until the next call.
    [[nodiscard]] const TenantCredit* left(std::uint64_t now_ns) noexcept {
        for (std::size_t tenant = 0; tenant < set_count_; ++tenant) {
            TokenBucket& bucket = buckets_[tenant];
            left_[tenant] = {bucket.left_bytes(now_ns),
                             bucket.is_limited() ? bucket.burst_bytes() : ~std::uint64_t{0}};
        }
        return left_.data();
    }

    void charge(std::uint16_t tenant, std::uint64_t bytes, std::uint64_t now_ns) noexcept {
        buckets_[tenant].charge(bytes, now_ns);
    }

    [[nodiscard]] bool has_limits() const noexcept { return limited_count_ > 0; }

 private:
    std::vector<TokenBucket> buckets_;
    std::vector<TenantCredit> left_;
    std::size_t set_count_ = 0;  // those from here on were never set: no limit
    std::uint32_t limited_count_ = 0;
};

}  // namespace bwrt::planner
