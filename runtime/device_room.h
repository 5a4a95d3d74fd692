// SPDX-License-Identifier: Apache-2.0
//
// device_room.h — a device and its flights: what the lane knows of copies that are out.
//
// A flight is what is copied one way, of one wave, between two looks at the device: up to
// kDeviceAccountCountMax pieces, under one mark.  Where a piece has a side on the host, its bytes
// pass through the flight's staging memory, gathered there one behind the other:
//
//   to the device     host ─ driver ─▶ staging ─ device ─▶ target       over: the mark says so
//   from the device   source ─ device ─▶ staging ─ driver ─▶ host       the mark, and then the
//   driver within it         source ─ device ─▶ target                         the mark
//
// So the device itself touches no memory of the host but ours, whatever a caller does with his.

#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "ringbuf/index_stack.h"
#include "runtime/backend/device.h"
#include "runtime/schedule.h"

namespace bwrt::runtime {

constexpr std::uint32_t kDeviceAccountCountMax = kFlightCopyCountMax;

// Within a device nothing bounds a flight but patience: a cancelled wave waits for it, 10 us at 3
// TB/s, and some 0.1 ms where small pages go by a kernel that has 256 KiB on their way at a time.
constexpr std::uint64_t kWithinFlightBytes = 32 << 20;

// A piece, or a part of one.
struct DeviceAccount {
    std::uint64_t source;
    std::uint64_t target;
    std::uint64_t bytes;
    std::uint32_t entry;
    std::uint32_t group;
    std::uint32_t operation_index;
    std::uint32_t staging_offset;
    std::uint16_t region;  // slot of its side on the device, if it has one
};

struct DeviceFlight {
    Wave* wave;
    DeviceFlight* next;  // free, or out behind this one
    std::uint64_t bytes;
    std::uint64_t started_ns;
    std::uint64_t unasked_from_ns;  // when its mark could first not be set or asked
    std::uint32_t unasked_count;    // in a row; 0: it could
    std::uint32_t number;
    std::uint32_t account_count;
    bool is_marked;
    bool is_followed;                       // it is full, and its wave has more to copy that way
    std::uint32_t group_first, group_last;  // of what it copies
    Operation* signals;                     // written behind that
    DeviceAccount accounts[kDeviceAccountCountMax];

    // Or it only writes signals.
    [[nodiscard]] bool is_request() const noexcept {
        return account_count != 0 || signals == nullptr;
    }

    // What of a group it copies.
    [[nodiscard]] std::uint64_t bytes_of(const Wave& its, std::uint32_t group) const noexcept {
        if (wave != &its || account_count == 0 || group < group_first || group > group_last) {
            return 0;
        }
        if (group_first == group_last) return bytes;
        std::uint64_t sum = 0;
        for (std::uint32_t i = 0; i < account_count; ++i) {
            if (accounts[i].group == group) sum += accounts[i].bytes;
        }
        return sum;
    }
};

// First in, first out: so it is in a stream.
struct DeviceFlights {
    DeviceFlight* first = nullptr;
    DeviceFlight* last = nullptr;

    void append(DeviceFlight* flight) noexcept {
        flight->next = nullptr;
        (last != nullptr ? last->next : first) = flight;
        last = flight;
    }
    DeviceFlight* pop() noexcept {
        DeviceFlight* const flight = first;
        first = flight->next;
        if (first == nullptr) last = nullptr;
        return flight;
    }
};

// The submitter's who has it, and from the submission on the driver's.
struct DeviceFence {
    DeviceRoom* room;
    std::uint32_t number;
    std::uint32_t unasked_count;  // in a row; 0: it could be asked
    Wave* wave;                   // null: it waits no more
    DeviceFence* next;            // that is watched
    std::uint64_t set_ns;
    std::uint64_t due_ns;
    std::uint64_t unasked_from_ns;
    DeviceAnswer answer;
};

// Made by the control plane with the first region on the device, and the driver's from then on, but
// for what `device` has for the control plane and for submitters, and the fences.
struct DeviceRoom {
    DeviceRoom(std::unique_ptr<Device> opened, const WaveTable* waves)
        : device(std::move(opened)), waiting(waves) {
        for (std::uint32_t number = 0; number < kFlightCountMax; ++number) {
            flights[number].number = number;
            free.append(&flights[number]);
        }
        for (std::uint32_t number = 0; number < kFenceCountMax; ++number) {
            fences[number].room = this;
            fences[number].number = number;
        }
    }

    DeviceFlights& out_of(CopyWay way) noexcept { return out[static_cast<std::uint32_t>(way)]; }

    const std::unique_ptr<Device> device;
    DeviceRoom* next_busy = nullptr;
    bool is_busy = false;         // it is on the lane's list of those with flights out
    std::uint32_t out_count = 0;  // flights
    DeviceRoom* next_known = nullptr;
    bool is_known = false;              // it is on the lane's list of those that waves waited at
    ReadyQueue<Lane::kDevice> waiting;  // for a flight
    DeviceFlights free;
    DeviceFlights out[kCopyWayCount];
    DeviceFlight flights[kFlightCountMax];
    DeviceCopy copies[kFlightCopyCountMax];           // of the flight that goes out
    ringbuf::IndexStack free_fences{kFenceCountMax};  // any thread's
    DeviceFence fences[kFenceCountMax];
};

}  // namespace bwrt::runtime
