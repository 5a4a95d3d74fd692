// SPDX-License-Identifier: Apache-2.0
//
// host_tier.h — which blocks are in host memory, and which of them go when another comes.
//
// A block here has a number of its own, by which the policy and the arena know it: there are far
// fewer of these than blocks on disk.  Those on their way, and those that somebody copies from or
// has pinned, are held and stay.  The driver's alone.

#pragma once

#include <cstdint>
#include <vector>

#include "planner/tiers/prefix_lru.h"
#include "runtime/store/index.h"
#include "runtime/store/memory_places.h"

namespace bwrt::runtime {

constexpr std::uint32_t kNoHostBlock = 0xFFFF'FFFF;

// What the policy of either tier is told of a block.
struct Arriving {
    std::uint32_t entry = kNoEntry;
    std::uint32_t length_bytes = 0;
    std::uint16_t tenant = 0;
    planner::Closure closure = planner::Closure::kPrefix;
    std::uint16_t window_blocks = 0;
    planner::Tick expires = 0;
    std::uint64_t fingerprint = 0;            // of its key; 0: nothing is learnt of it
    bool is_orphan = false;                   // its parent is not there: nobody goes for it
    bool must_come = false;                   // its tier was named: whatever it is worth
    planner::Tick since = planner::kTickMax;  // when it was asked for first
};

[[nodiscard]] planner::Arrival arrival_of(const Arriving& block, std::uint32_t parent) noexcept;

// Four that are remembered for each that there is, as reuse.h would have it.
[[nodiscard]] constexpr std::uint32_t shadow_count_of(bool learns,
                                                      std::uint32_t block_count) noexcept {
    return learns ? 4 * block_count : 0;  // of up to 2^27
}

// Told of each block that goes for another's sake, before its place is given away.  It may be one
// that needs the block and goes in its stead: who wanted room asks again.
class TierOwner {
 public:
    virtual void let_go(std::uint32_t block, planner::RoomVerdict why) noexcept = 0;
    // Its place may be had once others there are had, too: it goes then.
    virtual void fade(std::uint32_t block) noexcept {
        let_go(block, planner::RoomVerdict::kOldest);
    }

 protected:
    ~TierOwner() = default;
};

class HostTier final : private Arena::Judge {
 public:
    // `eviction`: BWRT_EVICTION_*, not DEFAULT.
    HostTier(const Region& region, std::uint16_t region_slot, std::uint32_t block_count_max,
             std::uint32_t tenant_count, std::uint32_t lease_count, std::uint32_t eviction);

    // A place for a block, held; kNoHostBlock when nobody may go for it, or when it is worth less
    // than who might.  `parent` is its number here, or kNoHostBlock.  Who goes is told to `owner`,
    // which must call remove() for it.
    [[nodiscard]] std::uint32_t take(const Arriving& block, std::uint32_t parent, planner::Tick now,
                                     TierOwner* owner, bool* is_unworthy_out) noexcept;
    void remove(std::uint32_t block) noexcept;

    void hold(std::uint32_t block) noexcept {
        ++blocks_[block].hold_count;
        policy_.pin(block);
    }
    void unhold(std::uint32_t block, planner::Tick now) noexcept {
        --blocks_[block].hold_count;
        policy_.unpin(block, now);
        drain();
    }
    // The same where nobody has read it meanwhile.
    void drop_hold(std::uint32_t block) noexcept {
        --blocks_[block].hold_count;
        policy_.drop_pin(block);
        drain();
    }
    [[nodiscard]] bool is_in_use(std::uint32_t block) const noexcept {
        return blocks_[block].hold_count != 0;
    }

    // Keeps it from going for another's sake until that is ended, and nothing else: it can be
    // dropped, and expires.  kNoLease when all are taken.
    [[nodiscard]] std::uint32_t lease(std::uint32_t block) noexcept {
        return policy_.lease(block, ~planner::Tick{0});
    }
    void end_lease(std::uint32_t lease) noexcept {
        policy_.release(lease);
        drain();
    }

    // The oldest goes, whosesoever it is.  False when none may.
    [[nodiscard]] bool evict_one(planner::Tick now, TierOwner* owner) noexcept;

    [[nodiscard]] std::byte* address_of(std::uint32_t block) const noexcept {
        return places_.at(blocks_[block].place);
    }
    [[nodiscard]] std::uint32_t entry_of(std::uint32_t block) const noexcept {
        return blocks_[block].entry;
    }
    void set_entry(std::uint32_t block, std::uint32_t entry) noexcept {
        blocks_[block].entry = entry;
    }
    // Pins of callers, each of which is a hold as well.
    [[nodiscard]] std::uint32_t& pins_of(std::uint32_t block) noexcept {
        return blocks_[block].pin_count;
    }
    // The flight that writes it to disk meanwhile, or kNoFlight.
    [[nodiscard]] std::uint32_t& flight_of(std::uint32_t block) noexcept {
        return blocks_[block].flight;
    }
    [[nodiscard]] std::uint16_t region_slot() const noexcept { return places_.region_slot(); }
    [[nodiscard]] planner::PrefixLru& policy() noexcept { return policy_; }
    [[nodiscard]] std::uint64_t capacity_bytes() const noexcept {
        return places_.arena().capacity_bytes();
    }
    [[nodiscard]] std::uint32_t block_count() const noexcept { return count_; }

 private:
    struct Block {
        std::uint32_t entry;
        std::uint32_t place;
        std::uint32_t bytes;  // of its place
        std::uint32_t flight;
        std::uint32_t pin_count;
        std::uint32_t hold_count;
    };

    [[nodiscard]] bool may_go(std::uint32_t block) const noexcept override {
        return !policy_.is_held(block);
    }
    [[nodiscard]] bool make_room(const planner::Arrival& arrival, bool evicts, planner::Tick now,
                                 TierOwner* owner, bool* is_unworthy_out) noexcept;
    [[nodiscard]] std::uint32_t place_for(std::uint32_t number, std::uint32_t bytes,
                                          planner::Tick now, TierOwner* owner) noexcept;
    void drain() noexcept;

    MemoryPlaces places_;
    planner::PrefixLru policy_;
    std::vector<Block> blocks_;
    std::vector<std::uint32_t> free_;
    std::uint32_t no_tenant_;  // one without a quota
    std::uint32_t fresh_ = 0;
    std::uint32_t count_ = 0;
};

}  // namespace bwrt::runtime
