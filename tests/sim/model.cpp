// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/model.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace bwrt::sim {

Space* Model::space_of(bwrt_handle handle, std::uint64_t offset) const {
    for (Space* space : spaces) {
        if (handle != BWRT_PROCESS_MEMORY) {
            if (space->handle == handle || (handle != 0 && space->twin == handle)) return space;
            continue;
        }
        const auto start = reinterpret_cast<std::uintptr_t>(space->actual);
        if (!space->is_file && offset >= start && offset < start + space->bytes) return space;
    }
    return nullptr;
}

const LayoutPlan* Model::layout_of(bwrt_handle handle) const {
    for (const LayoutPlan& layout : layouts) {
        if (layout.handle == handle) return &layout;
    }
    return nullptr;
}

Run Model::resolve(bwrt_handle handle, std::uint64_t offset) const {
    Space* space = space_of(handle, offset);
    if (space == nullptr) std::abort();
    if (handle == BWRT_PROCESS_MEMORY) {
        return {space, offset - reinterpret_cast<std::uintptr_t>(space->actual)};
    }
    return {space, space->base + offset};
}

std::uint32_t Model::expand(const bwrt_operation& operation, std::uint32_t entry,
                            std::vector<Piece>* pieces_out) const {
    if (operation.kind == BWRT_OP_FLUSH) return 1;
    if (operation.kind == BWRT_OP_SIGNAL) {
        pieces_out->push_back({entry,
                               operation.group,
                               {},
                               resolve(operation.target, operation.target_offset_bytes),
                               operation.length_bytes});
        return 1;
    }
    const LayoutPlan* from = layout_of(operation.source);
    const LayoutPlan* to = layout_of(operation.target);
    const auto offset_by = [](std::uint64_t offset, std::int64_t stride, std::uint64_t count) {
        return offset + static_cast<std::uint64_t>(stride * static_cast<std::int64_t>(count));
    };
    if (from == nullptr && to == nullptr) {
        const std::uint32_t rows = std::max(1u, operation.row_count);
        const auto packed = static_cast<std::int64_t>(operation.length_bytes);
        const std::int64_t source_stride =
            operation.source_stride_bytes != 0 ? operation.source_stride_bytes : packed;
        const std::int64_t target_stride =
            operation.target_stride_bytes != 0 ? operation.target_stride_bytes : packed;
        for (std::uint32_t row = 0; row < rows; ++row) {
            pieces_out->push_back(
                {entry, operation.group,
                 resolve(operation.source,
                         offset_by(operation.source_offset_bytes, source_stride, row)),
                 resolve(operation.target,
                         offset_by(operation.target_offset_bytes, target_stride, row)),
                 operation.length_bytes});
        }
        return 1;
    }

    const LayoutPlan& lead = to != nullptr ? *to : *from;
    const std::uint64_t image_end = operation.length_bytes != 0
                                        ? operation.image_offset_bytes + operation.length_bytes
                                        : lead.block_bytes;
    const std::uint32_t plane_end = operation.plane_count != 0
                                        ? operation.plane_first + operation.plane_count
                                        : static_cast<std::uint32_t>(lead.planes.size());
    for (std::uint32_t pair = 0; pair < operation.slot_count; ++pair) {
        const std::uint32_t from_slot = from != nullptr ? operation.source_slots[pair] : 0;
        const std::uint32_t to_slot = to != nullptr ? operation.target_slots[pair] : 0;
        if (from_slot == BWRT_NONE || to_slot == BWRT_NONE) continue;
        for (std::uint32_t p = operation.plane_first; p < plane_end; ++p) {
            const bwrt_plane& plane = lead.planes[p];
            for (std::uint32_t row = 0; row < plane.row_count; ++row) {
                const std::uint64_t start =
                    plane.block_offset_bytes + row * plane.block_row_stride_bytes;
                const std::uint64_t first = std::max(start, operation.image_offset_bytes);
                const std::uint64_t last = std::min(start + plane.length_bytes, image_end);
                if (first >= last) continue;
                const auto side = [&](const LayoutPlan* layout, bwrt_handle region,
                                      std::uint64_t offset, std::uint32_t slot) -> Run {
                    if (layout == nullptr) {
                        return resolve(region, offset + pair * lead.block_bytes + first);
                    }
                    const bwrt_plane& mine = layout->planes[p];
                    const std::uint64_t at =
                        offset_by(offset_by(mine.offset_bytes, mine.slot_stride_bytes, slot),
                                  mine.row_stride_bytes, row);
                    return {layout->spaces[p], layout->spaces[p]->base + at + (first - start)};
                };
                pieces_out->push_back(
                    {entry + pair, operation.group + plane.group,
                     side(from, operation.source, operation.source_offset_bytes, from_slot),
                     side(to, operation.target, operation.target_offset_bytes, to_slot),
                     last - first});
            }
        }
    }
    return operation.slot_count;
}

void Model::unclaim(const Piece& piece) {
    for (std::uint64_t k = 0; k < piece.length_bytes; ++k) {
        piece.target.space->writer[piece.target.first + k] = 0;
        if (piece.source.space != nullptr) --piece.source.space->readers[piece.source.first + k];
    }
}

bool Model::is_right(const Piece& piece) {
    return std::memcmp(piece.target.space->actual + piece.target.first,
                       piece.source.space->value.data() + piece.source.first,
                       piece.length_bytes) == 0;
}

void Model::believe(const Piece& piece) {
    std::memcpy(piece.target.space->value.data() + piece.target.first,
                piece.target.space->actual + piece.target.first, piece.length_bytes);
}

const Space* Model::find_damage(std::uint64_t* position_out) const {
    constexpr std::uint64_t kChunkBytes = 4096;
    for (const Space* space : spaces) {
        for (std::uint64_t first = 0; first < space->bytes; first += kChunkBytes) {
            const std::uint64_t last = std::min(first + kChunkBytes, space->bytes);
            if (std::memcmp(space->actual + first, space->value.data() + first, last - first) ==
                0) {
                continue;
            }
            for (std::uint64_t k = first; k < last; ++k) {
                if (space->actual[k] == space->value[k] || space->writer[k] != 0) continue;
                *position_out = k;
                return space;
            }
        }
    }
    return nullptr;
}

}  // namespace bwrt::sim
