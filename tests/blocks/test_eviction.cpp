// SPDX-License-Identifier: Apache-2.0
//
// test_eviction.cpp — who goes when a tier of host memory is full, and who stays.
//
// The tier holds 256 blocks of 64 KiB.  Between two steps the clock goes forward by a second, so
// that what was used before is older in every policy's eyes.

#include <atomic>
#include <thread>

#include "tests/blocks/block_world.h"

namespace {

using namespace bwrt::test;
using bwrt::runtime::IoKind;

constexpr std::uint32_t kRoom = 256;
const StoreOf kHostOnly(16 * kMib, 0);

// Who goes is exactly known.
StoreOf least_recently_used(StoreOf given) {
    given.store.eviction = BWRT_EVICTION_LRU;
    return given;
}

void later(BlockWorld* world) { let_time_pass(world, kSecondNs); }

std::uint32_t hit_count(BlockWorld* world, Key first, std::uint32_t count) {
    std::uint32_t hits = 0;
    for (const bwrt_lookup_answer& answer : look_up(world, first, count).of) {
        if (answer.state == BWRT_LOOKUP_HIT) ++hits;
    }
    return hits;
}

// So many blocks that have nothing to do with each other.
bwrt_status put_unrelated(BlockWorld* world, std::uint32_t chain, std::uint32_t count,
                          std::uint64_t tenant = 0) {
    Request request(world, BWRT_OP_PUT, {chain, 0}, count);
    request.operation.flags = BWRT_BLOCK_UNRELATED;
    request.wave.tenant = tenant;
    return request.run();
}

void the_tier_holds_what_it_was_given_room_for(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);

    assert_int_equal(put(world, {1, 0}, kRoom), BWRT_OK);

    assert_int_equal(look_up(world, {1, 0}, kRoom).prefix_count, kRoom);
    const bwrt_store_counters counters = sample_store(world);
    assert_int_equal(counters.host.capacity_bytes, 16 * kMib);
    assert_int_equal(counters.host.used_bytes, 16 * kMib);
    assert_int_equal(counters.host.block_count, kRoom);
    assert_int_equal(counters.host.evicted_count, 0);
}

void the_leaves_of_the_oldest_go_first(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    for (std::uint32_t chain = 1; chain <= 3; ++chain) {
        assert_int_equal(put(world, {chain, 0}, 100), BWRT_OK);
        later(world);
    }

    assert_int_equal(look_up(world, {1, 0}, 100).prefix_count, kRoom - 200);
    assert_int_equal(hit_count(world, {1, 0}, 100), kRoom - 200);
    assert_int_equal(look_up(world, {2, 0}, 100).prefix_count, 100);
    assert_int_equal(look_up(world, {3, 0}, 100).prefix_count, 100);
    assert_int_equal(sample_store(world).host.evicted_count, 300 - kRoom);
}

void who_was_used_stays_and_with_him_all_he_needs(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    assert_int_equal(put(world, {1, 0}, 100), BWRT_OK);
    later(world);
    assert_int_equal(put(world, {2, 0}, 100), BWRT_OK);
    later(world);
    assert_int_equal(get(world, {1, 79}), BWRT_OK);  // the first 80, that is
    later(world);
    assert_int_equal(put(world, {3, 0}, 150), BWRT_OK);

    // The 20 behind it are as old as they were, and then it is the others' turn.
    assert_int_equal(look_up(world, {1, 0}, 100).prefix_count, 80);
    assert_int_equal(hit_count(world, {1, 0}, 100), 80);
    assert_int_equal(look_up(world, {2, 0}, 100).prefix_count, kRoom - 150 - 80);
    assert_int_equal(hit_count(world, {2, 0}, 100), kRoom - 150 - 80);
}

void a_chain_longer_than_the_tier_keeps_a_leading_run(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    assert_int_equal(put(world, {1, 0}, 50), BWRT_OK);
    later(world);
    Request request(world, BWRT_OP_PUT, {2, 0}, kRoom + 30);

    assert_int_equal(request.run(), BWRT_E_NOSPC);

    assert_int_equal(request.completion.prefix_count, kRoom);
    assert_int_equal(request.count_of(BWRT_OK), kRoom);
    assert_int_equal(request.count_of(BWRT_E_NOSPC), 30);
    assert_int_equal(sample_store(world).refused_count, 30);
    assert_int_equal(request.results[kRoom].tier, BWRT_TIER_HOST);
    assert_int_equal(look_up(world, {2, 0}, kRoom + 30).prefix_count, kRoom);
    assert_int_equal(hit_count(world, {1, 0}, 50), 0);
    assert_int_equal(get(world, {2, 0}, kRoom), BWRT_OK);
}

void nobody_goes_for_an_orphan(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    assert_int_equal(put(world, {1, 0}, kRoom), BWRT_OK);
    later(world);

    assert_int_equal(put(world, {2, 5}), BWRT_E_NOSPC);  // its parent is not there
    assert_int_equal(look_up(world, {1, 0}, kRoom).prefix_count, kRoom);
    assert_int_equal(put(world, {2, 0}), BWRT_OK);  // this one has none
    assert_int_equal(look_up(world, {1, 0}, kRoom).prefix_count, kRoom - 1);

    assert_int_equal(ask(world, BWRT_OP_DROP, {1, kRoom - 2}), BWRT_OK);
    assert_int_equal(put(world, {2, 5}), BWRT_OK);  // where there is room it is taken
}

void blocks_without_relations_go_in_the_order_of_their_use(void** state) {
    BlockWorld* world = world_of(state);
    world->open(least_recently_used(kHostOnly));
    for (std::uint32_t i = 0; i < 8; ++i) {
        assert_int_equal(put_unrelated(world, i, 32), BWRT_OK);
        later(world);
    }
    assert_int_equal(get(world, {0, 0}, 32), BWRT_OK);
    later(world);

    assert_int_equal(put_unrelated(world, 8, 32), BWRT_OK);

    assert_int_equal(hit_count(world, {0, 0}, 32), 32);
    assert_int_equal(hit_count(world, {1, 0}, 32), 0);
    assert_int_equal(hit_count(world, {2, 0}, 32), 32);
}

void blocks_beyond_the_window_go_before_those_within(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    Request windowed(world, BWRT_OP_PUT, {1, 0}, 100);
    windowed.options.closure = BWRT_CLOSURE_WINDOW;
    windowed.options.window_blocks = 10;
    assert_int_equal(windowed.run(), BWRT_OK);
    later(world);
    assert_int_equal(get(world, {1, 99}), BWRT_OK);  // with the ten before it
    later(world);

    assert_int_equal(put(world, {2, 0}, kRoom - 100 + 60), BWRT_OK);

    assert_int_equal(hit_count(world, {1, 0}, 100), 40);
    assert_int_equal(look_up(world, {1, 89}, 11).prefix_count, 11);
    assert_int_equal(look_up(world, {2, 0}, kRoom - 40).prefix_count, kRoom - 40);
}

void a_last_state_goes_when_the_next_one_is_there(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    assert_int_equal(put(world, {1, 0}, kRoom - 2), BWRT_OK);
    later(world);
    for (std::uint32_t i = 0; i < 2; ++i) {
        Request state_of(world, BWRT_OP_PUT, {2, i}, 1);
        state_of.options.closure = BWRT_CLOSURE_LAST_STATE;
        assert_int_equal(state_of.run(), BWRT_OK);
        later(world);
    }

    assert_int_equal(put(world, {3, 0}), BWRT_OK);

    assert_false(is_hit(world, {2, 0}));  // younger than all of chain 1
    assert_true(is_hit(world, {2, 1}));
    assert_int_equal(look_up(world, {1, 0}, kRoom).prefix_count, kRoom - 2);
}

void a_block_is_served_as_long_as_was_said(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    world->clock->stop();  // it is to pass as the test says
    Request request(world, BWRT_OP_PUT, {1, 0}, 3);
    request.options.ttl_s = 60;
    assert_int_equal(request.run(), BWRT_OK);
    assert_int_equal(put(world, {2, 0}), BWRT_OK);

    let_time_pass(world, 58 * kSecondNs);
    assert_int_equal(get(world, {1, 0}, 3), BWRT_OK);
    let_time_pass(world, 3 * kSecondNs);
    assert_int_equal(get(world, {1, 0}, 3), BWRT_E_MISS);

    assert_int_equal(sample_store(world).host.expired_count, 3);
    assert_int_equal(sample_store(world).host.evicted_count, 0);
    assert_int_equal(get(world, {2, 0}), BWRT_OK);
    assert_int_equal(request.run(), BWRT_OK);  // it is not there, so it is stored again
    assert_int_equal(request.results[0].flags, 0);
}

void a_block_whose_time_is_over_is_gone_though_nobody_asks_for_it(void** state) {
    BlockWorld* world = world_of(state);
    for (const StoreOf& store :
         {kHostOnly, StoreOf(0, kDiskBytes), StoreOf(16 * kMib, kDiskBytes)}) {
        const std::uint32_t tiers = (store.store.host_bytes != 0) + (store.store.disk_bytes != 0);
        world->open(store);
        std::uint64_t cursor = 0;
        Request request(world, BWRT_OP_PUT, {1, 0}, 150);
        request.options.ttl_s = 60;
        assert_int_equal(request.run(), BWRT_OK);
        assert_int_equal(put(world, {2, 0}), BWRT_OK);
        settle(world);
        static_cast<void>(take_events(world, &cursor));

        let_time_pass(world, 61 * kSecondNs);
        drive_until(world, [&] { return !is_hit(world, {1, 0}) && !is_hit(world, {1, 149}); });

        assert_int_equal(look_up(world, {1, 0}, 150).prefix_count, 0);
        assert_true(is_hit(world, {2, 0}));
        const bwrt_store_counters counters = sample_store(world);
        assert_int_equal(counters.host.expired_count + counters.disk.expired_count, 150 * tiers);
        const std::vector<bwrt_event> events = take_events(world, &cursor);
        assert_int_equal(events.size(), 150 * tiers);
        for (const bwrt_event& event : events) {
            assert_int_equal(event.kind, BWRT_EVENT_REMOVED);
            assert_int_equal(event.reason, BWRT_REASON_EXPIRED);
        }
        world->close();
        std::filesystem::remove_all("s");
    }
}

void a_block_that_is_held_does_not_keep_others_whose_time_is_over(void** state) {
    BlockWorld* world = world_of(state);
    world->open(StoreOf(16 * kMib, kDiskBytes));
    for (std::uint32_t chain = 1; chain <= 3; ++chain) {
        Request request(world, BWRT_OP_PUT, {chain, 0}, 1);
        request.options.ttl_s = 60;
        assert_int_equal(request.run(), BWRT_OK);
    }
    settle(world);
    assert_int_equal(ask(world, BWRT_OP_PIN, {1, 0}), BWRT_OK);
    assert_int_equal(look_up(world, {3, 0}, 1, 100'000).leased_count, 1);

    let_time_pass(world, 61 * kSecondNs);
    drive_until(world, [&] { return !is_hit(world, {2, 0}); });
    assert_true(is_hit(world, {1, 0}));
    assert_true(is_hit(world, {3, 0}));

    assert_int_equal(ask(world, BWRT_OP_UNPIN, {1, 0}), BWRT_OK);
    let_time_pass(world, 101 * kSecondNs);
    drive_until(world, [&] { return !is_hit(world, {1, 0}) && !is_hit(world, {3, 0}); });
}

void hints_say_how_long_where_nobody_else_does(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    Request request(world, BWRT_OP_PUT, {1, 0}, 1);
    request.options.access_count = 1;  // some 4,200 s
    assert_int_equal(request.run(), BWRT_OK);

    let_time_pass(world, 4100 * kSecondNs);
    assert_int_equal(get(world, {1, 0}), BWRT_OK);
    let_time_pass(world, 200 * kSecondNs);
    assert_int_equal(get(world, {1, 0}), BWRT_E_MISS);
}

void what_has_expired_goes_before_what_is_older(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    assert_int_equal(put(world, {1, 0}, kRoom - 10), BWRT_OK);
    later(world);
    Request request(world, BWRT_OP_PUT, {2, 0}, 10);
    request.options.ttl_s = 5;
    assert_int_equal(request.run(), BWRT_OK);
    let_time_pass(world, 10 * kSecondNs);

    assert_int_equal(put(world, {3, 0}, 10), BWRT_OK);

    assert_int_equal(look_up(world, {1, 0}, kRoom - 10).prefix_count, kRoom - 10);
    assert_int_equal(sample_store(world).host.expired_count, 10);
}

void a_tenant_above_its_quota_loses_its_own(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    set_tenant(world, 1, 64 * kLength);
    assert_int_equal(put(world, {1, 0}, 100), BWRT_OK);
    later(world);

    assert_int_equal(put_unrelated(world, 2, 64, 1), BWRT_OK);
    later(world);
    assert_int_equal(put_unrelated(world, 3, 20, 1), BWRT_OK);

    assert_int_equal(sample_tenant(world, 1).host.block_count, 64);
    assert_int_equal(sample_tenant(world, 1).host.used_bytes, 64 * kLength);
    assert_int_equal(sample_tenant(world, 1).host.capacity_bytes, 64 * kLength);
    assert_int_equal(sample_tenant(world, 1).host.evicted_count, 20);
    assert_int_equal(look_up(world, {3, 0}, 20, 0, 0, 0, 1).prefix_count, 20);
    assert_int_equal(look_up(world, {1, 0}, 100).prefix_count, 100);
}

void who_has_more_than_his_quota_loses_first(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    set_tenant(world, 1, 0);
    assert_int_equal(put(world, {1, 0}, 100), BWRT_OK);  // the oldest
    later(world);
    assert_int_equal(put_unrelated(world, 2, kRoom - 100, 1), BWRT_OK);
    later(world);
    set_tenant(world, 1, 50 * kLength);

    assert_int_equal(put(world, {3, 0}, 60), BWRT_OK);

    assert_int_equal(look_up(world, {1, 0}, 100).prefix_count, 100);
    assert_int_equal(sample_tenant(world, 1).host.block_count, kRoom - 160);
}

void leased_blocks_stay_until_their_time_is_over(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    world->clock->stop();  // it is to pass as the test says
    assert_int_equal(put(world, {1, 0}, 50), BWRT_OK);
    const Answers answers = look_up(world, {1, 0}, 60, 60'000);
    assert_int_equal(answers.prefix_count, 50);
    assert_int_equal(answers.leased_count, 50);
    later(world);

    assert_int_equal(put_unrelated(world, 2, kRoom), BWRT_OK);
    assert_int_equal(look_up(world, {1, 0}, 50).prefix_count, 50);
    assert_int_equal(hit_count(world, {2, 0}, kRoom), kRoom - 50);
    let_time_pass(world, 50 * kSecondNs);
    assert_int_equal(put_unrelated(world, 3, 100), BWRT_OK);
    assert_int_equal(look_up(world, {1, 0}, 50).prefix_count, 50);
    let_time_pass(world, 10 * kSecondNs);
    assert_int_equal(put_unrelated(world, 4, kRoom), BWRT_OK);
    assert_int_equal(hit_count(world, {1, 0}, 50), 0);
}

// No sooner than it was said, and not much later.
void a_lease_ends_by_itself_and_soon(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    world->clock->stop();  // it is to pass as the test says
    assert_int_equal(put(world, {1, 0}, 50), BWRT_OK);
    assert_int_equal(look_up(world, {1, 0}, 50, 60'000).leased_count, 50);
    // A second look with a shorter one ends nothing.
    assert_int_equal(look_up(world, {1, 0}, 50, 1).leased_count, 50);
    let_time_pass(world, 59 * kSecondNs);
    assert_int_equal(put_unrelated(world, 2, kRoom), BWRT_OK);
    assert_int_equal(look_up(world, {1, 0}, 50).prefix_count, 50);

    let_time_pass(world, 1150'000'000);
    assert_int_equal(put_unrelated(world, 3, kRoom), BWRT_OK);
    assert_int_equal(hit_count(world, {1, 0}, 50), 0);
}

void as_many_are_leased_as_there_are_leases(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf few = kHostOnly;
    few.store.lease_count_max = 20;
    world->open(few);
    assert_int_equal(put(world, {1, 0}, 50), BWRT_OK);

    const Answers answers = look_up(world, {1, 0}, 50, 1000);
    assert_int_equal(answers.prefix_count, 50);
    assert_int_equal(answers.leased_count, 20);
    assert_int_equal(look_up(world, {1, 0}, 50, 1000).leased_count, 0);
    let_time_pass(world, 2 * kSecondNs);
    assert_int_equal(look_up(world, {1, 0}, 50, 1000).leased_count, 20);
}

void what_is_expected_stays_while_anything_else_can_go(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    assert_int_equal(put(world, {1, 0}, 50), BWRT_OK);
    assert_int_equal(put(world, {2, 0}, 50), BWRT_OK);
    assert_int_equal(expect(world, {1, 0}, 60, 90'000), 50);
    assert_int_equal(expect(world, {2, 0}, 60, 60'000), 50);
    later(world);

    assert_int_equal(put_unrelated(world, 3, 2 * kRoom), BWRT_OK);
    assert_int_equal(look_up(world, {1, 0}, 50).prefix_count, 50);
    assert_int_equal(look_up(world, {2, 0}, 50).prefix_count, 50);
    // Who comes is not refused: what is wanted last makes room, from its end.
    assert_int_equal(expect(world, {3, kRoom + 100}, kRoom - 100, 30'000), kRoom - 100);
    assert_int_equal(put_unrelated(world, 4, 10), BWRT_OK);
    assert_int_equal(look_up(world, {1, 0}, 50).prefix_count, 40);
    assert_int_equal(look_up(world, {2, 0}, 50).prefix_count, 50);
}

void what_was_expected_goes_when_its_time_is_over(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    world->clock->stop();  // it is to pass as the test says
    assert_int_equal(put(world, {1, 0}, 50), BWRT_OK);
    assert_int_equal(expect(world, {1, 0}, 50, 60'000), 50);

    let_time_pass(world, 59 * kSecondNs);
    assert_int_equal(put_unrelated(world, 2, kRoom), BWRT_OK);
    assert_int_equal(look_up(world, {1, 0}, 50).prefix_count, 50);
    let_time_pass(world, 1150'000'000);
    assert_int_equal(put_unrelated(world, 3, kRoom), BWRT_OK);
    assert_int_equal(hit_count(world, {1, 0}, 50), 0);
}

// The driver is held up: first it is to drop what the lookup finds meanwhile, and then to keep it.
void what_is_gone_when_it_is_to_be_expected_is_not_counted(void** state) {
    BlockWorld* world = world_of(state);
    if (fault_mode_now->progress != BWRT_PROGRESS_THREAD) skip();  // who drives does one at a time
    world->open(StoreOf(0, kDiskBytes));
    assert_int_equal(put(world, {1, 0}, 3), BWRT_OK);
    std::atomic<bool> is_held{false}, goes_on{false};
    world->storage->script = [&](const IoRequest& request, std::uint64_t) {
        if (is_block_io(request, IoKind::kRead)) is_held = true;
        while (is_held && !goes_on) usleep(100);
        return Action::pass();
    };
    Request getter(world, BWRT_OP_GET, {1, 0}, 1), drop(world, BWRT_OP_DROP, {1, 1}, 2);
    getter.start();
    while (!is_held) usleep(100);
    drop.start();

    std::uint32_t expected_count = 0;
    std::thread asker([&] { expected_count = expect(world, {1, 0}, 3, 60'000); });
    usleep(50'000);  // most likely it has looked by now; if not, the test proves less and passes
    goes_on = true;
    asker.join();

    assert_int_equal(expected_count, 1);
    assert_int_equal(drop.finish(), BWRT_OK);
    assert_int_equal(getter.finish(), BWRT_OK);
    world->storage->script = nullptr;
}

// Its blocks are one chain, and that is held by its end.
void a_prefix_is_expected_with_one_lease(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf few = kHostOnly;
    few.store.lease_count_max = 2;
    world->open(few);
    assert_int_equal(put(world, {1, 0}, 50), BWRT_OK);
    assert_int_equal(put_unrelated(world, 2, 3), BWRT_OK);

    assert_int_equal(expect(world, {1, 0}, 50, 1000), 50);
    assert_int_equal(expect(world, {2, 0}, 3, 1000), 1);
    assert_int_equal(expect(world, {1, 0}, 50, 1000), 0);
    let_time_pass(world, 2 * kSecondNs);
    assert_int_equal(expect(world, {1, 0}, 50, 1000), 50);
}

void a_leased_block_can_be_dropped(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    assert_int_equal(put(world, {1, 0}, 3), BWRT_OK);
    assert_int_equal(look_up(world, {1, 0}, 3, 60'000).leased_count, 3);

    assert_int_equal(ask(world, BWRT_OP_DROP, {1, 0}, 3), BWRT_OK);

    assert_int_equal(get(world, {1, 0}, 3), BWRT_E_MISS);
    assert_int_equal(put(world, {1, 0}, 3), BWRT_OK);
    let_time_pass(world, 100 * kSecondNs);
    assert_int_equal(get(world, {1, 0}, 3), BWRT_OK);
}

void a_long_block_finds_room_among_short_ones(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    assert_int_equal(put_unrelated(world, 1, kRoom), BWRT_OK);
    later(world);

    assert_int_equal(put(world, {2, 0}, 3, 2 * kMib), BWRT_OK);
    assert_int_equal(get(world, {2, 0}, 3, 2 * kMib), BWRT_OK);
    later(world);
    assert_int_equal(put_unrelated(world, 3, kRoom), BWRT_OK);
    assert_int_equal(hit_count(world, {3, 0}, kRoom), kRoom);
}

// In each slab lies a block whose child lies in another, so none can be emptied as it is.
void blocks_of_another_length_find_room_among_chains(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    for (const auto& [before, after] : {std::pair{16u << 10, 64u << 10}, {128u << 10, 64u << 10}}) {
        const auto count = static_cast<std::uint32_t>(15 * kMib / (before + 4096));
        for (std::uint32_t chain = 0; chain < 4; ++chain) {
            assert_int_equal(put(world, {before + chain, 0}, 1, before), BWRT_OK);
        }
        for (std::uint32_t i = 1; i < count / 4; ++i) {
            for (std::uint32_t chain = 0; chain < 4; ++chain) {
                assert_int_equal(put(world, {before + chain, i}, 1, before), BWRT_OK);
            }
        }
        later(world);
        for (std::uint32_t i = 0; i < 100; ++i) {
            assert_int_equal(put(world, {after + i, 0}, 1, after), BWRT_OK);
        }
        assert_int_equal(hit_count(world, {after + 99, 0}, 1), 1);
        later(world);
    }
}

// Numbers run out before bytes do.
void more_blocks_than_are_known_at_a_time_let_others_go(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf few = kHostOnly;
    few.store.block_count_max = 64;
    world->open(few);
    for (std::uint32_t i = 0; i < 200; ++i) {
        assert_int_equal(put(world, {i, 0}, 1, 100), BWRT_OK);
        assert_int_equal(get(world, {i, 0}, 1, 100), BWRT_OK);
    }
    assert_true(sample_store(world).host.block_count <= 64);
    assert_true(sample_store(world).host.block_count >= 48);
    assert_int_equal(get(world, {199, 0}, 1, 100), BWRT_OK);
    assert_int_equal(get(world, {0, 0}, 1, 100), BWRT_E_MISS);
}

// A GET of one block does not say whose child it is; where it goes to the disk for that, or comes
// from there, its parent is known all the same and stays as long as it does.
void who_is_asked_for_alone_is_his_parents_child_in_every_tier(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf second(16 * kMib, kDiskBytes);
    second.store.write_touch_count = 2;
    world->open(second);
    assert_int_equal(put(world, {1, 0}, 2), BWRT_OK);
    assert_int_equal(put(world, {1, 0}, 1), BWRT_OK);  // now it is worth the disk
    settle(world);
    later(world);
    const auto get_child_alone = [&] {
        Request child(world, BWRT_OP_GET, {1, 1}, 1);
        child.operation.flags = BWRT_BLOCK_UNRELATED;
        assert_int_equal(child.run(), BWRT_OK);
        settle(world);
    };
    get_child_alone();
    assert_int_equal(sample_store(world).disk.block_count, 2);

    world->open_again(least_recently_used(StoreOf(16 * kMib, kDiskBytes)));
    assert_int_equal(get(world, {1, 0}), BWRT_OK);
    later(world);
    get_child_alone();  // from the disk: in host memory, too, its parent stays
    // Until it goes: behind a disk that is slow not everybody who comes gets there.
    bool child = true;
    for (std::uint32_t i = 0; i < 10'000 && child; ++i) {
        assert_int_equal(put(world, {2 + i, 0}), BWRT_OK);
        const Answers answers = look_up(world, {1, 0}, 2);
        child = answers.of[1].state == BWRT_LOOKUP_HIT;
        assert_true(!child || answers.of[0].state == BWRT_LOOKUP_HIT);
        assert_true(answers.of[1].tier != BWRT_TIER_HOST || answers.of[0].tier == BWRT_TIER_HOST);
    }
    assert_false(child);
}

// A hit behind a miss is of use to nobody.
std::uint32_t run_of(BlockWorld* world, std::uint32_t chain, std::uint32_t count) {
    const Answers answers = look_up(world, {chain, 0}, count);
    for (std::uint32_t i = answers.prefix_count; i < count; ++i) {
        assert_int_equal(answers.of[i].state, BWRT_LOOKUP_MISS);
    }
    return answers.prefix_count;
}

// What finds no room on the disk while segments are emptied waits in memory, and who finds none
// there waits as well.
void of_a_chain_that_goes_through_a_small_host_tier_a_leading_run_is_left(void** state) {
    BlockWorld* world = world_of(state);
    constexpr std::uint32_t kQuarter = 256 << 10;
    world->open(StoreOf(4 * kMib, kDiskBytes, 16 * kMib, kQuarter));
    for (std::uint32_t chain = 0; chain < 6; ++chain) {
        assert_int_equal(put(world, {chain, 0}, 100, kQuarter), BWRT_OK);
        for (std::uint32_t before = 0; before < chain; ++before) run_of(world, before, 100);
        assert_int_equal(run_of(world, chain, 100), 100);
        later(world);
    }
    settle(world);
    for (std::uint32_t chain = 0; chain < 6; ++chain) run_of(world, chain, 100);
    assert_int_equal(sample_store(world).refused_count, 0);
}

// Block by block, through a host tier that is small: who waited behind one that then was not taken
// to the disk is not taken there either, in the place of the block before that.
void a_chain_that_is_put_block_by_block_evicts_nothing_of_itself(void** state) {
    BlockWorld* world = world_of(state);
    world->open(StoreOf(16 * kMib, 2 * kDiskBytes, 16 * kMib, 1 * kMib));
    std::uint32_t count = 0;
    while (count < 300 && put(world, {1, count}, 1, 1 * kMib) == BWRT_OK) ++count;
    assert_in_range(count, 100, 271);
    settle(world);
    assert_int_equal(sample_store(world).disk.evicted_count, 0);
    assert_int_equal(look_up(world, {1, 0}, count).prefix_count, count);
}

// It waits for the disk, and is told meanwhile that it belongs to memory alone.
void who_waits_for_the_disk_and_is_moved_to_memory_does_not_go_there(void** state) {
    BlockWorld* world = world_of(state);
    constexpr std::uint32_t kQuarter = 256 << 10;
    world->open(StoreOf(16 * kMib, kDiskBytes, 16 * kMib, kQuarter));
    // So that no segment is emptied: in each lies what must be carried, and cannot be read.
    hold_all(world, IoKind::kRead);
    std::uint32_t chain = 0;
    for (std::uint64_t written_bytes = 1; written_bytes != 0 && chain < 600; ++chain) {
        const std::uint64_t before = sample_store(world).written_bytes;
        assert_int_equal(put(world, {chain, 0}, 1, kQuarter), BWRT_OK);
        for (int i = 0; i < 50; ++i) drive(world);
        if (chain % 4 == 0) static_cast<void>(look_up(world, {chain, 0}, 1, 600'000));
        written_bytes = sample_store(world).written_bytes - before;
    }
    const Key waits = {chain - 1, 0};
    assert_true(chain < 600);

    assert_int_equal(ask(world, BWRT_OP_MOVE, waits, 1, BWRT_TIER_HOST), BWRT_OK);

    world->storage->script = nullptr;
    world->storage->let_go();
    settle(world);
    assert_int_equal(get(world, waits, 1, kQuarter), BWRT_OK);
    world->open_again(StoreOf(16 * kMib, kDiskBytes, 16 * kMib, kQuarter));
    assert_false(is_hit(world, waits));
}

void of_a_chain_longer_than_what_may_be_known_a_leading_run_is_left(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf few(16 * kMib, kDiskBytes);
    few.store.block_count_max = 50;
    world->open(few);
    Request request(world, BWRT_OP_PUT, {1, 0}, 100);

    assert_int_equal(request.run(), BWRT_E_NOSPC);

    settle(world);
    assert_int_equal(run_of(world, 1, 100), request.completion.prefix_count);
    assert_true(request.completion.prefix_count >= 40);
}

const CMUnitTest kTests[] = {
    IN_BLOCK_WORLD(the_tier_holds_what_it_was_given_room_for),
    IN_BLOCK_WORLD(the_leaves_of_the_oldest_go_first),
    IN_BLOCK_WORLD(who_was_used_stays_and_with_him_all_he_needs),
    IN_BLOCK_WORLD(a_chain_longer_than_the_tier_keeps_a_leading_run),
    IN_BLOCK_WORLD(nobody_goes_for_an_orphan),
    IN_BLOCK_WORLD(blocks_without_relations_go_in_the_order_of_their_use),
    IN_BLOCK_WORLD(blocks_beyond_the_window_go_before_those_within),
    IN_BLOCK_WORLD(a_last_state_goes_when_the_next_one_is_there),
    IN_BLOCK_WORLD(a_block_is_served_as_long_as_was_said),
    IN_BLOCK_WORLD(a_block_whose_time_is_over_is_gone_though_nobody_asks_for_it),
    IN_BLOCK_WORLD(a_block_that_is_held_does_not_keep_others_whose_time_is_over),
    IN_BLOCK_WORLD(hints_say_how_long_where_nobody_else_does),
    IN_BLOCK_WORLD(what_has_expired_goes_before_what_is_older),
    IN_BLOCK_WORLD(a_tenant_above_its_quota_loses_its_own),
    IN_BLOCK_WORLD(who_has_more_than_his_quota_loses_first),
    IN_BLOCK_WORLD(leased_blocks_stay_until_their_time_is_over),
    IN_BLOCK_WORLD(a_lease_ends_by_itself_and_soon),
    IN_BLOCK_WORLD(as_many_are_leased_as_there_are_leases),
    IN_BLOCK_WORLD(what_is_expected_stays_while_anything_else_can_go),
    IN_BLOCK_WORLD(what_was_expected_goes_when_its_time_is_over),
    IN_BLOCK_WORLD(what_is_gone_when_it_is_to_be_expected_is_not_counted),
    IN_BLOCK_WORLD(a_prefix_is_expected_with_one_lease),
    IN_BLOCK_WORLD(a_leased_block_can_be_dropped),
    IN_BLOCK_WORLD(a_long_block_finds_room_among_short_ones),
    IN_BLOCK_WORLD(blocks_of_another_length_find_room_among_chains),
    IN_BLOCK_WORLD(more_blocks_than_are_known_at_a_time_let_others_go),
    IN_BLOCK_WORLD(who_is_asked_for_alone_is_his_parents_child_in_every_tier),
    IN_BLOCK_WORLD(of_a_chain_that_goes_through_a_small_host_tier_a_leading_run_is_left),
    IN_BLOCK_WORLD(a_chain_that_is_put_block_by_block_evicts_nothing_of_itself),
    IN_BLOCK_WORLD(who_waits_for_the_disk_and_is_moved_to_memory_does_not_go_there),
    IN_BLOCK_WORLD(of_a_chain_longer_than_what_may_be_known_a_leading_run_is_left),
};

}  // namespace

int main() {
    int failures = 0;
    RUN_IN_MODES(kTests, kThreadSanitizer ? 1 : 2, failures);
    return failures;
}
