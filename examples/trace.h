/* SPDX-License-Identifier: Apache-2.0
 *
 * trace.h — request traces: read from Mooncake's JSON lines, or generated.
 *
 * One request a line, in order of arrival:
 *
 *   {"timestamp": ms, "input_length": tokens, "output_length": tokens,
 *    "hash_ids": [ids of the prompt's blocks, root first]}
 *
 * Equal ids mean equal prefixes.  Recorded timestamps often come in bins of three
 * seconds; arrivals of one timestamp are spread evenly over their bin by rank, so
 * that a replay does not measure the binning. */

#ifndef BWRT_EXAMPLES_TRACE_H
#define BWRT_EXAMPLES_TRACE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct TraceRequest {
    uint64_t arrival_ns;  /* after the first request, spread inside its bin */
    uint64_t first_index; /* in trace.block_ids */
    uint32_t block_count;
} TraceRequest;

typedef struct Trace {
    TraceRequest* requests;
    uint64_t* block_ids;
    uint64_t request_count;
    uint64_t block_id_count;
    uint32_t block_count_max; /* of one request */
} Trace;

/* Reads the first `seconds` of a trace (0: all of it).  A path that ends in .zst goes
 * through `zstd -dc`; "-" is standard input.  On failure a sentence on stderr has said
 * why, and *trace_out is empty.  The caller ends either with trace_free(). */
bool trace_read(const char* path, double seconds, Trace* trace_out);

/* Chat-like, from a seed: sessions that share a system prompt, and in each session
 * turns that repeat all that was said and add to it.  The same seed, the same trace. */
bool trace_generate(uint64_t seed, double seconds, Trace* trace_out);

void trace_free(Trace* trace);

#endif
