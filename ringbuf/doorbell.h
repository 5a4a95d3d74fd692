// SPDX-License-Identifier: Apache-2.0
// doorbell.h — sleeping and waking without a lost wake-up, and without a system call when all are
// awake.
//
//   consumer                                       producer
//     prepare()        announce          Q1          ring.push(x)                  Q3
//     ring.is_empty()  look once more    Q2          if (doorbell.ring())          Q4
//       no:  cancel(), go on popping                     wake one sleeper (system call)
//       yes: sleep until woken
//
// Q1 to Q4 are sequentially consistent: if the consumer's look comes before the push, then so
// does its announcement, and the producer sees it.  While nobody sleeps ring() is one load of a
// line that nobody writes.  Other work than a Ring's may be guarded alike, provided it is
// announced by a sequentially consistent store or exchange and looked for by such a load.
//
// The word counts announced sleepers.  Each announcement ends in exactly one way: a cancel()
// takes it back and returns true, or a ring() takes it and returns true, and that caller owes one
// wake-up.  Sleeping and waking are the owner's, by a primitive that remembers a wake-up sent
// before the sleep began: an eventfd, a semaphore, or, where one consumer sleeps at most, a futex
// on word(), waiting while it is 1.  A consumer whose cancel() returned false consumes the
// wake-up that is on its way, or allows for waking once in vain.
//
// The exchange in ring() and in cancel() is relaxed: it decides who owes a wake-up and carries no
// data.  What a woken consumer is to see it sees through the ring, and a push that the waker knew
// nothing of is caught by the next prepare() and is_empty().
#pragma once

#include <cstdint>

#include "ringbuf/cache_line.h"
#include "ringbuf/memory_orders.h"

namespace bwrt::ringbuf {

template <typename Memory = StdMemory>
class BasicDoorbell {
    using Word = typename Memory::template Atomic<uint32_t>;

 public:
    BasicDoorbell() = default;
    BasicDoorbell(const BasicDoorbell&) = delete;
    BasicDoorbell& operator=(const BasicDoorbell&) = delete;

    // Consumer: announces that it is about to sleep.  Look for work once more before doing so.
    void prepare() noexcept { sleeper_count_.fetch_add(1, Memory::order(OrderLabel::kQ1)); }

    // Consumer: does not sleep after all.  False when a ringer has taken the announcement: its
    // wake-up has been sent or will be.
    [[nodiscard]] bool cancel() noexcept {
        // Relaxed: should a ringer have undone our prepare() since, the exchange fails.
        return take_one(sleeper_count_.load(std::memory_order::relaxed));
    }

    // Producer, after a push: true when it must wake one sleeper.
    [[nodiscard]] bool ring() noexcept {
        return take_one(sleeper_count_.load(Memory::order(OrderLabel::kQ4)));
    }

    // For a futex of the only consumer: 1 while it is announced.
    [[nodiscard]] Word& word() noexcept { return sleeper_count_; }

 private:
    bool take_one(uint32_t count) noexcept {
        while (count != 0) {
            if (sleeper_count_.compare_exchange_weak(count, count - 1, std::memory_order::relaxed,
                                                     std::memory_order::relaxed)) {
                return true;
            }
        }
        return false;
    }

    alignas(kFalseSharingBytes) Word sleeper_count_{0};
};

using Doorbell = BasicDoorbell<>;

}  // namespace bwrt::ringbuf
