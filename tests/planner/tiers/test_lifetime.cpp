// SPDX-License-Identifier: Apache-2.0
//
// test_lifetime.cpp — lifetimes and tiers at and beside each boundary, and all cases that were
// recorded of the system whose rules they are, where that record is at hand: the folder oracle/
// of BWRT_SHARED, or of the one that the build names.

#include "planner/tiers/lifetime.h"

#include <cjson/cJSON.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::planner;

void a_first_access_of_something_easy_lives_an_hour(void**) {
    assert_int_equal(ttl_of({}), 3600);
    assert_int_equal(ttl_of({.complexity_milli = 10'000}), 3600);
}

void each_access_adds_a_quarter_of_its_logarithm(void**) {
    assert_int_equal(ttl_of({.access_count = 1}), 4223);     // ln 2 = 0.693147
    assert_int_equal(ttl_of({.access_count = 2}), 4588);     // ln 3 = 1.098612
    assert_int_equal(ttl_of({.access_count = 1000}), 9817);  // ln 1001 = 6.908755
    assert_int_equal(ttl_of({.access_count = 0xFFFF'FFFF}), 23'562);
}

void each_point_of_complexity_above_ten_adds_a_hundredth(void**) {
    assert_int_equal(ttl_of({.complexity_milli = 10'999}), 3635);
    assert_int_equal(ttl_of({.complexity_milli = 15'000}), 3780);
    assert_int_equal(ttl_of({.complexity_milli = 110'000}), 7200);
}

// 62427.0035 s: a logarithm that is off by a ten-thousandth part of a thousandth would show.
void the_logarithm_is_right_to_the_second(void**) {
    assert_int_equal(ttl_of({.access_count = 19'392, .complexity_milli = 410'000}), 62'427);
}

void time_variance_takes_up_to_four_fifths(void**) {
    assert_int_equal(ttl_of({.time_variance_milli = 50}), 3456);
    assert_int_equal(ttl_of({.time_variance_milli = 750}), 1440);
    assert_int_equal(ttl_of({.time_variance_milli = 1000}), 720);
    assert_int_equal(ttl_of({.time_variance_milli = 0xFFFF'FFFF}), 720);
}

void nothing_lives_longer_than_a_week(void**) {
    assert_int_equal(ttl_of({.complexity_milli = 0xFFFF'FFFF}), kTtlSecondsMax);
    assert_int_equal(ttl_of({.access_count = 0xFFFF'FFFF, .complexity_milli = 0xFFFF'FFFF}),
                     kTtlSecondsMax);
}

// The example that has another outcome in the text: see lifetime.h.
void a_first_access_of_some_complexity_lives_as_the_formula_says(void**) {
    const BlockHints hints = {.complexity_milli = 15'000, .time_variance_milli = 50};

    assert_int_equal(ttl_of(hints), 3628);
    assert_true(tier_of(hints) == TierChoice::kDisk);
}

void memory_is_for_what_is_easy_used_twice_and_recent(void**) {
    const BlockHints hints = {.access_count = 2, .complexity_milli = 20'000, .idle_seconds = 3600};
    BlockHints rare = hints, hard = hints, idle = hints;
    rare.access_count = 1;
    hard.complexity_milli = 20'001;
    idle.idle_seconds = 3601;

    assert_true(tier_of(hints) == TierChoice::kMemory);
    assert_true(tier_of(rare) == TierChoice::kDisk);
    assert_true(tier_of(hard) == TierChoice::kDisk);
    assert_true(tier_of(idle) == TierChoice::kDisk);
}

void remote_is_for_what_is_hard_and_steady(void**) {
    assert_true(tier_of({.complexity_milli = 40'000}) == TierChoice::kDisk);
    assert_true(tier_of({.complexity_milli = 40'001}) == TierChoice::kRemote);
    assert_true(tier_of({.complexity_milli = 40'001, .time_variance_milli = 700}) ==
                TierChoice::kRemote);
    assert_true(tier_of({.complexity_milli = 40'001, .time_variance_milli = 701}) ==
                TierChoice::kDisk);
}

double number(const cJSON* object, const char* name) {
    const cJSON* item = cJSON_GetObjectItemCaseSensitive(object, name);
    return item == nullptr ? 0 : item->valuedouble;
}

std::uint32_t milli(double value) { return static_cast<std::uint32_t>(std::lround(1000 * value)); }

std::string read_record() {
    const char* folder = std::getenv("BWRT_SHARED");
    const std::string path = std::string(folder != nullptr ? folder : BWRT_SHARED_FOLDER) +
                             "/oracle/09_ttl_select_backend.json";
    std::string text;
    std::FILE* file = std::fopen(path.c_str(), "r");
    if (file == nullptr) {
        print_message("%s is not at hand\n", path.c_str());
        return text;
    }
    for (int c = 0; (c = std::fgetc(file)) != EOF;) text += static_cast<char>(c);
    std::fclose(file);
    return text;
}

void every_recorded_case_agrees(void**) {
    const std::string text = read_record();
    if (text.empty()) skip();
    cJSON* record = cJSON_Parse(text.c_str());
    assert_non_null(record);

    const cJSON* one = nullptr;
    int case_count = 0, less_count = 0, wrong_count = 0;
    cJSON_ArrayForEach(one, record) {
        const cJSON* meta = cJSON_GetObjectItemCaseSensitive(one, "meta");
        BlockHints hints;
        hints.access_count = static_cast<std::uint32_t>(number(meta, "access_count"));
        hints.complexity_milli = milli(number(meta, "perplexity"));
        hints.time_variance_milli = milli(number(meta, "time_variance"));
        hints.idle_seconds =
            static_cast<std::uint32_t>(number(meta, "now") - number(meta, "last_accessed"));
        // Where a double ends just below a whole second the record is one less: see lifetime.h.
        const auto recorded = static_cast<std::uint32_t>(number(one, "20c0bda.ttl"));
        const std::uint32_t ttl = ttl_of(hints);
        less_count += ttl == recorded + 1;
        const TierChoice tier = tier_of(hints);
        const std::string name = tier == TierChoice::kMemory ? "gpu"
                                 : tier == TierChoice::kDisk ? "disk"
                                                             : "remote";
        const cJSON* backend = cJSON_GetObjectItemCaseSensitive(one, "20c0bda.backend");
        if ((ttl != recorded && ttl != recorded + 1) || name != cJSON_GetStringValue(backend)) {
            print_message("case %d: %u, %s\n", case_count, ttl, name.c_str());
            ++wrong_count;
        }
        ++case_count;
    }
    cJSON_Delete(record);
    print_message("%d cases, %d of them recorded a second less\n", case_count, less_count);

    assert_true(case_count > 100);
    assert_int_equal(wrong_count, 0);
    assert_true(less_count < case_count / 3);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_first_access_of_something_easy_lives_an_hour),
        cmocka_unit_test(each_access_adds_a_quarter_of_its_logarithm),
        cmocka_unit_test(each_point_of_complexity_above_ten_adds_a_hundredth),
        cmocka_unit_test(the_logarithm_is_right_to_the_second),
        cmocka_unit_test(time_variance_takes_up_to_four_fifths),
        cmocka_unit_test(nothing_lives_longer_than_a_week),
        cmocka_unit_test(a_first_access_of_some_complexity_lives_as_the_formula_says),
        cmocka_unit_test(memory_is_for_what_is_easy_used_twice_and_recent),
        cmocka_unit_test(remote_is_for_what_is_hard_and_steady),
        cmocka_unit_test(every_recorded_case_agrees),
    };
    return cmocka_run_group_tests_name("planner/tiers/lifetime.cpp", tests, nullptr, nullptr);
}
