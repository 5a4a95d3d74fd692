// SPDX-License-Identifier: Apache-2.0
//
// no_device.cpp — bwrt without devices.

#include "runtime/backend/device.h"

namespace bwrt::runtime {

void look_for_devices(std::uint32_t) {}

DeviceReport known_devices() {
    DeviceReport report;
    report.reason = "built without CUDA";
    return report;
}

}  // namespace bwrt::runtime
