// SPDX-License-Identifier: Apache-2.0
//
// plan_values.cpp — plans that came from a file, as a person reads them; see plan_report.h.

#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "planner/values/plan_fields.h"
#include "tools/output.h"
#include "tools/plan_report.h"
#include "tools/plan_table.h"

namespace bwrt::tools {
namespace {

using planner::KvPageRef;
using planner::TransferOp;
using Side = TextTable::Side;

template <typename Enum>
std::string name_of(Enum value) {
    for (const planner::EnumName* each = planner::kEnumNames<Enum>; each->name != nullptr; ++each) {
        if (each->number == static_cast<std::uint32_t>(value)) return each->name;
    }
    return "?";
}

std::string first_and_count(const std::vector<KvPageRef>& refs) {
    if (refs.empty()) return "-";
    const KvPageRef& first = refs.front();
    std::string text = shown_name(first.tensor) + " " + std::to_string(first.layer) + ":" +
                       std::to_string(first.page);
    if (refs.size() > 1) text += " and " + text_of(refs.size() - 1) + " more";
    return text;
}

void print_transfers(const std::vector<TransferOp>& ops, std::uint64_t line_limit) {
    TextTable table({{"#", Side::kRight},
                     {"kind", Side::kLeft},
                     {"from", Side::kLeft},
                     {"at", Side::kRight},
                     {"to", Side::kLeft},
                     {"at", Side::kRight},
                     {"bytes", Side::kRight},
                     {"pages, layer:page", Side::kLeft}},
                    line_limit);
    std::uint64_t number = 0, bytes = 0;
    for (const TransferOp& op : ops) {
        bytes += std::min(op.length, ~bytes);
        if (!table.has_room()) {
            table.skip();
            continue;
        }
        table.add({text_of(number++), name_of(op.kind), shown_name(op.src), text_of(op.src_offset),
                   shown_name(op.dst), text_of(op.dst_offset), format_bytes(op.length),
                   first_and_count(op.kv_refs)});
    }
    table.print();
    std::printf("\noperations       %zu\nbytes            %s\n", ops.size(),
                format_bytes(bytes).c_str());
    if (!ops.empty()) {
        std::printf("average I/O      %.1f KiB\n",
                    static_cast<double>(bytes) / static_cast<double>(ops.size()) / 1024);
    }
}

void print_manifest(const char* what, const planner::WeightManifest& manifest) {
    std::uint64_t bytes = 0;
    for (const planner::FileChunk& chunk : manifest.files) bytes += std::min(chunk.length, ~bytes);
    std::printf("%s %s %s: %zu chunks, %s\n", what, shown_name(manifest.model_id).c_str(),
                shown_name(manifest.version).c_str(), manifest.files.size(),
                format_bytes(bytes).c_str());
}

template <typename Number>
std::string said(const std::optional<Number>& value) {
    return value.has_value() ? std::to_string(*value) : "-";
}

}  // namespace

void print_report(const planner::CachePlan& plan, std::uint64_t line_limit) {
    std::printf("cache plan %s\n", shown_name(plan.plan_id).c_str());
    print_transfers(plan.ops, line_limit);
    std::printf("prefetch         %s\n", first_and_count(plan.prefetch).c_str());
    std::printf("evict            %s\n", first_and_count(plan.evict).c_str());
    if (plan.window_ms.has_value())
        std::printf("window           %s ms\n", said(plan.window_ms).c_str());
    std::map<planner::VerdictName, std::uint64_t> verdicts;
    for (const planner::RequestVerdict& each : plan.verdicts) ++verdicts[each.verdict];
    for (const auto& [verdict, count] : verdicts) {
        std::printf("%-16s %s requests\n", name_of(verdict).c_str(), text_of(count).c_str());
    }
}

void print_report(const planner::SwapPlan& plan, std::uint64_t line_limit) {
    std::printf("swap plan %s\n", shown_name(plan.plan_id).c_str());
    print_manifest("from", plan.manifest_from);
    print_manifest("to  ", plan.manifest_to);
    print_transfers(plan.ops, line_limit);
    if (!plan.window.has_value()) return;
    const std::uint64_t ns = plan.window->t_deadline_ns - plan.window->t_start_ns;
    std::printf("window           %.2f ms\n", static_cast<double>(ns) / 1e6);
}

void print_report(const planner::WaveSpec& spec, std::uint64_t line_limit) {
    std::printf("wave spec%s\n", planner::is_tile_free(spec) ? ", tile-free" : "");
    if (spec.io_extents.has_value()) {
        TextTable table(
            {{"layer", Side::kLeft}, {"first page", Side::kRight}, {"last page", Side::kRight}},
            line_limit);
        for (const planner::IoExtent& extent : *spec.io_extents) {
            if (!table.has_room()) {
                table.skip();
                continue;
            }
            table.add(
                {shown_name(extent.layer), text_of(extent.start_pid), text_of(extent.end_pid)});
        }
        table.print();
    }
    std::printf("\ntile             %s x %s x %s\n", said(spec.bm).c_str(), said(spec.bn).c_str(),
                said(spec.bk).c_str());
    if (spec.tile_order.has_value()) std::printf("tiles            %zu\n", spec.tile_order->size());
    if (spec.pack_order.has_value()) std::printf("requests         %zu\n", spec.pack_order->size());
    if (spec.swap_window.has_value()) {
        std::printf("swap window      %lld to %lld\n",
                    static_cast<long long>(spec.swap_window->begin),
                    static_cast<long long>(spec.swap_window->end));
    }
}

}  // namespace bwrt::tools
