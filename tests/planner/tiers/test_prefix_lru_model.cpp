// SPDX-License-Identifier: Apache-2.0
//
// test_prefix_lru_model.cpp — thousands of random calls, against a model that knows no lists: it
// looks at all blocks for each answer.  After every call the bytes are counted, and at every
// eviction it is asked whether the victim was allowed to go, whether nobody had to go before it,
// and whether a prefix was broken; the last by what the blocks were told on arrival, not by the
// model's links.  A second policy gets the same calls and must give the same victims.
//
// Where the policy learns, the model does not know which of those that may go is worth least: then
// all else is held to be the same, and that what is retired, or of a tenant above its quota, goes
// first.
//
// Prints its seed and takes it back from BWRT_TEST_SEED.

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "planner/tiers/prefix_lru.h"
#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;

constexpr std::uint32_t kBlocks = 60;  // parked ones come back to their exact place up to 64
constexpr std::uint32_t kTenants = 3;
constexpr std::uint64_t kCapacity = 80;
constexpr std::uint32_t kLeases = 5;

struct Block {
    bool is_resident = false;
    bool is_ghost = false;
    std::uint32_t parent = kNoBlock;  // linked
    std::uint32_t told_parent = kNoBlock;
    Arrival arrival;
    Tick used_at = 0;
    std::uint32_t pin_count = 0;
    bool is_retired = false;
};

struct Lease {
    std::uint32_t number;
    std::uint32_t block;
    Tick until;
};

// Above its quota first, then age, then the tenant's number.
using Place = std::tuple<bool, Tick, std::uint32_t>;

class Model {
 public:
    [[nodiscard]] std::uint64_t used_bytes() const {
        std::uint64_t bytes = 0;
        for (std::uint32_t tenant = 0; tenant < kTenants; ++tenant) bytes += used_bytes(tenant);
        return bytes;
    }
    [[nodiscard]] std::uint64_t used_bytes(std::uint32_t tenant) const {
        std::uint64_t bytes = 0;
        for (const Block& block : blocks) {
            if (block.is_resident && block.arrival.tenant == tenant) bytes += block.arrival.bytes;
        }
        return bytes;
    }
    [[nodiscard]] bool is_known(std::uint32_t index) const {
        return index != kNoBlock && (blocks[index].is_resident || blocks[index].is_ghost);
    }
    [[nodiscard]] bool is_held(std::uint32_t index) const {
        if (blocks[index].pin_count > 0) return true;
        for (std::uint32_t other = 0; other < kBlocks; ++other) {
            if (is_known(other) && blocks[other].parent == index) return true;
        }
        return std::any_of(leases.begin(), leases.end(),
                           [&](const Lease& lease) { return lease.block == index; });
    }
    [[nodiscard]] bool is_over(std::uint32_t tenant) const {
        return quotas[tenant] != 0 && used_bytes(tenant) > quotas[tenant];
    }
    [[nodiscard]] Place place_of(std::uint32_t index) const {
        const Block& block = blocks[index];
        return {!is_over(block.arrival.tenant), block.is_retired ? 0 : block.used_at,
                block.arrival.tenant};
    }
    void end_leases(Tick now) {
        std::erase_if(leases, [&](const Lease& lease) { return lease.until <= now; });
        free_ghosts();
    }

    // What has to be done, and where the victim has to stand; the number itself where it is sure.
    struct Answer {
        RoomVerdict verdict = RoomVerdict::kFull;
        std::optional<Place> place;
        std::uint32_t block = kNoBlock;
    };
    [[nodiscard]] Answer make_room(const Arrival& arrival, Tick now) {
        const std::uint64_t quota = quotas[arrival.tenant];
        const bool is_quota = quota != 0 && used_bytes(arrival.tenant) + arrival.bytes > quota;
        end_leases(now);
        if (arrival.bytes > kCapacity || (quota != 0 && arrival.bytes > quota)) return {};
        if (!is_quota && used_bytes() + arrival.bytes <= kCapacity) return {RoomVerdict::kFits, {}};

        Answer answer;
        const bool needs_parent =
            arrival.closure != Closure::kLastState && is_known(arrival.parent);
        for (std::uint32_t index = 0; index < kBlocks; ++index) {
            const Block& block = blocks[index];
            if (!block.is_resident || is_held(index)) continue;
            if (needs_parent && index == arrival.parent) continue;
            if (block.arrival.expires != 0 && block.arrival.expires <= now) {
                return {RoomVerdict::kExpired, place_of(index), index};
            }
            if (is_quota && block.arrival.tenant != arrival.tenant) continue;
            if (answer.place && *answer.place <= place_of(index)) continue;
            answer.place = place_of(index);
            answer.verdict = is_quota || is_over(block.arrival.tenant) ? RoomVerdict::kQuota
                                                                       : RoomVerdict::kOldest;
        }
        return answer;
    }
    void touch(std::uint32_t index, Tick now) {
        const Closure closure = blocks[index].arrival.closure;
        std::uint32_t left = closure == Closure::kPrefix   ? kBlocks
                             : closure == Closure::kWindow ? blocks[index].arrival.window_count
                                                           : 0;
        for (++left; left > 0 && index != kNoBlock && blocks[index].used_at != now; --left) {
            blocks[index].used_at = now;
            blocks[index].is_retired = false;
            index = blocks[index].parent;
        }
    }
    void insert(std::uint32_t index, const Arrival& arrival, Tick now) {
        Block& block = blocks[index];
        if (!block.is_ghost) {
            const bool is_alone =
                arrival.closure == Closure::kLastState ||
                (arrival.closure == Closure::kWindow && arrival.window_count == 0);
            block.parent = !is_alone && is_known(arrival.parent) ? arrival.parent : kNoBlock;
        }
        block.is_resident = true;
        block.is_ghost = false;
        block.is_retired = false;
        block.arrival = arrival;
        block.used_at = 0;
        block.told_parent = block.parent;
        if (arrival.closure == Closure::kWindow && arrival.window_count > 0) cut(index);
        touch(index, now);
        if (arrival.closure != Closure::kLastState || !is_known(arrival.parent)) return;
        Block& parent = blocks[arrival.parent];
        if (parent.arrival.closure != Closure::kLastState) return;
        parent.used_at = 0;
        parent.is_retired = true;
    }
    void cut(std::uint32_t index) {
        for (std::uint32_t left = blocks[index].arrival.window_count; left > 0; --left) {
            index = blocks[index].parent;
            if (index == kNoBlock) return;
        }
        if (blocks[index].arrival.closure == Closure::kWindow) blocks[index].parent = kNoBlock;
    }
    void remove(std::uint32_t index) {
        blocks[index].is_resident = false;
        blocks[index].is_ghost = true;
    }
    // Those that nothing refers to, and those that this makes such.
    void free_ghosts() {
        for (bool is_going = true; is_going;) {
            is_going = false;
            for (std::uint32_t index = 0; index < kBlocks; ++index) {
                if (!blocks[index].is_ghost || is_held(index)) continue;
                blocks[index] = {};
                free.push_back(index);
                is_going = true;
            }
        }
    }
    [[nodiscard]] std::vector<std::uint32_t> take_free() {
        free_ghosts();
        std::sort(free.begin(), free.end());
        return std::exchange(free, {});
    }

    std::array<Block, kBlocks> blocks;
    std::array<std::uint64_t, kTenants> quotas = {};
    std::vector<Lease> leases;
    std::vector<std::uint32_t> free;
};

class World {
 public:
    World(std::uint64_t seed, const EvictionLimits& limits)
        : random(seed), is_learning(limits.shadow_count > 0), policy(limits), twin(limits) {}

    void step() {
        // What is learnt is learnt in steps of eight ticks.
        if (random.one_in(3)) now += is_learning ? random.between32(1, 16) : 1;
        switch (random.below(16)) {
            case 0:
                pin();
                break;
            case 1:
                unpin();
                break;
            case 2:
                lease();
                break;
            case 3:
                release();
                break;
            case 4:
                drop();
                break;
            case 5:
                renew();
                break;
            case 6:
                set_quota();
                break;
            case 7:
                find_expired();
                break;
            case 8:
            case 9:
            case 10:
                touch();
                break;
            default:
                put();
                break;
        }
        settle();
    }
    [[nodiscard]] std::uint64_t eviction_count() const { return eviction_count_; }

 private:
    std::uint32_t any_block() { return random.between32(0, kBlocks - 1); }
    // One that is resident, if chance finds it.
    std::uint32_t any_resident() {
        for (int attempt = 0; attempt < 8; ++attempt) {
            const std::uint32_t block = any_block();
            if (model.blocks[block].is_resident) return block;
        }
        return kNoBlock;
    }

    Arrival any_arrival() {
        Arrival arrival;
        arrival.parent = random.one_in(4) ? any_block() : any_resident();
        arrival.tenant = random.between32(0, kTenants - 1);
        arrival.closure = static_cast<Closure>(random.below(3));
        arrival.window_count = random.between32(0, 3);
        // Mostly a chain goes on as it began.
        if (arrival.parent != kNoBlock && !random.one_in(8)) {
            const Arrival& above = model.blocks[arrival.parent].arrival;
            arrival.tenant = above.tenant;
            arrival.closure = above.closure;
            arrival.window_count = above.window_count;
        }
        arrival.expires = random.one_in(6) ? now + random.between32(1, 40) : 0;
        arrival.bytes = random.between(1, 4);
        return arrival;
    }
    void put() {
        const std::uint32_t block = any_block();
        if (model.blocks[block].is_resident) return;
        Arrival arrival = any_arrival();
        if (arrival.parent == block) arrival.parent = kNoBlock;
        arrival.fingerprint = (block + 1) * 0x9E37'79B9'7F4A'7C15u;
        for (;;) {
            const Model::Answer expected = model.make_room(arrival, now);
            const Room room = policy.make_room(arrival, now);
            const Room again = twin.make_room(arrival, now);
            if (room.verdict != RoomVerdict::kUnworthy) {
                assert_int_equal(room.verdict, expected.verdict);
            }
            assert_int_equal(again.verdict, room.verdict);
            assert_int_equal(again.block, room.block);
            settle();  // leases that ended
            if (room.verdict == RoomVerdict::kFull) return;
            if (room.verdict == RoomVerdict::kUnworthy) {
                refuse(arrival, expected);
                return;
            }
            if (room.verdict == RoomVerdict::kFits) break;
            evict(room.block, expected);
        }
        policy.insert(block, arrival, now);
        twin.insert(block, arrival, now);
        model.insert(block, arrival, now);
        assert_true(model.used_bytes() <= kCapacity);
    }
    void refuse(const Arrival& arrival, const Model::Answer& expected) {
        assert_int_equal(expected.verdict, RoomVerdict::kOldest);
        policy.miss(arrival.fingerprint, now);
        twin.miss(arrival.fingerprint, now);
    }
    void evict(std::uint32_t victim, const Model::Answer& expected) {
        assert_true(model.blocks[victim].is_resident);
        assert_false(model.is_held(victim));
        const Place place = model.place_of(victim);
        assert_int_equal(std::get<0>(place), std::get<0>(*expected.place));
        if (std::get<1>(*expected.place) == 0) assert_int_equal(std::get<1>(place), 0);
        if (!is_learning) assert_true(place == *expected.place);
        if (expected.block != kNoBlock) assert_int_equal(victim, expected.block);
        for (const Block& block : model.blocks) {
            if (!block.is_resident || block.arrival.closure != Closure::kPrefix) continue;
            assert_int_not_equal(block.told_parent, victim);
        }
        remove(victim);
        settle();
        ++eviction_count_;
    }
    void remove(std::uint32_t block) {
        policy.remove(block, model.blocks[block].arrival.bytes);
        twin.remove(block, model.blocks[block].arrival.bytes);
        model.remove(block);
    }
    void touch() {
        const std::uint32_t block = any_resident();
        if (block == kNoBlock) return;
        policy.touch(block, now);
        twin.touch(block, now);
        model.touch(block, now);
    }
    void pin() {
        const std::uint32_t block = any_resident();
        if (block == kNoBlock) return;
        policy.pin(block);
        twin.pin(block);
        ++model.blocks[block].pin_count;
    }
    void unpin() {
        for (std::uint32_t block = any_block(), i = 0; i < kBlocks; ++i) {
            block = (block + 1) % kBlocks;
            if (model.blocks[block].pin_count == 0) continue;
            if (random.one_in(2)) {
                policy.drop_pin(block);
                twin.drop_pin(block);
            } else {
                policy.unpin(block, now);
                twin.unpin(block, now);
                if (model.blocks[block].is_resident) model.touch(block, now);
            }
            --model.blocks[block].pin_count;
            return;
        }
    }
    void lease() {
        const std::uint32_t block = any_resident();
        if (block == kNoBlock) return;
        const Tick until = now + random.between32(1, 30);
        const std::uint32_t number = policy.lease(block, until);
        assert_int_equal(twin.lease(block, until), number);
        if (number != kNoLease) model.leases.push_back({number, block, until});
    }
    void release() {
        if (model.leases.empty()) return;
        const std::size_t index = random.below(model.leases.size());
        const Lease lease = model.leases[index];
        if (lease.until <= now) return;
        policy.release(lease.number);
        twin.release(lease.number);
        model.leases.erase(model.leases.begin() + static_cast<std::ptrdiff_t>(index));
    }
    void drop() {
        const std::uint32_t block = any_resident();
        if (block != kNoBlock && random.one_in(2)) remove(block);
    }
    void renew() {
        const std::uint32_t block = any_resident();
        if (block == kNoBlock) return;
        const Tick expires = random.one_in(3) ? 0 : now + random.between32(0, 20);
        policy.renew(block, expires);
        twin.renew(block, expires);
        model.blocks[block].arrival.expires = expires;
    }
    void set_quota() {
        const std::uint32_t tenant = random.between32(0, kTenants - 1);
        const std::uint64_t quota = random.one_in(3) ? 0 : random.between(1, kCapacity);
        policy.set_quota(tenant, quota);
        twin.set_quota(tenant, quota);
        model.quotas[tenant] = quota;
    }
    void find_expired() {
        model.end_leases(now);
        std::uint32_t expected = kNoBlock;
        for (std::uint32_t block = kBlocks; block-- > 0;) {
            const Block& state = model.blocks[block];
            const Tick expires = state.arrival.expires;
            if (state.is_resident && !model.is_held(block) && expires != 0 && expires <= now) {
                expected = block;
            }
        }
        assert_int_equal(policy.find_expired(now), expected);
        assert_int_equal(twin.find_expired(now), expected);
    }
    // Numbers that are free, and everything that can be asked.
    void settle() {
        const std::vector<std::uint32_t> expected = model.take_free();
        std::vector<std::uint32_t> free;
        for (std::uint32_t block = 0; (block = policy.take_free()) != kNoBlock;) {
            free.push_back(block);
            assert_int_equal(twin.take_free(), block);
        }
        std::sort(free.begin(), free.end());
        assert_true(free == expected);
        assert_int_equal(policy.used_bytes(), model.used_bytes());
        for (std::uint32_t tenant = 0; tenant < kTenants; ++tenant) {
            assert_int_equal(policy.used_bytes(tenant), model.used_bytes(tenant));
        }
        for (std::uint32_t block = 0; block < kBlocks; ++block) {
            const Block& state = model.blocks[block];
            if (!state.is_resident) continue;
            assert_int_equal(policy.is_held(block), model.is_held(block));
            assert_int_equal(policy.used_at(block), state.used_at);
            const Tick expires = state.arrival.expires;
            assert_int_equal(policy.is_expired(block, now), expires != 0 && expires <= now);
        }
    }

    bwrt::test::Random random;
    Model model;
    bool is_learning;
    PrefixLru policy;
    PrefixLru twin;
    Tick now = 1;
    std::uint64_t eviction_count_ = 0;
};

void victims_are_those_of_a_search_through_all_blocks(void**) {
    const std::uint64_t seed = bwrt::test::test_seed();
    std::uint64_t eviction_count = 0;
    for (std::uint64_t run = 0; run < 60; ++run) {
        World world(seed + run, {kBlocks, kTenants, kLeases, kCapacity});
        for (int step = 0; step < 1000; ++step) world.step();
        eviction_count += world.eviction_count();
    }

    assert_true(eviction_count > 5000);
}

void what_learns_takes_only_what_may_go_and_those_first_that_must(void**) {
    const std::uint64_t seed = bwrt::test::test_seed();
    std::uint64_t eviction_count = 0;
    for (std::uint64_t run = 0; run < 60; ++run) {
        const bool may_refuse = run % 2 == 0;
        World world(seed + run, {kBlocks, kTenants, kLeases, kCapacity, 4 * kBlocks, may_refuse});
        for (int step = 0; step < 1000; ++step) world.step();
        eviction_count += world.eviction_count();
    }

    assert_true(eviction_count > 3000);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(victims_are_those_of_a_search_through_all_blocks),
        cmocka_unit_test(what_learns_takes_only_what_may_go_and_those_first_that_must),
    };
    return cmocka_run_group_tests_name("planner/tiers/prefix_lru.cpp, random", tests, nullptr,
                                       nullptr);
}
