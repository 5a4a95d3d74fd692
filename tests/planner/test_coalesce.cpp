// SPDX-License-Identifier: Apache-2.0
//
// test_coalesce.cpp — the union of intervals, against recorded edges and by hand.
//
// In one case of the record the union is none: [0,100], [5,6] and [50,60] are two runs there, the
// second one within the first, since each interval is compared with the one before it alone.  Here
// they are one.  What ends before it begins cannot be said here, and a run has no number.

#include "planner/coalesce.h"

#include <algorithm>
#include <compare>
#include <cstring>
#include <vector>

#include "tests/planner/windows.h"
#include "tests/support/oracle.h"

namespace {

using namespace bwrt::planner;
using bwrt::test::kMs;
using bwrt::test::kNow;

// Rows in the order in which they are asked for, and what they become.
struct Union {
    RequestWindow window{{.row_count_max = 64, .tier_count = 3}};
    Zeroed<ScoredRow> scored{64};
    PageGroups groups{64};
    std::vector<Operation> operations;
    Coalesced result;

    void ask(std::uint64_t page_first, std::uint64_t page_count, std::uint64_t page_bytes = 4096) {
        Request request = bwrt::test::request_of(0, page_first, page_count, 10);
        request.page_bytes = page_bytes;
        assert_null(window.append(request).field);
    }
    void make(std::uint64_t gap_bytes_max = 0) {
        const ScoreRule rule{.filters = false};
        score(window.rows(), window.row_count(), nullptr, rule, 4, kNow, scored);
        groups.number(window.rows(), window.row_count(), scored);
        std::vector<KeyedRow> rows;
        for (std::uint32_t row = 0; row < window.row_count(); ++row) {
            rows.push_back({scored[row].page_first, row});
        }
        std::stable_sort(rows.begin(), rows.end(), [&](const KeyedRow& a, const KeyedRow& b) {
            return std::pair(scored[a.row].group, a.key) < std::pair(scored[b.row].group, b.key);
        });
        result = coalesce(groups, scored, rows, gap_bytes_max, operations);
    }
    [[nodiscard]] bool has(std::size_t index, std::uint64_t first, std::uint64_t end,
                           std::uint64_t bytes, std::uint32_t fan_out) const {
        const Operation& operation = operations.at(index);
        return operation.page_first == first && operation.page_end == end &&
               operation.bytes == bytes && operation.fan_out == fan_out;
    }
};

std::uint64_t number_at(const cJSON* row, int index) {
    return static_cast<std::uint64_t>(cJSON_GetArrayItem(row, index)->valuedouble);
}

// A row of the record: first and last page, bytes of a page, milliseconds to its deadline, and a
// slack, which is reckoned here (score.h).
bool asks_for_all(Union& out, const cJSON* rows) {
    const cJSON* row = nullptr;
    cJSON_ArrayForEach(row, rows) {
        Request request;
        request.page_first = number_at(row, 0);
        request.page_count = number_at(row, 1) - request.page_first + 1;
        request.page_bytes = number_at(row, 2);
        request.deadline_ns = kNow + number_at(row, 3) * kMs;
        request.tier_dst = 1;
        if (out.window.append(request)) return false;
    }
    return true;
}

bool is_recorded(const Operation& operation, const cJSON* record) {
    const auto number = [&](const char* name) {
        return static_cast<std::uint64_t>(
            cJSON_GetObjectItemCaseSensitive(record, name)->valuedouble);
    };
    return operation.page_first == number("start_pid") &&
           operation.page_end == number("end_pid") + 1 &&
           operation.page_bytes == number("page_bytes") && operation.bytes == number("bytes") &&
           operation.deadline_ns == number("deadline_ms") * kMs &&
           operation.fan_out == number("fanout");
}

// How many operations are not as they are recorded.
int differences(const cJSON* one) {
    Union all;
    const cJSON* out = cJSON_GetObjectItemCaseSensitive(one, "out");
    if (!asks_for_all(all, cJSON_GetObjectItemCaseSensitive(one, "in"))) return -1;
    all.make();
    const auto count = static_cast<std::size_t>(cJSON_GetArraySize(out));
    if (all.operations.size() != count) return -2;
    int difference_count = 0;
    for (std::size_t i = 0; i < count; ++i) {
        difference_count +=
            !is_recorded(all.operations[i], cJSON_GetArrayItem(out, static_cast<int>(i)));
    }
    return difference_count;
}

void every_recorded_edge_is_as_it_was_but_the_two_that_are_no_union(void**) {
    cJSON* record = bwrt::test::read_oracle("02_bcache_coalesce_edges.json");
    if (record == nullptr) skip();
    int same_count = 0, wrong_count = 0, nested = 0, inverted = 0;
    const cJSON* one = nullptr;
    cJSON_ArrayForEach(one, record) {
        if (cJSON_IsArray(one)) {
            const cJSON* each = nullptr;
            cJSON_ArrayForEach(each, one)++(differences(each) == 0 ? same_count : wrong_count);
        } else if (std::strncmp(one->string, "nested", 6) == 0) {
            nested = differences(one);
        } else if (std::strncmp(one->string, "inverted", 8) == 0) {
            inverted = differences(one);
        } else {
            ++(differences(one) == 0 ? same_count : wrong_count);
        }
    }
    cJSON_Delete(record);

    assert_int_equal(same_count, 6);
    assert_int_equal(wrong_count, 0);
    assert_int_equal(nested, -2);
    assert_int_equal(inverted, -1);
}

// Block tables as vLLM has them, which BCache's adapter makes into requests: the runs of each
// layer's blocks.  Here the blocks are asked for one by one, in another order.
void single_blocks_become_the_runs_that_were_recorded_of_block_tables(void**) {
    cJSON* record = bwrt::test::read_oracle("08_vllm_blocks.json");
    if (record == nullptr) skip();
    const auto number = [](const cJSON* of, const char* name) {
        return static_cast<std::uint64_t>(cJSON_GetObjectItemCaseSensitive(of, name)->valuedouble);
    };
    const std::uint64_t block_bytes = number(record, "bytes_per_block");
    const cJSON* const requests = cJSON_GetObjectItemCaseSensitive(record, "requests");
    struct Run {
        std::uint64_t layer, first, last;
        auto operator<=>(const Run&) const = default;
    };
    std::vector<Run> expected, made;
    Union all;
    const cJSON* each = nullptr;
    cJSON_ArrayForEach(each, requests) {
        const Run run = {number(each, "layer"), number(each, "page_start"),
                         number(each, "page_end")};
        expected.push_back(run);
        assert_int_equal(number(each, "page_bytes"), block_bytes);
        for (std::uint64_t page = run.last + 1; page-- > run.first;) {
            Request request = bwrt::test::request_of(0, page, 1, 10);
            request.layer_first = static_cast<std::uint16_t>(run.layer);
            request.page_bytes = block_bytes;
            assert_null(all.window.append(request).field);
        }
    }
    all.make();
    for (const Operation& operation : all.operations) {
        made.push_back({operation.layer, operation.page_first, operation.page_end - 1});
        assert_int_equal(operation.bytes,
                         (operation.page_end - operation.page_first) * block_bytes);
    }
    std::sort(expected.begin(), expected.end());
    std::sort(made.begin(), made.end());
    assert_true(made == expected && made.size() == 3);
    cJSON_Delete(record);
}

// The same of blocks in no order.
void blocks_in_any_order_become_the_runs_that_were_recorded(void**) {
    cJSON* record = bwrt::test::read_oracle("08_vllm_blocks.json");
    if (record == nullptr) skip();
    Union all;
    const std::uint64_t pages[] = {1, 3, 2, 5, 6};
    for (const std::uint64_t page : pages) all.ask(page, 1);
    all.make();
    const cJSON* const runs = cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(record, "coalesce"), "[1,3,2,5,6]");
    assert_int_equal(all.operations.size(), cJSON_GetArraySize(runs));
    for (std::size_t i = 0; i < all.operations.size(); ++i) {
        const cJSON* const run = cJSON_GetArrayItem(runs, static_cast<int>(i));
        assert_int_equal(all.operations[i].page_first, number_at(run, 0));
        assert_int_equal(all.operations[i].page_end - 1, number_at(run, 1));
    }
    cJSON_Delete(record);
}

void what_lies_within_an_earlier_row_is_part_of_its_run(void**) {
    Union all;
    all.ask(0, 101, 65'536);
    all.ask(5, 2, 65'536);
    all.ask(50, 11, 65'536);
    all.make();

    assert_int_equal(all.operations.size(), 1);
    assert_true(all.has(0, 0, 101, 101 * 65'536, 3));
    assert_true(all.result.is_whole);
    assert_false(all.result.is_own);
}

void rows_that_meet_are_one_run_and_each_pays_for_its_own(void**) {
    Union all;
    all.ask(4, 4);
    all.ask(0, 4);
    all.ask(9, 1);
    all.make();

    assert_int_equal(all.operations.size(), 2);
    assert_true(all.has(0, 0, 8, 8 * 4096, 2));
    assert_true(all.has(1, 9, 10, 4096, 1));
    assert_true(all.result.is_whole);
    assert_true(all.result.is_own);
}

void a_page_that_two_ask_for_is_not_the_own_of_either(void**) {
    Union all;
    all.ask(0, 4);
    all.ask(3, 4);
    all.make();

    assert_true(all.has(0, 0, 7, 7 * 4096, 2));
    assert_false(all.result.is_own);
}

void a_gap_is_closed_up_to_its_bytes_and_belongs_to_nobody(void**) {
    for (const std::uint64_t gap_bytes_max : {8191u, 8192u}) {
        Union all;
        all.ask(0, 4);
        all.ask(6, 2);
        all.make(gap_bytes_max);

        const bool is_closed = gap_bytes_max == 8192;
        assert_int_equal(all.operations.size(), is_closed ? 1 : 2);
        assert_true(is_closed ? all.has(0, 0, 8, 8 * 4096, 2) : all.has(1, 6, 8, 2 * 4096, 1));
        assert_true(all.result.is_own == !is_closed);
        assert_true(all.result.is_whole);
    }
}

// Whether a gap is worth it depends on the larger page, and so on which of them came first.
void pages_of_two_sizes_are_moved_as_the_larger_and_gaps_between_them_are_not_decided(void**) {
    for (const std::uint64_t gap_bytes_max : {0u, 4096u}) {
        Union all;
        all.ask(0, 2, 8192);
        all.ask(2, 2, 4096);
        all.make(gap_bytes_max);

        assert_int_equal(all.operations.size(), 1);
        assert_true(all.has(0, 0, 4, 4 * 8192, 2));
        assert_true(all.result.is_whole == (gap_bytes_max == 0));
        assert_false(all.result.is_own);
    }
    Union reversed;
    reversed.ask(0, 2, 4096);
    reversed.ask(2, 2, 8192);
    reversed.make();
    assert_true(reversed.has(0, 0, 4, 4 * 8192, 2));
}

void pages_of_two_groups_never_meet(void**) {
    Union all;
    for (std::uint32_t i = 0; i < 6; ++i) {
        Request request = bwrt::test::request_of(i, i * 4, 4, 10);
        request.model = i == 1;
        request.prefix = i == 2;
        request.layer_first = i == 3;
        request.tier_dst = i == 4 ? 2 : 1;
        request.tier_src = i == 5 ? 2 : 0;
        assert_null(all.window.append(request).field);
    }
    all.make();

    assert_int_equal(all.operations.size(), 6);
    assert_int_equal(all.operations[1].model, 1);
    assert_int_equal(all.operations[2].prefix, 1);
    assert_int_equal(all.operations[3].layer, 1);
    assert_int_equal(all.operations[4].tier_dst, 2);
    assert_int_equal(all.operations[5].tier_src, 2);
}

void an_operation_is_all_that_its_rows_are(void**) {
    Union all;
    Request request = bwrt::test::request_of(0, 0, 4, 30);
    request.request_class = RequestClass::kHint;
    request.weight_milli = 2'000;
    request.fill_ns = 15 * kMs;
    assert_null(all.window.append(request).field);
    request = bwrt::test::request_of(1, 4, 4, 20);
    request.age = 3;
    request.fill_ns = 4 * kMs;
    assert_null(all.window.append(request).field);
    all.make();

    assert_int_equal(all.operations.size(), 1);
    const Operation& operation = all.operations[0];
    assert_int_equal(operation.deadline_ns, kNow + 20 * kMs);
    assert_int_equal(operation.slack_milli, 2'000);
    assert_int_equal(operation.age, 3);
    assert_int_equal(operation.request_class, RequestClass::kDemand);
    assert_int_equal(operation.fan_out, 2);
    assert_int_equal(operation.urgency, std::min(all.scored[0].urgency, all.scored[1].urgency));
}

void a_run_too_large_for_its_largest_pages_is_not_whole(void**) {
    for (const std::uint64_t page_count : {std::uint64_t{1u} << 30, (std::uint64_t{1} << 30) - 1}) {
        Union all;
        all.ask(0, page_count, 1);
        all.ask(0, 1, std::uint64_t{1} << 31);
        all.make();

        assert_int_equal(all.operations.size(), 1);
        assert_true(all.result.is_whole == (page_count < std::uint64_t{1} << 30));
    }
    Union all;
    all.ask(0, std::uint64_t{1} << 32, 1);
    all.ask(0, 1, std::uint64_t{1} << 32);  // 2^64, of which the low half is nothing
    all.make();
    assert_false(all.result.is_whole);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(every_recorded_edge_is_as_it_was_but_the_two_that_are_no_union),
        cmocka_unit_test(single_blocks_become_the_runs_that_were_recorded_of_block_tables),
        cmocka_unit_test(blocks_in_any_order_become_the_runs_that_were_recorded),
        cmocka_unit_test(what_lies_within_an_earlier_row_is_part_of_its_run),
        cmocka_unit_test(rows_that_meet_are_one_run_and_each_pays_for_its_own),
        cmocka_unit_test(a_page_that_two_ask_for_is_not_the_own_of_either),
        cmocka_unit_test(a_gap_is_closed_up_to_its_bytes_and_belongs_to_nobody),
        cmocka_unit_test(
            pages_of_two_sizes_are_moved_as_the_larger_and_gaps_between_them_are_not_decided),
        cmocka_unit_test(pages_of_two_groups_never_meet),
        cmocka_unit_test(an_operation_is_all_that_its_rows_are),
        cmocka_unit_test(a_run_too_large_for_its_largest_pages_is_not_whole),
    };
    return cmocka_run_group_tests_name("coalesce", tests, nullptr, nullptr);
}
