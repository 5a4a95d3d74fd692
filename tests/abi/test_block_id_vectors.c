/* SPDX-License-Identifier: Apache-2.0
 *
 * Identities of blocks against tests/vectors/block_id.json, which another program made from the
 * description in docs/format.md (tests/python/block_id_reference.py). */

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bwrt.h"
#include "tests/support/cmocka.h"

enum { FILE_BYTES_MAX = 1 << 16, TOKEN_COUNT_MAX = 256, SPAN_BYTES_MAX = 512, MEDIA_COUNT_MAX = 8 };

/* A case as it was read, and the bytes its spans are of. */
typedef struct vector {
    bwrt_block_id_input input;
    uint32_t tokens[TOKEN_COUNT_MAX];
    bwrt_media_item media_items[MEDIA_COUNT_MAX];
    unsigned char parent[BWRT_BLOCK_ID_BYTES];
    unsigned char bytes[16][SPAN_BYTES_MAX];
    uint32_t bytes_count; /* of bytes[] used */
} vector;

static const struct {
    const char* name;
    size_t offset;
} spans[] = {
    {"model", offsetof(bwrt_block_id_input, model)},
    {"weights", offsetof(bwrt_block_id_input, weights)},
    {"adapter", offsetof(bwrt_block_id_input, adapter)},
    {"dtype", offsetof(bwrt_block_id_input, dtype)},
    {"layout", offsetof(bwrt_block_id_input, layout)},
    {"rope", offsetof(bwrt_block_id_input, rope)},
    {"salt", offsetof(bwrt_block_id_input, salt)},
    {"prompt_embeddings", offsetof(bwrt_block_id_input, prompt_embeddings)},
};

static const char* vectors_path;

/* How many bytes the hexadecimal text has. */
static size_t read_hex(const char* text, unsigned char* bytes_out, size_t capacity) {
    const size_t length = strlen(text) / 2;

    if (length > capacity) fail_msg("a text of %zu bytes is too long for the test", length);
    for (size_t i = 0; i < length; ++i) {
        unsigned byte = 0;
        if (sscanf(text + 2 * i, "%2x", &byte) != 1) fail_msg("%s is not hexadecimal", text);
        bytes_out[i] = (unsigned char)byte;
    }
    return length;
}

static bwrt_span read_span(vector* self, const cJSON* hex) {
    bwrt_span span = {NULL, 0};

    if (hex == NULL) return span;
    assert_true(self->bytes_count < 16);
    unsigned char* bytes = self->bytes[self->bytes_count++];
    span.address = bytes;
    span.length_bytes = read_hex(cJSON_GetStringValue(hex), bytes, SPAN_BYTES_MAX);
    return span;
}

static uint32_t read_number(const cJSON* from, const char* name) {
    const cJSON* number = cJSON_GetObjectItemCaseSensitive(from, name);
    return number == NULL ? 0 : (uint32_t)number->valuedouble;
}

static void read_media(vector* self, const cJSON* items) {
    const cJSON* item = NULL;

    cJSON_ArrayForEach(item, items) {
        assert_true(self->input.media_item_count < MEDIA_COUNT_MAX);
        bwrt_media_item* read = &self->media_items[self->input.media_item_count++];
        read->token_first =
            (int64_t)cJSON_GetObjectItemCaseSensitive(item, "token_first")->valuedouble;
        read->token_count = read_number(item, "token_count");
        read->digest = read_span(self, cJSON_GetObjectItemCaseSensitive(item, "digest"));
    }
    self->input.media_items = self->media_items;
    self->input.media_item_bytes = sizeof(bwrt_media_item);
}

static void read_vector(vector* self, const cJSON* from) {
    bwrt_block_id_input* input = &self->input;
    const cJSON* parent = cJSON_GetObjectItemCaseSensitive(from, "parent");
    const cJSON* token = NULL;

    memset(self, 0, sizeof(*self));
    input->struct_size = sizeof(*input);
    cJSON_ArrayForEach(token, cJSON_GetObjectItemCaseSensitive(from, "tokens")) {
        assert_true(input->token_count < TOKEN_COUNT_MAX);
        self->tokens[input->token_count++] = (uint32_t)token->valuedouble;
    }
    input->tokens = self->tokens;
    input->block_token_count = read_number(from, "block_token_count");
    input->layer_first = read_number(from, "layer_first");
    input->layer_count = read_number(from, "layer_count");
    input->rank = read_number(from, "rank");
    input->rank_count = read_number(from, "rank_count");
    if (parent != NULL) {
        assert_int_equal(read_hex(parent->valuestring, self->parent, BWRT_BLOCK_ID_BYTES),
                         BWRT_BLOCK_ID_BYTES);
        input->parent = self->parent;
    }
    for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); ++i) {
        const bwrt_span span =
            read_span(self, cJSON_GetObjectItemCaseSensitive(from, spans[i].name));
        memcpy((char*)input + spans[i].offset, &span, sizeof(span));
    }
    read_media(self, cJSON_GetObjectItemCaseSensitive(from, "media_items"));
}

static void assert_has_ids(const cJSON* from) {
    static vector read;
    unsigned char ids[TOKEN_COUNT_MAX][BWRT_BLOCK_ID_BYTES];
    unsigned char wanted[BWRT_BLOCK_ID_BYTES];
    const char* name = cJSON_GetObjectItemCaseSensitive(from, "name")->valuestring;
    const cJSON* id = NULL;
    bwrt_error error;
    uint32_t count = 77, i = 0;

    read_vector(&read, from);
    if (bwrt_block_id(&read.input, ids, TOKEN_COUNT_MAX, &count, &error) != BWRT_OK)
        fail_msg("%s: %s: %s", name, error.field, error.message);
    cJSON_ArrayForEach(id, cJSON_GetObjectItemCaseSensitive(from, "ids")) {
        assert_int_equal(read_hex(id->valuestring, wanted, sizeof(wanted)), sizeof(wanted));
        if (i < count && memcmp(ids[i], wanted, sizeof(wanted)) != 0)
            fail_msg("%s: identity %u is not %s", name, i, id->valuestring);
        ++i;
    }
    if (count != i) fail_msg("%s: %u identities, not %u", name, count, i);
}

static void every_vector_has_its_identities(void** state) {
    (void)state;
    static char text[FILE_BYTES_MAX];
    FILE* file = fopen(vectors_path, "r");
    const cJSON* one = NULL;
    int count = 0;

    if (file == NULL) fail_msg("%s cannot be read", vectors_path);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    cJSON* vectors = cJSON_Parse(text);
    if (vectors == NULL) fail_msg("%s is not JSON, or too long for the test", vectors_path);

    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(vectors, "encoding")),
                        "bwrt/id/1");
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(vectors, "cases")) {
        assert_has_ids(one);
        ++count;
    }
    assert_true(count >= 12);
    cJSON_Delete(vectors);
}

/* test_block_id_vectors VECTORS */
int main(int argc, char** argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vector_has_its_identities),
    };
    if (argc != 2) return 2;
    vectors_path = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
