/* SPDX-License-Identifier: Apache-2.0
 *
 * The Nth allocation fails, for N = 1, 2, ... until none is left to fail, over a whole life: open,
 * regions, a layout, waves, an event fd, the end.  Each time the call that met it says
 * BWRT_E_NOMEM, or does without; what was there before works; and in the end nothing is left of
 * the run: not an allocation, a mapping or a descriptor.
 *
 * malloc and mmap of the whole program are the ones below, so the sanitizers, which need their
 * own, run without this test. */

#define _GNU_SOURCE 1
#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "tests/fault/faults.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

#ifndef HAS_SANITIZER

extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);
extern void __libc_free(void*);

static atomic_long allocation_count; /* since armed */
static atomic_long fails_at;         /* 0: never */
static atomic_long live_count, mapped_count;
static atomic_int failed_once;

static int fails_now(void) {
    const long at = atomic_load(&fails_at);

    if (at == 0 || atomic_fetch_add(&allocation_count, 1) + 1 != at) return 0;
    atomic_store(&failed_once, 1);
    errno = ENOMEM;
    return 1;
}

static void* noted(void* address) {
    if (address != NULL) atomic_fetch_add(&live_count, 1);
    return address;
}

__attribute__((visibility("default"))) void* malloc(size_t bytes) {
    return fails_now() ? NULL : noted(__libc_malloc(bytes));
}

__attribute__((visibility("default"))) void* calloc(size_t count, size_t bytes) {
    return fails_now() ? NULL : noted(__libc_calloc(count, bytes));
}

__attribute__((visibility("default"))) void* realloc(void* before, size_t bytes) {
    if (fails_now()) return NULL;
    void* const after = __libc_realloc(before, bytes);

    return before == NULL ? noted(after) : after;
}

__attribute__((visibility("default"))) void* aligned_alloc(size_t alignment, size_t bytes) {
    return fails_now() ? NULL : noted(__libc_memalign(alignment, bytes));
}

__attribute__((visibility("default"))) void* memalign(size_t alignment, size_t bytes) {
    return aligned_alloc(alignment, bytes);
}

__attribute__((visibility("default"))) int posix_memalign(void** out, size_t alignment,
                                                          size_t bytes) {
    void* const address = aligned_alloc(alignment, bytes);

    if (address == NULL) return ENOMEM;
    *out = address;
    return 0;
}

__attribute__((visibility("default"))) void free(void* address) {
    if (address != NULL) atomic_fetch_sub(&live_count, 1);
    __libc_free(address);
}

__attribute__((visibility("default"))) void* mmap(void* address, size_t bytes, int protection,
                                                  int flags, int fd, off_t offset) {
    if (fails_now()) return MAP_FAILED;
    void* const mapped = (void*)syscall(SYS_mmap, address, bytes, protection, flags, fd, offset);

    if (mapped != MAP_FAILED && (flags & MAP_FIXED) == 0) atomic_fetch_add(&mapped_count, 1);
    return mapped;
}

__attribute__((visibility("default"))) int munmap(void* address, size_t bytes) {
    atomic_fetch_sub(&mapped_count, 1);
    return (int)syscall(SYS_munmap, address, bytes);
}

static long descriptor_count(void) {
    long count = 0;
    DIR* folder = opendir("/proc/self/fd");

    while (folder != NULL && readdir(folder) != NULL) ++count;
    if (folder != NULL) closedir(folder);
    return count;
}

typedef struct life {
    bwrt_runtime* runtime;
    bwrt_handle file_region, memory, second, layout;
    unsigned char* address;
    const char* at; /* the call that failed */
    bwrt_error error;
} life;

static int is_fair(life* self, const char* call, bwrt_status status) {
    if (status == BWRT_OK) return 1;
    /* Who insists on io_uring is told so when it cannot be had for want of memory. */
    if (status == BWRT_E_UNSUPPORTED && fault_mode_now->storage == BWRT_STORAGE_URING &&
        strstr(self->error.message, "ENOMEM") != NULL) {
        return 0;
    }
    if (status != BWRT_E_NOMEM || self->error.status != status || self->error.message[0] == '\0') {
        print_error("%s: %s: %s\n", call, bwrt_status_name(status), self->error.message);
        self->at = call;
    }
    return 0;
}

static int moves_bytes(life* self) {
    bwrt_operation operation;
    bwrt_completion completion;
    bwrt_handle handle = 0;
    bwrt_wave wave = wave_of(&operation, 1);

    memset(&operation, 0, sizeof(operation));
    operation.kind = BWRT_OP_READ;
    operation.source = self->file_region;
    operation.target = self->memory;
    operation.length_bytes = 8192;
    memset(self->address, 0, 8192);
    return bwrt_submit_wave(self->runtime, &wave, &handle, NULL) == BWRT_OK &&
           bwrt_wait(self->runtime, handle, kPatienceNs, &completion, NULL) == BWRT_OK &&
           completion.status == BWRT_OK && has_pattern(self->address, 0, 8192);
}

/* 0 when a call was refused with NOMEM or all went well; prints and returns 1 otherwise. */
static int live_once(int fd) {
    const bwrt_config config = config_of_mode();
    const bwrt_region file = file_region_of(fd, 0, 0);
    const bwrt_region direct = file_region_of(fd, BWRT_REGION_DIRECT, 0);
    const bwrt_region memory = allocated_region_of(0, 65536);
    const bwrt_region exported =
        allocated_region_of(BWRT_REGION_EXPORT | BWRT_REGION_PREFAULT, 65536);
    bwrt_plane planes[2];
    bwrt_layout layout;
    bwrt_region_info info;
    bwrt_handle handle;
    int32_t event_fd;
    life self;
    int working = 0;

    memset(&self, 0, sizeof(self));
    memset(&info, 0, sizeof(info));
    info.struct_size = sizeof(info);
    memset(planes, 0, sizeof(planes));
    memset(&layout, 0, sizeof(layout));
    if (!is_fair(&self, "open", bwrt_open(&config, &self.runtime, &self.error))) {
        return self.at != NULL;
    }
    if (is_fair(&self, "file",
                bwrt_region_add(self.runtime, &file, &self.file_region, NULL, &self.error)) &&
        is_fair(&self, "memory",
                bwrt_region_add(self.runtime, &memory, &self.memory, &info, &self.error))) {
        self.address = info.address;
        working = 1;
        is_fair(&self, "direct",
                bwrt_region_add(self.runtime, &direct, &handle, NULL, &self.error));
        is_fair(&self, "exported",
                bwrt_region_add(self.runtime, &exported, &self.second, NULL, &self.error));
        for (uint64_t i = 0; i < 2; ++i) {
            planes[i].region = self.memory;
            planes[i].offset_bytes = i * 32768;
            planes[i].length_bytes = 4096;
            planes[i].block_offset_bytes = i * 4096;
        }
        layout.struct_size = sizeof(layout);
        layout.slot_count = 8;
        layout.block_bytes = 8192;
        layout.planes = planes;
        layout.plane_count = 2;
        layout.plane_bytes = sizeof(planes[0]);
        is_fair(&self, "layout", bwrt_layout_add(self.runtime, &layout, &self.layout, &self.error));
        const bwrt_status status = bwrt_event_fd(self.runtime, &event_fd, &self.error);

        if (status != BWRT_E_AGAIN) is_fair(&self, "event_fd", status);
    }
    atomic_store(&fails_at, 0);
    if (working && !moves_bytes(&self)) self.at = "wave";
    if (bwrt_shutdown(self.runtime, BWRT_SHUTDOWN_DRAIN, kPatienceNs, NULL) != BWRT_OK ||
        bwrt_close(self.runtime, NULL) != BWRT_OK) {
        self.at = "close";
    }
    if (self.at != NULL) print_error("at %s\n", self.at);
    return self.at != NULL;
}

static void the_nth_allocation_fails_and_nothing_is_lost(void** state) {
    const int fd = pattern_file(65536);
    long n = 1, unfair_count = 0;

    (void)state;
    assert_true(fd >= 0);
    for (int i = 0; i < 3; ++i) assert_int_equal(live_once(fd), 0);
    const long live_before = atomic_load(&live_count);
    const long mapped_before = atomic_load(&mapped_count);
    const long descriptors_before = descriptor_count();

    for (;; ++n) {
        atomic_store(&failed_once, 0);
        atomic_store(&allocation_count, 0);
        atomic_store(&fails_at, n);
        if (live_once(fd) != 0) {
            print_error("allocation %ld\n", n);
            ++unfair_count;
        }
        atomic_store(&fails_at, 0);
        if (atomic_load(&mapped_count) != mapped_before) {
            print_error("allocation %ld: %ld mappings left\n", n,
                        atomic_load(&mapped_count) - mapped_before);
            ++unfair_count;
            break;
        }
        if (!atomic_load(&failed_once)) break;
    }
    print_message("%ld allocations\n", n - 1);
    close(fd);
    assert_true(n > 20);
    assert_int_equal(unfair_count, 0);
    assert_int_equal(atomic_load(&live_count), live_before);
    assert_int_equal(descriptor_count(), descriptors_before - 1);
}

#else

static void the_nth_allocation_fails_and_nothing_is_lost(void** state) {
    (void)state;
    print_message("skipped: the sanitizer has an allocator of its own\n");
    skip();
}

#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nth_allocation_fails_and_nothing_is_lost),
    };
    int failures = 0;

    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
