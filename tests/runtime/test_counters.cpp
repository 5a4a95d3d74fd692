// SPDX-License-Identifier: Apache-2.0
//
// test_counters.cpp — the latency buckets against the formula of bwrt.h, percentiles read back
// from them over nine decades, and that the outcomes add up.

#include "runtime/counters.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using bwrt::runtime::Counters;
using bwrt::runtime::kRouteCount;
using bwrt::runtime::latency_bucket;
using bwrt::runtime::Route;

// As bwrt.h states it.
std::uint64_t begin_of(std::uint32_t bucket) {
    if (bucket < 16) return bucket;
    const std::uint32_t e = (bucket - 16) / 16, m = (bucket - 16) % 16;
    return std::uint64_t{16 + m} << e;
}

std::uint64_t middle_of(std::uint32_t bucket) {
    return bucket < 16 ? bucket : (begin_of(bucket) + begin_of(bucket + 1)) / 2;
}

void every_bucket_begins_where_the_header_says(void**) {
    for (std::uint32_t bucket = 0; bucket < BWRT_LATENCY_BUCKET_COUNT; ++bucket) {
        assert_int_equal(latency_bucket(begin_of(bucket)), bucket);
        if (bucket > 0) assert_int_equal(latency_bucket(begin_of(bucket) - 1), bucket - 1);
    }
}

void the_buckets_reach_2_to_the_40_and_the_last_takes_the_rest(void**) {
    const std::uint64_t end = std::uint64_t{1} << 40;

    assert_true(begin_of(BWRT_LATENCY_BUCKET_COUNT) == end);
    assert_int_equal(latency_bucket(end - 1), BWRT_LATENCY_BUCKET_COUNT - 1);
    assert_int_equal(latency_bucket(end), BWRT_LATENCY_BUCKET_COUNT - 1);
    assert_int_equal(latency_bucket(~std::uint64_t{0}), BWRT_LATENCY_BUCKET_COUNT - 1);
}

void percentiles_over_nine_decades_come_back_within_5_percent(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    Counters counters;
    std::vector<std::uint64_t> latencies(100'000);
    for (std::uint64_t& latency : latencies) {
        const double exponent = 9.0 * static_cast<double>(random.below(1 << 30)) / (1 << 30);
        latency = static_cast<std::uint64_t>(std::pow(10.0, exponent));
        counters.request_started(Route::kRead);
        counters.request_finished(Route::kRead, 1, latency, false);
    }
    std::sort(latencies.begin(), latencies.end());
    const std::uint64_t* buckets = counters.at(Route::kRead).latency_buckets;

    for (const double share : {0.001, 0.25, 0.5, 0.99, 0.999}) {
        const auto rank = static_cast<std::uint64_t>(share * static_cast<double>(latencies.size()));
        std::uint32_t bucket = 0;
        for (std::uint64_t seen = buckets[0]; seen <= rank; seen += buckets[++bucket]) {
        }
        const auto exact = static_cast<double>(latencies[rank]);
        const double error = std::fabs(static_cast<double>(middle_of(bucket)) - exact) / exact;
        assert_true(error <= 0.05);
    }
}

void a_buckets_middle_is_within_3_2_percent_of_its_ends(void**) {
    for (std::uint32_t bucket = 16; bucket < BWRT_LATENCY_BUCKET_COUNT; ++bucket) {
        const auto middle = static_cast<double>(begin_of(bucket) + begin_of(bucket + 1)) / 2;
        assert_true((middle / static_cast<double>(begin_of(bucket)) - 1) <= 0.032);
    }
}

void a_request_is_in_flight_until_it_is_finished(void**) {
    Counters counters;

    counters.request_started(Route::kWrite);
    counters.request_started(Route::kWrite);
    counters.request_finished(Route::kWrite, 100, 7, false);
    counters.request_finished(Route::kWrite, 20, 9, true);
    counters.request_started(Route::kWrite);

    const bwrt_route& route = counters.at(Route::kWrite);
    assert_int_equal(route.inflight_count, 1);
    assert_int_equal(route.request_count, 2);
    assert_int_equal(route.bytes, 120);
    assert_int_equal(route.error_count, 1);
    assert_int_equal(route.latency_sum_ns, 16);
    assert_int_equal(route.latency_buckets[7], 1);
    assert_int_equal(route.latency_buckets[9], 1);
    assert_int_equal(counters.at(Route::kRead).request_count, 0);
}

void every_outcome_has_its_own_count_and_they_add_up(void**) {
    Counters counters;
    for (int i = 0; i < 12; ++i) counters.wave_accepted();

    counters.wave_over(BWRT_OK, false);
    counters.wave_over(BWRT_OK, true);
    counters.wave_over(BWRT_E_CANCELLED, false);
    counters.wave_over(BWRT_E_LATE, true);
    counters.wave_over(BWRT_E_WINDOW, false);
    counters.wave_over(BWRT_E_DEPENDENCY, false);
    counters.wave_over(BWRT_E_IO, false);
    counters.wave_over(BWRT_E_TRUNCATED, false);

    bwrt_counters seen = {};
    bwrt_route routes[kRouteCount];
    counters.snapshot(&seen, routes);
    assert_int_equal(seen.waves_accepted, 12);
    assert_int_equal(seen.waves_pending, 4);
    assert_int_equal(seen.waves_ok, 2);
    assert_int_equal(seen.waves_cancelled, 1);
    assert_int_equal(seen.waves_late, 1);
    assert_int_equal(seen.waves_window, 1);
    assert_int_equal(seen.waves_dependency, 1);
    assert_int_equal(seen.waves_failed, 2);
    assert_int_equal(seen.waves_overdue, 2);
}

void the_routes_say_between_which_tiers_they_are(void**) {
    Counters counters;
    counters.request_started(Route::kFlush);
    bwrt_counters seen = {};
    bwrt_route routes[kRouteCount];

    counters.snapshot(&seen, routes);

    assert_int_equal(kRouteCount, 7);
    const std::uint32_t tiers[7][2] = {
        {BWRT_TIER_DISK, BWRT_TIER_HOST},    {BWRT_TIER_HOST, BWRT_TIER_DISK},
        {BWRT_TIER_DISK, BWRT_TIER_DISK},    {BWRT_TIER_HOST, BWRT_TIER_HOST},
        {BWRT_TIER_HOST, BWRT_TIER_DEVICE},  {BWRT_TIER_DEVICE, BWRT_TIER_HOST},
        {BWRT_TIER_DEVICE, BWRT_TIER_DEVICE}};
    for (int i = 0; i < 7; ++i) {
        assert_int_equal(routes[i].source_tier, tiers[i][0]);
        assert_int_equal(routes[i].target_tier, tiers[i][1]);
        assert_int_equal(routes[i].inflight_count, i == 2);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(every_bucket_begins_where_the_header_says),
        cmocka_unit_test(the_buckets_reach_2_to_the_40_and_the_last_takes_the_rest),
        cmocka_unit_test(percentiles_over_nine_decades_come_back_within_5_percent),
        cmocka_unit_test(a_buckets_middle_is_within_3_2_percent_of_its_ends),
        cmocka_unit_test(a_request_is_in_flight_until_it_is_finished),
        cmocka_unit_test(every_outcome_has_its_own_count_and_they_add_up),
        cmocka_unit_test(the_routes_say_between_which_tiers_they_are),
    };
    return cmocka_run_group_tests_name("runtime/counters.h", tests, nullptr, nullptr);
}
