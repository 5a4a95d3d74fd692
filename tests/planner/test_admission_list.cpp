// SPDX-License-Identifier: Apache-2.0
//
// test_admission_list.cpp — what is worth writing: by hand, against a list that was recorded, and
// on random windows page by page.
//
// The record is of the system whose threshold this keeps.  What is different, and why:
//   - it lists the first page of a request alone, and looks up no other one's heat.  Here a row is
//     listed with all of its pages: the record's page is the first of each;
//   - it lists pages for the tier that they come from.  Here what comes from a tier is on it; so
//     the record is replayed with a tier that none of its rows name.

#include "planner/admission_list.h"

#include <algorithm>
#include <map>
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

constexpr std::uint64_t kHot = 10'000;
constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kSecondNs = 1'000'000'000;

// Rows go from tier 1 to tier 2, of two nodes; tier 0 is written to.
struct World {
    WindowLimits limits{
        .row_count_max = 64, .node_count = 2, .tier_count = 4, .resident_count_max = 400};
    AdmissionRule rule;
    RequestWindow window{limits};
    std::vector<std::uint64_t> heat_milli;
    std::vector<AdmittedRun> list;

    void ask(Request request, std::uint64_t heat) {
        assert_null(window.append(request).field);
        heat_milli.push_back(heat);
    }
    void ask(std::uint64_t page_first, std::uint64_t page_count, std::uint64_t heat) {
        ask(request_of(page_first, page_count), heat);
    }
    static Request request_of(std::uint64_t page_first, std::uint64_t page_count) {
        Request request;
        request.page_first = page_first;
        request.page_count = page_count;
        request.page_bytes = kPage;
        request.tier_src = 1;
        request.tier_dst = 2;
        return request;
    }
    void make_with(AdmissionList& admission, const ResidentsTable& table, std::uint64_t now_ns) {
        admission.clear();
        const RequestColumns& rows = window.rows();
        for (std::uint32_t row = 0; row < window.row_count(); ++row) {
            admission.add(rows, row, rows.page_first[row], rows.page_end(row), heat_milli[row]);
        }
        admission.make(table.columns(), now_ns, list);
    }
    const std::vector<AdmittedRun>& make(const std::vector<ResidentPage>& residents = {}) {
        AdmissionList admission(limits, rule);
        make_with(admission, ResidentsTable(residents), 0);
        return list;
    }
};

using Interval = std::pair<std::uint64_t, std::uint64_t>;

std::vector<Interval> intervals(const std::vector<AdmittedRun>& list) {
    std::vector<Interval> intervals;
    for (const AdmittedRun& run : list) intervals.emplace_back(run.page_first, run.page_end);
    return intervals;
}

void what_is_hot_enough_is_listed(void**) {
    World world;
    world.ask(0, 2, kHot - 1);
    world.ask(10, 2, kHot);
    world.ask(20, 2, kHot + 1);
    assert_true(intervals(world.make()) == std::vector<Interval>({{10, 12}, {20, 22}}));

    world.rule.heat_milli_min = kHot + 1;
    assert_true(intervals(world.make()) == std::vector<Interval>({{20, 22}}));
}

void what_is_listed_says_all_of_its_pages(void**) {
    World world;
    Request request = World::request_of(5, 3);
    request.model = 7;
    request.prefix = 8;
    request.layer_first = 9;
    request.node = 1;
    world.ask(request, 2 * kHot);
    world.rule.tier = 3;

    const std::vector<AdmittedRun>& list = world.make();
    assert_int_equal(list.size(), 1);
    assert_int_equal(list[0].page_first, 5);
    assert_int_equal(list[0].page_end, 8);
    assert_int_equal(list[0].page_bytes, kPage);
    assert_int_equal(list[0].bytes, 3 * kPage);
    assert_int_equal(list[0].heat_milli, 2 * kHot);
    assert_int_equal(list[0].model, 7);
    assert_int_equal(list[0].prefix, 8);
    assert_int_equal(list[0].layer, 9);
    assert_int_equal(list[0].node, 1);
    assert_int_equal(list[0].tier, 3);
}

void each_page_is_listed_once_however_many_ask(void**) {
    World world;
    world.ask(4, 4, kHot);
    world.ask(0, 4, 3 * kHot);
    world.ask(1, 2, 2 * kHot);
    world.ask(9, 1, kHot);

    assert_true(intervals(world.make()) == std::vector<Interval>({{0, 8}, {9, 10}}));
    assert_int_equal(world.list[0].heat_milli, 3 * kHot);
    assert_int_equal(world.list[0].bytes, 8 * kPage);
}

void pages_of_a_number_are_told_apart_by_the_whole_key(void**) {
    World world;
    Request request = World::request_of(5, 1);
    request.node = 1;
    world.ask(request, kHot);
    request = World::request_of(5, 1);
    request.model = 1;
    world.ask(request, kHot);
    request = World::request_of(5, 1);
    request.prefix = 1;
    world.ask(request, kHot);
    request = World::request_of(5, 1);
    request.layer_first = 1;
    world.ask(request, kHot);
    world.ask(5, 1, kHot);

    const std::vector<AdmittedRun>& list = world.make();
    assert_int_equal(list.size(), 5);
    assert_int_equal(list[1].layer, 1);
    assert_int_equal(list[2].prefix, 1);
    assert_int_equal(list[3].model, 1);
    assert_int_equal(list[4].node, 1);
}

// Side by side they are two runs; where they overlap, the larger pages hold the smaller.
void pages_of_two_sizes_are_one_run_where_they_overlap(void**) {
    World world;
    Request request = World::request_of(4, 4);
    request.page_bytes = 2 * kPage;
    world.ask(0, 4, kHot);
    world.ask(request, kHot);
    assert_true(intervals(world.make()) == std::vector<Interval>({{0, 4}, {4, 8}}));

    world.ask(3, 2, kHot);
    assert_true(intervals(world.make()) == std::vector<Interval>({{0, 8}}));
    assert_int_equal(world.list[0].bytes, 16 * kPage);
}

void more_than_64_bits_of_pages_are_all_there_is(void**) {
    World world;
    Request request = World::request_of(0, std::uint64_t{1} << 50);
    request.page_bytes = 1;
    world.ask(request, kHot);
    request.page_count = 1;
    request.page_bytes = std::uint64_t{1} << 59;
    world.ask(request, kHot);

    assert_int_equal(world.make().size(), 1);
    assert_true(world.list[0].bytes == ~std::uint64_t{0});
}

void what_comes_from_the_tier_or_goes_there_is_not_written_to_it(void**) {
    World world;
    Request request = World::request_of(0, 1);
    request.tier_src = 0;
    world.ask(request, kHot);
    request.tier_src = 1;
    request.tier_dst = 0;
    world.ask(request, kHot);

    assert_true(world.make().empty());
}

void what_is_on_the_tier_is_left_out(void**) {
    World world;
    world.ask(0, 10, kHot);
    const std::vector<ResidentPage> residents = {
        {.page = 9, .tier = 0},
        {.page = 3, .tier = 0},
        {.page = 4, .tier = 0},
        {.page = 3, .tier = 0},
        {.page = 10, .tier = 0},
        {.page = 5, .tier = 1},
        {.page = 6, .node = 1, .tier = 0},
        {.page = 7, .prefix = 1, .tier = 0},
    };

    assert_true(intervals(world.make(residents)) == std::vector<Interval>({{0, 3}, {5, 9}}));
    assert_int_equal(world.list[1].bytes, 4 * kPage);
}

void residents_beyond_the_limit_are_not_looked_at(void**) {
    World world;
    world.limits.resident_count_max = 1;
    world.ask(0, 3, kHot);

    assert_true(intervals(world.make({{.page = 0, .tier = 0}, {.page = 1, .tier = 0}})) ==
                std::vector<Interval>({{1, 3}}));
}

void the_hottest_are_paid_first_and_of_the_last_the_leading_pages(void**) {
    World world;
    world.ask(0, 4, 2 * kHot);
    world.ask(10, 4, 3 * kHot);
    world.ask(20, 4, kHot);
    world.rule.writes = {.bytes = 1, .period_ns = kSecondNs, .burst_bytes = 7 * kPage - 1};

    assert_true(intervals(world.make()) == std::vector<Interval>({{0, 2}, {10, 14}}));
}

void what_needs_less_than_is_left_still_has_room(void**) {
    World world;
    Request request = World::request_of(0, 1);
    request.page_bytes = 9 * kPage;
    world.ask(request, 3 * kHot);
    world.ask(10, 2, kHot);
    world.rule.writes = {.bytes = 1, .period_ns = kSecondNs, .burst_bytes = 8 * kPage};

    assert_true(intervals(world.make()) == std::vector<Interval>({{10, 12}}));
}

void each_node_has_a_budget_that_comes_back_with_time(void**) {
    World world;
    Request request = World::request_of(0, 3);
    world.ask(request, kHot);
    request.node = 1;
    world.ask(request, kHot);
    world.rule.writes = {.bytes = kPage, .period_ns = kSecondNs, .burst_bytes = 2 * kPage};
    AdmissionList admission(world.limits, world.rule);

    world.make_with(admission, {}, 0);
    assert_true(intervals(world.list) == std::vector<Interval>({{0, 2}, {0, 2}}));
    world.make_with(admission, {}, kSecondNs - 1);
    assert_true(world.list.empty());
    world.make_with(admission, {}, kSecondNs);
    assert_true(intervals(world.list) == std::vector<Interval>({{0, 1}, {0, 1}}));
}

void without_residents_to_look_at_nothing_is_listed(void**) {
    World world;
    world.limits.resident_count_max = 0;
    world.ask(0, 1, kHot);

    assert_true(world.make().empty());
}

std::uint64_t number(const cJSON* record, const char* name) {
    return static_cast<std::uint64_t>(cJSON_GetObjectItemCaseSensitive(record, name)->valuedouble);
}

void a_recorded_list_has_the_first_page_of_each_run(void**) {
    cJSON* record = bwrt::test::read_oracle("01_bcache_window.json");
    if (record == nullptr) skip();
    World world;
    world.rule.tier = 3;
    const cJSON* inputs = cJSON_GetObjectItemCaseSensitive(record, "inputs");
    const cJSON* one = nullptr;
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(inputs, "requests")) {
        Request request;
        request.page_first = number(one, "page_start");
        request.page_count = number(one, "page_end") - request.page_first + 1;
        request.page_bytes = number(one, "page_bytes");
        request.prefix = static_cast<std::uint32_t>(number(one, "pcluster"));
        request.layer_first = static_cast<std::uint16_t>(number(one, "layer"));
        request.tier_src = static_cast<std::uint8_t>(number(one, "tier_src"));
        request.tier_dst = static_cast<std::uint8_t>(number(one, "tier_dst"));
        std::uint64_t heat = 0;
        const cJSON* hot = nullptr;
        cJSON_ArrayForEach(hot, cJSON_GetObjectItemCaseSensitive(inputs, "heat")) {
            const bool is_same = number(hot, "layer") == request.layer_first &&
                                 number(hot, "page_id") == request.page_first;
            if (is_same) heat = number(hot, "decay_hits") * 1'000;
        }
        world.ask(request, heat);
    }
    std::vector<Interval> expected;  // layer and first page
    const cJSON* outputs = cJSON_GetObjectItemCaseSensitive(record, "outputs");
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(outputs, "admission")) {
        expected.emplace_back(number(one, "layer"), number(one, "page_id"));
    }
    cJSON_Delete(record);
    std::vector<Interval> got;
    for (const AdmittedRun& run : world.make()) got.emplace_back(run.layer, run.page_first);

    // In order of prefixes before layers: of the record's two, the other way round.
    std::sort(got.begin(), got.end());
    assert_true(got == expected);
    assert_int_equal(expected.size(), 2);
}

void page_by_page_it_is_what_was_asked_for_hot_and_not_there(void**) {
    Random random(bwrt::test::test_seed());
    std::size_t listed_count = 0;
    for (int i = 0; i < 10'000; ++i) {
        World world;
        world.rule.tier = static_cast<std::uint8_t>(random.below(2) * 3);
        const bool has_budget = random.one_in(2);
        const std::uint64_t burst_bytes = random.between(1, 60) * kPage;
        if (has_budget) world.rule.writes = {1, kSecondNs, burst_bytes};
        using Key = std::tuple<int, std::uint32_t, std::uint64_t>;
        std::map<Key, std::uint64_t> pages;  // and their heat
        for (std::uint64_t row = random.below(20); row > 0; --row) {
            Request request = World::request_of(random.below(40), random.between(1, 12));
            request.node = static_cast<std::uint16_t>(random.below(2));
            request.prefix = random.between32(0, 1);
            request.tier_src = static_cast<std::uint8_t>(random.below(2));
            if (random.one_in(4)) request.tier_src = 3;
            const std::uint64_t heat = random.between(5, 20) * 1'000;
            world.ask(request, heat);
            const bool is_there =
                request.tier_src == world.rule.tier || request.tier_dst == world.rule.tier;
            if (heat < kHot || is_there) continue;
            for (std::uint64_t page = 0; page < request.page_count; ++page) {
                std::uint64_t& hottest =
                    pages[{request.node, request.prefix, request.page_first + page}];
                hottest = std::max(hottest, heat);
            }
        }
        std::vector<ResidentPage> residents;
        for (std::uint64_t row = random.below(60); row > 0; --row) {
            residents.push_back({.page = random.below(60),
                                 .prefix = random.between32(0, 1),
                                 .node = static_cast<std::uint16_t>(random.below(2)),
                                 .tier = static_cast<std::uint8_t>(random.below(4))});
            const ResidentPage& last = residents.back();
            if (last.tier == world.rule.tier) pages.erase({last.node, last.prefix, last.page});
        }

        Key last{-1, 0, 0};
        std::uint64_t bytes[2] = {};
        const std::vector<AdmittedRun>& list = world.make(residents);
        for (const AdmittedRun& run : list) {
            assert_int_equal(run.bytes, (run.page_end - run.page_first) * kPage);
            bytes[run.node] += run.bytes;
            for (std::uint64_t page = run.page_first; page < run.page_end; ++page) {
                const Key key{run.node, run.prefix, page};
                assert_true(last < key);
                last = key;
                const auto found = pages.find(key);
                assert_true(found != pages.end() && found->second <= run.heat_milli);
                pages.erase(found);
                ++listed_count;
            }
        }
        if (!has_budget) {
            assert_true(pages.empty());
            continue;
        }
        for (std::uint16_t node = 0; node < 2; ++node) {
            assert_true(bytes[node] <= burst_bytes);
            const bool has_left = std::any_of(pages.begin(), pages.end(), [&](const auto& page) {
                return std::get<0>(page.first) == node;
            });
            if (has_left) assert_int_equal(bytes[node], burst_bytes);
        }
    }
    assert_true(listed_count > 10'000);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(what_is_hot_enough_is_listed),
        cmocka_unit_test(what_is_listed_says_all_of_its_pages),
        cmocka_unit_test(each_page_is_listed_once_however_many_ask),
        cmocka_unit_test(pages_of_a_number_are_told_apart_by_the_whole_key),
        cmocka_unit_test(pages_of_two_sizes_are_one_run_where_they_overlap),
        cmocka_unit_test(more_than_64_bits_of_pages_are_all_there_is),
        cmocka_unit_test(what_comes_from_the_tier_or_goes_there_is_not_written_to_it),
        cmocka_unit_test(what_is_on_the_tier_is_left_out),
        cmocka_unit_test(residents_beyond_the_limit_are_not_looked_at),
        cmocka_unit_test(the_hottest_are_paid_first_and_of_the_last_the_leading_pages),
        cmocka_unit_test(what_needs_less_than_is_left_still_has_room),
        cmocka_unit_test(each_node_has_a_budget_that_comes_back_with_time),
        cmocka_unit_test(without_residents_to_look_at_nothing_is_listed),
        cmocka_unit_test(a_recorded_list_has_the_first_page_of_each_run),
        cmocka_unit_test(page_by_page_it_is_what_was_asked_for_hot_and_not_there),
    };
    return cmocka_run_group_tests_name("admission list", tests, nullptr, nullptr);
}
