// SPDX-License-Identifier: Apache-2.0
//
// test_planner_properties.cpp — what is true of each plan of each window, however crowded.

#include <map>
#include <set>
#include <tuple>

#include "tests/planner/windows.h"
#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::planner;
using bwrt::test::draw_request;
using bwrt::test::draw_world;
using bwrt::test::kMs;
using bwrt::test::PlannerWorld;
using bwrt::test::Random;

const int kWindowCount = static_cast<int>(bwrt::test::share_of(20'000));

void limit_credits(Random& random, Planner& planner, std::uint64_t now_ns) {
    for (std::uint16_t tenant = 0; tenant < 3; ++tenant) {
        if (!random.one_in(2)) continue;
        planner.credits().set(
            tenant, {random.between(1, 50) * 4096, 20 * kMs, random.between(1, 80) * 4096}, now_ns);
    }
}

std::vector<Request> draw_requests(Random& random, bool has_page_sizes) {
    std::vector<Request> requests;
    const std::uint64_t count = random.between(1, 24);
    for (std::uint64_t id = 0; id < count; ++id) {
        requests.push_back(draw_request(random, id, has_page_sizes));
    }
    return requests;
}

void request_all(Planner& planner, const std::vector<Request>& requests) {
    for (const Request& request : requests) assert_null(planner.request(request).field);
}

const Operation* operation_with(const Plan& plan, const RequestColumns& rows, std::uint32_t row,
                                std::uint64_t page) {
    for (const Operation& operation : plan.operations) {
        if (operation.node == rows.node[row] && operation.tier_src == rows.tier_src[row] &&
            operation.tier_dst == rows.tier_dst[row] && operation.model == rows.model[row] &&
            operation.prefix == rows.prefix[row] && operation.layer == rows.layer[row] &&
            operation.page_first <= page && page < operation.page_end) {
            return &operation;
        }
    }
    return nullptr;
}

void no_page_moves_twice(void**) {
    Random random(bwrt::test::test_seed());
    for (int i = 0; i < kWindowCount; ++i) {
        const PlannerWorld world = draw_world(random);
        Planner planner(world.limits, world.rule);
        limit_credits(random, planner, world.now_ns);
        request_all(planner, draw_requests(random, true));

        using Key = std::tuple<int, int, int, std::uint32_t, std::uint32_t, int>;
        std::map<Key, std::vector<bool>> moved;
        for (const Operation& operation : planner.plan(world.state()).operations) {
            auto& pages = moved[{operation.node, operation.tier_src, operation.tier_dst,
                                 operation.model, operation.prefix, operation.layer}];
            pages.resize(64);
            assert_true(operation.page_first < operation.page_end);
            for (std::uint64_t page = operation.page_first; page < operation.page_end; ++page) {
                assert_false(pages[page]);
                pages[page] = true;
            }
        }
    }
}

void into_no_tier_goes_more_than_its_budget_from_all_sources_together(void**) {
    Random random(bwrt::test::test_seed());
    for (int i = 0; i < kWindowCount; ++i) {
        const PlannerWorld world = draw_world(random);
        Planner planner(world.limits, world.rule);
        limit_credits(random, planner, world.now_ns);
        request_all(planner, draw_requests(random, true));

        std::vector<TierBudget> left = world.budgets;
        for (const Operation& operation : planner.plan(world.state()).operations) {
            TierBudget& budget = left[operation.node * 3u + operation.tier_dst];
            assert_true(operation.bytes ==
                        (operation.page_end - operation.page_first) * operation.page_bytes);
            assert_true(operation.bytes <= budget.bytes);
            assert_true(budget.operation_count > 0);
            budget.bytes -= operation.bytes;
            --budget.operation_count;
        }
    }
}

void what_is_said_to_move_moves_and_is_there_in_time(void**) {
    Random random(bwrt::test::test_seed());
    for (int i = 0; i < kWindowCount; ++i) {
        const PlannerWorld world = draw_world(random);
        Planner planner(world.limits, world.rule);
        limit_credits(random, planner, world.now_ns);
        request_all(planner, draw_requests(random, true));
        const Plan& plan = planner.plan(world.state());

        const RequestColumns& rows = planner.rows();
        for (std::uint32_t row = 0; row < planner.row_count(); ++row) {
            if (plan.verdicts[row] ==
                Verdict::kTooSmall) {  // of one that was cut, the rest may move
                assert_null(operation_with(plan, rows, row, rows.page_first[row]));
            }
            if (plan.verdicts[row] > Verdict::kPlannedPart) continue;
            const bool is_part = plan.verdicts[row] == Verdict::kPlannedPart;
            const std::uint64_t end = is_part ? plan.rest_first[row] : rows.page_end(row);
            assert_true(end > rows.page_first[row] && end <= rows.page_end(row));
            for (std::uint64_t page = rows.page_first[row]; page < end; ++page) {
                const Operation* operation = operation_with(plan, rows, row, page);
                assert_non_null(operation);
                assert_true(operation->page_bytes >= rows.page_bytes[row]);
                assert_true(operation->deadline_ns <= rows.deadline_ns[row]);
                if (world.rule.takes_late) continue;
                assert_true(operation->finish_ns <= rows.deadline_ns[row]);
            }
        }
        for (const Operation& operation : plan.operations) assert_true(operation.fan_out > 0);
    }
}

void a_row_is_told_what_moves_it(void**) {
    Random random(bwrt::test::test_seed());
    for (int i = 0; i < kWindowCount / 4; ++i) {
        PlannerWorld world = draw_world(random);
        world.rule.has_finishes = true;
        Planner planner(world.limits, world.rule);
        limit_credits(random, planner, world.now_ns);
        request_all(planner, draw_requests(random, true));
        const Plan& plan = planner.plan(world.state());

        const RequestColumns& rows = planner.rows();
        for (std::uint32_t row = 0; row < planner.row_count(); ++row) {
            std::set<const Operation*> moving;
            std::uint64_t finish_ns = 0;
            const bool is_part = plan.verdicts[row] == Verdict::kPlannedPart;
            const std::uint64_t end = is_part ? plan.rest_first[row] : rows.page_end(row);
            for (std::uint64_t page = rows.page_first[row]; page < end; ++page) {
                if (plan.verdicts[row] > Verdict::kPlannedPart) break;
                const Operation* const operation = operation_with(plan, rows, row, page);
                finish_ns = std::max(finish_ns, operation->finish_ns);
                moving.insert(operation);
            }
            assert_int_equal(plan.served_by[row].count, moving.size());
            assert_int_equal(plan.finish_ns[row], finish_ns);
            if (moving.empty()) continue;
            const Operation* const last = &plan.operations[plan.served_by[row].operation];
            assert_true(moving.count(last) == 1 && last->finish_ns == finish_ns);
        }
    }
}

void nothing_moves_that_is_not_paid_for(void**) {
    Random random(bwrt::test::test_seed());
    for (int i = 0; i < kWindowCount; ++i) {
        const PlannerWorld world = draw_world(random);
        Planner planner(world.limits, world.rule);
        std::uint64_t left_bytes = 0;
        for (std::uint16_t tenant = 0; tenant < 3; ++tenant) {
            const std::uint64_t burst_bytes = random.between(1, 100) * 4096;
            planner.credits().set(tenant, {1, 20 * kMs, burst_bytes}, world.now_ns);
            left_bytes += burst_bytes;
        }
        request_all(planner, draw_requests(random, true));
        for (const Operation& operation : planner.plan(world.state()).operations) {
            assert_true(operation.bytes <= left_bytes);
            left_bytes -= operation.bytes;
        }
        const TenantCredit* left = planner.credits().left(world.now_ns);
        // Less may be left: a row that could not join with all of its pages pays for those that
        // did, also where these then wait for company.
        assert_true(left[0].left_bytes + left[1].left_bytes + left[2].left_bytes <= left_bytes);
    }
}

void what_moves_on_a_bus_is_done_one_after_the_other_and_no_faster_than_the_bus(void**) {
    Random random(bwrt::test::test_seed());
    for (int i = 0; i < kWindowCount; ++i) {
        const PlannerWorld world = draw_world(random);
        Planner planner(world.limits, world.rule);
        request_all(planner, draw_requests(random, true));
        std::vector<Operation> operations = planner.plan(world.state()).operations;
        std::sort(operations.begin(), operations.end(),
                  [](const Operation& a, const Operation& b) { return a.position < b.position; });

        std::map<std::pair<int, int>, std::uint64_t> front;
        for (const Operation& operation : operations) {
            const Route& route = world.routes[operation.tier_src * 3u + operation.tier_dst];
            const Bus& bus = world.buses[operation.node * kBusCountMax + route.bus];
            if (bus.bytes_per_ms == 0) continue;
            std::uint64_t& bytes = front[{operation.node, route.bus}];
            const std::uint64_t stream =
                route.stream_bytes_per_ms == 0
                    ? bus.bytes_per_ms
                    : std::min(route.stream_bytes_per_ms, bus.bytes_per_ms);
            const double finish =
                static_cast<double>(route.latency_ns) +
                1e6 * static_cast<double>(bus.queued_bytes + bytes) /
                    static_cast<double>(bus.bytes_per_ms) +
                1e6 * static_cast<double>(operation.bytes) / static_cast<double>(stream);
            const auto predicted = static_cast<double>(operation.finish_ns - world.now_ns);
            assert_true(predicted > finish - 2'000 && predicted < finish + 2'000);
            bytes += operation.bytes;
        }
    }
}

// For all that is more urgent than it: what met its deadline still does.
void a_request_more_takes_nothing_from_more_urgent_ones(void**) {
    Random random(bwrt::test::test_seed());
    int taken_count = 0;
    for (int i = 0; i < kWindowCount; ++i) {
        const PlannerWorld world = draw_world(random);
        std::vector<Request> requests = draw_requests(random, true);
        const std::uint64_t seed = random.bits();
        const auto plan_all = [&](Planner& planner) -> const Plan& {
            Random same(seed);
            limit_credits(same, planner, world.now_ns);
            request_all(planner, requests);
            return planner.plan(world.state());
        };
        Planner without(world.limits, world.rule);
        const Plan& before = plan_all(without);
        const auto added = static_cast<std::uint32_t>(random.below(requests.size() + 1));
        requests.insert(requests.begin() + added, draw_request(random, 99, true));
        Planner with(world.limits, world.rule);
        const Plan& after = plan_all(with);

        const auto rank = [&](std::uint32_t row) {
            const RequestColumns& rows = with.rows();
            return std::tuple(rows.age[row] < world.rule.age_first,
                              rows.age[row] >= world.rule.age_first ? RequestClass::kDemand
                                                                    : rows.request_class[row],
                              rows.deadline_ns[row]);
        };
        taken_count += after.verdicts[added] == Verdict::kPlanned;
        for (std::uint32_t row = 0; row < with.row_count(); ++row) {
            if (row == added || !(rank(row) < rank(added))) continue;
            if (before.verdicts[row > added ? row - 1 : row] != Verdict::kPlanned) continue;
            // Too small: without the company it had, it waits for the next window, being soon
            // enough.
            assert_true(after.verdicts[row] == Verdict::kPlanned ||
                        after.verdicts[row] == Verdict::kTooSmall);
        }
    }
    assert_true(taken_count > kWindowCount / 10);
}

void a_window_of_which_nothing_stays_behind_is_planned_as_if_something_might(void**) {
    Random random(bwrt::test::test_seed());
    for (int i = 0; i < kWindowCount; ++i) {
        PlannerWorld world = draw_world(random);
        world.rule.merges = true;
        for (TierBudget& budget : world.budgets) budget = {};
        for (Bus& bus : world.buses) bus.queued_bytes = 0;
        const std::vector<Request> requests = draw_requests(random, world.rule.gap_bytes_max == 0);
        Planner planner(world.limits, world.rule);
        request_all(planner, requests);
        std::vector<Operation> at_once = planner.plan(world.state()).operations;
        const std::vector<Verdict> verdicts = planner.plan(world.state()).verdicts;
        Planner careful(world.limits, world.rule);
        request_all(careful, requests);
        // A limit that binds nobody, but has to be looked at.
        careful.credits().set(0, {1, 1, ~std::uint64_t{0} >> 4}, world.now_ns);
        const Plan& one_by_one = careful.plan(world.state());

        assert_true(verdicts == one_by_one.verdicts);
        assert_int_equal(at_once.size(), one_by_one.operations.size());
        for (std::size_t k = 0; k < at_once.size(); ++k) {
            const Operation& one = at_once[k];
            const Operation& other = one_by_one.operations[k];
            assert_int_equal(one.page_first, other.page_first);
            assert_int_equal(one.page_end, other.page_end);
            assert_int_equal(one.bytes, other.bytes);
            assert_int_equal(one.finish_ns, other.finish_ns);
            assert_int_equal(one.fan_out, other.fan_out);
            assert_int_equal(one.position, other.position);
            assert_int_equal(one.overlap, other.overlap);
        }
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(no_page_moves_twice),
        cmocka_unit_test(into_no_tier_goes_more_than_its_budget_from_all_sources_together),
        cmocka_unit_test(what_is_said_to_move_moves_and_is_there_in_time),
        cmocka_unit_test(a_row_is_told_what_moves_it),
        cmocka_unit_test(nothing_moves_that_is_not_paid_for),
        cmocka_unit_test(
            what_moves_on_a_bus_is_done_one_after_the_other_and_no_faster_than_the_bus),
        cmocka_unit_test(a_request_more_takes_nothing_from_more_urgent_ones),
        cmocka_unit_test(a_window_of_which_nothing_stays_behind_is_planned_as_if_something_might),
    };
    return cmocka_run_group_tests_name("planner, any window", tests, nullptr, nullptr);
}
