// SPDX-License-Identifier: Apache-2.0
//
// block_service.h — what the executor knows of whoever serves block operations: the lane of a
// shard's writer (block_lane.h), or that of a reader (block_reader.h).
//
// The driver's alone.

#pragma once

#include <cstdint>

#include "runtime/clock.h"
#include "runtime/host_lane.h"

namespace bwrt::runtime {

class BlockService : public BlockCopies {
 public:
    virtual ~BlockService() = default;

    // The wave starts.
    virtual void start(Wave* wave, std::uint64_t now_ns) noexcept = 0;
    // It ends early: called before what is left in its lists is dropped.
    virtual void stop(Wave* wave) noexcept = 0;
    // It is over and its results are written.
    virtual void finish(const Wave& wave) noexcept = 0;

    // Everything that can be done now.  True while more is left.
    virtual bool turn(std::uint64_t now_ns) noexcept = 0;
    [[nodiscard]] virtual bool has_work() const noexcept = 0;
    // Between turns: begins what somebody wants who cannot wait for the next one.
    virtual void look(std::uint64_t /*now_ns*/) noexcept {}
    // When turn() has something to do whatever happens until then.
    [[nodiscard]] virtual std::uint64_t next_timer_ns() const noexcept { return kNeverNs; }
    // No wave will come any more: what is on its way ends, and nothing is begun for the store's own
    // sake.
    virtual void rest() noexcept {}
    // Of what was asked for ahead (foresight.h).  False where nobody wants it any more.
    [[nodiscard]] virtual bool ahead_planned(std::uint64_t /*id*/) noexcept { return false; }
    [[nodiscard]] virtual bool ahead_refused(std::uint64_t /*id*/) noexcept { return false; }
    virtual void snapshot(bwrt_counters* /*counters_out*/) const noexcept {}
    // Something is on its way that no wave may be waiting for.
    [[nodiscard]] virtual bool is_busy() const noexcept = 0;
    [[nodiscard]] virtual std::uint64_t flight_count() const noexcept = 0;
};

}  // namespace bwrt::runtime
