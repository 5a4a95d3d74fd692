// SPDX-License-Identifier: Apache-2.0
//
// test_block_waves.cpp — block operations as parts of waves: beside others, after others, cancelled
// at every moment, late, more than there is room for at a time, and at the end of the runtime.

#include "tests/blocks/block_world.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::test;
using bwrt::runtime::IoKind;

const StoreOf kHostOnly(16 * kMib, 0);
const StoreOf kDiskOnly(0, kDiskBytes);
const StoreOf kBoth(16 * kMib, kDiskBytes);

void let_all_go(BlockWorld* world) {
    world->storage->script = nullptr;
    world->storage->let_go();
}

void drive_until_held(BlockWorld* world) {
    drive_until(world, [&] { return world->storage->held_count() != 0; });
}

void cancel(Request* request) {
    assert_int_equal(bwrt_cancel(request->world->runtime, request->handle, nullptr), BWRT_OK);
}

// ---- beside others

void a_wave_moves_blocks_and_everything_else(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    assert_int_equal(put(world, {1, 0}, 2), BWRT_OK);
    bwrt_region description = allocated_region_of(0, 1 * kMib);
    bwrt_region_info info = {};
    info.struct_size = sizeof info;
    bwrt_handle memory = 0, file = 0;
    assert_int_equal(bwrt_region_add(world->runtime, &description, &memory, &info, nullptr), 0);
    const int fd = pattern_file(65536);
    description = file_region_of(fd, 0, 0);
    assert_int_equal(bwrt_region_add(world->runtime, &description, &file, nullptr, nullptr), 0);
    close(fd);
    auto* bytes = static_cast<unsigned char*>(info.address);
    Request blocks(world, BWRT_OP_GET, {1, 0}, 2);  // of two, and one that is not there
    Request writer(world, BWRT_OP_PUT, {2, 0}, 1);
    blocks.blocks.push_back(writer.blocks[0]);
    bwrt_operation operations[6] = {};
    operations[0].kind = BWRT_OP_READ;
    operations[0].source = file;
    operations[0].target = memory;
    operations[0].length_bytes = 4096;
    operations[1] = blocks.operation;
    operations[2].kind = BWRT_OP_COPY;
    operations[2].source = BWRT_PROCESS_MEMORY;
    operations[2].source_offset_bytes = reinterpret_cast<std::uintptr_t>(writer.memory.data());
    operations[2].target = memory;
    operations[2].target_offset_bytes = 65536;
    operations[2].length_bytes = 1000;
    operations[3] = writer.operation;
    operations[3].block_first = 2;
    operations[4].kind = BWRT_OP_FLUSH;
    operations[4].target = file;
    operations[5].kind = BWRT_OP_SIGNAL;
    operations[5].target = memory;
    operations[5].target_offset_bytes = 131072;
    operations[5].length_bytes = 8;
    operations[5].value_done = 1;
    operations[5].value_failed = 2;
    blocks.wave.operations = operations;
    blocks.wave.operation_count = 6;
    blocks.results.resize(7);

    assert_int_equal(blocks.run(), BWRT_OK);

    assert_int_equal(blocks.completion.prefix_count, 7);
    assert_int_equal(blocks.completion.bytes, 4096 + 2 * kLength + 1000 + kLength);
    assert_int_equal(blocks.count_of(BWRT_OK), 7);
    assert_int_equal(blocks.results[2].bytes, kLength);
    assert_int_equal(blocks.results[2].tier, BWRT_TIER_HOST);
    assert_true(blocks.holds_all());
    assert_true(has_pattern(bytes, 0, 4096));
    assert_memory_equal(bytes + 65536, writer.memory.data(), 1000);
    std::uint64_t signal = 0;
    std::memcpy(&signal, bytes + 131072, 8);
    assert_int_equal(signal, 1);
    assert_int_equal(get(world, {2, 0}), BWRT_OK);
}

void one_missing_block_fails_its_wave_and_not_the_others_in_it(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    assert_int_equal(put(world, {1, 0}, 4), BWRT_OK);
    assert_int_equal(ask(world, BWRT_OP_DROP, {1, 2}), BWRT_OK);
    Request request(world, BWRT_OP_GET, {1, 0}, 4);
    bwrt_group_result group = {};
    with_groups(&request.wave, &group, 1);

    assert_int_equal(request.run(), BWRT_E_MISS);

    assert_int_equal(request.completion.operation_index, 0);
    assert_int_equal(request.completion.prefix_count, 2);
    assert_int_equal(request.completion.verdict, BWRT_VERDICT_PARTIAL);
    assert_int_equal(request.completion.bytes, 3 * kLength);
    assert_true(request.holds(0) && request.holds(1) && request.holds(3));
    assert_int_equal(group.status, BWRT_E_MISS);
    assert_int_equal(group.prefix_count, 2);
    assert_int_equal(group.bytes, 3 * kLength);
}

void a_wave_that_waits_for_a_put_finds_its_block(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    for (std::uint32_t chain = 0; chain < 10; ++chain) {
        Request writer(world, BWRT_OP_PUT, {chain, 0}, 3);
        Request reader(world, BWRT_OP_GET, {chain, 0}, 3);
        writer.start();
        reader.wave.wait_for[0] = writer.handle;
        reader.start();
        assert_int_equal(reader.finish(), BWRT_OK);
        assert_true(reader.holds_all());
        assert_int_equal(writer.finish(), BWRT_OK);
    }
}

void a_put_that_nobody_waits_for_is_stored(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    Request request(world, BWRT_OP_PUT, {1, 0}, 3);
    request.wave.delivery = BWRT_DELIVER_DETACHED;
    request.wave.struct_size = sizeof request.wave;
    request.wave.operations = &request.operation;
    request.wave.operation_count = 1;
    request.wave.operation_bytes = sizeof request.operation;
    request.wave.blocks = request.blocks.data();
    request.wave.block_count = 3;
    request.wave.block_bytes = sizeof(bwrt_block);
    assert_int_equal(
        bwrt_submit_wave(world->runtime, &request.wave, &request.handle, &world->error), BWRT_OK);

    drive_until(world, [&] { return counters_of(world->runtime).waves_ok == 1; });

    assert_int_equal(get(world, {1, 0}, 3), BWRT_OK);
}

// ---- cancelled

// Whoever waits for blocks that another wave was to bring brings them himself when that is
// cancelled, parents first: a child that comes before its parent never learns of it.
void a_chain_that_another_wave_left_is_stored_parents_first(void** state) {
    BlockWorld* world = world_of(state);
    constexpr std::uint64_t kQuarter = 256 << 10;  // 56 of them are all there is room for
    world->open(kHostOnly);
    Request first(world, BWRT_OP_PUT, {1, 0}, 6, kQuarter);
    Request second(world, BWRT_OP_PUT, {1, 0}, 6, kQuarter);
    first.start();
    second.start();
    static_cast<void>(counters_of(world->runtime));  // they have been accepted by then
    cancel(&first);
    static_cast<void>(first.finish());

    assert_int_equal(second.finish(), BWRT_OK);

    let_time_pass(world, kSecondNs);
    assert_int_equal(get(world, {1, 5}, 1, kQuarter), BWRT_OK);  // and so all those before it
    let_time_pass(world, kSecondNs);
    for (std::uint32_t chain = 2; chain < 54; ++chain) {
        assert_int_equal(put(world, {chain, 0}, 1, kQuarter), BWRT_OK);
    }
    std::uint32_t hit_count = 0;
    const Answers answers = look_up(world, {1, 0}, 6);
    for (const bwrt_lookup_answer& one : answers.of) {
        if (one.state == BWRT_LOOKUP_HIT) ++hit_count;
    }
    assert_in_range(hit_count, 1, 5);
    assert_int_equal(answers.prefix_count, hit_count);
}

void what_is_cancelled_before_it_starts_has_no_effect(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {1, 0}), BWRT_OK);
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {2, 0}), BWRT_OK);
    hold_all(world, IoKind::kRead);
    Request blocker(world, BWRT_OP_GET, {1, 0}, 1);
    blocker.start();
    const std::uint32_t kinds[] = {BWRT_OP_PUT, BWRT_OP_GET, BWRT_OP_DROP, BWRT_OP_PREFETCH};
    for (const std::uint32_t kind : kinds) {
        Request request(world, kind, {kind == BWRT_OP_PUT ? 3u : 2u, 0}, 1);
        request.wave.wait_for[0] = blocker.handle;
        request.start();
        drive(world);
        cancel(&request);
        assert_int_equal(request.finish(), BWRT_E_CANCELLED);
        assert_int_equal(request.results[0].status, BWRT_E_CANCELLED);
        assert_int_equal(request.completion.prefix_count, 0);
        if (kind == BWRT_OP_GET) assert_true(request.is_untouched(0));
    }
    let_all_go(world);
    assert_int_equal(blocker.finish(), BWRT_OK);
    assert_int_equal(get(world, {3, 0}), BWRT_E_MISS);
    assert_int_equal(tier_of_get(world, {2, 0}), BWRT_TIER_DISK);
}

void a_get_cancelled_while_the_disk_reads_leaves_its_target_alone(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {1, 0}, 3), BWRT_OK);
    hold_all(world, IoKind::kRead);
    Request request(world, BWRT_OP_GET, {1, 0}, 3);
    request.start();
    drive_until_held(world);

    cancel(&request);
    assert_int_equal(request.finish(), BWRT_E_CANCELLED);

    for (std::uint32_t i = 0; i < 3; ++i) assert_true(request.is_untouched(i));
    let_all_go(world);
    settle(world);
    for (std::uint32_t i = 0; i < 3; ++i) assert_true(request.is_untouched(i));
    assert_int_equal(get(world, {1, 0}, 3), BWRT_OK);
    assert_int_equal(sample_store(world).failed_count, 0);
}

void a_put_cancelled_while_the_disk_writes_is_stored_or_not_and_never_half(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    hold_all(world, IoKind::kWrite);
    Request request(world, BWRT_OP_PUT, {1, 0}, 3);
    request.start();
    drive_until_held(world);

    cancel(&request);
    assert_int_equal(request.finish(), BWRT_E_CANCELLED);

    assert_int_equal(look_up(world, {1, 0}, 3).prefix_count, 0);
    std::fill(request.memory.begin(), request.memory.end(), kUntouched);  // it is ours again
    let_all_go(world);
    settle(world);
    Request reader(world, BWRT_OP_GET, {1, 0}, 3);
    static_cast<void>(reader.run());
    for (std::uint32_t i = 0; i < 3; ++i) {
        assert_true(reader.results[i].status == BWRT_OK ? reader.holds(i) : reader.is_untouched(i));
    }
}

// After so many turns, wherever it is then.
void a_wave_cancelled_at_any_moment_leaves_whole_blocks(void** state) {
    BlockWorld* world = world_of(state);
    Random random(test_seed());
    world->open(kBoth);
    constexpr std::uint32_t kBytes = 1 * kMib;
    for (std::uint32_t round = 0; round < share_of(60); ++round) {
        const Key key = {round, 0};
        Request writer(world, BWRT_OP_PUT, key, 3, kBytes);
        if (random.one_in(3)) writer.operation.flags |= BWRT_BLOCK_DURABLE;
        if (random.one_in(3)) writer.operation.tier = BWRT_TIER_DISK;
        writer.start();
        for (std::uint64_t turns = random.below(20); turns > 0; --turns) drive(world);
        cancel(&writer);
        const bwrt_status put_status = writer.finish();
        assert_true(put_status == BWRT_OK || put_status == BWRT_E_CANCELLED);
        std::fill(writer.memory.begin(), writer.memory.end(), kUntouched);

        Request reader(world, BWRT_OP_GET, key, 3, kBytes);
        reader.start();
        for (std::uint64_t turns = random.below(20); turns > 0; --turns) drive(world);
        if (random.one_in(2)) cancel(&reader);
        static_cast<void>(reader.finish());
        for (std::uint32_t i = 0; i < 3; ++i) {
            const bwrt_status was_put = writer.results[i].status;
            const bwrt_status was_got = reader.results[i].status;
            assert_true(was_put == BWRT_OK || was_put == BWRT_E_CANCELLED);
            if (was_got == BWRT_OK) {
                assert_true(reader.holds(i));
            } else if (was_got == BWRT_E_MISS) {
                assert_int_equal(was_put, BWRT_E_CANCELLED);
            } else {
                assert_int_equal(was_got, BWRT_E_CANCELLED);
            }
            if (was_put == BWRT_OK) assert_int_equal(get(world, reader.key(i), 1, kBytes), BWRT_OK);
        }
    }
    settle(world);
    assert_int_equal(sample_store(world).corrupt_count + sample_store(world).failed_count, 0);
}

void a_pin_of_a_cancelled_wave_that_was_given_is_told(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    assert_int_equal(put_to(world, BWRT_TIER_HOST, {1, 0}), BWRT_OK);
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {1, 1}), BWRT_OK);
    hold_all(world, IoKind::kRead);
    Request pin(world, BWRT_OP_PIN, {1, 0}, 2);
    pin.start();
    drive_until_held(world);

    cancel(&pin);
    assert_int_equal(pin.finish(), BWRT_E_CANCELLED);
    let_all_go(world);
    settle(world);

    assert_int_equal(pin.results[0].status, BWRT_OK);
    assert_true(
        is_block(reinterpret_cast<const unsigned char*>(pin.results[0].address), {1, 0}, kLength));
    assert_int_equal(pin.results[1].status, BWRT_E_CANCELLED);
    assert_int_equal(pin.results[1].address, 0);
    assert_int_equal(ask(world, BWRT_OP_UNPIN, {1, 0}), BWRT_OK);
    assert_int_equal(ask(world, BWRT_OP_UNPIN, {1, 1}), BWRT_E_MISS);
}

// ---- late

void a_deadline_ends_a_get_and_not_the_block(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    assert_int_equal(put_to(world, BWRT_TIER_HOST, {1, 0}), BWRT_OK);
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {1, 1}), BWRT_OK);
    hold_all(world, IoKind::kRead);
    Request request(world, BWRT_OP_GET, {1, 0}, 2);
    request.wave.late = BWRT_LATE_ABORT;
    request.wave.flags = BWRT_WAVE_DEADLINE_RELATIVE;
    request.wave.deadline_ns = 3600 * kSecondNs;
    request.start();
    drive_until_held(world);
    drive(world);

    let_time_pass(world, 3601 * kSecondNs);
    assert_int_equal(request.finish(), BWRT_E_LATE);

    assert_int_equal(request.completion.flags, BWRT_COMPLETION_LATE);
    assert_int_equal(request.results[0].status, BWRT_OK);
    assert_true(request.holds(0));
    assert_int_equal(request.results[1].status, BWRT_E_LATE);
    assert_true(request.is_untouched(1));
    let_all_go(world);
    settle(world);
    assert_int_equal(get(world, {1, 0}, 2), BWRT_OK);
}

// ---- more than there is room for

void more_blocks_than_can_be_on_their_way_take_their_turns(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf narrow = kDiskOnly;
    narrow.store.flight_count_max = 2;
    world->open(narrow);
    Request one(world, BWRT_OP_PUT, {1, 0}, 40);
    Request two(world, BWRT_OP_PUT, {2, 0}, 40);
    one.start();
    two.start();
    assert_int_equal(one.finish(), BWRT_OK);
    assert_int_equal(two.finish(), BWRT_OK);
    Request three(world, BWRT_OP_GET, {1, 0}, 40);
    Request four(world, BWRT_OP_GET, {2, 0}, 40);
    three.start();
    four.start();
    assert_int_equal(three.finish(), BWRT_OK);
    assert_int_equal(four.finish(), BWRT_OK);
    assert_true(three.holds_all() && four.holds_all());
}

void who_waits_for_room_can_be_cancelled(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf narrow = kDiskOnly;
    narrow.store.flight_count_max = 2;
    world->open(narrow);
    hold_all(world, IoKind::kWrite);
    Request first(world, BWRT_OP_PUT, {1, 0}, 2);
    Request second(world, BWRT_OP_PUT, {2, 0}, 5);
    Request third(world, BWRT_OP_PUT, {3, 0}, 5);
    first.start();
    drive_until_held(world);
    second.start();
    third.start();
    drive(world);

    cancel(&second);
    assert_int_equal(second.finish(), BWRT_E_CANCELLED);
    assert_int_equal(second.count_of(BWRT_E_CANCELLED), 5);
    let_all_go(world);

    assert_int_equal(first.finish(), BWRT_OK);
    assert_int_equal(third.finish(), BWRT_OK);
    assert_int_equal(get(world, {2, 0}, 5), BWRT_E_MISS);
    assert_int_equal(get(world, {3, 0}, 5), BWRT_OK);
}

void what_is_in_memory_does_not_wait_behind_what_starves(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf narrow = kBoth;
    narrow.store.flight_count_max = 2;
    world->open(narrow);
    assert_int_equal(put_to(world, BWRT_TIER_HOST, {1, 0}, 3), BWRT_OK);
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {2, 0}, 5), BWRT_OK);
    hold_all(world, IoKind::kRead);
    Request slow(world, BWRT_OP_GET, {2, 0}, 5);
    slow.start();
    drive_until_held(world);

    assert_int_equal(get(world, {1, 0}, 3), BWRT_OK);

    let_all_go(world);
    assert_int_equal(slow.finish(), BWRT_OK);
    assert_true(slow.holds_all());
}

void a_drop_waits_for_who_reads(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    assert_int_equal(put(world, {1, 0}, 2), BWRT_OK);
    hold_all(world, IoKind::kRead);
    Request reader(world, BWRT_OP_GET, {1, 0}, 2);
    Request dropper(world, BWRT_OP_DROP, {1, 0}, 2);
    reader.start();
    drive_until_held(world);
    dropper.start();
    drive(world);
    let_all_go(world);

    assert_int_equal(reader.finish(), BWRT_OK);
    assert_true(reader.holds_all());
    assert_int_equal(dropper.finish(), BWRT_OK);
    assert_int_equal(get(world, {1, 0}, 2), BWRT_E_MISS);
}

// ---- at the end

void a_shutdown_that_drains_finishes_all_and_writes_it(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    Request writer(world, BWRT_OP_PUT, {1, 0}, 30);
    writer.start();

    assert_int_equal(bwrt_shutdown(world->runtime, BWRT_SHUTDOWN_DRAIN, kPatienceNs, nullptr), 0);

    assert_int_equal(writer.finish(), BWRT_OK);
    Request late(world, BWRT_OP_GET, {1, 0}, 1);
    assert_int_equal(late.submit(), BWRT_E_CLOSED);
    world->open_again(kBoth);
    assert_int_equal(get(world, {1, 0}, 30), BWRT_OK);
}

void a_shutdown_that_cancels_leaves_a_store_that_opens(void** state) {
    BlockWorld* world = world_of(state);
    Random random(test_seed());
    for (std::uint32_t round = 0; round < 8; ++round) {
        world->open(kBoth);
        for (std::uint32_t chain = 0; chain < 8 * round; ++chain) {
            Request reader(world, BWRT_OP_GET, {chain, 0}, 8);
            static_cast<void>(reader.run());
            for (std::uint32_t i = 0; i < 8; ++i) {
                assert_true(reader.results[i].status == BWRT_OK ? reader.holds(i)
                                                                : reader.is_untouched(i));
            }
        }
        std::vector<std::unique_ptr<Request>> writers;
        for (std::uint32_t i = 0; i < 8; ++i) {
            writers.push_back(
                std::make_unique<Request>(world, BWRT_OP_PUT, Key{8 * round + i, 0}, 8));
            if (random.one_in(3)) writers.back()->operation.tier = BWRT_TIER_DISK;
            writers.back()->start();
        }
        for (std::uint64_t turns = random.below(10); turns > 0; --turns) drive(world);
        assert_int_equal(world->close_with(BWRT_SHUTDOWN_CANCEL), 0);
    }
}

const CMUnitTest kTests[] = {
    IN_BLOCK_WORLD(a_wave_moves_blocks_and_everything_else),
    IN_BLOCK_WORLD(one_missing_block_fails_its_wave_and_not_the_others_in_it),
    IN_BLOCK_WORLD(a_wave_that_waits_for_a_put_finds_its_block),
    IN_BLOCK_WORLD(a_put_that_nobody_waits_for_is_stored),
    IN_BLOCK_WORLD(a_chain_that_another_wave_left_is_stored_parents_first),
    IN_BLOCK_WORLD(what_is_cancelled_before_it_starts_has_no_effect),
    IN_BLOCK_WORLD(a_get_cancelled_while_the_disk_reads_leaves_its_target_alone),
    IN_BLOCK_WORLD(a_put_cancelled_while_the_disk_writes_is_stored_or_not_and_never_half),
    IN_BLOCK_WORLD(a_wave_cancelled_at_any_moment_leaves_whole_blocks),
    IN_BLOCK_WORLD(a_pin_of_a_cancelled_wave_that_was_given_is_told),
    IN_BLOCK_WORLD(a_deadline_ends_a_get_and_not_the_block),
    IN_BLOCK_WORLD(more_blocks_than_can_be_on_their_way_take_their_turns),
    IN_BLOCK_WORLD(who_waits_for_room_can_be_cancelled),
    IN_BLOCK_WORLD(what_is_in_memory_does_not_wait_behind_what_starves),
    IN_BLOCK_WORLD(a_drop_waits_for_who_reads),
    IN_BLOCK_WORLD(a_shutdown_that_drains_finishes_all_and_writes_it),
    IN_BLOCK_WORLD(a_shutdown_that_cancels_leaves_a_store_that_opens),
};

}  // namespace

int main() {
    int failures = 0;
    RUN_IN_MODES_OF(kTests, kBlocksModes, failures);
    return failures;
}
