// SPDX-License-Identifier: Apache-2.0
//
// block_put.cpp — blocks into the store: where they are to go, the copy and its sums, and when they
// can be seen.

#include <algorithm>
#include <cstring>

#include "planner/tiers/lifetime.h"
#include "runtime/block_lane.h"
#include "runtime/check.h"

namespace bwrt::runtime {
namespace {

bool has_hints(const BlockTask& task) noexcept {
    return (task.access_count | task.complexity_milli | task.time_variance_milli) != 0;
}

planner::BlockHints hints_of(const BlockTask& task) noexcept {
    return {task.access_count, task.complexity_milli, task.time_variance_milli, 0};
}

std::uint32_t ttl_of(const BlockTask& task) noexcept {
    if (task.ttl_s != 0 || !has_hints(task)) return task.ttl_s;
    return planner::ttl_of(hints_of(task));
}

}  // namespace

BlockLane::Begun BlockLane::begin_put(BlockTask* task) noexcept {
    const std::uint32_t entry = store_->index().find(key_of(*task));
    if (entry == kNoEntry) return begin_fill(task);
    if (store_->expire(entry)) return begin_put(task);
    const BlockFields fields = store_->index().fields_of(entry);
    if ((fields.flags & (kInHost | kOnDisk)) != 0) return present(task, entry);
    if ((fields.flags & kInFlight) != 0) {
        join(task, fields.host_place);
        return Begun::kYes;
    }
    // Gone, while its old bytes are still on their way elsewhere: that refers to its entry, and the
    // record of it must not come behind that of the new ones.
    if ((fields.flags & kCarried) != 0) return Begun::kStarved;
    return begin_fill(task);
}

// Its bytes are not looked at: computed again, they may differ in their last bits.
BlockLane::Begun BlockLane::present(BlockTask* task, std::uint32_t entry) noexcept {
    const BlockFields fields = store_->index().fields_of(entry);
    const bool same = fields.length_bytes == task->length_bytes &&
                      store_->index().seal_of(entry).layout_digest == task->layout_digest;
    if (!same || (task->flags & BWRT_BLOCK_STRICT) != 0) {
        fail(task, BWRT_E_CONFLICT, 0,
             (fields.flags & kInHost) != 0 ? BWRT_TIER_HOST : BWRT_TIER_DISK);
        return Begun::kYes;
    }
    const bool durable = (task->flags & BWRT_BLOCK_DURABLE) != 0;
    const bool on_disk = (fields.flags & kOnDisk) != 0;
    if (durable && on_disk && (fields.flags & kDurable) == 0) return make_durable(task, entry);
    if (!on_disk && (durable || task->tier == BWRT_TIER_DISK)) {
        const std::uint32_t flight = store_->host().flight_of(fields.host_place);
        if (flight == kNoFlight) return write_from_host(task, entry, true);
        join(task, flight);
        return Begun::kYes;
    }
    if ((fields.flags & kInHost) != 0) {
        store_->host().policy().touch(fields.host_place, store_->tick());
        write_behind(entry, *task);
    }
    if (on_disk) {
        store_->revive(entry);
        store_->disk().policy().touch(entry, store_->tick());
    }
    TenantCount& count = count_of(*task);
    ++count.present_count;
    count.present_bytes += task->length_bytes;
    if ((task->flags & BWRT_BLOCK_CONTENT) != 0) {
        ++count.dedup_count;
        count.dedup_bytes += task->length_bytes;
    }
    const std::uint32_t number = task->operation.entry_first;
    good(task, on_disk ? BWRT_TIER_DISK : BWRT_TIER_HOST);
    ledger_.note(*task->wave, number, BWRT_RESULT_PRESENT,
                 on_disk ? BWRT_TIER_DISK : BWRT_TIER_HOST);
    return Begun::kYes;
}

// ---- where to

// For the doorkeeper, and for what is learnt.  An identity need not be a digest: those by content
// are hexadecimal digits.
std::uint64_t BlockLane::fingerprint_of(const BlockTask& task) const noexcept {
    return store_->index().reader().hash_of(key_of(task));
}

BlockLane::Destination BlockLane::destination_of(BlockTask* task) noexcept {
    Destination to = {store_->has_host(), store_->has_disk()};
    const bool durable = (task->flags & BWRT_BLOCK_DURABLE) != 0;
    if (task->tier == BWRT_TIER_HOST) to.disk = false;
    if (task->tier == BWRT_TIER_DISK) to.host = false;
    if (task->tier == BWRT_TIER_NONE && has_hints(*task) && to.host && to.disk) {
        // What is not worth memory goes to the disk alone; the remote tier is the disk's so far.
        to.host = planner::tier_of(hints_of(*task)) == planner::TierChoice::kMemory;
    }
    if (!to.disk) return to;
    const bool must = durable || task->tier == BWRT_TIER_DISK || !to.host;
    // Behind others who wait for room it is asked when it is its turn: here, begun again, or in
    // write_wanting().
    const bool may_go =
        must || !wanting_.is_empty() ||
        parent_goes_to_disk(parent_entry_of(*task), static_cast<planner::Closure>(task->closure));
    if (task->admitted && may_go) return to;
    if (!task->asked || task->admitted) {
        task->asked = true;  // who is begun again was seen once
        if (task->admitted) {
            task->admitted = false;
        } else if (may_go) {
            task->admitted =
                store_->disk().admit(fingerprint_of(*task), task->length_bytes, durable,
                                     store_->now_ns()) == planner::Admittance::kWrite;
        } else {
            store_->disk().see(fingerprint_of(*task), store_->now_ns());
        }
        if (!task->admitted) ++store_->count().refused_count;
    }
    if (task->admitted) return to;
    to.disk = false;
    // Without a tier to be in it is not stored at all; that is what the limits are for.
    task->refused = must;
    return to;
}

// True: the flight's entry is in the index, and belongs to it.
bool BlockLane::take_entry(BlockTask* task, Flight* flight, bool is_orphan) noexcept {
    const IndexKey key = key_of(*task);
    const auto host_only = static_cast<std::uint16_t>(task->tier == BWRT_TIER_HOST ? kHostOnly : 0);
    const BlockFields fields = {task->length_bytes, number_of(flight), 0, 0,
                                static_cast<std::uint16_t>(kPending | kInFlight | host_only)};
    const BlockSeal seal = {task->layout_digest, 0};
    std::uint32_t entry = kNoEntry;
    IndexWriter& index = store_->index();
    IndexWriter::Inserted inserted = index.insert(key, fields, seal, &entry);
    if (inserted == IndexWriter::Inserted::kFull && !is_orphan &&
        store_->free_an_entry(parent_entry_of(*task))) {
        inserted = index.insert(key, fields, seal, &entry);
    }
    if (inserted == IndexWriter::Inserted::kFull) return false;
    if (inserted == IndexWriter::Inserted::kPresent) index.update(entry, fields, &seal);
    flight->entry = entry;
    if (flight->in_host()) store_->host().set_entry(flight->host_block, entry);
    return true;
}

BlockLane::Begun BlockLane::begin_fill(BlockTask* task) noexcept {
    const Destination to = destination_of(task);
    if (task->refused) {
        refuse(task, BWRT_TIER_DISK);
        return Begun::kYes;
    }
    Flight* flight = take_flight();
    if (flight == nullptr) return Begun::kStarved;
    flight->tenant = task->tenant;
    Arriving block;
    block.length_bytes = task->length_bytes;
    block.tenant = task->tenant->index;
    block.closure = static_cast<planner::Closure>(task->closure);
    block.window_blocks = task->window_blocks;
    block.fingerprint = fingerprint_of(*task);
    block.since = task->since;
    block.must_come = task->tier != BWRT_TIER_NONE || (task->flags & BWRT_BLOCK_DURABLE) != 0;
    const std::uint32_t ttl_s = ttl_of(*task);
    if (ttl_s != 0) block.expires = store_->tick_of_wall(store_->wall_s() + ttl_s);
    const std::uint32_t parent = parent_entry_of(*task);
    block.is_orphan = task->has_parent && task->closure != BWRT_CLOSURE_LAST_STATE &&
                      (parent == kNoEntry || !store_->is_anywhere(parent));
    if (!take_memory(flight, block, parent, to.host, to.disk) ||
        !take_entry(task, flight, block.is_orphan)) {
        const bool is_unworthy = flight->is_unworthy && !to.disk;
        undo_flight(flight);
        if (!is_unworthy) return no_room(task);
        ++store_->count().unworthy_count;
        refuse(task, BWRT_TIER_HOST);
        return Begun::kYes;
    }
    block.entry = flight->entry;
    const bool may_wait = flight->in_host() && (task->flags & BWRT_BLOCK_DURABLE) == 0;
    if (to.disk && (!wanting_.is_empty() || !take_disk(task, flight, block))) {
        const bwrt_status never = flight->status;
        if (may_wait && never == BWRT_OK && !wanting_.is_full()) {
            want_disk(*task, flight->host_block);
        } else if (!may_wait || never == BWRT_OK) {
            undo_flight(flight);
            if (never == BWRT_OK) return wanting_.is_empty() ? no_room(task) : Begun::kStarved;
            if (never == BWRT_E_NOSPC) {
                refuse(task, BWRT_TIER_DISK);
            } else {
                fail(task, never, 0, BWRT_TIER_DISK);
            }
            return Begun::kYes;
        } else {
            flight->status = BWRT_OK;
            ++store_->count().refused_count;  // it is in memory all the same
        }
    }
    store_->count().unworthy_count += flight->is_unworthy ? 1 : 0;
    flight->state = Flight::State::kFilling;
    flight->leader = task;
    flight->durable = (task->flags & BWRT_BLOCK_DURABLE) != 0;
    flight->leader_waits = flight->has_disk && (!flight->in_host() || flight->durable);
    flight->block_seed = block_seed(store_->block_key_of(key_of(*task)), task->length_bytes,
                                    task->layout_digest, task->tenant->keys.seed());
    flight->seal.layout_digest = task->layout_digest;
    make_record(*task, flight);
    task->flight = number_of(flight);
    begin_copy(task, flight->address);
    return Begun::kYes;
}

// False: there is none now; flight->status says whether there ever will be.
bool BlockLane::take_disk(BlockTask* task, Flight* flight, const Arriving& block) noexcept {
    // Leases that are over let go of names, and this block's may be one of them: the policy must
    // not have it among those it gives back when it is told of it anew.
    static_cast<void>(store_->disk().policy().find_expired(store_->tick()));
    store_->drain_disk();
    const std::uint32_t parent = parent_entry_of(*task);
    std::uint32_t near = kNoSegment;
    if (parent != kNoEntry) {
        const BlockFields fields = store_->index().fields_of(parent);
        if ((fields.flags & kOnDisk) != 0) {
            near = fields.disk_segment;
        } else if ((fields.flags & kInFlight) != 0 && flights_[fields.host_place].has_disk) {
            near = flights_[fields.host_place].disk.segment;
        }
    }
    const bool known = parent != kNoEntry && store_->disk().knows(parent);
    if (known) store_->revive(parent);
    const DiskTier::Taken taken =
        store_->disk().take(block, known ? parent : kNoEntry, near, store_->tick(),
                            store_->disk_owner(), &flight->disk);
    flight->has_disk = taken == DiskTier::Taken::kTaken;
    if (taken == DiskTier::Taken::kUnworthy) {
        ++store_->count().unworthy_count;
        store_->disk().give_back(block.length_bytes);  // who comes so far was admitted
        flight->status = BWRT_E_NOSPC;
    } else if (taken == DiskTier::Taken::kNone) {
        flight->status = store_->disk().log().is_stopped() ? BWRT_E_IO : BWRT_E_NOSPC;
    }
    return flight->has_disk;
}

// What the log will say, but for the place and the root.
void BlockLane::make_record(const BlockTask& task, Flight* flight) noexcept {
    Record& record = flight->record;
    record = {};
    record.kind = RecordKind::kStored;
    record.key = store_->block_key_of(key_of(task));
    record.length_bytes = task.length_bytes;
    record.layout_digest = task.layout_digest;
    if (task.has_parent) {
        std::memcpy(record.parent_identity, task.parent.identity, sizeof record.parent_identity);
        record.parent_part = task.parent.part;
    }
    record.closure = static_cast<Closure>(task.closure);
    record.window_blocks = task.window_blocks;
    record.access_count = task.access_count;
    record.stored_s = store_->wall_s();
    const std::uint32_t ttl_s = ttl_of(task);
    record.expires_s = ttl_s != 0 ? record.stored_s + ttl_s : 0;
}

// ---- filled

// One that is a whole chunk, before it is copied; false for others.
bool BlockLane::sum_piece(Flight* flight, const Operation& operation, const Piece& piece,
                          std::uint64_t bytes) noexcept {
    const bool ascends = !operation.is_indexed() || operation.shape->lead->image_ascends;
    const bool whole = bytes == kChunkBytes || bytes == flight->length_bytes;
    if (!ascends || !whole || flight->done_bytes % kChunkBytes != 0) return false;
    sum_into_image(flight, flight->done_bytes / kChunkBytes,
                   reinterpret_cast<const void*>(piece.source), static_cast<std::uint32_t>(bytes));
    flight->summed_bytes = flight->done_bytes + static_cast<std::uint32_t>(bytes);
    return true;
}

void BlockLane::sum_into_image(Flight* flight, std::uint32_t chunk, const void* bytes,
                               std::uint32_t count) noexcept {
    flight->seal.root_checksum = sum_chunk(flight->image(), chunk, bytes, count);
}

void BlockLane::filled(Flight* flight) noexcept {
    BlockTask* leader = flight->leader;
    if (flight->status != BWRT_OK) {
        const bwrt_status status = flight->status;
        flight->leader = nullptr;
        fill_failed(flight);
        fail(leader, status, 0, BWRT_TIER_HOST);
        return;
    }
    flight->seal.root_checksum =
        close_image(flight->image(), flight->summed_bytes, flight->seal.root_checksum);
    TenantCount& count = count_of(*leader);
    ++count.put_count;
    if (flight->in_host()) {
        store_->enter_host(flight->entry, flight->host_block, flight->seal, BWRT_REASON_PUT);
        if (flight->has_disk) store_->host().flight_of(flight->host_block) = number_of(flight);
    }
    leader->state = BlockTask::State::kFilled;
    const bool over = !flight->leader_waits;
    if (over) flight->leader = nullptr;
    if (flight->in_host()) restart_waiting(flight);
    if (flight->has_disk) {
        begin_write(flight);
    } else {
        end_flight(flight);
    }
    if (over) good(leader, BWRT_TIER_HOST);
}

// Whoever filled it is gone, or could not.
void BlockLane::fill_failed(Flight* flight) noexcept {
    if (flight->has_disk) {
        store_->disk().release(flight->disk, flight->length_bytes);
        store_->disk().remove(flight->entry, flight->length_bytes);
        store_->disk().landed(flight->entry);
        store_->drain_disk();
        flight->has_disk = false;
    }
    end_flight(flight);
}

}  // namespace bwrt::runtime
