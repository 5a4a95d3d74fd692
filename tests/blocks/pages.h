// SPDX-License-Identifier: Apache-2.0
//
// pages.h — paged memory that blocks come from and go to, and requests for those.
//
// The image of a block is the bytes that follow from its key; a page is filled from it, and judged
// by it, plane by plane, by the words of the header and nothing of the runtime's.

#pragma once

#include "tests/blocks/block_world.h"

namespace bwrt::test {

inline constexpr std::uint32_t kSlots = 12;

struct Pages {
    Bytes memory;
    std::vector<bwrt_plane> planes;
    std::uint64_t block_bytes = 0;
    bwrt_handle handle = 0;

    void add(BlockWorld* world, std::uint64_t salt = 0) {
        bwrt_layout layout = {};
        layout.struct_size = sizeof layout;
        layout.slot_count = kSlots;
        layout.block_bytes = block_bytes;
        layout.planes = planes.data();
        layout.plane_count = static_cast<std::uint32_t>(planes.size());
        layout.plane_bytes = sizeof(bwrt_plane);
        layout.salt = salt;
        const bwrt_status status = bwrt_layout_add(world->runtime, &layout, &handle, &world->error);
        if (status != BWRT_OK) print_error("%s: %s\n", world->error.field, world->error.message);
        assert_int_equal(status, BWRT_OK);
    }

    // For each row of a plane, or of all: where it lies in the image, and in memory.
    template <typename Row>
    void for_each_row(std::uint32_t slot, std::uint32_t group, Row&& row_at) {
        for (const bwrt_plane& plane : planes) {
            if (group != BWRT_NONE && plane.group != group) continue;
            const std::uint32_t rows = plane.row_count != 0 ? plane.row_count : 1;
            const std::int64_t row_stride = plane.row_stride_bytes != 0
                                                ? plane.row_stride_bytes
                                                : static_cast<std::int64_t>(plane.length_bytes);
            const std::uint64_t image_stride = plane.block_row_stride_bytes != 0
                                                   ? plane.block_row_stride_bytes
                                                   : plane.length_bytes;
            for (std::uint32_t r = 0; r < rows; ++r) {
                auto* address = reinterpret_cast<unsigned char*>(plane.offset_bytes) +
                                std::int64_t{slot} * plane.slot_stride_bytes + r * row_stride;
                row_at(plane.block_offset_bytes + r * image_stride, address, plane.length_bytes);
            }
        }
    }
    void fill(std::uint32_t slot, const Key& key, std::uint64_t variant = 0) {
        Bytes image(block_bytes);
        fill_block(image.data(), key, block_bytes, variant);
        for_each_row(slot, BWRT_NONE,
                     [&](std::uint64_t at, unsigned char* address, std::uint64_t bytes) {
                         std::memcpy(address, image.data() + at, bytes);
                     });
    }
    [[nodiscard]] bool holds(std::uint32_t slot, const Key& key, std::uint32_t group = BWRT_NONE) {
        Bytes image(block_bytes);
        fill_block(image.data(), key, block_bytes);
        bool right = true;
        for_each_row(slot, group,
                     [&](std::uint64_t at, unsigned char* address, std::uint64_t bytes) {
                         right = right && std::memcmp(address, image.data() + at, bytes) == 0;
                     });
        return right;
    }
    [[nodiscard]] bool is_untouched(std::uint32_t slot) {
        bool untouched = true;
        for_each_row(slot, BWRT_NONE,
                     [&](std::uint64_t, unsigned char* address, std::uint64_t bytes) {
                         untouched = untouched && is_filled(address, bytes, kUntouched);
                     });
        return untouched;
    }
};

// A plane a layer and kind, `stride_bytes` from slot to slot; backwards: the last plane and the
// last slot come first.
inline void make_planes(Pages* pages, std::uint32_t layers, std::uint64_t plane_bytes,
                        std::uint64_t stride_bytes, bool backwards) {
    const std::uint32_t count = 2 * layers;
    pages->memory.assign(count * kSlots * stride_bytes, kUntouched);
    const auto stride = static_cast<std::int64_t>(stride_bytes);
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t p = backwards ? count - 1 - i : i;
        const std::uint64_t first_slot = p * kSlots + (backwards ? kSlots - 1 : 0);
        bwrt_plane plane = {};
        plane.region = BWRT_PROCESS_MEMORY;
        plane.offset_bytes =
            reinterpret_cast<std::uintptr_t>(pages->memory.data()) + first_slot * stride_bytes;
        plane.slot_stride_bytes = backwards ? -stride : stride;
        plane.length_bytes = plane_bytes;
        plane.group = p / 2;
        plane.block_offset_bytes = p * plane_bytes;
        pages->planes.push_back(plane);
    }
    pages->block_bytes = count * plane_bytes;
}

// In the order of the image, pages apart.
inline void make_plain(Pages* pages, std::uint32_t layers, std::uint64_t plane_bytes) {
    make_planes(pages, layers, plane_bytes, plane_bytes, false);
}

// The same image; but the planes come in another order, slots go backwards and lie a little apart.
inline void make_backwards(Pages* pages, std::uint32_t layers, std::uint64_t plane_bytes) {
    make_planes(pages, layers, plane_bytes, plane_bytes + 64, true);
}

// Two planes whose rows lie alternately in the image, so that its order is not that of memory.
inline void make_interleaved(Pages* pages, std::uint32_t rows, std::uint64_t row_bytes) {
    pages->memory.assign(2 * kSlots * rows * (row_bytes + 32), kUntouched);
    for (std::uint32_t p = 0; p < 2; ++p) {
        bwrt_plane plane = {};
        plane.region = BWRT_PROCESS_MEMORY;
        plane.offset_bytes = reinterpret_cast<std::uintptr_t>(pages->memory.data()) +
                             p * kSlots * rows * (row_bytes + 32);
        plane.slot_stride_bytes = static_cast<std::int64_t>(rows * (row_bytes + 32));
        plane.row_stride_bytes = static_cast<std::int64_t>(row_bytes + 32);
        plane.length_bytes = row_bytes;
        plane.row_count = rows;
        plane.group = p;
        plane.block_offset_bytes = p * row_bytes;
        plane.block_row_stride_bytes = 2 * row_bytes;
        pages->planes.push_back(plane);
    }
    pages->block_bytes = 2 * rows * row_bytes;
}

// A request with a layout in the place of its region.
struct PagedRequest : Request {
    std::vector<std::uint32_t> slots;

    PagedRequest(BlockWorld* in, std::uint32_t kind, Key from, const Pages& pages,
                 std::vector<std::uint32_t> in_slots)
        : Request(in, kind, from, static_cast<std::uint32_t>(in_slots.size()), 1),
          slots(std::move(in_slots)) {
        operation.length_bytes = 0;
        operation.source_offset_bytes = operation.target_offset_bytes = 0;
        operation.source = operation.target = 0;
        if (kind == BWRT_OP_PUT) {
            operation.source = pages.handle;
            operation.source_slots = slots.data();
        } else {
            operation.target = pages.handle;
            operation.target_slots = slots.data();
        }
    }
};

// A request whose groups, layers say, are told of one by one: its operation, a SIGNAL for each
// group behind it, and their results.
struct Layerwise {
    enum : std::uint64_t { kNotYet = 0, kDone = 1, kFailed = 2 };

    std::vector<std::uint64_t> signals;
    std::vector<bwrt_operation> operations;
    std::vector<bwrt_group_result> groups;

    Layerwise(Request* request, std::uint32_t group_count)
        : signals(group_count), operations(1 + group_count), groups(group_count) {
        operations[0] = request->operation;
        for (std::uint32_t group = 0; group < group_count; ++group) {
            bwrt_operation& signal = operations[1 + group];
            signal.kind = BWRT_OP_SIGNAL;
            signal.target = BWRT_PROCESS_MEMORY;
            signal.target_offset_bytes = reinterpret_cast<std::uintptr_t>(&signals[group]);
            signal.length_bytes = sizeof signals[group];
            signal.group = group;
            signal.value_done = kDone;
            signal.value_failed = kFailed;
        }
        request->wave.operations = operations.data();
        request->wave.operation_count = 1 + group_count;
        request->results.resize(request->count + group_count);
        with_groups(&request->wave, groups.data(), group_count);
    }
    Layerwise(const Layerwise&) = delete;
    Layerwise& operator=(const Layerwise&) = delete;

    [[nodiscard]] std::uint64_t signal_of(std::uint32_t group) const {
        return __atomic_load_n(&signals[group], __ATOMIC_ACQUIRE);
    }
};

}  // namespace bwrt::test
