/* SPDX-License-Identifier: Apache-2.0
 *
 * Waves that must not be: for each a copy of operations that would succeed with one thing broken,
 * always in operation 1 of three.  The refusal names that operation and its field; nothing of the
 * wave has happened, not even operation 0; and the next wave works. */

#include "tests/fault/faults.h"

enum { SLOT_COUNT = 8, BLOCK_BYTES = 4096 };

typedef struct refusal {
    const char* what;
    void (*breaks)(const faults* self, bwrt_operation* operation);
    bwrt_status status;
    const char* field;
} refusal;

static bwrt_handle layout_now;
static const uint32_t kSlots[2] = {3, SLOT_COUNT};

static void offset_and_length_wrap(const faults* self, bwrt_operation* operation) {
    (void)self;
    operation->source_offset_bytes = UINT64_MAX - 1023;
}

static void target_offset_and_length_wrap(const faults* self, bwrt_operation* operation) {
    (void)self;
    operation->target_offset_bytes = UINT64_MAX - 1023;
}

static void one_byte_too_far(const faults* self, bwrt_operation* operation) {
    (void)self;
    operation->target_offset_bytes = FAULTS_BYTES - operation->length_bytes + 1;
}

static void the_longest_length(const faults* self, bwrt_operation* operation) {
    (void)self;
    operation->length_bytes = UINT64_MAX;
}

static void no_length(const faults* self, bwrt_operation* operation) {
    (void)self;
    operation->length_bytes = 0;
}

static void kind_zero(const faults* self, bwrt_operation* operation) {
    (void)self;
    operation->kind = 0;
}

static void kind_unknown(const faults* self, bwrt_operation* operation) {
    (void)self;
    operation->kind = BWRT_OP_GEMM + 1;
}

static void flags_unknown(const faults* self, bwrt_operation* operation) {
    (void)self;
    operation->flags = 1;
}

static void source_is_no_handle(const faults* self, bwrt_operation* operation) {
    (void)self;
    operation->source = 0x123456789;
}

static void source_is_a_file(const faults* self, bwrt_operation* operation) {
    operation->source = self->file_region;
}

static void copy_onto_itself(const faults* self, bwrt_operation* operation) {
    (void)self;
    operation->target_offset_bytes = operation->source_offset_bytes + 1023;
}

static void copy_onto_the_first(const faults* self, bwrt_operation* operation) {
    (void)self;
    operation->target_offset_bytes -= 4096 - 1023; /* the last byte of operation 0 */
}

static void rows_pass_the_end(const faults* self, bwrt_operation* operation) {
    (void)self;
    operation->row_count = 3;
    operation->source_stride_bytes = FAULTS_BYTES / 2;
}

static void rows_wrap(const faults* self, bwrt_operation* operation) {
    (void)self;
    operation->row_count = UINT32_MAX;
    operation->source_stride_bytes = INT64_MAX;
}

static void rows_start_before_the_region(const faults* self, bwrt_operation* operation) {
    (void)self;
    operation->row_count = 3;
    operation->source_stride_bytes = INT64_MIN;
}

static void rows_overlap_each_other(const faults* self, bwrt_operation* operation) {
    (void)self;
    operation->row_count = 2;
    operation->target_stride_bytes = 1023;
}

static void rows_between_the_rows_of_their_source(const faults* self, bwrt_operation* operation) {
    (void)self;
    operation->length_bytes = 64;
    operation->row_count = 4;
    operation->source_stride_bytes = 256;
    operation->target_stride_bytes = 256;
    operation->target_offset_bytes = operation->source_offset_bytes + 2 * 256 + 63;
}

static void slot_out_of_range(const faults* self, bwrt_operation* operation) {
    (void)self;
    operation->source = layout_now;
    operation->source_offset_bytes = 0;
    operation->source_slots = kSlots;
    operation->slot_count = 2;
    operation->length_bytes = 0;
}

static void planes_out_of_range(const faults* self, bwrt_operation* operation) {
    slot_out_of_range(self, operation);
    operation->slot_count = 1;
    operation->plane_first = 1;
}

static void image_out_of_range(const faults* self, bwrt_operation* operation) {
    slot_out_of_range(self, operation);
    operation->slot_count = 1;
    operation->image_offset_bytes = BLOCK_BYTES - 1;
    operation->length_bytes = 2;
}

static void image_offset_wraps(const faults* self, bwrt_operation* operation) {
    slot_out_of_range(self, operation);
    operation->slot_count = 1;
    operation->image_offset_bytes = UINT64_MAX;
    operation->length_bytes = 2;
}

static void slots_without_a_layout(const faults* self, bwrt_operation* operation) {
    (void)self;
    operation->source_slots = kSlots;
    operation->slot_count = 1;
}

static void blocks_pass_the_region(const faults* self, bwrt_operation* operation) {
    slot_out_of_range(self, operation);
    operation->slot_count = 1;
    operation->target_offset_bytes = FAULTS_BYTES - BLOCK_BYTES + 1;
}

static void group_out_of_range(const faults* self, bwrt_operation* operation) {
    (void)self;
    operation->group = 1024;
}

static void signal_unaligned(const faults* self, bwrt_operation* operation) {
    *operation = signal_of(self, 4, 0);
}

static void signal_past_the_end(const faults* self, bwrt_operation* operation) {
    *operation = signal_of(self, FAULTS_BYTES, 0);
}

static void signal_of_three_bytes(const faults* self, bwrt_operation* operation) {
    *operation = signal_of(self, 0, 0);
    operation->length_bytes = 3;
}

static void signal_with_equal_values(const faults* self, bwrt_operation* operation) {
    *operation = signal_of(self, 0, 0);
    operation->value_failed = operation->value_done;
}

static void signal_inside_a_target(const faults* self, bwrt_operation* operation) {
    *operation = signal_of(self, 65536 + 8, 0); /* bytes that operation 0 writes */
}

static void flush_of_memory(const faults* self, bwrt_operation* operation) {
    *operation = flush_of(self);
    operation->target = self->memory_region;
}

static const refusal kRefusals[] = {
    {"offset + length wraps, source", offset_and_length_wrap, BWRT_E_RANGE,
     "operations[].source_offset_bytes"},
    {"offset + length wraps, target", target_offset_and_length_wrap, BWRT_E_RANGE,
     "operations[].target_offset_bytes"},
    {"one byte too far", one_byte_too_far, BWRT_E_RANGE, "operations[].target_offset_bytes"},
    {"length 2^64-1", the_longest_length, BWRT_E_RANGE, "operations[].length_bytes"},
    {"length 0", no_length, BWRT_E_INVAL, "operations[].length_bytes"},
    {"kind 0", kind_zero, BWRT_E_INVAL, "operations[].kind"},
    {"kind unknown", kind_unknown, BWRT_E_INVAL, "operations[].kind"},
    {"flags", flags_unknown, BWRT_E_INVAL, "operations[].flags"},
    {"source no handle", source_is_no_handle, BWRT_E_HANDLE, "operations[].source"},
    {"source of a COPY a file", source_is_a_file, BWRT_E_INVAL, "operations[].source"},
    {"source and target overlap", copy_onto_itself, BWRT_E_OVERLAP,
     "operations[].target_offset_bytes"},
    {"two targets overlap", copy_onto_the_first, BWRT_E_OVERLAP, "operations[].target"},
    {"rows pass the end", rows_pass_the_end, BWRT_E_RANGE, "operations[].source_offset_bytes"},
    {"rows wrap", rows_wrap, BWRT_E_RANGE, "operations[].source_offset_bytes"},
    {"rows before the region", rows_start_before_the_region, BWRT_E_RANGE,
     "operations[].source_offset_bytes"},
    {"rows overlap", rows_overlap_each_other, BWRT_E_OVERLAP, "operations[].target_stride_bytes"},
    {"rows on source rows", rows_between_the_rows_of_their_source, BWRT_E_OVERLAP,
     "operations[].target_offset_bytes"},
    {"slot out of range", slot_out_of_range, BWRT_E_RANGE, "operations[].source_slots"},
    {"planes out of range", planes_out_of_range, BWRT_E_RANGE, "operations[].plane_first"},
    {"image out of range", image_out_of_range, BWRT_E_RANGE, "operations[].image_offset_bytes"},
    {"image offset wraps", image_offset_wraps, BWRT_E_RANGE, "operations[].image_offset_bytes"},
    {"slots without a layout", slots_without_a_layout, BWRT_E_INVAL, "operations[].slot_count"},
    {"blocks pass the region", blocks_pass_the_region, BWRT_E_RANGE,
     "operations[].target_offset_bytes"},
    {"group out of range", group_out_of_range, BWRT_E_RANGE, "operations[].group"},
    {"signal unaligned", signal_unaligned, BWRT_E_INVAL, "operations[].target_offset_bytes"},
    {"signal past the end", signal_past_the_end, BWRT_E_RANGE, "operations[].target_offset_bytes"},
    {"signal of 3 bytes", signal_of_three_bytes, BWRT_E_INVAL, "operations[].length_bytes"},
    {"signal, equal values", signal_with_equal_values, BWRT_E_INVAL, "operations[].value_failed"},
    {"signal in a target", signal_inside_a_target, BWRT_E_OVERLAP, "operations[].target"},
    {"flush of memory", flush_of_memory, BWRT_E_INVAL, "operations[].target"},
};

/* Operation 1 copies [4096, 5120) to [69632, 70656). */
static void three_copies(const faults* self, bwrt_operation* operations) {
    for (uint64_t i = 0; i < 3; ++i) {
        operations[i] = copy_of(self, i * 4096, 65536 + i * 4096, 1024);
    }
}

static void add_layout(faults* self) {
    bwrt_plane plane;
    bwrt_layout layout;

    memset(&plane, 0, sizeof(plane));
    plane.region = self->memory_region;
    plane.offset_bytes = 0;
    plane.length_bytes = BLOCK_BYTES;
    memset(&layout, 0, sizeof(layout));
    layout.struct_size = sizeof(layout);
    layout.slot_count = SLOT_COUNT;
    layout.block_bytes = BLOCK_BYTES;
    layout.planes = &plane;
    layout.plane_count = 1;
    layout.plane_bytes = sizeof(plane);
    assert_int_equal(bwrt_layout_add(self->runtime, &layout, &layout_now, NULL), BWRT_OK);
}

static void each_broken_wave_is_refused_whole_and_named(void** state) {
    faults* self = *state;
    unsigned char* const before = malloc(FAULTS_BYTES);

    assert_non_null(before);
    add_layout(self);
    for (size_t i = 0; i < FAULTS_BYTES; ++i) self->memory[i] = (unsigned char)(i * 13);
    memcpy(before, self->memory, FAULTS_BYTES);
    for (size_t i = 0; i < sizeof(kRefusals) / sizeof(kRefusals[0]); ++i) {
        const refusal* broken = &kRefusals[i];
        bwrt_operation operations[3];
        const bwrt_wave wave = wave_of(operations, 3);
        bwrt_handle handle = 77;

        three_copies(self, operations);
        broken->breaks(self, &operations[1]);
        const bwrt_status status = bwrt_submit_wave(self->runtime, &wave, &handle, &self->error);

        if (status != broken->status || strcmp(self->error.field, broken->field) != 0) {
            fail_msg("%s: %s, %s: %s", broken->what, bwrt_status_name(status), self->error.field,
                     self->error.message);
        }
        assert_refused(&self->error, broken->status, broken->field, 1);
        assert_int_equal(handle, 77);
    }
    const bwrt_counters counters = counters_of(self->runtime);

    assert_int_equal(counters.waves_accepted, 0);
    assert_int_equal(counters.waves_refused, sizeof(kRefusals) / sizeof(kRefusals[0]));
    assert_memory_equal(self->memory, before, FAULTS_BYTES);
    free(before);
    assert_still_works(self);
}

/* The regions of the refused waves were put back: they can be released. */
static void what_a_refused_wave_named_is_not_in_use(void** state) {
    faults* self = *state;
    bwrt_operation operations[3];
    const bwrt_wave wave = wave_of(operations, 3);
    bwrt_handle handle = 0;

    for (uint64_t i = 0; i < 3; ++i) operations[i] = read_of(self, i * 4096, i * 4096, 4096);
    operations[2].length_bytes = 0;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_E_INVAL);

    assert_int_equal(bwrt_release(self->runtime, self->file_region, NULL), BWRT_OK);
    assert_int_equal(bwrt_release(self->runtime, self->memory_region, NULL), BWRT_OK);
}

/* What is too big for the tables at all is said to be so, not to be tried again. */
static void a_wave_larger_than_the_limits_is_refused_whole_and_the_next_works(void** state) {
    bwrt_config config = config_of_mode();
    bwrt_operation operations[5];
    bwrt_wave wave = wave_of(operations, 5);
    bwrt_handle handle = 77;
    bwrt_result results[5];
    bwrt_group_result groups[2];
    bwrt_completion completion;
    faults small;

    (void)state;
    config.operation_count_max = 4;
    config.group_count_max = 2;
    assert_int_equal(faults_open(&small, &config), 0);
    for (uint64_t i = 0; i < 5; ++i) operations[i] = read_of(&small, i * 512, i * 512, 512);

    assert_int_equal(bwrt_submit_wave(small.runtime, &wave, &handle, &small.error), BWRT_E_RANGE);
    assert_refused(&small.error, BWRT_E_RANGE, "wave.operation_count", BWRT_NONE);

    wave.operation_count = 4;
    with_results(&wave, results, 3);
    assert_int_equal(bwrt_submit_wave(small.runtime, &wave, &handle, &small.error), BWRT_E_RANGE);
    assert_refused(&small.error, BWRT_E_RANGE, "wave.result_count", BWRT_NONE);

    with_results(&wave, results, 4);
    with_groups(&wave, groups, 1);
    operations[3].group = 1;
    assert_int_equal(bwrt_submit_wave(small.runtime, &wave, &handle, &small.error), BWRT_E_RANGE);
    assert_refused(&small.error, BWRT_E_RANGE, "wave.group_count", BWRT_NONE);
    assert_int_equal(handle, 77);

    with_groups(&wave, groups, 2);
    assert_int_equal(run_wave(&small, &wave, &completion), BWRT_OK);
    assert_int_equal(completion.prefix_count, 4);
    assert_true(has_pattern(small.memory, 0, 4 * 512));
    assert_int_equal(faults_close(&small), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(each_broken_wave_is_refused_whole_and_named),
        IN_WORLD(what_a_refused_wave_named_is_not_in_use),
        IN_WORLD(a_wave_larger_than_the_limits_is_refused_whole_and_the_next_works),
    };
    int failures = 0;

    RUN_IN_MODES(tests, 2, failures)
    return failures;
}
