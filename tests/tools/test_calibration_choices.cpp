// SPDX-License-Identifier: Apache-2.0
//
// test_calibration_choices.cpp — what `bwrt calibrate` chooses from given speeds, and the table
// that it writes: what of an old one is kept, what is refused, and that it is replaced whole or not
// at all.  The measuring itself is in test_calibrate.sh.

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/cmocka.h"
#include "tools/calibration.h"
#include "tools/output.h"

namespace {

using bwrt::tools::caps_with;
using bwrt::tools::DeviceChoices;
using bwrt::tools::Failure;
using bwrt::tools::first_gain;
using bwrt::tools::first_within;
using bwrt::tools::Json;
using bwrt::tools::table_with;
using bwrt::tools::write_table;

constexpr const char* kTable = "table.json";

// Each test in a folder of its own, gone at the end also when the test fails.
int enter_folder(void** state) {
    static char folder[64];
    std::strcpy(folder, "calibration-choices-XXXXXX");
    *state = mkdtemp(folder);
    return *state == nullptr ? -1 : chdir(folder);
}

int leave_folder(void** state) {
    if (chdir("..") != 0) return -1;
    return std::filesystem::remove_all(static_cast<const char*>(*state)) == 0 ? -1 : 0;
}

std::string text_at(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void put(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

std::size_t count_of_files() {
    const std::filesystem::directory_iterator all(".");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::string machine() { return caps_with(nullptr).machine; }

DeviceChoices choices_of(std::uint32_t queue_depth) {
    return {queue_depth, 1u << 20, 32, 64u << 10, 1, {{"depth", 65536, 8, 1u << 20, 1.5, 20}}};
}

Json put_device(const std::string& device, std::uint32_t queue_depth,
                const std::string& made_on = machine()) {
    Json table = table_with(kTable, made_on, device, "/data", choices_of(queue_depth));
    write_table(kTable, table.get());
    return table;
}

int device_count(const Json& table) {
    return cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(table.get(), "devices"));
}

const cJSON* entry_of(const Json& table, const std::string& device) {
    const cJSON* entry = nullptr;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(table.get(), "devices")) {
        const cJSON* name = cJSON_GetObjectItemCaseSensitive(entry, "device");
        if (device == cJSON_GetStringValue(name)) return entry;
    }
    fail_msg("no entry for %s", device.c_str());
    return nullptr;
}

double number_of(const Json& table, const std::string& device, const char* name) {
    return cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(entry_of(table, device), name));
}

template <typename Body>
void expect_failure(const std::string& code, const std::string& says, Body&& body) {
    try {
        body();
    } catch (const Failure& failure) {
        assert_string_equal(failure.code().c_str(), code.c_str());
        if (std::strstr(failure.what(), says.c_str()) == nullptr) fail_msg("%s", failure.what());
        return;
    }
    fail_msg("nothing was refused");
}

// ---- choices

void the_first_that_is_nearly_the_best_is_chosen(void**) {
    assert_int_equal(first_within({1, 2, 3, 4}, 0.95), 3);
    assert_int_equal(first_within({1, 3.9, 4, 4}, 0.95), 1);
    assert_int_equal(first_within({3.79, 3.81, 4}, 0.95), 1);
    assert_int_equal(first_within({4, 3, 2, 1}, 0.95), 0);
    assert_int_equal(first_within({1, 4, 1, 1}, 0.95), 1);
    assert_int_equal(first_within({3.9, 1, 4}, 0.95), 0);
    assert_int_equal(first_within({2}, 0.95), 0);
    assert_int_equal(first_within({0, 0}, 0.95), 0);
}

void a_gain_counts_from_where_all_larger_blocks_have_it(void**) {
    assert_int_equal(first_gain({1, 1, 1, 1}, {0.5, 1, 1.2, 1.5}, 1.1), 2);
    assert_int_equal(first_gain({1, 2, 3}, {1, 2, 3}, 1.1), 3);
    assert_int_equal(first_gain({1, 2, 3}, {2, 3, 4}, 1.1), 0);
    assert_int_equal(first_gain({1, 1, 1, 1}, {2, 2, 1, 2}, 1.1), 3);
    assert_int_equal(first_gain({1, 1, 1, 1}, {2, 2, 2, 1}, 1.1), 4);
    assert_int_equal(first_gain({2, 2}, {2.19, 2.21}, 1.1), 1);
    assert_int_equal(first_gain({}, {}, 1.1), 0);
}

// ---- the table

void a_new_table_has_the_device_and_the_library_takes_it(void**) {
    const Json table = put_device("254:3", 32);
    assert_int_equal(device_count(table), 1);
    assert_int_equal(number_of(table, "254:3", "queue_depth"), 32);
    assert_int_equal(number_of(table, "254:3", "io_bytes"), 1 << 20);
    assert_int_equal(number_of(table, "254:3", "staging_count"), 32);
    assert_int_equal(number_of(table, "254:3", "stage_from_bytes"), 64 << 10);
    const cJSON* entry = entry_of(table, "254:3");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "directory")),
                        "/data");
    const cJSON* row = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(entry, "measured"), 0);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "what")),
                        "depth");
    const bwrt_caps caps = caps_with(kTable);
    assert_int_equal(caps.queue_depth, 32);
    assert_non_null(std::strstr(caps.calibration_reason, "254:3: depth 32"));
}

void a_device_that_is_measured_again_is_replaced_and_others_are_kept(void**) {
    put_device("254:3", 16);
    put_device("7:1", 64);
    const Json table = put_device("254:3", 32);
    assert_int_equal(device_count(table), 2);
    assert_int_equal(number_of(table, "254:3", "queue_depth"), 32);
    assert_int_equal(number_of(table, "7:1", "queue_depth"), 64);
    assert_int_equal(caps_with(kTable).queue_depth, 64);
}

void a_table_of_another_machine_is_begun_anew(void**) {
    put_device("254:3", 16, "a typewriter");
    assert_non_null(std::strstr(caps_with(kTable).calibration_reason, "a typewriter"));
    bwrt::tools::check_output(kTable, machine());
    const Json table = put_device("7:1", 64);
    assert_int_equal(device_count(table), 1);
    assert_int_equal(number_of(table, "7:1", "queue_depth"), 64);
    assert_string_equal(
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(table.get(), "machine")),
        machine().c_str());
}

void an_empty_file_is_no_table_yet(void**) {
    put(kTable, "");
    bwrt::tools::check_output(kTable, machine());
    assert_int_equal(device_count(put_device("254:3", 16)), 1);
}

void what_is_no_table_is_refused_and_stays(void**) {
    put_device("254:3", 16);
    const std::string whole = text_at(kTable);
    for (const std::string& text :
         {std::string("{}"), std::string("[]"), std::string("7"), std::string("my notes\n"),
          whole.substr(0, whole.size() / 2), whole + "x", whole + std::string(1 << 20, ' '),
          std::string(R"({"bwrt_calibration": 2, "machine": "m", "devices": []})"),
          std::string(R"({"bwrt_calibration": 1, "machine": 7, "devices": []})"),
          std::string(R"({"bwrt_calibration": 1, "machine": "m", "devices": {}})")}) {
        put(kTable, text);
        expect_failure("E_FORMAT", "table.json is not a calibration table and stays as it is",
                       [] { static_cast<void>(put_device("254:3", 32)); });
        assert_true(text_at(kTable) == text);
        assert_int_equal(count_of_files(), 1);
    }
}

void a_table_that_the_library_refuses_is_refused_before_the_measuring(void**) {
    put_device("254:3", 5000);
    const std::string text = text_at(kTable);
    expect_failure("E_FORMAT", "devices[0].queue_depth is not 1 to 4096",
                   [] { bwrt::tools::check_output(kTable, machine()); });
    assert_true(text_at(kTable) == text);
}

void a_place_where_no_table_can_be_is_refused_before_the_measuring(void**) {
    const auto refuses = [](const char* path, const char* says) {
        expect_failure("E_INVAL", says, [=] { bwrt::tools::check_output(path, machine()); });
    };
    assert_int_equal(mkfifo("pipe", 0600), 0);
    assert_int_equal(symlink("nothing", "link"), 0);
    refuses("missing/table.json", "missing/table.json: No such file or directory");
    refuses(".", ". is not a regular file");
    refuses("pipe", "pipe is not a regular file");
    refuses("/dev/null", "/dev/null is not a regular file");
    refuses("link", "link is a symbolic link to nothing");
    assert_int_equal(count_of_files(), 2);
}

void a_place_that_is_all_right_is_left_as_it_is(void**) {
    bwrt::tools::check_output(kTable, machine());
    assert_int_equal(count_of_files(), 0);
    put_device("254:3", 16);
    const std::string text = text_at(kTable);
    bwrt::tools::check_output(kTable, machine());
    assert_true(text_at(kTable) == text);
    assert_int_equal(count_of_files(), 1);
}

void a_written_table_can_be_read_by_everybody_and_is_alone(void**) {
    const mode_t mask = umask(077);
    put_device("254:3", 16);
    umask(mask);
    struct stat stat = {};
    assert_int_equal(::stat(kTable, &stat), 0);
    assert_int_equal(stat.st_mode & 07777, 0644);
    assert_int_equal(count_of_files(), 1);
    assert_int_equal(text_at(kTable).back(), '\n');
}

void a_table_behind_a_link_is_replaced_and_the_link_stays(void**) {
    assert_int_equal(mkdir("elsewhere", 0700), 0);
    put("elsewhere/real.json", "");
    assert_int_equal(symlink("elsewhere/real.json", kTable), 0);
    put_device("254:3", 16);
    assert_true(std::filesystem::is_symlink(kTable));
    assert_int_equal(caps_with("elsewhere/real.json").queue_depth, 16);
}

// A limit on the size of files stands for a disk that is full.
void a_write_that_fails_leaves_the_old_table(void**) {
    put_device("254:3", 16);
    const std::string text = text_at(kTable);
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before = {};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlimit small = {100, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    bool failed = false;
    try {
        put_device("254:3", 32);
    } catch (const Failure& failure) {
        failed = failure.code() == "E_NOSPC";
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(failed);
    assert_true(text_at(kTable) == text);
    assert_int_equal(count_of_files(), 1);
}

void a_device_is_named_by_its_numbers(void**) {
    struct stat stat = {};
    const int fd = open(".", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fstat(fd, &stat), 0);
    assert_string_equal(
        bwrt::tools::device_of(fd).c_str(),
        (std::to_string(major(stat.st_dev)) + ":" + std::to_string(minor(stat.st_dev))).c_str());
    close(fd);
    expect_failure("E_INVAL", "Bad file descriptor",
                   [] { static_cast<void>(bwrt::tools::device_of(-1)); });
}

}  // namespace

int main() {
    CMUnitTest tests[] = {
        cmocka_unit_test(the_first_that_is_nearly_the_best_is_chosen),
        cmocka_unit_test(a_gain_counts_from_where_all_larger_blocks_have_it),
        cmocka_unit_test(a_new_table_has_the_device_and_the_library_takes_it),
        cmocka_unit_test(a_device_that_is_measured_again_is_replaced_and_others_are_kept),
        cmocka_unit_test(a_table_of_another_machine_is_begun_anew),
        cmocka_unit_test(an_empty_file_is_no_table_yet),
        cmocka_unit_test(what_is_no_table_is_refused_and_stays),
        cmocka_unit_test(a_table_that_the_library_refuses_is_refused_before_the_measuring),
        cmocka_unit_test(a_place_where_no_table_can_be_is_refused_before_the_measuring),
        cmocka_unit_test(a_place_that_is_all_right_is_left_as_it_is),
        cmocka_unit_test(a_written_table_can_be_read_by_everybody_and_is_alone),
        cmocka_unit_test(a_table_behind_a_link_is_replaced_and_the_link_stays),
        cmocka_unit_test(a_write_that_fails_leaves_the_old_table),
        cmocka_unit_test(a_device_is_named_by_its_numbers),
    };
    for (CMUnitTest& test : tests) {
        test.setup_func = enter_folder;
        test.teardown_func = leave_folder;
    }
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
