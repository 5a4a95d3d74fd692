// SPDX-License-Identifier: Apache-2.0
//
// preadv_pool.h — storage through threads.  The design stands at the head of preadv_pool.cpp.

#pragma once

#include <pthread.h>
#include <semaphore.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "ringbuf/cache_line.h"
#include "ringbuf/doorbell.h"
#include "ringbuf/ring.h"
#include "runtime/backend/backend.h"

namespace bwrt::runtime {

// What open() met on its way, for the ladder to put into sentences.
struct PoolSetup {
    std::uint32_t thread_count = 0;  // those that could be started
    int thread_error = 0;            // errno of the first that could not
};

class PreadvPool final : public StorageBackend {
 public:
    // Null when not even one thread could be started.
    [[nodiscard]] static std::unique_ptr<PreadvPool> open(const StorageOptions& options,
                                                          PoolSetup* setup_out);

    // Waits for what the workers are executing: no call takes a read back.
    ~PreadvPool() override;

    PreadvPool(const PreadvPool&) = delete;
    PreadvPool& operator=(const PreadvPool&) = delete;

    std::int32_t attach_file(int fd) noexcept override;
    void detach_file(std::int32_t file) noexcept override;
    std::int32_t attach_buffer(void* address, std::size_t length_bytes) noexcept override;
    void detach_buffer(std::int32_t buffer) noexcept override;

    [[nodiscard]] bool start(const IoRequest& request) noexcept override;
    void cancel(std::uint32_t tag) noexcept override;
    void submit() noexcept override;
    [[nodiscard]] std::uint32_t reap(IoResult* results, std::uint32_t capacity) noexcept override;
    void wait(std::int64_t timeout_ns) noexcept override;
    void wake() noexcept override;
    [[nodiscard]] int readiness_fd() const noexcept override;
    [[nodiscard]] std::uint64_t unknown_result_count() const noexcept override { return 0; }

 private:
    enum class JobState : std::uint32_t { kFree, kQueued, kRunning, kCancelled };

    // Written by the driver while free, read by one worker; only the state is both's.
    struct alignas(ringbuf::kCacheLineBytes) Job {
        std::atomic<JobState> state{JobState::kFree};
        std::uint32_t tag = 0;
        IoKind kind = IoKind::kRead;
        int fd = -1;
        std::uint32_t iovec_count = 0;
        const iovec* iovecs = nullptr;
        std::uint64_t offset_bytes = 0;
    };

    struct Done {
        std::uint32_t job_index;
        std::int32_t result;
    };

    explicit PreadvPool(const StorageOptions& options);
    void start_workers(std::uint32_t count, PoolSetup* setup_out) noexcept;
    static void* worker_main(void* pool) noexcept;
    void work() noexcept;
    void run_job(std::uint32_t index) noexcept;
    void tell_driver() noexcept;
    void raise_readiness() noexcept;
    void settle_readiness() noexcept;
    [[nodiscard]] bool anything_to_see() const noexcept;
    void free_job(std::uint32_t index) noexcept;

    // The driver's.
    const std::uint32_t in_flight_max_;
    const std::uint32_t job_count_;
    const std::uint32_t file_count_max_;
    std::unique_ptr<Job[]> jobs_;
    std::unique_ptr<std::uint32_t[]> free_jobs_;       // a stack
    std::unique_ptr<std::uint32_t[]> cancelled_tags_;  // results that no worker will bring
    std::unique_ptr<int[]> files_;                     // -1: free
    std::uint32_t first_free_file_ = 0;                // none before it is
    std::unique_ptr<pthread_t[]> workers_;
    std::uint32_t worker_count_ = 0;
    std::uint32_t free_count_ = 0;
    std::uint32_t in_flight_count_ = 0;  // taken and not reaped
    std::uint32_t cancelled_count_ = 0;
    std::uint32_t started_count_ = 0;  // since the last submit()

    // Between the driver and the workers.
    ringbuf::Ring<std::uint32_t> queue_;  // job indices, to the workers
    ringbuf::Doorbell work_bell_;
    sem_t work_wakes_;             // one for each sleeper that work_bell_ took
    ringbuf::Ring<Done> done_;     // back to the driver
    ringbuf::Doorbell done_bell_;  // its word is the driver's futex
    std::atomic<bool> wake_asked_{false};
    std::atomic<bool> stopping_{false};
    mutable std::atomic<int> readiness_fd_{-1};
};

}  // namespace bwrt::runtime
