/* SPDX-License-Identifier: Apache-2.0
 *
 * What a refusal says.  The sentences are for people and may change; these must be true, and name
 * the place among many that a caller would else have to find by himself. */

#include "tests/abi/client.h"

enum { SHORT_BYTES = 20000, BLOCK_BYTES = 8192, SLOT_COUNT = 4, ROW_COUNT = 4 };

static unsigned char short_bytes[SHORT_BYTES];
static unsigned char slot_bytes[SLOT_COUNT][BLOCK_BYTES];

static bwrt_handle add_region(const client* self, void* address, uint64_t length_bytes) {
    const bwrt_region region = host_region(address, length_bytes);
    bwrt_handle handle = 0;

    assert_int_equal(bwrt_region_add(self->runtime, &region, &handle, NULL, NULL), BWRT_OK);
    return handle;
}

static bwrt_handle add_layout(const client* self) {
    bwrt_plane plane;
    bwrt_layout layout;
    bwrt_handle handle = 0;

    memset(&plane, 0, sizeof(plane));
    plane.region = add_region(self, slot_bytes, sizeof(slot_bytes));
    plane.length_bytes = BLOCK_BYTES;
    memset(&layout, 0, sizeof(layout));
    layout.struct_size = sizeof(layout);
    layout.slot_count = SLOT_COUNT;
    layout.block_bytes = BLOCK_BYTES;
    layout.planes = &plane;
    layout.plane_count = 1;
    layout.plane_bytes = sizeof(plane);
    assert_int_equal(bwrt_layout_add(self->runtime, &layout, &handle, NULL), BWRT_OK);
    return handle;
}

static void assert_says(client* self, const bwrt_operation* operation, const char* field,
                        const char* sentence) {
    const bwrt_wave wave = wave_of(operation, 1);
    bwrt_handle handle = 77;

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_RANGE);
    assert_string_equal(self->error.field, field);
    assert_string_equal(self->error.message, sentence);
}

static void a_flat_operation_that_is_too_long_is_told_its_region_s_end(void** state) {
    client* self = *state;
    bwrt_operation operation = copy_operation(self);

    operation.target = add_region(self, short_bytes, SHORT_BYTES);
    operation.target_offset_bytes = SHORT_BYTES - 1000;

    assert_says(self, &operation, "operations[].target_offset_bytes",
                "length_bytes 1024 at offset 19000 passes the region's end 20000");
}

static void of_blocks_the_first_that_is_not_inside_is_named(void** state) {
    client* self = *state;
    static const uint32_t slots[SLOT_COUNT] = {3, BWRT_NONE, 1, 0};
    bwrt_operation operation = copy_operation(self);

    operation.length_bytes = 0;
    operation.source = add_layout(self);
    operation.source_slots = slots;
    operation.slot_count = SLOT_COUNT;
    operation.target = add_region(self, short_bytes, SHORT_BYTES);
    assert_says(self, &operation, "operations[].target_offset_bytes",
                "block 2 of 4: 8192 bytes at 16384 pass the region's end 20000");

    operation.slot_count = 2;
    operation.target_offset_bytes = SHORT_BYTES - 2 * BLOCK_BYTES + 1;
    assert_says(self, &operation, "operations[].target_offset_bytes",
                "block 1 of 2: 8192 bytes at 11809 pass the region's end 20000");

    operation.slot_count = 1; /* one, and a block all the same */
    operation.target_offset_bytes = UINT64_MAX - 1;
    assert_says(self, &operation, "operations[].target_offset_bytes",
                "block 0 of 1: 8192 bytes at 18446744073709551614 pass the region's end 20000");

    operation.source = operation.target;
    operation.source_slots = NULL;
    operation.source_offset_bytes = 1;
    operation.target = add_layout(self);
    operation.target_slots = slots;
    operation.target_offset_bytes = 0;
    operation.slot_count = 3;
    assert_says(self, &operation, "operations[].source_offset_bytes",
                "block 2 of 3: 8192 bytes at 16385 pass the region's end 20000");
}

static void of_rows_the_first_that_is_not_inside_is_named(void** state) {
    client* self = *state;
    bwrt_operation operation = copy_operation(self);

    operation.row_count = ROW_COUNT;
    operation.target = add_region(self, short_bytes, SHORT_BYTES);
    operation.target_offset_bytes = 1000;
    operation.target_stride_bytes = 6000;
    assert_says(self, &operation, "operations[].target_offset_bytes",
                "row 3 of 4: 1024 bytes at 19000 pass the region's end 20000");

    operation.target_offset_bytes = 10000;
    operation.target_stride_bytes = -6000;
    assert_says(self, &operation, "operations[].target_offset_bytes",
                "row 2 of 4 begins 2000 bytes before the region");

    operation.target_offset_bytes = 19000;
    assert_says(self, &operation, "operations[].target_offset_bytes",
                "row 0 of 4: 1024 bytes at 19000 pass the region's end 20000");
}

/* Nothing of it is touched, so nothing has to be there. */
static void rows_that_leave_the_address_space_are_named(void** state) {
    client* self = *state;
    bwrt_operation operation = copy_operation(self);

    operation.row_count = ROW_COUNT;
    operation.target = BWRT_PROCESS_MEMORY;
    operation.target_offset_bytes = UINT64_MAX - 4095;
    operation.target_stride_bytes = 2000;
    assert_says(self, &operation, "operations[].target_offset_bytes",
                "row 2 of 4 passes the last address");

    operation.target_offset_bytes = 4096;
    operation.target_stride_bytes = -2000;
    assert_says(self, &operation, "operations[].target_offset_bytes",
                "row 3 of 4 begins 1904 bytes before address 0");

    operation.target_offset_bytes = UINT64_MAX - 1;
    operation.target_stride_bytes = INT64_MIN;
    assert_says(self, &operation, "operations[].target_offset_bytes",
                "row 0 of 4 passes the last address");
}

static void a_size_that_was_not_set_is_said_to_be_so(void** state) {
    client* self = *state;
    const bwrt_operation operation = copy_operation(self);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 77;

    wave.operation_bytes = 0;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_ABI);
    assert_string_equal(self->error.field, "wave.operation_bytes");
    assert_string_equal(self->error.message, "size 0: it was not set");

    wave.struct_size = 0;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_ABI);
    assert_string_equal(self->error.field, "wave.struct_size");
    assert_string_equal(self->error.message, "size 0: it was not set");

    wave.struct_size = 8;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_ABI);
    assert_non_null(strstr(self->error.message, "size 8 is below "));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_flat_operation_that_is_too_long_is_told_its_region_s_end,
                                        client_setup, client_teardown),
        cmocka_unit_test_setup_teardown(of_blocks_the_first_that_is_not_inside_is_named,
                                        client_setup, client_teardown),
        cmocka_unit_test_setup_teardown(of_rows_the_first_that_is_not_inside_is_named, client_setup,
                                        client_teardown),
        cmocka_unit_test_setup_teardown(rows_that_leave_the_address_space_are_named, client_setup,
                                        client_teardown),
        cmocka_unit_test_setup_teardown(a_size_that_was_not_set_is_said_to_be_so, client_setup,
                                        client_teardown),
    };
    return cmocka_run_group_tests_name("refusals' sentences", tests, NULL, NULL);
}
