// SPDX-License-Identifier: Apache-2.0
//
// test_delivery.cpp — finished waves on their way: claimed once, polled in order, freed when nobody
// asks; and, with a poller that is held up at each of its instructions in turn, that a queue which
// looks full for a moment loses nothing.

#include "runtime/delivery.h"

#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/support/cmocka.h"
#include "tests/support/steps.h"

namespace {

using bwrt::runtime::Delivery;
using bwrt::runtime::HandleKind;
using bwrt::runtime::kOutcomeDone;
using bwrt::runtime::make_handle;
using bwrt::runtime::Wave;
using bwrt::runtime::WaveTable;

// A wave as the executor has it when it is over.
Wave* finished(WaveTable* waves, std::uint32_t delivery, std::uint64_t user_data) {
    Wave* wave = waves->take();
    if (wave == nullptr) return nullptr;
    wave->handle = make_handle(HandleKind::kWave, wave->index, ++wave->generation);
    wave->references.store(1, std::memory_order_relaxed);
    wave->delivery.store(delivery, std::memory_order_relaxed);
    wave->outcome.store(0, std::memory_order_relaxed);
    wave->completion = {};
    wave->completion.user_data = user_data;
    wave->ticket.store(wave->handle, std::memory_order_release);
    return wave;
}

bool is_readable(int fd) {
    pollfd look = {fd, POLLIN, 0};
    return poll(&look, 1, 0) == 1;
}

void a_waited_wave_is_over_and_then_claimed_once(void**) {
    WaveTable waves(2, 1);
    Delivery delivery(&waves);
    Wave* wave = finished(&waves, BWRT_DELIVER_WAIT, 7);
    const bwrt_handle handle = wave->handle;
    bwrt_completion completion = {};

    assert_false(wave->is_over(handle));
    delivery.deliver(wave);

    assert_int_equal(wave->outcome.load() & kOutcomeDone, kOutcomeDone);
    assert_int_equal(waves.count_taken(), 1);
    assert_false(delivery.claim(wave, handle + 1, &completion));
    assert_true(delivery.claim(wave, handle, &completion));
    assert_int_equal(completion.user_data, 7);
    assert_int_equal(waves.count_taken(), 0);
    assert_false(delivery.claim(wave, handle, &completion));
}

void a_detached_wave_frees_its_slot_and_is_polled_by_nobody(void**) {
    WaveTable waves(2, 1);
    Delivery delivery(&waves);
    Wave* wave = finished(&waves, BWRT_DELIVER_DETACHED, 7);
    const bwrt_handle handle = wave->handle;
    bwrt_completion completion = {};

    delivery.deliver(wave);

    assert_int_equal(wave->ticket.load(), 0);
    assert_int_equal(waves.count_taken(), 0);
    assert_int_equal(delivery.poll(&completion, 1), 0);
    assert_false(delivery.claim(wave, handle, &completion));
}

void a_poll_takes_the_oldest_first_and_no_more_than_it_has_room_for(void**) {
    WaveTable waves(4, 1);
    Delivery delivery(&waves);
    bwrt_completion completions[4] = {};
    for (std::uint64_t i = 0; i < 4; ++i) {
        delivery.deliver(finished(&waves, BWRT_DELIVER_QUEUE, i));
    }

    assert_int_equal(delivery.poll(completions, 3), 3);
    for (std::uint64_t i = 0; i < 3; ++i) assert_int_equal(completions[i].user_data, i);
    assert_int_equal(waves.count_taken(), 1);
    assert_int_equal(delivery.poll(completions, 3), 1);
    assert_int_equal(completions[0].user_data, 3);
    assert_int_equal(waves.count_taken(), 0);
    assert_int_equal(delivery.poll(completions, 3), 0);
}

void the_event_fd_is_readable_while_the_queue_is_not_empty(void**) {
    WaveTable waves(4, 1);
    Delivery delivery(&waves);
    bwrt_completion completion = {};
    delivery.deliver(finished(&waves, BWRT_DELIVER_QUEUE, 0));

    const int fd = delivery.event_fd();
    assert_true(fd >= 0);
    assert_int_equal(delivery.event_fd(), fd);
    assert_true(is_readable(fd));  // for what was there before it
    delivery.deliver(finished(&waves, BWRT_DELIVER_QUEUE, 1));
    assert_int_equal(delivery.poll(&completion, 1), 1);
    assert_true(is_readable(fd));
    assert_int_equal(delivery.poll(&completion, 1), 1);
    assert_false(is_readable(fd));
    delivery.deliver(finished(&waves, BWRT_DELIVER_WAIT, 2));
    assert_false(is_readable(fd));
    delivery.deliver(finished(&waves, BWRT_DELIVER_QUEUE, 3));
    assert_true(is_readable(fd));
}

// Two slots and two pollers: each is in the other's way as often as can be.
void what_many_pollers_take_comes_once(void**) {
    constexpr std::uint32_t kCount = 1000;  // on one busy core each may cost a time slice
    WaveTable waves(2, 1);
    Delivery delivery(&waves);
    std::vector<std::atomic<std::uint32_t>> taken(kCount);
    std::atomic<std::uint32_t> taken_count{0};
    const auto take = [&] {
        while (taken_count.load() < kCount) {
            bwrt_completion completions[2];
            const std::uint32_t got = delivery.poll(completions, 2);
            for (std::uint32_t i = 0; i < got; ++i) taken[completions[i].user_data].fetch_add(1);
            taken_count.fetch_add(got);
            if (got == 0) sched_yield();
        }
    };
    std::thread pollers[] = {std::thread(take), std::thread(take)};

    for (std::uint32_t i = 0; i < kCount; ++i) {
        Wave* wave = nullptr;
        while ((wave = finished(&waves, BWRT_DELIVER_QUEUE, i)) == nullptr) sched_yield();
        delivery.deliver(wave);
    }
    for (std::thread& poller : pollers) poller.join();

    for (const auto& times : taken) assert_int_equal(times.load(), 1);
    assert_int_equal(waves.count_taken(), 0);
}

#ifdef HAS_STEPS

// What a poller and a driver do while another poller is held up before its instruction `number`.
// With two slots the driver soon comes to the place that the poller has taken and not handed back,
// if that is where it stands.
std::uint32_t lost_beside_a_held_up_poller(std::uint32_t number) {
    WaveTable waves(2, 1);
    Delivery delivery(&waves);
    std::uint32_t times[8] = {};
    std::uint64_t delivered = 0;
    const auto deliver_all_there_are = [&] {
        for (Wave* wave; (wave = finished(&waves, BWRT_DELIVER_QUEUE, delivered)) != nullptr;) {
            ++delivered;
            delivery.deliver(wave);
        }
    };
    const auto take = [&] {
        bwrt_completion completions[2];
        const std::uint32_t got = delivery.poll(completions, 2);
        for (std::uint32_t i = 0; i < got; ++i) ++times[completions[i].user_data];
    };
    deliver_all_there_are();
    steps_arm(number);
    bwrt_completion victims[1];
    std::uint32_t victims_count = 0;
    std::thread victim([&] {
        steps_begin();
        victims_count = delivery.poll(victims, 1);
        steps_end();
    });
    static_cast<void>(steps_wait());

    take();
    steps_let_go();
    deliver_all_there_are();
    steps_need_not_wait();
    victim.join();
    for (std::uint32_t i = 0; i < victims_count; ++i) ++times[victims[i].user_data];
    take();

    std::uint32_t lost_count = 0;
    for (std::uint64_t i = 0; i < delivered; ++i) lost_count += times[i] == 1 ? 0 : 1;
    return lost_count;
}

void a_poller_that_is_held_up_while_it_takes_loses_nothing(void**) {
    assert_int_equal(lost_beside_a_held_up_poller(UINT32_MAX), 0);
    const std::uint32_t taken = steps_taken();
    print_message("%u instructions\n", taken);
    assert_true(taken > 20);

    for (std::uint32_t place = 0; place < steps_place_count(taken); ++place) {
        assert_int_equal(lost_beside_a_held_up_poller(steps_place(place, taken)), 0);
    }
}

#else

void a_poller_that_is_held_up_while_it_takes_loses_nothing(void**) {
    print_message("skipped: no thread can be held up here (steps.h)\n");
    skip();
}

#endif

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_waited_wave_is_over_and_then_claimed_once),
        cmocka_unit_test(a_detached_wave_frees_its_slot_and_is_polled_by_nobody),
        cmocka_unit_test(a_poll_takes_the_oldest_first_and_no_more_than_it_has_room_for),
        cmocka_unit_test(the_event_fd_is_readable_while_the_queue_is_not_empty),
        cmocka_unit_test(what_many_pollers_take_comes_once),
        cmocka_unit_test(a_poller_that_is_held_up_while_it_takes_loses_nothing),
    };
    return cmocka_run_group_tests_name("runtime/delivery.cpp", tests, nullptr, nullptr);
}
