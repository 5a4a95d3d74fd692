// SPDX-License-Identifier: Apache-2.0
//
// ladder.cpp — which storage backend it is, and why not the one above it.
//
//   io_uring  on kernels from 6.1 on (or any that has what we need, when asked for by name),
//             if it can be set up and reads a known pattern back
//   pool      else
//
// Every step not taken leaves a sentence with the call that failed and its errno.  They end up
// in bwrt_caps, whose fields are small, hence their brevity.  Kernels before 6.1 lack DEFER_TASKRUN
// and had rings that hung.
//
// The self test is what distinguishes "can be set up" from "works": a filter may let the set-up
// pass and not the rest, and registered huge pages have been broken in the kernel before.

#include "runtime/backend/backend.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "runtime/backend/preadv_pool.h"
#include "runtime/backend/uring.h"
#include "runtime/status.h"

namespace bwrt::runtime {
namespace {

constexpr int kKernelMajorMin = 6;
constexpr int kKernelMinorMin = 1;
constexpr std::size_t kTestBytes = 4096;
constexpr std::size_t kTestOffset = 64;  // so that a read from 0 does not pass
constexpr std::int64_t kTestNsMax = 5'000'000'000;

std::string sentence(const char* call, int error) {
    return std::string(call) + ": " + errno_name(error);
}

// '0', '1' or '2'; 0 where the kernel has no such switch.
char io_uring_disabled() {
    char value = 0;
    const int fd = open("/proc/sys/kernel/io_uring_disabled", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    if (read(fd, &value, 1) != 1) value = 0;
    close(fd);
    return value;
}

std::string limit_text(int resource) {
    rlimit limit{};
    if (getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0) return "unknown";
    if (limit.rlim_cur == RLIM_INFINITY) return "unlimited";
    return std::to_string(limit.rlim_cur);
}

std::string uring_hint(int error) {
    const char disabled = io_uring_disabled();
    if (error == EPERM && (disabled == '1' || disabled == '2')) {
        return std::string(" (kernel.io_uring_disabled is ") + disabled + ")";
    }
    if (error == EPERM) return " (by a seccomp filter or a security module)";
    if (error == ENOSYS) return " (not in this kernel, or denied by a seccomp filter)";
    if (error == EMFILE) return " (RLIMIT_NOFILE is " + limit_text(RLIMIT_NOFILE) + ")";
    if (error == ENOMEM) return " (RLIMIT_MEMLOCK is " + limit_text(RLIMIT_MEMLOCK) + ")";
    return "";
}

std::string table_reason(const char* what, int error) {
    if (error == 0) return "";
    return sentence(what, error) + uring_hint(error);
}

bool kernel_is_old(std::string* reason) {
    utsname name{};
    int major = 0;
    int minor = 0;
    if (uname(&name) != 0 || std::sscanf(name.release, "%d.%d", &major, &minor) != 2) return false;
    if (major > kKernelMajorMin || (major == kKernelMajorMin && minor >= kKernelMinorMin)) {
        return false;
    }
    *reason = "kernel " + std::to_string(major) + "." + std::to_string(minor) +
              " is below 6.1, where io_uring is taken by itself";
    return true;
}

void add_reason(StorageReport* report, const std::string& reason) {
    if (!report->storage_reason.empty()) report->storage_reason += "; ";
    report->storage_reason += reason;
}

std::int64_t now_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

// Reads through the ring into plain and into registered memory.  A page whose read timed out
// stays mapped: the bytes may still come.
class SelfTest {
 public:
    explicit SelfTest(Uring* uring) : uring_(uring) {
        for (std::size_t i = 0; i < sizeof pattern_; ++i) {
            pattern_[i] = static_cast<unsigned char>(i * 131 + (i >> 8));
        }
    }
    ~SelfTest() {
        if (file_ >= 0) uring_->detach_file(file_);
        if (fd_ >= 0) close(fd_);
        if (page_ != MAP_FAILED && !page_is_lost_) munmap(page_, kTestBytes);
    }
    SelfTest(const SelfTest&) = delete;
    SelfTest& operator=(const SelfTest&) = delete;

    // Why the ring cannot be used; empty when it can.
    std::string run() {
        fd_ = memfd_create("bwrt-self-test", MFD_CLOEXEC);
        if (fd_ < 0) return sentence("self test, memfd_create", errno);
        if (write(fd_, pattern_, sizeof pattern_) != sizeof pattern_) {
            return sentence("self test, write", errno);
        }
        page_ =
            mmap(nullptr, kTestBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page_ == MAP_FAILED) return sentence("self test, mmap", errno);
        file_ = uring_->attach_file(fd_);
        if (file_ < 0) return sentence("self test, attach_file", -file_);
        const int error = read_pattern(-1);
        return error == 0 ? "" : sentence("self test, read", error) + uring_hint(error);
    }

    // After run(): why registered buffers cannot be used; empty when they can.
    std::string run_with_buffer() {
        const std::int32_t buffer = uring_->attach_buffer(page_, kTestBytes);
        if (buffer < 0) {
            return sentence("io_uring_register_buffers", -buffer) + uring_hint(-buffer);
        }
        const int error = read_pattern(buffer);
        uring_->detach_buffer(buffer);
        return error == 0 ? "" : sentence("self test, fixed read", error);
    }

 private:
    // 0 or the errno of the read; EILSEQ when other bytes came, ETIMEDOUT when none did.
    int read_pattern(std::int32_t fixed_buffer) {
        std::memset(page_, 0, kTestBytes);
        const iovec part{page_, kTestBytes};
        IoRequest request;
        request.file = file_;
        request.fixed_buffer = fixed_buffer;
        request.iovec_count = 1;
        request.iovecs = &part;
        request.offset_bytes = kTestOffset;
        if (!uring_->start(request)) return EBUSY;

        IoResult result{};
        const std::int64_t deadline_ns = now_ns() + kTestNsMax;
        while (uring_->reap(&result, 1) == 0) {
            page_is_lost_ = now_ns() > deadline_ns;
            if (page_is_lost_) return ETIMEDOUT;
            uring_->wait(kTestNsMax);
            if (uring_->enter_error() != 0) return uring_->enter_error();
        }
        if (result.result < 0) return -result.result;
        if (result.result != static_cast<std::int32_t>(kTestBytes)) return EIO;
        return std::memcmp(page_, pattern_ + kTestOffset, kTestBytes) == 0 ? 0 : EILSEQ;
    }

    Uring* uring_;
    int fd_ = -1;
    std::int32_t file_ = -1;
    void* page_ = MAP_FAILED;
    bool page_is_lost_ = false;
    unsigned char pattern_[kTestOffset + kTestBytes];
};

std::unique_ptr<StorageBackend> make_uring(const StorageOptions& options, StorageReport* report) {
    UringSetup setup;
    std::unique_ptr<Uring> uring = Uring::open(options, &setup);
    if (uring == nullptr) {
        report->storage_reason = sentence(setup.failed_call, setup.error) + uring_hint(setup.error);
        return nullptr;
    }
    SelfTest test(uring.get());
    report->storage_reason = test.run();
    if (!report->storage_reason.empty()) return nullptr;

    report->fixed_files_reason = table_reason("io_uring_register_files", setup.fixed_files_error);
    report->fixed_buffers_reason =
        setup.fixed_buffers_error == 0
            ? test.run_with_buffer()
            : table_reason("io_uring_register_buffers", setup.fixed_buffers_error);
    report->fixed_files = report->fixed_files_reason.empty();
    report->fixed_buffers = report->fixed_buffers_reason.empty();
    if (!report->fixed_buffers) uring->refuse_buffers();
    uring->trust();
    report->storage = BWRT_STORAGE_URING;
    return uring;
}

std::unique_ptr<StorageBackend> make_pool(const StorageOptions& options, StorageReport* report) {
    PoolSetup setup;
    std::unique_ptr<PreadvPool> pool = PreadvPool::open(options, &setup);
    if (setup.thread_error != 0) {
        add_reason(report, "pool: " + std::to_string(setup.thread_count) + " of " +
                               std::to_string(options.pool_thread_count) + " threads, " +
                               sentence("pthread_create", setup.thread_error));
    }
    if (pool == nullptr) return nullptr;
    report->storage = BWRT_STORAGE_POOL;
    report->pool_thread_count = setup.thread_count;
    report->fixed_files_reason = "the pool has none";
    report->fixed_buffers_reason = "the pool has none";
    return pool;
}

}  // namespace

std::unique_ptr<StorageBackend> make_storage(const StorageOptions& options, StorageReport* report) {
    *report = {};
    if (options.storage == BWRT_STORAGE_POOL) {
        report->storage_reason = "io_uring: not asked for";
        return make_pool(options, report);
    }
    const bool by_itself = options.storage == BWRT_STORAGE_AUTO;
    if (!by_itself || !kernel_is_old(&report->storage_reason)) {
        std::unique_ptr<StorageBackend> uring = make_uring(options, report);
        if (uring != nullptr || !by_itself) return uring;
    }
    return make_pool(options, report);
}

}  // namespace bwrt::runtime
