// SPDX-License-Identifier: Apache-2.0
//
// measure.h — what every benchmark here needs: clocks, medians, and an honest first line about
// the machine.

#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

namespace bwrt::bench {

inline std::uint64_t now_ns() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
           static_cast<std::uint64_t>(now.tv_nsec);
}

// User and system time of the whole process, all its threads, io workers included.
inline std::uint64_t cpu_ns() {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const auto of = [](const timeval& time) {
        return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000u +
               static_cast<std::uint64_t>(time.tv_usec) * 1'000u;
    };
    return of(usage.ru_utime) + of(usage.ru_stime);
}

// Sorted samples; a quantile is the sample at that rank.
class Samples {
 public:
    void add(double value) { values_.push_back(value); }
    [[nodiscard]] double at(double quantile) const {
        std::vector<double> sorted = values_;
        std::sort(sorted.begin(), sorted.end());
        const auto last = static_cast<double>(sorted.size() - 1);
        return sorted[static_cast<std::size_t>(quantile * last + 0.5)];
    }
    [[nodiscard]] double median() const { return at(0.5); }
    [[nodiscard]] std::size_t count() const { return values_.size(); }

 private:
    std::vector<double> values_;
};

inline std::string first_line_of(const char* path, const char* prefix) {
    std::FILE* file = std::fopen(path, "r");
    if (file == nullptr) return "?";
    char line[512];
    std::string found = "?";
    while (std::fgets(line, sizeof line, file) != nullptr) {
        if (std::strncmp(line, prefix, std::strlen(prefix)) != 0) continue;
        found = line + std::strlen(prefix);
        found.erase(found.find_last_not_of(" \n") + 1);
        found.erase(0, found.find_first_not_of(" \t:"));
        break;
    }
    std::fclose(file);
    return found;
}

inline void print_machine() {
    double load[3] = {};
    if (getloadavg(load, 3) < 1) load[0] = -1;
    std::printf("machine: %s, kernel %s, load average %.2f\n",
                first_line_of("/proc/cpuinfo", "model name").c_str(),
                first_line_of("/proc/sys/kernel/osrelease", "").c_str(), load[0]);
}

// "name   median (min to max)  unit   ratio to reference (min to max)"
inline void print_row(const char* name, const Samples& samples, const char* unit,
                      const Samples* ratios = nullptr) {
    std::printf("  %-44s %9.1f (%.1f to %.1f) %s", name, samples.median(), samples.at(0),
                samples.at(1), unit);
    if (ratios != nullptr) {
        std::printf("   x %.2f (%.2f to %.2f)", ratios->median(), ratios->at(0), ratios->at(1));
    }
    std::printf("\n");
}

}  // namespace bwrt::bench
