// SPDX-License-Identifier: Apache-2.0
//
// feedback.cpp — how far off the predicted ends of planned waves are, with what was measured fed
// back into the plans and without (BWRT_PLANNER_NO_FEEDBACK).
//
//   short   reads of 64 KiB at random places, one after the other
//   long    64 MiB in the place of each fiftieth, from the thousandth on: by then each runtime
//   knows
//           the disk by 1,000 short ones, whose mean rate says little of a long one
//
// past the page cache and then through it.  Each round opens both runtimes anew, in turns, and
// reads 3,000 times with each.  An error is |end - predicted end| of a wave that was predicted, by
// the library's own counters (plan_error_ns), which a wave's reads move and nobody else here.
//
//   bench_feedback FOLDER [rounds]        default 5

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "bench/measure.h"
#include "bench/runtime.h"
#include "bench/test_file.h"

namespace {

using namespace bwrt::bench;

constexpr std::uint64_t kFileBytes = std::uint64_t{1} << 30;
constexpr std::uint64_t kShortBytes = 65'536;
constexpr std::uint64_t kLongBytes = std::uint64_t{64} << 20;
constexpr std::uint32_t kReadCount = 3'000, kLearnt = 1'000, kLongEach = 50;
constexpr std::uint64_t kPageBytes = 4'096;

struct Mean {
    std::uint64_t sum_ns = 0;
    std::uint64_t count = 0;

    void add(const Mean& other) {
        sum_ns += other.sum_ns;
        count += other.count;
    }
    [[nodiscard]] double ms() const {
        return count == 0 ? 0 : static_cast<double>(sum_ns) / static_cast<double>(count) / 1e6;
    }
};

struct Errors {
    Mean shorts, longs;  // from kLearnt on
};

class PlannedReader {
 public:
    PlannedReader(const bwrt_planner& planner, const TestFile& file)
        : runtime_(config_of(planner)) {
        operation_.kind = BWRT_OP_READ;
        operation_.source = runtime_.add_file(file.fd(), file.direct());
        operation_.target = runtime_.add_allocated(kLongBytes, &bytes_);
    }

    // The error of its prediction; of none, if it had none.
    Mean read(std::uint64_t offset_bytes, std::uint64_t length_bytes) {
        operation_.source_offset_bytes = offset_bytes;
        operation_.length_bytes = length_bytes;
        bwrt_wave wave = {};
        wave.struct_size = sizeof wave;
        wave.flags = BWRT_WAVE_PLANNED;
        wave.operations = &operation_;
        wave.operation_count = 1;
        wave.operation_bytes = sizeof operation_;
        const bwrt_counters before = counters();
        bwrt_error error = {};
        bwrt_handle handle = 0;
        must(bwrt_submit_wave(runtime_.get(), &wave, &handle, &error), error);
        runtime_.finish(handle);
        check(offset_bytes + length_bytes - kPageBytes, length_bytes - kPageBytes);
        const bwrt_counters after = counters();
        return {after.plan_error_ns - before.plan_error_ns,
                after.plan_finished_count - before.plan_finished_count};
    }

 private:
    static bwrt_config config_of(const bwrt_planner& planner) {
        bwrt_config config = {};
        config.planner = &planner;
        return config;
    }

    [[nodiscard]] bwrt_counters counters() const {
        bwrt_counters counters = {};
        counters.struct_size = sizeof counters;
        bwrt_error error = {};
        must(bwrt_sample(runtime_.get(), &counters, &error), error);
        return counters;
    }

    void check(std::uint64_t file_offset_bytes, std::uint64_t offset_bytes) const {
        std::uint64_t word = 0;
        std::copy_n(bytes_ + offset_bytes, sizeof word, reinterpret_cast<std::byte*>(&word));
        if (word != page_word(file_offset_bytes)) {
            throw Failure("E_CORRUPT", "wrong bytes of " + std::to_string(file_offset_bytes));
        }
    }

    Runtime runtime_;
    bwrt_operation operation_ = {};
    std::byte* bytes_ = nullptr;
};

Errors read_all(const TestFile& file, bool has_feedback, std::uint32_t seed) {
    bwrt_planner planner = {};
    planner.struct_size = sizeof planner;
    planner.window_ns = 100'000;
    planner.flags = has_feedback ? 0u : static_cast<std::uint32_t>(BWRT_PLANNER_NO_FEEDBACK);
    PlannedReader reader(planner, file);
    std::mt19937_64 random(seed);
    Errors errors;
    for (std::uint32_t i = 0; i < kReadCount; ++i) {
        throw_if_interrupted();
        const bool is_long = i >= kLearnt && i % kLongEach == 0;
        const std::uint64_t length = is_long ? kLongBytes : kShortBytes;
        const Mean error = reader.read(random() % (kFileBytes / length) * length, length);
        if (i >= kLearnt) (is_long ? errors.longs : errors.shorts).add(error);
    }
    return errors;
}

struct Contestant {
    const char* name;
    Samples shorts, longs, all;

    void add(const Errors& errors) {
        Mean both = errors.shorts;
        both.add(errors.longs);
        shorts.add(errors.shorts.ms());
        longs.add(errors.longs.ms());
        all.add(both.ms());
    }
};

void run(const char* folder, Cache cache, std::uint32_t rounds) {
    const TestFile file(folder, kFileBytes, cache);
    Contestant without{"without feedback", {}, {}, {}}, with{"with feedback", {}, {}, {}};
    Samples ratios;
    for (std::uint32_t round = 0; round < rounds; ++round) {
        const bool is_first = round % 2 == 0;
        Errors errors[2];
        errors[is_first] = read_all(file, is_first, round);
        errors[!is_first] = read_all(file, !is_first, round);
        without.add(errors[false]);
        with.add(errors[true]);
        ratios.add(errors[true].longs.ms() / errors[false].longs.ms());
    }
    const std::string where = cache == Cache::kPast ? "past the page cache" : "from the page cache";
    std::printf("mean error of predicted ends, reads %s\n", where.c_str());
    for (const Contestant* one : {&without, &with}) {
        std::printf("  %s\n", one->name);
        print_row("    64 KiB", one->shorts, "ms");
        print_row("    64 MiB", one->longs, "ms");
        print_row("    all", one->all, "ms");
    }
    if (cache == Cache::kPast) {
        print_goal("predicted ends of 64 MiB reads: error with feedback against without",
                   Bar::kAtMost, 0.5, ratios);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
    if (argc < 2 || rounds < 1) {
        std::fprintf(stderr, "usage: bench_feedback FOLDER [rounds]\n");
        return 2;
    }
    catch_signals();
    try {
        print_machine();
        std::printf("%d rounds of %u planned reads; median (least to most)\n", rounds, kReadCount);
        run(argv[1], Cache::kPast, static_cast<std::uint32_t>(rounds));
        run(argv[1], Cache::kThrough, static_cast<std::uint32_t>(rounds));
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_feedback: %s\n", error.what());
        return 1;
    }
}
