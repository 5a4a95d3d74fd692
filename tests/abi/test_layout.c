/* SPDX-License-Identifier: Apache-2.0
 *
 * The binary interface is what layout.def says, number by number: this compiler's sizes, offsets
 * and values are compared with the table, the table with the header's own list of names (so that
 * nothing is left out), and the program that tells bindings the layout with both. */

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bwrt.h"
#include "tests/support/cmocka.h"

struct named_struct {
    const char* name;
    size_t promised_bytes;
    size_t actual_bytes;
};

struct named_field {
    const char* struct_name;
    const char* name;
    size_t promised_offset;
    size_t promised_bytes;
    size_t actual_offset;
    size_t actual_bytes;
};

struct named_value {
    const char* name;
    uint64_t promised;
    uint64_t actual;
    bool is_status;
};

static const struct named_struct structs[] = {
#define STRUCT(name, size) {#name, size, sizeof(name)},
#include "bindings/layout.def"
};

static const struct named_field fields[] = {
#define FIELD(struct_name, name, offset, size) \
    {#struct_name,                             \
     #name,                                    \
     offset,                                   \
     size,                                     \
     offsetof(struct_name, name),              \
     sizeof(((struct_name*)NULL)->name)},
#include "bindings/layout.def"
};

/* Negative ones as their two's complement, which is how they travel. */
static const struct named_value values[] = {
#define STATUS(name, value) {#name, (uint64_t)(int64_t)(value), (uint64_t)(int64_t)(name), true},
#define CONSTANT(name, value) {#name, (uint64_t)(value), (uint64_t)(name), false},
#include "bindings/layout.def"
};

enum {
    STRUCT_COUNT = sizeof(structs) / sizeof(structs[0]),
    FIELD_COUNT = sizeof(fields) / sizeof(fields[0]),
    VALUE_COUNT = sizeof(values) / sizeof(values[0]),
    TEXT_BYTES_MAX = 256 * 1024
};

static const char* header_path;
static const char* printer_path;

/* The whole of a file or of a program's output, ended by NUL. */
static char* read_all(FILE* stream) {
    char* text = malloc(TEXT_BYTES_MAX);
    size_t length = 0;

    if (text == NULL || stream == NULL) fail_msg("nothing to read");
    length = fread(text, 1, TEXT_BYTES_MAX - 1, stream);
    text[length] = '\0';
    if (length == TEXT_BYTES_MAX - 1) fail_msg("more text than the test has room for");
    return text;
}

static void blank_comments(char* text) {
    for (char* open = strstr(text, "/*"); open != NULL; open = strstr(open, "/*")) {
        char* close = strstr(open, "*/");
        if (close == NULL) return;
        memset(open, ' ', (size_t)(close + 2 - open));
    }
}

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

static bool table_has_value(const char* name, size_t length) {
    for (size_t i = 0; i < VALUE_COUNT; ++i) {
        if (strlen(values[i].name) == length && memcmp(values[i].name, name, length) == 0)
            return true;
    }
    return false;
}

static bool table_has_struct(const char* name, size_t length) {
    for (size_t i = 0; i < STRUCT_COUNT; ++i) {
        if (strlen(structs[i].name) == length && memcmp(structs[i].name, name, length) == 0)
            return true;
    }
    return false;
}

static void every_struct_has_its_size(void** state) {
    (void)state;
    for (size_t i = 0; i < STRUCT_COUNT; ++i) {
        if (structs[i].actual_bytes != structs[i].promised_bytes) {
            fail_msg("%s is %zu bytes long, not %zu", structs[i].name, structs[i].actual_bytes,
                     structs[i].promised_bytes);
        }
    }
}

static void every_field_has_its_place(void** state) {
    (void)state;
    for (size_t i = 0; i < FIELD_COUNT; ++i) {
        const struct named_field* field = &fields[i];
        if (field->actual_offset != field->promised_offset ||
            field->actual_bytes != field->promised_bytes) {
            fail_msg("%s.%s lies at %zu, %zu bytes; not at %zu, %zu", field->struct_name,
                     field->name, field->actual_offset, field->actual_bytes, field->promised_offset,
                     field->promised_bytes);
        }
    }
}

/* Padding that nobody named could carry anything, and could not be required to be zero.  A field
 * that the table lacks looks the same. */
static void fields_tile_their_struct(void** state) {
    (void)state;
    size_t seen = 0;
    for (size_t s = 0; s < STRUCT_COUNT; ++s) {
        size_t end = 0;
        for (size_t i = 0; i < FIELD_COUNT; ++i) {
            if (strcmp(fields[i].struct_name, structs[s].name) != 0) continue;
            if (fields[i].promised_offset != end) {
                fail_msg("%s has %zu unnamed bytes before %s", structs[s].name,
                         fields[i].promised_offset - end, fields[i].name);
            }
            end += fields[i].promised_bytes;
            ++seen;
        }
        if (end != structs[s].promised_bytes) {
            fail_msg("%s has %zu unnamed bytes at its end", structs[s].name,
                     structs[s].promised_bytes - end);
        }
    }
    assert_int_equal(seen, FIELD_COUNT);
}

static void every_constant_has_its_value(void** state) {
    (void)state;
    for (size_t i = 0; i < VALUE_COUNT; ++i) {
        if (values[i].actual != values[i].promised) {
            fail_msg("%s is 0x%llx, not 0x%llx", values[i].name,
                     (unsigned long long)values[i].actual, (unsigned long long)values[i].promised);
        }
    }
}

static void no_two_statuses_share_a_value(void** state) {
    (void)state;
    for (size_t i = 0; i < VALUE_COUNT; ++i) {
        for (size_t j = 0; j < i; ++j) {
            if (values[i].is_status && values[j].is_status && values[i].actual == values[j].actual)
                fail_msg("%s and %s are the same", values[i].name, values[j].name);
        }
    }
}

static void the_table_has_every_constant_of_the_header(void** state) {
    (void)state;
    FILE* file = fopen(header_path, "r");
    char* text = read_all(file);
    size_t found = 0;

    fclose(file);
    blank_comments(text);
    for (char* at = strstr(text, "BWRT_"); at != NULL; at = strstr(at, "BWRT_")) {
        size_t length = 0;
        while (is_word(at[length])) ++length;
        const bool is_whole = at == text || !is_word(at[-1]);
        const bool is_plumbing = (length == 6 && memcmp(at, "BWRT_H", 6) == 0) ||
                                 (length == 8 && memcmp(at, "BWRT_API", 8) == 0);
        if (is_whole && !is_plumbing) {
            if (!table_has_value(at, length)) fail_msg("not in the table: %.*s", (int)length, at);
            ++found;
        }
        at += length;
    }
    free(text);
    assert_true(found >= VALUE_COUNT);
}

/* How many names of structs follow `before` in the text; each is in the table. */
static size_t count_structs(const char* text, const char* before) {
    size_t found = 0;

    for (const char* at = strstr(text, before); at != NULL; at = strstr(at, before)) {
        size_t length = 0;
        at += strlen(before) - strlen("bwrt_");
        while (is_word(at[length])) ++length;
        if (!table_has_struct(at, length)) fail_msg("not in the table: %.*s", (int)length, at);
        ++found;
    }
    return found;
}

static void the_table_has_every_struct_of_the_header(void** state) {
    (void)state;
    FILE* file = fopen(header_path, "r");
    char* text = read_all(file);

    fclose(file);
    blank_comments(text);
    /* "} name;" ends one; what had to be named before begins with "struct name". */
    assert_int_equal(count_structs(text, "\n} bwrt_") + count_structs(text, "\nstruct bwrt_"),
                     STRUCT_COUNT);
    free(text);
}

static void the_printer_tells_bindings_the_same(void** state) {
    (void)state;
    FILE* pipe = popen(printer_path, "r");
    char* text = read_all(pipe);
    char wanted[256];

    assert_int_equal(pclose(pipe), 0);
    for (size_t s = 0; s < STRUCT_COUNT; ++s) {
        (void)snprintf(wanted, sizeof(wanted), "\"%s\": {\"size\": %zu, \"fields\": {",
                       structs[s].name, structs[s].promised_bytes);
        char* body = strstr(text, wanted);
        if (body == NULL) fail_msg("the printer does not say %s", wanted);
        char* end = strstr(body, "}}");
        assert_non_null(end);
        *end = '\0'; /* the fields of this struct and of no other */
        for (size_t i = 0; i < FIELD_COUNT; ++i) {
            if (strcmp(fields[i].struct_name, structs[s].name) != 0) continue;
            (void)snprintf(wanted, sizeof(wanted), "\"%s\": {\"offset\": %zu, \"size\": %zu",
                           fields[i].name, fields[i].promised_offset, fields[i].promised_bytes);
            if (strstr(body, wanted) == NULL) fail_msg("%s: not %s", structs[s].name, wanted);
        }
        *end = '}';
    }
    for (size_t i = 0; i < VALUE_COUNT; ++i) {
        if (values[i].is_status) {
            (void)snprintf(wanted, sizeof(wanted), "\"%s\": %lld", values[i].name,
                           (long long)values[i].promised);
        } else {
            (void)snprintf(wanted, sizeof(wanted), "\"%s\": %llu", values[i].name,
                           (unsigned long long)values[i].promised);
        }
        char* said = strstr(text, wanted);
        if (said == NULL || isdigit((unsigned char)said[strlen(wanted)]))
            fail_msg("the printer does not say %s", wanted);
    }
    free(text);
}

/* test_layout HEADER PRINTER */
int main(int argc, char** argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_struct_has_its_size),
        cmocka_unit_test(every_field_has_its_place),
        cmocka_unit_test(fields_tile_their_struct),
        cmocka_unit_test(every_constant_has_its_value),
        cmocka_unit_test(no_two_statuses_share_a_value),
        cmocka_unit_test(the_table_has_every_constant_of_the_header),
        cmocka_unit_test(the_table_has_every_struct_of_the_header),
        cmocka_unit_test(the_printer_tells_bindings_the_same),
    };
    if (argc != 3) {
        (void)fprintf(stderr, "usage: test_layout HEADER PRINTER\n");
        return 2;
    }
    header_path = argv[1];
    printer_path = argv[2];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
