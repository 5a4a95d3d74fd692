// SPDX-License-Identifier: Apache-2.0
//
// test_return_times.cpp — bins of ages; what is learnt from rests that are all alike, from rests
// half of which never end, and from another class's; random rests against the same estimate in
// doubles; the shortest wait; and what is forgotten.
//
// Prints its seed and takes it back from BWRT_TEST_SEED.

#include "planner/learning/return_times.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kNever = ~std::uint64_t{0};
constexpr RestClass kOneClass{.work = 3, .pace = 2, .growth = 1};

// A rest that ends at that age, or is watched for so long and has not ended.
void learn(ReturnTimes& times, const RestClass& rest, std::uint64_t age_ns, bool ends) {
    for (std::uint32_t bin = 0; bin < rest_bin(age_ns); ++bin) times.add_passed(rest, bin);
    if (ends) times.add_returned(rest, rest_bin(age_ns));
}

void every_age_lies_in_its_bin(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    int wrong_count = 0;
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        const std::uint64_t age_ns = random.bits() >> random.below(64);
        const std::uint32_t bin = rest_bin(age_ns);
        wrong_count += bin >= kRestBinCount;
        wrong_count += age_ns >= rest_bin_end_ns(bin) && rest_bin_end_ns(bin) != kNever;
        if (bin > 0) wrong_count += age_ns < rest_bin_end_ns(bin - 1);
    }
    assert_int_equal(wrong_count, 0);
    assert_int_equal(rest_bin(0), 0);
    assert_int_equal(rest_bin(kNever), kRestBinCount - 1);
    assert_true(rest_bin_end_ns(0) == 64u << 20);
    assert_true(rest_bin_end_ns(4) == 128u << 20);
    assert_true(rest_bin_end_ns(kRestBinCount - 1) == kNever);
}

void classes_are_octaves_and_shares(void**) {
    assert_int_equal(work_class(0), 0);
    assert_int_equal(work_class(kSecond), 1);
    assert_int_equal(work_class(5 * kSecond), 4);
    assert_int_equal(work_class(kNever), RestClass::kWorkCount - 1);
    assert_int_equal(pace_class(0), 1);
    assert_int_equal(pace_class(16 * (17 + 4)), 2);
    assert_int_equal(pace_class(16 * kRestBinCount), RestClass::kPaceCount - 1);
    assert_int_equal(growth_class(640, 640), 0);
    assert_int_equal(growth_class(640, 100), 0);
    assert_int_equal(growth_class(630, 640), 1);
    assert_int_equal(growth_class(600, 640), 2);
    assert_int_equal(growth_class(0, 640), 3);
}

void what_nothing_is_known_of_does_not_return(void**) {
    const ReturnTimes times;

    const Return found = times.predict(kOneClass, 0, kNever, 1000);

    assert_int_equal(found.probability_milli, 0);
    assert_true(found.expected_age_ns == 0 && found.until_age_ns == 0);
}

void what_always_returned_after_ten_seconds_is_expected_then(void**) {
    ReturnTimes times;
    for (int i = 0; i < 1000; ++i) learn(times, kOneClass, 10 * kSecond, true);

    const Return soon = times.predict(kOneClass, 5 * kSecond, 3 * kSecond, 1000);
    const Return found = times.predict(kOneClass, 5 * kSecond, 20 * kSecond, 1000);
    const Return later = times.predict(kOneClass, 13 * kSecond, 20 * kSecond, 1000);

    assert_int_equal(soon.probability_milli, 0);
    assert_in_range(found.probability_milli, 980, 1000);
    assert_true(rest_bin(found.expected_age_ns) == rest_bin(10 * kSecond));
    assert_true(found.until_age_ns == 25 * kSecond);
    assert_int_equal(later.probability_milli, 0);
}

void no_longer_is_waited_than_is_enough(void**) {
    ReturnTimes times;
    for (int i = 0; i < 1000; ++i) learn(times, kOneClass, 10 * kSecond, true);

    const Return found = times.predict(kOneClass, 5 * kSecond, 20 * kSecond, 900);

    assert_in_range(found.probability_milli, 900, 1000);
    assert_true(found.until_age_ns == rest_bin_end_ns(rest_bin(10 * kSecond)));
}

void those_that_stay_away_count_for_as_long_as_they_were_watched(void**) {
    ReturnTimes times;
    for (int i = 0; i < 1000; ++i) {
        learn(times, kOneClass, 10 * kSecond, true);
        learn(times, kOneClass, 100 * kSecond, false);
        learn(times, kOneClass, 2 * kSecond, false);  // never seen at the age that matters
    }

    assert_in_range(times.predict(kOneClass, 0, 20 * kSecond, 1000).probability_milli, 480, 505);
}

void a_class_that_was_seldom_seen_is_as_its_wider_one(void**) {
    ReturnTimes times;
    const RestClass alike{.work = 3, .pace = 5, .growth = 0};
    const RestClass other{.work = 6, .pace = 2, .growth = 1};
    for (int i = 0; i < 1000; ++i) {
        learn(times, kOneClass, 10 * kSecond, true);
        learn(times, other, 100 * kSecond, false);
    }

    assert_in_range(times.predict(alike, 0, 20 * kSecond, 1000).probability_milli, 950, 1000);
    assert_in_range(times.predict(other, 0, 20 * kSecond, 1000).probability_milli, 0, 50);
    const RestClass unknown{.work = 1, .pace = 1, .growth = 1};
    assert_in_range(times.predict(unknown, 0, 20 * kSecond, 1000).probability_milli, 450, 550);
}

void what_was_learnt_long_ago_fades(void**) {
    ReturnTimes times;
    for (int i = 0; i < 2000; ++i) learn(times, kOneClass, 10 * kSecond, true);
    for (int i = 0; i < 20'000; ++i) learn(times, kOneClass, 100 * kSecond, false);

    assert_in_range(times.predict(kOneClass, 0, 20 * kSecond, 1000).probability_milli, 0, 5);
}

// One level of the estimate, in doubles.
struct Model {
    std::vector<double> exposed = std::vector<double>(kRestBinCount);
    std::vector<double> returned = std::vector<double>(kRestBinCount);
};

double hazard_of(const Model& model, std::uint32_t bin, double wider) {
    return (model.returned[bin] + ReturnTimes::kBlendCount * wider) /
           (model.exposed[bin] + ReturnTimes::kBlendCount);
}

void random_rests_give_what_the_same_estimate_in_doubles_gives(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    ReturnTimes times;
    Model model;
    for (int i = 0; i < 500; ++i) {
        const std::uint64_t age_ns = random.below(kSecond << random.below(10));
        const bool ends = random.one_in(2);
        learn(times, kOneClass, age_ns, ends);
        for (std::uint32_t bin = 0; bin < rest_bin(age_ns); ++bin) ++model.exposed[bin];
        if (!ends) continue;
        ++model.exposed[rest_bin(age_ns)];
        ++model.returned[rest_bin(age_ns)];
    }
    double worst = 0;
    for (int i = 0; i < 1000; ++i) {
        const std::uint64_t age_ns = random.below(300 * kSecond);
        const std::uint64_t end_ns = age_ns + random.below(300 * kSecond);
        double stays = 1;
        for (std::uint32_t bin = rest_bin(age_ns); bin <= rest_bin(end_ns); ++bin) {
            double hazard = 0;
            for (int level = 0; level < 4; ++level) hazard = hazard_of(model, bin, hazard);
            const std::uint64_t begin_ns = bin == 0 ? 0 : rest_bin_end_ns(bin - 1);
            const auto part = static_cast<double>(std::min(end_ns, rest_bin_end_ns(bin)) -
                                                  std::max(age_ns, begin_ns));
            stays *= 1 - hazard * part / static_cast<double>(rest_bin_end_ns(bin) - begin_ns);
        }
        const Return found = times.predict(kOneClass, age_ns, end_ns - age_ns, 1000);
        worst = std::max(worst, std::abs(1000 * (1 - stays) - found.probability_milli));
    }
    assert_true(worst <= 1.001);  // thousandths are cut off
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(every_age_lies_in_its_bin),
        cmocka_unit_test(classes_are_octaves_and_shares),
        cmocka_unit_test(what_nothing_is_known_of_does_not_return),
        cmocka_unit_test(what_always_returned_after_ten_seconds_is_expected_then),
        cmocka_unit_test(no_longer_is_waited_than_is_enough),
        cmocka_unit_test(those_that_stay_away_count_for_as_long_as_they_were_watched),
        cmocka_unit_test(a_class_that_was_seldom_seen_is_as_its_wider_one),
        cmocka_unit_test(what_was_learnt_long_ago_fades),
        cmocka_unit_test(random_rests_give_what_the_same_estimate_in_doubles_gives),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
