// SPDX-License-Identifier: Apache-2.0
//
// store_report.cpp — see store_report.h.

#include "bench/store_report.h"

#include <cstdio>

#include "bench/measure.h"

namespace bwrt::bench {
namespace {

using Column = std::vector<double> StoreRow::*;

Samples samples_of(const std::vector<double>& values) {
    Samples samples;
    for (const double value : values) samples.add(value);
    return samples;
}

Samples ratios_of(const std::vector<double>& values, const std::vector<double>& references) {
    Samples samples;
    for (std::size_t i = 0; i < values.size(); ++i) samples.add(values[i] / references[i]);
    return samples;
}

bool is_ours(const StoreRow& row) { return row.kind->name.rfind("bwrt", 0) == 0; }

// The best of the others by its median; null without any.
const StoreRow* best_of(const std::vector<StoreRow>& rows, Column column, bool highest) {
    const StoreRow* best = nullptr;
    for (const StoreRow& row : rows) {
        if (!row.runs() || is_ours(row)) continue;
        const double figure = samples_of(row.*column).median();
        if (best == nullptr || (figure > samples_of(best->*column).median()) == highest) {
            best = &row;
        }
    }
    return best;
}

void print_figure(const char* format, const Samples& samples) {
    const Interval interval = samples.interval();
    std::printf(format, samples.median(), interval.low, interval.high);
}

void print_rows(const char* what, const std::vector<StoreRow>& rows, Column rate, Column cpu,
                bool with_flush) {
    const StoreRow* const reference = best_of(rows, rate, true);
    std::printf("  %-29s %-22s %-28s %-21s %-21s %s\n", what, "GB/s", "CPU ms/GB", "x GB/s",
                "x CPU", with_flush ? "flush ms" : "");
    for (const StoreRow& row : rows) {
        if (!row.runs()) continue;
        std::printf("  %-29s", row.kind->what.c_str());
        print_figure(" %5.2f (%.2f to %.2f)  ", samples_of(row.*rate));
        print_figure(" %6.1f (%.1f to %.1f)", samples_of(row.*cpu));
        if (&row == reference || reference == nullptr) {
            std::printf("    %-42s", "reference");
        } else {
            print_figure("    %.2f (%.2f to %.2f)", ratios_of(row.*rate, reference->*rate));
            print_figure("   %.2f (%.2f to %.2f)", ratios_of(row.*cpu, reference->*cpu));
        }
        if (with_flush) print_figure("   %.0f (%.0f to %.0f)", samples_of(row.flush_ms));
        std::printf("\n");
    }
    std::fflush(stdout);
}

// bwrt against whichever is best at just this.
void print_goals(const std::string& what, const std::vector<StoreRow>& rows, Column rate,
                 Column cpu) {
    for (const StoreRow& row : rows) {
        if (!row.runs() || !is_ours(row)) continue;
        const StoreRow* const fastest = best_of(rows, rate, true);
        const StoreRow* const thriftiest = best_of(rows, cpu, false);
        if (fastest == nullptr) continue;
        print_goal(what + ", " + row.kind->name + " against " + fastest->kind->name, Bar::kAtLeast,
                   1, ratios_of(row.*rate, fastest->*rate));
        print_goal(what + ", CPU, " + row.kind->name + " against " + thriftiest->kind->name,
                   Bar::kAtMost, 1, ratios_of(row.*cpu, thriftiest->*cpu));
    }
}

}  // namespace

std::string size_text(std::uint64_t bytes) {
    char text[32];
    const bool large = bytes >= (1u << 20);
    std::snprintf(text, sizeof text, "%g %s",
                  static_cast<double>(bytes) / (large ? 1048576.0 : 1024.0), large ? "MiB" : "KiB");
    return text;
}

void print_result(const std::vector<StoreRow>& rows, const std::string& tier,
                  std::uint64_t block_bytes) {
    const std::string blocks = tier + ", blocks of " + size_text(block_bytes);
    std::printf("%s\n", blocks.c_str());
    print_rows("GET", rows, &StoreRow::get_gb_per_s, &StoreRow::get_cpu, false);
    print_rows("PUT", rows, &StoreRow::put_gb_per_s, &StoreRow::put_cpu, true);
    print_rows("PUT and flush", rows, &StoreRow::flushed_gb_per_s, &StoreRow::put_cpu, false);
    for (const StoreRow& row : rows) {
        if (!row.runs())
            std::printf("  %s: OUT: %s\n", row.kind->name.c_str(), row.failure.c_str());
    }
    print_goals("GET, " + blocks, rows, &StoreRow::get_gb_per_s, &StoreRow::get_cpu);
    print_goals("PUT, " + blocks, rows, &StoreRow::put_gb_per_s, &StoreRow::put_cpu);
}

}  // namespace bwrt::bench
