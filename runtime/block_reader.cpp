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
#include "runtime/store/verify_slice.h"

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
        if (starved_ != nullptr || begin_task(task) == Begun::kStarved) starve(task);
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
    BlockTask** link = &starved_;
    while (*link != nullptr) {
        if ((*link)->wave == wave) {
            *link = (*link)->waiting;
            retry_ = true;  // the others may have waited for it
        } else {
            link = &(*link)->waiting;
        }
    }
    starved_end_ = link;
}

void BlockReader::stop_task(BlockTask* task) noexcept {
    if (task->state == BlockTask::State::kWaiting) leave(task);
    if (task->state == BlockTask::State::kCopying) end_copy(task);
}

bool BlockReader::turn(std::uint64_t now_ns) noexcept {
    now_ns_ = now_ns;
    if (!verifying_.is_empty()) verify_some();
    reap_jobs();
    if (retry_) {
        retry_ = false;
        place_stalled();
        retry_starved();
    }
    return has_work();
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

void BlockReader::starve(BlockTask* task) noexcept {
    task->state = BlockTask::State::kNew;
    task->waiting = nullptr;
    *starved_end_ = task;
    starved_end_ = &task->waiting;
}

// In their order, until one finds nothing again.
void BlockReader::retry_starved() noexcept {
    while (starved_ != nullptr) {
        BlockTask* task = starved_;
        starved_ = task->waiting;
        if (starved_ == nullptr) starved_end_ = &starved_;
        Wave* wave = task->wave;
        ++wave->inflight_count;
        const Begun begun = begin_task(task);
        --wave->inflight_count;
        if (begun == Begun::kYes) {
            resolved(wave);
            continue;
        }
        task->waiting = starved_;
        if (starved_ == nullptr) starved_end_ = &task->waiting;
        starved_ = task;
        return;
    }
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

// ---- flights

std::size_t BlockReader::bucket_of(const BlockName& name) const noexcept {
    std::uint64_t words[2];
    std::memcpy(words, name.identity, sizeof words);
    const std::uint64_t mixed = (words[0] ^ words[1] ^ name.part) * 0x9E37'79B9'7F4A'7C15;
    return (mixed >> 32) & (buckets_.size() - 1);
}

BlockReader::Flight* BlockReader::flight_of(const BlockTask& task) const noexcept {
    for (Flight* flight = buckets_[bucket_of(task.name)]; flight != nullptr;
         flight = flight->neighbour) {
        if (flight->tenant == task.tenant && flight->length_bytes == task.length_bytes &&
            flight->layout_digest == task.layout_digest && flight->name.part == task.name.part &&
            std::memcmp(flight->name.identity, task.name.identity, sizeof task.name.identity) ==
                0) {
            return flight;
        }
    }
    return nullptr;
}

BlockReader::Flight* BlockReader::take_flight(const BlockTask& task) noexcept {
    Flight* flight = free_;
    if (flight == nullptr) return nullptr;
    free_ = flight->next;
    *flight = Flight();
    flight->waiting_end = &flight->waiting;
    flight->transit = kNoPlace;
    flight->slot = kNoSlot;
    flight->tenant = task.tenant;
    flight->name = task.name;
    flight->length_bytes = task.length_bytes;
    flight->layout_digest = task.layout_digest;
    flight->priority = task.wave->priority;
    flight->deadline_ns = task.wave->deadline_ns;
    flight->state = Flight::State::kLooking;
    BlockKey key;
    key.space = task.tenant->keys.space();
    std::memcpy(key.identity, task.name.identity, sizeof key.identity);
    key.part = task.name.part;
    flight->block_seed =
        block_seed(key, task.length_bytes, task.layout_digest, task.tenant->keys.seed());
    Flight*& bucket = buckets_[bucket_of(task.name)];
    flight->neighbour = bucket;
    bucket = flight;
    ++flight_count_;
    return flight;
}

void BlockReader::end_flight(Flight* flight) noexcept {
    BWRT_CHECK(flight->user_count == 0 && flight->waiting == nullptr);
    BWRT_CHECK(flight->slot == kNoSlot);
    if (flight->transit != kNoPlace) view_.transit().arena().free(flight->transit);
    Flight** link = &buckets_[bucket_of(flight->name)];
    while (*link != flight) link = &(*link)->neighbour;
    *link = flight->neighbour;
    flight->state = Flight::State::kFree;
    flight->next = free_;
    free_ = flight;
    --flight_count_;
    retry_ = true;
}

void BlockReader::end_waiting(Flight* flight, bwrt_status status, std::int32_t os_code) noexcept {
    BlockTask* task = flight->waiting;
    flight->waiting = nullptr;
    flight->waiting_end = &flight->waiting;
    end_flight(flight);
    while (task != nullptr) {
        BlockTask* following = task->waiting;
        if (status == BWRT_E_MISS) {
            miss(task);
        } else {
            fail(task, status, os_code);
        }
        task = following;
    }
}

// ---- where it is

// True when a job looks for shards first; look_again() goes on.
bool BlockReader::look_later(Flight* flight, const StoreView::Doubt& doubt) noexcept {
    if (flight->look_count == kLookCountMax || !view_.is_due(doubt, now_ns_)) return false;
    ++flight->look_count;
    flight->state = Flight::State::kLooking;
    looking_.push(flight);
    if (refresh_.is_out) return true;
    refresh_.is_out = true;
    refresh_.now_ns = now_ns_;
    janitor_->start(&refresh_);
    return true;
}

void BlockReader::look_again(Flight* flight) noexcept {
    if (flight->waiting == nullptr) {  // nobody wants it any more
        end_flight(flight);
        return;
    }
    Sighting where;
    StoreView::Doubt doubt;
    const bool there = view_.find(*flight->tenant, flight->name, flight->length_bytes,
                                  flight->layout_digest, &where, &doubt);
    if (doubt.retired && look_later(flight, doubt)) return;
    if (!there || flight->move_count++ == kMoveCountMax) {
        end_waiting(flight, BWRT_E_MISS, 0);
        return;
    }
    flight->is_fresh = false;
    go_to(flight, where);
}

void BlockReader::go_to(Flight* flight, const Sighting& where) noexcept {
    flight->where = where;
    flight->state = Flight::State::kOpening;
    // Who came before and has nothing yet is served before.  Who has memory from before wants no
    // more than a slot, and those in front may be waiting for that very memory.
    if (flight->transit != kNoPlace) {
        if (!place(flight)) stalled_.push_front(flight);
    } else if (!stalled_.is_empty() || !place(flight)) {
        stalled_.push(flight);
    }
}

// False when there is no memory for it now, or no slot.
bool BlockReader::place(Flight* flight) noexcept {
    if (flight->transit == kNoPlace) {
        flight->transit = view_.transit().arena().allocate(
            static_cast<std::uint32_t>(place_bytes(flight->length_bytes)), number_of(flight));
        if (flight->transit == kNoPlace) return false;
        flight->address = view_.transit().at(flight->transit);
    }
    return take_slot(flight);
}

void BlockReader::place_stalled() noexcept {
    while (!stalled_.is_empty()) {
        Flight* flight = stalled_.pop();
        if (flight->waiting == nullptr) {  // nobody wants it any more
            end_flight(flight);
        } else if (!place(flight)) {
            stalled_.push_front(flight);
            return;
        }
    }
}

// ---- segments

BlockReader::Slot* BlockReader::slot_of(const Sighting& where) noexcept {
    for (const auto& slot : slots_) {
        if (slot->state != Slot::State::kEmpty && slot->is_of(where)) return slot.get();
    }
    return nullptr;
}

// One that has nothing open, or else what nobody has read for the longest time.
BlockReader::Slot* BlockReader::idle_slot() noexcept {
    Slot* oldest = nullptr;
    for (const auto& slot : slots_) {
        if (slot->state == Slot::State::kEmpty) return slot.get();
        if (slot->state != Slot::State::kOpen || slot->user_count != 0) continue;
        if (oldest == nullptr || slot->used < oldest->used) oldest = slot.get();
    }
    return oldest;
}

bool BlockReader::take_slot(Flight* flight) noexcept {
    Slot* slot = slot_of(flight->where);
    if (slot != nullptr && slot->is_stale && slot->user_count != 0) return false;
    const bool opens = slot == nullptr || slot->is_stale;
    if (slot == nullptr) slot = idle_slot();
    if (slot == nullptr) return false;
    if (opens) open_slot(slot, flight);
    ++slot->user_count;
    slot->used = ++use_count_;
    flight->slot = slot->number;
    if (slot->state == Slot::State::kOpening) {
        slot->waiting.push(flight);
    } else {
        begin_read(flight);
    }
    return true;
}

void BlockReader::leave_slot(Flight* flight) noexcept {
    if (flight->slot == kNoSlot) return;
    --slots_[flight->slot]->user_count;
    flight->slot = kNoSlot;
    retry_ = true;
}

void BlockReader::open_slot(Slot* slot, Flight* flight) noexcept {
    if (slot->state == Slot::State::kOpen) detach(*slot);
    slot->state = Slot::State::kOpening;
    slot->is_stale = false;
    slot->where = flight->where;
    slot->error = {};
    janitor_->start(slot);
}

void BlockReader::Slot::run() noexcept {
    try {
        status = view->open_segment_region(number, where, {&error, BWRT_NONE});
    } catch (const std::bad_alloc&) {
        status = BWRT_E_NOMEM;
    }
}

// As regions of callers are (control.cpp), on the driver.
bool BlockReader::attach(Slot* slot) noexcept {
    FileState& file =
        *tables_.regions.at(view_.own_slot(StoreView::kSegmentSlot + slot->number)).file;
    tables_.calibrate(&file);
    file.file = backend_.attach_file(file.fd);
    if (file.direct_fd >= 0) {
        file.direct_file = file.direct_attached = backend_.attach_file(file.direct_fd);
    }
    return file.file >= 0;
}

void BlockReader::detach(const Slot& slot) noexcept {
    const FileState& file =
        *tables_.regions.at(view_.own_slot(StoreView::kSegmentSlot + slot.number)).file;
    if (file.file >= 0) backend_.detach_file(file.file);
    if (file.direct_attached >= 0) backend_.detach_file(file.direct_attached);
}

void BlockReader::reap_jobs() noexcept {
    while (Job* done = janitor_->reap()) {
        if (done != &refresh_) {
            opened(static_cast<Slot*>(done));
            continue;
        }
        refresh_.is_out = false;
        FlightList flights;
        flights.take_all(&looking_);
        while (!flights.is_empty()) look_again(flights.pop());
    }
}

void BlockReader::opened(Slot* slot) noexcept {
    slot->state = Slot::State::kOpen;
    bwrt_status status = slot->status;
    const std::int32_t os_code = slot->error.os_code;
    if (status == BWRT_OK && !attach(slot)) status = BWRT_E_AGAIN;
    const bool is_ours = status == BWRT_E_AGAIN || status == BWRT_E_NOMEM || os_code == EMFILE ||
                         os_code == ENFILE || os_code == ENOMEM;
    FlightList flights;
    flights.take_all(&slot->waiting);
    if (status != BWRT_OK) {
        if (slot->status == BWRT_OK) detach(*slot);
        slot->state = Slot::State::kEmpty;
    }
    while (!flights.is_empty()) {
        Flight* flight = flights.pop();
        flight->is_fresh = true;
        if (status == BWRT_OK) {
            begin_read(flight);
        } else if (is_ours) {  // nothing is wrong with the block
            leave_slot(flight);
            end_waiting(flight, BWRT_E_AGAIN, os_code);
        } else {
            not_whole(flight, BWRT_E_IO, os_code);
        }
    }
}

// ---- reading

void BlockReader::begin_read(Flight* flight) noexcept {
    constexpr OwnWave kWaves[] = {OwnWave::kNormal, OwnWave::kUrgent, OwnWave::kBackground};
    flight->state = Flight::State::kReading;
    ios_.read(
        &flight->io,
        {view_.own_slot(StoreView::kSegmentSlot + flight->slot), view_.transit().region_slot(),
         flight->where.offset_bytes, reinterpret_cast<std::uintptr_t>(flight->address),
         place_bytes(flight->length_bytes)},
        kWaves[flight->priority], flight->deadline_ns);
}

void BlockReader::io_done(OwnIo* io) noexcept {
    auto* flight = reinterpret_cast<Flight*>(io);
    BWRT_CHECK(flight->state == Flight::State::kReading);
    if (io->status != BWRT_OK) {
        not_whole(flight, io->status, io->os_code);
        return;
    }
    flight->state = Flight::State::kVerifying;
    flight->done_bytes = 0;
    verifying_.push(flight);
}

// A slice of the oldest; one who is done makes room for the next.
void BlockReader::verify_some() noexcept {
    std::uint32_t budget = kVerifyBytes;
    while (!verifying_.is_empty() && budget != 0) {
        Flight* flight = verifying_.head;
        const std::uint32_t before = flight->done_bytes;
        const Verified found =
            verify_slice(flight->address, flight->length_bytes, flight->where.root_checksum,
                         flight->block_seed, budget, &flight->done_bytes);
        budget -= std::min(budget, flight->done_bytes - before);
        if (found == Verified::kMore) return;
        static_cast<void>(verifying_.pop());
        if (found == Verified::kRight) {
            verified(flight);
        } else {
            not_whole(flight, BWRT_E_CORRUPT, 0);
        }
    }
}

void BlockReader::verified(Flight* flight) noexcept {
    leave_slot(flight);
    TierCount& count = view_.count_of(flight->tenant->index).disk;
    ++count.hit_count;
    count.hit_bytes += flight->length_bytes;
    flight->state = Flight::State::kServing;
    BlockTask* task = flight->waiting;
    flight->waiting = nullptr;
    flight->waiting_end = &flight->waiting;
    if (task == nullptr) end_flight(flight);
    while (task != nullptr) {
        BlockTask* following = task->waiting;
        begin_copy(task, flight);
        task = following;
    }
}

// Nobody is given any of it.  What is there now decides what it was.
void BlockReader::not_whole(Flight* flight, bwrt_status status, std::int32_t os_code) noexcept {
    leave_slot(flight);
    Sighting where;
    StoreView::Doubt doubt;
    const bool there = view_.find(*flight->tenant, flight->name, flight->length_bytes,
                                  flight->layout_digest, &where, &doubt);
    if (doubt.retired || !there || !where.is_same(flight->where)) {
        look_again(flight);  // it was moved, or is gone
        return;
    }
    if (!flight->is_fresh) {
        if (Slot* slot = slot_of(where)) slot->is_stale = true;
        go_to(flight, where);
        return;
    }
    TenantCount& count = view_.count_of(flight->tenant->index);
    ++(status == BWRT_E_CORRUPT ? count.corrupt_count : count.failed_count);
    view_.set_bad(where);
    // Another shard may have it, too.
    if (view_.find(*flight->tenant, flight->name, flight->length_bytes, flight->layout_digest,
                   &where, &doubt)) {
        look_again(flight);
        return;
    }
    end_waiting(flight, status, os_code);
}

}  // namespace bwrt::runtime
