// SPDX-License-Identifier: Apache-2.0
// test_ringbuf_orders.cpp — model-checks ringbuf, then its memory orders one by one.
//
//   test_ringbuf_orders [schedules [seed]]
//
// First every model must pass the given number of schedules.  Then each label of the table in
// ringbuf/memory_orders.h is weakened by one step, and some model must fail within as many: a
// label that survives is either stronger than it need be or beyond what the models can see, and
// the program fails until that is settled.  The seed is the number of the first schedule; it is
// printed, and BWRT_TEST_SEED gives it too.

#include "tests/relacy/ringbuf_models.h"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <span>
#include <sstream>

namespace {

using namespace bwrt::ringbuf;
using namespace bwrt::ringbuf::model;

struct Verdict {
    bool passed;
    uint64_t schedule_count;  // up to the failure, where there was one
    const char* reason;
    rl::string history;  // of the failing schedule
};

template <typename Test>
Verdict run(uint64_t schedule_count, uint64_t seed) {
    rl::ostringstream output;  // relacy owns operator new while a model runs; this one uses malloc
    rl::test_params params;
    params.iteration_count = seed + schedule_count - 1;
    params.initial_state = rl::string(std::to_string(seed).c_str());
    params.search_type = rl::sched_random;
    params.output_stream = &output;
    params.progress_stream = &output;
    const bool passed = rl::simulate<Test>(params);
    return {passed, params.stop_iteration - seed + 1, rl::test_result_str(params.test_result),
            passed ? rl::string() : output.str()};
}

struct Model {
    const char* name;
    Verdict (*run)(uint64_t schedule_count, uint64_t seed);
};

constexpr Model kModels[] = {
    {"ring wraps", run<RingWraps>},
    {"ring shared", run<RingShared>},
    {"ring batches", run<RingBatches>},
    {"sleep, one consumer", run<SleepOne>},
    {"sleep, two consumers", run<SleepShared>},
    {"stack exchange", run<StackExchange>},
    {"stack chain", run<StackChain>},
};

// The orders one step below, of those that the kind of access can have.
std::span<const std::memory_order> weaker(const OrderEntry& entry) {
    using enum std::memory_order;
    static constexpr std::memory_order kRelaxed[] = {relaxed};
    static constexpr std::memory_order kAcquire[] = {acquire};
    static constexpr std::memory_order kRelease[] = {release};
    static constexpr std::memory_order kBoth[] = {acq_rel};
    static constexpr std::memory_order kEither[] = {acquire, release};

    if (entry.order == acq_rel) return kEither;
    if (entry.order != seq_cst) return kRelaxed;
    if (entry.access == Access::kLoad) return kAcquire;
    return entry.access == Access::kStore ? std::span<const std::memory_order>(kRelease) : kBoth;
}

// True when some model fails with `entry` weakened to `order`.
bool is_caught(const OrderEntry& entry, std::memory_order order, uint64_t schedule_count,
               uint64_t seed) {
    orders_in_force.set(entry.label, order);
    bool caught = false;
    for (const Model& model : kModels) {
        const Verdict verdict = model.run(schedule_count, seed);
        if (verdict.passed) continue;
        std::printf("%s %s, weakened to %s: %s, %s, after %" PRIu64 " schedules\n", entry.name + 1,
                    entry.where, rl::format(translate(order)), model.name, verdict.reason,
                    verdict.schedule_count);
        caught = true;
        break;
    }
    orders_in_force.set(entry.label, entry.order);
    if (!caught) {
        std::printf("%s %s, weakened to %s: NOT CAUGHT\n", entry.name + 1, entry.where,
                    rl::format(translate(order)));
    }
    return caught;
}

bool all_models_pass(uint64_t schedule_count, uint64_t seed) {
    bool passed = true;
    for (const Model& model : kModels) {
        const Verdict verdict = model.run(schedule_count, seed);
        std::printf("%s: %s, %" PRIu64 " schedules\n", model.name,
                    verdict.passed ? "passed" : verdict.reason, verdict.schedule_count);
        if (!verdict.passed) std::printf("%s\n", verdict.history.c_str());
        passed = passed && verdict.passed;
    }
    return passed;
}

size_t count_caught(uint64_t schedule_count, uint64_t seed) {
    size_t caught_count = 0;
    for (const OrderEntry& entry : kOrders) {
        bool caught = true;
        for (const std::memory_order order : weaker(entry)) {
            caught = is_caught(entry, order, schedule_count, seed) && caught;
        }
        if (caught) ++caught_count;
    }
    return caught_count;
}

}  // namespace

int main(int argc, char** argv) {
    const char* seed_text = argc > 2 ? argv[2] : std::getenv("BWRT_TEST_SEED");
    const uint64_t schedule_count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 40'000;
    const uint64_t seed = seed_text != nullptr ? std::strtoull(seed_text, nullptr, 10) : 1;
    if (schedule_count == 0 || seed == 0) {
        std::fprintf(stderr, "usage: test_ringbuf_orders [schedules [seed]], both from 1\n");
        return 2;
    }

    std::printf("seed %" PRIu64 "\n", seed);
    if (!all_models_pass(schedule_count, seed)) return 1;
    const size_t caught_count = count_caught(schedule_count, seed);
    std::printf("labels: %zu, mutations caught: %zu\n", kOrders.size(), caught_count);
    return caught_count == kOrders.size() ? 0 : 1;
}
