// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/host_tier.h"

#include "runtime/check.h"
#include "runtime/store/recovery.h"

namespace bwrt::runtime {
namespace {

// How many of the oldest go one by one before all slabs are looked through for one that can be
// emptied: with blocks of one length the first has made room.  Where there is none, because in each
// lies a block whose child lies in another, the more of the oldest go, leaves first, each time.
constexpr std::uint32_t kOldestFirst = 8;

}  // namespace

planner::Arrival arrival_of(const Arriving& block, std::uint32_t parent) noexcept {
    planner::Arrival arrival;
    arrival.parent = parent;
    arrival.tenant = block.tenant;
    arrival.closure = block.closure;
    arrival.window_count = block.window_blocks;
    arrival.expires = block.expires;
    arrival.bytes = place_bytes(block.length_bytes);
    arrival.fingerprint = block.fingerprint;
    arrival.must_come = block.must_come;
    arrival.since = block.since;
    return arrival;
}

HostTier::HostTier(const Region& region, std::uint16_t region_slot, std::uint32_t block_count_max,
                   std::uint32_t tenant_count, std::uint32_t lease_count, std::uint32_t eviction)
    : places_(region, region_slot),
      policy_({block_count_max, tenant_count + 1, lease_count, places_.arena().capacity_bytes(),
               shadow_count_of(eviction != BWRT_EVICTION_LRU, block_count_max),
               eviction == BWRT_EVICTION_LEARNED}),
      blocks_(block_count_max),
      no_tenant_(tenant_count) {
    free_.reserve(block_count_max);
}

// Room for something as large as all there is begins with the oldest that may go.
bool HostTier::evict_one(planner::Tick now, TierOwner* owner) noexcept {
    planner::Arrival all;
    all.tenant = no_tenant_;
    all.bytes = places_.arena().capacity_bytes();
    all.must_come = true;
    const planner::Room room = policy_.make_room(all, now);
    drain();
    if (room.block == planner::kNoBlock) return false;
    owner->let_go(room.block, room.verdict);
    return true;
}

std::uint32_t HostTier::place_for(std::uint32_t number, std::uint32_t bytes, planner::Tick now,
                                  TierOwner* owner) noexcept {
    Arena& arena = places_.arena();
    std::uint32_t place = arena.allocate(bytes, number);
    for (std::uint32_t most = kOldestFirst; place == kNoPlace; most *= 2) {
        bool left = true;
        for (std::uint32_t i = 0; place == kNoPlace && left && i < most; ++i) {
            left = evict_one(now, owner);
            if (left) place = arena.allocate(bytes, number);
        }
        if (place != kNoPlace) break;
        const std::vector<std::uint32_t>& going = arena.evictees(bytes, *this);
        if (going.empty() && !left) break;
        for (std::size_t i = going.size(); i > 0; --i) {
            owner->let_go(going[i - 1], planner::RoomVerdict::kOldest);
        }
        place = arena.allocate(bytes, number);
    }
    return place;
}

// Room for the block, and then a number; false when there is none.  Whoever has let one go comes,
// so that nobody goes for nothing.
bool HostTier::make_room(const planner::Arrival& arrival, bool evicts, planner::Tick now,
                         TierOwner* owner, bool* is_unworthy_out) noexcept {
    planner::Arrival wanted = arrival;
    planner::Room room;
    const auto let_one_go = [&] {  // false where it fits, and where nobody may
        room = policy_.make_room(wanted, now);
        drain();
        *is_unworthy_out = room.verdict == planner::RoomVerdict::kUnworthy;
        if (room.block == planner::kNoBlock || !evicts) return false;
        wanted.must_come |= room.verdict != planner::RoomVerdict::kExpired;
        owner->let_go(room.block, room.verdict);
        return true;
    };
    while (let_one_go()) continue;
    if (room.verdict != planner::RoomVerdict::kFits) return false;
    wanted.bytes = places_.arena().capacity_bytes();  // by number, as in evict_one()
    wanted.tenant = no_tenant_;
    while (free_.empty() && fresh_ == blocks_.size()) {
        if (!let_one_go()) return !free_.empty();  // one that was gone may be given up, too
    }
    return true;
}

std::uint32_t HostTier::take(const Arriving& block, std::uint32_t parent, planner::Tick now,
                             TierOwner* owner, bool* is_unworthy_out) noexcept {
    static_assert(kNoHostBlock == planner::kNoBlock && kNoEntry == planner::kNoBlock);
    planner::Arrival arrival = arrival_of(block, parent);
    const auto bytes = static_cast<std::uint32_t>(arrival.bytes);
    // A parent that is needed stays, whoever else has to go.
    const bool keeps =
        arrival.parent != planner::kNoBlock && arrival.closure != planner::Closure::kLastState;
    if (keeps) policy_.pin(arrival.parent);
    std::uint32_t number = kNoHostBlock;
    std::uint32_t place = kNoPlace;
    if (make_room(arrival, !block.is_orphan, now, owner, is_unworthy_out)) {
        if (free_.empty()) {
            number = fresh_++;
        } else {
            number = free_.back();
            free_.pop_back();
        }
        place = block.is_orphan ? places_.arena().allocate(bytes, number)
                                : place_for(number, bytes, now, owner);
    }
    if (keeps) {
        policy_.drop_pin(arrival.parent);
        drain();
    }
    if (place == kNoPlace) {
        if (number != kNoHostBlock) free_.push_back(number);
        if (*is_unworthy_out || block.is_orphan) {
            policy_.miss_since(block.fingerprint, now, block.since);
        }
        return kNoHostBlock;
    }
    // One that was not needed may have gone, and its number may be this block's.
    if (arrival.parent != planner::kNoBlock && !policy_.knows(arrival.parent)) {
        arrival.parent = planner::kNoBlock;
    }
    policy_.insert(number, arrival, now);
    policy_.pin(number);
    blocks_[number] = {block.entry, place, bytes, kNoHostBlock, 0, 1};
    ++count_;
    return number;
}

void HostTier::remove(std::uint32_t block) noexcept {
    places_.arena().free(blocks_[block].place);
    blocks_[block].entry = kNoEntry;  // its children may still ask
    --count_;
    policy_.remove(block, blocks_[block].bytes);
    drain();
}

// Numbers that nothing refers to any more.
void HostTier::drain() noexcept {
    for (;;) {
        const std::uint32_t number = policy_.take_free();
        if (number == planner::kNoBlock) return;
        free_.push_back(number);
    }
}

}  // namespace bwrt::runtime
