// SPDX-License-Identifier: Apache-2.0
//
// delivery.h — a finished wave on its way to whoever asked.
//
//   WAIT      the wave's outcome word, on which waiters sleep
//   QUEUE     a queue for pollers, and an eventfd once somebody has asked for it
//   DETACHED  nobody: the slot is free at once
//
// The eventfd is readable while the queue is not empty:
//   D1 executor: push, then seq_cst exchange of signalled_ to true; writes when it was false
//   D2 poller that empties the queue: drains the eventfd, seq_cst store false, looks again; what
//   was
//      pushed meanwhile is seen either by this look or by the executor's exchange.
//   D3 executor: push, then seq_cst load of event_fd_
//   D4 who makes it: seq_cst store, then a look at the queue: one of the two sees the other.

#pragma once

#include <atomic>
#include <cstdint>

#include "include/bwrt.h"
#include "ringbuf/ring.h"
#include "runtime/wave_table.h"

namespace bwrt::runtime {

class Delivery {
 public:
    explicit Delivery(WaveTable* waves);
    ~Delivery();
    Delivery(const Delivery&) = delete;
    Delivery& operator=(const Delivery&) = delete;

    // Executor.  The wave may be another's the moment this returns.
    void deliver(Wave* wave) noexcept;

    // Any thread: claims a wave that is over; false when another was quicker.
    [[nodiscard]] bool claim(Wave* wave, bwrt_handle handle,
                             bwrt_completion* completion_out) noexcept;

    // Any thread: up to `capacity` of the queue.
    [[nodiscard]] std::uint32_t poll(bwrt_completion* completions, std::uint32_t capacity) noexcept;

    // The eventfd, made at the first call; -1 and errno when it cannot be made.
    [[nodiscard]] int event_fd() noexcept;

 private:
    void signal() noexcept;

    WaveTable& waves_;
    ringbuf::Ring<std::uint32_t> queue_;
    std::atomic<int> event_fd_{-1};
    std::atomic<bool> signalled_{false};
};

}  // namespace bwrt::runtime
