// SPDX-License-Identifier: Apache-2.0
//
// plan_window_tables.cpp — what a window of requests says of tiers, routes, buses and tenants.

#include <algorithm>

#include "runtime/plan_window_array.h"
#include "runtime/schedule.h"

namespace bwrt::runtime {
namespace {

constexpr ArrayName kTiers = {"tiers", "window.tiers", "window.tier_bytes"};
constexpr ArrayName kRoutes = {"routes", "window.routes", "window.route_bytes"};
constexpr ArrayName kBuses = {"buses", "window.buses", "window.bus_bytes"};
constexpr ArrayName kTenants = {"tenants", "window.tenants", "window.tenant_bytes"};

constexpr std::uint32_t kDisk = BWRT_TIER_DISK;

bool touches_disk(std::uint32_t source, std::uint32_t target) noexcept {
    return source == kDisk || target == kDisk;
}

// What is known, however slow, is not 0.
std::uint64_t per_ms(std::uint64_t bytes_per_s) noexcept {
    return bytes_per_s == 0 ? 0 : std::max<std::uint64_t>(1, bytes_per_s / 1'000);
}

}  // namespace

bwrt_status WindowPlanner::read_tiers(const bwrt_request_window& window,
                                      const ErrorSink& sink) noexcept {
    std::fill(budgets_.begin(), budgets_.end(), planner::TierBudget{});
    is_given_.assign(budgets_.size(), false);
    return read_array(
        window.tiers, window.tier_count, window.tier_bytes, kTiers, sink,
        [&](std::uint32_t index, const bwrt_tier_budget& given) -> bwrt_status {
            if (given.node >= kNodeCount) {
                return blame(sink, kTiers, index, "node", "%u is not below %u", given.node,
                             kNodeCount);
            }
            if (!is_tier(given.tier)) {
                return blame(sink, kTiers, index, "tier", "%u is not known", given.tier);
            }
            if (given.reserved != 0) {
                return blame(sink, kTiers, index, "reserved", "is not zero");
            }
            const std::size_t cell = std::size_t{given.node} * kTierCount + given.tier;
            if (is_given_[cell]) {
                return blame(sink, kTiers, index, "tier", "%u of node %u is named twice",
                             given.tier, given.node);
            }
            is_given_[cell] = true;
            budgets_[cell].bytes = given.bytes;
            if (given.operation_count_max != 0) {
                budgets_[cell].operation_count = given.operation_count_max;
            }
            return BWRT_OK;
        });
}

bwrt_status WindowPlanner::read_routes(const bwrt_request_window& window,
                                       const ErrorSink& sink) noexcept {
    for (std::uint32_t source = 0; source < kTierCount; ++source) {
        for (std::uint32_t target = 0; target < kTierCount; ++target) {
            const std::uint32_t bus = touches_disk(source, target) ? kDisk : target;
            routes_[source * kTierCount + target] = {.bus = static_cast<std::uint8_t>(bus)};
        }
    }
    is_given_.assign(routes_.size(), false);
    return read_array(
        window.routes, window.route_count, window.route_bytes, kRoutes, sink,
        [&](std::uint32_t index, const bwrt_tier_route& given) -> bwrt_status {
            if (!is_tier(given.source_tier)) {
                return blame(sink, kRoutes, index, "source_tier", "%u is not known",
                             given.source_tier);
            }
            if (!is_tier(given.target_tier) || given.target_tier == given.source_tier) {
                return blame(sink, kRoutes, index, "target_tier", "%u is not another tier",
                             given.target_tier);
            }
            if (given.stream_count > 255) {
                return blame(sink, kRoutes, index, "stream_count", "%u passes 255",
                             given.stream_count);
            }
            if (given.bus >= planner::kBusCountMax) {
                return blame(sink, kRoutes, index, "bus", "%u is not below %u", given.bus,
                             planner::kBusCountMax);
            }
            const std::size_t way = std::size_t{given.source_tier} * kTierCount + given.target_tier;
            if (is_given_[way]) {
                return blame(sink, kRoutes, index, "target_tier", "%u from %u is named twice",
                             given.target_tier, given.source_tier);
            }
            is_given_[way] = true;
            routes_[way] = {.latency_ns = given.latency_ns,
                            .stream_bytes_per_ms = per_ms(given.stream_bytes_per_s),
                            .bus = static_cast<std::uint8_t>(given.bus),
                            .stream_count = static_cast<std::uint8_t>(given.stream_count)};
            return BWRT_OK;
        });
}

bwrt_status WindowPlanner::read_buses(const bwrt_request_window& window,
                                      const ErrorSink& sink) noexcept {
    std::fill(buses_.begin(), buses_.end(), planner::Bus{});
    is_given_.assign(buses_.size(), false);
    const bwrt_status status = read_array(
        window.buses, window.bus_count, window.bus_bytes, kBuses, sink,
        [&](std::uint32_t index, const bwrt_bus& given) -> bwrt_status {
            if (given.node >= kNodeCount) {
                return blame(sink, kBuses, index, "node", "%u is not below %u", given.node,
                             kNodeCount);
            }
            if (given.bus >= planner::kBusCountMax) {
                return blame(sink, kBuses, index, "bus", "%u is not below %u", given.bus,
                             planner::kBusCountMax);
            }
            const std::size_t cell = std::size_t{given.node} * planner::kBusCountMax + given.bus;
            if (is_given_[cell]) {
                return blame(sink, kBuses, index, "bus", "%u of node %u is named twice", given.bus,
                             given.node);
            }
            is_given_[cell] = true;
            buses_[cell] = {per_ms(given.bytes_per_s), given.queued_bytes};
            return BWRT_OK;
        });
    const bool is_wanted = (window.flags & BWRT_REQUEST_WINDOW_MEASURED) != 0;
    if (status == BWRT_OK && is_wanted && !is_given_[kDisk]) set_measured_bus();
    return status;
}

// An old measurement makes nobody late.
void WindowPlanner::set_measured_bus() noexcept {
    constexpr auto kLane = static_cast<std::uint32_t>(Lane::kStorage);
    const LoadEstimate& load = tables_.load;
    const std::uint64_t measured_ns = load.measured_ns[kLane].load(std::memory_order_relaxed);
    if (clock_.now_ns() > measured_ns + kPatienceNs) return;
    buses_[kDisk] = {load.bytes_per_ms[kLane].load(std::memory_order_relaxed),
                     load.queued_bytes[kLane].load(std::memory_order_relaxed)};
}

// ---- tenants

// By the planner's number, or kNoTenant.  Requests of one come together.
std::uint32_t WindowPlanner::find_tenant(std::uint64_t number) noexcept {
    if (tenants_[last_tenant_].number == number) return last_tenant_;
    const auto place = std::lower_bound(by_number_.begin(), by_number_.end(), number,
                                        [&](std::uint16_t tenant, std::uint64_t wanted) {
                                            return tenants_[tenant].number < wanted;
                                        });
    if (place == by_number_.end() || tenants_[*place].number != number) return kNoTenant;
    return last_tenant_ = *place;
}

void WindowPlanner::add_tenant(std::uint64_t number) noexcept {
    const auto place = std::lower_bound(by_number_.begin(), by_number_.end(), number,
                                        [&](std::uint16_t tenant, std::uint64_t wanted) {
                                            return tenants_[tenant].number < wanted;
                                        });
    by_number_.insert(place, static_cast<std::uint16_t>(tenants_.size()));
    tenants_.push_back({number, {}, 0});
}

bwrt_status WindowPlanner::read_tenants(const bwrt_request_window& window,
                                        const ErrorSink& sink) noexcept {
    credits_.clear();
    return read_array(
        window.tenants, window.tenant_count, window.tenant_bytes, kTenants, sink,
        [&](std::uint32_t index, const bwrt_tenant_credit& given) -> bwrt_status {
            if (given.bytes_per_s == 0 && given.burst_bytes != 0) {
                return blame(sink, kTenants, index, "burst_bytes", "is set, and bytes_per_s is 0");
            }
            std::uint32_t tenant = find_tenant(given.tenant);
            if (tenant == kNoTenant && tenants_.size() == kTenantCount) {
                return blame(sink, kTenants, index, "tenant", "%llu is one more than %u",
                             ull(given.tenant), kTenantCount);
            }
            if (tenant == kNoTenant) {
                tenant = static_cast<std::uint32_t>(tenants_.size());
                add_tenant(given.tenant);
            }
            if (tenants_[tenant].named_in == window_number_) {
                return blame(sink, kTenants, index, "tenant", "%llu is named twice",
                             ull(given.tenant));
            }
            tenants_[tenant].named_in = window_number_;
            const planner::TokenRate rate = {
                .bytes = given.bytes_per_s,
                .period_ns = 1'000'000'000,
                .burst_bytes = given.burst_bytes != 0 ? given.burst_bytes : given.bytes_per_s};
            const planner::TokenRate& before = tenants_[tenant].rate;
            if (rate.bytes != before.bytes || rate.burst_bytes != before.burst_bytes) {
                credits_.push_back({static_cast<std::uint16_t>(tenant), rate});
            }
            return BWRT_OK;
        });
}

}  // namespace bwrt::runtime
