// SPDX-License-Identifier: Apache-2.0
//
// stream_wait.h — an engine's stream that is to wait for a group of a wave (bwrt_stream_wait()).
//
//   caller ──▶ driver: is all of the group there, or out on devices under marks?
//                yes ─▶ the stream waits for those marks          ─▶ done
//                it failed ─▶ its status                          ─▶ done
//                not yet ─▶ asked again whenever the wave has moved
//
// Only when all is out: CUDA lets a stream pass that waits for an event which is not recorded yet.

#pragma once

#include <atomic>
#include <cstdint>

#include "include/bwrt.h"
#include "runtime/backend/device.h"

namespace bwrt::runtime {

struct DeviceRoom;
struct Wave;

// On its caller's stack until done is 1, or the driver has dropped it.
struct StreamWait {
    Wave* wave = nullptr;  // whose slot its caller holds
    std::uint32_t group = 0;
    DeviceRoom* room = nullptr;  // of the stream
    std::uint64_t stream = 0;

    // The driver's.
    StreamWait* next = nullptr;
    DeviceAnswer answer;
    std::atomic<std::uint32_t> done{0};
};

}  // namespace bwrt::runtime
