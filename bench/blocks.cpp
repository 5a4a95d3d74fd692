// SPDX-License-Identifier: Apache-2.0
//
// blocks.cpp — blocks in host memory: GET and PUT against memcpy of the same bytes.
//
// Waves of 32 blocks, submit to done, in caller mode on one thread, 64 KiB to 10 MiB.  The caller's
// memory and the arena are of huge pages and larger than the caches, and both are walked through in
// random order, as the reference does: it copies the same blocks between two such memories.  A PUT
// is of blocks that are not there, sums every byte, and makes as many others go as it brings, for
// the arena is full; the reference of a PUT only copies.
//
//   bench_blocks [rounds]        default 15

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <random>

#include "bench/overhead_own.h"

namespace {

using namespace bwrt::bench;

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;
constexpr std::uint64_t kWalkBytes = 640 * kMebibyte;  // of blocks, on either side
constexpr std::uint64_t kArenaBytes = 1024 * kMebibyte;
constexpr std::uint32_t kWaveCount = 32;

class Memory {
 public:
    explicit Memory(Runtime* runtime) { runtime->add_allocated(kWalkBytes, &bytes_); }
    [[nodiscard]] std::byte* at(std::uint64_t offset) const { return bytes_ + offset; }

 private:
    std::byte* bytes_ = nullptr;
};

class Blocks {
 public:
    explicit Blocks(std::uint64_t block_bytes)
        : block_bytes_(block_bytes),
          block_count_(static_cast<std::uint32_t>(kWalkBytes / block_bytes)),
          runtime_(config()),
          memory_(&runtime_),
          other_(&runtime_) {
        for (std::uint64_t i = 0; i < kWalkBytes; i += kWordBytes) {
            const std::uint64_t word = page_word(i);
            std::memcpy(memory_.at(i), &word, sizeof word);
        }
        std::vector<std::uint32_t> all(block_count_);
        std::iota(all.begin(), all.end(), 0);
        put(all, 0);
    }

    [[nodiscard]] std::uint32_t block_count() const { return block_count_; }

    void put(const std::vector<std::uint32_t>& order, std::uint64_t generation) {
        move(BWRT_OP_PUT, order, generation, memory_);
    }
    void get(const std::vector<std::uint32_t>& order, std::uint64_t generation) {
        move(BWRT_OP_GET, order, generation, other_);
        check(order);
    }
    void copy(const std::vector<std::uint32_t>& order) {
        for (const std::uint32_t block : order) {
            std::memcpy(other_.at(block * block_bytes_), memory_.at(block * block_bytes_),
                        block_bytes_);
        }
    }
    // What a copy has left must be what was put; then it is spoilt, so that the next cannot live
    // on it.
    void check(const std::vector<std::uint32_t>& order) {
        for (std::size_t i = 0; i < order.size(); i += 7) {
            const std::uint64_t at =
                order[i] * block_bytes_ + block_bytes_ / 2 / kWordBytes * kWordBytes;
            std::uint64_t word = 0;
            std::memcpy(&word, other_.at(at), sizeof word);
            if (word != page_word(at)) throw Failure("E_CORRUPT", "wrong bytes of a block");
            std::memset(other_.at(at), 0, sizeof word);
        }
    }

 private:
    static constexpr std::uint64_t kWordBytes = 4096;

    static bwrt_config config() {
        static bwrt_store store;
        store = {};
        store.struct_size = sizeof store;
        store.flags = BWRT_STORE_HUGE;
        store.host_bytes = kArenaBytes;
        bwrt_config config = {};
        config.progress = BWRT_PROGRESS_CALLER;
        config.store = &store;
        return config;
    }

    void move(std::uint32_t kind, const std::vector<std::uint32_t>& order, std::uint64_t generation,
              const Memory& memory) {
        bwrt_operation operations[kWaveCount];
        bwrt_block blocks[kWaveCount];
        for (std::size_t first = 0; first < order.size(); first += kWaveCount) {
            const auto count =
                static_cast<std::uint32_t>(std::min<std::size_t>(kWaveCount, order.size() - first));
            for (std::uint32_t i = 0; i < count; ++i) {
                const std::uint64_t block = order[first + i];
                blocks[i] = {};
                const std::uint64_t name = block + 1;
                std::memcpy(blocks[i].identity, &name, sizeof name);
                std::memcpy(blocks[i].identity + 8, &generation, sizeof generation);
                bwrt_operation& operation = operations[i];
                operation = {};
                operation.kind = kind;
                operation.flags = BWRT_BLOCK_UNRELATED;
                operation.block_first = i;
                operation.slot_count = 1;
                operation.length_bytes = block_bytes_;
                const auto address =
                    reinterpret_cast<std::uintptr_t>(memory.at(block * block_bytes_));
                if (kind == BWRT_OP_PUT) {
                    operation.source = BWRT_PROCESS_MEMORY;
                    operation.source_offset_bytes = address;
                } else {
                    operation.target = BWRT_PROCESS_MEMORY;
                    operation.target_offset_bytes = address;
                }
            }
            bwrt_wave wave = {};
            wave.struct_size = sizeof wave;
            wave.operations = operations;
            wave.operation_count = count;
            wave.operation_bytes = sizeof operations[0];
            wave.blocks = blocks;
            wave.block_count = count;
            wave.block_bytes = sizeof blocks[0];
            bwrt_error error = {};
            bwrt_handle handle = 0;
            must(bwrt_submit_wave(runtime_.get(), &wave, &handle, &error), error);
            runtime_.finish(handle);
        }
    }

    std::uint64_t block_bytes_;
    std::uint32_t block_count_;
    Runtime runtime_;
    Memory memory_, other_;
};

struct Row {
    const char* name;
    Samples gb_per_s, ratio, cpu_ms_per_gb;
};

std::string size_text(std::uint64_t bytes) {
    return bytes % kMebibyte == 0 ? std::to_string(bytes / kMebibyte) + " MiB"
                                  : std::to_string(bytes / 1024) + " KiB";
}

void run_size(std::uint64_t block_bytes, std::uint32_t rounds) {
    Blocks blocks(block_bytes);
    Row rows[3] = {{"memcpy", {}, {}, {}}, {"GET", {}, {}, {}}, {"PUT", {}, {}, {}}};
    std::vector<std::uint32_t> order(blocks.block_count());
    std::iota(order.begin(), order.end(), 0);
    const double bytes = static_cast<double>(order.size() * block_bytes);
    std::uint64_t generation = 0;
    for (std::uint32_t round = 0; round <= rounds; ++round) {
        std::mt19937 random(round);
        Cost costs[3] = {};
        for (std::uint32_t turn = 0; turn < 3; ++turn) {
            const std::uint32_t one = (round + turn) % 3;
            std::shuffle(order.begin(), order.end(), random);
            costs[one] = cost_of([&] {
                if (one == 0) blocks.copy(order);
                if (one == 1) blocks.get(order, generation);
                if (one == 2) blocks.put(order, ++generation);
            });
            if (one == 0) blocks.check(order);
            throw_if_interrupted();
        }
        if (round == 0) continue;  // warms up
        for (int one = 0; one < 3; ++one) {
            rows[one].gb_per_s.add(bytes / costs[one].wall_ns);
            rows[one].ratio.add(costs[0].wall_ns / costs[one].wall_ns);
            rows[one].cpu_ms_per_gb.add(1e3 * costs[one].cpu_ns / bytes);
        }
    }
    const std::string size = size_text(block_bytes);
    std::printf("blocks of %s in waves of %u\n", size.c_str(), kWaveCount);
    for (int one = 0; one < 3; ++one) {
        print_row(rows[one].name, rows[one].gb_per_s, "GB/s", one > 0 ? &rows[one].ratio : nullptr);
        print_row("  CPU", rows[one].cpu_ms_per_gb, "ms/GB");
    }
    print_goal("GET of " + size + " from memory against memcpy", Bar::kAtLeast, 0.9, rows[1].ratio);
    print_goal("PUT of " + size + " to memory against memcpy", Bar::kAtLeast, 0.75, rows[2].ratio);
}

void run(std::uint32_t rounds) {
    print_machine();
    std::printf("%u rounds; median (least to most), ratio of rates (95 %% interval)\n", rounds);
    for (const std::uint64_t kib : {64, 256, 640, 2560, 10240}) run_size(kib << 10, rounds);
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 15;
    if (rounds < 1) {
        std::fprintf(stderr, "usage: bench_blocks [rounds]\n");
        return 2;
    }
    catch_signals();
    try {
        run(static_cast<std::uint32_t>(rounds));
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_blocks: %s\n", error.what());
        return 1;
    }
}
