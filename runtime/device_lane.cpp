// SPDX-License-Identifier: Apache-2.0
//
// device_lane.cpp — what is out: asked for, landed, lost.

#include "runtime/device_lane.h"

#include <algorithm>
#include <cerrno>

namespace bwrt::runtime {

DeviceLane::DeviceLane(Tables* tables, HostBackend* host, const Ledger* ledger, Counters* counters,
                       const Clock* clock, WaveOwner* owner)
    : tables_(*tables),
      host_(*host),
      ledger_(*ledger),
      counters_(*counters),
      clock_(*clock),
      owner_(*owner),
      ready_(&tables->waves) {}

bool DeviceLane::turn() noexcept {
    now_ns_ = clock_.now_ns();
    has_more_ = has_moved_ = false;
    if (busy_ == nullptr) next_poll_ns_ = kNeverNs;
    const bool is_asked = now_ns_ >= next_poll_ns_;
    is_late_look_ = is_asked && now_ns_ - next_poll_ns_ > kPollMaxNs;
    if (is_asked) poll();
    const bool is_held_up = has_more_;  // there is more that is over
    send_due_signals();
    start();
    if (has_moved_) {
        poll_after_ns_ = kPollMinNs;
    } else if (is_asked) {
        poll_after_ns_ = std::min(2 * poll_after_ns_, kPollMaxNs);
    }
    if (is_asked) next_poll_ns_ = is_held_up ? now_ns_ : kNeverNs;
    // What goes out puts nobody's question off.
    if (is_asked || has_moved_) {
        next_poll_ns_ = std::min(next_poll_ns_, clock_.now_ns() + poll_after_ns_);
    }
    return has_more_;
}

void DeviceLane::poll() noexcept {
    copied_bytes_ = 0;
    for (DeviceRoom** link = &busy_; *link != nullptr;) {
        DeviceRoom* const room = *link;
        poll_room(room);
        if (room->out_count == 0) {
            *link = room->next_busy;
            room->is_busy = false;
        } else {
            link = &room->next_busy;
        }
    }
}

void DeviceLane::poll_room(DeviceRoom* room) noexcept {
    for (const CopyWay way : kCopyWays) {
        while (room->out_of(way).first != nullptr && is_over(room, way)) {
            if (way == CopyWay::kFromDevice && copied_bytes_ >= kTurnCopyBytes) {
                has_more_ = true;
                break;
            }
            land(room, way);
        }
    }
}

// The first of those that went that way.  What cannot be asked is neither over nor not.
bool DeviceLane::is_over(DeviceRoom* room, CopyWay way) noexcept {
    DeviceFlight* const flight = room->out_of(way).first;
    DeviceAnswer answer;
    if (flight->is_marked) {
        answer = room->device->ask(flight->number);
        if (answer.status == BWRT_OK) return true;
    } else {
        answer = room->device->mark(way, flight->number);
        flight->is_marked = answer.status == BWRT_OK;
    }
    if (answer.status == BWRT_OK || answer.status == BWRT_E_AGAIN) {
        flight->unasked_count = 0;
        return false;
    }
    if (flight->unasked_count++ == 0) flight->unasked_from_ns = now_ns_;
    const bool is_given_up = flight->unasked_count >= kUnaskedCountMax &&
                             now_ns_ - flight->unasked_from_ns >= kUnaskedNsMax;
    if (answer.status != BWRT_E_DEVICE_LOST && !is_given_up) return false;
    if (answer.status != BWRT_E_DEVICE_LOST) room->device->give_up(answer.code);
    lose(room);
    return false;
}

void DeviceLane::lose(DeviceRoom* room) noexcept {
    const DeviceAnswer lost = {BWRT_E_DEVICE_LOST, room->device->loss()};
    for (const CopyWay way : kCopyWays) {
        while (room->out_of(way).first != nullptr) {
            DeviceFlight* const flight = room->out_of(way).pop();
            fail(flight, 0, flight->account_count, lost);
            for (const Operation* one = flight->signals; one != nullptr; one = one->next) {
                fail_signal(flight->wave, *one, lost);
            }
            if (flight->is_request()) {
                counters_.request_finished(route_of(way), 0, now_ns_ - flight->started_ns, true);
            }
            release(room, flight);
        }
    }
}

// It is copied; what came from the device is in staging memory, and its wave wants it elsewhere.
void DeviceLane::land(DeviceRoom* room, CopyWay way) noexcept {
    DeviceFlight* const flight = room->out_of(way).pop();
    const std::byte* const staging = room->device->staging(flight->number);
    for (std::uint32_t i = 0; i < flight->account_count; ++i) {
        const DeviceAccount& account = flight->accounts[i];
        bool is_there = true;
        if (way == CopyWay::kFromDevice) {
            is_there = host_.copy(reinterpret_cast<void*>(account.target),
                                  staging + account.staging_offset, account.bytes);
            copied_bytes_ += account.bytes;
        }
        if (is_there) {
            ledger_.good(flight->wave, account.entry, account.group, account.bytes);
        } else {
            ledger_.failed(flight->wave, {BWRT_E_IO, EIO, BWRT_TIER_HOST, account.operation_index},
                           account.entry, account.group, account.bytes);
        }
    }
    if (flight->is_request()) {
        counters_.request_finished(route_of(way), flight->bytes, now_ns_ - flight->started_ns,
                                   false);
        const bool is_followed = flight->is_followed || room->out_of(way).first != nullptr;
        bus_of(way).came_in(*flight, is_followed && !is_late_look_, now_ns_);
    }
    has_moved_ = true;
    release(room, flight);
}

void DeviceLane::fail(DeviceFlight* flight, std::uint32_t first, std::uint32_t count,
                      const DeviceAnswer& answer) noexcept {
    for (std::uint32_t i = first; i < first + count; ++i) {
        const DeviceAccount& account = flight->accounts[i];
        ledger_.failed(flight->wave,
                       {answer.status, answer.code, BWRT_TIER_DEVICE, account.operation_index},
                       account.entry, account.group, account.bytes);
    }
}

void DeviceLane::release(DeviceRoom* room, DeviceFlight* flight) noexcept {
    Wave* const wave = flight->wave;
    --room->out_count;
    room->free.append(flight);
    if (--wave->inflight_count == 0 && wave->unresolved == 0) owner_.wave_resolved(wave);
}

}  // namespace bwrt::runtime
