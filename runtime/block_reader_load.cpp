// SPDX-License-Identifier: Apache-2.0
//
// block_reader_load.cpp — a reader's blocks on their way: where each is now, its read, and whether
// what came is the block.

#include <algorithm>
#include <cstring>

#include "runtime/block_reader.h"
#include "runtime/check.h"
#include "runtime/store/block_image.h"
#include "runtime/store/recovery.h"

namespace bwrt::runtime {

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
    if (!refresh_.is_out) start_refresh();
    return true;
}

void BlockReader::start_refresh() noexcept {
    refresh_.is_out = true;
    refresh_.now_ns = now_ns_;
    view_.begin_look();
    janitor_->start(&refresh_);
}

void BlockReader::refresh_if_wanted() noexcept {
    if (view_.look() != StoreView::Look::kWanted || refresh_.is_out || rests_) return;
    start_refresh();
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
        Flight* flight = verifying_.head();
        const std::uint32_t before = flight->done_bytes;
        const Verified found =
            verify_slice({flight->address, flight->length_bytes, flight->block_seed},
                         flight->where.root_checksum, budget, &flight->done_bytes);
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
