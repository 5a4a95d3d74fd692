// SPDX-License-Identifier: Apache-2.0
//
// ledger.h — every byte of a wave is accounted for exactly once, as good or as failed.
//
// open() when the wave is accepted, good() and failed() as pieces are resolved, close() when
// nothing is left: the completion, results and groups then say what became of each byte, and every
// SIGNAL has been written one way or the other.  A group's SIGNAL fires here, at the moment
// its last byte is resolved.

#pragma once

#include "runtime/wave.h"

namespace bwrt::runtime {

struct Failure {
    bwrt_status status;
    std::int32_t os_code;
    std::uint32_t tier;             // BWRT_TIER_*
    std::uint32_t operation_index;  // BWRT_NONE when the wave itself ended
};

// Gets the signals that lie on a device as they are due: what is to be written is their source.
class SignalSink {
 public:
    virtual void signal_due(Wave* wave, Operation* signal) noexcept = 0;

 protected:
    ~SignalSink() = default;
};

class Ledger {
 public:
    void set_devices(SignalSink* devices) noexcept { devices_ = devices; }

    void open(Wave* wave) const noexcept;

    // When it starts to run: signals of groups that nothing belongs to are due at once.
    void start(Wave* wave) const noexcept;

    void good(Wave* wave, std::uint32_t entry, std::uint32_t group,
              std::uint64_t bytes) const noexcept;
    void failed(Wave* wave, const Failure& failure, std::uint32_t entry, std::uint32_t group,
                std::uint64_t bytes) const noexcept;

    // A FLUSH, like a DROP, moves no bytes: it counts as one unresolved and none done.
    void flushed(Wave* wave, std::uint32_t entry, std::uint32_t group) const noexcept;

    // An operation whose bytes were moved and are accounted for only now, when they are where they
    // have to be: all good, or one that moves none and is done.
    void good_whole(Wave* wave, Operation* operation) const noexcept;

    // Fails all that is left of an operation, in time bounded by its planes, and by its entries
    // only where the caller wants results.
    void drop(Wave* wave, Operation* operation, const Failure& failure) const noexcept;

    // Drops what the lists still hold, as `status`, and empties them.
    void abandon(Wave* wave, bwrt_status status) const noexcept;

    // Of a wave that never ran: the signals of groups that nothing belongs to.
    void end_signals(Wave* wave, bwrt_status status) const noexcept;

    // What a block's result says beside its status.
    void note(const Wave& wave, std::uint32_t entry, std::uint32_t flags,
              std::uint32_t tier) const noexcept;
    void set_address(const Wave& wave, std::uint32_t entry, std::uint64_t address) const noexcept;

    // Once unresolved is 0 and nothing is in flight: the last word on the wave.
    void close(Wave* wave, std::uint64_t now_ns) const noexcept;

 private:
    void finish_signal(Wave* wave, Operation* signal, bwrt_status status) const noexcept;
    void fire_signals(Wave* wave, std::uint32_t group) const noexcept;
    void resolve_group(Wave* wave, std::uint32_t group, std::uint64_t unresolved) const noexcept;
    void count_failed(Wave* wave, const Failure& failure, std::uint32_t entry, std::uint32_t group,
                      std::uint64_t bytes) const noexcept;
    void fail_entries(Wave* wave, const Operation& operation,
                      const Failure& failure) const noexcept;

    SignalSink* devices_ = nullptr;
};

}  // namespace bwrt::runtime
