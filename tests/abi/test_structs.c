/* SPDX-License-Identifier: Apache-2.0
 *
 * How structs grow.  The library is called by programs that were compiled against an older or a
 * newer bwrt.h than its own.  What is shorter than a struct was in the first release is refused;
 * what is longer than today is taken while that part is zero.  Those of the store are in
 * test_store_structs.c. */

#include "tests/abi/client.h"

/* A later header's struct: the one of today and a field that this library does not know. */
#define LATER(type)           \
    struct {                  \
        type known;           \
        uint64_t added_later; \
    }

static void a_config_shorter_than_the_first_releases_is_refused(void** state) {
    client* self = *state;
    bwrt_runtime* runtime = NULL;
    bwrt_config config;

    memset(&config, 0, sizeof(config));
    config.struct_size = 0;
    assert_int_equal(bwrt_open(&config, &runtime, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "config.struct_size");
    assert_null(runtime);

    config.struct_size = 80 - 4; /* 80 was the first */
    assert_int_equal(bwrt_open(&config, &runtime, &self->error), BWRT_E_ABI);
    assert_null(runtime);
}

/* 80 bytes without a calibration, 88 with one, both without a store. */
static void a_config_of_an_earlier_version_is_taken(void** state) {
    (void)state;
    static const uint32_t sizes[] = {80, 88, 96};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); ++i) {
        bwrt_runtime* runtime = NULL;
        bwrt_config config;

        memset(&config, 0, sizes[i]);
        mark_untouched((unsigned char*)&config + sizes[i], sizeof(config) - sizes[i]);
        config.struct_size = sizes[i];
        assert_int_equal(bwrt_open(&config, &runtime, NULL), BWRT_OK);
        assert_int_equal(bwrt_shutdown(runtime, BWRT_SHUTDOWN_DRAIN, -1, NULL), BWRT_OK);
        assert_int_equal(bwrt_close(runtime, NULL), BWRT_OK);
    }
}

static void a_longer_config_is_taken_while_the_rest_is_zero(void** state) {
    client* self = *state;
    bwrt_runtime* runtime = NULL;
    LATER(bwrt_config) config;

    memset(&config, 0, sizeof(config));
    config.known.struct_size = sizeof(config);
    config.added_later = 1;
    assert_int_equal(bwrt_open(&config.known, &runtime, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "config.struct_size");
    assert_null(runtime);

    config.added_later = 0;
    assert_int_equal(bwrt_open(&config.known, &runtime, NULL), BWRT_OK);
    assert_int_equal(bwrt_shutdown(runtime, BWRT_SHUTDOWN_DRAIN, -1, NULL), BWRT_OK);
    assert_int_equal(bwrt_close(runtime, NULL), BWRT_OK);
}

static void a_region_shorter_than_the_first_releases_is_refused(void** state) {
    client* self = *state;
    bwrt_region region = host_region(self->source_bytes, CLIENT_BYTES);
    bwrt_handle handle = 77;

    region.struct_size = 0;
    assert_int_equal(bwrt_region_add(self->runtime, &region, &handle, NULL, &self->error),
                     BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "region.struct_size");
    assert_int_equal(handle, 77);

    region.struct_size = 32 - 4; /* 32 was the first */
    assert_int_equal(bwrt_region_add(self->runtime, &region, &handle, NULL, NULL), BWRT_E_ABI);
    assert_int_equal(handle, 77);
}

/* 32 bytes, without a device: what lies behind them is not his. */
static void a_region_of_an_earlier_version_is_taken(void** state) {
    client* self = *state;
    bwrt_region region = host_region(self->source_bytes, CLIENT_BYTES);
    bwrt_handle handle = 77;

    mark_untouched((unsigned char*)&region + 32, sizeof(region) - 32);
    region.struct_size = 32;
    assert_int_equal(bwrt_region_add(self->runtime, &region, &handle, NULL, NULL), BWRT_OK);
    assert_int_not_equal(handle, 77);
}

static void a_longer_region_is_taken_while_the_rest_is_zero(void** state) {
    client* self = *state;
    LATER(bwrt_region) region;
    bwrt_handle handle = 77;

    memset(&region, 0, sizeof(region));
    region.known = host_region(self->source_bytes, CLIENT_BYTES);
    region.known.struct_size = sizeof(region);
    region.added_later = 1;
    assert_int_equal(bwrt_region_add(self->runtime, &region.known, &handle, NULL, &self->error),
                     BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "region.struct_size");
    assert_int_equal(handle, 77);

    region.added_later = 0;
    assert_int_equal(bwrt_region_add(self->runtime, &region.known, &handle, NULL, NULL), BWRT_OK);
    assert_int_not_equal(handle, 77);
}

static void a_region_info_shorter_than_the_first_releases_is_refused(void** state) {
    client* self = *state;
    const bwrt_region region = host_region(self->source_bytes, CLIENT_BYTES);
    bwrt_handle handle = 77;
    bwrt_region_info info;

    memset(&info, 0, sizeof(info));
    info.struct_size = 0;
    assert_int_equal(bwrt_region_add(self->runtime, &region, &handle, &info, &self->error),
                     BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "info.struct_size");
    assert_int_equal(handle, 77);
    assert_null(info.address);

    info.struct_size = sizeof(info) - 4;
    assert_int_equal(bwrt_region_add(self->runtime, &region, &handle, &info, NULL), BWRT_E_ABI);
    assert_int_equal(handle, 77);
    assert_null(info.address);
}

static void a_longer_region_info_is_filled_while_the_rest_is_zero(void** state) {
    client* self = *state;
    const bwrt_region region = host_region(self->source_bytes, CLIENT_BYTES);
    bwrt_handle handle = 77;
    LATER(bwrt_region_info) info;

    memset(&info, 0, sizeof(info));
    info.known.struct_size = sizeof(info);
    info.added_later = 1;
    assert_int_equal(bwrt_region_add(self->runtime, &region, &handle, &info.known, &self->error),
                     BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "info.struct_size");
    assert_int_equal(handle, 77);
    assert_null(info.known.address);

    info.added_later = 0;
    assert_int_equal(bwrt_region_add(self->runtime, &region, &handle, &info.known, NULL), BWRT_OK);
    assert_ptr_equal(info.known.address, self->source_bytes);
    assert_int_equal(info.known.length_bytes, CLIENT_BYTES);
    assert_int_equal(info.known.fd, -1);
    assert_int_equal(info.known.struct_size, sizeof(info)); /* the caller's, and still his */
    assert_int_equal(info.added_later, 0);
}

static bwrt_plane whole_block_plane(const client* self) {
    bwrt_plane plane;

    memset(&plane, 0, sizeof(plane));
    plane.region = self->source;
    plane.slot_stride_bytes = 1024;
    plane.length_bytes = 1024;
    return plane;
}

static bwrt_layout layout_of(const bwrt_plane* plane) {
    bwrt_layout layout;

    memset(&layout, 0, sizeof(layout));
    layout.struct_size = sizeof(layout);
    layout.slot_count = 4;
    layout.block_bytes = 1024;
    layout.planes = plane;
    layout.plane_count = 1;
    layout.plane_bytes = sizeof(*plane);
    return layout;
}

static void a_layout_shorter_than_the_first_releases_is_refused(void** state) {
    client* self = *state;
    const bwrt_plane plane = whole_block_plane(self);
    bwrt_layout layout = layout_of(&plane);
    bwrt_handle handle = 77;

    layout.struct_size = 0;
    assert_int_equal(bwrt_layout_add(self->runtime, &layout, &handle, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "layout.struct_size");
    assert_int_equal(handle, 77);

    layout.struct_size = 32 - 4; /* 32 was the first */
    assert_int_equal(bwrt_layout_add(self->runtime, &layout, &handle, NULL), BWRT_E_ABI);
    assert_int_equal(handle, 77);
}

/* What lies behind the caller's struct is not his, and is not read. */
static void a_layout_of_the_first_release_is_taken(void** state) {
    client* self = *state;
    const bwrt_plane plane = whole_block_plane(self);
    bwrt_layout layout = layout_of(&plane);
    bwrt_handle handle = 77;

    mark_untouched((unsigned char*)&layout + 32, sizeof(layout) - 32);
    layout.struct_size = 32;
    assert_int_equal(bwrt_layout_add(self->runtime, &layout, &handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_release(self->runtime, handle, NULL), BWRT_OK);
}

static void a_longer_layout_is_taken_while_the_rest_is_zero(void** state) {
    client* self = *state;
    const bwrt_plane plane = whole_block_plane(self);
    LATER(bwrt_layout) layout;
    bwrt_handle handle = 77;

    memset(&layout, 0, sizeof(layout));
    layout.known = layout_of(&plane);
    layout.known.struct_size = sizeof(layout);
    layout.added_later = 1;
    assert_int_equal(bwrt_layout_add(self->runtime, &layout.known, &handle, &self->error),
                     BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "layout.struct_size");
    assert_int_equal(handle, 77);

    layout.added_later = 0;
    assert_int_equal(bwrt_layout_add(self->runtime, &layout.known, &handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_release(self->runtime, handle, NULL), BWRT_OK);
}

static void a_wave_shorter_than_the_first_releases_is_refused(void** state) {
    client* self = *state;
    const bwrt_operation operation = copy_operation(self);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 77;

    wave.struct_size = 0;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "wave.struct_size");
    assert_int_equal(handle, 77);

    wave.struct_size = 136 - 8; /* 136 was the first */
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_E_ABI);
    assert_int_equal(handle, 77);
}

static void a_wave_of_the_first_release_is_taken(void** state) {
    client* self = *state;
    const bwrt_operation operation = copy_operation(self);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 77;
    bwrt_completion completion;

    mark_untouched((unsigned char*)&wave + 136, sizeof(wave) - 136);
    wave.struct_size = 136;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_wait(self->runtime, handle, -1, &completion, NULL), BWRT_OK);
    assert_int_equal(completion.status, BWRT_OK);
    assert_memory_equal(self->target_bytes, self->source_bytes, 1024);
}

static void a_longer_wave_is_taken_while_the_rest_is_zero(void** state) {
    client* self = *state;
    const bwrt_operation operation = copy_operation(self);
    LATER(bwrt_wave) wave;
    bwrt_handle handle = 77;
    bwrt_completion completion;

    memset(&wave, 0, sizeof(wave));
    wave.known = wave_of(&operation, 1);
    wave.known.struct_size = sizeof(wave);
    wave.added_later = 1;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave.known, &handle, &self->error),
                     BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "wave.struct_size");
    assert_int_equal(handle, 77);

    wave.added_later = 0;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave.known, &handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_wait(self->runtime, handle, -1, &completion, NULL), BWRT_OK);
    assert_int_equal(completion.status, BWRT_OK);
    assert_memory_equal(self->target_bytes, self->source_bytes, 1024);
}

static void caps_shorter_than_the_first_releases_are_refused(void** state) {
    client* self = *state;
    bwrt_caps caps;

    memset(&caps, 0, sizeof(caps));
    caps.struct_size = 0;
    assert_int_equal(bwrt_get_caps(self->runtime, &caps, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "caps.struct_size");
    assert_int_equal(caps.abi_version, 0);

    caps.struct_size = 744 - 4; /* 744 was the first */
    assert_int_equal(bwrt_get_caps(self->runtime, &caps, NULL), BWRT_E_ABI);
    assert_int_equal(caps.abi_version, 0);
}

static void longer_caps_are_filled_while_the_rest_is_zero(void** state) {
    client* self = *state;
    LATER(bwrt_caps) caps;

    memset(&caps, 0, sizeof(caps));
    caps.known.struct_size = sizeof(caps);
    caps.added_later = 1;
    assert_int_equal(bwrt_get_caps(self->runtime, &caps.known, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "caps.struct_size");
    assert_int_equal(caps.known.abi_version, 0);

    caps.added_later = 0;
    assert_int_equal(bwrt_get_caps(self->runtime, &caps.known, NULL), BWRT_OK);
    assert_int_equal(caps.known.abi_version, BWRT_ABI_VERSION);
    assert_int_equal(caps.known.struct_size, sizeof(caps));
    assert_int_equal(caps.added_later, 0);
}

static void counters_shorter_than_the_first_releases_are_refused(void** state) {
    client* self = *state;
    bwrt_counters counters;

    memset(&counters, 0, sizeof(counters));
    counters.struct_size = 0;
    assert_int_equal(bwrt_sample(self->runtime, &counters, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "counters.struct_size");
    assert_int_equal(counters.time_ns, 0);

    counters.struct_size = 176 - 8; /* 176 was the first */
    assert_int_equal(bwrt_sample(self->runtime, &counters, NULL), BWRT_E_ABI);
    assert_int_equal(counters.time_ns, 0);
}

static void longer_counters_are_filled_while_the_rest_is_zero(void** state) {
    client* self = *state;
    LATER(bwrt_counters) counters;

    memset(&counters, 0, sizeof(counters));
    counters.known.struct_size = sizeof(counters);
    counters.added_later = 1;
    assert_int_equal(bwrt_sample(self->runtime, &counters.known, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "counters.struct_size");
    assert_int_equal(counters.known.time_ns, 0);

    counters.added_later = 0;
    assert_int_equal(bwrt_sample(self->runtime, &counters.known, NULL), BWRT_OK);
    assert_int_not_equal(counters.known.time_ns, 0);
    assert_int_equal(counters.known.struct_size, sizeof(counters));
    assert_int_equal(counters.added_later, 0);
}

static void reserved_fields_must_be_zero(void** state) {
    client* self = *state;
    bwrt_runtime* runtime = NULL;
    bwrt_handle handle = 77;
    bwrt_config config;
    bwrt_operation operations[2] = {copy_operation(self), copy_operation(self)};
    const bwrt_wave wave = wave_of(operations, 2);

    memset(&config, 0, sizeof(config));
    config.struct_size = sizeof(config);
    config.reserved = 1;
    assert_int_equal(bwrt_open(&config, &runtime, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "config.reserved");
    assert_null(runtime);

    operations[1].target_offset_bytes = 4096;
    operations[1].reserved = 1;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "operations[].reserved");
    assert_int_equal(self->error.operation_index, 1);
    assert_int_equal(handle, 77);

    operations[1].reserved = 0;
    operations[1].tier =
        BWRT_TIER_HOST; /* reserved until blocks had a tier, and still of no copy */
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "operations[].tier");
    assert_int_equal(self->error.operation_index, 1);
    assert_int_equal(handle, 77);
}

static void flags_without_a_meaning_must_be_zero(void** state) {
    client* self = *state;
    bwrt_handle handle = 77;
    bwrt_region region = host_region(self->source_bytes, CLIENT_BYTES);
    bwrt_operation operation = copy_operation(self);
    bwrt_wave wave = wave_of(&operation, 1);

    region.flags = 1u << 31;
    assert_int_equal(bwrt_region_add(self->runtime, &region, &handle, NULL, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "region.flags");
    assert_int_equal(handle, 77);

    wave.flags = 1u << 31;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "wave.flags");
    assert_int_equal(handle, 77);

    wave.flags = 0;
    operation.flags = 1;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "operations[].flags");
    assert_int_equal(handle, 77);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, client_setup, client_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_config_shorter_than_the_first_releases_is_refused),
        TEST(a_config_of_an_earlier_version_is_taken),
        TEST(a_longer_config_is_taken_while_the_rest_is_zero),
        TEST(a_region_shorter_than_the_first_releases_is_refused),
        TEST(a_region_of_an_earlier_version_is_taken),
        TEST(a_longer_region_is_taken_while_the_rest_is_zero),
        TEST(a_region_info_shorter_than_the_first_releases_is_refused),
        TEST(a_longer_region_info_is_filled_while_the_rest_is_zero),
        TEST(a_layout_shorter_than_the_first_releases_is_refused),
        TEST(a_layout_of_the_first_release_is_taken),
        TEST(a_longer_layout_is_taken_while_the_rest_is_zero),
        TEST(a_wave_shorter_than_the_first_releases_is_refused),
        TEST(a_wave_of_the_first_release_is_taken),
        TEST(a_longer_wave_is_taken_while_the_rest_is_zero),
        TEST(caps_shorter_than_the_first_releases_are_refused),
        TEST(longer_caps_are_filled_while_the_rest_is_zero),
        TEST(counters_shorter_than_the_first_releases_are_refused),
        TEST(longer_counters_are_filled_while_the_rest_is_zero),
        TEST(reserved_fields_must_be_zero),
        TEST(flags_without_a_meaning_must_be_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
