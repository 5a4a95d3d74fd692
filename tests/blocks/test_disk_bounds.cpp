// SPDX-License-Identifier: Apache-2.0
//
// test_disk_bounds.cpp — what a store on disk is not to exceed: its bytes at every moment of a long
// run in which segments are emptied under load, its log, what it may write in a day; and that
// nothing of what it still says it has is wrong meanwhile.

#include "tests/blocks/block_world.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::test;
using bwrt::runtime::IoKind;

const StoreOf kDiskOnly(0, kDiskBytes);
const StoreOf kBoth(16 * kMib, kDiskBytes);

// Lengths and what is alive change all the time, readers are under way while segments are emptied.
void run_beyond_the_budget(BlockWorld* world, const StoreOf& store, std::uint64_t bytes) {
    Random random(test_seed());
    world->open(store);
    constexpr std::uint32_t kChains = 200;
    std::uint32_t lengths[kChains];
    for (std::uint32_t& length : lengths) {
        length = random.one_in(3) ? random.between32(1, 20'000) : random.between32(20'000, 600'000);
    }
    std::uint64_t done_bytes = 0, good_count = 0, nospc_count = 0;
    for (std::uint32_t round = 0; done_bytes < bytes; ++round) {
        std::vector<std::unique_ptr<Request>> requests;
        for (std::uint32_t i = 0; i < 4; ++i) {
            const auto chain = static_cast<std::uint32_t>(random.below(kChains));
            const bool puts = i < 2;
            // Nobody goes for a block whose parent was dropped meanwhile: not in this test.
            const bool is_put = std::any_of(requests.begin(), requests.end(), [&](const auto& one) {
                return one->operation.kind == BWRT_OP_PUT && one->first.chain == chain;
            });
            const std::uint32_t kind = puts                           ? BWRT_OP_PUT
                                       : !is_put && random.one_in(20) ? BWRT_OP_DROP
                                                                      : BWRT_OP_GET;
            requests.push_back(std::make_unique<Request>(world, kind, Key{chain, 0},
                                                         random.between32(1, 6), lengths[chain]));
            Request& request = *requests.back();
            if (random.one_in(8) && puts) request.operation.flags |= BWRT_BLOCK_DURABLE;
            request.start();
            if (random.one_in(30)) bwrt_cancel(world->runtime, request.handle, nullptr);
        }
        for (const auto& request : requests) {
            static_cast<void>(request->finish());
            for (std::uint32_t i = 0; i < request->count; ++i) {
                const bwrt_result& result = request->results[i];
                const std::uint32_t kind = request->operation.kind;
                if (kind == BWRT_OP_GET && result.status == BWRT_OK) {
                    assert_true(request->holds(i));
                    ++good_count;
                } else if (kind == BWRT_OP_PUT && result.status == BWRT_OK && result.flags == 0) {
                    done_bytes += request->length;
                } else if (result.status == BWRT_E_NOSPC) {
                    ++nospc_count;
                } else if (result.status != BWRT_OK) {
                    assert_true(result.status == BWRT_E_MISS || result.status == BWRT_E_CANCELLED);
                }
            }
        }
        assert_true(disk_bytes_of("s") <= store.store.disk_bytes);
        if (round % 200 == 199) world->open_again(store);
    }
    const bwrt_store_counters counters = sample_store(world);
    assert_int_equal(counters.corrupt_count, 0);
    assert_int_equal(counters.failed_count, 0);
    assert_true(good_count > 100);
    assert_int_equal(nospc_count, 0);
}

// More than once all of it, in any case.
std::uint64_t bytes_beyond() { return kDiskBytes + share_of(200) * (kDiskBytes / 100); }

void a_store_on_disk_alone_never_exceeds_its_budget(void** state) {
    run_beyond_the_budget(world_of(state), kDiskOnly, bytes_beyond());
}

void a_store_in_both_tiers_never_exceeds_its_budget(void** state) {
    run_beyond_the_budget(world_of(state), kBoth, bytes_beyond());
}

void sixteen_large_directories_are_one_store(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf large(0, 64 * 1024 * kMib);
    std::vector<std::string> names;
    for (int i = 0; i < 16; ++i) names.push_back("s" + std::to_string(i));
    large.directories.clear();
    for (const std::string& name : names) large.directories.push_back(name.c_str());
    for (int round = 0; round < 2; ++round) {
        world->open(large);
        for (std::uint32_t i = 0; i < 3; ++i) {
            if (round == 0) assert_int_equal(put(world, {i, 0}), BWRT_OK);
            assert_int_equal(get(world, {i, 0}), BWRT_OK);
        }
        world->close();
    }
}

void a_full_disk_takes_what_comes_one_by_one(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    for (std::uint32_t i = 0; i < 400; ++i) {
        assert_int_equal(put(world, {i, 0}, 1, 1 * kMib), BWRT_OK);
    }
    assert_int_equal(get(world, {399, 0}, 1, 1 * kMib), BWRT_OK);
    assert_true(sample_store(world).disk.evicted_count > 250);
    assert_true(disk_bytes_of("s") <= kDiskBytes);
}

// What expires is swept, and the log told, for the store's own sake; whoever has shut it down takes
// the log's file away next.
void nothing_is_begun_behind_a_shutdown(void** state) {
    BlockWorld* world = world_of(state);
    for (const bool is_shut : {false, true}) {
        world->open(kDiskOnly);
        Request request(world, BWRT_OP_PUT, {is_shut ? 2u : 1u, 0}, 4);
        request.options.ttl_s = 60;
        assert_int_equal(request.run(), BWRT_OK);
        settle(world);
        if (is_shut) {
            assert_int_equal(
                bwrt_shutdown(world->runtime, BWRT_SHUTDOWN_DRAIN, kPatienceNs, &world->error),
                BWRT_OK);
        }
        const std::uint64_t write_count = world->storage->count(IoKind::kWrite);

        let_time_pass(world, 61 * kSecondNs);
        drive(world);

        const std::uint64_t more = world->storage->count(IoKind::kWrite) - write_count;
        assert_true(is_shut ? more == 0 : more != 0);
        world->close();
    }
}

// Shuts it down, whose waves are over, while the store has something under way; `goes_on` is what
// it waits for.
template <typename GoesOn>
void shut_down_meanwhile(BlockWorld* world, GoesOn&& goes_on) {
    assert_int_equal(bwrt_shutdown(world->runtime, BWRT_SHUTDOWN_DRAIN, 0, &world->error),
                     BWRT_E_TIMEOUT);
    goes_on();
    assert_int_equal(bwrt_shutdown(world->runtime, BWRT_SHUTDOWN_DRAIN, kPatienceNs, &world->error),
                     BWRT_OK);
}

void let_all_go(BlockWorld* world) {
    world->storage->script = nullptr;
    world->storage->let_go();
}

// Of a segment that is being emptied, what is on its way is carried to its end, and no more.
void no_block_is_carried_behind_a_shutdown(void** state) {
    BlockWorld* world = world_of(state);
    for (const bool is_shut : {false, true}) {
        StoreOf store = kDiskOnly;
        store.directories = {is_shut ? "shut" : "open"};
        world->open(store);
        for (std::uint32_t i = 0; i < 50; ++i) {
            assert_int_equal(put(world, {i, 0}, 1, 1 * kMib), BWRT_OK);
        }
        settle(world);
        let_time_pass(world, kSecondNs);
        for (std::uint32_t i = 0; i < 50; i += 2)
            static_cast<void>(get(world, {i, 0}, 1, 1 * kMib));
        hold_all(world, IoKind::kRead);
        std::uint32_t chain = 100;
        while (world->storage->held_count() < 4) {  // as many are carried at a time
            assert_true(chain < 200);
            assert_int_equal(put(world, {chain++, 0}, 1, 1 * kMib), BWRT_OK);
            for (int i = 0; i < 20; ++i) drive(world);
        }
        const std::uint64_t read_count = world->storage->count(IoKind::kRead);
        if (is_shut) {
            shut_down_meanwhile(world, [&] { let_all_go(world); });
        } else {
            let_all_go(world);
            settle(world);
        }
        for (int i = 0; i < 100; ++i) drive(world);

        const std::uint64_t more = world->storage->count(IoKind::kRead) - read_count;
        assert_true(is_shut ? more == 0 : more != 0);
        world->close();
    }
}

std::string log_of(const char* directory) {
    for (const auto& file :
         std::filesystem::directory_iterator(std::string(directory) + "/shards/0")) {
        const std::string name = file.path().filename().string();
        if (name.rfind("log.", 0) == 0 && name.find(".new") == std::string::npos) return name;
    }
    return {};
}

// The last records of a life make the log half as long as it may be.
void no_log_is_made_anew_behind_a_shutdown(void** state) {
    BlockWorld* world = world_of(state);
    constexpr std::uint64_t kHalfBytes = 1 * kMib;
    for (const bool is_shut : {false, true}) {
        StoreOf store = kBoth;
        store.directories = {is_shut ? "shut" : "open"};
        world->open(store);
        assert_int_equal(put(world, {1, 0}, 60, 100), BWRT_OK);
        while (sample_store(world).log_bytes + 10'000 < kHalfBytes) {
            assert_int_equal(put(world, {2, 0}, 10, 100), BWRT_OK);
            settle(world);
            assert_int_equal(ask(world, BWRT_OP_DROP, {2, 0}, 10), BWRT_OK);
        }
        const std::string log = log_of(store.directories[0]);
        hold_all(world, IoKind::kWrite);
        assert_int_equal(put(world, {3, 0}, 60, 100), BWRT_OK);
        drive_until(world, [&] { return world->storage->held_count() != 0; });
        if (is_shut) {
            shut_down_meanwhile(world, [&] { let_all_go(world); });
        } else {
            let_all_go(world);
            drive_until(world, [&] { return log_of("open") != log; });
        }
        world->close();

        assert_int_equal(log_of(store.directories[0]) == log, is_shut);
        world->open(store);
        assert_int_equal(get(world, {3, 0}, 60, 100), BWRT_OK);
        world->close();
    }
}

void the_log_is_made_anew_and_keeps_all(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    assert_int_equal(put(world, {1, 0}, 50), BWRT_OK);
    std::uint64_t log_bytes = 0;
    std::uint32_t shrunk_count = 0;
    for (std::uint32_t round = 0; round < 150; ++round) {
        assert_int_equal(put(world, {2, 0}, 50, 100), BWRT_OK);
        assert_int_equal(ask(world, BWRT_OP_DROP, {2, 0}, 50), BWRT_OK);
        const std::uint64_t now_bytes = sample_store(world).log_bytes;
        if (now_bytes < log_bytes) ++shrunk_count;
        log_bytes = now_bytes;
        assert_true(log_bytes <= kDiskBytes / 64);
    }
    assert_true(shrunk_count >= 1);
    assert_int_equal(put(world, {3, 0}, 50), BWRT_OK);

    world->open_again(kDiskOnly);

    assert_int_equal(sample_store(world).disk.block_count, 100);
    assert_int_equal(get(world, {1, 0}, 50), BWRT_OK);
    assert_int_equal(get(world, {3, 0}, 50), BWRT_OK);
    assert_int_equal(get(world, {2, 0}, 50, 100), BWRT_E_MISS);
}

// Of blocks that do not fit their segments well much is tail.  Nothing is carried by which nothing
// is won, and there is always room for the next.
void large_blocks_find_room_and_an_idle_store_rests(void** state) {
    BlockWorld* world = world_of(state);
    struct Row {
        const char* name;
        std::uint64_t length, disk_bytes;
    };
    for (const Row& row : {Row{"8", 8 * kMib, 160 * kMib}, Row{"2", 2 * kMib, kDiskBytes}}) {
        StoreOf store(0, row.disk_bytes, 64 * kMib, static_cast<std::uint32_t>(row.length));
        store.directories = {row.name};
        world->open(store);
        const auto count = static_cast<std::uint32_t>(row.disk_bytes / row.length * 3 / 4);
        for (std::uint32_t i = 0; i < count; ++i) {
            assert_int_equal(put(world, {i, 0}, 1, row.length), BWRT_OK);
        }
        assert_int_equal(get(world, {count - 1, 0}, 1, row.length), BWRT_OK);
        settle(world);
        const std::uint64_t carried_bytes = sample_store(world).carried_bytes;
        for (int i = 0; i < 100; ++i) drive(world);
        assert_int_equal(sample_store(world).carried_bytes, carried_bytes);
        assert_true(sample_store(world).disk.evicted_count > 0);
        world->close();
    }
}

// All that is left of it is alive, so there is nothing to empty before somebody has gone.
void a_store_that_became_smaller_takes_what_comes(void** state) {
    BlockWorld* world = world_of(state);
    world->open(StoreOf(0, 2 * kDiskBytes));
    for (std::uint32_t i = 0; i < 105; ++i) {
        assert_int_equal(put(world, {i, 0}, 1, 1 * kMib), BWRT_OK);
    }
    world->open_again(kDiskOnly);
    for (int i = 0; i < 10; ++i) drive(world);

    for (std::uint32_t i = 100; i < 120; ++i) {
        assert_int_equal(put(world, {i, 0}, 1, 1 * kMib), BWRT_OK);
    }
}

// ---- what is written

void no_more_is_written_in_a_day_than_may_be(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf frugal = kDiskOnly;
    frugal.store.write_bytes_per_day = 10 * kLength;
    world->open(frugal);
    Request request(world, BWRT_OP_PUT, {1, 0}, 15);

    assert_int_equal(request.run(), BWRT_E_NOSPC);

    assert_int_equal(request.completion.prefix_count, 10);
    assert_int_equal(sample_store(world).refused_count, 5);
    assert_int_equal(sample_store(world).written_bytes, 10 * kLength);
    assert_true(sample_store(world).write_budget_left_bytes < kLength);
    let_time_pass(world, 86'400 * kSecondNs);
    assert_int_equal(sample_store(world).write_budget_left_bytes, 10 * kLength);
    assert_int_equal(put(world, {1, 10}, 5), BWRT_OK);
}

// Beginning anew is no new day; what the time between brings comes with the time.
void a_restart_has_what_was_left_of_the_day(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf frugal = kDiskOnly;
    frugal.store.write_bytes_per_day = 10 * kLength;
    world->open(frugal);
    assert_int_equal(put(world, {1, 0}, 7), BWRT_OK);
    world->close();

    for (std::uint32_t life = 0; life < 3; ++life) {
        world->open(frugal);
        const std::uint64_t left_bytes = sample_store(world).write_budget_left_bytes;
        // A minute brings less than a block.
        assert_true(left_bytes >= 3 * kLength && left_bytes < 4 * kLength);
        world->close();
    }
    world->open(frugal);
    Request request(world, BWRT_OP_PUT, {2, 0}, 5);
    assert_int_equal(request.run(), BWRT_E_NOSPC);
    assert_int_equal(request.completion.prefix_count, 3);
    let_time_pass(world, 43'200 * kSecondNs);
    assert_int_equal(put(world, {3, 0}, 5), BWRT_OK);
    world->close();

    frugal.store.write_bytes_per_day = 0;  // no limit any more, and again one
    world->open(frugal);
    assert_int_equal(sample_store(world).write_budget_left_bytes, UINT64_MAX);
    world->close();
    frugal.store.write_bytes_per_day = 2 * kLength;
    world->open(frugal);
    assert_true(sample_store(world).write_budget_left_bytes < 2 * kLength);
}

void what_may_not_be_written_is_in_memory_all_the_same(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf frugal = kBoth;
    frugal.store.write_bytes_per_day = 10 * kLength;
    world->open(frugal);

    assert_int_equal(put(world, {1, 0}, 15), BWRT_OK);
    settle(world);

    assert_int_equal(sample_store(world).host.block_count, 15);
    assert_int_equal(sample_store(world).disk.block_count, 10);
    assert_int_equal(sample_store(world).refused_count, 5);
    Request durable(world, BWRT_OP_PUT, {2, 0}, 1);
    durable.operation.flags = BWRT_BLOCK_DURABLE;
    assert_int_equal(durable.run(), BWRT_E_NOSPC);
    assert_int_equal(get(world, {1, 0}, 15), BWRT_OK);
}

// A day's bytes may suffice for the child and did not for its parent.  A child without its parent
// is of no use: it waits until that goes.
void no_block_goes_to_the_disk_without_its_parent(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf frugal = kBoth;
    frugal.store.write_bytes_per_day = 10 * kLength;
    const auto disk_count = [&] {
        settle(world);
        return sample_store(world).disk.block_count;
    };
    world->open(frugal);
    assert_int_equal(put(world, {1, 0}, 12), BWRT_OK);
    assert_int_equal(disk_count(), 10);
    let_time_pass(world, 10'000 * kSecondNs);  // one more

    assert_int_equal(put(world, {1, 12}), BWRT_OK);
    assert_int_equal(get(world, {1, 11}, 2), BWRT_OK);
    assert_int_equal(disk_count(), 10);
    assert_true(sample_store(world).write_budget_left_bytes >= kLength);  // and nothing was spent
    Request alone(world, BWRT_OP_GET, {1, 12}, 1);  // who does not say whose child it is
    alone.operation.flags = BWRT_BLOCK_UNRELATED;
    assert_int_equal(alone.run(), BWRT_OK);
    assert_int_equal(disk_count(), 10);

    assert_int_equal(get(world, {1, 0}, 13), BWRT_OK);  // the first of them goes first
    assert_int_equal(disk_count(), 11);
    let_time_pass(world, 20'000 * kSecondNs);
    assert_int_equal(get(world, {1, 0}, 13), BWRT_OK);
    assert_int_equal(disk_count(), 13);
    world->open_again(frugal);
    assert_int_equal(look_up(world, {1, 0}, 13).prefix_count, 13);
}

// Nor while the parent is still being copied.
void a_short_child_of_a_block_that_may_not_be_written_stays_with_it(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf frugal = kBoth;
    frugal.store.write_bytes_per_day = 10 * kLength;
    world->open(frugal);
    Request parent(world, BWRT_OP_PUT, {1, 0}, 1, 16 * kLength);
    Request child(world, BWRT_OP_PUT, {1, 1}, 1);
    const bwrt_operation operations[2] = {parent.operation, child.operation};
    child.wave.operations = operations;
    child.wave.operation_count = 2;
    child.results.resize(2);

    assert_int_equal(child.run(), BWRT_OK);

    settle(world);
    assert_int_equal(sample_store(world).host.block_count, 2);
    assert_int_equal(sample_store(world).disk.block_count, 0);
    assert_int_equal(sample_store(world).refused_count, 2);
}

// Whom its parent is of no matter, or whose caller keeps that in memory, or who must go.
void a_block_goes_to_the_disk_without_a_parent_that_it_does_not_need(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf frugal = kBoth;
    frugal.store.write_bytes_per_day = 10 * kLength;
    world->open(frugal);
    assert_int_equal(put(world, {1, 0}, 12), BWRT_OK);
    assert_int_equal(put(world, {4, 0}), BWRT_OK);
    assert_int_equal(put_to(world, BWRT_TIER_HOST, {2, 0}), BWRT_OK);
    let_time_pass(world, 86'400 * kSecondNs);

    Request last_state(world, BWRT_OP_PUT, {1, 12}, 1);
    last_state.options.closure = BWRT_CLOSURE_LAST_STATE;
    assert_int_equal(last_state.run(), BWRT_OK);
    assert_int_equal(put(world, {2, 1}), BWRT_OK);
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {4, 1}), BWRT_OK);
    assert_int_equal(put(world, {3, 1}), BWRT_OK);  // its parent is nowhere
    settle(world);
    world->open_again(frugal);
    for (const Key& key : {Key{1, 12}, Key{2, 1}, Key{4, 1}, Key{3, 1}}) {
        assert_true(is_hit(world, key));
    }
}

void a_block_is_written_when_it_was_asked_for_often_enough(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf choosy = kBoth;
    choosy.store.write_touch_count = 3;
    world->open(choosy);

    assert_int_equal(put(world, {1, 0}, 4), BWRT_OK);
    settle(world);
    assert_int_equal(sample_store(world).disk.block_count, 0);
    assert_int_equal(sample_store(world).refused_count, 4);
    assert_int_equal(get(world, {1, 0}, 4), BWRT_OK);
    settle(world);
    assert_int_equal(sample_store(world).disk.block_count, 0);
    assert_int_equal(get(world, {1, 0}, 3), BWRT_OK);
    settle(world);
    assert_int_equal(sample_store(world).disk.block_count, 3);
    assert_int_equal(put(world, {1, 3}), BWRT_OK);  // a PUT counts as well
    settle(world);
    assert_int_equal(sample_store(world).disk.block_count, 4);
    Request durable(world, BWRT_OP_PUT, {2, 0}, 1);  // must be, however rarely it was seen
    durable.operation.flags = BWRT_BLOCK_DURABLE;
    assert_int_equal(durable.run(), BWRT_OK);
}

// However often it was begun again for want of a flight.
void who_waits_for_room_has_been_asked_for_once(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf choosy = kBoth;
    choosy.store.write_touch_count = 2;
    choosy.store.flight_count_max = 2;
    world->open(choosy);

    assert_int_equal(put(world, {1, 0}, 60), BWRT_OK);
    settle(world);

    assert_int_equal(sample_store(world).disk.block_count, 0);
    assert_int_equal(sample_store(world).refused_count, 60);
}

// As bwrt_content_id makes them; or numbers, with all else zero.
void names_that_are_no_digests_are_told_apart(void** state) {
    BlockWorld* world = world_of(state);
    for (const bool text : {true, false}) {
        StoreOf choosy = kBoth;
        choosy.directories = {text ? "text" : "numbers"};
        choosy.store.write_touch_count = 2;
        world->open(choosy);
        for (std::uint32_t round = 0; round < 2; ++round) {
            for (std::uint32_t i = 0; i < 300; ++i) {
                Request request(world, BWRT_OP_PUT, {1, 0}, 1, 4096);
                char digits[33];
                std::snprintf(digits, sizeof digits, "%032x", i * 0x9E3779B9u);
                unsigned char* identity = request.blocks[0].identity;
                std::memset(identity, 0, 32);
                std::memcpy(identity, text ? digits : reinterpret_cast<char*>(&i),
                            text ? 32 : sizeof i);
                identity[31] |= 0x40;
                assert_int_equal(request.run(), BWRT_OK);
                if (i % 16 == 15) settle(world);
            }
            settle(world);
            assert_int_equal(sample_store(world).disk.block_count, round == 0 ? 0 : 300);
        }
        world->close();
    }
}

void a_tenant_has_its_own_part_of_the_disk(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    set_tenant(world, 1, 0, 8 * kMib);
    assert_int_equal(put(world, {1, 0}, 10, 1 * kMib), BWRT_OK);
    for (std::uint32_t i = 0; i < 20; ++i) {
        Request request(world, BWRT_OP_PUT, {2 + i, 0}, 1, 1 * kMib);
        request.wave.tenant = 1;
        assert_int_equal(request.run(), BWRT_OK);
    }
    assert_true(sample_tenant(world, 1).disk.used_bytes <= 8 * kMib);
    assert_int_equal(sample_tenant(world, 1).disk.block_count, 7);  // with their sums
    assert_int_equal(look_up(world, {1, 0}, 10).prefix_count, 10);
}

const CMUnitTest kTests[] = {
    IN_BLOCK_WORLD(sixteen_large_directories_are_one_store),
    IN_BLOCK_WORLD(a_full_disk_takes_what_comes_one_by_one),
    IN_BLOCK_WORLD(nothing_is_begun_behind_a_shutdown),
    IN_BLOCK_WORLD(no_block_is_carried_behind_a_shutdown),
    IN_BLOCK_WORLD(no_log_is_made_anew_behind_a_shutdown),
    IN_BLOCK_WORLD(the_log_is_made_anew_and_keeps_all),
    IN_BLOCK_WORLD(no_more_is_written_in_a_day_than_may_be),
    IN_BLOCK_WORLD(large_blocks_find_room_and_an_idle_store_rests),
    IN_BLOCK_WORLD(a_store_that_became_smaller_takes_what_comes),
    IN_BLOCK_WORLD(a_restart_has_what_was_left_of_the_day),
    IN_BLOCK_WORLD(what_may_not_be_written_is_in_memory_all_the_same),
    IN_BLOCK_WORLD(no_block_goes_to_the_disk_without_its_parent),
    IN_BLOCK_WORLD(a_short_child_of_a_block_that_may_not_be_written_stays_with_it),
    IN_BLOCK_WORLD(a_block_goes_to_the_disk_without_a_parent_that_it_does_not_need),
    IN_BLOCK_WORLD(a_block_is_written_when_it_was_asked_for_often_enough),
    IN_BLOCK_WORLD(who_waits_for_room_has_been_asked_for_once),
    IN_BLOCK_WORLD(names_that_are_no_digests_are_told_apart),
    IN_BLOCK_WORLD(a_tenant_has_its_own_part_of_the_disk),
    IN_BLOCK_WORLD(a_store_on_disk_alone_never_exceeds_its_budget),
    IN_BLOCK_WORLD(a_store_in_both_tiers_never_exceeds_its_budget),
};

}  // namespace

int main() {
    int failures = 0;
    // It is about room on the disk, of which the thread sanitizer sees nothing: once is enough.
    RUN_IN_MODES(kTests, kThreadSanitizer ? 1 : 2, failures);
    return failures;
}
