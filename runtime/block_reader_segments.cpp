// SPDX-License-Identifier: Apache-2.0
//
// block_reader_segments.cpp — the files that a reader's blocks are read from: a bounded number of
// segments is open, opened by a job, and given up when others are wanted.

#include <cerrno>
#include <new>

#include "runtime/block_reader.h"

namespace bwrt::runtime {

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

}  // namespace bwrt::runtime
