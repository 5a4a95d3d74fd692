// SPDX-License-Identifier: Apache-2.0
//
// test_json_read.cpp — what tables have beside plans: numbers with fractions, which must come out
// the same everywhere, and names that may be numbers.  The fields of plans are read in
// test_plan_json.cpp.
//
// Prints its seed and takes it back from BWRT_TEST_SEED.

#include "planner/values/json_read.h"

#include <cstdio>
#include <string>

#include "planner/values/json_scan.h"
#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;

// What is read of the text, or, when it is refused, the sentence.
template <typename Value>
std::string read_of(std::string_view text, Value& out) {
    JsonText scanned;
    if (PlanError error = scanned.scan(text)) return error.text();
    JsonReader reader(scanned);
    return reader.read(0, JsonPath{}, out) ? "" : reader.error().sentence;
}

void expect_decimal(std::string_view text, std::uint64_t whole, std::uint32_t millionths,
                    bool is_negative = false) {
    JsonDecimal decimal;
    assert_string_equal(read_of(text, decimal).c_str(), "");
    assert_int_equal(decimal.whole, whole);
    assert_int_equal(decimal.millionths, millionths);
    assert_int_equal(decimal.is_negative, is_negative);
}

void expect_refused(std::string_view text, const char* sentence) {
    JsonDecimal decimal{.whole = 77};
    assert_string_equal(read_of(text, decimal).c_str(), sentence);
    assert_int_equal(decimal.whole, 77);
}

void a_decimal_is_read_to_the_millionth(void**) {
    expect_decimal("0", 0, 0);
    expect_decimal("5.0", 5, 0);
    expect_decimal("1700000000100.25", 1'700'000'000'100, 250'000);
    expect_decimal("-2.5", 2, 500'000, true);
    expect_decimal("0.000001", 0, 1);
    expect_decimal("0.30000000000000004", 0, 300'000);
}

void halves_of_a_millionth_go_up_and_what_is_less_goes(void**) {
    expect_decimal("1.0000005", 1, 1);
    expect_decimal("1.00000049", 1, 0);
    expect_decimal("0.9999995", 1, 0);
    expect_decimal("-0.0000001", 0, 0);
}

void an_exponent_moves_the_point(void**) {
    expect_decimal("1e-05", 0, 10);
    expect_decimal("1.5E+3", 1'500, 0);
    expect_decimal("123456789e-6", 123, 456'789);
    expect_decimal("1152921504606846976", std::uint64_t{1} << 60, 0);
    expect_decimal("1.152921504606846976e18", std::uint64_t{1} << 60, 0);
    expect_decimal("7e-999999999999999999999", 0, 0);
    expect_decimal("0e999999999999999999999", 0, 0);
}

void a_decimal_beyond_64_bits_is_refused(void**) {
    expect_decimal("18446744073709551615", ~std::uint64_t{0}, 0);
    expect_refused("18446744073709551616", "is beyond 64 bits");
    expect_refused("18446744073709551615.9999999", "is beyond 64 bits");
    expect_refused("1e20", "is beyond 64 bits");
    expect_refused("1e999999999999999999999", "is beyond 64 bits");
}

void what_is_no_number_is_no_decimal(void**) {
    expect_refused("\"5\"", "is not a number");
    expect_refused("true", "is not a number");
    expect_refused("[1]", "is not a number");
}

void a_decimal_in_units_drops_what_is_left_over_and_stops_at_the_most(void**) {
    const JsonDecimal decimal{.whole = 12, .millionths = 345'678};
    const JsonDecimal most{.whole = ~std::uint64_t{0} / 1'000, .millionths = 999'999};

    assert_int_equal(decimal.in(1), 12);
    assert_int_equal(decimal.in(1'000), 12'345);
    assert_int_equal(decimal.in(1'000'000), 12'345'678);
    assert_int_equal(most.in(1'000), ~std::uint64_t{0});  // 615 of the last thousand would fit
    assert_int_equal(most.in(1'000'000), ~std::uint64_t{0});
    assert_int_equal((JsonDecimal{.whole = ~std::uint64_t{0} / 1'000}).in(1'000),
                     ~std::uint64_t{0} / 1'000 * 1'000);
}

void a_name_may_be_a_whole_number(void**) {
    JsonName name;

    assert_string_equal(read_of("17", name).c_str(), "");
    assert_string_equal(name.text.c_str(), "17");
    assert_string_equal(read_of("\"1\\u0037\"", name).c_str(), "");
    assert_string_equal(name.text.c_str(), "17");
    assert_string_equal(read_of("17.0", name).c_str(), "is not a whole number");
    assert_string_equal(read_of("null", name).c_str(), "is not a whole number");
}

void any_millionths_come_back_however_they_are_spelt(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    for (int i = 0; i < 20'000; ++i) {
        const std::uint64_t whole = random.below(1'000'000'000);
        const std::uint32_t millionths = random.between32(0, 999'999);
        char plain[64], moved[64];
        std::snprintf(plain, sizeof plain, "%llu.%06u", static_cast<unsigned long long>(whole),
                      millionths);
        std::snprintf(moved, sizeof moved, "%llue-6",
                      static_cast<unsigned long long>(whole * 1'000'000 + millionths));

        expect_decimal(plain, whole, millionths);
        expect_decimal(moved, whole, millionths);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_decimal_is_read_to_the_millionth),
        cmocka_unit_test(halves_of_a_millionth_go_up_and_what_is_less_goes),
        cmocka_unit_test(an_exponent_moves_the_point),
        cmocka_unit_test(a_decimal_beyond_64_bits_is_refused),
        cmocka_unit_test(what_is_no_number_is_no_decimal),
        cmocka_unit_test(a_decimal_in_units_drops_what_is_left_over_and_stops_at_the_most),
        cmocka_unit_test(a_name_may_be_a_whole_number),
        cmocka_unit_test(any_millionths_come_back_however_they_are_spelt),
    };
    return cmocka_run_group_tests_name("planner/values/json_read.cpp", tests, nullptr, nullptr);
}
