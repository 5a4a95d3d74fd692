// SPDX-License-Identifier: Apache-2.0
//
// runtime_store.cpp — what is asked of the store by calls: lookups by any thread, the rest on the
// driver, under the control plane's mutex.

#include <algorithm>
#include <new>

#include "planner/learning/predict.h"
#include "runtime/boundary.h"
#include "runtime/lookup_split.h"
#include "runtime/runtime.h"
#include "runtime/store/lookup.h"

namespace bwrt::runtime {

bwrt_status Runtime::set_tenant(const bwrt_tenant& tenant, const ErrorSink& sink) {
    const std::lock_guard<std::mutex> lock(control_);
    bwrt_status status = BWRT_OK;
    if (view_ != nullptr) {
        status = view_->set_tenant(tenant, sink);
    } else {
        progress_.on_driver([&] {
            try {
                status = store_->set_tenant(tenant, sink);
            } catch (const std::bad_alloc&) {
                status = fail(sink, BWRT_E_NOMEM, "", "no memory for a tenant");
            }
        });
    }
    if (status == BWRT_OK && tables_.has_planner()) {
        const planner::TokenRate rate = {.bytes = tenant.credit_bytes_per_s,
                                         .period_ns = 1'000'000'000,
                                         .burst_bytes = tenant.credit_burst_bytes != 0
                                                            ? tenant.credit_burst_bytes
                                                            : tenant.credit_bytes_per_s};
        const std::uint16_t index = tenants().find(tenant.number)->index;
        progress_.on_driver([&] { progress_.executor().set_credit(index, rate); });
    }
    return status;
}

void Runtime::sample_store(const Tenant* tenant, bwrt_store_counters* counters_out) {
    const std::lock_guard<std::mutex> lock(control_);
    progress_.on_driver([&] {
        if (view_ != nullptr) {
            view_->sample(counters_out, tenant);
        } else {
            store_->set_now(clock_.now_ns());
            store_->sample(counters_out, tenant);
        }
        if (tenant == nullptr) counters_out->flight_count = progress_.executor().flight_count();
    });
}

void Runtime::store_info(bwrt_store_info* info_out) {
    const std::lock_guard<std::mutex> lock(control_);
    progress_.on_driver([&] {
        if (view_ != nullptr) {
            view_->info(info_out);
        } else {
            store_->info(info_out);
        }
    });
}

// ---- lookups

namespace {

bwrt_status check_query(const bwrt_lookup_query& query, const ErrorSink& sink) {
    if ((query.flags & ~static_cast<std::uint32_t>(BWRT_QUERY_EXPECTED)) != 0) {
        return fail(sink, BWRT_E_INVAL, "query.flags", "flags 0x%x: there is BWRT_QUERY_EXPECTED",
                    query.flags);
    }
    if (query.flags != 0 && query.lease_ms == 0) {
        return fail(sink, BWRT_E_INVAL, "query.lease_ms",
                    "0: what is expected has a time by which it is");
    }
    if (query.identities == nullptr || query.identity_count == 0) {
        return fail(sink, BWRT_E_INVAL,
                    query.identity_count == 0 ? "query.identity_count" : "query.identities",
                    query.identity_count == 0 ? "0" : "NULL");
    }
    if (query.identity_count > kLookupIdentityCountMax) {
        return fail(sink, BWRT_E_RANGE, "query.identity_count", "%u identities: the limit is %u",
                    query.identity_count, kLookupIdentityCountMax);
    }
    if (query.part_count > kLookupPartCountMax ||
        std::uint64_t{query.part_first} + query.part_count > std::uint64_t{1} << 32) {
        return fail(sink, BWRT_E_RANGE, "query.part_count", "parts %u + %u: the limit is %u",
                    query.part_first, query.part_count, kLookupPartCountMax);
    }
    if (query.lease_ms > 600'000) {
        return fail(sink, BWRT_E_RANGE, "query.lease_ms", "%u is above 600,000", query.lease_ms);
    }
    return BWRT_OK;
}

}  // namespace

// What is being stored is there when all that is queued has been written.
std::uint64_t Runtime::predict_pending_ns() const noexcept {
    constexpr auto kLane = static_cast<std::uint32_t>(Lane::kStorage);
    const std::uint64_t rate = tables_.load.bytes_per_ms[kLane].load(std::memory_order_relaxed);
    if (rate == 0) return 0;
    return planner::predict_finish_ns(
        clock_.now_ns(), tables_.load.queued_bytes[kLane].load(std::memory_order_relaxed), 0, rate);
}

// For the next call: this one answers from what there is.
void Runtime::look_for_shards(const StoreView::Doubt& doubt) noexcept {
    if (!doubt.missed && !doubt.retired) return;
    if (view_->look() == StoreView::Look::kUnderWay) return;
    if (view_->is_due(doubt, clock_.now_ns())) progress_.start_look(view_->want_look());
}

void Runtime::tell_split(const bwrt_split& checked, const bwrt_lookup_answer* answers,
                         std::uint32_t prefix_count, bwrt_split* split_out) const noexcept {
    find_split(checked, tables_.load, clock_.now_ns(), answers, prefix_count, split_out);
}

bwrt_status Runtime::look_up(const bwrt_lookup_query& query, bwrt_lookup_answer* answers,
                             std::uint32_t* prefix_count_out, std::uint32_t* leased_count_out,
                             const ErrorSink& sink) {
    if (const bwrt_status status = check_query(query, sink)) return status;
    bwrt_split split;
    if (query.split != nullptr) {
        const bwrt_status status = read_split(query.split, answers, &split, sink);
        if (status != BWRT_OK) return status;
    }
    if (view_ != nullptr && query.lease_ms != 0) {
        return fail(sink, BWRT_E_UNSUPPORTED, "query.lease_ms",
                    "leases are for the shards' writers: a reader's hit is a hint");
    }
    Lookup lookup = {};
    lookup.tenant = tenants().find(query.tenant);
    if (lookup.tenant == nullptr) {
        return fail(sink, BWRT_E_INVAL, "query.tenant", "tenant %llu was not set",
                    ull(query.tenant));
    }
    lookup.identities = static_cast<const std::byte*>(query.identities);
    lookup.identity_count = query.identity_count;
    lookup.part_first = query.part_first;
    lookup.part_count = std::max(query.part_count, 1u);
    if (query.layout != 0) {
        Layout* layout = tables_.layouts.find(query.layout);
        if (layout == nullptr ||
            layout->gate.take(generation_of(query.layout)) != Gate::Answer::kTaken) {
            return fail(sink, BWRT_E_HANDLE, "query.layout", "0x%llx is no live layout",
                        ull(query.layout));
        }
        lookup.of_layout = true;
        lookup.layout_digest = layout->digest;
        layout->gate.put_back();
    }
    if (view_ != nullptr) {
        if (leased_count_out != nullptr) *leased_count_out = 0;
        StoreView::Doubt doubt;
        *prefix_count_out = view_->look_up(lookup, answers, &doubt);
        look_for_shards(doubt);
        if (query.split != nullptr) tell_split(split, answers, *prefix_count_out, query.split);
        return BWRT_OK;
    }
    const std::uint32_t prefix_count = runtime::look_up(
        store_->reader(), lookup, answers != nullptr ? predict_pending_ns() : 0, answers);
    std::uint32_t leased_count = 0;
    if (query.lease_ms != 0 && prefix_count != 0) {
        const std::lock_guard<std::mutex> lock(control_);
        progress_.on_driver([&] {
            store_->set_now(clock_.now_ns());
            leased_count = query.flags != 0 ? store_->expect(lookup, prefix_count, query.lease_ms)
                                            : store_->lease(lookup, prefix_count, query.lease_ms);
        });
    }
    *prefix_count_out = prefix_count;
    if (leased_count_out != nullptr) *leased_count_out = leased_count;
    if (query.split != nullptr) tell_split(split, answers, prefix_count, query.split);
    return BWRT_OK;
}

// ---- events

// Of a store that is written it is of one moment of the driver, so that nothing is told twice or
// not at all.
bwrt_status Runtime::make_snapshot(Snapshot* snapshot, const ErrorSink& sink) noexcept {
    bool made = true;
    const auto make = [&] {
        try {
            snapshot->events.push_back({});
            snapshot->events[0].kind = BWRT_EVENT_RESYNC;
            snapshot->events[0].time_ns = clock_.now_ns();
            if (view_ != nullptr) {
                snapshot->last = view_->events().last();  // what comes meanwhile is behind it
                view_->snapshot_events(&snapshot->events, clock_.now_ns());
            } else {
                store_->set_now(clock_.now_ns());
                store_->snapshot_events(&snapshot->events);
                snapshot->last = store_->events().last();
            }
        } catch (const std::bad_alloc&) {
            made = false;
        }
    };
    if (view_ != nullptr) {
        make();
    } else {
        const std::lock_guard<std::mutex> control(control_);
        progress_.on_driver(make);
    }
    return made ? BWRT_OK : fail(sink, BWRT_E_NOMEM, "", "no memory for a snapshot of the store");
}

// A snapshot is kept for the reader until he has had it, by the number in his cursor.
bwrt_status Runtime::events(std::uint64_t* cursor, bwrt_event* events, std::uint32_t capacity,
                            std::uint32_t* count_out, const ErrorSink& sink) {
    const std::lock_guard<std::mutex> lock(events_mutex_);
    if (view_ != nullptr) {
        StoreView::Doubt doubt;
        doubt.missed = true;  // a shard may have come
        look_for_shards(doubt);
        view_->follow_events();
    }
    Events& stream = view_ != nullptr ? view_->events() : store_->events();
    if ((*cursor & kSnapshotCursor) == 0 && *cursor != 0) {
        const std::uint32_t most = std::min(capacity, Events::kTakeMax);
        if (stream.take(cursor, events, most, count_out)) return BWRT_OK;
    }
    Snapshot* snapshot = nullptr;
    if ((*cursor & kSnapshotCursor) != 0) {
        for (Snapshot& one : snapshots_) {
            if (one.number == *cursor) snapshot = &one;
        }
    }
    if (snapshot == nullptr) {  // the first time, or lost
        if (snapshots_.size() == kSnapshotCountMax) snapshots_.erase(snapshots_.begin());
        snapshot = &snapshots_.emplace_back();
        snapshot->number = kSnapshotCursor | ++snapshot_number_;
        if (const bwrt_status status = make_snapshot(snapshot, sink)) {
            snapshots_.pop_back();
            return status;
        }
    }
    const std::size_t count =
        std::min<std::size_t>(capacity, snapshot->events.size() - snapshot->taken);
    std::copy_n(snapshot->events.begin() + static_cast<std::ptrdiff_t>(snapshot->taken), count,
                events);
    snapshot->taken += count;
    *count_out = static_cast<std::uint32_t>(count);
    *cursor = snapshot->number;
    if (snapshot->taken < snapshot->events.size()) return BWRT_OK;
    *cursor = snapshot->last;
    snapshots_.erase(snapshots_.begin() + (snapshot - snapshots_.data()));
    return BWRT_OK;
}

}  // namespace bwrt::runtime
