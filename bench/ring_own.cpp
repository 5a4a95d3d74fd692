// SPDX-License-Identifier: Apache-2.0
//
// ring_own.cpp — see ring_own.h.

#include "bench/ring_own.h"

#include "ringbuf/index_stack.h"

namespace bwrt::bench {

std::vector<int> allowed_cores() {
    cpu_set_t set;
    std::vector<int> cores;
    if (sched_getaffinity(0, sizeof(set), &set) == 0) {
        for (int core = 0; core < CPU_SETSIZE; ++core) {
            if (CPU_ISSET(core, &set)) cores.push_back(core);
        }
    }
    return cores;
}

void pin(const std::vector<int>& cores, std::size_t index) {
    if (cores.empty()) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cores[index % cores.size()], &set);
    sched_setaffinity(0, sizeof(set), &set);
}

double ring_ns(std::size_t producer_count, std::size_t command_count) {
    if (producer_count == 0) return one_thread_ns<RingWithDoorbell>(command_count);
    return many_threads_ns<RingWithDoorbell, false>(producer_count, command_count);
}

double batched_ring_ns(std::size_t producer_count, std::size_t command_count) {
    return many_threads_ns<RingWithDoorbell, true>(producer_count, command_count);
}

double shared_ring_ns(std::size_t producer_count, std::size_t command_count) {
    if (producer_count == 0) return one_thread_ns<SharedRing>(command_count);
    return many_threads_ns<SharedRing, false>(producer_count, command_count);
}

PartCosts part_costs(std::size_t count) {
    constexpr std::uint32_t kChain = 16;
    const auto per = [](std::uint64_t start_ns, std::size_t divisor) {
        return static_cast<double>(now_ns() - start_ns) / static_cast<double>(divisor);
    };
    PartCosts costs = {};
    ringbuf::IndexStack stack(4096);
    std::uint32_t index = 0;
    std::uint64_t start_ns = now_ns();
    for (std::size_t i = 0; i < count; ++i) {
        require(stack.pop(&index), "the index stack is empty");
        stack.push(index);
    }
    costs.stack_ns = per(start_ns, count);

    start_ns = now_ns();
    for (std::size_t i = 0; i < count / kChain; ++i) {
        require(stack.pop_chain(kChain, &index), "the index stack is empty");
        std::uint32_t last = index;
        for (std::uint32_t step = 1; step < kChain; ++step) last = stack.next(last);
        stack.push_chain(index, last);
    }
    costs.chain_ns = per(start_ns, count / kChain);

    ringbuf::Doorbell doorbell;
    start_ns = now_ns();
    for (std::size_t i = 0; i < count; ++i) require(!doorbell.ring(), "nobody sleeps");
    costs.doorbell_ns = per(start_ns, count);
    return costs;
}

}  // namespace bwrt::bench
