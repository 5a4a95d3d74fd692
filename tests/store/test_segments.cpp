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

std::uint32_t count_of(const Segments& segments) {
    std::uint32_t count = 0;
    segments.for_each([&](std::uint32_t) { ++count; });
    return count;
}

void a_budget_is_whole_segments_and_too_small_a_one_is_none(void**) {
    const Segments segments({{5 * kSegment + kSegment / 2}, {4 * kSegment - 1}, {4 * kSegment}},
                            kSegment);
    assert_int_equal(count_of(segments), 9);
    assert_true(segments.budget_bytes() == 9 * kSegment);
    for (const std::uint32_t there : {0u, 4u, 8192u, 8195u}) assert_true(segments.exists(there));
    for (const std::uint32_t none : {5u, 4095u, 4096u, 8196u, 12288u, kNoSegment}) {
        assert_false(segments.exists(none));
    }
    assert_int_equal(Segments::directory_of(4), 0);
    assert_int_equal(Segments::directory_of(8195), 2);
    assert_false(segments.has_room(1, kUnit, Purpose::kStore));
    const Segments many({{std::uint64_t{5000} * kSegment}}, kSegment);
    assert_int_equal(count_of(many), 4096);
}

void segments_are_a_128th_of_the_smallest_budget(void**) {
    constexpr std::uint64_t kMebibyte = 1 << 20;
    assert_true(Segments::segment_bytes_for({{12800 * kMebibyte}, {64000 * kMebibyte}}, kUnit) ==
                100 * kMebibyte);
    assert_true(Segments::segment_bytes_for({{std::uint64_t{1} << 50}}, kUnit) == 4096 * kMebibyte);
}

// Of a small budget: long enough that a tail is a small part of one, and short for short blocks, so
// that those kept apart are a small part of the budget.
void a_small_budget_has_segments_of_16_of_its_longest_blocks(void**) {
    constexpr std::uint64_t kMebibyte = 1 << 20;
    assert_true(Segments::segment_bytes_for({{1}}, kUnit) == kMebibyte);
    assert_true(Segments::segment_bytes_for({{128 * kMebibyte}}, 17 * kUnit) == kMebibyte);
    assert_true(Segments::segment_bytes_for({{128 * kMebibyte}}, kMebibyte / 4) == 4 * kMebibyte);
    assert_true(Segments::segment_bytes_for({{128 * kMebibyte}}, 8 * kMebibyte) == 16 * kMebibyte);
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

void a_segment_that_is_given_up_is_not_filled_again(void**) {
    Segments segments({{6 * kSegment}}, kSegment);
    const DiskPlace open = must_take(&segments, kUnit);
    segments.give_up(open.segment);
    assert_int_equal(segments.state_of(open.segment), State::kGivenUp);
    assert_true(must_take(&segments, kUnit).segment != open.segment);
    assert_int_equal(segments.live_bytes_of(open.segment), kUnit);
    segments.release(open.segment, kUnit);

    const std::uint32_t empty_count = segments.empty_count(0);
    segments.give_up(5);  // an empty one
    assert_int_equal(segments.empty_count(0), empty_count - 1);

    static_cast<void>(must_take(&segments, kSegment));  // 1 is full, and 2
    segments.release(1, kUnit);
    assert_int_equal(segments.begin_emptying(0, 0), 1);  // not 0, in which nothing is
    segments.give_up(1);
    segments.emptied(1);
    assert_int_equal(segments.state_of(1), State::kGivenUp);
    assert_int_equal(segments.empty_count(0), empty_count - 2);
}

void the_segment_with_the_least_alive_is_emptied_unless_it_is_held(void**) {
    Segments segments({{6 * kSegment}}, kSegment);
    for (int i = 0; i < 4; ++i) static_cast<void>(must_take(&segments, kSegment));
    segments.release(0, 10 * kUnit);
    segments.release(1, 30 * kUnit);
    segments.release(2, 20 * kUnit);
    assert_int_equal(segments.begin_emptying(0, 31 * kUnit), kNoSegment);
    segments.hold(1);
    assert_int_equal(segments.begin_emptying(0, 21 * kUnit), kNoSegment);
    assert_int_equal(segments.begin_emptying(0, 20 * kUnit), 2);
    assert_int_equal(segments.begin_emptying(0, 0), kNoSegment);  // one at a time
    assert_int_equal(segments.state_of(3), State::kOpen);
    assert_false(segments.can_be_emptied(2));
    segments.hold(2);
    segments.release(2, 44 * kUnit);
    assert_false(segments.can_be_emptied(2));
    segments.unhold(2);
    assert_true(segments.can_be_emptied(2));
    segments.emptied(2);
    segments.unhold(1);
    assert_int_equal(segments.begin_emptying(0, 0), 1);
}

void what_has_faded_is_not_carried_so_it_is_won_like_the_dead(void**) {
    Segments segments({{6 * kSegment}}, kSegment);
    for (int i = 0; i < 4; ++i) static_cast<void>(must_take(&segments, kSegment));
    segments.release(0, 30 * kUnit);
    segments.fade(1, 40 * kUnit);
    segments.fade(2, 50 * kUnit);
    segments.unfade(2, 45 * kUnit);
    assert_true(segments.faded_bytes() == 45 * kUnit);
    assert_true(segments.carry_bytes_of(1) == 24 * kUnit);
    assert_true(segments.live_bytes_of(1) == kSegment);
    assert_int_equal(segments.begin_emptying(0, 41 * kUnit), kNoSegment);
    assert_int_equal(segments.begin_emptying(0, 40 * kUnit), 1);
    assert_false(segments.can_be_emptied(1));  // it is there until it goes
}

// What is carried from one that lost nothing but its tail leaves the same tail elsewhere.
void a_tail_is_nothing_to_win_unless_it_is_half_of_the_segment(void**) {
    for (const std::uint64_t used : {33 * kUnit, 32 * kUnit}) {
        Segments segments({{6 * kSegment}}, kSegment);
        static_cast<void>(must_take(&segments, used));
        static_cast<void>(must_take(&segments, kSegment));  // 0 is full
        assert_true(segments.tail_bytes() == kSegment - used);
        assert_int_equal(segments.full_count(), 1);
        const bool is_gain = used <= kSegment / 2;
        assert_int_equal(segments.begin_emptying(0, kUnit), is_gain ? 0 : kNoSegment);
        segments.release(0, used);
        if (!is_gain) assert_int_equal(segments.begin_emptying(0, used), 0);
        segments.emptied(0);
        assert_true(segments.tail_bytes() == 0 && segments.full_count() == 0);
    }
}

// Where the next block would have fitted a restart came between, and what is there is won; where it
// would not it was full.
void what_a_restart_has_cut_short_is_won(void**) {
    Segments segments({{6 * kSegment}}, kSegment);
    for (std::uint64_t i = 0; i < 10; ++i) {
        assert_true(segments.restore_block({0, i * 5 * kUnit}, 5 * kUnit));
    }
    assert_true(segments.restore_block({1, 0}, 40 * kUnit));
    segments.settle();

    assert_true(segments.tail_bytes() == kSegment - 40 * kUnit);
    assert_int_equal(segments.begin_emptying(0, 15 * kUnit), kNoSegment);
    assert_int_equal(segments.begin_emptying(0, 14 * kUnit), 0);
    segments.release(0, 50 * kUnit);
    segments.emptied(0);
    assert_true(segments.tail_bytes() == kSegment - 40 * kUnit);
    assert_int_equal(segments.full_count(), 1);
}

void each_filling_is_a_new_generation_a_step_above(void**) {
    Segments segments({{4 * kSegment}}, kSegment, 1000);
    assert_true(segments.restore_generation(0, 7));
    segments.settle();
    for (std::uint64_t round = 1; round < 5; ++round) {
        for (int i = 0; i < 2; ++i) static_cast<void>(must_take(&segments, kSegment));
        assert_true(segments.generation_of(0) == 7 + 1000 * round);
        static_cast<void>(must_take(&segments, kSegment));  // so that the first two are full
        for (const std::uint32_t segment : {0u, 1u}) {
            segments.release(segment, kSegment);
            assert_int_equal(segments.begin_emptying(0, kSegment), segment);
            segments.emptied(segment);
        }
        segments.release(2, kSegment);
        static_cast<void>(must_take(&segments, kUnit));  // another opens, and 2 is full
        if (segments.begin_emptying(0, kSegment) == 2) segments.emptied(2);
        // Back to where the round began, but for the generations.
        const std::uint64_t generation = segments.generation_of(0);
        segments = Segments({{4 * kSegment}}, kSegment, 1000);
        assert_true(segments.restore_generation(0, 7 + 1000 * round));
        assert_true(generation >= 7 + 1000 * round);
        segments.settle();
    }
}

void directories_take_turns_and_a_full_one_is_passed_over(void**) {
    Segments segments({{4 * kSegment}, {0}, {4 * kSegment}}, kSegment);
    assert_int_equal(segments.next_directory(kUnit), 0);
    assert_int_equal(segments.next_directory(kUnit), 2);  // 1 has none
    assert_int_equal(segments.next_directory(kUnit), 2);
    for (int i = 0; i < 3; ++i) {
        static_cast<void>(must_take(&segments, kSegment, Purpose::kStore, 0));
    }
    for (int i = 0; i < 6; ++i) assert_int_equal(segments.next_directory(kUnit), 2);
    for (int i = 0; i < 3; ++i) {
        static_cast<void>(must_take(&segments, kSegment, Purpose::kStore, 2));
    }
    // All are full: one of those where something can be emptied.
    for (int i = 0; i < 6; ++i) assert_int_not_equal(segments.next_directory(kUnit), 1);
}

void after_a_restart_what_the_log_said_is_there_and_nothing_is_written_behind_it(void**) {
    Segments segments({{5 * kSegment}}, kSegment, 10);
    assert_true(segments.restore_generation(0, 3));
    assert_true(segments.restore_block({0, 0}, 60 * kUnit));
    assert_true(segments.restore_generation(1, 1));
    assert_true(segments.restore_block({1, 8 * kUnit}, 2 * kUnit));
    assert_true(segments.restore_generation(2, 7));
    assert_true(segments.restore_block({2, 0}, kUnit));
    assert_true(segments.restore_generation(2, 8));  // emptied since, and what was in it with it
    segments.settle();
    assert_int_equal(segments.empty_count(0), 3);
    assert_int_equal(segments.state_of(0), State::kFull);
    assert_int_equal(segments.state_of(1), State::kFull);
    assert_true(segments.live_bytes() == 62 * kUnit);
    bool opened = false;
    const DiskPlace place = segments.take(0, 4 * kUnit, Purpose::kStore, &opened);
    assert_true(opened && place.segment == 2 && place.offset_bytes == 0);
    assert_true(segments.generation_of(2) == 18);
}

void what_a_log_says_of_places_that_are_not_there_changes_nothing(void**) {
    Segments segments({{4 * kSegment}}, kSegment);
    assert_false(segments.restore_generation(4, 1));
    assert_false(segments.restore_generation(kNoSegment, 1));
    assert_false(segments.restore_block({4, 0}, kUnit));
    assert_false(segments.restore_block({4096, 0}, kUnit));
    assert_false(segments.restore_block({0, kSegment}, kUnit));
    assert_false(segments.restore_block({0, kSegment - kUnit}, 2 * kUnit));
    assert_false(segments.restore_block({0, ~std::uint64_t{0} - kUnit + 1}, 2 * kUnit));
    assert_false(segments.restore_block({0, 0}, kSegment + kUnit));
    segments.settle();
    assert_true(segments.live_bytes() == 0);
    assert_int_equal(segments.empty_count(0), 4);
}

// The carrying was half done: the place for it must not be taken by something else.
void after_a_crash_while_carrying_it_can_be_gone_on_with(void**) {
    Segments segments({{4 * kSegment}}, kSegment);
    assert_true(segments.restore_block({0, 10 * kUnit}, 20 * kUnit));
    assert_true(segments.restore_block({1, 0}, kSegment));
    assert_true(segments.restore_block({2, 0}, kSegment));
    assert_true(segments.restore_block({3, 0}, 10 * kUnit));  // carried from 0 so far
    segments.settle();
    assert_int_equal(segments.empty_count(0), 0);
    assert_false(segments.has_room(0, kUnit, Purpose::kStore));
    assert_int_equal(segments.begin_emptying(0, 0), 0);
    const DiskPlace place = must_take(&segments, 20 * kUnit, Purpose::kCarry);
    assert_true(place.segment == 3 && place.offset_bytes == 10 * kUnit);
    segments.release(0, 20 * kUnit);
    segments.emptied(0);
    assert_int_equal(segments.empty_count(0), 1);
}

// Blocks come and go at random; when there is no room the oldest go until a segment can be emptied.
class Model {
 public:
    Model(Random* random, std::uint32_t count)
        : random_(*random), count_(count), segments_({{count * kSegment}}, kSegment) {}

    // Of what is there, on a budget that may be another.
    void restart() {
        count_ = std::max<std::uint32_t>(Segments::kCountMin,
                                         count_ + static_cast<std::uint32_t>(random_.below(3)) - 1);
        segments_ = Segments({{count_ * kSegment}}, kSegment);
        std::erase_if(blocks_, [&](const Block& block) {
            return !segments_.restore_block(block.place, block.bytes);
        });
        segments_.settle();
        restarted_ = true;
        check();
    }

    void step() {
        const std::uint64_t bytes = random_.between(1, random_.one_in(9) ? 64 : 12) * kUnit;
        while (!segments_.has_room(0, bytes, Purpose::kStore)) make_room();
        store(bytes, Purpose::kStore);
        if (random_.one_in(3)) drop(static_cast<std::size_t>(random_.below(blocks_.size())));
        if (random_.one_in(50)) restart();
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
            // A crash in the middle.
            if (random_.one_in(40)) {
                restart();
                return;
            }
            const std::uint64_t bytes = blocks_[i].bytes;
            if (segments_.has_room(0, bytes, Purpose::kCarry)) store(bytes, Purpose::kCarry);
            drop(i);
        }
        segments_.emptied(victim);
    }
    void check() const {
        std::map<std::pair<std::uint32_t, std::uint64_t>, std::uint64_t> places;
        std::uint64_t live = 0;
        for (const Block& block : blocks_) {
            assert_true(segments_.exists(block.place.segment));
            assert_true(block.place.offset_bytes + block.bytes <= kSegment);
            places[{block.place.segment, block.place.offset_bytes}] = block.bytes;
            live += block.bytes;
        }
        assert_int_equal(places.size(), blocks_.size());
        assert_true(segments_.live_bytes() == live && live <= count_ * kSegment);
        std::uint64_t tails = 0, full = 0;
        segments_.for_each([&](std::uint32_t segment) {
            const Segments::State state = segments_.state_of(segment);
            if (state != Segments::State::kFull && state != Segments::State::kEmptying) return;
            tails += kSegment - segments_.used_bytes_of(segment);
            ++full;
        });
        // Less what a restart has cut short.
        assert_true(segments_.tail_bytes() <= tails && segments_.full_count() == full);
        if (!restarted_) assert_true(segments_.tail_bytes() == tails);
        auto before = places.end();
        for (auto at = places.begin(); at != places.end(); before = at++) {
            if (before == places.end() || before->first.first != at->first.first) continue;
            assert_true(before->first.second + before->second <= at->first.second);
        }
    }

    Random& random_;
    std::uint32_t count_;
    Segments segments_;
    std::vector<Block> blocks_;
    bool restarted_ = false;
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
        cmocka_unit_test(segments_are_a_128th_of_the_smallest_budget),
        cmocka_unit_test(a_small_budget_has_segments_of_16_of_its_longest_blocks),
        cmocka_unit_test(runs_lie_behind_each_other_until_the_segment_is_full),
        cmocka_unit_test(the_last_empty_segment_is_for_what_is_carried),
        cmocka_unit_test(what_is_carried_and_what_is_new_do_not_share_a_segment),
        cmocka_unit_test(a_segment_that_is_given_up_is_not_filled_again),
        cmocka_unit_test(the_segment_with_the_least_alive_is_emptied_unless_it_is_held),
        cmocka_unit_test(what_has_faded_is_not_carried_so_it_is_won_like_the_dead),
        cmocka_unit_test(a_tail_is_nothing_to_win_unless_it_is_half_of_the_segment),
        cmocka_unit_test(what_a_restart_has_cut_short_is_won),
        cmocka_unit_test(each_filling_is_a_new_generation_a_step_above),
        cmocka_unit_test(directories_take_turns_and_a_full_one_is_passed_over),
        cmocka_unit_test(
            after_a_restart_what_the_log_said_is_there_and_nothing_is_written_behind_it),
        cmocka_unit_test(what_a_log_says_of_places_that_are_not_there_changes_nothing),
        cmocka_unit_test(after_a_crash_while_carrying_it_can_be_gone_on_with),
        cmocka_unit_test(blocks_that_come_and_go_never_meet_and_always_find_room),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
