// SPDX-License-Identifier: Apache-2.0
//
// cmd_plan.cpp — `bwrt plan FILE`, `bwrt plan --synthetic`: what the planner makes of a window of
// requests, or what a plan in a file says.
//
//   window ──plan_window.h──▶ plan ──┬──▶ tables          plan_report.h
//                                    ├──▶ --json          a CachePlan
//                                    └──▶ --waves         an array of wave specs
//   plan in a file ──parse, check──▶ tables, or --json: the same plan as it is printed here
//
// Nothing moves: the command opens no runtime.

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "planner/values/plan_check.h"
#include "planner/values/plan_json.h"
#include "planner/values/wave_build.h"
#include "tools/commands.h"
#include "tools/output.h"
#include "tools/plan_file.h"
#include "tools/plan_report.h"
#include "tools/plan_window.h"

namespace bwrt::tools {
namespace {

using planner::PlanError;

constexpr std::size_t kTextBytesMax = std::size_t{64} << 20;  // JsonLimits has no more

void must(const std::string& name, const PlanError& error) {
    if (error) throw Failure("E_FORMAT", name + ": " + error.text(), 2);
}

std::string read_text(const std::string& name) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(name.c_str(), "rb"),
                                                               std::fclose);
    if (file == nullptr) fail_system(name, errno);
    std::string text;
    std::array<char, 65'536> part{};
    while (const std::size_t count = std::fread(part.data(), 1, part.size(), file.get())) {
        text.append(part.data(), count);
        if (text.size() > kTextBytesMax) throw Failure("E_RANGE", name + ": is above 64 MiB", 2);
    }
    if (std::ferror(file.get()) != 0) fail_system(name, errno);
    return text;
}

void print_text(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void print_waves(const std::string& name, const PlannedWindow& window) {
    std::vector<planner::WaveSpec> waves;
    must(name, planner::waves_of(window.plan, window.rows, window.cluster_of_prefix, {}, waves));
    std::string text = "[";
    for (const planner::WaveSpec& wave : waves) {
        text += text.size() == 1 ? "\n" : ",\n";
        text += planner::print(wave);
        text.pop_back();  // the new line at its end
    }
    print_text(text + "\n]\n");
}

void print_cache_plan(const std::string& name, const PlannedWindow& window) {
    planner::CachePlan plan;
    must(name,
         planner::export_plan(window.plan, &window.rows, window.names(),
                              {.plan_id = name, .window_ms = window.window_ns / 1'000'000}, plan));
    print_text(planner::print(plan));
}

void show_window(const std::string& name, const WindowFile& file, const PlanOptions& options,
                 bool json) {
    PlannedWindow window;
    must(name, plan_window(file, options.settings, window));
    if (options.waves) {
        print_waves(name, window);
    } else if (json) {
        print_cache_plan(name, window);
    } else {
        print_report(window, options.line_limit, options.synthetic);
    }
}

template <typename Plan>
void show_plan(const std::string& text, const PlanOptions& options, bool json) {
    Plan plan;
    must(options.file, planner::parse(text, plan));
    must(options.file, planner::check(plan));
    if (options.waves) throw Failure("E_INVAL", options.file + ": --waves is for windows", 2);
    if (json) {
        print_text(planner::print(plan));
    } else {
        print_report(plan, options.line_limit);
    }
}

void show_file(const PlanOptions& options, bool json) {
    const std::string text = read_text(options.file);
    PlanError error;
    switch (kind_of(text, error)) {
        case PlanFileKind::kWindow: {
            WindowFile file;
            must(options.file, parse(text, file));
            return show_window(options.file, file, options, json);
        }
        case PlanFileKind::kCachePlan:
            return show_plan<planner::CachePlan>(text, options, json);
        case PlanFileKind::kSwapPlan:
            return show_plan<planner::SwapPlan>(text, options, json);
        case PlanFileKind::kWaveSpec:
            return show_plan<planner::WaveSpec>(text, options, json);
        case PlanFileKind::kUnknown:
            must(options.file, error);
    }
    throw Failure(
        "E_FORMAT",
        options.file + ": is neither a window (requests) nor a plan (ops; manifest_to; bm)", 2);
}

}  // namespace

void run_plan(const PlanOptions& options, bool json) {
    if (options.synthetic == !options.file.empty()) {
        throw Failure("E_INVAL", "bwrt plan takes either a file or --synthetic", 2);
    }
    if (!options.synthetic) return show_file(options, json);
    show_window("synthetic", draw_window(options.request_count, options.seed), options, json);
}

}  // namespace bwrt::tools
