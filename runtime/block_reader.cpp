// SPDX-License-Identifier: Apache-2.0

#include "runtime/block_reader.h"

#include <sys/resource.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <new>

#include "runtime/check.h"
#include "runtime/clock.h"
#include "runtime/store/recovery.h"

namespace bwrt::runtime {
namespace {

// Open segments take two of the process's files each: an eighth of what it may have, or a quarter.
std::uint32_t slot_count() {
    rlimit files = {};
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return 16;
    return static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(files.rlim_cur / 8, 8, StoreView::kSegmentCount));
}

}  // namespace

BlockReader::BlockReader(Tables* tables, StorageBackend* backend, StorageLane* storage,
                         HostLane* host, const Ledger* ledger, Janitor* janitor, WaveOwner* owner)
    : tables_(*tables),
      view_(*tables->view),
      backend_(*backend),
      host_(*host),
      ledger_(*ledger),
      janitor_(janitor),
      owner_(*owner),
      ios_(&tables->waves, tables->waves.count(), storage, this),
      flights_(tables->flight_count_max),
      buckets_(std::bit_ceil(std::size_t{tables->flight_count_max})) {
    for (std::size_t i = flights_.count(); i > 0; --i) {
        Flight* flight = &flights_[i - 1];
        flight->next = free_;
        free_ = flight;
    }
    for (std::uint32_t i = 0; i < slot_count(); ++i) {
        slots_.push_back(std::make_unique<Slot>());
        slots_[i]->view = &view_;
        slots_[i]->number = i;
    }
    refresh_.view = &view_;
    Region& transit = tables_.regions.at(view_.transit().region_slot());
    transit.fixed_buffer = backend_.attach_buffer(transit.address, transit.length_bytes);
}

// ---- a wave

void BlockReader::start(Wave* wave, std::uint64_t now_ns) noexcept {
    now_ns_ = now_ns;
    ++wave->inflight_count;  // ours: it must not be over while we look at it
    for (BlockTask* task = wave->blocks; task != nullptr; task = task->next) {
        if (!starved_.is_empty() || begin_task(task) == Begun::kStarved) starved_.push(task);
    }
    --wave->inflight_count;
    resolved(wave);
}

void BlockReader::resolved(Wave* wave) noexcept {
    const bool runs = wave->phase == Phase::kRunning || wave->phase == Phase::kStopping;
    if (runs && wave->unresolved == 0 && wave->inflight_count == 0) owner_.wave_resolved(wave);
}

void BlockReader::stop(Wave* wave) noexcept {
    const Failure failure = {wave->stop_status, 0, BWRT_TIER_NONE, BWRT_NONE};
    for (BlockTask* task = wave->blocks; task != nullptr; task = task->next) {
        if (task->state == BlockTask::State::kDone) continue;
        const bool copying = task->state == BlockTask::State::kCopying;
        stop_task(task);
        task->state = BlockTask::State::kDone;
        // What is in the host lane's list is dropped with that.
        if (!copying) ledger_.drop(wave, &task->operation, failure);
    }
    if (starved_.remove_of(wave)) retry_ = true;  // the others may have waited for it
}

void BlockReader::stop_task(BlockTask* task) noexcept {
    if (task->state == BlockTask::State::kWaiting) leave(task);
    if (task->state == BlockTask::State::kCopying) end_copy(task);
}

bool BlockReader::turn(std::uint64_t now_ns) noexcept {
    now_ns_ = now_ns;
    if (!verifying_.is_empty()) verify_some();
    reap_jobs();
    refresh_if_wanted();
    if (retry_) {
        retry_ = false;
        place_stalled();
        starved_.retry([this](BlockTask* task) { return begin_task(task) == Begun::kYes; },
                       [this](Wave* wave) { resolved(wave); });
    }
    return has_work();
}

void BlockReader::look(std::uint64_t now_ns) noexcept {
    now_ns_ = now_ns;
    reap_jobs();
    refresh_if_wanted();
}

// ---- a task

BlockReader::Begun BlockReader::begin_task(BlockTask* task) noexcept {
    task->state = BlockTask::State::kNew;
    if (Flight* flight = flight_of(*task)) {
        ++view_.count_of(task->tenant->index).joined_count;
        if (flight->state == Flight::State::kServing) {
            begin_copy(task, flight);
        } else {
            join(task, flight);
        }
        return Begun::kYes;
    }
    Sighting where;
    StoreView::Doubt doubt;
    const bool there = view_.find(*task->tenant, task->name, task->length_bytes,
                                  task->layout_digest, &where, &doubt);
    const bool looks = doubt.retired || (!there && view_.is_due(doubt, now_ns_));
    if (!there && !looks) {
        miss(task);
        return Begun::kYes;
    }
    Flight* flight = take_flight(*task);
    if (flight == nullptr) return Begun::kStarved;
    join(task, flight);
    if (looks && look_later(flight, doubt)) return Begun::kYes;
    if (there) {
        go_to(flight, where);
    } else {  // somebody has looked for shards meanwhile
        look_again(flight);
    }
    return Begun::kYes;
}

void BlockReader::miss(BlockTask* task) noexcept {
    ++view_.count_of(task->tenant->index).miss_count;
    fail(task, BWRT_E_MISS, 0);
}

void BlockReader::fail(BlockTask* task, bwrt_status status, std::int32_t os_code) noexcept {
    Wave* wave = task->wave;
    task->state = BlockTask::State::kDone;
    const std::uint32_t tier = status == BWRT_E_MISS ? BWRT_TIER_NONE : BWRT_TIER_DISK;
    ledger_.drop(wave, &task->operation, {status, os_code, tier, task->operation.index});
    resolved(wave);
}

void BlockReader::begin_copy(BlockTask* task, Flight* flight) noexcept {
    ledger_.note(*task->wave, task->operation.entry_first, 0, BWRT_TIER_DISK);
    task->flight = number_of(flight);
    ++flight->user_count;
    task->operation.source = reinterpret_cast<std::uintptr_t>(flight->address);
    begin_again(&task->operation);
    task->state = BlockTask::State::kCopying;
    host_.append(task->wave, &task->operation, task->length_bytes);
}

void BlockReader::end_copy(BlockTask* task) noexcept {
    Flight* flight = &flights_[task->flight];
    if (--flight->user_count == 0) end_flight(flight);
}

void BlockReader::copied(Wave* wave, Operation* operation, const Piece& piece, std::uint64_t bytes,
                         bool good) noexcept {
    auto* task = reinterpret_cast<BlockTask*>(operation);
    Piece left;
    const bool served = !current(*operation, &left);
    if (good) {
        ledger_.good(wave, piece.entry, piece.group, bytes);
    } else {
        ledger_.failed(wave, {BWRT_E_IO, EIO, BWRT_TIER_HOST, operation->index}, piece.entry,
                       piece.group, bytes);
    }
    if (!served) return;
    task->state = BlockTask::State::kDone;
    end_copy(task);
}

void BlockReader::join(BlockTask* task, Flight* flight) noexcept {
    task->state = BlockTask::State::kWaiting;
    task->flight = number_of(flight);
    task->waiting = nullptr;
    *flight->waiting_end = task;
    flight->waiting_end = &task->waiting;
}

void BlockReader::leave(BlockTask* task) noexcept {
    Flight* flight = &flights_[task->flight];
    BlockTask** link = &flight->waiting;
    while (*link != task) link = &(*link)->waiting;
    *link = task->waiting;
    if (*link == nullptr) flight->waiting_end = link;
    if (flight->waiting == nullptr) retry_ = true;  // it may be what the others stand behind
}

}  // namespace bwrt::runtime
