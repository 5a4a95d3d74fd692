/* SPDX-License-Identifier: Apache-2.0
 *
 * The library as a guest of the process: loading it starts nothing, using and unloading it a
 * hundred times leaves no thread and no descriptor behind.  This program is not linked with the
 * library; it finds the functions by name, as a binding does.
 *
 * Threads are counted in /proc, where one that has been joined can stand a moment longer: the
 * count is read again until it has come down. */

#include <dirent.h>
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bwrt.h"
#include "tests/support/cmocka.h"

static const char* library_path;

static const char contents[65536] = "what the file holds";

/* The functions used here, with the types that the header gives them. */
typedef struct library {
    void* handle;
    __typeof__(&bwrt_open) open;
    __typeof__(&bwrt_shutdown) shutdown;
    __typeof__(&bwrt_close) close;
    __typeof__(&bwrt_region_add) region_add;
    __typeof__(&bwrt_event_fd) event_fd;
    __typeof__(&bwrt_submit_wave) submit_wave;
    __typeof__(&bwrt_wait) wait;
} library;

/* ISO C has no way from an object pointer to a function's; POSIX gives them one form. */
static void find(const library* self, const char* name, void* function_out) {
    void* address = dlsym(self->handle, name);

    if (address == NULL) fail_msg("%s is not there: %s", name, dlerror());
    memcpy(function_out, &address, sizeof(address));
}

static library load(void) {
    library self = {0};

    self.handle = dlopen(library_path, RTLD_NOW | RTLD_LOCAL);
    if (self.handle == NULL) fail_msg("%s", dlerror());
    find(&self, "bwrt_open", &self.open);
    find(&self, "bwrt_shutdown", &self.shutdown);
    find(&self, "bwrt_close", &self.close);
    find(&self, "bwrt_region_add", &self.region_add);
    find(&self, "bwrt_event_fd", &self.event_fd);
    find(&self, "bwrt_submit_wave", &self.submit_wave);
    find(&self, "bwrt_wait", &self.wait);
    return self;
}

static int entry_count(const char* folder) {
    DIR* stream = opendir(folder);
    int count = 0;

    if (stream == NULL) return -1;
    while (readdir(stream) != NULL) ++count;
    closedir(stream);
    return count;
}

static int thread_count(void) { return entry_count("/proc/self/task"); }

static int descriptor_count(void) { return entry_count("/proc/self/fd"); }

/* Both counts once they have come down to the given ones, or as they are after ten seconds. */
static void settled_counts(int threads, int descriptors, int* threads_out, int* descriptors_out) {
    for (int i = 0; i < 10000; ++i) {
        *threads_out = thread_count();
        *descriptors_out = descriptor_count();
        if (*threads_out <= threads && *descriptors_out <= descriptors) return;
        (void)poll(NULL, 0, 1);
    }
}

/* Opens a runtime, has it hold every kind of thing that has a descriptor or a thread, reads a file
 * into memory, and closes it with all that still held; 0, or the step that failed. */
static int use(const library* self) {
    FILE* file = tmpfile();
    bwrt_runtime* runtime = NULL;
    bwrt_region region;
    bwrt_region_info info;
    bwrt_operation operation;
    bwrt_wave wave;
    bwrt_handle handle = 0;
    bwrt_completion completion;
    int32_t fd = -1;

    memset(&region, 0, sizeof(region));
    memset(&info, 0, sizeof(info));
    memset(&operation, 0, sizeof(operation));
    memset(&wave, 0, sizeof(wave));
    region.struct_size = sizeof(region);
    info.struct_size = sizeof(info);
    wave.struct_size = sizeof(wave);
    wave.operations = &operation;
    wave.operation_count = 1;
    wave.operation_bytes = sizeof(operation);
    wave.deadline_ns = 60000000000;
    wave.flags = BWRT_WAVE_DEADLINE_RELATIVE;
    wave.late = BWRT_LATE_ABORT;
    operation.kind = BWRT_OP_READ;
    operation.length_bytes = sizeof(contents);

    if (file == NULL || fwrite(contents, sizeof(contents), 1, file) != 1 || fflush(file) != 0) {
        return 1;
    }
    if (self->open(NULL, &runtime, NULL) != BWRT_OK) return 2;
    if (self->event_fd(runtime, &fd, NULL) != BWRT_OK) return 3;
    region.kind = BWRT_REGION_FILE;
    region.fd = fileno(file);
    if (self->region_add(runtime, &region, &operation.source, NULL, NULL) != BWRT_OK) return 4;
    region.kind = BWRT_REGION_ALLOCATED;
    region.fd = 0;
    region.flags = BWRT_REGION_EXPORT;
    region.length_bytes = sizeof(contents);
    if (self->region_add(runtime, &region, &operation.target, &info, NULL) != BWRT_OK) return 5;
    if (self->submit_wave(runtime, &wave, &handle, NULL) != BWRT_OK) return 6;
    if (self->wait(runtime, handle, -1, &completion, NULL) != BWRT_OK) return 7;
    if (completion.status != BWRT_OK) return 8;
    if (memcmp(info.address, contents, sizeof(contents)) != 0) return 9;
    if (self->shutdown(runtime, BWRT_SHUTDOWN_DRAIN, -1, NULL) != BWRT_OK) return 10;
    if (self->close(runtime, NULL) != BWRT_OK) return 11;
    return fclose(file) == 0 ? 0 : 12;
}

static void* note_thread_id(void* id_out) {
    *(pid_t*)id_out = gettid();
    return NULL;
}

/* A sanitizer starts a thread of its own beside the first one of the program: let it be there
 * before anything is counted. */
static int start_and_end_a_thread(void) {
    pthread_t thread;
    pid_t id = 0;
    char path[64];

    if (pthread_create(&thread, NULL, note_thread_id, &id) != 0) return -1;
    if (pthread_join(thread, NULL) != 0) return -1;
    (void)snprintf(path, sizeof(path), "/proc/self/task/%d", (int)id);
    while (access(path, F_OK) == 0) (void)poll(NULL, 0, 1);
    return 0;
}

/* First: later ones find the library still loaded. */
static void loading_starts_no_thread_and_opens_no_descriptor(void** state) {
    (void)state;
    const int threads = thread_count();
    const int descriptors = descriptor_count();
    assert_null(dlopen(library_path, RTLD_NOW | RTLD_NOLOAD)); /* or nothing would be loaded */

    const library self = load();

    assert_int_equal(thread_count(), threads);
    assert_int_equal(descriptor_count(), descriptors);
    assert_int_equal(dlclose(self.handle), 0);
}

static void using_it_again_and_again_leaves_nothing_behind(void** state) {
    (void)state;
    const int threads_before = thread_count();
    const int descriptors_before = descriptor_count();
    int threads = 0;
    int descriptors = 0;

    for (int i = 0; i < 100; ++i) {
        const library self = load();
        assert_int_equal(use(&self), 0);
        assert_int_equal(dlclose(self.handle), 0);
    }

    settled_counts(threads_before, descriptors_before, &threads, &descriptors);
    assert_int_equal(threads, threads_before);
    assert_int_equal(descriptors, descriptors_before);
}

static void closing_the_library_keeps_it_loaded(void** state) {
    (void)state;
    const library self = load();
    assert_int_equal(dlclose(self.handle), 0);

    void* still = dlopen(library_path, RTLD_NOW | RTLD_NOLOAD);

    assert_non_null(still); /* a thread of ours may be on its way out in its code */
    assert_int_equal(dlclose(still), 0);
}

/* test_load LIBRARY */
int main(int argc, char** argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loading_starts_no_thread_and_opens_no_descriptor),
        cmocka_unit_test(using_it_again_and_again_leaves_nothing_behind),
        cmocka_unit_test(closing_the_library_keeps_it_loaded),
    };
    if (argc != 2) {
        (void)fprintf(stderr, "usage: test_load LIBRARY\n");
        return 2;
    }
    library_path = argv[1];
    if (start_and_end_a_thread() != 0) return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
