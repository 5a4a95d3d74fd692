// SPDX-License-Identifier: Apache-2.0
//
// store_info.cpp — bwrt_store_info: what became of a store, of one that is written and of one
// that is read.

#include "runtime/store/store.h"
#include "runtime/store/view.h"
#include "runtime/store/xxh3.h"

namespace bwrt::runtime {
namespace {

void write_limits(const bwrt_store& checked, bwrt_store_info* out) noexcept {
    out->flags = checked.flags & ~std::uint32_t{BWRT_STORE_HUGE};
    out->block_bytes_max = checked.block_bytes_max;
    out->flight_count_max = checked.flight_count_max;
    out->tenant_count_max = checked.tenant_count_max;
    out->directory_count = checked.directory_count;
    out->checksum = xxh3().name;
}

}  // namespace

void Store::info(bwrt_store_info* out) noexcept {
    write_limits(checked_, out);
    out->block_count_max = checked_.block_count_max;
    out->lease_count_max = checked_.lease_count_max;
    out->write_touch_count = checked_.write_touch_count;
    out->eviction = checked_.eviction;
    const Region* host = has_host() ? &regions_->at(own_slot(kHostSlot)) : nullptr;
    const Region* transit = transit_ != nullptr ? &regions_->at(own_slot(kTransitSlot)) : nullptr;
    write_memory(host, transit, out);
    report_.write(out);
    if (!has_disk()) return;
    out->disk_bytes = segments_->budget_bytes();
    out->segment_bytes = segments_->segment_bytes();
    out->segment_count = static_cast<std::uint32_t>(out->disk_bytes / out->segment_bytes);
    out->log_bytes = disk_->log().length_bytes();
    out->log_bytes_max = disk_->log_bytes_max();
    out->disk_block_count_max = disk_->block_count_max();
}

void StoreView::info(bwrt_store_info* out) const noexcept {
    write_limits(checked_, out);
    write_memory(nullptr, &regions_->at(own_slot(kTransitSlot)), out);
    report_.write(out);
}

}  // namespace bwrt::runtime
