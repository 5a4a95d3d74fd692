// SPDX-License-Identifier: Apache-2.0
//
// test_wave_build.cpp — waves of a plan: which extents, requests and tiles each has, and the waves
// that were recorded of the reference.
//
// Prints its seed and takes it back from BWRT_TEST_SEED.

#include "planner/values/wave_build.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "planner/planner.h"
#include "planner/values/plan_json.h"
#include "tests/planner/plan_errors.h"
#include "tests/planner/windows.h"
#include "tests/support/cmocka.h"
#include "tests/support/oracle.h"

namespace {

using namespace bwrt::planner;
using bwrt::test::expect_error;
using bwrt::test::expect_none;

std::vector<WaveSpec> built(const std::vector<WaveOperation>& operations,
                            const std::vector<WaveRequest>& requests, const TileRule& rule = {}) {
    std::vector<WaveSpec> waves;
    expect_none(build_waves(operations, requests, rule, waves));
    return waves;
}

using Ids = std::vector<std::uint64_t>;

void a_wave_is_of_one_node_and_tier(void**) {
    const auto waves =
        built({{.page_first = 0, .page_last = 3, .layer = 1, .node = 1, .tier_dst = 2},
               {.page_first = 5, .page_last = 5, .layer = 1, .node = 0, .tier_dst = 2},
               {.page_first = 7, .page_last = 8, .layer = 0, .node = 1, .tier_dst = 2},
               {.page_first = 9, .page_last = 9, .layer = 1, .node = 1, .tier_dst = 1}},
              {});

    assert_int_equal(waves.size(), 3);
    assert_true(*waves[0].io_extents == (std::vector<IoExtent>{{"1", 0, 3}, {"0", 7, 8}}));
    assert_true(*waves[1].io_extents == (std::vector<IoExtent>{{"1", 5, 5}}));
    assert_true(*waves[2].io_extents == (std::vector<IoExtent>{{"1", 9, 9}}));
    assert_true(waves[0].swap_window == (SwapTokens{2, 4}));
    assert_true(*waves[0].tile_order == (std::vector<TileCoord>{{0, 0}, {0, 1}}));
    for (const WaveSpec& wave : waves) expect_none(check(wave));
}

void requests_are_packed_by_cluster_then_deadline_then_as_they_came(void**) {
    const WaveOperation operation = {.page_last = 1, .layer = 4, .node = 1, .tier_dst = 1};
    WaveRequest like = {.layer = 4, .node = 1, .tier_dst = 1};
    std::vector<WaveRequest> requests;
    const auto ask = [&](std::uint64_t id, std::uint64_t cluster, std::uint64_t deadline_ns) {
        like.id = id;
        like.cluster = cluster;
        like.deadline_ns = deadline_ns;
        requests.push_back(like);
    };
    ask(10, 2, 5);
    ask(11, 1, 9);
    ask(12, 1, 8);
    ask(13, 1, 9);
    ask(11, 2, 1);  // again, of another layer
    ask(14, 1, kNoDeadline);
    ask(9, 2, 5);

    assert_true(*built({operation}, requests)[0].pack_order == (Ids{12, 11, 13, 14, 10, 9}));
}

void equal_requests_stay_as_they_came(void**) {
    std::vector<WaveRequest> requests;
    Ids ids;
    for (std::uint64_t i = 0; i < 100; ++i) {
        requests.push_back({.id = i * 37 % 100});
        ids.push_back(i * 37 % 100);
    }

    assert_true(*built({{.page_last = 1}}, requests)[0].pack_order == ids);
}

void a_request_of_another_place_is_not_packed(void**) {
    const WaveOperation operation = {.page_last = 1, .layer = 4, .node = 1, .tier_dst = 1};
    const auto waves = built({operation}, {{.id = 1, .layer = 4, .node = 1, .tier_dst = 1},
                                           {.id = 2, .layer = 5, .node = 1, .tier_dst = 1},
                                           {.id = 3, .layer = 4, .node = 0, .tier_dst = 1},
                                           {.id = 4, .layer = 4, .node = 1, .tier_dst = 2}});

    assert_true(*waves[0].pack_order == Ids{1});
}

void an_operation_without_pages_has_no_extent_and_a_tile(void**) {
    const auto waves = built({{.page_first = 1, .page_last = 0}}, {});

    assert_true(waves[0].io_extents->empty());
    assert_true(waves[0].swap_window == (SwapTokens{0, 1}));
    assert_int_equal(waves[0].tile_order->size(), 1);
    expect_none(validate(waves[0]));
}

void the_tile_is_the_rules_and_without_one_there_is_no_wave(void**) {
    const TileConfig mine[] = {{8, 8, 8, 3, {1, 1}}};
    const auto waves = built({{}}, {}, {.dtype = "fp32", .configs = mine});
    assert_true(waves[0].bm == 8 && waves[0].tmem_layout == (TmemLayout{8, 4, true, 3}));
    expect_none(validate(waves[0], {.dtype = "fp32", .configs = mine}));

    std::vector<WaveSpec> untouched(2);
    expect_error(build_waves({}, {}, {.configs = mine}, untouched), "configs",
                 "has no tile whose bk fills 32 bytes");
    assert_int_equal(untouched.size(), 2);
}

void a_plan_packs_what_it_planned(void**) {
    bwrt::test::PlannerWorld world;
    world.budgets[1].bytes = 5 * 4096;
    Planner planner(world.limits, world.rule);
    Request request = bwrt::test::request_of(70, 0, 2, 10);
    request.layer_count = 2;
    request.prefix = 5;
    assert_null(planner.request(request).field);
    assert_null(planner.request(bwrt::test::request_of(71, 10, 5, 20)).field);
    request = bwrt::test::request_of(72, 20, 1, 30);
    assert_null(planner.request(request).field);
    const Plan& plan = planner.plan(world.state());

    std::vector<WaveSpec> waves;
    expect_none(waves_of(plan, planner.rows(), {}, {}, waves));
    assert_int_equal(waves.size(), 1);
    assert_int_equal(waves[0].io_extents->size(), 3);
    assert_true(*waves[0].pack_order == (Ids{72, 70}));  // prefix 0 is before prefix 5

    const std::uint32_t clusters[] = {9, 0, 0, 0, 0, 1};
    expect_none(waves_of(plan, planner.rows(), clusters, {}, waves));
    assert_true(*waves[0].pack_order == (Ids{70, 72}));

    // Cluster 9 is before prefix 5, which has none.
    const std::uint32_t fewer[] = {9};
    expect_none(waves_of(plan, planner.rows(), fewer, {}, waves));
    assert_true(*waves[0].pack_order == (Ids{72, 70}));
}

void every_planned_request_is_in_a_wave_once(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    int wrong_count = 0;

    for (std::uint32_t round = 0; round < bwrt::test::share_of(300); ++round) {
        bwrt::test::PlannerWorld world = bwrt::test::draw_world(random);
        Planner planner(world.limits, world.rule);
        for (std::uint64_t id = 0, count = random.below(40); id < count; ++id) {
            static_cast<void>(planner.request(bwrt::test::draw_request(random, id, false)));
        }
        const Plan& plan = planner.plan(world.state());
        std::vector<WaveSpec> waves;
        wrong_count += build_waves({}, {}, {}, waves) ? 1 : 0;
        wrong_count += waves_of(plan, planner.rows(), {}, {}, waves) ? 1 : 0;

        std::multiset<std::uint64_t> packed, planned;
        std::size_t extent_count = 0;
        std::uint64_t page_count = 0;
        for (const Operation& each : plan.operations) page_count += each.page_end - each.page_first;
        for (const WaveSpec& wave : waves) {
            for (const IoExtent& each : *wave.io_extents) {
                page_count -= each.end_pid - each.start_pid + 1;
            }
            packed.insert(wave.pack_order->begin(), wave.pack_order->end());
            extent_count += wave.io_extents->size();
            wrong_count += wave.tile_order->size() != wave.io_extents->size() ? 1 : 0;
            wrong_count += check(wave) || fits_proto(wave) ? 1 : 0;
        }
        for (std::uint32_t row = 0; row < planner.row_count(); ++row) {
            if (plan.verdicts[row] <= Verdict::kPlannedPart) planned.insert(planner.rows().id[row]);
        }
        wrong_count += packed != planned || extent_count != plan.operations.size() ? 1 : 0;
        wrong_count += page_count != 0 ? 1 : 0;
    }

    assert_int_equal(wrong_count, 0);
}

std::string text_of(const cJSON* item) {
    char* text = cJSON_PrintUnformatted(item);
    const std::string copy = text;
    cJSON_free(text);
    return copy;
}

std::uint64_t number_of(const cJSON* object, const char* name) {
    return static_cast<std::uint64_t>(cJSON_GetObjectItemCaseSensitive(object, name)->valuedouble);
}

std::uint16_t node_of(const cJSON* row) {
    const char* name = cJSON_GetObjectItemCaseSensitive(row, "node")->valuestring;
    return static_cast<std::uint16_t>(std::stoi(name + 1));
}

void the_recorded_waves_agree(void**) {
    cJSON* record = bwrt::test::read_oracle("01_bcache_window.json");
    if (record == nullptr) skip();
    const auto item_of = [](const cJSON* object, const char* name) {
        return cJSON_GetObjectItemCaseSensitive(object, name);
    };
    std::vector<WaveOperation> operations;
    std::vector<WaveRequest> requests;
    std::vector<WaveSpec> recorded;
    const cJSON* row = nullptr;
    cJSON_ArrayForEach(row, item_of(item_of(record, "outputs"), "plan_no_tier_caps")) {
        operations.push_back({number_of(row, "start_pid"), number_of(row, "end_pid"),
                              static_cast<std::uint16_t>(number_of(row, "layer")), node_of(row),
                              static_cast<std::uint8_t>(number_of(row, "tier_dst"))});
    }
    // All of them, the one that was turned away among them, as the reference packs.
    cJSON_ArrayForEach(row, item_of(item_of(record, "inputs"), "requests")) {
        requests.push_back({number_of(row, "req_id"), number_of(row, "deadline_ms"),
                            number_of(row, "pcluster"),
                            static_cast<std::uint16_t>(number_of(row, "layer")), node_of(row),
                            static_cast<std::uint8_t>(number_of(row, "tier_dst"))});
    }
    int refused_count = 0;
    cJSON_ArrayForEach(row, item_of(item_of(record, "outputs"), "waves_for_plan_no_tier_caps")) {
        refused_count += parse(text_of(row), recorded.emplace_back()) ? 1 : 0;
    }
    cJSON_Delete(record);

    assert_int_equal(refused_count, 0);
    assert_int_equal(recorded.size(), 2);
    for (const WaveSpec& wave : recorded) expect_none(check(wave));
    assert_true(built(operations, requests) == recorded);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_wave_is_of_one_node_and_tier),
        cmocka_unit_test(requests_are_packed_by_cluster_then_deadline_then_as_they_came),
        cmocka_unit_test(equal_requests_stay_as_they_came),
        cmocka_unit_test(a_request_of_another_place_is_not_packed),
        cmocka_unit_test(an_operation_without_pages_has_no_extent_and_a_tile),
        cmocka_unit_test(the_tile_is_the_rules_and_without_one_there_is_no_wave),
        cmocka_unit_test(a_plan_packs_what_it_planned),
        cmocka_unit_test(every_planned_request_is_in_a_wave_once),
        cmocka_unit_test(the_recorded_waves_agree),
    };
    return cmocka_run_group_tests_name("planner/values/wave_build.cpp", tests, nullptr, nullptr);
}
