// SPDX-License-Identifier: Apache-2.0

#include "planner/values/json_string.h"

#include <algorithm>
#include <cstddef>

namespace bwrt::planner {
namespace {

using Byte = unsigned char;

// -1 when it is none.
int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

std::uint32_t utf8_length(std::string_view text) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<Byte>(text[i]); };
    if (text.empty() || byte(0) == 0) return 0;
    if (byte(0) < 0x80) return 1;
    const std::uint32_t length = byte(0) < 0xC2   ? 0  // a tail, or two bytes for one
                                 : byte(0) < 0xE0 ? 2
                                 : byte(0) < 0xF0 ? 3
                                 : byte(0) < 0xF5 ? 4
                                                  : 0;
    if (length == 0 || text.size() < length) return 0;
    for (std::uint32_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0) != 0x80) return 0;
    }
    if (byte(0) == 0xE0 && byte(1) < 0xA0) return 0;  // two bytes would do
    if (byte(0) == 0xED && byte(1) > 0x9F) return 0;  // a surrogate
    if (byte(0) == 0xF0 && byte(1) < 0x90) return 0;  // three bytes would do
    if (byte(0) == 0xF4 && byte(1) > 0x8F) return 0;  // above U+10FFFF
    return length;
}

bool is_text(std::string_view text) noexcept {
    while (!text.empty()) {
        const std::uint32_t length = utf8_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

bool has_hex4(std::string_view text) noexcept {
    const std::string_view digits = text.substr(0, 4);
    return digits.size() == 4 &&
           std::all_of(digits.begin(), digits.end(), [](char c) { return hex_digit(c) >= 0; });
}

std::uint32_t hex4(std::string_view text) noexcept {
    std::uint32_t value = 0;
    for (const char c : text.substr(0, 4)) {
        value = value << 4 | static_cast<std::uint32_t>(hex_digit(c));
    }
    return value;
}

bool StringBytes::next(char& byte_out) noexcept {
    if (pending_at_ == pending_count_) {
        if (rest_.empty()) return false;
        if (rest_[0] != '\\') {
            byte_out = rest_[0];
            rest_.remove_prefix(1);
            return true;
        }
        unescape();
    }
    byte_out = pending_[pending_at_++];
    return true;
}

void StringBytes::unescape() noexcept {
    const char kind = rest_[1];
    pending_at_ = 0;
    pending_count_ = 1;
    if (kind != 'u') {
        constexpr std::string_view kFrom = "bfnrt", kTo = "\b\f\n\r\t";
        const std::size_t at = kFrom.find(kind);
        pending_[0] = at == std::string_view::npos ? kind : kTo[at];
        rest_.remove_prefix(2);
        return;
    }
    std::uint32_t code = hex4(rest_.substr(2));
    rest_.remove_prefix(6);
    if (is_high_surrogate(code)) {
        code = 0x10000 + ((code - 0xD800) << 10) + (hex4(rest_.substr(2)) - 0xDC00);
        rest_.remove_prefix(6);
    }
    encode(code);
}

// As UTF-8.
void StringBytes::encode(std::uint32_t code) noexcept {
    if (code < 0x80) {
        pending_[0] = static_cast<char>(code);
        return;
    }
    pending_count_ = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (std::uint32_t i = pending_count_ - 1; i > 0; --i, code >>= 6) {
        pending_[i] = static_cast<char>(0x80 | (code & 0x3F));
    }
    constexpr std::uint32_t kLead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    pending_[0] = static_cast<char>(kLead[pending_count_] | code);
}

std::strong_ordering compare_strings(std::string_view left, std::string_view right) noexcept {
    StringBytes a(left), b(right);
    for (char x = 0, y = 0;;) {
        const bool has_x = a.next(x), has_y = b.next(y);
        if (!has_x || !has_y) return has_x <=> has_y;
        if (x != y) return static_cast<Byte>(x) <=> static_cast<Byte>(y);
    }
}

}  // namespace bwrt::planner
