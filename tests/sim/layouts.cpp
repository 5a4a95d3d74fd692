// SPDX-License-Identifier: Apache-2.0
//
// layouts.cpp — draws the layouts of a run.

#include <algorithm>

#include "tests/sim/simulation.h"

namespace bwrt::sim {

// Two ways of cutting a block, each with layouts in memory and in files.
void Simulation::make_layouts() {
    for (std::uint32_t block_side = 0; block_side < 2 && verdict_.is_good(); ++block_side) {
        const std::uint64_t seed = random_.next();  // all of one side are cut alike
        for (std::uint32_t i = 0; i < 4; ++i) {
            Random& mine = random_;
            const Random then = mine;
            mine = Random(seed);
            LayoutPlan plan;
            plan.block_side = block_side;
            const std::uint64_t plane_count = mine.between(1, 6);
            const std::uint64_t length_max = mine.chance(300) ? 9000 : 700;
            std::uint64_t at = 0;
            for (std::uint64_t p = 0; p < plane_count; ++p) {
                bwrt_plane plane = {};
                plane.length_bytes = mine.between(1, length_max);
                if (mine.chance(400)) plane.length_bytes = (plane.length_bytes + 511) / 512 * 512;
                plane.row_count =
                    mine.chance(600) ? 1 : static_cast<std::uint32_t>(mine.between(2, 4));
                plane.group = static_cast<std::uint32_t>(mine.below(4));
                plane.block_offset_bytes = at;
                plane.block_row_stride_bytes = plane.length_bytes;
                at += plane.length_bytes * plane.row_count;
                plan.planes.push_back(plane);
            }
            plan.block_bytes = at;
            mine = then;
            plan.is_file = i >= 2;
            for (const bwrt_plane& plane : plan.planes) {
                plan.group_last = std::max(plan.group_last, plane.group);
            }
            plan.slot_count = static_cast<std::uint32_t>(
                std::min<std::uint64_t>(random_.between(3, 24), (60 << 10) / plan.block_bytes));
            if (plan.slot_count == 0) continue;
            model_.layouts.push_back(std::move(plan));
            make_layout(static_cast<std::uint32_t>(model_.layouts.size() - 1), i == 3);
        }
    }
}

// Places the planes of a layout: as whole blocks side by side, or each in an
// area of its own.
void Simulation::make_layout(std::uint32_t index, bool whole_blocks) {
    LayoutPlan& plan = model_.layouts[index];
    const auto pick_space = [&] {
        return spaces_[plan.is_file ? kMemoryCount + random_.below(kFileCount)
                                    : random_.below(kMemoryCount)]
            .get();
    };
    Space* together = pick_space();
    std::uint64_t used = random_.below(5000);
    if (random_.chance(300)) used = used / 4096 * 4096;
    for (bwrt_plane& plane : plan.planes) {
        Space* space = whole_blocks || random_.chance(500) ? together : pick_space();
        const std::uint64_t row_pitch =
            plane.length_bytes + (random_.chance(500) ? 0 : random_.below(40));
        const std::uint64_t slot_pitch =
            row_pitch * plane.row_count + (random_.chance(500) ? 0 : random_.below(60));
        plane.region = space->handle;
        if (whole_blocks) {
            plane.offset_bytes = used + plane.block_offset_bytes;
            plane.row_stride_bytes = static_cast<std::int64_t>(plane.length_bytes);
            plane.slot_stride_bytes = static_cast<std::int64_t>(plan.block_bytes);
        } else {
            plane.offset_bytes = used;
            plane.row_stride_bytes = static_cast<std::int64_t>(row_pitch);
            plane.slot_stride_bytes = static_cast<std::int64_t>(slot_pitch);
            used += slot_pitch * plan.slot_count;
            if (random_.chance(250)) {  // slots run down
                plane.offset_bytes += slot_pitch * (plan.slot_count - 1);
                plane.slot_stride_bytes = -plane.slot_stride_bytes;
            }
            if (random_.chance(250)) {  // rows run down
                plane.offset_bytes += row_pitch * (plane.row_count - 1);
                plane.row_stride_bytes = -plane.row_stride_bytes;
            }
        }
        plan.spaces.push_back(space);
    }
    bwrt_layout layout = {};
    layout.struct_size = sizeof layout;
    layout.slot_count = plan.slot_count;
    layout.block_bytes = plan.block_bytes;
    layout.planes = plan.planes.data();
    layout.plane_count = static_cast<std::uint32_t>(plan.planes.size());
    layout.plane_bytes = sizeof(bwrt_plane);
    bwrt_error error = {};
    if (bwrt_layout_add(runtime_, &layout, &plan.handle, &error) != BWRT_OK) {
        if (error.status != BWRT_E_RANGE) verdict_.wrong("layout: %s", error.message);
        model_.layouts.pop_back();  // it did not fit its regions
        return;
    }
    for (Space* space : plan.spaces) ++space->layout_count;
}

}  // namespace bwrt::sim
