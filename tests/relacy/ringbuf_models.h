// SPDX-License-Identifier: Apache-2.0
// ringbuf_models.h — small worlds for relacy: each is a handful of threads that must come to an
// end, and a claim.
//
// The sizes are the smallest in which every step of the code happens: a ring of two slots that
// wraps, two producers so that reservations collide, as many items as make a slot be used twice.
// What fails a model: RL_ASSERT, a data race on a Cell, a load of something never stored, and a
// deadlock, which is what a lost wake-up looks like.
#pragma once

#include "tests/relacy/model_memory.h"

#include "ringbuf/doorbell.h"
#include "ringbuf/index_stack.h"
#include "ringbuf/ring.h"

namespace bwrt::ringbuf::model {

using ModelRing = Ring<uint32_t, ModelMemory>;
using ModelDoorbell = BasicDoorbell<ModelMemory>;
using ModelIndexStack = BasicIndexStack<ModelMemory>;

constexpr uint32_t kProducerCount = 2;

// An item names its producer and its number, from 1.
constexpr uint32_t item(uint32_t producer, uint32_t number) { return producer << 16 | number; }

// Per producer, the numbers a consumer sees must rise, by one if it sees them all.
class OrderCheck {
 public:
    void see_next(uint32_t popped) {
        RL_ASSERT((popped & 0xFFFF) == last_[popped >> 16] + 1);
        last_[popped >> 16] = popped & 0xFFFF;
    }
    void see_some(uint32_t popped) {
        RL_ASSERT((popped & 0xFFFF) > last_[popped >> 16]);
        last_[popped >> 16] = popped & 0xFFFF;
    }

 private:
    uint32_t last_[kProducerCount] = {0, 0};
};

inline void push_all(ModelRing* ring, uint32_t producer, uint32_t count) {
    for (uint32_t number = 1; number <= count; ++number) {
        while (!ring->push(item(producer, number))) rl::yield(1, $);
    }
}

// Two producers fill a ring of two slots three times over; one consumer sees all, in order.
struct RingWraps : rl::test_suite<RingWraps, 3> {
    static constexpr uint32_t kItemCount = 3;
    ModelRing ring{2};

    void thread(unsigned index) {
        if (index < kProducerCount) {
            push_all(&ring, index, kItemCount);
            return;
        }
        OrderCheck check;
        for (uint32_t left = kProducerCount * kItemCount; left > 0;) {
            uint32_t popped = 0;
            if (ring.pop(&popped)) {
                check.see_next(popped);
                --left;
            } else {
                rl::yield(1, $);
            }
        }
    }
};

// The same in batches: what one producer pushes at once comes out without a gap, and a batch that
// found its last slot free overwrites nothing that was not read.
struct RingBatches : rl::test_suite<RingBatches, 3> {
    static constexpr uint32_t kBatchCount = 2;
    ModelRing ring{4};

    void thread(unsigned index) {
        if (index < kProducerCount) {
            for (uint32_t batch = 0; batch < kBatchCount; ++batch) {
                const uint32_t first = item(index, 2 * batch + 1);
                const uint32_t items[2] = {first, first + 1};
                while (!ring.push_batch(items, 2)) rl::yield(1, $);
            }
            return;
        }
        OrderCheck check;
        uint32_t before = 0;
        for (uint32_t left = kProducerCount * kBatchCount * 2; left > 0;) {
            uint32_t popped = 0;
            if (!ring.pop(&popped)) {
                rl::yield(1, $);
                continue;
            }
            check.see_next(popped);
            RL_ASSERT((popped & 1) == 1 || popped == before + 1);  // numbers begin at 1
            before = popped;
            --left;
        }
    }
};

// Two producers, two consumers: what one sees of a producer is in order, and nothing comes twice.
struct RingShared : rl::test_suite<RingShared, 4> {
    static constexpr uint32_t kItemCount = 3;
    ModelRing ring{2};
    rl::var<uint32_t> seen_count[kProducerCount][kItemCount + 1];

    void before() {
        for (auto& row : seen_count) {
            for (auto& count : row) count($) = 0;
        }
    }

    void thread(unsigned index) {
        if (index < kProducerCount) {
            push_all(&ring, index, kItemCount);
            return;
        }
        OrderCheck check;
        for (uint32_t left = kItemCount; left > 0;) {
            uint32_t popped = 0;
            if (ring.pop_shared(&popped)) {
                check.see_some(popped);
                seen_count[popped >> 16][popped & 0xFFFF]($) += 1;  // twice would be a race
                --left;
            } else {
                rl::yield(1, $);
            }
        }
    }

    void after() {
        for (auto& row : seen_count) {
            for (uint32_t number = 1; number <= kItemCount; ++number) {
                RL_ASSERT(row[number]($) == 1);
            }
        }
    }
};

// The wake-up primitive: it remembers what was posted before the wait.
class Semaphore {
 public:
    void open() { semaphore_.init(false, 0, 100, $); }
    void close() { semaphore_.deinit($); }
    void post() { semaphore_.signal($); }
    void wait() { semaphore_.wait(false, false, $); }
    int value() { return semaphore_.get_value($); }

 private:
    rl::semaphore<Semaphore> semaphore_;
};

// Producers that never look back, consumers that sleep whenever there is nothing: a lost wake-up
// leaves a consumer asleep when all others have gone, which relacy reports as a deadlock.
template <typename Derived, uint32_t kConsumerCount, uint32_t kItemCount>
struct Sleep : rl::test_suite<Derived, kProducerCount + kConsumerCount> {
    ModelRing ring{4};
    ModelDoorbell doorbell;
    Semaphore semaphore;

    void before() { semaphore.open(); }
    void after() {
        RL_ASSERT(!doorbell.ring());        // no announcement outlives its consumer
        RL_ASSERT(semaphore.value() == 0);  // one wake-up for each that was taken, no more
        semaphore.close();
    }

    void thread(unsigned index) {
        if (index < kProducerCount) {
            produce(index);
        } else {
            consume(kProducerCount * kItemCount / kConsumerCount);
        }
    }

    void produce(uint32_t producer) {
        for (uint32_t number = 1; number <= kItemCount; ++number) {
            while (!ring.push(item(producer, number))) rl::yield(1, $);
            if (doorbell.ring()) semaphore.post();
        }
    }

    void consume(uint32_t left) {
        while (left > 0) {
            uint32_t popped = 0;
            const bool is_popped =
                kConsumerCount == 1 ? ring.pop(&popped) : ring.pop_shared(&popped);
            if (is_popped) {
                --left;
                continue;
            }
            doorbell.prepare();
            if (ring.is_empty()) {
                semaphore.wait();
            } else {
                if (!doorbell.cancel()) semaphore.wait();
                rl::yield(1, $);
            }
        }
    }
};

struct SleepOne : Sleep<SleepOne, 1, 2> {};
struct SleepShared : Sleep<SleepShared, 2, 1> {};

// Three threads take and give back from a list of three, in an order that brings the same index
// back on top with another successor (ABA).  An index held by two is a race on its owner cell.
struct StackExchange : rl::test_suite<StackExchange, 3> {
    static constexpr uint32_t kCount = 3;
    ModelIndexStack stack{kCount};
    rl::var<uint32_t> owner[kCount];

    void before() {
        for (auto& cell : owner) cell($) = 0;
    }

    bool take(unsigned thread, uint32_t* index_out) {
        if (!stack.pop(index_out)) return false;
        RL_ASSERT(*index_out < kCount);
        RL_ASSERT(owner[*index_out]($) == 0);
        owner[*index_out]($) = thread + 1;
        return true;
    }

    void give(uint32_t index) {
        owner[index]($) = 0;
        stack.push(index);
    }

    void thread(unsigned thread) {
        for (int round = 0; round < 2; ++round) {
            uint32_t first = 0;
            uint32_t second = 0;
            if (!take(thread, &first)) continue;
            const bool has_second = take(thread, &second);
            give(first);
            if (has_second) give(second);
        }
    }

    void after() {
        uint32_t index = 0;
        for (uint32_t i = 0; i < kCount; ++i) RL_ASSERT(stack.pop(&index));
        RL_ASSERT(!stack.pop(&index));
    }
};

// One thread holds at most one of four indices, another at most one: two are always free, so a
// chain of two must never be refused, however the list moves under the walk.
struct StackChain : rl::test_suite<StackChain, 3> {
    static constexpr uint32_t kCount = 4;
    ModelIndexStack stack{kCount};
    rl::var<uint32_t> owner[kCount];

    void before() {
        for (auto& cell : owner) cell($) = 0;
    }

    void thread(unsigned thread) {
        for (int round = 0; round < 2; ++round) {
            if (thread == 0) {
                take_chain();
            } else {
                take_one(thread);
            }
        }
    }

    void take_one(unsigned thread) {
        uint32_t index = 0;
        if (!stack.pop(&index)) return;  // the chain and the other thread may hold the rest
        owner[index]($) = thread + 1;
        owner[index]($) = 0;
        stack.link(index, ModelIndexStack::kNone);  // ends a chain of its own, as an owner may
        stack.push(index);
    }

    void take_chain() {
        uint32_t first = 0;
        RL_ASSERT(stack.pop_chain(2, &first));
        const uint32_t second = stack.next(first);
        RL_ASSERT(first < kCount && second < kCount && first != second);
        owner[first]($) = 1;
        owner[second]($) = 1;
        owner[first]($) = 0;
        owner[second]($) = 0;
        stack.link(second, first);  // the other way round, as an owner may
        stack.push_chain(second, first);
    }

    void after() {
        uint32_t first = 0;
        RL_ASSERT(stack.pop_chain(kCount, &first));
        RL_ASSERT(!stack.pop(&first));
    }
};

}  // namespace bwrt::ringbuf::model
