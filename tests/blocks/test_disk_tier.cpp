// SPDX-License-Identifier: Apache-2.0
//
// test_disk_tier.cpp — a store on disk, with and without host memory above it: what was put comes
// back, also in the next process; where it lies, and who is served by one read.

#include "tests/blocks/block_world.h"

namespace {

using namespace bwrt::test;
using bwrt::runtime::IoKind;

const StoreOf kDiskOnly(0, kDiskBytes);
const StoreOf kBoth(16 * kMib, kDiskBytes);

const std::uint64_t kLengths[] = {1,     4095,   4096,     4097,         65535,   65536,
                                  65537, 200000, 1 * kMib, 1 * kMib + 1, 2 * kMib};

// ---- bytes

void a_block_of_any_length_comes_back_from_the_disk(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    for (std::uint32_t i = 0; i < std::size(kLengths); ++i) {
        assert_int_equal(put(world, {i, 0}, 2, kLengths[i]), BWRT_OK);
    }
    for (std::uint32_t i = 0; i < std::size(kLengths); ++i) {
        assert_int_equal(get(world, {i, 0}, 2, kLengths[i]), BWRT_OK);
        assert_int_equal(tier_of_get(world, {i, 1}, kLengths[i]), BWRT_TIER_DISK);
    }
    assert_int_equal(sample_store(world).disk.hit_count, 3 * std::size(kLengths));
}

void a_block_of_any_length_moves_between_the_tiers(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    for (std::uint32_t i = 0; i < std::size(kLengths); ++i) {
        const Key key = {i, 0};
        assert_int_equal(put_to(world, BWRT_TIER_HOST, key, 1, kLengths[i]), BWRT_OK);
        assert_int_equal(ask(world, BWRT_OP_MOVE, key, 1, BWRT_TIER_DISK), BWRT_OK);
        assert_int_equal(look_up(world, key).of[0].tier, BWRT_TIER_DISK);
        assert_int_equal(tier_of_get(world, key, kLengths[i]), BWRT_TIER_DISK);
        assert_int_equal(tier_of_get(world, key, kLengths[i]), BWRT_TIER_HOST);
        assert_int_equal(ask(world, BWRT_OP_MOVE, key, 1, BWRT_TIER_HOST), BWRT_OK);
        assert_int_equal(tier_of_get(world, key, kLengths[i]), BWRT_TIER_HOST);
    }
}

void a_restart_keeps_all_that_was_put(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    for (std::uint32_t i = 0; i < std::size(kLengths); ++i) {
        assert_int_equal(put(world, {i, 0}, 3, kLengths[i]), BWRT_OK);
    }
    assert_int_equal(ask(world, BWRT_OP_DROP, {4, 1}), BWRT_OK);

    world->open_again(kDiskOnly);

    assert_int_equal(sample_store(world).recovered_count, 3 * std::size(kLengths) - 1);
    assert_int_equal(sample_store(world).disk.block_count, 3 * std::size(kLengths) - 1);
    for (std::uint32_t i = 0; i < std::size(kLengths); ++i) {
        if (i != 4) assert_int_equal(get(world, {i, 0}, 3, kLengths[i]), BWRT_OK);
    }
    assert_int_equal(get(world, {4, 0}, 1, kLengths[4]), BWRT_OK);
    assert_int_equal(get(world, {4, 1}, 1, kLengths[4]), BWRT_E_MISS);
    assert_int_equal(get(world, {4, 2}, 1, kLengths[4]), BWRT_OK);
}

void what_is_in_memory_is_written_behind(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    assert_int_equal(put(world, {1, 0}, 20), BWRT_OK);

    world->open_again(kBoth);  // drains

    assert_int_equal(look_up(world, {1, 0}, 20).prefix_count, 20);
    assert_int_equal(get(world, {1, 0}, 20), BWRT_OK);
    assert_int_equal(tier_of_get(world, {1, 0}), BWRT_TIER_HOST);  // it is in both now
    assert_int_equal(sample_store(world).disk.block_count, 20);
}

// ---- tiers

void a_put_goes_to_the_tier_it_names(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    assert_int_equal(put_to(world, BWRT_TIER_HOST, {1, 0}, 3), BWRT_OK);
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {2, 0}, 3), BWRT_OK);
    settle(world);

    assert_int_equal(sample_store(world).host.block_count, 3);
    assert_int_equal(sample_store(world).disk.block_count, 3);
    assert_int_equal(look_up(world, {1, 0}).of[0].tier, BWRT_TIER_HOST);
    assert_int_equal(look_up(world, {2, 0}).of[0].tier, BWRT_TIER_DISK);
    world->open_again(kBoth);
    assert_int_equal(get(world, {1, 0}, 3), BWRT_E_MISS);
    assert_int_equal(get(world, {2, 0}, 3), BWRT_OK);
}

void a_put_to_the_disk_of_what_is_in_memory_writes_it(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    assert_int_equal(put_to(world, BWRT_TIER_HOST, {1, 0}), BWRT_OK);
    Request request(world, BWRT_OP_PUT, {1, 0}, 1);
    request.operation.tier = BWRT_TIER_DISK;

    assert_int_equal(request.run(), BWRT_OK);

    assert_int_equal(request.results[0].flags, BWRT_RESULT_PRESENT);
    assert_int_equal(request.results[0].tier, BWRT_TIER_DISK);
    world->open_again(kBoth);
    assert_int_equal(get(world, {1, 0}), BWRT_OK);
}

void a_move_leaves_the_other_tier(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    assert_int_equal(put(world, {1, 0}, 4), BWRT_OK);
    settle(world);
    assert_int_equal(sample_store(world).host.block_count, 4);
    assert_int_equal(sample_store(world).disk.block_count, 4);

    assert_int_equal(ask(world, BWRT_OP_MOVE, {1, 0}, 2, BWRT_TIER_HOST), BWRT_OK);
    assert_int_equal(ask(world, BWRT_OP_MOVE, {1, 2}, 2, BWRT_TIER_DISK), BWRT_OK);
    assert_int_equal(ask(world, BWRT_OP_MOVE, {1, 2}, 2, BWRT_TIER_DISK), BWRT_OK);

    assert_int_equal(sample_store(world).host.block_count, 2);
    assert_int_equal(sample_store(world).disk.block_count, 2);
    assert_int_equal(ask(world, BWRT_OP_MOVE, {2, 0}, 1, BWRT_TIER_DISK), BWRT_E_MISS);
    world->open_again(kBoth);
    assert_int_equal(get(world, {1, 0}, 2), BWRT_E_MISS);
    assert_int_equal(get(world, {1, 2}, 2), BWRT_OK);
}

void a_pinned_block_is_not_moved_to_the_disk(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    assert_int_equal(put(world, {1, 0}), BWRT_OK);
    settle(world);
    Request pin(world, BWRT_OP_PIN, {1, 0}, 1);
    assert_int_equal(pin.run(), BWRT_OK);

    assert_int_equal(ask(world, BWRT_OP_MOVE, {1, 0}, 1, BWRT_TIER_DISK), BWRT_E_BUSY);

    assert_true(
        is_block(reinterpret_cast<const unsigned char*>(pin.results[0].address), {1, 0}, kLength));
    assert_int_equal(ask(world, BWRT_OP_UNPIN, {1, 0}), BWRT_OK);
    assert_int_equal(ask(world, BWRT_OP_MOVE, {1, 0}, 1, BWRT_TIER_DISK), BWRT_OK);
}

void a_prefetch_and_a_pin_bring_a_block_into_memory(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {1, 0}, 4), BWRT_OK);
    std::uint64_t cursor = 0;
    static_cast<void>(take_events(world, &cursor));

    assert_int_equal(ask(world, BWRT_OP_PREFETCH, {1, 0}, 2), BWRT_OK);
    Request pin(world, BWRT_OP_PIN, {1, 2}, 2);
    assert_int_equal(pin.run(), BWRT_OK);

    for (std::uint32_t i = 0; i < 2; ++i) {
        assert_true(is_block(reinterpret_cast<const unsigned char*>(pin.results[i].address),
                             pin.key(i), kLength));
    }
    assert_int_equal(tier_of_get(world, {1, 0}), BWRT_TIER_HOST);
    const std::vector<bwrt_event> events = take_events(world, &cursor);
    assert_int_equal(events.size(), 4);
    for (const bwrt_event& event : events) {
        assert_int_equal(event.kind, BWRT_EVENT_STORED);
        assert_int_equal(event.tier, BWRT_TIER_HOST);
        assert_int_equal(event.reason, BWRT_REASON_PROMOTED);
    }
    assert_int_equal(ask(world, BWRT_OP_UNPIN, {1, 2}, 2), BWRT_OK);
}

void what_memory_has_no_room_for_is_read_past_it(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {1, 0}, 10), BWRT_OK);
    assert_int_equal(put_to(world, BWRT_TIER_HOST, {2, 0}, 256), BWRT_OK);
    assert_int_equal(ask(world, BWRT_OP_PIN, {2, 0}, 256), BWRT_OK);

    assert_int_equal(get(world, {1, 0}, 10), BWRT_OK);
    assert_int_equal(tier_of_get(world, {1, 3}), BWRT_TIER_DISK);
    assert_int_equal(ask(world, BWRT_OP_PREFETCH, {1, 0}), BWRT_E_NOSPC);
    assert_int_equal(sample_store(world).host.block_count, 256);
    assert_int_equal(ask(world, BWRT_OP_UNPIN, {2, 0}, 256), BWRT_OK);
}

void a_drop_leaves_no_tier_with_the_block(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    assert_int_equal(put(world, {1, 0}, 4), BWRT_OK);
    assert_int_equal(ask(world, BWRT_OP_DROP, {1, 0}, 2), BWRT_OK);  // while it is written, too

    assert_int_equal(get(world, {1, 0}, 2), BWRT_E_MISS);
    settle(world);
    assert_int_equal(get(world, {1, 0}, 2), BWRT_E_MISS);
    world->open_again(kBoth);
    assert_int_equal(get(world, {1, 0}, 2), BWRT_E_MISS);
    assert_int_equal(get(world, {1, 2}, 2), BWRT_OK);
}

// ---- on the way

void a_block_that_is_being_written_is_pending(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    hold_all(world, IoKind::kWrite);
    Request writer(world, BWRT_OP_PUT, {1, 0}, 1);
    Request other(world, BWRT_OP_PUT, {1, 0}, 1, kLength, 1);
    Request reader(world, BWRT_OP_GET, {1, 0}, 1);
    writer.start();
    drive_until(world, [&] { return world->storage->held_count() != 0; });
    other.start();
    reader.start();
    drive(world);

    const Answers answers = look_up(world, {1, 0}, 2);
    assert_int_equal(answers.prefix_count, 0);
    assert_int_equal(answers.of[0].state, BWRT_LOOKUP_PENDING);
    assert_int_equal(answers.of[0].tier, BWRT_TIER_NONE);
    assert_int_equal(answers.of[1].state, BWRT_LOOKUP_MISS);
    world->storage->script = nullptr;
    world->storage->let_go();

    assert_int_equal(writer.finish(), BWRT_OK);
    assert_int_equal(writer.results[0].tier, BWRT_TIER_DISK);
    assert_int_equal(other.finish(), BWRT_OK);
    assert_int_equal(other.results[0].flags, BWRT_RESULT_PRESENT);
    assert_int_equal(reader.finish(), BWRT_OK);
    assert_true(reader.holds(0));
    assert_true(is_hit(world, {1, 0}));
}

void many_who_wait_for_a_block_cost_one_read(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {1, 0}), BWRT_OK);
    const std::uint64_t reads_before = world->storage->count(IoKind::kRead);
    hold_all(world, IoKind::kRead);
    std::vector<std::unique_ptr<Request>> readers;
    for (int i = 0; i < 10; ++i) {
        readers.push_back(std::make_unique<Request>(world, BWRT_OP_GET, Key{1, 0}, 1));
        readers.back()->start();
    }
    drive_until(world, [&] { return sample_store(world).joined_count == 9; });
    world->storage->script = nullptr;
    world->storage->let_go();

    for (const auto& reader : readers) {
        assert_int_equal(reader->finish(), BWRT_OK);
        assert_true(reader->holds(0));
        assert_int_equal(reader->results[0].tier, BWRT_TIER_DISK);
    }
    assert_int_equal(world->storage->count(IoKind::kRead) - reads_before, 1);
    assert_int_equal(sample_store(world).disk.hit_count, 1);
}

void who_comes_for_a_block_served_past_memory_shares_its_read(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    assert_int_equal(put(world, {1, 0}), BWRT_OK);
    const std::uint64_t reads_before = world->storage->count(IoKind::kRead);
    hold_all(world, IoKind::kRead);
    Request one(world, BWRT_OP_GET, {1, 0}, 1);
    Request other(world, BWRT_OP_GET, {1, 0}, 1);
    one.start();
    other.start();
    drive_until(world, [&] { return sample_store(world).joined_count == 1; });
    assert_int_equal(bwrt_cancel(world->runtime, one.handle, nullptr), BWRT_OK);
    assert_int_equal(one.finish(), BWRT_E_CANCELLED);  // who began it leaves, the read goes on
    assert_true(one.is_untouched(0));
    world->storage->script = nullptr;
    world->storage->let_go();

    assert_int_equal(other.finish(), BWRT_OK);
    assert_true(other.holds(0));
    assert_int_equal(world->storage->count(IoKind::kRead) - reads_before, 1);
}

// ---- durable

void a_durable_put_is_over_when_the_disk_has_it(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    const std::uint64_t flushes = world->storage->count(IoKind::kFlush);
    Request request(world, BWRT_OP_PUT, {1, 0}, 4);
    request.operation.flags = BWRT_BLOCK_DURABLE;

    assert_int_equal(request.run(), BWRT_OK);

    for (const bwrt_result& result : request.results) {
        assert_int_equal(result.tier, BWRT_TIER_DISK);
    }
    assert_true(world->storage->count(IoKind::kFlush) >= flushes + 2);  // a segment's and the log's
    assert_int_equal(sample_store(world).disk.block_count, 4);
}

void a_durable_put_of_what_is_there_syncs_it(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    assert_int_equal(put(world, {1, 0}), BWRT_OK);
    assert_int_equal(put_to(world, BWRT_TIER_HOST, {2, 0}), BWRT_OK);
    settle(world);
    for (std::uint32_t chain = 1; chain <= 2; ++chain) {
        const std::uint64_t flushes = world->storage->count(IoKind::kFlush);
        Request request(world, BWRT_OP_PUT, {chain, 0}, 1);
        request.operation.flags = BWRT_BLOCK_DURABLE;

        assert_int_equal(request.run(), BWRT_OK);

        assert_int_equal(request.results[0].flags, BWRT_RESULT_PRESENT);
        assert_int_equal(request.results[0].tier, BWRT_TIER_DISK);
        assert_true(world->storage->count(IoKind::kFlush) >= flushes + 2);
        const std::uint64_t after = world->storage->count(IoKind::kFlush);
        assert_int_equal(request.run(), BWRT_OK);  // known to be there
        assert_int_equal(world->storage->count(IoKind::kFlush), after);
    }
}

void a_durable_put_waits_for_its_flush(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    world->storage->script = [](const IoRequest& request, std::uint64_t) {
        return request.kind == IoKind::kFlush ? Action::hold() : Action::pass();
    };
    Request request(world, BWRT_OP_PUT, {1, 0}, 1);
    request.operation.flags = BWRT_BLOCK_DURABLE;
    request.start();
    drive_until(world, [&] { return world->storage->held_count() != 0; });

    bwrt_completion none;
    assert_int_equal(bwrt_wait(world->runtime, request.handle, 1000000, &none, nullptr),
                     BWRT_E_TIMEOUT);
    assert_false(is_hit(world, {1, 0}));
    world->storage->script = nullptr;
    world->storage->let_go();
    assert_int_equal(request.finish(), BWRT_OK);
    assert_true(is_hit(world, {1, 0}));
}

// ---- a disk that is full of one chain, whose last block is on its way: nobody can go until it is
// there, and then it can

// Of blocks of a MiB.  How many lie there; one more has room.
std::uint32_t fill_with_a_chain(BlockWorld* world) {
    std::uint32_t count = 0;
    while (put(world, {1, count}, 1, 1 * kMib) == BWRT_OK) ++count;
    assert_in_range(count, 50, 127);
    assert_int_equal(ask(world, BWRT_OP_DROP, {1, count - 1}), BWRT_OK);
    return count - 1;
}

void start_held(BlockWorld* world, Request* last) {
    hold_all(world, IoKind::kWrite);
    last->start();
    drive_until(world, [&] { return world->storage->held_count() != 0; });
}

void let_writes_go(BlockWorld* world) {
    world->storage->script = nullptr;
    world->storage->let_go();
}

void who_comes_to_a_disk_full_of_a_chain_on_its_way_waits_for_that(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    const std::uint32_t count = fill_with_a_chain(world);
    Request last(world, BWRT_OP_PUT, {1, count}, 1, 1 * kMib);
    start_held(world, &last);
    Request next(world, BWRT_OP_PUT, {2, 0}, 1, 1 * kMib);
    next.start();
    for (int i = 0; i < 20; ++i) drive(world);
    let_writes_go(world);

    assert_int_equal(last.finish(), BWRT_OK);
    assert_int_equal(next.finish(), BWRT_OK);
    assert_int_equal(get(world, {2, 0}, 1, 1 * kMib), BWRT_OK);
    // Its leaf went, or goes with the segment that it is in.
    assert_in_range(look_up(world, {1, 0}, count + 1).prefix_count, count, count + 1);
    assert_true(sample_store(world).disk.used_bytes <= sample_store(world).disk.capacity_bytes);
}

// What a lease keeps, it keeps; when nothing is on its way any more, that is said at once.
void who_comes_to_a_disk_that_is_leased_is_told_when_nothing_is_on_its_way(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    const std::uint32_t count = fill_with_a_chain(world);
    assert_int_equal(look_up(world, {1, 0}, count, 600'000).leased_count, count);
    Request last(world, BWRT_OP_PUT, {1, count}, 1, 1 * kMib);
    start_held(world, &last);
    Request next(world, BWRT_OP_PUT, {2, 0}, 2, 1 * kMib);
    next.start();
    for (int i = 0; i < 20; ++i) drive(world);
    let_writes_go(world);
    assert_int_equal(last.finish(), BWRT_OK);
    assert_int_equal(next.finish(), BWRT_E_NOSPC);  // the one leaf that may go is one too few

    assert_int_equal(next.count_of(BWRT_OK), 1);
    assert_int_equal(look_up(world, {2, 0}, 1, 600'000).leased_count, 1);
    assert_int_equal(put(world, {3, 0}, 1, 1 * kMib), BWRT_E_NOSPC);
    assert_int_equal(sample_store(world).refused_count, 3);  // with the one behind the full disk
}

// ---- time, tenants, several directories, after a restart

void what_had_a_time_to_live_has_it_in_the_next_process(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    Request request(world, BWRT_OP_PUT, {1, 0}, 2);
    request.options.ttl_s = 1000;
    assert_int_equal(request.run(), BWRT_OK);
    assert_int_equal(put(world, {2, 0}), BWRT_OK);
    world->open_again(kDiskOnly);
    assert_int_equal(get(world, {1, 0}, 2), BWRT_OK);

    let_time_pass(world, 1001 * kSecondNs);

    assert_int_equal(get(world, {1, 0}, 2), BWRT_E_MISS);
    assert_int_equal(get(world, {2, 0}), BWRT_OK);
    assert_int_equal(sample_store(world).disk.expired_count, 2);
}

// Of a tenant whose blocks an earlier process has put: this one was not told who it is.
constexpr std::uint64_t kTenant = 5;

void open_with_blocks_of_a_tenant(BlockWorld* world, const StoreOf& store) {
    world->open(store);
    set_tenant(world, kTenant, 0);
    Request writer(world, BWRT_OP_PUT, {1, 0}, 2);
    writer.wave.tenant = kTenant;
    assert_int_equal(writer.run(), BWRT_OK);
    world->open_again(store);
}

struct TenantReader : Request {
    explicit TenantReader(BlockWorld* in) : Request(in, BWRT_OP_GET, {1, 0}, 2) {
        wave.tenant = kTenant;
    }
    void find_all() {
        set_tenant(world, kTenant, 0);
        assert_int_equal(run(), BWRT_OK);
        assert_true(holds_all());
    }
};

void a_tenants_blocks_are_found_by_who_knows_its_secret(void** state) {
    BlockWorld* world = world_of(state);
    open_with_blocks_of_a_tenant(world, kDiskOnly);

    TenantReader reader(world);
    assert_int_equal(reader.submit(), BWRT_E_INVAL);
    assert_string_equal(world->error.field, "wave.tenant");
    std::uint64_t cursor = 0;
    const std::vector<bwrt_event> events = take_events(world, &cursor);
    assert_int_equal(events.size(), 3);
    assert_true(events[1].tenant == ~std::uint64_t{0});
    assert_int_equal(get(world, {1, 0}, 2), BWRT_E_MISS);

    reader.find_all();
}

void a_tenant_that_is_known_has_its_place_however_many_are_refused(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf two = kDiskOnly;
    two.store.tenant_count_max = 2;
    open_with_blocks_of_a_tenant(world, two);

    unsigned char secret[32] = {};
    bwrt_tenant tenant = {};
    tenant.struct_size = sizeof tenant;
    tenant.secret = secret;
    for (std::uint32_t i = 0; i < 1000; ++i) {
        tenant.number = 10 + i % 3;
        std::memcpy(secret, &i, sizeof i);
        assert_int_equal(bwrt_tenant_set(world->runtime, &tenant, &world->error), BWRT_E_AGAIN);
        assert_string_equal(world->error.field, "store.tenant_count_max");
    }
    TenantReader(world).find_all();
}

void blocks_lie_in_all_directories(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf three = kDiskOnly;
    three.directories = {"s", "t", "u"};
    world->open(three);
    for (std::uint32_t chain = 0; chain < 30; ++chain) {
        assert_int_equal(put(world, {chain, 0}, 4), BWRT_OK);
    }
    world->open_again(three);
    for (std::uint32_t chain = 0; chain < 30; ++chain) {
        assert_int_equal(get(world, {chain, 0}, 4), BWRT_OK);
    }
    for (const char* folder : three.directories) {
        assert_true(disk_bytes_of(folder) >= 16 * kMib);
    }
}

const CMUnitTest kTests[] = {
    IN_BLOCK_WORLD(a_block_of_any_length_comes_back_from_the_disk),
    IN_BLOCK_WORLD(a_block_of_any_length_moves_between_the_tiers),
    IN_BLOCK_WORLD(a_restart_keeps_all_that_was_put),
    IN_BLOCK_WORLD(what_is_in_memory_is_written_behind),
    IN_BLOCK_WORLD(a_put_goes_to_the_tier_it_names),
    IN_BLOCK_WORLD(a_put_to_the_disk_of_what_is_in_memory_writes_it),
    IN_BLOCK_WORLD(a_move_leaves_the_other_tier),
    IN_BLOCK_WORLD(a_pinned_block_is_not_moved_to_the_disk),
    IN_BLOCK_WORLD(a_prefetch_and_a_pin_bring_a_block_into_memory),
    IN_BLOCK_WORLD(what_memory_has_no_room_for_is_read_past_it),
    IN_BLOCK_WORLD(a_drop_leaves_no_tier_with_the_block),
    IN_BLOCK_WORLD(a_block_that_is_being_written_is_pending),
    IN_BLOCK_WORLD(many_who_wait_for_a_block_cost_one_read),
    IN_BLOCK_WORLD(who_comes_for_a_block_served_past_memory_shares_its_read),
    IN_BLOCK_WORLD(a_durable_put_is_over_when_the_disk_has_it),
    IN_BLOCK_WORLD(a_durable_put_of_what_is_there_syncs_it),
    IN_BLOCK_WORLD(a_durable_put_waits_for_its_flush),
    IN_BLOCK_WORLD(who_comes_to_a_disk_full_of_a_chain_on_its_way_waits_for_that),
    IN_BLOCK_WORLD(who_comes_to_a_disk_that_is_leased_is_told_when_nothing_is_on_its_way),
    IN_BLOCK_WORLD(what_had_a_time_to_live_has_it_in_the_next_process),
    IN_BLOCK_WORLD(a_tenants_blocks_are_found_by_who_knows_its_secret),
    IN_BLOCK_WORLD(a_tenant_that_is_known_has_its_place_however_many_are_refused),
    IN_BLOCK_WORLD(blocks_lie_in_all_directories),
};

}  // namespace

int main() {
    int failures = 0;
    RUN_IN_MODES_OF(kTests, kBlocksModes, failures);
    return failures;
}
