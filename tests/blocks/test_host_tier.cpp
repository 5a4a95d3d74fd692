// SPDX-License-Identifier: Apache-2.0
//
// test_host_tier.cpp — a store in host memory alone: what is put comes back or is said to be
// missing, and each kind of block operation does what it says to a block that is there, and to one
// that is not.

#include "tests/blocks/block_world.h"

namespace {

using namespace bwrt::test;

const StoreOf kHostOnly(16 * kMib, 0);

// ---- PUT and GET

void a_block_of_any_length_comes_back_as_it_was_put(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    const std::uint64_t lengths[] = {1,     7,      4095,   4096,     4097,         65535,   65536,
                                     65537, 131072, 200000, 1 * kMib, 1 * kMib + 1, 2 * kMib};
    for (std::uint32_t i = 0; i < std::size(lengths); ++i) {
        assert_int_equal(put(world, {i, 0}, 2, lengths[i]), BWRT_OK);
        assert_int_equal(get(world, {i, 0}, 2, lengths[i]), BWRT_OK);
    }
    const bwrt_store_counters counters = sample_store(world);
    assert_int_equal(counters.put_count, 2 * std::size(lengths));
    assert_int_equal(counters.host.hit_count, 2 * std::size(lengths));
    assert_int_equal(counters.miss_count, 0);
}

void a_put_says_where_it_went_and_how_much_it_moved(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    Request request(world, BWRT_OP_PUT, {1, 0}, 3);

    assert_int_equal(request.run(), BWRT_OK);

    assert_int_equal(request.completion.bytes, 3 * kLength);
    assert_int_equal(request.completion.prefix_count, 3);
    assert_int_equal(request.completion.verdict, BWRT_VERDICT_LOADED);
    for (const bwrt_result& result : request.results) {
        assert_int_equal(result.status, BWRT_OK);
        assert_int_equal(result.flags, 0);
        assert_int_equal(result.bytes, kLength);
        assert_int_equal(result.tier, BWRT_TIER_HOST);
        assert_int_equal(result.address, 0);
    }
}

void a_second_put_is_present_and_leaves_the_first_bytes(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    assert_int_equal(put(world, {1, 0}), BWRT_OK);
    Request second(world, BWRT_OP_PUT, {1, 0}, 1, kLength, 1);

    assert_int_equal(second.run(), BWRT_OK);

    assert_int_equal(second.results[0].flags, BWRT_RESULT_PRESENT);
    assert_int_equal(second.results[0].tier, BWRT_TIER_HOST);
    assert_int_equal(get(world, {1, 0}), BWRT_OK);
    const bwrt_store_counters counters = sample_store(world);
    assert_int_equal(counters.put_count, 1);
    assert_int_equal(counters.present_count, 1);
    assert_int_equal(counters.present_bytes, kLength);
}

void of_two_puts_at_once_one_wins_whole(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    for (std::uint32_t chain = 0; chain < 20; ++chain) {
        Request one(world, BWRT_OP_PUT, {chain, 0}, 4, 100000, 1);
        Request other(world, BWRT_OP_PUT, {chain, 0}, 4, 100000, 2);
        Request reader(world, BWRT_OP_GET, {chain, 0}, 4, 100000);
        one.start();
        reader.start();
        other.start();
        assert_int_equal(one.finish(), BWRT_OK);
        assert_int_equal(other.finish(), BWRT_OK);
        static_cast<void>(reader.finish());
        for (std::uint32_t i = 0; i < 4; ++i) {
            const bool second = one.results[i].flags == BWRT_RESULT_PRESENT;
            assert_true(second != (other.results[i].flags == BWRT_RESULT_PRESENT));
            const std::uint64_t winner = second ? 2 : 1;
            assert_int_equal(get(world, reader.key(i), 1, 100000, winner), BWRT_OK);
            if (reader.results[i].status == BWRT_OK) {
                assert_true(reader.holds(i, winner));
            } else {
                assert_int_equal(reader.results[i].status, BWRT_E_MISS);
                assert_true(reader.is_untouched(i));
            }
        }
    }
    assert_int_equal(sample_store(world).put_count, 80);
    assert_int_equal(sample_store(world).present_count, 80);
}

void the_same_block_twice_in_a_wave_is_stored_once(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    Request request(world, BWRT_OP_PUT, {1, 0}, 2);
    request.blocks[1] = request.blocks[0];
    request.operation.flags = BWRT_BLOCK_UNRELATED;

    assert_int_equal(request.run(), BWRT_OK);

    assert_int_equal(request.results[0].flags + request.results[1].flags, BWRT_RESULT_PRESENT);
    assert_int_equal(sample_store(world).put_count, 1);
}

void another_length_or_digest_is_a_conflict_to_a_put_and_a_miss_to_a_get(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    Request first(world, BWRT_OP_PUT, {1, 0}, 1);
    first.options.layout_digest = 77;
    assert_int_equal(first.run(), BWRT_OK);

    Request longer(world, BWRT_OP_PUT, {1, 0}, 1, kLength + 1);
    longer.options.layout_digest = 77;
    assert_int_equal(longer.run(), BWRT_E_CONFLICT);
    Request other(world, BWRT_OP_PUT, {1, 0}, 1);
    other.options.layout_digest = 78;
    assert_int_equal(other.run(), BWRT_E_CONFLICT);
    assert_int_equal(other.results[0].tier, BWRT_TIER_HOST);
    assert_int_equal(other.results[0].bytes, 0);

    assert_int_equal(get(world, {1, 0}), BWRT_E_MISS);  // digest 0
    Request shorter(world, BWRT_OP_GET, {1, 0}, 1, kLength - 1);
    shorter.options.layout_digest = 77;
    assert_int_equal(shorter.run(), BWRT_E_MISS);
    assert_true(shorter.is_untouched(0));
    Request right(world, BWRT_OP_GET, {1, 0}, 1);
    right.options.layout_digest = 77;
    assert_int_equal(right.run(), BWRT_OK);
    assert_true(right.holds(0));
}

void a_strict_put_of_what_is_there_is_a_conflict(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    Request strict(world, BWRT_OP_PUT, {1, 0}, 1);
    strict.operation.flags = BWRT_BLOCK_STRICT;

    assert_int_equal(strict.run(), BWRT_OK);
    assert_int_equal(strict.run(), BWRT_E_CONFLICT);

    assert_int_equal(strict.results[0].status, BWRT_E_CONFLICT);
    assert_int_equal(get(world, {1, 0}), BWRT_OK);
}

void what_was_never_put_is_a_miss_and_its_target_untouched(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    assert_int_equal(put(world, {1, 0}, 2), BWRT_OK);
    Request request(world, BWRT_OP_GET, {1, 0}, 4);

    assert_int_equal(request.run(), BWRT_E_MISS);

    assert_int_equal(request.completion.prefix_count, 2);
    assert_int_equal(request.completion.verdict, BWRT_VERDICT_PARTIAL);
    assert_int_equal(request.completion.bytes, 2 * kLength);
    assert_true(request.holds(0) && request.holds(1));
    assert_true(request.is_untouched(2) && request.is_untouched(3));
    assert_int_equal(sample_store(world).miss_count, 2);
}

void the_parts_of_an_identity_are_blocks_of_their_own(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    for (std::uint32_t part = 0; part < 3; ++part) {
        assert_int_equal(put(world, {1, 0, part * 1000}, 2, 5000 + part), BWRT_OK);
    }
    for (std::uint32_t part = 0; part < 3; ++part) {
        assert_int_equal(get(world, {1, 0, part * 1000}, 2, 5000 + part), BWRT_OK);
    }
    assert_int_equal(get(world, {1, 0, 1}, 1, 5000), BWRT_E_MISS);
}

// ---- DROP

void a_dropped_block_is_a_miss_and_dropping_it_again_is_fine(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    assert_int_equal(put(world, {1, 0}, 3), BWRT_OK);

    assert_int_equal(ask(world, BWRT_OP_DROP, {1, 1}, 1), BWRT_OK);
    assert_int_equal(ask(world, BWRT_OP_DROP, {1, 1}, 1), BWRT_OK);
    assert_int_equal(ask(world, BWRT_OP_DROP, {9, 0}, 1), BWRT_OK);

    assert_int_equal(get(world, {1, 1}), BWRT_E_MISS);
    assert_int_equal(get(world, {1, 0}), BWRT_OK);
    assert_int_equal(get(world, {1, 2}), BWRT_OK);
    assert_int_equal(sample_store(world).host.block_count, 2);
    Request again(world, BWRT_OP_PUT, {1, 1}, 1, kLength, 3);
    assert_int_equal(again.run(), BWRT_OK);
    assert_int_equal(again.results[0].flags, 0);
    assert_int_equal(get(world, {1, 1}, 1, kLength, 3), BWRT_OK);
}

void a_pinned_block_cannot_be_dropped(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    assert_int_equal(put(world, {1, 0}), BWRT_OK);
    assert_int_equal(ask(world, BWRT_OP_PIN, {1, 0}), BWRT_OK);

    assert_int_equal(ask(world, BWRT_OP_DROP, {1, 0}), BWRT_E_BUSY);
    assert_int_equal(get(world, {1, 0}), BWRT_OK);
    assert_int_equal(ask(world, BWRT_OP_UNPIN, {1, 0}), BWRT_OK);
    assert_int_equal(ask(world, BWRT_OP_DROP, {1, 0}), BWRT_OK);
    assert_int_equal(get(world, {1, 0}), BWRT_E_MISS);
}

// ---- PIN

void a_pin_says_where_the_block_lies(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    assert_int_equal(put(world, {1, 0}, 3), BWRT_OK);
    Request pin(world, BWRT_OP_PIN, {1, 0}, 4);

    assert_int_equal(pin.run(), BWRT_E_MISS);

    for (std::uint32_t i = 0; i < 3; ++i) {
        assert_int_equal(pin.results[i].status, BWRT_OK);
        assert_int_equal(pin.results[i].tier, BWRT_TIER_HOST);
        assert_true(is_block(reinterpret_cast<const unsigned char*>(pin.results[i].address),
                             pin.key(i), kLength));
    }
    assert_int_equal(pin.results[3].status, BWRT_E_MISS);
    assert_int_equal(pin.results[3].address, 0);
    assert_int_equal(ask(world, BWRT_OP_UNPIN, {1, 0}, 3), BWRT_OK);
}

void pins_are_counted(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    assert_int_equal(put(world, {1, 0}), BWRT_OK);

    assert_int_equal(ask(world, BWRT_OP_UNPIN, {1, 0}), BWRT_E_MISS);
    assert_int_equal(ask(world, BWRT_OP_UNPIN, {2, 0}), BWRT_E_MISS);
    assert_int_equal(ask(world, BWRT_OP_PIN, {1, 0}), BWRT_OK);
    assert_int_equal(ask(world, BWRT_OP_PIN, {1, 0}), BWRT_OK);
    assert_int_equal(ask(world, BWRT_OP_UNPIN, {1, 0}), BWRT_OK);
    assert_int_equal(ask(world, BWRT_OP_DROP, {1, 0}), BWRT_E_BUSY);
    assert_int_equal(ask(world, BWRT_OP_UNPIN, {1, 0}), BWRT_OK);
    assert_int_equal(ask(world, BWRT_OP_UNPIN, {1, 0}), BWRT_E_MISS);
    assert_int_equal(ask(world, BWRT_OP_DROP, {1, 0}), BWRT_OK);
}

void a_pinned_block_stays_where_it_is_under_any_pressure(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    assert_int_equal(put(world, {1, 0}), BWRT_OK);
    Request pin(world, BWRT_OP_PIN, {1, 0}, 1);
    assert_int_equal(pin.run(), BWRT_OK);
    const auto* pinned = reinterpret_cast<const unsigned char*>(pin.results[0].address);

    for (std::uint32_t chain = 2; chain < 20; ++chain) {
        assert_int_equal(put(world, {chain, 0}, 40), BWRT_OK);
        assert_int_equal(put(world, {chain + 100, 0}, 1, 2 * kMib), BWRT_OK);
    }

    assert_true(is_block(pinned, {1, 0}, kLength));
    assert_int_equal(get(world, {1, 0}), BWRT_OK);
    assert_int_equal(ask(world, BWRT_OP_UNPIN, {1, 0}), BWRT_OK);
    for (std::uint32_t chain = 202; chain < 220; ++chain) {
        assert_int_equal(put(world, {chain, 0}, 40), BWRT_OK);
    }
    assert_int_equal(get(world, {1, 0}), BWRT_E_MISS);
}

void a_prefetch_finds_what_is_there_already(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    assert_int_equal(put(world, {1, 0}, 2), BWRT_OK);
    Request request(world, BWRT_OP_PREFETCH, {1, 0}, 3);

    assert_int_equal(request.run(), BWRT_E_MISS);

    assert_int_equal(request.completion.prefix_count, 2);
    assert_int_equal(request.results[0].tier, BWRT_TIER_HOST);
    assert_int_equal(sample_store(world).host.hit_count, 2);
    assert_int_equal(sample_store(world).miss_count, 1);
}

// ---- lookups

void a_lookup_tells_the_longest_prefix_that_is_there(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    assert_int_equal(put(world, {1, 0}, 700), BWRT_E_NOSPC);  // more than fits
    assert_int_equal(put(world, {1, 0}, 100, kLength), BWRT_OK);
    assert_int_equal(ask(world, BWRT_OP_DROP, {1, 60}), BWRT_OK);

    const Answers answers = look_up(world, {1, 0}, 700);

    assert_int_equal(answers.prefix_count, 60);
    assert_int_equal(answers.of[59].state, BWRT_LOOKUP_HIT);
    assert_int_equal(answers.of[59].tier, BWRT_TIER_HOST);
    assert_int_equal(answers.of[60].state, BWRT_LOOKUP_MISS);
    assert_int_equal(answers.of[60].tier, BWRT_TIER_NONE);
    assert_int_equal(answers.of[61].state, BWRT_LOOKUP_HIT);
    assert_int_equal(answers.of[699].state, BWRT_LOOKUP_MISS);
    assert_int_equal(look_up(world, {1, 61}, 10).prefix_count, 10);
    assert_int_equal(look_up(world, {2, 0}, 10).prefix_count, 0);
}

void a_block_is_found_when_all_its_parts_are(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    for (std::uint32_t part = 0; part < 4; ++part) {
        assert_int_equal(put(world, {1, 0, part}, 100, 4096), BWRT_OK);
    }
    assert_int_equal(look_up(world, {1, 0}, 100, 0, 4).prefix_count, 100);

    assert_int_equal(ask(world, BWRT_OP_DROP, {1, 70, 2}), BWRT_OK);

    const Answers all = look_up(world, {1, 0}, 100, 0, 4);
    assert_int_equal(all.prefix_count, 70);
    assert_int_equal(all.of[70].state, BWRT_LOOKUP_MISS);
    assert_int_equal(all.of[71].state, BWRT_LOOKUP_HIT);
    assert_int_equal(look_up(world, {1, 0}, 100, 0, 2).prefix_count, 100);
    assert_int_equal(look_up(world, {1, 0, 2}, 100, 0, 1).prefix_count, 70);
    assert_int_equal(look_up(world, {1, 0, 3}, 100).prefix_count, 100);
}

// ---- tenants

void a_tenant_does_not_see_the_blocks_of_another(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    set_tenant(world, 5, 0);
    set_tenant(world, 6, 0);
    Request mine(world, BWRT_OP_PUT, {1, 0}, 1, kLength, 1);
    mine.wave.tenant = 5;
    assert_int_equal(mine.run(), BWRT_OK);

    assert_int_equal(get(world, {1, 0}), BWRT_E_MISS);
    Request theirs(world, BWRT_OP_GET, {1, 0}, 1);
    theirs.wave.tenant = 6;
    assert_int_equal(theirs.run(), BWRT_E_MISS);
    assert_true(theirs.is_untouched(0));
    assert_int_equal(look_up(world, {1, 0}, 1, 0, 0, 0, 6).prefix_count, 0);
    assert_int_equal(look_up(world, {1, 0}, 1, 0, 0, 0, 5).prefix_count, 1);

    // Where both have one of that name, each has his own.
    Request other(world, BWRT_OP_PUT, {1, 0}, 1, kLength, 2);
    other.wave.tenant = 6;
    assert_int_equal(other.run(), BWRT_OK);
    assert_int_equal(other.results[0].flags, 0);
    theirs.wave.tenant = 5;
    assert_int_equal(theirs.run(), BWRT_OK);
    assert_true(theirs.holds(0, 1));
    theirs.wave.tenant = 6;
    assert_int_equal(theirs.run(), BWRT_OK);
    assert_true(theirs.holds(0, 2));
    assert_int_equal(sample_tenant(world, 6).host.block_count, 1);
    assert_int_equal(sample_tenant(world, 0).host.block_count, 0);
}

void a_tenants_secret_cannot_be_changed(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    set_tenant(world, 5, 0);
    const unsigned char secret[32] = {1};
    bwrt_tenant tenant = {};
    tenant.struct_size = sizeof tenant;
    tenant.number = 5;
    tenant.secret = secret;

    assert_int_equal(bwrt_tenant_set(world->runtime, &tenant, &world->error), BWRT_E_BUSY);
    assert_string_equal(world->error.field, "tenant.secret");
    tenant.number = 0;
    assert_int_equal(bwrt_tenant_set(world->runtime, &tenant, &world->error), BWRT_E_BUSY);
    tenant.number = 6;
    tenant.secret = nullptr;
    assert_int_equal(bwrt_tenant_set(world->runtime, &tenant, &world->error), BWRT_E_INVAL);
    tenant.number = 5;  // quotas alone
    assert_int_equal(bwrt_tenant_set(world->runtime, &tenant, &world->error), BWRT_OK);
}

// ---- events

void events_tell_what_came_and_went(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    std::uint64_t cursor = 0;
    std::vector<bwrt_event> events = take_events(world, &cursor);
    assert_int_equal(events.size(), 1);
    assert_int_equal(events[0].kind, BWRT_EVENT_RESYNC);

    assert_int_equal(put(world, {1, 0, 3}, 2), BWRT_OK);
    assert_int_equal(ask(world, BWRT_OP_DROP, {1, 0, 3}), BWRT_OK);
    events = take_events(world, &cursor);

    assert_int_equal(events.size(), 3);
    for (std::uint32_t i = 0; i < 3; ++i) {
        assert_int_equal(events[i].kind, i < 2 ? BWRT_EVENT_STORED : BWRT_EVENT_REMOVED);
        assert_int_equal(events[i].reason, i < 2 ? BWRT_REASON_PUT : BWRT_REASON_DROPPED);
        assert_int_equal(events[i].tier, BWRT_TIER_HOST);
        assert_int_equal(events[i].tenant, 0);
        assert_true(key_of(events[i]) == (Key{1, i % 2, 3}));
    }
    assert_int_equal(take_events(world, &cursor).size(), 0);
}

void a_reader_that_begins_gets_all_there_is(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    assert_int_equal(put(world, {1, 0}, 200), BWRT_OK);
    assert_int_equal(ask(world, BWRT_OP_DROP, {1, 199}), BWRT_OK);
    std::uint64_t cursor = 0;

    const std::vector<bwrt_event> events = take_events(world, &cursor);

    assert_int_equal(events.size(), 200);
    assert_int_equal(events[0].kind, BWRT_EVENT_RESYNC);
    std::set<Key> keys;
    for (std::size_t i = 1; i < events.size(); ++i) {
        assert_int_equal(events[i].kind, BWRT_EVENT_STORED);
        assert_int_equal(events[i].reason, BWRT_REASON_SNAPSHOT);
        assert_true(keys.insert(key_of(events[i])).second);
    }
    assert_true(keys.count({1, 199}) == 0);
}

void a_reader_that_comes_too_late_begins_anew(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    std::uint64_t cursor = 0;
    static_cast<void>(take_events(world, &cursor));
    for (std::uint32_t round = 0; round < 340; ++round) {  // 200 events each: more than are kept
        assert_int_equal(put(world, {round, 0}, 100, 64), BWRT_OK);
        assert_int_equal(ask(world, BWRT_OP_DROP, {round, 0}, 100), BWRT_OK);
    }
    assert_int_equal(put(world, {1000, 0}), BWRT_OK);

    const std::vector<bwrt_event> events = take_events(world, &cursor);

    assert_int_equal(events.size(), 2);
    assert_int_equal(events[0].kind, BWRT_EVENT_RESYNC);
    assert_true(key_of(events[1]) == (Key{1000, 0}));
}

const CMUnitTest kTests[] = {
    IN_BLOCK_WORLD(a_block_of_any_length_comes_back_as_it_was_put),
    IN_BLOCK_WORLD(a_put_says_where_it_went_and_how_much_it_moved),
    IN_BLOCK_WORLD(a_second_put_is_present_and_leaves_the_first_bytes),
    IN_BLOCK_WORLD(of_two_puts_at_once_one_wins_whole),
    IN_BLOCK_WORLD(the_same_block_twice_in_a_wave_is_stored_once),
    IN_BLOCK_WORLD(another_length_or_digest_is_a_conflict_to_a_put_and_a_miss_to_a_get),
    IN_BLOCK_WORLD(a_strict_put_of_what_is_there_is_a_conflict),
    IN_BLOCK_WORLD(what_was_never_put_is_a_miss_and_its_target_untouched),
    IN_BLOCK_WORLD(the_parts_of_an_identity_are_blocks_of_their_own),
    IN_BLOCK_WORLD(a_dropped_block_is_a_miss_and_dropping_it_again_is_fine),
    IN_BLOCK_WORLD(a_pinned_block_cannot_be_dropped),
    IN_BLOCK_WORLD(a_pin_says_where_the_block_lies),
    IN_BLOCK_WORLD(pins_are_counted),
    IN_BLOCK_WORLD(a_pinned_block_stays_where_it_is_under_any_pressure),
    IN_BLOCK_WORLD(a_prefetch_finds_what_is_there_already),
    IN_BLOCK_WORLD(a_lookup_tells_the_longest_prefix_that_is_there),
    IN_BLOCK_WORLD(a_block_is_found_when_all_its_parts_are),
    IN_BLOCK_WORLD(a_tenant_does_not_see_the_blocks_of_another),
    IN_BLOCK_WORLD(a_tenants_secret_cannot_be_changed),
    IN_BLOCK_WORLD(events_tell_what_came_and_went),
    IN_BLOCK_WORLD(a_reader_that_begins_gets_all_there_is),
    IN_BLOCK_WORLD(a_reader_that_comes_too_late_begins_anew),
};

}  // namespace

int main() {
    int failures = 0;
    // No file is touched: the backend makes no difference, and with a caller there is no thread.
    RUN_IN_MODES(kTests, kThreadSanitizer ? 1 : 2, failures);
    return failures;
}
