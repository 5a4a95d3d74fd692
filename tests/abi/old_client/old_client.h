/* SPDX-License-Identifier: Apache-2.0
 *
 * old_client.h — where the programs of ABI 0.1 start from: a runtime, a file and two kinds of
 * memory, with the header as it was.
 *
 * They are compiled against bwrt-0.1.h, which stays as it is, and run on the library of today.
 * Behind each struct that the library fills lie bytes that this header does not know: a library
 * that has grown must leave them alone.  Nothing here is brought up to date with include/bwrt.h;
 * a test that fails here is a promise that was broken. */

#ifndef BWRT_TESTS_ABI_OLD_CLIENT_H
#define BWRT_TESTS_ABI_OLD_CLIENT_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/abi/old_client/bwrt-0.1.h"
#include "tests/support/cmocka.h"

enum { BYTES = 65536, BLOCK_BYTES = 4096, MARK = 0xA5, MARK_BYTES = 256 };

#define NEVER ((int64_t)-1)

/* A struct as the library is given it, and what lies behind. */
#define GUARDED(type)                     \
    struct {                              \
        type known;                       \
        unsigned char behind[MARK_BYTES]; \
    }

typedef struct program {
    bwrt_runtime* runtime;
    bwrt_handle file;
    bwrt_handle host;      /* bytes */
    bwrt_handle allocated; /* allocated_bytes */
    bwrt_error error;
    int fd;
    unsigned char* allocated_bytes;
    unsigned char bytes[BYTES];
} program;

static inline unsigned char byte_at(size_t offset) {
    return (unsigned char)(offset * 31 + (offset >> 8));
}

static inline int is_marked(const unsigned char* behind) {
    for (size_t i = 0; i < MARK_BYTES; ++i) {
        if (behind[i] != MARK) return 0;
    }
    return 1;
}

static inline int make_file(void) {
    static unsigned char written[BYTES];
    char path[] = "/tmp/bwrt_old_client_XXXXXX";
    const int fd = mkstemp(path);

    if (fd < 0 || unlink(path) != 0) return -1;
    for (size_t i = 0; i < BYTES; ++i) written[i] = byte_at(i);
    return write(fd, written, BYTES) == BYTES ? fd : -1;
}

/* Nobody drives what the program in caller mode does not wait or poll for. */
static inline int start(void** state, uint32_t progress) {
    program* self = calloc(1, sizeof(*self));
    bwrt_config config;
    bwrt_region region;
    GUARDED(bwrt_region_info) info;

    if (self == NULL) return -1;
    memset(&config, 0, sizeof(config));
    config.struct_size = sizeof(config);
    config.progress = progress;
    config.wave_count_max = 64;
    config.group_count_max = 8;
    if (bwrt_open(&config, &self->runtime, &self->error) != BWRT_OK) return -1;

    memset(&region, 0, sizeof(region));
    region.struct_size = sizeof(region);
    region.kind = BWRT_REGION_FILE;
    region.fd = self->fd = make_file();
    if (bwrt_region_add(self->runtime, &region, &self->file, NULL, NULL) != BWRT_OK) return -1;
    region.kind = BWRT_REGION_HOST;
    region.fd = 0;
    region.address = self->bytes;
    region.length_bytes = BYTES;
    if (bwrt_region_add(self->runtime, &region, &self->host, NULL, NULL) != BWRT_OK) return -1;
    region.kind = BWRT_REGION_ALLOCATED;
    region.address = NULL;
    memset(&info, MARK, sizeof(info));
    memset(&info.known, 0, sizeof(info.known));
    info.known.struct_size = sizeof(info.known);
    if (bwrt_region_add(self->runtime, &region, &self->allocated, &info.known, NULL) != BWRT_OK) {
        return -1;
    }
    if (!is_marked(info.behind) || info.known.length_bytes != BYTES) return -1;
    self->allocated_bytes = info.known.address;
    *state = self;
    return 0;
}

static inline int start_with_thread(void** state) { return start(state, BWRT_PROGRESS_THREAD); }

static inline int start_without_thread(void** state) { return start(state, BWRT_PROGRESS_CALLER); }

static inline int end(void** state) {
    program* self = *state;

    if (bwrt_shutdown(self->runtime, BWRT_SHUTDOWN_CANCEL, NEVER, NULL) != BWRT_OK ||
        bwrt_close(self->runtime, NULL) != BWRT_OK) {
        return -1;
    }
    close(self->fd);
    free(self);
    return 0;
}

static inline bwrt_operation operation_of(uint32_t kind, bwrt_handle source, bwrt_handle target,
                                          uint64_t length_bytes) {
    bwrt_operation operation;

    memset(&operation, 0, sizeof(operation));
    operation.kind = kind;
    operation.source = source;
    operation.target = target;
    operation.length_bytes = length_bytes;
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

/* Submits and waits; what it came to. */
static inline bwrt_completion run(program* self, const bwrt_wave* wave) {
    GUARDED(bwrt_completion) completion;
    bwrt_handle handle = 0;

    memset(&completion, MARK, sizeof(completion));
    assert_int_equal(bwrt_submit_wave(self->runtime, wave, &handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_wait(self->runtime, handle, NEVER, &completion.known, NULL), BWRT_OK);
    assert_true(is_marked(completion.behind));
    assert_true(completion.known.wave == handle);
    return completion.known;
}

static inline void assert_loaded(const bwrt_completion* completion, uint64_t bytes) {
    assert_int_equal(completion->status, BWRT_OK);
    assert_int_equal(completion->verdict, BWRT_VERDICT_LOADED);
    assert_int_equal(completion->operation_index, BWRT_NONE);
    assert_int_equal(completion->os_code, 0);
    assert_int_equal(completion->bytes, bytes);
    assert_true(completion->finished_ns >= completion->submitted_ns);
}

#define WITH_THREAD(name) cmocka_unit_test_setup_teardown(name, start_with_thread, end)
#define WITHOUT_THREAD(name) cmocka_unit_test_setup_teardown(name, start_without_thread, end)

#endif
