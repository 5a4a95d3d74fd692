// SPDX-License-Identifier: Apache-2.0
//
// ring_load.h — hands commands from producers to one consumer and says how long one took.
//
// Queue is made with a capacity.  Queue::Producer and Queue::Consumer are made by their threads
// from a Queue&; they have push() and pop(), or, for batches, push_batch() and pop_batch(), which
// say how many they took.  None of them waits.
//
// The consumer is pinned to the first allowed core and the producers to the others in turn: on
// two cores, all producers share one.  Whoever finds the queue full or empty spins a while, then
// yields.  The figures include everything: push, transfer, pop.  The sum of what was pushed must
// come out: a fast wrong ring is no ring.

#pragma once

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "bench/measure.h"
#include "ringbuf/command.h"

namespace bwrt::bench {

using ringbuf::Command;

constexpr std::size_t kRingCapacity = 1024;
constexpr std::size_t kRingBatch = 32;

// For a queue whose ends need nothing of their own.
template <typename Queue>
class PlainEnd {
 public:
    explicit PlainEnd(Queue& queue) : queue_(queue) {}
    bool push(const Command& command) { return queue_.push(command); }
    bool pop(Command* command_out) { return queue_.pop(command_out); }
    std::size_t push_batch(const Command* commands, std::size_t count) {
        return queue_.push_batch(commands, count);
    }
    std::size_t pop_batch(Command* commands_out, std::size_t count) {
        return queue_.pop_batch(commands_out, count);
    }

 private:
    Queue& queue_;
};

// The cores this process may use.
[[nodiscard]] std::vector<int> allowed_cores();
// Unpinned is a slower run, not a wrong one.
void pin(const std::vector<int>& cores, std::size_t index);

class Backoff {
 public:
    void wait() {
        if (++spin_count_ % 64 == 0) {
            sched_yield();
        } else {
#if defined(__x86_64__)
            __builtin_ia32_pause();
#endif
        }
    }

 private:
    unsigned spin_count_ = 0;
};

inline void require(bool condition, const char* what) {
    if (!condition) throw Failure("E_INTERNAL", what);
}

template <typename Queue>
double one_thread_ns(std::size_t command_count) {
    Queue queue(kRingCapacity);
    typename Queue::Producer producer(queue);
    typename Queue::Consumer consumer(queue);
    Command command{};
    std::uint64_t sum = 0;

    const std::uint64_t start_ns = now_ns();
    for (std::size_t i = 0; i < command_count; ++i) {
        command.wave = i;
        require(producer.push(command), "an empty queue refused a push");
        Command popped;
        require(consumer.pop(&popped), "a pushed command is not there");
        sum += popped.wave;
    }
    const std::uint64_t elapsed_ns = now_ns() - start_ns;
    require(sum == command_count * (command_count - 1) / 2, "commands were lost");
    return static_cast<double>(elapsed_ns) / static_cast<double>(command_count);
}

template <bool kBatched, typename Producer>
void push_share(Producer* producer, std::size_t share) {
    Command commands[kRingBatch] = {};
    Backoff backoff;
    for (std::size_t i = 0; i < share;) {
        if constexpr (kBatched) {
            const std::size_t count = std::min(kRingBatch, share - i);
            for (std::size_t k = 0; k < count; ++k) commands[k].wave = i + k;
            for (std::size_t done = 0; done < count;) {
                const std::size_t taken = producer->push_batch(commands + done, count - done);
                if (taken == 0) backoff.wait();
                done += taken;
            }
            i += count;
        } else {
            commands[0].wave = i++;
            while (!producer->push(commands[0])) backoff.wait();
        }
    }
}

// The sum of what it popped.
template <bool kBatched, typename Consumer>
std::uint64_t pop_all(Consumer* consumer, std::size_t command_count) {
    Command commands[kRingBatch];
    Backoff backoff;
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < command_count;) {
        if constexpr (kBatched) {
            const std::size_t taken = consumer->pop_batch(commands, kRingBatch);
            if (taken == 0) backoff.wait();
            for (std::size_t k = 0; k < taken; ++k) sum += commands[k].wave;
            i += taken;
        } else {
            while (!consumer->pop(&commands[0])) backoff.wait();
            sum += commands[0].wave;
            ++i;
        }
    }
    return sum;
}

// A queue without batches is not asked for them.
template <typename Queue, bool kBatched>
double many_threads_ns(std::size_t producer_count, std::size_t command_count) {
    const std::vector<int> cores = allowed_cores();
    const std::size_t share = command_count / producer_count;
    Queue queue(kRingCapacity);
    std::atomic<std::size_t> ready_count{0};
    std::atomic<bool> go{false};

    std::vector<std::thread> producers;
    for (std::size_t p = 0; p < producer_count; ++p) {
        producers.emplace_back([&, p] {
            const std::size_t others = cores.size() > 1 ? cores.size() - 1 : 1;
            pin(cores, cores.size() > 1 ? 1 + p % others : 0);
            typename Queue::Producer producer(queue);
            ready_count.fetch_add(1);
            while (!go.load()) sched_yield();
            push_share<kBatched>(&producer, share);
        });
    }

    std::uint64_t elapsed_ns = 0, sum = 0;
    std::thread consuming([&] {
        pin(cores, 0);
        typename Queue::Consumer consumer(queue);
        while (ready_count.load() < producer_count) sched_yield();
        const std::uint64_t start_ns = now_ns();
        go.store(true);
        sum = pop_all<kBatched>(&consumer, share * producer_count);
        elapsed_ns = now_ns() - start_ns;
    });
    consuming.join();
    for (std::thread& producer : producers) producer.join();
    require(sum == producer_count * (share * (share - 1) / 2), "commands were lost");
    return static_cast<double>(elapsed_ns) / static_cast<double>(share * producer_count);
}

}  // namespace bwrt::bench
