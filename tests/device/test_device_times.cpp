// SPDX-License-Identifier: Apache-2.0
//
// When a device is asked, what its rate is made of, and how long it is believed in, on a clock of
// the test's.  What is measured is told by what BWRT_LATE_REFUSE refuses: the device is held while
// the clock is set forward, so that a copy takes as long as the test wants.

#include "tests/device/clock_world.h"

namespace bwrt::test {
namespace {

constexpr std::size_t kFlight = std::size_t{256} << 10;
constexpr std::uint64_t kSecondNs = 1'000'000'000;

// The wave's copies take so long.
void run_slowly(ClockWorld* world, const std::vector<bwrt_operation>& operations,
                std::uint64_t flight_count, std::uint64_t takes_ns) {
    const std::uint64_t before = fake_driver()->count("cuEventRecord");
    fake_driver()->hold(0, 1);
    const bwrt_handle wave = world->submitted(operations);
    world->wait_for_calls("cuEventRecord", before + flight_count, wave);
    world->clock.pass(takes_ns);
    fake_driver()->hold(0, 0);
    assert_int_equal(world->outcome(wave).status, BWRT_OK);
    world->let_it_be_told();
}

bwrt_status submit_with_a_second(ClockWorld* world, const bwrt_operation& operation) {
    bwrt_wave wave = {};
    bwrt_handle handle = 0;
    wave.late = BWRT_LATE_REFUSE;
    wave.flags = BWRT_WAVE_DEADLINE_RELATIVE;
    wave.deadline_ns = kSecondNs;
    const bwrt_status status = world->submit(wave, {operation}, &handle);
    if (status == BWRT_OK) static_cast<void>(world->outcome(handle));
    return status;
}

void a_pause_before_the_question_is_no_slow_copy(void** state) {
    ClockWorld world;
    need_fake();
    world.start_on_clock(state, "");
    const Bytes small(64), large(4 * kFlight);
    const DeviceMemory device = world.memory(large.size());

    run_slowly(&world, {copy_in(small, device.region)}, 1, kSecondNs / 2);

    assert_int_equal(submit_with_a_second(&world, copy_in(large, device.region)), BWRT_OK);
    world.end_copies();
}

void copies_that_more_waits_behind_make_the_rate_of_their_way(void** state) {
    ClockWorld world;
    need_fake();
    world.start_on_clock(state, "");
    Bytes bytes(2 * kFlight);  // of which the second tells nothing
    const DeviceMemory device = world.memory(2 * bytes.size());

    run_slowly(&world, {copy_in(bytes, device.region)}, 2, 10 * kSecondNs);

    assert_int_equal(submit_with_a_second(&world, copy_in(bytes, device.region)), BWRT_E_LATE);
    assert_int_equal(submit_with_a_second(&world, copy_out(device.region, &bytes)), BWRT_OK);
    const bwrt_operation within = copy(device.region, 0, device.region, bytes.size(), bytes.size());
    assert_int_equal(submit_with_a_second(&world, within), BWRT_OK);
    world.end_copies();
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        BWRT_IN_BOTH_WAYS(a_pause_before_the_question_is_no_slow_copy),
        BWRT_IN_BOTH_WAYS(copies_that_more_waits_behind_make_the_rate_of_their_way),
    };
    return run_on_driver(tests);
}
