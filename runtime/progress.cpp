// SPDX-License-Identifier: Apache-2.0

#include "runtime/progress.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "runtime/check.h"
#include "runtime/futex.h"

namespace bwrt::runtime {
namespace {

// How soon a call of the control plane tries the baton again: the time of two wake-ups.
constexpr std::uint32_t kArenaPieceCountMax = 8;
constexpr std::int64_t kBatonLookNs = 50'000;

}  // namespace
Progress::Progress(Tables* tables, Delivery* delivery, const Clock* clock)
    : tables_(*tables),
      delivery_(*delivery),
      clock_(*clock),
      caller_mode_(tables->limits.progress == BWRT_PROGRESS_CALLER) {}

Progress::~Progress() {
    stop();
    const int epoll_fd = epoll_fd_.load(std::memory_order_relaxed);
    if (epoll_fd >= 0) close(epoll_fd);
    if (timer_fd_ >= 0) close(timer_fd_);
}

// ---- starting and stopping

bwrt_status Progress::make_world(const World& world, const ErrorSink& sink) {
    const bwrt_config& limits = tables_.limits;
    storage_ = world.storage;
    if (storage_ == nullptr) {
        StorageOptions options;
        options.storage = limits.storage;
        options.single_driver = !caller_mode_;
        options.queue_depth = limits.queue_depth;
        // A direct and a buffered one each.
        options.file_count_max = 2 * (limits.region_count_max + tables_.regions.own_count());
        // Besides the regions' the staging arena, which may be several pieces of 1 GiB.
        options.buffer_count_max =
            limits.region_count_max + (tables_.calibration.stages() ? kArenaPieceCountMax : 0) +
            (tables_.blocks.tenants != nullptr ? 2 * kArenaPieceCountMax : 0);
        options.pool_thread_count = limits.pool_thread_count;
        options.log = limits.log;
        options.log_user = limits.log_user;
        own_storage_ = open_storage(options, &report_);
        storage_ = own_storage_.get();
    }
    if (storage_ == nullptr) {
        return fail(sink, report_.refusal, report_.refusal_field, "%s",
                    report_.storage_reason.c_str());
    }
    HostBackend* host = world.host;
    if (host == nullptr) {
        own_host_ = make_host_copy();
        host = own_host_.get();
    }
    Janitor* janitor = world.janitor;
    if (tables_.blocks.has_disk && janitor == nullptr) {
        own_janitor_ = std::make_unique<ThreadJanitor>(
            [](void* storage) { static_cast<StorageBackend*>(storage)->wake(); }, storage_);
        if (const bwrt_status status = own_janitor_->start_thread(sink)) return status;
        janitor = own_janitor_.get();
    }
    Janitor* plan_janitor = nullptr;
    if (tables_.has_planner()) {
        if (const bwrt_status status = choose_plan_janitor(world, &plan_janitor, sink)) {
            return status;
        }
    }
    executor_ = std::make_unique<Executor>(&tables_, storage_, host, &clock_, &delivery_, janitor,
                                           plan_janitor);
    return BWRT_OK;
}

// Beside the driver, where that is a thread of ours; who drives himself plans himself.
bwrt_status Progress::choose_plan_janitor(const World& world, Janitor** janitor_out,
                                          const ErrorSink& sink) {
    *janitor_out = world.plan_janitor;
    if (world.plan_janitor != nullptr) return BWRT_OK;
    if (caller_mode_) {
        *janitor_out = &plan_inline_;
        return BWRT_OK;
    }
    plan_thread_ = std::make_unique<ThreadJanitor>(
        [](void* storage) { static_cast<StorageBackend*>(storage)->wake(); }, storage_,
        "bwrt-planner");
    *janitor_out = plan_thread_.get();
    return plan_thread_->start_thread(sink);
}

bwrt_status Progress::start(const World& world, const ErrorSink& sink) {
    world_ = world;
    start_sink_ = sink;
    if (caller_mode_) {
        start_status_ = make_world(world, sink);
    } else {
        // Signals of the process never run on our thread.
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        const int os_code = pthread_create(&thread_, nullptr, thread_main, this);
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        if (os_code != 0) {
            return fail_os(sink, BWRT_E_AGAIN, os_code, "config.progress",
                           "the executor thread cannot be created: %s", errno_name(os_code));
        }
        has_thread_ = true;
        pthread_setname_np(thread_, "bwrt");
        while (started_.load(std::memory_order_acquire) == 0) futex_wait(&started_, 0, -1);
    }
    start_sink_ = {};
    if (start_status_ != BWRT_OK) stop();
    return start_status_;
}

void* Progress::thread_main(void* self) {
    static_cast<Progress*>(self)->run_thread();
    return nullptr;
}

void Progress::run_thread() noexcept {
    try {
        start_status_ = make_world(world_, start_sink_);
    } catch (const std::bad_alloc&) {
        start_status_ = fail(start_sink_, BWRT_E_NOMEM, "", "out of memory");
    }
    const bool made = start_status_ == BWRT_OK;  // read before start() may go on
    started_.store(made ? 1 : 2, std::memory_order_release);
    futex_wake_all(&started_);
    if (!made) return;
    while (!stopping_) {
        if (executor_->turn()) {
            storage_->submit();
        } else if (!stopping_) {
            sleep(kNeverNs);
        }
    }
}

// What the thread made is destroyed after it: this thread may still have been in wake().
void Progress::stop() noexcept {
    if (has_thread_) {
        if (started_.load(std::memory_order_acquire) == 1) {
            on_driver([this] { stopping_ = true; });
        }
        pthread_join(thread_, nullptr);
        has_thread_ = false;
    }
    own_janitor_.reset();
    plan_thread_.reset();
    executor_.reset();
    own_storage_.reset();
}

// ---- the driver's rest

// True when there is something to do before spin_ns is over.
bool Progress::spin() noexcept {
    const std::uint64_t spin_ns = tables_.limits.spin_ns;
    if (spin_ns == 0 || caller_mode_ || executor_->has_requests_out()) return false;
    const std::uint64_t until_ns = std::min(clock_.now_ns() + spin_ns, executor_->next_timer_ns());
    do {
        for (int i = 0; i < 32; ++i) {
            if (tables_.ring.has_next() || executor_->has_token_news() || executor_->has_plan()) {
                return true;
            }
            spin_pause();
        }
    } while (clock_.now_ns() < until_ns);
    return false;
}

// Hands over what was started and rests until something happens; at most until `deadline_ns`.
void Progress::sleep(std::uint64_t deadline_ns) noexcept {
    if (spin()) return;
    tables_.doorbell.prepare();
    if (!tables_.ring.is_empty() || executor_->has_token_news()) {
        static_cast<void>(tables_.doorbell.cancel());
        storage_->submit();
        return;
    }
    const std::uint64_t until_ns = std::min(deadline_ns, executor_->next_timer_ns());
    ++executor_->counters().totals.sleeps;
    storage_->wait(until_ns == kNeverNs ? -1 : timeout_until(until_ns, clock_.now_ns()));
    if (!tables_.doorbell.cancel()) ++executor_->counters().totals.wakes;
}

// ---- waiting

bwrt_status Progress::claim(Wave* wave, bwrt_handle handle, bwrt_completion* completion_out,
                            const ErrorSink& sink) noexcept {
    if (delivery_.claim(wave, handle, completion_out)) return BWRT_OK;
    return fail(sink, BWRT_E_HANDLE, "wave", "0x%llx was delivered to another waiter",
                static_cast<unsigned long long>(handle));
}

bwrt_status Progress::timed_out(const ErrorSink& sink) noexcept {
    return fail(sink, BWRT_E_TIMEOUT, "timeout_ns", "the wave is not over yet");
}

bwrt_status Progress::wait(Wave* wave, bwrt_handle handle, std::int64_t timeout_ns,
                           bwrt_completion* completion_out, const ErrorSink& sink) noexcept {
    const std::uint64_t deadline_ns = timeout_ns > 0   ? deadline_after(clock_.now_ns(), timeout_ns)
                                      : timeout_ns < 0 ? kNeverNs
                                                       : 0;
    return caller_mode_ ? wait_driving(wave, handle, deadline_ns, completion_out, sink)
                        : wait_on_thread(wave, handle, deadline_ns, completion_out, sink);
}

bwrt_status Progress::wait_on_thread(Wave* wave, bwrt_handle handle, std::uint64_t deadline_ns,
                                     bwrt_completion* completion_out,
                                     const ErrorSink& sink) noexcept {
    if (wave->is_over(handle)) return claim(wave, handle, completion_out, sink);
    if (deadline_ns == 0) return timed_out(sink);
    const std::uint64_t spin_end_ns =
        std::min(clock_.now_ns() + tables_.limits.spin_ns, deadline_ns);
    while (clock_.now_ns() < spin_end_ns) {
        for (int i = 0; i < 32; ++i) {
            if (wave->is_over(handle)) return claim(wave, handle, completion_out, sink);
            spin_pause();
        }
    }
    for (;;) {
        std::uint32_t outcome = wave->outcome.load(std::memory_order_acquire);
        if (wave->is_over(handle)) return claim(wave, handle, completion_out, sink);
        const std::uint64_t now_ns = clock_.now_ns();
        if (now_ns >= deadline_ns) return timed_out(sink);
        // The exchange fails when the outcome changed, be it to another wave's.
        if (!wave->outcome.compare_exchange_strong(outcome, outcome | kOutcomeSleeper,
                                                   std::memory_order_acq_rel)) {
            continue;
        }
        futex_wait(&wave->outcome, outcome | kOutcomeSleeper, timeout_until(deadline_ns, now_ns));
    }
}

void Progress::run_on_driver(DriverCall* call) noexcept {
    if ((caller_mode_ || !has_thread_) && take_baton()) {
        call->run(call->argument);
        put_baton_down();
        return;
    }
    ringbuf::Command command = {};
    command.kind = ringbuf::CommandKind::kCall;
    command.source = reinterpret_cast<std::uintptr_t>(call);
    while (!tables_.ring.push(command)) help_drive();
    if (tables_.doorbell.ring()) wake();
    // In caller mode the one who drives may leave before he comes to it.
    const std::int64_t look_ns = caller_mode_ ? kBatonLookNs : -1;
    while (call->done.load(std::memory_order_acquire) == 0) {
        help_drive();
        if (call->done.load(std::memory_order_acquire) == 0) futex_wait(&call->done, 0, look_ns);
    }
}

}  // namespace bwrt::runtime
