// SPDX-License-Identifier: Apache-2.0
//
// test_decay.cpp — decay at no age, at whole half-lives and where 64 bits end; at random ages
// against an exponential of 64 bits, within what the head of decay.h states; and all powers of the
// tables as one number, which is the same from every compiler.
//
// Prints its seed and takes it back from BWRT_TEST_SEED.

#include "planner/learning/decay.h"

#include <cmath>

#include "planner/mix.h"
#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using bwrt::planner::Decay;
using bwrt::planner::kHalfLifeNsMin;
using bwrt::planner::kHalfLifeNsPages;
using bwrt::planner::kHalfLifeNsPrefixes;

constexpr std::uint64_t kMost = ~std::uint64_t{0};

void nothing_is_lost_at_no_age(void**) {
    assert_true(Decay::fade(0, 0) == 0);
    assert_true(Decay::fade(1, 0) == 1);
    assert_true(Decay::fade(kMost, 0) == kMost);
}

void a_half_life_halves(void**) {
    assert_true(Decay::fade(1000, Decay::kTicks) == 500);
    assert_true(Decay::fade(1000, 3 * Decay::kTicks) == 125);
    assert_true(Decay::fade(kMost, 63 * Decay::kTicks) == 1);
}

void nothing_is_left_after_64_half_lives(void**) {
    assert_true(Decay::fade(kMost, 64 * Decay::kTicks) == 0);
    assert_true(Decay::fade(kMost, kMost) == 0);
}

void half_of_a_half_life_leaves_the_root_of_a_half(void**) {
    // 10^15 x 0.70710678118654752
    const std::uint64_t left = Decay::fade(1'000'000'000'000'000, Decay::kTicks / 2);

    assert_true(left >= 707'106'781'186'547 && left <= 707'106'781'186'551);
}

void the_last_tick_of_a_half_life_is_just_above_the_half(void**) {
    // 2^62 x (1 + ln 2 / 2^24) = 2^62 x 1.0000000413148
    const std::uint64_t left = Decay::fade(std::uint64_t{1} << 63, Decay::kTicks - 1);

    assert_true(left > std::uint64_t{1} << 62);
    assert_true(left - (std::uint64_t{1} << 62) > 190'530'000'000);
    assert_true(left - (std::uint64_t{1} << 62) < 190'540'000'000);
}

void what_is_left_is_never_too_small_and_too_large_by_less_than_three(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    int too_small_count = 0, too_large_count = 0;

    for (int i = 0; i < 1'000'000; ++i) {
        const std::uint64_t value = random.bits() >> random.below(64);
        const auto fraction = static_cast<std::uint32_t>(random.below(Decay::kTicks));
        const long double exact =
            static_cast<long double>(value) * std::exp2(-static_cast<long double>(fraction) /
                                                        static_cast<long double>(Decay::kTicks));
        const long double error =
            static_cast<long double>(Decay::fade_part(value, fraction)) - exact;
        const long double share = std::ldexp(static_cast<long double>(value), -62);
        too_small_count += error < -2 * share;  // what the exponential itself may be wrong
        too_large_count += error >= 3 + 64 * share;
    }

    assert_int_equal(too_small_count, 0);
    assert_int_equal(too_large_count, 0);
}

void every_power_has_the_bits_that_it_has_elsewhere(void**) {
    std::uint64_t sum = 0;

    for (std::uint32_t i = 0; i < 256; ++i) {
        sum = bwrt::planner::mix(sum + Decay::fade_part(kMost, i << 16));
        sum = bwrt::planner::mix(sum + Decay::fade_part(kMost, i << 8));
        sum = bwrt::planner::mix(sum + Decay::fade_part(kMost, i));
    }

    assert_int_equal(sum, 0xF809'0BA4'65D9'9E56);
}

void decay_in_steps_is_decay_at_once(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    const Decay decay(kHalfLifeNsPages);
    const std::uint64_t begun_ns = random.below(std::uint64_t{1} << 61);
    const std::uint64_t value = std::uint64_t{1} << 62;

    std::uint64_t left = value;
    std::uint64_t now_ns = begun_ns;
    for (int step = 0; step < 100'000; ++step) {
        const std::uint64_t before_ns = now_ns;
        now_ns += random.below(2'000'000);
        left = Decay::fade(left, decay.tick_of(now_ns) - decay.tick_of(before_ns));
    }
    const std::uint64_t at_once =
        Decay::fade(value, decay.tick_of(now_ns) - decay.tick_of(begun_ns));

    assert_true(left >= at_once - 3);
    assert_true(left - at_once < 100'000 * 16);  // 2^-58 of each, 16 in 2^62, and its rounding
}

void a_tick_of_the_shortest_half_life_is_a_nanosecond(void**) {
    const Decay decay(kHalfLifeNsMin);

    assert_true(decay.tick_of(0) == 0);
    assert_true(decay.tick_of(12'345) == 12'345);
    assert_true(decay.tick_of(kMost) == kMost);
}

void a_shorter_half_life_counts_as_the_shortest(void**) {
    assert_true(Decay(0).tick_of(12'345) == 12'345);
    assert_true(Decay(kHalfLifeNsMin - 1).tick_of(12'345) == 12'345);
    assert_true(Decay(kHalfLifeNsMin + 1).tick_of(kMost) < kMost);
}

void the_longest_half_life_has_ticks_too(void**) {
    const Decay decay(kMost);

    assert_true(decay.tick_of(kMost) >= Decay::kTicks - 1 && decay.tick_of(kMost) <= Decay::kTicks);
    assert_true(decay.tick_of(kMost / 2) >= Decay::kTicks / 2 - 1);
    assert_true(decay.tick_of(kMost / 2) <= Decay::kTicks / 2);
}

void a_half_life_is_2_to_the_24_ticks_wherever_it_begins(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    const std::uint64_t half_lives_ns[] = {kHalfLifeNsPages, kHalfLifeNsPrefixes, 1'000'000'007};
    int wrong_count = 0;

    for (const std::uint64_t half_life_ns : half_lives_ns) {
        const Decay decay(half_life_ns);
        for (int i = 0; i < 10'000; ++i) {
            const std::uint64_t begun_ns = random.bits() >> (1 + random.below(40));
            const std::uint64_t ticks =
                decay.tick_of(begun_ns + half_life_ns) - decay.tick_of(begun_ns);
            wrong_count += ticks + 1 < Decay::kTicks || ticks > Decay::kTicks + 1;
        }
    }

    assert_int_equal(wrong_count, 0);
}

void a_time_is_told_to_the_tick(void**) {
    __extension__ typedef unsigned __int128 Wide;
    bwrt::test::Random random(bwrt::test::test_seed());
    int wrong_count = 0;

    for (int i = 0; i < 100'000; ++i) {
        const std::uint64_t half_life_ns =
            (std::uint64_t{1} << 25) + (random.bits() >> (3 + random.below(36)));
        const std::uint64_t now_ns = random.bits() >> random.below(40);
        const auto exact = static_cast<std::uint64_t>(Wide{now_ns} * Decay::kTicks / half_life_ns);
        const std::uint64_t tick = Decay(half_life_ns).tick_of(now_ns);
        wrong_count += tick > exact || tick + 3 < exact;
    }

    assert_int_equal(wrong_count, 0);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_at_no_age),
        cmocka_unit_test(a_half_life_halves),
        cmocka_unit_test(nothing_is_left_after_64_half_lives),
        cmocka_unit_test(half_of_a_half_life_leaves_the_root_of_a_half),
        cmocka_unit_test(the_last_tick_of_a_half_life_is_just_above_the_half),
        cmocka_unit_test(what_is_left_is_never_too_small_and_too_large_by_less_than_three),
        cmocka_unit_test(every_power_has_the_bits_that_it_has_elsewhere),
        cmocka_unit_test(decay_in_steps_is_decay_at_once),
        cmocka_unit_test(a_tick_of_the_shortest_half_life_is_a_nanosecond),
        cmocka_unit_test(a_shorter_half_life_counts_as_the_shortest),
        cmocka_unit_test(the_longest_half_life_has_ticks_too),
        cmocka_unit_test(a_half_life_is_2_to_the_24_ticks_wherever_it_begins),
        cmocka_unit_test(a_time_is_told_to_the_tick),
    };
    return cmocka_run_group_tests_name("planner/learning/decay.cpp", tests, nullptr, nullptr);
}
