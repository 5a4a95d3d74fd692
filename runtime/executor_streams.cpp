// SPDX-License-Identifier: Apache-2.0
//
// executor_streams.cpp — streams of an engine that are to wait for groups of waves.

#include "runtime/executor.h"
#include "runtime/futex.h"

namespace bwrt::runtime {

void Executor::add_stream_wait(StreamWait* wait) noexcept {
    if (settle(wait)) return;
    wait->next = stream_waits_;
    stream_waits_ = wait;
}

void Executor::drop_stream_wait(StreamWait* wait) noexcept {
    for (StreamWait** link = &stream_waits_; *link != nullptr; link = &(*link)->next) {
        if (*link != wait) continue;
        *link = wait->next;
        return;
    }
}

void Executor::settle_stream_waits() noexcept {
    for (StreamWait** link = &stream_waits_; *link != nullptr;) {
        StreamWait* const wait = *link;
        StreamWait* const next = wait->next;  // it is gone when its caller sees that it is done
        if (settle(wait)) {
            *link = next;
        } else {
            link = &wait->next;
        }
    }
}

// True when it is done.
bool Executor::settle(StreamWait* wait) noexcept {
    const Wave& wave = *wait->wave;
    const bool is_over = wave.phase == Phase::kOver;
    DeviceAnswer& answer = wait->answer;
    std::uint64_t left_bytes = 0;
    if (is_over) {  // and of its groups nothing is kept but which one was the first to fail
        if (wait->group >= wave.failed_group) answer.status = wave.completion.status;
    } else if (wave.group_root == nullptr) {
        answer.status = wave.completion.status;
        left_bytes = wave.unresolved;
    } else {
        const GroupState& group = wave.group(wait->group);
        answer.status = group.status;
        left_bytes = group.unresolved;
    }
    if (answer.status == BWRT_OK && left_bytes != 0) {
        if (!devices_.is_out(wave, wait->group, left_bytes)) return false;
        answer = devices_.let_wait(wave, wait->group, wait->room, wait->stream);
    } else if (answer.status == BWRT_OK && !is_over && wave.phase == Phase::kWaiting) {
        return false;  // a group without bytes is there when its wave has begun
    }
    wait->done.store(1, std::memory_order_release);
    futex_wake_all(&wait->done);
    return true;
}

}  // namespace bwrt::runtime
