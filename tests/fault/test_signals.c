/* SPDX-License-Identifier: Apache-2.0
 *
 * Signals.  Those that hit the caller while he waits are invisible to him; those for our threads
 * never run a handler of the host's there; one that means a full disk is a status. */

#define _GNU_SOURCE 1
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "tests/fault/child.h"

enum { WAVES = 400, BYTES = 65536 };

static volatile sig_atomic_t handled_here, handled_elsewhere;
static pthread_t main_thread;

static void on_signal(int number) {
    (void)number;
    if (pthread_equal(pthread_self(), main_thread)) {
        ++handled_here;
    } else {
        ++handled_elsewhere;
    }
}

static void handle(int number, int flags) {
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    action.sa_flags = flags;
    sigaction(number, &action, NULL);
    main_thread = pthread_self();
    handled_here = handled_elsewhere = 0;
}

static void a_thousand_alarms_a_second_are_invisible(void** state) {
    faults* self = *state;
    const struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    unsigned wave_count = 0;
    bwrt_status status = BWRT_OK;
    int right = 1;

    handle(SIGALRM, 0); /* without SA_RESTART */
    setitimer(ITIMER_REAL, &often, NULL);
    while ((wave_count < WAVES || handled_here < 100) && status == BWRT_OK && right) {
        bwrt_operation operations[3] = {read_of(self, 0, 0, BYTES),
                                        write_of(self, BYTES, 2 * BYTES, BYTES), flush_of(self)};
        const bwrt_wave wave = wave_of(operations, wave_count % 16 == 0 ? 3 : 2);
        bwrt_completion completion;

        memset(self->memory, 0, BYTES);
        status = run_wave(self, &wave, &completion);
        right = has_pattern(self->memory, 0, BYTES);
        ++wave_count;
    }
    setitimer(ITIMER_REAL, &never, NULL);

    print_message("%u waves, %d alarms\n", wave_count, (int)handled_here);
    assert_int_equal(status, BWRT_OK);
    assert_true(right);
    assert_int_equal(handled_elsewhere, 0);
}

/* A wait that ends by its time does so in spite of them, and not by them. */
static void an_alarm_does_not_shorten_a_timeout(void** state) {
    faults* self = *state;
    const struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    const bwrt_operation operation = copy_of(self, 0, BYTES, 64);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle_of_wave = 0;
    bwrt_completion completion;

    wave.window = BWRT_WINDOW_TIME;
    wave.window_start = monotonic_ns() + 3600000000000u;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle_of_wave, NULL), BWRT_OK);
    handle(SIGALRM, 0);
    setitimer(ITIMER_REAL, &often, NULL);
    const uint64_t before_ns = monotonic_ns();
    const bwrt_status status =
        bwrt_wait(self->runtime, handle_of_wave, 50000000, &completion, NULL);
    const uint64_t after_ns = monotonic_ns();
    setitimer(ITIMER_REAL, &never, NULL);

    assert_int_equal(status, BWRT_E_TIMEOUT);
    assert_true(after_ns - before_ns >= 50000000);
}

/* To each thread of ours, by its id, and to the process while only they could take it. */
static void handlers_of_the_host_never_run_on_our_threads(void** state) {
    faults* self = *state;
    sigset_t usr1, before;
    unsigned ours = 0;

    handle(SIGUSR1, SA_RESTART);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr1, &before);
    DIR* tasks = opendir("/proc/self/task");

    assert_non_null(tasks);
    for (struct dirent* task; (task = readdir(tasks)) != NULL;) {
        char path[300], name[32] = {0};
        FILE* file;

        snprintf(path, sizeof(path), "/proc/self/task/%s/comm", task->d_name);
        file = fopen(path, "r");
        if (file == NULL) continue;
        if (fgets(name, sizeof(name), file) != NULL && strncmp(name, "bwrt", 4) == 0) {
            syscall(SYS_tgkill, getpid(), atoi(task->d_name), SIGUSR1);
            ++ours;
        }
        fclose(file);
    }
    closedir(tasks);
    for (int i = 0; i < 20; ++i) {
        kill(getpid(), SIGUSR1);
        assert_still_works(self);
    }

    assert_int_equal(handled_elsewhere, 0);
    assert_int_equal(handled_here, 0);
    if (fault_mode_now->progress == BWRT_PROGRESS_THREAD) assert_true(ours > 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert_int_equal(handled_here, 1); /* it was for the process, and waited for us */
}

/* SIGXFSZ kills by default.  Writes are made by threads of ours; in caller mode with io_uring
 * the kernel may write on the caller's own, whose signals are his. */
static int write_past_the_limit(void) {
    const struct rlimit limit = {FAULTS_BYTES, FAULTS_BYTES};
    bwrt_config config = config_of_mode();
    bwrt_region longer;
    bwrt_completion completion;
    faults self;

    if (config.progress == BWRT_PROGRESS_CALLER && config.storage == BWRT_STORAGE_URING) {
        signal(SIGXFSZ, SIG_IGN);
    }
    EXPECT(faults_open(&self, &config) == 0);
    longer = file_region_of(self.fd, 0, 2 * FAULTS_BYTES);
    EXPECT(bwrt_release(self.runtime, self.file_region, NULL) == BWRT_OK);
    EXPECT(bwrt_region_add(self.runtime, &longer, &self.file_region, NULL, NULL) == BWRT_OK);
    EXPECT(setrlimit(RLIMIT_FSIZE, &limit) == 0);

    const bwrt_operation over = write_of(&self, 0, FAULTS_BYTES, BYTES);
    const bwrt_operation astride = write_of(&self, 0, FAULTS_BYTES - 4096, BYTES);
    const bwrt_wave beyond = wave_of(&over, 1), across = wave_of(&astride, 1);

    EXPECT(run_wave(&self, &beyond, &completion) == BWRT_E_NOSPC);
    EXPECT(completion.os_code == EFBIG);
    EXPECT(completion.bytes == 0);
    EXPECT(run_wave(&self, &across, &completion) == BWRT_E_NOSPC);
    EXPECT(completion.bytes == 4096);
    EXPECT(still_works(&self));
    EXPECT(faults_close(&self) == 0);
    return 0;
}

static void a_write_past_the_file_size_limit_is_a_status(void** state) {
    (void)state;
    run_in_child(write_past_the_limit);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_thousand_alarms_a_second_are_invisible),
        IN_WORLD(an_alarm_does_not_shorten_a_timeout),
        IN_WORLD(handlers_of_the_host_never_run_on_our_threads),
        cmocka_unit_test(a_write_past_the_file_size_limit_is_a_status),
    };
    int failures = 0;

    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
