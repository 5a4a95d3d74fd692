// SPDX-License-Identifier: Apache-2.0
//
// test_reuse_rates.cpp — bins of ages; what a rest is worth before anything is known, when all end
// at one age, and when none does; that what rests is counted once however time passes.
//
// Prints its seed and takes it back from BWRT_TEST_SEED.

#include "planner/tiers/reuse_rates.h"

#include <vector>

#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;

constexpr Tick kSlot = 1u << ReuseRates::kSlotShift;

void bins_are_octaves_that_begin_where_the_last_ends(void**) {
    assert_int_equal(ReuseRates::bin_of(0), 0);
    assert_int_equal(ReuseRates::bin_of(1), 1);
    assert_int_equal(ReuseRates::bin_of(2), 1);
    assert_int_equal(ReuseRates::bin_of(3), 2);
    assert_int_equal(ReuseRates::bin_of(ReuseRates::kSlotCount - 1), ReuseRates::kBinCount - 1);
    assert_int_equal(ReuseRates::bin_of(ReuseRates::kSlotCount), ReuseRates::kBinCount);
}

void before_anything_is_seen_the_older_is_worth_less(void**) {
    ReuseRates rates;
    const Tick now = 20'000 * kSlot;
    rates.advance(now);

    for (std::uint32_t age = 1; age < 2 * ReuseRates::kSlotCount; ++age) {
        const Tick older = now - age * kSlot;
        if (age < ReuseRates::kSlotCount) {
            assert_true(rates.value(1, older) < rates.value(1, older + kSlot));
        } else {
            assert_true(rates.value(1, older) <= rates.value(1, older + kSlot));
        }
        assert_true(rates.value(0, older) < rates.value(1, older));
    }
}

void a_rest_is_worth_most_before_the_age_at_which_all_end(void**) {
    ReuseRates rates;
    Tick now = kSlot;
    constexpr Tick kRest = 40 * kSlot;
    for (int i = 0; i < 4000; ++i, now += kSlot) {
        rates.advance(now);
        if (now > kRest) rates.end(3, now - kRest, true);
        rates.begin(3);
    }
    rates.advance(now);

    const std::uint64_t begun = rates.value(3, now);
    const std::uint64_t shortly_before = rates.value(3, now - 31 * kSlot);
    const std::uint64_t long_after = rates.value(3, now - 500 * kSlot);
    assert_true(shortly_before > begun);
    assert_true(begun > long_after);
    assert_true(begun > (std::uint64_t{1} << 39) / 80);  // one use in at most 64 slots
    assert_true(begun < (std::uint64_t{1} << 39) / 32);
}

void what_never_returns_is_worth_less_than_what_does(void**) {
    ReuseRates rates;
    Tick now = kSlot;
    for (int i = 0; i < 4000; ++i, now += kSlot) {
        rates.advance(now);
        rates.begin(2);
        if (i > 0) rates.end(4, now - kSlot, true);
        rates.begin(4);
    }
    rates.advance(now);

    for (std::uint32_t age = 0; age < 1000; ++age) {
        assert_true(rates.value(2, now - age * kSlot) < rates.value(4, now - age * kSlot));
    }
}

// A rest that was counted twice, or not at all, leaves a count that no end takes back: the next
// rests of that class would not be worth the same.
void rests_are_counted_once_over_pauses_of_all_lengths(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    ReuseRates rates;
    ReuseRates fresh;
    Tick now = kSlot;
    std::vector<Tick> begun;
    for (int i = 0; i < 20'000; ++i) {
        now += random.one_in(2000) ? random.between32(1, 3 * 8192 * kSlot)
                                   : random.between32(0, 3 * kSlot);
        rates.advance(now);
        if (!begun.empty() && random.one_in(2)) {
            const std::size_t index = random.below(begun.size());
            rates.end(5, begun[index], random.one_in(2));
            begun[index] = begun.back();
            begun.pop_back();
        } else {
            rates.begin(5);
            begun.push_back(now);
        }
    }
    for (const Tick tick : begun) rates.end(5, tick, false);
    // What was learnt is halved away; what was counted wrongly would stay.
    for (int i = 0; i < 40; ++i) rates.advance(now += 8192 * kSlot);
    fresh.advance(now);
    for (int i = 0; i < 4000; ++i, now += kSlot) {
        for (ReuseRates* each : {&rates, &fresh}) {
            each->advance(now);
            if (i > 3) each->end(5, now - 4 * kSlot, true);
            each->begin(5);
        }
    }

    rates.advance(now + kSlot);
    fresh.advance(now + kSlot);
    for (std::uint32_t age = 0; age < 100; ++age) {
        const std::uint64_t one = rates.value(5, now - age * kSlot);
        const std::uint64_t other = fresh.value(5, now - age * kSlot);
        assert_true(one < other + other / 16 + 1 && other < one + one / 16 + 1);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(bins_are_octaves_that_begin_where_the_last_ends),
        cmocka_unit_test(before_anything_is_seen_the_older_is_worth_less),
        cmocka_unit_test(a_rest_is_worth_most_before_the_age_at_which_all_end),
        cmocka_unit_test(what_never_returns_is_worth_less_than_what_does),
        cmocka_unit_test(rests_are_counted_once_over_pauses_of_all_lengths),
    };
    return cmocka_run_group_tests_name("planner/tiers/reuse_rates.cpp", tests, nullptr, nullptr);
}
