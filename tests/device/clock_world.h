// SPDX-License-Identifier: Apache-2.0
//
// clock_world.h — copies on a clock of the test's: time passes when the test says so, and by a
// microsecond with each question, so that whoever waits for a time gets there.

#pragma once

#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "runtime/clock.h"
#include "runtime/runtime.h"
#include "tests/device/copy_world.h"

namespace bwrt::test {

class TestClock final : public runtime::Clock {
 public:
    [[nodiscard]] std::uint64_t now_ns() const noexcept override {
        return ns_.fetch_add(kQuestionNs) + kQuestionNs;
    }
    void pass(std::uint64_t by_ns) { ns_.fetch_add(by_ns); }
    [[nodiscard]] std::uint64_t peek_ns() const { return ns_.load(); }

 private:
    static constexpr std::uint64_t kQuestionNs = 1000;
    mutable std::atomic<std::uint64_t> ns_{1'000'000'000};
};

struct ClockWorld : CopyWorld {
    TestClock clock;                       // ends after the runtime, which close() ends
    runtime::HostBackend* host = nullptr;  // null: the real one

    void start_on_clock(void** state, const char* plan) {
        start_copies(state, plan);
        close();
        bwrt_config config = {};
        runtime::World seams;
        config.struct_size = sizeof config;
        config.progress = *static_cast<const std::uint32_t*>(*state);
        seams.clock = &clock;
        seams.host = host;
        assert_int_equal(runtime::open_runtime(&config, seams, &runtime, &error), BWRT_OK);
    }

    // A step of the driver, in caller mode; in thread mode it goes by itself.
    void assert_runs_still(bwrt_handle wave) const {
        bwrt_completion completion = {};
        assert_int_equal(bwrt_wait(runtime, wave, 0, &completion, nullptr), BWRT_E_TIMEOUT);
    }
    void wait_for_calls(const char* name, std::uint64_t count, bwrt_handle wave) const {
        while (fake_driver()->count(name) < count) {
            assert_runs_still(wave);
            usleep(100);  // or our questions would be most of the time that passes
        }
    }
    // What is over by now has been told to submitters: a call runs in the middle of a turn, so the
    // second comes behind a whole one.
    void let_it_be_told() const {
        for (int i = 0; i < 2; ++i) {
            bwrt_counters counters = {};
            counters.struct_size = sizeof counters;
            assert_int_equal(bwrt_sample(runtime, &counters, nullptr), BWRT_OK);
        }
    }
};

}  // namespace bwrt::test
