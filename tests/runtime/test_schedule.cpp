// SPDX-License-Identifier: Apache-2.0
//
// test_schedule.cpp — the heap against a sorted set, waves leaving from its middle, and the ready
// queue: deadlines inside a priority, priorities, the share of the lower ones, and patience.

#include "runtime/schedule.h"

#include <set>
#include <utility>
#include <vector>

#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using bwrt::runtime::HeapKey;
using bwrt::runtime::kNeverNs;
using bwrt::runtime::kNoIndex;
using bwrt::runtime::Lane;
using bwrt::runtime::ReadyQueue;
using bwrt::runtime::Wave;
using bwrt::runtime::WaveHeap;
using bwrt::runtime::WaveTable;

struct TimerPlace {
    static std::uint32_t& of(Wave& wave) noexcept { return wave.timer_place; }
};

class Queue {
 public:
    Queue() : waves(64, 1), ready(&waves) {}

    Wave* add(std::uint32_t priority, std::uint64_t deadline_ns, std::uint64_t submitted_ns = 0) {
        Wave* wave = waves.take();
        wave->priority = static_cast<std::uint8_t>(priority);
        wave->deadline_ns = deadline_ns;
        wave->submitted_ns = submitted_ns;
        wave->sequence = ++sequence_;
        ready.insert(wave);
        return wave;
    }
    // Picks a wave and takes it out.
    Wave* take() {
        Wave* wave = ready.pick();
        if (wave != nullptr) ready.remove(wave);
        return wave;
    }

    WaveTable waves;
    ReadyQueue<Lane::kHost> ready;

 private:
    std::uint64_t sequence_ = 0;
};

void the_heap_agrees_with_a_sorted_set_when_waves_leave_its_middle(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    WaveTable waves(40, 1);
    WaveHeap<TimerPlace> heap(&waves);
    std::set<std::pair<std::pair<std::uint64_t, std::uint64_t>, std::uint32_t>> model;
    std::vector<HeapKey> keys(40);
    std::uint64_t sequence = 0;
    for (int step = 0; step < 20'000; ++step) {
        const std::uint32_t index = random.between32(0, 39);
        Wave* wave = &waves.at(index);
        const bool inside = wave->timer_place != kNoIndex;
        if (inside) {
            heap.remove(wave);
            assert_int_equal(model.erase({{keys[index].due_ns, keys[index].sequence}, index}), 1);
            assert_int_equal(wave->timer_place, kNoIndex);
        } else {
            keys[index] = {random.below(20), ++sequence};
            heap.insert(wave, keys[index]);
            model.insert({{keys[index].due_ns, keys[index].sequence}, index});
        }
        assert_int_equal(heap.is_empty(), model.empty());
        if (model.empty()) continue;
        assert_int_equal(heap.top().index, model.begin()->second);
        assert_int_equal(heap.top_key().due_ns, model.begin()->first.first);
    }
}

void removing_what_is_not_there_does_nothing(void**) {
    WaveTable waves(2, 1);
    WaveHeap<TimerPlace> heap(&waves);
    heap.insert(&waves.at(0), {5, 1});

    heap.remove(&waves.at(1));
    assert_ptr_equal(&heap.top(), &waves.at(0));
    heap.remove(&waves.at(0));
    heap.remove(&waves.at(0));
    assert_true(heap.is_empty());
}

void an_empty_queue_picks_nothing(void**) {
    Queue queue;

    assert_null(queue.ready.pick());
    assert_true(queue.ready.is_empty());
}

void the_earliest_deadline_is_first_and_of_equal_ones_the_oldest(void**) {
    Queue queue;
    Wave* late = queue.add(BWRT_PRIORITY_NORMAL, 300);
    Wave* early = queue.add(BWRT_PRIORITY_NORMAL, 100);
    Wave* equal = queue.add(BWRT_PRIORITY_NORMAL, 100);

    assert_ptr_equal(queue.take(), early);
    assert_ptr_equal(queue.take(), equal);
    assert_ptr_equal(queue.take(), late);
    assert_null(queue.take());
}

void urgent_goes_before_normal_and_normal_before_background(void**) {
    Queue queue;
    Wave* background = queue.add(BWRT_PRIORITY_BACKGROUND, 1);
    Wave* normal = queue.add(BWRT_PRIORITY_NORMAL, 2);
    Wave* urgent = queue.add(BWRT_PRIORITY_URGENT, 3);

    assert_ptr_equal(queue.take(), urgent);
    assert_ptr_equal(queue.take(), normal);
    assert_ptr_equal(queue.take(), background);
}

void a_picked_wave_stays_in_the_queue(void**) {
    Queue queue;
    Wave* wave = queue.add(BWRT_PRIORITY_NORMAL, 100);

    assert_ptr_equal(queue.ready.pick(), wave);
    assert_ptr_equal(queue.ready.pick(), wave);
    assert_false(queue.ready.is_empty());
}

void without_a_deadline_a_wave_is_due_a_second_after_submission(void**) {
    constexpr std::uint64_t kSecond = 1'000'000'000;
    Queue queue;
    Wave* patient = queue.add(BWRT_PRIORITY_NORMAL, kNeverNs, 5);
    Wave* later = queue.add(BWRT_PRIORITY_NORMAL, kSecond + 6, 50);
    Wave* earlier = queue.add(BWRT_PRIORITY_NORMAL, kSecond + 4, 50);
    Wave* distant = queue.add(BWRT_PRIORITY_NORMAL, 9 * kSecond, 6);

    assert_ptr_equal(queue.take(), earlier);
    assert_ptr_equal(queue.take(), patient);
    assert_ptr_equal(queue.take(), later);  // due with the distant one, but that came later
    assert_ptr_equal(queue.take(), distant);
}

// Deadlines of the machine's first nanoseconds do not come before everyone who has none.
void a_deadline_that_has_passed_is_due_at_submission_and_no_earlier(void**) {
    constexpr std::uint64_t kSecond = 1'000'000'000;
    Queue queue;
    Wave* patient = queue.add(BWRT_PRIORITY_NORMAL, kNeverNs, kSecond);
    Wave* past_later = queue.add(BWRT_PRIORITY_NORMAL, 1, 2 * kSecond + 1);
    Wave* past = queue.add(BWRT_PRIORITY_NORMAL, 1, 2 * kSecond - 1);
    Wave* past_at_once = queue.add(BWRT_PRIORITY_NORMAL, 1, 2 * kSecond);

    assert_ptr_equal(queue.take(), past);
    assert_ptr_equal(queue.take(), patient);  // a second after its submission it is its turn
    assert_ptr_equal(queue.take(), past_at_once);
    assert_ptr_equal(queue.take(), past_later);
}

void a_stream_of_past_deadlines_does_not_starve_a_patient_wave(void**) {
    constexpr std::uint64_t kSecond = 1'000'000'000;
    Queue queue;
    Wave* patient = queue.add(BWRT_PRIORITY_NORMAL, kNeverNs, kSecond);
    int served_before = 0;

    // One always waits, and every hundredth of a second another comes.
    for (std::uint64_t now_ns = kSecond; served_before < 1000; now_ns += kSecond / 100) {
        queue.add(BWRT_PRIORITY_NORMAL, 1, now_ns);
        const Wave* next = queue.ready.pick();
        if (next == patient) break;
        queue.waves.put_back(queue.take());
        ++served_before;
    }

    assert_int_equal(served_before, 100);
}

void every_16th_pick_goes_to_a_lower_priority(void**) {
    Queue queue;
    Wave* urgent = queue.add(BWRT_PRIORITY_URGENT, 1);
    Wave* normal = queue.add(BWRT_PRIORITY_NORMAL, 1);

    for (int pick = 1; pick <= 64; ++pick) {
        assert_ptr_equal(queue.ready.pick(), pick % 16 == 0 ? normal : urgent);
    }
}

void the_lower_priorities_take_turns(void**) {
    Queue queue;
    Wave* urgent = queue.add(BWRT_PRIORITY_URGENT, 1);
    Wave* normal = queue.add(BWRT_PRIORITY_NORMAL, 1);
    Wave* background = queue.add(BWRT_PRIORITY_BACKGROUND, 1);
    int urgent_count = 0, normal_count = 0, background_count = 0;

    for (int pick = 0; pick < 16 * 20; ++pick) {
        const Wave* wave = queue.ready.pick();
        urgent_count += wave == urgent;
        normal_count += wave == normal;
        background_count += wave == background;
    }

    assert_int_equal(urgent_count, 15 * 20);
    assert_int_equal(normal_count, 10);
    assert_int_equal(background_count, 10);
}

void the_lowest_priority_alone_gets_every_pick(void**) {
    Queue queue;
    Wave* background = queue.add(BWRT_PRIORITY_BACKGROUND, 1);

    for (int pick = 0; pick < 40; ++pick) assert_ptr_equal(queue.ready.pick(), background);
}

void a_wave_that_leaves_is_not_picked_again(void**) {
    Queue queue;
    Wave* first = queue.add(BWRT_PRIORITY_NORMAL, 1);
    Wave* second = queue.add(BWRT_PRIORITY_NORMAL, 2);

    queue.ready.remove(first);
    queue.ready.remove(first);

    assert_ptr_equal(queue.ready.pick(), second);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_heap_agrees_with_a_sorted_set_when_waves_leave_its_middle),
        cmocka_unit_test(removing_what_is_not_there_does_nothing),
        cmocka_unit_test(an_empty_queue_picks_nothing),
        cmocka_unit_test(the_earliest_deadline_is_first_and_of_equal_ones_the_oldest),
        cmocka_unit_test(urgent_goes_before_normal_and_normal_before_background),
        cmocka_unit_test(a_picked_wave_stays_in_the_queue),
        cmocka_unit_test(without_a_deadline_a_wave_is_due_a_second_after_submission),
        cmocka_unit_test(a_deadline_that_has_passed_is_due_at_submission_and_no_earlier),
        cmocka_unit_test(a_stream_of_past_deadlines_does_not_starve_a_patient_wave),
        cmocka_unit_test(every_16th_pick_goes_to_a_lower_priority),
        cmocka_unit_test(the_lower_priorities_take_turns),
        cmocka_unit_test(the_lowest_priority_alone_gets_every_pick),
        cmocka_unit_test(a_wave_that_leaves_is_not_picked_again),
    };
    return cmocka_run_group_tests_name("runtime/schedule.h, wave_heap.h", tests, nullptr, nullptr);
}
