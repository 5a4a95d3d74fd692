/* SPDX-License-Identifier: Apache-2.0
 *
 * A disk that fills up: a file system of 1 MiB, mounted where only the child sees it, or, where
 * that is forbidden, a limit on the file's size.  The kernel writes what fits and says ENOSPC at
 * the next try; what was written is counted and right, other files are not touched by it, and
 * writing works again when there is room. */

#define _GNU_SOURCE 1
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/fault/child.h"

enum { DISK_BYTES = 1 << 20, PIECES = 16, PIECE_BYTES = 128 << 10 };

/* A file on a small disk of its own; -1 when none may be mounted. */
static int file_on_a_small_disk(void) {
    char folder[] = P_tmpdir "/bwrt-small-XXXXXX";
    char path[64];
    int fd = -1;

    if (mkdtemp(folder) == NULL) return -1;
    if (unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
        mount("none", folder, "tmpfs", 0, "size=1048576") == 0) {
        snprintf(path, sizeof(path), "%s/file", folder);
        fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
        umount2(folder, MNT_DETACH); /* the open file keeps it */
    }
    rmdir(folder);
    return fd;
}

static int small_file(void) {
    const int fd = file_on_a_small_disk();

    if (fd >= 0) return fd;
    const struct rlimit limit = {DISK_BYTES, DISK_BYTES};

    fprintf(stderr, "no mount: %s; RLIMIT_FSIZE instead\n", strerror(errno));
    signal(SIGXFSZ, SIG_IGN);
    return setrlimit(RLIMIT_FSIZE, &limit) == 0 ? pattern_file(0) : -1;
}

static int pieces_that_do_not_fit_fail_and_those_that_do_are_there(void) {
    const bwrt_region memory = allocated_region_of(0, (uint64_t)PIECES * PIECE_BYTES);
    const bwrt_config config = config_of_mode();
    bwrt_operation operations[PIECES];
    bwrt_result results[PIECES];
    bwrt_wave wave = wave_of(operations, PIECES);
    bwrt_region_info info;
    bwrt_completion completion;
    bwrt_handle source = 0, target = 0;
    faults self;
    uint64_t done = 0;
    uint32_t whole_count = 0;

    EXPECT(faults_open(&self, &config) == 0);
    const int fd = small_file();
    const bwrt_region file = file_region_of(fd, 0, (uint64_t)PIECES * PIECE_BYTES);

    EXPECT(fd >= 0);
    memset(&info, 0, sizeof(info));
    info.struct_size = sizeof(info);
    EXPECT(bwrt_region_add(self.runtime, &memory, &source, &info, NULL) == BWRT_OK);
    EXPECT(bwrt_region_add(self.runtime, &file, &target, NULL, NULL) == BWRT_OK);
    for (uint64_t i = 0; i < PIECES; ++i) {
        operations[i] = write_of(&self, i * PIECE_BYTES, i * PIECE_BYTES, PIECE_BYTES);
        operations[i].source = source;
        operations[i].target = target;
        memset((unsigned char*)info.address + i * PIECE_BYTES, (int)i + 1, PIECE_BYTES);
    }
    with_results(&wave, results, PIECES);

    EXPECT(run_wave(&self, &wave, &completion) == BWRT_E_NOSPC);

    for (uint32_t i = 0; i < PIECES; ++i) {
        static unsigned char bytes[PIECE_BYTES];

        if (results[i].status == BWRT_OK) {
            EXPECT(results[i].bytes == PIECE_BYTES);
            ++whole_count;
        } else {
            EXPECT(results[i].status == BWRT_E_NOSPC);
        }
        done += results[i].bytes;
        EXPECT(pread(fd, bytes, results[i].bytes, (off_t)i * PIECE_BYTES) ==
               (ssize_t)results[i].bytes);
        EXPECT(is_filled_with(bytes, (int)i + 1, results[i].bytes));
    }
    EXPECT(completion.bytes == done);
    EXPECT(done > 0 && done <= DISK_BYTES);
    EXPECT(completion.os_code == ENOSPC || completion.os_code == EFBIG);
    EXPECT(completion.operation_index < PIECES);
    EXPECT(results[completion.operation_index].status == BWRT_E_NOSPC);
    EXPECT(completion.prefix_count <= whole_count);
    EXPECT(still_works(&self));

    EXPECT(ftruncate(fd, 0) == 0);
    wave.operation_count = DISK_BYTES / PIECE_BYTES / 2;
    EXPECT(run_wave(&self, &wave, &completion) == BWRT_OK);
    EXPECT(completion.bytes == DISK_BYTES / 2);
    EXPECT(faults_close(&self) == 0);
    return 0;
}

static int one_long_write_says_how_far_it_came(void) {
    const bwrt_config config = config_of_mode();
    bwrt_region memory = allocated_region_of(0, 2 * DISK_BYTES);
    bwrt_completion completion;
    bwrt_handle source = 0, target = 0;
    faults self;

    EXPECT(faults_open(&self, &config) == 0);
    const int fd = small_file();
    const bwrt_region file = file_region_of(fd, 0, 2 * DISK_BYTES);
    bwrt_operation operation = write_of(&self, 0, 0, DISK_BYTES + DISK_BYTES / 2);
    const bwrt_wave wave = wave_of(&operation, 1);
    struct stat stat;

    EXPECT(bwrt_region_add(self.runtime, &memory, &source, NULL, NULL) == BWRT_OK);
    EXPECT(bwrt_region_add(self.runtime, &file, &target, NULL, NULL) == BWRT_OK);
    operation.source = source;
    operation.target = target;

    EXPECT(run_wave(&self, &wave, &completion) == BWRT_E_NOSPC);

    EXPECT(completion.operation_index == 0);
    EXPECT(completion.verdict == BWRT_VERDICT_RECOMPUTE);
    EXPECT(fstat(fd, &stat) == 0);
    EXPECT(completion.bytes > 0 && completion.bytes <= (uint64_t)stat.st_size);
    EXPECT(faults_close(&self) == 0);
    return 0;
}

static void pieces_that_do_not_fit_fail_alone(void** state) {
    (void)state;
    run_in_child(pieces_that_do_not_fit_fail_and_those_that_do_are_there);
}

static void one_long_write_is_counted_as_far_as_it_came(void** state) {
    (void)state;
    run_in_child(one_long_write_says_how_far_it_came);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_that_do_not_fit_fail_alone),
        cmocka_unit_test(one_long_write_is_counted_as_far_as_it_came),
    };
    int failures = 0;

    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
