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

// What is next, where it lies: in the shape, or for a flat operation in *flat_out.  No copy: the
// shape's was written field by field a moment ago, and loading it whole would wait for the stores.
[[nodiscard]] inline const Piece& piece_of(const Operation& operation, Piece* flat_out) noexcept {
    if (operation.shape != nullptr) return operation.shape->piece;
    *flat_out = {operation.source,       operation.target, operation.length_bytes,
                 operation.entry_first,  operation.group,  operation.source_region,
                 operation.target_region};
    return *flat_out;
}

// False when all of it is served.
[[nodiscard]] inline bool current(const Operation& operation, Piece* piece_out) noexcept {
    Piece flat;
    *piece_out = piece_of(operation, &flat);
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
// False when the list is empty or a FLUSH, which has no piece, is at its head.
[[nodiscard]] bool has_piece(OperationList* list) noexcept;

// The same, and a copy of the new head's next piece.
[[nodiscard]] inline bool next_piece(OperationList* list, Piece* piece_out) noexcept {
    return has_piece(list) && current(*list->head, piece_out);
}

// Bytes of one slot's block that the shape moves of plane `plane_index`.
[[nodiscard]] std::uint64_t plane_bytes(const Shape& shape, std::uint32_t plane_index) noexcept;

// The order of service of an indexed operation.
[[nodiscard]] const PlaneOrder& order_of(const Operation& operation) noexcept;

// Whether anything of the band moves.
[[nodiscard]] bool band_is_selected(const Shape& shape, const PlaneOrder& order,
                                    const Band& band) noexcept;

// The first pair, among those that move, of which something is left; moving_count for none.
[[nodiscard]] std::uint32_t first_pair_left(const Operation& operation) noexcept;

// Serves the rest at once, in time bounded by planes and rows, not by pairs:
//   sink(group, entry_first, bytes): `bytes` of `group`, the first of them in entry `entry_first`.
template <typename Sink>
void drop_rest(Operation* operation, Sink&& sink) noexcept {
    Piece piece;
    if (!current(*operation, &piece)) return;
    Shape* shape = operation->shape;
    if (!operation->is_indexed()) {
        const std::uint64_t rows = shape == nullptr ? 0 : shape->row_count - shape->row - 1;
        sink(piece.group, piece.entry, piece.length_bytes + rows * operation->length_bytes);
        if (shape == nullptr) {
            operation->length_bytes = 0;
        } else {
            shape->row = shape->row_count;
            shape->piece.length_bytes = 0;
        }
        return;
    }
    // The pair that is being served, piece by piece; then whole pairs.
    for (const std::uint32_t band = shape->band, slot = shape->slot;
         piece.length_bytes != 0 && shape->band == band && shape->slot == slot;
         static_cast<void>(current(*operation, &piece))) {
        sink(piece.group, piece.entry, piece.length_bytes);
        advance(operation, piece.length_bytes);
    }
    const PlaneOrder& order = order_of(*operation);
    const std::uint32_t served = shape->piece.length_bytes != 0 ? shape->slot : 0;
    for (std::uint32_t band = shape->band; band < order.bands.size(); ++band) {
        const bool begun = band == shape->band;
        const std::uint64_t pairs = shape->moving_count - (begun ? served : 0);
        const std::uint32_t entry =
            begun ? shape->piece.entry : operation->entry_first + shape->slots->pairs()[0].entry;
        for (std::uint32_t i = order.bands[band].first; i < order.bands[band].last; ++i) {
            const std::uint32_t plane = order.planes[i];
            if (plane < shape->plane_first || plane >= shape->plane_end) continue;
            const std::uint64_t bytes = plane_bytes(*shape, plane) * pairs;
            const std::uint32_t group = operation->group + shape->lead->block_side[plane].group;
            if (bytes != 0) sink(group, entry, bytes);
        }
    }
    shape->band = static_cast<std::uint32_t>(order.bands.size());
    shape->piece.length_bytes = 0;
}

}  // namespace bwrt::runtime
