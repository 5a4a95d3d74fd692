// SPDX-License-Identifier: Apache-2.0

#include "runtime/block_lane.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/check.h"
#include "runtime/clock.h"

namespace bwrt::runtime {

BlockLane::BlockLane(Tables* tables, StorageBackend* backend, StorageLane* storage, HostLane* host,
                     const Ledger* ledger, Janitor* janitor, WaveOwner* owner)
    : tables_(*tables),
      store_(tables->store),
      backend_(*backend),
      host_(*host),
      ledger_(*ledger),
      janitor_(janitor),
      owner_(*owner),
      ios_(&tables->waves, tables->waves.count(), storage, this) {
    flights_ = Table<Flight>(tables->flight_count_max);
    for (std::size_t i = flights_.count(); i > 0; --i) {
        Flight* flight = &flights_[i - 1];
        flight->next = free_;
        free_ = flight;
    }
    wanting_ = BoundedRing<WantsDisk>(tables->flight_count_max);
    for (std::uint32_t i = 0; i < kJobCount; ++i) jobs_.push_back(std::make_unique<SegmentJob>());
    attach_own();
}

// ---- a wave

void BlockLane::start(Wave* wave, std::uint64_t now_ns) noexcept {
    store_->set_now(now_ns);  // the last turn may be long ago
    ++wave->inflight_count;   // ours: it must not be over while we look at it
    for (BlockTask* task = wave->blocks; task != nullptr; task = task->next) {
        // Who came before and has nothing yet is served before, but for who needs nothing.
        const bool waits = !starved_.is_empty() && !is_in_host(*task);
        if (waits || begin_task(task) == Begun::kStarved) starved_.push(task);
    }
    --wave->inflight_count;
    resolved(wave);
}

void BlockLane::resolved(Wave* wave) noexcept {
    const bool runs = wave->phase == Phase::kRunning || wave->phase == Phase::kStopping;
    if (runs && wave->unresolved == 0 && wave->inflight_count == 0) owner_.wave_resolved(wave);
}

void BlockLane::stop(Wave* wave) noexcept {
    const Failure failure = {wave->stop_status, 0, BWRT_TIER_NONE, BWRT_NONE};
    for (BlockTask* task = wave->blocks; task != nullptr; task = task->next) {
        if (task->state == BlockTask::State::kDone) continue;
        const bool copying = task->state == BlockTask::State::kCopying;
        stop_task(task);
        task->state = BlockTask::State::kDone;
        // What is in the host lane's list is dropped with that.
        if (!copying) ledger_.drop(wave, &task->operation, failure);
    }
    // Those that wait for something to be free are in one list.  It is looked through last: a
    // flight that ended above has put back there who waited for it, and he may be of this wave.
    if (starved_.remove_of(wave)) retry_ = true;  // the others may have waited for it
}

void BlockLane::stop_task(BlockTask* task) noexcept {
    switch (task->state) {
        case BlockTask::State::kNew:
        case BlockTask::State::kDone:
            return;
        case BlockTask::State::kWaiting:
            leave(task);
            return;
        case BlockTask::State::kFilled:
            flights_[task->flight].leader = nullptr;
            return;
        case BlockTask::State::kCopying:
            if (task->kind == BWRT_OP_PUT) {
                --copy_count_;
                fill_failed(&flights_[task->flight]);
            } else {
                end_copy(task);
            }
            return;
    }
}

void BlockLane::finish(const Wave& wave) noexcept {
    for (const BlockTask* task = wave.blocks; task != nullptr; task = task->next) {
        if (task->kind != BWRT_OP_PIN || task->host_block == kNoHostBlock) continue;
        ledger_.set_address(
            wave, task->operation.entry_first,
            reinterpret_cast<std::uintptr_t>(store_->host().address_of(task->host_block)));
    }
}

void BlockLane::rest() noexcept {
    rests_ = true;
    if (!store_->has_disk()) return;
    write_wanting();  // nothing is emptied any more, so there will be no room
    store_->record_budget(true);
}

bool BlockLane::is_at_work() const noexcept {
    if (flight_count_ != 0) return true;
    if (!store_->has_disk()) return false;
    const LogWriter& log = store_->disk().log();
    const bool gathered = !log.is_stopped() && log.room() != DiskTier::kRecordCount;
    return gathered || log.is_out() || log_sync_out_ || compacting_ || !janitor_->is_idle();
}

bool BlockLane::turn(std::uint64_t now_ns) noexcept {
    store_->set_now(now_ns);
    const std::uint32_t swept_count = rests_ ? 0 : store_->sweep(kSweepCountMax);
    if (swept_count != 0) retry_ = reclaim_due_ = true;
    if (!verifying_.is_empty()) verify_some();
    if (store_->has_disk()) {
        reap_jobs();
        place_carried();
        empty_segments();
    }
    if (!wanting_.is_empty()) write_wanting();
    if (retry_) retry_starved();
    if (store_->has_disk()) {  // behind all that may have something to record or to sync
        while (!unrecorded_.is_empty() && store_->disk().log().room() != 0) {
            record(unrecorded_.pop());
        }
        sync_some();
        store_->record_budget(false);
        compact_log();
        write_log();
    }
    return swept_count == kSweepCountMax || has_work();
}

// ---- a task

IndexKey BlockLane::key_of(const BlockTask& task, const BlockName& name) const noexcept {
    IndexKey key;
    std::memcpy(key.identity, name.identity, sizeof key.identity);
    key.part = name.part;
    key.tenant = task.tenant->index;
    return key;
}

IndexKey BlockLane::key_of(const BlockTask& task) const noexcept { return key_of(task, task.name); }

std::uint32_t BlockLane::parent_entry_of(const BlockTask& task) const noexcept {
    return task.has_parent ? store_->index().find(key_of(task, task.parent)) : kNoEntry;
}

bool BlockLane::is_in_host(const BlockTask& task) const noexcept {
    const std::uint32_t entry = store_->index().find(key_of(task));
    return entry != kNoEntry && (store_->index().fields_of(entry).flags & kInHost) != 0;
}

BlockLane::Begun BlockLane::begin_task(BlockTask* task) noexcept {
    task->state = BlockTask::State::kNew;
    task->flight = kNoFlight;
    task->host_block = kNoHostBlock;
    switch (task->kind) {
        case BWRT_OP_PUT:
            return begin_put(task);
        case BWRT_OP_DROP:
            return begin_drop(task);
        case BWRT_OP_UNPIN:
            return begin_unpin(task);
        default:
            return begin_load(task);
    }
}

void BlockLane::retry_starved() noexcept {
    retry_ = false;
    starved_.retry([this](BlockTask* task) { return begin_task(task) == Begun::kYes; },
                   [this](Wave* wave) { resolved(wave); });
}

// Looks at everything again, in the next turn: what it waited for has changed.
void BlockLane::start_again(BlockTask* task) noexcept {
    task->flight = kNoFlight;
    starved_.push_again(task);
    retry_ = true;
}

void BlockLane::good(BlockTask* task, std::uint32_t tier) noexcept {
    Wave* wave = task->wave;
    task->state = BlockTask::State::kDone;
    ledger_.good_whole(wave, &task->operation);
    ledger_.note(*wave, task->operation.entry_first, 0, tier);
    resolved(wave);
}

void BlockLane::fail(BlockTask* task, bwrt_status status, std::int32_t os_code,
                     std::uint32_t tier) noexcept {
    Wave* wave = task->wave;
    task->state = BlockTask::State::kDone;
    ledger_.drop(wave, &task->operation, {status, os_code, tier, task->operation.index});
    resolved(wave);
}

BlockLane::Begun BlockLane::begin_drop(BlockTask* task) noexcept {
    const std::uint32_t entry = store_->index().find(key_of(*task));
    const BlockFields fields = entry == kNoEntry ? BlockFields{} : store_->index().fields_of(entry);
    if ((fields.flags & kInFlight) != 0) {
        join(task, fields.host_place);
        return Begun::kYes;
    }
    if ((fields.flags & kInHost) != 0) {
        const std::uint32_t flight = store_->host().flight_of(fields.host_place);
        if (flight != kNoFlight) {
            join(task, flight);
            return Begun::kYes;
        }
        if (store_->host().is_in_use(fields.host_place)) {
            if (store_->host().pins_of(fields.host_place) == 0) return Begun::kStarved;
            fail(task, BWRT_E_BUSY, 0, BWRT_TIER_HOST);
            return Begun::kYes;
        }
    }
    if ((fields.flags & kCarried) != 0) return Begun::kStarved;
    if ((fields.flags & kOnDisk) != 0) {
        // The log has to be told, or the next process would find it.
        LogWriter& log = store_->disk().log();
        if (log.room() == 0 && !log.is_stopped()) return Begun::kStarved;
    }
    if ((fields.flags & kInHost) != 0) store_->leave_host(entry, BWRT_REASON_DROPPED);
    if ((fields.flags & kOnDisk) != 0) store_->leave_disk(entry, BWRT_REASON_DROPPED);
    retry_ = reclaim_due_ = true;
    good(task, BWRT_TIER_NONE);
    return Begun::kYes;
}

BlockLane::Begun BlockLane::begin_unpin(BlockTask* task) noexcept {
    const std::uint32_t entry = store_->index().find(key_of(*task));
    const BlockFields fields = entry == kNoEntry ? BlockFields{} : store_->index().fields_of(entry);
    if ((fields.flags & kInHost) == 0 || store_->host().pins_of(fields.host_place) == 0) {
        fail(task, BWRT_E_MISS, 0, BWRT_TIER_HOST);
        return Begun::kYes;
    }
    --store_->host().pins_of(fields.host_place);
    store_->host().unhold(fields.host_place, store_->tick());
    retry_ = true;
    good(task, BWRT_TIER_HOST);
    return Begun::kYes;
}

// ---- copies

void BlockLane::begin_copy(BlockTask* task, std::byte* place) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(place);
    Operation& operation = task->operation;
    (task->kind == BWRT_OP_PUT ? operation.target : operation.source) = address;
    begin_again(&operation);
    task->state = BlockTask::State::kCopying;
    ++copy_count_;
    host_.append(task->wave, &operation, task->length_bytes);
}

void BlockLane::copy_from_host(BlockTask* task, std::uint32_t host_block) noexcept {
    task->host_block = host_block;
    store_->host().hold(host_block);
    begin_copy(task, store_->host().address_of(host_block));
}

void BlockLane::copy_from_flight(BlockTask* task, Flight* flight) noexcept {
    task->flight = number_of(flight);
    ++flight->user_count;
    begin_copy(task, flight->address);
}

// Gives back what a GET copied from.
void BlockLane::end_copy(BlockTask* task) noexcept {
    --copy_count_;
    retry_ = true;
    if (task->host_block != kNoHostBlock) {
        store_->host().unhold(task->host_block, store_->tick());
        return;
    }
    Flight* flight = &flights_[task->flight];
    --flight->user_count;
    if (flight->leader == task) {
        leader_ended(flight);
    } else if (flight->user_count == 0 && flight->state == Flight::State::kServing) {
        end_flight(flight);
    }
}

// Who sums or verifies as he copies does so by the chunk.
std::uint64_t BlockLane::copy_limit(const Operation& operation, const Piece& piece,
                                    std::uint64_t bytes) const noexcept {
    const auto& task = reinterpret_cast<const BlockTask&>(operation);
    if (task.flight == kNoFlight || flights_[task.flight].leader != &task) return bytes;
    const Flight& flight = flights_[task.flight];
    const std::uint64_t at =
        operation.kind == BWRT_OP_PUT ? flight.done_bytes : flight.offset_of(piece.source);
    return std::min<std::uint64_t>(bytes, kChunkBytes - at % kChunkBytes);
}

// A chunk is looked at before it is copied: that brings it into the cache, from where the copy can
// go past it.
bool BlockLane::copying(Operation* operation, const Piece& piece, std::uint64_t bytes,
                        std::uint64_t* looked_bytes_out) noexcept {
    auto* task = reinterpret_cast<BlockTask*>(operation);
    if (task->flight == kNoFlight || flights_[task->flight].leader != task) return true;
    Flight* flight = &flights_[task->flight];
    if (operation->kind == BWRT_OP_PUT) {
        if (sum_piece(flight, *operation, piece, bytes)) *looked_bytes_out = bytes;
        return true;
    }
    const std::uint32_t before = flight->done_bytes;
    const bool right = verify_up_to(flight, flight->offset_of(piece.source) + bytes);
    *looked_bytes_out = flight->done_bytes - before;
    return right;
}

void BlockLane::copied(Wave* wave, Operation* operation, const Piece& piece, std::uint64_t bytes,
                       bool good) noexcept {
    auto* task = reinterpret_cast<BlockTask*>(operation);
    Piece left;
    const bool served = !current(*operation, &left);
    if (task->kind == BWRT_OP_GET) {
        if (good) {
            ledger_.good(wave, piece.entry, piece.group, bytes);
        } else {
            const bool wrong =
                task->flight != kNoFlight && flights_[task->flight].status == BWRT_E_CORRUPT;
            const Failure rotten = {BWRT_E_CORRUPT, 0, BWRT_TIER_DISK, operation->index};
            const Failure failed = {BWRT_E_IO, EIO, BWRT_TIER_HOST, operation->index};
            ledger_.failed(wave, wrong ? rotten : failed, piece.entry, piece.group, bytes);
        }
        if (!served) return;
        task->state = BlockTask::State::kDone;
        end_copy(task);
        return;
    }
    Flight* flight = &flights_[task->flight];
    if (!good) flight->status = BWRT_E_IO;
    flight->done_bytes += static_cast<std::uint32_t>(bytes);
    const bool ascends = !operation->is_indexed() || operation->shape->lead->image_ascends;
    const bool chunk_ends = flight->done_bytes % kChunkBytes == 0 || served;
    if (ascends && chunk_ends && flight->summed_bytes != flight->done_bytes) {
        const std::uint32_t first = (flight->done_bytes - 1) / kChunkBytes * kChunkBytes;
        sum_chunk(flight, first / kChunkBytes, flight->address + first, flight->done_bytes - first);
        flight->summed_bytes = flight->done_bytes;
    }
    if (!served) return;
    --copy_count_;
    filled(flight);
}

// ---- flights

Flight* BlockLane::take_flight() noexcept {
    Flight* flight = free_;
    if (flight == nullptr) return nullptr;
    free_ = flight->next;
    *flight = Flight();
    flight->entry = kNoEntry;
    flight->host_block = kNoHostBlock;
    flight->transit = kNoPlace;
    flight->waiting_end = &flight->waiting;
    ++flight_count_;
    return flight;
}

void BlockLane::join(BlockTask* task, std::uint32_t number) noexcept {
    Flight* flight = &flights_[number];
    task->state = BlockTask::State::kWaiting;
    task->flight = number;
    task->waiting = nullptr;
    *flight->waiting_end = task;
    flight->waiting_end = &task->waiting;
    // A leader verifies as fast as he copies, and who waits may be more urgent than he is.
    if (flight->state == Flight::State::kVerifying && !flight->verifies) verify_later(flight);
}

void BlockLane::leave(BlockTask* task) noexcept {
    Flight* flight = &flights_[task->flight];
    BlockTask** link = &flight->waiting;
    while (*link != task) link = &(*link)->waiting;
    *link = task->waiting;
    if (*link == nullptr) flight->waiting_end = link;
}

void BlockLane::restart_waiting(Flight* flight) noexcept {
    BlockTask* task = flight->waiting;
    flight->waiting = nullptr;
    flight->waiting_end = &flight->waiting;
    while (task != nullptr) {
        BlockTask* following = task->waiting;
        start_again(task);
        task = following;
    }
}

void BlockLane::fail_waiting(Flight* flight, bwrt_status status, std::int32_t os_code) noexcept {
    BlockTask* task = flight->waiting;
    flight->waiting = nullptr;
    flight->waiting_end = &flight->waiting;
    while (task != nullptr) {
        BlockTask* following = task->waiting;
        const bool wants_bytes = task->kind != BWRT_OP_PUT && task->kind != BWRT_OP_DROP;
        if (wants_bytes) {
            fail(task, status, os_code, BWRT_TIER_DISK);
        } else {
            start_again(task);
        }
        task = following;
    }
}

// Nothing of it is on its way any more.
void BlockLane::end_flight(Flight* flight) noexcept {
    BWRT_CHECK(flight->user_count == 0);
    restart_waiting(flight);
    give_memory_back(flight);
    if (flight->entry != kNoEntry && !flight->carries) release_entry(flight);
    flight->state = Flight::State::kFree;
    flight->next = free_;
    free_ = flight;
    --flight_count_;
    retry_ = reclaim_due_ = true;
}

void BlockLane::release_entry(Flight* flight) noexcept {
    BlockFields fields = store_->index().fields_of(flight->entry);
    if ((fields.flags & (kInFlight | kPending)) != 0) {
        fields.flags = static_cast<std::uint16_t>(fields.flags & ~(kInFlight | kPending));
        fields.host_place = 0;
        store_->index().update(flight->entry, fields);
    }
    store_->settle(flight->entry);
}

void BlockLane::undo_flight(Flight* flight) noexcept {
    const bool retry = retry_;
    const bool reclaim_due = reclaim_due_;
    end_flight(flight);
    retry_ = retry;
    reclaim_due_ = reclaim_due;
}

void BlockLane::io_done(OwnIo* io) noexcept {
    if (io == &log_io_) {
        log_written(io);
        return;
    }
    const auto* bytes = reinterpret_cast<const std::byte*>(io);
    const auto* first = reinterpret_cast<const std::byte*>(flights_.data());
    if (bytes < first || bytes >= first + flights_.count() * sizeof(Flight)) {
        sync_done(io);
        return;
    }
    auto* flight = reinterpret_cast<Flight*>(io);
    if (flight->state == Flight::State::kReading) {
        read_done(flight);
    } else {
        BWRT_CHECK(flight->state == Flight::State::kWriting);
        write_done(flight);
    }
}

}  // namespace bwrt::runtime
