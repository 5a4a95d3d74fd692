// SPDX-License-Identifier: Apache-2.0
//
// copies.cpp — copies from memory to memory: bwrt against memcpy, and against the loop that an
// engine would write by hand over the same list of pieces.
//
//   flat      one wave of one operation, 4 KiB to 64 MiB, from one huge-page region to another;
//             memcpy of the same bytes to the same place
//   pieces    65,536 pieces of 4 KiB by two lists of slots in random order, one indexed operation;
//             a loop of memcpy over the same two lists
//
// Everything is touched before.  A sample repeats a size until it moved enough to be timed; the
// source and the target walk through 256 MiB each, so that small copies are not of cached bytes.
// Submit to done, in caller mode (one thread copies, as in the reference) and in thread mode.
//
//   bench_copies [rounds]        default 15

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <random>

#include "bench/overhead_own.h"

namespace {

using namespace bwrt::bench;

constexpr std::uint64_t kWalkBytes = std::uint64_t{256} << 20;
constexpr std::uint64_t kSampleBytes = std::uint64_t{128} << 20;
constexpr std::uint32_t kPieceBytes = 4096;
constexpr std::uint32_t kPieceCount = 65536;
static_assert(kWalkBytes == std::uint64_t{kPieceBytes} * kPieceCount);

class Copier {
 public:
    explicit Copier(std::uint32_t progress) : runtime_(config_of(progress)) {
        source_ = runtime_.add_allocated(kWalkBytes, &source_bytes_);
        target_ = runtime_.add_allocated(kWalkBytes, &target_bytes_);
        source_slots_ = runtime_.add_block_layout(source_, kPieceCount, kPieceBytes);
        target_slots_ = runtime_.add_block_layout(target_, kPieceCount, kPieceBytes);
        for (std::uint64_t i = 0; i < kWalkBytes; i += kPieceBytes) {
            const std::uint64_t word = page_word(i);
            std::memcpy(source_bytes_ + i, &word, sizeof word);
        }
    }

    void copy(std::uint64_t offset_bytes, std::uint64_t length_bytes) {
        bwrt_operation operation = {};
        operation.kind = BWRT_OP_COPY;
        operation.source = source_;
        operation.target = target_;
        operation.source_offset_bytes = offset_bytes;
        operation.target_offset_bytes = offset_bytes;
        operation.length_bytes = length_bytes;
        runtime_.finish(runtime_.submit(&operation, 1));
    }

    void copy_pieces(const std::vector<std::uint32_t>& from, const std::vector<std::uint32_t>& to) {
        bwrt_operation operation = {};
        operation.kind = BWRT_OP_COPY;
        operation.source = source_slots_;
        operation.target = target_slots_;
        operation.source_slots = from.data();
        operation.target_slots = to.data();
        operation.slot_count = static_cast<std::uint32_t>(from.size());
        runtime_.finish(runtime_.submit(&operation, 1));
    }

    [[nodiscard]] const std::byte* source() const { return source_bytes_; }
    [[nodiscard]] std::byte* target() const { return target_bytes_; }

    // The piece at this offset of the target must be the source's at the other; then it is spoilt,
    // so that the next copy cannot live on this one.
    void check(std::uint64_t target_offset_bytes, std::uint64_t source_offset_bytes) {
        std::uint64_t word = 0;
        std::memcpy(&word, target_bytes_ + target_offset_bytes, sizeof word);
        if (word != page_word(source_offset_bytes)) {
            throw Failure("E_CORRUPT", "wrong bytes at " + std::to_string(target_offset_bytes));
        }
        std::memset(target_bytes_ + target_offset_bytes, 0, sizeof word);
    }

 private:
    static bwrt_config config_of(std::uint32_t progress) {
        bwrt_config config = {};
        config.progress = progress;
        return config;
    }

    Runtime runtime_;
    bwrt_handle source_ = 0, target_ = 0, source_slots_ = 0, target_slots_ = 0;
    std::byte* source_bytes_ = nullptr;
    std::byte* target_bytes_ = nullptr;
};

struct Contestant {
    const char* name;
    Samples gb_per_s, ratio, cpu_ns_per_kib;
};

void add(Contestant* one, const Cost& cost, const Cost& reference, std::uint64_t bytes) {
    const auto moved = static_cast<double>(bytes);
    one->gb_per_s.add(moved / cost.wall_ns);
    one->ratio.add(reference.wall_ns / cost.wall_ns);
    one->cpu_ns_per_kib.add(1024 * cost.cpu_ns / moved);
}

void print(const std::string& title, const Contestant* all) {
    std::printf("%s\n", title.c_str());
    for (int one = 0; one < 3; ++one) {
        print_row(all[one].name, all[one].gb_per_s, "GB/s", one > 0 ? &all[one].ratio : nullptr);
        print_row("  CPU", all[one].cpu_ns_per_kib, "ns/KiB");
    }
}

void run_flat(Copier* caller, Copier* thread, std::uint64_t length_bytes, std::uint32_t rounds) {
    Contestant all[3] = {{"memcpy", {}, {}, {}},
                         {"bwrt, caller mode", {}, {}, {}},
                         {"bwrt, thread mode", {}, {}, {}}};
    // Waves of a small size are slower than their bytes: 8,192 of them are a sample.
    const std::uint64_t count = std::min<std::uint64_t>(kSampleBytes / length_bytes, 8192);
    const std::uint64_t places = kWalkBytes / length_bytes;
    const auto at = [&](std::uint64_t i) { return i * 7 % places * length_bytes; };
    for (std::uint32_t round = 0; round <= rounds; ++round) {
        Cost costs[3] = {};
        for (std::uint32_t turn = 0; turn < 3; ++turn) {
            const std::uint32_t one = (round + turn) % 3;
            Copier* const copier = one == 2 ? thread : caller;
            costs[one] = cost_of([&] {
                for (std::uint64_t i = 0; i < count; ++i) {
                    if (one > 0) {
                        copier->copy(at(i), length_bytes);
                    } else {
                        std::memcpy(copier->target() + at(i), copier->source() + at(i),
                                    length_bytes);
                    }
                }
            });
            copier->check(at(count - 1), at(count - 1));
            copier->check(at(count / 2) + length_bytes - kPieceBytes,
                          at(count / 2) + length_bytes - kPieceBytes);
            throw_if_interrupted();
        }
        if (round == 0) continue;  // warms up
        for (int one = 0; one < 3; ++one)
            add(&all[one], costs[one], costs[0], count * length_bytes);
    }
    const std::string size = length_bytes < (1 << 20) ? std::to_string(length_bytes >> 10) + " KiB"
                                                      : std::to_string(length_bytes >> 20) + " MiB";
    print("one copy of " + size + ", submit to done", all);
    if (length_bytes < 65536) return;
    print_goal("host copies of " + size + " against memcpy, caller mode", Bar::kAtLeast, 0.95,
               all[1].ratio);
    print_goal("host copies of " + size + " against memcpy, thread mode", Bar::kAtLeast, 0.95,
               all[2].ratio);
}

void run_pieces(Copier* caller, Copier* thread, std::uint32_t rounds) {
    Contestant all[3] = {{"memcpy in a loop over the lists", {}, {}, {}},
                         {"bwrt, one indexed operation, caller mode", {}, {}, {}},
                         {"bwrt, one indexed operation, thread mode", {}, {}, {}}};
    std::vector<std::uint32_t> from(kPieceCount), to(kPieceCount);
    std::iota(from.begin(), from.end(), 0);
    std::iota(to.begin(), to.end(), 0);
    for (std::uint32_t round = 0; round <= rounds; ++round) {
        std::mt19937 random(round);
        std::shuffle(from.begin(), from.end(), random);
        std::shuffle(to.begin(), to.end(), random);
        Cost costs[3] = {};
        for (std::uint32_t turn = 0; turn < 3; ++turn) {
            const std::uint32_t one = (round + turn) % 3;
            Copier* const copier = one == 2 ? thread : caller;
            costs[one] = cost_of([&] {
                if (one > 0) {
                    copier->copy_pieces(from, to);
                    return;
                }
                for (std::uint32_t i = 0; i < kPieceCount; ++i) {
                    std::memcpy(copier->target() + std::uint64_t{to[i]} * kPieceBytes,
                                copier->source() + std::uint64_t{from[i]} * kPieceBytes,
                                kPieceBytes);
                }
            });
            for (std::uint32_t i = 0; i < kPieceCount; i += 97) {
                copier->check(std::uint64_t{to[i]} * kPieceBytes,
                              std::uint64_t{from[i]} * kPieceBytes);
            }
            throw_if_interrupted();
        }
        if (round == 0) continue;  // warms up
        for (int one = 0; one < 3; ++one) add(&all[one], costs[one], costs[0], kWalkBytes);
    }
    print("65,536 pieces of 4 KiB by lists of slots, one wave", all);
    print_goal("65,536 pieces of 4 KiB against a loop, caller mode", Bar::kAtLeast, 0.9,
               all[1].ratio);
    print_goal("65,536 pieces of 4 KiB against a loop, thread mode", Bar::kAtLeast, 0.9,
               all[2].ratio);
}

void run(std::uint32_t rounds) {
    print_machine();
    std::printf("%u rounds; median (least to most), ratio of rates (95 %% interval)\n", rounds);
    Copier caller(BWRT_PROGRESS_CALLER), thread(BWRT_PROGRESS_THREAD);
    for (std::uint64_t length = 4096; length <= std::uint64_t{64} << 20; length *= 4) {
        run_flat(&caller, &thread, length, rounds);
    }
    run_pieces(&caller, &thread, rounds);
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 15;
    if (rounds < 1) {
        std::fprintf(stderr, "usage: bench_copies [rounds]\n");
        return 2;
    }
    catch_signals();
    try {
        run(static_cast<std::uint32_t>(rounds));
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_copies: %s\n", error.what());
        return 1;
    }
}
