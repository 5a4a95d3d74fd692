/* SPDX-License-Identifier: Apache-2.0
 *
 * steps.h — a thread that is held up before one of its instructions, of a number that the test
 * chooses: with numbers all over the code under test, a preemption at each place there is.
 *
 *   held thread   steps_begin() .. code under test .. steps_end()
 *   test          steps_arm(n), start it, steps_wait(): held, or through already
 *                 do what others do meanwhile
 *                 steps_let_go(), do what may have to wait for it, steps_need_not_wait()
 *
 * The processor's trap flag gives the thread a signal after each instruction, and the handler
 * counts.  Between steps_let_go() and steps_need_not_wait() it goes on after a while of its own
 * accord: the code that is right waits for it, the code that is wrong is through by then.  Everyone
 * sleeps while he waits, or a busy machine would take its time to come back to him.
 *
 * Needs x86-64, and no thread sanitizer, whose runtime would be held up in its own locks. */

#ifndef BWRT_TESTS_SUPPORT_STEPS_H
#define BWRT_TESTS_SUPPORT_STEPS_H

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__)
#define STEPS_THREAD_SANITIZER 1
#elif defined(__SANITIZE_ADDRESS__)
#define STEPS_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define STEPS_THREAD_SANITIZER 1
#elif __has_feature(address_sanitizer)
#define STEPS_ADDRESS_SANITIZER 1
#endif
#endif

#if defined(__x86_64__) && !defined(STEPS_THREAD_SANITIZER)
#define HAS_STEPS 1

/* The address sanitizer has ten instructions to each of ours: it sees to memory, not to places. */
#if defined(STEPS_ADDRESS_SANITIZER)
enum { STEPS_PLACES = 16 };
#else
enum { STEPS_PLACES = 128 };
#endif
enum { STEPS_ALONE_MS = 2 };

static struct steps {
    uint32_t count;
    uint32_t holds_at;
    int held;
    int stopped_fd, go_fd, hurry_fd; /* 0: not made yet */
} steps_now;

static inline void steps_say(int fd) {
    const uint64_t one = 1;

    if (write(fd, &one, sizeof(one)) != sizeof(one)) abort();
}

static inline void steps_hear(int fd, int timeout_ms) {
    struct pollfd look = {fd, POLLIN, 0};

    while (poll(&look, 1, timeout_ms) < 0) {
    }
}

/* Calls nothing but what a handler may. */
static inline void steps_count_one(int number) {
    const int errno_before = errno;

    (void)number;
    if (__atomic_fetch_add(&steps_now.count, 1, __ATOMIC_RELAXED) != steps_now.holds_at) return;
    __atomic_store_n(&steps_now.held, 1, __ATOMIC_SEQ_CST);
    steps_say(steps_now.stopped_fd);
    steps_hear(steps_now.go_fd, -1);
    steps_hear(steps_now.hurry_fd, STEPS_ALONE_MS);
    errno = errno_before;
}

/* UINT32_MAX holds it up nowhere, and counts. */
static inline void steps_arm(uint32_t number) {
    int* const fds[3] = {&steps_now.stopped_fd, &steps_now.go_fd, &steps_now.hurry_fd};
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = steps_count_one;
    sigaction(SIGTRAP, &action, NULL);
    for (int i = 0; i < 3; ++i) {
        if (*fds[i] != 0) close(*fds[i]);
        *fds[i] = eventfd(0, EFD_CLOEXEC);
        if (*fds[i] <= 0) abort();
    }
    steps_now.count = 0;
    steps_now.held = 0;
    steps_now.holds_at = number;
}

/* 1 when it is held up, 0 when it was through before. */
static inline int steps_wait(void) {
    steps_hear(steps_now.stopped_fd, -1);
    return __atomic_load_n(&steps_now.held, __ATOMIC_SEQ_CST);
}

static inline void steps_let_go(void) { steps_say(steps_now.go_fd); }

static inline void steps_need_not_wait(void) { steps_say(steps_now.hurry_fd); }

/* Of a thread that is through. */
static inline uint32_t steps_taken(void) { return steps_now.count; }

/* The numbers to hold it up at: all, or so many places of equal distance. */
static inline uint32_t steps_place_count(uint32_t taken) {
    return taken < STEPS_PLACES ? taken : (uint32_t)STEPS_PLACES;
}

static inline uint32_t steps_place(uint32_t place, uint32_t taken) {
    return (uint32_t)((uint64_t)place * taken / steps_place_count(taken));
}

/* What is below the stack pointer may be the compiler's: 128 bytes are left alone. */
static inline void steps_begin(void) {
    __asm__ volatile(
        "leaq -128(%%rsp), %%rsp\n\tpushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\t"
        "leaq 128(%%rsp), %%rsp" ::
            : "memory", "cc");
}

static inline void steps_end(void) {
    __asm__ volatile(
        "leaq -128(%%rsp), %%rsp\n\tpushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq\n\t"
        "leaq 128(%%rsp), %%rsp" ::
            : "memory", "cc");
    steps_say(steps_now.stopped_fd);
}

#endif
#endif
