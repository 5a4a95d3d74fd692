// SPDX-License-Identifier: Apache-2.0
//
// block_lane.h — the part of the executor that serves block operations.
//
//   wave ──start()──▶ task ──in host memory──▶ host lane's list of the same wave ──▶ ledger
//                       │──on disk──▶ flight: own read ▶ verified ▶ then as above
//                       │──PUT──▶ flight: filled by the host lane ▶ own write ▶ log ▶ ledger
//                       └──nothing free──▶ starved, until something is given back
//
// A block task (block_task.h) is what a caller wants, a flight (flight.h) a block on its way; many
// tasks wait for one flight.  Decisions about who has a place are the store's (store/store.h), I/O
// is the lanes'; here is what follows what.
//
//   block_lane.cpp   tasks: start, end, stop; a turn
//   block_copy.cpp   their copies
//   block_flight.cpp flights: begun, waited for, ended
//   block_load.cpp   from memory, or a read from the disk
//   block_verify.cpp what was read: verified, served
//   block_put.cpp    into the store: fill, publish
//   block_ahead.cpp  from the disk to memory, before anybody asks
//   block_behind.cpp from memory to the disk, later
//   block_write.cpp  to the disk: write, sync
//   block_log.cpp    records, and the next log
//   block_carry.cpp  segments emptied, files made
//
// The driver's alone.

#pragma once

#include <memory>
#include <vector>

#include "runtime/block_service.h"
#include "runtime/flight.h"
#include "runtime/janitor.h"
#include "runtime/tables.h"

namespace bwrt::runtime {

class Foresight;
class PlanLane;

class BlockLane final : public BlockService, private OwnIoOwner {
 public:
    // Of tables->store.  Without `plans` nothing is foretold.
    BlockLane(Tables* tables, StorageBackend* backend, StorageLane* storage, HostLane* host,
              const Ledger* ledger, Janitor* janitor, WaveOwner* owner, PlanLane* plans = nullptr);
    ~BlockLane() override;

    void start(Wave* wave, std::uint64_t now_ns) noexcept override;
    void stop(Wave* wave) noexcept override;
    void finish(const Wave& wave) noexcept override;
    bool turn(std::uint64_t now_ns) noexcept override;
    [[nodiscard]] bool has_work() const noexcept override {
        return !verifying_.is_empty() || (retry_ && !starved_.is_empty()) ||
               (!wanting_.is_empty() && !rests_ && must_look());
    }
    void rest() noexcept override;
    [[nodiscard]] bool is_busy() const noexcept override {
        return is_at_work() || !wanting_.is_empty();
    }
    [[nodiscard]] std::uint64_t next_timer_ns() const noexcept override;
    [[nodiscard]] bool ahead_planned(std::uint64_t id) noexcept override;
    [[nodiscard]] bool ahead_refused(std::uint64_t id) noexcept override;
    void snapshot(bwrt_counters* counters_out) const noexcept override;
    [[nodiscard]] std::uint64_t flight_count() const noexcept override { return flight_count_; }

    // Host lane (BlockCopies).
    [[nodiscard]] std::uint64_t copy_limit(const Operation& operation, const Piece& piece,
                                           std::uint64_t bytes) const noexcept override;
    [[nodiscard]] bool copying(Operation* operation, const Piece& piece, std::uint64_t bytes,
                               std::uint64_t* looked_bytes_out) noexcept override;
    void copied(Wave* wave, Operation* operation, const Piece& piece, std::uint64_t bytes,
                bool good) noexcept override;

 private:
    static constexpr std::uint32_t kVerifyBytes = 256 << 10;  // in a turn: some 20 us
    static constexpr std::uint32_t kSweepCountMax = 64;       // expired blocks in a turn
    static constexpr std::uint32_t kCarryCountMax = 4;
    // That nobody asked for, at once: what a demand may find before it on the disk takes 2 ms.
    static constexpr std::uint32_t kAheadCountMax = 8;
    static constexpr std::uint64_t kAheadBytesMax = 4 << 20;
    static constexpr std::uint64_t kCompactAgainBytes = 256 << 10;    // after one that failed, or
    static constexpr std::uint64_t kCompactAgainNs = 10'000'000'000;  // so much later
    static constexpr std::uint32_t kSyncCountMax = 8;                 // segments in a round
    static constexpr std::uint32_t kJobCount = 32;  // segments whose files are being made

    enum class Begun : std::uint8_t { kYes, kStarved };

    // block_lane.cpp
    [[nodiscard]] Begun begin_task(BlockTask* task) noexcept;
    [[nodiscard]] Begun begin_drop(BlockTask* task) noexcept;
    [[nodiscard]] Begun begin_unpin(BlockTask* task) noexcept;
    void retry_starved() noexcept;
    [[nodiscard]] bool is_at_work() const noexcept;
    void good(BlockTask* task, std::uint32_t tier) noexcept;
    void fail(BlockTask* task, bwrt_status status, std::int32_t os_code,
              std::uint32_t tier) noexcept;
    void resolved(Wave* wave) noexcept;
    void stop_task(BlockTask* task) noexcept;
    [[nodiscard]] IndexKey key_of(const BlockTask& task) const noexcept;
    [[nodiscard]] IndexKey key_of(const BlockTask& task, const BlockName& name) const noexcept;
    [[nodiscard]] bool is_in_host(const BlockTask& task) const noexcept;
    [[nodiscard]] std::uint32_t parent_entry_of(const BlockTask& task) const noexcept;
    [[nodiscard]] TenantCount& count_of(const BlockTask& task) noexcept {
        return store_->count_of(task.tenant->index);
    }

    // block_copy.cpp
    void begin_copy(BlockTask* task, std::byte* place) noexcept;
    void copy_from_host(BlockTask* task, std::uint32_t host_block) noexcept;
    void copy_from_flight(BlockTask* task, Flight* flight) noexcept;
    void end_copy(BlockTask* task) noexcept;

    // block_flight.cpp
    [[nodiscard]] Flight* take_flight() noexcept;
    void join(BlockTask* task, std::uint32_t number) noexcept;
    void leave(BlockTask* task) noexcept;
    void restart_waiting(Flight* flight) noexcept;
    void fail_waiting(Flight* flight, bwrt_status status, std::int32_t os_code) noexcept;
    void end_flight(Flight* flight) noexcept;
    void release_entry(Flight* flight) noexcept;
    // One that has not begun: nothing has changed by it that anybody waits for.
    void undo_flight(Flight* flight) noexcept;
    [[nodiscard]] std::uint32_t number_of(const Flight* flight) const noexcept {
        return static_cast<std::uint32_t>(flight - flights_.data());
    }
    void start_again(BlockTask* task) noexcept;

    // block_load.cpp
    [[nodiscard]] Begun begin_load(BlockTask* task) noexcept;
    [[nodiscard]] Begun found_in_host(BlockTask* task, std::uint32_t entry) noexcept;
    [[nodiscard]] Begun begin_read(BlockTask* task, std::uint32_t entry) noexcept;
    [[nodiscard]] std::uint32_t parent_on_disk(std::uint32_t entry) const noexcept;
    [[nodiscard]] bool take_for_load(Flight* flight, std::uint32_t entry, std::uint32_t parent,
                                     const Tenant* tenant, bool transit,
                                     planner::Tick since) noexcept;
    void read(Flight* flight, OwnWave wave, std::uint64_t due_ns) noexcept;
    [[nodiscard]] bool take_memory(Flight* flight, const Arriving& block, std::uint32_t parent,
                                   bool host, bool transit) noexcept;
    void give_memory_back(Flight* flight) noexcept;
    void read_done(Flight* flight) noexcept;
    void miss(BlockTask* task) noexcept;
    [[nodiscard]] Begun no_room(BlockTask* task) noexcept;
    void refuse(BlockTask* task, std::uint32_t tier) noexcept;
    [[nodiscard]] bool may_get_room() const noexcept;

    // block_verify.cpp
    void begin_verifying(Flight* flight) noexcept;
    void verify_later(Flight* flight) noexcept;
    void verify_some() noexcept;
    [[nodiscard]] Verified verify(Flight* flight, std::uint32_t bytes_max) noexcept;
    [[nodiscard]] bool can_lead(const BlockTask* task, const Flight& flight) const noexcept;
    [[nodiscard]] bool verify_up_to(Flight* flight, std::uint64_t end) noexcept;
    void leader_ended(Flight* flight) noexcept;
    void keep_from_host(BlockTask* task, Flight* flight) noexcept;
    void verified(Flight* flight) noexcept;
    void load_failed(Flight* flight, bwrt_status status, std::int32_t os_code) noexcept;

    // block_put.cpp
    struct Destination {
        bool host, disk;
    };
    [[nodiscard]] Begun begin_put(BlockTask* task) noexcept;
    [[nodiscard]] Begun present(BlockTask* task, std::uint32_t entry) noexcept;
    [[nodiscard]] Begun begin_fill(BlockTask* task) noexcept;
    [[nodiscard]] Destination destination_of(BlockTask* task) noexcept;
    [[nodiscard]] bool take_entry(BlockTask* task, Flight* flight, bool is_orphan) noexcept;
    [[nodiscard]] bool take_disk(BlockTask* task, Flight* flight, const Arriving& block) noexcept;
    void make_record(const BlockTask& task, Flight* flight) noexcept;
    void filled(Flight* flight) noexcept;
    void fill_failed(Flight* flight) noexcept;
    [[nodiscard]] bool sum_piece(Flight* flight, const Operation& operation, const Piece& piece,
                                 std::uint64_t bytes) noexcept;
    static void sum_into_image(Flight* flight, std::uint32_t chunk, const void* bytes,
                               std::uint32_t count) noexcept;
    [[nodiscard]] std::uint64_t fingerprint_of(const BlockTask& task) const noexcept;

    // block_ahead.cpp
    void read_ahead() noexcept;
    [[nodiscard]] bool may_read_ahead() const noexcept;
    [[nodiscard]] bool begin_ahead(std::uint32_t block) noexcept;
    void ahead_ended(Flight* flight, bool is_there) noexcept;

    // block_behind.cpp
    void write_behind(std::uint32_t entry, const BlockTask& task) noexcept;
    void want_disk(const BlockTask& task, std::uint32_t host_block) noexcept;
    void write_wanting() noexcept;
    [[nodiscard]] bool parent_goes_to_disk(std::uint32_t parent,
                                           planner::Closure closure) const noexcept;
    [[nodiscard]] bool parent_goes_to_disk(const BlockTask& task,
                                           std::uint32_t host_block) const noexcept;
    [[nodiscard]] Begun write_from_host(BlockTask* task, std::uint32_t entry,
                                        bool durable) noexcept;
    [[nodiscard]] DiskTier::Taken begin_host_write(BlockTask* task, std::uint32_t entry,
                                                   bool durable, bool waits) noexcept;
    void tell_parent(std::uint32_t host_block, BlockTask* task) const noexcept;
    [[nodiscard]] Begun make_durable(BlockTask* task, std::uint32_t entry) noexcept;

    // block_write.cpp
    void begin_write(Flight* flight) noexcept;
    void write_done(Flight* flight) noexcept;
    void sync_some() noexcept;
    void sync_done(OwnIo* io) noexcept;
    void stored(Flight* flight) noexcept;
    void write_failed(Flight* flight, bwrt_status status, std::int32_t os_code) noexcept;
    void fail_waiting_for_disk(Flight* flight, bwrt_status status, std::int32_t os_code) noexcept;

    // block_log.cpp
    void record(Flight* flight) noexcept;
    void write_log() noexcept;
    void log_written(OwnIo* io) noexcept;
    void fail_unwritten(bwrt_status status, std::int32_t os_code) noexcept;
    void recorded(Flight* flight) noexcept;
    void sync_log() noexcept;
    void log_synced(OwnIo* io) noexcept;
    void compact_log() noexcept;
    void compact_later() noexcept;
    void compaction_ran() noexcept;
    [[nodiscard]] std::uint64_t settled_bytes() const noexcept;

    // block_carry.cpp
    void attach_own() noexcept;
    [[nodiscard]] bool attach(std::uint32_t slot) noexcept;
    [[nodiscard]] bool is_open(std::uint32_t segment) const noexcept;
    void open_segment_of(Flight* flight) noexcept;
    void reap_jobs() noexcept;
    void empty_segments() noexcept;
    // Nobody has looked for a segment to empty since there may be one: the next turn does.
    [[nodiscard]] bool must_look() const noexcept {
        return store_->has_disk() && emptying_ == kNoSegment && is_reclaim_due();
    }
    [[nodiscard]] bool is_reclaim_due() const noexcept {
        return reclaim_due_ || store_->disk().segments().release_count() != releases_seen_;
    }
    [[nodiscard]] bool is_at(std::uint32_t entry, const DiskPlace& place) const noexcept;
    [[nodiscard]] bool carry(std::uint32_t entry) noexcept;
    void read_again(Flight* flight, OwnWave wave) noexcept;
    void carry_read(Flight* flight) noexcept;
    void place_carried() noexcept;
    void carried(Flight* flight) noexcept;
    void end_carry(Flight* flight) noexcept;

    void io_done(OwnIo* io) noexcept override;

    // A block of the host tier, held, that is to be on the disk as well.
    struct WantsDisk {
        std::uint32_t host_block = kNoHostBlock;
        bool has_parent = false;
        BlockName parent = {};  // which may be on the disk alone
    };

    struct SegmentJob final : Job {
        Store* store = nullptr;
        std::uint32_t segment = 0;
        bwrt_error error = {};
        bwrt_status status = BWRT_OK;
        bool is_out = false;
        FlightList flights;  // that wait for it
        void run() noexcept override;
    };

    Tables& tables_;
    Store* store_;
    StorageBackend& backend_;
    StorageLane& storage_;
    HostLane& host_;
    const Ledger& ledger_;
    Janitor* janitor_;
    WaveOwner& owner_;
    OwnIos ios_;
    Table<Flight> flights_;
    Flight* free_ = nullptr;
    std::uint32_t flight_count_ = 0;
    std::uint32_t copy_count_ = 0;  // tasks in the host lane

    std::unique_ptr<Foresight> foresight_;  // where something is to be foretold
    std::uint32_t ahead_count_ = 0;         // flights that nobody asked for
    std::uint64_t ahead_bytes_ = 0;         // that they are reading

    BoundedRing<WantsDisk> wanting_;
    StarvedTasks starved_;
    bool retry_ = false;  // something was given back

    FlightList verifying_;
    FlightList unplaced_;    // carried, and waiting for room in the log
    FlightList unsynced_;    // written, durable, and waiting for the next sync
    FlightList syncing_;     // in this one
    FlightList unrecorded_;  // for want of room in the log's buffer
    FlightList recording_;   // in the order of their tickets
    OwnIo sync_ios_[kSyncCountMax];
    bool rests_ = false;  // nothing is swept, emptied or made anew
    std::uint32_t sync_out_count_ = 0;
    std::uint32_t sync_segments_[kSyncCountMax] = {};  // whose they are
    OwnIo log_io_;
    std::uint32_t log_out_bytes_ = 0;
    OwnIo log_sync_io_;
    bool log_sync_out_ = false;
    bool compacting_ = false;
    bool log_held_ = false;  // the new log is whole but for what nobody writes to the old one now
    bool finishing_ = false;
    std::uint64_t compact_from_bytes_ = 0, compact_from_ns_ = 0;
    FlightList log_synced_;  // recorded, and waiting for the log's sync
    FlightList log_syncing_;

    std::vector<std::unique_ptr<SegmentJob>> jobs_;
    std::uint32_t emptying_ = kNoSegment;
    std::uint32_t carry_count_ = 0;
    bool reclaim_due_ = true;          // something has changed since there was nothing to empty, or
    std::uint64_t releases_seen_ = 0;  // more was released
};

}  // namespace bwrt::runtime
