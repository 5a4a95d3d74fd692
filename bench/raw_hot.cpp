// SPDX-License-Identifier: Apache-2.0
//
// raw_hot.cpp — see raw_hot.h.

#include "bench/raw_hot.h"

#include "bench/overhead_own.h"

namespace bwrt::bench {
namespace {

constexpr std::uint32_t kDepth = 128;

}  // namespace

RawHotReads::RawHotReads(const TestFile& file) : memory_(HotReads::kFileBytes, Pages::kHuge) {
    io_uring_params parameters = {};
    parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    const int failed = io_uring_queue_init_params(kDepth, &ring_, &parameters);
    if (failed != 0) fail_system("a ring for the raw loop", -failed);
    io_uring_register_ring_fd(&ring_);
    const int fd = file.fd();
    const iovec whole = {memory_.data(), memory_.length_bytes()};
    int status = io_uring_register_files(&ring_, &fd, 1);
    if (status == 0) status = io_uring_register_buffers(&ring_, &whole, 1);
    if (status != 0) {  // the destructor of a half-built object does not run
        io_uring_queue_exit(&ring_);
        fail_system("registering with the raw loop's ring", -status);
    }
}

void RawHotReads::read(const std::vector<std::uint32_t>& blocks, std::uint32_t run) {
    const std::uint32_t request_bytes = run * HotReads::kBlockBytes;
    const auto total = static_cast<std::uint32_t>(blocks.size());
    std::uint32_t started = 0, finished = 0, inflight = 0;
    while (finished < total) {
        while (started < total && inflight < kDepth) {
            io_uring_sqe* const sqe = io_uring_get_sqe(&ring_);
            if (sqe == nullptr) break;
            io_uring_prep_read_fixed(
                sqe, 0, memory_.data() + std::size_t{started} * HotReads::kBlockBytes,
                request_bytes, std::uint64_t{blocks[started]} * HotReads::kBlockBytes, 0);
            sqe->flags |= IOSQE_FIXED_FILE;
            started += run;
            ++inflight;
        }
        io_uring_submit_and_wait(&ring_, 1);
        unsigned head, seen = 0;
        io_uring_cqe* cqe;
        io_uring_for_each_cqe(&ring_, head, cqe) {
            if (cqe->res != static_cast<int>(request_bytes)) {
                throw Failure("E_IO", "the raw loop: a failed or short read");
            }
            ++seen;
        }
        io_uring_cq_advance(&ring_, seen);
        inflight -= seen;
        finished += seen * run;
    }
}

}  // namespace bwrt::bench
