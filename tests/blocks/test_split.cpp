// SPDX-License-Identifier: Apache-2.0
//
// test_split.cpp — a lookup that is asked how many of its hits to load: by where they are, by how
// fast this machine was, and by what is queued.
//
// How fast the machine is shows nowhere: what is asked is a multiple of what it was measured at,
// and a slow disk is one whose requests set the clock forward.

#include <algorithm>
#include <vector>

#include "tests/blocks/pair_world.h"

namespace {

using namespace bwrt::test;

constexpr std::uint32_t kBlockTokens = 1000;
constexpr std::uint32_t kCount = 12;

// Of blocks that take no part in what is asked.
std::uint32_t next_chain = 1000;

bwrt_split split_of(std::uint64_t prefill_tokens_per_s) {
    bwrt_split split = {};
    split.struct_size = sizeof split;
    split.token_count = kCount * kBlockTokens;
    split.block_tokens = kBlockTokens;
    split.block_bytes = kLength;
    split.prefill_tokens_per_s = prefill_tokens_per_s;
    return split;
}

// Of kCount blocks of chain 1.
bwrt_split ask(BlockWorld* world, bwrt_split split, std::uint32_t lease_ms = 0) {
    Bytes identities;
    for (std::uint32_t i = 0; i < kCount; ++i) {
        const bwrt_block block = block_of({1, i});
        identities.insert(identities.end(), block.identity, block.identity + 32);
    }
    bwrt_lookup_query query = {};
    query.struct_size = sizeof query;
    query.identities = identities.data();
    query.identity_count = kCount;
    query.lease_ms = lease_ms;
    query.split = &split;
    std::vector<bwrt_lookup_answer> answers(kCount);
    std::uint32_t prefix_count = 0;
    assert_int_equal(
        bwrt_lookup(world->runtime, &query, answers.data(), &prefix_count, nullptr, &world->error),
        BWRT_OK);
    assert_true(split.load_count <= prefix_count);
    return split;
}

// Nothing is under way any more, the log's records among it, so no rate changes.
void rest(BlockWorld* world) {
    settle(world);
    drive_until(world, [&] {
        const bwrt_counters counters = counters_of(world->runtime);
        return counters.inflight_count == 0 && counters.queued_bytes == 0;
    });
}

// Blocks written to the disk until that is measured.
void measure_disk(BlockWorld* world) {
    const std::uint64_t until_ns = monotonic_ns() + static_cast<std::uint64_t>(kPatienceNs);
    while (ask(world, split_of(1)).disk_bytes_per_s == 0) {
        assert_true(monotonic_ns() < until_ns);
        assert_int_equal(put_to(world, BWRT_TIER_DISK, {next_chain++, 0}), BWRT_OK);
    }
    rest(world);
}

// Every write takes five seconds, from now on; as many as it takes until the mean has followed.
void make_disk_slow(BlockWorld* world, std::uint64_t below_bytes_per_s) {
    MovableClock* const clock = world->clock;
    world->storage->script = [clock](const bwrt::runtime::IoRequest& request, std::uint64_t) {
        if (request.kind == bwrt::runtime::IoKind::kWrite) clock->set_forward(5 * kSecondNs);
        return Action::pass();
    };
    int write_count = 0;
    while (ask(world, split_of(1)).disk_bytes_per_s >= below_bytes_per_s) {
        assert_true(++write_count < 200);
        assert_int_equal(put_to(world, BWRT_TIER_DISK, {next_chain++, 0}), BWRT_OK);
    }
    rest(world);
}

// The first four in memory, all on disk.
void open_with_blocks(BlockWorld* world) {
    world->open(StoreOf(16 * kMib, kDiskBytes));
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {1, 0}, kCount), BWRT_OK);
    assert_int_equal(bwrt::test::ask(world, BWRT_OP_PREFETCH, {1, 0}, 4), BWRT_OK);
    const Answers answers = look_up(world, {1, 0}, kCount);
    assert_int_equal(answers.prefix_count, kCount);
    assert_int_equal(answers.of[3].tier, BWRT_TIER_HOST);
    assert_int_equal(answers.of[4].tier, BWRT_TIER_DISK);
}

// With which a block takes 64 times as long to compute as to read.
std::uint64_t slow_prefill(const bwrt_split& measured) {
    return std::max<std::uint64_t>(measured.disk_bytes_per_s / kLength * kBlockTokens / 64, 1);
}

void a_slow_disk_makes_it_load_fewer_blocks(void** state) {
    BlockWorld* world = world_of(state);
    open_with_blocks(world);
    measure_disk(world);
    const bwrt_split measured = ask(world, split_of(1));
    const bwrt_split question = split_of(slow_prefill(measured));
    const bwrt_split fast = ask(world, question);
    assert_int_equal(fast.load_count, kCount);
    assert_true(fast.finish_ns == fast.loaded_ns && fast.finish_ns == fast.load_finish_ns);
    assert_true(fast.compute_finish_ns > fast.finish_ns);
    assert_int_equal(fast.is_late, 0);

    make_disk_slow(world, measured.disk_bytes_per_s / 200);

    const bwrt_split slow = ask(world, question);
    assert_int_equal(slow.load_count, 4);
    assert_true(slow.finish_ns < slow.load_finish_ns && slow.finish_ns < slow.compute_finish_ns);
    assert_true(slow.loaded_ns < slow.finish_ns);
}

void a_slow_disk_is_waited_for_where_there_is_time(void** state) {
    BlockWorld* world = world_of(state);
    open_with_blocks(world);
    measure_disk(world);
    const bwrt_split measured = ask(world, split_of(1));
    make_disk_slow(world, measured.disk_bytes_per_s / 200);
    bwrt_split question = split_of(slow_prefill(measured));
    const bwrt_split earliest = ask(world, question);
    question.flags = BWRT_SPLIT_LEAST_COMPUTE;
    assert_int_equal(ask(world, question).load_count, 4);  // no deadline

    question.deadline_ns = earliest.load_finish_ns + 1000 * kSecondNs;
    const bwrt_split patient = ask(world, question);
    assert_int_equal(patient.load_count, kCount);
    assert_int_equal(patient.is_late, 0);
    question.deadline_ns = 1;
    const bwrt_split late = ask(world, question);
    assert_int_equal(late.load_count, 4);
    assert_int_equal(late.is_late, 1);
}

void by_layer_what_is_loaded_and_computed_overlaps(void** state) {
    BlockWorld* world = world_of(state);
    open_with_blocks(world);
    measure_disk(world);
    bwrt_split question = split_of(ask(world, split_of(1)).disk_bytes_per_s);
    question.token_count *= 2;  // as much again that no block holds
    const bwrt_split in_turn = ask(world, question);
    question.flags = BWRT_SPLIT_BY_LAYER;
    question.layer_count = 32;
    const bwrt_split by_layer = ask(world, question);

    const std::uint64_t in_turn_ns = in_turn.load_finish_ns - in_turn.compute_finish_ns;
    const std::uint64_t by_layer_ns = by_layer.load_finish_ns - by_layer.compute_finish_ns;
    assert_true(static_cast<std::int64_t>(by_layer_ns) < static_cast<std::int64_t>(in_turn_ns));
}

void what_is_queued_makes_loading_later(void** state) {
    BlockWorld* world = world_of(state);
    open_with_blocks(world);
    measure_disk(world);
    hold_all(world, bwrt::runtime::IoKind::kWrite);
    Request request(world, BWRT_OP_PUT, {next_chain++, 0}, 8);
    request.operation.tier = BWRT_TIER_DISK;
    request.start();

    // Computing begins at once, at a token a second.
    drive_until(world, [&] {
        const bwrt_split queued = ask(world, split_of(1));
        const std::uint64_t now_ns = queued.compute_finish_ns - kCount * kBlockTokens * kSecondNs;
        const std::uint64_t block_ns = kLength * kSecondNs / queued.disk_bytes_per_s;
        return queued.load_finish_ns - now_ns > (8 + 7) * block_ns;
    });
    let_go(world);
    assert_int_equal(request.finish(), BWRT_OK);
}

void a_disk_that_was_slow_long_ago_is_tried_again(void** state) {
    BlockWorld* world = world_of(state);
    open_with_blocks(world);
    measure_disk(world);
    const bwrt_split measured = ask(world, split_of(1));
    make_disk_slow(world, measured.disk_bytes_per_s / 200);
    const bwrt_split question = split_of(slow_prefill(measured));
    assert_int_equal(ask(world, question).load_count, 4);

    let_time_pass(world, 11 * kSecondNs);

    const bwrt_split later = ask(world, question);
    assert_int_equal(later.disk_bytes_per_s, 0);
    assert_int_equal(later.load_count, kCount);
}

void only_leading_hits_are_loaded_and_a_lease_changes_nothing(void** state) {
    BlockWorld* world = world_of(state);
    world->open(StoreOf(16 * kMib, 0));
    assert_int_equal(ask(world, split_of(1)).load_count, 0);
    assert_int_equal(put(world, {1, 0}, kCount), BWRT_OK);
    assert_int_equal(ask(world, split_of(1)).load_count, kCount);
    assert_int_equal(ask(world, split_of(1), 1000).load_count, kCount);
    assert_int_equal(bwrt::test::ask(world, BWRT_OP_DROP, {1, 7}, kCount - 7), BWRT_OK);

    assert_int_equal(ask(world, split_of(1)).load_count, 7);
    bwrt_split question = split_of(1);
    question.token_count = 2 * kBlockTokens + 1;  // in three blocks
    assert_int_equal(ask(world, question).load_count, 3);
}

void a_reader_of_a_store_is_told_as_well(void** state) {
    Pair* pair = pair_of(state);
    pair->open();
    assert_int_equal(put_to(&pair->writer, BWRT_TIER_DISK, {1, 0}, 5), BWRT_OK);
    pair->let_reader_look();

    assert_int_equal(ask(&pair->reader, split_of(1)).load_count, 5);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        IN_BLOCK_WORLD(a_slow_disk_makes_it_load_fewer_blocks),
        IN_BLOCK_WORLD(a_slow_disk_is_waited_for_where_there_is_time),
        IN_BLOCK_WORLD(by_layer_what_is_loaded_and_computed_overlaps),
        IN_BLOCK_WORLD(what_is_queued_makes_loading_later),
        IN_BLOCK_WORLD(a_disk_that_was_slow_long_ago_is_tried_again),
        IN_BLOCK_WORLD(only_leading_hits_are_loaded_and_a_lease_changes_nothing),
        cmocka_unit_test_setup_teardown(a_reader_of_a_store_is_told_as_well, enter_pair,
                                        leave_pair),
    };
    return cmocka_run_group_tests_name("split points", tests, nullptr, nullptr);
}
