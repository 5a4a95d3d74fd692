// SPDX-License-Identifier: Apache-2.0
//
// wave_heap.h — a binary heap of waves that knows where each one is, so that a wave can leave
// from the middle when it is cancelled.  Sized at open; the executor's alone.

#pragma once

#include <cstdint>
#include <utility>

#include "runtime/memory.h"
#include "runtime/wave_table.h"

namespace bwrt::runtime {

// What is due first, and of what is due at once, what was accepted first.
struct HeapKey {
    std::uint64_t due_ns = 0;
    std::uint64_t sequence = 0;

    friend bool operator<(const HeapKey& a, const HeapKey& b) noexcept {
        return a.due_ns != b.due_ns ? a.due_ns < b.due_ns : a.sequence < b.sequence;
    }
};

// `Place` names the member of Wave that holds its place here: static uint32_t& of(Wave&).
template <typename Place>
class WaveHeap {
 public:
    explicit WaveHeap(const WaveTable* waves) : waves_(waves), entries_(waves->place_count()) {}

    [[nodiscard]] bool is_empty() const noexcept { return count_ == 0; }
    [[nodiscard]] Wave& top() const noexcept { return waves_->at(entries_[0].wave); }
    [[nodiscard]] const HeapKey& top_key() const noexcept { return entries_[0].key; }

    void insert(Wave* wave, HeapKey key) noexcept {
        const std::uint32_t place = count_++;
        put(place, {key, wave->index});
        rise(place);
    }

    // Does nothing for a wave that is not here.
    void remove(Wave* wave) noexcept {
        const std::uint32_t place = Place::of(*wave);
        if (place == kNoIndex) return;
        Place::of(*wave) = kNoIndex;
        const Entry last = entries_[--count_];
        if (place == count_) return;
        put(place, last);
        rise(place);
        sink(Place::of(waves_->at(last.wave)));
    }

 private:
    struct Entry {
        HeapKey key;
        std::uint32_t wave;
    };

    void put(std::uint32_t place, const Entry& entry) noexcept {
        entries_[place] = entry;
        Place::of(waves_->at(entry.wave)) = place;
    }
    void swap(std::uint32_t a, std::uint32_t b) noexcept {
        const Entry entry = entries_[a];
        put(a, entries_[b]);
        put(b, entry);
    }
    void rise(std::uint32_t place) noexcept {
        for (; place > 0; place = (place - 1) / 2) {
            const std::uint32_t parent = (place - 1) / 2;
            if (!(entries_[place].key < entries_[parent].key)) return;
            swap(place, parent);
        }
    }
    void sink(std::uint32_t place) noexcept {
        for (;;) {
            std::uint32_t least = place;
            for (std::uint32_t child = 2 * place + 1; child <= 2 * place + 2; ++child) {
                if (child < count_ && entries_[child].key < entries_[least].key) least = child;
            }
            if (least == place) return;
            swap(place, least);
            place = least;
        }
    }

    const WaveTable* waves_;
    Table<Entry> entries_;
    std::uint32_t count_ = 0;
};

}  // namespace bwrt::runtime
