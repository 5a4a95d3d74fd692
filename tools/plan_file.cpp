// SPDX-License-Identifier: Apache-2.0
//
// plan_file.cpp — see plan_file.h.  Here are the columns' names, each once, and what must be given.

#include "tools/plan_file.h"

#include <utility>

#include "planner/values/json_fields.h"
#include "planner/values/json_scan.h"

namespace bwrt::planner {

inline constexpr EnumName kSourceNames[] = {
    {0, "live"}, {0, "demand"}, {1, "hint"}, {2, "prediction"}, {0, nullptr}};
template <>
inline constexpr const EnumName* kEnumNames<RequestClass> = kSourceNames;

template <>
inline constexpr const char* kMessageName<tools::RequestRow> = "a request";
template <>
inline constexpr const char* kMessageName<tools::HeatRow> = "a row of heat";
template <>
inline constexpr const char* kMessageName<tools::TierCapRow> = "a tier's caps";
template <>
inline constexpr const char* kMessageName<tools::TenantCapRow> = "a tenant's caps";
template <>
inline constexpr const char* kMessageName<tools::LayerRow> = "a layer's time";
template <>
inline constexpr const char* kMessageName<tools::KnobRow> = "the knobs";
template <>
inline constexpr const char* kMessageName<tools::WindowFile> = "a window";

}  // namespace bwrt::planner

namespace bwrt::tools {

using planner::Field;
using planner::JsonDecimal;
using planner::JsonKind;
using planner::JsonPath;
using planner::JsonReader;
using planner::JsonText;
using planner::Of;
using planner::plan_error;
using planner::PlanError;

template <Of<RequestRow> Row, typename Visit>
void visit_fields(Row& row, Visit&& visit) {
    visit(Field{0, "", "req_id"}, row.req_id);
    visit(Field{0, "", "node"}, row.node);
    visit(Field{0, "", "model_id"}, row.model_id);
    visit(Field{0, "", "model_version"}, row.model_version);
    visit(Field{0, "", "prefix_id"}, row.prefix_id);
    visit(Field{0, "", "layer"}, row.layer);
    visit(Field{0, "", "page_start"}, row.page_start);
    visit(Field{0, "", "page_end"}, row.page_end);
    visit(Field{0, "", "tier_src"}, row.tier_src);
    visit(Field{0, "", "tier_dst"}, row.tier_dst);
    visit(Field{0, "", "deadline_ms"}, row.deadline_ms);
    visit(Field{0, "", "page_bytes"}, row.page_bytes);
    visit(Field{0, "", "tenant"}, row.tenant);
    visit(Field{0, "", "est_fill_ms"}, row.est_fill_ms);
    visit(Field{0, "", "pcluster"}, row.pcluster);
    visit(Field{0, "", "prefix_tokens"}, row.prefix_tokens);
    visit(Field{0, "", "request_source"}, row.request_source);
    visit(Field{0, "", "route_hint"}, row.route_hint);
}

template <Of<HeatRow> Row, typename Visit>
void visit_fields(Row& row, Visit&& visit) {
    visit(Field{0, "", "layer"}, row.layer);
    visit(Field{0, "", "page_id"}, row.page_id);
    visit(Field{0, "", "decay_hits"}, row.decay_hits);
    visit(Field{0, "", "tenant_weight"}, row.tenant_weight);
    visit(Field{0, "", "size_bytes"}, row.size_bytes);
    visit(Field{0, "", "model_id"}, row.model_id);
    visit(Field{0, "", "model_version"}, row.model_version);
    visit(Field{0, "", "prefix_id"}, row.prefix_id);
    visit(Field{0, "", "node"}, row.node);
    visit(Field{0, "", "tier"}, row.tier);
    visit(Field{0, "", "as_of_ms"}, row.as_of_ms);
}

template <Of<TierCapRow> Row, typename Visit>
void visit_fields(Row& row, Visit&& visit) {
    visit(Field{0, "", "tier"}, row.tier);
    visit(Field{0, "", "bandwidth_caps"}, row.bandwidth_caps);
    visit(Field{0, "", "free_bytes"}, row.free_bytes);
    visit(Field{0, "", "inflight_io"}, row.inflight_io);
}

template <Of<TenantCapRow> Row, typename Visit>
void visit_fields(Row& row, Visit&& visit) {
    visit(Field{0, "", "tenant"}, row.tenant);
    visit(Field{0, "", "tier"}, row.tier);
    visit(Field{0, "", "bandwidth_caps"}, row.bandwidth_caps);
}

template <Of<LayerRow> Row, typename Visit>
void visit_fields(Row& row, Visit&& visit) {
    visit(Field{0, "", "layer"}, row.layer);
    visit(Field{0, "", "lat_ms"}, row.lat_ms);
}

template <Of<KnobRow> Row, typename Visit>
void visit_fields(Row& row, Visit&& visit) {
    visit(Field{0, "", "window_ms"}, row.window_ms);
    visit(Field{0, "", "min_io_bytes"}, row.min_io_bytes);
    visit(Field{0, "", "max_ops_per_tier"}, row.max_ops_per_tier);
    visit(Field{0, "", "pmin"}, row.pmin);
    visit(Field{0, "", "umin"}, row.umin);
    visit(Field{0, "", "alpha"}, row.alpha);
    visit(Field{0, "", "beta"}, row.beta);
    visit(Field{0, "", "half_life_s"}, row.half_life_s);
    visit(Field{0, "", "tenant_credits_bytes"}, row.tenant_credits_bytes);
    visit(Field{0, "", "enforce_tier_caps"}, row.enforce_tier_caps);
}

template <Of<WindowFile> File, typename Visit>
void visit_fields(File& file, Visit&& visit) {
    visit(Field{0, "", "what"}, file.what);
    visit(Field{0, "", "now_ms"}, file.now_ms);
    visit(Field{0, "", "now_ns"}, file.now_ns);
    visit(Field{0, "", "requests"}, file.requests);
    visit(Field{0, "", "heat"}, file.heat);
    visit(Field{0, "", "tier_caps"}, file.tier_caps);
    visit(Field{0, "", "tenant_caps"}, file.tenant_caps);
    visit(Field{0, "", "layer_lat"}, file.layer_lat);
    visit(Field{0, "", "knobs"}, file.knobs);
}

namespace {

constexpr std::uint32_t kTierMax = planner::RequestWindow::kTierCountMax - 1;
constexpr std::uint32_t kLayerMax = 65'535;
constexpr std::uint32_t kClusterMax = 0x7FFF'FFFF;  // above it are those of prefixes without one

// What is wrong with a row, as its column and the rule that it breaks.
struct Fault {
    const char* column = nullptr;
    std::string rule;
    explicit operator bool() const noexcept { return column != nullptr; }
};

template <typename Value>
Fault missing(const std::optional<Value>& value, const char* column) {
    return value.has_value() ? Fault{} : Fault{column, "is missing"};
}

Fault beyond(const std::optional<std::uint32_t>& value, std::uint32_t most, const char* column) {
    if (!value.has_value() || *value <= most) return {};
    return {column, "is above " + std::to_string(most)};
}

Fault below_zero(const std::optional<JsonDecimal>& value, const char* column) {
    return value.has_value() && value->is_negative ? Fault{column, "is below 0"} : Fault{};
}

// The first of them.
template <typename... More>
Fault first_of(Fault fault, More... more) {
    if constexpr (sizeof...(more) > 0) return fault ? fault : first_of(std::move(more)...);
    return fault;
}

Fault fault_of(const RequestRow& row) {
    if (Fault fault = first_of(
            missing(row.node, "node"), missing(row.model_id, "model_id"),
            missing(row.prefix_id, "prefix_id"), missing(row.layer, "layer"),
            missing(row.page_start, "page_start"), missing(row.page_end, "page_end"),
            beyond(row.layer, kLayerMax, "layer"), beyond(row.tier_src, kTierMax, "tier_src"),
            beyond(row.tier_dst, kTierMax, "tier_dst"),
            beyond(row.pcluster, kClusterMax, "pcluster"),
            below_zero(row.deadline_ms, "deadline_ms"),
            below_zero(row.est_fill_ms, "est_fill_ms"))) {
        return fault;
    }
    if (*row.page_end < *row.page_start) return {"page_end", "is below page_start"};
    if (*row.page_end >= planner::RequestWindow::kPageEndMax) return {"page_end", "is beyond 2^62"};
    return {};
}

Fault fault_of(const HeatRow& row) {
    if (row.page_id.has_value() && *row.page_id >= planner::RequestWindow::kPageEndMax) {
        return {"page_id", "is beyond 2^62"};
    }
    return first_of(missing(row.layer, "layer"), missing(row.page_id, "page_id"),
                    beyond(row.layer, kLayerMax, "layer"), beyond(row.tier, kTierMax, "tier"),
                    below_zero(row.decay_hits, "decay_hits"),
                    below_zero(row.tenant_weight, "tenant_weight"),
                    below_zero(row.as_of_ms, "as_of_ms"));
}

Fault fault_of(const TierCapRow& row) {
    return first_of(missing(row.tier, "tier"), beyond(row.tier, kTierMax, "tier"),
                    below_zero(row.bandwidth_caps, "bandwidth_caps"),
                    below_zero(row.free_bytes, "free_bytes"));
}

Fault fault_of(const TenantCapRow& row) {
    return first_of(missing(row.tenant, "tenant"), missing(row.tier, "tier"),
                    missing(row.bandwidth_caps, "bandwidth_caps"),
                    beyond(row.tier, kTierMax, "tier"),
                    below_zero(row.bandwidth_caps, "bandwidth_caps"));
}

Fault fault_of(const LayerRow& row) {
    return first_of(missing(row.layer, "layer"), missing(row.lat_ms, "lat_ms"),
                    beyond(row.layer, kLayerMax, "layer"), below_zero(row.lat_ms, "lat_ms"));
}

template <typename Row>
PlanError check_rows(const char* table, const std::vector<Row>& rows) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const Fault fault = fault_of(rows[i]);
        if (!fault) continue;
        return plan_error(std::string(table) + "[" + std::to_string(i) + "]." + fault.column,
                          fault.rule);
    }
    return {};
}

PlanError check(const WindowFile& file) {
    if (file.now_ms.has_value() && file.now_ms->is_negative) {
        return plan_error("now_ms", "is below 0");
    }
    if (file.now_ms.has_value() && file.now_ns.has_value()) {
        return plan_error("now_ns", "is there beside now_ms");
    }
    const KnobRow& knobs = file.knobs;
    if (Fault fault = first_of(
            below_zero(knobs.window_ms, "knobs.window_ms"), below_zero(knobs.pmin, "knobs.pmin"),
            below_zero(knobs.alpha, "knobs.alpha"), below_zero(knobs.beta, "knobs.beta"),
            below_zero(knobs.half_life_s, "knobs.half_life_s"))) {
        return plan_error(fault.column, fault.rule);
    }
    if (PlanError error = check_rows("requests", file.requests)) return error;
    if (PlanError error = check_rows("heat", file.heat)) return error;
    if (PlanError error = check_rows("tier_caps", file.tier_caps)) return error;
    if (PlanError error = check_rows("tenant_caps", file.tenant_caps)) return error;
    return check_rows("layer_lat", file.layer_lat);
}

struct KindKey {
    const char* key;
    PlanFileKind kind;
};
// Of the first of these that the text has.
constexpr KindKey kKindKeys[] = {
    {"requests", PlanFileKind::kWindow},     {"manifest_to", PlanFileKind::kSwapPlan},
    {"manifestTo", PlanFileKind::kSwapPlan}, {"to", PlanFileKind::kSwapPlan},
    {"ops", PlanFileKind::kCachePlan},       {"plan_id", PlanFileKind::kCachePlan},
    {"planId", PlanFileKind::kCachePlan},    {"bm", PlanFileKind::kWaveSpec},
    {"io_extents", PlanFileKind::kWaveSpec}, {"ioExtents", PlanFileKind::kWaveSpec},
    {"pack_order", PlanFileKind::kWaveSpec}, {"packOrder", PlanFileKind::kWaveSpec},
};

}  // namespace

PlanFileKind kind_of(std::string_view text, PlanError& error_out) {
    JsonText scanned;
    error_out = scanned.scan(text);
    if (error_out || scanned[0].kind != JsonKind::kObject) return PlanFileKind::kUnknown;
    for (const KindKey& known : kKindKeys) {
        for (std::uint32_t key = 1; key < scanned[0].end; key = scanned[key + 1].end) {
            if (scanned.is_string(key, known.key)) return known.kind;
        }
    }
    return PlanFileKind::kUnknown;
}

PlanError parse(std::string_view text, WindowFile& out) {
    JsonText scanned;
    if (PlanError error = scanned.scan(text)) return error;
    JsonReader reader(scanned);
    WindowFile file;
    if (!reader.read(0, JsonPath{}, file)) return std::move(reader.error());
    if (PlanError error = check(file)) return error;
    out = std::move(file);
    return {};
}

}  // namespace bwrt::tools
