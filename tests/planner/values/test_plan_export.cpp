// SPDX-License-Identifier: Apache-2.0
//
// test_plan_export.cpp — a window's plan as values: each field, each refusal, and what was recorded
// of the reference for the same plan, equal but for what is listed here:
//
//   kind      STORAGE2H where the bytes come from storage; there H2D
//   tensor    names the prefix; there "kv" for all, so that two prefixes' pages are one page twice,
//             which check() refuses
//   note      what our planner knows; there cluster and overlap
//   prefetch  not filled from what is written through; there it is
//   swap      the reference's second file is read behind its end, which check() refuses

#include "planner/values/plan_export.h"

#include <string>
#include <vector>

#include "planner/planner.h"
#include "planner/values/plan_check.h"
#include "planner/values/plan_json.h"
#include "tests/planner/plan_errors.h"
#include "tests/planner/windows.h"
#include "tests/support/cmocka.h"
#include "tests/support/oracle.h"

namespace {

using namespace bwrt::planner;
using bwrt::test::expect_error;
using bwrt::test::expect_none;

constexpr std::uint64_t kPage = 4096;

Operation operation_of(std::uint64_t page_first, std::uint64_t page_end, std::uint8_t tier_src,
                       std::uint8_t tier_dst) {
    Operation operation;
    operation.page_first = page_first;
    operation.page_end = page_end;
    operation.page_bytes = kPage;
    operation.bytes = (page_end - page_first) * kPage;
    operation.tier_src = tier_src;
    operation.tier_dst = tier_dst;
    return operation;
}

CachePlan exported(const Plan& plan, const PlanNames& names = {}) {
    CachePlan out;
    expect_none(export_plan(plan, nullptr, names, {.plan_id = "p"}, out));
    return out;
}

PlanError refusal_of(const Operation& operation, const PlanNames& names = {},
                     std::uint32_t page_count_max = 8) {
    Plan plan;
    plan.operations = {operation_of(0, 1, 0, 1), operation};
    CachePlan out;
    out.plan_id = "before";
    const PlanError error =
        export_plan(plan, nullptr, names, {.plan_id = "p", .page_count_max = page_count_max}, out);
    assert_true(!error || out.plan_id == "before");
    return error;
}

void an_operation_becomes_a_transfer(void**) {
    const std::vector<std::string> nodes = {"a", "b"}, models = {"m", "n"}, prefixes = {"p", "q"};
    PlanNames names;
    names.nodes = nodes;
    names.models = models;
    names.prefixes = prefixes;
    Plan plan;
    plan.operations = {operation_of(5, 7, 0, 1)};
    Operation& operation = plan.operations[0];
    operation.node = 1;
    operation.model = operation.prefix = 1;
    operation.layer = 3;
    operation.fan_out = 2;
    operation.request_class = RequestClass::kHint;
    operation.finish_ns = 9;

    const CachePlan out = exported(plan, names);

    expect_none(check(out, {.page_bytes = kPage}));
    assert_true(out.plan_id == "p" && out.ops.size() == 1 && !out.window_ms.has_value());
    const TransferOp& op = out.ops[0];
    assert_true(op.kind == TransferKind::kStorageToHost);
    assert_string_equal(op.src.c_str(), "tier://b/tier0");
    assert_string_equal(op.dst.c_str(), "tier://b/tier1");
    assert_true(op.length == 2 * kPage && op.src_offset == 5 * kPage && op.dst_offset == 5 * kPage);
    assert_true(op.kv_refs == (std::vector<KvPageRef>{{"kv/n/q", 5, 0, 3}, {"kv/n/q", 6, 0, 3}}));
    assert_string_equal(op.note.c_str(), "fanout=2 class=hint finish_ns=9");
    operation.deadline_ns = 8;
    operation.request_class = RequestClass::kDemand;
    assert_string_equal(exported(plan, names).ops[0].note.c_str(),
                        "fanout=2 class=demand deadline_ns=8 finish_ns=9");
}

void without_names_the_numbers_are_the_names(void**) {
    Plan plan;
    plan.operations = {operation_of(0, 1, 1, 2)};
    plan.operations[0].model = 4'000'000'000;

    const TransferOp op = exported(plan).ops[0];

    assert_string_equal(op.src.c_str(), "tier://0/tier1");
    assert_string_equal(op.kv_refs[0].tensor.c_str(), "kv/4000000000/0");
}

void names_with_a_slash_do_not_make_two_prefixes_one(void**) {
    const std::vector<std::string> models = {"a/b", "a"}, prefixes = {"c", "b/c", "b%2Fc"};
    PlanNames names;
    names.models = models;
    names.prefixes = prefixes;
    Plan plan;
    plan.operations = {operation_of(0, 1, 0, 1), operation_of(0, 1, 0, 1),
                       operation_of(0, 1, 0, 1)};
    plan.operations[1].model = plan.operations[2].model = 1;
    plan.operations[1].prefix = 1;
    plan.operations[2].prefix = 2;

    const CachePlan out = exported(plan, names);

    expect_none(check(out));
    assert_string_equal(out.ops[0].kv_refs[0].tensor.c_str(), "kv/a/b/c");
    assert_string_equal(out.ops[1].kv_refs[0].tensor.c_str(), "kv/a/b%2Fc");
    assert_string_equal(out.ops[2].kv_refs[0].tensor.c_str(), "kv/a/b%252Fc");
}

void the_kind_follows_from_what_the_tiers_are(void**) {
    const auto kind_of = [](std::uint8_t from, std::uint8_t to, const PlanNames& names = {}) {
        Plan plan;
        plan.operations = {operation_of(0, 1, from, to)};
        return exported(plan, names).ops[0].kind;
    };
    assert_true(kind_of(0, 1) == TransferKind::kStorageToHost);
    assert_true(kind_of(0, 2) == TransferKind::kStorageToDevice);
    assert_true(kind_of(1, 0) == TransferKind::kHostToStorage);
    assert_true(kind_of(1, 2) == TransferKind::kHostToDevice);
    assert_true(kind_of(2, 0) == TransferKind::kDeviceToStorage);
    assert_true(kind_of(2, 1) == TransferKind::kDeviceToHost);
    assert_true(kind_of(2, 3) == TransferKind::kPeerToPeer);
    PlanNames names;
    names.tiers[2] = TierMedium::kHost;
    assert_true(kind_of(0, 2, names) == TransferKind::kStorageToHost);
    expect_error(refusal_of(operation_of(0, 1, 1, 2), names), "operations[1]",
                 "moves between tiers of one medium");
}

void what_the_values_cannot_hold_is_refused(void**) {
    expect_none(refusal_of(operation_of(0, 7, 0, 1)));
    expect_error(refusal_of(operation_of(0, 8, 0, 1)), "operations[1]",
                 "has more pages than a plan may name");
    Operation far = operation_of((std::uint64_t{1} << 52) - 2, (std::uint64_t{1} << 52) - 1, 0, 1);
    expect_none(refusal_of(far));
    far.page_first += 1;
    far.page_end += 1;
    expect_error(refusal_of(far), "operations[1]", "ends beyond byte 2^64");
    far.page_first += 1;
    far.page_end += 1;
    expect_error(refusal_of(far), "operations[1]", "begins beyond byte 2^64");
    expect_error(refusal_of(operation_of(0, 1, 0, 8)), "operations[1]",
                 "has a tier that there is not");
    const std::vector<std::string> one = {"a"};
    Operation operation = operation_of(0, 1, 0, 1);
    PlanNames names;
    names.nodes = one;
    operation.node = 1;
    expect_error(refusal_of(operation, names), "operations[1]", "has a node without a name");
    names = {};
    names.models = one;
    operation.model = 1;
    expect_error(refusal_of(operation, names), "operations[1]", "has a model without a name");
    names = {};
    names.prefixes = one;
    operation.prefix = 1;
    expect_error(refusal_of(operation, names), "operations[1]", "has a prefix without a name");
}

void a_planned_window_is_told_with_its_verdicts(void**) {
    bwrt::test::PlannerWorld world;
    world.budgets[1].bytes = 5 * kPage;
    Planner planner(world.limits, world.rule);
    assert_null(planner.request(bwrt::test::request_of(70, 0, 4, 10)).field);
    assert_null(planner.request(bwrt::test::request_of(71, 10, 5, 20)).field);
    const Plan& plan = planner.plan(world.state());

    CachePlan out;
    expect_none(export_plan(plan, &planner.rows(), {}, {.plan_id = "w", .window_ms = 20}, out));

    expect_none(check(out, {.page_bytes = kPage}));
    assert_true(out.window_ms == 20u && out.ops.size() == plan.operations.size());
    assert_true(out.verdicts == (std::vector<RequestVerdict>{{70, VerdictName::kPlanned, {}},
                                                             {71, VerdictName::kNoBudget, {}}}));
    CachePlan again;
    expect_none(parse(print(out), again));
    assert_true(again == out);
}

void every_verdict_has_its_name(void**) {
    Plan plan;
    RequestColumns rows;
    for (std::uint8_t i = 0; i <= static_cast<std::uint8_t>(Verdict::kWaited); ++i) {
        plan.verdicts.push_back(static_cast<Verdict>(i));
        plan.rest_first.push_back(i);
        rows.id.push_back(i);
    }
    CachePlan out;
    expect_none(export_plan(plan, &rows, {}, {.plan_id = "v"}, out));

    for (std::uint32_t i = 0; i < out.verdicts.size(); ++i) {
        assert_int_equal(static_cast<std::uint32_t>(out.verdicts[i].verdict), i + 1);
        const bool is_part = plan.verdicts[i] == Verdict::kPlannedPart;
        assert_true(out.verdicts[i].rest_first.has_value() == is_part);
    }
}

std::string text_of(const cJSON* item) {
    char* text = cJSON_PrintUnformatted(item);
    const std::string copy = text;
    cJSON_free(text);
    return copy;
}

const cJSON* item_of(const cJSON* object, const char* name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

std::uint64_t number_of(const cJSON* object, const char* name) {
    return static_cast<std::uint64_t>(item_of(object, name)->valuedouble);
}

// The reference's rows as a plan of ours; "n0" is node 0, a cluster is a prefix.
Plan recorded_plan(const cJSON* rows) {
    Plan plan;
    const cJSON* row = nullptr;
    cJSON_ArrayForEach(row, rows) {
        Operation& operation = plan.operations.emplace_back();
        operation.page_first = number_of(row, "start_pid");
        operation.page_end = number_of(row, "end_pid") + 1;
        operation.page_bytes = number_of(row, "page_bytes");
        operation.bytes = number_of(row, "bytes");
        operation.layer = static_cast<std::uint16_t>(number_of(row, "layer"));
        operation.tier_src = static_cast<std::uint8_t>(number_of(row, "tier_src"));
        operation.tier_dst = static_cast<std::uint8_t>(number_of(row, "tier_dst"));
        operation.prefix = static_cast<std::uint32_t>(number_of(row, "pcluster"));
        operation.node =
            static_cast<std::uint16_t>(std::stoi(item_of(row, "node")->valuestring + 1));
    }
    return plan;
}

void the_recorded_cache_plan_agrees(void**) {
    cJSON* contracts = bwrt::test::read_oracle("07_bstack_contracts.json");
    cJSON* window = bwrt::test::read_oracle("01_bcache_window.json");
    if (contracts == nullptr || window == nullptr) skip();
    const std::string text =
        text_of(item_of(contracts, "cache_plan_from_case01_plan_no_tier_caps"));
    const Plan plan = recorded_plan(item_of(item_of(window, "outputs"), "plan_no_tier_caps"));
    cJSON_Delete(contracts);
    cJSON_Delete(window);
    const std::vector<std::string> nodes = {"n0", "n1"};
    PlanNames names;
    names.nodes = nodes;

    CachePlan recorded;
    expect_none(parse(text, recorded));
    const CachePlan ours = exported(plan, names);

    assert_int_equal(ours.ops.size(), 5);
    assert_int_equal(recorded.ops.size(), 5);
    expect_none(check(ours));
    expect_error(check(recorded), "ops[3].kv_refs[0]",
                 "is moved to the same place by ops[2].kv_refs[0]");
    for (std::size_t i = 0; i < ours.ops.size(); ++i) {
        const bool is_from_storage = ours.ops[i].src.ends_with("tier0");
        assert_true(ours.ops[i].kind ==
                    (is_from_storage ? TransferKind::kStorageToHost : TransferKind::kHostToDevice));
        TransferOp same = ours.ops[i];
        same.kind = TransferKind::kHostToDevice;
        same.note = recorded.ops[i].note;
        for (KvPageRef& ref : same.kv_refs) ref.tensor = "kv";
        assert_true(same == recorded.ops[i]);
    }
    assert_true(recorded.evict.empty() && recorded.prefetch.size() == 2);
    assert_true(recorded.prefetch[1] == (KvPageRef{"kv", 104, 0, 2}));
}

void the_recorded_swap_plan_is_read_and_its_fault_found(void**) {
    cJSON* contracts = bwrt::test::read_oracle("07_bstack_contracts.json");
    if (contracts == nullptr) skip();
    const std::string text = text_of(item_of(contracts, "swap_plan_demo"));
    cJSON_Delete(contracts);

    SwapPlan plan, again;
    expect_none(parse(text, plan));
    expect_none(parse(print(plan), again));

    assert_true(again == plan && plan.ops.size() == 2 && plan.manifest_to.files.size() == 2);
    assert_true(plan.window == (SwapWindow{1'000'000'000'000, 1'005'000'000'000}));
    expect_error(check(plan), "ops[1].src_offset",
                 "18 and length 13 are not in what manifest_to has of it");
    plan.ops[1].src_offset = 0;
    expect_none(check(plan));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(an_operation_becomes_a_transfer),
        cmocka_unit_test(without_names_the_numbers_are_the_names),
        cmocka_unit_test(names_with_a_slash_do_not_make_two_prefixes_one),
        cmocka_unit_test(the_kind_follows_from_what_the_tiers_are),
        cmocka_unit_test(what_the_values_cannot_hold_is_refused),
        cmocka_unit_test(a_planned_window_is_told_with_its_verdicts),
        cmocka_unit_test(every_verdict_has_its_name),
        cmocka_unit_test(the_recorded_cache_plan_agrees),
        cmocka_unit_test(the_recorded_swap_plan_is_read_and_its_fault_found),
    };
    return cmocka_run_group_tests_name("planner/values/plan_export.cpp", tests, nullptr, nullptr);
}
