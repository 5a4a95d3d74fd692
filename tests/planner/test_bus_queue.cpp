// SPDX-License-Identifier: Apache-2.0
//
// test_bus_queue.cpp — margins of a queue, against a list of them.

#include "planner/bus_queue.h"

#include <algorithm>
#include <vector>

#include "planner/routes.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;

constexpr BusQueue::Node kDirt = {-7'777, -kMovableMax / 4};

struct Queue {
    std::vector<BusQueue::Node> nodes;
    BusQueue queue;

    explicit Queue(std::uint32_t position_count_max)
        : nodes(BusQueue::nodes_for(position_count_max), kDirt),
          queue(nodes.data(), position_count_max) {}
};

void an_empty_queue_has_room_and_no_margin(void**) {
    const Queue of_none(0);
    assert_int_equal(of_none.queue.room(), 0);
    assert_int_equal(of_none.queue.least_margin(0, 1), kMovableMax);

    const Queue of_five(5);
    assert_int_equal(of_five.queue.room(), 5);
    assert_int_equal(of_five.queue.count(), 0);
    assert_int_equal(of_five.queue.bytes(), 0);
    assert_int_equal(of_five.queue.least_margin(0, ~std::uint32_t{0}), kMovableMax);
}

void nodes_are_for_a_power_of_two(void**) {
    assert_int_equal(BusQueue::nodes_for(0), 2);
    assert_int_equal(BusQueue::nodes_for(1), 2);
    assert_int_equal(BusQueue::nodes_for(5), 16);
    assert_int_equal(BusQueue::nodes_for(1u << 31), std::uint64_t{1} << 32);
}

void one_position_is_a_whole_queue(void**) {
    Queue one(1);
    assert_int_equal(one.queue.append(10, 5), 0);
    assert_int_equal(one.queue.room(), 0);
    one.queue.take(0, 1, 7);
    assert_int_equal(one.queue.least_margin(0, 1), -2);
    one.queue.bound(0, 3);
    assert_int_equal(one.queue.least_margin(0, 1), -2);
    one.queue.forget(0);
    assert_int_equal(one.queue.least_margin(0, 1), kMovableMax);
}

void what_goes_in_front_takes_from_all_behind_it(void**) {
    Queue queue(8);
    for (std::int64_t i = 0; i < 5; ++i) (void)queue.queue.append(100, 10 * i);
    queue.queue.take(2, 5, 15);
    queue.queue.lengthen(15);

    assert_int_equal(queue.queue.bytes(), 515);
    assert_int_equal(queue.queue.least_margin(0, 2), 0);
    assert_int_equal(queue.queue.least_margin(1, 2), 10);
    assert_int_equal(queue.queue.least_margin(2, 5), 5);
    assert_int_equal(queue.queue.least_margin(3, 5), 15);
    assert_int_equal(queue.queue.append(1, 3), 5);
    assert_int_equal(queue.queue.least_margin(2, 6), 3);  // it was not there yet
    assert_int_equal(queue.queue.bytes(), 516);
}

void a_bound_only_lowers(void**) {
    Queue queue(4);
    (void)queue.queue.append(1, 10);
    (void)queue.queue.append(1, 20);
    queue.queue.bound(1, 30);
    assert_int_equal(queue.queue.least_margin(1, 2), 20);
    queue.queue.bound(1, 5);
    assert_int_equal(queue.queue.least_margin(1, 2), 5);
    assert_int_equal(queue.queue.least_margin(0, 2), 5);
    assert_int_equal(queue.queue.least_margin(0, 1), 10);
}

// What was forgotten is as far away as makes no difference: the sums noted above it stay in it.
constexpr std::int64_t kFar = kMovableMax / 2;

std::int64_t margin_of(const BusQueue& queue, std::uint32_t first, std::uint32_t last) {
    return std::min(queue.least_margin(first, last), kFar);
}

void any_queue_has_the_margins_of_a_list(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    for (int turn = 0; turn < 2'000; ++turn) {
        const std::uint32_t room = random.between32(1, 40);
        Queue tree(room);
        std::vector<std::int64_t> list;
        std::uint64_t bytes = 0;
        for (int step = 0; step < 60; ++step) {
            const std::uint32_t first = random.between32(0, room);
            const std::uint32_t last = random.between32(0, room + 2);
            const auto some = static_cast<std::int64_t>(random.below(200)) - 50;
            const auto from = std::min<std::size_t>(first, list.size());
            const auto to = std::max(from, std::min<std::size_t>(last, list.size()));
            const std::uint64_t act = random.below(6);
            if (act < 2 && list.size() < room) {
                assert_int_equal(tree.queue.append(9, some), list.size());
                list.push_back(some);
                bytes += 9;
            } else if (act == 2) {
                tree.queue.take(first, last, some);
                for (std::size_t i = from; i < to; ++i) list[i] -= some;
            } else if (act == 3 && from < list.size()) {
                tree.queue.bound(first, some);
                list[from] = std::min(list[from], some);
            } else if (act == 4 && from < list.size() && random.one_in(4)) {
                tree.queue.forget(first);
                list[from] = kMovableMax;
            } else if (act == 5) {
                tree.queue.lengthen(3);
                bytes += 3;
            }
            std::int64_t least = kMovableMax;
            for (std::size_t i = first; i < last && i < list.size(); ++i) {
                least = std::min(least, list[i]);
            }
            assert_int_equal(margin_of(tree.queue, first, last), std::min(least, kFar));
            assert_int_equal(tree.queue.bytes(), bytes);
            assert_int_equal(tree.queue.count(), list.size());
            assert_int_equal(tree.queue.room(), room - list.size());
        }
        for (std::uint32_t i = 0; i < list.size(); ++i) {
            assert_int_equal(margin_of(tree.queue, i, i + 1), std::min(list[i], kFar));
        }
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_queue_has_room_and_no_margin),
        cmocka_unit_test(nodes_are_for_a_power_of_two),
        cmocka_unit_test(one_position_is_a_whole_queue),
        cmocka_unit_test(what_goes_in_front_takes_from_all_behind_it),
        cmocka_unit_test(a_bound_only_lowers),
        cmocka_unit_test(any_queue_has_the_margins_of_a_list),
    };
    return cmocka_run_group_tests_name("bus queue", tests, nullptr, nullptr);
}
