// SPDX-License-Identifier: Apache-2.0
//
// test_plan_json.cpp — plans in and out of JSON: every spelling that is taken and what it means,
// every field that is refused and by which name, and that any plan comes back as it was printed.
//
// Prints its seed and takes it back from BWRT_TEST_SEED.

#include "planner/values/plan_json.h"

#include <limits>
#include <string>

#include "tests/planner/plan_errors.h"
#include "tests/planner/plans.h"
#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;
using bwrt::test::expect_error;
using bwrt::test::expect_none;

template <typename Plan>
PlanError refusal_of(std::string_view text) {
    Plan plan;
    return parse(text, plan);
}

template <typename Plan>
Plan parsed(std::string_view text) {
    Plan plan;
    expect_none(parse(text, plan));
    return plan;
}

// With {"ops": [{...}]} around it.
TransferOp op_of(const std::string& fields) {
    return parsed<CachePlan>("{\"ops\": [{" + fields + "}]}").ops.at(0);
}
PlanError op_refusal(const std::string& fields) {
    return refusal_of<CachePlan>("{\"ops\": [{}, {" + fields + "}]}");
}

void a_cache_plan_is_printed_as_it_was_read(void**) {
    const std::string text = R"({
  "plan_id": "cache-1",
  "ops": [
    {
      "kind": "STORAGE2H",
      "src": "tier://n0/tier0",
      "dst": "tier://n0/tier1",
      "length": 524288,
      "src_offset": 5242880,
      "dst_offset": "9007199254740993",
      "kv_refs": [
        {
          "tensor": "kv",
          "page": 20,
          "head": 0,
          "layer": 3
        }
      ],
      "note": "cluster=7\n\"é\"",
      "stream_hint": 2,
      "tier_hint": 0,
      "cluster_id": 7
    }
  ],
  "prefetch": [],
  "evict": [],
  "window_ms": 20,
  "verdicts": [
    {
      "request_id": 9,
      "verdict": "PLANNED_PART",
      "rest_first": 4
    }
  ]
}
)";
    const auto plan = parsed<CachePlan>(text);

    assert_string_equal(print(plan).c_str(), text.c_str());
    assert_true(plan.ops[0].kind == TransferKind::kStorageToHost);
    assert_true(plan.ops[0].dst_offset == 9'007'199'254'740'993);
    assert_true(plan.ops[0].kv_refs[0] == (KvPageRef{"kv", 20, 0, 3}));
    assert_true(plan.ops[0].tier_hint == 0u && plan.ops[0].cluster_id == 7u);
    assert_true(plan.verdicts[0].verdict == VerdictName::kPlannedPart);
}

void nothing_given_is_every_default(void**) {
    assert_true(parsed<CachePlan>("{}") == CachePlan{});
    assert_true(parsed<SwapPlan>("{}") == SwapPlan{});
    assert_true(parsed<CachePlan>(R"({"plan_id": null, "ops": null, "window_ms": null})") ==
                CachePlan{});
    assert_true(op_of(R"("kind": null, "length": null, "cluster_id": null)") == TransferOp{});
}

void keys_are_taken_in_camel_case(void**) {
    const auto plan = parsed<CachePlan>(
        R"({"planId": "a", "windowMs": "5", "ops": [{"srcOffset": "8", "kvRefs": [], "clusterId": 1}]})");

    assert_true(plan.plan_id == "a" && plan.window_ms == 5u);
    assert_true(plan.ops[0].src_offset == 8 && plan.ops[0].cluster_id == 1u);
}

void a_field_by_two_of_its_names_is_refused(void**) {
    expect_error(op_refusal(R"("src_offset": 1, "srcOffset": 1)"), "ops[1].src_offset",
                 "is there twice, by two of its names");
    expect_error(op_refusal(R"("src_offset": null, "srcOffset": 1)"), "ops[1].src_offset",
                 "is there twice, by two of its names");
}

void kinds_are_names_in_any_case_or_numbers(void**) {
    const char* const kNames[] = {"KIND_UNSPECIFIED", "H2D",       "D2H",       "P2P",
                                  "STORAGE2H",        "H2STORAGE", "STORAGE2D", "D2STORAGE"};
    for (std::uint32_t i = 0; i < std::size(kNames); ++i) {
        const std::string kind = "\"kind\": ";
        assert_true(op_of(kind + "\"" + kNames[i] + "\"").kind == static_cast<TransferKind>(i));
        assert_true(op_of(kind + std::to_string(i)).kind == static_cast<TransferKind>(i));
    }
    assert_true(op_of(R"("kind": "storage2h")").kind == TransferKind::kStorageToHost);
    assert_true(op_of(R"("kind": "h2D")").kind == TransferKind::kHostToDevice);
}

void a_kind_that_there_is_not_is_refused(void**) {
    expect_error(op_refusal(R"("kind": "H2H")"), "ops[1].kind",
                 "\"H2H\" is none of KIND_UNSPECIFIED, H2D, D2H, P2P, STORAGE2H, H2STORAGE, "
                 "STORAGE2D, D2STORAGE");
    expect_error(op_refusal(R"("kind": 8)"), "ops[1].kind", "8 has no name");
    expect_error(op_refusal(R"("kind": true)"), "ops[1].kind", "is not a whole number");
    // The reference reads it as STORAGE2H: a direction that nobody gave.
    assert_true(static_cast<bool>(op_refusal(R"("kind": "")")));
}

void whole_numbers_are_whole_and_exact(void**) {
    assert_true(op_of(R"("length": 9007199254740992)").length == std::uint64_t{1} << 53);
    assert_true(op_of(R"("length": "18446744073709551615")").length == ~std::uint64_t{0});
    assert_true(op_of(R"("length": "0")").length == 0);
    expect_error(op_refusal(R"("length": 9007199254740993)"), "ops[1].length",
                 "is beyond 2^53, so it must be a string: others would round it");
    expect_error(op_refusal(R"("length": "18446744073709551616")"), "ops[1].length",
                 "is beyond 64 bits");
    expect_error(op_refusal(R"("length": -1)"), "ops[1].length", "is below 0");
    expect_error(op_refusal(R"("stream_hint": 4294967296)"), "ops[1].stream_hint",
                 "is above 4294967295");
    assert_true(op_of(R"("stream_hint": 4294967295)").stream_hint == 4'294'967'295u);
    for (const char* text : {"1.0", "1e3", "-0", "\"01\"", "\"+1\"", "\"1 \"", "\"\"", "\"1.0\"",
                             "\"0x1\"", "\"\\u0031\"", "true", "[]", "{}"}) {
        expect_error(op_refusal(std::string("\"length\": ") + text), "ops[1].length",
                     "is not a whole number");
    }
}

void whole_numbers_below_zero_have_one_more(void**) {
    const auto wave = [](const char* field, const char* value) {
        return std::string("{\"") + field + "\": " + value + "}";
    };
    assert_true(parsed<WaveSpec>(wave("bm", "-2147483648")).bm == -2'147'483'647 - 1);
    expect_error(refusal_of<WaveSpec>(wave("bm", "-2147483649")), "bm", "is below -2147483648");
    assert_true(parsed<WaveSpec>(wave("bm", "2147483647")).bm == 2'147'483'647);
    expect_error(refusal_of<WaveSpec>(wave("bm", "2147483648")), "bm", "is above 2147483647");
    const std::int64_t least = parsed<WaveSpec>(wave("swap_begin", "\"-9223372036854775808\""))
                                   .swap_window.value_or(SwapTokens{})
                                   .begin;
    assert_true(least == std::numeric_limits<std::int64_t>::min());
    expect_error(refusal_of<WaveSpec>(wave("swap_begin", "\"-9223372036854775809\"")), "swap_begin",
                 "is below -9223372036854775808");
}

void what_a_double_holds_is_printed_bare(void**) {
    const auto begins = [](std::int64_t begin, const char* text) {
        WaveSpec spec;
        spec.swap_window = {begin, 0};
        return print(spec).find(text) != std::string::npos;
    };
    constexpr std::int64_t kMost = std::int64_t{1} << 53;
    assert_true(begins(kMost, " 9007199254740992,"));
    assert_true(begins(kMost + 1, " \"9007199254740993\","));
    assert_true(begins(-kMost, " -9007199254740992,"));
    assert_true(begins(-kMost - 1, " \"-9007199254740993\","));
}

void what_is_of_another_type_is_refused(void**) {
    expect_error(refusal_of<CachePlan>("[]"), "", "is not an object");
    expect_error(refusal_of<CachePlan>(R"({"ops": {}})"), "ops", "is not an array");
    expect_error(refusal_of<CachePlan>(R"({"ops": [null]})"), "ops[0]", "is not an object");
    expect_error(op_refusal(R"("src": 1)"), "ops[1].src", "is not a string");
    expect_error(op_refusal(R"("kv_refs": [{"page": 1}, 2])"), "ops[1].kv_refs[1]",
                 "is not an object");
}

void an_error_knows_its_byte(void**) {
    assert_string_equal(refusal_of<CachePlan>(R"({"ops": [{"length": -1}]})").text().c_str(),
                        "ops[0].length: is below 0 (at byte 20)");
    assert_string_equal(refusal_of<CachePlan>(R"({"ops": [{"sorce": ""}]})").text().c_str(),
                        "ops[0].sorce: is no field of TransferOp (at byte 10)");
}

void a_field_that_nobody_knows_is_refused_by_name(void**) {
    expect_error(refusal_of<CachePlan>(R"({"plan": 1})"), "plan", "is no field of CachePlan");
    expect_error(op_refusal(R"("srcoffset": 1)"), "ops[1].srcoffset", "is no field of TransferOp");
    expect_error(op_refusal("\"\\n\xC3\xA9\": 1"), "ops[1].\?\?\?", "is no field of TransferOp");
    expect_error(refusal_of<SwapPlan>(R"({"window": {"end_ns": 1}})"), "window.end_ns",
                 "is no field of SwapWindow");
}

// Published, and never read by anything.
void other_shapes_of_the_same_names_are_told_what_they_are(void**) {
    expect_error(
        refusal_of<CachePlan>(
            R"({"plan_id": "p", "window_ms": 20, "ops": [{"op_type": "TRANSFER", "tier_src": 0,
                "tier_dst": 1, "byte_length": 4, "extents": [{"offset": 0, "len": 4}]}]})"),
        "ops[0].op_type", "is of a form without places; a transfer has kind, src, dst, length");
    expect_error(refusal_of<SwapPlan>(R"({"plan_id": "p", "from_version": "a", "buckets": []})"),
                 "from_version", "is of a form without files; a swap has manifest_from");
    expect_error(refusal_of<WaveSpec>(R"({"spec_id": "s", "stages": []})"), "spec_id",
                 "is of a form of named stages, which says nothing of tiles");
    expect_error(refusal_of<WaveSpec>(R"({"cohorts": [], "extents": [], "meta": {}})"), "cohorts",
                 "is of an export of columns, which says nothing of tiles");
}

void a_swap_plan_takes_both_names_of_its_fields(void**) {
    const auto plan = parsed<SwapPlan>(
        R"({"plan_id": "s", "from": {"version": "1"}, "manifest_to": {"modelId": "m", "version": "2",
            "files": [{"path": "/a", "offset": 1, "length": 2, "sha256": "x"}]},
            "window": {"start_ns": 7, "tDeadlineNs": 8}})");

    assert_true(plan.manifest_from.version == "1" && plan.manifest_to.version == "2");
    assert_true(plan.manifest_to.model_id == "m");
    assert_true(plan.manifest_to.files[0] == (FileChunk{"/a", 1, 2, "x"}));
    assert_true(plan.window == (SwapWindow{7, 8}));
    expect_error(refusal_of<SwapPlan>(R"({"from": {}, "manifest_from": {}})"), "manifest_from",
                 "is there twice, by two of its names");
}

void a_window_without_a_deadline_is_five_seconds(void**) {
    const auto window_of = [](const char* text) {
        return parsed<SwapPlan>(std::string("{\"window\": ") + text + "}").window;
    };
    assert_true(window_of(R"({"t_start_ns": 10})") == (SwapWindow{10, 5'000'000'010}));
    assert_true(window_of(R"({"start_ns": 10, "deadline_ns": null})") ==
                (SwapWindow{10, 5'000'000'010}));
    assert_true(window_of("{}") == (SwapWindow{0, 5'000'000'000}));
    assert_true(window_of(R"({"deadline_ns": 0})") == (SwapWindow{0, 0}));
    assert_true(window_of(R"({"start_ns": "18446744073709551615"})") ==
                (SwapWindow{~std::uint64_t{0}, ~std::uint64_t{0}}));
    assert_false(window_of("null").has_value());
}

void a_list_has_at_most_two_to_the_twenty_elements(void**) {
    std::string text = "{\"evict\": [{}";
    for (int i = 1; i < 1 << 20; ++i) text += ",{}";
    assert_int_equal(parsed<CachePlan>(text + "]}").evict.size(), 1 << 20);

    expect_error(refusal_of<CachePlan>(text + ",{}]}"), "evict", "has more than 2^20 elements");
}

void a_refused_text_leaves_the_plan_alone(void**) {
    CachePlan plan;
    plan.plan_id = "before";

    assert_true(static_cast<bool>(parse(R"({"plan_id": "after", "ops": 1})", plan)));
    assert_true(plan.plan_id == "before" && plan.ops.empty());
}

// It could not be read again.
void what_is_not_utf_8_is_printed_as_unknown_characters(void**) {
    CachePlan plan;
    plan.plan_id = std::string("a\xFF\0z", 4);

    assert_true(parsed<CachePlan>(print(plan)).plan_id == "a\uFFFD\uFFFDz");
}

template <typename Plan>
int lost_count(bwrt::test::Random& random) {
    int lost = 0;
    for (std::uint32_t round = 0; round < bwrt::test::share_of(5'000); ++round) {
        Plan plan;
        if constexpr (std::is_same_v<Plan, WaveSpec>) {
            plan = bwrt::test::draw_wave(random);
        } else {
            bwrt::test::PlanDraw(random).draw(plan);
        }
        Plan again;
        lost += parse(print(plan), again) || again != plan ? 1 : 0;
    }
    return lost;
}

void any_plan_comes_back_as_it_was_printed(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());

    assert_int_equal(lost_count<CachePlan>(random), 0);
    assert_int_equal(lost_count<SwapPlan>(random), 0);
    assert_int_equal(lost_count<WaveSpec>(random), 0);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_cache_plan_is_printed_as_it_was_read),
        cmocka_unit_test(nothing_given_is_every_default),
        cmocka_unit_test(keys_are_taken_in_camel_case),
        cmocka_unit_test(a_field_by_two_of_its_names_is_refused),
        cmocka_unit_test(kinds_are_names_in_any_case_or_numbers),
        cmocka_unit_test(a_kind_that_there_is_not_is_refused),
        cmocka_unit_test(whole_numbers_are_whole_and_exact),
        cmocka_unit_test(whole_numbers_below_zero_have_one_more),
        cmocka_unit_test(what_a_double_holds_is_printed_bare),
        cmocka_unit_test(what_is_of_another_type_is_refused),
        cmocka_unit_test(an_error_knows_its_byte),
        cmocka_unit_test(a_field_that_nobody_knows_is_refused_by_name),
        cmocka_unit_test(other_shapes_of_the_same_names_are_told_what_they_are),
        cmocka_unit_test(a_swap_plan_takes_both_names_of_its_fields),
        cmocka_unit_test(a_window_without_a_deadline_is_five_seconds),
        cmocka_unit_test(a_list_has_at_most_two_to_the_twenty_elements),
        cmocka_unit_test(a_refused_text_leaves_the_plan_alone),
        cmocka_unit_test(what_is_not_utf_8_is_printed_as_unknown_characters),
        cmocka_unit_test(any_plan_comes_back_as_it_was_printed),
    };
    return cmocka_run_group_tests_name("planner/values/plan_json.cpp", tests, nullptr, nullptr);
}
