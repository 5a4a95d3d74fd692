// SPDX-License-Identifier: Apache-2.0

#include "runtime/block_lane.h"

#include <cstring>

#include "runtime/foresight.h"

namespace bwrt::runtime {

BlockLane::BlockLane(Tables* tables, StorageBackend* backend, StorageLane* storage, HostLane* host,
                     const Ledger* ledger, Janitor* janitor, WaveOwner* owner, PlanLane* plans)
    : tables_(*tables),
      store_(tables->store),
      backend_(*backend),
      storage_(*storage),
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
    const bool foretells = plans != nullptr && tables->planner.prefetch_bytes_max != 0;
    if (foretells && store_->has_host() && store_->has_disk()) {
        foresight_ = std::make_unique<Foresight>(tables, plans);
    }
}

BlockLane::~BlockLane() = default;

// ---- a wave

void BlockLane::start(Wave* wave, std::uint64_t now_ns) noexcept {
    store_->set_now(now_ns);  // the last turn may be long ago
    ++wave->inflight_count;   // ours: it must not be over while we look at it
    for (BlockTask* task = wave->blocks; task != nullptr; task = task->next) {
        task->since = store_->tick();
        // Who came before and has nothing yet is served before, but for who needs nothing.
        const bool waits = !starved_.is_empty() && !is_in_host(*task);
        if (waits || begin_task(task) == Begun::kStarved) starved_.push(task);
    }
    if (foresight_ != nullptr) foresight_->started(*wave);
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
    if (foresight_ != nullptr) foresight_->rest();
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
    bool looks_again = false;
    if (foresight_ != nullptr) {
        looks_again = foresight_->turn(now_ns);
        read_ahead();
    }
    return swept_count == kSweepCountMax || looks_again || has_work();
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

}  // namespace bwrt::runtime
