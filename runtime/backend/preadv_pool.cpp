// SPDX-License-Identifier: Apache-2.0
//
// preadv_pool.cpp — storage through threads that call preadv() and pwritev(): the usual path in
// containers, where io_uring is forbidden, and the one that sanitizers can see through.
//
//   start() --queue_--> worker: pread, preadv, pwrite, pwritev, fdatasync
//   reap()  <--done_--- worker
//
// Both ways are bounded rings of job indices, sized when the pool is made; no lock is held over
// a system call, nor anywhere else.  There are twice as many jobs as requests may be in flight,
// and done_ holds twice as many again, so that a worker can always hand its result back.
//
// Sleeping.  A worker that finds nothing announces itself at work_bell_ and sleeps on a
// semaphore; the driver does so at done_bell_ and sleeps on its word.  Who brings work or results
// makes a system call only when the bell says that somebody sleeps.  A wake() is a flag beside
// done_, set before the bell is rung and looked for after it was announced.
//
// Cancel.  A job is queued, then running or cancelled, decided by one exchange between the driver
// and the worker that picks it up.  A cancelled one is reported by the driver at once, for all
// workers may be busy for long; its place is free when a worker has come across it.  A running
// one ends by itself.
//
// Signals.  Workers block all of them, so a host's handlers never run here; SIGXFSZ of a write
// past RLIMIT_FSIZE stays pending, and the write says EFBIG.

#include "runtime/backend/preadv_pool.h"

#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <csignal>
#include <ctime>

#include "runtime/check.h"

namespace bwrt::runtime {
namespace {

constexpr std::uint32_t kWorkerMax = 256;

void futex_wait(std::atomic<std::uint32_t>* word, std::uint32_t value, std::int64_t timeout_ns) {
    const timespec timeout{timeout_ns / kNsPerSecond, timeout_ns % kNsPerSecond};
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, timeout_ns < 0 ? nullptr : &timeout);
}

void futex_wake_one(std::atomic<std::uint32_t>* word) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1);
}

std::size_t ring_capacity(std::uint32_t count) {
    return std::bit_ceil(std::max<std::size_t>(count, ringbuf::Ring<std::uint32_t>::kCapacityMin));
}

std::int64_t transfer(IoKind kind, int fd, const iovec* iovecs, std::uint32_t count,
                      std::uint64_t offset_bytes) noexcept {
    const auto offset = static_cast<off_t>(offset_bytes);
    if (kind == IoKind::kFlush) return fdatasync(fd);
    if (count == 1) {
        return kind == IoKind::kRead ? pread(fd, iovecs->iov_base, iovecs->iov_len, offset)
                                     : pwrite(fd, iovecs->iov_base, iovecs->iov_len, offset);
    }
    return kind == IoKind::kRead ? preadv(fd, iovecs, static_cast<int>(count), offset)
                                 : pwritev(fd, iovecs, static_cast<int>(count), offset);
}

}  // namespace

PreadvPool::PreadvPool(const StorageOptions& options)
    : in_flight_max_(std::clamp(options.queue_depth, 1u, kInFlightMax)),
      job_count_(2 * in_flight_max_),
      file_count_max_(std::max(options.file_count_max, 1u)),
      queue_(ring_capacity(job_count_)),
      done_(ring_capacity(2 * job_count_)) {
    jobs_ = std::make_unique<Job[]>(job_count_);
    free_jobs_ = std::make_unique<std::uint32_t[]>(job_count_);
    cancelled_tags_ = std::make_unique<std::uint32_t[]>(in_flight_max_);
    files_ = std::make_unique<int[]>(file_count_max_);
    workers_ = std::make_unique<pthread_t[]>(kWorkerMax);
    for (std::uint32_t i = 0; i < job_count_; ++i) free_jobs_[i] = job_count_ - 1 - i;
    free_count_ = job_count_;
    std::fill_n(files_.get(), file_count_max_, -1);
    BWRT_CHECK(sem_init(&work_wakes_, 0, 0) == 0);
}

std::unique_ptr<PreadvPool> PreadvPool::open(const StorageOptions& options, PoolSetup* setup_out) {
    std::unique_ptr<PreadvPool> pool(new PreadvPool(options));
    pool->start_workers(std::clamp(options.pool_thread_count, 1u, kWorkerMax), setup_out);
    if (setup_out->thread_count == 0) return nullptr;
    return pool;
}

void PreadvPool::start_workers(std::uint32_t count, PoolSetup* setup_out) noexcept {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);  // inherited by the workers
    for (; worker_count_ < count; ++worker_count_) {
        const int error = pthread_create(&workers_[worker_count_], nullptr, worker_main, this);
        if (error != 0) {
            setup_out->thread_error = error;
            break;
        }
        pthread_setname_np(workers_[worker_count_], "bwrt-io");
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    setup_out->thread_count = worker_count_;
}

PreadvPool::~PreadvPool() {
    for (std::uint32_t i = 0; i < job_count_; ++i) {
        auto queued = JobState::kQueued;
        jobs_[i].state.compare_exchange_strong(queued, JobState::kCancelled,
                                               std::memory_order_relaxed);
    }
    // Release: partner of work()'s acquire.  The posts wake every sleeper, announced or not.
    stopping_.store(true, std::memory_order_release);
    for (std::uint32_t i = 0; i < worker_count_; ++i) sem_post(&work_wakes_);
    for (std::uint32_t i = 0; i < worker_count_; ++i) pthread_join(workers_[i], nullptr);
    sem_destroy(&work_wakes_);
    const int fd = readiness_fd_.load(std::memory_order_relaxed);  // alone here
    if (fd >= 0) close(fd);
}

void* PreadvPool::worker_main(void* pool) noexcept {
    static_cast<PreadvPool*>(pool)->work();
    return nullptr;
}

void PreadvPool::work() noexcept {
    while (!stopping_.load(std::memory_order_acquire)) {
        std::uint32_t index = 0;
        if (queue_.pop_shared(&index)) {
            run_job(index);
            continue;
        }
        work_bell_.prepare();
        // A bell that was taken leaves a post for us; should we be awake by then, some later
        // sleep ends early.
        if (!queue_.is_empty() && work_bell_.cancel()) continue;
        while (sem_wait(&work_wakes_) != 0) {
        }
    }
}

void PreadvPool::run_job(std::uint32_t index) noexcept {
    Job& job = jobs_[index];
    auto queued = JobState::kQueued;
    std::int64_t result = 0;
    // Relaxed: the ring ordered the job's fields; this only decides who has the job.
    if (job.state.compare_exchange_strong(queued, JobState::kRunning, std::memory_order_relaxed)) {
        result = transfer(job.kind, job.fd, job.iovecs, job.iovec_count, job.offset_bytes);
        if (result < 0) result = -errno;
    }
    const bool pushed = done_.push(Done{index, static_cast<std::int32_t>(result)});
    BWRT_CHECK(pushed);
    tell_driver();
}

void PreadvPool::tell_driver() noexcept {
    if (done_bell_.ring()) futex_wake_one(&done_bell_.word());
    raise_readiness();
}

std::int32_t PreadvPool::attach_file(int fd) noexcept {
    if (fd < 0) return -EBADF;
    int* const end = files_.get() + file_count_max_;
    int* const place = std::find(files_.get() + first_free_file_, end, -1);
    first_free_file_ = static_cast<std::uint32_t>(place - files_.get());
    if (place == end) return -ENFILE;
    *place = fd;
    return static_cast<std::int32_t>(first_free_file_++);
}

void PreadvPool::detach_file(std::int32_t file) noexcept {
    files_[static_cast<std::uint32_t>(file)] = -1;
    first_free_file_ = std::min(first_free_file_, static_cast<std::uint32_t>(file));
}

std::int32_t PreadvPool::attach_buffer(void*, std::size_t) noexcept { return -EOPNOTSUPP; }

void PreadvPool::detach_buffer(std::int32_t) noexcept {}

bool PreadvPool::start(const IoRequest& request) noexcept {
    if (in_flight_count_ == in_flight_max_ || free_count_ == 0) return false;
    const std::uint32_t index = free_jobs_[free_count_ - 1];
    Job& job = jobs_[index];
    job.tag = request.tag;
    job.kind = request.kind;
    job.fd = files_[static_cast<std::uint32_t>(request.file)];
    job.iovec_count = request.iovec_count;
    job.iovecs = request.iovecs;
    job.offset_bytes = request.offset_bytes;
    job.state.store(JobState::kQueued, std::memory_order_relaxed);  // the ring orders it
    if (!queue_.push(index)) {  // a worker was held up in the middle of taking a job
        job.state.store(JobState::kFree, std::memory_order_relaxed);
        return false;
    }
    --free_count_;
    ++in_flight_count_;
    ++started_count_;
    return true;
}

void PreadvPool::submit() noexcept {
    for (; started_count_ != 0 && work_bell_.ring(); --started_count_) sem_post(&work_wakes_);
    started_count_ = 0;
}

void PreadvPool::cancel(std::uint32_t tag) noexcept {
    for (std::uint32_t i = 0; i < job_count_; ++i) {
        Job& job = jobs_[i];
        auto queued = JobState::kQueued;
        if (job.tag != tag) continue;
        if (!job.state.compare_exchange_strong(queued, JobState::kCancelled,
                                               std::memory_order_relaxed)) {
            continue;
        }
        cancelled_tags_[cancelled_count_++] = tag;
        raise_readiness();
    }
}

void PreadvPool::free_job(std::uint32_t index) noexcept {
    jobs_[index].state.store(JobState::kFree, std::memory_order_relaxed);  // the driver's again
    free_jobs_[free_count_++] = index;
}

std::uint32_t PreadvPool::reap(IoResult* results, std::uint32_t capacity) noexcept {
    std::uint32_t count = 0;
    while (cancelled_count_ != 0 && count < capacity) {
        results[count++] = {cancelled_tags_[--cancelled_count_], -ECANCELED};
    }
    Done done{};
    while (count < capacity && done_.pop(&done)) {
        Job& job = jobs_[done.job_index];
        if (job.state.load(std::memory_order_relaxed) == JobState::kRunning) {
            results[count++] = {job.tag, done.result};
        }
        free_job(done.job_index);
    }
    in_flight_count_ -= count;
    settle_readiness();
    return count;
}

bool PreadvPool::anything_to_see() const noexcept {
    return cancelled_count_ != 0 || !done_.is_empty() ||
           wake_asked_.load(std::memory_order_seq_cst);  // as is_empty()'s load: see doorbell.h
}

void PreadvPool::wait(std::int64_t timeout_ns) noexcept {
    submit();
    if (timeout_ns != 0 && !anything_to_see()) {
        done_bell_.prepare();
        if (!anything_to_see()) futex_wait(&done_bell_.word(), 1, timeout_ns);
        // False: a bell was rung, and its futex wake finds nobody asleep.
        static_cast<void>(done_bell_.cancel());
    }
    if (wake_asked_.load(std::memory_order_relaxed)) {  // anything_to_see() has looked properly
        // W1: partner of wake()'s exchange, whoever found it set included.
        wake_asked_.exchange(false, std::memory_order_acq_rel);
        settle_readiness();
    }
}

void PreadvPool::wake() noexcept {
    if (wake_asked_.exchange(true, std::memory_order_seq_cst)) return;  // W1
    tell_driver();
}

// The eventfd exists once somebody asked for it.  Whoever adds something to see writes to it;
// the driver, having looked, empties it and writes again should there be something left.
int PreadvPool::readiness_fd() const noexcept {
    int fd = readiness_fd_.load(std::memory_order_relaxed);  // only the driver writes it
    if (fd >= 0) return fd;
    fd = eventfd(anything_to_see() ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) return -1;
    // F1: before the second look; partner of raise_readiness()'s load, which comes after a push.
    readiness_fd_.store(fd, std::memory_order_seq_cst);
    if (anything_to_see()) eventfd_write(fd, 1);
    return fd;
}

void PreadvPool::raise_readiness() noexcept {
    const int fd = readiness_fd_.load(std::memory_order_seq_cst);  // F1
    if (fd >= 0) eventfd_write(fd, 1);
}

void PreadvPool::settle_readiness() noexcept {
    const int fd = readiness_fd_.load(std::memory_order_relaxed);  // only the driver writes it
    if (fd < 0) return;
    eventfd_t ignored = 0;
    eventfd_read(fd, &ignored);
    if (anything_to_see()) eventfd_write(fd, 1);
}

}  // namespace bwrt::runtime
