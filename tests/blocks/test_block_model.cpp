// SPDX-License-Identifier: Apache-2.0
//
// test_block_model.cpp — a store and a map of what it was told, side by side for many random steps:
// what comes back is what the map has, what the events told is what lookups say, and the counters
// are the sums of both.
//
// The requests of a step are on different chains, so that the map knows in which order they took
// place.  A block that is missing was allowed to go; only its bytes may never be others.

#include "tests/blocks/block_world.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::test;

constexpr std::uint32_t kChains = 24;
constexpr std::uint32_t kPositions = 16;

struct Tally {
    std::uint64_t stored = 0, evicted = 0, expired = 0;
    std::set<Key> there;
};

// What can be looked at.
struct Sight {
    std::vector<Answers> answers;  // a chain each
    std::size_t event_count = 0;   // told to who asks for the first time
    bwrt_store_counters counters = {};
};

struct Model {
    BlockWorld* world;
    Random random;
    StoreOf store;
    std::map<Key, std::set<std::uint64_t>> variants;  // that it may have, if it is there
    Tally host, disk;                                 // by the events of this life
    std::uint64_t cursor = 0;
    std::uint64_t put_count = 0, present_count = 0, uncertain_count = 0;

    Model(BlockWorld* in, std::uint64_t seed, const StoreOf& of)
        : world(in), random(seed), store(of) {}

    static std::uint64_t length_of(std::uint32_t chain) {
        constexpr std::uint64_t kLengths[] = {100, 4096, 65536, 65537, 150'000, 500'000};
        return kLengths[chain % std::size(kLengths)];
    }

    // How many there were.
    std::size_t read_events() {
        const std::vector<bwrt_event> events = take_events(world, &cursor);
        for (const bwrt_event& event : events) {
            if (event.kind == BWRT_EVENT_RESYNC) {
                host = disk = {};
                continue;
            }
            Tally& tally = event.tier == BWRT_TIER_HOST ? host : disk;
            const bool came = event.kind == BWRT_EVENT_STORED;
            if (came && event.reason != BWRT_REASON_SNAPSHOT) ++tally.stored;
            if (event.reason == BWRT_REASON_EVICTED) ++tally.evicted;
            if (event.reason == BWRT_REASON_EXPIRED) ++tally.expired;
            const Key key = key_of(event);
            assert_true(came == (tally.there.count(key) == 0));  // each in its turn
            if (came) {
                tally.there.insert(key);
            } else {
                tally.there.erase(key);
            }
        }
        return events.size();
    }

    // At rest, and at one moment: blocks expire by themselves, and while one did it is looked
    // again.
    Sight look() {
        Sight sight;
        do {
            settle(world);
            read_events();
            sight.answers.clear();
            for (std::uint32_t chain = 0; chain < kChains; ++chain) {
                sight.answers.push_back(look_up(world, {chain, 0}, kPositions));
            }
            std::uint64_t fresh = 0;
            sight.event_count = take_events(world, &fresh).size();
            sight.counters = sample_store(world);
        } while (read_events() != 0);
        return sight;
    }

    void compare() {
        const Sight sight = look();
        for (std::uint32_t chain = 0; chain < kChains; ++chain) {
            const Answers& answers = sight.answers[chain];
            for (std::uint32_t i = 0; i < kPositions; ++i) {
                const Key key = {chain, i};
                const bool in_host = host.there.count(key) != 0;
                const bool on_disk = disk.there.count(key) != 0;
                const std::uint32_t tier = in_host   ? BWRT_TIER_HOST
                                           : on_disk ? BWRT_TIER_DISK
                                                     : BWRT_TIER_NONE;
                assert_int_equal(answers.of[i].state == BWRT_LOOKUP_HIT, in_host || on_disk);
                assert_int_equal(answers.of[i].tier, tier);
            }
        }
        assert_int_equal(sight.event_count, 1 + host.there.size() + disk.there.size());
        const bwrt_store_counters& counters = sight.counters;
        assert_int_equal(counters.host.block_count, host.there.size());
        assert_int_equal(counters.disk.block_count, disk.there.size());
        assert_int_equal(counters.host.stored_count, host.stored);
        assert_int_equal(counters.disk.stored_count, disk.stored);
        assert_int_equal(counters.host.evicted_count, host.evicted);
        assert_int_equal(counters.disk.evicted_count, disk.evicted);
        assert_int_equal(counters.host.expired_count, host.expired);
        assert_int_equal(counters.disk.expired_count, disk.expired);
        assert_int_equal(counters.present_count, present_count);
        assert_true(counters.put_count >= put_count);
        assert_true(counters.put_count <= put_count + uncertain_count);
        assert_true(counters.host.used_bytes <= counters.host.capacity_bytes);
        assert_true(counters.disk.used_bytes <= counters.disk.capacity_bytes);
        assert_int_equal(counters.corrupt_count + counters.failed_count, 0);
    }

    void begin() {
        world->open(store);
        cursor = put_count = present_count = uncertain_count = 0;
        // What expired before anybody asked is in nobody's events.
        bwrt_store_counters counters = {};
        do {
            static_cast<void>(read_events());
            counters = sample_store(world);
        } while (read_events() != 0);
        host.expired = counters.host.expired_count;
        disk.expired = counters.disk.expired_count;
    }

    std::unique_ptr<Request> request_on(std::uint32_t chain, std::uint64_t variant) {
        constexpr std::uint32_t kKinds[] = {
            BWRT_OP_PUT, BWRT_OP_PUT, BWRT_OP_PUT,      BWRT_OP_GET,  BWRT_OP_GET,
            BWRT_OP_GET, BWRT_OP_GET, BWRT_OP_PREFETCH, BWRT_OP_MOVE, BWRT_OP_DROP};
        const bool both = store.store.host_bytes != 0 && !store.directories.empty();
        std::uint32_t kind = kKinds[random.below(std::size(kKinds))];
        if (kind == BWRT_OP_MOVE && !both) kind = BWRT_OP_GET;
        if (kind == BWRT_OP_PREFETCH && store.store.host_bytes == 0) kind = BWRT_OP_GET;
        const auto first = static_cast<std::uint32_t>(random.below(kPositions));
        auto request = std::make_unique<Request>(world, kind, Key{chain, first},
                                                 random.between32(1, kPositions - first),
                                                 length_of(chain), variant);
        bwrt_operation& operation = request->operation;
        if (kind == BWRT_OP_MOVE) operation.tier = random.between32(2, 3);
        if (kind != BWRT_OP_PUT) return request;
        if (both && random.one_in(4)) operation.tier = random.between32(2, 3);
        const bool may_sync = !store.directories.empty() && operation.tier != BWRT_TIER_HOST;
        if (may_sync && random.one_in(6)) operation.flags |= BWRT_BLOCK_DURABLE;
        if (random.one_in(8)) request->options.ttl_s = random.between32(1, 100);
        if (random.one_in(8)) {
            request->options.closure = BWRT_CLOSURE_WINDOW;
            request->options.window_blocks = random.between32(1, 5);
        } else if (random.one_in(8)) {
            request->options.closure = BWRT_CLOSURE_LAST_STATE;
        }
        return request;
    }

    void judge(const Request& request, std::uint64_t variant) {
        for (std::uint32_t i = 0; i < request.count; ++i) {
            const bwrt_result& result = request.results[i];
            std::set<std::uint64_t>& known = variants[request.key(i)];
            const bool good = result.status == BWRT_OK;
            const bool stopped = result.status == BWRT_E_CANCELLED;
            assert_true(good || stopped || result.status == BWRT_E_MISS ||
                        result.status == BWRT_E_NOSPC);
            switch (request.operation.kind) {
                case BWRT_OP_PUT:
                    assert_int_not_equal(result.status, BWRT_E_MISS);
                    if (good && result.flags == BWRT_RESULT_PRESENT) {
                        assert_false(known.empty());
                        ++present_count;
                    } else if (good) {
                        known = {variant};
                        ++put_count;
                    } else if (stopped) {
                        known.insert(variant);
                        ++uncertain_count;
                    }
                    break;
                case BWRT_OP_GET:
                    if (good) {
                        const auto right = [&](std::uint64_t one) { return request.holds(i, one); };
                        assert_true(std::any_of(known.begin(), known.end(), right));
                    } else if (!stopped) {
                        assert_true(request.is_untouched(i));
                    }
                    break;
                case BWRT_OP_DROP:
                    assert_true(good || stopped);
                    if (good) known.clear();
                    break;
                default:
                    break;
            }
        }
    }

    void step() {
        std::set<std::uint32_t> chains;
        std::vector<std::unique_ptr<Request>> requests;
        const std::uint64_t variant = random.below(200);
        for (std::uint64_t left = random.between(1, 4); left > 0; --left) {
            const auto chain = static_cast<std::uint32_t>(random.below(kChains));
            if (!chains.insert(chain).second) continue;
            requests.push_back(request_on(chain, variant));
            requests.back()->start();
            if (random.one_in(20)) bwrt_cancel(world->runtime, requests.back()->handle, nullptr);
        }
        for (const auto& request : requests) {
            static_cast<void>(request->finish());
            judge(*request, variant);
        }
        if (random.one_in(50)) let_time_pass(world, random.between(1, 50) * kSecondNs);
        if (random.one_in(10)) read_events();
    }

    void run(std::uint32_t steps) {
        begin();
        for (std::uint32_t i = 0; i < steps; ++i) {
            step();
            if (i % 25 == 24) compare();
            if (!store.directories.empty() && random.one_in(100)) {
                compare();
                world->close();
                begin();
            }
        }
        compare();
    }
};

void a_store_in_memory_is_what_it_was_told(void** state) {
    Model(world_of(state), test_seed(), StoreOf(16 * kMib, 0)).run(share_of(600));
}

void a_store_on_disk_is_what_it_was_told(void** state) {
    Model(world_of(state), test_seed(), StoreOf(0, kDiskBytes)).run(share_of(300));
}

void a_store_in_both_tiers_is_what_it_was_told(void** state) {
    Model(world_of(state), test_seed(), StoreOf(16 * kMib, kDiskBytes)).run(share_of(400));
}

const CMUnitTest kTests[] = {
    IN_BLOCK_WORLD(a_store_in_memory_is_what_it_was_told),
    IN_BLOCK_WORLD(a_store_on_disk_is_what_it_was_told),
    IN_BLOCK_WORLD(a_store_in_both_tiers_is_what_it_was_told),
};

}  // namespace

int main() {
    int failures = 0;
    RUN_IN_MODES_OF(kTests, kBlocksModes, failures);
    return failures;
}
