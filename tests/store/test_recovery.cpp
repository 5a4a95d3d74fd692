// SPDX-License-Identifier: Apache-2.0
//
// test_recovery.cpp — after any log the index says what the log said last, of each block, and of
// what cannot be it says nothing.

#include "runtime/store/recovery.h"

#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::runtime;
using bwrt::test::Random;

constexpr std::uint64_t kSegmentBytes = 1 << 20;

struct Observer final : RecoveryObserver {
    std::map<std::uint32_t, std::uint32_t> parents;
    void block_found(std::uint32_t entry, std::uint32_t parent, const Record&) noexcept override {
        assert_int_equal(parents.count(entry), 0);
        parents[entry] = parent;
    }
    void block_gone(std::uint32_t entry) noexcept override {
        assert_int_equal(parents.erase(entry), 1);
    }
};

class World {
 public:
    explicit World(std::uint32_t block_count_max = 1000, std::uint32_t segment_count = 8)
        : range_(Mapping::table(IndexWriter::range_bytes(block_count_max))),
          index(range_.address(), block_count_max, 42),
          segments({{segment_count * kSegmentBytes}}, kSegmentBytes),
          recovery(&index, &segments, &spaces, &observer) {
        recovery.restart();
    }

    void begin(std::uint32_t segment, std::uint64_t generation) {
        Record record = {};
        record.kind = RecordKind::kSegment;
        record.segment = segment;
        record.generation = generation;
        recovery.take(record);
    }
    static Record stored(std::uint32_t name, std::uint32_t segment, std::uint64_t generation,
                         std::uint64_t offset, std::uint32_t length = 65536) {
        Record record = {};
        record.kind = RecordKind::kStored;
        record.key.space = 7;
        std::memcpy(record.key.identity, &name, sizeof name);
        record.key.identity[31] = 1;
        record.length_bytes = length;
        record.root = name + 1000;
        record.segment = segment;
        record.generation = generation;
        record.offset_bytes = offset;
        return record;
    }
    void remove(std::uint32_t name) {
        Record record = stored(name, 0, 0, 0);
        record.kind = RecordKind::kRemoved;
        recovery.take(record);
    }
    std::uint32_t entry_of(std::uint32_t name, std::uint64_t space = 7) {
        IndexKey key = {};
        const Record record = stored(name, 0, 0, 0);
        std::memcpy(key.identity, record.key.identity, sizeof key.identity);
        key.tenant = spaces.number_of(space);
        return index.find(key);
    }

 private:
    Mapping range_;

 public:
    IndexWriter index;
    Segments segments;
    Spaces spaces;
    Observer observer;
    Recovery recovery;
};

void a_block_is_found_where_it_was_stored(void**) {
    World world;
    world.begin(3, 5);
    world.recovery.take(World::stored(1, 3, 5, 8192, 70000));
    const std::uint32_t entry = world.entry_of(1);
    assert_int_not_equal(entry, kNoEntry);
    const BlockFields fields = world.index.fields_of(entry);
    assert_int_equal(fields.length_bytes, 70000);
    assert_int_equal(fields.disk_segment, 3);
    assert_int_equal(fields.disk_page, 2);
    assert_int_equal(fields.flags, kOnDisk | kFound);
    assert_true(world.index.seal_of(entry).root_checksum == 1001);
    assert_true(world.segments.live_bytes_of(3) == 73728 + 4096);  // two chunks have sums
    assert_int_equal(world.entry_of(1, 8), kNoEntry);              // another tenant's
}

void two_tenants_may_have_blocks_of_one_name(void**) {
    World world;
    world.begin(0, 1);
    Record other = World::stored(1, 0, 1, 65536);
    other.key.space = 8;
    world.recovery.take(World::stored(1, 0, 1, 0));
    world.recovery.take(other);
    assert_int_equal(world.index.block_count(), 2);
    assert_int_equal(world.index.fields_of(world.entry_of(1, 7)).disk_page, 0);
    assert_int_equal(world.index.fields_of(world.entry_of(1, 8)).disk_page, 16);
    world.remove(1);
    assert_int_equal(world.entry_of(1, 7), kNoEntry);
    assert_int_not_equal(world.entry_of(1, 8), kNoEntry);
}

void what_was_removed_or_reclaimed_is_not_there(void**) {
    World world;
    world.begin(0, 1);
    world.begin(1, 1);
    for (std::uint32_t name = 0; name < 6; ++name) {
        world.recovery.take(World::stored(name, name % 2, 1, std::uint64_t{name} * 65536));
    }
    world.remove(2);
    world.remove(2);
    world.remove(99);
    world.begin(1, 2);
    world.recovery.take(World::stored(7, 1, 1, 0));  // written before, and of what is gone
    for (const std::uint32_t name : {1u, 2u, 3u, 5u, 7u}) {
        assert_int_equal(world.entry_of(name), kNoEntry);
    }
    assert_int_not_equal(world.entry_of(0), kNoEntry);
    assert_int_not_equal(world.entry_of(4), kNoEntry);
    assert_int_equal(world.index.block_count(), 2);
    assert_int_equal(world.observer.parents.size(), 2);
    assert_true(world.segments.live_bytes() == 2 * 65536);
    assert_true(world.recovery.counts().reclaimed == 1);
}

void a_block_that_moved_is_at_its_last_place_only(void**) {
    World world;
    world.begin(0, 1);
    world.begin(1, 1);
    world.recovery.take(World::stored(1, 0, 1, 0));
    world.recovery.take(World::stored(1, 1, 1, 4096));
    assert_int_equal(world.index.fields_of(world.entry_of(1)).disk_segment, 1);
    assert_true(world.segments.live_bytes_of(0) == 0 && world.segments.live_bytes_of(1) == 65536);
    world.begin(0, 2);  // which empties where it was
    assert_int_not_equal(world.entry_of(1), kNoEntry);
}

void places_that_cannot_be_are_passed_over(void**) {
    World world(1000, 4);
    world.begin(0, 1);
    world.begin(4, 1);  // the budget has become smaller
    world.recovery.take(World::stored(1, 4, 1, 0));
    world.recovery.take(World::stored(2, 0xFFFFFFFF, 1, 0));
    world.recovery.take(World::stored(3, 0, 1, kSegmentBytes - 4096, 4097));
    world.recovery.take(World::stored(4, 0, 1, 100));
    world.recovery.take(World::stored(5, 0, 1, 0, 0));
    world.recovery.take(World::stored(6, 0, 1, ~std::uint64_t{0} << 12));
    world.recovery.take(World::stored(7, 0, 1, 0, 0xFFFFFFFF));
    assert_true(world.recovery.counts().no_place == 7);
    world.recovery.take(World::stored(8, 0, 1, kSegmentBytes - 4096, 4096));
    assert_int_equal(world.index.block_count(), 1);
}

void more_blocks_than_there_is_room_for_are_counted_and_missing(void**) {
    World world(4);
    world.begin(0, 1);
    for (std::uint32_t name = 0; name < 6; ++name) {
        world.recovery.take(World::stored(name, 0, 1, std::uint64_t{name} * 4096, 4096));
    }
    assert_int_equal(world.index.block_count(), 4);
    assert_true(world.recovery.counts().no_room == 2);
    assert_true(world.segments.live_bytes() == 4 * 4096);
}

void a_child_knows_the_parent_that_is_there(void**) {
    World world;
    world.begin(0, 1);
    world.recovery.take(World::stored(1, 0, 1, 0));
    Record child = World::stored(2, 0, 1, 65536);
    std::memcpy(child.parent_identity, World::stored(1, 0, 0, 0).key.identity, kIdentityBytes);
    world.recovery.take(child);
    Record orphan = World::stored(3, 0, 1, 131072);
    std::memcpy(orphan.parent_identity, World::stored(9, 0, 0, 0).key.identity, kIdentityBytes);
    world.recovery.take(orphan);
    assert_int_equal(world.observer.parents.at(world.entry_of(1)), kNoEntry);
    assert_int_equal(world.observer.parents.at(world.entry_of(2)), world.entry_of(1));
    assert_int_equal(world.observer.parents.at(world.entry_of(3)), kNoEntry);
}

void a_log_that_did_not_count_leaves_nothing(void**) {
    World world;
    world.begin(0, 9);
    for (std::uint32_t name = 0; name < 50; ++name) {
        world.recovery.take(World::stored(name, 0, 9, std::uint64_t{name} * 4096, 4096));
    }
    world.recovery.restart();
    assert_int_equal(world.index.block_count(), 0);
    assert_true(world.segments.live_bytes() == 0 && world.segments.generation_of(0) == 0);
    assert_true(world.observer.parents.empty());
    assert_true(world.recovery.counts().records == 0);
}

// Any records in any order, against a map.
void the_index_says_what_was_said_last_of_each_block(void**) {
    Random random(bwrt::test::test_seed());
    for (int round = 0; round < 30; ++round) {
        World world(1000, 6);
        struct Said {
            std::uint32_t segment;
            std::uint64_t offset;
        };
        std::map<std::uint32_t, Said> said;
        std::vector<std::uint64_t> generations(6, 0);
        for (int i = 0; i < 400; ++i) {
            const std::uint32_t name = random.between32(0, 40);
            const std::uint32_t segment = random.between32(0, 5);
            switch (random.below(8)) {
                case 0:
                    world.remove(name);
                    said.erase(name);
                    break;
                case 1:
                    world.begin(segment, ++generations[segment]);
                    std::erase_if(said,
                                  [&](const auto& one) { return one.second.segment == segment; });
                    break;
                default: {
                    const std::uint64_t generation =
                        generations[segment] - (random.one_in(6) ? 1 : 0);
                    const std::uint64_t offset = random.below(200) * 4096;
                    world.recovery.take(World::stored(name, segment, generation, offset, 4096));
                    if (generation == generations[segment]) said[name] = {segment, offset};
                }
            }
        }
        std::uint64_t live = 0;
        for (std::uint32_t segment = 0; segment < 6; ++segment) {
            live += world.segments.live_bytes_of(segment);
        }
        assert_int_equal(world.index.block_count(), said.size());
        assert_int_equal(world.observer.parents.size(), said.size());
        assert_true(live == said.size() * 4096 && live == world.segments.live_bytes());
        for (const auto& [name, place] : said) {
            const BlockFields fields = world.index.fields_of(world.entry_of(name));
            assert_int_equal(fields.disk_segment, place.segment);
            assert_true(fields.disk_page * std::uint64_t{4096} == place.offset);
        }
    }
}

void spaces_keep_their_numbers(void**) {
    Spaces spaces;
    assert_int_equal(spaces.number_of(77), 0);
    assert_int_equal(spaces.number_of(5), 1);
    assert_int_equal(spaces.number_of(77), 0);
    assert_true(spaces.space_of(1) == 5);
    assert_int_equal(spaces.find(5), 1);
    assert_int_equal(spaces.find(6), Spaces::kNone);
    assert_int_equal(spaces.count(), 2);  // who is only looked for gets no number
    for (std::uint64_t space = 100; spaces.count() < Spaces::kNone; ++space) {
        assert_int_not_equal(spaces.number_of(space), Spaces::kNone);
        if (spaces.count() == 2000) break;  // the search is linear
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_found_where_it_was_stored),
        cmocka_unit_test(two_tenants_may_have_blocks_of_one_name),
        cmocka_unit_test(what_was_removed_or_reclaimed_is_not_there),
        cmocka_unit_test(a_block_that_moved_is_at_its_last_place_only),
        cmocka_unit_test(places_that_cannot_be_are_passed_over),
        cmocka_unit_test(more_blocks_than_there_is_room_for_are_counted_and_missing),
        cmocka_unit_test(a_child_knows_the_parent_that_is_there),
        cmocka_unit_test(a_log_that_did_not_count_leaves_nothing),
        cmocka_unit_test(the_index_says_what_was_said_last_of_each_block),
        cmocka_unit_test(spaces_keep_their_numbers),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
