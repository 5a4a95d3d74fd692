// SPDX-License-Identifier: Apache-2.0
// ring.cpp — what does it cost to hand a 56-byte command from one thread to another?
//
// Measures ns per command through our rings and, in the same run, through two references: the
// textbook bounded MPSC queue with per-slot sequences (Vyukov), written plainly below, and an
// array under a mutex.  All take turns within each round, so that a noisy machine is noisy for
// all of them; what counts is the ratio to the textbook queue.
//
//   bench_ring [rounds [commands]]        default: 7 rounds of 2,000,000 commands
//
// The consumer is pinned to the first allowed core and the producers to the others in turn: on
// two cores, four producers share one.  Whoever finds the ring full or empty spins a while, then
// yields.  The figures include everything: push, transfer, pop.

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ringbuf/command.h"
#include "ringbuf/doorbell.h"
#include "ringbuf/index_stack.h"

namespace {

using bwrt::ringbuf::Command;
using bwrt::ringbuf::CommandRing;
using bwrt::ringbuf::Doorbell;
using bwrt::ringbuf::IndexStack;

constexpr size_t kCapacity = 1024;

// The reference: the scheme as it is usually written down, padded to lines.
class TextbookMpsc {
 public:
    explicit TextbookMpsc(size_t capacity) : mask_(capacity - 1), cells_(new Cell[capacity]) {
        for (size_t i = 0; i < capacity; ++i) cells_[i].sequence.store(i);
    }

    bool push(const Command& command) {
        size_t position = tail_.load(std::memory_order_relaxed);
        for (;;) {
            Cell& cell = cells_[position & mask_];
            const size_t sequence = cell.sequence.load(std::memory_order_acquire);
            const auto difference = static_cast<intptr_t>(sequence - position);
            if (difference < 0) return false;
            if (difference > 0) {
                position = tail_.load(std::memory_order_relaxed);
            } else if (tail_.compare_exchange_weak(position, position + 1,
                                                   std::memory_order_relaxed)) {
                cell.command = command;
                cell.sequence.store(position + 1, std::memory_order_release);
                return true;
            }
        }
    }

    bool pop(Command* command_out) {
        Cell& cell = cells_[head_ & mask_];
        if (cell.sequence.load(std::memory_order_acquire) != head_ + 1) return false;
        *command_out = cell.command;
        cell.sequence.store(head_ + mask_ + 1, std::memory_order_release);
        ++head_;
        return true;
    }

 private:
    struct alignas(64) Cell {
        std::atomic<size_t> sequence;
        Command command;
    };

    const size_t mask_;
    const std::unique_ptr<Cell[]> cells_;
    alignas(64) std::atomic<size_t> tail_{0};
    alignas(64) size_t head_ = 0;
};

class MutexArray {
 public:
    explicit MutexArray(size_t capacity) : mask_(capacity - 1), commands_(capacity) {}

    bool push(const Command& command) {
        const std::lock_guard lock(mutex_);
        if (tail_ - head_ > mask_) return false;
        commands_[tail_++ & mask_] = command;
        return true;
    }

    bool pop(Command* command_out) {
        const std::lock_guard lock(mutex_);
        if (tail_ == head_) return false;
        *command_out = commands_[head_++ & mask_];
        return true;
    }

 private:
    const size_t mask_;
    std::vector<Command> commands_;
    std::mutex mutex_;
    size_t tail_ = 0;
    size_t head_ = 0;
};

// Our ring as the runtime drives it: every push rings the doorbell of a consumer that is awake.
class RingWithDoorbell {
 public:
    explicit RingWithDoorbell(size_t capacity) : ring_(capacity) {}

    bool push(const Command& command) {
        if (!ring_.push(command)) return false;
        if (doorbell_.ring()) std::abort();
        return true;
    }

    bool pop(Command* command_out) { return ring_.pop(command_out); }

 private:
    CommandRing ring_;
    Doorbell doorbell_;
};

class SharedRing {
 public:
    explicit SharedRing(size_t capacity) : ring_(capacity) {}
    bool push(const Command& command) { return ring_.push(command); }
    bool pop(Command* command_out) { return ring_.pop_shared(command_out); }

 private:
    CommandRing ring_;
};

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

void pin(const std::vector<int>& cores, size_t index) {
    if (cores.empty()) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cores[index % cores.size()], &set);
    sched_setaffinity(0, sizeof(set), &set);  // unpinned is a slower run, not a wrong one
}

class Backoff {
 public:
    void wait() {
        if (++spin_count_ % 64 == 0) {
            sched_yield();
        } else {
#if defined(__x86_64__)
            __builtin_ia32_pause();
#endif
        }
    }

 private:
    unsigned spin_count_ = 0;
};

double ns_since(std::chrono::steady_clock::time_point start) {
    const std::chrono::duration<double, std::nano> elapsed =
        std::chrono::steady_clock::now() - start;
    return elapsed.count();
}

// The producers' sum of all commands must come out at the consumer: a fast wrong ring is no ring.
void require(bool condition, const char* what) {
    if (condition) return;
    std::fprintf(stderr, "bench_ring: %s\n", what);
    std::exit(1);
}

template <typename Queue>
double one_thread_ns(size_t command_count) {
    Queue queue(kCapacity);
    Command command{};
    uint64_t sum = 0;

    const auto start = std::chrono::steady_clock::now();
    for (size_t i = 0; i < command_count; ++i) {
        command.wave = i;
        require(queue.push(command), "an empty ring refused a push");
        Command popped;
        require(queue.pop(&popped), "a pushed command is not there");
        sum += popped.wave;
    }
    const double elapsed_ns = ns_since(start);
    require(sum == command_count * (command_count - 1) / 2, "commands were lost");
    return elapsed_ns / static_cast<double>(command_count);
}

template <typename Queue>
double many_threads_ns(size_t producer_count, size_t command_count) {
    const std::vector<int> cores = allowed_cores();
    const size_t share = command_count / producer_count;
    Queue queue(kCapacity);
    std::atomic<size_t> ready_count{0};
    std::atomic<bool> go{false};

    std::vector<std::thread> producers;
    for (size_t p = 0; p < producer_count; ++p) {
        producers.emplace_back([&, p] {
            const size_t others = cores.size() > 1 ? cores.size() - 1 : 1;
            pin(cores, cores.size() > 1 ? 1 + p % others : 0);
            ready_count.fetch_add(1);
            while (!go.load()) sched_yield();

            Command command{};
            Backoff backoff;
            for (size_t i = 0; i < share; ++i) {
                command.wave = i;
                while (!queue.push(command)) backoff.wait();
            }
        });
    }

    double elapsed_ns = 0;
    uint64_t sum = 0;
    std::thread consumer([&] {
        pin(cores, 0);
        while (ready_count.load() < producer_count) sched_yield();
        const auto start = std::chrono::steady_clock::now();
        go.store(true);

        Command command;
        Backoff backoff;
        for (size_t i = 0; i < share * producer_count; ++i) {
            while (!queue.pop(&command)) backoff.wait();
            sum += command.wave;
        }
        elapsed_ns = ns_since(start);
    });
    consumer.join();
    for (std::thread& producer : producers) producer.join();
    require(sum == producer_count * (share * (share - 1) / 2), "commands were lost");
    return elapsed_ns / static_cast<double>(share * producer_count);
}

struct Column {
    const char* name;
    double (*measure)(size_t producer_count, size_t command_count);
    std::vector<double> samples_ns;
};

template <typename Queue>
double measure(size_t producer_count, size_t command_count) {
    if (producer_count == 0) return one_thread_ns<Queue>(command_count);
    return many_threads_ns<Queue>(producer_count, command_count);
}

double median(std::vector<double> samples) {
    std::sort(samples.begin(), samples.end());
    return samples[samples.size() / 2];
}

// The first column is the reference.
void run_row(const char* name, size_t producer_count, size_t rounds, size_t command_count) {
    Column columns[] = {{"textbook Vyukov MPSC", measure<TextbookMpsc>, {}},
                        {"Ring", measure<RingWithDoorbell>, {}},
                        {"Ring, pop_shared", measure<SharedRing>, {}},
                        {"mutex + array", measure<MutexArray>, {}}};
    for (size_t round = 0; round < rounds; ++round) {
        for (Column& column : columns) {
            column.samples_ns.push_back(column.measure(producer_count, command_count));
        }
    }

    std::printf("%s\n", name);
    const double reference_ns = median(columns[0].samples_ns);
    for (const Column& column : columns) {
        const auto [least, most] =
            std::minmax_element(column.samples_ns.begin(), column.samples_ns.end());
        std::printf("  %-22s %8.1f ns  (%.1f to %.1f)   x %.2f\n", column.name,
                    median(column.samples_ns), *least, *most,
                    median(column.samples_ns) / reference_ns);
    }
}

// One thread, nobody else: what the other parts cost on a submission's path.
void run_parts(size_t rounds, size_t count) {
    std::vector<double> stack_ns;
    std::vector<double> chain_ns;
    std::vector<double> doorbell_ns;
    for (size_t round = 0; round < rounds; ++round) {
        IndexStack stack(4096);
        uint32_t index = 0;
        auto start = std::chrono::steady_clock::now();
        for (size_t i = 0; i < count; ++i) {
            require(stack.pop(&index), "the index stack is empty");
            stack.push(index);
        }
        stack_ns.push_back(ns_since(start) / static_cast<double>(count));

        start = std::chrono::steady_clock::now();
        for (size_t i = 0; i < count / 16; ++i) {
            require(stack.pop_chain(16, &index), "the index stack is empty");
            uint32_t last = index;
            for (int step = 1; step < 16; ++step) last = stack.next(last);
            stack.push_chain(index, last);
        }
        chain_ns.push_back(ns_since(start) / static_cast<double>(count / 16));

        Doorbell doorbell;
        start = std::chrono::steady_clock::now();
        for (size_t i = 0; i < count; ++i) require(!doorbell.ring(), "nobody sleeps");
        doorbell_ns.push_back(ns_since(start) / static_cast<double>(count));
    }
    std::printf("parts, one thread\n");
    std::printf("  %-38s %6.1f ns\n", "IndexStack pop + push", median(stack_ns));
    std::printf("  %-38s %6.1f ns\n", "IndexStack chain of 16: pop, walk, push", median(chain_ns));
    std::printf("  %-38s %6.1f ns\n", "Doorbell::ring, nobody asleep", median(doorbell_ns));
}

void print_machine() {
    std::string model = "unknown";
    if (FILE* file = std::fopen("/proc/cpuinfo", "r")) {
        char line[256];
        while (std::fgets(line, sizeof(line), file) != nullptr) {
            const char* colon = std::strchr(line, ':');
            if (std::strncmp(line, "model name", 10) != 0 || colon == nullptr) continue;
            model = colon + 2;
            model.erase(model.find_last_not_of('\n') + 1);
            break;
        }
        std::fclose(file);
    }
    double loads[3] = {0, 0, 0};
    const int known = getloadavg(loads, 3);
    std::printf("cpu: %s, %zu cores allowed, load average %.2f %.2f %.2f%s\n", model.c_str(),
                allowed_cores().size(), loads[0], loads[1], loads[2],
                known == 3 ? "" : " (not known)");
}

}  // namespace

int main(int argc, char** argv) {
    const size_t rounds = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 7;
    const size_t command_count = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 2'000'000;
    require(rounds > 0 && command_count >= 16, "usage: bench_ring [rounds [commands]]");

    print_machine();
    std::printf("%zu rounds of %zu commands, capacity %zu; median, (least to most), ratio\n",
                rounds, command_count, kCapacity);
    run_row("push + pop, one thread", 0, rounds, command_count);
    run_row("1 producer, 1 consumer", 1, rounds, command_count);
    run_row("2 producers, 1 consumer", 2, rounds, command_count);
    run_row("4 producers, 1 consumer", 4, rounds, command_count);
    run_row("8 producers, 1 consumer", 8, rounds, command_count);
    run_parts(rounds, command_count);
    return 0;
}
