// SPDX-License-Identifier: Apache-2.0
//
// operation.h — an operation after checking: addresses resolved, nothing left to refuse.
//
// A flat operation is one cache line.  A 2-D or indexed one has a Shape beside it, which also
// holds the place up to which it has been served.  Operations of a wave hang in lists, one a
// lane, in ascending order of the group they will be served in next.

#pragma once

#include <cstdint>

#include "include/bwrt.h"
#include "runtime/layout.h"
#include "runtime/page_pool.h"

namespace bwrt::runtime {

struct Gemm;  // gemm.h

enum class Lane : std::uint8_t { kStorage, kHost, kDevice, kNone };

// The slots of an indexed operation, copied: the pairs that move, in runs that fill whatever is
// left of a page.  Those that are skipped are not kept, so that passing them costs nothing later.
struct SlotPair {
    std::uint32_t source;  // 0 on a region side
    std::uint32_t target;
    std::uint32_t entry;  // the pair's number in the caller's arrays
};

struct SlotRun {
    SlotRun* next;
    std::uint32_t count;
    std::uint32_t reserved;

    // They follow the head, as many as the run's units hold.
    [[nodiscard]] SlotPair* pairs() noexcept { return reinterpret_cast<SlotPair*>(this + 1); }

    static constexpr std::uint32_t units_for(std::uint32_t count) noexcept {
        return static_cast<std::uint32_t>(
            (sizeof(SlotRun) + count * sizeof(SlotPair) + kPageUnitBytes - 1) / kPageUnitBytes);
    }
    static constexpr std::uint32_t count_in(std::uint32_t units) noexcept {
        return static_cast<std::uint32_t>((units * kPageUnitBytes - sizeof(SlotRun)) /
                                          sizeof(SlotPair));
    }
};

// A place in the runs.
struct SlotCursor {
    SlotRun* run = nullptr;
    std::uint32_t at = 0;

    [[nodiscard]] const SlotPair& pair() const noexcept { return run->pairs()[at]; }
    void next() noexcept {
        if (++at < run->count) return;
        run = run->next;
        at = 0;
    }
};

// A run of bytes contiguous on both sides (pieces.h).
struct Piece {
    std::uint64_t source;  // host address or file offset
    std::uint64_t target;
    std::uint64_t length_bytes;  // 0: there is none
    std::uint32_t entry;
    std::uint32_t group;
    std::uint16_t source_region;
    std::uint16_t target_region;
};

struct alignas(64) Shape {
    // 2-D: rows of Operation::length_bytes.  Indexed: unused.
    std::int64_t source_stride_bytes = 0;
    std::int64_t target_stride_bytes = 0;
    std::uint32_t row_count = 1;

    // Indexed.  `lead` gives the order of service and the groups: the layout in memory, or the
    // target's when both are, or the only one.
    std::uint32_t pair_count = 0;    // as given
    std::uint32_t moving_count = 0;  // of them, those that move
    const Layout* source_layout = nullptr;
    const Layout* target_layout = nullptr;
    const Layout* lead = nullptr;
    SlotRun* slots = nullptr;
    std::uint32_t plane_first = 0;
    std::uint32_t plane_end = 0;
    std::uint64_t image_first = 0;  // bytes of the block image that move
    std::uint64_t image_end = 0;
    std::uint64_t entry_bytes = 0;  // of one pair that moves

    // What is next, less what of it was served, and where it was found.
    Piece piece = {};
    std::uint32_t band = 0;
    std::uint32_t slot = 0;   // number among the pairs that move
    std::uint32_t place = 0;  // in the band's planes
    std::uint32_t row = 0;
    SlotCursor cursor;  // at `slot`
};

struct alignas(64) Operation {
    Operation* next = nullptr;        // in its lane's list
    Shape* shape = nullptr;           // null: flat
    std::uint64_t source = 0;         // host address or file offset; SIGNAL: value_done; GEMM: its
                                      // Gemm
    std::uint64_t target = 0;         // likewise; of a SIGNAL the address
    std::uint64_t length_bytes = 0;   // of a row; flat: what is left to serve is beyond `served`
    std::uint32_t index = 0;          // in the wave
    std::uint32_t serve_group = 0;    // group of the next piece
    std::uint32_t group = 0;          // indexed: added to the planes'
    std::uint32_t entry_first = 0;    // number of its first entry
    std::uint16_t source_region = 0;  // slots in the region table
    std::uint16_t target_region = 0;
    std::uint8_t kind = 0;  // BWRT_OP_*
    Lane lane = Lane::kNone;
    bool failed = false;     // flat and 2-D: the rest is not worth asking for
    std::uint8_t width = 0;  // SIGNAL: 4 or 8

    [[nodiscard]] bool is_indexed() const noexcept { return shape != nullptr && shape->lead; }
    [[nodiscard]] Gemm* gemm() const noexcept { return reinterpret_cast<Gemm*>(source); }
};
static_assert(sizeof(Operation) == 64);

// What moves no bytes counts as one.
[[nodiscard]] constexpr bool counts_as_one(std::uint32_t kind) noexcept {
    return kind == BWRT_OP_FLUSH || (kind > BWRT_OP_GET && kind <= BWRT_OP_UNPIN);
}

// A list in ascending order of serve_group.
struct OperationList {
    Operation* head = nullptr;
    Operation* tail = nullptr;

    [[nodiscard]] bool is_empty() const noexcept { return head == nullptr; }

    Operation* pop_front() noexcept {
        Operation* first = head;
        head = first->next;
        if (head == nullptr) tail = nullptr;
        first->next = nullptr;
        return first;
    }

    void append(Operation* operation) noexcept {
        operation->next = nullptr;
        if (tail != nullptr) {
            tail->next = operation;
        } else {
            head = operation;
        }
        tail = operation;
    }

    // Behind all whose group is not higher.  Bands of like operations come round in order, so
    // the tail is nearly always the place.
    void insert(Operation* operation) noexcept {
        if (tail == nullptr || tail->serve_group <= operation->serve_group) {
            append(operation);
            return;
        }
        Operation** link = &head;
        while ((*link)->serve_group <= operation->serve_group) link = &(*link)->next;
        operation->next = *link;
        *link = operation;
    }
};

}  // namespace bwrt::runtime
