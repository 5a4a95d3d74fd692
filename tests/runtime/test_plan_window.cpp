// SPDX-License-Identifier: Apache-2.0
//
// test_plan_window.cpp — windows of requests give what a planner gives that is asked directly, many
// in a row, with what is carried and cancelled; and a measured bus is the one of the runtime's
// load.

#include "runtime/plan_window.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "runtime/limits.h"
#include "runtime/planner_options.h"
#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::runtime;
using bwrt::test::Random;

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kPage = 4096;
constexpr std::uint32_t kRowCountMax = 2048;

struct StillClock final : Clock {
    std::uint64_t time_ns = 1'000'000'000;
    [[nodiscard]] std::uint64_t now_ns() const noexcept override { return time_ns; }
};

bwrt_config config_of_test() {
    bwrt_config checked = {};
    Calibration calibration;
    assert_int_equal(check_config(nullptr, &checked, &calibration, {nullptr, BWRT_NONE}), BWRT_OK);
    return checked;
}

struct Desk {
    StillClock clock;
    Tables tables;
    std::unique_ptr<WindowPlanner> windows;

    explicit Desk(const bwrt_planner& options) : tables(config_of_test(), Calibration(), 1) {
        Tuning no_tuning;
        assert_int_equal(read_planner(&options, &no_tuning, &tables.planner, {nullptr, BWRT_NONE}),
                         BWRT_OK);
        windows = std::make_unique<WindowPlanner>(&tables, &clock);
    }
};

bwrt_planner draw_options(Random& random) {
    bwrt_planner options = {};
    options.struct_size = sizeof options;
    options.row_count_max = kRowCountMax;
    if (random.one_in(2)) options.min_io_bytes = random.between(1, 6) * kPage;
    if (random.one_in(3)) options.flags |= BWRT_PLANNER_NO_FILTER;
    if (random.one_in(4)) options.flags |= BWRT_PLANNER_TAKE_LATE;
    if (random.one_in(6)) options.flags |= BWRT_PLANNER_NO_MERGE;
    if (random.one_in(6)) options.flags |= BWRT_PLANNER_NO_CREDITS;
    if (random.one_in(6)) options.flags |= BWRT_PLANNER_NO_BUDGETS;
    if (random.one_in(2)) options.age_max = 2 + (options.age_first = 1 + random.between32(0, 2));
    return options;
}

// A window, and the same said to the planner.
struct Asked {
    std::vector<bwrt_request> requests;
    std::vector<std::uint64_t> cancelled;
    std::vector<bwrt_tier_budget> tiers;
    std::vector<bwrt_tier_route> routes;
    std::vector<bwrt_bus> buses;
    std::vector<bwrt_tenant_credit> tenants;
    std::vector<std::uint64_t> layer_ns;

    std::vector<bwrt::planner::Request> rows;
    std::vector<bwrt::planner::TierBudget> budgets;
    std::vector<bwrt::planner::Route> ways;
    std::vector<bwrt::planner::Bus> lines;
};

void draw_requests(Random& random, std::uint64_t now_ns, std::uint64_t* id, Asked* asked) {
    const std::uint64_t count = random.below(20);
    for (std::uint64_t i = 0; i < count; ++i) {
        bwrt_request request = {};
        request.id = ++*id;
        request.page_first = random.below(40);
        request.page_count = random.between(1, 12);
        request.page_bytes = random.one_in(5) ? 1024 : kPage;
        if (!random.one_in(8)) request.deadline_ns = now_ns + random.below(80) * kMs - 2 * kMs;
        if (random.one_in(3)) request.fill_ns = random.below(30) * kMs;
        request.tenant = random.below(3) * 1'000'000'007;
        request.model = random.between32(0, 1);
        request.prefix = random.between32(5, 6);
        if (random.one_in(4)) request.layer_first = random.between32(0, 2);
        if (random.one_in(4)) request.layer_count = random.between32(1, 3);
        request.node = random.one_in(6) ? 63 : 0;
        request.source_tier = random.one_in(3) ? BWRT_TIER_HOST : BWRT_TIER_DISK;
        request.target_tier = request.source_tier == BWRT_TIER_DISK && random.one_in(2)
                                  ? std::uint32_t{BWRT_TIER_HOST}
                                  : std::uint32_t{BWRT_TIER_DEVICE};
        request.priority = random.between32(0, 2);
        if (random.one_in(4)) request.weight_milli = random.between32(1, 9'000);
        asked->requests.push_back(request);
        constexpr bwrt::planner::RequestClass kClasses[] = {
            bwrt::planner::RequestClass::kHint, bwrt::planner::RequestClass::kDemand,
            bwrt::planner::RequestClass::kPrediction};
        asked->rows.push_back(
            {.id = request.id,
             .page_first = request.page_first,
             .page_count = request.page_count,
             .page_bytes = request.page_bytes,
             .deadline_ns =
                 request.deadline_ns == 0 ? bwrt::planner::kNoDeadline : request.deadline_ns,
             .fill_ns = request.fill_ns,
             .model = request.model,
             .prefix = request.prefix,
             .weight_milli = request.weight_milli == 0 ? 1'000 : request.weight_milli,
             .layer_first = static_cast<std::uint16_t>(request.layer_first),
             .layer_count = static_cast<std::uint16_t>(std::max(request.layer_count, 1u)),
             .tenant = static_cast<std::uint16_t>(request.tenant / 1'000'000'007),
             .node = static_cast<std::uint16_t>(request.node),
             .tier_src = static_cast<std::uint8_t>(request.source_tier),
             .tier_dst = static_cast<std::uint8_t>(request.target_tier),
             .request_class = kClasses[request.priority]});
    }
}

void draw_tables(Random& random, Asked* asked) {
    constexpr std::uint32_t kTiers = WindowPlanner::kTierCount;
    asked->budgets.resize(std::size_t{WindowPlanner::kNodeCount} * kTiers);
    asked->ways.resize(kTiers * kTiers);
    asked->lines.resize(std::size_t{WindowPlanner::kNodeCount} * bwrt::planner::kBusCountMax);
    for (std::uint32_t node = 0; node < 64; node += 63) {
        for (std::uint32_t tier = 1; tier < kTiers; ++tier) {
            if (random.one_in(2)) continue;
            const std::uint64_t bytes = random.below(60) * kPage;
            const std::uint32_t count = random.between32(0, 5);
            asked->tiers.push_back({node, tier, bytes, count, 0});
            asked->budgets[node * kTiers + tier].bytes = bytes;
            if (count != 0) asked->budgets[node * kTiers + tier].operation_count = count;
        }
        for (std::uint32_t bus = 0; bus < 4; ++bus) {
            if (random.one_in(2)) continue;
            const std::uint64_t pages = random.between(1, 8), queued = random.below(9) * kPage;
            asked->buses.push_back({node, bus, pages * kPage * 1'000 + 999, queued});
            asked->lines[node * bwrt::planner::kBusCountMax + bus] = {pages * kPage, queued};
        }
    }
    for (std::uint32_t source = 1; source < kTiers; ++source) {
        for (std::uint32_t target = 1; target < kTiers; ++target) {
            bwrt::planner::Route& way = asked->ways[source * kTiers + target];
            way.bus = source == 3 || target == 3 ? 3 : static_cast<std::uint8_t>(target);
            if (source == target || random.one_in(2)) continue;
            way = {.latency_ns = random.below(3) * kMs,
                   .stream_bytes_per_ms = random.below(3) * kPage,
                   .bus = static_cast<std::uint8_t>(random.below(4)),
                   .stream_count = static_cast<std::uint8_t>(random.below(4))};
            asked->routes.push_back({source, target, way.latency_ns,
                                     way.stream_bytes_per_ms * 1'000, way.stream_count, way.bus});
        }
    }
    for (std::uint64_t layer = random.below(4); layer > 0; --layer) {
        asked->layer_ns.push_back(random.below(6) * kMs);
    }
}

void assert_same(const bwrt::planner::Plan& plan, const bwrt::planner::RequestColumns& rows,
                 const std::vector<bwrt_decision>& decisions,
                 const std::vector<bwrt_transfer>& transfers) {
    for (std::uint32_t row = 0; row < plan.verdicts.size(); ++row) {
        const bwrt_decision& decision = decisions[row];
        const bool is_part = plan.verdicts[row] == bwrt::planner::Verdict::kPlannedPart;
        assert_int_equal(decision.id, rows.id[row]);
        assert_int_equal(decision.layer, rows.layer[row]);
        assert_int_equal(decision.age, rows.age[row]);
        assert_int_equal(decision.verdict, static_cast<std::uint32_t>(plan.verdicts[row]) + 1);
        assert_int_equal(decision.finish_ns, plan.finish_ns[row]);
        assert_int_equal(decision.rest_first, is_part ? plan.rest_first[row] : 0);
        assert_int_equal(decision.transfer_count, plan.served_by[row].count);
        assert_int_equal(decision.transfer_index,
                         decision.transfer_count == 0 ? BWRT_NONE : plan.served_by[row].operation);
    }
    constexpr std::uint32_t kPriorities[] = {BWRT_PRIORITY_URGENT, BWRT_PRIORITY_NORMAL,
                                             BWRT_PRIORITY_BACKGROUND};
    for (std::size_t i = 0; i < plan.operations.size(); ++i) {
        const bwrt::planner::Operation& one = plan.operations[i];
        const bool has_deadline = one.deadline_ns != bwrt::planner::kNoDeadline;
        const bwrt_transfer expected = {
            .page_first = one.page_first,
            .page_count = one.page_end - one.page_first,
            .page_bytes = one.page_bytes,
            .bytes = one.bytes,
            .deadline_ns = has_deadline ? one.deadline_ns : 0,
            .finish_ns = one.finish_ns,
            .model = one.model,
            .prefix = one.prefix,
            .layer = one.layer,
            .node = one.node,
            .source_tier = one.tier_src,
            .target_tier = one.tier_dst,
            .priority = kPriorities[static_cast<int>(one.request_class)],
            .served_count = one.fan_out,
            .position = one.position,
            .overlap = one.overlap};
        assert_memory_equal(&transfers[i], &expected, sizeof expected);
    }
}

// Credits change now and then; what is not said stays.
void draw_credits(Random& random, std::uint64_t now_ns, bool is_first, Asked* asked,
                  bwrt::planner::Planner* planner) {
    for (std::uint64_t tenant = 1; tenant < 3; ++tenant) {
        if (!is_first && !random.one_in(3)) continue;
        const std::uint64_t rate = random.one_in(3) ? 0 : random.between(1, 2'000) * kPage;
        const std::uint64_t burst =
            rate == 0 || random.one_in(2) ? 0 : random.between(1, 60) * kPage;
        asked->tenants.push_back({tenant * 1'000'000'007, rate, burst});
        planner->credits().set(static_cast<std::uint16_t>(tenant),
                               {rate, 1'000'000'000, burst != 0 ? burst : rate}, now_ns);
    }
}

bwrt_request_window window_of(const Asked& asked, std::uint64_t now_ns,
                              std::vector<bwrt_decision>* decisions,
                              std::vector<bwrt_transfer>* transfers) {
    bwrt_request_window window = {};
    window.struct_size = sizeof window;
    window.now_ns = now_ns;
    window.layer_ns = asked.layer_ns.data();
    window.layer_count = static_cast<std::uint32_t>(asked.layer_ns.size());
    window.cancelled_ids = asked.cancelled.data();
    window.cancelled_count = static_cast<std::uint32_t>(asked.cancelled.size());
    const auto give = [](auto& array, auto& count, auto& bytes, auto& elements) {
        array = elements.data();
        count = static_cast<std::uint32_t>(elements.size());
        bytes = sizeof elements[0];
    };
    give(window.requests, window.request_count, window.request_bytes, asked.requests);
    give(window.tiers, window.tier_count, window.tier_bytes, asked.tiers);
    give(window.routes, window.route_count, window.route_bytes, asked.routes);
    give(window.buses, window.bus_count, window.bus_bytes, asked.buses);
    give(window.tenants, window.tenant_count, window.tenant_bytes, asked.tenants);
    give(window.decisions, window.decision_capacity, window.decision_bytes, *decisions);
    give(window.transfers, window.transfer_capacity, window.transfer_bytes, *transfers);
    return window;
}

void windows_in_a_row_are_those_of_a_planner_that_is_asked_directly(void**) {
    Random random(bwrt::test::test_seed());
    std::vector<bwrt_decision> decisions(kRowCountMax);
    std::vector<bwrt_transfer> transfers(2 * kRowCountMax);
    std::uint64_t carried_count = 0, part_count = 0;
    for (int round = 0; round < 300; ++round) {
        Desk desk(draw_options(random));
        bwrt::planner::Planner planner({.row_count_max = kRowCountMax,
                                        .tenant_count = 3,
                                        .node_count = WindowPlanner::kNodeCount,
                                        .tier_count = WindowPlanner::kTierCount},
                                       planner_rule(desk.tables.planner));
        std::uint64_t now_ns = 1'000'000'000, id = 0;
        for (int i = 0; i < 12; ++i, now_ns += random.below(40) * kMs) {
            Asked asked;
            draw_requests(random, now_ns, &id, &asked);
            draw_tables(random, &asked);
            draw_credits(random, now_ns, i == 0, &asked, &planner);
            for (std::uint64_t gone = id; gone > 0 && gone + 30 > id; --gone) {
                if (random.one_in(9)) asked.cancelled.push_back(gone);
            }
            std::vector<std::uint64_t> gone = asked.cancelled;
            std::sort(gone.begin(), gone.end());
            if (i > 0) planner.next(gone);
            for (const auto& row : asked.rows) assert_null(planner.request(row).field);
            const bwrt::planner::Plan& plan =
                planner.plan({.now_ns = now_ns,
                              .budgets = asked.budgets.data(),
                              .routes = asked.ways.data(),
                              .buses = asked.lines.data(),
                              .layer_ns = asked.layer_ns.data(),
                              .layer_count = static_cast<std::uint32_t>(asked.layer_ns.size())});

            bwrt_request_window window = window_of(asked, now_ns, &decisions, &transfers);
            bwrt_error error = {};
            const bwrt_status status = desk.windows->plan(&window, nullptr, {&error, BWRT_NONE});
            if (status != BWRT_OK) fail_msg("%s: %s", error.field, error.message);
            assert_int_equal(window.decision_count, plan.verdicts.size());
            assert_int_equal(window.transfer_count, plan.operations.size());
            assert_same(plan, planner.rows(), decisions, transfers);
            std::uint32_t carried = 0;
            for (const bwrt::planner::Verdict verdict : plan.verdicts) {
                carried += bwrt::planner::is_carried(verdict) ? 1 : 0;
                part_count += verdict == bwrt::planner::Verdict::kPlannedPart ? 1 : 0;
            }
            assert_int_equal(window.carried_count, carried);
            carried_count += carried;
        }
    }
    assert_true(carried_count > 1'000 && part_count > 100);  // it was about something
}

// Rate and queue of the disk's lane, while they are young, and only where nothing else is said.
void a_measured_bus_is_the_load_of_the_runtimes_own_disk(void**) {
    bwrt_planner options = {};
    options.struct_size = sizeof options;
    Desk desk(options);
    constexpr auto kLane = static_cast<std::size_t>(Lane::kStorage);
    desk.tables.load.bytes_per_ms[kLane] = 2 * kPage;
    desk.tables.load.queued_bytes[kLane] = 4 * kPage;
    desk.tables.load.measured_ns[kLane] = desk.clock.time_ns;
    bwrt_request request = {};
    request.page_count = 6;
    request.page_bytes = kPage;
    request.source_tier = BWRT_TIER_DISK;
    request.target_tier = BWRT_TIER_DEVICE;
    bwrt_bus bus = {0, BWRT_TIER_DISK, kPage * 1'000, 0};
    bwrt_decision decision[2];
    const auto finish_ms = [&](std::uint32_t flags, std::uint32_t bus_count, std::uint32_t node) {
        bwrt_request_window window = {};
        request.node = node;
        window.struct_size = sizeof window;
        window.flags = flags;
        window.now_ns = desk.clock.time_ns;
        window.requests = &request;
        window.request_count = 1;
        window.request_bytes = sizeof request;
        window.buses = &bus;
        window.bus_count = bus_count;
        window.bus_bytes = sizeof bus;
        window.decisions = decision;
        window.decision_capacity = 2;
        window.decision_bytes = sizeof decision[0];
        assert_int_equal(desk.windows->plan(&window, nullptr, {nullptr, BWRT_NONE}), BWRT_OK);
        return (decision[0].finish_ns - desk.clock.time_ns) / kMs;
    };
    assert_int_equal(finish_ms(BWRT_REQUEST_WINDOW_MEASURED, 0, 0), 5);
    assert_int_equal(finish_ms(BWRT_REQUEST_WINDOW_MEASURED, 0, 1), 0);
    assert_int_equal(finish_ms(BWRT_REQUEST_WINDOW_MEASURED, 1, 0), 6);
    assert_int_equal(finish_ms(0, 0, 0), 0);
    desk.clock.time_ns += 1'000 * kMs;
    assert_int_equal(finish_ms(BWRT_REQUEST_WINDOW_MEASURED, 0, 0), 5);
    desk.clock.time_ns += 1;
    assert_int_equal(finish_ms(BWRT_REQUEST_WINDOW_MEASURED, 0, 0), 0);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(windows_in_a_row_are_those_of_a_planner_that_is_asked_directly),
        cmocka_unit_test(a_measured_bus_is_the_load_of_the_runtimes_own_disk),
    };
    return cmocka_run_group_tests_name("windows of requests", tests, nullptr, nullptr);
}
