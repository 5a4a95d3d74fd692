// SPDX-License-Identifier: Apache-2.0
//
// calls_life.cpp — asking, shutting down, closing, and two threads at once; calls_open.cpp opens.

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "tests/fuzz/machine.h"

namespace bwrt::fuzz {

void Runner::ask_caps(Bytecode* code) {
    constexpr std::uint32_t kOurs = sizeof(bwrt_caps);
    const std::uint8_t form = code->byte();
    constexpr std::uint32_t kSizes[] = {kOurs, kOurs + 8, kOurs + 64, kOurs - 8, 0, 70000};
    const std::uint32_t bytes = kSizes[form % 6];
    auto memory = std::make_unique<std::byte[]>(std::max(kOurs, bytes > 4096 ? 0 : bytes));
    auto* caps = reinterpret_cast<bwrt_caps*>(memory.get());
    caps->struct_size = bytes;
    if (form >= 0xC0 && bytes > kOurs && bytes < 4096) memory[bytes - 1] = std::byte{1};
    // Without a runtime one is opened for the question, with all its defaults: once an input.
    bwrt_runtime* runtime = session().runtime;
    if (runtime == nullptr) {
        if (!alone_ || std::exchange(machine_.is_probed, true)) return;
    }
    Answer answer(ask_error_);
    const bwrt_status status =
        answer.check(bwrt_get_caps(runtime, caps, answer.place()), "bwrt_get_caps");
    if (status != BWRT_OK) return;
    if (caps->struct_size != bytes || caps->abi_version != bwrt_abi_version()) found("odd caps");
    if (runtime != nullptr && caps->wave_count_max != session().caps.wave_count_max) {
        found("other limits in force than before");
    }
}

void Runner::sample(Bytecode* code) {
    const std::uint8_t form = code->byte();
    const std::uint32_t capacity = form % 8;
    constexpr std::uint32_t kStrides[] = {sizeof(bwrt_route), sizeof(bwrt_route) + 8, 8,
                                          sizeof(bwrt_route) + 4};
    const std::uint32_t stride = kStrides[(form >> 3) % 4];
    auto routes = std::make_unique<std::byte[]>(std::size_t{stride} * capacity + 1);
    bwrt_counters counters = {};
    counters.struct_size = sizeof counters;
    counters.route_capacity = capacity;
    counters.route_bytes = stride;
    if ((form & 0x20) == 0) counters.routes = reinterpret_cast<bwrt_route*>(routes.get());
    if ((form & 0x40) != 0) counters.struct_size -= 8;
    if (session().runtime == nullptr) return;
    Answer answer(ask_error_);
    const bwrt_status status =
        answer.check(bwrt_sample(session().runtime, &counters, answer.place()), "bwrt_sample");
    if (status != BWRT_OK) return;
    check_totals(counters);
    if (counters.routes == nullptr) return;
    for (std::uint32_t i = 0; i < std::min(capacity, counters.route_count); ++i) {
        bwrt_route route;
        std::memcpy(&route, routes.get() + std::size_t{i} * stride, sizeof route);
        std::uint64_t in_buckets = 0;
        for (const std::uint64_t bucket : route.latency_buckets) in_buckets += bucket;
        if (in_buckets != route.request_count) found("latencies do not add up");
    }
}

void Runner::event_fd(Bytecode* code) {
    const int wait_ms = code->byte() >= 0xF0 ? 1 : 0;
    if (session().runtime == nullptr) return;
    std::int32_t fd = -7;
    Answer answer(ask_error_);
    const bwrt_status status =
        answer.check(bwrt_event_fd(session().runtime, &fd, answer.place()), "bwrt_event_fd");
    if (status != BWRT_OK || fd < 0) found("no event fd: %d", status);
    pollfd entry = {fd, POLLIN, 0};
    const int ready = ::poll(&entry, 1, wait_ms);
    // The fuzzer's own alarm may come in between.
    if ((ready < 0 && errno != EINTR) ||
        (ready > 0 && (entry.revents & (POLLNVAL | POLLERR)) != 0)) {
        found("the event fd cannot be waited for");
    }
}

void Runner::shut_down(Bytecode* code) {
    constexpr std::int64_t kTimes[] = {0, 1, 50'000, 300'000};
    const std::uint8_t form = code->byte();
    const std::uint32_t flags = form >= 0xF0 ? form % 8u : form % 2u;
    std::int64_t timeout_ns = kTimes[(form >> 1) % 4];
    {
        const Lock lock(machine_.mutex);
        if (session().runtime == nullptr) return;
        if (flags <= BWRT_SHUTDOWN_CANCEL) session().is_closing = true;
        if (flags == BWRT_SHUTDOWN_CANCEL) session().all_cancelled = true;
        const bool finite = flags == BWRT_SHUTDOWN_CANCEL || !session().has_distant_wave;
        if ((form & 0x08) != 0 && finite) timeout_ns = -1;
    }
    Answer answer(ask_error_);
    const bwrt_status status = answer.check(
        bwrt_shutdown(session().runtime, flags, timeout_ns, answer.place()), "bwrt_shutdown");
    if (status == BWRT_E_TIMEOUT && timeout_ns < 0) found("a shutdown for ever timed out");
    if (status == BWRT_OK && flags > BWRT_SHUTDOWN_CANCEL) found("shutdown with unknown flags");
    const Lock lock(machine_.mutex);
    if (status == BWRT_OK) session().is_shut = true;
}

// Alone and last, or refused.
void Runner::close(Bytecode* code) {
    const bool politely = code->byte() % 2 == 0;
    if (!alone_ || session().runtime == nullptr) return;
    if (session().is_shut) {
        end(session_, politely);
        return;
    }
    Answer answer(ask_error_);
    const bwrt_status status =
        answer.check(bwrt_close(session().runtime, answer.place()), "bwrt_close");
    if (status != BWRT_E_BUSY) found("closed without a shutdown: %d", status);
}

// Every function without what it needs.
void Runner::pass_nothing(Bytecode* code) {
    const std::uint8_t which = code->byte();
    bwrt_runtime* runtime = (which & 0x80) != 0 ? nullptr : session().runtime;
    bwrt_handle handle = 0;
    bwrt_completion completion;
    std::uint32_t count = 0;
    std::int32_t fd = 0;
    Answer answer(ask_error_);
    bwrt_error* error = answer.place();
    bwrt_status status = BWRT_E_INVAL;
    if ((which & 0x60) == 0x60) {
        status = answer.check(pass_nothing_to_store(which, runtime, error), "a call for nothing");
        if (status == BWRT_OK) found("call %u about blocks succeeds without arguments", which % 12);
        return;
    }
    auto* odd = reinterpret_cast<std::byte*>(&completion) + 4;
    switch (which % 20) {
        case 0:
            status = bwrt_open(nullptr, nullptr, error);
            break;
        case 1:
            status = bwrt_submit_wave(runtime, nullptr, &handle, error);
            break;
        case 2:
            status = bwrt_wait(runtime, handle, 0, nullptr, error);
            break;
        case 3:
            status = bwrt_poll(runtime, nullptr, 1, &count, error);
            break;
        case 4:
            status = bwrt_poll(runtime, &completion, 1, nullptr, error);
            break;
        case 5:
            status = bwrt_poll(runtime, &completion, 0, &count, error);
            break;
        case 6:
            status = bwrt_cancel(runtime, 0, error);
            break;
        case 7:
            status = bwrt_event_fd(runtime, nullptr, error);
            break;
        case 8:
            status = bwrt_region_add(runtime, nullptr, &handle, nullptr, error);
            break;
        case 9:
            status = bwrt_layout_add(runtime, nullptr, &handle, error);
            break;
        case 10:
            status = bwrt_release(runtime, 0, error);
            break;
        case 11:
            status = bwrt_region_set(runtime, 0, BWRT_REGION_QUIESCE, 0, error);
            break;
        case 12:
            status = bwrt_sample(runtime, nullptr, error);
            break;
        case 13:
            status = bwrt_get_caps(runtime, nullptr, error);
            break;
        case 14:
            status = bwrt_shutdown(nullptr, 0, 0, error);
            break;
        case 15:
            status = bwrt_close(nullptr, error) == BWRT_OK ? status : BWRT_OK;
            return;
        case 16:
            status = bwrt_event_fd(nullptr, &fd, error);
            break;
        case 17:
            status = bwrt_wait(runtime, 0, 0, reinterpret_cast<bwrt_completion*>(odd), error);
            break;
        case 18:
            status = bwrt_get_caps(runtime, reinterpret_cast<bwrt_caps*>(odd), error);
            break;
        default:
            status = bwrt_submit_wave(runtime, reinterpret_cast<bwrt_wave*>(odd), &handle, error);
            break;
    }
    answer.check(status, "a call without its arguments");
    if (status == BWRT_OK) found("call %u succeeds without its arguments", which % 20);
}

// The next bytes on a second thread, those behind them on this one.
void Runner::duo(Bytecode* code) {
    const std::uint32_t other_bytes = 4 * code->byte();
    const std::uint32_t own_bytes = 4 * code->byte();
    const Bytecode other = code->part(other_bytes), own = code->part(own_bytes);
    std::thread second([&] { Runner(&machine_, false).execute(other); });
    Runner(&machine_, false).execute(own);
    second.join();
}

}  // namespace bwrt::fuzz
