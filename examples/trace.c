/* SPDX-License-Identifier: Apache-2.0
 *
 * trace.c — see trace.h.
 *
 * Times are kept in milliseconds, as in the file, in arrival_ns until the whole
 * trace is known; spread_arrivals() then turns them into nanoseconds.  The whole
 * trace lies in memory: an hour of chat is 3 MB.  A decompressor is started without a
 * shell, so no file name can be taken for a command. */

#define _GNU_SOURCE 1 /* pipe2 */

#include "trace.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BIN_MS_MAX 3000.0         /* the bins of the published traces */
#define ID_MAX 9007199254740992.0 /* 2^53: JSON numbers pass through a double */
#define TIMESTAMP_MS_MAX 1e12     /* thirty years, and its nanoseconds fit in 64 bits */

extern char** environ;

typedef struct Builder {
    Trace trace;
    double* arrival_ms; /* one for each request */
    uint64_t request_capacity;
    uint64_t id_capacity;
} Builder;

static bool grow(void** array, uint64_t count, size_t element_bytes, uint64_t* capacity) {
    if (count < *capacity) return true;
    const uint64_t larger = *capacity == 0 ? 1024 : 2 * *capacity;
    void* moved = realloc(*array, larger * element_bytes);
    if (moved == NULL) return false;
    *array = moved;
    *capacity = larger;
    return true;
}

static bool begin_request(Builder* builder, double arrival_ms) {
    Trace* trace = &builder->trace;
    uint64_t same_capacity = builder->request_capacity;
    if (!grow((void**)&trace->requests, trace->request_count, sizeof(TraceRequest),
              &builder->request_capacity) ||
        !grow((void**)&builder->arrival_ms, trace->request_count, sizeof(double), &same_capacity))
        return false;
    builder->arrival_ms[trace->request_count] = arrival_ms;
    trace->requests[trace->request_count++] = (TraceRequest){.first_index = trace->block_id_count};
    return true;
}

static bool add_block(Builder* builder, uint64_t block_id) {
    Trace* trace = &builder->trace;
    TraceRequest* request = &trace->requests[trace->request_count - 1];
    if (!grow((void**)&trace->block_ids, trace->block_id_count, sizeof(uint64_t),
              &builder->id_capacity))
        return false;
    trace->block_ids[trace->block_id_count++] = block_id;
    if (++request->block_count > trace->block_count_max)
        trace->block_count_max = request->block_count;
    return true;
}

/* Request i of n with one timestamp arrives i/n of the way to the next timestamp. */
static void spread_arrivals(Builder* builder) {
    const Trace* trace = &builder->trace;
    const double* ms = builder->arrival_ms;
    uint64_t next = 0;

    for (uint64_t first = 0; first < trace->request_count; first = next) {
        next = first + 1;
        while (next < trace->request_count && ms[next] <= ms[first]) next++;
        double bin_ms = next < trace->request_count ? ms[next] - ms[first] : BIN_MS_MAX;
        if (bin_ms > BIN_MS_MAX) bin_ms = BIN_MS_MAX;
        for (uint64_t i = first; i < next; i++) {
            const double part = (double)(i - first) / (double)(next - first);
            trace->requests[i].arrival_ns = (uint64_t)(1e6 * (ms[first] - ms[0] + bin_ms * part));
        }
    }
}

static bool finish(Builder* builder, bool complete, Trace* trace_out) {
    if (complete) spread_arrivals(builder);
    free(builder->arrival_ms);
    if (!complete) trace_free(&builder->trace);
    *trace_out = builder->trace;
    return complete;
}

/* What is wrong with the line, or NULL.  *past_end_out: it lies after the seconds asked for. */
static const char* add_line(Builder* builder, const char* line, double seconds,
                            bool* past_end_out) {
    cJSON* object = cJSON_Parse(line);
    const cJSON* timestamp = cJSON_GetObjectItemCaseSensitive(object, "timestamp");
    const cJSON* ids = cJSON_GetObjectItemCaseSensitive(object, "hash_ids");
    const double* arrival_ms = builder->arrival_ms;
    const uint64_t count = builder->trace.request_count;
    const cJSON* id = NULL;
    const char* wrong = NULL;

    if (object == NULL)
        wrong = "not JSON";
    else if (!cJSON_IsNumber(timestamp) || !(timestamp->valuedouble >= 0) ||
             timestamp->valuedouble > TIMESTAMP_MS_MAX)
        wrong = "timestamp is missing or not a time in milliseconds";
    else if (!cJSON_IsArray(ids))
        wrong = "hash_ids is missing or not an array";
    else if (count > 0 && timestamp->valuedouble < arrival_ms[count - 1])
        wrong = "timestamp is before that of the line above";
    else if (count > 0 && seconds > 0 && timestamp->valuedouble - arrival_ms[0] >= 1e3 * seconds)
        *past_end_out = true;
    else if (!begin_request(builder, timestamp->valuedouble))
        wrong = "out of memory";

    if (wrong == NULL && !*past_end_out) {
        cJSON_ArrayForEach(id, ids) {
            if (!cJSON_IsNumber(id) || !(id->valuedouble >= 0) || id->valuedouble > ID_MAX)
                wrong = "hash_ids has something that is not a number from 0 to 2^53";
            else if (!add_block(builder, (uint64_t)id->valuedouble))
                wrong = "out of memory";
            if (wrong != NULL) break;
        }
    }
    cJSON_Delete(object);
    return wrong;
}

/* `zstd -dc`, its output on the stream returned. */
static FILE* start_zstd(const char* path, pid_t* child_out) {
    char* arguments[] = {"zstd", "-dcq", "--", (char*)(uintptr_t)path, NULL};
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return NULL;

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    const int failed = posix_spawnp(child_out, "zstd", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (failed != 0) {
        close(ends[0]);
        errno = failed;
        return NULL;
    }
    return fdopen(ends[0], "r");
}

static FILE* open_stream(const char* path, pid_t* child_out) {
    const size_t length = strlen(path);
    *child_out = 0;
    if (strcmp(path, "-") == 0) return stdin;
    if (length < 4 || strcmp(path + length - 4, ".zst") != 0) return fopen(path, "re");
    if (access(path, R_OK) != 0) return NULL;
    return start_zstd(path, child_out);
}

/* False when the decompressor found its input damaged. */
static bool close_stream(FILE* stream, pid_t child, bool read_to_the_end) {
    int status = 0;
    if (stream != stdin) fclose(stream);
    if (child == 0) return true;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    return !read_to_the_end || (WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

bool trace_read(const char* path, double seconds, Trace* trace_out) {
    Builder builder = {0};
    const char* wrong = NULL;
    char* line = NULL;
    size_t line_capacity = 0;
    uint64_t line_number = 0;
    bool past_end = false;
    pid_t child = 0;

    FILE* stream = open_stream(path, &child);
    if (stream == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return finish(&builder, false, trace_out);
    }
    while (wrong == NULL && !past_end && getline(&line, &line_capacity, stream) > 0) {
        line_number++;
        if (line[strspn(line, " \t\r\n")] != '\0')
            wrong = add_line(&builder, line, seconds, &past_end);
    }
    if (wrong == NULL && ferror(stream)) wrong = strerror(errno);
    free(line);
    const bool to_the_end = wrong == NULL && !past_end;
    if (!close_stream(stream, child, to_the_end)) wrong = "zstd could not read it to its end";
    if (wrong == NULL && builder.trace.block_id_count == 0) wrong = "no blocks up to here";
    if (wrong != NULL) fprintf(stderr, "%s:%" PRIu64 ": %s\n", path, line_number, wrong);
    return finish(&builder, wrong == NULL, trace_out);
}

/* ---- The generated trace: a page ---- */

enum { SESSION_COUNT = 96, SYSTEM_BLOCK_COUNT = 4, SESSION_BLOCK_COUNT_MAX = 192 };

typedef struct Session {
    double next_turn_ms;
    uint64_t block_ids[SESSION_BLOCK_COUNT_MAX]; /* without the system prompt's */
    uint32_t block_count;
} Session;

/* Between 0 and limit - 1; Marsaglia's xorshift, plenty for arrival times. */
static uint32_t draw(uint64_t* state, uint32_t limit) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)((*state >> 32) % limit);
}

bool trace_generate(uint64_t seed, double seconds, Trace* trace_out) {
    Builder builder = {0};
    Session sessions[SESSION_COUNT] = {{0}};
    uint64_t state = seed * 2 + 1; /* never 0, where xorshift stays */
    uint64_t next_id = SYSTEM_BLOCK_COUNT;
    bool complete = true;

    for (int i = 0; i < 8; i++) draw(&state, 2); /* small seeds begin alike */
    for (int i = 0; i < SESSION_COUNT; i++) sessions[i].next_turn_ms = draw(&state, 30000);
    while (complete) {
        Session* turn = &sessions[0];
        for (int i = 1; i < SESSION_COUNT; i++)
            if (sessions[i].next_turn_ms < turn->next_turn_ms) turn = &sessions[i];
        if (turn->next_turn_ms >= 1e3 * seconds && builder.trace.request_count > 0) break;

        /* A fifth of the turns begin another conversation; so does a full one. */
        const uint32_t more = 1 + draw(&state, 24);
        if (turn->block_count + more > SESSION_BLOCK_COUNT_MAX || draw(&state, 5) == 0)
            turn->block_count = 0;
        for (uint32_t i = 0; i < more; i++) turn->block_ids[turn->block_count++] = next_id++;

        complete = begin_request(&builder, turn->next_turn_ms);
        for (uint64_t i = 0; complete && i < SYSTEM_BLOCK_COUNT; i++)
            complete = add_block(&builder, i);
        for (uint32_t i = 0; complete && i < turn->block_count; i++)
            complete = add_block(&builder, turn->block_ids[i]);
        turn->next_turn_ms += 1000 + draw(&state, 60000);
    }
    if (!complete) fprintf(stderr, "out of memory for the generated trace\n");
    return finish(&builder, complete, trace_out);
}

void trace_free(Trace* trace) {
    free(trace->requests);
    free(trace->block_ids);
    *trace = (Trace){0};
}
