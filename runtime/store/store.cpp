// SPDX-License-Identifier: Apache-2.0
//
// store.cpp — what happens to a block's entry while the driver runs; store_open.cpp has how it
// begins.

#include "runtime/store/store.h"

#include <algorithm>
#include <cstring>

#include "runtime/boundary.h"
#include "runtime/check.h"
#include "runtime/clock.h"

namespace bwrt::runtime {

bwrt_status Store::set_tenant(const bwrt_tenant& given, const ErrorSink& sink) {
    const Tenant* tenant = tenants_->find(given.number);
    if (given.secret != nullptr) {
        std::uint8_t secret[kSecretBytes];
        std::memcpy(secret, given.secret, sizeof secret);
        const TenantKeys keys(given.number, secret);
        if (tenant != nullptr && tenant->keys.space() != keys.space()) {
            return fail(sink, BWRT_E_BUSY, "tenant.secret", "tenant %llu has another secret",
                        ull(given.number));
        }
        if (tenant == nullptr) {
            // One that is refused has no number: nothing would ever give it back.
            std::uint16_t index = spaces_.find(keys.space());
            if (index == Spaces::kNone && spaces_.count() < tenant_count_max_) {
                index = spaces_.number_of(keys.space());
                share_spaces();
            }
            if (index != Spaces::kNone) tenant = tenants_->add(given.number, index, keys);
            if (tenant == nullptr) {
                return fail(sink, BWRT_E_AGAIN, "store.tenant_count_max",
                            "%u tenants have blocks here already", tenant_count_max_);
            }
        }
    }
    if (tenant == nullptr) {
        return fail(sink, BWRT_E_INVAL, "tenant.secret", "NULL, and tenant %llu is new",
                    ull(given.number));
    }
    if (has_host()) host_->policy().set_quota(tenant->index, given.host_quota_bytes);
    if (has_disk()) disk_->policy().set_quota(tenant->index, given.disk_quota_bytes);
    quotas_[tenant->index] = {given.host_quota_bytes, given.disk_quota_bytes};
    return BWRT_OK;
}

// ---- what there is

bwrt_event Store::event_of(std::uint32_t entry) const noexcept {
    const IndexKey key = index_->key_of(entry);
    const Tenant* tenant = tenants_->at(key.tenant);
    bwrt_event event = {};
    event.tenant = tenant != nullptr ? tenant->number : ~std::uint64_t{0};
    event.part = key.part;
    event.time_ns = now_ns_;
    std::memcpy(event.identity, key.identity, sizeof event.identity);
    return event;
}

void Store::tell(std::uint32_t kind, std::uint32_t tier, std::uint32_t reason,
                 std::uint32_t entry) noexcept {
    bwrt_event event = event_of(entry);
    event.kind = kind;
    event.tier = tier;
    event.reason = reason;
    events_.put(event);
    if (shared_ == nullptr) return;
    event.tenant = index_->key_of(entry).tenant;  // readers have names of their own for it
    shared_->put_event(event);
}

void Store::snapshot_events(std::vector<bwrt_event>* events_out) const {
    index_->for_each([&](std::uint32_t entry) {
        const std::uint16_t flags = index_->fields_of(entry).flags;
        if ((flags & (kInHost | kOnDisk)) == 0) return;
        bwrt_event event = event_of(entry);
        event.kind = BWRT_EVENT_STORED;
        event.reason = BWRT_REASON_SNAPSHOT;
        event.tier = BWRT_TIER_HOST;
        if ((flags & kInHost) != 0) events_out->push_back(event);
        event.tier = BWRT_TIER_DISK;
        if ((flags & kOnDisk) != 0) events_out->push_back(event);
    });
}

void Store::enter_host(std::uint32_t entry, std::uint32_t host_block, const BlockSeal& seal,
                       std::uint32_t reason) noexcept {
    BlockFields fields = index_->fields_of(entry);
    fields.flags = static_cast<std::uint16_t>((fields.flags & ~(kPending | kInFlight)) | kInHost);
    fields.host_place = host_block;
    index_->update(entry, fields, &seal);
    TierCount& count = counts_[index_->key_of(entry).tenant].host;
    ++count.block_count;
    ++count.stored_count;
    count.stored_bytes += fields.length_bytes;
    tell(BWRT_EVENT_STORED, BWRT_TIER_HOST, reason, entry);
}

void Store::leave_host(std::uint32_t entry, std::uint32_t reason) noexcept {
    BlockFields fields = index_->fields_of(entry);
    BWRT_CHECK((fields.flags & kInHost) != 0);
    const std::uint32_t host_block = fields.host_place;
    fields.flags = static_cast<std::uint16_t>(fields.flags & ~(kInHost | kHostOnly));
    fields.host_place = 0;
    index_->update(entry, fields);
    TierCount& count = counts_[index_->key_of(entry).tenant].host;
    --count.block_count;
    count.evicted_count += reason == BWRT_REASON_EVICTED ? 1 : 0;
    count.expired_count += reason == BWRT_REASON_EXPIRED ? 1 : 0;
    tell(BWRT_EVENT_REMOVED, BWRT_TIER_HOST, reason, entry);
    host_->remove(host_block);
    passed_host(entry);
    settle(entry);
}

void Store::enter_disk(std::uint32_t entry, const DiskPlace& place, const BlockSeal& seal,
                       std::uint32_t reason) noexcept {
    BlockFields fields = index_->fields_of(entry);
    if ((fields.flags & kPending) != 0) fields.host_place = 0;
    const int flight = (fields.flags & kInHost) != 0 ? 0 : kPending | kInFlight;
    fields.flags = static_cast<std::uint16_t>((fields.flags & ~flight) | kOnDisk);
    fields.disk_segment = static_cast<std::uint16_t>(place.segment);
    fields.disk_page = static_cast<std::uint32_t>(place.offset_bytes / kUnitBytes);
    index_->update(entry, fields, &seal);
    TierCount& count = counts_[index_->key_of(entry).tenant].disk;
    ++count.block_count;
    ++count.stored_count;
    count.stored_bytes += fields.length_bytes;
    tell(BWRT_EVENT_STORED, BWRT_TIER_DISK, reason, entry);
    if ((fields.flags & kInHost) == 0) passed_host(entry);
}

// Where a reader is on its way to the place it is held, and nothing else is put there meanwhile.
void Store::leave_disk(std::uint32_t entry, std::uint32_t reason) noexcept {
    // Nobody has use for what needs it and has faded.  What cannot be said now stays, and counts
    // on this one as on any that was needed and went.
    while (disk_->has_log_room() && leave_faded_below(entry)) continue;
    if (disk_->policy().faded_below(entry) != planner::kNoBlock) revive(entry);
    BlockFields fields = index_->fields_of(entry);
    BWRT_CHECK((fields.flags & kOnDisk) != 0);
    const IndexKey key = index_->key_of(entry);
    const DiskPlace place = {fields.disk_segment, std::uint64_t{fields.disk_page} * kUnitBytes};
    fields.flags =
        static_cast<std::uint16_t>(fields.flags & ~(kOnDisk | kDurable | kFound | kVerified));
    fields.disk_segment = 0;
    fields.disk_page = 0;
    index_->update(entry, fields);
    TierCount& count = counts_[key.tenant].disk;
    --count.block_count;
    count.evicted_count += reason == BWRT_REASON_EVICTED ? 1 : 0;
    count.expired_count += reason == BWRT_REASON_EXPIRED ? 1 : 0;
    tell(BWRT_EVENT_REMOVED, BWRT_TIER_DISK, reason, entry);
    const bool has_faded = disk_->policy().is_faded(entry);
    if (has_faded) disk_->segments().unfade(place.segment, place_bytes(fields.length_bytes));
    disk_->release(place, fields.length_bytes);
    disk_->record_removed(block_key_of(key));
    disk_->remove(entry, fields.length_bytes);
    settle(entry);
    drain_disk();
}

bool Store::lies_in(std::uint32_t entry, std::uint16_t segment) const noexcept {
    if (!index_->is_used(entry)) return false;
    const BlockFields fields = index_->fields_of(entry);
    return (fields.flags & kOnDisk) != 0 && fields.disk_segment == segment;
}

bool Store::leave_faded_below(std::uint32_t entry) noexcept {
    std::uint32_t below = disk_->policy().faded_below(entry);
    if (below == planner::kNoBlock) return false;
    while (below != entry && disk_->has_log_room()) {
        const std::uint32_t parent = disk_->policy().arrival_of(below).parent;
        leave_disk(below, BWRT_REASON_EVICTED);
        const std::uint32_t beside = disk_->policy().faded_below(parent);
        below = beside != planner::kNoBlock && parent != entry ? beside : parent;
    }
    return true;
}

// And those that it needs: a block that counts holds them.
void Store::revive(std::uint32_t entry) noexcept {
    const planner::PrefixLru& policy = disk_->policy();
    while (entry != planner::kNoBlock && policy.is_faded(entry)) {
        const BlockFields fields = index_->fields_of(entry);
        disk_->revive(entry, fields.disk_segment, fields.length_bytes,
                      index_->reader().hash_of(index_->key_of(entry)), tick_);
        entry = policy.arrival_of(entry).parent;
    }
}

void Store::set_flag(std::uint32_t entry, std::uint16_t flag) noexcept {
    BlockFields fields = index_->fields_of(entry);
    fields.flags |= flag;
    index_->update(entry, fields);
}

void Store::clear_flag(std::uint32_t entry, std::uint16_t flag) noexcept {
    BlockFields fields = index_->fields_of(entry);
    fields.flags = static_cast<std::uint16_t>(fields.flags & ~flag);
    index_->update(entry, fields);
}

void Store::move_on_disk(std::uint32_t entry, const DiskPlace& place) noexcept {
    BlockFields fields = index_->fields_of(entry);
    const DiskPlace before = {fields.disk_segment, std::uint64_t{fields.disk_page} * kUnitBytes};
    fields.disk_segment = static_cast<std::uint16_t>(place.segment);
    fields.disk_page = static_cast<std::uint32_t>(place.offset_bytes / kUnitBytes);
    index_->update(entry, fields);
    disk_->release(before, fields.length_bytes);
}

BlockKey Store::block_key_of(const IndexKey& key) const noexcept {
    BlockKey block;
    block.space = spaces_.space_of(key.tenant);
    std::memcpy(block.identity, key.identity, sizeof block.identity);
    block.part = key.part;
    return block;
}

bool Store::expire(std::uint32_t entry) noexcept {
    if (!is_expired(entry)) return false;
    const BlockFields fields = index_->fields_of(entry);
    const bool in_host = (fields.flags & kInHost) != 0;
    if ((fields.flags & (kInFlight | kCarried)) != 0) return false;
    if (in_host && host_->is_in_use(fields.host_place)) return false;
    const bool on_disk = (fields.flags & kOnDisk) != 0;
    if (in_host) leave_host(entry, BWRT_REASON_EXPIRED);
    // The entry is still there: it has the flag.
    if (on_disk) leave_disk(entry, BWRT_REASON_EXPIRED);
    return true;
}

std::uint32_t Store::sweep(std::uint32_t count_max) noexcept {
    std::uint32_t count = 0;
    const auto sweep_tier = [&](planner::PrefixLru& policy, TierOwner* owner) {
        while (count < count_max) {
            const planner::Tick due = policy.next_expiry();
            if (due == 0 || due > tick_) return;
            const std::uint32_t block = policy.find_expired(tick_);
            if (block == planner::kNoBlock) return;
            owner->let_go(block, planner::RoomVerdict::kExpired);  // nobody holds it there
            ++count;
        }
    };
    if (has_host()) sweep_tier(host_->policy(), &host_owner_);
    if (has_disk()) sweep_tier(disk_->policy(), &disk_owner_);
    return count;
}

std::uint64_t Store::next_sweep_ns() const noexcept {
    planner::Tick next = 0;
    const auto take = [&](planner::Tick due) {
        if (due != 0 && (next == 0 || due < next)) next = due;
    };
    if (has_host()) take(host_->policy().next_expiry());
    if (has_disk()) take(disk_->policy().next_expiry());
    if (next == 0) return kNeverNs;
    return std::uint64_t{next - 1} << planner::kTickShift;
}

bool Store::is_expired(std::uint32_t entry) const noexcept {
    const BlockFields fields = index_->fields_of(entry);
    return ((fields.flags & kInHost) != 0 &&
            host_->policy().is_expired(fields.host_place, tick_)) ||
           ((fields.flags & kOnDisk) != 0 && disk_->policy().is_expired(entry, tick_));
}

void Store::settle(std::uint32_t entry) noexcept {
    if (is_anywhere(entry)) return;
    if (has_disk() && disk_->knows(entry)) return;
    index_->erase(entry);
}

void Store::drain_disk() noexcept {
    for (;;) {
        const std::uint32_t entry = disk_->take_free();
        if (entry == kNoEntry) return;
        settle(entry);
    }
}

bool Store::free_an_entry(std::uint32_t parent) noexcept {
    const std::uint32_t before = index_->block_count();
    const std::uint16_t flags = parent == kNoEntry ? 0 : index_->fields_of(parent).flags;
    const std::uint32_t host_block =
        (flags & kInHost) != 0 ? index_->fields_of(parent).host_place : kNoHostBlock;
    if (host_block != kNoHostBlock) host_->hold(host_block);
    if ((flags & kOnDisk) != 0) {
        revive(parent);
        disk_->policy().pin(parent);
    }
    for (int i = 0; i < 16 && index_->block_count() == before; ++i) {
        bool gone = false;
        if (has_disk()) gone = disk_->evict_one(tick_, &disk_owner_);
        if (has_host() && !gone) gone = host_->evict_one(tick_, &host_owner_);
        if (!gone) break;
    }
    if (host_block != kNoHostBlock) host_->drop_hold(host_block);
    if ((flags & kOnDisk) != 0) disk_->policy().drop_pin(parent);
    return index_->block_count() < before;
}

void Store::HostOwner::let_go(std::uint32_t block, planner::RoomVerdict why) noexcept {
    store->leave_host(store->host_->entry_of(block), reason_of(why));
}

void Store::DiskOwner::fade(std::uint32_t block) noexcept {
    const BlockFields fields = store->index_->fields_of(block);
    if (store->disk_->segments().is_given_up(fields.disk_segment)) {  // it is never emptied
        store->leave_disk(block, BWRT_REASON_EVICTED);
    } else {
        store->disk_->fade(block, fields.disk_segment, fields.length_bytes);
    }
}

void Store::DiskOwner::let_go(std::uint32_t block, planner::RoomVerdict why) noexcept {
    store->leave_disk(block, reason_of(why));
}

// ---- what was counted

void Store::sample(bwrt_store_counters* out, const Tenant* tenant) noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        if (tenant != nullptr && tenant->index != i) continue;
        const TenantCount& one = counts_[i];
        add(one, out);
        if (has_host() && tenant != nullptr) {
            out->host.used_bytes = host_->policy().used_bytes(tenant->index);
        }
        if (has_disk() && tenant != nullptr) {
            out->disk.used_bytes = disk_->policy().used_bytes(tenant->index);
        }
    }
    if (tenant != nullptr) {
        out->host.capacity_bytes = quotas_[tenant->index].host_bytes;
        out->disk.capacity_bytes = quotas_[tenant->index].disk_bytes;
        return;
    }
    if (has_host()) {
        out->host.capacity_bytes = host_->capacity_bytes();
        out->host.used_bytes = host_->policy().used_bytes();
    }
    out->written_bytes = count_.written_bytes;
    out->carried_bytes = count_.carried_bytes;
    out->refused_count = count_.refused_count;
    out->unworthy_count = count_.unworthy_count;
    out->recovery_ns = count_.recovery_ns;
    out->recovered_count = count_.recovered_count;
    if (!has_disk()) return;
    out->disk.capacity_bytes = disk_->capacity_bytes();
    out->disk.used_bytes = disk_->policy().used_bytes();
    out->write_budget_left_bytes = disk_->budget_left_bytes(now_ns_);
    out->log_bytes = disk_->log().length_bytes();
}

}  // namespace bwrt::runtime
