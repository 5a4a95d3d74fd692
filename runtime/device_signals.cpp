// SPDX-License-Identifier: Apache-2.0
//
// device_signals.cpp — SIGNALs that lie on a device.
//
//   all of the group goes to the device, or within it    behind its copies, in their stream, as
//   they
//                                                        go out: the host is needed no more
//   it comes from there, goes two ways, is of files or    when the group is resolved, in a flight
//   the host, or has failed                               of its own
//
// value_done may be enqueued before the copies are over: one that fails on the device takes the
// device with it, and the value with that.

#include "runtime/device_lane.h"

namespace bwrt::runtime {

// The ledger has taken it off the wave's list; its source is the value that is to be written.
void DeviceLane::signal_due(Wave* wave, Operation* signal) noexcept {
    ++wave->inflight_count;  // until it is out
    if (wave->due_signals == nullptr) {
        wave->next_due = due_;
        due_ = wave;
    }
    signal->next = wave->due_signals;
    wave->due_signals = signal;
    has_more_ = true;
}

void DeviceLane::send_due_signals() noexcept {
    for (Wave** link = &due_; *link != nullptr;) {
        Wave* const wave = *link;
        for (Operation** at = &wave->due_signals; *at != nullptr;) {
            Operation* const signal = *at;
            Operation* const next = signal->next;
            if (send_signal(wave, signal)) {
                *at = next;
                --wave->inflight_count;
            } else {
                at = &signal->next;
            }
        }
        if (wave->due_signals != nullptr) {
            link = &wave->next_due;
            continue;
        }
        *link = wave->next_due;
        if (wave->inflight_count == 0 && wave->unresolved == 0) owner_.wave_resolved(wave);
    }
}

// False when it has to wait for a flight.
bool DeviceLane::send_signal(Wave* wave, Operation* signal) noexcept {
    DeviceRoom* const room = tables_.regions.at(signal->target_region).room;
    if (room->free.first == nullptr && room->device->loss() == 0) return false;
    const DeviceAnswer answer = room->device->write_value(CopyWay::kToDevice, signal->target,
                                                          signal->width, signal->source);
    if (answer.status != BWRT_OK) {
        fail_signal(wave, *signal, answer);
        return true;
    }
    DeviceFlight* const flight = room->free.pop();
    flight->wave = wave;
    flight->bytes = flight->account_count = 0;
    flight->is_followed = false;
    flight->signals = signal;
    signal->next = nullptr;
    send({room, CopyWay::kToDevice}, flight);
    return true;
}

// Those of groups the last bytes of which are in this flight; it has no mark yet.
void DeviceLane::write_signals(const Course& course, DeviceFlight* flight) noexcept {
    Wave* const wave = flight->wave;
    if (course.way == CopyWay::kFromDevice) return;  // the driver has a part in it
    for (Operation** link = &wave->signals; *link != nullptr;) {
        Operation* const signal = *link;
        if (signal->group > flight->group_last) return;  // ascending
        const bool is_written =
            signal->lane == Lane::kDevice &&
            tables_.regions.at(signal->target_region).room == course.room &&
            is_last_of(course, *flight, signal->group) &&
            course.room->device
                    ->write_value(course.way, signal->target, signal->width, signal->source)
                    .status == BWRT_OK;
        if (!is_written) {  // its turn comes when the group is resolved
            link = &signal->next;
            continue;
        }
        *link = signal->next;
        signal->next = flight->signals;
        flight->signals = signal;
    }
}

bool DeviceLane::is_last_of(const Course& course, const DeviceFlight& flight,
                            std::uint32_t group) const noexcept {
    const GroupState& state = flight.wave->group(group);
    if (state.status != BWRT_OK) return false;
    std::uint64_t bytes = flight.bytes_of(*flight.wave, group);
    const DeviceFlights& way = course.room->out_of(course.way);
    for (const DeviceFlight* out = way.first; out != nullptr; out = out->next) {
        bytes += out->bytes_of(*flight.wave, group);
    }
    return bytes != 0 && bytes == state.unresolved;
}

void DeviceLane::fail_signal(Wave* wave, const Operation& signal,
                             const DeviceAnswer& answer) noexcept {
    ledger_.failed(wave, {answer.status, answer.code, BWRT_TIER_DEVICE, signal.index},
                   signal.entry_first, signal.group, 0);
}

}  // namespace bwrt::runtime
