// SPDX-License-Identifier: Apache-2.0

#include "runtime/devices.h"

#include <utility>

namespace bwrt::runtime {

bwrt_status Devices::open(std::uint32_t number, DeviceRoom** room_out, const ErrorSink& sink) {
    for (const std::unique_ptr<DeviceRoom>& room : rooms_) {
        if (room->device->number() != number) continue;
        *room_out = room.get();
        return BWRT_OK;
    }
    if (number >= kDeviceCountMax) {
        return fail(sink, BWRT_E_INVAL, "region.device", "device %u: there are %u at most", number,
                    kDeviceCountMax);
    }
    std::unique_ptr<Device> opened;
    if (const bwrt_status status = open_device(number, &opened, sink)) return status;
    rooms_.push_back(std::make_unique<DeviceRoom>(std::move(opened), waves_));
    *room_out = rooms_.back().get();
    known_[number].store(*room_out, std::memory_order_release);
    return BWRT_OK;
}

}  // namespace bwrt::runtime
