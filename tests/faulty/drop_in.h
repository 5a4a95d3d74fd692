/* SPDX-License-Identifier: Apache-2.0
 *
 * drop_in.h — the world of tests/fault, opened by each test with a plan of its own, and programs
 * linked with the fault-injecting library as they would be with the other.
 *
 * Operations are `STRIDE` apart in the file and in memory, so that none is merged with its
 * neighbour: then the n-th operation is the n-th request. */

#ifndef BWRT_TESTS_FAULTY_DROP_IN_H
#define BWRT_TESTS_FAULTY_DROP_IN_H

#include <errno.h>

#include "tests/fault/faults.h"

enum { PIECE = 4096, STRIDE = 3 * PIECE, OPERATION_MAX = 32 };

static inline int drop_in_setup(void** state) {
    faults* self = (faults*)calloc(1, sizeof(*self));

    *state = self;
    if (self != NULL) self->fd = -1;
    return self == NULL ? -1 : 0;
}

static inline void open_logging_with(void** state, const char* plan, bwrt_log_function log,
                                     void* log_user) {
    bwrt_config config = config_of_mode();

    config.log = log;
    config.log_user = log_user;
    setenv("BWRT_FAULTS", plan, 1);
    assert_int_equal(faults_open((faults*)*state, &config), 0);
}

static inline faults* open_with(void** state, const char* plan) {
    open_logging_with(state, plan, NULL, NULL);
    return (faults*)*state;
}

/* What a wave of `count` reads or writes became. */
typedef struct wave_outcome {
    bwrt_status refused; /* of the submission or the wait */
    bwrt_completion completion;
    bwrt_result results[OPERATION_MAX];
} wave_outcome;

static inline void fill_memory(faults* self, int value) {
    memset(self->memory, value, FAULTS_BYTES);
}

static inline bwrt_operation piece_of(const faults* self, uint32_t kind, uint32_t i,
                                      uint64_t stride) {
    return kind == BWRT_OP_READ ? read_of(self, i * stride, i * stride, PIECE)
                                : write_of(self, i * stride, i * stride, PIECE);
}

static inline wave_outcome move(faults* self, uint32_t kind, uint32_t count, uint64_t stride) {
    bwrt_operation operations[OPERATION_MAX];
    wave_outcome outcome;
    bwrt_wave wave;

    for (uint32_t i = 0; i < count; ++i) operations[i] = piece_of(self, kind, i, stride);
    wave = wave_of(operations, count);
    memset(&outcome, 0, sizeof(outcome));
    with_results(&wave, outcome.results, count);
    outcome.refused = run_wave(self, &wave, &outcome.completion);
    return outcome;
}

static inline wave_outcome read_pieces(faults* self, uint32_t count) {
    fill_memory(self, 0xA5);
    return move(self, BWRT_OP_READ, count, STRIDE);
}

static inline wave_outcome write_pieces(faults* self, uint32_t count) {
    fill_memory(self, 0x5C);
    return move(self, BWRT_OP_WRITE, count, STRIDE);
}

static inline bwrt_status flush_file(faults* self) {
    const bwrt_operation operation = flush_of(self);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_completion completion;

    return run_wave(self, &wave, &completion);
}

/* A wave of one read, submitted and left. */
static inline bwrt_handle submit_piece(faults* self, uint32_t i) {
    const bwrt_operation operation = piece_of(self, BWRT_OP_READ, i, STRIDE);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 0;

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_OK);
    return handle;
}

static inline int piece_is_right(const faults* self, uint32_t i) {
    return has_pattern(self->memory + i * STRIDE, i * STRIDE, PIECE);
}

static inline int piece_is_untouched(const faults* self, uint32_t i) {
    return is_filled_with(self->memory + i * STRIDE, 0xA5, PIECE);
}

static inline bwrt_route route_of(faults* self, uint32_t source_tier, uint32_t target_tier) {
    bwrt_route routes[4];
    bwrt_counters counters;

    memset(&counters, 0, sizeof(counters));
    memset(routes, 0, sizeof(routes));
    counters.struct_size = sizeof(counters);
    counters.routes = routes;
    counters.route_capacity = 4;
    counters.route_bytes = sizeof(routes[0]);
    assert_int_equal(bwrt_sample(self->runtime, &counters, NULL), BWRT_OK);
    for (uint32_t i = 0; i < counters.route_count && i < 4; ++i) {
        if (routes[i].source_tier == source_tier && routes[i].target_tier == target_tier) {
            return routes[i];
        }
    }
    fail_msg("no route from tier %u to tier %u", source_tier, target_tier);
    return routes[0];
}

#define WITH_FAULTS(test) cmocka_unit_test_setup_teardown(test, drop_in_setup, faults_teardown)

#endif
