// SPDX-License-Identifier: Apache-2.0
//
// test_due_tree.cpp — the tree of earliest times: small sizes around its fan-out, times that are
// taken away or put off behind its back, and a million blocks against a search through all.

#include "planner/tiers/due_tree.h"

#include <vector>

#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using bwrt::planner::DueTree;

// The tree with the times it is asked about.
class Times {
 public:
    explicit Times(std::uint32_t count) : tree(count), due(count) {}

    void set(std::uint32_t block, std::uint32_t time) {
        due[block] = time;
        if (time != 0) tree.add(block, time);
    }
    std::uint32_t find(std::uint32_t now) {
        return tree.find(now, [this](std::uint32_t block) { return due[block]; });
    }
    [[nodiscard]] std::uint32_t search(std::uint32_t now) const {
        for (std::uint32_t block = 0; block < due.size(); ++block) {
            if (due[block] != 0 && due[block] <= now) return block;
        }
        return DueTree::kNone;
    }

    DueTree tree;
    std::vector<std::uint32_t> due;
};

void an_empty_tree_has_nothing_due(void**) {
    Times none(0), one(1), many(100'000);

    assert_int_equal(none.find(0xFFFF'FFFF), DueTree::kNone);
    assert_int_equal(one.find(0xFFFF'FFFF), DueTree::kNone);
    assert_int_equal(many.find(0xFFFF'FFFF), DueTree::kNone);
}

void a_block_is_due_at_its_time_and_not_before(void**) {
    Times times(5000);

    times.set(4321, 7);

    assert_int_equal(times.find(6), DueTree::kNone);
    assert_int_equal(times.find(7), 4321);
}

void the_first_and_the_last_block_of_any_size_are_found(void**) {
    for (const std::uint32_t count : {1u, 63u, 64u, 65u, 4095u, 4096u, 4097u, 262'145u}) {
        Times times(count);
        times.set(count - 1, 5);
        assert_int_equal(times.find(5), count - 1);
        times.set(0, 5);
        assert_int_equal(times.find(5), 0);
    }
}

void a_time_that_was_put_off_is_not_due_at_the_old_one(void**) {
    Times times(5000);
    times.set(100, 7);
    times.set(4000, 9);

    times.set(100, 20);

    assert_int_equal(times.find(8), DueTree::kNone);
    assert_int_equal(times.find(9), 4000);
    times.set(4000, 0);
    assert_int_equal(times.find(19), DueTree::kNone);
    assert_int_equal(times.find(20), 100);
}

void the_earliest_and_the_latest_time_are_times(void**) {
    Times times(70);

    times.set(69, 1);
    times.set(3, 0xFFFF'FFFE);

    assert_int_equal(times.find(1), 69);
    times.set(69, 0);
    assert_int_equal(times.find(0xFFFF'FFFD), DueTree::kNone);
    assert_int_equal(times.find(0xFFFF'FFFE), 3);
}

void what_is_found_is_what_a_search_finds(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    Times times(random.between32(10'000, 20'000));
    std::uint32_t now = 1;
    for (int step = 0; step < 20'000; ++step) {
        const auto block = static_cast<std::uint32_t>(random.below(times.due.size()));
        times.set(block, random.one_in(3) ? 0 : now + random.between32(0, 5000));
        if (!random.one_in(8)) continue;
        now += random.between32(0, 10);
        const std::uint32_t found = times.find(now);
        assert_int_equal(found, times.search(now));
        if (found != DueTree::kNone && random.one_in(2)) times.set(found, 0);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_tree_has_nothing_due),
        cmocka_unit_test(a_block_is_due_at_its_time_and_not_before),
        cmocka_unit_test(the_first_and_the_last_block_of_any_size_are_found),
        cmocka_unit_test(a_time_that_was_put_off_is_not_due_at_the_old_one),
        cmocka_unit_test(the_earliest_and_the_latest_time_are_times),
        cmocka_unit_test(what_is_found_is_what_a_search_finds),
    };
    return cmocka_run_group_tests_name("planner/tiers/due_tree.h", tests, nullptr, nullptr);
}
