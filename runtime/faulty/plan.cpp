// SPDX-License-Identifier: Apache-2.0
//
// plan.cpp — the reader of BWRT_FAULTS.  An item is cut into words at spaces; the first is the
// rule, cut at ':' and at '@' or '%'; the others are conditions.  Each piece is read whole or
// refused whole, by the function that reads it.

#include "runtime/faulty/plan.h"

#include <strings.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string_view>

namespace bwrt::runtime {
namespace {

constexpr std::uint32_t kAllBits = kReadBit | kWriteBit | kFlushBit;
constexpr std::uint64_t kTimeNsMax = 86'400'000'000'000;  // a day
constexpr std::size_t kQuoteBytesMax = 34;                // two and a sentence fit bwrt_error
constexpr int kErrnoMax = 4095;                           // the kernel's
constexpr const char* kSpaces = " \t\r\n";

enum class Time : std::uint8_t { kNone, kOptional, kNeeded };

struct FaultWord {
    const char* word;
    FaultKind fault;
    std::uint32_t kinds;
    Time time;
};
constexpr FaultWord kFaultWords[] = {
    {"short", FaultKind::kShort, kReadBit | kWriteBit, Time::kNone},
    {"flip", FaultKind::kFlip, kReadBit, Time::kNone},
    {"torn", FaultKind::kTorn, kWriteBit, Time::kNone},
    {"lost", FaultKind::kLost, kAllBits, Time::kNone},
    {"delay", FaultKind::kDelay, kAllBits, Time::kNeeded},
    {"hang", FaultKind::kHang, kAllBits, Time::kOptional},
    {"reorder", FaultKind::kReorder, kAllBits, Time::kNone},
};

struct KindWord {
    const char* word;
    std::uint32_t kinds;
};
constexpr KindWord kKindWords[] = {
    {"read", kReadBit}, {"write", kWriteBit}, {"flush", kFlushBit}, {"any", kAllBits}};

std::string quote(std::string_view text) {
    if (text.size() <= kQuoteBytesMax) return '"' + std::string(text) + '"';
    return '"' + std::string(text.substr(0, kQuoteBytesMax - 3)) + "...\"";
}

std::string_view trim(std::string_view text) {
    const std::size_t first = text.find_first_not_of(kSpaces);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

// Up to the separator, which is taken off the text, too.
std::string_view take_until(std::string_view* text, const char* separators) {
    const std::size_t end = std::min(text->find_first_of(separators), text->size());
    const std::string_view piece = text->substr(0, end);
    *text = text->substr(std::min(end + 1, text->size()));
    return piece;
}

bool read_number(std::string_view text, std::uint64_t* number_out) {
    constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t number = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return false;
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (number > (kMax - digit) / 10) return false;
        number = number * 10 + digit;
    }
    *number_out = number;
    return !text.empty();
}

bool read_time(std::string_view text, std::uint64_t* time_ns_out) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const std::string_view unit = text.substr(digits);
    std::uint64_t unit_ns = 0;
    if (unit == "ns") unit_ns = 1;
    if (unit == "us") unit_ns = 1'000;
    if (unit == "ms") unit_ns = 1'000'000;
    if (unit == "s") unit_ns = 1'000'000'000;
    std::uint64_t number = 0;
    if (unit_ns == 0 || !read_number(text.substr(0, digits), &number)) return false;
    if (number == 0 || number > kTimeNsMax / unit_ns) return false;
    *time_ns_out = number * unit_ns;
    return true;
}

// "0.1" percent is 1,000,000 of a thousand million; seven decimals are the last that count.
bool read_percent(std::string_view text, std::uint32_t* chance_ppb_out) {
    constexpr std::size_t kDecimals = 7;
    const std::size_t point = text.find('.');
    std::string digits(text.substr(0, point));
    std::string_view decimals;
    if (point != std::string_view::npos) {
        decimals = text.substr(point + 1);
        if (decimals.empty()) return false;
    }
    if (digits.empty() || decimals.size() > kDecimals) return false;
    digits.append(decimals).append(kDecimals - decimals.size(), '0');
    std::uint64_t chance = 0;
    if (!read_number(digits, &chance) || chance == 0 || chance > kChanceAlways) return false;
    *chance_ppb_out = static_cast<std::uint32_t>(chance);
    return true;
}

// `text` begins with '@' or '%'.
bool read_selector(std::string_view text, FaultRule* rule) {
    const std::string_view value = text.substr(1);
    if (text[0] == '%') return read_percent(value, &rule->chance_ppb);
    const std::size_t dots = value.find("..");
    if (dots != std::string_view::npos) {
        return read_number(value.substr(0, dots), &rule->first) &&
               read_number(value.substr(dots + 2), &rule->last) && rule->first != 0 &&
               rule->first <= rule->last;
    }
    if (!value.empty() && value.back() == '+') {
        return read_number(value.substr(0, value.size() - 1), &rule->first) && rule->first != 0;
    }
    if (!read_number(value, &rule->first) || rule->first == 0) return false;
    rule->last = rule->first;
    return true;
}

// 0 when no errno has the name, whatever its case.
int errno_of(std::string_view name) {
    const std::string text(name);
    for (int code = 1; code <= kErrnoMax; ++code) {
        const char* const known = strerrorname_np(code);
        if (known != nullptr && strcasecmp(known, text.c_str()) == 0) return code;
    }
    return 0;
}

class Reader {
 public:
    explicit Reader(std::string* reason) : reason_(*reason) {}

    bool read(std::string_view text, FaultPlan* plan) {
        while (!text.empty()) {
            item_ = trim(take_until(&text, ";"));
            if (!item_.empty() && !read_item(plan)) return false;
        }
        return true;
    }

 private:
    // The item, then what is wrong with it.
    bool refuse(const std::string& sentence) {
        reason_ = quote(item_) + sentence;
        return false;
    }

    bool read_item(FaultPlan* plan) {
        if (item_.substr(0, 5) == "seed=") {
            if (!read_number(item_.substr(5), &plan->seed)) {
                return refuse(": a seed is a number below 2^64");
            }
            if (has_seed_) return refuse(": there is a seed already");
            has_seed_ = true;
            return true;
        }
        if (plan->rules.size() == kFaultRuleCountMax) {
            return refuse(": there are " + std::to_string(kFaultRuleCountMax) +
                          " rules already, which is all that fit");
        }
        FaultRule rule;
        rule.text = std::string(item_);
        std::string_view conditions = item_;
        if (!read_rule(take_until(&conditions, kSpaces), &rule)) return false;
        while (!(conditions = trim(conditions)).empty()) {
            if (!read_condition(take_until(&conditions, kSpaces), &rule)) return false;
        }
        plan->rules.push_back(std::move(rule));
        return true;
    }

    bool read_rule(std::string_view word, FaultRule* rule) {
        if (word.find(':') == std::string_view::npos) {
            return refuse(
                " is neither seed=N nor a rule, KIND:FAULT with @N, @N..M, @N+ or %P and then "
                "file=TEXT, at=BYTE");
        }
        const std::string_view kind = take_until(&word, ":");
        const std::size_t mark = std::min(word.find_first_of("@%"), word.size());
        const std::string_view selector = word.substr(mark);
        if (!read_fault(kind, word.substr(0, mark), rule)) return false;
        if (!selector.empty() && !read_selector(selector, rule)) {
            return refuse(": no selector " + quote(selector) +
                          "; there are @N, @N..M, @N+, N from 1 on, and %P, P above 0 and up to "
                          "100");
        }
        return true;
    }

    bool read_fault(std::string_view kind, std::string_view fault, FaultRule* rule) {
        const bool starts = kind == "start";
        const auto* const known =
            std::find_if(std::begin(kKindWords), std::end(kKindWords),
                         [&](const KindWord& entry) { return kind == entry.word; });
        if (!starts && known == std::end(kKindWords)) {
            return refuse(": no kind " + quote(kind) +
                          "; there are read, write, flush, any and start");
        }
        if (starts != (fault == "full")) return refuse(": full happens to start, and nothing else");
        rule->kinds = starts ? kAllBits : known->kinds;
        if (starts) {
            rule->fault = FaultKind::kFull;
            return true;
        }
        rule->os_code = errno_of(fault);
        return rule->os_code != 0 || read_named_fault(fault, rule);
    }

    bool read_named_fault(std::string_view fault, FaultRule* rule) {
        std::string_view time = fault;
        const std::string_view name = take_until(&time, "=");
        const bool has_time = name.size() != fault.size();
        for (const FaultWord& entry : kFaultWords) {
            if (name != entry.word) continue;
            if (has_time && entry.time == Time::kNone)
                return refuse(": " + quote(name) + " takes no time");
            if ((has_time || entry.time == Time::kNeeded) && !read_time(time, &rule->time_ns)) {
                return refuse(": no time " + quote(time) +
                              "; write a number and ns, us, ms or s, from 1ns to a day");
            }
            rule->fault = entry.fault;
            rule->kinds &= entry.kinds;
            if (rule->kinds == 0) return refuse(": " + quote(name) + " cannot happen to that kind");
            return true;
        }
        return refuse(": no fault " + quote(fault) +
                      "; there are errno names (eio), short, flip, torn, lost, reorder, "
                      "delay=TIME, hang, hang=TIME, and start:full");
    }

    bool read_condition(std::string_view word, FaultRule* rule) {
        std::string_view value = word;
        const std::string_view name = take_until(&value, "=");
        if (name == "file" && !value.empty() && rule->file.empty()) {
            rule->file = std::string(value);
            return true;
        }
        if (name == "at" && !rule->at_byte && read_number(value, &rule->at_offset_bytes)) {
            rule->at_byte = true;
            rule->kinds &= ~kFlushBit;
            return rule->kinds != 0 || refuse(": a flush has no bytes");
        }
        return refuse(
            ": no condition " + quote(word) +
            "; there are file=TEXT, a part of the path, and at=BYTE, a number, each once");
    }

    std::string& reason_;
    std::string_view item_;
    bool has_seed_ = false;
};

// Steele, Lea and Flood's mixer, as in SplittableRandom: every bit of the sum matters.
std::uint64_t mix(std::uint64_t z) {
    z += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

}  // namespace

bool parse_fault_plan(const char* text, FaultPlan* plan_out, std::string* reason_out) {
    FaultPlan plan;
    if (!Reader(reason_out).read(text, &plan)) return false;
    *plan_out = std::move(plan);
    return true;
}

std::string describe(const FaultPlan& plan) {
    if (plan.rules.empty()) return "no rules";
    std::string text = "seed " + std::to_string(plan.seed);
    for (const FaultRule& rule : plan.rules) {
        text += &rule == &plan.rules.front() ? ", " : "; ";
        text += rule.text;
    }
    return text;
}

std::uint64_t fault_draw(const FaultPlan& plan, std::size_t rule_index, std::uint64_t number,
                         std::uint64_t salt) noexcept {
    return mix(mix(mix(mix(plan.seed) + rule_index) + number) + salt);
}

bool chooses(const FaultPlan& plan, std::size_t rule_index, std::uint64_t number) noexcept {
    const FaultRule& rule = plan.rules[rule_index];
    if (number < rule.first || number > rule.last) return false;
    const std::uint64_t draw = fault_draw(plan, rule_index, number, 0) >> 32;
    return (draw * kChanceAlways) >> 32 < rule.chance_ppb;
}

}  // namespace bwrt::runtime
