// SPDX-License-Identifier: Apache-2.0
//
// ending.cpp — a runtime comes to rest and has to be as good as new: every wave delivered, every
// slot to be had, everything released, the counters those of what happened.
//
// An input may also leave rudely: it shuts down with waves running and completions not taken.

#include <sched.h>

#include <algorithm>
#include <cstring>

#include "tests/fuzz/machine.h"

namespace bwrt::fuzz {

using State = WaveRecord::State;

bwrt_counters Runner::take_sample() {
    bwrt_counters counters = {};
    counters.struct_size = sizeof counters;
    if (bwrt_sample(session().runtime, &counters, nullptr) != BWRT_OK) found("no sample");
    return counters;
}

void Runner::check_totals(const bwrt_counters& counters) {
    const std::uint64_t outcomes = counters.waves_ok + counters.waves_cancelled +
                                   counters.waves_late + counters.waves_window +
                                   counters.waves_dependency + counters.waves_failed;
    if (counters.waves_accepted != counters.waves_pending + outcomes) {
        found("counters: accepted is not pending and the outcomes");
    }
    if (counters.unknown_completions != 0) found("counters: a completion of nothing");
    if (!alone_) return;
    if (counters.waves_accepted != session().accepted_count) {
        found("counters: %llu accepted, %llu were",
              static_cast<unsigned long long>(counters.waves_accepted),
              static_cast<unsigned long long>(session().accepted_count));
    }
    if (counters.waves_refused != session().refused_count) {
        found("counters: %llu refused, %llu were",
              static_cast<unsigned long long>(counters.waves_refused),
              static_cast<unsigned long long>(session().refused_count));
    }
    const std::uint64_t undelivered = static_cast<std::uint64_t>(
        std::count_if(machine_.waves.begin(), machine_.waves.end(), [&](const WaveRecord& record) {
            return record.session == session_ && record.state == State::kLive &&
                   record.wave.delivery != BWRT_DELIVER_DETACHED;
        }));
    if (counters.undelivered > undelivered) found("counters: more undelivered than there are");
}

// Cancels what would take too long and takes all completions.
void Runner::let_end() {
    for (WaveRecord& record : machine_.waves) {
        if (record.state != State::kLive || record.session != session_) continue;
        if (!session().has_distant_wave) continue;
        record.is_cancelled = true;
        bwrt_status status = BWRT_E_AGAIN;
        while (status == BWRT_E_AGAIN) {  // the ring is full: let it be driven
            status = bwrt_cancel(session().runtime, record.handle, nullptr);
            if (status == BWRT_E_AGAIN) take_sample();
        }
    }
    const std::uint64_t until_ns = now_ns() + static_cast<std::uint64_t>(kPatienceNs);
    for (;;) {
        const bwrt_counters counters = take_sample();
        settle();
        if (counters.waves_pending == 0) break;
        if (now_ns() > until_ns) {
            found("%llu waves do not end", static_cast<unsigned long long>(counters.waves_pending));
        }
        sched_yield();
    }
    settle();
    for (WaveRecord& record : machine_.waves) {
        if (record.state != State::kLive || record.session != session_) continue;
        if (record.wave.delivery != BWRT_DELIVER_DETACHED) found("a wave is over, not delivered");
        machine_.forget(&record);
    }
}

// With no wave alive there is a slot for each that the limits allow, and for the largest wave.
void Runner::check_slots() {
    static std::byte bytes[2][64];
    const std::uint32_t count = session().caps.wave_count_max;
    bwrt_operation operation = {};
    operation.kind = BWRT_OP_COPY;
    operation.source = operation.target = BWRT_PROCESS_MEMORY;
    operation.source_offset_bytes = reinterpret_cast<std::uintptr_t>(bytes[0]);
    operation.target_offset_bytes = reinterpret_cast<std::uintptr_t>(bytes[1]);
    operation.length_bytes = 1;
    bwrt_wave wave = {};
    wave.struct_size = sizeof wave;
    wave.operations = &operation;
    wave.operation_count = 1;
    wave.operation_bytes = sizeof operation;
    wave.delivery = BWRT_DELIVER_QUEUE;
    for (std::uint32_t i = 0; i < count; ++i) {
        bwrt_handle handle = 0;
        bwrt_error error = {};
        const bwrt_status status = bwrt_submit_wave(session().runtime, &wave, &handle, &error);
        if (status != BWRT_OK) {
            found("nothing runs, and wave %u of %u gets: %s", i, count, error.message);
        }
        ++session().accepted_count;
    }
    const std::uint64_t until_ns = now_ns() + static_cast<std::uint64_t>(kPatienceNs);
    for (std::uint32_t got = 0; got < count;) {
        bwrt_completion completions[8];
        std::uint32_t taken = 0;
        bwrt_poll(session().runtime, completions, 8, &taken, nullptr);
        for (std::uint32_t i = 0; i < taken; ++i) {
            if (completions[i].status != BWRT_OK) found("a copy of a byte fails");
        }
        got += taken;
        if (now_ns() > until_ns) found("copies of a byte do not end");
    }

    std::vector<bwrt_operation> all(session().caps.operation_count_max, operation);
    for (std::size_t i = 0; i < all.size(); ++i) {
        all[i].kind = BWRT_OP_SIGNAL;
        all[i].source = all[i].source_offset_bytes = 0;
        all[i].length_bytes = 8;
        all[i].value_done = 1;
    }
    std::vector<std::uint64_t> signals(all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        all[i].target_offset_bytes = reinterpret_cast<std::uintptr_t>(&signals[i]);
        all[i].group = static_cast<std::uint32_t>(i) % session().caps.group_count_max;
    }
    wave.operations = all.data();
    wave.operation_count = static_cast<std::uint32_t>(all.size());
    wave.delivery = BWRT_DELIVER_WAIT;
    bwrt_handle handle = 0;
    bwrt_error error = {};
    bwrt_completion completion = {};
    if (bwrt_submit_wave(session().runtime, &wave, &handle, &error) != BWRT_OK) {
        found("nothing runs, and the largest wave gets: %s", error.message);
    }
    ++session().accepted_count;
    if (bwrt_wait(session().runtime, handle, kPatienceNs, &completion, &error) != BWRT_OK ||
        completion.status != BWRT_OK ||
        std::any_of(signals.begin(), signals.end(), [](std::uint64_t s) { return s != 1; })) {
        found("the largest wave does not end well");
    }
}

// With nothing on its way.
bwrt_store_counters Runner::sample_store_at_rest() {
    bwrt_store_counters counters = {};
    counters.struct_size = sizeof counters;
    const std::uint64_t until_ns = now_ns() + static_cast<std::uint64_t>(kPatienceNs);
    do {
        settle();
        if (bwrt_sample_store(session().runtime, &counters, nullptr) != BWRT_OK) found("no sample");
        if (now_ns() > until_ns) found("blocks stay on their way");
    } while (counters.flight_count != 0);
    if (counters.corrupt_count != 0 || counters.failed_count != 0) found("blocks rot");
    return counters;
}

// What was told of the store is what there is.
void Runner::check_store() {
    StoreState& store = session().store;
    std::uint64_t in_host = 0, on_disk = 0;
    bwrt_store_counters counters = sample_store_at_rest();
    do {  // the time of one may just be over
        in_host = counters.host.block_count;
        on_disk = counters.disk.block_count;
        bwrt_event events[32];
        for (std::uint32_t count = 32; count != 0;) {
            if (bwrt_events(session().runtime, &store.event_cursor, events, 32, &count, nullptr) !=
                BWRT_OK) {
                found("no events");
            }
            for (std::uint32_t i = 0; i < count; ++i) follow_event(events[i]);
        }
        counters = sample_store_at_rest();
    } while (counters.host.block_count != in_host || counters.disk.block_count != on_disk);
    std::uint64_t told_in_host = 0;
    for (const auto& [key, tier] : store.told) told_in_host += tier == BWRT_TIER_HOST ? 1 : 0;
    const std::uint64_t told_on_disk = store.told.size() - told_in_host;
    if (in_host != told_in_host || on_disk != told_on_disk) {
        found("%llu and %llu blocks were told of, there are %llu and %llu",
              static_cast<unsigned long long>(told_in_host),
              static_cast<unsigned long long>(told_on_disk),
              static_cast<unsigned long long>(in_host), static_cast<unsigned long long>(on_disk));
    }
}

void Runner::end(std::uint32_t session, bool politely) {
    session_ = session;
    bwrt_runtime* runtime = this->session().runtime;
    if (!this->session().is_closing && politely) {
        let_end();
        check_slots();
        const StoreState& store = this->session().store;
        if (store.is_there && !store.is_reader) check_store();
        for (const bool layouts : {true, false}) {
            for (const Thing& thing : this->session().things) {
                if (!thing.is_live || thing.is_layout != layouts) continue;
                if (release_thing(thing.handle) != BWRT_OK) found("nothing runs, a release fails");
            }
        }
    }
    this->session().all_cancelled = true;
    bwrt_error error = {};
    if (bwrt_shutdown(runtime, BWRT_SHUTDOWN_CANCEL, kPatienceNs, &error) != BWRT_OK) {
        found("the runtime cannot be shut down: %s", error.message);
    }
    this->session().is_closing = true;
    const bwrt_counters counters = take_sample();
    check_totals(counters);
    if (counters.waves_pending != 0 || counters.queued_bytes != 0 || counters.inflight_count != 0) {
        found("the runtime is shut down and something runs");
    }
    if (politely) {
        settle();
        if (take_sample().undelivered != 0) found("something is undelivered that was delivered");
    }
    for (WaveRecord& record : machine_.waves) {
        if (record.session != session_ || record.state == State::kFree) continue;
        const bool detached = record.wave.delivery == BWRT_DELIVER_DETACHED;
        if (record.state == State::kLive && politely && !detached) found("a completion is lost");
        if (record.state == State::kDelivered &&
            bwrt_cancel(runtime, record.handle, nullptr) != BWRT_E_HANDLE) {
            found("a delivered wave has a live handle");
        }
        if (record.state == State::kLive) machine_.forget(&record);
    }
    for (Thing& thing : this->session().things) {
        if (!thing.is_live || thing.kind != BWRT_REGION_ALLOCATED) continue;
        World::check_memory(*thing.space, "an ALLOCATED region");
        thing.space->actual = nullptr;
        thing.space->is_used = false;
    }
    if (bwrt_close(runtime, &error) != BWRT_OK) found("close: %s", error.message);
    this->session() = Session();
}

}  // namespace bwrt::fuzz
