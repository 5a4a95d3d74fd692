/* SPDX-License-Identifier: Apache-2.0
 *
 * hot_path.h — the waves whose cost is counted: host copies handed to an executor that is awake,
 * and reads driven by their own waiter. */

#ifndef BWRT_TESTS_STRESS_HOT_PATH_H
#define BWRT_TESTS_STRESS_HOT_PATH_H

#include "tests/fault/faults.h"

/* Of the shape that engines repeat: one flat operation, then one of rows with results, then
 * slots of a layout.  Returns how many failed. */
static inline uint32_t run_hot_waves(faults* self, uint32_t count, int reads, bwrt_handle layout) {
    static const uint32_t kSlots[4] = {3, 1, 7, 5};
    bwrt_result results[8];
    uint32_t failed_count = 0;

    for (uint32_t i = 0; i < count; ++i) {
        bwrt_operation operations[2];
        bwrt_wave wave = wave_of(operations, 1);
        bwrt_completion completion;

        operations[0] = reads ? read_of(self, 0, 65536, 4096) : copy_of(self, 0, 65536, 4096);
        operations[1] = copy_of(self, 0, 131072, 256);
        operations[1].row_count = 8;
        operations[1].source_stride_bytes = 512;
        if (i % 3 == 1) {
            wave.operation_count = 2;
            wave.results = results;
            wave.result_count = 8;
            wave.result_bytes = sizeof(results[0]);
        } else if (i % 3 == 2) {
            operations[0].target = layout;
            operations[0].target_offset_bytes = 0;
            operations[0].length_bytes = 0;
            operations[0].target_slots = kSlots;
            operations[0].slot_count = 4;
        }
        failed_count += run_wave(self, &wave, &completion) != BWRT_OK;
    }
    return failed_count;
}

static inline bwrt_status add_hot_layout(faults* self, bwrt_handle* layout_out) {
    bwrt_plane plane;
    bwrt_layout layout;

    memset(&plane, 0, sizeof(plane));
    plane.region = self->memory_region;
    plane.offset_bytes = 262144;
    plane.length_bytes = 4096;
    memset(&layout, 0, sizeof(layout));
    layout.struct_size = sizeof(layout);
    layout.slot_count = 8;
    layout.block_bytes = 4096;
    layout.planes = &plane;
    layout.plane_count = 1;
    layout.plane_bytes = sizeof(plane);
    return bwrt_layout_add(self->runtime, &layout, layout_out, &self->error);
}

#endif
