// SPDX-License-Identifier: Apache-2.0
//
// storage_lane.h — the part of the executor that reads, writes and flushes files.
//
//   ready queue --build--> transfer --start--> backend
//                             ▲                   │
//                 continue, repeat, take apart    │
//                             └────── reap ◀──────┘ ──resolved──> ledger
//
// All judgement about results is here: a short count is continued, EINTR and EAGAIN are
// repeated, EINVAL of a direct request makes its file buffered, any other error takes a
// merged request apart so that only the piece to blame fails.

#pragma once

#include <cstdint>

#include "planner/learning/predict.h"
#include "runtime/ledger.h"
#include "runtime/pieces.h"
#include "runtime/schedule.h"
#include "runtime/staging.h"
#include "runtime/tables.h"
#include "runtime/transfer.h"

namespace bwrt::runtime {

// Told when a wave has nothing unresolved and nothing in flight.
class WaveOwner {
 public:
    virtual void wave_resolved(Wave* wave) noexcept = 0;

 protected:
    ~WaveOwner() = default;
};

// A piece as the file and the memory see it.
struct FilePiece {
    std::uint64_t offset;
    std::uint64_t address;
    std::uint32_t file_region;
    std::uint32_t memory_region;
};

class StorageLane {
 public:
    StorageLane(Tables* tables, StorageBackend* backend, const Ledger* ledger, Counters* counters,
                WaveOwner* owner);

    void add(Wave* wave) noexcept {
        ready_.insert(wave);
        queued_bytes_ += lane_bytes(wave);
    }

    // One more operation for a wave of the store's own; its list moves up to where what is due
    // first wants it.
    void append(Wave* wave, Operation* operation, std::uint64_t bytes,
                std::uint64_t due_ns) noexcept;

    // Starts what fits into the backend, of staged writes a slice.  True when something was
    // started.
    bool issue(std::uint64_t now_ns) noexcept;

    // After issue(): more could be started but for the slice.
    [[nodiscard]] bool is_held_back() const noexcept {
        return copied_in_bytes_ >= kUnloadBytes && can_issue();
    }

    // Takes results in.  True when there were any.
    bool reap(std::uint64_t now_ns) noexcept;

    // Copies what was read into staging memory to where it belongs, a slice at a time: the requests
    // that follow it are out by then, and the device is busy while we copy.  True while more is
    // left.
    bool unload(std::uint64_t now_ns) noexcept;

    // The wave is over; an operation of which nothing moves may still have it waiting here.
    void forget(Wave* wave) noexcept { ready_.remove(wave); }

    // The wave ends early: nothing more is started for it, what is out is asked back.
    void stop(Wave* wave) noexcept;

    [[nodiscard]] std::uint32_t inflight_count() const noexcept { return inflight_count_; }
    [[nodiscard]] bool has_ready() const noexcept { return !ready_.is_empty(); }
    [[nodiscard]] bool has_landed() const noexcept { return landed_ != nullptr; }
    [[nodiscard]] bool can_issue() const noexcept { return has_ready() && free_ != nullptr; }
    [[nodiscard]] std::uint64_t queued_bytes() const noexcept { return queued_bytes_; }
    [[nodiscard]] std::uint64_t bytes_per_ms() const noexcept { return rate_.bytes_per_ms(); }
    [[nodiscard]] std::uint64_t measured_ns() const noexcept { return measured_ns_; }
    [[nodiscard]] std::uint64_t unknown_count() const noexcept {
        return unknown_count_ + backend_.unknown_result_count();
    }
    [[nodiscard]] std::uint32_t staging_free_count() const noexcept {
        return staging_.free_count();
    }
    [[nodiscard]] std::uint32_t staging_count() const noexcept { return staging_.buffer_count(); }

 private:
    static constexpr std::uint64_t kUnloadBytes = 256 << 10;  // some 30 us of copying
    static constexpr std::uint32_t kTagPlaceBits = 12;        // queue_depth is at most 4,096

    static std::uint64_t& lane_bytes(Wave* wave) noexcept {
        return wave->bus_bytes[bus_of(Lane::kStorage)];
    }

    // storage_build.cpp
    bool build(Wave* wave, Transfer* transfer) noexcept;
    void build_flush(Wave* wave, Transfer* transfer) noexcept;
    [[nodiscard]] std::uint64_t choose_path(const Piece& piece, const FilePiece& place,
                                            Transfer* transfer) const noexcept;
    [[nodiscard]] bool staging_is_faster(const Piece& piece, const FilePiece& place,
                                         const Transfer& transfer) const noexcept;
    [[nodiscard]] std::uint32_t fitting_bytes(const Piece& piece, std::uint64_t address,
                                              std::uint64_t limit,
                                              const Transfer& transfer) const noexcept;

    // storage_lane.cpp
    void drop_failed(Wave* wave) noexcept;
    void launch(Transfer* transfer) noexcept;
    void open_window(Transfer* transfer, std::uint32_t first, std::uint32_t count) noexcept;
    void request(Transfer* transfer) noexcept;
    void request_staged(Transfer* transfer, IoRequest* io) noexcept;
    void request_plain(Transfer* transfer, IoRequest* io) noexcept;
    void park(Transfer* transfer) noexcept;
    void retry_parked() noexcept;

    // storage_result.cpp
    void on_result(Transfer* transfer, std::int32_t result) noexcept;
    void on_error(Transfer* transfer, int os_code) noexcept;
    void on_flushed(Transfer* transfer, std::int32_t result) noexcept;
    void on_staged(Transfer* transfer, std::uint32_t count) noexcept;
    void on_plain(Transfer* transfer, std::uint32_t count) noexcept;
    void land(Transfer* transfer) noexcept;
    void go_plain(Transfer* transfer) noexcept;
    void copy_staged(const Transfer& transfer, std::uint32_t bytes, bool into_staging) noexcept;
    void fail_window(Transfer* transfer, const Failure& failure) noexcept;
    void resolve_window(Transfer* transfer, std::uint32_t good_bytes,
                        const Failure* failure) noexcept;
    void resolve_own(Transfer* transfer, std::uint32_t good_bytes, const Failure* failure) noexcept;
    void finish(Transfer* transfer) noexcept;

    Tables& tables_;
    StorageBackend& backend_;
    const Ledger& ledger_;
    Counters& counters_;
    WaveOwner& owner_;
    ReadyQueue<Lane::kStorage> ready_;
    Staging staging_;
    Table<Transfer> transfers_;
    Transfer* free_ = nullptr;
    Transfer* parked_ = nullptr;  // oldest first
    Transfer** parked_end_ = &parked_;
    Transfer* landed_ = nullptr;  // read into staging memory, oldest first
    Transfer** landed_end_ = &landed_;
    std::uint32_t inflight_count_ = 0;
    std::uint32_t moving_count_ = 0;   // of these, what moves bytes: all but flushes
    std::uint64_t now_ns_ = 0;         // of this turn
    std::uint64_t busy_since_ns_ = 0;  // bytes are being moved, and none arrived
    std::uint64_t measured_ns_ = 0;    // when rate_ last learnt
    std::uint64_t unknown_count_ = 0;
    std::uint64_t queued_bytes_ = 0;     // of running waves, not resolved
    std::uint64_t copied_in_bytes_ = 0;  // into staging memory, in this issue()
    planner::RateEstimate rate_;
};

}  // namespace bwrt::runtime
