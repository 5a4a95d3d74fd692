// SPDX-License-Identifier: Apache-2.0
// command.h — what the ring carries: one hand-over to the executor.
//
//   byte  0        8     10       12     16    24      32      40             48             56
//         sequence kind  op_kind  group  wave  source  target  source_offset  target_offset  length
//         ring's   └────────────────────────── Command ──────────────────────────────────────────┘
//
// A slot of the command ring is one cache line of 64 bytes, for ever: the ring's own sequence
// word in front and the 56 bytes of a Command behind it.  A hand-over is then one line moved
// between two cores and no more; a 65th byte would double it.
//
// A command stands for a wave, not for an operation.  Where the wave is a single flat operation
// it lies here whole; the rest of any other wave lies in the tables sized at open, and `wave`
// finds it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "ringbuf/cache_line.h"
#include "ringbuf/ring.h"

namespace bwrt::ringbuf {

enum class CommandKind : uint16_t {
    kNone = 0,  // never sent: a zeroed command is seen as such
    kSubmit,    // `wave` is in its tables and may start
    kCancel,    // end `wave` early
    kCall,      // `source` is the address of a call for the driver to make
};

// Fields that a kind does not name are zero.  Handles are opaque here.
struct Command {
    CommandKind kind;
    uint16_t op_kind;  // of the one flat operation; 0: the operations lie in the tables
    uint32_t group;
    uint64_t wave;
    uint64_t source;
    uint64_t target;
    uint64_t source_offset;  // bytes
    uint64_t target_offset;  // bytes
    uint64_t length;         // bytes
};

using CommandRing = Ring<Command>;

static_assert(sizeof(Command) == kCacheLineBytes - sizeof(uint64_t));
static_assert(sizeof(CommandRing::Slot) == kCacheLineBytes);
static_assert(alignof(CommandRing::Slot) == kCacheLineBytes);
static_assert(std::has_unique_object_representations_v<Command>);  // no padding to leak
static_assert(offsetof(Command, kind) == 0);
static_assert(offsetof(Command, op_kind) == 2);
static_assert(offsetof(Command, group) == 4);
static_assert(offsetof(Command, wave) == 8);
static_assert(offsetof(Command, source) == 16);
static_assert(offsetof(Command, target) == 24);
static_assert(offsetof(Command, source_offset) == 32);
static_assert(offsetof(Command, target_offset) == 40);
static_assert(offsetof(Command, length) == 48);
static_assert(offsetof(CommandRing::Slot, payload) == 8);

}  // namespace bwrt::ringbuf
