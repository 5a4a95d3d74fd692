// SPDX-License-Identifier: Apache-2.0
//
// test_plan_feedback.cpp — a running runtime counts how far the ends of planned waves were from
// what was predicted, and what it measured sets what waits; or does not, where it was told so.
//
// How fast this machine is shows nowhere: what has to be measured is done until it is.

#include "tests/blocks/block_world.h"

namespace {

using namespace bwrt::test;

const StoreOf kHostOnly(16 * kMib, 0);
const StoreOf kDiskOnly(0, kDiskBytes);

constexpr std::uint64_t kWindowNs = 10 * kSecondNs;
constexpr std::uint64_t kCopyBytes = 4 * kMib;

bwrt_planner planner_of(std::uint64_t window_ns) {
    bwrt_planner planner = {};
    planner.struct_size = sizeof planner;
    planner.window_ns = window_ns;
    return planner;
}

// A planned wave of one COPY.
bwrt_status copy(BlockWorld* world, const Bytes& source, Bytes* target, std::uint64_t deadline_ns) {
    bwrt_operation operation = {};
    operation.kind = BWRT_OP_COPY;
    operation.source = operation.target = BWRT_PROCESS_MEMORY;
    operation.source_offset_bytes = reinterpret_cast<std::uintptr_t>(source.data());
    operation.target_offset_bytes = reinterpret_cast<std::uintptr_t>(target->data());
    operation.length_bytes = source.size();
    bwrt_wave wave = {};
    wave.struct_size = sizeof wave;
    wave.operations = &operation;
    wave.operation_count = 1;
    wave.operation_bytes = sizeof operation;
    wave.flags = BWRT_WAVE_PLANNED;
    wave.deadline_ns = deadline_ns;
    bwrt_handle handle = 0;
    bwrt_completion completion = {};
    assert_int_equal(bwrt_submit_wave(world->runtime, &wave, &handle, nullptr), BWRT_OK);
    assert_int_equal(bwrt_wait(world->runtime, handle, kPatienceNs, &completion, nullptr), 0);
    return completion.status;
}

// Until the end of a copy has been predicted `count` times more.
void copy_until_predicted(BlockWorld* world, std::uint64_t count, std::uint64_t deadline_ns) {
    const std::uint64_t wanted = counters_of(world->runtime).plan_finished_count + count;
    const std::uint64_t until_ns = monotonic_ns() + static_cast<std::uint64_t>(kPatienceNs);
    Bytes source(kCopyBytes, 7), target(kCopyBytes);
    while (counters_of(world->runtime).plan_finished_count < wanted) {
        assert_true(monotonic_ns() < until_ns);
        assert_int_equal(copy(world, source, &target, deadline_ns), BWRT_OK);
    }
}

void ends_are_compared_with_what_was_predicted(void** state) {
    BlockWorld* world = world_of(state);
    world->planner = planner_of(100'000);
    world->open(kHostOnly);
    assert_int_equal(counters_of(world->runtime).plan_finished_count, 0);

    copy_until_predicted(world, 3, 0);

    const bwrt_counters counters = counters_of(world->runtime);
    assert_true(counters.plan_finished_count < counters.waves_ok);  // the first ones were not
    assert_int_equal(counters.plan_on_time_count, counters.plan_finished_count);
    assert_true(counters.plan_error_ns != 0);
}

void what_ends_behind_its_deadline_is_not_on_time(void** state) {
    BlockWorld* world = world_of(state);
    world->planner = planner_of(100'000);
    world->open(kHostOnly);

    copy_until_predicted(world, 3, 1);  // long ago

    assert_int_equal(counters_of(world->runtime).plan_on_time_count, 0);
}

// Its slot in the table of waves is that of one which had a prediction.
void of_what_moves_nothing_nothing_is_predicted(void** state) {
    BlockWorld* world = world_of(state);
    world->planner = planner_of(100'000);
    world->open(kHostOnly);
    assert_int_equal(put(world, {1, 0}, 4), BWRT_OK);
    copy_until_predicted(world, 1, 0);
    const std::uint64_t before = counters_of(world->runtime).plan_finished_count;

    for (std::uint32_t i = 0; i < 4; ++i) {
        Request drop(world, BWRT_OP_DROP, {1, 3 - i}, 1);
        drop.wave.flags = BWRT_WAVE_PLANNED;
        assert_int_equal(drop.run(), BWRT_OK);
    }

    assert_int_equal(counters_of(world->runtime).plan_finished_count, before);
}

void ends_are_counted_without_feedback_too(void** state) {
    BlockWorld* world = world_of(state);
    world->planner = planner_of(100'000);
    world->planner.flags = BWRT_PLANNER_NO_FEEDBACK;
    world->open(kHostOnly);

    copy_until_predicted(world, 3, 0);

    assert_true(counters_of(world->runtime).plan_error_ns != 0);
}

// What has been read from the disk, one request at a time, so that it is measured.
void read_until_measured(BlockWorld* world) {
    bwrt_route routes[4] = {};
    const auto read = [&]() -> const bwrt_route& {
        bwrt_counters counters = {};
        counters.struct_size = sizeof counters;
        counters.routes = routes;
        counters.route_capacity = 4;
        counters.route_bytes = sizeof routes[0];
        assert_int_equal(bwrt_sample(world->runtime, &counters, nullptr), BWRT_OK);
        return routes[0];
    };
    assert_int_equal(read().source_tier, BWRT_TIER_DISK);
    assert_int_equal(read().target_tier, BWRT_TIER_HOST);
    while (read().request_count < 200 || read().latency_sum_ns < 20'000'000) {
        assert_int_equal(get(world, {1, 0}), BWRT_OK);
    }
}

// A small wave, when a window has been planned that was not its first chance.
bool waits_for_company(BlockWorld* world, std::uint32_t flags) {
    world->planner = planner_of(kWindowNs);
    world->planner.min_io_bytes = kMib;
    world->planner.flags = flags;
    world->open(kDiskOnly);
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {1, 0}), BWRT_OK);
    read_until_measured(world);
    Request small(world, BWRT_OP_GET, {1, 0}, 1);
    small.wave.flags = BWRT_WAVE_PLANNED;
    small.start();
    drive_until(world, [&] { return counters_of(world->runtime).plan_count >= 1; });
    const bwrt_counters counters = counters_of(world->runtime);
    assert_int_equal(counters.plan_count, 1);
    assert_int_equal(counters.plan_row_count, 1);
    const bool waits = counters.plan_carried_count != 0;
    if (waits) assert_int_equal(bwrt_cancel(world->runtime, small.handle, nullptr), BWRT_OK);
    assert_int_equal(small.finish(), waits ? BWRT_E_CANCELLED : BWRT_OK);
    world->close();
    return waits;
}

void beside_an_idle_disk_that_was_measured_nothing_waits_for_company(void** state) {
    assert_false(waits_for_company(world_of(state), 0));
}

void without_feedback_it_waits_as_it_was_told(void** state) {
    assert_true(waits_for_company(world_of(state), BWRT_PLANNER_NO_FEEDBACK));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        IN_BLOCK_WORLD(ends_are_compared_with_what_was_predicted),
        IN_BLOCK_WORLD(what_ends_behind_its_deadline_is_not_on_time),
        IN_BLOCK_WORLD(of_what_moves_nothing_nothing_is_predicted),
        IN_BLOCK_WORLD(ends_are_counted_without_feedback_too),
        IN_BLOCK_WORLD(beside_an_idle_disk_that_was_measured_nothing_waits_for_company),
        IN_BLOCK_WORLD(without_feedback_it_waits_as_it_was_told),
    };
    return cmocka_run_group_tests_name("plans that learn", tests, nullptr, nullptr);
}
