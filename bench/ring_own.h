// SPDX-License-Identifier: Apache-2.0
//
// ring_own.h — our ring under ring_load.h, and what stands beside it on a submission's path.

#pragma once

#include <cstddef>
#include <cstdlib>

#include "bench/ring_load.h"
#include "ringbuf/doorbell.h"

namespace bwrt::bench {

// As the runtime drives it: every push rings the doorbell of a consumer that is awake.
class RingWithDoorbell {
 public:
    using Producer = PlainEnd<RingWithDoorbell>;
    using Consumer = PlainEnd<RingWithDoorbell>;

    explicit RingWithDoorbell(std::size_t capacity) : ring_(capacity) {}

    bool push(const Command& command) {
        if (!ring_.push(command)) return false;
        if (doorbell_.ring()) std::abort();  // nobody sleeps here
        return true;
    }
    bool pop(Command* command_out) { return ring_.pop(command_out); }

    std::size_t push_batch(const Command* commands, std::size_t count) {
        if (!ring_.push_batch(commands, count)) return 0;
        if (doorbell_.ring()) std::abort();
        return count;
    }
    std::size_t pop_batch(Command* commands_out, std::size_t count) {
        std::size_t taken = 0;
        while (taken < count && ring_.pop(commands_out + taken)) ++taken;
        return taken;
    }

 private:
    ringbuf::CommandRing ring_;
    ringbuf::Doorbell doorbell_;
};

// The consumer is one of many.
class SharedRing {
 public:
    using Producer = PlainEnd<SharedRing>;
    using Consumer = PlainEnd<SharedRing>;

    explicit SharedRing(std::size_t capacity) : ring_(capacity) {}
    bool push(const Command& command) { return ring_.push(command); }
    bool pop(Command* command_out) { return ring_.pop_shared(command_out); }

 private:
    ringbuf::CommandRing ring_;
};

// ns a command; 0 producers: push and pop by one thread.
[[nodiscard]] double ring_ns(std::size_t producer_count, std::size_t command_count);
[[nodiscard]] double batched_ring_ns(std::size_t producer_count, std::size_t command_count);
[[nodiscard]] double shared_ring_ns(std::size_t producer_count, std::size_t command_count);

// One thread, nobody else.
struct PartCosts {
    double stack_ns;     // IndexStack: a pop and a push
    double chain_ns;     // 16 indices popped, walked and pushed
    double doorbell_ns;  // a ring, nobody asleep
};
[[nodiscard]] PartCosts part_costs(std::size_t count);

}  // namespace bwrt::bench
