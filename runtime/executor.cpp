// SPDX-License-Identifier: Apache-2.0

#include "runtime/executor.h"

#include <algorithm>

#include "runtime/block_lane.h"
#include "runtime/block_reader.h"
#include "runtime/check.h"
#include "runtime/futex.h"
#include "runtime/validate.h"

namespace bwrt::runtime {

// Commands taken in one turn: enough to keep the ring from filling, few enough that results
// are not kept waiting.
constexpr std::uint32_t kCommandsPerTurn = 64;

Executor::Executor(Tables* tables, StorageBackend* storage, HostBackend* host, const Clock* clock,
                   Delivery* delivery, Janitor* janitor, Janitor* plan_janitor)
    : tables_(*tables),
      clock_(*clock),
      delivery_(*delivery),
      storage_(tables, storage, &ledger_, &counters_, this),
      host_(tables, host, &ledger_, &counters_, clock, this),
      devices_(tables, host, &ledger_, &counters_, clock, this),
      fences_(this),
      timers_(&tables->waves),
      token_gates_(&tables->waves) {
    if (plan_janitor != nullptr) {
        PlanOwner* const plan_owner = this;
        plans_ = std::make_unique<PlanLane>(tables, clock, &counters_, plan_janitor, plan_owner);
    }
    WaveOwner* const owner = this;
    if (tables->store != nullptr) {
        blocks_ = std::make_unique<BlockLane>(tables, storage, &storage_, &host_, &ledger_, janitor,
                                              owner, plans_.get());
    } else if (tables->view != nullptr) {
        blocks_ = std::make_unique<BlockReader>(tables, storage, &storage_, &host_, &ledger_,
                                                janitor, owner);
    }
    host_.set_blocks(blocks_.get());
    ledger_.set_devices(&devices_);
}

bool Executor::turn() noexcept {
    now_ns_ = clock_.now_ns();
    token_ = tables_.token.load();
    bool more = false;
    if (storage_.has_landed()) {
        more = storage_.unload(now_ns_);
        now_ns_ = clock_.now_ns();  // a slice takes its time
    }
    more |= take_commands();
    fire_timers();
    if (fences_.next_poll_ns() <= now_ns_) more |= fences_.turn(now_ns_);
    if (plans_ != nullptr) more |= plan();
    more |= storage_.reap(now_ns_);  // also with nothing out: a wake-up is a result, too
    if (blocks_ != nullptr) more |= blocks_->turn(now_ns_);
    more |= finish_resolved();
    storage_.issue(now_ns_);
    more |= storage_.is_held_back();
    if (host_.has_ready()) {
        more |= host_.run();
        now_ns_ = clock_.now_ns();  // a slice takes its time
    }
    if (!devices_.is_idle()) {
        more |= devices_.turn();
        now_ns_ = clock_.now_ns();  // likewise
    }
    more |= finish_resolved();
    if (stream_waits_ != nullptr) settle_stream_waits();
    publish_load();
    // What host copies have filled may be written now.
    return more || (blocks_ != nullptr && blocks_->has_work()) || storage_.can_issue();
}

bool Executor::plan() noexcept {
    const auto load_of = [](const auto& lane) {
        return LaneLoad{lane.queued_bytes(), lane.bytes_per_ms(), lane.measured_ns()};
    };
    LaneLoad loads[kLaneCount];  // no planned wave has a side on a device
    loads[static_cast<std::uint32_t>(Lane::kStorage)] = load_of(storage_);
    loads[static_cast<std::uint32_t>(Lane::kHost)] = load_of(host_);
    return plans_->turn(now_ns_, loads);
}

bool Executor::take_commands() noexcept {
    ringbuf::Command command;
    for (std::uint32_t taken = 0; taken < kCommandsPerTurn; ++taken) {
        if (!tables_.ring.pop(&command)) return false;
        accept(command);
    }
    return true;
}

void Executor::accept_all() noexcept {
    while (take_commands()) {
    }
}

void Executor::accept(const ringbuf::Command& command) noexcept {
    if (command.kind == ringbuf::CommandKind::kCall) {
        auto* call = reinterpret_cast<DriverCall*>(command.source);
        call->run(call->argument);
        // The asker may be gone as soon as done is set; waking an address nobody sleeps on is
        // harmless.
        call->done.store(1, std::memory_order_release);
        futex_wake_all(&call->done);
        return;
    }
    Wave* wave = tables_.waves.find(command.wave);
    if (command.kind == ringbuf::CommandKind::kCancel) {
        if (wave->ticket.load(std::memory_order_acquire) == command.wave) {
            stop(wave, BWRT_E_CANCELLED);
        }
        return;
    }
    BWRT_CHECK(command.kind == ringbuf::CommandKind::kSubmit);
    BWRT_CHECK(wave->ticket.load(std::memory_order_acquire) == command.wave);
    if (command.op_kind != 0) {
        unpack(command, &wave->inline_operation);
        wave->list(wave->inline_operation.lane).append(&wave->inline_operation);
    }
    // It may have been submitted after this turn looked at the clock: a window or deadline that
    // was over by then is over.
    now_ns_ = std::max(now_ns_, wave->submitted_ns);
    if (wave->is_by_token) token_ = tables_.token.load();
    wave->sequence = ++sequence_;
    wave->phase = Phase::kWaiting;
    wave->plan_state = PlanState::kNone;
    counters_.wave_accepted();
    ledger_.open(wave);
    link_live(wave);
    wave->behind_barrier = (wave->flags & BWRT_WAVE_BARRIER) != 0 && live_first_ != wave->index;
    if (wave->fence != nullptr) fences_.watch(wave, now_ns_);
    link_dependencies(wave);
    if (wave->phase == Phase::kWaiting) try_start(wave);
}

// ---- a wave's life

void Executor::try_start(Wave* wave) noexcept {
    if (wave->late != BWRT_LATE_FINISH && now_ns_ >= wave->deadline_ns) {
        stop(wave, BWRT_E_LATE);
    } else if (wave->window_end != kNeverNs && position(*wave) >= wave->window_end) {
        stop(wave, BWRT_E_WINDOW);
    } else if (wave->dependencies_open == 0 && !wave->behind_barrier && wave->fence == nullptr &&
               position(*wave) >= wave->window_start && !must_be_planned(wave)) {
        start(wave);
    } else {
        set_timer(wave);
    }
}

// Asks the planner where it was not asked yet.
bool Executor::must_be_planned(Wave* wave) noexcept {
    return (wave->flags & BWRT_WAVE_PLANNED) != 0 && plans_->ask(wave);
}

void Executor::start(Wave* wave) noexcept {
    wave->phase = Phase::kRunning;
    set_timer(wave);
    if (wave->signals != nullptr) ledger_.start(wave);
    if (wave->unresolved == 0) {
        if (wave->inflight_count == 0) wave_resolved(wave);
        return;
    }
    if (!wave->list(Lane::kStorage).is_empty()) storage_.add(wave);
    if (!wave->list(Lane::kHost).is_empty()) host_.add(wave);
    if (!wave->list(Lane::kDevice).is_empty()) devices_.add(wave);
    if (wave->blocks != nullptr) blocks_->start(wave, now_ns_);
}

void Executor::stop(Wave* wave, bwrt_status status) noexcept {
    if (wave->phase != Phase::kWaiting && wave->phase != Phase::kRunning) return;
    const bool was_waiting = wave->phase == Phase::kWaiting;
    wave->phase = Phase::kStopping;
    wave->stop_status = status;
    forget_timer(wave);
    ++wave->inflight_count;  // ours: it must not be over before we are through
    if (was_waiting) {
        if ((wave->flags & BWRT_WAVE_PLANNED) != 0) plans_->leave(wave);
        fences_.leave(wave);
        unlink_dependencies(wave);
        if (wave->completion.status == BWRT_OK) wave->completion.status = status;
        wave->prefix = 0;
    }
    if (wave->blocks != nullptr) blocks_->stop(wave);
    ledger_.abandon(wave, status);
    if (was_waiting) {
        ledger_.end_signals(wave, status);
    } else {
        host_.stop(wave);
        devices_.stop(wave);
        storage_.stop(wave);
    }
    if (--wave->inflight_count == 0 && wave->unresolved == 0) wave_resolved(wave);
}

// From inside a lane: finishing waits until the lane is through, and a long chain of dependents
// does not become a deep recursion.
void Executor::wave_resolved(Wave* wave) noexcept {
    BWRT_CHECK(wave->phase == Phase::kRunning || wave->phase == Phase::kStopping);
    wave->phase = Phase::kResolved;
    storage_.forget(wave);
    host_.forget(wave);
    devices_.forget(wave);
    wave->next_resolved = nullptr;
    if (resolved_last_ != nullptr) {
        resolved_last_->next_resolved = wave;
    } else {
        resolved_first_ = wave;
    }
    resolved_last_ = wave;
}

bool Executor::finish_resolved() noexcept {
    if (resolved_first_ == nullptr) return false;
    while (resolved_first_ != nullptr) {
        Wave* wave = resolved_first_;
        resolved_first_ = wave->next_resolved;
        if (resolved_first_ == nullptr) resolved_last_ = nullptr;
        finish(wave);
    }
    return true;
}

void Executor::finish(Wave* wave) noexcept {
    forget_timer(wave);
    ledger_.close(wave, now_ns_);
    if (wave->blocks != nullptr && wave->results != nullptr) blocks_->finish(*wave);
    counters_.wave_over(wave->completion.status,
                        (wave->completion.flags & BWRT_COMPLETION_LATE) != 0);
    if ((wave->flags & BWRT_WAVE_PLANNED) != 0) plans_->finished(*wave, now_ns_);
    give_back_uses(wave);
    wave->pages.give_back(&tables_.pages);
    wave->phase = Phase::kOver;
    unlink_live(wave);
    if (wave->dependents != nullptr) wake_dependents(wave);
    if (stream_waits_ != nullptr) settle_stream_waits();
    delivery_.deliver(wave);
    // A barrier is down when nothing older lives.
    if (live_first_ == kNoIndex) return;
    Wave* oldest = &tables_.waves.at(live_first_);
    if (!oldest->behind_barrier) return;
    oldest->behind_barrier = false;
    if (oldest->phase == Phase::kWaiting) try_start(oldest);
}

void Executor::give_back_uses(Wave* wave) noexcept {
    const std::uint32_t known = std::min(wave->use_count, kInlineUseCount);
    for (std::uint32_t i = 0; i < known; ++i) wave->uses[i].gate->give_back(wave->uses[i].count);
    for (Page* page = wave->more_uses; page != nullptr; page = page->next) {
        for (std::uint32_t i = 0; i < page->used; ++i) {
            page->as<Use>()[i].gate->give_back(page->as<Use>()[i].count);
        }
    }
}

void Executor::look() noexcept {
    now_ns_ = clock_.now_ns();
    blocks_->look(now_ns_);
}

void Executor::cancel_all() noexcept {
    for (std::uint32_t index = live_first_; index != kNoIndex;) {
        Wave* wave = &tables_.waves.at(index);
        index = wave->following;
        stop(wave, BWRT_E_CANCELLED);
    }
}

// ---- what others may know

void Executor::publish_load() noexcept {
    const auto publish = [&](std::uint32_t bus, const auto& part) {
        tables_.load.bytes_per_ms[bus].store(part.bytes_per_ms(), std::memory_order_relaxed);
        tables_.load.queued_bytes[bus].store(part.queued_bytes(), std::memory_order_relaxed);
        tables_.load.measured_ns[bus].store(part.measured_ns(), std::memory_order_relaxed);
    };
    publish(bus_of(Lane::kStorage), storage_);
    publish(bus_of(Lane::kHost), host_);
    for (const CopyWay way : kCopyWays) publish(bus_of(way), devices_.bus(way));
}

void Executor::snapshot(bwrt_counters* counters_out, bwrt_route* routes_out) const noexcept {
    counters_.snapshot(counters_out, routes_out);
    counters_out->time_ns = clock_.now_ns();
    counters_out->queued_bytes =
        storage_.queued_bytes() + host_.queued_bytes() + devices_.queued_bytes();
    counters_out->inflight_count = storage_.inflight_count();
    counters_out->unknown_completions = storage_.unknown_count();
    if (plans_ != nullptr) plans_->snapshot(counters_out);
    if (blocks_ != nullptr) blocks_->snapshot(counters_out);
    counters_out->token = tables_.token.load();
    for (std::uint32_t i = 0; i < tables_.waves.count(); ++i) {
        const Wave& wave = tables_.waves.at(i);
        // A slot in new use has a ticket that its last completion does not know.
        const std::uint64_t ticket = wave.ticket.load(std::memory_order_relaxed);
        if (wave.phase == Phase::kOver && ticket != 0 && ticket == wave.completion.wave) {
            ++counters_out->undelivered;
        }
    }
}

}  // namespace bwrt::runtime
