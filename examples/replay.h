/* SPDX-License-Identifier: Apache-2.0
 *
 * replay.h — the replay's state, and the two things that are done to it: a request
 * starts, and what is under way goes a step on.  replay.c says how. */

#ifndef BWRT_EXAMPLES_REPLAY_H
#define BWRT_EXAMPLES_REPLAY_H

#include <bwrt.h>
#include <stdbool.h>
#include <stdint.h>

#include "block_cache.h"
#include "replay_cli.h"
#include "trace.h"

typedef struct ActiveRequest {
    const TraceRequest* request;
    bwrt_handle wave; /* the load, then the store; 0: none */
    uint32_t prefix_count;
    uint32_t pair_count;    /* of the wave */
    uint32_t* prefix_slots; /* in memory, of blocks 0 to prefix_count - 1; pinned */
    uint32_t* memory_slots; /* the wave's pairs; pinned */
    uint32_t* file_slots;
} ActiveRequest;

typedef struct Replay {
    const Options* options;
    const Trace* trace;
    bwrt_runtime* runtime;
    bwrt_handle memory_layout;
    bwrt_handle file_layout;
    char* memory; /* slot s lies at s * BLOCK_BYTES */
    int fd;       /* of the block file */
    BlockCache in_memory;
    BlockCache in_file;
    ActiveRequest* active; /* a ring of in_flight_count */
    uint64_t started_count;
    uint64_t checked_count;
    uint64_t retired_count;
    uint64_t busy_until_ns; /* the end of the loads seen so far */
    Totals totals;
} Replay;

/* For calls that fail only when something is set up wrong: says why, and exits. */
void must(bwrt_status status);
void must_system(int result, const char* what);

/* The sentence of the call that failed. */
extern bwrt_error last_error;

/* Plans the request and submits its load; waits for room first. */
void start_request(Replay* replay, const TraceRequest* request);

/* Takes the oldest request that needs it one step on: its load first, for somebody waits
 * for that, else its store.  False when that took longer, or nothing is under way. */
bool step(Replay* replay, int64_t timeout_ns);

#endif
