/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be asked before anything is opened: the version, the names of statuses, and what a
 * runtime with all defaults would be.  The names are compared with the whole table. */

#include <stdio.h>
#include <string.h>

#include "bwrt.h"
#include "tests/support/cmocka.h"

static const struct {
    bwrt_status status;
    const char* constant;
} statuses[] = {
#define STATUS(name, value) {name, #name},
#include "bindings/layout.def"
};

static const char* project_version;

static void the_library_and_the_header_agree_on_the_version(void** state) {
    (void)state;
    bwrt_caps caps;

    memset(&caps, 0, sizeof(caps));
    caps.struct_size = sizeof(caps);

    assert_int_equal(bwrt_abi_version(), BWRT_ABI_VERSION);
    assert_int_equal(bwrt_get_caps(NULL, &caps, NULL), BWRT_OK);
    assert_int_equal(caps.abi_version, BWRT_ABI_VERSION);
    assert_string_equal(caps.version, project_version);
}

static void every_status_has_its_constants_name(void** state) {
    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); ++i) {
        const char* name = bwrt_status_name(statuses[i].status);
        assert_string_equal(name, statuses[i].constant + strlen("BWRT_"));
        assert_ptr_equal(name, bwrt_status_name(statuses[i].status)); /* static */
    }
}

static void other_numbers_are_unknown(void** state) {
    (void)state;
    assert_string_equal(bwrt_status_name(1), "unknown");
    assert_string_equal(bwrt_status_name(-9), "unknown");
    assert_string_equal(bwrt_status_name(-100), "unknown");
    assert_string_equal(bwrt_status_name(INT32_MIN), "unknown");
    assert_string_equal(bwrt_status_name(INT32_MAX), "unknown");
}

static void defaults_are_those_the_header_states(void** state) {
    (void)state;
    bwrt_caps caps;

    memset(&caps, 0, sizeof(caps));
    caps.struct_size = sizeof(caps);

    assert_int_equal(bwrt_get_caps(NULL, &caps, NULL), BWRT_OK);
    assert_int_equal(caps.progress, BWRT_PROGRESS_THREAD);
    assert_int_equal(caps.wave_count_max, 1024);
    assert_int_equal(caps.operation_count_max, 131072);
    assert_int_equal(caps.slot_count_max, 1048576);
    assert_int_equal(caps.region_count_max, 1024);
    assert_int_equal(caps.layout_count_max, 64);
    assert_int_equal(caps.plane_count_max, 4096);
    assert_int_equal(caps.group_count_max, 1024);
    assert_int_equal(caps.queue_depth, 128);
    assert_int_equal(caps.io_bytes_max, 1 << 20);
    assert_int_equal(caps.staging_count, 16);
    assert_int_equal(caps.spin_ns, 20000);
}

static void asking_before_opening_tells_what_opening_finds(void** state) {
    (void)state;
    bwrt_runtime* runtime = NULL;
    bwrt_caps before;
    bwrt_caps after;

    memset(&before, 0, sizeof(before));
    memset(&after, 0, sizeof(after));
    before.struct_size = sizeof(before);
    after.struct_size = sizeof(after);

    assert_int_equal(bwrt_get_caps(NULL, &before, NULL), BWRT_OK);
    assert_int_equal(bwrt_open(NULL, &runtime, NULL), BWRT_OK);
    const bwrt_status status = bwrt_get_caps(runtime, &after, NULL);
    assert_int_equal(bwrt_shutdown(runtime, BWRT_SHUTDOWN_DRAIN, -1, NULL), BWRT_OK);
    assert_int_equal(bwrt_close(runtime, NULL), BWRT_OK);

    assert_int_equal(status, BWRT_OK);
    assert_memory_equal(&before, &after, sizeof(before));
}

/* test_asking VERSION */
int main(int argc, char** argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_library_and_the_header_agree_on_the_version),
        cmocka_unit_test(every_status_has_its_constants_name),
        cmocka_unit_test(other_numbers_are_unknown),
        cmocka_unit_test(defaults_are_those_the_header_states),
        cmocka_unit_test(asking_before_opening_tells_what_opening_finds),
    };
    if (argc != 2) {
        (void)fprintf(stderr, "usage: test_asking VERSION\n");
        return 2;
    }
    project_version = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
