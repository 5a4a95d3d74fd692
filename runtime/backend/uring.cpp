// SPDX-License-Identifier: Apache-2.0
//
// uring.cpp — storage through io_uring.
//
//   start()  -> slot + request entry        submit(), wait() -> one io_uring_enter()
//   reap()   <- slot <- user_data = generation | index | kind, never a pointer
//
// Slots.  A request lives in a slot from start() on.  It is reported once, when its own
// completion comes; the slot is reused only when, besides, the answer to a cancel sent for it
// is in, so that no answer can meet another's request.  A completion whose generation is not
// the slot's is counted and dropped.
//
// Bound.  The kernel owes one completion for each request, cancel and wake read.  Their sum
// stays within the completion queue: requests up to in_flight_max_, cancels up to what is left
// (more wait in a backlog).  So the queue cannot overflow.  Should the kernel drop completions
// none the less (-EBADR, it had no memory), it counts the dropped ones.  Nothing is started
// until as many completions are owed as were dropped: then the kernel is done with every one of
// them, their memory is nobody's, and they are reported as -EIO.  Before that moment no guess
// is made about which request was lost, for its memory may still be written to.
//
// Sleeping.  wait() submits and sleeps in one system call, and none at all when completions
// are at hand.  wake() sets a flag and writes to an eventfd that the ring has a read on: the
// flag is the truth, and the read merely ends the sleep.  The read is armed in the same system
// call as the sleep, and stays armed until it fires, so an unused wake() costs nothing.
//
// Threads.  With a single driver, the ring is the thread's own (SINGLE_ISSUER, DEFER_TASKRUN,
// registered descriptor).  Otherwise any thread may drive while it holds the executor's baton.
// The kernel then finishes some requests in the context of the thread that submitted them, and
// cancels what waits for a worker of a thread that ends: a -ECANCELED that nobody asked for is
// passed on as -EAGAIN.  Writes run in the context of the thread that submits them; where that
// may be a caller's, SIGXFSZ is kept from it.
//
// Sanitizers see neither the kernel's writes nor the order they imply: start() and reap()
// carry the annotations.

#include "runtime/backend/uring.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>

#include "runtime/backend/file_size_signal.h"
#include "runtime/backend/tsan.h"
#include "runtime/check.h"

namespace bwrt::runtime {
namespace {

// user_data: generation << 32 | index << 2 | kind.
constexpr std::size_t kTransferBytesMax = 0x7ffff000;  // the kernel cuts here, and so do we
constexpr std::size_t kSignalSetBytes = _NSIG / 8;
constexpr std::int64_t kBackOffNs = 100'000;      // the kernel is short of memory
constexpr std::int64_t kLossyWaitNs = 1'000'000;  // no wake read is armed then

// Where the wake reads of all rings land; nobody looks.  It outlives every ring, so a read
// that the kernel drops late, after the ring was closed, finds memory of ours.
std::uint64_t wake_sink;

}  // namespace

bool Uring::start(const IoRequest& request) noexcept {
    if (in_flight_count_ == in_flight_max_ || free_count_ == 0 || lossy_) return false;
    io_uring_sqe* const entry = next_entry();
    if (entry == nullptr) return false;

    const File& file = files_[static_cast<std::uint32_t>(request.file)];
    if (request.kind == IoKind::kFlush) {
        io_uring_prep_fsync(entry, file.fd, IORING_FSYNC_DATASYNC);
    } else {
        fill_transfer(request, file.fd, entry);
    }
    const std::uint32_t index = free_slots_[--free_count_];
    Slot& slot = slots_[index];
    entry->flags = file.entry_flags;
    entry->user_data = pack(slot.generation, index, kKindRequest);
    slot.tag = request.tag;
    slot.state = kSlotBusy;
    ++in_flight_count_;
    BWRT_TSAN_RELEASE(this);
    return true;
}

// One iovec goes by itself: the kernel then need not copy the array in.
void Uring::fill_transfer(const IoRequest& request, int fd, io_uring_sqe* entry) noexcept {
    const bool write = request.kind == IoKind::kWrite;
    if (write) write_started_ = true;
    if (request.iovec_count != 1) {
        io_uring_prep_rw(write ? IORING_OP_WRITEV : IORING_OP_READV, entry, fd, request.iovecs,
                         request.iovec_count, request.offset_bytes);
        return;
    }
    const iovec& part = request.iovecs[0];
    const auto length = static_cast<unsigned>(std::min(part.iov_len, kTransferBytesMax));
    io_uring_prep_rw(write ? IORING_OP_WRITE : IORING_OP_READ, entry, fd, part.iov_base, length,
                     request.offset_bytes);
    if (request.fixed_buffer < 0) return;

    const auto first = static_cast<std::uint32_t>(request.fixed_buffer);
    const std::size_t offset =
        reinterpret_cast<std::uintptr_t>(part.iov_base) - buffers_[first].base;
    const std::size_t piece = offset >> kUringPieceShift;
    if (piece != (offset + length - 1) >> kUringPieceShift) return;
    entry->opcode = write ? IORING_OP_WRITE_FIXED : IORING_OP_READ_FIXED;
    entry->buf_index = static_cast<std::uint16_t>(first + piece);
}

io_uring_sqe* Uring::next_entry() noexcept {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) [[unlikely]] {
        push_queue();
        entry = io_uring_get_sqe(&ring_);
    }
    return entry;
}

// Shows the kernel what was prepared; returns how many entries it has yet to take.
unsigned Uring::publish() noexcept {
    io_uring_sq& queue = ring_.sq;
    queue.sqe_head = queue.sqe_tail;
    io_uring_smp_store_release(queue.ktail, queue.sqe_tail);
    return queue.sqe_tail - IO_URING_READ_ONCE(*queue.khead);
}

void Uring::push_queue() noexcept {
    const unsigned submit_count = publish();
    if (submit_count == 0) return;
    const bool work_waits = (IO_URING_READ_ONCE(*ring_.sq.kflags) & IORING_SQ_TASKRUN) != 0;
    settle_error(enter(submit_count, 0, work_waits ? IORING_ENTER_GETEVENTS : 0, nullptr));
}

void Uring::submit() noexcept {
    if (cancel_backlog_count_ != 0) [[unlikely]]
        issue_cancels();
    push_queue();
}

int Uring::enter(unsigned submit_count, unsigned wait_count, unsigned flags,
                 io_uring_getevents_arg* argument) noexcept {
    const auto fd = static_cast<unsigned>(enter_fd_);
    flags |= enter_flags_;
    // With EXT_ARG the signal set's place is taken by the structure that holds the timeout.
    auto* const set = reinterpret_cast<sigset_t*>(argument);
    const std::size_t set_bytes = argument != nullptr ? sizeof *argument : kSignalSetBytes;
    if (write_started_) {
        write_started_ = false;
        if (!single_driver_) {
            const FileSizeSignalGuard guard;
            return io_uring_enter2(fd, submit_count, wait_count, flags, set, set_bytes);
        }
    }
    return io_uring_enter2(fd, submit_count, wait_count, flags, set, set_bytes);
}

// A count, ETIME and EINTR mean "look again", which every caller does anyway.  An error that is
// not about memory is kept for the self test; after that one, it is a ring driven by the wrong
// thread, or one that was forbidden to us late, and its requests would never end.
void Uring::settle_error(int result) noexcept {
    if (result >= 0 || result == -ETIME || result == -EINTR) [[likely]]
        return;
    if (result == -EBADR) {
        lossy_ = true;
        wake();  // so that its read ends, too, and can be accounted
        return;
    }
    if (result != -EAGAIN && result != -EBUSY && result != -ENOMEM) {
        BWRT_CHECK(!trusted_);
        enter_error_ = -result;
    }
    const timespec pause{0, kBackOffNs};
    if (!results_ready()) nanosleep(&pause, nullptr);
}

bool Uring::results_ready() const noexcept {
    if (lossy_ && lost_are_settled()) return true;
    return io_uring_smp_load_acquire(ring_.cq.ktail) != *ring_.cq.khead;
}

// Submits; enters the kernel for completions only when it says that it has some.
void Uring::look() noexcept {
    constexpr unsigned kWaiting = IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW;
    const unsigned submit_count = publish();
    const bool waiting = (IO_URING_READ_ONCE(*ring_.sq.kflags) & kWaiting) != 0;
    if (submit_count == 0 && !waiting) return;
    settle_error(enter(submit_count, 0, IORING_ENTER_GETEVENTS, nullptr));
}

void Uring::wait(std::int64_t timeout_ns) noexcept {
    if (cancel_backlog_count_ != 0) [[unlikely]]
        issue_cancels();
    // For those who poll readiness_fd(): the read is what empties the eventfd of an old wake.
    if (epoll_fd_ >= 0) arm_wake();
    if (take_wake() || timeout_ns == 0 || results_ready() || !arm_wake()) {
        look();
        return;
    }
    const unsigned submit_count = publish();
    if (lossy_) [[unlikely]]
        timeout_ns = kLossyWaitNs;
    if (timeout_ns < 0) {
        settle_error(enter(submit_count, 1, IORING_ENTER_GETEVENTS, nullptr));
    } else {
        __kernel_timespec timeout{timeout_ns / kNsPerSecond, timeout_ns % kNsPerSecond};
        io_uring_getevents_arg argument{};
        argument.sigmask_sz = kSignalSetBytes;
        argument.ts = reinterpret_cast<std::uintptr_t>(&timeout);
        settle_error(
            enter(submit_count, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &argument));
    }
    take_wake();
}

// Any thread.  W1: the exchange, partner of take_wake()'s.  Who finds the flag set leaves the
// system call to whoever set it; the driver clears it before it returns from wait(), and so sees
// what either of them wrote before.
void Uring::wake() noexcept {
    if (wake_asked_.exchange(true, std::memory_order_acq_rel)) return;
    const std::uint64_t one = 1;
    while (write(event_fd_, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

bool Uring::take_wake() noexcept {
    if (!wake_asked_.load(std::memory_order_relaxed)) [[likely]]
        return false;                                               // the sleep tells
    return wake_asked_.exchange(false, std::memory_order_acq_rel);  // partner: W1
}

// False when there is no room for the read: then there is something to look at, too.
bool Uring::arm_wake() noexcept {
    if (wake_armed_ || lossy_) [[likely]]
        return true;
    io_uring_sqe* const entry = next_entry();
    if (entry == nullptr) return false;
    io_uring_prep_read(entry, event_fd_, &wake_sink, sizeof wake_sink, 0);
    entry->user_data = pack(0, 0, kKindWake);
    wake_armed_ = true;
    return true;
}

std::uint32_t Uring::reap(IoResult* results, std::uint32_t capacity) noexcept {
    const io_uring_cq& queue = ring_.cq;
    const unsigned first = *queue.khead;
    const unsigned tail = io_uring_smp_load_acquire(queue.ktail);
    unsigned head = first;
    std::uint32_t count = 0;
    for (; head != tail && count < capacity; ++head) {
        const io_uring_cqe& completion = queue.cqes[head & queue.ring_mask];
        const std::uint64_t kind = completion.user_data & kKindMask;
        if (kind == kKindRequest) [[likely]] {
            if (finish_request(completion, &results[count])) ++count;
        } else if (kind == kKindCancel) {
            finish_cancel(completion.user_data);
        } else if (kind == kKindWake) {
            wake_armed_ = false;
        } else {
            ++unknown_count_;
        }
    }
    if (head != first) io_uring_smp_store_release(queue.khead, head);
    BWRT_TSAN_ACQUIRE(this);
    if (lossy_) [[unlikely]]
        count += reap_lost(results + count, capacity - count);
    return count;
}

inline bool Uring::finish_request(const io_uring_cqe& completion, IoResult* result_out) noexcept {
    const std::uint32_t index = index_of(completion.user_data);
    if (index >= slot_count_ || slots_[index].generation != generation_of(completion.user_data) ||
        (slots_[index].state & kSlotBusy) == 0) [[unlikely]] {
        ++unknown_count_;
        return false;
    }
    Slot& slot = slots_[index];
    result_out->tag = slot.tag;
    result_out->result = completion.res;
    --in_flight_count_;
    if (slot.state == kSlotBusy) [[likely]] {
        if (completion.res == -ECANCELED) [[unlikely]]
            result_out->result = -EAGAIN;
        free_slot(index);
        return true;
    }
    if ((slot.state & kSlotCancelWanted) != 0) --cancel_backlog_count_;
    slot.state &= kSlotCancelSent;
    if (slot.state == 0) free_slot(index);
    return true;
}

// The ring tells of completions and of a wake while its read is armed, the eventfd of a wake
// while it is not.
int Uring::readiness_fd() const noexcept {
    if (epoll_fd_ >= 0) return epoll_fd_;
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) return -1;
    epoll_event readable{};
    readable.events = EPOLLIN;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, ring_.ring_fd, &readable) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, event_fd_, &readable) != 0) {
        close(epoll);
        return -1;
    }
    epoll_fd_ = epoll;
    return epoll_fd_;
}

std::uint64_t Uring::unknown_result_count() const noexcept { return unknown_count_; }

}  // namespace bwrt::runtime
