// SPDX-License-Identifier: Apache-2.0
//
// calibration.h — what `bwrt calibrate` measured of this machine, as the runtime uses it.
//
//   {
//     "bwrt_calibration": 1,                            the format
//     "machine": "AMD EPYC, 2 cores, Linux 6.18",       as bwrt_caps.machine gave it
//     "devices": [{
//       "device": "254:0",                              st_dev of the files it speaks of
//       "queue_depth": 32,                              requests in flight
//       "io_bytes": 1048576,                            of the largest request
//       "staging_count": 32,                            bounce buffers of io_bytes
//       "stage_from_bytes": 131072,                     0: never; see below
//       "huge_pages": 1 }]                              0: the arena does without; 1 when missing
//   }
//
// Other keys, the measurements behind the choices among them, are for people and not read.
//
// A table only chooses between ways that are all right, so an outdated one costs time and never a
// byte.  One that was made on another machine is not used, and caps say so; one that cannot be
// understood is an error of bwrt_open(), since nobody meant it to be like that.
//
// stage_from_bytes.  A direct read into ordinary 4 KiB pages, or a write from them, reaches the
// device as hundreds of segments.  From that length on it goes through the staging arena, huge
// pages that the ring has registered, and is copied there or from there.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "include/bwrt.h"
#include "runtime/status.h"

namespace bwrt::runtime {

struct Calibration {
    struct Device {
        std::uint64_t device;  // st_dev
        std::uint32_t queue_depth;
        std::uint32_t io_bytes;
        std::uint32_t staging_count;
        std::uint32_t stage_from_bytes;
        std::uint32_t huge_pages;
    };
    std::vector<Device> devices;  // none: no table, or one of another machine
    std::string reason;           // what it chose, or why it is not in force

    // Null when the table says nothing of the device.
    [[nodiscard]] const Device* find(std::uint64_t device) const noexcept;
    [[nodiscard]] bool stages() const noexcept;
    // Whether a device that stages is faster into huge pages.
    [[nodiscard]] bool wants_huge_pages() const noexcept;
    // The largest that any of its devices wants; 0 without one.
    [[nodiscard]] std::uint32_t most(std::uint32_t Device::*choice) const noexcept;
    // Buffers of io_bytes_max that hold as much as any device wants to have staged; 0: none does.
    [[nodiscard]] std::uint32_t staging_count(std::uint32_t io_bytes_max) const noexcept;
};

// "<processor>, <count> cores, Linux <major.minor>": what the measurements depend on.
[[nodiscard]] std::string machine_identity();

// Reads the table at `path`.  May throw std::bad_alloc.
bwrt_status read_calibration(const char* path, Calibration* calibration_out, const ErrorSink& sink);

}  // namespace bwrt::runtime
