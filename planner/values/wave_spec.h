// SPDX-License-Identifier: Apache-2.0
//
// wave_spec.h — a wave as the kernels above read it: which tiles, in which order, and which pages
// are there before they begin.
//
// A field that a spec lacks is not the field's zero, since the reference refuses the one by name
// and runs the other; so each is optional.  Two kinds of spec are taken:
//
//   whole      all nine of validate(), as the builder makes them
//   tile-free  bm, bn, bk and perhaps a swap window, nothing else: one tile that the runtime runs
//   as
//              it is, 2 x 2 x 2 in the reference's own example
//
// Page numbers and tokens are 64 bits here.  In protobuf they are int32, and the reference's int32
// wraps at page 2^31, which a prefix number times a stride reaches: fits_proto() refuses such a
// spec by field instead.
//
// The tiles are a count's square root and nothing of a matrix, and the swap window of a built wave
// counts extents and tiles, no bytes and no time; that is the reference's meaning and is kept for
// whoever reads its specs.  What loads or swaps here goes by plans and deadlines, not by a spec.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "planner/values/plan_error.h"

namespace bwrt::planner {

struct TileCoord {
    std::int32_t m = 0;
    std::int32_t n = 0;

    friend bool operator==(const TileCoord&, const TileCoord&) = default;
};

struct ClusterShape {
    std::int32_t x = 1;
    std::int32_t y = 1;

    friend bool operator==(const ClusterShape&, const ClusterShape&) = default;
};

struct TmemLayout {
    std::optional<std::int32_t> columns;
    std::optional<std::int32_t> phases;
    std::optional<bool> double_buffer;
    std::optional<std::int32_t> stage_n;

    friend bool operator==(const TmemLayout&, const TmemLayout&) = default;
};

struct IoExtent {
    std::string layer;
    std::uint64_t start_pid = 0;
    std::uint64_t end_pid = 0;  // the last page: it belongs to it

    friend bool operator==(const IoExtent&, const IoExtent&) = default;
};

struct SwapTokens {
    std::int64_t begin = 0;
    std::int64_t end = 1;  // one past the last token at which weights may change

    friend bool operator==(const SwapTokens&, const SwapTokens&) = default;
};

struct WaveSpec {
    std::optional<std::vector<std::uint64_t>> pack_order;  // ids of requests
    std::optional<std::vector<TileCoord>> tile_order;
    std::optional<std::int32_t> bm;
    std::optional<std::int32_t> bn;
    std::optional<std::int32_t> bk;
    std::optional<ClusterShape> cluster_shape;
    std::optional<TmemLayout> tmem_layout;
    std::optional<std::vector<IoExtent>> io_extents;
    std::optional<SwapTokens> swap_window;
    std::optional<std::uint64_t> page_bytes;
    std::optional<std::int32_t> swizzle_group_size;

    friend bool operator==(const WaveSpec&, const WaveSpec&) = default;
};

struct TileConfig {
    std::int32_t bm;
    std::int32_t bn;
    std::int32_t bk;
    std::int32_t stage;
    ClusterShape cluster;
};

// The reference's list.
inline constexpr TileConfig kTileConfigs[] = {
    {128, 128, 64, 2, {2, 1}},
    {128, 256, 64, 2, {2, 1}},
    {256, 128, 64, 2, {2, 1}},
    {128, 128, 128, 3, {2, 1}},
};

struct TileRule {
    std::string_view dtype = "float16";  // float32 and fp32 have 4 bytes, all others 2
    std::span<const TileConfig> configs = kTileConfigs;
};

// Only bm, bn, bk and perhaps a swap window.
[[nodiscard]] bool is_tile_free(const WaveSpec& spec) noexcept;

// What the reference's validator says of it, in its words and order; a spec without a field that it
// asks for is refused, so a tile-free one is.
[[nodiscard]] PlanError validate(const WaveSpec& spec, const TileRule& rule = {});

// Whether it can be run: a tile-free spec with a shape and a window, or a valid one.
[[nodiscard]] PlanError check(const WaveSpec& spec, const TileRule& rule = {});

// Whether protobuf's int32 hold what it says.
[[nodiscard]] PlanError fits_proto(const WaveSpec& spec);

// The first of the rule's whose bk fills 32 bytes; null when none does.
[[nodiscard]] const TileConfig* pick_tile(const TileRule& rule) noexcept;

// The tiles of a grid of about the square root's rows, every other row backwards, so that a tile's
// neighbour in time is one in the matrix.
[[nodiscard]] std::vector<TileCoord> snake_order(std::uint32_t tile_count);

}  // namespace bwrt::planner
