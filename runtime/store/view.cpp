// SPDX-License-Identifier: Apache-2.0
//
// view.cpp — what is asked of a store's readers: where blocks are.

#include "runtime/store/view.h"

#include <algorithm>
#include <cstring>

#include "runtime/boundary.h"
#include "runtime/store/lookup.h"
#include "runtime/store/recovery.h"
#include "runtime/store/segments.h"

namespace bwrt::runtime {
namespace {

constexpr std::uint64_t kNumberShift = 32;  // above the count of spaces that were looked through

}  // namespace

// ---- tenants

bwrt_status StoreView::set_tenant(const bwrt_tenant& given, const ErrorSink& sink) {
    if ((given.host_quota_bytes | given.disk_quota_bytes) != 0) {
        return fail(
            sink, BWRT_E_UNSUPPORTED,
            given.host_quota_bytes != 0 ? "tenant.host_quota_bytes" : "tenant.disk_quota_bytes",
            "quotas are the shards' writers'");
    }
    const Tenant* tenant = tenants_->find(given.number);
    if (given.secret == nullptr) {
        if (tenant != nullptr) return BWRT_OK;
        return fail(sink, BWRT_E_INVAL, "tenant.secret", "NULL, and tenant %llu is new",
                    ull(given.number));
    }
    std::uint8_t secret[kSecretBytes];
    std::memcpy(secret, given.secret, sizeof secret);
    const TenantKeys keys(given.number, secret);
    if (tenant != nullptr) {
        if (tenant->keys.space() == keys.space()) return BWRT_OK;
        return fail(sink, BWRT_E_BUSY, "tenant.secret", "tenant %llu has another secret",
                    ull(given.number));
    }
    const auto index = static_cast<std::uint16_t>(tenant_count_);
    if (tenants_->add(given.number, index, keys) == nullptr) {
        return fail(sink, BWRT_E_AGAIN, "store.tenant_count_max", "%u tenants were set already",
                    tenant_count_max_);
    }
    ++tenant_count_;
    return BWRT_OK;
}

// The number that this index has for the tenant, or Spaces::kNone.  Once it is known it stays;
// until then only the spaces that have come since are looked through.
std::uint16_t StoreView::number_of(const Place& place, const Tenant& tenant) const noexcept {
    std::atomic<std::uint64_t>& known = place.numbers[tenant.index];
    const std::uint64_t before = known.load(std::memory_order_relaxed);
    if (before >> kNumberShift != 0) {
        return static_cast<std::uint16_t>((before >> kNumberShift) - 1);
    }
    const std::uint32_t count = place.index->space_count();
    for (auto number = static_cast<std::uint32_t>(before); number < count; ++number) {
        if (place.index->space_at(number) != tenant.keys.space()) continue;
        known.store((number + std::uint64_t{1}) << kNumberShift, std::memory_order_relaxed);
        return static_cast<std::uint16_t>(number);
    }
    if (count != before) known.store(count, std::memory_order_relaxed);
    return Spaces::kNone;
}

// ---- what did not come back whole

std::uint64_t StoreView::mark_of(std::uint64_t life, std::uint32_t entry,
                                 std::uint32_t version) noexcept {
    std::uint64_t mark = (std::uint64_t{entry} << 32 | version) + life * 0x9E37'79B9'7F4A'7C15;
    mark = (mark ^ mark >> 32) * 0xD6E8'FEB8'6659'FD93;
    return (mark ^ mark >> 32) | 1;  // never 0
}

bool StoreView::is_bad(std::uint64_t life, std::uint32_t entry,
                       std::uint32_t version) const noexcept {
    if (!has_bad_.load(std::memory_order_relaxed)) return false;
    const std::uint64_t mark = mark_of(life, entry, version);
    return bad_[mark / 2 % kBadCount].load(std::memory_order_relaxed) == mark;
}

void StoreView::set_bad(const Sighting& sighting) noexcept {
    const std::uint64_t mark = mark_of(sighting.life, sighting.entry, sighting.version);
    bad_[mark / 2 % kBadCount].store(mark, std::memory_order_relaxed);
    has_bad_.store(true, std::memory_order_relaxed);
}

// ---- GETs

bool StoreView::find(const Tenant& tenant, const BlockName& name, std::uint32_t length_bytes,
                     std::uint64_t layout_digest, Sighting* sighting_out,
                     Doubt* doubt_out) const noexcept {
    for (;;) {
        const std::uint64_t departures = departures_.load(std::memory_order_acquire);
        if (find_once(tenant, name, length_bytes, layout_digest, sighting_out, doubt_out)) {
            return true;
        }
        if (departures == departures_.load(std::memory_order_acquire)) break;
    }
    doubt_out->missed = true;
    return false;
}

bool StoreView::find_once(const Tenant& tenant, const BlockName& name, std::uint32_t length_bytes,
                          std::uint64_t layout_digest, Sighting* sighting_out,
                          Doubt* doubt_out) const noexcept {
    IndexKey key;
    std::memcpy(key.identity, name.identity, sizeof key.identity);
    key.part = name.part;
    const std::uint32_t count = place_count_.load(std::memory_order_acquire);
    for (std::uint32_t i = 0; i < count; ++i) {
        Place& place = places_[i];
        const Inside inside(&place);
        if (!inside.is_in()) continue;
        if (place.index->is_retired()) doubt_out->retired = true;
        key.tenant = number_of(place, tenant);
        if (key.tenant == Spaces::kNone) continue;
        BlockSeal seal;
        const BlockAnswer answer = place.index->index().find(key, &seal);
        const BlockFields& fields = answer.fields;
        if (answer.found != Found::kHit || (fields.flags & kOnDisk) == 0) continue;
        if (fields.length_bytes != length_bytes || seal.layout_digest != layout_digest) continue;
        if (is_bad(inside.life(), answer.entry, answer.version)) continue;
        // The index is another process's: what it says is somewhere in a segment.
        const std::uint64_t segment_bytes = place.index->segment_bytes();
        const std::uint64_t offset_bytes = std::uint64_t{fields.disk_page} * kUnitBytes;
        if (Segments::directory_of(fields.disk_segment) >= roots_.size() ||
            offset_bytes + place_bytes(length_bytes) > segment_bytes) {
            continue;
        }
        *sighting_out = {inside.life(),       place.shard,  answer.entry,  answer.version,
                         fields.disk_segment, offset_bytes, segment_bytes, seal.root_checksum};
        return true;
    }
    return false;
}

// ---- lookups

constexpr std::uint32_t kBatchCount = 256;  // as in lookup.cpp

struct StoreView::Batch {
    IndexKey keys[kBatchCount];
    BlockAnswer found[kBatchCount];
    BlockSeal seals[kBatchCount];
    Seen seen[kBatchCount];
    std::uint32_t count;
};

void StoreView::ask(const Place& place, std::uint64_t life, const Lookup& lookup, Batch* batch,
                    Doubt* doubt) const noexcept {
    const std::uint16_t number = number_of(place, *lookup.tenant);
    if (number == Spaces::kNone) return;
    const bool has_writer = place.has_writer.load(std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < batch->count; ++i) batch->keys[i].tenant = number;
    place.index->index().find_many({batch->keys, batch->count}, batch->found,
                                   lookup.of_layout ? batch->seals : nullptr);
    for (std::uint32_t i = 0; i < batch->count; ++i) {
        const BlockAnswer& answer = batch->found[i];
        if (answer.found == Found::kMiss) continue;
        Seen seen = Seen::kMiss;
        if (answer.found == Found::kBusy) {
            seen = Seen::kPending;
        } else if (lookup.of_layout && batch->seals[i].layout_digest != lookup.layout_digest) {
            continue;
        } else if ((answer.fields.flags & kOnDisk) != 0) {
            const bool is_bad_one = is_bad(life, answer.entry, answer.version);
            const bool is_ours = Segments::directory_of(answer.fields.disk_segment) < roots_.size();
            if (!is_bad_one && is_ours) seen = Seen::kDisk;
        } else if ((answer.fields.flags & kInHost) != 0) {
            seen = Seen::kHost;
        } else if ((answer.fields.flags & kPending) != 0) {
            seen = Seen::kPending;
        }
        if (seen == Seen::kHost || seen == Seen::kPending) {
            doubt->missed = true;  // he may be gone
            if (!has_writer) continue;
        }
        batch->seen[i] = std::max(batch->seen[i], seen);
    }
}

void StoreView::ask_all(const Lookup& lookup, Batch* batch, Doubt* doubt) const noexcept {
    const std::uint32_t count = place_count_.load(std::memory_order_acquire);
    for (std::uint32_t i = 0; i < count; ++i) {
        const Inside inside(&places_[i]);
        if (!inside.is_in()) continue;
        if (places_[i].index->is_retired()) doubt->retired = true;
        ask(places_[i], inside.life(), lookup, batch, doubt);
    }
}

std::uint32_t StoreView::look_up(const Lookup& lookup, bwrt_lookup_answer* answers,
                                 Doubt* doubt_out) const noexcept {
    Batch batch;
    const std::uint64_t total = std::uint64_t{lookup.identity_count} * lookup.part_count;
    std::uint32_t prefix_count = 0;
    bool in_prefix = true;
    Seen worst = Seen::kDisk;  // of the parts of one identity
    for (std::uint64_t first = 0; first < total; first += kBatchCount) {
        batch.count =
            static_cast<std::uint32_t>(std::min<std::uint64_t>(kBatchCount, total - first));
        for (std::uint32_t i = 0; i < batch.count; ++i) {
            const std::uint64_t identity = (first + i) / lookup.part_count;
            std::memcpy(batch.keys[i].identity, lookup.identities + identity * 32, 32);
            batch.keys[i].part =
                lookup.part_first + static_cast<std::uint32_t>((first + i) % lookup.part_count);
            batch.seen[i] = Seen::kMiss;
        }
        std::uint64_t departures = 0;
        do {
            departures = departures_.load(std::memory_order_acquire);
            ask_all(lookup, &batch, doubt_out);
        } while (departures != departures_.load(std::memory_order_acquire));
        for (std::uint32_t i = 0; i < batch.count; ++i) {
            worst = std::min(worst, batch.seen[i]);
            if (batch.seen[i] == Seen::kMiss) doubt_out->missed = true;
            if ((first + i + 1) % lookup.part_count != 0) continue;
            const bool hit = worst >= Seen::kHost;
            in_prefix = in_prefix && worst == Seen::kDisk;  // what a GET here could load
            if (in_prefix) ++prefix_count;
            if (answers != nullptr) {
                bwrt_lookup_answer answer = {};
                if (hit) {
                    answer.state = BWRT_LOOKUP_HIT;
                    answer.tier = worst == Seen::kDisk ? BWRT_TIER_DISK : BWRT_TIER_HOST;
                } else if (worst == Seen::kPending) {
                    answer.state = BWRT_LOOKUP_PENDING;
                }
                answers[(first + i) / lookup.part_count] = answer;
            }
            worst = Seen::kDisk;
        }
        if (!in_prefix && answers == nullptr) break;
    }
    return prefix_count;
}

// ---- what was counted

void StoreView::sample(bwrt_store_counters* out, const Tenant* tenant) const noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        if (tenant == nullptr || tenant->index == i) add(counts_[i], out);
    }
}

}  // namespace bwrt::runtime
