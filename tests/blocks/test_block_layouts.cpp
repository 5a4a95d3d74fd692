// SPDX-License-Identifier: Apache-2.0
//
// test_block_layouts.cpp — blocks between the store and paged memory: a block's image is what is
// stored, whatever memory it was gathered from and is spread over, and its layers arrive one after
// the other.

#include "tests/blocks/pages.h"

namespace {

using namespace bwrt::test;

const StoreOf kBoth(16 * kMib, kDiskBytes);

// Stored from `from`, loaded into `into`: from memory, and from the disk in the next process.
void carry_over(BlockWorld* world, void (*make_from)(Pages*), void (*make_into)(Pages*)) {
    for (std::uint32_t life = 0; life < 2; ++life) {
        world->open(kBoth);
        Pages from, into;
        make_from(&from);
        make_into(&into);
        from.add(world);
        into.add(world);
        if (life == 0) {
            for (std::uint32_t i = 0; i < 4; ++i) from.fill(10 - 3 * i, {1, i});
            PagedRequest writer(world, BWRT_OP_PUT, {1, 0}, from, {10, 7, 4, 1});
            assert_int_equal(writer.run(), BWRT_OK);
            assert_int_equal(writer.completion.bytes, 4 * from.block_bytes);
            assert_int_equal(look_up(world, {1, 0}, 4, 0, 0, into.handle).prefix_count, 4);
        }

        PagedRequest reader(world, BWRT_OP_GET, {1, 0}, into, {3, 5, 0, 11});
        assert_int_equal(reader.run(), BWRT_OK);

        for (std::uint32_t i = 0; i < 4; ++i) {
            assert_true(into.holds(reader.slots[i], {1, i}));
            assert_int_equal(reader.results[i].tier, life == 0 ? BWRT_TIER_HOST : BWRT_TIER_DISK);
        }
        for (const std::uint32_t slot : {1u, 2u, 4u, 6u, 7u, 8u, 9u, 10u}) {
            assert_true(into.is_untouched(slot));
        }
        assert_int_equal(sample_store(world).corrupt_count, 0);
        world->close();
    }
}

void a_block_is_the_same_whatever_pages_it_came_from(void** state) {
    carry_over(
        world_of(state), [](Pages* pages) { make_plain(pages, 3, 20'000); },
        [](Pages* pages) { make_backwards(pages, 3, 20'000); });
}

void a_block_of_planes_in_any_order_comes_back(void** state) {
    carry_over(
        world_of(state), [](Pages* pages) { make_backwards(pages, 4, 32'768); },
        [](Pages* pages) { make_plain(pages, 4, 32'768); });
}

void a_block_whose_rows_alternate_comes_back(void** state) {
    carry_over(
        world_of(state), [](Pages* pages) { make_interleaved(pages, 33, 3000); },
        [](Pages* pages) { make_interleaved(pages, 33, 3000); });
}

void a_block_shorter_than_a_unit_comes_back(void** state) {
    carry_over(
        world_of(state), [](Pages* pages) { make_plain(pages, 2, 17); },
        [](Pages* pages) { make_backwards(pages, 2, 17); });
}

void a_slot_that_is_none_is_skipped(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    Pages pages;
    make_plain(&pages, 2, 4096);
    pages.add(world);
    pages.fill(0, {1, 0});
    pages.fill(2, {1, 2});
    PagedRequest writer(world, BWRT_OP_PUT, {1, 0}, pages, {0, BWRT_NONE, 2});

    assert_int_equal(writer.run(), BWRT_OK);

    assert_int_equal(writer.completion.prefix_count, 3);
    assert_int_equal(writer.results[1].status, BWRT_OK);
    assert_int_equal(writer.results[1].bytes, 0);
    assert_int_equal(writer.results[2].bytes, pages.block_bytes);
    assert_int_equal(sample_store(world).put_count, 2);
    assert_false(is_hit(world, {1, 1}));

    PagedRequest reader(world, BWRT_OP_GET, {1, 0}, pages, {BWRT_NONE, BWRT_NONE, 7});
    assert_int_equal(reader.run(), BWRT_OK);
    assert_true(pages.holds(7, {1, 2}));
    assert_int_equal(reader.completion.bytes, pages.block_bytes);
    PagedRequest nothing(world, BWRT_OP_GET, {1, 0}, pages, {BWRT_NONE, BWRT_NONE});
    assert_int_equal(nothing.run(), BWRT_OK);
    assert_int_equal(nothing.completion.prefix_count, 2);
}

void bytes_of_another_layout_are_a_miss(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    Pages plain, other_salt, other_cut;
    make_plain(&plain, 2, 4096);
    make_plain(&other_salt, 2, 4096);
    make_plain(&other_cut, 4, 2048);  // as long, and cut into other planes
    plain.add(world);
    other_salt.add(world, 1);
    other_cut.add(world);
    plain.fill(0, {1, 0});
    PagedRequest writer(world, BWRT_OP_PUT, {1, 0}, plain, {0});
    assert_int_equal(writer.run(), BWRT_OK);

    for (Pages* pages : {&other_salt, &other_cut}) {
        PagedRequest reader(world, BWRT_OP_GET, {1, 0}, *pages, {1});
        assert_int_equal(reader.run(), BWRT_E_MISS);
        assert_true(pages->is_untouched(1));
        PagedRequest conflicting(world, BWRT_OP_PUT, {1, 0}, *pages, {1});
        assert_int_equal(conflicting.run(), BWRT_E_CONFLICT);
        assert_int_equal(look_up(world, {1, 0}, 1, 0, 0, pages->handle).prefix_count, 0);
    }
    assert_int_equal(get(world, {1, 0}, 1, plain.block_bytes), BWRT_E_MISS);  // opaque
    assert_int_equal(look_up(world, {1, 0}, 1, 0, 0, plain.handle).prefix_count, 1);
    assert_int_equal(look_up(world, {1, 0}).prefix_count, 1);
}

// At each look: who is signalled is there, and who comes later is not signalled before.
void layers_arrive_one_after_the_other_and_say_so(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    constexpr std::uint32_t kLayers = 8;
    Pages pages;
    make_plain(&pages, kLayers, 64 << 10);  // 1 MiB a block
    pages.add(world);
    for (std::uint32_t i = 0; i < 6; ++i) pages.fill(i, {1, i});
    PagedRequest writer(world, BWRT_OP_PUT, {1, 0}, pages, {0, 1, 2, 3, 4, 5});
    assert_int_equal(writer.run(), BWRT_OK);
    for (std::uint32_t round = 0; round < 2; ++round) {
        std::fill(pages.memory.begin(), pages.memory.end(), kUntouched);
        PagedRequest reader(world, BWRT_OP_GET, {1, 0}, pages, {6, 7, 8, 9, 10, 11});
        const Layerwise told(&reader, kLayers);
        reader.start();

        const auto look = [&] {
            std::uint32_t done = 0;
            std::uint64_t seen[kLayers];
            for (std::uint32_t layer = kLayers; layer-- > 0;) seen[layer] = told.signal_of(layer);
            for (std::uint32_t layer = 0; layer < kLayers; ++layer) {
                if (seen[layer] == 0) continue;
                ++done;
                assert_int_equal(seen[layer], Layerwise::kDone);
                if (layer > 0) assert_int_equal(told.signal_of(layer - 1), Layerwise::kDone);
                for (std::uint32_t i = 0; i < 6; ++i) {
                    assert_true(pages.holds(6 + i, {1, i}, layer));
                }
            }
            return done == kLayers;
        };
        drive_until(world, look);

        assert_int_equal(reader.finish(), BWRT_OK);
        for (const bwrt_group_result& group : told.groups) {
            assert_int_equal(group.status, BWRT_OK);
            assert_int_equal(group.prefix_count, 6 + kLayers);
            assert_int_equal(group.bytes, 6 * (128 << 10));
        }
        if (round == 0) {  // and once more from the disk
            assert_int_equal(ask(world, BWRT_OP_MOVE, {1, 0}, 6, BWRT_TIER_DISK), BWRT_OK);
        }
    }
}

void a_missing_block_fails_all_its_layers(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    Pages pages;
    make_plain(&pages, 3, 4096);
    pages.add(world);
    pages.fill(0, {1, 0});
    PagedRequest writer(world, BWRT_OP_PUT, {1, 0}, pages, {0});
    assert_int_equal(writer.run(), BWRT_OK);
    PagedRequest reader(world, BWRT_OP_GET, {1, 0}, pages, {6, 7});
    bwrt_group_result groups[3];
    with_groups(&reader.wave, groups, 3);

    assert_int_equal(reader.run(), BWRT_E_MISS);

    for (const bwrt_group_result& group : groups) {
        assert_int_equal(group.status, BWRT_E_MISS);
        assert_int_equal(group.prefix_count, 1);
        assert_int_equal(group.bytes, 8192);
    }
    assert_int_equal(reader.results[0].status, BWRT_OK);
    assert_int_equal(reader.results[1].status, BWRT_E_MISS);
    assert_true(pages.holds(6, {1, 0}));
    assert_true(pages.is_untouched(7));
}

void regions_take_blocks_one_behind_the_other(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    const bwrt_region description = allocated_region_of(0, 1 * kMib);
    bwrt_region_info info = {};
    info.struct_size = sizeof info;
    bwrt_handle region = 0;
    assert_int_equal(bwrt_region_add(world->runtime, &description, &region, &info, nullptr), 0);
    auto* bytes = static_cast<unsigned char*>(info.address);
    for (std::uint32_t i = 0; i < 5; ++i) fill_block(bytes + 100 + i * 5000, {1, i}, 5000);
    Request writer(world, BWRT_OP_PUT, {1, 0}, 5, 5000);
    writer.operation.source = region;
    writer.operation.source_offset_bytes = 100;
    assert_int_equal(writer.run(), BWRT_OK);
    Request reader(world, BWRT_OP_GET, {1, 0}, 5, 5000);
    reader.operation.target = region;
    reader.operation.target_offset_bytes = 1 * kMib - 5 * 5000;

    assert_int_equal(reader.run(), BWRT_OK);

    for (std::uint32_t i = 0; i < 5; ++i) {
        assert_true(is_block(bytes + 1 * kMib - (5 - i) * 5000, {1, i}, 5000));
    }
    assert_int_equal(bwrt_release(world->runtime, region, nullptr), BWRT_OK);
}

const CMUnitTest kTests[] = {
    IN_BLOCK_WORLD(a_block_is_the_same_whatever_pages_it_came_from),
    IN_BLOCK_WORLD(a_block_of_planes_in_any_order_comes_back),
    IN_BLOCK_WORLD(a_block_whose_rows_alternate_comes_back),
    IN_BLOCK_WORLD(a_block_shorter_than_a_unit_comes_back),
    IN_BLOCK_WORLD(a_slot_that_is_none_is_skipped),
    IN_BLOCK_WORLD(bytes_of_another_layout_are_a_miss),
    IN_BLOCK_WORLD(layers_arrive_one_after_the_other_and_say_so),
    IN_BLOCK_WORLD(a_missing_block_fails_all_its_layers),
    IN_BLOCK_WORLD(regions_take_blocks_one_behind_the_other),
};

}  // namespace

int main() {
    int failures = 0;
    RUN_IN_MODES(kTests, kThreadSanitizer ? 1 : 2, failures);
    return failures;
}
