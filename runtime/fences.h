// SPDX-License-Identifier: Apache-2.0
//
// fences.h — waves that come after what an engine has enqueued on a device (bwrt_wave.after).
//
//   submitter  takes a fence of the device, and sets it where the engine's stream is now
//   driver     watch(), asks from time to time, and when it is over:  ─▶ fence_over()
//
// The host waits, and not our streams: copies that were enqueued behind the engine's work could be
// neither cancelled nor passed by others, for as long as the engine computes.
//
// It is asked when the wave comes, and then after a sixteenth of the time that it has waited, so
// that a wave is not later by more than that, between kFencePollMinNs and kFencePollMaxNs.
//
// A wave that is stopped meanwhile goes, and its fence stays until it is over: who is given it next
// must not wait for what that wave waited for.

#pragma once

#include <cstdint>

#include "runtime/clock.h"
#include "runtime/device_room.h"

namespace bwrt::runtime {

constexpr std::uint64_t kFencePollMinNs = 10'000;   // a question takes a microsecond
constexpr std::uint64_t kFencePollMaxNs = 200'000;  // as device_lane.h
// When a fence cannot be asked for, for other reasons than a loss, its wave fails.
constexpr std::uint64_t kFenceUnaskedNsMax = 1'000'000'000;
constexpr std::uint32_t kFenceUnaskedCountMax = 16;

class FenceOwner {
 public:
    virtual void fence_over(Wave* wave) noexcept = 0;
    virtual void fence_failed(Wave* wave, const DeviceAnswer& answer) noexcept = 0;

 protected:
    ~FenceOwner() = default;
};

class Fences {
 public:
    explicit Fences(FenceOwner* owner) : owner_(*owner) {}

    // The wave has a fence that was set.
    void watch(Wave* wave, std::uint64_t now_ns) noexcept;
    // It waits no more.
    void leave(Wave* wave) noexcept;

    // Asks whose time it is.  True when a wave has gone on.
    bool turn(std::uint64_t now_ns) noexcept;
    [[nodiscard]] std::uint64_t next_poll_ns() const noexcept { return next_poll_ns_; }

 private:
    bool ask(DeviceFence* fence, std::uint64_t now_ns) noexcept;
    void settle(DeviceFence* fence, const DeviceAnswer& answer) noexcept;

    FenceOwner& owner_;
    DeviceFence* first_ = nullptr;  // of all devices
    std::uint64_t next_poll_ns_ = kNeverNs;
};

}  // namespace bwrt::runtime
