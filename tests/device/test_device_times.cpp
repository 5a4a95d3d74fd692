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
    // Asked in time, or it would be a pause of ours.
    const std::uint64_t asked = fake_driver()->count("cuEventQuery");
    world->wait_for_calls("cuEventQuery", asked + 2, wave);
    fake_driver()->hold(0, 0);
    assert_int_equal(world->outcome(wave).status, BWRT_OK);
    world->let_it_be_told();
}

// What has gone out is over.
void wait_for_device(const ClockWorld& world) {
    assert_int_equal(world.driver.ctx_set_current(world.context), CUDA_SUCCESS);
    assert_int_equal(world.driver.ctx_synchronize(), CUDA_SUCCESS);
    assert_int_equal(world.driver.ctx_set_current(nullptr), CUDA_SUCCESS);
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

// Both are over before that.
void nobody_asking_for_a_while_is_no_slow_copy(void** state) {
    ClockWorld world;
    need_fake();
    world.start_on_clock(state, "");
    const Bytes small(64), large(4 * kFlight);
    const DeviceMemory device = world.memory(large.size());
    const bwrt_handle first = world.submitted({copy_in(small, device.region)});
    world.wait_for_calls("cuEventRecord", 1, first);
    const bwrt_handle second = world.submitted({copy_in(small, device.region, 4096)});
    world.wait_for_calls("cuEventRecord", 2, second);
    wait_for_device(world);

    world.clock.pass(kSecondNs / 2);
    assert_int_equal(world.outcome(second).status, BWRT_OK);
    assert_int_equal(world.outcome(first).status, BWRT_OK);
    world.let_it_be_told();

    assert_int_equal(submit_with_a_second(&world, copy_in(large, device.region)), BWRT_OK);
    world.end_copies();
}

// Each goes out before it is time to ask for those before it.
void a_stream_of_small_waves_puts_no_question_off(void** state) {
    constexpr std::size_t kWaves = 15;  // fewer than there are flights
    ClockWorld world;
    std::vector<bwrt_handle> waves;
    need_fake();
    world.start_on_clock(state, "");
    const Bytes source(64);
    const DeviceMemory device = world.memory(kFlight);
    fake_driver()->hold(0, 1);

    for (std::size_t i = 0; i < kWaves; ++i) {
        waves.push_back(world.submitted({copy_in(source, device.region)}));
        world.wait_for_calls("cuEventRecord", i + 1, waves.back());
        world.clock.pass(4000);
    }

    assert_true(fake_driver()->count("cuEventQuery") > 0);
    fake_driver()->hold(0, 0);
    for (const bwrt_handle wave : waves) assert_int_equal(world.outcome(wave).status, BWRT_OK);
    world.end_copies();
}

// Copies, and knows how many bytes were copied between two looks at the clock, as each turn has
// one.
class WatchedHost final : public runtime::HostBackend {
 public:
    explicit WatchedHost(const TestClock* clock) : clock_(*clock) {}

    [[nodiscard]] bool copy(void* target, const void* source,
                            std::size_t length_bytes) noexcept override {
        const std::uint64_t now_ns = clock_.peek_ns();
        bytes_ = now_ns == last_ns_ ? bytes_ + length_bytes : length_bytes;
        last_ns_ = now_ns;
        most_bytes_ = std::max(most_bytes_, bytes_);
        std::memcpy(target, source, length_bytes);
        return true;
    }
    [[nodiscard]] std::size_t most_bytes() const { return most_bytes_; }

 private:
    const TestClock& clock_;
    std::uint64_t last_ns_ = 0;
    std::size_t bytes_ = 0, most_bytes_ = 0;
};

// Though all of it is there.
void what_came_from_a_device_is_copied_a_slice_a_turn(void** state) {
    constexpr std::size_t kFlights = 16;
    ClockWorld world;
    WatchedHost host(&world.clock);
    world.host = &host;
    need_fake();
    world.start_on_clock(state, "");
    const Bytes source = pattern(kFlights * kFlight, 1);
    Bytes target(source.size());
    const DeviceMemory device = world.memory(source.size());
    world.assert_runs({copy_in(source, device.region)});
    const std::uint64_t before = fake_driver()->count("cuEventRecord");
    fake_driver()->hold(0, 1);
    const bwrt_handle wave = world.submitted({copy_out(device.region, &target)});
    world.wait_for_calls("cuEventRecord", before + kFlights, wave);

    fake_driver()->hold(0, 0);
    wait_for_device(world);
    assert_int_equal(world.outcome(wave).status, BWRT_OK);

    assert_true(target == source);
    assert_int_equal(host.most_bytes(), kFlight);
    world.end_copies();
}

// Every question ends in an error that says nothing, and then it is a second since the first did.
void a_device_that_cannot_be_asked_for_a_second_is_given_up(void** state) {
    ClockWorld world;
    need_fake();
    world.start_on_clock(state, "cuEventQuery:*:999");
    Bytes target(4096);
    const DeviceMemory device = world.memory(kFlight);
    const bwrt_handle wave = world.submitted({copy_out(device.region, &target)});

    world.wait_for_calls("cuEventQuery", 40, wave);
    world.clock.pass(kSecondNs);
    const bwrt_completion completion = world.outcome(wave);

    assert_int_equal(completion.status, BWRT_E_DEVICE_LOST);
    assert_int_equal(completion.os_code, CUDA_ERROR_UNKNOWN);
    world.close();
    world.driver.primary_ctx_release(0);
    assert_null(fake_driver()->configure(""));  // what it left lay on the lost one
}

// As is one who does not drive for a second.
void a_device_that_cannot_be_asked_twice_is_not_given_up(void** state) {
    ClockWorld world;
    need_fake();
    world.start_on_clock(state, "cuEventQuery:1:999;cuEventQuery:2:999");
    Bytes target(4096);
    const DeviceMemory device = world.memory(kFlight);
    const bwrt_handle wave = world.submitted({copy_out(device.region, &target)});

    world.wait_for_calls("cuEventQuery", 1, wave);
    world.clock.pass(kSecondNs);

    assert_int_equal(world.outcome(wave).status, BWRT_OK);
    world.end_copies();
}

// An answer is what says that one of them is not over.  In caller mode, where no question is asked
// while the clock is set forward.
void an_answer_in_between_begins_the_second_anew(void** state) {
    ClockWorld world;
    constexpr std::uint64_t kBad = 16;  // in a row, more than it takes beside a second
    std::string plan = "cuEventQuery:" + std::to_string(kBad + 1) + ":600";
    need_fake();
    for (std::uint64_t i = 1; i <= 2 * kBad + 1; ++i) {
        if (i != kBad + 1) plan += ";cuEventQuery:" + std::to_string(i) + ":999";
    }
    world.start_on_clock(state, plan.c_str());
    Bytes target(4096);
    const DeviceMemory device = world.memory(kFlight);
    const bwrt_handle wave = world.submitted({copy_out(device.region, &target)});

    world.wait_for_calls("cuEventQuery", 1, wave);
    world.clock.pass(kSecondNs - 100'000'000);
    world.wait_for_calls("cuEventQuery", kBad + 2, wave);
    world.clock.pass(kSecondNs - 100'000'000);

    assert_int_equal(world.outcome(wave).status, BWRT_OK);
    world.end_copies();
}

// "Not yet" for the one says nothing of the other, whose mark is never set.
void an_answer_for_another_flight_is_none(void** state) {
    ClockWorld world;
    need_fake();
    world.start_on_clock(state, "cuEventRecord:2+:999");
    const Bytes source(4096);
    Bytes target(4096);
    const DeviceMemory device = world.memory(kFlight);
    fake_driver()->hold(0, 1);
    const bwrt_handle first = world.submitted({copy_in(source, device.region)});
    world.wait_for_calls("cuEventRecord", 1, first);
    const bwrt_handle second = world.submitted({copy_out(device.region, &target, 8192)});

    world.wait_for_calls("cuEventRecord", 20, second);
    world.clock.pass(kSecondNs);

    assert_int_equal(world.outcome(second).status, BWRT_E_DEVICE_LOST);
    assert_int_equal(world.outcome(first).status, BWRT_E_DEVICE_LOST);
    world.close();
    fake_driver()->hold(0, 0);
    world.driver.primary_ctx_release(0);
    assert_null(fake_driver()->configure(""));
}

// However long: the engine's, and not the device's, are the errors of a capture.
void a_capture_may_last_longer_than_a_device_is_believed_in(void** state) {
    ClockWorld world;
    std::string plan = "cuEventRecord:1:900";
    need_fake();
    for (int i = 1; i <= 8; ++i) plan += ";cuEventQuery:" + std::to_string(i) + ":900";
    world.start_on_clock(state, plan.c_str());
    Bytes target(4096);
    const DeviceMemory device = world.memory(kFlight);
    const bwrt_handle wave = world.submitted({copy_out(device.region, &target)});

    for (std::uint64_t count = 1; count <= 8; ++count) {
        world.wait_for_calls("cuEventQuery", count, wave);
        world.clock.pass(2 * kSecondNs);
    }

    assert_int_equal(world.outcome(wave).status, BWRT_OK);
    world.end_copies();
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        BWRT_IN_BOTH_WAYS(a_pause_before_the_question_is_no_slow_copy),
        BWRT_IN_BOTH_WAYS(copies_that_more_waits_behind_make_the_rate_of_their_way),
        BWRT_IN_BOTH_WAYS(nobody_asking_for_a_while_is_no_slow_copy),
        BWRT_IN_BOTH_WAYS(a_stream_of_small_waves_puts_no_question_off),
        BWRT_IN_BOTH_WAYS(what_came_from_a_device_is_copied_a_slice_a_turn),
        BWRT_IN_BOTH_WAYS(a_device_that_cannot_be_asked_for_a_second_is_given_up),
        BWRT_IN_BOTH_WAYS(a_device_that_cannot_be_asked_twice_is_not_given_up),
        {"an_answer_in_between_begins_the_second_anew (caller)",
         an_answer_in_between_begins_the_second_anew, nullptr, nullptr, &progress_ways[1]},
        BWRT_IN_BOTH_WAYS(an_answer_for_another_flight_is_none),
        BWRT_IN_BOTH_WAYS(a_capture_may_last_longer_than_a_device_is_believed_in),
    };
    return run_on_driver(tests);
}
