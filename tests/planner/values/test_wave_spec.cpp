// SPDX-License-Identifier: Apache-2.0
//
// test_wave_spec.cpp — wave specs: what the validator says of each fault, which forms are taken and
// what they mean, and which spec runs without any tiles.

#include "planner/values/wave_spec.h"

#include <string>

#include "planner/values/plan_json.h"
#include "tests/planner/plan_errors.h"
#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::planner;
using bwrt::test::expect_error;
using bwrt::test::expect_none;

WaveSpec good_spec() {
    WaveSpec spec;
    spec.pack_order = {4, 6};
    spec.tile_order = {{0, 0}, {0, 1}};
    spec.bm = 128;
    spec.bn = 128;
    spec.bk = 64;
    spec.cluster_shape = {2, 1};
    spec.tmem_layout = {8, 4, true, 2};
    spec.io_extents = {{"1", 5, 12}, {"0", 20, 21}};
    spec.swap_window = {2, 4};
    return spec;
}

WaveSpec spec_of(const std::string& text) {
    WaveSpec spec;
    expect_none(parse(text, spec));
    return spec;
}

PlanError refusal_of(const std::string& text) {
    WaveSpec spec;
    return parse(text, spec);
}

void each_field_that_is_missing_is_named(void**) {
    expect_none(validate(good_spec()));
    WaveSpec spec = good_spec();
    spec.pack_order.reset();
    expect_error(validate(spec), "pack_order", "WaveSpec missing required field 'pack_order'");
    spec = good_spec();
    spec.tile_order.reset();
    expect_error(validate(spec), "tile_order", "WaveSpec missing required field 'tile_order'");
    spec = good_spec();
    spec.bm.reset();
    expect_error(validate(spec), "bm", "WaveSpec missing required field 'bm'");
    spec = good_spec();
    spec.bn.reset();
    expect_error(validate(spec), "bn", "WaveSpec missing required field 'bn'");
    spec = good_spec();
    spec.bk.reset();
    expect_error(validate(spec), "bk", "WaveSpec missing required field 'bk'");
    spec = good_spec();
    spec.cluster_shape.reset();
    expect_error(validate(spec), "cluster_shape",
                 "WaveSpec missing required field 'cluster_shape'");
    spec = good_spec();
    spec.tmem_layout.reset();
    expect_error(validate(spec), "tmem_layout", "WaveSpec missing required field 'tmem_layout'");
    spec = good_spec();
    spec.io_extents.reset();
    expect_error(validate(spec), "io_extents", "WaveSpec missing required field 'io_extents'");
    spec = good_spec();
    spec.swap_window.reset();
    expect_error(validate(spec), "swap_window", "WaveSpec missing required field 'swap_window'");
}

void each_field_that_the_layout_lacks_is_named(void**) {
    WaveSpec spec = good_spec();
    spec.tmem_layout->columns.reset();
    expect_error(validate(spec), "tmem_layout.columns", "tmem_layout missing 'columns' field");
    spec = good_spec();
    spec.tmem_layout->phases.reset();
    expect_error(validate(spec), "tmem_layout.phases", "tmem_layout missing 'phases' field");
    spec = good_spec();
    spec.tmem_layout->double_buffer.reset();
    expect_error(validate(spec), "tmem_layout.double_buffer",
                 "tmem_layout missing 'double_buffer' field");
    spec = good_spec();
    spec.tmem_layout->stage_n.reset();
    expect_error(validate(spec), "tmem_layout.stage_n", "tmem_layout missing 'stage_n' field");
}

void only_the_tiles_of_the_list_are_valid(void**) {
    const char* const sentence =
        "WaveSpec shape/cluster not in whitelist; ensure planner uses shared tile list";
    for (const TileConfig& config : kTileConfigs) {
        WaveSpec spec = good_spec();
        spec.bm = config.bm;
        spec.bn = config.bn;
        spec.bk = config.bk;
        spec.cluster_shape = config.cluster;
        spec.tmem_layout->stage_n = config.stage;
        expect_none(validate(spec));
        expect_none(check(spec));
    }
    WaveSpec spec = good_spec();
    spec.bn = 129;
    expect_error(validate(spec), "bm", sentence);
    spec = good_spec();
    spec.bk = 128;  // that tile has three stages
    expect_error(validate(spec), "bm", sentence);
    spec = good_spec();
    spec.cluster_shape = {1, 2};
    expect_error(validate(spec), "bm", sentence);

    const TileConfig mine[] = {{8, 8, 8, 2, {2, 1}}};
    expect_error(validate(good_spec(), {.configs = mine}), "bm", sentence);
}

void a_tile_fills_32_bytes_of_k(void**) {
    const TileConfig mine[] = {{8, 8, 8, 2, {2, 1}}};
    WaveSpec spec = good_spec();
    spec.bm = spec.bn = spec.bk = 8;
    expect_error(validate(spec, {.dtype = "bf16", .configs = mine}), "bk",
                 "WaveSpec bk=8 fails tensor core granularity for dtype=bf16");
    expect_none(validate(spec, {.dtype = "fp32", .configs = mine}));
    expect_none(validate(spec, {.dtype = "Float32", .configs = mine}));
    expect_error(validate(spec, {.dtype = "fp321", .configs = mine}), "bk",
                 "WaveSpec bk=8 fails tensor core granularity for dtype=fp321");
}

void a_swap_window_is_not_empty(void**) {
    const auto verdict = [](std::int64_t begin, std::int64_t end) {
        WaveSpec spec = good_spec();
        spec.swap_window = {begin, end};
        return validate(spec);
    };
    expect_none(verdict(0, 1));
    expect_error(verdict(-1, 2), "swap_window",
                 "Invalid swap window (-1, 2); must satisfy 0 <= begin < end");
    expect_error(verdict(4, 4), "swap_window",
                 "Invalid swap window (4, 4); must satisfy 0 <= begin < end");
}

// The reference's own matrices: 1 2 3 4 times 5 6 7 8.
void a_spec_of_three_numbers_runs_and_is_not_whole(void**) {
    const WaveSpec spec = spec_of(R"({"bm": 2, "bn": 2, "bk": 2, "swap_begin": 0, "swap_end": 1})");

    assert_true(is_tile_free(spec) && spec.swap_window == (SwapTokens{0, 1}));
    expect_none(check(spec));
    expect_error(validate(spec), "pack_order", "WaveSpec missing required field 'pack_order'");
    expect_none(check(spec_of(R"({"bm": 2, "bn": 2, "bk": 2})")));
    expect_error(check(spec_of(R"({"bm": 2, "bn": 0, "bk": 2})")), "bn", "is below 1");
    expect_error(check(spec_of(R"({"bm": 2, "bn": 2, "bk": 2, "swap_window": [1, 1]})")),
                 "swap_window", "Invalid swap window (1, 1); must satisfy 0 <= begin < end");
    // With anything more it is a spec that lacks the rest.
    for (const char* more : {"page_bytes", "swizzle_group_size"}) {
        const WaveSpec with =
            spec_of(std::string(R"({"bm": 2, "bn": 2, "bk": 2, ")") + more + "\": 4}");
        assert_false(is_tile_free(with));
        expect_error(check(with), "pack_order", "WaveSpec missing required field 'pack_order'");
    }
    expect_error(check(spec_of(R"({"bm": 2, "bn": 2, "bk": 2, "pack_order": []})")), "tile_order",
                 "WaveSpec missing required field 'tile_order'");
}

void a_whole_spec_has_tiles_and_extents_that_can_be(void**) {
    WaveSpec spec = good_spec();
    (*spec.tile_order)[1].n = -1;
    expect_error(check(spec), "tile_order[1].n", "is below 0");
    spec = good_spec();
    (*spec.tile_order)[0].m = -1;
    expect_error(check(spec), "tile_order[0].m", "is below 0");
    spec = good_spec();
    (*spec.io_extents)[1].end_pid = 19;
    expect_error(check(spec), "io_extents[1].end_pid", "is before start_pid");
}

void the_nested_form_is_printed(void**) {
    WaveSpec spec = good_spec();
    spec.page_bytes = 262'144;
    const std::string text = print(spec);

    assert_string_equal(text.c_str(), R"({
  "pack_order": [
    4,
    6
  ],
  "tile_order": [
    [
      0,
      0
    ],
    [
      0,
      1
    ]
  ],
  "bm": 128,
  "bn": 128,
  "bk": 64,
  "cluster_shape": [
    2,
    1
  ],
  "tmem_layout": {
    "columns": 8,
    "phases": 4,
    "double_buffer": true,
    "stage_n": 2
  },
  "io_extents": [
    [
      "1",
      5,
      12
    ],
    [
      "0",
      20,
      21
    ]
  ],
  "swap_window": [
    2,
    4
  ],
  "page_bytes": 262144
}
)");
    assert_true(spec_of(text) == spec);
}

void the_flat_form_means_the_same(void**) {
    const WaveSpec flat = spec_of(
        R"({"pack_order": [4, 6], "tile_order_flat": [0, 1], "bm": 128, "bn": 128, "bk": 64,
            "cluster_x": 2, "tmem_columns": 8, "tmem_phases": 4, "tmem_double_buffer": true,
            "tmem_layout": {"stage_n": 2}, "io_extents": [["1", 5, 12], ["0", 20, 21]],
            "swap_begin": 2, "swap_end": 4})");

    assert_true(flat == good_spec());
    const WaveSpec tiles = spec_of(R"({"tile_order_flat": [4294967295, 65536]})");
    assert_true(*tiles.tile_order == (std::vector<TileCoord>{{65'535, 65'535}, {1, 0}}));
}

void the_form_of_protobuf_means_the_same(void**) {
    const WaveSpec proto = spec_of(
        R"({"packOrder": [4, 6], "tileOrder": [{}, {"n": 1}], "bm": 128, "bn": 128, "bk": 64,
            "clusterShape": {"x": 2, "y": 1},
            "tmemLayout": {"columns": 8, "phases": 4, "doubleBuffer": true, "stageN": 2},
            "ioExtents": [{"layer": "1", "startPid": 5, "endPid": 12},
                          {"layer": "0", "start_pid": 20, "end_pid": 21}],
            "swapBegin": 2, "swapEnd": 4})");

    assert_true(proto == good_spec());
    assert_true(spec_of(R"({"swapEnd": 4})").swap_window == (SwapTokens{0, 4}));
}

// The reference hands both on together.
void two_forms_that_agree_are_taken(void**) {
    const WaveSpec spec = spec_of(
        R"({"tile_order": [[1, 2]], "tile_order_flat": [65538], "cluster_shape": [2, 1],
            "cluster_x": 2, "cluster_y": 1, "tmem_layout": {"columns": 8}, "tmem_columns": 8,
            "swap_window": [2, 4], "swap_begin": 2, "swap_end": 4})");

    assert_true(*spec.tile_order == (std::vector<TileCoord>{{1, 2}}));
    assert_true(spec.swap_window == (SwapTokens{2, 4}));
}

void two_forms_that_differ_are_refused(void**) {
    expect_error(refusal_of(R"({"tile_order": [[1, 2]], "tile_order_flat": [65537]})"),
                 "tile_order_flat", "does not say what tile_order says");
    expect_error(refusal_of(R"({"tile_order": [[1, 2]], "tile_order_flat": []})"),
                 "tile_order_flat", "does not say what tile_order says");
    expect_error(refusal_of(R"({"cluster_shape": [2, 1], "cluster_x": 1})"), "cluster_x",
                 "does not say what cluster_shape says");
    expect_error(refusal_of(R"({"cluster_shape": [2, 1], "cluster_y": 2})"), "cluster_y",
                 "does not say what cluster_shape says");
    expect_error(refusal_of(R"({"tmem_layout": {"columns": 8}, "tmem_columns": 9})"),
                 "tmem_columns", "does not say what tmem_layout says");
    expect_error(refusal_of(R"({"tmem_layout": {"phases": 8}, "tmem_phases": 9})"), "tmem_phases",
                 "does not say what tmem_layout says");
    expect_error(
        refusal_of(R"({"tmem_layout": {"double_buffer": true}, "tmem_double_buffer": false})"),
        "tmem_double_buffer", "does not say what tmem_layout says");
    expect_error(refusal_of(R"({"swap_window": [2, 4], "swap_begin": 3})"), "swap_begin",
                 "does not say what swap_window says");
    expect_error(refusal_of(R"({"swap_window": [2, 4], "swap_end": 3})"), "swap_end",
                 "does not say what swap_window says");
}

void a_tuple_has_its_elements(void**) {
    expect_error(refusal_of(R"({"tile_order": [[1, 2], [1]]})"), "tile_order[1]",
                 "has too few elements");
    expect_error(refusal_of(R"({"io_extents": [["0", 1, 2, 3]]})"), "io_extents[0]",
                 "has too many elements");
    expect_error(refusal_of(R"({"io_extents": [[0, 1, 2]]})"), "io_extents[0][0]",
                 "is not a string");
    expect_error(refusal_of(R"({"swap_window": 3})"), "swap_window",
                 "is neither an array nor an object");
    expect_error(refusal_of(R"({"tile_order": [[1, 2147483648]]})"), "tile_order[0][1]",
                 "is above 2147483647");
    expect_error(refusal_of(R"({"bm": -2147483649})"), "bm", "is below -2147483648");
    assert_true(spec_of(R"({"bm": -2147483648})").bm == INT32_MIN);
}

void pages_beyond_an_int32_are_kept_and_do_not_fit_protobuf(void**) {
    WaveSpec spec = good_spec();
    spec.io_extents = {{"0", 0, 2'147'483'647}};
    expect_none(fits_proto(spec));
    spec.io_extents = {{"0", 0, 1}, {"0", 5, 2'147'483'648}};
    assert_true(spec_of(print(spec)) == spec);
    expect_none(check(spec));
    expect_error(fits_proto(spec), "io_extents[1].end_pid",
                 "2147483648 is above 2147483647, the most of an int32");
    spec.io_extents = {{"0", 2'147'483'648, 2'147'483'648}};
    expect_error(fits_proto(spec), "io_extents[0].start_pid",
                 "2147483648 is above 2147483647, the most of an int32");
    spec = good_spec();
    spec.pack_order = {1, 2'147'483'648};
    expect_error(fits_proto(spec), "pack_order[1]",
                 "2147483648 is above 2147483647, the most of an int32");
    spec = good_spec();
    spec.swap_window = {0, 2'147'483'648};
    expect_error(fits_proto(spec), "swap_end", "2147483648 is beyond an int32");
    spec.swap_window = {-2'147'483'649, 0};
    expect_error(fits_proto(spec), "swap_begin", "-2147483649 is beyond an int32");
    expect_none(fits_proto({}));
}

void tiles_go_to_and_fro(void**) {
    assert_true(snake_order(0).empty());
    assert_true(snake_order(1) == (std::vector<TileCoord>{{0, 0}}));
    assert_true(snake_order(3) == (std::vector<TileCoord>{{0, 0}, {0, 1}, {0, 2}}));
    assert_true(snake_order(5) == (std::vector<TileCoord>{{0, 0}, {0, 1}, {0, 2}, {1, 2}, {1, 1}}));
    assert_true(snake_order(9) ==
                (std::vector<TileCoord>{
                    {0, 0}, {0, 1}, {0, 2}, {1, 2}, {1, 1}, {1, 0}, {2, 0}, {2, 1}, {2, 2}}));
}

void the_first_tile_that_fills_k_is_picked(void**) {
    const TileConfig mine[] = {{8, 8, 8, 2, {2, 1}}, {16, 16, 16, 2, {2, 1}}};
    assert_ptr_equal(pick_tile({}), &kTileConfigs[0]);
    assert_ptr_equal(pick_tile({.configs = mine}), &mine[1]);
    assert_ptr_equal(pick_tile({.dtype = "fp32", .configs = mine}), &mine[0]);
    assert_null(pick_tile({.configs = std::span(mine).first(1)}));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(each_field_that_is_missing_is_named),
        cmocka_unit_test(each_field_that_the_layout_lacks_is_named),
        cmocka_unit_test(only_the_tiles_of_the_list_are_valid),
        cmocka_unit_test(a_tile_fills_32_bytes_of_k),
        cmocka_unit_test(a_swap_window_is_not_empty),
        cmocka_unit_test(a_spec_of_three_numbers_runs_and_is_not_whole),
        cmocka_unit_test(a_whole_spec_has_tiles_and_extents_that_can_be),
        cmocka_unit_test(the_nested_form_is_printed),
        cmocka_unit_test(the_flat_form_means_the_same),
        cmocka_unit_test(the_form_of_protobuf_means_the_same),
        cmocka_unit_test(two_forms_that_agree_are_taken),
        cmocka_unit_test(two_forms_that_differ_are_refused),
        cmocka_unit_test(a_tuple_has_its_elements),
        cmocka_unit_test(pages_beyond_an_int32_are_kept_and_do_not_fit_protobuf),
        cmocka_unit_test(tiles_go_to_and_fro),
        cmocka_unit_test(the_first_tile_that_fills_k_is_picked),
    };
    return cmocka_run_group_tests_name("planner/values/wave_spec.cpp", tests, nullptr, nullptr);
}
