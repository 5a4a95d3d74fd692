// SPDX-License-Identifier: Apache-2.0
//
// test_ranked.cpp — thousands of random calls against a sorted set, which has to name the same
// first entry after each, and the order of equal ranks.
//
// Prints its seed and takes it back from BWRT_TEST_SEED.

#include "planner/learning/ranked.h"

#include <set>
#include <utility>
#include <vector>

#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;

void of_equal_ranks_the_lesser_number_is_first(void**) {
    Ranked ranked(4);
    assert_true(ranked.is_empty());
    for (const std::uint32_t entry : {3u, 1u, 2u}) ranked.put(entry, 7);

    assert_int_equal(ranked.first(), 1);
    ranked.take_out(1);
    assert_int_equal(ranked.first(), 2);
    ranked.take_out(1);
    assert_int_equal(ranked.first(), 2);
    ranked.put(3, 6);
    assert_int_equal(ranked.first(), 3);
    assert_true(ranked.rank(3) == 6);
}

void the_first_is_that_of_a_sorted_set(void**) {
    constexpr std::uint32_t kCount = 100;
    bwrt::test::Random random(bwrt::test::test_seed());
    Ranked ranked(kCount);
    std::set<std::pair<std::uint64_t, std::uint32_t>> model;
    std::vector<std::uint64_t> ranks(kCount);
    int wrong_count = 0;
    for (std::uint32_t step = bwrt::test::share_of(20'000); step > 0; --step) {
        const auto entry = static_cast<std::uint32_t>(random.below(kCount));
        model.erase({ranks[entry], entry});
        if (random.one_in(3)) {
            ranked.take_out(entry);
        } else {
            ranks[entry] = random.below(50);
            ranked.put(entry, ranks[entry]);
            model.insert({ranks[entry], entry});
        }
        wrong_count += ranked.is_empty() != model.empty();
        if (!model.empty()) wrong_count += ranked.first() != model.begin()->second;
    }
    assert_int_equal(wrong_count, 0);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(of_equal_ranks_the_lesser_number_is_first),
        cmocka_unit_test(the_first_is_that_of_a_sorted_set),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
