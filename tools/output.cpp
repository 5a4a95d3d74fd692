// SPDX-License-Identifier: Apache-2.0
//
// output.cpp — see output.h.

#include "tools/output.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>

namespace bwrt::tools {
namespace {

constexpr double kRedrawSeconds = 0.1;
constexpr int kBarColumns = 30;

// What a failed system call is in the library's words, so that a program sees one set of codes.
const char* code_of(int os_code) {
    switch (os_code) {
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
            return "E_NOSPC";
        case ENOMEM:
            return "E_NOMEM";
        case EIO:
            return "E_IO";
        default:
            return "E_INVAL";
    }
}

bool is_continued(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

void must(bwrt_status status, const bwrt_error& error) {
    if (status != BWRT_OK) throw Failure(bwrt_status_name(status), error.message);
}

void fail_system(const std::string& subject, int os_code) {
    throw Failure(code_of(os_code), subject + ": " + std::strerror(os_code));
}

void JsonObject::print() const {
    const std::unique_ptr<char, void (*)(void*)> text(cJSON_Print(object_.get()), cJSON_free);
    std::printf("%s\n", text == nullptr ? "{}" : text.get());
}

std::string JsonObject::line() const {
    const std::unique_ptr<char, void (*)(void*)> text(cJSON_PrintUnformatted(object_.get()),
                                                      cJSON_free);
    return text == nullptr ? "{}" : text.get();
}

void print_failure(const Failure& failure, bool json) {
    std::fprintf(stderr, "bwrt: %s\n", failure.what());
    if (!json) return;
    JsonObject inner;
    inner.add("code", failure.code());
    inner.add("sentence", failure.what());
    JsonObject outer;
    outer.add("error", std::move(inner));
    outer.print();
}

std::string format_bytes(std::uint64_t bytes) {
    constexpr std::array<const char*, 5> kUnits{"bytes", "KiB", "MiB", "GiB", "TiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < kUnits.size()) {
        value /= 1024;
        unit++;
    }
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.2f %s", value, kUnits[unit]);
    return text.data();
}

std::string counted(std::uint64_t count, const std::string& what) {
    return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::size_t columns_of(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return !is_continued(c); }));
}

// The control characters of Unicode are those below a blank, 0x7F, and C2 80 to C2 9F in UTF-8.
std::string shown_name(std::string_view name, std::size_t columns_max) {
    std::string shown;
    std::size_t columns = 0;
    for (std::size_t i = 0; i < name.size(); ++i) {
        if (!is_continued(name[i]) && columns++ == columns_max) {
            shown += "..";
            break;
        }
        const auto byte = static_cast<unsigned char>(name[i]);
        const bool is_c1 =
            byte == 0xC2 && i + 1 < name.size() && static_cast<unsigned char>(name[i + 1]) < 0xA0;
        const bool is_control = byte < 0x20 || byte == 0x7F || is_c1;
        shown += is_control ? '?' : name[i];
        if (is_c1) ++i;
    }
    return shown;
}

// What is longer than need be, a half of a pair, or beyond the last character, is none.
std::size_t character_bytes(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t count = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() < count) return 0;
    for (std::size_t i = 1; i < count; ++i) {
        if ((byte(i) & 0xC0) != 0x80) return 0;
    }
    const bool is_wrong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) >= 0xA0) ||
                          (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) >= 0x90);
    return is_wrong ? 0 : count;
}

std::string in_utf8(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t count = character_bytes(text);
        out += count == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, count);
        text.remove_prefix(std::max<std::size_t>(count, 1));
    }
    return out;
}

double seconds_now() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
}

ProgressBar::ProgressBar(std::string title, std::uint64_t total_bytes)
    : title_(std::move(title)),
      total_bytes_(total_bytes),
      start_(seconds_now()),
      terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
    if (terminal_) std::fputs("\r\x1b[K", stderr);
}

void ProgressBar::advance(std::uint64_t bytes) {
    done_bytes_ += bytes;
    if (!terminal_) return;
    const double now = seconds_now();
    if (now - drawn_ < kRedrawSeconds) return;
    drawn_ = now;
    draw(now);
}

void ProgressBar::draw(double now) const {
    const double share = static_cast<double>(done_bytes_) /
                         static_cast<double>(std::max<std::uint64_t>(total_bytes_, 1));
    const double elapsed = std::max(now - start_, 1e-3);
    const double rate = static_cast<double>(done_bytes_) / elapsed;
    const double left = rate > 0 ? static_cast<double>(total_bytes_ - done_bytes_) / rate : 0;
    const auto filled = static_cast<int>(share * kBarColumns);
    std::array<char, kBarColumns + 1> bar{};
    std::fill_n(bar.begin(), kBarColumns, '.');
    std::fill_n(bar.begin(), std::min(filled, kBarColumns), '#');
    std::fprintf(stderr, "\r%s [%s] %3.0f %%  %.2f GB/s  %.0f s left\x1b[K", title_.c_str(),
                 bar.data(), 100 * share, 1e-9 * rate, left);
}

}  // namespace bwrt::tools
