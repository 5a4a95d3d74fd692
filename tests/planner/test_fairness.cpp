// SPDX-License-Identifier: Apache-2.0
//
// test_fairness.cpp — tenants with equal credits on one bus, of which one asks for far too much.
//
// Four tenants share a bus, and each has a quarter of it as its credits.  Three ask for what these
// pay for; the fourth asks for a hundred times as much, and in the ways that would help it most:
// with the earliest deadlines, in the smallest pieces, or in the largest.  The bus is honest: it
// moves the operations of all windows one after the other at its rate, begins none before its
// window, and what it has not moved yet the next plan is told of.
//
// A tenant alone at its credits has a bus to itself that is a quarter as fast.  What it would have
// in the same company with a fourth that asks for its share, all of it, is printed, and not
// asserted: on a bus that is full a p99 goes up and down with what the others draw.  A request is
// done when its last page is, counted from the window in which it came; what is given up counts as
// never done.

#include <array>
#include <cmath>
#include <cstdlib>

#include "tests/planner/windows.h"
#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::planner;
using bwrt::test::kMs;
using bwrt::test::Random;

constexpr std::uint16_t kTenantCount = 4;
constexpr std::uint16_t kGreedy = 3;
constexpr std::uint64_t kWindowMs = 20;
constexpr std::uint64_t kPageBytes = 65'536;
constexpr std::uint64_t kSharePages = 40;  // that a tenant's credits pay for in a window
constexpr std::uint64_t kBurstBytes = 4 * kSharePages * kPageBytes;
constexpr std::uint64_t kSlot = 64;  // page numbers of a request
constexpr std::uint32_t kWindowCount = 300;
constexpr std::uint32_t kSettledCount = 20;  // windows until all is under way
constexpr double kNever = 1e9;

// A p99 is a measurement and no property of every draw: these are the same ones in each run, unless
// another seed is asked for.
std::uint64_t fixed_seed() {
    return std::getenv("BWRT_TEST_SEED") != nullptr ? bwrt::test::test_seed() : 1;
}

enum class Greed { kNone, kEarly, kSmall, kLarge };

struct Asked {
    std::uint64_t bytes = 0;
    std::uint64_t came_ms = 0;
    std::uint16_t tenant = 0;
    double done_ms = kNever;
    bool counts = false;
};

struct Outcome {
    std::array<std::vector<double>, kTenantCount> took_ms;
    std::array<std::uint64_t, kTenantCount> asked_bytes{}, moved_bytes{};
    std::array<std::uint64_t, kTenantCount> all_moved_bytes{};  // what does not count, too
    std::uint64_t late_count = 0;                               // done after the plan said

    [[nodiscard]] double p99_ms(std::uint16_t tenant) {
        std::vector<double>& took = took_ms[tenant];
        std::sort(took.begin(), took.end());
        return took.at(took.size() * 99 / 100);
    }
};

class Shared {
 public:
    Shared(std::uint64_t seed, Greed greed, const std::vector<std::uint16_t>& tenants,
           std::uint64_t bus_pages)
        : greed_(greed),
          tenants_(tenants),
          planner_(limits(), rule()),
          budgets_(2),
          routes_(4),
          buses_(kBusCountMax),
          bus_bytes_per_ms_(bus_pages * kPageBytes / kWindowMs) {
        for (std::uint16_t tenant = 0; tenant < kTenantCount; ++tenant) {
            draws_.emplace_back(seed * kTenantCount + tenant);
            planner_.credits().set(tenant, {kSharePages * kPageBytes, kWindowMs * kMs, kBurstBytes},
                                   0);
        }
        buses_[0].bytes_per_ms = bus_bytes_per_ms_;
    }

    Outcome run() {
        for (std::uint32_t window = 0; window < kWindowCount; ++window) {
            now_ms_ = window * kWindowMs;
            for (const std::uint16_t tenant : tenants_) ask(tenant, window);
            const auto now = static_cast<double>(now_ms_);
            free_ms_ = std::max(free_ms_, now);
            buses_[0].queued_bytes = static_cast<std::uint64_t>(
                std::ceil((free_ms_ - now) * static_cast<double>(bus_bytes_per_ms_)));
            move(planner_.plan({.now_ns = now_ms_ * kMs,
                                .budgets = budgets_.data(),
                                .routes = routes_.data(),
                                .buses = buses_.data()}));
            planner_.next();
        }
        for (const Asked& asked : asked_) {
            if (!asked.counts) continue;
            outcome_.took_ms[asked.tenant].push_back(asked.done_ms -
                                                     static_cast<double>(asked.came_ms));
        }
        return outcome_;
    }

 private:
    // Nothing waits for company: who waits for his deadline anyway would hide what others cost him.
    static PlannerRule rule() {
        PlannerRule rule;
        rule.takes_small = true;
        return rule;
    }
    static WindowLimits limits() {
        return {.row_count_max = 1u << 17, .tenant_count = kTenantCount, .tier_count = 2};
    }

    void ask(std::uint16_t tenant, std::uint32_t window) {
        Random& draw = draws_[tenant];
        const bool is_greedy = tenant == kGreedy && greed_ != Greed::kNone;
        std::uint64_t page_count = draw.between(24, 52);
        if (tenant == kGreedy) page_count = kSharePages * (is_greedy ? 100 : 1);
        while (page_count > 0) {
            std::uint64_t count = draw.between(4, 16);
            if (is_greedy && greed_ == Greed::kSmall) count = 2;
            if (is_greedy && greed_ == Greed::kLarge) count = kSlot;
            count = std::min(count, page_count);
            page_count -= count;
            Request request;
            request.id = asked_.size();
            request.prefix = tenant;
            request.tenant = tenant;
            request.page_first = request.id * (kSlot + 1);
            request.page_count = count;
            request.page_bytes = kPageBytes;
            request.tier_dst = 1;
            const std::uint64_t in_ms =
                is_greedy && greed_ == Greed::kEarly ? 60 : draw.between(120, 240);
            request.deadline_ns = (now_ms_ + in_ms) * kMs;
            assert_null(planner_.request(request).field);
            // What comes at the end may still be under way there.
            const bool counts = window >= kSettledCount && window + kSettledCount < kWindowCount;
            asked_.push_back({count * kPageBytes, now_ms_, tenant, kNever, counts});
            if (counts) outcome_.asked_bytes[tenant] += count * kPageBytes;
        }
    }

    void move(const Plan& plan) {
        for (const Operation& operation : plan.operations) {
            free_ms_ +=
                static_cast<double>(operation.bytes) / static_cast<double>(bus_bytes_per_ms_);
            const double predicted_ms = static_cast<double>(operation.finish_ns) / 1e6;
            outcome_.late_count += free_ms_ > predicted_ms + 0.01;
            // A gap lies between any two requests, so an operation is of one of them.
            Asked& asked = asked_.at(operation.page_first / (kSlot + 1));
            asked.done_ms = free_ms_;
            outcome_.all_moved_bytes[asked.tenant] += operation.bytes;
            if (asked.counts) outcome_.moved_bytes[asked.tenant] += operation.bytes;
        }
    }

    Greed greed_;
    std::vector<std::uint16_t> tenants_;
    std::vector<Random> draws_;  // of each tenant: what it asks for depends on no other
    Planner planner_;
    std::vector<TierBudget> budgets_;
    std::vector<Route> routes_;
    std::vector<Bus> buses_;
    std::uint64_t bus_bytes_per_ms_;
    std::uint64_t now_ms_ = 0;
    double free_ms_ = 0;  // when the bus has moved all there is
    std::vector<Asked> asked_;
    Outcome outcome_;
};

void who_asks_for_a_hundred_times_its_share_takes_nothing_from_the_others(void**) {
    const std::uint64_t seed = fixed_seed();
    constexpr std::uint64_t kBusPages = kTenantCount * kSharePages;
    const std::vector<std::uint16_t> all{0, 1, 2, kGreedy};
    Outcome modest = Shared(seed, Greed::kNone, all, kBusPages).run();
    for (const Greed greed : {Greed::kEarly, Greed::kSmall, Greed::kLarge}) {
        Outcome shared = Shared(seed, greed, all, kBusPages).run();
        assert_int_equal(shared.late_count, 0);
        for (std::uint16_t tenant = 0; tenant < kGreedy; ++tenant) {
            Outcome alone = Shared(seed, greed, {tenant}, kSharePages).run();
            const double share = static_cast<double>(shared.moved_bytes[tenant]) /
                                 static_cast<double>(shared.asked_bytes[tenant]);
            print_message("%.3f of its bytes, p99 %.1f ms; alone %.1f, among modest ones %.1f\n",
                          share, shared.p99_ms(tenant), alone.p99_ms(tenant),
                          modest.p99_ms(tenant));
            assert_true(share >= 0.95);
            assert_true(shared.p99_ms(tenant) <= 1.2 * alone.p99_ms(tenant));
        }
    }
}

// Nor does it get less than its credits pay for, by having so much refused.
void who_asks_for_too_much_gets_its_share(void**) {
    const std::uint64_t seed = fixed_seed();
    for (const Greed greed : {Greed::kEarly, Greed::kSmall, Greed::kLarge}) {
        const Outcome shared =
            Shared(seed, greed, {0, 1, 2, kGreedy}, kTenantCount * kSharePages).run();
        const std::uint64_t share_bytes = kSharePages * kPageBytes * kWindowCount;
        assert_true(shared.all_moved_bytes[kGreedy] <= share_bytes + kBurstBytes);
        assert_true(shared.all_moved_bytes[kGreedy] >= share_bytes / 100 * 95);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(who_asks_for_a_hundred_times_its_share_takes_nothing_from_the_others),
        cmocka_unit_test(who_asks_for_too_much_gets_its_share),
    };
    return cmocka_run_group_tests_name("fairness", tests, nullptr, nullptr);
}
