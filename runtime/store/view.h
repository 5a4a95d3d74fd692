// SPDX-License-Identifier: Apache-2.0
//
// view.h — a store as a reader has it: every shard's shared index, and the files behind them.
//
//   refresh() ──▶ shards/NAME ──▶ attached indices (shared_index.h), each in a place of its own
//                                        │
//   bwrt_lookup, any thread ──look_up()──┤   gate taken, asked, put back
//   block reader, driver ─────find()─────┘
//
// A shard is attached when its index is found, and anew when that is retired.  Looking blocks, so a
// job of the janitor's does it, on behalf of whoever comes upon a miss or upon a retired index: a
// GET waits for it; a lookup and a reader of events, who wait for nobody, leave word and answer
// from what there is.  Who misses all the time has it looked every 100 ms.
//
//   kNone ──want_look()──▶ kWanted ──begin_look()──▶ kUnderWay ──refresh() ends──▶ kNone
//
// What is attached no more stays mapped until nobody is inside: the place's gate says so
// (runtime/gate.h), whose generation is that of the life.
//
// What an index says is another process's: it is copied, checked and only then acted upon, and what
// is read by it is verified whole.  Nothing is written, and no lock is anybody's who would wait.

#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "include/bwrt.h"
#include "runtime/block_task.h"
#include "runtime/gate.h"
#include "runtime/region.h"
#include "runtime/store/counts.h"
#include "runtime/store/events.h"
#include "runtime/store/memory_places.h"
#include "runtime/store/root.h"
#include "runtime/store/shared_index.h"
#include "runtime/store/store_report.h"
#include "runtime/store/tenants.h"

namespace bwrt::runtime {

struct Lookup;

// Where a reader has seen a block; of one state of its entry.
struct Sighting {
    std::uint64_t life = 0;  // of the index that said so; 0: it was not seen
    std::uint32_t shard = 0;
    std::uint32_t entry = 0;
    std::uint32_t version = 0;
    std::uint32_t segment = 0;
    std::uint64_t offset_bytes = 0;
    std::uint64_t segment_bytes = 0;
    std::uint64_t root_checksum = 0;

    // Nothing has been done to the entry in between.
    [[nodiscard]] bool is_same(const Sighting& other) const noexcept {
        return life == other.life && entry == other.entry && version == other.version;
    }
};

class StoreView {
 public:
    // Places in the region table, behind the callers': transit, segments.
    static constexpr std::uint32_t kTransitSlot = 0, kSegmentSlot = 1;
    static constexpr std::uint32_t kSegmentCount = 256;  // open at a time
    static constexpr std::uint32_t kOwnCount = kSegmentSlot + kSegmentCount;
    static constexpr std::uint32_t kShardCountMax = 256;
    static constexpr std::uint64_t kRefreshNs = 100'000'000;

    // Before it is opened: what is told of shards that are not read.
    void set_log(bwrt_log_function log, void* user) noexcept {
        log_ = log;
        log_user_ = user;
    }
    // Opens what a checked description names; `regions` has the own places.
    bwrt_status open(const bwrt_store& checked, RegionTable* regions, std::uint64_t now_ns,
                     const ErrorSink& sink);

    // ---- any thread

    [[nodiscard]] const Tenants& tenants() const noexcept { return *tenants_; }
    [[nodiscard]] std::uint32_t block_bytes_max() const noexcept { return block_bytes_max_; }

    // What might be otherwise if the shards were looked for again.
    struct Doubt {
        bool missed = false;   // or answered by what a writer has in memory, who may be gone
        bool retired = false;  // an index that is over
    };
    // As look_up() of lookup.h, over all shards: the best that one of them says of each part.  The
    // prefix is what can be read here, and so ends where a hit is in a writer's memory alone.
    std::uint32_t look_up(const Lookup& lookup, bwrt_lookup_answer* answers,
                          Doubt* doubt_out) const noexcept;
    [[nodiscard]] bool is_due(const Doubt& doubt, std::uint64_t now_ns) const noexcept;
    enum class Look : std::uint8_t { kNone, kWanted, kUnderWay };
    [[nodiscard]] Look look() const noexcept { return look_.load(std::memory_order_acquire); }
    // True for the first who wants one that is not under way.
    bool want_look() noexcept {
        Look none = Look::kNone;
        return look_.compare_exchange_strong(none, Look::kWanted, std::memory_order_acq_rel);
    }

    // ---- under the control plane's mutex

    bwrt_status set_tenant(const bwrt_tenant& tenant, const ErrorSink& sink);

    // ---- a reader of events at a time (view_events.cpp)

    [[nodiscard]] Events& events() noexcept { return events_; }
    // Brings in what has happened in all shards; those who follow begin anew where it is not known.
    void follow_events();
    // All that is there, behind follow_events().
    void snapshot_events(std::vector<bwrt_event>* events_out, std::uint64_t now_ns);

    // ---- driver

    // A block on the disk of some shard, of this length and layout; false where there is none.
    [[nodiscard]] bool find(const Tenant& tenant, const BlockName& name, std::uint32_t length_bytes,
                            std::uint64_t layout_digest, Sighting* sighting_out,
                            Doubt* doubt_out) const noexcept;
    // What did not come back whole from there is a miss as long as its entry is as it is.
    void set_bad(const Sighting& sighting) noexcept;
    // A job that runs refresh() is started.
    void begin_look() noexcept { look_.store(Look::kUnderWay, std::memory_order_release); }
    [[nodiscard]] MemoryPlaces& transit() noexcept { return *transit_; }
    [[nodiscard]] TenantCount& count_of(std::uint16_t tenant) noexcept { return counts_[tenant]; }
    void sample(bwrt_store_counters* counters_out, const Tenant* tenant) const noexcept;
    void info(bwrt_store_info* info_out) const noexcept;  // store_info.cpp
    [[nodiscard]] std::uint16_t own_slot(std::uint32_t place) const noexcept {
        return static_cast<std::uint16_t>(regions_->count_max() + place);
    }

    // ---- jobs (view_attach.cpp), one at a time: they block

    void refresh(std::uint64_t now_ns) noexcept;
    // In segment place `place`, instead of what was there.
    bwrt_status open_segment_region(std::uint32_t place, const Sighting& where,
                                    const ErrorSink& sink);

 private:
    // One life of one shard's index.
    struct Place {
        Gate gate;
        std::atomic<std::uint64_t> life{0};  // that the gate is open for; 0: none
        std::atomic<bool> has_writer{false};
        // Written while nobody is inside.
        std::uint32_t shard = 0;
        std::unique_ptr<SharedIndexReader> index;
        // By tenant: how many spaces were looked through for it, or its number + 1 above.
        std::unique_ptr<std::atomic<std::uint64_t>[]> numbers;
    };
    // How far a place's events are in the ring.
    struct Followed {
        std::uint64_t life = 0;
        std::uint64_t next = 0;
        bool has_writer = false;
    };

    // Keeps a place's index there.
    class Inside {
     public:
        explicit Inside(Place* place) noexcept : place_(place) {
            life_ = place->life.load(std::memory_order_acquire);  // W2, as is the gate's
            is_in_ = life_ != 0 && place->gate.take(life_) == Gate::Answer::kTaken;
        }
        ~Inside() {
            if (is_in_) place_->gate.put_back();
        }
        Inside(const Inside&) = delete;
        Inside& operator=(const Inside&) = delete;
        [[nodiscard]] bool is_in() const noexcept { return is_in_; }
        [[nodiscard]] std::uint64_t life() const noexcept { return life_; }

     private:
        Place* place_;
        std::uint64_t life_;
        bool is_in_;
    };

    // What a batch of keys has come to, so far.
    enum class Seen : std::uint8_t { kMiss, kPending, kHost, kDisk };
    struct Batch;

    [[nodiscard]] bool find_once(const Tenant& tenant, const BlockName& name,
                                 std::uint32_t length_bytes, std::uint64_t layout_digest,
                                 Sighting* sighting_out, Doubt* doubt_out) const noexcept;
    void ask_all(const Lookup& lookup, Batch* batch, Doubt* doubt) const noexcept;
    void ask(const Place& place, std::uint64_t life, const Lookup& lookup, Batch* batch,
             Doubt* doubt) const noexcept;
    [[nodiscard]] std::uint16_t number_of(const Place& place, const Tenant& tenant) const noexcept;
    [[nodiscard]] bool is_bad(std::uint64_t life, std::uint32_t entry,
                              std::uint32_t version) const noexcept;
    [[nodiscard]] static std::uint64_t mark_of(std::uint64_t life, std::uint32_t entry,
                                               std::uint32_t version) noexcept;

    void refresh_all();
    [[nodiscard]] bool is_over(const Place& place, const std::vector<std::string>* names) const;
    enum class Attached : std::uint8_t { kYes, kOver, kNone, kRefused, kFull };
    Attached attach(const std::string& name);
    void complain(const std::string& name, Attached why) noexcept;
    void forget(const std::string& name) noexcept;
    [[nodiscard]] bool is_written(const std::string& name) const;
    void detach(Place* place) noexcept;
    void reap() noexcept;
    [[nodiscard]] std::uint32_t ordinal_of(const std::string& name);

    void follow(Followed* followed, const Place& place, std::uint64_t life, bool has_writer);
    [[nodiscard]] std::vector<std::uint64_t> tenants_by_number(const Place& place) const;

    RegionTable* regions_ = nullptr;
    bwrt_store checked_ = {};  // the numbers of it: its strings are the caller's
    StoreReport report_;
    std::uint32_t block_bytes_max_ = 0;
    std::uint32_t tenant_count_max_ = 0;
    std::uint32_t tenant_count_ = 0;
    std::unique_ptr<Tenants> tenants_;
    std::vector<StoreRoot> roots_;
    OpenFile shared_directory_;
    std::unique_ptr<MemoryPlaces> transit_;
    std::vector<TenantCount> counts_;

    std::unique_ptr<Place[]> places_;
    std::atomic<std::uint32_t> place_count_{0};  // those behind were never used
    // Indices that were detached.  Who went through the places while one was may have passed the
    // place of the next one before it came there, and goes through them again.
    std::atomic<std::uint64_t> departures_{0};
    std::atomic<std::uint64_t> refreshed_ns_{0};
    std::atomic<Look> look_{Look::kNone};

    // The jobs'.
    std::vector<std::string> shards_;  // by ordinal
    struct Complaint {
        std::string shard;
        Attached why;
        char sentence[384];
    };
    std::vector<Complaint> complaints_;  // told once each
    std::string shared_path_;
    bwrt_log_function log_ = nullptr;
    void* log_user_ = nullptr;
    std::uint64_t last_life_ = 0;

    static constexpr std::uint32_t kBadCount = 1024;
    std::unique_ptr<std::atomic<std::uint64_t>[]> bad_;  // marks, each where its low bits say
    std::atomic<bool> has_bad_{false};

    Events events_;
    std::vector<Followed> followed_;  // by place
};

}  // namespace bwrt::runtime
