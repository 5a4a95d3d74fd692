/* SPDX-License-Identifier: Apache-2.0
 *
 * io_uring is forbidden in most containers.  A filter in a child denies it the way Docker does and
 * the way old kernels do: the pool takes over, caps say why, and who insists is told the reason. */

#define _GNU_SOURCE 1
#include <sys/resource.h>

#include "tests/fault/child.h"

enum { ORDINARY_USER = 61234 };

static int denied_errno;

static int the_pool_takes_over(void) {
    const char* name = denied_errno == EPERM ? "EPERM" : "ENOSYS";
    bwrt_config config = config_of_mode();
    bwrt_runtime* untouched = NULL;
    bwrt_error error;
    bwrt_caps caps;
    faults self;

    EXPECT(deny_io_uring(denied_errno));
    config.storage = BWRT_STORAGE_AUTO;
    EXPECT(faults_open(&self, &config) == 0);
    caps = caps_of(self.runtime);
    EXPECT(caps.storage == BWRT_STORAGE_POOL);
    EXPECT((caps.features & BWRT_FEATURE_URING) == 0);
    EXPECT(caps.pool_thread_count == 4);
    EXPECT(strstr(caps.storage_reason, "io_uring_setup") != NULL ||
           strstr(caps.storage_reason, "io_uring") != NULL);
    EXPECT(strstr(caps.storage_reason, name) != NULL);
    EXPECT(still_works(&self));
    EXPECT(faults_close(&self) == 0);

    config.storage = BWRT_STORAGE_URING;
    EXPECT(bwrt_open(&config, &untouched, &error) == BWRT_E_UNSUPPORTED);
    EXPECT(untouched == NULL);
    EXPECT(error.status == BWRT_E_UNSUPPORTED);
    EXPECT(strcmp(error.field, "config.storage") == 0);
    EXPECT(strstr(error.message, name) != NULL);
    return 0;
}

static void denied_with_eperm_the_pool_takes_over_and_says_so(void** state) {
    (void)state;
    denied_errno = EPERM;
    run_in_child(the_pool_takes_over);
}

static void denied_with_enosys_the_pool_takes_over_and_says_so(void** state) {
    (void)state;
    denied_errno = ENOSYS;
    run_in_child(the_pool_takes_over);
}

/* Root may lock as much as it likes; an ordinary user may lock 64 KiB. */
static int little_may_be_locked(void) {
    const struct rlimit limit = {65536, 65536};
    bwrt_config config = config_of_mode();
    bwrt_region large = allocated_region_of(0, 64 << 20);
    bwrt_region_info info;
    bwrt_handle region = 0;
    bwrt_caps caps;
    faults self;

    EXPECT(setrlimit(RLIMIT_MEMLOCK, &limit) == 0);
    if (geteuid() == 0) EXPECT(setresuid(ORDINARY_USER, ORDINARY_USER, ORDINARY_USER) == 0);
    config.storage = BWRT_STORAGE_AUTO;
    EXPECT(faults_open(&self, &config) == 0);
    memset(&info, 0, sizeof(info));
    info.struct_size = sizeof(info);
    EXPECT(bwrt_region_add(self.runtime, &large, &region, &info, NULL) == BWRT_OK);
    caps = caps_of(self.runtime);
    fprintf(stderr, "storage %u, 64 MiB registered: %u, buffers: %s\n", caps.storage,
            info.registered, caps.fixed_buffers_reason);
    EXPECT(info.registered == 0);
    EXPECT(still_works(&self));
    EXPECT(faults_close(&self) == 0);
    return 0;
}

static void with_little_to_lock_all_works_without_registered_memory(void** state) {
    (void)state;
    run_in_child(little_may_be_locked);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(denied_with_eperm_the_pool_takes_over_and_says_so),
        cmocka_unit_test(denied_with_enosys_the_pool_takes_over_and_says_so),
        cmocka_unit_test(with_little_to_lock_all_works_without_registered_memory),
    };
    int failures = 0;

    RUN_IN_MODES(tests, 2, failures)
    return failures;
}
