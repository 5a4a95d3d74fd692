/* SPDX-License-Identifier: Apache-2.0
 *
 * epoll_loop.c — bwrt inside somebody's event loop: epoll_loop FILE [WAVES_IN_FLIGHT]
 *
 * The runtime has no thread (BWRT_PROGRESS_CALLER): its event fd lies in the
 * loop's epoll set beside a timer, and whenever it is readable the loop calls
 * bwrt_poll(), which drives the waves and hands out those that ended.  Each ended
 * wave frees a buffer, and the next chunk of the file is read into it.
 *
 *   epoll_wait ─▶ event fd ─▶ bwrt_poll ─▶ completion ─▶ submit the next chunk
 *              └▶ timer fd ─▶ the loop's own work, never held up by a read
 */
#define _GNU_SOURCE 1 /* clock_gettime */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "bwrt.h"

#define CHUNK_BYTES ((uint64_t)256 * 1024)

enum { WAVES_IN_FLIGHT_MAX = 64, TICK_NS = 10 * 1000 * 1000 };

typedef struct Reader {
    bwrt_runtime* runtime;
    bwrt_handle file;
    bwrt_handle buffers; /* one chunk for each wave in flight */
    uint64_t file_bytes;
    uint64_t next_offset_bytes; /* the first byte not asked for yet */
    uint64_t read_bytes;
    uint64_t wave_count;
    uint64_t tick_count;
    uint32_t in_flight_count;
} Reader;

static bwrt_error error; /* the sentence of the call that failed */

static void must(bwrt_status status) {
    if (status == BWRT_OK) return;
    fprintf(stderr, "%s: %s\n", bwrt_status_name(status), error.message);
    exit(EXIT_FAILURE);
}

static void must_system(int result, const char* what) {
    if (result >= 0) return;
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

/* Reads the next chunk into the buffer, if the file has one. */
static void submit_next(Reader* reader, uint64_t buffer_index) {
    const uint64_t left_bytes = reader->file_bytes - reader->next_offset_bytes;
    bwrt_operation operation = {
        .kind = BWRT_OP_READ,
        .source = reader->file,
        .target = reader->buffers,
        .source_offset_bytes = reader->next_offset_bytes,
        .target_offset_bytes = buffer_index * CHUNK_BYTES,
        .length_bytes = left_bytes < CHUNK_BYTES ? left_bytes : CHUNK_BYTES};
    bwrt_wave wave = {.struct_size = sizeof(wave),
                      .operations = &operation,
                      .operation_count = 1,
                      .operation_bytes = sizeof(operation),
                      .delivery = BWRT_DELIVER_QUEUE,
                      .user_data = buffer_index};
    bwrt_handle handle = 0;

    if (left_bytes == 0) return;
    must(bwrt_submit_wave(reader->runtime, &wave, &handle, &error));
    reader->next_offset_bytes += operation.length_bytes;
    reader->in_flight_count++;
    reader->wave_count++;
}

/* The event fd was readable: drive, take what ended, keep the buffers busy. */
static void take_completions(Reader* reader) {
    bwrt_completion completions[16];
    uint32_t count = 0;

    must(bwrt_poll(reader->runtime, completions, 16, &count, &error));
    for (uint32_t i = 0; i < count; i++) {
        if (completions[i].status != BWRT_OK) {
            fprintf(stderr, "a wave ended with %s, os_code %d\n",
                    bwrt_status_name(completions[i].status), completions[i].os_code);
            exit(EXIT_FAILURE);
        }
        reader->in_flight_count--;
        reader->read_bytes += completions[i].bytes;
        submit_next(reader, completions[i].user_data);
    }
}

static void watch(int epoll_fd, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    must_system(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

static int start_timer(void) {
    const struct itimerspec every = {.it_interval.tv_nsec = TICK_NS, .it_value.tv_nsec = TICK_NS};
    const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

    must_system(fd, "timerfd_create");
    must_system(timerfd_settime(fd, 0, &every, NULL), "timerfd_settime");
    return fd;
}

static void run_loop(Reader* reader) {
    const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    const int timer_fd = start_timer();
    int32_t event_fd = -1;

    must_system(epoll_fd, "epoll_create1");
    must(bwrt_event_fd(reader->runtime, &event_fd, &error));
    watch(epoll_fd, event_fd);
    watch(epoll_fd, timer_fd);

    while (reader->in_flight_count > 0) {
        struct epoll_event events[2];
        const int count = epoll_wait(epoll_fd, events, 2, -1);
        if (count < 0 && errno != EINTR) must_system(count, "epoll_wait");
        for (int i = 0; i < count; i++) {
            uint64_t expired = 0;
            if (events[i].data.fd == event_fd)
                take_completions(reader);
            else if (read(timer_fd, &expired, sizeof(expired)) == sizeof(expired))
                reader->tick_count += expired;
        }
    }
    close(timer_fd);
    close(epoll_fd);
}

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int main(int argc, char** argv) {
    const int in_flight = argc > 2 ? atoi(argv[2]) : 8;
    if (argc < 2 || in_flight < 1 || in_flight > WAVES_IN_FLIGHT_MAX) {
        fprintf(stderr, "usage: epoll_loop FILE [WAVES_IN_FLIGHT, 1 to %d]\n", WAVES_IN_FLIGHT_MAX);
        return 2;
    }
    const int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    must_system(fd, argv[1]);

    Reader reader = {0};
    bwrt_config config = {.struct_size = sizeof(config), .progress = BWRT_PROGRESS_CALLER};
    bwrt_region file = {.struct_size = sizeof(file),
                        .kind = BWRT_REGION_FILE,
                        .flags = BWRT_REGION_READ_ONLY,
                        .fd = fd};
    bwrt_region memory = {.struct_size = sizeof(memory),
                          .kind = BWRT_REGION_ALLOCATED,
                          .length_bytes = (uint64_t)in_flight * CHUNK_BYTES};
    bwrt_region_info info = {.struct_size = sizeof(info)};
    must(bwrt_open(&config, &reader.runtime, &error));
    must(bwrt_region_add(reader.runtime, &file, &reader.file, &info, &error));
    must(bwrt_region_add(reader.runtime, &memory, &reader.buffers, NULL, &error));
    reader.file_bytes = info.length_bytes;

    const double start = seconds_now();
    for (int i = 0; i < in_flight; i++) submit_next(&reader, (uint64_t)i);
    run_loop(&reader);
    const double seconds = seconds_now() - start;

    printf("%" PRIu64 " bytes in %" PRIu64 " waves, %d at a time: %.1f ms, %.2f GB/s, %" PRIu64
           " ticks of the loop's timer\n",
           reader.read_bytes, reader.wave_count, in_flight, 1e3 * seconds,
           1e-9 * (double)reader.read_bytes / seconds, reader.tick_count);
    must(bwrt_shutdown(reader.runtime, BWRT_SHUTDOWN_DRAIN, -1, &error));
    must(bwrt_close(reader.runtime, &error));
    close(fd);
    return reader.read_bytes == reader.file_bytes ? EXIT_SUCCESS : EXIT_FAILURE;
}
