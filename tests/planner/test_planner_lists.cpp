// SPDX-License-Identifier: Apache-2.0
//
// test_planner_lists.cpp — what a plan says besides what moves, through whole windows: overlap,
// what leaves, what is worth writing, and the heat that windows leave behind.  What the stages do
// is in their own tests; here it is when they are asked, and that they change nothing that moves.

#include <cstdlib>
#include <new>
#include <utility>

#include "planner/planner.h"
#include "tests/planner/residents_table.h"
#include "tests/planner/windows.h"
#include "tests/support/cmocka.h"

namespace {

std::size_t taken_count = 0;

}  // namespace

// Counted, since no window after the first of its size takes memory.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
    ++taken_count;
    if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using namespace bwrt::planner;
using bwrt::test::draw_request;
using bwrt::test::draw_world;
using bwrt::test::kMs;
using bwrt::test::kNow;
using bwrt::test::PlannerWorld;
using bwrt::test::Random;
using bwrt::test::request_of;
using bwrt::test::ResidentPage;
using bwrt::test::ResidentsTable;

constexpr std::uint64_t kPage = 4096;

void ask(Planner& planner, const Request& request) { assert_null(planner.request(request).field); }

// A world with residents, which requests from tier 0 to tier 1 do not fit beside.
struct FullWorld : PlannerWorld {
    ResidentsTable table;
    Residents residents;
    std::vector<std::uint64_t> free_bytes = std::vector<std::uint64_t>(6);

    explicit FullWorld(const std::vector<ResidentPage>& pages) : table(pages) {
        limits.resident_count_max = 256;
        residents = table.columns();
    }
    [[nodiscard]] WindowState full_state() const {
        WindowState full = state();
        full.residents = &residents;
        full.free_bytes = free_bytes.data();
        return full;
    }
};

void depths_are_of_each_layer_and_make_no_finish_earlier(void**) {
    PlannerWorld world;
    world.buses[0].bytes_per_ms = kPage;
    const auto plan_with = [&](const PlannerRule& rule) {
        Planner planner(world.limits, rule);
        for (std::uint16_t layer = 0; layer < 4; ++layer) {
            Request request = request_of(layer, 0, 4, 500);
            request.layer_first = layer;
            ask(planner, request);
        }
        WindowState state = world.state();
        const std::uint64_t layer_ns[] = {4 * kMs, 2 * kMs, 0, 1};
        state.layer_ns = layer_ns;
        state.layer_count = 3;
        return planner.plan(state).operations;
    };
    PlannerRule rule = world.rule;
    rule.overlap = {.layer_ns = 1'500'000, .depth_max = 5};
    const std::vector<Operation> with = plan_with(rule);
    rule.has_overlap = false;
    const std::vector<Operation> without = plan_with(rule);

    assert_int_equal(with.size(), 4);
    assert_int_equal(with[0].overlap, 1);
    assert_int_equal(with[1].overlap, 2);
    assert_int_equal(with[2].overlap, 3);
    assert_int_equal(with[3].overlap, 3);
    for (std::size_t i = 0; i < 4; ++i) {
        assert_int_equal(without[i].overlap, 1);
        assert_int_equal(with[i].finish_ns, kNow + 4 * (i + 1) * kMs);
        assert_int_equal(with[i].finish_ns, without[i].finish_ns);
    }
}

void a_depth_is_by_the_route_and_bus_of_its_operation(void**) {
    PlannerWorld world;
    world.routes[2 * 3 + 1].bus = 1;
    world.buses[kBusCountMax + 1].bytes_per_ms = kPage;
    Planner planner(world.limits, world.rule);
    Request request = request_of(0, 0, 2, 500);
    request.node = 1;
    ask(planner, request);
    request.tier_src = 2;
    ask(planner, request);

    const Plan& plan = planner.plan(world.state());
    assert_int_equal(plan.operations.size(), 2);
    assert_int_equal(plan.operations[0].overlap, 1);
    assert_int_equal(plan.operations[1].overlap, 2);
}

void what_leaves_makes_room_for_what_moves_and_not_for_what_waits(void**) {
    FullWorld world({{.page = 0, .heat_milli = 7}, {.page = 80}, {.page = 81, .heat_milli = 1}});
    world.budgets[1].bytes = 2 * kPage;
    Planner planner(world.limits, world.rule);
    ask(planner, request_of(0, 0, 2, 100));
    ask(planner, request_of(1, 10, 2, 200));

    world.free_bytes[1] = kPage;
    const Plan& plan = planner.plan(world.full_state());
    assert_int_equal(plan.verdicts[1], Verdict::kNoBudget);
    assert_int_equal(plan.evict.size(), 1);
    assert_int_equal(plan.evict[0].page, 80);
}

void nothing_is_listed_that_is_not_asked_for(void**) {
    using Sizes = std::pair<std::size_t, std::size_t>;  // of evict and of admit
    FullWorld world(std::vector<ResidentPage>{{.page = 80}});
    const std::uint64_t heat_milli[] = {20'000};
    const auto sizes_with = [&](const PlannerRule& rule, const WindowState& state) {
        Planner planner(world.limits, rule);
        Request request = request_of(0, 0, 2, 100);
        request.tier_src = 1;
        request.tier_dst = 2;
        ask(planner, request);
        const Plan& plan = planner.plan(state);
        return Sizes(plan.evict.size(), plan.admit.size());
    };
    world.table.add({.page = 81, .tier = 2});
    world.residents = world.table.columns();
    WindowState state = world.full_state();
    state.heat_milli = heat_milli;
    assert_true(sizes_with(world.rule, state) == Sizes(1, 1));

    PlannerRule rule = world.rule;
    rule.has_eviction = false;
    assert_true(sizes_with(rule, state) == Sizes(0, 1));
    rule = world.rule;
    rule.has_admission = false;
    assert_true(sizes_with(rule, state) == Sizes(1, 0));
    WindowState less = state;
    less.free_bytes = nullptr;
    assert_true(sizes_with(world.rule, less) == Sizes(0, 1));
    less = state;
    less.heat_milli = nullptr;
    assert_true(sizes_with(world.rule, less) == Sizes(1, 0));
    less = state;
    less.residents = nullptr;
    assert_true(sizes_with(world.rule, less) == Sizes(0, 0));
}

void lists_of_the_window_before_are_forgotten(void**) {
    FullWorld world(std::vector<ResidentPage>{{.page = 80}, {.page = 81}});
    world.rule.admission.tier = 2;
    Planner planner(world.limits, world.rule);
    const std::uint64_t heat_milli[] = {20'000};
    WindowState state = world.full_state();
    state.heat_milli = heat_milli;
    for (const std::uint64_t page : {0u, 10u}) {
        ask(planner, request_of(0, page, 1, 100));
        const Plan& plan = planner.plan(state);
        assert_int_equal(plan.evict.size(), 1);
        assert_int_equal(plan.admit.size(), 1);
        assert_int_equal(plan.admit[0].page_first, page);
        planner.next();
    }
    ask(planner, request_of(0, 0, 1, 100));
    const Plan& plan = planner.plan(world.state());
    assert_true(plan.evict.empty() && plan.admit.empty());
}

void the_rules_of_the_lists_are_those_of_the_planner(void**) {
    FullWorld world({{.page = 80, .came_ns = kNow - 30 * kMs},
                     {.page = 81, .heat_milli = 1, .came_ns = kNow - 41 * kMs}});
    world.rule.window_ns = 10 * kMs;
    world.rule.eviction.fresh_windows = 4;
    world.rule.admission.tier = 2;
    world.rule.admission.heat_milli_min = 5;
    Planner planner(world.limits, world.rule);
    ask(planner, request_of(0, 0, 1, 100));
    const std::uint64_t heat_milli[] = {5};
    WindowState state = world.full_state();
    state.heat_milli = heat_milli;

    const Plan& plan = planner.plan(state);
    assert_int_equal(plan.evict.size(), 1);
    assert_int_equal(plan.evict[0].page, 81);
    assert_int_equal(plan.admit.size(), 1);
    assert_int_equal(plan.admit[0].tier, 2);
}

void what_is_asked_for_is_hot_in_the_next_window_and_not_yet_in_this(void**) {
    PlannerWorld world;
    world.rule.has_heat = true;
    world.rule.takes_late = true;
    Planner planner(world.limits, world.rule);
    const auto heat_of = [&](std::uint64_t page) {
        ask(planner, request_of(0, page, 1, 100));
        const std::uint64_t heat = planner.plan(world.state()).operations.back().popularity_milli;
        (void)planner.plan(world.state());  // the same window once more is no hit
        planner.clear();
        return heat;
    };
    assert_int_equal(heat_of(0), 0);
    assert_int_equal(heat_of(0), 1'000);
    assert_int_equal(heat_of(15), 2'000);  // pages are counted by 16
    assert_int_equal(heat_of(16), 0);
    world.now_ns += kHalfLifeNsPages;
    const std::uint64_t heat = heat_of(0);
    assert_true(heat >= 1'499 && heat <= 1'501);
}

void a_row_is_as_hot_as_the_hottest_of_its_pages(void**) {
    PlannerWorld world;
    world.rule.has_heat = true;
    Planner planner(world.limits, world.rule);
    ask(planner, request_of(0, 35, 30, 100));  // up to the fifth 16
    (void)planner.plan(world.state());
    planner.next();
    ask(planner, request_of(0, 64, 1, 100));
    (void)planner.plan(world.state());
    planner.next();
    ask(planner, request_of(0, 0, 65, 100));
    assert_int_equal(planner.plan(world.state()).operations[0].popularity_milli, 2'000);
}

void predictions_leave_no_heat_and_hints_do(void**) {
    PlannerWorld world;
    world.rule.has_heat = true;
    Planner planner(world.limits, world.rule);
    Request request = request_of(0, 0, 1, 100);
    for (const RequestClass request_class :
         {RequestClass::kPrediction, RequestClass::kHint, RequestClass::kDemand}) {
        request.request_class = request_class;
        ask(planner, request);
        (void)planner.plan(world.state());
        planner.next();
    }
    ask(planner, request_of(0, 0, 1, 100));
    assert_int_equal(planner.plan(world.state()).operations[0].popularity_milli, 2'000);
}

// Whole, in parts, or brought back by the caller: each request is one hit.
void what_is_carried_is_counted_once(void**) {
    PlannerWorld world;
    world.rule.has_heat = true;
    world.budgets[1].bytes = 2 * kPage;
    Planner planner(world.limits, world.rule);
    ask(planner, request_of(0, 0, 5, 100));  // two, two and one page
    for (int window = 0; window < 3; ++window) {
        assert_int_equal(planner.plan(world.state()).operations.size(), 1);
        planner.next();
    }
    Request old = request_of(1, 0, 1, 100);
    old.age = 1;
    ask(planner, old);
    assert_int_equal(planner.plan(world.state()).operations[0].popularity_milli, 1'000);
    planner.next();

    world.budgets[1].bytes = 0;
    ask(planner, request_of(0, 100, 1, 100));
    for (int window = 0; window < 3; ++window) {
        (void)planner.plan(world.state());
        planner.next();
    }
    world.budgets[1].bytes = 9 * kPage;
    ask(planner, request_of(0, 0, 1, 100));
    const Plan& plan = planner.plan(world.state());
    assert_int_equal(plan.operations.size(), 2);
    assert_int_equal(plan.operations[0].page_first, 100);
    assert_int_equal(plan.operations[0].popularity_milli, 1'000);
    assert_int_equal(plan.operations[1].popularity_milli, 1'000);
}

void what_was_never_planned_leaves_no_heat(void**) {
    PlannerWorld world;
    world.rule.has_heat = true;
    Planner planner(world.limits, world.rule);
    ask(planner, request_of(0, 0, 1, 100));
    planner.clear();
    ask(planner, request_of(0, 0, 1, 100));
    assert_int_equal(planner.plan(world.state()).operations[0].popularity_milli, 0);
    planner.clear();
    planner.clear();
    ask(planner, request_of(0, 0, 1, 100));
    assert_int_equal(planner.plan(world.state()).operations[0].popularity_milli, 1'000);
}

void what_comes_after_a_carried_row_was_cleared_is_counted(void**) {
    PlannerWorld world;
    world.rule.has_heat = true;
    world.budgets[1].bytes = 0;
    Planner planner(world.limits, world.rule);
    ask(planner, request_of(0, 100, 1, 100));
    (void)planner.plan(world.state());
    planner.next();
    planner.clear();
    world.budgets[1].bytes = kPage;
    for (std::uint64_t window = 0; window < 2; ++window) {
        ask(planner, request_of(0, 0, 1, 100));
        const Plan& plan = planner.plan(world.state());
        assert_int_equal(plan.operations[0].popularity_milli, window * 1'000);
        planner.clear();
    }
}

void heat_that_is_passed_in_counts_instead(void**) {
    PlannerWorld world;
    world.rule.has_heat = true;
    Planner planner(world.limits, world.rule);
    ask(planner, request_of(0, 0, 1, 100));
    (void)planner.plan(world.state());
    planner.next();
    ask(planner, request_of(0, 0, 1, 100));
    const std::uint64_t heat_milli[] = {77'000};
    WindowState state = world.state();
    state.heat_milli = heat_milli;
    assert_int_equal(planner.plan(state).operations[0].popularity_milli, 77'000);

    world.rule.has_heat = false;
    Planner cold(world.limits, world.rule);
    for (int window = 0; window < 2; ++window) {
        ask(cold, request_of(0, 0, 1, 100));
        assert_int_equal(cold.plan(world.state()).operations[0].popularity_milli, 0);
        cold.next();
    }
}

// A row without slack stays when its pages are popular.
void heat_keeps_what_would_not_be_worth_it(void**) {
    PlannerWorld world;
    world.rule.has_heat = true;
    world.rule.takes_late = true;
    world.rule.score.filters = true;
    Planner planner(world.limits, world.rule);
    for (int window = 0; window < 3; ++window) {
        Request request = request_of(0, 0, 1, 0);
        ask(planner, request);
        const Verdict verdict = planner.plan(world.state()).verdicts[0];
        assert_int_equal(verdict, window < 2 ? Verdict::kNotWorth : Verdict::kPlanned);
        planner.next();
    }
}

// Everybody has the first 32 pages, and then each its own.
void of_a_long_row_what_is_hot_is_admitted(void**) {
    FullWorld world({});
    world.rule.has_heat = true;
    world.rule.admission.tier = 2;
    world.limits.row_count_max = 64;
    Planner planner(world.limits, world.rule);
    for (int window = 0; window < 12; ++window) {
        ask(planner, request_of(0, 3, 29, 100));
        (void)planner.plan(world.full_state());
        planner.next();
        if (window >= 10) continue;
        ask(planner, request_of(0, 64, 16, 100));
        (void)planner.plan(world.full_state());
        planner.next();
    }
    ask(planner, request_of(0, 3, 2, 100));
    (void)planner.plan(world.full_state());
    planner.next();
    ask(planner, request_of(0, 3, 100, 100));
    const std::vector<AdmittedRun>& admit = planner.plan(world.full_state()).admit;
    assert_int_equal(admit.size(), 2);
    assert_int_equal(admit[0].page_first, 3);
    assert_int_equal(admit[0].page_end, 32);
    assert_int_equal(admit[0].heat_milli, 13'000);
    assert_int_equal(admit[1].page_first, 64);
    assert_int_equal(admit[1].page_end, 80);
    assert_int_equal(admit[1].heat_milli, 10'000);
}

// Of 1,250 groups, the first, each 32nd and the last are counted.
void of_a_very_long_row_the_end_is_not_looked_at(void**) {
    FullWorld world({});
    world.rule.has_heat = true;
    world.rule.admission.tier = 2;
    Planner planner(world.limits, world.rule);
    for (int window = 0; window < 11; ++window) {
        ask(planner, request_of(0, 0, 20'000, 100));
        const std::vector<AdmittedRun>& admit = planner.plan(world.full_state()).admit;
        assert_int_equal(admit.size(), window < 10 ? 0 : 32);
        if (window == 10) assert_int_equal(admit.back().page_end, 31 * 32 * 16 + 16);
        planner.next();
    }
}

void a_prediction_admits_nothing(void**) {
    FullWorld world({});
    world.rule.admission.tier = 2;
    Planner planner(world.limits, world.rule);
    Request request = request_of(0, 0, 1, 100);
    request.request_class = RequestClass::kPrediction;
    ask(planner, request);
    request.request_class = RequestClass::kHint;
    request.page_first = 9;
    ask(planner, request);
    const std::uint64_t heat_milli[] = {99'000, 99'000};
    WindowState state = world.full_state();
    state.heat_milli = heat_milli;

    const std::vector<AdmittedRun>& admit = planner.plan(state).admit;
    assert_int_equal(admit.size(), 1);
    assert_int_equal(admit[0].page_first, 9);
}

std::vector<ResidentPage> draw_residents(Random& random) {
    std::vector<ResidentPage> pages;
    for (std::uint64_t i = random.between(20, 120); i > 0; --i) {
        pages.push_back({.page = random.below(60),
                         .heat_milli = random.below(9),
                         .prefix = random.between32(0, 1),
                         .node = static_cast<std::uint16_t>(random.below(2)),
                         .tier = static_cast<std::uint8_t>(random.below(3))});
        if (pages.size() > 1 && random.one_in(3)) {
            pages.back().parent = static_cast<std::uint32_t>(random.below(pages.size() - 1));
        }
    }
    return pages;
}

void no_list_changes_what_moves_and_nothing_leaves_that_does(void**) {
    Random random(bwrt::test::test_seed());
    std::size_t evicted_count = 0;
    std::size_t admitted_count = 0;
    for (int i = 0; i < 5'000; ++i) {
        FullWorld world(draw_residents(random));
        static_cast<PlannerWorld&>(world) = draw_world(random);
        world.limits.resident_count_max = 256;
        for (std::uint64_t& free : world.free_bytes) free = random.below(30) * 1'024;
        world.rule.admission.tier = static_cast<std::uint8_t>(random.below(3));
        PlannerRule bare = world.rule;
        bare.has_overlap = bare.has_eviction = bare.has_admission = false;
        Planner planner(world.limits, world.rule);
        Planner other(world.limits, bare);
        std::vector<std::uint64_t> heat_milli;
        for (std::uint64_t id = random.between(1, 24); id > 0; --id) {
            const Request request = draw_request(random, id, true);
            ask(planner, request);
            ask(other, request);
            heat_milli.push_back(random.below(20) * 1'000);
        }
        WindowState state = world.full_state();
        state.heat_milli = heat_milli.data();
        const Plan& plan = planner.plan(state);
        const Plan& without = other.plan(state);

        assert_true(plan.verdicts == without.verdicts);
        assert_int_equal(plan.operations.size(), without.operations.size());
        for (std::size_t at = 0; at < plan.operations.size(); ++at) {
            const Operation& one = plan.operations[at];
            assert_int_equal(one.page_first, without.operations[at].page_first);
            assert_int_equal(one.page_end, without.operations[at].page_end);
            assert_int_equal(one.finish_ns, without.operations[at].finish_ns);
            assert_true(one.overlap >= 1 && one.overlap <= 3);
            for (const EvictedPage& evicted : plan.evict) {
                const bool is_same = evicted.node == one.node && evicted.model == one.model &&
                                     evicted.prefix == one.prefix && evicted.layer == one.layer &&
                                     (evicted.tier == one.tier_dst || evicted.tier == one.tier_src);
                assert_false(is_same && one.page_first <= evicted.page &&
                             evicted.page < one.page_end);
            }
        }
        assert_true(without.evict.empty() && without.admit.empty());
        evicted_count += plan.evict.size();
        admitted_count += plan.admit.size();
    }
    assert_true(evicted_count > 5'000);
    assert_true(admitted_count > 5'000);
}

// The heat of a page is that of the windows before: what a less urgent row adds to it now could
// keep a third one that takes the place of the second.
void with_heat_a_request_more_takes_nothing_from_more_urgent_ones(void**) {
    Random random(bwrt::test::test_seed());
    for (int i = 0; i < 3'000; ++i) {
        PlannerWorld world = draw_world(random);
        world.rule.has_heat = true;
        world.rule.score.filters = true;
        std::vector<std::vector<Request>> windows(3);
        std::uint64_t id = 0;
        for (std::vector<Request>& window : windows) {
            for (std::uint64_t count = random.between(1, 16); count > 0; --count) {
                window.push_back(draw_request(random, id++, true));
                window.back().age = 0;
                window.back().request_class = RequestClass::kDemand;
            }
        }
        Request added = draw_request(random, id, true);
        added.age = 0;
        added.request_class = RequestClass::kPrediction;  // the least urgent of all
        const auto last_verdicts = [&](bool has_added) {
            Planner planner(world.limits, world.rule);
            for (std::size_t at = 0; at < windows.size(); ++at) {
                for (const Request& request : windows[at]) ask(planner, request);
                if (at + 1 < windows.size()) {
                    (void)planner.plan(world.state());
                    planner.clear();
                }
            }
            if (has_added) ask(planner, added);
            return planner.plan(world.state()).verdicts;
        };
        const std::vector<Verdict> before = last_verdicts(false);
        const std::vector<Verdict> after = last_verdicts(true);
        for (std::size_t row = 0; row < before.size(); ++row) {
            if (before[row] != Verdict::kPlanned) continue;
            assert_true(after[row] == Verdict::kPlanned || after[row] == Verdict::kTooSmall);
        }
    }
}

void a_second_window_with_lists_takes_no_memory(void**) {
    Random random(1);
    FullWorld world(draw_residents(random));
    world.rule.has_heat = true;
    world.rule.admission = {.heat_milli_min = 2'000,
                            .writes = {.bytes = kPage, .period_ns = kMs, .burst_bytes = 64 * kPage},
                            .tier = 2};
    world.now_ns = kNow;
    Planner planner(world.limits, world.rule);
    std::size_t taken_before = 0;
    std::size_t evicted_count = 0;
    std::size_t admitted_count = 0;
    for (int window = 0; window < 40; ++window) {
        if (window == 2) taken_before = taken_count;
        world.now_ns += 20 * kMs;
        for (std::uint64_t id = 0; id < 20; ++id) {
            Request request = draw_request(random, id, true);
            request.deadline_ns = world.now_ns + 50 * kMs;
            request.tier_src = 0;
            ask(planner, request);
        }
        const Plan& plan = planner.plan(world.full_state());
        evicted_count += plan.evict.size();
        admitted_count += plan.admit.size();
        planner.next();
    }
    assert_int_equal(taken_count, taken_before);
    assert_true(evicted_count > 40 && admitted_count > 10);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(depths_are_of_each_layer_and_make_no_finish_earlier),
        cmocka_unit_test(a_depth_is_by_the_route_and_bus_of_its_operation),
        cmocka_unit_test(what_leaves_makes_room_for_what_moves_and_not_for_what_waits),
        cmocka_unit_test(nothing_is_listed_that_is_not_asked_for),
        cmocka_unit_test(lists_of_the_window_before_are_forgotten),
        cmocka_unit_test(the_rules_of_the_lists_are_those_of_the_planner),
        cmocka_unit_test(what_is_asked_for_is_hot_in_the_next_window_and_not_yet_in_this),
        cmocka_unit_test(a_row_is_as_hot_as_the_hottest_of_its_pages),
        cmocka_unit_test(predictions_leave_no_heat_and_hints_do),
        cmocka_unit_test(what_is_carried_is_counted_once),
        cmocka_unit_test(what_was_never_planned_leaves_no_heat),
        cmocka_unit_test(what_comes_after_a_carried_row_was_cleared_is_counted),
        cmocka_unit_test(heat_that_is_passed_in_counts_instead),
        cmocka_unit_test(heat_keeps_what_would_not_be_worth_it),
        cmocka_unit_test(of_a_long_row_what_is_hot_is_admitted),
        cmocka_unit_test(of_a_very_long_row_the_end_is_not_looked_at),
        cmocka_unit_test(a_prediction_admits_nothing),
        cmocka_unit_test(no_list_changes_what_moves_and_nothing_leaves_that_does),
        cmocka_unit_test(with_heat_a_request_more_takes_nothing_from_more_urgent_ones),
        cmocka_unit_test(a_second_window_with_lists_takes_no_memory),
    };
    return cmocka_run_group_tests_name("planner, lists and heat", tests, nullptr, nullptr);
}
