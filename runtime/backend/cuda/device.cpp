// SPDX-License-Identifier: Apache-2.0
//
// device.cpp — what is known of devices, where bwrt is built for CUDA's.

#include "runtime/backend/device.h"

#include "include/bwrt.h"
#include "runtime/backend/cuda/driver.h"

namespace bwrt::runtime {

void look_for_devices(std::uint32_t look) {
    std::string reason;  // it is kept
    if (look == BWRT_DEVICE_LOAD) static_cast<void>(cuda::load_driver(&reason));
    if (look == BWRT_DEVICE_START) static_cast<void>(cuda::start_driver(&reason));
}

DeviceReport known_devices() {
    const cuda::DriverState state = cuda::driver_state();
    DeviceReport report;
    report.is_built = true;
    report.reason = state.is_looked_for ? state.reason : "no driver was looked for yet";
    if (state.driver == nullptr) return report;
    report.driver_version = static_cast<std::uint32_t>(state.driver->version);
    report.batch_copy_abi = state.driver->batch_copy_abi;
    report.device_count = static_cast<std::uint32_t>(state.device_count);
    return report;
}

}  // namespace bwrt::runtime
