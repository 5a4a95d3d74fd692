// SPDX-License-Identifier: Apache-2.0
//
// device_lane.h — the part of the executor that copies to, from and within devices.
//
//   ready waves ─ build() ─▶ flight: copies, and a mark ─▶ device
//                  resolve() ◀─ land() ◀─ the mark is over ─┘   asked for while time passes
//
// A device calls nobody: the driver asks it, kPollMinNs after something went out, and where that
// was too soon after twice as long, up to kPollMaxNs.  Between two such times it does whatever else
// there is to do, or sleeps (next_poll_ns() is a timer like others), so that a device that is slow,
// or never answers, costs some thousand questions a second and keeps nobody from his files.
//
// When all flights of a device are out, waves that want one wait in a queue of the device, and
// those of other devices go on.  A flight that is back is for the most urgent of those who wait for
// it and of all others that are ready.
//
// A wave that is stopped has the pieces dropped that have not gone out.  What is out is the
// device's until its mark says otherwise, and its wave is not over before.
//
// The rate of a way is that of copies which more waited behind: what comes in last has the time in
// it until we asked.  So has what is asked for long after it should have been, as where nobody
// drives for a while, and makes no rate either.
//
// A copy that the driver does not take fails alone.  When the device is lost, everything that is
// out has failed, and what would go there fails at once: its marks will never be over.  A device
// one of whose marks cannot be set or asked for kUnaskedNsMax and kUnaskedCountMax times in a row
// is given up, which is the same.  "Not yet" is an answer, also while somebody captures a graph.

#pragma once

#include <algorithm>
#include <cstdint>

#include "planner/learning/predict.h"
#include "runtime/clock.h"
#include "runtime/device_room.h"
#include "runtime/ledger.h"
#include "runtime/schedule.h"
#include "runtime/storage_lane.h"
#include "runtime/tables.h"

namespace bwrt::runtime {

// A copy of 256 KiB takes 10 us over PCIe, and a question a microsecond.
constexpr std::uint64_t kPollMinNs = 10'000;
// A sleep and a wake-up cost some 10 us, of which this makes a tenth of one core at most.
constexpr std::uint64_t kPollMaxNs = 200'000;

// Longer than an engine's pauses, and what it does about a device that is gone may wait as long.
constexpr std::uint64_t kUnaskedNsMax = 1'000'000'000;
// Who does not drive for a second has asked twice in it.
constexpr std::uint32_t kUnaskedCountMax = 16;

// By the driver, in a turn, in each of the two directions: as much as the host lane copies.
constexpr std::uint64_t kTurnCopyBytes = 256 << 10;

constexpr Route route_of(CopyWay way) noexcept {
    return static_cast<Route>(static_cast<std::uint32_t>(Route::kToDevice) +
                              static_cast<std::uint32_t>(way));
}
static_assert(route_of(CopyWay::kFromDevice) == Route::kFromDevice);
static_assert(route_of(CopyWay::kWithin) == Route::kWithinDevice);

// One way, of all devices together.
class DeviceBus {
 public:
    [[nodiscard]] std::uint64_t queued_bytes() const noexcept { return queued_bytes_; }
    [[nodiscard]] std::uint64_t bytes_per_ms() const noexcept { return rate_.bytes_per_ms(); }
    [[nodiscard]] std::uint64_t measured_ns() const noexcept { return measured_ns_; }

    void queue(std::uint64_t bytes) noexcept { queued_bytes_ += bytes; }
    void take(std::uint64_t bytes) noexcept { queued_bytes_ -= bytes; }
    // More waited behind it, out or not, so the time since is that of copies alone.
    void came_in(const DeviceFlight& flight, bool is_followed, std::uint64_t now_ns) noexcept {
        if (is_followed && flight.bytes != 0) {
            rate_.add(flight.bytes, now_ns - std::max(busy_from_ns_, flight.started_ns));
            measured_ns_ = now_ns;
        }
        busy_from_ns_ = now_ns;
    }

 private:
    planner::RateEstimate rate_;
    std::uint64_t queued_bytes_ = 0;  // of running waves, not out
    std::uint64_t busy_from_ns_ = 0;  // when the last one came in
    std::uint64_t measured_ns_ = 0;   // when it last learnt
};

class DeviceLane final : public SignalSink {
 public:
    DeviceLane(Tables* tables, HostBackend* host, const Ledger* ledger, Counters* counters,
               const Clock* clock, WaveOwner* owner);

    void add(Wave* wave) noexcept {
        ready_.insert(wave);
        for (const CopyWay way : kCopyWays) bus_of(way).queue(bytes_of(wave, way));
        has_more_ = true;
    }
    void forget(Wave* wave) noexcept { take_out(wave); }
    void stop(Wave* wave) noexcept {
        take_out(wave);
        for (const CopyWay way : kCopyWays) take(wave, way, bytes_of(wave, way));
    }

    // Asks what is out, when it is time to, and starts what is ready.  True when there is more to
    // do at once.
    bool turn() noexcept;

    // device_signals.cpp
    void signal_due(Wave* wave, Operation* signal) noexcept override;

    // device_streams.cpp
    [[nodiscard]] bool is_out(const Wave& wave, std::uint32_t group,
                              std::uint64_t bytes) const noexcept;
    DeviceAnswer let_wait(const Wave& wave, std::uint32_t group, DeviceRoom* at,
                          std::uint64_t stream) noexcept;

    [[nodiscard]] bool is_idle() const noexcept {
        return busy_ == nullptr && ready_.is_empty() && waiting_count_ == 0 && due_ == nullptr;
    }
    // Something could be done at once.
    [[nodiscard]] bool has_work() const noexcept { return has_more_ && !is_idle(); }
    [[nodiscard]] std::uint64_t next_poll_ns() const noexcept {
        return busy_ != nullptr ? next_poll_ns_ : kNeverNs;
    }
    [[nodiscard]] std::uint64_t queued_bytes() const noexcept {
        std::uint64_t bytes = 0;
        for (const CopyWay way : kCopyWays) bytes += bus(way).queued_bytes();
        return bytes;
    }
    [[nodiscard]] const DeviceBus& bus(CopyWay way) const noexcept {
        return buses_[static_cast<std::uint32_t>(way)];
    }

 private:
    [[nodiscard]] DeviceBus& bus_of(CopyWay way) noexcept {
        return buses_[static_cast<std::uint32_t>(way)];
    }
    static std::uint64_t& bytes_of(Wave* wave, CopyWay way) noexcept {
        return wave->bus_bytes[runtime::bus_of(way)];
    }
    void take(Wave* wave, CopyWay way, std::uint64_t bytes) noexcept {
        bytes_of(wave, way) -= bytes;
        bus_of(way).take(bytes);
    }
    struct Course {  // of a piece
        DeviceRoom* room;
        CopyWay way;
    };
    [[nodiscard]] Course course_of(const Piece& piece) const noexcept;

    void poll() noexcept;
    void poll_room(DeviceRoom* room) noexcept;
    bool is_over(DeviceRoom* room, CopyWay way) noexcept;
    void lose(DeviceRoom* room) noexcept;
    void land(DeviceRoom* room, CopyWay way) noexcept;
    void fail(DeviceFlight* flight, std::uint32_t first, std::uint32_t count,
              const DeviceAnswer& answer) noexcept;
    void release(DeviceRoom* room, DeviceFlight* flight) noexcept;

    void start() noexcept;
    [[nodiscard]] ReadyQueue<Lane::kDevice>* next_queue() noexcept;
    void serve(Wave* wave) noexcept;
    void settle_queue(Wave* wave) noexcept;
    void wait_at(DeviceRoom* room, Wave* wave) noexcept;
    void take_out(Wave* wave) noexcept;
    void drop(Wave* wave, const Course& course) noexcept;
    void build(Wave* wave, const Course& course, DeviceFlight* flight) noexcept;
    void launch(const Course& course, DeviceFlight* flight) noexcept;
    [[nodiscard]] std::uint32_t gather(const Course& course, const DeviceFlight& flight) noexcept;
    void sort_out(const Course& course, DeviceFlight* flight) noexcept;
    void send(const Course& course, DeviceFlight* flight) noexcept;

    void send_due_signals() noexcept;
    bool send_signal(Wave* wave, Operation* signal) noexcept;
    void write_signals(const Course& course, DeviceFlight* flight) noexcept;
    [[nodiscard]] bool is_last_of(const Course& course, const DeviceFlight& flight,
                                  std::uint32_t group) const noexcept;
    void fail_signal(Wave* wave, const Operation& signal, const DeviceAnswer& answer) noexcept;

    const Tables& tables_;
    HostBackend& host_;
    const Ledger& ledger_;
    Counters& counters_;
    const Clock& clock_;
    WaveOwner& owner_;
    ReadyQueue<Lane::kDevice> ready_;
    DeviceRoom* busy_ = nullptr;   // rooms with flights out
    DeviceRoom* known_ = nullptr;  // that waves ever waited at
    Wave* due_ = nullptr;          // waves with signals that have to be written
    std::uint32_t waiting_count_ = 0;
    std::uint32_t pick_count_ = 0;    // where there was more than one queue
    std::uint64_t copied_bytes_ = 0;  // by the driver, in this turn
    bool is_late_look_ = false;       // in this turn what is out is asked for too late
    bool has_more_ = false;
    bool has_moved_ = false;  // in this turn something went out or came in
    std::uint64_t now_ns_ = 0;
    std::uint64_t next_poll_ns_ = 0;
    std::uint64_t poll_after_ns_ = kPollMinNs;
    DeviceBus buses_[kCopyWayCount];
};

}  // namespace bwrt::runtime
