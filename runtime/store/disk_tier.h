// SPDX-License-Identifier: Apache-2.0
//
// disk_tier.h — which blocks are on disk, where the next ones go, and what the log is told of it.
//
//   PUT ──▶ admit() ──▶ take() ──▶ (the block is written) ──▶ record_stored() ──▶ visible
//                         └── who has to go: let_go(), record_removed()
//
// Decides and counts; the driver's alone, and does no I/O.  A block here is known by its entry in
// the index.  The policy is given seven eighths or more of what the segments hold beside those that
// are kept free, less the tails that nobody can have.  Whom it lets go of fades: he stays, and can
// be had, until the segment that he is in is emptied.  So the rest, dead or faded, is the room in
// which segments are emptied cheaply, and as it comes from the end of the policy's order it is
// mostly the oldest segments that have much of it, and hold little that must be carried.  How much
// the policy has follows what that costs: step by step more while next to nothing is carried, less
// while more is.

#pragma once

#include <cstdint>

#include "planner/tiers/admission.h"
#include "planner/tiers/prefix_lru.h"
#include "runtime/store/host_tier.h"
#include "runtime/store/log_writer.h"
#include "runtime/store/segments.h"

namespace bwrt::runtime {

struct DiskTierLimits {
    std::uint32_t entry_count = 0;  // of the index
    std::uint32_t block_count_max = 0;
    std::uint32_t tenant_count = 1;
    std::uint32_t lease_count = 0;
    std::uint64_t log_bytes_max = 0;
    bool learns = false;
    planner::AdmissionLimits admission;
};

class DiskTier {
 public:
    // Records that can be on their way; what is left of them is kept for what must be said.
    static constexpr std::uint32_t kRecordCount = 4096;

    DiskTier(Segments* segments, const DiskTierLimits& limits, std::uint64_t now_ns);

    [[nodiscard]] planner::Admittance admit(std::uint64_t fingerprint, std::uint32_t length_bytes,
                                            bool must_write, std::uint64_t now_ns) noexcept;

    // It was admitted, and is not written: nothing was spent.
    void give_back(std::uint32_t length_bytes) noexcept;

    // It was asked for, and is not to be written now.
    void see(std::uint64_t fingerprint, std::uint64_t now_ns) noexcept {
        admission_.see(fingerprint);
        policy_.miss(fingerprint, planner::tick_at(now_ns));
    }

    // What emptying segments has written counts as well.
    void charge_carried(std::uint64_t bytes, std::uint64_t now_ns) noexcept;

    // kLater: something on its way will have made room.  kNone: nothing will.  kUnworthy: it is
    // worth less than who might go.
    enum class Taken : std::uint8_t { kTaken, kLater, kNone, kUnworthy };
    // A place for the block, which the policy knows from now on.  `near` is where its parent went,
    // or kNoSegment.  `parent` is its entry, or kNoEntry.
    [[nodiscard]] Taken take(const Arriving& block, std::uint32_t parent, std::uint32_t near,
                             planner::Tick now, TierOwner* owner, DiskPlace* place_out) noexcept;
    // One to carry a block to that it has already, elsewhere.
    [[nodiscard]] Taken take_for_carrying(std::uint32_t segment, std::uint32_t length_bytes,
                                          DiskPlace* place_out) noexcept;

    // The oldest goes, whosesoever it is.  False when none may.
    [[nodiscard]] bool evict_one(planner::Tick now, TierOwner* owner) noexcept;

    // A place that nothing will be read from any more.
    void release(const DiskPlace& place, std::uint32_t length_bytes) noexcept;
    // It counts no more, and may go when its segment is emptied; or it counts again.
    void fade(std::uint32_t entry, std::uint32_t segment, std::uint32_t length_bytes) noexcept;
    void revive(std::uint32_t entry, std::uint32_t segment, std::uint32_t length_bytes,
                std::uint64_t fingerprint, planner::Tick now) noexcept;
    // The block is not here any more; the caller releases its place.
    void remove(std::uint32_t entry, std::uint32_t length_bytes) noexcept;
    // take() and hold() keep a block until it is where it is to be, or gone: no use of it.
    void hold(std::uint32_t entry) noexcept {
        policy_.pin(entry);
        ++in_flight_count_;
    }
    void landed(std::uint32_t entry) noexcept {
        policy_.drop_pin(entry);
        --in_flight_count_;
    }
    // A block that a restart found, parents first.
    void restore(const Arriving& block, std::uint32_t parent, planner::Tick now) noexcept;

    // The numbers that the policy has let go of since: kNoEntry when there are no more.
    [[nodiscard]] std::uint32_t take_free() noexcept;
    [[nodiscard]] bool knows(std::uint32_t entry) const noexcept { return policy_.knows(entry); }

    // ---- the log.  What cannot be put now was lost with the log: false.
    [[nodiscard]] bool has_log_room() const noexcept;
    // Only the next log gives it room again.
    [[nodiscard]] bool is_log_long() const noexcept;
    [[nodiscard]] bool put(const Record& record, std::uint64_t* ticket_out) noexcept;
    void record_removed(const BlockKey& key) noexcept;
    void record_segment(std::uint32_t segment) noexcept;
    // What is left of the write budget: the next process goes on with that.  Only once so much was
    // spent that it is worth a record, or as the last word any.
    void record_budget(std::uint64_t now_ns, std::uint64_t wall_s, bool is_last) noexcept;

    // ---- emptying segments
    // A directory that is short of empty segments and has one worth emptying; kNoSegment for none.
    [[nodiscard]] std::uint32_t begin_emptying() noexcept;

    // The disk would not flush it: it is not filled again (segments.h), and there is room for less.
    void give_up(std::uint32_t segment) noexcept;
    [[nodiscard]] Segments& segments() noexcept { return *segments_; }
    [[nodiscard]] LogWriter& log() noexcept { return log_; }
    [[nodiscard]] planner::PrefixLru& policy() noexcept { return policy_; }
    [[nodiscard]] std::uint64_t capacity_bytes() const noexcept;
    [[nodiscard]] std::uint32_t block_count() const noexcept { return count_; }
    [[nodiscard]] std::uint64_t budget_left_bytes(std::uint64_t now_ns) noexcept {
        return admission_.left_bytes(now_ns);
    }
    [[nodiscard]] std::uint64_t log_bytes_max() const noexcept { return log_bytes_max_; }
    [[nodiscard]] std::uint32_t block_count_max() const noexcept { return block_count_max_; }

 private:
    [[nodiscard]] Taken make_room(const planner::Arrival& arrival, bool evicts, planner::Tick now,
                                  TierOwner* owner) noexcept;

    // Of what may be counted on, the policy has so many parts.
    static constexpr std::uint32_t kParts = 512;
    static constexpr std::uint32_t kPartCountMin = 448;
    static constexpr std::uint32_t kPartCountMax = 488;

    void weigh(std::uint64_t carry_bytes) noexcept;
    [[nodiscard]] bool has_numbers() const noexcept;

    Segments* segments_;
    std::uint32_t part_count_ = kPartCountMin;
    std::uint64_t whole_bytes_;  // of the segments that the policy may count on
    std::uint32_t block_count_max_;
    std::uint32_t no_tenant_;  // one without a quota
    std::uint64_t log_bytes_max_;
    std::uint64_t write_bytes_per_day_;
    std::uint64_t unsaid_bytes_ = 0;  // spent since the log was told
    std::uint32_t count_ = 0;
    std::uint32_t in_flight_count_ = 0;  // blocks that cannot go because they are on their way
    planner::PrefixLru policy_;
    planner::Admission admission_;
    LogWriter log_;
};

}  // namespace bwrt::runtime
