// SPDX-License-Identifier: Apache-2.0
//
// test_feedback_replay.cpp — windows are planned with what earlier ones were measured to take, and
// what went into each is recorded; a new planner that is given the record makes the same plans.
//
//   requests ──▶ planner ──plan──▶ a device whose times are drawn ──counters──▶ feedback ──┐
//                   ▲                                                                      │
//                   └───────── rates, latencies, thresholds of the next window ◀───────────┘
//
// The plans of one seed are a number, too, which is the same from every compiler.
//
// Prints its seed and takes it back from BWRT_TEST_SEED.

#include <algorithm>
#include <deque>
#include <vector>

#include "planner/learning/feedback.h"
#include "planner/mix.h"
#include "tests/planner/windows.h"
#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::planner;
using bwrt::test::draw_request;
using bwrt::test::draw_world;
using bwrt::test::kMs;
using bwrt::test::PlannerWorld;
using bwrt::test::Random;

constexpr int kWindowCount = 200;
constexpr std::size_t kRouteCount = 9;  // [source][target] of three tiers

// All that a window is planned with.
struct Recorded {
    std::uint64_t now_ns;
    std::vector<Request> requests;
    std::vector<RouteSample> samples;
    FinishSamples finishes;
    std::vector<TierBudget> budgets;
    std::vector<std::uint64_t> queued_bytes;
};

// A planner and its feedback, window after window.
class Loop {
 public:
    explicit Loop(PlannerWorld world) : world_(std::move(world)), planner_(world_.limits, rule()) {}

    const Plan& plan(const Recorded& recorded) {
        planner_.next();
        for (const Request& request : recorded.requests) (void)planner_.request(request);
        feedback_.observe(recorded.samples, recorded.finishes);
        world_.now_ns = recorded.now_ns;
        world_.budgets = recorded.budgets;
        for (std::size_t i = 0; i < kRouteCount; ++i) world_.routes[i] = feedback_.route(i).route;
        for (std::uint8_t bus = 0; bus < kBusCountMax; ++bus) {
            for (std::uint32_t node = 0; node < 2; ++node) {
                world_.buses[node * kBusCountMax + bus] = {feedback_.bus_bytes_per_ms(bus),
                                                           recorded.queued_bytes[bus]};
            }
        }
        WindowState state = world_.state();
        state.min_io_bytes = feedback_.route(1).min_io_bytes;
        state.gap_bytes_max = feedback_.route(1).gap_bytes_max;
        return planner_.plan(state);
    }
    [[nodiscard]] const Feedback& feedback() const { return feedback_; }

 private:
    [[nodiscard]] PlannerRule rule() const {
        PlannerRule rule = world_.rule;
        rule.has_finishes = true;
        return rule;
    }
    static FeedbackRule quick() {
        FeedbackRule rule;
        rule.min_io_bytes = 8 * 4096;
        rule.busy_ns_min = 10'000;
        rule.full_milli = 1500;
        return rule;
    }

    static constexpr MeasuredRoute kRoutes[kRouteCount] = {{0}, {0}, {1}, {0}, {0},
                                                           {1}, {1}, {0}, {2}};

    PlannerWorld world_;
    Planner planner_;
    Feedback feedback_{quick(), kRoutes};
};

// Moves what was planned, in times that it draws, and counts.
class DrawnDevice {
 public:
    explicit DrawnDevice(Random& random) : random_(random), samples(kRouteCount) {}

    void move(const Plan& plan, const Feedback& feedback, std::uint64_t now_ns) {
        for (const Operation& operation : plan.operations) {
            RouteSample& sample = samples[operation.tier_src * 3u + operation.tier_dst];
            const std::uint64_t one_ns = 20'000 + operation.bytes * random_.between(50, 400) / 1000;
            const std::uint64_t count = 1 + operation.bytes / 16'384;
            sample.request_count += count;
            sample.bytes += operation.bytes;
            sample.busy_ns += one_ns;
            sample.latency_ns += one_ns * random_.between(1, count);
            if (operation.finish_ns <= now_ns) continue;
            finishes.add(feedback.uncorrected_ns(operation.finish_ns - now_ns), one_ns);
        }
    }

    Random& random_;
    std::vector<RouteSample> samples;
    FinishSamples finishes;
};

bool is_same(const Operation& a, const Operation& b) {
    return a.page_first == b.page_first && a.page_end == b.page_end &&
           a.page_bytes == b.page_bytes && a.bytes == b.bytes && a.deadline_ns == b.deadline_ns &&
           a.finish_ns == b.finish_ns && a.urgency == b.urgency && a.slack_milli == b.slack_milli &&
           a.popularity_milli == b.popularity_milli && a.model == b.model && a.prefix == b.prefix &&
           a.group == b.group && a.row == b.row && a.fan_out == b.fan_out &&
           a.position == b.position && a.layer == b.layer && a.node == b.node &&
           a.tier_src == b.tier_src && a.tier_dst == b.tier_dst && a.age == b.age &&
           a.overlap == b.overlap && a.request_class == b.request_class;
}

bool is_same(const Plan& a, const Plan& b) {
    return a.verdicts == b.verdicts && a.rest_first == b.rest_first && a.finish_ns == b.finish_ns &&
           std::equal(
               a.operations.begin(), a.operations.end(), b.operations.begin(), b.operations.end(),
               [](const Operation& one, const Operation& other) { return is_same(one, other); });
}

struct Run {
    PlannerWorld world;
    std::vector<Recorded> windows;
    std::vector<Plan> plans;
    std::uint64_t known_count = 0;  // of windows: the first bus was measured
};

Run draw_run(Random& random) {
    Run run{draw_world(random), {}, {}};
    run.world.rule.takes_late = random.one_in(2);
    Loop loop(run.world);
    DrawnDevice device(random);
    std::uint64_t now_ns = run.world.now_ns;
    for (int window = 0; window < kWindowCount; ++window) {
        now_ns += random.between(1, 40) * kMs;
        Recorded recorded{now_ns, {}, device.samples, device.finishes, run.world.budgets, {}};
        for (std::uint64_t i = random.below(16); i > 0; --i) {
            Request request = draw_request(random, i, true);
            if (request.deadline_ns != kNoDeadline) {
                request.deadline_ns += now_ns - run.world.now_ns;
            }
            recorded.requests.push_back(request);
        }
        for (std::uint32_t bus = 0; bus < kBusCountMax; ++bus) {
            recorded.queued_bytes.push_back(random.one_in(3) ? random.below(1'000'000) : 0);
        }
        run.plans.push_back(loop.plan(recorded));
        device.move(run.plans.back(), loop.feedback(), now_ns);
        run.known_count += loop.feedback().bus_bytes_per_ms(0) != 0;
        run.windows.push_back(std::move(recorded));
    }
    return run;
}

void a_recorded_run_is_planned_again_to_the_bit(void**) {
    Random random(bwrt::test::test_seed());
    std::uint64_t known_count = 0, differing = 0;

    for (int i = 0; i < 20; ++i) {
        const Run run = draw_run(random);
        known_count += run.known_count;
        for (int again = 0; again < 2; ++again) {
            Loop loop(run.world);
            for (std::size_t window = 0; window < run.windows.size(); ++window) {
                differing += !is_same(loop.plan(run.windows[window]), run.plans[window]);
            }
        }
    }

    assert_int_equal(differing, 0);
    assert_true(known_count > 20u * kWindowCount / 2);  // or nothing was fed back
}

void what_was_measured_otherwise_is_planned_otherwise(void**) {
    Random random(bwrt::test::test_seed());
    std::uint64_t differing = 0;

    for (int i = 0; i < 20; ++i) {
        Run run = draw_run(random);
        for (Recorded& recorded : run.windows) {
            for (RouteSample& sample : recorded.samples) sample.busy_ns *= 4;
        }
        Loop loop(run.world);
        for (std::size_t window = 0; window < run.windows.size(); ++window) {
            differing += !is_same(loop.plan(run.windows[window]), run.plans[window]);
        }
    }

    assert_true(differing > 0);
}

void the_plans_of_a_seed_have_the_bits_that_they_have_elsewhere(void**) {
    Random random(2024);
    std::uint64_t sum = 0;

    for (int i = 0; i < 5; ++i) {
        for (const Plan& plan : draw_run(random).plans) {
            for (const Verdict verdict : plan.verdicts) {
                sum = mix(sum + static_cast<std::uint64_t>(verdict));
            }
            for (const std::uint64_t finish_ns : plan.finish_ns) sum = mix(sum + finish_ns);
            for (const Operation& operation : plan.operations) {
                sum = mix(sum + operation.page_first);
                sum = mix(sum + operation.page_end);
                sum = mix(sum + operation.bytes);
                sum = mix(sum + operation.finish_ns);
                sum = mix(sum + operation.position + operation.overlap);
            }
        }
    }

    assert_int_equal(sum, 0x24F2'C48F'2B2C'DF55);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_recorded_run_is_planned_again_to_the_bit),
        cmocka_unit_test(what_was_measured_otherwise_is_planned_otherwise),
        cmocka_unit_test(the_plans_of_a_seed_have_the_bits_that_they_have_elsewhere),
    };
    return cmocka_run_group_tests_name("planner, with feedback", tests, nullptr, nullptr);
}
