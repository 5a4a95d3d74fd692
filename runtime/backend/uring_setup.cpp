// SPDX-License-Identifier: Apache-2.0
//
// uring_setup.cpp — the control plane of io_uring: opening, the tables, ending.
//
// Nothing but the ring itself is needed.  What else is refused (the registered descriptor, the
// file table, the buffer table) is told to the ladder and done without: a file then keeps its
// descriptor, a request its plain form.
//
// Buffers are registered in pieces of 1 GiB, the kernel's limit, in consecutive entries of the
// table, so one attach_buffer() may use several.  A request that crosses from one piece into the
// next takes the plain form.
//
// Ending.  The destructor asks for every request to end and takes what comes.  One that does not
// come within kDrainNsMax is stuck in the kernel, which may still write to its memory: then the
// ring is leaked on purpose, mapped and open, for closing it would not stop the kernel either.
// The memory behind such a request is its owner's to keep; who reaps every result before ending
// the backend, as the executor does, never comes here.

#include "runtime/backend/uring.h"

#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <ctime>
#include <iterator>

namespace bwrt::runtime {
namespace {

constexpr std::uint32_t kQueueEntriesMin = 8;       // room for wake and cancels at depth 1
constexpr std::uint32_t kFixedFilesMax = 1u << 15;  // the kernel's limits
constexpr std::uint32_t kFixedBuffersMax = 1u << 14;
constexpr std::int64_t kDrainNsMax = 10 * kNsPerSecond;
constexpr std::int64_t kDrainStepNs = kNsPerSecond / 10;
constexpr unsigned kFeaturesNeeded =
    IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_SUBMIT_STABLE;

std::int64_t drain_time_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

int thread_id() { return static_cast<int>(syscall(SYS_gettid)); }

}  // namespace

Uring::Uring(const StorageOptions& options)
    : in_flight_max_(std::clamp(options.queue_depth, 1u, kInFlightMax)),
      // Twice as many: a slot whose result is out may wait for the answer to its cancel.
      slot_count_(2 * in_flight_max_),
      file_count_max_(std::max(options.file_count_max, 1u)),
      buffer_count_max_(std::clamp(options.buffer_count_max, 1u, kFixedBuffersMax)),
      single_driver_(options.single_driver) {
    slots_ = std::make_unique<Slot[]>(slot_count_);
    free_slots_ = std::make_unique<std::uint32_t[]>(slot_count_);
    files_ = std::make_unique<File[]>(file_count_max_);
    buffers_ = std::make_unique<Buffer[]>(buffer_count_max_);
    for (std::uint32_t i = 0; i < slot_count_; ++i) free_slots_[i] = slot_count_ - 1 - i;
    free_count_ = slot_count_;
    for (std::uint32_t i = 0; i < file_count_max_; ++i) files_[i].fd = -1;
}

std::unique_ptr<Uring> Uring::open(const StorageOptions& options, UringSetup* setup_out) {
    std::unique_ptr<Uring> uring(new Uring(options));
    if (!uring->set_up_ring(setup_out)) return nullptr;
    return uring;
}

bool Uring::set_up_ring(UringSetup* setup_out) noexcept {
    const auto failed = [setup_out](const char* call, int error) {
        setup_out->failed_call = call;
        setup_out->error = error;
        return false;
    };
    // A blocking eventfd: a read of a non-blocking one would end at once instead of waiting.
    event_fd_ = eventfd(0, EFD_CLOEXEC);
    if (event_fd_ < 0) return failed("eventfd", errno);

    constexpr unsigned kOwnThread =
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
    constexpr unsigned kFlags[] = {kOwnThread | IORING_SETUP_SUBMIT_ALL, IORING_SETUP_SUBMIT_ALL,
                                   0};
    const std::uint32_t entries = std::bit_ceil(std::max(in_flight_max_, kQueueEntriesMin));
    int error = EINVAL;
    io_uring_params parameters{};
    for (std::size_t i = single_driver_ ? 0 : 1; error == EINVAL && i < std::size(kFlags); ++i) {
        parameters = {};
        parameters.flags = kFlags[i] | IORING_SETUP_CQSIZE;
        parameters.cq_entries = 2 * entries;
        error = -io_uring_queue_init_params(entries, &ring_, &parameters);
    }
    if (error != 0) return failed("io_uring_setup", error);
    ring_ready_ = true;
    if ((parameters.features & kFeaturesNeeded) != kFeaturesNeeded) {
        return failed("io_uring_setup, features", EOPNOTSUPP);
    }
    error = -io_uring_ring_dontfork(&ring_);
    if (error != 0) return failed("madvise of the ring", error);
    register_tables(setup_out);
    return true;
}

// Registers by hand what liburing would register with side effects: its sparse file table
// raises RLIMIT_NOFILE, and its ring descriptor is given back on whatever thread ends the ring.
void Uring::register_tables(UringSetup* setup_out) noexcept {
    enter_fd_ = ring_.ring_fd;
    driver_thread_ = thread_id();
    if (single_driver_) {
        io_uring_rsrc_update ring{};
        ring.offset = ~0u;
        ring.data = static_cast<std::uint64_t>(ring_.ring_fd);
        if (io_uring_register(static_cast<unsigned>(ring_.ring_fd), IORING_REGISTER_RING_FDS, &ring,
                              1) == 1) {
            enter_fd_ = static_cast<int>(ring.offset);
            enter_flags_ = IORING_ENTER_REGISTERED_RING;
        }
    }
    io_uring_rsrc_register table{};
    table.flags = IORING_RSRC_REGISTER_SPARSE;
    table.nr = std::min(file_count_max_, kFixedFilesMax);
    setup_out->fixed_files_error = -io_uring_register(static_cast<unsigned>(ring_.ring_fd),
                                                      IORING_REGISTER_FILES2, &table, sizeof table);
    if (setup_out->fixed_files_error == 0) fixed_file_count_ = table.nr;
    table.nr = buffer_count_max_;
    setup_out->fixed_buffers_error = -io_uring_register(
        static_cast<unsigned>(ring_.ring_fd), IORING_REGISTER_BUFFERS2, &table, sizeof table);
    fixed_buffers_ = setup_out->fixed_buffers_error == 0;
}

int Uring::set_file(std::int32_t file, int fd) noexcept {
    const int updated = io_uring_register_files_update(&ring_, static_cast<unsigned>(file), &fd, 1);
    return updated == 1 ? 0 : updated;
}

std::int32_t Uring::attach_file(int fd) noexcept {
    if (fd < 0) return -EBADF;
    std::uint32_t& free = first_free_file_;
    while (free < file_count_max_ && files_[free].fd >= 0) ++free;
    if (free == file_count_max_) return -ENFILE;
    const auto file = static_cast<std::int32_t>(free);
    const bool fixed = free < fixed_file_count_ && set_file(file, fd) == 0;
    files_[free] = {fixed ? file : fd, static_cast<std::uint8_t>(fixed ? IOSQE_FIXED_FILE : 0)};
    ++free;
    return file;
}

void Uring::detach_file(std::int32_t file) noexcept {
    File& entry = files_[static_cast<std::uint32_t>(file)];
    if ((entry.entry_flags & IOSQE_FIXED_FILE) != 0) set_file(file, -1);
    entry = {-1, 0};
    first_free_file_ = std::min(first_free_file_, static_cast<std::uint32_t>(file));
}

int Uring::set_buffer(std::uint32_t index, const iovec& piece) noexcept {
    const int updated = io_uring_register_buffers_update_tag(&ring_, index, &piece, nullptr, 1);
    return updated == 1 ? 0 : updated;
}

std::uint32_t Uring::find_free_pieces(std::size_t count) const noexcept {
    std::size_t found = 0;
    for (std::uint32_t i = 0; i < buffer_count_max_; ++i) {
        found = buffers_[i].used ? 0 : found + 1;
        if (found == count) return static_cast<std::uint32_t>(i + 1 - count);
    }
    return buffer_count_max_;
}

std::int32_t Uring::attach_buffer(void* address, std::size_t length_bytes) noexcept {
    if (!fixed_buffers_) return -EOPNOTSUPP;
    if (length_bytes == 0) return -EINVAL;
    const std::size_t count = (length_bytes - 1) / kUringPieceBytes + 1;
    const std::uint32_t first = find_free_pieces(count);
    if (first == buffer_count_max_) return -ENOSPC;
    auto* const bytes = static_cast<std::byte*>(address);
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t start = i * kUringPieceBytes;
        const iovec piece{bytes + start, std::min(length_bytes - start, kUringPieceBytes)};
        const auto index = static_cast<std::uint32_t>(first + i);
        const int error = set_buffer(index, piece);
        if (error != 0) {
            clear_pieces(first, static_cast<std::uint32_t>(i));
            return error;
        }
        buffers_[index] = {reinterpret_cast<std::uintptr_t>(address), 0, true};
    }
    buffers_[first].piece_count = static_cast<std::uint32_t>(count);
    return static_cast<std::int32_t>(first);
}

void Uring::clear_pieces(std::uint32_t first, std::uint32_t count) noexcept {
    for (std::uint32_t i = first; i < first + count; ++i) {
        set_buffer(i, iovec{nullptr, 0});
        buffers_[i] = {};
    }
}

void Uring::detach_buffer(std::int32_t buffer) noexcept {
    const auto first = static_cast<std::uint32_t>(buffer);
    clear_pieces(first, buffers_[first].piece_count);
}

// True when the kernel holds no request of ours any more.  A ring that failed its self test by
// enter_error_ never took one.
bool Uring::drain() noexcept {
    if (enter_error_ != 0) return true;
    const std::int64_t deadline_ns = drain_time_ns() + kDrainNsMax;
    while (in_flight_count_ != 0 && drain_time_ns() < deadline_ns) {
        for (std::uint32_t i = 0; i < slot_count_; ++i) want_cancel(i);
        wait(kDrainStepNs);
        IoResult results[64];
        while (reap(results, std::size(results)) != 0) {
        }
    }
    return in_flight_count_ == 0;
}

Uring::~Uring() {
    const bool on_driver = !single_driver_ || thread_id() == driver_thread_;
    const bool drained = in_flight_count_ == 0 || (on_driver && drain());
    if (ring_ready_ && drained) {
        if (enter_flags_ != 0 && on_driver) {
            io_uring_rsrc_update ring{};
            ring.offset = static_cast<std::uint32_t>(enter_fd_);
            io_uring_register(static_cast<unsigned>(ring_.ring_fd), IORING_UNREGISTER_RING_FDS,
                              &ring, 1);
        }
        io_uring_queue_exit(&ring_);
    }
    if (epoll_fd_ >= 0) close(epoll_fd_);
    if (event_fd_ >= 0) close(event_fd_);
}

}  // namespace bwrt::runtime
