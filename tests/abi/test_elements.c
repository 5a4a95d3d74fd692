/* SPDX-License-Identifier: Apache-2.0
 *
 * How the elements of arrays grow: as structs do, with the size of one beside the count.  A caller
 * whose elements are longer than the library's is served at his stride. */

#include "tests/abi/client.h"

typedef struct later_operation {
    bwrt_operation known;
    uint64_t added_later;
} later_operation;

typedef struct later_plane {
    bwrt_plane known;
    uint64_t added_later;
} later_plane;

typedef struct later_result {
    bwrt_result known;
    uint64_t added_later;
} later_result;

typedef struct later_group_result {
    bwrt_group_result known;
    uint64_t added_later;
} later_group_result;

typedef struct later_route {
    bwrt_route known;
    uint64_t added_later;
} later_route;

static void operations_of_no_size_are_refused(void** state) {
    client* self = *state;
    const bwrt_operation operation = copy_operation(self);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 77;

    wave.operation_bytes = 0;

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "wave.operation_bytes");
    assert_int_equal(self->error.operation_index, BWRT_NONE);
    assert_int_equal(handle, 77);
}

static void operations_shorter_than_the_first_releases_are_refused(void** state) {
    client* self = *state;
    const bwrt_operation operation = copy_operation(self);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 77;

    wave.operation_bytes = 128 - 8; /* 128 was the first */

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "wave.operation_bytes");
    assert_int_equal(handle, 77);
}

/* What is behind an element is the next one, and is not taken for a part of it. */
static void operations_of_the_first_release_are_read_at_their_stride(void** state) {
    client* self = *state;
    const bwrt_operation first = copy_operation(self);
    bwrt_operation second = first;
    uint64_t operations[2 * 128 / sizeof(uint64_t)];
    bwrt_handle handle = 77;
    bwrt_completion completion;

    second.source_offset_bytes = 4096;
    second.target_offset_bytes = 8192;
    memcpy(operations, &first, 128);
    memcpy((unsigned char*)operations + 128, &second, 128);
    bwrt_wave wave = wave_of((const void*)operations, 2);
    wave.operation_bytes = 128;

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_wait(self->runtime, handle, -1, &completion, NULL), BWRT_OK);
    assert_int_equal(completion.status, BWRT_OK);
    assert_int_equal(completion.bytes, 2048);
    assert_memory_equal(self->target_bytes, self->source_bytes, 1024);
    assert_memory_equal(self->target_bytes + 8192, self->source_bytes + 4096, 1024);
}

static void longer_operations_are_read_at_their_stride(void** state) {
    client* self = *state;
    later_operation operations[2];
    bwrt_handle handle = 77;
    bwrt_completion completion;

    memset(operations, 0, sizeof(operations));
    operations[0].known = copy_operation(self);
    operations[1].known = copy_operation(self);
    operations[1].known.source_offset_bytes = 4096;
    operations[1].known.target_offset_bytes = 8192;
    bwrt_wave wave = wave_of(&operations[0].known, 2);
    wave.operation_bytes = sizeof(later_operation);

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_wait(self->runtime, handle, -1, &completion, NULL), BWRT_OK);
    assert_int_equal(completion.status, BWRT_OK);
    assert_int_equal(completion.bytes, 2048);
    assert_memory_equal(self->target_bytes, self->source_bytes, 1024);
    assert_memory_equal(self->target_bytes + 8192, self->source_bytes + 4096, 1024);
}

static void longer_operations_with_an_unknown_field_set_are_refused(void** state) {
    client* self = *state;
    later_operation operations[2];
    bwrt_handle handle = 77;
    const unsigned char nothing[1024] = {0};

    memset(operations, 0, sizeof(operations));
    operations[0].known = copy_operation(self);
    operations[1].known = copy_operation(self);
    operations[1].known.target_offset_bytes = 8192;
    operations[1].added_later = 1;
    bwrt_wave wave = wave_of(&operations[0].known, 2);
    wave.operation_bytes = sizeof(later_operation);

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "wave.operation_bytes");
    assert_int_equal(self->error.operation_index, 1);
    assert_int_equal(handle, 77);
    assert_memory_equal(self->target_bytes, nothing, sizeof(nothing)); /* not even the first */
}

/* Two planes that each hold half of a block of a kilobyte, in four slots. */
static void two_planes(const client* self, bwrt_plane* first, bwrt_plane* second) {
    memset(first, 0, sizeof(*first));
    first->region = self->source;
    first->slot_stride_bytes = 512;
    first->length_bytes = 512;
    *second = *first;
    second->offset_bytes = 4096;
    second->block_offset_bytes = 512;
}

static bwrt_layout layout_of(const bwrt_plane* planes, uint32_t plane_bytes) {
    bwrt_layout layout;

    memset(&layout, 0, sizeof(layout));
    layout.struct_size = sizeof(layout);
    layout.slot_count = 4;
    layout.block_bytes = 1024;
    layout.planes = planes;
    layout.plane_count = 2;
    layout.plane_bytes = plane_bytes;
    return layout;
}

static void planes_shorter_than_the_first_releases_are_refused(void** state) {
    client* self = *state;
    bwrt_plane planes[2];
    bwrt_handle handle = 77;

    two_planes(self, &planes[0], &planes[1]);
    bwrt_layout layout = layout_of(planes, 0);
    assert_int_equal(bwrt_layout_add(self->runtime, &layout, &handle, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "layout.plane_bytes");
    assert_int_equal(handle, 77);

    layout.plane_bytes = sizeof(bwrt_plane) - 8;
    assert_int_equal(bwrt_layout_add(self->runtime, &layout, &handle, NULL), BWRT_E_ABI);
    assert_int_equal(handle, 77);

    layout.plane_bytes = sizeof(bwrt_plane);
    assert_int_equal(bwrt_layout_add(self->runtime, &layout, &handle, NULL), BWRT_OK);
}

static void longer_planes_are_read_at_their_stride_while_the_rest_is_zero(void** state) {
    client* self = *state;
    later_plane planes[2];
    bwrt_handle handle = 77;

    memset(planes, 0, sizeof(planes));
    two_planes(self, &planes[0].known, &planes[1].known);
    planes[1].added_later = 1;
    const bwrt_layout layout = layout_of(&planes[0].known, sizeof(later_plane));
    assert_int_equal(bwrt_layout_add(self->runtime, &layout, &handle, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "layout.plane_bytes");
    assert_int_equal(handle, 77);

    planes[1].added_later = 0;
    assert_int_equal(bwrt_layout_add(self->runtime, &layout, &handle, NULL), BWRT_OK);
}

static void results_shorter_than_the_first_releases_are_refused(void** state) {
    client* self = *state;
    const bwrt_operation operation = copy_operation(self);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 77;
    bwrt_result result;

    mark_untouched(&result, sizeof(result));
    wave.results = &result;
    wave.result_count = 1;
    wave.result_bytes = 0;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "wave.result_bytes");
    assert_int_equal(handle, 77);

    wave.result_bytes = sizeof(result) - 8;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_E_ABI);
    assert_int_equal(handle, 77);
    assert_true(is_untouched(&result, sizeof(result)));
}

static void longer_results_are_written_at_their_stride(void** state) {
    client* self = *state;
    bwrt_operation operations[2] = {copy_operation(self), copy_operation(self)};
    bwrt_wave wave = wave_of(operations, 2);
    bwrt_handle handle = 77;
    bwrt_completion completion;
    later_result results[2];

    operations[1].target_offset_bytes = 8192;
    operations[1].length_bytes = 512;
    memset(results, 0, sizeof(results));
    wave.results = &results[0].known;
    wave.result_count = 2;
    wave.result_bytes = sizeof(later_result);

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_wait(self->runtime, handle, -1, &completion, NULL), BWRT_OK);
    assert_int_equal(results[0].known.status, BWRT_OK);
    assert_int_equal(results[0].known.bytes, 1024);
    assert_int_equal(results[0].added_later, 0);
    assert_int_equal(results[1].known.status, BWRT_OK);
    assert_int_equal(results[1].known.bytes, 512);
    assert_int_equal(results[1].added_later, 0);
}

static void group_results_shorter_than_the_first_releases_are_refused(void** state) {
    client* self = *state;
    const bwrt_operation operation = copy_operation(self);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 77;
    bwrt_group_result group;

    mark_untouched(&group, sizeof(group));
    wave.groups = &group;
    wave.group_count = 1;
    wave.group_bytes = 0;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "wave.group_bytes");
    assert_int_equal(handle, 77);

    wave.group_bytes = sizeof(group) - 8;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_E_ABI);
    assert_int_equal(handle, 77);
    assert_true(is_untouched(&group, sizeof(group)));
}

static void longer_group_results_are_written_at_their_stride(void** state) {
    client* self = *state;
    bwrt_operation operations[2] = {copy_operation(self), copy_operation(self)};
    bwrt_wave wave = wave_of(operations, 2);
    bwrt_handle handle = 77;
    bwrt_completion completion;
    later_group_result groups[2];

    operations[1].target_offset_bytes = 8192;
    operations[1].length_bytes = 512;
    operations[1].group = 1;
    memset(groups, 0, sizeof(groups));
    wave.groups = &groups[0].known;
    wave.group_count = 2;
    wave.group_bytes = sizeof(later_group_result);

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_wait(self->runtime, handle, -1, &completion, NULL), BWRT_OK);
    assert_int_equal(groups[0].known.status, BWRT_OK);
    assert_int_equal(groups[0].known.prefix_count, 2);
    assert_int_equal(groups[0].known.bytes, 1024);
    assert_int_equal(groups[0].added_later, 0);
    assert_int_equal(groups[1].known.status, BWRT_OK);
    assert_int_equal(groups[1].known.prefix_count, 2);
    assert_int_equal(groups[1].known.bytes, 512);
    assert_int_equal(groups[1].added_later, 0);
}

static void routes_shorter_than_the_first_releases_are_refused(void** state) {
    client* self = *state;
    bwrt_route route;
    bwrt_counters counters;

    mark_untouched(&route, sizeof(route));
    memset(&counters, 0, sizeof(counters));
    counters.struct_size = sizeof(counters);
    counters.routes = &route;
    counters.route_capacity = 1;
    counters.route_bytes = 0;
    assert_int_equal(bwrt_sample(self->runtime, &counters, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "counters.route_bytes");
    assert_int_equal(counters.time_ns, 0);

    counters.route_bytes = sizeof(route) - 8;
    assert_int_equal(bwrt_sample(self->runtime, &counters, NULL), BWRT_E_ABI);
    assert_int_equal(counters.time_ns, 0);
    assert_true(is_untouched(&route, sizeof(route)));
}

static void longer_routes_are_written_at_their_stride(void** state) {
    client* self = *state;
    const bwrt_operation operation = copy_operation(self);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 77;
    bwrt_completion completion;
    later_route routes[8];
    bwrt_counters counters;
    uint64_t bytes = 0;

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_wait(self->runtime, handle, -1, &completion, NULL), BWRT_OK);
    memset(routes, 0, sizeof(routes));
    memset(&counters, 0, sizeof(counters));
    counters.struct_size = sizeof(counters);
    counters.routes = &routes[0].known;
    counters.route_capacity = 8;
    counters.route_bytes = sizeof(later_route);

    assert_int_equal(bwrt_sample(self->runtime, &counters, NULL), BWRT_OK);
    assert_true(counters.route_count >= 1 && counters.route_count <= 8);
    for (uint32_t i = 0; i < counters.route_count; ++i) {
        assert_int_not_equal(routes[i].known.source_tier, BWRT_TIER_NONE);
        assert_int_equal(routes[i].added_later, 0);
        if (routes[i].known.source_tier == BWRT_TIER_HOST &&
            routes[i].known.target_tier == BWRT_TIER_HOST) {
            bytes += routes[i].known.bytes;
        }
    }
    assert_int_equal(bytes, 1024);
}

/* The count says what there is; no more is written than the caller has room for. */
static void no_more_routes_are_written_than_there_is_room_for(void** state) {
    client* self = *state;
    bwrt_route routes[2];
    bwrt_counters counters;

    memset(routes, 0, sizeof(routes));
    mark_untouched(&routes[1], sizeof(routes[1]));
    memset(&counters, 0, sizeof(counters));
    counters.struct_size = sizeof(counters);
    counters.routes = routes;
    counters.route_capacity = 1;
    counters.route_bytes = sizeof(routes[0]);

    assert_int_equal(bwrt_sample(self->runtime, &counters, NULL), BWRT_OK);
    assert_true(counters.route_count >= 1);
    assert_true(is_untouched(&routes[1], sizeof(routes[1])));
}

/* The last thing that is looked at is wrong, after all else was found right. */
static void a_refused_wave_leaves_results_and_groups_alone(void** state) {
    client* self = *state;
    const bwrt_operation operation = copy_operation(self);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 77;
    bwrt_result result;
    bwrt_group_result group;

    mark_untouched(&result, sizeof(result));
    mark_untouched(&group, sizeof(group));
    wave.results = &result;
    wave.result_count = 1;
    wave.result_bytes = sizeof(result);
    wave.groups = &group;
    wave.group_count = 1;
    wave.group_bytes = sizeof(group);
    wave.wait_for[3] = self->source; /* no wave */

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_HANDLE);
    assert_blames(&self->error, BWRT_E_HANDLE, "wave.wait_for");
    assert_int_equal(handle, 77);
    assert_true(is_untouched(&result, sizeof(result)));
    assert_true(is_untouched(&group, sizeof(group)));
}

/* No struct of any release has a size that is not a multiple of eight, or is near 4 GiB: whoever
 * says so has not set the field, and believing him would write all over his memory. */
static void element_sizes_that_cannot_be_are_refused(void** state) {
    client* self = *state;
    const bwrt_operation operation = copy_operation(self);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 77;
    later_result result;
    later_group_result group;
    later_route route;
    bwrt_counters counters;

    memset(&counters, 0, sizeof(counters));
    mark_untouched(&result, sizeof(result));
    mark_untouched(&group, sizeof(group));
    mark_untouched(&route, sizeof(route));

    wave.operation_bytes = UINT32_MAX - 7;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "wave.operation_bytes");
    wave.operation_bytes = sizeof(operation);

    wave.results = &result.known;
    wave.result_count = 1;
    wave.result_bytes = UINT32_MAX - 7;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "wave.result_bytes");
    wave.result_bytes = sizeof(bwrt_result) + 1;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "wave.result_bytes");
    wave.results = NULL;

    wave.groups = &group.known;
    wave.group_count = 1;
    wave.group_bytes = UINT32_MAX - 7;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "wave.group_bytes");
    wave.group_bytes = sizeof(bwrt_group_result) + 1;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "wave.group_bytes");

    counters.struct_size = sizeof(counters);
    counters.routes = &route.known;
    counters.route_capacity = 1;
    counters.route_bytes = UINT32_MAX - 7;
    assert_int_equal(bwrt_sample(self->runtime, &counters, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "counters.route_bytes");
    counters.route_bytes = sizeof(bwrt_route) + 1;
    assert_int_equal(bwrt_sample(self->runtime, &counters, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "counters.route_bytes");

    assert_int_equal(handle, 77);
    assert_int_equal(counters.time_ns, 0);
    assert_true(is_untouched(&result, sizeof(result)));
    assert_true(is_untouched(&group, sizeof(group)));
    assert_true(is_untouched(&route, sizeof(route)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, client_setup, client_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(operations_of_no_size_are_refused),
        TEST(operations_shorter_than_the_first_releases_are_refused),
        TEST(operations_of_the_first_release_are_read_at_their_stride),
        TEST(longer_operations_are_read_at_their_stride),
        TEST(longer_operations_with_an_unknown_field_set_are_refused),
        TEST(planes_shorter_than_the_first_releases_are_refused),
        TEST(longer_planes_are_read_at_their_stride_while_the_rest_is_zero),
        TEST(results_shorter_than_the_first_releases_are_refused),
        TEST(longer_results_are_written_at_their_stride),
        TEST(group_results_shorter_than_the_first_releases_are_refused),
        TEST(longer_group_results_are_written_at_their_stride),
        TEST(routes_shorter_than_the_first_releases_are_refused),
        TEST(longer_routes_are_written_at_their_stride),
        TEST(a_refused_wave_leaves_results_and_groups_alone),
        TEST(element_sizes_that_cannot_be_are_refused),
        TEST(no_more_routes_are_written_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
