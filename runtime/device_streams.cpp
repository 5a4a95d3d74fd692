// SPDX-License-Identifier: Apache-2.0
//
// device_streams.cpp — what streams of an engine, or of another device, can wait for: the marks of
// flights that are out.

#include "runtime/device_lane.h"

namespace bwrt::runtime {
// `bytes` of the group are not resolved: are they all out, under marks that are set?
bool DeviceLane::is_out(const Wave& wave, std::uint32_t group, std::uint64_t bytes) const noexcept {
    for (const DeviceRoom* room = busy_; room != nullptr; room = room->next_busy) {
        for (const DeviceFlights& way : room->out) {
            for (const DeviceFlight* flight = way.first; flight != nullptr; flight = flight->next) {
                if (flight->is_marked) bytes -= flight->bytes_of(wave, group);
            }
        }
    }
    return bytes == 0;
}

// Of each way the last one's mark says it of all before it.
DeviceAnswer DeviceLane::let_wait(const Wave& wave, std::uint32_t group, DeviceRoom* at,
                                  std::uint64_t stream) noexcept {
    for (const DeviceRoom* room = busy_; room != nullptr; room = room->next_busy) {
        for (const DeviceFlights& way : room->out) {
            const DeviceFlight* last = nullptr;
            for (const DeviceFlight* flight = way.first; flight != nullptr; flight = flight->next) {
                if (flight->bytes_of(wave, group) != 0) last = flight;
            }
            if (last == nullptr) continue;
            const DeviceAnswer answer = at->device->let_wait(stream, *room->device, last->number);
            if (answer.status != BWRT_OK) return answer;
        }
    }
    return {};
}

}  // namespace bwrt::runtime
