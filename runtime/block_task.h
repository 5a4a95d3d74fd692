// SPDX-License-Identifier: Apache-2.0
//
// block_task.h — one block of a block operation, from submission to the end of its wave.
//
// It holds the copy between the caller's memory and the block's place in ours, as an operation
// like any other: where the place is, is known only when it starts, and then it goes into the host
// lane's list of the caller's own wave.  So a GET that hits memory is what a COPY is, piece by
// piece in the order of its groups; a PUT's copy goes in the order of the image, for its sums are
// made on the way.

#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/operation.h"
#include "runtime/pieces.h"
#include "runtime/wave.h"

namespace bwrt::runtime {

struct Tenant;

struct BlockName {
    std::uint8_t identity[32];
    std::uint32_t part;
};

struct BlockTask {
    enum class State : std::uint8_t {
        kNew,      // not started, or to be started again when something was given back
        kWaiting,  // for a flight
        kCopying,  // in the host lane
        kFilled,   // PUT: copied, and on its way to where it has to be
        kDone,     // resolved
    };

    Operation operation;  // first: the lanes know it by this
    Wave* wave;
    BlockTask* next;     // of the wave
    BlockTask* waiting;  // the next that waits for the same
    const Tenant* tenant;
    std::uint64_t layout_digest;
    BlockName name;
    BlockName parent;
    std::uint32_t length_bytes;  // 0: of no matter (DROP)
    std::uint32_t flight;        // that it waits for, fills or copies from
    std::uint32_t host_block;    // that it copies from
    std::uint32_t ttl_s;
    std::uint32_t since;  // the tick in which it was begun first
    std::uint32_t access_count, complexity_milli, time_variance_milli;
    std::uint16_t window_blocks;
    std::uint8_t kind;   // BWRT_OP_*
    std::uint8_t flags;  // BWRT_BLOCK_*
    std::uint8_t closure;
    std::uint8_t tier;
    State state;
    bool has_parent;
    bool asked;     // whether it may be written to the disk
    bool admitted;  // it may
    bool refused;

    [[nodiscard]] bool moves_bytes() const noexcept {
        return kind == BWRT_OP_PUT || kind == BWRT_OP_GET;
    }
};
static_assert(offsetof(BlockTask, operation) == 0);

// Puts a task's copy back to its beginning, with all of it to be served.
inline void begin_again(Operation* operation) noexcept {
    operation->length_bytes = reinterpret_cast<BlockTask*>(operation)->length_bytes;
    begin(operation);
}

// Kinds of block operations lie behind all others.
[[nodiscard]] constexpr bool is_block_kind(std::uint32_t kind) noexcept {
    return kind >= BWRT_OP_PUT && kind <= BWRT_OP_UNPIN;
}

}  // namespace bwrt::runtime
