// SPDX-License-Identifier: Apache-2.0
//
// calls_store.cpp — what is asked about blocks beside the waves: lookups, events, tenants, figures.

#include <sched.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "tests/fuzz/machine.h"

namespace bwrt::fuzz {
namespace {

constexpr Field kQueryFields[] = {
    BWRT_FUZZ_FIELD(bwrt_lookup_query, flags),      BWRT_FUZZ_FIELD(bwrt_lookup_query, tenant),
    BWRT_FUZZ_FIELD(bwrt_lookup_query, part_first), BWRT_FUZZ_FIELD(bwrt_lookup_query, part_count),
    BWRT_FUZZ_FIELD(bwrt_lookup_query, lease_ms),   BWRT_FUZZ_FIELD(bwrt_lookup_query, layout),
};
constexpr Field kSplitFields[] = {
    BWRT_FUZZ_FIELD(bwrt_split, flags),        BWRT_FUZZ_FIELD(bwrt_split, token_count),
    BWRT_FUZZ_FIELD(bwrt_split, block_tokens), BWRT_FUZZ_FIELD(bwrt_split, block_bytes),
    BWRT_FUZZ_FIELD(bwrt_split, attention_ps), BWRT_FUZZ_FIELD(bwrt_split, prefill_tokens_per_s),
    BWRT_FUZZ_FIELD(bwrt_split, deadline_ns),  BWRT_FUZZ_FIELD(bwrt_split, layer_count),
    BWRT_FUZZ_FIELD(bwrt_split, reserved),     BWRT_FUZZ_FIELD(bwrt_split, load_count),
};
constexpr Field kTenantFields[] = {
    BWRT_FUZZ_FIELD(bwrt_tenant, flags),
    BWRT_FUZZ_FIELD(bwrt_tenant, number),
    BWRT_FUZZ_FIELD(bwrt_tenant, host_quota_bytes),
    BWRT_FUZZ_FIELD(bwrt_tenant, disk_quota_bytes),
    BWRT_FUZZ_FIELD(bwrt_tenant, credit_bytes_per_s),
    BWRT_FUZZ_FIELD(bwrt_tenant, credit_burst_bytes),
};

// It says no more blocks than there are, and is better than either end.
void check_split(const bwrt_split& split, std::uint32_t prefix_count) {
    if (split.load_count > prefix_count || split.is_late > 1 ||
        (split.is_late != 0) != (split.deadline_ns != 0 && split.finish_ns > split.deadline_ns) ||
        split.loaded_ns > split.finish_ns) {
        found("a split: %u of %u blocks", split.load_count, prefix_count);
    }
    const bool is_least = (split.flags & BWRT_SPLIT_LEAST_COMPUTE) != 0;
    if (!is_least &&
        (split.finish_ns > split.load_finish_ns || split.finish_ns > split.compute_finish_ns)) {
        found("a split that is no better than none");
    }
}
}  // namespace

// A runtime with a store has been opened.
void Runner::begin_store(std::uint64_t number) {
    StoreState& store = session().store;
    store.is_there = true;
    store.is_reader = number == kAnyShard;
    store.number = number;
    store.tenants.insert(0);
    store.info.struct_size = sizeof store.info;
    bwrt_store_counters counters = {};
    counters.struct_size = sizeof counters;
    counters.info = &store.info;
    if (bwrt_sample_store(session().runtime, &counters, nullptr) != BWRT_OK) {
        found("a store, and no word of it");
    }
}

BlockKey Runner::key_of(std::uint64_t tenant, const void* identity, std::uint32_t part) {
    BlockKey key;
    key.store = session().store.number;
    key.tenant = tenant;
    std::memcpy(key.identity.data(), identity, key.identity.size());
    key.part = part;
    return key;
}

void Runner::call_store(Bytecode* code) {
    switch (code->byte() % 8) {
        case 0:
            sched_yield();
            break;
        case 1:
        case 2:
            look_up(code);
            break;
        case 3:
            take_events(code);
            break;
        case 4:
            set_tenant(code);
            break;
        case 5:
            sample_store(code);
            break;
        case 6:
            name_blocks(code);
            break;
        default:
            name_content(code);
            break;
    }
}

void Runner::draw_split(Bytecode* code, bwrt_split* split) {
    const std::uint8_t form = code->byte();
    split->flags = form % 4;
    split->layer_count = (form & BWRT_SPLIT_BY_LAYER) != 0 ? 1 + form / 16u : 0;
    split->token_count = 1 + code->word();
    split->block_tokens = 1 + code->byte();
    split->block_bytes = 4096;
    split->prefill_tokens_per_s = 100 + code->word();
    if ((form & 0x04) != 0) split->deadline_ns = now_ns() + 1000u * code->word();
    if ((form & 0x08) != 0) split->attention_ps = code->word();
    if ((form & 0x10) != 0) break_field(split, kSplitFields, code);
}

void Runner::look_up(Bytecode* code) {
    const std::uint8_t form = code->byte();
    const std::uint8_t first = code->byte();
    const std::uint32_t count = 1 + form % 8;
    auto identities = std::make_unique<std::uint8_t[]>(std::size_t{count} * BWRT_BLOCK_ID_BYTES);
    for (std::uint32_t i = 0; i < count; ++i) {
        draw_identity((first + i) % 0xFF, &identities[std::size_t{i} * BWRT_BLOCK_ID_BYTES]);
    }
    Sized<bwrt_lookup_query> sized((form & 0x40) != 0 ? code->byte() : 0);
    bwrt_lookup_query& query = *sized.get();
    query.identities = identities.get();
    query.identity_count = count;
    if ((form & 0x08) != 0) query.lease_ms = code->byte() * 20u;
    if ((form & 0x10) != 0) query.tenant = code->byte() % 4;
    if ((form & 0x80) != 0) break_field(&query, kQueryFields, code);
    bool is_known = true;
    {
        const Lock lock(machine_.mutex);
        if ((form & 0x20) != 0) query.layout = draw_handle(code);
        is_known = session().store.tenants.count(query.tenant) != 0;
    }
    Sized<bwrt_split> split((first & 0x20) != 0 ? code->byte() : 0);
    if ((first & 0x40) != 0) {
        draw_split(code, split.get());
        query.split = split.get();
    }
    if (session().runtime == nullptr) return;
    auto answers = untouched<bwrt_lookup_answer>(count);
    const bool ask_answers = first < 0xC0;
    std::uint32_t prefix_count = kUntouchedCount, leased_count = kUntouchedCount;
    Answer answer(ask_error_);
    const bwrt_status status =
        answer.check(bwrt_lookup(session().runtime, &query, ask_answers ? answers.get() : nullptr,
                                 &prefix_count, &leased_count, answer.place()),
                     "bwrt_lookup");
    if (status != BWRT_OK) {
        if (prefix_count != kUntouchedCount || leased_count != kUntouchedCount ||
            !is_untouched(answers.get(), count)) {
            found("a refused lookup has answers");
        }
        return;
    }
    if (!is_known && alone_) found("a lookup for a tenant that was not set");
    if (prefix_count > count || leased_count > prefix_count ||
        (query.lease_ms == 0 && leased_count != 0)) {
        found("a lookup: %u hits, %u leased of %u", prefix_count, leased_count, count);
    }
    const bool knows_splits = sized.bytes >= offsetof(bwrt_lookup_query, split) + 8;
    if (query.split != nullptr && knows_splits) check_split(*split.get(), prefix_count);
    if (!ask_answers) return;
    const Lock lock(machine_.mutex);
    for (std::uint32_t i = 0; i < count; ++i) {
        const bool is_hit = answers[i].state == BWRT_LOOKUP_HIT;
        const bool has_tier =
            answers[i].tier == BWRT_TIER_HOST || answers[i].tier == BWRT_TIER_DISK;
        // To a reader what is in the writer's memory is a hit, and ends what it can load.
        const bool can_lead =
            is_hit && (!session().store.is_reader || answers[i].tier == BWRT_TIER_DISK);
        if (answers[i].state > BWRT_LOOKUP_PENDING || is_hit != has_tier ||
            (i < prefix_count) != (can_lead && i <= prefix_count)) {
            found("a lookup: answer %u is odd", i);
        }
        Tally::count(!is_hit                     ? "no hit"
                     : session().store.is_reader ? "a reader's hit"
                                                 : "a hit",
                     BWRT_OK);
        const auto* identity = &identities[std::size_t{i} * BWRT_BLOCK_ID_BYTES];
        if (is_hit && !machine_.oracle.is_known(key_of(query.tenant, identity, query.part_first))) {
            found("a lookup: a hit of what never was");
        }
    }
}

// Each block comes and goes in its turn.
void Runner::follow_event(const bwrt_event& event) {
    StoreState& store = session().store;
    if (event.kind == BWRT_EVENT_RESYNC) {
        store.told.clear();
        return;
    }
    const BlockKey key = key_of(event.tenant, event.identity, event.part);
    const bool came = event.kind == BWRT_EVENT_STORED;
    if (!came && event.kind != BWRT_EVENT_REMOVED) found("an event of kind %u", event.kind);
    if (event.reason == BWRT_REASON_CORRUPT || event.reason > BWRT_REASON_SNAPSHOT) {
        found("an event for reason %u", event.reason);
    }
    if (!machine_.oracle.is_known(key)) found("an event of what never was");
    Tally::count(came ? "a block came" : "a block went", BWRT_OK);
    const bool is_in_turn = came ? store.told.insert({key, event.tier}).second
                                 : store.told.erase({key, event.tier}) != 0;
    if (!is_in_turn) found("a block %s twice", came ? "came" : "went");
}

void Runner::take_events(Bytecode* code) {
    const std::uint8_t form = code->byte();
    const std::uint32_t capacity = 1 + form % 64;
    bool follows = alone_ && form < 0xC0;
    std::uint64_t cursor = 0;
    {
        const Lock lock(machine_.mutex);
        follows = follows && !session().store.is_reader;  // who may be told twice
        cursor = session().store.event_cursor;
        if (!follows && form >= 0xE0) cursor = code->wild(cursor);
    }
    if (session().runtime == nullptr) return;
    const std::uint64_t asked = cursor;
    auto events = untouched<bwrt_event>(capacity);
    std::uint32_t count = kUntouchedCount;
    Answer answer(ask_error_);
    const bwrt_status status = answer.check(
        bwrt_events(session().runtime, &cursor, events.get(), capacity, &count, answer.place()),
        "bwrt_events");
    if (status != BWRT_OK) {
        if (count != kUntouchedCount || cursor != asked || !is_untouched(events.get(), capacity)) {
            found("a refused call has events");
        }
        return;
    }
    if (count > capacity || !is_untouched(events.get() + count, capacity - count)) {
        found("%u events of %u", count, capacity);
    }
    if (!follows) return;
    const Lock lock(machine_.mutex);
    session().store.event_cursor = cursor;
    for (std::uint32_t i = 0; i < count; ++i) follow_event(events[i]);
}

void Runner::set_tenant(Bytecode* code) {
    const std::uint8_t form = code->byte();
    Sized<bwrt_tenant> sized((form & 0x40) != 0 ? code->byte() : 0);
    bwrt_tenant& tenant = *sized.get();
    tenant.number = 1 + form % 3;
    auto secret = std::make_unique<std::uint8_t[]>(32);
    std::fill_n(secret.get(), 32, static_cast<std::uint8_t>(tenant.number));
    if ((form & 0x04) == 0) tenant.secret = secret.get();
    if ((form & 0x08) != 0) secret[31] ^= 1;
    if ((form & 0x10) != 0) tenant.host_quota_bytes = code->word() * 16u;
    if ((form & 0x20) != 0) tenant.disk_quota_bytes = code->word() * 16u;
    if ((form & 0x80) != 0) break_field(&tenant, kTenantFields, code);
    if (session().runtime == nullptr) return;
    Answer answer(ask_error_);
    const bwrt_status status = answer.check(
        bwrt_tenant_set(session().runtime, &tenant, answer.place()), "bwrt_tenant_set");
    const Lock lock(machine_.mutex);
    std::set<std::uint64_t>& tenants = session().store.tenants;
    const bool is_new = tenants.count(tenant.number) == 0;
    if (status == BWRT_OK && is_new && alone_ && tenant.secret == nullptr) {
        found("a tenant without a secret");
    }
    if (status == BWRT_OK) tenants.insert(tenant.number);
}

void Runner::sample_store(Bytecode* code) {
    const std::uint8_t form = code->byte();
    Sized<bwrt_store_counters> sized((form & 0x40) != 0 ? code->byte() : 0);
    bwrt_store_counters& counters = *sized.get();
    if ((form & 1) != 0) counters.flags = BWRT_COUNTERS_TENANT;
    if ((form & 2) != 0) counters.tenant = code->byte() % 4;
    if ((form & 0x80) != 0) counters.flags |= 1u << code->byte() % 32;
    if (session().runtime == nullptr) return;
    Answer answer(ask_error_);
    const bwrt_status status = answer.check(
        bwrt_sample_store(session().runtime, &counters, answer.place()), "bwrt_sample_store");
    if (status == BWRT_OK && (counters.corrupt_count != 0 || counters.failed_count != 0)) {
        found("blocks rot in memory, or cannot be read");
    }
    if (status == BWRT_OK && counters.flags == 0 &&
        (counters.host.used_bytes > counters.host.capacity_bytes ||
         counters.disk.used_bytes > counters.disk.capacity_bytes)) {
        found("more is used than there is");
    }
    Sized<bwrt_store_info> info(form & 0x20 ? code->byte() : 0);
    Answer said(ask_error_);
    bwrt_store_counters beside = {};
    beside.struct_size = sizeof beside;
    beside.info = info.get();
    said.check(bwrt_sample_store(session().runtime, &beside, said.place()), "bwrt_sample_store");
}

bwrt_status Runner::pass_nothing_to_store(std::uint8_t which, bwrt_runtime* runtime,
                                          bwrt_error* error) {
    bwrt_lookup_query query = {};
    query.struct_size = sizeof query;
    bwrt_event event;
    bwrt_span span = {};
    std::uint64_t cursor = 0;
    std::uint32_t count = 0;
    std::uint8_t id[BWRT_BLOCK_ID_BYTES];
    switch (which % 11) {
        case 0:
            return bwrt_lookup(runtime, nullptr, nullptr, &count, nullptr, error);
        case 1:
            return bwrt_lookup(runtime, &query, nullptr, nullptr, nullptr, error);
        case 2:
            return bwrt_lookup(runtime, &query, nullptr, &count, nullptr, error);
        case 3:
            return bwrt_events(runtime, nullptr, &event, 1, &count, error);
        case 4:
            return bwrt_events(runtime, &cursor, nullptr, 1, &count, error);
        case 5:
            return bwrt_events(runtime, &cursor, &event, 0, &count, error);
        case 6:
            return bwrt_events(runtime, &cursor, &event, 1, nullptr, error);
        case 7:
            return bwrt_tenant_set(runtime, nullptr, error);
        case 8:
            return bwrt_sample_store(runtime, nullptr, error);
        case 9:
            return bwrt_block_id(nullptr, id, 1, &count, error);
        default:
            return bwrt_content_id(&span, 1, nullptr, error);
    }
}

}  // namespace bwrt::fuzz
