// SPDX-License-Identifier: Apache-2.0
//
// plan_export.h — a window's plan in the names of whoever asked: one transfer for an operation, one
// page reference for a page.
//
//   src, dst     tier://<node>/tier<N>
//   kind         by what the tiers are: storage to host STORAGE2H, host to device H2D, ...
//   offsets      page_first x page_bytes on both sides: a layer's pages lie one behind the other
//   tensor       kv/<model>/<prefix>: pages of two prefixes are two, and stay two; a slash in a
//                prefix's name is %2F, and % is %25
//   note         fanout=3 class=demand deadline_ns=... finish_ns=...
//
// The reference says H2D for what comes from storage, calls every tensor "kv", so that pages of two
// prefixes become one, and lists what is to be written through as "prefetch".
//
// What the values cannot hold is refused, with the operation's index: an offset beyond 2^64, a node
// without a name, more pages than the rule allows.

#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "planner/plan.h"
#include "planner/values/cache_plan.h"
#include "planner/values/plan_error.h"

namespace bwrt::planner {

enum class TierMedium : std::uint8_t { kStorage, kHost, kDevice };

// Names by dense number.  Where there are none at all, the number is the name.
struct PlanNames {
    std::span<const std::string> nodes;
    std::span<const std::string> models;
    std::span<const std::string> prefixes;
    std::array<TierMedium, RequestWindow::kTierCountMax> tiers = {
        TierMedium::kStorage, TierMedium::kHost,   TierMedium::kDevice, TierMedium::kDevice,
        TierMedium::kDevice,  TierMedium::kDevice, TierMedium::kDevice, TierMedium::kDevice};
};

struct ExportRule {
    std::string plan_id;
    std::uint64_t window_ms = 0;              // 0: not said
    std::uint32_t page_count_max = 1u << 18;  // of all transfers: some 40 MB of JSON
};

// The rows are those of the window that was planned, or null for a plan without verdicts.  On an
// error what is out is left as it was.  Throws std::bad_alloc.
[[nodiscard]] PlanError export_plan(const Plan& plan, const RequestColumns* rows,
                                    const PlanNames& names, const ExportRule& rule, CachePlan& out);

}  // namespace bwrt::planner
