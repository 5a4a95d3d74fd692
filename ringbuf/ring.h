// SPDX-License-Identifier: Apache-2.0
// ring.h — bounded lock-free ring: many producers, and one consumer or many.
//
//   push() ── reserve ─▶ [ slot slot slot slot ... ] ─▶ pop() / pop_shared()
//             tail_        each: sequence | payload       head_
//
// A position runs freely over 2^64 and is masked only to address its slot.  The slot's sequence
// says whose turn it is, for position p:
//
//   sequence = p               free: the producer that reserves p may write
//   sequence = p + 1           published: the consumer of p may read
//   sequence = p + capacity    handed back: free for the next lap
//
// A producer reserves by a compare-exchange of tail_, writes the payload, and publishes by a
// store to that one slot.  Producers therefore never wait for each other: one that is preempted
// between the two holds up the consumers at its slot, and no producer.  Rings whose producers
// publish in order collapse there once threads outnumber cores.
//
// Memory order, by label (the table is memory_orders.h):
//   R1 -> A1, A2   who sees the slot published sees its payload.
//   R2, R3 -> A3   who sees the slot handed back may overwrite it: it was read.
//   Q2, Q3         the ring's half of the sleep protocol of doorbell.h.
// head_ is relaxed: a reservation only has to be unique, which the compare-exchange ensures by
// itself, and a stale value makes it fail and try again.  tail_ would be, but for Q3.
//
// Why Q3 is the reservation and not the publication: somewhere between what a producer stores and
// its look at the doorbell lies a full barrier.  The reservation is a locked instruction anyway,
// on x86 the barrier is then free; publishing by `xchg` doubles the cost of a hand-over (62 ns for
// 31, two cores of an EPYC), for it waits until the slot's line has come from the consumer.  The
// price is that is_empty() is about reservations: it may be false a moment before pop() succeeds.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <type_traits>

#include "ringbuf/cache_line.h"
#include "ringbuf/memory_orders.h"

namespace bwrt::ringbuf {

template <typename Payload, typename Memory = StdMemory>
class Ring {
    static_assert(std::is_trivially_copyable_v<Payload>);

    template <typename T>
    using Atomic = typename Memory::template Atomic<T>;

 public:
    struct alignas(kCacheLineBytes) Slot {
        Atomic<uint64_t> sequence{0};
        typename Memory::template Cell<Payload> payload;
    };

    // Two slots at least: with one, "published" and "handed back" would be the same sequence.
    static constexpr size_t kCapacityMin = 2;
    static constexpr size_t kCapacityMax = size_t{1} << 31;

    static constexpr bool is_valid_capacity(size_t capacity) noexcept {
        return std::has_single_bit(capacity) && capacity >= kCapacityMin &&
               capacity <= kCapacityMax;
    }

    // Allocates the slots, and nothing after that.  Throws std::invalid_argument for a capacity
    // that is not valid, and std::bad_alloc.
    explicit Ring(size_t capacity)
        : capacity_(checked(capacity)), slots_(std::make_unique<Slot[]>(capacity)) {
        for (size_t i = 0; i < capacity; ++i) {
            slots_[i].sequence.store(i, std::memory_order::relaxed);  // nobody else is here yet
        }
    }

    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;

    // Any thread.  False when full; the ring is then unchanged.  Never blocks.  Commands of one
    // producer come out in its order.
    [[nodiscard]] bool push(const Payload& payload) noexcept { return push_batch(&payload, 1); }

    // The same of `count` commands, from 1 on: all of them, behind each other, or none.  One
    // reservation and one look for all, since a consumer that is the only one hands slots back in
    // order: when the last is free, all before it are.  So only of a ring that pop() empties, or of
    // one command.
    [[nodiscard]] bool push_batch(const Payload* payloads, size_t count) noexcept {
        if (count > capacity_) return false;
        uint64_t position = tail_.load(std::memory_order::relaxed);
        do {
            const uint64_t last = position + count - 1;
            const uint64_t sequence = slot_at(last).sequence.load(Memory::order(OrderLabel::kA3));
            if (distance(sequence, last) < 0) return false;
            // Above `last` it was reserved meanwhile, and the exchange fails.
        } while (!tail_.compare_exchange_weak(position, position + count,
                                              Memory::order(OrderLabel::kQ3),
                                              std::memory_order::relaxed));

        for (size_t i = 0; i < count; ++i) {
            Slot& slot = slot_at(position + i);
            slot.payload.write(payloads[i]);
            slot.sequence.store(position + i + 1, Memory::order(OrderLabel::kR1));
        }
        return true;
    }

    // The one consumer, without a locked instruction.  False when the next slot is not published.
    // The role may pass to another thread through any synchronisation of the caller's.  A ring is
    // emptied either by pop() or by pop_shared(), not by both.
    [[nodiscard]] bool pop(Payload* payload_out) noexcept {
        const uint64_t position = head_.load(std::memory_order::relaxed);  // no one else writes it
        Slot& slot = slot_at(position);
        if (slot.sequence.load(Memory::order(OrderLabel::kA1)) != position + 1) return false;

        slot.payload.read(payload_out);
        slot.sequence.store(position + capacity_, Memory::order(OrderLabel::kR2));
        head_.store(position + 1, std::memory_order::relaxed);
        return true;
    }

    // Any of many consumers.  False when the next slot is not published.
    [[nodiscard]] bool pop_shared(Payload* payload_out) noexcept {
        uint64_t position = head_.load(std::memory_order::relaxed);
        do {
            const uint64_t sequence =
                slot_at(position).sequence.load(Memory::order(OrderLabel::kA2));
            if (distance(sequence, position + 1) < 0) return false;
            // Above `position + 1` another consumer has it, and the exchange fails.
        } while (!head_.compare_exchange_weak(position, position + 1, std::memory_order::relaxed,
                                              std::memory_order::relaxed));

        Slot& slot = slot_at(position);
        slot.payload.read(payload_out);
        slot.sequence.store(position + capacity_, Memory::order(OrderLabel::kR3));
        return true;
    }

    // The one consumer, while it spins: whether a pop() would find something.  It looks at the next
    // slot, which it has to fetch anyway, and leaves the producers' line with them; is_empty()
    // would pull that over at every look.  Relaxed: it is a hint, the pop() decides.
    [[nodiscard]] bool has_next() const noexcept {
        const uint64_t position = head_.load(std::memory_order::relaxed);
        return slot_at(position).sequence.load(std::memory_order::relaxed) == position + 1;
    }

    // A consumer, between Doorbell::prepare() and sleeping.  True: nothing is in the ring or on
    // its way, and whoever pushes from now on sees the announcement.  False: pop again; should
    // there be nothing, a producer is between reserving and publishing, so yield and come back.
    [[nodiscard]] bool is_empty() const noexcept {
        const uint64_t tail = tail_.load(Memory::order(OrderLabel::kQ2));
        // Too old a head, where consumers are many, says "not empty" once too often.
        return tail == head_.load(std::memory_order::relaxed);
    }

    // Any thread.  Exact while nobody pushes or pops; counts what is reserved and not yet
    // published.  Relaxed: an estimate orders nothing.
    [[nodiscard]] size_t size_approximate() const noexcept {
        const uint64_t head = head_.load(std::memory_order::relaxed);
        const int64_t size = distance(tail_.load(std::memory_order::relaxed), head);
        if (size <= 0) return 0;
        return static_cast<size_t>(size) < capacity_ ? static_cast<size_t>(size) : capacity_;
    }

    [[nodiscard]] size_t capacity() const noexcept { return capacity_; }

 private:
    static size_t checked(size_t capacity) {
        if (is_valid_capacity(capacity)) return capacity;
        throw std::invalid_argument("ring capacity is not a power of two from 2 to 2^31");
    }

    // Compared by their difference, since either may be stale.
    static int64_t distance(uint64_t ahead, uint64_t behind) noexcept {
        return static_cast<int64_t>(ahead - behind);
    }

    Slot& slot_at(uint64_t position) const noexcept { return slots_[position & (capacity_ - 1)]; }

    // Read by all, written by none.
    const size_t capacity_;
    const std::unique_ptr<Slot[]> slots_;

    // Producers' line.
    alignas(kFalseSharingBytes) Atomic<uint64_t> tail_{0};

    // Consumers' line.
    alignas(kFalseSharingBytes) Atomic<uint64_t> head_{0};
};

}  // namespace bwrt::ringbuf
