// SPDX-License-Identifier: Apache-2.0
//
// block_write.cpp — blocks to the disk: first the bytes, then the record that says where they are,
// and only then can they be seen there.
//
// Durable ones are synced in rounds: all that have been written when a round begins share its
// fdatasync of each segment, and likewise that of the log.

#include <algorithm>
#include <cstring>

#include "runtime/block_lane.h"
#include "runtime/check.h"

namespace bwrt::runtime {

void BlockLane::begin_write(Flight* flight) noexcept {
    flight->reading = false;
    if (!is_open(flight->disk.segment)) {
        flight->state = Flight::State::kOpening;
        open_segment_of(flight);
        return;
    }
    flight->state = Flight::State::kWriting;
    ios_.write(
        &flight->io,
        {static_cast<std::uint16_t>(store_->slot_of_segment(flight->disk.segment)),
         flight->memory_region, flight->disk.offset_bytes,
         reinterpret_cast<std::uintptr_t>(flight->address), place_bytes(flight->length_bytes)},
        OwnWave::kWrite);
}

void BlockLane::write_done(Flight* flight) noexcept {
    if (flight->io.status != BWRT_OK) {
        write_failed(flight, flight->io.status, flight->io.os_code);
        return;
    }
    const std::uint64_t bytes = place_bytes(flight->length_bytes);
    store_->count().written_bytes += bytes;
    if (flight->carries) {
        store_->count().carried_bytes += bytes;
        store_->disk().charge_carried(bytes, store_->now_ns());
    }
    if (!flight->durable) {
        record(flight);
        return;
    }
    flight->state = Flight::State::kSyncing;
    unsynced_.push(flight);
}

// ---- syncing segments

void BlockLane::sync_some() noexcept {
    if (sync_out_count_ != 0 || unsynced_.is_empty()) return;
    std::uint32_t count = 0;
    FlightList left;
    while (!unsynced_.is_empty()) {
        Flight* flight = unsynced_.pop();
        const std::uint32_t segment = flight->disk.segment;
        std::uint32_t* const end = sync_segments_ + count;
        const bool known = std::find(sync_segments_, end, segment) != end;
        if (!known && count == kSyncCountMax) {
            left.push(flight);
            continue;
        }
        if (!known) sync_segments_[count++] = segment;
        syncing_.push(flight);
    }
    while (!left.is_empty()) unsynced_.push(left.pop());
    sync_out_count_ = count;
    for (std::uint32_t i = 0; i < count; ++i) {
        ios_.flush(&sync_ios_[i],
                   static_cast<std::uint16_t>(store_->slot_of_segment(sync_segments_[i])));
    }
}

void BlockLane::sync_done(OwnIo* io) noexcept {
    if (io == &log_sync_io_) {
        log_synced(io);
        return;
    }
    // The kernel says it once, and then takes for clean what it could not write: no flush of that
    // segment would prove anything any more.
    if (io->status != BWRT_OK) store_->disk().give_up(sync_segments_[io - sync_ios_]);
    if (--sync_out_count_ != 0) return;
    while (!syncing_.is_empty()) {
        Flight* flight = syncing_.pop();
        std::uint32_t i = 0;
        while (sync_segments_[i] != flight->disk.segment) ++i;
        if (sync_ios_[i].status != BWRT_OK) {
            write_failed(flight, BWRT_E_IO, sync_ios_[i].os_code);
        } else if (flight->has_disk) {
            record(flight);
        } else {
            recorded(flight);  // its record is in the log already, which is synced next
        }
    }
}

// ---- the end

void BlockLane::stored(Flight* flight) noexcept {
    if (flight->carries) {
        carried(flight);
        return;
    }
    store_->enter_disk(flight->entry, flight->disk, flight->seal, BWRT_REASON_PUT);
    if (flight->durable) store_->set_flag(flight->entry, kDurable);
    store_->disk().landed(flight->entry);
    flight->has_disk = false;
    BlockTask* leader = flight->leader;
    flight->leader = nullptr;
    end_flight(flight);
    if (leader != nullptr) good(leader, BWRT_TIER_DISK);
}

// Nothing of it can be seen on the disk.  What is in host memory is there all the same.
void BlockLane::write_failed(Flight* flight, bwrt_status status, std::int32_t os_code) noexcept {
    ++store_->count_of(store_->index().key_of(flight->entry).tenant).failed_count;
    if (flight->carries) {
        flight->status = status;
        flight->os_code = os_code;
        carried(flight);
        return;
    }
    BlockTask* leader = flight->leader;
    flight->leader = nullptr;
    store_->disk().release(flight->disk, flight->length_bytes);
    store_->disk().remove(flight->entry, flight->length_bytes);
    store_->disk().landed(flight->entry);
    store_->drain_disk();
    flight->has_disk = false;
    fail_waiting_for_disk(flight, status, os_code);
    end_flight(flight);
    if (leader != nullptr) fail(leader, status, os_code, BWRT_TIER_DISK);
}

// Who asked for the disk is told; who asked for the block looks again.
void BlockLane::fail_waiting_for_disk(Flight* flight, bwrt_status status,
                                      std::int32_t os_code) noexcept {
    BlockTask** link = &flight->waiting;
    while (*link != nullptr) {
        BlockTask* task = *link;
        const bool wants_disk =
            task->tier == BWRT_TIER_DISK || (task->flags & BWRT_BLOCK_DURABLE) != 0;
        if (!wants_disk) {
            link = &task->waiting;
            continue;
        }
        *link = task->waiting;
        fail(task, status, os_code, BWRT_TIER_DISK);
    }
    flight->waiting_end = link;
}

}  // namespace bwrt::runtime
