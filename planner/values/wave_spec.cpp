// SPDX-License-Identifier: Apache-2.0

#include "planner/values/wave_spec.h"

#include <algorithm>
#include <limits>

#include "planner/values/wave_fields.h"

namespace bwrt::planner {
namespace {

constexpr std::int64_t kInt32Max = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kInt32Min = std::numeric_limits<std::int32_t>::min();
// Of bk: what one instruction of a tensor core takes along K.
constexpr std::int64_t kGranuleBytes = 32;

std::int64_t bytes_of(std::string_view dtype) noexcept {
    constexpr std::string_view kFour[] = {"float32", "fp32"};
    const auto is_it = [&](std::string_view name) {
        return std::equal(dtype.begin(), dtype.end(), name.begin(), name.end(), [](char a, char b) {
            return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b;
        });
    };
    return std::any_of(std::begin(kFour), std::end(kFour), is_it) ? 4 : 2;
}

bool fills_granules(std::int32_t bk, std::string_view dtype) noexcept {
    return bk * bytes_of(dtype) % kGranuleBytes == 0;
}

PlanError missing(const char* field) {
    return plan_error(field, std::string("WaveSpec missing required field '") + field + "'");
}

PlanError missing_of_layout(const char* field) {
    return plan_error(std::string("tmem_layout.") + field,
                      std::string("tmem_layout missing '") + field + "' field");
}

PlanError find_missing(const WaveSpec& spec) {
    if (!spec.pack_order) return missing("pack_order");
    if (!spec.tile_order) return missing("tile_order");
    if (!spec.bm) return missing("bm");
    if (!spec.bn) return missing("bn");
    if (!spec.bk) return missing("bk");
    if (!spec.cluster_shape) return missing("cluster_shape");
    if (!spec.tmem_layout) return missing("tmem_layout");
    if (!spec.io_extents) return missing("io_extents");
    if (!spec.swap_window) return missing("swap_window");
    const TmemLayout& layout = *spec.tmem_layout;
    if (!layout.columns) return missing_of_layout("columns");
    if (!layout.phases) return missing_of_layout("phases");
    if (!layout.double_buffer) return missing_of_layout("double_buffer");
    if (!layout.stage_n) return missing_of_layout("stage_n");
    return {};
}

PlanError check_window(const SwapTokens& window) {
    if (window.begin >= 0 && window.begin < window.end) return {};
    return plan_error("swap_window", "Invalid swap window (" + std::to_string(window.begin) + ", " +
                                         std::to_string(window.end) +
                                         "); must satisfy 0 <= begin < end");
}

PlanError check_shape(const WaveSpec& spec) {
    if (*spec.bm < 1) return plan_error("bm", "is below 1");
    if (*spec.bn < 1) return plan_error("bn", "is below 1");
    if (*spec.bk < 1) return plan_error("bk", "is below 1");
    if (spec.swap_window) return check_window(*spec.swap_window);
    return {};
}

std::string at(const char* list, std::size_t index, const char* field) {
    return std::string(list) + "[" + std::to_string(index) + "]" + field;
}

PlanError differs(const char* flat, const char* nested) {
    return plan_error(flat, std::string("does not say what ") + nested + " says");
}

TileCoord tile_of(std::uint32_t flat) noexcept {
    return {static_cast<std::int32_t>(flat >> 16), static_cast<std::int32_t>(flat & 0xFFFF)};
}

PlanError merge_tiles(WaveForms& forms) {
    if (!forms.tile_order_flat) return {};
    std::vector<TileCoord> tiles;
    tiles.reserve(forms.tile_order_flat->size());
    for (const std::uint32_t flat : *forms.tile_order_flat) tiles.push_back(tile_of(flat));
    if (!forms.nested.tile_order) forms.nested.tile_order = tiles;
    if (*forms.nested.tile_order != tiles) return differs("tile_order_flat", "tile_order");
    return {};
}

// One of the two alone leaves the other at 1.
PlanError merge_cluster(WaveForms& forms) {
    if (!forms.cluster_x && !forms.cluster_y) return {};
    std::optional<ClusterShape>& shape = forms.nested.cluster_shape;
    if (!shape) shape = {forms.cluster_x.value_or(1), forms.cluster_y.value_or(1)};
    if (forms.cluster_x.value_or(shape->x) != shape->x)
        return differs("cluster_x", "cluster_shape");
    if (forms.cluster_y.value_or(shape->y) != shape->y)
        return differs("cluster_y", "cluster_shape");
    return {};
}

// The flat one's value into the nested one, if there is one; false when both differ.
template <typename Value>
bool merge(const std::optional<Value>& flat, std::optional<Value>& nested) {
    if (!flat) return true;
    if (nested && *nested != *flat) return false;
    nested = flat;
    return true;
}

PlanError merge_layout(WaveForms& forms) {
    if (!forms.tmem_columns && !forms.tmem_phases && !forms.tmem_double_buffer) return {};
    if (!forms.nested.tmem_layout) forms.nested.tmem_layout.emplace();
    TmemLayout& layout = *forms.nested.tmem_layout;
    if (!merge(forms.tmem_columns, layout.columns)) return differs("tmem_columns", "tmem_layout");
    if (!merge(forms.tmem_phases, layout.phases)) return differs("tmem_phases", "tmem_layout");
    if (!merge(forms.tmem_double_buffer, layout.double_buffer)) {
        return differs("tmem_double_buffer", "tmem_layout");
    }
    return {};
}

// Protobuf leaves out what is 0, so one of the two alone leaves the other at 0.
PlanError merge_window(WaveForms& forms) {
    if (!forms.swap_begin && !forms.swap_end) return {};
    std::optional<SwapTokens>& window = forms.nested.swap_window;
    if (!window) window = {forms.swap_begin.value_or(0), forms.swap_end.value_or(0)};
    if (forms.swap_begin.value_or(window->begin) != window->begin) {
        return differs("swap_begin", "swap_window");
    }
    if (forms.swap_end.value_or(window->end) != window->end) {
        return differs("swap_end", "swap_window");
    }
    return {};
}

}  // namespace

PlanError merge_forms(WaveForms& forms) {
    if (PlanError error = merge_tiles(forms)) return error;
    if (PlanError error = merge_cluster(forms)) return error;
    if (PlanError error = merge_layout(forms)) return error;
    return merge_window(forms);
}

bool is_tile_free(const WaveSpec& spec) noexcept {
    return spec.bm && spec.bn && spec.bk && !spec.pack_order && !spec.tile_order &&
           !spec.cluster_shape && !spec.tmem_layout && !spec.io_extents && !spec.page_bytes &&
           !spec.swizzle_group_size;
}

PlanError validate(const WaveSpec& spec, const TileRule& rule) {
    if (PlanError error = find_missing(spec)) return error;
    const auto is_it = [&](const TileConfig& config) {
        return config.bm == *spec.bm && config.bn == *spec.bn && config.bk == *spec.bk &&
               config.stage == *spec.tmem_layout->stage_n && config.cluster == *spec.cluster_shape;
    };
    if (std::none_of(rule.configs.begin(), rule.configs.end(), is_it)) {
        return plan_error(
            "bm", "WaveSpec shape/cluster not in whitelist; ensure planner uses shared tile list");
    }
    if (!fills_granules(*spec.bk, rule.dtype)) {
        return plan_error(
            "bk", "WaveSpec bk=" + std::to_string(*spec.bk) +
                      " fails tensor core granularity for dtype=" + std::string(rule.dtype));
    }
    return check_window(*spec.swap_window);
}

PlanError check(const WaveSpec& spec, const TileRule& rule) {
    if (is_tile_free(spec)) return check_shape(spec);
    if (PlanError error = validate(spec, rule)) return error;
    for (std::size_t i = 0; i < spec.tile_order->size(); ++i) {
        const TileCoord& tile = (*spec.tile_order)[i];
        if (tile.m < 0) return plan_error(at("tile_order", i, ".m"), "is below 0");
        if (tile.n < 0) return plan_error(at("tile_order", i, ".n"), "is below 0");
    }
    for (std::size_t i = 0; i < spec.io_extents->size(); ++i) {
        const IoExtent& extent = (*spec.io_extents)[i];
        if (extent.end_pid < extent.start_pid) {
            return plan_error(at("io_extents", i, ".end_pid"), "is before start_pid");
        }
    }
    return {};
}

PlanError fits_proto(const WaveSpec& spec) {
    const auto too_large = [](std::string field, std::uint64_t value) {
        return plan_error(std::move(field),
                          std::to_string(value) + " is above 2147483647, the most of an int32");
    };
    constexpr auto kMost = static_cast<std::uint64_t>(kInt32Max);
    for (std::size_t i = 0; spec.pack_order && i < spec.pack_order->size(); ++i) {
        const std::uint64_t id = (*spec.pack_order)[i];
        if (id > kMost) return too_large(at("pack_order", i, ""), id);
    }
    for (std::size_t i = 0; spec.io_extents && i < spec.io_extents->size(); ++i) {
        const IoExtent& extent = (*spec.io_extents)[i];
        if (extent.start_pid > kMost) {
            return too_large(at("io_extents", i, ".start_pid"), extent.start_pid);
        }
        if (extent.end_pid > kMost) {
            return too_large(at("io_extents", i, ".end_pid"), extent.end_pid);
        }
    }
    if (!spec.swap_window) return {};
    const auto fits = [](std::int64_t token) { return token >= kInt32Min && token <= kInt32Max; };
    if (!fits(spec.swap_window->begin)) {
        return plan_error("swap_begin",
                          std::to_string(spec.swap_window->begin) + " is beyond an int32");
    }
    if (!fits(spec.swap_window->end)) {
        return plan_error("swap_end",
                          std::to_string(spec.swap_window->end) + " is beyond an int32");
    }
    return {};
}

const TileConfig* pick_tile(const TileRule& rule) noexcept {
    for (const TileConfig& config : rule.configs) {
        if (fills_granules(config.bk, rule.dtype)) return &config;
    }
    return nullptr;
}

std::vector<TileCoord> snake_order(std::uint32_t tile_count) {
    std::uint32_t row_count = 0;
    while (std::uint64_t{row_count + 1} * (row_count + 1) <= tile_count) ++row_count;
    std::vector<TileCoord> order;
    if (row_count == 0) return order;
    const std::uint32_t column_count = (tile_count - 1) / row_count + 1;
    order.reserve(tile_count);
    for (std::uint32_t i = 0; i < tile_count; ++i) {
        const auto row = static_cast<std::int32_t>(i / column_count);
        const auto column = static_cast<std::int32_t>(i % column_count);
        const auto last = static_cast<std::int32_t>(column_count - 1);
        order.push_back({row, row % 2 == 0 ? column : last - column});
    }
    return order;
}

}  // namespace bwrt::planner
