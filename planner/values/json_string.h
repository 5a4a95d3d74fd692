// SPDX-License-Identifier: Apache-2.0
//
// json_string.h — what a string of a JSON text says, byte by byte and without a copy.
//
// A string's raw text is between its quotes, with escapes; two raw texts may say the same ("a" and
// "\u0061"), so keys are compared by what they say.  All but the first two functions take raw text
// that was scanned (json_scan.h): its escapes are whole and its surrogates come in pairs.

#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string_view>

namespace bwrt::planner {

// The length of the UTF-8 character that the text begins with; 0 when it is none, or U+0000.
[[nodiscard]] std::uint32_t utf8_length(std::string_view text) noexcept;

// Whether a string can stand in JSON and in C: UTF-8 without U+0000.
[[nodiscard]] bool is_text(std::string_view text) noexcept;

// Whether the text begins with four hexadecimal digits, and their value.
[[nodiscard]] bool has_hex4(std::string_view text) noexcept;
[[nodiscard]] std::uint32_t hex4(std::string_view text) noexcept;

[[nodiscard]] constexpr bool is_high_surrogate(std::uint32_t unit) noexcept {
    return unit >= 0xD800 && unit < 0xDC00;
}
[[nodiscard]] constexpr bool is_low_surrogate(std::uint32_t unit) noexcept {
    return unit >= 0xDC00 && unit < 0xE000;
}

class StringBytes {
 public:
    // With its quotes.
    explicit StringBytes(std::string_view raw) noexcept : rest_(raw.substr(1, raw.size() - 2)) {}

    // False at the end.
    bool next(char& byte_out) noexcept;

 private:
    void unescape() noexcept;
    void encode(std::uint32_t code) noexcept;

    std::string_view rest_;
    std::array<char, 4> pending_{};  // of an escape
    std::uint32_t pending_at_ = 0;
    std::uint32_t pending_count_ = 0;
};

// By what they say, with their quotes.
[[nodiscard]] std::strong_ordering compare_strings(std::string_view left,
                                                   std::string_view right) noexcept;

}  // namespace bwrt::planner
