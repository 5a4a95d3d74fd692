/* SPDX-License-Identifier: Apache-2.0
 *
 * client.h — where the tests of the promise start from: a runtime, two regions of host memory and
 * a wave that would succeed.  Each test breaks one thing of it. */

#ifndef BWRT_TESTS_ABI_CLIENT_H
#define BWRT_TESTS_ABI_CLIENT_H

#include <stdlib.h>
#include <string.h>

#include "bwrt.h"
#include "tests/support/cmocka.h"

enum { CLIENT_BYTES = 16384, UNTOUCHED_BYTE = 0xA5 };

typedef struct client {
    bwrt_runtime* runtime;
    bwrt_handle source;
    bwrt_handle target;
    bwrt_error error;
    unsigned char source_bytes[CLIENT_BYTES];
    unsigned char target_bytes[CLIENT_BYTES];
} client;

static inline bwrt_region host_region(void* address, uint64_t length_bytes) {
    bwrt_region region;

    memset(&region, 0, sizeof(region));
    region.struct_size = sizeof(region);
    region.kind = BWRT_REGION_HOST;
    region.address = address;
    region.length_bytes = length_bytes;
    return region;
}

static inline int client_setup(void** state) {
    client* self = calloc(1, sizeof(*self));

    if (self == NULL || bwrt_open(NULL, &self->runtime, NULL) != BWRT_OK) return -1;
    for (size_t i = 0; i < CLIENT_BYTES; ++i) self->source_bytes[i] = (unsigned char)(i * 7 + 1);
    const bwrt_region source = host_region(self->source_bytes, CLIENT_BYTES);
    const bwrt_region target = host_region(self->target_bytes, CLIENT_BYTES);
    if (bwrt_region_add(self->runtime, &source, &self->source, NULL, NULL) != BWRT_OK) return -1;
    if (bwrt_region_add(self->runtime, &target, &self->target, NULL, NULL) != BWRT_OK) return -1;
    memset(&self->error, UNTOUCHED_BYTE, sizeof(self->error));
    *state = self;
    return 0;
}

/* A runtime that a test has confused does not end, and fails it here. */
static inline int client_teardown(void** state) {
    client* self = *state;
    const int64_t a_minute_ns = 60000000000;

    if (bwrt_shutdown(self->runtime, BWRT_SHUTDOWN_CANCEL, a_minute_ns, NULL) != BWRT_OK ||
        bwrt_close(self->runtime, NULL) != BWRT_OK) {
        return -1;
    }
    free(self);
    return 0;
}

/* The first kilobyte of source to the first of target. */
static inline bwrt_operation copy_operation(const client* self) {
    bwrt_operation operation;

    memset(&operation, 0, sizeof(operation));
    operation.kind = BWRT_OP_COPY;
    operation.source = self->source;
    operation.target = self->target;
    operation.length_bytes = 1024;
    return operation;
}

static inline bwrt_wave wave_of(const bwrt_operation* operations, uint32_t operation_count) {
    bwrt_wave wave;

    memset(&wave, 0, sizeof(wave));
    wave.struct_size = sizeof(wave);
    wave.operations = operations;
    wave.operation_count = operation_count;
    wave.operation_bytes = sizeof(bwrt_operation);
    return wave;
}

/* For outputs that a refused call must leave alone. */
static inline void mark_untouched(void* output, size_t length_bytes) {
    memset(output, UNTOUCHED_BYTE, length_bytes);
}

static inline int is_untouched(const void* output, size_t length_bytes) {
    const unsigned char* bytes = output;

    for (size_t i = 0; i < length_bytes; ++i) {
        if (bytes[i] != UNTOUCHED_BYTE) return 0;
    }
    return 1;
}

/* The error tells the same status as the call, which field, and something to read. */
static inline void assert_blames(const bwrt_error* error, bwrt_status status, const char* field) {
    assert_int_equal(error->status, status);
    assert_string_equal(error->field, field);
    assert_int_not_equal(error->message[0], '\0');
    assert_non_null(memchr(error->message, '\0', sizeof(error->message)));
}

#endif
