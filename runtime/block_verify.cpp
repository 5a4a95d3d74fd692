// SPDX-License-Identifier: Apache-2.0
//
// block_verify.cpp — whether what was read is what was stored: chunk by chunk, and no chunk is
// copied to anybody before it.
//
// The lane looks at a block slice by slice; or, where one GET alone waits for it, that GET does,
// each chunk just before it is copied, which then comes from the cache: one pass over memory
// instead of two.  Both may be at it, who comes later finds the other's chunks done.  What is wrong
// with one chunk fails all that are left.

#include <algorithm>

#include "runtime/block_lane.h"
#include "runtime/foresight.h"

namespace bwrt::runtime {
namespace {

[[nodiscard]] bool wants_bytes_of(const BlockTask& task, const Flight& flight) noexcept {
    return task.kind == BWRT_OP_GET && task.length_bytes == flight.length_bytes &&
           task.layout_digest == flight.seal.layout_digest;
}

}  // namespace

void BlockLane::begin_verifying(Flight* flight) noexcept {
    flight->state = Flight::State::kVerifying;
    flight->done_bytes = 0;
    BlockTask* task = flight->waiting;
    if (!can_lead(task, *flight)) {
        verify_later(flight);
        return;
    }
    flight->waiting = nullptr;
    flight->waiting_end = &flight->waiting;
    flight->leader = task;
    ledger_.note(*task->wave, task->operation.entry_first, 0, BWRT_TIER_DISK);
    copy_from_flight(task, flight);
}

// ---- by who copies it

// Chunks are looked at in their order, so that is the order in which he has to copy.
bool BlockLane::can_lead(const BlockTask* task, const Flight& flight) const noexcept {
    if (flight.carries || task == nullptr || task->waiting != nullptr) return false;
    const Operation& operation = task->operation;
    return wants_bytes_of(*task, flight) &&
           (!operation.is_indexed() || operation.shape->lead->groups_ascend);
}

bool BlockLane::verify_up_to(Flight* flight, std::uint64_t end) noexcept {
    if (flight->status != BWRT_OK) return false;
    if (flight->done_bytes >= end) return true;
    const auto bytes = static_cast<std::uint32_t>(end - flight->done_bytes);
    if (verify(flight, bytes) != Verified::kWrong) return true;
    flight->status = BWRT_E_CORRUPT;
    if (!flight->verifies) load_failed(flight, BWRT_E_CORRUPT, 0);
    return false;
}

// The copy that he verified in is over, or was stopped: then the lane goes on.
void BlockLane::leader_ended(Flight* flight) noexcept {
    flight->leader = nullptr;
    if (flight->state == Flight::State::kFailed) {
        end_flight(flight);
    } else if (flight->verifies) {
        return;
    } else if (flight->done_bytes == flight->length_bytes) {
        verified(flight);
    } else {
        verify_later(flight);
    }
}

// A copy under way goes on, from a place that is the host tier's now.
void BlockLane::keep_from_host(BlockTask* task, Flight* flight) noexcept {
    --flight->user_count;
    task->flight = kNoFlight;
    task->host_block = flight->host_block;
    store_->host().hold(flight->host_block);
}

// ---- by the lane

void BlockLane::verify_later(Flight* flight) noexcept {
    flight->verifies = true;
    verifying_.push(flight);
}

// A slice of the oldest; one who is done makes room for the next.
void BlockLane::verify_some() noexcept {
    std::uint32_t budget = kVerifyBytes;
    while (!verifying_.is_empty() && budget != 0) {
        Flight* flight = verifying_.head();
        const std::uint32_t before = flight->done_bytes;
        const Verified found = verify(flight, budget);
        budget -= std::min(budget, flight->done_bytes - before);
        if (found == Verified::kMore) return;
        const bool right = found == Verified::kRight;
        static_cast<void>(verifying_.pop());
        flight->verifies = false;
        if (flight->carries) {
            flight->status = right ? BWRT_OK : BWRT_E_CORRUPT;
            carry_read(flight);
        } else if (right) {
            verified(flight);
        } else {
            load_failed(flight, BWRT_E_CORRUPT, 0);
        }
    }
}

Verified BlockLane::verify(Flight* flight, std::uint32_t bytes_max) noexcept {
    if (flight->done_bytes == 0) {
        const BlockKey key = store_->block_key_of(store_->index().key_of(flight->entry));
        flight->block_seed = block_seed(key, flight->length_bytes, flight->seal.layout_digest,
                                        flight->tenant->keys.seed());
    }
    return verify_slice(flight->image(), flight->seal.root_checksum, bytes_max,
                        &flight->done_bytes);
}

// ---- verified, or not

void BlockLane::verified(Flight* flight) noexcept {
    store_->disk().segments().unhold(flight->disk.segment);
    if (is_at(flight->entry, flight->disk)) store_->set_flag(flight->entry, kVerified);
    if (flight->in_host()) {
        store_->enter_host(flight->entry, flight->host_block, flight->seal, BWRT_REASON_PROMOTED);
        if (flight->leader != nullptr) keep_from_host(flight->leader, flight);
    } else {
        flight->state = Flight::State::kServing;
        store_->passed_host(flight->entry);
    }
    if (flight->ahead != Foresight::kNone) ahead_ended(flight, true);
    flight->leader = nullptr;  // the rest of his copy is one like any other
    // Who wants the bytes gets them from here; the others look again.
    BlockTask** link = &flight->waiting;
    while (*link != nullptr) {
        BlockTask* task = *link;
        if (!wants_bytes_of(*task, *flight)) {
            link = &task->waiting;
            continue;
        }
        *link = task->waiting;
        ledger_.note(*task->wave, task->operation.entry_first, 0, BWRT_TIER_DISK);
        task->flight = kNoFlight;
        if (flight->in_host()) {
            copy_from_host(task, flight->host_block);
        } else {
            copy_from_flight(task, flight);
        }
    }
    flight->waiting_end = link;
    if (flight->user_count == 0) end_flight(flight);
}

// What cannot be read, or is not what was stored, is not kept: the next one finds a miss.
void BlockLane::load_failed(Flight* flight, bwrt_status status, std::int32_t os_code) noexcept {
    store_->disk().segments().unhold(flight->disk.segment);
    TenantCount& count = store_->count_of(flight->tenant->index);
    ++(status == BWRT_E_CORRUPT ? count.corrupt_count : count.failed_count);
    if (is_at(flight->entry, flight->disk)) {
        store_->leave_disk(flight->entry, BWRT_REASON_CORRUPT);
    }
    if (flight->ahead != Foresight::kNone) ahead_ended(flight, false);
    fail_waiting(flight, status, os_code);
    flight->status = status;
    flight->state = Flight::State::kFailed;
    if (flight->user_count == 0) {
        end_flight(flight);
        return;
    }
    // Its leader has not noticed yet, and nobody has to wait for that: the block is gone.
    release_entry(flight);
    flight->entry = kNoEntry;
    if (flight->in_host()) store_->host().set_entry(flight->host_block, kNoEntry);
}

}  // namespace bwrt::runtime
