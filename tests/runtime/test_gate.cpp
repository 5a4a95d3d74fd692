// SPDX-License-Identifier: Apache-2.0
//
// test_gate.cpp — who is let in, when the gate is idle, and, with threads that take while another
// closes, that a closed and idle gate has nobody inside.

#include "runtime/gate.h"

#include <thread>
#include <vector>

#include "tests/support/cmocka.h"

namespace {

using bwrt::runtime::Gate;

constexpr std::uint64_t kGeneration = 5;

void a_gate_that_was_never_opened_lets_nobody_in(void**) {
    Gate gate;

    assert_true(gate.take(kGeneration) == Gate::Answer::kStale);
    assert_true(gate.is_idle());
    assert_false(gate.is_open(kGeneration));
}

void an_open_gate_lets_its_own_generation_in(void**) {
    Gate gate;
    gate.open(kGeneration);

    assert_true(gate.take(kGeneration) == Gate::Answer::kTaken);
    assert_true(gate.take(kGeneration + 1) == Gate::Answer::kStale);
    assert_true(gate.take(kGeneration - 1) == Gate::Answer::kStale);
    assert_true(gate.is_open(kGeneration));
    assert_false(gate.is_open(kGeneration + 1));
}

void a_closed_gate_says_so_to_its_own_generation(void**) {
    Gate gate;
    gate.open(kGeneration);

    assert_true(gate.close(kGeneration));

    assert_true(gate.take(kGeneration) == Gate::Answer::kClosed);
    assert_true(gate.take(kGeneration + 1) == Gate::Answer::kStale);
    assert_true(gate.is_closed(kGeneration));
    assert_true(gate.is_idle());
}

void only_one_close_succeeds_and_only_for_the_live_generation(void**) {
    Gate gate;
    gate.open(kGeneration);

    assert_false(gate.close(kGeneration - 1));
    assert_true(gate.close(kGeneration));
    assert_false(gate.close(kGeneration));
}

void a_reopened_gate_lets_in_again(void**) {
    Gate gate;
    gate.open(kGeneration);
    assert_true(gate.close(kGeneration));

    gate.reopen(kGeneration);

    assert_true(gate.take(kGeneration) == Gate::Answer::kTaken);
}

void a_freed_gate_is_stale_and_takes_the_next_generation(void**) {
    Gate gate;
    gate.open(kGeneration);
    gate.free();
    assert_true(gate.take(kGeneration) == Gate::Answer::kStale);

    gate.open(kGeneration + 1);

    assert_true(gate.take(kGeneration) == Gate::Answer::kStale);
    assert_true(gate.take(kGeneration + 1) == Gate::Answer::kTaken);
}

void it_is_idle_when_all_that_was_taken_is_given_back(void**) {
    Gate gate;
    gate.open(kGeneration);
    assert_true(gate.take(kGeneration, 3) == Gate::Answer::kTaken);
    assert_true(gate.take(kGeneration) == Gate::Answer::kTaken);
    assert_false(gate.is_idle());

    gate.give_back(2);
    assert_false(gate.is_idle());
    gate.put_back();
    assert_false(gate.is_idle());
    gate.give_back();
    assert_true(gate.is_idle());
}

void a_refused_take_leaves_it_idle(void**) {
    Gate gate;
    gate.open(kGeneration);
    assert_true(gate.close(kGeneration));

    assert_true(gate.take(kGeneration) == Gate::Answer::kClosed);

    assert_true(gate.is_idle());
}

// Takers count themselves inside with a plain atomic; a closer that finds the gate closed and
// idle must see nobody.
void nobody_is_inside_a_closed_and_idle_gate(void**) {
    constexpr int kTakesMin = 100'000;
    Gate gate;
    std::atomic<int> inside{0}, takes{0};
    std::atomic<bool> over{false};
    std::atomic<bool> broken{false};
    gate.open(kGeneration);
    std::vector<std::thread> takers;
    for (int i = 0; i < 2; ++i) {
        takers.emplace_back([&] {
            while (!over.load()) {
                if (gate.take(kGeneration) != Gate::Answer::kTaken) continue;
                inside.fetch_add(1);
                takes.fetch_add(1);
                inside.fetch_sub(1);
                gate.put_back();
            }
        });
    }
    while (takes.load() < kTakesMin) {
        if (!gate.close(kGeneration)) broken.store(true);
        const bool idle = gate.is_idle();
        for (int look = 0; idle && look < 100; ++look) {  // for a while, not just now
            if (inside.load() != 0) broken.store(true);
        }
        gate.reopen(kGeneration);
    }
    over.store(true);
    for (std::thread& taker : takers) taker.join();

    assert_false(broken.load());
    assert_true(gate.is_idle());
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_gate_that_was_never_opened_lets_nobody_in),
        cmocka_unit_test(an_open_gate_lets_its_own_generation_in),
        cmocka_unit_test(a_closed_gate_says_so_to_its_own_generation),
        cmocka_unit_test(only_one_close_succeeds_and_only_for_the_live_generation),
        cmocka_unit_test(a_reopened_gate_lets_in_again),
        cmocka_unit_test(a_freed_gate_is_stale_and_takes_the_next_generation),
        cmocka_unit_test(it_is_idle_when_all_that_was_taken_is_given_back),
        cmocka_unit_test(a_refused_take_leaves_it_idle),
        cmocka_unit_test(nobody_is_inside_a_closed_and_idle_gate),
    };
    return cmocka_run_group_tests_name("runtime/gate.h", tests, nullptr, nullptr);
}
