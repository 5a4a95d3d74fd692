// SPDX-License-Identifier: Apache-2.0

#include "bench/store_io.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "bench/bwrt_io.h"

namespace bwrt::bench {

StoreIo::StoreIo(const TestFile& file, const IoJob& shape, std::uint32_t progress,
                 const char* calibration)
    : file_(file),
      block_bytes_(shape.block_bytes),
      wave_block_count_(blocks_per_wave(file, shape)),
      folder_(file.path() + (progress == BWRT_PROGRESS_CALLER ? ".store-caller" : ".store")),
      blocks_(wave_block_count_) {
    const char* const directory = folder_.c_str();
    bwrt_store store = {};
    store.struct_size = sizeof store;
    store.flags = BWRT_STORE_HUGE;
    store.directories = &directory;
    store.directory_count = 1;
    store.disk_bytes = file.length_bytes() * 2 + (std::uint64_t{512} << 20);
    store.transit_bytes =
        std::max<std::uint64_t>(2 * shape.depth * (block_bytes_ + 8192), std::uint64_t{256} << 20);
    bwrt_config config = {};
    config.progress = progress;
    config.queue_depth = request_count(shape, 0);
    config.calibration = calibration;
    config.store = &store;
    runtime_ = std::make_unique<Runtime>(config);
    memory_region_ = runtime_->add_allocated(2 * wave_block_count_ * block_bytes_, &memory_);
    fill();
}

StoreIo::~StoreIo() {
    runtime_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

bwrt_handle StoreIo::submit(std::uint32_t kind, const std::uint64_t* offsets,
                            std::uint64_t first_place) {
    for (std::uint32_t i = 0; i < wave_block_count_; ++i) {
        blocks_[i] = {};
        const std::uint64_t name = offsets[i] + 1;
        std::memcpy(blocks_[i].identity, &name, sizeof name);
    }
    bwrt_operation operation = {};
    operation.kind = kind;
    operation.flags = BWRT_BLOCK_UNRELATED;
    operation.slot_count = wave_block_count_;
    operation.length_bytes = block_bytes_;
    const std::uint64_t in_memory = first_place * block_bytes_;
    if (kind == BWRT_OP_PUT) {
        operation.source = memory_region_;
        operation.source_offset_bytes = in_memory;
    } else {
        operation.target = memory_region_;
        operation.target_offset_bytes = in_memory;
    }
    bwrt_wave wave = {};
    wave.struct_size = sizeof wave;
    wave.operations = &operation;
    wave.operation_count = 1;
    wave.operation_bytes = sizeof operation;
    wave.blocks = blocks_.data();
    wave.block_count = wave_block_count_;
    wave.block_bytes = sizeof(bwrt_block);
    bwrt_error error = {};
    bwrt_handle handle = 0;
    must(bwrt_submit_wave(runtime_->get(), &wave, &handle, &error), error);
    return handle;
}

void StoreIo::fill() {
    const std::uint64_t block_count = file_.length_bytes() / block_bytes_;
    std::vector<std::uint64_t> offsets(wave_block_count_);
    for (std::uint64_t first = 0; first < block_count; first += wave_block_count_) {
        throw_if_interrupted();
        for (std::uint32_t i = 0; i < wave_block_count_; ++i) {
            offsets[i] = std::min(first + i, block_count - 1) * block_bytes_;
            std::byte* const place = memory_ + i * block_bytes_;
            const ssize_t count =
                pread(file_.fd(), place, block_bytes_, static_cast<off_t>(offsets[i]));
            if (count != static_cast<ssize_t>(block_bytes_)) {
                throw Failure("E_IO", "the test file cannot be read into the store");
            }
        }
        runtime_->finish(submit(BWRT_OP_PUT, offsets.data(), 0));
    }
}

IoResult StoreIo::run(const IoJob& job) {
    const IoPlan plan(file_, job);
    IoResult result;
    bwrt_handle waves[2] = {0, 0};
    std::vector<std::uint64_t> offsets(wave_block_count_);
    std::uint64_t started_count = 0, over_count = 0;
    const std::uint64_t cpu_before = cpu_ns(), start_ns = now_ns();
    const std::uint64_t end_ns = start_ns + job.duration_ns;
    const auto start = [&](std::uint64_t half) {
        for (std::uint64_t i = 0; i < wave_block_count_; ++i) {
            offsets[i] = plan.offset_bytes(started_count + i);
        }
        waves[half] = submit(BWRT_OP_GET, offsets.data(), half * wave_block_count_);
        started_count += wave_block_count_;
    };
    start(0);
    start(1);
    for (std::uint64_t half = 0; over_count < started_count; half ^= 1) {
        throw_if_interrupted();
        runtime_->finish(waves[half]);
        for (std::uint64_t i = 0; i < wave_block_count_; ++i) {
            plan.check(over_count + i, memory_ + (half * wave_block_count_ + i) * block_bytes_);
        }
        over_count += wave_block_count_;
        if (now_ns() < end_ns) start(half);
    }
    result.wall_ns = now_ns() - start_ns;
    result.cpu_ns = cpu_ns() - cpu_before;
    result.bytes = over_count * block_bytes_;
    return result;
}

}  // namespace bwrt::bench
