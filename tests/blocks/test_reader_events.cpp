// SPDX-License-Identifier: Apache-2.0
//
// test_reader_events.cpp — what a reader of a store is told of what comes and goes in all shards.

#include <set>
#include <tuple>

#include "tests/blocks/pair_world.h"

namespace {

using namespace bwrt::test;

// A map that is kept by events alone.
struct Router {
    explicit Router(BlockWorld* of) : world(of) {}

    BlockWorld* world;
    std::uint64_t cursor = 0;
    std::uint32_t resync_count = 0;
    std::set<std::tuple<std::uint64_t, std::uint32_t, Key>> there;  // tenant, tier, block

    void follow() {
        for (const bwrt_event& event : take_events(world, &cursor)) {
            const auto place = std::make_tuple(event.tenant, event.tier, key_of(event));
            if (event.kind == BWRT_EVENT_RESYNC) {
                ++resync_count;
                there.clear();
            } else if (event.kind == BWRT_EVENT_STORED) {
                there.insert(place);
            } else {
                assert_int_equal(event.kind, BWRT_EVENT_REMOVED);
                there.erase(place);
            }
        }
    }
    [[nodiscard]] bool has(Key key, std::uint32_t tier = BWRT_TIER_DISK,
                           std::uint64_t tenant = 0) const {
        return there.count(std::make_tuple(tenant, tier, key)) != 0;
    }
};

void a_reader_is_told_what_was_there_and_what_comes_and_goes(void** state) {
    Pair* pair = pair_of(state);
    pair->open();
    assert_int_equal(put(&pair->writer, {1, 0}, 3), BWRT_OK);
    Router router(&pair->reader);
    router.follow();
    assert_int_equal(router.resync_count, 1);
    assert_int_equal(router.there.size(), 3);

    assert_int_equal(put(&pair->writer, {2, 0}, 2), BWRT_OK);
    assert_int_equal(ask(&pair->writer, BWRT_OP_DROP, {1, 1}), BWRT_OK);
    router.follow();
    assert_int_equal(router.resync_count, 1);
    assert_int_equal(router.there.size(), 4);
    assert_true(router.has({2, 1}) && router.has({1, 0}) && !router.has({1, 1}));
}

void a_ring_that_went_by_is_told(void** state) {
    Pair* pair = pair_of(state);
    pair->open(16 * kMib);
    Router router(&pair->reader);
    router.follow();
    const bwrt_status status = put_to(&pair->writer, BWRT_TIER_HOST, {1, 0}, 512, 512);
    assert_int_equal(status, BWRT_OK);
    for (int i = 0; i < 64; ++i) {  // 65,536 and some
        assert_int_equal(ask(&pair->writer, BWRT_OP_DROP, {1, 0}, 512), BWRT_OK);
        assert_int_equal(put_to(&pair->writer, BWRT_TIER_HOST, {1, 0}, 512, 512), BWRT_OK);
        if (i % 16 == 0) assert_int_equal(put_to(&pair->writer, BWRT_TIER_HOST, {2, 0}), BWRT_OK);
    }
    router.follow();
    assert_int_equal(router.resync_count, 2);
    assert_int_equal(router.there.size(), 513);
    assert_true(router.has({1, 511}, BWRT_TIER_HOST));
}

void a_writer_that_begins_anew_is_told(void** state) {
    Pair* pair = pair_of(state);
    pair->open(16 * kMib);
    assert_int_equal(put_to(&pair->writer, BWRT_TIER_DISK, {1, 0}), BWRT_OK);
    assert_int_equal(put_to(&pair->writer, BWRT_TIER_HOST, {2, 0}), BWRT_OK);
    settle(&pair->writer);
    Router router(&pair->reader);
    router.follow();
    assert_true(router.has({1, 0}) && router.has({2, 0}, BWRT_TIER_HOST));

    pair->writer.close();
    pair->let_reader_look();
    router.follow();
    assert_int_equal(router.resync_count, 2);
    assert_true(router.has({1, 0}) && !router.has({2, 0}, BWRT_TIER_HOST));

    pair->writer.open(pair->shared());
    assert_int_equal(put(&pair->writer, {3, 0}), BWRT_OK);
    pair->let_reader_look();
    router.follow();
    assert_int_equal(router.resync_count, 3);
    assert_true(router.has({1, 0}) && router.has({3, 0}));
    assert_int_equal(put(&pair->writer, {4, 0}), BWRT_OK);
    router.follow();
    assert_int_equal(router.resync_count, 3);
    assert_true(router.has({4, 0}));
}

void all_shards_are_followed(void** state) {
    Pair* pair = pair_of(state);
    pair->open();
    assert_int_equal(put(&pair->writer, {1, 0}), BWRT_OK);
    Router router(&pair->reader);
    router.follow();
    BlockWorld second;
    StoreOf store = pair->shared();
    store.store.shard = "second";
    second.open(store);
    assert_int_equal(put(&second, {2, 0}), BWRT_OK);
    pair->let_reader_look();
    router.follow();
    assert_int_equal(router.resync_count, 2);
    assert_true(router.has({1, 0}) && router.has({2, 0}));

    assert_int_equal(put(&second, {3, 0}), BWRT_OK);
    assert_int_equal(put(&pair->writer, {4, 0}), BWRT_OK);
    router.follow();
    assert_int_equal(router.resync_count, 2);
    assert_int_equal(router.there.size(), 4);
    assert_int_equal(second.close_with(BWRT_SHUTDOWN_DRAIN), 0);
    delete second.clock;
}

void tenants_have_the_numbers_of_the_reader(void** state) {
    Pair* pair = pair_of(state);
    pair->open();
    set_tenant(&pair->writer, 5, 0);
    set_tenant(&pair->writer, 6, 0);
    set_tenant(&pair->reader, 6, 0);
    for (const std::uint64_t tenant : {5u, 6u}) {
        Request request(&pair->writer, BWRT_OP_PUT, {static_cast<std::uint32_t>(tenant), 0}, 1);
        request.wave.tenant = tenant;
        assert_int_equal(request.run(), BWRT_OK);
    }
    Router router(&pair->reader);
    router.follow();
    assert_true(router.has({6, 0}, BWRT_TIER_DISK, 6));
    assert_true(router.has({5, 0}, BWRT_TIER_DISK, ~std::uint64_t{0}));  // it was not set here
    set_tenant(&pair->reader, 5, 0);
    for (const std::uint64_t tenant : {5u, 6u}) {
        Request request(&pair->writer, BWRT_OP_PUT, {static_cast<std::uint32_t>(tenant), 1}, 1);
        request.wave.tenant = tenant;
        assert_int_equal(request.run(), BWRT_OK);
    }
    router.follow();
    assert_true(router.has({6, 1}, BWRT_TIER_DISK, 6));
    assert_true(router.has({5, 1}, BWRT_TIER_DISK, 5));
}

void two_who_follow_are_told_the_same(void** state) {
    Pair* pair = pair_of(state);
    pair->open();
    assert_int_equal(put(&pair->writer, {1, 0}), BWRT_OK);
    Router one(&pair->reader), other(&pair->reader);
    one.follow();
    assert_int_equal(put(&pair->writer, {2, 0}), BWRT_OK);
    other.follow();
    assert_int_equal(put(&pair->writer, {3, 0}), BWRT_OK);
    one.follow();
    other.follow();
    assert_true(one.there == other.there);
    assert_int_equal(one.there.size(), 3);
    assert_int_equal(one.resync_count + other.resync_count, 2);
}

const CMUnitTest kTests[] = {
    IN_PAIR(a_reader_is_told_what_was_there_and_what_comes_and_goes),
    IN_PAIR(a_ring_that_went_by_is_told),
    IN_PAIR(a_writer_that_begins_anew_is_told),
    IN_PAIR(all_shards_are_followed),
    IN_PAIR(tenants_have_the_numbers_of_the_reader),
    IN_PAIR(two_who_follow_are_told_the_same),
};

}  // namespace

int main() {
    int failures = 0;
    RUN_IN_MODES_OF(kTests, kBlocksModes, failures);
    return failures;
}
