/* SPDX-License-Identifier: Apache-2.0
 *
 * test_content_id.c — blocks named by their bytes. */

#include <bwrt.h>
#include <string.h>

#include "tests/abi/client.h"

/* SHA-256 of "abc", FIPS 180-2, appendix B.1. */
static const char abc_name[] = "ba7816bf8f01cfea414140de5dae2223";

static void a_name_is_half_of_the_digest_in_hexadecimal(void** state) {
    const bwrt_span whole = {"abc", 3};
    unsigned char id[BWRT_BLOCK_ID_BYTES + 1];
    (void)state;

    memset(id, 0xEE, sizeof(id));
    assert_int_equal(bwrt_content_id(&whole, 1, id, NULL), BWRT_OK);

    assert_memory_equal(id, abc_name, BWRT_BLOCK_ID_BYTES);
    assert_int_equal(id[BWRT_BLOCK_ID_BYTES], 0xEE);
}

static void it_is_of_all_spans_one_after_the_other(void** state) {
    const bwrt_span spans[3] = {{"a", 1}, {NULL, 0}, {"bc", 2}};
    const bwrt_span others[2] = {{"bc", 2}, {"a", 1}};
    unsigned char id[BWRT_BLOCK_ID_BYTES];
    (void)state;

    assert_int_equal(bwrt_content_id(spans, 3, id, NULL), BWRT_OK);
    assert_memory_equal(id, abc_name, sizeof(id));

    assert_int_equal(bwrt_content_id(others, 2, id, NULL), BWRT_OK);
    assert_memory_not_equal(id, abc_name, sizeof(id));
}

static void it_needs_bytes_and_a_place(void** state) {
    const bwrt_span nowhere = {NULL, 3}, nothing = {"abc", 0}, some = {"abc", 3};
    unsigned char id[BWRT_BLOCK_ID_BYTES];
    bwrt_error error;
    (void)state;

    memset(id, 0xEE, sizeof(id));
    assert_int_equal(bwrt_content_id(NULL, 1, id, &error), BWRT_E_INVAL);
    assert_blames(&error, BWRT_E_INVAL, "spans");
    assert_int_equal(bwrt_content_id(&some, 1, NULL, &error), BWRT_E_INVAL);
    assert_blames(&error, BWRT_E_INVAL, "id_out");
    assert_int_equal(bwrt_content_id(&nowhere, 1, id, &error), BWRT_E_INVAL);
    assert_blames(&error, BWRT_E_INVAL, "spans[].address");
    assert_int_equal(bwrt_content_id(&nothing, 1, id, &error), BWRT_E_INVAL);
    assert_blames(&error, BWRT_E_INVAL, "spans[].length_bytes");
    assert_int_equal(bwrt_content_id(&some, 0, id, &error), BWRT_E_INVAL);
    assert_blames(&error, BWRT_E_INVAL, "spans[].length_bytes");
    assert_int_equal(id[0], 0xEE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_half_of_the_digest_in_hexadecimal),
        cmocka_unit_test(it_is_of_all_spans_one_after_the_other),
        cmocka_unit_test(it_needs_bytes_and_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
