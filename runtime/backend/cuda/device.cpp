// SPDX-License-Identifier: Apache-2.0
//
// device.cpp — what is known of devices, where bwrt is built for CUDA's.

#include "runtime/backend/device.h"

#include "runtime/backend/cuda/cuda_device.h"

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

bwrt_status open_device(std::uint32_t number, std::unique_ptr<Device>* device_out,
                        const ErrorSink& sink) {
    std::string reason;
    const cuda::Driver* const driver = cuda::start_driver(&reason);
    if (driver == nullptr) {
        return fail(sink, BWRT_E_UNSUPPORTED, "region.kind", "%s", reason.c_str());
    }
    const std::uint32_t count = known_devices().device_count;
    if (number >= count) {
        return fail(sink, BWRT_E_INVAL, "region.device", "device %u, and the driver has %u", number,
                    count);
    }
    return cuda::CudaDevice::open(*driver, number, device_out, sink);
}

}  // namespace bwrt::runtime
