// SPDX-License-Identifier: Apache-2.0
//
// plan_fields.h — the fields of CachePlan, SwapPlan and what is in them, with their names and
// numbers: the reference's, and behind its last number what it does not have.

#pragma once

#include "planner/values/cache_plan.h"
#include "planner/values/json_fields.h"
#include "planner/values/swap_plan.h"

namespace bwrt::planner {

inline constexpr EnumName kTransferKindNames[] = {
    {0, "KIND_UNSPECIFIED"}, {1, "H2D"},       {2, "D2H"},       {3, "P2P"},   {4, "STORAGE2H"},
    {5, "H2STORAGE"},        {6, "STORAGE2D"}, {7, "D2STORAGE"}, {0, nullptr},
};
template <>
inline constexpr const EnumName* kEnumNames<TransferKind> = kTransferKindNames;

inline constexpr EnumName kVerdictNames[] = {
    {0, "VERDICT_UNSPECIFIED"}, {1, "PLANNED"},      {2, "PLANNED_PART"}, {3, "NO_CREDIT"},
    {4, "NO_BUDGET"},           {5, "NO_OPERATION"}, {6, "NO_PLACE"},     {7, "TOO_SMALL"},
    {8, "NOT_WORTH"},           {9, "LATE"},         {10, "WAITED"},      {0, nullptr},
};
template <>
inline constexpr const EnumName* kEnumNames<VerdictName> = kVerdictNames;

template <>
inline constexpr const char* kMessageName<KvPageRef> = "KvPageRef";
template <Of<KvPageRef> Ref, typename Visit>
void visit_fields(Ref& ref, Visit&& visit) {
    visit(Field{1, "string", "tensor"}, ref.tensor);
    visit(Field{2, "uint64", "page"}, ref.page);
    visit(Field{3, "uint32", "head"}, ref.head);
    visit(Field{4, "uint32", "layer"}, ref.layer);
}

template <>
inline constexpr const char* kMessageName<TransferOp> = "TransferOp";
template <Of<TransferOp> Op, typename Visit>
void visit_fields(Op& op, Visit&& visit) {
    visit(Field{1, "TransferKind", "kind"}, op.kind);
    visit(Field{2, "string", "src"}, op.src);
    visit(Field{3, "string", "dst"}, op.dst);
    visit(Field{4, "uint64", "length"}, op.length);
    visit(Field{5, "uint64", "src_offset"}, op.src_offset);
    visit(Field{6, "uint64", "dst_offset"}, op.dst_offset);
    visit(Field{7, "repeated KvPageRef", "kv_refs"}, op.kv_refs);
    visit(Field{8, "string", "note"}, op.note);
    visit(Field{9, "optional uint32", "stream_hint"}, op.stream_hint);
    visit(Field{10, "optional uint32", "tier_hint"}, op.tier_hint);
    visit(Field{11, "optional uint64", "cluster_id"}, op.cluster_id);
}

template <>
inline constexpr const char* kMessageName<RequestVerdict> = "RequestVerdict";
template <Of<RequestVerdict> Each, typename Visit>
void visit_fields(Each& each, Visit&& visit) {
    visit(Field{1, "uint64", "request_id"}, each.request_id);
    visit(Field{2, "Verdict", "verdict"}, each.verdict);
    visit(Field{3, "optional uint64", "rest_first"}, each.rest_first);
}

template <>
inline constexpr const char* kMessageName<CachePlan> = "CachePlan";
template <Of<CachePlan> Plan, typename Visit>
void visit_fields(Plan& plan, Visit&& visit) {
    visit(Field{1, "string", "plan_id"}, plan.plan_id);
    visit(Field{2, "repeated TransferOp", "ops"}, plan.ops);
    visit(Field{3, "repeated KvPageRef", "prefetch"}, plan.prefetch);
    visit(Field{4, "repeated KvPageRef", "evict"}, plan.evict);
    visit(Field{5, "optional uint64", "window_ms"}, plan.window_ms);
    visit(Field{6, "repeated RequestVerdict", "verdicts"}, plan.verdicts);
}

template <>
inline constexpr const char* kMessageName<FileChunk> = "FileChunk";
template <Of<FileChunk> Chunk, typename Visit>
void visit_fields(Chunk& chunk, Visit&& visit) {
    visit(Field{1, "string", "path"}, chunk.path);
    visit(Field{2, "uint64", "offset"}, chunk.offset);
    visit(Field{3, "uint64", "length"}, chunk.length);
    visit(Field{4, "string", "sha256"}, chunk.sha256);
}

template <>
inline constexpr const char* kMessageName<WeightManifest> = "WeightManifest";
template <Of<WeightManifest> Manifest, typename Visit>
void visit_fields(Manifest& manifest, Visit&& visit) {
    visit(Field{1, "string", "model_id"}, manifest.model_id);
    visit(Field{2, "string", "version"}, manifest.version);
    visit(Field{3, "repeated FileChunk", "files"}, manifest.files);
}

template <>
inline constexpr const char* kMessageName<SwapWindow> = "SwapWindow";
template <Of<SwapWindow> Window, typename Visit>
void visit_fields(Window& window, Visit&& visit) {
    visit(Field{1, "uint64", "t_start_ns", "start_ns"}, window.t_start_ns);
    visit(Field{2, "uint64", "t_deadline_ns", "deadline_ns"}, window.t_deadline_ns);
}
// The deadline is the second field.
inline void fill_in(SwapWindow& window, std::uint32_t given) noexcept {
    if ((given & 2) != 0) return;
    if (__builtin_add_overflow(window.t_start_ns, SwapWindow::kNsDefault, &window.t_deadline_ns)) {
        window.t_deadline_ns = ~std::uint64_t{0};
    }
}

// In protobuf the manifests are called by their aliases.
template <>
inline constexpr const char* kMessageName<SwapPlan> = "SwapPlan";
template <Of<SwapPlan> Plan, typename Visit>
void visit_fields(Plan& plan, Visit&& visit) {
    visit(Field{1, "string", "plan_id"}, plan.plan_id);
    visit(Field{2, "WeightManifest", "manifest_from", "from"}, plan.manifest_from);
    visit(Field{3, "WeightManifest", "manifest_to", "to"}, plan.manifest_to);
    visit(Field{4, "repeated TransferOp", "ops"}, plan.ops);
    visit(Field{5, "SwapWindow", "window"}, plan.window);
}

}  // namespace bwrt::planner
