/* SPDX-License-Identifier: Apache-2.0
 *
 * NULL where something must be.  Each call would succeed but for one argument; it is named, and
 * the other outputs are left alone. */

#include "tests/abi/client.h"

static void no_runtime_is_refused_by_every_function_that_needs_one(void** state) {
    client* self = *state;
    const bwrt_region region = host_region(self->source_bytes, CLIENT_BYTES);
    const bwrt_operation operation = copy_operation(self);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_layout layout;
    bwrt_handle handle = 77;
    bwrt_completion completion;
    bwrt_counters counters;
    bwrt_tenant tenant;
    bwrt_lookup_query query;
    bwrt_event event;
    bwrt_store_counters store_counters;
    bwrt_plan_run run;
    bwrt_request_window window;
    uint64_t cursor = 77;
    uint32_t count = 77;
    int32_t fd = 77;

    memset(&layout, 0, sizeof(layout));
    layout.struct_size = sizeof(layout);
    memset(&counters, 0, sizeof(counters));
    counters.struct_size = sizeof(counters);
    memset(&window, 0, sizeof(window));
    window.struct_size = sizeof(window);
    memset(&run, 0, sizeof(run));
    run.struct_size = sizeof(run);
    memset(&tenant, 0, sizeof(tenant));
    tenant.struct_size = sizeof(tenant);
    memset(&query, 0, sizeof(query));
    query.struct_size = sizeof(query);
    memset(&store_counters, 0, sizeof(store_counters));
    store_counters.struct_size = sizeof(store_counters);
    mark_untouched(&completion, sizeof(completion));
    mark_untouched(&event, sizeof(event));

    assert_int_equal(bwrt_shutdown(NULL, BWRT_SHUTDOWN_DRAIN, 0, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "runtime");
    assert_int_equal(bwrt_region_add(NULL, &region, &handle, NULL, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "runtime");
    assert_int_equal(bwrt_region_set(NULL, self->source, BWRT_REGION_RESUME, 0, NULL),
                     BWRT_E_INVAL);
    assert_int_equal(bwrt_layout_add(NULL, &layout, &handle, NULL), BWRT_E_INVAL);
    assert_int_equal(bwrt_release(NULL, self->source, NULL), BWRT_E_INVAL);
    assert_int_equal(bwrt_submit_wave(NULL, &wave, &handle, NULL), BWRT_E_INVAL);
    assert_int_equal(bwrt_wait(NULL, 1, 0, &completion, NULL), BWRT_E_INVAL);
    assert_int_equal(bwrt_poll(NULL, &completion, 1, &count, NULL), BWRT_E_INVAL);
    assert_int_equal(bwrt_cancel(NULL, 1, NULL), BWRT_E_INVAL);
    assert_int_equal(bwrt_advance(NULL, 1, NULL), BWRT_E_INVAL);
    assert_int_equal(bwrt_stream_wait(NULL, 1, 0, 0, 0, 0, NULL), BWRT_E_INVAL);
    assert_int_equal(bwrt_plan_parse(NULL, BWRT_PLAN_CACHE, "{}", 2, &handle, NULL), BWRT_E_INVAL);
    assert_int_equal(bwrt_plan_print(NULL, 1, NULL, &cursor, NULL), BWRT_E_INVAL);
    assert_int_equal(bwrt_plan_submit(NULL, 1, &run, &handle, NULL), BWRT_E_INVAL);
    assert_int_equal(bwrt_plan_window(NULL, &window, &handle, NULL), BWRT_E_INVAL);
    assert_int_equal(bwrt_event_fd(NULL, &fd, NULL), BWRT_E_INVAL);
    assert_int_equal(bwrt_sample(NULL, &counters, NULL), BWRT_E_INVAL);
    assert_int_equal(bwrt_tenant_set(NULL, &tenant, NULL), BWRT_E_INVAL);
    assert_int_equal(bwrt_lookup(NULL, &query, NULL, &count, &count, NULL), BWRT_E_INVAL);
    assert_int_equal(bwrt_events(NULL, &cursor, &event, 1, &count, NULL), BWRT_E_INVAL);
    assert_int_equal(bwrt_sample_store(NULL, &store_counters, NULL), BWRT_E_INVAL);

    assert_int_equal(handle, 77);
    assert_int_equal(count, 77);
    assert_int_equal(fd, 77);
    assert_int_equal(cursor, 77);
    assert_int_equal(counters.time_ns, 0);
    assert_true(is_untouched(&completion, sizeof(completion)));
    assert_true(is_untouched(&event, sizeof(event)));
}

static void closing_nothing_is_allowed(void** state) {
    client* self = *state;

    assert_int_equal(bwrt_close(NULL, &self->error), BWRT_OK);
    assert_true(is_untouched(&self->error, sizeof(self->error)));
}

static void open_needs_a_place_for_the_runtime(void** state) {
    client* self = *state;

    assert_int_equal(bwrt_open(NULL, NULL, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "runtime_out");
}

static void region_add_needs_a_region_and_a_place_for_the_handle(void** state) {
    client* self = *state;
    const bwrt_region region = host_region(self->source_bytes, CLIENT_BYTES);
    bwrt_handle handle = 77;

    assert_int_equal(bwrt_region_add(self->runtime, NULL, &handle, NULL, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "region");
    assert_int_equal(handle, 77);

    assert_int_equal(bwrt_region_add(self->runtime, &region, NULL, NULL, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "region_out");
}

static void layout_add_needs_a_layout_its_planes_and_a_place_for_the_handle(void** state) {
    client* self = *state;
    bwrt_handle handle = 77;
    bwrt_plane plane;
    bwrt_layout layout;

    memset(&plane, 0, sizeof(plane));
    plane.region = self->source;
    plane.slot_stride_bytes = 1024;
    plane.length_bytes = 1024;
    memset(&layout, 0, sizeof(layout));
    layout.struct_size = sizeof(layout);
    layout.slot_count = 4;
    layout.block_bytes = 1024;
    layout.planes = &plane;
    layout.plane_count = 1;
    layout.plane_bytes = sizeof(plane);

    assert_int_equal(bwrt_layout_add(self->runtime, NULL, &handle, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "layout");
    assert_int_equal(handle, 77);

    assert_int_equal(bwrt_layout_add(self->runtime, &layout, NULL, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "layout_out");

    layout.planes = NULL;
    assert_int_equal(bwrt_layout_add(self->runtime, &layout, &handle, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "layout.planes");
    assert_int_equal(handle, 77);
}

static void submit_needs_a_wave_its_operations_and_a_place_for_the_handle(void** state) {
    client* self = *state;
    const bwrt_operation operation = copy_operation(self);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 77;

    assert_int_equal(bwrt_submit_wave(self->runtime, NULL, &handle, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "wave");
    assert_int_equal(handle, 77);

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, NULL, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "wave_out");

    wave.operations = NULL;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "wave.operations");
    assert_int_equal(self->error.operation_index, BWRT_NONE);
    assert_int_equal(handle, 77);
}

/* Whose place is missing keeps the completion: a second, right call gets it. */
static void wait_needs_a_place_for_the_completion(void** state) {
    client* self = *state;
    const bwrt_operation operation = copy_operation(self);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 0;
    bwrt_completion completion;

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);

    assert_int_equal(bwrt_wait(self->runtime, handle, -1, NULL, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "completion_out");
    assert_int_equal(bwrt_wait(self->runtime, handle, -1, &completion, NULL), BWRT_OK);
    assert_int_equal(completion.status, BWRT_OK);
}

static void poll_needs_places_for_completions_and_their_count(void** state) {
    client* self = *state;
    bwrt_completion completion;
    uint32_t count = 77;

    assert_int_equal(bwrt_poll(self->runtime, NULL, 1, &count, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "completions");
    assert_int_equal(count, 77);

    assert_int_equal(bwrt_poll(self->runtime, &completion, 1, NULL, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "count_out");
}

static void asking_needs_a_place_for_the_answer(void** state) {
    client* self = *state;

    assert_int_equal(bwrt_event_fd(self->runtime, NULL, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "fd_out");
    assert_int_equal(bwrt_get_caps(self->runtime, NULL, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "caps");
    assert_int_equal(bwrt_sample(self->runtime, NULL, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "counters");
}

/* Four bytes into room for any of the structs: where none of them can lie. */
static void structs_and_arrays_must_lie_on_eight_bytes(void** state) {
    client* self = *state;
    uint64_t room[1024] = {0};
    void* astray = (unsigned char*)room + 4;
    const bwrt_operation operation = copy_operation(self);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_runtime* runtime = NULL;
    bwrt_handle handle = 77;
    uint32_t count = 77;
    bwrt_layout layout;
    bwrt_counters counters;

    memset(&layout, 0, sizeof(layout));
    layout.struct_size = sizeof(layout);
    layout.slot_count = 4;
    layout.block_bytes = 1024;
    layout.plane_count = 1;
    layout.plane_bytes = sizeof(bwrt_plane);
    layout.planes = astray;
    memset(&counters, 0, sizeof(counters));
    counters.struct_size = sizeof(counters);
    counters.route_capacity = 1;
    counters.route_bytes = sizeof(bwrt_route);
    counters.routes = astray;

    assert_int_equal(bwrt_open(astray, &runtime, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "config");
    assert_int_equal(bwrt_region_add(self->runtime, astray, &handle, NULL, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "region");
    assert_int_equal(bwrt_layout_add(self->runtime, astray, &handle, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "layout");
    assert_int_equal(bwrt_layout_add(self->runtime, &layout, &handle, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "layout.planes");
    assert_int_equal(bwrt_submit_wave(self->runtime, astray, &handle, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "wave");
    wave.operations = astray;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "wave.operations");
    wave = wave_of(&operation, 1);
    wave.results = astray;
    wave.result_count = 1;
    wave.result_bytes = sizeof(bwrt_result);
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "wave.results");
    wave = wave_of(&operation, 1);
    wave.groups = astray;
    wave.group_count = 1;
    wave.group_bytes = sizeof(bwrt_group_result);
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "wave.groups");
    assert_int_equal(bwrt_wait(self->runtime, 1, 0, astray, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "completion_out");
    assert_int_equal(bwrt_poll(self->runtime, astray, 1, &count, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "completions");
    assert_int_equal(bwrt_get_caps(self->runtime, astray, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "caps");
    assert_int_equal(bwrt_sample(self->runtime, astray, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "counters");
    assert_int_equal(bwrt_sample(self->runtime, &counters, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "counters.routes");

    assert_null(runtime);
    assert_int_equal(handle, 77);
    assert_int_equal(count, 77);
}

static void a_call_that_succeeds_leaves_the_error_alone(void** state) {
    client* self = *state;
    const bwrt_operation operation = copy_operation(self);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 0;
    bwrt_completion completion;

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_OK);
    assert_int_equal(bwrt_wait(self->runtime, handle, -1, &completion, &self->error), BWRT_OK);
    assert_true(is_untouched(&self->error, sizeof(self->error)));
}

static void nobody_has_to_take_the_error(void** state) {
    client* self = *state;
    bwrt_handle handle = 77;

    assert_int_equal(bwrt_submit_wave(self->runtime, NULL, &handle, NULL), BWRT_E_INVAL);
    assert_int_equal(handle, 77);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, client_setup, client_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(no_runtime_is_refused_by_every_function_that_needs_one),
        TEST(closing_nothing_is_allowed),
        TEST(open_needs_a_place_for_the_runtime),
        TEST(region_add_needs_a_region_and_a_place_for_the_handle),
        TEST(layout_add_needs_a_layout_its_planes_and_a_place_for_the_handle),
        TEST(submit_needs_a_wave_its_operations_and_a_place_for_the_handle),
        TEST(wait_needs_a_place_for_the_completion),
        TEST(poll_needs_places_for_completions_and_their_count),
        TEST(asking_needs_a_place_for_the_answer),
        TEST(structs_and_arrays_must_lie_on_eight_bytes),
        TEST(a_call_that_succeeds_leaves_the_error_alone),
        TEST(nobody_has_to_take_the_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
