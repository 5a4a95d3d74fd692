// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/figures.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <utility>

namespace bwrt::replay {
namespace {

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

class FigureList {
 public:
    void add(const char* key, const char* label, double value, const char* format) {
        figures_.push_back({key, label, value, number_text(format, value)});
    }
    void count(const char* key, const char* label, std::uint64_t value) {
        add(key, label, static_cast<double>(value), "%.0f");
    }
    void percent(const char* key, const char* label, std::uint64_t part, std::uint64_t whole) {
        add(key, label, 100 * ratio(static_cast<double>(part), static_cast<double>(whole)),
            "%.2f %%");
    }
    void bytes(const char* key, const char* label, std::uint64_t value) {
        figures_.push_back({key, label, static_cast<double>(value), tools::format_bytes(value)});
    }
    // Where there is nothing to tell.
    void none(const char* key, const char* label) {
        figures_.push_back({key, label, std::nan(""), "-"});
    }
    std::vector<Figure> take() { return std::move(figures_); }
    std::vector<Figure>& all() { return figures_; }

 private:
    std::vector<Figure> figures_;
};

struct Sums {
    std::uint64_t blocks = 0, host = 0, disk = 0, delivered = 0, late = 0, disk_bytes = 0;
    std::vector<std::uint64_t> wait_ns;
};

Sums sums_of(const ReplayResult& result, std::uint64_t block_bytes) {
    Sums sums;
    sums.wait_ns.reserve(result.served.size());
    for (const Served& served : result.served) {
        sums.blocks += served.block_count;
        sums.host += served.host_count;
        sums.disk += served.disk_count;
        sums.delivered += served.delivered_count;
        sums.late += served.is_late;
        if (served.delivered_count == served.host_count + served.disk_count) {
            sums.disk_bytes += served.disk_count * block_bytes;
        }
        sums.wait_ns.push_back(served.wait_ns());
    }
    return sums;
}

void add_hits(FigureList& list, const Sums& sums, bool is_modelled) {
    list.count("block_count", "blocks asked for", sums.blocks);
    list.percent("hit_host_percent", "prefix hits in memory", sums.host, sums.blocks);
    list.percent("hit_disk_percent", "prefix hits on disk", sums.disk, sums.blocks);
    list.percent("hit_percent", "prefix hits together", sums.host + sums.disk, sums.blocks);
    list.percent("delivered_percent", is_modelled ? "delivered" : "delivered and compared",
                 sums.delivered, sums.blocks);
}

void add_times(FigureList& list, const ReplayResult& result, Sums& sums) {
    constexpr std::pair<const char*, double> kRanks[] = {{"50", 0.5}, {"90", 0.9}, {"99", 0.99}};
    for (const auto& [name, rank] : kRanks) {
        const std::string key = std::string("ttft_p") + name + "_ms";
        const std::string label = std::string("time to first token, p") + name;
        list.add(key.c_str(), label.c_str(),
                 static_cast<double>(quantile(sums.wait_ns, rank)) / 1e6, "%.1f ms");
    }
    if (result.has_deadline) {
        list.percent("past_deadline_percent", "requests past their deadline", sums.late,
                     result.served.size());
    }
    const double end_s = static_cast<double>(result.prefill_end_ns) / 1e9;
    list.add(
        "gpu_busy_percent", "simulated processors busy",
        100 * ratio(static_cast<double>(result.prefill_busy_ns) / 1e9 / result.stream_count, end_s),
        "%.1f %%");
    list.add("requests_per_s", "requests a second of the trace",
             ratio(static_cast<double>(result.served.size()), end_s), "%.2f");
}

void add_moved(FigureList& list, const ReplayResult& result, const Sums& sums) {
    const CacheFigures& cache = result.cache;
    list.bytes("host_read_bytes", "read from memory", cache.host_read_bytes);
    list.bytes("host_written_bytes", "written to memory", cache.host_written_bytes);
    list.bytes("disk_delivered_bytes", "delivered from disk", cache.disk_delivered_bytes);
    list.bytes("disk_read_bytes", "read from disk, with carrying", cache.disk_read_bytes);
    list.bytes("disk_written_bytes", "written to disk, with carrying", cache.disk_written_bytes);
    list.bytes("carried_bytes", "  carried over to make room", cache.carried_bytes);
    list.add("disk_blocks_per_operation", "blocks a disk read, with carrying",
             ratio(static_cast<double>(cache.disk_piece_count),
                   static_cast<double>(cache.disk_read_count)),
             "%.2f");
    list.count("disk_piece_count", "disk reads with carrying, before merging",
               cache.disk_piece_count);
    list.count("disk_read_count", "disk reads with carrying, merged", cache.disk_read_count);
    list.count("disk_written_piece_count", "disk writes with carrying, before merging",
               cache.disk_written_piece_count);
    list.count("disk_written_count", "disk writes with carrying, merged", cache.disk_written_count);
    list.add("disk_gb_per_s", "from disk, while a request waits",
             ratio(static_cast<double>(sums.disk_bytes), static_cast<double>(result.disk_load_ns)),
             "%.2f GB/s");
    list.add("written_per_delivered", "written for a byte delivered from disk",
             ratio(static_cast<double>(cache.disk_written_bytes),
                   static_cast<double>(cache.disk_delivered_bytes)),
             "%.2f");
    if (cache.is_modelled) return;
    list.bytes("process_read_bytes", "read, as the kernel counts", cache.process_read_bytes);
    list.bytes("process_written_bytes", "written, as the kernel counts",
               cache.process_written_bytes);
}

void add_counted(FigureList& list, const CacheFigures& cache) {
    list.count("got_host_count", "blocks got from memory", cache.host_hit_count);
    list.count("got_disk_count", "blocks got from disk", cache.disk_hit_count);
    list.count("got_nowhere_count", "blocks that were gone", cache.miss_count);
    list.count("put_count", "blocks put", cache.stored_count);
    list.count("refused_count", "refusals, of a tier or of all", cache.refused_count);
    list.count("host_evicted_count", "blocks that left memory", cache.host_evicted_count);
    list.count("disk_evicted_count", "blocks that left the disk", cache.disk_evicted_count);
}

void add_prefetched(FigureList& list, const CacheFigures& cache) {
    if (!cache.foretells) return;
    list.bytes("prefetch_bytes", "read before it was asked for", cache.prefetch_bytes);
    list.percent("prefetch_right_percent", "  and asked for then", cache.prefetch_right_bytes,
                 cache.prefetch_bytes);
    list.percent("prefetch_wasted_percent", "  and never asked for", cache.prefetch_wasted_bytes,
                 cache.prefetch_bytes);
}

void add_trouble(FigureList& list, const ReplayResult& result) {
    const auto compared = [&](const char* key, const char* label, std::uint64_t count) {
        result.cache.is_modelled ? list.none(key, label) : list.count(key, label, count);
    };
    compared("wrong_block_count", "wrong blocks delivered", result.wrong_block_count);
    compared("corrupt_count", "blocks found not to verify", result.cache.corrupt_count);
    list.count("late_load_count", "loads cut off by a deadline", result.late_load_count);
    list.count("failed_load_count", "loads that failed", result.failed_load_count);
}

void add_tenants(FigureList& list, const ReplayResult& result, const Trace& trace) {
    if (trace.tenants().size() < 2) return;
    std::vector<std::vector<std::uint64_t>> waits(trace.tenants().size());
    for (const Served& served : result.served) waits[served.tenant].push_back(served.wait_ns());
    for (std::size_t i = 0; i < waits.size(); ++i) {
        if (waits[i].empty()) continue;
        const std::string& name = trace.tenants()[i].name;
        const std::string shown = name.empty() ? "nobody" : tools::shown_name(name);
        list.add("tenant_ttft_p99_ms", ("time to first token, p99 of " + shown).c_str(),
                 static_cast<double>(quantile(waits[i], 0.99)) / 1e6, "%.1f ms");
        list.all().back().tenant = name;
    }
}

bool is_same_row(const Figure& one, const Figure& other) {
    return one.key == other.key && one.tenant == other.tenant;
}

// The row of each figure of any column; what only later columns have behind what it follows there.
std::vector<Figure> rows_of(const std::vector<FigureColumn>& columns) {
    std::vector<Figure> rows;
    for (const FigureColumn& column : columns) {
        auto behind = rows.begin();
        for (const Figure& figure : column.figures) {
            auto row = std::find_if(rows.begin(), rows.end(), [&](const Figure& known) {
                return is_same_row(known, figure);
            });
            if (row == rows.end()) row = rows.insert(behind, figure);
            behind = row + 1;
        }
    }
    for (Figure& row : rows) {
        row.value = std::nan("");
        row.text = "-";
    }
    return rows;
}

// Of a column, the title among them.
std::size_t width_of(const FigureColumn& column) {
    std::size_t width = column.title.size();
    for (const Figure& figure : column.figures) width = std::max(width, figure.text.size());
    return width;
}

std::string on_the_right(const std::string& text, std::size_t width) {
    return std::string(width - text.size(), ' ') + text;
}

}  // namespace

std::string number_text(const char* format, double value) {
    char text[64];
    std::snprintf(text, sizeof text, format, value);
    const bool is_zero =
        std::string_view(text).find_first_of("123456789") == std::string_view::npos;
    return is_zero && text[0] == '-' ? text + 1 : text;
}

std::uint64_t quantile(std::vector<std::uint64_t>& values, double rank) {
    if (values.empty()) return 0;
    const auto place = static_cast<std::size_t>(rank * static_cast<double>(values.size()));
    const auto at =
        values.begin() + static_cast<std::ptrdiff_t>(std::min(place, values.size() - 1));
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

std::vector<Figure> figures_of(const ReplayResult& result, const Trace& trace,
                               std::uint64_t block_bytes) {
    FigureList list;
    Sums sums = sums_of(result, block_bytes);
    list.count("request_count", "requests", result.served.size());
    add_hits(list, sums, result.cache.is_modelled);
    add_times(list, result, sums);
    add_tenants(list, result, trace);
    add_counted(list, result.cache);
    add_moved(list, result, sums);
    add_prefetched(list, result.cache);
    add_trouble(list, result);
    list.add("cpu_s", "processor time of this run", static_cast<double>(result.cpu_ns) / 1e9,
             "%.2f s");
    list.add("wall_s", "time on the wall's clock", static_cast<double>(result.wall_ns) / 1e9,
             "%.2f s");
    if (result.cache.is_modelled) {
        list.add("modelled_s", "time in the modelled world",
                 static_cast<double>(result.cache_ns) / 1e9, "%.2f s");
    }
    list.bytes("memory_peak_bytes", "resident memory of the process", result.memory_peak_bytes);
    return list.take();
}

void add_figures(tools::JsonObject& object, const std::vector<Figure>& figures) {
    std::vector<tools::JsonObject> tenants;
    for (const Figure& figure : figures) {
        if (std::isnan(figure.value)) continue;
        if (!figure.tenant.has_value()) {
            object.add(figure.key.c_str(), figure.value);
            continue;
        }
        tools::JsonObject tenant;
        tenant.add("name", *figure.tenant);
        tenant.add("ttft_p99_ms", figure.value);
        tenants.push_back(std::move(tenant));
    }
    if (!tenants.empty()) object.add("tenants", std::move(tenants));
}

void align(std::vector<FigureColumn>& columns) {
    const std::vector<Figure> rows = rows_of(columns);
    for (FigureColumn& column : columns) {
        std::vector<Figure> figures = rows;
        for (const Figure& figure : column.figures) {
            *std::find_if(figures.begin(), figures.end(),
                          [&](const Figure& row) { return is_same_row(row, figure); }) = figure;
        }
        column.figures = std::move(figures);
    }
}

std::string table_of(const std::vector<FigureColumn>& columns) {
    if (columns.empty()) return {};
    std::size_t label_width = 0;
    for (const Figure& figure : columns.front().figures) {
        label_width = std::max(label_width, tools::columns_of(figure.label));
    }
    std::string text(label_width, ' ');
    for (const FigureColumn& column : columns) {
        text += "  " + on_the_right(column.title, width_of(column));
    }
    text += '\n';
    for (std::size_t row = 0; row < columns.front().figures.size(); ++row) {
        const std::string& label = columns.front().figures[row].label;
        text += label + std::string(label_width - tools::columns_of(label), ' ');
        for (const FigureColumn& column : columns) {
            text += "  " + on_the_right(column.figures[row].text, width_of(column));
        }
        text += '\n';
    }
    return text;
}

}  // namespace bwrt::replay
