// SPDX-License-Identifier: Apache-2.0
//
// test_segments.cpp — no two live blocks share a byte, no segment that is alive or held is emptied,
// emptying one is always possible, and the budget holds at every step.

#include "runtime/store/segments.h"

#include <algorithm>
#include <map>
#include <vector>

#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::runtime;
using Purpose = Segments::Purpose;
using State = Segments::State;
using bwrt::test::Random;

constexpr std::uint64_t kUnit = 4096;
constexpr std::uint64_t kSegment = 64 * kUnit;

DiskPlace must_take(Segments* segments, std::uint64_t bytes, Purpose purpose = Purpose::kStore,
                    std::uint32_t directory = 0) {
    bool opened = false;
    assert_true(segments->has_room(directory, bytes, purpose));
    return segments->take(directory, bytes, purpose, &opened);
}

void a_budget_is_whole_segments_and_too_small_a_one_is_none(void**) {
    const Segments segments({{5 * kSegment + kSegment / 2}, {4 * kSegment}, {4 * kSegment - 1}},
                            kSegment);
    assert_int_equal(segments.count(), 9);
    assert_true(segments.budget_bytes() == 9 * kSegment);
    assert_int_equal(segments.directory_of(0), 0);
    assert_int_equal(segments.directory_of(4), 0);
    assert_int_equal(segments.directory_of(5), 1);
    assert_int_equal(segments.directory_of(8), 1);
    assert_false(segments.has_room(2, kUnit, Purpose::kStore));
}

void segments_are_a_64th_of_the_smallest_budget(void**) {
    constexpr std::uint64_t kMebibyte = 1 << 20;
    assert_true(Segments::segment_bytes_for({{1}}) == 16 * kMebibyte);
    assert_true(Segments::segment_bytes_for({{6400 * kMebibyte}, {64000 * kMebibyte}}) ==
                100 * kMebibyte);
    assert_true(Segments::segment_bytes_for({{std::uint64_t{1} << 50}}) == 4096 * kMebibyte);
}

void runs_lie_behind_each_other_until_the_segment_is_full(void**) {
    Segments segments({{4 * kSegment}}, kSegment);
    bool opened = false;
    DiskPlace place = segments.take(0, 40 * kUnit, Purpose::kStore, &opened);
    assert_true(opened && place.segment == 0 && place.offset_bytes == 0);
    assert_true(segments.generation_of(0) == 1);
    place = segments.take(0, 20 * kUnit, Purpose::kStore, &opened);
    assert_true(!opened && place.segment == 0 && place.offset_bytes == 40 * kUnit);
    place = segments.take(0, 5 * kUnit, Purpose::kStore, &opened);
    assert_true(opened && place.segment == 1 && place.offset_bytes == 0);
    assert_int_equal(segments.state_of(0), State::kFull);
    assert_false(segments.has_room(0, kSegment + 1, Purpose::kStore));
}

void the_last_empty_segment_is_for_what_is_carried(void**) {
    Segments segments({{4 * kSegment}}, kSegment);
    for (int i = 0; i < 3; ++i) static_cast<void>(must_take(&segments, kSegment));
    assert_int_equal(segments.empty_count(0), 1);
    assert_false(segments.has_room(0, kUnit, Purpose::kStore));
    assert_true(segments.has_room(0, kSegment, Purpose::kCarry));
}

void what_is_carried_and_what_is_new_do_not_share_a_segment(void**) {
    Segments segments({{8 * kSegment}}, kSegment);
    const DiskPlace stored = must_take(&segments, kUnit);
    const DiskPlace carried = must_take(&segments, kUnit, Purpose::kCarry);
    assert_true(stored.segment != carried.segment);
    assert_true(must_take(&segments, kUnit).segment == stored.segment);
    assert_true(must_take(&segments, kUnit, Purpose::kCarry).segment == carried.segment);
}

void the_segment_with_the_least_alive_is_emptied_unless_it_is_held(void**) {
    Segments segments({{6 * kSegment}}, kSegment);
    for (int i = 0; i < 4; ++i) static_cast<void>(must_take(&segments, kSegment));
    segments.release(0, 10 * kUnit);
    segments.release(1, 30 * kUnit);
    segments.release(2, 20 * kUnit);
    assert_int_equal(segments.begin_emptying(0, 33 * kUnit), kNoSegment);
    segments.hold(1);
    assert_int_equal(segments.begin_emptying(0, 43 * kUnit), kNoSegment);
    assert_int_equal(segments.begin_emptying(0, 44 * kUnit), 2);
    assert_int_equal(segments.begin_emptying(0, kSegment), kNoSegment);  // one at a time
    assert_int_equal(segments.state_of(3), State::kOpen);
    assert_false(segments.can_be_emptied(2));
    segments.hold(2);
    segments.release(2, 44 * kUnit);
    assert_false(segments.can_be_emptied(2));
    segments.unhold(2);
    assert_true(segments.can_be_emptied(2));
    segments.emptied(2);
    segments.unhold(1);
    assert_int_equal(segments.begin_emptying(0, kSegment), 1);
}

void each_filling_is_a_new_generation(void**) {
    Segments segments({{4 * kSegment}}, kSegment);
    for (std::uint64_t generation = 1; generation < 5; ++generation) {
        for (int i = 0; i < 2; ++i) static_cast<void>(must_take(&segments, kSegment));
        assert_true(segments.generation_of(0) == generation);
        segments.release(0, kSegment);
        assert_int_equal(segments.begin_emptying(0, 0), 0);
        segments.emptied(0);
        static_cast<void>(must_take(&segments, kSegment));  // 0 is the first empty again
        assert_true(segments.generation_of(0) == generation + 1);
        for (std::uint32_t i = 0; i < 3; ++i) {
            if (segments.live_bytes_of(i) == 0) continue;
            segments.release(i, kSegment);
            if (segments.state_of(i) == State::kOpen) continue;
            assert_int_equal(segments.begin_emptying(0, 0), i);
            segments.emptied(i);
        }
        segments = Segments({{4 * kSegment}}, kSegment);
        segments.restore_generation(0, generation);
        segments.settle();
    }
}

void directories_take_turns_and_a_full_one_is_passed_over(void**) {
    Segments segments({{4 * kSegment}, {4 * kSegment}}, kSegment);
    assert_int_equal(segments.next_directory(kUnit), 0);
    assert_int_equal(segments.next_directory(kUnit), 1);
    for (int i = 0; i < 3; ++i) {
        static_cast<void>(must_take(&segments, kSegment, Purpose::kStore, 0));
    }
    assert_int_equal(segments.next_directory(kUnit), 1);
    assert_int_equal(segments.next_directory(kUnit), 1);
}

void after_a_restart_what_the_log_said_is_there_and_is_written_behind(void**) {
    Segments segments({{5 * kSegment}}, kSegment);
    segments.restore_generation(0, 3);
    segments.restore_block({0, 0}, 60 * kUnit);
    segments.restore_generation(1, 1);
    segments.restore_block({1, 8 * kUnit}, 2 * kUnit);
    segments.restore_generation(2, 7);
    segments.restore_block({2, 0}, kUnit);
    segments.restore_generation(2, 8);  // emptied since, and what was in it with it
    segments.settle();
    assert_int_equal(segments.empty_count(0), 3);
    assert_int_equal(segments.state_of(0), State::kFull);
    assert_int_equal(segments.state_of(1), State::kOpen);
    assert_true(segments.live_bytes() == 62 * kUnit);
    bool opened = true;
    const DiskPlace place = segments.take(0, 4 * kUnit, Purpose::kStore, &opened);
    assert_true(!opened && place.segment == 1 && place.offset_bytes == 10 * kUnit);
    static_cast<void>(segments.take(0, kSegment, Purpose::kStore, &opened));
    assert_true(segments.generation_of(2) == 9);
}

// Blocks come and go at random; when there is no room the oldest go until a segment can be emptied.
class Model {
 public:
    Model(Random* random, std::uint32_t count)
        : random_(*random), segments_({{count * kSegment}}, kSegment) {}

    void step() {
        const std::uint64_t bytes = random_.between(1, random_.one_in(9) ? 64 : 12) * kUnit;
        while (!segments_.has_room(0, bytes, Purpose::kStore)) make_room();
        store(bytes, Purpose::kStore);
        if (random_.one_in(3)) drop(static_cast<std::size_t>(random_.below(blocks_.size())));
        check();
    }

 private:
    struct Block {
        DiskPlace place;
        std::uint64_t bytes;
    };

    void store(std::uint64_t bytes, Purpose purpose) {
        bool opened = false;
        const DiskPlace place = segments_.take(0, bytes, purpose, &opened);
        assert_true(place.offset_bytes + bytes <= kSegment);
        blocks_.push_back({place, bytes});
    }
    void drop(std::size_t i) {
        segments_.release(blocks_[i].place.segment, blocks_[i].bytes);
        blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    // As a store does it: least alive first, as long as that gives something back.
    void make_room() {
        const std::uint32_t victim = segments_.begin_emptying(0, kSegment / 2);
        if (victim == kNoSegment) {
            assert_false(blocks_.empty());
            drop(0);
            return;
        }
        for (std::size_t i = 0; i < blocks_.size();) {
            if (blocks_[i].place.segment != victim) {
                ++i;
                continue;
            }
            const std::uint64_t bytes = blocks_[i].bytes;
            assert_true(segments_.has_room(0, bytes, Purpose::kCarry));
            store(bytes, Purpose::kCarry);
            drop(i);
        }
        segments_.emptied(victim);
    }
    void check() const {
        std::map<std::pair<std::uint32_t, std::uint64_t>, std::uint64_t> places;
        std::uint64_t live = 0;
        for (const Block& block : blocks_) {
            assert_true(block.place.segment < segments_.count());
            places[{block.place.segment, block.place.offset_bytes}] = block.bytes;
            live += block.bytes;
        }
        assert_int_equal(places.size(), blocks_.size());
        assert_true(segments_.live_bytes() == live);
        auto before = places.end();
        for (auto at = places.begin(); at != places.end(); before = at++) {
            if (before == places.end() || before->first.first != at->first.first) continue;
            assert_true(before->first.second + before->second <= at->first.second);
        }
    }

    Random& random_;
    Segments segments_;
    std::vector<Block> blocks_;
};

void blocks_that_come_and_go_never_meet_and_always_find_room(void**) {
    Random random(bwrt::test::test_seed());
    for (int round = 0; round < 20; ++round) {
        Model model(&random, random.between32(Segments::kCountMin, 12));
        for (int i = 0; i < 600; ++i) model.step();
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_budget_is_whole_segments_and_too_small_a_one_is_none),
        cmocka_unit_test(segments_are_a_64th_of_the_smallest_budget),
        cmocka_unit_test(runs_lie_behind_each_other_until_the_segment_is_full),
        cmocka_unit_test(the_last_empty_segment_is_for_what_is_carried),
        cmocka_unit_test(what_is_carried_and_what_is_new_do_not_share_a_segment),
        cmocka_unit_test(the_segment_with_the_least_alive_is_emptied_unless_it_is_held),
        cmocka_unit_test(each_filling_is_a_new_generation),
        cmocka_unit_test(directories_take_turns_and_a_full_one_is_passed_over),
        cmocka_unit_test(after_a_restart_what_the_log_said_is_there_and_is_written_behind),
        cmocka_unit_test(blocks_that_come_and_go_never_meet_and_always_find_room),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
