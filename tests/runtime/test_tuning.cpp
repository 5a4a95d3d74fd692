// SPDX-License-Identifier: Apache-2.0
//
// test_tuning.cpp — a file by `bwrt tune`: what of it is taken, that the caller's own fields stand
// before it, what is refused and with which sentence.

#include "runtime/tuning.h"

#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "include/bwrt.h"
#include "runtime/planner_options.h"
#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::runtime;

// A file in the current folder, gone at the end.
struct File {
    std::string path = "tuning-test-XXXXXX";

    explicit File(const std::string& text) {
        const int fd = mkstemp(path.data());
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text.data(), text.size()), text.size());
        close(fd);
    }
    ~File() { unlink(path.c_str()); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
};

std::string file_of(const std::string& store, const std::string& planner) {
    return R"({"bwrt_tuning": 1, "trace": "a", "why": "b", "store": {)" + store +
           R"(}, "planner": {)" + planner + "}}";
}

std::string entry(const char* name, std::int64_t value) {
    return "\"" + std::string(name) + "\": " + std::to_string(value);
}

bwrt_status parse(const std::string& text, Tuning* tuning_out, std::string* says_out = nullptr) {
    bwrt::planner::PlanError error;
    const bwrt_status status = parse_tuning(text, tuning_out, &error);
    if (says_out != nullptr) *says_out = error.text();
    return status;
}

// What a planner goes by whose caller gave this and named that file.
bwrt_planner in_force(bwrt_planner given, const std::string& entries,
                      std::string* reason = nullptr) {
    Tuning tuning;
    assert_int_equal(parse(file_of("", entries), &tuning), BWRT_OK);
    given.struct_size = sizeof given;
    bwrt_planner checked = {};
    bwrt_error error = {};
    const bwrt_status status = read_planner(&given, &tuning, &checked, {&error, BWRT_NONE});
    if (status != BWRT_OK) fail_msg("%s", error.message);
    if (reason != nullptr) *reason = tuning.reason;
    return checked;
}

// A field of the planner that a file can set: its range, and another value that a caller may give.
template <typename Value>
struct Knob {
    const char* name;
    Value bwrt_planner::*field;
    std::int64_t least, most;
    Value callers;
};

template <typename Visit>
void each_knob(Visit&& visit) {
    constexpr std::int64_t kMost = std::int64_t{1} << 53, kMost32 = 0xFFFFFFFF;
    using Wide = Knob<std::uint64_t>;
    using Narrow = Knob<std::uint32_t>;
    visit(Wide{"window_ns", &bwrt_planner::window_ns, 100'000, 10'000'000'000, 200'000});
    visit(Wide{"min_io_bytes", &bwrt_planner::min_io_bytes, 1, kMost, 4'096});
    visit(Narrow{"alpha_milli", &bwrt_planner::alpha_milli, 1, kMost32, 7});
    visit(Narrow{"beta_milli", &bwrt_planner::beta_milli, 1, kMost32, 7});
    visit(Narrow{"pmin_milli", &bwrt_planner::pmin_milli, 1, kMost32, 7});
    visit(Knob<std::int32_t>{"umin_milli", &bwrt_planner::umin_milli, INT32_MIN, INT32_MAX, -3});
    visit(Wide{"half_life_ns", &bwrt_planner::half_life_ns, 1 << 24, kMost, 1 << 30});
    visit(Wide{"prefetch_horizon_ns", &bwrt_planner::prefetch_horizon_ns, 100'000'000,
               7'200'000'000'000, 200'000'000});
    visit(Narrow{"prefetch_wasted_milli", &bwrt_planner::prefetch_wasted_milli, 1, 900, 17});
}

void each_field_of_a_planner_is_the_files_where_the_caller_left_it_open(void**) {
    each_knob([](const auto& knob) {
        for (const std::int64_t value : {knob.least, knob.most}) {
            std::string reason;
            const bwrt_planner checked = in_force({}, entry(knob.name, value), &reason);
            assert_int_equal(checked.*knob.field, value);
            assert_string_equal(
                reason.c_str(),
                ("; planner." + std::string(knob.name) + " " + std::to_string(value)).c_str());
        }
    });
}

void each_field_that_the_caller_set_is_his(void**) {
    each_knob([](const auto& knob) {
        bwrt_planner given = {};
        given.*knob.field = knob.callers;
        std::string reason;
        const bwrt_planner checked = in_force(given, entry(knob.name, knob.most), &reason);
        assert_int_equal(checked.*knob.field, knob.callers);
        assert_string_equal(
            reason.c_str(),
            ("; planner." + std::string(knob.name) + " is the caller's own").c_str());
    });
}

void each_field_out_of_its_range_is_refused_by_name_and_byte(void**) {
    each_knob([](const auto& knob) {
        for (const std::int64_t value : {knob.least - 1, knob.most + 1}) {
            const std::string text = file_of("", entry(knob.name, value));
            Tuning tuning;
            std::string says;
            assert_int_equal(parse(text, &tuning, &says), BWRT_E_FORMAT);
            assert_int_equal(says.find("planner." + std::string(knob.name) + ": "), 0);
            const std::size_t at = text.find(std::to_string(value));
            assert_non_null(
                std::strstr(says.c_str(), ("(at byte " + std::to_string(at) + ")").c_str()));
        }
    });
}

// So that whatever stands in a file, no caller's own limit is refused for it.
void ages_are_the_files_together_or_not_at_all(void**) {
    const std::string both = R"("age_first": 7, "age_max": 9)";
    bwrt_planner checked = in_force({}, both);
    assert_int_equal(checked.age_first, 7);
    assert_int_equal(checked.age_max, 9);
    bwrt_planner given = {};
    given.age_first = 20;
    checked = in_force(given, both);
    assert_int_equal(checked.age_first, 20);
    assert_int_equal(checked.age_max, 40);
    given = {};
    given.age_max = 6;
    checked = in_force(given, both);
    assert_int_equal(checked.age_first, 4);
    assert_int_equal(checked.age_max, 6);
    for (const char* alone :
         {R"("age_first": 254)", R"("age_first": 1)", R"("age_max": 5)", R"("age_max": 255)"}) {
        static_cast<void>(in_force({}, alone));
    }
    Tuning tuning;
    std::string says;
    assert_int_equal(parse(file_of("", R"("age_max": 4)"), &tuning, &says), BWRT_E_FORMAT);
    assert_string_equal(says.c_str(), "planner.age_max: 4 is not above age_first 4 (at byte 81)");
    assert_int_equal(parse(file_of("", R"("age_first": 9, "age_max": 9)"), &tuning, &says),
                     BWRT_E_FORMAT);
}

// ---- through bwrt_open()

struct Opened {
    bwrt_runtime* runtime = nullptr;
    bwrt_error error = {};
    bwrt_status status;

    // A store in memory alone.
    Opened(const char* path, const bwrt_store& given, bool has_store = true) {
        bwrt_store store = given;
        store.struct_size = sizeof store;
        store.host_bytes = std::uint64_t{2} << 20;
        bwrt_config config = {};
        config.struct_size = sizeof config;
        config.progress = BWRT_PROGRESS_CALLER;
        config.tuning = path;
        config.store = has_store ? &store : nullptr;
        status = bwrt_open(&config, &runtime, &error);
    }
    ~Opened() {
        if (runtime == nullptr) return;
        bwrt_shutdown(runtime, BWRT_SHUTDOWN_CANCEL, -1, nullptr);
        bwrt_close(runtime, nullptr);
    }
    Opened(const Opened&) = delete;
    Opened& operator=(const Opened&) = delete;

    [[nodiscard]] bwrt_store_info info() const {
        bwrt_store_info info = {};
        info.struct_size = sizeof info;
        bwrt_store_counters counters = {};
        counters.struct_size = sizeof counters;
        counters.info = &info;
        assert_int_equal(bwrt_sample_store(runtime, &counters, nullptr), BWRT_OK);
        return info;
    }
    [[nodiscard]] std::string reason() const {
        bwrt_caps caps = {};
        caps.struct_size = sizeof caps;
        assert_int_equal(bwrt_get_caps(runtime, &caps, nullptr), BWRT_OK);
        return caps.tuning_reason;
    }
};

const std::string kStoreFile = file_of(R"("eviction": "learned", "write_touch_count": 3)", "");

void a_store_has_what_the_file_says_and_tells(void**) {
    const File file(kStoreFile);
    const Opened opened(file.path.c_str(), {});
    assert_int_equal(opened.status, BWRT_OK);
    assert_int_equal(opened.info().eviction, BWRT_EVICTION_LEARNED);
    assert_int_equal(opened.info().write_touch_count, 3);
    assert_string_equal(
        opened.reason().c_str(),
        (file.path + "; store.eviction learned; store.write_touch_count 3").c_str());
}

void a_store_without_a_file_has_the_defaults_and_says_nothing(void**) {
    const Opened opened(nullptr, {});
    assert_int_equal(opened.info().eviction, BWRT_EVICTION_LRU);
    assert_int_equal(opened.info().write_touch_count, 1);
    assert_string_equal(opened.reason().c_str(), "");
}

void what_the_caller_says_of_a_store_stands(void**) {
    const File file(kStoreFile);
    bwrt_store store = {};
    store.eviction = BWRT_EVICTION_LRU;
    store.write_touch_count = 2;
    const Opened opened(file.path.c_str(), store);
    assert_int_equal(opened.info().eviction, BWRT_EVICTION_LRU);
    assert_int_equal(opened.info().write_touch_count, 2);
    assert_string_equal(opened.reason().c_str(),
                        (file.path + "; store.eviction is the caller's own; "
                                     "store.write_touch_count is the caller's own")
                            .c_str());
}

void what_there_is_no_store_or_planner_for_is_told(void**) {
    const File file(file_of(R"("eviction": "lru")", R"("age_max": 9)"));
    const Opened opened(file.path.c_str(), {}, false);
    assert_int_equal(opened.status, BWRT_OK);
    assert_string_equal(opened.reason().c_str(),
                        (file.path + "; there is no store that this process writes; "
                                     "there is no planner")
                            .c_str());
    // A reader decides nothing of the store, and is refused who says he does.
    Tuning tuning;
    assert_int_equal(parse(kStoreFile, &tuning), BWRT_OK);
    bwrt_store reader = {};
    reader.flags = BWRT_STORE_READER;
    tuning.fill_in(&reader);
    assert_int_equal(reader.eviction | reader.write_touch_count, 0);
    assert_string_equal(tuning.reason.c_str(), "; there is no store that this process writes");
}

void expect_refusal(const std::string& text, bwrt_status status, const char* says) {
    const File file(text);
    const Opened opened(file.path.c_str(), {});
    assert_int_equal(opened.status, status);
    assert_null(opened.runtime);
    assert_string_equal(opened.error.field, "config.tuning");
    if (std::strstr(opened.error.message, says) == nullptr) fail_msg("%s", opened.error.message);
    assert_non_null(std::strstr(opened.error.message, file.path.c_str()));
}

void a_file_that_is_no_tuning_is_refused_and_says_where(void**) {
    const std::string whole = file_of(R"("eviction": "lru")", R"("age_max": 9)");
    for (std::size_t length = 0; length < whole.size(); ++length) {
        expect_refusal(whole.substr(0, length), BWRT_E_PARSE, "at byte");
    }
    expect_refusal(whole + "x", BWRT_E_PARSE, "has something behind its value");
    expect_refusal(whole + std::string(64 << 10, ' '), BWRT_E_FORMAT, "more than 65536");
    expect_refusal("[[[[[1]]]]]", BWRT_E_PARSE, "at byte 4");
    expect_refusal("[]", BWRT_E_FORMAT, "is not an object (at byte 0)");
    expect_refusal("{}", BWRT_E_FORMAT, "has no bwrt_tuning");
    expect_refusal(R"({"bwrt_tuning": 2})", BWRT_E_FORMAT,
                   "bwrt_tuning: is not 1, the format known (at byte 16)");
    expect_refusal(R"({"bwrt_tuning": 1, "store": 7})", BWRT_E_FORMAT, "store: is not an object");
    expect_refusal(R"({"bwrt_tuning": 1, "stor\u001be": {}})", BWRT_E_FORMAT,
                   "stor?e: is no field of a tuning file (at byte 19)");
    expect_refusal(R"({"bwrt_tuning": 1, "why": 7})", BWRT_E_FORMAT, "why: is not a string");
}

void a_field_that_no_file_can_set_is_refused(void**) {
    const struct {
        const char *store, *planner, *says;
    } wrong[] = {
        {"\"host_bytes\": 1", "", "store.host_bytes: is no field of a tuning file (at byte 55)"},
        {"\"write_bytes_per_day\": 1", "", "store.write_bytes_per_day: is no field"},
        {"\"evictoin\": \"lru\"", "", "store.evictoin: is no field"},
        {"\"eviction\": \"mru\"", "",
         "store.eviction: is none of \"lru\", \"learned\", \"ranked\" (at"},
        {"\"eviction\": 1", "", "store.eviction: is none of"},
        {"\"write_touch_count\": 0", "", "store.write_touch_count: 0 is outside 1 to 15 (at byte"},
        {"\"write_touch_count\": 16", "", "store.write_touch_count: 16 is outside 1 to 15"},
        {"\"write_touch_count\": 1.5", "", "store.write_touch_count: is not a whole number"},
        {"\"write_touch_count\": null", "", "store.write_touch_count: is not a whole number"},
        {"\"eviction\": \"lru\", \"\\u0065viction\": \"lru\"", "", "is there twice"},
        {"", "\"flags\": 2", "planner.flags: is no field"},
        {"", "\"caller_budget_bytes\": 2", "planner.caller_budget_bytes: is no field"},
        {"", "\"prefetch_bytes_max\": 2", "planner.prefetch_bytes_max: is no field"},
        {"", "\"window_ns\": 100000000000000000000", "planner.window_ns: is beyond 64 bits"},
    };
    for (const auto& one : wrong) {
        const bool is_twice = std::strstr(one.says, "twice") != nullptr;
        expect_refusal(file_of(one.store, one.planner), is_twice ? BWRT_E_PARSE : BWRT_E_FORMAT,
                       one.says);
    }
}

void a_file_that_cannot_be_read_is_an_error_of_open(void**) {
    const Opened missing("no-such-tuning.json", {});
    assert_int_equal(missing.status, BWRT_E_IO);
    assert_int_equal(missing.error.os_code, ENOENT);
    assert_string_equal(missing.error.field, "config.tuning");
    const Opened folder(".", {});
    assert_int_equal(folder.status, BWRT_E_FORMAT);
    assert_non_null(std::strstr(folder.error.message, "not a regular file"));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(each_field_of_a_planner_is_the_files_where_the_caller_left_it_open),
        cmocka_unit_test(each_field_that_the_caller_set_is_his),
        cmocka_unit_test(each_field_out_of_its_range_is_refused_by_name_and_byte),
        cmocka_unit_test(ages_are_the_files_together_or_not_at_all),
        cmocka_unit_test(a_store_has_what_the_file_says_and_tells),
        cmocka_unit_test(a_store_without_a_file_has_the_defaults_and_says_nothing),
        cmocka_unit_test(what_the_caller_says_of_a_store_stands),
        cmocka_unit_test(what_there_is_no_store_or_planner_for_is_told),
        cmocka_unit_test(a_file_that_is_no_tuning_is_refused_and_says_where),
        cmocka_unit_test(a_field_that_no_file_can_set_is_refused),
        cmocka_unit_test(a_file_that_cannot_be_read_is_an_error_of_open),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
