/* SPDX-License-Identifier: Apache-2.0
 *
 * A program of ABI 0.1 on the library of today: its life, what it asks and what it is refused.
 * With old_waves.c it calls each of the 16 functions that bwrt-0.1.h declares. */

#include <poll.h>

#include "tests/abi/old_client/old_client.h"

static void the_header_is_the_one_of_abi_0_1(void** state) {
    (void)state;
    assert_int_equal(BWRT_ABI_VERSION, 1);
    assert_int_equal(sizeof(bwrt_error), 256);
    assert_int_equal(sizeof(bwrt_config), 80);
    assert_int_equal(sizeof(bwrt_region), 32);
    assert_int_equal(sizeof(bwrt_region_info), 200);
    assert_int_equal(sizeof(bwrt_plane), 64);
    assert_int_equal(sizeof(bwrt_layout), 32);
    assert_int_equal(sizeof(bwrt_operation), 128);
    assert_int_equal(sizeof(bwrt_result), 32);
    assert_int_equal(sizeof(bwrt_group_result), 16);
    assert_int_equal(sizeof(bwrt_wave), 136);
    assert_int_equal(sizeof(bwrt_completion), 128);
    assert_int_equal(sizeof(bwrt_caps), 744);
    assert_int_equal(sizeof(bwrt_route), 4808);
    assert_int_equal(sizeof(bwrt_counters), 176);
}

static void the_library_is_of_the_same_major_version_and_not_older(void** state) {
    (void)state;
    assert_int_equal(bwrt_abi_version() >> 16, BWRT_ABI_VERSION >> 16);
    assert_true(bwrt_abi_version() >= BWRT_ABI_VERSION);
    assert_string_equal(bwrt_status_name(BWRT_E_TRUNCATED), "E_TRUNCATED");
    assert_string_equal(bwrt_status_name(1), "unknown");
}

static void caps_are_filled_and_nothing_behind_them(void** state) {
    program* self = *state;
    GUARDED(bwrt_caps) caps;

    memset(&caps, MARK, sizeof(caps));
    memset(&caps.known, 0, sizeof(caps.known));
    caps.known.struct_size = sizeof(caps.known);
    assert_int_equal(bwrt_get_caps(self->runtime, &caps.known, NULL), BWRT_OK);
    assert_true(is_marked(caps.behind));
    assert_int_equal(caps.known.abi_version, bwrt_abi_version());
    assert_int_equal(caps.known.progress, BWRT_PROGRESS_THREAD);
    assert_int_equal(caps.known.wave_count_max, 64); /* as start() asked for */
    assert_int_equal(caps.known.group_count_max, 8);
    assert_int_equal(caps.known.queue_depth, 128);

    memset(&caps.known, 0, sizeof(caps.known));
    caps.known.struct_size = sizeof(caps.known);
    assert_int_equal(bwrt_get_caps(NULL, &caps.known, NULL), BWRT_OK);
    assert_true(is_marked(caps.behind));
    assert_int_equal(caps.known.wave_count_max, 1024);
}

static void no_config_at_all_opens_too(void** state) {
    (void)state;
    bwrt_runtime* runtime = NULL;

    assert_int_equal(bwrt_open(NULL, &runtime, NULL), BWRT_OK);
    assert_int_equal(bwrt_close(runtime, NULL), BWRT_E_BUSY);
    assert_int_equal(bwrt_shutdown(runtime, BWRT_SHUTDOWN_DRAIN, NEVER, NULL), BWRT_OK);
    assert_int_equal(bwrt_close(runtime, NULL), BWRT_OK);
    assert_int_equal(bwrt_close(NULL, NULL), BWRT_OK);
}

static void the_event_fd_says_when_to_poll(void** state) {
    program* self = *state;
    const bwrt_operation operation = operation_of(BWRT_OP_READ, self->file, self->host, BYTES);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_completion completions[2];
    bwrt_handle handle = 0;
    uint32_t count = 0;
    struct pollfd event = {-1, POLLIN, 0};

    wave.delivery = BWRT_DELIVER_QUEUE;
    wave.user_data = 4711;
    assert_int_equal(bwrt_event_fd(self->runtime, &event.fd, NULL), BWRT_OK);
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);
    while (count == 0) {
        assert_int_equal(poll(&event, 1, -1), 1);
        assert_int_equal(bwrt_poll(self->runtime, completions, 2, &count, NULL), BWRT_OK);
    }

    assert_int_equal(count, 1);
    assert_true(completions[0].wave == handle);
    assert_int_equal(completions[0].user_data, 4711);
    assert_loaded(&completions[0], BYTES);
}

static void a_refusal_names_the_field(void** state) {
    program* self = *state;
    bwrt_operation operation = operation_of(0, self->host, self->allocated, BYTES);
    const bwrt_wave wave = wave_of(&operation, 1);
    GUARDED(bwrt_error) error;
    bwrt_handle handle = 77;

    memset(&error, MARK, sizeof(error));
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &error.known), BWRT_E_INVAL);
    assert_int_equal(error.known.status, BWRT_E_INVAL);
    assert_int_equal(error.known.operation_index, 0);
    assert_string_equal(error.known.field, "operations[].kind");
    assert_int_not_equal(error.known.message[0], '\0');
    assert_true(is_marked(error.behind));
    assert_int_equal(handle, 77);
}

static void a_quiesced_region_is_resumed(void** state) {
    program* self = *state;
    const bwrt_operation operation = operation_of(BWRT_OP_READ, self->file, self->host, BYTES);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 0;

    assert_int_equal(bwrt_region_set(self->runtime, self->host, BWRT_REGION_QUIESCE, NEVER, NULL),
                     BWRT_OK);
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_E_AGAIN);
    assert_int_equal(bwrt_region_set(self->runtime, self->host, BWRT_REGION_RESUME, 0, NULL),
                     BWRT_OK);
    const bwrt_completion completion = run(self, &wave);
    assert_loaded(&completion, BYTES);
}

static void counters_are_filled_and_nothing_behind_them(void** state) {
    program* self = *state;
    const bwrt_operation operation = operation_of(BWRT_OP_READ, self->file, self->host, BYTES);
    const bwrt_wave wave = wave_of(&operation, 1);
    GUARDED(bwrt_counters) counters;
    static bwrt_route routes[9];
    uint64_t bytes = 0;

    const bwrt_completion completion = run(self, &wave);
    assert_loaded(&completion, BYTES);
    memset(routes, MARK, sizeof(routes));
    memset(&counters, MARK, sizeof(counters));
    memset(&counters.known, 0, sizeof(counters.known));
    counters.known.struct_size = sizeof(counters.known);
    counters.known.routes = routes;
    counters.known.route_capacity = 8;
    counters.known.route_bytes = sizeof(bwrt_route);
    assert_int_equal(bwrt_sample(self->runtime, &counters.known, NULL), BWRT_OK);

    const uint32_t route_count = counters.known.route_count < 8 ? counters.known.route_count : 8;
    assert_true(is_marked(counters.behind));
    assert_true(is_marked((const unsigned char*)&routes[route_count]));
    for (uint32_t i = 0; i < route_count; ++i) {
        if (routes[i].source_tier == BWRT_TIER_DISK && routes[i].target_tier == BWRT_TIER_HOST) {
            bytes += routes[i].bytes;
        }
    }
    assert_int_equal(bytes, BYTES);
    assert_int_equal(counters.known.waves_accepted, 1);
    assert_int_equal(counters.known.waves_ok, 1);
    assert_int_equal(counters.known.waves_pending, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_is_the_one_of_abi_0_1),
        cmocka_unit_test(the_library_is_of_the_same_major_version_and_not_older),
        cmocka_unit_test(no_config_at_all_opens_too),
        WITH_THREAD(caps_are_filled_and_nothing_behind_them),
        WITH_THREAD(the_event_fd_says_when_to_poll),
        WITHOUT_THREAD(the_event_fd_says_when_to_poll),
        WITH_THREAD(a_refusal_names_the_field),
        WITH_THREAD(a_quiesced_region_is_resumed),
        WITH_THREAD(counters_are_filled_and_nothing_behind_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
