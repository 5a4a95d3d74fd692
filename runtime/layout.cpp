// SPDX-License-Identifier: Apache-2.0

#include "runtime/layout.h"

#include <algorithm>
#include <new>
#include <numeric>

#include "runtime/boundary.h"
#include "runtime/store/xxh3.h"

namespace bwrt::runtime {
namespace {

__extension__ typedef __int128 Wide;  // products of counts and strides cannot overflow it

// Rows of all planes of a layout: each is looked at when it is added.
constexpr std::uint64_t kRowCountMax = 1 << 22;

// Lowest and highest byte (exclusive) of all rows of all slots, relative to offset_bytes.
struct Extent {
    Wide low;
    Wide high;
};

Extent extent_of(std::int64_t slot_stride, std::uint32_t slot_count, std::int64_t row_stride,
                 std::uint32_t row_count, std::uint64_t length) {
    const Wide slots = Wide{slot_stride} * (slot_count - 1);
    const Wide rows = Wide{row_stride} * (row_count - 1);
    return {std::min<Wide>(slots, 0) + std::min<Wide>(rows, 0),
            std::max<Wide>(slots, 0) + std::max<Wide>(rows, 0) + Wide{length}};
}

class LayoutReader {
 public:
    LayoutReader(const bwrt_layout& description, const RegionTable& regions, const ErrorSink& sink)
        : description_(description), regions_(regions), sink_(sink) {}

    bwrt_status read(Layout* layout) {
        for (std::uint32_t i = 0; i < description_.plane_count; ++i) {
            if (const bwrt_status status = read_plane(i, layout)) return status;
        }
        return check_tiling(*layout);
    }

 private:
    bwrt_status refuse(bwrt_status status, const char* field, std::uint32_t plane, const char* what,
                       std::uint64_t value) {
        return fail(sink_, status, field, "plane %u: %s %llu", plane, what, ull(value));
    }

    bwrt_status read_plane(std::uint32_t index, Layout* layout) {
        bwrt_plane plane;
        const auto* source = reinterpret_cast<const std::byte*>(description_.planes) +
                             std::size_t{index} * description_.plane_bytes;
        if (const bwrt_status status = copy_in(&plane, source, description_.plane_bytes,
                                               sizeof plane, "layout.plane_bytes", sink_)) {
            return status;
        }
        if (plane.row_count == 0) plane.row_count = 1;
        if (plane.length_bytes == 0) {
            return refuse(BWRT_E_INVAL, "planes[].length_bytes", index, "length_bytes is", 0);
        }
        if (plane.length_bytes > static_cast<std::uint64_t>(INT64_MAX) / plane.row_count) {
            return refuse(BWRT_E_RANGE, "planes[].length_bytes", index, "too long: length_bytes",
                          plane.length_bytes);
        }
        const auto length = static_cast<std::int64_t>(plane.length_bytes);
        if (plane.row_stride_bytes == 0) plane.row_stride_bytes = length;
        if (plane.slot_stride_bytes == 0) plane.slot_stride_bytes = length * plane.row_count;
        // Of one row the stride means nothing, and must not tell two layouts apart.
        if (plane.block_row_stride_bytes == 0 || plane.row_count == 1) {
            plane.block_row_stride_bytes = plane.length_bytes;
        }
        if (plane.group > 0xFFFF) {
            return refuse(BWRT_E_RANGE, "planes[].group", index, "above 65,535: group",
                          plane.group);
        }
        if (const bwrt_status status = place(plane, index, layout)) return status;
        layout->block_side.push_back({plane.block_offset_bytes, plane.block_row_stride_bytes,
                                      plane.length_bytes, plane.row_count, plane.group});
        layout->group_last = std::max(layout->group_last, plane.group);
        return BWRT_OK;
    }

    // Resolves the plane's region and checks that no slot leaves it.
    bwrt_status place(const bwrt_plane& plane, std::uint32_t index, Layout* layout) {
        Plane placed = {plane.offset_bytes, plane.slot_stride_bytes, plane.row_stride_bytes,
                        kProcessSlot, 0};
        const Extent extent =
            extent_of(plane.slot_stride_bytes, description_.slot_count, plane.row_stride_bytes,
                      plane.row_count, plane.length_bytes);
        Wide limit = Wide{1} << 64;
        bool is_file = false;
        const DeviceRoom* room = nullptr;
        if (plane.region != BWRT_PROCESS_MEMORY) {
            const Region* region = regions_.find(plane.region);
            const std::uint64_t generation = generation_of(plane.region);
            if (region != nullptr && region->gate.is_closed(generation)) {
                return refuse(BWRT_E_AGAIN, "planes[].region", index,
                              "quiesced, or being released:", plane.region);
            }
            if (region == nullptr || !region->gate.is_open(generation)) {
                return refuse(BWRT_E_HANDLE, "planes[].region", index,
                              "not a live region:", plane.region);
            }
            is_file = region->is_file();
            room = region->room;
            limit = region->length_bytes;
            placed.region_slot = slot_of(plane.region);
            if (!is_file) placed.base += reinterpret_cast<std::uintptr_t>(region->address);
            if ((region->flags & BWRT_REGION_READ_ONLY) != 0) layout->is_writable = false;
        }
        if (index > 0 && is_file != layout->is_file) {
            return refuse(BWRT_E_INVAL, "planes[].region", index,
                          "planes lie both in memory and in files: region", plane.region);
        }
        layout->is_file = is_file;
        if (index > 0 && room != layout->room) {
            return refuse(BWRT_E_INVAL, "planes[].region", index,
                          "planes lie both on a device and elsewhere: region", plane.region);
        }
        layout->room = room;
        if (plane.region == BWRT_PROCESS_MEMORY && Wide{plane.offset_bytes} + extent.low < 4096) {
            return refuse(BWRT_E_INVAL, "planes[].offset_bytes", index,
                          "process memory on the first page: offset_bytes", plane.offset_bytes);
        }
        if (Wide{plane.offset_bytes} + extent.low < 0 ||
            Wide{plane.offset_bytes} + extent.high > limit) {
            return refuse(BWRT_E_RANGE, "planes[].offset_bytes", index,
                          "a slot passes its region's bounds: offset_bytes", plane.offset_bytes);
        }
        layout->planes.push_back(placed);
        return BWRT_OK;
    }

    // Every byte of the image belongs to exactly one row of one plane.
    bwrt_status check_tiling(const Layout& layout) {
        struct Row {
            std::uint64_t first;
            std::uint64_t length;
            std::uint32_t plane;
        };
        std::uint64_t row_count = 0;
        for (const BlockPlane& plane : layout.block_side) row_count += plane.row_count;
        if (row_count > kRowCountMax) {
            return fail(sink_, BWRT_E_RANGE, "planes[].row_count",
                        "%llu rows pass the limit of %llu", ull(row_count), ull(kRowCountMax));
        }
        if (row_count > description_.block_bytes) {
            return fail(sink_, BWRT_E_INVAL, "planes[].row_count",
                        "%llu rows do not tile block_bytes %llu", ull(row_count),
                        ull(description_.block_bytes));
        }
        std::vector<Row> rows;
        rows.reserve(row_count);
        for (std::uint32_t i = 0; i < layout.block_side.size(); ++i) {
            const BlockPlane& plane = layout.block_side[i];
            for (std::uint32_t r = 0; r < plane.row_count; ++r) {
                const Wide first =
                    Wide{plane.block_offset_bytes} + Wide{plane.block_row_stride_bytes} * r;
                if (first + plane.length_bytes > Wide{description_.block_bytes}) {
                    return refuse(BWRT_E_RANGE, "planes[].block_offset_bytes", i,
                                  "a row passes block_bytes: block_offset_bytes",
                                  plane.block_offset_bytes);
                }
                rows.push_back({static_cast<std::uint64_t>(first), plane.length_bytes, i});
            }
        }
        std::sort(rows.begin(), rows.end(),
                  [](const Row& a, const Row& b) { return a.first < b.first; });
        std::uint64_t end = 0;
        for (const Row& row : rows) {
            if (row.first < end) {
                return refuse(BWRT_E_OVERLAP, "planes[].block_offset_bytes", row.plane,
                              "overlaps another in the block image at", row.first);
            }
            if (row.first > end) {
                return refuse(BWRT_E_INVAL, "planes[].block_offset_bytes", row.plane,
                              "no plane covers the block image at", end);
            }
            end = row.first + row.length;
        }
        if (end == description_.block_bytes) return BWRT_OK;
        return fail(sink_, BWRT_E_INVAL, "layout.block_bytes",
                    "planes cover %llu of block_bytes %llu", ull(end),
                    ull(description_.block_bytes));
    }

    const bwrt_layout& description_;
    const RegionTable& regions_;
    const ErrorSink& sink_;
};

// Cuts the planes, sorted by group, into bands of whole groups of at least `band_bytes`
// (0: a band a group), each then sorted by place in the block image.
PlaneOrder order_planes(const Layout& layout, std::uint64_t band_bytes) {
    PlaneOrder order;
    order.planes.resize(layout.planes.size());
    std::iota(order.planes.begin(), order.planes.end(), 0);
    const auto& side = layout.block_side;
    std::stable_sort(
        order.planes.begin(), order.planes.end(),
        [&](std::uint32_t a, std::uint32_t b) { return side[a].group < side[b].group; });

    std::uint64_t bytes = 0;
    std::uint32_t first = 0;
    const auto count = static_cast<std::uint32_t>(order.planes.size());
    for (std::uint32_t i = 0; i < count; ++i) {
        const BlockPlane& plane = side[order.planes[i]];
        bytes += plane.length_bytes * plane.row_count;
        const bool group_ends = i + 1 == count || side[order.planes[i + 1]].group != plane.group;
        if (i + 1 < count && (!group_ends || bytes < band_bytes)) continue;
        order.bands.push_back({first, i + 1, side[order.planes[first]].group});
        std::sort(order.planes.begin() + first, order.planes.begin() + i + 1,
                  [&](std::uint32_t a, std::uint32_t b) {
                      return side[a].block_offset_bytes < side[b].block_offset_bytes;
                  });
        first = i + 1;
        bytes = 0;
    }
    return order;
}

// Whether the rows of one plane after the other are the image in its order.
bool ascends(const Layout& layout, const PlaneOrder& order) {
    std::uint64_t end = 0;
    for (const std::uint32_t index : order.planes) {
        const BlockPlane& plane = layout.block_side[index];
        const bool packed = plane.block_row_stride_bytes == plane.length_bytes;
        if (plane.block_offset_bytes != end || !packed) return false;
        end += plane.length_bytes * plane.row_count;
    }
    return true;
}

// What a block must have been stored with: all that says where its bytes belong.  Groups say when
// they are served, and the order in which planes are given says nothing.
std::uint64_t digest_of(const Layout& layout, std::uint64_t salt) {
    std::vector<std::uint64_t> words = {layout.block_bytes, salt};
    words.reserve(2 + 4 * layout.block_side.size());
    for (const std::uint32_t index : layout.by_image.planes) {
        const BlockPlane& plane = layout.block_side[index];
        words.insert(words.end(), {plane.block_offset_bytes, plane.length_bytes, plane.row_count,
                                   plane.block_row_stride_bytes});
    }
    const std::uint64_t digest = xxh3().hash(words.data(), words.size() * sizeof words[0], 0);
    return digest != 0 ? digest : 1;
}

}  // namespace

LayoutTable::LayoutTable(std::uint32_t count_max, std::uint64_t first_generation)
    : layouts_(count_max), generation_(first_generation) {}

LayoutTable::~LayoutTable() {
    for (std::uint32_t slot = 0; slot < next_slot_; ++slot) layouts_[slot].~Layout();
}

bwrt_status LayoutTable::add(const bwrt_layout& description, const RegionTable& regions,
                             std::uint32_t plane_count_max, bwrt_handle* handle_out,
                             const ErrorSink& sink) {
    if (description.slot_count == 0 || description.slot_count == BWRT_NONE) {
        return fail(sink, BWRT_E_INVAL, "layout.slot_count", "slot_count is %u",
                    description.slot_count);
    }
    if (description.block_bytes == 0) {
        return fail(sink, BWRT_E_INVAL, "layout.block_bytes", "block_bytes is 0");
    }
    if (description.planes == nullptr || description.plane_count == 0) {
        return fail(sink, BWRT_E_INVAL, "layout.planes", "there are no planes");
    }
    if (const bwrt_status status =
            check_array(description.planes, "layout.planes", description.plane_bytes,
                        sizeof(bwrt_plane), "layout.plane_bytes", sink)) {
        return status;
    }
    if (description.plane_count > plane_count_max) {
        return fail(sink, BWRT_E_RANGE, "layout.plane_count", "plane_count %u passes the limit %u",
                    description.plane_count, plane_count_max);
    }
    std::uint32_t slot = 0;
    while (slot < next_slot_ && layouts_[slot].generation != 0) ++slot;
    if (slot == layouts_.count()) {
        return fail(sink, BWRT_E_AGAIN, "config.layout_count_max", "all %zu layouts are in use",
                    layouts_.count());
    }
    Layout read;  // not in the table until all of it is right
    if (const bwrt_status status = LayoutReader(description, regions, sink).read(&read)) {
        return status;
    }
    PlaneOrder by_group = order_planes(read, 0);
    PlaneOrder by_band = order_planes(read, kFileBandBytes);
    PlaneOrder by_image = order_planes(read, ~std::uint64_t{0});

    if (slot == next_slot_) {
        new (&layouts_[slot]) Layout();
        ++next_slot_;
    }
    for (const Plane& plane : read.planes) {
        if (plane.region_slot == kProcessSlot) continue;
        ++regions.at(plane.region_slot).layout_count;
    }
    Layout& layout = layouts_[slot];
    layout.slot_count = description.slot_count;
    layout.block_bytes = description.block_bytes;
    layout.is_file = read.is_file;
    layout.room = read.room;
    layout.is_writable = read.is_writable;
    layout.group_last = read.group_last;
    layout.block_side = std::move(read.block_side);
    layout.planes = std::move(read.planes);
    layout.by_group = std::move(by_group);
    layout.by_band = std::move(by_band);
    layout.by_image = std::move(by_image);
    layout.digest = digest_of(layout, description.salt);
    layout.image_ascends = ascends(layout, layout.by_image);
    layout.groups_ascend = ascends(layout, layout.by_group);
    layout.generation = generation_;
    generation_ = next_generation(generation_);
    layout.gate.open(layout.generation);
    *handle_out = make_handle(HandleKind::kLayout, slot, layout.generation);
    return BWRT_OK;
}

void LayoutTable::remove(Layout* layout, const RegionTable& regions) noexcept {
    for (const Plane& plane : layout->planes) {
        if (plane.region_slot != kProcessSlot) --regions.at(plane.region_slot).layout_count;
    }
    layout->gate.free();
    layout->quiesced = false;
    layout->generation = 0;
    layout->planes.clear();
    layout->block_side.clear();
    layout->by_group = {};
    layout->by_band = {};
    layout->by_image = {};
}

}  // namespace bwrt::runtime
