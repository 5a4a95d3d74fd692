// SPDX-License-Identifier: Apache-2.0
//
// test_plan_window_wild.cpp — windows with any numbers in them, many in a row: each is refused with
// a field and nothing written, or planned with sums that are right.

#include <cstring>
#include <memory>
#include <vector>

#include "runtime/limits.h"
#include "runtime/plan_window.h"
#include "runtime/planner_options.h"
#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::runtime;
using bwrt::test::Random;

constexpr std::uint32_t kRowCountMax = 2048;
constexpr int kWindowCount = 20'000;

struct StillClock final : Clock {
    [[nodiscard]] std::uint64_t now_ns() const noexcept override { return 1'000'000'000; }
};

// Where arithmetic goes wrong, if it goes wrong anywhere; mostly something that is taken.
std::uint64_t draw_number(Random& random, std::uint64_t plain) {
    switch (random.below(40)) {
        case 0:
            return ~std::uint64_t{0} - random.below(3);
        case 1:
            return (std::uint64_t{1} << random.below(64)) - random.below(2);
        case 2:
            return random.bits();
        default:
            return plain == 0 ? 0 : random.below(plain);
    }
}

std::uint32_t draw_number32(Random& random, std::uint32_t plain) {
    return static_cast<std::uint32_t>(draw_number(random, plain));
}

bwrt_request draw_request(Random& random) {
    return {
        .id = draw_number(random, 100),
        .page_first = draw_number(random, 100),
        .page_count = 1 + draw_number(random, 30),
        .page_bytes = 1 + draw_number(random, 9'000),
        .deadline_ns = draw_number(random, 2'000'000'000),
        .fill_ns = draw_number(random, 9'000'000),
        .tenant = draw_number(random, 3),
        .model = draw_number32(random, 2),
        .prefix = draw_number32(random, 2),
        .layer_first = draw_number32(random, 3),
        .layer_count = draw_number32(random, 3),
        .node = draw_number32(random, 2),
        .source_tier = random.one_in(200) ? draw_number32(random, 9) : 2 + random.between32(0, 1),
        .target_tier = random.one_in(200) ? draw_number32(random, 9) : 1,
        .priority = draw_number32(random, 3),
        .weight_milli = draw_number32(random, 3'000),
        .reserved = random.one_in(900) ? 1u : 0u};
}

struct Arrays {
    std::vector<bwrt_request> requests;
    std::vector<std::uint64_t> cancelled, layer_ns;
    std::vector<bwrt_tier_budget> tiers;
    std::vector<bwrt_tier_route> routes;
    std::vector<bwrt_bus> buses;
    std::vector<bwrt_tenant_credit> tenants;
    std::vector<bwrt_decision> decisions = std::vector<bwrt_decision>(kRowCountMax);
    std::vector<bwrt_transfer> transfers = std::vector<bwrt_transfer>(2 * kRowCountMax);

    explicit Arrays(Random& random) {
        for (std::uint64_t i = random.below(9); i > 0; --i)
            requests.push_back(draw_request(random));
        for (std::uint64_t i = random.below(4); i > 0; --i) {
            cancelled.push_back(draw_number(random, 100));
            layer_ns.push_back(draw_number(random, 9'000'000));
        }
        if (random.one_in(2)) {
            tiers.push_back({draw_number32(random, 2), random.between32(1, 2),
                             draw_number(random, 99'999), draw_number32(random, 4), 0});
            routes.push_back({draw_number32(random, 4), 1, draw_number(random, 9'000'000),
                              draw_number(random, 9'000'000), draw_number32(random, 9),
                              draw_number32(random, 8)});
            buses.push_back({draw_number32(random, 2), draw_number32(random, 8),
                             draw_number(random, 90'000'000), draw_number(random, 99'999)});
        }
        tenants.push_back({1, draw_number(random, 9'000'000), 0});
        tenants.push_back({2, 1 + draw_number(random, 9'000'000), draw_number(random, 99'999)});
    }

    bwrt_request_window window(Random& random, std::uint64_t now_ns) {
        bwrt_request_window window = {};
        window.struct_size = sizeof window;
        window.flags = random.one_in(99) ? draw_number32(random, 4) : 0;
        window.now_ns = now_ns;
        window.cancelled_ids = cancelled.data();
        window.cancelled_count = static_cast<std::uint32_t>(cancelled.size());
        window.layer_ns = layer_ns.data();
        window.layer_count = static_cast<std::uint32_t>(layer_ns.size());
        const auto give = [](auto& array, auto& count, auto& bytes, auto& elements) {
            array = elements.data();
            count = static_cast<std::uint32_t>(elements.size());
            bytes = sizeof elements[0];
        };
        give(window.requests, window.request_count, window.request_bytes, requests);
        give(window.tiers, window.tier_count, window.tier_bytes, tiers);
        give(window.routes, window.route_count, window.route_bytes, routes);
        give(window.buses, window.bus_count, window.bus_bytes, buses);
        give(window.tenants, window.tenant_count, window.tenant_bytes, tenants);
        give(window.decisions, window.decision_capacity, window.decision_bytes, decisions);
        give(window.transfers, window.transfer_capacity, window.transfer_bytes, transfers);
        window.decision_count = 77;
        return window;
    }
};

void assert_sound(const bwrt_request_window& window, const Arrays& arrays) {
    std::uint64_t served_count = 0, serving_count = 0;
    std::uint32_t carried_count = 0;
    for (std::uint32_t i = 0; i < window.decision_count; ++i) {
        const bwrt_decision& one = arrays.decisions[i];
        const bool moves = one.verdict <= BWRT_DECISION_PLANNED_PART;
        assert_true(one.verdict >= BWRT_DECISION_PLANNED && one.verdict <= BWRT_DECISION_WAITED);
        assert_int_equal(one.transfer_count != 0, moves);
        assert_true(moves ? one.transfer_index < window.transfer_count
                          : one.transfer_index == BWRT_NONE);
        served_count += one.transfer_count;
        carried_count +=
            one.verdict >= BWRT_DECISION_PLANNED_PART && one.verdict <= BWRT_DECISION_TOO_SMALL ? 1
                                                                                                : 0;
    }
    std::uint64_t bytes = 0;
    for (std::uint32_t i = 0; i < window.transfer_count; ++i) {
        const bwrt_transfer& one = arrays.transfers[i];
        std::uint64_t product = 0;
        assert_false(__builtin_mul_overflow(one.page_count, one.page_bytes, &product));
        assert_true(one.page_count != 0 && one.bytes == product);
        assert_true(one.finish_ns >= window.now_ns);
        assert_true(one.overlap >= 1 && one.overlap <= 3);
        assert_false(__builtin_add_overflow(bytes, one.bytes, &bytes));
        serving_count += one.served_count;
    }
    assert_int_equal(served_count, serving_count);
    assert_int_equal(window.carried_count, carried_count);
}

void any_window_is_refused_by_a_field_or_planned_with_right_sums(void**) {
    Random random(bwrt::test::test_seed());
    StillClock clock;
    bwrt_config config = {};
    Calibration calibration;
    assert_int_equal(check_config(nullptr, &config, &calibration, {nullptr, BWRT_NONE}), BWRT_OK);
    Tables tables(config, Calibration(), 1);
    bwrt_planner options = {};
    options.struct_size = sizeof options;
    options.row_count_max = kRowCountMax;
    options.min_io_bytes = 20'000;
    options.beta_milli = 2'000'000'000;
    Tuning no_tuning;
    assert_int_equal(read_planner(&options, &no_tuning, &tables.planner, {nullptr, BWRT_NONE}),
                     BWRT_OK);
    WindowPlanner windows(&tables, &clock);
    std::uint64_t now_ns = 1, planned_count = 0, refused_count = 0;
    for (int i = 0; i < kWindowCount; ++i, now_ns += random.below(40'000'000)) {
        Arrays arrays(random);
        bwrt_request_window window = arrays.window(random, now_ns);
        bwrt_error error = {};
        if (windows.plan(&window, nullptr, {&error, BWRT_NONE}) == BWRT_OK) {
            ++planned_count;
            assert_sound(window, arrays);
        } else {
            ++refused_count;
            assert_true(error.field[0] != '\0' && error.message[0] != '\0');
            assert_int_equal(window.decision_count, 77);
        }
    }
    print_message("%llu planned, %llu refused\n", ull(planned_count), ull(refused_count));
    assert_true(planned_count > kWindowCount / 10 && refused_count > kWindowCount / 10);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(any_window_is_refused_by_a_field_or_planned_with_right_sums),
    };
    return cmocka_run_group_tests_name("windows of requests, any", tests, nullptr, nullptr);
}
