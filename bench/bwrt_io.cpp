// SPDX-License-Identifier: Apache-2.0
//
// bwrt_io.cpp — see bwrt_io.h.

#include "bench/bwrt_io.h"

#include <poll.h>

#include <algorithm>

namespace bwrt::bench {
namespace {

constexpr std::uint64_t kDefaultIoBytes = std::uint64_t{1} << 20;
constexpr std::uint32_t kQueueDepthMax = 4096;

bwrt_config config_of(const IoJob& shape, const BwrtOptions& options) {
    bwrt_config config = {};
    config.progress = options.progress;
    config.io_bytes_max = options.io_bytes_max;
    config.calibration = options.calibration;
    config.queue_depth = request_count(shape, options.io_bytes_max);
    return config;
}

}  // namespace

std::uint32_t request_count(const IoJob& shape, std::uint64_t io_bytes_max) {
    const std::uint64_t io_bytes = io_bytes_max != 0 ? io_bytes_max : kDefaultIoBytes;
    const std::uint64_t requests = shape.depth * ((shape.block_bytes + io_bytes - 1) / io_bytes);
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(requests, kQueueDepthMax));
}

std::uint32_t blocks_per_wave(const TestFile& file, const IoJob& shape) {
    const std::uint64_t bytes = std::uint64_t{32} << 20;
    const std::uint64_t blocks =
        std::clamp<std::uint64_t>(bytes / shape.block_bytes, shape.depth, 1024);
    return static_cast<std::uint32_t>(std::min(blocks, file.length_bytes() / shape.block_bytes));
}

BwrtIo::BwrtIo(const TestFile& file, const IoJob& shape, const BwrtOptions& options)
    : file_(file),
      options_(options),
      block_bytes_(shape.block_bytes),
      wave_block_count_(blocks_per_wave(file, shape)),
      place_count_(options.waves == Waves::kBatched ? 2 * std::uint64_t{wave_block_count_}
                                                    : shape.depth),
      runtime_(config_of(shape, options)) {
    file_region_ = runtime_.add_file(file.fd(), true);
    if (options.memory == Pages::kHuge || options.memory == Pages::kOwn) {
        memory_region_ = runtime_.add_allocated(place_count_ * block_bytes_, &memory_,
                                                options.memory == Pages::kHuge);
        return;
    }
    ordinary_ = std::make_unique<Memory>(place_count_ * block_bytes_, options.memory);
    memory_ = ordinary_->data();
    memory_region_ = runtime_.add_host(memory_, ordinary_->length_bytes());
}

bwrt_operation BwrtIo::operation(const IoJob& job, const IoPlan& plan, std::uint64_t sequence,
                                 std::uint64_t place) const {
    bwrt_operation operation = {};
    const std::uint64_t in_file = plan.offset_bytes(sequence);
    const std::uint64_t in_memory = place * block_bytes_;
    operation.length_bytes = block_bytes_;
    if (job.direction == Direction::kRead) {
        operation.kind = BWRT_OP_READ;
        operation.source = file_region_;
        operation.source_offset_bytes = in_file;
        operation.target = memory_region_;
        operation.target_offset_bytes = in_memory;
    } else {
        plan.stamp(sequence, memory_ + in_memory);
        operation.kind = BWRT_OP_WRITE;
        operation.source = memory_region_;
        operation.source_offset_bytes = in_memory;
        operation.target = file_region_;
        operation.target_offset_bytes = in_file;
    }
    return operation;
}

// A wave's user_data is its place; sequences[place] says what lies there.
std::uint64_t BwrtIo::run_queued(const IoJob& job, const IoPlan& plan, std::uint64_t end_ns,
                                 IoResult* result) {
    if (event_fd_ < 0) {
        bwrt_error error = {};
        must(bwrt_event_fd(runtime_.get(), &event_fd_, &error), error);
    }
    std::vector<std::uint64_t> sequences(place_count_);
    std::vector<bwrt_completion> ended(job.depth);
    std::uint64_t started_count = 0, over_count = 0;
    const auto start = [&](std::uint64_t place) {
        sequences[place] = started_count;
        const bwrt_operation one = operation(job, plan, started_count++, place);
        runtime_.submit(&one, 1, BWRT_DELIVER_QUEUE, place);
    };
    for (std::uint64_t place = 0; place < place_count_; ++place) start(place);
    while (over_count < started_count) {
        std::uint32_t ended_count = 0;
        bwrt_error error = {};
        must(bwrt_poll(runtime_.get(), ended.data(), job.depth, &ended_count, &error), error);
        if (ended_count == 0) {
            pollfd wait = {event_fd_, POLLIN, 0};
            poll(&wait, 1, 100);
            throw_if_interrupted();
            continue;
        }
        const bool more = now_ns() < end_ns;
        for (std::uint32_t i = 0; i < ended_count; ++i) {
            must(ended[i]);
            const std::uint64_t place = ended[i].user_data;
            if (job.direction == Direction::kRead) {
                plan.check(sequences[place], memory_ + place * block_bytes_);
            }
            if (job.latencies) {
                result->latencies_ns.add(
                    static_cast<double>(ended[i].finished_ns - ended[i].submitted_ns));
            }
            if (more) start(place);
        }
        over_count += ended_count;
    }
    return over_count;
}

std::uint64_t BwrtIo::run_batched(const IoJob& job, const IoPlan& plan, std::uint64_t end_ns) {
    std::vector<bwrt_operation> operations(wave_block_count_);
    bwrt_handle waves[2] = {0, 0};
    std::uint64_t started_count = 0, over_count = 0;
    const auto start = [&](std::uint64_t half) {
        for (std::uint64_t i = 0; i < wave_block_count_; ++i) {
            operations[i] = operation(job, plan, started_count + i, half * wave_block_count_ + i);
        }
        waves[half] = runtime_.submit(operations.data(), wave_block_count_);
        started_count += wave_block_count_;
    };
    const auto finish = [&](std::uint64_t half) {
        runtime_.finish(waves[half]);
        for (std::uint64_t i = 0; job.direction == Direction::kRead && i < wave_block_count_; ++i) {
            plan.check(over_count + i, memory_ + (half * wave_block_count_ + i) * block_bytes_);
        }
        over_count += wave_block_count_;
    };
    start(0);
    start(1);
    std::uint64_t half = 0;
    while (over_count < started_count) {
        throw_if_interrupted();
        finish(half);
        if (now_ns() < end_ns) start(half);
        half ^= 1;
    }
    return over_count;
}

std::uint64_t BwrtIo::run_single(const IoJob& job, const IoPlan& plan, std::uint64_t end_ns,
                                 IoResult* result) {
    std::uint64_t over_count = 0;
    std::uint64_t before = now_ns();
    while (before < end_ns) {
        throw_if_interrupted();
        const bwrt_operation one = operation(job, plan, over_count, 0);
        runtime_.finish(runtime_.submit(&one, 1));
        const std::uint64_t after = now_ns();
        if (job.direction == Direction::kRead) plan.check(over_count, memory_);
        if (job.latencies) result->latencies_ns.add(static_cast<double>(after - before));
        ++over_count;
        before = now_ns();
    }
    return over_count;
}

std::uint64_t BwrtIo::run_waves(const IoJob& job, const IoPlan& plan, std::uint64_t end_ns,
                                IoResult* result) {
    switch (options_.waves) {
        case Waves::kQueued:
            return run_queued(job, plan, end_ns, result);
        case Waves::kBatched:
            return run_batched(job, plan, end_ns);
        default:
            return run_single(job, plan, end_ns, result);
    }
}

IoResult BwrtIo::run(const IoJob& job) {
    const IoPlan plan(file_, job);
    IoResult result;
    const std::uint64_t cpu_before = cpu_ns(), start_ns = now_ns();
    const std::uint64_t end_ns = start_ns + job.duration_ns;
    const std::uint64_t block_count = run_waves(job, plan, end_ns, &result);
    result.wall_ns = now_ns() - start_ns;
    result.cpu_ns = cpu_ns() - cpu_before;
    result.bytes = block_count * block_bytes_;
    if (job.direction == Direction::kWrite) plan.check_written(file_, block_count);
    return result;
}

}  // namespace bwrt::bench
