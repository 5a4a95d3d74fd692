// SPDX-License-Identifier: Apache-2.0
//
// predict.cpp — how many blocks are waited for when chains are fetched before they are asked for:
// planner/learning/prediction.h on a trace of real requests, in a host tier over a disk
// (predict_world.h).
//
// For hosts of 5 and 10 % of the trace's blocks, demand misses without prediction, with it at
// several shares that may be wasted (the trade-off) and horizons, and with two references that have
// the same disk, horizon and share of the host (predict_reference.h).  "right" and "wasted" are
// counted by the world for each block; "coverage" and "lead" are what the prediction reports of
// itself.  The figures are not times: they are the same on every machine.
//
//   zstd -dc TRACE | bench_predict [name]        default "stdin"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/measure.h"
#include "bench/policy_trace.h"
#include "bench/predict_reference.h"
#include "bench/predict_world.h"
#include "planner/learning/prediction.h"

namespace {

using namespace bwrt::bench;
using namespace bwrt::planner;
using bwrt::replay::Trace;

constexpr std::uint32_t kPercents[] = {5, 10};
// The last is what chat would need: its reuse is minutes away.
struct Setting {
    std::uint32_t wasted_percent;
    std::uint64_t horizon_seconds;
};
constexpr Setting kSettings[] = {{10, 20}, {20, 20}, {30, 20}, {40, 20}, {50, 20}, {70, 300}};
constexpr std::uint32_t kGoalPercent = 20;
constexpr std::uint32_t kHeldParts = 5;  // a fifth of the host may be held

// The planner's, with block numbers for keys: they stand for hashes here.
class Prophet final : public Foresight {
 public:
    Prophet(const Trace& trace, const PredictWorld& world, const PredictionRule& rule)
        : trace_(trace), world_(world), predictor_({}, rule), fetches_(256), let_go_(256) {}

    void used(std::size_t request, std::span<const std::uint32_t> blocks,
              std::uint64_t now_ns) override {
        keys_.assign(blocks.begin(), blocks.end());
        predictor_.used(
            {.blocks = keys_, .bytes = blocks.size(), .session = trace_.request(request).session},
            now_ns);
    }
    void ended(std::uint32_t head, std::uint64_t now_ns) override {
        predictor_.ended(head, now_ns);
    }
    void evicted(std::uint32_t block, std::uint64_t now_ns) override {
        predictor_.evicted(block, now_ns);
    }
    void fetched(std::uint32_t head, std::uint64_t now_ns) override {
        predictor_.fetched(head, now_ns);
    }
    void failed(std::uint32_t head, std::uint64_t now_ns) override {
        predictor_.failed(head, now_ns);
    }
    void plan(std::uint64_t now_ns, std::uint64_t blocks_max, std::vector<Order>& orders_out,
              std::vector<std::uint32_t>& let_go_out) override {
        const PredictionCounts counts =
            predictor_.plan({.now_ns = now_ns,
                             .bytes_max = blocks_max,
                             .missing_bytes = missing_bytes,
                             .store = const_cast<PredictWorld*>(&world_),
                             .fetch_out = fetches_,
                             .let_go_out = let_go_});
        for (std::uint32_t i = 0; i < counts.fetch_count; ++i) {
            orders_out.push_back({static_cast<std::uint32_t>(fetches_[i].key)});
        }
        for (std::uint32_t i = 0; i < counts.let_go_count; ++i) {
            let_go_out.push_back(static_cast<std::uint32_t>(let_go_[i]));
        }
    }
    [[nodiscard]] PredictionReport report() const { return predictor_.report(); }

 private:
    static std::uint64_t missing_bytes(void* world, std::uint64_t key, std::uint32_t /*mark*/) {
        return static_cast<const PredictWorld*>(world)->missing_count(
            static_cast<std::uint32_t>(key));
    }

    const Trace& trace_;
    const PredictWorld& world_;
    Predictor predictor_;
    std::vector<std::uint64_t> keys_;
    std::vector<Prediction> fetches_;
    std::vector<std::uint64_t> let_go_;
};

double percent_of(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
}

void print_outcome(const char* name, const Outcome& outcome, const Outcome& without) {
    std::printf("  %-22s  %9" PRIu64 "  %6.1f %%  %9" PRIu64 "  %9" PRIu64 "  %6.1f %%", name,
                outcome.missed, percent_of(outcome.missed, without.missed), outcome.fetched,
                outcome.right, percent_of(outcome.wasted, outcome.fetched));
}

void print_goals(const std::string& name, std::uint32_t percent, const Outcome& outcome,
                 const Outcome& without) {
    const std::string host = name + ", host " + std::to_string(percent) + " %: ";
    Samples missed, wasted;
    missed.add(percent_of(outcome.missed, without.missed));
    wasted.add(percent_of(outcome.wasted, outcome.fetched));
    print_goal(host + "demand misses, % of those without prediction", Bar::kAtMost, 99, missed);
    if (outcome.fetched == 0) return;
    print_goal(host + "wasted, % of what was fetched unasked", Bar::kAtMost, 20, wasted);
}

void compare(const Trace& trace, const std::string& name, std::uint32_t percent) {
    const auto capacity = std::max(
        1u, static_cast<std::uint32_t>(std::uint64_t{trace.block_count()} * percent / 100));
    const PredictionRule defaults;
    const HoldLimits limits{defaults.horizon_ns, capacity / kHeldParts};
    const Outcome without = PredictWorld(trace, capacity).run();
    std::printf("  %-22s  %9s  %8s  %9s  %9s  %8s  %8s  %7s\n",
                ("host " + std::to_string(percent) + " %, blocks").c_str(), "missed", "of those",
                "fetched", "right", "wasted", "coverage", "lead");
    std::printf("  %-22s  %9" PRIu64 "  %6.1f %%\n", "no prediction", without.missed, 100.0);
    const auto print_reference = [&](const char* called, auto& foresight, PredictWorld& world) {
        world.set_foresight(&foresight);
        print_outcome(called, world.run(), without);
        std::printf("\n");
    };
    PredictWorld back_world(trace, capacity);
    BackAtOnce back(trace, back_world, limits);
    print_reference("back at once", back, back_world);
    for (const Setting& setting : kSettings) {
        PredictWorld world(trace, capacity);
        Prophet prophet(trace, world,
                        {.wasted_milli_max = 10 * setting.wasted_percent,
                         .horizon_ns = setting.horizon_seconds * 1'000'000'000,
                         .held_bytes_max = limits.held_blocks_max,
                         .ends_are_told = true});
        world.set_foresight(&prophet);
        const Outcome outcome = world.run();
        const std::string called = "bwrt, " + std::to_string(setting.wasted_percent) + " %, " +
                                   std::to_string(setting.horizon_seconds) + " s";
        print_outcome(called.c_str(), outcome, without);
        const PredictionReport report = prophet.report();
        std::printf("  %6.1f %%  %5.1f s\n", report.coverage_milli() / 10.0,
                    static_cast<double>(report.lead_mean_ns()) / 1e9);
        if (setting.wasted_percent == kGoalPercent) print_goals(name, percent, outcome, without);
    }
    PredictWorld clear_world(trace, capacity);
    Clairvoyant clairvoyant(trace, clear_world, limits);
    print_reference("clairvoyant", clairvoyant, clear_world);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const std::string name = argc > 1 ? argv[1] : "stdin";
        const Trace trace = trace_from_stdin();
        std::printf("%s: %zu requests, %zu references to %u blocks\n", name.c_str(),
                    trace.request_count(), trace.reference_count(), trace.block_count());
        for (const std::uint32_t percent : kPercents) compare(trace, name, percent);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_predict: %s\n", error.what());
        return 1;
    }
}
