/* SPDX-License-Identifier: Apache-2.0
 *
 * replay_trace.c — the main job of bwrt in small: replays a trace of prompts against a
 * block cache in memory and a file, at the pace of the trace or faster.
 *
 *   trace.c ──requests──▶ replay.c ──waves──▶ bwrt
 *                            └── block_cache.c, one for memory, one for the file
 *
 * This file opens and closes, keeps time and ends cleanly on Ctrl-C; replay.c is what an
 * engine would take over.  `replay_trace --help` tells the options. */

#define _GNU_SOURCE 1 /* mkostemp */

#include <bwrt.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "replay.h"

#define WAIT_NS_MAX ((uint64_t)100 * 1000 * 1000) /* then look at Ctrl-C and progress */

static volatile sig_atomic_t interrupted;

static void interrupt(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

static void* must_allocate(size_t count, size_t element_bytes) {
    void* memory = calloc(count + 1, element_bytes);
    must_system(memory == NULL ? -1 : 0, "memory for the replay");
    return memory;
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void work_until(Replay* replay, uint64_t due_ns) {
    for (uint64_t now = now_ns(); now < due_ns && !interrupted; now = now_ns()) {
        const uint64_t left_ns = due_ns - now < WAIT_NS_MAX ? due_ns - now : WAIT_NS_MAX;
        const struct timespec pause = {.tv_nsec = (long)left_ns};
        if (replay->started_count > replay->retired_count)
            step(replay, (int64_t)left_ns);
        else
            nanosleep(&pause, NULL);
        progress_show(&replay->totals, now);
    }
}

static void run(Replay* replay) {
    const Trace* trace = replay->trace;
    const double speed = replay->options->speed;
    const uint64_t start_ns = now_ns();

    for (uint64_t i = 0; i < trace->request_count && !interrupted; i++) {
        const double arrival_ns = (double)trace->requests[i].arrival_ns;
        if (speed > 0) work_until(replay, start_ns + (uint64_t)(arrival_ns / speed));
        if (interrupted) break;
        start_request(replay, &trace->requests[i]);
        progress_show(&replay->totals, now_ns());
        replay->totals.trace_seconds = 1e-9 * arrival_ns;
    }
    while (replay->retired_count < replay->started_count) step(replay, -1);
    replay->totals.elapsed_ns = now_ns() - start_ns;
    replay->totals.interrupted = interrupted != 0;
    progress_clear();
}

static int open_block_file(const Options* options) {
    const off_t length = (off_t)(options->disk_block_count * BLOCK_BYTES);
    const char* folder = getenv("TMPDIR");
    char name[4096];
    struct stat status;
    int fd = -1;

    if (options->file_path != NULL) {
        fd = open(options->file_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        must_system(fd, options->file_path);
    } else {
        snprintf(name, sizeof(name), "%s/replay_trace.XXXXXX", folder != NULL ? folder : "/tmp");
        fd = mkostemp(name, O_CLOEXEC);
        must_system(fd, name);
        must_system(unlink(name), name); /* gone with the process, however that ends */
    }
    must_system(fstat(fd, &status), "fstat");
    if (S_ISREG(status.st_mode)) {
        must_system(ftruncate(fd, length), "length of the block file");
        errno = posix_fallocate(fd, 0, length); /* no space is said now */
        must_system(errno == 0 ? 0 : -1, "space for the block file");
    }
    return fd;
}

/* One plane: slot s of the region at s * BLOCK_BYTES.  An engine has one for each layer's K
 * and V. */
static bwrt_handle add_layout(Replay* replay, bwrt_handle region, uint32_t slot_count) {
    const bwrt_plane plane = {
        .region = region, .slot_stride_bytes = BLOCK_BYTES, .length_bytes = BLOCK_BYTES};
    const bwrt_layout layout = {.struct_size = sizeof(layout),
                                .slot_count = slot_count,
                                .block_bytes = BLOCK_BYTES,
                                .planes = &plane,
                                .plane_count = 1,
                                .plane_bytes = sizeof(plane)};
    bwrt_handle handle = 0;

    must(bwrt_layout_add(replay->runtime, &layout, &handle, &last_error));
    return handle;
}

static void open_replay(Replay* replay, const Options* options, const Trace* trace) {
    *replay = (Replay){.options = options, .trace = trace, .fd = open_block_file(options)};
    const bwrt_region memory = {.struct_size = sizeof(memory),
                                .kind = BWRT_REGION_ALLOCATED,
                                .flags = BWRT_REGION_HUGE | BWRT_REGION_PREFAULT,
                                .length_bytes = options->memory_block_count * BLOCK_BYTES};
    const bwrt_region file = {.struct_size = sizeof(file),
                              .kind = BWRT_REGION_FILE,
                              .flags = options->direct ? BWRT_REGION_DIRECT : 0,
                              .fd = replay->fd,
                              .length_bytes = options->disk_block_count * BLOCK_BYTES};
    bwrt_region_info memory_info = {.struct_size = sizeof(memory_info)};
    bwrt_region_info file_info = {.struct_size = sizeof(file_info)};
    bwrt_handle region = 0;

    must(bwrt_open(NULL, &replay->runtime, &last_error));
    must(bwrt_region_add(replay->runtime, &memory, &region, &memory_info, &last_error));
    replay->memory = memory_info.address;
    replay->memory_layout = add_layout(replay, region, options->memory_block_count);
    must(bwrt_region_add(replay->runtime, &file, &region, &file_info, &last_error));
    replay->file_layout = add_layout(replay, region, options->disk_block_count);
    if (options->direct && (file_info.flags & BWRT_REGION_DIRECT) == 0)
        fprintf(stderr, "not direct: %s\n", file_info.reason);

    if (!block_cache_init(&replay->in_memory, options->memory_block_count) ||
        !block_cache_init(&replay->in_file, options->disk_block_count))
        must_system(-1, "memory for the replay");
    replay->totals.requests_planned = trace->request_count;
    replay->totals.latency_ns = must_allocate(trace->request_count, sizeof(uint64_t));
    replay->active = must_allocate(options->in_flight_count, sizeof(ActiveRequest));
    for (uint32_t i = 0; i < options->in_flight_count; i++) {
        ActiveRequest* active = &replay->active[i];
        active->prefix_slots = must_allocate(trace->block_count_max, sizeof(uint32_t));
        active->memory_slots = must_allocate(trace->block_count_max, sizeof(uint32_t));
        active->file_slots = must_allocate(trace->block_count_max, sizeof(uint32_t));
    }
}

static void close_replay(Replay* replay) {
    must(bwrt_shutdown(replay->runtime, BWRT_SHUTDOWN_DRAIN, -1, &last_error));
    must(bwrt_close(replay->runtime, &last_error));
    close(replay->fd);
    for (uint32_t i = 0; i < replay->options->in_flight_count; i++) {
        free(replay->active[i].prefix_slots);
        free(replay->active[i].memory_slots);
        free(replay->active[i].file_slots);
    }
    free(replay->active);
    free(replay->totals.latency_ns);
    block_cache_free(&replay->in_memory);
    block_cache_free(&replay->in_file);
}

int main(int argc, char** argv) {
    const struct sigaction on_signal = {.sa_handler = interrupt};
    Options options;
    Trace trace;
    Replay replay;
    int exit_status = 0;

    /* First of all, for what comes before the first request may take its time. */
    sigaction(SIGINT, &on_signal, NULL);
    sigaction(SIGTERM, &on_signal, NULL);
    if (!options_parse(argc, argv, &options, &exit_status)) return exit_status;
    if (!(options.trace_path == NULL ? trace_generate(options.seed, options.seconds, &trace)
                                     : trace_read(options.trace_path, options.seconds, &trace)))
        return EXIT_FAILURE;
    open_replay(&replay, &options, &trace);
    run(&replay);
    totals_print(&replay.totals, &options);
    const bool right = replay.totals.wrong_bytes == 0 && replay.totals.failed_waves == 0;
    close_replay(&replay);
    trace_free(&trace);
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
