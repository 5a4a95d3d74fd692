// SPDX-License-Identifier: Apache-2.0
//
// device.h — what is known of devices, and what one of them does, for whoever knows nothing of
// CUDA.
//
// A driver is looked for when somebody says so, an option of bwrt_open() or the first region of a
// device, and never by the way: an engine that has no use for it would pay with the library's
// memory, and with cuInit() for its children's use of the GPU.  Asking what is known calls nothing.
//
// Two sources have these functions, cuda/device.cpp and no_device.cpp; CMake takes one.  Another
// maker's devices would be a third.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "include/bwrt.h"
#include "runtime/status.h"

namespace bwrt::runtime {

struct DeviceReport {
    bool is_built = false;             // for devices at all
    std::uint32_t driver_version = 0;  // as in bwrt_caps
    std::uint32_t batch_copy_abi = 0;
    std::uint32_t device_count = 0;
    std::string reason;  // why there is no driver, or why it was not started
};

// As a BWRT_DEVICE_* says.  What was found holds for the process; any thread.
void look_for_devices(std::uint32_t look);

[[nodiscard]] DeviceReport known_devices();

// The ways that copies go.  What goes one way goes one after the other; the ways go side by side.
enum class CopyWay : std::uint8_t { kToDevice, kFromDevice, kWithin };
constexpr std::uint32_t kCopyWayCount = 3;
constexpr CopyWay kCopyWays[kCopyWayCount] = {CopyWay::kToDevice, CopyWay::kFromDevice,
                                              CopyWay::kWithin};

// So many flights of copies are out at a time, each with memory of the host of its own, from which
// and to which the device copies by itself: 4 MiB a device and runtime.  As with files: what is out
// should be more than is moved while nobody looks, 25 GB/s x 100 us = 2.5 MB.
constexpr std::uint32_t kFlightCountMax = 16;
constexpr std::uint32_t kFlightStagingBytes = 256 << 10;
// 256 KiB of the smallest pages that one kernel copies, 256 bytes each; and 28 MiB of the largest,
// where they lie on the device.  It takes 48 bytes of the lane's for each and 24 of pinned memory.
constexpr std::uint32_t kFlightCopyCountMax = 1024;

// A fence notes what an engine has enqueued when a wave that comes after it is submitted.  So many
// waves wait so at a time; a fence is a mark, and where it was set for a mark of the engine's, a
// stream.
constexpr std::uint32_t kFenceCountMax = 256;
enum class FenceKind : std::uint8_t { kStream, kEvent };

// What became of a call of the data plane; the code is the driver's.
struct DeviceAnswer {
    bwrt_status status = BWRT_OK;
    std::int32_t code = 0;
};

// Bytes that lie one behind the other on both sides.
struct DeviceCopy {
    std::uint64_t target;
    std::uint64_t source;
    std::uint64_t bytes;
    DeviceAnswer answer;  // what became of it when it was asked for
};

// One device, as one runtime has it.  What is current to a thread that calls is current to it
// afterwards, too.
//
// A device that says that it is lost stays so: from then on it is asked for nothing, and every call
// ends with BWRT_E_DEVICE_LOST at once.  What lies there is the driver's to clean up.
class Device {
 public:
    virtual ~Device() = default;

    [[nodiscard]] virtual std::uint32_t number() const noexcept = 0;

    // Control plane, one at a time.
    // Whether all of it is memory of this device, and of a kind that can be copied to and from.
    virtual bwrt_status check_range(std::uint64_t address, std::uint64_t length_bytes,
                                    const ErrorSink& sink) noexcept = 0;
    virtual bwrt_status allocate(std::uint64_t length_bytes, std::uint64_t* address_out,
                                 const ErrorSink& sink) noexcept = 0;
    // Of allocate(), when nothing uses it.  May wait for all that the device has to do.  Any
    // thread.
    virtual void free(std::uint64_t address) noexcept = 0;

    // A submitter, who has the fence to himself: notes what is in a stream, or what an event marks.
    // Nothing of the engine's has to outlive the call.
    virtual bwrt_status set_fence(std::uint32_t fence, FenceKind kind, std::uint64_t after,
                                  const ErrorSink& sink) noexcept = 0;
    // Of 4 or 8 bytes.
    [[nodiscard]] virtual bool writes_values(std::uint32_t width) const noexcept = 0;
    // Whether a stream is one that any thread may mean by it.
    [[nodiscard]] virtual bool is_for_all_threads(std::uint64_t stream) const noexcept = 0;

    // Data plane, the driver.
    // Of a flight, kFlightStagingBytes.
    [[nodiscard]] virtual std::byte* staging(std::uint32_t flight) const noexcept = 0;
    // Has each of them copied, some time later and in any order: to the device from the flight's
    // staging memory, from it to there, or within it.  Of one that it does not take, whose answer
    // says so, nobody knows whether it is copied.  True: some of it may be out, and the flight's
    // memory is the device's until a mark behind it is over.  At most kFlightCopyCountMax.
    virtual bool copy(CopyWay way, std::uint32_t flight, DeviceCopy* copies,
                      std::uint32_t count) noexcept = 0;
    // So many a flight: fewer than kFlightCopyCountMax where each costs a call.
    [[nodiscard]] virtual std::uint32_t copy_count_max(CopyWay way) const noexcept = 0;
    // Has it written there behind all that was to be copied that way so far, 4 or 8 bytes, aligned
    // so, after which all that was copied before can be seen.
    virtual DeviceAnswer write_value(CopyWay way, std::uint64_t address, std::uint32_t width,
                                     std::uint64_t value) noexcept = 0;
    // Puts the flight's mark behind all that was to be copied that way so far.  BWRT_E_AGAIN: it is
    // not there, and may be put there later.
    virtual DeviceAnswer mark(CopyWay way, std::uint32_t flight) noexcept = 0;
    // BWRT_OK: all before the flight's mark is copied; BWRT_E_AGAIN: not yet; and otherwise nothing
    // is known of it.  Never waits.
    virtual DeviceAnswer ask(std::uint32_t flight) noexcept = 0;
    // As ask(), of a fence that is set.
    virtual DeviceAnswer ask_fence(std::uint32_t fence) noexcept = 0;
    // Makes a stream of the engine's, of this device, wait for a mark that was put on `marked`.
    virtual DeviceAnswer let_wait(std::uint64_t stream, const Device& marked,
                                  std::uint32_t flight) noexcept = 0;
    // Nothing more is to be had of it: it counts as lost, for `code`.
    virtual void give_up(std::int32_t code) noexcept = 0;
    // What the driver said when it was lost; 0: it is not.  Any thread.
    [[nodiscard]] virtual std::int32_t loss() const noexcept = 0;
};

// Starts the driver where nobody has yet.  `number` counts as the driver does.
bwrt_status open_device(std::uint32_t number, std::unique_ptr<Device>* device_out,
                        const ErrorSink& sink);

}  // namespace bwrt::runtime
