// SPDX-License-Identifier: Apache-2.0
// test_ringbuf_threads.cpp — ringbuf under real threads, more of them than cores.
//
// Meant for ThreadSanitizer, and worth running without.  Threads only count what they find wrong;
// the asserts come after all have been joined, since a failed one leaves by longjmp.  A lost
// wake-up shows as a test that does not end.

#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "ringbuf/command.h"
#include "ringbuf/doorbell.h"
#include "ringbuf/index_stack.h"
#include "tests/support/cmocka.h"

namespace {

using bwrt::ringbuf::Command;
using bwrt::ringbuf::CommandRing;
using bwrt::ringbuf::Doorbell;
using bwrt::ringbuf::IndexStack;

constexpr uint64_t kCommandCount = 20'000;  // of each producer

// A number in every field, so that a torn command is seen.
Command stamp(uint64_t producer, uint64_t number) {
    Command command{};
    command.group = static_cast<uint32_t>(producer);
    command.wave = number;
    command.source = number + 1;
    command.target = number + 2;
    command.source_offset = number + 3;
    command.target_offset = number + 4;
    command.length = number + 5;
    return command;
}

bool is_whole(const Command& command) {
    return command.source == command.wave + 1 && command.target == command.wave + 2 &&
           command.source_offset == command.wave + 3 && command.target_offset == command.wave + 4 &&
           command.length == command.wave + 5;
}

void push_all(CommandRing* ring, uint64_t producer) {
    for (uint64_t number = 1; number <= kCommandCount; ++number) {
        while (!ring->push(stamp(producer, number))) std::this_thread::yield();
    }
}

void join_all(std::vector<std::thread>* threads) {
    for (std::thread& thread : *threads) thread.join();
}

void eight_producers_reach_one_consumer_whole_and_in_order(void**) {
    constexpr uint64_t kProducerCount = 8;
    CommandRing ring(16);
    std::vector<std::thread> threads;
    for (uint64_t producer = 0; producer < kProducerCount; ++producer) {
        threads.emplace_back([&ring, producer] { push_all(&ring, producer); });
    }

    uint64_t last[kProducerCount] = {};
    uint64_t wrong_count = 0;
    for (uint64_t left = kProducerCount * kCommandCount; left > 0;) {
        Command command;
        if (!ring.pop(&command)) {
            std::this_thread::yield();
            continue;
        }
        wrong_count += !is_whole(command) || command.wave != last[command.group] + 1;
        last[command.group] = command.wave;
        --left;
    }
    join_all(&threads);

    assert_int_equal(wrong_count, 0);
    assert_true(ring.is_empty());
}

void four_consumers_share_what_four_producers_push(void**) {
    constexpr uint64_t kProducerCount = 4;
    constexpr uint64_t kConsumerCount = 4;
    CommandRing ring(16);
    std::atomic<uint64_t> left{kProducerCount * kCommandCount};
    std::atomic<uint64_t> wrong_count{0};
    std::vector<std::atomic<uint8_t>> seen(kProducerCount * (kCommandCount + 1));
    std::vector<std::thread> threads;
    for (uint64_t producer = 0; producer < kProducerCount; ++producer) {
        threads.emplace_back([&ring, producer] { push_all(&ring, producer); });
    }
    for (uint64_t consumer = 0; consumer < kConsumerCount; ++consumer) {
        threads.emplace_back([&] {
            uint64_t last[kProducerCount] = {};
            while (left.load(std::memory_order::relaxed) > 0) {
                Command command;
                if (!ring.pop_shared(&command)) {
                    std::this_thread::yield();
                    continue;
                }
                left.fetch_sub(1, std::memory_order::relaxed);
                const uint64_t place = command.group * (kCommandCount + 1) + command.wave;
                const bool is_right = is_whole(command) && command.wave > last[command.group] &&
                                      seen[place].fetch_add(1, std::memory_order::relaxed) == 0;
                if (!is_right) wrong_count.fetch_add(1, std::memory_order::relaxed);
                last[command.group] = command.wave;
            }
        });
    }
    join_all(&threads);

    assert_int_equal(wrong_count.load(), 0);
    assert_true(ring.is_empty());
}

// The only consumer sleeps on the doorbell's own word.
class FutexSleep {
 public:
    explicit FutexSleep(Doorbell* doorbell) : doorbell_(doorbell) {}
    void wait() { call(FUTEX_WAIT_PRIVATE); }  // returns at once unless the word is 1
    void wake() { call(FUTEX_WAKE_PRIVATE); }

 private:
    void call(int operation) {
        syscall(SYS_futex, &doorbell_->word(), operation, 1, nullptr, nullptr, 0);
    }

    Doorbell* doorbell_;
};

// Many consumers sleep on a counter that remembers.
class EventSleep {
 public:
    explicit EventSleep(Doorbell*) : fd_(eventfd(0, EFD_SEMAPHORE)) {}
    ~EventSleep() { close(fd_); }
    EventSleep(const EventSleep&) = delete;
    EventSleep& operator=(const EventSleep&) = delete;

    void wait() {
        uint64_t value = 0;
        while (read(fd_, &value, sizeof(value)) < 0) {
        }
    }
    void wake() {
        const uint64_t one = 1;
        while (write(fd_, &one, sizeof(one)) < 0) {
        }
    }

 private:
    int fd_;
};

template <typename Sleep>
struct Mailbox {
    CommandRing ring{16};
    Doorbell doorbell;
    Sleep sleep{&doorbell};

    void send(const Command& command) {
        while (!ring.push(command)) std::this_thread::yield();
        if (doorbell.ring()) sleep.wake();
    }

    // `pop` is one of the ring's two.
    template <typename Pop>
    Command receive(Pop pop) {
        Command command;
        while (!(ring.*pop)(&command)) {
            doorbell.prepare();
            if (ring.is_empty()) {
                sleep.wait();
                // A futex may return early: the announcement is then still ours.
                if constexpr (std::is_same_v<Sleep, FutexSleep>) (void)doorbell.cancel();
            } else {
                if (!doorbell.cancel() && !std::is_same_v<Sleep, FutexSleep>) sleep.wait();
                std::this_thread::yield();
            }
        }
        return command;
    }
};

void a_ping_is_answered_though_both_sides_sleep(void**) {
    constexpr uint64_t kRoundCount = 5'000;
    Mailbox<FutexSleep> there;
    Mailbox<FutexSleep> back;
    std::thread answering([&] {
        for (uint64_t i = 0; i < kRoundCount; ++i) back.send(there.receive(&CommandRing::pop));
    });

    uint64_t wrong_count = 0;
    for (uint64_t i = 0; i < kRoundCount; ++i) {
        there.send(stamp(0, i));
        const Command answer = back.receive(&CommandRing::pop);
        wrong_count += !is_whole(answer) || answer.wave != i;
    }
    answering.join();

    assert_int_equal(wrong_count, 0);
    assert_false(there.doorbell.ring());
    assert_false(back.doorbell.ring());
}

void a_consumer_that_sleeps_misses_none_of_four_producers(void**) {
    constexpr uint64_t kProducerCount = 4;
    Mailbox<FutexSleep> mailbox;
    std::vector<std::thread> threads;
    for (uint64_t producer = 0; producer < kProducerCount; ++producer) {
        threads.emplace_back([&mailbox, producer] {
            for (uint64_t number = 1; number <= kCommandCount; ++number) {
                mailbox.send(stamp(producer, number));
                if (number % 64 == 0) std::this_thread::yield();  // lets the consumer run dry
            }
        });
    }

    uint64_t wrong_count = 0;
    for (uint64_t i = 0; i < kProducerCount * kCommandCount; ++i) {
        wrong_count += !is_whole(mailbox.receive(&CommandRing::pop));
    }
    join_all(&threads);

    assert_int_equal(wrong_count, 0);
    assert_false(mailbox.doorbell.ring());
}

void sleeping_consumers_share_all_and_leave_no_wake_up_behind(void**) {
    constexpr uint64_t kThreadCount = 3;  // of each side; each consumer takes one producer's number
    Mailbox<EventSleep> mailbox;
    std::atomic<uint64_t> wrong_count{0};
    std::vector<std::thread> threads;
    for (uint64_t side = 0; side < kThreadCount; ++side) {
        threads.emplace_back([&mailbox, side] {
            for (uint64_t number = 1; number <= kCommandCount; ++number) {
                mailbox.send(stamp(side, number));
                if (number % 16 == 0) std::this_thread::yield();
            }
        });
        threads.emplace_back([&] {
            for (uint64_t i = 0; i < kCommandCount; ++i) {
                if (!is_whole(mailbox.receive(&CommandRing::pop_shared))) wrong_count.fetch_add(1);
            }
        });
    }
    join_all(&threads);

    assert_int_equal(wrong_count.load(), 0);
    assert_true(mailbox.ring.is_empty());
    assert_false(mailbox.doorbell.ring());
}

// Each thread marks what it holds in plain memory: two owners of one index are a data race, and a
// mark that is not zero.  Chains and single indices mix.
void no_index_has_two_owners_and_none_is_lost(void**) {
    constexpr uint32_t kCount = 24;
    constexpr uint32_t kThreadCount = 4;
    IndexStack stack(kCount);
    std::vector<uint32_t> owner(kCount, 0);
    std::atomic<uint64_t> wrong_count{0};
    std::vector<std::thread> threads;
    for (uint32_t thread = 1; thread <= kThreadCount; ++thread) {
        threads.emplace_back([&, thread] {
            uint64_t mine_wrong = 0;
            for (uint32_t round = 0; round < 20'000; ++round) {
                const uint32_t length = 1 + (round + thread) % 6;
                uint32_t first = 0;
                if (length == 1 ? !stack.pop(&first) : !stack.pop_chain(length, &first)) {
                    ++mine_wrong;  // four threads hold 24 at most: there is always enough
                    continue;
                }
                uint32_t last = first;
                for (uint32_t i = 0; i < length; ++i) {
                    if (i > 0) last = stack.next(last);
                    mine_wrong += owner[last] != 0;
                    owner[last] = thread;
                }
                uint32_t index = first;
                for (uint32_t i = 0; i < length; ++i, index = stack.next(index)) {
                    mine_wrong += owner[index] != thread;
                    owner[index] = 0;
                }
                stack.push_chain(first, last);
            }
            wrong_count.fetch_add(mine_wrong);
        });
    }
    join_all(&threads);

    assert_int_equal(wrong_count.load(), 0);
    uint32_t first = 0;
    assert_true(stack.pop_chain(kCount, &first));
    assert_false(stack.pop(&first));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(eight_producers_reach_one_consumer_whole_and_in_order),
        cmocka_unit_test(four_consumers_share_what_four_producers_push),
        cmocka_unit_test(a_ping_is_answered_though_both_sides_sleep),
        cmocka_unit_test(a_consumer_that_sleeps_misses_none_of_four_producers),
        cmocka_unit_test(sleeping_consumers_share_all_and_leave_no_wake_up_behind),
        cmocka_unit_test(no_index_has_two_owners_and_none_is_lost),
    };
    return cmocka_run_group_tests_name("ringbuf under threads", tests, nullptr, nullptr);
}
