// SPDX-License-Identifier: Apache-2.0
//
// test_losses.cpp — a log is read with less than it was written with: how many of its blocks cannot
// be had for that, and why, is counted once each, and only as long as the log still has them.

#include "runtime/store/losses.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "runtime/store/recovery.h"
#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::runtime;
using bwrt::test::Random;

constexpr std::uint64_t kSegmentBytes = 1 << 20;
constexpr std::uint32_t kFurther = Segments::kCountMax;  // the second directory's first segment

// Of two directories with four segments each.
class World {
 public:
    explicit World(std::uint32_t block_count_max = 1000)
        : range_(Mapping::table(IndexWriter::range_bytes(block_count_max))),
          index_(range_.address(), block_count_max, 42),
          segments({{4 * kSegmentBytes}, {4 * kSegmentBytes}}, kSegmentBytes),
          recovery(&index_, &segments, &spaces_, nullptr, &losses) {
        recovery.restart();
    }

    void begin(std::uint32_t segment, std::uint64_t generation) {
        Record record = {};
        record.kind = RecordKind::kSegment;
        record.segment = segment;
        record.generation = generation;
        recovery.take(record);
    }
    void store(std::uint32_t name, std::uint32_t segment, std::uint64_t generation,
               std::uint32_t part = 0) {
        Record record = {};
        record.kind = RecordKind::kStored;
        record.key.space = 7;
        record.key.part = part;
        std::memcpy(record.key.identity, &name, sizeof name);
        record.key.identity[31] = 1;
        record.length_bytes = 4096;
        record.segment = segment;
        record.generation = generation;
        recovery.take(record);
    }
    void remove(std::uint32_t name) {
        Record record = {};
        record.kind = RecordKind::kRemoved;
        record.key.space = 7;
        std::memcpy(record.key.identity, &name, sizeof name);
        record.key.identity[31] = 1;
        recovery.take(record);
    }
    void says(const char* expected) {
        assert_string_equal(losses.sentences(segments).c_str(), expected);
    }

 private:
    Mapping range_;
    IndexWriter index_;
    Spaces spaces_;

 public:
    Segments segments;
    Losses losses;
    Recovery recovery;
};

void where_nothing_is_lost_nothing_is_said(void**) {
    World world;
    world.begin(0, 1);
    world.begin(kFurther, 1);
    world.store(1, 0, 1);
    world.store(2, kFurther, 1);
    world.says("");
}

void what_is_lost_is_said_by_its_reason(void**) {
    World world;
    world.begin(4, 1);
    world.begin(2 * kFurther, 1);
    world.begin(15 * kFurther + 9, 1);
    world.store(1, 4, 1);
    world.store(2, 2 * kFurther, 1);
    world.store(2, 2 * kFurther, 1, 1);
    world.store(3, 15 * kFurther + 9, 1);
    world.store(4, 16 * kFurther, 0);  // nor was there ever one
    world.begin(0, 1);
    world.store(5, 0, 1);
    world.recovery.lose_segment(0);
    world.says(
        "disk_bytes is less than it was: it leaves 1 block of the log out; "
        "directory 0 has no files of the segments with 1 block; "
        "directory 2 was not given: 2 blocks in it; directory 15 was not given: 1 block in it");
    world.recovery.restart();
    world.says("");
}

void what_went_or_came_back_is_lost_no_more(void**) {
    World world;
    world.begin(0, 1);
    world.begin(5, 1);
    for (std::uint32_t name = 1; name <= 5; ++name) world.store(name, 5, 1);
    world.remove(1);
    world.store(2, 0, 1);
    world.says("disk_bytes is less than it was: it leaves 3 blocks of the log out");
    world.begin(5, 2);
    world.store(4, 5, 1);  // written before, and of what is gone
    world.store(5, 5, 2);
    world.says("disk_bytes is less than it was: it leaves 1 block of the log out");
}

void what_the_index_has_no_room_for_is_counted_until_it_is_gone(void**) {
    World world(16);
    world.begin(0, 1);
    world.begin(1, 1);
    std::uint32_t name = 1;
    for (; world.recovery.counts().no_room == 0; ++name) world.store(name, name % 2, 1);
    for (const std::uint32_t end = name + 5; name < end; ++name) world.store(name, name % 2, 1);
    world.says("block_count_max is less than it was: there is no room for 6 blocks");
    world.begin(1, 2);
    world.says("block_count_max is less than it was: there is no room for 3 blocks");
}

// Any records in any order, against a map.
void as_many_are_lost_as_the_log_has_in_segments_that_are_not_here(void**) {
    Random random(bwrt::test::test_seed());
    for (int round = 0; round < 30; ++round) {
        World world;
        std::map<std::uint32_t, std::uint32_t> said;
        std::vector<std::uint64_t> generations(8, 0);
        for (int i = 0; i < 400; ++i) {
            const std::uint32_t name = random.between32(0, 40);
            const std::uint32_t segment = random.between32(0, 7);
            switch (random.below(8)) {
                case 0:
                    world.remove(name);
                    said.erase(name);
                    break;
                case 1:
                    world.begin(segment, ++generations[segment]);
                    std::erase_if(said, [&](const auto& one) { return one.second == segment; });
                    break;
                default:
                    world.store(name, segment, generations[segment]);
                    said[name] = segment;
            }
        }
        const auto lost = std::count_if(said.begin(), said.end(),
                                        [](const auto& one) { return one.second >= 4; });
        const std::string expected = "disk_bytes is less than it was: it leaves " +
                                     std::to_string(lost) + (lost == 1 ? " block" : " blocks") +
                                     " of the log out";
        world.says(lost == 0 ? "" : expected.c_str());
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(where_nothing_is_lost_nothing_is_said),
        cmocka_unit_test(what_is_lost_is_said_by_its_reason),
        cmocka_unit_test(what_went_or_came_back_is_lost_no_more),
        cmocka_unit_test(what_the_index_has_no_room_for_is_counted_until_it_is_gone),
        cmocka_unit_test(as_many_are_lost_as_the_log_has_in_segments_that_are_not_here),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
