// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/store_report.h"

#include <cstdio>
#include <cstring>

namespace bwrt::runtime {

void StoreReport::segment_opened(std::uint32_t place, Access access,
                                 const SegmentReport& report) noexcept {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        std::uint8_t& mark = marks_[place];
        if (access == Access::kCreate) mark |= report.reserved ? kReserved : kUnreserved;
        if (report.striped) mark |= kStriped;
    }
    if (report.reserving[0] != '\0') say(&reserve_, report.reserving);
    if (report.made && !report.striped) say(&striping_, report.striping);
}

void StoreReport::write(bwrt_store_info* out) const noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const std::uint8_t mark : marks_) {
        if ((mark & kReserved) != 0) ++out->reserved_count;
        if ((mark & kUnreserved) != 0) ++out->unreserved_count;
        if ((mark & kStriped) != 0) ++out->striped_count;
    }
    if (out->striped_count != 0) {
        out->stripe_count = kStripeCount;
        out->stripe_bytes = kStripeBytes;
    }
    out->disk_reason = disk_;
    out->direct_reason = direct_;
    out->reserve_reason = reserve_;
    out->striping_reason = striping_;
}

void StoreReport::say(const char** reason, const char* text) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    *reason = text != nullptr ? keep(text) : nullptr;
}

const char* StoreReport::keep(const char* text) noexcept {
    constexpr char kCut[] = "...";
    for (char(&place)[kTextBytes] : texts_) {
        if (place[0] == '\0') {
            const int length = std::snprintf(place, sizeof place, "%s", text);
            if (length >= static_cast<int>(sizeof place)) {
                std::memcpy(place + sizeof place - sizeof kCut, kCut, sizeof kCut);
            }
        }
        if (std::strncmp(place, text, sizeof place - sizeof kCut) == 0) return place;
    }
    return "there are too many reasons to keep them all";
}

void write_memory(const Region* host, const Region* transit, bwrt_store_info* out) noexcept {
    bool all_huge = true;
    for (const Region* region : {host, transit}) {
        if (region == nullptr) continue;
        if ((region->flags & BWRT_REGION_HUGE) == 0) all_huge = false;
        const char* reason = region->memory.reason;
        if (reason[0] != '\0' && out->huge_reason == nullptr) out->huge_reason = reason;
    }
    if (all_huge) out->flags |= BWRT_STORE_HUGE;
    if (transit != nullptr) out->transit_bytes = transit->length_bytes;
    out->host_fd = -1;
    if (host == nullptr) return;
    out->host_address = host->address;
    out->host_bytes = host->length_bytes;
    out->host_fd = host->memory.memfd;
}

}  // namespace bwrt::runtime
