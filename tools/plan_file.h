// SPDX-License-Identifier: Apache-2.0
//
// plan_file.h — what `bwrt plan` reads: a window of requests as tables of names, or a plan.
//
//   {"now_ms": 1700000000000,
//    "requests":    [{"node", "model_id", "prefix_id", "layer", "page_start", "page_end", ...}],
//    "heat":        [{"layer", "page_id", "decay_hits", ...}],
//    "tier_caps":   [{"tier", "bandwidth_caps", "free_bytes"}],
//    "tenant_caps": [{"tenant", "tier", "bandwidth_caps"}],
//    "layer_lat":   [{"layer", "lat_ms"}],
//    "knobs":       {"window_ms", "min_io_bytes", ...}}
//
// Tables and columns are those of BCache's planner, so its windows are read as they are.  Behind
// its columns stand ours: of a row of heat the model, prefix, node and tier, and when it was
// counted. What is not given stays empty here; what it then counts as is said in plan_window.h.
// Pages are inclusive at both ends, times in ms since the epoch, capacities in bytes a window.
//
// A column that nobody knows is refused by name (json_read.h), and so is what makes no sense, with
// its row: "requests[17].page_bytes: must be 1 at least".

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "planner/request_window.h"
#include "planner/values/json_read.h"
#include "planner/values/plan_error.h"

namespace bwrt::tools {

struct RequestRow {
    std::optional<planner::JsonName> req_id;
    std::optional<std::string> node;
    std::optional<std::string> model_id;
    std::optional<std::string> model_version;
    std::optional<std::string> prefix_id;
    std::optional<std::uint32_t> layer;
    std::optional<std::uint64_t> page_start;
    std::optional<std::uint64_t> page_end;
    std::optional<std::uint32_t> tier_src;
    std::optional<std::uint32_t> tier_dst;
    std::optional<planner::JsonDecimal> deadline_ms;
    std::optional<std::uint64_t> page_bytes;
    std::optional<std::string> tenant;
    std::optional<planner::JsonDecimal> est_fill_ms;
    std::optional<std::uint32_t> pcluster;
    std::vector<std::uint64_t> prefix_tokens;  // not looked at
    std::optional<planner::RequestClass> request_source;
    std::optional<std::string> route_hint;  // not looked at
};

struct HeatRow {
    std::optional<std::uint32_t> layer;
    std::optional<std::uint64_t> page_id;
    std::optional<planner::JsonDecimal> decay_hits;
    std::optional<planner::JsonDecimal> tenant_weight;
    std::optional<std::uint64_t> size_bytes;
    std::optional<std::string> model_id;
    std::optional<std::string> model_version;
    std::optional<std::string> prefix_id;
    std::optional<std::string> node;
    std::optional<std::uint32_t> tier;
    std::optional<planner::JsonDecimal> as_of_ms;
};

struct TierCapRow {
    std::optional<std::uint32_t> tier;
    std::optional<planner::JsonDecimal> bandwidth_caps;
    std::optional<planner::JsonDecimal> free_bytes;
    std::optional<planner::JsonDecimal> inflight_io;  // not looked at
};

struct TenantCapRow {
    std::optional<std::string> tenant;
    std::optional<std::uint32_t> tier;
    std::optional<planner::JsonDecimal> bandwidth_caps;
};

struct LayerRow {
    std::optional<std::uint32_t> layer;
    std::optional<planner::JsonDecimal> lat_ms;
};

struct KnobRow {
    std::optional<planner::JsonDecimal> window_ms;
    std::optional<std::uint64_t> min_io_bytes;
    std::optional<std::uint32_t> max_ops_per_tier;
    std::optional<planner::JsonDecimal> pmin;
    std::optional<planner::JsonDecimal> umin;
    std::optional<planner::JsonDecimal> alpha;
    std::optional<planner::JsonDecimal> beta;
    std::optional<planner::JsonDecimal> half_life_s;
    std::optional<std::uint64_t> tenant_credits_bytes;
    std::optional<bool> enforce_tier_caps;
};

struct WindowFile {
    std::optional<std::string> what;  // for people
    std::optional<planner::JsonDecimal> now_ms;
    std::optional<std::uint64_t> now_ns;
    std::vector<RequestRow> requests;
    std::vector<HeatRow> heat;
    std::vector<TierCapRow> tier_caps;
    std::vector<TenantCapRow> tenant_caps;
    std::vector<LayerRow> layer_lat;
    KnobRow knobs;
};

enum class PlanFileKind : std::uint8_t { kUnknown, kWindow, kCachePlan, kSwapPlan, kWaveSpec };

// By its keys alone; kUnknown also for what is no JSON, and then `error_out` says what is wrong.
[[nodiscard]] PlanFileKind kind_of(std::string_view text, planner::PlanError& error_out);

// On an error what is out is left as it was.
[[nodiscard]] planner::PlanError parse(std::string_view text, WindowFile& out);

// A window as BCache's generator draws them: 4 nodes, 40 prefixes, 8 layers, runs of 1 to 16 pages
// of 128 to 512 KiB, deadlines 50 to 600 ms away, three tenants, 16 MiB a window for the host's
// memory.  The same number and seed give the same window everywhere.
[[nodiscard]] WindowFile draw_window(std::uint32_t request_count, std::uint64_t seed);

}  // namespace bwrt::tools
