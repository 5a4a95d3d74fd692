// SPDX-License-Identifier: Apache-2.0
//
// executor_waits.cpp — what a wave waits for: the waves before it, what is enqueued on a device, a
// time, a token.

#include <algorithm>

#include "runtime/executor.h"

namespace bwrt::runtime {

// ---- others

void Executor::link_dependencies(Wave* wave) noexcept {
    wave->dependencies_open = 0;
    wave->dependents = nullptr;
    bool failed = false;
    for (std::uint32_t i = 0; i < wave->dependency_count; ++i) {
        Dependency& dependency = wave->dependencies[i];
        Wave* other = &tables_.waves.at(dependency.wave);
        if (other->phase == Phase::kOver) {
            failed = failed || other->completion.status != BWRT_OK;
            dependency.wave = kNoIndex;
            tables_.waves.release(other);
        } else {
            dependency.next = other->dependents;
            other->dependents = &dependency;
            ++wave->dependencies_open;
        }
    }
    if (failed) stop(wave, BWRT_E_DEPENDENCY);
}

void Executor::unlink_dependencies(Wave* wave) noexcept {
    for (std::uint32_t i = 0; i < wave->dependency_count; ++i) {
        Dependency& dependency = wave->dependencies[i];
        if (dependency.wave == kNoIndex) continue;
        Wave* other = &tables_.waves.at(dependency.wave);
        Dependency** link = &other->dependents;
        while (*link != &dependency) link = &(*link)->next;
        *link = dependency.next;
        dependency.wave = kNoIndex;
        tables_.waves.release(other);
    }
    wave->dependencies_open = 0;
}

// Its own completion is still there: each dependent holds a reference to the slot.
void Executor::wake_dependents(Wave* wave) noexcept {
    const bool failed = wave->completion.status != BWRT_OK;
    while (wave->dependents != nullptr) {
        Dependency* dependency = wave->dependents;
        wave->dependents = dependency->next;
        dependency->wave = kNoIndex;
        Wave* waiter = &tables_.waves.at(dependency->waiter);
        --waiter->dependencies_open;
        tables_.waves.release(wave);
        if (failed) {
            stop(waiter, BWRT_E_DEPENDENCY);
        } else {
            try_start(waiter);
        }
    }
}

// What was to come before it may never be over.
void Executor::fence_failed(Wave* wave, const DeviceAnswer& answer) noexcept {
    bwrt_completion& completion = wave->completion;
    completion.status = answer.status;
    completion.os_code = answer.code;
    completion.tier = BWRT_TIER_DEVICE;
    stop(wave, answer.status);
}

// ---- the list of live waves, in order of acceptance

void Executor::link_live(Wave* wave) noexcept {
    wave->previous = live_last_;
    wave->following = kNoIndex;
    if (live_last_ != kNoIndex) {
        tables_.waves.at(live_last_).following = wave->index;
    } else {
        live_first_ = wave->index;
    }
    live_last_ = wave->index;
    ++live_count_;
}

void Executor::unlink_live(Wave* wave) noexcept {
    if (wave->previous != kNoIndex) {
        tables_.waves.at(wave->previous).following = wave->following;
    } else {
        live_first_ = wave->following;
    }
    if (wave->following != kNoIndex) {
        tables_.waves.at(wave->following).previous = wave->previous;
    } else {
        live_last_ = wave->previous;
    }
    --live_count_;
}

// ---- time and tokens

void Executor::set_timer(Wave* wave) noexcept {
    const bool waiting = wave->phase == Phase::kWaiting;
    std::uint64_t window_event = kNeverNs;
    if (waiting || (wave->flags & BWRT_WAVE_WINDOW_ABORT) != 0) window_event = wave->window_end;
    const bool is_early = waiting && position(*wave) < wave->window_start;
    if (is_early) window_event = std::min(window_event, wave->window_start);
    std::uint64_t due_ns = wave->late != BWRT_LATE_FINISH ? wave->deadline_ns : kNeverNs;
    if (!wave->is_by_token) due_ns = std::min(due_ns, window_event);
    forget_timer(wave);
    if (due_ns != kNeverNs) timers_.insert(wave, {due_ns, wave->sequence});
    // A token may be the last number there is, which is no time that ever comes.
    if (wave->is_by_token && (is_early || window_event != kNeverNs)) {
        token_gates_.insert(wave, {window_event, wave->sequence});
    }
}

void Executor::forget_timer(Wave* wave) noexcept {
    timers_.remove(wave);
    token_gates_.remove(wave);
}

void Executor::fire_timers() noexcept {
    while (!timers_.is_empty() && timers_.top_key().due_ns <= now_ns_) fire(&timers_.top());
    while (!token_gates_.is_empty() && token_gates_.top_key().due_ns <= token_) {
        fire(&token_gates_.top());
    }
}

void Executor::fire(Wave* wave) noexcept {
    forget_timer(wave);
    if (wave->phase == Phase::kWaiting) {
        try_start(wave);
    } else if (wave->late != BWRT_LATE_FINISH && now_ns_ >= wave->deadline_ns) {
        stop(wave, BWRT_E_LATE);
    } else {
        stop(wave, BWRT_E_WINDOW);
    }
}

}  // namespace bwrt::runtime
