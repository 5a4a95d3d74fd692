// SPDX-License-Identifier: Apache-2.0

#include "planner/tiers/prefix_lru.h"

#include <algorithm>
#include <cassert>

namespace bwrt::planner {
namespace {

bool exceeds(std::uint64_t used_bytes, std::uint64_t bytes, std::uint64_t limit_bytes) {
    return used_bytes > limit_bytes || bytes > limit_bytes - used_bytes;
}

}  // namespace

PrefixLru::PrefixLru(const EvictionLimits& limits)
    : capacity_bytes_(limits.capacity_bytes),
      nodes_(limits.block_count),
      tenants_(limits.tenant_count),
      reuse_(limits.shadow_count > 0
                 ? std::make_unique<Reuse>(limits.block_count, limits.shadow_count)
                 : nullptr),
      may_refuse_(reuse_ != nullptr && limits.may_refuse),
      orders_(reuse_ != nullptr ? ReuseRates::kClassCount : 1, TenantOrder(limits.tenant_count)),
      lists_(limits.tenant_count * orders_.size()),
      leases_(limits.lease_count),
      due_(limits.block_count) {
    assert(limits.tenant_count > 0 && limits.tenant_count <= 65'536);
}

Room PrefixLru::make_room(const Arrival& arrival, Tick now) noexcept {
    end_leases(now);
    const std::uint64_t quota_bytes = tenants_[arrival.tenant].quota_bytes;
    if (arrival.bytes > capacity_bytes_) return {};
    if (quota_bytes != 0 && arrival.bytes > quota_bytes) return {};
    if (!exceeds(used_bytes_, arrival.bytes, capacity_bytes_) && !exceeds_quota(arrival)) {
        return {RoomVerdict::kFits, kNoBlock};
    }
    const bool needs_parent = arrival.closure != Closure::kLastState && is_known(arrival.parent);
    if (needs_parent) ++nodes_[arrival.parent].holds;
    const Room room = find_victim(arrival, now);
    if (needs_parent) unhold(arrival.parent);
    const bool may_refuse = may_refuse_ && !arrival.must_come;
    if (may_refuse && room.verdict == RoomVerdict::kOldest &&
        is_worth_less(arrival, room.block, now)) {
        return {RoomVerdict::kUnworthy, kNoBlock};
    }
    return room;
}

void PrefixLru::insert(std::uint32_t block, const Arrival& arrival, Tick now) noexcept {
    Node& node = nodes_[block];
    Closure closure = arrival.closure;
    std::uint32_t window_count = closure == Closure::kWindow ? arrival.window_count : 0;
    if (window_count > kWindowMax) {
        closure = Closure::kPrefix;
        window_count = 0;
    }
    const bool is_alone = closure != Closure::kPrefix && window_count == 0;
    if (node.state() == State::kFreed) take_back(block);
    // A ghost keeps the parent it had: its children are below it, and a new one might be among
    // them.
    if (node.state() == State::kAbsent) {
        node.holds = 0;
        node.faded = kNoBlock;
        node.parent = !is_alone && is_known(arrival.parent) ? arrival.parent : kNoBlock;
        if (node.parent != kNoBlock) ++nodes_[node.parent].holds;
    } else {
        assert(node.state() == State::kGhost);
    }
    node.tenant = static_cast<std::uint16_t>(arrival.tenant);
    node.set_traits(State::kParked, closure, window_count);
    tenants_[arrival.tenant].used_bytes += arrival.bytes;
    used_bytes_ += arrival.bytes;
    if (window_count > 0) cut_window(block);
    node.used_at = 0;
    if (reuse_ != nullptr) {
        if (!may_refuse_) reuse_->fill(arrival.bytes, capacity_bytes_);
        reuse_->come(block, arrival.fingerprint, now, arrival.since);
    }
    use_with_needs(block, now, 0);
    renew(block, arrival.expires);
    if (tenants_[arrival.tenant].quota_bytes != 0) rank(arrival.tenant);
    if (closure == Closure::kLastState && is_known(arrival.parent)) retire(arrival.parent);
}

void PrefixLru::touch(std::uint32_t block, Tick now) noexcept {
    assert(is_resident(block));
    use_with_needs(block, now, now);
}

void PrefixLru::touch_since(std::uint32_t block, Tick now, Tick since) noexcept {
    assert(is_resident(block));
    use_with_needs(block, now, std::min(now, since));
}

// And those that it needs, which move with it.  What was used since then has been used by this.
void PrefixLru::use_with_needs(std::uint32_t block, Tick now, Tick since) noexcept {
    const Node& node = nodes_[block];
    if (node.used_at == now) return;

    std::uint32_t reach_count = ~0u;
    if (node.closure() == Closure::kWindow) reach_count = node.window_count();
    if (node.closure() == Closure::kLastState) reach_count = 0;

    // Up to the first that has been used in this tick: those above it have been, too.
    std::uint32_t above = node.parent;
    std::uint32_t count = 1;
    for (; above != kNoBlock && count <= reach_count; above = nodes_[above].parent, ++count) {
        if (nodes_[above].used_at == now) break;
    }
    const bool is_anchor =
        above != kNoBlock && count <= reach_count && nodes_[above].state() == State::kListed;
    for (; count > 0; --count, block = nodes_[block].parent) {
        use(block, is_anchor ? above : kNoBlock, now, since);
    }
}

void PrefixLru::remove(std::uint32_t block, std::uint64_t bytes) noexcept {
    Node& node = nodes_[block];
    if (node.state() == State::kFaded) {
        unlink_faded(block);
        if (node.parent != kNoBlock) ++nodes_[node.parent].holds;  // as all ghosts do
    } else {
        leave(block, bytes);
    }
    node.set_state(State::kGhost);
    if (is_alone(node)) free(block);
}

// It counts no more.
void PrefixLru::leave(std::uint32_t block, std::uint64_t bytes) noexcept {
    const Node& node = nodes_[block];
    Tenant& tenant = tenants_[node.tenant];
    assert(is_resident(block));
    assert(bytes <= tenant.used_bytes);
    if (node.state() != State::kParked) unlink(block);
    if (reuse_ != nullptr) reuse_->go(block, node.used_at);
    tenant.used_bytes -= bytes;
    used_bytes_ -= bytes;
    if (tenant.quota_bytes != 0) rank(node.tenant);
}

void PrefixLru::fade(std::uint32_t block, std::uint64_t bytes) noexcept {
    Node& node = nodes_[block];
    assert(node.holds == 0);
    leave(block, bytes);
    node.set_state(State::kFaded);
    link_faded(block);
    if (node.parent != kNoBlock) unhold(node.parent);
}

void PrefixLru::revive(std::uint32_t block, std::uint64_t bytes, std::uint64_t fingerprint,
                       Tick now) noexcept {
    Node& node = nodes_[block];
    assert(node.state() == State::kFaded);
    unlink_faded(block);
    if (node.parent != kNoBlock) ++nodes_[node.parent].holds;
    Tenant& tenant = tenants_[node.tenant];
    tenant.used_bytes += bytes;
    used_bytes_ += bytes;
    node.set_state(State::kParked);
    if (reuse_ == nullptr) {
        if (node.holds == 0) unpark(block);
    } else {  // as one that comes: what was learnt of it is where it was left
        node.used_at = 0;
        reuse_->come(block, fingerprint, now, kTickMax);
        use(block, kNoBlock, now, 0);
    }
    if (tenant.quota_bytes != 0) rank(node.tenant);
}

std::uint32_t PrefixLru::faded_below(std::uint32_t block) const noexcept {
    std::uint32_t below = kNoBlock;
    for (block = nodes_[block].faded; block != kNoBlock; block = nodes_[block].faded) {
        below = block;
    }
    return below;
}

std::uint32_t PrefixLru::take_free() noexcept {
    const std::uint32_t block = freed_;
    if (block != kNoBlock) {
        freed_ = nodes_[block].older;
        nodes_[block].set_state(State::kAbsent);
    }
    return block;
}

// It comes again before its number was asked for.
void PrefixLru::take_back(std::uint32_t block) noexcept {
    std::uint32_t* link = &freed_;
    while (*link != block) link = &nodes_[*link].older;
    *link = nodes_[block].older;
    nodes_[block].set_state(State::kAbsent);
}

void PrefixLru::pin(std::uint32_t block) noexcept {
    assert(is_resident(block));
    ++nodes_[block].holds;
}

void PrefixLru::unpin(std::uint32_t block, Tick now) noexcept {
    if (is_resident(block)) touch(block, now);
    unhold(block);
}

std::uint32_t PrefixLru::lease(std::uint32_t block, Tick until) noexcept {
    assert(is_resident(block));
    const std::uint32_t lease = leases_.add(block, until);
    if (lease != Leases::kNone) ++nodes_[block].holds;
    return lease;
}

bool PrefixLru::expect(std::uint32_t block, Tick until) noexcept {
    assert(is_resident(block));
    if (leases_.add(block, until, false) == Leases::kNone) return false;
    ++nodes_[block].holds;
    return true;
}

void PrefixLru::release(std::uint32_t lease) noexcept { unhold(leases_.remove(lease)); }

void PrefixLru::renew(std::uint32_t block, Tick expires) noexcept {
    nodes_[block].expires = expires;
    if (expires != 0) due_.add(block, expires);
}

bool PrefixLru::is_expired(std::uint32_t block, Tick now) const noexcept {
    const Tick expires = nodes_[block].expires;
    return expires != 0 && expires <= now;
}

std::uint32_t PrefixLru::find_expired(Tick now) noexcept {
    end_leases(now);
    return due_.find(now, [this](std::uint32_t block) noexcept {
        const Node& node = nodes_[block];
        const bool is_there = is_resident(block) || node.state() == State::kFaded;
        return node.holds == 0 && is_there ? node.expires : 0;
    });
}

bool PrefixLru::is_held(std::uint32_t block) const noexcept { return nodes_[block].holds > 0; }

Tick PrefixLru::used_at(std::uint32_t block) const noexcept { return nodes_[block].used_at; }

void PrefixLru::set_quota(std::uint32_t tenant, std::uint64_t quota_bytes) noexcept {
    tenants_[tenant].quota_bytes = quota_bytes;
    rank(tenant);
}

std::uint64_t PrefixLru::used_bytes(std::uint32_t tenant) const noexcept {
    return tenants_[tenant].used_bytes;
}

bool PrefixLru::is_over(const Tenant& tenant) noexcept {
    return tenant.quota_bytes != 0 && tenant.used_bytes > tenant.quota_bytes;
}

bool PrefixLru::exceeds_quota(const Arrival& arrival) const noexcept {
    const Tenant& tenant = tenants_[arrival.tenant];
    return tenant.quota_bytes != 0 && exceeds(tenant.used_bytes, arrival.bytes, tenant.quota_bytes);
}

bool PrefixLru::is_resident(std::uint32_t block) const noexcept {
    const State state = nodes_[block].state();
    return state == State::kListed || state == State::kRetired || state == State::kParked;
}

bool PrefixLru::is_known(std::uint32_t block) const noexcept {
    return block != kNoBlock && (is_resident(block) || nodes_[block].state() == State::kGhost);
}

// The block `window_count` before this one lets go of what is before it.
void PrefixLru::cut_window(std::uint32_t block) noexcept {
    std::uint32_t last = block;
    for (std::uint32_t left = nodes_[block].window_count(); left > 0; --left) {
        last = nodes_[last].parent;
        if (last == kNoBlock) return;
    }
    const std::uint32_t beyond = nodes_[last].parent;
    if (beyond == kNoBlock || nodes_[last].closure() != Closure::kWindow) return;
    nodes_[last].parent = kNoBlock;
    unhold(beyond);
}

void PrefixLru::unhold(std::uint32_t block) noexcept {
    Node& node = nodes_[block];
    assert(node.holds > 0);
    if (--node.holds > 0) return;
    if (node.state() == State::kGhost) {
        if (node.faded == kNoBlock) free(block);
        return;
    }
    if (node.state() == State::kParked) unpark(block);
    if (node.expires != 0) due_.add(block, node.expires);
}

// A ghost that nothing refers to, and its parents as far as they are such by that.
void PrefixLru::free(std::uint32_t block) noexcept {
    for (;;) {
        Node& node = nodes_[block];
        const std::uint32_t parent = node.parent;
        node.set_state(State::kFreed);
        node.older = freed_;
        freed_ = block;
        if (parent == kNoBlock) return;
        const Node& above = nodes_[parent];
        if (above.state() != State::kGhost || above.holds > 1 || above.faded != kNoBlock) {
            unhold(parent);
            return;
        }
        nodes_[parent].holds = 0;
        block = parent;
    }
}

void PrefixLru::end_leases(Tick now) noexcept {
    for (;;) {
        const std::uint32_t lease = leases_.ended(now);
        if (lease == Leases::kNone) return;
        unhold(leases_.remove(lease));
    }
}

// What is wanted last goes first: of a chain that is expected its end, so that the expectation
// moves up to the block before, and on to the first that nothing else holds.
bool PrefixLru::give_up_an_expected(const Arrival& arrival, bool is_quota) noexcept {
    const auto may_go = [&](std::uint32_t block) noexcept {
        return nodes_[block].tenant == arrival.tenant;
    };
    const std::uint32_t lease = is_quota ? leases_.latest_use_of(may_go) : leases_.latest_use();
    if (lease == Leases::kNone) return false;
    for (;;) {
        const std::uint32_t block = leases_.block_of(lease);
        const std::uint32_t parent = nodes_[block].parent;
        const bool is_free_now = nodes_[block].holds == 1;
        if (parent == kNoBlock) {
            leases_.remove(lease);
        } else {
            leases_.move(lease, parent);
            ++nodes_[parent].holds;
        }
        unhold(block);
        if (is_free_now || parent == kNoBlock) return true;
    }
}

Room PrefixLru::find_victim(const Arrival& arrival, Tick now) noexcept {
    const std::uint32_t expired = find_expired(now);
    if (expired != kNoBlock) return {RoomVerdict::kExpired, expired};

    const bool is_quota = exceeds_quota(arrival);
    std::uint32_t block = kNoBlock;
    do {
        block = is_quota ? find_oldest_of(arrival.tenant, now) : find_oldest(now);
    } while (block == kNoBlock && give_up_an_expected(arrival, is_quota));
    if (block == kNoBlock) return {};
    const bool owner_is_over = is_over(tenants_[nodes_[block].tenant]);
    return {is_quota || owner_is_over ? RoomVerdict::kQuota : RoomVerdict::kOldest, block};
}

}  // namespace bwrt::planner
