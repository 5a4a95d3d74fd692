// SPDX-License-Identifier: Apache-2.0
//
// block_reader.h — the part of the executor that serves GETs of a runtime that only reads a store.
//
//   task ──find()──▶ flight ──▶ segment open? ──▶ own read ──▶ verified ──▶ host lane ──▶ ledger
//                      ▲              │ job                        │ not
//                      └──── look again: elsewhere now? ◀──────────┘ or could not be read
//
// Nobody holds a block for a reader: between the look and the read its writer may have moved it,
// emptied its segment or filled it anew.  So what is read proves itself, and what does not is
// looked up again.  Where the entry has changed since, the block was moved or is gone, and the new
// place or a miss is the answer; where it has not, the file is opened and read once more, for it
// may be a new one of that name, and only then the block is corrupt.
//
// A block that is seen nowhere may be in a shard that came a moment ago: then a job looks for
// shards, and the GET waits for it.  So it does for lookups, which do not.
//
//   block_reader.cpp           tasks: begin, copy, end, stop
//   block_reader_load.cpp      blocks on their way: looked for, read, verified
//   block_reader_segments.cpp  the files that they are read from
//
// The driver's alone.

#pragma once

#include <memory>
#include <vector>

#include "runtime/block_queues.h"
#include "runtime/block_service.h"
#include "runtime/janitor.h"
#include "runtime/own_io.h"
#include "runtime/store/view.h"
#include "runtime/tables.h"

namespace bwrt::runtime {

class BlockReader final : public BlockService, private OwnIoOwner {
 public:
    BlockReader(Tables* tables, StorageBackend* backend, StorageLane* storage, HostLane* host,
                const Ledger* ledger, Janitor* janitor, WaveOwner* owner);

    void start(Wave* wave, std::uint64_t now_ns) noexcept override;
    void stop(Wave* wave) noexcept override;
    void finish(const Wave&) noexcept override {}
    bool turn(std::uint64_t now_ns) noexcept override;
    void look(std::uint64_t now_ns) noexcept override;
    void rest() noexcept override { rests_ = true; }
    [[nodiscard]] bool has_work() const noexcept override {
        return !verifying_.is_empty() || (retry_ && (!starved_.is_empty() || !stalled_.is_empty()));
    }
    [[nodiscard]] bool is_busy() const noexcept override {
        return flight_count_ != 0 || !janitor_->is_idle();
    }
    [[nodiscard]] std::uint64_t flight_count() const noexcept override { return flight_count_; }

    // Host lane (BlockCopies).
    [[nodiscard]] std::uint64_t copy_limit(const Operation&, const Piece&,
                                           std::uint64_t bytes) const noexcept override {
        return bytes;
    }
    [[nodiscard]] bool copying(Operation*, const Piece&, std::uint64_t,
                               std::uint64_t*) noexcept override {
        return true;
    }
    void copied(Wave* wave, Operation* operation, const Piece& piece, std::uint64_t bytes,
                bool good) noexcept override;

 private:
    static constexpr std::uint32_t kVerifyBytes = 256 << 10;  // in a turn: some 20 us
    static constexpr std::uint32_t kMoveCountMax = 8;         // places that one load goes after
    static constexpr std::uint32_t kLookCountMax = 4;         // for shards, on behalf of one load
    static constexpr std::uint32_t kNoSlot = 0xFFFF'FFFF;

    // A block on its way, and everybody who waits for it.
    struct Flight {
        enum class State : std::uint8_t {
            kFree,
            kLooking,
            kOpening,
            kReading,
            kVerifying,
            kServing
        };

        OwnIo io;           // first: the lane knows it by this
        Flight* next;       // in the list that it is in
        Flight* neighbour;  // of the same hash
        BlockTask* waiting;
        BlockTask** waiting_end;
        std::byte* address;
        std::uint64_t layout_digest;
        std::uint64_t block_seed;
        Sighting where;
        const Tenant* tenant;
        BlockName name;
        std::uint32_t length_bytes;
        std::uint32_t done_bytes;  // verified
        std::uint32_t transit;     // its place
        std::uint32_t user_count;  // copies from it under way
        std::uint32_t slot;        // of the segment
        std::uint32_t move_count, look_count;
        std::uint8_t priority;
        State state;
        bool is_fresh;  // the file was opened for it
        std::uint64_t deadline_ns;
    };
    static_assert(offsetof(Flight, io) == 0);

    using FlightList = FlightQueue<Flight>;

    // An open segment, or one that is being opened.
    struct Slot final : Job {
        enum class State : std::uint8_t { kEmpty, kOpening, kOpen };

        StoreView* view = nullptr;
        std::uint32_t number = 0;
        State state = State::kEmpty;
        bool is_stale = false;  // to be opened again before anybody else reads it
        std::uint32_t user_count = 0;
        std::uint64_t used = 0;  // when last
        Sighting where;          // of any block in it
        FlightList waiting;
        bwrt_status status = BWRT_OK;
        bwrt_error error = {};
        void run() noexcept override;

        [[nodiscard]] bool is_of(const Sighting& other) const noexcept {
            return where.shard == other.shard && where.segment == other.segment &&
                   where.segment_bytes == other.segment_bytes;
        }
    };

    struct Refresh final : Job {
        StoreView* view = nullptr;
        std::uint64_t now_ns = 0;
        bool is_out = false;
        void run() noexcept override { view->refresh(now_ns); }
    };

    enum class Begun : std::uint8_t { kYes, kStarved };

    // Tasks.
    [[nodiscard]] Begun begin_task(BlockTask* task) noexcept;
    void miss(BlockTask* task) noexcept;
    void begin_copy(BlockTask* task, Flight* flight) noexcept;
    void end_copy(BlockTask* task) noexcept;
    void join(BlockTask* task, Flight* flight) noexcept;
    void leave(BlockTask* task) noexcept;
    void fail(BlockTask* task, bwrt_status status, std::int32_t os_code) noexcept;
    void resolved(Wave* wave) noexcept;
    void stop_task(BlockTask* task) noexcept;

    // Flights.
    [[nodiscard]] Flight* flight_of(const BlockTask& task) const noexcept;
    [[nodiscard]] std::size_t bucket_of(const BlockName& name) const noexcept;
    [[nodiscard]] Flight* take_flight(const BlockTask& task) noexcept;
    void end_flight(Flight* flight) noexcept;
    void look_again(Flight* flight) noexcept;
    [[nodiscard]] bool look_later(Flight* flight, const StoreView::Doubt& doubt) noexcept;
    void go_to(Flight* flight, const Sighting& where) noexcept;
    [[nodiscard]] bool place(Flight* flight) noexcept;
    void place_stalled() noexcept;
    void begin_read(Flight* flight) noexcept;
    void verify_some() noexcept;
    void verified(Flight* flight) noexcept;
    void not_whole(Flight* flight, bwrt_status status, std::int32_t os_code) noexcept;
    void end_waiting(Flight* flight, bwrt_status status, std::int32_t os_code) noexcept;
    void io_done(OwnIo* io) noexcept override;
    [[nodiscard]] std::uint32_t number_of(const Flight* flight) const noexcept {
        return static_cast<std::uint32_t>(flight - flights_.data());
    }

    // Shards.
    void start_refresh() noexcept;
    void refresh_if_wanted() noexcept;

    // Segments.
    [[nodiscard]] bool take_slot(Flight* flight) noexcept;
    [[nodiscard]] Slot* slot_of(const Sighting& where) noexcept;
    [[nodiscard]] Slot* idle_slot() noexcept;
    void leave_slot(Flight* flight) noexcept;
    void open_slot(Slot* slot, Flight* flight) noexcept;
    [[nodiscard]] bool attach(Slot* slot) noexcept;
    void detach(const Slot& slot) noexcept;
    void reap_jobs() noexcept;
    void opened(Slot* slot) noexcept;

    Tables& tables_;
    StoreView& view_;
    StorageBackend& backend_;
    HostLane& host_;
    const Ledger& ledger_;
    Janitor* janitor_;
    WaveOwner& owner_;
    OwnIos ios_;
    Table<Flight> flights_;
    std::vector<Flight*> buckets_;  // by hash of the name; a power of two
    Flight* free_ = nullptr;
    std::uint32_t flight_count_ = 0;
    std::uint64_t now_ns_ = 0;

    StarvedTasks starved_;
    bool retry_ = false;  // something was given back

    FlightList verifying_;
    FlightList looking_;  // until a job has looked for shards
    FlightList stalled_;  // for want of memory or of a slot
    bool rests_ = false;  // nobody is left who would see what comes
    Refresh refresh_;
    std::vector<std::unique_ptr<Slot>> slots_;
    std::uint64_t use_count_ = 0;
};

}  // namespace bwrt::runtime
