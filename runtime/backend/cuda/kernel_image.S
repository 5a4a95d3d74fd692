/* SPDX-License-Identifier: Apache-2.0
 *
 * kernel_image.S — the kernels' image (cmake/cuda_image.cmake) as constants of the library: read-only,
 * aligned as drivers like it, and no one's outside.  The text ends with a null byte. */

#if defined(__CET__)
#include <cet.h>
#endif

    .section .rodata.bwrt_kernel_image, "a", %progbits
    .balign 64
    .globl bwrt_kernel_fat_binary
    .hidden bwrt_kernel_fat_binary
    .type bwrt_kernel_fat_binary, %object
bwrt_kernel_fat_binary:
    .incbin "copy_pages.fatbin"
    .size bwrt_kernel_fat_binary, . - bwrt_kernel_fat_binary

    .balign 64
    .globl bwrt_kernel_ptx
    .hidden bwrt_kernel_ptx
    .type bwrt_kernel_ptx, %object
bwrt_kernel_ptx:
    .incbin "copy_pages.ptx"
    .byte 0
    .size bwrt_kernel_ptx, . - bwrt_kernel_ptx

    .section .note.GNU-stack, "", %progbits
