// SPDX-License-Identifier: Apache-2.0
//
// workload.cpp — draws the waves of a run: every field of the header, always
// rightly.

#include <algorithm>
#include <cstring>

#include "tests/sim/simulation.h"

namespace bwrt::sim {
namespace {

constexpr std::uint32_t kOperationCountMax = 10;

}  // namespace

void Simulation::draw_dependencies(LiveWave* live) {
    if (random_.chance(80)) {
        live->wave.flags |= BWRT_WAVE_BARRIER;
        live->after = live_;
    }
    if (!random_.chance(300)) return;
    for (bwrt_handle& handle : live->wave.wait_for) {
        if (live_.empty() || !random_.chance(600)) continue;
        LiveWave* before = live_[random_.below(live_.size())];
        if (before->obtained || before->wave.delivery == BWRT_DELIVER_DETACHED) continue;
        handle = before->handle;
        live->after.push_back(before);
        live->must_hold.push_back(before);
    }
}

void Simulation::draw_header(LiveWave* live) {
    bwrt_wave& wave = live->wave;
    wave.struct_size = sizeof wave;
    wave.user_data = live->id;
    wave.priority = random_.chance(500) ? 0 : static_cast<std::uint32_t>(random_.below(3));
    const std::uint64_t delivery = random_.below(10);
    wave.delivery = delivery < 6   ? BWRT_DELIVER_WAIT
                    : delivery < 9 ? BWRT_DELIVER_QUEUE
                                   : BWRT_DELIVER_DETACHED;
    const std::uint64_t now_ns = clock_.peek_ns();
    if (random_.chance(400)) {
        const std::uint64_t in_ns = random_.between(1, random_.chance(500) ? 200'000 : 5'000'000);
        if (random_.chance(500)) wave.flags |= BWRT_WAVE_DEADLINE_RELATIVE;
        wave.deadline_ns = (wave.flags & BWRT_WAVE_DEADLINE_RELATIVE) != 0 ? in_ns : now_ns + in_ns;
        live->deadline_ns = now_ns + in_ns;
        if (!gentle_) wave.late = static_cast<std::uint32_t>(random_.below(3));
    }
    if (random_.chance(150)) {
        wave.window = BWRT_WINDOW_TIME;
        wave.window_start = now_ns + random_.below(300'000);
        if (!gentle_) {
            wave.window_end = wave.window_start + random_.between(1, 2'000'000);
            if (random_.chance(400)) wave.flags |= BWRT_WAVE_WINDOW_ABORT;
        }
    }
}

void Simulation::point_arrays(LiveWave* live) {
    bwrt_wave& wave = live->wave;
    wave.operations = live->operations.data();
    wave.operation_count = static_cast<std::uint32_t>(live->operations.size());
    wave.operation_bytes = sizeof(bwrt_operation);
    if (wave.delivery == BWRT_DELIVER_DETACHED) return;
    if (random_.chance(500)) {
        live->results.resize(live->entries.size());
        wave.results = live->results.data();
        wave.result_count = static_cast<std::uint32_t>(live->results.size());
        wave.result_bytes = sizeof(bwrt_result);
    }
    if (random_.chance(400)) {
        live->groups.resize(16);
        wave.groups = live->groups.data();
        wave.group_count = 16;
        wave.group_bytes = sizeof(bwrt_group_result);
    }
}

void Simulation::submit() {
    auto made = std::make_unique<LiveWave>();
    LiveWave* live = made.get();
    live->id = static_cast<std::uint16_t>(waves_.size() + 1);
    draw_header(live);
    draw_dependencies(live);
    const std::uint64_t count = random_.chance(400) ? 1 : random_.between(1, kOperationCountMax);
    for (std::uint64_t attempt = 0; attempt < 3 * count && live->operations.size() < count;
         ++attempt) {
        add_operation(live);
    }
    if (live->operations.empty()) return;
    point_arrays(live);
    bwrt_error error = {};
    const bwrt_status status = bwrt_submit_wave(runtime_, &live->wave, &live->handle, &error);
    if (status != BWRT_OK) {
        // A block that is skipped still counts as a target where it lies in a
        // region.
        const bool expected = status == BWRT_E_AGAIN || status == BWRT_E_OVERLAP ||
                              (status == BWRT_E_LATE && live->wave.late == BWRT_LATE_REFUSE);
        if (!expected) verdict_.wrong("submit: %s: %s", bwrt_status_name(status), error.message);
        for (const Piece& piece : live->pieces) model_.unclaim(piece);
        ++refused_count_;
        return;
    }
    ++accepted_count_;
    live_.push_back(live);
    waves_.push_back(std::move(made));
    // What was given is ours again, and may change.
    for (bwrt_operation& operation : live->operations)
        std::memset(&operation, 0xEE, sizeof operation);
    for (auto& slots : live->slots) std::fill(slots.begin(), slots.end(), 0xEEEEEEEEu);
}

}  // namespace bwrt::sim
