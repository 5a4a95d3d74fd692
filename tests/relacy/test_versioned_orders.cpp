// SPDX-License-Identifier: Apache-2.0
// test_versioned_orders.cpp — model-checks runtime/store/versioned.h, then its memory orders one by
// one.
//
//   test_versioned_orders [schedules [seed]]
//
// One writer updates two words three times, one reader copies them as often.  With the orders as
// they are, a copy that is taken is that of its version; with any of the four weakened to relaxed,
// some schedule must show a copy that is not.  The seed is the number of the first schedule; it is
// printed, and BWRT_TEST_SEED gives it too.

#include "tests/relacy/model_memory.h"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "runtime/store/versioned.h"

namespace {

using bwrt::runtime::BasicVersion;
using bwrt::runtime::BasicWord;
using bwrt::runtime::VersionedMemory;
using bwrt::runtime::VersionedOrder;

constexpr VersionedOrder kLabels[] = {VersionedOrder::kV1, VersionedOrder::kV2, VersionedOrder::kV3,
                                      VersionedOrder::kV4};
const char* const kNames[] = {"V1, the writer sets a word", "V2, a reader gets a word",
                              "V3, the writer ends an update", "V4, a reader gets the version"};
constexpr int kNone = -1;
int weakened = kNone;  // index of the label that is relaxed

constexpr std::memory_order order_of(VersionedOrder label) {
    const bool is_store = label == VersionedOrder::kV1 || label == VersionedOrder::kV3;
    return is_store ? std::memory_order::release : std::memory_order::acquire;
}
static_assert(order_of(VersionedOrder::kV1) == VersionedMemory::order(VersionedOrder::kV1));
static_assert(order_of(VersionedOrder::kV2) == VersionedMemory::order(VersionedOrder::kV2));
static_assert(order_of(VersionedOrder::kV3) == VersionedMemory::order(VersionedOrder::kV3));
static_assert(order_of(VersionedOrder::kV4) == VersionedMemory::order(VersionedOrder::kV4));

struct ModelMemory {
    template <typename T>
    using Atomic = bwrt::ringbuf::model::ModelAtomic<T>;

    static std::memory_order order(VersionedOrder label) {
        return static_cast<int>(label) == weakened ? std::memory_order::relaxed : order_of(label);
    }
};

struct Update : rl::test_suite<Update, 2> {
    static constexpr std::uint64_t kUpdateCount = 3;
    BasicVersion<ModelMemory> version;
    BasicWord<ModelMemory> words[2];

    void thread(unsigned index) {
        for (std::uint64_t i = 1; i <= kUpdateCount; ++i) {
            if (index == 0) {
                update(i);
            } else {
                copy();
            }
        }
    }

    void update(std::uint64_t value) {
        version.begin();
        for (auto& word : words) word.set(value);
        version.end();
    }

    void copy() {
        const std::uint32_t number = version.get();
        const std::uint64_t first = words[0].get();
        const std::uint64_t second = words[1].get();
        if (!version.is_still(number)) return;
        RL_ASSERT(first == number / 2);
        RL_ASSERT(second == number / 2);
    }
};

bool passes(std::uint64_t schedule_count, std::uint64_t seed) {
    rl::ostringstream output;  // relacy owns operator new while a model runs; this one uses malloc
    rl::test_params params;
    params.iteration_count = seed + schedule_count - 1;
    params.initial_state = rl::string(std::to_string(seed).c_str());
    params.search_type = rl::sched_random;
    params.output_stream = &output;
    params.progress_stream = &output;
    const bool passed = rl::simulate<Update>(params);
    std::printf("%s, %" PRIu64 " schedules\n",
                passed ? "passed" : rl::test_result_str(params.test_result),
                static_cast<std::uint64_t>(params.stop_iteration) - seed + 1);
    if (!passed && weakened == kNone) std::printf("%s\n", output.str().c_str());
    return passed;
}

}  // namespace

int main(int argc, char** argv) {
    const char* seed_text = argc > 2 ? argv[2] : std::getenv("BWRT_TEST_SEED");
    const std::uint64_t schedule_count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 40'000;
    const std::uint64_t seed = seed_text != nullptr ? std::strtoull(seed_text, nullptr, 10) : 1;
    if (schedule_count == 0 || seed == 0) {
        std::fprintf(stderr, "usage: test_versioned_orders [schedules [seed]], both from 1\n");
        return 2;
    }

    std::printf("seed %" PRIu64 "\nas it is: ", seed);
    if (!passes(schedule_count, seed)) return 1;
    std::size_t caught_count = 0;
    for (std::size_t i = 0; i < std::size(kLabels); ++i) {
        weakened = static_cast<int>(i);
        std::printf("%s, relaxed: ", kNames[i]);
        caught_count += !passes(schedule_count, seed);
    }
    std::printf("labels: %zu, mutations caught: %zu\n", std::size(kLabels), caught_count);
    return caught_count == std::size(kLabels) ? 0 : 1;
}
