// SPDX-License-Identifier: Apache-2.0
//
// test_prefix_score.cpp — scores of a few events as exact values, what was recorded of the
// reference, and that neither the order of events nor how they are merged changes a score by more
// than the rounding that the head of prefix_score.h states.
//
// Prints its seed and takes it back from BWRT_TEST_SEED.

#include "planner/learning/prefix_score.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tests/support/cmocka.h"
#include "tests/support/oracle.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;

constexpr std::uint64_t kHour = kHalfLifeNsPrefixes;
constexpr std::uint64_t kNow = 1000 * kHour;
constexpr std::uint64_t kMost = ~std::uint64_t{0};
constexpr std::uint64_t kNsPerMs = 1'000'000;

const Decay kDecay(kHour);

void nothing_moved_is_no_score(void**) {
    const PrefixScore score;

    assert_true(score.score_milli(kDecay, kNow) == 0);
    assert_true(score.event_count() == 0 && score.bytes() == 0 && score.last_ns() == 0);
}

void bytes_count_half_after_a_half_life(void**) {
    PrefixScore score;

    score.add(kDecay, 1000, kNow, kNow);

    assert_true(score.score_milli(kDecay, kNow) == 1'000'000);
    assert_true(score.score_milli(kDecay, kNow + kHour) == 500'000);
    assert_true(score.score_milli(kDecay, kNow + 3 * kHour) == 125'000);
    assert_true(score.score_milli(kDecay, kNow - kHour) == 1'000'000);
    assert_true(score.event_count() == 1 && score.bytes() == 1000 && score.last_ns() == kNow);
}

void an_event_of_the_past_counts_by_its_age(void**) {
    PrefixScore score;

    score.add(kDecay, 1000, kNow, kNow);
    score.add(kDecay, 1000, kNow - 2 * kHour, kNow);

    assert_true(score.score_milli(kDecay, kNow) == 1'250'000);
    assert_true(score.last_ns() == kNow);
}

// It must not make the others older than they are.
void an_event_of_the_future_has_no_age(void**) {
    PrefixScore score;

    score.add(kDecay, 1000, kNow, kNow);
    score.add(kDecay, 1000, kNow + kHour, kNow);

    assert_true(score.score_milli(kDecay, kNow) == 2'000'000);
    assert_true(score.last_ns() == kNow + kHour);
}

// In the reference a second merge counts the time before the first one again.
void merging_twice_decays_once(void**) {
    PrefixScore score;
    score.add(kDecay, 1024, kNow - kHour, kNow);

    PrefixScore none;
    none.add(kDecay, 0, kNow, kNow);
    score.merge(none);
    none.add(kDecay, 0, kNow + kHour, kNow + kHour);
    score.merge(none);

    assert_true(score.score_milli(kDecay, kNow + kHour) == 256'000);
}

void a_score_stays_at_its_most(void**) {
    PrefixScore score;

    score.add(kDecay, kMost, kNow, kNow);
    score.add(kDecay, kMost, kNow, kNow);

    assert_true(score.score_milli(kDecay, kNow) == (std::uint64_t{1} << 48) * 1000);
    assert_true(score.bytes() == kMost);
}

struct Stat {
    std::string prefix, tenant;
    PrefixScore score;
};

std::uint64_t ns_of(const cJSON* ms) {
    return static_cast<std::uint64_t>(ms->valuedouble) * kNsPerMs;
}

void every_recorded_score_agrees(void**) {
    cJSON* record = bwrt::test::read_oracle("12_prefix_index.json");
    if (record == nullptr) skip();
    const std::uint64_t now_ns = ns_of(cJSON_GetObjectItemCaseSensitive(record, "now_ms"));
    const Decay decay(ns_of(cJSON_GetObjectItemCaseSensitive(record, "half_life_ms")));
    std::vector<Stat> stats;

    const cJSON* one = nullptr;
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(record, "events")) {
        const std::string prefix = cJSON_GetArrayItem(one, 0)->valuestring;
        const std::string tenant = cJSON_GetArrayItem(one, 1)->valuestring;
        const auto is_it = [&](const Stat& stat) {
            return stat.prefix == prefix && stat.tenant == tenant;
        };
        auto stat = std::find_if(stats.begin(), stats.end(), is_it);
        if (stat == stats.end()) stat = stats.insert(stat, {prefix, tenant, {}});
        const auto bytes = static_cast<std::uint64_t>(cJSON_GetArrayItem(one, 3)->valuedouble);
        stat->score.add(decay, bytes, ns_of(cJSON_GetArrayItem(one, 4)), now_ns);
    }
    std::size_t agreed_count = 0;
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(record, "stats")) {
        const auto number = [&](const char* name) {
            return cJSON_GetObjectItemCaseSensitive(one, name)->valuedouble;
        };
        const std::string prefix = cJSON_GetObjectItemCaseSensitive(one, "prefix_id")->valuestring;
        const std::string tenant = cJSON_GetObjectItemCaseSensitive(one, "tenant")->valuestring;
        for (const Stat& stat : stats) {
            if (stat.prefix != prefix || stat.tenant != tenant) continue;
            const double score = static_cast<double>(stat.score.score_milli(decay, now_ns)) / 1000;
            // A tick of each event's age, and half a thousandth.
            const double most = number("score") * 4.2e-8 + 0.0006;
            const bool is_equal =
                std::abs(score - number("score")) <= most &&
                static_cast<double>(stat.score.event_count()) == number("hit_count") &&
                static_cast<double>(stat.score.bytes()) == number("total_bytes") &&
                static_cast<double>(stat.score.last_ns() / kNsPerMs) == number("last_seen_ms");
            agreed_count += is_equal ? 1 : 0;
        }
    }
    cJSON_Delete(record);

    assert_int_equal(stats.size(), 3);
    assert_int_equal(agreed_count, 3);
}

struct Event {
    std::uint64_t bytes;
    std::uint64_t at_ns;
};

void neither_order_nor_merging_changes_a_score(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    constexpr std::size_t kEvents = 200;
    int wrong_count = 0;

    for (int round = 0; round < 200; ++round) {
        std::vector<Event> events(kEvents);
        double expected = 0;
        for (Event& event : events) {
            event = {random.below(1'000'000), kNow - random.below(20 * kHour)};
            expected += static_cast<double>(event.bytes) *
                        std::exp2(-static_cast<double>(kNow - event.at_ns) / kHour);
        }
        PrefixScore in_order, shuffled, parts[3], merged;
        for (const Event& event : events) in_order.add(kDecay, event.bytes, event.at_ns, kNow);
        std::shuffle(events.begin(), events.end(), random.engine());
        for (const Event& event : events) shuffled.add(kDecay, event.bytes, event.at_ns, kNow);
        for (const Event& event : events) {
            parts[random.below(3)].add(kDecay, event.bytes, event.at_ns, kNow);
        }
        for (const PrefixScore& part : parts) merged.merge(part);

        const double most = expected * 4.2e-8 + kEvents * 4 / 65'536.0 + 0.0006;
        for (const PrefixScore* score : {&in_order, &shuffled, &merged}) {
            const double told = static_cast<double>(score->score_milli(kDecay, kNow)) / 1000;
            wrong_count += std::abs(told - expected) > most;
            wrong_count += score->event_count() != kEvents;
            wrong_count += score->bytes() != in_order.bytes();
            wrong_count += score->last_ns() != in_order.last_ns();
        }
    }

    assert_int_equal(wrong_count, 0);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(nothing_moved_is_no_score),
        cmocka_unit_test(bytes_count_half_after_a_half_life),
        cmocka_unit_test(an_event_of_the_past_counts_by_its_age),
        cmocka_unit_test(an_event_of_the_future_has_no_age),
        cmocka_unit_test(merging_twice_decays_once),
        cmocka_unit_test(a_score_stays_at_its_most),
        cmocka_unit_test(every_recorded_score_agrees),
        cmocka_unit_test(neither_order_nor_merging_changes_a_score),
    };
    return cmocka_run_group_tests_name("planner/learning/prefix_score.h", tests, nullptr, nullptr);
}
