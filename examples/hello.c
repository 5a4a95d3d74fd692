/* SPDX-License-Identifier: Apache-2.0 */
/* hello FILE: reads the first 4 KiB of a file, or what it has, in a wave that has 50 ms for it. */
#include <bwrt.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static bwrt_error error; /* the sentence of the call that failed */

static void must(bwrt_status status) {
    if (status == BWRT_OK) return;
    fprintf(stderr, "%s: %s: %s\n", bwrt_status_name(status), error.field, error.message);
    exit(EXIT_FAILURE);
}

int main(int argc, char** argv) {
    static char page[4096];
    bwrt_region file = {.struct_size = sizeof(file), .kind = BWRT_REGION_FILE};
    bwrt_region_info info = {.struct_size = sizeof(info)};
    bwrt_region memory = {.struct_size = sizeof(memory), .kind = BWRT_REGION_HOST};
    bwrt_operation load = {.kind = BWRT_OP_READ, .length_bytes = sizeof(page)};
    bwrt_wave wave = {.struct_size = sizeof(wave), .operations = &load, .operation_count = 1};
    bwrt_runtime* runtime = NULL;
    bwrt_handle handle = 0;
    bwrt_completion done;

    if (argc != 2) {
        fprintf(stderr, "usage: %s FILE\n", argv[0]);
        return EXIT_FAILURE;
    }
    file.flags = BWRT_REGION_READ_ONLY;
    file.fd = open(argv[1], O_RDONLY);
    if (file.fd < 0) {
        perror(argv[1]);
        return EXIT_FAILURE;
    }
    memory.address = page;
    memory.length_bytes = sizeof(page);
    wave.operation_bytes = sizeof(load);
    wave.flags = BWRT_WAVE_DEADLINE_RELATIVE;
    wave.deadline_ns = 50 * 1000 * 1000;
    wave.late = BWRT_LATE_ABORT;

    must(bwrt_open(NULL, &runtime, &error));
    must(bwrt_region_add(runtime, &file, &load.source, &info, &error));
    if (info.length_bytes < load.length_bytes) load.length_bytes = info.length_bytes;
    must(bwrt_region_add(runtime, &memory, &load.target, NULL, &error));
    must(bwrt_submit_wave(runtime, &wave, &handle, &error));
    must(bwrt_wait(runtime, handle, -1, &done, &error));
    printf("%s: %d bytes in %d us\n",
           done.verdict == BWRT_VERDICT_LOADED ? "loaded" : bwrt_status_name(done.status),
           (int)done.bytes, (int)((done.finished_ns - done.submitted_ns) / 1000));
    must(bwrt_shutdown(runtime, BWRT_SHUTDOWN_DRAIN, -1, &error));
    must(bwrt_close(runtime, &error));
    return done.status == BWRT_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
