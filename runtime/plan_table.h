// SPDX-License-Identifier: Apache-2.0
//
// plan_table.h — plans that callers hold by handle: values that were parsed, and nothing of a
// runtime's.  Under the control plane's mutex.

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <variant>

#include "include/bwrt.h"
#include "planner/values/cache_plan.h"
#include "planner/values/swap_plan.h"
#include "planner/values/wave_spec.h"
#include "runtime/handle.h"

namespace bwrt::runtime {

using PlanValue = std::variant<planner::CachePlan, planner::SwapPlan, planner::WaveSpec>;

class PlanTable {
 public:
    static constexpr std::uint32_t kCountMax = 256;

    explicit PlanTable(std::uint64_t generation) : generation_(generation) {}

    [[nodiscard]] bool is_full() const noexcept;
    // 0 when the table is full.
    bwrt_handle add(std::unique_ptr<PlanValue> plan) noexcept;
    // Null for a handle that is not live.
    [[nodiscard]] const PlanValue* find(bwrt_handle handle) const noexcept;
    // False likewise.
    bool remove(bwrt_handle handle) noexcept;

 private:
    struct Place {
        std::unique_ptr<PlanValue> plan;
        std::uint64_t generation = 0;
    };

    std::array<Place, kCountMax> places_;
    std::uint64_t generation_;
};

}  // namespace bwrt::runtime
