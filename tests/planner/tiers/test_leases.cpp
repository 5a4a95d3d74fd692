// SPDX-License-Identifier: Apache-2.0
//
// test_leases.cpp — leases end in the order of their ticks, whatever was ended before by hand, a
// number is had once at a time, and of what is expected the latest use is known.

#include "planner/tiers/leases.h"

#include <map>

#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using bwrt::planner::Leases;

void a_lease_ends_at_its_tick(void**) {
    Leases leases(2);

    const std::uint32_t lease = leases.add(7, 5);

    assert_int_equal(leases.ended(4), Leases::kNone);
    assert_int_equal(leases.ended(5), lease);
    assert_int_equal(leases.remove(lease), 7);
    assert_int_equal(leases.ended(5), Leases::kNone);
}

void none_is_to_be_had_when_all_are_taken(void**) {
    Leases leases(2), nothing(0);

    const std::uint32_t first = leases.add(1, 5);
    const std::uint32_t second = leases.add(1, 5);

    assert_int_not_equal(first, second);
    assert_int_not_equal(second, Leases::kNone);
    assert_int_equal(leases.add(1, 5), Leases::kNone);
    leases.remove(first);
    assert_int_equal(leases.add(1, 5), first);
    assert_int_equal(nothing.add(1, 5), Leases::kNone);
}

void of_what_is_expected_the_latest_use_is_known(void**) {
    Leases leases(4);
    assert_int_equal(leases.latest_use(), Leases::kNone);

    leases.add(1, 50);
    const std::uint32_t soon = leases.add(2, 10, false);
    const std::uint32_t late = leases.add(3, 30, false);
    leases.add(4, 20, false);

    assert_int_equal(leases.latest_use(), late);
    const auto is_two = [](std::uint32_t block) { return block == 2; };
    assert_int_equal(leases.latest_use_of(is_two), soon);
    leases.move(late, 9);
    assert_int_equal(leases.block_of(late), 9);
    assert_int_equal(leases.remove(late), 9);
    assert_int_equal(leases.block_of(leases.latest_use()), 4);
    assert_int_equal(leases.ended(10), soon);
}

void leases_end_in_the_order_of_their_ticks(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    Leases leases(20);
    std::map<std::uint32_t, std::pair<std::uint32_t, std::uint32_t>> model;  // block, until
    std::map<std::uint32_t, std::uint32_t> expected;                         // until
    std::uint32_t now = 0;
    for (int step = 0; step < 20'000; ++step) {
        if (random.one_in(2)) {
            const std::uint32_t block = random.between32(0, 1000);
            const std::uint32_t until = now + random.between32(1, 50);
            const bool is_firm = random.one_in(2);
            const std::uint32_t lease = leases.add(block, until, is_firm);
            assert_int_equal(lease == Leases::kNone, model.size() == 20);
            if (lease == Leases::kNone) continue;
            if (!is_firm) expected[lease] = until;
            assert_true(model.emplace(lease, std::pair(block, until)).second);
        } else if (!model.empty() && random.one_in(3)) {
            const auto one =
                std::next(model.begin(), static_cast<std::ptrdiff_t>(random.below(model.size())));
            assert_int_equal(leases.remove(one->first), one->second.first);
            expected.erase(one->first);
            model.erase(one);
        } else {
            ++now;
            for (std::uint32_t lease = 0; (lease = leases.ended(now)) != Leases::kNone;) {
                const auto one = model.find(lease);
                assert_true(one != model.end() && one->second.second <= now);
                assert_int_equal(leases.remove(lease), one->second.first);
                expected.erase(lease);
                model.erase(one);
            }
            for (const auto& [lease, what] : model) assert_true(what.second > now);
        }
        const std::uint32_t latest = leases.latest_use();
        assert_int_equal(latest == Leases::kNone, expected.empty());
        for (const auto& [lease, until] : expected) assert_true(until <= expected[latest]);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_lease_ends_at_its_tick),
        cmocka_unit_test(none_is_to_be_had_when_all_are_taken),
        cmocka_unit_test(of_what_is_expected_the_latest_use_is_known),
        cmocka_unit_test(leases_end_in_the_order_of_their_ticks),
    };
    return cmocka_run_group_tests_name("planner/tiers/leases.h", tests, nullptr, nullptr);
}
