// SPDX-License-Identifier: Apache-2.0

#include "runtime/janitor.h"

#include <signal.h>

#include "runtime/check.h"
#include "runtime/futex.h"

namespace bwrt::runtime {
namespace {

void push(std::atomic<Job*>* stack, Job* job) noexcept {
    job->next =
        stack->load(std::memory_order_relaxed);  // published with the job or looked at again
    while (!stack->compare_exchange_weak(job->next, job, std::memory_order_release,  // J1, J3
                                         std::memory_order_relaxed)) {
    }
}

// All of them, the first that was pushed first.
Job* take_all(std::atomic<Job*>* stack) noexcept {
    Job* newest = stack->exchange(nullptr, std::memory_order_acquire);  // J2, J4
    Job* oldest = nullptr;
    while (newest != nullptr) {
        Job* const older = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = older;
    }
    return oldest;
}

}  // namespace

bwrt_status ThreadJanitor::start_thread(const ErrorSink& sink) {
    BWRT_CHECK(!has_thread_);
    // Signals of the process never run on our thread.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int os_code = pthread_create(&thread_, nullptr, thread_main, this);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (os_code != 0) {
        return fail_os(sink, BWRT_E_AGAIN, os_code, "", "the thread %s cannot be created: %s",
                       name_, errno_name(os_code));
    }
    has_thread_ = true;
    pthread_setname_np(thread_, name_);
    return BWRT_OK;
}

void ThreadJanitor::stop() noexcept {
    if (!has_thread_) return;
    stopping_.store(true, std::memory_order_relaxed);  // published by J5
    ring();
    pthread_join(thread_, nullptr);
    has_thread_ = false;
}

void ThreadJanitor::start(Job* job) noexcept {
    BWRT_CHECK(has_thread_);
    ++out_count_;
    push(&started_, job);
    ring();
}

Job* ThreadJanitor::reap() noexcept {
    if (reaped_ == nullptr) {
        // Relaxed: one that is missed now is met in the turn that its wake() causes.
        if (finished_.load(std::memory_order_relaxed) == nullptr) return nullptr;
        reaped_ = take_all(&finished_);
    }
    Job* const job = reaped_;
    reaped_ = job->next;
    job->next = nullptr;
    --out_count_;
    return job;
}

void ThreadJanitor::ring() noexcept {
    rung_.fetch_add(1, std::memory_order_release);  // J5
    futex_wake_all(&rung_);
}

void* ThreadJanitor::thread_main(void* self) {
    static_cast<ThreadJanitor*>(self)->run_thread();
    return nullptr;
}

void ThreadJanitor::run_thread() noexcept {
    for (;;) {
        const std::uint32_t rung = rung_.load(std::memory_order_acquire);  // J6
        const bool stopping = stopping_.load(std::memory_order_relaxed);   // before the list: J5
        Job* job = take_all(&started_);
        if (job == nullptr) {
            if (stopping) return;
            futex_wait(&rung_, rung, -1);
        }
        while (job != nullptr) {
            Job* const next = job->next;  // with finished_ it is the driver's
            job->run();
            push(&finished_, job);
            wake_(context_);
            job = next;
        }
    }
}

}  // namespace bwrt::runtime
