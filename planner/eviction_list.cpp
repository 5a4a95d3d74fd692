// SPDX-License-Identifier: Apache-2.0

#include "planner/eviction_list.h"

#include <algorithm>
#include <tuple>

namespace bwrt::planner {
namespace {

constexpr std::uint64_t kGuarded = std::uint64_t{1} << 63;

std::uint64_t place_of(std::uint16_t node, std::uint8_t tier, std::uint16_t layer) noexcept {
    return std::uint64_t{node} << 32 | std::uint64_t{tier} << 16 | layer;
}

std::uint64_t whose_of(std::uint32_t model, std::uint32_t prefix) noexcept {
    return std::uint64_t{model} << 32 | prefix;
}

// The time from which on things are newer than that many windows; none is where there are none.
std::uint64_t windows_ago(std::uint64_t now_ns, std::uint64_t window_ns,
                          std::uint32_t windows) noexcept {
    std::uint64_t ago_ns = 0;
    if (__builtin_mul_overflow(window_ns, windows, &ago_ns)) return 0;
    return now_ns - std::min(ago_ns, now_ns);
}

}  // namespace

EvictionList::EvictionList(const WindowLimits& limits, std::uint32_t operation_count_max)
    : limits_(limits), deficits_(std::size_t{limits.node_count} * limits.tier_count + 1) {
    if (limits.resident_count_max == 0) return;
    fetched_.reserve(std::size_t{operation_count_max} * 2);
    child_counts_.reserve(limits.resident_count_max);
    heap_.reserve(limits.resident_count_max);
}

void EvictionList::make(const Residents& residents, std::span<const Operation> operations,
                        const std::uint64_t* free_bytes, std::uint64_t now_ns,
                        std::uint64_t window_ns, const EvictionRule& rule,
                        std::vector<EvictedPage>& list_out) noexcept {
    list_out.clear();
    residents_ = &residents;
    count_ = std::min(residents.count, limits_.resident_count_max);
    fresh_ns_ = windows_ago(now_ns, window_ns, rule.fresh_windows);
    returned_ns_ = windows_ago(now_ns, window_ns, rule.returned_windows);
    if (count_ == 0 || !find_deficits(operations, free_bytes)) return;
    note_fetched(operations);
    gather_leaves();

    const auto after = [this](const KeyedRow& one, const KeyedRow& other) {
        return goes_after(one, other);
    };
    std::make_heap(heap_.begin(), heap_.end(), after);
    while (!heap_.empty() && open_count_ > 0) {
        std::pop_heap(heap_.begin(), heap_.end(), after);
        const std::uint32_t resident = heap_.back().row;
        heap_.pop_back();
        std::uint64_t& deficit = deficit_of(resident);
        if (deficit == 0 || is_fetched(resident)) continue;
        const std::uint64_t bytes = residents.bytes[resident];
        deficit -= std::min(bytes, deficit);
        open_count_ -= deficit == 0 ? 1 : 0;
        list_out.push_back({.page = residents.page[resident],
                            .bytes = bytes,
                            .model = residents.model[resident],
                            .prefix = residents.prefix[resident],
                            .resident = resident,
                            .layer = residents.layer[resident],
                            .node = residents.node[resident],
                            .tier = residents.tier[resident]});
        const std::uint32_t parent = parent_of(resident);
        if (parent == kNoResident || --child_counts_[parent] > 0) continue;
        heap_.push_back(keyed(parent));
        std::push_heap(heap_.begin(), heap_.end(), after);
    }
}

// Whether any tier has one.
bool EvictionList::find_deficits(std::span<const Operation> operations,
                                 const std::uint64_t* free_bytes) noexcept {
    std::fill(deficits_.begin(), deficits_.end(), 0);
    for (const Operation& operation : operations) {
        std::uint64_t& bytes = deficits_[cell_of(operation.node, operation.tier_dst)];
        bytes += std::min(operation.bytes, ~bytes);
    }
    open_count_ = 0;
    for (std::size_t cell = 0; cell + 1 < deficits_.size(); ++cell) {
        deficits_[cell] -= std::min(deficits_[cell], free_bytes[cell]);
        open_count_ += deficits_[cell] > 0 ? 1 : 0;
    }
    return open_count_ > 0;
}

// Where something may leave.  Two operations may read the same pages, or bring them from two tiers:
// their union.
void EvictionList::note_fetched(std::span<const Operation> operations) noexcept {
    fetched_.clear();
    for (const Operation& operation : operations) {
        const std::uint64_t whose = whose_of(operation.model, operation.prefix);
        for (const std::uint8_t tier : {operation.tier_src, operation.tier_dst}) {
            if (deficits_[cell_of(operation.node, tier)] == 0) continue;
            fetched_.push_back({place_of(operation.node, tier, operation.layer), whose,
                                operation.page_first, operation.page_end});
        }
    }
    std::sort(fetched_.begin(), fetched_.end(), [](const Fetched& one, const Fetched& other) {
        return std::tie(one.place, one.whose, one.page_first) <
               std::tie(other.place, other.whose, other.page_first);
    });
    std::size_t kept = 0;
    for (const Fetched& next : fetched_) {
        if (kept > 0) {
            Fetched& last = fetched_[kept - 1];
            if (last.place == next.place && last.whose == next.whose &&
                next.page_first <= last.page_end) {
                last.page_end = std::max(last.page_end, next.page_end);
                continue;
            }
        }
        fetched_[kept++] = next;
    }
    fetched_.resize(kept);
}

// Those of tiers with a deficit that nothing needs.  What comes behind them is pushed when it may.
void EvictionList::gather_leaves() noexcept {
    child_counts_.assign(count_, 0);
    for (std::uint32_t resident = 0; resident < count_; ++resident) {
        const std::uint32_t parent = parent_of(resident);
        if (parent != kNoResident) ++child_counts_[parent];
    }
    heap_.clear();
    for (std::uint32_t resident = 0; resident < count_; ++resident) {
        if (child_counts_[resident] > 0 || deficit_of(resident) == 0) continue;
        heap_.push_back(keyed(resident));
    }
}

std::size_t EvictionList::cell_of(std::uint16_t node, std::uint8_t tier) const noexcept {
    const bool is_known = node < limits_.node_count && tier < limits_.tier_count;
    return is_known ? std::size_t{node} * limits_.tier_count + tier : deficits_.size() - 1;
}

std::uint64_t& EvictionList::deficit_of(std::uint32_t resident) noexcept {
    return deficits_[cell_of(residents_->node[resident], residents_->tier[resident])];
}

std::uint32_t EvictionList::parent_of(std::uint32_t resident) const noexcept {
    if (residents_->parent == nullptr) return kNoResident;
    const std::uint32_t parent = residents_->parent[resident];
    return parent < count_ ? parent : kNoResident;
}

// By what is guarded and by heat; what differs in nothing else is told apart when it is compared.
KeyedRow EvictionList::keyed(std::uint32_t resident) const noexcept {
    const Residents& of = *residents_;
    const std::uint64_t heat = of.heat_milli == nullptr ? 0 : of.heat_milli[resident];
    const bool is_fresh = of.came_ns != nullptr && of.came_ns[resident] > fresh_ns_;
    const bool is_back = of.left_ns != nullptr && of.left_ns[resident] > returned_ns_;
    return {std::min(heat, kGuarded - 1) | (is_fresh || is_back ? kGuarded : 0), resident};
}

bool EvictionList::goes_after(const KeyedRow& one, const KeyedRow& other) const noexcept {
    if (one.key != other.key) return one.key > other.key;
    const Residents& of = *residents_;
    const auto rest = [&](std::uint32_t row) {
        return std::tuple(of.used_ns == nullptr ? 0 : of.used_ns[row], of.model[row],
                          of.prefix[row], of.layer[row], of.page[row], of.node[row], of.tier[row],
                          row);
    };
    return rest(one.row) > rest(other.row);
}

bool EvictionList::is_fetched(std::uint32_t resident) const noexcept {
    const Residents& of = *residents_;
    const std::uint64_t place = place_of(of.node[resident], of.tier[resident], of.layer[resident]);
    const std::uint64_t whose = whose_of(of.model[resident], of.prefix[resident]);
    const std::uint64_t page = of.page[resident];
    const auto behind = std::upper_bound(
        fetched_.begin(), fetched_.end(), page, [&](std::uint64_t at, const Fetched& fetched) {
            return std::tie(place, whose, at) <
                   std::tie(fetched.place, fetched.whose, fetched.page_first);
        });
    if (behind == fetched_.begin()) return false;
    const Fetched& before = *(behind - 1);
    return before.place == place && before.whose == whose && page < before.page_end;
}

}  // namespace bwrt::planner
