// SPDX-License-Identifier: Apache-2.0
//
// test_hottest.cpp — the list of the hottest keys: what was recorded of the reference, step by
// step; thousands of random calls against a list that is searched from end to end, at a time that
// stands still, where equal counts have to be equal to the bit, and at one that goes on over many
// half-lives; and the ends of counts and times.
//
// Prints its seed and takes it back from BWRT_TEST_SEED.

#include "planner/learning/hottest.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "planner/mix.h"
#include "tests/support/cmocka.h"
#include "tests/support/oracle.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kHalfLife = 64 * kSecond;
constexpr std::uint64_t kBegin = 1'000'000 * kHalfLife;  // the begin of a tick
constexpr std::uint64_t kMost = ~std::uint64_t{0};

std::uint64_t key_of(const char* name) { return mix(static_cast<unsigned char>(name[0])); }

// Whether the list holds what the record does, counts in whole hits.
bool agrees(const HottestKeys& keys, const cJSON* record, std::uint64_t now_ns) {
    bool is_equal = keys.key_count() == static_cast<std::uint32_t>(cJSON_GetArraySize(record));
    const cJSON* one = nullptr;
    cJSON_ArrayForEach(one, record) {
        const std::optional<HotKey> key = keys.find(key_of(one->string), now_ns);
        is_equal = is_equal && key.has_value();
        if (!key) continue;
        const auto count = static_cast<std::uint64_t>(cJSON_GetArrayItem(one, 0)->valueint);
        const auto error = static_cast<std::uint64_t>(cJSON_GetArrayItem(one, 1)->valueint);
        is_equal = is_equal && key->count_milli / 1000 == count;
        is_equal = is_equal && key->error_milli / 1000 == error;
    }
    return is_equal;
}

void every_recorded_state_agrees(void**) {
    cJSON* record = bwrt::test::read_oracle("11_heat_sketch.json");
    if (record == nullptr) skip();
    const cJSON* spaces = cJSON_GetObjectItemCaseSensitive(record, "space_saving_k3");
    const cJSON* ops = cJSON_GetObjectItemCaseSensitive(spaces, "ops");
    const cJSON* states = cJSON_GetObjectItemCaseSensitive(spaces, "states");
    const cJSON* decayed = cJSON_GetObjectItemCaseSensitive(record, "decay_after_100s_lambda0.01");
    const cJSON* counters = cJSON_GetObjectItemCaseSensitive(decayed, "counters");
    HottestKeys keys({.key_count = 3});

    int state_count = 0, wrong_count = 0;
    const cJSON* op = nullptr;
    cJSON_ArrayForEach(op, ops) {
        keys.add(key_of(op->valuestring), 1000, kBegin);
        const cJSON* state = cJSON_GetArrayItem(states, state_count);
        wrong_count += !agrees(keys, state, kBegin);
        // Nothing has decayed, so there is nothing below a whole hit.
        const cJSON* one = nullptr;
        cJSON_ArrayForEach(one, state) {
            wrong_count += keys.find(key_of(one->string), kBegin)->count_milli % 1000 != 0;
        }
        ++state_count;
    }
    // The reference keeps whole hits and drops the rest: 1.4715, 1.1036 and 0.7358 are 1, 1 and 0
    // there, and what is left of a count of 1 is nothing.  Here the rest is kept.
    const bool decays = agrees(keys, counters, kBegin + 100 * kSecond);
    cJSON_Delete(record);

    assert_int_equal(state_count, 11);
    assert_int_equal(wrong_count, 0);
    assert_true(decays);
}

// The same without the record: a (4, 0), e (3, 2), d (4, 3), times e^-1.
void what_the_reference_drops_is_kept(void**) {
    HottestKeys keys({.key_count = 3});
    for (const char op : {'a', 'a', 'b', 'b', 'b', 'c', 'd', 'a', 'a', 'e', 'd'}) {
        keys.add(key_of(&op), 1000, kBegin);
    }

    const std::uint64_t later = kBegin + 100 * kSecond;
    const std::optional<HotKey> a = keys.find(key_of("a"), later);
    const std::optional<HotKey> d = keys.find(key_of("d"), later);
    const std::optional<HotKey> e = keys.find(key_of("e"), later);

    assert_true(a && d && e);
    assert_true(a->count_milli == 1472 && a->error_milli == 0);
    assert_true(d->count_milli == 1472 && d->error_milli == 1104);
    assert_true(e->count_milli == 1104 && e->error_milli == 736);
}

void a_key_that_is_not_in_the_list_is_not_found(void**) {
    HottestKeys keys({.key_count = 3});

    assert_false(keys.find(7, kBegin).has_value());
    keys.add(7, 0, kBegin);
    assert_false(keys.find(7, kBegin).has_value());
    keys.add(8, 1, kBegin);
    assert_false(keys.find(7, kBegin).has_value());
    assert_int_equal(keys.key_count(), 1);
}

void of_equal_counts_the_one_that_came_in_first_leaves(void**) {
    HottestKeys keys({.key_count = 3});
    for (const std::uint64_t key : {30u, 10u, 20u}) keys.add(key, 1000, kBegin);

    keys.add(40, 1000, kBegin);

    assert_false(keys.find(30, kBegin).has_value());
    assert_true(keys.find(40, kBegin)->count_milli == 2000);
    assert_true(keys.find(40, kBegin)->error_milli == 1000);
}

void the_hottest_come_first_and_of_equal_ones_the_first(void**) {
    HottestKeys keys({.key_count = 8});
    HotKey top[8];
    for (const std::uint64_t key : {5u, 4u, 3u, 2u, 1u}) keys.add(key, 1000, kBegin);
    keys.add(2, 1, kBegin);

    assert_int_equal(keys.top(kBegin, top), 5);
    const std::uint64_t expected[] = {2, 5, 4, 3, 1};
    for (int i = 0; i < 5; ++i) assert_true(top[i].key == expected[i]);

    assert_true(top[0].count_milli == 1001);
    top[2].key = 77;
    assert_int_equal(keys.top(kBegin, std::span(top, 2)), 2);
    assert_true(top[1].key == 5 && top[2].key == 77);
    assert_int_equal(keys.top(kBegin, {}), 0);
}

void an_empty_list_has_no_hottest(void**) {
    HottestKeys keys({.key_count = 1});
    HotKey top[1];

    assert_int_equal(keys.top(kBegin, top), 0);
}

void counts_decay_while_nothing_comes(void**) {
    HottestKeys keys({.key_count = 3, .half_life_ns = kHalfLife});
    keys.add(7, 1'000'000, kBegin);

    assert_true(keys.find(7, kBegin + kHalfLife / 2)->count_milli == 707'107);
    assert_true(keys.find(7, kBegin + kHalfLife)->count_milli == 500'000);
    assert_true(keys.find(7, kBegin + 20 * kHalfLife)->count_milli == 1);
    assert_true(keys.find(7, kBegin + 21 * kHalfLife)->count_milli == 0);
    assert_true(keys.find(7, kBegin + 100 * kHalfLife)->count_milli == 0);
    assert_true(keys.find(7, kMost)->count_milli == 0);
}

void time_that_goes_back_is_no_time(void**) {
    HottestKeys keys({.key_count = 3, .half_life_ns = kHalfLife});
    HotKey top[1];

    keys.add(7, 1000, kBegin);
    keys.add(7, 1000, kBegin - 5 * kHalfLife);

    assert_true(keys.find(7, 0)->count_milli == 2000);
    assert_int_equal(keys.top(0, top), 1);
    assert_true(top[0].count_milli == 2000);
    assert_true(keys.find(7, kBegin + kHalfLife)->count_milli == 1000);
}

void no_hits_are_no_time_either(void**) {
    HottestKeys keys({.key_count = 3, .half_life_ns = kHalfLife});

    keys.add(7, 1000, kBegin);
    keys.add(8, 0, kBegin + 5 * kHalfLife);
    keys.add(7, 1000, kBegin);

    assert_true(keys.find(7, 0)->count_milli == 2000);
}

void a_count_stays_at_its_most(void**) {
    HottestKeys keys({.key_count = 1, .half_life_ns = kHalfLife});

    for (int i = 0; i < 3; ++i) keys.add(7, kMost, kBegin + kHalfLife - 1);
    assert_true(keys.find(7, kBegin)->count_milli == HottestKeys::kHitsMilliMax);
    assert_true(keys.find(7, kBegin + 2 * kHalfLife - 1)->count_milli ==
                HottestKeys::kHitsMilliMax / 2);

    keys.add(8, 1000, kBegin + kHalfLife - 1);
    assert_true(keys.find(8, kBegin)->count_milli == HottestKeys::kHitsMilliMax);
    assert_true(keys.find(8, kBegin)->error_milli == HottestKeys::kHitsMilliMax);

    // Through all ages of the landmark, up to where it moves and beyond.
    for (std::uint64_t i = 2; i < 120; ++i) keys.add(8, kMost, kBegin + i * kHalfLife - 1);
    const std::uint64_t count = keys.find(8, kBegin)->count_milli;
    assert_true(count == HottestKeys::kHitsMilliMax);
}

void a_key_of_long_ago_is_the_first_to_leave(void**) {
    HottestKeys keys({.key_count = 2, .half_life_ns = kHalfLife});
    keys.add(1, 1'000'000, kBegin);
    keys.add(2, 1'000, kBegin + 40 * kHalfLife);

    keys.add(3, 1'000, kBegin + 60 * kHalfLife);

    assert_false(keys.find(1, kBegin).has_value());
    assert_true(keys.find(3, kBegin)->count_milli == 1000);
    assert_true(keys.find(3, kBegin)->error_milli == 0);
}

void what_has_decayed_to_nothing_leaves_as_it_came(void**) {
    HottestKeys keys({.key_count = 3, .half_life_ns = kHalfLife});
    for (const std::uint64_t key : {30u, 10u, 20u}) keys.add(key, 1000 * key, kBegin);

    keys.add(40, 1000, kBegin + 1024 * kHalfLife);
    assert_false(keys.find(30, kBegin).has_value());
    keys.add(41, 1000, kBegin + 1024 * kHalfLife);
    assert_false(keys.find(10, kBegin).has_value());
    assert_true(keys.find(20, kBegin).has_value());
}

// A list in the order in which keys came in, with sums from the first time on.
struct Model {
    struct One {
        std::uint64_t key;
        long double kept;
        long double kept_error;
    };
    std::vector<One> ones;
    std::size_t key_count;

    void add(std::uint64_t key, long double kept) {
        for (One& one : ones) {
            if (one.key != key) continue;
            one.kept += kept;
            return;
        }
        long double error = 0;
        if (ones.size() == key_count) {
            const auto least = std::min_element(
                ones.begin(), ones.end(),
                [](const One& one, const One& other) { return one.kept < other.kept; });
            error = least->kept;
            ones.erase(least);
        }
        ones.push_back({key, error + kept, error});
    }
};

// Fewer hits are more often equal.
void compare_standing_still(bwrt::test::Random* random, std::uint32_t key_count,
                            std::uint64_t hits_max) {
    HottestKeys keys({.key_count = key_count, .half_life_ns = kHalfLife});
    Model model{{}, key_count};
    std::vector<HotKey> top(key_count);
    const std::uint64_t now = random->below(kBegin);
    int wrong_count = 0;

    for (int i = 0; i < 3000; ++i) {
        const std::uint64_t key = mix(random->below(random->between(1, 2 * key_count)));
        const std::uint64_t hits = random->between(1, hits_max) * random->between(1, hits_max);
        keys.add(key, hits, now);
        model.add(key, static_cast<long double>(hits));

        wrong_count += keys.top(now, top) != model.ones.size();
        std::vector<Model::One> sorted = model.ones;
        std::stable_sort(sorted.begin(), sorted.end(),
                         [](const auto& one, const auto& other) { return one.kept > other.kept; });
        for (std::size_t place = 0; place < sorted.size(); ++place) {
            wrong_count += top[place].key != sorted[place].key;
            wrong_count += top[place].count_milli != static_cast<std::uint64_t>(sorted[place].kept);
            wrong_count +=
                top[place].error_milli != static_cast<std::uint64_t>(sorted[place].kept_error);
        }
    }

    assert_int_equal(wrong_count, 0);
}

void at_one_time_it_is_the_plain_algorithm_to_the_last_tie(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());

    for (const std::uint32_t key_count : {1u, 2u, 3u, 7u, 64u}) {
        compare_standing_still(&random, key_count, 2);
        compare_standing_still(&random, key_count, 1000);
    }
}

// Hits of all sizes, so that none are nearly equal.
void over_many_half_lives_it_is_the_algorithm_with_decay(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    constexpr std::uint32_t kKeys = 50;
    HottestKeys keys({.key_count = kKeys, .half_life_ns = kHalfLife});
    Model model{{}, kKeys};
    const std::uint64_t begun = random.below(kBegin);
    std::uint64_t now = begun;
    int wrong_count = 0;

    for (int i = 0; i < 20'000; ++i) {
        now += random.below(2 * kHalfLife / 50);
        if (random.one_in(500)) now += 20 * kHalfLife;  // the landmark moves
        const std::uint64_t key = mix(random.below(120));
        const std::uint64_t hits = random.bits() >> random.between(20, 50);
        const long double grown =
            std::exp2(static_cast<long double>(now - begun) / static_cast<long double>(kHalfLife));
        keys.add(key, hits, now);
        if (hits > 0) model.add(key, static_cast<long double>(hits) * grown);

        for (const Model::One& one : model.ones) {
            const std::optional<HotKey> told = keys.find(one.key, now);
            const long double count = one.kept / grown;
            const long double error = one.kept_error / grown;
            wrong_count += !told.has_value();
            if (!told) continue;
            wrong_count += std::abs(static_cast<long double>(told->count_milli) - count) >
                           count * 5e-8L + 0.51L;
            wrong_count += std::abs(static_cast<long double>(told->error_milli) - error) >
                           error * 5e-8L + 0.51L;
        }
    }

    assert_int_equal(wrong_count, 0);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(every_recorded_state_agrees),
        cmocka_unit_test(what_the_reference_drops_is_kept),
        cmocka_unit_test(a_key_that_is_not_in_the_list_is_not_found),
        cmocka_unit_test(of_equal_counts_the_one_that_came_in_first_leaves),
        cmocka_unit_test(the_hottest_come_first_and_of_equal_ones_the_first),
        cmocka_unit_test(an_empty_list_has_no_hottest),
        cmocka_unit_test(counts_decay_while_nothing_comes),
        cmocka_unit_test(time_that_goes_back_is_no_time),
        cmocka_unit_test(no_hits_are_no_time_either),
        cmocka_unit_test(a_count_stays_at_its_most),
        cmocka_unit_test(a_key_of_long_ago_is_the_first_to_leave),
        cmocka_unit_test(what_has_decayed_to_nothing_leaves_as_it_came),
        cmocka_unit_test(at_one_time_it_is_the_plain_algorithm_to_the_last_tie),
        cmocka_unit_test(over_many_half_lives_it_is_the_algorithm_with_decay),
    };
    return cmocka_run_group_tests_name("planner/learning/hottest.cpp", tests, nullptr, nullptr);
}
