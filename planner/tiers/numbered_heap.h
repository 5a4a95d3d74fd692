// SPDX-License-Identifier: Apache-2.0
//
// numbered_heap.h — a heap of numbers, of which any can be taken out, not only the first.  What
// they are ordered by lies with the caller: `before(a, b)` tells it, and is the same in every call.

#pragma once

#include <cstdint>
#include <utility>

#include "planner/zeroed.h"

namespace bwrt::planner {

class NumberedHeap {
 public:
    // Of numbers below `count_max`.
    explicit NumberedHeap(std::uint32_t count_max) : heap_(count_max), places_(count_max) {}

    [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
    // 0: the first of all; the others are in no order.
    [[nodiscard]] std::uint32_t at(std::uint32_t place) const noexcept { return heap_[place]; }

    template <typename Before>
    void add(std::uint32_t number, const Before& before) noexcept {
        put(count_, number);
        rise(count_++, before);
    }

    template <typename Before>
    void remove(std::uint32_t number, const Before& before) noexcept {
        const std::uint32_t place = places_[number];
        if (place == --count_) return;
        put(place, heap_[count_]);
        rise(place, before);
        sink(place, before);
    }

 private:
    void put(std::uint32_t place, std::uint32_t number) noexcept {
        heap_[place] = number;
        places_[number] = place;
    }
    void swap(std::uint32_t a, std::uint32_t b) noexcept {
        const std::uint32_t number = heap_[a];
        put(a, heap_[b]);
        put(b, number);
    }
    template <typename Before>
    void rise(std::uint32_t place, const Before& before) noexcept {
        while (place > 0 && before(heap_[place], heap_[(place - 1) / 2])) {
            swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
    }
    template <typename Before>
    void sink(std::uint32_t place, const Before& before) noexcept {
        for (;;) {
            std::uint32_t first = place;
            for (std::uint32_t child = 2 * place + 1; child <= 2 * place + 2; ++child) {
                if (child < count_ && before(heap_[child], heap_[first])) first = child;
            }
            if (first == place) return;
            swap(place, first);
            place = first;
        }
    }

    Zeroed<std::uint32_t> heap_;
    Zeroed<std::uint32_t> places_;  // [number]
    std::uint32_t count_ = 0;
};

}  // namespace bwrt::planner
