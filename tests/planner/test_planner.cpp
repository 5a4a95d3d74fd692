// SPDX-License-Identifier: Apache-2.0
//
// test_planner.cpp — whole windows: against one that was recorded, and one after the other.
//
// The record is of the system whose formula score.h has.  Where a name means the same there and
// here, values are equal: node, tiers, layer, pages, bytes, deadline, fan-out, overlap and the
// least slack, which is called priority there.  What is different, and why:
//   - a row of 256 KiB that is due in half a window is dropped there as too small.  Here what is
//     too small waits as long as it can, and then moves: one operation more, in front;
//   - a tenant's row of twice its burst is dropped there, and with it every row behind it.  Here it
//     moves in parts: one operation more, and the rest is carried;
//   - budgets are of a tier of all nodes and of whole operations there.  Here they are of a tier of
//     a node and of rows, so what is left takes a row whose neighbour did not fit;
//   - rows that are late move there like any other: takes_late.

#include "planner/planner.h"

#include <cstdlib>
#include <new>

#include "tests/planner/windows.h"
#include "tests/support/oracle.h"

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
using bwrt::test::kMs;
using bwrt::test::kNow;
using bwrt::test::PlannerWorld;
using bwrt::test::request_of;

constexpr std::uint64_t kPage = 4096;

void ask(Planner& planner, const Request& request) { assert_null(planner.request(request).field); }

std::uint64_t number(const cJSON* record, const char* name) {
    const cJSON* item = cJSON_GetObjectItemCaseSensitive(record, name);
    return item == nullptr ? 0 : static_cast<std::uint64_t>(item->valuedouble);
}

// The last letter or digit of a name: n0, n1; pA, pB; A, B.
std::uint16_t last_of(const cJSON* record, const char* name, char first) {
    const char* text = cJSON_GetObjectItemCaseSensitive(record, name)->valuestring;
    while (text[1] != '\0') ++text;
    return static_cast<std::uint16_t>(*text - first);
}

Request recorded_request(const cJSON* record) {
    Request request;
    request.id = number(record, "req_id");
    request.page_first = number(record, "page_start");
    request.page_count = number(record, "page_end") - request.page_first + 1;
    request.page_bytes = number(record, "page_bytes");
    request.deadline_ns = number(record, "deadline_ms") * kMs;
    request.fill_ns = number(record, "est_fill_ms") * kMs;
    request.prefix = static_cast<std::uint32_t>(number(record, "pcluster"));
    request.layer_first = static_cast<std::uint16_t>(number(record, "layer"));
    request.tenant = last_of(record, "tenant", 'A');
    request.node = last_of(record, "node", '0');
    request.tier_src = static_cast<std::uint8_t>(number(record, "tier_src"));
    request.tier_dst = static_cast<std::uint8_t>(number(record, "tier_dst"));
    return request;
}

std::uint64_t recorded_heat_milli(const cJSON* heat, const Request& request) {
    const cJSON* one = nullptr;
    cJSON_ArrayForEach(one, heat) {
        if (number(one, "layer") == request.layer_first &&
            number(one, "page_id") == request.page_first) {
            return number(one, "decay_hits") * 1'000;
        }
    }
    return 0;
}

bool is_recorded(const Operation& operation, const cJSON* record) {
    const cJSON* priority = cJSON_GetObjectItemCaseSensitive(record, "priority");
    return operation.node == last_of(record, "node", '0') &&
           operation.tier_src == number(record, "tier_src") &&
           operation.tier_dst == number(record, "tier_dst") &&
           operation.prefix == number(record, "pcluster") &&
           operation.layer == number(record, "layer") &&
           operation.page_first == number(record, "start_pid") &&
           operation.page_end == number(record, "end_pid") + 1 &&
           operation.page_bytes == number(record, "page_bytes") &&
           operation.bytes == number(record, "bytes") &&
           operation.deadline_ns == number(record, "deadline_ms") * kMs &&
           operation.fan_out == number(record, "fanout") &&
           operation.overlap == number(record, "overlap") &&
           operation.slack_milli == static_cast<std::int64_t>(priority->valuedouble * 1'000);
}

// The recorded window as it is planned here: how many operations of `name` come, in their order,
// and which others do.
struct Replay {
    PlannerWorld world;
    std::vector<Operation> others;
    std::vector<Verdict> verdicts;
    int same_count = 0;

    Replay(const cJSON* record, const char* name, bool has_budgets) {
        world.limits.tenant_count = 4;
        world.rule = {};
        world.rule.takes_late = true;
        if (has_budgets) {
            for (std::size_t node = 0; node < 2; ++node) {
                world.budgets[node * 3 + 1].bytes = 6'291'456;
                world.budgets[node * 3 + 2].bytes = 1'048'576;
            }
        }
        // The rate of a copy is a tier's budget over the window there.
        for (std::size_t route = 0; route < 9; ++route) {
            world.routes[route].bus = static_cast<std::uint8_t>(route % 3);
        }
        for (std::size_t node = 0; node < 2; ++node) {
            world.buses[node * kBusCountMax + 1].bytes_per_ms = 6'291'456 / 20;
            world.buses[node * kBusCountMax + 2].bytes_per_ms = 524'288'000 / 20;
        }
        Planner planner(world.limits, world.rule);
        const cJSON* inputs = cJSON_GetObjectItemCaseSensitive(record, "inputs");
        const cJSON* one = nullptr;
        cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(inputs, "tenant_caps")) {
            const std::uint64_t bytes = number(one, "bandwidth_caps");
            planner.credits().set(last_of(one, "tenant", 'A'), {bytes, 20 * kMs, bytes}, kNow);
        }
        std::vector<std::uint64_t> heat_milli;
        const cJSON* heat = cJSON_GetObjectItemCaseSensitive(inputs, "heat");
        cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(inputs, "requests")) {
            const Request request = recorded_request(one);
            ask(planner, request);
            heat_milli.push_back(recorded_heat_milli(heat, request));
        }
        WindowState state = world.state();
        state.heat_milli = heat_milli.data();
        std::vector<std::uint64_t> layer_ns;
        cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(inputs, "layer_lat")) {
            const cJSON* lat_ms = cJSON_GetObjectItemCaseSensitive(one, "lat_ms");
            layer_ns.push_back(static_cast<std::uint64_t>(lat_ms->valuedouble * kMs));
        }
        state.layer_ns = layer_ns.data();
        state.layer_count = static_cast<std::uint32_t>(layer_ns.size());
        const Plan& plan = planner.plan(state);
        verdicts = plan.verdicts;

        const cJSON* outputs = cJSON_GetObjectItemCaseSensitive(record, "outputs");
        const cJSON* expected = cJSON_GetObjectItemCaseSensitive(outputs, name)->child;
        for (const Operation& operation : plan.operations) {
            if (expected != nullptr && is_recorded(operation, expected)) {
                ++same_count;
                expected = expected->next;
            } else {
                others.push_back(operation);
            }
        }
    }
};

void a_recorded_window_without_budgets_is_planned_as_it_was(void**) {
    cJSON* record = bwrt::test::read_oracle("01_bcache_window.json");
    if (record == nullptr) skip();
    const Replay replay(record, "plan_no_tier_caps", false);
    cJSON_Delete(record);

    assert_int_equal(replay.same_count, 5);
    assert_int_equal(replay.others.size(), 2);
    assert_int_equal(replay.others[0].page_first, 30);
    assert_int_equal(replay.others[0].bytes, 262'144);
    assert_int_equal(replay.others[0].position, 0);
    assert_int_equal(replay.others[1].page_first, 10);
    assert_int_equal(replay.others[1].bytes, 4'194'304);
    for (std::size_t row = 0; row < 13; ++row) {
        const Verdict expected = row == 9    ? Verdict::kNotWorth
                                 : row == 11 ? Verdict::kPlannedPart
                                 : row == 12 ? Verdict::kNoCredit
                                             : Verdict::kPlanned;
        assert_int_equal(replay.verdicts[row], expected);
    }
}

void a_recorded_window_with_budgets_holds_the_operations_that_it_held(void**) {
    cJSON* record = bwrt::test::read_oracle("01_bcache_window.json");
    if (record == nullptr) skip();
    const Replay replay(record, "plan", true);
    cJSON_Delete(record);

    assert_int_equal(replay.same_count, 3);
    assert_int_equal(replay.others.size(), 3);
    assert_int_equal(replay.others[2].page_first, 104);
    assert_int_equal(replay.others[2].page_end, 108);
    for (const std::size_t row : {0u, 1u, 2u, 8u}) {
        assert_int_equal(replay.verdicts[row], Verdict::kNoBudget);
    }
}

void what_is_larger_than_a_whole_budget_moves_in_parts_until_it_is_done(void**) {
    PlannerWorld world;
    world.budgets[1].bytes = 4 * kPage;
    Planner planner(world.limits, world.rule);
    Request request = request_of(7, 0, 10, 5'000);
    request.age = 6;
    ask(planner, request);

    for (std::uint64_t first = 0; first < 8; first += 4) {
        const Plan& plan = planner.plan(world.state());
        assert_int_equal(plan.verdicts[0], Verdict::kPlannedPart);
        assert_int_equal(plan.rest_first[0], first + 4);
        assert_int_equal(plan.operations.size(), 1);
        assert_int_equal(plan.operations[0].page_first, first);
        assert_int_equal(plan.operations[0].page_end, first + 4);
        planner.next();
        assert_int_equal(planner.row_count(), 1);
        assert_int_equal(planner.rows().age[0], 0);  // what gets on does not wait
        assert_int_equal(planner.rows().id[0], 7);
    }
    const Plan& plan = planner.plan(world.state());
    assert_int_equal(plan.verdicts[0], Verdict::kPlanned);
    assert_int_equal(plan.operations[0].page_first, 8);
    assert_int_equal(plan.operations[0].page_end, 10);
    planner.next();
    assert_int_equal(planner.row_count(), 0);
}

// In each window something more urgent takes the budget, until the old one goes first.
void what_is_passed_over_is_carried_and_then_goes_first(void**) {
    PlannerWorld world;
    world.budgets[1].bytes = 2 * kPage;
    Planner planner(world.limits, world.rule);
    ask(planner, request_of(1, 0, 2, 9'000));

    for (std::uint8_t age = 0; age < world.rule.age_first; ++age) {
        ask(planner, request_of(2, 10, 2, 100));
        const Plan& plan = planner.plan(world.state());
        assert_int_equal(plan.verdicts[0], Verdict::kNoBudget);
        assert_int_equal(plan.verdicts[1], Verdict::kPlanned);
        planner.next();
        assert_int_equal(planner.row_count(), 1);
        assert_int_equal(planner.rows().age[0], age + 1);
    }
    ask(planner, request_of(2, 10, 2, 100));
    const Plan& plan = planner.plan(world.state());
    assert_int_equal(plan.verdicts[0], Verdict::kPlanned);
    assert_int_equal(plan.verdicts[1], Verdict::kNoBudget);
}

void what_has_waited_long_enough_is_given_back(void**) {
    PlannerWorld world;
    world.budgets[1].operation_count = 0;
    Planner planner(world.limits, world.rule);
    ask(planner, request_of(1, 0, 2, 9'000));

    for (std::uint8_t age = 0; age + 1 < world.rule.age_max; ++age) {
        assert_int_equal(planner.plan(world.state()).verdicts[0], Verdict::kNoOperation);
        planner.next();
        assert_int_equal(planner.row_count(), 1);
    }
    assert_int_equal(planner.plan(world.state()).verdicts[0], Verdict::kWaited);
    planner.next();
    assert_int_equal(planner.row_count(), 0);
}

void what_ends_is_not_carried_and_a_cleared_window_carries_nothing(void**) {
    PlannerWorld world;
    world.rule.score.filters = true;
    world.budgets[1].bytes = 2 * kPage;
    Planner planner(world.limits, world.rule);
    Request late = request_of(1, 0, 2, 0);
    late.deadline_ns = kNow - 1;
    ask(planner, late);
    ask(planner, request_of(2, 10, 2, 100));
    ask(planner, request_of(3, 20, 2, 200));
    const std::uint64_t heat_milli[] = {1'001, 0, 0};
    WindowState state = world.state();
    state.heat_milli = heat_milli;
    {
        const Plan& plan = planner.plan(state);
        assert_int_equal(plan.verdicts[0], Verdict::kLate);
        assert_int_equal(plan.verdicts[1], Verdict::kPlanned);
        assert_int_equal(plan.verdicts[2], Verdict::kNoBudget);
    }
    planner.next();
    assert_int_equal(planner.row_count(), 1);
    assert_int_equal(planner.rows().id[0], 3);
    world.budgets[1].bytes = 0;
    assert_int_equal(planner.plan(world.state()).verdicts[0], Verdict::kNoBudget);
    planner.clear();
    assert_int_equal(planner.row_count(), 0);
}

// One window in which every rule keeps a row back; then each of them is switched off.
void what_a_rule_keeps_back_moves_when_it_is_off(void**) {
    const auto verdicts_of = [](const PlannerRule& rule) {
        PlannerWorld world;
        world.budgets[1].bytes = 4 * kPage;
        world.buses[kBusCountMax].bytes_per_ms = kPage;
        Planner planner(world.limits, rule);
        planner.credits().set(1, {1, kMs, kPage - 1}, kNow);
        Request request = request_of(0, 0, 4, 100);  // has all of the budget
        ask(planner, request);
        request = request_of(1, 10, 4, 200);
        ask(planner, request);
        request = request_of(2, 20, 1, 5'000);  // small, and to another tier
        request.tier_dst = 2;
        ask(planner, request);
        request = request_of(3, 30, 1, 200);
        request.tier_dst = 2;
        request.tenant = 1;
        request.page_count = 3;
        ask(planner, request);
        request = request_of(4, 0, 4, 3);  // four ms on its bus
        request.node = 1;
        ask(planner, request);
        request = request_of(5, 40, 4, 0);  // late and cold
        request.tier_dst = 2;
        ask(planner, request);
        return planner.plan(world.state()).verdicts;
    };
    using enum Verdict;
    PlannerRule rule;
    rule.min_io_bytes = 2 * kPage;
    const std::vector<Verdict> all_on = verdicts_of(rule);
    assert_true(all_on == std::vector<Verdict>(
                              {kPlanned, kNoBudget, kTooSmall, kNoCredit, kLate, kNotWorth}));

    const auto assert_only_changed = [&](const PlannerRule& changed, std::size_t row) {
        std::vector<Verdict> expected = all_on;
        expected[row] = kPlanned;
        assert_true(verdicts_of(changed) == expected);
    };
    PlannerRule changed = rule;
    changed.has_budgets = false;
    assert_only_changed(changed, 1);
    changed = rule;
    changed.takes_small = true;
    assert_only_changed(changed, 2);
    changed = rule;
    changed.has_credits = false;
    assert_only_changed(changed, 3);
    changed = rule;
    changed.takes_late = true;
    assert_only_changed(changed, 4);
    changed = rule;
    changed.score.filters = false;
    assert_only_changed(changed, 5);
}

void without_merging_each_row_moves_what_no_other_moves(void**) {
    PlannerWorld world;
    Planner merging(world.limits, world.rule);
    world.rule.merges = false;
    Planner planner(world.limits, world.rule);
    for (Planner* each : {&merging, &planner}) {
        ask(*each, request_of(0, 0, 4, 10));
        ask(*each, request_of(1, 4, 4, 20));
        ask(*each, request_of(2, 6, 4, 30));
    }

    assert_int_equal(merging.plan(world.state()).operations.size(), 1);
    const std::vector<Operation>& operations = planner.plan(world.state()).operations;
    assert_int_equal(operations.size(), 3);
    assert_int_equal(operations[1].page_first, 4);
    assert_int_equal(operations[1].page_end, 8);
    assert_int_equal(operations[1].fan_out, 2);
    assert_int_equal(operations[2].page_first, 8);
    assert_int_equal(operations[2].page_end, 10);
}

void a_window_may_have_thresholds_of_its_own(void**) {
    PlannerWorld world;
    world.rule.min_io_bytes = 8 * kPage;
    world.rule.gap_bytes_max = 2 * kPage;
    Planner planner(world.limits, world.rule);
    ask(planner, request_of(0, 0, 2, 1'000));
    ask(planner, request_of(1, 4, 2, 1'000));
    WindowState state = world.state();

    assert_true(planner.plan(state).operations.empty());
    state.min_io_bytes = 6 * kPage;
    assert_int_equal(planner.plan(state).operations.size(), 1);
    state.gap_bytes_max = 2 * kPage - 1;
    assert_true(planner.plan(state).operations.empty());
    state.min_io_bytes = 0;
    assert_int_equal(planner.plan(state).operations.size(), 2);
}

void a_plan_tells_when_each_row_is_done_where_the_rule_asks_for_it(void**) {
    PlannerWorld world;
    world.buses[0].bytes_per_ms = kPage;
    world.rule.has_finishes = true;
    world.budgets[1].bytes = 6 * kPage;
    Planner planner(world.limits, world.rule);
    ask(planner, request_of(0, 0, 4, 10));
    ask(planner, request_of(1, 20, 2, 20));
    ask(planner, request_of(2, 20, 2, 30));  // the same pages
    ask(planner, request_of(3, 40, 1, 40));  // no budget is left

    const Plan& plan = planner.plan(world.state());
    assert_true(plan.finish_ns ==
                std::vector<std::uint64_t>({kNow + 4 * kMs, kNow + 6 * kMs, kNow + 6 * kMs, 0}));
    assert_true(plan.served_by == std::vector<ServedBy>({{0, 1}, {1, 1}, {1, 1}, {0, 0}}));
    world.rule.has_finishes = false;
    Planner silent(world.limits, world.rule);
    ask(silent, request_of(0, 0, 4, 10));
    assert_true(silent.plan(world.state()).finish_ns.empty());
}

// As if what was taken back had never been asked for, and what is gone not been carried.
void requests_are_taken_back_and_carried_ones_forgotten(void**) {
    PlannerWorld world;
    world.rule.has_heat = true;
    world.budgets[1].bytes = 0;
    Planner planner(world.limits, world.rule);
    for (std::uint64_t id = 1; id <= 3; ++id) ask(planner, request_of(id, 100 * id, 1, 100));
    (void)planner.plan(world.state());
    planner.next();
    ask(planner, request_of(2, 200, 1, 100));
    ask(planner, request_of(4, 400, 1, 100));
    planner.withdraw(3);
    assert_int_equal(planner.row_count(), 3);

    const std::uint64_t gone[] = {1, 2};
    ask(planner, request_of(2, 200, 1, 100));  // of the same name, and not carried
    planner.forget(gone);
    assert_int_equal(planner.row_count(), 2);
    assert_int_equal(planner.rows().id[0], 3);
    assert_int_equal(planner.rows().age[0], 1);
    assert_int_equal(planner.rows().id[1], 2);
    assert_int_equal(planner.rows().age[1], 0);
    (void)planner.plan(world.state());
    planner.next();

    world.budgets[1].bytes = 4 * kPage;
    const Plan& plan = planner.plan(world.state());
    assert_int_equal(plan.operations.size(), 2);
    assert_int_equal(plan.operations[0].page_first, 300);
    assert_int_equal(plan.operations[0].popularity_milli, 1'000);
    assert_int_equal(plan.operations[1].page_first, 200);
    assert_int_equal(plan.operations[1].popularity_milli, 2'000);  // asked for twice
}

void a_second_window_of_a_size_takes_no_memory(void**) {
    bwrt::test::Random random(1);
    PlannerWorld world;
    world.budgets[1] = {20 * kPage, 3};
    world.buses[0].bytes_per_ms = kPage;
    world.rule.min_io_bytes = 2 * kPage;
    world.rule.has_finishes = true;
    Planner planner(world.limits, world.rule);
    planner.credits().set(1, {kPage, kMs, 8 * kPage}, kNow);
    std::size_t taken_before = 0;
    for (int window = 0; window < 40; ++window) {
        if (window == 2) taken_before = taken_count;
        for (std::uint64_t id = 0; id < 20; ++id) {
            (void)planner.request(bwrt::test::draw_request(random, id, true));
        }
        assert_true(planner.plan(world.state()).operations.size() > 0);
        planner.next();
    }
    assert_int_equal(taken_count, taken_before);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_recorded_window_without_budgets_is_planned_as_it_was),
        cmocka_unit_test(a_recorded_window_with_budgets_holds_the_operations_that_it_held),
        cmocka_unit_test(what_is_larger_than_a_whole_budget_moves_in_parts_until_it_is_done),
        cmocka_unit_test(what_is_passed_over_is_carried_and_then_goes_first),
        cmocka_unit_test(what_has_waited_long_enough_is_given_back),
        cmocka_unit_test(what_ends_is_not_carried_and_a_cleared_window_carries_nothing),
        cmocka_unit_test(what_a_rule_keeps_back_moves_when_it_is_off),
        cmocka_unit_test(without_merging_each_row_moves_what_no_other_moves),
        cmocka_unit_test(a_window_may_have_thresholds_of_its_own),
        cmocka_unit_test(a_plan_tells_when_each_row_is_done_where_the_rule_asks_for_it),
        cmocka_unit_test(requests_are_taken_back_and_carried_ones_forgotten),
        cmocka_unit_test(a_second_window_of_a_size_takes_no_memory),
    };
    return cmocka_run_group_tests_name("planner", tests, nullptr, nullptr);
}
