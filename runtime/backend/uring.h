// SPDX-License-Identifier: Apache-2.0
//
// uring.h — storage through io_uring.  The design stands at the head of uring.cpp.

#pragma once

#include <liburing.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "ringbuf/cache_line.h"
#include "runtime/backend/backend.h"

namespace bwrt::runtime {

constexpr unsigned kUringPieceShift = 30;  // the kernel registers at most 1 GiB at a time
constexpr std::size_t kUringPieceBytes = std::size_t{1} << kUringPieceShift;

// What open() met on its way, for the ladder to put into sentences.
struct UringSetup {
    const char* failed_call = nullptr;  // null when there is a ring
    int error = 0;                      // errno of failed_call
    int fixed_files_error = 0;          // 0: registered
    int fixed_buffers_error = 0;
};

class Uring final : public StorageBackend {
 public:
    // Null with setup_out->failed_call set when there is no ring to be had.
    [[nodiscard]] static std::unique_ptr<Uring> open(const StorageOptions& options,
                                                     UringSetup* setup_out);

    // On the driving thread; elsewhere (the driver is gone) only once every result was reaped.
    ~Uring() override;

    Uring(const Uring&) = delete;
    Uring& operator=(const Uring&) = delete;

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
    [[nodiscard]] std::uint64_t unknown_result_count() const noexcept override;

    // For the self test.  Until trust(), an io_uring_enter() that fails is kept here, an errno, and
    // later it is a failed check.  After refuse_buffers() attach_buffer() fails.
    [[nodiscard]] int enter_error() const noexcept { return enter_error_; }
    void trust() noexcept { trusted_ = true; }
    void refuse_buffers() noexcept { fixed_buffers_ = false; }

 private:
    friend struct UringPeer;  // a test forges through it what no kernel does on request

    // What user_data says: generation | index | kind.
    enum : std::uint64_t { kKindRequest = 0, kKindCancel = 1, kKindWake = 2 };
    static constexpr unsigned kIndexShift = 2;
    static constexpr std::uint64_t kKindMask = 3;

    enum : std::uint32_t {
        kSlotBusy = 1u << 0,          // its result is owed to the executor
        kSlotCancelWanted = 1u << 1,  // in the backlog
        kSlotCancelSent = 1u << 2,    // its answer is owed to us
        kSlotCancelKnown = 1u << 3    // its answer came before the result
    };

    static std::uint64_t pack(std::uint32_t generation, std::uint32_t index, std::uint64_t kind) {
        return std::uint64_t{generation} << 32 | std::uint64_t{index} << kIndexShift | kind;
    }
    static std::uint32_t generation_of(std::uint64_t user_data) {
        return static_cast<std::uint32_t>(user_data >> 32);
    }
    static std::uint32_t index_of(std::uint64_t user_data) {
        return static_cast<std::uint32_t>(user_data) >> kIndexShift;
    }

    // A request's place from start() until both its result and the answer to its cancel are in.
    struct Slot {
        std::uint32_t tag;
        std::uint32_t generation;  // counts up when freed: what is not busy matches nothing
        std::uint32_t state;       // of kSlot* bits
    };

    struct File {
        std::int32_t fd;  // as the request entry wants it: table index or descriptor; -1: free
        std::uint8_t entry_flags;
    };

    struct Buffer {
        std::uintptr_t base;
        std::uint32_t piece_count;  // in the first piece's entry; 0 elsewhere
        bool used;
    };

    explicit Uring(const StorageOptions& options);
    bool set_up_ring(UringSetup* setup_out) noexcept;
    void register_tables(UringSetup* setup_out) noexcept;
    int set_file(std::int32_t file, int fd) noexcept;
    int set_buffer(std::uint32_t index, const iovec& piece) noexcept;
    void clear_pieces(std::uint32_t first, std::uint32_t count) noexcept;
    [[nodiscard]] std::uint32_t find_free_pieces(std::size_t count) const noexcept;

    io_uring_sqe* next_entry() noexcept;
    void fill_transfer(const IoRequest& request, int fd, io_uring_sqe* entry) noexcept;
    unsigned publish() noexcept;
    void push_queue() noexcept;
    int enter(unsigned submit_count, unsigned wait_count, unsigned flags,
              io_uring_getevents_arg* argument) noexcept;
    void settle_error(int result) noexcept;
    void look() noexcept;
    bool arm_wake() noexcept;
    bool take_wake() noexcept;
    [[nodiscard]] bool results_ready() const noexcept;

    bool finish_request(const io_uring_cqe& completion, IoResult* result_out) noexcept;
    void finish_cancel(std::uint64_t user_data) noexcept;
    void free_slot(std::uint32_t index) noexcept {
        ++slots_[index].generation;
        slots_[index].state = 0;
        free_slots_[free_count_++] = index;
    }
    void want_cancel(std::uint32_t index) noexcept;
    void issue_cancels() noexcept;

    [[nodiscard]] std::uint32_t owed_count() const noexcept;
    [[nodiscard]] bool lost_are_settled() const noexcept;
    std::uint32_t reap_lost(IoResult* results, std::uint32_t capacity) noexcept;
    bool drain() noexcept;

    // The driver's, hot.
    io_uring ring_{};
    std::unique_ptr<Slot[]> slots_;
    std::unique_ptr<std::uint32_t[]> free_slots_;  // a stack: what was freed last is warm
    std::unique_ptr<File[]> files_;
    std::uint32_t first_free_file_ = 0;  // none before it is
    std::unique_ptr<Buffer[]> buffers_;
    std::uint32_t free_count_ = 0;
    std::uint32_t in_flight_count_ = 0;  // taken and not reaped
    std::uint32_t in_flight_max_;
    int enter_fd_ = -1;  // index of the registered ring, or the ring itself
    unsigned enter_flags_ = 0;
    bool wake_armed_ = false;
    bool write_started_ = false;  // since the last enter(), and signals may reach this thread
    bool lossy_ = false;          // the kernel dropped completions that are not yet accounted

    // The driver's, cold.
    std::uint32_t cancel_count_ = 0;          // sent, and the answer not yet in
    std::uint32_t cancel_backlog_count_ = 0;  // asked for, and not yet sent
    std::uint32_t dropped_settled_count_ = 0;
    std::uint32_t slot_count_;
    std::uint32_t file_count_max_;
    std::uint32_t buffer_count_max_;
    std::uint64_t unknown_count_ = 0;
    bool single_driver_;
    bool ring_ready_ = false;
    bool trusted_ = false;
    int enter_error_ = 0;
    std::uint32_t fixed_file_count_ = 0;  // files beyond keep their descriptors
    bool fixed_buffers_ = false;
    int driver_thread_ = 0;  // kernel id of the thread that made the ring
    int event_fd_ = -1;
    mutable int epoll_fd_ = -1;

    // Written by any thread.
    alignas(ringbuf::kFalseSharingBytes) std::atomic<bool> wake_asked_{false};
};

}  // namespace bwrt::runtime
