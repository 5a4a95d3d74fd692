// SPDX-License-Identifier: Apache-2.0

#include "planner/values/json_print.h"

#include "planner/values/json_read.h"
#include "planner/values/json_string.h"

namespace bwrt::planner {

void JsonPrinter::open(char bracket) {
    out_ += bracket;
    ++depth_;
    is_empty_ = true;
}

void JsonPrinter::next() {
    out_ += is_empty_ ? "\n" : ",\n";
    out_.append(std::size_t{2} * depth_, ' ');
    is_empty_ = false;
}

void JsonPrinter::close(char bracket) {
    --depth_;
    if (!is_empty_) {
        out_ += '\n';
        out_.append(std::size_t{2} * depth_, ' ');
    }
    out_ += bracket;
    is_empty_ = false;
}

void JsonPrinter::print_key(const char* name) {
    out_ += '"';
    out_ += name;
    out_ += "\": ";
}

// What is not UTF-8 cannot be said: a byte of it becomes U+FFFD, and check() of the plan names it.
void JsonPrinter::print(const std::string& text) {
    constexpr std::string_view kShort = "\b\f\n\r\t\"\\", kNames = "bfnrt\"\\";
    out_ += '"';
    for (std::string_view rest = text; !rest.empty();) {
        const std::uint32_t length = utf8_length(rest);
        const std::size_t named = kShort.find(rest[0]);
        if (length == 0) {
            out_ += "\xEF\xBF\xBD";
        } else if (named != std::string_view::npos) {
            out_ += '\\';
            out_ += kNames[named];
        } else if (static_cast<unsigned char>(rest[0]) < 0x20) {
            constexpr const char* kHex = "0123456789abcdef";
            out_ += "\\u00";
            out_ += kHex[rest[0] >> 4];
            out_ += kHex[rest[0] & 15];
        } else {
            out_.append(rest.substr(0, length));
        }
        rest.remove_prefix(length == 0 ? 1 : length);
    }
    out_ += '"';
}

void JsonPrinter::print(std::uint64_t value) {
    const bool is_quoted = value > JsonReader::kBareMax;
    if (is_quoted) out_ += '"';
    out_ += std::to_string(value);
    if (is_quoted) out_ += '"';
}

void JsonPrinter::print(std::int64_t value) {
    const std::uint64_t magnitude =
        value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
    const bool is_quoted = magnitude > JsonReader::kBareMax;
    if (is_quoted) out_ += '"';
    out_ += std::to_string(value);
    if (is_quoted) out_ += '"';
}

void JsonPrinter::print_enum(std::uint32_t value, const EnumName* names) {
    for (; names->name != nullptr; ++names) {
        if (names->number != value) continue;
        out_ += '"';
        out_ += names->name;
        out_ += '"';
        return;
    }
    print(std::uint64_t{value});  // nobody's: it is refused when it is read
}

}  // namespace bwrt::planner
