// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/disk_tier.h"

#include <algorithm>
#include <cstring>

#include "runtime/check.h"
#include "runtime/store/recovery.h"

namespace bwrt::runtime {
namespace {

// A crash forgets what was spent since the last record: at most such a part of a day's budget.
constexpr std::uint64_t kBudgetParts = 256;

// Records that one block may need: its own, a segment's, and a few that go for it.
constexpr std::uint32_t kRecordsAhead = 64;

// Segments of a directory that the policy does not count on: one that is filled with what is new,
// one with what is carried, one kept empty.
constexpr std::uint64_t kSegmentsApart = 3;

std::uint64_t whole_bytes_of(const Segments& segments) noexcept {
    std::uint64_t count = 0;
    std::uint64_t directories = 0;
    std::uint32_t last = kNoSegment;
    segments.for_each([&](std::uint32_t segment) {
        if (segments.is_given_up(segment)) return;
        ++count;
        if (Segments::directory_of(segment) != last) ++directories;
        last = Segments::directory_of(segment);
    });
    const std::uint64_t apart = kSegmentsApart * directories;
    return count > apart ? (count - apart) * segments.segment_bytes() : 0;
}

}  // namespace

DiskTier::DiskTier(Segments* segments, const DiskTierLimits& limits, std::uint64_t now_ns)
    : segments_(segments),
      whole_bytes_(whole_bytes_of(*segments)),
      block_count_max_(limits.block_count_max),
      no_tenant_(limits.tenant_count),
      log_bytes_max_(limits.log_bytes_max),
      write_bytes_per_day_(limits.admission.bytes_per_day),
      policy_({limits.entry_count, limits.tenant_count + 1, limits.lease_count, capacity_bytes(),
               shadow_count_of(limits.learns, limits.block_count_max), limits.learns}),
      admission_(limits.admission, now_ns),
      log_(kRecordCount) {}

planner::Admittance DiskTier::admit(std::uint64_t fingerprint, std::uint32_t length_bytes,
                                    bool must_write, std::uint64_t now_ns) noexcept {
    const std::uint64_t bytes = place_bytes(length_bytes);
    const planner::Admittance said = admission_.decide(fingerprint, bytes, must_write, now_ns);
    const bool writes = said == planner::Admittance::kWrite;
    if (writes && write_bytes_per_day_ != 0) unsaid_bytes_ += bytes;
    if (!writes) policy_.miss(fingerprint, planner::tick_at(now_ns));
    return said;
}

// What the log was told of it meanwhile stays spent for the next process.
void DiskTier::give_back(std::uint32_t length_bytes) noexcept {
    const std::uint64_t bytes = place_bytes(length_bytes);
    admission_.give_back(bytes);
    unsaid_bytes_ -= std::min(unsaid_bytes_, bytes);
}

void DiskTier::charge_carried(std::uint64_t bytes, std::uint64_t now_ns) noexcept {
    admission_.charge(bytes, now_ns);
    if (write_bytes_per_day_ != 0) unsaid_bytes_ += bytes;
}

// ---- places

// Who is too many by that goes when the next one comes.
void DiskTier::give_up(std::uint32_t segment) noexcept {
    segments_->give_up(segment);
    whole_bytes_ = whole_bytes_of(*segments_);
}

// With tails like those there are: of more segments than the policy may count on, their part.
std::uint64_t DiskTier::capacity_bytes() const noexcept {
    const std::uint64_t counted = whole_bytes_ / segments_->segment_bytes();
    const std::uint64_t full = segments_->full_count();
    std::uint64_t tail_bytes = segments_->tail_bytes();
    if (full > counted) tail_bytes = tail_bytes / full * counted;
    return (whole_bytes_ - std::min(whole_bytes_, tail_bytes)) / kParts * part_count_;
}

// Whoever has let one go comes, so that nobody goes for nothing.
DiskTier::Taken DiskTier::make_room(const planner::Arrival& arrival, bool evicts, planner::Tick now,
                                    TierOwner* owner) noexcept {
    for (bool must_come = arrival.must_come;;) {
        const std::uint64_t capacity = capacity_bytes();
        policy_.set_capacity(capacity);
        planner::Arrival wanted = arrival;
        wanted.must_come = must_come;
        wanted.bytes = std::min(arrival.bytes, capacity);
        if (count_ >= block_count_max_) {  // by number: whoever is the oldest
            wanted.bytes = capacity;
            wanted.tenant = no_tenant_;
        }
        const planner::Room room = policy_.make_room(wanted, now);
        if (room.verdict == planner::RoomVerdict::kFits) return Taken::kTaken;
        if (room.verdict == planner::RoomVerdict::kUnworthy) return Taken::kUnworthy;
        if (!evicts) return Taken::kNone;
        if (room.block == planner::kNoBlock) {
            // Who holds all there is may be on his way, with a chain behind him that nobody uses.
            return in_flight_count_ != 0 ? Taken::kLater : Taken::kNone;
        }
        if (!has_log_room()) return Taken::kLater;
        must_come |= room.verdict != planner::RoomVerdict::kExpired;
        if (room.verdict == planner::RoomVerdict::kOldest && has_numbers()) {
            owner->fade(room.block);
        } else {
            owner->let_go(room.block, room.verdict);
        }
    }
}

// What has faded has its entry and its record in the log as before.
bool DiskTier::has_numbers() const noexcept {
    return count_ + std::max(block_count_max_ / 64, 1u) < block_count_max_;
}

bool DiskTier::evict_one(planner::Tick now, TierOwner* owner) noexcept {
    planner::Arrival all;
    all.tenant = no_tenant_;
    all.bytes = capacity_bytes();
    all.must_come = true;
    policy_.set_capacity(all.bytes);
    const planner::Room room = policy_.make_room(all, now);
    if (room.block == planner::kNoBlock || !has_log_room()) return false;
    owner->let_go(room.block, room.verdict);
    return true;
}

DiskTier::Taken DiskTier::take(const Arriving& block, std::uint32_t parent, std::uint32_t near,
                               planner::Tick now, TierOwner* owner, DiskPlace* place_out) noexcept {
    const planner::Arrival arrival = arrival_of(block, parent);
    if (log_.is_stopped() || arrival.bytes > segments_->segment_bytes()) return Taken::kNone;
    if (!has_log_room()) return Taken::kLater;
    const Taken room = make_room(arrival, !block.is_orphan, now, owner);
    if (room == Taken::kUnworthy || (room == Taken::kNone && block.is_orphan)) {
        policy_.miss_since(block.fingerprint, now, block.since);
    }
    if (room != Taken::kTaken) return room;
    std::uint32_t directory = near == kNoSegment ? segments_->next_directory(arrival.bytes)
                                                 : Segments::directory_of(near);
    if (!segments_->has_room(directory, arrival.bytes, Segments::Purpose::kStore)) {
        directory = segments_->next_directory(arrival.bytes);
    }
    if (!segments_->has_room(directory, arrival.bytes, Segments::Purpose::kStore)) {
        return Taken::kLater;  // the policy's bytes fit, so a segment can be emptied
    }
    bool opened = false;
    *place_out = segments_->take(directory, arrival.bytes, Segments::Purpose::kStore, &opened);
    if (opened) record_segment(place_out->segment);
    policy_.insert(block.entry, arrival, now);
    hold(block.entry);
    ++count_;
    return Taken::kTaken;
}

DiskTier::Taken DiskTier::take_for_carrying(std::uint32_t segment, std::uint32_t length_bytes,
                                            DiskPlace* place_out) noexcept {
    const std::uint64_t bytes = place_bytes(length_bytes);
    const std::uint32_t directory = Segments::directory_of(segment);
    if (log_.is_stopped()) return Taken::kNone;
    if (!has_log_room()) return Taken::kLater;
    if (!segments_->has_room(directory, bytes, Segments::Purpose::kCarry)) return Taken::kNone;
    bool opened = false;
    *place_out = segments_->take(directory, bytes, Segments::Purpose::kCarry, &opened);
    if (opened) record_segment(place_out->segment);
    return Taken::kTaken;
}

void DiskTier::release(const DiskPlace& place, std::uint32_t length_bytes) noexcept {
    segments_->release(place.segment, place_bytes(length_bytes));
}

void DiskTier::fade(std::uint32_t entry, std::uint32_t segment,
                    std::uint32_t length_bytes) noexcept {
    policy_.fade(entry, place_bytes(length_bytes));
    segments_->fade(segment, place_bytes(length_bytes));
}

void DiskTier::revive(std::uint32_t entry, std::uint32_t segment, std::uint32_t length_bytes,
                      std::uint64_t fingerprint, planner::Tick now) noexcept {
    policy_.revive(entry, place_bytes(length_bytes), fingerprint, now);
    segments_->unfade(segment, place_bytes(length_bytes));
}

void DiskTier::remove(std::uint32_t entry, std::uint32_t length_bytes) noexcept {
    policy_.remove(entry, place_bytes(length_bytes));
    --count_;
}

void DiskTier::restore(const Arriving& block, std::uint32_t parent, planner::Tick now) noexcept {
    policy_.insert(block.entry, arrival_of(block, parent), now);
    ++count_;
}

std::uint32_t DiskTier::take_free() noexcept {
    const std::uint32_t number = policy_.take_free();
    return number == planner::kNoBlock ? kNoEntry : number;
}

// ---- the log

bool DiskTier::has_log_room() const noexcept {
    return !log_.is_stopped() && log_.room() >= kRecordsAhead && !is_log_long();
}

bool DiskTier::is_log_long() const noexcept {
    return log_.length_bytes() + kRecordsAhead * sizeof(Record) > log_bytes_max_;
}

bool DiskTier::put(const Record& record, std::uint64_t* ticket_out) noexcept {
    return log_.put(record, ticket_out);
}

// One that is lost says no more than that a crash may find a place whose bytes are another's by
// then, which their sum tells.
void DiskTier::record_removed(const BlockKey& key) noexcept {
    Record record = {};
    record.kind = RecordKind::kRemoved;
    record.key = key;
    std::uint64_t ticket = 0;
    static_cast<void>(log_.put(record, &ticket));
}

void DiskTier::record_segment(std::uint32_t segment) noexcept {
    Record record = {};
    record.kind = RecordKind::kSegment;
    record.segment = segment;
    record.generation = segments_->generation_of(segment);
    std::uint64_t ticket = 0;
    const bool was_put = log_.put(record, &ticket);
    BWRT_CHECK(was_put);  // has_log_room() was asked
}

void DiskTier::record_budget(std::uint64_t now_ns, std::uint64_t wall_s, bool is_last) noexcept {
    const bool is_due = is_last || unsaid_bytes_ >= write_bytes_per_day_ / kBudgetParts;
    if (unsaid_bytes_ == 0 || !is_due) return;
    if (!is_last && !has_log_room()) return;
    Record record = {};
    record.kind = RecordKind::kBudget;
    record.budget_left_bytes = admission_.left_bytes(now_ns);
    record.stored_s = wall_s;
    std::uint64_t ticket = 0;
    if (log_.put(record, &ticket)) unsaid_bytes_ = 0;
}

// ---- emptying

std::uint32_t DiskTier::begin_emptying() noexcept {
    const std::uint64_t segment_bytes = segments_->segment_bytes();
    for (std::uint32_t i = 0; i < segments_->directory_count(); ++i) {
        const std::uint32_t empty_count = segments_->empty_count(i);
        if (empty_count > 2) continue;
        // Ahead of the need what is won has to be worth it.  With need there is always one by which
        // a 32nd is won, as the policy has at most so many parts of what is used: half of a segment
        // or more is used, or its tail counts.
        const std::uint32_t begun =
            segments_->begin_emptying(i, segment_bytes / (empty_count == 2 ? 16 : 32));
        if (begun != kNoSegment) {
            weigh(segments_->carry_bytes_of(begun));
            return begun;
        }
        if (empty_count < 2) part_count_ = kPartCountMin;
    }
    return kNoSegment;
}

// The more blocks count the more have to be carried.
void DiskTier::weigh(std::uint64_t carry_bytes) noexcept {
    if (carry_bytes > segments_->segment_bytes() / 16) {
        part_count_ = std::max(part_count_ - 1, kPartCountMin);
    } else {
        part_count_ = std::min(part_count_ + 1, kPartCountMax);
    }
}

}  // namespace bwrt::runtime
