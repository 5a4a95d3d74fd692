// SPDX-License-Identifier: Apache-2.0
//
// test_reference_demo.cpp — the window that BCache's planner is shown with, planned by both.
//
// 200 requests of three tenants: four nodes, 40 prefixes, 8 layers, runs of 1 to 16 pages of 128 to
// 512 KiB, due in 50 to 600 ms.  A node takes 16 MiB and 64 operations in a window of 20 ms, and a
// tenant has 32 MiB, which the reference gives it on each node and we only once.  What is smaller
// than 512 KiB the reference drops; ours moves it at once or lets it wait for company
// (takes_small).
//
// Both plans then go over the same honest bus: those of a node one after the other, in the order of
// the plan, at so many bytes a millisecond, with no discount for several streams.  A page is useful
// when it is there by the deadline of one who asks for it, and once; a request is on time when all
// of its pages are there by its own.

#include <map>
#include <tuple>

#include "planner/planner.h"
#include "tests/support/cmocka.h"
#include "tests/support/random.h"
#include "tests/support/reference_window.h"

namespace {

using namespace bwrt::planner;
using bwrt::test::Random;
using bwrt::test::ReferenceInputs;
using bwrt::test::ReferenceRule;
using bwrt::test::ReferenceRun;

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kNowMs = 1'700'000'000'000;
constexpr std::uint64_t kMib = 1 << 20;
constexpr std::uint64_t kWindowMs = 20;
constexpr std::uint64_t kNodeBytes = 16 * kMib;  // in a window
constexpr std::uint64_t kTenantBytes = 32 * kMib;
constexpr std::uint32_t kOperationCountMax = 64;
constexpr std::uint16_t kNodeCount = 4;
constexpr std::uint16_t kTenantCount = 3;
constexpr std::uint32_t kRequestCount = 200;
constexpr std::uint64_t kSeedCount = 20;

std::vector<Request> draw(std::uint64_t seed) {
    Random random(seed);
    const std::uint64_t fills_ms[] = {1, 2, 5, 10, 20};
    std::vector<Request> requests(kRequestCount);
    for (std::uint32_t i = 0; i < kRequestCount; ++i) {
        Request& request = requests[i];
        request.id = i;
        request.node = static_cast<std::uint16_t>(random.below(kNodeCount));
        request.prefix = random.between32(0, 39);
        request.layer_first = static_cast<std::uint16_t>(random.below(8));
        request.page_count = std::uint64_t{1} << random.below(5);
        request.page_first = random.below(1'025 - request.page_count);
        request.page_bytes = std::uint64_t{131'072} << random.below(3);
        request.deadline_ns = (kNowMs + 10 * random.between(5, 60)) * kMs;
        request.fill_ns = fills_ms[random.below(5)] * kMs;
        request.tenant = static_cast<std::uint16_t>(random.below(kTenantCount));
        request.tier_dst = 1;
    }
    return requests;
}

// A run of pages on its way, of either plan.
struct Move {
    std::uint16_t node, layer;
    std::uint32_t prefix;
    std::uint64_t page_first, page_end, bytes, fan_out;
};

std::vector<Move> plan_reference(const std::vector<Request>& requests) {
    ReferenceInputs inputs;
    std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> hits;
    std::map<std::uint32_t, std::int64_t> cluster_of;  // in the order in which they come
    std::vector<std::uint32_t> prefix_of;
    for (const Request& request : requests) {
        const auto [at, is_new] =
            cluster_of.try_emplace(request.prefix, static_cast<std::int64_t>(cluster_of.size()));
        if (is_new) prefix_of.push_back(request.prefix);
        bwrt::test::ReferenceRequest row;
        row.id = static_cast<std::int64_t>(request.id);
        row.node = request.node;
        row.cluster = at->second;
        row.layer = request.layer_first;
        row.page_first = static_cast<std::int64_t>(request.page_first);
        row.page_last = static_cast<std::int64_t>(request.page_first + request.page_count) - 1;
        row.tier_dst = 1;
        row.deadline_ms = static_cast<std::int64_t>(request.deadline_ns / kMs);
        row.page_bytes = static_cast<std::int64_t>(request.page_bytes);
        row.tenant = request.tenant;
        row.fill_ms = static_cast<double>(request.fill_ns) / 1e6;
        inputs.requests.push_back(row);
        ++hits[{row.layer, row.page_first}];
    }
    for (const auto& [page, count] : hits) inputs.heat.push_back({page.first, page.second, count});
    inputs.tiers = {{0, 4 * kNodeBytes, 4 * kNodeBytes}, {1, kNodeBytes, kNodeBytes}};
    for (std::uint16_t tenant = 0; tenant < kTenantCount; ++tenant) {
        inputs.tenants.push_back({tenant, 1, kTenantBytes});
    }
    ReferenceRule rule;
    rule.now_ms = static_cast<std::int64_t>(kNowMs);
    std::vector<Move> moves;
    for (const ReferenceRun& run : bwrt::test::reference_window(inputs, rule).runs) {
        moves.push_back(
            {static_cast<std::uint16_t>(run.node), static_cast<std::uint16_t>(run.layer),
             prefix_of.at(static_cast<std::size_t>(run.cluster)),
             static_cast<std::uint64_t>(run.page_first),
             static_cast<std::uint64_t>(run.page_last) + 1, static_cast<std::uint64_t>(run.bytes),
             static_cast<std::uint64_t>(run.fan_out)});
    }
    return moves;
}

class Ours {
 public:
    Ours(std::uint64_t bus_bytes_per_ms, bool takes_small)
        : planner_({.row_count_max = kRequestCount,
                    .tenant_count = kTenantCount,
                    .node_count = kNodeCount,
                    .tier_count = 2},
                   rule_of(takes_small)),
          budgets_(kNodeCount * 2, {kNodeBytes, kOperationCountMax}),
          routes_(4),
          buses_(kNodeCount * kBusCountMax) {
        for (Bus& bus : buses_) bus.bytes_per_ms = bus_bytes_per_ms;
        for (std::uint16_t tenant = 0; tenant < kTenantCount; ++tenant) {
            planner_.credits().set(tenant, {kTenantBytes, kWindowMs * kMs, kTenantBytes},
                                   kNowMs * kMs);
        }
    }
    void ask(const std::vector<Request>& requests) {
        for (const Request& request : requests) assert_null(planner_.request(request).field);
    }
    std::vector<Move> plan(std::uint64_t now_ms) {
        const Plan& plan = planner_.plan({.now_ns = now_ms * kMs,
                                          .budgets = budgets_.data(),
                                          .routes = routes_.data(),
                                          .buses = buses_.data()});
        std::vector<Move> moves;
        std::vector<TierBudget> left = budgets_;
        for (const Operation& operation : plan.operations) {
            TierBudget& budget = left[operation.node * 2u + 1];
            assert_true(operation.bytes <= budget.bytes && budget.operation_count > 0);
            budget.bytes -= operation.bytes;
            --budget.operation_count;
            moves.push_back({operation.node, operation.layer, operation.prefix,
                             operation.page_first, operation.page_end, operation.bytes,
                             operation.fan_out});
        }
        planner_.next();
        return moves;
    }
    [[nodiscard]] bool has_carried() const { return planner_.row_count() > 0; }

 private:
    static PlannerRule rule_of(bool takes_small) {
        PlannerRule rule;
        rule.takes_small = takes_small;
        return rule;
    }

    Planner planner_;
    std::vector<TierBudget> budgets_;
    std::vector<Route> routes_;
    std::vector<Bus> buses_;
};

// Each page, and when it is there.
class Arrivals {
 public:
    explicit Arrivals(std::uint64_t bus_bytes_per_ms)
        : bus_bytes_per_ms_(static_cast<double>(bus_bytes_per_ms)) {}

    void move(const std::vector<Move>& moves, std::uint64_t now_ms) {
        for (double& free_ms : free_ms_) free_ms = std::max(free_ms, static_cast<double>(now_ms));
        for (const Move& move : moves) {
            free_ms_[move.node] += static_cast<double>(move.bytes) / bus_bytes_per_ms_;
            for (std::uint64_t page = move.page_first; page < move.page_end; ++page) {
                there_ms_.try_emplace({move.node, move.prefix, move.layer, page},
                                      free_ms_[move.node]);
            }
            ++move_count;
            fan_out += move.fan_out;
        }
    }
    void look(const std::vector<Request>& requests) {
        std::map<Key, std::uint64_t> useful;
        for (const Request& request : requests) {
            bool is_on_time = true;
            for (std::uint64_t i = 0; i < request.page_count; ++i) {
                const Key key{request.node, request.prefix, request.layer_first,
                              request.page_first + i};
                const auto there = there_ms_.find(key);
                const bool is_there =
                    there != there_ms_.end() &&
                    there->second <= static_cast<double>(request.deadline_ns / kMs) + 1e-3;
                is_on_time = is_on_time && is_there;
                if (is_there) useful[key] = std::max(useful[key], request.page_bytes);
            }
            on_time_count += is_on_time;
        }
        for (const auto& page : useful) useful_bytes += page.second;
    }

    std::uint64_t move_count = 0, fan_out = 0, on_time_count = 0, useful_bytes = 0;

 private:
    using Key = std::tuple<std::uint16_t, std::uint32_t, std::uint16_t, std::uint64_t>;
    double bus_bytes_per_ms_;
    double free_ms_[kNodeCount] = {};
    std::map<Key, double> there_ms_;
};

struct Sum {
    std::uint64_t useful_bytes = 0, on_time_count = 0, move_count = 0, fan_out = 0;

    void add(const Arrivals& one) {
        useful_bytes += one.useful_bytes;
        on_time_count += one.on_time_count;
        move_count += one.move_count;
        fan_out += one.fan_out;
    }
    void print(const char* whose) const {
        print_message("  %s: %.1f MiB and %.1f requests on time, %.1f operations, fan-out %.3f\n",
                      whose, static_cast<double>(useful_bytes) / kMib / kSeedCount,
                      static_cast<double>(on_time_count) / kSeedCount,
                      static_cast<double>(move_count) / kSeedCount,
                      static_cast<double>(fan_out) / static_cast<double>(move_count));
    }
};

// On a bus that moves all that a window may in one window, in three, and in eight: there the plan
// of the reference, which knows of no bus, is late.
constexpr std::uint64_t kSlownesses[] = {1, 3, 8};

Arrivals one_window(const std::vector<Request>& requests, const std::vector<Move>& moves,
                    std::uint64_t bus_bytes_per_ms) {
    Arrivals arrivals(bus_bytes_per_ms);
    arrivals.move(moves, kNowMs);
    arrivals.look(requests);
    return arrivals;
}

std::vector<Move> plan_ours(const std::vector<Request>& requests, std::uint64_t bus_bytes_per_ms,
                            bool takes_small) {
    Ours planner(bus_bytes_per_ms, takes_small);
    planner.ask(requests);
    return planner.plan(kNowMs);
}

void one_window_moves_as_many_useful_bytes_and_serves_as_many_on_time_as_the_reference(void**) {
    for (const std::uint64_t slowness : kSlownesses) {
        const std::uint64_t bus_bytes_per_ms = kNodeBytes / (kWindowMs * slowness);
        Sum all, their_all;
        for (std::uint64_t seed = 1; seed <= kSeedCount; ++seed) {
            const std::vector<Request> requests = draw(seed);
            const Arrivals reference =
                one_window(requests, plan_reference(requests), bus_bytes_per_ms);
            const Arrivals ours =
                one_window(requests, plan_ours(requests, bus_bytes_per_ms, true), bus_bytes_per_ms);
            assert_true(ours.useful_bytes >= reference.useful_bytes);
            assert_true(ours.on_time_count >= reference.on_time_count);
            assert_true(ours.fan_out >= ours.move_count);
            all.add(ours);
            their_all.add(reference);
        }
        print_message("bus 1/%u\n", static_cast<unsigned>(slowness));
        all.print("ours");
        their_all.print("reference");
    }
}

// What waits holds the place that it was given until the plan is made, so of one seed in twenty a
// little less moves than by the reference.
void what_waits_for_company_takes_no_request_from_those_on_time(void**) {
    for (const std::uint64_t slowness : kSlownesses) {
        const std::uint64_t bus_bytes_per_ms = kNodeBytes / (kWindowMs * slowness);
        Sum all, their_all;
        for (std::uint64_t seed = 1; seed <= kSeedCount; ++seed) {
            const std::vector<Request> requests = draw(seed);
            const Arrivals reference =
                one_window(requests, plan_reference(requests), bus_bytes_per_ms);
            const Arrivals ours = one_window(requests, plan_ours(requests, bus_bytes_per_ms, false),
                                             bus_bytes_per_ms);
            assert_true(ours.on_time_count >= reference.on_time_count);
            all.add(ours);
            their_all.add(reference);
        }
        assert_true(all.useful_bytes >= their_all.useful_bytes);
        all.print("ours, small ones wait");
    }
}

// The reference drops for ever what it does not plan.
void what_does_not_move_in_one_window_moves_in_a_later_one(void**) {
    const std::uint64_t bus_bytes_per_ms = kNodeBytes / kWindowMs;
    for (std::uint64_t seed = 1; seed <= kSeedCount; ++seed) {
        const std::vector<Request> requests = draw(seed);
        Arrivals ours(bus_bytes_per_ms);
        Ours planner(bus_bytes_per_ms, false);
        planner.ask(requests);
        for (std::uint64_t now_ms = kNowMs; planner.has_carried(); now_ms += kWindowMs) {
            ours.move(planner.plan(now_ms), now_ms);
        }
        ours.look(requests);
        const Arrivals reference = one_window(requests, plan_reference(requests), bus_bytes_per_ms);
        assert_true(ours.on_time_count >= 4 * reference.on_time_count);
        assert_true(ours.on_time_count >= kRequestCount * 95 / 100);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(
            one_window_moves_as_many_useful_bytes_and_serves_as_many_on_time_as_the_reference),
        cmocka_unit_test(what_waits_for_company_takes_no_request_from_those_on_time),
        cmocka_unit_test(what_does_not_move_in_one_window_moves_in_a_later_one),
    };
    return cmocka_run_group_tests_name("the reference's demo", tests, nullptr, nullptr);
}
