// SPDX-License-Identifier: Apache-2.0
//
// caller.cpp — what a caller does beside submitting, and how he learns what
// became of his waves.

#include <algorithm>

#include "tests/sim/simulation.h"

namespace bwrt::sim {
namespace {

void mix(std::uint64_t* hash, std::uint64_t value) {
    *hash = (*hash ^ value) * 0x100000001B3u;
    *hash ^= *hash >> 29;
}

}  // namespace

void Simulation::learn(LiveWave* live, const bwrt_completion& completion) {
    if (live->obtained) verdict_.wrong("wave %u completed twice", live->id);
    if (completion.wave != live->handle) verdict_.wrong("wave %u has another's handle", live->id);
    live->obtained = true;
    live->completion = completion;
    live->results_then = live->results;
    live->groups_then = live->groups;
    ++completed_count_;
    mix(&log_hash_, live->id);
    mix(&log_hash_, static_cast<std::uint64_t>(completion.status));
    mix(&log_hash_, completion.bytes);
    mix(&log_hash_, completion.prefix_count);
    mix(&log_hash_, completion.finished_ns);
    mix(&log_hash_, completion.operation_index);
}

void Simulation::wait_for(LiveWave* live, std::int64_t timeout_ns) {
    bwrt_completion completion = {};
    bwrt_error error = {};
    const std::uint64_t before_ns = clock_.peek_ns();
    const bwrt_status status = bwrt_wait(runtime_, live->handle, timeout_ns, &completion, &error);
    if (status == BWRT_OK) {
        learn(live, completion);
        if (bwrt_wait(runtime_, live->handle, 0, &completion, nullptr) != BWRT_E_HANDLE) {
            verdict_.wrong("wave %u can be had twice", live->id);
        }
    } else if (status != BWRT_E_TIMEOUT) {
        verdict_.wrong("wait: %s: %s", bwrt_status_name(status), error.message);
    } else if (timeout_ns < 0 ||
               clock_.peek_ns() < before_ns + static_cast<std::uint64_t>(timeout_ns)) {
        verdict_.wrong("a wait of %lld ns timed out early", static_cast<long long>(timeout_ns));
    }
}

void Simulation::poll() {
    bwrt_completion completions[8];
    std::uint32_t count = 0;
    const auto capacity = static_cast<std::uint32_t>(random_.between(1, 8));
    if (bwrt_poll(runtime_, completions, capacity, &count, nullptr) != BWRT_OK ||
        count > capacity) {
        verdict_.wrong("poll failed");
        return;
    }
    std::uint64_t last_ns = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint64_t id = completions[i].user_data;
        if (id == 0 || id > waves_.size() || waves_[id - 1]->wave.delivery != BWRT_DELIVER_QUEUE) {
            verdict_.wrong("poll returned a wave of none of ours");
            return;
        }
        if (completions[i].finished_ns < last_ns) verdict_.wrong("poll is not in order of ending");
        last_ns = completions[i].finished_ns;
        learn(waves_[id - 1].get(), completions[i]);
    }
}

// Has the wave ended?  Takes its completion when it can be had.
bool Simulation::is_over(LiveWave* live) {
    if (live->obtained) return true;
    switch (live->wave.delivery) {
        case BWRT_DELIVER_WAIT:
            wait_for(live, 0);
            break;
        case BWRT_DELIVER_QUEUE:
            poll();
            break;
        default: {
            bwrt_completion completion;
            const bwrt_status status = bwrt_wait(runtime_, live->handle, 0, &completion, nullptr);
            if (status == BWRT_E_HANDLE) {
                live->obtained = true;
            } else if (status != BWRT_E_INVAL) {
                verdict_.wrong("wait of a DETACHED wave: %s", bwrt_status_name(status));
            }
        }
    }
    return live->obtained;
}

// What a wave read may be what an earlier one wrote: that one is judged first.
void Simulation::judge_in_order(LiveWave* live) {
    if (live->judged || !verdict_.is_good()) return;
    const bwrt_completion& end = live->completion;
    const bool detached = live->wave.delivery == BWRT_DELIVER_DETACHED;
    const bool look =
        detached || end.status == BWRT_OK || end.bytes != 0 || end.status == BWRT_E_DEPENDENCY;
    for (LiveWave* before : live->after) {
        // A queue may have others in front of the one that is looked for.
        for (std::size_t i = 0; i <= live_.size() && !before->obtained && look; ++i) {
            if (is_over(before) || before->wave.delivery != BWRT_DELIVER_QUEUE) break;
        }
        if (before->obtained) judge_in_order(before);
    }
    if (detached) {
        judge_detached(live, &model_, &verdict_);
    } else {
        judge(live, expectation_, &model_, &verdict_);
        for (std::size_t i = 0; i < live->results.size(); ++i) {
            const bwrt_status status = live->results[i].status;
            if (live->entries[i].kind == BWRT_OP_FLUSH &&
                (status == BWRT_E_IO || status == BWRT_E_NOSPC)) {
                poisoned_.push_back(live->entries[i].file);
            }
        }
    }
}

void Simulation::judge_all() {
    for (std::size_t i = 0; i < live_.size(); ++i) {
        LiveWave* live = live_[i];
        if (!live->obtained && live->wave.delivery == BWRT_DELIVER_DETACHED) is_over(live);
        if (live->obtained) judge_in_order(live);
    }
    std::erase_if(live_, [](const LiveWave* live) { return live->judged; });
}

// ---- what else a caller does

void Simulation::cancel_one() {
    LiveWave* live = pick_live(false);
    if (live == nullptr) return;
    const bwrt_status status = bwrt_cancel(runtime_, live->handle, nullptr);
    if (status == BWRT_OK) {
        if (live->cancelled_ns == 0) live->cancelled_ns = clock_.peek_ns();
    } else if (status != BWRT_E_AGAIN &&
               !(status == BWRT_E_HANDLE && live->wave.delivery == BWRT_DELIVER_DETACHED)) {
        verdict_.wrong("cancel: %s", bwrt_status_name(status));
    }
}

void Simulation::quiesce_one() {
    Space* space = model_.spaces[random_.below(model_.spaces.size())];
    quiescing_ = true;
    const std::uint64_t timeout_ns = random_.chance(500) ? 0 : random_.below(2'000'000);
    const bwrt_status status = bwrt_region_set(runtime_, space->handle, BWRT_REGION_QUIESCE,
                                               static_cast<std::int64_t>(timeout_ns), nullptr);
    quiescing_ = false;
    if (status == BWRT_OK) {
        space->is_quiesced = true;
    } else if (status != BWRT_E_TIMEOUT) {
        verdict_.wrong("quiesce: %s", bwrt_status_name(status));
    } else {
        space->is_quiesced = false;  // undone
    }
}

void Simulation::resume_all() {
    for (Space* space : model_.spaces) {
        if (!space->is_quiesced) continue;
        if (bwrt_region_set(runtime_, space->handle, BWRT_REGION_RESUME, 0, nullptr) != BWRT_OK) {
            verdict_.wrong("resume failed");
        }
        space->is_quiesced = false;
    }
}

// Releasing is refused while anything uses the region; otherwise it is added
// again.
void Simulation::release_one() {
    Space* space = model_.spaces[random_.below(model_.spaces.size())];
    if (space->region.kind == BWRT_REGION_ALLOCATED) return;
    const bwrt_status status = bwrt_release(runtime_, space->handle, nullptr);
    if (status == BWRT_E_BUSY) return;
    if (status != BWRT_OK || space->layout_count != 0) {
        verdict_.wrong("release: %s", bwrt_status_name(status));
        return;
    }
    if (bwrt_release(runtime_, space->handle, nullptr) != BWRT_E_HANDLE) {
        verdict_.wrong("a region can be released twice");
    }
    space->is_quiesced = false;
    add_region(space);
}

}  // namespace bwrt::sim
