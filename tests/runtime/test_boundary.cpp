// SPDX-License-Identifier: Apache-2.0
//
// test_boundary.cpp — the wall between C and C++: every exception is a status, and structs of
// older and newer callers are read and written by the rules of bwrt.h.

#include "runtime/boundary.h"

#include <stdexcept>

#include "tests/support/cmocka.h"

namespace {

using bwrt::runtime::copy_in;
using bwrt::runtime::copy_out;
using bwrt::runtime::guard;

// Known here; the first release had the first two fields.
struct Known {
    std::uint32_t struct_size;
    std::uint32_t first;
    std::uint64_t second;
};
constexpr std::size_t kOldest = 8;

struct Newer {
    Known known;
    std::uint64_t added_later;
};

void what_the_body_returns_is_returned(void**) {
    assert_int_equal(guard(nullptr, [] { return bwrt_status{BWRT_E_BUSY}; }), BWRT_E_BUSY);
    assert_int_equal(guard(nullptr, [] { return bwrt_status{BWRT_OK}; }), BWRT_OK);
}

void out_of_memory_is_a_status(void**) {
    bwrt_error error = {};
    const bwrt_status status = guard(&error, []() -> bwrt_status { throw std::bad_alloc(); });

    assert_int_equal(status, BWRT_E_NOMEM);
    assert_int_equal(error.status, BWRT_E_NOMEM);
    assert_int_equal(error.operation_index, BWRT_NONE);
}

void an_exception_is_internal_and_says_what(void**) {
    bwrt_error error = {};
    const bwrt_status status =
        guard(&error, []() -> bwrt_status { throw std::logic_error("the reason"); });

    assert_int_equal(status, BWRT_E_INTERNAL);
    assert_non_null(std::strstr(error.message, "the reason"));
}

void whatever_is_thrown_is_internal(void**) {
    bwrt_error error = {};
    const bwrt_status status = guard(&error, []() -> bwrt_status { throw 42; });

    assert_int_equal(status, BWRT_E_INTERNAL);
    assert_int_equal(error.status, BWRT_E_INTERNAL);
    assert_int_equal(guard(nullptr, []() -> bwrt_status { throw 42; }), BWRT_E_INTERNAL);
}

void a_struct_of_our_size_is_copied(void**) {
    const Known given = {sizeof(Known), 1, 2};
    Known read = {9, 9, 9};

    assert_int_equal(copy_in(&read, &given, sizeof given, kOldest, "f", {}), BWRT_OK);

    assert_memory_equal(&read, &given, sizeof read);
}

void what_an_older_caller_does_not_know_becomes_zero(void**) {
    const Known given = {kOldest, 1, 2};
    Known read = {9, 9, 9};

    assert_int_equal(copy_in(&read, &given, kOldest, kOldest, "f", {}), BWRT_OK);

    assert_int_equal(read.first, 1);
    assert_int_equal(read.second, 0);
}

void what_is_shorter_than_the_first_release_is_refused(void**) {
    const Known given = {kOldest, 1, 2};
    Known read = {9, 9, 9};
    bwrt_error error = {};

    assert_int_equal(copy_in(&read, &given, kOldest - 1, kOldest, "the.field", {&error, 3}),
                     BWRT_E_ABI);

    assert_string_equal(error.field, "the.field");
    assert_int_equal(error.operation_index, 3);
    assert_int_equal(read.first, 9);
}

void a_newer_caller_is_taken_while_he_uses_nothing_new(void**) {
    Newer given = {{sizeof(Newer), 1, 2}, 0};
    Known read = {9, 9, 9};
    assert_int_equal(copy_in(&read, &given, sizeof given, kOldest, "f", {}), BWRT_OK);
    assert_int_equal(read.second, 2);

    // The last byte of the tail counts as well as the first.
    reinterpret_cast<unsigned char*>(&given)[sizeof given - 1] = 1;
    assert_int_equal(copy_in(&read, &given, sizeof given, kOldest, "f", {}), BWRT_E_ABI);
    given.added_later = 1;
    assert_int_equal(copy_in(&read, &given, sizeof given, kOldest, "f", {}), BWRT_E_ABI);
}

void a_size_that_no_struct_has_is_not_read(void**) {
    const Known given = {0, 1, 2};
    Known read = {9, 9, 9};

    assert_int_equal(copy_in(&read, &given, 0xFFFFFFFF, kOldest, "f", {}), BWRT_E_ABI);
}

void an_older_caller_gets_what_he_knows_and_no_byte_more(void**) {
    const Known known = {1, 2, 3};
    Known written = {9, 9, 9};

    copy_out(&written, kOldest, known);

    assert_int_equal(written.first, 2);
    assert_int_equal(written.second, 9);
}

void a_newer_caller_gets_zeros_where_we_know_nothing(void**) {
    const Known known = {1, 2, 3};
    Newer written = {{9, 9, 9}, 9};

    copy_out(&written, sizeof written, known);

    assert_memory_equal(&written.known, &known, sizeof known);
    assert_int_equal(written.added_later, 0);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(what_the_body_returns_is_returned),
        cmocka_unit_test(out_of_memory_is_a_status),
        cmocka_unit_test(an_exception_is_internal_and_says_what),
        cmocka_unit_test(whatever_is_thrown_is_internal),
        cmocka_unit_test(a_struct_of_our_size_is_copied),
        cmocka_unit_test(what_an_older_caller_does_not_know_becomes_zero),
        cmocka_unit_test(what_is_shorter_than_the_first_release_is_refused),
        cmocka_unit_test(a_newer_caller_is_taken_while_he_uses_nothing_new),
        cmocka_unit_test(a_size_that_no_struct_has_is_not_read),
        cmocka_unit_test(an_older_caller_gets_what_he_knows_and_no_byte_more),
        cmocka_unit_test(a_newer_caller_gets_zeros_where_we_know_nothing),
    };
    return cmocka_run_group_tests_name("runtime/boundary.h", tests, nullptr, nullptr);
}
