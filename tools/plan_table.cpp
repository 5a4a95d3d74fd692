// SPDX-License-Identifier: Apache-2.0
//
// plan_table.cpp — see plan_table.h.

#include "tools/plan_table.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace bwrt::tools {
namespace {

constexpr std::size_t kNameColumnsMax = 40;

bool is_continued(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

std::size_t columns_of(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return !is_continued(c); }));
}

std::string padded(const std::string& text, std::size_t width, TextTable::Side side) {
    const std::string blanks(width - std::min(width, columns_of(text)), ' ');
    return side == TextTable::Side::kRight ? blanks + text : text + blanks;
}

}  // namespace

TextTable::TextTable(std::initializer_list<Column> columns, std::uint64_t line_limit)
    : columns_(columns), line_limit_(line_limit) {}

void TextTable::add(std::vector<std::string> cells) { lines_.push_back(std::move(cells)); }

void TextTable::print() const {
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        std::size_t width = columns_of(columns_[i].title);
        for (const auto& line : lines_) width = std::max(width, columns_of(line[i]));
        widths.push_back(width);
    }
    const auto print_line = [&](const auto& cell_of) {
        std::string line;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (i > 0) line += "  ";
            line += padded(cell_of(i), widths[i], columns_[i].side);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        std::printf("%s\n", line.c_str());
    };
    std::printf("\n");
    print_line([&](std::size_t i) { return std::string(columns_[i].title); });
    for (const auto& line : lines_) print_line([&](std::size_t i) { return line[i]; });
    if (skipped_count_ > 0) std::printf("and %s more\n", text_of(skipped_count_).c_str());
}

// The control characters of Unicode are those below a blank, 0x7F, and C2 80 to C2 9F in UTF-8.
std::string shown_name(std::string_view name) {
    std::string shown;
    std::size_t columns = 0;
    for (std::size_t i = 0; i < name.size(); ++i) {
        if (!is_continued(name[i]) && columns++ == kNameColumnsMax) {
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

std::string text_of(std::uint64_t value) { return std::to_string(value); }

std::string text_of(const char* format, double value) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), format, value);
    return text.data();
}

}  // namespace bwrt::tools
