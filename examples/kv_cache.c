/* SPDX-License-Identifier: Apache-2.0
 *
 * kv_cache.c — KV blocks kept under their identities, over a restart: kv_cache DIRECTORY
 *
 * What a serving engine does with a prompt, once in each of two lives of the store:
 *
 *   tokens ─▶ bwrt_block_id ─▶ bwrt_lookup ─▶ GET the prefix ─▶ compute the rest ─▶ PUT the rest
 *
 * The first life finds nothing and computes all of it.  The second has what the first has put, and
 * so has every later run in the same directory.  A block is 256 KiB of pattern here, where an
 * engine has keys and values; at the end of a life every byte is looked at. */

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bwrt.h"

enum {
    TOKEN_COUNT = 128,
    BLOCK_TOKENS = 16,
    BLOCK_COUNT = TOKEN_COUNT / BLOCK_TOKENS,
    BLOCK_BYTES = 256 * 1024,
    MIB = 1024 * 1024
};

typedef struct Prompt {
    uint32_t tokens[TOKEN_COUNT];
    bwrt_block blocks[BLOCK_COUNT]; /* the names of its blocks, in the order of the prefix */
} Prompt;

typedef struct Cache {
    bwrt_runtime* runtime;
    bwrt_handle memory; /* of the engine: BLOCK_COUNT blocks, one behind the other */
    unsigned char* bytes;
} Cache;

static bwrt_error error; /* the sentence of the call that failed */

static void must(bwrt_status status) {
    if (status == BWRT_OK) return;
    fprintf(stderr, "%s: %s: %s\n", bwrt_status_name(status), error.field, error.message);
    exit(EXIT_FAILURE);
}

static bwrt_span span_of(const char* text) {
    const bwrt_span span = {text, strlen(text)};
    return span;
}

/* All that shapes the KV goes into the names: who leaves the weights out finds those of others. */
static void name_blocks(Prompt* prompt) {
    unsigned char ids[BLOCK_COUNT][BWRT_BLOCK_ID_BYTES];
    bwrt_block_id_input input = {.struct_size = sizeof(input),
                                 .block_token_count = BLOCK_TOKENS,
                                 .tokens = prompt->tokens,
                                 .token_count = TOKEN_COUNT,
                                 .model = span_of("example"),
                                 .weights = span_of("1"),
                                 .dtype = span_of("bf16"),
                                 .layout = span_of("a pattern")};
    uint32_t count = 0;

    must(bwrt_block_id(&input, ids, BLOCK_COUNT, &count, &error));
    memset(prompt->blocks, 0, sizeof(prompt->blocks));
    for (uint32_t i = 0; i < count; i++) memcpy(prompt->blocks[i].identity, ids[i], sizeof(ids[i]));
}

/* The engine's part: takes seconds there. */
static void compute(const Prompt* prompt, uint32_t block, unsigned char* bytes) {
    for (uint32_t i = 0; i < BLOCK_BYTES; i++) {
        bytes[i] = (unsigned char)(prompt->blocks[block].identity[i % 32] + i / 32);
    }
}

static void open_cache(Cache* cache, const char* directory) {
    const bwrt_store store = {.struct_size = sizeof(store),
                              .directories = &directory,
                              .directory_count = 1,
                              .disk_bytes = (uint64_t)128 * MIB,
                              .host_bytes = (uint64_t)16 * MIB,
                              .block_bytes_max = MIB,
                              .block_count_max = 4096};
    const bwrt_config config = {.struct_size = sizeof(config), .store = &store};
    const bwrt_region memory = {.struct_size = sizeof(memory),
                                .kind = BWRT_REGION_ALLOCATED,
                                .length_bytes = (uint64_t)BLOCK_COUNT * BLOCK_BYTES};
    bwrt_region_info info = {.struct_size = sizeof(info)};

    must(bwrt_open(&config, &cache->runtime, &error));
    must(bwrt_region_add(cache->runtime, &memory, &cache->memory, &info, &error));
    cache->bytes = info.address;
}

/* DRAIN also waits for what is still written behind: what was put is there in the next life. */
static void close_cache(Cache* cache) {
    must(bwrt_shutdown(cache->runtime, BWRT_SHUTDOWN_DRAIN, -1, &error));
    must(bwrt_close(cache->runtime, &error));
}

static uint32_t look_up(const Cache* cache, const Prompt* prompt) {
    unsigned char ids[BLOCK_COUNT][BWRT_BLOCK_ID_BYTES];
    const bwrt_lookup_query query = {
        .struct_size = sizeof(query), .identities = ids, .identity_count = BLOCK_COUNT};
    uint32_t prefix_count = 0;

    for (uint32_t i = 0; i < BLOCK_COUNT; i++) {
        memcpy(ids[i], prompt->blocks[i].identity, sizeof(ids[i]));
    }
    must(bwrt_lookup(cache->runtime, &query, NULL, &prefix_count, NULL, &error));
    return prefix_count;
}

/* GETs or PUTs blocks [first, first + count) of the prompt, from or to where they lie in memory;
 * how many of them, from the first on, are right. */
static uint32_t move_blocks(const Cache* cache, const Prompt* prompt, uint32_t kind, uint32_t first,
                            uint32_t count) {
    bwrt_operation operation = {
        .kind = kind, .block_first = first, .slot_count = count, .length_bytes = BLOCK_BYTES};
    const bwrt_wave wave = {.struct_size = sizeof(wave),
                            .operations = &operation,
                            .operation_count = 1,
                            .operation_bytes = sizeof(operation),
                            .blocks = prompt->blocks,
                            .block_count = BLOCK_COUNT,
                            .block_bytes = sizeof(bwrt_block)};
    const uint64_t offset_bytes = (uint64_t)first * BLOCK_BYTES;
    bwrt_handle handle = 0;
    bwrt_completion done;

    if (count == 0) return 0;
    /* The first block's parent is the one before it, which says what to keep together. */
    if (first != 0) operation.flags = BWRT_BLOCK_CONTINUES;
    if (kind == BWRT_OP_GET) {
        operation.target = cache->memory;
        operation.target_offset_bytes = offset_bytes;
    } else {
        operation.source = cache->memory;
        operation.source_offset_bytes = offset_bytes;
    }
    must(bwrt_submit_wave(cache->runtime, &wave, &handle, &error));
    must(bwrt_wait(cache->runtime, handle, -1, &done, &error));
    if (done.status != BWRT_OK) {
        fprintf(stderr, "%s: %s\n", kind == BWRT_OP_GET ? "GET" : "PUT",
                bwrt_status_name(done.status));
    }
    return (uint32_t)done.prefix_count;
}

/* False when a byte is wrong, which cannot be: what does not verify is not loaded. */
static bool serve(const Cache* cache, const Prompt* prompt) {
    static unsigned char expected[BLOCK_BYTES];
    const uint32_t found_count = look_up(cache, prompt);
    /* A hit is history: a block may have gone or not verify, and is computed like one that was
     * not there. */
    const uint32_t loaded_count = move_blocks(cache, prompt, BWRT_OP_GET, 0, found_count);
    const uint32_t left_count = BLOCK_COUNT - loaded_count;

    for (uint32_t i = loaded_count; i < BLOCK_COUNT; i++) {
        compute(prompt, i, cache->bytes + (uint64_t)i * BLOCK_BYTES);
    }
    const uint32_t stored_count = move_blocks(cache, prompt, BWRT_OP_PUT, loaded_count, left_count);
    printf("found %" PRIu32 ", loaded %" PRIu32 ", computed %" PRIu32 ", stored %" PRIu32 "\n",
           found_count, loaded_count, left_count, stored_count);
    for (uint32_t i = 0; i < BLOCK_COUNT; i++) {
        compute(prompt, i, expected);
        if (memcmp(cache->bytes + (uint64_t)i * BLOCK_BYTES, expected, BLOCK_BYTES) != 0)
            return false;
    }
    return true;
}

int main(int argc, char** argv) {
    static Prompt prompt;
    bool right = true;

    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    for (uint32_t i = 0; i < TOKEN_COUNT; i++) prompt.tokens[i] = 1000 + i;
    name_blocks(&prompt);
    for (int life = 1; life <= 2; life++) {
        Cache cache = {0};
        open_cache(&cache, argv[1]);
        printf("life %d: ", life);
        right = serve(&cache, &prompt) && right;
        close_cache(&cache);
    }
    if (!right) fprintf(stderr, "a byte is not what was stored\n");
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
