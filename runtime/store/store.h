// SPDX-License-Identifier: Apache-2.0
//
// store.h — the block store of a runtime: what there is, where, and who may go.
//
//   bwrt_open ──open()──▶ directories, lock, recovery          (blocking, before the driver runs)
//
//   block lane ──▶ index: which blocks there are               one entry a block
//              ──▶ host tier: places in memory, its policy     (store/host_tier.h)
//              ──▶ disk tier: places on disk, its policy, log  (store/disk_tier.h)
//   any thread ──▶ lookups in the index, tenants, events
//
// A block's entry says where it is, in flags (index.h).  It is there as long as the block is
// anywhere, or on its way, or its number still means something to the disk tier's policy.  All that
// changes an entry is the driver's, and goes through here, so that policies, log, events and
// counters are told of it together.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "include/bwrt.h"
#include "runtime/block_task.h"
#include "runtime/region.h"
#include "runtime/store/counts.h"
#include "runtime/store/disk_tier.h"
#include "runtime/store/events.h"
#include "runtime/store/host_tier.h"
#include "runtime/store/index.h"
#include "runtime/store/log.h"
#include "runtime/store/log_compaction.h"
#include "runtime/store/recovery.h"
#include "runtime/store/root.h"
#include "runtime/store/shared_index.h"
#include "runtime/store/store_report.h"
#include "runtime/store/tenants.h"

namespace bwrt::runtime {

struct StoreCount {
    std::uint64_t written_bytes = 0, carried_bytes = 0;
    std::uint64_t refused_count = 0, unworthy_count = 0;
    std::uint64_t recovery_ns = 0, recovered_count = 0;
};

// Told of each block that is not in host memory any more, or has come to the disk without coming
// there, for whatever reason.
class HostWatcher {
 public:
    virtual void not_in_host(std::uint32_t entry) noexcept = 0;

 protected:
    ~HostWatcher() = default;
};

// Shorter blocks are bounded by their number.
constexpr std::uint32_t kBoundedBlockBytesMin = 16 << 10;

class Store {
 public:
    // Places in the region table, behind the callers': host, transit, log, segments.
    static constexpr std::uint32_t kHostSlot = 0, kTransitSlot = 1, kLogSlot = 2, kSegmentSlot = 3;

    // What of it can be told from the description alone; regions are counted in `own_count_out`.
    static bwrt_status check(const bwrt_store& given, bwrt_store* checked_out,
                             std::uint32_t* own_count_out, const ErrorSink& sink);

    // Opens what a checked description names.  `regions` has the own places.
    bwrt_status open(const bwrt_store& checked, RegionTable* regions, std::uint64_t now_ns,
                     const ErrorSink& sink);

    // ---- any thread

    [[nodiscard]] const Tenants& tenants() const noexcept { return *tenants_; }
    [[nodiscard]] bool has_host() const noexcept { return host_ != nullptr; }
    [[nodiscard]] bool has_disk() const noexcept { return disk_ != nullptr; }
    [[nodiscard]] std::uint32_t block_bytes_max() const noexcept { return block_bytes_max_; }
    [[nodiscard]] const IndexReader& reader() const noexcept { return index_->reader(); }
    [[nodiscard]] Events& events() noexcept { return events_; }

    // ---- driver

    bwrt_status set_tenant(const bwrt_tenant& tenant, const ErrorSink& sink);

    void watch_host(HostWatcher* watcher) noexcept { watcher_ = watcher; }
    [[nodiscard]] IndexWriter& index() noexcept { return *index_; }
    [[nodiscard]] HostTier& host() noexcept { return *host_; }
    [[nodiscard]] DiskTier& disk() noexcept { return *disk_; }
    void record_budget(bool is_last) noexcept { disk_->record_budget(now_ns_, wall_s(), is_last); }
    [[nodiscard]] LogCompaction& compaction() noexcept { return *compaction_; }
    [[nodiscard]] MemoryPlaces& transit() noexcept { return *transit_; }
    [[nodiscard]] TenantCount& count_of(std::uint16_t tenant) noexcept { return counts_[tenant]; }
    [[nodiscard]] StoreCount& count() noexcept { return count_; }
    [[nodiscard]] std::uint64_t space_of(std::uint16_t tenant) const noexcept {
        return spaces_.space_of(tenant);
    }

    // The time of this turn of the driver.
    void set_now(std::uint64_t now_ns) noexcept {
        now_ns_ = now_ns;
        tick_ = planner::tick_at(now_ns);
    }
    [[nodiscard]] planner::Tick tick() const noexcept { return tick_; }
    [[nodiscard]] std::uint64_t now_ns() const noexcept { return now_ns_; }
    [[nodiscard]] planner::Tick tick_of_wall(std::uint64_t wall_s) const noexcept;
    [[nodiscard]] std::uint64_t wall_of_tick(planner::Tick tick) const noexcept;
    [[nodiscard]] BlockKey block_key_of(const IndexKey& key) const noexcept;
    [[nodiscard]] std::uint64_t wall_s() const noexcept {
        return wall_offset_s_ + now_ns_ / 1'000'000'000;
    }

    // Takes the block out of a tier, or out of both.
    void leave_host(std::uint32_t entry, std::uint32_t reason) noexcept;
    void leave_disk(std::uint32_t entry, std::uint32_t reason) noexcept;
    [[nodiscard]] bool lies_in(std::uint32_t entry, std::uint16_t segment) const noexcept;
    // Of what needs the block and has faded a chain goes from the disk, its end first, as far as
    // the log has room to say so; false when there is none.
    bool leave_faded_below(std::uint32_t entry) noexcept;
    // It is used: what has faded of it and what it needs counts again.
    void revive(std::uint32_t entry) noexcept;
    void set_flag(std::uint32_t entry, std::uint16_t flag) noexcept;
    void clear_flag(std::uint32_t entry, std::uint16_t flag) noexcept;
    // It lies elsewhere on the disk.
    void move_on_disk(std::uint32_t entry, const DiskPlace& place) noexcept;
    // It is not in host memory: it has left, or gone by on its way to the disk or to a caller.
    void passed_host(std::uint32_t entry) noexcept {
        if (watcher_ != nullptr) watcher_->not_in_host(entry);
    }
    // It is there now.
    void enter_host(std::uint32_t entry, std::uint32_t host_block, const BlockSeal& seal,
                    std::uint32_t reason) noexcept;
    void enter_disk(std::uint32_t entry, const DiskPlace& place, const BlockSeal& seal,
                    std::uint32_t reason) noexcept;
    // Its time is over: it is gone from wherever it may go.  True when it was.
    bool expire(std::uint32_t entry) noexcept;
    [[nodiscard]] bool is_expired(std::uint32_t entry) const noexcept;
    // Whose time is over goes, at most so many; how many did.
    std::uint32_t sweep(std::uint32_t count_max) noexcept;
    // When there may be something to sweep; kNeverNs when there will be nothing.
    [[nodiscard]] std::uint64_t next_sweep_ns() const noexcept;
    // It is in a tier, or on its way: not only a name that others refer to.
    [[nodiscard]] bool is_anywhere(std::uint32_t entry) const noexcept {
        constexpr std::uint16_t kSomewhere = kPending | kOnDisk | kInHost | kInFlight | kCarried;
        return (index_->fields_of(entry).flags & kSomewhere) != 0;
    }
    // Gives the entry back when nothing needs it any more.
    void settle(std::uint32_t entry) noexcept;
    // Makes some block go, but not `parent`, so that the index has room for another.
    [[nodiscard]] bool free_an_entry(std::uint32_t parent) noexcept;
    void drain_disk() noexcept;

    // Who goes when another comes.
    [[nodiscard]] TierOwner* host_owner() noexcept { return &host_owner_; }
    [[nodiscard]] TierOwner* disk_owner() noexcept { return &disk_owner_; }

    // ---- files, by the janitor's thread or at open
    [[nodiscard]] std::uint32_t slot_of_segment(std::uint32_t segment) const noexcept;
    bwrt_status open_segment_region(std::uint32_t segment, Access access, const ErrorSink& sink);
    // A new log of the one that is written; then the log's place is that of the new one.
    bwrt_status begin_compaction(std::uint64_t settled_bytes) noexcept;
    bwrt_status switch_log() noexcept;
    [[nodiscard]] RegionTable& regions() noexcept { return *regions_; }
    [[nodiscard]] std::uint16_t own_slot(std::uint32_t place) const noexcept {
        return static_cast<std::uint16_t>(regions_->count_max() + place);
    }

    void snapshot_events(std::vector<bwrt_event>* events_out) const;
    // Keeps the leading blocks, all parts of each, for so long; of how many it could.
    std::uint32_t lease(const struct Lookup& lookup, std::uint32_t identity_count,
                        std::uint32_t lease_ms) noexcept;
    // They will be asked for within so long: in each tier they stay while anything else can go.
    std::uint32_t expect(const struct Lookup& lookup, std::uint32_t identity_count,
                         std::uint32_t within_ms) noexcept;
    void sample(bwrt_store_counters* counters_out, const Tenant* tenant) noexcept;
    void info(bwrt_store_info* info_out) noexcept;  // store_info.cpp

 private:
    [[nodiscard]] planner::Tick tick_in(std::uint32_t ms) const noexcept;
    std::uint32_t expect_chain(const struct Lookup& lookup, std::uint32_t identity_count,
                               std::uint32_t part, std::uint16_t tier,
                               planner::Tick until) noexcept;
    // Segments that a directory can have at most.
    static std::uint64_t segment_count_max(const bwrt_store& store) noexcept;
    struct HostOwner final : TierOwner {
        Store* store = nullptr;
        void let_go(std::uint32_t block, planner::RoomVerdict why) noexcept override;
    };
    struct DiskOwner final : TierOwner {
        Store* store = nullptr;
        void let_go(std::uint32_t block, planner::RoomVerdict why) noexcept override;
        void fade(std::uint32_t block) noexcept override;
    };
    class Found;

    bwrt_status open_directories(const bwrt_store& checked, const ErrorSink& sink);
    bwrt_status open_index(const bwrt_store& checked, const ErrorSink& sink);
    void share_spaces() noexcept;
    bwrt_status open_memory(const bwrt_store& checked, const ErrorSink& sink);
    bwrt_status open_disk(const bwrt_store& checked, std::uint64_t now_ns, const ErrorSink& sink);
    [[nodiscard]] std::uint64_t left_today(const BudgetMark& mark,
                                           std::uint64_t bytes_per_day) const noexcept;
    bwrt_status open_log(const LogReport& report, const ErrorSink& sink);
    bwrt_status open_log_region(const OpenFile& file, const ErrorSink& sink);
    bwrt_status match_segments(Recovery* recovery, const ErrorSink& sink);
    bwrt_status open_segments(const ErrorSink& sink);
    void restore(Found* found) noexcept;
    void tell(std::uint32_t kind, std::uint32_t tier, std::uint32_t reason,
              std::uint32_t entry) noexcept;
    [[nodiscard]] bwrt_event event_of(std::uint32_t entry) const noexcept;
    static std::uint32_t reason_of(planner::RoomVerdict why) noexcept {
        return why == planner::RoomVerdict::kExpired ? BWRT_REASON_EXPIRED : BWRT_REASON_EVICTED;
    }

    RegionTable* regions_ = nullptr;
    bwrt_store checked_ = {};  // the numbers of it: its strings are the caller's
    StoreReport report_;
    std::uint32_t block_bytes_max_ = 0;
    std::uint32_t tenant_count_max_ = 0;
    std::unique_ptr<Tenants> tenants_;
    Spaces spaces_;
    Mapping index_memory_;                       // or
    std::unique_ptr<SharedIndexWriter> shared_;  // where readers see it
    std::unique_ptr<IndexWriter> index_;
    std::unique_ptr<HostTier> host_;
    std::unique_ptr<MemoryPlaces> transit_;
    std::unique_ptr<Segments> segments_;
    std::unique_ptr<DiskTier> disk_;
    std::unique_ptr<LogCompaction> compaction_;
    std::uint64_t next_log_number_ = 0;
    std::vector<StoreRoot> roots_;
    std::vector<Shard> shards_;
    std::uint32_t segments_each_ = 0;  // places in the region table for each directory
    Events events_;
    HostWatcher* watcher_ = nullptr;
    HostOwner host_owner_;
    DiskOwner disk_owner_;
    struct Quotas {
        std::uint64_t host_bytes, disk_bytes;
    };
    std::vector<TenantCount> counts_;  // by index
    std::vector<Quotas> quotas_;
    StoreCount count_;
    std::uint64_t now_ns_ = 0;
    std::uint64_t wall_offset_s_ = 0;
    planner::Tick tick_ = 1;
};

}  // namespace bwrt::runtime
