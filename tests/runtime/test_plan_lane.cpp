// SPDX-License-Identifier: Apache-2.0
//
// test_plan_lane.cpp — who gets into the window, of waves that are nothing but rows, and what is
// counted of them.

#include "runtime/plan_lane.h"

#include <memory>
#include <vector>

#include "runtime/limits.h"
#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::runtime;

constexpr std::uint32_t kRowCountMax = 2048;
constexpr std::uint32_t kMovingInAWindow = 100;
constexpr std::uint32_t kAgeFirst = 4;

struct StillClock final : Clock {
    std::uint64_t time_ns = 1'000'000'000;
    [[nodiscard]] std::uint64_t now_ns() const noexcept override { return time_ns; }
};

bwrt_config config_of_test() {
    bwrt_config config = {};
    config.struct_size = sizeof config;
    config.wave_count_max = 4096;
    bwrt_config checked = {};
    Calibration calibration;
    assert_int_equal(check_config(&config, &checked, &calibration, {nullptr, BWRT_NONE}), BWRT_OK);
    return checked;
}

struct Line final : PlanOwner {
    StillClock clock;
    Tables tables;
    InlineJanitor janitor;
    Counters counters;
    std::unique_ptr<PlanLane> lane;
    std::vector<Wave*> moved, ended;

    explicit Line(std::uint32_t tenant_count) : tables(config_of_test(), Calibration(), 1) {
        tables.blocks.tenant_count = tenant_count;
        tables.planner = {};
        tables.planner.struct_size = sizeof tables.planner;
        tables.planner.window_ns = 1'000'000;
        tables.planner.row_count_max = kRowCountMax;
        tables.planner.alpha_milli = tables.planner.pmin_milli = 1000;
        tables.planner.age_first = kAgeFirst;
        tables.planner.age_max = 255;
        tables.planner.half_life_ns = 1'000'000'000;
        tables.planner.caller_budget_bytes = kMovingInAWindow * kPlanPageBytes;
        make_lane();
    }
    // By what tables.planner says.
    void make_lane() {
        lane = std::make_unique<PlanLane>(&tables, &clock, &counters, &janitor, this);
    }

    Wave* ask(std::uint16_t tenant, std::uint32_t row_count) {
        Wave* const wave = tables.waves.take();
        assert_non_null(wave);
        wave->generation = next_generation(wave->generation);
        wave->handle = make_handle(HandleKind::kWave, wave->index, wave->generation);
        wave->ticket.store(wave->handle);
        wave->phase = Phase::kWaiting;
        wave->plan_state = PlanState::kNone;
        wave->deadline_ns = bwrt::planner::kNoDeadline;
        wave->late = BWRT_LATE_FINISH;
        wave->plan_tenant = tenant;
        wave->plan_row_count = row_count;
        wave->plan_rows = nullptr;
        Page* page = nullptr;
        for (std::uint32_t i = 0; i < row_count; ++i) {
            if (page == nullptr || page->used == kPlanRowsPerPage) {
                page = wave->pages.grow(&tables.pages);
                page->next = wave->plan_rows;
                wave->plan_rows = page;
            }
            page->as<PlanRow>()[page->used++] = {2 * i,        1,           wave->index, tenant,
                                                 kPagesOfWave, kInDiskTier, kToCaller,   {}};
        }
        assert_true(lane->ask(wave));
        return wave;
    }
    void next_window() {
        clock.time_ns += tables.planner.window_ns;
        assert_true(lane->turn(clock.time_ns, {}));
    }
    void planned(Wave* wave) noexcept override {
        wave->phase = Phase::kOver;
        wave->pages.give_back(&tables.pages);
        moved.push_back(wave);
    }
    void refused(Wave* wave, bwrt_status) noexcept override {
        end(wave);
        ended.push_back(wave);
    }
    void end(Wave* wave) noexcept {
        lane->leave(wave);
        wave->phase = Phase::kOver;
        wave->pages.give_back(&tables.pages);
    }
    [[nodiscard]] bwrt_counters counts() const {
        bwrt_counters sampled = {};
        lane->snapshot(&sampled);
        return sampled;
    }
};

// Small waves come without end, as many in each window as have moved in the last one.
void large_one_gets_in_among(std::uint32_t tenant_count) {
    Line line(tenant_count + 1);
    std::uint32_t next = 0;
    const auto keep_coming = [&](std::size_t count) {
        for (; count > 0; --count) line.ask(static_cast<std::uint16_t>(next++ % tenant_count), 1);
    };
    keep_coming(kRowCountMax);
    line.next_window();
    Wave* const large =
        line.ask(static_cast<std::uint16_t>(tenant_count - 1 + tenant_count / 2), kPlanRowsMax);
    for (std::uint32_t window = 0; large->plan_state == PlanState::kAsked; ++window) {
        assert_true(window < 64);
        assert_true(line.ended.empty());
        for (Wave* const wave : line.moved) line.tables.waves.put_back(wave);
        const std::size_t count = line.moved.size();
        line.moved.clear();
        keep_coming(count);
        line.next_window();
    }
}

void a_large_wave_is_not_overtaken_for_ever_by_its_tenant(void**) { large_one_gets_in_among(1); }

// The last tenant has nothing else: three others leave a quarter of the window free.
void a_large_wave_is_not_overtaken_for_ever_by_others(void**) { large_one_gets_in_among(3); }

// What is asked for again because it was late was looked at twice and asked for once.
void a_late_wave_that_goes_on_asks_once(void**) {
    Line line(1);
    line.tables.planner.pmin_milli = 1500;  // more than one hit
    line.tables.planner.umin_milli = 2'000'000;
    line.make_lane();
    Wave* const late = line.ask(0, 1);
    late->deadline_ns = line.clock.time_ns + 1'000'000;
    line.next_window();
    assert_true(line.moved.empty());
    bwrt_counters counts = line.counts();
    assert_int_equal(counts.plan_row_count, 1);
    assert_int_equal(counts.plan_late_count, 1);
    assert_int_equal(counts.plan_carried_count, 1);
    line.next_window();
    assert_int_equal(line.moved.size(), 1);
    counts = line.counts();
    assert_int_equal(counts.plan_row_count - counts.plan_carried_count, 1);
    assert_int_equal(counts.plan_served_count, 1);

    // Nor is it two hits for those who want the same.
    line.tables.waves.put_back(late);
    Wave* const next = line.ask(0, 1);
    assert_ptr_equal(next, late);  // the same slot, and so the same pages
    next->deadline_ns = line.clock.time_ns + 100'000'000;
    next->late = BWRT_LATE_ABORT;
    line.next_window();
    assert_int_equal(line.ended.size(), 1);
}

void who_leaves_leaves_nothing_in_the_planner(void**) {
    Line line(1);
    line.tables.planner.caller_budget_bytes = kPlanPageBytes;
    line.make_lane();
    line.ask(0, 1);
    Wave* const carried = line.ask(0, 1);
    Wave* const late = line.ask(0, 1);
    late->deadline_ns = 1;
    line.next_window();
    assert_int_equal(line.moved.size(), 1);
    bwrt_counters counts = line.counts();
    assert_int_equal(counts.plan_row_count, 3);
    assert_int_equal(counts.plan_carried_count, 2);

    line.end(carried);
    line.end(late);
    Wave* const next = line.ask(0, 1);
    line.next_window();
    assert_int_equal(line.moved.size(), 2);
    assert_ptr_equal(line.moved[1], next);
    assert_int_equal(line.counts().plan_row_count, 4);
}

void who_leaves_makes_room_in_the_window(void**) {
    Line line(1);
    for (int i = 0; i < 4; ++i) {
        Wave* const large = line.ask(0, kPlanRowsMax);
        line.next_window();
        assert_true(large->plan_state == PlanState::kInWindow);
        assert_int_equal(large->plan_rows_open, kPlanRowsMax - kMovingInAWindow);
        line.end(large);
    }
}

void windows_are_a_window_apart(void**) {
    Line line(1);
    line.ask(0, 1);
    line.next_window();
    line.ask(0, 1);
    assert_int_equal(line.lane->next_timer_ns(),
                     line.clock.time_ns + line.tables.planner.window_ns);
    line.clock.time_ns += line.tables.planner.window_ns - 1;
    assert_false(line.lane->turn(line.clock.time_ns, {}));
    line.clock.time_ns += 1;
    assert_true(line.lane->turn(line.clock.time_ns, {}));
    assert_int_equal(line.moved.size(), 2);
    assert_true(line.lane->next_timer_ns() == kNeverNs);
}

// A page a window: of the first the end is known, of the second it is not.
void what_was_predicted_counts_from_where_the_end_does(void**) {
    Line line(1);
    line.tables.planner.caller_budget_bytes = kPlanPageBytes;
    line.tables.planner.flags = BWRT_PLANNER_NO_FEEDBACK;
    line.make_lane();
    Wave* const wave = line.ask(0, 2);
    LaneLoad loads[kLaneCount];
    for (LaneLoad& load : loads) load = {0, 1, line.clock.time_ns};
    assert_true(line.lane->turn(line.clock.time_ns, loads));
    assert_int_equal(wave->plan_rows_open, 1);
    assert_true(wave->plan_finish_ns > line.clock.time_ns);
    line.next_window();
    assert_int_equal(line.moved.size(), 1);
    assert_int_equal(wave->plan_begun_ns, line.clock.time_ns);
    assert_int_equal(wave->plan_model_ns, wave->plan_finish_ns - wave->plan_begun_ns);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_large_wave_is_not_overtaken_for_ever_by_its_tenant),
        cmocka_unit_test(a_large_wave_is_not_overtaken_for_ever_by_others),
        cmocka_unit_test(a_late_wave_that_goes_on_asks_once),
        cmocka_unit_test(who_leaves_leaves_nothing_in_the_planner),
        cmocka_unit_test(who_leaves_makes_room_in_the_window),
        cmocka_unit_test(windows_are_a_window_apart),
        cmocka_unit_test(what_was_predicted_counts_from_where_the_end_does),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
