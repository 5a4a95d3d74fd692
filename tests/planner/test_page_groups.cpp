// SPDX-License-Identifier: Apache-2.0
//
// test_page_groups.cpp — equal keys have one number, others have others, in the order in which they
// appear.

#include "planner/page_groups.h"

#include <map>
#include <tuple>

#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;

constexpr std::uint32_t kRowCountMax = 4'096;

struct Rows {
    RequestWindow window{{.row_count_max = kRowCountMax, .node_count = 4, .tier_count = 4}};
    Zeroed<ScoredRow> scored{kRowCountMax};
    PageGroups groups{kRowCountMax};

    void ask(const PageGroup& group) {
        Request request;
        request.page_count = 1;
        request.page_bytes = 1;
        request.model = group.model;
        request.prefix = group.prefix;
        request.node = group.node;
        request.layer_first = group.layer;
        request.tier_src = group.tier_src;
        request.tier_dst = group.tier_dst;
        scored[window.row_count()].stays = true;
        assert_null(window.append(request).field);
    }
    void number() { groups.number(window.rows(), window.row_count(), scored); }
};

void each_part_of_a_key_makes_a_group(void**) {
    const PageGroup first{
        .model = 0, .prefix = 0, .node = 0, .layer = 0, .tier_src = 0, .tier_dst = 1};
    Rows rows;
    rows.ask(first);
    PageGroup group = first;
    group.model = 1;
    rows.ask(group);
    group = first;
    group.prefix = 1;
    rows.ask(group);
    group = first;
    group.node = 1;
    rows.ask(group);
    group = first;
    group.layer = 1;
    rows.ask(group);
    group = first;
    group.tier_src = 2;
    rows.ask(group);
    group = first;
    group.tier_dst = 2;
    rows.ask(group);
    rows.ask(first);
    rows.number();

    assert_int_equal(rows.groups.group_count(), 7);
    for (std::uint32_t row = 0; row < 7; ++row) assert_int_equal(rows.scored[row].group, row);
    assert_int_equal(rows.scored[7].group, 0);
    assert_true(rows.groups[6] == group);
    assert_true(rows.groups[0] == first);
}

void what_does_not_stay_makes_no_group(void**) {
    Rows rows;
    rows.ask({.model = 1, .prefix = 1, .node = 0, .layer = 0, .tier_src = 0, .tier_dst = 1});
    rows.ask({.model = 2, .prefix = 1, .node = 0, .layer = 0, .tier_src = 0, .tier_dst = 1});
    rows.scored[0].stays = false;
    rows.number();

    assert_int_equal(rows.groups.group_count(), 1);
    assert_int_equal(rows.groups[0].model, 2);
}

// Small windows after large ones, and groups that fill the table.
void any_window_is_numbered_as_a_map_does(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    Rows rows;
    for (int turn = 0; turn < 200; ++turn) {
        rows.window.clear();
        const std::uint32_t row_count = random.between32(0, turn % 10 == 0 ? kRowCountMax : 60);
        const std::uint64_t spread = random.one_in(2) ? 3 : 1'000'000'000;
        using Key = std::tuple<int, int, int, std::uint32_t, std::uint32_t, int>;
        std::map<Key, std::uint32_t> numbers;
        std::vector<std::uint32_t> expected;
        for (std::uint32_t row = 0; row < row_count; ++row) {
            const PageGroup group{.model = random.between32(0, 1),
                                  .prefix = static_cast<std::uint32_t>(random.below(spread)),
                                  .node = static_cast<std::uint16_t>(random.below(4)),
                                  .layer = static_cast<std::uint16_t>(random.below(4)),
                                  .tier_src = static_cast<std::uint8_t>(random.below(2)),
                                  .tier_dst = static_cast<std::uint8_t>(2 + random.below(2))};
            rows.ask(group);
            const auto number = static_cast<std::uint32_t>(numbers.size());
            expected.push_back(numbers
                                   .try_emplace({group.node, group.tier_src, group.tier_dst,
                                                 group.model, group.prefix, group.layer},
                                                number)
                                   .first->second);
        }
        rows.number();
        assert_int_equal(rows.groups.group_count(), numbers.size());
        for (std::uint32_t row = 0; row < row_count; ++row) {
            assert_int_equal(rows.scored[row].group, expected[row]);
        }
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(each_part_of_a_key_makes_a_group),
        cmocka_unit_test(what_does_not_stay_makes_no_group),
        cmocka_unit_test(any_window_is_numbered_as_a_map_does),
    };
    return cmocka_run_group_tests_name("page groups", tests, nullptr, nullptr);
}
