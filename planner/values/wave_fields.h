// SPDX-License-Identifier: Apache-2.0
//
// wave_fields.h — the two forms in which a WaveSpec is written, nested and flat, side by side.
//
//   nested                               flat
//   tile_order [[0, 0], [0, 1]]          tile_order_flat [0, 1]    m << 16 | n
//   cluster_shape [2, 1]                 cluster_x 2, cluster_y 1
//   tmem_layout {"columns": 8, ...}      tmem_columns, tmem_phases, tmem_double_buffer
//   swap_window [4, 8]                   swap_begin 4, swap_end 8  and protobuf
//
// The reference's dictionaries have both at a time, so both are taken when they say the same and
// refused when they do not.  The nested form is printed.

#pragma once

#include "planner/values/json_fields.h"
#include "planner/values/wave_spec.h"

namespace bwrt::planner {

struct WaveForms {
    WaveSpec nested;
    std::optional<std::vector<std::uint32_t>> tile_order_flat;
    std::optional<std::int32_t> cluster_x;
    std::optional<std::int32_t> cluster_y;
    std::optional<std::int32_t> tmem_columns;
    std::optional<std::int32_t> tmem_phases;
    std::optional<bool> tmem_double_buffer;
    std::optional<std::int64_t> swap_begin;
    std::optional<std::int64_t> swap_end;
};

// The flat ones into the nested ones; an error when they do not say the same.
[[nodiscard]] PlanError merge_forms(WaveForms& forms);

template <>
inline constexpr const char* kMessageName<TileCoord> = "TileCoord";
template <>
inline constexpr bool kIsTuple<TileCoord> = true;
template <Of<TileCoord> Tile, typename Visit>
void visit_fields(Tile& tile, Visit&& visit) {
    visit(Field{1, "int32", "m"}, tile.m);
    visit(Field{2, "int32", "n"}, tile.n);
}

template <>
inline constexpr const char* kMessageName<ClusterShape> = "ClusterShape";
template <>
inline constexpr bool kIsTuple<ClusterShape> = true;
template <Of<ClusterShape> Shape, typename Visit>
void visit_fields(Shape& shape, Visit&& visit) {
    visit(Field{1, "int32", "x"}, shape.x);
    visit(Field{2, "int32", "y"}, shape.y);
}

template <>
inline constexpr const char* kMessageName<TmemLayout> = "TmemLayout";
template <Of<TmemLayout> Layout, typename Visit>
void visit_fields(Layout& layout, Visit&& visit) {
    visit(Field{1, "int32", "columns"}, layout.columns);
    visit(Field{2, "int32", "phases"}, layout.phases);
    visit(Field{3, "bool", "double_buffer"}, layout.double_buffer);
    visit(Field{4, "int32", "stage_n"}, layout.stage_n);
}

template <>
inline constexpr const char* kMessageName<IoExtent> = "IoExtent";
template <>
inline constexpr bool kIsTuple<IoExtent> = true;
template <Of<IoExtent> Extent, typename Visit>
void visit_fields(Extent& extent, Visit&& visit) {
    visit(Field{1, "string", "layer"}, extent.layer);
    visit(Field{2, "int32", "start_pid"}, extent.start_pid);
    visit(Field{3, "int32", "end_pid"}, extent.end_pid);
}

template <>
inline constexpr const char* kMessageName<SwapTokens> = "swap_window";
template <>
inline constexpr bool kIsTuple<SwapTokens> = true;
template <Of<SwapTokens> Window, typename Visit>
void visit_fields(Window& window, Visit&& visit) {
    visit(Field{0, "int32", "begin"}, window.begin);
    visit(Field{0, "int32", "end"}, window.end);
}

template <>
inline constexpr const char* kMessageName<WaveForms> = "WaveSpec";
template <Of<WaveForms> Forms, typename Visit>
void visit_fields(Forms& forms, Visit&& visit) {
    visit(Field{1, "repeated int32", "pack_order"}, forms.nested.pack_order);
    visit(Field{2, "repeated TileCoord", "tile_order"}, forms.nested.tile_order);
    visit(Field{0, "repeated uint32", "tile_order_flat"}, forms.tile_order_flat);
    visit(Field{3, "int32", "bm"}, forms.nested.bm);
    visit(Field{4, "int32", "bn"}, forms.nested.bn);
    visit(Field{5, "int32", "bk"}, forms.nested.bk);
    visit(Field{6, "ClusterShape", "cluster_shape"}, forms.nested.cluster_shape);
    visit(Field{0, "int32", "cluster_x"}, forms.cluster_x);
    visit(Field{0, "int32", "cluster_y"}, forms.cluster_y);
    visit(Field{7, "TmemLayout", "tmem_layout"}, forms.nested.tmem_layout);
    visit(Field{0, "int32", "tmem_columns"}, forms.tmem_columns);
    visit(Field{0, "int32", "tmem_phases"}, forms.tmem_phases);
    visit(Field{0, "bool", "tmem_double_buffer"}, forms.tmem_double_buffer);
    visit(Field{8, "repeated IoExtent", "io_extents"}, forms.nested.io_extents);
    visit(Field{0, "repeated int32", "swap_window"}, forms.nested.swap_window);
    visit(Field{9, "int32", "swap_begin"}, forms.swap_begin);
    visit(Field{10, "int32", "swap_end"}, forms.swap_end);
    visit(Field{11, "optional uint64", "page_bytes"}, forms.nested.page_bytes);
    visit(Field{12, "optional int32", "swizzle_group_size"}, forms.nested.swizzle_group_size);
}

}  // namespace bwrt::planner
