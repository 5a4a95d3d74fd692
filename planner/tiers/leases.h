// SPDX-License-Identifier: Apache-2.0
//
// leases.h — promises that end by themselves: a heap by the tick at which they do, of numbered
// entries, so that one can be ended before.  Sized at construction: there are as many leases as
// lookups hand out within their short lives, not as many as blocks, so they take no byte of a
// block.

#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace bwrt::planner {

class Leases {
 public:
    static constexpr std::uint32_t kNone = 0xFFFF'FFFF;

    explicit Leases(std::uint32_t count_max) : entries_(count_max), heap_(count_max) {
        for (std::uint32_t i = 0; i < count_max; ++i) heap_[i] = i;
    }

    // The lease's number, or kNone when all are taken.
    std::uint32_t add(std::uint32_t block, std::uint32_t until) noexcept {
        if (count_ == heap_.size()) return kNone;
        const std::uint32_t lease = heap_[count_];  // behind the heap lie the free numbers
        entries_[lease] = {block, until, count_};
        rise(count_++);
        return lease;
    }

    // Its block.
    std::uint32_t remove(std::uint32_t lease) noexcept {
        const std::uint32_t place = entries_[lease].place;
        swap(place, --count_);
        if (place < count_) {
            rise(place);
            sink(place);
        }
        return entries_[lease].block;
    }

    // When the first of them ends; 0 when there is none.
    [[nodiscard]] std::uint32_t first_end() const noexcept {
        return count_ > 0 ? entries_[heap_[0]].until : 0;
    }

    // The one that ends first, if it ends by `now`, or kNone.
    [[nodiscard]] std::uint32_t ended(std::uint32_t now) const noexcept {
        return count_ > 0 && entries_[heap_[0]].until <= now ? heap_[0] : kNone;
    }

 private:
    struct Entry {
        std::uint32_t block;
        std::uint32_t until;
        std::uint32_t place;
    };

    [[nodiscard]] bool before(std::uint32_t a, std::uint32_t b) const noexcept {
        return entries_[heap_[a]].until < entries_[heap_[b]].until;
    }
    void swap(std::uint32_t a, std::uint32_t b) noexcept {
        std::swap(heap_[a], heap_[b]);
        entries_[heap_[a]].place = a;
        entries_[heap_[b]].place = b;
    }
    void rise(std::uint32_t place) noexcept {
        for (; place > 0 && before(place, (place - 1) / 2); place = (place - 1) / 2) {
            swap(place, (place - 1) / 2);
        }
    }
    void sink(std::uint32_t place) noexcept {
        for (;;) {
            std::uint32_t first = place;
            for (std::uint32_t child = 2 * place + 1; child <= 2 * place + 2; ++child) {
                if (child < count_ && before(child, first)) first = child;
            }
            if (first == place) return;
            swap(place, first);
            place = first;
        }
    }

    std::vector<Entry> entries_;
    std::vector<std::uint32_t> heap_;  // count_ numbers by time, then the free ones
    std::uint32_t count_ = 0;
};

}  // namespace bwrt::planner
