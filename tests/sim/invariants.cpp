// SPDX-License-Identifier: Apache-2.0
//
// invariants.cpp — what holds at any moment of a run, and what holds when it
// has come to rest.

#include <algorithm>
#include <cstring>

#include "tests/sim/simulation.h"

namespace bwrt::sim {

using runtime::Phase;
using runtime::Tables;

std::uint32_t Simulation::world_states() const {
    std::uint32_t states = quiescing_ ? bit(State::kQuiescing) : 0;
    if (closing_) states |= bit(State::kClosing);
    if (runtime_ == nullptr) return states;
    const Tables& tables = runtime_->runtime.tables();
    for (std::uint32_t i = 0; i < tables.waves.count(); ++i) {
        if (tables.waves.at(i).phase == Phase::kWaiting) return states | bit(State::kWaiting);
    }
    return states;
}

// No byte has changed that no live wave may write: canaries, sources, unaligned
// neighbours, and the targets of waves that are over.
void Simulation::check_bytes() {
    std::uint64_t position = 0;
    const Space* space = model_.find_damage(&position);
    if (space == nullptr) return;
    verdict_.wrong("%s changed at %llu, where no wave may write", space->name.c_str(),
                   static_cast<unsigned long long>(position));
}

void Simulation::check_counters(bool at_rest) {
    bwrt_route routes[4] = {};
    bwrt_counters counters = {};
    counters.struct_size = sizeof counters;
    counters.routes = routes;
    counters.route_capacity = 4;
    counters.route_bytes = sizeof(bwrt_route);
    if (bwrt_sample(runtime_, &counters, nullptr) != BWRT_OK) {
        verdict_.wrong("sample failed");
        return;
    }
    const std::uint64_t outcomes = counters.waves_ok + counters.waves_cancelled +
                                   counters.waves_late + counters.waves_window +
                                   counters.waves_dependency + counters.waves_failed;
    if (counters.waves_accepted != counters.waves_pending + outcomes) {
        verdict_.wrong("counters: accepted is not pending and the outcomes");
    }
    if (counters.waves_accepted + counters.ring_occupancy < accepted_count_) {
        verdict_.wrong("counters: accepted waves are missing");
    }
    if (counters.waves_refused != refused_count_) verdict_.wrong("counters: waves_refused");
    if (counters.unknown_completions != storage_.ghost_count()) {
        verdict_.wrong("%llu unknown completions, %llu were made up",
                       static_cast<unsigned long long>(counters.unknown_completions),
                       static_cast<unsigned long long>(storage_.ghost_count()));
    }
    if (counters.inflight_count < storage_.out_count()) {
        verdict_.wrong("fewer in flight than the device has");
    }
    std::uint64_t route_bytes = 0, inflight = 0;
    for (const bwrt_route& route : routes) {
        std::uint64_t in_buckets = 0;
        for (const std::uint64_t bucket : route.latency_buckets) in_buckets += bucket;
        if (in_buckets != route.request_count) verdict_.wrong("latencies do not add up");
        if (at_rest && route.staged_bytes > route.bytes)
            verdict_.wrong("more bytes staged than moved");
        route_bytes += route.bytes;
        inflight += route.inflight_count;
    }
    if (inflight != counters.inflight_count) verdict_.wrong("inflight_count does not add up");
    if (!at_rest) return;
    if (counters.waves_pending != 0 || counters.queued_bytes != 0 || counters.inflight_count != 0 ||
        counters.undelivered != 0 || counters.waves_accepted != accepted_count_) {
        verdict_.wrong(
            "counters: not at rest: %llu pending, %llu queued bytes, "
            "%llu in flight",
            static_cast<unsigned long long>(counters.waves_pending),
            static_cast<unsigned long long>(counters.queued_bytes),
            static_cast<unsigned long long>(counters.inflight_count));
    }
    std::uint64_t moved = 0;
    bool has_detached = false;
    for (const auto& live : waves_) {
        moved += live->completion.bytes;
        has_detached = has_detached || live->wave.delivery == BWRT_DELIVER_DETACHED;
    }
    const bool all_well = counters.waves_ok == counters.waves_accepted;
    if (!has_detached && (route_bytes < moved || (all_well && route_bytes != moved))) {
        verdict_.wrong("routes moved %llu bytes, completions tell of %llu",
                       static_cast<unsigned long long>(route_bytes),
                       static_cast<unsigned long long>(moved));
    }
}

// Everything a wave takes has been given back.
void Simulation::check_rest() {
    check_counters(true);
    Tables& tables = runtime_->runtime.tables();
    const runtime::StorageLane& lane = runtime_->runtime.progress().executor().storage();
    if (tables.waves.count_taken() != 0) verdict_.wrong("wave slots are held");
    std::vector<runtime::Wave*> slots;
    while (runtime::Wave* slot = tables.waves.take()) slots.push_back(slot);
    if (slots.size() != tables.waves.count()) verdict_.wrong("wave slots are missing");
    for (runtime::Wave* slot : slots) tables.waves.put_back(slot);
    if (tables.pages.count_free() != tables.pages.count()) {
        verdict_.wrong("%u of %u pages are missing",
                       tables.pages.count() - tables.pages.count_free(), tables.pages.count());
    }
    if (lane.staging_free_count() != lane.staging_count()) verdict_.wrong("staging is missing");
    if (lane.inflight_count() != 0) verdict_.wrong("transfers are missing");
    if (lane.has_ready()) verdict_.wrong("a wave is ready to run and over");
    if (storage_.out_count() != 0) verdict_.wrong("requests are out and nobody waits for them");
    if (!tables.ring.is_empty()) verdict_.wrong("a command was left in the ring");
    for (std::uint32_t i = 0; i < tables.waves.count(); ++i) {
        const Phase phase = tables.waves.at(i).phase;
        if (phase != Phase::kFree && phase != Phase::kOver) verdict_.wrong("a slot is in use");
    }
}

// The caller's arrays are his alone after the completion.
void Simulation::check_results() {
    for (const auto& live : waves_) {
        const auto same = [](const auto& now, const auto& then) {
            return now.size() == then.size() &&
                   (now.empty() ||
                    std::memcmp(now.data(), then.data(), now.size() * sizeof now[0]) == 0);
        };
        if (live->judged &&
            (!same(live->results, live->results_then) || !same(live->groups, live->groups_then))) {
            verdict_.wrong("wave %u: results changed after its completion", live->id);
        }
    }
}

}  // namespace bwrt::sim
