// SPDX-License-Identifier: Apache-2.0
//
// overhead_own.cpp — see overhead_own.h.

#include "bench/overhead_own.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <numeric>
#include <random>
#include <thread>

namespace bwrt::bench {
namespace {

bwrt_config config_of(std::uint32_t progress) {
    bwrt_config config = {};
    config.progress = progress;
    return config;
}

// One thread's share: submission times.
void submit_copies(Runtime* runtime, const std::vector<bwrt_handle>& targets, std::uint32_t thread,
                   const SubmissionShape& shape, Samples* submit_ns) {
    std::byte source[64] = {};
    bwrt_operation operation = {};
    operation.kind = BWRT_OP_COPY;
    operation.source = BWRT_PROCESS_MEMORY;
    operation.length_bytes = sizeof source;
    operation.source_offset_bytes = reinterpret_cast<std::uintptr_t>(source);
    bwrt_wave wave = {};
    wave.struct_size = sizeof wave;
    wave.operations = &operation;
    wave.operation_count = 1;
    wave.operation_bytes = sizeof operation;
    if (shape.deadline) {
        wave.deadline_ns = 1'000'000'000;
        wave.flags = BWRT_WAVE_DEADLINE_RELATIVE;
    }
    for (std::uint32_t i = 0; i < shape.wave_count; ++i) {
        operation.target = targets[(i + thread * 7) % targets.size()];
        bwrt_handle handle;
        std::uint64_t before = now_ns();
        bwrt_status status;
        while ((status = bwrt_submit_wave(runtime->get(), &wave, &handle, nullptr)) != BWRT_OK) {
            if (status != BWRT_E_AGAIN) throw Failure(bwrt_status_name(status), "a refused copy");
            std::this_thread::yield();  // full: the executor is without a core
            before = now_ns();
        }
        submit_ns->add(static_cast<double>(now_ns() - before));
        runtime->finish(handle);
    }
}

}  // namespace

std::vector<std::uint32_t> scattered_blocks(std::uint32_t run, std::uint32_t seed) {
    std::vector<std::uint32_t> starts(HotReads::kBlockCount / run);
    for (std::size_t i = 0; i < starts.size(); ++i) starts[i] = static_cast<std::uint32_t>(i) * run;
    std::shuffle(starts.begin(), starts.end(), std::mt19937(seed));
    std::vector<std::uint32_t> blocks;
    blocks.reserve(HotReads::kBlockCount);
    for (const std::uint32_t start : starts) {
        for (std::uint32_t i = 0; i < run; ++i) blocks.push_back(start + i);
    }
    return blocks;
}

void check_blocks(const std::vector<std::uint32_t>& blocks, const std::byte* memory) {
    constexpr std::size_t kSampleInterval = 61;
    for (std::size_t i = 0; i < blocks.size(); i += kSampleInterval) {
        std::uint64_t word = 0;
        std::memcpy(&word, memory + i * HotReads::kBlockBytes, sizeof word);
        if (word != page_word(std::uint64_t{blocks[i]} * HotReads::kBlockBytes)) {
            throw Failure("E_CORRUPT", "wrong bytes in block " + std::to_string(blocks[i]));
        }
    }
}

HotReads::HotReads(const TestFile& file, std::uint32_t progress)
    : runtime_(config_of(progress)), places_(kBlockCount), operations_(kBlockCount) {
    file_ = runtime_.add_file(file.fd(), false);
    region_ = runtime_.add_allocated(kFileBytes, &memory_);
    file_slots_ = runtime_.add_block_layout(file_, kBlockCount, kBlockBytes);
    memory_slots_ = runtime_.add_block_layout(region_, kBlockCount, kBlockBytes);
    std::iota(places_.begin(), places_.end(), 0);
}

void HotReads::read_one(std::uint32_t block) {
    bwrt_operation operation = {};
    operation.kind = BWRT_OP_READ;
    operation.source = file_;
    operation.target = region_;
    operation.source_offset_bytes = std::uint64_t{block} * kBlockBytes;
    operation.length_bytes = kBlockBytes;
    runtime_.finish(runtime_.submit(&operation, 1));
}

void HotReads::read_indexed(const std::vector<std::uint32_t>& blocks) {
    bwrt_operation operation = {};
    operation.kind = BWRT_OP_READ;
    operation.source = file_slots_;
    operation.target = memory_slots_;
    operation.source_slots = blocks.data();
    operation.target_slots = places_.data();
    operation.slot_count = static_cast<std::uint32_t>(blocks.size());
    runtime_.finish(runtime_.submit(&operation, 1));
}

void HotReads::read_flat(const std::vector<std::uint32_t>& blocks) {
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        bwrt_operation& operation = operations_[i];
        operation = {};
        operation.kind = BWRT_OP_READ;
        operation.source = file_;
        operation.target = region_;
        operation.source_offset_bytes = std::uint64_t{blocks[i]} * kBlockBytes;
        operation.target_offset_bytes = i * kBlockBytes;
        operation.length_bytes = kBlockBytes;
    }
    runtime_.finish(runtime_.submit(operations_.data(), static_cast<std::uint32_t>(blocks.size())));
}

SubmissionCost submission_cost(Runtime* runtime, const SubmissionShape& shape) {
    std::vector<std::byte> memory(std::size_t{shape.region_count} * 4096);
    std::vector<bwrt_handle> targets;
    for (std::uint32_t i = 0; i < shape.region_count; ++i) {
        targets.push_back(runtime->add_host(memory.data() + std::size_t{i} * 4096, 4096));
    }
    std::vector<Samples> samples(shape.thread_count);
    std::vector<std::exception_ptr> failures(shape.thread_count);
    std::atomic<std::uint32_t> ready_count{0};
    const std::uint64_t cpu_before = cpu_ns();
    const auto body = [&](std::uint32_t thread) {
        ready_count.fetch_add(1);
        while (ready_count.load() < shape.thread_count) std::this_thread::yield();
        try {
            submit_copies(runtime, targets, thread, shape, &samples[thread]);
        } catch (...) {
            failures[thread] = std::current_exception();
        }
    };
    std::vector<std::thread> others;
    for (std::uint32_t thread = 1; thread < shape.thread_count; ++thread) {
        others.emplace_back(body, thread);
    }
    body(0);
    for (std::thread& other : others) other.join();
    const double cpu = static_cast<double>(cpu_ns() - cpu_before);
    for (const std::exception_ptr& failure : failures) {
        if (failure != nullptr) std::rethrow_exception(failure);
    }
    Samples p50, p99;
    for (const Samples& mine : samples) {
        p50.add(mine.at(0.5));
        p99.add(mine.at(0.99));
    }
    for (const bwrt_handle target : targets) runtime->release(target);
    return {p50.median(), p99.median(),
            cpu / (static_cast<double>(shape.wave_count) * shape.thread_count)};
}

Samples large_submission_us(Runtime* runtime, std::uint32_t round_count) {
    constexpr std::uint32_t kSlots = 2048, kPlanes = 160, kPlaneBytes = 64;
    std::vector<std::byte> memory(std::size_t{2} * kSlots * kPlanes * kPlaneBytes);
    bwrt_handle layouts[2];
    for (std::uint32_t side = 0; side < 2; ++side) {
        std::vector<bwrt_plane> planes(kPlanes);
        for (std::uint32_t i = 0; i < kPlanes; ++i) {
            planes[i] = {};
            planes[i].region = BWRT_PROCESS_MEMORY;
            planes[i].offset_bytes = reinterpret_cast<std::uintptr_t>(memory.data()) +
                                     (std::uint64_t{side} * kPlanes + i) * kSlots * kPlaneBytes;
            planes[i].length_bytes = kPlaneBytes;
            planes[i].block_offset_bytes = std::uint64_t{i} * kPlaneBytes;
            planes[i].group = i / 2;
        }
        layouts[side] = runtime->add_layout(planes, kSlots, std::uint64_t{kPlanes} * kPlaneBytes);
    }
    std::vector<std::uint32_t> from(kSlots), to(kSlots);
    std::iota(from.begin(), from.end(), 0);
    std::iota(to.begin(), to.end(), 0);
    std::shuffle(to.begin(), to.end(), std::mt19937(3));
    bwrt_operation operation = {};
    operation.kind = BWRT_OP_COPY;
    operation.source = layouts[0];
    operation.target = layouts[1];
    operation.source_slots = from.data();
    operation.target_slots = to.data();
    operation.slot_count = kSlots;
    Samples submit_us;
    for (std::uint32_t round = 0; round <= round_count; ++round) {
        const std::uint64_t before = now_ns();
        const bwrt_handle handle = runtime->submit(&operation, 1);
        const std::uint64_t after = now_ns();
        runtime->finish(handle);
        if (round > 0) submit_us.add(static_cast<double>(after - before) / 1000);  // 0 warms up
    }
    for (const bwrt_handle layout : layouts) runtime->release(layout);
    return submit_us;
}

double line_round_trip_ns() {
    constexpr std::uint32_t kCount = 20000;
    struct alignas(128) Line {
        std::atomic<std::uint32_t> turn{0};
    } there, back;
    std::thread other([&] {
        for (std::uint32_t turn = 1; turn <= kCount; ++turn) {
            while (there.turn.load(std::memory_order_acquire) != turn) {
            }
            back.turn.store(turn, std::memory_order_release);
        }
    });
    std::uint64_t before = 0;
    for (std::uint32_t turn = 1; turn <= kCount; ++turn) {
        there.turn.store(turn, std::memory_order_release);
        while (back.turn.load(std::memory_order_acquire) != turn) {
        }
        if (turn == kCount / 2) before = now_ns();  // the first half waits for the thread's start
    }
    const double ns = static_cast<double>(now_ns() - before) / (kCount - kCount / 2);
    other.join();
    return ns;
}

double clock_read_ns() {
    constexpr int kCount = 10000;
    const std::uint64_t before = now_ns();
    for (int i = 0; i < kCount; ++i) static_cast<void>(now_ns());
    return static_cast<double>(now_ns() - before) / kCount;
}

}  // namespace bwrt::bench
