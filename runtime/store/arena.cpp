// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/arena.h"

#include <algorithm>

#include "runtime/check.h"

namespace bwrt::runtime {
namespace {

constexpr std::uint64_t kHugeBytes = std::uint64_t{2} << 20;
constexpr std::uint64_t kDearest = ~std::uint64_t{0};

}  // namespace

std::uint32_t Arena::slab_bytes_for(std::uint64_t memory_bytes) noexcept {
    const std::uint64_t bytes = memory_bytes / 64 / kHugeBytes * kHugeBytes;
    return static_cast<std::uint32_t>(std::clamp(bytes, kHugeBytes, 32 * kHugeBytes));
}

Arena::Arena(std::uint64_t memory_bytes, std::uint32_t slab_bytes)
    : slab_bytes_(slab_bytes),
      slab_units_(slab_bytes / kUnitBytes),
      slabs_(memory_bytes / slab_bytes),
      names_(slabs_.size() * slab_units_),
      taken_(slabs_.size() * slab_units_) {
    BWRT_CHECK(slab_bytes % kUnitBytes == 0 && names_.count() < kNoPlace);
    lengths_.reserve(slabs_.size());
    evictees_.reserve(names_.count());
    // So that the first is the first to be taken.
    for (std::size_t slab = slabs_.size(); slab > 0; --slab) {
        link(&empty_, static_cast<std::uint32_t>(slab - 1));
    }
}

Arena::Length* Arena::find(std::uint32_t units) noexcept {
    for (Length& length : lengths_) {
        if (length.block_units == units) return &length;
    }
    return nullptr;
}

void Arena::link(std::uint32_t* list, std::uint32_t slab) noexcept {
    slabs_[slab].previous = kNone;
    slabs_[slab].following = *list;
    if (*list != kNone) slabs_[*list].previous = slab;
    *list = slab;
}

void Arena::unlink(std::uint32_t* list, std::uint32_t slab) noexcept {
    const Slab& gone = slabs_[slab];
    if (gone.previous != kNone) {
        slabs_[gone.previous].following = gone.following;
    } else {
        *list = gone.following;
    }
    if (gone.following != kNone) slabs_[gone.following].previous = gone.previous;
}

// Null when nobody's are used up.
Arena::Length* Arena::add_slab(std::uint32_t units, Length* length) noexcept {
    const std::uint32_t slab = empty_;
    if (slab == kNone) return nullptr;
    unlink(&empty_, slab);
    slabs_[slab] = {};
    slabs_[slab].block_units = units;
    if (length == nullptr) {
        lengths_.push_back({units, 0, kNone});
        length = &lengths_.back();
    }
    ++length->slab_count;
    link(&length->room, slab);
    return length;
}

std::uint32_t Arena::allocate(std::uint32_t length_bytes, std::uint32_t owner) noexcept {
    const std::uint32_t units = units_of(length_bytes);
    BWRT_CHECK(units != 0);
    if (needs_span(units)) return allocate_span(units, owner);
    Length* length = find(units);
    if (length == nullptr || length->room == kNone) length = add_slab(units, length);
    if (length == nullptr) return kNoPlace;
    const std::uint32_t number = length->room;
    Slab& slab = slabs_[number];
    std::uint32_t slot = slab.free_slot;
    if (slot != kNone) {
        slab.free_slot = names_[name_at(number, slot)];
    } else {
        slot = slab.fresh_slot++;
    }
    names_[name_at(number, slot)] = owner;
    taken_[name_at(number, slot)] = true;
    ++slab.used_count;
    used_units_ += units;
    if (!has_room(slab)) unlink(&length->room, number);
    return number * slab_units_ + slot * units;
}

void Arena::free(std::uint32_t place) noexcept {
    const std::uint32_t number = place / slab_units_;
    Slab& slab = slabs_[number];
    if (slab.span_first != kNone) {
        BWRT_CHECK(place == slab.span_first * slab_units_);
        free_span(slab.span_first);
        return;
    }
    BWRT_CHECK(slab.block_units != 0 && place % slab_units_ % slab.block_units == 0);
    const std::uint32_t slot = place % slab_units_ / slab.block_units;
    const std::size_t name = name_at(number, slot);
    BWRT_CHECK(taken_[name]);
    const bool had_room = has_room(slab);
    taken_[name] = false;
    names_[name] = slab.free_slot;
    slab.free_slot = slot;
    used_units_ -= slab.block_units;
    if (!had_room) link(&find(slab.block_units)->room, number);
    if (--slab.used_count == 0) give_slab_back(number);
}

void Arena::give_slab_back(std::uint32_t slab) noexcept {
    Length* length = find(slabs_[slab].block_units);
    unlink(&length->room, slab);
    if (--length->slab_count == 0) {
        *length = lengths_.back();
        lengths_.pop_back();
    }
    slabs_[slab] = {};
    link(&empty_, slab);
}

// The first place in which enough slabs in a row are nobody's.
std::uint32_t Arena::allocate_span(std::uint32_t units, std::uint32_t owner) noexcept {
    const std::uint32_t count = slabs_of(units);
    std::uint32_t run = 0;
    for (std::uint32_t slab = 0; slab < slabs_.size(); ++slab) {
        run = slabs_[slab].block_units == 0 ? run + 1 : 0;
        if (run < count) continue;
        const std::uint32_t first = slab + 1 - count;
        for (std::uint32_t i = first; i <= slab; ++i) {
            unlink(&empty_, i);
            slabs_[i] = {};
            slabs_[i].block_units = units;
            slabs_[i].span_first = first;
        }
        names_[name_at(first, 0)] = owner;
        used_units_ += units;
        return first * slab_units_;
    }
    return kNoPlace;
}

void Arena::free_span(std::uint32_t first) noexcept {
    used_units_ -= slabs_[first].block_units;
    for (std::uint32_t i = first; i < slabs_.size() && slabs_[i].span_first == first; ++i) {
        slabs_[i] = {};
        link(&empty_, i);
    }
}

// Units that go when the slab is emptied; kDearest when one may not.
std::uint64_t Arena::cost_of(std::uint32_t number, const Judge& judge) const noexcept {
    const Slab& slab = slabs_[number];
    if (slab.block_units == 0) return 0;
    if (slab.span_first != kNone) {
        const bool may_go = judge.may_go(names_[name_at(slab.span_first, 0)]);
        return may_go ? slab.block_units : kDearest;
    }
    for (std::uint32_t slot = 0; slot < slab.fresh_slot; ++slot) {
        const std::size_t name = name_at(number, slot);
        if (taken_[name] && !judge.may_go(names_[name])) return kDearest;
    }
    return std::uint64_t{slab.used_count} * slab.block_units;
}

void Arena::collect(std::uint32_t number) noexcept {
    const Slab& slab = slabs_[number];
    if (slab.span_first != kNone) {
        evictees_.push_back(names_[name_at(slab.span_first, 0)]);
        return;
    }
    for (std::uint32_t slot = 0; slot < slab.fresh_slot; ++slot) {
        const std::size_t name = name_at(number, slot);
        if (taken_[name]) evictees_.push_back(names_[name]);
    }
}

const std::vector<std::uint32_t>& Arena::evictees(std::uint32_t length_bytes,
                                                  const Judge& judge) noexcept {
    evictees_.clear();
    const std::uint32_t units = units_of(length_bytes);
    const std::uint32_t count = needs_span(units) ? slabs_of(units) : 1;
    // A span counts once in a window: where the window first meets it.
    const auto is_met_before = [&](std::uint32_t slab, std::uint32_t first) {
        return slab > first && slabs_[slab].span_first != kNone &&
               slabs_[slab].span_first == slabs_[slab - 1].span_first;
    };
    std::uint64_t best_cost = kDearest;
    std::uint32_t best = 0;
    for (std::uint32_t first = 0; first + count <= slabs_.size(); ++first) {
        std::uint64_t cost = 0;
        for (std::uint32_t slab = first; slab < first + count && cost != kDearest; ++slab) {
            if (is_met_before(slab, first)) continue;
            const std::uint64_t more = cost_of(slab, judge);
            cost = more == kDearest ? kDearest : cost + more;
        }
        if (cost >= best_cost) continue;
        best_cost = cost;
        best = first;
    }
    if (best_cost == kDearest) return evictees_;
    for (std::uint32_t slab = best; slab < best + count; ++slab) {
        if (!is_met_before(slab, best)) collect(slab);
    }
    return evictees_;
}

}  // namespace bwrt::runtime
