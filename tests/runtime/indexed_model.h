// SPDX-License-Identifier: Apache-2.0
//
// indexed_model.h — random waves over a LayoutWorld, and what bwrt.h says becomes of each byte.
//
// Operations of a wave are unordered, so no two of them share a slot, and each has an area of
// its own where a side is a region.  The model then moves byte by byte, in the order given.

#pragma once

#include <algorithm>
#include <deque>
#include <numeric>
#include <vector>

#include "tests/runtime/layout_world.h"

namespace bwrt::test {

struct ModelSide {
    TestLayout* layout = nullptr;
    Store* store = nullptr;  // of a region side
    std::uint64_t offset = 0;
    std::vector<std::uint32_t> slots;

    [[nodiscard]] bool is_file() const {
        return layout != nullptr ? layout->is_file : store->is_file;
    }
    [[nodiscard]] bool skips(std::size_t pair) const {
        return layout != nullptr && slots[pair] == BWRT_NONE;
    }
    [[nodiscard]] std::uint8_t& at(const Cut& cut, std::size_t plane, std::size_t pair,
                                   std::uint32_t row, std::uint64_t byte) const {
        if (layout != nullptr) return layout->at(plane, slots[pair], row, byte);
        const CutPlane& part = cut.planes[plane];
        return store->model.at(offset + pair * cut.block_bytes + part.block_offset +
                               row * part.block_row_stride + byte);
    }
};

struct ModelOperation {
    ModelSide source, target;
    std::uint32_t pair_count = 0;
    std::uint32_t group = 0;
    std::uint32_t plane_first = 0;
    std::uint32_t plane_count = 0;  // 0: all
    std::uint64_t image_offset = 0;
    std::uint64_t image_length = 0;  // 0: to the end
};

// What the wave must report.
struct Expected {
    std::vector<std::uint64_t> entry_bytes;
    std::vector<std::uint64_t> group_bytes;
    std::uint64_t bytes = 0;
};

class IndexedModel {
 public:
    IndexedModel(LayoutWorld* world, Random* random) : world_(*world), random_(*random) {
        for (const TestLayout& layout : world->layouts) {
            std::vector<std::uint32_t>& pool = pools_.emplace_back(layout.slot_count);
            std::iota(pool.begin(), pool.end(), 0);
            std::shuffle(pool.begin(), pool.end(), random->engine());
        }
    }

    // Adds an operation to the wave; false when there are no slots or no area left for it.
    bool draw_operation() {
        ModelOperation drawn;
        // 0, 1: layouts in memory; 2, 3: in files; 4: a region of memory; 5: a file.
        const auto source = static_cast<std::uint32_t>(random_.below(6));
        auto target = static_cast<std::uint32_t>(random_.below(6));
        const auto is_file = [](std::uint32_t side) { return side == 2 || side == 3 || side == 5; };
        while ((is_file(source) && is_file(target)) || (source >= 4 && target >= 4)) {
            target = static_cast<std::uint32_t>(random_.below(6));
        }
        std::uint64_t pairs = std::min(left(source), left(target));
        if (source == target) pairs /= 2;
        if (pairs == 0) return false;
        drawn.pair_count = random_.one_in(2)
                               ? static_cast<std::uint32_t>(pairs)
                               : random_.between32(1, static_cast<std::uint32_t>(pairs));
        take(source, drawn.pair_count, &drawn.source);
        take(target, drawn.pair_count, &drawn.target);
        if (random_.one_in(2)) {
            skip_some(&drawn.source);
            skip_some(&drawn.target);
        }
        repeat_a_source(&drawn.source);
        draw_range(&drawn);
        drawn.group = static_cast<std::uint32_t>(random_.below(4));
        operations_.push_back(drawn);
        return true;
    }

    // The operations as the interface has them; valid until the next draw.
    [[nodiscard]] std::vector<bwrt_operation> describe() const {
        std::vector<bwrt_operation> described;
        for (const ModelOperation& model : operations_) {
            bwrt_operation op = {};
            op.kind = model.source.is_file()   ? BWRT_OP_READ
                      : model.target.is_file() ? BWRT_OP_WRITE
                                               : BWRT_OP_COPY;
            op.source = handle_of(model.source);
            op.target = handle_of(model.target);
            op.source_offset_bytes = model.source.offset;
            op.target_offset_bytes = model.target.offset;
            op.source_slots = model.source.layout != nullptr ? model.source.slots.data() : nullptr;
            op.target_slots = model.target.layout != nullptr ? model.target.slots.data() : nullptr;
            op.slot_count = model.pair_count;
            op.group = model.group;
            op.plane_first = model.plane_first;
            op.plane_count = model.plane_count;
            op.image_offset_bytes = model.image_offset;
            op.length_bytes = model.image_length;
            described.push_back(op);
        }
        return described;
    }

    [[nodiscard]] const std::vector<ModelOperation>& operations() const { return operations_; }

    // Moves the bytes of the model and counts them.
    [[nodiscard]] Expected apply() const {
        Expected expected;
        expected.group_bytes.resize(group_end());
        for (const ModelOperation& operation : operations_) {
            for (std::uint32_t pair = 0; pair < operation.pair_count; ++pair) {
                const std::uint64_t before = expected.bytes;
                if (!operation.source.skips(pair) && !operation.target.skips(pair)) {
                    move_block(operation, pair, &expected);
                }
                expected.entry_bytes.push_back(expected.bytes - before);
            }
        }
        return expected;
    }

 private:
    [[nodiscard]] std::size_t group_end() const {
        std::size_t end = 0;
        for (const ModelOperation& operation : operations_) {
            for (const CutPlane& plane : world_.cut.planes) {
                end = std::max<std::size_t>(end, operation.group + plane.group + 1);
            }
        }
        return end;
    }

    void move_block(const ModelOperation& operation, std::uint32_t pair, Expected* expected) const {
        const Cut& cut = world_.cut;
        const std::size_t plane_end = operation.plane_count == 0
                                          ? cut.planes.size()
                                          : operation.plane_first + operation.plane_count;
        const std::uint64_t image_end = operation.image_length == 0
                                            ? cut.block_bytes
                                            : operation.image_offset + operation.image_length;
        for (std::size_t p = operation.plane_first; p < plane_end; ++p) {
            const CutPlane& plane = cut.planes[p];
            for (std::uint32_t row = 0; row < plane.rows; ++row) {
                for (std::uint64_t byte = 0; byte < plane.length; ++byte) {
                    const std::uint64_t image =
                        plane.block_offset + row * plane.block_row_stride + byte;
                    if (image < operation.image_offset || image >= image_end) continue;
                    operation.target.at(cut, p, pair, row, byte) =
                        operation.source.at(cut, p, pair, row, byte);
                    ++expected->bytes;
                    ++expected->group_bytes[operation.group + plane.group];
                }
            }
        }
    }

    static bwrt_handle handle_of(const ModelSide& side) {
        return side.layout != nullptr ? side.layout->handle : side.store->handle;
    }

    [[nodiscard]] std::uint64_t left(std::uint32_t side) const {
        if (side < 4) return pools_[side].size();
        return (world_.area_bytes - area_used_) / world_.cut.block_bytes;
    }

    void take(std::uint32_t side, std::uint32_t count, ModelSide* taken) {
        if (side >= 4) {
            taken->store = &world_.stores[side == 4 ? 0 : 3];
            taken->offset = (side == 4 ? world_.memory_area : world_.file_area) + area_used_;
            area_used_ += count * world_.cut.block_bytes;
            return;
        }
        std::vector<std::uint32_t>& pool = pools_[side];
        taken->layout = &world_.layouts[side];
        taken->slots.assign(pool.end() - count, pool.end());
        pool.resize(pool.size() - count);
        if (random_.one_in(4)) std::sort(taken->slots.begin(), taken->slots.end());
    }

    void skip_some(ModelSide* side) {
        for (std::uint32_t& slot : side->slots) {
            if (random_.one_in(4)) slot = BWRT_NONE;
        }
    }

    // A source may be read twice.
    void repeat_a_source(ModelSide* side) {
        if (side->slots.empty() || !random_.one_in(3)) return;
        side->slots[random_.below(side->slots.size())] =
            side->slots[random_.below(side->slots.size())];
    }

    void draw_range(ModelOperation* operation) {
        const auto plane_count = static_cast<std::uint32_t>(world_.cut.planes.size());
        const std::uint64_t block_bytes = world_.cut.block_bytes;
        switch (random_.below(4)) {
            case 0:
                operation->plane_first = random_.between32(0, plane_count - 1);
                operation->plane_count = random_.between32(0, plane_count - operation->plane_first);
                break;
            case 1:
                operation->image_offset = random_.below(block_bytes);
                operation->image_length = random_.between(0, block_bytes - operation->image_offset);
                break;
            default:
                break;
        }
    }

    LayoutWorld& world_;
    Random& random_;
    std::deque<std::vector<std::uint32_t>> pools_;
    std::vector<ModelOperation> operations_;
    std::uint64_t area_used_ = 0;
};

}  // namespace bwrt::test
