// SPDX-License-Identifier: Apache-2.0
//
// progress_caller.cpp — caller mode: the baton, those who wait for it, and the event fd.

#include <sched.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "runtime/check.h"
#include "runtime/futex.h"
#include "runtime/progress.h"

namespace bwrt::runtime {
namespace {

// The longest a call of the control plane sleeps before it tries the baton again.
constexpr std::int64_t kBatonRetryNs = 1'000'000;

}  // namespace

bool Progress::take_baton() noexcept {
    if (baton_.exchange(1, std::memory_order_seq_cst) != 0) return false;  // B4
    if (announced_) {
        announced_ = false;
        static_cast<void>(tables_.doorbell.cancel());
    }
    return true;
}

// Leaves nothing half done: requests started are handed over, and an event loop that watches
// the fd will learn of commands, results and timers.
void Progress::put_baton_down() noexcept {
    storage_->submit();
    if (epoll_fd_.load(std::memory_order_acquire) >= 0) {
        // What is due since ever is due now: a timer set to 0 would be switched off.
        const std::uint64_t timer_ns = std::max(executor_->next_timer_ns(), std::uint64_t{1});
        if (timer_ns != timer_set_ns_) {
            timer_set_ns_ = timer_ns;
            itimerspec spec = {};
            if (timer_ns != kNeverNs) {
                spec.it_value.tv_sec = static_cast<time_t>(timer_ns / 1'000'000'000u);
                spec.it_value.tv_nsec = static_cast<long>(timer_ns % 1'000'000'000u);
            }
            timerfd_settime(timer_fd_, TFD_TIMER_ABSTIME, &spec, nullptr);
        }
        announced_ = true;
        tables_.doorbell.prepare();
        if (!tables_.ring.is_empty() || executor_->has_token_news() || executor_->has_work_left()) {
            storage_->wake();
        }
    }
    baton_.store(0, std::memory_order_seq_cst);                               // B1
    if (waiter_count_.load(std::memory_order_seq_cst) != 0) hand_baton_on();  // B2
}

void Progress::hand_baton_on() noexcept {
    const std::lock_guard<std::mutex> lock(waiters_mutex_);
    if (waiters_ == nullptr) return;
    // The changed word keeps one who is about to sleep from doing so.
    std::atomic<std::uint32_t>& outcome = waiters_->wave->outcome;
    outcome.fetch_or(kOutcomeBaton, std::memory_order_acq_rel);
    futex_wake_all(&outcome);
}

// The offer goes to one waiter, and it may be one who has just become content: whoever leaves
// makes sure that it is not lost with him.
void Progress::offer_free_baton() noexcept {
    if (waiter_count_.load(std::memory_order_seq_cst) != 0 &&
        baton_.load(std::memory_order_seq_cst) == 0) {
        hand_baton_on();
    }
}

// A call of the control plane lends a hand so that its own command is come to.
void Progress::help_drive() noexcept {
    if (!caller_mode_) {
        sched_yield();
    } else if (take_baton()) {
        executor_->accept_all();
        put_baton_down();
    }
}

bwrt_status Progress::wait_driving(Wave* wave, bwrt_handle handle, std::uint64_t deadline_ns,
                                   bwrt_completion* completion_out,
                                   const ErrorSink& sink) noexcept {
    for (bool looked = false;; looked = true) {
        if (wave->is_over(handle)) {
            offer_free_baton();
            return claim(wave, handle, completion_out, sink);
        }
        if (looked && deadline_ns != kNeverNs && clock_.now_ns() >= deadline_ns) {
            offer_free_baton();
            return timed_out(sink);
        }
        if (take_baton()) {
            drive_until(wave, handle, deadline_ns);
            put_baton_down();
        } else if (deadline_ns != 0) {
            sleep_beside_driver(wave, handle, deadline_ns);
        }
    }
}

// Null: until then, whatever is over.
void Progress::drive_until(Wave* wave, bwrt_handle handle, std::uint64_t deadline_ns) noexcept {
    for (;;) {
        const bool more = executor_->turn();
        if (wave != nullptr && wave->is_over(handle)) return;
        if (deadline_ns <= executor_->now_ns()) return;
        if (more) {
            storage_->submit();
        } else {
            sleep(deadline_ns);
        }
    }
}

void Progress::drive_until_time(std::uint64_t deadline_ns) noexcept {
    if (!take_baton()) return;
    drive_until(nullptr, 0, deadline_ns);
    put_baton_down();
}

void Progress::sleep_beside_driver(Wave* wave, bwrt_handle handle,
                                   std::uint64_t deadline_ns) noexcept {
    Waiter waiter = {wave, nullptr, nullptr};
    {
        const std::lock_guard<std::mutex> lock(waiters_mutex_);
        waiter.next = waiters_;
        if (waiters_ != nullptr) waiters_->previous = &waiter;
        waiters_ = &waiter;
        waiter_count_.fetch_add(1, std::memory_order_seq_cst);  // B3
    }
    // Read before the look at the baton: a hand-over after that look changes the word.
    std::uint32_t outcome =
        wave->outcome.fetch_and(~std::uint32_t{kOutcomeBaton}, std::memory_order_acq_rel) &
        ~std::uint32_t{kOutcomeBaton};
    if (baton_.load(std::memory_order_seq_cst) != 0 && !wave->is_over(handle)) {  // B4
        if ((outcome & kOutcomeSleeper) != 0 ||
            wave->outcome.compare_exchange_strong(outcome, outcome | kOutcomeSleeper,
                                                  std::memory_order_acq_rel)) {
            futex_wait(&wave->outcome, outcome | kOutcomeSleeper,
                       timeout_until(deadline_ns, clock_.now_ns()));
        }
    }
    const std::lock_guard<std::mutex> lock(waiters_mutex_);
    if (waiter.previous != nullptr) waiter.previous->next = waiter.next;
    if (waiter.next != nullptr) waiter.next->previous = waiter.previous;
    if (waiters_ == &waiter) waiters_ = waiter.next;
    waiter_count_.fetch_sub(1, std::memory_order_seq_cst);
}

void Progress::drive_until_idle() noexcept {
    // Results may come as fast as they are asked for: a bound keeps a poll a poll.
    for (int turns = 0; turns < 64; ++turns) {
        storage_->wait(0);
        const bool more = executor_->turn();
        if (!more && !executor_->has_requests_out()) return;
        if (!more && turns > 0) return;
    }
}

void Progress::drive_if_caller() noexcept {
    if (!caller_mode_ || !take_baton()) return;
    drive_until_idle();
    put_baton_down();
}

void Progress::start_look(bool is_first) noexcept {
    if (caller_mode_ && take_baton()) {
        executor_->look();
        put_baton_down();
    } else if (is_first) {
        storage_->wake();
    }
}

void Progress::pass_time(std::int64_t timeout_ns) noexcept {
    const std::int64_t slice_ns = std::min(timeout_ns, kBatonRetryNs);
    if (caller_mode_ && take_baton()) {
        const std::uint64_t deadline_ns = deadline_after(clock_.now_ns(), slice_ns);
        if (!executor_->turn()) sleep(deadline_ns);
        executor_->turn();
        put_baton_down();
        return;
    }
    const timespec pause = {slice_ns / 1'000'000'000, slice_ns % 1'000'000'000};
    nanosleep(&pause, nullptr);
}

int Progress::event_fd() noexcept {
    const std::lock_guard<std::mutex> lock(event_mutex_);
    const int done_fd = delivery_.event_fd();
    if (!caller_mode_ || done_fd < 0) return done_fd;
    if (epoll_fd_.load(std::memory_order_relaxed) >= 0) {
        return epoll_fd_.load(std::memory_order_relaxed);
    }
    int fd = -1;
    on_driver([&] {
        const int epoll = epoll_create1(EPOLL_CLOEXEC);
        timer_fd_ = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        const int watched[] = {done_fd, timer_fd_, storage_->readiness_fd()};
        bool added = epoll >= 0;
        for (const int one : watched) {
            epoll_event event = {};
            event.events = EPOLLIN;
            event.data.fd = one;
            added = added && one >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, one, &event) == 0;
        }
        if (!added) {
            const int os_code = errno;
            if (timer_fd_ >= 0) close(timer_fd_);
            if (epoll >= 0) close(epoll);
            timer_fd_ = -1;
            errno = os_code;
            return;
        }
        timer_set_ns_ = kNeverNs;
        epoll_fd_.store(epoll, std::memory_order_release);
        fd = epoll;
    });
    return fd;
}

}  // namespace bwrt::runtime
