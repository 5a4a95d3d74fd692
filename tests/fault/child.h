/* SPDX-License-Identifier: Apache-2.0
 *
 * child.h — for faults that a process does not recover from: limits, filters, another user.  The
 * body runs in a child of fork() and says 0, or the line that failed; it must not use the asserts
 * of CMocka, which would jump into the parent's test. */

#ifndef BWRT_TESTS_FAULT_CHILD_H
#define BWRT_TESTS_FAULT_CHILD_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/fault/faults.h"

enum { CHILD_SKIPS = 77 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

#define EXPECT(condition)                                                                    \
    do {                                                                                     \
        if (!(condition)) {                                                                  \
            fprintf(stderr, "%s:%d: %s, errno %d\n", __FILE__, __LINE__, #condition, errno); \
            return 1;                                                                        \
        }                                                                                    \
    } while (0)

/* Fails the test unless the body returned 0; skips it when the body says CHILD_SKIPS. */
static inline void run_in_child(int (*body)(void)) {
    int how = 0;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        alarm(120);
        how = body();
        fflush(NULL);
        _exit(how);
    }
    assert_true(child > 0);
    while (waitpid(child, &how, 0) != child) {
    }
    if (WIFSIGNALED(how)) fail_msg("the child ended by signal %d", WTERMSIG(how));
    if (WEXITSTATUS(how) == CHILD_SKIPS) skip();
    assert_int_equal(WEXITSTATUS(how), 0);
}

/* As containers (EPERM) and old kernels (ENOSYS) do; for good. */
static inline int deny_io_uring(int denied_errno) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), /* seccomp_data.nr */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_enter, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_register, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ((uint32_t)denied_errno & 0xFFFF)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {(unsigned short)(sizeof(filter) / sizeof(filter[0])),
                                       filter};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* As assert_still_works(), for a child. */
static inline int still_works(faults* self) {
    const bwrt_operation operation = read_of(self, 4096, FAULTS_BYTES - 8192, 4096);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_completion completion;

    memset(self->memory + FAULTS_BYTES - 8192, 0, 4096);
    return run_wave(self, &wave, &completion) == BWRT_OK &&
           has_pattern(self->memory + FAULTS_BYTES - 8192, 4096, 4096);
}

static inline bwrt_caps caps_of(bwrt_runtime* runtime) {
    bwrt_caps caps;

    memset(&caps, 0, sizeof(caps));
    caps.struct_size = sizeof(caps);
    bwrt_get_caps(runtime, &caps, NULL);
    return caps;
}

#endif
