// SPDX-License-Identifier: Apache-2.0
//
// prefix_lru.h — the default policy: least recently used first, closed under prefixes; or, where it
// is told to learn, what is worth least.
//
// A leaf-first policy usually keeps its leaves in a heap.  This one keeps a plain list, because
// using a block is using what it needs:
//
//   newest   R ── a ── b ── c          d ── e                 f      oldest
//            └────── used last ──┘     └ a branch of a ┘      a leaf of R
//
// An access moves a block *and its ancestors* to the newest end, root first.  So every child lies
// on the older side of all its ancestors, and the oldest block is a leaf: no heap, no search, O(1)
// an event.  A chain touched block by block within one tick costs one step a block, in whichever
// order, for a block goes directly behind its parent if that has been used in this tick.  On real
// traces this is leaf-LRU to the last digit (bench/policy.cpp).
//
// The list gives the order and nothing else.  What protects a block is a count, `holds`: of its
// children that need it, its pins and its leases.  A block with holds is never a victim.  One that
// comes to the oldest end all the same (pinned, or its child is another tenant's) is taken out of
// the list, *parked*, and comes back by its age when the last hold goes.  So it is met once and
// not at every search.
//
//   absent ──insert──▶ listed ◀──touch, last hold gone── parked
//     ▲                │  │  └──────held, oldest────────▶  │
//     │                │  └─superseded─▶ retired           │
//     │   no holds     ▼                   ▼               ▼
//     └──take_free── freed ◀────────────── remove() ───────┤ holds
//                      ▲                                   ▼
//                      └──────────last hold gone──────── ghost ──insert──▶ parked, listed
//
// Closures.  A prefix child holds its parent, and so on to the root.  A window child does, too,
// but a block that arrives cuts the link between the n-th before it and the one before that: the
// longest branch decides what is beyond the window.  A last state holds nothing and retires its
// parent: retired blocks go before others of their tenant, earlier ones first.  Where a caller
// mixes closures in a chain, a block's direct parent is what is sure to stay with it.
//
// With shadows it learns (reuse.h).  Then each class of blocks has a list like this one, and of the
// oldest of each class that goes which is worth least: in a class values fall with age.  A child
// may be of another class than its parent, so that a parent comes to the oldest end before it; it
// is parked like all that is held.  An eviction looks at 15 lists, and nothing else costs more than
// a look into a table.  A block that comes is no use of those that it needs, only their place in
// the order: its request has used them when it found them, and is the longer about what it did not.
//
// What a tier lets go of need not be gone at once: where its place is given to others later, and
// together with other places, it can be *faded* until then (fade()).  It counts no more and holds
// nothing, but who uses it again finds it (revive()).  Those whose parent it is go before it does,
// so a parent keeps a list of its faded children.
//
// Tenants have a list each, and a tree of winners over their oldest blocks (tenant_order.h) knows
// whose is the oldest of all; blocks used in the same tick go in the order of tenants.

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "planner/tiers/due_tree.h"
#include "planner/tiers/eviction.h"
#include "planner/tiers/leases.h"
#include "planner/tiers/reuse.h"
#include "planner/tiers/tenant_order.h"
#include "planner/zeroed.h"

namespace bwrt::planner {

class PrefixLru final : public Eviction {
 public:
    static constexpr std::uint32_t kBlockBytes = 32;  // a block, 48 where it learns
    static constexpr std::uint32_t kWindowMax = 2047;

    explicit PrefixLru(const EvictionLimits& limits);

    Room make_room(const Arrival& arrival, Tick now) noexcept override;
    void insert(std::uint32_t block, const Arrival& arrival, Tick now) noexcept override;
    void miss(std::uint64_t fingerprint, Tick now) noexcept override {
        miss_since(fingerprint, now, kTickMax);
    }
    void miss_since(std::uint64_t fingerprint, Tick now, Tick since) noexcept {
        if (reuse_ != nullptr && fingerprint != 0) reuse_->miss(fingerprint, now, since);
    }
    void touch(std::uint32_t block, Tick now) noexcept override;
    // The same, of one that was asked for then: what was used since has been used by this.
    void touch_since(std::uint32_t block, Tick now, Tick since) noexcept;
    void remove(std::uint32_t block, std::uint64_t bytes) noexcept override;
    // The block counts no more, and remove() or revive() is to follow.  Of one that nothing holds.
    void fade(std::uint32_t block, std::uint64_t bytes) noexcept;
    // It counts again, as one that was used when it was, or, where something is learnt, is now. Its
    // parent is to follow where it has faded, too.
    void revive(std::uint32_t block, std::uint64_t bytes, std::uint64_t fingerprint,
                Tick now) noexcept;
    [[nodiscard]] bool is_faded(std::uint32_t block) const noexcept {
        return nodes_[block].state() == State::kFaded;
    }
    // One that needs the block, or a block that does, and so on: the first to be removed.  kNoBlock
    // when there is none.
    [[nodiscard]] std::uint32_t faded_below(std::uint32_t block) const noexcept;
    [[nodiscard]] bool knows(std::uint32_t block) const noexcept override {
        return nodes_[block].state() != State::kAbsent;
    }
    [[nodiscard]] Arrival arrival_of(std::uint32_t block) const noexcept override {
        const Node& node = nodes_[block];
        return {node.parent, node.tenant, node.closure(), node.window_count(), node.expires, 0, 0};
    }
    std::uint32_t take_free() noexcept override;
    void pin(std::uint32_t block) noexcept override;
    void unpin(std::uint32_t block, Tick now) noexcept override;
    void drop_pin(std::uint32_t block) noexcept override { unhold(block); }
    std::uint32_t lease(std::uint32_t block, Tick until) noexcept override;
    bool expect(std::uint32_t block, Tick until) noexcept override;
    void release(std::uint32_t lease) noexcept override;
    void renew(std::uint32_t block, Tick expires) noexcept override;
    [[nodiscard]] bool is_expired(std::uint32_t block, Tick now) const noexcept override;
    std::uint32_t find_expired(Tick now) noexcept override;
    // The end of a lease may be what an expired block waits for.
    [[nodiscard]] Tick next_expiry() const noexcept override {
        const Tick due = due_.earliest();
        const Tick lease = leases_.first_end();
        return lease != 0 && (due == 0 || lease < due) ? lease : due;
    }
    // With less than there is, the next one that comes makes room for itself and the rest.
    void set_capacity(std::uint64_t bytes) noexcept { capacity_bytes_ = bytes; }
    [[nodiscard]] bool is_held(std::uint32_t block) const noexcept override;
    [[nodiscard]] Tick used_at(std::uint32_t block) const noexcept override;
    void set_quota(std::uint32_t tenant, std::uint64_t quota_bytes) noexcept override;
    [[nodiscard]] std::uint64_t used_bytes(std::uint32_t tenant) const noexcept override;
    [[nodiscard]] std::uint64_t used_bytes() const noexcept override { return used_bytes_; }

 private:
    enum class State : std::uint8_t { kAbsent, kListed, kRetired, kParked, kGhost, kFreed, kFaded };

    struct Node {
        std::uint32_t newer;  // in its tenant's list; faded: among those of its parent
        std::uint32_t older;  // freed: the next that is
        std::uint32_t parent;
        std::uint32_t faded;  // the first of its faded children
        Tick used_at;
        Tick expires;
        std::uint32_t holds;  // children that need it, pins, leases
        std::uint16_t tenant;
        std::uint16_t traits;  // 3 bits of state, 2 of closure, 11 of window

        [[nodiscard]] State state() const noexcept { return static_cast<State>(traits & 7u); }
        [[nodiscard]] Closure closure() const noexcept {
            return static_cast<Closure>((traits >> 3) & 3u);
        }
        [[nodiscard]] std::uint32_t window_count() const noexcept { return traits >> 5; }
        void set_state(State state) noexcept {
            traits = static_cast<std::uint16_t>((traits & ~7u) | static_cast<std::uint32_t>(state));
        }
        void set_traits(State state, Closure closure, std::uint32_t window_count) noexcept {
            traits = static_cast<std::uint16_t>(static_cast<std::uint32_t>(state) |
                                                static_cast<std::uint32_t>(closure) << 3 |
                                                window_count << 5);
        }
    };
    static_assert(sizeof(Node) == kBlockBytes);

    struct List {
        std::uint32_t newest = kNoBlock;
        std::uint32_t oldest = kNoBlock;
    };
    struct Tenant {
        List retired;
        std::uint64_t used_bytes = 0;
        std::uint64_t quota_bytes = 0;
    };

    // In the key of a tenant in a class: this, the tick of its oldest block, its number.
    static constexpr std::uint64_t kWithinQuota = std::uint64_t{1} << 48;

    [[nodiscard]] bool is_resident(std::uint32_t block) const noexcept;
    [[nodiscard]] bool is_known(std::uint32_t block) const noexcept;
    [[nodiscard]] static bool is_over(const Tenant& tenant) noexcept;
    [[nodiscard]] bool exceeds_quota(const Arrival& arrival) const noexcept;

    [[nodiscard]] std::uint32_t class_of(std::uint32_t block) const noexcept {
        return reuse_ == nullptr ? 0 : reuse_->class_of(block);
    }
    // What is retired is ranked with class 0, whatever it was.
    [[nodiscard]] std::uint32_t ranked_class_of(std::uint32_t block) const noexcept {
        return nodes_[block].state() == State::kRetired ? 0 : class_of(block);
    }
    [[nodiscard]] List& list_of(std::uint32_t block) noexcept;
    [[nodiscard]] List& list_of(std::uint32_t tenant, std::uint32_t reuse_class) noexcept {
        return lists_[std::size_t{tenant} * orders_.size() + reuse_class];
    }
    void link_front(std::uint32_t block) noexcept;
    void link_behind(std::uint32_t block, std::uint32_t anchor) noexcept;
    void unlink(std::uint32_t block) noexcept;
    void park(std::uint32_t block) noexcept;
    void unpark(std::uint32_t block) noexcept;
    void use_with_needs(std::uint32_t block, Tick now, Tick since) noexcept;
    void use(std::uint32_t block, std::uint32_t anchor, Tick now, Tick since) noexcept;
    void retire(std::uint32_t block) noexcept;
    void leave(std::uint32_t block, std::uint64_t bytes) noexcept;
    void take_back(std::uint32_t block) noexcept;
    void link_faded(std::uint32_t block) noexcept;
    void unlink_faded(std::uint32_t block) noexcept;
    // Nobody refers to it.
    [[nodiscard]] bool is_alone(const Node& node) const noexcept {
        return node.holds == 0 && node.faded == kNoBlock;
    }
    void rank(std::uint32_t index, std::uint32_t reuse_class) noexcept;
    void rank(std::uint32_t index) noexcept;

    void cut_window(std::uint32_t block) noexcept;
    void unhold(std::uint32_t block) noexcept;
    void free(std::uint32_t block) noexcept;
    void end_leases(Tick now) noexcept;
    bool give_up_an_expected(const Arrival& arrival, bool is_quota) noexcept;

    [[nodiscard]] Room find_victim(const Arrival& arrival, Tick now) noexcept;
    [[nodiscard]] bool is_worth_less(const Arrival& arrival, std::uint32_t victim,
                                     Tick now) noexcept;
    [[nodiscard]] std::uint32_t find_free_end(List& list) noexcept;
    [[nodiscard]] std::uint64_t value_of(std::uint32_t block, Tick now) noexcept;
    [[nodiscard]] std::uint32_t find_oldest_of(std::uint32_t index, Tick now) noexcept;
    [[nodiscard]] std::uint32_t find_oldest(Tick now) noexcept;
    [[nodiscard]] std::uint32_t find_oldest_in(std::uint32_t reuse_class) noexcept;

    std::uint64_t capacity_bytes_;
    std::uint64_t used_bytes_ = 0;
    std::uint32_t freed_ = kNoBlock;
    Zeroed<Node> nodes_;
    std::vector<Tenant> tenants_;
    std::unique_ptr<Reuse> reuse_;  // where something is learnt
    bool may_refuse_;
    std::vector<TenantOrder> orders_;  // [class]
    std::vector<List> lists_;          // [tenant][class]
    Leases leases_;
    DueTree due_;
};

}  // namespace bwrt::planner
