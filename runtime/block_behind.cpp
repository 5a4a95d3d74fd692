// SPDX-License-Identifier: Apache-2.0
//
// block_behind.cpp — from memory to the disk, later: for whom there was no room, who was not worth
// it before, who is told to move there, or to stay there for good.

#include <cstring>

#include "runtime/block_lane.h"
#include "runtime/store/recovery.h"

namespace bwrt::runtime {

// A block of the host tier that is not on disk is asked for again: is it worth it now?
void BlockLane::write_behind(std::uint32_t entry, const BlockTask& task) noexcept {
    const BlockFields fields = store_->index().fields_of(entry);
    if (!store_->has_disk() || (fields.flags & (kOnDisk | kPending | kHostOnly)) != 0) return;
    if (store_->host().flight_of(fields.host_place) != kNoFlight || free_ == nullptr) return;
    if (!store_->disk().has_log_room()) return;  // nothing is spent in vain
    if (!parent_goes_to_disk(task, fields.host_place)) {
        store_->disk().see(fingerprint_of(task), store_->now_ns());
        return;
    }
    if (store_->disk().admit(fingerprint_of(task), fields.length_bytes, false, store_->now_ns()) !=
        planner::Admittance::kWrite) {
        return;
    }
    BlockTask copy = task;
    if (begin_host_write(&copy, entry, false, false) != DiskTier::Taken::kTaken) {
        ++store_->count().refused_count;
    }
}

// ---- what is in host memory and waits for room on the disk: parents first, so that what is there
// is a leading run, and held, so that no child gets there without its parent

void BlockLane::want_disk(const BlockTask& task, std::uint32_t host_block) noexcept {
    store_->host().hold(host_block);
    wanting_.push({host_block, task.has_parent, task.parent});
}

// It is there, or on its way, or there is none that the block needs.  One that was kept from the
// disk, by what may be written, is in memory alone: when it goes from there the child would be of
// no use on the disk, and was written for nothing.  Who keeps a parent in memory on purpose will
// have it there again.
bool BlockLane::parent_goes_to_disk(std::uint32_t parent, planner::Closure closure) const noexcept {
    if (parent == kNoEntry || closure == planner::Closure::kLastState) return true;
    const BlockFields fields = store_->index().fields_of(parent);
    if ((fields.flags & (kOnDisk | kHostOnly)) != 0) return true;
    if ((fields.flags & kInHost) != 0) {
        return store_->host().flight_of(fields.host_place) != kNoFlight;
    }
    return (fields.flags & kInFlight) == 0 || flights_[fields.host_place].has_disk;
}

// Of one in host memory, whose tier knows what the task may not say.
bool BlockLane::parent_goes_to_disk(const BlockTask& task,
                                    std::uint32_t host_block) const noexcept {
    const planner::Arrival in_host = store_->host().policy().arrival_of(host_block);
    std::uint32_t parent = parent_entry_of(task);
    if (!task.has_parent && in_host.parent != planner::kNoBlock) {
        parent = store_->host().entry_of(in_host.parent);
    }
    return parent_goes_to_disk(parent, in_host.closure);
}

void BlockLane::write_wanting() noexcept {
    while (!wanting_.is_empty()) {
        HostTier& host = store_->host();
        const WantsDisk wants = wanting_.front();
        const std::uint32_t entry = host.entry_of(wants.host_block);
        const std::uint16_t flags =
            entry == kNoEntry ? std::uint16_t{0} : store_->index().fields_of(entry).flags;
        if ((flags & kPending) != 0) return;  // it is being filled
        const bool is_wanted = (flags & (kInHost | kOnDisk | kHostOnly)) == kInHost &&
                               host.flight_of(wants.host_block) == kNoFlight;
        if (is_wanted) {
            if (free_ == nullptr) return;
            const IndexKey key = store_->index().key_of(entry);
            BlockTask task = {};
            std::memcpy(task.name.identity, key.identity, sizeof task.name.identity);
            task.name.part = key.part;
            task.tenant = store_->tenants().at(key.tenant);
            task.has_parent = wants.has_parent;
            task.parent = wants.parent;
            DiskTier::Taken taken = DiskTier::Taken::kNone;
            if (!rests_ && parent_goes_to_disk(task, wants.host_block)) {
                taken = begin_host_write(&task, entry, false, false);
            }
            if (taken == DiskTier::Taken::kLater && may_get_room()) return;
            if (taken != DiskTier::Taken::kTaken) ++store_->count().refused_count;
        }
        wanting_.pop();
        host.drop_hold(wants.host_block);
        retry_ = true;
    }
}

BlockLane::Begun BlockLane::write_from_host(BlockTask* task, std::uint32_t entry,
                                            bool durable) noexcept {
    if (!task->admitted) {  // asked for by name, but there is one budget
        const std::uint32_t length_bytes = store_->index().fields_of(entry).length_bytes;
        task->admitted = store_->disk().admit(fingerprint_of(*task), length_bytes, true,
                                              store_->now_ns()) == planner::Admittance::kWrite;
    }
    if (!task->admitted) {
        ++store_->count().refused_count;
        fail(task, BWRT_E_NOSPC, 0, BWRT_TIER_DISK);
        return Begun::kYes;
    }
    if (begin_host_write(task, entry, durable, true) == DiskTier::Taken::kTaken) {
        return Begun::kYes;
    }
    return no_room(task);
}

// Who asks for a block alone does not say whose child it is; its tier knows.
void BlockLane::tell_parent(std::uint32_t host_block, BlockTask* task) const noexcept {
    if (host_block == planner::kNoBlock) return;
    const std::uint32_t entry = store_->host().entry_of(host_block);
    if (entry == kNoEntry) return;
    const IndexKey key = store_->index().key_of(entry);
    std::memcpy(task->parent.identity, key.identity, sizeof task->parent.identity);
    task->parent.part = key.part;
    task->has_parent = true;
}

// The task waits for it or not.
DiskTier::Taken BlockLane::begin_host_write(BlockTask* task, std::uint32_t entry, bool durable,
                                            bool waits) noexcept {
    const BlockFields fields = store_->index().fields_of(entry);
    Flight* flight = take_flight();
    if (flight == nullptr) return DiskTier::Taken::kLater;
    HostTier& host = store_->host();
    Arriving block;
    block.entry = entry;
    block.length_bytes = fields.length_bytes;
    block.tenant = task->tenant->index;
    const planner::Arrival in_host = host.policy().arrival_of(fields.host_place);
    block.closure = in_host.closure;
    block.window_blocks = static_cast<std::uint16_t>(in_host.window_count);
    block.expires = in_host.expires;
    block.fingerprint = fingerprint_of(*task);
    block.must_come = waits || durable;
    flight->length_bytes = fields.length_bytes;
    flight->tenant = task->tenant;
    flight->seal = store_->index().seal_of(entry);
    BlockTask told = *task;
    told.length_bytes = fields.length_bytes;
    told.layout_digest = flight->seal.layout_digest;
    told.closure = static_cast<std::uint8_t>(in_host.closure);
    told.window_blocks = block.window_blocks;
    if (!told.has_parent) tell_parent(in_host.parent, &told);
    if (!take_disk(&told, flight, block)) {
        const bool never = flight->status != BWRT_OK;
        undo_flight(flight);
        return never ? DiskTier::Taken::kNone : DiskTier::Taken::kLater;
    }
    flight->entry = entry;
    flight->host_block = fields.host_place;
    flight->address = host.address_of(fields.host_place);
    flight->memory_region = host.region_slot();
    flight->durable = durable;
    host.hold(fields.host_place);
    host.flight_of(fields.host_place) = number_of(flight);
    make_record(told, flight);
    flight->record.expires_s = store_->wall_of_tick(in_host.expires);
    if (waits) join(task, number_of(flight));
    begin_write(flight);  // which may be over at once
    return DiskTier::Taken::kTaken;
}

// On disk, and not known to stay there: a flight that syncs it and writes nothing.  Of what an
// earlier process left nobody knows whether it is whole, so that is read first.
BlockLane::Begun BlockLane::make_durable(BlockTask* task, std::uint32_t entry) noexcept {
    BlockFields fields = store_->index().fields_of(entry);
    if ((fields.flags & kInFlight) != 0) {
        // Whoever verifies it as he copies may be in less of a hurry.
        Flight* flight = &flights_[fields.host_place];
        if (flight->state == Flight::State::kVerifying && !flight->verifies) verify_later(flight);
    }
    if ((fields.flags & (kInFlight | kCarried)) != 0) return Begun::kStarved;
    if ((fields.flags & kInHost) != 0 && store_->host().flight_of(fields.host_place) != kNoFlight) {
        join(task, store_->host().flight_of(fields.host_place));
        return Begun::kYes;
    }
    store_->revive(entry);
    if (!is_open(fields.disk_segment)) {  // nor could it be read from there
        ++count_of(*task).failed_count;
        store_->leave_disk(entry, BWRT_REASON_CORRUPT);
        return begin_put(task);
    }
    if (store_->disk().segments().is_given_up(fields.disk_segment)) {  // no flush of it counts
        store_->leave_disk(entry, BWRT_REASON_EVICTED);
        return begin_put(task);
    }
    Flight* flight = take_flight();
    if (flight == nullptr) return Begun::kStarved;
    const bool known = (fields.flags & (kFound | kVerified)) != kFound;
    Arriving block;
    block.length_bytes = fields.length_bytes;
    if (!known && !take_memory(flight, block, kNoEntry, false, true)) {
        undo_flight(flight);
        return no_room(task);
    }
    flight->entry = entry;
    flight->length_bytes = fields.length_bytes;
    flight->carries = true;  // it leaves the entry as it is
    flight->durable = true;
    flight->disk = {fields.disk_segment, std::uint64_t{fields.disk_page} * kUnitBytes};
    fields.flags |= kCarried;
    store_->index().update(entry, fields);
    store_->disk().segments().hold(flight->disk.segment);
    join(task, number_of(flight));
    if (known) {
        flight->state = Flight::State::kSyncing;
        unsynced_.push(flight);
        return Begun::kYes;
    }
    flight->tenant = task->tenant;
    flight->seal = store_->index().seal_of(entry);
    read_again(flight, OwnWave::kNormal);
    return Begun::kYes;
}

}  // namespace bwrt::runtime
