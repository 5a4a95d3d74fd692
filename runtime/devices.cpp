// SPDX-License-Identifier: Apache-2.0

#include "runtime/devices.h"

#include <utility>

namespace bwrt::runtime {

bwrt_status Devices::open(std::uint32_t number, Device** device_out, const ErrorSink& sink) {
    for (const std::unique_ptr<Device>& device : devices_) {
        if (device->number() != number) continue;
        *device_out = device.get();
        return BWRT_OK;
    }
    std::unique_ptr<Device> opened;
    if (const bwrt_status status = open_device(number, &opened, sink)) return status;
    *device_out = opened.get();
    devices_.push_back(std::move(opened));
    return BWRT_OK;
}

}  // namespace bwrt::runtime
