// SPDX-License-Identifier: Apache-2.0
//
// devices.h — the devices that a runtime's regions lie on: opened by the first of them, and kept
// until the runtime is closed, so that one region that comes and goes makes no context come and go.

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/device_room.h"

namespace bwrt::runtime {

// Control plane, one at a time.
class Devices {
 public:
    // Of whom waves of this table will wait for copies.
    explicit Devices(const WaveTable* waves) : waves_(waves) {}

    bwrt_status open(std::uint32_t number, DeviceRoom** room_out, const ErrorSink& sink);

 private:
    const WaveTable* waves_;
    std::vector<std::unique_ptr<DeviceRoom>> rooms_;  // few: looked through
};

}  // namespace bwrt::runtime
