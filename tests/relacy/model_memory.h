// SPDX-License-Identifier: Apache-2.0
// model_memory.h — the Memory policy that puts ringbuf's templates under relacy.
//
// Relacy runs every thread of a model as a fiber, chooses at each atomic access who goes on and
// which of the values that the memory model allows a load returns, and tracks happens-before.
// Its own macros (memory_order_*, new, delete, malloc, assert, $) would rewrite our headers, so
// they are taken back right after its header.  `$`, the source position, is kept: relacy's types
// want it, and nothing of ours contains one.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <type_traits>

#include <relacy/relacy.hpp>

#undef memory_order_relaxed
#undef memory_order_consume
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef assert
#undef errno

#include "ringbuf/memory_orders.h"

namespace bwrt::ringbuf::model {

inline rl::memory_order translate(std::memory_order order) {
    switch (order) {
        case std::memory_order::relaxed:
            return rl::mo_relaxed;
        case std::memory_order::consume:
        case std::memory_order::acquire:
            return rl::mo_acquire;
        case std::memory_order::release:
            return rl::mo_release;
        case std::memory_order::acq_rel:
            return rl::mo_acq_rel;
        case std::memory_order::seq_cst:
            return rl::mo_seq_cst;
    }
    return rl::mo_seq_cst;
}

// The orders in force: those of the table, but for the one under test.
class Orders {
 public:
    Orders() {
        for (const OrderEntry& entry : kOrders) set(entry.label, entry.order);
    }
    std::memory_order get(OrderLabel label) const { return orders_[static_cast<size_t>(label)]; }
    void set(OrderLabel label, std::memory_order order) {
        orders_[static_cast<size_t>(label)] = order;
    }

 private:
    std::array<std::memory_order, kOrders.size()> orders_;
};

inline Orders orders_in_force;

// std::atomic's interface, as far as ringbuf uses it, over relacy's.
template <typename T>
class ModelAtomic {
 public:
    ModelAtomic() = default;  // uninitialised: relacy reports a load before the first store
    explicit ModelAtomic(T value) : value_(value) {}

    T load(std::memory_order order) const { return value_.load(translate(order), $); }
    void store(T value, std::memory_order order) { value_.store(value, translate(order), $); }
    T fetch_add(T value, std::memory_order order) {
        return value_.fetch_add(value, translate(order), $);
    }
    bool compare_exchange_weak(T& expected, T desired, std::memory_order success,
                               std::memory_order failure) {
        return value_.compare_exchange_weak(expected, desired, translate(success), $,
                                            translate(failure), $);
    }

 private:
    rl::atomic<T> value_;
};

struct ModelMemory {
    template <typename T>
    using Atomic = ModelAtomic<T>;

    // Plain bytes: relacy reports a data race where the orders around an access do not suffice.
    template <typename T>
    class Cell {
     public:
        void write(T value) { value_($) = value; }
        void read(T* value_out) const { *value_out = value_($); }

     private:
        rl::var<T> value_;
    };

    static std::memory_order order(OrderLabel label) { return orders_in_force.get(label); }
};

}  // namespace bwrt::ringbuf::model
