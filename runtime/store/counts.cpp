// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/counts.h"

namespace bwrt::runtime {
namespace {

void add(const TierCount& count, bwrt_tier_counters* sum) noexcept {
    sum->block_count += count.block_count;
    sum->hit_count += count.hit_count;
    sum->hit_bytes += count.hit_bytes;
    sum->stored_count += count.stored_count;
    sum->stored_bytes += count.stored_bytes;
    sum->evicted_count += count.evicted_count;
    sum->expired_count += count.expired_count;
}

}  // namespace

void add(const TenantCount& count, bwrt_store_counters* sum) noexcept {
    add(count.host, &sum->host);
    add(count.disk, &sum->disk);
    sum->miss_count += count.miss_count;
    sum->put_count += count.put_count;
    sum->present_count += count.present_count;
    sum->present_bytes += count.present_bytes;
    sum->joined_count += count.joined_count;
    sum->corrupt_count += count.corrupt_count;
    sum->failed_count += count.failed_count;
    sum->dedup_count += count.dedup_count;
    sum->dedup_bytes += count.dedup_bytes;
}

}  // namespace bwrt::runtime
