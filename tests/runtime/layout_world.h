// SPDX-License-Identifier: Apache-2.0
//
// layout_world.h — random paged memory: how a block is cut, where layouts keep its planes, and
// the memory and files below them, each byte with a shadow in which the model works.
//
// What is drawn: several regions, process memory and files; rows in slots and slots in rows;
// padded and negative strides; planes that interleave in the block image; groups in any order;
// and layouts that keep whole blocks together, as files do.

#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <vector>

#include "include/bwrt.h"
#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace bwrt::test {

// How large blocks are and how many slots a layout has.
enum class Scale { kManyTinyBlocks, kSmall, kFewLargeBlocks };

struct Store {
    bool is_file = false;
    bool is_process = false;  // named by its addresses, not as a region
    std::uint64_t length_bytes = 0;
    std::vector<std::uint8_t> bytes;  // of memory
    std::vector<std::uint8_t> model;
    int fd = -1;
    bwrt_handle handle = 0;

    // What an offset in this store is counted from in the interface.
    [[nodiscard]] std::uint64_t base() const {
        return is_process ? reinterpret_cast<std::uintptr_t>(bytes.data()) : 0;
    }
    // A place for `length` bytes, behind all others and a gap.
    std::uint64_t reserve(std::uint64_t length, Random* random) {
        const std::uint64_t offset = length_bytes + random->below(20);
        length_bytes = offset + length;
        return offset;
    }
};

struct CutPlane {
    std::uint64_t length;
    std::uint32_t rows;
    std::uint32_t group;
    std::uint64_t block_offset;
    std::uint64_t block_row_stride;
};

struct Cut {
    std::vector<CutPlane> planes;
    std::uint64_t block_bytes = 0;
};

struct Place {
    Store* store;
    std::uint64_t offset;
    std::int64_t slot_stride;
    std::int64_t row_stride;
};

struct TestLayout {
    const Cut* cut = nullptr;
    bool is_file = false;
    std::uint32_t slot_count = 0;
    std::vector<Place> places;  // one a plane
    bwrt_handle handle = 0;

    // The model's byte: written from bwrt.h, not from the library.
    [[nodiscard]] std::uint8_t& at(std::size_t plane, std::uint32_t slot, std::uint32_t row,
                                   std::uint64_t byte) const {
        const Place& place = places[plane];
        const auto offset = static_cast<std::int64_t>(place.offset) + place.slot_stride * slot +
                            place.row_stride * row + static_cast<std::int64_t>(byte);
        return place.store->model.at(static_cast<std::size_t>(offset));
    }
};

inline std::uint64_t draw_length(Scale scale, Random* random) {
    if (scale == Scale::kManyTinyBlocks) return random->between(1, 6);
    if (scale == Scale::kFewLargeBlocks) return random->between(5'000, 40'000);
    return random->one_in(4) ? random->between(400, 4200) : random->between(1, 70);
}

// Planes in clusters: those of one cluster take turns in the image row by row.
inline Cut draw_cut(Scale scale, Random* random) {
    Cut cut;
    std::uint64_t left = random->between(1, scale == Scale::kManyTinyBlocks ? 3 : 7);
    while (left > 0) {
        const std::uint64_t members = random->between(1, std::min<std::uint64_t>(left, 3));
        const std::uint32_t rows = random->between32(1, 4);
        const std::size_t first = cut.planes.size();
        std::uint64_t row_bytes = 0;
        for (std::uint64_t i = 0; i < members; ++i) {
            const std::uint64_t length = draw_length(scale, random);
            cut.planes.push_back(
                {length, rows, random->between32(0, 4), cut.block_bytes + row_bytes, 0});
            row_bytes += length;
        }
        for (std::size_t i = first; i < cut.planes.size(); ++i) {
            cut.planes[i].block_row_stride = row_bytes;
        }
        cut.block_bytes += row_bytes * rows;
        left -= members;
    }
    std::shuffle(cut.planes.begin(), cut.planes.end(), random->engine());
    return cut;
}

// A strided array of its own for the plane.
inline Place draw_place(const CutPlane& plane, std::uint32_t slot_count, Store* store,
                        Random* random) {
    const auto pad = [&] {
        return static_cast<std::int64_t>(random->one_in(2) ? 0 : random->between(1, 30));
    };
    const auto length = static_cast<std::int64_t>(plane.length);
    const std::int64_t last_row = plane.rows - 1, last_slot = slot_count - 1;
    std::int64_t row_stride, slot_stride;
    if (random->one_in(3)) {  // slots in rows
        slot_stride = length + pad();
        row_stride = slot_stride * last_slot + length + pad();
    } else {
        row_stride = length + pad();
        slot_stride = row_stride * last_row + length + pad();
    }
    const std::int64_t extent = row_stride * last_row + slot_stride * last_slot + length;
    Place place = {store, store->reserve(static_cast<std::uint64_t>(extent), random), slot_stride,
                   row_stride};
    if (random->one_in(4)) {
        place.offset += static_cast<std::uint64_t>(row_stride * last_row);
        place.row_stride = -row_stride;
    }
    if (random->one_in(4)) {
        place.offset += static_cast<std::uint64_t>(slot_stride * last_slot);
        place.slot_stride = -slot_stride;
    }
    return place;
}

class LayoutWorld {
 public:
    LayoutWorld(Scale scale, Random* random) : random_(*random), cut(draw_cut(scale, random)) {
        for (int i = 0; i < 3; ++i) stores.emplace_back();
        stores[2].is_process = true;
        for (int i = 0; i < 2; ++i) stores.emplace_back().is_file = true;
        for (int i = 0; i < 4; ++i) {
            TestLayout& layout = layouts.emplace_back();
            layout.cut = &cut;
            layout.is_file = i >= 2;
            layout.slot_count = draw_slot_count(scale);
            place_planes(&layout);
        }
        // Whole blocks of operations that have a region on a side.
        const std::uint64_t blocks = scale == Scale::kManyTinyBlocks ? 2100 : 20;
        memory_area = stores[0].reserve(cut.block_bytes * blocks, random);
        file_area = stores[3].reserve(cut.block_bytes * blocks, random);
        area_bytes = cut.block_bytes * blocks;
    }
    ~LayoutWorld() {
        for (Store& store : stores) {
            if (store.fd >= 0) close(store.fd);
        }
    }
    LayoutWorld(const LayoutWorld&) = delete;
    LayoutWorld& operator=(const LayoutWorld&) = delete;

    // Fills everything and tells the runtime of it.
    void create(bwrt_runtime* runtime, std::uint32_t file_flags) {
        for (Store& store : stores) create_store(&store, runtime, file_flags);
        for (TestLayout& layout : layouts) create_layout(&layout, runtime);
    }

    void release(bwrt_runtime* runtime) {
        for (const TestLayout& layout : layouts) {
            assert_int_equal(bwrt_release(runtime, layout.handle, nullptr), BWRT_OK);
        }
        for (const Store& store : stores) {
            if (store.is_process) continue;
            assert_int_equal(bwrt_release(runtime, store.handle, nullptr), BWRT_OK);
        }
    }

    // Every byte there is, compared with the model's.
    void check_all() {
        for (std::size_t i = 0; i < stores.size(); ++i) {
            Store& store = stores[i];
            std::vector<std::uint8_t> bytes = store.bytes;
            if (store.is_file) {
                bytes.resize(store.length_bytes + 1);  // one more: the file has not grown
                const ssize_t got = pread(store.fd, bytes.data(), bytes.size(), 0);
                assert_int_equal(got, store.length_bytes);
                bytes.pop_back();
            }
            if (std::memcmp(bytes.data(), store.model.data(), bytes.size()) == 0) continue;
            const auto [ours, models] =
                std::mismatch(bytes.begin(), bytes.end(), store.model.begin());
            fail_msg("store %zu: byte %td is 0x%02x, the model has 0x%02x", i, ours - bytes.begin(),
                     *ours, *models);
        }
    }

 private:
    std::uint32_t draw_slot_count(Scale scale) {
        if (scale == Scale::kFewLargeBlocks) return random_.between32(1, 5);
        if (scale == Scale::kSmall) return random_.between32(1, 24);
        return random_.between32(400, 2050);
    }

    Store* draw_store(bool is_file) {
        return &stores[is_file ? random_.between(3, 4) : random_.between(0, 2)];
    }

    void place_planes(TestLayout* layout) {
        const std::uint32_t slots = layout->slot_count;
        if (!random_.one_in(layout->is_file ? 2 : 4)) {
            for (const CutPlane& plane : cut.planes) {
                layout->places.push_back(
                    draw_place(plane, slots, draw_store(layout->is_file), &random_));
            }
            return;
        }
        // Blocks whole, one after the other, as they are in the image.
        Store* store = draw_store(layout->is_file);
        const std::uint64_t stride = cut.block_bytes + (random_.one_in(2) ? 0 : random_.below(50));
        const std::uint64_t offset = store->reserve(stride * slots, &random_);
        for (const CutPlane& plane : cut.planes) {
            layout->places.push_back({store, offset + plane.block_offset,
                                      static_cast<std::int64_t>(stride),
                                      static_cast<std::int64_t>(plane.block_row_stride)});
        }
    }

    void create_store(Store* store, bwrt_runtime* runtime, std::uint32_t file_flags) {
        store->length_bytes += random_.between(1, 40);
        store->model.resize(store->length_bytes);
        std::uint64_t state = random_.bits() | 1;
        for (std::uint8_t& byte : store->model) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            byte = static_cast<std::uint8_t>(state >> 56);
        }
        bwrt_region region = {};
        region.struct_size = sizeof region;
        if (store->is_file) {
            char path[] = "bwrt-test-XXXXXX";
            store->fd = mkstemp(path);
            if (store->fd < 0 || pwrite(store->fd, store->model.data(), store->length_bytes, 0) !=
                                     static_cast<ssize_t>(store->length_bytes)) {
                fail_msg("no test file");
            }
            unlink(path);
            region.kind = BWRT_REGION_FILE;
            region.flags = file_flags;
            region.fd = store->fd;
        } else {
            store->bytes = store->model;
            region.kind = BWRT_REGION_HOST;
            region.address = store->bytes.data();
            region.length_bytes = store->length_bytes;
        }
        store->handle = BWRT_PROCESS_MEMORY;
        if (store->is_process) return;
        assert_int_equal(bwrt_region_add(runtime, &region, &store->handle, nullptr, nullptr),
                         BWRT_OK);
    }

    void create_layout(TestLayout* layout, bwrt_runtime* runtime) {
        std::vector<bwrt_plane> planes(cut.planes.size());
        for (std::size_t i = 0; i < planes.size(); ++i) {
            const CutPlane& plane = cut.planes[i];
            const Place& place = layout->places[i];
            const auto length = static_cast<std::int64_t>(plane.length);
            planes[i].region = place.store->handle;
            planes[i].offset_bytes = place.store->base() + place.offset;
            // Where the default says the same, it is used half of the time.
            const bool terse = random_.one_in(2);
            planes[i].slot_stride_bytes =
                terse && place.slot_stride == length * plane.rows ? 0 : place.slot_stride;
            planes[i].row_stride_bytes =
                terse && (plane.rows == 1 || place.row_stride == length) ? 0 : place.row_stride;
            planes[i].length_bytes = plane.length;
            planes[i].row_count = terse && plane.rows == 1 ? 0 : plane.rows;
            planes[i].group = plane.group;
            planes[i].block_offset_bytes = plane.block_offset;
            planes[i].block_row_stride_bytes =
                plane.block_row_stride == plane.length ? 0 : plane.block_row_stride;
        }
        bwrt_layout description = {};
        description.struct_size = sizeof description;
        description.slot_count = layout->slot_count;
        description.block_bytes = cut.block_bytes;
        description.planes = planes.data();
        description.plane_count = static_cast<std::uint32_t>(planes.size());
        description.plane_bytes = sizeof(bwrt_plane);
        bwrt_error error = {};
        if (bwrt_layout_add(runtime, &description, &layout->handle, &error) != BWRT_OK) {
            fail_msg("layout: %s: %s", error.field, error.message);
        }
    }

    Random& random_;

 public:
    const Cut cut;
    std::deque<Store> stores;        // memory 0 to 2, files 3 and 4
    std::deque<TestLayout> layouts;  // in memory 0 and 1, in files 2 and 3
    std::uint64_t memory_area = 0;   // in store 0
    std::uint64_t file_area = 0;     // in store 3
    std::uint64_t area_bytes = 0;
};

}  // namespace bwrt::test
