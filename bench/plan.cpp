// SPDX-License-Identifier: Apache-2.0
//
// plan.cpp — how long does it take to plan a window of requests?
//
// Windows are drawn as BCache's own generator draws them: four nodes, 40 prefixes, 8 layers, runs
// of 1 to 16 pages of 128 to 512 KiB, deadlines 50 to 600 ms away, three tenants.  "all" limits
// nothing and every request moves; "tight" has its caps, 16 MiB and 64 operations a window and
// node, so nearly everything is looked at and stays behind.
//
//   bench_plan [rounds [requests_max]]        default: 15 rounds, 1,000,000 requests
//
// The time is that of Planner::plan: requests have been appended and checked before.  The reference
// is std::sort over one 64-bit key and an index for each request, the least that a planner by
// comparison would do.  BCache's planner took 22 / 24 / 41 / 455 / 5,085 ms for "all" on this
// class of machine (Python 3.11, pandas 1.5.3); those figures are bars here, not measured again.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "bench/measure.h"
#include "planner/planner.h"

namespace {

using namespace bwrt::bench;
using namespace bwrt::planner;

constexpr std::uint64_t kMsNs = 1'000'000;
constexpr std::uint64_t kNowNs = 1'700'000'000'000 * kMsNs;
constexpr std::uint64_t kMib = 1 << 20;
constexpr std::uint32_t kNodeCount = 4;
constexpr std::uint32_t kTierCount = 2;

struct Size {
    std::uint32_t request_count;
    double us_max;        // what is to be reached
    double reference_ms;  // what BCache's planner took
};
constexpr Size kSizes[] = {{100, 20, 22},
                           {1'000, 100, 24},
                           {10'000, 600, 41},
                           {100'000, 6'000, 455},
                           {1'000'000, 80'000, 5'085}};

std::vector<Request> draw(std::uint32_t count) {
    std::mt19937 engine(7);
    const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(engine() % n); };
    const std::uint64_t fills_ms[] = {1, 2, 5, 10, 20};
    std::vector<Request> requests(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        Request& request = requests[i];
        request.id = i;
        request.page_count = std::uint64_t{1} << below(5);
        request.page_first = below(static_cast<std::uint32_t>(1025 - request.page_count));
        request.page_bytes = (128 * 1024u) << below(3);
        request.arrival_ns = kNowNs;
        request.deadline_ns = kNowNs + 10 * kMsNs * (5 + below(56));
        request.fill_ns = fills_ms[below(5)] * kMsNs;
        request.prefix = below(40);
        request.layer_first = static_cast<std::uint16_t>(below(8));
        request.tenant = static_cast<std::uint16_t>(below(3));
        request.node = static_cast<std::uint16_t>(below(kNodeCount));
        request.tier_dst = 1;
    }
    return requests;
}

class World {
 public:
    World(const std::vector<Request>& requests, bool is_tight)
        : requests_(requests),
          planner_({.row_count_max = static_cast<std::uint32_t>(requests.size()),
                    .tenant_count = 3,
                    .node_count = kNodeCount,
                    .tier_count = kTierCount},
                   rule_of(is_tight)),
          budgets_(kNodeCount * kTierCount),
          routes_(kTierCount * kTierCount),
          buses_(kNodeCount * kBusCountMax) {
        if (!is_tight) return;
        for (TierBudget& budget : budgets_) budget = {16 * kMib, 64};
        for (Bus& bus : buses_) bus.bytes_per_ms = 16 * kMib / 20;
    }

    double plan_us() {
        for (const Request& request : requests_) {
            if (planner_.request(request)) throw Failure("E_INTERNAL", "a request was refused");
        }
        const std::uint64_t begin_ns = now_ns();
        const Plan& plan = planner_.plan({.now_ns = kNowNs,
                                          .budgets = budgets_.data(),
                                          .routes = routes_.data(),
                                          .buses = buses_.data()});
        const std::uint64_t end_ns = now_ns();
        operation_count_ = plan.operations.size();
        bytes_ = 0;
        for (const Operation& operation : plan.operations) bytes_ += operation.bytes;
        planner_.clear();
        return static_cast<double>(end_ns - begin_ns) / 1e3;
    }

    [[nodiscard]] std::size_t operation_count() const { return operation_count_; }
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
    static PlannerRule rule_of(bool is_tight) {
        PlannerRule rule;
        rule.takes_small = !is_tight;
        return rule;
    }

    const std::vector<Request>& requests_;
    Planner planner_;
    std::vector<TierBudget> budgets_;
    std::vector<Route> routes_;
    std::vector<Bus> buses_;
    std::size_t operation_count_ = 0;
    std::uint64_t bytes_ = 0;
};

double sort_us(const std::vector<Request>& requests) {
    std::vector<KeyedRow> rows;
    for (const Request& request : requests) {
        rows.push_back({(request.prefix * 64ull + request.node * 8ull + request.layer_first) << 32 |
                            request.page_first,
                        static_cast<std::uint32_t>(request.id)});
    }
    const std::uint64_t begin_ns = now_ns();
    std::sort(rows.begin(), rows.end(),
              [](const KeyedRow& a, const KeyedRow& b) { return a.key < b.key; });
    return static_cast<double>(now_ns() - begin_ns) / 1e3;
}

void measure(const Size& size, int round_count) {
    const std::vector<Request> requests = draw(size.request_count);
    World all(requests, false), tight(requests, true);
    Samples sort, all_us, tight_us, all_ratio, tight_ratio;
    (void)all.plan_us();  // the first window of a size touches its memory
    (void)tight.plan_us();
    for (int round = 0; round < round_count; ++round) {
        const double reference_us = sort_us(requests);
        const double all_now_us = all.plan_us(), tight_now_us = tight.plan_us();
        sort.add(reference_us);
        all_us.add(all_now_us);
        tight_us.add(tight_now_us);
        all_ratio.add(all_now_us / reference_us);
        tight_ratio.add(tight_now_us / reference_us);
    }
    std::printf("%u requests\n", size.request_count);
    print_row("  std::sort of a key each", sort, "us");
    print_row("  planned, all", all_us, "us", &all_ratio);
    print_row("  planned, tight", tight_us, "us", &tight_ratio);
    std::printf("  all: %zu operations, %.2f GB; tight: %zu, %.3f GB; BCache: %.0f ms\n",
                all.operation_count(), static_cast<double>(all.bytes()) / 1e9,
                tight.operation_count(), static_cast<double>(tight.bytes()) / 1e9,
                size.reference_ms);
    char what[96];
    std::snprintf(what, sizeof what, "a plan for %u requests, all of which move, in us",
                  size.request_count);
    print_goal(what, Bar::kAtMost, size.us_max, all_us);
}

}  // namespace

int main(int argc, char** argv) {
    const int round_count = argc > 1 ? std::atoi(argv[1]) : 15;
    const long request_count_max = argc > 2 ? std::atol(argv[2]) : 1'000'000;
    if (argc > 3 || round_count < 1 || request_count_max < 1) {
        std::fprintf(stderr, "usage: bench_plan [rounds [requests_max]]\n");
        return 2;
    }
    print_machine();
    try {
        for (const Size& size : kSizes) {
            if (size.request_count <= request_count_max) measure(size, round_count);
        }
    } catch (const Failure& failure) {
        std::fprintf(stderr, "%s: %s\n", failure.code().c_str(), failure.what());
        return 1;
    }
    return 0;
}
