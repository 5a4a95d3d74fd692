// SPDX-License-Identifier: Apache-2.0
//
// What can be said of all rows at once that go the same way, from a tier to a tier of a node: that
// none of them is late, or that there is room for all of them, and nobody need look at each.

#include <algorithm>

#include "planner/planner.h"
#include "planner/saturating.h"

namespace bwrt::planner {

void Planner::forget_ways() noexcept {
    std::fill(ways_.begin(), ways_.end(), Way{kNoDeadline, 0, 0});
}

void Planner::look_at_ways(std::uint32_t first, std::uint32_t end) noexcept {
    for (std::uint32_t row = first; row < end; ++row) {
        const ScoredRow& scored = scored_[row];
        if (!scored.stays) continue;
        Way& way = ways_[way_of(row)];
        way.deadline_ns_min = std::min(way.deadline_ns_min, scored.deadline_ns);
        way.row_bytes_max = std::max(way.row_bytes_max, scored.bytes());
        ++way.row_count;
    }
}

bool Planner::is_soon_enough(std::size_t way, std::uint64_t deadline_ns,
                             std::uint64_t bytes) const noexcept {
    const std::int64_t movable =
        movable_bytes(route_of(way), bus_of(way), inputs_.now_ns, deadline_ns);
    return movable >= 0 && bytes + extra_bytes(route_of(way), bus_of(way), bytes) <=
                               static_cast<std::uint64_t>(movable);
}

// What would be late if nothing stood in front of it is not looked at again.  Whether any was.
bool Planner::refuse_late() noexcept {
    bool may_be_late = false;
    for (std::size_t way = 0; way < ways_.size(); ++way) {
        const auto& [deadline_ns_min, row_bytes_max, way_row_count] = ways_[way];
        if (way_row_count == 0) continue;  // as nearly all are, where there are many nodes
        may_be_late |= !is_soon_enough(way, deadline_ns_min, row_bytes_max);
    }
    if (!may_be_late || rule_.takes_late) return false;
    bool is_any = false;
    for (std::uint32_t row = 0; row < row_count(); ++row) {
        ScoredRow& scored = scored_[row];
        if (!scored.stays || is_soon_enough(way_of(row), scored.deadline_ns, scored.bytes())) {
            continue;
        }
        plan_.verdicts[row] = Verdict::kLate;
        scored.stays = false;
        is_any = true;
    }
    if (!is_any) return false;
    forget_ways();
    look_at_ways(0, row_count());
    return true;
}

// Whether nothing could have to stay behind, whatever the order.
bool Planner::all_can_move(const Coalesced& whole) noexcept {
    const bool has_credits = rule_.has_credits && credits_.has_limits();
    if (!whole.is_whole || !rule_.merges || (has_credits && !whole.is_own)) return false;
    if (has_credits && !tenants_can_pay()) return false;
    return targets_have_room(whole.bytes) && buses_are_soon_enough(whole.bytes);
}

bool Planner::tenants_can_pay() noexcept {
    const RequestColumns& rows = window_.rows();
    std::fill(tenant_asked_.begin(), tenant_asked_.end(), 0);
    for (std::uint32_t row = 0; row < row_count(); ++row) {
        if (scored_[row].stays) tenant_asked_[rows.tenant[row]] += scored_[row].bytes();
    }
    for (std::size_t tenant = 0; tenant < tenant_asked_.size(); ++tenant) {
        if (tenant_asked_[tenant] > inputs_.credits[tenant].left_bytes) return false;
    }
    return true;
}

// Each row may be an operation of its own until the next one joins it to another.  Bytes are summed
// where a target has not the room for those of all targets.
bool Planner::targets_have_room(std::uint64_t bytes) noexcept {
    const std::size_t tier_count = window_.limits().tier_count;
    std::fill(asked_.begin(), asked_.end(), TierBudget{0, 0});
    bool is_close = false;
    for (std::size_t way = 0; way < ways_.size(); ++way) {
        if (ways_[way].row_count == 0) continue;
        const std::size_t cell = way / (tier_count * tier_count) * tier_count + way % tier_count;
        asked_[cell].operation_count += ways_[way].row_count;
        if (asked_[cell].operation_count > inputs_.budgets[cell].operation_count) return false;
        is_close |= bytes > inputs_.budgets[cell].bytes;
    }
    if (!is_close) return true;
    for (const Operation& operation : operations_) {
        const std::size_t cell = std::size_t{operation.node} * tier_count + operation.tier_dst;
        asked_[cell].bytes = add_saturating(asked_[cell].bytes, operation.bytes);
    }
    for (std::size_t cell = 0; cell < asked_.size(); ++cell) {
        if (asked_[cell].bytes > inputs_.budgets[cell].bytes) return false;
    }
    return true;
}

// Whether each bus has moved all of it by the first of its deadlines.  They are asked one by one
// where some bus could not move the bytes of all of them by then, or an operation counts more on
// it than it has.
bool Planner::buses_are_soon_enough(std::uint64_t bytes) noexcept {
    bool is_close = false;
    for (std::size_t way = 0; way < ways_.size(); ++way) {
        if (ways_[way].row_count == 0) continue;
        const std::int64_t movable = movable_by_all(way);
        if (movable < 0) return false;
        is_close |= extra_bytes(route_of(way), bus_of(way), 1) != 0 ||
                    bytes > static_cast<std::uint64_t>(movable);
    }
    if (!is_close) return true;
    const std::size_t tier_count = window_.limits().tier_count;
    const auto bus_index = [&](std::size_t way) {
        return way / (tier_count * tier_count) * kBusCountMax + route_of(way).bus;
    };
    std::fill(bus_asked_.begin(), bus_asked_.end(), 0);
    for (const Operation& operation : operations_) {
        const std::size_t way =
            (operation.node * tier_count + operation.tier_src) * tier_count + operation.tier_dst;
        std::uint64_t& asked = bus_asked_[bus_index(way)];
        asked = add_saturating(
            asked, operation.bytes + extra_bytes(route_of(way), bus_of(way), operation.bytes));
    }
    for (std::size_t way = 0; way < ways_.size(); ++way) {
        if (ways_[way].row_count == 0) continue;
        if (bus_asked_[bus_index(way)] > static_cast<std::uint64_t>(movable_by_all(way))) {
            return false;
        }
    }
    return true;
}

// By the first of their deadlines.
std::int64_t Planner::movable_by_all(std::size_t way) const noexcept {
    return movable_bytes(route_of(way), bus_of(way), inputs_.now_ns, ways_[way].deadline_ns_min);
}

std::size_t Planner::way_of(std::uint32_t row) const noexcept {
    const RequestColumns& rows = window_.rows();
    const std::size_t tier_count = window_.limits().tier_count;
    return (rows.node[row] * tier_count + rows.tier_src[row]) * tier_count + rows.tier_dst[row];
}

const Route& Planner::route_of(std::size_t way) const noexcept {
    const std::size_t tier_count = window_.limits().tier_count;
    return inputs_.routes[way % (tier_count * tier_count)];
}

const Bus& Planner::bus_of(std::size_t way) const noexcept {
    const std::size_t tier_count = window_.limits().tier_count;
    return inputs_.buses[way / (tier_count * tier_count) * kBusCountMax + route_of(way).bus];
}

}  // namespace bwrt::planner
