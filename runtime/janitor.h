// SPDX-License-Identifier: Apache-2.0
//
// janitor.h — work that may block, away from the driver, which never may.
//
//   driver ── start(job) ──▶ [ started ]  ──▶ janitor's thread: job.run(), one after the other
//      ▲                                             │
//      └────── reap() ◀──── [ finished ] ◀───────────┘──▶ wake(), for a driver that sleeps
//
// Opening, preallocating and removing files, and writing a new log, take as long as the file system
// likes.  They are rare and none is waited for, so one thread does them in order.  Another one
// plans windows (plan_lane.h), which takes its time, too.
//
// A job is its asker's all along and is never copied: it says in its own fields what is asked and
// what came of it.  From start() to the reap() that gives it back it is the janitor's to write.
//
// Both lists are stacks that one side pushes to and the other takes whole, so neither side can hold
// up the other, and a reap() that finds nothing is one load:
//   J1 release push to started_, then J2 acquire exchange: the job's fields, seen by run()
//   J3 release push to finished_, then J4 acquire exchange: what run() made of them, seen by reap()
//   J5 release increment of rung_, behind J1 and the store of stopping_, then J6 acquire load of it
//      before both are looked at: who saw the old count finds it changed when he goes to sleep.

#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>

#include "runtime/status.h"

namespace bwrt::runtime {

struct Job {
    virtual void run() noexcept = 0;  // on the janitor's thread
    Job* next = nullptr;              // the janitor's

 protected:
    ~Job() = default;
};

// All but run() is the driver's to call.
class Janitor {
 public:
    virtual ~Janitor() = default;

    virtual void start(Job* job) noexcept = 0;

    // The next that is finished, in the order they were started; null when there is none.
    [[nodiscard]] virtual Job* reap() noexcept = 0;

    // Every job that was started has been given back.
    [[nodiscard]] virtual bool is_idle() const noexcept = 0;

    // reap() would give one back.  False when that is not known: wake() tells.
    [[nodiscard]] virtual bool has_finished() const noexcept { return false; }
};

class ThreadJanitor final : public Janitor {
 public:
    // `wake` is called on the janitor's thread when there is something for reap().  A driver that
    // was just about to sleep must not, then.  The name, of at most 15 bytes, is the thread's.
    ThreadJanitor(void (*wake)(void*), void* context, const char* name = "bwrt-janitor") noexcept
        : wake_(wake), context_(context), name_(name) {}
    ~ThreadJanitor() override { stop(); }
    ThreadJanitor(const ThreadJanitor&) = delete;
    ThreadJanitor& operator=(const ThreadJanitor&) = delete;

    // Once, before any job.  BWRT_E_AGAIN with errno when there is no thread to be had.
    bwrt_status start_thread(const ErrorSink& sink);

    // Finishes what was started and ends the thread.  reap() still gives it all back.
    void stop() noexcept;

    void start(Job* job) noexcept override;
    [[nodiscard]] Job* reap() noexcept override;
    [[nodiscard]] bool is_idle() const noexcept override { return out_count_ == 0; }
    [[nodiscard]] bool has_finished() const noexcept override {
        // Relaxed: as in reap(), which is what follows.
        return reaped_ != nullptr || finished_.load(std::memory_order_relaxed) != nullptr;
    }

 private:
    static void* thread_main(void* self);
    void run_thread() noexcept;
    void ring() noexcept;

    void (*wake_)(void*);
    void* context_;
    const char* name_;

    // The driver's.
    pthread_t thread_ = {};
    bool has_thread_ = false;
    Job* reaped_ = nullptr;  // taken from finished_, in order
    std::uint64_t out_count_ = 0;

    // Newest first.
    std::atomic<Job*> started_{nullptr};
    std::atomic<Job*> finished_{nullptr};
    std::atomic<std::uint32_t> rung_{0};  // how often there was something to look at
    std::atomic<bool> stopping_{false};
};

// For work that is short and never blocks, where there is to be no other thread: the driver does
// it.
class InlineJanitor final : public Janitor {
 public:
    void start(Job* job) noexcept override {
        job->run();
        job->next = nullptr;
        (last_ != nullptr ? last_->next : first_) = job;
        last_ = job;
    }
    [[nodiscard]] Job* reap() noexcept override {
        Job* const job = first_;
        if (job == nullptr) return nullptr;
        first_ = job->next;
        if (first_ == nullptr) last_ = nullptr;
        return job;
    }
    [[nodiscard]] bool is_idle() const noexcept override { return first_ == nullptr; }

 private:
    Job* first_ = nullptr;
    Job* last_ = nullptr;
};

}  // namespace bwrt::runtime
