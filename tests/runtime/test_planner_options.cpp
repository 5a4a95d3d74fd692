// SPDX-License-Identifier: Apache-2.0
//
// test_planner_options.cpp — bwrt_planner against the numbers of bwrt.h, field by field: the
// default for 0, both ends taken, one past them refused with the field's name and nothing written;
// and each option where the planner looks for it.

#include "runtime/planner_options.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "tests/support/cmocka.h"

namespace {

using bwrt::planner::PlannerRule;
using bwrt::runtime::ErrorSink;
using bwrt::runtime::planner_rule;
using bwrt::runtime::read_planner;
using bwrt::runtime::Tuning;

constexpr std::uint64_t kNoEnd = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kNoEnd32 = std::numeric_limits<std::uint32_t>::max();

// As bwrt.h states them, with a half-life to the nanosecond (planner.md: lambda 0.01 a second).
template <typename Number>
struct Promise {
    const char* name;
    Number bwrt_planner::*field;
    std::uint64_t minimum, maximum, otherwise;
};

using Planner = bwrt_planner;
constexpr Promise<std::uint32_t> kNarrow[] = {
    {"planner.operation_count_max", &Planner::operation_count_max, 0, kNoEnd32, 0},
    {"planner.row_count_max", &Planner::row_count_max, 2048, 1u << 20, 4096},
    {"planner.alpha_milli", &Planner::alpha_milli, 0, kNoEnd32, 1000},
    {"planner.beta_milli", &Planner::beta_milli, 0, kNoEnd32, 0},
    {"planner.pmin_milli", &Planner::pmin_milli, 0, kNoEnd32, 1000},
    {"planner.prefetch_wasted_milli", &Planner::prefetch_wasted_milli, 0, 900, 200},
    {"planner.prefetch_chain_count_max", &Planner::prefetch_chain_count_max, 0, 1u << 24, 65536},
};
constexpr Promise<std::uint64_t> kWide[] = {
    {"planner.window_ns", &Planner::window_ns, 100'000, 10'000'000'000, 20'000'000},
    {"planner.min_io_bytes", &Planner::min_io_bytes, 0, kNoEnd, 0},
    {"planner.caller_budget_bytes", &Planner::caller_budget_bytes, 0, kNoEnd, 0},
    {"planner.host_budget_bytes", &Planner::host_budget_bytes, 0, kNoEnd, 0},
    {"planner.disk_budget_bytes", &Planner::disk_budget_bytes, 0, kNoEnd, 0},
    {"planner.half_life_ns", &Planner::half_life_ns, 1u << 24, kNoEnd, 69'314'718'056},
    {"planner.prefetch_horizon_ns", &Planner::prefetch_horizon_ns, 100'000'000, 7'200'000'000'000,
     20'000'000'000},
};

bwrt_planner empty_planner() {
    bwrt_planner planner = {};
    planner.struct_size = sizeof planner;
    return planner;
}

bwrt_status read_untuned(const bwrt_planner* given, bwrt_planner* checked_out,
                         const ErrorSink& sink) {
    Tuning no_tuning;
    return read_planner(given, &no_tuning, checked_out, sink);
}

bwrt_planner read(const bwrt_planner& given) {
    bwrt_planner checked = {};
    assert_int_equal(read_untuned(&given, &checked, {}), BWRT_OK);
    return checked;
}

void expect_refusal(const bwrt_planner* given, bwrt_status status, const char* field) {
    bwrt_planner untouched, checked;
    std::memset(&untouched, 0x5A, sizeof untouched);
    std::memset(&checked, 0x5A, sizeof checked);
    bwrt_error error = {};
    assert_int_equal(read_untuned(given, &checked, {&error, BWRT_NONE}), status);
    assert_string_equal(error.field, field);
    assert_true(error.message[0] != '\0');
    assert_memory_equal(&checked, &untouched, sizeof checked);
}

template <typename Action>
void for_each_promise(const Action& action) {
    for (const auto& promise : kNarrow) action(promise);
    for (const auto& promise : kWide) action(promise);
}

// ---- what is said, and what is not

void zero_is_the_default_of_every_field(void**) {
    const bwrt_planner checked = read(empty_planner());
    for_each_promise(
        [&](const auto& promise) { assert_int_equal(checked.*promise.field, promise.otherwise); });
    assert_int_equal(checked.struct_size, sizeof checked);
    assert_int_equal(checked.flags, 0);
    assert_int_equal(checked.umin_milli, 0);
    assert_int_equal(checked.age_first, 4);
    assert_int_equal(checked.age_max, 8);
    assert_int_equal(checked.prefetch_bytes_max, 0);
}

void no_planner_is_none(void**) {
    bwrt_planner checked = {};
    assert_int_equal(read_untuned(nullptr, &checked, {}), BWRT_OK);
    assert_int_equal(checked.struct_size, 0);
}

void both_ends_of_every_range_are_taken(void**) {
    for_each_promise([](const auto& promise) {
        for (const std::uint64_t value :
             {std::max<std::uint64_t>(promise.minimum, 1), promise.maximum}) {
            bwrt_planner planner = empty_planner();
            auto& field = planner.*promise.field;
            field = static_cast<std::remove_reference_t<decltype(field)>>(value);
            assert_int_equal(read(planner).*promise.field, value);
        }
    });
}

void one_past_every_range_is_refused_by_name(void**) {
    for_each_promise([](const auto& promise) {
        bwrt_planner planner = empty_planner();
        auto& field = planner.*promise.field;
        using Number = std::remove_reference_t<decltype(field)>;
        if (promise.maximum < std::numeric_limits<Number>::max()) {
            field = static_cast<Number>(promise.maximum + 1);
            expect_refusal(&planner, BWRT_E_INVAL, promise.name);
        }
        if (promise.minimum > 1) {
            field = static_cast<Number>(promise.minimum - 1);
            expect_refusal(&planner, BWRT_E_INVAL, promise.name);
        }
    });
}

void what_ends_is_older_than_what_goes_first(void**) {
    struct Case {
        std::uint32_t age_first, age_max;  // as given
        std::uint32_t first_of_all, ends;  // as read; 0: the field that is refused
        const char* field = nullptr;
    };
    const Case cases[] = {
        {1, 0, 1, 2},
        {7, 0, 7, 14},
        {127, 0, 127, 254},
        {128, 0, 128, 255},
        {254, 0, 254, 255},
        {254, 255, 254, 255},
        {0, 5, 4, 5},
        {1, 2, 1, 2},
        {255, 0, 0, 0, "planner.age_first"},
        {0, 4, 0, 0, "planner.age_max"},
        {9, 9, 0, 0, "planner.age_max"},
        {9, 256, 0, 0, "planner.age_max"},
    };
    for (const Case& one : cases) {
        bwrt_planner planner = empty_planner();
        planner.age_first = one.age_first;
        planner.age_max = one.age_max;
        if (one.field != nullptr) {
            expect_refusal(&planner, BWRT_E_INVAL, one.field);
            continue;
        }
        const bwrt_planner checked = read(planner);
        assert_int_equal(checked.age_first, one.first_of_all);
        assert_int_equal(checked.age_max, one.ends);
    }
}

void slack_may_be_below_nothing(void**) {
    bwrt_planner planner = empty_planner();
    planner.umin_milli = -17;
    assert_int_equal(read(planner).umin_milli, -17);
    assert_int_equal(planner_rule(read(planner)).score.umin_milli, -17);
}

void one_that_is_not_aligned_is_refused(void**) {
    alignas(8) unsigned char bytes[sizeof(bwrt_planner) + 8];
    const bwrt_planner planner = empty_planner();
    std::memcpy(bytes, &planner, sizeof planner);
    bwrt_planner checked = {};
    assert_int_equal(read_untuned(reinterpret_cast<bwrt_planner*>(bytes), &checked, {}), BWRT_OK);
    std::memcpy(bytes + 4, &planner, sizeof planner);
    expect_refusal(reinterpret_cast<bwrt_planner*>(bytes + 4), BWRT_E_INVAL, "config.planner");
}

void flags_that_are_none_are_refused(void**) {
    bwrt_planner planner = empty_planner();
    planner.flags = (1u << 6) - 1;
    assert_int_equal(read(planner).flags, planner.flags);
    for (std::uint32_t bit = 6; bit < 32; ++bit) {
        planner.flags = 1u << bit;
        expect_refusal(&planner, BWRT_E_INVAL, "planner.flags");
    }
}

// ---- what the planner goes by

void every_option_is_where_the_planner_looks_for_it(void**) {
    bwrt_planner planner = empty_planner();
    planner.window_ns = 200'001;
    planner.min_io_bytes = 3;
    planner.alpha_milli = 5;
    planner.beta_milli = 7;
    planner.pmin_milli = 11;
    planner.umin_milli = 13;
    planner.age_first = 17;
    planner.age_max = 19;
    planner.half_life_ns = 23'000'000;
    const PlannerRule rule = planner_rule(read(planner));
    assert_int_equal(rule.window_ns, 200'001);
    assert_int_equal(rule.min_io_bytes, 3);
    assert_int_equal(rule.score.alpha_milli, 5);
    assert_int_equal(rule.score.beta_milli, 7);
    assert_int_equal(rule.score.pmin_milli, 11);
    assert_int_equal(rule.score.umin_milli, 13);
    assert_int_equal(rule.age_first, 17);
    assert_int_equal(rule.age_max, 19);
    assert_int_equal(rule.heat.half_life_ns, 23'000'000);
    assert_false(rule.takes_small);
    assert_true(planner_rule(read(empty_planner())).takes_small);  // nothing waits for company
}

void a_flag_switches_one_stage_and_no_other(void**) {
    struct Switch {
        std::uint32_t flag;
        bool PlannerRule::*stage;  // none: it is of the scores
        bool off;
    };
    const Switch switches[] = {{BWRT_PLANNER_NO_FILTER, nullptr, false},
                               {BWRT_PLANNER_NO_CREDITS, &PlannerRule::has_credits, false},
                               {BWRT_PLANNER_NO_BUDGETS, &PlannerRule::has_budgets, false},
                               {BWRT_PLANNER_NO_MERGE, &PlannerRule::merges, false},
                               {BWRT_PLANNER_TAKE_LATE, &PlannerRule::takes_late, true},
                               {0, &PlannerRule::has_heat, false},
                               {0, &PlannerRule::has_finishes, false}};
    const auto value = [](const PlannerRule& rule, const Switch& one) {
        return one.stage != nullptr ? rule.*one.stage : rule.score.filters;
    };
    for (std::uint32_t flag = 0; flag <= BWRT_PLANNER_NO_FEEDBACK; flag = flag ? flag * 2 : 1) {
        bwrt_planner planner = empty_planner();
        planner.flags = flag;
        const PlannerRule rule = planner_rule(read(planner));
        for (const Switch& one : switches) {
            const bool is_switched = one.flag != 0 && one.flag == flag;
            assert_int_equal(value(rule, one), is_switched ? one.off : !one.off);
        }
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(zero_is_the_default_of_every_field),
        cmocka_unit_test(no_planner_is_none),
        cmocka_unit_test(both_ends_of_every_range_are_taken),
        cmocka_unit_test(one_past_every_range_is_refused_by_name),
        cmocka_unit_test(what_ends_is_older_than_what_goes_first),
        cmocka_unit_test(slack_may_be_below_nothing),
        cmocka_unit_test(one_that_is_not_aligned_is_refused),
        cmocka_unit_test(flags_that_are_none_are_refused),
        cmocka_unit_test(every_option_is_where_the_planner_looks_for_it),
        cmocka_unit_test(a_flag_switches_one_stage_and_no_other),
    };
    return cmocka_run_group_tests_name("runtime/planner_options.cpp", tests, nullptr, nullptr);
}
