// SPDX-License-Identifier: Apache-2.0
//
// block_copy.cpp — the copy between a caller's memory and a block's place in the store's: by the
// host lane, which asks here how much of it may go at once, and says when it went.
//
//   begin_copy() ──▶ host lane: [ copy_limit() ─▶ copying() ─▶ memcpy ─▶ copied() ] ... ──▶ over
//
// Who sums what he PUTs, or verifies what he GETs, does so chunk by chunk on the way.

#include <algorithm>
#include <cerrno>

#include "runtime/block_lane.h"

namespace bwrt::runtime {

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
        sum_into_image(flight, first / kChunkBytes, flight->address + first,
                       flight->done_bytes - first);
        flight->summed_bytes = flight->done_bytes;
    }
    if (!served) return;
    --copy_count_;
    filled(flight);
}

}  // namespace bwrt::runtime
