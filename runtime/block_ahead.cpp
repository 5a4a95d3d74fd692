// SPDX-License-Identifier: Apache-2.0
//
// block_ahead.cpp — from the disk to memory, before anybody asks: what foresight.h has ordered.
//
// A block is read while the disk has nothing else to do, a few at a time and in the background's
// wave, and is verified like any other; who asks for it meanwhile joins its flight.  Only the host
// tier is room for it: what the tier gives no place to is not brought near.

#include <algorithm>

#include "runtime/block_lane.h"
#include "runtime/foresight.h"

namespace bwrt::runtime {

void BlockLane::read_ahead() noexcept {
    while (may_read_ahead()) {
        const std::uint32_t block = foresight_->next_block();
        if (block == Foresight::kNone || !begin_ahead(block)) return;
    }
}

// Nothing is on its way, or wants to be, but what nobody asked for.
bool BlockLane::may_read_ahead() const noexcept {
    return !rests_ && starved_.is_empty() && wanting_.is_empty() && flight_count_ == ahead_count_ &&
           storage_.queued_bytes() <= ahead_bytes_ && ahead_bytes_ < kAheadBytesMax &&
           ahead_count_ < kAheadCountMax && 2 * flight_count_ < flights_.count();
}

// False when there is nothing to begin now.
bool BlockLane::begin_ahead(std::uint32_t block) noexcept {
    const std::uint32_t entry = foresight_->entry_of(block);
    if (entry != kNoEntry && store_->expire(entry)) return true;  // and is looked at again
    const BlockFields fields = entry == kNoEntry ? BlockFields{} : store_->index().fields_of(entry);
    if ((fields.flags & kInFlight) != 0) return false;
    foresight_->begun(block);
    if ((fields.flags & kInHost) != 0) {
        foresight_->arrived(block, fields.host_place);
        return true;
    }
    const Tenant* const tenant = (fields.flags & kOnDisk) != 0
                                     ? store_->tenants().at(store_->index().key_of(entry).tenant)
                                     : nullptr;
    Flight* const flight = tenant != nullptr ? take_flight() : nullptr;
    if (flight == nullptr ||
        !take_for_load(flight, entry, parent_on_disk(entry), tenant, false, store_->tick())) {
        if (flight != nullptr) undo_flight(flight);
        foresight_->failed(block);
        return true;
    }
    flight->ahead = block;
    ++ahead_count_;
    ahead_bytes_ += place_bytes(flight->length_bytes);
    read(flight, OwnWave::kBackground, kNeverNs);
    return true;
}

void BlockLane::ahead_ended(Flight* flight, bool is_there) noexcept {
    const std::uint32_t block = flight->ahead;
    flight->ahead = Foresight::kNone;
    --ahead_count_;
    ahead_bytes_ -= place_bytes(flight->length_bytes);
    if (is_there) {
        foresight_->arrived(block, flight->host_block);
    } else {
        foresight_->failed(block);
    }
}

// ---- for the executor

std::uint64_t BlockLane::next_timer_ns() const noexcept {
    if (rests_) return kNeverNs;
    const std::uint64_t sweep_ns = store_->next_sweep_ns();
    return foresight_ != nullptr ? std::min(sweep_ns, foresight_->next_timer_ns()) : sweep_ns;
}

bool BlockLane::ahead_planned(std::uint64_t id) noexcept {
    return foresight_ != nullptr && foresight_->moves(id);
}

bool BlockLane::ahead_refused(std::uint64_t id) noexcept {
    return foresight_ != nullptr && foresight_->refused(id);
}

void BlockLane::snapshot(bwrt_counters* counters_out) const noexcept {
    if (foresight_ != nullptr) foresight_->snapshot(counters_out);
}

}  // namespace bwrt::runtime
