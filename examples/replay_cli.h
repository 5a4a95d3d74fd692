/* SPDX-License-Identifier: Apache-2.0
 *
 * replay_cli.h — the command line of replay_trace, its progress line and its table. */

#ifndef BWRT_EXAMPLES_REPLAY_CLI_H
#define BWRT_EXAMPLES_REPLAY_CLI_H

#include <stdbool.h>
#include <stdint.h>

#define BLOCK_BYTES ((uint64_t)16 * 1024)

typedef struct Options {
    const char* trace_path; /* NULL: generate */
    const char* file_path;  /* NULL: a temporary file */
    uint64_t seed;
    uint64_t deadline_ns; /* of a load, from its submission; 0: none */
    double seconds;       /* of the trace; 0: all of it */
    double speed;         /* trace time to time; 0: as fast as possible */
    uint32_t memory_block_count;
    uint32_t disk_block_count;
    uint32_t in_flight_count; /* requests under way at once */
    uint32_t damage_every;    /* 0: nothing is damaged */
    bool direct;
    bool json;
} Options;

/* What was measured.  Counts of blocks are disjoint: every block asked for came from
 * memory, was loaded, or had to be computed. */
typedef struct Totals {
    uint64_t requests_planned;
    uint64_t requests_done;
    uint64_t blocks_from_memory;
    uint64_t blocks_loaded;
    uint64_t blocks_computed;
    uint64_t blocks_stored;  /* written to the file */
    uint64_t blocks_damaged; /* by --damage */
    uint64_t load_waves;
    uint64_t store_waves;
    uint64_t late_waves;
    uint64_t failed_waves; /* otherwise than late */
    uint64_t wrong_bytes;
    uint64_t busy_ns;     /* while at least one load ran */
    uint64_t elapsed_ns;  /* from the first request to the end of the last */
    uint64_t* latency_ns; /* of load waves, submission to completion */
    double trace_seconds;
    bool interrupted;
} Totals;

/* Returns true with *options_out filled; otherwise the program ends with *exit_out. */
bool options_parse(int argc, char** argv, Options* options_out, int* exit_out);

/* One line, rewritten in place a few times a second, on a terminal only. */
void progress_show(const Totals* totals, uint64_t now_ns);
void progress_clear(void);

/* The table, or one JSON object, on standard output; sorts the latencies. */
void totals_print(const Totals* totals, const Options* options);

#endif
