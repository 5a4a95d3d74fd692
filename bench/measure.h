// SPDX-License-Identifier: Apache-2.0
//
// measure.h — what every benchmark here needs: clocks, medians with an interval, an honest first
// line about the machine, and a form for goals.
//
// The interval is that of the median by ranks: of n sorted samples, [x(k), x(n + 1 - k)] with the
// largest k for which a fair coin shows fewer than k heads in n throws with at most 2.5 %.  It
// holds the true median with 95 % or more whatever the distribution is; for 15 samples it is the
// 4th to the 12th.  Fewer than 6 samples have no such interval: it is then the whole range.
//
// A goal is printed as one line that bench/run gathers into its table:
//
//   goal | what | >= 0.97 | 0.99 | 0.96 to 1.02 | met

#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace bwrt::bench {

// Why a benchmark has no result.
class Failure : public std::runtime_error {
 public:
    Failure(std::string code, const std::string& sentence)
        : std::runtime_error(sentence), code_(std::move(code)) {}
    [[nodiscard]] const std::string& code() const { return code_; }

 private:
    std::string code_;  // "E_IO"; "interrupted"
};

// Throws `subject: strerror(os_code)`.
[[noreturn]] void fail_system(const std::string& subject, int os_code);

[[nodiscard]] std::uint64_t now_ns();

// User and system time of the whole process, all its threads, io workers included.
[[nodiscard]] std::uint64_t cpu_ns();

struct Interval {
    double low;
    double high;
};

// A quantile is the sample at that rank.
class Samples {
 public:
    void add(double value) { values_.push_back(value); }
    [[nodiscard]] double at(double quantile) const;
    [[nodiscard]] double median() const { return at(0.5); }
    [[nodiscard]] Interval interval() const;  // see above
    [[nodiscard]] std::size_t count() const { return values_.size(); }

 private:
    std::vector<double> values_;
};

void print_machine();

// "name   median (min to max)  unit   x ratio to reference (its interval)"
void print_row(const char* name, const Samples& samples, const char* unit,
               const Samples* ratios = nullptr);

enum class Bar { kAtLeast, kAtMost };

// Met when the median is, "reached" when only the interval's better end is, else missed.
void print_goal(const std::string& what, Bar bar, double value, const Samples& figures);

// The run says little in absolute figures: a reference is slower than it should be.
void print_void(const std::string& why);

}  // namespace bwrt::bench
