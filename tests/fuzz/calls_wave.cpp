// SPDX-License-Identifier: Apache-2.0
//
// calls_wave.cpp — waiting, polling, cancelling.

#include <cstring>

#include "tests/fuzz/machine.h"

namespace bwrt::fuzz {

std::int64_t Runner::draw_timeout(Bytecode* code) {
    constexpr std::int64_t kTimes[] = {0, -1, 1, 1'000, 50'000, 300'000, INT64_MIN, INT64_MAX};
    const std::int64_t timeout_ns = kTimes[code->byte() % 8];
    const Lock lock(machine_.mutex);
    const bool for_ever = timeout_ns < 0 || timeout_ns > 1'000'000;
    return for_ever && session().has_distant_wave ? 200'000 : timeout_ns;
}

// Of a wave that was accepted.
bwrt_status Runner::wait_for(bwrt_handle handle, std::int64_t timeout_ns) {
    bwrt_completion completion;
    std::memset(&completion, 0xA5, sizeof completion);
    Answer answer(ask_error_);
    const bwrt_status status = answer.check(
        bwrt_wait(session().runtime, handle, timeout_ns, &completion, answer.place()), "bwrt_wait");
    if (status != BWRT_OK) return status;
    const Lock lock(machine_.mutex);
    machine_.deliver(completion, session_, handle);
    return status;
}

void Runner::wait(Bytecode* code) {
    using State = WaveRecord::State;
    const std::int64_t timeout_ns = draw_timeout(code);
    WaveRecord* record = nullptr;
    bwrt_handle handle = 0;
    State before = State::kFree;
    std::uint32_t delivery = BWRT_DELIVER_WAIT;
    {
        const Lock lock(machine_.mutex);
        handle = draw_wave(code);
        for (WaveRecord& one : machine_.waves) {
            if (handle == 0 || one.handle != handle || one.session != session_) continue;
            record = &one;
            before = one.state;
            delivery = one.wave.delivery;
        }
    }
    if (session().runtime == nullptr) return;
    if (record == nullptr) {
        bwrt_completion completion;
        Answer answer(ask_error_);
        const bwrt_status status = answer.check(
            bwrt_wait(session().runtime, handle, timeout_ns, &completion, answer.place()),
            "bwrt_wait");
        if (status != BWRT_E_HANDLE && alone_) found("a wait for what is no wave: %d", status);
        return;
    }
    const bwrt_status status = wait_for(handle, timeout_ns);
    if (status == BWRT_E_TIMEOUT && timeout_ns < 0) found("a wait for ever timed out");
    if (!alone_) return;
    const bool waitable = before == State::kLive && delivery == BWRT_DELIVER_WAIT;
    if (waitable && status != BWRT_OK && status != BWRT_E_TIMEOUT) {
        found("a wait for a live wave: %d", status);
    }
    if (before == State::kDelivered && status != BWRT_E_HANDLE) {
        found("a wait for a delivered wave: %d", status);
    }
}

// False when there was nothing.
bool Runner::poll_once(std::uint32_t capacity) {
    auto completions = std::make_unique<bwrt_completion[]>(capacity);
    std::uint32_t count = 0xABCD;
    Answer answer(ask_error_);
    const bwrt_status status = answer.check(
        bwrt_poll(session().runtime, completions.get(), capacity, &count, answer.place()),
        "bwrt_poll");
    if (status != BWRT_OK || count > capacity)
        found("a poll: %d, %u of %u", status, count, capacity);
    const Lock lock(machine_.mutex);
    for (std::uint32_t i = 0; i < count; ++i) machine_.deliver(completions[i], session_, 0);
    return count != 0;
}

void Runner::poll(Bytecode* code) {
    if (session().runtime != nullptr) poll_once(1 + code->byte() % 16);
}

void Runner::cancel(Bytecode* code) {
    using State = WaveRecord::State;
    bwrt_handle handle = 0;
    State before = State::kFree;
    std::uint32_t delivery = BWRT_DELIVER_WAIT;
    {
        const Lock lock(machine_.mutex);
        handle = draw_wave(code);
        for (WaveRecord& one : machine_.waves) {
            if (handle == 0 || one.handle != handle || one.session != session_) continue;
            one.is_cancelled = true;
            before = one.state;
            delivery = one.wave.delivery;
        }
    }
    if (session().runtime == nullptr) return;
    Answer answer(ask_error_);
    const bwrt_status status =
        answer.check(bwrt_cancel(session().runtime, handle, answer.place()), "bwrt_cancel");
    if (!alone_) return;
    if (before == State::kLive && delivery != BWRT_DELIVER_DETACHED && status == BWRT_E_HANDLE) {
        found("a live wave cannot be cancelled");
    }
    if (before == State::kDelivered && status != BWRT_E_HANDLE) {
        found("a delivered wave was cancelled: %d", status);
    }
    // There is no device here: no stream waits, of whatever wave.
    Answer waits(ask_error_);
    if (waits.check(bwrt_stream_wait(session().runtime, handle, handle % 4, 0, 0, 0, waits.place()),
                    "bwrt_stream_wait") == BWRT_OK) {
        found("a stream of no device waits");
    }
}

// Takes what is over, so that its bytes can be claimed again.
void Runner::settle() {
    if (session().runtime == nullptr) return;
    while (poll_once(16)) {
    }
    for (WaveRecord& record : machine_.waves) {
        if (record.state != WaveRecord::State::kLive || record.session != session_) continue;
        if (record.wave.delivery == BWRT_DELIVER_WAIT) wait_for(record.handle, 0);
    }
}

}  // namespace bwrt::fuzz
