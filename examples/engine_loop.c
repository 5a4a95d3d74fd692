/* SPDX-License-Identifier: Apache-2.0
 *
 * engine_loop.c — what an engine does with each outcome:
 * engine_loop FILE [REQUESTS [DEADLINE_MS [HANG_UP_EVERY]]]
 *
 * A request wants some blocks of KV cache.  Those in the file are loaded in one wave that has a
 * deadline, for after it computing is cheaper; whatever cannot be loaded is computed, and what was
 * computed is stored in the background.
 *
 *   wanted ─▶ known? ─▶ load ─▶ result ok? ─▶ checksum ok? ─▶ used
 *               └──────────┴────────┴──────────────┴──▶ compute ─▶ used ─▶ store
 *
 * FILE is overwritten.  Nothing that goes wrong below ends it, and no wrong byte is used: run it on
 * the fault-injecting library and see (docs/faults.md).
 */
#define _GNU_SOURCE 1 /* nanosleep */

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bwrt.h"

#define BLOCK_BYTES ((size_t)16384)

enum { BLOCK_COUNT = 64, WANTED = 8, STORES = 4, TRIES = 8 };

static bwrt_runtime* runtime;
static bwrt_handle file, memory;
static unsigned char* blocks; /* WANTED of the request, then STORES on their way to the file */
static uint64_t deadline_ns;
static uint32_t hang_up_every;
static struct {
    bool known; /* in the file, as far as anyone can say */
    uint64_t checksum;
} cache[BLOCK_COUNT];
static struct {
    bool busy;
    uint32_t block;
} stores[STORES];
static struct {
    unsigned loaded, computed, wrong; /* blocks that were used */
    unsigned io, truncated, late, cancelled, failed, corrupt;
    unsigned stored, no_space, not_stored;
    unsigned again;
} counts;
static bwrt_error error; /* the sentence of the call that failed */

static void must(bwrt_status status) {
    if (status == BWRT_OK) return;
    fprintf(stderr, "%s: %s: %s\n", bwrt_status_name(status), error.field, error.message);
    exit(EXIT_FAILURE);
}

/* The model: slow, and always right. */
static void compute(uint32_t block, unsigned char* bytes) {
    uint64_t state = block;
    for (size_t i = 0; i < BLOCK_BYTES; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (unsigned char)(state >> 56);
    }
}

static uint64_t checksum_of(const unsigned char* bytes) {
    uint64_t sum = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < BLOCK_BYTES; i++) sum = (sum ^ bytes[i]) * 1099511628211u;
    return sum;
}

/* Takes what became of stores.  A block that is not stored is computed again some day. */
static void settle_stores(void) {
    bwrt_completion done[STORES];
    uint32_t count = 0;

    must(bwrt_poll(runtime, done, STORES, &count, &error));
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t store = done[i].user_data;
        if (done[i].status == BWRT_OK) {
            cache[stores[store].block].known = true;
            counts.stored++;
        } else if (done[i].status == BWRT_E_NOSPC) {
            counts.no_space++; /* an engine of its own table evicts here */
        } else {
            counts.not_stored++;
        }
        stores[store].busy = false; /* its memory is ours again now, not before */
    }
}

/* E_AGAIN is of the moment: a table is full until something ends.  So take what ended, wait a
 * little longer each time, and at last do without. */
static bool submit(bwrt_wave* wave, int tries, bwrt_handle* handle) {
    struct timespec pause = {.tv_nsec = 100 * 1000};

    for (;;) {
        const bwrt_status status = bwrt_submit_wave(runtime, wave, handle, &error);
        if (status != BWRT_E_AGAIN) {
            must(status);
            return true;
        }
        counts.again++;
        settle_stores();
        if (--tries == 0) return false;
        nanosleep(&pause, NULL);
        pause.tv_nsec *= 2;
    }
}

static bwrt_wave wave_of(const bwrt_operation* operations, uint32_t count) {
    return (bwrt_wave){.struct_size = sizeof(bwrt_wave),
                       .flags = BWRT_WAVE_DEADLINE_RELATIVE,
                       .deadline_ns = deadline_ns,
                       .late = BWRT_LATE_ABORT,
                       .operations = operations,
                       .operation_count = count,
                       .operation_bytes = sizeof(bwrt_operation)};
}

/* True when the block is there, whole and right. */
static bool judge(uint32_t block, const unsigned char* bytes, bwrt_status status) {
    switch (status) {
        case BWRT_OK:
            if (checksum_of(bytes) == cache[block].checksum) return true;
            counts.corrupt++; /* said to be stored or read, and was not */
            break;
        case BWRT_E_LATE:
            counts.late++;
            return false; /* good next time */
        case BWRT_E_CANCELLED:
            counts.cancelled++;
            return false;
        case BWRT_E_TRUNCATED:
            counts.truncated++; /* the file is shorter than it should be */
            break;
        case BWRT_E_IO:
            counts.io++;
            break;
        default:
            counts.failed++;
    }
    cache[block].known = false; /* not asked for again before it is stored anew */
    return false;
}

static void load(const uint32_t* wanted, bool hangs_up, bool* loaded_out) {
    bwrt_operation operations[WANTED];
    bwrt_result results[WANTED];
    uint32_t slots[WANTED], count = 0;
    bwrt_handle handle = 0;
    bwrt_completion done;

    for (uint32_t slot = 0; slot < WANTED; slot++) {
        if (!cache[wanted[slot]].known) continue;
        operations[count] = (bwrt_operation){.kind = BWRT_OP_READ,
                                             .source = file,
                                             .source_offset_bytes = wanted[slot] * BLOCK_BYTES,
                                             .target = memory,
                                             .target_offset_bytes = slot * BLOCK_BYTES,
                                             .length_bytes = BLOCK_BYTES};
        slots[count++] = slot;
    }
    bwrt_wave wave = wave_of(operations, count);
    wave.results = results;
    wave.result_count = count;
    wave.result_bytes = sizeof(bwrt_result);
    if (count == 0 || !submit(&wave, TRIES, &handle)) return;
    if (hangs_up) must(bwrt_cancel(runtime, handle, &error));
    must(bwrt_wait(runtime, handle, -1, &done, &error)); /* its deadline ends it, if nothing else */
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t slot = slots[i];
        loaded_out[slot] = judge(wanted[slot], blocks + slot * BLOCK_BYTES, results[i].status);
    }
}

/* Never waits: a request does not stand still for what can be left out. */
static void store(uint32_t block, const unsigned char* bytes) {
    uint32_t free = 0;
    bwrt_handle handle = 0;

    while (free < STORES && stores[free].busy) free++;
    if (free < STORES) {
        const uint64_t offset_bytes = (WANTED + free) * BLOCK_BYTES;
        const bwrt_operation operation = {.kind = BWRT_OP_WRITE,
                                          .source = memory,
                                          .source_offset_bytes = offset_bytes,
                                          .target = file,
                                          .target_offset_bytes = block * BLOCK_BYTES,
                                          .length_bytes = BLOCK_BYTES};
        bwrt_wave wave = wave_of(&operation, 1);
        wave.priority = BWRT_PRIORITY_BACKGROUND;
        wave.delivery = BWRT_DELIVER_QUEUE;
        wave.user_data = free;
        memcpy(blocks + offset_bytes, bytes, BLOCK_BYTES);
        cache[block].checksum = checksum_of(bytes);
        stores[free].block = block;
        stores[free].busy = submit(&wave, 1, &handle);
    }
    if (free == STORES || !stores[free].busy) counts.not_stored++;
}

/* Some clients hang up; for them nothing is computed any more. */
static void serve(uint32_t request) {
    static unsigned char right[BLOCK_BYTES];
    const bool hangs_up = hang_up_every != 0 && request % hang_up_every == hang_up_every - 1;
    bool loaded[WANTED] = {false};
    uint32_t wanted[WANTED];

    for (uint32_t i = 0; i < WANTED; i++) wanted[i] = (request * 3 + i * 7) % BLOCK_COUNT;
    load(wanted, hangs_up, loaded);
    for (uint32_t i = 0; i < WANTED && !hangs_up; i++) {
        unsigned char* bytes = blocks + i * BLOCK_BYTES;
        if (loaded[i]) {
            counts.loaded++;
        } else {
            compute(wanted[i], bytes);
            counts.computed++;
            if (!cache[wanted[i]].known) store(wanted[i], bytes);
        }
        compute(wanted[i], right); /* no engine could; here it is the proof */
        if (memcmp(bytes, right, BLOCK_BYTES) != 0) counts.wrong++;
    }
    settle_stores();
}

int main(int argc, char** argv) {
    const int requests = argc > 2 ? atoi(argv[2]) : 200;
    const int fd = argc > 1 ? open(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    /* Small, so that E_AGAIN is met: a load and all stores are one too many. */
    bwrt_config config = {.struct_size = sizeof(config), .wave_count_max = STORES};
    bwrt_region file_region = {.struct_size = sizeof(bwrt_region), .kind = BWRT_REGION_FILE};
    bwrt_region memory_region = {.struct_size = sizeof(bwrt_region), .kind = BWRT_REGION_ALLOCATED};
    bwrt_region_info info = {.struct_size = sizeof(info)};

    if (fd < 0) {
        fprintf(stderr, "usage: engine_loop FILE [REQUESTS [DEADLINE_MS [HANG_UP_EVERY]]]\n");
        return 2;
    }
    deadline_ns = (argc > 3 ? strtoull(argv[3], NULL, 10) : 50) * 1000000;
    hang_up_every = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : 16;
    file_region.fd = fd;
    file_region.length_bytes = BLOCK_COUNT * BLOCK_BYTES;
    memory_region.length_bytes = (WANTED + STORES) * BLOCK_BYTES;
    must(bwrt_open(&config, &runtime, &error));
    must(bwrt_region_add(runtime, &file_region, &file, NULL, &error));
    must(bwrt_region_add(runtime, &memory_region, &memory, &info, &error));
    blocks = info.address;
    for (int i = 0; i < requests; i++) serve((uint32_t)i);

    /* Stores have a second to end by themselves, and are then asked to. */
    if (bwrt_shutdown(runtime, BWRT_SHUTDOWN_DRAIN, 1000000000, &error) == BWRT_E_TIMEOUT) {
        must(bwrt_shutdown(runtime, BWRT_SHUTDOWN_CANCEL, -1, &error));
    }
    settle_stores();
    must(bwrt_close(runtime, &error));
    printf("loaded=%u computed=%u wrong=%u\n", counts.loaded, counts.computed, counts.wrong);
    printf("io=%u truncated=%u late=%u cancelled=%u failed=%u corrupt=%u\n", counts.io,
           counts.truncated, counts.late, counts.cancelled, counts.failed, counts.corrupt);
    printf("stored=%u no_space=%u not_stored=%u again=%u\n", counts.stored, counts.no_space,
           counts.not_stored, counts.again);
    return counts.wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
