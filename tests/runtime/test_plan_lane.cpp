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
    std::uint64_t page_step = 2;  // from one row of a wave to the next
    std::vector<Wave*> moved, ended;
    std::vector<bwrt_status> statuses;  // of those that ended

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

    Wave* ask(std::uint16_t tenant, std::uint32_t row_count, PlanTier source = kInDiskTier,
              PlanTier target = kToCaller) {
        Wave* const wave = tables.waves.take();
        assert_non_null(wave);
        wave->generation = next_generation(wave->generation);
        wave->handle = make_handle(HandleKind::kWave, wave->index, wave->generation);
        wave->ticket.store(wave->handle);
        wave->phase = Phase::kWaiting;
        wave->plan_state = PlanState::kNone;
        wave->deadline_ns = bwrt::planner::kNoDeadline;
        wave->late = BWRT_LATE_FINISH;
        wave->priority = BWRT_PRIORITY_NORMAL;
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
            page->as<PlanRow>()[page->used++] = {page_step * i, 1,      wave->index, tenant,
                                                 kPagesOfWave,  source, target,      {}};
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
    void refused(Wave* wave, bwrt_status status) noexcept override {
        end(wave);
        ended.push_back(wave);
        statuses.push_back(status);
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
void large_one_gets_in_among(std::uint32_t tenant_count, std::uint8_t priority) {
    Line line(tenant_count + 1);
    line.tables.planner.age_max = 2 * kAgeFirst;
    std::uint32_t next = 0;
    const auto keep_coming = [&](std::size_t count) {
        for (; count > 0; --count) {
            line.ask(static_cast<std::uint16_t>(next++ % tenant_count), 1)->priority = priority;
        }
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

void a_large_wave_is_not_overtaken_for_ever_by_its_tenant(void**) {
    large_one_gets_in_among(1, BWRT_PRIORITY_NORMAL);
}

// The last tenant has nothing else: three others leave a quarter of the window free.
void a_large_wave_is_not_overtaken_for_ever_by_others(void**) {
    large_one_gets_in_among(3, BWRT_PRIORITY_NORMAL);
}

void a_large_wave_is_not_overtaken_for_ever_by_urgent_ones(void**) {
    large_one_gets_in_among(1, BWRT_PRIORITY_URGENT);
    large_one_gets_in_among(3, BWRT_PRIORITY_URGENT);
}

// Half of the window is their tenant's, as much as is free, and the rest of them stand in front.
void an_urgent_wave_gets_in_past_its_tenants_others(void**) {
    Line line(1);
    line.tables.planner.caller_budget_bytes = 20 * kPlanPageBytes;
    line.make_lane();
    for (std::uint32_t i = 0; i < kRowCountMax; ++i) line.ask(0, 1);
    for (std::uint32_t window = 0; window < 2 * kAgeFirst; ++window) line.next_window();
    Wave* const urgent = line.ask(0, 100);  // more than have moved in the last one
    urgent->priority = BWRT_PRIORITY_URGENT;
    Wave* const other = line.ask(0, 1);
    line.next_window();
    assert_int_not_equal(urgent->plan_state, PlanState::kAsked);
    assert_int_equal(other->plan_state, PlanState::kAsked);
    // What leaves is counted where it was: at last all of them have been in.
    for (std::uint32_t i = 0; i < 200 && line.moved.size() < kRowCountMax + 2; ++i) {
        line.next_window();
    }
    assert_int_equal(line.moved.size(), kRowCountMax + 2);
}

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
    const auto ask_again = [&] {
        line.tables.waves.put_back(late);
        Wave* const next = line.ask(0, 1);
        assert_ptr_equal(next, late);  // the same slot, and so the same pages
        next->deadline_ns = line.clock.time_ns + 100'000'000;
        next->late = BWRT_LATE_ABORT;
        line.next_window();
    };
    ask_again();
    assert_int_equal(line.ended.size(), 1);
    ask_again();
    assert_int_equal(line.ended.size(), 1);
    assert_int_equal(line.moved.size(), 2);
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

// One a window, the last that asked the first that moves.
void priorities_go_one_before_the_other(void**) {
    Line line(1);
    line.tables.planner.caller_budget_bytes = kPlanPageBytes;
    line.make_lane();
    std::vector<Wave*> waves;
    for (const std::uint8_t priority :
         {BWRT_PRIORITY_BACKGROUND, BWRT_PRIORITY_NORMAL, BWRT_PRIORITY_URGENT}) {
        waves.push_back(line.ask(0, 1));
        waves.back()->priority = priority;
    }
    for (std::size_t window = 1; window <= 3; ++window) {
        line.next_window();
        assert_int_equal(line.moved.size(), window);
        assert_ptr_equal(line.moved.back(), waves[3 - window]);
    }
}

void each_tier_has_its_budget(void**) {
    struct Way {
        PlanTier source, target;
        std::uint64_t bwrt_planner::*budget_bytes;
    };
    const Way ways[] = {{kInDiskTier, kToCaller, &bwrt_planner::caller_budget_bytes},
                        {kFromCaller, kInHostTier, &bwrt_planner::host_budget_bytes},
                        {kFromCaller, kInDiskTier, &bwrt_planner::disk_budget_bytes}};
    for (const Way& limited : ways) {
        for (const bool by_count : {false, true}) {
            Line line(1);
            bwrt_planner& planner = line.tables.planner;
            planner.caller_budget_bytes = 0;
            if (by_count) {
                planner.operation_count_max = 1;
            } else {
                planner.*limited.budget_bytes = kPlanPageBytes;
            }
            line.make_lane();
            for (const Way& way : ways) {
                line.ask(0, 1, way.source, way.target);
                line.ask(0, 1, way.source, way.target);
            }
            line.next_window();
            assert_int_equal(line.moved.size(), by_count ? 3 : 5);
            line.next_window();
            assert_int_equal(line.moved.size(), 6);
        }
    }
}

// Of writes alone, eight at a time, which fill the bus that reads share and copies do not.
void what_goes_to_the_disk_is_predicted_by_what_went_there(void**) {
    Line line(1);
    for (int window = 0; window < 20; ++window) {
        for (int i = 0; i < 100; ++i) {
            line.counters.moved(Route::kWrite, 1'000'000, 1'000'000, 8'000'000);
        }
        line.ask(0, 1);
        line.next_window();
    }
    LaneLoad loads[kLaneCount];
    for (LaneLoad& load : loads) load = {0, 0, line.clock.time_ns};
    line.clock.time_ns += line.tables.planner.window_ns;
    const Wave* const writes = line.ask(0, 1, kFromCaller, kInDiskTier);
    const Wave* const copies = line.ask(0, 1, kFromCaller, kToCaller);
    assert_true(line.lane->turn(line.clock.time_ns, loads));
    assert_true(writes->plan_finish_ns > line.clock.time_ns);
    assert_int_equal(copies->plan_finish_ns, line.clock.time_ns);
}

// What a planner makes of a window in which each stage has something to keep back.
bwrt_counters counts_with(std::uint32_t flags, std::uint32_t stage) {
    Line line(2);
    bwrt_planner& planner = line.tables.planner;
    planner.flags = BWRT_PLANNER_NO_FEEDBACK | flags;
    if (stage == BWRT_PLANNER_NO_FILTER) planner.umin_milli = 2'000'000;
    if (stage == BWRT_PLANNER_NO_BUDGETS) planner.caller_budget_bytes = kPlanPageBytes;
    line.make_lane();
    line.page_step = 1;
    if (stage == BWRT_PLANNER_NO_CREDITS) line.lane->set_credit(1, {.bytes = 1, .burst_bytes = 1});
    const std::uint64_t rate = stage == BWRT_PLANNER_TAKE_LATE ? 1 : 1'000'000'000;
    LaneLoad loads[kLaneCount];
    for (LaneLoad& load : loads) load = {0, rate, line.clock.time_ns};
    Wave* const wave = line.ask(1, 3);
    wave->deadline_ns = line.clock.time_ns + 500'000'000;
    wave->late = BWRT_LATE_ABORT;
    assert_true(line.lane->turn(line.clock.time_ns, loads));
    return line.counts();
}

void each_flag_switches_its_stage_off(void**) {
    struct Stage {
        std::uint32_t flag;
        std::uint64_t carried_count, late_count, operation_count;
    };
    const Stage stages[] = {{BWRT_PLANNER_NO_FILTER, 0, 3, 0},
                            {BWRT_PLANNER_NO_CREDITS, 3, 0, 0},
                            {BWRT_PLANNER_NO_BUDGETS, 2, 0, 1},
                            {BWRT_PLANNER_TAKE_LATE, 0, 3, 0},
                            {BWRT_PLANNER_NO_MERGE, 0, 0, 1}};
    for (const Stage& stage : stages) {
        const bwrt_counters on = counts_with(0, stage.flag),
                            off = counts_with(stage.flag, stage.flag);
        assert_int_equal(on.plan_carried_count, stage.carried_count);
        assert_int_equal(on.plan_late_count, stage.late_count);
        assert_int_equal(on.plan_operation_count, stage.operation_count);
        assert_int_equal(off.plan_carried_count, 0);
        assert_int_equal(off.plan_late_count, 0);
        assert_int_equal(off.plan_operation_count, stage.flag == BWRT_PLANNER_NO_MERGE ? 3 : 1);
        assert_int_equal(off.plan_bytes, 3 * kPlanPageBytes);
    }
}

// A byte a millisecond: a page would take four seconds.
void what_was_measured_long_ago_makes_nobody_late(void**) {
    Line line(1);
    line.tables.planner.flags = BWRT_PLANNER_NO_FEEDBACK;
    line.make_lane();
    line.clock.time_ns *= 100;
    LaneLoad loads[kLaneCount];
    const auto ask_in_a_window = [&](std::uint64_t measured_ns) {
        for (LaneLoad& load : loads) load = {0, 1, measured_ns};
        line.clock.time_ns += line.tables.planner.window_ns;
        Wave* const wave = line.ask(0, 1);
        wave->deadline_ns = line.clock.time_ns + 500'000'000;
        wave->late = BWRT_LATE_ABORT;
        assert_true(line.lane->turn(line.clock.time_ns, loads));
    };
    ask_in_a_window(line.clock.time_ns - 10'000'000'000);
    assert_int_equal(line.moved.size(), 1);
    ask_in_a_window(line.clock.time_ns);
    assert_int_equal(line.moved.size(), 1);
    assert_int_equal(line.ended.size(), 1);
    assert_int_equal(line.statuses[0], BWRT_E_LATE);
    assert_int_equal(line.counts().plan_late_count, 1);
}

// Reads for which a request costs as much as 400 KB: but more than it was told nothing waits.
void what_is_small_waits_for_no_more_than_it_was_told(void**) {
    Line line(1);
    line.tables.planner.min_io_bytes = kPlanPageBytes;
    line.tables.planner.caller_budget_bytes = 0;
    line.make_lane();
    LaneLoad loads[kLaneCount];
    loads[static_cast<std::uint32_t>(Lane::kStorage)].queued_bytes = 1;
    for (int window = 0; window < 20; ++window) {
        // A hundred alone, of 1 MB and of a page in turn: 1 ms a request, and 1 ms for 400 KB.
        const std::uint64_t bytes = window % 2 == 0 ? 1'000'000 : 4096;
        const std::uint64_t each_ns = 1'000'000 + bytes * 5 / 2;
        for (int i = 0; i < 100; ++i) line.counters.moved(Route::kRead, bytes, each_ns, each_ns);
        line.clock.time_ns += line.tables.planner.window_ns;
        line.ask(0, 2);
        assert_true(line.lane->turn(line.clock.time_ns, loads));
        assert_int_equal(line.moved.size(), window + 1);
    }
    assert_int_equal(line.counts().plan_carried_count, 0);
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
        cmocka_unit_test(a_large_wave_is_not_overtaken_for_ever_by_urgent_ones),
        cmocka_unit_test(an_urgent_wave_gets_in_past_its_tenants_others),
        cmocka_unit_test(a_late_wave_that_goes_on_asks_once),
        cmocka_unit_test(who_leaves_leaves_nothing_in_the_planner),
        cmocka_unit_test(who_leaves_makes_room_in_the_window),
        cmocka_unit_test(windows_are_a_window_apart),
        cmocka_unit_test(priorities_go_one_before_the_other),
        cmocka_unit_test(each_tier_has_its_budget),
        cmocka_unit_test(each_flag_switches_its_stage_off),
        cmocka_unit_test(what_goes_to_the_disk_is_predicted_by_what_went_there),
        cmocka_unit_test(what_was_measured_long_ago_makes_nobody_late),
        cmocka_unit_test(what_is_small_waits_for_no_more_than_it_was_told),
        cmocka_unit_test(what_was_predicted_counts_from_where_the_end_does),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
