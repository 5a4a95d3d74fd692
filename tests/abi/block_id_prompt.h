/* SPDX-License-Identifier: Apache-2.0
 *
 * block_id_prompt.h — where the tests of identities start from: an input that fills every field, of
 * three blocks and a rest.  Each test changes or breaks one thing of it. */

#ifndef BWRT_TESTS_ABI_BLOCK_ID_PROMPT_H
#define BWRT_TESTS_ABI_BLOCK_ID_PROMPT_H

#include <stdlib.h>

#include "tests/abi/client.h"

enum { PROMPT_TOKEN_COUNT = 50, PROMPT_BLOCK_TOKEN_COUNT = 16, PROMPT_BLOCK_COUNT = 3 };

typedef unsigned char block_id[BWRT_BLOCK_ID_BYTES];

typedef struct prompt {
    bwrt_block_id_input input;
    uint32_t tokens[PROMPT_TOKEN_COUNT];
    bwrt_media_item media_items[2];
    block_id parent;
    block_id ids[PROMPT_BLOCK_COUNT];
    uint32_t count;
    bwrt_error error;
} prompt;

static inline bwrt_span span_of(const char* text) {
    const bwrt_span span = {text, strlen(text)};
    return span;
}

/* The first media item lies across the first two blocks, the second in the last whole one. */
static inline int prompt_setup(void** state) {
    prompt* self = calloc(1, sizeof(*self));

    if (self == NULL) return -1;
    for (uint32_t i = 0; i < PROMPT_TOKEN_COUNT; ++i) self->tokens[i] = 1000 + 7 * i;
    memset(self->parent, 0x11, sizeof(self->parent));
    self->media_items[0].token_first = 12;
    self->media_items[0].token_count = 8;
    self->media_items[0].digest = span_of("digest of an image");
    self->media_items[1].token_first = 40;
    self->media_items[1].token_count = 4;
    self->media_items[1].digest = span_of("digest of a sound");
    self->input.struct_size = sizeof(self->input);
    self->input.block_token_count = PROMPT_BLOCK_TOKEN_COUNT;
    self->input.tokens = self->tokens;
    self->input.token_count = PROMPT_TOKEN_COUNT;
    self->input.parent = self->parent;
    self->input.media_items = self->media_items;
    self->input.media_item_count = 2;
    self->input.media_item_bytes = sizeof(bwrt_media_item);
    self->input.layer_first = 8;
    self->input.layer_count = 8;
    self->input.rank = 1;
    self->input.rank_count = 4;
    self->input.model = span_of("model");
    self->input.weights = span_of("weights");
    self->input.adapter = span_of("adapter");
    self->input.dtype = span_of("dtype");
    self->input.layout = span_of("layout");
    self->input.rope = span_of("rope");
    self->input.salt = span_of("salt");
    self->input.prompt_embeddings = span_of("prompt embeddings");
    mark_untouched(self->ids, sizeof(self->ids));
    mark_untouched(&self->error, sizeof(self->error));
    self->count = 77;
    *state = self;
    return 0;
}

static inline int prompt_teardown(void** state) {
    free(*state);
    return 0;
}

static inline bwrt_status name_prompt(prompt* self) {
    return bwrt_block_id(&self->input, self->ids, PROMPT_BLOCK_COUNT, &self->count, &self->error);
}

#endif
