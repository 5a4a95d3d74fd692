/* SPDX-License-Identifier: Apache-2.0
 *
 * faults.h — the world that the tests of this folder break: a runtime in one of four modes, a
 * region of its own memory, a file with a known pattern, and waves over both.
 *
 *   memory  [ 0 .......... pattern of the file is read to here .......... FAULTS_BYTES )
 *   file    [ 0 .. pattern_byte(i) ............................. FAULTS_BYTES )  end of file
 *
 * A program runs its tests once for each mode; where io_uring cannot be had, its two modes are
 * left out and the reason is printed.  Every wait has a limit far above what it takes: a test
 * fails by it and none is timed by it. */

#ifndef BWRT_TESTS_FAULT_FAULTS_H
#define BWRT_TESTS_FAULT_FAULTS_H

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bwrt.h"
#include "tests/support/cmocka.h"

enum { FAULTS_BYTES = 1 << 20 };

static const int64_t kPatienceNs = 60000000000;

typedef struct fault_mode {
    const char* name;
    uint32_t progress;
    uint32_t storage;
} fault_mode;

/* One for all files of a program; in C a program has one file that includes this. */
#ifdef __cplusplus
#define FAULTS_SHARED inline
#else
#define FAULTS_SHARED static
#endif

FAULTS_SHARED const fault_mode kModes[] = {
    {"thread, pool", BWRT_PROGRESS_THREAD, BWRT_STORAGE_POOL},
    {"caller, pool", BWRT_PROGRESS_CALLER, BWRT_STORAGE_POOL},
    {"thread, uring", BWRT_PROGRESS_THREAD, BWRT_STORAGE_URING},
    {"caller, uring", BWRT_PROGRESS_CALLER, BWRT_STORAGE_URING},
};

FAULTS_SHARED const fault_mode* fault_mode_now = &kModes[0];

typedef struct faults {
    bwrt_runtime* runtime;
    bwrt_error error;
    unsigned char* memory;
    bwrt_handle memory_region;
    bwrt_handle file_region;
    int fd;
} faults;

static inline unsigned char pattern_byte(uint64_t i) {
    return (unsigned char)(i * 31 + (i >> 8) * 7 + (i >> 16) + 1);
}

/* Of the first FAULTS_BYTES: made once, and then written and compared as a whole, since a sanitizer
 * looks at each byte that is made. */
static unsigned char known_pattern[FAULTS_BYTES];

static inline void make_known_pattern(void) {
    for (uint64_t i = 0; i < FAULTS_BYTES; ++i) known_pattern[i] = pattern_byte(i);
}

static inline const unsigned char* pattern_from_start(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_known_pattern);
    return known_pattern;
}

static inline uint64_t monotonic_ns(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A file without a name; -1 when there is none. */
static inline int pattern_file(uint64_t length_bytes) {
    FILE* stream = tmpfile();
    const int fd = stream == NULL ? -1 : dup(fileno(stream));

    if (stream != NULL) fclose(stream);
    if (fd >= 0 && length_bytes <= FAULTS_BYTES) {
        if (pwrite(fd, pattern_from_start(), (size_t)length_bytes, 0) == (ssize_t)length_bytes) {
            return fd;
        }
        close(fd);
        return -1;
    }
    for (uint64_t done = 0; fd >= 0 && done < length_bytes;) {
        unsigned char bytes[4096];
        const uint64_t count = length_bytes - done < 4096 ? length_bytes - done : 4096;

        for (uint64_t i = 0; i < count; ++i) bytes[i] = pattern_byte(done + i);
        if (pwrite(fd, bytes, (size_t)count, (off_t)done) != (ssize_t)count) {
            close(fd);
            return -1;
        }
        done += count;
    }
    return fd;
}

static inline int has_pattern(const unsigned char* bytes, uint64_t file_offset, uint64_t count) {
    if (file_offset + count <= FAULTS_BYTES) {
        return memcmp(bytes, pattern_from_start() + file_offset, count) == 0;
    }
    for (uint64_t i = 0; i < count; ++i) {
        if (bytes[i] != pattern_byte(file_offset + i)) return 0;
    }
    return 1;
}

static inline int is_filled_with(const unsigned char* bytes, int value, uint64_t count) {
    // Each is what the one before it is: one call, which a sanitizer looks at as a whole.
    return count == 0 ||
           (bytes[0] == (unsigned char)value && memcmp(bytes, bytes + 1, count - 1) == 0);
}

static inline bwrt_config config_of_mode(void) {
    bwrt_config config;

    memset(&config, 0, sizeof(config));
    config.struct_size = sizeof(config);
    config.progress = fault_mode_now->progress;
    config.storage = fault_mode_now->storage;
    return config;
}

static inline bwrt_region file_region_of(int fd, uint32_t flags, uint64_t length_bytes) {
    bwrt_region region;

    memset(&region, 0, sizeof(region));
    region.struct_size = sizeof(region);
    region.kind = BWRT_REGION_FILE;
    region.flags = flags;
    region.fd = fd;
    region.length_bytes = length_bytes;
    return region;
}

static inline bwrt_region host_region_of(void* address, uint64_t length_bytes) {
    bwrt_region region;

    memset(&region, 0, sizeof(region));
    region.struct_size = sizeof(region);
    region.kind = BWRT_REGION_HOST;
    region.address = address;
    region.length_bytes = length_bytes;
    return region;
}

static inline bwrt_region allocated_region_of(uint32_t flags, uint64_t length_bytes) {
    bwrt_region region;

    memset(&region, 0, sizeof(region));
    region.struct_size = sizeof(region);
    region.kind = BWRT_REGION_ALLOCATED;
    region.flags = flags;
    region.length_bytes = length_bytes;
    return region;
}

/* Adds the memory and the file to a runtime that is open. */
static inline int faults_add_regions(faults* self) {
    const bwrt_region memory = allocated_region_of(0, FAULTS_BYTES);
    bwrt_region file;
    bwrt_region_info info;

    memset(&info, 0, sizeof(info));
    info.struct_size = sizeof(info);
    self->fd = pattern_file(FAULTS_BYTES);
    if (self->fd < 0) return -1;
    file = file_region_of(self->fd, 0, 0);
    if (bwrt_region_add(self->runtime, &memory, &self->memory_region, &info, &self->error) != 0 ||
        bwrt_region_add(self->runtime, &file, &self->file_region, NULL, &self->error) != 0) {
        print_error("%s\n", self->error.message);
        return -1;
    }
    self->memory = (unsigned char*)info.address;
    return 0;
}

static inline int faults_open(faults* self, const bwrt_config* config) {
    memset(self, 0, sizeof(*self));
    self->fd = -1;
    if (bwrt_open(config, &self->runtime, &self->error) != BWRT_OK) {
        print_error("%s\n", self->error.message);
        return -1;
    }
    return faults_add_regions(self);
}

static inline int faults_close(faults* self) {
    int failed = 0;

    if (self->runtime != NULL) {
        failed |= bwrt_shutdown(self->runtime, BWRT_SHUTDOWN_CANCEL, kPatienceNs, NULL);
        failed |= bwrt_close(self->runtime, NULL);
    }
    if (self->fd >= 0) close(self->fd);
    return failed;
}

static inline int faults_setup(void** state) {
    faults* self = (faults*)calloc(1, sizeof(*self));
    const bwrt_config config = config_of_mode();

    *state = self;
    return self == NULL ? -1 : faults_open(self, &config);
}

/* A runtime that a test has confused does not end, and fails it here. */
static inline int faults_teardown(void** state) {
    faults* self = (faults*)*state;
    const int failed = faults_close(self);

    free(self);
    return failed;
}

static inline bwrt_operation read_of(const faults* self, uint64_t file_offset,
                                     uint64_t memory_offset, uint64_t length_bytes) {
    bwrt_operation operation;

    memset(&operation, 0, sizeof(operation));
    operation.kind = BWRT_OP_READ;
    operation.source = self->file_region;
    operation.target = self->memory_region;
    operation.source_offset_bytes = file_offset;
    operation.target_offset_bytes = memory_offset;
    operation.length_bytes = length_bytes;
    return operation;
}

static inline bwrt_operation write_of(const faults* self, uint64_t memory_offset,
                                      uint64_t file_offset, uint64_t length_bytes) {
    bwrt_operation operation;

    memset(&operation, 0, sizeof(operation));
    operation.kind = BWRT_OP_WRITE;
    operation.source = self->memory_region;
    operation.target = self->file_region;
    operation.source_offset_bytes = memory_offset;
    operation.target_offset_bytes = file_offset;
    operation.length_bytes = length_bytes;
    return operation;
}

static inline bwrt_operation copy_of(const faults* self, uint64_t from, uint64_t to,
                                     uint64_t length_bytes) {
    bwrt_operation operation;

    memset(&operation, 0, sizeof(operation));
    operation.kind = BWRT_OP_COPY;
    operation.source = self->memory_region;
    operation.target = self->memory_region;
    operation.source_offset_bytes = from;
    operation.target_offset_bytes = to;
    operation.length_bytes = length_bytes;
    return operation;
}

static inline bwrt_operation flush_of(const faults* self) {
    bwrt_operation operation;

    memset(&operation, 0, sizeof(operation));
    operation.kind = BWRT_OP_FLUSH;
    operation.target = self->file_region;
    return operation;
}

/* 8 bytes at `offset` of the memory become 1, or 2 when the group fails. */
static inline bwrt_operation signal_of(const faults* self, uint64_t offset, uint32_t group) {
    bwrt_operation operation;

    memset(&operation, 0, sizeof(operation));
    operation.kind = BWRT_OP_SIGNAL;
    operation.target = self->memory_region;
    operation.target_offset_bytes = offset;
    operation.length_bytes = 8;
    operation.group = group;
    operation.value_done = 1;
    operation.value_failed = 2;
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

static inline void with_results(bwrt_wave* wave, bwrt_result* results, uint32_t count) {
    memset(results, 0xA5, count * sizeof(*results));
    wave->results = results;
    wave->result_count = count;
    wave->result_bytes = sizeof(*results);
}

static inline void with_groups(bwrt_wave* wave, bwrt_group_result* groups, uint32_t count) {
    memset(groups, 0xA5, count * sizeof(*groups));
    wave->groups = groups;
    wave->group_count = count;
    wave->group_bytes = sizeof(*groups);
}

/* Submits and waits; the outcome, or why there was none. */
static inline bwrt_status run_wave(faults* self, const bwrt_wave* wave,
                                   bwrt_completion* completion_out) {
    bwrt_handle handle = 0;
    bwrt_status status = bwrt_submit_wave(self->runtime, wave, &handle, &self->error);

    if (status != BWRT_OK) return status;
    status = bwrt_wait(self->runtime, handle, kPatienceNs, completion_out, &self->error);
    return status != BWRT_OK ? status : completion_out->status;
}

static inline bwrt_counters counters_of(bwrt_runtime* runtime) {
    bwrt_counters counters;

    memset(&counters, 0, sizeof(counters));
    counters.struct_size = sizeof(counters);
    assert_int_equal(bwrt_sample(runtime, &counters, NULL), BWRT_OK);
    return counters;
}

/* Beside a wave that was refused: the same runtime still moves bytes. */
static inline void assert_still_works(faults* self) {
    const bwrt_operation operation = read_of(self, 4096, FAULTS_BYTES - 8192, 4096);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_completion completion;

    memset(self->memory + FAULTS_BYTES - 8192, 0, 4096);
    assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);
    assert_true(has_pattern(self->memory + FAULTS_BYTES - 8192, 4096, 4096));
}

static inline void assert_refused(const bwrt_error* error, bwrt_status status, const char* field,
                                  uint32_t operation_index) {
    assert_int_equal(error->status, status);
    assert_string_equal(error->field, field);
    assert_int_equal(error->operation_index, operation_index);
    assert_int_not_equal(error->message[0], '\0');
}

static inline uint64_t seed_of_test(void) {
    const char* given = getenv("BWRT_TEST_SEED");
    const uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : monotonic_ns() | 1;

    print_message("BWRT_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

static inline uint64_t next_random(uint64_t* state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Which of the four modes an instrumented build runs where a test is for all: what is right in
 * every one of them is shown by the others.  The thread sanitizer sees nothing of what the kernel
 * does and looks at those with threads of a pool; memory is looked at under either backend and
 * either way to drive, once each. */
#if defined(__has_feature)
#define FAULTS_HAS_FEATURE(name) __has_feature(name)
#else
#define FAULTS_HAS_FEATURE(name) 0
#endif
#if defined(__SANITIZE_THREAD__) || FAULTS_HAS_FEATURE(thread_sanitizer)
enum { FAULTS_MODES = 1 << 0 | 1 << 1 };
#elif defined(__SANITIZE_ADDRESS__) || FAULTS_HAS_FEATURE(address_sanitizer)
enum { FAULTS_MODES = 1 << 0 | 1 << 3 };
#else
enum { FAULTS_MODES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 };
#endif

/* Why io_uring cannot be had, printed once; 1 when it can. */
static inline int mode_is_available(const fault_mode* mode) {
    bwrt_config config;
    bwrt_runtime* runtime = NULL;
    bwrt_error error;

    fault_mode_now = mode;
    if (mode->storage != BWRT_STORAGE_URING) return 1;
    config = config_of_mode();
    if (bwrt_open(&config, &runtime, &error) != BWRT_OK) {
        print_message("left out: %s: %s\n", mode->name, error.message);
        return 0;
    }
    return bwrt_shutdown(runtime, BWRT_SHUTDOWN_CANCEL, kPatienceNs, NULL) == BWRT_OK &&
           bwrt_close(runtime, NULL) == BWRT_OK;
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, faults_setup, faults_teardown)

#define RUN_IN_MODES(tests, mode_count, failures) \
    RUN_IN_MODES_OF(tests, (1 << (mode_count)) - 1, failures)

#define RUN_IN_ALL_MODES(tests, failures) RUN_IN_MODES_OF(tests, FAULTS_MODES, failures)

#define RUN_IN_MODES_OF(tests, modes, failures)                                           \
    for (size_t mode_ = 0; mode_ < sizeof(kModes) / sizeof(kModes[0]); ++mode_) {         \
        if (((modes) >> mode_ & 1) == 0 || !mode_is_available(&kModes[mode_])) continue;  \
        print_message("mode: %s\n", kModes[mode_].name);                                  \
        (failures) += cmocka_run_group_tests_name(kModes[mode_].name, tests, NULL, NULL); \
    }

#endif
