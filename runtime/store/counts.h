// SPDX-License-Identifier: Apache-2.0
//
// counts.h — what a store counts of each tenant; the driver's.

#pragma once

#include <cstdint>

#include "include/bwrt.h"

namespace bwrt::runtime {

// Of one tier, of one tenant.
struct TierCount {
    std::uint64_t block_count = 0;
    std::uint64_t hit_count = 0, hit_bytes = 0;
    std::uint64_t stored_count = 0, stored_bytes = 0;
    std::uint64_t evicted_count = 0, expired_count = 0;
};

struct TenantCount {
    TierCount host, disk;
    std::uint64_t miss_count = 0;
    std::uint64_t put_count = 0;
    std::uint64_t present_count = 0, present_bytes = 0;
    std::uint64_t joined_count = 0;
    std::uint64_t corrupt_count = 0, failed_count = 0;
    std::uint64_t dedup_count = 0, dedup_bytes = 0;
};

void add(const TenantCount& count, bwrt_store_counters* sum) noexcept;

}  // namespace bwrt::runtime
