// SPDX-License-Identifier: Apache-2.0
//
// devices.h — the devices that a runtime's regions lie on: opened by the first of them, and kept
// until the runtime is closed, so that one region that comes and goes makes no context come and go.

#pragma once

#include <atomic>
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

    // Any thread.  Null where nobody has opened it.
    [[nodiscard]] DeviceRoom* find(std::uint32_t number) const noexcept {
        return number < kDeviceCountMax ? known_[number].load(std::memory_order_acquire) : nullptr;
    }

 private:
    static constexpr std::uint32_t kDeviceCountMax = 128;  // drivers have 64 at most

    const WaveTable* waves_;
    std::vector<std::unique_ptr<DeviceRoom>> rooms_;        // few: looked through
    std::atomic<DeviceRoom*> known_[kDeviceCountMax] = {};  // the same, by number
};

}  // namespace bwrt::runtime
