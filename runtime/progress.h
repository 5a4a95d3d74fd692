// SPDX-License-Identifier: Apache-2.0
//
// progress.h — who calls turn(), and how everyone else waits.
//
// Thread mode: a thread of ours drives, spins briefly when there is nothing to do, and sleeps in
// the backend, where results, the doorbell's wake and the next timer end its sleep.
//
// Caller mode: there is a baton.  A waiter that gets it drives all waves, not only its own, until
// its own is over or its time is up, and then hands the baton on; the others sleep on the outcome
// of their waves.  None sleeps while work is undriven:
//   B1 seq_cst store of baton_ free, then B2 seq_cst load of waiter_count_ by who puts it down
//   B3 seq_cst store of waiter_count_, then B4 seq_cst exchange of baton_ by who wants to sleep
//      either the sleeper gets the baton at B4 or the one who put it down sees him at B2.
// One who was offered the baton and needs it no more, his wave being over or his time up, offers
// it again on his way out.
// With an event fd, an undriven runtime counts as asleep: a submission rings it readable.

#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "runtime/executor.h"

namespace bwrt::runtime {

struct World {
    const Clock* clock = nullptr;
    StorageBackend* storage = nullptr;
    HostBackend* host = nullptr;
    Janitor* janitor = nullptr;
    Janitor* plan_janitor = nullptr;
    bool has_devices = true;
};

class Progress {
 public:
    Progress(Tables* tables, Delivery* delivery, const Clock* clock);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    // Makes the backends and the executor, on the thread that will drive.  `world` stands for
    // the real backends in a test; null members are made here.
    bwrt_status start(const World& world, const ErrorSink& sink);

    // Joins the thread.  No wave lives any more.
    void stop() noexcept;

    // After a submission that found the driver asleep.
    void wake() noexcept { storage_->wake(); }

    // BWRT_OK: the wave is over and this call has claimed it.
    bwrt_status wait(Wave* wave, bwrt_handle handle, std::int64_t timeout_ns,
                     bwrt_completion* completion_out, const ErrorSink& sink) noexcept;

    // Caller mode: drives as far as it goes without sleeping.  Thread mode: nothing.
    void drive_if_caller() noexcept;

    // Somebody wants the store to look for shards, and does not wait for it: the driver does at its
    // next turn, or, where nobody drives, this call has it begun.
    void start_look(bool is_first) noexcept;

    // Runs `call` on the driver, or here when nobody drives, and returns when it has run.
    void run_on_driver(DriverCall* call) noexcept;
    template <typename Body>
    void on_driver(Body body) noexcept {
        DriverCall call;
        call.run = [](void* argument) { (*static_cast<Body*>(argument))(); };
        call.argument = &body;
        run_on_driver(&call);
    }

    // Lets time pass, driving in caller mode, for at most `timeout_ns` (0 or more).
    void pass_time(std::int64_t timeout_ns) noexcept;

    // Caller mode: drives whatever there is until that time has come, where nobody else drives.
    void drive_until_time(std::uint64_t deadline_ns) noexcept;

    // The fd for the caller's event loop; -1 and errno when it cannot be had.
    int event_fd() noexcept;

    [[nodiscard]] Executor& executor() noexcept { return *executor_; }
    [[nodiscard]] StorageBackend& storage() noexcept { return *storage_; }
    [[nodiscard]] const StorageReport& report() const noexcept { return report_; }

 private:
    struct Waiter {
        Wave* wave;
        Waiter* previous;
        Waiter* next;
    };

    static void* thread_main(void* self);
    bwrt_status make_world(const World& world, const ErrorSink& sink);
    bwrt_status choose_plan_janitor(const World& world, Janitor** janitor_out,
                                    const ErrorSink& sink);
    void run_thread() noexcept;
    void sleep(std::uint64_t deadline_ns) noexcept;
    bool spin() noexcept;

    bwrt_status claim(Wave* wave, bwrt_handle handle, bwrt_completion* completion_out,
                      const ErrorSink& sink) noexcept;
    static bwrt_status timed_out(const ErrorSink& sink) noexcept;
    bwrt_status wait_on_thread(Wave* wave, bwrt_handle handle, std::uint64_t deadline_ns,
                               bwrt_completion* completion_out, const ErrorSink& sink) noexcept;
    bwrt_status wait_driving(Wave* wave, bwrt_handle handle, std::uint64_t deadline_ns,
                             bwrt_completion* completion_out, const ErrorSink& sink) noexcept;
    void drive_until(Wave* wave, bwrt_handle handle, std::uint64_t deadline_ns) noexcept;
    void sleep_beside_driver(Wave* wave, bwrt_handle handle, std::uint64_t deadline_ns) noexcept;
    bool take_baton() noexcept;
    void put_baton_down() noexcept;
    void hand_baton_on() noexcept;
    void offer_free_baton() noexcept;
    void help_drive() noexcept;
    void drive_until_idle() noexcept;

    Tables& tables_;
    Delivery& delivery_;
    const Clock& clock_;
    const bool caller_mode_;
    std::unique_ptr<StorageBackend> own_storage_;
    std::unique_ptr<HostBackend> own_host_;
    std::unique_ptr<ThreadJanitor> own_janitor_;
    std::unique_ptr<ThreadJanitor> plan_thread_;  // in thread mode; or
    InlineJanitor plan_inline_;
    StorageBackend* storage_ = nullptr;
    StorageReport report_;
    std::unique_ptr<Executor> executor_;

    // Thread mode.
    pthread_t thread_ = {};
    bool has_thread_ = false;
    bool stopping_ = false;                  // the driver's
    std::atomic<std::uint32_t> started_{0};  // 1: yes, 2: no, and why is in the two below
    bwrt_status start_status_ = BWRT_OK;
    ErrorSink start_sink_;  // of who waits in start()
    World world_;

    // Caller mode.
    std::atomic<std::uint32_t> baton_{0};
    std::atomic<std::uint32_t> waiter_count_{0};
    std::mutex waiters_mutex_;
    Waiter* waiters_ = nullptr;
    std::atomic<int> epoll_fd_{-1};
    int timer_fd_ = -1;
    std::mutex event_mutex_;
    bool announced_ = false;  // the undriven runtime counts as asleep; the baton's holder's
    std::uint64_t timer_set_ns_ = kNeverNs;
};

}  // namespace bwrt::runtime
