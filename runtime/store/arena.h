// SPDX-License-Identifier: Apache-2.0
//
// arena.h — places for blocks in one piece of memory, each block in one run of bytes, so that it
// can be lent out by address.
//
//   memory   [   slab   | slab |   slab   | slab | slab |   ...     equal lengths
//              16 of 640 K  none  40 of 200 K  span: one of 70 MiB
//
// A slab holds blocks of one length, to the unit of 4 KiB: engines have a handful of lengths, so
// what is lost is the rest of a unit and the rest of a slab.  A block that is longer than half a
// slab has a span of whole ones.  An empty slab is nobody's and fits any length.  So no memory is
// lost for good in holes: when the lengths change, evictees() names the blocks whose going empties
// a slab, or as many in a row as are needed, most cheaply, and the caller, who knows what may go,
// lets them go.
//
// Knows lengths and names, and neither the memory nor what lies there.  One thread at a time.
// Tables are made at construction; allocate() and free() take constant time, of a span as many
// steps as there are slabs.

#pragma once

#include <cstdint>
#include <vector>

#include "runtime/memory.h"

namespace bwrt::runtime {

constexpr std::uint32_t kNoPlace = 0xFFFFFFFFu;

class Arena {
 public:
    static constexpr std::uint32_t kUnitBytes = 4096;

    // For memory of so many bytes, of which the last may be no whole slab and is then not used.
    // slab_bytes is a multiple of kUnitBytes.
    Arena(std::uint64_t memory_bytes, std::uint32_t slab_bytes);

    // A 64th of it in whole huge pages, from 2 to 64 MiB.
    [[nodiscard]] static std::uint32_t slab_bytes_for(std::uint64_t memory_bytes) noexcept;

    // A place, in units from the memory's start, for the block that the owner names; kNoPlace when
    // there is none.  length_bytes is not 0.
    [[nodiscard]] std::uint32_t allocate(std::uint32_t length_bytes, std::uint32_t owner) noexcept;
    void free(std::uint32_t place) noexcept;

    // Asked by evictees(): whether the block may go.
    class Judge {
     public:
        [[nodiscard]] virtual bool may_go(std::uint32_t owner) const noexcept = 0;

     protected:
        ~Judge() = default;
    };
    // All owners of the slabs that can be emptied for a block of that length at the least cost in
    // bytes; none when that cannot be.  For when the going of a few others, of any length, has not
    // made room.  Valid until the next call.  Looks at every place.
    [[nodiscard]] const std::vector<std::uint32_t>& evictees(std::uint32_t length_bytes,
                                                             const Judge& judge) noexcept;

    [[nodiscard]] std::uint64_t capacity_bytes() const noexcept {
        return std::uint64_t{slab_bytes_} * slabs_.size();
    }
    // In places, with what rounding to units takes.
    [[nodiscard]] std::uint64_t used_bytes() const noexcept { return used_units_ * kUnitBytes; }

 private:
    static constexpr std::uint32_t kNone = 0xFFFFFFFFu;

    struct Slab {
        std::uint32_t block_units = 0;     // 0: nobody's
        std::uint32_t used_count = 0;      // places taken
        std::uint32_t fresh_slot = 0;      // from here on no place was ever taken
        std::uint32_t free_slot = kNone;   // the latest that was given back; links in names_
        std::uint32_t span_first = kNone;  // of a span: its first slab, which has the one place
        std::uint32_t previous = kNone;    // in the list of slabs of this length that have room
        std::uint32_t following = kNone;
    };
    // The slabs of one length: those that have room are in a list.
    struct Length {
        std::uint32_t block_units = 0;
        std::uint32_t slab_count = 0;
        std::uint32_t room = kNone;
    };

    static std::uint32_t units_of(std::uint32_t length_bytes) noexcept {
        return static_cast<std::uint32_t>((std::uint64_t{length_bytes} + kUnitBytes - 1) /
                                          kUnitBytes);
    }
    [[nodiscard]] bool needs_span(std::uint32_t units) const noexcept {
        return units > slab_units_ / 2;
    }
    [[nodiscard]] std::uint32_t slabs_of(std::uint32_t units) const noexcept {
        return (units + slab_units_ - 1) / slab_units_;
    }
    [[nodiscard]] bool has_room(const Slab& slab) const noexcept {
        return slab.used_count < slab_units_ / slab.block_units;
    }
    [[nodiscard]] std::size_t name_at(std::uint32_t slab, std::uint32_t slot) const noexcept {
        return std::size_t{slab} * slab_units_ + slot;
    }
    [[nodiscard]] Length* find(std::uint32_t units) noexcept;
    void link(std::uint32_t* list, std::uint32_t slab) noexcept;
    void unlink(std::uint32_t* list, std::uint32_t slab) noexcept;
    [[nodiscard]] Length* add_slab(std::uint32_t units, Length* length) noexcept;
    void give_slab_back(std::uint32_t slab) noexcept;
    std::uint32_t allocate_span(std::uint32_t units, std::uint32_t owner) noexcept;
    void free_span(std::uint32_t first) noexcept;
    [[nodiscard]] std::uint64_t cost_of(std::uint32_t slab, const Judge& judge) const noexcept;
    void collect(std::uint32_t slab) noexcept;

    std::uint32_t slab_bytes_;
    std::uint32_t slab_units_;
    std::vector<Slab> slabs_;
    Table<std::uint32_t> names_;   // by slab and slot: the owner, or the next free slot
    Table<bool> taken_;            // likewise
    std::vector<Length> lengths_;  // in use: no more than there are slabs
    std::uint32_t empty_ = kNone;  // list of nobody's slabs
    std::vector<std::uint32_t> evictees_;
    std::uint64_t used_units_ = 0;
};

}  // namespace bwrt::runtime
