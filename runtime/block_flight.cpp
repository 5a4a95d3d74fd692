// SPDX-License-Identifier: Apache-2.0
//
// block_flight.cpp — flights: begun, waited for and ended, whatever they are for.

#include "runtime/block_lane.h"
#include "runtime/check.h"
#include "runtime/foresight.h"

namespace bwrt::runtime {

Flight* BlockLane::take_flight() noexcept {
    Flight* flight = free_;
    if (flight == nullptr) return nullptr;
    free_ = flight->next;
    *flight = Flight();
    flight->entry = kNoEntry;
    flight->host_block = kNoHostBlock;
    flight->transit = kNoPlace;
    flight->ahead = Foresight::kNone;
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
