// SPDX-License-Identifier: Apache-2.0
//
// ring.cpp — what does it cost to hand a command from one thread to another?
//
// ns a command through our ring and, in the same run, through its peers (ring_peers.h): one by one,
// and in batches of 32 where a queue has batches.  A command is 56 bytes, a line of 64 with a
// slot's own word.  All take turns within each round, in rotating order; a ratio is formed inside a
// round and is to the textbook queue one by one.  The goals are to the best of the bounded peers.
//
//   bench_ring [rounds [commands]]        default: 15 rounds of 500,000 commands
//
// Eight producers on two cores are there to show that nothing collapses when a producer is
// preempted between reserving a slot and publishing it.

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "bench/ring_own.h"
#include "bench/ring_peers.h"

namespace {

using namespace bwrt::bench;

using Measure = double (*)(std::size_t producer_count, std::size_t command_count);

template <typename Queue>
double single(std::size_t producer_count, std::size_t command_count) {
    if (producer_count == 0) return one_thread_ns<Queue>(command_count);
    return many_threads_ns<Queue, false>(producer_count, command_count);
}

template <typename Queue>
double batched(std::size_t producer_count, std::size_t command_count) {
    return many_threads_ns<Queue, true>(producer_count, command_count);
}

enum class Kind { kOurs, kBounded, kOther };

struct Column {
    const char* name;
    Measure measure;
    Kind kind;
    bool batches;
    std::vector<double> ns;
};

// The first is the reference of the rows, the second ours.
std::vector<Column> columns() {
    return {
        {"textbook Vyukov MPSC", single<TextbookMpsc>, Kind::kBounded, false, {}},
            {"Ring", ring_ns, Kind::kOurs, false, {}},
            {"Ring, pop_shared", shared_ring_ns, Kind::kOther, false, {}},
            {"turns, rigtorp's scheme", single<TurnMpmc>, Kind::kBounded, false, {}},
#if BWRT_BENCH_MOODYCAMEL
            {"moodycamel, unbounded", single<Moodycamel<false>>, Kind::kOther, false, {}},
            {"moodycamel, bounded", single<Moodycamel<true>>, Kind::kBounded, false, {}},
#endif
#if BWRT_BENCH_BOOST
            {"boost::lockfree::queue", single<Boost>, Kind::kBounded, false, {}},
#endif
            {"mutex + array", single<MutexArray>, Kind::kBounded, false, {}},
            {"textbook Vyukov MPSC, batches of 32",
             batched<TextbookMpsc>,
             Kind::kBounded,
             true,
             {}},
            {"Ring, batches of 32", batched_ring_ns, Kind::kOurs, true, {}},
#if BWRT_BENCH_MOODYCAMEL
            {"moodycamel, unbounded, batches of 32",
             batched<Moodycamel<false>>,
             Kind::kOther,
             true,
             {}},
            {"moodycamel, bounded, batches of 32",
             batched<Moodycamel<true>>,
             Kind::kBounded,
             true,
             {}},
#endif
    };
}

double median_of(const Column& column) {
    Samples ns;
    for (const double one : column.ns) ns.add(one);
    return ns.median();
}

void judge(const char* name, const std::vector<Column>& all, bool batches) {
    const Column *ours = nullptr, *best = nullptr;
    for (const Column& column : all) {
        if (column.batches != batches) continue;
        if (column.kind == Kind::kOurs) ours = &column;
        if (column.kind != Kind::kBounded) continue;
        if (best == nullptr || median_of(column) < median_of(*best)) best = &column;
    }
    if (ours == nullptr) return;
    Samples ratios;
    for (std::size_t i = 0; i < ours->ns.size(); ++i) ratios.add(ours->ns[i] / best->ns[i]);
    print_goal(std::string("ring: ") + name + (batches ? ", batches of 32" : "") + ", against " +
                   best->name,
               Bar::kAtMost, 1.0, ratios);
}

// Our figures, by round.
std::vector<double> run_row(const char* name, std::size_t producer_count, std::size_t rounds,
                            std::size_t command_count) {
    std::vector<Column> all = columns();
    if (producer_count == 0) std::erase_if(all, [](const Column& one) { return one.batches; });
    for (std::size_t round = 0; round < rounds; ++round) {
        for (std::size_t turn = 0; turn < all.size(); ++turn) {
            Column& column = all[(round + turn) % all.size()];
            column.ns.push_back(column.measure(producer_count, command_count));
        }
    }

    std::printf("%s\n", name);
    for (const Column& column : all) {
        Samples ns, ratios;
        for (std::size_t i = 0; i < rounds; ++i) {
            ns.add(column.ns[i]);
            ratios.add(column.ns[i] / all[0].ns[i]);
        }
        print_row(column.name, ns, "ns", &ratios);
    }
    judge(name, all, false);
    judge(name, all, true);
    return all[1].ns;
}

void run_parts(std::size_t rounds, std::size_t count) {
    Samples stack, chain, doorbell;
    for (std::size_t round = 0; round < rounds; ++round) {
        const PartCosts costs = part_costs(count);
        stack.add(costs.stack_ns);
        chain.add(costs.chain_ns);
        doorbell.add(costs.doorbell_ns);
    }
    std::printf("parts, one thread\n");
    print_row("IndexStack pop + push", stack, "ns");
    print_row("IndexStack chain of 16: pop, walk, push", chain, "ns");
    print_row("Doorbell::ring, nobody asleep", doorbell, "ns");
}

void run(std::size_t rounds, std::size_t command_count) {
    print_machine();
    std::printf(
        "%zu cores allowed, %zu rounds of %zu commands, capacity %zu; median (least to most)"
        ", ratio (95 %% interval)\n",
        allowed_cores().size(), rounds, command_count, kRingCapacity);
    run_row("push + pop, one thread", 0, rounds, command_count);
    const auto one = run_row("1 producer, 1 consumer", 1, rounds, command_count);
    run_row("2 producers, 1 consumer", 2, rounds, command_count);
    run_row("4 producers, 1 consumer", 4, rounds, command_count);
    const auto eight = run_row("8 producers, 1 consumer", 8, rounds, command_count);
    Samples growth;
    for (std::size_t i = 0; i < rounds; ++i) growth.add(eight[i] / one[i]);
    print_goal("ring: 8 producers against 1", Bar::kAtMost, 2.0, growth);
    run_parts(rounds, command_count);
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t rounds = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 15;
    const std::size_t command_count = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 500'000;
    if (rounds == 0 || command_count < 32) {
        std::fprintf(stderr, "usage: bench_ring [rounds [commands]]\n");
        return 2;
    }
    try {
        run(rounds, command_count);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_ring: %s\n", error.what());
        return 1;
    }
}
