// SPDX-License-Identifier: Apache-2.0
//
// eviction.h — what a tier lets go of when it needs room.
//
// One policy stands beside each tier of the block store.  The store tells it what happened to its
// blocks and asks it one question, make_room(); the policy keeps the order, the bytes of each
// tenant, and who may not go.  It sees no clock and no I/O: time comes in as ticks, so that it runs
// the same in a store and in a replay, and the same calls give the same victims to the bit.
//
//   lookup, GET ──▶ touch()                                        a block that has arrived
//   PUT ──▶ make_room() ──kExpired, kQuota, kOldest──▶ drop it: remove() ──▶ make_room() again
//                └──kFits──▶ write it ──▶ insert()
//
// What every policy keeps to:
//
//   - A block with a resident child that needs it is never a victim, so the root end of every
//     prefix is resident: a hit is a leading run.  Shared prefixes are inner blocks, and thereby
//     safe.
//   - A pinned or leased block is never a victim, and neither are those that it needs.
//   - What is expected to be used soon, and what that needs, goes when nothing else can: what is
//     wanted last goes first.
//   - A tenant that would exceed its quota loses its own blocks and nobody else's; when the tier is
//     full, tenants above their quota lose theirs first, then the oldest goes whosesoever it is.
//   - What has expired goes before all of these, whosesoever it is: nobody is served it any more.
//   - The bytes of all blocks inserted never exceed the capacity if each insert() had its kFits.
//
// Block numbers are the store's, from 0 to block_count - 1; a tier may have its own numbers.  All
// memory is there after construction.  One thread at a time.

#pragma once

#include <cstdint>

namespace bwrt::planner {

constexpr std::uint32_t kNoBlock = 0xFFFF'FFFF;
constexpr std::uint32_t kNoLease = 0xFFFF'FFFF;

// Time, in units of the caller's, from 1 and never backwards.  What is used within one tick counts
// as used at once: that is also what makes a chain cheap that is touched block by block.
using Tick = std::uint32_t;

constexpr Tick kTickMax = 0xFFFF'FFFF;

// The unit that a store uses: 67 ms, which lasts nine years from the clock's zero.
constexpr std::uint32_t kTickShift = 26;

[[nodiscard]] constexpr Tick tick_at(std::uint64_t now_ns) noexcept {
    const std::uint64_t tick = (now_ns >> kTickShift) + 1;  // 0 is "never" in an expiry
    return tick > kTickMax ? kTickMax : static_cast<Tick>(tick);
}

// With what else a block is useful.
enum class Closure : std::uint8_t {
    kPrefix = 0,     // with its whole prefix: full attention
    kWindow = 1,     // with the `window_count` blocks before it: sliding window
    kLastState = 2,  // alone, and it supersedes its parent: state-space models
};

struct Arrival {
    std::uint32_t parent = kNoBlock;  // one that is not resident counts as none
    std::uint32_t tenant = 0;
    Closure closure = Closure::kPrefix;
    std::uint32_t window_count = 0;  // beyond 2,047 the whole prefix is kept
    Tick expires = 0;                // from then on it is not served; 0: never
    std::uint64_t bytes = 0;
    std::uint64_t fingerprint = 0;  // of its identity, by which it is known again; 0: it is not
    bool must_come = false;         // whatever it is worth: never kUnworthy
    Tick since = kTickMax;          // when it was asked for, where that was before now: what was
                                    // learnt of it from then on is of this use
};

enum class RoomVerdict : std::uint8_t {
    kFits,      // nothing has to go
    kExpired,   // `block` has to go, for its time is over
    kQuota,     // `block` has to go, for the tenant would exceed its quota
    kOldest,    // `block` has to go, for the tier is full
    kUnworthy,  // it should not come: all that might go is worth more (EvictionLimits::may_refuse)
    kFull,      // nothing may go, or it would not fit an empty tier
};

struct Room {
    RoomVerdict verdict = RoomVerdict::kFull;
    std::uint32_t block = kNoBlock;
};

struct EvictionLimits {
    std::uint32_t block_count = 0;
    std::uint32_t tenant_count = 1;  // at most 65,536
    std::uint32_t lease_count = 0;   // at a time; one a block
    std::uint64_t capacity_bytes = 0;
    // Identities that are remembered when they have gone, and learnt from (reuse.h); it should be
    // four times the blocks.  0: nothing is learnt, the least recently used goes first.
    std::uint32_t shadow_count = 0;
    bool may_refuse = false;  // where something is learnt: a block may be worth less than all
};

class Eviction {
 public:
    Eviction() = default;
    Eviction(const Eviction&) = delete;
    Eviction& operator=(const Eviction&) = delete;
    virtual ~Eviction() = default;

    // The next thing to do before `arrival` can be inserted.  Its parent is never the victim.
    [[nodiscard]] virtual Room make_room(const Arrival& arrival, Tick now) noexcept = 0;

    // `block` is resident from now on, and just used, it and those that it needs.  Parents first:
    // a block that comes before its parent never learns of it.  A store that finds blocks at open
    // inserts them unasked, those used last at the end.
    virtual void insert(std::uint32_t block, const Arrival& arrival, Tick now) noexcept = 0;

    // What has this fingerprint was asked for and will not be inserted: it was refused, or its
    // parent was.
    virtual void miss(std::uint64_t fingerprint, Tick now) noexcept = 0;

    // `block` was used, and thereby those that it needs.
    virtual void touch(std::uint32_t block, Tick now) noexcept = 0;

    // `block` is gone: a victim, dropped, or found corrupt.  `bytes` is what insert() was told.
    // Its number is the store's again when take_free() gives it: while children or pins refer to
    // it, it stays taken, and insert() with that number puts the block back below its children.
    virtual void remove(std::uint32_t block, std::uint64_t bytes) noexcept = 0;

    // It is resident, or something resident or pinned still refers to it: its number is taken.
    [[nodiscard]] virtual bool knows(std::uint32_t block) const noexcept = 0;

    // A number that nothing refers to any more, each once, or kNoBlock.  To be asked until
    // then after remove(), unpin(), drop_pin(), release(), make_room() and find_expired().
    [[nodiscard]] virtual std::uint32_t take_free() noexcept = 0;

    // What insert() was told of a resident block, as far as it still counts, but for its bytes.
    [[nodiscard]] virtual Arrival arrival_of(std::uint32_t block) const noexcept = 0;

    // Counted.  The end of a pin is a use: until then somebody read the memory.  Where nobody did,
    // because the store itself moved the block, drop_pin() ends it.
    virtual void pin(std::uint32_t block) noexcept = 0;
    virtual void unpin(std::uint32_t block, Tick now) noexcept = 0;
    virtual void drop_pin(std::uint32_t block) noexcept = 0;

    // Protects `block` before the tick `until`, then ends by itself; kNoLease when all are taken.
    // release() ends it before: not from that tick on, for the number may be another's by then.
    [[nodiscard]] virtual std::uint32_t lease(std::uint32_t block, Tick until) noexcept = 0;
    virtual void release(std::uint32_t lease) noexcept = 0;

    // `block` will have been used by the tick `until`.  It takes a lease, and ends by itself like
    // one; false when all are taken.
    virtual bool expect(std::uint32_t block, Tick until) noexcept = 0;

    virtual void renew(std::uint32_t block, Tick expires) noexcept = 0;
    [[nodiscard]] virtual bool is_expired(std::uint32_t block, Tick now) const noexcept = 0;
    // One that has expired and may go, or kNoBlock: for a store that reclaims before it must.
    [[nodiscard]] virtual std::uint32_t find_expired(Tick now) noexcept = 0;
    // Before that tick there is none; 0 when there will be none.
    [[nodiscard]] virtual Tick next_expiry() const noexcept = 0;

    // For a store that moves whole segments: whether a block may go, and when it was used last.
    [[nodiscard]] virtual bool is_held(std::uint32_t block) const noexcept = 0;
    [[nodiscard]] virtual Tick used_at(std::uint32_t block) const noexcept = 0;

    // 0: none.  Below what is used already, the tenant is the first to lose.
    virtual void set_quota(std::uint32_t tenant, std::uint64_t quota_bytes) noexcept = 0;
    [[nodiscard]] virtual std::uint64_t used_bytes(std::uint32_t tenant) const noexcept = 0;
    [[nodiscard]] virtual std::uint64_t used_bytes() const noexcept = 0;
};

}  // namespace bwrt::planner
