/* SPDX-License-Identifier: Apache-2.0
 *
 * Too few threads, too few file descriptors, too many waves.  What can be had is used and told;
 * what cannot is refused cleanly; and of ten times as many waves as fit none is lost. */

#define _GNU_SOURCE 1
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/fault/child.h"

enum { WAVES_MAX = 16 };

static uint32_t threads_allowed;

/* Linux counts a user's threads; root's are not limited, and a user nobody else is has one.  Each
 * child is another, for two may run at once. */
static int with_few_threads(void) {
    const uid_t nobody_else = 20000 + (uid_t)getpid() % 40000;
    const struct rlimit limit = {1 + threads_allowed, 1 + threads_allowed};
    const uint32_t needed = fault_mode_now->progress == BWRT_PROGRESS_THREAD ? 1 : 0;
    bwrt_config config = config_of_mode();
    bwrt_runtime* untouched = NULL;
    bwrt_error error;
    bwrt_caps caps;
    faults self;

    if (geteuid() != 0) {
        fprintf(stderr, "skipped: only root can become a user that has no other threads\n");
        return CHILD_SKIPS;
    }
    EXPECT(setrlimit(RLIMIT_NPROC, &limit) == 0);
    EXPECT(setresuid(nobody_else, nobody_else, nobody_else) == 0);
    if (threads_allowed <= needed) {
        memset(&error, 0, sizeof(error));
        const bwrt_status status = bwrt_open(&config, &untouched, &error);

        fprintf(stderr, "%u threads: %s: %s\n", threads_allowed, bwrt_status_name(status),
                error.message);
        EXPECT(status == BWRT_E_AGAIN || status == BWRT_E_UNSUPPORTED);
        EXPECT(untouched == NULL);
        EXPECT(error.status == status);
        EXPECT(strstr(error.message, "EAGAIN") != NULL);
        return 0;
    }
    EXPECT(faults_open(&self, &config) == 0);
    caps = caps_of(self.runtime);
    EXPECT(caps.pool_thread_count == threads_allowed - needed);
    EXPECT(strstr(caps.storage_reason, "pthread_create: EAGAIN") != NULL);
    EXPECT(still_works(&self));
    EXPECT(faults_close(&self) == 0);
    return 0;
}

static void too_few_threads_are_told_or_refused(void** state) {
    (void)state;
#ifdef HAS_SANITIZER
    print_message("skipped: the sanitizer needs threads of its own\n");
    skip();
#endif
    for (threads_allowed = 0; threads_allowed < 4; ++threads_allowed) {
        run_in_child(with_few_threads);
    }
}

/* One thread too few: all but the planner's, or the janitor's of a store on disk, can be had. */
static int without_a_thread_for(const bwrt_store* store, const bwrt_planner* planner) {
    bwrt_config config = config_of_mode();
    const uint32_t executor_count = config.progress == BWRT_PROGRESS_THREAD ? 1 : 0;
    const uint32_t pool_count = config.storage == BWRT_STORAGE_POOL ? 1 : 0;
    const struct rlimit limit = {1 + executor_count + pool_count, 1 + executor_count + pool_count};
    bwrt_runtime* untouched = NULL;
    bwrt_error error;

    config.pool_thread_count = 1;
    config.store = store;
    config.planner = planner;
    memset(&error, 0, sizeof(error));
    EXPECT(setrlimit(RLIMIT_NPROC, &limit) == 0);
    EXPECT(bwrt_open(&config, &untouched, &error) == BWRT_E_AGAIN);
    EXPECT(untouched == NULL);
    EXPECT(error.status == BWRT_E_AGAIN && error.os_code == EAGAIN);
    EXPECT(strstr(error.message, planner != NULL ? "bwrt-planner" : "bwrt-janitor") != NULL);
    return 0;
}

static int become_nobody_else(void) {
    const uid_t nobody_else = 20000 + (uid_t)getpid() % 40000;

    EXPECT(setresuid(nobody_else, nobody_else, nobody_else) == 0);
    return 0;
}

static int without_a_planner_thread(void) {
    bwrt_planner planner;

    memset(&planner, 0, sizeof(planner));
    planner.struct_size = sizeof(planner);
    EXPECT(become_nobody_else() == 0);
    return without_a_thread_for(NULL, &planner);
}

static char folder[] = "/tmp/bwrt-limits-XXXXXX";

static int without_a_janitor_thread(void) {
    char path[64];
    const char* const directory = path;
    bwrt_store store;

    snprintf(path, sizeof(path), "%s/%d", folder, (int)getpid());

    memset(&store, 0, sizeof(store));
    store.struct_size = sizeof(store);
    store.directories = &directory;
    store.directory_count = 1;
    store.disk_bytes = 128 << 20;
    EXPECT(become_nobody_else() == 0);
    return without_a_thread_for(&store, NULL);
}

static void a_thread_that_cannot_be_had_is_said_to_be_missing(void** state) {
    (void)state;
#ifdef HAS_SANITIZER
    print_message("skipped: the sanitizer needs threads of its own\n");
    skip();
#endif
    char command[96];

    if (geteuid() != 0) skip();
    if (fault_mode_now->progress == BWRT_PROGRESS_THREAD) run_in_child(without_a_planner_thread);
    memcpy(strrchr(folder, '-') + 1, "XXXXXX", 6);
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chmod(folder, 0777), 0);
    run_in_child(without_a_janitor_thread);
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

static int with_few_descriptors(void) {
    const struct rlimit limit = {32, 32};
    bwrt_config config = config_of_mode();
    bwrt_handle regions[40];
    bwrt_region_info info;
    unsigned count = 0;
    bwrt_status status;
    faults self;

    config.storage = BWRT_STORAGE_AUTO;
    EXPECT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    EXPECT(faults_open(&self, &config) == 0);
    const bwrt_region file = file_region_of(self.fd, 0, 0);
    const bwrt_region exported = allocated_region_of(BWRT_REGION_EXPORT, 4096);

    do {
        status = bwrt_region_add(self.runtime, &file, &regions[count], NULL, &self.error);
    } while (status == BWRT_OK && ++count < 40);
    EXPECT(status == BWRT_E_AGAIN);
    EXPECT(self.error.os_code == EMFILE);
    EXPECT(strcmp(self.error.field, "region.fd") == 0);
    EXPECT(count > 10);

    memset(&info, 0, sizeof(info));
    info.struct_size = sizeof(info);
    status = bwrt_region_add(self.runtime, &exported, &regions[count], &info, &self.error);
    EXPECT(status == BWRT_E_NOMEM || status == BWRT_E_AGAIN);
    EXPECT(self.error.os_code == EMFILE);
    EXPECT(still_works(&self));

    EXPECT(bwrt_release(self.runtime, regions[0], NULL) == BWRT_OK);
    EXPECT(bwrt_region_add(self.runtime, &file, &regions[0], NULL, &self.error) == BWRT_OK);
    self.file_region = regions[0];
    EXPECT(still_works(&self));
    EXPECT(faults_close(&self) == 0);
    return 0;
}

static void without_descriptors_regions_are_refused_and_the_others_work(void** state) {
    (void)state;
#ifdef HAS_SANITIZER
    print_message("skipped: the sanitizer needs descriptors of its own\n");
    skip();
#endif
    run_in_child(with_few_descriptors);
}

/* Not one descriptor for a ring: the pool needs none. */
static int with_no_descriptor(void) {
    bwrt_config config = config_of_mode();
    const struct rlimit limit = {(rlim_t)dup(0), 1024};
    const unsigned char source[64] = {7};
    unsigned char target[64] = {0};
    bwrt_operation operation;
    bwrt_completion completion;
    bwrt_handle handle = 0;
    bwrt_runtime* runtime = NULL;
    bwrt_error error;

    config.storage = BWRT_STORAGE_AUTO;
    EXPECT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    EXPECT(bwrt_open(&config, &runtime, &error) == BWRT_OK);
    const bwrt_caps caps = caps_of(runtime);

    EXPECT(caps.storage == BWRT_STORAGE_POOL);
    EXPECT(strstr(caps.storage_reason, "EMFILE") != NULL);
    memset(&operation, 0, sizeof(operation));
    operation.kind = BWRT_OP_COPY;
    operation.source = operation.target = BWRT_PROCESS_MEMORY;
    operation.source_offset_bytes = (uintptr_t)source;
    operation.target_offset_bytes = (uintptr_t)target;
    operation.length_bytes = sizeof(source);
    const bwrt_wave wave = wave_of(&operation, 1);
    int32_t fd = 77;

    EXPECT(bwrt_submit_wave(runtime, &wave, &handle, &error) == BWRT_OK);
    EXPECT(bwrt_wait(runtime, handle, kPatienceNs, &completion, &error) == BWRT_OK);
    EXPECT(memcmp(source, target, sizeof(source)) == 0);
    EXPECT(bwrt_event_fd(runtime, &fd, &error) == BWRT_E_AGAIN);
    EXPECT(fd == 77 && error.os_code == EMFILE);
    EXPECT(bwrt_shutdown(runtime, BWRT_SHUTDOWN_DRAIN, kPatienceNs, NULL) == BWRT_OK);
    EXPECT(bwrt_close(runtime, NULL) == BWRT_OK);
    return 0;
}

static void with_no_descriptor_left_the_pool_and_memory_work(void** state) {
    (void)state;
#ifdef HAS_SANITIZER
    print_message("skipped: the sanitizer needs descriptors of its own\n");
    skip();
#endif
    run_in_child(with_no_descriptor);
}

/* Refused at once when the table is full, and accepted in order between. */
static void of_ten_times_as_many_waves_as_fit_none_is_lost(void** state) {
    bwrt_config config = config_of_mode();
    bwrt_completion completions[WAVES_MAX];
    uint64_t next_submitted = 0, next_over = 0, refused_count = 0;
    faults self;

    (void)state;
    config.wave_count_max = WAVES_MAX;
    assert_int_equal(faults_open(&self, &config), 0);
    while (next_over < 10 * WAVES_MAX) {
        const bwrt_operation operation =
            copy_of(&self, 0, (1 + next_submitted) * 1024, 1 + next_submitted % 1024);
        bwrt_wave wave = wave_of(&operation, 1);
        bwrt_handle handle = 77;
        uint32_t count = 0;

        wave.delivery = BWRT_DELIVER_QUEUE;
        wave.user_data = next_submitted;
        const bwrt_status status =
            next_submitted == 10 * WAVES_MAX
                ? BWRT_E_AGAIN
                : bwrt_submit_wave(self.runtime, &wave, &handle, &self.error);

        if (status == BWRT_OK) {
            ++next_submitted;
            continue;
        }
        assert_int_equal(status, BWRT_E_AGAIN);
        assert_int_equal(handle, 77);
        assert_true(next_submitted == 10 * WAVES_MAX || next_submitted - next_over == WAVES_MAX);
        refused_count += next_submitted != 10 * WAVES_MAX;
        assert_int_equal(bwrt_poll(self.runtime, completions, 5, &count, NULL), BWRT_OK);
        for (uint32_t i = 0; i < count; ++i) {
            assert_int_equal(completions[i].user_data, next_over++);
            assert_int_equal(completions[i].status, BWRT_OK);
        }
        while (count == 0) {
            assert_int_equal(bwrt_poll(self.runtime, completions, 1, &count, NULL), BWRT_OK);
            if (count != 0) assert_int_equal(completions[0].user_data, next_over++);
        }
    }
    const bwrt_counters counters = counters_of(self.runtime);

    assert_int_equal(counters.waves_accepted, 10 * WAVES_MAX);
    assert_int_equal(counters.waves_ok, 10 * WAVES_MAX);
    assert_int_equal(counters.waves_refused, refused_count);
    assert_int_equal(faults_close(&self), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_few_threads_are_told_or_refused),
        cmocka_unit_test(a_thread_that_cannot_be_had_is_said_to_be_missing),
        cmocka_unit_test(without_descriptors_regions_are_refused_and_the_others_work),
        cmocka_unit_test(with_no_descriptor_left_the_pool_and_memory_work),
        cmocka_unit_test(of_ten_times_as_many_waves_as_fit_none_is_lost),
    };
    int failures = 0;

    RUN_IN_MODES(tests, 2, failures)
    return failures;
}
