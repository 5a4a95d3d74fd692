// SPDX-License-Identifier: Apache-2.0
//
// test_heat.cpp — heat as exact values of a few keys, at and between half-lives, with time that
// stands still or goes back and where the cells end; of many keys at once against sums in doubles
// and a plain count-min sketch; and which pages of an interval are looked at.
//
// Prints its seed and takes it back from BWRT_TEST_SEED.

#include "planner/learning/heat.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>
#include <vector>

#include "planner/mix.h"
#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kHalfLife = 64 * kSecond;
constexpr std::uint64_t kBegin = 1'000'000 * kHalfLife;  // the begin of a tick
constexpr std::uint64_t kMost = ~std::uint64_t{0};

HeatLimits limits_of(std::uint32_t row_count, std::uint32_t row_width) {
    return {.row_count = row_count, .row_width = row_width, .half_life_ns = kHalfLife};
}

void what_was_never_asked_for_is_cold(void**) {
    const HeatSketch heat({});

    assert_true(heat.estimate(mix(1), kBegin) == 0);
}

void hits_add_up_in_thousandths(void**) {
    HeatSketch heat({});

    assert_true(heat.add(mix(1), 1000, kBegin) == 1000);
    assert_true(heat.add(mix(1), 1, kBegin) == 1001);
    assert_true(heat.add(mix(1), 0, kBegin) == 1001);

    assert_true(heat.estimate(mix(1), kBegin) == 1001);
    assert_true(heat.estimate(mix(2), kBegin) == 0);
}

void heat_halves_in_a_half_life(void**) {
    HeatSketch heat(limits_of(4, 4096));

    heat.add(mix(1), 1'000'000, kBegin);

    assert_true(heat.estimate(mix(1), kBegin + kHalfLife / 2) == 707'107);
    assert_true(heat.estimate(mix(1), kBegin + kHalfLife) == 500'000);
    assert_true(heat.estimate(mix(1), kBegin + 2 * kHalfLife) == 250'000);
    assert_true(heat.estimate(mix(1), kBegin + 64 * kHalfLife) == 0);
    assert_true(heat.add(mix(1), 1000, kBegin + kHalfLife) == 501'000);
}

// The reference: 4 hits after 100 s at 0.01 a second are 1.4715, and not 1.
void the_default_half_life_is_a_rate_of_a_hundredth_a_second(void**) {
    HeatSketch heat({});

    heat.add(mix(1), 4000, kBegin);

    assert_true(heat.estimate(mix(1), kBegin + 100 * kSecond) == 1472);
}

void a_single_hit_does_not_die_at_once(void**) {
    HeatSketch heat({});

    heat.add(mix(1), 1000, kBegin);

    assert_true(heat.estimate(mix(1), kBegin + kSecond) == 990);
}

// The keys that are never asked for again: there are no few that are tracked.
void every_cell_decays(void**) {
    HeatSketch heat(limits_of(1, 2));
    for (std::uint64_t key = 0; key < 1000; ++key) heat.add(mix(key), 1000, kBegin);
    const std::uint64_t before = heat.estimate(mix(1), kBegin);

    const std::uint64_t after = heat.estimate(mix(1), kBegin + 3 * kHalfLife);

    assert_true(before >= 400'000);
    assert_true(after == (before + 4) / 8);
}

void a_million_small_hits_are_as_warm_as_they_should_be(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    HeatSketch heat(limits_of(4, 4096));
    std::uint64_t now = kBegin + random.below(kHalfLife);
    double expected = 0;

    for (int i = 0; i < 1'000'000; ++i) {
        const std::uint64_t step = random.below(1'000'000);
        now += step;
        const std::uint64_t hits = random.between(1, 3);
        expected = expected * std::exp2(-static_cast<double>(step) / kHalfLife) +
                   static_cast<double>(hits);
        heat.add(mix(1), hits, now);
    }
    const auto told = static_cast<double>(heat.estimate(mix(1), now));

    assert_true(told > expected * (1 - 1e-7) - 1);
    assert_true(told < expected * (1 + 4.6e-5 + 1e-7) + 1);
}

void time_that_goes_back_is_no_time(void**) {
    HeatSketch heat(limits_of(4, 4096));

    heat.add(mix(1), 1000, kBegin);
    assert_true(heat.add(mix(1), 1000, kBegin - 10 * kHalfLife) == 2000);
    assert_true(heat.add(mix(2), 1000, 0) == 1000);

    assert_true(heat.estimate(mix(1), 0) == 2000);
    assert_true(heat.estimate(mix(2), kBegin) == 1000);
    assert_true(heat.estimate(mix(2), kBegin + kHalfLife) == 500);
}

void a_cell_stays_at_its_most(void**) {
    HeatSketch heat(limits_of(4, 4096));

    assert_true(heat.add(mix(1), kMost, kBegin) == HeatSketch::kHitsMilliMax - 1);
    assert_true(heat.add(mix(1), kMost, kBegin) == HeatSketch::kHitsMilliMax);
    assert_true(heat.add(mix(1), 1, kBegin) == HeatSketch::kHitsMilliMax);

    assert_true(heat.estimate(mix(1), kBegin + kHalfLife) == HeatSketch::kHitsMilliMax / 2);
    assert_true(heat.add(mix(2), HeatSketch::kHitsMilliMax, kBegin) ==
                HeatSketch::kHitsMilliMax - 1);
}

void the_last_times_are_times(void**) {
    HeatSketch heat({.half_life_ns = 0});

    heat.add(mix(1), 1000, kMost);

    assert_true(heat.estimate(mix(1), kMost) == 1000);
    assert_true(heat.estimate(mix(1), 0) == 1000);
}

struct Told {
    double true_heat = 0;
    std::uint64_t plain = 0;
};

// Plain: all cells of a key are raised, with no decay.
std::vector<Told> fill(HeatSketch* heat, std::uint32_t row_width, bwrt::test::Random* random) {
    constexpr std::uint64_t kKeys = 1000;
    std::vector<Told> told(kKeys);
    std::vector<std::uint64_t> cells(std::size_t{4} * row_width);
    const auto cell = [&](std::uint64_t key, std::uint64_t row) -> std::uint64_t& {
        return cells[row * row_width + mixed_number(row, mix(key)) % row_width];
    };
    for (int i = 0; i < 50'000; ++i) {
        const std::uint64_t key = random->below(random->between(1, kKeys));
        const std::uint64_t hits = random->between(1, 2000);
        heat->add(mix(key), hits, kBegin);
        told[key].true_heat += static_cast<double>(hits);
        for (std::uint64_t row = 0; row < 4; ++row) cell(key, row) += hits;
    }
    for (std::uint64_t key = 0; key < kKeys; ++key) {
        told[key].plain = kMost;
        for (std::uint64_t row = 0; row < 4; ++row) {
            told[key].plain = std::min(told[key].plain, cell(key, row));
        }
    }
    return told;
}

void heat_is_never_too_low_and_less_too_high_than_a_plain_sketch(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    constexpr std::uint32_t kWidth = 256;
    HeatSketch heat(limits_of(4, kWidth));
    const std::vector<Told> told = fill(&heat, kWidth, &random);

    double all = 0, excess = 0, plain_excess = 0;
    int too_low_count = 0, far_too_high_count = 0;
    for (const Told& one : told) all += one.true_heat;
    for (std::uint64_t key = 0; key < told.size(); ++key) {
        const auto estimate = static_cast<double>(heat.estimate(mix(key), kBegin));
        too_low_count += estimate < told[key].true_heat;
        far_too_high_count += estimate > told[key].true_heat + 2 * all / kWidth;
        excess += estimate - told[key].true_heat;
        plain_excess += static_cast<double>(told[key].plain) - told[key].true_heat;
    }
    print_message("too high by %.0f in all, plain %.0f\n", excess, plain_excess);

    assert_int_equal(too_low_count, 0);
    assert_true(far_too_high_count <= static_cast<int>(told.size()) / 16);
    assert_true(excess < 0.8 * plain_excess);
}

void the_same_calls_tell_the_same(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    HeatSketch one(limits_of(4, 64));
    HeatSketch other(limits_of(4, 64));
    int different_count = 0;

    std::uint64_t now = kBegin;
    for (int i = 0; i < 20'000; ++i) {
        const std::uint64_t key = mix(random.below(500));
        const std::uint64_t hits = random.below(3000);
        now += random.below(kSecond);
        different_count += one.add(key, hits, now) != other.add(key, hits, now);
    }

    assert_int_equal(different_count, 0);
}

void another_seed_has_other_neighbours(void**) {
    HeatLimits limits = limits_of(1, 2);
    HeatSketch one(limits);
    limits.seed = 7;
    HeatSketch other(limits);
    int different_count = 0;

    one.add(mix(0), 1000, kBegin);
    other.add(mix(0), 1000, kBegin);
    for (std::uint64_t key = 1; key < 100; ++key) {
        different_count += one.estimate(mix(key), kBegin) != other.estimate(mix(key), kBegin);
    }

    assert_true(different_count > 10);
}

void each_part_of_a_place_makes_another_key(void**) {
    const std::uint64_t key = heat_key({1, 2, 3}, 4);

    assert_true(key != heat_key({2, 2, 3}, 4));
    assert_true(key != heat_key({1, 3, 3}, 4));
    assert_true(key != heat_key({1, 2, 4}, 4));
    assert_true(key != heat_key({1, 2, 3}, 5));
    assert_true(heat_key({1, 2, 1}, 0) != heat_key({1, 2, 0}, std::uint64_t{1} << 48));
    assert_true(heat_key({1, 2, 3}, 4) == key);
    assert_true(heat_key({2, 1, 3}, 4) != key);
}

void keys_of_dense_places_are_spread_over_all_bits(void**) {
    std::set<std::uint64_t> keys;
    int count_of_bit[64] = {};

    for (std::uint32_t i = 0; i < 65'536; ++i) {
        const PagePlace place = {i & 1, (i >> 1) & 15, static_cast<std::uint16_t>((i >> 5) & 31)};
        const std::uint64_t key = heat_key(place, i >> 10);
        keys.insert(key);
        for (std::uint32_t bit = 0; bit < 64; ++bit) count_of_bit[bit] += (key >> bit) & 1;
    }

    assert_int_equal(keys.size(), 65'536);
    // Half of them, and five times the standard deviation of 128.
    assert_true(*std::min_element(count_of_bit, count_of_bit + 64) > 32'768 - 640);
    assert_true(*std::max_element(count_of_bit, count_of_bit + 64) < 32'768 + 640);
}

constexpr PagePlace kPlace = {1, 2, 3};

void pages_of_a_group_are_one(void**) {
    HeatSketch heat({.group_bits = 4});

    heat.add_pages(kPlace, 16, 31, 1000, kBegin);

    assert_true(heat.estimate_pages(kPlace, 20, 20, kBegin) == 1000);
    assert_true(heat.estimate_pages(kPlace, 0, 15, kBegin) == 0);
    assert_true(heat.estimate_pages(kPlace, 32, 47, kBegin) == 0);
    assert_true(heat.estimate_pages(kPlace, 31, 32, kBegin) == 1000);
    assert_true(heat.estimate(heat_key(kPlace, 1), kBegin) == 1000);
}

void the_same_pages_elsewhere_are_others(void**) {
    HeatSketch heat({});

    heat.add_pages(kPlace, 0, 100, 1000, kBegin);

    assert_true(heat.estimate_pages({2, 2, 3}, 0, 100, kBegin) == 0);
    assert_true(heat.estimate_pages({1, 3, 3}, 0, 100, kBegin) == 0);
    assert_true(heat.estimate_pages({1, 2, 4}, 0, 100, kBegin) == 0);
}

void each_of_64_groups_makes_an_interval_hot(void**) {
    int missed_count = 0;

    for (std::uint64_t hot = 100; hot < 164; ++hot) {
        HeatSketch heat({.row_count = 2, .row_width = 1024, .group_bits = 0});
        heat.add_pages(kPlace, hot, hot, 5000, kBegin);
        missed_count += heat.estimate_pages(kPlace, 100, 163, kBegin) != 5000;
    }

    assert_int_equal(missed_count, 0);
}

void an_interval_is_as_hot_as_its_hottest_group(void**) {
    HeatSketch heat({.group_bits = 2});

    heat.add_pages(kPlace, 0, 3, 1000, kBegin);
    heat.add_pages(kPlace, 40, 43, 3000, kBegin);
    heat.add_pages(kPlace, 60, 63, 2000, kBegin);

    assert_true(heat.estimate_pages(kPlace, 0, 63, kBegin) == 3000);
    assert_true(heat.estimate_pages(kPlace, 0, 39, kBegin) == 1000);
    assert_true(heat.estimate_pages(kPlace, 44, 63, kBegin) == 2000);
}

void pages_the_wrong_way_round_are_none(void**) {
    HeatSketch heat({.group_bits = 0});

    heat.add_pages(kPlace, 5, 4, 1000, kBegin);
    assert_true(heat.estimate_pages(kPlace, 4, 5, kBegin) == 0);

    heat.add_pages(kPlace, 4, 5, 1000, kBegin);
    assert_true(heat.estimate_pages(kPlace, 5, 4, kBegin) == 0);
}

// Of each length just above 64 and some far above: how many groups get warm, and how far apart.
void a_long_interval_is_looked_at_in_at_most_64_places_evenly(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    int wrong_count = 0;

    for (int round = 0; round < 50; ++round) {
        HeatSketch heat({.row_count = 4, .row_width = 1u << 14, .group_bits = 0});
        const std::uint64_t first = random.below(1000);
        const std::uint64_t count =
            round < 5 ? 63u + static_cast<unsigned>(round) : random.between(1, 20'000);
        heat.add_pages(kPlace, first, first + count - 1, 1000, kBegin);

        std::vector<std::uint64_t> warm;
        for (std::uint64_t page = 0; page < 22'000; ++page) {
            if (heat.estimate(heat_key(kPlace, page), kBegin) > 0) warm.push_back(page);
        }
        std::uint64_t widest = 0;
        for (std::size_t i = 1; i < warm.size(); ++i) {
            widest = std::max(widest, warm[i] - warm[i - 1]);
        }
        wrong_count += warm.front() != first || warm.back() != first + count - 1;
        wrong_count += warm.size() > HeatSketch::kLooksMax;
        wrong_count += warm.size() < std::min<std::uint64_t>(count, 32);
        wrong_count += widest > std::bit_ceil((count + 61) / 62);
    }

    assert_int_equal(wrong_count, 0);
}

void two_long_intervals_that_share_pages_meet(void**) {
    HeatSketch heat({.group_bits = 0});

    heat.add_pages(kPlace, 1'000, 9'000, 1000, kBegin);

    assert_true(heat.estimate_pages(kPlace, 8'001, 16'001, kBegin) == 1000);
    assert_true(heat.estimate_pages(kPlace, 1'001, 99'999, kBegin) == 1000);
}

void all_pages_that_there_are_are_an_interval(void**) {
    HeatSketch heat({.group_bits = 0});

    heat.add_pages(kPlace, 0, kMost, 1000, kBegin);

    assert_true(heat.estimate_pages(kPlace, 0, 0, kBegin) == 1000);
    assert_true(heat.estimate_pages(kPlace, kMost, kMost, kBegin) == 1000);
    assert_true(heat.estimate_pages(kPlace, 1, kMost - 1, kBegin) == 1000);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(what_was_never_asked_for_is_cold),
        cmocka_unit_test(hits_add_up_in_thousandths),
        cmocka_unit_test(heat_halves_in_a_half_life),
        cmocka_unit_test(the_default_half_life_is_a_rate_of_a_hundredth_a_second),
        cmocka_unit_test(a_single_hit_does_not_die_at_once),
        cmocka_unit_test(every_cell_decays),
        cmocka_unit_test(a_million_small_hits_are_as_warm_as_they_should_be),
        cmocka_unit_test(time_that_goes_back_is_no_time),
        cmocka_unit_test(a_cell_stays_at_its_most),
        cmocka_unit_test(the_last_times_are_times),
        cmocka_unit_test(heat_is_never_too_low_and_less_too_high_than_a_plain_sketch),
        cmocka_unit_test(the_same_calls_tell_the_same),
        cmocka_unit_test(another_seed_has_other_neighbours),
        cmocka_unit_test(each_part_of_a_place_makes_another_key),
        cmocka_unit_test(keys_of_dense_places_are_spread_over_all_bits),
        cmocka_unit_test(pages_of_a_group_are_one),
        cmocka_unit_test(the_same_pages_elsewhere_are_others),
        cmocka_unit_test(each_of_64_groups_makes_an_interval_hot),
        cmocka_unit_test(an_interval_is_as_hot_as_its_hottest_group),
        cmocka_unit_test(pages_the_wrong_way_round_are_none),
        cmocka_unit_test(a_long_interval_is_looked_at_in_at_most_64_places_evenly),
        cmocka_unit_test(two_long_intervals_that_share_pages_meet),
        cmocka_unit_test(all_pages_that_there_are_are_an_interval),
    };
    return cmocka_run_group_tests_name("planner/learning/heat.cpp", tests, nullptr, nullptr);
}
