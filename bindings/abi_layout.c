/* SPDX-License-Identifier: Apache-2.0
 *
 * abi_layout.c — prints the binary interface as this compiler sees it, as JSON, for the
 * authors and the tests of bindings:
 *
 *   {"abi_version": 1,
 *    "structs": {"bwrt_error": {"size": 256, "fields": {"status": {"offset": 0, "size": 4}, ...}}},
 *    "constants": {"BWRT_E_INVAL": -1, ...}}
 *
 * The names come from bindings/layout.def, the numbers from bwrt.h.  One constant,
 * BWRT_PROCESS_MEMORY, takes all 64 bits: read integers as integers. */

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "bwrt.h"

static void print_structs(void) {
    const char* before_struct = "";
    const char* before_field = "";

    /* Each struct closes the one before it. */
#define STRUCT(name, bytes)                                                                    \
    printf("%s\n  \"" #name "\": {\"size\": %zu, \"fields\": {", before_struct, sizeof(name)); \
    before_struct = "}},";                                                                     \
    before_field = "";
#define FIELD(name, field, at, bytes)                                                \
    printf("%s\n    \"" #field "\": {\"offset\": %zu, \"size\": %zu}", before_field, \
           offsetof(name, field), sizeof(((name*)NULL)->field));                     \
    before_field = ",";
#include "bindings/layout.def"
    printf("}}");
}

static void print_constants(void) {
    const char* before = "";

#define STATUS(name, value)                                           \
    printf("%s\n  \"" #name "\": %" PRId32, before, (int32_t)(name)); \
    before = ",";
#define CONSTANT(name, value)                                          \
    printf("%s\n  \"" #name "\": %" PRIu64, before, (uint64_t)(name)); \
    before = ",";
#include "bindings/layout.def"
}

int main(void) {
    printf("{\"abi_version\": %" PRIu32 ",\n \"structs\": {", (uint32_t)BWRT_ABI_VERSION);
    print_structs();
    printf("},\n \"constants\": {");
    print_constants();
    printf("}}\n");
    return fflush(stdout) == 0 ? 0 : 1;
}
