/* SPDX-License-Identifier: Apache-2.0
 *
 * A child of fork() can do nothing to its parent's runtime, by any function, and the parent is not
 * disturbed.  The wave is submitted in caller mode and not driven, so it is certainly under way
 * when the child is made.
 *
 * The child asserts nothing (a failed assert would run the parent's test a second time): its exit
 * status is the number of the first call that did not answer BWRT_E_FORKED. */

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/abi/client.h"

enum { FILE_BYTES = 1 << 20 };

typedef struct forked {
    bwrt_runtime* runtime;
    bwrt_handle file;
    bwrt_handle memory;
    unsigned char* bytes; /* of an ALLOCATED region */
    int fd;
} forked;

static unsigned char byte_at(size_t offset) { return (unsigned char)(offset * 31 + (offset >> 8)); }

static int forked_setup(void** state, uint32_t progress) {
    forked* self = calloc(1, sizeof(*self));
    unsigned char* written = malloc(FILE_BYTES);
    char path[] = "/tmp/bwrt_fork_XXXXXX";
    bwrt_config config;
    bwrt_store store;
    bwrt_region region;
    bwrt_region_info info;

    if (self == NULL || written == NULL) return -1;
    for (size_t i = 0; i < FILE_BYTES; ++i) written[i] = byte_at(i);
    self->fd = mkstemp(path);
    if (self->fd < 0 || unlink(path) != 0) return -1;
    if (write(self->fd, written, FILE_BYTES) != FILE_BYTES) return -1;
    free(written);

    memset(&config, 0, sizeof(config));
    config.struct_size = sizeof(config);
    config.progress = progress;
    memset(&store, 0, sizeof(store));
    store.struct_size = sizeof(store);
    store.host_bytes = 2 << 20;
    store.block_bytes_max = 4096;
    config.store = &store;
    if (bwrt_open(&config, &self->runtime, NULL) != BWRT_OK) return -1;
    memset(&region, 0, sizeof(region));
    region.struct_size = sizeof(region);
    region.kind = BWRT_REGION_FILE;
    region.fd = self->fd;
    if (bwrt_region_add(self->runtime, &region, &self->file, NULL, NULL) != BWRT_OK) return -1;
    memset(&region, 0, sizeof(region));
    memset(&info, 0, sizeof(info));
    region.struct_size = sizeof(region);
    region.kind = BWRT_REGION_ALLOCATED;
    region.length_bytes = FILE_BYTES;
    info.struct_size = sizeof(info);
    if (bwrt_region_add(self->runtime, &region, &self->memory, &info, NULL) != BWRT_OK) return -1;
    self->bytes = info.address;
    *state = self;
    return 0;
}

static int caller_setup(void** state) { return forked_setup(state, BWRT_PROGRESS_CALLER); }

static int thread_setup(void** state) { return forked_setup(state, BWRT_PROGRESS_THREAD); }

static int forked_teardown(void** state) {
    forked* self = *state;

    if (bwrt_shutdown(self->runtime, BWRT_SHUTDOWN_CANCEL, -1, NULL) != BWRT_OK ||
        bwrt_close(self->runtime, NULL) != BWRT_OK) {
        return -1;
    }
    close(self->fd);
    free(self);
    return 0;
}

static bwrt_operation read_operation(const forked* self) {
    bwrt_operation operation;

    memset(&operation, 0, sizeof(operation));
    operation.kind = BWRT_OP_READ;
    operation.source = self->file;
    operation.target = self->memory;
    operation.length_bytes = FILE_BYTES;
    return operation;
}

/* 0, or the number of the first call that did not refuse or that touched an output. */
static int first_call_not_refused(const forked* self, bwrt_handle running) {
    const bwrt_operation operation = read_operation(self);
    const bwrt_wave wave = wave_of(&operation, 1);
    unsigned char memory[64];
    const bwrt_region region = host_region(memory, sizeof(memory));
    bwrt_plane plane;
    bwrt_layout layout;
    bwrt_handle handle = 77;
    bwrt_completion completion;
    bwrt_caps caps;
    bwrt_counters counters;
    bwrt_tenant tenant;
    bwrt_lookup_query query;
    bwrt_event event;
    bwrt_store_counters store_counters;
    bwrt_store_info store_info;
    bwrt_request_window window;
    bwrt_error error;
    uint64_t cursor = 77;
    uint32_t count = 77;
    int32_t fd = 77;

    memset(&plane, 0, sizeof(plane));
    plane.region = self->memory;
    plane.slot_stride_bytes = 64;
    plane.length_bytes = 64;
    memset(&layout, 0, sizeof(layout));
    layout.struct_size = sizeof(layout);
    layout.slot_count = 4;
    layout.block_bytes = 64;
    layout.planes = &plane;
    layout.plane_count = 1;
    layout.plane_bytes = sizeof(plane);
    memset(&caps, 0, sizeof(caps));
    caps.struct_size = sizeof(caps);
    memset(&counters, 0, sizeof(counters));
    counters.struct_size = sizeof(counters);
    memset(&tenant, 0, sizeof(tenant));
    tenant.struct_size = sizeof(tenant);
    memset(&query, 0, sizeof(query));
    query.struct_size = sizeof(query);
    query.identities = memory;
    query.identity_count = 1;
    memset(&store_counters, 0, sizeof(store_counters));
    store_counters.struct_size = sizeof(store_counters);
    memset(&store_info, 0, sizeof(store_info));
    store_info.struct_size = sizeof(store_info);
    store_counters.info = &store_info;
    memset(&window, 0, sizeof(window));
    window.struct_size = sizeof(window);
    window.carried_count = 77;
    mark_untouched(&completion, sizeof(completion));
    mark_untouched(&event, sizeof(event));

    if (bwrt_wait(self->runtime, running, -1, &completion, &error) != BWRT_E_FORKED) return 1;
    if (error.status != BWRT_E_FORKED || error.message[0] == '\0') return 2;
    if (bwrt_poll(self->runtime, &completion, 1, &count, NULL) != BWRT_E_FORKED) return 3;
    if (bwrt_cancel(self->runtime, running, NULL) != BWRT_E_FORKED) return 4;
    if (bwrt_advance(self->runtime, 1, NULL) != BWRT_E_FORKED) return 27;
    if (bwrt_stream_wait(self->runtime, running, 0, 0, 0, 0, NULL) != BWRT_E_FORKED) return 24;
    if (bwrt_submit_wave(self->runtime, &wave, &handle, NULL) != BWRT_E_FORKED) return 5;
    if (bwrt_region_add(self->runtime, &region, &handle, NULL, NULL) != BWRT_E_FORKED) return 6;
    if (bwrt_layout_add(self->runtime, &layout, &handle, NULL) != BWRT_E_FORKED) return 7;
    if (bwrt_region_set(self->runtime, self->memory, BWRT_REGION_QUIESCE, 0, NULL) !=
        BWRT_E_FORKED) {
        return 8;
    }
    if (bwrt_release(self->runtime, self->file, NULL) != BWRT_E_FORKED) return 9;
    if (bwrt_event_fd(self->runtime, &fd, NULL) != BWRT_E_FORKED) return 10;
    if (bwrt_get_caps(self->runtime, &caps, NULL) != BWRT_E_FORKED) return 11;
    if (bwrt_sample(self->runtime, &counters, NULL) != BWRT_E_FORKED) return 12;
    if (bwrt_shutdown(self->runtime, BWRT_SHUTDOWN_CANCEL, 0, NULL) != BWRT_E_FORKED) return 13;
    if (bwrt_close(self->runtime, NULL) != BWRT_E_FORKED) return 14;
    if (handle != 77 || count != 77 || fd != 77) return 15;
    if (caps.abi_version != 0 || counters.time_ns != 0) return 16;
    if (!is_untouched(&completion, sizeof(completion))) return 17;
    if (bwrt_tenant_set(self->runtime, &tenant, NULL) != BWRT_E_FORKED) return 18;
    if (bwrt_lookup(self->runtime, &query, NULL, &count, NULL, NULL) != BWRT_E_FORKED) return 19;
    if (bwrt_events(self->runtime, &cursor, &event, 1, &count, NULL) != BWRT_E_FORKED) return 20;
    if (bwrt_sample_store(self->runtime, &store_counters, NULL) != BWRT_E_FORKED) return 21;
    if (count != 77 || cursor != 77 || store_counters.host.capacity_bytes != 0) return 22;
    if (!is_untouched(&event, sizeof(event))) return 23;
    if (store_info.host_bytes != 0) return 25;
    if (bwrt_plan_window(self->runtime, &window, &handle, NULL) != BWRT_E_FORKED) return 26;
    if (handle != 77 || window.carried_count != 77) return 28;
    return 0;
}

static void a_child_is_refused_by_every_function_and_its_parent_is_not_disturbed(void** state) {
    forked* self = *state;
    const bwrt_operation operation = read_operation(self);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle running = 0;
    bwrt_completion completion;
    int status = -1;

    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &running, NULL), BWRT_OK);
    const pid_t child = fork();
    if (child == 0) {
        alarm(100); /* a call that hangs is one that was not refused */
        _exit(first_call_not_refused(self, running));
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(bwrt_wait(self->runtime, running, -1, &completion, NULL), BWRT_OK);
    assert_int_equal(completion.status, BWRT_OK);
    assert_int_equal(completion.bytes, FILE_BYTES);
    for (size_t i = 0; i < FILE_BYTES; ++i) {
        if (self->bytes[i] != byte_at(i)) fail_msg("byte %zu is wrong after the fork", i);
    }
}

/* Of everything that a child inherits, only the runtime is dead. */
static int first_thing_wrong_with_a_runtime_of_ones_own(void) {
    static unsigned char source[4096];
    static unsigned char target[4096];
    bwrt_runtime* runtime = NULL;
    bwrt_config config;
    bwrt_operation operation;
    bwrt_handle handle = 0;
    bwrt_completion completion;

    memset(source, 0x3C, sizeof(source));
    memset(&config, 0, sizeof(config));
    config.struct_size = sizeof(config);
    config.progress = BWRT_PROGRESS_CALLER;
    memset(&operation, 0, sizeof(operation));
    operation.kind = BWRT_OP_COPY;
    operation.source = BWRT_PROCESS_MEMORY;
    operation.source_offset_bytes = (uint64_t)(uintptr_t)source;
    operation.target = BWRT_PROCESS_MEMORY;
    operation.target_offset_bytes = (uint64_t)(uintptr_t)target;
    operation.length_bytes = sizeof(source);
    const bwrt_wave wave = wave_of(&operation, 1);

    if (bwrt_open(&config, &runtime, NULL) != BWRT_OK) return 1;
    if (bwrt_submit_wave(runtime, &wave, &handle, NULL) != BWRT_OK) return 2;
    if (bwrt_wait(runtime, handle, -1, &completion, NULL) != BWRT_OK) return 3;
    if (completion.status != BWRT_OK || memcmp(source, target, sizeof(source)) != 0) return 4;
    if (bwrt_shutdown(runtime, BWRT_SHUTDOWN_DRAIN, -1, NULL) != BWRT_OK) return 5;
    if (bwrt_close(runtime, NULL) != BWRT_OK) return 6;
    return 0;
}

static void a_child_can_open_a_runtime_of_its_own(void** state) {
    (void)state;
    int status = -1;

    const pid_t child = fork();
    if (child == 0) {
        alarm(100);
        _exit(first_thing_wrong_with_a_runtime_of_ones_own());
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_child_is_refused_by_every_function_and_its_parent_is_not_disturbed, caller_setup,
            forked_teardown),
        cmocka_unit_test_setup_teardown(
            a_child_is_refused_by_every_function_and_its_parent_is_not_disturbed, thread_setup,
            forked_teardown),
        cmocka_unit_test_setup_teardown(a_child_can_open_a_runtime_of_its_own, thread_setup,
                                        forked_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
