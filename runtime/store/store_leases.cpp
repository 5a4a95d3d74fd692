// SPDX-License-Identifier: Apache-2.0
//
// store_leases.cpp — what a lookup keeps: blocks that have to stay for a while, and blocks that
// should, because they will be asked for.

#include <algorithm>
#include <cstring>

#include "runtime/store/lookup.h"
#include "runtime/store/store.h"

namespace bwrt::runtime {
namespace {

IndexKey key_of(const Lookup& lookup, std::uint32_t identity, std::uint32_t part) noexcept {
    IndexKey key;
    key.tenant = lookup.tenant->index;
    std::memcpy(key.identity, lookup.identities + std::size_t{identity} * 32, sizeof key.identity);
    key.part = lookup.part_first + part;
    return key;
}

}  // namespace

planner::Tick Store::tick_in(std::uint32_t ms) const noexcept {
    return planner::tick_at(now_ns_ + std::uint64_t{ms} * 1'000'000) + 1;
}

std::uint32_t Store::lease(const Lookup& lookup, std::uint32_t identity_count,
                           std::uint32_t lease_ms) noexcept {
    const planner::Tick until = tick_in(lease_ms);
    for (std::uint32_t i = 0; i < identity_count; ++i) {
        for (std::uint32_t part = 0; part < lookup.part_count; ++part) {
            const std::uint32_t entry = index_->find(key_of(lookup, i, part));
            if (entry == kNoEntry) return i;
            const BlockFields fields = index_->fields_of(entry);
            // Where it is in both, the disk keeps it.
            const bool on_disk = (fields.flags & kOnDisk) != 0;
            if (!on_disk && (fields.flags & kInHost) == 0) return i;
            planner::PrefixLru& policy = on_disk ? disk_->policy() : host_->policy();
            const std::uint32_t block = on_disk ? entry : fields.host_place;
            if (on_disk) revive(entry);
            if (policy.lease(block, until) != planner::kNoLease) continue;
            // Those that are over end when the policy is next asked who may go.
            static_cast<void>(policy.find_expired(tick_));
            if (policy.lease(block, until) == planner::kNoLease) return i;
        }
    }
    return identity_count;
}

std::uint32_t Store::expect(const Lookup& lookup, std::uint32_t identity_count,
                            std::uint32_t within_ms) noexcept {
    const planner::Tick until = tick_in(within_ms);
    std::uint32_t kept_count = identity_count;
    for (const std::uint16_t tier : {std::uint16_t{kInHost}, std::uint16_t{kOnDisk}}) {
        for (std::uint32_t part = 0; part < lookup.part_count; ++part) {
            kept_count =
                std::min(kept_count, expect_chain(lookup, identity_count, part, tier, until));
        }
    }
    return kept_count;
}

// What a block needs is kept with it: one expectation, of the last, is enough for a chain.  It has
// gaps where a block came before its parent.
std::uint32_t Store::expect_chain(const Lookup& lookup, std::uint32_t identity_count,
                                  std::uint32_t part, std::uint16_t tier,
                                  planner::Tick until) noexcept {
    planner::PrefixLru* policy = nullptr;
    if (tier == kInHost && has_host()) policy = &host_->policy();
    if (tier == kOnDisk && has_disk()) policy = &disk_->policy();
    if (policy == nullptr) return identity_count;
    const auto keep = [&](std::uint32_t block) noexcept {
        if (block == planner::kNoBlock || policy->expect(block, until)) return true;
        static_cast<void>(policy->find_expired(tick_));
        return policy->expect(block, until);
    };
    std::uint32_t last = planner::kNoBlock;
    std::uint32_t first = 0;  // of the chain that ends with it
    for (std::uint32_t i = 0; i < identity_count; ++i) {
        const std::uint32_t entry = index_->find(key_of(lookup, i, part));
        if (entry == kNoEntry) {  // gone since it was looked up
            identity_count = i;
            break;
        }
        const BlockFields fields = index_->fields_of(entry);
        std::uint32_t block = planner::kNoBlock;
        if ((fields.flags & tier) != 0) block = tier == kInHost ? fields.host_place : entry;
        if (block != planner::kNoBlock && tier == kOnDisk) revive(entry);
        const bool goes_on = block != planner::kNoBlock && policy->arrival_of(block).parent == last;
        if (!goes_on && !keep(last)) return first;
        if (!goes_on || last == planner::kNoBlock) first = i;
        last = block;
    }
    return keep(last) ? identity_count : first;
}

}  // namespace bwrt::runtime
