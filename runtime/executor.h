// SPDX-License-Identifier: Apache-2.0
//
// executor.h — the state machine that drives all waves, one turn() at a time.
//
//   commands ──accept──▶ waiting ──start──▶ lanes ──resolved──▶ finish ──▶ delivery
//                         ▲   │▲                                   │
//                         │   └┴── planner                         │
//                         └── dependents, barriers, timers ◀───────┘
//
// It has no thread and never sleeps: whoever calls turn() is the driver (progress.h), and
// one does at a time.  Everything it knows of the world comes through the clock and the
// backends, so a test can be the world.

#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include "runtime/block_service.h"
#include "runtime/clock.h"
#include "runtime/delivery.h"
#include "runtime/device_lane.h"
#include "runtime/fences.h"
#include "runtime/host_lane.h"
#include "runtime/janitor.h"
#include "runtime/ledger.h"
#include "runtime/plan_lane.h"
#include "runtime/storage_lane.h"
#include "runtime/stream_wait.h"
#include "runtime/tables.h"
#include "runtime/wave_heap.h"

namespace bwrt::runtime {

// Work for the driver that is no wave; lies on its asker's stack until done is 1.
struct DriverCall {
    void (*run)(void* argument) = nullptr;
    void* argument = nullptr;
    std::atomic<std::uint32_t> done{0};
};

class Executor final : private WaveOwner, private PlanOwner, private FenceOwner {
 public:
    // Without a store on disk there is no janitor, and none for plans without a planner.  Throws
    // std::bad_alloc.
    Executor(Tables* tables, StorageBackend* storage, HostBackend* host, const Clock* clock,
             Delivery* delivery, Janitor* janitor = nullptr, Janitor* plan_janitor = nullptr);

    // One step of everything.  False when nothing more can be done now: then it is worth
    // calling again after a command, a result of the backend, or next_timer_ns().
    bool turn() noexcept;

    [[nodiscard]] std::uint64_t next_timer_ns() const noexcept {
        std::uint64_t due_ns = timers_.is_empty() ? kNeverNs : timers_.top_key().due_ns;
        if (plans_ != nullptr) due_ns = std::min(due_ns, plans_->next_timer_ns());
        due_ns = std::min({due_ns, devices_.next_poll_ns(), fences_.next_poll_ns()});
        return blocks_ != nullptr ? std::min(due_ns, blocks_->next_timer_ns()) : due_ns;
    }
    [[nodiscard]] std::uint64_t now_ns() const noexcept { return now_ns_; }
    // Somebody advanced the token, and no turn has seen it, or none that fired what waits for it.
    // Announced and looked for as the doorbell asks of other work than the ring's: by sequentially
    // consistent accesses.
    [[nodiscard]] bool has_token_news() const noexcept {
        return tables_.token.load() != token_ ||
               (!token_gates_.is_empty() && token_gates_.top_key().due_ns <= token_);
    }
    [[nodiscard]] bool has_requests_out() const noexcept { return storage_.inflight_count() != 0; }
    [[nodiscard]] bool has_plan() const noexcept { return plans_ != nullptr && plans_->has_plan(); }
    // Something could be done at once, were turn() called.
    [[nodiscard]] bool has_work_left() const noexcept {
        return resolved_first_ != nullptr || host_.has_ready() || storage_.has_landed() ||
               storage_.can_issue() || devices_.has_work() ||
               (blocks_ != nullptr && blocks_->has_work());
    }
    [[nodiscard]] std::uint32_t live_count() const noexcept { return live_count_; }
    // The store has something on its way that no wave may be waiting for.
    [[nodiscard]] bool is_store_busy() const noexcept {
        return blocks_ != nullptr && blocks_->is_busy();
    }
    void rest_store() noexcept {
        if (blocks_ != nullptr) blocks_->rest();
    }
    [[nodiscard]] std::uint64_t flight_count() const noexcept {
        return blocks_ != nullptr ? blocks_->flight_count() : 0;
    }
    [[nodiscard]] const StorageLane& storage() const noexcept { return storage_; }
    [[nodiscard]] Counters& counters() noexcept { return counters_; }

    // Driver only, like turn().
    void look() noexcept;
    void set_credit(std::uint16_t tenant, const planner::TokenRate& rate) noexcept {
        plans_->set_credit(tenant, rate);
    }
    void accept_all() noexcept;
    void cancel_all() noexcept;
    void add_stream_wait(StreamWait* wait) noexcept;
    void drop_stream_wait(StreamWait* wait) noexcept;  // also one that is done
    void snapshot(bwrt_counters* counters_out, bwrt_route* routes_out) const noexcept;

 private:
    struct TimerPlace {
        static std::uint32_t& of(Wave& wave) noexcept { return wave.timer_place; }
    };
    struct TokenPlace {
        static std::uint32_t& of(Wave& wave) noexcept { return wave.token_place; }
    };

    bool take_commands() noexcept;
    void accept(const ringbuf::Command& command) noexcept;
    void link_dependencies(Wave* wave) noexcept;
    void unlink_dependencies(Wave* wave) noexcept;
    void try_start(Wave* wave) noexcept;
    bool must_be_planned(Wave* wave) noexcept;
    void start(Wave* wave) noexcept;
    void stop(Wave* wave, bwrt_status status) noexcept;
    void wave_resolved(Wave* wave) noexcept override;
    void fence_over(Wave* wave) noexcept override { try_start(wave); }
    void fence_failed(Wave* wave, const DeviceAnswer& answer) noexcept override;
    void planned(Wave* wave) noexcept override { try_start(wave); }
    void refused(Wave* wave, bwrt_status status) noexcept override { stop(wave, status); }
    bool ahead_planned(std::uint64_t id) noexcept override { return blocks_->ahead_planned(id); }
    bool ahead_refused(std::uint64_t id) noexcept override { return blocks_->ahead_refused(id); }
    bool plan() noexcept;
    bool finish_resolved() noexcept;
    void finish(Wave* wave) noexcept;
    void wake_dependents(Wave* wave) noexcept;
    void give_back_uses(Wave* wave) noexcept;
    void link_live(Wave* wave) noexcept;
    void unlink_live(Wave* wave) noexcept;
    // Where its window counts.
    [[nodiscard]] std::uint64_t position(const Wave& wave) const noexcept {
        return wave.is_by_token ? token_ : now_ns_;
    }
    void set_timer(Wave* wave) noexcept;
    void forget_timer(Wave* wave) noexcept;
    void fire_timers() noexcept;
    void fire(Wave* wave) noexcept;
    bool settle(StreamWait* wait) noexcept;
    void settle_stream_waits() noexcept;
    void publish_load() noexcept;

    Tables& tables_;
    const Clock& clock_;
    Delivery& delivery_;
    Counters counters_;
    Ledger ledger_;
    StorageLane storage_;
    HostLane host_;
    DeviceLane devices_;
    Fences fences_;
    std::unique_ptr<BlockService> blocks_;  // of a runtime with a store
    std::unique_ptr<PlanLane> plans_;       // of one with a planner
    WaveHeap<TimerPlace> timers_;
    WaveHeap<TokenPlace> token_gates_;  // by the token at which a window begins or ends
    std::uint64_t now_ns_ = 0;
    std::uint64_t token_ = 0;
    std::uint64_t sequence_ = 0;
    std::uint32_t live_first_ = kNoIndex;  // all accepted waves not over, in order
    std::uint32_t live_last_ = kNoIndex;
    std::uint32_t live_count_ = 0;
    StreamWait* stream_waits_ = nullptr;
    Wave* resolved_first_ = nullptr;
    Wave* resolved_last_ = nullptr;
};

}  // namespace bwrt::runtime
