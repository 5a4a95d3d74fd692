// SPDX-License-Identifier: Apache-2.0
//
// Time is CLOCK_MONOTONIC and nothing else, so that setting the wall clock cannot end a wave.
// A clock of the test's stands still, jumps and goes back: nothing ends early, nothing hangs.  And
// with the system's clock, no other is ever asked.

#include <sys/syscall.h>
#include <sys/time.h>

#include <atomic>

#include "tests/fault/scripted_storage.h"

namespace {

std::atomic<bool> watching{false};
std::atomic<int> monotonic_count{0};
std::atomic<int> other_count{0};

void note(bool is_monotonic) {
    if (!watching.load(std::memory_order_relaxed)) return;
    (is_monotonic ? monotonic_count : other_count).fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

// In place of the C library's, for the whole program.
extern "C" {
__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, timespec* now) noexcept {
    note(clock == CLOCK_MONOTONIC);
    return static_cast<int>(syscall(SYS_clock_gettime, clock, now));
}
__attribute__((visibility("default"))) int gettimeofday(timeval* __restrict now,
                                                        void* __restrict) noexcept {
    note(false);
    return static_cast<int>(syscall(SYS_gettimeofday, now, nullptr));
}
__attribute__((visibility("default"))) time_t time(time_t* now) noexcept {
    note(false);
    timespec real;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &real);
    if (now != nullptr) *now = real.tv_sec;
    return real.tv_sec;
}
}

namespace {

using bwrt::runtime::open_runtime;
using bwrt::runtime::World;

constexpr std::uint64_t kHourNs = 3'600'000'000'000;

class TestClock final : public bwrt::runtime::Clock {
 public:
    std::atomic<std::uint64_t> time_ns{1000 * kHourNs};
    [[nodiscard]] std::uint64_t now_ns() const noexcept override {
        return time_ns.load(std::memory_order_relaxed);
    }
};

struct ClockWorld {
    faults base;
    TestClock* clock;
};

int clock_setup(void** state) {
    auto* world = static_cast<ClockWorld*>(std::calloc(1, sizeof(ClockWorld)));
    *state = world;
    world->base.fd = -1;
    world->clock = new TestClock;
    const bwrt_config config = config_of_mode();
    World seams;
    seams.clock = world->clock;
    if (open_runtime(&config, seams, &world->base.runtime, &world->base.error) != 0) return -1;
    return faults_add_regions(&world->base);
}

int clock_teardown(void** state) {
    auto* world = static_cast<ClockWorld*>(*state);
    const int failed = faults_close(&world->base);
    delete world->clock;
    std::free(world);
    return failed;
}

// A deadline of one nanosecond is not over while no time passes.
void while_the_clock_stands_still_nothing_expires_and_nothing_hangs(void** state) {
    auto* world = static_cast<ClockWorld*>(*state);
    faults* self = &world->base;
    for (int i = 0; i < 50; ++i) {
        const bwrt_operation operation = read_of(self, 0, 0, 65536);
        bwrt_wave wave = wave_of(&operation, 1);
        bwrt_completion completion;
        wave.late = BWRT_LATE_ABORT;
        wave.flags = BWRT_WAVE_DEADLINE_RELATIVE;
        wave.deadline_ns = 1;
        std::memset(self->memory, 0, 65536);

        assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);

        assert_int_equal(completion.flags, 0);
        assert_int_equal(completion.submitted_ns, completion.finished_ns);
        assert_true(has_pattern(self->memory, 0, 65536));
    }
    assert_int_equal(bwrt_region_set(self->runtime, self->memory_region, BWRT_REGION_QUIESCE,
                                     kPatienceNs, nullptr),
                     BWRT_OK);
}

void a_step_back_of_an_hour_expires_nothing(void** state) {
    auto* world = static_cast<ClockWorld*>(*state);
    faults* self = &world->base;
    const bwrt_operation operation = read_of(self, 0, 0, 65536);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 0;
    bwrt_completion completion;
    const std::uint64_t before_ns = world->clock->now_ns();
    wave.late = BWRT_LATE_ABORT;
    wave.deadline_ns = before_ns + kHourNs;
    wave.window = BWRT_WINDOW_TIME;
    wave.window_start = before_ns + 1000;
    wave.window_end = before_ns + kHourNs;

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, nullptr), BWRT_OK);
    world->clock->time_ns = before_ns - kHourNs;
    assert_still_works(self);
    assert_int_equal(bwrt_wait(self->runtime, handle, 0, &completion, nullptr), BWRT_E_TIMEOUT);

    world->clock->time_ns = before_ns + 1000;
    assert_still_works(self);  // the driver looks at the clock
    assert_int_equal(bwrt_wait(self->runtime, handle, kPatienceNs, &completion, nullptr), BWRT_OK);
    assert_int_equal(completion.status, BWRT_OK);
}

void a_step_forward_expires_what_is_over_by_then(void** state) {
    auto* world = static_cast<ClockWorld*>(*state);
    faults* self = &world->base;
    const bwrt_operation operation = copy_of(self, 0, 65536, 64);
    bwrt_wave late = wave_of(&operation, 1), closed = wave_of(&operation, 1);
    bwrt_handle handles[2];
    bwrt_completion completion;
    const std::uint64_t now_ns = world->clock->now_ns();
    late.late = BWRT_LATE_ABORT;
    late.deadline_ns = now_ns + kHourNs;
    late.window = closed.window = BWRT_WINDOW_TIME;
    late.window_start = closed.window_start = now_ns + kHourNs / 2;
    late.window_end = 0;
    closed.window_end = now_ns + kHourNs;
    assert_int_equal(bwrt_submit_wave(self->runtime, &late, &handles[0], nullptr), BWRT_OK);
    assert_int_equal(bwrt_submit_wave(self->runtime, &closed, &handles[1], nullptr), BWRT_OK);
    assert_still_works(self);

    world->clock->time_ns = now_ns + 2 * kHourNs;
    assert_still_works(self);

    assert_int_equal(bwrt_wait(self->runtime, handles[0], kPatienceNs, &completion, nullptr), 0);
    assert_int_equal(completion.status, BWRT_E_LATE);
    assert_int_equal(bwrt_wait(self->runtime, handles[1], kPatienceNs, &completion, nullptr), 0);
    assert_int_equal(completion.status, BWRT_E_WINDOW);
}

void only_the_monotonic_clock_is_ever_asked(void** state) {
    faults self;
    const bwrt_config config = config_of_mode();
    static_cast<void>(state);
    monotonic_count = other_count = 0;
    watching = true;
    int failed = faults_open(&self, &config);
    for (int i = 0; i < 20 && failed == 0; ++i) {
        const bwrt_operation operations[2] = {read_of(&self, 0, 0, 4096), flush_of(&self)};
        bwrt_wave wave = wave_of(operations, 2);
        bwrt_completion completion;
        wave.flags = BWRT_WAVE_DEADLINE_RELATIVE;
        wave.deadline_ns = kHourNs;
        wave.late = BWRT_LATE_REFUSE;
        failed |= run_wave(&self, &wave, &completion);
    }
    bwrt_counters counters = {};
    counters.struct_size = sizeof counters;
    failed |= bwrt_sample(self.runtime, &counters, nullptr);
    failed |= faults_close(&self);
    watching = false;

    assert_int_equal(failed, 0);
    assert_true(monotonic_count > 0);
    assert_int_equal(other_count, 0);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            while_the_clock_stands_still_nothing_expires_and_nothing_hangs, clock_setup,
            clock_teardown),
        cmocka_unit_test_setup_teardown(a_step_back_of_an_hour_expires_nothing, clock_setup,
                                        clock_teardown),
        cmocka_unit_test_setup_teardown(a_step_forward_expires_what_is_over_by_then, clock_setup,
                                        clock_teardown),
        cmocka_unit_test(only_the_monotonic_clock_is_ever_asked),
    };
    int failures = 0;
    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
