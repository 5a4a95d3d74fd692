// SPDX-License-Identifier: Apache-2.0

#include "tests/device/fake_driver/plan.h"

#include <charconv>
#include <string_view>

namespace fake_cuda {
namespace {

// Takes a number off the front of the text.
bool take_number(std::string_view* text, std::uint64_t* value_out) {
    const auto [end, error] =
        std::from_chars(text->data(), text->data() + text->size(), *value_out);
    if (error != std::errc()) return false;
    text->remove_prefix(static_cast<std::size_t>(end - text->data()));
    return true;
}

bool take(std::string_view* text, std::string_view what) {
    if (text->substr(0, what.size()) != what) return false;
    text->remove_prefix(what.size());
    return true;
}

// All of the text is a number and its unit.
bool is_number(std::string_view text, std::string_view unit, std::uint64_t* value_out) {
    return take_number(&text, value_out) && text == unit;
}

bool parse_version(std::string_view text, int* version_out) {
    std::uint64_t major = 0;
    std::uint64_t minor = 0;
    if (!take_number(&text, &major) || !take(&text, ".") || !is_number(text, "", &minor)) {
        return false;
    }
    *version_out = static_cast<int>(1000 * major + 10 * minor);
    return true;
}

bool parse_setting(std::string_view item, Plan* plan) {
    std::uint64_t value = 0;
    if (item == "stub") return plan->is_stub = true;
    if (item == "spoil") return plan->spoils_sources = true;
    if (take(&item, "version=")) return parse_version(item, &plan->version);
    if (take(&item, "seed=")) return is_number(item, "", &plan->seed);
    if (take(&item, "delay=")) return is_number(item, "us", &plan->delay_us);
    if (take(&item, "devices=")) {
        plan->device_count =
            is_number(item, "", &value) && value <= 8 ? static_cast<int>(value) : -1;
        return plan->device_count >= 0;
    }
    if (!take(&item, "memory=") || !is_number(item, "m", &value)) return false;
    plan->memory_bytes = value << 20;
    return true;
}

bool parse_calls(std::string_view text, Fault* fault) {
    if (text == "*") return true;
    if (!take_number(&text, &fault->first)) return false;
    if (text.empty()) fault->last = fault->first;
    return text.empty() || text == "+";
}

bool parse_fault(std::string_view item, Plan* plan) {
    const std::size_t name_end = item.find(':');
    if (name_end == 0 || name_end == item.npos || item.substr(0, 2) != "cu") return false;
    Fault fault;
    fault.name = item.substr(0, name_end);
    item.remove_prefix(name_end + 1);
    if (item == "missing") return plan->missing.insert(fault.name).second;
    const std::size_t calls_end = item.find(':');
    if (calls_end == item.npos || !parse_calls(item.substr(0, calls_end), &fault)) return false;
    item.remove_prefix(calls_end + 1);
    std::uint64_t code = 0;
    if (take(&item, "slow=")) {
        if (!is_number(item, "us", &fault.slow_us)) return false;
    } else if (!is_number(item, "", &code) || code == 0 || code > 999) {
        return false;
    }
    fault.code = static_cast<int>(code);
    plan->faults.push_back(fault);
    return true;
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

}  // namespace

std::string parse_plan(const char* text, Plan* plan_out) {
    Plan plan;
    std::string_view rest = text;
    while (!rest.empty()) {
        const std::size_t end = rest.find(';');
        const std::string_view item = trim(rest.substr(0, end));
        rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
        if (item.empty() || parse_setting(item, &plan) || parse_fault(item, &plan)) continue;
        return "\"" + std::string(item) + "\" is no item of a plan (fake_cuda.h)";
    }
    *plan_out = plan;
    return "";
}

}  // namespace fake_cuda
