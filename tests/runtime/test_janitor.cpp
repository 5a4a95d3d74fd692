// SPDX-License-Identifier: Apache-2.0
//
// test_janitor.cpp — every job that was started runs once, in order, away from the driver, and is
// given back once, and a driver that sleeps is told.

#include "runtime/janitor.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <cstring>
#include <vector>

#include "runtime/futex.h"
#include "tests/support/cmocka.h"
#include "tests/support/random.h"
#include "tests/support/step_janitor.h"

namespace {

using namespace bwrt::runtime;
using bwrt::test::StepJanitor;

// The driver sleeps on a semaphore, which forgets no wake.
struct Driver {
    sem_t awake;
    Driver() { sem_init(&awake, 0, 0); }
    ~Driver() { sem_destroy(&awake); }
    static void wake(void* self) { sem_post(&static_cast<Driver*>(self)->awake); }
    void sleep() {
        while (sem_wait(&awake) != 0) {
        }
    }
};

struct Count final : Job {
    std::uint64_t* shared = nullptr;  // the janitor's, between the jobs
    std::uint64_t seen = 0;           // written by run(), read by who reaped
    std::uint64_t asked = 0;          // the other way round
    std::uint64_t answered = 0;
    int runs = 0;
    void run() noexcept override {
        ++runs;
        seen = (*shared)++;
        answered = asked + 1;
    }
};

// Holds the janitor up until it is let go.
struct Gate final : Job {
    sem_t entered, opened;
    Gate() {
        sem_init(&entered, 0, 0);
        sem_init(&opened, 0, 0);
    }
    void run() noexcept override {
        sem_post(&entered);
        while (sem_wait(&opened) != 0) {
        }
    }
};

struct Look final : Job {
    pthread_t thread = {};
    char name[16] = {};
    sigset_t blocked = {};
    void run() noexcept override {
        thread = pthread_self();
        pthread_getname_np(thread, name, sizeof name);
        pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
    }
};

Job* must_reap(Driver* driver, Janitor* janitor) {
    for (;;) {
        if (Job* const job = janitor->reap()) return job;
        driver->sleep();
    }
}

void a_job_runs_on_a_thread_of_its_own_that_takes_no_signals(void**) {
    Driver driver;
    ThreadJanitor janitor(Driver::wake, &driver);
    sigset_t before, after;
    pthread_sigmask(SIG_BLOCK, nullptr, &before);
    assert_int_equal(janitor.start_thread({}), BWRT_OK);
    Look look;
    janitor.start(&look);
    const bool idle_before = janitor.is_idle();
    Job* const reaped = must_reap(&driver, &janitor);
    const bool idle_after = janitor.is_idle();
    janitor.stop();
    assert_ptr_equal(reaped, &look);
    assert_false(idle_before);
    assert_true(idle_after);
    assert_null(janitor.reap());
    assert_false(pthread_equal(look.thread, pthread_self()));
    assert_string_equal(look.name, "bwrt-janitor");
    for (const int signal : {SIGTERM, SIGINT, SIGPROF, SIGCHLD, SIGXFSZ, SIGUSR1}) {
        assert_int_equal(sigismember(&look.blocked, signal), 1);
    }
    pthread_sigmask(SIG_BLOCK, nullptr, &after);
    for (const int signal : {SIGTERM, SIGINT, SIGPROF, SIGCHLD}) {
        assert_int_equal(sigismember(&after, signal), sigismember(&before, signal));
    }
}

void who_reaps_never_waits_for_a_job(void**) {
    Driver driver;
    ThreadJanitor janitor(Driver::wake, &driver);
    assert_int_equal(janitor.start_thread({}), BWRT_OK);
    Gate gate;
    Look behind;
    janitor.start(&gate);
    while (sem_wait(&gate.entered) != 0) {
    }
    janitor.start(&behind);
    Job* const early = janitor.reap();
    const bool idle = janitor.is_idle();
    sem_post(&gate.opened);
    Job* const first = must_reap(&driver, &janitor);
    Job* const second = must_reap(&driver, &janitor);
    janitor.stop();
    assert_null(early);
    assert_false(idle);
    assert_ptr_equal(first, &gate);
    assert_ptr_equal(second, &behind);
}

// The end comes at any moment of a start: before the thread has looked, while it looks, after it.
void what_was_started_is_finished_before_the_end(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    Driver driver;
    std::size_t wrong = 0;
    for (int round = 0; round < 1000; ++round) {
        std::uint64_t shared = 0;
        std::array<Count, 3> counts;
        ThreadJanitor janitor(Driver::wake, &driver);
        assert_int_equal(janitor.start_thread({}), BWRT_OK);
        for (Count& count : counts) {
            for (std::uint64_t i = random.below(1000); i > 0; --i) spin_pause();
            count.shared = &shared;
            janitor.start(&count);
        }
        for (std::uint64_t i = random.below(1000); i > 0; --i) spin_pause();
        janitor.stop();
        wrong += shared != counts.size();
        for (Count& count : counts) wrong += janitor.reap() != &count;
        wrong += janitor.reap() != nullptr || !janitor.is_idle();
        janitor.stop();
    }
    assert_int_equal(wrong, 0);
}

void a_janitor_without_work_ends_as_well(void**) {
    Driver driver;
    for (int i = 0; i < 100; ++i) {
        ThreadJanitor janitor(Driver::wake, &driver);
        if (i % 10 == 0) continue;  // never had a thread
        assert_int_equal(janitor.start_thread({}), BWRT_OK);
    }
}

// Started in bursts, reaped whenever; what is asked and answered goes through the job's own fields.
void jobs_run_once_and_in_order_however_they_come(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    constexpr std::size_t kJobCount = 20'000;
    Driver driver;
    std::uint64_t shared = 0;
    std::vector<Count> counts(kJobCount);
    std::size_t started = 0, reaped = 0, wrong = 0;
    ThreadJanitor janitor(Driver::wake, &driver);
    assert_int_equal(janitor.start_thread({}), BWRT_OK);
    while (reaped < kJobCount) {
        for (std::uint64_t i = random.below(4); i > 0 && started < kJobCount; --i) {
            counts[started].shared = &shared;
            counts[started].asked = started * 7;
            janitor.start(&counts[started++]);
        }
        Job* job = started > reaped && random.one_in(3) ? must_reap(&driver, &janitor) : nullptr;
        if (job == nullptr) job = janitor.reap();
        for (; job != nullptr; job = janitor.reap()) {
            const Count& count = counts[reaped];
            wrong += job != &count || count.runs != 1 || count.seen != reaped ||
                     count.answered != reaped * 7 + 1;
            ++reaped;
        }
        wrong += janitor.is_idle() != (started == reaped);
    }
    janitor.stop();
    assert_int_equal(wrong, 0);
    assert_true(shared == kJobCount);
}

// One job, again and again: it is its asker's the moment it is given back.
void a_job_may_be_started_again(void**) {
    Driver driver;
    std::uint64_t shared = 0;
    Count count;
    count.shared = &shared;
    ThreadJanitor janitor(Driver::wake, &driver);
    assert_int_equal(janitor.start_thread({}), BWRT_OK);
    std::size_t wrong = 0;
    for (std::uint64_t i = 0; i < 2000; ++i) {
        count.asked = i;
        janitor.start(&count);
        wrong += must_reap(&driver, &janitor) != &count || count.answered != i + 1;
    }
    janitor.stop();
    assert_int_equal(wrong, 0);
    assert_int_equal(count.runs, 2000);
}

// The next job comes at any moment of the thread's going to sleep.
void a_job_is_never_slept_through(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    std::uint64_t shared = 0;
    Count count;
    count.shared = &shared;
    ThreadJanitor janitor([](void*) {}, nullptr);
    assert_int_equal(janitor.start_thread({}), BWRT_OK);
    constexpr std::uint64_t kRoundCount = 100'000;
    for (std::uint64_t i = 0; i < kRoundCount; ++i) {
        janitor.start(&count);
        while (janitor.reap() == nullptr) spin_pause();
        for (std::uint64_t k = random.below(64); k > 0; --k) spin_pause();
    }
    janitor.stop();
    assert_true(shared == kRoundCount);
}

void a_janitor_of_tests_runs_what_it_is_told_to(void**) {
    std::uint64_t shared = 0;
    Count first, second;
    first.shared = second.shared = &shared;
    StepJanitor janitor;
    assert_true(janitor.is_idle());
    assert_false(janitor.run_one());
    janitor.start(&first);
    janitor.start(&second);
    assert_null(janitor.reap());
    assert_true(janitor.run_one());
    assert_int_equal(first.runs, 1);
    assert_int_equal(second.runs, 0);
    assert_ptr_equal(janitor.reap(), &first);
    assert_null(janitor.reap());
    assert_false(janitor.is_idle());
    assert_true(janitor.run_one());
    assert_false(janitor.is_idle());
    assert_ptr_equal(janitor.reap(), &second);
    assert_true(janitor.is_idle());
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_job_runs_on_a_thread_of_its_own_that_takes_no_signals),
        cmocka_unit_test(who_reaps_never_waits_for_a_job),
        cmocka_unit_test(what_was_started_is_finished_before_the_end),
        cmocka_unit_test(a_janitor_without_work_ends_as_well),
        cmocka_unit_test(jobs_run_once_and_in_order_however_they_come),
        cmocka_unit_test(a_job_may_be_started_again),
        cmocka_unit_test(a_job_is_never_slept_through),
        cmocka_unit_test(a_janitor_of_tests_runs_what_it_is_told_to),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
