// SPDX-License-Identifier: Apache-2.0
//
// layout.h — paged memory described once: slots x planes.
//
//              slot 0   slot 1   slot 2 ...
//   plane 0   [ rows ] [ rows ] [ rows ]        one strided array per plane,
//   plane 1   [ rows ] [ rows ] [ rows ]        anywhere in any region
//      ...
//   block image of a slot = its part of plane 0 | plane 1 | ...   (they tile it)
//
// Everything about a slot is checked here, once: its first and last slot and row lie in the
// plane's region, so at submission one comparison per slot (slot < slot_count) is the bounds
// check of all its pieces.
//
// Groups are served in ascending order.  Three orders are prepared:
//   by group  for memory: planes sorted by group, then by place in the block image; one band a
//   group by band   for files: whole groups gathered until a band holds 64 KiB of the image, planes
//             sorted by place in the image inside it, so that a block's bytes that lie
//             together in a file are asked for together and still arrive roughly by layer.
//   by image  for what is stored: all planes by place in the image, for its sums are made in that
//             order.

#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "include/bwrt.h"
#include "runtime/gate.h"
#include "runtime/memory.h"
#include "runtime/region.h"
#include "runtime/status.h"

namespace bwrt::runtime {

constexpr std::uint64_t kFileBandBytes = 64 << 10;

// The side that two layouts must share to be moved between.
struct BlockPlane {
    std::uint64_t block_offset_bytes;
    std::uint64_t block_row_stride_bytes;
    std::uint64_t length_bytes;
    std::uint32_t row_count;
    std::uint32_t group;
};

struct Plane {
    std::uint64_t base;  // host address, or offset in the file
    std::int64_t slot_stride_bytes;
    std::int64_t row_stride_bytes;
    std::uint32_t region_slot;  // kProcessSlot for process memory
    std::uint32_t reserved;
};

// Planes order[first, last) are served together, slot by slot.
struct Band {
    std::uint32_t first;
    std::uint32_t last;
    std::uint32_t group;  // the lowest in it
};

struct PlaneOrder {
    std::vector<std::uint32_t> planes;  // indices into Layout::planes
    std::vector<Band> bands;
};

struct Layout {
    Gate gate;
    std::uint64_t generation = 0;
    std::uint32_t slot_count = 0;
    bool is_file = false;
    const DeviceRoom* room = nullptr;  // of the device where it lies, if not on the host
    bool is_writable = true;           // false: a plane lies in a READ_ONLY region
    bool quiesced = false;             // with one of its regions; control plane's
    std::uint64_t block_bytes = 0;
    std::uint64_t digest = 0;      // of block side and salt (docs/format.md); never 0
    bool image_ascends = true;     // by_image serves it from its first byte to its last
    bool groups_ascend = true;     // by_group does
    std::uint32_t group_last = 0;  // the highest
    std::vector<BlockPlane> block_side;
    std::vector<Plane> planes;
    PlaneOrder by_group;
    PlaneOrder by_band;
    PlaneOrder by_image;

    [[nodiscard]] bool lies_in(std::uint32_t region_slot) const noexcept {
        for (const Plane& plane : planes) {
            if (plane.region_slot == region_slot) return true;
        }
        return false;
    }
};

class LayoutTable {
 public:
    LayoutTable(std::uint32_t count_max, std::uint64_t first_generation);
    ~LayoutTable();
    LayoutTable(const LayoutTable&) = delete;
    LayoutTable& operator=(const LayoutTable&) = delete;

    [[nodiscard]] Layout* find(bwrt_handle handle) const noexcept {
        if (!is_kind(handle, HandleKind::kLayout) || slot_of(handle) >= layouts_.count()) {
            return nullptr;
        }
        return &layouts_[slot_of(handle)];
    }

    // Control plane, one at a time.
    bwrt_status add(const bwrt_layout& description, const RegionTable& regions,
                    std::uint32_t plane_count_max, bwrt_handle* handle_out, const ErrorSink& sink);
    void remove(Layout* layout, const RegionTable& regions) noexcept;
    template <typename Visit>
    void for_each(Visit&& visit) {
        for (std::uint32_t slot = 0; slot < next_slot_; ++slot) {
            if (layouts_[slot].generation != 0) visit(layouts_[slot]);
        }
    }

 private:
    Table<Layout> layouts_;
    std::uint64_t generation_;
    std::uint32_t next_slot_ = 0;
};

}  // namespace bwrt::runtime
