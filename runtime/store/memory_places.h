// SPDX-License-Identifier: Apache-2.0
//
// memory_places.h — the store's own memory, and the places in it: host tier or transit.
//
// A block lies in memory as it lies on the disk: payload, padded to whole units, then the sums of
// its chunks where there are several.  So writing it, or reading it back, is one run.

#pragma once

#include <cstdint>

#include "runtime/region.h"
#include "runtime/store/arena.h"

namespace bwrt::runtime {

class MemoryPlaces {
 public:
    // `region` is filled already and lies at `slot` of the region table.
    MemoryPlaces(const Region& region, std::uint16_t slot)
        : memory_(region.address),
          slot_(slot),
          arena_(region.length_bytes, Arena::slab_bytes_for(region.length_bytes)) {}

    [[nodiscard]] Arena& arena() noexcept { return arena_; }
    [[nodiscard]] const Arena& arena() const noexcept { return arena_; }
    [[nodiscard]] std::byte* at(std::uint32_t place) const noexcept {
        return memory_ + std::uint64_t{place} * Arena::kUnitBytes;
    }
    [[nodiscard]] std::uint16_t region_slot() const noexcept { return slot_; }

 private:
    std::byte* memory_;
    std::uint16_t slot_;
    Arena arena_;
};

}  // namespace bwrt::runtime
