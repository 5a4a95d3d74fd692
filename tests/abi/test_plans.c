/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans of other programs: taken as text, checked, printed and run. */

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "tests/abi/client.h"

enum { PAGE = 512 };

static const int64_t kMinuteNs = 60000000000;

static bwrt_status parse(client* self, uint32_t kind, const char* text, bwrt_handle* plan) {
    return bwrt_plan_parse(self->runtime, kind, text, strlen(text), plan, &self->error);
}

static bwrt_handle plan_of(client* self, uint32_t kind, const char* text) {
    bwrt_handle plan = 0;

    if (parse(self, kind, text, &plan) != BWRT_OK) {
        fail_msg("%s: %s", self->error.field, self->error.message);
    }
    return plan;
}

static bwrt_plan_run run_of(const bwrt_plan_binding* bindings, uint32_t count) {
    bwrt_plan_run run;

    memset(&run, 0, sizeof(run));
    run.struct_size = sizeof(run);
    run.bindings = bindings;
    run.binding_count = count;
    run.binding_bytes = sizeof(bwrt_plan_binding);
    return run;
}

static bwrt_status finish(client* self, bwrt_handle wave) {
    bwrt_completion completion;

    assert_int_equal(bwrt_wait(self->runtime, wave, kMinuteNs, &completion, NULL), BWRT_OK);
    return completion.status;
}

static void put_floats(unsigned char* at, const float* values, size_t count) {
    memcpy(at, values, count * sizeof(float));
}

/* ---- what runs */

static void the_references_wave_of_two_by_two_computes_what_it_should(void** state) {
    client* self = *state;
    const float a[4] = {1, 2, 3, 4}, b[4] = {5, 6, 7, 8}, expected[4] = {19, 22, 43, 50};
    const bwrt_handle plan =
        plan_of(self, BWRT_PLAN_WAVE_SPEC,
                "{\"bm\": 2, \"bn\": 2, \"bk\": 2, \"swap_begin\": 3, \"swap_end\": 5}");
    const bwrt_plan_binding bindings[3] = {
        {"a", self->source, 0, 0, 0}, {"b", self->source, 0, 16, 0}, {"c", 0, self->target, 0, 0}};
    const bwrt_plan_run run = run_of(bindings, 3);
    bwrt_completion completion;
    bwrt_handle waves[2] = {77, 77};

    put_floats(self->source_bytes, a, 4);
    put_floats(self->source_bytes + 16, b, 4);
    assert_int_equal(bwrt_plan_submit(self->runtime, plan, &run, waves, NULL), BWRT_OK);
    assert_int_equal(waves[0], 0);
    assert_int_equal(bwrt_wait(self->runtime, waves[1], 1000000, &completion, NULL),
                     BWRT_E_TIMEOUT);
    assert_int_equal(bwrt_advance(self->runtime, 3, NULL), BWRT_OK);
    assert_int_equal(finish(self, waves[1]), BWRT_OK);
    assert_memory_equal(self->target_bytes, expected, sizeof(expected));

    assert_int_equal(bwrt_advance(self->runtime, 5, NULL), BWRT_OK); /* the gate is closed */
    assert_int_equal(bwrt_plan_submit(self->runtime, plan, &run, waves, NULL), BWRT_OK);
    assert_int_equal(finish(self, waves[1]), BWRT_E_WINDOW);
}

static const char kWhole[] =
    "{\"pack_order\": [1, 2], \"tile_order\": [{\"m\": 0, \"n\": 0}], \"bm\": 128, \"bn\": 128,"
    " \"bk\": 64, \"cluster_shape\": {\"x\": 2, \"y\": 1},"
    " \"tmem_layout\": {\"columns\": 8, \"phases\": 4, \"double_buffer\": true, \"stage_n\": 2},"
    " \"io_extents\": [{\"layer\": \"w\", \"start_pid\": 1, \"end_pid\": 2},"
    " {\"layer\": \"w\", \"start_pid\": 4, \"end_pid\": 4}],"
    " \"swap_window\": {\"begin\": 0, \"end\": 9}}";

static void the_extents_of_a_wave_spec_are_its_loads(void** state) {
    client* self = *state;
    const bwrt_handle plan = plan_of(self, BWRT_PLAN_WAVE_SPEC, kWhole);
    const bwrt_plan_binding binding = {"w", self->source, self->target, 0, 64};
    bwrt_plan_run run = run_of(&binding, 1);
    bwrt_handle waves[2] = {77, 77};

    assert_int_equal(bwrt_plan_submit(self->runtime, plan, &run, waves, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "run.page_bytes");
    run.page_bytes = PAGE;
    assert_int_equal(bwrt_plan_submit(self->runtime, plan, &run, waves, NULL), BWRT_OK);
    assert_int_equal(waves[1], 0);
    assert_int_equal(finish(self, waves[0]), BWRT_OK);
    for (size_t i = 0; i < 6 * PAGE; ++i) {
        const size_t page = i / PAGE;
        const int is_loaded = page == 1 || page == 2 || page == 4;

        assert_int_equal(self->target_bytes[64 + i], is_loaded ? self->source_bytes[i] : 0);
    }
}

static void an_extent_is_of_the_specs_pages_and_has_an_end(void** state) {
    client* self = *state;
    const char* const pages_end = strstr(kWhole, "{\"layer\": \"w\", \"start_pid\": 4");
    const bwrt_plan_binding binding = {"w", self->source, self->target, 0, 0};
    bwrt_plan_run run = run_of(&binding, 1);
    bwrt_handle waves[2] = {77, 77};
    char text[1024];

    snprintf(text, sizeof(text), "{\"page_bytes\": %d, %s", PAGE, kWhole + 1);
    run.page_bytes = 3; /* the spec says itself */
    assert_int_equal(bwrt_plan_submit(self->runtime, plan_of(self, BWRT_PLAN_WAVE_SPEC, text), &run,
                                      waves, NULL),
                     BWRT_OK);
    assert_int_equal(finish(self, waves[0]), BWRT_OK);
    assert_memory_equal(self->target_bytes + PAGE, self->source_bytes + PAGE, 2 * PAGE);

    assert_non_null(pages_end);
    snprintf(text, sizeof(text),
             "%.*s{\"layer\": \"w\", \"start_pid\": 0, \"end_pid\": \"18446744073709551615\"}],"
             " \"swap_window\": [0, 9]}",
             (int)(pages_end - kWhole), kWhole);
    run.page_bytes = 1;
    assert_int_equal(bwrt_plan_submit(self->runtime, plan_of(self, BWRT_PLAN_WAVE_SPEC, text), &run,
                                      waves, &self->error),
                     BWRT_E_RANGE);
    assert_blames(&self->error, BWRT_E_RANGE, "io_extents[1]");
}

static void a_product_waits_for_its_loads(void** state) {
    client* self = *state;
    static float a[128 * 64], b[64 * 128], c[128 * 128];
    const bwrt_handle plan = plan_of(self, BWRT_PLAN_WAVE_SPEC, kWhole);
    const bwrt_plan_binding bindings[4] = {
        {"w", BWRT_PROCESS_MEMORY, BWRT_PROCESS_MEMORY, (uintptr_t)a, (uintptr_t)b},
        {"a", BWRT_PROCESS_MEMORY, 0, (uintptr_t)a, 0},
        {"b", BWRT_PROCESS_MEMORY, 0, (uintptr_t)b, 0},
        {"c", 0, BWRT_PROCESS_MEMORY, 0, (uintptr_t)c}};
    bwrt_plan_run run = run_of(bindings, 4);
    const bwrt_operation operation = copy_operation(self);
    bwrt_completion completion;
    bwrt_handle waves[2] = {0, 0};

    for (size_t i = 0; i < 128 * 64; ++i) a[i] = (float)(i % 7);
    run.page_bytes = 4096; /* rows of b that are loaded: a page has eight */
    /* The loads wait for the token, and so must the product. */
    bwrt_wave gate = wave_of(&operation, 1), as;
    bwrt_handle gated = 0;

    gate.window = BWRT_WINDOW_TOKEN;
    gate.window_start = 5;
    assert_int_equal(bwrt_submit_wave(self->runtime, &gate, &gated, NULL), BWRT_OK);
    memset(&as, 0, sizeof(as));
    as.struct_size = sizeof(as);
    as.wait_for[0] = gated;
    run.wave = &as;
    assert_int_equal(bwrt_plan_submit(self->runtime, plan, &run, waves, NULL), BWRT_OK);
    assert_int_equal(bwrt_wait(self->runtime, waves[1], 10000000, &completion, NULL),
                     BWRT_E_TIMEOUT);
    assert_int_equal(bwrt_advance(self->runtime, 5, NULL), BWRT_OK);
    assert_int_equal(finish(self, gated), BWRT_OK);
    assert_int_equal(finish(self, waves[0]), BWRT_OK);
    assert_int_equal(finish(self, waves[1]), BWRT_OK);
    for (size_t i = 0; i < 128; ++i) {
        for (size_t j = 0; j < 128; ++j) {
            float sum = 0;

            for (size_t p = 0; p < 64; ++p) sum += a[i * 64 + p] * b[p * 128 + j];
            assert_true(c[i * 128 + j] == sum);
        }
    }
    assert_true(c[0] != 0);
}

static void a_product_has_all_the_tiles_of_the_order(void** state) {
    enum { M = 2 * 128, N = 3 * 128, K = 64 };
    client* self = *state;
    static float a[M * K], b[K * N], c[M * N];
    const bwrt_handle plan = plan_of(
        self, BWRT_PLAN_WAVE_SPEC,
        "{\"pack_order\": [], \"tile_order\": [[0, 0], [0, 1], [0, 2], [1, 0]], \"bm\": 128,"
        " \"bn\": 128, \"bk\": 64, \"cluster_shape\": [2, 1], \"tmem_layout\": {\"columns\": 8,"
        " \"phases\": 4, \"double_buffer\": true, \"stage_n\": 2}, \"io_extents\": [],"
        " \"swap_window\": [0, 9]}");
    const bwrt_plan_binding bindings[3] = {{"a", BWRT_PROCESS_MEMORY, 0, (uintptr_t)a, 0},
                                           {"b", BWRT_PROCESS_MEMORY, 0, (uintptr_t)b, 0},
                                           {"c", 0, BWRT_PROCESS_MEMORY, 0, (uintptr_t)c}};
    const bwrt_plan_run run = run_of(bindings, 3);
    bwrt_handle waves[2] = {77, 77};

    for (size_t i = 0; i < M; ++i) a[i * K] = (float)(i + 1);
    for (size_t j = 0; j < N; ++j) b[j] = (float)(j + 1);
    assert_int_equal(bwrt_plan_submit(self->runtime, plan, &run, waves, NULL), BWRT_OK);
    assert_int_equal(waves[0], 0);
    assert_int_equal(finish(self, waves[1]), BWRT_OK);
    for (size_t i = 0; i < M; ++i) {
        for (size_t j = 0; j < N; ++j) assert_true(c[i * N + j] == (float)((i + 1) * (j + 1)));
    }
}

static void the_transfers_of_a_cache_plan_move_files_and_memory(void** state) {
    client* self = *state;
    FILE* file = tmpfile();
    bwrt_region description;
    bwrt_handle region = 0, waves[2] = {0, 0};
    const bwrt_handle plan =
        plan_of(self, BWRT_PLAN_CACHE,
                "{\"plan_id\": \"p\", \"ops\": ["
                "{\"kind\": \"STORAGE2H\", \"src\": \"file:///w\", \"dst\": \"hbm://0\","
                " \"length\": 100, \"src_offset\": 10, \"dst_offset\": 20},"
                "{\"kind\": \"H2D\", \"src\": \"tier://n/tier1\", \"dst\": \"hbm://0\","
                " \"length\": 50, \"dst_offset\": 200},"
                "{\"kind\": \"H2STORAGE\", \"src\": \"tier://n/tier1\", \"dst\": \"file:///w\","
                " \"length\": 30, \"src_offset\": 5, \"dst_offset\": 1000}]}");

    assert_non_null(file);
    assert_int_equal(fwrite(self->source_bytes + 4096, 1, 2048, file), 2048);
    assert_int_equal(fflush(file), 0);
    memset(&description, 0, sizeof(description));
    description.struct_size = sizeof(description);
    description.kind = BWRT_REGION_FILE;
    description.fd = fileno(file);
    assert_int_equal(bwrt_region_add(self->runtime, &description, &region, NULL, NULL), BWRT_OK);
    const bwrt_plan_binding bindings[3] = {{"file:///w", region, region, 0, 0},
                                           {"hbm://0", 0, self->target, 0, 0},
                                           {"tier://n/tier1", self->source, 0, 0, 0}};
    const bwrt_plan_run run = run_of(bindings, 3);
    unsigned char written[30];

    assert_int_equal(bwrt_plan_submit(self->runtime, plan, &run, waves, NULL), BWRT_OK);
    assert_int_equal(finish(self, waves[0]), BWRT_OK);
    assert_memory_equal(self->target_bytes + 20, self->source_bytes + 4096 + 10, 100);
    assert_memory_equal(self->target_bytes + 200, self->source_bytes, 50);
    assert_int_equal(pread(fileno(file), written, sizeof(written), 1000), sizeof(written));
    assert_memory_equal(written, self->source_bytes + 5, sizeof(written));
    fclose(file);
}

static void a_swap_plan_moves_inside_its_window(void** state) {
    client* self = *state;
    char text[512];
    struct timespec now;
    bwrt_handle waves[2] = {0, 0};
    bwrt_wave as;
    const bwrt_plan_binding bindings[2] = {{"a", self->source, 0, 0, 0},
                                           {"b", 0, self->target, 0, 0}};
    bwrt_plan_run run = run_of(bindings, 2);

    clock_gettime(CLOCK_MONOTONIC, &now);
    for (int is_over = 0; is_over < 2; ++is_over) {
        const uint64_t end_ns = is_over ? 1 : ((uint64_t)now.tv_sec + 3600) * 1000000000u;

        snprintf(text, sizeof(text),
                 "{\"plan_id\": \"s\", \"manifest_from\": {\"model_id\": \"m\", \"version\": "
                 "\"1\"}, \"manifest_to\": {\"model_id\": \"m\", \"version\": \"2\"},"
                 " \"ops\": [{\"kind\": \"H2D\", \"src\": \"a\", \"dst\": \"b\","
                 " \"length\": 64}], \"window\": {\"t_start_ns\": \"0\", \"t_deadline_ns\": "
                 "\"%llu\"}}",
                 (unsigned long long)end_ns);
        const bwrt_handle plan = plan_of(self, BWRT_PLAN_SWAP, text);

        memset(self->target_bytes, 0, 64);
        assert_int_equal(bwrt_plan_submit(self->runtime, plan, &run, waves, NULL), BWRT_OK);
        assert_int_equal(finish(self, waves[0]), is_over ? BWRT_E_WINDOW : BWRT_OK);
        assert_int_equal(memcmp(self->target_bytes, self->source_bytes, 64) == 0, !is_over);

        memset(&as, 0, sizeof(as));
        as.struct_size = sizeof(as);
        as.window = BWRT_WINDOW_TIME;
        run.wave = &as;
        assert_int_equal(bwrt_plan_submit(self->runtime, plan, &run, waves, &self->error),
                         BWRT_E_INVAL);
        assert_blames(&self->error, BWRT_E_INVAL, "wave.window");
        run.wave = NULL;
    }
}

/* ---- what is held */

static void a_plan_is_printed_as_it_was_understood(void** state) {
    client* self = *state;
    const bwrt_handle plan = plan_of(self, BWRT_PLAN_WAVE_SPEC, kWhole);
    char text[4096], again[4096];
    uint64_t text_bytes = 0, again_bytes = sizeof(again);

    assert_int_equal(bwrt_plan_print(self->runtime, plan, NULL, &text_bytes, NULL), BWRT_OK);
    assert_true(text_bytes > 100 && text_bytes < sizeof(text));
    const uint64_t length = text_bytes--;

    assert_int_equal(bwrt_plan_print(self->runtime, plan, text, &text_bytes, &self->error),
                     BWRT_E_RANGE);
    assert_blames(&self->error, BWRT_E_RANGE, "text_bytes");
    assert_int_equal(text_bytes, length);
    assert_int_equal(bwrt_plan_print(self->runtime, plan, text, &text_bytes, NULL), BWRT_OK);
    text[length] = '\0';
    assert_int_equal(bwrt_plan_print(self->runtime, plan_of(self, BWRT_PLAN_WAVE_SPEC, text), again,
                                     &again_bytes, NULL),
                     BWRT_OK);
    assert_int_equal(again_bytes, length);
    assert_memory_equal(again, text, length);
    again_bytes = 1;
    assert_int_equal(bwrt_plan_print(self->runtime, plan, NULL, &again_bytes, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "text");
    assert_int_equal(again_bytes, 1);
}

static void a_plan_that_was_let_go_is_no_plan(void** state) {
    client* self = *state;
    const bwrt_handle plan = plan_of(self, BWRT_PLAN_WAVE_SPEC, kWhole);
    const bwrt_plan_run run = run_of(NULL, 0);
    bwrt_handle waves[2] = {77, 77};
    uint64_t text_bytes = 0;

    assert_int_equal(bwrt_release(self->runtime, plan, NULL), BWRT_OK);
    assert_int_equal(bwrt_release(self->runtime, plan, NULL), BWRT_E_HANDLE);
    assert_int_equal(bwrt_plan_print(self->runtime, plan, NULL, &text_bytes, &self->error),
                     BWRT_E_HANDLE);
    assert_blames(&self->error, BWRT_E_HANDLE, "plan");
    assert_int_equal(bwrt_plan_submit(self->runtime, plan, &run, waves, NULL), BWRT_E_HANDLE);
    assert_int_equal(bwrt_plan_submit(self->runtime, self->source, &run, waves, NULL),
                     BWRT_E_HANDLE);
    assert_int_equal(waves[0], 77);
    /* Nor is it the one that has its place now. */
    plan_of(self, BWRT_PLAN_WAVE_SPEC, kWhole);
    assert_int_equal(bwrt_plan_print(self->runtime, plan, NULL, &text_bytes, NULL), BWRT_E_HANDLE);
    assert_int_equal(bwrt_release(self->runtime, plan, NULL), BWRT_E_HANDLE);
}

static void plans_are_held_up_to_a_number(void** state) {
    client* self = *state;
    bwrt_handle plan = 0, last = 0;

    for (int i = 0; i < 256; ++i) last = plan_of(self, BWRT_PLAN_CACHE, "{\"plan_id\": \"p\"}");
    assert_int_equal(parse(self, BWRT_PLAN_CACHE, "{\"plan_id\": \"p\"}", &plan), BWRT_E_AGAIN);
    assert_int_equal(bwrt_release(self->runtime, last, NULL), BWRT_OK);
    assert_int_equal(parse(self, BWRT_PLAN_CACHE, "{\"plan_id\": \"p\"}", &plan), BWRT_OK);
}

/* ---- what is refused */

static void a_text_that_is_no_plan_is_refused_where_it_goes_wrong(void** state) {
    client* self = *state;
    static const struct {
        uint32_t kind;
        const char* text;
        bwrt_status status;
        const char* field;
    } cases[] = {
        {BWRT_PLAN_CACHE, "", BWRT_E_PARSE, "text"},
        {BWRT_PLAN_CACHE, "[]", BWRT_E_PARSE, NULL},
        {BWRT_PLAN_CACHE, "{\"ops\": [{\"length\": -1}]}", BWRT_E_PARSE, "ops[0].length"},
        {BWRT_PLAN_CACHE, "{\"ops\": [{\"lenght\": 1}]}", BWRT_E_PARSE, NULL},
        {BWRT_PLAN_CACHE, "{\"ops\": [], \"ops\": []}", BWRT_E_PARSE, NULL},
        {BWRT_PLAN_CACHE,
         "{\"plan_id\": \"p\", \"ops\": [{\"kind\": \"H2D\", \"src\": \"a\", \"dst\": \"b\"}]}",
         BWRT_E_INVAL, "ops[0].length"},
        {BWRT_PLAN_SWAP, "{\"window\": {\"t_start_ns\": 5, \"t_deadline_ns\": 4}}", BWRT_E_INVAL,
         NULL},
        {BWRT_PLAN_WAVE_SPEC, "{\"bm\": 2, \"bn\": 2}", BWRT_E_INVAL, NULL},
        {BWRT_PLAN_WAVE_SPEC, "{\"key_column\": 2}", BWRT_E_PARSE, NULL},
        {9, "{}", BWRT_E_INVAL, "kind"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); ++i) {
        bwrt_handle plan = 77;
        const bwrt_status status = parse(self, cases[i].kind, cases[i].text, &plan);

        if (status != cases[i].status) fail_msg("%s: %d", cases[i].text, status);
        assert_blames(&self->error, status,
                      cases[i].field != NULL ? cases[i].field : self->error.field);
        assert_int_equal(plan, 77);
    }
}

static void a_name_that_stands_for_nothing_is_refused_by_its_field(void** state) {
    client* self = *state;
    const bwrt_handle plan =
        plan_of(self, BWRT_PLAN_CACHE,
                "{\"plan_id\": \"p\", \"ops\": [{\"kind\": \"H2D\", \"src\": \"a\", \"dst\": "
                "\"b\", \"length\": 8},"
                " {\"kind\": \"STORAGE2H\", \"src\": \"a\", \"dst\": \"b\", \"length\": 8,"
                " \"dst_offset\": 8}]}");
    const bwrt_plan_binding both[2] = {{"a", self->source, 0, 0, 0}, {"b", 0, self->target, 0, 0}};
    const bwrt_plan_binding wrong_way[2] = {{"a", self->source, 0, 0, 0},
                                            {"b", self->target, 0, 0, 0}};
    bwrt_plan_run run = run_of(NULL, 0);
    bwrt_handle waves[2] = {77, 77};

    assert_int_equal(bwrt_plan_submit(self->runtime, plan, &run, waves, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "ops[0].src");
    run = run_of(wrong_way, 2);
    assert_int_equal(bwrt_plan_submit(self->runtime, plan, &run, waves, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "ops[0].dst");
    run = run_of(both, 2);
    assert_int_equal(bwrt_plan_submit(self->runtime, plan, &run, waves, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "ops[1].kind"); /* no file */
    const bwrt_handle writes =
        plan_of(self, BWRT_PLAN_CACHE,
                "{\"plan_id\": \"p\", \"ops\": [{\"kind\": \"H2STORAGE\", \"src\": \"a\", \"dst\": "
                "\"b\", \"length\": 8}]}");

    assert_int_equal(bwrt_plan_submit(self->runtime, writes, &run, waves, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "ops[0].kind"); /* nor here */
    run.reserved = 1;
    assert_int_equal(bwrt_plan_submit(self->runtime, plan, &run, waves, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "run.reserved");
    run.reserved = 0;
    assert_int_equal(bwrt_release(self->runtime, self->source, NULL), BWRT_OK);
    assert_int_equal(bwrt_plan_submit(self->runtime, plan, &run, waves, &self->error),
                     BWRT_E_HANDLE);
    assert_blames(&self->error, BWRT_E_HANDLE, "ops[0]");
    run.binding_bytes = 16;
    assert_int_equal(bwrt_plan_submit(self->runtime, plan, &run, waves, &self->error), BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "run.binding_bytes");
    assert_int_equal(waves[0], 77);
}

/* 2^64 - 8 and 8 are no place 0. */
static void an_offset_of_plan_and_binding_together_does_not_wrap(void** state) {
    client* self = *state;
    const bwrt_handle plan =
        plan_of(self, BWRT_PLAN_CACHE,
                "{\"plan_id\": \"p\", \"ops\": [{\"kind\": \"H2D\", \"src\": \"a\", \"dst\": \"b\","
                " \"length\": 8, \"src_offset\": 8, \"dst_offset\": 8}]}");
    bwrt_plan_binding bindings[2] = {{"a", self->source, 0, 0, 0}, {"b", 0, self->target, 0, 0}};
    const bwrt_plan_run run = run_of(bindings, 2);
    bwrt_handle waves[2] = {77, 77};

    for (int i = 0; i < 2; ++i) {
        bindings[0].source_offset_bytes = i == 0 ? UINT64_MAX - 7 : 0;
        bindings[1].target_offset_bytes = i == 1 ? UINT64_MAX - 7 : 0;
        assert_int_equal(bwrt_plan_submit(self->runtime, plan, &run, waves, &self->error),
                         BWRT_E_RANGE);
        assert_blames(&self->error, BWRT_E_RANGE, "ops[0]");
    }
    assert_int_equal(waves[0], 77);
}

static void a_plan_that_is_refused_tells_of_no_wave_and_of_one_that_runs(void** state) {
    client* self = *state;
    const bwrt_handle plan = plan_of(self, BWRT_PLAN_WAVE_SPEC, kWhole);
    bwrt_plan_binding bindings[4] = {{"w", self->source, self->target, 1u << 30, 0},
                                     {"a", self->source, 0, 0, 0},
                                     {"b", self->source, 0, 0, 0},
                                     {"c", 0, self->target, 0, 1u << 30}};
    bwrt_plan_run run = run_of(bindings, 4);
    bwrt_handle waves[2] = {77, 77};

    run.page_bytes = PAGE;
    assert_int_equal(bwrt_plan_submit(self->runtime, plan, &run, waves, NULL), BWRT_E_RANGE);
    assert_true(waves[0] == 77 && waves[1] == 77);
    bindings[0].source_offset_bytes = 0;
    assert_int_equal(bwrt_plan_submit(self->runtime, plan, &run, waves, NULL), BWRT_E_RANGE);
    assert_int_equal(waves[1], 0);
    assert_int_equal(finish(self, waves[0]), BWRT_OK);
    assert_memory_equal(self->target_bytes + PAGE, self->source_bytes + PAGE, 2 * PAGE);
}

static void what_is_not_the_templates_to_say_is_refused(void** state) {
    client* self = *state;
    const bwrt_handle plan = plan_of(self, BWRT_PLAN_WAVE_SPEC, kWhole);
    const bwrt_plan_binding bindings[4] = {{"w", self->source, self->target, 0, 0},
                                           {"a", self->source, 0, 0, 0},
                                           {"b", self->source, 0, 0, 0},
                                           {"c", 0, self->target, 0, 0}};
    bwrt_plan_run run = run_of(bindings, 4);
    const bwrt_operation operation = copy_operation(self);
    bwrt_result result;
    bwrt_group_result group;
    bwrt_block block;
    bwrt_handle waves[2] = {77, 77};

    run.page_bytes = PAGE;
    for (int i = 0; i < 6; ++i) {
        bwrt_wave as;

        memset(&as, 0, sizeof(as));
        as.struct_size = sizeof(as);
        if (i == 0) as.operations = &operation;
        if (i == 1) as.operation_count = 1;
        if (i == 2) as.results = &result;
        if (i == 3) as.groups = &group;
        if (i == 4) as.blocks = &block;
        if (i == 5) as.delivery = BWRT_DELIVER_QUEUE;
        run.wave = &as;
        assert_int_equal(bwrt_plan_submit(self->runtime, plan, &run, waves, &self->error),
                         BWRT_E_INVAL);
        assert_blames(&self->error, BWRT_E_INVAL, i == 5 ? "wave.delivery" : "wave.operations");
    }
    run.wave = NULL;
    run.binding_count = 65537;
    assert_int_equal(bwrt_plan_submit(self->runtime, plan, &run, waves, &self->error),
                     BWRT_E_RANGE);
    assert_blames(&self->error, BWRT_E_RANGE, "run.binding_count");
    run.binding_count = 4;
    run.bindings = NULL;
    assert_int_equal(bwrt_plan_submit(self->runtime, plan, &run, waves, &self->error),
                     BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "run.bindings");
    assert_true(waves[0] == 77 && waves[1] == 77);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define IN_CLIENT(sentence) cmocka_unit_test_setup_teardown(sentence, client_setup, client_teardown)
        IN_CLIENT(the_references_wave_of_two_by_two_computes_what_it_should),
        IN_CLIENT(the_extents_of_a_wave_spec_are_its_loads),
        IN_CLIENT(an_extent_is_of_the_specs_pages_and_has_an_end),
        IN_CLIENT(a_product_waits_for_its_loads),
        IN_CLIENT(a_product_has_all_the_tiles_of_the_order),
        IN_CLIENT(the_transfers_of_a_cache_plan_move_files_and_memory),
        IN_CLIENT(a_swap_plan_moves_inside_its_window),
        IN_CLIENT(a_plan_is_printed_as_it_was_understood),
        IN_CLIENT(a_plan_that_was_let_go_is_no_plan),
        IN_CLIENT(plans_are_held_up_to_a_number),
        IN_CLIENT(a_text_that_is_no_plan_is_refused_where_it_goes_wrong),
        IN_CLIENT(a_name_that_stands_for_nothing_is_refused_by_its_field),
        IN_CLIENT(an_offset_of_plan_and_binding_together_does_not_wrap),
        IN_CLIENT(what_is_not_the_templates_to_say_is_refused),
        IN_CLIENT(a_plan_that_is_refused_tells_of_no_wave_and_of_one_that_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
