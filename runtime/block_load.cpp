// SPDX-License-Identifier: Apache-2.0
//
// block_load.cpp — where a block is that somebody wants: in memory, or on the disk, from where it
// is read whole into memory of our own.

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/block_lane.h"
#include "runtime/check.h"
#include "runtime/foresight.h"

namespace bwrt::runtime {
// What a load asks the disk for and verifies is what was stored: all of it, chunk by chunk.
BlockLane::Begun BlockLane::begin_load(BlockTask* task) noexcept {
    const std::uint32_t entry = store_->index().find(key_of(*task));
    if (entry == kNoEntry || store_->expire(entry)) {
        miss(task);
        return Begun::kYes;
    }
    const BlockFields fields = store_->index().fields_of(entry);
    const bool there = (fields.flags & (kInHost | kOnDisk)) != 0;
    if (!there && (fields.flags & kInFlight) == 0) {
        miss(task);
        return Begun::kYes;
    }
    if (task->kind == BWRT_OP_GET) {
        const BlockSeal seal = store_->index().seal_of(entry);
        if (fields.length_bytes != task->length_bytes ||
            seal.layout_digest != task->layout_digest) {
            miss(task);
            return Begun::kYes;
        }
    }
    if ((fields.flags & kInHost) != 0) return found_in_host(task, entry);
    if ((fields.flags & kInFlight) != 0) {
        Flight* flight = &flights_[fields.host_place];
        ++count_of(*task).joined_count;
        if (flight->state == Flight::State::kServing && task->kind == BWRT_OP_GET) {
            copy_from_flight(task, flight);
        } else {
            join(task, fields.host_place);
        }
        return Begun::kYes;
    }
    if (task->kind == BWRT_OP_MOVE && task->tier == BWRT_TIER_DISK) {
        store_->revive(entry);
        good(task, BWRT_TIER_DISK);
        return Begun::kYes;
    }
    return begin_read(task, entry);
}

void BlockLane::miss(BlockTask* task) noexcept {
    ++count_of(*task).miss_count;
    fail(task, BWRT_E_MISS, 0, BWRT_TIER_NONE);
}

// Not now, or never: when nothing is on its way that would give something back.
BlockLane::Begun BlockLane::no_room(BlockTask* task) noexcept {
    if (foresight_ != nullptr && foresight_->yield()) {
        retry_ = true;
        return Begun::kStarved;
    }
    if (may_get_room() || !wanting_.is_empty()) {
        if (must_look()) retry_ = true;
        return Begun::kStarved;
    }
    refuse(task, store_->has_host() ? BWRT_TIER_HOST : BWRT_TIER_DISK);
    return Begun::kYes;
}

// For want of room.  Counted is what was to be stored, and once: who asked in vain whether it may
// be written was counted then.
void BlockLane::refuse(BlockTask* task, std::uint32_t tier) noexcept {
    const bool stores =
        task->kind == BWRT_OP_PUT || (task->kind == BWRT_OP_MOVE && task->tier == BWRT_TIER_DISK);
    if (stores && (!task->asked || task->admitted)) ++store_->count().refused_count;
    fail(task, BWRT_E_NOSPC, 0, tier);
}

// Something on its way may give room back, a write of the log makes it for records.
bool BlockLane::may_get_room() const noexcept {
    if (is_at_work() || copy_count_ != 0) return true;
    if (emptying_ != kNoSegment) return store_->disk().has_log_room();  // else nothing is carried
    return must_look();
}

BlockLane::Begun BlockLane::found_in_host(BlockTask* task, std::uint32_t entry) noexcept {
    const BlockFields fields = store_->index().fields_of(entry);
    const std::uint32_t host_block = fields.host_place;
    HostTier& host = store_->host();
    const std::uint32_t number = task->operation.entry_first;
    if (task->kind != BWRT_OP_MOVE) {
        TierCount& count = count_of(*task).host;
        ++count.hit_count;
        count.hit_bytes += fields.length_bytes;
    }
    if ((fields.flags & kOnDisk) != 0) {
        store_->revive(entry);
        store_->disk().policy().touch_since(entry, store_->tick(), task->since);
    }
    switch (task->kind) {
        case BWRT_OP_GET:
            ledger_.note(*task->wave, number, 0, BWRT_TIER_HOST);
            copy_from_host(task, host_block);
            write_behind(entry, *task);
            return Begun::kYes;
        case BWRT_OP_PIN:
            ++host.pins_of(host_block);
            host.hold(host_block);
            task->host_block = host_block;
            good(task, BWRT_TIER_HOST);
            return Begun::kYes;
        case BWRT_OP_PREFETCH:
            host.policy().touch_since(host_block, store_->tick(), task->since);
            good(task, BWRT_TIER_HOST);
            return Begun::kYes;
        default:
            break;
    }
    // MOVE.  To host memory it has come; what is left is to leave the other tier.
    if (host.flight_of(host_block) != kNoFlight) {
        join(task, host.flight_of(host_block));
        return Begun::kYes;
    }
    if (task->tier == BWRT_TIER_HOST) {
        if ((fields.flags & kCarried) != 0) return Begun::kStarved;
        store_->set_flag(entry, kHostOnly);
        if ((fields.flags & kOnDisk) != 0) store_->leave_disk(entry, BWRT_REASON_MOVED);
        good(task, BWRT_TIER_HOST);
        return Begun::kYes;
    }
    if ((fields.flags & kOnDisk) == 0) return write_from_host(task, entry, true);
    if (host.is_in_use(host_block)) {
        if (host.pins_of(host_block) == 0) return Begun::kStarved;
        fail(task, BWRT_E_BUSY, 0, BWRT_TIER_HOST);
        return Begun::kYes;
    }
    store_->leave_host(entry, BWRT_REASON_MOVED);
    good(task, BWRT_TIER_DISK);
    return Begun::kYes;
}

// ---- memory for a flight

bool BlockLane::take_memory(Flight* flight, const Arriving& block, std::uint32_t parent, bool host,
                            bool transit) noexcept {
    flight->length_bytes = block.length_bytes;
    if (host && store_->has_host()) {
        std::uint32_t parent_block = kNoHostBlock;
        if (parent != kNoEntry) {
            const BlockFields fields = store_->index().fields_of(parent);
            if ((fields.flags & kInHost) != 0) {
                parent_block = fields.host_place;
            } else if ((fields.flags & kInFlight) != 0) {
                parent_block =
                    flights_[fields.host_place].host_block;  // on its way, or kNoHostBlock
            }
        }
        flight->host_block = store_->host().take(block, parent_block, store_->tick(),
                                                 store_->host_owner(), &flight->is_unworthy);
        if (flight->in_host()) {
            flight->address = store_->host().address_of(flight->host_block);
            flight->memory_region = store_->host().region_slot();
            return true;
        }
    }
    if (!transit || !store_->has_disk()) return false;
    flight->transit = store_->transit().arena().allocate(
        static_cast<std::uint32_t>(place_bytes(block.length_bytes)), number_of(flight));
    if (flight->transit == kNoPlace) return false;
    flight->address = store_->transit().at(flight->transit);
    flight->memory_region = store_->transit().region_slot();
    return true;
}

// A block of the host tier that was published stays there, and is let go; one that was not is
// removed.
void BlockLane::give_memory_back(Flight* flight) noexcept {
    if (flight->transit != kNoPlace) {
        store_->transit().arena().free(flight->transit);
        flight->transit = kNoPlace;
    }
    if (!flight->in_host()) return;
    HostTier& host = store_->host();
    host.flight_of(flight->host_block) = kNoFlight;
    const BlockFields fields =
        flight->entry == kNoEntry ? BlockFields{} : store_->index().fields_of(flight->entry);
    const bool published = (fields.flags & kInHost) != 0 && fields.host_place == flight->host_block;
    const std::uint32_t block = flight->host_block;
    flight->host_block = kNoHostBlock;
    if (!published) host.remove(block);
    host.drop_hold(block);
}

// ---- reading

BlockLane::Begun BlockLane::begin_read(BlockTask* task, std::uint32_t entry) noexcept {
    Flight* flight = take_flight();
    if (flight == nullptr) return Begun::kStarved;
    // Who asks for it alone does not say whose child it is; its tier knows.
    const std::uint32_t parent = task->has_parent ? parent_entry_of(*task) : parent_on_disk(entry);
    if (!take_for_load(flight, entry, parent, task->tenant, task->kind == BWRT_OP_GET,
                       task->since)) {
        undo_flight(flight);
        return no_room(task);
    }
    store_->count().unworthy_count += flight->is_unworthy ? 1 : 0;
    TierCount& count = count_of(*task).disk;
    ++count.hit_count;
    count.hit_bytes += flight->length_bytes;
    store_->revive(entry);
    store_->disk().policy().touch(entry, store_->tick());
    join(task, number_of(flight));
    constexpr OwnWave kWaves[] = {OwnWave::kNormal, OwnWave::kUrgent, OwnWave::kBackground};
    read(flight, kWaves[task->wave->priority], task->wave->deadline_ns);
    return Begun::kYes;
}

std::uint32_t BlockLane::parent_on_disk(std::uint32_t entry) const noexcept {
    const std::uint32_t parent = store_->disk().policy().arrival_of(entry).parent;
    return parent != planner::kNoBlock ? parent : kNoEntry;
}

// Memory for it, and its place on the disk held.
bool BlockLane::take_for_load(Flight* flight, std::uint32_t entry, std::uint32_t parent,
                              const Tenant* tenant, bool transit, planner::Tick since) noexcept {
    BlockFields fields = store_->index().fields_of(entry);
    Arriving block;
    block.entry = entry;
    block.length_bytes = fields.length_bytes;
    block.tenant = tenant->index;
    const planner::Arrival on_disk = store_->disk().policy().arrival_of(entry);
    block.closure = on_disk.closure;
    block.window_blocks = static_cast<std::uint16_t>(on_disk.window_count);
    block.expires = on_disk.expires;
    block.fingerprint = store_->index().reader().hash_of(store_->index().key_of(entry));
    block.since = since;
    block.must_come = !transit;  // it is wanted in memory, not only what is in it
    // It may be among those that go; then it is missing, and that is known at once.
    fields.flags |= kInFlight;
    fields.host_place = number_of(flight);
    store_->index().update(entry, fields);
    flight->entry = entry;
    if (!take_memory(flight, block, parent, true, transit)) return false;
    flight->state = Flight::State::kReading;
    flight->reading = true;
    flight->tenant = tenant;
    flight->seal = store_->index().seal_of(entry);
    flight->disk = {fields.disk_segment, std::uint64_t{fields.disk_page} * kUnitBytes};
    store_->disk().segments().hold(flight->disk.segment);
    return true;
}

void BlockLane::read(Flight* flight, OwnWave wave, std::uint64_t due_ns) noexcept {
    if (!is_open(flight->disk.segment)) {
        load_failed(flight, BWRT_E_IO, ENOENT);
        return;
    }
    ios_.read(
        &flight->io,
        {static_cast<std::uint16_t>(store_->slot_of_segment(flight->disk.segment)),
         flight->memory_region, flight->disk.offset_bytes,
         reinterpret_cast<std::uintptr_t>(flight->address), place_bytes(flight->length_bytes)},
        wave, due_ns);
}

void BlockLane::read_done(Flight* flight) noexcept {
    if (flight->io.status != BWRT_OK) {
        if (flight->carries) {
            flight->status = flight->io.status;
            carry_read(flight);
        } else {
            load_failed(flight, flight->io.status, flight->io.os_code);
        }
        return;
    }
    begin_verifying(flight);
}

}  // namespace bwrt::runtime
