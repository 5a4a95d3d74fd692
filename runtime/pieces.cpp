// SPDX-License-Identifier: Apache-2.0

#include "runtime/pieces.h"

#include <algorithm>

namespace bwrt::runtime {

const PlaneOrder& order_of(const Operation& operation) noexcept {
    const Layout& lead = *operation.shape->lead;
    if (operation.kind == BWRT_OP_PUT) return lead.by_image;
    return operation.lane == Lane::kStorage ? lead.by_band : lead.by_group;
}

namespace {

// Bytes [first, last) of a row that move, relative to the row.
struct Cut {
    std::uint64_t first;
    std::uint64_t last;
};

Cut cut_row(const Shape& shape, const BlockPlane& plane, std::uint32_t row) noexcept {
    const std::uint64_t start = plane.block_offset_bytes + row * plane.block_row_stride_bytes;
    const std::uint64_t first = std::max(shape.image_first, start);
    const std::uint64_t last = std::min(shape.image_end, start + plane.length_bytes);
    if (first >= last) return {0, 0};
    return {first - start, last - start};
}

void next_slot(Shape* shape) noexcept {
    ++shape->slot;
    shape->place = 0;
    shape->row = 0;
    shape->cursor.next();
}

void enter_band(Operation* operation, std::uint32_t band) noexcept {
    Shape* shape = operation->shape;
    shape->band = band;
    shape->slot = shape->place = shape->row = 0;
    shape->cursor = {shape->slots, 0};
    const PlaneOrder& order = order_of(*operation);
    if (band < order.bands.size()) {
        operation->serve_group = operation->group + order.bands[band].group;
    }
}

// One side of a piece: the row's place on it, and the region that lies in.
struct Spot {
    std::uint64_t address;
    std::uint16_t region;
};

Spot find_spot(const Layout* layout, std::int64_t slot, const Shape& shape,
               std::uint32_t plane_index, std::uint64_t row_offset, std::uint64_t region_base,
               std::uint16_t region) noexcept {
    if (layout != nullptr) {
        const Plane& plane = layout->planes[plane_index];
        const std::int64_t row = shape.row;
        return {plane.base +
                    static_cast<std::uint64_t>(slot * plane.slot_stride_bytes +
                                               row * plane.row_stride_bytes) +
                    row_offset,
                static_cast<std::uint16_t>(plane.region_slot)};
    }
    const BlockPlane& plane = shape.lead->block_side[plane_index];
    return {region_base + shape.cursor.pair().entry * shape.lead->block_bytes +
                plane.block_offset_bytes + shape.row * plane.block_row_stride_bytes + row_offset,
            region};
}

void set_piece(Operation* operation, std::uint32_t plane_index, const Cut& cut) noexcept {
    Shape& shape = *operation->shape;
    const SlotPair& pair = shape.cursor.pair();
    const Spot source = find_spot(shape.source_layout, pair.source, shape, plane_index, cut.first,
                                  operation->source, operation->source_region);
    const Spot target = find_spot(shape.target_layout, pair.target, shape, plane_index, cut.first,
                                  operation->target, operation->target_region);
    shape.piece = {source.address,
                   target.address,
                   cut.last - cut.first,
                   operation->entry_first + pair.entry,
                   operation->group + shape.lead->block_side[plane_index].group,
                   source.region,
                   target.region};
}

// From a place that may lie past the end of a row, plane, slot or band, or on something that
// does not move, to the next piece; its length is 0 when there is none.
void settle(Operation* operation) noexcept {
    Shape& shape = *operation->shape;
    const PlaneOrder& order = order_of(*operation);
    const auto band_count = static_cast<std::uint32_t>(order.bands.size());
    while (shape.band < band_count) {
        const Band& band = order.bands[shape.band];
        if (shape.slot >= shape.moving_count) {
            std::uint32_t next = shape.band + 1;
            while (next < band_count && !band_is_selected(shape, order, order.bands[next])) ++next;
            enter_band(operation, next);
            continue;
        }
        if (band.first + shape.place >= band.last) {
            next_slot(&shape);
            continue;
        }
        const std::uint32_t plane_index = order.planes[band.first + shape.place];
        const BlockPlane& plane = shape.lead->block_side[plane_index];
        if (plane_index < shape.plane_first || plane_index >= shape.plane_end ||
            shape.row >= plane.row_count) {
            ++shape.place;
            shape.row = 0;
            continue;
        }
        const Cut cut = cut_row(shape, plane, shape.row);
        if (cut.first != cut.last) {
            set_piece(operation, plane_index, cut);
            return;
        }
        ++shape.row;
    }
    shape.piece.length_bytes = 0;
}

void set_row(Operation* operation) noexcept {
    Shape& shape = *operation->shape;
    const std::uint64_t row = shape.row;  // the one past the last may wrap, and is not used
    shape.piece = {operation->source + row * static_cast<std::uint64_t>(shape.source_stride_bytes),
                   operation->target + row * static_cast<std::uint64_t>(shape.target_stride_bytes),
                   shape.row < shape.row_count ? operation->length_bytes : 0,
                   operation->entry_first,
                   operation->group,
                   operation->source_region,
                   operation->target_region};
}

}  // namespace

bool band_is_selected(const Shape& shape, const PlaneOrder& order, const Band& band) noexcept {
    for (std::uint32_t i = band.first; i < band.last; ++i) {
        const std::uint32_t plane = order.planes[i];
        if (plane < shape.plane_first || plane >= shape.plane_end) continue;
        if (plane_bytes(shape, plane) != 0) return true;
    }
    return false;
}

std::uint64_t plane_bytes(const Shape& shape, std::uint32_t plane_index) noexcept {
    const BlockPlane& plane = shape.lead->block_side[plane_index];
    if (shape.image_first == 0 && shape.image_end == shape.lead->block_bytes) {
        return plane.length_bytes * plane.row_count;
    }
    std::uint64_t bytes = 0;
    for (std::uint32_t row = 0; row < plane.row_count; ++row) {
        const Cut cut = cut_row(shape, plane, row);
        bytes += cut.last - cut.first;
    }
    return bytes;
}

std::uint32_t first_pair_left(const Operation& operation) noexcept {
    const Shape& shape = *operation.shape;
    if (shape.piece.length_bytes == 0) return shape.moving_count;
    const PlaneOrder& order = order_of(operation);
    for (std::uint32_t band = shape.band + 1; band < order.bands.size(); ++band) {
        if (band_is_selected(shape, order, order.bands[band])) return 0;
    }
    return shape.slot;
}

void begin(Operation* operation) noexcept {
    operation->serve_group = operation->group;
    if (operation->shape == nullptr) return;
    if (!operation->is_indexed()) {
        set_row(operation);
        return;
    }
    const PlaneOrder& order = order_of(*operation);
    std::uint32_t band = 0;
    while (band < order.bands.size() &&
           !band_is_selected(*operation->shape, order, order.bands[band])) {
        ++band;
    }
    enter_band(operation, band);
    settle(operation);
}

void next_row(Operation* operation) noexcept {
    Shape& shape = *operation->shape;
    if (!operation->is_indexed()) {
        ++shape.row;
        set_row(operation);
        return;
    }
    const PlaneOrder& order = order_of(*operation);
    const std::uint32_t only = order.planes[0];
    // One piece a block, as in a file of blocks: the next slot has it in the same place.
    if (order.planes.size() == 1 && shape.lead->block_side[only].row_count == 1) {
        next_slot(&shape);
        if (shape.slot < shape.moving_count) {
            set_piece(operation, only, cut_row(shape, shape.lead->block_side[only], 0));
            return;
        }
    } else {
        ++shape.row;
    }
    settle(operation);
}

bool has_piece(OperationList* list) noexcept {
    while (!list->is_empty()) {
        const Operation* head = list->head;
        if (head->kind == BWRT_OP_FLUSH) return false;
        const std::uint64_t left =
            head->shape != nullptr ? head->shape->piece.length_bytes : head->length_bytes;
        if (left == 0) {
            list->pop_front();
        } else if (head->next != nullptr && head->next->serve_group < head->serve_group) {
            list->insert(list->pop_front());  // its next band comes after another's
        } else {
            return true;
        }
    }
    return false;
}

}  // namespace bwrt::runtime
