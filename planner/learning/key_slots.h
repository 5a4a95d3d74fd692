// SPDX-License-Identifier: Apache-2.0
//
// key_slots.h — which entry of a table has a key: an index that does not hold the keys.
//
// Open addressing, one step after the other, at most half full.  An erased key leaves no mark: the
// keys behind the hole move up as far as each may without standing before its home.  4 bytes a
// slot, 8 an entry where their number is a power of two, and less than 16 where it is not.

#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "planner/mix.h"
#include "planner/zeroed.h"

namespace bwrt::planner {

class KeySlots {
 public:
    static constexpr std::uint32_t kNone = 0xFFFF'FFFF;

    // For at most so many entries, up to 2^30.
    explicit KeySlots(std::uint32_t entry_count)
        : mask_(2 * std::uint64_t{std::bit_ceil(std::max(entry_count, 1u))} - 1),
          slots_(mask_ + 1) {}

    // The entry with this key, or kNone.  `key_of(entry)` is the key of one that is inside.
    template <typename KeyOf>
    [[nodiscard]] std::uint32_t find(std::uint64_t key, const KeyOf& key_of) const noexcept {
        return slots_[slot_of(key, key_of)] - 1;  // 0 is kNone
    }
    // The key is not inside yet.
    template <typename KeyOf>
    void insert(std::uint64_t key, std::uint32_t entry, const KeyOf& key_of) noexcept {
        slots_[slot_of(key, key_of)] = entry + 1;
    }
    // The key is inside, and key_of() still knows it.
    template <typename KeyOf>
    void erase(std::uint64_t key, const KeyOf& key_of) noexcept {
        std::uint64_t hole = slot_of(key, key_of);
        for (std::uint64_t slot = next(hole); slots_[slot] != 0; slot = next(slot)) {
            const std::uint64_t home = home_of(key_of(slots_[slot] - 1));
            if (((slot - home) & mask_) < ((slot - hole) & mask_)) continue;
            slots_[hole] = slots_[slot];
            hole = slot;
        }
        slots_[hole] = 0;
    }

 private:
    [[nodiscard]] std::uint64_t home_of(std::uint64_t key) const noexcept {
        return ((key * kGolden) >> 32) & mask_;
    }
    [[nodiscard]] std::uint64_t next(std::uint64_t slot) const noexcept {
        return (slot + 1) & mask_;
    }
    // Where the key is, or the empty slot where it would be.
    template <typename KeyOf>
    [[nodiscard]] std::uint64_t slot_of(std::uint64_t key, const KeyOf& key_of) const noexcept {
        std::uint64_t slot = home_of(key);
        while (slots_[slot] != 0 && key_of(slots_[slot] - 1) != key) slot = next(slot);
        return slot;
    }

    std::uint64_t mask_;
    Zeroed<std::uint32_t> slots_;  // 1 + the entry, 0 for none
};

}  // namespace bwrt::planner
