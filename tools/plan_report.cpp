// SPDX-License-Identifier: Apache-2.0
//
// plan_report.cpp — a window's plan; see plan_report.h.
//
// Finishes are those of one bus behind each node's tier, on which operations stand in line: nothing
// is faster for having company.  BCache's simulator divides the time of a copy by its overlap,
// which no other copy pays for, and takes for a deadline the end of the layer in a pass that starts
// now. So timeliness is told by both clocks here, and what is BCache's is told as its own.

#include "tools/plan_report.h"

#include <cstdio>
#include <string>

#include "tools/output.h"
#include "tools/plan_table.h"

namespace bwrt::tools {
namespace {

using planner::Operation;
using planner::Verdict;
using Side = TextTable::Side;

constexpr std::size_t kIdsShownMax = 8;

struct VerdictWords {
    Verdict verdict;
    const char* words;
};
constexpr VerdictWords kVerdicts[] = {
    {Verdict::kPlanned, "moves"},
    {Verdict::kPlannedPart, "moves in part, the rest waits"},
    {Verdict::kTooSmall, "waits for company: below min-io"},
    {Verdict::kNoCredit, "waits: its tenant has used up its credit"},
    {Verdict::kNoBudget, "waits: the tier takes no more bytes"},
    {Verdict::kNoOperation, "waits: the tier takes no more operations"},
    {Verdict::kNoPlace, "waits: too scattered among what moves"},
    {Verdict::kNotWorth, "ended: neither popular nor urgent enough"},
    {Verdict::kLate, "ended: it would be late"},
    {Verdict::kWaited, "ended: it was carried long enough"},
};

std::string ms_text(std::uint64_t ns, std::uint64_t now_ns) {
    const double ms = ns < now_ns ? -static_cast<double>(now_ns - ns) / 1e6
                                  : static_cast<double>(ns - now_ns) / 1e6;
    return text_of("%.2f", ms);
}

std::string tensor_of(const PlannedWindow& window, std::uint32_t model, std::uint32_t prefix) {
    return shown_name(window.models[model] + "/" + window.prefixes[prefix]);
}

std::string pages_text(std::uint64_t first, std::uint64_t end) {
    const std::string text = std::to_string(first);
    return end - first == 1 ? text : text + "-" + std::to_string(end - 1);
}

double ratio(std::uint64_t of, std::uint64_t by) {
    return by == 0 ? 0 : static_cast<double>(of) / static_cast<double>(by);
}

void print_operations(const PlannedWindow& window, std::uint64_t line_limit) {
    if (window.plan.operations.empty()) {
        std::printf("\nnothing moves\n");
        return;
    }
    TextTable table({{"#", Side::kRight},
                     {"node", Side::kLeft},
                     {"tiers", Side::kLeft},
                     {"model/prefix", Side::kLeft},
                     {"layer", Side::kRight},
                     {"pages", Side::kRight},
                     {"bytes", Side::kRight},
                     {"deadline ms", Side::kRight},
                     {"finish ms", Side::kRight},
                     {"slack", Side::kRight},
                     {"fan-out", Side::kRight},
                     {"overlap", Side::kRight},
                     {"", Side::kLeft}},
                    line_limit);
    std::uint64_t number = 0;
    for (const Operation& each : window.plan.operations) {
        if (!table.has_room()) {
            table.skip();
            continue;
        }
        const bool has_deadline = each.deadline_ns != planner::kNoDeadline;
        table.add(
            {text_of(number++), shown_name(window.nodes[each.node]),
             std::to_string(each.tier_src) + ">" + std::to_string(each.tier_dst),
             tensor_of(window, each.model, each.prefix), text_of(each.layer),
             pages_text(each.page_first, each.page_end), format_bytes(each.bytes),
             has_deadline ? ms_text(each.deadline_ns, window.now_ns) : "-",
             ms_text(each.finish_ns, window.now_ns),
             has_deadline ? text_of("%.1f", static_cast<double>(each.slack_milli) / 1e3) : "-",
             text_of(each.fan_out), text_of(each.overlap),
             each.finish_ns > each.deadline_ns ? "late" : ""});
    }
    table.print();
}

void print_verdicts(const PlannedWindow& window) {
    TextTable table({{"requests", Side::kRight},
                     {"bytes", Side::kRight},
                     {"what becomes of them", Side::kLeft},
                     {"which", Side::kLeft}},
                    std::size(kVerdicts));
    for (const VerdictWords& each : kVerdicts) {
        std::uint64_t count = 0, bytes = 0;
        std::string ids;
        for (std::uint32_t row = 0; row < window.plan.verdicts.size(); ++row) {
            if (window.plan.verdicts[row] != each.verdict) continue;
            bytes += window.rows.bytes(row);
            if (count++ < kIdsShownMax)
                ids += (ids.empty() ? "" : " ") + shown_name(window.ids[row]);
        }
        if (count == 0) continue;
        if (count > kIdsShownMax) ids += " and " + text_of(count - kIdsShownMax) + " more";
        table.add({text_of(count), format_bytes(bytes), each.words, ids});
    }
    table.print();
}

void print_evictions(const PlannedWindow& window, std::uint64_t line_limit) {
    if (window.plan.evict.empty()) return;
    TextTable table({{"to evict", Side::kLeft},
                     {"tier", Side::kRight},
                     {"model/prefix", Side::kLeft},
                     {"layer", Side::kRight},
                     {"page", Side::kRight},
                     {"bytes", Side::kRight}},
                    line_limit);
    for (const planner::EvictedPage& each : window.plan.evict) {
        if (!table.has_room()) {
            table.skip();
            continue;
        }
        table.add({shown_name(window.nodes[each.node]), text_of(each.tier),
                   tensor_of(window, each.model, each.prefix), text_of(each.layer),
                   text_of(each.page), format_bytes(each.bytes)});
    }
    table.print();
}

void print_admissions(const PlannedWindow& window, std::uint64_t line_limit) {
    if (window.plan.admit.empty()) return;
    TextTable table({{"to write", Side::kLeft},
                     {"tier", Side::kRight},
                     {"model/prefix", Side::kLeft},
                     {"layer", Side::kRight},
                     {"pages", Side::kRight},
                     {"bytes", Side::kRight},
                     {"hits", Side::kRight}},
                    line_limit);
    for (const planner::AdmittedRun& each : window.plan.admit) {
        if (!table.has_room()) {
            table.skip();
            continue;
        }
        table.add({shown_name(window.nodes[each.node]), text_of(each.tier),
                   tensor_of(window, each.model, each.prefix), text_of(each.layer),
                   pages_text(each.page_first, each.page_end), format_bytes(each.bytes),
                   text_of("%.1f", static_cast<double>(each.heat_milli) / 1e3)});
    }
    table.print();
}

double kib_of(const PlanFigures& figures) {
    return ratio(figures.bytes, figures.operation_count) / 1024;
}
double finish_ms_of(const PlanFigures& figures) {
    return ratio(figures.finish_ns, figures.operation_count) / 1e6;
}

// Of no operations all are in time, as BCache has it, too.
double share_of(std::uint64_t count, const PlanFigures& figures) {
    return figures.operation_count == 0 ? 1 : ratio(count, figures.operation_count);
}

void print_summary(const PlannedWindow& window, const PlanFigures& figures) {
    std::printf("\noperations       %s\n", text_of(figures.operation_count).c_str());
    std::printf("bytes            %s move, for %s of %s requests, which ask for %s of %s\n",
                format_bytes(figures.bytes).c_str(), text_of(figures.row_planned_count).c_str(),
                text_of(figures.row_count).c_str(), format_bytes(figures.served_bytes).c_str(),
                format_bytes(figures.row_bytes).c_str());
    std::printf("average I/O      %.1f KiB\n", kib_of(figures));
    std::printf("fan-out          %.3f requests an operation\n",
                ratio(figures.fan_out, figures.operation_count));
    std::printf("average finish   %.2f ms\n", finish_ms_of(figures));
    std::printf("timeliness       %.3f of operations by their deadlines\n",
                share_of(figures.in_time_count, figures));
    if (!window.layer_ns.empty()) {
        std::printf("                 %.3f by the end of their layer, in a pass that starts now\n",
                    share_of(figures.in_layer_count, figures));
    }
    if (window.room_short_bytes > 0) {
        std::printf("room             %s short: what may leave is not enough\n",
                    format_bytes(window.room_short_bytes).c_str());
    }
}

// BCache's figures are reported, and not measured here.
void print_reference(const PlannedWindow& window, const PlanFigures& figures) {
    TextTable table({{"beside BCache's", Side::kLeft},
                     {"this plan", Side::kRight},
                     {"its README", Side::kRight},
                     {"20 seeds", Side::kRight}},
                    16);
    table.add({"operations", text_of(figures.operation_count), "18", "31.25"});
    table.add({"average I/O, KiB", text_of("%.1f", kib_of(figures)), "2275.6", "1893.8"});
    table.add({"bytes, MiB", text_of("%.1f", static_cast<double>(figures.bytes) / (1 << 20)),
               "40.0", "57.8"});
    table.add({"fan-out", text_of("%.3f", ratio(figures.fan_out, figures.operation_count)), "1.00",
               "1.002"});
    table.add({"average finish, ms", text_of("%.2f", finish_ms_of(figures)), "9.31", "11.6"});
    table.add({"timeliness by layers", text_of("%.3f", share_of(figures.in_layer_count, figures)),
               "0.94", "0.812"});
    table.add({"timeliness by deadlines", text_of("%.3f", share_of(figures.in_time_count, figures)),
               "-", "-"});
    table.print();
    std::printf(
        "its README: a single run of its own window.  20 seeds: its planner, measured on 20 such\n"
        "windows.  Its finish and timeliness are those of its own simulator, four streams in which "
        "a\n"
        "copy with an overlap of 3 takes a third of its time, at nobody's cost; ours are those of "
        "a\n"
        "bus on which operations stand in line.  Its caps count for each source, and its tenants'\n"
        "for each node; ours for a tier and a tenant.  What does not move here waits for the next\n"
        "window, there it is dropped.  The windows are of one kind (%zu requests here), not the "
        "same.\n",
        window.ids.size());
}

}  // namespace

void print_report(const PlannedWindow& window, std::uint64_t line_limit, bool is_synthetic) {
    std::printf("%zu requests, a window of %s ms\n", window.ids.size(),
                ms_text(window.window_ns, 0).c_str());
    print_operations(window, line_limit);
    if (!window.ids.empty()) print_verdicts(window);
    print_evictions(window, line_limit);
    print_admissions(window, line_limit);
    const PlanFigures figures = figures_of(window);
    print_summary(window, figures);
    if (is_synthetic) print_reference(window, figures);
}

}  // namespace bwrt::tools
