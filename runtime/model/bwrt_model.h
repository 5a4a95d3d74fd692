/* SPDX-License-Identifier: Apache-2.0
 *
 * bwrt_model.h — the functions that libbwrt_model.so.0 has more than libbwrt.so.0.
 *
 * That library is the runtime once more, on a world that is modelled: its clock moves when somebody
 * waits, copies or lets time pass, its disk takes the time that a table says, and no byte of a
 * block is moved, summed or looked at.  So it tells what hits, moves and takes how long, much
 * faster than it would happen, and delivers nothing: what is in memory after a GET is what was
 * there before. docs/operations.md, Replays, says what agrees with the real one and what cannot.
 *
 *   bwrt_model_create() ──▶ bwrt_model_open() ──▶ bwrt.h, by one thread ──▶ bwrt_close()
 *                                └── bwrt_model_pass() between calls          ──▶ destroy
 *
 * A program loads it beside the real one, by dlopen() with RTLD_LOCAL, and asks each of the two for
 * its functions.  Errors, structs, memory and units are as in bwrt.h.  No promise is made yet that
 * this stays as it is from one release to the next.
 */
#ifndef BWRT_MODEL_H
#define BWRT_MODEL_H

#include <bwrt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A world: a clock and what is below one runtime. */
typedef struct bwrt_model bwrt_model;

/* What the machine can do.  0: the default, that of a data centre's NVMe disk (docs/operations.md).
 *
 *   a request   waits until the disk has room for it, takes its turn on the disk's bus, the
 *               longer of its bytes at that rate and 1 s / requests_per_s, twice as long while
 *               reads and writes share it, and is there after the latency
 */
typedef struct bwrt_model_machine {
    uint32_t struct_size; /* sizeof(bwrt_model_machine) */
    uint32_t depth;       /* requests that the disk works on at a time; default 256 */
    uint64_t read_bytes_per_s;
    uint64_t write_bytes_per_s;
    uint64_t read_latency_ns;
    uint64_t write_latency_ns;
    uint64_t flush_latency_ns;
    uint64_t requests_per_s;
    uint64_t copy_bytes_per_s; /* from memory to memory */
} bwrt_model_machine;

/* Makes a world that is at rest.  `machine` may be NULL: all defaults. */
BWRT_API bwrt_status bwrt_model_create(const bwrt_model_machine* machine, bwrt_model** model_out,
                                       bwrt_error* error);

/* bwrt_open() in that world, once.  config->progress must be BWRT_PROGRESS_CALLER.  The runtime's
 * functions are those of this library, and belong to one thread. */
BWRT_API bwrt_status bwrt_model_open(bwrt_model* model, const bwrt_config* config,
                                     bwrt_runtime** runtime_out, bwrt_error* error);

/* The world's time.  It begins at a second. */
BWRT_API uint64_t bwrt_model_now_ns(const bwrt_model* model);

/* Lets time pass until then, and with it everything happen in the runtime that is open. */
BWRT_API void bwrt_model_pass(bwrt_model* model, uint64_t until_ns);

/* Behind bwrt_close().  NULL is allowed. */
BWRT_API void bwrt_model_destroy(bwrt_model* model);

#ifdef __cplusplus
}
#endif

#endif /* BWRT_MODEL_H */
