/* SPDX-License-Identifier: Apache-2.0
 *
 * damaging_library.c — a disk that stores something else than it was given: loaded before
 * libbwrt.so (LD_PRELOAD), it flips one bit of each written chunk and passes all else on.  With it
 * a test shows that the command's reading back can fail. */

#include <bwrt.h>
#include <dlfcn.h>
#include <stddef.h>

static char* memory; /* of the one ALLOCATED region there is */

BWRT_API bwrt_status bwrt_region_add(bwrt_runtime* runtime, const bwrt_region* region,
                                     bwrt_handle* region_out, bwrt_region_info* info,
                                     bwrt_error* error) {
    bwrt_status (*real)(bwrt_runtime*, const bwrt_region*, bwrt_handle*, bwrt_region_info*,
                        bwrt_error*) = NULL;
    *(void**)&real = dlsym(RTLD_NEXT, "bwrt_region_add");
    const bwrt_status status = real(runtime, region, region_out, info, error);
    if (status == BWRT_OK && region->kind == BWRT_REGION_ALLOCATED) memory = info->address;
    return status;
}

BWRT_API bwrt_status bwrt_submit_wave(bwrt_runtime* runtime, const bwrt_wave* wave,
                                      bwrt_handle* wave_out, bwrt_error* error) {
    bwrt_status (*real)(bwrt_runtime*, const bwrt_wave*, bwrt_handle*, bwrt_error*) = NULL;
    *(void**)&real = dlsym(RTLD_NEXT, "bwrt_submit_wave");
    if (wave->operations[0].kind == BWRT_OP_WRITE)
        memory[wave->operations[0].source_offset_bytes] ^= 1;
    return real(runtime, wave, wave_out, error);
}
