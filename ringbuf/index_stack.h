// SPDX-License-Identifier: Apache-2.0
// index_stack.h — lock-free free list of the indices 0 .. count-1; the last one back is first out.
//
//   top_ = tag | index ──▶ next_[index] ──▶ next_[...] ──▶ kNone
//
// Last in, first out, since what was freed last is warm in the cache.  top_ is one 64-bit word:
// the index of the first free entry and a tag that each pop counts up.  Without the tag, a pop
// that was preempted after reading next_[i] would succeed once i is back on top, and install a
// successor that is in use by then (ABA).  Only a pop takes i away, so pops alone count.  The tag
// wraps after 2^32 pops: to be fooled, a thread must lie preempted between two of its
// instructions for an exact multiple of that, half a minute of popping without a pause.
//
// A chain of several entries is taken and given back whole, by one exchange: pop_chain() leaves
// them linked through next(), so that the owner keeps a first index and a count, and no array.
//
// Memory order, by label (the table is memory_orders.h):
//   R4 -> A4   whoever takes an index sees its next_ and all that its last owner wrote.  The
//              exchange of a pop is relaxed: it succeeds on the very value that A4 loaded, and
//              top_ changes by read-modify-writes only, so that a push stays visible through the
//              pops after it.
//   R5 -> A5   pop_chain() walks entries that others may take and relink meanwhile, and may stray
//              to the end of somebody's own chain.  Its exchange would fail; but before it says
//              that there are too few it looks at top_ again, and whoever has seen a relinked
//              entry must then see the pop that took it off the list.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>

#include "ringbuf/cache_line.h"
#include "ringbuf/memory_orders.h"

namespace bwrt::ringbuf {

template <typename Memory = StdMemory>
class BasicIndexStack {
    template <typename T>
    using Atomic = typename Memory::template Atomic<T>;

 public:
    static constexpr uint32_t kNone = 0xFFFFFFFF;

    // All of 0 .. count-1 are free; 0 is the first out.  Allocates next_, and nothing after that.
    // Throws std::invalid_argument for a count of 2^32 - 1, and std::bad_alloc.
    explicit BasicIndexStack(uint32_t count)
        : count_(checked(count)), next_(std::make_unique<Atomic<uint32_t>[]>(count)) {
        for (uint32_t i = 0; i < count; ++i) link(i, i + 1 < count ? i + 1 : kNone);
        top_.store(word(0, count > 0 ? 0 : kNone), std::memory_order::relaxed);  // alone here
    }

    BasicIndexStack(const BasicIndexStack&) = delete;
    BasicIndexStack& operator=(const BasicIndexStack&) = delete;

    // Any thread.  False when nothing is free; *index_out is then untouched.
    [[nodiscard]] bool pop(uint32_t* index_out) noexcept {
        for (;;) {
            const uint64_t top = top_.load(Memory::order(OrderLabel::kA4));
            const uint32_t index = index_of(top);
            if (index == kNone) return false;
            if (take(top, next(index))) {
                *index_out = index;
                return true;
            }
        }
    }

    // Any thread.  Takes `count` > 0 entries, linked through next(), or none at all: then false,
    // and *first_out is untouched.  The successor of the last one means nothing.
    [[nodiscard]] bool pop_chain(uint32_t count, uint32_t* first_out) noexcept {
        for (;;) {
            const uint64_t top = top_.load(Memory::order(OrderLabel::kA4));
            uint32_t rest = index_of(top);
            uint32_t left = count;
            for (; left > 0 && rest != kNone; --left) {
                rest = next_[rest].load(Memory::order(OrderLabel::kA5));
            }
            if (left > 0) {
                // A5 has made a pop that let us stray visible, so relaxed is enough.
                if (top_.load(std::memory_order::relaxed) == top) return false;
            } else if (take(top, rest)) {
                *first_out = index_of(top);
                return true;
            }
        }
    }

    // Any thread.  Gives back, once, an index that was popped.
    void push(uint32_t index) noexcept { push_chain(index, index); }

    // Any thread.  Gives back a chain: `first` leads to `last` through next().
    void push_chain(uint32_t first, uint32_t last) noexcept {
        uint64_t top = top_.load(std::memory_order::relaxed);  // verified by the exchange
        do {
            link(last, index_of(top));
        } while (!top_.compare_exchange_weak(top, word(tag_of(top), first),
                                             Memory::order(OrderLabel::kR4),
                                             std::memory_order::relaxed));
    }

    // The owner of a popped chain: walks it and relinks it.
    [[nodiscard]] uint32_t next(uint32_t index) const noexcept {
        return next_[index].load(std::memory_order::relaxed);  // A4 of the pop has made it visible
    }
    void link(uint32_t index, uint32_t successor) noexcept {
        next_[index].store(successor, Memory::order(OrderLabel::kR5));
    }

    [[nodiscard]] uint32_t count() const noexcept { return count_; }

 private:
    static uint32_t checked(uint32_t count) {
        if (count < kNone) return count;
        throw std::invalid_argument("an index stack has at most 2^32 - 2 entries");
    }

    static uint64_t word(uint32_t tag, uint32_t index) noexcept {
        return uint64_t{tag} << 32 | index;
    }
    static uint32_t tag_of(uint64_t top) noexcept { return static_cast<uint32_t>(top >> 32); }
    static uint32_t index_of(uint64_t top) noexcept { return static_cast<uint32_t>(top); }

    bool take(uint64_t top, uint32_t rest) noexcept {
        return top_.compare_exchange_weak(top, word(tag_of(top) + 1, rest),
                                          std::memory_order::relaxed, std::memory_order::relaxed);
    }

    // Read by all, written by none.
    const uint32_t count_;
    const std::unique_ptr<Atomic<uint32_t>[]> next_;

    alignas(kFalseSharingBytes) Atomic<uint64_t> top_{0};
};

using IndexStack = BasicIndexStack<>;

}  // namespace bwrt::ringbuf
