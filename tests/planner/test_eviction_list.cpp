// SPDX-License-Identifier: Apache-2.0
//
// test_eviction_list.cpp — what leaves: by hand, against a list that was recorded, and on random
// tables against what is promised and against a search that looks at everything each time.
//
// The record is of the system whose list this replaces.  What is different, and why:
//   - its list stops below the deficit, and before a page that is larger than it.  Here the next
//     page is on it, too, and the deficit is reached: the record is a leading part of ours;
//   - the deficits of its tiers and nodes are one sum, and pages have no tier.  Here all pages of
//     the record lie where the deficit is, on one tier of one node.

#include "planner/eviction_list.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "tests/planner/residents_table.h"
#include "tests/support/oracle.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;
using bwrt::test::Random;
using bwrt::test::ResidentPage;
using bwrt::test::ResidentsTable;

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kNow = 100'000 * kMs;
constexpr std::uint64_t kWindow = 20 * kMs;
constexpr std::uint64_t kPage = 4096;

// Two nodes with three tiers, full, and an operation that brings `bytes` to tier 1 of node 0.
struct World {
    WindowLimits limits{.node_count = 2, .tier_count = 3, .resident_count_max = 200};
    EvictionRule rule;
    std::vector<Operation> operations;
    std::uint64_t free_bytes[6] = {};
    std::vector<EvictedPage> list;

    explicit World(std::uint64_t bytes) { operations.push_back(operation_of(1'000, 1, bytes)); }

    static Operation operation_of(std::uint64_t page, std::uint64_t page_count,
                                  std::uint64_t bytes) {
        Operation operation;
        operation.page_first = page;
        operation.page_end = page + page_count;
        operation.bytes = bytes;
        operation.tier_dst = 1;
        return operation;
    }
    const std::vector<EvictedPage>& make(const ResidentsTable& table) {
        EvictionList eviction(limits, 64);
        eviction.make(table.columns(), operations, free_bytes, kNow, kWindow, rule, list);
        return list;
    }
    std::vector<std::uint64_t> pages(const std::vector<ResidentPage>& residents) {
        std::vector<std::uint64_t> pages;
        for (const EvictedPage& evicted : make(ResidentsTable(residents))) {
            pages.push_back(evicted.page);
        }
        return pages;
    }
};

using Pages = std::vector<std::uint64_t>;

void the_coldest_go_until_there_is_room(void**) {
    const std::vector<ResidentPage> residents = {{.page = 1, .heat_milli = 30},
                                                 {.page = 2, .heat_milli = 10},
                                                 {.page = 3, .heat_milli = 20}};

    assert_true(World(kPage).pages(residents) == Pages({2}));
    assert_true(World(kPage + 1).pages(residents) == Pages({2, 3}));
    assert_true(World(3 * kPage).pages(residents) == Pages({2, 3, 1}));
    assert_true(World(99 * kPage).pages(residents) == Pages({2, 3, 1}));
}

void what_is_listed_says_all_of_its_page(void**) {
    World world(kPage);
    world.operations[0].node = 1;
    world.operations[0].tier_dst = 2;
    const ResidentsTable table(
        {{.page = 1, .tier = 2},
         {.page = 7, .bytes = 5'000, .model = 3, .prefix = 4, .layer = 5, .node = 1, .tier = 2}});

    const std::vector<EvictedPage>& list = world.make(table);
    assert_int_equal(list.size(), 1);
    assert_int_equal(list[0].page, 7);
    assert_int_equal(list[0].bytes, 5'000);
    assert_int_equal(list[0].model, 3);
    assert_int_equal(list[0].prefix, 4);
    assert_int_equal(list[0].layer, 5);
    assert_int_equal(list[0].node, 1);
    assert_int_equal(list[0].tier, 2);
    assert_int_equal(list[0].resident, 1);
}

void where_there_is_room_nothing_leaves(void**) {
    World world(kPage);
    world.free_bytes[1] = kPage;
    assert_true(world.pages({{.page = 1}}).empty());
    world.free_bytes[1] = kPage - 1;
    assert_true(world.pages({{.page = 1}}) == Pages({1}));
    world.operations.clear();
    world.free_bytes[1] = 0;
    assert_true(world.pages({{.page = 1}}).empty());
}

void more_than_64_bits_is_all_there_is(void**) {
    World world(~std::uint64_t{0} / 2 + 2);
    world.operations.push_back(World::operation_of(2'000, 1, ~std::uint64_t{0} / 2 + 2));

    assert_true(world.pages({{.page = 1}, {.page = 2}}) == Pages({1, 2}));
}

void room_on_another_tier_or_node_is_none_here(void**) {
    World world(kPage);
    std::fill(world.free_bytes, world.free_bytes + 6, 99 * kPage);
    world.free_bytes[1] = 0;
    const std::vector<ResidentPage> residents = {
        {.page = 1, .tier = 0}, {.page = 2, .node = 1}, {.page = 3, .heat_milli = 9'000}};

    assert_true(world.pages(residents) == Pages({3}));
}

void each_tier_gets_the_room_that_it_lacks(void**) {
    World world(2 * kPage);
    world.operations.push_back(World::operation_of(2'000, 1, kPage));
    world.operations[1].node = 1;
    std::vector<ResidentPage> residents;
    for (std::uint64_t page = 0; page < 8; ++page) {
        residents.push_back(
            {.page = page, .heat_milli = 100 - page, .node = static_cast<std::uint16_t>(page % 2)});
    }

    assert_true(world.pages(residents) == Pages({7, 6, 4}));
}

void as_cold_ones_go_by_last_use_and_then_by_key(void**) {
    const std::vector<ResidentPage> residents = {
        {.page = 5, .used_ns = 2},
        {.page = 9, .used_ns = 1, .model = 1},
        {.page = 8, .used_ns = 1, .prefix = 1},
        {.page = 7, .used_ns = 1, .layer = 1},
        {.page = 6, .used_ns = 1},
        {.page = 2, .used_ns = 1},
    };

    assert_true(World(6 * kPage).pages(residents) == Pages({2, 6, 7, 8, 9, 5}));
}

void a_page_larger_than_the_deficit_goes_alone(void**) {
    assert_true(World(1).pages({{.page = 1, .bytes = 1'000 * kPage}, {.page = 2}}) == Pages({1}));
}

void children_go_before_what_they_need(void**) {
    const std::vector<ResidentPage> chain = {
        {.page = 0, .heat_milli = 1},
        {.page = 1, .heat_milli = 2, .parent = 0},
        {.page = 2, .heat_milli = 9, .parent = 1},
        {.page = 3, .heat_milli = 8, .parent = 1},
        {.page = 4, .heat_milli = 5},
    };

    assert_true(World(kPage).pages(chain) == Pages({4}));
    assert_true(World(9 * kPage).pages(chain) == Pages({4, 3, 2, 1, 0}));
}

void what_stays_holds_what_it_needs_on_whatever_tier(void**) {
    const std::vector<ResidentPage> residents = {
        {.page = 0}, {.page = 1, .parent = 0, .tier = 2}, {.page = 2, .heat_milli = 9}};

    assert_true(World(9 * kPage).pages(residents) == Pages({2}));
}

void parents_that_are_no_rows_or_go_round_do_no_harm(void**) {
    const std::vector<ResidentPage> residents = {{.page = 0, .parent = 1},
                                                 {.page = 1, .parent = 0},
                                                 {.page = 2, .parent = 2},
                                                 {.page = 3, .parent = 77}};

    assert_true(World(9 * kPage).pages(residents) == Pages({3}));
}

void what_the_window_brings_or_reads_does_not_leave(void**) {
    World world(9 * kPage);
    world.operations.push_back(World::operation_of(10, 3, kPage));
    world.operations.push_back(World::operation_of(20, 1, kPage));
    world.operations[2].tier_src = 1;
    world.operations[2].tier_dst = 2;
    std::vector<ResidentPage> residents;
    for (const std::uint64_t page : {9u, 10u, 12u, 13u, 20u, 21u}) {
        residents.push_back({.page = page});
    }
    residents.push_back({.page = 10, .prefix = 1});
    residents.push_back({.page = 11, .layer = 1});
    residents.push_back({.page = 12, .model = 1});
    // What stays holds what it needs.
    residents.push_back({.page = 30});
    residents.push_back({.page = 11, .parent = 9});

    assert_true(world.pages(residents) == Pages({9, 13, 21, 11, 10, 12}));
}

void pages_that_several_operations_bring_are_held_to_the_last(void**) {
    World world(9 * kPage);
    world.operations.push_back(World::operation_of(10, 90, kPage));
    world.operations.push_back(World::operation_of(20, 2, kPage));
    world.operations[2].tier_src = 2;

    assert_true(world.pages({{.page = 99}, {.page = 100}, {.page = 50}, {.page = 21}}) ==
                Pages({100}));
}

void what_has_just_come_goes_only_when_nothing_else_may(void**) {
    World world(kPage);
    const std::vector<ResidentPage> residents = {
        {.page = 1, .came_ns = kNow - 4 * kWindow + 1},
        {.page = 2, .heat_milli = 50, .came_ns = kNow - 4 * kWindow},
        {.page = 3, .heat_milli = ~std::uint64_t{0}},
    };

    assert_true(world.pages(residents) == Pages({2}));
    world.operations[0].bytes = 3 * kPage;
    assert_true(world.pages(residents) == Pages({2, 3, 1}));
    world.operations[0].bytes = kPage;
    world.rule.fresh_windows = 0;
    assert_true(world.pages(residents) == Pages({1}));
}

void at_the_beginning_of_time_everything_has_just_come(void**) {
    World world(kPage);
    EvictionList eviction(world.limits, 64);
    const ResidentsTable table({{.page = 1, .came_ns = 1}, {.page = 2, .heat_milli = 9}});
    eviction.make(table.columns(), world.operations, world.free_bytes, kWindow, kWindow, {},
                  world.list);
    assert_int_equal(world.list[0].page, 2);
    eviction.make(table.columns(), world.operations, world.free_bytes, kWindow, ~std::uint64_t{0},
                  {}, world.list);
    assert_int_equal(world.list[0].page, 2);
}

void what_went_and_came_back_goes_only_when_nothing_else_may(void**) {
    World world(kPage);
    const std::vector<ResidentPage> residents = {
        {.page = 1, .came_ns = kNow - 9 * kWindow, .left_ns = kNow - 16 * kWindow + 1},
        {.page = 2, .heat_milli = 50, .left_ns = kNow - 16 * kWindow},
        {.page = 3, .heat_milli = 60},
    };

    assert_true(world.pages(residents) == Pages({2}));
    world.operations[0].bytes = 3 * kPage;
    assert_true(world.pages(residents) == Pages({2, 3, 1}));
    world.operations[0].bytes = kPage;
    world.rule.returned_windows = 0;
    assert_true(world.pages(residents) == Pages({1}));
}

void columns_that_are_not_known_count_for_nothing(void**) {
    World world(9 * kPage);
    const ResidentsTable table(
        {{.page = 2, .heat_milli = 1, .used_ns = 1, .came_ns = kNow, .left_ns = kNow},
         {.page = 1, .heat_milli = 2, .used_ns = 2, .parent = 0}});
    Residents residents = table.columns();
    residents.parent = nullptr;
    residents.heat_milli = residents.used_ns = residents.came_ns = residents.left_ns = nullptr;
    EvictionList eviction(world.limits, 64);
    eviction.make(residents, world.operations, world.free_bytes, kNow, kWindow, {}, world.list);

    assert_int_equal(world.list.size(), 2);
    assert_int_equal(world.list[0].page, 1);
    assert_int_equal(world.list[1].page, 2);
}

void residents_beyond_the_limit_or_of_unknown_places_are_not_looked_at(void**) {
    World world(99 * kPage);
    world.limits.resident_count_max = 4;
    world.operations.push_back(World::operation_of(0, 1, 99 * kPage));
    world.operations[1].node = 1;
    const std::vector<ResidentPage> residents = {{.page = 1, .node = 2},
                                                 {.page = 2, .tier = 4},
                                                 {.page = 3},
                                                 {.page = 4, .heat_milli = 7, .parent = 4},
                                                 {.page = 5}};

    assert_true(world.pages(residents) == Pages({3, 4}));
    world.limits.resident_count_max = 0;
    assert_true(world.pages(residents).empty());
}

std::uint64_t number(const cJSON* record, const char* name) {
    return static_cast<std::uint64_t>(cJSON_GetObjectItemCaseSensitive(record, name)->valuedouble);
}

void a_recorded_list_is_the_beginning_of_ours(void**) {
    cJSON* record = bwrt::test::read_oracle("05_bcache_evict.json");
    if (record == nullptr) skip();
    ResidentsTable table;
    std::uint64_t all_bytes = 0;
    const cJSON* one = nullptr;
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(record, "heat")) {
        table.add({.page = number(one, "page_id"),
                   .heat_milli = number(one, "decay_hits") * 1'000,
                   .bytes = number(one, "size_bytes"),
                   .layer = static_cast<std::uint16_t>(number(one, "layer"))});
        all_bytes += number(one, "size_bytes");
    }
    std::map<std::string, std::uint64_t> planned;
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(record, "plan")) {
        planned[std::to_string(number(one, "tier_dst"))] += number(one, "bytes");
    }
    std::vector<std::size_t> expected_counts, counts;
    bool is_beginning = true;
    const cJSON* item = nullptr;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(record, "cases")) {
        const cJSON* free_bytes = cJSON_GetObjectItemCaseSensitive(item, "free");
        World world(0);
        for (const auto& [tier, bytes] : planned) {
            const std::uint64_t left = number(free_bytes, tier.c_str());
            if (bytes > left) world.operations[0].bytes += bytes - left;
        }
        const std::vector<EvictedPage>& list = world.make(table);
        const cJSON* evict = cJSON_GetObjectItemCaseSensitive(item, "evict");
        std::size_t at = 0;
        std::uint64_t bytes = 0;
        cJSON_ArrayForEach(one, evict) {
            is_beginning &= at < list.size() && list[at].layer == number(one, "layer") &&
                            list[at].page == number(one, "page_id");
            ++at;
        }
        for (const EvictedPage& evicted : list) bytes += evicted.bytes;
        is_beginning &= bytes >= std::min(world.operations[0].bytes, all_bytes);
        expected_counts.push_back(at);
        counts.push_back(list.size());
    }
    cJSON_Delete(record);

    assert_true(is_beginning);
    assert_true(expected_counts == std::vector<std::size_t>({0, 0, 0, 1, 2, 5}));
    // The third lacks 102,400 bytes and its coldest page has 262,144; the fourth and the fifth end
    // on the byte.
    assert_true(counts == std::vector<std::size_t>({0, 0, 1, 1, 2, 5}));
}

struct Drawn {
    World world{0};
    std::vector<ResidentPage> residents;
};

// Trees of pages of few prefixes; links stay on a tier.
Drawn draw(Random& random) {
    Drawn drawn;
    World& world = drawn.world;
    world.operations.clear();
    for (std::uint64_t i = random.below(6); i > 0; --i) {
        Operation operation = World::operation_of(random.below(40), random.between(1, 9),
                                                  random.between(1, 30) * 1'000);
        operation.prefix = random.between32(0, 1);
        operation.node = static_cast<std::uint16_t>(random.below(2));
        operation.tier_src = static_cast<std::uint8_t>(random.below(3));
        operation.tier_dst = static_cast<std::uint8_t>(random.below(3));
        world.operations.push_back(operation);
    }
    for (std::uint64_t& free : world.free_bytes) free = random.one_in(2) ? random.below(9'000) : 0;
    std::set<std::tuple<int, int, std::uint32_t, std::uint64_t>> taken;
    for (std::uint64_t i = random.below(80); i > 0; --i) {
        ResidentPage page{.page = random.below(40),
                          .heat_milli = random.below(8),
                          .bytes = random.between(0, 20) * 200,
                          .used_ns = random.below(3),
                          .prefix = random.between32(0, 1),
                          .node = static_cast<std::uint16_t>(random.below(2)),
                          .tier = static_cast<std::uint8_t>(random.below(3))};
        if (!taken.insert({page.node, page.tier, page.prefix, page.page}).second) continue;
        if (random.one_in(4)) page.came_ns = kNow - random.below(8) * kWindow;
        if (random.one_in(8)) page.left_ns = kNow - random.below(32) * kWindow;
        const auto count = static_cast<std::uint32_t>(drawn.residents.size());
        for (std::uint32_t tries = 0; tries < 3 && count > 0; ++tries) {
            const std::uint32_t parent = random.between32(0, count - 1);
            const ResidentPage& other = drawn.residents[parent];
            if (other.node == page.node && other.tier == page.tier) page.parent = parent;
        }
        drawn.residents.push_back(page);
    }
    return drawn;
}

bool is_fetched(const World& world, const ResidentPage& page) {
    return std::any_of(world.operations.begin(), world.operations.end(), [&](const Operation& by) {
        return by.node == page.node && by.prefix == page.prefix && by.model == page.model &&
               by.layer == page.layer && (by.tier_src == page.tier || by.tier_dst == page.tier) &&
               by.page_first <= page.page && page.page < by.page_end;
    });
}

bool is_guarded(const ResidentPage& page) {
    return page.came_ns > kNow - 4 * kWindow || page.left_ns > kNow - 16 * kWindow;
}

std::vector<std::uint64_t> deficits_of(const World& world) {
    std::vector<std::uint64_t> deficits(6);
    for (const Operation& operation : world.operations) {
        deficits[operation.node * 3u + operation.tier_dst] += operation.bytes;
    }
    for (std::size_t cell = 0; cell < 6; ++cell) {
        deficits[cell] -= std::min(deficits[cell], world.free_bytes[cell]);
    }
    return deficits;
}

// Looks at all residents for each page that leaves.
std::vector<std::uint32_t> searched_list(const World& world,
                                         const std::vector<ResidentPage>& residents) {
    std::vector<std::uint64_t> deficits = deficits_of(world);
    std::vector<bool> is_gone(residents.size());
    std::vector<std::uint32_t> list;
    for (;;) {
        std::uint32_t best = kNoResident;
        const auto rank = [&](std::uint32_t row) {
            const ResidentPage& page = residents[row];
            return std::tuple(is_guarded(page), page.heat_milli, page.used_ns, page.model,
                              page.prefix, page.layer, page.page, page.node, page.tier);
        };
        for (std::uint32_t row = 0; row < residents.size(); ++row) {
            const ResidentPage& page = residents[row];
            bool may_go = !is_gone[row] && deficits[page.node * 3u + page.tier] > 0 &&
                          !is_fetched(world, page);
            for (std::uint32_t child = 0; child < residents.size(); ++child) {
                may_go = may_go && (residents[child].parent != row || is_gone[child]);
            }
            if (may_go && (best == kNoResident || rank(row) < rank(best))) best = row;
        }
        if (best == kNoResident) return list;
        is_gone[best] = true;
        list.push_back(best);
        std::uint64_t& deficit = deficits[residents[best].node * 3u + residents[best].tier];
        deficit -= std::min(deficit, residents[best].bytes);
    }
}

void it_is_the_list_of_whoever_looks_at_everything(void**) {
    Random random(bwrt::test::test_seed());
    std::size_t listed_count = 0;
    for (int i = 0; i < 5'000; ++i) {
        Drawn drawn = draw(random);
        const std::vector<std::uint32_t> expected = searched_list(drawn.world, drawn.residents);
        const std::vector<EvictedPage>& list = drawn.world.make(ResidentsTable(drawn.residents));
        assert_int_equal(list.size(), expected.size());
        for (std::size_t at = 0; at < list.size(); ++at) {
            assert_int_equal(list[at].resident, expected[at]);
        }
        listed_count += list.size();
    }
    assert_true(listed_count > 10'000);
}

void what_is_promised_of_a_list_is_true_of_any(void**) {
    Random random(bwrt::test::test_seed());
    int reached_count = 0;
    for (int i = 0; i < 20'000; ++i) {
        Drawn drawn = draw(random);
        const std::vector<ResidentPage>& residents = drawn.residents;
        const std::vector<EvictedPage> list = drawn.world.make(ResidentsTable(residents));
        const std::vector<std::uint64_t> deficits = deficits_of(drawn.world);

        std::vector<bool> is_gone(residents.size());
        std::vector<std::uint64_t> bytes(6), last_bytes(6);
        for (const EvictedPage& evicted : list) {
            const ResidentPage& page = residents[evicted.resident];
            assert_false(is_fetched(drawn.world, page));
            assert_false(is_gone[evicted.resident]);
            is_gone[evicted.resident] = true;
            // No child of it is left, now and hence at the end.
            for (std::size_t child = 0; child < residents.size(); ++child) {
                assert_true(residents[child].parent != evicted.resident || is_gone[child]);
            }
            const std::size_t cell = page.node * 3u + page.tier;
            bytes[cell] += page.bytes;
            last_bytes[cell] = page.bytes;
        }
        for (std::size_t cell = 0; cell < 6; ++cell) {
            if (bytes[cell] == 0) continue;
            assert_true(bytes[cell] - last_bytes[cell] < deficits[cell]);
        }
        // What may go: all that no fetched page needs, itself or by others.
        std::vector<bool> may_go(residents.size(), true);
        for (std::size_t row = residents.size(); row > 0; --row) {  // children come after parents
            const ResidentPage& page = residents[row - 1];
            may_go[row - 1] = may_go[row - 1] && !is_fetched(drawn.world, page);
            if (!may_go[row - 1] && page.parent != kNoResident) may_go[page.parent] = false;
        }
        std::vector<std::uint64_t> most_bytes(6);
        for (std::size_t row = 0; row < residents.size(); ++row) {
            if (may_go[row]) {
                most_bytes[residents[row].node * 3u + residents[row].tier] += residents[row].bytes;
            }
        }
        for (std::size_t cell = 0; cell < 6; ++cell) {
            if (deficits[cell] == 0) {
                assert_int_equal(bytes[cell], 0);
            } else if (most_bytes[cell] >= deficits[cell]) {
                assert_true(bytes[cell] >= deficits[cell]);
                ++reached_count;
            } else {
                assert_int_equal(bytes[cell], most_bytes[cell]);
            }
        }
    }
    assert_true(reached_count > 5'000);
}

// The rows may come in any order, and the list before it does not matter.
void a_list_depends_on_nothing_but_what_is_resident(void**) {
    Random random(bwrt::test::test_seed());
    EvictionList eviction(World(0).limits, 64);
    for (int i = 0; i < 5'000; ++i) {
        Drawn drawn = draw(random);
        for (ResidentPage& page : drawn.residents) page.parent = kNoResident;
        const std::vector<EvictedPage> list = drawn.world.make(ResidentsTable(drawn.residents));
        std::shuffle(drawn.residents.begin(), drawn.residents.end(), random.engine());
        const ResidentsTable table(drawn.residents);
        std::vector<EvictedPage> other;
        eviction.make(table.columns(), drawn.world.operations, drawn.world.free_bytes, kNow,
                      kWindow, {}, other);
        assert_int_equal(list.size(), other.size());
        for (std::size_t at = 0; at < list.size(); ++at) {
            assert_int_equal(list[at].page, other[at].page);
            assert_int_equal(list[at].prefix, other[at].prefix);
            assert_int_equal(list[at].node, other[at].node);
            assert_int_equal(list[at].tier, other[at].tier);
        }
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_coldest_go_until_there_is_room),
        cmocka_unit_test(what_is_listed_says_all_of_its_page),
        cmocka_unit_test(where_there_is_room_nothing_leaves),
        cmocka_unit_test(more_than_64_bits_is_all_there_is),
        cmocka_unit_test(room_on_another_tier_or_node_is_none_here),
        cmocka_unit_test(each_tier_gets_the_room_that_it_lacks),
        cmocka_unit_test(as_cold_ones_go_by_last_use_and_then_by_key),
        cmocka_unit_test(a_page_larger_than_the_deficit_goes_alone),
        cmocka_unit_test(children_go_before_what_they_need),
        cmocka_unit_test(what_stays_holds_what_it_needs_on_whatever_tier),
        cmocka_unit_test(parents_that_are_no_rows_or_go_round_do_no_harm),
        cmocka_unit_test(what_the_window_brings_or_reads_does_not_leave),
        cmocka_unit_test(pages_that_several_operations_bring_are_held_to_the_last),
        cmocka_unit_test(what_has_just_come_goes_only_when_nothing_else_may),
        cmocka_unit_test(at_the_beginning_of_time_everything_has_just_come),
        cmocka_unit_test(what_went_and_came_back_goes_only_when_nothing_else_may),
        cmocka_unit_test(columns_that_are_not_known_count_for_nothing),
        cmocka_unit_test(residents_beyond_the_limit_or_of_unknown_places_are_not_looked_at),
        cmocka_unit_test(a_recorded_list_is_the_beginning_of_ours),
        cmocka_unit_test(it_is_the_list_of_whoever_looks_at_everything),
        cmocka_unit_test(what_is_promised_of_a_list_is_true_of_any),
        cmocka_unit_test(a_list_depends_on_nothing_but_what_is_resident),
    };
    return cmocka_run_group_tests_name("eviction list", tests, nullptr, nullptr);
}
