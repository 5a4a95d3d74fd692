// SPDX-License-Identifier: Apache-2.0
//
// device.h — what is known of devices, and what one of them does, for whoever knows nothing of
// CUDA.
//
// A driver is looked for when somebody says so, an option of bwrt_open() or the first region of a
// device, and never by the way: an engine that has no use for it would pay with the library's
// memory, and with cuInit() for its children's use of the GPU.  Asking what is known calls nothing.
//
// Two sources have these functions, cuda/device.cpp and no_device.cpp; CMake takes one.  Another
// maker's devices would be a third.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "include/bwrt.h"
#include "runtime/status.h"

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

// One device, as one runtime has it.  What is current to a thread that calls is current to it
// afterwards, too.
//
// A device that says that it is lost stays so: from then on it is asked for nothing, and every call
// ends with BWRT_E_DEVICE_LOST at once.  What lies there is the driver's to clean up.
class Device {
 public:
    virtual ~Device() = default;

    [[nodiscard]] virtual std::uint32_t number() const noexcept = 0;

    // Control plane, one at a time.
    // Whether all of it is memory of this device, and of a kind that can be copied to and from.
    virtual bwrt_status check_range(std::uint64_t address, std::uint64_t length_bytes,
                                    const ErrorSink& sink) noexcept = 0;
    virtual bwrt_status allocate(std::uint64_t length_bytes, std::uint64_t* address_out,
                                 const ErrorSink& sink) noexcept = 0;
    virtual void free(std::uint64_t address) noexcept = 0;  // of allocate(); nothing uses it
};

// Starts the driver where nobody has yet.  `number` counts as the driver does.
bwrt_status open_device(std::uint32_t number, std::unique_ptr<Device>* device_out,
                        const ErrorSink& sink);

}  // namespace bwrt::runtime
