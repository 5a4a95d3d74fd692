// SPDX-License-Identifier: Apache-2.0
//
// plan_window.h — windows of an engine's own queue, put to a planner that keeps their state.
//
//   read     arrays into values; rows behind those that are carried, which a refusal takes back
//   commit   what is cancelled is forgotten, credits that changed begin anew
//   plan     planner.h
//   write    a decision for each row, a transfer for each operation, and the plan as a value
//   next     what is carried stands in the next window already
//
// Nothing is committed before all has been read, so a window that is refused changes nothing.  All
// memory is taken when it is made, but for the value, which only those take who ask for it.
//
// Tiers are BWRT_TIER_* and stand for themselves in the planner's tables; NONE is none.

#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "include/bwrt.h"
#include "planner/planner.h"
#include "runtime/clock.h"
#include "runtime/plan_table.h"
#include "runtime/status.h"
#include "runtime/tables.h"

namespace bwrt::runtime {

class WindowPlanner {
 public:
    static constexpr std::uint32_t kNodeCount = 64;
    static constexpr std::uint32_t kTierCount = BWRT_TIER_DISK + 1;
    static constexpr std::uint32_t kTenantCount = 1024;  // tenant 0 among them
    static constexpr std::uint32_t kLayerCountMax = 65'535;

    // Throws std::bad_alloc.
    WindowPlanner(const Tables* tables, const Clock* clock);

    // Any thread.  `value_out`, where it is not null, becomes the plan, or stays empty where a
    // value cannot hold it.
    bwrt_status plan(bwrt_request_window* window, std::unique_ptr<PlanValue>* value_out,
                     const ErrorSink& sink);

 private:
    struct Tenant {
        std::uint64_t number;
        planner::TokenRate rate;
        std::uint64_t named_in;  // the last window that named it
    };
    struct Credit {
        std::uint16_t tenant;
        planner::TokenRate rate;
    };

    // plan_window_read.cpp
    bwrt_status read(const bwrt_request_window& window, const ErrorSink& sink) noexcept;
    bwrt_status read_time(const bwrt_request_window& window, const ErrorSink& sink) noexcept;
    bwrt_status read_layers(const bwrt_request_window& window, const ErrorSink& sink) noexcept;
    bwrt_status read_cancelled(const bwrt_request_window& window, const ErrorSink& sink) noexcept;
    bwrt_status read_requests(const bwrt_request_window& window, const ErrorSink& sink) noexcept;
    bwrt_status add_request(std::uint32_t index, const bwrt_request& request,
                            const ErrorSink& sink) noexcept;
    bwrt_status check_outputs(const bwrt_request_window& window,
                              const ErrorSink& sink) const noexcept;

    // plan_window_tables.cpp
    bwrt_status read_tiers(const bwrt_request_window& window, const ErrorSink& sink) noexcept;
    bwrt_status read_routes(const bwrt_request_window& window, const ErrorSink& sink) noexcept;
    bwrt_status read_buses(const bwrt_request_window& window, const ErrorSink& sink) noexcept;
    void set_measured_bus() noexcept;
    bwrt_status read_tenants(const bwrt_request_window& window, const ErrorSink& sink) noexcept;
    [[nodiscard]] std::uint32_t find_tenant(std::uint64_t number) noexcept;
    void add_tenant(std::uint64_t number) noexcept;

    void take_back(std::uint32_t tenant_count) noexcept;
    void commit() noexcept;
    void write(const planner::Plan& plan, bwrt_request_window* window) const noexcept;
    [[nodiscard]] std::unique_ptr<PlanValue> value_of(const planner::Plan& plan) const noexcept;

    static constexpr std::uint32_t kNoTenant = 0xFFFF'FFFF;

    const Tables& tables_;
    const Clock& clock_;
    const std::uint64_t window_ns_;
    const std::uint32_t row_count_max_;
    std::mutex mutex_;
    planner::Planner planner_;
    std::uint64_t window_number_ = 0;  // refused ones count
    std::uint64_t plan_number_ = 0;
    std::uint64_t last_ns_ = 0;             // when the last one was
    std::vector<Tenant> tenants_;           // by the planner's number
    std::vector<std::uint16_t> by_number_;  // of those, by their own

    // Of the window that is being read.
    std::uint64_t now_ns_ = 0;
    std::vector<planner::TierBudget> budgets_;  // [node][tier]
    std::vector<planner::Route> routes_;        // [source][target]
    std::vector<planner::Bus> buses_;           // [node][bus]
    std::vector<bool> is_given_;                // of one of these tables
    std::vector<std::uint64_t> cancelled_;      // ascending
    std::vector<Credit> credits_;               // that change
    const std::uint64_t* layer_ns_ = nullptr;
    std::uint32_t layer_count_ = 0;
    std::uint32_t carried_row_count_ = 0;  // the first of the planner's
    std::uint32_t last_tenant_ = 0;
};

}  // namespace bwrt::runtime
