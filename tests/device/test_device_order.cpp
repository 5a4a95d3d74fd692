// SPDX-License-Identifier: Apache-2.0
//
// Whose copies go next, and what is known of when they are over: a device that does nothing, held
// by the fake driver until the test lets it go, holds up its own waves and no others.

#include "tests/device/copy_world.h"

namespace bwrt::test {
namespace {

constexpr std::size_t kFlight = std::size_t{256} << 10;
constexpr std::size_t kFlightCount = 16;

// More than device 0 has flights for, all of which are out, and held there.
struct HeldWorld : CopyWorld {
    const Bytes source = pattern((kFlightCount + 2) * kFlight, 1);
    DeviceMemory held, free;
    bwrt_handle large = 0;

    void start_held(void** state) {
        need_fake();
        start_copies(state, "");
        held = memory(2 * source.size(), 0);
        free = memory(kFlight, 1);
        fake_driver()->hold(0, 1);
        large = submitted({copy_in(source, held.region)});
        while (fake_driver()->count("cuEventRecord") != kFlightCount) assert_runs_still(large);
    }
    void assert_runs_still(bwrt_handle wave) const {
        bwrt_completion completion = {};
        assert_int_equal(bwrt_wait(runtime, wave, 0, &completion, nullptr), BWRT_E_TIMEOUT);
    }
    void let_go() { fake_driver()->hold(0, 0); }
};

void a_device_with_all_flights_out_holds_up_no_other(void** state) {
    HeldWorld world;
    bwrt_wave later = {};
    const Bytes source = pattern(kFlight, 2);
    world.start_held(state);
    later.priority = BWRT_PRIORITY_BACKGROUND;

    world.assert_runs({copy_in(source, world.free.region)}, later);

    world.assert_runs_still(world.large);
    world.let_go();
    assert_int_equal(world.outcome(world.large).status, BWRT_OK);
    assert_true(world.look(world.held.address, world.source.size()) == world.source);
    world.end_copies();
}

// With what it got one for: all of the first device are out again by then.
void who_waited_for_one_device_goes_on_with_another(void** state) {
    constexpr unsigned int kOfAFlight = 2;  // its copy, and the record of its event
    HeldWorld world;
    bwrt_wave urgent = {};
    bwrt_handle both = 0;
    const Bytes source = pattern(kFlight, 4);
    world.start_held(state);
    urgent.priority = BWRT_PRIORITY_URGENT;
    const bwrt_operation to_held = copy_in(source, world.held.region, world.source.size());
    const bwrt_operation to_free = copy_in(source, world.free.region);
    assert_int_equal(world.submit(urgent, {to_held, to_free}, &both), BWRT_OK);

    fake_driver()->let(0, kOfAFlight);
    while (fake_driver()->count("cuEventRecord") != kFlightCount + 2) world.assert_runs_still(both);

    world.assert_runs_still(world.large);
    world.let_go();
    assert_int_equal(world.outcome(both).status, BWRT_OK);
    assert_int_equal(world.outcome(world.large).status, BWRT_OK);
    world.end_copies();
}

void a_wave_that_waits_for_a_flight_is_cancelled(void** state) {
    HeldWorld world;
    const Bytes source = pattern(kFlight, 3);
    world.start_held(state);
    const bwrt_handle small = world.submitted({copy_in(source, world.held.region)});
    const bwrt_handle other = world.submitted({copy_in(source, world.held.region)});
    world.assert_runs({copy_in(source, world.free.region)});  // and the others have been looked at

    assert_int_equal(bwrt_cancel(world.runtime, small, nullptr), BWRT_OK);
    assert_int_equal(world.outcome(small).status, BWRT_E_CANCELLED);
    assert_int_equal(bwrt_cancel(world.runtime, world.large, nullptr), BWRT_OK);
    world.assert_runs({copy_in(source, world.free.region)});  // and that has been heard
    world.let_go();

    const bwrt_completion part = world.outcome(world.large);
    assert_int_equal(part.status, BWRT_E_CANCELLED);
    assert_int_equal(part.bytes, kFlightCount * kFlight);
    assert_int_equal(world.outcome(other).status, BWRT_OK);
    assert_true(world.look(world.held.address, kFlight) == source);
    world.end_copies();
}

// What waits is served by urgency when the device goes on, whatever came first.
void the_most_urgent_gets_the_flight_that_comes_back(void** state) {
    HeldWorld world;
    bwrt_wave soon = {}, later = {};
    bwrt_completion completions[3] = {};
    std::uint32_t count = 0, all = 0;
    const Bytes source = pattern(kFlight, 4);
    world.start_held(state);
    soon.priority = BWRT_PRIORITY_URGENT;
    later.priority = BWRT_PRIORITY_BACKGROUND;
    soon.delivery = later.delivery = BWRT_DELIVER_QUEUE;
    soon.user_data = 1;
    later.user_data = 2;
    world.submitted({copy_in(source, world.held.region)}, later);
    world.assert_runs({copy_in(source, world.free.region)});
    world.submitted({copy_in(source, world.held.region)}, soon);
    world.assert_runs({copy_in(source, world.free.region)});

    world.let_go();
    assert_int_equal(world.outcome(world.large).status, BWRT_OK);
    while (all < 2) {
        assert_int_equal(bwrt_poll(world.runtime, &completions[all], 2, &count, nullptr), BWRT_OK);
        all += count;
    }

    assert_int_equal(completions[0].user_data, 1);
    assert_int_equal(completions[1].user_data, 2);
    world.end_copies();
}

void what_waits_for_a_device_that_is_lost_fails(void** state) {
    HeldWorld world;
    const Bytes source = pattern(kFlight, 5);
    world.start_held(state);
    const bwrt_handle small = world.submitted({copy_in(source, world.held.region)});
    world.assert_runs({copy_in(source, world.free.region)});

    fake_driver()->lose(0, CUDA_ERROR_ILLEGAL_ADDRESS);

    assert_int_equal(world.outcome(small).status, BWRT_E_DEVICE_LOST);
    assert_int_equal(world.outcome(world.large).status, BWRT_E_DEVICE_LOST);
    world.close();
    assert_null(fake_driver()->configure(""));  // what it left lay on the lost one
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        BWRT_IN_BOTH_WAYS(a_device_with_all_flights_out_holds_up_no_other),
        BWRT_IN_BOTH_WAYS(who_waited_for_one_device_goes_on_with_another),
        BWRT_IN_BOTH_WAYS(a_wave_that_waits_for_a_flight_is_cancelled),
        BWRT_IN_BOTH_WAYS(the_most_urgent_gets_the_flight_that_comes_back),
        BWRT_IN_BOTH_WAYS(what_waits_for_a_device_that_is_lost_fails),
    };
    return run_on_driver(tests);
}
