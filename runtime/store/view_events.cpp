// SPDX-License-Identifier: Apache-2.0
//
// view_events.cpp — what comes and goes in all shards, as one stream.
//
//   shard's ring (shared_index.h) ──follow_events()──▶ this process's ring ──take(cursor)──▶ caller
//
// The rings of the shards are looked at when somebody asks for events, and no more is lost by that
// than by asking too rarely.  Where something is, because a ring went by, an index came or went, or
// a writer died with what he had in memory, everybody who follows begins anew: this process's ring
// forgets what it has.  The place in a shard's ring is taken before its index is gone through, so
// what changes meanwhile is told behind the snapshot: a block may be told twice, none not at all.

#include <algorithm>
#include <cstring>

#include "runtime/store/recovery.h"
#include "runtime/store/view.h"

namespace bwrt::runtime {
namespace {

constexpr std::uint32_t kCopyCount = 256;
constexpr std::uint64_t kNobody = ~std::uint64_t{0};

}  // namespace

// The callers' numbers of tenants by the numbers that this index has for them.
std::vector<std::uint64_t> StoreView::tenants_by_number(const Place& place) const {
    std::vector<std::uint64_t> tenants(place.index->space_count(), kNobody);
    for (std::uint16_t i = 0; i < tenant_count_max_; ++i) {
        const Tenant* tenant = tenants_->at(i);
        if (tenant == nullptr) break;
        const std::uint16_t number = number_of(place, *tenant);
        if (number < tenants.size()) tenants[number] = tenant->number;
    }
    return tenants;
}

void StoreView::follow_events() {
    const std::uint32_t count = place_count_.load(std::memory_order_acquire);
    for (std::uint32_t i = 0; i < count; ++i) {
        Place& place = places_[i];
        const Inside inside(&place);
        Followed& followed = followed_[i];
        if (inside.is_in()) {
            follow(&followed, place, inside.life(),
                   place.has_writer.load(std::memory_order_relaxed));
        } else if (followed.life != 0) {
            followed = {};
            events_.lose();
        }
    }
}

void StoreView::follow(Followed* followed, const Place& place, std::uint64_t life,
                       bool has_writer) {
    const std::uint64_t last = place.index->last_event();
    const bool is_known = followed->life == life && followed->has_writer == has_writer;
    if (!is_known || last + 1 < followed->next || last + 1 - followed->next > kSharedEventCount) {
        *followed = {life, last + 1, has_writer};
        events_.lose();
        return;
    }
    if (last + 1 == followed->next) return;
    const std::vector<std::uint64_t> tenants = tenants_by_number(place);
    bwrt_event events[kCopyCount];
    while (followed->next <= last) {
        const auto count = static_cast<std::uint32_t>(
            std::min<std::uint64_t>(kCopyCount, last - followed->next + 1));
        if (!place.index->copy_events(followed->next, count, events)) {
            followed->next = place.index->last_event() + 1;
            events_.lose();
            return;
        }
        followed->next += count;
        for (std::uint32_t i = 0; i < count; ++i) {
            events[i].tenant =
                events[i].tenant < tenants.size() ? tenants[events[i].tenant] : kNobody;
            events_.put(events[i]);
        }
    }
}

void StoreView::snapshot_events(std::vector<bwrt_event>* events_out, std::uint64_t now_ns) {
    const std::uint32_t count = place_count_.load(std::memory_order_acquire);
    for (std::uint32_t i = 0; i < count; ++i) {
        Place& place = places_[i];
        const Inside inside(&place);
        if (!inside.is_in()) continue;
        const bool has_writer = place.has_writer.load(std::memory_order_relaxed);
        const std::vector<std::uint64_t> tenants = tenants_by_number(place);
        const IndexReader& index = place.index->index();
        for (std::uint32_t entry = 0; entry < index.block_count_max(); ++entry) {
            IndexKey key;
            BlockFields fields;
            if (!index.look_at(entry, &key, &fields)) continue;
            bwrt_event event = {};
            event.kind = BWRT_EVENT_STORED;
            event.reason = BWRT_REASON_SNAPSHOT;
            event.part = key.part;
            event.tenant = key.tenant < tenants.size() ? tenants[key.tenant] : kNobody;
            event.time_ns = now_ns;
            std::memcpy(event.identity, key.identity, sizeof event.identity);
            event.tier = BWRT_TIER_HOST;
            if ((fields.flags & kInHost) != 0 && has_writer) events_out->push_back(event);
            event.tier = BWRT_TIER_DISK;
            if ((fields.flags & kOnDisk) != 0) events_out->push_back(event);
        }
    }
}

}  // namespace bwrt::runtime
