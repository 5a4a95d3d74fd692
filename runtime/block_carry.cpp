// SPDX-License-Identifier: Apache-2.0
//
// block_carry.cpp — segments: their files made when they are first written to, and emptied when
// there are few left, what is alive in them carried elsewhere first.

#include <algorithm>
#include <cstring>
#include <new>

#include "runtime/block_lane.h"
#include "runtime/check.h"

namespace bwrt::runtime {

// ---- files

void BlockLane::attach_own() noexcept {
    const std::uint32_t first = tables_.regions.count_max();
    for (std::uint32_t i = 0; i < tables_.regions.own_count(); ++i) {
        const bool attached = attach(first + i);
        if (i == Store::kLogSlot && store_->has_disk() && !attached) store_->disk().log().stop();
    }
}

// As regions of callers are (control.cpp), on the driver.  A file that is not attached is not open:
// nothing of it is left, and whoever wants it opens it again.
bool BlockLane::attach(std::uint32_t slot) noexcept {
    Region& region = tables_.regions.at(slot);
    if (region.generation == 0) return false;
    if (!region.is_file()) {
        region.fixed_buffer = backend_.attach_buffer(region.address, region.length_bytes);
        return true;
    }
    FileState& file = *region.file;
    tables_.calibrate(&file);
    file.file = backend_.attach_file(file.fd);
    if (file.direct_fd >= 0) {
        file.direct_file = file.direct_attached = backend_.attach_file(file.direct_fd);
    }
    if (file.file >= 0) return true;
    if (file.direct_attached >= 0) backend_.detach_file(file.direct_attached);
    tables_.regions.remove(slot);
    return false;
}

bool BlockLane::is_open(std::uint32_t segment) const noexcept {
    for (const auto& job : jobs_) {  // until it is reaped its region is the janitor's to write
        if (job->is_out && job->segment == segment) return false;
    }
    const Region& region = tables_.regions.at(store_->slot_of_segment(segment));
    return region.generation != 0 && region.file->file >= 0;
}

void BlockLane::SegmentJob::run() noexcept {
    try {
        status = store->open_segment_region(segment, Access::kCreate, {&error, BWRT_NONE});
    } catch (const std::bad_alloc&) {
        status = BWRT_E_NOMEM;
    }
}

// The first that is written to a segment has its file made; the others wait for that, too.
void BlockLane::open_segment_of(Flight* flight) noexcept {
    const std::uint32_t segment = flight->disk.segment;
    SegmentJob* job = nullptr;
    SegmentJob* idle = nullptr;
    for (const auto& one : jobs_) {
        if (one->is_out && one->segment == segment) job = one.get();
        if (!one->is_out) idle = one.get();
    }
    if (job == nullptr && idle == nullptr) {
        write_failed(flight, BWRT_E_NOMEM, 0);
        return;
    }
    if (job == nullptr) {
        job = idle;
        job->store = store_;
        job->segment = segment;
        job->error = {};
        job->is_out = true;
        janitor_->start(job);
    }
    job->flights.push(flight);
}

void BlockLane::reap_jobs() noexcept {
    while (Job* done = janitor_->reap()) {
        if (done == &store_->compaction()) {
            compaction_ran();
            continue;
        }
        auto* job = static_cast<SegmentJob*>(done);
        const bool attached =
            job->status == BWRT_OK && attach(store_->slot_of_segment(job->segment));
        job->is_out = false;
        FlightList flights;
        while (!job->flights.is_empty()) flights.push(job->flights.pop());
        while (!flights.is_empty()) {
            Flight* flight = flights.pop();
            if (attached) {
                begin_write(flight);
            } else {
                write_failed(flight, job->status != BWRT_OK ? job->status : BWRT_E_AGAIN,
                             job->error.os_code);
            }
        }
    }
}

// ---- emptying

void BlockLane::empty_segments() noexcept {
    if (rests_) return;
    DiskTier& disk = store_->disk();
    if (emptying_ == kNoSegment) {
        if (!is_reclaim_due()) return;
        reclaim_due_ = false;
        releases_seen_ = disk.segments().release_count();
        retry_ = true;  // who waited for this is told
        emptying_ = disk.begin_emptying();
        if (emptying_ == kNoSegment) return;
    }
    const auto segment = static_cast<std::uint16_t>(emptying_);
    std::uint32_t entry = store_->index().first_of_segment(segment);
    while (entry != kNoEntry && carry_count_ < kCarryCountMax && disk.has_log_room()) {
        const std::uint16_t flags = store_->index().fields_of(entry).flags;
        const bool busy = (flags & (kCarried | kPending)) != 0;
        const bool goes = !busy && disk.policy().is_faded(entry);
        if (goes && store_->leave_faded_below(entry)) continue;
        const std::uint32_t following = store_->index().next_of_segment(entry);
        if (goes) {
            store_->leave_disk(entry, BWRT_REASON_EVICTED);
        } else if (!busy && !carry(entry)) {
            break;
        }
        entry = following;
        // With one that could not be carried went what needs it, and has faded.
        if (entry != kNoEntry && !store_->lies_in(entry, segment)) {
            entry = store_->index().first_of_segment(segment);
        }
    }
    if (!disk.segments().can_be_emptied(emptying_)) return;
    disk.segments().emptied(emptying_);
    emptying_ = kNoSegment;
    reclaim_due_ = retry_ = true;
}

// False when there is nothing to carry it in now.
bool BlockLane::carry(std::uint32_t entry) noexcept {
    BlockFields fields = store_->index().fields_of(entry);
    const IndexKey key = store_->index().key_of(entry);
    const Tenant* tenant = store_->tenants().at(key.tenant);
    // Without its secret it can be neither verified nor recorded again.  One of an earlier process
    // may be longer than all the memory that it would pass through.
    if (tenant == nullptr ||
        place_bytes(fields.length_bytes) > store_->transit().arena().capacity_bytes()) {
        store_->leave_disk(entry, BWRT_REASON_EVICTED);
        return true;
    }
    Flight* flight = take_flight();
    if (flight == nullptr) return false;
    Arriving block;
    block.length_bytes = fields.length_bytes;
    if (!take_memory(flight, block, kNoEntry, false, true)) {
        undo_flight(flight);
        return false;
    }
    flight->entry = entry;
    flight->tenant = tenant;
    flight->carries = true;
    // The record of its new place must not be there without the bytes: the old one would not be
    // looked at any more, and soon be another's.
    flight->durable = (fields.flags & (kDurable | kFound)) != 0;
    flight->seal = store_->index().seal_of(entry);
    flight->source = {fields.disk_segment, std::uint64_t{fields.disk_page} * kUnitBytes};
    fields.flags |= kCarried;
    store_->index().update(entry, fields);
    store_->disk().hold(entry);
    store_->disk().segments().hold(flight->source.segment);
    ++carry_count_;
    read_again(flight, OwnWave::kBackground);
    return true;
}

// Of a flight that leaves the entry as it is, or moves it; carry_read() goes on.
void BlockLane::read_again(Flight* flight, OwnWave wave) noexcept {
    const DiskPlace& place = flight->source.segment != kNoSegment ? flight->source : flight->disk;
    flight->state = Flight::State::kReading;
    flight->reading = true;
    if (!is_open(place.segment)) {
        flight->status = BWRT_E_IO;
        carry_read(flight);
        return;
    }
    ios_.read(
        &flight->io,
        {static_cast<std::uint16_t>(store_->slot_of_segment(place.segment)), flight->memory_region,
         place.offset_bytes, reinterpret_cast<std::uintptr_t>(flight->address),
         place_bytes(flight->length_bytes)},
        wave, kNeverNs);
}

bool BlockLane::is_at(std::uint32_t entry, const DiskPlace& place) const noexcept {
    const BlockFields fields = store_->index().fields_of(entry);
    return (fields.flags & kOnDisk) != 0 && fields.disk_segment == place.segment &&
           std::uint64_t{fields.disk_page} * kUnitBytes == place.offset_bytes;
}

void BlockLane::carry_read(Flight* flight) noexcept {
    const std::uint32_t entry = flight->entry;
    const bool moves = flight->source.segment != kNoSegment;
    const bool there = is_at(entry, moves ? flight->source : flight->disk);
    const bool good = there && flight->status == BWRT_OK;
    if (there && !good) {
        TenantCount& count = store_->count_of(flight->tenant->index);
        ++(flight->status == BWRT_E_CORRUPT ? count.corrupt_count : count.failed_count);
        store_->leave_disk(entry, BWRT_REASON_CORRUPT);
    }
    if (good) store_->set_flag(entry, kVerified);
    if (!moves) {  // who waits puts it anew where it was not whole
        flight->reading = false;
        flight->status = BWRT_OK;
        flight->state = Flight::State::kSyncing;
        if (good) {
            unsynced_.push(flight);
        } else {
            carried(flight);
        }
        return;
    }
    if (!good) {
        end_carry(flight);
        return;
    }
    const DiskTier::Taken taken = store_->disk().take_for_carrying(
        flight->source.segment, flight->length_bytes, &flight->disk);
    // Records on their way, or the next log, make room; a log that is long and stays it does not.
    const bool soon = compacting_ || store_->disk().log().is_out() || !store_->disk().is_log_long();
    if (taken == DiskTier::Taken::kLater && soon) {
        unplaced_.push(flight);
        return;
    }
    if (taken != DiskTier::Taken::kTaken) {
        store_->leave_disk(entry, BWRT_REASON_EVICTED);
        end_carry(flight);
        return;
    }
    flight->has_disk = true;
    Record& record = flight->record;
    record = {};
    record.kind = RecordKind::kStored;
    record.key = store_->block_key_of(store_->index().key_of(entry));
    record.length_bytes = flight->length_bytes;
    record.layout_digest = flight->seal.layout_digest;
    const planner::Arrival known = store_->disk().policy().arrival_of(entry);
    if (known.parent != planner::kNoBlock) {
        const IndexKey parent = store_->index().key_of(known.parent);
        std::memcpy(record.parent_identity, parent.identity, sizeof record.parent_identity);
        record.parent_part = parent.part;
    }
    record.closure = static_cast<Closure>(known.closure);
    record.window_blocks = static_cast<std::uint16_t>(known.window_count);
    record.stored_s = store_->wall_s();
    record.expires_s = store_->wall_of_tick(known.expires);
    begin_write(flight);
}

void BlockLane::place_carried() noexcept {
    if (unplaced_.is_empty() || (!store_->disk().has_log_room() && compacting_)) return;
    FlightList flights;
    while (!unplaced_.is_empty()) flights.push(unplaced_.pop());
    while (!flights.is_empty()) carry_read(flights.pop());
}

// Written and recorded, or not.
void BlockLane::carried(Flight* flight) noexcept {
    const bool there = is_at(flight->entry, flight->has_disk ? flight->source : flight->disk);
    if (!flight->has_disk) {  // it was only made durable
        if (there && flight->status == BWRT_OK) store_->set_flag(flight->entry, kDurable);
        store_->clear_flag(flight->entry, kCarried);
        store_->disk().segments().unhold(flight->disk.segment);
        if (flight->status != BWRT_OK) {
            fail_waiting_for_disk(flight, flight->status, flight->os_code);
        }
        const std::uint32_t entry = flight->entry;
        end_flight(flight);
        store_->settle(entry);
        return;
    }
    const bool good = flight->status == BWRT_OK;
    if (there && good) {
        store_->move_on_disk(flight->entry, flight->disk);
        if (flight->durable) store_->set_flag(flight->entry, kDurable);
    } else {
        store_->disk().release(flight->disk, flight->length_bytes);
        // The log has its new place, and must hear that it is not there.
        if (good) store_->disk().record_removed(flight->record.key);
        if (there) store_->leave_disk(flight->entry, BWRT_REASON_EVICTED);
    }
    end_carry(flight);
}

void BlockLane::end_carry(Flight* flight) noexcept {
    const std::uint32_t entry = flight->entry;
    store_->clear_flag(entry, kCarried);
    store_->disk().landed(entry);
    store_->disk().segments().unhold(flight->source.segment);
    store_->drain_disk();
    --carry_count_;
    end_flight(flight);
}

}  // namespace bwrt::runtime
