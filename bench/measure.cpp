// SPDX-License-Identifier: Apache-2.0
//
// measure.cpp — see measure.h.

#include "bench/measure.h"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace bwrt::bench {
namespace {

std::string first_line_of(const char* path, const char* prefix) {
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

std::vector<double> sorted(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values;
}

}  // namespace

void fail_system(const std::string& subject, int os_code) {
    const char* code = "E_INVAL";
    if (os_code == ENOSPC || os_code == EDQUOT || os_code == EFBIG) code = "E_NOSPC";
    if (os_code == ENOMEM) code = "E_NOMEM";
    if (os_code == EIO) code = "E_IO";
    throw Failure(code, subject + ": " + std::strerror(os_code));
}

std::uint64_t now_ns() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
           static_cast<std::uint64_t>(now.tv_nsec);
}

std::uint64_t cpu_ns() {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const auto of = [](const timeval& time) {
        return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000u +
               static_cast<std::uint64_t>(time.tv_usec) * 1'000u;
    };
    return of(usage.ru_utime) + of(usage.ru_stime);
}

double Samples::at(double quantile) const {
    const std::vector<double> values = sorted(values_);
    const auto last = static_cast<double>(values.size() - 1);
    return values[static_cast<std::size_t>(quantile * last + 0.5)];
}

Interval Samples::interval() const {
    const std::vector<double> values = sorted(values_);
    const std::size_t n = values.size();
    // P(fewer than k heads in n throws), one k after the other.
    double probability = 1;
    for (std::size_t i = 0; i < n; ++i) probability /= 2;
    double below = probability;
    std::size_t k = 0;
    while (below <= 0.025 && k < n / 2) {
        ++k;
        probability *= static_cast<double>(n - k + 1) / static_cast<double>(k);
        below += probability;
    }
    if (k == 0) return {values.front(), values.back()};
    return {values[k - 1], values[n - k]};
}

void print_machine() {
    double load[3] = {};
    if (getloadavg(load, 3) < 1) load[0] = -1;
    std::printf("machine: %s, kernel %s, load average %.2f\n",
                first_line_of("/proc/cpuinfo", "model name").c_str(),
                first_line_of("/proc/sys/kernel/osrelease", "").c_str(), load[0]);
}

void print_row(const char* name, const Samples& samples, const char* unit, const Samples* ratios) {
    std::printf("  %-44s %9.1f (%.1f to %.1f) %s", name, samples.median(), samples.at(0),
                samples.at(1), unit);
    if (ratios != nullptr) {
        const Interval interval = ratios->interval();
        std::printf("   x %.2f (%.2f to %.2f)", ratios->median(), interval.low, interval.high);
    }
    std::printf("\n");
    std::fflush(stdout);
}

void print_goal(const std::string& what, Bar bar, double value, const Samples& figures) {
    const bool least = bar == Bar::kAtLeast;
    const auto meets = [&](double figure) { return least ? figure >= value : figure <= value; };
    const Interval interval = figures.interval();
    const char* verdict = "missed";
    if (meets(figures.median())) {
        verdict = "met";
    } else if (meets(least ? interval.high : interval.low)) {
        verdict = "reached";
    }
    std::printf("goal | %s | %s %g | %.3g | %.3g to %.3g | %s\n", what.c_str(),
                least ? ">=" : "<=", value, figures.median(), interval.low, interval.high, verdict);
    std::fflush(stdout);
}

void print_void(const std::string& why) {
    std::printf("void | %s\n", why.c_str());
    std::fflush(stdout);
}

}  // namespace bwrt::bench
