// SPDX-License-Identifier: Apache-2.0
//
// host_lane.h — the part of the executor that copies memory to memory.
//
// Copies run on the driver itself, in slices: after at most kSliceBytes it looks at files and
// new commands again, so a large copy delays I/O behind it by some ten microseconds and not by
// its own length.

#pragma once

#include <cstdint>

#include "planner/learning/predict.h"
#include "runtime/clock.h"
#include "runtime/ledger.h"
#include "runtime/schedule.h"
#include "runtime/storage_lane.h"
#include "runtime/tables.h"

namespace bwrt::runtime {

// At 20 GB/s (one core, field measurements) 13 us: below the wake-up of a sleeping thread.
constexpr std::uint64_t kSliceBytes = 256 << 10;

// The copies of block operations, which count when the store says so (block_lane.h).
class BlockCopies {
 public:
    // Of `bytes` of the next piece, how many may be copied at once.
    [[nodiscard]] virtual std::uint64_t copy_limit(const Operation& operation, const Piece& piece,
                                                   std::uint64_t bytes) const noexcept = 0;
    // Before: false when these are not to be copied.  *looked_bytes_out: how many it has read for
    // that, which take their time as a copy does.  And after: `good` when they were.
    [[nodiscard]] virtual bool copying(Operation* operation, const Piece& piece,
                                       std::uint64_t bytes,
                                       std::uint64_t* looked_bytes_out) noexcept = 0;
    virtual void copied(Wave* wave, Operation* operation, const Piece& piece, std::uint64_t bytes,
                        bool good) noexcept = 0;

 protected:
    ~BlockCopies() = default;
};

class HostLane {
 public:
    HostLane(Tables* tables, HostBackend* backend, const Ledger* ledger, Counters* counters,
             const Clock* clock, WaveOwner* owner);

    void set_blocks(BlockCopies* blocks) noexcept { blocks_ = blocks; }

    // One more operation for a wave that runs.
    void append(Wave* wave, Operation* operation, std::uint64_t bytes) noexcept {
        wave->list(Lane::kHost).insert(operation);
        lane_bytes(wave) += bytes;
        queued_bytes_ += bytes;
        if (!ReadyQueue<Lane::kHost>::has(*wave)) ready_.insert(wave);
    }

    void add(Wave* wave) noexcept {
        ready_.insert(wave);
        queued_bytes_ += lane_bytes(wave);
    }
    void forget(Wave* wave) noexcept { ready_.remove(wave); }
    void stop(Wave* wave) noexcept {
        ready_.remove(wave);
        queued_bytes_ -= lane_bytes(wave);
        lane_bytes(wave) = 0;
    }

    // Copies a slice.  True when there is more to do.
    bool run() noexcept;

    [[nodiscard]] bool has_ready() const noexcept { return !ready_.is_empty(); }
    [[nodiscard]] std::uint64_t queued_bytes() const noexcept { return queued_bytes_; }
    [[nodiscard]] std::uint64_t bytes_per_ms() const noexcept { return rate_.bytes_per_ms(); }
    [[nodiscard]] std::uint64_t measured_ns() const noexcept { return measured_ns_; }

 private:
    static std::uint64_t& lane_bytes(Wave* wave) noexcept {
        return wave->bus_bytes[bus_of(Lane::kHost)];
    }
    // What one turn has done: `looked_bytes` were not copied, but summed, or the time of their copy
    // was spent multiplying.
    struct Served {
        std::uint64_t bytes = 0;
        std::uint64_t looked_bytes = 0;

        [[nodiscard]] std::uint64_t both() const noexcept { return bytes + looked_bytes; }
    };
    Served serve(Wave* wave, std::uint64_t bytes_max) noexcept;
    void copy(Wave* wave, Operation* operation, const Piece& piece, std::uint64_t bytes_max,
              Served* served) noexcept;
    void multiply(Wave* wave, Operation* operation, Served* served) noexcept;

    HostBackend& backend_;
    const Ledger& ledger_;
    Counters& counters_;
    const Clock& clock_;
    WaveOwner& owner_;
    BlockCopies* blocks_ = nullptr;
    ReadyQueue<Lane::kHost> ready_;
    planner::RateEstimate rate_;
    std::uint64_t measured_ns_ = 0;   // when it last learnt
    std::uint64_t queued_bytes_ = 0;  // of running waves, not copied
};

}  // namespace bwrt::runtime
