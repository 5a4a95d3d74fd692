// SPDX-License-Identifier: Apache-2.0
//
// block_log.cpp — records on their way into the log, and a new log when the old one is long.
//
//   record() ──▶ log writer ──▶ one write at a time ──▶ recorded()
//                                    └── held back while the janitor ends the new log, then to that

#include <algorithm>

#include "runtime/block_lane.h"
#include "runtime/check.h"

namespace bwrt::runtime {

void BlockLane::record(Flight* flight) noexcept {
    flight->state = Flight::State::kRecording;
    Record& record = flight->record;
    record.root = flight->seal.root_checksum;
    record.segment = flight->disk.segment;
    record.generation = store_->disk().segments().generation_of(flight->disk.segment);
    record.offset_bytes = flight->disk.offset_bytes;
    flight->tenant->keys.put_tag(&record);
    LogWriter& log = store_->disk().log();
    if (log.is_stopped()) {
        write_failed(flight, BWRT_E_IO, 0);
    } else if (store_->disk().put(record, &flight->ticket)) {
        recording_.push(flight);
    } else {
        unrecorded_.push(flight);
    }
}

// One write is out at a time; what comes meanwhile is gathered for the next.
void BlockLane::write_log() noexcept {
    LogWriter::Write write;
    if (log_held_ || !store_->disk().log().next(&write)) return;
    log_out_bytes_ = write.length_bytes;
    ios_.write(
        &log_io_,
        {store_->own_slot(Store::kLogSlot), static_cast<std::uint16_t>(kProcessSlot),
         write.offset_bytes, reinterpret_cast<std::uintptr_t>(write.bytes), write.length_bytes},
        OwnWave::kRecords);
}

void BlockLane::log_written(OwnIo* io) noexcept {
    LogWriter& log = store_->disk().log();
    LogWriter::Write rest;
    if (io->status == BWRT_OK) {
        const bool all = log.done(log_out_bytes_, &rest);
        BWRT_CHECK(all);  // the lane goes on with what was written in part
        store_->compaction().grown_to(log.written_bytes());
    } else {
        log.fail();
    }
    while (!recording_.is_empty() && recording_.head()->ticket < log.written()) {
        recorded(recording_.pop());
    }
    if (log.is_stopped() && io->status == BWRT_OK) {
        fail_unwritten(BWRT_E_IO, 0);
    } else if (log.is_stopped()) {
        fail_unwritten(io->status, io->os_code);
    }
    retry_ = true;
}

// The log was stopped, and what is not on its way to it by now never will be.
void BlockLane::fail_unwritten(bwrt_status status, std::int32_t os_code) noexcept {
    if (store_->disk().log().is_out()) return;  // log_written() follows
    while (!recording_.is_empty()) write_failed(recording_.pop(), status, os_code);
    while (!unrecorded_.is_empty()) write_failed(unrecorded_.pop(), status, os_code);
    retry_ = true;
}

void BlockLane::recorded(Flight* flight) noexcept {
    if (!flight->durable) {
        stored(flight);
        return;
    }
    log_synced_.push(flight);
    sync_log();
}

// Not while the janitor ends the new log: then that is synced, and the old one's file goes.
void BlockLane::sync_log() noexcept {
    if (log_sync_out_ || finishing_ || log_synced_.is_empty()) return;
    if (store_->disk().log().is_stopped()) {  // there may be no file to flush
        while (!log_synced_.is_empty()) write_failed(log_synced_.pop(), BWRT_E_IO, 0);
        return;
    }
    while (!log_synced_.is_empty()) log_syncing_.push(log_synced_.pop());
    log_sync_out_ = true;
    ios_.flush(&log_sync_io_, store_->own_slot(Store::kLogSlot));
}

void BlockLane::log_synced(OwnIo* io) noexcept {
    log_sync_out_ = false;
    if (io->status != BWRT_OK) {
        store_->disk().log().stop();
        fail_unwritten(io->status, io->os_code);
    }
    while (!log_syncing_.is_empty()) {
        Flight* flight = log_syncing_.pop();
        if (io->status == BWRT_OK) {
            stored(flight);
        } else {
            write_failed(flight, io->status, io->os_code);
        }
    }
    sync_log();  // those that came meanwhile
}

// ---- the next log

// Half of what a log may be: a new one has a quarter of it at most.
void BlockLane::compact_log() noexcept {
    LogCompaction& compaction = store_->compaction();
    LogWriter& log = store_->disk().log();
    if (log.is_stopped() || compacting_) {
        if (!log_held_ || finishing_ || log.is_out() || log_sync_out_) return;
        finishing_ = true;
        compaction.finish(log.written_bytes());
        janitor_->start(&compaction);
        return;
    }
    if (rests_ || log.length_bytes() < store_->disk().log_bytes_max() / 2) return;
    // A full log does not become longer, so time counts as well.
    if (log.length_bytes() < compact_from_bytes_ && store_->now_ns() < compact_from_ns_) return;
    if (store_->begin_compaction(settled_bytes()) != BWRT_OK) {
        compact_later();
        return;
    }
    compacting_ = true;
    janitor_->start(&compaction);
}

void BlockLane::compact_later() noexcept {
    compact_from_bytes_ = store_->disk().log().length_bytes() + kCompactAgainBytes;
    compact_from_ns_ = store_->now_ns() + kCompactAgainNs;
}

// Up to where all that the log says is in the index, too: a durable block comes there behind its
// record.
std::uint64_t BlockLane::settled_bytes() const noexcept {
    const LogWriter& log = store_->disk().log();
    std::uint64_t settled_bytes = log.written_bytes();
    for (const FlightList* list : {&log_synced_, &log_syncing_}) {
        for (const Flight* flight = list->head(); flight != nullptr; flight = flight->next) {
            if (flight->has_disk) {
                settled_bytes = std::min(settled_bytes, log.offset_of(flight->ticket));
            }
        }
    }
    return settled_bytes;
}

void BlockLane::compaction_ran() noexcept {
    LogCompaction& compaction = store_->compaction();
    LogWriter& log = store_->disk().log();
    switch (compaction.state()) {
        case LogCompaction::State::kCopied:
            log_held_ = true;  // compact_log() goes on when nothing is out
            return;
        case LogCompaction::State::kSwitched:
            backend_.detach_file(tables_.regions.at(store_->own_slot(Store::kLogSlot)).file->file);
            if (store_->switch_log() == BWRT_OK && attach(store_->own_slot(Store::kLogSlot))) {
                log.move_to(compaction.end());
                compact_from_bytes_ = 0;
            } else {
                log.stop();
            }
            break;
        case LogCompaction::State::kUnsure:
            log.stop();
            break;
        default:
            compact_later();
            break;
    }
    compacting_ = log_held_ = finishing_ = false;
    retry_ = true;
    // Nothing that waited for the old log will be in the new one.
    if (log.is_stopped()) fail_unwritten(BWRT_E_IO, 0);
    sync_log();  // those that came meanwhile
}

}  // namespace bwrt::runtime
