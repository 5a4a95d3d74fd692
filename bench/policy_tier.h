// SPDX-License-Identifier: Apache-2.0
//
// policy_tier.h — a tier of one-byte blocks over a trace: PrefixLru and what is resident.

#pragma once

#include <cstdint>
#include <vector>

#include "bench/policy_trace.h"
#include "planner/tiers/prefix_lru.h"

namespace bwrt::bench {

// As good as a hash of an identity: a block number through a mixer of 64 bits.
inline std::uint64_t fingerprint_of(std::uint32_t block) {
    std::uint64_t bits = (block + 1) * 0x9E37'79B9'7F4A'7C15u;
    bits = (bits ^ bits >> 30) * 0xBF58'476D'1CE4'E5B9u;
    bits = (bits ^ bits >> 27) * 0x94D0'49BB'1331'11EBu;
    return bits ^ bits >> 31;
}

// A tier as a store has one: an index, here a flag a block, and the policy.  Blocks are of one
// byte.
class Tier {
 public:
    // With shadows it learns (planner/tiers/reuse.h), and may refuse.
    Tier(const replay::Trace& trace, std::uint32_t capacity, std::uint32_t shadow_count = 0,
         bool may_refuse = false)
        : trace_(trace),
          policy_({trace.block_count(), 1, 0, capacity, shadow_count, may_refuse}),
          is_resident_(trace.block_count()) {}

    [[nodiscard]] bool has(std::uint32_t block) const { return is_resident_[block] != 0; }

    void touch(std::uint32_t block, planner::Tick now) {
        policy_.touch(block, now);
        ++event_count_;
    }
    // False when nothing may go for it, or it is worth less.
    bool put(std::uint32_t block, planner::Tick now) {
        planner::Arrival arrival;
        arrival.fingerprint = fingerprint_of(block);
        arrival.parent = trace_.parent(block);
        arrival.bytes = 1;
        for (;;) {
            const planner::Room room = policy_.make_room(arrival, now);
            if (room.verdict == planner::RoomVerdict::kFits) break;
            if (room.verdict == planner::RoomVerdict::kFull ||
                room.verdict == planner::RoomVerdict::kUnworthy) {
                return false;
            }
            policy_.remove(room.block, 1);
            while (policy_.take_free() != planner::kNoBlock) {
            }
            is_resident_[room.block] = 0;
            ++event_count_;
        }
        policy_.insert(block, arrival, now);
        is_resident_[block] = 1;
        ++event_count_;
        return true;
    }
    // It was asked for and has not been put.
    void miss(std::uint32_t block, planner::Tick now) {
        policy_.miss(fingerprint_of(block), now);
        ++event_count_;
    }
    [[nodiscard]] std::uint64_t event_count() const { return event_count_; }

 private:
    const replay::Trace& trace_;
    planner::PrefixLru policy_;
    std::vector<char> is_resident_;
    std::uint64_t event_count_ = 0;
};

}  // namespace bwrt::bench
