/* SPDX-License-Identifier: Apache-2.0
 *
 * examples/trace.c: what is read from a line, what is refused, how arrivals are spread inside a
 * bin, and what a generated trace is like. */

#include "examples/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka.h"

/* The trace of this text, through a file. */
static bool read_text(const char* text, double seconds, Trace* trace_out) {
    char name[] = "/tmp/test_trace_XXXXXX";
    const int fd = mkstemp(name);
    const bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    const bool read = written && trace_read(name, seconds, trace_out);
    close(fd);
    unlink(name);
    return read;
}

static void a_line_is_a_request_and_its_blocks(void** state) {
    Trace trace;
    (void)state;

    assert_true(
        read_text("{\"timestamp\": 5, \"input_length\": 700, \"hash_ids\": [3, 9007199254740992]}\n"
                  "\n"
                  "{\"timestamp\": 10, \"hash_ids\": [3]}",
                  0, &trace));

    assert_int_equal(trace.request_count, 2);
    assert_int_equal(trace.block_count_max, 2);
    assert_int_equal(trace.requests[0].arrival_ns, 0);
    assert_int_equal(trace.requests[0].block_count, 2);
    assert_int_equal(trace.block_ids[0], 3);
    assert_true(trace.block_ids[1] == (uint64_t)1 << 53);
    assert_int_equal(trace.requests[1].arrival_ns, 5000000);
    assert_int_equal(trace.requests[1].first_index, 2);
    assert_int_equal(trace.requests[1].block_count, 1);
    trace_free(&trace);
}

static void arrivals_of_one_timestamp_are_spread_over_its_bin(void** state) {
    Trace trace;
    (void)state;

    assert_true(read_text(
        "{\"timestamp\": 0, \"hash_ids\": [1]}\n{\"timestamp\": 0, \"hash_ids\": [1]}\n"
        "{\"timestamp\": 0, \"hash_ids\": [1]}\n{\"timestamp\": 0, \"hash_ids\": [1]}\n"
        "{\"timestamp\": 2000, \"hash_ids\": [1]}\n{\"timestamp\": 2000, \"hash_ids\": [1]}\n"
        "{\"timestamp\": 90000, \"hash_ids\": [1]}\n",
        0, &trace));

    assert_int_equal(trace.requests[1].arrival_ns, 500000000);
    assert_int_equal(trace.requests[3].arrival_ns, 1500000000);
    assert_int_equal(trace.requests[4].arrival_ns, 2000000000);
    assert_int_equal(trace.requests[5].arrival_ns, 3500000000); /* a bin is 3 s at most */
    assert_true(trace.requests[6].arrival_ns == 90000000000u);
    trace_free(&trace);
}

static void only_the_seconds_asked_for_are_read(void** state) {
    Trace trace;
    (void)state;
    const char* text =
        "{\"timestamp\": 500, \"hash_ids\": [1]}\n"
        "{\"timestamp\": 1499, \"hash_ids\": [1]}\n"
        "{\"timestamp\": 1500, \"hash_ids\": [1]}\n"
        "not read any more\n";

    assert_true(read_text(text, 1, &trace));
    assert_int_equal(trace.request_count, 2);
    trace_free(&trace);
    assert_false(read_text(text, 0, &trace));
    assert_null(trace.requests);
}

static void refuse(const char* second_line) {
    Trace trace;
    char text[256];
    snprintf(text, sizeof(text), "{\"timestamp\": 5, \"hash_ids\": [1]}\n%s\n", second_line);
    assert_false(read_text(text, 0, &trace));
    assert_null(trace.requests);
    assert_null(trace.block_ids);
}

static void lines_that_are_no_requests_are_refused(void** state) {
    (void)state;
    refuse("[1, 2]");
    refuse("{\"timestamp\": 6, \"hash_ids\": [1]");
    refuse("{\"hash_ids\": [1]}");
    refuse("{\"timestamp\": \"6\", \"hash_ids\": [1]}");
    refuse("{\"timestamp\": -6, \"hash_ids\": [1]}");
    refuse("{\"timestamp\": 4, \"hash_ids\": [1]}"); /* before the line above */
    refuse("{\"timestamp\": 6}");
    refuse("{\"timestamp\": 6, \"hash_ids\": 1}");
    refuse("{\"timestamp\": 6, \"hash_ids\": [\"1\"]}");
    refuse("{\"timestamp\": 6, \"hash_ids\": [-1]}");
    refuse("{\"timestamp\": 6, \"hash_ids\": [1e17]}");
}

static void a_trace_without_blocks_is_refused(void** state) {
    Trace trace;
    (void)state;
    assert_false(read_text("", 0, &trace));
    assert_false(read_text("{\"timestamp\": 5, \"hash_ids\": []}\n", 0, &trace));
}

static void a_generated_trace_depends_on_its_seed_alone(void** state) {
    Trace first;
    Trace again;
    Trace other;
    (void)state;

    assert_true(trace_generate(7, 300, &first));
    assert_true(trace_generate(7, 300, &again));
    assert_true(trace_generate(8, 300, &other));

    assert_int_equal(first.request_count, again.request_count);
    assert_int_equal(first.block_id_count, again.block_id_count);
    assert_memory_equal(first.block_ids, again.block_ids,
                        first.block_id_count * sizeof(first.block_ids[0]));
    assert_memory_equal(first.requests, again.requests,
                        first.request_count * sizeof(first.requests[0]));
    assert_true(first.block_id_count != other.block_id_count ||
                memcmp(first.block_ids, other.block_ids, first.block_id_count * 8) != 0);
    trace_free(&first);
    trace_free(&again);
    trace_free(&other);
}

/* Every block has one parent, as in a recorded trace: so equal ids are equal prefixes. */
static void a_generated_trace_is_a_tree_in_order_of_arrival(void** state) {
    Trace trace;
    (void)state;
    assert_true(trace_generate(3, 600, &trace));

    uint64_t* parent_of = calloc(trace.block_id_count + 16, sizeof(uint64_t));
    bool one_parent = true;
    bool in_order = true;
    bool within = true;
    for (uint64_t i = 0; i < trace.request_count; i++) {
        const TraceRequest* request = &trace.requests[i];
        uint64_t parent = 1; /* ids are kept one higher: 0 is no parent yet, 1 the root's */
        for (uint32_t block = 0; block < request->block_count; block++) {
            const uint64_t id = trace.block_ids[request->first_index + block];
            one_parent = one_parent && (parent_of[id] == 0 || parent_of[id] == parent);
            parent_of[id] = parent;
            parent = id + 2;
        }
        in_order = in_order && (i == 0 || request->arrival_ns >= request[-1].arrival_ns);
        within = within && request->arrival_ns < 600000000000u;
    }
    free(parent_of);
    const uint64_t request_count = trace.request_count;
    trace_free(&trace);

    assert_true(one_parent);
    assert_true(in_order);
    assert_true(within);
    assert_true(request_count > 500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_a_request_and_its_blocks),
        cmocka_unit_test(arrivals_of_one_timestamp_are_spread_over_its_bin),
        cmocka_unit_test(only_the_seconds_asked_for_are_read),
        cmocka_unit_test(lines_that_are_no_requests_are_refused),
        cmocka_unit_test(a_trace_without_blocks_is_refused),
        cmocka_unit_test(a_generated_trace_depends_on_its_seed_alone),
        cmocka_unit_test(a_generated_trace_is_a_tree_in_order_of_arrival),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
