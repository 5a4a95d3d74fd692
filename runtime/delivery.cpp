// SPDX-License-Identifier: Apache-2.0

#include "runtime/delivery.h"

#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <bit>

#include "runtime/futex.h"

namespace bwrt::runtime {

Delivery::Delivery(WaveTable* waves)
    : waves_(*waves), queue_(std::bit_ceil(std::max<std::size_t>(2, waves->count()))) {}

Delivery::~Delivery() {
    const int fd = event_fd_.load(std::memory_order_relaxed);
    if (fd >= 0) close(fd);
}

void Delivery::deliver(Wave* wave) noexcept {
    switch (wave->delivery.load(std::memory_order_relaxed)) {
        case BWRT_DELIVER_WAIT: {
            const std::uint32_t before =
                wave->outcome.fetch_or(kOutcomeDone, std::memory_order_release);  // W1
            if ((before & kOutcomeSleeper) != 0) futex_wake_all(&wave->outcome);
            break;
        }
        case BWRT_DELIVER_QUEUE:
            // As long as the wave table, so it is full only while a poller that was preempted
            // in the middle of taking has the slot: it will be back.
            while (!queue_.push(wave->index)) sched_yield();
            if (event_fd_.load(std::memory_order_seq_cst) >= 0) signal();  // D3
            break;
        default:
            wave->ticket.store(0, std::memory_order_release);
            waves_.release(wave);
    }
}

bool Delivery::claim(Wave* wave, bwrt_handle handle, bwrt_completion* completion_out) noexcept {
    std::uint64_t expected = handle;
    if (!wave->ticket.compare_exchange_strong(expected, 0, std::memory_order_acq_rel)) {  // W3
        return false;
    }
    *completion_out = wave->completion;
    waves_.release(wave);
    return true;
}

std::uint32_t Delivery::poll(bwrt_completion* completions, std::uint32_t capacity) noexcept {
    std::uint32_t count = 0;
    std::uint32_t index;
    while (count < capacity && queue_.pop_shared(&index)) {
        Wave* wave = &waves_.at(index);
        wave->ticket.store(0, std::memory_order_release);
        completions[count++] = wave->completion;
        waves_.release(wave);
    }
    const int fd = event_fd_.load(std::memory_order_acquire);
    if (fd >= 0 && queue_.is_empty()) {
        std::uint64_t counter;
        static_cast<void>(!read(fd, &counter, sizeof counter));
        signalled_.store(false, std::memory_order_seq_cst);  // D2
        if (!queue_.is_empty()) signal();
    }
    return count;
}

void Delivery::signal() noexcept {
    if (signalled_.exchange(true, std::memory_order_seq_cst)) return;  // D1
    const std::uint64_t one = 1;
    static_cast<void>(!write(event_fd_.load(std::memory_order_relaxed), &one, sizeof one));
}

int Delivery::event_fd() noexcept {
    int fd = event_fd_.load(std::memory_order_acquire);
    if (fd >= 0) return fd;
    fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) return -1;
    event_fd_.store(fd, std::memory_order_seq_cst);  // D4
    if (!queue_.is_empty()) signal();
    return fd;
}

}  // namespace bwrt::runtime
