// SPDX-License-Identifier: Apache-2.0
//
// test_status.cpp — how a refusal is told: every field of bwrt_error, texts too long for it, and
// the tables of names.

#include "runtime/status.h"

#include <cerrno>
#include <cstring>
#include <set>
#include <string>

#include "tests/support/cmocka.h"
#undef fail  // cmocka's, and the name of what is tested

namespace {

using bwrt::runtime::errno_name;
using bwrt::runtime::fail;
using bwrt::runtime::fail_os;
using bwrt::runtime::status_of_io_errno;

void a_refusal_fills_the_whole_error(void**) {
    bwrt_error error;
    std::memset(&error, 0x5A, sizeof error);

    assert_int_equal(fail({&error, 7}, BWRT_E_RANGE, "a.field", "%d passes %d", 5, 4),
                     BWRT_E_RANGE);

    bwrt_error expected = {};
    expected.status = BWRT_E_RANGE;
    expected.operation_index = 7;
    std::strcpy(expected.field, "a.field");
    std::strcpy(expected.message, "5 passes 4");
    assert_memory_equal(&error, &expected, sizeof error);
}

void the_systems_error_is_kept(void**) {
    bwrt_error error = {};

    assert_int_equal(fail_os({&error, BWRT_NONE}, BWRT_E_IO, EIO, "f", "m"), BWRT_E_IO);

    assert_int_equal(error.os_code, EIO);
    assert_int_equal(error.operation_index, BWRT_NONE);
}

void nobody_needs_to_listen(void**) {
    assert_int_equal(fail({}, BWRT_E_BUSY, "f", "m"), BWRT_E_BUSY);
    assert_int_equal(fail_os({}, BWRT_E_IO, EIO, "f", "m"), BWRT_E_IO);
}

void long_texts_are_cut_and_ended(void**) {
    bwrt_error error = {};
    const std::string field(100, 'f'), message(300, 'm');

    assert_int_equal(fail({&error, 0}, BWRT_E_INVAL, field.c_str(), "%s", message.c_str()),
                     BWRT_E_INVAL);

    assert_string_equal(error.field, std::string(47, 'f').c_str());
    assert_string_equal(error.message, std::string(191, 'm').c_str());
}

void every_status_has_a_name_of_its_own(void**) {
    std::set<std::string> names;
    int count = 0;
    for (bwrt_status status = 0; status >= -99; --status) {
        const std::string name = bwrt_status_name(status);
        if (name == "unknown") continue;
        ++count;
        assert_true(names.insert(name).second);
    }

    assert_int_equal(count, 29);
    assert_string_equal(bwrt_status_name(BWRT_OK), "OK");
    assert_string_equal(bwrt_status_name(BWRT_E_CANCELLED), "E_CANCELLED");
    assert_string_equal(bwrt_status_name(BWRT_E_INTERNAL), "E_INTERNAL");
    assert_string_equal(bwrt_status_name(1), "unknown");
    assert_string_equal(bwrt_status_name(-1000), "unknown");
}

void a_full_disk_and_a_full_memory_are_told_from_a_broken_one(void**) {
    assert_int_equal(status_of_io_errno(ENOSPC), BWRT_E_NOSPC);
    assert_int_equal(status_of_io_errno(EDQUOT), BWRT_E_NOSPC);
    assert_int_equal(status_of_io_errno(EFBIG), BWRT_E_NOSPC);
    assert_int_equal(status_of_io_errno(ENOMEM), BWRT_E_NOMEM);
    assert_int_equal(status_of_io_errno(EIO), BWRT_E_IO);
    assert_int_equal(status_of_io_errno(EBADF), BWRT_E_IO);
}

void an_errno_is_called_by_its_name(void**) {
    assert_string_equal(errno_name(EPERM), "EPERM");
    assert_non_null(errno_name(4095));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_fills_the_whole_error),
        cmocka_unit_test(the_systems_error_is_kept),
        cmocka_unit_test(nobody_needs_to_listen),
        cmocka_unit_test(long_texts_are_cut_and_ended),
        cmocka_unit_test(every_status_has_a_name_of_its_own),
        cmocka_unit_test(a_full_disk_and_a_full_memory_are_told_from_a_broken_one),
        cmocka_unit_test(an_errno_is_called_by_its_name),
    };
    return cmocka_run_group_tests_name("runtime/status.cpp", tests, nullptr, nullptr);
}
