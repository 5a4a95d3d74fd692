// SPDX-License-Identifier: Apache-2.0
//
// device_streams.cpp — what streams of an engine, or of another device, can wait for: the marks of
// flights that are out.

#include "runtime/device_lane.h"

namespace bwrt::runtime {
namespace {

// What the flight has of a group.
std::uint64_t bytes_in(const DeviceFlight& flight, const Wave& wave, std::uint32_t group) noexcept {
    if (flight.wave != &wave) return 0;
    std::uint64_t bytes = 0;
    for (std::uint32_t i = 0; i < flight.account_count; ++i) {
        if (flight.accounts[i].group == group) bytes += flight.accounts[i].bytes;
    }
    return bytes;
}

}  // namespace

// `bytes` of the group are not resolved: are they all out, under marks that are set?
bool DeviceLane::is_out(const Wave& wave, std::uint32_t group, std::uint64_t bytes) const noexcept {
    for (const DeviceRoom* room = busy_; room != nullptr; room = room->next_busy) {
        for (const DeviceFlights& way : room->out) {
            for (const DeviceFlight* flight = way.first; flight != nullptr; flight = flight->next) {
                if (flight->is_marked) bytes -= bytes_in(*flight, wave, group);
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
                if (bytes_in(*flight, wave, group) != 0) last = flight;
            }
            if (last == nullptr) continue;
            const DeviceAnswer answer = at->device->let_wait(stream, *room->device, last->number);
            if (answer.status != BWRT_OK) return answer;
        }
    }
    return {};
}

}  // namespace bwrt::runtime
