// SPDX-License-Identifier: Apache-2.0
//
// store_open.cpp — from a description to a store that can be driven: directories and their lock,
// the index, memory, and the disk (store_open_disk.cpp).  Blocks, before there is a driver.

#include <algorithm>
#include <cstring>
#include <ctime>

#include "runtime/store/segment_file.h"
#include "runtime/store/store.h"

namespace bwrt::runtime {

bwrt_status Store::open(const bwrt_store& checked, RegionTable* regions, std::uint64_t now_ns,
                        const ErrorSink& sink) {
    regions_ = regions;
    checked_ = checked;
    checked_.directories = nullptr;
    checked_.shard = checked_.index_directory = nullptr;
    host_owner_.store = disk_owner_.store = this;
    block_bytes_max_ = checked.block_bytes_max;
    tenant_count_max_ = checked.tenant_count_max;
    tenants_ = std::make_unique<Tenants>(tenant_count_max_);
    counts_.resize(tenant_count_max_);
    quotas_.resize(tenant_count_max_);
    wall_offset_s_ = static_cast<std::uint64_t>(std::time(nullptr)) - now_ns / 1'000'000'000;
    set_now(now_ns);
    if (checked.directory_count != 0) {
        if (const bwrt_status status = open_directories(checked, sink)) return status;
    }
    if (const bwrt_status status = open_index(checked, sink)) return status;
    if (const bwrt_status status = open_memory(checked, sink)) return status;
    std::uint8_t secret[kSecretBytes];
    if (checked.directory_count != 0) {
        if (const bwrt_status status = open_disk(checked, now_ns, sink)) return status;
        std::memcpy(secret, roots_[0].superblock.secret, sizeof secret);
    } else if (!fill_random(secret, sizeof secret)) {
        return fail(sink, BWRT_E_IO, "store", "no random bytes");
    }
    const TenantKeys keys(0, secret);
    const std::uint16_t index = spaces_.number_of(keys.space());
    if (index >= tenant_count_max_ || tenants_->add(0, index, keys) == nullptr) {
        return fail(sink, BWRT_E_RANGE, "store.tenant_count_max",
                    "%u tenants have blocks here already, and tenant 0 none", tenant_count_max_);
    }
    if (shared_ == nullptr) return BWRT_OK;
    share_spaces();
    return shared_->publish(segments_->segment_bytes(), sink);
}

bwrt_status Store::open_directories(const bwrt_store& checked, const ErrorSink& sink) {
    roots_.resize(checked.directory_count);
    shards_.resize(checked.directory_count);
    for (std::uint32_t i = 0; i < checked.directory_count; ++i) {
        const StoreRoot* first = i == 0 ? nullptr : &roots_[0];
        bwrt_status status =
            open_root(checked.directories[i], i, first, Access::kCreate, &roots_[i], sink);
        if (status == BWRT_OK) {
            status =
                open_shard(roots_[i], checked.shard, Access::kCreate, i == 0, &shards_[i], sink);
        }
        if (status != BWRT_OK) return status;
        const SegmentReport found = find_striping(shards_[i].directory.fd());
        if (found.striping[0] != '\0') report_.say_striping(found.striping);
    }
    return BWRT_OK;
}

// In memory of this process, or where its readers see it.
bwrt_status Store::open_index(const bwrt_store& checked, const ErrorSink& sink) {
    void* range = nullptr;
    if ((checked.flags & BWRT_STORE_SHARED) != 0) {
        OpenFile directory;
        if (const bwrt_status status =
                open_shared_directory(checked.index_directory, &directory, sink)) {
            return status;
        }
        shared_ = std::make_unique<SharedIndexWriter>();
        if (const bwrt_status status =
                shared_->create(std::move(directory), SharedName(roots_[0], checked.shard),
                                checked.block_count_max, tenant_count_max_, sink)) {
            return status;
        }
        range = shared_->range();
    } else {
        // What an earlier writer shared says nothing of what this one does.
        OpenFile directory;
        if (checked.directory_count != 0 &&
            open_shared_directory(checked.index_directory, &directory, {}) == BWRT_OK) {
            retire_shared_index(directory.fd(), SharedName(roots_[0], checked.shard));
        }
        index_memory_ = Mapping::table(IndexWriter::range_bytes(checked.block_count_max));
        range = index_memory_.address();
    }
    index_ = std::make_unique<IndexWriter>(range, checked.block_count_max, random_word());
    return BWRT_OK;
}

// Before an entry of theirs is made.  Those behind tenant_count_max have none.
void Store::share_spaces() noexcept {
    if (shared_ == nullptr) return;
    const std::size_t count = std::min<std::size_t>(spaces_.count(), tenant_count_max_);
    for (std::uint32_t number = shared_->space_count(); number < count; ++number) {
        const auto known = static_cast<std::uint16_t>(number);
        shared_->put_space(known, spaces_.space_of(known));
    }
}

bwrt_status Store::open_memory(const bwrt_store& checked, const ErrorSink& sink) {
    const auto allocate = [&](std::uint32_t place, std::uint64_t bytes) {
        bwrt_region description = {};
        description.kind = BWRT_REGION_ALLOCATED;
        if ((checked.flags & BWRT_STORE_HUGE) != 0) description.flags |= BWRT_REGION_HUGE;
        if (place == kHostSlot && (checked.flags & BWRT_STORE_EXPORT) != 0) {
            description.flags |= BWRT_REGION_EXPORT | kRegionSealed;
        }
        description.length_bytes = bytes;
        char reason[160];  // the region keeps it, too
        bwrt_error error = {};
        const bwrt_status status = regions_->fill_own(own_slot(place), description, reason,
                                                      sizeof reason, ErrorSink{&error});
        if (status == BWRT_OK) return status;
        return fail_os(sink, status, error.os_code,
                       place == kHostSlot ? "store.host_bytes" : "store.transit_bytes", "%s",
                       error.message);
    };
    if (checked.host_bytes != 0) {
        if (const bwrt_status status = allocate(kHostSlot, checked.host_bytes)) return status;
        const std::uint64_t most = checked.host_bytes / kBoundedBlockBytesMin + 1;
        host_ = std::make_unique<HostTier>(
            regions_->at(own_slot(kHostSlot)), own_slot(kHostSlot),
            static_cast<std::uint32_t>(std::min<std::uint64_t>(most, checked.block_count_max)),
            tenant_count_max_, checked.lease_count_max, checked.eviction);
    }
    if (checked.transit_bytes != 0) {
        if (const bwrt_status status = allocate(kTransitSlot, checked.transit_bytes)) return status;
        transit_ = std::make_unique<MemoryPlaces>(regions_->at(own_slot(kTransitSlot)),
                                                  own_slot(kTransitSlot));
    }
    return BWRT_OK;
}

planner::Tick Store::tick_of_wall(std::uint64_t wall_s) const noexcept {
    if (wall_s == 0) return 0;
    const std::uint64_t now_s = this->wall_s();
    const std::uint64_t left_s = wall_s > now_s ? wall_s - now_s : 0;
    if (left_s > std::uint64_t{10} * 365 * 86'400) return 0;
    return planner::tick_at(now_ns_ + left_s * 1'000'000'000);
}

std::uint64_t Store::wall_of_tick(planner::Tick tick) const noexcept {
    if (tick == 0) return 0;
    const std::uint64_t due_ns = std::uint64_t{tick - 1} << planner::kTickShift;
    return wall_offset_s_ + due_ns / 1'000'000'000;
}

}  // namespace bwrt::runtime
