// SPDX-License-Identifier: Apache-2.0
//
// no_device.cpp — bwrt without devices.

#include "runtime/backend/device.h"

namespace bwrt::runtime {
namespace {

constexpr const char* kReason = "built without CUDA";

}  // namespace

void look_for_devices(std::uint32_t) {}

DeviceReport known_devices() {
    DeviceReport report;
    report.reason = kReason;
    return report;
}

bwrt_status open_device(std::uint32_t, std::unique_ptr<Device>*, const ErrorSink& sink) {
    return fail(sink, BWRT_E_UNSUPPORTED, "region.kind", "%s", kReason);
}

}  // namespace bwrt::runtime
