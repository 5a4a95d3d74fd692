// SPDX-License-Identifier: Apache-2.0
//
// The flow through every storage backend: each request taken reports once, also when there are
// more than fit, when it is cancelled, when signals hail down; waits end when they should.  One
// list of tests for all backends; the program's argument chooses (storage_world.h).

#include <poll.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <atomic>
#include <csignal>
#include <ctime>
#include <random>
#include <thread>

#include "tests/backend/storage_world.h"

namespace bwrt::test {
namespace {

constexpr std::uint32_t kDepth = 16;  // of storage_options()

std::int64_t now_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

void refuses_what_exceeds_its_depth_and_loses_nothing(void** state) {
    World* const world = world_of(state);
    unsigned char bytes[kDepth];
    iovec parts[kDepth];
    for (std::uint32_t i = 0; i < kDepth; ++i) {
        parts[i] = {&bytes[i], 1};
        assert_true(world->storage->start(read_of(world->file, &parts[i], i * 1000, i)));
    }

    assert_false(world->storage->start(read_of(world->file, &parts[0], 0, 77)));
    const std::vector<IoResult> results = take(world->storage.get(), kDepth);

    std::uint32_t seen = 0;
    for (const IoResult& result : results) {
        assert_int_equal(result.result, 1);
        assert_int_equal(bytes[result.tag], byte_at(result.tag * 1000));
        seen |= 1u << result.tag;
    }
    assert_int_equal(seen, (1u << kDepth) - 1);
    assert_int_equal(perform(world->storage.get(), read_of(world->file, &parts[0], 0)), 1);
}

void reports_each_of_many_requests_once(void** state) {
    World* const world = world_of(state);
    constexpr std::uint32_t kCount = 20000;
    std::mt19937_64 random(test_seed());
    std::vector<std::uint32_t> report_counts(kCount);
    std::vector<unsigned char> bytes(kCount);
    std::vector<iovec> parts(kCount);
    std::uint32_t started = 0;
    std::uint32_t reported = 0;

    while (reported < kCount) {
        for (std::uint64_t burst = random() % 20; burst > 0 && started < kCount; --burst) {
            parts[started] = {&bytes[started], 1};
            if (!world->storage->start(read_of(world->file, &parts[started], started, started))) {
                break;
            }
            ++started;
        }
        if (random() % 4 == 0) world->storage->submit();
        if (started != reported && random() % 2 == 0) world->storage->wait(-1);
        IoResult results[7];
        const std::uint32_t count =
            world->storage->reap(results, static_cast<std::uint32_t>(random() % 8));
        for (std::uint32_t i = 0; i < count; ++i) {
            assert_int_equal(results[i].result, 1);
            assert_int_equal(bytes[results[i].tag], byte_at(results[i].tag));
            ++report_counts[results[i].tag];
        }
        reported += count;
        world->storage->wait(0);
    }

    for (const std::uint32_t count : report_counts) assert_int_equal(count, 1);
    assert_int_equal(world->storage->unknown_result_count(), 0);
}

void a_cancelled_request_reports_once_with_either_outcome(void** state) {
    World* const world = world_of(state);
    std::mt19937_64 random(test_seed());
    unsigned char bytes[kDepth];
    iovec parts[kDepth];

    for (int round = 0; round < 500; ++round) {
        for (std::uint32_t i = 0; i < kDepth; ++i) {
            parts[i] = {&bytes[i], 1};
            start_soon(world->storage.get(), read_of(world->file, &parts[i], i, i));
            if (random() % 3 == 0) world->storage->submit();
            if (random() % 3 == 0)
                world->storage->cancel(static_cast<std::uint32_t>(random() % 16));
        }

        const std::vector<IoResult> results = take(world->storage.get(), kDepth);

        std::uint32_t seen = 0;
        for (const IoResult& result : results) {
            assert_true(result.result == 1 || result.result == -ECANCELED);
            seen |= 1u << result.tag;
        }
        assert_int_equal(seen, (1u << kDepth) - 1);
    }
    IoResult more;
    world->storage->wait(0);
    assert_int_equal(world->storage->reap(&more, 1), 0);
    assert_int_equal(world->storage->unknown_result_count(), 0);
}

void cancelling_what_is_done_or_unknown_changes_nothing(void** state) {
    World* const world = world_of(state);
    unsigned char byte = 0;
    const iovec part{&byte, 1};
    assert_true(world->storage->start(read_of(world->file, &part, 3, 5)));
    world->storage->submit();
    pollfd readiness{world->storage->readiness_fd(), POLLIN, 0};
    assert_int_equal(poll(&readiness, 1, -1), 1);

    world->storage->cancel(6);
    const IoResult result = take(world->storage.get(), 1)[0];
    world->storage->cancel(5);

    assert_int_equal(result.tag, 5);
    assert_int_equal(result.result, 1);
    assert_int_equal(perform(world->storage.get(), read_of(world->file, &part, 4, 5)), 1);
    assert_int_equal(byte, byte_at(4));
}

void a_wake_before_a_wait_ends_it(void** state) {
    World* const world = world_of(state);

    world->storage->wake();
    world->storage->wait(-1);  // or hangs

    world->storage->wake();
    world->storage->wake();
    world->storage->wait(-1);
    world->storage->wait(1);  // whatever is left of the second
}

// Each side goes on only when the other has spoken, so one lost wake-up hangs the test.
void no_wake_is_lost_between_two_threads(void** state) {
    World* const world = world_of(state);
    constexpr int kRounds = 5000;
    std::atomic<int> said{0};
    std::atomic<int> heard{0};
    std::thread speaker([&] {
        for (int i = 1; i <= kRounds; ++i) {
            said.store(i, std::memory_order_relaxed);
            world->storage->wake();
            while (heard.load(std::memory_order_acquire) < i) std::this_thread::yield();
        }
    });

    for (int i = 1; i <= kRounds; ++i) {
        while (said.load(std::memory_order_relaxed) < i) {
            world->storage->wait(-1);
            IoResult result;
            if (world->storage->reap(&result, 1) != 0) std::abort();
        }
        heard.store(i, std::memory_order_release);
    }

    speaker.join();
}

void no_wake_is_lost_among_many_wakers_and_requests(void** state) {
    World* const world = world_of(state);
    constexpr int kWakers = 3;
    constexpr int kWakes = 3000;
    std::atomic<int> said{0};
    std::vector<std::thread> wakers;
    for (int i = 0; i < kWakers; ++i) {
        wakers.emplace_back([&] {
            for (int n = 0; n < kWakes; ++n) {
                said.fetch_add(1, std::memory_order_relaxed);
                world->storage->wake();
                if (n % 64 == 0) std::this_thread::yield();
            }
        });
    }
    unsigned char byte = 0;
    const iovec part{&byte, 1};
    bool all_right = true;
    int in_flight = 0;

    while (said.load(std::memory_order_relaxed) < kWakers * kWakes) {
        if (in_flight == 0 && world->storage->start(read_of(world->file, &part, 9))) ++in_flight;
        world->storage->wait(-1);
        IoResult result{};
        while (world->storage->reap(&result, 1) == 1) {
            all_right = all_right && result.result == 1;
            --in_flight;
        }
    }
    for (std::thread& waker : wakers) waker.join();
    if (in_flight != 0) take(world->storage.get(), 1);

    assert_true(all_right);
}

void a_wait_ends_at_its_timeout(void** state) {
    World* const world = world_of(state);
    const std::int64_t begin_ns = now_ns();

    world->storage->wait(0);
    while (now_ns() - begin_ns < 5'000'000) world->storage->wait(2'000'000);  // or hangs

    IoResult result;
    assert_int_equal(world->storage->reap(&result, 1), 0);
}

void looking_is_enough_to_bring_results_home(void** state) {
    World* const world = world_of(state);
    unsigned char byte = 0;
    const iovec part{&byte, 1};
    assert_true(world->storage->start(read_of(world->file, &part, 11)));

    IoResult result{};
    while (world->storage->reap(&result, 1) == 0) world->storage->wait(0);

    assert_int_equal(result.result, 1);
    assert_int_equal(byte, byte_at(11));
}

bool is_readable(int fd) {
    pollfd entry{fd, POLLIN, 0};
    return poll(&entry, 1, 0) == 1;
}

void the_readiness_fd_tells_of_results_and_wakes(void** state) {
    World* const world = world_of(state);
    const int fd = world->storage->readiness_fd();
    unsigned char byte = 0;
    const iovec part{&byte, 1};
    IoResult result{};
    assert_true(fd >= 0);
    assert_int_equal(world->storage->readiness_fd(), fd);
    while (is_readable(fd)) {  // the tail of what it did to test itself
        world->storage->wait(0);
        assert_int_equal(world->storage->reap(&result, 1), 0);
    }

    for (int round = 0; round < 100; ++round) {
        assert_true(world->storage->start(read_of(world->file, &part, 12)));
        world->storage->submit();
        pollfd entry{fd, POLLIN, 0};
        assert_int_equal(poll(&entry, 1, -1), 1);
        while (world->storage->reap(&result, 1) == 0) world->storage->wait(0);
        assert_int_equal(result.result, 1);
        while (is_readable(fd)) {  // at most the tail of what was seen
            world->storage->wait(0);
            assert_int_equal(world->storage->reap(&result, 1), 0);
        }

        world->storage->wake();
        assert_int_equal(poll(&entry, 1, -1), 1);
        while (is_readable(fd)) {
            world->storage->wait(0);
            assert_int_equal(world->storage->reap(&result, 1), 0);
        }
    }
}

void a_wake_during_sleep_makes_the_readiness_fd_readable_again(void** state) {
    World* const world = world_of(state);
    const int fd = world->storage->readiness_fd();
    IoResult result{};
    // The sleep arms whatever wake() needs; one wake uses it up, the next must still be told.
    for (int round = 0; round < 20; ++round) {
        world->storage->wait(100'000);
        world->storage->wake();
        pollfd entry{fd, POLLIN, 0};
        assert_int_equal(poll(&entry, 1, -1), 1);
        do {
            assert_int_equal(world->storage->reap(&result, 1), 0);
            world->storage->wait(0);
        } while (is_readable(fd));
        world->storage->wake();
        assert_int_equal(poll(&entry, 1, -1), 1);
        world->storage->wait(-1);
    }
}

void an_unreaped_or_unsubmitted_request_does_not_hold_up_the_end(void** state) {
    World* const world = world_of(state);
    unsigned char bytes[8];
    iovec parts[8];
    for (std::uint32_t i = 0; i < 8; ++i) {
        parts[i] = {&bytes[i], 1};
        assert_true(world->storage->start(read_of(world->file, &parts[i], i, i)));
        if (i == 3) world->storage->submit();
    }

    world->storage.reset();  // or hangs
}

std::atomic<int> alarm_count{0};
std::atomic<int> foreign_alarm_count{0};
pid_t test_thread;

void count_alarm(int) {
    alarm_count.fetch_add(1, std::memory_order_relaxed);
    if (static_cast<pid_t>(syscall(SYS_gettid)) != test_thread) {
        foreign_alarm_count.fetch_add(1, std::memory_order_relaxed);
    }
}

void a_storm_of_signals_is_invisible_and_never_reaches_our_threads(void** state) {
    World* const world = world_of(state);
    test_thread = static_cast<pid_t>(syscall(SYS_gettid));
    struct sigaction action {};
    struct sigaction action_before {};
    action.sa_handler = count_alarm;  // no SA_RESTART: calls are interrupted
    sigaction(SIGALRM, &action, &action_before);
    const itimerval storm{{0, 1000}, {0, 1000}};
    setitimer(ITIMER_REAL, &storm, nullptr);
    std::vector<unsigned char> bytes(kDepth * std::size_t{4096});
    std::vector<iovec> parts(kDepth);
    bool all_right = true;
    sigset_t alarms;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);

    for (int round = 0; alarm_count.load(std::memory_order_relaxed) < 100; ++round) {
        // While this thread does not take them, any other that does would get them.
        pthread_sigmask(round % 4 == 0 ? SIG_BLOCK : SIG_UNBLOCK, &alarms, nullptr);
        for (std::uint32_t i = 0; i < kDepth; ++i) {
            parts[i] = {&bytes[i * std::size_t{4096}], 4096};
            start_soon(world->storage.get(), read_of(world->file, &parts[i], i * 5000ul, i));
        }
        for (const IoResult& result : take(world->storage.get(), kDepth)) {
            all_right = all_right && result.result == 4096;
        }
        world->storage->wait(2'000'000);
    }
    const itimerval calm{};
    setitimer(ITIMER_REAL, &calm, nullptr);
    pthread_sigmask(SIG_UNBLOCK, &alarms, nullptr);
    sigaction(SIGALRM, &action_before, nullptr);

    assert_true(all_right);
    assert_int_equal(foreign_alarm_count.load(), 0);
}

// What is not bound to one thread is driven by several in turn.
void threads_may_take_turns_driving(void** state) {
    World* const world = world_of(state);
    if (backend_name == "uring") skip();
    unsigned char bytes[kDepth] = {};
    iovec parts[kDepth];
    bool started = true;
    std::thread first([&] {
        for (std::uint32_t i = 0; i < kDepth; ++i) {
            parts[i] = {&bytes[i], 1};
            started = started && world->storage->start(read_of(world->file, &parts[i], i, i));
        }
        world->storage->submit();
    });
    first.join();
    std::vector<IoResult> results;
    std::thread second([&] { results = take(world->storage.get(), kDepth); });
    second.join();

    assert_true(started);
    for (const IoResult& result : results) {
        assert_int_equal(result.result, 1);
        assert_int_equal(bytes[result.tag], byte_at(result.tag));
    }
}

}  // namespace
}  // namespace bwrt::test

#define WORLD_TEST(name) \
    cmocka_unit_test_setup_teardown(name, bwrt::test::create_world, bwrt::test::destroy_world)

int main(int argc, char** argv) {
    using namespace bwrt::test;
    if (argc > 1) backend_name = argv[1];
    const CMUnitTest tests[] = {
        WORLD_TEST(refuses_what_exceeds_its_depth_and_loses_nothing),
        WORLD_TEST(reports_each_of_many_requests_once),
        WORLD_TEST(a_cancelled_request_reports_once_with_either_outcome),
        WORLD_TEST(cancelling_what_is_done_or_unknown_changes_nothing),
        WORLD_TEST(a_wake_before_a_wait_ends_it),
        WORLD_TEST(no_wake_is_lost_between_two_threads),
        WORLD_TEST(no_wake_is_lost_among_many_wakers_and_requests),
        WORLD_TEST(a_wait_ends_at_its_timeout),
        WORLD_TEST(looking_is_enough_to_bring_results_home),
        WORLD_TEST(the_readiness_fd_tells_of_results_and_wakes),
        WORLD_TEST(a_wake_during_sleep_makes_the_readiness_fd_readable_again),
        WORLD_TEST(an_unreaped_or_unsubmitted_request_does_not_hold_up_the_end),
        WORLD_TEST(a_storm_of_signals_is_invisible_and_never_reaches_our_threads),
        WORLD_TEST(threads_may_take_turns_driving),
    };
    return cmocka_run_group_tests_name(backend_name.c_str(), tests, nullptr, nullptr);
}
