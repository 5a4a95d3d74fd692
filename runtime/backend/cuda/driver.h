// SPDX-License-Identifier: Apache-2.0
//
// driver.h — the CUDA driver, found when the program runs and not when it is linked.
//
//   dlopen("libcuda.so.1") ─▶ cuGetProcAddress_v2 ─▶ version ─▶ table of entry points ─▶ cuInit
//   └───────────────────────── load_driver() ─────────────────────────────────────────┘
//   └───────────────────────── start_driver() ─────────────────────────────────────────────────┘
//
// Nothing here happens by itself.  Loading maps the library and asks it for addresses, a matter of
// milliseconds; starting is cuInit(), which may take a second for each GPU and after which a child
// of fork() cannot use CUDA.  Neither makes a context: that costs hundreds of MiB on the device,
// and is for who has memory on it.
//
// A process has one driver, so there is one table for all runtimes, filled once and never changed.
// The library is never closed: it has threads, and engines have pointers into it.
//
// What makes a driver unusable, each with its sentence: there is no library; it is a stub, as
// toolkits have them to link with (it answers CUDA_ERROR_STUB_LIBRARY); it is older than CUDA 12.0,
// the first with cuGetProcAddress_v2 and kernels that need no context; a required entry point is
// missing.  The driver says that last thing with success and a null pointer, and says
// CUDA_ERROR_INVALID_VALUE when asked for an ABI newer than itself, so its version is read first.
//
// Entry points are asked for with CU_GET_PROC_ADDRESS_LEGACY_STREAM: without a flag, who compiles
// with a default stream for each thread would get functions for which stream 0 is another one.

#pragma once

#include <cstdint>
#include <string>

#include "runtime/backend/cuda/entry_points.h"

namespace bwrt::runtime::cuda {

constexpr int kDriverVersionMin = 12000;

struct Driver {
    int version = 0;                   // 13000: CUDA 13.0
    std::uint32_t batch_copy_abi = 0;  // 13000 or 12080, whose entry is then not null; 0: none
#define BWRT_CUDA_MEMBER(need, member, name, abi) PFN_##name##_v##abi member = nullptr;
    BWRT_CUDA_ENTRY_POINTS(BWRT_CUDA_MEMBER)
#undef BWRT_CUDA_MEMBER
};

// Null with a sentence in *reason_out when there is none.  One outcome for the process, whatever
// is installed later.  Any thread.
[[nodiscard]] const Driver* load_driver(std::string* reason_out);

// load_driver() and cuInit().  One that failed is tried again by the next call: a GPU may need some
// time after the machine started.
[[nodiscard]] const Driver* start_driver(std::string* reason_out);

// What the calls above had so far, without calling the driver.
struct DriverState {
    const Driver* driver = nullptr;
    bool is_looked_for = false;
    bool is_started = false;
    int device_count = 0;  // of a started one
    std::string reason;    // why not, of the first that failed
};
[[nodiscard]] DriverState driver_state();

// Of any library of that name, into any table: what load_driver() does once.
[[nodiscard]] bool load_driver_from(const char* library, Driver* driver_out,
                                    std::string* reason_out);

// "CUDA_ERROR_NO_DEVICE (100)"
[[nodiscard]] std::string error_text(const Driver& driver, CUresult error);

// "12.4"
[[nodiscard]] std::string version_text(int version);

}  // namespace bwrt::runtime::cuda
