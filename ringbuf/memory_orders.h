// SPDX-License-Identifier: Apache-2.0
// memory_orders.h — every memory order of ringbuf that is stronger than relaxed, as data.
//
// The orders are a table and not literals in the code, so that the model check in tests/relacy
// can weaken each of them in turn and demand to see a failure.  A label that could be weakened
// without one would be a fence paid for nothing, and the test refuses it.
//
//   publish    R1  push() stores a slot's sequence   -> A1 pop(), A2 pop_shared() load it
//   hand back  R2  pop(), R3 pop_shared() store it   -> A3 push() loads it
//   free list  R4  a push exchanges top_             -> A4 a pop loads it
//              R5  a push stores an entry's next     -> A5 pop_chain()'s walk loads it
//   sleep      Q1  Doorbell::prepare() counts itself in, then Q2 Ring::is_empty() loads tail_;
//              Q3  push() exchanges tail_, then           Q4 Doorbell::ring() loads the count.
//
// R and A are release and acquire: who sees the one sees what was written before the other.  The
// sleep row is the store-then-load pattern on two words, which release and acquire do not order:
// with them both sides may miss each other, and the consumer sleeps beside a command.  All four
// of its accesses are sequentially consistent: in their one total order either the reservation
// comes before the consumer's second look, or the announcement comes before the producer's.
// No stand-alone fences: ThreadSanitizer does not understand them.
//
// Whatever is relaxed in the code says there why that suffices.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace bwrt::ringbuf {

// X(label, kind of access, order, where)
#define BWRT_RINGBUF_ORDERS(X)                                                     \
    X(kR1, kStore, release, "Ring::push stores the slot's sequence")               \
    X(kA1, kLoad, acquire, "Ring::pop loads the slot's sequence")                  \
    X(kA2, kLoad, acquire, "Ring::pop_shared loads the slot's sequence")           \
    X(kR2, kStore, release, "Ring::pop stores the slot's sequence")                \
    X(kR3, kStore, release, "Ring::pop_shared stores the slot's sequence")         \
    X(kA3, kLoad, acquire, "Ring::push loads the slot's sequence")                 \
    X(kR4, kExchange, release, "IndexStack::push and push_chain exchange the top") \
    X(kA4, kLoad, acquire, "IndexStack::pop and pop_chain load the top")           \
    X(kR5, kStore, release, "IndexStack::push and push_chain store a successor")   \
    X(kA5, kLoad, acquire, "IndexStack::pop_chain loads a successor")              \
    X(kQ1, kExchange, seq_cst, "Doorbell::prepare adds a sleeper")                 \
    X(kQ2, kLoad, seq_cst, "Ring::is_empty loads the tail")                        \
    X(kQ3, kExchange, seq_cst, "Ring::push exchanges the tail")                    \
    X(kQ4, kLoad, seq_cst, "Doorbell::ring loads the sleepers")

enum class OrderLabel : uint8_t {
#define BWRT_RINGBUF_ORDER_LABEL(label, access, order, where) label,
    BWRT_RINGBUF_ORDERS(BWRT_RINGBUF_ORDER_LABEL)
#undef BWRT_RINGBUF_ORDER_LABEL
};

// What kind of access an order belongs to decides what it can be weakened to.
enum class Access : uint8_t { kLoad, kStore, kExchange };

struct OrderEntry {
    OrderLabel label;
    const char* name;
    Access access;
    std::memory_order order;
    const char* where;
};

inline constexpr auto kOrders = std::to_array<OrderEntry>({
#define BWRT_RINGBUF_ORDER_ENTRY(label, access, order, where) \
    {OrderLabel::label, #label, Access::access, std::memory_order::order, where},
    BWRT_RINGBUF_ORDERS(BWRT_RINGBUF_ORDER_ENTRY)
#undef BWRT_RINGBUF_ORDER_ENTRY
});

// The `Memory` of production: std::atomic, the orders of the table, plain payload bytes.  The
// model check puts another policy in its place; the templates are the same code.
struct StdMemory {
    template <typename T>
    using Atomic = std::atomic<T>;

    // Bytes that are not atomic and rely on the orders around them.
    template <typename T>
    class Cell {
     public:
        void write(const T& value) noexcept { value_ = value; }
        void read(T* value_out) const noexcept { *value_out = value_; }

     private:
        T value_;
    };

    static consteval std::memory_order order(OrderLabel label) {
        return kOrders[static_cast<size_t>(label)].order;
    }
};

}  // namespace bwrt::ringbuf
