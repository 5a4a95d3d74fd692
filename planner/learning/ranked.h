// SPDX-License-Identifier: Apache-2.0
//
// ranked.h — entries of a table by a rank that changes: the first one, and any one out again.
//
// A binary heap that knows where each entry lies.  Equal ranks go by the entry's number, so the
// order is a total one and hangs on nothing that came before.  16 bytes an entry.

#pragma once

#include <cstdint>

#include "planner/zeroed.h"

namespace bwrt::planner {

class Ranked {
 public:
    explicit Ranked(std::uint32_t entry_count)
        : ranks_(entry_count), heap_(entry_count), places_(entry_count) {}

    [[nodiscard]] bool is_empty() const noexcept { return count_ == 0; }
    [[nodiscard]] bool has(std::uint32_t entry) const noexcept { return places_[entry] != 0; }
    [[nodiscard]] std::uint64_t rank(std::uint32_t entry) const noexcept { return ranks_[entry]; }
    // The one with the least rank, of equal ones the first by number.
    [[nodiscard]] std::uint32_t first() const noexcept { return heap_[0]; }

    // Puts it in, or gives it another rank.
    void put(std::uint32_t entry, std::uint64_t rank) noexcept {
        if (places_[entry] == 0) {
            set(count_, entry);
            ++count_;
        }
        ranks_[entry] = rank;
        settle(places_[entry] - 1);
    }
    void take_out(std::uint32_t entry) noexcept {
        if (places_[entry] == 0) return;
        const std::uint32_t hole = places_[entry] - 1;
        places_[entry] = 0;
        --count_;
        if (hole == count_) return;
        set(hole, heap_[count_]);
        settle(hole);
    }

 private:
    [[nodiscard]] bool goes_before(std::uint32_t left, std::uint32_t right) const noexcept {
        if (ranks_[left] != ranks_[right]) return ranks_[left] < ranks_[right];
        return left < right;
    }
    void set(std::uint32_t place, std::uint32_t entry) noexcept {
        heap_[place] = entry;
        places_[entry] = place + 1;
    }
    void settle(std::uint32_t place) noexcept {
        const std::uint32_t entry = heap_[place];
        while (place > 0 && goes_before(entry, heap_[(place - 1) / 2])) {
            set(place, heap_[(place - 1) / 2]);
            place = (place - 1) / 2;
        }
        for (std::uint32_t below = 2 * place + 1; below < count_; below = 2 * place + 1) {
            if (below + 1 < count_ && goes_before(heap_[below + 1], heap_[below])) ++below;
            if (!goes_before(heap_[below], entry)) break;
            set(place, heap_[below]);
            place = below;
        }
        set(place, entry);
    }

    std::uint32_t count_ = 0;
    Zeroed<std::uint64_t> ranks_;
    Zeroed<std::uint32_t> heap_;
    Zeroed<std::uint32_t> places_;  // 1 + where it lies, 0: not inside
};

}  // namespace bwrt::planner
