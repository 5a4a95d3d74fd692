// SPDX-License-Identifier: Apache-2.0
//
// pieces.h — an operation seen as a sequence of contiguous pieces.
//
// A piece is a run of bytes contiguous on both sides.  Nothing is expanded: the operation
// itself holds the place, so 327,680 pieces cost no memory.  The order of service is
//   indexed   band by band, in it slot by slot, in it plane by plane, row by row
//   2-D       row by row
//   flat      one piece, taken from the front
//
//   begin(op)                 once, at submission
//   while (current(op, &p))   look at what is next
//       advance(op, n)        1 <= n <= p.length_bytes are served

#pragma once

#include <cstdint>

#include "runtime/operation.h"

namespace bwrt::runtime {

// Finds the first piece and sets serve_group.
void begin(Operation* operation) noexcept;

// Goes on to the piece after the one that was served.
void next_row(Operation* operation) noexcept;

// False when all of it is served.
[[nodiscard]] inline bool current(const Operation& operation, Piece* piece_out) noexcept {
    if (operation.shape != nullptr) {
        *piece_out = operation.shape->piece;
    } else {
        *piece_out = {operation.source,       operation.target, operation.length_bytes,
                      operation.entry_first,  operation.group,  operation.source_region,
                      operation.target_region};
    }
    return piece_out->length_bytes != 0;
}

inline void advance(Operation* operation, std::uint64_t bytes) noexcept {
    if (operation->shape == nullptr) {
        operation->source += bytes;
        operation->target += bytes;
        operation->length_bytes -= bytes;
        return;
    }
    Piece& piece = operation->shape->piece;
    piece.source += bytes;
    piece.target += bytes;
    piece.length_bytes -= bytes;
    if (piece.length_bytes == 0) next_row(operation);
}

// Puts the head of a list that was advanced to its place, or takes it out when it is served.
// Returns the new head's next piece; false when the list is empty or a FLUSH, which has none,
// is at its head.
[[nodiscard]] bool next_piece(OperationList* list, Piece* piece_out) noexcept;

// Serves the rest at once: what is left of it goes, piece by piece in effect, to `Sink`:
//   sink(group, entry_first, bytes): `bytes` of `group`, the first in entry `entry_first`.
template <typename Sink>
void drop_rest(Operation* operation, Sink&& sink) noexcept {
    Piece piece;
    while (current(*operation, &piece)) {
        sink(piece.group, piece.entry, piece.length_bytes);
        advance(operation, piece.length_bytes);
    }
}

// Bytes of one slot's block that the shape moves of plane `plane_index`.
[[nodiscard]] std::uint64_t plane_bytes(const Shape& shape, std::uint32_t plane_index) noexcept;

}  // namespace bwrt::runtime
