/* SPDX-License-Identifier: Apache-2.0
 *
 * fake_cuda.h — what the fake driver has beside the functions of a driver: it is told what kind of
 * driver it is, what shall go wrong, and it tells what it saw.  Found by dlsym(), so that a program
 * on a real driver finds nothing.
 *
 *   plan    = [ item ] { ";" [ item ] }
 *   item    = "version=" major "." minor      13.0; batch copies as of 12.8 or 13.0 or not at all
 *           | "stub"                          the toolkit's library: CUDA_ERROR_STUB_LIBRARY
 *           | "devices=" count                2
 *           | "memory=" number "m"            MiB of each device; 256
 *           | "delay=" number "us"            the latest that work runs by itself; 2000
 *           | "seed=" number                  of lateness and of the order in a batch; 1
 *           | "spoil"                         the host's source of a copy is overwritten after it
 *           | name ":missing"                 cuGetProcAddress gives success and a null pointer
 *           | name ":" calls ":" code         fails: 2, 999, ...
 *           | name ":" calls ":slow=" number "us"
 *   calls   = n | n "+" | "*"                 the n-th call of it, from the n-th on, each
 *
 * Codes after which a real context is lost (700, 710, 714 to 719) stay: what was enqueued by such
 * a call fails when it runs, everything of that device afterwards.  Others fail the call alone. */

#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Another driver from here on: everything of the old one is gone, in silence, and calls are counted
 * from 1.  The first plan is the variable FAKE_CUDA.  Returns NULL, or a sentence of what is wrong
 * with the plan, which is then not taken. */
typedef const char* (*fake_cuda_configure_function)(const char* plan);
const char* fake_cuda_configure(const char* plan);

/* A line for everything that a program must not do and for everything that it has left behind;
 * empty when all is well.  Valid until the next call. */
typedef const char* (*fake_cuda_report_function)(void);
const char* fake_cuda_report(void);

/* Calls of a function so far; of "pageable": copies from or to memory that was not registered. */
typedef uint64_t (*fake_cuda_count_function)(const char* name);
uint64_t fake_cuda_count(const char* name);

/* While a device is held nothing that is enqueued there runs, whoever waits for it. */
typedef void (*fake_cuda_hold_function)(int device, int is_held);
void fake_cuda_hold(int device, int is_held);

/* So many copies, records of events and the like run on a held device all the same, in the order of
 * their streams. */
typedef void (*fake_cuda_let_function)(int device, unsigned int count);
void fake_cuda_let(int device, unsigned int count);

/* The context of the device is lost, as by a kernel of the engine's; code as above. */
typedef void (*fake_cuda_lose_function)(int device, int code);
void fake_cuda_lose(int device, int code);

/* A kernel is a function of the host that the image's kernel of that name stands for.  It reaches
 * device memory through reach(), which gives NULL outside of it, and returns a CUresult. */
typedef struct fake_cuda_launch {
    unsigned int grid[3];
    unsigned int block[3];
    void** parameters; /* copies, taken at the launch */
    void* (*reach)(uint64_t address, size_t length_bytes);
} fake_cuda_launch;
typedef int (*fake_cuda_kernel)(const fake_cuda_launch* launch);
typedef void (*fake_cuda_add_kernel_function)(const char* name, fake_cuda_kernel kernel,
                                              const size_t* parameter_bytes,
                                              size_t parameter_count);
void fake_cuda_add_kernel(const char* name, fake_cuda_kernel kernel, const size_t* parameter_bytes,
                          size_t parameter_count);

#ifdef __cplusplus
}
#endif
