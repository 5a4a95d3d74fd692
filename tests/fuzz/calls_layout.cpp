// SPDX-License-Identifier: Apache-2.0
//
// calls_layout.cpp — layouts: planes that tile a block and lie in their regions, then one field
// overwritten, or the last byte one too far.

#include <algorithm>
#include <cstring>

#include "tests/fuzz/machine.h"

namespace bwrt::fuzz {
namespace {

constexpr Field kPlaneFields[] = {
    BWRT_FUZZ_FIELD(bwrt_plane, region),
    BWRT_FUZZ_FIELD(bwrt_plane, offset_bytes),
    BWRT_FUZZ_FIELD(bwrt_plane, slot_stride_bytes),
    BWRT_FUZZ_FIELD(bwrt_plane, row_stride_bytes),
    BWRT_FUZZ_FIELD(bwrt_plane, length_bytes),
    BWRT_FUZZ_FIELD(bwrt_plane, row_count),
    BWRT_FUZZ_FIELD(bwrt_plane, group),
    BWRT_FUZZ_FIELD(bwrt_plane, block_offset_bytes),
    BWRT_FUZZ_FIELD(bwrt_plane, block_row_stride_bytes),
};
constexpr Field kLayoutFields[] = {
    BWRT_FUZZ_FIELD(bwrt_layout, slot_count),
    BWRT_FUZZ_FIELD(bwrt_layout, block_bytes),
    BWRT_FUZZ_FIELD(bwrt_layout, plane_bytes),
};

}  // namespace

bwrt_layout Runner::draw_layout(Bytecode* code, std::vector<bwrt_plane>* planes) {
    const std::uint8_t shape = code->byte();
    const std::uint8_t seed = code->byte();
    const std::uint32_t plane_count = 1 + shape % 4;
    bwrt_layout layout = {};
    layout.slot_count = 1 + code->byte() % 12;
    const bool in_file = (shape & 0x10) != 0;
    const bool whole_blocks = (shape & 0x20) != 0;
    const std::uint64_t gap = (shape & 0x40) != 0 ? code->byte() % 32 : 0;
    const std::uint64_t start = code->byte() * 64u;
    std::uint64_t used = start;
    for (std::uint32_t p = 0; p < plane_count; ++p) {
        bwrt_plane plane = {};
        // Few ways to cut a block, so that two layouts are often cut alike.
        plane.length_bytes = 16u + (seed % 4u) * 100u + p * 8u;
        if ((seed & 0x04) != 0) plane.length_bytes = 512;
        if ((seed & 0x60) == 0x60) {  // two of them are more than a band of groups
            plane.length_bytes = (34 << 10) - 100 * (seed % 4u);
            layout.slot_count = 1;
        }
        plane.row_count = (seed & 0x08) != 0 ? 1 + p % 3 : 0;
        plane.group = (seed & 0x10) != 0 ? p / 2 : p;
        plane.block_offset_bytes = layout.block_bytes;
        const std::uint64_t rows = std::max(1u, plane.row_count);
        const Thing* thing = draw_thing(code, in_file, false);
        plane.region = thing == nullptr ? BWRT_PROCESS_MEMORY : thing->handle;
        plane.offset_bytes = whole_blocks ? start + layout.block_bytes : used;
        const std::uint64_t pitch = plane.length_bytes + gap;
        if (gap != 0) {
            plane.row_stride_bytes = static_cast<std::int64_t>(pitch);
            plane.slot_stride_bytes = static_cast<std::int64_t>(pitch * rows);
            if ((gap & 1) != 0) {  // slots run down
                plane.offset_bytes += pitch * rows * (layout.slot_count - 1);
                plane.slot_stride_bytes = -plane.slot_stride_bytes;
            }
        }
        used += pitch * rows * layout.slot_count;
        layout.block_bytes += plane.length_bytes * rows;
        planes->push_back(plane);
    }
    if (whole_blocks) {
        for (bwrt_plane& plane : *planes) {
            plane.row_stride_bytes = 0;
            plane.slot_stride_bytes = static_cast<std::int64_t>(layout.block_bytes);
        }
    }
    layout.plane_count = plane_count;
    layout.plane_bytes = sizeof(bwrt_plane);
    const std::uint8_t oddity = code->byte();
    if ((oddity & 0x40) != 0) layout.salt = code->byte();
    if ((oddity & 1) != 0) {
        break_field(&(*planes)[code->byte() % plane_count], kPlaneFields, code);
    }
    if ((oddity & 2) != 0) break_field(&layout, kLayoutFields, code);
    if ((oddity & 4) != 0) (*planes)[code->byte() % plane_count].region = draw_handle(code);
    if ((oddity & 8) != 0) layout.plane_count = code->byte() < 0x80 ? 0 : ~0u;
    if ((oddity & 0x20) != 0) {
        const std::uint8_t place = code->byte();
        move_to_end(place / 4 % 2, layout.slot_count, &(*planes)[place % plane_count]);
    }
    for (bwrt_plane& plane : *planes) {
        if (plane.region == BWRT_PROCESS_MEMORY && (oddity & 0x10) == 0) {
            plane.offset_bytes += reinterpret_cast<std::uintptr_t>(machine_.world.arena());
        }
    }
    return layout;
}

// The last byte of its slots is the region's last, or `excess` bytes too far.
void Runner::move_to_end(std::uint64_t excess, std::uint32_t slot_count, bwrt_plane* plane) {
    const Thing* region = machine_.find(&session(), plane->region);
    if (region == nullptr || plane->slot_stride_bytes < 0) return;
    const std::uint64_t rows = std::max(1u, plane->row_count);
    const auto stride_or = [](std::int64_t stride, std::uint64_t packed) {
        return stride > 0 ? static_cast<std::uint64_t>(stride) : packed;
    };
    const std::uint64_t span =
        stride_or(plane->slot_stride_bytes, plane->length_bytes * rows) * (slot_count - 1) +
        stride_or(plane->row_stride_bytes, plane->length_bytes) * (rows - 1) + plane->length_bytes;
    plane->offset_bytes = region->length_bytes - span + excess;
}

// Process memory is in the arena, or where the library looks and refuses it.
bool Runner::is_lawful(const bwrt_plane& plane, std::uint32_t slot_count) {
    __extension__ typedef __int128 Wide;
    if (plane.region != BWRT_PROCESS_MEMORY) return true;
    const auto length = static_cast<std::int64_t>(plane.length_bytes);
    const std::uint32_t row_count = std::max(1u, plane.row_count);
    const Wide row = plane.row_stride_bytes != 0 ? Wide{plane.row_stride_bytes} : Wide{length};
    const Wide slot =
        plane.slot_stride_bytes != 0 ? Wide{plane.slot_stride_bytes} : Wide{length} * row_count;
    const Wide rows = row * (row_count - 1), slots = slot * (std::max(1u, slot_count) - 1);
    const Wide low = Wide{plane.offset_bytes} + std::min<Wide>(rows, 0) + std::min<Wide>(slots, 0);
    const Wide high = Wide{plane.offset_bytes} + std::max<Wide>(rows, 0) +
                      std::max<Wide>(slots, 0) + plane.length_bytes;
    if (low < 4096 || high > Wide{1} << 64) return true;
    return high < Wide{~std::uint64_t{0}} &&
           machine_.world.is_in_arena(static_cast<std::uint64_t>(low)) &&
           machine_.world.is_in_arena(static_cast<std::uint64_t>(high));
}

void Runner::add_layout(Bytecode* code) {
    std::vector<bwrt_plane> planes;
    Sized<bwrt_layout> sized(0);
    Thing thing;
    {
        const Lock lock(machine_.mutex);
        bwrt_layout layout = draw_layout(code, &planes);
        const std::uint8_t size = code->byte();
        sized = Sized<bwrt_layout>(size < 0xE0 ? 0 : size);
        layout.struct_size = sized.bytes;
        *sized.get() = layout;
        if (session().runtime == nullptr ||
            session().things.size() >= Machine::kThingCountMax / (alone_ ? 1 : 2)) {
            return;
        }
        for (const bwrt_plane& plane : planes) {
            if (!is_lawful(plane, layout.slot_count)) return;
            const Thing* region = machine_.find(&session(), plane.region);
            const bool process = plane.region == BWRT_PROCESS_MEMORY || region == nullptr;
            thing.plan.spaces.push_back(process ? &machine_.world.memory : region->space);
            thing.plan.bases.push_back(
                process ? 0 - reinterpret_cast<std::uintptr_t>(machine_.world.memory.actual)
                        : region->base);
            thing.plan.limits.push_back(process ? 0 : region->length_bytes);
            if (!process && region->kind == BWRT_REGION_FILE) thing.plan.is_file = true;
            if (!process && (region->flags & BWRT_REGION_READ_ONLY) != 0) {
                thing.plan.is_writable = false;
            }
        }
    }
    bwrt_layout& layout = *sized.get();
    // Its planes at the stride that was said, and gone after the call.
    const bool fits = layout.plane_bytes >= sizeof(bwrt_plane) && layout.plane_bytes <= 4096 &&
                      layout.plane_bytes % 8 == 0;
    const std::size_t stride = fits ? layout.plane_bytes : sizeof(bwrt_plane);
    auto array = std::make_unique<std::byte[]>(stride * planes.size());
    for (std::size_t p = 0; p < planes.size(); ++p) {
        std::memcpy(array.get() + p * stride, &planes[p], sizeof(bwrt_plane));
    }
    if (layout.plane_bytes > 4096 && layout.plane_bytes <= 65536) return;
    layout.planes = reinterpret_cast<bwrt_plane*>(array.get());

    constexpr bwrt_handle kUntouched = 0xABCDEF;
    bwrt_handle handle = kUntouched;
    Answer answer(ask_error_);
    const bwrt_status status = answer.check(
        bwrt_layout_add(session().runtime, &layout, &handle, answer.place()), "bwrt_layout_add");
    array.reset();
    const Lock lock(machine_.mutex);
    if (status != BWRT_OK) {
        if (handle != kUntouched) found("a refused layout has a handle");
        return;
    }
    thing.handle = handle;
    thing.is_live = thing.is_layout = true;
    thing.plan.slot_count = layout.slot_count;
    thing.plan.block_bytes = layout.block_bytes;
    thing.plan.salt = layout.salt;
    for (bwrt_plane& plane : planes) {
        plane.row_count = std::max(1u, plane.row_count);
        const auto length = static_cast<std::int64_t>(plane.length_bytes);
        if (plane.row_stride_bytes == 0) plane.row_stride_bytes = length;
        if (plane.slot_stride_bytes == 0) plane.slot_stride_bytes = length * plane.row_count;
        if (plane.block_row_stride_bytes == 0 || plane.row_count == 1) {
            plane.block_row_stride_bytes = plane.length_bytes;
        }
        thing.plan.group_last = std::max(thing.plan.group_last, plane.group);
    }
    thing.plan.planes = std::move(planes);
    check_layout(machine_.world, thing.plan);
    session().things.push_back(std::move(thing));
}

}  // namespace bwrt::fuzz
