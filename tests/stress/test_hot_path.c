/* SPDX-License-Identifier: Apache-2.0
 *
 * After warming up, moving bytes allocates nothing and takes no lock, on any thread of the process:
 * the C library's functions for both are the ones below, and they count. */

#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>

#include "tests/stress/hot_path.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

static atomic_long allocation_count, lock_count;

#ifndef HAS_SANITIZER

static atomic_int measuring;

extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);
extern void __libc_free(void*);

static void note(atomic_long* counter) {
    if (atomic_load_explicit(&measuring, memory_order_relaxed)) atomic_fetch_add(counter, 1);
}

#define REPLACES __attribute__((visibility("default")))

REPLACES void* malloc(size_t bytes) {
    note(&allocation_count);
    return __libc_malloc(bytes);
}

REPLACES void* calloc(size_t count, size_t bytes) {
    note(&allocation_count);
    return __libc_calloc(count, bytes);
}

REPLACES void* realloc(void* before, size_t bytes) {
    note(&allocation_count);
    return __libc_realloc(before, bytes);
}

REPLACES void* aligned_alloc(size_t alignment, size_t bytes) {
    note(&allocation_count);
    return __libc_memalign(alignment, bytes);
}

REPLACES void free(void* address) {
    note(&allocation_count);
    __libc_free(address);
}

/* The real one, looked for before anything is measured. */
#define PASSES_ON(name, parameters, arguments)                                    \
    static int(*real_##name) parameters;                                          \
    REPLACES int name parameters {                                                \
        note(&lock_count);                                                        \
        if (real_##name == NULL) *(void**)&real_##name = dlsym(RTLD_NEXT, #name); \
        return real_##name arguments;                                             \
    }

PASSES_ON(pthread_mutex_lock, (pthread_mutex_t * mutex), (mutex))
PASSES_ON(pthread_mutex_trylock, (pthread_mutex_t * mutex), (mutex))
PASSES_ON(pthread_cond_wait, (pthread_cond_t * condition, pthread_mutex_t* mutex),
          (condition, mutex))
PASSES_ON(pthread_cond_signal, (pthread_cond_t * condition), (condition))
PASSES_ON(pthread_cond_broadcast, (pthread_cond_t * condition), (condition))
PASSES_ON(pthread_rwlock_rdlock, (pthread_rwlock_t * lock), (lock))
PASSES_ON(pthread_rwlock_wrlock, (pthread_rwlock_t * lock), (lock))

#endif

/* Each shape fifty times.  Not more: on one core a wave costs a time slice or two, for whoever
 * waits spins. */
enum { HOT_WAVES = 150 };

static void measure(int reads) {
    bwrt_config config = config_of_mode();
    bwrt_handle layout = 0;
    faults self;

    config.spin_ns = 100000000; /* nobody falls asleep */
    assert_int_equal(faults_open(&self, &config), 0);
    assert_int_equal(add_hot_layout(&self, &layout), BWRT_OK);
    assert_int_equal(run_hot_waves(&self, HOT_WAVES, reads, layout), 0);
    atomic_store(&allocation_count, 0);
    atomic_store(&lock_count, 0);

#ifndef HAS_SANITIZER
    atomic_store(&measuring, 1);
    const uint32_t failed_count = run_hot_waves(&self, HOT_WAVES, reads, layout);
    atomic_store(&measuring, 0);

    assert_int_equal(failed_count, 0);
#else
    print_message("not counted: the sanitizer has an allocator and locks of its own\n");
#endif

    assert_int_equal(atomic_load(&allocation_count), 0);
    assert_int_equal(atomic_load(&lock_count), 0);
    assert_int_equal(faults_close(&self), 0);
}

static void copies_allocate_nothing_and_take_no_lock(void** state) {
    (void)state;
    measure(0);
}

static void reads_allocate_nothing_and_take_no_lock(void** state) {
    (void)state;
    measure(1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_allocate_nothing_and_take_no_lock),
        cmocka_unit_test(reads_allocate_nothing_and_take_no_lock),
    };
    int failures = 0;

#ifndef HAS_SANITIZER
    pthread_mutex_t warm = PTHREAD_MUTEX_INITIALIZER;

    pthread_mutex_lock(&warm);
    pthread_mutex_unlock(&warm);
#endif
    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
