/* SPDX-License-Identifier: Apache-2.0
 *
 * Overlap, decided by bwrt and by painting bytes one at a time.  Waves of two to six random copies,
 * flat or of rows, are made small enough that they often meet.
 *
 *   refused   only when two really share a byte that may not be shared
 *   accepted  only when no two that can be compared do: flat with flat, flat with rows, rows with
 *             rows of the same stride
 *
 * Rows of different strides may be refused where they share a byte and need not be. */

#include "tests/fault/faults.h"

enum { ARENA_BYTES = 384, COPIES_MAX = 6, ROUNDS = 20000 };

typedef struct rows {
    uint64_t start;
    int64_t stride;
    uint64_t count;
    uint64_t length;
} rows;

static void paint(const rows* side, unsigned char* bytes) {
    memset(bytes, 0, ARENA_BYTES);
    for (uint64_t row = 0; row < side->count; ++row) {
        memset(bytes + ((int64_t)side->start + side->stride * (int64_t)row), 1, side->length);
    }
}

static int share(const rows* a, const rows* b) {
    unsigned char painted_a[ARENA_BYTES], painted_b[ARENA_BYTES];

    paint(a, painted_a);
    paint(b, painted_b);
    for (size_t i = 0; i < ARENA_BYTES; ++i) {
        if (painted_a[i] && painted_b[i]) return 1;
    }
    return 0;
}

/* Rows without gaps are one interval, whatever their stride. */
static int is_interval(const rows* side) {
    return side->count == 1 || (uint64_t)llabs(side->stride) <= side->length;
}

static int is_comparable(const rows* a, const rows* b) {
    return is_interval(a) || is_interval(b) || llabs(a->stride) == llabs(b->stride);
}

/* Inside [base, base + ARENA_BYTES) of the region, at least `rows` apart as asked. */
static rows random_rows(uint64_t* random, uint64_t count, uint64_t length) {
    rows side = {0, (int64_t)length, count, length};
    const int64_t step = (int64_t)(length + next_random(random) % 24);
    uint64_t span;

    if (count > 1) side.stride = next_random(random) % 2 == 0 ? step : -step;
    span = (uint64_t)llabs(side.stride) * (count - 1) + length;
    side.start = next_random(random) % (ARENA_BYTES - span + 1);
    if (side.stride < 0 && count > 1) side.start += span - length;
    return side;
}

static void refusals_agree_with_painting_every_byte(void** state) {
    faults* self = *state;
    uint64_t random = seed_of_test();
    unsigned refused_count = 0, accepted_count = 0;

    for (unsigned round = 0; round < ROUNDS; ++round) {
        const uint32_t count = 1 + (uint32_t)(next_random(&random) % COPIES_MAX);
        /* Sources in the same arena every fourth time, else where no target is. */
        const int same_arena = next_random(&random) % 4 == 0;
        bwrt_operation operations[COPIES_MAX];
        rows sources[COPIES_MAX], targets[COPIES_MAX];
        int may_be_refused = 0, must_be_refused = 0, is_undefined = 0;
        bwrt_wave wave = wave_of(operations, count);
        bwrt_handle handle = 0;
        bwrt_completion completion;

        for (uint32_t i = 0; i < count; ++i) {
            const uint64_t row_count = 1 + next_random(&random) % 5;
            const uint64_t length = 1 + next_random(&random) % 16;

            sources[i] = random_rows(&random, row_count, length);
            targets[i] = random_rows(&random, row_count, length);
            operations[i] = copy_of(self, sources[i].start + (same_arena ? 0 : ARENA_BYTES),
                                    targets[i].start, length);
            operations[i].row_count = (uint32_t)row_count;
            operations[i].source_stride_bytes = sources[i].stride;
            operations[i].target_stride_bytes = targets[i].stride;
            if (same_arena && share(&sources[i], &targets[i])) {
                may_be_refused = 1;
                must_be_refused |= is_comparable(&sources[i], &targets[i]);
                is_undefined |= !is_comparable(&sources[i], &targets[i]);
            }
            for (uint32_t j = 0; j < i; ++j) {
                if (!share(&targets[i], &targets[j])) continue;
                may_be_refused = 1;
                must_be_refused |= is_comparable(&targets[i], &targets[j]);
            }
        }
        if (is_undefined) continue; /* onto itself, unproved: a mistake that nobody may make */
        const bwrt_status status = bwrt_submit_wave(self->runtime, &wave, &handle, &self->error);

        if (status == BWRT_OK) {
            assert_int_equal(bwrt_wait(self->runtime, handle, kPatienceNs, &completion, NULL), 0);
            ++accepted_count;
        } else {
            assert_int_equal(status, BWRT_E_OVERLAP);
            assert_true(self->error.operation_index < count);
            ++refused_count;
        }
        if ((status == BWRT_OK && must_be_refused) || (status != BWRT_OK && !may_be_refused)) {
            fail_msg("round %u: %s, painted: must %d, may %d: %s", round, bwrt_status_name(status),
                     must_be_refused, may_be_refused, status == BWRT_OK ? "" : self->error.message);
        }
    }
    print_message("%u refused, %u accepted\n", refused_count, accepted_count);
    assert_true(refused_count > ROUNDS / 10);
    assert_true(accepted_count > ROUNDS / 10);
}

/* Two regions over one memory are one memory. */
static void two_regions_over_the_same_bytes_are_seen_through(void** state) {
    faults* self = *state;
    const bwrt_region twin = host_region_of(self->memory, FAULTS_BYTES);
    bwrt_handle twin_region = 0;
    bwrt_operation operations[2];
    const bwrt_wave wave = wave_of(operations, 2);
    bwrt_handle handle = 0;

    assert_int_equal(bwrt_region_add(self->runtime, &twin, &twin_region, NULL, NULL), BWRT_OK);
    operations[0] = copy_of(self, 0, 8192, 4096);
    operations[1] = copy_of(self, 4096, 8192 + 4095, 4096);
    operations[1].target = twin_region;

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_OVERLAP);
    assert_refused(&self->error, BWRT_E_OVERLAP, "operations[].target", 1);
}

/* A file is another space than memory, and equal offsets of two files are no overlap. */
static void targets_in_memory_and_in_a_file_do_not_meet(void** state) {
    faults* self = *state;
    bwrt_operation operations[3];
    const bwrt_wave wave = wave_of(operations, 3);
    bwrt_completion completion;

    operations[0] = write_of(self, 0, 8192, 4096);
    operations[1] = copy_of(self, 0, 8192, 4096);
    operations[2] = write_of(self, 0, 4096, 4096);
    assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);

    operations[2].target_offset_bytes = 4097;
    assert_int_equal(run_wave(self, &wave, &completion), BWRT_E_OVERLAP);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(refusals_agree_with_painting_every_byte),
        IN_WORLD(two_regions_over_the_same_bytes_are_seen_through),
        IN_WORLD(targets_in_memory_and_in_a_file_do_not_meet),
    };
    int failures = 0;

    RUN_IN_MODES(tests, 1, failures)
    return failures;
}
