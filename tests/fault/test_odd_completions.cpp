// SPDX-License-Identifier: Apache-2.0
//
// A backend that answers twice, out of order, or what nobody asked.  Each wave ends once, its bytes
// are right, and the strangers are counted.

#include "tests/fault/scripted_storage.h"

namespace {

using bwrt::test::Action;
using bwrt::test::IoRequest;
using bwrt::test::ScriptedWorld;

constexpr std::uint32_t kWaves = 64;
constexpr std::uint64_t kBytes = 8192;

// Every wave of single reads once, its bytes right.
void run_many(ScriptedWorld* world) {
    faults* self = &world->base;
    bwrt_handle handles[kWaves];
    std::memset(self->memory, 0, kWaves * kBytes);
    for (std::uint32_t i = 0; i < kWaves; ++i) {
        const bwrt_operation operation = read_of(self, i * kBytes, i * kBytes, kBytes);
        const bwrt_wave wave = wave_of(&operation, 1);
        assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handles[i], nullptr), BWRT_OK);
    }
    for (std::uint32_t i = 0; i < kWaves; ++i) {
        bwrt_completion completion;
        assert_int_equal(bwrt_wait(self->runtime, handles[i], kPatienceNs, &completion, nullptr),
                         BWRT_OK);
        assert_int_equal(completion.status, BWRT_OK);
        assert_int_equal(completion.wave, handles[i]);
        assert_true(has_pattern(self->memory + i * kBytes, i * kBytes, kBytes));
        assert_int_equal(bwrt_wait(self->runtime, handles[i], 0, &completion, nullptr),
                         BWRT_E_HANDLE);
    }
    const bwrt_counters counters = counters_of(self->runtime);
    assert_int_equal(counters.waves_pending, 0);
    assert_int_equal(counters.waves_ok, counters.waves_accepted);
}

void results_in_any_order_end_each_wave_once(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    world->storage->random = seed_of_test();
    world->storage->shuffles = true;

    for (int round = 0; round < 8; ++round) run_many(world);

    assert_int_equal(counters_of(world->base.runtime).unknown_completions, 0);
}

void a_result_that_comes_twice_is_believed_once(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    world->storage->repeats = true;

    run_many(world);
    world->storage->repeats = false;
    run_many(world);

    assert_true(counters_of(world->base.runtime).unknown_completions >= kWaves - 1);
}

// The second answer of a request comes when its continuation is out: it is not that one's.
void a_short_count_that_comes_twice_is_believed_once(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    world->storage->random = seed_of_test();
    world->storage->repeats = world->storage->shuffles = true;
    world->storage->script = [](const IoRequest&, std::uint64_t) { return Action::cut(1000); };

    for (int round = 0; round < 8; ++round) run_many(world);

    assert_true(counters_of(world->base.runtime).unknown_completions > 0);
}

void answers_to_no_question_are_counted_and_nothing_else(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    world->storage->random = seed_of_test();
    world->storage->stranger_count = 1000;

    run_many(world);

    assert_int_equal(counters_of(world->base.runtime).unknown_completions, 1000);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        IN_SCRIPTED_WORLD(results_in_any_order_end_each_wave_once),
        IN_SCRIPTED_WORLD(a_result_that_comes_twice_is_believed_once),
        IN_SCRIPTED_WORLD(a_short_count_that_comes_twice_is_believed_once),
        IN_SCRIPTED_WORLD(answers_to_no_question_are_counted_and_nothing_else),
    };
    int failures = 0;
    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
