// SPDX-License-Identifier: Apache-2.0
//
// ring_peers.h — the queues that ours is compared with.
//
//   TextbookMpsc   bounded, one consumer, a sequence in each slot (Vyukov), as it is usually
//   written TurnMpmc       bounded, many consumers, a turn in each slot: even to be written, odd to
//   be read;
//                  the scheme of rigtorp's MPMCQueue
//   MutexArray     an array under a mutex
//   Moodycamel     moodycamel::ConcurrentQueue with tokens; unbounded, and bounded to its first
//   blocks Boost          boost::lockfree::queue with nodes of its own, bounded
//
// The first three are written here, plainly and padded to lines; the last two are there when their
// headers are (Debian: libconcurrentqueue-dev, libboost-dev).

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#if __has_include(<concurrentqueue/concurrentqueue.h>)
#define BWRT_BENCH_MOODYCAMEL 1
#include <concurrentqueue/concurrentqueue.h>
#endif
#if __has_include(<boost/lockfree/queue.hpp>)
#define BWRT_BENCH_BOOST 1
#include <boost/lockfree/queue.hpp>
#endif

#include "bench/ring_load.h"

namespace bwrt::bench {

class TextbookMpsc {
 public:
    using Producer = PlainEnd<TextbookMpsc>;
    using Consumer = PlainEnd<TextbookMpsc>;

    explicit TextbookMpsc(std::size_t capacity) : mask_(capacity - 1), cells_(new Cell[capacity]) {
        for (std::size_t i = 0; i < capacity; ++i) cells_[i].sequence.store(i);
    }

    bool push(const Command& command) { return push_batch(&command, 1) == 1; }

    // All or none.  There is one consumer, which frees slots in order: when the last slot of the
    // batch is free, all before it are.
    std::size_t push_batch(const Command* commands, std::size_t count) {
        std::size_t position = tail_.load(std::memory_order_relaxed);
        for (;;) {
            const std::size_t last = position + count - 1;
            const std::size_t sequence =
                cells_[last & mask_].sequence.load(std::memory_order_acquire);
            const auto difference = static_cast<std::intptr_t>(sequence - last);
            if (difference < 0) return 0;
            if (difference > 0) {
                position = tail_.load(std::memory_order_relaxed);
            } else if (tail_.compare_exchange_weak(position, position + count,
                                                   std::memory_order_relaxed)) {
                break;
            }
        }
        for (std::size_t i = 0; i < count; ++i) {
            Cell& cell = cells_[(position + i) & mask_];
            cell.command = commands[i];
            cell.sequence.store(position + i + 1, std::memory_order_release);
        }
        return count;
    }

    bool pop(Command* command_out) {
        Cell& cell = cells_[head_ & mask_];
        if (cell.sequence.load(std::memory_order_acquire) != head_ + 1) return false;
        *command_out = cell.command;
        cell.sequence.store(head_ + mask_ + 1, std::memory_order_release);
        ++head_;
        return true;
    }

    std::size_t pop_batch(Command* commands_out, std::size_t count) {
        std::size_t taken = 0;
        while (taken < count && pop(commands_out + taken)) ++taken;
        return taken;
    }

 private:
    struct alignas(64) Cell {
        std::atomic<std::size_t> sequence;
        Command command;
    };

    const std::size_t mask_;
    const std::unique_ptr<Cell[]> cells_;
    alignas(64) std::atomic<std::size_t> tail_{0};
    alignas(64) std::size_t head_ = 0;
};

class TurnMpmc {
 public:
    using Producer = PlainEnd<TurnMpmc>;
    using Consumer = PlainEnd<TurnMpmc>;

    explicit TurnMpmc(std::size_t capacity) : capacity_(capacity), slots_(new Slot[capacity]) {}

    bool push(const Command& command) {
        return take(&head_, 0, [&](Slot* slot) { slot->command = command; });
    }
    bool pop(Command* command_out) {
        return take(&tail_, 1, [&](Slot* slot) { *command_out = slot->command; });
    }

 private:
    struct alignas(64) Slot {
        std::atomic<std::size_t> turn{0};
        Command command;
    };

    // Lap n of a slot: turn 2n is a producer's, 2n + 1 a consumer's.
    template <typename Use>
    bool take(std::atomic<std::size_t>* end, std::size_t side, Use&& use) {
        std::size_t position = end->load(std::memory_order_acquire);
        for (;;) {
            Slot& slot = slots_[position % capacity_];
            const std::size_t turn = 2 * (position / capacity_) + side;
            if (slot.turn.load(std::memory_order_acquire) == turn) {
                if (end->compare_exchange_strong(position, position + 1)) {
                    use(&slot);
                    slot.turn.store(turn + 1, std::memory_order_release);
                    return true;
                }
                continue;
            }
            const std::size_t seen = position;
            position = end->load(std::memory_order_acquire);
            if (position == seen) return false;
        }
    }

    const std::size_t capacity_;
    const std::unique_ptr<Slot[]> slots_;
    alignas(64) std::atomic<std::size_t> head_{0};
    alignas(64) std::atomic<std::size_t> tail_{0};
};

class MutexArray {
 public:
    using Producer = PlainEnd<MutexArray>;
    using Consumer = PlainEnd<MutexArray>;

    explicit MutexArray(std::size_t capacity) : mask_(capacity - 1), commands_(capacity) {}

    bool push(const Command& command) {
        const std::lock_guard lock(mutex_);
        if (tail_ - head_ > mask_) return false;
        commands_[tail_++ & mask_] = command;
        return true;
    }

    bool pop(Command* command_out) {
        const std::lock_guard lock(mutex_);
        if (tail_ == head_) return false;
        *command_out = commands_[head_++ & mask_];
        return true;
    }

 private:
    const std::size_t mask_;
    std::vector<Command> commands_;
    std::mutex mutex_;
    std::size_t tail_ = 0;
    std::size_t head_ = 0;
};

#if BWRT_BENCH_MOODYCAMEL
template <bool kBounded>
class Moodycamel {
    using Inner = moodycamel::ConcurrentQueue<Command>;

 public:
    explicit Moodycamel(std::size_t capacity) : capacity_(capacity), inner_(capacity, 8, 0) {}

    class Producer {
     public:
        explicit Producer(Moodycamel& queue)
            : capacity_(queue.capacity_), inner_(queue.inner_), token_(inner_) {}
        bool push(const Command& command) {
            if (kBounded && inner_.size_approx() >= capacity_) return false;
            return inner_.enqueue(token_, command);
        }
        std::size_t push_batch(const Command* commands, std::size_t count) {
            if (kBounded && inner_.size_approx() + count > capacity_) return 0;
            return inner_.enqueue_bulk(token_, commands, count) ? count : 0;
        }

     private:
        const std::size_t capacity_;
        Inner& inner_;
        moodycamel::ProducerToken token_;
    };

    class Consumer {
     public:
        explicit Consumer(Moodycamel& queue) : inner_(queue.inner_), token_(inner_) {}
        bool pop(Command* command_out) { return inner_.try_dequeue(token_, *command_out); }
        std::size_t pop_batch(Command* commands_out, std::size_t count) {
            return inner_.try_dequeue_bulk(token_, commands_out, count);
        }

     private:
        Inner& inner_;
        moodycamel::ConsumerToken token_;
    };

 private:
    const std::size_t capacity_;
    Inner inner_;
};
#endif

#if BWRT_BENCH_BOOST
class Boost {
 public:
    using Producer = PlainEnd<Boost>;
    using Consumer = PlainEnd<Boost>;

    explicit Boost(std::size_t capacity) : inner_(capacity) {}
    bool push(const Command& command) { return inner_.bounded_push(command); }
    bool pop(Command* command_out) { return inner_.pop(*command_out); }

 private:
    boost::lockfree::queue<Command> inner_;
};
#endif

}  // namespace bwrt::bench
