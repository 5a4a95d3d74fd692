// SPDX-License-Identifier: Apache-2.0
//
// device.h — what is known of devices, for whoever knows nothing of CUDA.
//
// A driver is looked for when somebody says so, an option of bwrt_open() or the first region of a
// device, and never by the way: an engine that has no use for it would pay with the library's
// memory, and with cuInit() for its children's use of the GPU.  Asking what is known calls nothing.
//
// Two sources have these functions, cuda/device.cpp and no_device.cpp; CMake takes one.

#pragma once

#include <cstdint>
#include <string>

namespace bwrt::runtime {

struct DeviceReport {
    bool is_built = false;             // for devices at all
    std::uint32_t driver_version = 0;  // as in bwrt_caps
    std::uint32_t batch_copy_abi = 0;
    std::uint32_t device_count = 0;
    std::string reason;  // why there is no driver, or why it was not started
};

// As a BWRT_DEVICE_* says.  What was found holds for the process; any thread.
void look_for_devices(std::uint32_t look);

[[nodiscard]] DeviceReport known_devices();

}  // namespace bwrt::runtime
