// SPDX-License-Identifier: Apache-2.0
//
// raw_io.cpp — see raw_io.h.

#include "bench/raw_io.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace bwrt::bench {

RawIo::RawIo(const TestFile& file, const IoJob& shape, const RawOptions& options)
    : file_(file),
      options_(options),
      block_bytes_(shape.block_bytes),
      request_bytes_(std::min(shape.block_bytes, options.request_bytes_max)),
      slots_(shape.depth) {
    const std::uint64_t window_bytes = block_bytes_ * shape.depth;
    if (options.memory == RawMemory::kHugeFixed || options.memory == RawMemory::kStaged) {
        fixed_ = std::make_unique<Memory>(window_bytes, Pages::kHuge);
    }
    if (options.memory != RawMemory::kHugeFixed) {
        ordinary_ = std::make_unique<Memory>(
            std::max(options.spread_bytes, window_bytes),
            options.memory == RawMemory::kFresh ? Pages::kFresh : Pages::kOrdinary);
    }
    const std::uint64_t parts = (block_bytes_ + request_bytes_ - 1) / request_bytes_;
    io_uring_params parameters = {};
    parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    const int failed =
        io_uring_queue_init_params(static_cast<unsigned>(shape.depth * parts), &ring_, &parameters);
    if (failed != 0) fail_system("a ring for the raw loop", -failed);
    io_uring_register_ring_fd(&ring_);
    const int fd = file.fd();
    int status = io_uring_register_files(&ring_, &fd, 1);
    if (status == 0 && fixed_ != nullptr) {
        const iovec whole = {fixed_->data(), fixed_->length_bytes()};
        status = io_uring_register_buffers(&ring_, &whole, 1);
    }
    if (status != 0) {
        io_uring_queue_exit(&ring_);
        fail_system("registering with the raw loop's ring", -status);
    }
}

RawIo::~RawIo() { io_uring_queue_exit(&ring_); }

// Of what is staged, a place is in use only while its block is copied.
std::byte* RawIo::ordinary_place(std::uint64_t sequence) const {
    return ordinary_->data() + sequence % (ordinary_->length_bytes() / block_bytes_) * block_bytes_;
}

void RawIo::start(const IoJob& job, const IoPlan& plan, std::uint32_t slot_index) {
    Slot& slot = slots_[slot_index];
    const std::uint64_t sequence = slot.sequence;
    const bool is_read = job.direction == Direction::kRead;
    const bool is_fixed = fixed_ != nullptr;
    std::byte* const block = is_fixed ? fixed_->data() + slot_index * block_bytes_
                                      : ordinary_->data() + slot_index * block_bytes_;
    if (!is_read) {
        std::byte* const source =
            options_.memory == RawMemory::kStaged ? ordinary_place(sequence) : block;
        plan.stamp(sequence, source);
        if (source != block) std::memcpy(block, source, block_bytes_);
    }
    if (job.latencies) slot.submitted_ns = now_ns();
    slot.requests_left = 0;
    for (std::uint64_t done = 0; done < block_bytes_; done += request_bytes_) {
        io_uring_sqe* const sqe = io_uring_get_sqe(&ring_);
        if (sqe == nullptr) throw Failure("E_INTERNAL", "the raw loop's ring is full");
        const auto length = static_cast<unsigned>(std::min(request_bytes_, block_bytes_ - done));
        const std::uint64_t offset = plan.offset_bytes(sequence) + done;
        if (is_read && is_fixed) {
            io_uring_prep_read_fixed(sqe, 0, block + done, length, offset, 0);
        } else if (is_read) {
            io_uring_prep_read(sqe, 0, block + done, length, offset);
        } else if (is_fixed) {
            io_uring_prep_write_fixed(sqe, 0, block + done, length, offset, 0);
        } else {
            io_uring_prep_write(sqe, 0, block + done, length, offset);
        }
        sqe->flags |= IOSQE_FIXED_FILE;
        sqe->user_data = std::uint64_t{length} << 32 | slot_index;
        ++slot.requests_left;
    }
}

std::uint32_t RawIo::reap(const IoJob& job, const IoPlan& plan, IoResult* result) {
    unsigned head, seen = 0;
    std::uint32_t over_count = 0;
    io_uring_cqe* cqe;
    io_uring_for_each_cqe(&ring_, head, cqe) {
        ++seen;
        const auto slot_index = static_cast<std::uint32_t>(cqe->user_data);
        if (cqe->res < 0) fail_system(file_.path(), -cqe->res);
        if (static_cast<std::uint64_t>(cqe->res) != cqe->user_data >> 32) {
            throw Failure("E_TRUNCATED", file_.path() + ": a short count");
        }
        Slot& slot = slots_[slot_index];
        if (--slot.requests_left > 0) continue;
        std::byte* block =
            (fixed_ != nullptr ? fixed_ : ordinary_)->data() + slot_index * block_bytes_;
        if (job.direction == Direction::kRead) {
            if (options_.memory == RawMemory::kStaged) {
                std::byte* const target = ordinary_place(slot.sequence);
                std::memcpy(target, block, block_bytes_);
                block = target;
            }
            plan.check(slot.sequence, block);
        }
        if (job.latencies) {
            result->latencies_ns.add(static_cast<double>(now_ns() - slot.submitted_ns));
        }
        free_slots_.push_back(slot_index);
        ++over_count;
    }
    io_uring_cq_advance(&ring_, seen);
    return over_count;
}

IoResult RawIo::run(const IoJob& job) {
    const IoPlan plan(file_, job);
    IoResult result;
    free_slots_.resize(slots_.size());
    for (std::uint32_t i = 0; i < slots_.size(); ++i) free_slots_[i] = i;

    const std::uint64_t cpu_before = cpu_ns(), start_ns = now_ns();
    const std::uint64_t end_ns = start_ns + job.duration_ns;
    std::uint64_t started_count = 0, over_count = 0;
    bool more = true;
    while (more || over_count < started_count) {
        while (more && !free_slots_.empty()) {
            const std::uint32_t slot_index = free_slots_.back();
            free_slots_.pop_back();
            slots_[slot_index].sequence = started_count++;
            start(job, plan, slot_index);
        }
        const int submitted = io_uring_submit_and_wait(&ring_, 1);
        if (submitted < 0 && submitted != -EINTR) fail_system("io_uring_enter", -submitted);
        over_count += reap(job, plan, &result);
        throw_if_interrupted();
        more = now_ns() < end_ns;
    }
    result.wall_ns = now_ns() - start_ns;
    result.cpu_ns = cpu_ns() - cpu_before;
    result.bytes = over_count * block_bytes_;
    if (job.direction == Direction::kWrite) plan.check_written(file_, over_count);
    return result;
}

}  // namespace bwrt::bench
