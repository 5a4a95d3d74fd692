// SPDX-License-Identifier: Apache-2.0
//
// sim_test.cpp — the real runtime in a simulated world, seed after seed.
//
// Method: a caller, a device and a clock drawn from a seed (simulation.h); an
// independent model of every byte (model.h); an oracle that holds each
// completion against it (oracle.h).  A failure prints its seed:
// BWRT_TEST_SEED=<seed> runs that one alone, BWRT_SIM_SEEDS=<count> another
// number of them, from BWRT_SIM_FIRST on.

#include <unistd.h>
#include <csignal>

#include <cstdlib>
#include <cstring>

#include "tests/sim/simulation.h"
#include "tests/support/cmocka.h"

namespace {

using bwrt::sim::FaultTable;
using bwrt::sim::Simulation;

#if defined(__SANITIZE_THREAD__)
#define BWRT_SIM_UNDER_TSAN 1
#elif defined(__SANITIZE_ADDRESS__)
#define BWRT_SIM_UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define BWRT_SIM_UNDER_TSAN 1
#elif __has_feature(address_sanitizer)
#define BWRT_SIM_UNDER_ASAN 1
#endif
#endif

// One thread runs all of it, so that the thread sanitizer has next to nothing to find.
#if defined(BWRT_SIM_UNDER_TSAN)
constexpr std::uint64_t kSeedCount = 50;
#elif defined(BWRT_SIM_UNDER_ASAN)
constexpr std::uint64_t kSeedCount = 500;
#else
constexpr std::uint64_t kSeedCount = 2'500;
#endif

// A seed takes some milliseconds.
constexpr unsigned kSeedSecondsMax = 60;

FaultTable table;
bool table_is_whole = false;
volatile std::uint64_t seed_now = 0;

// A broken invariant of the runtime ends the program, and one that loops for
// ever is ended: say with which seed.
void on_end(int signal) {
    char line[64] = "seed ";
    int end = 5;
    char digits[24];
    int count = 0;
    for (std::uint64_t rest = seed_now; count == 0 || rest != 0; rest /= 10) {
        digits[count++] = static_cast<char>('0' + rest % 10);
    }
    while (count > 0) line[end++] = digits[--count];
    std::memcpy(line + end, " ended the program\n", 19);
    static_cast<void>(!write(STDERR_FILENO, line, static_cast<std::size_t>(end) + 19));
    if (signal == SIGALRM) _exit(1);
}

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void every_accepted_wave_completes_exactly_once_whatever_fails(void**) {
    const std::uint64_t only = from_environment("BWRT_TEST_SEED", 0);
    const std::uint64_t first = only != 0 ? only : from_environment("BWRT_SIM_FIRST", 1);
    const std::uint64_t count = only != 0 ? 1 : from_environment("BWRT_SIM_SEEDS", kSeedCount);
    std::uint64_t failed_count = 0, completed_count = 0;

    for (std::uint64_t seed = first; seed < first + count && failed_count < 5; ++seed) {
        seed_now = seed;
        alarm(kSeedSecondsMax);
        Simulation simulation(seed, &table);
        if (!simulation.run()) ++failed_count;
        completed_count += simulation.completed_count();
    }

    alarm(0);
    std::printf("%llu waves completed\n", static_cast<unsigned long long>(completed_count));
    table_is_whole = count >= 2'000 && failed_count == 0;
    assert_int_equal(failed_count, 0);
}

void the_same_seed_gives_the_same_completions(void**) {
    const std::uint64_t first = from_environment("BWRT_TEST_SEED", 1'000'000);
    FaultTable unused;

    for (std::uint64_t seed = first; seed < first + 20; ++seed) {
        seed_now = seed;
        Simulation once(seed, &unused), again(seed, &unused);
        const bool both = once.run() && again.run();

        assert_true(both);
        assert_int_equal(once.log_hash(), again.log_hash());
    }
}

// A cell that is empty is a fault that never met a state: the workload is too
// tame.
void every_fault_meets_every_state_it_can(void**) {
    const std::uint32_t empty_count = table.print();

    if (!table_is_whole) skip();
    assert_int_equal(empty_count, 0);
}

}  // namespace

int main() {
    std::signal(SIGABRT, on_end);
    std::signal(SIGALRM, on_end);
    const CMUnitTest tests[] = {
        cmocka_unit_test(every_accepted_wave_completes_exactly_once_whatever_fails),
        cmocka_unit_test(the_same_seed_gives_the_same_completions),
        cmocka_unit_test(every_fault_meets_every_state_it_can),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
