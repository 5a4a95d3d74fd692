// SPDX-License-Identifier: Apache-2.0
//
// prefix_lru_lists.cpp — the lists of PrefixLru: a block's place in them, and whose end goes first.

#include <array>

#include "planner/tiers/prefix_lru.h"

namespace bwrt::planner {
namespace {

// A parked block that comes back is older than all but those that came back before it, so its
// place is near the oldest end.  Behind thousands of them it is given one that is a little too old.
constexpr std::uint32_t kStepsMax = 64;

// Of those offered the one with the least key.
struct Least {
    using Key = std::array<std::uint64_t, 3>;  // within its quota, value, last use

    void offer(std::uint32_t offered, const Key& offered_key) noexcept {
        if (block != kNoBlock && key <= offered_key) return;
        block = offered;
        key = offered_key;
    }
    std::uint32_t block = kNoBlock;
    Key key = {};
};

}  // namespace

PrefixLru::List& PrefixLru::list_of(std::uint32_t block) noexcept {
    const Node& node = nodes_[block];
    return node.state() == State::kRetired ? tenants_[node.tenant].retired
                                           : list_of(node.tenant, class_of(block));
}

void PrefixLru::link_front(std::uint32_t block) noexcept {
    Node& node = nodes_[block];
    List& list = list_of(block);
    node.newer = kNoBlock;
    node.older = list.newest;
    list.newest = block;
    if (node.older != kNoBlock) {
        nodes_[node.older].newer = block;
    } else {
        list.oldest = block;
        rank(node.tenant, ranked_class_of(block));
    }
}

// On the older side of `anchor`, of the same list.
void PrefixLru::link_behind(std::uint32_t block, std::uint32_t anchor) noexcept {
    Node& node = nodes_[block];
    node.newer = anchor;
    node.older = nodes_[anchor].older;
    nodes_[anchor].older = block;
    if (node.older != kNoBlock) {
        nodes_[node.older].newer = block;
    } else {
        list_of(block).oldest = block;
        rank(node.tenant, ranked_class_of(block));
    }
}

void PrefixLru::unlink(std::uint32_t block) noexcept {
    const Node& node = nodes_[block];
    List& list = list_of(block);
    if (node.newer != kNoBlock) {
        nodes_[node.newer].older = node.older;
    } else {
        list.newest = node.older;
    }
    if (node.older != kNoBlock) {
        nodes_[node.older].newer = node.newer;
    } else {
        list.oldest = node.newer;
        rank(node.tenant, ranked_class_of(block));
    }
}

void PrefixLru::park(std::uint32_t block) noexcept {
    unlink(block);
    nodes_[block].set_state(State::kParked);
}

void PrefixLru::unpark(std::uint32_t block) noexcept {
    Node& node = nodes_[block];
    node.set_state(State::kListed);
    std::uint32_t anchor = list_of(block).oldest;
    for (std::uint32_t step = 0; step < kStepsMax; ++step) {
        if (anchor == kNoBlock || nodes_[anchor].used_at >= node.used_at) break;
        anchor = nodes_[anchor].newer;
    }
    if (anchor == kNoBlock) {
        link_front(block);
    } else {
        link_behind(block, anchor);
    }
}

// To the newest end, or directly behind the ancestor that is there already.
void PrefixLru::use(std::uint32_t block, std::uint32_t anchor, Tick now, Tick since) noexcept {
    Node& node = nodes_[block];
    const Tick before = node.used_at;
    node.used_at = now;
    if (node.state() == State::kGhost || node.state() == State::kFaded) return;
    if (node.state() != State::kParked) unlink(block);
    if (reuse_ != nullptr) reuse_->use(block, before, now, before < since);
    node.set_state(State::kListed);
    if (anchor != kNoBlock && nodes_[anchor].tenant == node.tenant &&
        class_of(anchor) == class_of(block)) {
        link_behind(block, anchor);
    } else {
        link_front(block);
    }
}

void PrefixLru::retire(std::uint32_t block) noexcept {
    Node& node = nodes_[block];
    if (node.closure() != Closure::kLastState) return;
    if (reuse_ != nullptr) reuse_->stop(block, node.used_at);
    node.used_at = 0;  // should it be parked, it comes back as the oldest
    if (node.state() != State::kListed) return;
    unlink(block);
    node.set_state(State::kRetired);
    link_front(block);
}

// Among those of its parent, if it has one.
void PrefixLru::link_faded(std::uint32_t block) noexcept {
    Node& node = nodes_[block];
    node.newer = node.older = kNoBlock;
    if (node.parent == kNoBlock) return;
    std::uint32_t& first = nodes_[node.parent].faded;
    node.older = first;
    if (first != kNoBlock) nodes_[first].newer = block;
    first = block;
}

// A ghost that waited for the last of them only is freed by whoever changes its holds next.
void PrefixLru::unlink_faded(std::uint32_t block) noexcept {
    const Node& node = nodes_[block];
    if (node.parent == kNoBlock) return;
    if (node.newer != kNoBlock) {
        nodes_[node.newer].older = node.older;
    } else {
        nodes_[node.parent].faded = node.older;
    }
    if (node.older != kNoBlock) nodes_[node.older].newer = node.newer;
    const Node& parent = nodes_[node.parent];
    if (parent.faded == kNoBlock && parent.expires != 0) due_.add(node.parent, parent.expires);
}

// A tenant's place among the others: above its quota first, then by its oldest block of a class.
// What is retired counts as of class 0.
void PrefixLru::rank(std::uint32_t index, std::uint32_t reuse_class) noexcept {
    const Tenant& tenant = tenants_[index];
    const std::uint32_t oldest = list_of(index, reuse_class).oldest;
    std::uint64_t key = TenantOrder::kNoKey;
    if (reuse_class == 0 && tenant.retired.oldest != kNoBlock) {
        key = 0;
    } else if (oldest != kNoBlock) {
        key = std::uint64_t{nodes_[oldest].used_at} << 16;
    }
    if (key != TenantOrder::kNoKey) {
        if (!is_over(tenant)) key |= kWithinQuota;
        key |= index;
    }
    orders_[reuse_class].set(index, key);
}

void PrefixLru::rank(std::uint32_t index) noexcept {
    for (std::uint32_t which = 0; which < orders_.size(); ++which) rank(index, which);
}

// The victim is what the tier would keep last; who comes may be worth less even so.  Not if both
// are of a class: he is the younger one, and what is known of a class early says little of its
// ages.
bool PrefixLru::is_worth_less(const Arrival& arrival, std::uint32_t victim, Tick now) noexcept {
    if (reuse_->class_of_new(arrival.fingerprint, now, arrival.since) == class_of(victim)) {
        return false;
    }
    return reuse_->value_of_new(arrival.fingerprint, now, arrival.since) < value_of(victim, now);
}

std::uint64_t PrefixLru::value_of(std::uint32_t block, Tick now) noexcept {
    // What is retired has no last use, also where it was parked.
    if (reuse_ == nullptr || nodes_[block].used_at == 0) return 0;
    return reuse_->value_of(block, nodes_[block].used_at, now);
}

// The oldest of a list that nothing holds; what is held and older is parked.
std::uint32_t PrefixLru::find_free_end(List& list) noexcept {
    while (list.oldest != kNoBlock && nodes_[list.oldest].holds > 0) park(list.oldest);
    return list.oldest;
}

// Of a class all tenants' oldest, and of the classes the one that is worth least.
std::uint32_t PrefixLru::find_oldest_in(std::uint32_t reuse_class) noexcept {
    const TenantOrder& order = orders_[reuse_class];
    while (order.least() != TenantOrder::kNoKey) {
        const auto index = static_cast<std::uint32_t>(order.least() & 0xFFFF);
        List& retired = tenants_[index].retired;
        const bool is_retired = reuse_class == 0 && retired.oldest != kNoBlock;
        const List& list = is_retired ? retired : list_of(index, reuse_class);
        if (nodes_[list.oldest].holds == 0) return list.oldest;
        park(list.oldest);
    }
    return kNoBlock;
}

std::uint32_t PrefixLru::find_oldest_of(std::uint32_t index, Tick now) noexcept {
    const std::uint32_t retired = find_free_end(tenants_[index].retired);
    if (retired != kNoBlock) return retired;
    Least least;
    for (std::uint32_t which = 0; which < orders_.size(); ++which) {
        const std::uint32_t block = find_free_end(list_of(index, which));
        if (block != kNoBlock) least.offer(block, {0, value_of(block, now), nodes_[block].used_at});
    }
    return least.block;
}

std::uint32_t PrefixLru::find_oldest(Tick now) noexcept {
    Least least;
    for (std::uint32_t which = 0; which < orders_.size(); ++which) {
        const std::uint32_t block = find_oldest_in(which);
        if (block == kNoBlock) continue;
        const std::uint64_t within = is_over(tenants_[nodes_[block].tenant]) ? 0 : 1;
        least.offer(block, {within, value_of(block, now), nodes_[block].used_at});
    }
    return least.block;
}

}  // namespace bwrt::planner
