// SPDX-License-Identifier: Apache-2.0
//
// overhead.cpp — what bwrt costs above the bare system calls.
//
// Everything is read from the page cache, so no device hides the software.  The reference is a
// raw liburing loop written by hand as well as we can: registered file, registered buffer,
// SINGLE_ISSUER and DEFER_TASKRUN, depth 128, batches.  Rounds alternate reference and bwrt; a
// row is the median over rounds (minimum to maximum), a ratio is formed inside each round.
//
//   overhead [rounds]        default 15

#include <fcntl.h>
#include <liburing.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <numeric>
#include <random>
#include <thread>

#include "bench/measure.h"
#include "include/bwrt.h"

namespace {

using bwrt::bench::cpu_ns;
using bwrt::bench::now_ns;
using bwrt::bench::print_row;
using bwrt::bench::Samples;

constexpr std::uint32_t kBlockBytes = 4096;
constexpr std::uint32_t kBlockCount = 65536;
constexpr std::uint64_t kFileBytes = std::uint64_t{kBlockBytes} * kBlockCount;
constexpr std::uint32_t kDepth = 128;

[[noreturn]] void die(const char* what, const bwrt_error& error) {
    std::fprintf(stderr, "%s: %s (%s: %s)\n", what, bwrt_status_name(error.status), error.field,
                 error.message);
    std::exit(1);
}

#define OR_DIE(expression)                                     \
    do {                                                       \
        bwrt_error error_ = {};                                \
        bwrt_error* const error = &error_;                     \
        if ((expression) != BWRT_OK) die(#expression, error_); \
    } while (0)

struct File {
    int fd = -1;
    std::string path = "bwrt-overhead.tmp";

    File() {
        fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        std::vector<std::uint64_t> words(kFileBytes / 8);
        std::iota(words.begin(), words.end(), 0);
        std::uint64_t done = 0;
        while (fd >= 0 && done < kFileBytes) {
            const ssize_t wrote = pwrite(fd, reinterpret_cast<char*>(words.data()) + done,
                                         kFileBytes - done, static_cast<off_t>(done));
            if (wrote <= 0) break;
            done += static_cast<std::uint64_t>(wrote);
        }
        if (done != kFileBytes) {
            std::perror("bwrt-overhead.tmp");
            std::exit(1);
        }
    }
    ~File() {
        close(fd);
        unlink(path.c_str());
    }
};

// ---- the reference

class RawLoop {
 public:
    explicit RawLoop(int fd) {
        io_uring_params parameters = {};
        parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
        if (io_uring_queue_init_params(kDepth, &ring_, &parameters) != 0) std::exit(1);
        io_uring_register_ring_fd(&ring_);
        io_uring_register_files(&ring_, &fd, 1);
        buffer_ =
            static_cast<std::byte*>(mmap(nullptr, kFileBytes + (2u << 20), PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        buffer_ += (2u << 20) - reinterpret_cast<std::uintptr_t>(buffer_) % (2u << 20);
        madvise(buffer_, kFileBytes, MADV_HUGEPAGE);
        std::memset(buffer_, 0, kFileBytes);
        iovec whole = {buffer_, kFileBytes};
        if (io_uring_register_buffers(&ring_, &whole, 1) != 0) std::exit(1);
    }
    ~RawLoop() { io_uring_queue_exit(&ring_); }
    RawLoop(const RawLoop&) = delete;
    RawLoop& operator=(const RawLoop&) = delete;

    // Reads blocks[i] of the file to place i, `run` of them in one request.
    void read(const std::vector<std::uint32_t>& blocks, std::uint32_t run) {
        std::uint32_t started = 0, finished = 0, inflight = 0;
        const auto total = static_cast<std::uint32_t>(blocks.size());
        while (finished < total) {
            while (started < total && inflight < kDepth) {
                io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
                if (sqe == nullptr) break;
                io_uring_prep_read_fixed(sqe, 0, buffer_ + std::size_t{started} * kBlockBytes,
                                         run * kBlockBytes,
                                         std::uint64_t{blocks[started]} * kBlockBytes, 0);
                sqe->flags |= IOSQE_FIXED_FILE;
                started += run;
                ++inflight;
            }
            io_uring_submit_and_wait(&ring_, 1);
            unsigned head, seen = 0;
            io_uring_cqe* cqe;
            io_uring_for_each_cqe(&ring_, head, cqe) {
                if (cqe->res != static_cast<int>(run * kBlockBytes)) std::exit(1);
                ++seen;
            }
            io_uring_cq_advance(&ring_, seen);
            inflight -= seen;
            finished += seen * run;
        }
    }

 private:
    io_uring ring_ = {};
    std::byte* buffer_ = nullptr;
};

// ---- bwrt

class Engine {
 public:
    Engine(int fd, std::uint32_t progress) {
        bwrt_config config = {};
        config.struct_size = sizeof config;
        config.progress = progress;
        OR_DIE(bwrt_open(&config, &runtime, error));
        bwrt_region description = {};
        description.struct_size = sizeof description;
        description.kind = BWRT_REGION_FILE;
        description.fd = fd;
        OR_DIE(bwrt_region_add(runtime, &description, &file, nullptr, error));
        description = {};
        description.struct_size = sizeof description;
        description.kind = BWRT_REGION_ALLOCATED;
        description.flags = BWRT_REGION_HUGE | BWRT_REGION_PREFAULT;
        description.length_bytes = kFileBytes;
        bwrt_region_info info = {};
        info.struct_size = sizeof info;
        OR_DIE(bwrt_region_add(runtime, &description, &memory, &info, error));
        address = static_cast<std::byte*>(info.address);
        file_slots = add_layout(file);
        memory_slots = add_layout(memory);
    }
    ~Engine() {
        OR_DIE(bwrt_shutdown(runtime, BWRT_SHUTDOWN_CANCEL, -1, error));
        OR_DIE(bwrt_close(runtime, error));
    }
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    bwrt_handle add_layout(bwrt_handle region) {
        bwrt_plane plane = {};
        plane.region = region;
        plane.length_bytes = kBlockBytes;
        bwrt_layout layout = {};
        layout.struct_size = sizeof layout;
        layout.slot_count = kBlockCount;
        layout.block_bytes = kBlockBytes;
        layout.planes = &plane;
        layout.plane_count = 1;
        layout.plane_bytes = sizeof plane;
        bwrt_handle handle = 0;
        OR_DIE(bwrt_layout_add(runtime, &layout, &handle, error));
        return handle;
    }

    bwrt_handle submit(const bwrt_operation* first, std::uint32_t count) {
        bwrt_wave wave = {};
        wave.struct_size = sizeof wave;
        wave.operations = first;
        wave.operation_count = count;
        wave.operation_bytes = sizeof *first;
        bwrt_handle handle = 0;
        OR_DIE(bwrt_submit_wave(runtime, &wave, &handle, error));
        return handle;
    }
    void finish(bwrt_handle handle) {
        bwrt_completion completion;
        OR_DIE(bwrt_wait(runtime, handle, -1, &completion, error));
        if (completion.status != BWRT_OK) {
            std::fprintf(stderr, "wave: %s\n", bwrt_status_name(completion.status));
            std::exit(1);
        }
    }

    // One indexed operation.
    void read_indexed(const std::vector<std::uint32_t>& blocks,
                      const std::vector<std::uint32_t>& places) {
        bwrt_operation operation = {};
        operation.kind = BWRT_OP_READ;
        operation.source = file_slots;
        operation.target = memory_slots;
        operation.source_slots = blocks.data();
        operation.target_slots = places.data();
        operation.slot_count = static_cast<std::uint32_t>(blocks.size());
        finish(submit(&operation, 1));
    }
    // As many flat operations as blocks.
    void read_flat(const std::vector<std::uint32_t>& blocks) {
        operations.resize(blocks.size());
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            bwrt_operation& operation = operations[i];
            operation = {};
            operation.kind = BWRT_OP_READ;
            operation.source = file;
            operation.target = memory;
            operation.source_offset_bytes = std::uint64_t{blocks[i]} * kBlockBytes;
            operation.target_offset_bytes = i * kBlockBytes;
            operation.length_bytes = kBlockBytes;
        }
        finish(submit(operations.data(), static_cast<std::uint32_t>(operations.size())));
    }

    bwrt_runtime* runtime = nullptr;
    bwrt_handle file = 0, memory = 0, file_slots = 0, memory_slots = 0;
    std::byte* address = nullptr;
    std::vector<bwrt_operation> operations;
};

// Blocks in runs of `run`, the runs in random order.
std::vector<std::uint32_t> scattered(std::uint32_t run, std::uint32_t seed) {
    std::vector<std::uint32_t> starts(kBlockCount / run);
    for (std::size_t i = 0; i < starts.size(); ++i) starts[i] = static_cast<std::uint32_t>(i) * run;
    std::shuffle(starts.begin(), starts.end(), std::mt19937(seed));
    std::vector<std::uint32_t> blocks;
    for (const std::uint32_t start : starts) {
        for (std::uint32_t i = 0; i < run; ++i) blocks.push_back(start + i);
    }
    return blocks;
}

// CPU and wall time of one call, per block.
template <typename Body>
void measure(Body&& body, double per, Samples* cpu, Samples* wall, double* cpu_out) {
    const std::uint64_t cpu_before = cpu_ns(), before = now_ns();
    body();
    wall->add(static_cast<double>(now_ns() - before) / per);
    *cpu_out = static_cast<double>(cpu_ns() - cpu_before) / per;
    cpu->add(*cpu_out);
}

void bulk(RawLoop* raw, Engine* engine, std::uint32_t run, int rounds, const char* title) {
    std::vector<std::uint32_t> places(kBlockCount);
    std::iota(places.begin(), places.end(), 0);
    Samples raw_cpu, raw_wall, index_cpu, index_wall, flat_cpu, flat_wall, index_ratio, flat_ratio;
    for (int round = -1; round < rounds; ++round) {
        const auto blocks = scattered(run, static_cast<std::uint32_t>(round + 1));
        Samples unused;
        const bool warm = round < 0;
        double a = 0, b = 0, c = 0;
        measure([&] { raw->read(blocks, run); }, kBlockCount, warm ? &unused : &raw_cpu,
                warm ? &unused : &raw_wall, &a);
        measure([&] { engine->read_indexed(blocks, places); }, kBlockCount,
                warm ? &unused : &index_cpu, warm ? &unused : &index_wall, &b);
        measure([&] { engine->read_flat(blocks); }, kBlockCount, warm ? &unused : &flat_cpu,
                warm ? &unused : &flat_wall, &c);
        if (warm) continue;
        index_ratio.add(b / a);
        flat_ratio.add(c / a);
    }
    std::printf("%s\n", title);
    print_row("raw loop, CPU", raw_cpu, "ns/block");
    print_row("bwrt, one indexed operation, CPU", index_cpu, "ns/block", &index_ratio);
    print_row("bwrt, 65,536 flat operations, CPU", flat_cpu, "ns/block", &flat_ratio);
    print_row("raw loop, wall", raw_wall, "ns/block");
    print_row("bwrt indexed, wall", index_wall, "ns/block");
    print_row("bwrt flat, wall", flat_wall, "ns/block");
}

// One read at a time, submit to done.
void single(RawLoop* raw, Engine* engine, int rounds) {
    constexpr std::uint32_t kCount = 20000;
    Samples raw_ns, bwrt_ns, ratio;
    const auto blocks = scattered(1, 7);
    bwrt_operation operation = {};
    operation.kind = BWRT_OP_READ;
    operation.source = engine->file;
    operation.target = engine->memory;
    operation.length_bytes = kBlockBytes;
    for (int round = -1; round < rounds; ++round) {
        std::uint64_t before = now_ns();
        std::vector<std::uint32_t> one(1);
        for (std::uint32_t i = 0; i < kCount; ++i) {
            one[0] = blocks[i];
            raw->read(one, 1);
        }
        const double a = static_cast<double>(now_ns() - before) / kCount;
        before = now_ns();
        for (std::uint32_t i = 0; i < kCount; ++i) {
            operation.source_offset_bytes = std::uint64_t{blocks[i]} * kBlockBytes;
            engine->finish(engine->submit(&operation, 1));
        }
        const double b = static_cast<double>(now_ns() - before) / kCount;
        if (round < 0) continue;
        raw_ns.add(a);
        bwrt_ns.add(b);
        ratio.add(b / a);
    }
    std::printf("one hot 4 KiB read, caller mode, submit to done\n");
    print_row("raw loop", raw_ns, "ns");
    print_row("bwrt", bwrt_ns, "ns", &ratio);
}

// bwrt_submit_wave itself, the executor awake on another core: each wave is waited for, spinning,
// before the next.
void submission(Engine* engine, int threads, std::uint32_t regions, bool deadline, int rounds) {
    constexpr std::uint32_t kCount = 20000;
    std::vector<bwrt_handle> handles(regions);
    std::vector<std::byte> memory(std::size_t{regions} * 4096);
    for (std::uint32_t i = 0; i < regions; ++i) {
        bwrt_region description = {};
        description.struct_size = sizeof description;
        description.kind = BWRT_REGION_HOST;
        description.address = memory.data() + std::size_t{i} * 4096;
        description.length_bytes = 4096;
        OR_DIE(bwrt_region_add(engine->runtime, &description, &handles[i], nullptr, error));
    }
    std::vector<std::byte> source(64);
    Samples p50, p99, cpu;
    for (int round = 0; round < rounds; ++round) {
        std::vector<Samples> samples(static_cast<std::size_t>(threads));
        std::atomic<int> ready{0};
        const std::uint64_t cpu_before = cpu_ns();
        const auto body = [&](int thread) {
            Samples& mine = samples[static_cast<std::size_t>(thread)];
            bwrt_operation operation = {};
            operation.kind = BWRT_OP_COPY;
            operation.source = BWRT_PROCESS_MEMORY;
            operation.length_bytes = 64;
            operation.source_offset_bytes = reinterpret_cast<std::uintptr_t>(source.data());
            bwrt_wave wave = {};
            wave.struct_size = sizeof wave;
            wave.operations = &operation;
            wave.operation_count = 1;
            wave.operation_bytes = sizeof operation;
            if (deadline) {
                wave.deadline_ns = 1'000'000'000;
                wave.flags = BWRT_WAVE_DEADLINE_RELATIVE;
            }
            ready.fetch_add(1);
            while (ready.load() < threads) {
            }
            for (std::uint32_t i = 0; i < kCount; ++i) {
                operation.target = handles[(i + static_cast<std::uint32_t>(thread) * 7) % regions];
                bwrt_handle handle;
                std::uint64_t before = now_ns();
                while (bwrt_submit_wave(engine->runtime, &wave, &handle, nullptr) != BWRT_OK) {
                    std::this_thread::yield();  // full: the executor is without a core
                    before = now_ns();
                }
                const std::uint64_t after = now_ns();
                mine.add(static_cast<double>(after - before));
                engine->finish(handle);
            }
        };
        std::vector<std::thread> others;
        for (int thread = 1; thread < threads; ++thread) others.emplace_back(body, thread);
        body(0);
        for (std::thread& other : others) other.join();
        Samples all50, all99;
        for (const Samples& mine : samples) {
            all50.add(mine.at(0.5));
            all99.add(mine.at(0.99));
        }
        p50.add(all50.median());
        p99.add(all99.median());
        cpu.add(static_cast<double>(cpu_ns() - cpu_before) / (double{kCount} * threads));
    }
    std::printf("bwrt_submit_wave, one 64-byte copy, thread mode: %d thread%s, %u region%s%s\n",
                threads, threads > 1 ? "s" : "", regions, regions > 1 ? "s" : "",
                deadline ? ", with deadline" : "");
    print_row("p50 (a clock read included)", p50, "ns");
    print_row("p99", p99, "ns");
    print_row("process CPU a wave, submit to waited for", cpu, "ns");
    for (const bwrt_handle handle : handles) OR_DIE(bwrt_release(engine->runtime, handle, error));
}

void clock_cost() {
    Samples samples;
    for (int round = 0; round < 15; ++round) {
        const std::uint64_t before = now_ns();
        for (int i = 0; i < 10000; ++i) static_cast<void>(now_ns());
        samples.add(static_cast<double>(now_ns() - before) / 10000);
    }
    print_row("one clock read", samples, "ns");
}

// 2,048 slots x 160 planes: how long the submission takes.
void large_submission(Engine* engine, int rounds) {
    constexpr std::uint32_t kSlots = 2048, kPlanes = 160, kPlaneBytes = 64;
    std::vector<std::byte> memory(std::size_t{2} * kSlots * kPlanes * kPlaneBytes);
    bwrt_handle layouts[2];
    for (int side = 0; side < 2; ++side) {
        std::vector<bwrt_plane> planes(kPlanes);
        for (std::uint32_t i = 0; i < kPlanes; ++i) {
            planes[i] = {};
            planes[i].region = BWRT_PROCESS_MEMORY;
            planes[i].offset_bytes =
                reinterpret_cast<std::uintptr_t>(memory.data()) +
                (static_cast<std::uint64_t>(side) * kPlanes + i) * kSlots * kPlaneBytes;
            planes[i].length_bytes = kPlaneBytes;
            planes[i].block_offset_bytes = std::uint64_t{i} * kPlaneBytes;
            planes[i].group = i / 2;
        }
        bwrt_layout layout = {};
        layout.struct_size = sizeof layout;
        layout.slot_count = kSlots;
        layout.block_bytes = std::uint64_t{kPlanes} * kPlaneBytes;
        layout.planes = planes.data();
        layout.plane_count = kPlanes;
        layout.plane_bytes = sizeof planes[0];
        OR_DIE(bwrt_layout_add(engine->runtime, &layout, &layouts[side], error));
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
    for (int round = -1; round < rounds; ++round) {
        const std::uint64_t before = now_ns();
        const bwrt_handle handle = engine->submit(&operation, 1);
        const std::uint64_t after = now_ns();
        engine->finish(handle);
        if (round >= 0) submit_us.add(static_cast<double>(after - before) / 1000);
    }
    std::printf("bwrt_submit_wave, one indexed copy of 2,048 slots x 160 planes\n");
    print_row("submission", submit_us, "us");
    for (const bwrt_handle layout : layouts) OR_DIE(bwrt_release(engine->runtime, layout, error));
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::max(5, std::atoi(argv[1])) : 15;
    std::printf("bwrt overhead, %d rounds, median (min to max)\n", rounds);
    bwrt::bench::print_machine();
    File file;
    {
        Engine engine(file.fd, BWRT_PROGRESS_THREAD);
        clock_cost();
        submission(&engine, 1, 1, false, rounds);
        submission(&engine, 1, 64, true, rounds);
        submission(&engine, 8, 64, true, rounds);
        large_submission(&engine, rounds);
    }
    RawLoop raw(file.fd);
    {
        Engine engine(file.fd, BWRT_PROGRESS_CALLER);
        single(&raw, &engine, rounds);
        bulk(&raw, &engine, 1, rounds, "65,536 scattered hot 4 KiB reads in one wave, caller mode");
        bulk(&raw, &engine, 16, rounds,
             "the same in file-contiguous runs of 16; the raw loop merges");
    }
    {
        Engine engine(file.fd, BWRT_PROGRESS_THREAD);
        bulk(&raw, &engine, 1, rounds, "65,536 scattered hot 4 KiB reads in one wave, thread mode");
    }
    return 0;
}
