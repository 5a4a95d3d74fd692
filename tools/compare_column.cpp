// SPDX-License-Identifier: Apache-2.0

#include "tools/compare_column.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>

namespace bwrt::tools {
namespace {

using namespace bwrt::replay;

bool is_one_of(const std::string& key, std::initializer_list<const char*> keys) {
    return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// What only a runtime counts is no figure of a comparison.  What this process took to reckon a
// policy out is no property of the policy, which reads nothing that could fail either.
void drop_figures(std::vector<Figure>& figures, bool is_policy) {
    std::erase_if(figures, [&](const Figure& figure) {
        return is_one_of(figure.key,
                         {"got_host_count", "got_disk_count", "got_nowhere_count", "put_count",
                          "refused_count", "host_evicted_count", "disk_evicted_count",
                          "process_read_bytes", "process_written_bytes"}) ||
               (is_policy && is_one_of(figure.key, {"cpu_s", "wall_s", "memory_peak_bytes",
                                                    "modelled_s", "failed_load_count"}));
    });
}

std::vector<Figure>::iterator find(std::vector<Figure>& figures, const char* key) {
    return std::find_if(figures.begin(), figures.end(),
                        [&](const Figure& figure) { return figure.key == key; });
}

void insert_behind(std::vector<Figure>& figures, const char* key, const Figure& figure) {
    const auto place = find(figures, key);
    figures.insert(place == figures.end() ? place : place + 1, figure);
}

Figure percent(const char* key, const char* label, double value) {
    return {key, label, value, number_text("%.1f %%", value)};
}

// What a request got from disk while it waited, of what the disk gives.
void add_reached(std::vector<Figure>& figures, const DeviceTable& device) {
    const auto rate = find(figures, "disk_gb_per_s");
    if (rate == figures.end() || rate->value <= 0) return;
    const double share = 100 * 1e9 * rate->value / static_cast<double>(device.read_bytes_per_s);
    insert_behind(figures, "disk_gb_per_s",
                  percent("disk_reached_percent", "  of what the disk gives", share));
}

const Column* find(const std::vector<Column>& columns, const char* name) {
    const auto it = std::find_if(columns.begin(), columns.end(),
                                 [&](const Column& column) { return column.name == name; });
    return it == columns.end() ? nullptr : &*it;
}

void add_gap(std::vector<Figure>& figures, const char* key, const char* label, std::uint64_t own,
             std::uint64_t from, std::uint64_t to) {
    if (to <= from) return;
    const double share = 100 * (static_cast<double>(own) - static_cast<double>(from)) /
                         static_cast<double>(to - from);
    insert_behind(figures, "hit_percent", percent(key, label, share));
}

}  // namespace

void measure(Column& column, const Scene& scene, const DeviceTable& device,
             const ReplayResult& result) {
    column.figures = figures_of(result, scene.trace, scene.cache.block_bytes);
    column.wrong_count = result.wrong_block_count;
    column.disk_room_bytes = result.cache.disk_room_bytes;
    for (const Served& served : result.served) {
        column.host_count += served.host_count;
        column.count += served.host_count + served.disk_count;
    }
    add_reached(column.figures, device);
    drop_figures(column.figures, column.is_policy);
}

void add_gaps(std::vector<Column>& columns) {
    const Column* const from = find(columns, kGapFrom);
    const Column* const to = find(columns, kGapTo);
    if (from == nullptr || to == nullptr) return;
    for (Column& column : columns) {
        if (column.is_policy) continue;
        add_gap(column.figures, "gap_percent", "  of leaf-LRU's gap, together", column.count,
                from->count, to->count);
        add_gap(column.figures, "gap_host_percent", "  of leaf-LRU's gap, in memory",
                column.host_count, from->host_count, to->host_count);
    }
}

}  // namespace bwrt::tools
