// SPDX-License-Identifier: Apache-2.0
//
// backend.h — the seams between the executor and the world.
//
//   executor --start()--> [ requests ] --submit()--> kernel or pool
//            <--reap()--- [ results  ] <------------
//
// A backend moves bytes and nothing else.  It knows no wave, no deadline and no
// policy: retries, short counts and errors are judged in one place, the executor.
// A request is a contiguous range of one file and the memory it scatters to or
// gathers from; what comes back is what the system call would have returned.
//
// Rules that every backend keeps (tests/backend runs the same suite on each):
//   - start() takes the request or refuses it with false; a taken one yields exactly
//     one result, also after cancel(), and until then the kernel may touch its memory.
//   - iovecs and the memory they name stay valid until that result is reaped.
//   - results come in any order.  A count may be short; it is never more than asked.
//   - EINTR and its like inside the backend's own waiting are the backend's business;
//     a result of -EINTR or -EAGAIN for a request is passed on.
//   - all functions but wake() belong to one thread at a time, the driver.

#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "include/bwrt.h"

namespace bwrt::runtime {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;

// At most so many requests are in flight: twice that is the limit of an io_uring's queue.
constexpr std::uint32_t kInFlightMax = 1u << 14;

enum class IoKind : std::uint8_t { kRead, kWrite, kFlush };

struct IoRequest {
    IoKind kind = IoKind::kRead;
    std::int32_t file = -1;          // from attach_file()
    std::int32_t fixed_buffer = -1;  // from attach_buffer(): the one iovec lies inside it
    std::uint32_t tag = 0;           // returned, unread, in the result
    std::uint32_t iovec_count = 0;   // 0 for kFlush; at most kIovecCountMax
    const iovec* iovecs = nullptr;
    std::uint64_t offset_bytes = 0;
};

struct IoResult {
    std::uint32_t tag;
    std::int32_t result;  // bytes moved, 0 for a flush, or -errno
};

constexpr std::uint32_t kIovecCountMax = 256;  // below IOV_MAX (1024): 1 MiB of 4 KiB pieces

class StorageBackend {
 public:
    virtual ~StorageBackend() = default;

    // Control plane.  The fd stays the caller's and stays open until detach_file().
    // A file index below 0 or a buffer index below 0 says that it could not be had, and is -errno;
    // a file can always be attached up to the count given at creation, a buffer is an
    // optimisation.
    virtual std::int32_t attach_file(int fd) noexcept = 0;
    virtual void detach_file(std::int32_t file) noexcept = 0;
    virtual std::int32_t attach_buffer(void* address, std::size_t length_bytes) noexcept = 0;
    virtual void detach_buffer(std::int32_t buffer) noexcept = 0;

    // Data plane.
    // False: no room now, perhaps until results were waited for and reaped, even where fewer than
    // queue_depth are in flight (the remains of a cancel).
    [[nodiscard]] virtual bool start(const IoRequest& request) noexcept = 0;
    virtual void cancel(std::uint32_t tag) noexcept = 0;  // asks; the result still comes
    virtual void submit() noexcept = 0;                   // hands over what was started
    [[nodiscard]] virtual std::uint32_t reap(IoResult* results,
                                             std::uint32_t capacity) noexcept = 0;

    // submit(), then sleeps until a result can be reaped, wake() was called or the
    // timeout passed (negative: for ever; 0: only looks).  May return early for no reason.
    virtual void wait(std::int64_t timeout_ns) noexcept = 0;

    // Any thread.  Ends the current or, when there is none, the next wait().
    virtual void wake() noexcept = 0;

    // Readable when wait() would return at once, for callers that poll; -1 when there is none.
    // Emptied by wait(), 0 will do, and then reap(): both, or it stays readable.
    [[nodiscard]] virtual int readiness_fd() const noexcept = 0;

    // Results that were for no known request; 0 unless something is badly wrong.
    [[nodiscard]] virtual std::uint64_t unknown_result_count() const noexcept = 0;
};

// What the ladder (ladder.cpp) is asked for and what it found.
struct StorageOptions {
    std::uint32_t storage = 0;        // BWRT_STORAGE_*
    bool single_driver = true;        // one thread drives for ever: SINGLE_ISSUER | DEFER_TASKRUN
    std::uint32_t queue_depth = 128;  // requests started and not reaped, at most
    std::uint32_t file_count_max = 1024;
    std::uint32_t buffer_count_max = 1024;
    std::uint32_t pool_thread_count = 4;
    bwrt_log_function log = nullptr;  // for what a backend has to say beside its report
    void* log_user = nullptr;
};

struct StorageReport {
    std::uint32_t storage = 0;  // BWRT_STORAGE_URING or _POOL
    std::uint32_t pool_thread_count = 0;
    bool fixed_files = false;
    bool fixed_buffers = false;
    std::string storage_reason;  // steps not taken, and why; empty when the first held
    std::string fixed_files_reason;
    std::string fixed_buffers_reason;
    bwrt_status refusal = BWRT_E_UNSUPPORTED;  // when there is no backend: what bwrt_open() says,
    const char* refusal_field = "config.storage";  // and of which field
};

// Null when nothing works; the report then says why.  Called on the thread that will drive
// when single_driver is set.
[[nodiscard]] std::unique_ptr<StorageBackend> make_storage(const StorageOptions& options,
                                                           StorageReport* report);

// What a runtime stands on: make_storage(), or, in the library that is linked with runtime/faulty
// in its place, that with faults around it.
[[nodiscard]] std::unique_ptr<StorageBackend> open_storage(const StorageOptions& options,
                                                           StorageReport* report);

// Host copies.  A seam only so that the simulated world can stand behind it.
class HostBackend {
 public:
    virtual ~HostBackend() = default;
    // False: the bytes did not arrive (only a simulated or a device-backed one can fail).
    [[nodiscard]] virtual bool copy(void* target, const void* source,
                                    std::size_t length_bytes) noexcept = 0;
};

[[nodiscard]] std::unique_ptr<HostBackend> make_host_copy();

}  // namespace bwrt::runtime
