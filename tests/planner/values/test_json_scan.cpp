// SPDX-License-Identifier: Apache-2.0
//
// test_json_scan.cpp — what is refused, at which byte and by which path; each text is one that
// would pass but for one thing.  Random texts are compared with cJSON: what passes here passes
// there, and means the same.
//
// Prints its seed and takes it back from BWRT_TEST_SEED.

#include "planner/values/json_scan.h"

#include <cjson/cJSON.h>

#include <set>
#include <string>

#include "tests/planner/plan_errors.h"
#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;
using bwrt::test::expect_error;
using bwrt::test::expect_none;

PlanError scan(std::string_view text, const JsonLimits& limits = {}) {
    JsonText scanned;
    return scanned.scan(text, limits);
}

void expect(std::string_view text, std::uint64_t offset, const char* field, const char* sentence) {
    const PlanError error = scan(text);
    expect_error(error, field, sentence);
    assert_int_equal(error.offset, offset);
}

void the_table_has_each_value_where_it_stands(void**) {
    JsonText text;
    expect_none(text.scan(R"( {"ops": [7, "a\n"], "b": null} )"));

    assert_int_equal(text.value_count(), 7);
    assert_int_equal(text[0].end, 7);
    assert_true(text[2].kind == JsonKind::kArray && text[2].end == 5 && text[2].offset == 9);
    assert_true(text.raw(2) == R"([7, "a\n"])");
    assert_true(text.raw(3) == "7" && text[3].kind == JsonKind::kNumber);
    assert_true(text.string_at(4) == "a\n" && text[4].has_escape);
    assert_true(text.is_string(1, "ops") && !text.is_string(1, "op") && !text.is_string(1, "opsx"));
    assert_true(text.is_string(4, "a\n") && !text.is_string(4, "a") && !text.is_string(4, "a\nb"));
    assert_true(text[6].kind == JsonKind::kNull);
}

void every_escape_says_what_it_stands_for(void**) {
    JsonText text;
    expect_none(text.scan(R"(["\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\ud83d\ude00"])"));

    assert_string_equal(text.string_at(1).c_str(), "\"\\/\b\f\n\r\tA\u00e9\u20ac\U0001f600");

    // The ends of each length.
    expect_none(text.scan(R"(["\u007f\u0080\u07ff\u0800\uffff\ud800\udc00\udbff\udfff"])"));
    assert_string_equal(text.string_at(1).c_str(),
                        "\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF\xF0\x90\x80\x80"
                        "\xF4\x8F\xBF\xBF");
}

void what_stands_behind_the_value_is_refused(void**) {
    expect("{} x", 3, "", "has something behind its value");
    expect("{}{}", 2, "", "has something behind its value");
    expect(std::string_view("{}\0", 3), 2, "", "has something behind its value");
}

void a_text_that_ends_early_is_refused(void**) {
    expect("", 0, "", "the text ends where a value should be");
    expect("  ", 2, "", "the text ends where a value should be");
    expect("[1, ", 4, "[1]", "the text ends where a value should be");
    expect("[1", 2, "[0]", "the text ends before this is closed");
    expect(R"({"a": "b)", 8, "a", "the text ends within a string");
    expect(R"({"a)", 3, "", "the text ends within a string");
    expect(R"(["\)", 2, "[0]", "has an escape that JSON does not know");
}

void numbers_are_those_of_json(void**) {
    expect_none(scan("[0, -0, 10, 1.5, -2e+3, 0.0E-1]"));
    expect("[01]", 1, "[0]", "begins with a zero");
    expect("[-01]", 2, "[0]", "begins with a zero");
    expect("[-]", 2, "[0]", "is a number without digits");
    expect("[1.]", 3, "[0]", "is a number without digits behind the point");
    expect("[1e]", 3, "[0]", "is a number without digits in its exponent");
    expect("[+1]", 1, "[0]", "is no value of JSON");
    expect("[.5]", 1, "[0]", "is no value of JSON");
    expect("[NaN]", 1, "[0]", "is no value of JSON");
    expect("[0x1]", 2, "[0]", "has neither a comma nor an end behind its value");
    expect("[123456789012345678901234567890123]", 1, "[0]", "is a number too long");
    expect_none(scan("[12345678901234567890123456789012]"));
}

void commas_and_colons_stand_where_they_should(void**) {
    expect("[1,]", 3, "[1]", "is no value of JSON");
    expect("[,1]", 1, "[0]", "is no value of JSON");
    expect("[1 2]", 3, "[0]", "has neither a comma nor an end behind its value");
    expect("[1}", 2, "[0]", "has neither a comma nor an end behind its value");
    expect(R"({"a": 1,})", 8, "", "has no key where one should be");
    expect(R"({a: 1})", 1, "", "has no key where one should be");
    expect(R"({"a" 1})", 5, "a", "has no colon behind its key");
    expect(R"({"a": 1])", 7, "a", "has neither a comma nor an end behind its value");
    expect("tru", 0, "", "is no value of JSON");
    expect("\xEF\xBB\xBF{}", 0, "", "is no value of JSON");
    expect("[1] // why", 4, "", "has something behind its value");
}

void strings_are_utf_8_without_control_characters(void**) {
    expect("[\"a\nb\"]", 3, "[0]", "has a control character in a string");
    expect("[\"\x1F\"]", 2, "[0]", "has a control character in a string");
    expect(std::string_view("[\"a\0b\"]", 7), 3, "[0]", "has a control character in a string");
    expect("[\"\xFF\"]", 2, "[0]", "has a string that is not UTF-8");
    expect("[\"\xC0\x80\"]", 2, "[0]", "has a string that is not UTF-8");
    expect("[\"\xE0\x9F\xBF\"]", 2, "[0]", "has a string that is not UTF-8");
    expect("[\"\xED\xA0\x80\"]", 2, "[0]", "has a string that is not UTF-8");
    expect("[\"\xF0\x8F\xBF\xBF\"]", 2, "[0]", "has a string that is not UTF-8");
    expect("[\"\xF4\x90\x80\x80\"]", 2, "[0]", "has a string that is not UTF-8");
    expect("[\"\xF5\x80\x80\x80\"]", 2, "[0]", "has a string that is not UTF-8");
    expect("[\"\xE2\x82\"]", 2, "[0]", "has a string that is not UTF-8");
    expect_none(
        scan("[\"\xC2\x80 \xE0\xA0\x80 \xED\x9F\xBF \xF0\x90\x80\x80 \xF4\x8F\xBF\xBF \x7F\"]"));
}

void an_escape_that_is_none_is_refused(void**) {
    expect(R"(["\x41"])", 2, "[0]", "has an escape that JSON does not know");
    expect(R"(["\u12G4"])", 2, "[0]", "has an escape without its four digits");
    expect(R"(["\u12)", 2, "[0]", "has an escape without its four digits");
    expect(R"(["\u0000"])", 2, "[0]", "has U+0000 in a string");
    expect(R"(["\ud800"])", 2, "[0]", "has half of a surrogate pair");
    expect(R"(["\udc00"])", 2, "[0]", "has half of a surrogate pair");
    expect(R"(["\ud800\ud800"])", 2, "[0]", "has half of a surrogate pair");
    expect(R"(["\ud800\n"])", 2, "[0]", "has half of a surrogate pair");
}

void a_key_twice_is_refused_however_it_is_spelt(void**) {
    expect(R"({"a": 1, "b": {"c": 2, "\u0063": 3}})", 23, "b.c", "is there twice");
    expect(R"({"/": 1, "\/": 2})", 9, "/", "is there twice");
    expect_none(scan(R"({"a": 1, "A": 2, "aa": {"a": 3}, "": 4})"));
}

void a_key_twice_among_many_is_refused_where_it_comes_again(void**) {
    std::string text = "{";
    for (int i = 0; i < 1000; ++i) text += "\"key" + std::to_string(i) + "\": 0, ";
    expect_none(scan(text + "\"last\": 0}"));

    expect(text + R"("\u006bey77": 0})", text.size(), "key77", "is there twice");
}

// Of few letters, some beside the quote's code, so that most are there twice in some spelling.
void keys_are_told_apart_by_what_they_say(void**) {
    static const char* const kSpellings[] = {"a", "!", " ", "#", "\\u0061", "\\u0021", "\\\""};
    static const char kMeanings[] = {'a', '!', ' ', '#', 'a', '!', '"'};
    bwrt::test::Random random(bwrt::test::test_seed());
    int taken_count = 0, wrong_count = 0;

    for (std::uint32_t round = 0; round < bwrt::test::share_of(20'000); ++round) {
        std::string text = "{";
        std::set<std::string> meanings;
        const std::uint64_t key_count = random.between(1, 24);
        for (std::uint64_t i = 0; i < key_count; ++i) {
            std::string spelling, meaning;
            for (std::uint64_t j = random.below(5); j > 0; --j) {
                const std::uint64_t letter = random.below(std::size(kSpellings));
                spelling += kSpellings[letter];
                meaning += kMeanings[letter];
            }
            text += (i == 0 ? "\"" : ", \"") + spelling + "\": 0";
            meanings.insert(meaning);
        }
        const bool is_taken = !scan(text + "}");
        taken_count += is_taken ? 1 : 0;
        wrong_count += is_taken != (meanings.size() == key_count) ? 1 : 0;
    }

    assert_int_equal(wrong_count, 0);
    assert_true(taken_count > 0);
}

void the_path_leads_to_the_value(void**) {
    expect(R"({"ops": [{}, {"src": {"a": [[], tru]}}]})", 32, "ops[1].src.a[1]",
           "is no value of JSON");
    expect("{\"a\\u00e9\\n\": x}", 14, "a???", "is no value of JSON");
    const std::string key(1000, 'k');
    assert_int_equal(scan("{\"" + key + "\": x}").field.size(), 40);
}

void each_limit_holds_at_its_value(void**) {
    expect_none(scan("[[[]]]", {.depth_max = 3}));
    assert_string_equal(scan("[[[]]]", {.depth_max = 2}).text().c_str(),
                        "[0][0]: is nested too deeply (at byte 2)");
    expect_none(scan("[1, 2]", {.value_count_max = 3}));
    assert_string_equal(scan("[1, 2]", {.value_count_max = 2}).text().c_str(),
                        "[1]: comes after as many values as a plan may have (at byte 4)");
    expect_none(scan("[1, 2]", {.text_bytes_max = 6}));
    assert_string_equal(scan("[1, 2]", {.text_bytes_max = 5}).text().c_str(),
                        "is longer than a plan may be (at byte 5)");
    expect_none(scan(R"({"a": 1, "b": 2})", {.key_count_max = 2}));
    assert_string_equal(scan(R"({"a": 1, "b": 2})", {.key_count_max = 1}).text().c_str(),
                        "has more keys than an object may have (at byte 9)");
    const std::string deep(64, '[');
    const std::string closed = deep + std::string(64, ']');
    expect_none(scan(closed, {.depth_max = 1000}));
    assert_true(static_cast<bool>(scan("[" + closed + "]", {.depth_max = 1000})));
}

// Of a value and what cJSON made of it: false when they differ.
bool means_the_same(const JsonText& text, std::uint32_t at, const cJSON* item) {
    switch (text[at].kind) {
        case JsonKind::kNull:
            return cJSON_IsNull(item);
        case JsonKind::kFalse:
            return cJSON_IsFalse(item);
        case JsonKind::kTrue:
            return cJSON_IsTrue(item);
        case JsonKind::kNumber:
            return cJSON_IsNumber(item) &&
                   item->valuedouble == std::strtod(std::string(text.raw(at)).c_str(), nullptr);
        case JsonKind::kString:
            return cJSON_IsString(item) && text.string_at(at) == item->valuestring;
        default:
            break;
    }
    const bool is_object = text[at].kind == JsonKind::kObject;
    if (!(is_object ? cJSON_IsObject(item) : cJSON_IsArray(item))) return false;
    const cJSON* child = item->child;
    for (std::uint32_t i = at + 1; i < text[at].end; i = text[i].end, child = child->next) {
        if (child == nullptr) return false;
        if (is_object && !text.is_string(i++, child->string)) return false;
        if (!means_the_same(text, i, child)) return false;
    }
    return child == nullptr;
}

std::string draw_value(bwrt::test::Random& random, int depth) {
    static const char* const kSimple[] = {"0",
                                          "-1",
                                          "12.5",
                                          "1e3",
                                          "true",
                                          "false",
                                          "null",
                                          "\"\"",
                                          "\"a\"",
                                          "\"\\u00e9\\n\"",
                                          "\"\\ud83d\\ude00\"",
                                          "\"\xC3\xA9\"",
                                          "9007199254740993"};
    if (depth == 0 || random.one_in(3)) return kSimple[random.below(std::size(kSimple))];
    const bool is_object = random.one_in(2);
    std::string text = is_object ? "{" : "[";
    for (std::uint64_t i = 0, count = random.below(4); i < count; ++i) {
        if (i > 0) text += random.one_in(2) ? "," : " ,\n";
        if (is_object) text += "\"k" + std::to_string(random.below(8)) + "\" : ";
        text += draw_value(random, depth - 1);
    }
    return text + (is_object ? "}" : "]");
}

void what_passes_means_the_same_to_another_reader(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    int passed_count = 0, wrong_count = 0;

    for (std::uint32_t round = 0; round < bwrt::test::share_of(100'000); ++round) {
        std::string text = draw_value(random, 4);
        if (random.one_in(2)) {  // a byte is changed, lost or doubled
            const std::size_t at = random.below(text.size());
            const char byte = "\"\\[]{},:0-.e \x80u"[random.below(15)];
            if (random.one_in(3))
                text.erase(at, 1);
            else if (random.one_in(2))
                text.insert(at, 1, byte);
            else
                text[at] = byte;
        }
        JsonText scanned;
        if (scanned.scan(text)) continue;
        ++passed_count;
        const char* end = nullptr;
        cJSON* other = cJSON_ParseWithLengthOpts(text.c_str(), text.size() + 1, &end, 1);
        if (other == nullptr || !means_the_same(scanned, 0, other)) {
            if (wrong_count++ == 0) print_error("differs: %s\n", text.c_str());
        }
        cJSON_Delete(other);
    }

    assert_int_equal(wrong_count, 0);
    assert_true(passed_count > 0);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_table_has_each_value_where_it_stands),
        cmocka_unit_test(every_escape_says_what_it_stands_for),
        cmocka_unit_test(what_stands_behind_the_value_is_refused),
        cmocka_unit_test(a_text_that_ends_early_is_refused),
        cmocka_unit_test(numbers_are_those_of_json),
        cmocka_unit_test(commas_and_colons_stand_where_they_should),
        cmocka_unit_test(strings_are_utf_8_without_control_characters),
        cmocka_unit_test(an_escape_that_is_none_is_refused),
        cmocka_unit_test(a_key_twice_is_refused_however_it_is_spelt),
        cmocka_unit_test(a_key_twice_among_many_is_refused_where_it_comes_again),
        cmocka_unit_test(keys_are_told_apart_by_what_they_say),
        cmocka_unit_test(the_path_leads_to_the_value),
        cmocka_unit_test(each_limit_holds_at_its_value),
        cmocka_unit_test(what_passes_means_the_same_to_another_reader),
    };
    return cmocka_run_group_tests_name("planner/values/json_scan.cpp", tests, nullptr, nullptr);
}
